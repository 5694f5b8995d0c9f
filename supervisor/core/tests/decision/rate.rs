//! The mean dose rate over a sliding window of a second or ten pulses, in sixteen slots.

use beam_core::fault::Fault;
use beam_core::machine::{Beam, Landing, Machine, RateRule};
use beam_core::rate::{Rate, Verdict};
use beam_core::requirement::Requirement;
use beam_core::units::{Dose, Span, Ticks};

use crate::kit::{NANO, at, continuous, machine, micro_mu, ms, order, verifies};

/// Nominal dose of one window.
const NOMINAL: i64 = 500_000;
/// A window and the slot that is filling.
const FULL: Span = Span::from_nanos(1_062_500_000);

/// The rate of `machine` at the beginning of a delivery.
fn rate_of(machine: &Machine) -> Rate {
    let mut rate = Rate::new(machine);
    rate.begin(&order());
    rate
}

fn rate() -> Rate {
    rate_of(&machine())
}

fn modulated() -> Rate {
    rate_of(&Machine { rate: RateRule::Modulated, ..machine() })
}

/// What is judged of `dose` that came at once.
fn at_once(mut rate: Rate, dose: i64) -> (char, Option<(Fault, i64, i64)>) {
    rate.add(at(1000), micro_mu(dose));
    told(rate.judge(at(1000)))
}

/// What is judged, when the window has just filled, of `dose` in its middle.
fn when_full(mut rate: Rate, dose: i64) -> (char, Option<(Fault, i64, i64)>) {
    rate.add(at(1000), Dose::ZERO);
    rate.add(at(1500), micro_mu(dose));
    assert_eq!(rate.judge(Ticks::from_nanos(at(1000).after(FULL).nanos() - 1)), Verdict::Fine, "not yet full");
    told(rate.judge(at(1000).after(FULL)))
}

fn told(verdict: Verdict) -> (char, Option<(Fault, i64, i64)>) {
    match verdict {
        Verdict::Fine => ('f', None),
        Verdict::Warn(report) => ('w', Some((report.fault, report.measured, report.limit))),
        Verdict::Trip(report) => ('t', Some((report.fault, report.measured, report.limit))),
    }
}

#[test]
fn holds_up_to_twice_the_nominal_rate() {
    verifies(Requirement::DoseRate);
    assert_eq!(at_once(rate(), NOMINAL * 120 / 100), ('f', None));
    assert_eq!(at_once(rate(), NOMINAL * 120 / 100 + 1), ('w', Some((Fault::RateHigh, 600_001, 600_000))));
    assert_eq!(at_once(rate(), NOMINAL * 2), ('w', Some((Fault::RateHigh, 1_000_000, 600_000))));
}

#[test]
fn trips_over_twice_the_nominal_rate_at_once() {
    verifies(Requirement::DoseRate);
    assert_eq!(at_once(rate(), NOMINAL * 2 + 1), ('t', Some((Fault::RateHigh, 1_000_001, 1_000_000))));
    assert_eq!(at_once(modulated(), NOMINAL * 2 + 1).0, 't');
}

#[test]
fn holds_down_to_half_the_nominal_rate_and_until_the_window_is_full() {
    verifies(Requirement::DoseRate);
    assert_eq!(when_full(rate(), NOMINAL * 85 / 100), ('f', None));
    assert_eq!(when_full(rate(), NOMINAL * 85 / 100 - 1), ('w', Some((Fault::RateLow, 424_999, 425_000))));
    assert_eq!(when_full(rate(), NOMINAL / 2), ('w', Some((Fault::RateLow, 250_000, 425_000))));
    assert_eq!(when_full(modulated(), 0), ('f', None), "a machine that modulates its rate may be slow");
}

#[test]
fn trips_under_half_the_nominal_rate() {
    verifies(Requirement::DoseRate);
    assert_eq!(when_full(rate(), NOMINAL / 2 - 1), ('t', Some((Fault::RateLow, 249_999, 250_000))));
}

#[test]
fn holds_a_window_with_a_pause_in_it() {
    verifies(Requirement::DoseRate);
    let mut rate = rate();
    rate.add(at(1000), Dose::ZERO);
    rate.pause(at(1500));
    let full = at(1500).after(FULL);
    assert_eq!(rate.judge(at(1000).after(FULL)), Verdict::Fine);
    assert_eq!(rate.judge(Ticks::from_nanos(full.nanos() - 1)), Verdict::Fine);
    assert_eq!(told(rate.judge(full)).0, 't', "a whole window without a pause");
    // a pause makes no high rate right
    rate.pause(full);
    rate.add(full, micro_mu(NOMINAL * 2 + 1));
    assert_eq!(told(rate.judge(full)).0, 't');
    rate.begin(&order());
}

#[test]
fn a_dose_counts_for_one_window_to_the_nanosecond() {
    let second = at(2000);
    let before = Ticks::from_nanos(second.nanos() - 1);
    let mut rate = rate();
    rate.add(at(1000), micro_mu(NOMINAL * 2 + 1));
    assert_eq!(told(rate.judge(before)).0, 't');
    assert_eq!(told(rate.judge(second)).0, 'f');
}

#[test]
fn every_slot_of_the_window_counts() {
    let mut rate = rate();
    rate.add(at(1000), Dose::ZERO);
    for slot in 1..40_u64 {
        let now = at(1000).after(Span::from_nanos(62_500_000).times(slot));
        rate.add(now, micro_mu(NOMINAL / 16));
        let filled = i64::try_from(slot.min(16)).unwrap();
        assert!(rate.dose_per_second(now).micro_mu() >= NOMINAL / 16 * filled, "slot {slot}");
        assert_eq!(rate.judge(now), Verdict::Fine, "slot {slot}");
    }
}

#[test]
fn a_long_gap_empties_the_window() {
    let mut rate = rate();
    rate.add(at(1000), micro_mu(NOMINAL * 2));
    rate.add(at(60_000), micro_mu(NOMINAL * 2));
    assert_eq!(told(rate.judge(at(60_900))).1, Some((Fault::RateHigh, NOMINAL * 2, NOMINAL * 120 / 100)));
    rate.add(at(60_900), micro_mu(1));
    assert_eq!(told(rate.judge(at(60_900))).0, 't', "both lie in one window");
}

#[test]
fn the_window_is_ten_pulses_of_a_slow_machine_and_a_second_without_pulses() {
    let beam = Beam::Pulsed { period: ms(200), window: 1, landing: Landing::Nearest, gate_knows_lease: true };
    let slow = Machine { beam, ..machine() };
    assert_eq!(at_once(rate_of(&slow), NOMINAL * 4).0, 'w');
    assert_eq!(at_once(rate_of(&slow), NOMINAL * 4 + 1).0, 't');
    assert_eq!(at_once(rate_of(&continuous()), NOMINAL * 2).0, 'w');
    assert_eq!(at_once(rate_of(&continuous()), NOMINAL * 2 + 1).0, 't');
}

#[test]
fn the_mean_is_taken_over_what_the_window_covers() {
    let mut rate = rate();
    assert_eq!(rate.dose_per_second(at(1000)), Dose::ZERO, "no beam yet");
    rate.add(at(1000), micro_mu(50_000));
    assert_eq!(rate.dose_per_second(at(1000)), micro_mu(500_000), "over a tenth of a second at least");
    rate.add(at(1400), micro_mu(50_000));
    assert_eq!(rate.dose_per_second(at(1400)), micro_mu(250_000));
    for tenth in 5..=40 {
        rate.add(at(1000 + 100 * tenth), micro_mu(50_000));
    }
    // 5.0 s is where a slot begins: the other fifteen cover 937 ms, with ten pulses
    assert_eq!(rate.dose_per_second(at(5000)), micro_mu(500_000_000 / 937));
}

#[test]
fn a_rest_and_a_new_delivery_begin_anew() {
    let mut rate = rate();
    rate.add(at(1000), micro_mu(NOMINAL * 3));
    rate.rest();
    assert_eq!((rate.judge(at(1000)), rate.dose_per_second(at(1000))), (Verdict::Fine, Dose::ZERO));
    rate.add(at(1500), Dose::ZERO);
    assert_eq!(rate.judge(at(2500)), Verdict::Fine, "the window fills from the first pulse after the rest");
    rate.add(at(2500), micro_mu(NOMINAL * 3));
    rate.begin(&order());
    assert_eq!(rate.judge(at(2500).after(NANO)), Verdict::Fine);
    let mut unordered = Rate::new(&machine());
    unordered.add(at(1000), micro_mu(1));
    assert_eq!(told(unordered.judge(at(1000))).0, 't', "no rate is nominal yet");
}
