//! How a run ended, and what the record says: a fault-free one completes on its preset, a fault that must be found is
//! found, the way to the beam leads through the proof, and no record falls short of the true dose.

use beam_core::machine::Beam;
use beam_core::resume::{Counted, base};
use beam_core::session::SessionNote;
use beam_core::state::State;
use beam_core::units::{Dose, Ticks};
use beam_core::wire::GateState;
use beam_drivers::sim::{Injection, Lie};
use serde::Serialize;

use super::Findings;
use super::dose::DoseWatch;
use crate::conductor::Entry;
use crate::course::Course;
use crate::describe::{mu, seconds};
use crate::mishap::What;
use crate::progress::Progress;
use crate::simulate::circumstances::Circumstances;
use crate::simulate::draw::Drawn;

/// Five standard deviations of a chamber's sum over n pulses, times the root of n, as a share of a pulse.
const SUM_NOISE: f64 = 0.005;
/// Four standard deviations of one pulse, as a share of it.
const PULSE_NOISE: f64 = 0.04;
/// How much chamber 2 reads above chamber 1 in the simulated unit, and a little.
const CHAMBER_GAIN: f64 = 0.003;
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

/// What the record tells of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Story {
    /// Where the session stood at the end.
    pub state: &'static str,
    /// What ended it.
    pub ended_by: Option<&'static str>,
    /// Every fault with who found it, in the order in which they were found.
    pub faults: Vec<(&'static str, &'static str)>,
    /// True dose of the last delivery in MU.
    pub true_mu: f64,
    /// The same as both monitors recorded it.
    pub recorded_mu: [f64; 2],
    /// Pulses of the last delivery.
    pub pulses: u64,
    /// How far monitor 1 landed from the preset, in pulses.
    pub landing_pulses: f64,
    /// The beam was begun.
    pub began: bool,
    #[serde(skip)]
    session: State0,
    #[serde(skip)]
    pulse: f64,
    #[serde(skip)]
    preset: f64,
    #[serde(skip)]
    window: f64,
    /// Seconds from pulse to pulse; none without pulses.
    #[serde(skip)]
    period_s: Option<f64>,
}

/// Where the session stood, as its notes tell.
#[derive(Clone, Copy, Debug)]
struct State0(State, u8);

impl Default for State0 {
    fn default() -> Self {
        Self(State::Inhibited, 0)
    }
}

impl Story {
    pub(super) fn new(drawn: &Drawn) -> Self {
        let prepared = &drawn.prepared;
        Self {
            pulse: mu(prepared.order.pulse_dose),
            preset: prepared.planned.planned_mu,
            window: f64::from(prepared.machine.window().max(1)),
            period_s: match prepared.machine.beam {
                Beam::Pulsed { period, .. } => Some(seconds(period)),
                Beam::Continuous => None,
            },
            ..Self::default()
        }
    }

    /// Takes an entry: the way to the beam is looked at step by step.
    pub(super) fn read(&mut self, now: Ticks, entry: &Entry, findings: &mut Findings) {
        let Entry::Session(_, note) = entry else { return };
        match note {
            SessionNote::State(state) => {
                let State0(before, proven) = self.session;
                let fits = match state {
                    State::Proving => before == State::Ready,
                    State::Armed => before == State::Proving && proven == 15,
                    State::Delivering => matches!(before, State::Armed | State::Interrupted),
                    State::Inhibited | State::Ready | State::Interrupted | State::Complete | State::Tripped => true,
                };
                findings.demand(now, fits, "no beam but through proof and arming", || {
                    format!("{} after {}, proven {proven}", state.name(), before.name())
                });
                self.began |= *state == State::Delivering;
                self.session = State0(*state, if *state == State::Proving { 0 } else { proven });
            }
            SessionNote::Proven(guard) => self.session.1 |= guard.bit(),
            SessionNote::Ended(_) | SessionNote::Fault(_) => {}
            SessionNote::Warning(..) | SessionNote::ProofFailed(..) => {}
        }
    }

    pub(super) fn finish(
        &mut self,
        course: &Course,
        dose: &DoseWatch,
        around: &Circumstances,
        findings: &mut Findings,
    ) {
        let progress = &course.progress;
        let now = course.world.now();
        self.state = progress.state.name();
        self.ended_by = progress.ended_by.map(|by| by.name());
        let finder = |guard: Option<beam_core::wire::Guard>| guard.map_or("session", beam_core::wire::Guard::name);
        let stories = course.stories().flat_map(|progress| &progress.faults);
        self.faults = stories.map(|(_, guard, report)| (report.fault.name(), finder(*guard))).collect();
        (self.true_mu, self.pulses) = (dose.mu(), dose.pulses());
        self.recorded_mu = progress.delivered.map(mu);
        self.landing_pulses = (self.recorded_mu[0] - self.preset).abs() / self.pulse;
        findings.demand(now, !course.is_endless(), "every session comes to an end", String::new);
        self.ended(course, around, findings);
        self.fault_free(now, progress, around, findings);
        self.found(now, progress, around, findings);
        if !around.has_second_delivery() && !around.gate_is_damaged {
            self.record(course, dose, around, findings);
        }
    }

    /// Whoever ends a delivery ends it for good: the gate has latched it. And a delivery that ended as planned is one on which
    /// both chambers agree.
    fn ended(&self, course: &Course, around: &Circumstances, findings: &mut Findings) {
        let (now, progress) = (course.world.now(), &course.progress);
        if around.permits_are_hindered || around.gate_is_damaged || around.has_second_delivery() || !self.began {
            return;
        }
        if matches!(progress.state, State::Complete | State::Tripped) {
            let latched = course.world.unit().gate_state() == GateState::Latched;
            findings.demand(now, latched, "the gate has latched a delivery that ended", || self.state.to_owned());
        }
        if progress.state == State::Complete {
            let [first, second] = self.recorded_mu;
            let (apart, limit) = ((first - second).abs(), (3.0 * self.pulse).max(0.05 * first.max(second)));
            findings.demand(
                now,
                apart <= limit + self.window * self.pulse,
                "the chambers agree on what was delivered",
                || format!("{first:.4} and {second:.4} MU"),
            );
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "pulses of a plan")]
    fn noise(&self) -> f64 {
        SUM_NOISE * (self.pulses.max(1) as f64).sqrt()
    }

    /// Everything that counted the delivery: what the processes recorded, what the chambers' own counters still say where they
    /// are honest, and the gate's pulses.
    fn counted(&self, course: &Course, dose: &DoseWatch, around: &Circumstances) -> Counted {
        let largest = |monitor: usize| {
            let recorded = course.stories().map(|progress| progress.delivered[monitor].micro_mu()).max();
            Dose::from_micro_mu(recorded.unwrap_or(0))
        };
        // without a death the record alone must tell
        let live = |monitor: usize| {
            let counts = around.stops_recording() && around.lies[monitor].is_empty();
            counts.then(|| dose.measured(monitor))
        };
        let by_gate = course.stories().map(|progress| progress.gate_pulses).max().unwrap_or(0);
        Counted {
            recorded: [largest(0), largest(1)],
            live: [live(0), live(1)],
            gate_pulses: if self.period_s.is_some() { by_gate } else { 0 },
            pulse: Dose::from_micro_mu(micro(self.pulse)),
            ..Counted::default()
        }
    }

    fn fault_free(&self, now: Ticks, progress: &Progress, around: &Circumstances, findings: &mut Findings) {
        if !around.is_harmless() {
            return;
        }
        let complete = progress.state == State::Complete && progress.faults.is_empty();
        findings.demand(now, complete, "nothing trips without need", || format!("{}: {:?}", self.state, self.faults));
        let landed = self.landing_pulses <= 0.5 + PULSE_NOISE;
        findings.demand(now, landed, "a fault-free delivery lands on its preset", || {
            format!("monitor 1 landed {:.4} pulses from the preset", self.landing_pulses)
        });
        let off = (self.true_mu - self.preset).abs() / self.pulse;
        findings.demand(now, off <= 0.5 + PULSE_NOISE + self.noise(), "the true dose lands on the preset", || {
            format!("{off:.4} pulses from it")
        });
    }

    #[expect(clippy::cast_precision_loss, reason = "pulses of a plan")]
    fn found(&self, now: Ticks, progress: &Progress, around: &Circumstances, findings: &mut Findings) {
        // Two faults may hide each other: a lost permit ends the beam before a chamber could be found out, a chamber that reads
        // high covers one that reads low. What must hold under two is what the patient gets, and that is held everywhere.
        for mishap in around.mishaps.iter().filter(|_| around.mishaps.len() == 1) {
            let What::Unit(injection) = mishap.what else { continue };
            let Some(from) = mishap.pulse() else { continue };
            // at high rates gate and chambers may count apart within the window as long as pulses come
            if COUNTS_APART.contains(&injection) && self.window > 1.0 {
                continue;
            }
            // what is over in a moment before a delivery begins has harmed nothing of it
            if from == 0 && OVER_AT_ONCE.contains(&injection) {
                continue;
            }
            let later = self.pulses.saturating_sub(from.max(1));
            let shown = later >= AT_ONCE.0 && self.period_s.is_some_and(|period| later as f64 * period > AT_ONCE.1);
            if progress.state == State::Complete && shown && !MAY_COMPLETE.contains(&injection) {
                let terminated = progress.ended_by == Some(beam_core::session::EndedBy::Operator);
                findings.demand(now, terminated, "a fault that must be found is found", || {
                    format!("{injection} from pulse {from} on, complete after {} pulses", self.pulses)
                });
            }
        }
    }

    fn record(&self, course: &Course, dose: &DoseWatch, around: &Circumstances, findings: &mut Findings) {
        let now = course.world.now();
        let base = mu(base(&self.counted(course, dose, around)).dose);
        let short = (self.true_mu - base) / self.pulse;
        let some_honest = around.lies.iter().any(|lies| lies.iter().all(|lying| matches!(lying.lie, Lie::High)));
        // With no chamber to be believed the gate's count is the last one. A second fault may take that away as well (a gate that
        // restarted, a session that died): the promise is one for single faults.
        let gate_tells = self.period_s.is_some() && around.mishaps.len() == 1;
        if some_honest || gate_tells {
            let spare = self.window + self.noise() + if some_honest { 0.0 } else { 0.06 * self.true_mu / self.pulse };
            findings.demand(
                now,
                short <= spare,
                "what counts as delivered is not below the true dose by more than one pulse",
                || format!("{:.4} MU true, {base:.4} counted, {:?} recorded", self.true_mu, self.recorded_mu),
            );
        }
        let [first, second] = self.recorded_mu;
        if !around.is_calm || self.pulses == 0 || around.stops_recording() {
            return;
        }
        for (monitor, recorded) in [first, second].into_iter().enumerate() {
            if around.lies[monitor].is_empty() {
                let off = (recorded - self.true_mu).abs() / self.pulse;
                let spare = self.window + self.noise() + CHAMBER_GAIN * self.true_mu / self.pulse;
                findings.demand(now, off <= spare, "an honest chamber's record is the true dose", || {
                    format!("monitor {}: {recorded:.4} MU recorded, {:.4} true", monitor + 1, self.true_mu)
                });
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a dose in MU, far inside the range")]
fn micro(mu: f64) -> i64 {
    (mu * 1e6) as i64
}
