//! The states of a treatment session and the one function that leads from one to the next.
//!
//! `Inhibited → Ready → Proving → Armed → Delivering → Complete`, with `Interrupted` beside `Delivering` and `Tripped`
//! from anywhere. Two nested `match`es without a catch-all arm: a new state or event does not compile until every pair
//! was thought about.

use crate::fault::Fault;

/// Where a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum State {
    /// Something stands against a beam; the start of every session.
    Inhibited,
    /// Nothing stands against a beam.
    Ready,
    /// Each guard is being shown to hold the gate.
    Proving,
    /// The gate holds this delivery, all permits are withheld.
    Armed,
    /// All permits are given.
    Delivering,
    /// The permits are withheld; the delivery may go on.
    Interrupted,
    /// The delivery ended as planned, or by the operator.
    Complete,
    /// The delivery, or its proof, ended by a fault.
    Tripped,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Inhibited,
        Self::Ready,
        Self::Proving,
        Self::Armed,
        Self::Delivering,
        Self::Interrupted,
        Self::Complete,
        Self::Tripped,
    ];

    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inhibited => "inhibited",
            Self::Ready => "ready",
            Self::Proving => "proving",
            Self::Armed => "armed",
            Self::Delivering => "delivering",
            Self::Interrupted => "interrupted",
            Self::Complete => "complete",
            Self::Tripped => "tripped",
        }
    }
}

/// What can happen to a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Event {
    /// Nothing stands against a beam any more.
    Cleared,
    /// Something stands against a beam.
    Blocked,
    /// The operator asked to arm.
    ArmRequested,
    /// Every guard was proven and the gate took up the delivery.
    Proven,
    /// The operator began the beam.
    BeamOn,
    /// The permits were withheld, by the operator or because the gate closed.
    Interrupted,
    /// The operator asked to go on.
    ResumeRequested,
    /// The preset was reached.
    DoseReached,
    /// The operator ended the delivery.
    Terminated,
    /// A guard or the session found a fault.
    FaultFound,
    /// The faults were acknowledged by somebody entitled to.
    Acknowledged,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Cleared,
        Self::Blocked,
        Self::ArmRequested,
        Self::Proven,
        Self::BeamOn,
        Self::Interrupted,
        Self::ResumeRequested,
        Self::DoseReached,
        Self::Terminated,
        Self::FaultFound,
        Self::Acknowledged,
    ];

    /// The name that people see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cleared => "cleared",
            Self::Blocked => "blocked",
            Self::ArmRequested => "arm requested",
            Self::Proven => "proven",
            Self::BeamOn => "beam on",
            Self::Interrupted => "interrupted",
            Self::ResumeRequested => "resume requested",
            Self::DoseReached => "dose reached",
            Self::Terminated => "terminated",
            Self::FaultFound => "fault found",
            Self::Acknowledged => "acknowledged",
        }
    }
}

/// The event does not fit the state, or whoever asks may not; nothing changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Where the session stands.
    pub state: State,
    /// What was asked.
    pub event: Event,
    /// What stands against the event where it has its place: a fault of the service, or one that whoever asked may not clear.
    pub fault: Option<Fault>,
}

impl Refused {
    /// The event has no place in the state.
    #[must_use]
    pub const fn out_of_place(state: State, event: Event) -> Self {
        Self { state, event, fault: None }
    }
}

/// The state that follows `state` when `event` happens.
///
/// # Errors
/// [`Refused`] when the event has no place in the state.
pub const fn next(state: State, event: Event) -> Result<State, Refused> {
    use Event as E;
    use State as S;
    let refused = Err(Refused::out_of_place(state, event));
    match state {
        S::Inhibited => match event {
            E::Cleared => Ok(S::Ready),
            E::Blocked => Ok(S::Inhibited),
            E::FaultFound => Ok(S::Tripped),
            // what the end of the last delivery came to may be told after that was acknowledged
            E::Acknowledged => Ok(S::Inhibited),
            E::ArmRequested | E::Proven | E::BeamOn | E::Interrupted | E::ResumeRequested => refused,
            E::DoseReached | E::Terminated => refused,
        },
        S::Ready => match event {
            E::Cleared => Ok(S::Ready),
            E::Blocked => Ok(S::Inhibited),
            E::ArmRequested => Ok(S::Proving),
            E::FaultFound => Ok(S::Tripped),
            E::Proven | E::BeamOn | E::Interrupted | E::ResumeRequested => refused,
            E::DoseReached | E::Terminated | E::Acknowledged => refused,
        },
        S::Proving => match event {
            E::Proven => Ok(S::Armed),
            E::Terminated => Ok(S::Complete),
            E::FaultFound => Ok(S::Tripped),
            // what blocks a beam while it is proven is found by the guards as a fault
            E::Cleared | E::Blocked => Ok(S::Proving),
            E::ArmRequested | E::BeamOn | E::Interrupted | E::ResumeRequested => refused,
            E::DoseReached | E::Acknowledged => refused,
        },
        S::Armed => match event {
            E::BeamOn => Ok(S::Delivering),
            E::Terminated => Ok(S::Complete),
            E::FaultFound => Ok(S::Tripped),
            E::Cleared | E::Blocked => Ok(S::Armed),
            E::ArmRequested | E::Proven | E::Interrupted | E::ResumeRequested => refused,
            E::DoseReached | E::Acknowledged => refused,
        },
        S::Delivering => match event {
            E::Interrupted => Ok(S::Interrupted),
            E::DoseReached | E::Terminated => Ok(S::Complete),
            E::FaultFound => Ok(S::Tripped),
            E::Cleared | E::Blocked => Ok(S::Delivering),
            E::ArmRequested | E::Proven | E::BeamOn | E::ResumeRequested | E::Acknowledged => refused,
        },
        S::Interrupted => match event {
            E::ResumeRequested => Ok(S::Delivering),
            // the last pulse may have been on its way when the permits were withheld
            E::DoseReached | E::Terminated => Ok(S::Complete),
            E::FaultFound => Ok(S::Tripped),
            E::Cleared | E::Blocked | E::Interrupted => Ok(S::Interrupted),
            E::ArmRequested | E::Proven | E::BeamOn | E::Acknowledged => refused,
        },
        S::Complete => match event {
            E::Acknowledged => Ok(S::Inhibited),
            E::FaultFound => Ok(S::Tripped),
            E::Cleared | E::Blocked => Ok(S::Complete),
            E::ArmRequested | E::Proven | E::BeamOn | E::Interrupted | E::ResumeRequested => refused,
            E::DoseReached | E::Terminated => refused,
        },
        S::Tripped => match event {
            E::Acknowledged => Ok(S::Inhibited),
            E::Cleared | E::Blocked | E::FaultFound => Ok(S::Tripped),
            E::ArmRequested | E::Proven | E::BeamOn | E::Interrupted | E::ResumeRequested => refused,
            E::DoseReached | E::Terminated => refused,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivering_is_reached_only_from_armed_and_interrupted_and_by_an_act() {
        for state in State::ALL {
            for event in Event::ALL {
                if next(state, event) == Ok(State::Delivering) && state != State::Delivering {
                    let by_an_act = (state == State::Armed && event == Event::BeamOn)
                        || (state == State::Interrupted && event == Event::ResumeRequested);
                    assert!(by_an_act, "{state:?} {event:?}");
                }
            }
        }
    }

    #[test]
    fn a_fault_trips_from_everywhere_and_stays_until_acknowledged() {
        for state in State::ALL {
            assert_eq!(next(state, Event::FaultFound), Ok(State::Tripped));
        }
        for event in Event::ALL {
            let after = next(State::Tripped, event);
            if event == Event::Acknowledged {
                assert_eq!(after, Ok(State::Inhibited));
            } else {
                assert!(after.is_err() || after == Ok(State::Tripped), "{event:?}");
            }
        }
    }
}
