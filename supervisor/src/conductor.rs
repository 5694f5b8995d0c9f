//! The conductor: empties the guards' rings, lets the session answer, and puts its directives into the rings.
//!
//! It runs in the session thread of the service, and as it is in the simulated world. It is the one reader of the guards'
//! rings; whoever else wants records gets them from here, in the order in which they came.

use beam_core::fault::{Fault, FaultSet};
use beam_core::machine::Machine;
use beam_core::record::{Body, Record};
use beam_core::session::{Act, Directive, Happening, Session, SessionNote};
use beam_core::state::Refused;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{Guard, Permit};

use crate::wiring::Line;

/// How often the session turns.
pub const SESSION_PERIOD: Span = Span::from_millis(5);

/// One line of what happened: from a guard, or from the session.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    /// A guard's record.
    Guard(Record),
    /// The session's note.
    Session(Ticks, SessionNote),
    /// A permit that a guard would have sent, had it not only observed: it was on no bus.
    NotSent(NotSent),
}

/// A permit that was not sent, because its guard only observes ([`crate::observe`]).
#[derive(Clone, Copy, Debug)]
pub struct NotSent {
    /// When it would have been sent.
    pub at: Ticks,
    /// By whom.
    pub guard: Guard,
    /// The permit.
    pub permit: Permit,
    /// From the frame that caused it to where it would have been sent; zero where none caused it.
    pub latency: Span,
}

impl Entry {
    /// When it happened.
    #[must_use]
    pub const fn at(&self) -> Ticks {
        match self {
            Self::Guard(record) => record.at,
            Self::Session(at, _) => *at,
            Self::NotSent(permit) => permit.at,
        }
    }
}

/// The session between the rings.
pub struct Conductor {
    session: Session,
    lines: [Line; 4],
    serials: [Option<u32>; 4],
    lost: [u64; 4],
    /// What stands against a beam in the service itself, as the service told.
    service: FaultSet,
}

impl Conductor {
    /// A session of `machine` over these rings.
    #[must_use]
    pub fn new(machine: &Machine, lines: [Line; 4]) -> Self {
        Self { session: Session::new(machine), lines, serials: [None; 4], lost: [0; 4], service: FaultSet::EMPTY }
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Records that each guard's ring lost.
    #[must_use]
    pub const fn lost(&self) -> [u64; 4] {
        self.lost
    }

    /// What stands against a beam in the service: memory, records, real-time rights.
    pub fn set_service_standing(&mut self, faults: FaultSet) {
        self.service = faults;
    }

    /// One turn: everything in the rings, then the passing of time. Every entry goes to `sink`.
    pub fn turn(&mut self, now: Ticks, sink: &mut impl FnMut(&Entry)) {
        for index in 0..self.lines.len() {
            while let Ok(record) = self.lines[index].records.pop() {
                self.count(index, &record);
                sink(&Entry::Guard(record));
                if let Body::Note(note) = record.body {
                    // the session's own timing is by when it hears, not by the guard's stamp
                    let _notes_are_never_refused = self.session.happen(now, &Happening::Note(record.guard, note));
                    self.pass_on(now, sink);
                }
            }
        }
        let lost = self.lost.iter().any(|&lost| lost > 0);
        let standing = if lost { self.service.with(Fault::RingFull) } else { self.service };
        let _standing_is_never_refused = self.session.happen(now, &Happening::Standing(standing));
        let _time_is_never_refused = self.session.happen(now, &Happening::Tick);
        self.pass_on(now, sink);
    }

    /// The operator acts.
    ///
    /// # Errors
    /// [`Refused`] when the act has no place in the session's state.
    pub fn act(&mut self, now: Ticks, act: &Act, sink: &mut impl FnMut(&Entry)) -> Result<(), Refused> {
        let answer = self.session.happen(now, &Happening::Act(*act));
        if matches!(act, Act::Acknowledge { .. }) && answer.is_ok() {
            self.lost = [0; 4];
        }
        self.pass_on(now, sink);
        answer
    }

    /// Arms without a proof; only for judging a recording.
    pub fn arm_unproven(&mut self, delivery: u16, order: beam_core::machine::Order) {
        self.session.arm_unproven(delivery, order);
        self.direct();
    }

    fn count(&mut self, index: usize, record: &Record) {
        let step = self.serials[index].map_or(1, |before| record.serial.wrapping_sub(before));
        self.serials[index] = Some(record.serial);
        self.lost[index] += u64::from(step.saturating_sub(1));
    }

    fn pass_on(&mut self, now: Ticks, sink: &mut impl FnMut(&Entry)) {
        self.direct();
        while let Some(note) = self.session.note() {
            sink(&Entry::Session(now, note));
        }
    }

    fn direct(&mut self) {
        while let Some(Directive { to, command }) = self.session.directive() {
            for guard in Guard::ALL.into_iter().filter(|guard| to & guard.bit() != 0) {
                // A guard that no longer empties its ring no longer renews its permit either: the beam is off.
                let _full_ring = self.lines[guard.index()].commands.push(command);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use beam_core::frame::{Bus, Trouble};
    use beam_core::note::Input;
    use beam_core::record::Stamps;
    use beam_core::state::State;
    use beam_core::units::Span;

    use super::*;
    use crate::config::shipped;
    use crate::hot::NotTaken;
    use crate::wiring::seat_guards;

    /// More records than a ring holds, so that some are lost.
    const FLOOD: u32 = 10_000;

    #[test]
    fn trips_a_full_ring_by_refusing_the_next_arming_until_it_is_acknowledged() {
        let machine = shipped::profile("mobetron").expect("a shipped profile").machine;
        let (mut seats, lines) = seat_guards(&machine);
        let mut conductor = Conductor::new(&machine, lines);
        let mut now = Ticks::from_nanos(1_000_000_000);
        // the guard writes on although nobody reads, and never waits
        let noise = Input::Trouble { bus: Bus::A, trouble: Trouble::ErrorWarning };
        for _ in 0..FLOOD {
            seats[0].turn(now, &noise, Stamps::NONE, &mut |_| Err(NotTaken), &|| now);
        }
        conductor.turn(now, &mut |_| {});
        now = now.after(Span::from_millis(10));
        seats[0].turn(now, &noise, Stamps::NONE, &mut |_| Err(NotTaken), &|| now);
        conductor.turn(now, &mut |_| {});
        assert!(conductor.lost()[0] > 0, "{:?}", conductor.lost());
        assert!(conductor.session().standing(now).contains(Fault::RingFull));
        assert_eq!(conductor.session().state(), State::Inhibited);
    }
}
