//! The kinds under which tables count mishaps, by name: those that a campaign draws and those that only scenarios use.

use beam_drivers::sim::Signal;

use super::{Complaint, Deed, Part, What};

/// Kinds of mishaps that a campaign draws beside the unit's own faults.
pub const OTHER_KINDS: [&str; 30] = [
    "frames-lost",
    "frames-late",
    "frames-repeated",
    "frames-reordered",
    "frames-corrupted",
    "bus-off",
    "bus-cut",
    "babbling-node",
    "guard-stalled",
    "session-stalled",
    "process-stalled",
    "guard-died",
    "session-died",
    "process-died",
    "restart",
    "clock-step",
    "clock-slew",
    "operator-acts",
    "operator-interrupts",
    "operator-terminates",
    "operator-at-button",
    "controller-warns",
    "controller-complains",
    "output-changed",
    "rate-changed",
    "instrument-reads",
    "counters-cleared",
    "beam-leaks",
    "pulses-while-closed",
    "gate-tells-late",
];

/// Kinds of mishaps that scenarios use and no campaign draws.
pub const SCENARIO_KINDS: [&str; 9] = [
    "instrument-clips",
    "instrument-reads-counts",
    "voltage-read-back",
    "energy-sensed",
    "response-drifts",
    "linac-pauses",
    "gate-held",
    "frames-overflowed",
    "stamp-step",
];

impl What {
    /// The kind under which tables count it: the name of the unit's fault, or one of [`OTHER_KINDS`] or
    /// [`SCENARIO_KINDS`].
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        if let Some(signal) = self.signal() {
            return of_signal(signal);
        }
        match self {
            Self::Unit(injection) => injection.name(),
            Self::Lose(_) => "frames-lost",
            Self::Late { .. } => "frames-late",
            Self::Repeat(_) => "frames-repeated",
            Self::Reorder(_) => "frames-reordered",
            Self::Corrupt(_) => "frames-corrupted",
            Self::BusOff { .. } => "bus-off",
            Self::Cut { .. } => "bus-cut",
            Self::Babble { .. } => "babbling-node",
            Self::Stall { part, .. } => match part {
                Part::Guard(_) => "guard-stalled",
                Part::Session => "session-stalled",
                Part::Process => "process-stalled",
            },
            Self::Die { part } => match part {
                Part::Guard(_) => "guard-died",
                Part::Session => "session-died",
                Part::Process => "process-died",
            },
            Self::Restart { .. } => "restart",
            Self::ClockStep { .. } => "clock-step",
            Self::ClockSlew { .. } => "clock-slew",
            Self::Operator(deed) => match deed {
                Deed::Arm | Deed::Begin | Deed::Resume => "operator-acts",
                Deed::Acknowledge | Deed::AcknowledgeAsOperator => "operator-acts",
                Deed::Interrupt => "operator-interrupts",
                Deed::Terminate => "operator-terminates",
                Deed::ReleaseBeam | Deed::PressBeam => "operator-at-button",
            },
            Self::ControllerSays { complaint: Complaint::ErrorWarning, .. } => "controller-warns",
            Self::ControllerSays { .. } => "controller-complains",
            Self::Overflow { .. } => "frames-overflowed",
            Self::StampStep { .. } => "stamp-step",
            _ => "signal",
        }
    }
}

/// The kind under which tables count a signal.
const fn of_signal(signal: Signal) -> &'static str {
    match signal {
        Signal::Output(_) => "output-changed",
        Signal::Reads(..) => "instrument-reads",
        Signal::Clips(..) => "instrument-clips",
        Signal::Counts(..) => "instrument-reads-counts",
        Signal::Voltage(..) => "voltage-read-back",
        Signal::Energy(_) => "energy-sensed",
        Signal::DriftPerHour(..) => "response-drifts",
        Signal::ClearCounters(_) => "counters-cleared",
        Signal::Pause(_) => "linac-pauses",
        Signal::Hold(_) => "gate-held",
        Signal::Leak(_) => "beam-leaks",
        Signal::Rate(_) => "rate-changed",
        Signal::Stray(_) => "pulses-while-closed",
        Signal::TellsLate(..) => "gate-tells-late",
    }
}
