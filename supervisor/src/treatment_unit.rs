//! The simulated treatment unit that fits a machine and an order: what a demo or a simulation puts beside the guards.

use beam_core::machine::{Beam, BeamChargeSensor, Machine, Monitor, Order};
use beam_core::units::{DosePerCharge, Span};
use beam_drivers::sim::{self, BeamCharge, ChamberConfig, Periods, SetUp, UnitConfig};

use crate::describe::mu;

/// How much chamber 2 reads above chamber 1: the mean of 79 pairs of a clinical linac's two chambers.
pub(crate) const SECOND_CHAMBER_GAIN: f64 = 1.002;
/// Relative noise of a pulse.
pub(crate) const OUTPUT_NOISE: f64 = 0.01;
/// Relative noise of a chamber's reading of one pulse.
pub(crate) const CHAMBER_NOISE: f64 = 0.001;
/// Relative noise of the beam charge sensor's reading of one pulse.
pub(crate) const BEAM_CHARGE_NOISE: f64 = 0.005;
/// Leakage of a healthy chamber in pA.
pub(crate) const LEAKAGE_PICOAMPERES: f64 = 0.5;
/// How long the console keeps its request after the gate has closed.
pub(crate) const REQUEST_HOLD: Span = Span::from_millis(500);

/// The treatment unit for `machine`, set up as `order` plans. `request_after` is how long the console waits with its request
/// after the gate opened.
#[must_use]
pub fn unit_for(machine: &Machine, order: &Order, request_after: Span) -> UnitConfig {
    let [first, second] = machine.monitors;
    let timing = &machine.timing;
    UnitConfig {
        beam: match machine.beam {
            Beam::Pulsed { period, .. } => sim::Beam::Pulses { period, mu_per_pulse: mu(order.pulse_dose) },
            Beam::Continuous => sim::Beam::Continuous { mu_per_second: mu(order.dose_per_second) },
        },
        output_noise: OUTPUT_NOISE,
        chambers: [chamber(&first, 1.0), chamber(&second, SECOND_CHAMBER_GAIN)],
        electrometers: [first.electrometer, second.electrometer],
        beam_charge: machine
            .beam_charge
            .zip(order.beam_charge)
            .map(|(sensor, baseline)| beam_charge(&sensor, baseline)),
        periods: Periods {
            gate: timing.gate,
            dose: timing.dose,
            status: timing.status,
            stale_after: timing.stale_after,
        },
        set_up: SetUp {
            docking: order.set_up.docking,
            energy: order.set_up.energy,
            applicator: order.set_up.applicator,
        },
        pulse_lease: !matches!(machine.beam, Beam::Pulsed { gate_knows_lease: false, .. }),
        linac_status_bus: machine.linac_bus,
        single_bus: machine.single_bus,
        request_after,
        request_hold: REQUEST_HOLD,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the simulated unit computes in floating point; no decision is made on it"
)]
fn picocoulombs_per_mu(calibration: DosePerCharge) -> f64 {
    1e6 * f64::from(1_u32 << DosePerCharge::FRACTION_BITS) / calibration.fixed() as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the simulated unit computes in floating point; no decision is made on it"
)]
fn chamber(monitor: &Monitor, gain: f64) -> ChamberConfig {
    ChamberConfig {
        picocoulombs_per_mu: picocoulombs_per_mu(monitor.dose_per_charge),
        gain,
        noise: CHAMBER_NOISE,
        leakage_picoamperes: LEAKAGE_PICOAMPERES,
        polarising_volts: f64::from(monitor.voltage) * 0.02,
        full_scale_picocoulombs: monitor.full_scale.picocoulombs() as f64,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the simulated unit computes in floating point; no decision is made on it"
)]
fn beam_charge(sensor: &BeamChargeSensor, baseline: DosePerCharge) -> BeamCharge {
    let sensor_config = ChamberConfig {
        picocoulombs_per_mu: picocoulombs_per_mu(baseline),
        gain: 1.0,
        noise: BEAM_CHARGE_NOISE,
        leakage_picoamperes: 0.0,
        polarising_volts: 0.0,
        full_scale_picocoulombs: sensor.full_scale.picocoulombs() as f64,
    };
    BeamCharge { bus: sensor.bus, sensor: sensor_config }
}
