//! The states: their names, and the ways that the operator and the guards lead through them.

use beam_core::requirement::Requirement;
use beam_core::state::{Event as E, Refused, State as S, next};

use crate::kit::verifies;

#[test]
fn everything_has_a_name_of_its_own() {
    for (index, state) in S::ALL.iter().enumerate() {
        assert!(state.name().len() >= 3 && S::ALL[..index].iter().all(|other| other.name() != state.name()));
    }
    for (index, event) in E::ALL.iter().enumerate() {
        assert!(event.name().len() >= 3 && E::ALL[..index].iter().all(|other| other.name() != event.name()));
    }
}

#[test]
fn holds_every_way_that_a_delivery_may_take() {
    verifies(Requirement::Operator);
    let ways: [&[(E, S)]; 3] = [
        &[
            (E::Blocked, S::Inhibited),
            (E::Cleared, S::Ready),
            (E::Cleared, S::Ready),
            (E::Blocked, S::Inhibited),
            (E::Cleared, S::Ready),
            (E::ArmRequested, S::Proving),
            (E::Blocked, S::Proving),
            (E::Cleared, S::Proving),
            (E::Proven, S::Armed),
            (E::Blocked, S::Armed),
            (E::Cleared, S::Armed),
            (E::BeamOn, S::Delivering),
            (E::Blocked, S::Delivering),
            (E::Cleared, S::Delivering),
            (E::Interrupted, S::Interrupted),
            (E::Interrupted, S::Interrupted),
            (E::Blocked, S::Interrupted),
            (E::Cleared, S::Interrupted),
            (E::ResumeRequested, S::Delivering),
            (E::DoseReached, S::Complete),
            (E::Blocked, S::Complete),
            (E::Cleared, S::Complete),
            (E::Acknowledged, S::Inhibited),
        ],
        &[(E::Cleared, S::Ready), (E::ArmRequested, S::Proving), (E::Terminated, S::Complete)],
        &[
            (E::Cleared, S::Ready),
            (E::ArmRequested, S::Proving),
            (E::Proven, S::Armed),
            (E::BeamOn, S::Delivering),
            (E::Interrupted, S::Interrupted),
            (E::DoseReached, S::Complete),
            (E::FaultFound, S::Tripped),
            (E::Blocked, S::Tripped),
            (E::FaultFound, S::Tripped),
            (E::Cleared, S::Tripped),
            (E::Acknowledged, S::Inhibited),
        ],
    ];
    for way in ways {
        let mut state = S::Inhibited;
        for &(event, after) in way {
            assert_eq!(next(state, event), Ok(after), "{state:?} {event:?}");
            state = after;
        }
    }
}

#[test]
fn trips_what_has_no_place_and_changes_nothing() {
    verifies(Requirement::Operator);
    // how many of the eleven events each state refuses
    let refused = S::ALL.map(|state| E::ALL.iter().filter(|&&event| next(state, event).is_err()).count());
    assert_eq!(refused, [7, 7, 6, 6, 5, 4, 7, 7]);
    assert_eq!(next(S::Ready, E::BeamOn), Err(Refused::out_of_place(S::Ready, E::BeamOn)));
    for state in [S::Proving, S::Armed, S::Delivering, S::Interrupted] {
        assert_eq!(next(state, E::Terminated), Ok(S::Complete), "the operator ends it at any time");
    }
}

#[test]
fn trips_from_everywhere_and_stays_until_acknowledged() {
    verifies(Requirement::Latched);
    for state in S::ALL {
        assert_eq!(next(state, E::FaultFound), Ok(S::Tripped));
    }
    let out: Vec<_> =
        E::ALL.iter().filter_map(|&event| next(S::Tripped, event).ok()).filter(|&s| s != S::Tripped).collect();
    assert_eq!(out, [S::Inhibited], "one way out");
}
