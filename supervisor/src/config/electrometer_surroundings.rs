//! What the rest of a profile says about the chamber that an electrometer is on: what its signals are judged by.

/// What the rest of the profile says about the chamber that the electrometer is on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Surroundings {
    /// Monitor 1 or 2.
    pub monitor: u8,
    /// Pulses a second; none where the machine makes no pulses.
    pub pulse_rate_hz: Option<f64>,
    /// `dose-period-ms`: how often a reading must come at least.
    pub dose_period_ms: f64,
    /// `period-scale`, by which it is stretched.
    pub period_scale: u32,
    /// `full-scale-pc` of the chamber: of a pulse, or of a dose period without pulses.
    pub full_scale_pc: f64,
    /// `pc-per-mu` of the chamber, by which an electrometer that counts in MU is read.
    pub pc_per_mu: f64,
    /// Charge in pC of a pulse of the weakest beam, or of a dose period without pulses; infinite where that is not known.
    pub weakest_pc: f64,
}

impl Surroundings {
    /// The most pulses (without pulses: dose periods as written) that lie between two frames which are not yet too old.
    pub fn most_between(&self) -> f64 {
        match self.pulse_rate_hz {
            Some(rate) => (3.0 * self.dose_period_ms * f64::from(self.period_scale) / 1000.0 * rate).ceil() + 1.0,
            None => 4.0 * f64::from(self.period_scale),
        }
    }
}
