//! Classic CAN frames, and the end-to-end protection that makes one trustworthy.
//!
//! Every frame of the bus contract is AUTOSAR E2E Profile 1, variant 1A: byte 0 is a CRC-8 over the 16-bit Data ID (which
//! is the CAN identifier) and bytes 1 to 7; the low nibble of byte 1 is an alive counter 0..14. This file is the one
//! place where a frame becomes trusted ([`Receiver::accept`]) or gets its protection ([`protect`]).
//! What the bytes mean is the business of `wire`. Frames of other electrometers without it are judged by their length and,
//! where they have one, by their counter of frames ([`Receiver::follow`]).

use crate::extraction::Sequence;

/// The most bytes that a classic CAN frame carries.
pub const FRAME_BYTES: usize = 8;

/// The bytes that every frame of the bus contract has.
pub const FRAME_LENGTH: u8 = 8;

/// Largest alive counter; 15 is invalid in Profile 1.
const ALIVE_MAX: u8 = 14;

/// A classic CAN data frame with an 11-bit identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Frame {
    /// The 11-bit identifier.
    pub id: u16,
    /// How many of `data` are on the bus, 0 to 8.
    pub length: u8,
    /// The bytes; those beyond `length` are zero.
    pub data: [u8; FRAME_BYTES],
}

/// One of the two buses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Bus {
    /// Monitor 1, the permits of dose guard 1 and of the time guard.
    A,
    /// Monitor 2, the permits of dose guard 2 and of the interlock guard.
    B,
}

/// Who put a received frame on the bus, as the kernel tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Origin {
    /// Another node of the bus.
    Wire,
    /// This very socket: the echo that says that our own frame was sent.
    Echo,
    /// Another socket of this host.
    Local,
}

/// What can be wrong with a bus besides the bytes of a frame. A driver maps whatever it does not know to the gravest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Trouble {
    /// Something that is no classic data frame with an 11-bit identifier: CAN FD, remote, extended, truncated.
    Malformed,
    /// An error on the line that CAN repaired by itself, or a controller that was put back on the bus: said, not judged.
    BusError,
    /// The controller counts errors (error-warning): said, not judged.
    ErrorWarning,
    /// The controller may no longer signal errors.
    ErrorPassive,
    /// The controller left the bus.
    BusOff,
    /// The controller lost frames before the kernel saw them.
    ControllerOverrun,
    /// The kernel dropped this many frames because the guard did not read them in time.
    ReceiveOverflow {
        /// Frames dropped since the last report.
        lost: u32,
    },
    /// The interface is down or gone.
    InterfaceDown,
}

/// Why a received frame is not to be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Distrust {
    /// Not eight bytes.
    Length,
    /// The CRC does not fit the bytes and the identifier.
    Crc,
    /// The alive counter is 15, or more than two frames were lost.
    Alive,
}

/// What the protection says of a received frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[must_use]
pub enum Arrival {
    /// A new frame; `lost` frames before it did not arrive (0 to 2).
    Fresh {
        /// Frames lost between the last one and this one.
        lost: u8,
    },
    /// The same frame again. It renews nothing, so that a stuck sender goes stale.
    Repeat,
    /// A frame that proves nothing. It is a fault.
    Distrusted(Distrust),
}

/// CRC-8 with polynomial 0x1D, initial value 0 and no final XOR, over the Data ID (low byte first) and `rest`.
///
/// This is what E2E Profile 1 computes; it is not the catalogue's CRC-8/SAE-J1850, which starts and ends with 0xFF.
#[must_use]
pub fn crc(id: u16, rest: &[u8]) -> u8 {
    let [low, high] = id.to_le_bytes();
    rest.iter().fold(crc_step(crc_step(0, low), high), |crc, &byte| crc_step(crc, byte))
}

const CRC_TABLE: [u8; 256] = crc_table();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, where a wrong index is an error")]
#[expect(clippy::arithmetic_side_effects, reason = "evaluated by the compiler, where an overflow is an error")]
#[expect(clippy::cast_possible_truncation, reason = "the index stays below 256")]
const fn crc_table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ 0x1D };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[inline]
fn crc_step(crc: u8, byte: u8) -> u8 {
    // A u8 cannot leave a table of 256; `get` keeps the compiler's proof in the types.
    CRC_TABLE.get(usize::from(crc ^ byte)).copied().unwrap_or(0)
}

/// The frame `id` with `payload` (the high nibble of byte 1, then bytes 2 to 7), the alive counter and the CRC in place.
#[must_use]
pub fn protect(id: u16, alive: u8, nibble: u8, payload: [u8; 6]) -> Frame {
    let [b2, b3, b4, b5, b6, b7] = payload;
    let b1 = (alive & 0x0F) | (nibble << 4);
    let rest = [b1, b2, b3, b4, b5, b6, b7];
    let data = [crc(id, &rest), b1, b2, b3, b4, b5, b6, b7];
    Frame { id, length: 8, data }
}

/// The alive counter that follows `alive`.
#[must_use]
pub const fn next_alive(alive: u8) -> u8 {
    if alive >= ALIVE_MAX { 0 } else { alive.saturating_add(1) }
}

/// The receiving end of one protected identifier: it remembers the last alive counter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receiver {
    reference: Option<u32>,
}

impl Receiver {
    /// A receiver that has seen nothing: the first good frame sets its reference.
    #[must_use]
    pub const fn new() -> Self {
        Self { reference: None }
    }

    /// The counter that the next one is measured against.
    #[must_use]
    pub const fn reference(&self) -> Option<u32> {
        self.reference
    }

    /// Judges `frame` by length, CRC and alive counter. Whatever the answer, the received counter is the new reference.
    pub fn accept(&mut self, frame: &Frame) -> Arrival {
        let [check, rest @ ..] = frame.data;
        let [b1, ..] = rest;
        let alive = b1 & 0x0F;
        let before = self.reference;
        self.reference = if frame.length >= 2 && alive <= ALIVE_MAX { Some(u32::from(alive)) } else { None };
        if frame.length != FRAME_LENGTH {
            return Arrival::Distrusted(Distrust::Length);
        }
        if crc(frame.id, &rest) != check {
            return Arrival::Distrusted(Distrust::Crc);
        }
        if alive > ALIVE_MAX {
            return Arrival::Distrusted(Distrust::Alive);
        }
        let Some(before) = before else { return Arrival::Fresh { lost: 0 } };
        arrival_after(u32::from(alive), before, u32::from(ALIVE_MAX).saturating_add(1))
    }

    /// Judges `frame` by its length and by its counter of frames, where there is no other protection. Whatever the answer,
    /// the received counter is the new reference.
    pub fn follow(&mut self, frame: &Frame, length: u8, sequence: &Sequence) -> Arrival {
        let modulus = sequence.modulus.get();
        let counter = u32::try_from(sequence.field.raw(frame.data)).ok().filter(|&counter| counter < modulus);
        let is_whole = frame.length == length;
        let before = core::mem::replace(&mut self.reference, counter.filter(|_| is_whole));
        if !is_whole {
            return Arrival::Distrusted(Distrust::Length);
        }
        let Some(counter) = counter else { return Arrival::Distrusted(Distrust::Alive) };
        let Some(before) = before else { return Arrival::Fresh { lost: 0 } };
        arrival_after(counter, before, modulus)
    }
}

/// What the step of a counter of frames means, both of its values being below `modulus`.
const fn arrival_after(counter: u32, before: u32, modulus: u32) -> Arrival {
    let step = if counter >= before {
        counter.saturating_sub(before)
    } else {
        counter.saturating_add(modulus).saturating_sub(before)
    };
    match step {
        0 => Arrival::Repeat,
        1 => Arrival::Fresh { lost: 0 },
        2 => Arrival::Fresh { lost: 1 },
        3 => Arrival::Fresh { lost: 2 },
        _ => Arrival::Distrusted(Distrust::Alive),
    }
}

/// The receiving end of a frame without protection (`protection = "none"`): only the length can be judged.
pub const fn accept_unprotected(frame: &Frame, length: u8) -> Arrival {
    if frame.length == length { Arrival::Fresh { lost: 0 } } else { Arrival::Distrusted(Distrust::Length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(alive: u8) -> Frame {
        protect(0x101, alive, 0, [1, 2, 3, 4, 5, 6])
    }

    #[test]
    fn crc_agrees_with_the_contract() {
        // MON1_DOSE of the bus contract: alive 3, flags 0, pulse 1000, charge 123 456 789 pC
        let known = protect(0x101, 3, 0, [0xE8, 0x03, 0x15, 0xCD, 0x5B, 0x07]);
        assert_eq!(known.data, [0xE1, 0x03, 0xE8, 0x03, 0x15, 0xCD, 0x5B, 0x07]);
    }

    #[test]
    fn holds_steps_of_one_to_three() {
        let mut receiver = Receiver::new();
        assert_eq!(receiver.accept(&frame(13)), Arrival::Fresh { lost: 0 });
        assert_eq!(receiver.accept(&frame(14)), Arrival::Fresh { lost: 0 });
        assert_eq!(receiver.accept(&frame(0)), Arrival::Fresh { lost: 0 });
        assert_eq!(receiver.accept(&frame(2)), Arrival::Fresh { lost: 1 });
        assert_eq!(receiver.accept(&frame(5)), Arrival::Fresh { lost: 2 });
        assert_eq!(receiver.accept(&frame(5)), Arrival::Repeat);
        assert_eq!(receiver.accept(&frame(6)), Arrival::Fresh { lost: 0 });
    }

    #[test]
    fn trips_a_step_of_four_and_goes_on_from_there() {
        let mut receiver = Receiver::new();
        let _ = receiver.accept(&frame(1));
        assert_eq!(receiver.accept(&frame(5)), Arrival::Distrusted(Distrust::Alive));
        assert_eq!(receiver.accept(&frame(6)), Arrival::Fresh { lost: 0 });
    }

    #[test]
    fn trips_counter_fifteen_length_and_every_flipped_bit() {
        let mut receiver = Receiver::new();
        assert_eq!(receiver.accept(&frame(15)), Arrival::Distrusted(Distrust::Alive));
        let mut short = frame(1);
        short.length = 7;
        assert_eq!(receiver.accept(&short), Arrival::Distrusted(Distrust::Length));
        for bit in 0..64_usize {
            let mut broken = frame(1);
            if let Some(byte) = broken.data.get_mut(bit >> 3) {
                *byte ^= 1_u8 << (bit & 7);
            }
            assert_eq!(Receiver::new().accept(&broken), Arrival::Distrusted(Distrust::Crc), "bit {bit}");
        }
        let mut masquerade = frame(1);
        masquerade.id = 0x102;
        assert_eq!(Receiver::new().accept(&masquerade), Arrival::Distrusted(Distrust::Crc));
    }
}
