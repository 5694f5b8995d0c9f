//! Proving: before every beam, each guard's silence, withdrawal and lease are shown to hold the gate.
//!
//! It runs under a delivery id of its own, with the beam not requested. For each guard in turn:
//!
//! 1. its PERMIT with lease 0, while the others lease 1 → OPEN and LEASE_USED, by it alone, held for stale-after + 10 ms;
//! 2. its WITHHELD → CLOSED, PERMIT_WITHHELD, by it alone;
//! 3. its silence → CLOSED, PERMIT_STALE, by it alone.
//!
//! At every moment at least one guard withholds or leases 0, and the order of the steps never depends on two guards
//! being equally fast. A gate that reads, times or compares wrongly on any one channel is found here.

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
    /// This guard did not hold the gate in this step.
    Failed(Guard, ProofStep),
}

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
}

impl Proving {
    /// A proof that begins now; the guards have just been asked to take up its delivery.
    #[must_use]
    pub const fn new(now: Ticks, machine: &Machine) -> Self {
        let timing = machine.timing;
        Self {
            turn: 0,
            step: ProofStep::TakeUp,
            since: now,
            reached: None,
            stale_after: timing.stale_after,
            margin: timing.proof_margin,
            patience: timing.stale_after.times(4).plus(timing.session_silence),
        }
    }

    /// The guard whose turn it is.
    #[must_use]
    pub fn guard(&self) -> Guard {
        Guard::ALL.get(self.turn).copied().unwrap_or(Guard::Interlock)
    }

    /// The step that is waited for.
    #[must_use]
    pub const fn step(&self) -> ProofStep {
        self.step
    }

    /// How many of the steps of all guards are done, and how many there are.
    #[must_use]
    pub fn done(&self) -> (usize, usize) {
        (self.turn, Guard::ALL.len())
    }

    /// Looks at the gate: `shown` is what every bus shows alike, or `None` where they differ.
    pub fn look(&mut self, now: Ticks, shown: Option<GateStatus>) -> Progress {
        let guard = self.guard();
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
            ProofStep::Withheld
            | ProofStep::Offered
            | ProofStep::Leased
            | ProofStep::Withdrawn
            | ProofStep::Permitted
            | ProofStep::Silenced
            | ProofStep::Returned => true,
        };
        if settled { self.advance(now) } else { Progress::Wait }
    }

    /// How long a step may take. That of the silence also judges the gate's own timer; what lies above stale-after is for
    /// the ways of the request and of the answer, through a session that has no real-time rights.
    const fn patience_of_step(&self) -> Span {
        match self.step {
            ProofStep::Silenced => self.stale_after.times(4),
            ProofStep::TakeUp
            | ProofStep::Withheld
            | ProofStep::Offered
            | ProofStep::Leased
            | ProofStep::Held
            | ProofStep::Withdrawn
            | ProofStep::Permitted
            | ProofStep::Returned => self.patience,
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
            ProofStep::Leased | ProofStep::Held | ProofStep::Permitted => (GateState::Open, CloseCause::LeaseUsed, own),
            ProofStep::Withdrawn | ProofStep::Returned => (GateState::Closed, CloseCause::PermitWithheld, own),
            ProofStep::Silenced => (GateState::Closed, CloseCause::PermitStale, own),
        };
        (status.state, status.cause, status.closed_by, status.pulses) == (state, cause, closed_by, 0)
    }

    fn advance(&mut self, now: Ticks) -> Progress {
        let own = self.guard().bit();
        let (step, progress) = match self.step {
            // the first guard withholds already, like all the others
            ProofStep::TakeUp | ProofStep::Withheld => (ProofStep::Offered, Progress::Ask(own, Ask::Prove(0))),
            ProofStep::Offered => (ProofStep::Leased, Progress::Ask(EVERY_GUARD & !own, Ask::Prove(1))),
            ProofStep::Leased => (ProofStep::Held, Progress::Wait),
            ProofStep::Held => (ProofStep::Withdrawn, Progress::Ask(own, Ask::Withhold)),
            ProofStep::Withdrawn => (ProofStep::Permitted, Progress::Ask(own, Ask::Prove(0))),
            ProofStep::Permitted => (ProofStep::Silenced, Progress::Ask(own, Ask::Silence)),
            ProofStep::Silenced => (ProofStep::Returned, Progress::Ask(own, Ask::Withhold)),
            ProofStep::Returned => {
                self.turn = self.turn.saturating_add(1);
                if self.turn >= Guard::ALL.len() {
                    return Progress::Proven;
                }
                (ProofStep::Withheld, Progress::Ask(self.guard().bit(), Ask::Withhold))
            }
        };
        self.step = step;
        self.since = now;
        self.reached = None;
        progress
    }
}
