//! A guard: one permit, one word about the beam. [`Guard`] is what the threads turn; the four kinds differ only in what
//! they judge ([`crate::dose`], [`crate::time`], [`crate::interlock`]). What all of them have in common, the permit, the
//! phase, the latched faults and the notes on their way out, is [`Common`].

use crate::clock_watch::ClockWatch;
use crate::dose::DoseGuard;
use crate::fault::{Fault, FaultSet};
use crate::frame::{Bus, Frame, Origin};
use crate::hearing::{fault_of, with_if};
use crate::interlock::InterlockGuard;
use crate::machine::{Machine, Timing};
use crate::note::{Command, FaultReport, FrameCounts, Input, Note, Output, Phase};
use crate::permit::PermitSender;
use crate::silence::{Moment, Silence};
use crate::time::TimeGuard;
use crate::units::{Span, Ticks};
use crate::wire::{self, GATE_STATUS, Reason};

/// Notes that can wait for their turn; faults are latched besides, so that a note lost here loses no fault.
const NOTES: usize = 4;

/// What every guard has.
#[derive(Clone, Copy, Debug)]
pub struct Common {
    /// Which guard this is.
    pub who: wire::Guard,
    /// Its permit.
    pub permit: PermitSender,
    /// Where it stands.
    pub phase: Phase,
    /// Since when it stands there.
    pub since: Ticks,
    /// Counters of frames.
    pub counts: FrameCounts,
    faults: FaultSet,
    notes: [Option<Note>; NOTES],
    timing: Timing,
    clock: ClockWatch,
    silence: Silence,
    /// The bus of its permit, on which it watches the gate's reports for the clock.
    bus: Bus,
    /// The kernel's stamp of the frame that is being judged; 0 is none.
    stamp: u64,
    last_step: Ticks,
    next_health: Ticks,
}

impl Common {
    /// A guard at rest.
    #[must_use]
    pub const fn new(who: wire::Guard, machine: &Machine) -> Self {
        let bus = match who {
            wire::Guard::Dose1 | wire::Guard::Time => Bus::A,
            wire::Guard::Dose2 | wire::Guard::Interlock => machine.second_bus(),
        };
        Self {
            who,
            permit: PermitSender::new(who, machine.timing.permit),
            phase: Phase::Idle,
            since: Ticks::ZERO,
            counts: FrameCounts { fresh: 0, lost: 0, repeated: 0, distrusted: 0 },
            faults: FaultSet::EMPTY,
            notes: [None; NOTES],
            timing: machine.timing,
            clock: ClockWatch::new(&machine.timing),
            silence: Silence::new(who, bus),
            bus,
            stamp: 0,
            last_step: Ticks::ZERO,
            next_health: Ticks::ZERO,
        }
    }

    /// Whether a fault found now ends a delivery or a proof.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        match self.phase {
            Phase::Proving | Phase::Armed | Phase::Delivering | Phase::Interrupted => true,
            Phase::Idle | Phase::Ended => false,
        }
    }

    /// The latched faults.
    #[must_use]
    pub const fn faults(&self) -> FaultSet {
        self.faults
    }

    /// Latches a fault and trips the permit. Without a delivery only beam that nobody asked for is latched: all else
    /// is counted by its finder and will be found again when it matters.
    pub fn raise(&mut self, now: Ticks, report: FaultReport) {
        if self.is_active() || matches!(report.fault.group(), crate::fault::Group::Beam) {
            self.raise_always(now, report);
        }
    }

    /// Latches a fault also where there is no delivery: what the last pulse of one brought, or a restart at rest.
    pub fn raise_always(&mut self, now: Ticks, report: FaultReport) {
        if self.faults.contains(report.fault) {
            return;
        }
        self.faults = self.faults.with(report.fault);
        self.tell(Note::Fault(report));
        if self.is_active() {
            self.permit.trip(Reason::Fault);
            self.enter(now, Phase::Ended);
        }
    }

    /// Lets a note out as soon as those before it are out. A fault goes to the front.
    pub fn tell(&mut self, note: Note) {
        if matches!(note, Note::Fault(_)) {
            let mut moved = Some(note);
            for place in &mut self.notes {
                moved = core::mem::replace(place, moved);
            }
        } else if let Some(place) = self.notes.iter_mut().find(|place| place.is_none()) {
            *place = Some(note);
        }
    }

    /// Takes on a new phase.
    pub fn enter(&mut self, now: Ticks, phase: Phase) {
        self.phase = phase;
        self.since = now;
    }

    /// What every guard does with a command. False when it was refused: then the guard itself may not act on it either.
    #[must_use]
    fn command(&mut self, now: Ticks, command: &Command) -> bool {
        match *command {
            Command::TakeUp { delivery } => return self.offer(now, delivery, Phase::Proving),
            Command::Arm { delivery, .. } => return self.offer(now, delivery, Phase::Armed),
            Command::Prove { lease } => {
                if matches!(self.phase, Phase::Proving) {
                    self.silence.end();
                    self.permit.permit(lease);
                }
            }
            Command::Silence => {
                if matches!(self.phase, Phase::Proving) {
                    self.permit.silence();
                    self.silence.begin();
                }
            }
            Command::Withhold => {
                self.silence.end();
                self.permit.withhold();
                if matches!(self.phase, Phase::Delivering) {
                    self.enter(now, Phase::Interrupted);
                }
            }
            Command::Deliver => {
                if matches!(self.phase, Phase::Armed | Phase::Interrupted) && self.faults.is_empty() {
                    self.enter(now, Phase::Delivering);
                }
            }
            Command::End(reason) => {
                if self.is_active() {
                    self.permit.trip(reason);
                    self.enter(now, Phase::Ended);
                }
            }
            Command::Acknowledge => {
                if !self.is_active() {
                    self.faults = FaultSet::EMPTY;
                    self.enter(now, Phase::Idle);
                }
            }
            Command::Rebase { .. } | Command::Heartbeat | Command::Found { .. } => {}
        }
        true
    }

    /// Offers a delivery to the gate; never while a fault is latched, and never the id that is held: a tripped delivery does
    /// not fire again, and one that is under way does not begin to count anew.
    fn offer(&mut self, now: Ticks, delivery: u16, phase: Phase) -> bool {
        let is_new = delivery != 0 && delivery != self.permit.current().delivery;
        let accepted = is_new && self.faults.is_empty();
        if accepted {
            self.permit.take_up(delivery);
            self.enter(now, phase);
        }
        accepted
    }

    /// Our own identifier came in: the echo of our frame, or somebody who pretends to be us.
    fn own_frame(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) {
        if matches!(origin, Origin::Echo) && self.permit.echo(frame) {
            self.silence.echo(Moment { at: now, stamp: self.stamp });
        } else {
            self.counts.distrusted = self.counts.distrusted.wrapping_add(1);
            self.raise(now, FaultReport::of(Fault::Impostor).on(bus));
        }
    }

    /// The checks of a guard on itself: did it turn in time, and did the bus take its permit.
    fn check_itself(&mut self, now: Ticks) {
        let gap = now.since(self.last_step);
        let budget = self.timing.permit.plus(self.timing.lateness_budget);
        self.last_step = now;
        let judged = matches!(self.phase, Phase::Armed | Phase::Delivering | Phase::Interrupted);
        if judged && gap > budget {
            self.raise(now, FaultReport::of(Fault::GuardLate).measured(nanos(gap), nanos(budget)));
        }
        if let Some(report) = self.clock.turn(now) {
            self.raise(now, report);
        }
        let unsent = self.permit.unsent_for(now);
        if judged && unsent > self.timing.stale_after {
            let limit = nanos(self.timing.stale_after);
            self.raise(now, FaultReport::of(Fault::PermitUnsent).measured(nanos(unsent), limit));
        }
        if !self.is_active() {
            self.permit.give_up_echo(now, self.timing.session_silence);
        }
    }

    /// Compares this computer's clock with the gate's reports, while it matters.
    fn check_clock(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) {
        let moment = Moment { at: now, stamp: self.stamp };
        if matches!(origin, Origin::Wire)
            && let Some(lasted) = self.silence.hear(moment, bus, frame)
        {
            self.tell(Note::Silent { lasted });
        }
        if bus == self.bus
            && frame.id == GATE_STATUS
            && let Some(report) = self.clock.report(now, origin, frame)
            && matches!(self.phase, Phase::Armed | Phase::Delivering | Phase::Interrupted)
        {
            self.raise(now, report);
        }
    }

    fn health_is_due(&mut self, now: Ticks) -> bool {
        let due = now >= self.next_health;
        if due {
            self.next_health = now.after(self.timing.status);
        }
        due
    }

    fn output(&mut self, now: Ticks) -> Output {
        let transmit = self.permit.poll(now);
        let note = take_first(&mut self.notes);
        Output { transmit, note }
    }
}

/// The first of a queue, and the others move up; written out because the standard library's rotation may panic.
pub(crate) fn take_first<T: Copy, const PLACES: usize>(places: &mut [Option<T>; PLACES]) -> Option<T> {
    let mut moved = None;
    for place in places.iter_mut().rev() {
        moved = core::mem::replace(place, moved);
    }
    moved
}

/// A span as a number for a report.
#[must_use]
pub fn nanos(span: Span) -> i64 {
    i64::try_from(span.nanos()).unwrap_or(i64::MAX)
}

/// What the four kinds of guards have to tell apart.
trait Judge {
    fn common(&mut self) -> &mut Common;
    /// A frame that is not this guard's own permit.
    fn frame(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame);
    /// A command, after `Common` has done its part.
    fn command(&mut self, now: Ticks, command: &Command);
    /// The passing of time, at every step.
    fn tick(&mut self, now: Ticks);
    /// What would be a fault if a delivery began now.
    fn standing(&self, now: Ticks) -> FaultSet;
}

macro_rules! judge {
    ($kind:ty) => {
        impl Judge for $kind {
            fn common(&mut self) -> &mut Common {
                &mut self.common
            }
            fn frame(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) {
                self.on_frame(now, bus, origin, frame);
            }
            fn command(&mut self, now: Ticks, command: &Command) {
                self.on_command(now, command);
            }
            fn tick(&mut self, now: Ticks) {
                self.on_tick(now);
            }
            fn standing(&self, now: Ticks) -> FaultSet {
                self.standing(now)
            }
        }
    };
}

judge!(DoseGuard);
judge!(TimeGuard);
judge!(InterlockGuard);

fn turn(guard: &mut impl Judge, now: Ticks, input: &Input) -> Output {
    let common = guard.common();
    let was_active = common.is_active();
    common.check_itself(now);
    match input {
        Input::Frame { bus, origin, frame } if frame.id == common.who.permit_id() => {
            common.own_frame(now, *bus, *origin, frame);
        }
        Input::Frame { bus, origin, frame } => {
            common.check_clock(now, *bus, *origin, frame);
            guard.frame(now, *bus, *origin, frame);
        }
        Input::Trouble { bus, trouble } => {
            common.counts.distrusted = common.counts.distrusted.wrapping_add(1);
            if let Some(fault) = fault_of(*trouble) {
                common.raise(now, FaultReport::of(fault).on(*bus));
            }
        }
        Input::Tick => {}
        Input::Unsent => {
            // nothing may be handed out here: the caller has just learnt that the queue is full
            common.permit.unsent();
            return Output::default();
        }
        // whoever acknowledges cannot have meant what this very step has found
        Input::Command(Command::Acknowledge) if was_active => {}
        Input::Command(command) => {
            if common.command(now, command) {
                guard.command(now, command);
            }
        }
    }
    guard.tick(now);
    if guard.common().health_is_due(now) {
        let standing = guard.standing(now);
        let common = guard.common();
        let unsent = common.permit.unsent_for(now) > common.timing.stale_after;
        let standing = with_if(standing, unsent, Fault::PermitUnsent);
        let (phase, faults, frames) = (common.phase, common.faults, common.counts);
        common.tell(Note::Health { phase, faults, standing, frames });
    }
    guard.common().output(now)
}

/// One of the four guards.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "four of them exist, each in the memory of its own thread")]
pub enum Guard {
    /// A dose guard, on monitor 1 or 2.
    Dose(DoseGuard),
    /// The time guard.
    Time(TimeGuard),
    /// The interlock guard.
    Interlock(InterlockGuard),
}

impl Guard {
    /// The guard `who` of `machine`, at rest.
    #[must_use]
    pub fn new(who: wire::Guard, machine: &Machine) -> Self {
        match who {
            wire::Guard::Dose1 | wire::Guard::Dose2 => Self::Dose(DoseGuard::new(who, machine)),
            wire::Guard::Time => Self::Time(TimeGuard::new(machine)),
            wire::Guard::Interlock => Self::Interlock(InterlockGuard::new(machine)),
        }
    }

    /// Frame, tick or command in; permit and note out. The whole decision of a guard is this call; it never waits,
    /// allocates or panics.
    pub fn step(&mut self, now: Ticks, input: &Input) -> Output {
        self.step_stamped(now, 0, input)
    }

    /// [`Guard::step`] with the kernel's stamp of a frame, in ns of the wall clock (0 is none): only the length of a silence
    /// in the proof is taken from it.
    #[inline(never)]
    pub fn step_stamped(&mut self, now: Ticks, stamp: u64, input: &Input) -> Output {
        match self {
            Self::Dose(guard) => guard.common.stamp = stamp,
            Self::Time(guard) => guard.common.stamp = stamp,
            Self::Interlock(guard) => guard.common.stamp = stamp,
        }
        match self {
            Self::Dose(guard) => turn(guard, now, input),
            Self::Time(guard) => turn(guard, now, input),
            Self::Interlock(guard) => turn(guard, now, input),
        }
    }

    /// When [`Input::Tick`] is due at the latest.
    #[must_use]
    pub const fn due(&self) -> Ticks {
        self.common().permit.due()
    }

    /// What all guards have.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::Dose(guard) => &guard.common,
            Self::Time(guard) => &guard.common,
            Self::Interlock(guard) => &guard.common,
        }
    }
}
