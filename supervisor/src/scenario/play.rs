//! One run of a scenario on the simulated world, and everything that is asked of it afterwards.

use beam_core::fault::Fault;
use beam_core::outcome::Shortfall;
use beam_core::session::EndedBy;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{CloseCause, GateState, Guard};
use beam_drivers::sim::Truth;

use super::Scenario;
use super::expect::{Forbidden, Verdict};
use crate::course::{Answer, Course};
use crate::describe::mu;
use crate::mishap::Anchor;
use crate::progress::Progress;

/// One pulse: what it really was, what was measured of it, and what the supervisor had come to before the next one.
#[derive(Clone, PartialEq, Debug)]
pub struct Pulse {
    /// Its number since power-up, from 1.
    pub number: u64,
    /// When it was fired.
    pub at: Ticks,
    /// Its true dose in MU.
    pub true_mu: f64,
    /// What the monitors measured of it, in MU by their calibration.
    pub monitors_mu: [f64; 2],
    /// What the beam charge sensor measured of it, in MU at commissioning; none where none is fitted.
    pub beam_charge_mu: Option<f64>,
    /// The gate as it was left.
    pub gate: GateState,
    /// The gate's cause.
    pub cause: CloseCause,
    /// The smallest lease that the guards gave then.
    pub lease: u32,
    /// The fault that was found by then.
    pub fault: Option<Fault>,
}

impl Pulse {
    /// Whether both are the same pulse, when it was fired aside.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        Self { at: other.at, ..self.clone() } == *other
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Played {
    /// What really happened.
    pub truth: Truth,
    /// Every pulse.
    pub pulses: Vec<Pulse>,
    /// What the processes told, the first one first.
    pub stories: Vec<Progress>,
    /// What the operator asked for, and what became of it.
    pub answers: Vec<Answer>,
    /// When the first mishap began.
    pub mishap_at: Option<Ticks>,
    /// When the gate was shut for good; none when it stands open still or never opened.
    pub shut_at: Option<Ticks>,
    /// What stood against a beam at the end.
    pub standing: Vec<Fault>,
    /// Why *as planned* cannot be said of the last delivery; nothing when it was.
    pub shortfalls: Vec<Shortfall>,
    /// Whether a beam was begun.
    pub begun: bool,
    /// Whether it came to an end by itself.
    pub ended: bool,
    /// When it was over.
    pub over_at: Ticks,
    /// MU of a pulse that is as planned.
    pub pulse_mu: f64,
}

/// Plays a scenario.
///
/// # Errors
/// What of machine or plan does not exist or does not fit.
pub fn play(scenario: &Scenario) -> Result<Played, String> {
    play_watched(scenario, &mut |_| {})
}

/// Plays a scenario; `watch` sees the session after every event.
///
/// # Errors
/// What of machine or plan does not exist or does not fit.
pub fn play_watched(scenario: &Scenario, watch: &mut impl FnMut(&Course)) -> Result<Played, String> {
    let prepared = scenario.prepare()?;
    let mut course = Course::new(&prepared, scenario.seed, &scenario.mishaps);
    if let Some(counters) = scenario.counters_at_start {
        course.world.start_counters_at(counters.pulses, counters.charge);
    }
    if scenario.clock_at_start_ms.is_some() {
        course.world.start_clock_at(scenario.clock_at_start());
    }
    let mut watcher = Watcher::new(scenario);
    while !course.is_over() {
        course.step(&mut |_, _| {});
        watcher.look(&course);
        watch(&course);
    }
    Ok(Played {
        truth: course.world.truth(),
        pulses: watcher.pulses,
        stories: course.stories().cloned().collect(),
        answers: course.answers.clone(),
        mishap_at: watcher.mishap_at,
        shut_at: if watcher.is_open { None } else { watcher.shut_at },
        standing: course.world.conductor().session().standing(course.world.now()).iter().collect(),
        shortfalls: course.progress.shortfalls(&prepared, true),
        begun: watcher.begun,
        ended: !course.is_endless(),
        over_at: course.world.now(),
        pulse_mu: mu(prepared.order.pulse_dose),
    })
}

/// What is noted of a run while it goes on.
struct Watcher {
    first: Option<(Anchor, Span)>,
    mishap_at: Option<Ticks>,
    state: State,
    pulses: Vec<Pulse>,
    measured: ([f64; 2], Option<f64>),
    is_open: bool,
    shut_at: Option<Ticks>,
    begun: bool,
}

impl Watcher {
    fn new(scenario: &Scenario) -> Self {
        let first = scenario.mishaps.first().map(|mishap| (mishap.at.after, mishap.at.delay));
        let from_start = matches!(first, Some((Anchor::Start | Anchor::Pulse(0), _)));
        let mishap_at = first.filter(|_| from_start).map(|(_, delay)| Ticks::ZERO.after(delay));
        Self {
            first,
            mishap_at,
            state: State::Inhibited,
            pulses: Vec::new(),
            measured: ([0.0; 2], None),
            is_open: false,
            shut_at: None,
            begun: false,
        }
    }

    fn look(&mut self, course: &Course) {
        let now = course.world.now();
        let state = course.progress.state;
        if state != self.state {
            self.state = state;
            self.begun |= state == State::Delivering;
            self.reach(now, Anchor::State(state));
        }
        let open = course.world.unit().gate_state() == GateState::Open && self.begun;
        if self.is_open && !open {
            self.shut_at = Some(now);
        }
        self.is_open = open;
        let truth = course.world.truth();
        while (self.pulses.len() as u64) < truth.pulses {
            self.fired(now, course, &truth);
        }
        let Progress { leases, .. } = &course.progress;
        if let Some(last) = self.pulses.last_mut() {
            (last.gate, last.cause) = (truth.gate.state, truth.gate.cause);
            last.lease = leases.iter().copied().min().unwrap_or(0);
            last.fault = course.progress.fault_found().map(|(_, report)| report.fault);
        }
    }

    fn fired(&mut self, now: Ticks, course: &Course, truth: &Truth) {
        let (monitors, beam_charge) = course.world.unit().measured_mu();
        let ([first, second], [first_before, second_before]) = (monitors, self.measured.0);
        let number = self.pulses.len() as u64 + 1;
        self.pulses.push(Pulse {
            number,
            at: now,
            true_mu: truth.last_pulse_mu,
            monitors_mu: [first - first_before, second - second_before],
            beam_charge_mu: beam_charge.map(|charge| charge - self.measured.1.unwrap_or(0.0)),
            gate: truth.gate.state,
            cause: truth.gate.cause,
            lease: 0,
            fault: None,
        });
        self.measured = (monitors, beam_charge);
        if let Ok(number) = u32::try_from(number) {
            self.reach(now, Anchor::Pulse(number));
        }
    }

    fn reach(&mut self, now: Ticks, reached: Anchor) {
        if let Some((anchor, delay)) = self.first
            && anchor == reached
            && self.mishap_at.is_none()
        {
            self.mishap_at = Some(now.after(delay));
        }
    }
}

impl Played {
    fn last_story(&self) -> Option<&Progress> {
        self.stories.last()
    }

    /// How it ended.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let state = self.last_story().map_or(State::Inhibited, |story| story.state);
        let by = self.last_story().and_then(|story| story.ended_by);
        let clean = self.last_story().is_none_or(|story| story.faults.is_empty());
        match state {
            _ if !self.begun => Verdict::NeverArmed,
            State::Tripped => Verdict::Tripped,
            State::Complete if by == Some(EndedBy::Guard(Guard::Dose1)) && clean => Verdict::Completes,
            State::Complete if by == Some(EndedBy::Operator) => Verdict::Terminated,
            State::Interrupted => Verdict::Interrupted,
            State::Complete | State::Inhibited | State::Ready => Verdict::FallsSilent,
            State::Proving | State::Armed | State::Delivering => Verdict::FallsSilent,
        }
    }

    /// The fault that was found first, and by whom.
    #[must_use]
    pub fn first_fault(&self) -> Option<(&'static str, Fault)> {
        let found = self.stories.iter().find_map(Progress::fault_found);
        found.map(|(finder, report)| (finder.map_or("session", Guard::name), report.fault))
    }

    /// Every fault.
    #[must_use]
    pub fn all_faults(&self) -> Vec<Fault> {
        self.stories.iter().flat_map(|story| &story.faults).map(|(.., report)| report.fault).collect()
    }

    /// Milliseconds from the first mishap until the first fault was found; none without either.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for people to read; exact below a hundred days")]
    pub fn milliseconds_to_fault(&self) -> Option<f64> {
        let since = self.mishap_at?;
        let (found, ..) = self.stories.iter().find_map(|story| story.faults.first())?;
        Some(found.since(since).nanos() as f64 / 1e6)
    }

    /// Every warning.
    #[must_use]
    pub fn warnings(&self) -> Vec<Fault> {
        self.stories.iter().flat_map(|story| &story.warnings).map(|(.., report)| report.fault).collect()
    }

    /// What happened of what was forbidden, as codes.
    #[must_use]
    pub fn forbidden(&self, forbidden: Forbidden) -> Vec<&'static str> {
        let faults = self.all_faults();
        let found: Vec<Fault> = match forbidden {
            Forbidden::AnyFault => faults,
            Forbidden::AnyWarning => self.warnings(),
            Forbidden::This(one) => faults.into_iter().chain(self.warnings()).filter(|fault| *fault == one).collect(),
        };
        found.into_iter().map(Fault::code).collect()
    }

    /// Pulses from the first mishap on, the one that it befell included; none when it never came.
    #[must_use]
    pub fn pulses_from_mishap(&self) -> Option<u64> {
        let since = self.mishap_at?;
        Some(self.pulses.iter().filter(|pulse| pulse.at >= since).count() as u64)
    }

    /// Milliseconds from the first mishap until the gate was shut for good; 0 when it was shut before.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for people to read; exact below a hundred days")]
    pub fn milliseconds_to_shut(&self) -> Option<f64> {
        let since = self.mishap_at?;
        if !self.begun {
            return Some(0.0);
        }
        self.shut_at.map(|shut| shut.since(since).nanos() as f64 / 1e6)
    }

    /// The dose that the record owns up to, in MU: the largest of monitor 1, monitor 2, and gate pulses × MU per pulse.
    #[must_use]
    pub fn recorded_mu(&self) -> f64 {
        let recorded = |story: &Progress| {
            let [first, second] = story.delivered.map(mu);
            first.max(second).max(f64::from(story.gate_pulses) * self.pulse_mu)
        };
        self.stories.iter().map(recorded).fold(0.0, f64::max)
    }

    /// The smallest dose that was told of a monitor, in MU; below zero where a counter that fell was taken for dose.
    #[must_use]
    pub fn least_told_mu(&self) -> f64 {
        self.stories.iter().flat_map(|story| story.delivered.map(mu)).fold(0.0, f64::min)
    }

    /// By how many pulses monitor 1 missed the preset.
    #[must_use]
    pub fn landing_pulses(&self, scenario: &Scenario) -> f64 {
        let first = self.last_story().map_or(0.0, |story| mu(story.delivered[0]));
        (first - scenario.preset_mu).abs() / self.pulse_mu
    }

    /// One line for a message.
    #[must_use]
    pub fn summary(&self) -> String {
        let found = self.first_fault().map_or("no fault".to_owned(), |(finder, fault)| {
            format!("{} {} found by {finder}", fault.code(), fault.name())
        });
        let state = self.last_story().map_or("nothing", |story| story.state.name());
        format!("state {state}, {found}, {} pulses, {:.3} MU", self.truth.pulses, self.truth.mu)
    }

    /// What must not change when nothing that matters does.
    pub(super) fn essence(&self) -> String {
        let story = self.last_story();
        let told = story.map(|story| {
            let Progress { state, delivered, pulses, gate_pulses, leases, beam_on, ended_by, warnings, .. } = story;
            let warnings: Vec<_> = warnings.iter().map(|(.., report)| report.fault.code()).collect();
            format!("{state:?} {delivered:?} {pulses:?} {gate_pulses} {leases:?} {beam_on:?} {ended_by:?} {warnings:?}")
        });
        format!("{} {} {:?} {told:?}", self.truth.pulses, self.truth.mu, self.truth.beam_on)
    }
}
