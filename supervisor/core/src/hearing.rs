//! Listening to one identifier on one bus: is the frame believed, and how long ago was the last believed one.

use crate::fault::{Fault, FaultSet};
use crate::frame::{Arrival, Distrust, FRAME_LENGTH, Frame, Origin, Receiver, accept_unprotected};
use crate::machine::Protection;
use crate::note::FrameCounts;
use crate::units::{Span, Ticks};

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Heard {
    /// It is new and believed.
    Fresh,
    /// It came before; it renews nothing.
    Repeat,
    /// It is a fault.
    Fault(Fault),
}

/// The ear for one identifier.
#[derive(Clone, Copy, Debug)]
pub struct Hearing {
    receiver: Receiver,
    protection: Protection,
    last: Option<Ticks>,
    lost: u8,
}

impl Hearing {
    /// An ear that has heard nothing.
    #[must_use]
    pub const fn new(protection: Protection) -> Self {
        Self { receiver: Receiver::new(), protection, last: None, lost: 0 }
    }

    /// Takes a frame of this ear's identifier.
    pub fn hear(&mut self, now: Ticks, origin: Origin, frame: &Frame, counts: &mut FrameCounts) -> Heard {
        if !matches!(origin, Origin::Wire) {
            counts.distrusted = counts.distrusted.wrapping_add(1);
            return Heard::Fault(Fault::LocalChamber);
        }
        let arrival = match self.protection {
            Protection::E2e => self.receiver.accept(frame),
            Protection::None => accept_unprotected(frame, FRAME_LENGTH),
            Protection::Declared { length, sequence } => match sequence {
                Some(sequence) => self.receiver.follow(frame, length, &sequence),
                None => accept_unprotected(frame, length),
            },
        };
        match arrival {
            Arrival::Fresh { lost } => {
                self.lost = lost;
                counts.fresh = counts.fresh.wrapping_add(1);
                counts.lost = counts.lost.wrapping_add(u32::from(lost));
                self.last = Some(now);
                Heard::Fresh
            }
            Arrival::Repeat => {
                counts.repeated = counts.repeated.wrapping_add(1);
                Heard::Repeat
            }
            Arrival::Distrusted(why) => {
                counts.distrusted = counts.distrusted.wrapping_add(1);
                Heard::Fault(match why {
                    Distrust::Length => Fault::Length,
                    Distrust::Crc => Fault::Crc,
                    Distrust::Alive => Fault::Alive,
                })
            }
        }
    }

    /// How many frames were lost before the last believed one.
    #[must_use]
    pub const fn lost(&self) -> u8 {
        self.lost
    }

    /// How long ago the last believed frame came, counted from `since` at the earliest: whoever starts to watch gives
    /// the sender a full age first.
    #[must_use]
    pub fn age(&self, now: Ticks, since: Ticks) -> Span {
        let last = self.last.unwrap_or(Ticks::ZERO);
        now.since(last.max(since))
    }

    /// Whether no frame was ever believed, or none for longer than `limit`.
    #[must_use]
    pub fn silent(&self, now: Ticks, limit: Span) -> bool {
        match self.last {
            Some(last) => now.since(last) > limit,
            None => true,
        }
    }
}

/// Whether a frame looks sound by itself, whatever came before it.
#[must_use]
pub fn looks_sound(protection: &Protection, frame: &Frame) -> bool {
    let arrival = match *protection {
        Protection::E2e => Receiver::new().accept(frame),
        Protection::None => accept_unprotected(frame, FRAME_LENGTH),
        Protection::Declared { length, .. } => accept_unprotected(frame, length),
    };
    matches!(arrival, Arrival::Fresh { .. })
}

/// The fault that a bus in trouble means, or none where it is only worth counting.
#[must_use]
pub const fn fault_of(trouble: crate::frame::Trouble) -> Option<Fault> {
    use crate::frame::Trouble;
    match trouble {
        Trouble::Malformed => Some(Fault::Malformed),
        Trouble::BusError | Trouble::ErrorWarning => None,
        Trouble::ErrorPassive => Some(Fault::ErrorPassive),
        Trouble::BusOff => Some(Fault::BusOff),
        Trouble::ControllerOverrun | Trouble::ReceiveOverflow { .. } => Some(Fault::ReceiveOverflow),
        Trouble::InterfaceDown => Some(Fault::InterfaceDown),
    }
}

/// The set with `fault` when `condition` holds.
#[must_use]
pub const fn with_if(set: FaultSet, condition: bool, fault: Fault) -> FaultSet {
    if condition { set.with(fault) } else { set }
}
