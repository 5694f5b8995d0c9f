//! From the numbers that people write to the integers that the guards compare, each rounded to the side that is named.
//! This is the only place where a float becomes a count; the ranges of the files keep all of them far inside `i64`.

use beam_core::units::{Charge, Dose, DosePerCharge, Span};

/// What a product of two decimal numbers may be short of the whole number that was meant.
const DECIMAL_SLACK: f64 = 1e-6;

fn down(value: f64) -> i64 {
    (value + DECIMAL_SLACK).floor() as i64
}

fn nearest(value: f64) -> i64 {
    value.round() as i64
}

/// A limit in charge: whole pC, rounded down so that it is reached earlier.
pub fn charge_limit(picocoulombs: f64) -> Charge {
    Charge::from_picocoulombs(down(picocoulombs))
}

/// An expected charge: whole pC, to the nearest.
pub fn expected_charge(picocoulombs: f64) -> Charge {
    Charge::from_picocoulombs(nearest(picocoulombs))
}

/// An expected dose: micro-MU, to the nearest.
pub fn expected_dose(mu: f64) -> Dose {
    Dose::from_micro_mu(nearest(mu * 1e6))
}

/// A limit in dose: whole micro-MU, rounded down so that it is reached earlier.
pub fn dose_limit(mu: f64) -> Dose {
    Dose::from_micro_mu(down(mu * 1e6))
}

/// A dose in MU, for people.
pub fn mu(dose: Dose) -> f64 {
    dose.micro_mu() as f64 / 1e6
}

/// A duration in s, for people.
pub fn seconds(span: Span) -> f64 {
    span.nanos() as f64 / 1e9
}

/// A duration: ns, rounded down so that a limit is reached earlier. Never negative by its range.
pub fn span_of_millis(millis: f64) -> Span {
    Span::from_nanos((millis * 1e6 + DECIMAL_SLACK).floor() as u64)
}

/// A calibration: micro-MU per pC from pC per MU, to the nearest 2^-20.
pub fn dose_per_charge(pc_per_mu: f64) -> DosePerCharge {
    let one = f64::from(1_u32 << DosePerCharge::FRACTION_BITS);
    DosePerCharge::from_fixed((1e6 / pc_per_mu * one).round() as u64)
}

/// A voltage in the 0.02 V of the bus contract, to the nearest.
pub fn voltage(volts: f64) -> u16 {
    (volts * 50.0).round() as u16
}

/// A tolerance in 0.02 V, rounded down.
pub fn voltage_tolerance(volts: f64) -> u16 {
    (volts * 50.0 + DECIMAL_SLACK).floor() as u16
}

/// A leakage limit in the 0.1 pA of the bus contract, rounded down.
pub fn leakage(mu_per_minute: f64, pc_per_mu: f64) -> i32 {
    (mu_per_minute * pc_per_mu / 60.0 * 10.0 + DECIMAL_SLACK).floor() as i32
}

/// An energy in the 0.1 MeV of the bus contract; `None` when it is no multiple of it.
pub fn energy(mev: f64) -> Option<u8> {
    let tenths = mev * 10.0;
    ((tenths - tenths.round()).abs() < DECIMAL_SLACK).then(|| tenths.round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_rounded_to_the_side_that_stops_earlier() {
        assert_eq!(charge_limit(1111.1 * 20_000.0), Charge::from_picocoulombs(22_222_000));
        assert_eq!(charge_limit(10.9), Charge::from_picocoulombs(10));
        assert_eq!(span_of_millis(1.5), Span::from_micros(1500));
        assert_eq!(leakage(0.44, 20_000.0), 1466);
    }

    #[test]
    fn calibration_and_energy() {
        assert_eq!(dose_per_charge(20_000.0), DosePerCharge::from_fixed(50 << 20));
        assert_eq!(energy(9.0), Some(90));
        assert_eq!(energy(0.3), Some(3));
        assert_eq!(energy(0.05), None);
    }
}
