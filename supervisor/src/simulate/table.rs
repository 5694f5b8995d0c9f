//! What a campaign has exercised: how often each kind of mishap and each pair of kinds, how long the plans were, which
//! guard found what. A kind that was never put in shows as such.

use std::collections::BTreeMap;

use beam_core::state::State;
use beam_core::wire::Guard;
use beam_drivers::sim::Injection;
use serde::Serialize;

use super::Run;
use super::oracle::Story;
use crate::mishap::OTHER_KINDS;

/// Upper ends of the classes of plan lengths, in pulses.
pub const LENGTHS: [u32; 9] = [1, 2, 5, 10, 20, 50, 200, 1000, 2000];

/// Counters of a campaign.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Table {
    /// Runs made, each the life of one process.
    pub runs: u64,
    /// Deliveries armed in them.
    pub deliveries: u64,
    /// Of these, the first, second and later ones of their process.
    pub by_number: BTreeMap<usize, u64>,
    /// Deliveries of which it was said that they went as planned.
    pub as_planned: u64,
    /// Steps that the guards made.
    pub guard_steps: u64,
    /// Pulses fired.
    pub pulses: u64,
    /// How often each kind was put in, and how the run ended or what was found first.
    pub injected: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// How often two kinds befell one run.
    pub pairs: BTreeMap<String, u64>,
    /// Plans by length: at most so many pulses.
    pub lengths: BTreeMap<u32, u64>,
    /// How often each machine was drawn.
    pub machines: BTreeMap<String, u64>,
    /// What ended the deliveries.
    pub ended_by: BTreeMap<String, u64>,
    /// In how many runs each guard, and the session, found a fault.
    pub found_by: BTreeMap<&'static str, u64>,
    /// How often each fault of the catalogue was found.
    pub faults_found: BTreeMap<&'static str, u64>,
    /// Largest distance of an undisturbed delivery from its preset, in pulses.
    pub worst_landing_pulses: f64,
}

impl Table {
    /// Counts a run.
    pub fn count(&mut self, run: &Run) {
        self.runs += 1;
        self.guard_steps += run.steps;
        self.pulses += run.fired;
        let kinds: Vec<_> = run.mishaps.iter().map(|mishap| mishap.what.kind()).collect();
        let outcome = outcome(run);
        for kind in if kinds.is_empty() { &["nothing"][..] } else { &kinds } {
            *self.injected.entry(kind).or_default().entry(outcome.to_owned()).or_default() += 1;
        }
        if let [one, other] = kinds[..] {
            let pair = if one <= other { format!("{one} + {other}") } else { format!("{other} + {one}") };
            *self.pairs.entry(pair).or_default() += 1;
        }
        for pulses in &run.planned_pulses {
            let class = LENGTHS.into_iter().find(|most| pulses <= most).unwrap_or(u32::MAX);
            *self.lengths.entry(class).or_default() += 1;
        }
        *self.machines.entry(run.machine.clone()).or_default() += 1;
        for (place, story) in run.deliveries.iter().enumerate() {
            self.count_delivery(place + 1, story);
        }
        let faults = || run.deliveries.iter().flat_map(|story| &story.faults);
        for guard in Guard::ALL.map(Guard::name).into_iter().chain(["session"]) {
            if faults().any(|(_, finder)| *finder == guard) {
                *self.found_by.entry(guard).or_default() += 1;
            }
        }
        for (fault, _) in faults() {
            *self.faults_found.entry(fault).or_default() += 1;
        }
    }

    fn count_delivery(&mut self, number: usize, story: &Story) {
        self.deliveries += 1;
        *self.by_number.entry(number).or_default() += 1;
        self.as_planned += u64::from(story.as_planned);
        *self.ended_by.entry(story.ended_by.unwrap_or("nothing").to_owned()).or_default() += 1;
        if story.undisturbed {
            self.worst_landing_pulses = self.worst_landing_pulses.max(story.landing_pulses);
        }
    }

    /// Adds another table.
    pub fn add(&mut self, part: Self) {
        self.runs += part.runs;
        self.deliveries += part.deliveries;
        self.as_planned += part.as_planned;
        merge(&mut self.by_number, part.by_number);
        self.guard_steps += part.guard_steps;
        self.pulses += part.pulses;
        self.worst_landing_pulses = self.worst_landing_pulses.max(part.worst_landing_pulses);
        for (kind, found) in part.injected {
            merge(self.injected.entry(kind).or_default(), found);
        }
        merge(&mut self.pairs, part.pairs);
        merge(&mut self.lengths, part.lengths);
        merge(&mut self.machines, part.machines);
        merge(&mut self.ended_by, part.ended_by);
        merge(&mut self.found_by, part.found_by);
        merge(&mut self.faults_found, part.faults_found);
    }

    /// Kinds of mishaps that befell no run.
    #[must_use]
    pub fn never_injected(&self) -> Vec<&'static str> {
        kinds().filter(|kind| !self.injected.contains_key(kind)).collect()
    }

    /// Pairs of kinds there are, and how many of them befell a run.
    #[must_use]
    pub fn pairs_exercised(&self) -> (usize, usize) {
        let kinds = kinds().count();
        (kinds * (kinds + 1) / 2, self.pairs.len())
    }
}

/// Every kind of mishap.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    Injection::ALL.into_iter().map(Injection::name).chain(OTHER_KINDS)
}

/// How a run ended, or what was found first in it.
fn outcome(run: &Run) -> &'static str {
    let found = run.deliveries.iter().find_map(|story| story.faults.first());
    match found {
        Some((fault, _)) => fault,
        None if !run.deliveries.is_empty()
            && run.deliveries.iter().all(|story| story.state == State::Complete.name()) =>
        {
            "completed"
        }
        None => run.state,
    }
}

fn merge<K: Ord>(into: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(key).or_default() += count;
    }
}
