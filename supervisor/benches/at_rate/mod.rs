//! One machine and one plan at any pulse rate and with any number of pulses: what benchmarks deliver.

use beam_supervisor::config::{Plan, Problem, Profile, parse_plan, parse_profile, shipped};
use beam_supervisor::prepared::Prepared;

/// The machine whose profile is taken to other rates.
const MACHINE: &str = "uhdr-research-1khz";
/// What is planned at least, in MU: little more than the least that a plan may prescribe.
const LEAST_MU: f64 = 60.0;
/// Dose of a pulse at least, in MU: little more than the least that a profile may name.
const LEAST_PULSE_MU: f64 = 0.0015;
/// Charge of a pulse in pC, whatever its dose, so that it fits the chambers' full scale.
const PICOCOULOMBS: f64 = 600.0;

/// Dose of a pulse in MU, where so many are planned.
pub fn pulse_mu(pulses: u32) -> f64 {
    (LEAST_MU / f64::from(pulses)).max(LEAST_PULSE_MU)
}

/// So many pulses at so many a second, with the pulse lease or without it.
pub fn prepared(rate: u32, pulses: u32, lease: bool) -> Result<Prepared, String> {
    Prepared::new(&profile(rate, pulses, lease)?, &plan(pulses)?).map_err(|problems| told(&problems))
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn file(files: &[shipped::ShippedFile]) -> Result<&shipped::ShippedFile, String> {
    files.iter().find(|file| file.machine == MACHINE).ok_or_else(|| format!("no {MACHINE}"))
}

/// The profile at another rate: several pulses may be under way only where a round trip takes longer than a period.
fn profile(rate: u32, pulses: u32, lease: bool) -> Result<Profile, String> {
    let dose = pulse_mu(pulses);
    let changed = |line: &str| match line.split(" =").next() {
        Some("pulse-rate-hz") => format!("pulse-rate-hz = {rate}"),
        Some("mu-per-pulse") => format!("mu-per-pulse = {dose}"),
        Some("pc-per-mu") => format!("pc-per-mu = {}", PICOCOULOMBS / dose),
        Some("window-pulses") => format!("window-pulses = {}", (rate / 100).max(1)),
        Some("pulse-lease") if !lease => "pulse-lease = false\nbeam-inhibit = \"none: it is simulated\"".to_owned(),
        _ => line.to_owned(),
    };
    let text: Vec<String> = file(shipped::MACHINES)?.text.lines().map(changed).collect();
    parse_profile("at_rate.toml", &text.join("\n")).map_err(|problems| told(&problems))
}

fn plan(pulses: u32) -> Result<Plan, String> {
    let planned = f64::from(pulses) * pulse_mu(pulses);
    let changed = |line: &str| match line.split(" =").next() {
        Some("prescription-gy") => format!("prescription-gy = {}", planned * 0.9 / 100.0),
        Some("monitor-units") => format!("monitor-units = {planned:.1}"),
        Some("monitor-units-check") => format!("monitor-units-check = {planned:.1}"),
        _ => line.to_owned(),
    };
    let text: Vec<String> = file(shipped::PLANS)?.text.lines().map(changed).collect();
    parse_plan("at_rate.toml", &text.join("\n")).map_err(|problems| told(&problems))
}
