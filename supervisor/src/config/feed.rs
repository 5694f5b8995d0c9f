//! What feeds the guards of a chamber, for people and programs: which message of which file, and what its signals are.

use std::fmt;

use beam_core::extraction::{ByteOrder, Counting, Electrometer, Field, PulseSign};
use beam_core::machine::{Machine, Protection};
use serde::Serialize;

use super::reader::Section;

/// What feeds the guards of a chamber.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Feed {
    /// Monitor 1 or 2.
    pub monitor: u8,
    /// The guards that read it.
    pub guards: Vec<&'static str>,
    /// The DBC file, or the bus contract.
    pub file: String,
    /// The message.
    pub message: String,
    /// Its identifier.
    pub id: u16,
    /// By what a frame is believed: `e2e`, `sequence` (a counter of frames) or `none`.
    pub protection: &'static str,
    /// The charge: signal, bits, what a count is.
    pub charge: String,
    /// What tells of a pulse; none on a machine without pulses.
    pub pulses: Option<String>,
    /// Signals that are flags, each with what it means.
    pub flags: Vec<String>,
}

impl Feed {
    /// The chambers of `machine` that speak the bus contract, beside `others`; monitor 1 first.
    pub fn of_machine(machine: &Machine, others: &[Self]) -> Vec<Self> {
        let of = |monitor: u8| {
            let other = others.iter().find(|feed| feed.monitor == monitor).cloned();
            other.unwrap_or_else(|| Self::of_contract(monitor, machine))
        };
        vec![of(1), of(2)]
    }

    fn of_contract(monitor: u8, machine: &Machine) -> Self {
        Self {
            monitor,
            guards: guards(monitor),
            file: "bus contract".to_owned(),
            message: format!("MON{monitor}_DOSE"),
            id: machine.dose_id(monitor),
            protection: protection(machine.dose_protection(monitor)),
            charge: "Charge, 32 bits, Intel, 1 pC a count, cumulative".to_owned(),
            pulses: Some("PulseCount, counter of 16 bits, Intel".to_owned()),
            flags: vec!["saturated, overrange, self-test and fault in Flags".to_owned()],
        }
    }

    /// An electrometer as `section` of a profile names it.
    pub(super) fn of_electrometer(
        monitor: u8,
        electrometer: &Electrometer,
        file: &str,
        section: &Section<'_, '_>,
    ) -> Self {
        let name = |key: &str| section.written(key).unwrap_or_default();
        let extraction = &electrometer.extraction;
        let sign = if extraction.signed { "signed" } else { "unsigned" };
        let counting = match extraction.counting {
            Counting::Cumulative => "cumulative",
            Counting::PerPulse { .. } => "per pulse",
        };
        let (numerator, denominator) = (extraction.scale.numerator.get(), extraction.scale.denominator.get());
        let scale = if denominator == 1 { numerator.to_string() } else { format!("{numerator}/{denominator}") };
        let charge =
            format!("{}, {}, {sign}, {scale} pC a count, {counting}", name("charge"), bits(&extraction.charge));
        let pulses = match extraction.pulses {
            PulseSign::None => None,
            PulseSign::Counter(field) => Some(format!("{}, counter of {}", name("pulses"), bits(&field))),
            PulseSign::Mark(field) => Some(format!("{}, mark of {}", name("new-pulse"), bits(&field))),
        };
        let flags = ["saturated", "overrange", "self-test", "fault", "valid"];
        let flags = flags.iter().filter_map(|key| Some(format!("{key} in {}", section.written(key)?)));
        Self {
            monitor,
            guards: guards(monitor),
            file: file.to_owned(),
            message: name("message").to_owned(),
            id: electrometer.id,
            protection: protection(electrometer.protection),
            charge,
            pulses,
            flags: flags.collect(),
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { monitor, file, message, id, charge, .. } = self;
        write!(formatter, "monitor {monitor} is read from `{message}` ({id:#05x}) of {file}: {charge}")?;
        if let Some(pulses) = &self.pulses {
            write!(formatter, "; {pulses}")?;
        }
        for flag in &self.flags {
            write!(formatter, "; {flag}")?;
        }
        Ok(())
    }
}

fn guards(monitor: u8) -> Vec<&'static str> {
    vec![if monitor == 1 { "dose 1" } else { "dose 2" }, "time", "interlock"]
}

const fn protection(protection: Protection) -> &'static str {
    match protection {
        Protection::E2e => "e2e",
        Protection::Declared { sequence: Some(_), .. } => "sequence",
        Protection::Declared { sequence: None, .. } | Protection::None => "none",
    }
}

fn bits(field: &Field) -> String {
    let order = match field.order() {
        ByteOrder::Intel => "Intel",
        ByteOrder::Motorola => "Motorola",
    };
    match field.width() {
        1 => format!("1 bit, {order}"),
        width => format!("{width} bits, {order}"),
    }
}
