//! A guard's permit on its way to the gate: when it is renewed, what may follow what, and the echo that says it was sent.
//!
//! Rules of the bus contract that live here and nowhere else: a permit is renewed every period and sent at once on a
//! change; at most one waits in the transmit queue and the next waits for its echo; TRIPPED stays until the next delivery
//! id; WITHHELD with lease 0 is sent only before the first PERMIT of an id, so that a gate which restarts in the middle of
//! a delivery cannot take it up again as a new one.

use crate::frame::{Frame, next_alive};
use crate::units::{Span, Ticks};
use crate::wire::{Guard, Permit, PermitState, Reason};

/// The sending end of one guard's permit.
#[derive(Clone, Copy, Debug)]
pub struct PermitSender {
    guard: Guard,
    period: Span,
    permit: Permit,
    /// A PERMIT of this delivery was asked for; from then on WITHHELD carries a lease above 0.
    permitted: bool,
    silent: bool,
    changed: bool,
    alive: u8,
    due: Ticks,
    /// The frame that was handed to the bus and has not come back yet, and since when.
    awaiting: Option<(Frame, Ticks)>,
    /// Since when a permit was to be sent and none has come back, however often the queue refused it.
    unsent_since: Option<Ticks>,
}

impl PermitSender {
    /// A sender that holds no delivery: WITHHELD, lease 0, delivery 0.
    #[must_use]
    pub const fn new(guard: Guard, period: Span) -> Self {
        let permit = Permit { state: PermitState::Withheld, reason: Reason::None, delivery: 0, lease: 0 };
        Self {
            guard,
            period,
            permit,
            permitted: false,
            silent: false,
            changed: true,
            alive: 0,
            due: Ticks::ZERO,
            awaiting: None,
            unsent_since: None,
        }
    }

    /// Begins a delivery: WITHHELD, lease 0. The only way out of TRIPPED.
    pub fn take_up(&mut self, delivery: u16) {
        self.permitted = false;
        self.silent = false;
        self.put(Permit { state: PermitState::Withheld, reason: Reason::None, delivery, lease: 0 });
    }

    /// Gives the permit, up to the pulse `lease`.
    pub fn permit(&mut self, lease: u32) {
        if !self.is_tripped() {
            self.permitted = true;
            self.silent = false;
            self.put(Permit { state: PermitState::Permit, reason: Reason::None, lease, ..self.permit });
        }
    }

    /// Withholds the permit; the delivery may go on later.
    pub fn withhold(&mut self) {
        if !self.is_tripped() {
            let lease = if self.permitted { self.permit.lease.max(1) } else { 0 };
            self.silent = false;
            self.put(Permit { state: PermitState::Withheld, reason: Reason::None, lease, ..self.permit });
        }
    }

    /// Ends the delivery for good. The first reason stays.
    pub fn trip(&mut self, reason: Reason) {
        if !self.is_tripped() {
            self.silent = false;
            self.put(Permit { state: PermitState::Tripped, reason, ..self.permit });
        }
    }

    /// Sends nothing until the next change of state: a step of the proof.
    pub fn silence(&mut self) {
        self.silent = true;
    }

    /// The permit as it stands.
    #[must_use]
    pub const fn current(&self) -> Permit {
        self.permit
    }

    /// Whether the permit is given.
    #[must_use]
    pub const fn is_given(&self) -> bool {
        matches!(self.permit.state, PermitState::Permit)
    }

    /// Whether this delivery is over.
    #[must_use]
    pub const fn is_tripped(&self) -> bool {
        matches!(self.permit.state, PermitState::Tripped)
    }

    /// When the next renewal is due.
    #[must_use]
    pub const fn due(&self) -> Ticks {
        self.due
    }

    /// Takes the echo of our own frame. False when it is not ours: somebody else sends this identifier.
    #[must_use]
    pub fn echo(&mut self, frame: &Frame) -> bool {
        match self.awaiting {
            Some((sent, _)) if sent == *frame => {
                self.awaiting = None;
                self.unsent_since = None;
                true
            }
            Some(_) | None => false,
        }
    }

    /// The transmit queue did not take the frame: it will be tried again at the next step, with the same counter.
    pub fn unsent(&mut self) {
        if let Some((frame, _)) = self.awaiting.take() {
            let [_, b1, ..] = frame.data;
            self.alive = b1 & 0x0F;
            self.changed = true;
        }
    }

    /// Gives up an echo that was waited for longer than `patience`, and sends anew. Only at rest: what was lost with the
    /// queue of a bus that went down never comes back, and must not silence this sender for ever.
    pub fn give_up_echo(&mut self, now: Ticks, patience: Span) {
        if self.awaiting.is_some_and(|(_, since)| now.since(since) > patience) {
            self.awaiting = None;
            self.changed = true;
        }
    }

    /// For how long the bus has carried no permit that was to be sent.
    #[must_use]
    pub fn unsent_for(&self, now: Ticks) -> Span {
        self.unsent_since.map_or(Span::ZERO, |since| now.since(since))
    }

    /// The frame to be sent now, if any.
    pub fn poll(&mut self, now: Ticks) -> Option<Frame> {
        let due = now >= self.due;
        if due {
            // The next deadline follows the schedule, not the moment of this turn; after a long gap it starts anew.
            let next = self.due.after(self.period);
            self.due = if next > now { next } else { now.after(self.period) };
        }
        if self.silent || self.awaiting.is_some() || !(due || self.changed) {
            return None;
        }
        if !due {
            self.due = now.after(self.period);
        }
        let frame = self.permit.encode(self.guard, self.alive);
        self.alive = next_alive(self.alive);
        self.changed = false;
        self.awaiting = Some((frame, now));
        self.unsent_since = self.unsent_since.or(Some(now));
        Some(frame)
    }

    fn put(&mut self, permit: Permit) {
        if self.permit != permit {
            self.permit = permit;
            self.changed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Span = Span::from_millis(5);

    fn at(millis: u64) -> Ticks {
        Ticks::ZERO.after(Span::from_millis(millis))
    }

    fn sender() -> PermitSender {
        let mut sender = PermitSender::new(Guard::Dose1, PERIOD);
        sender.take_up(7);
        sender
    }

    fn send(sender: &mut PermitSender, millis: u64) -> Permit {
        let frame = sender.poll(at(millis)).unwrap_or_default();
        assert!(sender.echo(&frame), "a frame at {millis} ms");
        Permit::decode(&frame).unwrap_or(sender.current())
    }

    #[test]
    fn renews_every_period_and_at_once_on_a_change() {
        let mut sender = sender();
        assert_eq!(send(&mut sender, 100).state, PermitState::Withheld);
        assert_eq!(sender.poll(at(103)), None);
        assert_eq!(send(&mut sender, 105).lease, 0);
        sender.permit(1);
        assert_eq!(send(&mut sender, 106).lease, 1);
        assert_eq!(sender.poll(at(110)), None, "a change restarts the period");
        assert_eq!(send(&mut sender, 111).lease, 1);
    }

    #[test]
    fn holds_the_next_frame_until_the_echo() {
        let mut sender = sender();
        let first = sender.poll(at(100)).unwrap_or_default();
        sender.permit(1);
        assert_eq!(sender.poll(at(106)), None);
        assert_eq!(sender.unsent_for(at(106)), Span::from_millis(6));
        assert!(!sender.echo(&Frame::default()) && sender.echo(&first));
        assert_eq!(send(&mut sender, 106).lease, 1);
    }

    #[test]
    fn withheld_with_lease_zero_only_before_the_first_permit() {
        let mut sender = sender();
        sender.permit(0);
        sender.withhold();
        assert_eq!(sender.current().lease, 1);
        sender.permit(9);
        sender.withhold();
        assert_eq!(sender.current().lease, 9);
    }

    #[test]
    fn tripped_stays_until_the_next_delivery() {
        let mut sender = sender();
        sender.trip(Reason::Fault);
        sender.permit(4);
        sender.withhold();
        sender.trip(Reason::Operator);
        assert_eq!((sender.current().state, sender.current().reason), (PermitState::Tripped, Reason::Fault));
        sender.take_up(8);
        assert_eq!(sender.current().state, PermitState::Withheld);
    }

    #[test]
    fn an_unsent_frame_keeps_its_alive_counter() {
        let mut sender = sender();
        let first = sender.poll(at(100)).unwrap_or_default();
        sender.unsent();
        assert_eq!(sender.poll(at(101)), Some(first));
    }
}
