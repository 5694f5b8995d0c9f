//! What can be tried without CAN: the error texts, the bookkeeping of dropped frames, and the very `recvmsg` on a socket
//! of another kind.

use beam_core::record::Stamps;
use std::os::fd::OwnedFd;

use beam_core::frame::Origin;

use super::*;
use crate::can_frame::Beside;
use crate::socketpair::pair;

fn port_over(socket: OwnedFd) -> SocketCanPort {
    SocketCanPort { listener: SocketCanListener { socket: socket.into(), dropped: 0, pending: None, told_down: false } }
}

fn arrived(dropped: Option<u32>) -> Arrived {
    Arrived { bytes: 16, flags: 0, beside: Beside { stamps: Stamps::NONE, dropped } }
}

const FRAME: Frame = Frame { id: 0x101, length: 8, data: [1, 2, 3, 4, 5, 6, 7, 8] };

#[test]
fn recvmsg_reads_a_frame_and_never_waits() {
    let (ours, theirs) = pair().unwrap();
    let mut port = port_over(ours);
    assert_eq!(port.receive(), None);
    send_frame(theirs.as_fd(), &FRAME).unwrap();
    assert_eq!(port.receive(), Some(Event::Frame { frame: FRAME, origin: Origin::Wire, stamps: Stamps::NONE }));
    assert_eq!(port.receive(), None);
}

#[test]
fn recvmsg_reads_the_kernels_stamp() {
    let (ours, theirs) = pair().unwrap();
    let mut port = port_over(ours);
    port.listener.socket.set_recv_timestamp(true).unwrap();
    ask_for_controller_stamps(&port.listener.socket).unwrap();
    send_frame(theirs.as_fd(), &FRAME).unwrap();
    let Some(Event::Frame { stamps, .. }) = port.receive() else { panic!("no frame") };
    assert!(crate::clock::wall_time().unix_nanos().abs_diff(stamps.kernel_nanos) < 60_000_000_000, "{stamps:?}");
    assert_eq!(stamps.controller_nanos, 0, "no controller carried it");
}

#[test]
fn longer_and_shorter_messages_are_malformed() {
    let (ours, theirs) = pair().unwrap();
    let mut port = port_over(ours);
    for size in [1, 15, 17, 72, 73, 2_000] {
        nix::unistd::write(&theirs, &vec![0; size]).unwrap();
        assert_eq!(port.receive(), Some(Event::Trouble(Trouble::Malformed)), "{size} bytes");
        assert_eq!(port.receive(), None);
    }
}

#[test]
fn dropped_frames_are_told_before_the_frame_that_came_after_them() {
    let (ours, _theirs) = pair().unwrap();
    let mut port = port_over(ours);
    let message = can_frame::encode(&FRAME);
    let frame = Some(Event::Frame { frame: FRAME, origin: Origin::Wire, stamps: Stamps::NONE });
    let overflow = |lost| Some(Event::Trouble(Trouble::ReceiveOverflow { lost }));
    assert_eq!(port.listener.understand(&message, arrived(None)), frame);
    assert!(!port.holds_more());
    assert_eq!(port.listener.understand(&message, arrived(Some(189))), overflow(189));
    assert!(port.holds_more(), "the kernel has given it away and tells of it no more");
    assert_eq!(port.receive(), frame);
    assert!(!port.holds_more());
    assert_eq!(port.listener.understand(&message, arrived(Some(189))), frame);
    assert_eq!(port.listener.understand(&message, arrived(Some(190))), overflow(1));
    port.listener.dropped = u32::MAX;
    assert_eq!(port.listener.understand(&message, arrived(Some(1))), overflow(2), "the counter wraps");
}

#[test]
fn a_lasting_error_is_told_with_a_pause() {
    // `recvmsg` on what is no socket fails for ever.
    let mut port = port_over(std::fs::File::open("/dev/null").unwrap().into());
    for _ in 0..3 {
        assert_eq!(port.receive(), Some(Event::Trouble(Trouble::InterfaceDown)));
        assert_eq!(port.receive(), None);
    }
    assert_eq!(port.send(&FRAME), Err(Unsent::Down));
}

#[test]
fn an_error_that_sending_met_is_told_when_reading() {
    let (ours, theirs) = pair().unwrap();
    let mut port = port_over(ours);
    drop(theirs);
    assert_eq!(port.send(&FRAME), Err(Unsent::Down));
    assert!(port.holds_more());
    assert_eq!(port.receive(), Some(Event::Trouble(Trouble::InterfaceDown)));
}

#[test]
fn sending_never_waits() {
    let (ours, _theirs) = pair().unwrap();
    let mut port = port_over(ours);
    let full = (0..100_000).find_map(|_| port.send(&FRAME).err());
    assert_eq!(full, Some(Unsent::QueueFull));
}

#[test]
fn error_texts_say_what_where_and_how_to_repair() {
    let text = |cause| OpenError { interface: "can0".to_owned(), cause }.to_string();
    let os = io::Error::from_raw_os_error;
    for (cause, repair) in [
        (Cause::Identifier(0x800), "profile"),
        (Cause::of_socket(os(libc::EAFNOSUPPORT)), "modprobe can_raw"),
        (Cause::of_socket(os(libc::EPROTONOSUPPORT)), "modprobe can_raw"),
        (Cause::of_socket(os(libc::EPERM)), "sandbox"),
        (Cause::Missing, "plug the adapter in"),
        (Cause::Facts(os(libc::EAFNOSUPPORT)), "AF_NETLINK"),
        (Cause::of_bind(os(libc::ENETDOWN)), "ip link set can0 up"),
        (Cause::of_bind(os(libc::ENODEV)), "not a CAN interface"),
        (Cause::Option("SO_RXQ_OVFL", os(libc::ENOPROTOOPT)), "SO_RXQ_OVFL"),
        (Cause::of_bind(os(libc::EIO)), "cannot be opened"),
    ] {
        let text = text(cause);
        assert!(text.starts_with("interface can0") && text.contains(repair), "{text}");
    }
}

#[test]
fn an_interface_that_is_not_there_is_an_error() {
    let error = SocketCanPort::open("nosuchcan0", &[0x101], None).unwrap_err().to_string();
    assert!(error.contains("nosuchcan0"), "{error}");
    let error = SocketCanPort::open("nosuchcan0", &[0x800], None).unwrap_err().to_string();
    assert!(error.contains("0x800"), "{error}");
}
