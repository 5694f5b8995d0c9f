//! What befalls the world: each mishap at its moment, what it leaves behind for a while, and its end.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::{Bus, Frame, Trouble};
use beam_core::note::Input;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::Guard;

use super::bus::Sender;
use super::fate::{Babbler, Damage, End};
use super::host::{Host, Stopped};
use super::{World, index};
use crate::mishap::{Complaint, Deed, Part, What};
use crate::wiring::{hears, permit_bus};

impl World {
    /// Everything that is due now.
    #[cold]
    pub(super) fn befall(&mut self) {
        let now = self.now;
        while let Some(what) = self.fate.next(now) {
            self.happen(what);
        }
        while let Some(end) = self.fate.next_end(now) {
            match end {
                // whoever sends looks at the time by itself
                End::Disturbances | End::Off => {}
                End::Cut(bus) => self.wires[index(bus)].cut(false),
                End::Slew => self.clock.slew(now, 0),
                End::Down => self.start_again(),
            }
        }
        while let Some(delivery) = self.fate.next_late(now) {
            self.arrive(delivery);
        }
        self.let_babblers_send();
        while let Some((_, guard)) = self.host.next_wake().filter(|&(at, _)| at <= now) {
            self.wake(guard);
        }
    }

    fn happen(&mut self, what: What) {
        let now = self.now;
        match what {
            What::Unit(injection) => {
                let wires = &mut self.wires;
                self.unit.strike(now, injection, &mut |bus, frame| wires[index(bus)].put(now, Sender::Outside, frame));
            }
            What::Lose(frames) => self.fate.disturb(now, Damage::Lose, frames),
            What::Late { frames, by } => self.fate.disturb(now, Damage::Late(by), frames),
            What::Repeat(frames) => self.fate.disturb(now, Damage::Repeat, frames),
            What::Reorder(frames) => self.fate.disturb(now, Damage::Reorder, frames),
            What::Corrupt(frames) => self.fate.disturb(now, Damage::Corrupt, frames),
            What::BusOff { bus, lasting } => {
                self.fate.off_until[index(bus.0)] = now.after(lasting);
                self.fate.ends_at(now.after(lasting), End::Off);
                self.trouble(bus.0, Trouble::BusOff);
            }
            What::Cut { bus, lasting } => {
                self.wires[index(bus.0)].cut(true);
                self.fate.ends_at(now.after(lasting), End::Cut(bus.0));
            }
            What::Babble { bus, id, every, lasting } => {
                self.fate.babble(Babbler { bus: bus.0, id, every, next: now, until: now.after(lasting) });
            }
            What::Stall { part, lasting } => self.stall(part, now.after(lasting)),
            What::Die { part } => self.stop(stopped(part)),
            What::Restart { down } => {
                self.stop(stopped(Part::Process));
                self.fate.ends_at(now.after(down), End::Down);
            }
            What::ClockStep { by } => self.clock.step(now, by),
            What::ClockSlew { ppm, lasting } => {
                self.clock.slew(now, ppm);
                self.fate.ends_at(now.after(lasting), End::Slew);
            }
            What::Operator(Deed::PressBeam) => self.unit.request_beam(true),
            What::Operator(Deed::ReleaseBeam) => self.unit.request_beam(false),
            What::Operator(deed) => self.deeds.push_back(deed),
            What::Overflow { bus, frames } => self.trouble(bus.0, Trouble::ReceiveOverflow { lost: frames }),
            What::ControllerSays { bus, complaint } => self.trouble(bus.0, trouble(complaint)),
            What::StampStep { by } => self.stamp_offset = self.stamp_offset.saturating_add(by.saturating_mul(1000)),
            signal => {
                if let Some(signal) = signal.signal() {
                    let wires = &mut self.wires;
                    self.unit.change(now, signal, &mut |bus, frame| wires[index(bus)].put(now, Sender::Outside, frame));
                }
            }
        }
    }

    /// A controller of the computer says something of its bus to everyone who listens there.
    fn trouble(&mut self, bus: Bus, trouble: Trouble) {
        for guard in Guard::ALL {
            if !hears(guard, bus, &self.machine).is_empty() {
                self.turn(guard, &Input::Trouble { bus, trouble });
            }
        }
    }

    fn stall(&mut self, part: Part, until: Ticks) {
        let parts = stopped(part);
        for guard in Guard::ALL.into_iter().filter(|guard| parts.guards & guard.bit() != 0) {
            self.host.stall(guard, until);
        }
        if parts.session {
            self.host.stall_session(until);
        }
    }

    /// A guard gets its processor back: it reads what the kernel kept for it, then takes its commands, then looks at its clock.
    fn wake(&mut self, guard: Guard) {
        let (waiting, dropped) = self.host.wake(guard);
        for input in &waiting {
            self.turn(guard, input);
        }
        if dropped > 0 {
            let bus = permit_bus(guard, &self.machine);
            self.turn(guard, &Input::Trouble { bus, trouble: Trouble::ReceiveOverflow { lost: dropped } });
        }
        self.pass_commands();
    }

    /// The process is started again: new guards, new rings, a session that knows of nothing but the mark of a delivery that
    /// did not end.
    fn start_again(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.host = Host::new(&self.machine, self.now);
        if self.begun {
            self.host.conductor.set_service_standing(FaultSet::EMPTY.with(Fault::OutputCheckDue));
        }
        self.seen = State::Inhibited;
    }

    fn let_babblers_send(&mut self) {
        let (now, wires) = (self.now, &mut self.wires);
        self.fate.babblers.retain_mut(|babbler| {
            while babbler.next <= now {
                // one controller has one frame to send, and waits with the next until the bus has taken it
                let wire = &mut wires[index(babbler.bus)];
                if !wire.has_waiting(babbler.id) {
                    let frame = Frame { id: babbler.id, length: 8, data: [0x55; 8] };
                    wire.put(now, Sender::Outside, frame);
                }
                babbler.next = babbler.next.after(babbler.every.max(Span::from_micros(10)));
            }
            babbler.next <= babbler.until
        });
        self.fate.look();
    }
}

const fn stopped(part: Part) -> Stopped {
    match part {
        Part::Guard(guard) => Stopped { guards: guard.bit(), session: false },
        Part::Session => Stopped { guards: 0, session: true },
        Part::Process => Stopped { guards: 15, session: true },
    }
}

const fn trouble(complaint: Complaint) -> Trouble {
    match complaint {
        Complaint::ErrorWarning => Trouble::ErrorWarning,
        Complaint::ErrorPassive => Trouble::ErrorPassive,
        Complaint::ControllerOverrun => Trouble::ControllerOverrun,
        Complaint::InterfaceDown => Trouble::InterfaceDown,
        Complaint::Malformed => Trouble::Malformed,
    }
}

#[cfg(test)]
#[path = "befall_tests.rs"]
mod tests;
