//! Puts what the session thread sees into the metrics. Nothing else touches the registry but the port that serves it.

use std::sync::Arc;

use beam_core::fault::Fault;
use beam_core::note::Note;
use beam_core::record::Body;
use beam_core::session::SessionNote;
use beam_core::units::Dose;
use beam_core::wire::Guard;
use beam_drivers::realtime::context_switches;

use crate::conductor::Entry;
use crate::crew::thread_name;
use crate::desk::View;
use crate::metrics::Metrics;

/// The bridge from entries to metrics.
#[derive(Clone)]
pub struct Publisher {
    metrics: Arc<Metrics>,
}

impl Publisher {
    /// A bridge to `metrics`.
    #[must_use]
    pub const fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }

    /// What is planned for the delivery to come.
    pub fn plan(&self, preset: Dose, backup: Dose) {
        self.metrics.set_planned(preset, backup);
    }

    /// Takes one entry as it passes.
    pub fn entry(&self, entry: &Entry) {
        let metrics = &self.metrics;
        match entry {
            Entry::Guard(record) => match &record.body {
                Body::Note(note) => self.note(record.guard, note),
                Body::Sent { latency, .. } if latency.nanos() > 0 => {
                    metrics.observe_frame_to_permit(record.guard, *latency)
                }
                Body::Loop { lateness, page_faults, .. } => {
                    metrics.observe_lateness(record.guard, *lateness);
                    metrics.set_page_faults(record.guard, u64::from(*page_faults));
                }
                Body::Trouble { trouble, .. } => metrics.count_trouble(record.guard, *trouble),
                Body::Sent { .. } | Body::Received { .. } | Body::Unsent { .. } => {}
            },
            Entry::Session(_, note) => match note {
                SessionNote::State(state) => metrics.set_session_state(*state),
                SessionNote::Ended(by) => metrics.count_delivery(*by),
                SessionNote::Fault(report) => metrics.count_fault(report.fault),
                SessionNote::Warning(..) | SessionNote::ProofFailed(..) | SessionNote::Proven(_) => {}
            },
            Entry::NotSent(permit) if permit.latency.nanos() > 0 => {
                metrics.observe_frame_to_permit(permit.guard, permit.latency);
            }
            Entry::NotSent(_) => {}
        }
    }

    fn note(&self, guard: Guard, note: &Note) {
        let metrics = &self.metrics;
        match note {
            Note::Fault(report) => metrics.count_fault(report.fault),
            Note::Dose { pulses, dose, lease, .. } => {
                metrics.set_delivered(guard, *dose, *pulses);
                metrics.set_pulse_lease(guard, *lease);
            }
            Note::Time { beam_on, limit, .. } => metrics.set_beam_on(*beam_on, *limit),
            Note::Gate { bus, status } => metrics.set_gate_state(*bus, Some(status.state)),
            Note::Judged { lease, dose_per_second, beam_charge, .. } => {
                metrics.set_beam_charge(*beam_charge);
                metrics.set_pulse_lease(guard, *lease);
                metrics.set_dose_rate(*dose_per_second);
            }
            Note::Health { frames, .. } => metrics.set_frames(guard, *frames),
            Note::Warning(_) | Note::Reached | Note::Interrupted { .. } => {}
            Note::Silent { .. } | Note::EndJudged { .. } | Note::Counters { .. } => {}
        }
    }

    /// A fault that the service itself found.
    pub fn fault(&self, fault: Fault) {
        self.metrics.count_fault(fault);
    }

    /// What the kernel counts for each guard's thread. To be called now and then.
    pub fn context_switches(&self) {
        for guard in Guard::ALL {
            if let Some(totals) = context_switches(&thread_name(guard)) {
                self.metrics.set_context_switches(guard, totals);
            }
        }
    }

    /// What is not in an entry: losses that the session counts. To be called now and then.
    pub fn losses(&self, view: &View) {
        let lost = view.lost_records();
        for guard in Guard::ALL {
            self.metrics.set_ring_full(guard, lost[guard.index()]);
        }
        self.metrics.set_records_lost(lost.iter().sum());
    }
}
