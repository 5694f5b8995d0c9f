//! The words and numbers in which people and programs read an entry: one JSON object for each, with the field names and
//! units that the report and the metrics use.

use beam_core::fault::Fault;
use beam_core::frame::{Bus, Frame};
use beam_core::note::{FaultReport, Note};
use beam_core::record::Body;
use beam_core::session::SessionNote;
use beam_core::state::{Event, Refused, State};
use beam_core::units::{Dose, Span, Ticks};
use beam_core::wire::{CloseCause, GateState, GateStatus, Permit, PermitState, Reason};
use serde_json::{Value, json};

use crate::conductor::{Entry, NotSent};

/// MU as a number.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "for people and programs to read; no decision is made on it")]
pub fn mu(dose: Dose) -> f64 {
    dose.micro_mu() as f64 / 1e6
}

/// Seconds as a number.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "for people and programs to read; no decision is made on it")]
pub fn seconds(span: Span) -> f64 {
    span.nanos() as f64 / 1e9
}

/// The name of a bus.
#[must_use]
pub const fn bus_name(bus: Bus) -> &'static str {
    match bus {
        Bus::A => "A",
        Bus::B => "B",
    }
}

/// A gate's state in the contract's words.
#[must_use]
pub const fn gate_state(state: GateState) -> &'static str {
    match state {
        GateState::Closed => "CLOSED",
        GateState::Open => "OPEN",
        GateState::Latched => "LATCHED",
    }
}

/// A gate's cause in the contract's words.
#[must_use]
pub const fn close_cause(cause: CloseCause) -> &'static str {
    match cause {
        CloseCause::None => "NONE",
        CloseCause::PermitWithheld => "PERMIT_WITHHELD",
        CloseCause::PermitTripped => "PERMIT_TRIPPED",
        CloseCause::PermitStale => "PERMIT_STALE",
        CloseCause::PermitInvalid => "PERMIT_INVALID",
        CloseCause::DeliveryMismatch => "DELIVERY_MISMATCH",
        CloseCause::LeaseUsed => "LEASE_USED",
        CloseCause::HardwareInterlock => "HARDWARE_INTERLOCK",
    }
}

/// A frame as `candump -L` writes it, at a wall clock time in nanoseconds.
#[must_use]
pub fn candump_line(wall_nanos: u64, interface: &str, frame: &Frame) -> String {
    use std::fmt::Write as _;
    let micros = wall_nanos / 1000;
    let mut line = format!("({}.{:06}) {interface} {:03X}#", micros / 1_000_000, micros % 1_000_000, frame.id);
    for byte in frame.data.iter().take(usize::from(frame.length)) {
        let _writing_to_a_string_cannot_fail = write!(line, "{byte:02X}");
    }
    line
}

/// Who may clear a fault, and when.
#[must_use]
pub fn cleared_by(fault: Fault) -> String {
    format!("{}, {}", fault.clearance().name(), fault.cleared_when().name())
}

/// Why the session refused what it was asked for.
#[must_use]
pub fn refusal(refused: &Refused) -> String {
    match (refused.event, refused.fault) {
        (Event::Acknowledged, Some(fault)) => {
            format!("{} {} is for the physicist to clear", fault.code(), fault.name())
        }
        (_, Some(fault)) => format!("{} {} stands against it", fault.code(), fault.name()),
        (Event::ArmRequested, None) if refused.state == State::Inhibited => {
            "the last beam is still watched for what comes after its end: arm again in a second, at low rates in three \
             pulse periods"
                .to_owned()
        }
        (_, None) => format!("the session is {}", refused.state.name()),
    }
}

/// A fault with everything that a person needs to know about it.
#[must_use]
pub fn fault_json(report: &FaultReport, found_by: &str) -> Value {
    let fault = report.fault;
    json!({
        "code": fault.code(),
        "name": fault.name(),
        "group": fault.group().name(),
        "found_by": found_by,
        "monitor": matches!(report.monitor, 1 | 2).then_some(report.monitor),
        "sensor": (report.monitor == FaultReport::BEAM_CHARGE).then_some("beam charge"),
        "bus": report.bus.map(bus_name),
        "measured": report.measured,
        "limit": report.limit,
        "pulses": report.pulses,
        "cause": fault.cause(),
        "operator": fault.action(),
        "cleared_by": cleared_by(fault),
        "may_resume": fault.may_resume(),
        "requirement": fault.requirement().id(),
    })
}

/// An entry as JSON, or nothing for what is recorded in another form (frames) or only counted.
#[must_use]
pub fn entry_json(entry: &Entry, since: Ticks) -> Option<Value> {
    let (at, mut value) = match entry {
        Entry::Guard(record) => {
            let Body::Note(note) = &record.body else { return None };
            let mut value = note_json(note, record.guard.name())?;
            value["guard"] = json!(record.guard.name());
            (record.at, value)
        }
        Entry::Session(at, note) => (*at, session_json(note)),
        Entry::NotSent(permit) => (permit.at, not_sent_json(permit)),
    };
    value["t_s"] = json!(seconds(at.since(since)));
    Some(value)
}

/// A permit that a guard would have sent.
fn not_sent_json(not_sent: &NotSent) -> Value {
    let Permit { state, reason, lease, .. } = not_sent.permit;
    json!({
        "event": "permit not sent", "guard": not_sent.guard.name(), "state": permit_state(state),
        "reason": permit_reason(reason), "lease": lease,
    })
}

/// A permit's state in the contract's words.
#[must_use]
pub const fn permit_state(state: PermitState) -> &'static str {
    match state {
        PermitState::Withheld => "WITHHELD",
        PermitState::Permit => "PERMIT",
        PermitState::Tripped => "TRIPPED",
    }
}

/// A permit's reason in the contract's words.
#[must_use]
pub const fn permit_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::None => "NONE",
        Reason::DoseReached => "DOSE_REACHED",
        Reason::Operator => "OPERATOR",
        Reason::Fault => "FAULT",
    }
}

fn note_json(note: &Note, guard: &str) -> Option<Value> {
    Some(match note {
        Note::Fault(report) => json!({ "event": "fault", "fault": fault_json(report, guard) }),
        Note::Warning(report) => json!({ "event": "warning", "fault": fault_json(report, guard) }),
        Note::Reached => json!({ "event": "dose reached" }),
        Note::Dose { pulses, charge, dose, lease, last } => json!({
            "event": "dose", "pulses": pulses, "charge_pc": charge.picocoulombs(), "delivered_mu": mu(*dose),
            "lease": lease, "last_pc": last.picocoulombs(),
        }),
        Note::Time { beam_on, limit, gate_centiseconds } => json!({
            "event": "time", "beam_on_s": seconds(*beam_on), "time_limit_s": seconds(*limit),
            "gate_beam_on_s": f64::from(*gate_centiseconds) / 100.0,
        }),
        Note::Gate { bus, status } => json!({ "event": "gate", "bus": bus_name(*bus), "gate": gate_json(status) }),
        Note::Interrupted { status } => json!({ "event": "interrupted", "gate": gate_json(status) }),
        Note::Silent { lasted } => json!({ "event": "silence", "lasted_s": seconds(*lasted) }),
        Note::EndJudged { pulses: [gate, first, second, beam], doses, agrees } => json!({
            "event": "end judged", "agrees": agrees, "delivered_mu": doses.map(mu),
            "pulses_counted": [first, second, gate], "pulses_beam_charge": beam,
        }),
        Note::Judged { .. } | Note::Health { .. } | Note::Counters { .. } => return None,
    })
}

/// A gate's report as JSON.
#[must_use]
pub fn gate_json(status: &GateStatus) -> Value {
    json!({
        "state": gate_state(status.state),
        "cause": close_cause(status.cause),
        "closed_by": status.closed_by,
        "pulses": status.pulses,
        "beam_on_s": f64::from(status.beam_on_centiseconds) / 100.0,
    })
}

fn session_json(note: &SessionNote) -> Value {
    match note {
        SessionNote::State(state) => json!({ "event": "state", "state": state.name() }),
        SessionNote::Ended(by) => json!({ "event": "ended", "ended_by": by.name() }),
        SessionNote::Fault(report) => json!({ "event": "fault", "fault": fault_json(report, "session") }),
        SessionNote::Warning(guard, report) => {
            json!({ "event": "warning", "fault": fault_json(report, guard.name()) })
        }
        SessionNote::ProofFailed(guard, step) => {
            json!({ "event": "proof failed", "guard": guard.name(), "step": step.name() })
        }
        SessionNote::Proven(guard) => json!({ "event": "proven", "guard": guard.name() }),
    }
}
