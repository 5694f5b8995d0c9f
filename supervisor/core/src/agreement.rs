//! Do the gate and both chambers tell the same story: the same pulses, and the same dose.

use crate::fault::Fault;
use crate::frame::Bus;
use crate::machine::{Beam, Machine, Monitor, Order};
use crate::note::FaultReport;
use crate::units::{Charge, Dose, Span, Ticks};

/// Pulses at the beginning of a delivery in which the chambers are compared more closely: a plan of a few pulses is over
/// before 5 % of the dose says anything.
const EARLY_PULSES: u32 = 20;
/// What the chambers may differ by in these pulses, in percent; and never less than half a pulse and [`LEAST_DOSE`].
const EARLY_PERCENT: u32 = 10;
/// What the chambers may differ by later, in percent; and never less than three pulses.
const PERCENT: u32 = 5;
const PULSES: u32 = 3;
/// What the chambers may differ by at the end, in percent; and never less than half a pulse, [`LEAST_DOSE`] and two counts.
const END_PERCENT: u32 = 2;
/// What says nothing: 0.05 MU. Two chambers of a clinical linac differed by up to 0.04 MU below 5 MU (79 recorded pairs).
const LEAST_DOSE: Dose = Dose::from_micro_mu(50_000);
const END_COUNTS: u32 = 2;

/// One bus' report of the gate against the chambers.
#[derive(Clone, Copy, Debug)]
struct Watch {
    differ_since: Option<Ticks>,
    lease_used_since: Option<Ticks>,
}

/// What one bus shows of the gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Which bus.
    pub bus: Bus,
    /// Pulses of this delivery.
    pub pulses: u32,
    /// Whether the gate waits for a lease.
    pub lease_used: bool,
}

/// The watch on the counts of pulses and on the two doses.
#[derive(Clone, Copy, Debug)]
pub struct Agreement {
    limit: Span,
    window: u32,
    pulsed: bool,
    pulse: Dose,
    /// Two counts of the coarser electrometer.
    two_counts: Dose,
    watches: [Watch; 2],
}

impl Agreement {
    /// A watch that has seen nothing.
    #[must_use]
    pub fn new(machine: &Machine) -> Self {
        let [first, second] = machine.monitors;
        let count = |monitor: &Monitor| {
            let picocoulombs = monitor.electrometer.map_or(1, |electrometer| {
                let scale = electrometer.extraction.scale;
                scale.numerator.get().div_ceil(scale.denominator.get())
            });
            monitor.dose_per_charge.dose(Charge::from_picocoulombs(i64::from(picocoulombs)))
        };
        Self {
            limit: machine.timing.agreement,
            window: machine.window(),
            pulsed: matches!(machine.beam, Beam::Pulsed { .. }),
            pulse: Dose::ZERO,
            two_counts: count(&first).larger(count(&second)).times(END_COUNTS),
            watches: [Watch { differ_since: None, lease_used_since: None }; 2],
        }
    }

    /// Starts a delivery.
    pub fn begin(&mut self, order: &Order) {
        self.pulse = order.pulse_dose;
        self.rest();
    }

    /// The beam is off: how long counts have differed begins anew.
    pub fn rest(&mut self) {
        self.watches = [Watch { differ_since: None, lease_used_since: None }; 2];
    }

    /// Judges the counts of pulses: exactly equal within one pulse period and at most 30 ms; within the window where that
    /// is larger than one; and always equal once the gate has waited for a lease as long. Each bus' report of the gate is
    /// judged by itself, so that one that stands still is not hidden by the other. `sensors` are both chambers and the
    /// sensor of the beam's own charge.
    pub fn counts(&mut self, now: Ticks, gate: Shown, sensors: [u32; 3]) -> Option<FaultReport> {
        let [first, second, beam] = sensors;
        let most = gate.pulses.max(first).max(second).max(beam);
        let least = gate.pulses.min(first).min(second).min(beam);
        let apart = most.saturating_sub(least);
        let (window, limit) = (self.window, self.limit);
        let report = |limit: u32| {
            FaultReport::of(Fault::CountsDisagree).on(gate.bus).measured(i64::from(apart), i64::from(limit))
        };
        let [on_a, on_b] = &mut self.watches;
        let watch = if matches!(gate.bus, Bus::A) { on_a } else { on_b };
        watch.differ_since = if apart == 0 { None } else { watch.differ_since.or(Some(now)) };
        watch.lease_used_since = if gate.lease_used { watch.lease_used_since.or(Some(now)) } else { None };
        let long = |since: Option<Ticks>| since.is_some_and(|since| now.since(since) > limit);
        if window > 1 && apart > window {
            return Some(report(window));
        }
        let must_be_equal = window <= 1 || long(watch.lease_used_since);
        (must_be_equal && long(watch.differ_since)).then(|| report(0))
    }

    /// Judges the two doses at these counts of pulses: they may differ by 5 % or by 3 pulses, whichever is more; in the first
    /// 20 pulses, at equal counts, by 10 %, half a pulse or 0.05 MU. Where the counts differ within the window, the pulses that one
    /// chamber has not counted yet are allowed for, each up to twice the expected one; a chamber that missed a count for
    /// good is judged like any other.
    #[must_use]
    pub fn doses(&self, first: Dose, second: Dose, [a, b]: [u32; 2]) -> Option<FaultReport> {
        let apart = first.minus(second).size();
        let larger = first.larger(second);
        let early = self.pulsed && a == b && a > 0 && a <= EARLY_PULSES;
        let limit = if early {
            larger.percent(EARLY_PERCENT).larger(self.half_a_pulse()).larger(LEAST_DOSE)
        } else {
            let uncounted = self.pulse.times(a.abs_diff(b).saturating_mul(2));
            self.pulse.times(PULSES).larger(larger.percent(PERCENT)).plus(uncounted)
        };
        (apart > limit).then(|| FaultReport::of(Fault::ChambersDisagree).measured(apart.micro_mu(), limit.micro_mu()))
    }

    const fn half_a_pulse(&self) -> Dose {
        Dose::from_micro_mu(self.pulse.micro_mu() / 2)
    }

    /// Judges the two doses at equal counts at the end of a delivery: over 2 %, half a pulse, 0.05 MU and two counts of the
    /// coarser electrometer is to be acknowledged.
    #[must_use]
    pub fn doses_at_end(&self, first: Dose, second: Dose) -> Option<FaultReport> {
        let apart = first.minus(second).size();
        let relative = first.larger(second).percent(END_PERCENT);
        let limit = relative.larger(self.half_a_pulse()).larger(LEAST_DOSE).larger(self.two_counts);
        (apart > limit).then(|| FaultReport::of(Fault::EndDisagreement).measured(apart.micro_mu(), limit.micro_mu()))
    }
}
