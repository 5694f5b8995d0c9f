//! The set-up: the planned one, and every interlock closed.

use beam_core::fault::{Fault, FaultSet};
use beam_core::machine::SetUp;
use beam_core::note::FaultReport;
use beam_core::requirement::Requirement;
use beam_core::set_up::{chamber_fault, deviation, leakage_warning, open_interlocks};
use beam_core::status::{ChamberMode, ChamberStatus, Docking, LinacStatus, interlock_bit};

use crate::kit::{machine, order, verifies};

const PLANNED: LinacStatus =
    LinacStatus { docking: Docking::HardDocked, energy: 90, applicator: 17, pulse_rate: 100, interlocks: 0 };
const CHAMBER: ChamberStatus = ChamberStatus { mode: ChamberMode::Ready, voltage: 15_000, leakage: 0, faults: 0 };

fn numbers(report: Option<FaultReport>) -> Option<(Fault, i64, i64)> {
    report.map(|report| (report.fault, report.measured, report.limit))
}

fn deviates(status: LinacStatus) -> Option<(Fault, i64, i64)> {
    numbers(deviation(&status, &order().set_up))
}

#[test]
fn trips_each_open_interlock_as_its_own_fault() {
    verifies(Requirement::SetUp);
    let bits = [
        (interlock_bit::DOOR, Fault::Door),
        (interlock_bit::EMERGENCY_STOP, Fault::EmergencyStop),
        (interlock_bit::NOT_READY, Fault::LinacNotReady),
        (interlock_bit::SERVICE_MODE, Fault::ServiceMode),
        (interlock_bit::APPLICATOR_UNREAD, Fault::ApplicatorUnread),
        (interlock_bit::VIEW_LOST, Fault::ViewLost),
        (interlock_bit::COOLING, Fault::Cooling),
        (interlock_bit::HIGH_VOLTAGE, Fault::HighVoltage),
    ];
    for (bit, fault) in bits {
        let interlocks = bit | interlock_bit::BEAM_REQUESTED;
        assert_eq!(open_interlocks(&LinacStatus { interlocks, ..PLANNED }), FaultSet::EMPTY.with(fault));
    }
    let all = LinacStatus { interlocks: 0xFF, ..PLANNED };
    assert_eq!(open_interlocks(&all), bits.iter().fold(FaultSet::EMPTY, |set, &(_, fault)| set.with(fault)));
}

#[test]
fn holds_closed_interlocks_and_a_beam_request() {
    verifies(Requirement::SetUp);
    for interlocks in [0, interlock_bit::BEAM_REQUESTED] {
        assert_eq!(open_interlocks(&LinacStatus { interlocks, ..PLANNED }), FaultSet::EMPTY);
    }
}

#[test]
fn holds_the_planned_set_up_and_energy_within_its_tolerance() {
    verifies(Requirement::SetUp);
    for energy in [88, 90, 92] {
        assert_eq!(deviates(LinacStatus { energy, ..PLANNED }), None);
    }
}

#[test]
fn trips_any_other_set_up() {
    verifies(Requirement::SetUp);
    for energy in [87, 93] {
        assert_eq!(deviates(LinacStatus { energy, ..PLANNED }), Some((Fault::Energy, i64::from(energy), 90)));
    }
    for applicator in [16, 18] {
        let found = Some((Fault::Applicator, i64::from(applicator), 17));
        assert_eq!(deviates(LinacStatus { applicator, ..PLANNED }), found);
    }
    for docking in [Docking::None, Docking::Undocked, Docking::Aligning, Docking::SoftDocked] {
        assert_eq!(deviates(LinacStatus { docking, ..PLANNED }), Some((Fault::Docking, 0, 0)));
    }
    let undocked = SetUp { docking: Docking::None, ..order().set_up };
    assert!(deviation(&PLANNED, &undocked).is_some() && deviation(&PLANNED, &order().set_up).is_none());
}

#[test]
fn holds_a_chamber_at_its_limits() {
    verifies(Requirement::SetUp);
    let [first, _] = machine().monitors;
    for voltage in [14_700, 15_300] {
        assert_eq!(chamber_fault(&ChamberStatus { voltage, ..CHAMBER }, &first, true), None);
    }
    for leakage in [-44, 44] {
        assert_eq!(chamber_fault(&ChamberStatus { leakage, ..CHAMBER }, &first, true), None);
    }
    for leakage in [45, i16::MIN, i16::MAX] {
        let status = ChamberStatus { leakage, ..CHAMBER };
        assert_eq!(chamber_fault(&status, &first, false), None, "with the beam on a current is no leakage");
    }
    for leakage in [-20, 0, 20] {
        assert_eq!(leakage_warning(&ChamberStatus { leakage, ..CHAMBER }, &first), None);
    }
}

#[test]
fn trips_a_chamber_beyond_its_limits() {
    verifies(Requirement::SetUp);
    let [first, _] = machine().monitors;
    let found = |status: ChamberStatus, beam_off| numbers(chamber_fault(&status, &first, beam_off));
    for beam_off in [true, false] {
        for voltage in [14_699, 15_301] {
            let report = found(ChamberStatus { voltage, ..CHAMBER }, beam_off);
            assert_eq!(report, Some((Fault::Voltage, i64::from(voltage), 15_000)));
        }
        for mode in [ChamberMode::Starting, ChamberMode::SelfTest, ChamberMode::Fault] {
            let report = found(ChamberStatus { mode, ..CHAMBER }, beam_off);
            assert_eq!(report, Some((Fault::ChamberReportsFault, 0, 0)));
        }
        let report = found(ChamberStatus { faults: 5, ..CHAMBER }, beam_off);
        assert_eq!(report, Some((Fault::ChamberReportsFault, 5, 0)));
    }
    for leakage in [-45, 45] {
        assert_eq!(found(ChamberStatus { leakage, ..CHAMBER }, true), Some((Fault::Leakage, 45, 44)));
    }
    for leakage in [-21, 21] {
        let report = leakage_warning(&ChamberStatus { leakage, ..CHAMBER }, &first);
        assert_eq!(numbers(report), Some((Fault::Leakage, 21, 20)));
    }
}
