//! The kernel's layout, held against bytes written by hand and against libc's own constants and structures.

use super::*;

fn message(id: u32, length: u8, data: [u8; 8]) -> [u8; CLASSIC_BYTES] {
    let mut message = [0xEE; CLASSIC_BYTES];
    message[..4].copy_from_slice(&id.to_ne_bytes());
    message[4] = length;
    message[8..].copy_from_slice(&data);
    message
}

fn error(classes: u32, problems: u8) -> Content {
    decode(&message(libc::CAN_ERR_FLAG | classes, 8, [0, problems, 0, 0, 0, 0, 0, 0]))
}

#[test]
fn a_frame_survives_the_kernels_layout() {
    assert_eq!(size_of::<libc::can_frame>(), CLASSIC_BYTES);
    assert_eq!(size_of::<libc::canfd_frame>(), FLEXIBLE_BYTES);
    let frame = Frame { id: 0x101, length: 8, data: [1, 2, 3, 4, 5, 6, 7, 8] };
    assert_eq!(decode(&encode(&frame)), Some(Ok(frame)));
    let short = Frame { id: 0x7FF, length: 2, data: [9, 8, 0, 0, 0, 0, 0, 0] };
    assert_eq!(decode(&encode(&short)), Some(Ok(short)));
}

#[test]
fn bytes_beyond_the_length_are_zero() {
    assert_eq!(
        decode(&message(0x20, 3, [7; 8])),
        Some(Ok(Frame { id: 0x20, length: 3, data: [7, 7, 7, 0, 0, 0, 0, 0] }))
    );
}

#[test]
fn what_is_no_classic_data_frame_is_malformed() {
    let malformed = Some(Err(Trouble::Malformed));
    assert_eq!(decode(&message(0x101 | libc::CAN_EFF_FLAG, 8, [0; 8])), malformed, "extended");
    assert_eq!(decode(&message(0x101 | libc::CAN_RTR_FLAG, 0, [0; 8])), malformed, "remote");
    assert_eq!(decode(&message(0x0800, 8, [0; 8])), malformed, "a twelfth bit");
    assert_eq!(decode(&message(0x0001_0101, 8, [0; 8])), malformed, "a seventeenth bit");
    assert_eq!(decode(&message(0x101, 9, [0; 8])), malformed, "nine bytes");
    for size in (0..=FLEXIBLE_BYTES).filter(|&size| size != CLASSIC_BYTES) {
        assert_eq!(decode(&[0; FLEXIBLE_BYTES][..size]), malformed, "{size} bytes from the kernel");
    }
}

/// An error frame as `candump` prints it: its identifier with the error flag, and its bytes.
fn printed(line: &str) -> Content {
    let (id, bytes) = line.split_once('#').expect("identifier#bytes");
    let bytes = u64::from_str_radix(bytes, 16).expect("eight bytes in hexadecimal");
    decode(&message(u32::from_str_radix(id, 16).expect("an identifier"), 8, bytes.to_be_bytes()))
}

/// What each class and each bit of byte 1 means is written in `linux/can/error.h`; the constants here are libc's copy.
#[test]
fn trips_a_controller_that_may_no_longer_speak_or_lost_frames() {
    let controller = libc::CAN_ERR_CRTL;
    let trouble = |trouble| Some(Err(trouble));
    assert_eq!(error(libc::CAN_ERR_BUSOFF, 0), trouble(Trouble::BusOff));
    assert_eq!(error(libc::CAN_ERR_TX_TIMEOUT, 0), trouble(Trouble::BusOff));
    assert_eq!(error(controller, libc::CAN_ERR_CRTL_RX_PASSIVE as u8), trouble(Trouble::ErrorPassive));
    assert_eq!(error(controller, libc::CAN_ERR_CRTL_TX_PASSIVE as u8), trouble(Trouble::ErrorPassive));
    assert_eq!(error(controller, libc::CAN_ERR_CRTL_RX_OVERFLOW as u8), trouble(Trouble::ControllerOverrun));
    assert_eq!(error(controller, libc::CAN_ERR_CRTL_TX_OVERFLOW as u8), trouble(Trouble::ControllerOverrun));
    for (line, meant) in [
        ("20000040#0000000000000000", Trouble::BusOff),
        // CAN_ERR_BUSOFF beside CAN_ERR_RESTARTED, CAN_ERR_PROT and CAN_ERR_CRTL: the gravest counts
        ("2000014C#0010040000000000", Trouble::BusOff),
        // CAN_ERR_CRTL with CAN_ERR_CRTL_TX_PASSIVE, and with CAN_ERR_CRTL_RX_PASSIVE beside an overflow
        ("20000004#0020000000000000", Trouble::ErrorPassive),
        ("20000004#0011000000000000", Trouble::ErrorPassive),
        // CAN_ERR_PROT with CAN_ERR_CNT: 128 errors at transmission, at reception
        ("20000208#0000040000008000", Trouble::ErrorPassive),
        ("20000208#0000040000000080", Trouble::ErrorPassive),
        // counters alone, and CAN_ERR_CRTL_ACTIVE that they contradict
        ("20000200#000000000000FF00", Trouble::ErrorPassive),
        ("20000204#0040000000000080", Trouble::ErrorPassive),
    ] {
        assert_eq!(printed(line), trouble(meant), "{line}");
    }
}

#[test]
fn holds_an_error_that_can_repaired_by_itself() {
    let trouble = |trouble| Some(Err(trouble));
    for (line, meant) in [
        // CAN_ERR_CRTL | CAN_ERR_PROT without a reason, CAN_ERR_PROT_STUFF: what common adapters say of one stuffing error
        ("2000000C#0000040000000000", Trouble::BusError),
        // CAN_ERR_CRTL_UNSPEC alone, and CAN_ERR_CRTL_ACTIVE: active again
        ("20000004#0000000000000000", Trouble::BusError),
        ("20000004#0040000000000000", Trouble::BusError),
        // CAN_ERR_PROT | CAN_ERR_BUSERROR with CAN_ERR_PROT_FORM in CAN_ERR_PROT_LOC_ACK_DEL
        ("20000088#0000021B00000000", Trouble::BusError),
        // CAN_ERR_TRX with CAN_ERR_TRX_CANH_NO_WIRE, CAN_ERR_ACK, CAN_ERR_RESTARTED
        ("20000010#0000000004000000", Trouble::BusError),
        ("20000020#0000000000000000", Trouble::BusError),
        ("20000100#0000000000000000", Trouble::BusError),
        // byte 1 has a meaning in class CAN_ERR_CRTL only, bytes 6 and 7 in class CAN_ERR_CNT only
        ("20000008#0010040000000000", Trouble::BusError),
        ("2000000C#0000040000008080", Trouble::BusError),
        // CAN_ERR_CRTL_RX_WARNING and CAN_ERR_CRTL_TX_WARNING; 96 to 127 errors
        ("20000004#0004000000000000", Trouble::ErrorWarning),
        ("20000004#0048000000000000", Trouble::ErrorWarning),
        ("20000208#0000040000006000", Trouble::ErrorWarning),
        ("20000208#000004000000007F", Trouble::ErrorWarning),
        ("20000208#0000040000005F5F", Trouble::BusError),
    ] {
        assert_eq!(printed(line), trouble(meant), "{line}");
    }
}

#[test]
fn error_frames_that_are_not_known_are_the_gravest() {
    let controller = libc::CAN_ERR_CRTL;
    assert_eq!(error(0x400, 0), Some(Err(Trouble::BusOff)));
    assert_eq!(error(0x1000 | libc::CAN_ERR_PROT, 0), Some(Err(Trouble::BusOff)));
    assert_eq!(error(controller, 0x80), Some(Err(Trouble::BusOff)));
}

#[test]
fn error_frames_without_trouble_say_nothing() {
    assert_eq!(error(libc::CAN_ERR_LOSTARB, 0), None);
    assert_eq!(error(0x200, 0), None, "counters");
    assert_eq!(printed("20000202#0500000000005F5F"), None);
}

#[test]
fn flags_tell_the_origin() {
    assert_eq!(origin(0), Origin::Wire);
    assert_eq!(origin(libc::MSG_DONTROUTE), Origin::Local);
    assert_eq!(origin(libc::MSG_DONTROUTE | libc::MSG_CONFIRM), Origin::Echo);
}

/// A control message as the kernel writes it.
fn control(level: c_int, kind: c_int, value: &[u8]) -> Vec<u8> {
    let mut bytes = (size_of::<libc::cmsghdr>() + value.len()).to_ne_bytes().to_vec();
    bytes.extend(level.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(size_of::<usize>()), 0xEE);
    bytes
}

#[test]
fn control_messages_give_stamp_and_drops_in_any_order() {
    let mut time = 1_700_000_000_i64.to_ne_bytes().to_vec();
    time.extend(42_i64.to_ne_bytes());
    let stamp = control(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &time);
    let drops = control(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &3_000_000_000_u32.to_ne_bytes());
    let other = control(libc::SOL_SOCKET, libc::SCM_CREDENTIALS, &[0; 12]);
    let expected = |stamps| Beside { stamps, dropped: Some(3_000_000_000) };
    let kernel = Stamps { kernel_nanos: 1_700_000_000_000_000_042, controller_nanos: 0 };
    assert_eq!(beside(&[stamp.clone(), drops.clone()].concat()), expected(kernel));
    assert_eq!(beside(&[drops.clone(), other, stamp.clone()].concat()), expected(kernel));
    let moments = [[0_i64, 0], [0, 0], [77, 5]].concat();
    let controller: Vec<u8> = moments.iter().flat_map(|part| part.to_ne_bytes()).collect();
    let controller = control(libc::SOL_SOCKET, libc::SCM_TIMESTAMPING, &controller);
    let both = Stamps { controller_nanos: 77_000_000_005, ..kernel };
    assert_eq!(beside(&[stamp, controller, drops].concat()), expected(both));
    assert_eq!(beside(&[]), Beside::default());
}

#[test]
fn damaged_control_messages_end_the_reading() {
    let drops = control(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &7_u32.to_ne_bytes());
    for end in 0..drops.len() - 4 {
        assert_eq!(beside(&drops[..end]), Beside::default(), "cut after {end} bytes");
    }
    for length in [0, 1, 15, 16, usize::MAX] {
        let mut bad = drops.clone();
        bad[..size_of::<usize>()].copy_from_slice(&length.to_ne_bytes());
        assert_eq!(beside(&bad), Beside::default(), "length {length}");
    }
}
