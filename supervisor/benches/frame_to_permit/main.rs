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

mod contender;
#[path = "../host/mod.rs"]
mod host;

use std::process::ExitCode;
use std::{env, fmt, io};

use beam_core::units::Span;
use beam_supervisor::latency::histogram::Histogram;
use contender::{Contender, Setting};

/// What was asked for on the command line.
#[derive(Clone, Copy, Debug)]
struct Asked {
    runs: usize,
    frames: u64,
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
                "--frames" => asked.frames = number(10, 10_000_000)? as u64,
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

fn measure(asked: Asked) -> io::Result<()> {
    let bare = contender::compile()?;
    let setting = Setting::take_place(asked.priority);
    if !asked.json {
        println!("{} runs of {} frames each, one a millisecond in the mean; {setting}", asked.runs, asked.frames);
    }
    let (mut guard, mut floor) = (Pooled::default(), Pooled::default());
    for run in 0..asked.runs {
        // whoever is first changes, so that a machine that slows down or speeds up favours nobody
        for turn in 0..2 {
            let is_guard = (run + turn) % 2 == 0;
            let contender = if is_guard { Contender::guard(setting) } else { Contender::bare(&bare, setting) }?;
            let answers = contender.answers(asked.frames)?;
            let told = if is_guard { &mut guard } else { &mut floor }.add(&answers.latency);
            if !asked.json {
                println!("  run {}, {:<11} {told}", run + 1, if is_guard { "dose guard" } else { "bare C loop" });
            }
        }
    }
    let (guard_times, floor_times) = (Times::of(&guard.all), Times::of(&floor.all));
    let (median, p99_9) = (ratio(guard_times.median, floor_times.median), ratio(guard_times.p99_9, floor_times.p99_9));
    if asked.json {
        let told = serde_json::json!({
            "setting": setting.to_string(), "runs": asked.runs, "frames": asked.frames,
            "guard_ns": guard.json(), "floor_ns": floor.json(), "ratio": {"median": median, "p99_9": p99_9},
            "load_average": host::load_average(),
        });
        println!("{told}");
        return Ok(());
    }
    println!("pooled       {:<11} {guard_times}\n             {:<11} {floor_times}", "dose guard", "bare C loop");
    let apart = ratio(floor.greatest_median(), floor.least_median());
    println!(
        "ratio        median {median:.2}, 99.9 % {p99_9:.2}; the bare loop's own medians differ by up to {apart:.2}"
    );
    println!("load average {}", host::load_average());
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
fn ratio(above: Span, below: Span) -> f64 {
    above.nanos() as f64 / below.nanos().max(1) as f64
}

/// What people read of a histogram.
#[derive(Clone, Copy, Debug)]
struct Times {
    median: Span,
    p99_9: Span,
    worst: Span,
}

impl Times {
    fn of(histogram: &Histogram) -> Self {
        let at = |share| histogram.percentile(share).unwrap_or_default();
        Self { median: at(50_000), p99_9: at(99_900), worst: at(100_000) }
    }
}

impl fmt::Display for Times {
    #[expect(clippy::cast_precision_loss, reason = "times for people to read")]
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = |span: Span| format!("{:8.2} us", span.nanos() as f64 / 1e3);
        write!(text, "median {}, 99.9 % {}, worst {}", us(self.median), us(self.p99_9), us(self.worst))
    }
}

/// All runs of one contender.
#[derive(Clone, Debug, Default)]
struct Pooled {
    all: Histogram,
    medians: Vec<Span>,
}

impl Pooled {
    /// Adds one run; what it came to.
    fn add(&mut self, run: &Histogram) -> Times {
        let times = Times::of(run);
        self.all.add_all(run);
        self.medians.push(times.median);
        times
    }

    fn least_median(&self) -> Span {
        self.medians.iter().copied().min().unwrap_or_default()
    }

    fn greatest_median(&self) -> Span {
        self.medians.iter().copied().max().unwrap_or_default()
    }

    fn json(&self) -> serde_json::Value {
        let Times { median, p99_9, worst } = Times::of(&self.all);
        serde_json::json!({
            "median": median.nanos(), "p99_9": p99_9.nanos(), "worst": worst.nanos(),
            "medians_of_runs": [self.least_median().nanos(), self.greatest_median().nanos()],
        })
    }
}
