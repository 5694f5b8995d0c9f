//! Beam without a request: pulses, the gate's clock and a tube's charge between frames of the linac that say none.

use beam_core::fault::Fault;
use beam_core::note::FaultReport;
use beam_core::request::RequestWatch;
use beam_core::requirement::Requirement;
use beam_core::units::Ticks;
use beam_core::wire::{CloseCause, GateState, GateStatus};

use crate::kit::{NANO, at, continuous, gate, machine, ms, verifies};

/// The gate at this count and clock.
const fn shows(pulses: u32, beam_on_centiseconds: u16) -> GateStatus {
    GateStatus { beam_on_centiseconds, ..gate(GateState::Open, CloseCause::None, pulses) }
}

fn told(report: Option<FaultReport>) -> Option<(Fault, i64, i64)> {
    report.map(|it| (it.fault, it.measured, it.limit))
}

/// A watch in a delivery, and frames of the linac every 50 ms.
struct Trial {
    watch: RequestWatch,
    now: Ticks,
}

impl Trial {
    fn new() -> Self {
        let mut watch = RequestWatch::new(&machine());
        watch.begin();
        Self { watch, now: at(1000) }
    }

    fn linac(&mut self, requested: bool, lost: bool, gate: GateStatus) -> Option<(Fault, i64, i64)> {
        self.now = self.now.after(ms(50));
        told(self.watch.linac(self.now, requested, lost, gate))
    }

    /// A good frame that says that no beam is requested.
    fn none(&mut self, pulses: u32) -> Option<(Fault, i64, i64)> {
        self.linac(false, false, shows(pulses, 0))
    }
}

const TWO: Option<(Fault, i64, i64)> = Some((Fault::BeamWithoutRequest, 2, 2));

#[test]
fn trips_over_two_pulses_in_a_row_each_between_two_frames_that_say_none() {
    verifies(Requirement::BeamUnasked);
    let mut trial = Trial::new();
    assert_eq!([trial.none(5), trial.none(6), trial.none(6)], [None; 3]);
    assert_eq!(trial.none(7), TWO, "a frame without a pulse in between ends no row");
    let mut at_once = Trial::new();
    assert_eq!((at_once.none(5), at_once.none(8)), (None, Some((Fault::BeamWithoutRequest, 3, 2))));
}

#[test]
fn holds_a_pulse_that_was_under_way_when_the_request_was_taken_back() {
    verifies(Requirement::BeamUnasked);
    let mut trial = Trial::new();
    assert_eq!(trial.linac(true, false, shows(5, 0)), None);
    assert_eq!(trial.none(7), None, "not between two frames that say none");
    assert_eq!([trial.none(8), trial.none(8)], [None; 2], "one alone");
    // the first frame of all is a reference
    let mut trial = Trial::new();
    assert_eq!(trial.none(9), None);
}

#[test]
fn holds_pulses_between_which_beam_was_requested_or_a_frame_was_lost() {
    verifies(Requirement::BeamUnasked);
    for (requested, lost) in [(true, false), (false, true), (true, true)] {
        let mut trial = Trial::new();
        assert_eq!([trial.none(5), trial.none(6)], [None; 2]);
        assert_eq!(trial.linac(requested, lost, shows(7, 0)), None, "it may have been asked for");
        assert_eq!(trial.none(7), None);
        assert_eq!(trial.none(8), None, "the row begins anew");
        assert_eq!(trial.none(9), TWO);
    }
    // a request without a pulse ends the row as well, a lost frame without one does not
    let mut asked = Trial::new();
    assert_eq!([asked.none(5), asked.none(6), asked.linac(true, false, shows(6, 0))], [None; 3]);
    assert_eq!([asked.none(6), asked.none(7)], [None; 2]);
    let mut lost = Trial::new();
    assert_eq!([lost.none(5), lost.none(6), lost.linac(false, true, shows(6, 0))], [None; 3]);
    assert_eq!(lost.none(7), TWO);
}

#[test]
fn holds_a_clock_that_goes_on_for_three_status_periods_and_two_percent_and_trips_over_more() {
    verifies(Requirement::BeamUnasked);
    // 150 ms, and 2 % of 500 ms
    for (clock, verdict) in [(16, None), (17, Some((Fault::BeamWithoutRequest, 170_000_000, 160_000_000)))] {
        let mut watch = RequestWatch::new(&machine());
        watch.begin();
        assert_eq!(watch.linac(at(1000), false, false, shows(5, 100)), None);
        assert_eq!(told(watch.linac(at(1500), false, false, shows(5, 100 + clock))), verdict);
        // a nanosecond less of it makes the limit shorter
        let mut watch = RequestWatch::new(&machine());
        watch.begin();
        assert_eq!(watch.linac(at(1000).after(NANO.times(50)), false, false, shows(5, 65_530)), None);
        let report = watch.linac(at(1500), false, false, shows(5, 65_530_u16.wrapping_add(clock)));
        assert!(report.is_some(), "{clock}, across the clock's wrap");
    }
}

#[test]
fn trips_over_a_clock_that_creeps_and_holds_one_that_stood_still_meanwhile() {
    verifies(Requirement::BeamUnasked);
    let mut creeps = Trial::new();
    for step in 0..4 {
        assert_eq!(creeps.linac(false, false, shows(5, 5 * step)), None, "{step}");
    }
    assert_eq!(creeps.linac(false, false, shows(5, 20)).map(|it| it.0), Some(Fault::BeamWithoutRequest));
    for (requested, lost) in [(true, false), (false, true)] {
        let mut trial = Trial::new();
        for step in 0..4 {
            assert_eq!(trial.linac(false, false, shows(5, 5 * step)), None);
        }
        assert_eq!(trial.linac(requested, lost, shows(5, 900)), None, "what came under a request is asked for");
        assert_eq!(trial.linac(false, false, shows(5, 905)), None);
        for step in 0..3 {
            assert_eq!(trial.linac(false, false, shows(5, 905 + 5 * step)), None, "{step}");
        }
    }
}

#[test]
fn trips_by_the_time_without_a_request_since_the_last_one() {
    verifies(Requirement::BeamUnasked);
    // ten seconds without a request would allow 200 ms more
    let mut watch = RequestWatch::new(&machine());
    watch.begin();
    assert_eq!(watch.linac(at(1000), false, false, shows(5, 0)), None);
    assert_eq!(watch.linac(at(11_000), false, false, shows(5, 0)), None);
    assert_eq!(watch.linac(at(11_050), true, false, shows(5, 0)), None);
    assert_eq!(watch.linac(at(11_100), false, false, shows(5, 0)), None);
    let report = watch.linac(at(11_150), false, false, shows(5, 16));
    assert_eq!(told(report), Some((Fault::BeamWithoutRequest, 160_000_000, 151_000_000)));
}

#[test]
fn trips_over_three_stretches_of_charge_on_a_tube_and_holds_two() {
    verifies(Requirement::BeamUnasked);
    let mut tube = Trial { watch: RequestWatch::new(&continuous()), ..Trial::new() };
    tube.watch.begin();
    tube.watch.stretch();
    assert_eq!(tube.none(0), None, "it began under a request");
    for _ in 0..2 {
        tube.watch.stretch();
        assert_eq!(tube.none(0), None);
    }
    assert_eq!(tube.none(0), None, "a stretch counts once");
    tube.watch.stretch();
    assert_eq!(tube.none(0), Some((Fault::BeamWithoutRequest, 3, 3)));
    // under a request the row begins anew
    let mut asked = Trial { watch: RequestWatch::new(&continuous()), ..Trial::new() };
    asked.watch.begin();
    assert_eq!(asked.none(0), None);
    for requested in [false, false, true, false, false, false] {
        asked.watch.stretch();
        assert_eq!(asked.linac(requested, false, shows(0, 0)), None, "{requested}");
    }
    // pulses count nothing there, and stretches nothing where there are pulses
    let mut pulsed = Trial::new();
    assert_eq!(pulsed.none(0), None);
    for _ in 0..5 {
        pulsed.watch.stretch();
        assert_eq!(pulsed.none(0), None);
    }
}

#[test]
fn holds_what_came_before_a_delivery_began_or_went_on() {
    verifies(Requirement::BeamUnasked);
    let mut trial = Trial::new();
    assert_eq!([trial.none(5), trial.none(6)], [None; 2]);
    trial.watch.begin();
    assert_eq!([trial.none(7), trial.none(8)], [None; 2], "the row of before is forgotten");
    assert_eq!(trial.none(9), TWO);
    let mut still = Trial::new();
    assert_eq!([still.none(5), still.none(6)], [None; 2]);
    still.watch.begin();
    assert_eq!([still.none(6), still.none(7)], [None; 2], "also where no pulse came at once");
    let mut clock = Trial::new();
    for step in 0..4 {
        assert_eq!(clock.linac(false, false, shows(5, 5 * step)), None);
    }
    clock.watch.begin();
    for step in 4..8 {
        assert_eq!(clock.linac(false, false, shows(5, 5 * step)), None, "{step}");
    }
    let mut tube = Trial { watch: RequestWatch::new(&continuous()), ..Trial::new() };
    assert_eq!(tube.none(0), None);
    for _ in 0..2 {
        tube.watch.stretch();
    }
    assert_eq!(tube.none(0), None);
    tube.watch.stretch();
    tube.watch.begin();
    assert_eq!([tube.none(0), tube.none(0)], [None; 2], "a stretch of before");
}

#[test]
fn holds_a_count_that_falls_for_no_pulses() {
    verifies(Requirement::BeamUnasked);
    let mut trial = Trial::new();
    assert_eq!([trial.none(500), trial.none(0), trial.none(1)], [None; 3], "a gate that began anew is another fault");
    assert_eq!(trial.none(2), TWO);
}
