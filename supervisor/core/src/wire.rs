//! What the bytes of the bus contract mean: one type for each frame, with its encoder and its decoder. Permits and the
//! gate's report live here; a chamber's reading lives in `reading`, what chamber and linac say of themselves in `status`.
//!
//! The contract is `configs/can/ioert-beam.dbc`; a test outside this crate holds the two against each other. Protection
//! (CRC, alive counter) is the business of `frame`; here a frame is already believed, and the only thing that can still
//! be wrong is a value that the contract does not name ([`Unnamed`]).

use crate::frame::{Frame, protect};

pub use crate::reading::{DoseReading, dose_flag};
pub use crate::status::{ChamberMode, ChamberStatus, Docking, LinacStatus, interlock_bit};

/// Identifier of PERMIT_DOSE1. The permits of the four guards follow one another.
pub const PERMIT_DOSE1: u16 = 0x011;
/// Identifier of PERMIT_DOSE2.
pub const PERMIT_DOSE2: u16 = 0x012;
/// Identifier of PERMIT_TIME.
pub const PERMIT_TIME: u16 = 0x013;
/// Identifier of PERMIT_INTERLOCK.
pub const PERMIT_INTERLOCK: u16 = 0x014;
/// Identifier of GATE_STATUS.
pub const GATE_STATUS: u16 = 0x020;
/// Identifier of MON1_DOSE.
pub const MON1_DOSE: u16 = 0x101;
/// Identifier of MON2_DOSE.
pub const MON2_DOSE: u16 = 0x102;
/// Identifier of BEAM_CHARGE.
pub const BEAM_CHARGE: u16 = 0x103;
/// Identifier of MON1_STATUS.
pub const MON1_STATUS: u16 = 0x111;
/// Identifier of MON2_STATUS.
pub const MON2_STATUS: u16 = 0x112;
/// Identifier of LINAC_STATUS.
pub const LINAC_STATUS: u16 = 0x201;

/// Every identifier of the contract.
pub const IDENTIFIERS: [u16; 11] = [
    PERMIT_DOSE1,
    PERMIT_DOSE2,
    PERMIT_TIME,
    PERMIT_INTERLOCK,
    GATE_STATUS,
    MON1_DOSE,
    MON2_DOSE,
    BEAM_CHARGE,
    MON1_STATUS,
    MON2_STATUS,
    LINAC_STATUS,
];

/// The pulse lease that sets no limit: from the time guard, and from every guard of a machine without pulses.
pub const NO_PULSE_LIMIT: u32 = 0x00FF_FFFF;

/// The frame carries a number that the contract gives no meaning to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unnamed;

/// The four guards, each with its own permit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Guard {
    /// Ends the beam when monitor 1 reaches the preset.
    Dose1,
    /// Ends the beam when monitor 2 reaches the backup.
    Dose2,
    /// Ends the beam when the beam-on time is over.
    Time,
    /// Ends the beam on any interlock.
    Interlock,
}

impl Guard {
    /// All four, in the order of their permits.
    pub const ALL: [Self; 4] = [Self::Dose1, Self::Dose2, Self::Time, Self::Interlock];

    /// 0 to 3, for arrays that hold one item a guard.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Dose1 => 0,
            Self::Dose2 => 1,
            Self::Time => 2,
            Self::Interlock => 3,
        }
    }

    /// The identifier of this guard's permit.
    #[must_use]
    pub const fn permit_id(self) -> u16 {
        match self {
            Self::Dose1 => PERMIT_DOSE1,
            Self::Dose2 => PERMIT_DOSE2,
            Self::Time => PERMIT_TIME,
            Self::Interlock => PERMIT_INTERLOCK,
        }
    }

    /// This guard's bit in ClosedBy: 1 dose 1, 2 dose 2, 4 time, 8 interlock.
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            Self::Dose1 => 1,
            Self::Dose2 => 2,
            Self::Time => 4,
            Self::Interlock => 8,
        }
    }

    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dose1 => "dose 1",
            Self::Dose2 => "dose 2",
            Self::Time => "time",
            Self::Interlock => "interlock",
        }
    }
}

/// State of a permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum PermitState {
    /// No beam on this guard's word.
    Withheld,
    /// Beam up to the leased pulse.
    Permit,
    /// No beam any more in this delivery.
    Tripped,
}

/// Why a permit was withdrawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Reason {
    /// Nothing to say.
    None,
    /// The dose was reached.
    DoseReached,
    /// The operator asked for it.
    Operator,
    /// A fault; which one is in the record.
    Fault,
}

/// The lease of the beam that one guard sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Permit {
    /// State.
    pub state: PermitState,
    /// Reason of the state.
    pub reason: Reason,
    /// Delivery that it is about; 0 is none.
    pub delivery: u16,
    /// Index of the last pulse that may be fired, or [`NO_PULSE_LIMIT`].
    pub lease: u32,
}

impl Permit {
    /// The frame for this permit.
    #[must_use]
    pub fn encode(&self, guard: Guard, alive: u8) -> Frame {
        let state = match self.state {
            PermitState::Withheld => 0,
            PermitState::Permit => 1,
            PermitState::Tripped => 2,
        };
        let reason = match self.reason {
            Reason::None => 0,
            Reason::DoseReached => 1,
            Reason::Operator => 2,
            Reason::Fault => 3,
        };
        let [d0, d1] = self.delivery.to_le_bytes();
        let [l0, l1, l2, _] = self.lease.min(NO_PULSE_LIMIT).to_le_bytes();
        protect(guard.permit_id(), alive, state, [reason, d0, d1, l0, l1, l2])
    }

    /// The permit in a believed frame.
    ///
    /// # Errors
    /// [`Unnamed`] when State or Reason is none of the contract's.
    pub fn decode(frame: &Frame) -> Result<Self, Unnamed> {
        let [_, b1, reason, d0, d1, l0, l1, l2] = frame.data;
        let state = match b1 >> 4 {
            0 => PermitState::Withheld,
            1 => PermitState::Permit,
            2 => PermitState::Tripped,
            _ => return Err(Unnamed),
        };
        let reason = match reason {
            0 => Reason::None,
            1 => Reason::DoseReached,
            2 => Reason::Operator,
            3 => Reason::Fault,
            _ => return Err(Unnamed),
        };
        let delivery = u16::from_le_bytes([d0, d1]);
        let lease = u32::from_le_bytes([l0, l1, l2, 0]);
        Ok(Self { state, reason, delivery, lease })
    }
}

/// State of the gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum GateState {
    /// No pulse passes.
    Closed,
    /// Pulses pass up to the smallest lease.
    Open,
    /// Closed for this delivery for good.
    Latched,
}

/// Why the gate lets no pulse pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum CloseCause {
    /// It does, or it does not say.
    None,
    /// A permit is withheld.
    PermitWithheld,
    /// A permit is tripped.
    PermitTripped,
    /// A permit is older than stale-after.
    PermitStale,
    /// A permit failed its protection, or says what it may not.
    PermitInvalid,
    /// A permit is of another delivery.
    DeliveryMismatch,
    /// The smallest lease is used up.
    LeaseUsed,
    /// A hardware interlock of the treatment unit is open.
    HardwareInterlock,
}

impl CloseCause {
    /// The number of the contract.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::PermitWithheld => 1,
            Self::PermitTripped => 2,
            Self::PermitStale => 3,
            Self::PermitInvalid => 4,
            Self::DeliveryMismatch => 5,
            Self::LeaseUsed => 6,
            Self::HardwareInterlock => 7,
        }
    }
}

/// The gate's own report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct GateStatus {
    /// State.
    pub state: GateState,
    /// Why no pulse passes.
    pub cause: CloseCause,
    /// Whose permits: a sum of [`Guard::bit`].
    pub closed_by: u8,
    /// Pulses fired in this delivery; 0 when a delivery is taken up; stops at 16 777 214.
    pub pulses: u32,
    /// Beam-on time by the gate's own clock, in hundredths of a second, modulo 2^16.
    pub beam_on_centiseconds: u16,
}

impl GateStatus {
    /// Whether two reports tell the same of the gate; its clock goes on and is no news.
    #[must_use]
    pub fn tells_the_same(&self, other: &Self) -> bool {
        *self == Self { beam_on_centiseconds: self.beam_on_centiseconds, ..*other }
    }

    /// The frame for this report.
    #[must_use]
    pub fn encode(&self, alive: u8) -> Frame {
        let state = match self.state {
            GateState::Closed => 0,
            GateState::Open => 1,
            GateState::Latched => 2,
        };
        let cause = self.cause.code() | (self.closed_by << 4);
        let [p0, p1, p2, _] = self.pulses.min(NO_PULSE_LIMIT).to_le_bytes();
        let [t0, t1] = self.beam_on_centiseconds.to_le_bytes();
        protect(GATE_STATUS, alive, state, [cause, p0, p1, p2, t0, t1])
    }

    /// The report in a believed frame.
    ///
    /// # Errors
    /// [`Unnamed`] when State or CloseCause is none of the contract's.
    pub fn decode(frame: &Frame) -> Result<Self, Unnamed> {
        let [_, b1, b2, p0, p1, p2, t0, t1] = frame.data;
        let state = match b1 >> 4 {
            0 => GateState::Closed,
            1 => GateState::Open,
            2 => GateState::Latched,
            _ => return Err(Unnamed),
        };
        let cause = match b2 & 0x0F {
            0 => CloseCause::None,
            1 => CloseCause::PermitWithheld,
            2 => CloseCause::PermitTripped,
            3 => CloseCause::PermitStale,
            4 => CloseCause::PermitInvalid,
            5 => CloseCause::DeliveryMismatch,
            6 => CloseCause::LeaseUsed,
            7 => CloseCause::HardwareInterlock,
            _ => return Err(Unnamed),
        };
        Ok(Self {
            state,
            cause,
            closed_by: b2 >> 4,
            pulses: u32::from_le_bytes([p0, p1, p2, 0]),
            beam_on_centiseconds: u16::from_le_bytes([t0, t1]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::ChargeCounter;

    #[test]
    fn the_four_frames_of_the_contract() {
        let dose = DoseReading { flags: 0, pulses: 1000, charge: ChargeCounter::from_raw(123_456_789) };
        assert_eq!(dose.encode(MON1_DOSE, 3).data, [0xE1, 0x03, 0xE8, 0x03, 0x15, 0xCD, 0x5B, 0x07]);
        let permit = Permit { state: PermitState::Permit, reason: Reason::None, delivery: 7, lease: 250 };
        assert_eq!(permit.encode(Guard::Dose1, 0).data, [0x4E, 0x10, 0x00, 0x07, 0x00, 0xFA, 0x00, 0x00]);
        let gate = GateStatus {
            state: GateState::Open,
            cause: CloseCause::None,
            closed_by: 0,
            pulses: 249,
            beam_on_centiseconds: 4980,
        };
        assert_eq!(gate.encode(14).data, [0xE6, 0x1E, 0x00, 0xF9, 0x00, 0x00, 0x74, 0x13]);
        let linac = LinacStatus {
            docking: Docking::HardDocked,
            energy: 90,
            applicator: 17,
            pulse_rate: 50,
            interlocks: interlock_bit::BEAM_REQUESTED,
        };
        assert_eq!(linac.encode(1).data, [0x78, 0x31, 0x5A, 0x11, 0x32, 0x00, 0x00, 0x80]);
    }

    #[test]
    fn every_frame_decodes_to_what_was_encoded() {
        let permit = Permit { state: PermitState::Tripped, reason: Reason::Fault, delivery: 65_535, lease: 16_777_215 };
        assert_eq!(Permit::decode(&permit.encode(Guard::Time, 9)), Ok(permit));
        let gate = GateStatus {
            state: GateState::Latched,
            cause: CloseCause::PermitTripped,
            closed_by: 15,
            pulses: 16_777_214,
            beam_on_centiseconds: 65_535,
        };
        assert_eq!(GateStatus::decode(&gate.encode(3)), Ok(gate));
        let chamber = ChamberStatus { mode: ChamberMode::Fault, voltage: 15_000, leakage: -32_768, faults: 15 };
        assert_eq!(ChamberStatus::decode(&chamber.encode(MON2_STATUS, 2)), Ok(chamber));
    }

    #[test]
    fn trips_a_number_that_the_contract_does_not_name() {
        let mut frame = protect(PERMIT_DOSE1, 0, 3, [0; 6]);
        assert_eq!(Permit::decode(&frame), Err(Unnamed));
        frame = protect(GATE_STATUS, 0, 0, [8, 0, 0, 0, 0, 0]);
        assert_eq!(GateStatus::decode(&frame), Err(Unnamed));
        frame = protect(LINAC_STATUS, 0, 5, [0; 6]);
        assert_eq!(LinacStatus::decode(&frame), Err(Unnamed));
    }
}
