//! The unit in real time: what endpoints get, and that it ends.

use std::time::Duration;

use beam_core::wire::{GATE_STATUS, Guard, LINAC_STATUS, MON1_DOSE, PERMIT_DOSE1, Permit, PermitState, Reason};

use super::*;
use crate::sim::config::UnitConfig;

fn unit() -> RealTimeUnit {
    RealTimeUnit::new(Unit::new(&UnitConfig::example(), 9, &[]))
}

fn read(socket: &OwnedFd) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut bytes = [0; CAN_FRAME_BYTES];
    while let Ok(CAN_FRAME_BYTES) = recv(socket.as_raw_fd(), &mut bytes, MsgFlags::empty()) {
        frames.extend(decode(bytes));
    }
    frames
}

fn write(socket: &OwnedFd, frame: &Frame) {
    assert_eq!(send(socket.as_raw_fd(), &encode(frame), MsgFlags::MSG_NOSIGNAL), Ok(CAN_FRAME_BYTES));
}

fn withheld(guard: Guard, alive: u8) -> Frame {
    Permit { state: PermitState::Withheld, reason: Reason::None, delivery: 7, lease: 0 }.encode(guard, alive)
}

#[test]
fn endpoints_get_what_their_filter_lets_pass() {
    let mut wiring = unit();
    let dose = wiring.endpoint(Bus::A, &[MON1_DOSE]).expect("a socket");
    let gate = wiring.endpoint(Bus::A, &[GATE_STATUS]).expect("a socket");
    let linac = wiring.endpoint(Bus::B, &[MON1_DOSE, LINAC_STATUS]).expect("a socket");
    let handle = wiring.start().expect("a thread");
    std::thread::sleep(Duration::from_millis(200));
    for (socket, id, least) in [(&dose, MON1_DOSE, 15), (&gate, GATE_STATUS, 30), (&linac, LINAC_STATUS, 3)] {
        let frames = read(socket);
        assert!(frames.len() >= least && frames.iter().all(|frame| frame.id == id), "{id:#x}: {}", frames.len());
    }
    assert_eq!(handle.dropped(), 0);
    handle.stop();
    let _truth = handle.join();
}

#[test]
fn permits_reach_the_gate_the_echo_and_the_other_endpoints() {
    let mut wiring = unit();
    let dose1 = wiring.endpoint(Bus::A, &[]).expect("a socket");
    let time = wiring.endpoint(Bus::A, &[PERMIT_DOSE1]).expect("a socket");
    let bus_b = wiring.endpoint(Bus::B, &[]).expect("a socket");
    let handle = wiring.start().expect("a thread");
    for alive in 0..10 {
        write(&dose1, &withheld(Guard::Dose1, alive));
        write(&time, &withheld(Guard::Time, alive));
        write(&bus_b, &withheld(Guard::Dose2, alive));
        write(&bus_b, &withheld(Guard::Interlock, alive));
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(handle.truth().delivery, 7);
    assert_eq!(read(&dose1).len(), 10, "its own echoes");
    let seen = read(&time);
    assert_eq!(seen.iter().filter(|frame| frame.id == PERMIT_DOSE1).count(), 10);
    assert_eq!(seen.len(), 20);
    drop((dose1, time, bus_b));
    let _truth = handle.join();
}

#[test]
fn ends_when_all_endpoints_are_closed_and_counts_what_nobody_reads() {
    let mut wiring = unit();
    let socket = wiring.endpoint(Bus::A, &[PERMIT_DOSE1]).expect("a socket");
    let handle = wiring.start().expect("a thread");
    let bytes = encode(&withheld(Guard::Dose1, 3));
    for _ in 0..200 {
        while send(socket.as_raw_fd(), &bytes, MsgFlags::MSG_NOSIGNAL).is_ok() {}
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(handle.dropped() > 0);
    drop(socket);
    let _truth = handle.join();
}

#[test]
fn nothing_that_an_endpoint_sends_stops_the_unit() {
    let mut wiring = unit();
    let socket = wiring.endpoint(Bus::A, &[GATE_STATUS]).expect("a socket");
    let handle = wiring.start().expect("a thread");
    for bytes in [&[0xFF_u8; 16][..], &[1; 3], &[0; 72]] {
        let _sent = send(socket.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL);
    }
    std::thread::sleep(Duration::from_millis(50));
    assert!(handle.is_running());
    assert!(read(&socket).len() > 5);
}
