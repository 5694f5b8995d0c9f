//! What goes into the session and what comes out of it: the operator's acts, what happens, directives for the guards, notes.

use crate::clearance::Role;
use crate::fault::FaultSet;
use crate::machine::Order;
use crate::note::{Command, FaultReport, Note};
use crate::proving::ProofStep;
use crate::state::State;
use crate::wire::Guard;

/// What the operator asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Prove the guards and arm this delivery. Both ids are durable and were never sent before.
    Arm {
        /// Id of the proof.
        proof: u16,
        /// Id of the delivery.
        delivery: u16,
        /// The plan in counts.
        order: Order,
    },
    /// Give the permits.
    Begin,
    /// Withhold the permits.
    Interrupt,
    /// Go on after an interruption.
    Resume,
    /// End the delivery for good.
    Terminate,
    /// Clear what was latched.
    Acknowledge {
        /// The role of whoever does it.
        by: Role,
    },
}

/// What happens to a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// A guard tells something.
    Note(Guard, Note),
    /// The operator acts.
    Act(Act),
    /// What stands against a beam in the service itself (rings, records, memory).
    Standing(FaultSet),
    /// Time passes.
    Tick,
}

/// A command for some of the guards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Directive {
    /// For whom, as a sum of [`Guard::bit`].
    pub to: u8,
    /// The command.
    pub command: Command,
}

/// What ended a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum EndedBy {
    /// A guard.
    Guard(Guard),
    /// The operator.
    Operator,
    /// The session itself: a failed proof, a silent guard.
    Session,
}

impl EndedBy {
    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guard(guard) => guard.name(),
            Self::Operator => "operator",
            Self::Session => "session",
        }
    }
}

/// What the session tells of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionNote {
    /// A new state.
    State(State),
    /// The delivery ended.
    Ended(EndedBy),
    /// The session itself found a fault.
    Fault(FaultReport),
    /// Something is out of the ordinary, and the proof goes on.
    Warning(Guard, FaultReport),
    /// A guard's proof failed in this step.
    ProofFailed(Guard, ProofStep),
    /// A guard is proven.
    Proven(Guard),
}
