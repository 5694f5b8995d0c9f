//! The mark of a delivery that has begun and not ended cleanly. It is on the disk before the first frame of the delivery,
//! and goes away when a process ends in order after a delivery that came out as planned or never began: session and guards
//! have come to their end, the record is whole, and nothing is left to do that could fail.
//!
//! A process that starts and finds the mark arms nothing: its predecessor died or hung, in mid-beam or after it, lost its
//! power, was asked to stop in mid-beam, or found a fault, and the patient may have had a part of the dose. Only a person who has done the output check and knows
//! the delivery by its id takes the mark away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use beam_core::clearance::Clearance;
use beam_core::fault::Fault;
use beam_core::note::FaultReport;
use beam_core::state::State;
use beam_core::units::Span;

use crate::prepared::Prepared;
use crate::progress::Progress;

/// Name of the file in the state directory.
pub const FILE_NAME: &str = "unclean-end";

/// The mark in one state directory.
#[derive(Clone, Debug)]
pub struct UncleanEnd {
    path: PathBuf,
}

impl UncleanEnd {
    /// The mark in `directory`.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { path: directory.join(FILE_NAME) }
    }

    /// The delivery that did not end cleanly; `Some(0)` when the mark is there and cannot be read.
    #[must_use]
    pub fn delivery(&self) -> Option<u16> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Some(text.trim().parse().unwrap_or(0)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) => Some(0),
        }
    }

    /// Sets the mark for a delivery that is about to begin; it is durable when this returns.
    ///
    /// # Errors
    /// When it cannot be made durable; then the delivery must not begin.
    pub fn set(&self, delivery: u16) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&self.path)?;
        file.write_all(format!("{delivery}\n").as_bytes())?;
        file.sync_all()?;
        self.sync_folder()
    }

    /// Takes the mark away.
    ///
    /// # Errors
    /// When it cannot be removed, or its removal is not yet durable; in doubt the next start finds it, which is the safe side.
    pub fn clear(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Ok(()) => self.sync_folder(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(self.path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
    }
}

/// Whether a delivery that came so far needs no person before the next one: it came out as planned, or never began, and
/// no fault of it is the physicist's to clear. Only an orderly end of the process makes a clean end of it.
#[must_use]
pub fn ended_cleanly(progress: &Progress, prepared: &Prepared) -> bool {
    let no_beam = progress.beam_on == Span::ZERO && progress.pulses == [0; 2] && progress.end.is_none();
    let never_began = matches!(progress.state, State::Inhibited | State::Ready) && no_beam;
    let is_physicists = |fault: &(_, _, FaultReport)| fault.2.fault.clearance() == Clearance::Physicist;
    // it stands until somebody has acknowledged it, and a process that has ended takes what stands with it
    let is_open = |warning: &(_, _, FaultReport)| warning.2.fault == Fault::EndDisagreement;
    let is_as_planned = progress.shortfalls(prepared, true).is_empty();
    (is_as_planned || never_began)
        && !progress.faults.iter().any(is_physicists)
        && !progress.warnings.iter().any(is_open)
}

#[cfg(test)]
mod tests {
    use beam_core::note::Note;
    use beam_core::record::{Body, Record};
    use beam_core::session::{EndedBy, SessionNote};
    use beam_core::units::Ticks;
    use beam_core::wire::Guard;

    use super::*;
    use crate::conductor::Entry;
    use crate::config::shipped;

    #[test]
    fn trips_the_next_start_until_a_person_takes_the_mark_away() {
        let folder = tempfile::tempdir().unwrap();
        let mark = UncleanEnd::new(folder.path());
        assert_eq!(mark.delivery(), None);
        mark.set(41).unwrap();
        assert_eq!(UncleanEnd::new(folder.path()).delivery(), Some(41));
        mark.clear().unwrap();
        mark.clear().unwrap();
        assert_eq!(mark.delivery(), None);
    }

    /// A delivery of the demo's plan.
    fn prepared() -> Prepared {
        let (profile, plan) = (shipped::profile("mobetron"), shipped::plan("mobetron"));
        Prepared::new(&profile.expect("a profile"), &plan.expect("a plan")).expect("they fit")
    }

    /// Its end, judged: every count equal, and monitor 1 on the preset.
    fn judged() -> Entry {
        let prepared = prepared();
        let dose = prepared.machine.monitors[0].dose_per_charge.dose(prepared.order.preset);
        let note = Note::EndJudged { pulses: [1984; 4], doses: [dose; 2], agrees: true };
        Entry::Guard(Record { at: Ticks::ZERO, guard: Guard::Interlock, serial: 0, body: Body::Note(note) })
    }

    fn told(notes: &[SessionNote]) -> Progress {
        let mut progress = Progress::default();
        notes.iter().for_each(|note| progress.add(&Entry::Session(Ticks::ZERO, *note)));
        progress.add(&judged());
        progress
    }

    const AS_PLANNED: [SessionNote; 2] =
        [SessionNote::Ended(EndedBy::Guard(Guard::Dose1)), SessionNote::State(State::Complete)];

    fn tripped_by(fault: Fault) -> Progress {
        told(&[SessionNote::Fault(FaultReport::of(fault)), SessionNote::State(State::Tripped)])
    }

    #[test]
    fn trips_the_next_start_after_whatever_was_not_as_planned() {
        for fault in [Fault::NoPulse, Fault::GuardSilent, Fault::OperatorStop] {
            assert!(!ended_cleanly(&tripped_by(fault), &prepared()), "{fault:?}");
        }
        // somebody asked for the end, and a part of the dose is not given
        let stopped = [SessionNote::Ended(EndedBy::Operator), SessionNote::State(State::Complete)];
        assert!(!ended_cleanly(&told(&stopped), &prepared()));
        // and whoever acknowledges that gives none of it
        let [by, complete] = stopped;
        assert!(!ended_cleanly(&told(&[by, complete, SessionNote::State(State::Inhibited)]), &prepared()));
        let [ended, complete] = AS_PLANNED;
        assert!(!ended_cleanly(
            &told(&[ended, SessionNote::Fault(FaultReport::of(Fault::NoPulse)), complete]),
            &prepared()
        ));
        for state in [State::Proving, State::Armed, State::Delivering, State::Interrupted] {
            assert!(!ended_cleanly(&told(&[SessionNote::State(state)]), &prepared()), "{state:?}");
        }
    }

    #[test]
    fn trips_the_next_start_after_counts_that_disagreed_at_the_end_and_holds_after_other_warnings() {
        for (fault, is_clean) in [(Fault::EndDisagreement, false), (Fault::OverRange, true)] {
            let mut progress = told(&AS_PLANNED);
            let body = Body::Note(Note::Warning(FaultReport::of(fault)));
            progress.add(&Entry::Guard(Record { at: Ticks::ZERO, guard: Guard::Interlock, serial: 0, body }));
            assert_eq!(ended_cleanly(&progress, &prepared()), is_clean, "{fault:?}");
        }
    }

    #[test]
    fn holds_when_the_delivery_was_as_planned_or_never_began() {
        assert!(ended_cleanly(&told(&AS_PLANNED), &prepared()));
        let acknowledged = [AS_PLANNED[0], AS_PLANNED[1], SessionNote::State(State::Inhibited)];
        assert!(ended_cleanly(&told(&acknowledged), &prepared()));
        let mut never_began = Progress::default();
        never_began.add(&Entry::Session(Ticks::ZERO, SessionNote::State(State::Ready)));
        assert!(ended_cleanly(&never_began, &prepared()));
    }

    #[test]
    fn trips_on_a_mark_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), [0xFF, 0xFE]).unwrap();
        assert_eq!(UncleanEnd::new(folder.path()).delivery(), Some(0));
    }
}
