//! `beam-supervisor simulate`: seeded deliveries in virtual time, each with no fault or one, judged by an oracle that knows
//! the true dose of every pulse.
//!
//! Every number of a run comes from its seed, and a run that breaks an invariant is printed with its seed. The oracle is
//! simpler than the guards: it looks at the true dose, at the gate and at what was asked, never at a guard's reasons.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use beam_core::state::State;
use beam_core::units::{Dose, Span, Ticks};
use beam_core::wire::GateState;
use beam_drivers::sim::{Injection, Noise, Truth};
use serde::Serialize;

use crate::autopilot::Autopilot;
use crate::describe::mu;
use crate::prepared::Prepared;
use crate::progress::Progress;
use crate::treatment_unit::unit_for;
use crate::world::World;

/// How long a run waits for what never comes.
const PATIENCE: Span = Span::from_secs(3);
/// The longest plan in MU: 30 Gy at 90 % and a little more, beyond any IOERT prescription.
const MOST_MU: f64 = 3500.0;
/// The noise that the oracle grants a pulse: four standard deviations of 1 %.
const PULSE_NOISE: f64 = 0.04;
/// The noise that it grants a chamber's sum over n pulses: five standard deviations of 0.1 %, times the root of n.
const CHAMBER_NOISE: f64 = 0.005;
/// The stream of numbers that draws a run; the simulated unit uses the small ones.
const STREAM: u64 = 77;

/// Which faults a campaign puts in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Faults {
    /// None: every delivery must land on its preset.
    None,
    /// One of these in each delivery.
    Some(Vec<Injection>),
}

/// What a campaign is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// How many deliveries.
    pub deliveries: u64,
    /// Seed of the first one; the others count up from it.
    pub seed: u64,
    /// Which faults.
    pub faults: Faults,
    /// Machines to draw from.
    pub machines: Vec<Prepared>,
}

/// One delivery of a campaign, as its seed drew it.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// Name of its machine.
    pub machine: String,
    /// Preset in MU.
    pub planned_mu: f64,
    /// The fault and the pulse at which it begins.
    pub fault: Option<(String, u32)>,
    /// Where the session stood at the end.
    pub state: &'static str,
    /// What ended it.
    pub ended_by: Option<&'static str>,
    /// The fault that was found first.
    pub found: Option<&'static str>,
    /// True dose in MU.
    pub true_mu: f64,
    /// Invariants that it broke.
    pub broken: Vec<String>,
    /// Steps that the guards made.
    #[serde(skip)]
    pub steps: u64,
    /// Pulses that were fired.
    pub pulses: u64,
    /// How far monitor 1 landed from the preset, in pulses.
    pub landing_pulses: f64,
}

/// What a campaign comes to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Campaign {
    /// Deliveries made.
    pub deliveries: u64,
    /// Steps that the guards made.
    pub guard_steps: u64,
    /// Pulses fired.
    pub pulses: u64,
    /// Seconds that it took.
    pub elapsed_s: f64,
    /// Cores that worked on it.
    pub cores: usize,
    /// How often each fault was put in, and what was found of it.
    pub injected: BTreeMap<String, BTreeMap<String, u64>>,
    /// How often each machine was drawn.
    pub machines: BTreeMap<String, u64>,
    /// How often each guard (or the operator, or nothing) ended a delivery.
    pub ended_by: BTreeMap<String, u64>,
    /// Largest distance of a fault-free delivery from its preset, in pulses.
    pub worst_landing_pulses: f64,
    /// Runs that broke an invariant.
    pub broken: Vec<Run>,
}

/// Makes a campaign on every core.
#[must_use]
pub fn campaign(wish: &Wish, progress: &(impl Fn(u64) + Sync)) -> Campaign {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let parts: Vec<Campaign> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(|| work(wish, &next, progress))).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let mut whole = Campaign { cores, ..Campaign::default() };
    for part in parts {
        whole.add(part);
    }
    whole.elapsed_s = begun.elapsed().as_secs_f64();
    whole.broken.sort_by_key(|run| run.seed);
    whole
}

fn work(wish: &Wish, next: &AtomicU64, progress: &impl Fn(u64)) -> Campaign {
    let mut part = Campaign::default();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= wish.deliveries {
            return part;
        }
        part.count(deliver(wish, wish.seed.wrapping_add(index)));
        progress(index);
    }
}

/// One delivery: everything about it is drawn from `seed`.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of pulses for a simulated plan")]
pub fn deliver(wish: &Wish, seed: u64) -> Run {
    let mut draw = Noise::new(seed, STREAM);
    let machine = &wish.machines[draw.below(count(wish.machines.len())) as usize];
    let most = (MOST_MU / mu(machine.order.pulse_dose)) as u32;
    let pulses = pulses_of_plan(&mut draw).min(most);
    let prepared = machine.with_preset(preset_of(machine, pulses, draw.uniform()));
    let fault = match &wish.faults {
        Faults::None => None,
        Faults::Some(faults) => {
            let injection = faults[draw.below(count(faults.len())) as usize];
            Some((injection, draw.below(pulses + 2)))
        }
    };
    Judged::run(&prepared, seed, fault).verdict()
}

/// Lengths of plans in pulses: short ones often, since the neighbourhood of a fault matters and not the length.
fn pulses_of_plan(draw: &mut Noise) -> u32 {
    let (least, most) = match draw.below(20) {
        0..=9 => (1, 20),
        10..=16 => (20, 200),
        17 | 18 => (200, 1000),
        _ => (1000, 2000),
    };
    least + draw.below(most - least)
}

/// A preset of so many pulses and a part of one: where it lies between two pulses is what the landing depends on.
#[expect(clippy::cast_possible_truncation, reason = "a number of micro-MU for a simulated plan")]
fn preset_of(machine: &Prepared, pulses: u32, part: f64) -> Dose {
    Dose::from_micro_mu((mu(machine.order.pulse_dose) * 1e6 * (f64::from(pulses) + part)) as i64)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A run and what the oracle needs of it.
struct Judged {
    prepared: Prepared,
    seed: u64,
    fault: Option<(Injection, u32)>,
    progress: Progress,
    at_end: Option<Truth>,
    truth: Truth,
    steps: u64,
}

impl Judged {
    fn run(prepared: &Prepared, seed: u64, fault: Option<(Injection, u32)>) -> Self {
        let config = unit_for(&prepared.machine, &prepared.order, Span::from_millis(50));
        let mut world = World::new(&prepared.machine, &config, seed, fault.as_slice());
        let mut progress = Progress::default();
        let mut operator = Autopilot::new(1, 2, prepared.order);
        let (mut state, mut since, mut at_end) = (State::Inhibited, Ticks::ZERO, None);
        while !operator.is_done(&progress, world.now(), since, PATIENCE) {
            world.step(&mut |entry| progress.add(entry));
            if let Some(act) = operator.next_act(world.conductor().session().state()) {
                let _the_act_fits_the_state = world.act(&act, &mut |entry| progress.add(entry));
            }
            if progress.state != state {
                (state, since) = (progress.state, world.now());
            }
            // the gate is shut for this delivery: whatever is fired from here on is fired against its latch
            if at_end.is_none() && world.truth().gate.state == GateState::Latched {
                at_end = Some(world.truth());
            }
        }
        let (truth, steps) = (world.truth(), world.steps());
        Self { prepared: prepared.clone(), seed, fault, progress, at_end, truth, steps }
    }

    fn verdict(self) -> Run {
        let broken = self.broken();
        Run {
            seed: self.seed,
            machine: self.prepared.planned.machine.clone(),
            planned_mu: self.prepared.planned.planned_mu,
            fault: self.fault.map(|(injection, pulse)| (injection.name().to_owned(), pulse)),
            state: self.progress.state.name(),
            ended_by: self.progress.ended_by.map(|by| by.name()),
            found: self.progress.fault_found().map(|(_, report)| report.fault.name()),
            true_mu: self.truth.mu,
            broken,
            steps: self.steps,
            pulses: self.truth.pulses,
            landing_pulses: self.landing(),
        }
    }

    /// The invariants, each in words when it is broken.
    fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut demand = |holds: bool, what: &str| {
            if !holds {
                broken.push(what.to_owned());
            }
        };
        let gate_is_sound = self.fault.is_none_or(|(injection, _)| !injection.name().starts_with("gate-"));
        if gate_is_sound {
            demand(self.truth.pulses_while_closed == 0, "a pulse was fired while the gate was closed");
            demand(self.truth.pulses_beyond_lease == 0, "a pulse was fired beyond a lease");
            let later = self.at_end.map_or(0, |end| self.truth.pulses - end.pulses);
            demand(later == 0, "a latched delivery fired again");
        }
        if self.fault.is_none() {
            demand(self.progress.state == State::Complete, "a fault-free delivery did not complete");
            demand(self.progress.faults.is_empty(), "a fault-free delivery found a fault");
            demand(self.landing() <= 0.5 + PULSE_NOISE, "monitor 1 landed further off than half a pulse and its noise");
            let sum_noise = CHAMBER_NOISE * (self.truth.pulses as f64).sqrt();
            demand(
                self.true_landing() <= 0.5 + PULSE_NOISE + sum_noise,
                "the true dose landed further off than noise allows",
            );
        }
        demand(self.truth.mu <= self.most_mu(), "more dose than the plan and the fault allow");
        broken
    }

    fn pulse_mu(&self) -> f64 {
        mu(self.prepared.order.pulse_dose)
    }

    /// How far monitor 1 landed from the preset, in pulses.
    fn landing(&self) -> f64 {
        (mu(self.progress.delivered[0]) - self.prepared.planned.planned_mu).abs() / self.pulse_mu()
    }

    /// How far the true dose landed from the preset, in pulses.
    fn true_landing(&self) -> f64 {
        (self.truth.mu - self.prepared.planned.planned_mu).abs() / self.pulse_mu()
    }

    /// The most true dose that may come with this fault, in MU.
    fn most_mu(&self) -> f64 {
        let (pulse, preset) = (self.pulse_mu(), self.prepared.planned.planned_mu);
        let window = f64::from(self.prepared.machine.window().max(1));
        let noise = 1.0 + PULSE_NOISE;
        let honest = preset + (0.5 * noise + CHAMBER_NOISE * (self.truth.pulses as f64).sqrt()) * pulse;
        match self.fault.map(|(injection, _)| injection) {
            None => honest,
            // both chambers under-read alike: only a beam charge sensor sees it
            Some(Injection::BothLow6) => preset / 0.94 + pulse * noise,
            // a gate that fires by itself is stopped by nobody here; it must only be found
            Some(injection) if injection.name().starts_with("gate-") => f64::INFINITY,
            // two pulses beyond the last honest reading, each as large as the fault may make it
            Some(_) => self.prepared.planned.backup_mu.max(preset) + (1.0 + window) * 3.0 * pulse * noise,
        }
    }
}

impl Campaign {
    fn count(&mut self, run: Run) {
        self.deliveries += 1;
        self.guard_steps += run.steps;
        self.pulses += run.pulses;
        if run.fault.is_none() {
            self.worst_landing_pulses = self.worst_landing_pulses.max(run.landing_pulses);
        }
        *self.machines.entry(run.machine.clone()).or_default() += 1;
        let ended_by = run.ended_by.unwrap_or("nothing").to_owned();
        *self.ended_by.entry(ended_by).or_default() += 1;
        let fault = run.fault.as_ref().map_or("none", |(name, _)| name).to_owned();
        let found = run.found.unwrap_or(if run.state == State::Complete.name() { "completed" } else { run.state });
        *self.injected.entry(fault).or_default().entry(found.to_owned()).or_default() += 1;
        if !run.broken.is_empty() {
            self.broken.push(run);
        }
    }

    fn add(&mut self, part: Self) {
        self.deliveries += part.deliveries;
        self.guard_steps += part.guard_steps;
        self.pulses += part.pulses;
        self.worst_landing_pulses = self.worst_landing_pulses.max(part.worst_landing_pulses);
        merge(&mut self.machines, part.machines);
        merge(&mut self.ended_by, part.ended_by);
        for (fault, found) in part.injected {
            merge(self.injected.entry(fault).or_default(), found);
        }
        self.broken.extend(part.broken);
    }
}

fn merge(into: &mut BTreeMap<String, u64>, from: BTreeMap<String, u64>) {
    for (key, count) in from {
        *into.entry(key).or_default() += count;
    }
}
