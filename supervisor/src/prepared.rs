//! A machine and a plan made ready for the guards: the integers that they judge by, and what people want to read.

use beam_core::air::AirFactor;
use beam_core::limits::{backup, charge_for, expected_time, pulse_limit, time_limit};
use beam_core::machine::{Beam, Machine, Order, SetUp};
use beam_core::units::{Charge, Dose, Span};
use beam_core::wire::Docking;

use crate::config::{self, Plan, Problem, Profile, RealTime};
use crate::describe::{mu, seconds};

use crate::report::Planned;

/// What is said of vented chambers wherever nobody read their air.
const NOT_CORRECTED: &str = "the chambers are vented, and their charge is not corrected for the air in them";

/// A machine and a plan.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The machine in integers.
    pub machine: Machine,
    /// The delivery in integers.
    pub order: Order,
    /// The plan as people read it.
    pub planned: Planned,
    /// The monitor units by the plan's independent calculation, from which the backup is made.
    pub check: Dose,
    /// The limit of the beam-on time that the plan sets itself; what remains of it may not take longer.
    own_time_limit: Option<Span>,
    /// The most pulses that the plan sets itself; what remains of it may not take more.
    own_pulse_limit: Option<u32>,
    /// What is to be said of machine and plan: a bench's stretched periods, one bus for all, a lower protection.
    pub notices: Vec<String>,
    /// By how much periods are stretched.
    pub period_scale: u32,
    /// Whether some frames that are believed carry no protection.
    pub is_unprotected: bool,
    /// The usual air pressure at the site in kPa, where the chambers are vented and their air is not yet corrected for.
    pub needs_air: Option<f64>,
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
        prepared.check = config::independent_dose(plan);
        prepared.own_time_limit = config::own_time_limit(plan);
        prepared.own_pulse_limit = config::own_pulse_limit(plan);
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
            pulse_limit: profile.machine.is_pulsed().then_some(order.pulse_limit),
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
            pulse_limit: 0,
            pulses: None,
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
            pulse_limit: None,
            time_limit_s: 0.0,
        };
        Self {
            machine: profile.machine,
            order: nothing,
            planned,
            check: Dose::ZERO,
            own_time_limit: None,
            own_pulse_limit: None,
            notices: profile
                .notices
                .iter()
                .map(|notice| notice.what.clone())
                .chain(profile.is_vented.then(|| NOT_CORRECTED.to_owned()))
                .collect(),
            period_scale: profile.period_scale,
            is_unprotected: profile.machine.is_unprotected(),
            needs_air: profile.site_pressure_kpa.filter(|_| profile.is_vented),
            requires_real_time: profile.real_time == RealTime::Required,
        }
    }

    /// The same with the charge of both chambers corrected for the air in them: the calibration rounded up, every limit down.
    #[must_use]
    pub fn in_air(&self, factor: AirFactor) -> Self {
        let mut other = self.clone();
        let [first, second] = self.machine.monitors.map(|monitor| monitor.dose_per_charge);
        let (preset, backup) = (first.dose(self.order.preset), second.dose(self.order.backup));
        for monitor in &mut other.machine.monitors {
            let before = monitor.dose_per_charge;
            monitor.dose_per_charge = factor.corrected(before);
            for limit in [&mut monitor.leakage_warn, &mut monitor.leakage_block] {
                let less =
                    i128::from(*limit) * i128::from(before.fixed()) / i128::from(monitor.dose_per_charge.fixed());
                *limit = i32::try_from(less).unwrap_or(*limit);
            }
        }
        let [first, second] = other.machine.monitors.map(|monitor| monitor.dose_per_charge);
        other.order.preset = charge_for(preset, first);
        other.order.backup = charge_for(backup, second);
        other.order.expected_pulse = [first, second].map(|calibration| charge_for(self.order.pulse_dose, calibration));
        other.needs_air = None;
        other.notices.retain(|notice| notice != NOT_CORRECTED);
        other
    }

    /// The independent value for another preset: in the same proportion as the plan's two values.
    fn check_for(&self, preset: Dose) -> Dose {
        let [first, _] = self.machine.monitors;
        let planned = first.dose_per_charge.dose(self.order.preset);
        let check = i128::from(preset.micro_mu()) * i128::from(self.check.micro_mu());
        let check = check.checked_div(i128::from(planned.micro_mu())).and_then(|check| i64::try_from(check).ok());
        Dose::from_micro_mu(check.unwrap_or(0))
    }

    /// The same machine and set-up with another preset and the limits that follow from it by rule, but never beyond those that
    /// the plan sets itself. What remains of a plan in pulses is a number of pulses again.
    #[must_use]
    pub fn with_preset(&self, preset: Dose) -> Self {
        let [first, second] = self.machine.monitors;
        let mut other = self.clone();
        let (check, pulse) = (self.check_for(preset), self.order.pulse_dose);
        let backup = backup(check, pulse);
        let time = time_limit(expected_time(preset, self.order.dose_per_second));
        other.order.preset = charge_for(preset, first.dose_per_charge);
        other.order.backup = charge_for(backup, second.dose_per_charge);
        other.order.time_limit = self.own_time_limit.map_or(time, |own| own.shorter(time));
        other.order.pulses = self.order.pulses.map(|_| whole_pulses(preset, pulse));
        other.order.pulse_limit = match (self.machine.beam, other.order.pulses) {
            (Beam::Continuous, _) => u32::MAX,
            (Beam::Pulsed { .. }, Some(pulses)) => pulses,
            (Beam::Pulsed { .. }, None) => pulse_limit(preset, pulse).min(self.own_pulse_limit.unwrap_or(u32::MAX)),
        };
        other.check = check;
        other.planned.planned_mu = mu(preset);
        other.planned.backup_mu = mu(backup);
        other.planned.time_limit_s = seconds(other.order.time_limit);
        other.planned.pulse_limit = self.machine.is_pulsed().then_some(other.order.pulse_limit);
        other.planned.planned_pulses = match self.machine.beam {
            Beam::Pulsed { .. } => Some(whole_pulses(preset, pulse)),
            Beam::Continuous => None,
        };
        other
    }
}

/// The number of pulses that comes nearest to `dose`.
fn whole_pulses(dose: Dose, pulse: Dose) -> u32 {
    let half_more = dose.micro_mu().saturating_add(pulse.micro_mu() / 2);
    half_more.checked_div(pulse.micro_mu()).and_then(|pulses| u32::try_from(pulses).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use beam_core::air::{Air, frozen};

    use super::*;
    use crate::config::shipped;

    #[test]
    fn trips_earlier_in_thin_air_and_never_for_more_dose() {
        let profile = shipped::profile("liac").expect("a shipped profile");
        let before = Prepared::new(&profile, &shipped::plan("liac").expect("a shipped plan")).expect("it fits");
        let air = Air { centidegrees: 2_350, pascals: 98_000 };
        let after = before.in_air(frozen([air; 2], Span::ZERO, 98_000).expect("usual air for the place"));
        for (index, (before_limit, after_limit)) in
            [(before.order.preset, after.order.preset), (before.order.backup, after.order.backup)]
                .into_iter()
                .enumerate()
        {
            let (old, new) = (before.machine.monitors[index], after.machine.monitors[index]);
            let percent = 100.0 * after_limit.picocoulombs() as f64 / before_limit.picocoulombs() as f64;
            assert!((95.5..95.7).contains(&percent), "{percent} % of the charge");
            assert!(new.dose_per_charge.dose(after_limit) <= old.dose_per_charge.dose(before_limit));
            assert!(new.leakage_block < old.leakage_block && new.leakage_warn < old.leakage_warn);
        }
    }
}
