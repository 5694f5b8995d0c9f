//! From a chamber's frame to the permit that answers it, by dose guard 1 as the service runs it and by a bare loop in C that
//! blocks in `read`, compares and writes (`bare_loop.c`): over the same kind of socket pair, at the same priority, on the same
//! processor, in alternating runs.
//!
//! ```text
//! cargo bench --bench frame_to_permit -- [--runs 5] [--frames 10000] [--priority 80] [--json]
//! ```
//!
//! The time is taken by the one who sends and receives: from before a frame is written to after its permit was read, both ways
//! through the kernel, two wake-ups included. The pooled median and 99.9th percentile are printed with the ratio of the two, and
//! how far the medians of the single runs lie apart. Where a fixed priority is refused, all run as ordinary threads, and the
//! output says so.

#[path = "../kilohertz/mod.rs"]
mod kilohertz;

mod contender;
mod sender;

use std::env;
use std::process::ExitCode;

use contender::Contender;
use sender::Timed;

/// What was asked for on the command line.
#[derive(Clone, Copy, Debug)]
struct Asked {
    runs: usize,
    frames: usize,
    priority: u8,
    json: bool,
}

impl Asked {
    fn read() -> Result<Self, String> {
        let mut asked = Self { runs: 5, frames: 10_000, priority: 80, json: false };
        let mut words = env::args().skip(1);
        while let Some(word) = words.next() {
            let mut number = |least: usize, most: usize| {
                let found =
                    words.next().and_then(|word| word.parse().ok()).filter(|number| (least..=most).contains(number));
                found.ok_or_else(|| format!("{word} wants a number from {least} to {most}"))
            };
            match word.as_str() {
                "--runs" => asked.runs = number(1, 1000)?,
                "--frames" => asked.frames = number(10, 10_000_000)?,
                "--priority" => asked.priority = u8::try_from(number(2, 99)?).unwrap_or(99),
                "--json" => asked.json = true,
                // cargo's own word for a benchmark
                "--bench" => {}
                _ => return Err(format!("what is {word}? There are --runs, --frames, --priority and --json")),
            }
        }
        Ok(asked)
    }
}

fn main() -> ExitCode {
    if let Some(wish) = contender::as_guard() {
        contender::run_guard(wish);
        return ExitCode::SUCCESS;
    }
    let done = Asked::read().and_then(|asked| measure(asked).map_err(|error| format!("cannot be measured: {error}")));
    done.map_or_else(
        |error| {
            eprintln!("frame_to_permit: {error}");
            ExitCode::from(2)
        },
        |()| ExitCode::SUCCESS,
    )
}

fn measure(asked: Asked) -> Result<(), String> {
    let bare = contender::compile()?;
    let setting = sender::take_place(asked.priority);
    if !asked.json {
        println!("{} runs of {} frames each, one a millisecond; {setting}", asked.runs, asked.frames);
    }
    let (mut guard, mut floor) = (Vec::new(), Vec::new());
    for run in 0..asked.runs {
        // whoever is first changes, so that a machine that slows down or speeds up favours nobody
        for turn in 0..2 {
            let is_guard = (run + turn) % 2 == 0;
            let mut contender = if is_guard { Contender::guard(&setting) } else { Contender::bare(&bare, &setting) }?;
            let timed = sender::time(&mut contender, asked.frames)?;
            if !asked.json {
                println!("  run {}, {:<11} {timed}", run + 1, if is_guard { "dose guard" } else { "bare C loop" });
            }
            if is_guard { &mut guard } else { &mut floor }.push(timed);
        }
    }
    let (guard, floor) = (Pooled::of(&guard), Pooled::of(&floor));
    let ratio = |of: fn(&Pooled) -> u64| ratio(of(&guard), of(&floor));
    if asked.json {
        let told = serde_json::json!({
            "setting": setting.to_string(), "runs": asked.runs, "frames": asked.frames,
            "guard_ns": guard.json(), "floor_ns": floor.json(),
            "ratio": {"median": ratio(|pooled| pooled.median), "p99_9": ratio(|pooled| pooled.p99_9)},
        });
        println!("{told}");
        return Ok(());
    }
    println!("pooled       {:<11} {guard}\n             {:<11} {floor}", "dose guard", "bare C loop");
    println!(
        "ratio        median {:.2}, 99.9 % {:.2}; the bare loop's own medians differ by up to {:.2}",
        ratio(|pooled| pooled.median),
        ratio(|pooled| pooled.p99_9),
        ratio_of(floor.medians)
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
fn ratio(above: u64, below: u64) -> f64 {
    above as f64 / below.max(1) as f64
}

fn ratio_of((least, most): (u64, u64)) -> f64 {
    ratio(most, least)
}

/// All runs of one contender, in ns.
#[derive(Clone, Copy, Debug)]
struct Pooled {
    median: u64,
    p99_9: u64,
    worst: u64,
    /// The least and the most of the single runs' medians.
    medians: (u64, u64),
}

impl Pooled {
    fn of(runs: &[Timed]) -> Self {
        let all = Timed::new(runs.iter().flat_map(Timed::nanos).collect());
        let medians = || runs.iter().map(|run| run.percentile(0.5));
        Self {
            median: all.percentile(0.5),
            p99_9: all.percentile(0.999),
            worst: all.percentile(1.0),
            medians: (medians().min().unwrap_or(0), medians().max().unwrap_or(0)),
        }
    }

    fn json(&self) -> serde_json::Value {
        let Self { median, p99_9, worst, medians: (least, most) } = self;
        serde_json::json!({"median": median, "p99_9": p99_9, "worst": worst, "medians_of_runs": [least, most]})
    }
}

impl std::fmt::Display for Pooled {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { median, p99_9, worst, .. } = self;
        write!(text, "median {}, 99.9 % {}, worst {}", us(*median), us(*p99_9), us(*worst))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time for people to read")]
fn us(nanos: u64) -> String {
    format!("{:8.2} us", nanos as f64 / 1e3)
}
