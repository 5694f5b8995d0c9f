//! The computer as far as it matters to latency: kernel, processors, power saving; and a thread as the kernel has it.

use std::fs;

use serde::Serialize;

/// What is known of this computer. What cannot be read is none.
#[derive(Clone, Debug, Serialize)]
pub struct Host {
    /// Release and version of the kernel, as `uname -rv` prints them.
    pub kernel: String,
    /// Whether it is a PREEMPT_RT kernel.
    pub preempt_rt: bool,
    /// Processors that this process may use.
    pub cpus: usize,
    /// The processor's name.
    pub processor: Option<String>,
    /// Frequency governors in use.
    pub governors: Vec<String>,
    /// The deepest idle state of the first processor, and how long the processor takes to leave it, in us.
    pub deepest_idle: Option<(String, u64)>,
}

fn line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl Host {
    /// Reads what this computer tells.
    #[must_use]
    pub fn read() -> Self {
        let part = |name: &str| line(&format!("/proc/sys/kernel/{name}")).unwrap_or_else(|| "unknown".to_owned());
        let kernel = format!("{} {}", part("osrelease"), part("version"));
        let preempt_rt = kernel.contains("PREEMPT_RT") || line("/sys/kernel/realtime").as_deref() == Some("1");
        let cpuinfo = line("/proc/cpuinfo").unwrap_or_default();
        let named = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
        Self {
            kernel,
            preempt_rt,
            cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            processor: named.map(|(_, name)| name.to_owned()),
            governors: governors(),
            deepest_idle: deepest_idle(),
        }
    }
}

fn governors() -> Vec<String> {
    let policies = fs::read_dir("/sys/devices/system/cpu/cpufreq").into_iter().flatten().flatten();
    let mut all: Vec<String> =
        policies.filter_map(|policy| line(&policy.path().join("scaling_governor").display().to_string())).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn deepest_idle() -> Option<(String, u64)> {
    let states = fs::read_dir("/sys/devices/system/cpu/cpu0/cpuidle").ok()?.flatten();
    let told = states.filter_map(|state| {
        let path = state.path().display().to_string();
        let is_off = line(&format!("{path}/disable")).as_deref() == Some("1");
        let latency: u64 = line(&format!("{path}/latency"))?.parse().ok()?;
        (!is_off).then_some((line(&format!("{path}/name"))?, latency))
    });
    told.max_by_key(|(_, latency)| *latency)
}

/// How the kernel schedules a thread.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Scheduling {
    /// `SCHED_FIFO`, `SCHED_OTHER` or another class.
    pub class: &'static str,
    /// Its real-time priority; 0 is none.
    pub priority: u8,
    /// The processor that it ran on last.
    pub cpu: Option<u16>,
}

/// How the kernel schedules the calling thread.
#[must_use]
pub fn scheduling() -> Scheduling {
    parse(&line("/proc/thread-self/stat").unwrap_or_default())
}

/// Fields 39 to 41 of `/proc/PID/stat` (proc(5)): processor, real-time priority, class.
fn parse(stat: &str) -> Scheduling {
    // the name of a thread stands in brackets and may hold blanks
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied().unwrap_or_default();
    let class = match field(41) {
        "0" => "SCHED_OTHER",
        "1" => "SCHED_FIFO",
        "2" => "SCHED_RR",
        "3" => "SCHED_BATCH",
        "5" => "SCHED_IDLE",
        "6" => "SCHED_DEADLINE",
        _ => "unknown",
    };
    Scheduling { class, priority: field(40).parse().unwrap_or(0), cpu: field(39).parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_of_proc_whatever_the_thread_is_called() {
        let middle = "0 ".repeat(35);
        let stat = format!("12 (guard) 9 x) S {middle}1 49 1 0 0");
        assert_eq!(parse(&stat), Scheduling { class: "SCHED_FIFO", priority: 49, cpu: Some(1) });
        assert_eq!(parse(""), Scheduling { class: "unknown", priority: 0, cpu: None });
    }

    #[test]
    fn the_calling_thread_has_a_class_and_a_processor() {
        let own = scheduling();
        assert!(own.class.starts_with("SCHED_") && own.cpu.is_some(), "{own:?}");
        assert!(Host::read().cpus > 0);
    }
}
