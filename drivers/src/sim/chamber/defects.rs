//! What can be wrong with a chamber, and what can spoil one of its readings.

use beam_core::units::Ticks;

#[cfg(doc)]
use beam_core::wire::dose_flag;

/// One thing that happens to one reading on its way to the bus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spoil {
    /// A bit of the CRC is flipped.
    Crc,
    /// The alive counter leaps by five.
    AliveJump,
    /// Seven bytes arrive.
    Short,
    /// The frame arrives twice.
    Twice,
    /// The frame does not arrive.
    Lost,
}

/// What is wrong with a chamber.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ChamberDefects {
    /// Share of the charge that is measured: 1.0 when it is right.
    pub response: f64,
    /// The same for the next pulse (or dose period) only.
    pub response_once: f64,
    /// The next pulse (or dose period with beam) is neither measured nor counted nor told.
    pub skips_once: bool,
    /// The charge stands still while pulses are counted.
    pub charge_stuck: bool,
    /// Charge and pulse count stand still while frames go on.
    pub frozen: bool,
    /// Every pulse (or dose period with beam) reads full scale.
    pub full_scale: bool,
    /// Every pulse (or dose period with beam) reads so many pC, whatever it is.
    pub each_pulse: Option<f64>,
    /// By what share the response changes in an hour.
    pub drift_per_hour: f64,
    /// Since when.
    pub drifts_since: Ticks,
    /// Nothing is sent.
    pub silent: bool,
    /// The alive counter stands still.
    pub alive_stuck: bool,
    /// Flags that are set, see [`dose_flag`].
    pub flags: u8,
    /// A current in pA that is measured as charge and not reported.
    pub stray_picoamperes: f64,
    /// A leakage in pA besides the healthy one, measured as charge and reported.
    pub leakage_picoamperes: f64,
    /// Share of the polarising voltage: 1.0 when it is right.
    pub voltage: f64,
    /// Fault bits of the status; any makes its mode FAULT.
    pub faults: u16,
    /// What happens to the next reading.
    pub spoil: Option<Spoil>,
}

impl Default for ChamberDefects {
    fn default() -> Self {
        Self {
            response: 1.0,
            response_once: 1.0,
            skips_once: false,
            charge_stuck: false,
            frozen: false,
            full_scale: false,
            each_pulse: None,
            drift_per_hour: 0.0,
            drifts_since: Ticks::ZERO,
            silent: false,
            alive_stuck: false,
            flags: 0,
            stray_picoamperes: 0.0,
            leakage_picoamperes: 0.0,
            voltage: 1.0,
            faults: 0,
            spoil: None,
        }
    }
}
