//! A computer whose own clock stands still or steps back counts no time and sees no age: every guard holds its clock against
//! the gate's reports, and ends the beam by itself.

use beam_core::fault::Fault;
use beam_core::frame::{Bus, Frame, Origin, next_alive};
use beam_core::guard::Guard as Core;
use beam_core::note::{Command, Input, Note};
use beam_core::requirement::Requirement as R;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{CloseCause, GateState, GateStatus, Guard};
use beam_tests::{DELIVERY, Trial, verifies};

const START: Ticks = Ticks::from_nanos(1_000_000_000);

/// The guard `who`, armed, and how it hears reports of the gate without news.
struct Alone {
    guard: Core,
    bus: Bus,
    alive: u8,
    faults: Vec<Fault>,
}

impl Alone {
    fn armed(who: Guard) -> Self {
        let trial = Trial::mobile();
        let bus = beam_supervisor::wiring::permit_bus(who, &trial.machine);
        let mut alone = Self { guard: Core::new(who, &trial.machine), bus, alive: 0, faults: Vec::new() };
        let order = trial.order(30);
        alone.step(START, &Input::Command(Command::Arm { delivery: DELIVERY, order }));
        alone
    }

    fn step(&mut self, now: Ticks, input: &Input) {
        let mut output = self.guard.step(now, input);
        for _ in 0..6 {
            if let Some(Note::Fault(report)) = output.note {
                self.faults.push(report.fault);
            }
            // the bus takes every permit at once
            output = match output.transmit {
                Some(frame) => self.guard.step(now, &Input::Frame { bus: self.bus, origin: Origin::Echo, frame }),
                None => self.guard.step(now, &Input::Tick),
            };
        }
    }

    fn report(&mut self, now: Ticks) {
        let cause = CloseCause::PermitWithheld;
        let status = GateStatus { state: GateState::Closed, cause, closed_by: 15, pulses: 0, beam_on_centiseconds: 0 };
        let frame: Frame = status.encode(self.alive);
        self.alive = next_alive(self.alive);
        self.step(now, &Input::Frame { bus: self.bus, origin: Origin::Wire, frame });
    }
}

#[test]
fn trips_every_guard_alone_when_its_clock_stands_still() {
    verifies(R::OwnHealth);
    for who in Guard::ALL {
        let mut alone = Alone::armed(who);
        for _ in 0..20 {
            alone.report(START.after(Span::from_millis(1)));
        }
        assert_eq!(alone.faults, [Fault::ClockStalled], "{}", who.name());
        assert!(alone.guard.common().permit.is_tripped(), "{}", who.name());
    }
}

#[test]
fn trips_every_guard_alone_when_its_clock_steps_back() {
    verifies(R::OwnHealth);
    for who in Guard::ALL {
        let mut alone = Alone::armed(who);
        alone.report(START.after(Span::from_millis(5)));
        alone.report(START.after(Span::from_millis(4)));
        assert_eq!(alone.faults, [Fault::ClockStalled], "{}", who.name());
    }
}

#[test]
fn holds_a_clock_that_runs() {
    verifies(R::OwnHealth);
    for who in Guard::ALL {
        let mut alone = Alone::armed(who);
        for report in 1..=5 {
            alone.report(START.after(Span::from_millis(5).times(report)));
        }
        let clock = alone.faults.contains(&Fault::ClockStalled);
        assert!(!clock, "{}: {:?}", who.name(), alone.faults);
    }
}
