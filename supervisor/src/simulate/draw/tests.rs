//! Every kind is drawn as what it is called, at every moment that matters to it, and can be kept as a scenario.

use std::collections::BTreeSet;

use beam_core::units::Dose;

use super::*;
use crate::scenario::{Expect, Scenario, Verdict, parse};
use crate::simulate::models;
use crate::simulate::table::kinds;

/// So many runs of this kind with this many deliveries.
fn runs(kind: &'static str, deliveries: usize, count: usize) -> impl Iterator<Item = Drawn> {
    let models = [Arc::new(models::model("novac7").expect("it exists").expect("it reads"))];
    let drawn = (0..).map(move |seed| draw(&models, &Faults::Some(vec![kind]), seed));
    drawn.filter(move |drawn| drawn.legs.len() == deliveries).take(count)
}

/// What befalls so many runs of one delivery, of one kind, and the plan's length in pulses.
fn drawn(kind: &'static str, count: usize) -> Vec<(Mishap, u32)> {
    let of_run = |drawn: Drawn| {
        assert_eq!(drawn.mishaps.len(), 1);
        (drawn.mishaps[0], drawn.legs[0].pulses)
    };
    runs(kind, 1, count).map(of_run).collect()
}

#[test]
fn befalls_the_pulses_of_every_delivery_of_a_run() {
    for kind in ["mon1-silent", "gate-restart", "output-changed", "frames-lost", "bus-cut"] {
        let struck: BTreeSet<bool> = runs(kind, 2, 200)
            .filter_map(|drawn| match drawn.mishaps[0].at.after {
                // a plan ends between two pulses, and the last of a delivery may be one more than it says
                Anchor::Pulse(pulse) => Some(pulse > drawn.legs[0].pulses + 2),
                Anchor::Start | Anchor::State(_) => None,
            })
            .collect();
        assert_eq!(struck, BTreeSet::from([false, true]), "{kind}");
    }
}

#[test]
fn every_kind_is_drawn_as_what_it_is_called_and_can_be_kept_as_a_scenario() {
    let preset = Dose::from_micro_mu(100_000_000);
    for kind in kinds() {
        for (mishap, _) in drawn(kind, 20) {
            assert_eq!(mishap.what.kind(), kind);
            let expect = Expect::only(Verdict::Tripped);
            let scenario = Scenario::of_run("x", "novac7", preset, 1, &[mishap], expect);
            let text = scenario.to_toml().expect("a text");
            assert_eq!(parse("x.toml", &text).as_ref(), Ok(&scenario), "{text}");
        }
    }
}

#[test]
fn a_fault_often_begins_with_the_last_planned_pulse_or_the_one_after() {
    for kind in ["mon1-silent", "mon2-frozen", "mon1-misses-pulse", "beam-charge-zero", "instrument-reads"] {
        let after_last: BTreeSet<u32> = drawn(kind, 200)
            .into_iter()
            .filter_map(|(mishap, planned)| mishap.with_pulse().and_then(|pulse| pulse.checked_sub(planned)))
            .collect();
        assert!(after_last.is_superset(&BTreeSet::from([0, 1, 2])), "{kind}: {after_last:?}");
    }
}

#[test]
fn a_restart_befalls_every_state_of_rest_and_the_beam() {
    for kind in ["gate-restart", "mon1-restart", "beam-charge-restart", "counters-cleared"] {
        let drawn = drawn(kind, 300);
        for state in [State::Ready, State::Proving, State::Armed, State::Complete, State::Tripped] {
            assert!(drawn.iter().any(|(mishap, _)| mishap.at.after == Anchor::State(state)), "{kind}: {state:?}");
        }
        assert!(drawn.iter().any(|(mishap, _)| mishap.with_pulse().is_some_and(|pulse| pulse > 1)), "{kind}");
    }
}

#[test]
fn numbers_reach_both_ends_of_their_range() {
    let whole = |percent: Percent| percent.0.as_thousandths_of_percent() / 1000;
    let range = |kind: &'static str, number: fn(&What) -> Option<Percent>| {
        let all: Vec<i32> =
            drawn(kind, 2000).iter().filter_map(|(mishap, _)| number(&mishap.what)).map(whole).collect();
        assert_eq!(all.len(), 2000);
        (*all.iter().min().expect("some"), *all.iter().max().expect("some"))
    };
    let rate = |what: &What| if let What::Rate { percent } = what { Some(*percent) } else { None };
    let output = |what: &What| if let What::Output { percent } = what { Some(*percent) } else { None };
    let reads = |what: &What| if let What::Reads { percent, .. } = what { Some(*percent) } else { None };
    assert_eq!(range("output-changed", output), (80, 125));
    assert_eq!(range("instrument-reads", reads), (0, 94));
    let (least, most) = range("rate-changed", rate);
    assert!(least < 33 && most > 297, "{least} to {most}");
}

#[test]
fn a_bus_is_often_away_around_the_last_pulse_and_comes_back() {
    for kind in ["bus-cut", "bus-off"] {
        let drawn = drawn(kind, 300);
        let around_last = drawn.iter().filter(|(mishap, planned)| {
            matches!(mishap.at.after, Anchor::Pulse(pulse) if (*planned..*planned + 3).contains(&(pulse + 1)))
        });
        assert!(around_last.count() > 100, "{kind}");
        let long = drawn.iter().filter(|(mishap, _)| match mishap.what {
            What::Cut { lasting, .. } | What::BusOff { lasting, .. } => lasting >= Span::from_millis(300),
            _ => false,
        });
        assert!(long.count() > 50, "{kind}");
    }
}
