//! Periods and ages of the bus, as the profile gives them, and `period-scale`, which stretches all of them together on a
//! bench.

use beam_core::machine::Timing;
use beam_core::units::Span;

use super::counts;
use super::reader::{Section, range};

/// Longest time that gate and chambers may count differently, in ms; one pulse period where that is shorter.
const AGREEMENT_MS: f64 = 30.0;

/// How much the periods are stretched, and whether this is a bench; refuses the first without the second.
pub fn read_scale(top: &Section<'_, '_>) -> (u32, bool) {
    let why = "it stretches periods and age limits where a machine has no real-time rights; 1 is the bus contract";
    let scale = top.optional_whole("period-scale", 1..=20, why).unwrap_or(1);
    let bench = top.optional_yes_or_no("bench").unwrap_or(false);
    if scale > 1 && !bench {
        let what = format!("`period-scale` = {scale} lets every frame be {scale} times as old, and this is no bench");
        let fix = "remove `period-scale`; or, where no patient can be, add `bench = true`";
        top.problem("period-scale", what, fix);
    }
    (scale, bench)
}

/// Reads the table of periods. `pulse_ms` is the time between two pulses and `window` how many may be leased ahead, on a
/// machine with pulses.
pub fn read(top: &Section<'_, '_>, scale: u32, pulse: Option<(f64, u32)>) -> Option<Timing> {
    let section = top.table("timing", "periods and ages of the bus, in ms")?;
    let ms = |key, from, to, why| section.number(key, range(from, to, why));
    let permit = ms("permit-period-ms", 1.0, 10.0, "how often a guard renews its permit; 5 ms by the bus contract");
    let gate = ms("gate-period-ms", 1.0, 10.0, "how often the gate reports; 5 ms by the bus contract");
    let dose = ms("dose-period-ms", 1.0, 20.0, "how often a chamber reports at least; 10 ms by the bus contract");
    let status = ms("status-period-ms", 10.0, 100.0, "how often status frames come; 50 ms by the bus contract");
    let stale = ms(
        "stale-after-ms",
        10.0,
        50.0,
        "the age at which the gate no longer believes a permit: 25 ms by the bus contract",
    );
    let margin =
        ms("proof-margin-ms", 5.0, 50.0, "how long a lease is held beyond stale-after while a guard is proven");
    let lateness = ms("lateness-budget-ms", 1.0, 20.0, "how late a guard may turn before that is a fault");
    let silence =
        ms("session-silence-ms", 100.0, 2000.0, "how long the session may be silent before the guards end the beam");
    if let (Some(permit), Some(stale)) = (permit, stale)
        && stale < 3.0 * permit
    {
        let what = format!("`stale-after-ms` = {stale} is less than three permit periods of {permit} ms");
        section.problem(
            "stale-after-ms",
            what,
            "make it three permit periods or more, so that one lost frame closes nothing",
        );
    }
    if let (Some(permit), Some(stale), Some(lateness)) = (permit, stale, lateness)
        && permit + lateness >= stale
    {
        let what = format!("`lateness-budget-ms` = {lateness} and the permit period reach `stale-after-ms` = {stale}");
        section.problem(
            "lateness-budget-ms",
            what,
            "make it smaller: a late guard is to be found before the gate finds it",
        );
    }
    section.finish();
    let stretched = |millis: f64| counts::span_of_millis(millis).times(u64::from(scale));
    Some(Timing {
        permit: stretched(permit?),
        gate: stretched(gate?),
        dose: stretched(dose?),
        status: stretched(status?),
        stale_after: stretched(stale?),
        agreement: agreement(pulse).times(u64::from(scale)),
        proof_margin: stretched(margin?),
        lateness_budget: stretched(lateness?),
        session_silence: stretched(silence?),
    })
}

/// One pulse period, at most 30 ms. Where more than one pulse is leased ahead, the counts are held to the window instead, and
/// the 30 ms are those after which a gate that waits for a lease must agree exactly.
fn agreement(pulse: Option<(f64, u32)>) -> Span {
    let millis = match pulse {
        Some((period_ms, 1)) => AGREEMENT_MS.min(period_ms),
        _ => AGREEMENT_MS,
    };
    counts::span_of_millis(millis)
}
