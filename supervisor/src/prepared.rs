//! A machine and a plan made ready for the guards: the integers that they judge by, and what people want to read.

use beam_core::limits::{backup, charge_for, expected_time, time_limit};
use beam_core::machine::{Beam, Machine, Order};
use beam_core::units::Dose;

use crate::describe::{mu, seconds};

use crate::report::Planned;

/// A machine and a plan.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The machine in integers.
    pub machine: Machine,
    /// The delivery in integers.
    pub order: Order,
    /// The plan as people read it.
    pub planned: Planned,
    /// What is to be said of machine and plan: a bench's stretched periods, one bus for all, a lower protection.
    pub notices: Vec<String>,
    /// By how much periods are stretched.
    pub period_scale: u32,
    /// Whether the chambers' frames carry no protection.
    pub is_unprotected: bool,
    /// Whether the profile says that nothing may run without real-time rights.
    pub requires_real_time: bool,
    /// Whether this is a bench and no machine that treats.
    pub is_bench: bool,
}

impl Prepared {
    /// The same machine and set-up with another preset and the limits that follow from it by rule.
    #[must_use]
    pub fn with_preset(&self, preset: Dose) -> Self {
        let [first, second] = self.machine.monitors;
        let mut other = self.clone();
        let backup = backup(preset, self.order.pulse_dose);
        other.order.preset = charge_for(preset, first.dose_per_charge);
        other.order.backup = charge_for(backup, second.dose_per_charge);
        other.order.time_limit = time_limit(expected_time(preset, self.order.dose_per_second));
        other.planned.planned_mu = mu(preset);
        other.planned.backup_mu = mu(backup);
        other.planned.time_limit_s = seconds(other.order.time_limit);
        other.planned.planned_pulses = match self.machine.beam {
            Beam::Pulsed { .. } => {
                preset.micro_mu().checked_div(self.order.pulse_dose.micro_mu()).and_then(|n| u32::try_from(n).ok())
            }
            Beam::Continuous => None,
        };
        other
    }
}
