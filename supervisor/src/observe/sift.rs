//! What of the guards' and the session's entries an observer passes on, and what it drops because it only says that these
//! guards' word had no weight.

use beam_core::fault::{Fault, Group};
use beam_core::note::{FrameCounts, Note};
use beam_core::record::{Body, Record};
use beam_core::session::SessionNote;
use beam_core::units::Ticks;
use beam_core::wire::{Guard, Permit};

use super::{HELD, Observer, Stage, Told};
use crate::conductor::{Entry, NotSent};

impl Observer {
    /// An entry as an observer tells it: a permit was not sent, and ears count on where those before them ended. None where
    /// there is nothing new in it, or where it only says that these guards' word had no weight.
    pub(super) fn as_seen(&mut self, entry: &Entry) -> Option<Entry> {
        match entry {
            Entry::Guard(Record { at, guard, body: Body::Sent { frame, latency, .. }, .. }) => {
                let permit = Permit::decode(frame).ok()?;
                let is_new = self.permits[guard.index()].replace(permit) != Some(permit);
                let entry = NotSent { at: *at, guard: *guard, permit, latency: *latency };
                is_new.then_some(Entry::NotSent(entry))
            }
            Entry::Guard(Record { guard, body: Body::Note(Note::Health { frames, .. }), .. }) => {
                let sum = added(self.counts[0][guard.index()], *frames);
                self.counts[1][guard.index()] = sum;
                let mut seen = *entry;
                if let Entry::Guard(Record { body: Body::Note(Note::Health { frames, .. }), .. }) = &mut seen {
                    *frames = sum;
                }
                Some(seen)
            }
            _ => Some(*entry),
        }
    }

    /// Passes an entry on, where it is one of the delivery and not a consequence of these guards' word having no weight.
    pub(super) fn tell(&mut self, entry: &Entry, sink: &mut impl FnMut(&Entry)) {
        if !matches!(self.stage, Stage::Following(_)) {
            return self.tell_at_rest(entry, sink);
        }
        if self.is_of_no_weight(entry) {
            return;
        }
        sink(entry);
        let Stage::Following(account) = &mut self.stage else { return };
        account.add(entry);
        if !account.had_beam() {
            if self.held.len() == HELD {
                self.held.pop_front();
                account.recorded_from = self.held.front().map(Entry::at);
            }
            self.held.push_back(*entry);
            return;
        }
        let mut lost = 0;
        for entry in self.held.drain(..).chain([*entry]) {
            lost += u64::from(self.told.try_send(Told::Entry(entry)).is_err());
        }
        account.entries_lost += lost;
    }

    /// Passes on what is no finding, and of the findings beam through a gate that was closed: with its own guards' word that is
    /// all that they latch without a delivery.
    fn tell_at_rest(&mut self, entry: &Entry, sink: &mut impl FnMut(&Entry)) {
        if !is_finding(entry) {
            return sink(entry);
        }
        if matches!(self.stage, Stage::Over(_)) {
            return;
        }
        match beam_found(entry) {
            Some((_, at, fault)) if self.gate.was_long_closed(at) => {
                self.found_at_rest = self.found_at_rest.with(fault);
                sink(entry);
                let _lost_only_with_everything_else = self.told.try_send(Told::Outside(*entry));
            }
            Some(_) => {}
            // what follows from it in the session
            None if self.found_at_rest.is_empty() => {}
            None => sink(entry),
        }
    }

    /// Whether an entry only says that these guards' word has no weight: that the gate is open although they would have ended
    /// the beam, or had not begun yet.
    fn is_of_no_weight(&mut self, entry: &Entry) -> bool {
        let Stage::Following(account) = &self.stage else { return false };
        if let Entry::NotSent(NotSent { permit, .. }) = entry {
            return permit.delivery != self.id;
        }
        if !is_finding(entry) {
            return false;
        }
        if account.has_ended_before(entry.at()) {
            return !self.gate.was_long_closed(entry.at());
        }
        if let Some((guard, ..)) = beam_found(entry)
            && account.openings.len() == 1
            && !account.has_begun(guard)
            && self.gate.is_open()
        {
            self.began_too_late = true;
        }
        self.began_too_late
    }
}

/// Whether an entry says that something was found, or what followed from that.
const fn is_finding(entry: &Entry) -> bool {
    matches!(
        entry,
        Entry::Guard(Record { body: Body::Note(Note::Fault(_)), .. })
            | Entry::Session(_, SessionNote::Fault(_) | SessionNote::State(_) | SessionNote::Ended(_))
    )
}

/// Which guard found which fault of the beam itself, and when, where an entry says so. That the gate lost the delivery that it
/// held says nothing here: whoever governs it has it take up the next one.
fn beam_found(entry: &Entry) -> Option<(Guard, Ticks, Fault)> {
    let Entry::Guard(Record { at, guard, body: Body::Note(Note::Fault(report)), .. }) = entry else { return None };
    let is_beam = report.fault.group() == Group::Beam && report.fault != Fault::GateRestarted;
    is_beam.then_some((*guard, *at, report.fault))
}

/// Counts of frames go on, modulo 2^32.
const fn added(before: FrameCounts, more: FrameCounts) -> FrameCounts {
    FrameCounts {
        fresh: before.fresh.wrapping_add(more.fresh),
        lost: before.lost.wrapping_add(more.lost),
        repeated: before.repeated.wrapping_add(more.repeated),
        distrusted: before.distrusted.wrapping_add(more.distrusted),
    }
}
