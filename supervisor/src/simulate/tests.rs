use beam_core::limits::charge_for;
use beam_core::units::Dose;

use super::circumstances::Circumstances;
use super::legs::Day;
use super::*;
use crate::course::Errand;
use crate::describe::mu;

/// Runs that are enough to find what is wrong in every delivery.
const RUNS: u64 = 200;

fn model(name: &str) -> Arc<Model> {
    Arc::new(models::model(name).expect("it exists").expect("it reads"))
}

/// The first promise that is broken in so many runs in which nothing happens, on days on which every delivery must complete.
fn first_broken(models: &[Arc<Model>], spoil: impl Fn(&mut Drawn)) -> Option<&'static str> {
    (1..=RUNS).find_map(|seed| {
        let mut drawn = draw(models, &Faults::None, seed);
        if !Circumstances::of(&drawn).is_harmless() {
            drawn.day = Day::USUAL;
        }
        spoil(&mut drawn);
        run(&drawn).broken.first().map(|broken| broken.promise)
    })
}

/// The same run with another order for the guards; what the oracle expects stays.
fn with_orders(drawn: &mut Drawn, other: impl Fn(&mut beam_core::machine::Order, [beam_core::machine::Monitor; 2])) {
    for leg in &mut drawn.legs {
        other(&mut leg.prepared.order, leg.prepared.machine.monitors);
        leg.errand = Errand { order: leg.prepared.order, ..leg.errand };
    }
}

#[test]
fn holds_every_promise_where_nothing_happens() {
    let all: Vec<_> = models::names().map(model).collect();
    assert_eq!(first_broken(&all, |_| {}), None);
}

#[test]
fn trips_over_calibrations_of_the_two_monitors_that_are_mixed_up() {
    let unlike = [model("unlike-monitors")];
    assert_eq!(first_broken(&unlike, |_| {}), None);
    let limits = first_broken(&unlike, |drawn| {
        with_orders(drawn, |order, [first, second]| {
            let (preset, backup) =
                (first.dose_per_charge.dose(order.preset), second.dose_per_charge.dose(order.backup));
            order.preset = charge_for(preset, second.dose_per_charge);
            order.backup = charge_for(backup, first.dose_per_charge);
        });
    });
    assert!(limits.is_some(), "limits by the other monitor's calibration");
    let pulses = first_broken(&unlike, |drawn| with_orders(drawn, |order, _| order.expected_pulse.reverse()));
    assert!(pulses.is_some(), "expected pulses by the other monitor's calibration");
    let mut swapped = (*unlike[0]).clone();
    let [first, second] = &mut swapped.profile.machine.monitors;
    std::mem::swap(&mut first.dose_per_charge, &mut second.dose_per_charge);
    assert!(first_broken(&[Arc::new(swapped)], |_| {}).is_some(), "the guards' own calibrations");
}

#[test]
fn trips_over_a_limit_that_is_too_large() {
    let machine = [model("novac7")];
    let preset = first_broken(&machine, |drawn| {
        with_orders(drawn, |order, [first, _]| {
            let more = mu(first.dose_per_charge.dose(order.preset)) + 2.0 * mu(order.pulse_dose);
            #[expect(clippy::cast_possible_truncation, reason = "a small dose")]
            let more = Dose::from_micro_mu((more * 1e6) as i64);
            order.preset = charge_for(more, first.dose_per_charge);
        });
    });
    assert!(preset.is_some(), "two pulses more than the plan");
}

#[test]
fn the_same_seed_is_the_same_line() {
    let machines: Vec<_> = ["novac7", "intrabeam", "example-electrometer"].map(model).into();
    for seed in [1, 2, 3, 50] {
        let wish = Wish { runs: 1, seed, faults: Faults::All, machines: machines.clone(), stop_at_first: false };
        assert_eq!(deliver(&wish, seed).line(), deliver(&wish, seed).line());
    }
}

#[test]
fn a_run_has_as_many_deliveries_as_were_drawn_and_their_ids_are_told() {
    let machines = [model("mobetron")];
    let seed = (1..).find(|&seed| draw(&machines, &Faults::None, seed).legs.len() == 4).expect("one of them");
    let run = run(&draw(&machines, &Faults::None, seed));
    assert_eq!(run.deliveries.iter().map(|story| story.delivery).collect::<Vec<_>>(), [2, 4, 6, 8]);
    assert!(run.deliveries.iter().all(|story| story.as_planned || run.day != [1.0, 1.0]), "{run:?}");
}

#[test]
fn what_is_shrunk_breaks_the_same_promise_with_less() {
    let unlike = [model("unlike-monitors")];
    let mut drawn = (1..).map(|seed| draw(&unlike, &Faults::None, seed)).find(|drawn| drawn.legs.len() == 3);
    let drawn = drawn.as_mut().expect("one of them");
    let mut swapped = (*unlike[0]).clone();
    let [first, second] = &mut swapped.profile.machine.monitors;
    std::mem::swap(&mut first.dose_per_charge, &mut second.dose_per_charge);
    drawn.model = Arc::new(swapped);
    let small = shrink::shrink(drawn);
    assert_eq!(small.legs.len(), 1, "one delivery shows it");
    assert!(small.legs[0].pulses <= drawn.legs[0].pulses);
    assert_eq!(run(&small).broken[0].promise, run(drawn).broken[0].promise);
}
