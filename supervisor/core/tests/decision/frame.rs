//! The protection: which frames are believed, which are repeats, and which prove nothing.

use beam_core::frame::{Arrival, Distrust, Frame, Receiver, accept_unprotected, crc, next_alive, protect};
use beam_core::requirement::Requirement;

use crate::kit::verifies;

fn frame(alive: u8) -> Frame {
    protect(0x101, alive, 0, [1, 2, 3, 4, 5, 6])
}

fn after(first: u8, second: u8) -> Arrival {
    let mut receiver = Receiver::new();
    assert_eq!(receiver.accept(&frame(first)), Arrival::Fresh { lost: 0 });
    receiver.accept(&frame(second))
}

#[test]
fn the_crc_is_a_division_by_the_polynomial() {
    // written the slow way, bit by bit
    fn by_hand(id: u16, rest: &[u8]) -> u8 {
        let mut crc = 0_u8;
        for byte in id.to_le_bytes().iter().chain(rest) {
            crc ^= byte;
            for _ in 0..8 {
                let carry = crc & 0x80 != 0;
                crc = (crc << 1) ^ if carry { 0x1D } else { 0 };
            }
        }
        crc
    }
    for byte in 0..=255_u8 {
        assert_eq!(crc(0x101, &[byte, 0x5A, byte]), by_hand(0x101, &[byte, 0x5A, byte]));
        assert_eq!(crc(u16::from(byte) << 3, &[]), by_hand(u16::from(byte) << 3, &[]));
    }
}

#[test]
fn protecting_puts_everything_in_its_place() {
    let frame = protect(0x7FF, 0x1D, 0xA, [1, 2, 3, 4, 5, 6]);
    assert_eq!((frame.id, frame.length), (0x7FF, 8));
    assert_eq!(frame.data[1..], [0xAD, 1, 2, 3, 4, 5, 6], "the alive counter keeps to its nibble");
    assert_eq!(frame.data[0], crc(0x7FF, &[0xAD, 1, 2, 3, 4, 5, 6]));
}

#[test]
fn the_alive_counter_goes_round_from_14() {
    assert_eq!([0, 1, 12, 13, 14, 15].map(next_alive), [1, 2, 13, 14, 0, 0]);
}

#[test]
fn holds_steps_of_one_to_three_from_every_counter() {
    verifies(Requirement::BusTrusted);
    for alive in 0..15 {
        assert_eq!(after(alive, (alive + 1) % 15), Arrival::Fresh { lost: 0 });
        assert_eq!(after(alive, (alive + 2) % 15), Arrival::Fresh { lost: 1 });
        assert_eq!(after(alive, (alive + 3) % 15), Arrival::Fresh { lost: 2 });
        assert_eq!(after(alive, alive), Arrival::Repeat);
    }
}

#[test]
fn trips_steps_of_four_and_more_from_every_counter() {
    verifies(Requirement::BusTrusted);
    for alive in 0..15 {
        for step in 4..15 {
            assert_eq!(after(alive, (alive + step) % 15), Arrival::Distrusted(Distrust::Alive), "{alive} + {step}");
        }
        assert_eq!(after(alive, 15), Arrival::Distrusted(Distrust::Alive));
    }
}

#[test]
fn trips_every_length_but_eight_and_every_flipped_bit() {
    verifies(Requirement::BusTrusted);
    for length in [0, 1, 2, 7, 9] {
        let wrong = Frame { length, ..frame(1) };
        assert_eq!(Receiver::new().accept(&wrong), Arrival::Distrusted(Distrust::Length));
        assert_eq!(accept_unprotected(&wrong, 8), Arrival::Distrusted(Distrust::Length));
    }
    for bit in 0..64 {
        let mut broken = frame(1);
        broken.data[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Receiver::new().accept(&broken), Arrival::Distrusted(Distrust::Crc), "bit {bit}");
    }
}

#[test]
fn holds_an_unprotected_frame_of_eight_bytes_whatever_it_says() {
    verifies(Requirement::BusTrusted);
    assert_eq!(accept_unprotected(&Frame { id: 1, length: 8, data: [0xFF; 8] }, 8), Arrival::Fresh { lost: 0 });
}

#[test]
fn whatever_was_received_is_the_new_reference() {
    let fresh = Arrival::Fresh { lost: 0 };
    // a step too far: the reference goes along
    let mut receiver = Receiver::new();
    assert_eq!(receiver.reference(), None);
    let _first = receiver.accept(&frame(1));
    assert_eq!(receiver.accept(&frame(9)), Arrival::Distrusted(Distrust::Alive));
    assert_eq!(receiver.reference(), Some(9));
    assert_eq!(receiver.accept(&frame(10)), fresh);
    // a wrong CRC
    let mut broken = frame(3);
    broken.data[7] ^= 1;
    assert_eq!(receiver.accept(&broken), Arrival::Distrusted(Distrust::Crc));
    assert_eq!(receiver.accept(&frame(4)), fresh);
    // a frame of two bytes still holds a counter
    assert_eq!(receiver.accept(&Frame { length: 2, ..frame(12) }), Arrival::Distrusted(Distrust::Length));
    assert_eq!(receiver.accept(&frame(13)), fresh);
    // one of a single byte holds none, and neither does counter 15: any counter may follow
    assert_eq!(receiver.accept(&Frame { length: 1, ..frame(2) }), Arrival::Distrusted(Distrust::Length));
    assert_eq!(receiver.accept(&frame(8)), fresh);
    assert_eq!(receiver.accept(&frame(15)), Arrival::Distrusted(Distrust::Alive));
    assert_eq!(receiver.accept(&frame(1)), fresh);
    assert_eq!(receiver.accept(&frame(14)), Arrival::Distrusted(Distrust::Alive), "a step of 13");
    // counter 14 is a counter like any other
    assert_eq!(receiver.accept(&frame(14)), Arrival::Repeat);
}
