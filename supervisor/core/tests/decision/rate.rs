//! The mean dose rate of the last pulses: a second's, or ten. What it does over twenty seconds stands beside the code; here
//! are its limits to the micro-MU and to the nanosecond.

use beam_core::fault::Fault;
use beam_core::machine::{Beam, Landing, Machine, RateRule};
use beam_core::rate::{Rate, Verdict};
use beam_core::requirement::Requirement;
use beam_core::units::{Dose, Ticks};

use crate::kit::{NANO, PULSE_DOSE, at, continuous, machine, micro_mu, ms, order, verifies};

/// The rate of `machine` at the beginning of a delivery.
fn rate_of(machine: &Machine) -> Rate {
    let mut rate = Rate::new(machine);
    rate.begin(&order());
    rate
}

/// Eleven pulses at the nominal ten a second, each of `dose`, with beam requested: a full window.
fn full(machine: &Machine, dose: i64) -> Rate {
    let mut rate = rate_of(machine);
    rate.pass(at(1000), true);
    for pulse in 0..=10 {
        rate.pass(at(1000 + 100 * pulse), true);
        rate.add(at(1000 + 100 * pulse), 1, micro_mu(dose));
    }
    rate
}

fn told(verdict: Verdict) -> (char, Option<(Fault, i64, i64)>) {
    match verdict {
        Verdict::Fine => ('f', None),
        Verdict::Warn(report) => ('w', Some((report.fault, report.measured, report.limit))),
        Verdict::Trip(report) => ('t', Some((report.fault, report.measured, report.limit))),
    }
}

fn of_pulses(machine: &Machine, dose: i64) -> (char, Option<(Fault, i64, i64)>) {
    told(full(machine, dose).judge())
}

#[test]
fn holds_up_to_twice_the_nominal_rate() {
    verifies(Requirement::DoseRate);
    // nominal are 50 000 a pulse and 500 000 a second
    assert_eq!(of_pulses(&machine(), 60_000), ('f', None));
    assert_eq!(of_pulses(&machine(), 60_001), ('w', Some((Fault::RateHigh, 600_010, 600_000))));
    assert_eq!(of_pulses(&machine(), 100_000), ('w', Some((Fault::RateHigh, 1_000_000, 600_000))));
}

#[test]
fn trips_over_twice_the_nominal_rate() {
    verifies(Requirement::DoseRate);
    assert_eq!(of_pulses(&machine(), 100_001), ('t', Some((Fault::RateHigh, 1_000_010, 1_000_000))));
    let modulated = Machine { rate: RateRule::Modulated, ..machine() };
    assert_eq!(of_pulses(&modulated, 100_001).0, 't');
}

#[test]
fn holds_down_to_half_the_nominal_rate() {
    verifies(Requirement::DoseRate);
    assert_eq!(of_pulses(&machine(), 42_500), ('f', None));
    assert_eq!(of_pulses(&machine(), 42_499), ('w', Some((Fault::RateLow, 424_990, 425_000))));
    assert_eq!(of_pulses(&machine(), 25_000), ('w', Some((Fault::RateLow, 250_000, 425_000))));
    let modulated = Machine { rate: RateRule::Modulated, ..machine() };
    assert_eq!(of_pulses(&modulated, 1), ('f', None), "a machine that modulates its rate may be slow");
}

#[test]
fn trips_under_half_the_nominal_rate() {
    verifies(Requirement::DoseRate);
    assert_eq!(of_pulses(&machine(), 24_999), ('t', Some((Fault::RateLow, 249_990, 250_000))));
}

#[test]
fn trips_a_wait_once_the_pulse_that_is_due_would_come_too_late() {
    verifies(Requirement::DoseRate);
    // ten pulses, the one that is due among them, in 900 ms and the wait: half the rate is two seconds
    for (millis, nanos, verdict) in [(1100, 0, 'w'), (1100, 1, 't'), (100, 0, 'f')] {
        let mut rate = full(&machine(), PULSE_DOSE);
        let now = Ticks::from_nanos(at(2000 + millis).nanos() + nanos);
        rate.pass(now, true);
        assert_eq!(told(rate.judge()).0, verdict, "{millis} ms and {nanos} ns");
    }
}

#[test]
fn holds_a_wait_in_which_no_beam_is_requested() {
    verifies(Requirement::DoseRate);
    let mut rate = full(&machine(), PULSE_DOSE);
    rate.pass(at(60_000), false);
    assert_eq!(rate.judge(), Verdict::Fine);
    rate.pass(at(61_100), true);
    assert_eq!(told(rate.judge()).0, 'w', "the window went on where it stood");
    rate.pass(at(61_100).after(NANO), true);
    assert_eq!(told(rate.judge()).0, 't');
}

#[test]
fn nominal_pulses_stand_for_those_that_have_not_come_yet() {
    verifies(Requirement::DoseRate);
    // 1.0 s of nominal beam and one pulse of 11: 2.1 times nominal over the window, less what was before
    let mut rate = rate_of(&machine());
    rate.add(at(1000), 1, micro_mu(1_000_000));
    assert_eq!(rate.judge(), Verdict::Fine, "the first pulse begins the window and is not in it");
    rate.add(at(1100), 1, micro_mu(550_000));
    assert_eq!(told(rate.judge()), ('w', Some((Fault::RateHigh, 1_000_000, 600_000))));
    let mut rate = rate_of(&machine());
    rate.add(at(1000), 1, micro_mu(1_000_000));
    rate.add(at(1100), 1, micro_mu(550_001));
    assert_eq!(told(rate.judge()), ('t', Some((Fault::RateHigh, 1_000_001, 1_000_000))));
}

#[test]
fn the_window_is_ten_pulses_of_a_slow_machine_and_a_second_of_readings_without_pulses() {
    let beam = Beam::Pulsed { period: ms(200), window: 1, landing: Landing::Nearest, gate_knows_lease: true };
    let slow = Machine { beam, ..machine() };
    let mut rate = rate_of(&slow);
    // 100 000 a pulse are nominal; ten pulses and one more
    for pulse in 0..=10 {
        rate.add(at(1000 + 200 * pulse), 1, micro_mu(200_001));
    }
    assert_eq!(told(rate.judge()).0, 't');
    let mut tube = rate_of(&continuous());
    for reading in 0..=100 {
        assert_eq!(told(tube.judge()).0 == 't', reading == 101, "{reading}");
        tube.add(at(1000 + 10 * reading), 0, micro_mu(10_000));
    }
    assert_eq!(told(tube.judge()).0, 'w', "twice nominal, not more");
    tube.add(at(2010), 0, micro_mu(10_200));
    assert_eq!(told(tube.judge()).0, 't');
}

#[test]
fn the_mean_is_taken_from_the_pulse_before_the_window_to_now() {
    let mut rate = rate_of(&machine());
    assert_eq!(rate.dose_per_second(at(1000)), Dose::ZERO, "no beam yet");
    rate.add(at(1000), 1, micro_mu(50_000));
    rate.add(at(1100), 1, micro_mu(50_000));
    assert_eq!(rate.dose_per_second(at(1100)), micro_mu(500_000));
    assert_eq!(rate.dose_per_second(at(1200)), micro_mu(250_000), "time runs on");
    for tenth in 2..=40 {
        rate.add(at(1000 + 100 * tenth), 1, micro_mu(60_000));
    }
    assert_eq!(rate.dose_per_second(at(5000)), micro_mu(600_000));
}

#[test]
fn a_rest_and_a_new_delivery_begin_anew() {
    let mut rate = full(&machine(), 200_000);
    assert_eq!(told(rate.judge()).0, 't');
    rate.rest();
    assert_eq!((rate.judge(), rate.dose_per_second(at(1000))), (Verdict::Fine, Dose::ZERO));
    // what comes after a rest is not compared with anything of before
    rate.add(at(60_000), 1, micro_mu(50_000));
    rate.add(at(60_100), 1, micro_mu(50_000));
    assert_eq!((rate.judge(), rate.dose_per_second(at(60_100))), (Verdict::Fine, micro_mu(500_000)));
    let mut rate = full(&machine(), 200_000);
    rate.begin(&order());
    assert_eq!(rate.judge(), Verdict::Fine);
    let mut unordered = Rate::new(&machine());
    unordered.add(at(1000), 1, micro_mu(1));
    unordered.add(at(1100), 1, micro_mu(1));
    assert_eq!(told(unordered.judge()).0, 't', "no rate is nominal yet");
}
