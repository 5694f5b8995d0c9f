//! Machines and orders from a few bytes: every kind of beam, lease, landing, bus and protection that the guards tell apart.

use beam_core::frame::Bus;
use beam_core::limits::{backup, charge_for, pulse_limit};
use beam_core::machine::{Beam, Landing, Machine, Monitor, Order, Protection, RateRule, SetUp, Timing};
use beam_core::units::{Charge, Dose, DosePerCharge, Span};
use beam_core::wire::Docking;

use super::draw::Draw;

/// 20 000 pC a MU, as 50 micro-MU a pC.
const CALIBRATION: DosePerCharge = DosePerCharge::from_fixed(50 << DosePerCharge::FRACTION_BITS);

/// A machine of some kind.
pub fn draw(draw: &mut Draw<'_>) -> Machine {
    let ms = Span::from_millis;
    let (rate_hz, window) = draw.of(&[(30, 1), (60, 1), (180, 3), (1000, 8), (0, 0)]);
    let bits = draw.byte();
    let is_set = |bit: u8| bits & (1 << bit) != 0;
    let beam = if rate_hz < 1 {
        Beam::Continuous
    } else {
        Beam::Pulsed {
            period: Span::from_nanos(1_000_000_000 / rate_hz),
            window,
            landing: if is_set(0) { Landing::AtOrAbove } else { Landing::Nearest },
            gate_knows_lease: !is_set(1),
        }
    };
    let monitor = Monitor {
        dose_per_charge: CALIBRATION,
        full_scale: Charge::from_picocoulombs(pulse(rate_hz).micro_mu() / 50 * 4),
        voltage: 15_000,
        voltage_tolerance: 300,
        leakage_warn: 666,
        leakage_block: 1466,
        electrometer: None,
    };
    let single_bus = is_set(2);
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
            session_silence: ms(500),
        },
        beam,
        monitors: [monitor; 2],
        rate: if is_set(3) { RateRule::Modulated } else { RateRule::Steady },
        no_pulse_after: ms(1000),
        beam_hold: is_set(3) && is_set(4),
        linac_bus: if is_set(5) || single_bus { Bus::A } else { Bus::B },
        single_bus,
        beam_charge: None,
        protection: if is_set(6) { Protection::None } else { Protection::E2e },
        resume_limit: 2,
    }
}

/// Dose of a pulse; without pulses, of a tenth of a second.
fn pulse(rate_hz: u64) -> Dose {
    match rate_hz {
        0 => Dose::from_micro_mu(200_000),
        rate => Dose::from_micro_mu(16_800_000 / rate.cast_signed()),
    }
}

/// An order of this many quarters of a pulse, with a time limit of this many tenths of a second.
pub fn order(machine: &Machine, quarters: u8, tenths: u8) -> Order {
    let rate_hz = match machine.beam {
        Beam::Pulsed { period, .. } => 1_000_000_000 / period.nanos(),
        Beam::Continuous => 0,
    };
    let pulse = pulse(rate_hz);
    let preset = Dose::from_micro_mu(pulse.micro_mu() / 4).times(4 + u32::from(quarters));
    let a_second = u32::try_from(rate_hz.max(10)).unwrap_or(10);
    Order {
        preset: charge_for(preset, CALIBRATION),
        backup: charge_for(backup(preset, pulse), CALIBRATION),
        expected_pulse: [charge_for(pulse, CALIBRATION); 2],
        pulse_dose: pulse,
        dose_per_second: pulse.times(a_second),
        time_limit: Span::from_millis(100).times(1 + u64::from(tenths)),
        pulse_limit: if rate_hz > 0 { pulse_limit(preset, pulse) } else { u32::MAX },
        pulses: None,
        beam_charge: None,
        set_up: SetUp { energy: 90, energy_tolerance: 4, applicator: 17, docking: Docking::HardDocked },
    }
}
