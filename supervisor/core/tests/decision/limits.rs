//! The limits that follow from a preset by rule.

use beam_core::limits::{backup, charge_for, expected_time, time_limit};
use beam_core::requirement::Requirement;
use beam_core::units::{Dose, DosePerCharge, Span};

use crate::kit::{micro_mu, ms, pc, verifies};

const fn mu(mu: i64) -> Dose {
    micro_mu(mu * 1_000_000)
}

#[test]
fn holds_a_margin_of_ten_percent_up_to_40_mu_and_two_pulses_at_least() {
    verifies(Requirement::BackupDose);
    assert_eq!(backup(mu(100), mu(1)), mu(111), "10 % beyond what the two calculations may differ by");
    assert_eq!((backup(mu(400), mu(1)), backup(mu(500), mu(1))), (mu(444), mu(545)), "at most 40 MU");
    assert_eq!((backup(mu(100), mu(5)), backup(mu(100), mu(6))), (mu(111), mu(113)), "at least two pulses");
}

#[test]
fn holds_a_time_of_a_fifth_or_six_seconds_more() {
    verifies(Requirement::BeamTime);
    assert_eq!(time_limit(Span::from_secs(30)), Span::from_secs(36), "both rules alike");
    assert_eq!(time_limit(ms(29_000)), ms(35_000));
    assert_eq!(time_limit(ms(31_000)), ms(37_200));
    assert_eq!(expected_time(mu(1200), mu(10)), Span::from_secs(120));
    assert_eq!(expected_time(mu(1), Dose::ZERO), Span::from_nanos(u64::MAX), "no rate: nothing is expected");
    assert_eq!(expected_time(mu(1), mu(-1)), Span::from_nanos(u64::MAX));
}

#[test]
fn trips_no_later_than_the_dose_for_every_calibration() {
    verifies(Requirement::PrimaryDose);
    let calibration = DosePerCharge::from_fixed(50 << 20);
    assert_eq!(charge_for(mu(3), calibration), pc(60_000));
    let third = DosePerCharge::from_fixed(3 << 20);
    assert_eq!(charge_for(micro_mu(8), third), pc(2), "rounded down");
    assert_eq!(charge_for(mu(3), DosePerCharge::from_fixed(0)), pc(0), "no calibration: no dose can be given");
    assert_eq!(charge_for(micro_mu(i64::MAX), DosePerCharge::from_fixed(1)), pc(0), "a charge too large to say");
}

#[test]
fn every_count_that_a_resume_goes_by_has_a_name_of_its_own() {
    use beam_core::resume::Source as S;
    let names =
        [S::Monitor1Recorded, S::Monitor2Recorded, S::Monitor1Live, S::Monitor2Live, S::GatePulses, S::BeamOnTime]
            .map(S::name);
    assert!(names.iter().enumerate().all(|(index, name)| name.len() > 3 && !names[..index].contains(name)));
}
