//! The session in its second arming: what it inherits of the first, whom it tells what was found, and when it looks at the
//! proof again.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::note::{Command, FaultReport, Note};
use beam_core::requirement::Requirement;
use beam_core::session::{Act, SessionNote};
use beam_core::state::State;
use beam_core::units::{Charge, Dose, Span};
use beam_core::wire::{CloseCause, GateState, GateStatus, Guard};

use crate::kit::{PULSE_DOSE, continuous, gate, machine, micro_mu, ms, verifies};
use crate::session::{ACKNOWLEDGE, ARM, Trial};
use crate::session_proof::{TAKEN_UP, prove, prove_until};

/// A session that delivers, by the way through a proof.
fn delivering(trial: &mut Trial) {
    prove(trial);
    trial.gate(TAKEN_UP);
    trial.run(ms(100));
    assert_eq!((trial.session.state(), trial.act(Act::Begin)), (State::Armed, Ok(())));
    trial.forget();
}

/// The delivery ends by the operator, the beam is watched, and the session is ready again.
fn end(trial: &mut Trial) {
    assert_eq!(trial.act(Act::Terminate), Ok(()));
    trial.note(Guard::Interlock, Note::EndJudged { pulses: [1; 4], doses: [Dose::ZERO; 2], agrees: true });
    assert_eq!(trial.act(ACKNOWLEDGE), Ok(()));
    trial.run(ms(1600));
    assert_eq!(trial.session.state(), State::Ready);
}

/// What a resume goes on from.
fn base(trial: &mut Trial) -> Option<Dose> {
    trial.forget();
    assert_eq!((trial.act(Act::Interrupt), trial.act(Act::Resume)), (Ok(()), Ok(())));
    trial.asked.iter().find_map(|(_, command)| match command {
        Command::Rebase { base } => Some(*base),
        _ => None,
    })
}

fn tells(trial: &mut Trial, dose: i64) {
    for guard in [Guard::Dose1, Guard::Dose2] {
        let (charge, last) = (Charge::ZERO, Charge::ZERO);
        trial.note(guard, Note::Dose { pulses: 3, charge, dose: micro_mu(dose), lease: 4, last });
    }
}

#[test]
fn holds_a_second_delivery_to_its_own_dose_and_its_own_resumes() {
    verifies(Requirement::Operator);
    let mut trial = Trial::ready(&machine());
    for delivery in 0..2 {
        delivering(&mut trial);
        assert_eq!(base(&mut trial), Some(Dose::ZERO), "{delivery}: nothing of the one before");
        tells(&mut trial, 150_000);
        assert_eq!(base(&mut trial), Some(micro_mu(150_000)), "the second resume of two");
        // the order of this arming says what a pulse of the gate is worth
        trial.gate(gate(GateState::Closed, CloseCause::PermitWithheld, 7));
        assert_eq!(trial.act(Act::Interrupt), Ok(()));
        end(&mut trial);
    }
    let mut trial = Trial::ready(&machine());
    delivering(&mut trial);
    trial.gate(gate(GateState::Closed, CloseCause::PermitWithheld, 7));
    assert_eq!(base(&mut trial), Some(micro_mu(7 * PULSE_DOSE)));
}

#[test]
fn holds_a_second_delivery_of_a_tube_to_its_own_time() {
    verifies(Requirement::Operator);
    let clock = |trial: &mut Trial, seconds: u16| {
        let beam_on = Span::from_secs(u64::from(seconds));
        trial.note(Guard::Time, Note::Time { beam_on, limit: Span::from_secs(60), gate_centiseconds: 0 });
        let status = gate(GateState::Closed, CloseCause::PermitWithheld, 0);
        trial.gate(GateStatus { beam_on_centiseconds: 100 * 50, ..status });
    };
    let mut trial = Trial::ready(&continuous());
    delivering(&mut trial);
    clock(&mut trial, 4);
    assert_eq!(base(&mut trial), Some(micro_mu(4 * 10 * PULSE_DOSE)));
    end(&mut trial);
    delivering(&mut trial);
    let status = gate(GateState::Closed, CloseCause::PermitWithheld, 0);
    trial.gate(GateStatus { beam_on_centiseconds: 100 * 50, ..status });
    assert_eq!(base(&mut trial), Some(Dose::ZERO), "no time of this one was told yet");
}

#[test]
fn holds_an_arming_until_the_beam_of_a_delivery_was_watched_and_after_a_proof_at_once() {
    verifies(Requirement::Latched);
    let mut trial = Trial::ready(&machine());
    delivering(&mut trial);
    trial.fault(Guard::Dose1, Fault::Crc);
    assert_eq!(trial.act(ACKNOWLEDGE), Ok(()));
    trial.run(ms(500));
    assert_eq!(trial.session.state(), State::Inhibited, "its beam is watched");
    trial.run(ms(1100));
    assert_eq!(trial.session.state(), State::Ready);
    assert_eq!(trial.act(ARM), Ok(()));
    trial.fault(Guard::Dose1, Fault::Crc);
    assert_eq!(trial.act(ACKNOWLEDGE), Ok(()));
    trial.run(ms(10));
    assert_eq!(trial.session.state(), State::Ready, "a proof has no beam to watch");
}

#[test]
fn holds_an_acknowledgement_to_what_was_found_since_the_last_one() {
    verifies(Requirement::Latched);
    let by_operator = Act::Acknowledge { by: beam_core::clearance::Role::Operator };
    let saturated = FaultSet::EMPTY.with(Fault::Saturated);
    let mut trial = Trial::delivering();
    trial.fault(Guard::Dose1, Fault::Saturated);
    assert_eq!(trial.act(ACKNOWLEDGE), Ok(()));
    trial.fault(Guard::Dose1, Fault::Crc);
    assert_eq!(trial.act(by_operator), Ok(()), "the physicist has cleared what was before");
    // what a guard has latched counts also where its note was lost
    let mut trial = Trial::ready(&machine());
    trial.is_well(Guard::Dose2, saturated, FaultSet::EMPTY);
    trial.fault(Guard::Dose1, Fault::Crc);
    assert!(trial.act(by_operator).is_err());
    assert_eq!(trial.act(ACKNOWLEDGE), Ok(()));
    // and what it no longer reports is of the past at the next arming
    let mut trial = Trial::ready(&machine());
    trial.is_well(Guard::Dose2, saturated, FaultSet::EMPTY);
    trial.is_well(Guard::Dose2, FaultSet::EMPTY, FaultSet::EMPTY);
    trial.tick();
    assert_eq!(trial.act(ARM), Ok(()));
    trial.fault(Guard::Dose1, Fault::Crc);
    assert_eq!(trial.act(by_operator), Ok(()));
}

#[test]
fn holds_the_take_up_for_over_when_a_fault_ended_it() {
    verifies(Requirement::Proven);
    let mut trial = Trial::ready(&machine());
    prove(&mut trial);
    trial.fault(Guard::Interlock, Fault::Door);
    trial.forget();
    trial.run(ms(2000));
    assert_eq!(trial.told, [], "nothing is waited for");
}

#[test]
fn holds_the_take_up_for_over_when_the_gate_opens_for_the_delivery() {
    verifies(Requirement::Proven);
    let mut trial = Trial::ready(&machine());
    delivering(&mut trial);
    trial.gate(gate(GateState::Open, CloseCause::None, 1));
    trial.run(ms(2000));
    assert_eq!((trial.session.state(), &trial.told[..]), (State::Delivering, &[][..]));
}

#[test]
fn trips_the_interlock_guards_search_at_the_end_by_what_the_others_have_named() {
    verifies(Requirement::Latched);
    let found = |guard: Guard, report: FaultReport| {
        let mut trial = Trial::delivering();
        trial.note(guard, Note::Fault(report));
        let told = |(to, command): &(u8, Command)| match command {
            Command::Found { monitor, bus } if *to == Guard::Interlock.bit() => Some((*monitor, *bus)),
            _ => None,
        };
        trial.asked.iter().find_map(told)
    };
    let of = FaultReport::of;
    assert_eq!(found(Guard::Dose2, of(Fault::Saturated).monitor(2).on(Bus::B)), Some((2, None)));
    assert_eq!(found(Guard::Time, of(Fault::BusOff).on(Bus::A)), Some((0, Some(Bus::A))));
    assert_eq!(found(Guard::Dose1, of(Fault::DoseStale).monitor(1).on(Bus::A)), Some((1, Some(Bus::A))));
    assert_eq!(found(Guard::Time, of(Fault::TimeLimit)), None, "it names nobody");
    assert_eq!(found(Guard::Interlock, of(Fault::Saturated).monitor(2)), None, "it knows its own");
}

#[test]
fn holds_a_stop_of_the_operator_among_what_is_told() {
    verifies(Requirement::Operator);
    let mut trial = Trial::delivering();
    assert_eq!(trial.act(Act::Terminate), Ok(()));
    assert!(trial.told.contains(&SessionNote::Fault(FaultReport::of(Fault::OperatorStop))), "{:?}", trial.told);
}

/// A session whose proof waits for the silence of dose guard 1, after which the gate has closed.
fn silenced(machine: &Machine) -> Trial {
    let mut trial = Trial::ready(machine);
    let silent = (Guard::Dose1.bit(), Command::Silence);
    prove_until(&mut trial, |asked| asked.contains(&silent));
    trial.gate(GateStatus { closed_by: 1, ..gate(GateState::Closed, CloseCause::PermitStale, 0) });
    trial.forget();
    trial
}

#[test]
fn holds_the_proof_to_the_very_note_that_answers_it() {
    verifies(Requirement::Proven);
    let mut trial = silenced(&machine());
    assert_eq!(trial.asked, [], "the guard has not timed it yet");
    trial.note(Guard::Dose1, Note::Silent { lasted: ms(25) });
    assert_eq!(trial.asked, [(1, Command::Withhold)]);
    trial.forget();
    let returned = GateStatus { closed_by: 1, ..gate(GateState::Closed, CloseCause::PermitWithheld, 0) };
    trial.note(Guard::Interlock, Note::Gate { bus: Bus::A, status: returned });
    assert_eq!(trial.asked, [], "bus B shows something else");
    trial.note(Guard::Interlock, Note::Gate { bus: Bus::B, status: returned });
    assert_eq!(trial.asked, [(Guard::Dose2.bit(), Command::Withhold)], "the next guard's turn");
}

#[test]
fn warns_of_a_gate_that_closed_early_on_a_silence() {
    verifies(Requirement::Proven);
    let mut trial = silenced(&machine());
    trial.note(Guard::Dose1, Note::Silent { lasted: ms(19) });
    trial.tick();
    let report = FaultReport::of(Fault::GateClosesEarly).measured(19_000_000, 25_000_000);
    assert!(trial.told.contains(&SessionNote::Warning(Guard::Dose1, report)), "{:?}", trial.told);
    assert_eq!(trial.session.state(), State::Proving, "the proof goes on");
}
