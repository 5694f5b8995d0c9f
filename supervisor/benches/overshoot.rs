//! Pulses that come after the one that is nearest to the preset, at five pulse rates, with the pulse lease and without it, idle
//! and on a busy computer. The unit is simulated and turns in real time over socket pairs; the guards are the real ones.
//!
//! ```text
//! cargo bench --bench overshoot -- [--repeats 5] [--idle] [--json]
//! ```
//!
//! With the lease no pulse may come beyond the target at any rate, under any load: one that does ends the benchmark with exit
//! code 1. Without it the beam ends when the gate hears of it, so that what comes too late is what bus and guards cost.

mod at_rate;
mod load;

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;

use beam_supervisor::demo::{self, Wish};
use load::Load;

/// Pulses in a second, and how many are planned: two to four seconds of beam.
const RATES: [(u32, u32); 5] = [(5, 20), (30, 60), (100, 200), (400, 800), (1000, 2000)];
/// Half a pulse is as near as a whole pulse comes; the rest is the noise of the last one (1 %, three standard deviations and
/// the chamber's own).
const NEAREST: f64 = 0.5 + 0.04;

/// One setting, all its repeats.
struct Row {
    rate: u32,
    lease: bool,
    busy: bool,
    deliveries: Vec<Delivery>,
}

/// How one delivery came out.
struct Delivery {
    /// Pulses beyond the one nearest to the preset.
    beyond: u32,
    /// The code of the fault that ended it before, if one did.
    early: Option<String>,
}

fn main() -> ExitCode {
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("overshoot: {error}");
            ExitCode::from(2)
        }
    }
}

fn measure() -> Result<bool, String> {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let repeats = match words.iter().position(|word| word == "--repeats") {
        Some(at) => words.get(at + 1).and_then(|word| word.parse().ok()).ok_or("--repeats wants a number")?,
        None => 5_u64,
    };
    let mut rows = Vec::new();
    for busy in [false, true] {
        if busy && has("--idle") {
            continue;
        }
        let load = if busy { Some(Load::start().map_err(|error| error.to_string())?) } else { None };
        for (rate, pulses) in RATES {
            for lease in [true, false] {
                let each = (1..=repeats).map(|seed| deliver(rate, pulses, lease, seed));
                let row = Row { rate, lease, busy, deliveries: each.collect::<Result<_, _>>()? };
                if !has("--json") {
                    println!("{}", row.text());
                }
                rows.push(row);
            }
        }
        if let Some(done) = load.map(Load::end)
            && !has("--json")
        {
            println!("the load: {done}");
        }
    }
    if has("--json") {
        println!("{}", serde_json::Value::from_iter(rows.iter().map(Row::json)));
    }
    Ok(rows.iter().all(|row| !row.lease || row.most() == 0))
}

impl Row {
    fn most(&self) -> u32 {
        self.deliveries.iter().map(|delivery| delivery.beyond).max().unwrap_or(0)
    }

    /// Deliveries that a fault ended before the target, by its code.
    fn early(&self) -> BTreeMap<&str, u32> {
        let mut early = BTreeMap::new();
        for code in self.deliveries.iter().filter_map(|delivery| delivery.early.as_deref()) {
            *early.entry(code).or_default() += 1;
        }
        early
    }

    fn text(&self) -> String {
        let (lease, load) = (if self.lease { "lease" } else { "no lease" }, if self.busy { "busy" } else { "idle" });
        let (most, count) = (self.most(), self.deliveries.len());
        let early: String =
            self.early().iter().map(|(code, count)| format!("; {count} ended early by {code}")).collect();
        format!(
            "{:5} Hz, {lease:8}, {load}: at most {most} pulses beyond the target in {count} deliveries{early}",
            self.rate
        )
    }

    fn json(&self) -> serde_json::Value {
        let Self { rate, lease, busy, .. } = self;
        serde_json::json!({
            "pulse_rate_hz": rate, "lease": lease, "busy": busy, "deliveries": self.deliveries.len(),
            "most_pulses_beyond_the_target": self.most(), "ended_early": self.early(),
        })
    }
}

/// Delivers once.
fn deliver(rate: u32, pulses: u32, lease: bool, seed: u64) -> Result<Delivery, String> {
    let prepared = at_rate::prepared(rate, pulses, lease)?;
    let wish = Wish { prepared, fault: None, seed, records: None, show_progress: false };
    let report = demo::real_time(&wish).map_err(|error| error.to_string())?;
    if report.pulses == 0 {
        return Err(format!("{rate} Hz, lease {lease}, seed {seed}: {}", report.text()));
    }
    // on a computer that is too busy a guard is late, and ends the beam early: that is no pulse too many
    let early = report.fault.and_then(|fault| Some(fault.get("code")?.as_str()?.to_owned()));
    let beyond = (report.delivered_mu[0] - report.planned.planned_mu) / at_rate::pulse_mu(pulses) - NEAREST;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "few pulses")]
    Ok(Delivery { beyond: beyond.ceil().max(0.0) as u32, early })
}
