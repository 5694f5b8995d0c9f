//! One simulated bus: it carries one frame at a time, and of those that wait the lowest identifier goes first.

use beam_core::frame::Frame;
use beam_core::units::{Span, Ticks};
use beam_core::wire::Guard;

/// How long a frame of eight bytes occupies a bus at 1 Mbit/s, stuffed as it usually is.
pub const FRAME_TIME: Span = Span::from_micros(120);

/// Later than anything.
pub(super) const NEVER: Ticks = Ticks::from_nanos(u64::MAX);

/// Who sent a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sender {
    /// The treatment unit, or a node that does not belong there.
    Outside,
    /// A guard of the process that was started as the so-manieth.
    Guard(Guard, u16),
}

/// A frame and who sent it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub sender: Sender,
    pub frame: Frame,
}

/// One bus.
#[derive(Debug, Default)]
pub(super) struct Wire {
    carried: Option<(Ticks, Flight)>,
    waiting: Vec<Flight>,
    cut: bool,
}

impl Wire {
    /// A frame wants to be sent.
    pub fn put(&mut self, now: Ticks, sender: Sender, frame: Frame) {
        if self.cut {
            return;
        }
        let flight = Flight { sender, frame };
        if self.carried.is_none() {
            self.carried = Some((now.after(FRAME_TIME), flight));
        } else {
            self.waiting.push(flight);
        }
    }

    /// Whether a frame of this identifier waits.
    pub fn has_waiting(&self, id: u16) -> bool {
        self.waiting.iter().any(|flight| flight.frame.id == id)
    }

    /// When the frame on the bus has been carried.
    pub fn due(&self) -> Ticks {
        self.carried.map_or(NEVER, |(at, _)| at)
    }

    /// The frame that was carried; the next one begins.
    pub fn take(&mut self, now: Ticks) -> Option<Flight> {
        let (_, flight) = self.carried.take()?;
        let winner =
            self.waiting.iter().enumerate().min_by_key(|(_, waiting)| waiting.frame.id).map(|(place, _)| place);
        if let Some(place) = winner {
            self.carried = Some((now.after(FRAME_TIME), self.waiting.remove(place)));
        }
        Some(flight)
    }

    /// Cuts the wire, or joins it again.
    pub fn cut(&mut self, cut: bool) {
        self.cut = cut;
        if cut {
            self.carried = None;
            self.waiting.clear();
        }
    }
}
