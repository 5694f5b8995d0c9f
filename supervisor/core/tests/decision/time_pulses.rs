//! The time guard and the gate's count: more pulses than the plan can take end the beam, whatever the chambers say.

use beam_core::fault::Fault;
use beam_core::frame::Bus;
use beam_core::machine::{Machine, Order};
use beam_core::note::{Command, Phase};
use beam_core::requirement::Requirement;
use beam_core::wire::{GateState, Guard, Reason};

use crate::kit::{Rig, continuous, machine, ms, order, verifies};

const WHO: Guard = Guard::Time;

fn delivering(machine: &Machine, pulse_limit: u32) -> Rig {
    Rig::delivering_for(WHO, machine, &Order { pulse_limit, ..order() })
}

/// The gate counts this, on both buses.
fn counts(rig: &mut Rig, pulses: u32) {
    rig.gate.pulses = pulses;
    rig.tell_gate();
    rig.let_out();
}

#[test]
fn holds_the_last_pulse_that_the_plan_can_take_and_trips_over_the_next() {
    verifies(Requirement::BeamTime);
    let mut rig = delivering(&machine(), 12);
    counts(&mut rig, 12);
    rig.holds();
    counts(&mut rig, 13);
    let report = rig.trips(Fault::PulseLimit);
    assert_eq!((report.measured, report.limit), (13, 12));
    let mut leaps = delivering(&machine(), 12);
    counts(&mut leaps, 9000);
    let _report = leaps.trips(Fault::PulseLimit);
    let mut none = delivering(&continuous(), u32::MAX);
    counts(&mut none, 16_777_214);
    none.holds();
}

#[test]
fn holds_the_count_over_an_interruption_and_goes_on_from_there() {
    verifies(Requirement::BeamTime);
    let mut rig = delivering(&machine(), 12);
    counts(&mut rig, 10);
    rig.command(Command::Withhold);
    rig.gate.state = GateState::Closed;
    counts(&mut rig, 13);
    rig.holds();
    assert_eq!(rig.phase(), Phase::Interrupted, "what comes behind a closed gate is another guard's");
    let mut rig = delivering(&machine(), 12);
    counts(&mut rig, 10);
    rig.command(Command::Withhold);
    rig.command(Command::Deliver);
    counts(&mut rig, 12);
    rig.holds();
    counts(&mut rig, 13);
    let _report = rig.trips(Fault::PulseLimit);
}

#[test]
fn holds_a_second_delivery_to_its_own_limit() {
    verifies(Requirement::BeamTime);
    for (first, second) in [(12, 30), (30, 12)] {
        let mut rig = delivering(&machine(), first);
        counts(&mut rig, first);
        rig.command(Command::End(Reason::DoseReached));
        rig.command(Command::Arm { delivery: 8, order: Order { pulse_limit: second, ..order() } });
        counts(&mut rig, 0);
        rig.command(Command::Deliver);
        counts(&mut rig, second);
        rig.holds();
        counts(&mut rig, second + 1);
        assert_eq!(rig.trips(Fault::PulseLimit).limit, i64::from(second));
    }
}

#[test]
fn holds_the_count_of_the_other_bus_for_nothing() {
    verifies(Requirement::BeamTime);
    let mut rig = delivering(&machine(), 12);
    rig.gate.pulses = 13;
    rig.tell_gate_on(Bus::B);
    rig.holds();
    rig.run(ms(5));
    let _report = rig.trips(Fault::PulseLimit);
}
