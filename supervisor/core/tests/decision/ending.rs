//! The judgement of an end: how long sensors may catch up to the gate's final count, who is silent and who disagrees, whom a
//! fault has named already, and for how long a bus that was away is waited for.

use beam_core::ending::{Ending, Sensor, Told, Verdict};
use beam_core::fault::Fault;
use beam_core::frame::Bus;
use beam_core::machine::{Beam, Landing, Machine};
use beam_core::note::FaultReport;
use beam_core::requirement::Requirement;
use beam_core::units::Span;

use crate::kit::{NANO, at, continuous, machine, ms, verifies};

const AGREES: Verdict = Verdict::Judged { agrees: true };
const SHORT: Verdict = Verdict::Judged { agrees: false };

/// The agreement time and three dose periods.
const PATIENCE: Span = ms(60);
/// How long the beam is watched after its end.
const WATCH: Span = ms(1000);

/// A judgement that began at 1 s.
fn ending(machine: &Machine) -> Ending {
    let mut ending = Ending::new(machine);
    ending.begin(at(1000));
    ending
}

const fn sensor(monitor: u8, bus: Bus, pulses: u32) -> Sensor {
    Sensor { monitor, bus, pulses, age: ms(5), heard_since_closing: true }
}

/// Gate and chambers at these counts; the gate has closed on both buses.
const fn told(finals: [u32; 2], chambers: [u32; 2]) -> Told {
    let [final_a, final_b] = finals;
    let [first, second] = chambers;
    Told {
        finals: [Some(final_a), Some(final_b)],
        gate: final_a,
        sensors: [Some(sensor(1, Bus::A, first)), Some(sensor(2, Bus::B, second)), None],
    }
}

/// The same, the last reading of monitor 2 being so old.
fn second_of(age: Span, pulses: u32) -> Told {
    let mut told = told([5, 5], [5, pulses]);
    told.sensors[1] = Some(Sensor { age, ..sensor(2, Bus::B, pulses) });
    told
}

/// The verdict after so long.
fn after(ending: &mut Ending, waited: Span, told: &Told) -> Verdict {
    ending.judge(at(1000).after(waited), told)
}

/// The fault that was found: which, of which monitor, on which bus, and its numbers.
fn found(verdict: Verdict) -> Option<(Fault, u8, Option<Bus>, i64, i64)> {
    match verdict {
        Verdict::Fault(it) => Some((it.fault, it.monitor, it.bus, it.measured, it.limit)),
        Verdict::Wait | Verdict::Judged { .. } => None,
    }
}

#[test]
fn holds_an_end_whose_counts_are_equal_at_once() {
    verifies(Requirement::BeamUnasked);
    let mut ending = ending(&machine());
    assert!(ending.is_judging());
    assert_eq!(after(&mut ending, Span::ZERO, &told([5, 5], [5, 5])), AGREES);
    assert!(!ending.is_judging());
    assert_eq!(after(&mut ending, ms(9000), &told([5, 5], [4, 4])), Verdict::Wait, "once");
    ending.begin(at(3000));
    assert!(!ending.is_judging(), "an end that was judged does not begin again");
    ending.arm();
    ending.begin(at(3000));
    assert!(ending.is_judging(), "the next delivery's does");
}

#[test]
fn nothing_is_judged_before_the_end() {
    let mut ending = Ending::new(&machine());
    assert_eq!((ending.is_judging(), after(&mut ending, ms(9000), &told([5, 5], [4, 4]))), (false, Verdict::Wait));
    ending.begin(at(1000));
    ending.begin(at(1050));
    assert!(found(after(&mut ending, PATIENCE.plus(NANO), &told([5, 5], [5, 4]))).is_some(), "it began at the first");
    ending.arm();
    assert_eq!((ending.is_judging(), after(&mut ending, ms(9000), &told([5, 5], [4, 4]))), (false, Verdict::Wait));
}

#[test]
fn holds_sensors_that_catch_up_in_time_and_trips_a_nanosecond_later() {
    verifies(Requirement::BeamUnasked);
    for lags in [told([5, 5], [4, 5]), told([5, 5], [5, 4])] {
        let mut ending = ending(&machine());
        assert_eq!(after(&mut ending, PATIENCE, &lags), Verdict::Wait);
        assert_eq!(after(&mut ending, PATIENCE, &told([5, 5], [5, 5])), AGREES);
    }
    for (lags, monitor, bus) in [(told([5, 5], [4, 5]), 1, Bus::A), (told([5, 5], [5, 4]), 2, Bus::B)] {
        let mut ending = ending(&machine());
        assert_eq!(after(&mut ending, PATIENCE, &lags), Verdict::Wait);
        let report = found(after(&mut ending, PATIENCE.plus(NANO), &lags));
        assert_eq!(report, Some((Fault::CountsDisagree, monitor, Some(bus), 4, 5)));
        assert_eq!(after(&mut ending, PATIENCE.plus(NANO), &lags), SHORT, "named once, then judged");
    }
}

#[test]
fn trips_a_sensor_that_counts_more_than_the_gate() {
    verifies(Requirement::BeamUnasked);
    let report = found(after(&mut ending(&machine()), PATIENCE.plus(NANO), &told([5, 5], [6, 5])));
    assert_eq!(report, Some((Fault::CountsDisagree, 1, Some(Bus::A), 6, 5)));
}

#[test]
fn trips_a_sensor_that_sends_nothing_as_silent_and_one_that_sends_as_one_that_disagrees() {
    verifies(Requirement::ChamberHonest);
    let late = PATIENCE.plus(NANO);
    let disagrees = found(after(&mut ending(&machine()), late, &second_of(ms(30), 4)));
    assert_eq!(disagrees, Some((Fault::CountsDisagree, 2, Some(Bus::B), 4, 5)), "three periods");
    let silent = found(after(&mut ending(&machine()), late, &second_of(ms(30).plus(NANO), 4)));
    assert_eq!(silent, Some((Fault::DoseStale, 2, Some(Bus::B), 30_000_001, 30_000_000)));
    // what counted before it fell silent is complete
    assert_eq!(after(&mut ending(&machine()), late, &second_of(ms(500), 5)), AGREES);
}

#[test]
fn trips_each_of_two_sensors_and_the_sensor_of_the_beams_own_charge() {
    verifies(Requirement::BeamUnasked);
    let mut ending = ending(&machine());
    let lag = told([5, 5], [4, 4]);
    let lag = Told { sensors: [lag.sensors[0], lag.sensors[1], Some(sensor(3, Bus::B, 3))], ..lag };
    let mut found_of = || found(after(&mut ending, PATIENCE.plus(NANO), &lag)).map(|(_, monitor, ..)| monitor);
    assert_eq!([found_of(), found_of(), found_of(), found_of()], [Some(1), Some(2), Some(3), None]);
    assert!(!ending.is_judging());
}

#[test]
fn holds_whom_a_fault_has_named_already() {
    verifies(Requirement::Latched);
    let late = PATIENCE.plus(NANO);
    for (monitor, lags) in [(1, told([5, 5], [4, 5])), (2, told([5, 5], [5, 4]))] {
        let mut named = ending(&machine());
        named.found(&FaultReport::of(Fault::Saturated).monitor(monitor));
        assert_eq!(after(&mut named, late, &lags), SHORT);
        let mut other = ending(&machine());
        other.name(3 - monitor, None);
        assert!(found(after(&mut other, late, &lags)).is_some(), "another monitor was named");
        // a second delivery in which nothing was named
        named.arm();
        named.begin(at(1000));
        assert!(found(after(&mut named, late, &lags)).is_some(), "names are those of one delivery");
    }
    let mut nobody = ending(&machine());
    nobody.name(0, None);
    nobody.name(9, None);
    assert!(found(after(&mut nobody, late, &told([5, 5], [5, 4]))).is_some());
}

#[test]
fn holds_a_count_that_a_fault_of_the_counts_has_named_but_trips_a_sensor_that_is_silent() {
    verifies(Requirement::Latched);
    let late = PATIENCE.plus(NANO);
    for fault in [Fault::PulsesWhileClosed, Fault::CountsDisagree, Fault::GateRestarted] {
        let mut counts = ending(&machine());
        counts.found(&FaultReport::of(fault));
        assert_eq!(after(&mut counts, late, &second_of(ms(30), 4)), SHORT, "{fault:?}");
        let mut silent = ending(&machine());
        silent.found(&FaultReport::of(fault));
        let report = found(after(&mut silent, late, &second_of(ms(30).plus(NANO), 4)));
        assert_eq!(report.map(|it| it.0), Some(Fault::DoseStale), "{fault:?}");
        counts.arm();
        counts.begin(at(1000));
        assert!(found(after(&mut counts, late, &second_of(ms(30), 4))).is_some(), "the next delivery's counts");
    }
    let mut other = ending(&machine());
    other.found(&FaultReport::of(Fault::TimeLimit));
    assert!(found(after(&mut other, late, &second_of(ms(30), 4))).is_some());
}

#[test]
fn holds_a_bus_that_was_away_for_as_long_as_the_beam_is_watched() {
    verifies(Requirement::BusTrusted);
    for (bus, lags) in [(Bus::A, told([5, 5], [4, 5])), (Bus::B, told([5, 5], [5, 4]))] {
        let away = |ending: &mut Ending| ending.found(&FaultReport::of(Fault::BusOff).on(bus));
        let mut back = ending(&machine());
        away(&mut back);
        assert_eq!(after(&mut back, PATIENCE.plus(NANO), &lags), Verdict::Wait);
        assert_eq!(after(&mut back, WATCH, &lags), Verdict::Wait);
        assert_eq!(after(&mut back, WATCH, &told([5, 5], [5, 5])), AGREES, "it came back in time");
        let mut gone = ending(&machine());
        away(&mut gone);
        assert_eq!(after(&mut gone, WATCH, &lags), Verdict::Wait);
        assert_eq!(after(&mut gone, WATCH.plus(NANO), &lags), SHORT, "no second fault for it");
        gone.arm();
        gone.begin(at(1000));
        assert!(found(after(&mut gone, PATIENCE.plus(NANO), &lags)).is_some(), "that was the last delivery's bus");
    }
    // a fault of a monitor that only says on which bus it was is no fault of the bus
    let mut chamber = ending(&machine());
    chamber.found(&FaultReport::of(Fault::PulseHigh).monitor(1).on(Bus::B));
    assert!(found(after(&mut chamber, PATIENCE.plus(NANO), &told([5, 5], [5, 4]))).is_some());
    // a slow machine is watched for three pulse periods
    let beam = Beam::Pulsed { period: ms(500), window: 1, landing: Landing::Nearest, gate_knows_lease: true };
    let slow = Machine { beam, ..machine() };
    for (waited, verdict) in [(ms(1500), Verdict::Wait), (ms(1500).plus(NANO), SHORT)] {
        let mut ending = ending(&slow);
        ending.name(0, Some(Bus::B));
        assert_eq!(after(&mut ending, waited, &told([5, 5], [5, 4])), verdict);
    }
}

#[test]
fn holds_each_sensor_to_the_final_count_of_its_own_bus() {
    verifies(Requirement::BeamUnasked);
    let late = PATIENCE.plus(NANO);
    assert_eq!(told([6, 5], [6, 5]).final_count(), 5, "the smaller counts");
    assert_eq!(told([5, 6], [5, 6]).final_count(), 5);
    let mut differ = ending(&machine());
    assert_eq!(after(&mut differ, PATIENCE, &told([5, 6], [5, 6])), Verdict::Wait, "two finals that differ");
    assert_eq!(after(&mut differ, late, &told([5, 6], [5, 6])), SHORT);
    let report = found(after(&mut ending(&machine()), late, &told([5, 6], [5, 5])));
    assert_eq!(report, Some((Fault::CountsDisagree, 2, Some(Bus::B), 5, 6)));
    let report = found(after(&mut ending(&machine()), late, &told([6, 5], [5, 5])));
    assert_eq!(report, Some((Fault::CountsDisagree, 1, Some(Bus::A), 5, 6)));
    // a bus that told of no closing takes the other's
    for finals in [[Some(5), None], [None, Some(5)]] {
        let one = Told { finals, gate: 9, ..told([5, 5], [5, 5]) };
        assert_eq!((one.final_count(), after(&mut ending(&machine()), Span::ZERO, &one)), (5, AGREES));
    }
}

#[test]
fn holds_the_judgement_until_the_gate_has_closed() {
    verifies(Requirement::BeamUnasked);
    let open = Told { finals: [None; 2], ..told([5, 5], [5, 5]) };
    assert_eq!(open.final_count(), 5);
    let mut late = ending(&machine());
    assert_eq!(after(&mut late, WATCH, &open), Verdict::Wait, "both buses may have been away");
    assert_eq!(after(&mut late, WATCH, &told([5, 5], [5, 5])), AGREES);
    let mut never = ending(&machine());
    assert_eq!(after(&mut never, WATCH.plus(NANO), &open), SHORT, "nobody knows at which count it closed");
    let lags = Told { finals: [None; 2], ..told([5, 5], [5, 4]) };
    let report = found(after(&mut ending(&machine()), PATIENCE.plus(NANO), &lags));
    assert_eq!(report, Some((Fault::CountsDisagree, 2, Some(Bus::B), 4, 5)));
}

#[test]
fn holds_a_tube_until_each_chamber_was_heard_after_the_closing() {
    verifies(Requirement::BeamUnasked);
    let mut before = told([0, 0], [0, 0]);
    before.sensors[1] = Some(Sensor { heard_since_closing: false, ..sensor(2, Bus::B, 0) });
    let mut tube = ending(&continuous());
    assert_eq!(after(&mut tube, PATIENCE, &before), Verdict::Wait);
    assert_eq!(after(&mut tube, PATIENCE.plus(NANO), &before), Verdict::Wait, "a gate that closed late: it is due");
    before.sensors[1] = Some(Sensor { age: ms(30), heard_since_closing: false, ..sensor(2, Bus::B, 0) });
    assert_eq!(after(&mut tube, PATIENCE.plus(NANO), &before), Verdict::Wait);
    before.sensors[1] = Some(Sensor { age: ms(30).plus(NANO), heard_since_closing: false, ..sensor(2, Bus::B, 0) });
    let report = found(after(&mut tube, PATIENCE.plus(NANO), &before));
    assert_eq!(report.map(|it| (it.0, it.1)), Some((Fault::DoseStale, 2)), "its counts are equal: it is silent");
    let mut due = ending(&continuous());
    before.sensors[1] = Some(Sensor { heard_since_closing: false, ..sensor(2, Bus::B, 0) });
    assert_eq!(after(&mut due, WATCH, &before), Verdict::Wait);
    assert_eq!(after(&mut due, WATCH.plus(NANO), &before), SHORT);
    let mut heard = ending(&continuous());
    assert_eq!(after(&mut heard, PATIENCE, &told([0, 0], [0, 0])), AGREES);
    // a pulse says by its count that it has arrived
    assert_eq!(after(&mut ending(&machine()), Span::ZERO, &before), AGREES);
}
