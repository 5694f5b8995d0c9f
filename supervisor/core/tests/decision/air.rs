//! The air of vented chambers: the factor that is frozen, and the readings that are refused.

use beam_core::air::{Air, AirFactor, factor, frozen};
use beam_core::fault::Fault;
use beam_core::note::FaultReport;
use beam_core::requirement::Requirement;
use beam_core::units::Span;

use crate::kit::{ms, verifies};

/// The reference air, whose factor is 1.
const REFERENCE: Air = Air { centidegrees: 2_000, pascals: 101_325 };
const FOUR_HOURS: Span = Span::from_secs(4 * 3600);
/// 0.01 as a factor.
const APART: u64 = (1 << 20) / 100;

fn numbers(frozen: Result<AirFactor, FaultReport>) -> Result<u64, (Fault, i64, i64)> {
    frozen.map(AirFactor::fixed).map_err(|report| (report.fault, report.measured, report.limit))
}

/// Air whose factor lies this far from 1.
fn apart_by(apart: u64) -> Air {
    let pressures =
        (99_900..101_000).flat_map(|pascals| (1_950..2_050).map(move |centidegrees| Air { centidegrees, pascals }));
    let mut fits = pressures.filter(|air| factor(*air).is_some_and(|k| k.fixed().abs_diff(1 << 20) == apart));
    fits.next().expect("air like that")
}

#[test]
fn holds_readings_at_their_limits() {
    verifies(Requirement::SetUp);
    let other = apart_by(APART);
    for sensors in [[REFERENCE, other], [other, REFERENCE]] {
        assert_eq!(numbers(frozen(sensors, FOUR_HOURS, 101_325)), Ok((1 << 20) + APART), "the larger one");
    }
}

#[test]
fn holds_a_factor_that_is_six_percent_from_that_of_the_site_and_trips_the_next() {
    verifies(Requirement::SetUp);
    let (site, air) = (90_036, Air { centidegrees: 1_850, pascals: 84_505 });
    let at_site = factor(Air { pascals: site, ..REFERENCE }).map_or(0, AirFactor::fixed);
    assert_eq!(factor(air).map(AirFactor::fixed), Some(at_site * 106 / 100));
    assert_eq!(at_site % 50, 0, "exactly six percent");
    assert_eq!(numbers(frozen([air; 2], ms(0), site)), Ok(at_site * 106 / 100));
    let warmer = Air { centidegrees: 1_851, ..air };
    assert_eq!(frozen([warmer; 2], ms(0), site).map_err(|report| report.fault), Err(Fault::TemperaturePressure));
}

#[test]
fn trips_readings_that_are_old_or_apart() {
    verifies(Requirement::SetUp);
    let refused = |measured, limit| Err((Fault::TemperaturePressure, measured, limit));
    let old = FOUR_HOURS.plus(ms(2_000));
    assert_eq!(numbers(frozen([REFERENCE; 2], old, 101_325)), refused(14_402, 14_400));
    let other = apart_by(APART + 1);
    for sensors in [[REFERENCE, other], [other, REFERENCE]] {
        assert_eq!(numbers(frozen(sensors, ms(0), 101_325)), refused(10_000, 9_999));
    }
    let nowhere = Air { pascals: 0, ..REFERENCE };
    assert_eq!(numbers(frozen([REFERENCE, nowhere], ms(0), 101_325)), refused(0, 0));
    assert_eq!(numbers(frozen([REFERENCE; 2], ms(0), 0)), refused(0, 0));
    assert_eq!(factor(Air { centidegrees: -27_315, ..REFERENCE }), None, "no air is that cold");
}
