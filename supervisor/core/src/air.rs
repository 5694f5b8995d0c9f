//! The air in a vented chamber: how much more dose stands behind its charge than at 20 °C and 101.325 kPa.
//!
//! k = ((273.15 + T) / 293.15) · (101.325 / p), the usual correction of every code of practice for ionisation chambers
//! (IAEA TRS-398). It is read once, frozen at arming, and rounded up: more dose for the same charge ends the beam earlier.

use crate::fault::Fault;
use crate::note::FaultReport;
use crate::units::{DosePerCharge, Span};

/// Binary places of a factor.
const FRACTION_BITS: u32 = 20;
/// One.
const ONE: u64 = 1 << FRACTION_BITS;
/// A reading older than this says nothing about the air of now: 4 h.
const OLD: Span = Span::from_secs(4 * 3600);
/// What two sensors may differ by: 0.01.
const APART: u64 = ONE / 100;
/// Hundredths by which the factor may differ from that of the site at 20 °C.
const OFF_PERCENT: u64 = 6;

/// One thermometer and one barometer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Air {
    /// Temperature in 0.01 °C.
    pub centidegrees: i32,
    /// Pressure in Pa.
    pub pascals: u32,
}

/// The factor k, times 2^20.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AirFactor(u64);

impl AirFactor {
    /// The factor times 2^20.
    #[must_use]
    pub const fn fixed(self) -> u64 {
        self.0
    }

    /// What a chamber calibrated at the reference air gives for its charge in this air, rounded up.
    #[must_use]
    pub fn corrected(self, calibration: DosePerCharge) -> DosePerCharge {
        let wide = u128::from(calibration.fixed()).saturating_mul(u128::from(self.0));
        let up = wide.saturating_add(u128::from(ONE.saturating_sub(1))) >> FRACTION_BITS;
        DosePerCharge::from_fixed(u64::try_from(up).unwrap_or(u64::MAX))
    }
}

/// The factor of this air, rounded up; none where no air can be like that.
#[must_use]
pub fn factor(air: Air) -> Option<AirFactor> {
    let kelvin = u64::try_from(i64::from(air.centidegrees).saturating_add(27_315)).ok()?;
    let above = kelvin.saturating_mul(101_325).saturating_mul(ONE);
    let below = u64::from(air.pascals).saturating_mul(29_315);
    let up = above.saturating_add(below.saturating_sub(1)).checked_div(below)?;
    (up > 0).then_some(AirFactor(up))
}

/// The factor to be frozen, from two sensors read `age` ago: the larger one.
///
/// # Errors
/// [`Fault::TemperaturePressure`] when the reading is old (measured in s), the sensors differ by more than 0.01 or the factor
/// is more than 6 % from that of `site_pascals` at 20 °C (both measured in millionths).
pub fn frozen(sensors: [Air; 2], age: Span, site_pascals: u32) -> Result<AirFactor, FaultReport> {
    let refused = |measured: u64, limit: u64| {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        FaultReport::of(Fault::TemperaturePressure).measured(number(measured), number(limit))
    };
    let millionths = |fixed: u64| fixed.saturating_mul(1_000_000) >> FRACTION_BITS;
    if age > OLD {
        return Err(refused(age.millis() / 1000, OLD.millis() / 1000));
    }
    let [first, second] = sensors.map(factor);
    let site = factor(Air { centidegrees: 2_000, pascals: site_pascals });
    let (Some(first), Some(second), Some(site)) = (first, second, site) else { return Err(refused(0, 0)) };
    let apart = first.0.abs_diff(second.0);
    if apart > APART {
        return Err(refused(millionths(apart), millionths(APART)));
    }
    let larger = first.max(second);
    for one in [first, second] {
        if one.0.abs_diff(site.0).saturating_mul(100) > site.0.saturating_mul(OFF_PERCENT) {
            return Err(refused(millionths(one.0), millionths(site.0)));
        }
    }
    Ok(larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: Air = Air { centidegrees: 2_000, pascals: 101_325 };

    #[test]
    fn holds_one_in_the_reference_air_and_rounds_up_beside_it() {
        assert_eq!(factor(REFERENCE), Some(AirFactor(ONE)));
        // 24 °C and 98 kPa: 297.15 / 293.15 x 101.325 / 98 = 1.048 05
        let warm = factor(Air { centidegrees: 2_400, pascals: 98_000 }).map_or(0, AirFactor::fixed);
        assert_eq!(warm.saturating_mul(100_000) >> FRACTION_BITS, 104_803);
        let calibration = DosePerCharge::from_fixed(50 << 20);
        assert_eq!(AirFactor(ONE).corrected(calibration), calibration);
        assert!(
            AirFactor(ONE.saturating_add(1)).corrected(DosePerCharge::from_fixed(1)) == DosePerCharge::from_fixed(2)
        );
    }

    #[test]
    fn holds_two_sensors_that_agree_and_takes_the_larger() {
        let other = Air { centidegrees: 2_150, ..REFERENCE };
        assert_eq!(frozen([REFERENCE, other], OLD, 101_325).ok(), factor(other));
        assert_eq!(frozen([other, REFERENCE], Span::ZERO, 101_325).ok(), factor(other));
    }

    #[test]
    fn trips_on_air_that_is_old_apart_far_from_the_site_or_impossible() {
        let site = 101_325;
        assert!(frozen([REFERENCE; 2], OLD.plus(Span::from_millis(1)), site).is_err());
        assert!(frozen([REFERENCE, Air { pascals: 100_200, ..REFERENCE }], Span::ZERO, site).is_err());
        assert!(frozen([REFERENCE; 2], Span::ZERO, 95_000).is_err());
        assert!(frozen([Air { pascals: 95_000, ..REFERENCE }; 2], Span::ZERO, site).is_err());
        assert!(frozen([Air { pascals: 0, ..REFERENCE }; 2], Span::ZERO, site).is_err());
        assert!(frozen([Air { centidegrees: -30_000, ..REFERENCE }; 2], Span::ZERO, site).is_err());
    }
}
