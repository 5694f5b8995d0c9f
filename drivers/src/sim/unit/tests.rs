//! Whole deliveries with permits written by hand, and what each fault does to them.

use beam_core::wire::{
    CloseCause, DoseReading, GATE_STATUS, Guard, LINAC_STATUS, LinacStatus, NO_PULSE_LIMIT, Permit, PermitState, Reason,
};

use super::*;
use crate::sim::gate::permit_bus;

/// Four senders of permits that know nothing but their period, and a unit in virtual time.
struct Hand {
    unit: Unit,
    now: Ticks,
    alive: u8,
    permits: [Permit; 4],
    frames: Vec<(Ticks, Bus, Frame)>,
}

impl Hand {
    fn new(config: &UnitConfig, injections: &[(Injection, u32)]) -> Self {
        let permit = Permit { state: PermitState::Withheld, reason: Reason::None, delivery: 7, lease: 0 };
        let unit = Unit::new(config, 42, injections);
        Self { unit, now: Ticks::ZERO, alive: 0, permits: [permit; 4], frames: Vec::new() }
    }

    fn say(&mut self, state: PermitState, lease: u32) {
        for (guard, permit) in Guard::ALL.into_iter().zip(&mut self.permits) {
            let lease = if guard == Guard::Time && lease > 0 { NO_PULSE_LIMIT } else { lease };
            *permit = Permit { state, lease, ..*permit };
        }
    }

    /// Runs for some milliseconds; permits go out every 5 ms.
    fn run(&mut self, millis: u64) {
        let single = self.unit.config.single_bus;
        for _ in 0..millis / 5 {
            self.alive = (self.alive + 1) % 15;
            for (guard, permit) in Guard::ALL.into_iter().zip(self.permits) {
                let frame = permit.encode(guard, self.alive);
                let Self { unit, frames, now, .. } = self;
                unit.receive(*now, permit_bus(guard, single), &frame, &mut |bus, frame| {
                    frames.push((*now, bus, frame))
                });
            }
            self.coast(5);
        }
    }

    /// Runs without any permit.
    fn coast(&mut self, millis: u64) {
        let until = self.now.after(Span::from_millis(millis));
        while self.unit.next() <= until {
            let at = self.unit.next();
            assert!(at >= self.now, "time goes on");
            let Self { unit, frames, .. } = self;
            unit.advance(at, &mut |bus, frame| frames.push((at, bus, frame)));
            self.now = at;
        }
        self.now = until;
    }

    /// Takes up the delivery, opens with `lease` and runs for some milliseconds.
    fn deliver(&mut self, lease: u32, millis: u64) -> Truth {
        self.run(200);
        self.say(PermitState::Permit, lease);
        self.run(millis);
        self.unit.truth()
    }

    fn last(&self, id: u16) -> Frame {
        self.frames.iter().rev().find(|(.., frame)| frame.id == id).map(|(.., frame)| *frame).expect("a frame")
    }
}

fn tube() -> UnitConfig {
    UnitConfig { beam: Beam::Continuous { mu_per_second: 10.0 }, ..UnitConfig::example() }
}

#[test]
fn a_delivery_ends_with_its_last_leased_pulse() {
    let mut hand = Hand::new(&UnitConfig::example(), &[]);
    let truth = hand.deliver(12, 3000);
    assert_eq!((truth.pulses, truth.delivery), (12, 7));
    assert_eq!((truth.gate.state, truth.gate.cause, truth.gate.pulses), (GateState::Open, CloseCause::LeaseUsed, 12));
    assert!((truth.mu - 60.0).abs() < 2.0, "{}", truth.mu);
    let first = hand.frames.iter().find(|(.., frame)| frame.id == MON2_DOSE).expect("a reading");
    let [first, last] = [first.2, hand.last(MON2_DOSE)].map(|frame| DoseReading::decode(&frame));
    assert_eq!(last.pulses.wrapping_sub(first.pulses), 12);
    let charge = last.charge.since(first.charge).picocoulombs() as f64;
    assert!((charge / truth.picocoulombs - 1.0).abs() < 0.001);
    hand.say(PermitState::Tripped, 12);
    hand.run(500);
    let truth = hand.unit.truth();
    assert_eq!((truth.gate.state, truth.pulses, truth.beam_requested), (GateState::Latched, 12, false));
    assert_eq!((truth.pulses_while_closed, truth.pulses_beyond_lease), (0, 0));
}

#[test]
fn pulses_stay_on_the_grid_and_are_told_at_once() {
    let mut hand = Hand::new(&UnitConfig::example(), &[]);
    hand.deliver(5, 2000);
    let mut fired: Vec<(Ticks, u32)> = Vec::new();
    for (at, bus, frame) in &hand.frames {
        if frame.id == GATE_STATUS && *bus == Bus::A {
            let pulses = GateStatus::decode(frame).expect("a report").pulses;
            if fired.last().map_or(pulses > 0, |&(_, before)| pulses > before) {
                fired.push((*at, pulses));
            }
        }
    }
    assert_eq!(fired.len(), 5);
    assert!(fired.windows(2).all(|pair| pair[1].0.since(pair[0].0) == Span::from_millis(100)));
    assert!(
        fired.iter().all(|&(at, _)| hand.frames.iter().any(|(when, _, frame)| *when == at && frame.id == MON1_DOSE))
    );
}

#[test]
fn the_console_asks_only_after_the_gate_stood_open_with_every_lease_above_0() {
    let mut hand = Hand::new(&UnitConfig::example(), &[]);
    hand.run(100);
    hand.say(PermitState::Permit, 1);
    hand.permits[1].lease = 0;
    hand.run(1000);
    assert_eq!(hand.unit.truth().gate.cause, CloseCause::LeaseUsed);
    assert!(!hand.unit.truth().beam_requested);
    hand.permits[1].lease = 1;
    hand.run(190);
    assert!(!hand.unit.truth().beam_requested);
    hand.run(20);
    assert!(hand.unit.truth().beam_requested);
    assert!(LinacStatus::decode(&hand.last(LINAC_STATUS)).expect("a status").beam_requested());
}

#[test]
fn a_supervisor_that_dies_leaves_a_gate_that_stops() {
    let mut hand = Hand::new(&UnitConfig::example(), &[]);
    let before = hand.deliver(1000, 1000);
    hand.coast(25);
    let at_most = hand.unit.truth().pulses;
    hand.coast(2000);
    let after = hand.unit.truth();
    assert_eq!(
        (after.gate.state, after.gate.cause, after.gate.closed_by),
        (GateState::Closed, CloseCause::PermitStale, 15)
    );
    assert!(after.pulses == at_most && at_most <= before.pulses + 1);
    assert!(!after.beam_requested);
}

#[test]
fn a_request_by_hand_waits_for_the_gate_and_can_be_taken_back() {
    let mut hand = Hand::new(&UnitConfig::example(), &[]);
    hand.unit.request_beam(true);
    hand.run(300);
    assert!(hand.unit.truth().beam_requested);
    hand.deliver(1000, 1000);
    hand.unit.request_beam(false);
    hand.run(10);
    let pulses = hand.unit.truth().pulses;
    hand.run(1000);
    assert_eq!((hand.unit.truth().pulses, hand.unit.truth().beam_requested), (pulses, false));
    assert!(pulses > 5);
}

#[test]
fn a_tube_runs_while_the_gate_lets_it() {
    let mut hand = Hand::new(&tube(), &[]);
    let truth = hand.deliver(NO_PULSE_LIMIT, 1200);
    // open from the first permits, asked for 200 ms later
    assert!(truth.beam_on.difference(Span::from_millis(1000)) < Span::from_millis(10), "{:?}", truth.beam_on);
    assert!((truth.mu - 10.0).abs() < 0.2);
    hand.coast(1000);
    let truth = hand.unit.truth();
    assert!(truth.beam_on.difference(Span::from_millis(1020)) < Span::from_millis(10), "stale-after ends it");
    assert_eq!((truth.pulses, truth.beam_on_while_closed), (0, Span::ZERO));
    let first = hand.frames.iter().find(|(.., frame)| frame.id == MON1_DOSE).expect("a reading").2;
    let [first, last] = [first, hand.last(MON1_DOSE)].map(|frame| DoseReading::decode(&frame));
    let charge = last.charge.since(first.charge).picocoulombs() as f64;
    assert!((charge / truth.picocoulombs - 1.0).abs() < 0.01);
    assert_eq!(first.pulses, last.pulses);
}

#[test]
fn a_tube_stops_at_the_moment_of_the_permit_that_withholds() {
    let mut hand = Hand::new(&tube(), &[]);
    hand.deliver(NO_PULSE_LIMIT, 1200);
    // between two reports of the gate
    hand.coast(2);
    hand.say(PermitState::Withheld, NO_PULSE_LIMIT);
    hand.run(100);
    assert_eq!(hand.unit.truth().beam_on, Span::from_millis(1002));
}

#[test]
fn the_same_seed_gives_the_same_frames_and_another_seed_does_not() {
    for injection in Injection::ALL {
        let frames = || {
            let mut hand = Hand::new(&UnitConfig::example(), &[(injection, 4)]);
            let truth = hand.deliver(20, 1500);
            (hand.frames, truth)
        };
        assert_eq!(frames(), frames(), "{injection}");
    }
    let mut first = Vec::new();
    let mut other = Vec::new();
    let end = Ticks::ZERO.after(Span::from_millis(100));
    Unit::new(&UnitConfig::example(), 1, &[]).advance(end, &mut |_, frame| first.push(frame));
    Unit::new(&UnitConfig::example(), 2, &[]).advance(end, &mut |_, frame| other.push(frame));
    assert_ne!(first, other);
}

#[test]
fn one_bus_or_two_and_a_beam_charge_sensor() {
    let example = UnitConfig::example();
    let beam_charge = Some(super::super::config::BeamCharge { bus: Bus::B, sensor: example.chambers[0] });
    let config = UnitConfig { single_bus: true, beam_charge, ..example };
    let mut hand = Hand::new(&config, &[]);
    let truth = hand.deliver(10, 2000);
    assert_eq!(truth.pulses, 10);
    assert!(hand.frames.iter().all(|(_, bus, _)| *bus == Bus::A));
    let counts: Vec<DoseReading> = hand
        .frames
        .iter()
        .filter(|(.., frame)| frame.id == BEAM_CHARGE)
        .map(|(.., frame)| DoseReading::decode(frame))
        .collect();
    let counted = counts[counts.len() - 1].charge.since(counts[0].charge).picocoulombs() as f64;
    assert!((counted * 10.0 / truth.picocoulombs - 1.0).abs() < 0.001);
}

#[path = "fault_tests.rs"]
mod faults;

#[path = "stray_tests.rs"]
mod strays;
