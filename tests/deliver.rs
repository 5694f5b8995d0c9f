//! A whole delivery in one call: proof, arming, beam and a second after it, in virtual time.

use beam_core::fault::Fault;
use beam_core::machine::Order;
use beam_core::session::{EndedBy, SessionNote};
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::Guard;
use beam_drivers::sim::{Injection, Truth};
use beam_supervisor::autopilot::Autopilot;
use beam_supervisor::conductor::Entry;
use beam_supervisor::progress::Progress;
use beam_supervisor::world::World;

use crate::{Recording, Trial};

/// How long a delivery may wait for what never comes.
const PATIENCE: Span = Span::from_secs(3);
/// Longer than any session of a test takes, in its own time.
const LONG: Ticks = Ticks::from_nanos(600_000_000_000);
/// Id of the proof.
pub const PROOF: u16 = 41;
/// Id of the delivery.
pub const DELIVERY: u16 = 42;

/// What became of a delivery.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the supervisor told.
    pub progress: Progress,
    /// What really happened.
    pub truth: Truth,
    /// Whether every guard was proven and the delivery armed.
    pub was_armed: bool,
    /// When each pulse was fired.
    pub pulses: Vec<Ticks>,
    /// When it was over.
    pub now: Ticks,
    /// Every frame that a bus carried, where it was asked for.
    pub recording: Recording,
}

impl Outcome {
    /// The fault that was found first.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.progress.fault_found().map(|(_, report)| report.fault)
    }

    /// Who found it; none is the session.
    #[must_use]
    pub fn finder(&self) -> Option<Guard> {
        self.progress.fault_found().and_then(|(guard, _)| guard)
    }

    /// Every fault that this guard found.
    #[must_use]
    pub fn faults_of(&self, guard: Guard) -> Vec<Fault> {
        let found = self.progress.faults.iter();
        found.filter(|(_, finder, _)| *finder == Some(guard)).map(|(.., report)| report.fault).collect()
    }

    /// When the first fault was found.
    #[must_use]
    pub fn fault_at(&self) -> Option<Ticks> {
        self.progress.faults.iter().map(|(at, ..)| *at).min()
    }

    /// Whether it ended as planned, by dose guard 1, and nothing was found.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.progress.state == State::Complete
            && self.was_armed
            && self.progress.faults.is_empty()
            && self.progress.ended_by == Some(EndedBy::Guard(Guard::Dose1))
    }

    /// One line for a failed assertion.
    #[must_use]
    pub fn summary(&self) -> String {
        let progress = &self.progress;
        let faults: Vec<_> = progress
            .faults
            .iter()
            .map(|(at, guard, report)| {
                let who = guard.map_or("session", Guard::name);
                format!("{} {} by {who} at {} ms", report.fault.code(), report.fault.name(), at.nanos() / 1_000_000)
            })
            .collect();
        let (first, second) = (progress.delivered[0].micro_mu(), progress.delivered[1].micro_mu());
        format!(
            "{}, ended by {:?}, {} pulses, {:.3} MU true, {first} and {second} uMU seen, faults {faults:?}, proof {:?}, \
             gate {:?} {:?} by {}, standing {:?}",
            progress.state.name(),
            progress.ended_by.map(EndedBy::name),
            self.truth.pulses,
            self.truth.mu,
            progress.proof_failed,
            self.truth.gate.state,
            self.truth.gate.cause,
            self.truth.gate.closed_by,
            progress.standing()
        )
    }
}

/// Delivers `order`, with faults that begin with the pulse beside them.
#[must_use]
pub fn deliver(trial: &Trial, order: &Order, seed: u64, injections: &[(Injection, u32)]) -> Outcome {
    let mut world = World::new(&trial.machine, &trial.unit(order), seed, injections);
    outcome_of(&mut world, order)
}

/// The same, with every frame kept.
#[must_use]
pub fn deliver_recorded(trial: &Trial, order: &Order, seed: u64, injections: &[(Injection, u32)]) -> Outcome {
    let mut world = World::new(&trial.machine, &trial.unit(order), seed, injections);
    world.keep_frames();
    outcome_of(&mut world, order)
}

/// Runs a world of which nothing was asked yet until its delivery is over.
#[must_use]
pub fn outcome_of(world: &mut World, order: &Order) -> Outcome {
    let mut progress = Progress::default();
    let mut operator = Autopilot::new(PROOF, DELIVERY, *order, world.machine());
    let (mut state, mut since, mut was_armed, mut pulses) = (State::Inhibited, Ticks::ZERO, false, Vec::new());
    while !operator.is_done(&progress, world.now(), since, PATIENCE) {
        assert!(world.now() < LONG, "the session never ends, in {}", progress.state.name());
        world.step(&mut |entry| {
            was_armed |= matches!(entry, Entry::Session(_, SessionNote::State(State::Armed)));
            progress.add(entry);
        });
        if world.truth().pulses > pulses.len() as u64 {
            pulses.push(world.now());
        }
        if let Some(act) = operator.next_act(world.conductor().session().state()) {
            let answer = world.act(&act, &mut |entry| progress.add(entry));
            assert_eq!(answer, Ok(()), "the operator does the next obvious thing");
        }
        if progress.state != state {
            (state, since) = (progress.state, world.now());
        }
    }
    let recording = Recording::new(world.frames().to_vec());
    Outcome { progress, truth: world.truth(), was_armed, pulses, now: world.now(), recording }
}

/// Does `work` on every item, on every core, and collects what it complains of.
pub fn in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) -> Option<String> + Sync) -> Vec<String> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    std::thread::scope(|scope| {
        let worker = || {
            let mut complaints = Vec::new();
            while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                complaints.extend(work(item));
            }
            complaints
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker that panicked has said why")).collect()
    })
}
