//! The mean dose rate over a sliding window, judged against the nominal one.
//!
//! The window is max(1 s, 10 pulses), kept as sixteen slots so that its memory does not depend on the pulse rate. A mean,
//! because a machine that regulates its dose moves single pulses; what a single pulse may be is judged in `chamber`.

use crate::fault::Fault;
use crate::machine::{Beam, Machine, Order, RateRule};
use crate::note::FaultReport;
use crate::units::{Dose, Span, Ticks};

/// Slots of the window.
const SLOTS: usize = 16;
const SLOT_COUNT: u64 = 16;
/// Pulses that the window holds at least.
const PULSES: u64 = 10;

/// What the rate is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As it should be, or not yet known.
    Fine,
    /// Out of the ordinary.
    Warn(FaultReport),
    /// A fault.
    Trip(FaultReport),
}

/// The rate of one chamber.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    rule: RateRule,
    slot: Span,
    nominal: Dose,
    slots: [Dose; SLOTS],
    current: usize,
    slot_end: Ticks,
    /// Beam has been on since then; the window starts at its first pulse.
    began: Option<Ticks>,
    /// Beam was last not asked for at that moment: a window that holds a pause may be low.
    paused: Ticks,
}

impl Rate {
    /// The rate of a machine at rest.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        let pulses = match machine.beam {
            Beam::Pulsed { period, .. } => period.times(PULSES),
            Beam::Continuous => Span::ZERO,
        };
        let window = Span::from_secs(1).longer(pulses);
        Self {
            rule: machine.rate,
            slot: Span::from_nanos(window.nanos() / SLOT_COUNT),
            nominal: Dose::ZERO,
            slots: [Dose::ZERO; SLOTS],
            current: 0,
            slot_end: Ticks::ZERO,
            began: None,
            paused: Ticks::ZERO,
        }
    }

    /// Starts a delivery.
    pub fn begin(&mut self, order: &Order) {
        self.nominal = order.dose_per_second;
        self.rest();
    }

    /// The beam is off: the window empties, and begins anew at the next pulse.
    pub fn rest(&mut self) {
        self.slots = [Dose::ZERO; SLOTS];
        self.began = None;
    }

    /// Beam is not asked for, though the gate may stand open: the window goes on, and is low by right.
    pub fn pause(&mut self, now: Ticks) {
        self.paused = now;
    }

    const fn window(&self) -> Span {
        self.slot.times(SLOT_COUNT)
    }

    /// Adds the dose of a reading while the beam is on.
    pub fn add(&mut self, now: Ticks, dose: Dose) {
        if self.began.is_none() {
            self.began = Some(now);
            self.slot_end = now.after(self.slot);
        }
        self.advance(now);
        if let Some(slot) = self.slots.get_mut(self.current) {
            *slot = slot.plus(dose);
        }
    }

    fn advance(&mut self, now: Ticks) {
        for _ in 0..=SLOTS {
            if now < self.slot_end {
                return;
            }
            self.current = if self.current >= SLOTS - 1 { 0 } else { self.current.saturating_add(1) };
            if let Some(slot) = self.slots.get_mut(self.current) {
                *slot = Dose::ZERO;
            }
            self.slot_end = self.slot_end.after(self.slot);
        }
        // longer ago than the whole window
        self.slot_end = now.after(self.slot);
    }

    fn total(&self) -> Dose {
        self.slots.iter().fold(Dose::ZERO, |sum, &slot| sum.plus(slot))
    }

    /// The mean dose of a second; zero while the beam is off.
    #[must_use]
    pub fn dose_per_second(&self, now: Ticks) -> Dose {
        let Some(began) = self.began else { return Dose::ZERO };
        // the newest slot has filled only up to now
        let unfilled = self.slot_end.since(now);
        let covered = Span::from_nanos(self.window().nanos().saturating_sub(unfilled.nanos()));
        let over = now.since(began).shorter(covered).longer(Span::from_millis(100));
        let millis = i64::try_from(over.millis()).unwrap_or(i64::MAX);
        Dose::from_micro_mu(self.total().micro_mu().saturating_mul(1000).checked_div(millis).unwrap_or(0))
    }

    /// Judges the window as it stands.
    pub fn judge(&mut self, now: Ticks) -> Verdict {
        let Some(began) = self.began else { return Verdict::Fine };
        self.advance(now);
        let millis = u32::try_from(self.window().millis()).unwrap_or(u32::MAX);
        // the nominal dose of one window; the sum of a window is compared with it, so nothing is divided by a short time
        let nominal = Dose::from_micro_mu(self.nominal.times(millis).micro_mu() / 1000);
        let total = self.total();
        let report =
            |fault, percent| FaultReport::of(fault).measured(total.micro_mu(), nominal.percent(percent).micro_mu());
        if total > nominal.percent(200) {
            return Verdict::Trip(report(Fault::RateHigh, 200));
        }
        // the newest slot is still filling: a full window has passed only one slot later
        let full = now.since(began.max(self.paused)) >= self.window().plus(self.slot);
        if matches!(self.rule, RateRule::Steady) && full && total < nominal.percent(50) {
            return Verdict::Trip(report(Fault::RateLow, 50));
        }
        if total > nominal.percent(120) {
            return Verdict::Warn(report(Fault::RateHigh, 120));
        }
        if matches!(self.rule, RateRule::Steady) && full && total < nominal.percent(85) {
            return Verdict::Warn(report(Fault::RateLow, 85));
        }
        Verdict::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Bus;
    use crate::machine::{Landing, Monitor, Protection, SetUp, Timing};
    use crate::units::{Charge, DosePerCharge};
    use crate::wire::Docking;

    const PULSE: Dose = Dose::from_micro_mu(1_000_000);

    fn machine(rule: RateRule) -> Machine {
        let ms = Span::from_millis;
        let monitor = Monitor {
            dose_per_charge: DosePerCharge::from_fixed(1),
            full_scale: Charge::ZERO,
            voltage: 0,
            voltage_tolerance: 0,
            leakage_warn: 0,
            leakage_block: 0,
            electrometer: None,
        };
        let timing = Timing {
            permit: ms(5),
            gate: ms(5),
            dose: ms(10),
            status: ms(50),
            stale_after: ms(25),
            agreement: ms(30),
            proof_margin: ms(10),
            lateness_budget: ms(10),
            session_silence: ms(500),
        };
        let period = ms(100);
        Machine {
            timing,
            beam: Beam::Pulsed { period, window: 1, landing: Landing::Nearest, gate_knows_lease: true },
            monitors: [monitor; 2],
            beam_charge: None,
            rate: rule,
            no_pulse_after: ms(1000),
            beam_hold: false,
            linac_bus: Bus::A,
            single_bus: false,
            protection: Protection::E2e,
            resume_limit: 2,
        }
    }

    /// Judges ten seconds of pulses of `PULSE` every `period_ms`, where 100 ms is nominal; the first verdict that is not fine.
    fn judged(rule: RateRule, period_ms: u64) -> Verdict {
        let mut rate = Rate::new(&machine(rule));
        rate.begin(&Order {
            preset: Charge::ZERO,
            backup: Charge::ZERO,
            expected_pulse: [Charge::ZERO; 2],
            pulse_dose: PULSE,
            dose_per_second: PULSE.times(10),
            time_limit: Span::ZERO,
            pulse_limit: u32::MAX,
            pulses: None,
            beam_charge: None,
            set_up: SetUp { energy: 0, energy_tolerance: 0, applicator: 0, docking: Docking::None },
        });
        let mut worst = Verdict::Fine;
        for milli in 0..10_000_u64 {
            let now = Ticks::from_nanos(1_000_000_000).after(Span::from_millis(milli));
            if milli.is_multiple_of(period_ms) {
                rate.add(now, PULSE);
            }
            match rate.judge(now) {
                Verdict::Fine => {}
                trip @ Verdict::Trip(_) => return trip,
                warning @ Verdict::Warn(_) => worst = warning,
            }
        }
        worst
    }

    #[test]
    fn holds_the_nominal_rate() {
        assert_eq!(judged(RateRule::Steady, 100), Verdict::Fine);
    }

    #[test]
    fn trips_over_twice_and_under_half_the_nominal_rate() {
        assert!(matches!(judged(RateRule::Steady, 45), Verdict::Trip(report) if report.fault == Fault::RateHigh));
        assert!(matches!(judged(RateRule::Steady, 230), Verdict::Trip(report) if report.fault == Fault::RateLow));
    }

    #[test]
    fn warns_between_and_never_of_a_modulated_machine_that_is_slow() {
        assert!(matches!(judged(RateRule::Steady, 70), Verdict::Warn(report) if report.fault == Fault::RateHigh));
        assert!(matches!(judged(RateRule::Steady, 140), Verdict::Warn(report) if report.fault == Fault::RateLow));
        assert_eq!(judged(RateRule::Modulated, 230), Verdict::Fine);
    }
}
