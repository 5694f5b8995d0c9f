//! What a guard's loop reads of its ports, and in which order.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};

use beam_core::frame::Trouble;
use beam_drivers::Unsent;
use beam_drivers::socketpair::pair;

use super::*;
use crate::config::shipped;
use crate::wiring::seat_guards;

/// Which bus was asked, in order.
type Asked = Arc<Mutex<Vec<Bus>>>;

/// A port that says what it was told to say.
struct Script {
    bus: Bus,
    events: VecDeque<Event>,
    holds_more: bool,
    asked: Asked,
    socket: OwnedFd,
}

impl Script {
    fn new(bus: Bus, events: usize, asked: &Asked) -> Self {
        let events = vec![Event::Trouble(Trouble::InterfaceDown); events].into();
        Self { bus, events, holds_more: false, asked: Arc::clone(asked), socket: pair().unwrap().0 }
    }
}

impl Port for Script {
    fn receive(&mut self) -> Option<Event> {
        self.asked.lock().unwrap().push(self.bus);
        self.holds_more = false;
        self.events.pop_front()
    }

    fn holds_more(&self) -> bool {
        self.holds_more
    }

    fn send(&mut self, _frame: &Frame) -> Result<(), Unsent> {
        Ok(())
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Which buses are asked when so many events wait on each and `readable` are, and which of them `hold` more.
fn asked(events: [usize; 2], readable: [bool; 2], hold: [bool; 2]) -> Vec<Bus> {
    let machine = shipped::profile("mobetron").unwrap().machine;
    let ([mut seat, ..], _lines) = seat_guards(&machine);
    let asked = Asked::default();
    let mut own = Script::new(Bus::A, events[0], &asked);
    let mut other = Script::new(Bus::B, events[1], &asked);
    (own.holds_more, other.holds_more) = (hold[0], hold[1]);
    let mut ports = Ports { own: (Bus::A, own), other: Some((Bus::B, other)) };
    hear_what_came(&mut seat, &mut ports, readable);
    drop(ports);
    Arc::into_inner(asked).unwrap().into_inner().unwrap()
}

#[test]
fn asks_no_port_that_has_nothing_to_say() {
    assert_eq!(asked([0, 0], [false, false], [false, false]), []);
    assert_eq!(asked([1, 0], [true, false], [false, false]), [Bus::A, Bus::A]);
    assert_eq!(asked([0, 1], [false, true], [false, false]), [Bus::B, Bus::B]);
}

#[test]
fn reads_what_a_port_holds_although_it_is_not_readable() {
    assert_eq!(asked([1, 0], [false, false], [true, false]), [Bus::A, Bus::A]);
    assert_eq!(asked([0, 1], [false, false], [false, true]), [Bus::B, Bus::B]);
}

#[test]
fn lets_no_bus_wait_for_the_other_and_comes_back_from_one_that_babbles() {
    assert_eq!(asked([2, 1], [true, true], [false, false]), [Bus::A, Bus::B, Bus::A, Bus::B, Bus::A]);
    let babbling = asked([100_000, 1], [true, true], [false, false]);
    assert_eq!(babbling.len(), usize::try_from(EVENTS_A_TURN).unwrap() + 2);
    assert_eq!(babbling.get(1), Some(&Bus::B));
}
