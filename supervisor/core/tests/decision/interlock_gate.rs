//! The interlock guard and the gate: a gate that closes, that never opens, that counts backwards, a beam that does not come,
//! and a session that falls silent.

use beam_core::fault::Fault;
use beam_core::frame::Bus;
use beam_core::machine::{Machine, RateRule};
use beam_core::note::{Command, Note, Phase};
use beam_core::requirement::Requirement;
use beam_core::status::interlock_bit;
use beam_core::wire::{CloseCause, GateState, GateStatus, PermitState};

use crate::interlock::{WHO, delivering, later, long};
use crate::kit::{NANO, PULSE, Rig, continuous, machine, ms, patient, verifies};

fn closes(rig: &mut Rig, state: GateState, cause: CloseCause) {
    rig.gate.state = state;
    rig.gate.cause = cause;
    rig.tell_gate();
    rig.let_out();
}

#[test]
fn trips_to_an_interruption_when_the_gate_closes() {
    verifies(Requirement::Operator);
    for (state, cause) in [
        (GateState::Closed, CloseCause::PermitStale),
        (GateState::Closed, CloseCause::HardwareInterlock),
        (GateState::Closed, CloseCause::None),
        (GateState::Latched, CloseCause::PermitTripped),
    ] {
        let mut rig = delivering();
        rig.pulses(2);
        rig.forget();
        closes(&mut rig, state, cause);
        assert_eq!((rig.phase(), rig.permit().state), (Phase::Interrupted, PermitState::Withheld), "{cause:?}");
        let status = rig.gate;
        assert!(rig.notes.contains(&Note::Interrupted { status }) && rig.reports().is_empty());
        assert_eq!(rig.permit().lease, 3, "what was leased stays fired");
    }
}

#[test]
fn holds_a_gate_that_its_machine_may_close_for_a_while() {
    verifies(Requirement::Operator);
    let holding = Machine { beam_hold: true, ..machine() };
    for cause in [CloseCause::None, CloseCause::HardwareInterlock] {
        let mut rig = Rig::delivering(WHO, &holding);
        rig.pulses(2);
        closes(&mut rig, GateState::Closed, cause);
        rig.run(ms(3000));
        assert_eq!(rig.phase(), Phase::Delivering, "{cause:?}");
        rig.beam_on();
        rig.pulses(12);
        rig.holds();
    }
    for (state, cause) in [
        (GateState::Closed, CloseCause::PermitStale),
        (GateState::Latched, CloseCause::None),
        (GateState::Latched, CloseCause::PermitTripped),
    ] {
        let mut rig = Rig::delivering(WHO, &holding);
        closes(&mut rig, state, cause);
        assert_eq!(rig.phase(), Phase::Interrupted, "{state:?} {cause:?}");
    }
}

/// A delivery that was begun while the gate stays closed.
fn unopened(machine: &Machine) -> Rig {
    let mut rig = Rig::armed(WHO, machine);
    rig.command(Command::Deliver);
    rig.forget();
    rig
}

#[test]
fn holds_its_permit_for_a_gate_that_is_about_to_open() {
    verifies(Requirement::Operator);
    let mut rig = unopened(&machine());
    rig.run(ms(100));
    assert_eq!(rig.phase(), Phase::Delivering, "four times stale-after");
    let mut holding = unopened(&Machine { beam_hold: true, ..machine() });
    holding.run(ms(5000));
    assert_eq!(holding.phase(), Phase::Delivering, "a machine that holds its beam may open late");
    let mut opened = delivering();
    opened.run(ms(500));
    assert_eq!(opened.phase(), Phase::Delivering);
}

#[test]
fn trips_to_an_interruption_when_the_gate_never_opens() {
    verifies(Requirement::Operator);
    let mut rig = unopened(&machine());
    rig.run(ms(100));
    later(&mut rig, NANO);
    rig.let_out();
    assert_eq!((rig.phase(), rig.permit().state), (Phase::Interrupted, PermitState::Withheld));
    assert!(rig.notes.contains(&Note::Interrupted { status: rig.gate }));
    let mut unheard = Rig::deaf(WHO, &patient());
    unheard.command(Command::Arm { delivery: 7, order: long() });
    unheard.command(Command::Deliver);
    later(&mut unheard, ms(200));
    assert_eq!(unheard.phase(), Phase::Delivering, "a gate that was never heard is stale, and that is a fault");
}

#[test]
fn holds_an_open_gate_without_a_pulse_for_its_time() {
    verifies(Requirement::ChamberHonest);
    let mut rig = delivering();
    rig.run(ms(1000));
    rig.holds();
    rig.pulse_of(PULSE);
    rig.run(ms(1000));
    rig.holds();
    // while beam is not asked for, and while the gate is closed, nothing is waited for
    for change in [(|rig| rig.linac.interlocks ^= interlock_bit::BEAM_REQUESTED) as fn(&mut Rig), |rig| {
        rig.gate.state = if rig.gate.state == GateState::Open { GateState::Closed } else { GateState::Open }
    }] {
        let mut rig = Rig::delivering(WHO, &Machine { beam_hold: true, ..machine() });
        for _ in 0..4 {
            rig.run(ms(700));
            change(&mut rig);
            rig.tell_linac();
            rig.tell_gate();
        }
        rig.holds();
    }
    let mut tube = Rig::delivering(WHO, &Machine { no_pulse_after: ms(50), ..continuous() });
    tube.run(ms(100));
    assert!(!tube.faults().contains(&Fault::NoPulse), "a tube has none");
}

#[test]
fn trips_over_an_open_gate_without_a_pulse_for_longer() {
    verifies(Requirement::ChamberHonest);
    let mut rig = delivering();
    rig.run(ms(1000));
    later(&mut rig, NANO);
    let report = rig.trips(Fault::NoPulse);
    assert_eq!((report.measured, report.limit), (1_000_000_001, 1_000_000_000));
    let mut rig = Rig::delivering(WHO, &Machine { rate: RateRule::Modulated, ..machine() });
    rig.pulses(3);
    rig.run(ms(1000));
    rig.holds();
    later(&mut rig, NANO);
    let _report = rig.trips(Fault::NoPulse);
}

#[test]
fn trips_over_a_gate_that_counts_backwards() {
    verifies(Requirement::BeamUnasked);
    for bus in [Bus::A, Bus::B] {
        let mut rig = delivering();
        rig.pulses(3);
        rig.forget();
        rig.gate.pulses = 2;
        rig.tell_gate_on(bus);
        let report = rig.trips(Fault::GateRestarted);
        assert_eq!((report.bus, report.pulses), (Some(bus), 3));
    }
    let mut rig = delivering();
    rig.pulses(3);
    rig.command(Command::Withhold);
    rig.forget();
    rig.gate.pulses = 0;
    rig.tell_gate_on(Bus::A);
    let _report = rig.trips(Fault::GateRestarted);
}

#[test]
fn trips_a_gate_that_begins_anew_behind_a_beam_as_that_and_as_no_pulse() {
    verifies(Requirement::BeamUnasked);
    for first in [Bus::A, Bus::B] {
        let mut rig = delivering();
        rig.pulses(3);
        rig.command(Command::Withhold);
        rig.gate.state = GateState::Closed;
        rig.run(ms(200));
        rig.forget();
        rig.gate.pulses = 0;
        rig.tell_gate_on(first);
        assert_eq!(rig.trips(Fault::GateRestarted).bus, Some(first));
    }
}

#[test]
fn holds_the_count_of_the_bus_that_has_not_told_of_a_restart_yet() {
    verifies(Requirement::BeamUnasked);
    for bus in [Bus::A, Bus::B] {
        let mut rig = delivering();
        rig.pulses(3);
        rig.command(Command::Withhold);
        rig.gate.state = GateState::Closed;
        rig.run(ms(200));
        rig.forget();
        rig.gate.pulses = 0;
        rig.tell_gate_on(bus);
        rig.let_out();
        assert_eq!(rig.faults(), [Fault::GateRestarted], "its last count is from before the restart");
        rig.tell_gate();
        rig.let_out();
        assert_eq!(rig.faults(), [Fault::GateRestarted], "both have told of it now");
        rig.gate.pulses = 1;
        rig.tell_gate_on(bus);
        rig.let_out();
        assert_eq!(rig.faults(), [Fault::GateRestarted, Fault::PulsesWhileClosed], "and it fires");
    }
}

#[test]
fn holds_a_gate_that_begins_to_count_for_a_new_delivery() {
    verifies(Requirement::BeamUnasked);
    let mut rig = Rig::deaf(WHO, &machine());
    rig.gate.pulses = 40;
    rig.run(ms(1000));
    rig.command(Command::Arm { delivery: 7, order: long() });
    rig.gate.pulses = 0;
    rig.tell_gate();
    rig.command(Command::Deliver);
    rig.beam_on();
    rig.tell_gate();
    rig.pulses(2);
    rig.holds();
    assert_eq!(rig.permit().lease, 3);
}

#[test]
fn holds_a_session_that_is_silent_for_its_limit() {
    verifies(Requirement::OwnHealth);
    for delivers in [false, true] {
        let mut rig = silent_session(delivers);
        rig.run(ms(500));
        rig.holds();
    }
    // at rest nobody listens for it, and an arming is a sign of life
    let mut rig = Rig::new(WHO, &machine());
    rig.session = false;
    rig.run(ms(5000));
    rig.command(Command::Arm { delivery: 7, order: long() });
    rig.run(ms(500));
    rig.holds();
}

#[test]
fn trips_over_a_session_that_is_silent_for_longer() {
    verifies(Requirement::OwnHealth);
    for delivers in [false, true] {
        let mut rig = silent_session(delivers);
        rig.run(ms(500));
        later(&mut rig, NANO);
        let report = rig.trips(Fault::SessionSilent);
        assert_eq!((report.measured, report.limit), (500_000_001, 500_000_000));
    }
}

fn silent_session(delivers: bool) -> Rig {
    let mut rig = if delivers { delivering() } else { Rig::armed(WHO, &machine()) };
    rig.run(ms(200));
    rig.session = false;
    rig.command(Command::Heartbeat);
    rig
}

#[test]
fn the_gate_is_told_when_it_shows_something_new() {
    let mut rig = delivering();
    rig.run(ms(500));
    let gates = |rig: &Rig| -> Vec<(Bus, GateStatus)> {
        rig.notes
            .iter()
            .filter_map(|n| if let Note::Gate { bus, status } = n { Some((*bus, *status)) } else { None })
            .collect()
    };
    assert_eq!(gates(&rig), [], "a clock that goes on is nothing new");
    rig.gate.closed_by = 4;
    rig.gate.cause = CloseCause::LeaseUsed;
    rig.tell_gate();
    rig.let_out();
    assert_eq!(gates(&rig), [(Bus::A, rig.gate), (Bus::B, rig.gate)]);
}
