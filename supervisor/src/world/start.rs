//! How a world begins: what the clock and the counters show when everything is switched on, and what comes with a pulse.

use beam_core::units::{Span, Ticks};
use beam_drivers::sim::Injection;

use super::World;
use super::clock::HostClock;
use crate::mishap::{Mishap, What};

/// Wall time in ns at which a simulated kernel's stamps begin: any that is not zero.
pub(super) const STAMPS_BEGIN: i64 = 1_000_000_000_000_000_000;

impl World {
    /// The computer has been on for this long already. To be called before the first step.
    pub fn start_clock_at(&mut self, shown: Span) {
        self.clock = HostClock::starting_at(Ticks::ZERO.after(shown));
    }

    /// Every instrument has counted this far already. To be called before the first step.
    pub fn start_counters_at(&mut self, pulses: u16, charge: u32) {
        self.unit.start_counters_at(pulses, charge);
    }
}

/// A named fault of the unit that befalls a pulse, and that pulse.
pub(super) const fn injection_with_pulse(mishap: &Mishap) -> Option<(Injection, u32)> {
    match (mishap.what, mishap.with_pulse()) {
        (What::Unit(injection), Some(pulse)) => Some((injection, pulse)),
        _ => None,
    }
}
