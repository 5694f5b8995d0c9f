//! How late the guards wake, against the threads of `cyclictest` that run beside them at the same priority and period, idle and
//! on a busy computer.
//!
//! ```text
//! cargo bench --bench wake_up -- [--runs 3] [--seconds 300] [--idle | --busy] [--priority 49] [--json]
//! ```
//!
//! The guards are the service's own in its own loop, as `beam-supervisor latency` sets them up. Both sides share whatever
//! happens to the computer, so that their ratio says what the loop itself costs. The 99.99th percentile of the guards, pooled over
//! all runs, may be 1.5 times that of `cyclictest`; more ends the benchmark with exit code 1. The worst wake-up is printed and
//! not bounded: on both sides it is one chance of the computer. A percentile is told to 1/32 above, of both alike.

#[path = "../host/mod.rs"]
mod host;
#[path = "../load/mod.rs"]
mod load;

mod cyclictest;

use std::process::ExitCode;
use std::{env, io};

use beam_core::units::Span;
use beam_drivers::realtime::ThreadWish;
use beam_supervisor::config::shipped;
use beam_supervisor::latency::histogram::Histogram;
use beam_supervisor::latency::{self, Wish};
use cyclictest::Cyclictest;
use load::Load;
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The machine whose permit period the guards have.
const MACHINE: &str = "mobetron";
/// The percentile that is judged, in hundred-thousandths: 99.99 %.
const JUDGED: u32 = 99_990;
/// What the guards' percentile may be of that of `cyclictest`.
const RATIO_MOST: f64 = 1.5;

/// What was asked for on the command line.
#[derive(Clone, Copy, Debug)]
struct Asked {
    runs: u64,
    seconds: u64,
    priority: u8,
    /// Only idle or only busy; both where none.
    only_busy: Option<bool>,
    json: bool,
}

impl Asked {
    fn read() -> Result<Self, String> {
        let mut asked = Self { runs: 3, seconds: 300, priority: 49, only_busy: None, json: false };
        let mut words = env::args().skip(1);
        while let Some(word) = words.next() {
            let mut number = |most: u64| {
                let found =
                    words.next().and_then(|word| word.parse().ok()).filter(|number| (1..=most).contains(number));
                found.ok_or_else(|| format!("{word} wants a number from 1 to {most}"))
            };
            match word.as_str() {
                "--runs" => asked.runs = number(100)?,
                "--seconds" => asked.seconds = number(86_400)?,
                "--priority" => asked.priority = u8::try_from(number(98)?).unwrap_or(98),
                "--idle" => asked.only_busy = Some(false),
                "--busy" => asked.only_busy = Some(true),
                "--json" => asked.json = true,
                // cargo's own word for a benchmark
                "--bench" => {}
                _ => {
                    let known = "--runs, --seconds, --priority, --idle, --busy and --json";
                    return Err(format!("what is {word}? There are {known}"));
                }
            }
        }
        Ok(asked)
    }
}

fn main() -> ExitCode {
    let done = Asked::read().and_then(|asked| measure(asked).map_err(|error| format!("cannot be measured: {error}")));
    done.map_or_else(
        |error| {
            eprintln!("wake_up: {error}");
            ExitCode::from(2)
        },
        |within| if within { ExitCode::SUCCESS } else { ExitCode::from(1) },
    )
}

/// Whether every ratio is within its bound.
fn measure(asked: Asked) -> io::Result<bool> {
    let (mut within, mut told) = (true, Vec::new());
    for busy in [false, true] {
        if asked.only_busy.is_none_or(|only| only == busy) {
            let (guards, floor) = compare(asked, busy)?;
            let ratio = ratio(&guards, &floor);
            within &= ratio <= RATIO_MOST;
            told.push(serde_json::json!({
                "runs": asked.runs, "seconds": asked.seconds, "priority": asked.priority, "busy": busy,
                "guards_ns": json(&guards), "floor_ns": json(&floor), "ratio_99_99": ratio,
                "load_average": host::load_average(),
            }));
        }
    }
    if asked.json {
        println!("{}", serde_json::Value::from(told));
    }
    Ok(within)
}

/// All wake-ups of the guards and of `cyclictest`.
fn compare(asked: Asked, busy: bool) -> io::Result<(Histogram, Histogram)> {
    let machine = shipped::profile(MACHINE).ok_or_else(|| io::Error::other("no such machine"))?.machine;
    let period = machine.timing.permit;
    let wish = Wish {
        requires_real_time: false,
        machine_name: MACHINE.to_owned(),
        machine,
        threads: [ThreadWish::guard(asked.priority, None); 4],
        span: Span::from_secs(asked.seconds),
        frames: u64::MAX,
        bus: None,
    };
    let signals = SignalFd::with_flags(&SigSet::empty(), SfdFlags::SFD_NONBLOCK)?;
    let load = if busy { Some(Load::start()?) } else { None };
    let (mut guards, mut floor) = (Histogram::default(), Histogram::default());
    for run in 1..=asked.runs {
        let beside = Cyclictest::start(asked.priority, period, asked.seconds)?;
        let seen = latency::measure(&wish, &signals, |_| {})?;
        let beside = beside.end()?;
        if let Some(refusal) = seen.refusals.first() {
            return Err(io::Error::other(format!("the two would not be alike: {refusal}")));
        }
        let mut pooled = Histogram::default();
        seen.guards.iter().for_each(|guard| pooled.add_all(&guard.lateness));
        if !asked.json {
            println!("run {run}, guards     {}\n       cyclictest {}", text(&pooled), text(&beside));
        }
        guards.add_all(&pooled);
        floor.add_all(&beside);
    }
    let done = load.map_or_else(|| "none of ours".to_owned(), |load| load.end().to_string());
    if !asked.json {
        println!("pooled guards     {}\n       cyclictest {}", text(&guards), text(&floor));
        println!("ratio  99.99 % {:.2}, at most {RATIO_MOST}", ratio(&guards, &floor));
        println!("load   {done}; load average {}", host::load_average());
    }
    Ok((guards, floor))
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
fn ratio(guards: &Histogram, floor: &Histogram) -> f64 {
    let at = |histogram: &Histogram| histogram.percentile(JUDGED).unwrap_or_default().nanos();
    at(guards) as f64 / at(floor).max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "times for people to read")]
fn text(histogram: &Histogram) -> String {
    let us = |share| format!("{:8.1} us", histogram.percentile(share).unwrap_or_default().nanos() as f64 / 1e3);
    let (median, most, worst) = (us(50_000), us(JUDGED), us(100_000));
    format!("median {median}, 99.99 % {most}, worst {worst} of {} wake-ups", histogram.count())
}

fn json(histogram: &Histogram) -> serde_json::Value {
    let at = |share| histogram.percentile(share).unwrap_or_default().nanos();
    serde_json::json!({"median": at(50_000), "p99_99": at(JUDGED), "worst": at(100_000), "count": histogram.count()})
}
