//! The interlock guard when a delivery goes on after an interruption: what it watched before begins anew, and what was
//! counted goes on.

use beam_core::fault::Fault;
use beam_core::machine::{Machine, RateRule};
use beam_core::note::{Command, Phase};
use beam_core::requirement::Requirement;
use beam_core::status::interlock_bit;
use beam_core::wire::{CloseCause, GateState};

use crate::interlock::{WHO, delivering, later, long};
use crate::kit::{NANO, PERIOD, PULSE, Rig, continuous, machine, ms, verifies};

/// Interrupted by the operator; the gate has closed.
fn interrupt(rig: &mut Rig) {
    rig.command(Command::Withhold);
    rig.gate.state = GateState::Closed;
    rig.gate.cause = CloseCause::PermitWithheld;
    rig.tell_gate();
}

#[test]
fn holds_a_gate_that_has_not_opened_yet_when_the_delivery_goes_on() {
    verifies(Requirement::Operator);
    let mut rig = delivering();
    rig.pulses(3);
    interrupt(&mut rig);
    rig.run(ms(500));
    rig.command(Command::Deliver);
    rig.run(ms(100));
    assert_eq!(rig.phase(), Phase::Delivering, "four times stale-after");
    rig.beam_on();
    rig.pulses(2);
    rig.holds();
    assert_eq!(rig.permit().lease, 6);
}

#[test]
fn holds_the_wait_for_a_pulse_anew() {
    verifies(Requirement::ChamberHonest);
    let mut rig = delivering();
    rig.run(ms(990));
    rig.command(Command::Withhold);
    rig.run(ms(20));
    rig.command(Command::Deliver);
    rig.run(ms(1000));
    rig.holds();
    later(&mut rig, NANO);
    let _report = rig.trips(Fault::NoPulse);
}

#[test]
fn holds_counts_that_differ_at_a_resume_for_the_agreement_time_anew() {
    verifies(Requirement::PulseByPulse);
    let mut rig = delivering();
    rig.pulses(3);
    rig.run(PERIOD);
    rig.gate.pulses += 1;
    rig.tell_gate();
    rig.run(ms(10));
    interrupt(&mut rig);
    rig.run(ms(500));
    rig.command(Command::Deliver);
    rig.beam_on();
    rig.run(ms(25));
    rig.holds();
    rig.run(ms(10));
    let _report = rig.trips(Fault::CountsDisagree);
}

#[test]
fn trips_over_a_high_rate_after_an_interruption_or_a_hold_as_soon_as_after_the_beginning() {
    verifies(Requirement::DoseRate);
    // pulses of 1.9 at 45 ms are 4.2 times nominal: with three nominal ones, seven of them are twice
    let burst = |rig: &mut Rig| {
        let mut pulses = 0;
        while rig.phase() == Phase::Delivering && pulses < 20 {
            rig.run(ms(45));
            rig.pulse_of([1900, 3800]);
            rig.let_out();
            pulses += 1;
        }
        assert_eq!(rig.faults().first(), Some(&Fault::RateHigh), "{:?}", rig.reports());
        pulses
    };
    let modulated = Machine { beam_hold: true, rate: RateRule::Modulated, ..machine() };
    let begun = |machine: &Machine| {
        let mut rig = Rig::delivering_for(WHO, machine, &long());
        rig.pulses(12);
        rig.holds();
        rig
    };
    let mut first = Rig::delivering_for(WHO, &machine(), &long());
    let at_first = burst(&mut first);
    let mut interrupted = begun(&machine());
    interrupt(&mut interrupted);
    interrupted.run(ms(5000));
    interrupted.command(Command::Deliver);
    interrupted.beam_on();
    assert_eq!(burst(&mut interrupted), at_first);
    let mut held = begun(&modulated);
    held.gate.state = GateState::Closed;
    held.gate.cause = CloseCause::HardwareInterlock;
    held.run(ms(5000));
    held.beam_on();
    assert_eq!(burst(&mut held), at_first);
}

#[test]
fn trips_over_two_pulses_without_a_request_and_holds_one_before_and_one_after_a_resume() {
    verifies(Requirement::BeamUnasked);
    let released = || {
        let mut rig = Rig::delivering(WHO, &Machine { beam_hold: true, ..machine() });
        rig.pulses(3);
        rig.linac.interlocks &= !interlock_bit::BEAM_REQUESTED;
        rig.tell_linac();
        rig.run(PERIOD);
        rig.pulse_of(PULSE);
        rig.run(PERIOD);
        rig.holds();
        rig
    };
    let mut rig = released();
    rig.pulse_of(PULSE);
    rig.run(ms(50));
    let report = rig.trips(Fault::BeamWithoutRequest);
    assert_eq!((report.measured, report.limit, report.bus), (2, 2, Some(beam_core::frame::Bus::A)));
    let mut rig = released();
    rig.command(Command::Withhold);
    rig.command(Command::Deliver);
    rig.run(PERIOD);
    rig.pulse_of(PULSE);
    rig.run(ms(100));
    rig.holds();
}

#[test]
fn holds_a_sensor_that_counts_more_behind_the_gate_for_the_agreement_time_at_each_closing() {
    verifies(Requirement::BeamUnasked);
    let ahead = |rig: &mut Rig| {
        interrupt(rig);
        rig.count_and_tell(1, 1, PULSE[0]);
    };
    let mut rig = delivering();
    rig.pulses(3);
    ahead(&mut rig);
    rig.run(ms(20));
    // the gate opens again, and counts what the chamber has counted
    rig.command(Command::Deliver);
    rig.beam_on();
    rig.gate.pulses += 1;
    rig.count(2, 1, PULSE[1]);
    rig.tell_chamber(2);
    rig.tell_gate();
    rig.run(PERIOD);
    rig.holds();
    // this time the chamber was ahead before the gate told of its closing
    rig.command(Command::Withhold);
    rig.count_and_tell(1, 1, PULSE[0]);
    interrupt(&mut rig);
    rig.run(ms(25));
    rig.holds();
    rig.run(ms(10));
    let _report = rig.trips(Fault::CountsDisagree);
}

#[test]
fn trips_over_three_stretches_of_a_tubes_charge_without_a_request() {
    verifies(Requirement::BeamUnasked);
    for (requested, found) in [(true, None), (false, Some(Fault::BeamWithoutRequest))] {
        let mut rig = Rig::delivering_for(WHO, &continuous(), &long());
        if !requested {
            rig.linac.interlocks &= !interlock_bit::BEAM_REQUESTED;
            rig.tell_linac();
        }
        for _ in 0..60 {
            rig.run(ms(10));
            rig.count(1, 0, 100);
            rig.count(2, 0, 200);
        }
        rig.let_out();
        assert_eq!(rig.faults().first().copied(), found);
    }
}
