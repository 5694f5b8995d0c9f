//! How a delivery ended, and what the record says: a fault-free one completes on its preset, and no record falls short of the
//! true dose.

use beam_core::fault::FaultSet;
use beam_core::frame::Bus;
use beam_core::resume::{Counted, base};
use beam_core::session::EndedBy;
use beam_core::state::State;
use beam_core::units::{Dose, Span, Ticks};
use beam_core::wire::{GateState, Guard};
use beam_drivers::sim::Lie;
use serde::Serialize;

use super::dose::Passed;
use super::explained::is_explained;
use super::planned::{Said, says_as_planned};
use super::{Findings, UnderWay};
use crate::course::Course;
use crate::describe::mu;
use crate::mishap::{Mishap, What};
use crate::progress::Progress;
use crate::simulate::circumstances::Circumstances;
use crate::simulate::draw::Drawn;
use crate::simulate::legs::Leg;

/// After its end, until every frame of a delivery has arrived and every permit has reached the gate.
const SETTLED: Span = Span::from_millis(60);
/// Five standard deviations of a chamber's sum over n pulses, times the root of n, as a share of a pulse.
const SUM_NOISE: f64 = 0.005;
/// Four standard deviations of one pulse, as a share of it.
const PULSE_NOISE: f64 = 0.04;
/// How much chamber 2 reads above chamber 1 in the simulated unit, and a little.
const CHAMBER_GAIN: f64 = 0.003;
/// What the record tells of a delivery.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Story {
    /// Its id.
    pub delivery: u16,
    /// Preset in MU.
    pub planned_mu: f64,
    /// Where the session stood at its end.
    pub state: &'static str,
    /// What ended it.
    pub ended_by: Option<&'static str>,
    /// Every fault with who found it, in the order in which they were found.
    pub faults: Vec<(&'static str, &'static str)>,
    /// True dose in MU.
    pub true_mu: f64,
    /// The same as both monitors recorded it.
    pub recorded_mu: [f64; 2],
    /// Pulses.
    pub pulses: u64,
    /// How far monitor 1 landed from the preset, in pulses.
    pub landing_pulses: f64,
    /// The beam was begun.
    pub began: bool,
    /// It was said that it went as planned.
    pub as_planned: bool,
    /// No mishap can have touched it, and the machine was as commissioned.
    #[serde(skip)]
    pub undisturbed: bool,
}

/// A delivery that is over, with everything that it is judged by.
pub(super) struct Closing<'a> {
    pub now: Ticks,
    pub course: &'a Course,
    pub drawn: &'a Drawn,
    pub leg: &'a Leg,
    /// Whether the first mishap had struck when it was armed.
    pub struck_before: bool,
    /// Whether the process that led it has died.
    pub has_died: bool,
    /// What had been told of it when it was acknowledged, or until now.
    pub told: &'a Progress,
    /// What was told of it until now.
    pub latest: &'a Progress,
    pub under_way: &'a UnderWay,
    pub passed: Passed,
    /// The circumstances by what may have struck when it was armed, and by what did.
    pub around: &'a Circumstances,
    pub touched: &'a Circumstances,
    /// A frame that a guard is meant to hear and has never heard.
    pub unheard: Option<(Guard, Bus, u16)>,
}

impl Closing<'_> {
    pub fn judge(&self, findings: &mut Findings) -> Story {
        let story = self.story();
        self.ended(findings);
        self.fault_free(&story, findings);
        self.found(findings);
        self.explained(findings);
        if !self.around.gate_is_damaged {
            self.record(&story, findings);
        }
        if self.is_as_planned() {
            let said = Said {
                told: self.latest,
                passed: &self.passed,
                measured: self.under_way.measured.unwrap_or(self.passed.measured),
                numbers: &self.drawn.model.numbers,
                expected: &self.leg.expected,
                around: self.around,
                pulses_at_end: self.pulses_at_end(),
            };
            said.judge(self.now, findings);
        }
        story
    }

    fn story(&self) -> Story {
        let recorded_mu = self.latest.delivered.map(mu);
        let finder = |guard: Option<Guard>| guard.map_or("session", Guard::name);
        let faults = self.latest.faults.iter();
        let preset = self.leg.expected.preset.0;
        Story {
            delivery: self.under_way.given.delivery,
            planned_mu: preset,
            state: self.told.state.name(),
            ended_by: self.told.ended_by.map(EndedBy::name),
            faults: faults.map(|(_, guard, report)| (report.fault.name(), finder(*guard))).collect(),
            true_mu: self.passed.mu,
            recorded_mu,
            pulses: self.passed.pulses,
            // what a chamber leaks in the hours until the next one is no dose of this delivery
            landing_pulses: (self.landed_mu(recorded_mu[0]) - preset).abs() / self.pulse(),
            began: self.under_way.began,
            as_planned: self.is_as_planned(),
            undisturbed: self.touched.mishaps.is_empty() && self.drawn.day == crate::simulate::legs::Day::USUAL,
        }
    }

    /// Monitor 1 as its end was judged, or as it was recorded.
    fn landed_mu(&self, recorded: f64) -> f64 {
        self.latest.end.map_or(recorded, |end| mu(end.doses[0]))
    }

    /// The last word that is given; a process that has died gives none.
    fn is_as_planned(&self) -> bool {
        says_as_planned(self.latest, &self.leg.prepared) && !self.has_died
    }

    const fn pulse(&self) -> f64 {
        self.leg.expected.pulse_mu
    }

    pub(super) fn window(&self) -> f64 {
        f64::from(self.drawn.model.numbers.window.max(1))
    }

    fn is_settled(&self) -> bool {
        self.under_way.ended.is_some_and(|(at, _)| self.now.since(at) >= SETTLED)
    }

    /// Pulses of this delivery when the session said that it had ended.
    pub(super) fn pulses_at_end(&self) -> u64 {
        let before = if self.drawn.model.numbers.is_pulsed() { self.passed.before } else { 0 };
        self.under_way.ended.map_or(self.passed.pulses, |(_, pulses)| pulses.saturating_sub(before))
    }

    /// Whoever ends a delivery ends it for good: the gate has latched it. And a delivery that ended as planned is one on which
    /// both chambers agree.
    fn ended(&self, findings: &mut Findings) {
        let around = self.around;
        if around.permits_are_hindered || around.gate_is_damaged || !self.under_way.began || !self.is_settled() {
            return;
        }
        let unit = self.course.world.unit();
        if unit.held() == self.under_way.given.delivery {
            let latched = unit.gate_state() == GateState::Latched;
            findings.demand(self.now, latched, "the gate has latched a delivery that ended", || {
                self.told.state.name().to_owned()
            });
        }
        if self.told.state == State::Complete {
            let [first, second] = self.latest.delivered.map(mu);
            let (apart, limit) = ((first - second).abs(), (3.0 * self.pulse()).max(0.05 * first.max(second)));
            findings.demand(
                self.now,
                apart <= limit + self.window() * self.pulse(),
                "the chambers agree on what was delivered",
                || format!("{first:.4} and {second:.4} MU"),
            );
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "pulses of a plan")]
    fn noise(&self) -> f64 {
        SUM_NOISE * (self.passed.pulses.max(1) as f64).sqrt()
    }

    /// Everything that counted the delivery: what the processes recorded, what the chambers' own counters still say where they
    /// are honest, and the gate's pulses.
    fn counted(&self) -> Counted {
        // without a death the record alone must tell
        let live = |monitor: usize| {
            let counts = self.around.stops_recording() && self.around.lies[monitor].is_empty();
            counts.then(|| Dose::from_micro_mu(micro(self.passed.measured[monitor])))
        };
        let is_pulsed = self.drawn.model.numbers.is_pulsed();
        Counted {
            recorded: self.latest.delivered,
            live: [live(0), live(1)],
            gate_pulses: if is_pulsed { self.latest.gate_pulses } else { 0 },
            pulse: Dose::from_micro_mu(micro(self.pulse())),
            ..Counted::default()
        }
    }

    /// What nothing touched that may end it completes, lands on its preset, and every guard has heard what it judges by.
    fn fault_free(&self, story: &Story, findings: &mut Findings) {
        if !self.touched.is_harmless() {
            return;
        }
        let (now, day) = (self.now, self.drawn.day);
        let complete = self.told.state == State::Complete && self.told.faults.is_empty();
        let which = self.under_way.given.errand + 1;
        findings.demand(now, complete, "nothing trips without need", || {
            format!("delivery {which}: {} in {}: {:?}", story.delivery, story.state, story.faults)
        });
        let unheard = self.unheard;
        findings.demand(now, unheard.is_none(), "each guard hears what it is meant to hear", || format!("{unheard:?}"));
        if !complete {
            return;
        }
        // the first pulses are taken for nominal ones, until their mean is known
        let first = self.window() * (day.output - 1.0).abs();
        let at_most = if self.drawn.model.numbers.lands_at_or_above { 1.0 } else { 0.5 };
        let limit = at_most * day.output.max(1.0) + first + PULSE_NOISE;
        findings.demand(now, story.landing_pulses <= limit, "a fault-free delivery lands on its preset", || {
            format!("delivery {which}: monitor 1 landed {:.4} pulses from the preset", story.landing_pulses)
        });
        let off = (self.passed.mu - story.planned_mu).abs() / self.pulse();
        let lands = day.response < 1.0 || off <= limit + self.noise();
        findings.demand(now, lands, "the true dose lands on the preset", || {
            format!("delivery {which}: {off:.4} pulses from it")
        });
    }

    /// Each fault that was told is one that a mishap brought about.
    fn explained(&self, findings: &mut Findings) {
        let told = self.latest.faults.iter().fold(FaultSet::EMPTY, |told, (.., report)| told.with(report.fault));
        for (_, guard, report) in &self.latest.faults {
            let holds = is_explained(report.fault, told, self.touched, self.leg.errand.interrupted);
            findings.demand(self.now, holds, "a fault that is told is one that happened", || {
                let by = guard.map_or("session", Guard::name);
                let kinds: Vec<_> = self.touched.mishaps.iter().map(|mishap| mishap.what.kind()).collect();
                format!("{} {} by {by} under {kinds:?}", report.fault.code(), report.fault.name())
            });
        }
    }

    fn record(&self, story: &Story, findings: &mut Findings) {
        let (now, around, true_mu) = (self.now, self.around, self.passed.mu);
        let base = mu(base(&self.counted()).dose);
        let short = (true_mu - base) / self.pulse();
        let some_honest = around.lies.iter().any(|lies| lies.iter().all(|lying| matches!(lying.lie, Lie::High)));
        // With no chamber to be believed the gate's count is the last one. A second fault may take that away as well (a gate that
        // restarted, a session that died): the promise is one for single faults.
        let is_alone = around.mishaps.len() == 1 && !(around.stops_recording() && around.day.response < 1.0);
        let gate_tells =
            self.drawn.model.numbers.is_pulsed() && is_alone && around.day.output * around.rate_factor <= 1.0;
        // without the record there is only what the monitors say, and nobody knows what a frame without protection said
        let is_unknown = around.frames_are_spoilt && around.stops_recording();
        if (some_honest || gate_tells) && !is_unknown {
            // chambers that read low alike tell of charge outside pulses what they read, and no count makes up for it; an
            // electrometer that tells each pulse by itself tells nothing of it
            let is_deaf = self.drawn.model.numbers.monitors.iter().any(|monitor| monitor.foreign.is_some());
            let unread = if around.day.response < 1.0 || is_deaf { self.passed.leaked / self.pulse() } else { 0.0 };
            let spread = if some_honest { 0.0 } else { 0.06 * true_mu / self.pulse() };
            let spare = self.window() + self.noise() + spread + unread;
            findings.demand(
                now,
                short <= spare * around.day.output.max(1.0),
                "what counts as delivered is not below the true dose by more than one pulse",
                || format!("{true_mu:.4} MU true, {base:.4} counted, {:?} recorded", story.recorded_mu),
            );
        }
        // what the one before it left behind is no dose of this one
        let [first, second] = story.recorded_mu;
        // what leaks, strays, or a counter that begins anew says is told as it was read
        let is_stray = |mishap: &Mishap| {
            matches!(mishap.what, What::Leak { .. } | What::PulsesWhileClosed { .. })
                || mishap.what.lies() != [Lie::None; 2]
        };
        // and a guard that was not running tells late what it had told of the delivery before
        let lies = around.lies.iter().any(|lies| !lies.is_empty());
        let is_odd = lies || self.touched.permits_are_hindered || self.touched.mishaps.iter().any(is_stray);
        let is_bare = story.began || is_odd || first.abs().max(second.abs()) <= self.pulse();
        findings.demand(now, is_bare, "a beam that never began has no dose on record", || {
            format!("delivery {}: {:?} recorded", story.delivery, story.recorded_mu)
        });
        if !around.is_calm || self.passed.pulses == 0 || around.stops_recording() {
            return;
        }
        for (monitor, recorded) in story.recorded_mu.into_iter().enumerate() {
            // a counter that began anew after the end is none that was read until then
            let is_read = self.touched.mishaps.iter().all(|mishap| mishap.what.lies()[monitor] == Lie::None);
            if around.lies[monitor].is_empty() && is_read {
                let off = (recorded - true_mu).abs() / self.pulse();
                // an electrometer that tells each pulse by itself tells of nothing between two
                let is_deaf = self.drawn.model.numbers.monitors[monitor].foreign.is_some();
                let leaked = if is_deaf { self.passed.leaked / self.pulse() } else { 0.0 };
                let spare = self.window() + self.noise() + CHAMBER_GAIN * true_mu / self.pulse() + leaked;
                let holds = off <= spare * around.day.output.max(1.0);
                findings.demand(now, holds, "an honest chamber's record is the true dose", || {
                    format!("monitor {}: {recorded:.4} MU recorded, {true_mu:.4} true", monitor + 1)
                });
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a dose in MU, far inside the range")]
fn micro(mu: f64) -> i64 {
    (mu * 1e6) as i64
}
