//! What the whole service takes of one processor while it delivers at 30 Hz in real time over socket pairs, thread by thread, and
//! how much memory it holds. The simulated unit's thread is not the service's and is left out of the share.
//!
//! ```text
//! cargo bench --bench processor_share -- [--seconds 20] [--json]
//! ```
//!
//! The periods are those of the bus contract, the record goes to a temporary folder, and the share is read from the kernel's
//! own account of each thread (`schedstat`, in ns) over the time between two looks, with beam on in between. It is printed as
//! the ratio to what it may be: 3 % of a processor, and 24 MiB; more than that ends the benchmark with exit code 1. Where
//! memory is not locked, the output says so.

mod at_rate;
mod host;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;
use std::{env, fs};

use beam_core::units::Span;
use beam_drivers::clock;
use beam_drivers::realtime::ThreadWish;
use beam_supervisor::demo::{self, Wish};
use beam_supervisor::metrics::resident_memory;

/// Pulses in a second, as most machines have them.
const RATE: u32 = 30;
/// What the service may take of one processor.
const SHARE_MOST: f64 = 0.03;
/// What it may hold in memory, in bytes.
const MEMORY_MOST: u64 = 24 << 20;
/// Proof and arming are over and the beam is on after this.
const BEAM_ON_AFTER: Duration = Duration::from_secs(4);
/// Who is no part of the service: the simulated unit, and the thread that looks on.
const OTHERS: [&str; 2] = ["treatment-unit", "processor_shar"];

/// Processor time of each thread by its name, in ns.
type Account = BTreeMap<String, u64>;

/// What was measured.
struct Seen {
    elapsed: Span,
    each: Account,
    resident: u64,
    locked: u64,
    pulses: u32,
}

fn main() -> ExitCode {
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("processor_share: {error}");
            ExitCode::from(2)
        }
    }
}

fn measure() -> Result<bool, String> {
    let words: Vec<String> = env::args().skip(1).collect();
    let seconds = match words.iter().position(|word| word == "--seconds") {
        Some(at) => {
            let number = words.get(at + 1).and_then(|word| word.parse().ok());
            number.filter(|seconds| (1..=600).contains(seconds)).ok_or("--seconds wants a number from 1 to 600")?
        }
        None => 20_u32,
    };
    let seen = watch(seconds)?;
    let (share, memory) = (seen.share(), ratio(seen.resident, MEMORY_MOST));
    if words.iter().any(|word| word == "--json") {
        println!("{}", seen.json());
    } else {
        println!("{}", seen.text());
    }
    Ok(share <= SHARE_MOST && memory <= 1.0)
}

/// Delivers in a thread of its own and looks at all threads twice.
fn watch(seconds: u32) -> Result<Seen, String> {
    // beam from the first look to the last, and a little more
    let prepared = at_rate::prepared(RATE, RATE * (seconds + 6), true)?;
    let records = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = Some(records.path().to_owned());
    let unit_thread = ThreadWish::guard(51, None);
    let wish = Wish { prepared, fault: None, seed: 1, records: folder, show_progress: false, unit_thread };
    let delivery = thread::Builder::new().name("main".to_owned()).spawn(move || demo::real_time(&wish));
    let delivery = delivery.map_err(|error| error.to_string())?;
    thread::sleep(BEAM_ON_AFTER);
    let (before, from) = (account(), clock::now());
    thread::sleep(Duration::from_secs(u64::from(seconds)));
    let (after, elapsed) = (account(), clock::now().since(from));
    let (resident, locked) = (resident_memory(), locked_memory());
    let beam_was_on = !delivery.is_finished();
    let report = delivery.join().map_err(|_| "the delivery died")?.map_err(|error| error.to_string())?;
    if !beam_was_on || !report.is_as_planned() {
        return Err(format!("not delivered as planned, so nothing is known\n{}", report.text()));
    }
    let each = after.into_iter().map(|(name, nanos)| {
        let spent = nanos.saturating_sub(before.get(&name).copied().unwrap_or(0));
        (name, spent)
    });
    Ok(Seen { elapsed, each: each.collect(), resident, locked, pulses: report.pulses })
}

/// Every thread of this process that is the service's.
fn account() -> Account {
    let mut all = Account::new();
    for thread in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let read = |file: &str| fs::read_to_string(thread.path().join(file)).ok();
        let (Some(name), Some(spent)) = (read("comm"), read("schedstat")) else { continue };
        let name = name.trim();
        if OTHERS.iter().any(|other| name.starts_with(other)) {
            continue;
        }
        let nanos: u64 = spent.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0);
        *all.entry(name.to_owned()).or_default() += nanos;
    }
    all
}

/// Bytes of this process that the kernel keeps locked.
fn locked_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmLck:")?.trim().strip_suffix(" kB"));
    kilobytes.and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok()).unwrap_or(0) << 10
}

#[expect(clippy::cast_precision_loss, reason = "figures for people to read")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

impl Seen {
    fn share(&self) -> f64 {
        ratio(self.each.values().sum(), self.elapsed.nanos())
    }

    fn text(&self) -> String {
        let mut lines =
            vec![format!("{RATE} Hz, {} pulses delivered; load average {}", self.pulses, host::load_average())];
        for (name, nanos) in &self.each {
            lines.push(format!("  {name:<16} {:6.3} % of a processor", 100.0 * ratio(*nanos, self.elapsed.nanos())));
        }
        let share = self.share();
        let (is, may) = (100.0 * share, 100.0 * SHARE_MOST);
        lines.push(format!("the service        {is:6.3} %, {:.2} of the {may} % that it may take", share / SHARE_MOST));
        let lock = if self.locked > 0 { "all of it locked" } else { "not locked: that was refused" };
        let (resident, most) = (ratio(self.resident, 1 << 20), MEMORY_MOST >> 20);
        let part = ratio(self.resident, MEMORY_MOST);
        lines.push(format!(
            "resident memory    {resident:.1} MiB, {lock}; {part:.2} of the {most} MiB that it may hold"
        ));
        lines.join("\n")
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "pulse_rate_hz": RATE, "pulses": self.pulses, "elapsed_ns": self.elapsed.nanos(),
            "threads_ns": self.each, "share_of_a_processor": self.share(), "ratio_to_limit": self.share() / SHARE_MOST,
            "resident_bytes": self.resident, "locked_bytes": self.locked,
            "memory_ratio_to_limit": ratio(self.resident, MEMORY_MOST), "load_average": host::load_average(),
        })
    }
}
