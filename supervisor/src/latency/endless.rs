//! A machine whose guards never find an age too great, and an order that no measurement reaches: what latencies are measured
//! on, here and in the benchmarks.

use beam_core::machine::{Beam, Landing, Machine, Order, Protection, SetUp};
use beam_core::units::{Charge, Dose, Span};
use beam_core::wire::Docking;

use super::peer::PULSE_PICOCOULOMBS;

/// Longer than any measurement.
const NEVER: Span = Span::from_secs(24 * 3600);

/// The profile's machine with its own permit period, leasing pulse by pulse on two buses by the bus contract, and no limit on
/// any age: a late guard is counted here, and judged afterwards.
#[must_use]
pub fn machine(machine: &Machine) -> Machine {
    let mut free = *machine;
    let timing = &mut free.timing;
    for limit in [
        &mut timing.gate,
        &mut timing.dose,
        &mut timing.stale_after,
        &mut timing.lateness_budget,
        &mut timing.session_silence,
    ] {
        *limit = NEVER;
    }
    let period = match machine.beam {
        Beam::Pulsed { period, .. } => period,
        Beam::Continuous => machine.timing.permit,
    };
    free.beam = Beam::Pulsed { period, window: 1, landing: Landing::Nearest, gate_knows_lease: true };
    free.single_bus = false;
    free.protection = Protection::E2e;
    for monitor in &mut free.monitors {
        monitor.electrometer = None;
        monitor.full_scale = Charge::from_picocoulombs(i64::from(PULSE_PICOCOULOMBS) * 9);
    }
    free
}

/// An order that no measurement reaches.
#[must_use]
pub fn order() -> Order {
    Order {
        preset: Charge::from_picocoulombs(i64::MAX / 4),
        backup: Charge::from_picocoulombs(i64::MAX / 4),
        expected_pulse: [Charge::from_picocoulombs(PULSE_PICOCOULOMBS.into()); 2],
        pulse_dose: Dose::from_micro_mu(560_000),
        dose_per_second: Dose::from_micro_mu(16_800_000),
        time_limit: NEVER,
        pulse_limit: u32::MAX,
        pulses: None,
        beam_charge: None,
        set_up: SetUp { energy: 90, energy_tolerance: 4, applicator: 1, docking: Docking::SoftDocked },
    }
}
