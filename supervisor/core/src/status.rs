//! What the chambers' electronics and the linac say of themselves: the status frames of the bus contract, about twenty a second.

use crate::frame::{Frame, protect};
use crate::wire::{LINAC_STATUS, Unnamed};

/// Mode of a chamber's electronics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ChamberMode {
    /// Not yet ready.
    Starting,
    /// Measuring.
    Ready,
    /// Testing itself.
    SelfTest,
    /// Out of order.
    Fault,
}

/// What a chamber says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ChamberStatus {
    /// Mode.
    pub mode: ChamberMode,
    /// Polarising voltage in 0.02 V.
    pub voltage: u16,
    /// Leakage current in 0.1 pA.
    pub leakage: i16,
    /// Fault bits: 1 voltage supply, 2 electronics, 4 calibration memory, 8 over temperature.
    pub faults: u16,
}

impl ChamberStatus {
    /// The frame for this status under identifier `id`.
    #[must_use]
    pub fn encode(&self, id: u16, alive: u8) -> Frame {
        let mode = match self.mode {
            ChamberMode::Starting => 0,
            ChamberMode::Ready => 1,
            ChamberMode::SelfTest => 2,
            ChamberMode::Fault => 3,
        };
        let [v0, v1] = self.voltage.to_le_bytes();
        let [l0, l1] = self.leakage.to_le_bytes();
        let [f0, f1] = self.faults.to_le_bytes();
        protect(id, alive, mode, [v0, v1, l0, l1, f0, f1])
    }

    /// The status in a believed frame.
    ///
    /// # Errors
    /// [`Unnamed`] when Mode is none of the contract's.
    pub fn decode(frame: &Frame) -> Result<Self, Unnamed> {
        let [_, b1, v0, v1, l0, l1, f0, f1] = frame.data;
        let mode = match b1 >> 4 {
            0 => ChamberMode::Starting,
            1 => ChamberMode::Ready,
            2 => ChamberMode::SelfTest,
            3 => ChamberMode::Fault,
            _ => return Err(Unnamed),
        };
        Ok(Self {
            mode,
            voltage: u16::from_le_bytes([v0, v1]),
            leakage: i16::from_le_bytes([l0, l1]),
            faults: u16::from_le_bytes([f0, f1]),
        })
    }
}

/// How the applicator is joined to the head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Docking {
    /// The machine has no docking.
    None,
    /// Not joined.
    Undocked,
    /// Being aligned.
    Aligning,
    /// Mechanically joined.
    HardDocked,
    /// Aligned over an air gap.
    SoftDocked,
}

impl Docking {
    /// The name that plans and people use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Undocked => "undocked",
            Self::Aligning => "aligning",
            Self::HardDocked => "hard",
            Self::SoftDocked => "soft",
        }
    }
}

/// Bits of LINAC_STATUS Interlocks.
pub mod interlock_bit {
    /// The door is open.
    pub const DOOR: u16 = 1;
    /// Emergency stop.
    pub const EMERGENCY_STOP: u16 = 2;
    /// The linac is not ready.
    pub const NOT_READY: u16 = 4;
    /// The linac is in service mode.
    pub const SERVICE_MODE: u16 = 8;
    /// The applicator's code was not read.
    pub const APPLICATOR_UNREAD: u16 = 16;
    /// The view of the patient is lost.
    pub const VIEW_LOST: u16 = 32;
    /// Cooling.
    pub const COOLING: u16 = 64;
    /// High voltage.
    pub const HIGH_VOLTAGE: u16 = 128;
    /// The console asks for beam; not an interlock.
    pub const BEAM_REQUESTED: u16 = 32_768;
}

/// The linac's set-up as it is sensed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct LinacStatus {
    /// Docking.
    pub docking: Docking,
    /// Energy in the beam line in 0.1 MeV, never the selection.
    pub energy: u8,
    /// Code of the applicator.
    pub applicator: u8,
    /// Pulse rate in 0.1 Hz.
    pub pulse_rate: u16,
    /// Bits, see [`interlock_bit`].
    pub interlocks: u16,
}

impl LinacStatus {
    /// Whether the console asks for beam.
    #[must_use]
    pub const fn beam_requested(&self) -> bool {
        self.interlocks & interlock_bit::BEAM_REQUESTED != 0
    }

    /// The frame for this status.
    #[must_use]
    pub fn encode(&self, alive: u8) -> Frame {
        let docking = match self.docking {
            Docking::None => 0,
            Docking::Undocked => 1,
            Docking::Aligning => 2,
            Docking::HardDocked => 3,
            Docking::SoftDocked => 4,
        };
        let [r0, r1] = self.pulse_rate.to_le_bytes();
        let [i0, i1] = self.interlocks.to_le_bytes();
        protect(LINAC_STATUS, alive, docking, [self.energy, self.applicator, r0, r1, i0, i1])
    }

    /// The status in a believed frame.
    ///
    /// # Errors
    /// [`Unnamed`] when Docking is none of the contract's.
    pub fn decode(frame: &Frame) -> Result<Self, Unnamed> {
        let [_, b1, energy, applicator, r0, r1, i0, i1] = frame.data;
        let docking = match b1 >> 4 {
            0 => Docking::None,
            1 => Docking::Undocked,
            2 => Docking::Aligning,
            3 => Docking::HardDocked,
            4 => Docking::SoftDocked,
            _ => return Err(Unnamed),
        };
        Ok(Self {
            docking,
            energy,
            applicator,
            pulse_rate: u16::from_le_bytes([r0, r1]),
            interlocks: u16::from_le_bytes([i0, i1]),
        })
    }
}
