//! Electronics of a chamber that begin anew: a count that falls, or a charge that leaps, is no reading and no dose.

use beam_core::fault::Fault;
use beam_core::requirement::Requirement;

use crate::chamber::{Trial, tube};
use crate::kit::{PULSE, machine, order, pc, verifies};

#[test]
fn trips_over_electronics_that_begin_anew() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    let before = i64::from(trial.reading.pulses);
    trial.trips(0x8000, 0, Fault::ChamberRestarted, before - 0x8000, before);
    assert!(trial.chamber.began_anew(), "its pulses are no measure of this delivery any more");
    assert_eq!(trial.chamber.pulses(), 0);
    let mut trial = Trial::new();
    trial.trips(0xFFFF, 0, Fault::ChamberRestarted, before - 1, before);
    // a count from beyond the middle of its sixteen bits that falls to the beginning looks like many pulses
    let mut trial = Trial::counting_from(40_000, 1, &machine(), &order());
    trial.holds(7, 7 * PULSE[0]);
    trial.trips(0xFFFF - 40_007 + 6, 0, Fault::ChamberRestarted, 5, 40_007);
    assert_eq!(trial.chamber.pulses(), 7, "no pulse of before is forgotten, and none is made up");
    // the least fall that no wrap explains
    let mut trial = Trial::counting_from(0xFC00, 1, &machine(), &order());
    trial.trips(1025, 0, Fault::ChamberRestarted, 1, 0xFC00);
}

#[test]
fn trips_over_a_charge_that_leaps_further_than_can_be_measured_and_keeps_none_of_it() {
    verifies(Requirement::ChamberHonest);
    // full scale of the pulse that came and of two more
    for (pulses, charge, limit) in
        [(1, 15_001, 15_000), (1, -15_001, 15_000), (0, 10_001, 10_000), (0, -10_001, 10_000)]
    {
        let mut trial = Trial::new();
        trial.holds(1, 1000);
        trial.trips(pulses, charge, Fault::ChamberRestarted, charge, limit);
        assert_eq!((trial.chamber.charge(), trial.chamber.pulses()), (pc(1000), 1), "{charge}");
        // a picocoulomb nearer it is a reading, and judged as one
        let mut trial = Trial::new();
        let found = trial.more(pulses, charge - charge.signum()).expect_err("a reading that lies").fault;
        assert_eq!(found, if charge > 0 { Fault::FullScale } else { Fault::ChargeFalls });
    }
    // without pulses: full scale of each period since the last reading, and of two more
    for charge in [25_001, -25_001] {
        let mut tube = tube();
        let report = tube.stretch(30, charge, false).expect_err("it leaps");
        assert_eq!((report.fault, report.measured, report.limit), (Fault::ChamberRestarted, charge, 25_000));
        let mut tube = self::tube();
        let found = tube.stretch(30, charge - charge.signum(), false).expect_err("a reading that lies").fault;
        assert_ne!(found, Fault::ChamberRestarted, "{charge}");
    }
}

#[test]
fn holds_a_count_that_wraps() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::counting_from(0xFC01, 1, &machine(), &order());
    trial.holds(1024, 1024 * PULSE[0]);
    assert_eq!((trial.reading.pulses, trial.chamber.pulses()), (1, 1024));
}
