//! One reading of a monitor chamber, whoever its electrometer is: the bus contract's own frame, or the frame of another
//! electrometer by its [`Extraction`]. What a [`Source`] gives is what a frame adds to the one before: pulses and charge.
//!
//! Counters are unwrapped by their declared width, as signed differences. No frame may declare a reset, so a counter of
//! pulses that falls is a fault, and so is a charge that does.

use crate::extraction::{Counting, Extraction, PulseSign, RawReading};
use crate::frame::{Frame, protect};
use crate::units::{Charge, ChargeCounter};

/// Flags of a dose frame.
pub mod dose_flag {
    /// The electrometer's input was saturated: the charge is a lower bound.
    pub const SATURATED: u8 = 1;
    /// The reading left its range: the charge is a lower bound.
    pub const OVERRANGE: u8 = 2;
    /// The electrometer is testing itself.
    pub const SELF_TEST: u8 = 4;
    /// The electrometer reports a fault.
    pub const FAULT: u8 = 8;
}

/// One reading of a chamber, or of the beam charge sensor (whose unit is 10 pC).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct DoseReading {
    /// Flags, see [`dose_flag`].
    pub flags: u8,
    /// Pulses triggered since power-up, modulo 2^16.
    pub pulses: u16,
    /// Charge since power-up.
    pub charge: ChargeCounter,
}

impl DoseReading {
    /// The frame for this reading under identifier `id`.
    #[must_use]
    pub fn encode(&self, id: u16, alive: u8) -> Frame {
        let [p0, p1] = self.pulses.to_le_bytes();
        let [c0, c1, c2, c3] = self.charge.raw().to_le_bytes();
        protect(id, alive, self.flags & 0x0F, [p0, p1, c0, c1, c2, c3])
    }

    /// The reading in a believed frame. Every value has a meaning.
    #[must_use]
    pub fn decode(frame: &Frame) -> Self {
        let [_, b1, p0, p1, c0, c1, c2, c3] = frame.data;
        Self {
            flags: b1 >> 4,
            pulses: u16::from_le_bytes([p0, p1]),
            charge: ChargeCounter::from_raw(u32::from_le_bytes([c0, c1, c2, c3])),
        }
    }
}

/// What a frame adds to the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// There was none before.
    First,
    /// So many pulses and so much charge.
    Further {
        /// Pulses.
        pulses: u32,
        /// Charge, below zero when the counter drifts back.
        charge: Charge,
    },
    /// The count of pulses went back, or over pulses whose charge nobody told.
    Broken {
        /// The count as it stands in the frame.
        now: i64,
        /// The count in the frame before.
        before: i64,
        /// Charge that came with it.
        charge: Charge,
    },
}

/// A frame's flags, and what it adds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Flags, see [`dose_flag`].
    pub flags: u8,
    /// What it adds.
    pub progress: Progress,
}

/// Where a chamber's readings come from, with the last one.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "a guard holds one for each chamber, in the memory of its own thread")]
pub enum Source {
    /// MONn_DOSE of the bus contract.
    Contract(Option<DoseReading>),
    /// Another electrometer's frame.
    Electrometer(Follower),
}

impl Source {
    /// A source that has told nothing: another electrometer's frame by `extraction`, or the contract's own.
    #[must_use]
    pub const fn new(extraction: Option<&Extraction>) -> Self {
        match extraction {
            Some(extraction) => Self::Electrometer(Follower::new(extraction)),
            None => Self::Contract(None),
        }
    }

    /// Whether a lost frame may have taken a pulse with it that no later frame tells of.
    #[must_use]
    pub const fn needs_every_frame(&self) -> bool {
        match self {
            Self::Contract(_) => false,
            Self::Electrometer(follower) => matches!(follower.extraction.pulses, PulseSign::Mark(_)),
        }
    }

    /// Takes a believed frame.
    #[inline]
    pub fn step(&mut self, frame: &Frame) -> Step {
        match self {
            Self::Contract(last) => {
                let reading = DoseReading::decode(frame);
                let progress = last.replace(reading).map_or(Progress::First, |before| contract_step(&reading, &before));
                Step { flags: reading.flags, progress }
            }
            Self::Electrometer(follower) => follower.step(frame),
        }
    }
}

fn contract_step(reading: &DoseReading, before: &DoseReading) -> Progress {
    let pulses = u32::from(reading.pulses.wrapping_sub(before.pulses));
    let charge = reading.charge.since(before.charge);
    if pulses >= 0x8000 {
        // sixteen bits that went back: the electronics began anew
        return Progress::Broken { now: i64::from(reading.pulses), before: i64::from(before.pulses), charge };
    }
    Progress::Further { pulses, charge }
}

/// Follows another electrometer's frames.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    extraction: Extraction,
    last: Option<RawReading>,
    /// Parts of a pC that were collected and not yet told.
    rest: u32,
}

impl Follower {
    /// A follower that has seen nothing.
    #[must_use]
    pub const fn new(extraction: &Extraction) -> Self {
        Self { extraction: *extraction, last: None, rest: 0 }
    }

    /// Takes a believed frame.
    pub fn step(&mut self, frame: &Frame) -> Step {
        let reading = self.extraction.read(frame);
        let Some(before) = self.last.replace(reading) else {
            // what came before anybody listened is nobody's dose; whether it is a charge at all is judged where all is told
            let flags = match self.extraction.counting {
                Counting::Cumulative => self.extraction.flags_of_charge(reading.charge),
                Counting::PerPulse { .. } => 0,
            };
            return Step { flags: reading.flags | flags, progress: Progress::First };
        };
        let pulses = match self.extraction.pulses {
            PulseSign::None => 0,
            PulseSign::Counter(field) => field.step(reading.pulses, before.pulses),
            PulseSign::Mark(_) => i64::from(reading.pulses != 0),
        };
        let brings_charge = matches!(self.extraction.counting, Counting::Cumulative) || pulses != 0;
        let flags = if brings_charge { self.extraction.flags_of_charge(reading.charge) } else { 0 };
        let charge = if brings_charge { self.charge(&reading, &before) } else { Charge::ZERO };
        let alone = matches!(self.extraction.counting, Counting::PerPulse { .. });
        let progress = match u32::try_from(pulses) {
            Ok(pulses) if !(alone && pulses > 1) => Progress::Further { pulses, charge },
            Ok(_) | Err(_) => {
                let count = |raw: u64| i64::try_from(raw).unwrap_or(i64::MAX);
                Progress::Broken { now: count(reading.pulses), before: count(before.pulses), charge }
            }
        };
        Step { flags: reading.flags | flags, progress }
    }

    fn charge(&mut self, reading: &RawReading, before: &RawReading) -> Charge {
        let Extraction { charge, scale, .. } = self.extraction;
        let (counts, offset) = match self.extraction.counting {
            Counting::Cumulative => (charge.step(reading.charge, before.charge), 0),
            Counting::PerPulse { offset, .. } => (self.extraction.number(reading.charge), offset),
        };
        Charge::from_picocoulombs(scale.picocoulombs(counts, offset, &mut self.rest))
    }
}

/// Watches a chamber's frames for the sign of a pulse and for nothing else.
#[derive(Clone, Copy, Debug)]
pub struct PulseWatch {
    pulses: Option<PulseSign>,
    seen: Option<u64>,
}

impl PulseWatch {
    /// A watch that has seen nothing, on frames of the contract or by `extraction`.
    #[must_use]
    pub const fn new(extraction: Option<&Extraction>) -> Self {
        let pulses = match extraction {
            Some(extraction) => Some(extraction.pulses),
            None => None,
        };
        Self { pulses, seen: None }
    }

    /// Whether `frame` tells of a pulse that the frame before did not tell of.
    pub fn sees(&mut self, frame: &Frame) -> bool {
        let (count, is_mark) = match self.pulses {
            None => (u64::from(DoseReading::decode(frame).pulses), false),
            Some(PulseSign::None) => (0, false),
            Some(PulseSign::Counter(field)) => (field.raw(frame.data), false),
            Some(PulseSign::Mark(field)) => (field.raw(frame.data), true),
        };
        let before = self.seen.replace(count);
        if is_mark { count != 0 } else { before.is_some_and(|before| before != count) }
    }
}
