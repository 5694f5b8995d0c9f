//! *As planned*: each reason for which it cannot be said, alone, and how near to the preset monitor 1 must be.

use beam_core::machine::{Beam, Landing, Machine, Order};
use beam_core::outcome::{End, Outcome, Shortfall, landing_tolerance, shortfalls};
use beam_core::requirement::Requirement;
use beam_core::session::EndedBy;
use beam_core::wire::Guard;

use crate::kit::{PERIOD, PULSE_DOSE, continuous, machine, micro_mu, order, verifies, windowed};

/// The preset of [`order`] on monitor 1, in micro-MU: 40 pulses.
const PRESET: i64 = 40 * PULSE_DOSE;

/// 40 pulses by all, which gave this dose on monitor 1.
const fn end(first: i64) -> End {
    End { pulses: [40; 4], doses: [micro_mu(first), micro_mu(PRESET)], agrees: true }
}

/// A delivery with this end, of which all else is as planned.
const fn ended(end: End) -> Outcome {
    Outcome {
        ended_by: Some(EndedBy::Guard(Guard::Dose1)),
        fault: false,
        end: Some(end),
        chambers_disagree: false,
        record_is_whole: true,
    }
}

fn short_of(machine: &Machine, order: &Order, outcome: &Outcome) -> Vec<Shortfall> {
    shortfalls(machine, order, outcome).collect()
}

const fn landing(landing: Landing, gate_knows_lease: bool) -> Machine {
    Machine { beam: Beam::Pulsed { period: PERIOD, window: 1, landing, gate_knows_lease }, ..machine() }
}

#[test]
fn holds_a_delivery_of_which_everything_is_true() {
    verifies(Requirement::PrimaryDose);
    assert_eq!(short_of(&machine(), &order(), &ended(end(PRESET))), []);
}

#[test]
fn trips_each_condition_alone() {
    verifies(Requirement::PrimaryDose);
    let good = ended(end(PRESET));
    let others = [None, Some(EndedBy::Operator), Some(EndedBy::Session)];
    let guards = [Guard::Dose2, Guard::Time, Guard::Interlock].map(|guard| Some(EndedBy::Guard(guard)));
    for ended_by in others.into_iter().chain(guards) {
        assert_eq!(short_of(&machine(), &order(), &Outcome { ended_by, ..good }), [Shortfall::EndedOtherwise]);
    }
    let alone = [
        (Outcome { fault: true, ..good }, Shortfall::Fault),
        (Outcome { end: None, ..good }, Shortfall::NotJudged),
        (Outcome { end: Some(End { agrees: false, ..end(PRESET) }), ..good }, Shortfall::Counts),
        (Outcome { end: Some(end(PRESET - 27_501)), ..good }, Shortfall::Landing),
        (Outcome { chambers_disagree: true, ..good }, Shortfall::Chambers),
        (Outcome { record_is_whole: false, ..good }, Shortfall::Record),
    ];
    for (outcome, why) in alone {
        assert_eq!(short_of(&machine(), &order(), &outcome), [why]);
    }
    let nothing = Outcome {
        ended_by: None,
        fault: true,
        end: Some(End { agrees: false, ..end(0) }),
        chambers_disagree: true,
        record_is_whole: false,
    };
    let all = [Shortfall::EndedOtherwise, Shortfall::Fault, Shortfall::Counts, Shortfall::Chambers, Shortfall::Record];
    assert_eq!(short_of(&machine(), &order(), &nothing), all, "a dose at unequal counts is compared with nothing");
}

/// What monitor 1 may miss the preset by, and that it is just that, on both sides.
#[track_caller]
fn tolerates(machine: &Machine, order: &Order, end: End, tolerance: i64) {
    assert_eq!(landing_tolerance(machine, order, &end), micro_mu(tolerance));
    // above the preset with so many pulses that their mean is no larger than nominal
    let lands = |first| {
        let pulses = if first > PRESET { [42; 4] } else { end.pulses };
        short_of(machine, order, &ended(End { pulses, ..self::end(first) }))
    };
    assert_eq!((lands(PRESET + tolerance), lands(PRESET - tolerance)), (vec![], vec![]));
    assert_eq!(lands(PRESET + tolerance + 1), [Shortfall::Landing]);
    assert_eq!(lands(PRESET - tolerance - 1), [Shortfall::Landing]);
}

#[test]
fn holds_and_trips_at_half_a_pulse_and_the_noise_of_the_window() {
    verifies(Requirement::PrimaryDose);
    // half of 50 000, and 0.05 of it times the root of the window
    tolerates(&machine(), &order(), end(PRESET), 27_500);
    tolerates(&windowed(4), &order(), end(PRESET), 30_000);
    tolerates(&windowed(9), &order(), end(PRESET), 32_500);
    tolerates(&windowed(2), &order(), end(PRESET), 28_535);
}

#[test]
fn holds_and_trips_at_a_whole_pulse_where_the_first_at_or_above_ends() {
    verifies(Requirement::PrimaryDose);
    tolerates(&landing(Landing::AtOrAbove, true), &order(), end(PRESET), 52_500);
}

#[test]
fn holds_and_trips_at_what_the_latency_lets_pass_without_lease_and_without_pulses() {
    verifies(Requirement::PrimaryDose);
    // 500 000 a second for a reading's period and stale-after, 35 ms: 17 500; a pulse more may be under way
    tolerates(&landing(Landing::Nearest, false), &order(), end(PRESET), 27_500 + 17_500 + 50_000);
    tolerates(&continuous(), &order(), end(PRESET), 17_500);
}

#[test]
fn holds_the_larger_of_the_nominal_and_the_seen_pulse() {
    verifies(Requirement::PrimaryDose);
    // 20 pulses gave the whole dose: 100 000 each
    let few = End { pulses: [20; 4], ..end(PRESET) };
    assert_eq!(landing_tolerance(&machine(), &order(), &few), micro_mu(55_000));
    let many = End { pulses: [80; 4], ..end(PRESET) };
    assert_eq!(landing_tolerance(&machine(), &order(), &many), micro_mu(27_500));
    // monitor 1 alone counts here, and none at all is no division
    let first = End { pulses: [40, 20, 40, 40], ..end(PRESET) };
    assert_eq!(landing_tolerance(&machine(), &order(), &first), micro_mu(55_000));
    let none = End { pulses: [0; 4], ..end(0) };
    assert_eq!(landing_tolerance(&machine(), &order(), &none), micro_mu(27_500));
}

#[test]
fn holds_a_plan_in_pulses_to_their_number_and_to_no_dose() {
    verifies(Requirement::PrimaryDose);
    let plan = Order { pulses: Some(40), ..order() };
    let counted = |pulses, first| short_of(&machine(), &plan, &ended(End { pulses, ..end(first) }));
    assert_eq!((counted([40; 4], PRESET), counted([40; 4], PRESET * 2)), (vec![], vec![]));
    assert_eq!(counted([39; 4], PRESET), [Shortfall::Landing]);
    assert_eq!(counted([41; 4], PRESET), [Shortfall::Landing]);
    assert_eq!(counted([41, 40, 40, 40], PRESET), [Shortfall::Landing], "by the gate's final count");
}

#[test]
fn every_shortfall_has_words_of_its_own() {
    for (index, why) in Shortfall::ALL.iter().enumerate() {
        let words = why.name();
        assert!(words.len() > 10 && Shortfall::ALL[..index].iter().all(|other| other.name() != words), "{words}");
    }
}
