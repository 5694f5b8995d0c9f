//! The readings of thermometers and barometers that a site gives in a file, for machines with vented chambers:
//!
//! ```toml
//! taken = "2026-03-02T07:30:00Z"
//! [[sensors]]
//! temperature-c = 21.4
//! pressure-kpa = 99.81
//! [[sensors]]
//! temperature-c = 21.6
//! pressure-kpa = 99.79
//! ```

use std::fs;
use std::path::Path;

use beam_core::air::{Air, AirFactor, frozen};
use beam_core::fault::Fault;
use beam_core::units::Span;
use serde::Deserialize;

/// Seconds by which two clocks of one site may differ.
const CLOCKS_APART: i64 = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Readings {
    taken: String,
    sensors: [Sensor; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Sensor {
    temperature_c: f64,
    pressure_kpa: f64,
}

/// The factor of the air in the file at `path`, for a site whose usual pressure is `site_kpa`, at `now` in seconds of the
/// wall clock.
///
/// # Errors
/// What is wrong with the file or its air, in words.
pub fn read(path: &Path, site_kpa: f64, now: i64) -> Result<AirFactor, String> {
    let refuse = |what: String| {
        let fault = Fault::TemperaturePressure;
        let (code, name, fix) = (fault.code(), fault.name(), fault.action());
        format!("{}: {code} {name}: {what}\n    fix: {fix}", path.display())
    };
    let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    let readings: Readings = toml::from_str(&text).map_err(|error| refuse(error.message().to_owned()))?;
    let taken: jiff::Timestamp = readings.taken.parse().map_err(|error: jiff::Error| refuse(error.to_string()))?;
    let age = now - taken.as_second();
    if age < -CLOCKS_APART {
        return Err(refuse(format!("taken = {} lies in the future", readings.taken)));
    }
    let age = Span::from_secs(u64::try_from(age).unwrap_or(0));
    let sensors = readings.sensors.map(|sensor| Air {
        // `as` holds at the ends of the range, and no number becomes 0; both are no air and refused
        centidegrees: (sensor.temperature_c * 100.0).ceil() as i32,
        pascals: (sensor.pressure_kpa * 1000.0).floor() as u32,
    });
    frozen(sensors, age, (site_kpa * 1000.0).round() as u32).map_err(|report| {
        refuse(format!("old, apart or implausible (measured {}, limit {})", report.measured, report.limit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAKEN: i64 = 1_772_436_600;

    fn judged(text: &str, now: i64) -> Result<AirFactor, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("air.toml");
        fs::write(&path, text).unwrap();
        read(&path, 100.0, now)
    }

    fn text(first: f64, second: f64) -> String {
        let sensor = |kpa: f64| format!("[[sensors]]\ntemperature-c = 21.5\npressure-kpa = {kpa:?}\n");
        format!("taken = \"2026-03-02T07:30:00Z\"\n{}{}", sensor(first), sensor(second))
    }

    #[test]
    fn holds_a_fresh_reading_of_two_sensors() {
        let factor = judged(&text(99.81, 99.79), TAKEN + 3600).expect("good air");
        assert_eq!((factor.fixed() * 10_000) >> 20, 10_205);
    }

    #[test]
    fn trips_on_a_reading_that_is_old_from_the_future_apart_or_incomplete() {
        for (text, now) in [
            (text(99.81, 99.79), TAKEN + 4 * 3600 + 1),
            (text(99.81, 99.79), TAKEN - 61),
            (text(99.81, 98.5), TAKEN),
            (text(92.0, 92.0), TAKEN),
            (text(f64::NAN, 99.79), TAKEN),
            (text(99.81, 99.79).replace("[[sensors]]\ntemperature-c = 21.5\npressure-kpa = 99.79\n", ""), TAKEN),
            (text(99.81, 99.79) + "\nhumidity = 40\n", TAKEN),
            (String::new(), TAKEN),
        ] {
            let refused = judged(&text, now).expect_err(&text);
            assert!(refused.contains("F-714") && refused.contains("fix: "), "{refused}");
        }
    }
}
