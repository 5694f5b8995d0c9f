//! How long a guard was silent before the gate closed on it: a step of the proof, timed by the guard itself.
//!
//! It runs from the echo of the guard's last permit to the first report of the gate, on the guard's own bus, that says
//! PERMIT_STALE by this guard. Both moments are the kernel's stamps of the frames where there are any: a guard that reads its
//! frames late would time its own lateness.

use crate::frame::{Bus, Frame};
use crate::hearing::looks_sound;
use crate::machine::Protection;
use crate::units::{Span, Ticks};
use crate::wire::{CloseCause, GATE_STATUS, GateState, GateStatus, Guard};

/// When a frame came: by the guard's own clock, and by the kernel's stamp in ns of the wall clock (0 is none).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// By the guard's own clock.
    pub at: Ticks,
    /// By the kernel's stamp.
    pub stamp: u64,
}

impl Moment {
    /// How long after `before` this was, by the stamps where both have one.
    #[must_use]
    pub fn since(self, before: Self) -> Span {
        match (self.stamp, before.stamp) {
            (0, _) | (_, 0) => self.at.since(before.at),
            (now, then) => Span::from_nanos(now.saturating_sub(then)),
        }
    }
}

/// The watch on one silence.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    guard: Guard,
    bus: Bus,
    last_echo: Option<Moment>,
    is_watched: bool,
}

impl Silence {
    /// A watch for `guard`, whose permit travels on `bus`.
    #[must_use]
    pub const fn new(guard: Guard, bus: Bus) -> Self {
        Self { guard, bus, last_echo: None, is_watched: false }
    }

    /// A permit of ours was on the bus.
    pub const fn echo(&mut self, moment: Moment) {
        self.last_echo = Some(moment);
    }

    /// The guard falls silent; what is on its way to the bus may still come.
    pub const fn begin(&mut self) {
        self.is_watched = true;
    }

    /// The guard speaks again.
    pub const fn end(&mut self) {
        self.is_watched = false;
    }

    /// A frame came; how long the silence had lasted when the gate closed on it, once.
    pub fn hear(&mut self, moment: Moment, bus: Bus, frame: &Frame) -> Option<Span> {
        if !self.is_watched || bus != self.bus || frame.id != GATE_STATUS || !looks_sound(&Protection::E2e, frame) {
            return None;
        }
        let status = GateStatus::decode(frame).ok()?;
        let closed = matches!((status.state, status.cause), (GateState::Closed, CloseCause::PermitStale));
        if !closed || status.closed_by & self.guard.bit() == 0 {
            return None;
        }
        self.is_watched = false;
        Some(moment.since(self.last_echo?))
    }
}
