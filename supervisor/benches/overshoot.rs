//! Pulses that come after the one that is nearest to the preset, at five pulse rates, with the pulse lease and without it, idle
//! and on a busy computer. The unit is simulated and turns in real time over socket pairs, at a priority above the guards, so
//! that it keeps its time as a real one does; the guards are the real ones.
//!
//! ```text
//! cargo bench --bench overshoot -- [--repeats 5] [--idle] [--json]
//! ```
//!
//! With the lease no pulse may come beyond the target at any rate, under any load: one that does, and a rate at which no
//! delivery came to its target, ends the benchmark with exit code 1. Without it the beam ends when the gate hears of it, so
//! that what comes too late is what bus and guards cost: beside it stands how many pulses fit into the longest time from
//! frame to permit and the worst lateness of those deliveries.

mod at_rate;
mod host;
mod load;
mod words;

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;

use beam_drivers::realtime::ThreadWish;
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
    /// When it was over.
    load_average: String,
    deliveries: Vec<Delivery>,
}

/// How one delivery came out.
struct Delivery {
    /// Pulses beyond the one nearest to the preset.
    beyond: u32,
    /// Longest from frame to permit and worst lateness of a guard together, in s.
    round: f64,
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
    words::only(&["--repeats", "--idle", "--json"])?;
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
                let deliveries = each.collect::<Result<_, _>>()?;
                let row = Row { rate, lease, busy, load_average: host::load_average(), deliveries };
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
        if !has("--json") {
            println!("load average {}", host::load_average());
        }
    }
    if has("--json") {
        println!("{}", serde_json::Value::from_iter(rows.iter().map(Row::json)));
    }
    Ok(rows.iter().all(|row| !row.lease || (row.most() == 0 && row.came_to_the_target())))
}

impl Row {
    fn most(&self) -> u32 {
        self.deliveries.iter().map(|delivery| delivery.beyond).max().unwrap_or(0)
    }

    /// Whether a delivery was not ended before the target: one that was says nothing about it.
    fn came_to_the_target(&self) -> bool {
        self.deliveries.iter().any(|delivery| delivery.early.is_none())
    }

    /// The longest time in which the beam could still run on, in s.
    fn round(&self) -> f64 {
        self.deliveries.iter().map(|delivery| delivery.round).fold(0.0, f64::max)
    }

    /// How many pulses fit into it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "few pulses")]
    fn fit(&self) -> u32 {
        (self.round() * f64::from(self.rate)).floor() as u32
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
            "{:5} Hz, {lease:8}, {load}: at most {most} pulses beyond the target in {count} deliveries ({} fit into the {:.2} ms of frame to permit and lateness){early}",
            self.rate,
            self.fit(),
            1e3 * self.round()
        )
    }

    fn json(&self) -> serde_json::Value {
        let Self { rate, lease, busy, .. } = self;
        serde_json::json!({
            "pulse_rate_hz": rate, "lease": lease, "busy": busy, "deliveries": self.deliveries.len(),
            "most_pulses_beyond_the_target": self.most(), "ended_early": self.early(),
            "pulses_within_latency": self.fit(), "latency_s": self.round(), "load_average": self.load_average,
        })
    }
}

/// Delivers once.
fn deliver(rate: u32, pulses: u32, lease: bool, seed: u64) -> Result<Delivery, String> {
    let prepared = at_rate::prepared(rate, pulses, lease)?;
    // above the guards, which demo puts at 50: a real unit does not wait for this computer
    let unit_thread = ThreadWish::guard(51, None);
    let wish = Wish { prepared, fault: None, seed, records: None, show_progress: false, unit_thread };
    let report = demo::real_time(&wish).map_err(|error| error.to_string())?;
    // on a computer that is too busy a guard is late, and ends the beam early: that is no pulse too many
    let early = report.fault.and_then(|fault| Some(fault.get("code")?.as_str()?.to_owned()));
    let beyond = (report.delivered_mu[0] - report.planned.planned_mu) / at_rate::pulse_mu(pulses) - NEAREST;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "few pulses")]
    let beyond = beyond.ceil().max(0.0) as u32;
    let round = report.worst_frame_to_permit_s.unwrap_or(0.0) + report.worst_guard_lateness_s.unwrap_or(0.0);
    Ok(Delivery { beyond, round, early })
}
