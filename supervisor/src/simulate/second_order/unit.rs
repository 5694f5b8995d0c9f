//! The simulated treatment unit of a campaign, built from the numbers of the profile: its calibrations, periods and full scales
//! are those of the file, whatever the guards were given.

use beam_core::machine::Machine;
use beam_core::units::Span;
use beam_drivers::sim::{self, BeamCharge, ChamberConfig, Periods, SetUp, UnitConfig};

use super::{Expected, Numbers};
use crate::treatment_unit::{
    BEAM_CHARGE_NOISE, CHAMBER_NOISE, LEAKAGE_PICOAMPERES, OUTPUT_NOISE, REQUEST_HOLD, SECOND_CHAMBER_GAIN,
};

impl Numbers {
    /// The unit, set up for `expected`. What its electrometers' frames look like comes from `machine`; `request_after` is how
    /// long the console waits with its request after the gate opened.
    #[must_use]
    pub fn unit(&self, expected: &Expected, machine: &Machine, request_after: Span) -> UnitConfig {
        let chamber = |monitor: usize, gain: f64| ChamberConfig {
            picocoulombs_per_mu: self.monitors[monitor].pc_per_mu,
            gain,
            noise: CHAMBER_NOISE,
            leakage_picoamperes: LEAKAGE_PICOAMPERES,
            polarising_volts: self.monitors[monitor].volts,
            full_scale_picocoulombs: self.monitors[monitor].full_scale_pc,
        };
        let beam_charge = self.beam_charge.zip(expected.beam_charge_pc_per_mu);
        UnitConfig {
            beam: match self.pulse_period_ms() {
                Some(period) => sim::Beam::Pulses { period: span(period), mu_per_pulse: expected.pulse_mu },
                None => sim::Beam::Continuous { mu_per_second: expected.mu_per_second },
            },
            output_noise: OUTPUT_NOISE,
            chambers: [chamber(0, 1.0), chamber(1, SECOND_CHAMBER_GAIN)],
            electrometers: machine.monitors.map(|monitor| monitor.electrometer),
            beam_charge: beam_charge.map(|((bus, full_scale), pc_per_mu)| BeamCharge {
                bus,
                sensor: ChamberConfig {
                    picocoulombs_per_mu: pc_per_mu,
                    gain: 1.0,
                    noise: BEAM_CHARGE_NOISE,
                    leakage_picoamperes: 0.0,
                    polarising_volts: 0.0,
                    full_scale_picocoulombs: full_scale,
                },
            }),
            periods: Periods {
                gate: span(self.periods.gate),
                dose: span(self.periods.dose),
                status: span(self.periods.status),
                stale_after: span(self.periods.stale_after),
            },
            set_up: SetUp { docking: expected.docking, energy: expected.energy, applicator: expected.applicator },
            pulse_lease: self.knows_lease,
            linac_status_bus: self.linac_bus,
            single_bus: self.single_bus,
            request_after,
            request_hold: REQUEST_HOLD,
        }
    }
}

/// Milliseconds as a span, to the nearest nanosecond.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a period of a profile")]
pub(in crate::simulate) fn span(millis: f64) -> Span {
    Span::from_nanos((millis * 1e6).round() as u64)
}
