//! The session, fed the guards' notes, the operator's acts and time in any order, beside guards and a gate that are sometimes honest:
//! then a proof goes through and a delivery begins. What must hold after every happening is in `session_oracle`.

use beam_core::clearance::Role;
use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::note::{Command, FaultReport, FrameCounts, Note, Phase};
use beam_core::proving::EVERY_GUARD;
use beam_core::session::{Act, Directive, Happening, Session};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{CloseCause, GateState, GateStatus, Guard, PermitState};

use super::draw::Draw;
use super::machines;
use super::session_oracle::Oracle;

const BUSES: [Bus; 2] = [Bus::A, Bus::B];
const STATES: [GateState; 3] = [GateState::Closed, GateState::Open, GateState::Latched];
const CAUSES: [CloseCause; 8] = [
    CloseCause::None,
    CloseCause::PermitWithheld,
    CloseCause::PermitTripped,
    CloseCause::PermitStale,
    CloseCause::PermitInvalid,
    CloseCause::DeliveryMismatch,
    CloseCause::LeaseUsed,
    CloseCause::HardwareInterlock,
];
/// No fuzzed moment is later.
const LAST: Ticks = Ticks::from_nanos(u64::MAX / 2);

/// One guard's permit as the gate holds it.
#[derive(Clone, Copy)]
struct Held {
    state: PermitState,
    lease: u32,
    silent_since: Option<Ticks>,
    /// Was stale, and not withheld since.
    worthless: bool,
}

struct Room {
    session: Session,
    oracle: Oracle,
    machine: Machine,
    now: Ticks,
    turns: u32,
    held: [Held; 4],
    told: [Option<GateStatus>; 2],
    /// Guards that report nothing, by their bits.
    muted: u8,
    /// Guards whose permits the gate takes for given, by their bits.
    ignored: u8,
    next_id: u16,
}

/// Any bytes as a day of a session.
pub fn session(data: &[u8]) {
    let mut draw = Draw::new(data);
    let machine = machines::draw(&mut draw);
    let withheld = Held { state: PermitState::Withheld, lease: 0, silent_since: None, worthless: false };
    let mut room = Room {
        session: Session::new(&machine),
        oracle: Oracle::new(&machine),
        machine,
        now: Ticks::from_nanos(1_000_000_000),
        turns: 0,
        held: [withheld; 4],
        told: [None; 2],
        muted: 0,
        ignored: 0,
        next_id: 1,
    };
    while !draw.is_empty() {
        room.anything(&mut draw);
    }
}

impl Room {
    fn anything(&mut self, draw: &mut Draw<'_>) {
        let guard = |draw: &mut Draw<'_>| draw.of(&Guard::ALL);
        match draw.byte() % 22 {
            0..=4 => {
                let turns = 1 + draw.byte() % 48;
                (0..turns).for_each(|_| self.honest_turn());
            }
            5 => {
                self.pass(Span::from_micros(u64::from(draw.byte()) * 500));
                self.happen(&Happening::Tick);
            }
            6 => {
                self.pass(Span::from_micros(u64::from(draw.u32()) << (draw.byte() % 16)));
                self.happen(&Happening::Tick);
            }
            7 | 8 => {
                let order = machines::order(&self.machine, draw.byte(), 10);
                let (proof, delivery) = (self.fresh(), self.fresh());
                self.happen(&Happening::Act(Act::Arm { proof, delivery, order }));
            }
            9 => self.happen(&Happening::Act(Act::Begin)),
            10 => self.happen(&Happening::Act(Act::Interrupt)),
            11 => self.happen(&Happening::Act(Act::Resume)),
            12 => self.happen(&Happening::Act(Act::Terminate)),
            13 => self.happen(&Happening::Act(Act::Acknowledge { by: draw.of(&Role::ALL) })),
            14 => {
                let note = Note::Fault(FaultReport::of(draw.of(Fault::ALL)));
                self.happen(&Happening::Note(guard(draw), note));
            }
            15 => self.happen(&Happening::Note(guard(draw), Note::Reached)),
            16 => {
                let (bus, status) = (draw.of(&BUSES), status(draw));
                self.gate_note(bus, status);
            }
            17 => {
                let status = status(draw);
                self.happen(&Happening::Note(Guard::Interlock, Note::Interrupted { status }));
            }
            18 => {
                let health = health(faults(draw), faults(draw));
                self.happen(&Happening::Note(guard(draw), health));
            }
            19 => self.happen(&Happening::Standing(faults(draw))),
            20 => {
                let note = Note::Warning(FaultReport::of(draw.of(&[Fault::EndDisagreement, Fault::RateHigh])));
                self.happen(&Happening::Note(guard(draw), note));
            }
            _ => match draw.byte() % 4 {
                0 => self.muted ^= guard(draw).bit(),
                1 => self.ignored ^= guard(draw).bit(),
                2 => self.muted = 0,
                _ => self.ignored = 0,
            },
        }
    }

    fn pass(&mut self, span: Span) {
        self.now = self.now.after(span).earlier(LAST);
    }

    fn fresh(&mut self) -> u16 {
        let id = self.next_id;
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        id
    }

    /// Five milliseconds in which guards and gate do what they should.
    fn honest_turn(&mut self) {
        self.pass(Span::from_millis(5));
        self.turns = self.turns.wrapping_add(1);
        let status = self.gate();
        for bus in BUSES {
            if (bus == Bus::A || !self.machine.single_bus) && self.told[usize::from(bus == Bus::B)] != Some(status) {
                self.gate_note(bus, status);
            }
        }
        for (guard, held) in Guard::ALL.into_iter().zip(self.held) {
            if let (true, Some(since)) = (held.worthless, held.silent_since) {
                let lasted = self.now.since(since).shorter(self.machine.timing.stale_after);
                self.happen(&Happening::Note(guard, Note::Silent { lasted }));
            }
        }
        if self.turns.is_multiple_of(10) {
            for guard in Guard::ALL {
                if self.muted & guard.bit() == 0 {
                    self.happen(&Happening::Note(guard, health(FaultSet::EMPTY, FaultSet::EMPTY)));
                }
            }
            self.happen(&Happening::Standing(FaultSet::EMPTY));
        }
        self.happen(&Happening::Tick);
    }

    fn gate_note(&mut self, bus: Bus, status: GateStatus) {
        self.told[usize::from(bus == Bus::B)] = Some(status);
        self.happen(&Happening::Note(Guard::Interlock, Note::Gate { bus, status }));
    }

    /// What an honest gate reports.
    fn gate(&mut self) -> GateStatus {
        let (mut tripped, mut stale, mut withheld, mut used) = (0, 0, 0, 0);
        for (guard, held) in Guard::ALL.into_iter().zip(&mut self.held) {
            let bit = guard.bit();
            if self.ignored & bit != 0 {
                continue;
            }
            if held.silent_since.is_some_and(|since| self.now.since(since) > self.machine.timing.stale_after) {
                held.worthless = true;
                stale |= bit;
            }
            match held.state {
                PermitState::Tripped => tripped |= bit,
                PermitState::Withheld => withheld |= bit,
                PermitState::Permit if held.worthless => withheld |= bit,
                PermitState::Permit if held.lease == 0 => used |= bit,
                PermitState::Permit => {}
            }
        }
        let (state, cause, closed_by) = match (tripped, stale, withheld, used) {
            (1.., ..) => (GateState::Latched, CloseCause::PermitTripped, tripped),
            (0, 1.., ..) => (GateState::Closed, CloseCause::PermitStale, stale),
            (0, 0, 1.., _) => (GateState::Closed, CloseCause::PermitWithheld, withheld),
            (0, 0, 0, 1..) => (GateState::Open, CloseCause::LeaseUsed, used),
            (0, 0, 0, 0) => (GateState::Open, CloseCause::None, 0),
        };
        GateStatus { state, cause, closed_by, pulses: 0, beam_on_centiseconds: 0 }
    }

    /// Something happens; what the session directs is done, and what must hold is looked at.
    fn happen(&mut self, happening: &Happening) {
        let before = self.session;
        let answer = self.session.happen(self.now, happening);
        let after = self.session;
        let mut directives = Vec::new();
        while let Some(directive) = self.session.directive() {
            directives.push(directive);
        }
        let mut notes = Vec::new();
        while let Some(note) = self.session.note() {
            notes.push(note);
        }
        self.oracle.watch(self.now, happening, answer, (&before, &after), &directives, &notes);
        for directive in directives {
            self.do_as_told(directive);
        }
    }

    fn do_as_told(&mut self, directive: Directive) {
        let now = self.now;
        for (guard, held) in Guard::ALL.into_iter().zip(&mut self.held) {
            if directive.to & guard.bit() == 0 {
                continue;
            }
            match directive.command {
                Command::TakeUp { .. } | Command::Arm { .. } => {
                    *held = Held { state: PermitState::Withheld, lease: 0, silent_since: None, worthless: false };
                }
                Command::Prove { lease } => *held = Held { state: PermitState::Permit, lease, ..*held },
                Command::Deliver => *held = Held { state: PermitState::Permit, lease: 1, ..*held },
                Command::Silence => held.silent_since = Some(now),
                Command::Withhold => {
                    let state = if held.state == PermitState::Tripped { held.state } else { PermitState::Withheld };
                    *held = Held { state, silent_since: None, worthless: false, ..*held };
                }
                Command::End(_) => *held = Held { state: PermitState::Tripped, silent_since: None, ..*held },
                Command::Rebase { .. } | Command::Found { .. } | Command::Acknowledge | Command::Heartbeat => {}
            }
        }
    }
}

fn health(faults: FaultSet, standing: FaultSet) -> Note {
    Note::Health { phase: Phase::Idle, faults, standing, frames: FrameCounts::default() }
}

/// No fault, or one or two of any kind.
fn faults(draw: &mut Draw<'_>) -> FaultSet {
    let count = draw.byte() % 3;
    (0..count).fold(FaultSet::EMPTY, |set, _| set.with(draw.of(Fault::ALL)))
}

fn status(draw: &mut Draw<'_>) -> GateStatus {
    let closed_by = draw.of(&[EVERY_GUARD, 0, 1, 2, 4, 8, 3, 6, 12]);
    let pulses = u32::from(draw.byte() / 128);
    GateStatus { state: draw.of(&STATES), cause: draw.of(&CAUSES), closed_by, pulses, beam_on_centiseconds: 0 }
}
