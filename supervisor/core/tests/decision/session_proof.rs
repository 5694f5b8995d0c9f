//! The session's proof and its take-up: who is asked for what, what makes the session armed, and what fails.

use beam_core::fault::Fault;
use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::note::{Command, FaultReport, Note};
use beam_core::proving::{Ask, EVERY_GUARD, ProofStep};
use beam_core::requirement::Requirement;
use beam_core::session::{Act, EndedBy, SessionNote};
use beam_core::state::{Event, Refused, State};
use beam_core::units::Ticks;
use beam_core::wire::{CloseCause, GateState, GateStatus, Guard, Reason};

use crate::kit::{DELIVERY, NANO, PROOF, at, machine, ms, order, verifies};
use crate::proving::Gate;
use crate::session::{ARM, Trial};

pub const TAKEN_UP: GateStatus = shows(GateState::Closed, CloseCause::PermitWithheld, EVERY_GUARD);

const fn shows(state: GateState, cause: CloseCause, closed_by: u8) -> GateStatus {
    GateStatus { state, cause, closed_by, pulses: 0, beam_on_centiseconds: 0 }
}

/// A session that proves; the gate has not answered yet.
fn proving(machine: &Machine) -> Trial {
    let mut trial = Trial::ready(machine);
    assert_eq!(trial.act(ARM), Ok(()));
    trial
}

/// Leads the proof through with a right gate, until the session waits for the take-up of the delivery itself.
fn proven() -> Trial {
    let mut trial = Trial::ready(&machine());
    prove(&mut trial);
    trial
}

/// The same for a session that is ready.
pub fn prove(trial: &mut Trial) {
    let arm = (EVERY_GUARD, Command::Arm { delivery: DELIVERY, order: order() });
    prove_until(trial, |asked| asked.contains(&arm));
}

/// Leads the proof of a session that is ready with a right gate, until it has asked for what `is_enough`.
pub fn prove_until(trial: &mut Trial, is_enough: impl Fn(&[(u8, Command)]) -> bool) {
    assert_eq!(trial.act(ARM), Ok(()));
    trial.gate(TAKEN_UP);
    let mut gate = Gate::NEW;
    for _ in 0..2000 {
        trial.run(ms(1));
        trial.gate(gate.shows());
        let asked = std::mem::take(&mut trial.asked);
        if is_enough(&asked) {
            break;
        }
        for &(to, command) in &asked {
            match command {
                Command::Prove { lease } => gate.ask(to, Ask::Prove(lease)),
                Command::Withhold => gate.ask(to, Ask::Withhold),
                Command::Silence => {
                    gate.ask(to, Ask::Silence);
                    let guard = Guard::ALL.into_iter().find(|guard| guard.bit() == to).expect("one guard");
                    trial.note(guard, Note::Silent { lasted: ms(25) });
                }
                Command::End(Reason::None) => gate.ask(to, Ask::Trip),
                _ => {}
            }
        }
    }
    assert_eq!(trial.session.state(), State::Proving);
}

#[test]
fn holds_every_guard_to_its_proof_before_it_is_armed() {
    verifies(Requirement::Proven);
    let first = proving(&machine());
    assert_eq!(first.asked, [(EVERY_GUARD, Command::TakeUp { delivery: PROOF })]);
    assert_eq!(first.told, [SessionNote::State(State::Proving)]);
    let mut trial = proven();
    let told: Vec<_> = trial.told.iter().filter(|note| matches!(note, SessionNote::Proven(_))).copied().collect();
    assert_eq!(told, Guard::ALL.map(SessionNote::Proven));
    let refused = Refused::out_of_place(State::Proving, Event::BeamOn);
    assert_eq!(trial.act(Act::Begin), Err(refused), "not before the gate has taken the delivery up");
    trial.gate(TAKEN_UP);
    trial.run(ms(100));
    assert_eq!(trial.session.state(), State::Armed);
    assert_eq!(trial.act(Act::Begin), Ok(()));
    assert!(trial.asked.contains(&(EVERY_GUARD, Command::Deliver)));
}

#[test]
fn holds_a_take_up_until_older_permits_are_stale() {
    verifies(Requirement::Proven);
    let mut trial = proven();
    let since = trial.now;
    trial.gate(TAKEN_UP);
    trial.now = Ticks::from_nanos(since.after(ms(25)).nanos() - 1);
    trial.tick();
    assert_eq!(trial.session.state(), State::Proving);
    trial.now = since.after(ms(25));
    trial.tick();
    assert_eq!(trial.session.state(), State::Armed);
    trial.run(ms(700));
    assert_eq!(trial.session.state(), State::Armed, "nothing is waited for any more");
}

#[test]
fn trips_a_gate_that_does_not_take_the_delivery_up() {
    verifies(Requirement::Proven);
    let wrong = [
        shows(GateState::Open, CloseCause::PermitWithheld, EVERY_GUARD),
        shows(GateState::Closed, CloseCause::DeliveryMismatch, EVERY_GUARD),
        shows(GateState::Closed, CloseCause::PermitWithheld, 7),
        GateStatus { pulses: 1, ..TAKEN_UP },
    ];
    for status in wrong {
        let mut trial = proven();
        trial.gate(status);
        let since = trial.now;
        // four times stale-after, and the session's silence
        trial.run(ms(600));
        assert_eq!((trial.session.state(), trial.now), (State::Proving, since.after(ms(600))), "{status:?}");
        trial.now = trial.now.after(NANO);
        trial.tick();
        trial.ended(State::Tripped, EndedBy::Session, Reason::Fault);
        let report = FaultReport::of(Fault::GateNotTakenUp).measured(i64::from(Guard::Interlock.bit()), 0);
        assert_eq!(trial.session.fault(), Some(report));
        assert!(trial.told.contains(&SessionNote::Fault(report)));
    }
}

#[test]
fn trips_a_proof_in_which_no_bus_shows_a_taken_up_gate() {
    verifies(Requirement::Proven);
    let mut trial = proving(&machine());
    trial.run(ms(600));
    assert_eq!(trial.session.state(), State::Proving);
    trial.run(ms(1));
    trial.ended(State::Tripped, EndedBy::Session, Reason::Fault);
    assert!(trial.told.contains(&SessionNote::ProofFailed(Guard::Dose1, ProofStep::TakeUp)));
    assert_eq!(trial.session.fault(), Some(FaultReport::of(Fault::GateNotTakenUp).measured(1, 0)));
    trial.forget();
    trial.run(ms(1000));
    assert!(trial.told.is_empty(), "the proof is over: {:?}", trial.told);
}

#[test]
fn trips_a_proof_in_a_later_step_as_failed() {
    verifies(Requirement::Proven);
    let mut trial = proving(&machine());
    trial.gate(TAKEN_UP);
    trial.run(ms(100));
    assert!(trial.asked.contains(&(1, Command::Prove { lease: 0 })), "{:?}", trial.asked);
    trial.run(ms(600));
    trial.ended(State::Tripped, EndedBy::Session, Reason::Fault);
    assert!(trial.told.contains(&SessionNote::ProofFailed(Guard::Dose1, ProofStep::Offered)));
    assert_eq!(trial.session.fault(), Some(FaultReport::of(Fault::ProofFailed).measured(1, 0)));
}

#[test]
fn trips_over_buses_that_show_the_gate_differently() {
    verifies(Requirement::Proven);
    let differ = [
        GateStatus { closed_by: 14, ..TAKEN_UP },
        GateStatus { pulses: 1, ..TAKEN_UP },
        shows(GateState::Open, CloseCause::PermitWithheld, EVERY_GUARD),
        shows(GateState::Closed, CloseCause::PermitStale, EVERY_GUARD),
    ];
    for on_b in differ {
        let mut trial = proving(&machine());
        trial.gate(TAKEN_UP);
        trial.note(Guard::Interlock, Note::Gate { bus: Bus::B, status: on_b });
        trial.run(ms(601));
        assert_eq!(trial.session.state(), State::Tripped, "{on_b:?}");
    }
}

#[test]
fn holds_buses_whose_beam_on_times_differ_by_a_frame() {
    verifies(Requirement::Proven);
    let mut trial = proving(&machine());
    trial.gate(TAKEN_UP);
    let status = GateStatus { beam_on_centiseconds: 1, ..TAKEN_UP };
    trial.note(Guard::Interlock, Note::Gate { bus: Bus::B, status });
    trial.run(ms(100));
    assert!(trial.asked.contains(&(1, Command::Prove { lease: 0 })));
}

#[test]
fn holds_the_only_bus_for_enough_where_there_is_one() {
    verifies(Requirement::Proven);
    let mut trial = proving(&Machine { single_bus: true, ..machine() });
    trial.note(Guard::Interlock, Note::Gate { bus: Bus::A, status: TAKEN_UP });
    trial.run(ms(100));
    assert!(trial.asked.contains(&(1, Command::Prove { lease: 0 })));
    let mut trial = proving(&machine());
    trial.note(Guard::Interlock, Note::Gate { bus: Bus::A, status: TAKEN_UP });
    trial.run(ms(100));
    assert!(!trial.asked.contains(&(1, Command::Prove { lease: 0 })), "two buses must both show it");
}

#[test]
fn trips_a_proof_when_the_operator_or_a_guard_ends_it() {
    verifies(Requirement::Operator);
    let mut trial = proving(&machine());
    assert_eq!(trial.act(Act::Terminate), Ok(()));
    trial.ended(State::Complete, EndedBy::Operator, Reason::Operator);
    trial.gate(TAKEN_UP);
    trial.forget();
    trial.run(ms(45));
    assert!(trial.asked.iter().all(|(_, command)| *command == Command::Heartbeat), "{:?}", trial.asked);
    let mut trial = proven();
    trial.fault(Guard::Interlock, Fault::RequestedEarly);
    trial.ended(State::Tripped, EndedBy::Guard(Guard::Interlock), Reason::Fault);
    trial.gate(TAKEN_UP);
    trial.run(ms(1000));
    assert_eq!(
        (trial.session.state(), trial.session.fault().map(|r| r.fault)),
        (State::Tripped, Some(Fault::RequestedEarly))
    );
}

#[test]
fn a_recording_is_judged_without_a_proof() {
    let mut trial = Trial::new(&machine());
    trial.session.arm_unproven(DELIVERY, order());
    trial.tick();
    assert!(trial.asked.contains(&(EVERY_GUARD, Command::Arm { delivery: DELIVERY, order: order() })));
    assert_eq!(trial.now, at(1000));
}
