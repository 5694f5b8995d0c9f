//! The sending end of a permit: what may follow what, and when it is sent.

use beam_core::frame::Frame;
use beam_core::permit::PermitSender;
use beam_core::requirement::Requirement;
use beam_core::units::Span;
use beam_core::wire::{Guard, Permit, PermitState, Reason};

use crate::kit::{NANO, at, ms, verifies};

const WITHHELD: PermitState = PermitState::Withheld;
const PERMIT: PermitState = PermitState::Permit;
const TRIPPED: PermitState = PermitState::Tripped;

fn sender() -> PermitSender {
    let mut sender = PermitSender::new(Guard::Dose2, ms(5));
    sender.take_up(7);
    sender
}

/// What stands on the permit: state, reason, delivery, lease.
fn stands(sender: &PermitSender) -> (PermitState, Reason, u16, u32) {
    let Permit { state, reason, delivery, lease } = sender.current();
    assert_eq!((sender.is_given(), sender.is_tripped()), (state == PERMIT, state == TRIPPED));
    (state, reason, delivery, lease)
}

/// What is sent at `millis`, echoed at once.
fn sent(sender: &mut PermitSender, millis: u64) -> Option<Permit> {
    let frame = sender.poll(at(millis))?;
    assert!(sender.echo(&frame));
    Some(Permit::decode(&frame).unwrap())
}

#[test]
fn holds_nothing_before_the_first_delivery() {
    verifies(Requirement::PulseByPulse);
    let sender = PermitSender::new(Guard::Dose2, ms(5));
    assert_eq!(stands(&sender), (WITHHELD, Reason::None, 0, 0));
}

#[test]
fn holds_lease_zero_with_a_withheld_permit_only_before_the_first_permit() {
    verifies(Requirement::PulseByPulse);
    let mut sender = sender();
    sender.withhold();
    assert_eq!(stands(&sender), (WITHHELD, Reason::None, 7, 0));
    sender.permit(0);
    assert_eq!(stands(&sender), (PERMIT, Reason::None, 7, 0));
    sender.withhold();
    assert_eq!(stands(&sender), (WITHHELD, Reason::None, 7, 1), "a restarted gate may not take it up again");
    sender.permit(9);
    sender.withhold();
    assert_eq!(stands(&sender), (WITHHELD, Reason::None, 7, 9));
    sender.permit(9);
    assert_eq!(stands(&sender), (PERMIT, Reason::None, 7, 9));
}

#[test]
fn trips_for_good_with_the_first_reason() {
    verifies(Requirement::Latched);
    let mut sender = sender();
    sender.permit(3);
    sender.trip(Reason::Operator);
    sender.trip(Reason::Fault);
    sender.permit(4);
    sender.withhold();
    assert_eq!(stands(&sender), (TRIPPED, Reason::Operator, 7, 3));
}

#[test]
fn holds_the_next_delivery_open_after_a_trip() {
    verifies(Requirement::Latched);
    let mut sender = sender();
    sender.permit(3);
    sender.trip(Reason::Fault);
    sender.take_up(8);
    assert_eq!(stands(&sender), (WITHHELD, Reason::None, 8, 0));
    sender.withhold();
    assert_eq!(stands(&sender), (WITHHELD, Reason::None, 8, 0), "nothing of this delivery was permitted yet");
}

#[test]
fn holds_its_period_whatever_the_moment_of_the_turn() {
    verifies(Requirement::OwnHealth);
    let mut sender = sender();
    assert!(sent(&mut sender, 1000).is_some());
    assert_eq!(sender.due(), at(1005));
    assert!(sent(&mut sender, 1004).is_none());
    assert!(sent(&mut sender, 1007).is_some(), "two milliseconds late");
    assert_eq!(sender.due(), at(1010), "the next one is not");
    assert!(sent(&mut sender, 1010).is_some());
    // a gap of exactly one period: that deadline has passed too, so the schedule starts anew
    assert!(sent(&mut sender, 1020).is_some());
    assert_eq!(sender.due(), at(1025));
}

#[test]
fn trips_at_once_and_not_at_the_next_period() {
    verifies(Requirement::Latched);
    let mut sender = sender();
    assert!(sent(&mut sender, 1000).is_some());
    sender.permit(0);
    assert_eq!(sent(&mut sender, 1001).map(|permit| permit.state), Some(PERMIT));
    assert_eq!(sender.due(), at(1006), "a change restarts the period");
    sender.permit(0);
    assert_eq!(sent(&mut sender, 1002), None, "nothing changed");
    sender.trip(Reason::Fault);
    assert_eq!(sent(&mut sender, 1002).map(|permit| permit.state), Some(TRIPPED));
    assert_eq!(sent(&mut sender, 1007).map(|permit| permit.state), Some(TRIPPED), "and again and again");
}

#[test]
fn holds_the_next_frame_until_the_echo_of_the_last() {
    verifies(Requirement::OwnHealth);
    let mut sender = sender();
    assert_eq!(sender.unsent_for(at(1000)), Span::ZERO);
    let first = sender.poll(at(1000)).unwrap();
    sender.permit(1);
    assert_eq!((sender.poll(at(1006)), sender.unsent_for(at(1006))), (None, ms(6)));
    let mut other = first;
    other.data[7] ^= 1;
    assert!(!sender.echo(&other) && !sender.echo(&Frame::default()), "not what was sent");
    assert_eq!(sender.poll(at(1007)), None);
    assert!(sender.echo(&first) && !sender.echo(&first), "one echo for one frame");
    assert_eq!((sender.unsent_for(at(1008)), sent(&mut sender, 1008).map(|p| p.lease)), (Span::ZERO, Some(1)));
}

#[test]
fn holds_the_alive_counter_of_a_frame_that_the_queue_did_not_take() {
    verifies(Requirement::OwnHealth);
    let mut sender = sender();
    for millis in (1000..1070).step_by(5) {
        assert!(sent(&mut sender, millis).is_some());
    }
    let fifteenth = sender.poll(at(1070)).unwrap();
    assert_eq!(fifteenth.data[1], 14);
    sender.unsent();
    assert_eq!(sender.unsent_for(at(1071)), ms(1), "a queue that refuses a permit has not sent it");
    assert_eq!(sender.poll(at(1071)), Some(fifteenth), "at the next step, and the same");
    assert_eq!(sender.unsent_for(at(1072)), ms(2));
    assert!(sender.echo(&fifteenth));
    assert_eq!(sender.unsent_for(at(1073)), Span::ZERO);
    let next = sender.poll(at(1076)).unwrap();
    assert_eq!((next.id, next.data[1]), (Guard::Dose2.permit_id(), 0), "after 14 comes 0");
    sender.unsent();
    sender.unsent();
    assert_eq!(sender.poll(at(1077)).map(|frame| frame.data[1]), Some(0), "nothing waits: nothing is put back");
}

#[test]
fn holds_on_to_an_echo_for_its_patience_and_then_sends_anew() {
    verifies(Requirement::OwnHealth);
    let mut sender = sender();
    let lost = sender.poll(at(1000)).unwrap();
    sender.give_up_echo(at(1500), ms(500));
    assert_eq!(sender.poll(at(1500)), None);
    sender.give_up_echo(at(1500).after(NANO), ms(500));
    let next = sender.poll(at(1501)).unwrap();
    assert_ne!(next.data[1], lost.data[1], "the lost frame may have been sent: the counter goes on");
    assert_eq!(sender.unsent_for(at(1501)), ms(501), "and nothing has come back yet");
    assert!(!sender.echo(&lost) && sender.echo(&next));
    sender.give_up_echo(at(9000), ms(500));
    assert_eq!(sent(&mut sender, 1502), None, "nothing was waited for");
}

#[test]
fn trips_to_silence_until_it_is_asked_for_something_else() {
    verifies(Requirement::Proven);
    for wake in [
        PermitSender::withhold,
        |sender: &mut PermitSender| sender.permit(0),
        |sender: &mut PermitSender| {
            sender.trip(Reason::Fault);
        },
    ] {
        let mut sender = sender();
        assert!(sent(&mut sender, 1000).is_some());
        sender.permit(5);
        sender.silence();
        assert!((1001..1100).all(|millis| sent(&mut sender, millis).is_none()));
        wake(&mut sender);
        assert!(sender.poll(at(1100).after(NANO)).is_some());
    }
    let mut sender = sender();
    sender.silence();
    sender.take_up(8);
    assert!(sent(&mut sender, 1000).is_some());
}
