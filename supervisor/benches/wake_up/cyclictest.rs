//! `cyclictest` as the floor: the same number of threads at the same priority and period, at the same time.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{env, fs, io, process};

use beam_core::units::Span;
use beam_supervisor::latency::histogram::Histogram;
use serde_json::Value;

/// Threads, as many as there are guards.
const THREADS: usize = 4;
/// Latencies beyond so many us are counted in its overflow, and taken for the longest one.
const LARGEST_US: u32 = 100_000;

/// A `cyclictest` that runs.
pub struct Cyclictest {
    process: Child,
    result: PathBuf,
}

impl Cyclictest {
    /// Starts it for `seconds`.
    pub fn start(priority: u8, period: Span, seconds: u64) -> io::Result<Self> {
        let result = env::temp_dir().join(format!("wake-up-{}.json", process::id()));
        let process = Command::new("cyclictest")
            .args(["--mlockall", "--quiet"])
            .arg(format!("--threads={THREADS}"))
            .arg(format!("--priority={priority}"))
            .arg(format!("--interval={}", period.nanos() / 1000))
            .arg(format!("--duration={seconds}"))
            .arg(format!("--histogram={LARGEST_US}"))
            .arg(format!("--json={}", result.display()))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::other(format!("cyclictest: {error}\n    fix: install Debian's rt-tests")))?;
        Ok(Self { process, result })
    }

    /// Waits for its end; the latencies of all its threads.
    pub fn end(mut self) -> io::Result<Histogram> {
        let status = self.process.wait()?;
        let text = fs::read_to_string(&self.result)?;
        fs::remove_file(&self.result)?;
        let told: Value = serde_json::from_str(&text)?;
        let threads = told.get("thread").and_then(Value::as_object).map(|threads| threads.values().collect::<Vec<_>>());
        match threads {
            Some(threads) if status.success() && threads.len() == THREADS => Ok(latencies(&threads)),
            _ => Err(io::Error::other(format!("cyclictest ended with {status} and told {} bytes", text.len()))),
        }
    }
}

fn latencies(threads: &[&Value]) -> Histogram {
    let mut all = Histogram::default();
    for thread in threads {
        let number = |key: &str| thread.get(key).and_then(Value::as_u64).unwrap_or(0);
        let buckets = thread.get("histogram").and_then(Value::as_object);
        let mut counted = 0;
        for (latency, count) in buckets.into_iter().flatten() {
            let (latency, count) = (latency.parse().unwrap_or(0), count.as_u64().unwrap_or(0));
            all.add_many(Span::from_micros(latency), count);
            counted += count;
        }
        all.add_many(Span::from_micros(number("max")), number("cycles").saturating_sub(counted));
    }
    all
}
