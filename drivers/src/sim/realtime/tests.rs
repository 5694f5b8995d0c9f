//! The unit in real time: what endpoints get, and that it ends.

use std::time::Duration;

use beam_core::frame::Origin;
use beam_core::wire::{GATE_STATUS, Guard, LINAC_STATUS, MON1_DOSE, PERMIT_DOSE1, Permit, PermitState, Reason};

use super::*;
use crate::sim::config::UnitConfig;
use crate::sim::gate::permit_bus;
use crate::sim::linac::Beam;

fn unit() -> RealTimeUnit {
    RealTimeUnit::new(Unit::new(&UnitConfig::example(), 9, &[]))
}

fn guard(wiring: &mut RealTimeUnit, bus: Bus, ids: &[u16], own: Option<Guard>) -> PairPort {
    let socket = wiring.endpoint(bus, ids).expect("a socket");
    PairPort::new(socket, own.map(Guard::permit_id)).expect("a port")
}

fn read(port: &mut PairPort) -> Vec<(Frame, Origin)> {
    let mut frames = Vec::new();
    while let Some(event) = port.receive() {
        if let Event::Frame { frame, origin, .. } = event {
            frames.push((frame, origin));
        }
    }
    frames
}

fn withheld(guard: Guard, alive: u8) -> Frame {
    Permit { state: PermitState::Withheld, reason: Reason::None, delivery: 7, lease: 0 }.encode(guard, alive)
}

#[test]
fn endpoints_get_what_their_filter_lets_pass() {
    let mut wiring = unit();
    let mut dose = guard(&mut wiring, Bus::A, &[MON1_DOSE], None);
    let mut gate = guard(&mut wiring, Bus::A, &[GATE_STATUS], None);
    let mut linac = guard(&mut wiring, Bus::B, &[MON1_DOSE, LINAC_STATUS], None);
    let handle = wiring.start(ThreadWish::default()).expect("a thread");
    std::thread::sleep(Duration::from_millis(200));
    for (port, id, least) in [(&mut dose, MON1_DOSE, 15), (&mut gate, GATE_STATUS, 30), (&mut linac, LINAC_STATUS, 3)] {
        let frames = read(port);
        assert!(frames.len() >= least && frames.iter().all(|(frame, _)| frame.id == id), "{id:#x}: {}", frames.len());
    }
    assert_eq!(handle.dropped(), 0);
    handle.stop();
    let _truth = handle.join();
}

#[test]
fn permits_reach_the_gate_the_echo_and_the_other_endpoints() {
    let mut wiring = unit();
    let mut dose1 = guard(&mut wiring, Bus::A, &[], Some(Guard::Dose1));
    let mut time = guard(&mut wiring, Bus::A, &[PERMIT_DOSE1], Some(Guard::Time));
    let mut bus_b = guard(&mut wiring, Bus::B, &[], None);
    let handle = wiring.start(ThreadWish::default()).expect("a thread");
    let mut echoes = 0;
    let mut overheard = 0;
    for alive in 0..10 {
        assert_eq!(dose1.send(&withheld(Guard::Dose1, alive)), Ok(()));
        assert_eq!(time.send(&withheld(Guard::Time, alive)), Ok(()));
        assert_eq!(bus_b.send(&withheld(Guard::Dose2, alive)), Ok(()));
        assert_eq!(bus_b.send(&withheld(Guard::Interlock, alive)), Ok(()));
        // a busy computer may let the unit's thread wait
        for _ in 0..100 {
            std::thread::sleep(Duration::from_millis(20));
            echoes += read(&mut dose1).iter().filter(|(_, origin)| *origin == Origin::Echo).count();
            overheard += read(&mut time).iter().filter(|(frame, _)| frame.id == PERMIT_DOSE1).count();
            if echoes.min(overheard) > usize::from(alive) {
                break;
            }
        }
    }
    assert_eq!(handle.truth().delivery, 7);
    assert_eq!((echoes, overheard), (10, 10));
    drop((dose1, time, bus_b));
    let _truth = handle.join();
}

#[test]
fn ends_when_all_endpoints_are_closed_and_counts_what_nobody_reads() {
    let mut wiring = unit();
    let mut port = guard(&mut wiring, Bus::A, &[PERMIT_DOSE1], None);
    let handle = wiring.start(ThreadWish::default()).expect("a thread");
    let frame = withheld(Guard::Dose1, 3);
    for _ in 0..200 {
        while port.send(&frame).is_ok() {}
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(handle.dropped() > 0);
    drop(port);
    let _truth = handle.join();
}

#[test]
fn nothing_that_an_endpoint_sends_stops_the_unit() {
    let mut wiring = unit();
    let socket = wiring.endpoint(Bus::A, &[GATE_STATUS]).expect("a socket");
    let handle = wiring.start(ThreadWish::default()).expect("a thread");
    for bytes in [&[0xFF_u8; 16][..], &[1; 3], &[0; 72], &[0; 300]] {
        assert_eq!(nix::unistd::write(&socket, bytes), Ok(bytes.len()));
    }
    std::thread::sleep(Duration::from_millis(50));
    assert!(handle.is_running());
    assert!(read(&mut PairPort::new(socket, None).expect("a port")).len() > 5);
}

/// A whole small delivery against the wall clock: four permits every 5 ms, and no pulse beyond the last leased one.
#[test]
fn delivers_what_was_leased_and_not_one_pulse_more() {
    let config = UnitConfig {
        beam: Beam::Pulses { period: Span::from_millis(20), mu_per_pulse: 5.0 },
        request_after: Span::from_millis(20),
        ..UnitConfig::example()
    };
    let mut wiring = RealTimeUnit::new(Unit::new(&config, 9, &[]));
    let mut bus_a = guard(&mut wiring, Bus::A, &[], None);
    let mut bus_b = guard(&mut wiring, Bus::B, &[], None);
    let handle = wiring.start(ThreadWish::default()).expect("a thread");
    for round in 0..120_u8 {
        let (state, lease) = if round < 10 { (PermitState::Withheld, 0) } else { (PermitState::Permit, 8) };
        for guard in Guard::ALL {
            let permit = Permit { state, reason: Reason::None, delivery: 7, lease };
            let port = if permit_bus(guard, false) == Bus::A { &mut bus_a } else { &mut bus_b };
            assert_eq!(port.send(&permit.encode(guard, round % 15)), Ok(()));
        }
        read(&mut bus_a);
        read(&mut bus_b);
        std::thread::sleep(Duration::from_millis(5));
    }
    drop((bus_a, bus_b));
    let truth = handle.join();
    // a loaded machine may leave a permit late, which closes the gate early; it never lets more pass
    assert!(truth.pulses <= 8 && truth.delivery == 7, "{truth:?}");
    assert_eq!((truth.pulses_while_closed, truth.pulses_beyond_lease), (0, 0));
}
