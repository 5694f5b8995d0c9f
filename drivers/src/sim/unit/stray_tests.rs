//! Pulses through a gate that says it is closed: after every kind of end, counted and not counted, and then no more.

use super::*;
use crate::sim::signal::Signal;
use crate::sim::stray::Stray;

const STRAY: Stray = Stray { pulses: 3, after: Span::from_millis(40), counted: true };

/// A unit with a beam of five pulses and such a stray to come.
fn delivering(config: &UnitConfig, stray: Stray, lease: u32) -> Hand {
    let mut hand = Hand::new(config, &[]);
    hand.unit.keep_sound_gate();
    hand.unit.expect(Signal::Stray(stray), 3);
    hand.deliver(lease, 750);
    hand
}

#[test]
fn counted_pulses_come_after_every_kind_of_end_and_then_no_more() {
    for end in [PermitState::Tripped, PermitState::Withheld] {
        let mut hand = delivering(&UnitConfig::example(), STRAY, 5);
        let before = hand.unit.truth();
        assert_eq!((before.pulses, before.gate.pulses, before.pulses_while_closed), (5, 5, 0), "{end:?}");
        hand.say(end, 5);
        hand.run(35);
        assert_eq!(hand.unit.truth().pulses, 5, "not before its delay");
        assert!(hand.unit.is_straying());
        hand.run(1000);
        let after = hand.unit.truth();
        assert_eq!((after.pulses, after.gate.pulses, after.pulses_while_closed), (8, 8, 3), "{end:?}");
        assert!(!hand.unit.is_straying() && after.gate.state != GateState::Open);
        let told = [Bus::A, Bus::B].map(|bus| {
            let last = hand.frames.iter().rev().find(|(_, on, frame)| *on == bus && frame.id == GATE_STATUS);
            last.map(|(.., frame)| GateStatus::decode(frame).expect("a report").pulses)
        });
        assert_eq!(told, [Some(8); 2]);
    }
}

#[test]
fn pulses_that_are_not_counted_show_on_the_chambers_only() {
    let mut hand = delivering(&UnitConfig::example(), Stray { counted: false, ..STRAY }, 5);
    let counted = DoseReading::decode(&hand.last(MON1_DOSE)).pulses;
    hand.coast(1000);
    let truth = hand.unit.truth();
    assert_eq!((truth.gate.state, truth.gate.pulses), (GateState::Closed, 5), "left alone it grew stale");
    assert_eq!((truth.pulses, truth.pulses_while_closed), (8, 3));
    assert_eq!(DoseReading::decode(&hand.last(MON1_DOSE)).pulses.wrapping_sub(counted), 3);
}

#[test]
fn an_open_gate_lets_no_stray_pulse_pass() {
    let mut hand = delivering(&UnitConfig::example(), STRAY, 5);
    hand.run(2000);
    assert_eq!((hand.unit.truth().pulses, hand.unit.truth().gate.cause), (5, CloseCause::LeaseUsed));
}

#[test]
fn a_gate_that_is_closed_already_lets_them_pass_at_once() {
    let mut hand = delivering(&UnitConfig::example(), Stray { pulses: 0, ..STRAY }, 5);
    hand.say(PermitState::Tripped, 5);
    hand.run(500);
    let Hand { unit, now, frames, .. } = &mut hand;
    let stray = Signal::Stray(Stray { pulses: 1, after: Span::ZERO, counted: true });
    unit.change(*now, stray, &mut |bus, frame| frames.push((*now, bus, frame)));
    hand.run(100);
    assert_eq!((hand.unit.truth().pulses, hand.unit.truth().pulses_while_closed), (6, 1));
}

#[test]
fn without_pulses_it_is_beam_for_as_many_dose_periods() {
    let mut hand = delivering(&tube(), STRAY, NO_PULSE_LIMIT);
    hand.say(PermitState::Withheld, NO_PULSE_LIMIT);
    hand.run(500);
    let truth = hand.unit.truth();
    assert_eq!(truth.beam_on_while_closed, Span::from_millis(30));
    assert!(!hand.unit.is_straying());
}

#[test]
fn the_named_ones_are_strays_too() {
    for (injection, strays, counted) in [
        (Injection::GateFiresClosed, 20, 20),
        (Injection::GateFiresClosedOnce, 1, 1),
        (Injection::GateLeaksBriefly, 3, 0),
    ] {
        let mut hand = Hand::new(&UnitConfig::example(), &[(injection, 2)]);
        hand.deliver(4, 700);
        hand.say(PermitState::Tripped, 4);
        hand.run(3000);
        let truth = hand.unit.truth();
        assert_eq!((truth.pulses, truth.pulses_while_closed), (4 + strays, strays), "{injection}");
        assert_eq!(truth.gate.pulses, 4 + counted, "{injection}");
    }
}

#[test]
fn none_comes_before_the_first_beam() {
    for config in [UnitConfig::example(), tube()] {
        let mut hand = Hand::new(&config, &[(Injection::GateFiresClosed, 0)]);
        hand.run(1000);
        hand.say(PermitState::Permit, 0);
        hand.run(1000);
        let truth = hand.unit.truth();
        assert_eq!((truth.pulses, truth.beam_on, hand.unit.is_straying()), (0, Span::ZERO, false));
    }
}
