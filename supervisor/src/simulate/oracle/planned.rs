//! *As planned* is said only if it was true: dose 1 ended it on its preset, gate and chambers counted the same pulses, none came
//! afterwards, and the chambers agree.

use beam_core::units::Ticks;
use beam_drivers::sim::{Injection, Lie};

use super::Findings;
use super::dose::Passed;
use crate::describe::mu;
use crate::mishap::{Mishap, What};
use crate::prepared::Prepared;
use crate::progress::Progress;
use crate::simulate::circumstances::{Circumstances, Lying};
use crate::simulate::second_order::{Expected, Numbers};

/// Five standard deviations of monitor 1's sum over n pulses, times the root of n, as a share of a pulse.
const SUM_NOISE: f64 = 0.005;
/// What the last pulses may lie from those that were seen, by the contract, times the root of the window.
const SEEN_NOISE: f64 = 0.05;
/// A dose in MU below which two chambers are never told apart.
const LEAST_APART_MU: f64 = 0.05;
/// What readings and their rounding may add to the difference of two chambers, as a share of a pulse.
const ROUNDING: f64 = 0.02;
/// What may leak in a second and a little, in MU, at the 0.44 MU/min that keep a beam from being armed.
const LEAKAGE_MU: f64 = 0.01;
/// How much dose a beam without pulses may lay down until the permit's withdrawal has reached the gate, in tenths of a second.
const LATENCY_TENTHS: f64 = 0.4;

/// Whether the program says of a delivery that it went as planned.
pub(super) fn says_as_planned(told: &Progress, prepared: &Prepared) -> bool {
    told.shortfalls(prepared, true).is_empty()
}

/// A delivery of which that is said.
pub(super) struct Said<'a> {
    pub told: &'a Progress,
    pub passed: &'a Passed,
    /// What each chamber's own counter said when the end was judged, in MU.
    pub measured: [f64; 2],
    pub numbers: &'a Numbers,
    pub expected: &'a Expected,
    pub around: &'a Circumstances,
    /// Pulses when the session said that it had ended.
    pub pulses_at_end: u64,
}

impl Said<'_> {
    pub fn judge(&self, now: Ticks, findings: &mut Findings) {
        self.counts(now, findings);
        self.dose(now, findings);
        self.chambers(now, findings);
    }

    fn counts(&self, now: Ticks, findings: &mut Findings) {
        if !self.numbers.is_pulsed() {
            return;
        }
        let Self { told, passed, pulses_at_end, .. } = self;
        let [gate, first, second, _] = told.end.map_or([0; 4], |end| end.pulses);
        let counted = [gate, first, second].map(u64::from);
        let alike = counted.iter().all(|&count| count == passed.pulses);
        findings.demand(now, alike, "as planned: gate and chambers counted the true pulses", || {
            format!("{} true, {counted:?} by gate, monitor 1 and monitor 2", passed.pulses)
        });
        findings.demand(now, passed.pulses <= *pulses_at_end, "as planned: no pulse after the end", || {
            format!("{} pulses, {pulses_at_end} at the end", passed.pulses)
        });
    }

    /// The true dose lies on the preset. What monitor 1 reads wrong nobody can see as long as it agrees with monitor 2; where both
    /// read low alike the pulse limit is the promise.
    #[expect(clippy::cast_precision_loss, reason = "pulses of a plan")]
    fn dose(&self, now: Ticks, findings: &mut Findings) {
        let Self { numbers, passed, expected, around, .. } = self;
        let [first, second] = &around.lies;
        let is_low = |lying: &Lying| lying.lie != Lie::High;
        if !first.is_empty() && second.iter().any(is_low) {
            return;
        }
        let unseen = if first.is_empty() { 0.0 } else { self.apart_at_most() };
        let pulses = passed.pulses.max(1) as f64;
        let seen = if numbers.is_pulsed() { passed.mu / pulses } else { expected.pulse_mu };
        let pulse = expected.pulse_mu.max(seen);
        let landing = match (numbers.is_pulsed(), numbers.lands_at_or_above) {
            (false, _) => LATENCY_TENTHS * around.rate_factor * around.day.output.max(1.0),
            (true, true) => 1.0,
            (true, false) => 0.5,
        };
        let noise = SEEN_NOISE * f64::from(numbers.window.max(1)).sqrt() + SUM_NOISE * pulses.sqrt();
        // what came outside of every pulse may have been counted, or have come afterwards
        let above = (passed.mu - passed.leaked - expected.preset.0).max(0.0);
        let off = above.max(expected.preset.0 - passed.mu) / pulse;
        findings.demand(
            now,
            off <= landing + noise + unseen / pulse,
            "as planned: the true dose is the preset",
            || format!("{:.4} MU of {:.4}, {off:.4} pulses from it", passed.mu, expected.preset.0),
        );
        let leaks = around.mishaps.iter().filter(|mishap| matches!(mishap.what, What::Leak { .. })).count() as f64;
        findings.demand(
            now,
            passed.leaked <= leaks * (1.01 * pulse + LEAKAGE_MU),
            "as planned: no charge after the end",
            || format!("{:.4} MU outside of every pulse", passed.leaked),
        );
    }

    /// What two chambers that agree differ by at most, in MU.
    fn apart_at_most(&self) -> f64 {
        let pulse = self.expected.pulse_mu;
        let [first, second] = self.measured;
        (0.02 * first.max(second)).max(0.5 * pulse).max(LEAST_APART_MU) + ROUNDING * pulse
    }

    fn chambers(&self, now: Ticks, findings: &mut Findings) {
        // an electrometer that tells each pulse by itself never tells that its sum fell
        let falls = |mishap: &Mishap| mishap.what == What::Unit(Injection::Mon2Falls);
        if self.numbers.monitors[1].foreign.is_some() && self.around.mishaps.iter().any(falls) {
            return;
        }
        let ([first, second], limit) = (self.measured, self.apart_at_most());
        let apart = (first - second).abs();
        findings.demand(now, apart <= limit, "as planned: the chambers agree", || {
            let recorded = self.told.delivered.map(mu);
            format!("{first:.4} and {second:.4} MU measured, {apart:.4} apart of {limit:.4}; {recorded:?} recorded")
        });
    }
}
