//! The service's look at the unit's counters ([`crate::last_counts`]): compared once after the start, before anything may be
//! armed, and kept whenever they change at rest and at the end.

use std::path::Path;

use beam_core::fault::Fault;
use beam_core::note::FaultReport;
use beam_core::state::State;
use tracing::warn;

use crate::desk::View;
use crate::last_counts::{Counts, LastCounts};
use crate::unclean_end::UncleanEnd;

/// The unit's counters, compared once with those of before this start and kept from then on.
pub(crate) struct KeptCounts {
    file: LastCounts,
    is_compared: bool,
    kept: Option<Counts>,
}

impl KeptCounts {
    /// The counters kept in this directory, not yet compared.
    pub(crate) fn new(state_directory: &Path) -> Self {
        Self { file: LastCounts::new(state_directory), is_compared: false, kept: None }
    }

    /// Compares the unit's counters with those of before, once they were heard, and keeps what changes at rest; whether they
    /// were compared and nothing began anew.
    pub(crate) fn look(&mut self, view: &View, mark: &UncleanEnd) -> bool {
        let progress = view.progress();
        let Some(counters) = progress.counters else { return false };
        if !self.is_compared {
            self.is_compared = true;
            let found = match self.file.read() {
                Ok(Some(before)) => counters.restarted_since(&before),
                Ok(None) => Vec::new(),
                Err(error) => vec![format!("the unit's counters of before cannot be read: {error}")],
            };
            if !found.is_empty() {
                check_is_due(&found, view, mark);
            }
        }
        // found by the guards while the service runs: it is not forgotten with the process
        let began_anew =
            |fault: &(_, _, FaultReport)| matches!(fault.2.fault, Fault::ChamberRestarted | Fault::GateRestarted);
        if let Some((_, _, report)) = progress.faults.iter().find(|fault| began_anew(fault))
            && !view.is_output_check_due()
        {
            check_is_due(&[format!("{} {}", report.fault.code(), report.fault.name())], view, mark);
        }
        let at_rest = !matches!(progress.state, State::Delivering | State::Interrupted);
        let counted = |counts: Counts| (counts.pulses, counts.gate);
        if at_rest && self.kept.map(counted) != Some(counted(counters)) {
            self.keep(view);
        }
        !view.is_output_check_due()
    }

    /// Keeps the counters as they stand.
    pub(crate) fn keep(&mut self, view: &View) {
        let Some(counters) = view.progress().counters.filter(|_| self.is_compared) else { return };
        match self.file.keep(&counters) {
            Ok(()) => self.kept = Some(counters),
            Err(error) => view.cannot_record(format!("the unit's counters: {error}")),
        }
    }
}

/// Something of the unit began anew while nobody listened. The mark outlives this process, too: a start without a person's
/// word does not forget it.
fn check_is_due(found: &[String], view: &View, mark: &UncleanEnd) {
    let (fault, delivery) = (Fault::OutputCheckDue, mark.delivery().unwrap_or(0));
    if let Err(error) = mark.set(delivery) {
        view.cannot_record(format!("the mark of the output check: {error}"));
    }
    view.output_check_is_due();
    let (code, name, what, fix) = (fault.code(), fault.name(), found.join("; "), fault.action());
    warn!(
        "{code} {name}: the treatment unit restarted: {what}\n    fix: {fix} Then start once with --output-check-done {delivery}"
    );
}
