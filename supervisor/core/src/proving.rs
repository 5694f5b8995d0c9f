//! Proving: before every beam, each guard's silence, withdrawal and lease are shown to hold the gate.
//!
//! It runs under a delivery id of its own, with the beam not requested. For each guard in turn:
//!
//! 1. its PERMIT with lease 0, while the others lease 1 → OPEN and LEASE_USED, by it alone, held for stale-after + 10 ms;
//! 2. its WITHHELD → CLOSED, PERMIT_WITHHELD, by it alone;
//! 3. its silence → CLOSED, PERMIT_STALE, by it alone.
//!
//! Each guard times its own silence ([`crate::silence`]): it may last stale-after and the proof's margin at most. One that
//! was longer is tried again, up to three times, because a late report looks like a slow timer.
//!
//! Last of all, from OPEN and LEASE_USED, one guard (another in each proof) sends TRIPPED → LATCHED by it alone; then each
//! other adds itself. The delivery's own id releases the gate again.
//!
//! At every moment at least one guard withholds, leases 0 or has tripped, and the order of the steps never depends on two
//! guards being equally fast. A gate that reads, times or compares wrongly on any one channel is found here.

use crate::machine::Machine;
use crate::units::{Span, Ticks};
use crate::wire::{CloseCause, GateState, GateStatus, Guard};

/// All four guards, as a sum of [`Guard::bit`].
pub const EVERY_GUARD: u8 = 15;

/// One step of the proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ProofStep {
    /// The gate takes up the delivery.
    TakeUp,
    /// The guard withholds, and the gate is closed by it and its predecessor.
    Withheld,
    /// The guard gives PERMIT with lease 0 while another still withholds.
    Offered,
    /// The others lease 1: the gate opens, and this guard's lease of 0 is used up.
    Leased,
    /// That holds for stale-after and a margin.
    Held,
    /// The guard withholds.
    Withdrawn,
    /// It permits again.
    Permitted,
    /// It falls silent.
    Silenced,
    /// It withholds again, which gives its permit its worth back.
    Returned,
    /// The last guard permits once more: the gate is open for the trips.
    Reopened,
    /// The guard sends TRIPPED, and the gate is latched by it and those before it.
    Latched,
}

impl ProofStep {
    /// The name that people see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TakeUp => "take-up",
            Self::Withheld => "withheld before its turn",
            Self::Offered => "lease 0 offered",
            Self::Leased => "lease 0 used up",
            Self::Held => "lease 0 held",
            Self::Withdrawn => "withdrawal",
            Self::Permitted => "permit again",
            Self::Silenced => "silence",
            Self::Returned => "worth given back",
            Self::Reopened => "open for the trips",
            Self::Latched => "trip",
        }
    }
}

/// What a guard is asked to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// PERMIT with this lease.
    Prove(u32),
    /// WITHHELD.
    Withhold,
    /// Nothing at all.
    Silence,
    /// TRIPPED.
    Trip,
}

/// What comes of a look at the gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Nothing new.
    Wait,
    /// The guards in the sum are asked for something.
    Ask(u8, Ask),
    /// Every guard was proven.
    Proven,
    /// The gate closed on this guard's silence after so long, sooner than its limit; the proof goes on.
    Early(Guard, Span),
    /// This guard did not hold the gate in this step.
    Failed(Guard, ProofStep),
}

/// How often a silence is tried before it has failed.
const TRIES: u8 = 3;

/// A proof under way.
#[derive(Clone, Copy, Debug)]
pub struct Proving {
    turn: usize,
    step: ProofStep,
    since: Ticks,
    reached: Option<Ticks>,
    stale_after: Span,
    margin: Span,
    patience: Span,
    permit_period: Span,
    /// How long the guard's silence lasted, and how often it was tried.
    silence: Option<Span>,
    tries: u8,
    is_too_long: bool,
    early: Option<(Guard, Span)>,
    /// Who trips first, and who has tripped, as a sum of [`Guard::bit`].
    first_to_trip: Guard,
    tripped: u8,
}

impl Proving {
    /// A proof under the id `delivery` that begins now; the guards have just been asked to take it up.
    #[must_use]
    pub fn new(now: Ticks, machine: &Machine, delivery: u16) -> Self {
        let timing = machine.timing;
        let first_to_trip = Guard::ALL.get(usize::from(delivery % 4)).copied().unwrap_or(Guard::Dose1);
        Self {
            turn: 0,
            step: ProofStep::TakeUp,
            since: now,
            reached: None,
            stale_after: timing.stale_after,
            margin: timing.proof_margin,
            patience: timing.stale_after.times(4).plus(timing.session_silence),
            permit_period: timing.permit,
            silence: None,
            tries: 0,
            is_too_long: false,
            early: None,
            first_to_trip,
            tripped: 0,
        }
    }

    /// The guard whose turn it is.
    #[must_use]
    pub fn guard(&self) -> Guard {
        match self.step {
            ProofStep::Latched => self.next_to_trip(self.tripped & !self.last_tripped()),
            ProofStep::TakeUp
            | ProofStep::Withheld
            | ProofStep::Offered
            | ProofStep::Leased
            | ProofStep::Held
            | ProofStep::Withdrawn
            | ProofStep::Permitted
            | ProofStep::Silenced
            | ProofStep::Returned
            | ProofStep::Reopened => Guard::ALL.get(self.turn).copied().unwrap_or(Guard::Interlock),
        }
    }

    /// The guard that trips after those of `tripped`: the first one by the id, then the others in order.
    fn next_to_trip(&self, tripped: u8) -> Guard {
        if tripped & self.first_to_trip.bit() == 0 {
            return self.first_to_trip;
        }
        Guard::ALL.into_iter().find(|guard| tripped & guard.bit() == 0).unwrap_or(Guard::Interlock)
    }

    /// The bit of the guard that tripped last.
    fn last_tripped(&self) -> u8 {
        let mut tripped = 0;
        let mut last = 0;
        while tripped != self.tripped && tripped != EVERY_GUARD {
            last = self.next_to_trip(tripped).bit();
            tripped |= last;
        }
        last
    }

    /// The step that is waited for.
    #[must_use]
    pub const fn step(&self) -> ProofStep {
        self.step
    }

    /// How many of the guards are proven, and how many there are.
    #[must_use]
    pub fn done(&self) -> (usize, usize) {
        (self.turn, Guard::ALL.len())
    }

    /// A guard has timed its silence.
    pub fn silent(&mut self, guard: Guard, lasted: Span) {
        if guard == self.guard() && matches!(self.step, ProofStep::Silenced) {
            self.silence = Some(lasted);
        }
    }

    /// Looks at the gate: `shown` is what every bus shows alike, or `None` where they differ.
    pub fn look(&mut self, now: Ticks, shown: Option<GateStatus>) -> Progress {
        let guard = self.guard();
        if let Some((guard, lasted)) = self.early.take() {
            return Progress::Early(guard, lasted);
        }
        if now.since(self.since) > self.patience_of_step() {
            return self.give_up(shown);
        }
        let as_expected = shown.is_some_and(|status| self.is_expected(&status));
        if !as_expected {
            // during the hold the gate may not even flicker
            let broken = matches!(self.step, ProofStep::Held) && shown.is_some();
            self.reached = None;
            return if broken { Progress::Failed(guard, self.step) } else { Progress::Wait };
        }
        let reached = *self.reached.get_or_insert(now);
        let settled = match self.step {
            ProofStep::TakeUp => now.since(self.since) >= self.stale_after && now.since(reached) >= self.margin,
            ProofStep::Held => now.since(reached) >= self.stale_after.plus(self.margin),
            ProofStep::Silenced => self.silence.is_some(),
            ProofStep::Withheld
            | ProofStep::Offered
            | ProofStep::Leased
            | ProofStep::Withdrawn
            | ProofStep::Permitted
            | ProofStep::Returned
            | ProofStep::Reopened
            | ProofStep::Latched => true,
        };
        if settled { self.advance(now) } else { Progress::Wait }
    }

    /// How long a step may take. What of the silence lies above stale-after is for the ways of the request and of the answer,
    /// through a session that has no real-time rights; the guard itself times the gate.
    const fn patience_of_step(&self) -> Span {
        match self.step {
            ProofStep::Silenced => self.stale_after.times(8),
            ProofStep::TakeUp
            | ProofStep::Withheld
            | ProofStep::Offered
            | ProofStep::Leased
            | ProofStep::Held
            | ProofStep::Withdrawn
            | ProofStep::Permitted
            | ProofStep::Returned
            | ProofStep::Reopened
            | ProofStep::Latched => self.patience,
        }
    }

    /// Names the guard and the step that failed. A gate that was taken up and counts not every guard as withholding reads
    /// the others' permits wrongly.
    fn give_up(&self, shown: Option<GateStatus>) -> Progress {
        let withheld = |status: &GateStatus| matches!(status.cause, CloseCause::PermitWithheld);
        let missed = shown
            .filter(withheld)
            .and_then(|status| Guard::ALL.into_iter().find(|guard| status.closed_by & guard.bit() == 0));
        match (self.step, missed) {
            (ProofStep::TakeUp, Some(guard)) => Progress::Failed(guard, ProofStep::Withheld),
            (step, _) => Progress::Failed(self.guard(), step),
        }
    }

    fn is_expected(&self, status: &GateStatus) -> bool {
        let own = self.guard().bit();
        let before = self.turn.checked_sub(1).and_then(|turn| Guard::ALL.get(turn)).map_or(EVERY_GUARD, |g| g.bit());
        let (state, cause, closed_by) = match self.step {
            ProofStep::TakeUp => (GateState::Closed, CloseCause::PermitWithheld, EVERY_GUARD),
            ProofStep::Withheld => (GateState::Closed, CloseCause::PermitWithheld, before | own),
            ProofStep::Offered => (GateState::Closed, CloseCause::PermitWithheld, before & !own),
            // a lease of 0 means no beam on every gate, also on one that compares no others
            ProofStep::Leased | ProofStep::Held | ProofStep::Permitted | ProofStep::Reopened => {
                (GateState::Open, CloseCause::LeaseUsed, own)
            }
            ProofStep::Withdrawn | ProofStep::Returned => (GateState::Closed, CloseCause::PermitWithheld, own),
            ProofStep::Silenced => (GateState::Closed, CloseCause::PermitStale, own),
            ProofStep::Latched => (GateState::Latched, CloseCause::PermitTripped, self.tripped),
        };
        (status.state, status.cause, status.closed_by, status.pulses) == (state, cause, closed_by, 0)
    }

    fn advance(&mut self, now: Ticks) -> Progress {
        let own = self.guard().bit();
        if matches!(self.step, ProofStep::Silenced) && self.silence_failed() {
            return Progress::Failed(self.guard(), self.step);
        }
        let (step, progress) = match self.step {
            // the first guard withholds already, like all the others
            ProofStep::TakeUp | ProofStep::Withheld => (ProofStep::Offered, Progress::Ask(own, Ask::Prove(0))),
            ProofStep::Offered => (ProofStep::Leased, Progress::Ask(EVERY_GUARD & !own, Ask::Prove(1))),
            ProofStep::Leased => (ProofStep::Held, Progress::Wait),
            ProofStep::Held => (ProofStep::Withdrawn, Progress::Ask(own, Ask::Withhold)),
            ProofStep::Withdrawn => (ProofStep::Permitted, Progress::Ask(own, Ask::Prove(0))),
            ProofStep::Permitted => (ProofStep::Silenced, Progress::Ask(own, Ask::Silence)),
            ProofStep::Silenced => (ProofStep::Returned, Progress::Ask(own, Ask::Withhold)),
            ProofStep::Returned if self.is_too_long => (ProofStep::Permitted, Progress::Ask(own, Ask::Prove(0))),
            ProofStep::Returned => self.next_turn(own),
            ProofStep::Reopened | ProofStep::Latched if self.tripped == EVERY_GUARD => return Progress::Proven,
            ProofStep::Reopened | ProofStep::Latched => {
                let next = self.next_to_trip(self.tripped).bit();
                self.tripped |= next;
                (ProofStep::Latched, Progress::Ask(next, Ask::Trip))
            }
        };
        self.step = step;
        self.since = now;
        self.reached = None;
        progress
    }

    /// Judges how long the gate stayed open without the guard's word; whether it was too long for the last time.
    fn silence_failed(&mut self) -> bool {
        let lasted = self.silence.take().unwrap_or(Span::ZERO);
        self.tries = self.tries.saturating_add(1);
        self.is_too_long = lasted > self.stale_after.plus(self.margin);
        if lasted < self.stale_after.minus(self.permit_period) {
            self.early = Some((self.guard(), lasted));
        }
        self.is_too_long && self.tries >= TRIES
    }

    fn next_turn(&mut self, own: u8) -> (ProofStep, Progress) {
        self.tries = 0;
        let next = self.turn.saturating_add(1);
        if next >= Guard::ALL.len() {
            return (ProofStep::Reopened, Progress::Ask(own, Ask::Prove(0)));
        }
        self.turn = next;
        (ProofStep::Withheld, Progress::Ask(self.guard().bit(), Ask::Withhold))
    }
}
