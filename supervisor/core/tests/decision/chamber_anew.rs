//! A chamber from one delivery to the next, and over an interruption: what is forgotten, what is kept, what is no dose; and
//! what its last reading and its last stretch of beam have told.

use beam_core::requirement::Requirement;
use beam_core::units::Charge;

use crate::chamber::{Trial, tube};
use crate::kit::{FULL_SCALE, PULSE, ms, order, pc, verifies};

#[test]
fn holds_nothing_of_the_last_delivery_once_another_is_offered() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    trial.holds(3, 3 * PULSE[0]);
    trial.chamber.forget();
    assert_eq!((trial.chamber.charge(), trial.chamber.pulses(), trial.chamber.expected()), (pc(0), 0, pc(0)));
    // nothing is expected, so nothing is judged: not high, not low, not a fall
    for charge in [FULL_SCALE[0], 0, 0, 0, -3000] {
        assert!(trial.more(1, charge).is_ok(), "{charge}");
    }
    trial.chamber.begin(&order());
    assert_eq!((trial.chamber.charge(), trial.chamber.pulses()), (pc(0), 0));
    trial.holds(1, PULSE[0]);
}

#[test]
fn holds_the_dose_of_a_tube_over_an_interruption_and_its_drift_before_each_beam_for_none() {
    verifies(Requirement::PrimaryDose);
    let mut tube = tube();
    for _ in 0..2 {
        tube.chamber.begin(&order());
        assert!(tube.stretch(10, 90, false).is_ok());
        tube.chamber.start();
        assert_eq!(tube.chamber.charge(), Charge::ZERO, "drift before the beam");
        assert!(tube.stretch(50, 500, true).is_ok());
        tube.chamber.start();
        assert_eq!(tube.chamber.charge(), pc(500), "it goes on");
    }
}

#[test]
fn holds_a_stretch_to_the_delivery_that_it_began_in() {
    verifies(Requirement::ChamberHonest);
    let mut tube = tube();
    assert!(tube.stretch(90, 900, true).is_ok());
    tube.chamber.begin(&order());
    assert!(tube.stretch(10, 100, true).is_ok());
    assert!(!tube.chamber.take_stretch(), "10 ms of the second delivery");
    assert!(tube.stretch(90, 900, true).is_ok());
    tube.chamber.begin(&order());
    assert!(!tube.chamber.take_stretch(), "it ended in the second delivery, and nobody had asked");
}

#[test]
fn holds_a_stretch_with_a_tenth_of_its_charge_for_beam_and_tells_of_it_once() {
    verifies(Requirement::BeamUnasked);
    for (charge, beam) in [(99, false), (100, true)] {
        let mut tube = tube();
        assert!(tube.stretch(99, 0, true).is_ok());
        assert!(!tube.chamber.take_stretch());
        assert!(tube.stretch(1, charge, true).is_ok());
        assert_eq!((tube.chamber.take_stretch(), tube.chamber.take_stretch()), (beam, false), "{charge}");
    }
}

#[test]
fn holds_the_age_the_charge_and_the_time_of_the_last_reading() {
    verifies(Requirement::BeamUnasked);
    let mut tube = tube();
    assert!(tube.stretch(30, 70, false).is_ok());
    assert_eq!(tube.chamber.last_reading(tube.now.after(ms(4))), (ms(4), pc(70), ms(30)));
}

#[test]
fn holds_what_was_delivered_when_the_counter_falls() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    trial.holds(3, 3000);
    assert!(trial.more(0, -101).is_err());
    assert_eq!(trial.chamber.charge(), pc(3000), "it does not become less");
}
