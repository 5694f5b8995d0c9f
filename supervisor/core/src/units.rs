//! Quantities that the guards compute with, each an integer behind a private field.
//!
//! A number gets in and out only through the name of its unit, so that a charge can never be taken for a dose.
//! Arithmetic saturates instead of wrapping: a sum that leaves its range stays at the end that stops the beam earlier.
//!
//! | type | unit | used for |
//! | --- | --- | --- |
//! | [`Ticks`] | ns since an arbitrary start, monotonic | moments |
//! | [`Span`] | ns | durations, ages, limits of time |
//! | [`Charge`] | pC | what a chamber collected |
//! | [`ChargeCounter`] | pC modulo 2^32 | what a chamber's frame says |
//! | [`Dose`] | micro-MU | what two chambers are compared in |
//! | [`DosePerCharge`] | micro-MU per pC, 20 binary places | a chamber's calibration |
//!
//! `Ticks - Ticks = Span` ([`Ticks::since`]), `Ticks + Span = Ticks` ([`Ticks::after`]),
//! `Charge * DosePerCharge = Dose` ([`DosePerCharge::dose`]). Adding two moments does not compile:
//!
//! ```compile_fail
//! use beam_core::units::Ticks;
//! let nonsense = Ticks::from_nanos(1).after(Ticks::from_nanos(2));
//! ```

/// A moment on the monotonic clock, in nanoseconds since an arbitrary start. It wraps after 584 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Ticks(u64);

impl Ticks {
    /// The moment that the clock counts from.
    pub const ZERO: Self = Self(0);

    /// A moment from nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's start.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The moment `span` later.
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The earlier of two moments.
    #[must_use]
    pub const fn earlier(self, other: Self) -> Self {
        if self.0 <= other.0 { self } else { other }
    }
}

/// A duration in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A duration from nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A duration from microseconds.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// A duration from milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// A duration from seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds, rounded down.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// This duration `factor` times over.
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }

    /// This duration divided by `parts`, rounded down; the longest there is for no parts.
    #[must_use]
    pub const fn over(self, parts: u64) -> Self {
        match self.0.checked_div(parts) {
            Some(nanos) => Self(nanos),
            None => Self(u64::MAX),
        }
    }

    /// The sum of two durations.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What remains of this duration after another; zero when the other is longer.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The longer of two durations.
    #[must_use]
    pub const fn longer(self, other: Self) -> Self {
        if self.0 >= other.0 { self } else { other }
    }

    /// The shorter of two durations.
    #[must_use]
    pub const fn shorter(self, other: Self) -> Self {
        if self.0 <= other.0 { self } else { other }
    }

    /// By how much two durations differ.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0.abs_diff(other.0))
    }
}

/// An amount of charge in picocoulombs. Signed: an idle electrometer may drift below zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Charge(i64);

impl Charge {
    /// No charge.
    pub const ZERO: Self = Self(0);

    /// An amount from picocoulombs.
    #[must_use]
    pub const fn from_picocoulombs(picocoulombs: i64) -> Self {
        Self(picocoulombs)
    }

    /// Picocoulombs.
    #[must_use]
    pub const fn picocoulombs(self) -> i64 {
        self.0
    }

    /// The sum of two amounts.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// This amount less another.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This amount `factor` times over.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        // u32 fits i64
        Self(self.0.saturating_mul(factor as i64))
    }

    /// `percent` hundredths of this amount, rounded towards zero.
    #[must_use]
    pub const fn percent(self, percent: u32) -> Self {
        Self(self.0.saturating_mul(percent as i64) / 100)
    }

    /// This amount without its sign.
    #[must_use]
    pub const fn size(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

/// A chamber's cumulative charge as its frame carries it: picocoulombs modulo 2^32.
///
/// Two readings are compared as a signed 32-bit difference, so a lost frame loses no charge, and a drift from 0 to
/// -1 pC reads as -1 pC and not as 4 mC.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct ChargeCounter(u32);

impl ChargeCounter {
    /// The counter as it stands in a frame.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// The counter as it stands in a frame.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// The charge collected since `earlier`; right as long as less than 2.1 mC lies between the two.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Charge {
        let difference = i32::from_ne_bytes(self.0.wrapping_sub(earlier.0).to_ne_bytes());
        Charge(difference as i64)
    }
}

/// A dose in micro-MU (1 MU = 1 000 000).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Dose(i64);

impl Dose {
    /// No dose.
    pub const ZERO: Self = Self(0);

    /// A dose from micro-MU.
    #[must_use]
    pub const fn from_micro_mu(micro_mu: i64) -> Self {
        Self(micro_mu)
    }

    /// Micro-MU.
    #[must_use]
    pub const fn micro_mu(self) -> i64 {
        self.0
    }

    /// The sum of two doses.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// This dose less another.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This dose `factor` times over.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        Self(self.0.saturating_mul(factor as i64))
    }

    /// `percent` hundredths of this dose, rounded towards zero.
    #[must_use]
    pub const fn percent(self, percent: u32) -> Self {
        Self(self.0.saturating_mul(percent as i64) / 100)
    }

    /// This dose without its sign.
    #[must_use]
    pub const fn size(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// The smaller of two doses.
    #[must_use]
    pub const fn smaller(self, other: Self) -> Self {
        if self.0 <= other.0 { self } else { other }
    }

    /// The larger of two doses.
    #[must_use]
    pub const fn larger(self, other: Self) -> Self {
        if self.0 >= other.0 { self } else { other }
    }
}

/// A chamber's calibration: micro-MU per picocoulomb, as a fixed-point number with 20 binary places.
///
/// At 20 000 pC/MU one step is a relative 2e-8, far below any chamber's own uncertainty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct DosePerCharge(u64);

impl DosePerCharge {
    /// Binary places of the fixed-point number.
    pub const FRACTION_BITS: u32 = 20;

    /// A calibration from its fixed-point number: micro-MU per pC times 2^20.
    #[must_use]
    pub const fn from_fixed(fixed: u64) -> Self {
        Self(fixed)
    }

    /// The fixed-point number: micro-MU per pC times 2^20.
    #[must_use]
    pub const fn fixed(self) -> u64 {
        self.0
    }

    /// The dose that `charge` stands for, rounded towards minus infinity by less than one micro-MU.
    #[must_use]
    pub const fn dose(self, charge: Charge) -> Dose {
        let wide = (charge.0 as i128).saturating_mul(self.0 as i128) >> Self::FRACTION_BITS;
        Dose(if wide > i64::MAX as i128 {
            i64::MAX
        } else if wide < i64::MIN as i128 {
            i64::MIN
        } else {
            // in range by the two comparisons above
            #[expect(clippy::cast_possible_truncation, reason = "compared with both ends of i64 just above")]
            {
                wide as i64
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charge_is_a_signed_difference_across_the_wrap() {
        let before = ChargeCounter::from_raw(u32::MAX - 4);
        assert_eq!(ChargeCounter::from_raw(5).since(before), Charge::from_picocoulombs(10));
        let zero = ChargeCounter::from_raw(0);
        assert_eq!(ChargeCounter::from_raw(u32::MAX).since(zero), Charge::from_picocoulombs(-1));
    }

    #[test]
    fn calibration_turns_charge_into_dose() {
        // 20 000 pC per MU is 50 micro-MU per pC
        let calibration = DosePerCharge::from_fixed(50 << DosePerCharge::FRACTION_BITS);
        assert_eq!(calibration.dose(Charge::from_picocoulombs(20_000)), Dose::from_micro_mu(1_000_000));
        assert_eq!(calibration.dose(Charge::from_picocoulombs(-1)), Dose::from_micro_mu(-50));
        assert_eq!(calibration.dose(Charge::from_picocoulombs(i64::MAX)), Dose::from_micro_mu(i64::MAX));
    }

    #[test]
    fn spans_do_not_go_below_zero() {
        assert_eq!(Ticks::from_nanos(5).since(Ticks::from_nanos(9)), Span::ZERO);
        assert_eq!(Ticks::from_nanos(9).since(Ticks::from_nanos(5)), Span::from_nanos(4));
    }
}
