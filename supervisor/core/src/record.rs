//! The fixed-size record that leaves a guard's thread by its ring. It never comes back.

use crate::frame::{Bus, Frame, Origin, Trouble};
use crate::note::Note;
use crate::units::{Span, Ticks};
use crate::wire::Guard;

/// When a frame arrived, by clocks that step or drift: for the record and never for a decision. A 0 is no stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stamps {
    /// The kernel's own stamp in nanoseconds of the wall clock.
    pub kernel_nanos: u64,
    /// The controller's own stamp in nanoseconds of its free-running clock, where its driver hands one on.
    pub controller_nanos: u64,
}

impl Stamps {
    /// Nobody stamped it.
    pub const NONE: Self = Self { kernel_nanos: 0, controller_nanos: 0 };
}

/// One record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// When, on the monotonic clock.
    pub at: Ticks,
    /// Whose ring it came through.
    pub guard: Guard,
    /// Counts up by one with every record of this guard, written or lost, modulo 2^32: a step is a loss.
    pub serial: u32,
    /// What.
    pub body: Body,
}

/// What a record holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// The guard tells something.
    Note(Note),
    /// A frame that the guard received. Only the interlock guard records what it receives: it hears both buses.
    Received {
        /// From which bus.
        bus: Bus,
        /// Who sent it.
        origin: Origin,
        /// The frame.
        frame: Frame,
        /// When it arrived, by clocks that decide nothing.
        stamps: Stamps,
    },
    /// A permit that the guard sent.
    Sent {
        /// On which bus.
        bus: Bus,
        /// The frame.
        frame: Frame,
        /// From the frame that caused it to the end of the system call; zero where none caused it.
        latency: Span,
    },
    /// A permit that the bus did not take.
    Unsent {
        /// On which bus.
        bus: Bus,
    },
    /// A bus in trouble.
    Trouble {
        /// Which bus.
        bus: Bus,
        /// What kind.
        trouble: Trouble,
    },
    /// The worst wake-up lateness of the guard's loop since the last such record.
    Loop {
        /// How late.
        lateness: Span,
        /// Turns of the loop.
        turns: u32,
        /// Page faults of the thread since it started.
        page_faults: u32,
    },
}
