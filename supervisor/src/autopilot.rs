//! The operator of a demo, a simulation or a bench: arms as soon as nothing stands against it, begins as soon as it is
//! armed, and leaves everything else to the guards.

use beam_core::machine::Order;
use beam_core::session::Act;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};

use crate::progress::Progress;

/// How long after the end of a delivery the unit is still watched: what arrives late belongs to it.
pub const AFTER_BEAM: Span = Span::from_secs(1);

/// An operator who does the next obvious thing.
#[derive(Clone, Copy, Debug)]
pub struct Autopilot {
    proof: u16,
    delivery: u16,
    order: Order,
    armed: bool,
    begun: bool,
}

impl Autopilot {
    /// An operator with this order. Both ids are durable and were never sent before.
    #[must_use]
    pub const fn new(proof: u16, delivery: u16, order: Order) -> Self {
        Self { proof, delivery, order, armed: false, begun: false }
    }

    /// What the operator does now, if anything.
    pub fn next_act(&mut self, state: State) -> Option<Act> {
        match state {
            State::Ready if !self.armed => {
                self.armed = true;
                Some(Act::Arm { proof: self.proof, delivery: self.delivery, order: self.order })
            }
            State::Armed if !self.begun => {
                self.begun = true;
                Some(Act::Begin)
            }
            State::Inhibited
            | State::Ready
            | State::Proving
            | State::Armed
            | State::Delivering
            | State::Interrupted
            | State::Complete
            | State::Tripped => None,
        }
    }

    /// Whether there is nothing left to wait for: the delivery ended a while ago, or it can never begin or go on.
    #[must_use]
    pub fn is_done(&self, progress: &Progress, now: Ticks, waiting_since: Ticks, patience: Span) -> bool {
        match progress.state {
            State::Complete | State::Tripped => progress.ended_at.is_none_or(|at| now.since(at) > AFTER_BEAM),
            // armed for so long, it was refused to begin
            State::Inhibited | State::Ready | State::Armed | State::Interrupted => now.since(waiting_since) > patience,
            State::Proving | State::Delivering => false,
        }
    }
}
