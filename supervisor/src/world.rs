//! The simulated world in virtual time: the unmodified guards, rings and session against the simulated treatment unit.
//!
//! Nothing here waits: the world jumps from one event to the next. Each bus carries one frame at a time, as long as a frame
//! takes at 1 Mbit/s; every listener gets it at that moment, its sender the echo. Parts can be stopped at any moment, which is how deaths
//! are tried. The same seed gives the same run.

use std::collections::VecDeque;

use beam_core::frame::{Bus, Frame, Origin};
use beam_core::machine::{Machine, Order};
use beam_core::note::Input;
use beam_core::session::Act;
use beam_core::state::Refused;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{self, Guard};
use beam_drivers::sim::{Injection, Truth, Unit, UnitConfig};

use crate::conductor::{Conductor, Entry};
use crate::hot::{NotTaken, Seat};
use crate::wiring::{hears, seat_guards};

/// How long a frame of eight bytes occupies a bus at 1 Mbit/s, stuffed as it usually is.
pub const FRAME_TIME: Span = Span::from_micros(120);

/// How often the session turns.
const SESSION_PERIOD: Span = Span::from_millis(5);

/// Identifiers of the contract, for the table of listeners.
const IDENTIFIERS: [u16; 11] = [
    wire::PERMIT_DOSE1,
    wire::PERMIT_DOSE2,
    wire::PERMIT_TIME,
    wire::PERMIT_INTERLOCK,
    wire::GATE_STATUS,
    wire::MON1_DOSE,
    wire::MON2_DOSE,
    wire::BEAM_CHARGE,
    wire::MON1_STATUS,
    wire::MON2_STATUS,
    wire::LINAC_STATUS,
];

/// Who sent a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sender {
    Unit,
    Guard(Guard),
}

/// A frame under way.
#[derive(Clone, Copy, Debug)]
struct Flight {
    at: Ticks,
    sender: Sender,
    frame: Frame,
}

/// One bus: frames follow one another.
#[derive(Debug, Default)]
struct Wire {
    flights: VecDeque<Flight>,
    free: Ticks,
    cut: bool,
}

impl Wire {
    fn put(&mut self, now: Ticks, sender: Sender, frame: Frame) {
        if self.cut {
            return;
        }
        let at = self.free.max(now).after(FRAME_TIME);
        self.free = at;
        self.flights.push_back(Flight { at, sender, frame });
    }

    fn due(&self) -> Ticks {
        self.flights.front().map_or(Ticks::from_nanos(u64::MAX), |flight| flight.at)
    }
}

/// What of the world is no longer alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stopped {
    /// Guards, as a sum of [`Guard::bit`].
    pub guards: u8,
    /// The session.
    pub session: bool,
}

/// The world.
pub struct World {
    machine: Machine,
    unit: Unit,
    seats: [Seat; 4],
    conductor: Conductor,
    wires: [Wire; 2],
    /// Who hears which identifier on which bus, as sums of [`Guard::bit`].
    listeners: [[u8; IDENTIFIERS.len()]; 2],
    stopped: Stopped,
    session_due: Ticks,
    now: Ticks,
    steps: u64,
    /// Every frame that a bus carried, when asked for.
    heard: Option<Vec<(Ticks, Bus, Frame)>>,
}

impl World {
    /// A world in which everything was just switched on.
    #[must_use]
    pub fn new(machine: &Machine, unit: &UnitConfig, seed: u64, injections: &[(Injection, u32)]) -> Self {
        let (seats, lines) = seat_guards(machine);
        let mut listeners = [[0; IDENTIFIERS.len()]; 2];
        for (bus, row) in [Bus::A, Bus::B].into_iter().zip(&mut listeners) {
            for guard in Guard::ALL {
                for id in hears(guard, bus, machine) {
                    if let Some(place) = place_of(id) {
                        row[place] |= guard.bit();
                    }
                }
            }
        }
        Self {
            machine: *machine,
            unit: Unit::new(unit, seed, injections),
            seats,
            conductor: Conductor::new(machine, lines),
            wires: [Wire::default(), Wire::default()],
            listeners,
            stopped: Stopped::default(),
            session_due: Ticks::ZERO,
            now: Ticks::ZERO,
            steps: 0,
            heard: None,
        }
    }

    /// Keeps every frame that a bus carries from now on.
    pub fn keep_frames(&mut self) {
        self.heard = Some(Vec::new());
    }

    /// The frames kept.
    #[must_use]
    pub fn frames(&self) -> &[(Ticks, Bus, Frame)] {
        self.heard.as_deref().unwrap_or_default()
    }

    /// The present moment.
    #[must_use]
    pub const fn now(&self) -> Ticks {
        self.now
    }

    /// Steps that guards have made.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// What really happened.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.unit.truth()
    }

    /// The conductor.
    #[must_use]
    pub const fn conductor(&self) -> &Conductor {
        &self.conductor
    }

    /// A guard, to be looked at.
    #[must_use]
    pub const fn seat(&self, guard: Guard) -> &Seat {
        &self.seats[guard.index()]
    }

    /// Stops parts of the supervisor for good, as a crash or a hang would.
    pub fn stop(&mut self, stopped: Stopped) {
        self.stopped.guards |= stopped.guards;
        self.stopped.session |= stopped.session;
    }

    /// Pulls a bus: nothing arrives over it any more.
    pub fn cut(&mut self, bus: Bus) {
        let wire = &mut self.wires[index(bus)];
        wire.cut = true;
        wire.flights.clear();
    }

    /// Puts a frame on a bus that neither the unit nor a guard sent.
    pub fn inject(&mut self, bus: Bus, frame: Frame) {
        let now = self.now;
        self.wires[index(bus)].put(now, Sender::Unit, frame);
    }

    /// Gives a guard an input that no bus carried, such as a bus in trouble.
    pub fn disturb(&mut self, guard: Guard, input: &Input) {
        self.turn(guard, input);
    }

    /// The operator acts.
    ///
    /// # Errors
    /// [`Refused`] when the act has no place now.
    pub fn act(&mut self, act: &Act, sink: &mut impl FnMut(&Entry)) -> Result<(), Refused> {
        let answer = self.conductor.act(self.now, act, sink);
        self.pass_commands();
        answer
    }

    /// Arms without a proof, so that a test can begin in the middle.
    pub fn arm_unproven(&mut self, delivery: u16, order: Order) {
        self.conductor.arm_unproven(delivery, order);
        self.pass_commands();
    }

    /// Jumps to the next event and lets it happen.
    pub fn step(&mut self, sink: &mut impl FnMut(&Entry)) {
        let [a, b] = [self.wires[0].due(), self.wires[1].due()];
        let unit = self.unit.next();
        let session = if self.stopped.session { Ticks::from_nanos(u64::MAX) } else { self.session_due };
        let (guard, due) = self.next_guard();
        let now = a.min(b).min(unit).min(session).min(due);
        self.now = now;
        if a == now {
            self.deliver(Bus::A);
        } else if b == now {
            self.deliver(Bus::B);
        } else if unit == now {
            let wires = &mut self.wires;
            self.unit.advance(now, &mut |bus, frame| wires[index(bus)].put(now, Sender::Unit, frame));
        } else if due == now {
            self.turn(guard, &Input::Tick);
        } else {
            self.session_due = now.after(SESSION_PERIOD);
            self.conductor.turn(now, sink);
            self.pass_commands();
        }
    }

    /// Steps until `until` or until `enough` says so; false when the time ran out first.
    pub fn run(&mut self, until: Ticks, sink: &mut impl FnMut(&Entry), mut enough: impl FnMut(&Self) -> bool) -> bool {
        while self.now < until {
            if enough(self) {
                return true;
            }
            self.step(sink);
        }
        enough(self)
    }

    fn next_guard(&self) -> (Guard, Ticks) {
        let mut first = (Guard::Dose1, Ticks::from_nanos(u64::MAX));
        for guard in Guard::ALL {
            let due = self.seats[guard.index()].due();
            if due < first.1 && self.stopped.guards & guard.bit() == 0 {
                first = (guard, due);
            }
        }
        first
    }

    fn deliver(&mut self, bus: Bus) {
        let Some(flight) = self.wires[index(bus)].flights.pop_front() else { return };
        if let Some(heard) = &mut self.heard {
            heard.push((self.now, bus, flight.frame));
        }
        let (now, wires) = (self.now, &mut self.wires);
        if flight.sender != Sender::Unit {
            self.unit
                .receive(now, bus, &flight.frame, &mut |bus, frame| wires[index(bus)].put(now, Sender::Unit, frame));
        }
        let Some(place) = place_of(flight.frame.id) else { return };
        let listening = self.listeners[index(bus)][place];
        for guard in Guard::ALL {
            if listening & guard.bit() != 0 {
                let origin = if flight.sender == Sender::Guard(guard) { Origin::Echo } else { Origin::Wire };
                self.turn(guard, &Input::Frame { bus, origin, frame: flight.frame });
            }
        }
    }

    fn turn(&mut self, guard: Guard, input: &Input) {
        if self.stopped.guards & guard.bit() != 0 {
            return;
        }
        self.steps += 1;
        let (now, wires) = (self.now, &mut self.wires);
        let bus = crate::wiring::permit_bus(guard, &self.machine);
        let mut send = |frame: &Frame| -> Result<(), NotTaken> {
            wires[index(bus)].put(now, Sender::Guard(guard), *frame);
            Ok(())
        };
        self.seats[guard.index()].turn(now, input, 0, &mut send, &|| now);
    }

    fn pass_commands(&mut self) {
        for guard in Guard::ALL {
            if self.stopped.guards & guard.bit() == 0 {
                while let Some(input) = self.seats[guard.index()].command() {
                    self.turn(guard, &input);
                }
            }
        }
    }
}

const fn index(bus: Bus) -> usize {
    match bus {
        Bus::A => 0,
        Bus::B => 1,
    }
}

const fn place_of(id: u16) -> Option<usize> {
    Some(match id {
        0x011..=0x014 => (id - 0x011) as usize,
        0x020 => 4,
        0x101..=0x103 => (id - 0x101) as usize + 5,
        0x111 | 0x112 => (id - 0x111) as usize + 8,
        0x201 => 10,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identifier_has_its_place() {
        for (place, id) in IDENTIFIERS.into_iter().enumerate() {
            assert_eq!(place_of(id), Some(place));
        }
        assert_eq!(place_of(0x7FF), None);
    }
}
