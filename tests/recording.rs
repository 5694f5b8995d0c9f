//! What both buses carried, read back with nothing but the bus contract: an oracle that knows no guard and no gate.

use beam_core::frame::{Arrival, Bus, Frame, Receiver};
use beam_core::units::Ticks;
use beam_core::wire::{DoseReading, GATE_STATUS, GateStatus, Guard, Permit};

/// A recording.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    frames: Vec<(Ticks, Bus, Frame)>,
}

impl Recording {
    /// A recording of these frames.
    #[must_use]
    pub const fn new(frames: Vec<(Ticks, Bus, Frame)>) -> Self {
        Self { frames }
    }

    /// The frames.
    #[must_use]
    pub fn frames(&self) -> &[(Ticks, Bus, Frame)] {
        &self.frames
    }

    /// The frames, to be doctored.
    pub const fn frames_mut(&mut self) -> &mut Vec<(Ticks, Bus, Frame)> {
        &mut self.frames
    }

    /// Permits with their sender, in the order in which they were heard.
    pub fn permits(&self) -> impl Iterator<Item = (Ticks, Guard, Permit)> {
        self.frames.iter().filter_map(|(at, _, frame)| permit_of(frame).map(|(guard, permit)| (*at, guard, permit)))
    }

    /// The gate's reports on one bus.
    pub fn gate(&self, bus: Bus) -> impl Iterator<Item = (Ticks, GateStatus)> {
        let of_bus = self.frames.iter().filter(move |(_, on, frame)| *on == bus && frame.id == GATE_STATUS);
        of_bus.filter_map(|(at, _, frame)| {
            believed(frame).and_then(|()| GateStatus::decode(frame).ok()).map(|s| (*at, s))
        })
    }
}

/// The permit in a frame that is one.
#[must_use]
pub fn permit_of(frame: &Frame) -> Option<(Guard, Permit)> {
    let guard = Guard::ALL.into_iter().find(|guard| guard.permit_id() == frame.id)?;
    believed(frame)?;
    Permit::decode(frame).ok().map(|permit| (guard, permit))
}

/// The reading in a frame that is one of the chamber with identifier `id`.
#[must_use]
pub fn reading_of(frame: &Frame, id: u16) -> Option<DoseReading> {
    (frame.id == id).then_some(())?;
    believed(frame)?;
    Some(DoseReading::decode(frame))
}

/// Whether length and CRC are right.
fn believed(frame: &Frame) -> Option<()> {
    matches!(Receiver::new().accept(frame), Arrival::Fresh { .. }).then_some(())
}
