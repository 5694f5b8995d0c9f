//! The numbers of a simulated treatment unit, all of them given by the caller.

use beam_core::extraction::Electrometer;
use beam_core::frame::Bus;
use beam_core::units::Span;
use beam_core::wire::Docking;

use super::chamber::ChamberConfig;
use super::linac::{Beam, SetUp};

/// Periods and age limits as built; a bench's period scale is already in them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Periods {
    /// GATE_STATUS at least this often: 5 ms by the contract.
    pub gate: Span,
    /// Readings at least this often: 10 ms by the contract.
    pub dose: Span,
    /// Status of chambers and linac at least this often: 50 ms by the contract.
    pub status: Span,
    /// A permit older than this is stale: 25 ms by the contract.
    pub stale_after: Span,
}

/// The beam charge sensor, where one is fitted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BeamCharge {
    /// Bus of BEAM_CHARGE.
    pub bus: Bus,
    /// The sensor; its polarising voltage has no meaning.
    pub sensor: ChamberConfig,
}

/// A simulated treatment unit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct UnitConfig {
    /// The beam.
    pub beam: Beam,
    /// Relative standard deviation of the dose of a pulse, 0.01 on a usual machine.
    pub output_noise: f64,
    /// Monitor 1 and monitor 2.
    pub chambers: [ChamberConfig; 2],
    /// Their electrometers, where these do not speak the bus contract.
    pub electrometers: [Option<Electrometer>; 2],
    /// The beam charge sensor.
    pub beam_charge: Option<BeamCharge>,
    /// Periods.
    pub periods: Periods,
    /// The set-up as sensed.
    pub set_up: SetUp,
    /// Whether the gate compares pulses with leases.
    pub pulse_lease: bool,
    /// Bus of LINAC_STATUS.
    pub linac_status_bus: Bus,
    /// Whether everything is on bus A, whatever else is said here.
    pub single_bus: bool,
    /// The console asks for beam when the gate has stood OPEN with every lease above 0 for this long.
    pub request_after: Span,
    /// The console no longer asks when the gate has not been OPEN for this long.
    pub request_hold: Span,
}

impl UnitConfig {
    /// A machine for trials and tests: 10 pulses a second of 5 MU, about what a mobile IOERT linac makes, 20 000 pC/MU
    /// on both chambers, the periods of the contract.
    #[must_use]
    pub const fn example() -> Self {
        let chamber = ChamberConfig {
            picocoulombs_per_mu: 20_000.0,
            gain: 1.0,
            noise: 0.001,
            leakage_picoamperes: 0.5,
            polarising_volts: 300.0,
            full_scale_picocoulombs: 400_000.0,
        };
        Self {
            beam: Beam::Pulses { period: Span::from_millis(100), mu_per_pulse: 5.0 },
            output_noise: 0.01,
            chambers: [chamber, chamber],
            electrometers: [None, None],
            beam_charge: None,
            periods: Periods {
                gate: Span::from_millis(5),
                dose: Span::from_millis(10),
                status: Span::from_millis(50),
                stale_after: Span::from_millis(25),
            },
            set_up: SetUp { docking: Docking::HardDocked, energy: 90, applicator: 17 },
            pulse_lease: true,
            linac_status_bus: Bus::B,
            single_bus: false,
            request_after: Span::from_millis(200),
            request_hold: Span::from_millis(100),
        }
    }

    /// The bus that a frame meant for `bus` really travels on.
    pub(super) const fn bus(&self, bus: Bus) -> Bus {
        if self.single_bus { Bus::A } else { bus }
    }
}
