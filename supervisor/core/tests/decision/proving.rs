//! The proof: the steps, what must be seen at each, for how long, and what is said when it is not.

use beam_core::proving::{Ask, EVERY_GUARD, Progress, ProofStep, Proving};
use beam_core::requirement::Requirement;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{CloseCause, GateState, GateStatus, Guard};

use crate::kit::{NANO, at, machine, ms, verifies};

/// Stale-after and the margin.
const HOLD: Span = ms(35);
/// Four times stale-after, and the session's silence.
const PATIENCE: Span = ms(600);

/// Patience with a guard's silence: the guard itself times the gate.
const PATIENCE_WITH_SILENCE: Span = ms(200);

fn patience(step: ProofStep) -> Span {
    if step == ProofStep::Silenced { PATIENCE_WITH_SILENCE } else { PATIENCE }
}

/// What one guard is asked to do, as the gate hears it.
#[derive(Clone, Copy, PartialEq)]
pub enum Heard {
    Withheld,
    Leases(u32),
    Nothing,
    Tripped,
}

/// A gate as it should be.
pub struct Gate([Heard; 4]);

impl Gate {
    pub const NEW: Self = Self([Heard::Withheld; 4]);

    pub fn ask(&mut self, to: u8, ask: Ask) {
        for guard in Guard::ALL.into_iter().filter(|guard| to & guard.bit() != 0) {
            self.0[guard.index()] = match ask {
                Ask::Prove(lease) => Heard::Leases(lease),
                Ask::Withhold => Heard::Withheld,
                Ask::Silence => Heard::Nothing,
                Ask::Trip => Heard::Tripped,
            };
        }
    }

    pub fn shows(&self) -> GateStatus {
        let who =
            |heard| Guard::ALL.iter().filter(|guard| self.0[guard.index()] == heard).map(|guard| guard.bit()).sum();
        let (silent, withheld, used): (u8, u8, u8) = (who(Heard::Nothing), who(Heard::Withheld), who(Heard::Leases(0)));
        let tripped: u8 = who(Heard::Tripped);
        let (state, cause, closed_by) = if tripped > 0 {
            (GateState::Latched, CloseCause::PermitTripped, tripped)
        } else if silent > 0 {
            (GateState::Closed, CloseCause::PermitStale, silent)
        } else if withheld > 0 {
            (GateState::Closed, CloseCause::PermitWithheld, withheld)
        } else {
            (GateState::Open, CloseCause::LeaseUsed, used)
        };
        GateStatus { state, cause, closed_by, pulses: 0, beam_on_centiseconds: 0 }
    }
}

/// What was asked, what was early, and the failure if there was one.
type Finished = (Vec<(u8, Ask)>, Vec<(Guard, Span)>, Option<(Guard, ProofStep)>);

/// A proof, its gate and the time.
struct Trial {
    proof: Proving,
    gate: Gate,
    now: Ticks,
    /// How long each silence lasts, one after the other; the last one goes on.
    silences: Vec<Span>,
}

/// The id of the proof; 6 modulo 4 is 2, so the time guard trips first.
const ID: u16 = 6;

impl Trial {
    fn new() -> Self {
        Self { proof: Proving::new(at(1000), &machine(), ID), gate: Gate::NEW, now: at(1000), silences: vec![ms(25)] }
    }

    fn look(&mut self) -> Progress {
        let progress = self.proof.look(self.now, Some(self.gate.shows()));
        if let Progress::Ask(to, ask) = progress {
            self.gate.ask(to, ask);
            if ask == Ask::Silence {
                let lasted = if self.silences.len() > 1 { self.silences.remove(0) } else { self.silences[0] };
                self.proof.silent(self.proof.guard(), lasted);
            }
        }
        progress
    }

    /// Goes on to the end: what was asked, what was early, and the failure if there was one.
    fn finish(&mut self) -> Finished {
        let (mut asks, mut early) = (Vec::new(), Vec::new());
        loop {
            self.now = self.now.after(ms(1));
            match self.look() {
                Progress::Wait => {}
                Progress::Ask(to, ask) => asks.push((to, ask)),
                Progress::Early(guard, lasted) => early.push((guard, lasted)),
                Progress::Proven => return (asks, early, None),
                Progress::Failed(guard, step) => return (asks, early, Some((guard, step))),
            }
        }
    }

    /// Goes on with a right gate until this step of this guard is waited for.
    fn at_step(guard: Guard, step: ProofStep) -> Self {
        let mut trial = Self::new();
        while (trial.proof.guard(), trial.proof.step()) != (guard, step) {
            trial.now = trial.now.after(ms(1));
            assert!(matches!(trial.look(), Progress::Wait | Progress::Ask(..)));
        }
        trial
    }
}

const STEPS: [ProofStep; 11] = [
    ProofStep::TakeUp,
    ProofStep::Withheld,
    ProofStep::Offered,
    ProofStep::Leased,
    ProofStep::Held,
    ProofStep::Withdrawn,
    ProofStep::Permitted,
    ProofStep::Silenced,
    ProofStep::Returned,
    ProofStep::Reopened,
    ProofStep::Latched,
];

/// Every step of every guard; only the first guard has a take-up, and it alone is never withheld before its turn.
fn every_step() -> impl Iterator<Item = (Guard, ProofStep)> {
    Guard::ALL.into_iter().flat_map(|guard| STEPS.map(|step| (guard, step))).filter(|&(guard, step)| match step {
        ProofStep::TakeUp => guard == Guard::Dose1,
        ProofStep::Withheld => guard != Guard::Dose1,
        ProofStep::Reopened => guard == Guard::Interlock,
        _ => true,
    })
}

#[test]
fn holds_a_right_gate_through_every_step_of_every_guard() {
    verifies(Requirement::Proven);
    let mut trial = Trial::new();
    let (asks, early, failed) = trial.finish();
    assert_eq!((early, failed), (Vec::new(), None));
    let mut expected = Vec::new();
    for bit in Guard::ALL.map(Guard::bit) {
        if bit > 1 {
            expected.push((bit, Ask::Withhold));
        }
        expected.extend([
            (bit, Ask::Prove(0)),
            (EVERY_GUARD - bit, Ask::Prove(1)),
            (bit, Ask::Withhold),
            (bit, Ask::Prove(0)),
            (bit, Ask::Silence),
            (bit, Ask::Withhold),
        ]);
    }
    // the last guard opens the gate once more, then the time guard trips and each other adds itself
    expected.push((8, Ask::Prove(0)));
    expected.extend([4, 1, 2, 8].map(|bit| (bit, Ask::Trip)));
    assert_eq!(asks, expected);
}

#[test]
fn another_guard_trips_first_in_each_proof() {
    for (id, first) in [(4, 1), (5, 2), (7, 8), (65_535, 8)] {
        let mut trial = Trial { proof: Proving::new(at(1000), &machine(), id), ..Trial::new() };
        let (asks, ..) = trial.finish();
        let trips: Vec<u8> = asks.iter().filter(|(_, ask)| *ask == Ask::Trip).map(|(to, _)| *to).collect();
        assert_eq!((trips.first(), trips.iter().sum::<u8>(), trips.len()), (Some(&first), 15, 4), "{id}");
    }
}

#[test]
fn trips_a_silence_that_is_too_long_three_times_and_holds_one_that_was_so_twice() {
    verifies(Requirement::Proven);
    let long = ms(35).plus(NANO);
    let mut trial = Trial { silences: vec![long, long, ms(35)], ..Trial::new() };
    assert_eq!(trial.finish().2, None, "the third one is right");
    let mut trial = Trial { silences: vec![long], ..Trial::new() };
    let (asks, _, failed) = trial.finish();
    assert_eq!(failed, Some((Guard::Dose1, ProofStep::Silenced)));
    assert_eq!(asks.iter().filter(|(_, ask)| *ask == Ask::Silence).count(), 3);
    // each guard has three tries of its own
    let mut trial = Trial { silences: vec![long, long, ms(25), long, long, ms(25)], ..Trial::new() };
    assert_eq!(trial.finish().2, None);
}

#[test]
fn warns_of_a_gate_that_closes_early_and_goes_on() {
    verifies(Requirement::Proven);
    let early = Span::from_nanos(ms(20).nanos() - 1);
    let mut trial = Trial { silences: vec![early, ms(20)], ..Trial::new() };
    let (_, told, failed) = trial.finish();
    assert_eq!((told, failed), (vec![(Guard::Dose1, early)], None));
}

#[test]
fn holds_the_step_until_the_guard_itself_has_timed_its_silence() {
    verifies(Requirement::Proven);
    let mut trial = Trial::at_step(Guard::Time, ProofStep::Silenced);
    let mut untimed = Trial::at_step(Guard::Time, ProofStep::Permitted);
    untimed.now = untimed.now.after(ms(1));
    let asked = untimed.proof.look(untimed.now, Some(untimed.gate.shows()));
    assert_eq!(asked, Progress::Ask(Guard::Time.bit(), Ask::Silence));
    untimed.gate.ask(Guard::Time.bit(), Ask::Silence);
    assert_eq!(untimed.proof.look(untimed.now, Some(untimed.gate.shows())), Progress::Wait, "not timed yet");
    untimed.proof.silent(Guard::Dose1, ms(25));
    assert_eq!(untimed.proof.look(untimed.now, Some(untimed.gate.shows())), Progress::Wait, "another guard's word");
    untimed.proof.silent(Guard::Time, ms(25));
    let withhold = Progress::Ask(Guard::Time.bit(), Ask::Withhold);
    assert_eq!(untimed.proof.look(untimed.now, Some(untimed.gate.shows())), withhold);
    assert_eq!(trial.look(), withhold);
}

#[test]
fn trips_each_step_that_shows_anything_else() {
    verifies(Requirement::Proven);
    for (guard, step) in every_step() {
        let right = Trial::at_step(guard, step).gate.shows();
        let other_state = if right.state == GateState::Open { GateState::Closed } else { GateState::Open };
        let mut wrong = vec![
            GateStatus { state: other_state, ..right },
            GateStatus { state: GateState::Latched, ..right },
            GateStatus { cause: CloseCause::None, ..right },
            GateStatus { pulses: 1, ..right },
        ];
        wrong.extend(Guard::ALL.map(|guard| GateStatus { closed_by: right.closed_by ^ guard.bit(), ..right }));
        for status in wrong.into_iter().filter(|status| *status != right) {
            let mut trial = Trial::at_step(guard, step);
            let late = trial.now.after(patience(step));
            let during = trial.proof.look(late, Some(status));
            if step == ProofStep::Held {
                assert_eq!(during, Progress::Failed(guard, step), "the gate may not even flicker: {status:?}");
            } else {
                assert_eq!(during, Progress::Wait, "{step:?} {status:?}");
                let failed = trial.proof.look(late.after(NANO), Some(status));
                assert!(matches!(failed, Progress::Failed(..)), "{step:?} {status:?} {failed:?}");
            }
        }
    }
}

#[test]
fn trips_each_step_that_is_never_shown_alike_on_every_bus() {
    verifies(Requirement::Proven);
    for (guard, step) in every_step() {
        let mut trial = Trial::at_step(guard, step);
        let late = trial.now.after(patience(step));
        assert_eq!(trial.proof.look(late, None), Progress::Wait);
        assert_eq!(trial.proof.look(late.after(NANO), None), Progress::Failed(guard, step));
    }
}

#[test]
fn holds_its_patience_to_the_end_and_trips_a_nanosecond_later() {
    verifies(Requirement::Proven);
    for later in [PATIENCE, PATIENCE.plus(NANO)] {
        let mut proof = Proving::new(at(1000), &machine(), ID);
        let taken_up = Some(Gate::NEW.shows());
        let progress = proof.look(at(1000).after(later), taken_up);
        let failed = Progress::Failed(Guard::Dose1, ProofStep::TakeUp);
        assert_eq!(progress, if later > PATIENCE { failed } else { Progress::Wait });
    }
}

#[test]
fn holds_the_take_up_until_older_permits_are_stale_and_it_has_settled() {
    verifies(Requirement::Proven);
    let taken_up = Some(Gate::NEW.shows());
    let asked = Progress::Ask(1, Ask::Prove(0));
    // seen at once: stale-after decides
    let mut proof = Proving::new(at(1000), &machine(), ID);
    assert_eq!(proof.look(at(1000), taken_up), Progress::Wait);
    assert_eq!(proof.look(Ticks::from_nanos(at(1025).nanos() - 1), taken_up), Progress::Wait);
    assert_eq!(proof.look(at(1025), taken_up), asked);
    // seen late: the margin decides, from the last moment on at which it was not seen
    for gap in [None, Some(GateStatus { closed_by: 7, ..Gate::NEW.shows() })] {
        let mut proof = Proving::new(at(1000), &machine(), ID);
        assert_eq!(proof.look(at(1030), taken_up), Progress::Wait);
        assert_eq!(proof.look(at(1035), gap), Progress::Wait);
        assert_eq!(proof.look(at(1040), taken_up), Progress::Wait);
        assert_eq!(proof.look(Ticks::from_nanos(at(1050).nanos() - 1), taken_up), Progress::Wait);
        assert_eq!(proof.look(at(1050), taken_up), asked);
    }
}

#[test]
fn holds_a_lease_of_zero_for_stale_after_and_a_margin() {
    verifies(Requirement::Proven);
    for guard in Guard::ALL {
        let mut trial = Trial::at_step(guard, ProofStep::Held);
        trial.now = trial.now.after(ms(1));
        assert_eq!(trial.look(), Progress::Wait);
        trial.now = Ticks::from_nanos(trial.now.after(HOLD).nanos() - 1);
        assert_eq!(trial.look(), Progress::Wait);
        trial.now = trial.now.after(NANO);
        assert_eq!(trial.look(), Progress::Ask(guard.bit(), Ask::Withhold));
        // buses that differ for a moment begin the hold anew
        let mut trial = Trial::at_step(guard, ProofStep::Held);
        let shows = Some(trial.gate.shows());
        assert_eq!(trial.proof.look(trial.now.after(ms(10)), shows), Progress::Wait);
        assert_eq!(trial.proof.look(trial.now.after(ms(20)), None), Progress::Wait);
        assert_eq!(trial.proof.look(trial.now.after(ms(50)), shows), Progress::Wait);
        assert_eq!(trial.proof.look(trial.now.after(ms(84)), shows), Progress::Wait);
        assert_eq!(trial.proof.look(trial.now.after(ms(85)), shows), Progress::Ask(guard.bit(), Ask::Withhold));
    }
}

#[test]
fn trips_by_name_the_guard_that_a_taken_up_gate_counts_wrongly() {
    verifies(Requirement::Proven);
    let late = at(1000).after(PATIENCE).after(NANO);
    for guard in Guard::ALL {
        let misses = GateStatus { closed_by: EVERY_GUARD - guard.bit(), ..Gate::NEW.shows() };
        let said = Proving::new(at(1000), &machine(), ID).look(late, Some(misses));
        assert_eq!(said, Progress::Failed(guard, ProofStep::Withheld));
        // a gate that is closed for another cause was not taken up
        let other = GateStatus { cause: CloseCause::DeliveryMismatch, ..misses };
        let said = Proving::new(at(1000), &machine(), ID).look(late, Some(other));
        assert_eq!(said, Progress::Failed(Guard::Dose1, ProofStep::TakeUp));
    }
    // in a later step the guard whose turn it is has failed, whomever the gate names
    let mut trial = Trial::at_step(Guard::Time, ProofStep::Offered);
    let misses = GateStatus { closed_by: 8, ..Gate::NEW.shows() };
    let said = trial.proof.look(trial.now.after(PATIENCE).after(NANO), Some(misses));
    assert_eq!(said, Progress::Failed(Guard::Time, ProofStep::Offered));
}

#[test]
fn every_step_has_a_name_of_its_own() {
    for (index, step) in STEPS.iter().enumerate() {
        assert!(step.name().len() >= 3 && STEPS[..index].iter().all(|other| other.name() != step.name()));
    }
}
