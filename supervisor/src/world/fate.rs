//! What is still to befall the world: mishaps that wait for their moment, and those that have a duration.

use beam_core::frame::{Bus, Frame, Origin};
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_drivers::sim::Noise;

use super::bus::NEVER;
use crate::mishap::{Anchor, Frames, Mishap, Receiver, What};

/// The stream of numbers by which frames are chosen; the simulated unit uses the small ones.
const STREAM: u64 = 78;

/// What is done to chosen frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Damage {
    Lose,
    Late(Span),
    Repeat,
    Reorder,
    Corrupt,
}

/// A disturbance of frames that is going on.
#[derive(Clone, Copy, Debug)]
struct Disturbance {
    damage: Damage,
    frames: Frames,
    until: Ticks,
}

/// A frame on its way to one receiver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    pub to: Receiver,
    pub bus: Bus,
    pub origin: Origin,
    pub frame: Frame,
}

/// A node that sends without end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Babbler {
    pub bus: Bus,
    pub id: u16,
    pub every: Span,
    pub next: Ticks,
    pub until: Ticks,
}

/// Something with an end: what is to be undone then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Disturbances,
    Off,
    Cut(Bus),
    Slew,
    Down,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Fate {
    waiting: Vec<Mishap>,
    scheduled: Vec<(Ticks, What)>,
    disturbances: Vec<Disturbance>,
    late: Vec<(Ticks, Delivery)>,
    held: Vec<Delivery>,
    ends: Vec<(Ticks, End)>,
    pub babblers: Vec<Babbler>,
    /// Until when the computer's controllers of bus A and bus B have left their bus.
    pub off_until: [Ticks; 2],
    noise: Noise,
    due: Ticks,
}

impl Fate {
    pub fn new(seed: u64, mishaps: impl Iterator<Item = Mishap>) -> Self {
        let mut fate = Self {
            waiting: mishaps.collect(),
            scheduled: Vec::new(),
            disturbances: Vec::new(),
            late: Vec::new(),
            held: Vec::new(),
            ends: Vec::new(),
            babblers: Vec::new(),
            off_until: [Ticks::ZERO; 2],
            noise: Noise::new(seed, STREAM),
            due: NEVER,
        };
        fate.reach(Ticks::ZERO, |anchor| matches!(anchor, Anchor::Start | Anchor::Pulse(0)));
        fate
    }

    /// When something is due.
    pub const fn due(&self) -> Ticks {
        self.due
    }

    /// Whether frames are delivered as they come.
    pub fn is_calm(&self) -> bool {
        self.disturbances.is_empty() && self.held.is_empty()
    }

    /// The session entered a state.
    pub fn entered(&mut self, now: Ticks, state: State) {
        self.reach(now, |anchor| anchor == Anchor::State(state));
    }

    /// So many pulses were fired.
    pub fn fired(&mut self, now: Ticks, pulses: u64) {
        if !self.waiting.is_empty() {
            self.reach(now, |anchor| matches!(anchor, Anchor::Pulse(pulse) if u64::from(pulse) <= pulses));
        }
    }

    fn reach(&mut self, now: Ticks, reached: impl Fn(Anchor) -> bool) {
        let scheduled = &mut self.scheduled;
        self.waiting.retain(|mishap| {
            let reached = reached(mishap.at.after);
            if reached {
                scheduled.push((now.after(mishap.at.delay), mishap.what));
            }
            !reached
        });
        self.look();
    }

    /// The next mishap whose moment has come.
    pub fn next(&mut self, now: Ticks) -> Option<What> {
        let place = self.scheduled.iter().position(|&(at, _)| at <= now)?;
        let (_, what) = self.scheduled.remove(place);
        self.look();
        Some(what)
    }

    /// The next duration that is over.
    pub fn next_end(&mut self, now: Ticks) -> Option<End> {
        let place = self.ends.iter().position(|&(at, _)| at <= now)?;
        let (_, end) = self.ends.remove(place);
        if end == End::Disturbances {
            self.disturbances.retain(|disturbance| disturbance.until > now);
        }
        self.look();
        Some(end)
    }

    /// The next late frame that arrives.
    pub fn next_late(&mut self, now: Ticks) -> Option<Delivery> {
        let place = self.late.iter().position(|&(at, _)| at <= now)?;
        let (_, delivery) = self.late.remove(place);
        self.look();
        Some(delivery)
    }

    pub fn ends_at(&mut self, at: Ticks, end: End) {
        self.ends.push((at, end));
        self.look();
    }

    pub fn disturb(&mut self, now: Ticks, damage: Damage, frames: Frames) {
        let until = now.after(frames.lasting);
        self.disturbances.push(Disturbance { damage, frames, until });
        self.ends_at(until, End::Disturbances);
    }

    pub fn babble(&mut self, babbler: Babbler) {
        self.babblers.push(babbler);
        self.look();
    }

    /// Finds again what is due first; after every change.
    pub fn look(&mut self) {
        let babblers = self.babblers.iter().map(|babbler| babbler.next);
        let scheduled = self.scheduled.iter().map(|&(at, _)| at);
        let late = self.late.iter().map(|&(at, _)| at);
        let ends = self.ends.iter().map(|&(at, _)| at);
        self.due = babblers.chain(scheduled).chain(late).chain(ends).min().unwrap_or(NEVER);
    }

    /// What becomes of a frame on its way to `receivers`: what arrives at once goes to `arrives`, the rest later or never.
    pub fn pass(&mut self, now: Ticks, deliveries: &[Delivery], mut arrives: impl FnMut(Delivery)) {
        let Some(first) = deliveries.first() else { return };
        let id = first.frame.id;
        // what befalls the frame on the bus befalls it for everyone alike
        let on_bus: Vec<bool> = self.disturbances.clone().iter().map(|d| self.strikes(d, id)).collect();
        let spoilt_bit = self.noise.below(64);
        for &delivery in deliveries {
            let mut copies = vec![(Span::ZERO, delivery)];
            for (index, disturbance) in self.disturbances.clone().iter().enumerate() {
                let struck = match disturbance.frames.to {
                    Receiver::Everyone => on_bus.get(index) == Some(&true) && delivery.origin != Origin::Echo,
                    one => one == delivery.to && self.strikes(disturbance, id),
                };
                if struck {
                    self.damage(disturbance.damage, spoilt_bit, &mut copies);
                }
            }
            for (delay, copy) in copies {
                if delay == Span::ZERO { arrives(copy) } else { self.late.push((now.after(delay), copy)) }
            }
            self.release(delivery, &mut arrives);
        }
        self.look();
    }

    fn strikes(&mut self, disturbance: &Disturbance, id: u16) -> bool {
        let Frames { id: wanted, permille, .. } = disturbance.frames;
        wanted.is_none_or(|wanted| wanted == id) && self.noise.below(1000) < u32::from(permille)
    }

    fn damage(&mut self, damage: Damage, bit: u32, copies: &mut Vec<(Span, Delivery)>) {
        match damage {
            Damage::Lose => copies.clear(),
            Damage::Late(by) => {
                for (delay, _) in copies.iter_mut() {
                    *delay = delay.plus(self.noise.span_below(by));
                }
            }
            Damage::Repeat => copies.extend(copies.clone()),
            Damage::Reorder => self.held.extend(copies.drain(..).map(|(_, copy)| copy)),
            Damage::Corrupt => {
                for (_, copy) in copies.iter_mut() {
                    copy.frame.data[(bit / 8) as usize] ^= 1 << (bit % 8);
                }
            }
        }
    }

    /// What was held back for this one to pass arrives behind it.
    fn release(&mut self, passed: Delivery, arrives: &mut impl FnMut(Delivery)) {
        let behind = |held: &Delivery| {
            held.to == passed.to
                && held.bus == passed.bus
                && held.frame.id == passed.frame.id
                && held.frame != passed.frame
        };
        while let Some(place) = self.held.iter().position(behind) {
            arrives(self.held.remove(place));
        }
    }
}
