//! The session: what the four guards are asked to do, and what became of the delivery.
//!
//! It hears the guards' notes and the operator's acts, leads the state ([`crate::state`]) and answers with directives. It
//! decides nothing about a beam that is on: each guard ends the beam by itself, and the session only tells the others.
//! Its own silence ends the beam too, because the interlock guard misses its heartbeat.

use crate::fault::{Fault, FaultSet, Group};
use crate::frame::Bus;
use crate::guard::{nanos, take_first};
use crate::machine::{Machine, Order};
use crate::note::{Command, FaultReport, Note};
use crate::proving::{Ask, EVERY_GUARD, Progress, ProofStep, Proving};
use crate::resume::{Counted, base};
pub use crate::session_io::{Act, Directive, EndedBy, Happening, SessionNote};
use crate::state::{Event, Refused, State, next};
use crate::units::{Dose, Span, Ticks};
use crate::wire::{CloseCause, GateState, GateStatus, Guard, Reason};

/// Places of the two queues out of the session; both are emptied after every happening.
const PLACES: usize = 6;

/// The session.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    machine: Machine,
    state: State,
    arming: Option<(u16, u16, Order)>,
    proving: Option<Proving>,
    taking_up: Option<Ticks>,
    /// The order of the delivery, and what the guards told of it.
    order: Option<Order>,
    delivered: [Dose; 2],
    beam_on: Span,
    gates: [Option<GateStatus>; 2],
    standing: [FaultSet; 4],
    own_standing: FaultSet,
    healthy: [Option<Ticks>; 4],
    resumes: u8,
    /// The beam of this delivery was begun.
    has_delivered: bool,
    first_fault: Option<FaultReport>,
    /// Every fault found since the last acknowledgement, by the session or latched in a guard.
    found: FaultSet,
    to_acknowledge: bool,
    /// A delivery ended then, and its beam is still watched: nothing is armed before, so that what comes is told of it.
    watched_since: Option<Ticks>,
    ended_by: Option<EndedBy>,
    next_heartbeat: Ticks,
    directives: [Option<Directive>; PLACES],
    notes: [Option<SessionNote>; PLACES],
}

impl Session {
    /// A session of `machine`, inhibited.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        Self {
            machine: *machine,
            state: State::Inhibited,
            arming: None,
            proving: None,
            taking_up: None,
            order: None,
            delivered: [Dose::ZERO; 2],
            beam_on: Span::ZERO,
            gates: [None; 2],
            standing: [FaultSet::EMPTY; 4],
            own_standing: FaultSet::EMPTY,
            healthy: [None; 4],
            resumes: 0,
            has_delivered: false,
            first_fault: None,
            found: FaultSet::EMPTY,
            to_acknowledge: false,
            watched_since: None,
            ended_by: None,
            next_heartbeat: Ticks::ZERO,
            directives: [None; PLACES],
            notes: [None; PLACES],
        }
    }

    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// What ended the last delivery.
    #[must_use]
    pub const fn ended_by(&self) -> Option<EndedBy> {
        self.ended_by
    }

    /// The fault that ended the last delivery.
    #[must_use]
    pub const fn fault(&self) -> Option<FaultReport> {
        self.first_fault
    }

    /// What stands against a beam: what the guards and the service see, and a guard that does not report.
    #[must_use]
    pub fn standing(&self, now: Ticks) -> FaultSet {
        let set = self.standing.iter().fold(self.own_standing, |set, &one| set.union(one));
        let set = if self.to_acknowledge { set.with(Fault::EndDisagreement) } else { set };
        if self.silent_guard(now).is_some() { set.with(Fault::GuardSilent) } else { set }
    }

    /// The next directive; to be asked for until there is none, after every happening.
    pub fn directive(&mut self) -> Option<Directive> {
        take_first(&mut self.directives)
    }

    /// The next note; to be asked for until there is none, after every happening.
    pub fn note(&mut self) -> Option<SessionNote> {
        take_first(&mut self.notes)
    }

    /// Something happens.
    ///
    /// # Errors
    /// [`Refused`] when the operator asks for what has no place now.
    pub fn happen(&mut self, now: Ticks, happening: &Happening) -> Result<(), Refused> {
        match happening {
            Happening::Note(guard, note) => self.heard(now, *guard, note),
            Happening::Act(act) => return self.act(now, act),
            Happening::Standing(faults) => self.own_standing = *faults,
            Happening::Tick => self.tick(now),
        }
        Ok(())
    }

    /// Takes the session to Armed without a proof. Only for judging a recording, which cannot answer one.
    pub fn arm_unproven(&mut self, delivery: u16, order: Order) {
        self.state = State::Armed;
        self.order = Some(order);
        self.direct(EVERY_GUARD, Command::Arm { delivery, order });
    }

    fn is_active(&self) -> bool {
        match self.state {
            State::Proving | State::Armed | State::Delivering | State::Interrupted => true,
            State::Inhibited | State::Ready | State::Complete | State::Tripped => false,
        }
    }

    fn go(&mut self, event: Event) -> Result<(), Refused> {
        let state = next(self.state, event)?;
        if state != self.state {
            self.state = state;
            self.tell(SessionNote::State(state));
        }
        Ok(())
    }

    fn heard(&mut self, now: Ticks, guard: Guard, note: &Note) {
        match note {
            Note::Fault(report) => {
                self.trip(now, EndedBy::Guard(guard), *report);
                let (monitor, bus) =
                    (report.monitor, report.bus.filter(|_| matches!(report.fault.group(), Group::Bus)));
                if (monitor > 0 || bus.is_some()) && !matches!(guard, Guard::Interlock) {
                    self.direct(Guard::Interlock.bit(), Command::Found { monitor, bus });
                }
            }
            Note::Reached => self.reached(now, guard),
            Note::Gate { bus, status } => {
                let [on_a, on_b] = &mut self.gates;
                *(if matches!(bus, Bus::A) { on_a } else { on_b }) = Some(*status);
                self.prove(now);
            }
            Note::Interrupted { .. } => {
                if self.go(Event::Interrupted).is_ok() {
                    self.direct(EVERY_GUARD, Command::Withhold);
                }
            }
            Note::Health { standing, faults, .. } => {
                self.found = self.found.union(*faults);
                if let Some(place) = self.standing.get_mut(guard.index()) {
                    *place = standing.union(*faults);
                }
                if let Some(place) = self.healthy.get_mut(guard.index()) {
                    *place = Some(now);
                }
                // the fault's own note was lost on its way: its numbers are, too, but neither the fault nor who found it
                if self.is_active()
                    && let Some(fault) = faults.gravest()
                {
                    self.trip(now, EndedBy::Guard(guard), FaultReport::of(fault));
                }
            }
            Note::Warning(report) => {
                if matches!(report.fault, Fault::EndDisagreement) {
                    self.to_acknowledge = true;
                }
            }
            Note::Dose { dose, .. } => {
                let [first, second] = &mut self.delivered;
                *(if matches!(guard, Guard::Dose1) { first } else { second }) = *dose;
            }
            Note::Time { beam_on, .. } => self.beam_on = *beam_on,
            Note::Silent { lasted } => {
                if let Some(proving) = &mut self.proving {
                    proving.silent(guard, *lasted);
                }
                self.prove(now);
            }
            Note::EndJudged { .. } | Note::Judged { .. } | Note::Counters { .. } => {}
        }
    }

    fn reached(&mut self, now: Ticks, guard: Guard) {
        if self.go(Event::DoseReached).is_ok() {
            self.end(now, EndedBy::Guard(guard), Reason::DoseReached);
        }
    }

    fn trip(&mut self, now: Ticks, by: EndedBy, report: FaultReport) {
        let was_active = self.is_active();
        self.found = self.found.with(report.fault);
        if self.first_fault.is_none() {
            self.first_fault = Some(report);
        }
        if self.go(Event::FaultFound).is_ok() && was_active {
            self.end(now, by, Reason::Fault);
        }
    }

    fn end(&mut self, now: Ticks, by: EndedBy, reason: Reason) {
        // a proof lets no beam through that had to be watched
        self.watched_since = if self.order.is_some() && self.has_delivered { Some(now) } else { None };
        self.proving = None;
        self.taking_up = None;
        self.ended_by = Some(by);
        self.direct(EVERY_GUARD, Command::End(reason));
        self.tell(SessionNote::Ended(by));
    }

    fn act(&mut self, now: Ticks, act: &Act) -> Result<(), Refused> {
        match act {
            Act::Arm { proof, delivery, order } => {
                // what came up since the last tick stands against this beam as well
                if let (State::Inhibited | State::Ready, Some(fault)) = (self.state, self.standing(now).iter().next()) {
                    return Err(Refused { state: self.state, event: Event::ArmRequested, fault: Some(fault) });
                }
                self.go(Event::ArmRequested)?;
                self.arming = Some((*proof, *delivery, *order));
                self.order = Some(*order);
                self.delivered = [Dose::ZERO; 2];
                self.beam_on = Span::ZERO;
                self.proving = Some(Proving::new(now, &self.machine, *proof));
                self.first_fault = None;
                self.found = FaultSet::EMPTY;
                self.ended_by = None;
                self.resumes = 0;
                self.has_delivered = false;
                self.direct(EVERY_GUARD, Command::TakeUp { delivery: *proof });
            }
            Act::Begin => {
                // the service's own faults end no beam, so this is the last moment at which they can keep one from beginning
                if let (State::Armed, Some(fault)) = (self.state, self.own_standing.iter().next()) {
                    return Err(Refused { state: self.state, event: Event::BeamOn, fault: Some(fault) });
                }
                self.go(Event::BeamOn)?;
                self.has_delivered = true;
                self.direct(EVERY_GUARD, Command::Deliver);
            }
            Act::Interrupt => {
                self.go(Event::Interrupted)?;
                self.direct(EVERY_GUARD, Command::Withhold);
            }
            Act::Resume => self.resume(now)?,
            Act::Terminate => {
                self.go(Event::Terminated)?;
                self.tell(SessionNote::Fault(FaultReport::of(Fault::OperatorStop)));
                self.end(now, EndedBy::Operator, Reason::Operator);
            }
            Act::Acknowledge { by } => {
                if let Some(fault) = self.found.iter().find(|&fault| !by.may_clear(fault)) {
                    return Err(Refused { state: self.state, event: Event::Acknowledged, fault: Some(fault) });
                }
                self.go(Event::Acknowledged)?;
                self.to_acknowledge = false;
                self.found = FaultSet::EMPTY;
                self.direct(EVERY_GUARD, Command::Acknowledge);
            }
        }
        Ok(())
    }

    fn resume(&mut self, now: Ticks) -> Result<(), Refused> {
        let latched = self.gates.iter().flatten().any(|gate| matches!(gate.state, GateState::Latched));
        if latched {
            return Err(Refused::out_of_place(self.state, Event::ResumeRequested));
        }
        if matches!(self.state, State::Interrupted) && self.resumes >= self.machine.resume_limit {
            let (resumes, limit) = (i64::from(self.resumes), i64::from(self.machine.resume_limit));
            let report = FaultReport::of(Fault::ResumeLimit).measured(resumes.saturating_add(1), limit);
            self.tell(SessionNote::Fault(report));
            self.trip(now, EndedBy::Session, report);
            return Ok(());
        }
        self.go(Event::ResumeRequested)?;
        self.resumes = self.resumes.saturating_add(1);
        let counted = Counted::told(&self.machine, self.order.as_ref(), self.delivered, self.gates, self.beam_on);
        self.direct(EVERY_GUARD, Command::Rebase { base: base(&counted).dose });
        self.direct(EVERY_GUARD, Command::Deliver);
        Ok(())
    }

    fn tick(&mut self, now: Ticks) {
        if now >= self.next_heartbeat {
            self.next_heartbeat = now.after(self.machine.timing.status);
            self.direct(EVERY_GUARD, Command::Heartbeat);
        }
        // a guard may have seen nothing for as long as its silence is borne
        let watch = self.machine.watch_after_beam().plus(self.machine.timing.session_silence);
        self.watched_since = self.watched_since.filter(|since| now.since(*since) <= watch);
        if matches!(self.state, State::Inhibited | State::Ready) {
            let is_clear = self.standing(now).is_empty() && self.watched_since.is_none();
            let event = if is_clear { Event::Cleared } else { Event::Blocked };
            let _fits_both_states = self.go(event);
        }
        let is_watched = self.watched_since.is_some() && !self.found.contains(Fault::GuardSilent);
        if (self.is_active() || is_watched)
            && let Some(guard) = self.silent_guard(now)
        {
            let limit = nanos(self.machine.timing.session_silence);
            let report = FaultReport::of(Fault::GuardSilent).measured(i64::from(guard.bit()), limit);
            self.tell(SessionNote::Fault(report));
            self.trip(now, EndedBy::Session, report);
        }
        self.prove(now);
    }

    fn silent_guard(&self, now: Ticks) -> Option<Guard> {
        let limit = self.machine.timing.session_silence;
        let silent = |guard: &Guard| match self.healthy.get(guard.index()) {
            Some(Some(last)) => now.since(*last) > limit,
            Some(None) | None => true,
        };
        Guard::ALL.into_iter().find(silent)
    }

    /// What every bus shows of the gate, or nothing where they differ.
    fn shown(&self) -> Option<GateStatus> {
        let [a, b] = self.gates;
        if self.machine.single_bus {
            return a;
        }
        a.filter(|a| b.is_some_and(|b| a.tells_the_same(&b)))
    }

    fn prove(&mut self, now: Ticks) {
        let shown = self.shown();
        if let Some(since) = self.taking_up {
            return self.take_up(now, since, shown);
        }
        let Some(mut proving) = self.proving else { return };
        let (guard, done) = (proving.guard(), proving.done());
        let progress = proving.look(now, shown);
        let turned = proving.done() != done;
        self.proving = Some(proving);
        // the last guard is proven with the trips of all
        let is_over = matches!(progress, Progress::Proven);
        if turned || is_over {
            self.tell(SessionNote::Proven(if is_over { Guard::Interlock } else { guard }));
        }
        match progress {
            Progress::Wait => {}
            Progress::Ask(to, Ask::Prove(lease)) => self.direct(to, Command::Prove { lease }),
            Progress::Ask(to, Ask::Withhold) => self.direct(to, Command::Withhold),
            Progress::Ask(to, Ask::Silence) => self.direct(to, Command::Silence),
            Progress::Ask(to, Ask::Trip) => self.direct(to, Command::End(Reason::None)),
            Progress::Early(guard, lasted) => {
                let (lasted, limit) = (nanos(lasted), nanos(self.machine.timing.stale_after));
                let report = FaultReport::of(Fault::GateClosesEarly).measured(lasted, limit);
                self.tell(SessionNote::Warning(guard, report));
            }
            Progress::Proven => {
                self.proving = None;
                self.taking_up = Some(now);
                if let Some((_, delivery, order)) = self.arming {
                    self.direct(EVERY_GUARD, Command::Arm { delivery, order });
                }
            }
            Progress::Failed(guard, step) => {
                self.tell(SessionNote::ProofFailed(guard, step));
                let fault = if matches!(step, ProofStep::TakeUp) { Fault::GateNotTakenUp } else { Fault::ProofFailed };
                self.trip_by_proof(now, guard, fault);
            }
        }
    }

    fn trip_by_proof(&mut self, now: Ticks, guard: Guard, fault: Fault) {
        let report = FaultReport::of(fault).measured(i64::from(guard.bit()), 0);
        self.tell(SessionNote::Fault(report));
        self.trip(now, EndedBy::Session, report);
    }

    /// Waits until the gate holds the delivery itself.
    fn take_up(&mut self, now: Ticks, since: Ticks, shown: Option<GateStatus>) {
        let stale_after = self.machine.timing.stale_after;
        let taken = shown.is_some_and(|status| {
            matches!((status.state, status.cause), (GateState::Closed, CloseCause::PermitWithheld))
                && status.closed_by == EVERY_GUARD
                && status.pulses == 0
        });
        let waited: Span = now.since(since);
        if taken && waited >= stale_after {
            self.taking_up = None;
            let _fits_proving = self.go(Event::Proven);
        } else if waited > stale_after.times(4).plus(self.machine.timing.session_silence) {
            self.trip_by_proof(now, Guard::Interlock, Fault::GateNotTakenUp);
        }
    }

    fn direct(&mut self, to: u8, command: Command) {
        if let Some(place) = self.directives.iter_mut().find(|place| place.is_none()) {
            *place = Some(Directive { to, command });
        }
    }

    fn tell(&mut self, note: SessionNote) {
        if let Some(place) = self.notes.iter_mut().find(|place| place.is_none()) {
            *place = Some(note);
        }
    }
}
