//! What a plan comes to on its machine, computed a second time: in floating point, from the numbers as they stand in the files
//! of profile and plan, by the rules of the contract and without the code that makes the guards' own order.
//!
//! The oracle and the simulated unit of a campaign use these numbers, so that a limit, a calibration or a period that the
//! guards were given wrongly shows as dose, time or age. [`Numbers`] is the profile, [`Expected`] one delivery on it.

use beam_core::frame::Bus;
use beam_core::wire::{
    BEAM_CHARGE, Docking, GATE_STATUS, Guard, LINAC_STATUS, MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS,
};

mod dbc;
mod text;
mod unit;

pub use dbc::Foreign;
pub use text::Unread;
pub(in crate::simulate) use unit::span;

/// One beam, as the profile writes it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BeamNumbers {
    /// Energy in MeV.
    pub energy_mev: f64,
    /// Pulses a second; none on a machine without pulses.
    pub rate_hz: Option<f64>,
    /// Dose of a pulse in MU; without pulses, of the tenth of a second that is judged in its place.
    pub pulse_mu: f64,
    /// Dose of one second in MU.
    pub mu_per_second: f64,
    /// Charge of the beam in pC that gave one MU at commissioning.
    pub beam_charge_pc_per_mu: Option<f64>,
}

/// One monitor, as the profile writes it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MonitorNumbers {
    /// Calibration in pC per MU.
    pub pc_per_mu: f64,
    /// Charge in pC of one pulse (without pulses: of one frame) at which its electrometer is at its end.
    pub full_scale_pc: f64,
    /// Polarising voltage in V.
    pub volts: f64,
    /// The frame of its readings, where that is not the bus contract's.
    pub foreign: Option<Foreign>,
}

/// Periods and ages in ms, stretched as the profile says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PeriodNumbers {
    /// How often a guard renews its permit.
    pub permit: f64,
    /// How often the gate reports.
    pub gate: f64,
    /// How often a chamber reports.
    pub dose: f64,
    /// How often status frames come.
    pub status: f64,
    /// Age at which the gate no longer believes a permit.
    pub stale_after: f64,
}

/// A machine profile in the numbers of its file.
#[derive(Clone, PartialEq, Debug)]
pub struct Numbers {
    /// Its name.
    pub name: String,
    /// Its beams.
    pub beams: Vec<BeamNumbers>,
    /// Its two monitors.
    pub monitors: [MonitorNumbers; 2],
    /// Its periods.
    pub periods: PeriodNumbers,
    /// Pulses that may be leased beyond the last judged one; 0 on a machine without pulses.
    pub window: u32,
    /// The last pulse is the first that reaches the preset, not the one nearest to it.
    pub lands_at_or_above: bool,
    /// The gate compares pulse leases.
    pub knows_lease: bool,
    /// The rate is the machine's own affair.
    pub is_modulated: bool,
    /// Everything is on bus A.
    pub single_bus: bool,
    /// Where LINAC_STATUS comes.
    pub linac_bus: Bus,
    /// Where the charge of the beam itself comes, and the charge in pC of a pulse at which its sensor is at its end.
    pub beam_charge: Option<(Bus, f64)>,
    /// Names and codes of the applicators.
    pub applicators: Vec<(String, u8)>,
}

/// What is asked for, as a plan writes it.
#[derive(Clone, PartialEq, Debug)]
pub struct Wanted {
    /// Energy in MeV.
    pub energy_mev: f64,
    /// Preset of monitor 1 in MU.
    pub monitor_units: f64,
    /// The same by the independent calculation.
    pub monitor_units_check: f64,
    /// The plan's own limit of the beam-on time in s.
    pub time_limit_s: Option<f64>,
    /// Name of the applicator.
    pub applicator: String,
    /// Docking.
    pub docking: Docking,
}

/// What one delivery comes to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Expected {
    /// Preset of monitor 1 in MU, and in its charge in pC.
    pub preset: (f64, f64),
    /// Limit of monitor 2 in MU, and in its charge in pC.
    pub backup: (f64, f64),
    /// Dose of a pulse in MU; without pulses, of a tenth of a second.
    pub pulse_mu: f64,
    /// Charge in pC of a pulse on each monitor.
    pub pulse_pc: [f64; 2],
    /// Dose of a second in MU.
    pub mu_per_second: f64,
    /// Limit of the beam-on time in s.
    pub time_limit_s: f64,
    /// The most pulses; none on a machine without pulses.
    pub pulse_limit: Option<u64>,
    /// Charge of the beam in pC for one MU, where it is measured.
    pub beam_charge_pc_per_mu: Option<f64>,
    /// Energy in 0.1 MeV, as the linac's status carries it.
    pub energy: u8,
    /// Code of the applicator.
    pub applicator: u8,
    /// Docking.
    pub docking: Docking,
}

impl Numbers {
    /// What both electrometers can measure at once, in MU.
    #[must_use]
    pub fn full_scale_mu(&self) -> f64 {
        let [first, second] = self.monitors.map(|monitor| monitor.full_scale_pc / monitor.pc_per_mu);
        first.min(second)
    }

    /// What `wanted` comes to; none where the machine lacks its beam or its applicator.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranges of a plan")]
    pub fn expected(&self, wanted: &Wanted) -> Option<Expected> {
        let beam = self.beams.iter().find(|beam| (beam.energy_mev - wanted.energy_mev).abs() < 0.01)?;
        let (_, applicator) = self.applicators.iter().find(|(name, _)| *name == wanted.applicator)?;
        let (preset, check, pulse) = (wanted.monitor_units, wanted.monitor_units_check, beam.pulse_mu);
        let may_differ = (0.01 * check).max(1.0_f64.min(pulse / 2.0));
        let margin = (2.0 * pulse).max(40.0_f64.min(0.1 * check));
        let backup = check + may_differ + margin;
        let expected_s = preset / beam.mu_per_second;
        let [first, second] = self.monitors.map(|monitor| monitor.pc_per_mu);
        Some(Expected {
            preset: (preset, preset * first),
            backup: (backup, backup * second),
            pulse_mu: pulse,
            pulse_pc: [pulse * first, pulse * second],
            mu_per_second: beam.mu_per_second,
            time_limit_s: wanted.time_limit_s.unwrap_or_else(|| (1.2 * expected_s).max(expected_s + 6.0)),
            // a product that is a whole number in decimals may come out a little less in binary
            pulse_limit: beam.rate_hz.map(|_| (1.25 * preset / pulse + 2.0 + 1e-9).floor() as u64),
            beam_charge_pc_per_mu: self.beam_charge.and(beam.beam_charge_pc_per_mu),
            energy: (wanted.energy_mev * 10.0).round() as u8,
            applicator: *applicator,
            docking: wanted.docking,
        })
    }

    /// Whether the machine makes pulses.
    #[must_use]
    pub fn is_pulsed(&self) -> bool {
        self.beams.iter().any(|beam| beam.rate_hz.is_some())
    }

    /// Milliseconds from one pulse to the next; none without pulses.
    #[must_use]
    pub fn pulse_period_ms(&self) -> Option<f64> {
        self.beams.first().and_then(|beam| beam.rate_hz).map(|rate_hz| 1000.0 / rate_hz)
    }

    /// How long gate and chambers may count apart, in ms, before the stretching: one pulse period and at most 30.
    #[must_use]
    pub fn agreement_ms(&self) -> f64 {
        match self.pulse_period_ms() {
            Some(period) if self.window <= 1 => period.min(30.0),
            Some(_) | None => 30.0,
        }
    }

    /// The identifier of a monitor's readings, 0 for the first.
    #[must_use]
    pub fn dose_id(&self, monitor: usize) -> u16 {
        let own = if monitor == 0 { MON1_DOSE } else { MON2_DOSE };
        self.monitors[monitor].foreign.map_or(own, |foreign| foreign.id)
    }

    /// Who hears what on which bus: each guard the gate and what it judges by, monitor 1 on bus A and monitor 2 on bus B, and
    /// all on bus A where that is the only one.
    #[must_use]
    pub fn hearing(&self) -> Vec<(Guard, Bus, u16)> {
        let second_bus = if self.single_bus { Bus::A } else { Bus::B };
        let (first, second) = (self.dose_id(0), self.dose_id(1));
        let mut all = vec![
            (Guard::Dose1, Bus::A, GATE_STATUS),
            (Guard::Dose1, Bus::A, first),
            (Guard::Dose2, second_bus, GATE_STATUS),
            (Guard::Dose2, second_bus, second),
            (Guard::Time, Bus::A, GATE_STATUS),
            (Guard::Time, Bus::A, first),
            (Guard::Time, second_bus, second),
            (Guard::Time, self.linac_bus, LINAC_STATUS),
            (Guard::Interlock, Bus::A, GATE_STATUS),
            (Guard::Interlock, Bus::A, first),
            (Guard::Interlock, second_bus, second),
            (Guard::Interlock, Bus::A, MON1_STATUS),
            (Guard::Interlock, second_bus, MON2_STATUS),
            (Guard::Interlock, self.linac_bus, LINAC_STATUS),
        ];
        if !self.single_bus {
            all.push((Guard::Interlock, Bus::B, GATE_STATUS));
        }
        if let Some((bus, _)) = self.beam_charge {
            all.push((Guard::Interlock, bus, BEAM_CHARGE));
        }
        all
    }
}

#[cfg(test)]
mod tests;
