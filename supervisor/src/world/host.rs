//! The supervisor's process inside the simulated world: its seats, its conductor, and what of it runs.

use beam_core::machine::Machine;
use beam_core::note::Input;
use beam_core::units::Ticks;
use beam_core::wire::Guard;

use crate::conductor::Conductor;
use crate::hot::Seat;
use crate::wiring::seat_guards;

/// Frames that the kernel keeps for a guard that does not read them.
const RECEIVE_QUEUE: usize = 256;

/// What of the process is no longer alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stopped {
    /// Guards, as a sum of [`Guard::bit`].
    pub guards: u8,
    /// The session.
    pub session: bool,
}

/// One process.
pub(super) struct Host {
    pub seats: [Seat; 4],
    pub conductor: Conductor,
    pub stopped: Stopped,
    pub session_due: Ticks,
    /// Guards that get no processor, as a sum of [`Guard::bit`], and until when.
    stalled: u8,
    stalled_until: [Ticks; 4],
    session_stalled_until: Ticks,
    /// What waits for a stalled guard, and how much of it the kernel had to drop.
    inbox: [(Vec<Input>, u32); 4],
}

impl Host {
    /// A process that was just started.
    pub fn new(machine: &Machine, now: Ticks) -> Self {
        let (seats, lines) = seat_guards(machine);
        Self {
            seats,
            conductor: Conductor::new(machine, lines),
            stopped: Stopped::default(),
            session_due: now,
            stalled: 0,
            stalled_until: [Ticks::ZERO; 4],
            session_stalled_until: Ticks::ZERO,
            inbox: Default::default(),
        }
    }

    /// Whether a guard can run.
    pub const fn runs(&self, guard: Guard) -> bool {
        (self.stopped.guards | self.stalled) & guard.bit() == 0
    }

    /// Whether a guard is alive but gets no processor.
    pub const fn is_stalled(&self, guard: Guard) -> bool {
        self.stalled & guard.bit() != 0 && self.stopped.guards & guard.bit() == 0
    }

    /// The session's next turn; none when it is dead.
    pub fn session_turn(&self) -> Option<Ticks> {
        (!self.stopped.session).then(|| self.session_due.max(self.session_stalled_until))
    }

    pub fn stall_session(&mut self, until: Ticks) {
        self.session_stalled_until = self.session_stalled_until.max(until);
    }

    pub fn stall(&mut self, guard: Guard, until: Ticks) {
        self.stalled |= guard.bit();
        let place = &mut self.stalled_until[guard.index()];
        *place = (*place).max(until);
    }

    /// When the next stalled guard gets its processor back.
    pub fn next_wake(&self) -> Option<(Ticks, Guard)> {
        Guard::ALL
            .into_iter()
            .filter(|guard| self.stalled & guard.bit() != 0)
            .map(|guard| (self.stalled_until[guard.index()], guard))
            .min_by_key(|&(at, guard)| (at, guard.bit()))
    }

    /// A stalled guard gets its processor back: what waited for it, oldest first, and how many frames were dropped.
    pub fn wake(&mut self, guard: Guard) -> (Vec<Input>, u32) {
        self.stalled &= !guard.bit();
        std::mem::take(&mut self.inbox[guard.index()])
    }

    /// Keeps an input for a stalled guard as the kernel's queue does.
    pub fn keep(&mut self, guard: Guard, input: &Input) {
        let (waiting, dropped) = &mut self.inbox[guard.index()];
        // its own deadline is not kept by anybody: it looks at the clock when it runs again
        if matches!(input, Input::Tick) {
            return;
        }
        if waiting.len() < RECEIVE_QUEUE {
            waiting.push(*input);
        } else {
            *dropped += 1;
        }
    }
}
