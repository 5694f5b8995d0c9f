//! A delivery led by hand, step by step, where the autopilot would just let it run.

use beam_core::machine::Order;
use beam_core::session::Act;
use beam_core::state::{Refused, State};
use beam_core::units::{Span, Ticks};
use beam_core::wire::GateState;
use beam_drivers::sim::{Injection, Truth};
use beam_supervisor::progress::Progress;
use beam_supervisor::world::World;

use crate::{DELIVERY, PROOF, Trial};

/// Longer than a proof takes.
const PATIENCE: Span = Span::from_secs(10);

/// A world, what it told, and the order that it is to deliver.
pub struct Hand {
    /// The world.
    pub world: World,
    /// What it told.
    pub progress: Progress,
    /// The order.
    pub order: Order,
}

impl Hand {
    /// A world that was just switched on.
    #[must_use]
    pub fn new(trial: &Trial, order: &Order, seed: u64, injections: &[(Injection, u32)]) -> Self {
        let world = World::new(&trial.machine, &trial.unit(order), seed, injections);
        Self { world, progress: Progress::default(), order: *order }
    }

    /// A world that delivers already.
    #[must_use]
    pub fn delivering(trial: &Trial, order: &Order, seed: u64, injections: &[(Injection, u32)]) -> Self {
        let mut hand = Self::new(trial, order, seed, injections);
        hand.until(State::Ready);
        assert_eq!(hand.arm(0), Ok(()));
        hand.until(State::Armed);
        assert_eq!(hand.act(Act::Begin), Ok(()));
        hand
    }

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.world.conductor().session().state()
    }

    /// What really happened.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.world.truth()
    }

    /// The operator arms, with ids that lie `later` further on than the first ones.
    ///
    /// # Errors
    /// [`Refused`] when the act has no place now.
    pub fn arm(&mut self, later: u16) -> Result<(), Refused> {
        self.act(Act::Arm { proof: PROOF + later, delivery: DELIVERY + later, order: self.order })
    }

    /// The operator acts.
    ///
    /// # Errors
    /// [`Refused`] when the act has no place now.
    pub fn act(&mut self, act: Act) -> Result<(), Refused> {
        let progress = &mut self.progress;
        self.world.act(&act, &mut |entry| progress.add(entry))
    }

    /// One step of the world.
    pub fn step(&mut self) {
        let progress = &mut self.progress;
        self.world.step(&mut |entry| progress.add(entry));
    }

    /// Runs for a while.
    pub fn run(&mut self, span: Span) {
        let until = self.world.now().after(span);
        self.run_while(until, |_| true);
    }

    /// Runs until this many pulses were fired in all.
    pub fn until_pulse(&mut self, pulses: u64) {
        let until = self.world.now().after(Span::from_secs(600));
        self.run_while(until, |hand| hand.truth().pulses < pulses);
        assert_eq!(self.truth().pulses, pulses, "that many pulses");
    }

    /// Runs until the session stands there.
    pub fn until(&mut self, state: State) {
        let until = self.world.now().after(PATIENCE);
        self.run_while(until, |hand| hand.state() != state);
        assert_eq!(self.state(), state, "faults {:?}", self.progress.faults);
    }

    /// Runs until the delivery ended one way or another, and a second on.
    pub fn to_the_end(&mut self) {
        let until = self.world.now().after(Span::from_secs(600));
        self.run_while(until, |hand| !hand.progress.is_over());
        self.run(Span::from_secs(1));
    }

    /// When the gate let no pulse pass any more, at the latest `until`; none when it still stands open then.
    pub fn closed_by(&mut self, until: Ticks) -> Option<Ticks> {
        self.run_while(until, |hand| hand.truth().gate.state == GateState::Open);
        (self.truth().gate.state != GateState::Open).then(|| self.world.now())
    }

    fn run_while(&mut self, until: Ticks, goes_on: impl Fn(&Self) -> bool) {
        while self.world.now() < until && goes_on(self) {
            self.step();
        }
    }
}
