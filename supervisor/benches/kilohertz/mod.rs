//! A machine of 1000 pulses a second and an order that never ends: what every benchmark of a guard runs on.

use beam_core::frame::Bus;
use beam_core::machine::{Beam, Landing, Machine, Monitor, Order, Protection, RateRule, SetUp, Timing};
use beam_core::units::{Charge, Dose, DosePerCharge, Span};
use beam_core::wire::Docking;

/// Charge of one pulse on either chamber, in pC.
pub const PULSE: u32 = 11_200;
/// Pulses that may be under way.
pub const WINDOW: u32 = 8;

/// The machine.
pub fn machine() -> Machine {
    let ms = Span::from_millis;
    let monitor = Monitor {
        dose_per_charge: DosePerCharge::from_fixed(50 << DosePerCharge::FRACTION_BITS),
        full_scale: Charge::from_picocoulombs(100_000),
        voltage: 15_000,
        voltage_tolerance: 300,
        leakage_warn: 666,
        leakage_block: 1466,
        electrometer: None,
    };
    Machine {
        timing: Timing {
            permit: ms(5),
            gate: ms(5),
            dose: ms(10),
            status: ms(50),
            stale_after: ms(25),
            agreement: ms(30),
            proof_margin: ms(10),
            lateness_budget: ms(10),
            // no session beats in this bench
            session_silence: Span::from_secs(3600),
        },
        beam: Beam::Pulsed { period: ms(1), window: WINDOW, landing: Landing::Nearest, gate_knows_lease: true },
        monitors: [monitor; 2],
        beam_charge: None,
        rate: RateRule::Modulated,
        no_pulse_after: Span::from_secs(1),
        beam_hold: false,
        linac_bus: Bus::A,
        single_bus: false,
        protection: Protection::E2e,
        resume_limit: 2,
    }
}

/// The order.
pub fn order() -> Order {
    let pulse = Charge::from_picocoulombs(i64::from(PULSE));
    Order {
        preset: Charge::from_picocoulombs(i64::MAX / 4),
        backup: Charge::from_picocoulombs(i64::MAX / 4),
        expected_pulse: [pulse; 2],
        pulse_dose: Dose::from_micro_mu(560_000),
        dose_per_second: Dose::from_micro_mu(560_000_000),
        time_limit: Span::from_secs(3600),
        beam_charge: None,
        set_up: SetUp { energy: 90, energy_tolerance: 4, applicator: 17, docking: Docking::HardDocked },
    }
}
