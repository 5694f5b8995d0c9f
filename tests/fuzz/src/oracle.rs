//! The rules of the bus contract for believing a frame, said once more without a table, a reference to the product's code or a
//! thought for speed.

use beam_core::frame::{Arrival, Distrust, Frame};

/// CRC-8 bit by bit: polynomial 0x1D, initial value 0, no final XOR, over the identifier (low byte first) and `rest`.
pub fn crc(id: u16, rest: &[u8]) -> u8 {
    let mut register: u8 = 0;
    let bytes = [(id & 0xFF) as u8, (id >> 8) as u8].into_iter().chain(rest.iter().copied());
    for byte in bytes {
        for bit in (0..8).rev() {
            let carry = (register >> 7) ^ (byte >> bit & 1);
            register <<= 1;
            if carry == 1 {
                register ^= 0b0001_1101;
            }
        }
    }
    register
}

/// Whether the frame's CRC fits.
pub fn is_sound(frame: &Frame) -> bool {
    crc(frame.id, &frame.data[1..]) == frame.data[0]
}

/// The frame with the CRC that it should have.
pub fn sealed(mut frame: Frame) -> Frame {
    frame.data[0] = crc(frame.id, &frame.data[1..]);
    frame
}

/// Who listens to one identifier: what must become of each frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct Listener {
    counter: Option<u8>,
}

impl Listener {
    pub fn hear(&mut self, frame: &Frame) -> Arrival {
        let counter = frame.data[1] % 16;
        let before = self.counter;
        // whatever came is the reference for what comes next; a counter that does not exist is none
        self.counter = (frame.length >= 2 && counter != 15).then_some(counter);
        if frame.length != 8 {
            return Arrival::Distrusted(Distrust::Length);
        }
        if !is_sound(frame) {
            return Arrival::Distrusted(Distrust::Crc);
        }
        if counter == 15 {
            return Arrival::Distrusted(Distrust::Alive);
        }
        let Some(before) = before else { return Arrival::Fresh { lost: 0 } };
        // count up from the last counter until this one comes
        let mut steps = 0;
        let mut expected = before;
        while expected != counter {
            expected = (expected + 1) % 15;
            steps += 1;
        }
        match steps {
            0 => Arrival::Repeat,
            1 => Arrival::Fresh { lost: 0 },
            2 => Arrival::Fresh { lost: 1 },
            3 => Arrival::Fresh { lost: 2 },
            _ => Arrival::Distrusted(Distrust::Alive),
        }
    }
}
