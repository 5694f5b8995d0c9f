//! The report of a delivery: planned and delivered, what ended it, and how the supervisor itself did. The same field names
//! and units stand in the report, in the records and in `status --json`.

use std::fmt::Write as _;

use beam_core::note::FaultReport;
use beam_core::outcome::{End, Shortfall};
use beam_core::resume::{base, remaining};
use beam_core::session::EndedBy;
use beam_core::state::State;
use beam_core::units::{Charge, Span};
use beam_core::wire::Guard;
use beam_drivers::sim::Truth;
use serde::Serialize;
use serde_json::Value;

use crate::describe::{fault_json, mu, seconds};
use crate::prepared::Prepared;
use crate::progress::Progress;
use crate::rest::Continues;

/// What was planned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Planned {
    /// Name of the machine.
    pub machine: String,
    /// Field number.
    pub field: u32,
    /// Energy in MeV; for a kV tube the tube's.
    pub energy_mev: f64,
    /// Applicator.
    pub applicator: String,
    /// Docking.
    pub docking: String,
    /// Prescribed dose in Gy.
    pub prescription_gy: f64,
    /// Isodose in percent that it is prescribed at.
    pub isodose_percent: f64,
    /// Preset of monitor 1 in MU.
    pub planned_mu: f64,
    /// Limit of monitor 2 in MU.
    pub backup_mu: f64,
    /// Pulses that the preset is expected to take; none on a machine without pulses.
    pub planned_pulses: Option<u32>,
    /// Most pulses by the gate's count; none on a machine without pulses.
    pub pulse_limit: Option<u32>,
    /// Limit of the beam-on time in s.
    pub time_limit_s: f64,
}

/// How a simulated delivery really went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Simulated {
    /// True dose in MU.
    pub true_mu: f64,
    /// Pulses that the simulated gate let pass.
    pub true_pulses: u64,
    /// Of these, pulses at and after the one at which the injected fault began; the first of them is the faulty one.
    pub pulses_from_fault: Option<u64>,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What was planned.
    #[serde(flatten)]
    pub planned: Planned,
    /// Delivery id on the bus.
    pub delivery_id: u16,
    /// Where the session stood at the end.
    pub state: &'static str,
    /// What ended it.
    pub ended_by: Option<&'static str>,
    /// Whether dose guard 1 reached the preset; a fault that stands beside it was found after that.
    pub preset_reached: bool,
    /// Whether it went as planned: true only if nothing stands in `shortfalls`.
    pub as_planned: bool,
    /// Why it did not go as planned.
    pub shortfalls: Vec<&'static str>,
    /// Dose on monitor 1 and monitor 2 in MU.
    pub delivered_mu: [f64; 2],
    /// Pulses as monitor 1 counted them.
    pub pulses: u32,
    /// Pulses as both monitors and the gate counted them.
    pub pulses_counted: [u32; 3],
    /// Charge of the beam itself in pC, where it is measured.
    pub beam_charge_pc: Option<i64>,
    /// Beam-on time in s.
    pub beam_on_s: f64,
    /// What was delivered at least, in MU: the largest of all counts.
    pub resume_base_mu: f64,
    /// The count that said so.
    pub resume_source: &'static str,
    /// What of the plan remains after it, in MU.
    pub remaining_mu: f64,
    /// The delivery whose rest this was, if it was one.
    pub continues: Option<Continues>,
    /// The fault that ended it.
    pub fault: Option<Value>,
    /// Every fault found, in order.
    pub faults: Vec<Value>,
    /// Every warning.
    pub warnings: Vec<Value>,
    /// A guard and the step in which its proof failed.
    pub proof_failed: Option<String>,
    /// What stood against a beam, when none was armed.
    pub inhibited_by: Vec<&'static str>,
    /// The simulated unit's own account.
    pub simulated: Option<Simulated>,
    /// Worst wake-up lateness of a guard in s; none in virtual time.
    pub worst_guard_lateness_s: Option<f64>,
    /// Worst time from a frame to the permit that it caused in s; none in virtual time.
    pub worst_frame_to_permit_s: Option<f64>,
    /// Resident memory of the process in bytes; none in virtual time.
    pub resident_memory_bytes: Option<u64>,
    /// Records that were lost.
    pub records_lost: u64,
    /// Where metrics were served.
    pub metrics: Option<String>,
    /// Where the record was kept.
    pub records: Option<String>,
    /// Rights that the kernel refused, and other things to know.
    pub notices: Vec<String>,
}

impl Report {
    /// The report of what was `prepared`, as `progress` saw it.
    #[must_use]
    pub fn new(prepared: &Prepared, delivery_id: u16, progress: &Progress) -> Self {
        let name = |guard: Option<Guard>| guard.map_or("session", Guard::name);
        let faults: Vec<Value> =
            progress.faults.iter().map(|(_, guard, report)| fault_json(report, name(*guard))).collect();
        let shortfalls: Vec<_> = progress.shortfalls(prepared, true).into_iter().map(Shortfall::name).collect();
        let [first, _] = prepared.machine.monitors;
        let base = base(&progress.counted(&prepared.machine, &prepared.order));
        let gate_pulses = progress.end.map_or(progress.gate_pulses, |End { pulses: [gate, ..], .. }| gate);
        Self {
            planned: prepared.planned.clone(),
            delivery_id,
            preset_reached: progress.is_reached && progress.ended_by == Some(EndedBy::Guard(Guard::Dose1)),
            as_planned: shortfalls.is_empty(),
            shortfalls,
            state: progress.state.name(),
            ended_by: progress.ended_by.map(EndedBy::name),
            delivered_mu: progress.delivered.map(mu),
            pulses: progress.pulses[0],
            pulses_counted: [progress.pulses[0], progress.pulses[1], gate_pulses.max(progress.gate_pulses)],
            beam_charge_pc: progress.beam_charge.map(Charge::picocoulombs),
            beam_on_s: seconds(progress.beam_on),
            resume_base_mu: mu(base.dose),
            resume_source: base.source.name(),
            remaining_mu: mu(remaining(first.dose_per_charge.dose(prepared.order.preset), base)),
            continues: None,
            fault: faults.first().cloned(),
            faults,
            warnings: progress.warnings.iter().map(|(_, guard, report)| fault_json(report, guard.name())).collect(),
            proof_failed: progress.proof_failed.map(|(guard, step)| format!("{}: {step}", guard.name())),
            inhibited_by: match progress.state {
                State::Inhibited => progress.standing().into_iter().map(|fault| fault.name()).collect(),
                _ => Vec::new(),
            },
            simulated: None,
            worst_guard_lateness_s: None,
            worst_frame_to_permit_s: None,
            resident_memory_bytes: None,
            records_lost: 0,
            metrics: None,
            records: None,
            notices: Vec::new(),
        }
    }

    /// Says how many records were lost on their way; with any, the record is not whole.
    pub fn lost_records(&mut self, lost: u64) {
        self.records_lost = lost;
        if lost > 0 {
            self.record_is_not_whole();
        }
    }

    /// Says that the record of the delivery is not whole, so that it cannot count as planned.
    pub fn record_is_not_whole(&mut self) {
        let why = Shortfall::Record.name();
        self.as_planned = false;
        if !self.shortfalls.contains(&why) {
            self.shortfalls.push(why);
        }
    }

    /// Adds how the guards' threads did.
    pub fn add_timing(&mut self, progress: &Progress) {
        let worst = |spans: [Span; 4]| Some(seconds(spans.into_iter().fold(Span::ZERO, Span::longer)));
        self.worst_guard_lateness_s = worst(progress.lateness);
        self.worst_frame_to_permit_s = worst(progress.latency);
        self.resident_memory_bytes = Some(crate::metrics::resident_memory());
    }

    /// Adds the simulated unit's own account; `fault_at` is the pulse at which a fault was put in.
    pub fn add_truth(&mut self, truth: &Truth, fault_at: Option<u32>) {
        let from_fault = |pulse: u32| (truth.pulses + 1).saturating_sub(u64::from(pulse.max(1)));
        self.simulated = Some(Simulated {
            true_mu: truth.mu,
            true_pulses: truth.pulses,
            pulses_from_fault: fault_at.map(from_fault),
        });
    }

    /// Whether the delivery went as planned.
    #[must_use]
    pub const fn is_as_planned(&self) -> bool {
        self.as_planned
    }

    /// The report as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
    }

    /// What came of a fault that was put in, with so many pulses from it on.
    fn after_the_fault(&self, pulses: u64) -> String {
        match pulses.checked_sub(1) {
            None => "nothing: it was to come at a pulse that was never fired".to_owned(),
            Some(_) if self.is_as_planned() => {
                "nothing ended by it: it needs another moment of the delivery or another machine, see `--fault list`"
                    .to_owned()
            }
            Some(1) => "1 pulse followed the first faulty one".to_owned(),
            Some(later) => format!("{later} pulses followed the first faulty one"),
        }
    }

    /// The report for a person.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |label: &str, value: String| {
            let _writing_to_a_string_cannot_fail = writeln!(text, "  {label:<20} {value}");
        };
        let p = &self.planned;
        line(
            "machine",
            format!(
                "{}, field {}, {} MeV, applicator {}, docking {}",
                p.machine, p.field, p.energy_mev, p.applicator, p.docking
            ),
        );
        line("prescribed", format!("{} Gy at {} %", p.prescription_gy, p.isodose_percent));
        let pulses = p.planned_pulses.zip(p.pulse_limit);
        let pulses = pulses.map_or(String::new(), |(about, most)| format!(", about {about} pulses, at most {most}"));
        line(
            "planned",
            format!("{:.2} MU{pulses}; backup {:.2} MU, time limit {:.1} s", p.planned_mu, p.backup_mu, p.time_limit_s),
        );
        let [first, second] = self.delivered_mu;
        let deviation = first - p.planned_mu;
        line(
            "delivered, monitor 1",
            format!("{first:.2} MU ({deviation:+.2} MU, {:+.2} %)", 100.0 * deviation / p.planned_mu),
        );
        line("delivered, monitor 2", format!("{second:.2} MU"));
        let [one, two, gate] = self.pulses_counted;
        if p.planned_pulses.is_some() {
            line("pulses", format!("{one} on monitor 1, {two} on monitor 2, {gate} at the gate"));
        }
        if let Some(picocoulombs) = self.beam_charge_pc {
            line("charge of the beam", format!("{picocoulombs} pC"));
        }
        line("beam on", format!("{:.2} s", self.beam_on_s));
        if !self.is_as_planned() {
            line("delivered at least", format!("{:.2} MU by {}", self.resume_base_mu, self.resume_source));
            line("remaining", format!("{:.2} MU", self.remaining_mu));
        }
        if let Some(Continues { delivery_id, delivered_mu, .. }) = &self.continues {
            line("the rest of", format!("delivery {delivery_id}, of which {delivered_mu:.2} MU had been delivered"));
        }
        self.ending(&mut line);
        if let Some(simulated) = &self.simulated {
            line(
                "true dose",
                format!(
                    "{:.2} MU in {} pulses (the simulated unit's own account)",
                    simulated.true_mu, simulated.true_pulses
                ),
            );
            if let Some(pulses) = simulated.pulses_from_fault {
                line("after the fault", self.after_the_fault(pulses));
            }
        }
        if let (Some(lateness), Some(latency)) = (self.worst_guard_lateness_s, self.worst_frame_to_permit_s) {
            line("worst lateness", format!("{:.3} ms of a guard's wake-up", lateness * 1e3));
            line("worst latency", format!("{:.3} ms from frame to permit", latency * 1e3));
        }
        if let Some(bytes) = self.resident_memory_bytes {
            line("resident memory", format!("{} MiB", bytes.div_ceil(1 << 20)));
        }
        if self.records_lost > 0 {
            line("records lost", self.records_lost.to_string());
        }
        if let Some(metrics) = &self.metrics {
            line("metrics were at", metrics.clone());
        }
        if let Some(records) = &self.records {
            line("record", records.clone());
        }
        for notice in &self.notices {
            line("note", notice.clone());
        }
        let headline = match self.ended_by {
            Some(by) if self.is_as_planned() => format!("DELIVERED as planned: ended by {by}, the preset was reached."),
            Some("operator") => "TERMINATED by the operator.".to_owned(),
            Some(by) if self.fault.is_none() => {
                format!("NOT AS PLANNED, ended by {by}: {}.", self.shortfalls.join(", "))
            }
            Some(by) if self.preset_reached => format!("NOT AS PLANNED, ended by {by}, then {}.", self.fault_name()),
            Some(by) => format!("TRIPPED by {by}: {}.", self.fault_name()),
            None => format!("NOT DELIVERED: {}.", self.fault_name()),
        };
        format!("{headline}\n{text}")
    }

    fn fault_name(&self) -> String {
        match &self.fault {
            Some(fault) => format!("{} {}", text_of(fault, "code"), text_of(fault, "name")),
            None if self.inhibited_by.is_empty() => format!("the session is {}", self.state),
            None => format!("inhibited by {}", self.inhibited_by.join(", ")),
        }
    }

    fn ending(&self, line: &mut impl FnMut(&str, String)) {
        if self.preset_reached && !self.is_as_planned() {
            line("not as planned", self.shortfalls.join(", "));
        }
        line("ended by", self.ended_by.map_or_else(|| "nothing".to_owned(), str::to_owned));
        if let Some(step) = &self.proof_failed {
            line("proof failed", step.clone());
        }
        if let Some(fault) = &self.fault {
            let place = match (fault["monitor"].as_u64(), fault["sensor"].as_str(), fault["bus"].as_str()) {
                (Some(monitor), ..) => format!(", monitor {monitor}"),
                (None, Some(sensor), _) => format!(", {sensor}"),
                (None, None, Some(bus)) => format!(", bus {bus}"),
                (None, None, None) => String::new(),
            };
            line(
                "fault",
                format!("{} {}{place}: {}", text_of(fault, "code"), text_of(fault, "name"), text_of(fault, "cause")),
            );
            line(
                "found by",
                format!("{} (measured {}, limit {})", text_of(fault, "found_by"), fault["measured"], fault["limit"]),
            );
            line("operator", text_of(fault, "operator"));
            line("cleared by", text_of(fault, "cleared_by"));
        }
        for fault in self.faults.iter().skip(1) {
            line(
                "also found",
                format!("{} {} by {}", text_of(fault, "code"), text_of(fault, "name"), text_of(fault, "found_by")),
            );
        }
        for warning in &self.warnings {
            line(
                "warning",
                format!(
                    "{} {} by {}",
                    text_of(warning, "code"),
                    text_of(warning, "name"),
                    text_of(warning, "found_by")
                ),
            );
        }
    }
}

fn text_of(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or("?").to_owned()
}

/// A fault in one line, for logs.
#[must_use]
pub fn fault_line(report: &FaultReport, found_by: &str) -> String {
    let fault = report.fault;
    format!("{} {} found by {found_by}: {}", fault.code(), fault.name(), fault.cause())
}
