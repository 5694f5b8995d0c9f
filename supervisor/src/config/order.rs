//! From a plan and the profile of its machine to the [`Order`] that the guards are armed with, every limit rounded to the
//! side that stops the beam earlier.

use beam_core::limits;
use beam_core::machine::{Order, RateRule, SetUp};
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
/// Pulses that the gate can count in one delivery.
const MOST_PULSES: f64 = 16_777_214.0;

/// What a plan is expected to come to on its machine, in the numbers that people read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Expectation {
    /// Limit of monitor 2 in MU: the independent value, what the two may differ by, and the margin.
    pub backup_mu: f64,
    /// Beam-on time at the nominal rate in s.
    pub expected_s: f64,
    /// Limit of the beam-on time in s.
    pub time_limit_s: f64,
    /// Pulses that the preset takes; none on a machine without pulses.
    pub pulses: Option<u32>,
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
        time_limit: plan.time_limit_s.map_or(time, |limit_s| counts::span_of_millis(limit_s * 1000.0)),
        pulse_limit: pulses,
        pulses: None,
        beam_charge: beam.beam_charge_pc_per_mu.map(counts::dose_per_charge),
        set_up: SetUp {
            energy: beam.energy,
            energy_tolerance: profile.energy_tolerance,
            applicator,
            docking: plan.docking,
        },
    })
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
    let expected = limits::expected_time(preset, counts::expected_dose(beam.mu_per_second()));
    let pulse = counts::expected_dose(beam.mu_per_pulse());
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
    let Limits { backup, expected, time, .. } = limits_of(beam, plan);
    let pulses = match beam.output {
        // the ranges of MU and of the dose of a pulse keep this inside u32
        Output::Pulses { mu_per_pulse, .. } => Some((plan.monitor_units / mu_per_pulse).round() as u32),
        Output::Continuous { .. } => None,
    };
    Expectation {
        backup_mu: counts::mu(backup),
        expected_s: counts::seconds(expected),
        time_limit_s: plan.time_limit_s.unwrap_or_else(|| counts::seconds(time)),
        pulses,
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
    let Expectation { expected_s, backup_mu, .. } = expect(beam, plan);
    if let Some(limit_s) = plan.time_limit_s {
        let most_s = OWN_TIME_FACTOR * expected_s;
        if limit_s <= expected_s {
            let what = format!("`time-limit-s` = {limit_s} ends the beam before the {expected_s:.1} s that it needs");
            let fix = format!(
                "write more than {expected_s:.1}, or remove it for {:.1}",
                counts::seconds(limits_of(beam, plan).time)
            );
            problems.push(plan.problem("time-limit-s", what, fix));
        } else if limit_s > most_s && profile.machine.rate == RateRule::Steady {
            let what =
                format!("`time-limit-s` = {limit_s} is more than twice the {expected_s:.1} s that the beam needs");
            problems.push(plan.problem("time-limit-s", what, format!("write {most_s:.1} or less, or remove it")));
        }
    }
    let pulse = counts::expected_dose(beam.mu_per_pulse());
    if plan.disagreement(ANY_PULSE).is_none() {
        problems.extend(plan.disagreement(pulse));
    }
    let pulses = backup_mu / beam.mu_per_pulse();
    if matches!(beam.output, Output::Pulses { .. }) {
        if plan.monitor_units < beam.mu_per_pulse() {
            let what = format!("`monitor-units` = {} is less than one pulse", plan.monitor_units);
            problems.push(plan.problem("monitor-units", what, "check the calculation; a pulse cannot be divided"));
        }
        if pulses > MOST_PULSES {
            let what = format!("`monitor-units` = {} takes more pulses than the gate can count", plan.monitor_units);
            problems.push(plan.problem("monitor-units", what, "divide the field"));
        }
    }
    problems
}
