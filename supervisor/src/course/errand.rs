//! What the operator of a session means to do: one delivery after the other, what comes between them, and what is done when a
//! beam is interrupted.

use super::operator::MOST_ACKNOWLEDGED;
use beam_core::machine::Order;
use beam_core::units::Span;
use beam_drivers::sim::{Instrument, Share, Signal};

/// What the operator does when a delivery is interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AfterInterruption {
    /// Nothing; where another delivery is to come, it is terminated after a while.
    Leave,
    /// Goes on, this long after it.
    Resume(Span),
    /// Ends it for good, this long after it.
    Terminate(Span),
}

/// Who acknowledges what the delivery before left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirstToAcknowledge {
    /// The physicist, who may clear everything.
    Physicist,
    /// The operator; where that is refused, the physicist after it.
    Operator,
}

/// How the linac is set up anew for a delivery with another beam, against its first one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetUpAnew {
    /// Energy in 0.1 MeV.
    pub energy: u8,
    /// Dose of a pulse, as a share of the first beam's.
    pub output: Share,
    /// Charge of the beam for one MU, as a share of the first beam's.
    pub beam_charge: Share,
}

impl SetUpAnew {
    /// What changes in the unit.
    #[must_use]
    pub const fn signals(&self) -> [Signal; 3] {
        [
            Signal::Energy(self.energy),
            Signal::Output(self.output),
            Signal::Reads(Instrument::BeamCharge, self.beam_charge),
        ]
    }
}

/// One delivery that the operator means to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errand {
    /// The plan in counts.
    pub order: Order,
    /// How the linac is set up before it is armed; none when it stands as it should.
    pub set_up: Option<SetUpAnew>,
    /// How long after its end the delivery before is acknowledged.
    pub acknowledged_after: Span,
    /// By whom.
    pub first: FirstToAcknowledge,
    /// How long nothing has stood against a beam when it is armed.
    pub armed_after: Span,
    /// What is done when it is interrupted.
    pub interrupted: AfterInterruption,
}

impl Errand {
    /// The one delivery of a session, armed as soon as nothing stands against it and left to the guards.
    #[must_use]
    pub const fn alone(order: Order) -> Self {
        Self {
            order,
            set_up: None,
            acknowledged_after: Span::ZERO,
            first: FirstToAcknowledge::Physicist,
            armed_after: Span::ZERO,
            interrupted: AfterInterruption::Leave,
        }
    }

    /// How long it may take at most by its own limits and those of whoever waits.
    #[must_use]
    pub const fn most(&self) -> Span {
        let interruption = match self.interrupted {
            AfterInterruption::Leave => Span::ZERO,
            AfterInterruption::Resume(after) | AfterInterruption::Terminate(after) => after.times(3),
        };
        self.order
            .time_limit
            .times(2)
            .plus(self.acknowledged_after.times(MOST_ACKNOWLEDGED))
            .plus(self.armed_after)
            .plus(interruption)
    }
}
