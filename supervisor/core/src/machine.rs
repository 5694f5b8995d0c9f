//! The numbers that the guards judge by: [`Machine`], frozen when the service starts, and [`Order`], frozen when a
//! delivery is armed. Both are made once by the configuration, from a profile and a plan, in whole counts rounded to
//! the safe side; nothing here reads a file or has a default.

use crate::extraction::{Electrometer, Sequence};
use crate::frame::Bus;
use crate::units::{Charge, Dose, DosePerCharge, Span};
use crate::wire::{Docking, MON1_DOSE, MON2_DOSE};

/// Periods and ages, already stretched by the profile's `period-scale`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// How often a guard renews its permit (5 ms).
    pub permit: Span,
    /// How often the gate reports (5 ms).
    pub gate: Span,
    /// How often a chamber reports at least (10 ms).
    pub dose: Span,
    /// How often status frames come (50 ms).
    pub status: Span,
    /// The gate's own limit for the age of a permit (25 ms).
    pub stale_after: Span,
    /// How long gate and chambers may count differently (one pulse period, at most 30 ms).
    pub agreement: Span,
    /// How long a lease is held beyond stale-after while a guard is proven (10 ms).
    pub proof_margin: Span,
    /// How late a guard's loop may turn before that is a fault.
    pub lateness_budget: Span,
    /// How long the session may be silent before the guards end the beam.
    pub session_silence: Span,
}

impl Timing {
    /// Periods after which a frame is stale.
    pub const STALE_PERIODS: u64 = 3;

    /// The age at which a frame of this period is stale.
    #[must_use]
    pub const fn stale(&self, period: Span) -> Span {
        period.times(Self::STALE_PERIODS)
    }

    /// How long frames of the last pulse may still be under way after the beam went off.
    #[must_use]
    pub const fn settling(&self) -> Span {
        self.agreement.plus(self.dose.times(Self::STALE_PERIODS))
    }
}

/// Where the dose lands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Landing {
    /// The last pulse is the one that lands nearest to the preset.
    Nearest,
    /// The last pulse is the first that reaches the preset.
    AtOrAbove,
}

/// How the machine makes its beam.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beam {
    /// In pulses, counted and leased.
    Pulsed {
        /// Nominal time between two pulses.
        period: Span,
        /// How many pulses may be leased beyond the last judged one.
        window: u32,
        /// Where the dose lands.
        landing: Landing,
        /// Whether the gate compares pulse leases; if not, a permit is withdrawn when the dose is reached.
        gate_knows_lease: bool,
    },
    /// Without pulses (kV tubes): freshness alone holds the beam.
    Continuous,
}

/// How the dose rate is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateRule {
    /// High and low against the nominal rate.
    Steady,
    /// High only: the machine modulates its rate.
    Modulated,
}

/// By what a frame is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// AUTOSAR E2E Profile 1, as the bus contract says.
    E2e,
    /// The chambers' frames carry none; said at start and in a metric.
    None,
    /// The frame of another electrometer without E2E; said at start and in a metric.
    Declared {
        /// How many bytes it has.
        length: u8,
        /// Its counter of frames, where it has one.
        sequence: Option<Sequence>,
    },
}

/// What is known of one monitor chamber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Monitor {
    /// Calibration.
    pub dose_per_charge: DosePerCharge,
    /// Charge of one pulse at which the electrometer is at its end (for a machine without pulses: of one frame).
    pub full_scale: Charge,
    /// Nominal polarising voltage in 0.02 V.
    pub voltage: u16,
    /// Largest deviation of the voltage in 0.02 V.
    pub voltage_tolerance: u16,
    /// Leakage that is said, in 0.1 pA.
    pub leakage_warn: i32,
    /// Leakage that blocks, in 0.1 pA.
    pub leakage_block: i32,
    /// Its electrometer, where that does not speak the bus contract.
    pub electrometer: Option<Electrometer>,
}

/// The sensor for the charge of the beam itself (BEAM_CHARGE).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BeamChargeSensor {
    /// The bus that its frames come on.
    pub bus: Bus,
    /// Charge of one pulse at which the sensor is at its end.
    pub full_scale: Charge,
}

/// Everything about the treatment unit that the guards need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machine {
    /// Periods and ages.
    pub timing: Timing,
    /// How the beam is made.
    pub beam: Beam,
    /// The two chambers.
    pub monitors: [Monitor; 2],
    /// The sensor for the charge of the beam itself, where one is fitted.
    pub beam_charge: Option<BeamChargeSensor>,
    /// How the rate is judged.
    pub rate: RateRule,
    /// How long the gate may stand open and requested without a pulse: max(1 s, 3 periods) on a steady machine.
    pub no_pulse_after: Span,
    /// Whether the linac may close the gate for a while by itself (a beam hold); if not, that is an interruption.
    pub beam_hold: bool,
    /// The bus that LINAC_STATUS comes on.
    pub linac_bus: Bus,
    /// Whether everything is on bus A.
    pub single_bus: bool,
    /// Protection of the contract's frames, except the gate's, which always carry it.
    pub protection: Protection,
    /// How often a delivery may be resumed.
    pub resume_limit: u8,
}

impl Machine {
    /// The bus of monitor 2, dose guard 2 and the interlock guard.
    #[must_use]
    pub const fn second_bus(&self) -> Bus {
        if self.single_bus { Bus::A } else { Bus::B }
    }

    /// What monitor 1 or 2 has for an electrometer; none where it speaks the bus contract.
    #[must_use]
    pub const fn electrometer(&self, monitor: u8) -> Option<&Electrometer> {
        let [first, second] = &self.monitors;
        if monitor == 1 { first.electrometer.as_ref() } else { second.electrometer.as_ref() }
    }

    /// The identifier of the readings of monitor 1 or 2.
    #[must_use]
    pub const fn dose_id(&self, monitor: u8) -> u16 {
        match self.electrometer(monitor) {
            Some(electrometer) => electrometer.id,
            None if monitor == 1 => MON1_DOSE,
            None => MON2_DOSE,
        }
    }

    /// How often a reading of monitor 1 or 2 comes at least, as its sender keeps it; its age is judged by [`Timing::dose`].
    #[must_use]
    pub const fn dose_period(&self, monitor: u8) -> Span {
        match self.electrometer(monitor) {
            Some(electrometer) => electrometer.period,
            None => self.timing.dose,
        }
    }

    /// By what a reading of monitor 1 or 2 is believed.
    #[must_use]
    pub const fn dose_protection(&self, monitor: u8) -> Protection {
        match self.electrometer(monitor) {
            Some(electrometer) => electrometer.protection,
            None => self.protection,
        }
    }

    /// Whether some frames that are believed carry no end-to-end protection.
    #[must_use]
    pub const fn is_unprotected(&self) -> bool {
        let all = (self.protection, self.dose_protection(1), self.dose_protection(2));
        !matches!(all, (Protection::E2e, Protection::E2e, Protection::E2e))
    }

    /// Whether the beam comes in pulses.
    #[must_use]
    pub const fn is_pulsed(&self) -> bool {
        matches!(self.beam, Beam::Pulsed { .. })
    }

    /// How long the beam is watched after its end: max(1 s, 3 pulse periods), and on a bench with stretched periods until its
    /// frames can have arrived. Only then is said how a delivery went.
    #[must_use]
    pub const fn watch_after_beam(&self) -> Span {
        let arrived = self.timing.settling().plus(self.timing.status);
        let least = Span::from_secs(1).longer(arrived);
        match self.beam {
            Beam::Pulsed { period, .. } => period.times(3).longer(least),
            Beam::Continuous => least,
        }
    }

    /// Pulses that may be leased beyond the last judged one; 0 on a machine without pulses.
    #[must_use]
    pub const fn window(&self) -> u32 {
        match self.beam {
            Beam::Pulsed { window, .. } => window,
            Beam::Continuous => 0,
        }
    }
}

/// The planned set-up, as LINAC_STATUS must show it at arming and while the beam is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetUp {
    /// Energy in 0.1 MeV.
    pub energy: u8,
    /// Largest deviation of the sensed energy in 0.1 MeV.
    pub energy_tolerance: u8,
    /// Code of the applicator.
    pub applicator: u8,
    /// Docking.
    pub docking: Docking,
}

/// One delivery, frozen at arming.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// Preset on monitor 1, in its charge.
    pub preset: Charge,
    /// Backup on monitor 2 (preset plus margin), in its charge.
    pub backup: Charge,
    /// Expected charge of one pulse on each monitor (for a machine without pulses: of 100 ms of beam).
    pub expected_pulse: [Charge; 2],
    /// Expected dose of one pulse (for a machine without pulses: of 100 ms of beam).
    pub pulse_dose: Dose,
    /// Nominal dose of one second of beam.
    pub dose_per_second: Dose,
    /// Beam-on time after which the time guard ends the beam.
    pub time_limit: Span,
    /// Pulses by the gate's count after which the time guard ends the beam; `u32::MAX` on a machine without pulses.
    pub pulse_limit: u32,
    /// The number of pulses that the plan asks for, where it asks for pulses and not for a dose.
    pub pulses: Option<u32>,
    /// Dose that the charge of the beam gives, from commissioning, where its sensor is fitted.
    pub beam_charge: Option<DosePerCharge>,
    /// Set-up.
    pub set_up: SetUp,
}
