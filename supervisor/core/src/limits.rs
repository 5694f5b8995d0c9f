//! The limits that follow from a preset by rule: the backup's margin, the time, and both as counts.
//!
//! They are computed once, when a delivery is prepared, and rounded to the side that ends the beam earlier. The hot loop
//! only compares.

use crate::units::{Charge, Dose, DosePerCharge, Span};

/// The fixed part of the backup's margin: 40 MU, the model rules' figure for older units and the larger of the two that
/// machines use.
const MARGIN: Dose = Dose::from_micro_mu(40_000_000);
/// The relative part of the backup's margin, in percent.
const MARGIN_PERCENT: u32 = 10;
/// Pulses that the margin holds at least: noise and the chambers' difference must never reach the backup.
const MARGIN_PULSES: u32 = 2;
/// The relative part of the tolerance between the two values of the monitor units, in percent.
const TOLERANCE_PERCENT: u32 = 1;
/// The fixed part of that tolerance: 1 MU.
const TOLERANCE: Dose = Dose::from_micro_mu(1_000_000);
/// What the time limit lies above the expected time at least: 0.1 min.
const TIME_MARGIN: Span = Span::from_secs(6);

/// What the plan's monitor units and their independent calculation may differ by: max(1 %, min(1 MU, half a pulse)), of
/// the independent value.
#[must_use]
pub fn tolerance(check: Dose, pulse: Dose) -> Dose {
    let half_a_pulse = Dose::from_micro_mu(pulse.micro_mu() / 2);
    check.percent(TOLERANCE_PERCENT).larger(half_a_pulse.smaller(TOLERANCE))
}

/// The backup's limit, from the independent calculation of the monitor units alone: check + tolerance + max(2 pulses,
/// min(40 MU, 10 %)). Nothing of it depends on the preset, so that one wrong number cannot move both limits.
#[must_use]
pub fn backup(check: Dose, pulse: Dose) -> Dose {
    let margin = check.percent(MARGIN_PERCENT).smaller(MARGIN).larger(pulse.times(MARGIN_PULSES));
    check.plus(tolerance(check, pulse)).plus(margin)
}

/// The most pulses that a preset may take: floor(1.25 × preset / nominal pulse + 2). It bounds what two chambers that read
/// low alike can add.
#[must_use]
pub fn pulse_limit(preset: Dose, pulse: Dose) -> u32 {
    let quarters = i128::from(preset.micro_mu()).saturating_mul(5);
    let pulses = quarters.checked_div(i128::from(pulse.micro_mu()).saturating_mul(4)).unwrap_or(i128::from(u32::MAX));
    u32::try_from(pulses.saturating_add(2)).unwrap_or(u32::MAX)
}

/// The beam-on time that `preset` is expected to take at `dose_per_second`; the longest there is when that is zero.
#[must_use]
pub fn expected_time(preset: Dose, dose_per_second: Dose) -> Span {
    let nanos = i128::from(preset.micro_mu())
        .saturating_mul(1_000_000_000)
        .checked_div(i128::from(dose_per_second.micro_mu()))
        .and_then(|nanos| u64::try_from(nanos).ok());
    Span::from_nanos(nanos.unwrap_or(u64::MAX))
}

/// The time limit: max(1.2 × expected, expected + 6 s).
#[must_use]
pub fn time_limit(expected: Span) -> Span {
    expected.times(6).over(5).longer(expected.plus(TIME_MARGIN))
}

/// The charge at which `dose` is reached, rounded down.
#[must_use]
pub fn charge_for(dose: Dose, calibration: DosePerCharge) -> Charge {
    let wide =
        (i128::from(dose.micro_mu()) << DosePerCharge::FRACTION_BITS).checked_div(i128::from(calibration.fixed()));
    Charge::from_picocoulombs(wide.and_then(|charge| i64::try_from(charge).ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mu(mu: i64) -> Dose {
        Dose::from_micro_mu(mu.saturating_mul(1_000_000))
    }

    #[test]
    fn the_margin_is_the_smaller_of_percent_and_fixed_but_never_under_two_pulses() {
        assert_eq!(backup(mu(100), mu(1)), mu(111));
        assert_eq!(backup(mu(1000), mu(1)), mu(1050));
        assert_eq!(backup(mu(20), mu(4)), mu(29));
    }

    #[test]
    fn the_tolerance_is_one_percent_but_never_under_half_a_pulse_or_one_mu() {
        assert_eq!(tolerance(mu(500), mu(1)), mu(5));
        assert_eq!(tolerance(mu(50), mu(4)), mu(1));
        assert_eq!(tolerance(mu(10), Dose::from_micro_mu(600_000)), Dose::from_micro_mu(300_000));
    }

    #[test]
    fn the_pulse_limit_is_a_quarter_and_two_pulses_above_the_plan() {
        assert_eq!((pulse_limit(mu(80), mu(4)), pulse_limit(mu(4), mu(4)), pulse_limit(mu(81), mu(4))), (27, 3, 27));
        assert_eq!(pulse_limit(mu(1), Dose::ZERO), u32::MAX);
    }

    #[test]
    fn the_time_limit_is_the_larger_of_both_rules() {
        assert_eq!(expected_time(mu(1200), mu(10)), Span::from_secs(120));
        assert_eq!(time_limit(Span::from_secs(120)), Span::from_secs(144));
        assert_eq!(time_limit(Span::from_secs(10)), Span::from_secs(16));
        assert_eq!(expected_time(mu(1), Dose::ZERO), Span::from_nanos(u64::MAX));
    }

    #[test]
    fn a_limit_in_charge_never_stands_for_more_dose() {
        for picocoulombs_per_mu in [1_000_u64, 19_999, 20_000, 87_654] {
            let calibration = DosePerCharge::from_fixed((1_000_000 << 20) / picocoulombs_per_mu);
            let charge = charge_for(mu(1107), calibration);
            assert!(calibration.dose(charge) <= mu(1107));
            assert!(calibration.dose(charge.plus(Charge::from_picocoulombs(2))) > mu(1107));
        }
    }
}
