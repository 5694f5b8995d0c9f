//! `beam-supervisor simulate`: seeded sessions in virtual time with anything going wrong, judged by an oracle that knows the
//! true dose of every pulse.
//!
//! A seed stands for a whole run, the life of one process: [`mod@draw`] draws machine, deliveries ([`legs`]) and mishaps from it,
//! [`Course`] leads the session through them, [`oracle`] looks on after every event. What a plan comes to is computed a second
//! time for it ([`second_order`]). The same seed gives the same line of the log on every machine. A run that
//! breaks a promise is made smaller ([`shrink`]) and told as a scenario; what a campaign has exercised is counted in
//! [`table`].

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use beam_drivers::clock;
use beam_drivers::sim::Beam;
use serde::Serialize;

use crate::course::{Course, REQUEST_AFTER};
use crate::describe::seconds;
use crate::world::World;

pub mod circumstances;
pub mod draw;
pub mod legs;
pub mod models;
pub mod oracle;
pub mod second_order;
pub mod shrink;
pub mod table;
pub mod written;

pub use draw::Faults;
use draw::{Drawn, draw};
use models::Model;
use oracle::{Broken, Oracle, Story};
use table::Table;
use written::Written;

/// Runs that one worker takes at a time.
const BATCH: u64 = 16;

/// What a campaign is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// How many runs, each the life of one process with one delivery or several.
    pub runs: u64,
    /// Seed of the first one; the others count up from it.
    pub seed: u64,
    /// Which faults.
    pub faults: Faults,
    /// Machines to draw from.
    pub machines: Vec<Arc<Model>>,
    /// End as soon as a promise is broken.
    pub stop_at_first: bool,
}

/// One run of a campaign, as its seed drew it and as it went.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// Name of its machine.
    pub machine: String,
    /// Lengths of its plans in pulses; without pulses, in tenths of a second.
    pub planned_pulses: Vec<u32>,
    /// Output of the machine and response of its monitors on that day, 1 as commissioned.
    pub day: [f64; 2],
    /// What befell it.
    pub mishaps: Vec<crate::mishap::Mishap>,
    /// Where the session stood at the end.
    pub state: &'static str,
    /// How each delivery that was armed went, in their order.
    pub deliveries: Vec<Story>,
    /// Promises that were broken.
    pub broken: Vec<Broken>,
    /// Steps that the guards made.
    #[serde(skip)]
    pub steps: u64,
    /// Pulses that were fired since power-up.
    #[serde(skip)]
    pub fired: u64,
}

impl Run {
    /// The run as one line of a log.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What a campaign comes to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Campaign {
    /// Wall-clock seconds that it took.
    pub elapsed_s: f64,
    /// Seconds of processor time, of all cores together.
    pub processor_s: f64,
    /// Cores that worked on it.
    pub cores: usize,
    /// What was exercised, and what came of it.
    #[serde(flatten)]
    pub table: Table,
    /// Runs that broke a promise.
    pub broken: Vec<Run>,
}

/// Makes a campaign on every core. `watch` sees every run, in no order.
#[must_use]
pub fn campaign(wish: &Wish, watch: &(impl Fn(&Run) + Sync)) -> Campaign {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (begun, used) = (clock::now(), clock::processor_time());
    let next = AtomicU64::new(0);
    let parts: Vec<Campaign> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(|| work(wish, &next, watch))).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let mut whole = Campaign { cores, ..Campaign::default() };
    for part in parts {
        whole.table.add(part.table);
        whole.broken.extend(part.broken);
    }
    whole.elapsed_s = seconds(clock::now().since(begun));
    whole.processor_s = seconds(clock::processor_time()) - seconds(used);
    whole.broken.sort_by_key(|run| run.seed);
    whole
}

fn work(wish: &Wish, next: &AtomicU64, watch: &impl Fn(&Run)) -> Campaign {
    let mut part = Campaign::default();
    loop {
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        if first >= wish.runs {
            return part;
        }
        for index in first..wish.runs.min(first + BATCH) {
            let run = deliver(wish, wish.seed.wrapping_add(index));
            watch(&run);
            part.table.count(&run);
            if !run.broken.is_empty() {
                if wish.stop_at_first {
                    next.store(wish.runs, Ordering::Relaxed);
                }
                part.broken.push(run);
            }
        }
    }
}

/// The run of `seed`.
#[must_use]
pub fn deliver(wish: &Wish, seed: u64) -> Run {
    run(&draw(&wish.machines, &wish.faults, seed))
}

/// A run as it was drawn.
#[must_use]
pub fn run(drawn: &Drawn) -> Run {
    let mut course = course_of(drawn);
    course.world.let_look_on();
    let mut oracle = Oracle::new(drawn);
    let mut written = Written::of(drawn);
    while !course.is_over() {
        let now = course.world.now();
        course.step(&mut |entry, told| {
            oracle.read(now, entry, told);
            if let Some(written) = &mut written {
                written.take(entry);
            }
        });
        oracle.look(&mut course);
    }
    // a process that is started again writes another record
    let written = written.filter(|_| course.before.is_empty());
    let contradiction = written.and_then(|written| written.contradiction(&course.progress));
    let (broken, deliveries) = oracle.finish(&course, contradiction);
    Run {
        seed: drawn.seed,
        machine: drawn.model.numbers.name.clone(),
        planned_pulses: drawn.legs.iter().map(|leg| leg.pulses).collect(),
        day: [drawn.day.output, drawn.day.response],
        mishaps: drawn.mishaps.clone(),
        state: course.progress.state.name(),
        deliveries,
        broken,
        steps: course.world.steps(),
        fired: course.world.truth().pulses,
    }
}

/// The session of a run: its unit is built from the profile's own numbers, whatever the guards were given.
fn course_of(drawn: &Drawn) -> Course {
    let Drawn { model, legs, day, .. } = drawn;
    let machine = &model.profile.machine;
    let mut unit = model.numbers.unit(&legs[0].expected, machine, REQUEST_AFTER);
    match &mut unit.beam {
        Beam::Pulses { mu_per_pulse, .. } => *mu_per_pulse *= day.output,
        Beam::Continuous { mu_per_second } => *mu_per_second *= day.output,
    }
    for chamber in &mut unit.chambers {
        chamber.gain *= day.response;
    }
    let world = World::befallen(machine, &unit, drawn.seed, &drawn.mishaps);
    Course::of(world, machine, legs.iter().map(|leg| leg.errand).collect())
}

#[cfg(test)]
mod tests;
