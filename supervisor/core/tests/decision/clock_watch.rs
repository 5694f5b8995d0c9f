//! The watch on this computer's clock after the clock stepped back: the comparison with the gate begins anew.

use beam_core::clock_watch::ClockWatch;
use beam_core::fault::Fault;
use beam_core::frame::{Origin, next_alive};
use beam_core::note::FaultReport;
use beam_core::requirement::Requirement;
use beam_core::wire::{CloseCause, GateState};

use crate::kit::{at, gate, machine, verifies};

/// A watch on a clock that stepped back, and the gate's reports without news, which go on.
struct Trial {
    watch: ClockWatch,
    alive: u8,
}

impl Trial {
    /// The comparison had begun at 1005 ms when the clock stepped back to 900 ms.
    fn stepped_back() -> Self {
        let mut trial = Self { watch: ClockWatch::new(&machine().timing), alive: 14 };
        assert_eq!((trial.report(1000), trial.report(1005)), (None, None));
        let stepped = trial.report(900).map(|report| (report.fault, report.measured, report.limit));
        assert_eq!(stepped, Some((Fault::ClockStalled, -105_000_000, 0)));
        trial
    }

    /// The guard turns at so many milliseconds, and a report of the gate is waiting for it.
    fn report(&mut self, millis: u64) -> Option<FaultReport> {
        self.alive = next_alive(self.alive);
        let frame = gate(GateState::Open, CloseCause::None, 3).encode(self.alive);
        let turned = self.watch.turn(at(millis));
        turned.or(self.watch.report(at(millis), Origin::Wire, &frame))
    }
}

#[test]
fn holds_a_clock_that_goes_on_at_the_gates_pace_after_its_step() {
    verifies(Requirement::OwnHealth);
    let mut trial = Trial::stepped_back();
    for report in 1..100 {
        assert_eq!(trial.report(900 + 5 * report), None, "report {report}");
    }
}

#[test]
fn trips_a_clock_that_stands_still_after_its_step() {
    verifies(Requirement::OwnHealth);
    let mut trial = Trial::stepped_back();
    let found = (0..20).find_map(|_| trial.report(900));
    assert_eq!(found.map(|report| (report.fault, report.measured)), Some((Fault::ClockStalled, 0)));
}

#[test]
fn holds_reports_of_before_a_step_back_for_nothing_after_it() {
    verifies(Requirement::OwnHealth);
    // nine are enough to compare: seven of before and two of after are not
    let mut trial = Trial { watch: ClockWatch::new(&machine().timing), alive: 14 };
    for report in 0..8 {
        assert_eq!(trial.report(1000 + 5 * report), None);
    }
    assert!(trial.report(900).is_some());
    for report in 1..100 {
        assert_eq!(trial.report(900 + 5 * report), None, "report {report}");
    }
}
