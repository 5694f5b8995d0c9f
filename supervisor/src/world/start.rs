//! How a world begins: what the clock and the counters show when everything is switched on, and what comes with a pulse.

use std::collections::VecDeque;

use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::Guard;
use beam_drivers::sim::{Injection, Unit, UnitConfig};

use super::bus::Wire;
use super::clock::HostClock;
use super::fate::Fate;
use super::host::Host;
use super::{IDENTIFIERS, World};
use crate::mishap::{Mishap, What};
use crate::wiring::hears;

/// Wall time in ns at which a simulated kernel's stamps begin: any that is not zero.
pub(super) const STAMPS_BEGIN: i64 = 1_000_000_000_000_000_000;

impl World {
    /// A world in which everything was just switched on, with faults of the unit that begin with the pulse beside them.
    #[must_use]
    pub fn new(machine: &Machine, unit: &UnitConfig, seed: u64, injections: &[(Injection, u32)]) -> Self {
        let mishaps: Vec<_> = injections.iter().map(|&(injection, pulse)| Mishap::unit(injection, pulse)).collect();
        Self::befallen(machine, unit, seed, &mishaps)
    }

    /// A world in which everything was just switched on and these mishaps are to come.
    #[must_use]
    pub fn befallen(machine: &Machine, unit: &UnitConfig, seed: u64, mishaps: &[Mishap]) -> Self {
        let mut listeners = Box::new([[0; IDENTIFIERS]; 2]);
        for (bus, row) in [Bus::A, Bus::B].into_iter().zip(listeners.iter_mut()) {
            for guard in Guard::ALL {
                for id in hears(guard, bus, machine) {
                    row[usize::from(id) % IDENTIFIERS] |= guard.bit();
                }
            }
        }
        // what begins with a pulse is the unit's own business: it befalls that very pulse
        let injections: Vec<_> = mishaps.iter().filter_map(injection_with_pulse).collect();
        let mut unit = Unit::new(unit, seed, &injections);
        for mishap in mishaps {
            if mishap.what.damages_gate() {
                unit.keep_sound_gate();
            }
            if let (Some(signal), Some(pulse)) = (mishap.what.signal(), mishap.with_pulse()) {
                unit.expect(signal, pulse);
            }
        }
        Self {
            machine: *machine,
            unit,
            host: Host::new(machine, Ticks::ZERO),
            clock: HostClock::new(),
            generation: 0,
            wires: [Wire::default(), Wire::default()],
            listeners,
            fate: Fate::new(seed, mishaps.iter().copied().filter(|mishap| mishap.with_pulse().is_none())),
            restless_until: Ticks::ZERO,
            deeds: VecDeque::new(),
            seen: State::Inhibited,
            states: Vec::new(),
            begun: false,
            pulses: 0,
            now: Ticks::ZERO,
            steps: 0,
            stamp_offset: 0,
            stamps: mishaps.iter().any(|mishap| matches!(mishap.what, What::StampStep { .. })),
            heard: None,
            seen_on_bus: None,
        }
    }

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
const fn injection_with_pulse(mishap: &Mishap) -> Option<(Injection, u32)> {
    match (mishap.what, mishap.with_pulse()) {
        (What::Unit(injection), Some(pulse)) => Some((injection, pulse)),
        _ => None,
    }
}
