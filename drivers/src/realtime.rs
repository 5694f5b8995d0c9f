//! What makes the process and its guard threads real-time: locked memory, processors that do not doze, a fixed priority, a
//! core, exact timers.
//!
//! Everything here is asked for and may be refused; a [`Refusal`] says what, and what to grant. Whether the service goes
//! on without it is for its configuration to say. Call [`prepare_process`] before the first thread is started.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Write};
use std::mem;
use std::path::Path;
use std::thread::{Builder, JoinHandle};

use beam_core::units::Span;
use nix::errno::Errno;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl::set_timerslack;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::unistd::Pid;

/// Stack of a thread whose wish names no other: with memory locked every byte of it is resident, so that the default
/// of 2 MiB for each of a dozen threads would cost more than everything else together.
pub const STACK_BYTES: usize = 256 << 10;
/// How much of its stack a thread touches before it starts to work.
const PREFAULTED_BYTES: usize = 128 << 10;
/// Where the longest time that a processor may take to wake is told, in us.
const DMA_LATENCY: &str = "/dev/cpu_dma_latency";
/// Memory that may be locked before a limit is taken for too small: the process stays far below it.
const LOCKED_BYTES_MIN: u64 = 256 << 20;

/// Something that was asked for and not granted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What was refused, with the kernel's reason.
    pub what: String,
    /// What to grant so that it is not.
    pub grant: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(text, "{}: {}", self.what, self.grant)
    }
}

/// Fits the process for real time, until it ends: all memory, now and later, stays in RAM, and processors wake at once. Call
/// it first in `main`, while there is one thread.
#[must_use]
pub fn prepare_process() -> Vec<Refusal> {
    keep_the_heap();
    let awake = wake_at_once(Path::new(DMA_LATENCY)).map(|held| {
        // the kernel forgets the wish when the file is closed, which is when the process ends
        mem::forget(held);
    });
    [lock_memory(), awake].into_iter().filter_map(Result::err).collect()
}

/// Tells the kernel that no processor may fall into a sleep that takes time to wake from, as long as what is returned stays
/// open. None where the kernel manages no such sleep and has no device for it.
fn wake_at_once(device: &Path) -> Result<Option<File>, Refusal> {
    let told = OpenOptions::new().write(true).open(device).and_then(|mut file| {
        file.write_all(&0_i32.to_ne_bytes())?;
        Ok(Some(file))
    });
    told.or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(None),
        _ => Err(Refusal {
            what: format!("processors that wake at once refused ({}: {error})", device.display()),
            grant: "let the service write that device: DeviceAllow= in the unit, and the udev rule that comes with it",
        }),
    })
}

/// Makes glibc keep what it has. Freed memory that goes back to the kernel is unmapped on all cores at once, which
/// interrupts the guards; and a second arena for each thread would be resident for nothing.
fn keep_the_heap() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in
        [(libc::M_ARENA_MAX, 1), (libc::M_MMAP_MAX, 0), (libc::M_TRIM_THRESHOLD, libc::c_int::MAX)]
    {
        // SAFETY: `mallopt` takes two integers, and these parameters may be set at any time. It fails only on a
        // parameter that glibc does not know, and then nothing has changed.
        unsafe { libc::mallopt(parameter, value) };
    }
}

fn lock_memory() -> Result<(), Refusal> {
    let refusal = |what| Refusal { what, grant: "grant LimitMEMLOCK=infinity in the unit, or `ulimit -l unlimited`" };
    let limit = raise_limit(Resource::RLIMIT_MEMLOCK);
    // Within a small limit locking would succeed now, and the first allocation beyond it would end the process.
    if limit < LOCKED_BYTES_MIN && !has_capability(CAP_IPC_LOCK) {
        return Err(refusal(format!("locking memory refused: the limit is {} KiB", limit >> 10)));
    }
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)
        .map_err(|error| refusal(format!("locking memory refused ({})", error.desc())))
}

/// Raises a soft limit to its hard one, which needs no privilege; the limit as it is then.
fn raise_limit(resource: Resource) -> u64 {
    let Ok((soft, hard)) = getrlimit(resource) else { return 0 };
    if soft == hard || setrlimit(resource, hard, hard).is_ok() { hard } else { soft }
}

const CAP_IPC_LOCK: u32 = 14;

/// Whether this process has a capability that puts it above a limit.
fn has_capability(capability: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    held.and_then(|held| u64::from_str_radix(held.trim(), 16).ok()).is_some_and(|held| held >> capability & 1 == 1)
}

/// What one thread wishes for; the default is an ordinary thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThreadWish {
    /// Priority under SCHED_FIFO, 1 to 99.
    pub fifo_priority: Option<u8>,
    /// The one core to run on.
    pub cpu: Option<usize>,
    /// By how much the kernel may be late with a time-out to save power. Its default is 50 us.
    pub timer_slack: Option<Span>,
    /// Stack in bytes.
    pub stack_bytes: usize,
}

impl Default for ThreadWish {
    fn default() -> Self {
        Self { fifo_priority: None, cpu: None, timer_slack: None, stack_bytes: STACK_BYTES }
    }
}

impl ThreadWish {
    /// What a guard wishes for: a fixed priority, time-outs to the nanosecond, and a core where one is named.
    #[must_use]
    pub fn guard(fifo_priority: u8, cpu: Option<usize>) -> Self {
        Self { fifo_priority: Some(fifo_priority), cpu, timer_slack: Some(Span::from_nanos(1)), ..Self::default() }
    }
}

/// Starts a thread that fits itself for `wish` and then runs `body` with what was refused.
///
/// # Errors
/// What the kernel says when it cannot start a thread.
pub fn spawn<T: Send + 'static>(
    name: &str,
    wish: ThreadWish,
    body: impl FnOnce(Vec<Refusal>) -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    // Room for what is touched in advance, whatever the wish says.
    let stack_bytes = wish.stack_bytes.max(2 * PREFAULTED_BYTES);
    Builder::new().name(name.to_owned()).stack_size(stack_bytes).spawn(move || body(prepare_thread(wish)))
}

/// Fits the calling thread for real time. It needs 128 KiB of free stack.
#[must_use]
pub fn prepare_thread(wish: ThreadWish) -> Vec<Refusal> {
    prefault_stack();
    let slack = wish.timer_slack.map(set_slack);
    let cpu = wish.cpu.map(pin);
    // Last, so that what comes before does not hold up others.
    let priority = wish.fifo_priority.map(set_fifo);
    [slack, cpu, priority].into_iter().flatten().filter_map(Result::err).collect()
}

fn set_slack(slack: Span) -> Result<(), Refusal> {
    // Zero would ask for the default; the widest is far beyond any use.
    set_timerslack(libc::c_ulong::try_from(slack.nanos().max(1)).unwrap_or(libc::c_ulong::MAX)).map_err(|error| {
        Refusal { what: format!("timer slack refused ({})", error.desc()), grant: "allow prctl in SystemCallFilter" }
    })
}

fn pin(cpu: usize) -> Result<(), Refusal> {
    let mut cpus = CpuSet::new();
    cpus.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &cpus)).map_err(|error| Refusal {
        what: format!("core {cpu} refused ({})", error.desc()),
        grant: "name a core that this machine has and that CPUAffinity and AllowedCPUs of the unit leave",
    })
}

fn set_fifo(priority: u8) -> Result<(), Refusal> {
    raise_limit(Resource::RLIMIT_RTPRIO);
    let parameters = libc::sched_param { sched_priority: priority.into() };
    // Threads and processes that this thread starts are ordinary ones again.
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: `parameters` is a whole `sched_param` that lives until the call returns, which only reads it; 0 means the
    // calling thread.
    let result = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    Errno::result(result).map(drop).map_err(|error| Refusal {
        what: format!("SCHED_FIFO priority {priority} refused ({})", error.desc()),
        grant: "grant LimitRTPRIO= of at least this priority in the unit, or `ulimit -r`; priorities are 1 to 99",
    })
}

/// Touches the stack below this call, so that no page of it is missing later, whether memory is locked or not.
#[inline(never)]
fn prefault_stack() {
    let mut stack = [0_u8; PREFAULTED_BYTES];
    black_box(&mut stack);
}

/// How often the kernel had to step in for the calling thread since it started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ThreadFaults {
    /// Page faults that needed no disk.
    pub minor: u64,
    /// Page faults that waited for the disk.
    pub major: u64,
    /// Times that the thread waited of its own will.
    pub voluntary_switches: u64,
    /// Times that another thread took its core away.
    pub involuntary_switches: u64,
}

/// Page faults and context switches of the calling thread. It allocates nothing.
#[must_use]
pub fn thread_faults() -> ThreadFaults {
    let count = |count: libc::c_long| u64::try_from(count).unwrap_or(0);
    getrusage(UsageWho::RUSAGE_THREAD).map_or(ThreadFaults::default(), |usage| ThreadFaults {
        minor: count(usage.minor_page_faults()),
        major: count(usage.major_page_faults()),
        voluntary_switches: count(usage.voluntary_context_switches()),
        involuntary_switches: count(usage.involuntary_context_switches()),
    })
}

/// Voluntary and involuntary context switches of the thread of this process that is called `name` (15 bytes of it count), as
/// the kernel tells them to anybody who asks; none where there is no such thread. It allocates, so it is not for guards.
#[must_use]
pub fn context_switches(name: &str) -> Option<[u64; 2]> {
    let wanted = name.get(..15).unwrap_or(name);
    let threads = fs::read_dir("/proc/self/task").ok()?;
    let statuses = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok());
    let field = |status: &str, key: &str| {
        status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(|value| value.trim().to_owned()))
    };
    let status = statuses.into_iter().find(|status| field(status, "Name").as_deref() == Some(wanted))?;
    let count = |key| field(&status, key)?.parse().ok();
    Some([count("voluntary_ctxt_switches")?, count("nonvoluntary_ctxt_switches")?])
}

#[cfg(test)]
#[path = "realtime_tests.rs"]
mod tests;
