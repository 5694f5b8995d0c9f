//! A fault of the unit that must be found is found: those that need not be, those that are over in a moment, and what a delivery
//! must have seen of one.

use beam_core::session::EndedBy;
use beam_core::state::State;
use beam_drivers::sim::Injection;

use super::Findings;
use super::strikes::{ONCE, ONE_PULSE};
use super::verdict::Closing;
use crate::mishap::What;

/// Pulses after its beginning, and a time in seconds, within which a fault that shows at once must have ended a delivery: a
/// status frame is missed after three of its periods.
const AT_ONCE: (u64, f64) = (4, 0.2);

/// Faults of the unit that need not end a delivery: nobody can see them in the beam, they cannot matter there, or they
/// take longer than some plans to show.
const MAY_COMPLETE: [Injection; 59] = [
    Injection::DuplicateFrame,
    Injection::LostFrame,
    Injection::BothLow6,
    // only where the sensor is fitted; its own tests have it everywhere
    Injection::BeamChargeSilent,
    Injection::BeamChargeSaturated,
    Injection::BeamChargeLow6,
    Injection::BeamChargeZero,
    Injection::BeamChargeHigh,
    Injection::BeamChargeFrozen,
    Injection::BeamChargeCrc,
    Injection::BeamChargeMissesPulse,
    Injection::BeamChargeHalfPulse,
    Injection::BeamChargeSkipsPulse,
    Injection::BeamChargeRestart,
    // one pulse is less than what chambers may differ by as long as pulses come
    Injection::Mon1MissesPulse,
    Injection::Mon1HalfPulse,
    Injection::Mon2MissesPulse,
    Injection::Mon2HalfPulse,
    Injection::Mon1Leakage,
    Injection::Mon2Leakage,
    Injection::Mon2Low6Percent,
    Injection::Mon1ChargeWithoutPulses,
    Injection::GateClockSlow,
    Injection::RateHigh,
    Injection::RateLow,
    Injection::RateSlow,
    Injection::RateFast,
    Injection::RateHalf,
    Injection::RequestAlwaysTold,
    Injection::RequestFlickers,
    // it shows only when the gate closes
    Injection::GateTellsLateA,
    Injection::GateTellsLateB,
    Injection::GateLeaks,
    Injection::GateLeaseOffByOne,
    Injection::BeamRequestedEarly,
    Injection::GateStaleTimerDeadDose1,
    Injection::GateStaleTimerDeadDose2,
    Injection::GateStaleTimerDeadTime,
    Injection::GateStaleTimerDeadInterlock,
    Injection::GateStaleTimerDoubleDose1,
    Injection::GateStaleTimerDoubleDose2,
    Injection::GateStaleTimerDoubleTime,
    Injection::GateStaleTimerDoubleInterlock,
    Injection::GateStaleTimerSlowDose1,
    Injection::GateStaleTimerSlowDose2,
    Injection::GateStaleTimerSlowTime,
    Injection::GateStaleTimerSlowInterlock,
    Injection::GateTripDeadDose1,
    Injection::GateTripDeadDose2,
    Injection::GateTripDeadTime,
    Injection::GateTripDeadInterlock,
    Injection::GateLeaseDeadDose1,
    Injection::GateLeaseDeadDose2,
    Injection::GateLeaseDeadTime,
    Injection::GateLeaseDeadInterlock,
    Injection::GateStateDeadDose1,
    Injection::GateStateDeadDose2,
    Injection::GateStateDeadTime,
    Injection::GateStateDeadInterlock,
];

/// Faults of the unit that are over in a moment.
const OVER_AT_ONCE: [Injection; 9] = [
    Injection::GateRestart,
    Injection::Mon1Falls,
    Injection::Mon2Falls,
    Injection::Mon1Restart,
    Injection::Mon2Restart,
    Injection::BeamChargeRestart,
    Injection::Crc,
    Injection::AliveJump,
    Injection::ShortFrame,
];

/// Faults by which gate and chambers count apart. At high rates they may, within the window, as long as pulses come.
const COUNTS_APART: [Injection; 7] = [
    Injection::GateExtraPulseCount,
    Injection::GateOneMoreA,
    Injection::GateOneMoreB,
    Injection::GateOneFewerA,
    Injection::GateOneFewerB,
    Injection::Mon1SkipsPulse,
    Injection::Mon2SkipsPulse,
];

/// Faults of the gate's report on bus B alone.
const ON_BUS_B: [Injection; 5] = [
    Injection::GateSilentB,
    Injection::GateFrozenB,
    Injection::GateOneMoreB,
    Injection::GateOneFewerB,
    Injection::GateTellsLateB,
];

impl Closing<'_> {
    #[expect(clippy::cast_precision_loss, reason = "pulses of a plan")]
    pub(super) fn found(&self, findings: &mut Findings) {
        // Two faults may hide each other: a lost permit ends the beam before a chamber could be found out, a chamber that reads
        // high covers one that reads low. What must hold under two is what the patient gets, and that is held everywhere.
        let [mishap] = self.drawn.mishaps[..] else { return };
        let (What::Unit(injection), Some(from)) = (mishap.what, mishap.pulse()) else { return };
        // at high rates gate and chambers may count apart within the window as long as pulses come
        if COUNTS_APART.contains(&injection) && self.window() > 1.0 {
            return;
        }
        // a gate that reports on one bus only has nothing to say wrong on the other
        if self.drawn.model.numbers.single_bus && ON_BUS_B.contains(&injection) {
            return;
        }
        // an electrometer that tells each pulse by itself cannot fall, and the one that is shipped has no flag for over range
        let is_untold = matches!(injection, Injection::Mon2Falls | Injection::Mon2Overrange);
        if is_untold && self.drawn.model.numbers.monitors[1].foreign.is_some() {
            return;
        }
        // what is over in a moment before a delivery begins has harmed nothing of it
        let is_first = self.under_way.given.errand == 0;
        let is_over = if is_first { from == 0 && OVER_AT_ONCE.contains(&injection) } else { self.struck_before };
        if is_over && (is_first || ONCE.contains(&injection) || ONE_PULSE.contains(&injection)) {
            return;
        }
        // what passes a closed gate may come only in the proof of the next delivery
        let strays = [Injection::GateFiresClosed, Injection::GateFiresClosedOnce, Injection::GateLeaksBriefly];
        if strays.contains(&injection) && self.passed.pulses <= self.pulses_at_end() {
            return;
        }
        // two and a half times the output by chambers that read low alike is less than twice
        if injection == Injection::OutputHigh && self.drawn.day.response < 0.85 {
            return;
        }
        // whoever sets the linac up anew has put its energy and its output right
        let is_put_right = matches!(injection, Injection::Energy | Injection::OutputHigh);
        if is_put_right && self.drawn.legs.iter().any(|leg| leg.errand.set_up.is_some()) {
            return;
        }
        let from = from.saturating_sub(self.passed.before);
        let later = self.passed.pulses.saturating_sub(from.max(1));
        let period_s = self.drawn.model.numbers.pulse_period_ms().map(|millis| millis / 1000.0);
        let shown = later >= AT_ONCE.0 && period_s.is_some_and(|period| later as f64 * period > AT_ONCE.1);
        if self.told.state == State::Complete && shown && !MAY_COMPLETE.contains(&injection) {
            let terminated = self.told.ended_by == Some(EndedBy::Operator);
            findings.demand(self.now, terminated, "a fault that must be found is found", || {
                format!("{injection} from pulse {from} on, complete after {} pulses", self.passed.pulses)
            });
        }
    }
}
