//! A machine and a plan made ready for the guards: the integers that they judge by, and what people want to read.

use beam_core::limits::{backup, charge_for, expected_time, time_limit};
use beam_core::machine::{Beam, Machine, Order, Protection, SetUp};
use beam_core::units::{Charge, Dose, Span};
use beam_core::wire::Docking;

use crate::config::{self, Plan, Problem, Profile, RealTime};
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
}

impl Prepared {
    /// `plan` on the machine of `profile`.
    ///
    /// # Errors
    /// Everything in which the plan does not fit the machine.
    pub fn new(profile: &Profile, plan: &Plan) -> Result<Self, Vec<Problem>> {
        let order = config::order(profile, plan)?;
        let expectation = config::expectation(profile, plan);
        let mut prepared = Self::without_plan(profile);
        prepared.order = order;
        prepared.planned = Planned {
            machine: profile.name.clone(),
            field: plan.field,
            energy_mev: plan.energy_mev,
            applicator: plan.applicator.clone(),
            docking: plan.docking.name().to_owned(),
            prescription_gy: plan.prescription_gy,
            isodose_percent: plan.isodose_percent,
            planned_mu: plan.monitor_units,
            backup_mu: expectation.map_or(0.0, |expected| expected.backup_mu),
            planned_pulses: expectation.and_then(|expected| expected.pulses),
            time_limit_s: seconds(order.time_limit),
        };
        Ok(prepared)
    }

    /// The machine of `profile` before anybody has planned anything: an order that no guard would lease a pulse for.
    #[must_use]
    pub fn without_plan(profile: &Profile) -> Self {
        let nothing = Order {
            preset: Charge::ZERO,
            backup: Charge::ZERO,
            expected_pulse: [Charge::ZERO; 2],
            pulse_dose: Dose::ZERO,
            dose_per_second: Dose::ZERO,
            time_limit: Span::ZERO,
            beam_charge: None,
            set_up: SetUp { energy: 0, energy_tolerance: 0, applicator: 0, docking: Docking::Undocked },
        };
        let planned = Planned {
            machine: profile.name.clone(),
            field: 0,
            energy_mev: 0.0,
            applicator: String::new(),
            docking: String::new(),
            prescription_gy: 0.0,
            isodose_percent: 0.0,
            planned_mu: 0.0,
            backup_mu: 0.0,
            planned_pulses: None,
            time_limit_s: 0.0,
        };
        Self {
            machine: profile.machine,
            order: nothing,
            planned,
            notices: profile.notices.iter().map(|notice| notice.what.clone()).collect(),
            period_scale: profile.period_scale,
            is_unprotected: profile.machine.protection == Protection::None,
            requires_real_time: profile.real_time == RealTime::Required,
        }
    }

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
