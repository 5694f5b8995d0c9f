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
//!
//! What a thread takes for each time that it waits is printed beside it, with the floor of the same run: a thread that waits
//! for a deadline as the guards do, a thousand times a second, and does nothing else.

mod at_rate;
mod host;
mod words;

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;
use std::{env, fs, io};

use beam_core::units::Span;
use beam_drivers::clock;
use beam_drivers::realtime::{ThreadWish, spawn};
use beam_drivers::socketpair::pair;
use beam_drivers::wait::wait;
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
/// The thread that only waits.
const FLOOR: &str = "floor";
/// Who is no part of the service: the simulated unit, the thread that looks on, and the floor.
const OTHERS: [&str; 3] = ["treatment-unit", "processor_shar", FLOOR];
/// From one deadline of the floor to the next, and how many there are: it runs while the beam is on.
const FLOOR_PERIOD: Span = Span::from_millis(1);
const FLOOR_WAITS: u64 = 5000;

/// What one thread took.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    /// Processor time in ns.
    nanos: u64,
    /// How often it waited.
    waits: u64,
}

impl Taken {
    fn less(self, before: Self) -> Self {
        Self { nanos: self.nanos.saturating_sub(before.nanos), waits: self.waits.saturating_sub(before.waits) }
    }

    /// Microseconds for each wait.
    fn each_us(self) -> f64 {
        ratio(self.nanos, self.waits) / 1e3
    }
}

/// Each thread by its name.
type Account = BTreeMap<String, Taken>;

/// What was measured.
struct Seen {
    elapsed: Span,
    each: Account,
    floor: Taken,
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
    words::only(&["--seconds", "--json"])?;
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
    let floor = floor().map_err(|error| error.to_string())?;
    thread::sleep(Duration::from_nanos(
        Span::from_secs(seconds.into()).nanos().saturating_sub(clock::now().since(from).nanos()),
    ));
    let (after, elapsed) = (account(), clock::now().since(from));
    let (resident, locked) = (resident_memory(), locked_memory());
    let beam_was_on = !delivery.is_finished();
    let report = delivery.join().map_err(|_| "the delivery died")?.map_err(|error| error.to_string())?;
    if !beam_was_on || !report.is_as_planned() {
        return Err(format!("not delivered as planned, so nothing is known\n{}", report.text()));
    }
    let each = after.into_iter().map(|(name, taken)| {
        let taken = taken.less(before.get(&name).copied().unwrap_or_default());
        (name, taken)
    });
    Ok(Seen { elapsed, each: each.collect(), floor, resident, locked, pulses: report.pulses })
}

/// Waits as a guard does, at a guard's priority, and nothing else.
fn floor() -> io::Result<Taken> {
    let thread = spawn(FLOOR, ThreadWish::guard(50, None), |_refused_to_the_guards_too| {
        let (ours, _theirs) = pair()?;
        let own = || taken(Path::new("/proc/thread-self"));
        let (before, mut due) = (own(), clock::now());
        for _ in 0..FLOOR_WAITS {
            due = due.after(FLOOR_PERIOD);
            let [_nobody_speaks] = wait([ours.as_fd()], due);
        }
        Ok(own().less(before))
    })?;
    thread.join().map_err(|_| io::Error::other("the floor died"))?
}

/// What the kernel says of the thread in a folder of /proc.
fn taken(thread: &Path) -> Taken {
    let read = |file: &str| fs::read_to_string(thread.join(file)).unwrap_or_default();
    let first = |text: &str| text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let status = read("status");
    let waits = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).map_or(0, first);
    Taken { nanos: first(&read("schedstat")), waits }
}

/// Every thread of this process that is the service's.
fn account() -> Account {
    let mut all = Account::new();
    for thread in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let Ok(name) = fs::read_to_string(thread.path().join("comm")) else { continue };
        let name = name.trim();
        if OTHERS.iter().any(|other| name.starts_with(other)) {
            continue;
        }
        let (told, sum) = (taken(&thread.path()), all.entry(name.to_owned()).or_default());
        *sum = Taken { nanos: sum.nanos + told.nanos, waits: sum.waits + told.waits };
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
        ratio(self.each.values().map(|taken| taken.nanos).sum(), self.elapsed.nanos())
    }

    fn text(&self) -> String {
        let mut lines =
            vec![format!("{RATE} Hz, {} pulses delivered; load average {}", self.pulses, host::load_average())];
        for (name, taken) in &self.each {
            let percent = 100.0 * ratio(taken.nanos, self.elapsed.nanos());
            let each = if taken.waits > 0 {
                format!(", {:5.1} us for each of its {} waits", taken.each_us(), taken.waits)
            } else {
                String::new()
            };
            lines.push(format!("  {name:<16} {percent:6.3} % of a processor{each}"));
        }
        lines.push(format!(
            "  floor            {:5.1} us for each wait of a thread that does nothing else",
            self.floor.each_us()
        ));
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
            "threads_ns": self.each.iter().map(|(name, taken)| (name, taken.nanos)).collect::<BTreeMap<_, _>>(),
            "us_for_each_wait": self.each.iter().map(|(name, taken)| (name, taken.each_us())).collect::<BTreeMap<_, _>>(),
            "floor_us_for_each_wait": self.floor.each_us(), "share_of_a_processor": self.share(), "ratio_to_limit": self.share() / SHARE_MOST,
            "resident_bytes": self.resident, "locked_bytes": self.locked,
            "memory_ratio_to_limit": ratio(self.resident, MEMORY_MOST), "load_average": host::load_average(),
        })
    }
}
