//! Deliveries with nothing wrong: on every kind of machine and for many seeds, each goes from proof to preset by itself,
//! no guard finds a fault, and the dose lands within half a pulse (and the noise of the last one) of what was planned.

use beam_core::requirement::Requirement;
use beam_supervisor::config::shipped;
use beam_supervisor::describe::mu;
use beam_supervisor::prepared::Prepared;
use beam_tests::{Trial, deliver, in_parallel, trial_machines, verifies};

/// Seeds for each machine.
const SEEDS: u64 = 200;
/// The first of them.
const FIRST_SEED: u64 = 20_260;
/// Four standard deviations of one pulse.
const PULSE_NOISE: f64 = 0.04;

/// A plan that lies somewhere between two pulses, another place for each seed.
fn hundredths(seed: u64) -> u32 {
    u32::try_from(400 + (seed * 137) % 2600).expect("a small number")
}

fn complaint(trial: &Trial, seed: u64) -> Option<String> {
    let hundredths = hundredths(seed);
    let outcome = deliver(trial, &trial.order_of_hundredths(hundredths), seed, &[]);
    let planned = f64::from(hundredths) / 100.0;
    let landed = trial.in_pulses(mu(outcome.progress.delivered[0])) - planned;
    // without pulses a reading is 10 ms of beam, a tenth of what stands for a pulse, and freshness needs 25 ms to end it
    let most = if trial.is_pulsed() { 0.5 + PULSE_NOISE } else { 0.5 };
    let sound = outcome.is_complete() && landed.abs() <= most && outcome.truth.pulses_beyond_lease == 0;
    (!sound).then(|| format!("{} seed {seed}, {planned} pulses, off by {landed}: {}", trial.name, outcome.summary()))
}

#[test]
fn holds_on_every_machine_over_many_seeds() {
    verifies(Requirement::PrimaryDose);
    verifies(Requirement::ChamberHonest);
    verifies(Requirement::ChambersAgree);
    verifies(Requirement::DoseRate);
    verifies(Requirement::BeamUnasked);
    println!("seeds {FIRST_SEED} to {}", FIRST_SEED + SEEDS - 1);
    let runs: Vec<_> =
        trial_machines().into_iter().flat_map(|trial| (0..SEEDS).map(move |n| (trial, FIRST_SEED + n))).collect();
    let complaints = in_parallel(&runs, |(trial, seed)| complaint(trial, *seed));
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), runs.len(), complaints.join("\n"));
}

/// How much more of a dose chamber 2 of the simulated unit reads than chamber 1, and twice that for noise.
const CHAMBERS_APART: f64 = 0.006;

/// The trial profiles, whose two monitors differ in every number, each as a trial machine and ready for a plan.
fn uneven_machines() -> Vec<(Trial, Prepared)> {
    let names = shipped::TRIALS.iter().map(|file| file.machine);
    let prepared = shipped::trial_profiles().into_iter().map(|(profile, plan)| Prepared::new(&profile, &plan));
    let uneven = names.zip(prepared).map(|(name, prepared)| {
        let prepared = prepared.expect("it fits");
        let order = &prepared.order;
        let rate_hz = (mu(order.dose_per_second) / mu(order.pulse_dose)).round() as u32;
        (Trial { name, machine: prepared.machine, pulse: order.pulse_dose, rate_hz }, prepared)
    });
    uneven.collect()
}

/// What is wrong with a delivery on monitors that differ: it did not land where it should, or the two do not tell alike.
fn uneven_complaint(trial: &Trial, prepared: &Prepared, seed: u64) -> Option<String> {
    let hundredths = hundredths(seed);
    let preset = beam_core::units::Dose::from_micro_mu(trial.pulse.micro_mu() / 100).times(hundredths);
    let outcome = deliver(trial, &prepared.with_preset(preset).order, seed, &[]);
    let [first, second] = outcome.progress.delivered.map(|dose| trial.in_pulses(mu(dose)));
    let landed = first - f64::from(hundredths) / 100.0;
    let apart = (second - first).abs() / first;
    let sound = outcome.is_complete() && landed.abs() <= 0.5 + PULSE_NOISE && apart <= CHAMBERS_APART;
    (!sound).then(|| format!("{} seed {seed}, off by {landed}, {apart} apart: {}", trial.name, outcome.summary()))
}

#[test]
fn holds_on_monitors_that_differ_in_every_number() {
    let machines = uneven_machines();
    assert_eq!(machines.len(), shipped::TRIALS.len());
    let runs: Vec<_> = machines.iter().flat_map(|one| (0..SEEDS / 2).map(move |n| (one, FIRST_SEED + n))).collect();
    let complaints = in_parallel(&runs, |((trial, prepared), seed)| uneven_complaint(trial, prepared, *seed));
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), runs.len(), complaints.join("\n"));
}
