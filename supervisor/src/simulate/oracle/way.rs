//! How the session goes from state to state: no beam but through proof and arming; and who may clear what was found.

use beam_core::clearance::Role;
use beam_core::fault::{Fault, FaultSet, Group};
use beam_core::note::Note;
use beam_core::record::Body;
use beam_core::session::SessionNote;
use beam_core::state::State;
use beam_core::units::Ticks;

use super::Findings;
use crate::conductor::Entry;
use crate::course::Acknowledged;

/// Where the session stands, as its notes tell, and what was found since somebody acknowledged.
#[derive(Debug)]
pub(super) struct Way {
    state: State,
    /// Guards proven, as a sum of their bits.
    proven: u8,
    found: FaultSet,
    /// Whether the delivery that was armed last has ended.
    ended: bool,
    /// Acknowledgements looked at.
    looked_at: usize,
}

impl Default for Way {
    fn default() -> Self {
        Self { state: State::Inhibited, proven: 0, found: FaultSet::EMPTY, ended: false, looked_at: 0 }
    }
}

impl Way {
    /// Takes an entry.
    pub fn read(&mut self, now: Ticks, entry: &Entry, findings: &mut Findings) {
        match entry {
            Entry::Guard(record) => match record.body {
                Body::Note(Note::Fault(report)) => self.found = self.found.with(report.fault),
                Body::Note(Note::Health { faults, .. }) => self.found = self.found.union(faults),
                _ => {}
            },
            Entry::Session(_, SessionNote::Fault(report)) => self.found = self.found.with(report.fault),
            Entry::Session(_, SessionNote::Proven(guard)) => self.proven |= guard.bit(),
            Entry::Session(_, SessionNote::State(state)) => self.go(now, *state, findings),
            Entry::Session(_, SessionNote::Ended(_) | SessionNote::Warning(..) | SessionNote::ProofFailed(..)) => {}
            Entry::NotSent(_) => {}
        }
    }

    fn go(&mut self, now: Ticks, state: State, findings: &mut Findings) {
        let Self { state: before, proven, .. } = *self;
        let fits = match state {
            State::Proving => before == State::Ready,
            State::Armed => before == State::Proving && proven == 15,
            State::Delivering => matches!(before, State::Armed | State::Interrupted),
            State::Inhibited | State::Ready | State::Interrupted | State::Complete | State::Tripped => true,
        };
        findings.demand(now, fits, "no beam but through proof and arming", || {
            format!("{} after {}, proven {proven}", state.name(), before.name())
        });
        match state {
            State::Proving => {
                (self.proven, self.ended) = (0, false);
                self.found = FaultSet::EMPTY;
            }
            State::Complete | State::Tripped => self.ended = true,
            _ => {}
        }
        self.state = state;
    }

    /// Whether the delivery that was armed last has ended.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Looks at the acknowledgements that were given since the last look.
    pub fn acknowledged(&mut self, now: Ticks, all: &[Acknowledged], findings: &mut Findings) {
        for one in &all[self.looked_at.min(all.len())..] {
            let forbids = self.found.iter().find(|&fault| one.by != Role::Physicist && needs_physicist(fault));
            let has_place = matches!(one.state, State::Complete | State::Tripped);
            let was_taken = one.refused.is_none();
            findings.demand(
                now,
                !was_taken || forbids.is_none(),
                "what speaks of the dose only the physicist clears",
                || format!("{} acknowledged {}", one.by.name(), forbids.map_or("?", Fault::code)),
            );
            let owed = has_place && forbids.is_none();
            findings.demand(now, was_taken || !owed, "whoever is entitled to may acknowledge", || {
                format!("{} was refused: {:?}", one.by.name(), one.refused)
            });
            if was_taken {
                self.found = FaultSet::EMPTY;
            }
        }
        self.looked_at = all.len();
    }
}

/// Whether only the physicist may clear a fault: what speaks of the dose itself, save a disagreement that shows only at the
/// end; the air; an output check that is due; a fault that came again.
fn needs_physicist(fault: Fault) -> bool {
    let of_dose = matches!(fault.group(), Group::Beam | Group::Limit | Group::Chamber | Group::Agreement | Group::Rate);
    (of_dose && fault != Fault::EndDisagreement)
        || matches!(fault, Fault::TemperaturePressure | Fault::OutputCheckDue | Fault::FaultRepeated)
}
