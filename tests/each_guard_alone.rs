//! Each guard ends the beam alone. Three of the four permits come from puppets that permit for ever and mind nothing; the
//! fourth is a real guard. Dose guard 1 ends the beam at the preset, dose guard 2 at the backup, the time guard when the
//! time is over, the interlock guard when the door opens: each within one pulse of its own limit, and not before it.

use beam_core::fault::Fault;
use beam_core::machine::Order;
use beam_core::note::Note;
use beam_core::requirement::Requirement;
use beam_core::units::Span;
use beam_core::wire::{CloseCause, GateState, Guard};
use beam_drivers::sim::Injection;
use beam_tests::{Bench, Trial, trial_machines, verifies};

const SEEDS: std::ops::Range<u64> = 1..11;
/// Pulses of each plan.
const PULSES: u32 = 40;
/// Longer than any plan here can take.
const LONG: Span = Span::from_secs(60);

/// A delivery in which `guard` alone is real.
fn alone(trial: &Trial, order: &Order, seed: u64, injections: &[(Injection, u32)], guard: Guard) -> Bench {
    let mut bench = Bench::new(trial, order, seed, injections, guard.bit());
    bench.deliver(order, LONG);
    let gate = bench.truth().gate;
    let ended = (gate.state, gate.cause, gate.closed_by);
    let expected = (GateState::Latched, CloseCause::PermitTripped, guard.bit());
    assert_eq!(ended, expected, "{} seed {seed}, {}", trial.name, guard.name());
    bench
}

/// The faults that the real guard found.
fn faults(bench: &Bench) -> Vec<Fault> {
    let fault = |note: &Note| if let Note::Fault(report) = note { Some(report.fault) } else { None };
    bench.notes().iter().filter_map(|(.., note)| fault(note)).collect()
}

/// Whether the true dose, in pulses, lies within one pulse of `planned`; without pulses a gate takes a few ms to hear.
fn lands(trial: &Trial, bench: &Bench, planned: f64) -> bool {
    (trial.in_pulses(bench.truth().mu) - planned).abs() <= 1.0
}

#[test]
fn trips_at_the_preset_by_dose_guard_1_alone() {
    verifies(Requirement::PrimaryDose);
    for trial in trial_machines() {
        for seed in SEEDS {
            let bench = alone(&trial, &trial.order(PULSES), seed, &[], Guard::Dose1);
            let reached = bench.notes().iter().any(|(.., note)| *note == Note::Reached);
            assert!(reached && faults(&bench).is_empty(), "{} seed {seed}: {:?}", trial.name, faults(&bench));
            assert!(lands(&trial, &bench, f64::from(PULSES)), "{} seed {seed}: {:?}", trial.name, bench.truth());
        }
    }
}

#[test]
fn trips_at_the_backup_by_dose_guard_2_alone() {
    verifies(Requirement::BackupDose);
    for trial in trial_machines() {
        for seed in SEEDS {
            let order = trial.order(PULSES);
            let bench = alone(&trial, &order, seed, &[], Guard::Dose2);
            assert_eq!(faults(&bench), [Fault::BackupReached], "{} seed {seed}", trial.name);
            // the rule, said again: a tenth more, at least two pulses, at most 40 MU
            let margin = f64::from(PULSES) / 10.0;
            let margin = margin.min(trial.in_pulses(40.0)).max(2.0);
            assert!(
                lands(&trial, &bench, f64::from(PULSES) + margin),
                "{} seed {seed}: {:?}",
                trial.name,
                bench.truth()
            );
        }
    }
}

#[test]
fn holds_the_backup_back_while_the_preset_ends_the_beam() {
    verifies(Requirement::BackupDose);
    for trial in trial_machines() {
        let order = trial.order(PULSES);
        let mut bench = Bench::new(&trial, &order, 1, &[], Guard::Dose1.bit() | Guard::Dose2.bit());
        bench.deliver(&order, LONG);
        assert_eq!(bench.truth().gate.closed_by, Guard::Dose1.bit(), "{}", trial.name);
        assert_eq!(faults(&bench), [], "{}", trial.name);
    }
}

#[test]
fn trips_at_its_limit_by_the_time_guard_alone() {
    verifies(Requirement::BeamTime);
    for trial in trial_machines() {
        for seed in SEEDS {
            let time_limit = trial.period().times(25).longer(Span::from_millis(400));
            let order = Order { time_limit, pulse_limit: u32::MAX, ..trial.order(PULSES) };
            let bench = alone(&trial, &order, seed, &[], Guard::Time);
            assert_eq!(faults(&bench), [Fault::TimeLimit], "{} seed {seed}", trial.name);
            // its clock begins when the gate opens, the console asks for beam 20 ms later; it turns every 5 ms
            let (beam_on, limit) = (bench.truth().beam_on, order.time_limit);
            let short = Span::from_nanos(limit.nanos().saturating_sub(beam_on.nanos()));
            assert!(beam_on <= limit.plus(Span::from_millis(6)), "{} seed {seed}: {beam_on:?}", trial.name);
            assert!(short <= Span::from_millis(30), "{} seed {seed}: {beam_on:?} of {limit:?}", trial.name);
        }
    }
}

#[test]
fn holds_the_time_guard_back_within_its_limit() {
    verifies(Requirement::BeamTime);
    for trial in trial_machines() {
        let order = trial.order(PULSES);
        let mut bench = Bench::new(&trial, &order, 1, &[], Guard::Dose1.bit() | Guard::Time.bit());
        bench.deliver(&order, LONG);
        assert_eq!(bench.truth().gate.closed_by, Guard::Dose1.bit(), "{}", trial.name);
        assert_eq!(faults(&bench), [], "{}", trial.name);
    }
}

#[test]
fn trips_at_the_door_by_the_interlock_guard_alone() {
    verifies(Requirement::SetUp);
    for trial in trial_machines() {
        for seed in SEEDS {
            let bench = alone(&trial, &trial.order(PULSES), seed, &[(Injection::Door, 12)], Guard::Interlock);
            assert_eq!(faults(&bench), [Fault::Door], "{} seed {seed}", trial.name);
            let (fired, most) = (bench.truth().pulses, 12 + u64::from(trial.machine.window()));
            let in_time = !trial.is_pulsed() || (12..most).contains(&fired);
            assert!(in_time, "{} seed {seed}: {fired} pulses of at most {}", trial.name, most - 1);
        }
    }
}

#[test]
fn holds_the_door_closed_by_the_interlock_guard_alone() {
    verifies(Requirement::SetUp);
    for trial in trial_machines() {
        let order = trial.order(PULSES);
        let mut bench = Bench::new(&trial, &order, 1, &[], Guard::Interlock.bit());
        bench.deliver(&order, Span::from_secs(3));
        assert_eq!(bench.truth().gate.state, GateState::Open, "{}", trial.name);
        assert_eq!(faults(&bench), [], "{}", trial.name);
        let steps = trial.in_pulses(bench.truth().mu);
        assert!(steps > 10.0, "{}: {steps} pulses", trial.name);
    }
}
