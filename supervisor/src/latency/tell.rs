//! A measurement in words and as JSON.

use std::fmt::Write;

use beam_core::units::Span;
use serde_json::{Value, json};

use super::histogram::Histogram;
use super::verdict::{BUS_TIME, millis};
use super::{GuardSeen, Measurement, Wish};
use crate::describe::seconds;

/// Percentiles that are told, in parts of 100 000, with their names as JSON keys.
const PERCENTILES: [(u32, &str); 4] = [(50_000, "p50"), (99_000, "p99"), (99_900, "p99_9"), (99_990, "p99_99")];
/// Widest bar of the text histogram.
const BAR: usize = 30;

fn micros(span: Span) -> f64 {
    seconds(span) * 1e6
}

fn us(span: Option<Span>) -> String {
    span.map_or_else(|| "-".to_owned(), |span| format!("{:.1}", micros(span)))
}

/// The measurement for a person; `fine` adds every bucket that is not empty.
#[must_use]
pub fn text(wish: &Wish, seen: &Measurement, fine: bool) -> String {
    let mut out = String::new();
    let mut put = |line: String| {
        let _a_string_takes_all = writeln!(out, "{line}");
    };
    put(format!("{} on {}", seen.verdict.headline(), wish.machine_name));
    for reason in &seen.verdict.reasons {
        put(format!("  {reason}"));
    }
    for line in facts(wish, seen) {
        put(line);
    }
    put(format!(
        "\n{:<18}{:>9}{:>10}{:>10}{:>10}{:>10}{:>10}  us",
        "", "count", "p50", "p99", "p99.9", "p99.99", "worst"
    ));
    for guard in &seen.guards {
        put(row(guard.guard.name(), &guard.lateness));
    }
    put(row("frame to permit", &seen.answers.latency));
    put(format!(
        "\n{:<18}{:<18}{:>4}{:>12}{:>12}{:>12}{:>12}",
        "", "class, priority", "cpu", "minor flt", "major flt", "switches", "taken away"
    ));
    for guard in &seen.guards {
        put(thread_row(guard));
    }
    put(String::new());
    for line in picture(seen) {
        put(line);
    }
    if fine {
        let named = seen.guards.iter().map(|guard| (guard.guard.name(), &guard.lateness));
        for (name, histogram) in named.chain([("frame to permit", &seen.answers.latency)]) {
            put(format!("\n{name}, us from, to, count (a bucket is at most 1/32 wide)"));
            for bucket in histogram.buckets() {
                put(format!("{:>12.3} {:>12.3} {:>9}", micros(bucket.from), micros(bucket.to), bucket.count));
            }
        }
    }
    out
}

fn facts(wish: &Wish, seen: &Measurement) -> Vec<String> {
    let host = &seen.host;
    let mut lines = Vec::new();
    let mut fact = |name: &str, what: String| lines.push(format!("  {name:<16} {what}"));
    let preemption = if host.preempt_rt { "PREEMPT_RT" } else { "not PREEMPT_RT" };
    fact("kernel", format!("{} ({preemption})", host.kernel));
    let name = host.processor.as_deref().unwrap_or("processor of unknown name");
    fact("processors", format!("{} x {name}", host.cpus));
    let governors = if host.governors.is_empty() { "not readable".to_owned() } else { host.governors.join(", ") };
    let idle = host.deepest_idle.as_ref().map_or_else(
        || "idle states not readable".to_owned(),
        |(name, us)| format!("deepest idle state {name}, {us} us to leave"),
    );
    fact("power", format!("governor {governors}; {idle}"));
    let over = wish.bus.as_ref().map_or_else(
        || "socket pairs: what a CAN controller and its driver need comes on top".to_owned(),
        |bus| format!("{bus}, with this program as the chamber"),
    );
    fact("dose guard 1", format!("over {over}"));
    let early = if seen.interrupted { ", ended by a signal" } else { "" };
    let period = millis(wish.machine.timing.permit);
    fact("measured", format!("{:.1} s{early}; the guards' period is {period}", seconds(seen.elapsed)));
    if let Some(ended) = seen.answers.ended {
        fact("broke off", ended.to_owned());
    }
    if seen.answers.refused > 0 {
        fact("not sent", format!("{} frames that the bus did not take", seen.answers.refused));
    }
    if let Some(fault) = &seen.fault {
        fact("fault", fault.clone());
    }
    for refusal in &seen.refusals {
        fact("refused", refusal.clone());
    }
    if !seen.refusals.is_empty() {
        fact(
            "what to do",
            "run it as the service's unit does: LimitRTPRIO=60 and LimitMEMLOCK=infinity, as in".to_owned(),
        );
        fact("", "systemd-run --pty -p LimitRTPRIO=60 -p LimitMEMLOCK=infinity beam-supervisor latency".to_owned());
    }
    lines
}

fn row(name: &str, histogram: &Histogram) -> String {
    let mut line = format!("{name:<18}{:>9}", histogram.count());
    for (part, _) in PERCENTILES {
        let _a_string_takes_all = write!(line, "{:>10}", us(histogram.percentile(part)));
    }
    let _a_string_takes_all = write!(line, "{:>10}", us(histogram.longest()));
    line
}

fn thread_row(guard: &GuardSeen) -> String {
    let (scheduling, faults) = (&guard.scheduling, &guard.faults);
    let class = format!("{} {}", scheduling.class, scheduling.priority);
    let cpu = scheduling.cpu.map_or_else(|| "-".to_owned(), |cpu| cpu.to_string());
    format!(
        "{:<18}{class:<18}{cpu:>4}{:>12}{:>12}{:>12}{:>12}",
        guard.guard.name(),
        faults.minor,
        faults.major,
        faults.voluntary_switches,
        faults.involuntary_switches
    )
}

/// Rows from 1 us on, each to about twice the one before (1, 2, 5), bars by the logarithm of the count.
fn picture(seen: &Measurement) -> Vec<String> {
    let late: Vec<&Histogram> = seen.guards.iter().map(|guard| &guard.lateness).collect();
    let edges: Vec<u64> = (0..8).flat_map(|power| [1, 2, 5].map(|n| n * 10_u64.pow(power) * 1_000)).collect();
    let place = |span: Span| edges.iter().take_while(|edge| span.nanos() >= **edge).count();
    let mut rows = vec![[0_u64; 2]; edges.len() + 1];
    for (column, histograms) in [late.as_slice(), &[&seen.answers.latency]].into_iter().enumerate() {
        for bucket in histograms.iter().flat_map(|histogram| histogram.buckets()) {
            rows[place(bucket.from)][column] += bucket.count;
        }
    }
    let used = |row: &[u64; 2]| row.iter().any(|count| *count > 0);
    let (Some(first), Some(last)) = (rows.iter().position(used), rows.iter().rposition(used)) else {
        return Vec::new();
    };
    let bar = |count: u64| {
        let length = if count == 0 { 0 } else { 1 + 4 * count.ilog10() as usize };
        "#".repeat(length.min(BAR))
    };
    let mut lines = vec![format!("{:>12}{:>10}  {:<BAR$}{:>10}", "us, up to", "wake-ups", "", "permits")];
    for (row, [late, answers]) in rows.iter().enumerate().take(last + 1).skip(first) {
        let to = edges.get(row).map_or_else(|| "more".to_owned(), |edge| (edge / 1_000).to_string());
        lines.push(format!("{to:>12}{late:>10}  {:<BAR$}{answers:>10}  {}", bar(*late), bar(*answers)));
    }
    lines
}

fn histogram_json(histogram: &Histogram) -> Value {
    let mut told = json!({
        "count": histogram.count(),
        "shortest_us": histogram.shortest().map(micros),
        "mean_us": histogram.mean().map(micros),
        "worst_us": histogram.longest().map(micros),
        "buckets_ns": histogram.buckets().map(|b| json!([b.from.nanos(), b.to.nanos(), b.count])).collect::<Vec<_>>(),
    });
    for (part, name) in PERCENTILES {
        told[format!("{name}_us")] = json!(histogram.percentile(part).map(micros));
    }
    told
}

/// The measurement for a program.
#[must_use]
pub fn to_json(wish: &Wish, seen: &Measurement) -> Value {
    let guards: Vec<Value> = seen
        .guards
        .iter()
        .map(|guard| {
            json!({
                "name": guard.guard.name(),
                "scheduling": guard.scheduling,
                "page_faults": { "minor": guard.faults.minor, "major": guard.faults.major },
                "context_switches": {
                    "voluntary": guard.faults.voluntary_switches,
                    "involuntary": guard.faults.involuntary_switches,
                },
                "lateness": histogram_json(&guard.lateness),
            })
        })
        .collect();
    json!({
        "verdict": {
            "headline": seen.verdict.headline(),
            "pulse_rate_hz": seen.verdict.pulse_rate_hz,
            "fits_profile": seen.verdict.fits_profile,
            "is_known": seen.verdict.is_known,
            "reasons": seen.verdict.reasons,
        },
        "machine": wish.machine_name,
        "period_us": micros(wish.machine.timing.permit),
        "lateness_budget_us": micros(wish.machine.timing.lateness_budget),
        "bus_time_us": micros(BUS_TIME),
        "bus": wish.bus,
        "host": seen.host,
        "elapsed_s": seconds(seen.elapsed),
        "interrupted": seen.interrupted,
        "broke_off": seen.answers.ended,
        "fault": seen.fault,
        "refusals": seen.refusals,
        "guards": guards,
        "frames_sent": seen.answers.sent,
        "frames_refused": seen.answers.refused,
        "frame_to_permit": histogram_json(&seen.answers.latency),
    })
}
