//! What an observer has to tell of one delivery: what happened, and what its guards would have done, folded from the entries
//! as they pass. Every number is of a moment or of a pulse, so that it does not matter in which order the guards' rings were
//! emptied.

use beam_core::fault::Fault;
use beam_core::machine::Machine;
use beam_core::note::{FaultReport, Note};
use beam_core::record::Body;
use beam_core::session::SessionNote;
use beam_core::units::{Dose, Span, Ticks};
use beam_core::wire::{GateState, GateStatus, Guard, PermitState, Reason};

use crate::conductor::{Entry, NotSent};
use crate::progress::Progress;

/// Moments that are remembered of each count; beyond that only the newest is known.
const REMEMBERED: usize = 1 << 20;
/// The gate opened, and closed again.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// When it opened.
    pub opened: Ticks,
    /// When it closed, and what it said then.
    pub closed: Option<(Ticks, GateStatus)>,
    /// When the first pulse after it was told.
    pulse: Option<Ticks>,
    /// Pulses before it.
    before: u32,
    /// When each guard gave its permit after it.
    begun: [Option<Ticks>; 4],
}

impl Opening {
    const fn new(opened: Ticks, before: u32) -> Self {
        Self { opened, closed: None, pulse: None, before, begun: [None; 4] }
    }
}

/// How a guard would have ended the beam.
#[derive(Clone, Copy, Debug)]
pub struct GuardEnd {
    /// When its permit would have been withdrawn for good.
    pub at: Ticks,
    /// The reason that it would have given.
    pub reason: Reason,
}

/// The account of one delivery.
#[derive(Clone, Debug)]
pub struct Account {
    /// Which delivery of this process it is.
    pub number: u16,
    /// What stood against a beam when it began: these guards would not have been armed.
    pub standing: Vec<Fault>,
    /// Every time the gate was open.
    pub openings: Vec<Opening>,
    /// Whether the delivery was followed to its end.
    pub seen_to_its_end: bool,
    /// When the account was closed.
    pub closed_at: Ticks,
    /// Whether the gate lost its counts in mid-beam; those that are shown are the ones before.
    pub gate_restarted: bool,
    /// Since when there is a record, where so much came before the first beam that not all of it was held.
    pub recorded_from: Option<Ticks>,
    /// Entries that were not kept for the record.
    pub entries_lost: u64,
    /// Records that the guards' rings lost.
    pub records_lost: u64,
    /// What would have happened, as it stood when the guards would have ended the beam.
    pub would: Progress,
    /// What happened, to the end.
    pub happened: Progress,
    ends: [Option<GuardEnd>; 4],
    /// When a guard first would have ended the beam, and when the session knew.
    ended: Option<Ticks>,
    session_ended: Option<Ticks>,
    gate: GateStatus,
    /// From one report of the gate to the next.
    gate_period: Span,
    /// What a gate may take to close, as far as its closing shows: stale-after, a permit's period and a reading's.
    closing: Span,
    pulses: Vec<(Ticks, u32)>,
    doses: [Vec<(Ticks, u32, Dose)>; 2],
}

impl Account {
    /// The account of delivery `number` on `machine`, whose gate was seen to open `at` and to say `status`, while `standing`
    /// stood against a beam.
    #[must_use]
    pub fn new(number: u16, at: Ticks, status: &GateStatus, standing: Vec<Fault>, machine: &Machine) -> Self {
        let timing = &machine.timing;
        Self {
            number,
            standing,
            openings: vec![Opening::new(at, status.pulses)],
            seen_to_its_end: false,
            closed_at: at,
            gate_restarted: false,
            recorded_from: None,
            entries_lost: 0,
            records_lost: 0,
            would: Progress::default(),
            happened: Progress::default(),
            ends: [None; 4],
            ended: None,
            session_ended: None,
            gate: *status,
            gate_period: timing.gate,
            closing: timing.stale_after.plus(timing.permit).plus(timing.dose),
            pulses: vec![(at, status.pulses)],
            doses: [Vec::new(), Vec::new()],
        }
    }

    /// The gate reports.
    pub fn gate(&mut self, at: Ticks, status: &GateStatus) {
        let (is_open, was_open) = (status.state == GateState::Open, self.gate.state == GateState::Open);
        if is_open && !was_open {
            self.openings.push(Opening::new(at, self.gate.pulses));
        }
        if let Some(opening) = self.openings.last_mut() {
            if !is_open && opening.closed.is_none() {
                opening.closed = Some((at, *status));
            }
            if status.pulses > opening.before {
                opening.pulse = opening.pulse.or(Some(at));
            }
        }
        if status.pulses != self.gate.pulses {
            remember(&mut self.pulses, (at, status.pulses));
        }
        self.gate = *status;
    }

    /// The gate was open, and reports that it is closed and has counted nothing: it has lost what it counted.
    pub fn gate_restarts(&mut self, at: Ticks, status: &GateStatus) {
        self.gate_restarted = true;
        let GateStatus { pulses, beam_on_centiseconds, .. } = self.gate;
        self.gate(at, &GateStatus { pulses, beam_on_centiseconds, ..*status });
    }

    /// The guards begin anew, because none had begun when they were expected to.
    pub fn begins_again(&mut self) {
        if let Some(opening) = self.openings.last_mut() {
            opening.begun = [None; 4];
        }
    }

    /// Whether `guard` has given its permit since the gate opened last.
    #[must_use]
    pub fn has_begun(&self, guard: Guard) -> bool {
        self.openings.last().is_some_and(|opening| opening.begun[guard.index()].is_some())
    }

    /// Takes an entry.
    pub fn add(&mut self, entry: &Entry) {
        self.happened.add(entry);
        let is_late = self.has_ended_before(entry.at());
        // what is compared at the end is told after it
        let is_of_the_end =
            matches!(entry, Entry::Guard(record) if matches!(record.body, Body::Note(Note::Warning(_))));
        if !is_late || is_of_the_end {
            self.would.add(entry);
        }
        match entry {
            Entry::Guard(record) => match &record.body {
                Body::Note(Note::Dose { pulses, dose, .. }) => {
                    let doses = &mut self.doses[usize::from(record.guard == Guard::Dose2)];
                    remember(doses, (record.at, *pulses, *dose));
                }
                Body::Note(Note::Fault(_) | Note::Reached) if !is_late => self.would_end(record.at),
                _ => {}
            },
            Entry::NotSent(NotSent { at, guard, permit, .. }) if permit.state == PermitState::Tripped => {
                self.would_end(*at);
                let end = GuardEnd { at: *at, reason: permit.reason };
                self.ends[guard.index()].get_or_insert(end);
            }
            Entry::NotSent(NotSent { at, guard, permit, .. }) if permit.state == PermitState::Permit => {
                if let Some(opening) = self.openings.last_mut().filter(|opening| *at >= opening.opened) {
                    opening.begun[guard.index()].get_or_insert(*at);
                }
            }
            Entry::Session(at, SessionNote::Ended(_)) => {
                self.would_end(*at);
                self.session_ended.get_or_insert(*at);
            }
            Entry::Session(..) | Entry::NotSent(_) => {}
        }
    }

    fn would_end(&mut self, at: Ticks) {
        self.ended = Some(self.ended.map_or(at, |before| before.earlier(at)));
    }

    /// Closes the account; `lost` is what the guards' rings lost.
    pub fn close(&mut self, now: Ticks, seen_to_its_end: bool, lost: [u64; 4]) {
        self.closed_at = now;
        self.seen_to_its_end = seen_to_its_end;
        self.records_lost = lost.iter().sum();
    }

    /// Whether the guards had ended the beam, as far as it is theirs, before `at`.
    #[must_use]
    pub fn has_ended_before(&self, at: Ticks) -> bool {
        self.session_ended.is_some_and(|ended| at > ended)
    }

    /// Whether there was beam, by the gate or by a chamber.
    #[must_use]
    pub fn had_beam(&self) -> bool {
        let Self { gate, happened, .. } = self;
        gate.pulses > 0 || gate.beam_on_centiseconds > 0 || happened.pulses.iter().any(|&pulses| pulses > 0)
    }

    /// When the gate opened first.
    #[must_use]
    pub fn opened(&self) -> Ticks {
        self.openings.first().map_or(Ticks::ZERO, |opening| opening.opened)
    }

    /// What the gate said last.
    #[must_use]
    pub const fn last_gate(&self) -> &GateStatus {
        &self.gate
    }

    /// Since when the gate is closed, if it is.
    #[must_use]
    pub fn closed_since(&self) -> Option<Ticks> {
        self.openings.last().and_then(|opening| opening.closed).map(|(at, _)| at)
    }

    /// When the guards would have ended the beam, if they would.
    #[must_use]
    pub const fn ended(&self) -> Option<Ticks> {
        self.ended
    }

    /// How a guard would have ended it.
    #[must_use]
    pub const fn end_of(&self, guard: Guard) -> Option<GuardEnd> {
        self.ends[guard.index()]
    }

    /// Pulses that the gate had counted at a moment; 0 on a machine without pulses.
    #[must_use]
    pub fn pulses_at(&self, at: Ticks) -> u32 {
        self.pulses.iter().rev().find(|(told, _)| *told <= at).map_or(0, |(_, pulses)| *pulses)
    }

    /// Dose on both monitors when the gate had fired so many pulses, as the chambers told it then or later; on a machine
    /// without pulses, at that moment.
    #[must_use]
    pub fn doses_at(&self, at: Ticks) -> [Dose; 2] {
        let pulses = self.pulses_at(at);
        let is_pulsed = self.gate.pulses > 0;
        [&self.doses[0], &self.doses[1]].map(|doses| {
            let fits = |&&(told, counted, _): &&(Ticks, u32, Dose)| {
                if is_pulsed { counted <= pulses } else { told <= at }
            };
            doses.iter().rev().find(fits).map_or(Dose::ZERO, |(.., dose)| *dose)
        })
    }

    /// Every fault that was found after these guards would have ended the beam.
    pub fn found_afterwards(&self) -> impl Iterator<Item = &(Ticks, Option<Guard>, FaultReport)> {
        self.happened.faults.iter().filter(|(at, ..)| self.has_ended_before(*at))
    }

    /// Pulses of the delivery by whoever counted most of them.
    #[must_use]
    pub fn most_pulses(&self) -> u32 {
        self.happened.pulses.into_iter().fold(self.gate.pulses, u32::max)
    }

    /// Whether gate and monitors counted the same pulses.
    #[must_use]
    pub fn counts_agree(&self) -> bool {
        self.gate.pulses == 0 || self.happened.pulses == [self.gate.pulses; 2]
    }

    /// Whether what followed the end that these guards would have made is no more than a gate needs to close: no pulse and
    /// nothing of one, or on a machine without pulses the dose of that time.
    #[must_use]
    pub fn is_closed_in_time(&self, ended: Ticks) -> bool {
        let Some(closed) = self.closed_since() else { return false };
        let pulses = self.pulses_at(ended);
        let all = |monitor: usize| self.happened.delivered[monitor].micro_mu();
        if self.most_pulses() > 0 {
            // a reading holds the whole charge of the pulses that it counts: what is told later is of no pulse
            let then = |monitor: usize| self.doses[monitor].iter().find(|(_, counted, _)| *counted >= pulses);
            let is_half_a_pulse = |monitor: usize| {
                let then = then(monitor).map_or(0, |(.., dose)| dose.micro_mu());
                (all(monitor) - then) * 2 * i64::from(pulses) > all(monitor)
            };
            return self.most_pulses() == pulses && !(0..2).any(is_half_a_pulse);
        }
        let before = self.doses_at(ended);
        let followed = |monitor: usize| all(monitor) - before[monitor].micro_mu();
        let beam_on = i64::from(self.gate.beam_on_centiseconds) * 10;
        let closing = i64::try_from(self.closing.millis()).unwrap_or(i64::MAX);
        let is_more = |monitor| followed(monitor) * beam_on > all(monitor) * closing;
        closed.since(ended) <= self.closing && !(0..2).any(is_more)
    }

    /// Whether a pulse followed an opening so soon that a guard may have missed it: before it gave its permit, or so soon
    /// after that the gate's report of it does not say.
    #[must_use]
    pub fn may_have_missed_a_pulse(&self) -> bool {
        let may_have_missed = |opening: &Opening, guard: Guard, pulse: Ticks| {
            let had_ended = self.end_of(guard).is_some_and(|end| end.at <= pulse);
            let begun = opening.begun[guard.index()];
            !had_ended && begun.is_none_or(|begun| pulse.since(begun) <= self.gate_period)
        };
        let missed = |opening: &Opening| {
            opening
                .pulse
                .is_some_and(|pulse| Guard::ALL.into_iter().any(|guard| may_have_missed(opening, guard, pulse)))
        };
        self.openings.iter().any(missed)
    }
}

fn remember<T>(list: &mut Vec<T>, item: T) {
    if list.len() == REMEMBERED {
        list.pop();
    }
    list.push(item);
}

#[cfg(test)]
mod tests {
    use beam_core::record::Record;
    use beam_core::wire::CloseCause;

    use super::*;
    use crate::config::shipped;

    fn at(millis: u64) -> Ticks {
        Ticks::ZERO.after(Span::from_millis(millis))
    }

    fn gate(state: GateState, pulses: u32, beam_on_centiseconds: u16) -> GateStatus {
        GateStatus { state, cause: CloseCause::None, closed_by: 0, pulses, beam_on_centiseconds }
    }

    fn dose(at: Ticks, guard: Guard, pulses: u32, milli_mu: i64) -> Entry {
        let (dose, charge) = (Dose::from_micro_mu(milli_mu * 1000), beam_core::units::Charge::ZERO);
        let note = Note::Dose { pulses, dose, charge, lease: 0, last: charge };
        Entry::Guard(Record { at, guard, serial: 0, body: Body::Note(note) })
    }

    /// Ten pulses of 1 MU by 2000 ms, when these guards would have ended the beam; the gate closes after 20 ms, and monitor 2
    /// has so much in the end.
    fn ended_with(pulses: u32, milli_mu: i64) -> bool {
        let machine = shipped::profile("mobetron").expect("a shipped profile").machine;
        let mut account = Account::new(1, at(1000), &gate(GateState::Open, 0, 0), Vec::new(), &machine);
        account.gate(at(1900), &gate(GateState::Open, 10, 0));
        for guard in [Guard::Dose1, Guard::Dose2] {
            account.add(&dose(at(1910), guard, 10, 10_000));
        }
        account.gate(at(2020), &gate(GateState::Latched, 10, 0));
        account.add(&dose(at(2500), Guard::Dose2, pulses, milli_mu));
        account.is_closed_in_time(at(2000))
    }

    #[test]
    fn holds_less_than_half_a_pulse_after_the_end_and_trips_more_or_a_pulse() {
        assert!(ended_with(10, 10_000) && ended_with(10, 10_490));
        assert!(!ended_with(10, 10_600), "charge without a pulse");
        assert!(!ended_with(11, 10_000), "a pulse without charge");
    }

    #[test]
    fn trips_an_end_after_which_the_gate_stayed_open() {
        let machine = shipped::profile("mobetron").expect("a shipped profile").machine;
        let mut account = Account::new(1, at(1000), &gate(GateState::Open, 0, 0), Vec::new(), &machine);
        assert!(!account.is_closed_in_time(at(2000)));
        account.gate(at(1900), &gate(GateState::Open, 10, 0));
        assert!(!account.is_closed_in_time(at(2000)));
    }
}
