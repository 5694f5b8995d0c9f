//! The frames of the contract: every value goes out and comes back as itself, and what the contract does not name is
//! refused.

use beam_core::frame::protect;
use beam_core::reading::DoseReading;
use beam_core::requirement::Requirement;
use beam_core::status::{ChamberMode, ChamberStatus, Docking, LinacStatus, interlock_bit};
use beam_core::units::ChargeCounter;
use beam_core::wire::{
    CloseCause, GATE_STATUS, GateState, GateStatus, Guard, LINAC_STATUS, MON1_STATUS, MON2_DOSE, NO_PULSE_LIMIT,
    PERMIT_DOSE1, Permit, PermitState, Reason, Unnamed,
};

use crate::kit::verifies;

const CAUSES: [CloseCause; 8] = [
    CloseCause::None,
    CloseCause::PermitWithheld,
    CloseCause::PermitTripped,
    CloseCause::PermitStale,
    CloseCause::PermitInvalid,
    CloseCause::DeliveryMismatch,
    CloseCause::LeaseUsed,
    CloseCause::HardwareInterlock,
];
const DOCKINGS: [Docking; 5] =
    [Docking::None, Docking::Undocked, Docking::Aligning, Docking::HardDocked, Docking::SoftDocked];

#[test]
fn the_four_guards_differ_in_everything() {
    assert_eq!(Guard::ALL.map(Guard::index), [0, 1, 2, 3]);
    assert_eq!(Guard::ALL.map(Guard::permit_id), [0x011, 0x012, 0x013, 0x014]);
    assert_eq!(Guard::ALL.map(Guard::bit), [1, 2, 4, 8]);
    assert_eq!(Guard::ALL.map(Guard::name), ["dose 1", "dose 2", "time", "interlock"]);
}

#[test]
fn the_names_of_dockings_are_those_of_plans() {
    assert_eq!(DOCKINGS.map(Docking::name), ["none", "undocked", "aligning", "hard", "soft"]);
}

#[test]
fn holds_every_permit_on_its_way() {
    verifies(Requirement::BusTrusted);
    let states = [PermitState::Withheld, PermitState::Permit, PermitState::Tripped];
    let reasons = [Reason::None, Reason::DoseReached, Reason::Operator, Reason::Fault];
    for (state, nibble) in states.into_iter().zip(0_u8..) {
        for (reason, code) in reasons.into_iter().zip(0_u8..) {
            let permit = Permit { state, reason, delivery: 0xA1B2, lease: 0xC3_D4E5 };
            let frame = permit.encode(Guard::Time, 5);
            assert_eq!(frame.data[1..], [nibble << 4 | 5, code, 0xB2, 0xA1, 0xE5, 0xD4, 0xC3]);
            assert_eq!(Permit::decode(&frame), Ok(permit));
        }
    }
    let beyond = Permit { state: PermitState::Permit, reason: Reason::None, delivery: 1, lease: NO_PULSE_LIMIT + 1 };
    let sent = Permit::decode(&beyond.encode(Guard::Time, 0));
    assert_eq!(sent, Ok(Permit { lease: NO_PULSE_LIMIT, ..beyond }), "a lease keeps to its 24 bits");
}

#[test]
fn holds_every_report_of_the_gate_on_its_way() {
    verifies(Requirement::BusTrusted);
    for (state, nibble) in [GateState::Closed, GateState::Open, GateState::Latched].into_iter().zip(0_u8..) {
        for (cause, code) in CAUSES.into_iter().zip(0_u8..) {
            let status = GateStatus { state, cause, closed_by: 9, pulses: 0x12_3456, beam_on_centiseconds: 0x789A };
            let frame = status.encode(3);
            assert_eq!(frame.data[1..], [nibble << 4 | 3, 9 << 4 | code, 0x56, 0x34, 0x12, 0x9A, 0x78]);
            assert_eq!((cause.code(), GateStatus::decode(&frame)), (code, Ok(status)));
        }
    }
}

#[test]
fn holds_every_status_of_a_chamber_on_its_way() {
    verifies(Requirement::BusTrusted);
    let modes = [ChamberMode::Starting, ChamberMode::Ready, ChamberMode::SelfTest, ChamberMode::Fault];
    for (mode, nibble) in modes.into_iter().zip(0_u8..) {
        let status = ChamberStatus { mode, voltage: 0x1234, leakage: -2, faults: 0x5678 };
        let frame = status.encode(MON1_STATUS, 7);
        assert_eq!(frame.id, MON1_STATUS);
        assert_eq!(frame.data[1..], [nibble << 4 | 7, 0x34, 0x12, 0xFE, 0xFF, 0x78, 0x56]);
        assert_eq!(ChamberStatus::decode(&frame), Ok(status));
    }
}

#[test]
fn holds_every_status_of_the_linac_on_its_way() {
    verifies(Requirement::BusTrusted);
    for (docking, nibble) in DOCKINGS.into_iter().zip(0_u8..) {
        for (interlocks, requested) in [(0x7FFF, false), (0x8000, true), (0xFFFF, true)] {
            let status = LinacStatus { docking, energy: 90, applicator: 17, pulse_rate: 0x1234, interlocks };
            let frame = status.encode(1);
            assert_eq!(frame.data[1..7], [nibble << 4 | 1, 90, 17, 0x34, 0x12, interlocks.to_le_bytes()[0]]);
            assert_eq!(LinacStatus::decode(&frame), Ok(status));
            assert_eq!(status.beam_requested(), requested);
        }
    }
}

#[test]
fn holds_every_reading_on_its_way() {
    verifies(Requirement::BusTrusted);
    for flags in 0..16 {
        let reading = DoseReading { flags, pulses: 0xA1B2, charge: ChargeCounter::from_raw(0xC3D4_E5F6) };
        let frame = reading.encode(MON2_DOSE, 2);
        assert_eq!(frame.id, MON2_DOSE);
        assert_eq!(frame.data[1..], [flags << 4 | 2, 0xB2, 0xA1, 0xF6, 0xE5, 0xD4, 0xC3]);
        assert_eq!(DoseReading::decode(&frame), reading);
    }
    let loud = DoseReading { flags: 0x1F, pulses: 0, charge: ChargeCounter::from_raw(0) };
    assert_eq!(DoseReading::decode(&loud.encode(MON2_DOSE, 0)).flags, 0x0F, "flags keep to their nibble");
}

#[test]
fn trips_every_number_that_the_contract_does_not_name() {
    verifies(Requirement::BusTrusted);
    for nibble in 3..16 {
        assert_eq!(Permit::decode(&protect(PERMIT_DOSE1, 0, nibble, [0; 6])), Err(Unnamed), "{nibble}");
        assert_eq!(GateStatus::decode(&protect(GATE_STATUS, 0, nibble, [0; 6])), Err(Unnamed), "{nibble}");
    }
    for reason in 4..=255 {
        assert_eq!(Permit::decode(&protect(PERMIT_DOSE1, 0, 1, [reason, 0, 0, 0, 0, 0])), Err(Unnamed), "{reason}");
    }
    for cause in 8..16 {
        assert_eq!(GateStatus::decode(&protect(GATE_STATUS, 0, 1, [cause, 0, 0, 0, 0, 0])), Err(Unnamed), "{cause}");
    }
    for nibble in 4..16 {
        assert_eq!(ChamberStatus::decode(&protect(MON1_STATUS, 0, nibble, [0; 6])), Err(Unnamed), "{nibble}");
    }
    for nibble in 5..16 {
        assert_eq!(LinacStatus::decode(&protect(LINAC_STATUS, 0, nibble, [0; 6])), Err(Unnamed), "{nibble}");
    }
}

#[test]
fn the_bits_of_the_interlocks_are_those_of_the_contract() {
    let bits = [
        interlock_bit::DOOR,
        interlock_bit::EMERGENCY_STOP,
        interlock_bit::NOT_READY,
        interlock_bit::SERVICE_MODE,
        interlock_bit::APPLICATOR_UNREAD,
        interlock_bit::VIEW_LOST,
        interlock_bit::COOLING,
        interlock_bit::HIGH_VOLTAGE,
    ];
    assert_eq!(bits, [1, 2, 4, 8, 16, 32, 64, 128]);
}
