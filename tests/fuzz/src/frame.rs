//! Frames: what is encoded decodes to itself, what decodes encodes to the same bytes, a receiver believes exactly what the
//! oracle believes, and the kernel's messages lose and invent nothing.

use beam_core::frame::{Arrival, Frame, Receiver, accept_unprotected, crc, next_alive, protect};
use beam_core::units::{Charge, ChargeCounter};
use beam_core::wire::{
    ChamberMode, ChamberStatus, CloseCause, Docking, DoseReading, GateState, GateStatus, Guard, LinacStatus,
    NO_PULSE_LIMIT, Permit, PermitState, Reason,
};
use beam_drivers::can_frame;

use super::draw::Draw;
use super::oracle::{self, Listener};

const PERMIT_STATES: [PermitState; 3] = [PermitState::Withheld, PermitState::Permit, PermitState::Tripped];
const REASONS: [Reason; 4] = [Reason::None, Reason::DoseReached, Reason::Operator, Reason::Fault];
const GATE_STATES: [GateState; 3] = [GateState::Closed, GateState::Open, GateState::Latched];
const MODES: [ChamberMode; 4] = [ChamberMode::Starting, ChamberMode::Ready, ChamberMode::SelfTest, ChamberMode::Fault];
const DOCKINGS: [Docking; 5] =
    [Docking::None, Docking::Undocked, Docking::Aligning, Docking::HardDocked, Docking::SoftDocked];
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

/// Any bytes, as a sequence of things to do with frames.
pub fn frame(data: &[u8]) {
    let mut draw = Draw::new(data);
    let mut receiver = Receiver::new();
    let mut listener = Listener::default();
    let mut last = Frame { id: draw.u16() & 0x7FF, length: 8, data: [0; 8] };
    while !draw.is_empty() {
        match draw.byte() % 8 {
            0 => encode_any(&mut draw),
            1 => decode_any(&mut draw),
            2 => kernel_message(draw.slice(80)),
            3 => beside(draw.slice(128)),
            4 => kernel_round_trip(&mut draw),
            _ => last = receive(&mut draw, last, &mut receiver, &mut listener),
        }
    }
}

/// Encodes a value of every kind; it must come back.
fn encode_any(draw: &mut Draw<'_>) {
    let alive = draw.byte() % 15;
    let frame = match draw.byte() % 5 {
        0 => {
            let guard = draw.of(&Guard::ALL);
            let permit = Permit {
                state: draw.of(&PERMIT_STATES),
                reason: draw.of(&REASONS),
                delivery: draw.u16(),
                lease: draw.u32(),
            };
            let frame = permit.encode(guard, alive);
            // more than the field holds means no limit, and never a small number
            let carried = Permit { lease: permit.lease.min(NO_PULSE_LIMIT), ..permit };
            assert_eq!(Permit::decode(&frame), Ok(carried));
            assert_eq!(frame.id, guard.permit_id());
            frame
        }
        1 => {
            let gate = GateStatus {
                state: draw.of(&GATE_STATES),
                cause: draw.of(&CAUSES),
                closed_by: draw.byte() % 16,
                pulses: draw.u32(),
                beam_on_centiseconds: draw.u16(),
            };
            let frame = gate.encode(alive);
            let carried = GateStatus { pulses: gate.pulses.min(NO_PULSE_LIMIT), ..gate };
            assert_eq!(GateStatus::decode(&frame), Ok(carried));
            frame
        }
        2 => {
            let charge = ChargeCounter::from_raw(draw.u32());
            let reading = DoseReading { flags: draw.byte() % 16, pulses: draw.u16(), charge };
            let frame = reading.encode(draw.u16() & 0x7FF, alive);
            assert_eq!(DoseReading::decode(&frame), reading);
            // the difference of two counters is what was added, also over the end of the counter
            let added = i32::from_le_bytes(draw.array());
            let later = ChargeCounter::from_raw(charge.raw().wrapping_add_signed(added));
            assert_eq!(later.since(charge), Charge::from_picocoulombs(i64::from(added)));
            frame
        }
        3 => {
            let [l0, l1] = draw.array();
            let status = ChamberStatus {
                mode: draw.of(&MODES),
                voltage: draw.u16(),
                leakage: i16::from_le_bytes([l0, l1]),
                faults: draw.u16(),
            };
            let frame = status.encode(draw.u16() & 0x7FF, alive);
            assert_eq!(ChamberStatus::decode(&frame), Ok(status));
            frame
        }
        _ => {
            let status = LinacStatus {
                docking: draw.of(&DOCKINGS),
                energy: draw.byte(),
                applicator: draw.byte(),
                pulse_rate: draw.u16(),
                interlocks: draw.u16(),
            };
            let frame = status.encode(alive);
            assert_eq!(LinacStatus::decode(&frame), Ok(status));
            assert_eq!(status.beam_requested(), status.interlocks >= 32_768);
            frame
        }
    };
    assert_eq!((frame.length, frame.data[1] % 16), (8, alive));
    assert!(oracle::is_sound(&frame), "{frame:?}");
    assert_eq!(Receiver::new().accept(&frame), Arrival::Fresh { lost: 0 });
}

/// Decodes bytes as a frame of every kind; whatever has a meaning encodes to the same bytes.
fn decode_any(draw: &mut Draw<'_>) {
    let id = draw.u16() & 0x7FF;
    let frame = oracle::sealed(Frame { id, length: 8, data: draw.array() });
    let data = frame.data;
    assert_eq!(crc(id, &data[1..]), data[0]);
    let alive = data[1] % 16;
    let [_, b1, rest @ ..] = data;
    assert_eq!(protect(id, alive, b1 >> 4, rest), frame);
    let reading = DoseReading::decode(&frame);
    assert_eq!(reading.encode(id, alive), frame);
    if let Ok(status) = ChamberStatus::decode(&frame) {
        assert_eq!(status.encode(id, alive), frame);
    }
    for guard in Guard::ALL {
        let own = oracle::sealed(Frame { id: guard.permit_id(), ..frame });
        if let Ok(permit) = Permit::decode(&own) {
            assert_eq!(permit.encode(guard, alive), own);
        } else {
            assert!(b1 >> 4 > 2 || data[2] > 3, "a permit of the contract was not understood: {own:?}");
        }
    }
    let gate = oracle::sealed(Frame { id: beam_core::wire::GATE_STATUS, ..frame });
    if let Ok(status) = GateStatus::decode(&gate) {
        assert_eq!(status.encode(alive), gate);
    } else {
        assert!(b1 >> 4 > 2 || data[2] % 16 > 7, "a gate's report was not understood: {gate:?}");
    }
    let linac = oracle::sealed(Frame { id: beam_core::wire::LINAC_STATUS, ..frame });
    if let Ok(status) = LinacStatus::decode(&linac) {
        assert_eq!(status.encode(alive), linac);
    } else {
        assert!(b1 >> 4 > 4, "a linac's status was not understood: {linac:?}");
    }
}

/// One more frame for a receiver: the next in order, a few further on, the last one again, one with a flipped bit, a short
/// one, or anything.
fn receive(draw: &mut Draw<'_>, last: Frame, receiver: &mut Receiver, listener: &mut Listener) -> Frame {
    let alive = last.data[1] % 16;
    let high = last.data[1] & 0xF0;
    let mut frame = last;
    match draw.byte() % 8 {
        0 | 1 => frame.data[1] = high | next_alive(alive),
        2 => frame.data[1] = high | (draw.byte() % 16),
        3 => {}
        4 => frame.data = draw.array(),
        5 => frame.length = draw.byte() % 9,
        6 => frame.id = draw.u16() & 0x7FF,
        _ => {
            frame = oracle::sealed(frame);
            let bit = draw.byte() % 64;
            frame.data[usize::from(bit / 8)] ^= 1 << (bit % 8);
            assert!(!oracle::is_sound(&frame), "one flipped bit is always found");
        }
    }
    if !draw.byte().is_multiple_of(4) {
        frame = oracle::sealed(frame);
    }
    let (arrival, expected) = (receiver.accept(&frame), listener.hear(&frame));
    assert_eq!(arrival, expected, "{frame:?} after {last:?}");
    if let Arrival::Fresh { lost } = arrival {
        assert!(lost <= 2 && frame.length == 8 && oracle::is_sound(&frame));
    }
    assert_eq!(accept_unprotected(&frame, 8) == Arrival::Fresh { lost: 0 }, frame.length == 8);
    frame
}

/// Any message of the kernel's: a frame comes out only of sixteen bytes without flags, and it is the one in the bytes.
fn kernel_message(message: &[u8]) {
    let Some(content) = can_frame::decode(message) else {
        assert_eq!(message.len(), 16);
        return;
    };
    let Ok(frame) = content else { return };
    assert!(message.len() == 16 && frame.id <= 0x7FF && frame.length <= 8, "{frame:?} from {message:?}");
    assert_eq!(u32::from(frame.id), u32::from_ne_bytes([message[0], message[1], message[2], message[3]]));
    let length = usize::from(frame.length);
    assert_eq!(frame.length, message[4]);
    assert_eq!(frame.data[..length], message[8..8 + length]);
    assert!(frame.data[length..].iter().all(|byte| *byte == 0), "nothing is left over beyond the length");
}

fn kernel_round_trip(draw: &mut Draw<'_>) {
    let mut frame = Frame { id: draw.u16() & 0x7FF, length: draw.byte() % 9, data: draw.array() };
    frame.data[usize::from(frame.length)..].fill(0);
    assert_eq!(can_frame::decode(&can_frame::encode(&frame)), Some(Ok(frame)));
}

/// Any control messages: an answer, and the same one twice.
fn beside(control: &[u8]) {
    assert_eq!(can_frame::beside(control), can_frame::beside(control));
}
