//! A whole session in virtual time: the world, the operator who leads it, and what came of it.
//!
//! The operator arms when nothing stands against it and begins when it is armed; whatever else they do is among the mishaps.
//! A process that is started again tells its story anew, so there is one [`Progress`] for each.

use beam_core::clearance::Role;
use beam_core::machine::{Machine, Order};
use beam_core::session::Act;
use beam_core::state::{Refused, State};
use beam_core::units::{Span, Ticks};
use beam_core::wire::GateState;
use beam_drivers::sim::UnitConfig;

use crate::autopilot::Autopilot;
use crate::conductor::Entry;
use crate::mishap::{Deed, Mishap};
use crate::prepared::Prepared;
use crate::progress::Progress;
use crate::treatment_unit::unit_for;
use crate::world::World;

/// How long the console waits with its request for beam after the gate opened.
const REQUEST_AFTER: Span = Span::from_millis(50);
/// How long a delivery that has ended is still watched.
const AFTER_END: Span = Span::from_millis(300);
/// How long a session may wait for what never comes.
const PATIENCE: Span = Span::from_millis(1_500);
/// Longer than any session takes by its own limits: twice its time limit, and a minute.
const SPARE: Span = Span::from_secs(60);

/// What became of what the operator asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// When.
    pub at: Ticks,
    /// What was asked.
    pub deed: Deed,
    /// Whether it had no place then.
    pub refused: Option<Refused>,
}

/// A session under way.
pub struct Course {
    /// The world.
    pub world: World,
    /// What the process that runs has told.
    pub progress: Progress,
    /// What the processes before it told.
    pub before: Vec<Progress>,
    /// What the operator asked for by a mishap, and what became of it.
    pub answers: Vec<Answer>,
    machine: Machine,
    order: Order,
    operator: Autopilot,
    /// Ids given out so far.
    ids: u16,
    state: State,
    since: Ticks,
    last_open: Ticks,
    limit: Ticks,
}

impl Course {
    /// A session of `prepared` that was just switched on, and these mishaps to come. Everything else follows from `seed`.
    #[must_use]
    pub fn new(prepared: &Prepared, seed: u64, mishaps: &[Mishap]) -> Self {
        let unit = unit_for(&prepared.machine, &prepared.order, REQUEST_AFTER);
        Self::with_unit(prepared, &unit, seed, mishaps)
    }

    /// The same beside another treatment unit.
    #[must_use]
    pub fn with_unit(prepared: &Prepared, unit: &UnitConfig, seed: u64, mishaps: &[Mishap]) -> Self {
        Self {
            world: World::befallen(&prepared.machine, unit, seed, mishaps),
            progress: Progress::default(),
            before: Vec::new(),
            answers: Vec::new(),
            machine: prepared.machine,
            order: prepared.order,
            operator: Autopilot::new(1, 2, prepared.order, &prepared.machine),
            ids: 2,
            state: State::Inhibited,
            since: Ticks::ZERO,
            last_open: Ticks::ZERO,
            limit: Ticks::ZERO.after(prepared.order.time_limit.times(2)).after(SPARE),
        }
    }

    /// Lets one event happen, and the operator react to it. Every entry goes to `sink` too.
    pub fn step(&mut self, sink: &mut impl FnMut(&Entry)) {
        let generation = self.world.generation();
        let progress = &mut self.progress;
        self.world.step(&mut |entry| {
            progress.add(entry);
            sink(entry);
        });
        if self.world.generation() != generation {
            self.start_again();
        }
        while let Some(deed) = self.world.next_deed() {
            self.operate(deed, sink);
        }
        if let Some(act) = self.operator.next_act(self.world.conductor().session().state()) {
            let _refused = self.act(&act, sink);
        }
        if self.progress.state != self.state {
            (self.state, self.since) = (self.progress.state, self.world.now());
        }
        if self.world.unit().gate_state() == GateState::Open {
            self.last_open = self.world.now();
        }
    }

    /// Whether there is nothing left to wait for.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let now = self.world.now();
        if self.is_endless() {
            return true;
        }
        if self.world.is_expectant() {
            return false;
        }
        let waited = now.since(self.since.max(self.last_open));
        match self.progress.state {
            // whatever the gate still lets pass, and until its end is judged or can no longer be
            State::Complete | State::Tripped => {
                let judged = self.progress.end.is_some();
                let watch = if judged { AFTER_END } else { AFTER_END.plus(self.machine.watch_after_beam()) };
                now.since(self.since) > watch
            }
            State::Inhibited | State::Ready | State::Interrupted => waited > PATIENCE,
            // whoever should go on may be dead
            State::Proving | State::Armed | State::Delivering => waited > PATIENCE.times(2),
        }
    }

    /// Whether it went on for longer than its own limits allow.
    #[must_use]
    pub fn is_endless(&self) -> bool {
        self.world.now() > self.limit
    }

    /// The processes' stories, the first one first.
    pub fn stories(&self) -> impl Iterator<Item = &Progress> {
        self.before.iter().chain([&self.progress])
    }

    fn start_again(&mut self) {
        self.before.push(std::mem::take(&mut self.progress));
        self.ids += 2;
        self.operator = Autopilot::new(self.ids - 1, self.ids, self.order, &self.machine);
    }

    fn operate(&mut self, deed: Deed, sink: &mut impl FnMut(&Entry)) {
        let act = match deed {
            Deed::Arm => {
                self.ids += 2;
                Act::Arm { proof: self.ids - 1, delivery: self.ids, order: self.order }
            }
            Deed::Begin => Act::Begin,
            Deed::Interrupt => Act::Interrupt,
            Deed::Resume => Act::Resume,
            Deed::Terminate => Act::Terminate,
            // whoever is entitled to everything, so that a scenario goes on
            Deed::Acknowledge => Act::Acknowledge { by: Role::Physicist },
            Deed::AcknowledgeAsOperator => Act::Acknowledge { by: Role::Operator },
            // these the world has done itself
            Deed::PressBeam | Deed::ReleaseBeam => return,
        };
        // an act out of place is refused, and that is all there is to it
        let refused = self.act(&act, sink).err();
        self.answers.push(Answer { at: self.world.now(), deed, refused });
    }

    fn act(&mut self, act: &Act, sink: &mut impl FnMut(&Entry)) -> Result<(), Refused> {
        let progress = &mut self.progress;
        self.world.act(act, &mut |entry| {
            progress.add(entry);
            sink(entry);
        })
    }
}
