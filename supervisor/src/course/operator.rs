//! The operator of a session: does the next obvious thing for each [`Errand`], and keeps the book of delivery ids.

use beam_core::clearance::Role;
use beam_core::session::Act;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};

use super::errand::{AfterInterruption, Errand, FirstToAcknowledge};

/// How long a delivery that cannot go on is looked at before the operator ends it, where another one is to come.
const LOOKED_AT: Span = Span::from_millis(600);

/// Until everybody has heard that the console no longer asks for beam.
const LET_GO: Span = Span::from_millis(5);
/// How long the operator waits for a console that goes on asking.
const STICKS: Span = Span::from_secs(1);

/// How often the operator acknowledges before the next delivery; then there is none.
pub(super) const MOST_ACKNOWLEDGED: u64 = 3;

/// What the operator sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sees {
    pub now: Ticks,
    /// Where the session stands, and since when.
    pub state: State,
    pub since: Ticks,
    /// When the gate was open last.
    pub last_open: Ticks,
    /// When the console asked for beam last.
    pub asked_at: Option<Ticks>,
}

/// The ids that one arming was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Given {
    /// Of the proof.
    pub proof: u16,
    /// Of the delivery.
    pub delivery: u16,
    /// Which errand it is for.
    pub errand: usize,
}

/// The operator.
#[derive(Clone, Debug)]
pub(super) struct Operator {
    errands: Vec<Errand>,
    /// The next one to be armed.
    next: usize,
    /// Nothing more is armed: it was refused.
    gave_up: bool,
    begun: bool,
    /// Acknowledgements since the last arming.
    acknowledged: u64,
    /// Who has tried to acknowledge the last end, and was refused.
    refused: Option<FirstToAcknowledge>,
    given: Vec<Given>,
}

impl Operator {
    pub const fn new(errands: Vec<Errand>) -> Self {
        Self { errands, next: 0, gave_up: false, begun: false, acknowledged: 0, refused: None, given: Vec::new() }
    }

    /// Every arming so far.
    pub fn given(&self) -> &[Given] {
        &self.given
    }

    /// The errand that is under way, or the first one.
    pub fn errand(&self) -> &Errand {
        &self.errands[self.next.saturating_sub(1)]
    }

    /// Whether another delivery is to come.
    pub fn goes_on(&self) -> bool {
        !self.gave_up && self.next < self.errands.len()
    }

    /// The process was started anew: what was under way is to be done again.
    pub fn start_again(&mut self) {
        self.next = self.next.saturating_sub(1);
        self.begun = false;
        self.refused = None;
    }

    /// New ids for the errand under way, armed by somebody else.
    pub fn arm_again(&mut self) -> Act {
        self.arm(self.next.saturating_sub(1))
    }

    fn arm(&mut self, errand: usize) -> Act {
        // ids count up, the proof's first
        let proof = self.given.last().map_or(1, |given| given.delivery + 1);
        let given = Given { proof, delivery: proof + 1, errand };
        self.given.push(given);
        Act::Arm { proof: given.proof, delivery: given.delivery, order: self.errands[errand].order }
    }

    /// Whether the next delivery is armed now; `asked_at` is when the console asked for beam last.
    fn arms(&self, now: Ticks, since: Ticks, asked_at: Option<Ticks>) -> bool {
        let Some(errand) = self.errands.get(self.next).filter(|_| self.goes_on()) else { return false };
        let waited = now.since(since);
        // nobody arms with a hand on the beam button, unless it sticks
        let let_go = self.next == 0 || asked_at.is_none_or(|at| now.since(at) >= LET_GO) || waited >= STICKS;
        waited >= errand.armed_after && let_go
    }

    /// What is done now, if anything.
    pub fn next_act(&mut self, sees: &Sees) -> Option<Act> {
        let Sees { now, state, since, last_open, asked_at } = *sees;
        let waited = |span: Span| now.since(since) >= span;
        let stands = |span: Span| self.goes_on() && now.since(since.max(last_open)) > span;
        match state {
            State::Ready if self.arms(now, since, asked_at) => {
                self.next += 1;
                self.begun = false;
                self.acknowledged = 0;
                Some(self.arm(self.next - 1))
            }
            State::Armed if !self.begun => {
                self.begun = true;
                Some(Act::Begin)
            }
            State::Armed | State::Delivering if stands(LOOKED_AT.times(3)) => Some(Act::Terminate),
            State::Interrupted => match self.errand().interrupted {
                AfterInterruption::Resume(after) if waited(after) => Some(Act::Resume),
                AfterInterruption::Terminate(after) if waited(after) => Some(Act::Terminate),
                AfterInterruption::Leave if stands(LOOKED_AT) => Some(Act::Terminate),
                AfterInterruption::Leave | AfterInterruption::Resume(_) | AfterInterruption::Terminate(_) => None,
            },
            State::Complete | State::Tripped if self.goes_on() => {
                let Errand { acknowledged_after, first, .. } = self.errands[self.next];
                let by = match (first, self.refused) {
                    (FirstToAcknowledge::Operator, None) => Role::Operator,
                    (FirstToAcknowledge::Operator | FirstToAcknowledge::Physicist, _) => Role::Physicist,
                };
                waited(acknowledged_after).then_some(Act::Acknowledge { by })
            }
            State::Inhibited | State::Ready | State::Proving | State::Armed => None,
            State::Delivering | State::Complete | State::Tripped => None,
        }
    }

    /// What became of what was done last.
    pub fn answered(&mut self, act: &Act, was_refused: bool) {
        match act {
            Act::Acknowledge { by: Role::Operator } if was_refused => {
                self.refused = Some(FirstToAcknowledge::Operator);
            }
            Act::Acknowledge { .. } if !was_refused => {
                self.refused = None;
                self.acknowledged += 1;
                // what comes again and again is not acknowledged for ever
                self.gave_up |= self.acknowledged >= MOST_ACKNOWLEDGED;
            }
            Act::Acknowledge { .. } | Act::Arm { .. } if was_refused => self.gave_up = true,
            // a gate that has latched the delivery cannot go on with it
            Act::Resume if was_refused => {
                self.errands[self.next.saturating_sub(1)].interrupted = AfterInterruption::Leave
            }
            Act::Acknowledge { .. } | Act::Arm { .. } | Act::Resume => {}
            Act::Begin | Act::Interrupt | Act::Terminate => {}
        }
    }
}
