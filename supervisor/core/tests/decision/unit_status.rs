//! What linac and chambers say of themselves: a frame that came before changes nothing, whatever stands in it, and the next
//! one does.

use beam_core::frame::Origin;
use beam_core::note::FrameCounts;
use beam_core::requirement::Requirement;
use beam_core::status::{ChamberMode, ChamberStatus, Docking, LinacStatus, interlock_bit};
use beam_core::unit_status::UnitStatus;
use beam_core::wire::{MON1_STATUS, MON2_STATUS};

use crate::kit::{at, machine, verifies};

const LINAC: LinacStatus =
    LinacStatus { docking: Docking::HardDocked, energy: 90, applicator: 17, pulse_rate: 100, interlocks: 0 };

/// Whether a linac's frame with this counter and these interlocks is news; it is no fault.
fn linac(unit: &mut UnitStatus, alive: u8, interlocks: u16) -> bool {
    let frame = LinacStatus { interlocks, ..LINAC }.encode(alive);
    unit.hear_linac(at(1000), Origin::Wire, &frame, &mut FrameCounts::default()).unwrap()
}

/// The monitor of which a chamber's frame with this counter and this mode is news; it is no fault.
fn chamber(unit: &mut UnitStatus, id: u16, alive: u8, mode: ChamberMode) -> Option<u8> {
    let voltage = if id == MON1_STATUS { 15_000 } else { 20_000 };
    let frame = ChamberStatus { mode, voltage, leakage: 0, faults: 0 }.encode(id, alive);
    unit.hear_chamber(at(1000), Origin::Wire, &frame, &mut FrameCounts::default()).unwrap()
}

#[test]
fn holds_what_a_repeated_frame_says() {
    verifies(Requirement::BusTrusted);
    let mut unit = UnitStatus::new(&machine());
    assert!(linac(&mut unit, 3, 0));
    assert!(!linac(&mut unit, 3, interlock_bit::BEAM_REQUESTED | interlock_bit::DOOR));
    assert_eq!((unit.is_requested(), unit.linac_fault(false, None)), (false, None));
    for (monitor, id) in [(1, MON1_STATUS), (2, MON2_STATUS)] {
        assert_eq!(chamber(&mut unit, id, 3, ChamberMode::Ready), Some(monitor));
        assert_eq!(chamber(&mut unit, id, 3, ChamberMode::Fault), None);
        assert_eq!(unit.chamber_fault(monitor, false), None);
    }
}

#[test]
fn trips_what_the_next_frame_says() {
    verifies(Requirement::BusTrusted);
    let mut unit = UnitStatus::new(&machine());
    assert!(linac(&mut unit, 3, 0) && linac(&mut unit, 4, interlock_bit::BEAM_REQUESTED | interlock_bit::DOOR));
    assert!(unit.is_requested() && unit.linac_fault(false, None).is_some());
    for (monitor, id) in [(1, MON1_STATUS), (2, MON2_STATUS)] {
        assert_eq!(chamber(&mut unit, id, 3, ChamberMode::Ready), Some(monitor));
        assert_eq!(chamber(&mut unit, id, 4, ChamberMode::Fault), Some(monitor));
        assert_eq!(unit.chamber_fault(monitor, false).map(|report| report.monitor), Some(monitor));
    }
}
