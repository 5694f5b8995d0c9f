//! What the faults do to a delivery that nobody supervises: permits go on as if nothing were wrong.

use super::*;

fn deliver(injection: Injection, pulse: u32, lease: u32) -> (Hand, Truth) {
    let mut hand = Hand::new(&UnitConfig::example(), &[(injection, pulse)]);
    let truth = hand.deliver(lease, 3000);
    (hand, truth)
}

/// Charge that a monitor's readings gained while the pulses from `first` to the last came.
fn charge_of(hand: &Hand, id: u16) -> f64 {
    let of = |frame: &Frame| DoseReading::decode(frame).charge;
    let first = hand.frames.iter().find(|(.., frame)| frame.id == id).map(|(.., frame)| of(frame)).expect("a reading");
    of(&hand.last(id)).since(first).picocoulombs() as f64
}

#[test]
fn a_fault_starts_with_its_pulse() {
    let (hand, truth) = deliver(Injection::Mon1Stuck, 6, 10);
    // five pulses of ten were measured
    assert!((charge_of(&hand, MON1_DOSE) / truth.picocoulombs - 0.5).abs() < 0.02);
    assert!((charge_of(&hand, MON2_DOSE) / truth.picocoulombs - 1.0).abs() < 0.01);
}

#[test]
fn charge_faults_read_their_share() {
    let cases = [
        (Injection::Mon1Low, 0.4, 1.0),
        (Injection::Mon1NoSignal, 0.02, 1.0),
        (Injection::Mon1Saturated, 0.6, 1.0),
        (Injection::Mon1FullScale, 4.0, 1.0),
        (Injection::Mon1High, 1.2, 1.0),
        (Injection::Mon1MissesPulse, 0.9, 1.0),
        (Injection::Mon1HalfPulse, 0.95, 1.0),
        (Injection::Mon1SkipsPulse, 0.9, 1.0),
        (Injection::Mon2MissesPulse, 1.0, 0.9),
        (Injection::Mon2HalfPulse, 1.0, 0.95),
        (Injection::Mon2SkipsPulse, 1.0, 0.9),
        (Injection::Mon2Frozen, 1.0, 0.0),
        (Injection::Mon2Low6Percent, 1.0, 0.94),
        (Injection::Mon2Stuck, 1.0, 0.0),
        (Injection::BothZero, 0.0, 0.0),
        (Injection::BothLow6, 0.94, 0.94),
    ];
    for (injection, one, two) in cases {
        let (hand, truth) = deliver(injection, 0, 10);
        let seen = [MON1_DOSE, MON2_DOSE].map(|id| charge_of(&hand, id) / truth.picocoulombs);
        assert!((seen[0] - one).abs() < 0.02 * one.max(0.1), "{injection}: {seen:?}");
        assert!((seen[1] - two).abs() < 0.02 * two.max(0.1), "{injection}: {seen:?}");
    }
}

#[test]
fn a_leaking_gate_fires_beyond_lease_and_latch_and_the_truth_knows() {
    let (mut hand, truth) = deliver(Injection::GateLeaks, 3, 5);
    assert_eq!((truth.gate.pulses, truth.pulses_while_closed), (5, 0));
    assert!(truth.pulses_beyond_lease > 10);
    assert_eq!(truth.pulses, 5 + truth.pulses_beyond_lease);
    hand.say(PermitState::Tripped, 5);
    hand.run(1000);
    assert!(hand.unit.truth().pulses_while_closed >= 9);
}

#[test]
fn a_leaking_tube_is_beam_while_closed() {
    let mut hand = Hand::new(&tube(), &[(Injection::GateLeaks, 0)]);
    hand.coast(1000);
    let truth = hand.unit.truth();
    assert!(truth.beam_on_while_closed.difference(Span::from_secs(1)) < Span::from_millis(10));
}

#[test]
fn a_dead_comparator_fires_beyond_the_lease_of_a_sound_gate() {
    let mut hand = Hand::new(&UnitConfig::example(), &[(Injection::GateLeaseDeadDose1, 0)]);
    hand.run(200);
    hand.say(PermitState::Permit, 100);
    hand.permits[0].lease = 4;
    hand.run(2000);
    let truth = hand.unit.truth();
    assert_eq!((truth.gate.pulses as u64, truth.pulses_beyond_lease), (truth.pulses, truth.pulses - 4));
    assert!(truth.pulses > 10);
}

#[test]
fn a_dead_stale_timer_fires_while_a_sound_gate_is_closed() {
    let dead = [Guard::Dose1, Guard::Dose2, Guard::Time, Guard::Interlock].map(|guard| match guard {
        Guard::Dose1 => (Injection::GateStaleTimerDeadDose1, 0),
        Guard::Dose2 => (Injection::GateStaleTimerDeadDose2, 0),
        Guard::Time => (Injection::GateStaleTimerDeadTime, 0),
        Guard::Interlock => (Injection::GateStaleTimerDeadInterlock, 0),
    });
    let mut hand = Hand::new(&UnitConfig::example(), &dead);
    hand.deliver(1000, 1000);
    hand.coast(1000);
    let truth = hand.unit.truth();
    assert_eq!(truth.gate.state, GateState::Open);
    assert!((9..=10).contains(&truth.pulses_while_closed), "{truth:?}");
}

#[test]
fn an_extra_count_a_restart_and_a_hardware_interlock_show_in_the_report() {
    let (_, truth) = deliver(Injection::GateExtraPulseCount, 3, 10);
    assert_eq!((truth.gate.pulses, truth.pulses), (10, 9));
    let (_, truth) = deliver(Injection::GateRestart, 3, 10);
    assert_eq!((truth.gate.cause, truth.delivery, truth.pulses), (CloseCause::DeliveryMismatch, 0, 2));
    let (_, truth) = deliver(Injection::HardwareInterlock, 3, 10);
    assert_eq!((truth.gate.state, truth.gate.cause), (GateState::Closed, CloseCause::HardwareInterlock));
    assert_eq!(truth.pulses, 2);
}

#[test]
fn the_rates_change_and_the_output_too() {
    let (_, sound) = deliver(Injection::DuplicateFrame, 0, 1000);
    let (_, high) = deliver(Injection::RateHigh, 0, 1000);
    let (_, low) = deliver(Injection::RateLow, 0, 1000);
    assert_eq!(sound.pulses, 28);
    assert_eq!((high.pulses, low.pulses), (70, 11));
    let [fast, half] = [Injection::RateFast, Injection::RateHalf].map(|rate| deliver(rate, 0, 1000).1.pulses);
    assert_eq!((fast, half), (42, 15));
    let (_, output) = deliver(Injection::OutputHigh, 0, 10);
    assert!((output.mu - 125.0).abs() < 4.0);
}

#[test]
fn one_pulse_that_fails_is_the_one_asked_for() {
    for (injection, counted, share) in
        [(Injection::Mon1MissesPulse, 5, 0.8), (Injection::Mon1HalfPulse, 5, 0.9), (Injection::Mon1SkipsPulse, 4, 0.8)]
    {
        // its last pulse
        let (hand, truth) = deliver(injection, 5, 5);
        let first = hand.frames.iter().find(|(.., frame)| frame.id == MON1_DOSE).expect("a reading").2;
        let pulses = DoseReading::decode(&hand.last(MON1_DOSE)).pulses;
        assert_eq!(pulses.wrapping_sub(DoseReading::decode(&first).pulses), counted, "{injection}");
        assert!((charge_of(&hand, MON1_DOSE) / truth.picocoulombs - share).abs() < 0.01, "{injection}");
        // the one after it, which is never fired
        let (hand, truth) = deliver(injection, 6, 5);
        assert!((charge_of(&hand, MON1_DOSE) / truth.picocoulombs - 1.0).abs() < 0.01, "{injection}");
    }
}

#[test]
fn the_status_lies_about_the_request_and_the_beam_goes_on() {
    for (injection, told) in [
        (Injection::RequestNeverTold, (false, false)),
        (Injection::RequestAlwaysTold, (true, true)),
        (Injection::RequestFlickers, (true, false)),
    ] {
        let (mut hand, truth) = deliver(injection, 3, 10);
        assert!(truth.pulses == 10 && truth.beam_requested, "{injection}");
        hand.frames.clear();
        hand.run(200);
        let mut said: Vec<bool> = hand
            .frames
            .iter()
            .filter(|(.., frame)| frame.id == LINAC_STATUS)
            .map(|(.., frame)| LinacStatus::decode(frame).expect("a status").beam_requested())
            .collect();
        assert_eq!(said.len(), 4, "{injection}: one every 50 ms");
        if said[0] != told.0 {
            said.remove(0);
        }
        assert_eq!((said[0], said[1], said[2]), (told.0, told.1, told.0), "{injection}");
    }
}

#[test]
fn what_is_sensed_changes_at_once() {
    type Sensed = fn(&LinacStatus) -> bool;
    let cases: [(Injection, Sensed); 6] = [
        (Injection::Energy, |status| status.energy == 120),
        (Injection::Applicator, |status| status.applicator == 18),
        (Injection::Docking, |status| status.docking == beam_core::wire::Docking::Undocked),
        (Injection::Door, |status| status.interlocks & 1 != 0),
        (Injection::HighVoltage, |status| status.interlocks & 128 != 0),
        (Injection::ViewLost, |status| status.interlocks & 32 != 0),
    ];
    for (injection, is_there) in cases {
        let (hand, _) = deliver(injection, 5, 10);
        let told: Vec<bool> = hand
            .frames
            .iter()
            .filter(|(.., frame)| frame.id == LINAC_STATUS)
            .map(|(.., frame)| is_there(&LinacStatus::decode(frame).expect("a status")))
            .collect();
        assert_eq!((told.first(), told.last()), (Some(&false), Some(&true)), "{injection}");
    }
    let (hand, truth) = deliver(Injection::BeamRequestedEarly, 0, 10);
    assert!(truth.beam_requested);
    let first = hand.frames.iter().find(|(.., frame)| frame.id == LINAC_STATUS).expect("a status").2;
    assert!(LinacStatus::decode(&first).expect("a status").beam_requested());
}

#[test]
fn silence_is_silence() {
    for (injection, id, bus) in [
        (Injection::Mon1Silent, MON1_DOSE, Bus::A),
        (Injection::Mon2Silent, MON2_STATUS, Bus::B),
        (Injection::GateSilentA, GATE_STATUS, Bus::A),
        (Injection::GateSilentB, GATE_STATUS, Bus::B),
        (Injection::LinacSilent, LINAC_STATUS, Bus::B),
    ] {
        let mut hand = Hand::new(&UnitConfig::example(), &[(injection, 0)]);
        hand.run(1000);
        assert!(!hand.frames.iter().any(|(_, on, frame)| *on == bus && frame.id == id), "{injection}");
        assert!(hand.frames.len() > 300);
    }
}

#[test]
fn no_fault_at_any_time_stops_the_unit_from_turning() {
    for injection in Injection::ALL {
        for config in [UnitConfig::example(), tube()] {
            for pulse in [0, 1, 3, u32::MAX] {
                let mut hand = Hand::new(&config, &[(injection, pulse)]);
                hand.deliver(9, 800);
                hand.say(PermitState::Tripped, 9);
                hand.run(300);
                assert!(hand.unit.next() > hand.now, "{injection}");
            }
        }
    }
}
