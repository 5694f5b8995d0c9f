//! From a plan and the profile of its machine to the [`Order`] that the guards are armed with, every limit rounded to the
//! side that stops the beam earlier.

use beam_core::limits;
use beam_core::machine::{Beam, Order, RateRule, SetUp};
use beam_core::units::{Dose, Span};

use super::beams::{NominalBeam, Output, energies};
use super::counts;
use super::plan::{ANY_PULSE, Plan};
use super::problem::Problem;
use super::profile::{DOCKINGS, Profile};
use super::spelling::nearest;

/// A plan's own time limit may be up to this many times the expected time on a machine with a steady rate.
const OWN_TIME_FACTOR: f64 = 2.0;
/// Least dose in Gy of an intraoperative fraction; only recordings of machines with a modulated rate are shorter.
const LEAST_GY: f64 = 0.5;
/// A plan's own limit of pulses may be up to this many times the expected pulses.
const OWN_PULSES_FACTOR: u32 = 2;

/// What a plan is expected to come to on its machine, in the numbers that people read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Expectation {
    /// Limit of monitor 2 in MU: the independent value, what the two may differ by, and the margin.
    pub backup_mu: f64,
    /// Beam-on time at the nominal rate in s.
    pub expected_s: f64,
    /// Limit of the beam-on time in s.
    pub time_limit_s: f64,
    /// Pulses that the preset takes, or that the plan asks for; none on a machine without pulses.
    pub pulses: Option<u32>,
    /// Most pulses by the gate's count; none on a machine without pulses.
    pub pulse_limit: Option<u32>,
}

/// What `plan` is expected to come to on the machine of `profile`; `None` when the machine lacks its energy.
#[must_use]
pub fn expectation(profile: &Profile, plan: &Plan) -> Option<Expectation> {
    Some(expect(beam_of(profile, plan)?, plan))
}

/// The order for `plan` on the machine of `profile`.
///
/// # Errors
/// Everything about the plan that the machine cannot do, and what contradicts itself.
pub fn order(profile: &Profile, plan: &Plan) -> Result<Order, Vec<Problem>> {
    let mut problems = plan.contradictions();
    problems.extend(against_machine(profile, plan));
    let (Some(beam), Some(&applicator)) = (beam_of(profile, plan), profile.applicators.get(&plan.applicator)) else {
        problems.sort();
        return Err(problems);
    };
    problems.extend(against_beam(profile, beam, plan));
    problems.sort();
    if !problems.is_empty() {
        return Err(problems);
    }
    let Limits { preset, backup, time, pulses, .. } = limits_of(beam, plan);
    let [first, second] = profile.machine.monitors.map(|monitor| monitor.dose_per_charge);
    let pulse_mu = beam.mu_per_pulse();
    Ok(Order {
        preset: limits::charge_for(preset, first),
        backup: limits::charge_for(backup, second),
        expected_pulse: profile.pc_per_mu.map(|pc_per_mu| counts::expected_charge(pulse_mu * pc_per_mu)),
        pulse_dose: counts::expected_dose(pulse_mu),
        dose_per_second: counts::expected_dose(beam.mu_per_second()),
        time_limit: own_time_limit(plan).unwrap_or(time),
        pulse_limit: own_pulse_limit(plan).unwrap_or(pulses),
        pulses: plan.pulses,
        beam_charge: beam.beam_charge_pc_per_mu.map(counts::dose_per_charge),
        set_up: SetUp {
            energy: beam.energy,
            energy_tolerance: profile.energy_tolerance,
            applicator,
            docking: plan.docking,
        },
    })
}

/// The limit of the beam-on time that the plan sets itself, if it does.
#[must_use]
pub fn own_time_limit(plan: &Plan) -> Option<Span> {
    plan.time_limit_s.map(|limit_s| counts::span_of_millis(limit_s * 1000.0))
}

/// The most pulses by the gate's count that the plan sets itself, if it does; a plan in pulses does so by their number.
#[must_use]
pub fn own_pulse_limit(plan: &Plan) -> Option<u32> {
    plan.pulses.or(plan.pulse_limit)
}

/// The monitor units by the plan's independent calculation, as the guards' own arithmetic reads them.
#[must_use]
pub fn independent_dose(plan: &Plan) -> Dose {
    counts::dose_limit(plan.monitor_units_check)
}

fn beam_of<'p>(profile: &'p Profile, plan: &Plan) -> Option<&'p NominalBeam> {
    let energy = counts::energy(plan.energy_mev)?;
    profile.beams.iter().find(|beam| beam.energy == energy)
}

/// The limits that follow from the preset by rule, as the guards' own arithmetic makes them.
struct Limits {
    preset: Dose,
    backup: Dose,
    expected: Span,
    /// By rule; a plan may set its own.
    time: Span,
    /// By rule, on a machine with pulses.
    pulses: u32,
}

fn limits_of(beam: &NominalBeam, plan: &Plan) -> Limits {
    let preset = counts::dose_limit(plan.monitor_units);
    let check = counts::dose_limit(plan.monitor_units_check);
    let pulse = counts::expected_dose(beam.mu_per_pulse());
    // a plan in pulses takes the time of all of them, whatever its monitor units are within half a pulse
    let dose = match (beam.output, plan.pulses) {
        (Output::Pulses { .. }, Some(pulses)) => pulse.times(pulses),
        (Output::Pulses { .. } | Output::Continuous { .. }, _) => preset,
    };
    let expected = limits::expected_time(dose, counts::expected_dose(beam.mu_per_second()));
    Limits {
        preset,
        backup: limits::backup(check, pulse),
        expected,
        time: limits::time_limit(expected),
        pulses: match beam.output {
            Output::Pulses { .. } => limits::pulse_limit(preset, pulse),
            Output::Continuous { .. } => u32::MAX,
        },
    }
}

fn expect(beam: &NominalBeam, plan: &Plan) -> Expectation {
    let Limits { backup, expected, time, pulses: most, .. } = limits_of(beam, plan);
    let (pulses, pulse_limit) = match beam.output {
        Output::Pulses { mu_per_pulse, .. } => {
            // the ranges of MU and of the dose of a pulse keep this inside u32
            let of_the_dose = (plan.monitor_units / mu_per_pulse).round() as u32;
            (Some(plan.pulses.unwrap_or(of_the_dose)), Some(own_pulse_limit(plan).unwrap_or(most)))
        }
        Output::Continuous { .. } => (None, None),
    };
    Expectation {
        backup_mu: counts::mu(backup),
        expected_s: counts::seconds(expected),
        time_limit_s: plan.time_limit_s.unwrap_or_else(|| counts::seconds(time)),
        pulses,
        pulse_limit,
    }
}

/// What the plan asks for and the machine does not have.
fn against_machine(profile: &Profile, plan: &Plan) -> Vec<Problem> {
    let mut problems = Vec::new();
    if plan.machine != profile.name {
        let what = format!("the plan is for `{}`, the profile is `{}`", plan.machine, profile.name);
        problems.push(plan.problem("machine", what, "use the profile of the machine that the plan was calculated for"));
    }
    if plan.prescription_gy < LEAST_GY && profile.machine.rate == RateRule::Steady {
        let what = format!("`prescription-gy` = {} is no intraoperative fraction", plan.prescription_gy);
        problems.push(plan.problem("prescription-gy", what, format!("write the dose in Gy; it is {LEAST_GY} or more")));
    }
    if beam_of(profile, plan).is_none() {
        let what = format!("`{}` has no beam of {} MeV", profile.name, plan.energy_mev);
        problems.push(plan.problem("energy-mev", what, format!("it has {}", energies(&profile.beams))));
    }
    if !profile.applicators.contains_key(&plan.applicator) {
        let names: Vec<&str> = profile.applicators.keys().map(String::as_str).collect();
        let guess =
            nearest(&plan.applicator, &names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let what = format!("`{}` has no applicator `{}`{guess}", profile.name, plan.applicator);
        problems.push(plan.problem("applicator", what, format!("it has: \"{}\"", names.join("\", \""))));
    }
    if !profile.dockings.contains(&plan.docking) {
        let word = |docking| DOCKINGS.iter().find(|(_, known)| *known == docking).map_or("?", |(word, _)| *word);
        let what = format!("`{}` does no docking \"{}\"", profile.name, word(plan.docking));
        let words: Vec<&str> = profile.dockings.iter().map(|&docking| word(docking)).collect();
        problems.push(plan.problem("docking", what, format!("it does: {}", words.join(", "))));
    }
    problems
}

/// What the plan asks of its beam beyond what can be supervised.
fn against_beam(profile: &Profile, beam: &NominalBeam, plan: &Plan) -> Vec<Problem> {
    let mut problems = Vec::new();
    if plan.disagreement(ANY_PULSE).is_none() {
        problems.extend(plan.disagreement(counts::expected_dose(beam.mu_per_pulse())));
    }
    problems.extend(against_time(profile, beam, plan));
    problems.extend(against_pulse_limit(beam, plan));
    problems.extend(against_pulses(profile, beam, plan));
    if let Output::Pulses { mu_per_pulse, .. } = beam.output
        && plan.monitor_units < mu_per_pulse
        && plan.pulses.is_none()
    {
        let what = format!("`monitor-units` = {} is less than one pulse", plan.monitor_units);
        problems.push(plan.problem("monitor-units", what, "check the calculation; a pulse cannot be divided"));
    }
    problems
}

/// A time limit of the plan's own that ends the beam too early, or so late that it is none.
fn against_time(profile: &Profile, beam: &NominalBeam, plan: &Plan) -> Option<Problem> {
    let limit_s = plan.time_limit_s?;
    let Limits { expected, time, .. } = limits_of(beam, plan);
    let (expected_s, by_rule_s) = (counts::seconds(expected), counts::seconds(time));
    let most_s = by_rule_s.max(OWN_TIME_FACTOR * expected_s);
    let or_remove = if plan.pulses.is_some() { String::new() } else { format!(", or remove it for {by_rule_s:.1}") };
    if limit_s <= expected_s {
        let what = format!("`time-limit-s` = {limit_s} ends the beam before the {expected_s:.1} s that it needs");
        return Some(plan.problem("time-limit-s", what, format!("write more than {expected_s:.1}{or_remove}")));
    }
    if limit_s > most_s && profile.machine.rate == RateRule::Steady {
        let what = format!(
            "`time-limit-s` = {limit_s} is more than the {most_s:.1} s that a plan may allow a beam of {expected_s:.1} s"
        );
        return Some(plan.problem("time-limit-s", what, format!("write {most_s:.1} or less{or_remove}")));
    }
    None
}

/// A limit of pulses of the plan's own that ends the beam too early, or so late that it is none.
fn against_pulse_limit(beam: &NominalBeam, plan: &Plan) -> Option<Problem> {
    let limit = plan.pulse_limit?;
    let Output::Pulses { .. } = beam.output else {
        let what = format!("`pulse-limit` = {limit} on a machine that makes no pulses");
        return Some(plan.problem("pulse-limit", what, "remove it; there the time limit ends the beam"));
    };
    let Limits { preset, pulses: by_rule, .. } = limits_of(beam, plan);
    let pulse = counts::expected_dose(beam.mu_per_pulse());
    let least = pulses_needed(preset, pulse);
    let most = least.saturating_mul(OWN_PULSES_FACTOR);
    let what = if limit < least {
        format!("`pulse-limit` = {limit} ends the beam before the {least} pulses that it needs")
    } else if limit > most {
        format!("`pulse-limit` = {limit} is more than twice the {least} pulses that the beam needs")
    } else {
        return None;
    };
    Some(plan.problem("pulse-limit", what, format!("write {least} to {most}, or remove it for {by_rule}")))
}

/// The pulses after which `preset` is reached.
fn pulses_needed(preset: Dose, pulse: Dose) -> u32 {
    let [preset, pulse] = [preset, pulse].map(|dose| dose.micro_mu().unsigned_abs());
    // the ranges of MU and of the dose of a pulse keep this inside u32, and a pulse above zero
    u32::try_from(preset.div_ceil(pulse.max(1))).unwrap_or(u32::MAX)
}

/// A number of pulses that the machine cannot be held to, or that is not what the monitor units say.
fn against_pulses(profile: &Profile, beam: &NominalBeam, plan: &Plan) -> Option<Problem> {
    let pulses = plan.pulses?;
    let refuse = |what: String, fix: &str| Some(plan.problem("pulses", what, fix));
    match profile.machine.beam {
        Beam::Continuous => {
            let what = format!("`pulses` = {pulses} on a machine that makes no pulses");
            return refuse(what, "remove it, so that the dose ends the beam");
        }
        Beam::Pulsed { gate_knows_lease: false, .. } => {
            let what = format!("`pulses` = {pulses} on a machine whose gate knows no pulse lease");
            return refuse(what, "remove it, so that the dose ends the beam; only a gate with leases stops at a count");
        }
        Beam::Pulsed { .. } => {}
    }
    let (pulse, mu) = (beam.mu_per_pulse(), plan.monitor_units);
    let expected = counts::expected_dose(pulse).times(pulses);
    let apart = expected.minus(counts::dose_limit(mu)).size();
    if apart.times(2) <= counts::expected_dose(pulse) {
        return None;
    }
    let what = format!(
        "`pulses` = {pulses} are {} MU at {pulse} MU a pulse, and `monitor-units` = {mu} is more than half a pulse away",
        counts::mu(expected)
    );
    refuse(what, "write the monitor units of that many pulses, or the number of pulses that gives the monitor units")
}
