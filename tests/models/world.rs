//! The state of the model: four guards' posts, the simulated gate, the session's wish. One step is a permit period; within
//! it the session may ask for something, each guard has its turn in any order, and a pulse may be fired.

use beam_core::frame::{Bus, Frame};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{GateState, Guard, NO_PULSE_LIMIT};
use beam_drivers::sim::{Gate, GateConfig};

use super::post::{Flight, Notes, Post};
use super::promise::Promise;
use super::{Action, Ask, Beam, Bounds, Fate, STALE_STEPS, STEP, Turn};

/// Where a step stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Moment {
    /// The session may ask for something.
    Session,
    /// The guards have their turns.
    Guards,
    /// A pulse may be fired.
    Beam,
}

/// What the session last asked all guards for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Wish {
    /// The delivery; 0 is none.
    pub delivery: u16,
    /// What for.
    pub ask: Ask,
    /// It was withheld once in this delivery.
    pub resumed: bool,
}

/// A state of the model.
#[derive(Clone, Debug)]
pub struct World {
    /// The moment.
    pub now: Ticks,
    /// Where the step stands.
    pub moment: Moment,
    /// What the session wants.
    pub wish: Wish,
    /// The guards, in the order of [`Guard::ALL`].
    pub posts: [Post; 4],
    /// The gate.
    pub gate: Gate,
    /// Pulses that were really fired under a delivery, whatever the gate remembers.
    pub fired: (u16, u32),
    /// The process died once.
    pub process_restarted: bool,
    /// The gate's power was lost once.
    pub gate_restarted: bool,
    /// The gate was latched at some time.
    pub was_latched: bool,
    /// The promise that was just broken; nothing follows then.
    pub broken: Option<Promise>,
}

impl World {
    /// Power-up of everything. The gate reports nothing: no guard of this model reads it.
    pub fn at_power_up() -> Self {
        let now = Ticks::ZERO.after(Span::from_secs(1));
        let config = GateConfig {
            period: STEP,
            stale_after: STEP.times(u64::from(STALE_STEPS)),
            pulsed: true,
            pulse_lease: true,
            single_bus: true,
        };
        let mut gate = Gate::new(config, now, now);
        gate.defects_mut().silent = [true; 2];
        Self {
            now,
            moment: Moment::Session,
            wish: Wish { delivery: 0, ask: Ask::Rest, resumed: false },
            posts: Guard::ALL.map(Post::new),
            gate,
            fired: (0, 0),
            process_restarted: false,
            gate_restarted: false,
            was_latched: false,
            broken: None,
        }
    }

    /// What can happen next.
    pub fn actions(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        if self.broken.is_some() {
            return;
        }
        match self.moment {
            Moment::Session => self.session_actions(bounds, actions),
            Moment::Guards => {
                if let Some(index) = self.posts.iter().position(|post| !post.done) {
                    self.guard_actions(index, bounds, actions);
                }
            }
            Moment::Beam => {
                actions.push(Action::Beam(Beam::Rest));
                if self.gate.lets_pulse() && self.fired_under(self.gate.held()) < bounds.pulses {
                    actions.push(Action::Beam(Beam::Pulse));
                }
                if bounds.gate_restarts && !self.gate_restarted {
                    actions.push(Action::Beam(Beam::GateRestart));
                }
            }
        }
    }

    fn session_actions(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        let Wish { delivery, ask, resumed } = self.wish;
        actions.push(Action::Session(None));
        if delivery < bounds.deliveries {
            actions.push(Action::Session(Some(Ask::Offer)));
        }
        if ask == Ask::Offer || ask == Ask::Withhold {
            actions.push(Action::Session(Some(Ask::Deliver)));
        }
        if ask == Ask::Deliver && !resumed && bounds.resumes {
            actions.push(Action::Session(Some(Ask::Withhold)));
        }
        if matches!(ask, Ask::Offer | Ask::Deliver | Ask::Withhold) {
            actions.push(Action::Session(Some(Ask::End)));
        }
        if bounds.process_restarts && !self.process_restarted && ask != Ask::Rest {
            // the same counter again, the next one, and one that is too far ahead
            actions.extend([0, 1, 4].map(|ahead| Action::ProcessRestart { ahead }));
        }
    }

    fn guard_actions(&self, index: usize, bounds: &Bounds, actions: &mut Vec<Action>) {
        let post = &self.posts[index];
        let current = post.sender.current();
        let lease = self.lease_for(post.guard, bounds);
        let news = !post.obeyed || post.notes.hushed || (self.wish.ask == Ask::Deliver && current.lease != lease);
        let others = self.posts.iter().enumerate().filter(|(other, post)| *other != index && !post.in_step).count();
        let is_free = bounds.free & post.guard.bit() != 0;
        let may_be_odd = is_free && others < bounds.out_of_step;
        let mut turns = Vec::new();
        if !news || may_be_odd {
            turns.push(Turn::Renew);
        }
        if news && !post.sender.is_tripped() || !post.obeyed {
            turns.push(Turn::Obey);
            if bounds.late > 0 && may_be_odd {
                turns.push(Turn::RenewThenObey);
            }
        }
        let others_trip = self.posts.iter().any(|post| post.sender.is_tripped());
        if current.delivery != 0 && !post.sender.is_tripped() && !others_trip && is_free {
            turns.push(Turn::Trip);
        }
        if may_be_odd {
            turns.push(Turn::Hang);
            if bounds.hushes && current.delivery != 0 && !post.sender.is_tripped() && !post.notes.hushed {
                turns.push(Turn::Hush);
            }
        }
        for turn in turns {
            actions.push(Action::Guard(post.guard, turn, Fate::Delivered));
            if may_be_odd {
                let fates = [Fate::Lost, Fate::Broken, Fate::Late, Fate::Refused];
                actions.extend(fates.map(|fate| Action::Guard(post.guard, turn, fate)));
            }
        }
    }

    fn fired_under(&self, delivery: u16) -> u32 {
        if self.fired.0 == delivery { self.fired.1 } else { 0 }
    }

    /// The lease that a guard gives who has seen every pulse so far: one more, up to the last of the plan.
    fn lease_for(&self, guard: Guard, bounds: &Bounds) -> u32 {
        match guard {
            Guard::Time => NO_PULSE_LIMIT,
            Guard::Dose1 | Guard::Dose2 | Guard::Interlock => {
                (self.fired_under(self.wish.delivery) + 1).min(bounds.pulses)
            }
        }
    }

    /// What follows; nothing where the action has no place or leads out of the bounds.
    pub fn after(&self, action: Action, bounds: &Bounds) -> Option<Self> {
        let mut next = self.clone();
        let outcome = match action {
            Action::Session(ask) => next.session_asks(ask),
            Action::ProcessRestart { ahead } => next.restart_process(ahead),
            Action::Guard(guard, turn, fate) => next.guard_turns(guard.index(), turn, fate, bounds)?,
            Action::Beam(beam) => next.beam(beam, bounds),
        };
        next.broken = outcome.and_then(|()| next.judge()).err();
        next.was_latched |= next.gate.status().state == GateState::Latched;
        Some(next)
    }

    #[expect(clippy::unnecessary_wraps, reason = "one of four alike")]
    fn session_asks(&mut self, ask: Option<Ask>) -> Result<(), Promise> {
        self.moment = Moment::Guards;
        let Some(ask) = ask else { return Ok(()) };
        self.wish = match ask {
            Ask::Offer => Wish { delivery: self.wish.delivery + 1, ask, resumed: false },
            Ask::Withhold => Wish { ask, resumed: true, ..self.wish },
            Ask::Rest | Ask::Deliver | Ask::End => Wish { ask, ..self.wish },
        };
        for post in &mut self.posts {
            post.obeyed = false;
        }
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "one of four alike")]
    fn restart_process(&mut self, ahead: u8) -> Result<(), Promise> {
        self.process_restarted = true;
        self.moment = Moment::Guards;
        self.wish = Wish { ask: Ask::Rest, resumed: false, ..self.wish };
        for post in &mut self.posts {
            post.restart(ahead, self.now);
        }
        Ok(())
    }

    fn guard_turns(&mut self, index: usize, turn: Turn, fate: Fate, bounds: &Bounds) -> Option<Result<(), Promise>> {
        self.posts[index].done = true;
        self.posts[index].in_step = false;
        let outcome = self.turn_and_send(index, turn, fate, bounds)?;
        let lease = self.lease_for(self.posts[index].guard, bounds);
        let post = &mut self.posts[index];
        let current = post.sender.current();
        let leases = self.wish.ask != Ask::Deliver || current.lease == lease || post.sender.is_tripped();
        let turned = turn != Turn::Hang && !post.notes.hushed && fate == Fate::Delivered;
        post.in_step = turned && post.obeyed && leases && post.flights.is_empty();
        let out_of_step = self.posts.iter().filter(|post| !post.in_step).count();
        if out_of_step > bounds.out_of_step && outcome.is_ok() {
            return None;
        }
        if self.posts.iter().all(|post| post.done) {
            self.moment = Moment::Beam;
        }
        Some(outcome)
    }

    fn turn_and_send(&mut self, index: usize, turn: Turn, fate: Fate, bounds: &Bounds) -> Option<Result<(), Promise>> {
        let now = self.now;
        let lease = self.lease_for(self.posts[index].guard, bounds);
        let wish = self.wish;
        let before = self.posts[index].flights.len();
        let turned = match turn {
            Turn::Hang => Ok(()),
            Turn::Renew | Turn::RenewThenObey => self.posts[index].poll(now),
            Turn::Obey => obey(&mut self.posts[index], wish, lease).and_then(|()| self.posts[index].poll(now)),
            Turn::Trip => {
                self.posts[index].trip();
                self.posts[index].poll(now)
            }
            Turn::Hush => {
                self.posts[index].hush();
                self.posts[index].poll(now)
            }
        };
        let outcome = match turned {
            Ok(()) => self.send(index, fate, before, bounds)?,
            broken @ Err(_) => broken,
        };
        if turn != Turn::RenewThenObey || outcome.is_err() {
            return Some(outcome);
        }
        let obeyed = obey(&mut self.posts[index], wish, lease);
        Some(obeyed.and_then(|()| self.posts[index].poll(now)))
    }

    /// What becomes of a guard's frames; nothing where there is none.
    fn send(&mut self, index: usize, fate: Fate, before: usize, bounds: &Bounds) -> Option<Result<(), Promise>> {
        let post = &mut self.posts[index];
        if post.flights.is_empty() {
            return (fate == Fate::Delivered).then_some(Ok(()));
        }
        match fate {
            Fate::Delivered | Fate::Lost | Fate::Broken => {
                if fate != Fate::Delivered && post.lost_too_many() {
                    return None;
                }
                let flights = std::mem::take(&mut post.flights);
                Some(flights.iter().try_for_each(|flight| self.carry(index, flight, fate)))
            }
            Fate::Late => {
                if post.flights.iter().any(|flight| flight.age >= bounds.late) {
                    return None;
                }
                Some(Ok(()))
            }
            // with an older one still waiting, the queue has no news for this one
            Fate::Refused => (before == 0).then(|| post.refuse(self.now)),
        }
    }

    /// The bus carries one frame; its sender hears it, the gate hears it as `fate` says.
    fn carry(&mut self, index: usize, flight: &Flight, fate: Fate) -> Result<(), Promise> {
        match fate {
            Fate::Delivered => self.reach_gate(index, &flight.frame)?,
            Fate::Broken => {
                let mut broken = flight.frame;
                broken.data[7] ^= 0x10;
                self.posts[index].note_broken(&broken);
                self.gate.receive(self.now, Bus::A, &broken, &mut |_, _| {});
            }
            Fate::Lost | Fate::Late | Fate::Refused => {}
        }
        self.posts[index].carried(flight, self.now)
    }

    fn reach_gate(&mut self, index: usize, frame: &Frame) -> Result<(), Promise> {
        let held = self.gate.held();
        self.gate.receive(self.now, Bus::A, frame, &mut |_, _| {});
        self.posts[index].note_heard(frame, held);
        let holds = self.gate.held();
        if holds == held {
            return Ok(());
        }
        if !self.posts.iter().all(|post| post.offers(holds)) {
            return Err(Promise::TakenUpOnFour);
        }
        for post in &mut self.posts {
            if post.notes.permitted == holds {
                return Err(Promise::TakenUpOnce);
            }
            post.notes = Notes { owed: false, latches: false, ..post.notes };
        }
        Ok(())
    }

    fn beam(&mut self, beam: Beam, bounds: &Bounds) -> Result<(), Promise> {
        match beam {
            Beam::Rest => {}
            Beam::Pulse => self.fire(bounds)?,
            Beam::GateRestart => {
                self.gate_restarted = true;
                self.gate.restart(self.now, &mut |_, _| {});
                for post in &mut self.posts {
                    post.alive = None;
                    post.notes = Notes { heard: None, owed: true, latches: false, ..post.notes };
                }
            }
        }
        self.now = self.now.after(STEP);
        self.gate.advance(self.now, &mut |_, _| {});
        self.moment = Moment::Session;
        for post in &mut self.posts {
            post.age(STALE_STEPS + bounds.late + 1);
        }
        Ok(())
    }

    fn fire(&mut self, bounds: &Bounds) -> Result<(), Promise> {
        let held = self.gate.held();
        let pulse = self.fired_under(held) + 1;
        for Post { notes, .. } in &self.posts {
            if notes.heard.is_none() {
                return Err(Promise::Fresh);
            }
            let paid = notes.paid.is_some_and(|paid| {
                paid.delivery == held && paid.lease >= pulse && paid.age <= STALE_STEPS + bounds.late
            });
            let reached = notes.heard.is_some_and(|(permit, _)| permit.delivery == held && permit.lease >= pulse);
            if !(paid && reached) {
                return Err(Promise::PaidFor);
            }
        }
        self.fired = (held, pulse);
        self.gate.fire(self.now, &mut |_, _| {});
        Ok(())
    }

    /// The promises about the gate as it stands.
    fn judge(&self) -> Result<(), Promise> {
        let status = self.gate.status();
        let tripped = self.posts.iter().any(|post| post.notes.latches);
        if tripped && (status.state != GateState::Latched || self.gate.lets_pulse()) {
            return Err(Promise::Latched);
        }
        if status.state != GateState::Open {
            return Ok(());
        }
        if self.posts.iter().any(|post| post.notes.owed) {
            return Err(Promise::ReopensOnWithheld);
        }
        if self.posts.iter().all(|post| post.opens(self.gate.held())) { Ok(()) } else { Err(Promise::OpenOnFour) }
    }
}

/// The guard does what the session last asked for, and leases what it has seen.
fn obey(post: &mut Post, wish: Wish, lease: u32) -> Result<(), Promise> {
    post.obeyed = true;
    if wish.delivery != 0 && post.sender.current().delivery != wish.delivery {
        post.take_up(wish.delivery)?;
    }
    match wish.ask {
        Ask::Rest | Ask::Offer => {}
        Ask::Deliver => post.permit(lease),
        Ask::Withhold => post.withhold(),
        Ask::End => post.trip(),
    }
    Ok(())
}
