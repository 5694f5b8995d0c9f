//! The set-up as the linac and the chambers report it: is it the planned one, and is every interlock closed.

use crate::fault::{Fault, FaultSet};
use crate::machine::{Monitor, SetUp};
use crate::note::FaultReport;
use crate::wire::{ChamberMode, ChamberStatus, LinacStatus, interlock_bit};

/// Interlock bits of LINAC_STATUS and the fault that each is.
const INTERLOCKS: [(u16, Fault); 8] = [
    (interlock_bit::EMERGENCY_STOP, Fault::EmergencyStop),
    (interlock_bit::DOOR, Fault::Door),
    (interlock_bit::SERVICE_MODE, Fault::ServiceMode),
    (interlock_bit::NOT_READY, Fault::LinacNotReady),
    (interlock_bit::APPLICATOR_UNREAD, Fault::ApplicatorUnread),
    (interlock_bit::VIEW_LOST, Fault::ViewLost),
    (interlock_bit::COOLING, Fault::Cooling),
    (interlock_bit::HIGH_VOLTAGE, Fault::HighVoltage),
];

/// The interlocks of the linac that are open.
#[must_use]
pub fn open_interlocks(status: &LinacStatus) -> FaultSet {
    INTERLOCKS.iter().fold(
        FaultSet::EMPTY,
        |set, &(bit, fault)| {
            if status.interlocks & bit != 0 { set.with(fault) } else { set }
        },
    )
}

/// The first way in which the linac is not set up as planned.
#[must_use]
pub fn deviation(status: &LinacStatus, plan: &SetUp) -> Option<FaultReport> {
    if status.energy.abs_diff(plan.energy) > plan.energy_tolerance {
        return Some(FaultReport::of(Fault::Energy).measured(i64::from(status.energy), i64::from(plan.energy)));
    }
    if status.applicator != plan.applicator {
        let (found, planned) = (i64::from(status.applicator), i64::from(plan.applicator));
        return Some(FaultReport::of(Fault::Applicator).measured(found, planned));
    }
    if status.docking != plan.docking {
        return Some(FaultReport::of(Fault::Docking));
    }
    None
}

/// What is wrong with a chamber by its own status. Its leakage current says something only while the beam is off.
#[must_use]
pub fn chamber_fault(status: &ChamberStatus, monitor: &Monitor, beam_off: bool) -> Option<FaultReport> {
    if status.faults != 0 || !matches!(status.mode, ChamberMode::Ready) {
        return Some(FaultReport::of(Fault::ChamberReportsFault).measured(i64::from(status.faults), 0));
    }
    if status.voltage.abs_diff(monitor.voltage) > monitor.voltage_tolerance {
        let (found, nominal) = (i64::from(status.voltage), i64::from(monitor.voltage));
        return Some(FaultReport::of(Fault::Voltage).measured(found, nominal));
    }
    let leakage = i32::from(status.leakage).saturating_abs();
    if beam_off && leakage > monitor.leakage_block {
        let (found, limit) = (i64::from(leakage), i64::from(monitor.leakage_block));
        return Some(FaultReport::of(Fault::Leakage).measured(found, limit));
    }
    None
}

/// Whether a chamber's leakage is worth a warning.
#[must_use]
pub fn leakage_warning(status: &ChamberStatus, monitor: &Monitor) -> Option<FaultReport> {
    let leakage = i32::from(status.leakage).saturating_abs();
    (leakage > monitor.leakage_warn)
        .then(|| FaultReport::of(Fault::Leakage).measured(i64::from(leakage), i64::from(monitor.leakage_warn)))
}
