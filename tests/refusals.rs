//! What guards and session refuse, whoever commands it: a delivery under the id that is held already, and an arming while
//! something stands against the beam. Found by fuzzing (tests/fuzz), kept here by example.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::{Bus, Origin};
use beam_core::guard::Guard;
use beam_core::note::{Command, FrameCounts, Input, Note, Phase};
use beam_core::requirement::Requirement;
use beam_core::session::{Act, Happening, Session};
use beam_core::state::State;
use beam_core::units::{ChargeCounter, Span, Ticks};
use beam_core::wire::{self, DoseReading, MON1_DOSE, PermitState, Reason};
use beam_tests::{DELIVERY, PROOF, Trial, verifies};

const NOW: Ticks = Ticks::from_nanos(1_000_000_000);

fn command(guard: &mut Guard, command: Command) {
    let _permit = guard.step(NOW, &Input::Command(command));
}

/// Dose guard 1 is shown that monitor 1 counted this many pulses of the order's usual charge.
fn show(guard: &mut Guard, trial: &Trial, pulses: u16) {
    let charge = trial.order(1).expected_pulse[0].times(u32::from(pulses)).picocoulombs();
    let charge = ChargeCounter::from_raw(u32::try_from(charge).expect("a small charge"));
    let frame = DoseReading { flags: 0, pulses, charge }.encode(MON1_DOSE, (pulses % 15) as u8);
    let _permit = guard.step(NOW, &Input::Frame { bus: Bus::A, origin: Origin::Wire, frame });
}

#[test]
fn trips_for_good_even_when_the_same_delivery_is_offered_again() {
    verifies(Requirement::Latched);
    let trial = Trial::quick();
    let order = trial.order(10);
    for who in wire::Guard::ALL {
        for again in [Command::TakeUp { delivery: DELIVERY }, Command::Arm { delivery: DELIVERY, order }] {
            let mut guard = Guard::new(who, &trial.machine);
            command(&mut guard, Command::Arm { delivery: DELIVERY, order });
            command(&mut guard, Command::Deliver);
            command(&mut guard, Command::End(Reason::Operator));
            command(&mut guard, Command::Acknowledge);
            command(&mut guard, again);
            command(&mut guard, Command::Prove { lease: 1 });
            command(&mut guard, Command::Deliver);
            let permit = guard.common().permit.current();
            assert_eq!((permit.state, permit.delivery), (PermitState::Tripped, DELIVERY), "{} {again:?}", who.name());
            // another id is another delivery
            command(&mut guard, Command::TakeUp { delivery: PROOF });
            assert_eq!(guard.common().permit.current().state, PermitState::Withheld, "{}", who.name());
        }
    }
}

#[test]
fn trips_on_what_is_found_in_the_very_step_of_an_acknowledgement() {
    verifies(Requirement::Latched);
    let trial = Trial::quick();
    for who in wire::Guard::ALL {
        let mut guard = Guard::new(who, &trial.machine);
        command(&mut guard, Command::Arm { delivery: DELIVERY, order: trial.order(10) });
        // it turns for the first time after a second
        let later = NOW.after(Span::from_secs(1));
        let _permit = guard.step(later, &Input::Command(Command::Acknowledge));
        assert!(guard.common().faults().contains(Fault::GuardLate), "{}", who.name());
        assert_eq!(guard.common().phase, Phase::Ended, "{}", who.name());
        // acknowledged once it is known, it is gone
        let _permit = guard.step(later, &Input::Command(Command::Acknowledge));
        assert!(guard.common().faults().is_empty() && guard.common().phase == Phase::Idle, "{}", who.name());
    }
}

#[test]
fn holds_its_count_when_the_delivery_under_way_is_armed_again() {
    verifies(Requirement::PrimaryDose);
    let trial = Trial::quick();
    for again in [DELIVERY, 0] {
        let mut guard = Guard::new(wire::Guard::Dose1, &trial.machine);
        command(&mut guard, Command::Arm { delivery: DELIVERY, order: trial.order(10) });
        show(&mut guard, &trial, 0);
        command(&mut guard, Command::Deliver);
        (1..=3).for_each(|pulses| show(&mut guard, &trial, pulses));
        command(&mut guard, Command::Arm { delivery: again, order: trial.order(30) });
        let permit = guard.common().permit.current();
        assert_eq!((permit.state, permit.lease), (PermitState::Permit, 4), "armed again as {again}");
        (4..=9).for_each(|pulses| show(&mut guard, &trial, pulses));
        assert!(guard.common().permit.is_given());
        show(&mut guard, &trial, 10);
        assert_eq!(guard.common().permit.current().reason, Reason::DoseReached, "armed again as {again}");
    }
}

#[test]
fn trips_no_guard_but_refuses_to_arm_while_something_stands_against_a_beam() {
    verifies(Requirement::OwnHealth);
    let trial = Trial::quick();
    let mut session = Session::new(&trial.machine);
    let (faults, frames) = (FaultSet::EMPTY, FrameCounts::default());
    for guard in wire::Guard::ALL {
        let health = Note::Health { phase: Phase::Idle, faults, standing: FaultSet::EMPTY, frames };
        assert!(session.happen(NOW, &Happening::Note(guard, health)).is_ok());
    }
    assert!(session.happen(NOW, &Happening::Tick).is_ok());
    assert_eq!(session.state(), State::Ready);
    let mut later = session;
    let arm = Happening::Act(Act::Arm { proof: PROOF, delivery: DELIVERY, order: trial.order(10) });
    // it stands, and no tick has passed since
    let unwritable = Happening::Standing(FaultSet::EMPTY.with(Fault::RecordUnwritable));
    assert!(session.happen(NOW, &unwritable).is_ok());
    assert!(session.happen(NOW, &arm).is_err() && session.state() == State::Ready);
    let all_clear = Happening::Standing(FaultSet::EMPTY);
    assert!(session.happen(NOW, &all_clear).is_ok() && session.happen(NOW, &arm).is_ok());
    assert_eq!(session.state(), State::Proving);
    // so do guards that have reported nothing for a second
    assert!(later.happen(NOW.after(Span::from_secs(1)), &arm).is_err() && later.state() == State::Ready);
}
