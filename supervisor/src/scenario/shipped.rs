//! The scenarios that the program carries with it, so that `demo --accident` works from any directory. They are the files of
//! `tests/scenarios/`, taken in when the program is built.

use super::{Scenario, parse};
use crate::config::Problem;

/// A file that the program carries.
#[derive(Clone, Copy, Debug)]
pub struct ShippedScenario {
    /// Its name without the ending.
    pub name: &'static str,
    /// Path from the root of the repository.
    pub file: &'static str,
    /// Content.
    pub text: &'static str,
}

impl ShippedScenario {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it; a test reads them all.
    pub fn read(&self) -> Result<Scenario, Vec<Problem>> {
        parse(self.file, self.text)
    }
}

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        &[$(ShippedScenario {
            name: $name,
            file: concat!("tests/scenarios/", $name, ".toml"),
            text: include_str!(concat!("../../../tests/scenarios/", $name, ".toml")),
        }),+]
    };
}

/// All of them.
pub const SCENARIOS: &[ShippedScenario] = shipped![
    "A01",
    "A01-m1-only",
    "A01-sensorless",
    "A02",
    "A03",
    "A03-m1-only",
    "A03-sensorless",
    "A04",
    "A04-sensorless",
    "A05",
    "A05-counter-reset",
    "A05-service-mode",
    "A06",
    "A06-charge-only",
    "A06-backup",
    "A07",
    "A07-in-beam",
    "A07-readback-lies",
    "A07-readback-lies-sensorless",
    "A08",
    "A08-readback-forged",
    "A08-readback-forged-sensorless",
    "A09",
    "A09-target-failure",
    "A09-sensorless",
    "A10",
    "A10-interlock",
    "A10-above-chambers",
    "A10-below-chambers",
    "A11",
    "A11-density",
    "A12",
    "A12-many-small-pulses",
    "A13",
    "A13-208-days",
    "A13-248-days",
    "A13-497-days",
    "A13-counter-zero",
    "A14",
    "A14-charge",
    "A14-charge-sign",
    "A14-decrease",
    "A15",
    "A15-at-the-pulse",
    "A15-one-in-fifty",
    "A15-bit-flips",
    "A15-duplicates",
    "A15-out-of-order",
    "A15-wrong-counter",
    "A15-crc",
    "A16",
    "A16-stamps",
    "A16-bus-off",
    "A17",
    "A17-resume",
    "A18",
    "A18-30-hz",
    "A18-session",
    "A18-dose1",
    "A18-dose2",
    "A18-time",
    "A18-interlock",
    "A18-starved",
    "A18-starved-guard",
    "S01-after-a-door",
    "S01-late-pulse",
    "S01-many-pulses",
    "S01-uncounted",
    "S02-gate-silent",
    "S02-last-count",
    "S02-last-pulse",
    "S03-acknowledged-too-soon",
    "S03-armed-at-once",
    "S03-bus-away",
    "S04-between-two-readings",
    "S05-rate-48",
    "S06-gate-clock",
    "S07-open-on-one-bus",
    "S07-report-a",
    "S07-report-b",
    "S08-request-flickers",
    "S08-request-stuck",
    "S08-request-stuck-tube",
    "S09-chamber-between-deliveries",
    "S09-gate-between-deliveries",
    "S10-both-low",
    "S11-half-a-reading",
    "S11-pulse-by-pulse",
    "S12-slow-timer",
    "S12-trip-dead",
    "S13-restart-at-rest",
    "S13-restart-in-the-proof",
    "holds-late-first-count",
    "holds-late-first-count-early",
    "holds-late-first-count-pulsed",
    "holds-beam-holds",
    "holds-residual-dose",
    "holds-residual-dose-pulsed",
    "holds-early-disagreement",
    "holds-early-disagreement-pulsed",
    "holds-largest-ratio",
    "holds-largest-ratio-pulsed",
    "holds-counters",
    "holds-backup-below",
    "holds-larger-pulses",
    "holds-plan-in-pulses",
    "holds-rate-52",
    "holds-rate-55",
    "holds-rate-88",
];

/// The scenario of this name, as `A01` or `A01-m1-only`; upper and lower case are the same.
#[must_use]
pub fn find(name: &str) -> Option<&'static ShippedScenario> {
    SCENARIOS.iter().find(|scenario| scenario.name.eq_ignore_ascii_case(name))
}
