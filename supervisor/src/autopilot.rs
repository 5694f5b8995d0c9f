//! The operator of a demo, a simulation or a bench: arms as soon as nothing stands against it, begins as soon as it is
//! armed, and leaves everything else to the guards.

use beam_core::machine::{Machine, Order};
use beam_core::session::Act;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};

use crate::progress::Progress;

/// What the interlock guard's word on the end may need beyond the watch after the beam, on its way to whoever waits for it.
const ON_ITS_WAY: Span = Span::from_millis(100);

/// An operator who does the next obvious thing.
#[derive(Clone, Copy, Debug)]
pub struct Autopilot {
    proof: u16,
    delivery: u16,
    order: Order,
    /// How long the unit is watched after the end of a delivery: what arrives late belongs to it.
    watch: Span,
    armed: bool,
    begun: bool,
}

impl Autopilot {
    /// An operator with this order. Both ids are durable and were never sent before.
    #[must_use]
    pub const fn new(proof: u16, delivery: u16, order: Order, machine: &Machine) -> Self {
        Self { proof, delivery, order, watch: machine.watch_after_beam(), armed: false, begun: false }
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
            State::Complete | State::Tripped => {
                let spare = if progress.end.is_none() { ON_ITS_WAY } else { Span::ZERO };
                progress.ended_at.is_none_or(|at| now.since(at) > self.watch.plus(spare))
            }
            // armed for so long, it was refused to begin
            State::Inhibited | State::Ready | State::Armed | State::Interrupted => now.since(waiting_since) > patience,
            State::Proving | State::Delivering => false,
        }
    }
}
