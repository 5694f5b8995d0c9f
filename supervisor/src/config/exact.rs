//! Decimal numbers as exact ratios: what a DBC file writes as 0.015625 MU is 625/2 pC at 20 000 pC/MU, and no float decides
//! about it.

/// A ratio of two whole numbers, above or below zero, in lowest terms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ratio {
    /// Above the line.
    pub numerator: i128,
    /// Below the line; above zero.
    pub denominator: i128,
}

/// Digits up to which the shortest decimal that means a double is the one that was written.
const DIGITS: usize = 15;
/// Decimal places to either side that a number may have.
const PLACES: i32 = 24;

impl Ratio {
    /// A whole number.
    pub const fn whole(number: i128) -> Self {
        Self { numerator: number, denominator: 1 }
    }

    /// One over a whole number above zero.
    pub const fn one_over(number: i128) -> Self {
        Self { numerator: 1, denominator: number }
    }

    /// The decimal number that was written as what is now `value`; `None` when it has more digits than a double keeps.
    pub fn of_decimal(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.trim_start_matches('-').len() > DIGITS {
            return None;
        }
        let places = exponent.parse::<i32>().ok()? - i32::try_from(fraction.len()).ok()?;
        if places.abs() > PLACES {
            return None;
        }
        let power = 10_i128.checked_pow(places.unsigned_abs())?;
        let number: i128 = digits.parse().ok()?;
        if places >= 0 { Some(Self::whole(number.checked_mul(power)?)) } else { Self::lowest(number, power) }
    }

    /// The product; `None` when it outgrows the numbers it is made of.
    pub fn times(self, other: Self) -> Option<Self> {
        // each against the other's first, so that the products stay small
        let one = Self::lowest(self.numerator, other.denominator)?;
        let two = Self::lowest(other.numerator, self.denominator)?;
        Self::lowest(one.numerator.checked_mul(two.numerator)?, one.denominator.checked_mul(two.denominator)?)
    }

    fn lowest(numerator: i128, denominator: i128) -> Option<Self> {
        let divisor = common_divisor(numerator.unsigned_abs(), denominator.unsigned_abs());
        let divisor = i128::try_from(divisor).ok().filter(|&divisor| divisor > 0)?;
        Some(Self { numerator: numerator / divisor, denominator: denominator / divisor })
    }
}

fn common_divisor(mut one: u128, mut other: u128) -> u128 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(value: f64) -> Option<(i128, i128)> {
        Ratio::of_decimal(value).map(|ratio| (ratio.numerator, ratio.denominator))
    }

    #[test]
    fn what_was_written_is_what_is_meant() {
        assert_eq!(ratio(0.1), Some((1, 10)));
        assert_eq!(ratio(0.015_625), Some((1, 64)));
        assert_eq!(ratio(1e-12), Some((1, 1_000_000_000_000)));
        assert_eq!(ratio(-2.5), Some((-5, 2)));
        assert_eq!(ratio(12_000.0), Some((12_000, 1)));
        assert_eq!(ratio(0.0), Some((0, 1)));
    }

    #[test]
    fn what_a_double_cannot_keep_is_none() {
        assert_eq!(ratio(1.0 / 3.0), None);
        assert_eq!(ratio(f64::NAN), None);
        assert_eq!(ratio(f64::MAX), None);
        assert_eq!(ratio(5e-324), None);
    }

    #[test]
    fn products_are_exact() {
        let dose = Ratio::of_decimal(0.015_625).and_then(|ratio| ratio.times(Ratio::whole(20_000)));
        assert_eq!(dose, Some(Ratio { numerator: 625, denominator: 2 }));
        let large = Ratio::whole(i128::MAX).times(Ratio::whole(3));
        assert_eq!(large, None);
    }
}
