//! One reading of a monitor chamber, whoever its electrometer is: the bus contract's own frame, or the frame of another
//! electrometer by its [`Extraction`]. What a [`Source`] gives is what a frame adds to the one before: pulses and charge.
//!
//! Counters are unwrapped by their declared width, as signed differences. No frame may declare a reset, so a counter of
//! pulses that falls is a fault, and so is a charge that does.

use crate::extraction::{Counting, Extraction, PulseSign, RawReading};
use crate::frame::{Frame, protect};
use crate::note::RawCount;
use crate::units::{Charge, ChargeCounter};

/// Flags of a dose frame.
pub mod dose_flag {
    use crate::fault::Fault;

    /// The electrometer's input was saturated: the charge is a lower bound.
    pub const SATURATED: u8 = 1;
    /// The reading left its range: the charge is a lower bound.
    pub const OVERRANGE: u8 = 2;
    /// The electrometer is testing itself.
    pub const SELF_TEST: u8 = 4;
    /// The electrometer reports a fault.
    pub const FAULT: u8 = 8;

    /// The fault that `flags` tell, the one that says most about the charge first.
    #[must_use]
    pub const fn fault(flags: u8) -> Option<Fault> {
        if flags & SATURATED != 0 {
            Some(Fault::Saturated)
        } else if flags & OVERRANGE != 0 {
            Some(Fault::OverRange)
        } else if flags & (FAULT | SELF_TEST) != 0 {
            Some(Fault::ChamberReportsFault)
        } else {
            None
        }
    }
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
    /// The count of pulses went back: the electronics began anew. The charge in the frame is no step from the one before.
    Restarted {
        /// The count as it stands in the frame.
        now: i64,
        /// The count in the frame before.
        before: i64,
    },
    /// The count went over pulses whose charge nobody told.
    Missed {
        /// The count as it stands in the frame.
        now: i64,
        /// The count in the frame before.
        before: i64,
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

    /// What the counters stand at, as the last frame carried them.
    #[must_use]
    pub fn raw(&self) -> Option<RawCount> {
        match self {
            Self::Contract(last) => last
                .map(|reading| RawCount { pulses: u64::from(reading.pulses), charge: u64::from(reading.charge.raw()) }),
            Self::Electrometer(follower) => {
                follower.last.map(|reading| RawCount { pulses: reading.pulses, charge: reading.charge })
            }
        }
    }

    /// Takes a believed frame.
    #[inline]
    pub fn step(&mut self, frame: &Frame) -> Step {
        match self {
            Self::Contract(last) => {
                let reading = DoseReading::decode(frame);
                Step { flags: reading.flags, progress: contract_step(&reading, last.replace(reading)) }
            }
            Self::Electrometer(follower) => follower.step(frame),
        }
    }
}

/// More pulses than this come between two frames of a chamber that measures only when nobody listened for long: at 1 kHz three
/// dose periods of at most 20 ms bring 60.
const WRAP_PULSES: u32 = 1024;

/// What a frame of the bus contract, a chamber's or the beam charge sensor's, adds to the one `before`.
pub(crate) fn contract_step(reading: &DoseReading, before: Option<DoseReading>) -> Progress {
    let Some(before) = before else { return Progress::First };
    let pulses = u32::from(reading.pulses.wrapping_sub(before.pulses));
    let charge = reading.charge.since(before.charge);
    let fell = reading.pulses.checked_sub(before.pulses).is_none();
    if pulses >= 0x8000 || (fell && pulses > WRAP_PULSES) {
        // sixteen bits that went back, by more than a wrap explains: the electronics began anew
        return Progress::Restarted { now: i64::from(reading.pulses), before: i64::from(before.pulses) };
    }
    // an electrometer that reports a fault or tests itself gives no reading, not even a lower bound
    let is_reading = (reading.flags | before.flags) & (dose_flag::FAULT | dose_flag::SELF_TEST) == 0;
    Progress::Further { pulses, charge: if is_reading { charge } else { Charge::ZERO } }
}

/// Follows another electrometer's frames.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    extraction: Extraction,
    last: Option<RawReading>,
    /// Flags of the last reading, where the next one is measured from it.
    flags: u8,
    /// Parts of a pC that were collected and not yet told.
    rest: u32,
}

impl Follower {
    /// A follower that has seen nothing.
    #[must_use]
    pub const fn new(extraction: &Extraction) -> Self {
        Self { extraction: *extraction, last: None, flags: 0, rest: 0 }
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
            let flags = reading.flags | flags;
            let alone = matches!(self.extraction.counting, Counting::PerPulse { .. });
            self.flags = if alone { 0 } else { flags };
            return Step { flags, progress: Progress::First };
        };
        let pulses = match self.extraction.pulses {
            PulseSign::None => 0,
            PulseSign::Counter(field) => field.step(reading.pulses, before.pulses),
            PulseSign::Mark(_) => i64::from(reading.pulses != 0),
        };
        let alone = matches!(self.extraction.counting, Counting::PerPulse { .. });
        let brings_charge = !alone || pulses != 0;
        let flags = if brings_charge { self.extraction.flags_of_charge(reading.charge) } else { 0 };
        let flags = reading.flags | flags;
        // a number that is no reading is no charge, and nothing can be measured from it
        let is_reading = (flags | self.flags) & (dose_flag::FAULT | dose_flag::SELF_TEST) == 0;
        self.flags = if alone { 0 } else { flags };
        let charge = if brings_charge && is_reading { self.charge(&reading, &before) } else { Charge::ZERO };
        let count = |raw: u64| i64::try_from(raw).unwrap_or(i64::MAX);
        let (now, last) = (count(reading.pulses), count(before.pulses));
        let is_lower = matches!(self.extraction.pulses, PulseSign::Counter(_)) && reading.pulses < before.pulses;
        let progress = match u32::try_from(pulses) {
            // a counter that went back by more than a wrap explains began anew
            Ok(pulses) if is_lower && pulses > WRAP_PULSES => Progress::Restarted { now, before: last },
            Ok(pulses) if !(alone && pulses > 1) => Progress::Further { pulses, charge },
            Ok(_) => Progress::Missed { now, before: last },
            Err(_) => Progress::Restarted { now, before: last },
        };
        Step { flags, progress }
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

#[cfg(test)]
mod tests {
    use core::num::NonZeroU32;

    use super::*;
    use crate::extraction::{ByteOrder, FLAGS, Field, FlagField, NAMED, Scale, Sequence};
    use crate::frame::{Arrival, Distrust, Receiver};

    #[expect(clippy::expect_used, reason = "a test's own numbers")]
    fn field(start_bit: u64, width: u64) -> Field {
        Field::new(ByteOrder::Intel, start_bit, width, 8).expect("it fits")
    }

    /// Charge in 16 bits with a sign, a counter of pulses in 8, a flag that says "valid" and a counter of frames.
    fn per_pulse(pulses: PulseSign) -> Extraction {
        let valid = FlagField { field: field(24, 1), flag: dose_flag::FAULT, when_zero: true };
        let mut flags = [None; FLAGS];
        if let Some(place) = flags.first_mut() {
            *place = Some(valid);
        }
        let mut named = [None; NAMED];
        if let Some(place) = named.first_mut() {
            *place = Some(0x8000);
        }
        Extraction {
            charge: field(0, 16),
            signed: true,
            counting: Counting::PerPulse { least: -10, most: 1000, offset: 3 },
            scale: Scale { numerator: NonZeroU32::MIN, denominator: NonZeroU32::MIN.saturating_add(1) },
            pulses,
            flags,
            named,
        }
    }

    fn frame(charge: i16, pulses: u8) -> Frame {
        let [c0, c1] = charge.to_le_bytes();
        Frame { id: 800, length: 8, data: [c0, c1, pulses, 1, 0, 0, 0, 0] }
    }

    fn further(pulses: u32, picocoulombs: i64) -> Progress {
        Progress::Further { pulses, charge: Charge::from_picocoulombs(picocoulombs) }
    }

    #[test]
    fn holds_the_charge_of_each_pulse_once() {
        let mut source = Source::new(Some(&per_pulse(PulseSign::Counter(field(16, 8)))));
        assert_eq!(source.step(&frame(500, 255)).progress, Progress::First);
        assert_eq!(source.step(&frame(500, 255)).progress, further(0, 0), "no new pulse, so no new charge");
        // (500 + 3 halves): the offset is in halves of a pC
        assert_eq!(source.step(&frame(500, 0)).progress, further(1, 251));
        // a half was left over
        assert_eq!(source.step(&frame(-4, 1)).progress, further(1, 0));
        assert!(!source.needs_every_frame());
    }

    #[test]
    fn trips_a_pulse_whose_charge_nobody_told() {
        let mut source = Source::new(Some(&per_pulse(PulseSign::Counter(field(16, 8)))));
        let _ = source.step(&frame(500, 7));
        assert!(matches!(source.step(&frame(500, 9)).progress, Progress::Missed { now: 9, before: 7 }));
        assert!(matches!(source.step(&frame(500, 8)).progress, Progress::Restarted { now: 8, before: 9 }));
        assert!(Source::new(Some(&per_pulse(PulseSign::Mark(field(16, 8))))).needs_every_frame());
    }

    #[test]
    fn trips_a_number_that_is_no_reading_in_a_frame_with_a_pulse_only() {
        let mut source = Source::new(Some(&per_pulse(PulseSign::Mark(field(16, 8)))));
        let _ = source.step(&frame(0, 0));
        let mut flags = |charge, pulse| source.step(&frame(charge, pulse)).flags;
        assert_eq!((flags(1000, 1), flags(1001, 1), flags(-11, 1)), (0, dose_flag::OVERRANGE, dose_flag::OVERRANGE));
        assert_eq!((flags(i16::MIN, 1), flags(i16::MIN, 0)), (dose_flag::FAULT, 0));
        let invalid = Frame { data: [0; 8], ..frame(0, 0) };
        assert_eq!(source.step(&invalid).flags, dose_flag::FAULT, "not valid");
    }

    #[test]
    fn a_watch_sees_each_sign_of_a_pulse() {
        let mut counter = PulseWatch::new(Some(&per_pulse(PulseSign::Counter(field(16, 8)))));
        let seen = [5, 5, 6, 5].map(|pulses| counter.sees(&frame(0, pulses)));
        assert_eq!(seen, [false, false, true, true]);
        let mut mark = PulseWatch::new(Some(&per_pulse(PulseSign::Mark(field(16, 8)))));
        assert_eq!([0, 1, 1, 0].map(|pulses| mark.sees(&frame(0, pulses))), [false, true, true, false]);
        let mut none = PulseWatch::new(Some(&per_pulse(PulseSign::None)));
        assert_eq!([0, 1].map(|pulses| none.sees(&frame(0, pulses))), [false, false]);
    }

    #[test]
    fn a_counter_of_frames_is_followed_over_its_own_wrap() {
        let modulus = NonZeroU32::MIN.saturating_add(99);
        let sequence = Sequence { field: field(16, 8), modulus };
        let mut receiver = Receiver::new();
        let mut hear = |counter: u8| receiver.follow(&frame(0, counter), 8, &sequence);
        assert_eq!(hear(98), Arrival::Fresh { lost: 0 });
        assert_eq!(
            (hear(99), hear(99), hear(1)),
            (Arrival::Fresh { lost: 0 }, Arrival::Repeat, Arrival::Fresh { lost: 1 })
        );
        assert_eq!(hear(5), Arrival::Distrusted(Distrust::Alive), "three were lost");
        assert_eq!(hear(100), Arrival::Distrusted(Distrust::Alive), "a number that it does not have");
        assert_eq!(hear(6), Arrival::Fresh { lost: 0 }, "a new reference");
        assert_eq!(receiver.follow(&frame(0, 7), 7, &sequence), Arrival::Distrusted(Distrust::Length));
    }
}
