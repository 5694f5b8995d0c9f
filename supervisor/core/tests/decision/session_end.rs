//! What follows the end of a delivery in the session: nothing is armed while the beam is watched, and what is told late can be
//! acknowledged.

use beam_core::fault::{Fault, FaultSet};
use beam_core::note::{Command, FaultReport, Note};
use beam_core::proving::EVERY_GUARD;
use beam_core::requirement::Requirement;
use beam_core::state::State;
use beam_core::units::Dose;
use beam_core::wire::Guard;

use crate::kit::{ms, verifies};
use crate::session::{ACKNOWLEDGE, ARM, Trial};

/// The interlock guard's word on an end.
const END_JUDGED: Note = Note::EndJudged { pulses: [1; 4], doses: [Dose::ZERO; 2], agrees: true };

#[test]
fn trips_an_arming_while_the_last_beam_is_watched_after_its_end() {
    verifies(Requirement::Latched);
    let mut trial = Trial::delivering();
    trial.fault(Guard::Dose1, Fault::Crc);
    assert_eq!(trial.act(ACKNOWLEDGE), Ok(()));
    trial.note(Guard::Interlock, END_JUDGED);
    trial.run(ms(1500));
    assert!(trial.act(ARM).is_err(), "a pulse that comes now is told of the last delivery, whose counts agreed");
    trial.run(ms(100));
    assert_eq!(trial.session.state(), State::Ready);
    assert_eq!(trial.act(ARM), Ok(()));
}

#[test]
fn holds_an_acknowledgement_of_what_was_told_after_the_last_one() {
    verifies(Requirement::Latched);
    let mut trial = Trial::delivering();
    trial.fault(Guard::Dose1, Fault::Crc);
    assert_eq!(trial.act(ACKNOWLEDGE), Ok(()));
    trial.note(Guard::Interlock, Note::Warning(FaultReport::of(Fault::EndDisagreement)));
    trial.note(Guard::Interlock, END_JUDGED);
    trial.run(ms(1600));
    assert_eq!(trial.session.state(), State::Inhibited, "the chambers differ");
    assert_eq!(trial.act(ACKNOWLEDGE), Ok(()));
    trial.tick();
    assert_eq!(trial.session.state(), State::Ready);
}

#[test]
fn holds_the_way_open_once_acknowledged() {
    verifies(Requirement::Latched);
    let mut trial = Trial::delivering();
    trial.fault(Guard::Dose1, Fault::Crc);
    trial.forget();
    assert_eq!(trial.act(ACKNOWLEDGE), Ok(()));
    assert_eq!(
        (trial.session.state(), &trial.asked[..]),
        (State::Inhibited, &[(EVERY_GUARD, Command::Acknowledge)][..])
    );
    trial.tick();
    assert_eq!(trial.session.state(), State::Inhibited, "the beam is watched");
    trial.run(ms(1600));
    assert_eq!(trial.session.state(), State::Ready);
    assert!(trial.session.fault().is_some(), "what ended the last delivery stays known");
    assert_eq!(trial.act(ARM), Ok(()));
    assert_eq!((trial.session.fault(), trial.session.ended_by()), (None, None), "until the next one");
}

#[test]
fn trips_over_a_guard_that_falls_silent_while_the_beam_is_watched_after_its_end() {
    verifies(Requirement::OwnHealth);
    let mut trial = Trial::delivering();
    trial.note(Guard::Dose1, Note::Reached);
    trial.note(Guard::Interlock, END_JUDGED);
    assert_eq!(trial.session.state(), State::Complete);
    for _ in 0..600 {
        trial.now = trial.now.after(ms(1));
        for guard in [Guard::Dose1, Guard::Dose2, Guard::Time] {
            trial.is_well(guard, FaultSet::EMPTY, FaultSet::EMPTY);
        }
        trial.tick();
    }
    assert_eq!(trial.session.state(), State::Tripped, "nobody would have seen a pulse");
    assert_eq!(trial.session.fault().map(|report| report.fault), Some(Fault::GuardSilent));
}
