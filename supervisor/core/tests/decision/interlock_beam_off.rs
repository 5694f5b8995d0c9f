//! The interlock guard while the beam should be off: at rest, while it is proven, armed and interrupted.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::Bus;
use beam_core::note::{Command, Phase};
use beam_core::requirement::Requirement;
use beam_core::wire::{CloseCause, GATE_STATUS, GateState, PermitState, Reason};

use crate::interlock::WHO;
use crate::kit::{DELIVERY, NANO, PROOF, PULSE, Rig, continuous, machine, ms, order, verifies};

/// A guard at rest that has watched for a second; one that is armed; one that was interrupted after three pulses.
fn at_rest_armed_and_interrupted() -> [Rig; 3] {
    let mut armed = Rig::armed(WHO, &machine());
    armed.run(ms(200));
    let mut interrupted = Rig::delivering(WHO, &machine());
    interrupted.pulses(3);
    interrupted.command(Command::Withhold);
    interrupted.gate.state = GateState::Closed;
    interrupted.run(ms(200));
    assert_eq!(interrupted.phase(), Phase::Interrupted);
    [Rig::new(WHO, &machine()), armed, interrupted].map(|mut rig| {
        rig.forget();
        rig
    })
}

/// Found and latched, whether there is a delivery to end or not.
#[track_caller]
fn found(rig: &mut Rig, fault: Fault) {
    rig.let_out();
    assert_eq!(rig.faults(), [fault]);
    assert_eq!(rig.guard.common().faults(), FaultSet::EMPTY.with(fault));
}

#[test]
fn holds_for_as_long_as_nothing_counts() {
    verifies(Requirement::BeamUnasked);
    for mut rig in at_rest_armed_and_interrupted() {
        rig.run(ms(5000));
        rig.holds();
    }
}

#[test]
fn trips_over_a_pulse_that_nobody_asked_for() {
    verifies(Requirement::BeamUnasked);
    let pulses: [fn(&mut Rig); 3] = [
        |rig| rig.gate.pulses += 1,
        |rig| rig.count_and_tell(1, 1, PULSE[0]),
        |rig| rig.count_and_tell(2, 1, PULSE[1]),
    ];
    for pulse in pulses {
        for mut rig in at_rest_armed_and_interrupted().into_iter().take(2) {
            pulse(&mut rig);
            rig.run(ms(10));
            found(&mut rig, Fault::PulsesWhileClosed);
        }
    }
    // after a beam the final count decides: the gate's own count at once, and two of the chambers
    let [_, _, mut rig] = at_rest_armed_and_interrupted();
    rig.gate.pulses += 1;
    rig.tell_gate();
    found(&mut rig, Fault::PulsesWhileClosed);
    let [_, _, mut rig] = at_rest_armed_and_interrupted();
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.count_and_tell(2, 1, PULSE[1]);
    found(&mut rig, Fault::PulsesWhileClosed);
}

#[test]
fn trips_over_one_chamber_alone_after_a_beam_as_a_count_that_disagrees() {
    verifies(Requirement::BeamUnasked);
    for monitor in [1_usize, 2] {
        let [_, _, mut rig] = at_rest_armed_and_interrupted();
        rig.count_and_tell(monitor, 1, PULSE[monitor - 1]);
        rig.run(ms(30));
        rig.let_out();
        assert_eq!(rig.faults(), []);
        rig.now = rig.now.after(NANO);
        rig.tick();
        found(&mut rig, Fault::CountsDisagree);
    }
}

#[test]
fn holds_once_a_person_has_acknowledged_what_counted() {
    verifies(Requirement::BeamUnasked);
    for mut rig in at_rest_armed_and_interrupted() {
        rig.gate.pulses += 1;
        rig.tell_gate();
        rig.count_and_tell(1, 1, PULSE[0] * 2);
        rig.let_out();
        rig.command(Command::Acknowledge);
        rig.forget();
        rig.run(ms(2000));
        assert_eq!((rig.phase(), rig.guard.common().faults(), rig.faults()), (Phase::Idle, FaultSet::EMPTY, vec![]));
    }
}

#[test]
fn trips_over_what_was_counted_but_not_told_when_a_person_acknowledged() {
    verifies(Requirement::BeamUnasked);
    let [_, _, mut rig] = at_rest_armed_and_interrupted();
    rig.command(Command::End(Reason::Operator));
    rig.count_and_tell(2, 1, PULSE[1]);
    rig.run(ms(20));
    assert_eq!(rig.faults(), [], "monitor 1 may be under way");
    rig.command(Command::Acknowledge);
    rig.run(ms(20));
    found(&mut rig, Fault::CountsDisagree);
    rig.forget();
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.let_out();
    assert_eq!(rig.faults(), [Fault::PulsesWhileClosed]);
}

#[test]
fn holds_one_chamber_that_counts_on_after_the_acknowledgement_for_the_agreement_time_anew() {
    verifies(Requirement::BeamUnasked);
    let [_, _, mut rig] = at_rest_armed_and_interrupted();
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.run(ms(40));
    found(&mut rig, Fault::CountsDisagree);
    rig.command(Command::Acknowledge);
    rig.run(ms(100));
    rig.forget();
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.run(ms(25));
    assert_eq!(rig.faults(), []);
    rig.run(ms(10));
    found(&mut rig, Fault::CountsDisagree);
}

#[test]
fn trips_again_over_what_comes_after_the_acknowledgement() {
    verifies(Requirement::BeamUnasked);
    for mut rig in at_rest_armed_and_interrupted() {
        rig.gate.pulses += 1;
        rig.tell_gate();
        rig.let_out();
        rig.command(Command::Acknowledge);
        rig.forget();
        rig.gate.pulses += 1;
        rig.tell_gate();
        found(&mut rig, Fault::PulsesWhileClosed);
    }
}

#[test]
fn trips_over_charge_that_nobody_asked_for() {
    verifies(Requirement::BeamUnasked);
    for monitor in [1_usize, 2] {
        for mut rig in at_rest_armed_and_interrupted().into_iter().skip(1) {
            rig.count_and_tell(monitor, 0, PULSE[monitor - 1]);
            rig.run(ms(10));
            rig.holds();
            rig.count_and_tell(monitor, 0, 10);
            rig.let_out();
            assert!(rig.guard.common().faults().contains(Fault::ChargeWhileClosed), "{:?}", rig.reports());
        }
    }
    let mut tube = Rig::armed(WHO, &continuous());
    tube.run(ms(200));
    tube.count_and_tell(1, 0, PULSE[0] + 10);
    found(&mut tube, Fault::ChargeWhileClosed);
}

#[test]
fn trips_over_a_gate_that_is_open_without_our_permit() {
    verifies(Requirement::BeamUnasked);
    for mut rig in at_rest_armed_and_interrupted() {
        rig.gate.state = GateState::Open;
        rig.tell_gate();
        rig.run(ms(50));
        rig.let_out();
        assert_eq!(rig.faults(), []);
        rig.now = rig.now.after(NANO);
        rig.tick();
        found(&mut rig, Fault::GateOpenUnasked);
    }
}

#[test]
fn holds_what_a_silent_bus_said_last_against_what_the_other_one_says_now() {
    verifies(Requirement::BeamUnasked);
    for silent in [Bus::A, Bus::B] {
        let mut rig = Rig::delivering(WHO, &machine());
        rig.pulses(3);
        rig.mute.push((GATE_STATUS, silent));
        rig.command(Command::Withhold);
        rig.gate.state = GateState::Closed;
        rig.run(ms(500));
        rig.let_out();
        assert!(!rig.faults().contains(&Fault::GateOpenUnasked), "{silent:?}: {:?}", rig.faults());
    }
}

/// A guard in a proof that gives its permit with lease 1 while the gate is open and another guard leases 0.
fn proving_open() -> Rig {
    let mut rig = Rig::new(WHO, &machine());
    rig.command(Command::TakeUp { delivery: PROOF });
    rig.command(Command::Prove { lease: 1 });
    assert_eq!((rig.phase(), rig.permit().state), (Phase::Proving, PermitState::Permit));
    rig.gate.state = GateState::Open;
    rig.gate.cause = CloseCause::LeaseUsed;
    rig.tell_gate();
    rig.run(ms(200));
    rig
}

#[test]
fn holds_a_gate_that_opens_for_its_proof() {
    verifies(Requirement::Proven);
    proving_open().holds();
}

#[test]
fn trips_over_a_pulse_in_a_proof_though_the_permit_is_given() {
    verifies(Requirement::Proven);
    let mut rig = proving_open();
    rig.gate.pulses += 1;
    rig.tell_gate();
    let _report = rig.trips(Fault::PulsesWhileClosed);
}

#[test]
fn holds_the_charge_of_a_tube_until_its_gate_has_closed() {
    verifies(Requirement::BeamUnasked);
    let mut tube = Rig::delivering(WHO, &continuous());
    tube.run(ms(50));
    tube.command(Command::Withhold);
    // the gate stays open for a while, and the beam goes on
    for _ in 0..4 {
        tube.run(ms(10));
        tube.count(1, 0, 100);
        tube.count(2, 0, 200);
    }
    tube.gate.state = GateState::Closed;
    tube.tell_gate();
    // the reading that was due brings what came until then, and no more comes
    tube.run(ms(10));
    tube.run(ms(500));
    tube.holds();
    tube.count_and_tell(1, 0, 200);
    found(&mut tube, Fault::ChargeWhileClosed);
}

#[test]
fn trips_a_tube_whose_gate_opens_without_a_permit() {
    verifies(Requirement::BeamUnasked);
    for beam in [0, 100] {
        let mut rig = Rig::delivering_for(WHO, &continuous(), &order());
        rig.run(ms(50));
        rig.command(Command::Withhold);
        rig.gate.state = GateState::Closed;
        rig.run(ms(500));
        rig.holds();
        rig.gate.state = GateState::Open;
        for _ in 0..6 {
            rig.run(ms(10));
            rig.count(1, 0, beam);
            rig.count(2, 0, 2 * beam);
        }
        rig.let_out();
        assert!(rig.guard.common().faults().contains(Fault::GateOpenUnasked) || beam > 0, "{:?}", rig.reports());
        assert!(!rig.faults().is_empty());
    }
}

#[test]
fn nothing_is_watched_before_the_gate_was_heard() {
    let mut rig = Rig::deaf(WHO, &machine());
    for _ in 0..100 {
        rig.now = rig.now.after(ms(5));
        rig.tell_chamber(1);
        rig.count(1, 1, 0);
    }
    rig.holds();
    rig.command(Command::Arm { delivery: DELIVERY, order: order() });
    assert_eq!(rig.phase(), Phase::Armed);
}
