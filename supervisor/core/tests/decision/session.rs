//! The session: what the operator may ask for and when, what a guard's word leads to, and who has fallen silent.
//! The proof is tried in `session_proof`.

use beam_core::clearance::Role;
use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::note::{Command, FaultReport, FrameCounts, Note, Phase};
use beam_core::proving::EVERY_GUARD;
use beam_core::requirement::Requirement;
use beam_core::session::{Act, Directive, EndedBy, Happening, Session, SessionNote};
use beam_core::state::{Event, Refused, State};
use beam_core::units::{Charge, Dose, Span, Ticks};
use beam_core::wire::{CloseCause, GateState, GateStatus, Guard, Reason};

use crate::kit::{DELIVERY, NANO, PROOF, at, gate, machine, ms, order, verifies};

pub const ACKNOWLEDGE: Act = Act::Acknowledge { by: Role::Physicist };

pub const ARM: Act = Act::Arm { proof: PROOF, delivery: DELIVERY, order: order() };

/// A session, the time, and what came out of it.
pub struct Trial {
    pub session: Session,
    pub now: Ticks,
    pub told: Vec<SessionNote>,
    pub asked: Vec<(u8, Command)>,
}

impl Trial {
    /// A session that was just switched on; no guard has reported.
    pub fn new(machine: &Machine) -> Self {
        Self { session: Session::new(machine), now: at(1000), told: Vec::new(), asked: Vec::new() }
    }

    /// A session that is ready: every guard has just said that it is well.
    pub fn ready(machine: &Machine) -> Self {
        let mut trial = Self::new(machine);
        trial.all_are_well();
        trial.tick();
        assert_eq!(trial.session.state(), State::Ready);
        trial.forget();
        trial
    }

    /// A session that delivers, without a proof.
    pub fn delivering() -> Self {
        let mut trial = Self::ready(&machine());
        trial.session.arm_unproven(DELIVERY, order());
        assert_eq!(trial.act(Act::Begin), Ok(()));
        assert_eq!(trial.session.state(), State::Delivering);
        trial.forget();
        trial
    }

    pub fn happen(&mut self, happening: &Happening) -> Result<(), Refused> {
        let answer = self.session.happen(self.now, happening);
        while let Some(note) = self.session.note() {
            self.told.push(note);
        }
        while let Some(Directive { to, command }) = self.session.directive() {
            self.asked.push((to, command));
        }
        answer
    }

    pub fn act(&mut self, act: Act) -> Result<(), Refused> {
        self.happen(&Happening::Act(act))
    }

    pub fn tick(&mut self) {
        assert_eq!(self.happen(&Happening::Tick), Ok(()));
    }

    pub fn note(&mut self, guard: Guard, note: Note) {
        assert_eq!(self.happen(&Happening::Note(guard, note)), Ok(()));
    }

    pub fn fault(&mut self, guard: Guard, fault: Fault) {
        self.note(guard, Note::Fault(FaultReport::of(fault)));
    }

    pub fn is_well(&mut self, guard: Guard, faults: FaultSet, standing: FaultSet) {
        self.note(guard, Note::Health { phase: Phase::Idle, faults, standing, frames: FrameCounts::default() });
    }

    pub fn all_are_well(&mut self) {
        for guard in Guard::ALL {
            self.is_well(guard, FaultSet::EMPTY, FaultSet::EMPTY);
        }
    }

    /// Both buses show this of the gate.
    pub fn gate(&mut self, status: GateStatus) {
        for bus in [Bus::A, Bus::B] {
            self.note(Guard::Interlock, Note::Gate { bus, status });
        }
    }

    /// Time passes in small steps, in which every guard says that it is well.
    pub fn run(&mut self, span: Span) {
        for _ in 0..span.millis() {
            self.now = self.now.after(ms(1));
            self.all_are_well();
            self.tick();
        }
    }

    pub fn forget(&mut self) {
        self.told.clear();
        self.asked.clear();
    }

    /// The session ended the delivery as this, and told every guard so.
    #[track_caller]
    pub fn ended(&self, state: State, by: EndedBy, reason: Reason) {
        assert_eq!((self.session.state(), self.session.ended_by()), (state, Some(by)));
        assert!(self.asked.contains(&(EVERY_GUARD, Command::End(reason))), "{:?}", self.asked);
        assert!(self.told.contains(&SessionNote::State(state)) && self.told.contains(&SessionNote::Ended(by)));
    }
}

#[test]
fn everybody_who_can_end_a_delivery_has_a_name() {
    assert_eq!(EndedBy::Guard(Guard::Time).name(), "time");
    assert_eq!((EndedBy::Operator.name(), EndedBy::Session.name()), ("operator", "session"));
}

#[test]
fn holds_until_every_guard_is_well() {
    verifies(Requirement::OwnHealth);
    let mut trial = Trial::new(&machine());
    trial.tick();
    assert_eq!(trial.session.standing(trial.now), FaultSet::EMPTY.with(Fault::GuardSilent));
    for guard in Guard::ALL {
        assert_eq!(trial.session.state(), State::Inhibited);
        trial.is_well(guard, FaultSet::EMPTY, FaultSet::EMPTY);
        trial.tick();
    }
    assert_eq!(trial.session.state(), State::Ready);
    assert_eq!(trial.told, [SessionNote::State(State::Ready)], "a state is told when it is new");
    assert_eq!(trial.session.standing(trial.now), FaultSet::EMPTY);
}

#[test]
fn trips_to_inhibited_on_whatever_stands_against_a_beam() {
    verifies(Requirement::OwnHealth);
    let door = FaultSet::EMPTY.with(Fault::Door);
    for guard in Guard::ALL {
        for (faults, standing) in [(door, FaultSet::EMPTY), (FaultSet::EMPTY, door)] {
            let mut trial = Trial::ready(&machine());
            trial.is_well(guard, faults, standing);
            trial.tick();
            assert_eq!((trial.session.state(), trial.session.standing(trial.now)), (State::Inhibited, door));
        }
    }
    let mut trial = Trial::ready(&machine());
    let ring = FaultSet::EMPTY.with(Fault::RingFull);
    assert_eq!(trial.happen(&Happening::Standing(ring)), Ok(()));
    trial.tick();
    assert_eq!((trial.session.state(), trial.session.standing(trial.now)), (State::Inhibited, ring));
    let why = Refused { state: State::Inhibited, event: Event::ArmRequested, fault: Some(Fault::RingFull) };
    assert_eq!(trial.act(ARM), Err(why));
    assert_eq!(trial.happen(&Happening::Standing(FaultSet::EMPTY)), Ok(()));
    trial.tick();
    assert_eq!(trial.session.state(), State::Ready);
}

#[test]
fn holds_a_silence_of_its_limit_and_trips_over_a_longer_one() {
    verifies(Requirement::OwnHealth);
    for guard in Guard::ALL {
        for later in [ms(500), ms(500).plus(NANO)] {
            let mut trial = Trial::delivering();
            trial.now = trial.now.after(later);
            for other in Guard::ALL.into_iter().filter(|other| *other != guard) {
                trial.is_well(other, FaultSet::EMPTY, FaultSet::EMPTY);
            }
            trial.tick();
            if later == ms(500) {
                assert_eq!((trial.session.state(), trial.session.fault()), (State::Delivering, None));
            } else {
                trial.ended(State::Tripped, EndedBy::Session, Reason::Fault);
                let report = FaultReport::of(Fault::GuardSilent).measured(i64::from(guard.bit()), 500_000_000);
                assert_eq!(trial.session.fault(), Some(report));
                assert!(trial.told.contains(&SessionNote::Fault(report)));
            }
        }
    }
}

#[test]
fn it_gives_a_sign_of_life_every_status_period() {
    let mut trial = Trial::ready(&machine());
    trial.run(ms(1000));
    assert_eq!(trial.asked, [(EVERY_GUARD, Command::Heartbeat); 20]);
}

#[test]
fn holds_an_interruption_for_as_often_as_it_may_be_resumed() {
    verifies(Requirement::Operator);
    let mut trial = Trial::delivering();
    for _ in 0..2 {
        assert_eq!(trial.act(Act::Interrupt), Ok(()));
        assert_eq!(trial.session.state(), State::Interrupted);
        assert_eq!(trial.act(Act::Resume), Ok(()));
        assert_eq!(trial.session.state(), State::Delivering);
    }
    let rebase = Command::Rebase { base: Dose::ZERO };
    let once = [Command::Withhold, rebase, Command::Deliver].map(|command| (EVERY_GUARD, command));
    assert_eq!(trial.asked, [once, once].concat());
}

#[test]
fn trips_on_one_resume_too_many() {
    verifies(Requirement::Operator);
    let mut trial = Trial::delivering();
    for _ in 0..2 {
        assert_eq!((trial.act(Act::Interrupt), trial.act(Act::Resume)), (Ok(()), Ok(())));
    }
    // while it delivers the act has no place, however often it was resumed
    let refused = Refused::out_of_place(State::Delivering, Event::ResumeRequested);
    assert_eq!(trial.act(Act::Resume), Err(refused));
    assert_eq!((trial.act(Act::Interrupt), trial.act(Act::Resume)), (Ok(()), Ok(())));
    trial.ended(State::Tripped, EndedBy::Session, Reason::Fault);
    let report = FaultReport::of(Fault::ResumeLimit).measured(3, 2);
    assert_eq!(trial.session.fault(), Some(report));
    assert!(trial.told.contains(&SessionNote::Fault(report)));
}

#[test]
fn trips_no_gate_open_that_is_latched() {
    verifies(Requirement::Latched);
    let refused = Err(Refused::out_of_place(State::Interrupted, Event::ResumeRequested));
    for bus in [Bus::A, Bus::B] {
        let mut trial = Trial::delivering();
        assert_eq!(trial.act(Act::Interrupt), Ok(()));
        let status = gate(GateState::Latched, CloseCause::PermitTripped, 3);
        trial.note(Guard::Interlock, Note::Gate { bus, status });
        assert_eq!((trial.act(Act::Resume), trial.session.state()), (refused, State::Interrupted));
        trial.note(Guard::Interlock, Note::Gate { bus, status: GateStatus { state: GateState::Closed, ..status } });
        assert_eq!(trial.act(Act::Resume), Ok(()));
    }
}

#[test]
fn trips_for_good_when_the_operator_terminates() {
    verifies(Requirement::Operator);
    let mut trial = Trial::delivering();
    assert_eq!(trial.act(Act::Terminate), Ok(()));
    trial.ended(State::Complete, EndedBy::Operator, Reason::Operator);
    assert_eq!(trial.session.fault(), None);
}

#[test]
fn holds_its_course_against_acts_out_of_place() {
    verifies(Requirement::Operator);
    let mut trial = Trial::ready(&machine());
    let refused = |state, event| Err(Refused::out_of_place(state, event));
    assert_eq!(trial.act(Act::Begin), refused(State::Ready, Event::BeamOn));
    assert_eq!(trial.act(Act::Interrupt), refused(State::Ready, Event::Interrupted));
    assert_eq!(trial.act(Act::Resume), refused(State::Ready, Event::ResumeRequested));
    assert_eq!(trial.act(Act::Terminate), refused(State::Ready, Event::Terminated));
    assert_eq!(trial.act(ACKNOWLEDGE), refused(State::Ready, Event::Acknowledged));
    let mut trial = Trial::delivering();
    assert_eq!(trial.act(ARM), refused(State::Delivering, Event::ArmRequested));
    assert_eq!(trial.act(Act::Begin), refused(State::Delivering, Event::BeamOn));
    assert_eq!((trial.asked, trial.told, trial.session.state()), (vec![], vec![], State::Delivering));
}

#[test]
fn trips_all_guards_when_one_has_ended_the_beam() {
    verifies(Requirement::Latched);
    for guard in Guard::ALL {
        let mut trial = Trial::delivering();
        trial.fault(guard, Fault::Saturated);
        trial.ended(State::Tripped, EndedBy::Guard(guard), Reason::Fault);
        assert_eq!(trial.session.fault(), Some(FaultReport::of(Fault::Saturated)));
        trial.forget();
        trial.fault(Guard::Dose1, Fault::Crc);
        assert_eq!(trial.session.fault(), Some(FaultReport::of(Fault::Saturated)), "the first one ended it");
        assert_eq!((trial.asked, trial.told), (vec![], vec![]), "it is ended once");
    }
}

#[test]
fn trips_by_a_latched_fault_whose_own_note_was_lost() {
    verifies(Requirement::Latched);
    let mut trial = Trial::delivering();
    let latched = FaultSet::EMPTY.with(Fault::Door).with(Fault::Saturated);
    trial.is_well(Guard::Dose2, latched, FaultSet::EMPTY);
    trial.ended(State::Tripped, EndedBy::Guard(Guard::Dose2), Reason::Fault);
    assert_eq!(trial.session.fault(), Some(FaultReport::of(Fault::Saturated)), "the gravest");
}

#[test]
fn holds_what_only_stands_against_the_next_beam() {
    verifies(Requirement::Latched);
    let mut trial = Trial::delivering();
    trial.is_well(Guard::Dose2, FaultSet::EMPTY, FaultSet::EMPTY.with(Fault::Door));
    assert_eq!((trial.session.state(), trial.session.fault()), (State::Delivering, None));
    let mut ready = Trial::ready(&machine());
    ready.is_well(Guard::Dose2, FaultSet::EMPTY.with(Fault::PulsesWhileClosed), FaultSet::EMPTY);
    assert_eq!((ready.session.state(), ready.session.fault()), (State::Ready, None));
}

#[test]
fn trips_outside_of_a_delivery_too_but_ends_none() {
    verifies(Requirement::Latched);
    for ended in [false, true] {
        let mut trial = if ended { Trial::delivering() } else { Trial::ready(&machine()) };
        if ended {
            assert_eq!(trial.act(Act::Terminate), Ok(()));
            trial.forget();
        }
        trial.fault(Guard::Interlock, Fault::PulsesWhileClosed);
        assert_eq!(trial.session.state(), State::Tripped);
        assert_eq!((trial.asked, trial.told), (vec![], vec![SessionNote::State(State::Tripped)]));
        assert_eq!(trial.session.ended_by(), ended.then_some(EndedBy::Operator));
    }
}

#[test]
fn trips_an_acknowledgement_by_whoever_is_not_entitled_to_it() {
    verifies(Requirement::Latched);
    for by in [Role::Operator, Role::Service] {
        let mut trial = Trial::delivering();
        trial.fault(Guard::Dose1, Fault::Saturated);
        trial.forget();
        let refused = Refused { state: State::Tripped, event: Event::Acknowledged, fault: Some(Fault::Saturated) };
        assert_eq!(trial.act(Act::Acknowledge { by }), Err(refused));
        assert_eq!((trial.session.state(), &trial.asked[..]), (State::Tripped, &[][..]));
        assert_eq!(trial.act(ACKNOWLEDGE), Ok(()));
        assert_eq!(trial.session.state(), State::Inhibited);
    }
    let mut trial = Trial::delivering();
    trial.fault(Guard::Dose1, Fault::Crc);
    assert_eq!(trial.act(Act::Acknowledge { by: Role::Operator }), Ok(()));
}

#[test]
fn trips_an_arming_over_what_came_up_since_the_last_tick() {
    verifies(Requirement::OwnHealth);
    let mut trial = Trial::ready(&machine());
    assert_eq!(trial.happen(&Happening::Standing(FaultSet::EMPTY.with(Fault::RingFull))), Ok(()));
    let refused = Refused { state: State::Ready, event: Event::ArmRequested, fault: Some(Fault::RingFull) };
    assert_eq!(trial.act(ARM), Err(refused));
    assert_eq!((trial.session.state(), trial.asked), (State::Ready, vec![]));
}

#[test]
fn trips_a_beginning_over_what_came_up_since_the_arming() {
    verifies(Requirement::OwnHealth);
    for fault in [Fault::RecordUnwritable, Fault::RingFull] {
        let mut trial = Trial::ready(&machine());
        trial.session.arm_unproven(DELIVERY, order());
        assert_eq!(trial.happen(&Happening::Standing(FaultSet::EMPTY.with(fault))), Ok(()));
        trial.forget();
        let refused = Refused { state: State::Armed, event: Event::BeamOn, fault: Some(fault) };
        assert_eq!(trial.act(Act::Begin), Err(refused));
        assert_eq!((trial.session.state(), &trial.asked), (State::Armed, &vec![]));
        // the way out is the operator's
        assert_eq!(trial.act(Act::Terminate), Ok(()));
    }
}

#[test]
fn holds_a_beam_that_has_begun_when_the_service_finds_a_fault_of_its_own() {
    verifies(Requirement::OwnHealth);
    let mut trial = Trial::delivering();
    assert_eq!(trial.happen(&Happening::Standing(FaultSet::EMPTY.with(Fault::RecordUnwritable))), Ok(()));
    trial.tick();
    assert_eq!(trial.session.state(), State::Delivering);
    assert!(trial.asked.iter().all(|(_, command)| *command == Command::Heartbeat), "{:?}", trial.asked);
    let out_of_place = Refused::out_of_place(State::Delivering, Event::BeamOn);
    assert_eq!(trial.act(Act::Begin), Err(out_of_place));
}

#[test]
fn holds_a_resume_to_the_largest_of_all_counts() {
    verifies(Requirement::Operator);
    let rebased = |trial: &mut Trial| {
        assert_eq!((trial.act(Act::Interrupt), trial.act(Act::Resume)), (Ok(()), Ok(())));
        trial.asked.iter().find_map(|(_, command)| match command {
            Command::Rebase { base } => Some(base.micro_mu()),
            _ => None,
        })
    };
    let tells = |trial: &mut Trial, guard, dose| {
        let (charge, last) = (Charge::ZERO, Charge::ZERO);
        trial.note(guard, Note::Dose { pulses: 3, charge, dose: Dose::from_micro_mu(dose), lease: 4, last });
    };
    for (guard, dose) in [(Guard::Dose1, 160_000), (Guard::Dose2, 170_000)] {
        let mut trial = Trial::delivering();
        tells(&mut trial, Guard::Dose1, 150_000);
        tells(&mut trial, Guard::Dose2, 150_000);
        tells(&mut trial, guard, dose);
        assert_eq!(rebased(&mut trial), Some(dose));
    }
    // four pulses by the gate, on either bus, are 200 000
    for bus in [Bus::A, Bus::B] {
        let mut trial = Trial::delivering();
        tells(&mut trial, Guard::Dose1, 150_000);
        let status = gate(GateState::Open, CloseCause::None, 4);
        trial.note(Guard::Interlock, Note::Gate { bus, status });
        assert_eq!(rebased(&mut trial), Some(200_000));
    }
    // with pulses the beam-on time says nothing
    let mut trial = Trial::delivering();
    trial.note(Guard::Time, Note::Time { beam_on: ms(600), limit: ms(1000), gate_centiseconds: 0 });
    assert_eq!(rebased(&mut trial), Some(0));
}

#[test]
fn trips_everybody_when_the_preset_is_reached() {
    verifies(Requirement::PrimaryDose);
    for interrupted in [false, true] {
        let mut trial = Trial::delivering();
        if interrupted {
            assert_eq!(trial.act(Act::Interrupt), Ok(()));
        }
        trial.note(Guard::Dose1, Note::Reached);
        trial.ended(State::Complete, EndedBy::Guard(Guard::Dose1), Reason::DoseReached);
    }
    let mut ready = Trial::ready(&machine());
    ready.note(Guard::Dose1, Note::Reached);
    assert_eq!((ready.session.state(), ready.session.ended_by(), ready.asked), (State::Ready, None, vec![]));
}

#[test]
fn holds_all_permits_back_when_the_gate_interrupts() {
    verifies(Requirement::Operator);
    let status = gate(GateState::Closed, CloseCause::PermitStale, 3);
    let mut trial = Trial::delivering();
    trial.note(Guard::Interlock, Note::Interrupted { status });
    assert_eq!((trial.session.state(), trial.asked), (State::Interrupted, vec![(EVERY_GUARD, Command::Withhold)]));
    let mut ready = Trial::ready(&machine());
    ready.note(Guard::Interlock, Note::Interrupted { status });
    assert_eq!((ready.session.state(), ready.asked), (State::Ready, vec![]));
}

#[test]
fn trips_the_next_arming_over_a_disagreement_at_the_end_until_it_is_acknowledged() {
    verifies(Requirement::ChambersAgree);
    let mut trial = Trial::delivering();
    trial.note(Guard::Interlock, Note::Warning(FaultReport::of(Fault::RateLow)));
    assert_eq!(trial.session.standing(trial.now), FaultSet::EMPTY, "another warning stands against nothing");
    trial.note(Guard::Dose1, Note::Reached);
    trial.note(Guard::Interlock, Note::Warning(FaultReport::of(Fault::EndDisagreement)));
    assert_eq!(trial.session.standing(trial.now), FaultSet::EMPTY.with(Fault::EndDisagreement));
    assert_eq!(trial.act(ACKNOWLEDGE), Ok(()));
    assert_eq!(trial.session.standing(trial.now), FaultSet::EMPTY);
}

#[test]
fn holds_what_is_only_told() {
    verifies(Requirement::Operator);
    let mut trial = Trial::delivering();
    trial.note(Guard::Time, Note::Time { beam_on: Span::ZERO, limit: Span::ZERO, gate_centiseconds: 0 });
    let dose_per_second = Dose::ZERO;
    trial.note(
        Guard::Interlock,
        Note::Judged { pulses: 1, lease: 2, dose_per_second, requested: true, beam_charge: None },
    );
    assert_eq!((trial.session.state(), trial.asked, trial.told), (State::Delivering, vec![], vec![]));
}
