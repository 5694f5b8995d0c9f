//! Frames read byte by byte, after the table of the bus contract and without the decoders that the guards use.

use beam_core::frame::Frame;

/// A permit as the bytes say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PermitBytes {
    pub state: u8,
    pub delivery: u16,
    pub lease: u32,
}

pub(super) const WITHHELD: u8 = 0;
pub(super) const PERMIT: u8 = 1;
pub(super) const TRIPPED: u8 = 2;

/// A permit's state, delivery and lease.
pub(super) fn permit(frame: &Frame) -> PermitBytes {
    let [_, b1, _, d0, d1, l0, l1, l2] = frame.data;
    PermitBytes { state: b1 >> 4, delivery: u16::from_le_bytes([d0, d1]), lease: u32::from_le_bytes([l0, l1, l2, 0]) }
}

/// The pulse count of a dose frame.
pub(super) const fn pulse_count(data: &[u8; 8]) -> u16 {
    u16::from_le_bytes([data[2], data[3]])
}

/// Whether eight bytes came and the CRC fits them: bit by bit, polynomial 0x1D, over the identifier and bytes 1 to 7.
pub(super) fn is_sound(frame: &Frame) -> bool {
    let [low, high] = frame.id.to_le_bytes();
    let mut crc = 0_u8;
    for byte in [low, high].into_iter().chain(frame.data[1..].iter().copied()) {
        crc ^= byte;
        for _ in 0..8 {
            crc = if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ 0x1D };
        }
    }
    frame.length == 8 && crc == frame.data[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_frames_of_the_contract() {
        let dose = Frame { id: 0x101, length: 8, data: [0xE1, 0x03, 0xE8, 0x03, 0x15, 0xCD, 0x5B, 0x07] };
        assert!(is_sound(&dose));
        assert_eq!(pulse_count(&dose.data), 1000);
        let sent = Frame { id: 0x011, length: 8, data: [0x4E, 0x10, 0x00, 0x07, 0x00, 0xFA, 0x00, 0x00] };
        assert!(is_sound(&sent) && !is_sound(&Frame { id: 0x012, ..sent }));
        assert_eq!(permit(&sent), PermitBytes { state: PERMIT, delivery: 7, lease: 250 });
    }
}
