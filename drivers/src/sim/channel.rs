//! One permit as the gate's hardware sees it: what was last heard, how old it is, and what it is worth.
//!
//! A permit's worth is apart from its content. It counts as WITHHELD at power-up, and after it was stale, invalid or of
//! another delivery, until a valid WITHHELD for the delivery held arrives. So a late or left-over PERMIT opens nothing.
//! A permit that was never heard since power-up has no age: it is withheld, not stale.

use beam_core::frame::{Arrival, Distrust, Frame, Receiver};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{Guard, NO_PULSE_LIMIT, Permit, PermitState};

/// What a permit means for the gate at this moment, one of these at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Its last frame failed the protection, or said what it may not.
    Invalid,
    /// Its last good frame is older than stale-after.
    Stale,
    /// It is about a delivery that the gate does not hold.
    Mismatch,
    /// No beam on its word.
    Withheld,
    /// Beam up to this pulse.
    Permit(u32),
}

/// All that one permit's input remembers, its moment as an age: two gates with equal memories act alike from then on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ChannelMemory {
    /// The alive counter that the next one is measured against.
    pub alive: Option<u32>,
    /// The last valid permit and its age.
    pub heard: Option<(Span, Permit)>,
    /// What came last was not to be believed.
    pub invalid: bool,
    /// What came last is too old.
    pub stale: bool,
    /// It has been WITHHELD since it last went wrong, so that a PERMIT counts.
    pub worth: bool,
}

/// One permit's input of the gate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    guard: Guard,
    receiver: Receiver,
    /// The last valid permit and when it came.
    heard: Option<(Ticks, Permit)>,
    invalid: bool,
    stale: bool,
    worth: bool,
}

impl Channel {
    /// The input as it is at power-up.
    pub(super) const fn new(guard: Guard) -> Self {
        Self { guard, receiver: Receiver::new(), heard: None, invalid: false, stale: false, worth: false }
    }

    /// Takes a frame with this permit's identifier while delivery `held` (0: none) is held. Answers whether it latches
    /// the gate: TRIPPED for the delivery held, with a right CRC, whatever its counter.
    ///
    /// `counts_pulses` says whether NO_PULSE_LIMIT is invalid from all but the time guard.
    pub(super) fn hear(&mut self, now: Ticks, frame: &Frame, held: u16, counts_pulses: bool) -> bool {
        let arrival = self.receiver.accept(frame);
        let latches = match arrival {
            Arrival::Distrusted(Distrust::Length | Distrust::Crc) => false,
            Arrival::Fresh { .. } | Arrival::Repeat | Arrival::Distrusted(Distrust::Alive) => trips(frame, held),
        };
        match arrival {
            Arrival::Repeat => {}
            Arrival::Distrusted(_) => self.distrust(),
            Arrival::Fresh { .. } => match Permit::decode(frame) {
                Ok(permit) if !(counts_pulses && permit.lease == NO_PULSE_LIMIT && self.guard != Guard::Time) => {
                    self.believe(now, permit, held);
                }
                Ok(_) | Err(_) => self.distrust(),
            },
        }
        latches
    }

    fn believe(&mut self, now: Ticks, permit: Permit, held: u16) {
        self.invalid = false;
        self.stale = false;
        self.heard = Some((now, permit));
        if permit.delivery != held {
            self.worth = false;
        } else if permit.state == PermitState::Withheld {
            self.worth = true;
        }
    }

    fn distrust(&mut self) {
        self.invalid = true;
        self.worth = false;
    }

    /// Lets the permit go stale when it is older than `stale_after`.
    pub(super) fn expire(&mut self, now: Ticks, stale_after: Span) {
        if let Some((heard, _)) = self.heard
            && now.since(heard) > stale_after
        {
            self.stale = true;
            self.worth = false;
        }
    }

    /// When the permit will be stale if nothing comes.
    pub(super) fn expires(&self, stale_after: Span) -> Option<Ticks> {
        match self.heard {
            Some((heard, _)) if !self.stale => Some(heard.after(stale_after).after(Span::from_nanos(1))),
            Some(_) | None => None,
        }
    }

    /// The delivery that this permit offers for taking up: valid, fresh, WITHHELD, lease 0, not 0 and not `held`.
    pub(super) fn offer(&self, held: u16) -> Option<u16> {
        let (_, permit) = self.heard?;
        let offers = !self.invalid
            && !self.stale
            && permit.state == PermitState::Withheld
            && permit.lease == 0
            && permit.delivery != 0
            && permit.delivery != held;
        offers.then_some(permit.delivery)
    }

    /// The delivery it offered was taken up: its WITHHELD is worth something now.
    pub(super) fn taken_up(&mut self) {
        self.worth = true;
    }

    /// What the permit means while delivery `held` is held. `withheld_opens` is the defect of a dead state decoder.
    pub(super) fn standing(&self, held: u16, withheld_opens: bool) -> Standing {
        if self.invalid {
            return Standing::Invalid;
        }
        if self.stale {
            return Standing::Stale;
        }
        let Some((_, permit)) = self.heard else { return Standing::Withheld };
        if permit.delivery != held {
            return Standing::Mismatch;
        }
        let opens = match permit.state {
            PermitState::Permit => true,
            PermitState::Withheld => withheld_opens,
            PermitState::Tripped => false,
        };
        if opens && self.worth && held != 0 { Standing::Permit(permit.lease) } else { Standing::Withheld }
    }

    /// What it remembers.
    pub(super) fn memory(&self, now: Ticks) -> ChannelMemory {
        let Self { receiver, heard, invalid, stale, worth, .. } = *self;
        let heard = heard.map(|(at, permit)| (now.since(at), permit));
        ChannelMemory { alive: receiver.reference(), heard, invalid, stale, worth }
    }

    /// The last valid lease; 0 before any.
    pub(super) fn lease(&self) -> u32 {
        self.heard.map_or(0, |(_, permit)| permit.lease)
    }
}

/// Whether the bytes of a frame with a right CRC say TRIPPED for the delivery held. Its Reason does not matter: a trip
/// with a reason that nobody knows is a trip.
fn trips(frame: &Frame, held: u16) -> bool {
    let [_, b1, _, d0, d1, ..] = frame.data;
    b1 >> 4 == 2 && held != 0 && u16::from_le_bytes([d0, d1]) == held
}
