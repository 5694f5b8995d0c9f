//! Where an electrometer that does not speak the bus contract puts its reading in its frame: a flat plan in integers, made
//! once from its DBC file when the profile is read.
//!
//! A [`Field`] is some bits of a frame, Intel or Motorola; it cannot be made so that it leaves the frame, so reading it
//! needs no check. A [`Scale`] is an exact ratio of counts to pC. An [`Extraction`] says which field is what. It has no
//! state; what one frame adds to the one before is the business of `reading`.

use core::num::NonZeroU32;

use crate::frame::{FRAME_BYTES, Frame};
use crate::machine::Protection;
use crate::reading::dose_flag;
use crate::units::Span;

/// How the bits of a number follow one another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByteOrder {
    /// Little endian: the start bit is the lowest one.
    Intel,
    /// Big endian: the start bit is the highest one.
    Motorola,
}

/// Bits of a frame that are one whole number: 1 to 64 of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    order: ByteOrder,
    /// Places above the lowest bit, once the frame is one number of 64 bits in this order; below 64.
    shift: u32,
    width: u32,
}

impl Field {
    /// The field of `width` bits at `start_bit`, both as a DBC file counts them, in a frame of `frame_bytes` bytes; nothing
    /// when it leaves the frame.
    #[must_use]
    pub const fn new(order: ByteOrder, start_bit: u64, width: u64, frame_bytes: u8) -> Option<Self> {
        if frame_bytes as usize > FRAME_BYTES || width == 0 || width > 64 || start_bit > 63 {
            return None;
        }
        let frame_bits = (frame_bytes as u64).saturating_mul(8);
        let (first, shift) = match order {
            ByteOrder::Intel => (start_bit, start_bit),
            ByteOrder::Motorola => {
                // the start bit is the highest: counted from the first bit on the bus, it is here
                let first = (start_bit & !7).saturating_add(7_u64.saturating_sub(start_bit & 7));
                (first, 64_u64.saturating_sub(first).saturating_sub(width))
            }
        };
        if first.saturating_add(width) > frame_bits {
            return None;
        }
        // both are 64 at most
        #[expect(clippy::cast_possible_truncation, reason = "compared with 64 just above")]
        Some(Self { order, shift: shift as u32, width: width as u32 })
    }

    /// How many bits it has.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// How its bits follow one another.
    #[must_use]
    pub const fn order(&self) -> ByteOrder {
        self.order
    }

    /// The largest number that it can hold.
    #[must_use]
    pub const fn largest(&self) -> u64 {
        u64::MAX.wrapping_shr(64_u32.saturating_sub(self.width))
    }

    /// The number in the bytes of a frame.
    #[must_use]
    #[inline]
    pub const fn raw(&self, data: [u8; FRAME_BYTES]) -> u64 {
        let word = match self.order {
            ByteOrder::Intel => u64::from_le_bytes(data),
            ByteOrder::Motorola => u64::from_be_bytes(data),
        };
        word.wrapping_shr(self.shift) & self.largest()
    }

    /// The bytes of a frame with this number in its place; what does not fit the field is cut off.
    #[must_use]
    pub const fn put(&self, data: [u8; FRAME_BYTES], number: u64) -> [u8; FRAME_BYTES] {
        let (place, bits) = (self.largest().wrapping_shl(self.shift), number & self.largest());
        let bits = bits.wrapping_shl(self.shift);
        match self.order {
            ByteOrder::Intel => (u64::from_le_bytes(data) & !place | bits).to_le_bytes(),
            ByteOrder::Motorola => (u64::from_be_bytes(data) & !place | bits).to_be_bytes(),
        }
    }

    /// `raw` as a number with a sign, its highest bit counting negative.
    #[must_use]
    pub const fn signed(&self, raw: u64) -> i64 {
        let unused = 64_u32.saturating_sub(self.width);
        raw.wrapping_shl(unused).cast_signed().wrapping_shr(unused)
    }

    /// How far a counter in this field went from `before` to `now`: the signed difference modulo its width, right as long as
    /// it is less than half of what the field can hold.
    #[must_use]
    #[inline]
    pub const fn step(&self, now: u64, before: u64) -> i64 {
        self.signed(now.wrapping_sub(before))
    }
}

/// What one count stands for, as an exact ratio in pC. Above zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    /// pC of as many counts as the denominator says.
    pub numerator: NonZeroU32,
    /// Counts of that charge.
    pub denominator: NonZeroU32,
}

impl Scale {
    /// The whole pC in `rest` and `sum`, which are in parts of the denominator; what is left over stays in `rest`, so that
    /// rounding loses nothing over many readings.
    fn whole(self, sum: i128, rest: &mut u32) -> i64 {
        let sum = sum.saturating_add(i128::from(*rest));
        let parts = i128::from(self.denominator.get());
        let (whole, left) = (sum.checked_div_euclid(parts).unwrap_or(0), sum.checked_rem_euclid(parts).unwrap_or(0));
        // a remainder is below its divisor, which is a u32
        *rest = u32::try_from(left).unwrap_or(0);
        i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX })
    }

    /// `counts` in whole pC, with `rest` as in [`Scale::whole`].
    pub(crate) fn picocoulombs(self, counts: i64, offset: i64, rest: &mut u32) -> i64 {
        let product = i128::from(counts).saturating_mul(i128::from(self.numerator.get()));
        self.whole(product.saturating_add(i128::from(offset)), rest)
    }
}

/// What the number in the charge field means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counting {
    /// All charge since power-up, modulo the width of the field.
    Cumulative,
    /// The charge of the one pulse that the frame brings.
    PerPulse {
        /// Smallest number that is a reading.
        least: i64,
        /// Largest number that is a reading; beyond it the charge is only a lower bound.
        most: i64,
        /// What is added, in parts of the scale's denominator.
        offset: i64,
    },
}

/// How a frame says that a pulse came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PulseSign {
    /// It does not: the machine makes no pulses.
    None,
    /// By a counter, modulo its width.
    Counter(Field),
    /// By a field that is 0 in a frame without a pulse; otherwise the frame brings exactly one.
    Mark(Field),
}

/// A field that is a flag of [`dose_flag`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlagField {
    /// Where it is.
    pub field: Field,
    /// The flag.
    pub flag: u8,
    /// Whether the flag is set when the field is 0 (as with a field that says "valid"), and not when it is anything else.
    pub when_zero: bool,
}

/// Most flags that a frame can have.
pub const FLAGS: usize = 5;
/// Most numbers of the charge field that can be named as no reading.
pub const NAMED: usize = 4;

/// Which field of a frame is what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extraction {
    /// The charge.
    pub charge: Field,
    /// Whether the charge has a sign.
    pub signed: bool,
    /// What the number in it means.
    pub counting: Counting,
    /// What one count of it stands for.
    pub scale: Scale,
    /// The pulses.
    pub pulses: PulseSign,
    /// The flags.
    pub flags: [Option<FlagField>; FLAGS],
    /// Numbers in the charge field that mean anything but a charge.
    pub named: [Option<u64>; NAMED],
}

/// What stands in a frame, not yet compared with the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawReading {
    /// Flags, see [`dose_flag`].
    pub flags: u8,
    /// The number in the counter or mark of pulses; 0 where there is none.
    pub pulses: u64,
    /// The number in the charge field.
    pub charge: u64,
}

impl Extraction {
    /// What stands in `frame`.
    #[must_use]
    pub fn read(&self, frame: &Frame) -> RawReading {
        let data = frame.data;
        let flags = self.flags.iter().flatten().fold(0, |flags, flag| {
            let is_set = (flag.field.raw(data) == 0) == flag.when_zero;
            if is_set { flags | flag.flag } else { flags }
        });
        let pulses = match self.pulses {
            PulseSign::None => 0,
            PulseSign::Counter(field) | PulseSign::Mark(field) => field.raw(data),
        };
        RawReading { flags, pulses, charge: self.charge.raw(data) }
    }

    /// The number of the charge field as the DBC file means it; what a signed 64-bit number cannot hold is its largest.
    #[must_use]
    pub fn number(&self, raw: u64) -> i64 {
        if self.signed { self.charge.signed(raw) } else { i64::try_from(raw).unwrap_or(i64::MAX) }
    }

    /// What is wrong with a number in the charge field, as flags of [`dose_flag`].
    #[must_use]
    pub fn flags_of_charge(&self, raw: u64) -> u8 {
        if self.named.contains(&Some(raw)) {
            return dose_flag::FAULT;
        }
        match self.counting {
            Counting::PerPulse { least, most, .. } if !(least..=most).contains(&self.number(raw)) => {
                dose_flag::OVERRANGE
            }
            Counting::PerPulse { .. } | Counting::Cumulative => 0,
        }
    }
}

/// A counter of frames: it goes up by one in each and begins again at 0 after `modulus` - 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sequence {
    /// Where it is.
    pub field: Field,
    /// How many different numbers it takes.
    pub modulus: NonZeroU32,
}

/// An electrometer that does not speak the bus contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Electrometer {
    /// The identifier of its frames.
    pub id: u16,
    /// How many bytes they have.
    pub length: u8,
    /// How often one comes at least, as the electrometer keeps it: the load of its bus.
    pub period: Span,
    /// By what a frame is believed.
    pub protection: Protection,
    /// Where the reading is.
    pub extraction: Extraction,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(order: ByteOrder, start_bit: u64, width: u64) -> Field {
        Field::new(order, start_bit, width, 8).unwrap_or(Field { order, shift: 0, width: 1 })
    }

    #[test]
    fn the_same_bytes_in_both_orders() {
        let data = [0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE, 0xF0];
        assert_eq!(field(ByteOrder::Intel, 8, 24).raw(data), 0x78_5634);
        assert_eq!(field(ByteOrder::Motorola, 15, 24).raw(data), 0x34_5678);
        assert_eq!(field(ByteOrder::Motorola, 3, 12).raw(data), 0x234);
        assert_eq!(field(ByteOrder::Intel, 0, 64).raw(data), u64::from_le_bytes(data));
        assert_eq!(field(ByteOrder::Motorola, 7, 64).raw(data), u64::from_be_bytes(data));
        let put = field(ByteOrder::Motorola, 15, 24).put([0xFF; 8], 0x0102_0304);
        assert_eq!(put, [0xFF, 0x02, 0x03, 0x04, 0xFF, 0xFF, 0xFF, 0xFF]);
    }

    #[test]
    fn no_field_leaves_the_frame() {
        assert!(Field::new(ByteOrder::Intel, 56, 8, 8).is_some() && Field::new(ByteOrder::Intel, 57, 8, 8).is_none());
        assert!(Field::new(ByteOrder::Motorola, 63, 8, 8).is_some());
        assert!(Field::new(ByteOrder::Motorola, 62, 8, 8).is_none());
        assert!(Field::new(ByteOrder::Intel, 0, 65, 8).is_none() && Field::new(ByteOrder::Intel, 0, 0, 8).is_none());
        assert!(Field::new(ByteOrder::Intel, 16, 8, 2).is_none() && Field::new(ByteOrder::Intel, 0, 8, 9).is_none());
        assert!(Field::new(ByteOrder::Intel, u64::MAX, u64::MAX, 8).is_none());
    }

    #[test]
    fn a_narrow_counter_steps_over_its_wrap_in_both_directions() {
        let sixteen = field(ByteOrder::Intel, 0, 16);
        assert_eq!((sixteen.step(5, 0xFFFB), sixteen.step(0xFFFF, 0)), (10, -1));
        let twelve = field(ByteOrder::Motorola, 3, 12);
        assert_eq!((twelve.step(0, 0xFFF), twelve.step(0x800, 0), twelve.signed(0x800)), (1, -2048, -2048));
        let all = field(ByteOrder::Intel, 0, 64);
        assert_eq!((all.step(0, u64::MAX), all.largest()), (1, u64::MAX));
    }

    #[test]
    fn a_scale_carries_what_is_left_over() {
        let third = Scale { numerator: NonZeroU32::MIN, denominator: NonZeroU32::MIN.saturating_add(2) };
        let mut rest = 0;
        let steps = [1, 1, 1, -1, 4, i64::MAX].map(|counts| third.picocoulombs(counts, 0, &mut rest));
        assert_eq!(steps, [0, 0, 1, -1, 2, i64::MAX / 3]);
    }
}
