//! The beam while it should be off.

use beam_core::beam_off::{BeamOff, Counts};
use beam_core::fault::Fault;
use beam_core::note::FaultReport;
use beam_core::requirement::Requirement;
use beam_core::units::Ticks;
use beam_core::wire::GateState;

use crate::kit::{FULL_SCALE, NANO, PULSE, at, continuous, machine, ms, pc, verifies};

const CLOSED: GateState = GateState::Closed;
const OPEN: GateState = GateState::Open;

/// Counts with this gate and all else as at first.
fn counts(state: GateState, pulses: u32) -> Counts {
    Counts {
        open: [state == OPEN; 2],
        gate: Some(pulses),
        pulses: [100, 200, 300],
        charge: [pc(10_000), pc(-20_000)],
        readings: [(ms(10), pc(0), ms(10)); 2],
        is_ending: false,
    }
}

fn watch(off: &mut BeamOff, now: Ticks, counts: &Counts) -> Option<FaultReport> {
    off.watch(now, counts, ms(25), false)
}

/// A watch whose counts were taken right after 1 060 ms, as in `counts(CLOSED, 50)`.
fn settled() -> BeamOff {
    let mut off = BeamOff::new(&machine());
    off.expect([pc(PULSE[0]), pc(PULSE[1])]);
    assert_eq!(watch(&mut off, at(1000), &counts(CLOSED, 50)), None);
    assert_eq!(watch(&mut off, at(1060).after(NANO), &counts(CLOSED, 50)), None);
    off
}

fn numbers(report: Option<FaultReport>) -> Option<(Fault, u8, i64, i64)> {
    report.map(|report| (report.fault, report.monitor, report.measured, report.limit))
}

#[test]
fn holds_while_nothing_counts_and_while_the_last_frames_are_under_way() {
    verifies(Requirement::BeamUnasked);
    let mut off = BeamOff::new(&machine());
    // 30 ms in which counts may differ and three periods of dose frames
    for (millis, pulses) in [(1000, 50), (1030, 51), (1060, 52)] {
        assert_eq!(watch(&mut off, at(millis), &counts(CLOSED, pulses)), None);
    }
    assert_eq!(watch(&mut off, at(1060).after(NANO), &counts(CLOSED, 53)), None, "counted from here");
    assert_eq!(watch(&mut off, at(9000), &counts(CLOSED, 53)), None);
    assert_eq!(watch(&mut off, at(9000), &counts(CLOSED, 0)), None, "a gate that takes up a delivery counts from 0");
    assert!(watch(&mut off, at(9000), &counts(CLOSED, 54)).is_some());
}

#[test]
fn trips_over_a_single_pulse_on_any_of_the_counts() {
    verifies(Requirement::BeamUnasked);
    let fault = Fault::PulsesWhileClosed;
    assert_eq!(numbers(watch(&mut settled(), at(2000), &counts(CLOSED, 51))), Some((fault, 0, 51, 50)));
    let first = Counts { pulses: [101, 200, 300], ..counts(CLOSED, 50) };
    assert_eq!(numbers(watch(&mut settled(), at(2000), &first)), Some((fault, 1, 101, 100)));
    let second = Counts { pulses: [100, 201, 300], ..counts(CLOSED, 50) };
    assert_eq!(numbers(watch(&mut settled(), at(2000), &second)), Some((fault, 2, 201, 200)));
    let beam = Counts { pulses: [100, 200, 301], ..counts(CLOSED, 50) };
    let report = numbers(watch(&mut settled(), at(2000), &beam));
    assert_eq!(report, Some((fault, FaultReport::BEAM_CHARGE, 301, 300)));
}

/// 1 000 s after the counts were taken: leakage of 4.4 pA and 8.8 pA made 4 400 pC and 8 800 pC.
const LATER: Ticks = at(1_001_060).after(NANO);

#[test]
fn holds_charge_of_leakage_and_one_late_pulse() {
    verifies(Requirement::BeamUnasked);
    let most = Counts { charge: [pc(10_000 + 5400), pc(-20_000 + 10_800)], ..counts(CLOSED, 50) };
    assert_eq!(watch(&mut settled(), LATER, &most), None);
}

#[test]
fn trips_over_a_picocoulomb_more() {
    verifies(Requirement::BeamUnasked);
    let fault = Fault::ChargeWhileClosed;
    let first = Counts { charge: [pc(10_000 + 5401), pc(-20_000)], ..counts(CLOSED, 50) };
    assert_eq!(numbers(watch(&mut settled(), LATER, &first)), Some((fault, 1, 5401, 5400)));
    let second = Counts { charge: [pc(10_000), pc(-20_000 + 10_801)], ..counts(CLOSED, 50) };
    assert_eq!(numbers(watch(&mut settled(), LATER, &second)), Some((fault, 2, 10_801, 10_800)));
}

#[test]
fn trips_over_charge_above_leakage_where_no_pulse_is_expected() {
    verifies(Requirement::BeamUnasked);
    let mut off = settled();
    off.expect([pc(0); 2]);
    assert_eq!(watch(&mut off, at(2000), &counts(CLOSED, 50)), None);
    let more = Counts { charge: [pc(10_001), pc(-20_000)], ..counts(CLOSED, 50) };
    assert_eq!(numbers(watch(&mut off, at(2000), &more)), Some((Fault::ChargeWhileClosed, 1, 1, 0)));
}

#[test]
fn trips_over_a_pulse_after_a_long_rest_that_brought_less_than_leakage() {
    verifies(Requirement::BeamUnasked);
    let collected =
        |first: i64, second: i64| Counts { charge: [pc(10_000 + first), pc(-20_000 + second)], ..counts(CLOSED, 50) };
    // leakage explains all that came: it is counted anew from there
    for (first, second, monitor, limit) in [(5401, 8800, 1, 1000), (4400, 10_801, 2, 2000)] {
        let mut off = settled();
        assert_eq!(watch(&mut off, LATER, &collected(4400, 8800)), None);
        let report = numbers(watch(&mut off, LATER, &collected(first, second)));
        assert_eq!(report, Some((Fault::ChargeWhileClosed, monitor, limit + 1, limit)));
    }
}

#[test]
fn holds_the_first_count_while_leakage_does_not_explain_it_or_for_less_than_a_second() {
    verifies(Requirement::BeamUnasked);
    let first = |charge: i64| Counts { charge: [pc(10_000 + charge), pc(-20_000)], ..counts(CLOSED, 50) };
    let mut off = settled();
    assert_eq!(watch(&mut off, LATER, &first(4401)), None);
    let report = numbers(watch(&mut off, LATER, &first(5401)));
    assert_eq!(report, Some((Fault::ChargeWhileClosed, 1, 5401, 5400)), "what came before counts on");
    // 999 ms of leakage are 4 pC, and so is a second's; a second later it begins anew
    for (millis, limit) in [(999, 1008), (1000, 1004)] {
        let mut off = settled();
        let soon = at(1060 + millis).after(NANO);
        assert_eq!(watch(&mut off, soon, &first(0)), None);
        let later = at(1060 + 2000).after(NANO);
        let report = numbers(watch(&mut off, later, &first(2000)));
        assert_eq!(report, Some((Fault::ChargeWhileClosed, 1, 2000, limit)), "{millis}");
    }
}

#[test]
fn holds_a_gate_that_is_open_for_twice_stale_after() {
    verifies(Requirement::BeamUnasked);
    let mut off = settled();
    assert_eq!(watch(&mut off, at(2000), &counts(OPEN, 50)), None);
    assert_eq!(watch(&mut off, at(2050), &counts(OPEN, 50)), None);
    assert_eq!(watch(&mut off, at(2051), &counts(CLOSED, 50)), None);
    assert_eq!(watch(&mut off, at(2052), &counts(OPEN, 50)), None);
    assert_eq!(watch(&mut off, at(2102), &counts(OPEN, 50)), None, "it closed in between");
}

#[test]
fn trips_over_a_gate_that_is_open_for_longer() {
    verifies(Requirement::BeamUnasked);
    let mut off = settled();
    assert_eq!(watch(&mut off, at(2000), &counts(OPEN, 50)), None);
    let report = watch(&mut off, at(2050).after(NANO), &counts(OPEN, 50));
    assert_eq!(numbers(report), Some((Fault::GateOpenUnasked, 0, 50_000_001, 50_000_000)));
}

#[test]
fn holds_a_gate_that_opens_on_purpose_while_it_is_proven() {
    verifies(Requirement::BeamUnasked);
    let mut off = settled();
    for millis in [2000, 3000] {
        assert_eq!(off.watch(at(millis), &counts(OPEN, 50), ms(25), true), None);
    }
    assert_eq!(watch(&mut off, at(3050), &counts(OPEN, 50)), None, "the proof is over, the gate has time to close");
    assert!(off.watch(at(3051), &counts(OPEN, 51), ms(25), true).is_some(), "pulses are watched in a proof too");
}

#[test]
fn a_rest_begins_everything_anew() {
    let mut off = settled();
    assert_eq!(watch(&mut off, at(2000), &counts(OPEN, 50)), None);
    off.rest();
    assert_eq!(watch(&mut off, at(2049), &counts(OPEN, 60)), None);
    assert_eq!(watch(&mut off, at(2099), &counts(OPEN, 61)), None, "open since the rest");
    assert_eq!(watch(&mut off, at(2109), &counts(CLOSED, 62)), None, "the settling begins with the rest");
}

#[test]
fn a_recount_and_a_new_order_take_the_counts_anew() {
    let mut off = settled();
    off.recount();
    assert_eq!(watch(&mut off, at(2000), &counts(CLOSED, 60)), None);
    assert_eq!(watch(&mut off, at(2060), &counts(CLOSED, 61)), None);
    let mut off = settled();
    off.expect([pc(10), pc(20)]);
    assert_eq!(watch(&mut off, at(2000), &counts(CLOSED, 60)), None);
    let smaller = Counts { charge: [pc(10_011), pc(-20_000)], ..counts(CLOSED, 60) };
    assert!(watch(&mut off, at(2000), &smaller).is_some(), "the new pulse is judged by");
    // an open gate is watched from the later of its opening and of the permit's end
    let mut off = settled();
    assert_eq!(watch(&mut off, at(2000), &counts(OPEN, 50)), None);
    off.recount();
    assert_eq!(watch(&mut off, at(2040), &counts(OPEN, 50)), None);
    assert_eq!(watch(&mut off, at(2090), &counts(OPEN, 50)), None);
    assert!(watch(&mut off, at(2091), &counts(OPEN, 50)).is_some());
}

/// Counts of a watch that no order was ever given to, with so much on the first chamber since it settled.
fn unplanned(collected: i64) -> Option<FaultReport> {
    let mut off = BeamOff::new(&machine());
    assert_eq!(watch(&mut off, at(1000), &counts(CLOSED, 50)), None);
    assert_eq!(watch(&mut off, at(1060).after(NANO), &counts(CLOSED, 50)), None);
    let now = Counts { charge: [pc(10_000 + collected), pc(-20_000)], ..counts(CLOSED, 50) };
    watch(&mut off, at(1061), &now)
}

#[test]
fn holds_the_largest_pulse_there_is_before_the_first_order() {
    verifies(Requirement::BeamUnasked);
    assert_eq!(unplanned(FULL_SCALE[0] * 2 / 5), None);
}

#[test]
fn trips_over_charge_that_comes_before_the_first_order() {
    verifies(Requirement::BeamUnasked);
    let found = unplanned(FULL_SCALE[0] * 2 / 5 + 100).map(|report| (report.fault, report.monitor));
    assert_eq!(found, Some((Fault::ChargeWhileClosed, 1)));
}

#[test]
fn trips_over_each_bus_that_shows_the_gate_open_whatever_the_other_says() {
    verifies(Requirement::BeamUnasked);
    for open in [[true, false], [false, true]] {
        let mut off = settled();
        let shows = Counts { open, ..counts(CLOSED, 50) };
        assert_eq!(watch(&mut off, at(2000), &shows), None);
        let report = watch(&mut off, at(2050).after(NANO), &shows);
        assert_eq!(numbers(report), Some((Fault::GateOpenUnasked, 0, 50_000_001, 50_000_000)));
    }
}

#[test]
fn holds_what_arrives_while_the_end_is_judged_and_counts_from_there() {
    verifies(Requirement::BeamUnasked);
    let mut off = BeamOff::new(&machine());
    off.expect([pc(PULSE[0]), pc(PULSE[1])]);
    let ending = |charge: i64, is_ending: bool| Counts {
        gate: None,
        charge: [pc(10_000 + charge), pc(-20_000)],
        is_ending,
        ..counts(CLOSED, 50)
    };
    assert_eq!(watch(&mut off, at(1000), &ending(0, true)), None);
    assert_eq!(watch(&mut off, at(1500), &ending(9000, true)), None, "a bus that was away brings what it owes");
    assert_eq!(watch(&mut off, at(1501), &ending(9000, false)), None, "judged: from here it counts");
    assert_eq!(watch(&mut off, at(1502), &ending(10_000, false)), None, "one late pulse");
    let report = numbers(watch(&mut off, at(1503), &ending(10_001, false)));
    assert_eq!(report, Some((Fault::ChargeWhileClosed, 1, 1001, 1000)));
}

/// A machine without pulses whose gate has just closed, with a reading of 10 ms ago that brought `last` pC in 10 ms; what is
/// found of so much charge after it.
fn after_closing(last: i64, collected: i64) -> Option<(Fault, u8, i64, i64)> {
    let mut off = BeamOff::new(&continuous());
    off.expect([pc(10_000), pc(20_000)]);
    let counts = |state, first: i64| Counts {
        charge: [pc(10_000 + first), pc(-20_000)],
        readings: [(ms(10), pc(last), ms(10)), (ms(10), pc(0), ms(10))],
        ..counts(state, 0)
    };
    assert_eq!(watch(&mut off, at(1000), &counts(CLOSED, 0)), None);
    numbers(watch(&mut off, at(1001), &counts(CLOSED, collected)))
}

#[test]
fn holds_and_trips_without_pulses_by_the_dose_period_that_was_due_when_the_gate_closed() {
    verifies(Requirement::BeamUnasked);
    // 10 000 pC in a tenth of a second: a period and the 10 ms since the last reading are 2000 pC, and a fifth more
    assert_eq!(after_closing(1000, 2400), None);
    assert_eq!(after_closing(1000, 2401), Some((Fault::ChargeWhileClosed, 1, 2401, 2400)));
    // a beam of three times the rate brings as much more, and is another fault
    assert_eq!(after_closing(3000, 6000), None);
    assert_eq!(after_closing(3000, 6001), Some((Fault::ChargeWhileClosed, 1, 6001, 6000)));
}

#[test]
fn holds_the_charge_of_a_pulse_that_is_counted_and_judges_what_comes_after_it() {
    verifies(Requirement::BeamUnasked);
    let mut off = BeamOff::new(&machine());
    off.expect([pc(PULSE[0]), pc(PULSE[1])]);
    let late = |pulses: u32, charge: i64| Counts {
        gate: None,
        pulses: [100, 200 + pulses, 300],
        charge: [pc(10_000), pc(-20_000 + charge)],
        ..counts(CLOSED, 50)
    };
    assert_eq!(watch(&mut off, at(1000), &late(0, 0)), None);
    assert_eq!(watch(&mut off, at(1001), &late(1, FULL_SCALE[1])), None, "its count tells whether it was lawful");
    assert_eq!(watch(&mut off, at(1002), &late(1, FULL_SCALE[1] + PULSE[1])), None, "what is late");
    let report = numbers(watch(&mut off, at(1003), &late(1, FULL_SCALE[1] + PULSE[1] + 1)));
    assert_eq!(report, Some((Fault::ChargeWhileClosed, 2, PULSE[1] + 1, PULSE[1])));
}

#[test]
fn holds_a_chamber_that_catches_up_with_the_other_one_and_no_more() {
    verifies(Requirement::BeamUnasked);
    // 20 000 pC of monitor 2 are 10 000 pC of monitor 1
    let closed = |first: i64, second: i64| Counts { charge: [pc(first), pc(second)], ..counts(CLOSED, 0) };
    let mut off = BeamOff::new(&continuous());
    off.expect([pc(10_000), pc(20_000)]);
    assert_eq!(watch(&mut off, at(1000), &closed(4000, 20_000)), None);
    // and what was due when the gate closed: 2400 pC of monitor 1, 4800 of monitor 2
    assert_eq!(watch(&mut off, at(1001), &closed(12_400, 24_800)), None);
    let first = numbers(watch(&mut off, at(1002), &closed(12_401, 24_800)));
    assert_eq!(first, Some((Fault::ChargeWhileClosed, 1, 8401, 8400)));
    let second = numbers(watch(&mut off, at(1003), &closed(12_400, 24_801)));
    assert_eq!(second, Some((Fault::ChargeWhileClosed, 2, 4801, 4800)), "nobody is ahead of it");
}

#[test]
fn holds_the_charge_of_a_tube_that_is_told_late_to_have_been_open() {
    verifies(Requirement::BeamUnasked);
    let told = |state, first: i64| Counts { charge: [pc(10_000 + first), pc(-20_000)], ..counts(state, 0) };
    let mut off = BeamOff::new(&continuous());
    off.expect([pc(10_000), pc(20_000)]);
    assert_eq!(watch(&mut off, at(1000), &told(CLOSED, 0)), None);
    assert_eq!(watch(&mut off, at(1001), &told(OPEN, 5000)), None, "an open gate brings charge");
    assert_eq!(watch(&mut off, at(1002), &told(CLOSED, 5000)), None);
    assert_eq!(watch(&mut off, at(1003), &told(CLOSED, 7400)), None);
    let report = numbers(watch(&mut off, at(1004), &told(CLOSED, 7401)));
    assert_eq!(report, Some((Fault::ChargeWhileClosed, 1, 2401, 2400)));
}
