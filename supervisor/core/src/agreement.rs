//! Do the gate and both chambers tell the same story: the same pulses, and the same dose.

use crate::fault::Fault;
use crate::machine::{Beam, Machine, Order};
use crate::note::FaultReport;
use crate::units::{Dose, Span, Ticks};

/// The watch on the three counts of pulses and on the two doses.
#[derive(Clone, Copy, Debug)]
pub struct Agreement {
    limit: Span,
    window: u32,
    pulse: Dose,
    differ_since: Option<Ticks>,
    lease_used_since: Option<Ticks>,
}

impl Agreement {
    /// A watch that has seen nothing.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        let window = match machine.beam {
            Beam::Pulsed { window, .. } => window,
            Beam::Continuous => 0,
        };
        Self { limit: machine.timing.agreement, window, pulse: Dose::ZERO, differ_since: None, lease_used_since: None }
    }

    /// Starts a delivery.
    pub fn begin(&mut self, order: &Order) {
        self.pulse = order.pulse_dose;
        self.differ_since = None;
        self.lease_used_since = None;
    }

    /// Judges the counts of pulses: exactly equal within one pulse period and at most 30 ms; within the window where that
    /// is larger than one; and always equal once the gate has waited for a lease as long. `sensors` are both chambers and
    /// the sensor of the beam's own charge.
    pub fn counts(&mut self, now: Ticks, gate: u32, sensors: [u32; 3], lease_used: bool) -> Option<FaultReport> {
        let [first, second, beam] = sensors;
        let most = gate.max(first).max(second).max(beam);
        let least = gate.min(first).min(second).min(beam);
        let apart = most.saturating_sub(least);
        let report = |limit: u32| FaultReport::of(Fault::CountsDisagree).measured(i64::from(apart), i64::from(limit));
        if apart == 0 {
            self.differ_since = None;
        } else if self.differ_since.is_none() {
            self.differ_since = Some(now);
        }
        self.lease_used_since = match (lease_used, self.lease_used_since) {
            (true, Some(since)) => Some(since),
            (true, None) => Some(now),
            (false, _) => None,
        };
        let long = |since: Option<Ticks>| since.is_some_and(|since| now.since(since) > self.limit);
        if self.window > 1 && apart > self.window {
            return Some(report(self.window));
        }
        let must_be_equal = self.window <= 1 || long(self.lease_used_since);
        (must_be_equal && long(self.differ_since)).then(|| report(0))
    }

    /// Judges the two doses at equal counts: they may differ by 5 % or by 3 pulses, whichever is more.
    #[must_use]
    pub fn doses(&self, first: Dose, second: Dose) -> Option<FaultReport> {
        self.doses_within(first, second, Dose::ZERO)
    }

    fn doses_within(&self, first: Dose, second: Dose, uncounted: Dose) -> Option<FaultReport> {
        let apart = first.minus(second).size();
        let limit = self.pulse.times(3).larger(first.larger(second).percent(5)).plus(uncounted);
        (apart > limit).then(|| FaultReport::of(Fault::ChambersDisagree).measured(apart.micro_mu(), limit.micro_mu()))
    }

    /// Judges the two doses at these counts of pulses. Where the counts differ within the window, the pulses that one
    /// chamber has not counted yet are allowed for, each up to twice the expected one; a chamber that missed a count for
    /// good is judged like any other.
    #[must_use]
    pub fn doses_at_counts(&self, first: Dose, second: Dose, [a, b]: [u32; 2]) -> Option<FaultReport> {
        self.doses_within(first, second, self.pulse.times(a.abs_diff(b).saturating_mul(2)))
    }

    /// Judges the two doses at the end of a delivery: over 2 % (and over one pulse) is to be acknowledged.
    #[must_use]
    pub fn doses_at_end(&self, first: Dose, second: Dose) -> Option<FaultReport> {
        let apart = first.minus(second).size();
        let limit = self.pulse.larger(first.larger(second).percent(2));
        (apart > limit).then(|| FaultReport::of(Fault::EndDisagreement).measured(apart.micro_mu(), limit.micro_mu()))
    }
}
