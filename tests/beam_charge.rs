//! A sensor for the charge of the beam itself sees what two chambers that lie alike cannot show: a target or a foil that
//! broke, chambers that are not in the beam, chambers that saturate together. Both monitors are held against it, pulse by
//! pulse and in the mean of 20 pulses or one second. The sensor is believed no more than the chambers are.

use beam_core::fault::Fault as F;
use beam_core::note::FaultReport;
use beam_core::requirement::Requirement as R;
use beam_core::units::Span;
use beam_core::wire::Guard;
use beam_drivers::sim::Injection as I;
use beam_supervisor::world::World;
use beam_tests::{Outcome, Trial, deliver, in_parallel, outcome_of, trial_machines, verifies};

const SEEDS: [u64; 4] = [1, 2, 3, 4];
/// Pulses of each plan.
const PULSES: u32 = 60;

/// Every pulsed kind of machine, with the sensor.
fn machines() -> Vec<Trial> {
    trial_machines().into_iter().filter(Trial::is_pulsed).map(Trial::with_beam_charge).collect()
}

/// Pulses of the window on this machine: 20, or those of one second where they are fewer.
fn window(trial: &Trial) -> u64 {
    u64::from(trial.rate_hz.min(20))
}

/// Delivers on every machine, with every seed and a fault at every of these pulses; what is wrong with it.
fn complaints(injection: I, at: &[u32], judge: impl Fn(&Trial, u32, &Outcome) -> Result<(), String> + Sync) {
    let mut cases = Vec::new();
    for trial in machines() {
        for &at in at {
            cases.extend(SEEDS.map(|seed| (trial, at, seed)));
        }
    }
    println!("{} deliveries, seeds {SEEDS:?}", cases.len());
    let found = in_parallel(&cases, |(trial, at, seed)| {
        let outcome = deliver(trial, &trial.order(PULSES), *seed, &[(injection, *at)]);
        let name = format!("{} {injection}@{at} seed {seed}", trial.name);
        judge(trial, *at, &outcome).err().map(|what| format!("{name}: {what}: {}", outcome.summary()))
    });
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), cases.len(), found.join("\n"));
}

/// Whether the interlock guard found this fault, and how many pulses came from the first faulty one on.
fn found(outcome: &Outcome, fault: F, at: u32, most: u64) -> Result<(), String> {
    if outcome.fault() != Some(fault) || outcome.finder() != Some(Guard::Interlock) {
        return Err("another fault, or found by another guard".to_owned());
    }
    let from_fault = (outcome.truth.pulses + 1).saturating_sub(u64::from(at.max(1)));
    if from_fault > most { Err(format!("{from_fault} pulses from the first faulty one on")) } else { Ok(()) }
}

/// Pulses that the machine may fire before the faulty one is judged.
fn leased(trial: &Trial) -> u64 {
    u64::from(trial.machine.window())
}

#[test]
fn trips_when_both_chambers_drift_alike() {
    verifies(R::ChamberHonest);
    complaints(I::BothLow6, &[0, 1, 2, 20], |trial, at, outcome| {
        found(outcome, F::BeamChargeRatio, at, window(trial) + leased(trial) - 1)
    });
}

#[test]
fn trips_at_the_first_pulse_that_no_chamber_sees() {
    verifies(R::ChamberHonest);
    verifies(R::PulseByPulse);
    complaints(I::BothZero, &[0, 1, 7, PULSES], |trial, at, outcome| {
        found(outcome, F::BeamChargeRatio, at, leased(trial))
    });
}

#[test]
fn trips_when_the_sensor_itself_drifts() {
    verifies(R::ChamberHonest);
    complaints(I::BeamChargeLow6, &[0, 1, 20], |trial, at, outcome| {
        found(outcome, F::BeamChargeRatio, at, window(trial) + leased(trial) - 1)
    });
}

#[test]
fn trips_at_one_pulse_that_is_three_times_off() {
    verifies(R::ChamberHonest);
    for injection in [I::BeamChargeZero, I::BeamChargeHigh] {
        complaints(injection, &[1, 2, 20, PULSES], |trial, at, outcome| {
            found(outcome, F::BeamChargeRatio, at, leased(trial))
        });
    }
}

#[test]
fn trips_when_the_sensor_cannot_be_trusted() {
    verifies(R::BusTrusted);
    verifies(R::ChamberHonest);
    for (injection, fault) in [
        (I::BeamChargeSaturated, F::Saturated),
        (I::BeamChargeCrc, F::Crc),
        (I::BeamChargeSilent, F::DoseStale),
        (I::BeamChargeFrozen, F::CountsDisagree),
    ] {
        complaints(injection, &[2, 20], |trial, at, outcome| {
            // silence is known by its time, or at a high rate by the counts; the lease holds the pulses meanwhile
            let counts_first = fault == F::DoseStale && outcome.fault() == Some(F::CountsDisagree);
            let fault = if counts_first { F::CountsDisagree } else { fault };
            found(outcome, fault, at, leased(trial))?;
            let about = outcome.progress.faults[0].2.monitor;
            let named = about == FaultReport::BEAM_CHARGE || fault == F::CountsDisagree;
            if named { Ok(()) } else { Err(format!("it is about {about}")) }
        });
    }
}

#[test]
fn trips_before_the_beam_when_the_sensor_is_silent_or_has_no_baseline() {
    verifies(R::BusTrusted);
    for trial in machines() {
        let silent = deliver(&trial, &trial.order(PULSES), 1, &[(I::BeamChargeSilent, 0)]);
        assert!(!silent.was_armed && silent.progress.standing().contains(&F::DoseStale), "{}", silent.summary());
        let order = beam_core::machine::Order { beam_charge: None, ..trial.order(PULSES) };
        let mut world = World::new(&trial.machine, &trial.unit(&trial.order(PULSES)), 1, &[]);
        let lacking = outcome_of(&mut world, &order);
        assert!(!lacking.was_armed && lacking.truth.pulses == 0, "{}", lacking.summary());
        assert_eq!(lacking.fault(), Some(F::BeamChargeRatio), "{}", lacking.summary());
    }
}

#[test]
fn holds_with_a_sensor_that_is_right() {
    verifies(R::ChamberHonest);
    verifies(R::PulseByPulse);
    let runs: Vec<_> = machines().into_iter().flat_map(|trial| (500..600_u64).map(move |seed| (trial, seed))).collect();
    println!("{} deliveries, seeds 500 to 599", runs.len());
    let found = in_parallel(&runs, |(trial, seed)| {
        let outcome =
            deliver(trial, &trial.order_of_hundredths(700 + u32::try_from(seed % 97).unwrap_or(0) * 60), *seed, &[]);
        let sound = outcome.is_complete() && outcome.progress.warnings.is_empty();
        (!sound).then(|| format!("{} seed {seed}: {:?} {}", trial.name, outcome.progress.warnings, outcome.summary()))
    });
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), runs.len(), found.join("\n"));
}

#[test]
fn holds_at_two_percent_and_says_so_at_four() {
    verifies(R::ChamberHonest);
    for trial in machines() {
        for (gain, warns) in [(0.98, false), (1.02, false), (0.96, true), (1.04, true)] {
            for pulses in [8, PULSES] {
                let order = trial.order(pulses);
                let mut unit = trial.unit(&order);
                let sensor = unit.beam_charge.as_mut().expect("the sensor is fitted");
                sensor.sensor.gain = gain;
                let outcome = outcome_of(&mut World::new(&trial.machine, &unit, 5, &[]), &order);
                let warned: Vec<_> = outcome.progress.warnings.iter().map(|(.., report)| report.fault).collect();
                let expected = if warns { vec![F::BeamChargeRatio] } else { vec![] };
                let name = format!("{} gain {gain}, {pulses} pulses", trial.name);
                assert!(outcome.is_complete(), "{name}: {}", outcome.summary());
                assert_eq!(warned, expected, "{name}");
            }
        }
    }
}

#[test]
fn holds_the_pace_of_the_machine_although_it_waits_for_the_sensor() {
    verifies(R::PulseByPulse);
    for trial in machines() {
        let outcome = deliver(&trial, &trial.order(PULSES), 9, &[]);
        let (first, last) = (outcome.pulses[0], outcome.pulses[outcome.pulses.len() - 1]);
        let gaps = u64::try_from(outcome.pulses.len() - 1).expect("a number of pulses");
        let (took, nominal) = (last.since(first), trial.period().times(gaps));
        assert!(took <= nominal.plus(Span::from_millis(1)), "{}: {took:?} for {nominal:?}", trial.name);
    }
}
