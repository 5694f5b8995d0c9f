//! What a person wants to know about a delivery, folded from the entries as they pass: the same numbers feed the live line,
//! the report, the metrics and `status`.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::Bus;
use beam_core::machine::{Beam, Machine, Order};
use beam_core::note::{FaultReport, FrameCounts, Note};
use beam_core::outcome::{End, Outcome, Shortfall, shortfalls};
use beam_core::record::Body;
use beam_core::resume::Counted;
use beam_core::session::{EndedBy, SessionNote};
use beam_core::state::State;
use beam_core::units::{Charge, Dose, Span, Ticks};
use beam_core::wire::{GateStatus, Guard, Permit};

use crate::conductor::{Entry, NotSent};
use crate::last_counts::Counts;
use crate::prepared::Prepared;

/// The fold.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Where the session stands.
    pub state: State,
    /// When this delivery was taken up.
    pub began_at: Ticks,
    /// Dose of this delivery on both monitors.
    pub delivered: [Dose; 2],
    /// Pulses of this delivery on both monitors.
    pub pulses: [u32; 2],
    /// Pulses that the gate counted.
    pub gate_pulses: u32,
    /// The lease that each guard sent last, or would have sent where it only observes.
    pub leases: [u32; 4],
    /// Beam-on time by the time guard's clock.
    pub beam_on: Span,
    /// Its limit.
    pub time_limit: Span,
    /// Charge of the beam itself, where it is measured.
    pub beam_charge: Option<Charge>,
    /// Mean dose of one second.
    pub dose_per_second: Dose,
    /// Whether the console asks for beam.
    pub requested: bool,
    /// The gate as bus A and bus B show it.
    pub gates: [Option<GateStatus>; 2],
    /// Every fault of the delivery with who found it, in the order in which they were found.
    pub faults: Vec<(Ticks, Option<Guard>, FaultReport)>,
    /// Every warning of the delivery.
    pub warnings: Vec<(Ticks, Guard, FaultReport)>,
    /// What the unit's counters stand at, raw.
    pub counters: Option<Counts>,
    /// What ended it.
    pub ended_by: Option<EndedBy>,
    /// When it ended.
    pub ended_at: Option<Ticks>,
    /// Dose guard 1 reached the preset.
    pub is_reached: bool,
    /// How its end was judged, once it was.
    pub end: Option<End>,
    /// A fault ended it, or was found after its end: acknowledged or not.
    pub has_tripped: bool,
    /// A proof that failed, as guard and step.
    pub proof_failed: Option<(Guard, &'static str)>,
    /// Guards proven so far.
    pub proven: u8,
    /// What stands against a beam, by each guard.
    pub standing: [FaultSet; 4],
    /// What stands against a beam by the service itself.
    pub service_standing: FaultSet,
    /// Counters of frames, by each guard.
    pub frames: [FrameCounts; 4],
    /// Worst wake-up lateness of each guard's loop.
    pub lateness: [Span; 4],
    /// Worst frame-to-permit latency of each guard.
    pub latency: [Span; 4],
    /// Page faults of each guard's thread.
    pub page_faults: [u32; 4],
    /// When each guard told something last.
    pub heard: [Ticks; 4],
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            state: State::Inhibited,
            began_at: Ticks::ZERO,
            delivered: [Dose::ZERO; 2],
            pulses: [0; 2],
            gate_pulses: 0,
            leases: [0; 4],
            beam_on: Span::ZERO,
            time_limit: Span::ZERO,
            beam_charge: None,
            dose_per_second: Dose::ZERO,
            requested: false,
            gates: [None; 2],
            faults: Vec::new(),
            warnings: Vec::new(),
            counters: None,
            ended_by: None,
            ended_at: None,
            is_reached: false,
            end: None,
            has_tripped: false,
            proof_failed: None,
            proven: 0,
            standing: [FaultSet::EMPTY; 4],
            service_standing: FaultSet::EMPTY,
            frames: [FrameCounts::default(); 4],
            lateness: [Span::ZERO; 4],
            latency: [Span::ZERO; 4],
            page_faults: [0; 4],
            heard: [Ticks::ZERO; 4],
        }
    }
}

impl Progress {
    /// Adds one entry.
    pub fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Guard(record) => {
                let index = record.guard.index();
                self.heard[index] = record.at;
                match &record.body {
                    Body::Note(note) => self.note(record.at, record.guard, note),
                    Body::Sent { frame, latency, .. } => {
                        self.latency[index] = self.latency[index].longer(*latency);
                        if let Ok(permit) = Permit::decode(frame) {
                            self.leases[index] = permit.lease;
                        }
                    }
                    Body::Loop { lateness, page_faults, .. } => {
                        self.lateness[index] = self.lateness[index].longer(*lateness);
                        self.page_faults[index] = *page_faults;
                    }
                    Body::Received { .. } | Body::Unsent { .. } | Body::Trouble { .. } => {}
                }
            }
            Entry::Session(at, note) => self.session(*at, note),
            Entry::NotSent(NotSent { at, guard, permit, latency }) => {
                let index = guard.index();
                self.heard[index] = *at;
                self.latency[index] = self.latency[index].longer(*latency);
                self.leases[index] = permit.lease;
            }
        }
    }

    fn note(&mut self, at: Ticks, guard: Guard, note: &Note) {
        match note {
            Note::Fault(report) => self.fault(at, Some(guard), *report),
            Note::Warning(report) => self.warnings.push((at, guard, *report)),
            // what a guard told before it took up this delivery is of the one before
            Note::Dose { .. } | Note::Time { .. } if at < self.began_at => {}
            Note::Dose { pulses, dose, .. } => {
                let monitor = usize::from(guard == Guard::Dose2);
                self.delivered[monitor] = *dose;
                self.pulses[monitor] = *pulses;
            }
            Note::Time { beam_on, limit, .. } => {
                self.beam_on = *beam_on;
                self.time_limit = *limit;
            }
            Note::Gate { bus, status } => {
                self.gates[usize::from(*bus == Bus::B)] = Some(*status);
                self.gate_pulses = status.pulses;
            }
            Note::Judged { dose_per_second, beam_charge, requested, .. } => {
                self.beam_charge = *beam_charge;
                self.dose_per_second = *dose_per_second;
                self.requested = *requested;
            }
            Note::Health { standing, frames, .. } => {
                self.standing[guard.index()] = *standing;
                self.frames[guard.index()] = *frames;
            }
            Note::EndJudged { pulses, doses, agrees } => {
                self.end = Some(End { pulses: *pulses, doses: *doses, agrees: *agrees });
            }
            Note::Reached => self.is_reached = true,
            Note::Counters { chambers, gate } => self.counters = Counts::told(*chambers, *gate).or(self.counters),
            Note::Interrupted { .. } | Note::Silent { .. } => {}
        }
    }

    fn session(&mut self, at: Ticks, note: &SessionNote) {
        match note {
            SessionNote::State(state) => {
                if *state == State::Proving {
                    let Self { frames, lateness, latency, heard, page_faults, gates, .. } = *self;
                    let Self { standing, service_standing, counters, .. } = *self;
                    let kept = Self { frames, lateness, latency, heard, page_faults, gates, ..Self::default() };
                    *self = Self { standing, service_standing, counters, began_at: at, ..kept };
                }
                self.state = *state;
                self.has_tripped |= *state == State::Tripped;
            }
            SessionNote::Ended(by) => {
                self.ended_by = Some(*by);
                self.ended_at = Some(at);
            }
            SessionNote::Fault(report) => self.fault(at, None, *report),
            SessionNote::Warning(guard, report) => self.warnings.push((at, *guard, *report)),
            SessionNote::ProofFailed(guard, step) => self.proof_failed = Some((*guard, step.name())),
            SessionNote::Proven(guard) => self.proven |= guard.bit(),
        }
    }

    fn fault(&mut self, at: Ticks, guard: Option<Guard>, report: FaultReport) {
        self.faults.push((at, guard, report));
    }

    /// The fault that ended the delivery: the one found first.
    #[must_use]
    pub fn fault_found(&self) -> Option<(Option<Guard>, FaultReport)> {
        self.faults.first().map(|(_, guard, report)| (*guard, *report))
    }

    /// Everything that counted the delivery.
    #[must_use]
    pub fn counted(&self, machine: &Machine, order: &Order) -> Counted {
        let pulsed = matches!(machine.beam, Beam::Pulsed { .. });
        Counted {
            recorded: self.delivered,
            live: [None; 2],
            gate_pulses: if pulsed { self.gate_pulses } else { 0 },
            pulse: order.pulse_dose,
            beam_on: if pulsed { Span::ZERO } else { self.beam_on },
            dose_per_second: order.dose_per_second,
        }
    }

    /// What stands against a beam.
    #[must_use]
    pub fn standing(&self) -> Vec<Fault> {
        self.standing.iter().fold(self.service_standing, |set, &one| set.union(one)).iter().collect()
    }

    /// Why *as planned* cannot be said of the delivery; nothing when it was.
    #[must_use]
    pub fn shortfalls(&self, prepared: &Prepared, record_is_whole: bool) -> Vec<Shortfall> {
        let disagrees = |warning: &(_, _, FaultReport)| warning.2.fault == Fault::EndDisagreement;
        let outcome = Outcome {
            ended_by: self.ended_by,
            fault: !self.faults.is_empty() || self.has_tripped,
            end: self.end,
            chambers_disagree: self.warnings.iter().any(disagrees),
            record_is_whole,
        };
        shortfalls(&prepared.machine, &prepared.order, &outcome).collect()
    }

    /// What was told of a delivery after its end, in numbers: whether it grew says whether a verdict must be given anew.
    #[must_use]
    pub fn told(&self) -> (usize, usize, Option<End>) {
        (self.faults.len(), self.warnings.len(), self.end)
    }

    /// Whether the delivery has ended, or none was begun.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Complete | State::Tripped)
    }
}
