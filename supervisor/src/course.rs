//! A whole session in virtual time: the world, the operator who leads it, and what came of it.
//!
//! The operator makes one delivery after the other ([`Errand`]): arms when nothing stands against it, begins when it is
//! armed, acknowledges what ended; whatever else they do is among the mishaps. A process that is started again tells its
//! story anew, so there is one [`Progress`] for each process, and one for each delivery.

use beam_core::clearance::Role;
use beam_core::machine::Machine;
use beam_core::session::Act;
use beam_core::state::{Refused, State};
use beam_core::units::{Span, Ticks};
use beam_core::wire::GateState;
use beam_drivers::sim::UnitConfig;

use crate::conductor::Entry;
use crate::mishap::{Deed, Mishap};
use crate::prepared::Prepared;
use crate::progress::Progress;
use crate::treatment_unit::unit_for;
use crate::world::World;

mod errand;
mod operator;

pub use errand::{AfterInterruption, Errand, FirstToAcknowledge, SetUpAnew};
pub use operator::Given;
use operator::{Operator, Sees};

/// How long the console waits with its request for beam after the gate opened.
pub const REQUEST_AFTER: Span = Span::from_millis(50);
/// How long what was told at the end of the watch may be under way.
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

/// What became of an acknowledgement, whoever gave it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Acknowledged {
    /// In which role.
    pub by: Role,
    /// Where the session stood.
    pub state: State,
    /// Why it was refused, if it was.
    pub refused: Option<Refused>,
}

/// A session under way.
pub struct Course {
    /// The world.
    pub world: World,
    /// What the process that runs has told of the delivery under way.
    pub progress: Progress,
    /// What the processes before it told.
    pub before: Vec<Progress>,
    /// What the operator asked for by a mishap, and what became of it.
    pub answers: Vec<Answer>,
    /// Every acknowledgement, the first one first.
    pub acknowledged: Vec<Acknowledged>,
    machine: Machine,
    operator: Operator,
    state: State,
    since: Ticks,
    last_open: Ticks,
    asked_at: Option<Ticks>,
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
        let world = World::befallen(&prepared.machine, unit, seed, mishaps);
        Self::of(world, &prepared.machine, vec![Errand::alone(prepared.order)])
    }

    /// A session in this world with these deliveries on its machine, one at least.
    #[must_use]
    pub fn of(world: World, machine: &Machine, errands: Vec<Errand>) -> Self {
        let most = errands.iter().fold(SPARE, |most, errand| most.plus(errand.most()).plus(SPARE));
        Self {
            world,
            progress: Progress::default(),
            before: Vec::new(),
            answers: Vec::new(),
            acknowledged: Vec::new(),
            machine: *machine,
            operator: Operator::new(errands),
            state: State::Inhibited,
            since: Ticks::ZERO,
            last_open: Ticks::ZERO,
            asked_at: None,
            limit: Ticks::ZERO.after(most),
        }
    }

    /// Lets one event happen, and the operator react to it. Every entry goes to `sink` too, with what was told of the
    /// delivery before it.
    pub fn step(&mut self, sink: &mut impl FnMut(&Entry, &Progress)) {
        let generation = self.world.generation();
        let progress = &mut self.progress;
        self.world.step(&mut |entry| {
            sink(entry, progress);
            progress.add(entry);
        });
        if self.world.generation() != generation {
            self.start_again();
        }
        while let Some(deed) = self.world.next_deed() {
            self.operate(deed, sink);
        }
        self.look_at_state();
        let sees = self.sees();
        let act = self.operator.next_act(&sees);
        if let Some(act) = act.filter(|_| !self.is_silent()) {
            if let (Act::Arm { .. }, Some(set_up)) = (&act, self.operator.errand().set_up) {
                self.world.set_up(&set_up.signals());
            }
            let refused = self.act(&act, sink).is_err();
            self.operator.answered(&act, refused);
        }
        self.look_at_state();
        if self.world.unit().gate_state() == GateState::Open {
            self.last_open = self.world.now();
        }
    }

    fn look_at_state(&mut self) {
        if self.progress.state != self.state {
            (self.state, self.since) = (self.progress.state, self.world.now());
            // whoever has another delivery to make takes the hand off the button of the last one
            if matches!(self.state, State::Complete | State::Tripped) && self.operator.goes_on() {
                self.world.request_beam(false);
            }
        }
    }

    fn sees(&mut self) -> Sees {
        let (now, state) = (self.world.now(), self.world.conductor().session().state());
        if state == State::Ready && self.world.truth().beam_requested {
            self.asked_at = Some(now);
        }
        Sees { now, state, since: self.since, last_open: self.last_open, asked_at: self.asked_at }
    }

    /// Every arming so far, with its ids.
    #[must_use]
    pub fn given(&self) -> &[Given] {
        self.operator.given()
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
            // nothing stands against the next one, or it is about to be acknowledged
            State::Ready | State::Complete | State::Tripped if self.operator.goes_on() && !self.is_silent() => false,
            // until the verdict is given, and whatever is still under way has arrived
            State::Complete | State::Tripped => now.since(self.since) > AFTER_END.plus(self.machine.watch_after_beam()),
            // the beam before is watched first
            State::Inhibited if self.operator.goes_on() => waited > PATIENCE.plus(self.machine.watch_after_beam()),
            State::Inhibited | State::Ready | State::Interrupted => waited > PATIENCE,
            // whoever should go on may be dead
            State::Proving | State::Armed | State::Delivering => waited > PATIENCE.times(2),
        }
    }

    /// Whether the session is dead, so that nobody can act any more.
    fn is_silent(&self) -> bool {
        self.world.stopped().session
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
        self.operator.start_again();
    }

    fn operate(&mut self, deed: Deed, sink: &mut impl FnMut(&Entry, &Progress)) {
        let act = match deed {
            Deed::Arm => self.operator.arm_again(),
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

    fn act(&mut self, act: &Act, sink: &mut impl FnMut(&Entry, &Progress)) -> Result<(), Refused> {
        let state = self.world.conductor().session().state();
        let progress = &mut self.progress;
        let answer = self.world.act(act, &mut |entry| {
            sink(entry, progress);
            progress.add(entry);
        });
        if let Act::Acknowledge { by } = *act {
            self.acknowledged.push(Acknowledged { by, state, refused: answer.err() });
        }
        answer
    }
}
