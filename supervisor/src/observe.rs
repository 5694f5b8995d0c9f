//! `beam-supervisor run --observe`: everything but sending permits, for the weeks before the supervisor is connected to the
//! gate. The unmodified guards judge a delivery that somebody else governs; what they would have done is recorded beside what
//! happened.
//!
//! That nothing is sent is no matter of a flag: an observer's ends of the buses ([`ports`]) have no way to send, and an
//! [`Observer`] has no operator who could act. It follows the gate as it is seen. The gate opens, at the beginning of its
//! counts and with a lease to fire on: the guards are armed without a proof, which is somebody else's business here, and begin
//! at once. It closes: their interlock guard takes that for the interruption it would be, and they go on when it opens again.
//! When the guards would have ended the beam, the watching does not end: what the gate lets pass from then on is the
//! difference that a physicist looks for. The delivery is over when the gate has latched or takes up the next one.
//!
//! At rest the guards watch for beam that nobody asked for. What they find while a gate is open that they did not open says
//! nothing; what they find while it is closed is beam outside of a delivery, and is told.
//!
//! An observer judges one delivery. The next one gets new guards ([`service`]), so that nothing that the last ones found
//! because their word had no weight is left.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use beam_core::clearance::Role;
use beam_core::fault::{Fault, FaultSet, Group};
use beam_core::machine::{Beam, Machine, Order};
use beam_core::note::FrameCounts;
use beam_core::record::{Body, Record};
use beam_core::session::Act;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{CloseCause, GateState, GateStatus, Permit};
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};

use crate::conductor::{Conductor, Entry};
use crate::wiring::Line;

pub mod account;
pub mod gate;
pub mod keeper;
pub mod ports;
pub mod report;
pub mod service;
mod sift;
pub mod surroundings;
mod tell;
pub mod watching;

use account::Account;
use gate::GateWatch;

/// What an observer may have to tell before anybody listens: seconds of the fastest machine.
const WAITING: usize = 65_536;
/// Entries that are held until there is beam: they are told all at once, and there must be room for what comes after.
const HELD: usize = WAITING / 2;
/// How long a gate may stand closed without being latched after the guards would have ended the beam, before it is followed no
/// longer: longer than anybody lets a patient wait in an interruption.
const GIVEN_UP: Span = Span::from_secs(1800);

/// `machine` as an observer's guards must see it: pulses that they did not lease are no fault, because nobody asked them.
#[must_use]
pub const fn as_observed(machine: &Machine) -> Machine {
    let mut observed = *machine;
    if let Beam::Pulsed { gate_knows_lease, .. } = &mut observed.beam {
        *gate_knows_lease = false;
    }
    observed
}

/// What an observer tells the thread that keeps the record.
#[derive(Debug)]
pub enum Told {
    /// An entry of the delivery that is followed, from its beginning on; the first one comes when there was beam.
    Entry(Entry),
    /// The delivery is over.
    Over(Box<Account>),
    /// Beam came through a gate whose opening was not seen, or whose counts did not begin: that delivery is not observed.
    Missed,
    /// Beam was found through a closed gate while no delivery was followed.
    Outside(Entry),
}

/// Where an observer stands.
enum Stage {
    /// No delivery was seen yet.
    Waiting,
    /// A delivery is followed.
    Following(Box<Account>),
    /// Nothing more is followed; the account until it is handed over.
    Over(Option<Box<Account>>),
}

/// The session of a supervisor that only observes: it leads the guards as the gate is seen to go, and sees what comes of it.
pub struct Observer {
    conductor: Conductor,
    machine: Machine,
    order: Order,
    number: u16,
    stage: Stage,
    gate: GateWatch,
    /// The gate was seen closed, so that its next opening is a beginning.
    seen_closed: bool,
    missed: bool,
    /// Beam outside of a delivery, until one begins.
    found_at_rest: FaultSet,
    /// A guard had found beam that nobody asked for just before it was told to begin.
    began_too_late: bool,
    /// The id that the guards were armed with last. It is on no bus; it only has to be another one each time.
    id: u16,
    /// The permit that each guard would have sent last.
    permits: [Option<Permit>; 4],
    /// What the ears of the guards before these counted, and what these counted last.
    counts: [[FrameCounts; 4]; 2],
    /// Entries of the delivery that wait for its first beam.
    held: VecDeque<Entry>,
    entries: Vec<Entry>,
    told: Sender<Told>,
    asked_to_end: Arc<AtomicBool>,
}

impl Observer {
    /// An observer for delivery `number` of this process over the rings of four guards of [`as_observed`] `machine`; they judge
    /// by `order`. `counted` is what guards before them counted of frames. What it has to tell comes out of the receiver;
    /// whoever sets the flag asks it to give its account of an unfinished delivery.
    #[must_use]
    pub fn new(
        machine: &Machine,
        order: &Order,
        lines: [Line; 4],
        number: u16,
        counted: [FrameCounts; 4],
    ) -> (Self, Receiver<Told>, Arc<AtomicBool>) {
        let (told, receiver) = bounded(WAITING);
        let asked_to_end = Arc::new(AtomicBool::new(false));
        let observer = Self {
            conductor: Conductor::new(machine, lines),
            machine: *machine,
            order: *order,
            number,
            stage: Stage::Waiting,
            gate: GateWatch::new(machine),
            seen_closed: false,
            missed: false,
            found_at_rest: FaultSet::EMPTY,
            began_too_late: false,
            id: 0,
            permits: [None; 4],
            counts: [counted; 2],
            held: VecDeque::new(),
            entries: Vec::new(),
            told,
            asked_to_end: Arc::clone(&asked_to_end),
        };
        (observer, receiver, asked_to_end)
    }

    /// What the guards' ears counted of frames, with those of the guards before them.
    #[must_use]
    pub const fn counted(&self) -> [FrameCounts; 4] {
        self.counts[1]
    }

    /// Records that each guard's ring lost.
    #[must_use]
    pub const fn lost(&self) -> [u64; 4] {
        self.conductor.lost()
    }

    /// Whether a delivery is followed.
    #[must_use]
    pub const fn is_following(&self) -> bool {
        matches!(self.stage, Stage::Following(_))
    }

    /// One turn: everything in the guards' rings, then what follows from it. What belongs to the delivery goes to `sink` too.
    pub fn turn(&mut self, now: Ticks, sink: &mut impl FnMut(&Entry)) {
        let mut entries = std::mem::take(&mut self.entries);
        self.conductor.turn(now, &mut |entry| entries.push(*entry));
        for entry in entries.drain(..) {
            self.take(now, &entry, sink);
        }
        self.entries = entries;
        self.look(now, sink);
    }

    /// Takes one entry: what it says of the gate, and what it says of the delivery.
    fn take(&mut self, now: Ticks, entry: &Entry, sink: &mut impl FnMut(&Entry)) {
        let Some(entry) = self.as_seen(entry) else { return };
        let gate = match &entry {
            Entry::Guard(Record { at, body: Body::Received { bus, frame, .. }, .. }) => {
                self.gate.hear(*at, *bus, frame).map(|status| (*at, status))
            }
            Entry::Guard(_) | Entry::Session(..) | Entry::NotSent(_) => None,
        };
        if let Some((at, status)) = gate {
            self.follow(now, at, &status, sink);
        }
        self.tell(&entry, sink);
    }

    /// The gate reports.
    fn follow(&mut self, now: Ticks, at: Ticks, status: &GateStatus, sink: &mut impl FnMut(&Entry)) {
        let has_lease = status.state == GateState::Open && status.cause != CloseCause::LeaseUsed;
        let begins = status.pulses == 0 && status.beam_on_centiseconds == 0;
        match &mut self.stage {
            Stage::Waiting => {
                // open without a lease to fire on, a gate is being proven
                if has_lease && begins && self.seen_closed {
                    self.begin(now, at, status, sink);
                } else if has_lease && !self.missed {
                    self.missed = self.told.try_send(Told::Missed).is_ok();
                }
                self.seen_closed |= status.state != GateState::Open;
                self.missed &= status.state == GateState::Open;
            }
            Stage::Following(account) => {
                let counts_nothing = account.had_beam() && begins && status.state == GateState::Closed;
                if counts_nothing && (account.gate_restarted || account.last_gate().state == GateState::Open) {
                    // nobody takes up a delivery through an open gate
                    return account.gate_restarts(at, status);
                }
                if counts_nothing {
                    // somebody took up the next delivery: this status is no longer about ours
                    return self.finish(now, true);
                }
                account.gate(at, status);
                if status.state != GateState::Open && !account.had_beam() {
                    self.rewind(now);
                } else if has_lease && self.conductor.session().state() == State::Interrupted {
                    self.act(now, &Act::Resume, sink);
                }
            }
            Stage::Over(_) => {}
        }
    }

    /// What follows from the passing of time.
    fn look(&mut self, now: Ticks, sink: &mut impl FnMut(&Entry)) {
        let state = self.conductor.session().state();
        match &self.stage {
            // at once, so that nobody who watches the metrics takes it for a finding
            Stage::Waiting if state == State::Tripped && !self.gate.is_open() && self.found_at_rest.is_empty() => {
                self.put_away(now);
            }
            Stage::Waiting => {}
            Stage::Over(_) => self.hand_over(),
            Stage::Following(_) if self.began_too_late => self.begin_again(now, sink),
            Stage::Following(account) => {
                let is_latched = account.last_gate().state == GateState::Latched || account.gate_restarted;
                let closed_for = account.closed_since().map_or(Span::ZERO, |since| now.since(since));
                let would_be_over = matches!(state, State::Complete | State::Tripped);
                if is_latched && closed_for > self.machine.watch_after_beam() {
                    self.finish(now, true);
                } else if would_be_over && closed_for > GIVEN_UP || self.asked_to_end.load(Ordering::Relaxed) {
                    self.finish(now, false);
                }
            }
        }
    }

    /// Guards that nobody asks find an open gate that they did not permit, and its pulses. At rest that is no finding, and is
    /// put away.
    fn put_away(&mut self, now: Ticks) {
        let _the_physicist_may_clear_all =
            self.conductor.act(now, &Act::Acknowledge { by: Role::Physicist }, &mut |_| {});
    }

    fn begin(&mut self, now: Ticks, at: Ticks, status: &GateStatus, sink: &mut impl FnMut(&Entry)) {
        // a gate that was held open without a lease until now was no finding either
        if self.conductor.session().state() == State::Tripped {
            self.put_away(now);
        }
        // that the gate is open although these guards did not ask says nothing, but that there was beam outside of a delivery
        let standing = self.conductor.session().standing(now).iter().filter(|fault| fault.group() != Group::Beam);
        let standing: Vec<Fault> = self.found_at_rest.iter().chain(standing).collect();
        self.found_at_rest = FaultSet::EMPTY;
        self.stage = Stage::Following(Box::new(Account::new(self.number, at, status, standing, &self.machine)));
        self.arm(now, sink);
    }

    fn arm(&mut self, now: Ticks, sink: &mut impl FnMut(&Entry)) {
        self.id = self.id % u16::MAX + 1;
        self.conductor.arm_unproven(self.id, self.order);
        self.act(now, &Act::Begin, sink);
    }

    /// The guards were told so late that one of them had taken the beam for a fault: once more, for what is left to see.
    fn begin_again(&mut self, now: Ticks, sink: &mut impl FnMut(&Entry)) {
        self.began_too_late = false;
        if let Stage::Following(account) = &mut self.stage {
            account.begins_again();
        }
        self.put_away(now);
        self.arm(now, sink);
    }

    /// The gate closed again without beam: nothing was delivered.
    fn rewind(&mut self, now: Ticks) {
        for act in [Act::Terminate, Act::Acknowledge { by: Role::Physicist }] {
            let _refused_where_it_ended_already = self.conductor.act(now, &act, &mut |_| {});
        }
        self.stage = Stage::Waiting;
        self.held.clear();
    }

    fn act(&mut self, now: Ticks, act: &Act, sink: &mut impl FnMut(&Entry)) {
        let mut entries = Vec::new();
        let _refused_where_it_ended_already = self.conductor.act(now, act, &mut |entry| entries.push(*entry));
        for entry in entries {
            self.tell(&entry, sink);
        }
    }

    fn finish(&mut self, now: Ticks, seen_to_its_end: bool) {
        let Stage::Following(mut account) = std::mem::replace(&mut self.stage, Stage::Over(None)) else { return };
        account.close(now, seen_to_its_end, self.conductor.lost());
        self.stage = Stage::Over(Some(account));
        self.hand_over();
    }

    /// Hands the account over, as soon as there is room for it.
    fn hand_over(&mut self) {
        if let Stage::Over(account) = &mut self.stage
            && let Some(whole) = account.take()
            && let Err(TrySendError::Full(Told::Over(whole))) = self.told.try_send(Told::Over(whole))
        {
            *account = Some(whole);
        }
    }
}
