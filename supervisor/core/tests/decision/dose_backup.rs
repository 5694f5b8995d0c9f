//! Dose guard 2 leases nothing past its own limit. That it leases no more is no fault yet: it is one when its reading has
//! reached the limit, or when dose guard 1 does not end the beam in time.

use beam_core::fault::Fault;
use beam_core::machine::{Beam, Landing, Machine, Order};
use beam_core::note::{Command, Phase};
use beam_core::requirement::Requirement;
use beam_core::wire::{GateState, Guard, PermitState};

use crate::kit::{NANO, PERIOD, PULSE, Rig, machine, ms, order, pc, verifies, windowed};

const WHO: Guard = Guard::Dose2;

/// A limit that lies a picocoulomb below the fifth pulse.
fn below_five() -> Order {
    Order { backup: pc(5 * PULSE[1] - 1), ..order() }
}

/// Dose guard 2 after the fourth pulse: the fifth would pass its limit.
fn out_of_lease(machine: &Machine) -> Rig {
    let mut rig = Rig::delivering_for(WHO, machine, &below_five());
    rig.run(ms(100));
    for _ in 0..4 {
        rig.count_and_tell(2, 1, PULSE[1]);
    }
    rig
}

#[test]
fn holds_the_lease_at_the_last_pulse_that_does_not_pass_the_limit() {
    verifies(Requirement::BackupDose);
    let mut rig = out_of_lease(&machine());
    assert_eq!((rig.permit().state, rig.permit().lease), (PermitState::Permit, 4));
    rig.holds();
    let mut exact = Rig::delivering_for(WHO, &machine(), &Order { backup: pc(5 * PULSE[1]), ..order() });
    for _ in 0..4 {
        exact.count_and_tell(2, 1, PULSE[1]);
    }
    assert_eq!(exact.permit().lease, 5, "a pulse that ends at the limit");
    // also where many may be under way, and where monitor 1 may land above its preset
    let beam = Beam::Pulsed { period: PERIOD, window: 20, landing: Landing::AtOrAbove, gate_knows_lease: true };
    for machine in [windowed(20), Machine { beam, ..machine() }] {
        assert_eq!(Rig::delivering_for(WHO, &machine, &below_five()).permit().lease, 4);
    }
}

#[test]
fn trips_when_dose_guard_1_has_not_ended_the_beam_one_agreement_time_after_the_lease_ran_out() {
    verifies(Requirement::BackupDose);
    let mut rig = out_of_lease(&machine());
    rig.run(ms(30));
    rig.holds();
    rig.now = rig.now.after(NANO);
    rig.tick();
    let report = rig.trips(Fault::BackupReached);
    assert_eq!((report.monitor, report.measured, report.limit, report.pulses), (2, 8000, 9999, 4));
}

#[test]
fn holds_a_lease_that_ran_out_behind_a_closed_gate_or_in_an_interruption() {
    verifies(Requirement::BackupDose);
    let mut closed = out_of_lease(&machine());
    closed.gate.state = GateState::Closed;
    closed.tell_gate();
    closed.run(ms(1000));
    closed.holds();
    let mut interrupted = out_of_lease(&machine());
    interrupted.command(Command::Withhold);
    interrupted.run(ms(1000));
    interrupted.holds();
    // resumed, it still has nothing to lease, and its time begins anew
    interrupted.command(Command::Deliver);
    interrupted.run(ms(30));
    interrupted.holds();
    interrupted.now = interrupted.now.after(NANO);
    interrupted.tick();
    let _report = interrupted.trips(Fault::BackupReached);
}

#[test]
fn trips_at_once_when_its_reading_has_reached_the_limit_and_holds_below_it() {
    verifies(Requirement::BackupDose);
    for (last, found) in [(1998, false), (1999, true)] {
        let mut rig = Rig::delivering_for(WHO, &windowed(5), &below_five());
        rig.run(ms(100));
        // the fifth pulse was leased before the others turned out to be no smaller than expected
        rig.count_and_tell(2, 1, 1500);
        assert_eq!(rig.permit().lease, 5);
        rig.count_and_tell(2, 4, 3 * PULSE[1] + 500 + last);
        if found {
            assert_eq!(rig.trips(Fault::BackupReached).measured, 9999);
        } else {
            rig.holds();
        }
    }
}

#[test]
fn holds_a_gate_that_compares_no_leases_by_lease_0_alone() {
    verifies(Requirement::BackupDose);
    let beam = Beam::Pulsed { period: PERIOD, window: 1, landing: Landing::Nearest, gate_knows_lease: false };
    let mut rig = out_of_lease(&Machine { beam, ..machine() });
    assert_eq!((rig.permit().state, rig.permit().lease), (PermitState::Permit, 0));
    rig.holds();
}

#[test]
fn holds_a_second_delivery_to_its_own_lease() {
    verifies(Requirement::BackupDose);
    let mut rig = out_of_lease(&machine());
    rig.command(Command::End(beam_core::wire::Reason::DoseReached));
    rig.run(ms(1000));
    rig.command(Command::Arm { delivery: 8, order: order() });
    rig.run(ms(1000));
    assert_eq!(rig.phase(), Phase::Armed);
    rig.command(Command::Deliver);
    rig.run(ms(1000));
    assert_eq!((rig.permit().state, rig.permit().lease), (PermitState::Permit, 1));
    rig.holds();
}
