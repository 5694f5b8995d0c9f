//! The report of a delivery that was only observed: what was planned, what happened, what these guards would have done, and
//! what came after that. The names and units are those of every report.

use beam_core::session::EndedBy;
use beam_core::units::{Span, Ticks};
use beam_core::wire::Guard;
use serde::Serialize;
use serde_json::Value;

use super::account::{Account, GuardEnd};
use crate::describe::{close_cause, fault_json, gate_state, mu, permit_reason, seconds};
use crate::report::Planned;

/// What stands at the head of every such report.
pub const OBSERVED: &str = "no permit was sent";

/// What the gate said last.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gate {
    /// State.
    pub state: &'static str,
    /// Why no pulse passes.
    pub cause: &'static str,
    /// Whose permits closed it.
    pub closed_by: Vec<&'static str>,
}

/// What happened, by somebody else's word.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Happened {
    /// What the gate said last.
    pub gate: Gate,
    /// When the gate closed last, in s from its opening; none where it was open to the end.
    pub closed_at_s: Option<f64>,
    /// How often the gate opened.
    pub openings: usize,
    /// Dose on monitor 1 and monitor 2 in MU.
    pub delivered_mu: [f64; 2],
    /// Dose beyond the preset on monitor 1 and monitor 2 in MU; below zero where it was not reached.
    pub overshoot_mu: [f64; 2],
    /// Pulses as both monitors and the gate counted them.
    pub pulses_counted: [u32; 3],
    /// Beam-on time by the gate's clock in s.
    pub beam_on_s: f64,
    /// Whether the delivery was followed to its end.
    pub seen_to_its_end: bool,
}

/// How one guard would have ended the beam.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GuardWould {
    /// Which guard.
    pub guard: &'static str,
    /// When it would have sent TRIPPED, in s from the gate's opening.
    pub at_s: f64,
    /// Pulses that the gate had counted by then.
    pub pulses: u32,
    /// Dose on monitor 1 and monitor 2 in MU by then.
    pub delivered_mu: [f64; 2],
    /// The reason in its permit.
    pub reason: &'static str,
    /// The fault that it found itself; none where it reached the dose, or only did as the others.
    pub fault: Option<String>,
}

/// What these guards would have done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WouldHave {
    /// What stood against a beam when it began: they would not have been armed.
    pub inhibited_by: Vec<&'static str>,
    /// Where the session stood then.
    pub state: &'static str,
    /// What would have ended the beam; none where nothing would have, before others did.
    pub ended_by: Option<&'static str>,
    /// When, in s from the gate's opening.
    pub ended_at_s: Option<f64>,
    /// Pulses that the gate had counted by then.
    pub pulses: u32,
    /// Dose on monitor 1 and monitor 2 in MU by then.
    pub delivered_mu: [f64; 2],
    /// Beam-on time by the time guard's clock in s.
    pub beam_on_s: f64,
    /// The fault that would have ended it.
    pub fault: Option<Value>,
    /// Every fault found by then.
    pub faults: Vec<Value>,
    /// Every warning.
    pub warnings: Vec<Value>,
    /// Each guard that would have ended the beam, in the order in which they would.
    pub guards: Vec<GuardWould>,
}

/// What came after these guards would have ended the beam.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Afterwards {
    /// Pulses, by whoever counted most of them: the gate or a monitor.
    pub pulses: u32,
    /// Dose on monitor 1 and monitor 2 in MU.
    pub delivered_mu: [f64; 2],
    /// How long the gate was not closed for good, in s.
    pub gate_s: f64,
    /// Whether that is no more than a gate needs to close.
    pub is_closed_in_time: bool,
    /// Every fault that was found then: beam through a gate that had closed.
    pub faults: Vec<Value>,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedReport {
    /// That no permit was sent.
    pub observed: &'static str,
    /// Which delivery of this process it was.
    pub number: u16,
    /// When the gate opened, in wall time.
    pub opened_at: String,
    /// What was planned.
    #[serde(flatten)]
    pub planned: Planned,
    /// What happened.
    pub happened: Happened,
    /// What these guards would have done.
    pub would_have: WouldHave,
    /// What came after that; none where they would not have ended the beam.
    pub afterwards: Option<Afterwards>,
    /// Worst wake-up lateness of a guard in s.
    pub worst_guard_lateness_s: f64,
    /// Records that were lost.
    pub records_lost: u64,
    /// Where the record was kept.
    pub records: Option<String>,
    /// Why it is not known whether they would have ended it the same way; nothing where it is.
    pub doubts: Vec<String>,
    /// Other things to know.
    pub notices: Vec<String>,
}

impl ObservedReport {
    /// The report of an account; `opened_at` is the wall time of its beginning.
    #[must_use]
    pub fn new(planned: &Planned, account: &Account, opened_at: String) -> Self {
        Self {
            observed: OBSERVED,
            number: account.number,
            opened_at,
            planned: planned.clone(),
            happened: happened(planned, account),
            would_have: would_have(account),
            afterwards: account.ended().map(|ended| afterwards(account, ended)),
            worst_guard_lateness_s: seconds(account.happened.lateness.into_iter().fold(Span::ZERO, Span::longer)),
            records_lost: account.records_lost + account.entries_lost,
            records: None,
            doubts: doubts(account),
            notices: notices(account),
        }
    }

    /// Whether these guards would have ended the beam as planned, nothing passed after that, and nothing makes that doubtful.
    #[must_use]
    pub fn is_the_same(&self) -> bool {
        let WouldHave { ended_by, fault, inhibited_by, .. } = &self.would_have;
        let as_planned = *ended_by == Some(Guard::Dose1.name()) && fault.is_none() && inhibited_by.is_empty();
        let nothing_followed = |after: &Afterwards| after.is_closed_in_time && after.faults.is_empty();
        as_planned && self.afterwards.as_ref().is_some_and(nothing_followed) && self.doubts.is_empty()
    }

    /// The report as JSON, with its verdict.
    #[must_use]
    pub fn json(&self) -> String {
        #[derive(Serialize)]
        struct Whole<'a> {
            verdict: String,
            is_the_same: bool,
            #[serde(flatten)]
            report: &'a ObservedReport,
        }
        let whole = Whole { verdict: self.verdict(), is_the_same: self.is_the_same(), report: self };
        serde_json::to_string_pretty(&whole).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
    }
}

fn since_opening(account: &Account, at: Ticks) -> f64 {
    seconds(at.since(account.opened()))
}

fn happened(planned: &Planned, account: &Account) -> Happened {
    let gate = account.last_gate();
    let delivered_mu = account.happened.delivered.map(mu);
    let [first, second] = account.happened.pulses;
    Happened {
        gate: Gate {
            state: gate_state(gate.state),
            cause: close_cause(gate.cause),
            closed_by: Guard::ALL
                .into_iter()
                .filter(|guard| gate.closed_by & guard.bit() != 0)
                .map(Guard::name)
                .collect(),
        },
        closed_at_s: account.closed_since().map(|at| since_opening(account, at)),
        openings: account.openings.len(),
        delivered_mu,
        overshoot_mu: delivered_mu.map(|delivered| delivered - planned.planned_mu),
        pulses_counted: [first, second, gate.pulses],
        beam_on_s: f64::from(gate.beam_on_centiseconds) / 100.0,
        seen_to_its_end: account.seen_to_its_end,
    }
}

fn would_have(account: &Account) -> WouldHave {
    let would = &account.would;
    let faults: Vec<Value> =
        would.faults.iter().map(|(_, guard, report)| fault_json(report, found_by(*guard))).collect();
    let ended = account.ended();
    let at = ended.unwrap_or(account.closed_at);
    let mut guards: Vec<(Ticks, GuardWould)> =
        Guard::ALL.into_iter().filter_map(|guard| Some(guard_would(account, guard, account.end_of(guard)?))).collect();
    guards.sort_by_key(|(at, _)| *at);
    WouldHave {
        inhibited_by: account.standing.iter().map(|fault| fault.name()).collect(),
        state: would.state.name(),
        ended_by: would.ended_by.map(EndedBy::name),
        ended_at_s: ended.map(|at| since_opening(account, at)),
        pulses: account.pulses_at(at),
        delivered_mu: account.doses_at(at).map(mu),
        beam_on_s: seconds(would.beam_on),
        fault: faults.first().cloned(),
        faults,
        warnings: would.warnings.iter().map(|(_, guard, report)| fault_json(report, guard.name())).collect(),
        guards: guards.into_iter().map(|(_, guard)| guard).collect(),
    }
}

fn guard_would(account: &Account, guard: Guard, GuardEnd { at, reason }: GuardEnd) -> (Ticks, GuardWould) {
    let own = account.would.faults.iter().find(|(_, finder, _)| *finder == Some(guard));
    let would = GuardWould {
        guard: guard.name(),
        at_s: since_opening(account, at),
        pulses: account.pulses_at(at),
        delivered_mu: account.doses_at(at).map(mu),
        reason: permit_reason(reason),
        fault: own.map(|(.., report)| format!("{} {}", report.fault.code(), report.fault.name())),
    };
    (at, would)
}

fn afterwards(account: &Account, ended: Ticks) -> Afterwards {
    let [before, after] = [account.doses_at(ended), account.happened.delivered];
    let gate_until = account.closed_since().unwrap_or(account.closed_at);
    Afterwards {
        pulses: account.most_pulses().saturating_sub(account.pulses_at(ended)),
        delivered_mu: [after[0].minus(before[0]), after[1].minus(before[1])].map(mu),
        gate_s: seconds(gate_until.since(ended)),
        is_closed_in_time: account.is_closed_in_time(ended),
        faults: account.found_afterwards().map(|(_, guard, report)| fault_json(report, found_by(*guard))).collect(),
    }
}

fn found_by(guard: Option<Guard>) -> &'static str {
    guard.map_or("session", Guard::name)
}

/// What makes it doubtful whether these guards saw what happened.
fn doubts(account: &Account) -> Vec<String> {
    let [first, second] = account.happened.pulses;
    let gate = account.last_gate().pulses;
    let lost = account.records_lost + account.entries_lost;
    [
        (!account.counts_agree()).then(|| {
            format!("monitor 1 counted {first} pulses, monitor 2 {second} and the gate {gate}: somebody missed or added some")
        }),
        (!account.seen_to_its_end).then(|| "the delivery was not followed to its end".to_owned()),
        account.gate_restarted.then(|| {
            "the gate lost its counts in mid-beam; those that are shown are the ones before".to_owned()
        }),
        (lost > 0).then(|| format!("{lost} records of these guards were lost")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn notices(account: &Account) -> Vec<String> {
    let mut notices = Vec::new();
    if account.may_have_missed_a_pulse() {
        notices.push(
            "a pulse came so soon after the gate's opening that a guard, which was told of the beam only by the gate, may have \
             missed it; what these guards found of counts may be due to that"
                .to_owned(),
        );
    }
    if let Some(from) = account.recorded_from {
        let after = since_opening(account, from);
        notices
            .push(format!("the gate stood open long without beam: the record begins {after:.1} s after its opening"));
    }
    notices
}
