//! One guard's permit in the model: the product's own sender, its frames on their way, and what a reader of the contract
//! would have noted about it. The notes know nothing of the gate's code; the promises are judged by them.

use beam_core::frame::Frame;
use beam_core::units::Ticks;
use beam_core::wire::{Guard, Permit, PermitState, Reason};

use beam_core::permit::PermitSender;

use super::promise::Promise;
use super::{STALE_STEPS, STEP};

/// How far ahead an alive counter may be of what the gate saw last and the frame still be lost: the next one is then too
/// far ahead to be believed. A longer loss is one that goes on as a hang, with no frame at all.
const LOST_IN_A_ROW: u8 = 3;

/// A frame between its sender and the gate.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// The frame.
    pub frame: Frame,
    /// Steps since it was handed to the bus.
    pub age: u8,
    /// Sent by the process that lives; otherwise left over from one that died.
    pub own: bool,
}

/// The last PERMIT that a guard sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Paid {
    /// For which delivery.
    pub delivery: u16,
    /// Its largest lease so far.
    pub lease: u32,
    /// Steps since the last one was handed to the bus.
    pub age: u8,
}

/// What was noted of a guard and of its permit's way, apart from the code under test.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Notes {
    /// The last PERMIT sent.
    pub paid: Option<Paid>,
    /// The last delivery for which a PERMIT reached the gate.
    pub permitted: u16,
    /// The largest lease that the guard asked for in its delivery.
    pub asked: u32,
    /// The guard tripped its delivery.
    pub tripped: bool,
    /// The guard fell silent of its own will.
    pub hushed: bool,
    /// What last reached the gate, if it was valid and is not stale, and its age in steps.
    pub heard: Option<(Permit, u8)>,
    /// The permit was lost to the gate and no valid WITHHELD came since.
    pub owed: bool,
    /// TRIPPED for the delivery held reached the gate.
    pub latches: bool,
}

/// One guard's permit.
#[derive(Clone, Debug)]
pub struct Post {
    /// Whose.
    pub guard: Guard,
    /// The code under test.
    pub sender: PermitSender,
    /// Frames on their way, oldest first.
    pub flights: Vec<Flight>,
    /// The guard has done what the session last asked.
    pub obeyed: bool,
    /// It had its turn in this step.
    pub done: bool,
    /// In its last turn it did all that the session asks, and its frames were delivered.
    pub in_step: bool,
    /// The alive counter that the gate saw last.
    pub alive: Option<u8>,
    /// The notes.
    pub notes: Notes,
}

impl Post {
    /// A guard at rest.
    pub fn new(guard: Guard) -> Self {
        let notes = Notes { owed: true, ..Notes::default() };
        let sender = PermitSender::new(guard, STEP);
        Self { guard, sender, flights: Vec::new(), obeyed: true, done: false, in_step: true, alive: None, notes }
    }

    /// The process starts anew; its old frames are still on their way. `ahead` is by how much the alive counter of the
    /// first new frame is ahead of the last one that the gate saw.
    pub fn restart(&mut self, ahead: u8, now: Ticks) {
        self.sender = PermitSender::new(self.guard, STEP);
        let first = (self.alive.unwrap_or(0) + ahead) % 15;
        let mut earlier = Ticks::ZERO;
        while self.sender.memory(now).alive != first {
            if let Some(frame) = self.sender.poll(earlier) {
                let _own_echo = self.sender.echo(&frame);
            }
            earlier = earlier.after(STEP);
        }
        for flight in &mut self.flights {
            flight.own = false;
        }
        self.obeyed = true;
        self.notes = Notes { asked: 0, tripped: false, hushed: false, ..self.notes };
    }

    /// Time passes: everything is a step older, up to `oldest`, beyond which nothing depends on the age any more.
    pub fn age(&mut self, oldest: u8) {
        self.done = false;
        let Notes { paid, heard, owed, .. } = &mut self.notes;
        if let Some(paid) = paid {
            paid.age = (paid.age + 1).min(oldest);
        }
        *heard = heard.map(|(permit, age)| (permit, age + 1)).filter(|(_, age)| *age <= STALE_STEPS);
        *owed |= heard.is_none();
        for flight in &mut self.flights {
            flight.age += 1;
        }
    }

    /// The guard asks its sender for a delivery.
    pub fn take_up(&mut self, delivery: u16) -> Result<(), Promise> {
        self.sender.take_up(delivery);
        self.notes = Notes { asked: 0, tripped: false, hushed: false, ..self.notes };
        let fresh = Permit { state: PermitState::Withheld, reason: Reason::None, delivery, lease: 0 };
        if self.sender.current() == fresh { Ok(()) } else { Err(Promise::BeginsWithheld) }
    }

    /// The guard gives its permit.
    pub fn permit(&mut self, lease: u32) {
        self.sender.permit(lease);
        self.notes.asked = self.notes.asked.max(lease);
        self.notes.hushed = false;
    }

    /// The guard withholds its permit.
    pub fn withhold(&mut self) {
        self.sender.withhold();
        self.notes.hushed = false;
    }

    /// The guard ends the delivery.
    pub fn trip(&mut self) {
        self.sender.trip(Reason::Fault);
        self.notes.tripped = true;
        self.notes.hushed = false;
    }

    /// The guard falls silent: a step of the proof.
    pub fn hush(&mut self) {
        self.sender.silence();
        self.notes.hushed = true;
    }

    /// The guard turns: its sender may hand a frame to the bus. `changed` says that it has just changed its mind, so that
    /// a frame need not be due.
    pub fn poll(&mut self, now: Ticks) -> Result<(), Promise> {
        let memory = self.sender.memory(now);
        let is_due = memory.due_in.nanos() == 0;
        let Some(frame) = self.sender.poll(now) else {
            let must = is_due && memory.awaiting.is_none() && !self.notes.hushed;
            return if must { Err(Promise::Renews) } else { Ok(()) };
        };
        self.flights.push(Flight { frame, age: 0, own: true });
        let Ok(permit) = Permit::decode(&frame) else { return Err(Promise::SaysWhatWasAsked) };
        self.judge_sent(&permit)?;
        if permit.state == PermitState::Permit {
            let before = self.notes.paid.filter(|paid| paid.delivery == permit.delivery);
            let lease = before.map_or(0, |paid| paid.lease).max(permit.lease);
            self.notes.paid = Some(Paid { delivery: permit.delivery, lease, age: 0 });
        }
        Ok(())
    }

    /// What no frame may say.
    fn judge_sent(&self, permit: &Permit) -> Result<(), Promise> {
        let Notes { paid, asked, tripped, hushed, .. } = self.notes;
        let permitted = paid.is_some_and(|paid| paid.delivery == permit.delivery);
        let withheld = permit.state == PermitState::Withheld;
        let waiting = self.flights.iter().filter(|flight| flight.own).count();
        let rules = [
            (waiting <= 1, Promise::OneWaits),
            (!hushed, Promise::Hushed),
            (!tripped || permit.state == PermitState::Tripped, Promise::TripStays),
            (tripped || permit.state != PermitState::Tripped, Promise::SaysWhatWasAsked),
            (!(withheld && permit.lease == 0 && permitted), Promise::LeaseZeroOnlyBefore),
            (permit.state != PermitState::Permit || permit.lease <= asked, Promise::LeaseAsAsked),
        ];
        rules.into_iter().find(|(kept, _)| !kept).map_or(Ok(()), |(_, broken)| Err(broken))
    }

    /// The transmit queue refuses the frame that was just handed to it.
    pub fn refuse(&mut self, now: Ticks) -> Result<(), Promise> {
        self.flights.pop();
        self.sender.unsent();
        // it is tried again at once, whatever else is due
        let again = self.sender.memory(now);
        if again.awaiting.is_none() && again.changed { Ok(()) } else { Err(Promise::Renews) }
    }

    /// The bus has carried a frame. A frame of this process comes back as its echo; a frame that is left over from another
    /// process is an impostor's, and as the guards do, a sender of a delivery then ends it.
    pub fn carried(&mut self, flight: &Flight, now: Ticks) -> Result<(), Promise> {
        if flight.own {
            let knows_its_own = self.sender.echo(&flight.frame);
            let takes_it_twice = self.sender.clone().echo(&flight.frame);
            return if knows_its_own && !takes_it_twice { Ok(()) } else { Err(Promise::HearsItself) };
        }
        let is_alike = self.sender.memory(now).awaiting == Some(flight.frame);
        if !is_alike && self.sender.clone().echo(&flight.frame) {
            return Err(Promise::HearsItself);
        }
        if self.sender.current().delivery != 0 {
            self.trip();
        }
        Ok(())
    }

    /// A whole frame has reached the gate while it held delivery `held`: the contract's rules, noted apart from its code.
    pub fn note_heard(&mut self, frame: &Frame, held: u16) {
        let alive = frame.data[1] & 0x0F;
        let step = self.alive.map_or(1, |before| (alive + 15 - before) % 15);
        self.alive = Some(alive);
        let Ok(permit) = Permit::decode(frame) else { return };
        if permit.state == PermitState::Tripped && permit.delivery == held && held != 0 {
            self.notes.latches = true;
        }
        match step {
            0 => {}
            1..=3 => {
                self.notes.heard = Some((permit, 0));
                if permit.state == PermitState::Permit {
                    self.notes.permitted = permit.delivery;
                }
                if permit.delivery != held {
                    self.notes.owed = true;
                } else if permit.state == PermitState::Withheld {
                    self.notes.owed = false;
                }
            }
            _ => self.note_spoilt(),
        }
    }

    /// A broken frame has reached the gate.
    pub fn note_broken(&mut self, frame: &Frame) {
        self.alive = Some(frame.data[1] & 0x0F);
        self.note_spoilt();
    }

    fn note_spoilt(&mut self) {
        self.notes.heard = None;
        self.notes.owed = true;
    }

    /// Whether what reached the gate allows the take-up of `delivery`.
    pub fn offers(&self, delivery: u16) -> bool {
        self.notes.heard.is_some_and(|(permit, _)| {
            permit.state == PermitState::Withheld && permit.lease == 0 && permit.delivery == delivery
        })
    }

    /// Whether what reached the gate allows it to be open for `delivery`.
    pub fn opens(&self, delivery: u16) -> bool {
        self.notes.heard.is_some_and(|(permit, _)| permit.state == PermitState::Permit && permit.delivery == delivery)
    }

    /// The notes without what nothing can depend on any more.
    pub fn notes_that_matter(&self) -> Notes {
        let Notes { paid, permitted, asked, tripped, hushed, heard, owed, latches: _ } = self.notes;
        let permits = |permit: &Permit| permit.state == PermitState::Permit;
        let under_way = self.flights.iter().any(|flight| Permit::decode(&flight.frame).is_ok_and(|p| permits(&p)));
        let may_open = under_way || heard.is_some_and(|(permit, _)| permits(&permit));
        // where no PERMIT is at the gate or on its way to it, only the delivery of the last one still matters
        let paid = paid.map(|paid| if may_open { paid } else { Paid { lease: 0, age: 0, ..paid } });
        let heard = heard.map(|(permit, age)| (bare(permit), age));
        let over = self.sender.is_tripped() && tripped;
        Notes {
            paid: paid.filter(|_| may_open || !over),
            permitted: if over { 0 } else { permitted },
            asked: if over { 0 } else { asked },
            tripped,
            hushed,
            heard,
            owed,
            latches: false,
        }
    }

    /// By how much the sender's next alive counter is ahead of what the gate saw last.
    pub fn ahead(&self, alive: u8) -> u8 {
        (alive % 15 + 15 - self.alive.unwrap_or(alive % 15)) % 15
    }

    /// Whether the gate has missed so many frames in a row that one more tells nothing new: the next one is too far ahead
    /// in any case.
    pub fn lost_too_many(&self) -> bool {
        self.flights.iter().any(|flight| self.ahead(flight.frame.data[1] & 0x0F) > LOST_IN_A_ROW)
    }
}

/// A permit without what does not matter once it is TRIPPED.
pub fn bare(permit: Permit) -> Permit {
    if permit.state == PermitState::Tripped { Permit { lease: 0, ..permit } } else { permit }
}
