//! Trial machines, one for each kind of beam that the guards must hold, built by hand.

use beam_core::frame::Bus;
use beam_core::limits::{backup, charge_for, expected_time, pulse_limit, time_limit};
use beam_core::machine::{
    Beam, BeamChargeSensor, Landing, Machine, Monitor, Order, Protection, RateRule, SetUp, Timing,
};
use beam_core::units::{Charge, Dose, DosePerCharge, Span};
use beam_core::wire::Docking;
use beam_drivers::sim::UnitConfig;
use beam_supervisor::treatment_unit::unit_for;

/// 20 000 pC a MU, as 50 micro-MU a pC.
const CALIBRATION: DosePerCharge = DosePerCharge::from_fixed(50 << DosePerCharge::FRACTION_BITS);
/// The same the other way round.
const PICOCOULOMBS_PER_MU: i64 = 20_000;
/// Charge of the beam: 10 000 pC a MU, as 100 micro-MU a pC.
const BEAM_CHARGE: DosePerCharge = DosePerCharge::from_fixed(100 << DosePerCharge::FRACTION_BITS);

/// A machine with its usual order.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// What kind it is.
    pub name: &'static str,
    /// The machine.
    pub machine: Machine,
    /// Dose of one pulse; without pulses, of 100 ms of beam.
    pub pulse: Dose,
    /// Pulses a second; without pulses, the tenths of a second in one.
    pub rate_hz: u32,
}

impl Trial {
    /// A conventional machine: one pulse is fired, seen and judged before the next.
    #[must_use]
    pub fn conventional(name: &'static str, rate_hz: u32, pulse_micro_mu: i64) -> Self {
        Self::pulsed(name, rate_hz, pulse_micro_mu, 1)
    }

    fn pulsed(name: &'static str, rate_hz: u32, pulse_micro_mu: i64, window: u32) -> Self {
        let period = Span::from_nanos(1_000_000_000 / u64::from(rate_hz));
        let beam = Beam::Pulsed { period, window, landing: Landing::Nearest, gate_knows_lease: true };
        let pulse = Dose::from_micro_mu(pulse_micro_mu);
        Self { name, machine: machine(beam, pulse, period), pulse, rate_hz }
    }

    /// 5 pulses a second of 12 MU.
    #[must_use]
    pub fn slow() -> Self {
        Self::conventional("5 Hz, 12 MU", 5, 12_000_000)
    }

    /// 10 pulses a second of 5 MU.
    #[must_use]
    pub fn mobile() -> Self {
        Self::conventional("10 Hz, 5 MU", 10, 5_000_000)
    }

    /// 30 pulses a second of 0.56 MU.
    #[must_use]
    pub fn quick() -> Self {
        Self::conventional("30 Hz, 0.56 MU", 30, 560_000)
    }

    /// 60 pulses a second of 0.3 MU.
    #[must_use]
    pub fn fast() -> Self {
        Self::conventional("60 Hz, 0.3 MU", 60, 300_000)
    }

    /// 180 pulses a second: three may be under way.
    #[must_use]
    pub fn clinical() -> Self {
        Self::pulsed("180 Hz, 0.1 MU", 180, 100_000, 3)
    }

    /// 1000 pulses a second: eight may be under way.
    #[must_use]
    pub fn research() -> Self {
        Self::pulsed("1 kHz, 0.03 MU", 1000, 30_000, 8)
    }

    /// A kV tube: beam without pulses, 2 MU a second.
    #[must_use]
    pub fn tube() -> Self {
        let pulse = Dose::from_micro_mu(200_000);
        let machine = machine(Beam::Continuous, pulse, Span::from_millis(100));
        Self { name: "kV tube, 2 MU/s", machine, pulse, rate_hz: 10 }
    }

    /// The same machine with a sensor for the charge of the beam on bus B, full scale at five pulses.
    #[must_use]
    pub fn with_beam_charge(mut self) -> Self {
        let full_scale = charge_for(self.pulse, BEAM_CHARGE).times(5);
        self.machine.beam_charge = Some(BeamChargeSensor { bus: Bus::B, full_scale });
        self
    }

    /// Whether the beam comes in pulses.
    #[must_use]
    pub const fn is_pulsed(&self) -> bool {
        matches!(self.machine.beam, Beam::Pulsed { .. })
    }

    /// An order of this many hundredths of a pulse; its limits follow from it by the usual rules.
    #[must_use]
    pub fn order_of_hundredths(&self, hundredths: u32) -> Order {
        let preset = Dose::from_micro_mu(self.pulse.micro_mu() / 100).times(hundredths);
        let dose_per_second = self.pulse.times(self.rate_hz);
        Order {
            preset: charge_for(preset, CALIBRATION),
            backup: charge_for(backup(preset, self.pulse), CALIBRATION),
            expected_pulse: [charge_for(self.pulse, CALIBRATION); 2],
            pulse_dose: self.pulse,
            dose_per_second,
            time_limit: time_limit(expected_time(preset, dose_per_second)),
            pulse_limit: if self.is_pulsed() { pulse_limit(preset, self.pulse) } else { u32::MAX },
            pulses: None,
            beam_charge: self.machine.beam_charge.map(|_| BEAM_CHARGE),
            set_up: SetUp { energy: 90, energy_tolerance: 4, applicator: 17, docking: Docking::HardDocked },
        }
    }

    /// An order of this many pulses.
    #[must_use]
    pub fn order(&self, pulses: u32) -> Order {
        self.order_of_hundredths(pulses * 100)
    }

    /// The treatment unit that fits; its console asks for beam 20 ms after the gate opened.
    #[must_use]
    pub fn unit(&self, order: &Order) -> UnitConfig {
        unit_for(&self.machine, order, Span::from_millis(20))
    }

    /// A dose in MU as this machine's pulses.
    #[must_use]
    pub fn in_pulses(&self, mu: f64) -> f64 {
        mu / beam_supervisor::describe::mu(self.pulse)
    }

    /// From one pulse to the next.
    #[must_use]
    pub fn period(&self) -> Span {
        Span::from_nanos(1_000_000_000 / u64::from(self.rate_hz))
    }
}

/// One machine of each kind.
#[must_use]
pub fn trial_machines() -> [Trial; 7] {
    [Trial::slow(), Trial::mobile(), Trial::quick(), Trial::fast(), Trial::clinical(), Trial::research(), Trial::tube()]
}

fn machine(beam: Beam, pulse: Dose, period: Span) -> Machine {
    let ms = Span::from_millis;
    let window = if let Beam::Pulsed { window, .. } = beam { window } else { 1 };
    let pulse_charge = pulse.micro_mu() * PICOCOULOMBS_PER_MU / 1_000_000;
    let monitor = Monitor {
        dose_per_charge: CALIBRATION,
        full_scale: Charge::from_picocoulombs(pulse_charge * 4),
        voltage: 15_000,
        voltage_tolerance: 300,
        // 0.2 and 0.44 MU a minute, in 0.1 pA
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
            // where several pulses may be under way, the 30 ms are those after which all must agree exactly
            agreement: if window > 1 { ms(30) } else { period.shorter(ms(30)) },
            proof_margin: ms(10),
            lateness_budget: ms(10),
            session_silence: ms(500),
        },
        beam,
        monitors: [monitor; 2],
        beam_charge: None,
        rate: RateRule::Steady,
        no_pulse_after: ms(1000).longer(period.times(3)),
        beam_hold: false,
        linac_bus: Bus::B,
        single_bus: false,
        protection: Protection::E2e,
        resume_limit: 2,
    }
}
