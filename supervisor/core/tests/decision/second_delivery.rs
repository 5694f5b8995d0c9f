//! What a second delivery of the same guard inherits from the first: nothing of its counts, its doses, its leases, its names
//! and its limits.

use beam_core::fault::Fault;
use beam_core::machine::{Beam, Landing, Machine, Order};
use beam_core::note::{Command, Note, Phase};
use beam_core::reading::{DoseReading, dose_flag};
use beam_core::requirement::Requirement;
use beam_core::units::ChargeCounter;
use beam_core::wire::{CloseCause, GateState, Guard, MON2_DOSE, Reason};

use crate::interlock::delivering;
use crate::kit::{PERIOD, PULSE, Rig, machine, ms, order, pc, verifies, windowed};

/// The delivery ends as it should, the gate latches, the console releases the beam, and everything has told so.
fn end(rig: &mut Rig) {
    rig.command(Command::End(Reason::DoseReached));
    rig.linac.interlocks = 0;
    rig.tell_linac();
    rig.gate.state = GateState::Latched;
    rig.gate.cause = CloseCause::PermitTripped;
    rig.run(ms(100));
}

/// Another id is offered, for a proof or for a delivery, and the gate takes it up.
fn offer(rig: &mut Rig, command: Command) {
    rig.command(command);
    rig.gate.state = GateState::Closed;
    rig.gate.cause = CloseCause::PermitWithheld;
    rig.gate.closed_by = 15;
    rig.gate.pulses = 0;
    rig.tell_gate();
}

/// A second delivery of `order` that has begun.
fn again(rig: &mut Rig, order: &Order) {
    offer(rig, Command::TakeUp { delivery: 20 });
    rig.run(ms(100));
    offer(rig, Command::Arm { delivery: 21, order: *order });
    rig.run(ms(100));
    assert_eq!(rig.phase(), Phase::Armed, "{:?}", rig.reports());
    rig.command(Command::Deliver);
    rig.beam_on();
    rig.forget();
}

/// The pulses and doses of an end that was judged.
fn judged(rig: &Rig) -> Vec<([u32; 4], [i64; 2])> {
    let told = |note: &Note| match note {
        Note::EndJudged { pulses, doses, .. } => Some((*pulses, doses.map(|dose| dose.micro_mu()))),
        _ => None,
    };
    rig.notes.iter().filter_map(told).collect()
}

#[test]
fn holds_the_interlock_guard_to_the_pulses_and_doses_of_the_delivery_itself() {
    verifies(Requirement::PulseByPulse);
    let mut rig = delivering();
    rig.pulses(5);
    end(&mut rig);
    assert_eq!(judged(&rig), [([5; 4], [250_000, 250_000])]);
    again(&mut rig, &order());
    assert_eq!(rig.permit().lease, 1, "the window, and nothing of what was judged before");
    rig.pulses(2);
    assert_eq!(rig.permit().lease, 3);
    end(&mut rig);
    rig.let_out();
    assert_eq!((rig.faults(), judged(&rig)), (vec![], vec![([2; 4], [100_000, 100_000])]));
}

#[test]
fn holds_a_gate_that_goes_on_counting_to_its_count_at_the_beginning() {
    verifies(Requirement::PulseByPulse);
    let mut rig = delivering();
    rig.pulses(5);
    rig.command(Command::End(Reason::DoseReached));
    rig.gate.state = GateState::Closed;
    rig.run(ms(100));
    rig.command(Command::Arm { delivery: 21, order: order() });
    rig.run(ms(100));
    rig.command(Command::Deliver);
    rig.beam_on();
    rig.pulses(2);
    rig.holds();
    assert_eq!(rig.permit().lease, 3);
}

#[test]
fn holds_the_charge_that_came_while_it_was_armed_for_no_dose() {
    verifies(Requirement::ChambersAgree);
    let mut rig = delivering();
    rig.pulses(3);
    end(&mut rig);
    offer(&mut rig, Command::Arm { delivery: 21, order: order() });
    for _ in 0..3 {
        rig.count_and_tell(1, 0, 300);
        rig.count_and_tell(2, 0, -150);
        rig.run(ms(20));
    }
    rig.command(Command::Deliver);
    rig.beam_on();
    rig.forget();
    rig.pulses(4);
    end(&mut rig);
    rig.let_out();
    assert_eq!(judged(&rig), [([4; 4], [200_000, 200_000])]);
}

#[test]
fn holds_a_fall_of_the_last_delivery_for_no_fault_of_the_next_proof() {
    verifies(Requirement::ChamberHonest);
    for (monitor, fall, drift) in [(1, -101, -60), (2, -201, -120)] {
        let mut rig = delivering();
        rig.pulses(3);
        rig.run(ms(50));
        end(&mut rig);
        rig.count_and_tell(monitor, 0, drift);
        rig.run(ms(100));
        offer(&mut rig, Command::TakeUp { delivery: 20 });
        rig.forget();
        rig.count_and_tell(monitor, 0, drift);
        rig.run(ms(50));
        rig.holds();
        assert!(2 * drift < fall, "together they are a fall");
    }
}

#[test]
fn holds_the_end_of_a_proof_that_failed_for_no_end_of_a_delivery() {
    verifies(Requirement::Proven);
    let mut rig = delivering();
    rig.pulses(3);
    end(&mut rig);
    offer(&mut rig, Command::TakeUp { delivery: 20 });
    rig.run(ms(50));
    rig.forget();
    rig.command(Command::End(Reason::Fault));
    rig.gate.state = GateState::Open;
    rig.run(ms(10));
    rig.gate.state = GateState::Latched;
    rig.run(ms(1500));
    rig.let_out();
    assert_eq!((judged(&rig), rig.faults()), (vec![], vec![]));
    // nor is what a chamber says behind it a fault of the delivery before, whose end was never judged
    let mut rig = delivering();
    rig.pulses(3);
    rig.command(Command::End(Reason::DoseReached));
    rig.linac.interlocks = 0;
    rig.tell_linac();
    rig.gate.state = GateState::Closed;
    offer(&mut rig, Command::TakeUp { delivery: 20 });
    rig.command(Command::End(Reason::Fault));
    rig.forget();
    rig.chambers[1].flags = dose_flag::OVERRANGE;
    rig.tell_chamber(2);
    rig.let_out();
    assert_eq!(rig.faults(), []);
}

#[test]
fn trips_over_a_gate_that_falls_behind_a_permit_of_the_proof() {
    verifies(Requirement::Proven);
    let mut rig = delivering();
    rig.pulses(3);
    end(&mut rig);
    rig.command(Command::TakeUp { delivery: 20 });
    rig.forget();
    rig.command(Command::Prove { lease: 0 });
    rig.gate.pulses = 0;
    rig.tell_gate();
    let _report = rig.trips(Fault::GateRestarted);
}

#[test]
fn trips_over_a_chamber_that_falls_silent_at_the_second_end_though_it_was_named_at_the_first() {
    verifies(Requirement::ChamberHonest);
    let mut rig = delivering();
    rig.pulses(3);
    // a status that is wrong behind the end names nobody either
    end(&mut rig);
    again(&mut rig, &order());
    rig.pulses(2);
    rig.run(ms(50));
    rig.command(Command::End(Reason::DoseReached));
    rig.gate.state = GateState::Latched;
    rig.gate.pulses += 1;
    rig.statuses[1].voltage = 0;
    rig.tell_gate();
    rig.tell_status(2);
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.mute.push((MON2_DOSE, beam_core::frame::Bus::B));
    rig.forget();
    rig.run(ms(100));
    rig.let_out();
    assert_eq!(rig.faults(), [Fault::DoseStale]);
}

#[test]
fn holds_a_monitor_that_its_own_fault_has_named() {
    verifies(Requirement::Latched);
    let mut rig = delivering();
    rig.pulses(3);
    rig.chambers[1].flags = dose_flag::SATURATED;
    rig.tell_chamber(2);
    let _report = rig.trips(Fault::Saturated);
    rig.gate.state = GateState::Latched;
    rig.gate.pulses += 1;
    rig.tell_gate();
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.mute.push((MON2_DOSE, beam_core::frame::Bus::B));
    rig.run(ms(1500));
    rig.let_out();
    assert_eq!(rig.faults(), [Fault::Saturated]);
}

#[test]
fn holds_a_dose_guard_to_the_leases_and_the_charge_of_the_delivery_itself() {
    verifies(Requirement::PrimaryDose);
    let beyond = Order { preset: pc(i64::MAX), ..order() };
    let mut rig = Rig::delivering_for(Guard::Dose1, &windowed(3), &beyond);
    rig.run(ms(100));
    for _ in 0..9 {
        rig.count_and_tell(1, 1, PULSE[0]);
    }
    end(&mut rig);
    // in the proof of the next one nothing is left of it
    offer(&mut rig, Command::TakeUp { delivery: 20 });
    rig.forget();
    rig.count_and_tell(1, 0, 501);
    rig.let_out();
    let told = |rig: &Rig| {
        let dose = |note: &Note| match note {
            Note::Dose { pulses, charge, last, .. } => Some((*pulses, charge.picocoulombs(), last.picocoulombs())),
            _ => None,
        };
        rig.notes.iter().filter_map(dose).collect::<Vec<_>>()
    };
    assert_eq!(told(&rig), [(0, 501, 1000)]);
    offer(&mut rig, Command::Arm { delivery: 21, order: beyond });
    rig.command(Command::Deliver);
    rig.forget();
    rig.count_and_tell(1, 0, 501);
    rig.let_out();
    assert_eq!(told(&rig), [(0, 501, 0)], "told, and without a last pulse");
    rig.count_and_tell(1, 0, 400);
    rig.let_out();
    assert_eq!(told(&rig).len(), 1, "not half a pulse more than was told");
    rig.count_and_tell(1, 4, 3500);
    assert_eq!(rig.trips(Fault::PulseBeyondLease).limit, 3);
}

#[test]
fn holds_a_charge_that_is_told_to_the_delivery_that_it_came_in() {
    verifies(Requirement::PrimaryDose);
    // the next delivery is armed without a proof between
    let mut rig = Rig::delivering(Guard::Dose1, &machine());
    rig.count_and_tell(1, 1, PULSE[0]);
    end(&mut rig);
    rig.command(Command::Arm { delivery: 21, order: order() });
    rig.command(Command::Deliver);
    rig.forget();
    rig.count_and_tell(1, 0, 501);
    rig.let_out();
    assert!(rig.notes.iter().any(|note| matches!(note, Note::Dose { pulses: 0, .. })), "{:?}", rig.notes);
}

#[test]
fn holds_a_plan_in_pulses_to_its_number_and_the_next_one_to_its_dose() {
    verifies(Requirement::PrimaryDose);
    let in_pulses = Order { pulses: Some(4), ..order() };
    for (who, monitor) in [(Guard::Dose1, 1), (Guard::Dose2, 2)] {
        let mut rig = Rig::delivering_for(who, &windowed(9), &in_pulses);
        assert_eq!(rig.permit().lease, 4, "{}", who.name());
        rig.run(ms(100));
        rig.count_and_tell(monitor, 4, 2 * PULSE[monitor - 1]);
        rig.let_out();
        assert_eq!(rig.phase() == Phase::Ended, who == Guard::Dose1, "whatever they gave");
        assert_eq!(rig.reports(), []);
        end(&mut rig);
        again(&mut rig, &order());
        assert_eq!(rig.permit().lease, 9, "the window");
    }
    // dose guard 2 keeps its own limit of dose beside the number
    let few = Order { backup: pc(3 * PULSE[1]), ..in_pulses };
    assert_eq!(Rig::delivering_for(Guard::Dose2, &windowed(9), &few).permit().lease, 3);
}

#[test]
fn trips_over_a_pulse_beyond_the_lease_though_the_preset_is_reached_with_it() {
    verifies(Requirement::PulseByPulse);
    let mut rig = Rig::delivering_for(Guard::Dose1, &windowed(3), &Order { preset: pc(4 * PULSE[0]), ..order() });
    rig.run(ms(100));
    rig.count_and_tell(1, 4, 4 * PULSE[0]);
    let _report = rig.trips(Fault::PulseBeyondLease);
    assert!(!rig.notes.contains(&Note::Reached));
}

#[test]
fn trips_a_reading_far_beyond_the_limit_on_a_gate_that_compares_no_leases() {
    verifies(Requirement::BackupDose);
    let beam = Beam::Pulsed { period: PERIOD, window: 1, landing: Landing::Nearest, gate_knows_lease: false };
    let without_lease = Machine { beam, ..machine() };
    let two = Order { preset: pc(2 * PULSE[0]), backup: pc(2 * PULSE[1]), ..order() };
    let mut first = Rig::delivering_for(Guard::Dose1, &without_lease, &two);
    first.count_and_tell(1, 6, 6 * PULSE[0]);
    assert_eq!((first.phase(), first.permit().reason), (Phase::Ended, Reason::DoseReached));
    let mut second = Rig::delivering_for(Guard::Dose2, &without_lease, &two);
    second.count_and_tell(2, 6, 6 * PULSE[1]);
    assert_eq!(second.trips(Fault::BackupReached).measured, 12_000);
}

#[test]
fn holds_a_backup_that_may_lease_again_after_a_smaller_pulse() {
    verifies(Requirement::BackupDose);
    let mut rig = Rig::delivering_for(Guard::Dose2, &windowed(3), &Order { backup: pc(9900), ..order() });
    rig.run(ms(100));
    assert_eq!(rig.permit().lease, 3);
    rig.count_and_tell(2, 1, 3900);
    rig.count_and_tell(2, 1, 3000);
    rig.run(ms(20));
    rig.count_and_tell(2, 1, 250);
    assert_eq!(rig.permit().lease, 4, "2750 remain, and the mean is 2383");
    rig.run(ms(100));
    rig.holds();
}

/// The monitor's counter begins anew at rest, and that is told.
fn begins_anew(rig: &mut Rig, monitor: usize) {
    rig.chambers[monitor - 1] = DoseReading { flags: 0, pulses: 0, charge: ChargeCounter::from_raw(0) };
    rig.tell_chamber(monitor);
    rig.let_out();
    assert_eq!(rig.faults(), [Fault::ChamberRestarted]);
    rig.command(Command::Acknowledge);
    rig.forget();
}

#[test]
fn trips_over_a_stray_pulse_of_a_chamber_that_began_anew_in_the_delivery_before() {
    verifies(Requirement::BeamUnasked);
    let mut rig = delivering();
    rig.pulses(5);
    end(&mut rig);
    begins_anew(&mut rig, 1);
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.run(ms(100));
    assert_eq!(rig.faults(), [], "its counts tell nothing of this delivery any more");
    again(&mut rig, &order());
    rig.pulses(2);
    end(&mut rig);
    rig.forget();
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.count_and_tell(2, 1, PULSE[1]);
    rig.let_out();
    assert_eq!(rig.faults(), [Fault::PulsesWhileClosed]);
}

#[test]
fn trips_over_a_stray_pulse_though_one_was_acknowledged_in_the_delivery_before() {
    verifies(Requirement::BeamUnasked);
    let mut rig = delivering();
    rig.pulses(5);
    end(&mut rig);
    rig.forget();
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.run(ms(40));
    assert_eq!(rig.faults(), [Fault::CountsDisagree]);
    rig.command(Command::Acknowledge);
    again(&mut rig, &order());
    rig.pulses(2);
    end(&mut rig);
    rig.forget();
    rig.count_and_tell(2, 1, PULSE[1]);
    rig.run(ms(20));
    rig.command(Command::Acknowledge);
    rig.run(ms(20));
    assert_eq!(rig.faults(), [Fault::CountsDisagree], "nobody was told of it, whatever was told before");
}
