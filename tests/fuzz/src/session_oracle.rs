//! What must hold after everything that happens to a session: no permit is given without a proof that the gate was seen to answer
//! and without an act; whatever ends a delivery is told to every guard; and nothing that is directed gets lost in a full queue.

use beam_core::clearance::{Clearance, Role};
use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::Bus;
use beam_core::machine::{Machine, Order};
use beam_core::note::{Command, Note};
use beam_core::proving::EVERY_GUARD;
use beam_core::session::{Act, Directive, Happening, Session, SessionNote};
use beam_core::state::{Refused, State};
use beam_core::units::{Dose, Span, Ticks};
use beam_core::wire::{CloseCause, GateState, GateStatus, Guard, Reason};

/// What the gate was seen to do for one guard since the last proof began.
#[derive(Clone, Copy, Default)]
struct Evidence {
    /// Open and held by this guard's lease of 0 alone: longest time, and since when.
    held: Option<Span>,
    held_since: Option<Ticks>,
    /// Closed by this guard's withdrawal alone.
    withdrawn: bool,
    /// Closed by this guard's silence alone.
    silent: bool,
}

pub struct Oracle {
    machine: Machine,
    gates: [Option<GateStatus>; 2],
    evidence: [Evidence; 4],
    asked: Option<(u16, u16, Order)>,
    resumes: u8,
    health: [Option<Ticks>; 4],
    standing: [FaultSet; 4],
    own_standing: FaultSet,
    /// Faults that the guards told since the last proof began or the last acknowledgement.
    told: FaultSet,
}

const fn is_active(state: State) -> bool {
    matches!(state, State::Proving | State::Armed | State::Delivering | State::Interrupted)
}

impl Oracle {
    pub fn new(machine: &Machine) -> Self {
        Self {
            machine: *machine,
            gates: [None; 2],
            evidence: [Evidence::default(); 4],
            asked: None,
            resumes: 0,
            health: [None; 4],
            standing: [FaultSet::EMPTY; 4],
            own_standing: FaultSet::EMPTY,
            told: FaultSet::EMPTY,
        }
    }

    /// Holds one happening against the rules: the session before and after it, its answer, and what it said.
    pub fn watch(
        &mut self,
        now: Ticks,
        happening: &Happening,
        answer: Result<(), Refused>,
        (before, after): (&Session, &Session),
        directives: &[Directive],
        notes: &[SessionNote],
    ) {
        // the queues have six places: one that was never full has lost nothing
        assert!(directives.len() < 6 && notes.len() < 6, "{directives:?} {notes:?}");
        self.hear(now, happening);
        let (from, to) = (before.state(), after.state());
        if answer.is_err() {
            assert!(from == to && directives.is_empty(), "a refused {happening:?} led from {from:?} to {to:?}");
        }
        let told = notes.iter().rev().find_map(|note| match note {
            SessionNote::State(state) => Some(*state),
            _ => None,
        });
        assert_eq!(told, (from != to).then_some(to), "the new state was not told");
        self.leads(now, happening, before, from, to);
        self.ends(happening, after, from, to, directives);
        for directive in directives {
            self.directs(happening, directive, to);
        }
    }

    fn hear(&mut self, now: Ticks, happening: &Happening) {
        match happening {
            Happening::Note(_, Note::Gate { bus, status }) => self.gates[usize::from(*bus == Bus::B)] = Some(*status),
            Happening::Note(guard, Note::Health { faults, standing, .. }) => {
                self.health[guard.index()] = Some(now);
                self.standing[guard.index()] = standing.union(*faults);
            }
            Happening::Note(_, Note::Fault(report)) => self.told = self.told.with(report.fault),
            Happening::Standing(faults) => self.own_standing = *faults,
            Happening::Act(_) | Happening::Tick | Happening::Note(..) => {}
        }
    }

    /// What every bus shows of the gate alike.
    fn shown(&self) -> Option<GateStatus> {
        let [a, b] = self.gates;
        let told = |gate: GateStatus| (gate.state, gate.cause, gate.closed_by, gate.pulses);
        if self.machine.single_bus || a.map(told) == b.map(told) { a } else { None }
    }

    fn look(&mut self, now: Ticks) {
        let shown = self.shown().filter(|gate| gate.pulses == 0);
        for (guard, evidence) in Guard::ALL.into_iter().zip(&mut self.evidence) {
            let by_it = shown.filter(|gate| gate.closed_by == guard.bit()).map(|gate| (gate.state, gate.cause));
            if by_it == Some((GateState::Open, CloseCause::LeaseUsed)) {
                let span = now.since(*evidence.held_since.get_or_insert(now));
                evidence.held = Some(evidence.held.unwrap_or_default().max(span));
            } else {
                evidence.held_since = None;
            }
            evidence.withdrawn |= by_it == Some((GateState::Closed, CloseCause::PermitWithheld));
            evidence.silent |= by_it == Some((GateState::Closed, CloseCause::PermitStale));
        }
    }

    fn silent(&self, now: Ticks) -> bool {
        let limit = self.machine.timing.session_silence;
        self.health.iter().any(|last| last.is_none_or(|last| now.since(last) > limit))
    }

    /// From which state to which, and by what.
    fn leads(&mut self, now: Ticks, happening: &Happening, before: &Session, from: State, to: State) {
        let act = match happening {
            Happening::Act(act) => Some(*act),
            _ => None,
        };
        if let (Some(Act::Arm { proof, delivery, order }), State::Proving) = (act, to)
            && from != State::Proving
        {
            self.asked = Some((proof, delivery, order));
            self.evidence = [Evidence::default(); 4];
            self.resumes = 0;
            self.told = FaultSet::EMPTY;
            let stands = self.standing.iter().fold(self.own_standing, |all, one| all.union(*one));
            assert!(from == State::Ready && stands.is_empty(), "armed although {:?} stands", stands.gravest());
            assert!(!self.silent(now) && before.standing(now).is_empty(), "armed although something stands");
        }
        self.look(now);
        match (from, to) {
            (from, to) if from == to => {}
            (_, State::Ready) => assert!(before.standing(now).is_empty() && from == State::Inhibited),
            (_, State::Proving) => assert!(matches!(act, Some(Act::Arm { .. })), "{happening:?} began a proof"),
            (_, State::Armed) => self.proven(from),
            (State::Armed, State::Delivering) => assert_eq!(act, Some(Act::Begin)),
            (State::Interrupted, State::Delivering) => {
                assert_eq!(act, Some(Act::Resume));
                self.resumes += 1;
                assert!(self.resumes <= self.machine.resume_limit, "resumed {} times", self.resumes);
                let latched = self.gates.iter().flatten().any(|gate| gate.state == GateState::Latched);
                assert!(!latched, "resumed while the gate is latched");
            }
            (from, State::Delivering) => panic!("{happening:?} led from {from:?} to Delivering"),
            (State::Tripped | State::Complete, State::Inhibited) => {
                let Some(Act::Acknowledge { by }) = act else { panic!("{happening:?} led from {from:?} to {to:?}") };
                let told = std::mem::replace(&mut self.told, FaultSet::EMPTY);
                let barred = told.iter().find(|fault| fault.clearance() == Clearance::Physicist);
                assert!(by == Role::Physicist || barred.is_none(), "the operator cleared {barred:?}");
            }
            (from, State::Inhibited) => assert_eq!(from, State::Ready),
            (_, State::Interrupted | State::Complete | State::Tripped) => {}
        }
        if *happening == Happening::Tick && is_active(from) && self.silent(now) {
            assert_eq!(to, State::Tripped, "a guard is silent");
        }
    }

    /// Every guard was seen to hold the gate, and the gate then took up the delivery.
    fn proven(&self, from: State) {
        assert_eq!(from, State::Proving);
        let timing = &self.machine.timing;
        let hold = timing.stale_after.plus(timing.proof_margin);
        for (guard, evidence) in Guard::ALL.into_iter().zip(self.evidence) {
            let proven = evidence.held.is_some_and(|held| held >= hold) && evidence.withdrawn && evidence.silent;
            assert!(proven, "armed without a proof of {}", guard.name());
        }
        let shown = self.shown().map(|gate| (gate.state, gate.cause, gate.closed_by, gate.pulses));
        assert_eq!(shown, Some((GateState::Closed, CloseCause::PermitWithheld, EVERY_GUARD, 0)));
    }

    /// Whatever ends or interrupts a delivery is told to all guards, with its reason.
    fn ends(&self, happening: &Happening, after: &Session, from: State, to: State, directives: &[Directive]) {
        let told = |command: Command| directives.contains(&Directive { to: EVERY_GUARD, command });
        match to {
            State::Tripped => {
                assert!(after.fault().is_some(), "tripped without a fault");
                assert!(!is_active(from) || told(Command::End(Reason::Fault)), "{happening:?}: {directives:?}");
            }
            State::Complete if from != State::Complete => {
                let ended = told(Command::End(Reason::DoseReached)) || told(Command::End(Reason::Operator));
                assert!(ended && after.ended_by().is_some(), "{happening:?}: {directives:?}");
            }
            State::Interrupted if from == State::Delivering => {
                assert!(told(Command::Withhold), "{happening:?}: {directives:?}");
            }
            _ => {}
        }
        if let Happening::Note(_, Note::Fault(_)) = happening {
            assert_eq!(to, State::Tripped, "a fault was told");
        }
        let disagreed =
            matches!(happening, Happening::Note(_, Note::Warning(report)) if report.fault == Fault::EndDisagreement);
        assert!(!disagreed || after.standing(Ticks::ZERO).contains(Fault::EndDisagreement));
    }

    fn directs(&self, happening: &Happening, directive: &Directive, state: State) {
        let acts = |act: Act| *happening == Happening::Act(act);
        match directive.command {
            Command::Deliver => {
                assert!(state == State::Delivering && (acts(Act::Begin) || acts(Act::Resume)), "{happening:?}");
                assert_eq!(directive.to, EVERY_GUARD);
            }
            Command::TakeUp { delivery } => {
                assert!(state == State::Proving && self.asked.is_some_and(|(proof, ..)| proof == delivery));
            }
            Command::Arm { delivery, order } => {
                let asked = self.asked.map(|(_, delivery, order)| (delivery, order));
                assert!(state == State::Proving && asked == Some((delivery, order)), "{delivery}");
            }
            Command::Prove { lease } => {
                assert!(state == State::Proving && lease <= 1);
                assert!(lease == 0 || directive.to != EVERY_GUARD, "not every guard may lease a pulse in a proof");
            }
            Command::Silence => assert_eq!(state, State::Proving),
            // a trip of the proof: one guard after the other
            Command::End(Reason::None) => {
                assert!(state == State::Proving && directive.to.count_ones() == 1, "{happening:?}");
            }
            Command::End(_) => assert!(!is_active(state) && directive.to == EVERY_GUARD),
            Command::Found { monitor, bus } => {
                let told = matches!(happening, Happening::Note(_, Note::Fault(_)));
                assert!(told && directive.to == Guard::Interlock.bit() && (monitor > 0 || bus.is_some()));
            }
            Command::Acknowledge => {
                let acknowledged = matches!(happening, Happening::Act(Act::Acknowledge { .. }));
                assert!(acknowledged && state == State::Inhibited);
            }
            Command::Rebase { base } => {
                assert!(acts(Act::Resume) && state == State::Delivering && base >= Dose::ZERO);
            }
            Command::Withhold | Command::Heartbeat => {}
        }
    }
}
