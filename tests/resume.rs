//! Where a delivery goes on after an interruption: from the largest of all counts. A monitor that reads low, but not so low
//! that the chambers disagree, does not get its missing dose delivered a second time.

use beam_core::requirement::Requirement as R;
use beam_core::session::Act;
use beam_core::state::State;
use beam_core::units::Span;
use beam_drivers::sim::Injection;
use beam_supervisor::describe::mu;
use beam_supervisor::progress::Progress;
use beam_supervisor::world::World;
use beam_tests::{Hand, Trial, verifies};

/// Pulses of each plan, and the pulse at which it is interrupted.
const PULSES: u32 = 100;
const INTERRUPTED_AT: u64 = 80;

/// An interrupted and resumed delivery whose monitor 1 reads so much of what it should, where monitor 2 is right.
fn resumed(trial: &Trial, gain: f64) -> (Hand, f64) {
    let order = trial.order(PULSES);
    let mut unit = trial.unit(&order);
    unit.output_noise = 0.0;
    let [first, second] = &mut unit.chambers;
    (first.gain, second.gain) = (gain, 1.0);
    let mut hand = Hand { world: World::new(&trial.machine, &unit, 7, &[]), progress: Progress::default(), order };
    hand.until(State::Ready);
    assert_eq!(hand.arm(0), Ok(()));
    hand.until(State::Armed);
    assert_eq!(hand.act(Act::Begin), Ok(()));
    hand.until_pulse(INTERRUPTED_AT);
    assert_eq!(hand.act(Act::Interrupt), Ok(()));
    hand.run(Span::from_millis(300));
    let before = trial.in_pulses(hand.truth().mu);
    assert_eq!(hand.act(Act::Resume), Ok(()));
    hand.to_the_end();
    (hand, before)
}

#[test]
fn trips_at_the_preset_less_the_largest_count_after_a_resume() {
    verifies(R::PrimaryDose);
    verifies(R::Operator);
    for trial in [Trial::slow(), Trial::mobile(), Trial::quick()] {
        let (hand, before) = resumed(&trial, 0.97);
        assert_eq!(hand.state(), State::Complete, "{}: {:?}", trial.name, hand.progress.faults);
        let total = trial.in_pulses(hand.truth().mu);
        // what monitor 1 still had to count is 20 pulses less by monitor 2, not 22.4
        let rest = f64::from(PULSES) - before;
        assert!(total - before <= rest / 0.97 + 0.55, "{}: {before} and {} pulses", trial.name, total - before);
        assert!(total >= f64::from(PULSES) - 0.55, "{}: {total} pulses", trial.name);
    }
}

#[test]
fn holds_the_plan_when_the_monitors_are_right() {
    verifies(R::PrimaryDose);
    for trial in [Trial::slow(), Trial::mobile(), Trial::quick()] {
        let (hand, _) = resumed(&trial, 1.0);
        assert_eq!(hand.state(), State::Complete, "{}: {:?}", trial.name, hand.progress.faults);
        let landed = trial.in_pulses(mu(hand.progress.delivered[0]));
        assert!((landed - f64::from(PULSES)).abs() <= 0.7, "{}: {landed} pulses", trial.name);
    }
}

#[test]
fn trips_a_resume_after_a_dosimetry_fault_whoever_asks() {
    verifies(R::Operator);
    let trial = Trial::mobile();
    for injection in [Injection::Mon1Stuck, Injection::Mon2NoSignal, Injection::Mon1Saturated] {
        let mut hand = Hand::delivering(&trial, &trial.order(PULSES), 3, &[(injection, 9)]);
        hand.until(State::Tripped);
        let fired = hand.truth().pulses;
        assert!(hand.act(Act::Resume).is_err() && hand.act(Act::Begin).is_err() && hand.arm(2).is_err());
        hand.run(Span::from_secs(2));
        assert_eq!(hand.truth().pulses, fired, "{injection}");
    }
}
