//! The gate's beam-on clock against this computer's: what begins a stretch, what proves the request, and by how much the two
//! may part.

use beam_core::beam_clock::BeamClock;
use beam_core::fault::Fault;
use beam_core::note::FaultReport;
use beam_core::requirement::Requirement;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{CloseCause, GateState, GateStatus};

use crate::kit::{NANO, at, gate, verifies};

/// An open gate with this clock and count.
const fn open(beam_on_centiseconds: u16, pulses: u32) -> GateStatus {
    GateStatus { beam_on_centiseconds, ..gate(GateState::Open, CloseCause::None, pulses) }
}

/// A stretch that began at 1 s, while beam was requested.
fn begun() -> BeamClock {
    let mut clock = BeamClock::NONE;
    assert_eq!(clock.linac(true, false), None);
    assert_eq!(clock.gate(at(995), &open(0, 0)), None);
    assert_eq!(clock.gate(at(1000), &open(0, 0)), None);
    clock
}

fn told(report: Option<FaultReport>) -> Option<(Fault, i64, i64)> {
    report.map(|it| (it.fault, it.measured, it.limit))
}

/// A second and this much after 1 s.
fn later(more: Span) -> Ticks {
    at(2000).after(more)
}

const SOONER: Ticks = Ticks::from_nanos(2_000_000_000 - 1);

#[test]
fn holds_a_clock_that_is_ahead_by_50_ms_and_2_percent_and_trips_over_one_that_is_further() {
    verifies(Requirement::BeamTime);
    // one second, 20 ms of which are 2 %
    assert_eq!(begun().gate(later(Span::ZERO), &open(107, 0)), None);
    let ahead = Some((Fault::ClocksDisagree, 70_000_001, 69_999_999));
    assert_eq!(told(begun().gate(SOONER, &open(107, 0))), ahead);
    assert_eq!(told(begun().gate(at(1000), &open(6, 0))), Some((Fault::ClocksDisagree, 60_000_000, 50_000_000)));
    assert_eq!(begun().gate(at(1000), &open(5, 0)), None);
}

#[test]
fn holds_a_clock_that_is_behind_until_a_frame_proves_the_request() {
    verifies(Requirement::BeamTime);
    for proof in [
        |clock: &mut BeamClock| clock.linac(true, false),
        |clock: &mut BeamClock| clock.gate(later(NANO), &open(93, 1)),
    ] {
        let mut right = begun();
        assert_eq!(right.gate(later(Span::ZERO), &open(93, 0)), None);
        assert_eq!(right.linac(true, false), None, "70 ms");
        let mut behind = begun();
        assert_eq!(behind.gate(later(NANO.times(2)), &open(93, 0)), None, "nothing proves the request");
        assert_eq!(told(proof(&mut behind)).map(|it| it.0), Some(Fault::ClocksDisagree));
    }
    // a released request stops the gate's clock, and the host hears of it later
    let mut released = begun();
    assert_eq!(released.gate(at(3000), &open(10, 0)), None);
    assert_eq!(released.linac(false, false), None);
    assert_eq!(released.linac(true, false), None, "the stretch is over");
    // and it may have been released in a frame that was lost
    let mut lost = begun();
    assert_eq!(lost.gate(at(3000), &open(10, 0)), None);
    assert_eq!((lost.linac(true, true), lost.linac(true, false)), (None, None));
}

#[test]
fn trips_by_the_last_report_however_late_the_linac_speaks() {
    verifies(Requirement::BeamTime);
    let mut clock = begun();
    assert_eq!(clock.gate(at(1050), &open(0, 0)), None);
    assert_eq!(clock.linac(true, false), None, "50 ms");
    assert_eq!(clock.gate(at(1100), &open(2, 0)), None);
    assert_eq!(told(clock.linac(true, false)), Some((Fault::ClocksDisagree, 80_000_000, 52_000_000)));
}

#[test]
fn holds_what_begins_no_stretch() {
    verifies(Requirement::BeamTime);
    // the first report is only a reference
    let mut first = BeamClock::NONE;
    assert_eq!(first.linac(true, false), None);
    assert_eq!(first.gate(at(1000), &open(500, 3)), None);
    assert_eq!(first.gate(at(1000), &open(500, 3)), None, "the stretch begins with the second");
    // an open gate without a request, a pulse or a clock that goes on
    let mut waits = BeamClock::NONE;
    for millis in [1000, 1100, 9000] {
        assert_eq!(waits.gate(at(millis), &open(0, 0)), None);
    }
    assert_eq!(waits.linac(true, false), None);
    assert_eq!(waits.gate(at(9001), &open(0, 0)), None);
    assert_eq!(waits.linac(true, false), None, "only now it begins");
}

#[test]
fn trips_in_a_stretch_that_each_sign_of_beam_alone_began() {
    verifies(Requirement::BeamTime);
    for (requested, first) in [(true, open(0, 0)), (false, open(1, 0)), (false, open(0, 1))] {
        let mut clock = BeamClock::NONE;
        assert_eq!(clock.linac(requested, false), None);
        assert_eq!(clock.gate(at(1000), &open(0, 0)), None);
        assert_eq!(clock.gate(at(1000), &first), None);
        let ahead = GateStatus { beam_on_centiseconds: first.beam_on_centiseconds + 6, ..first };
        assert!(clock.gate(at(1000), &ahead).is_some(), "{requested} {first:?}");
    }
}

#[test]
fn holds_each_stretch_to_itself() {
    verifies(Requirement::BeamTime);
    let ends: [fn(&mut BeamClock); 3] = [
        BeamClock::rest,
        |clock| assert_eq!(clock.gate(at(1000), &gate(GateState::Closed, CloseCause::None, 0)), None),
        |clock| assert_eq!(clock.gate(at(1000), &gate(GateState::Latched, CloseCause::None, 0)), None),
    ];
    for end in ends {
        let mut clock = begun();
        assert_eq!(clock.gate(at(1040), &open(0, 0)), None);
        end(&mut clock);
        assert_eq!(clock.linac(true, false), None);
        // the new stretch owes nothing of the old one
        assert_eq!(clock.gate(at(9000), &open(0, 0)), None);
        assert_eq!(clock.gate(at(9040), &open(0, 0)), None);
        assert_eq!(clock.linac(true, false), None);
        assert_eq!(clock.gate(at(9052), &open(0, 0)), None);
        assert!(clock.linac(true, false).is_some());
    }
}

#[test]
fn holds_a_clock_across_its_wrap() {
    verifies(Requirement::BeamTime);
    let mut clock = BeamClock::NONE;
    assert_eq!(clock.linac(true, false), None);
    assert_eq!(clock.gate(at(1000), &open(65_530, 0)), None);
    assert_eq!(clock.gate(at(1000), &open(65_530, 0)), None);
    assert_eq!(clock.gate(at(2000), &open(94, 0)), None, "100 centiseconds on");
    assert_eq!(clock.linac(true, false), None);
}
