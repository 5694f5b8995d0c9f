//! What can be broken in the gate, and what can be wrong with its report on one bus alone.

use beam_core::units::{Span, Ticks};
use beam_core::wire::{GateState, GateStatus, Guard};

/// A set of guards' channels, as a sum of [`Guard::bit`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Channels(u8);

impl Channels {
    /// Adds the channel of `guard`.
    pub const fn insert(&mut self, guard: Guard) {
        self.0 |= guard.bit();
    }

    /// Whether the channel of `guard` is in the set.
    #[must_use]
    pub const fn contains(self, guard: Guard) -> bool {
        self.0 & guard.bit() != 0
    }

    /// Whether no channel is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What is broken in the gate; [`GateDefects::SOUND`] is nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GateDefects {
    /// Channels whose permits never grow stale.
    pub stale_timer_dead: Channels,
    /// How many times stale-after a permit may be old before it is stale, in the order of [`Guard::ALL`]; 1 is right.
    pub stale_timer_times: [u8; 4],
    /// Channels whose leases, 0 included, stop nothing.
    pub lease_comparator_dead: Channels,
    /// Channels that read WITHHELD as PERMIT when the gate decides whether to open; taking up still works.
    pub state_decoder_dead: Channels,
    /// Channels whose TRIPPED does not latch the gate; it closes it as WITHHELD does.
    pub trip_latch_dead: Channels,
    /// Channels that let one pulse more pass than was leased.
    pub lease_off_by_one: Channels,
    /// Pulses pass that the gate should have held. It does not count them.
    pub leaks: bool,
    /// The next pulse is counted twice.
    pub counts_next_twice: bool,
    /// No reports on bus A, on bus B.
    pub silent: [bool; 2],
    /// What is wrong with the reports on bus A, on bus B.
    pub reports: [ReportDefects; 2],
    /// By how many thousandths the gate's clock is slow, 0 to 999.
    pub clock_slow_permille: u16,
    /// BeamOnTime stands still; the rest of the gate's clock is right.
    pub beam_on_stopped: bool,
}

impl GateDefects {
    /// Nothing is broken.
    pub const SOUND: Self = Self {
        stale_timer_dead: Channels(0),
        stale_timer_times: [1; 4],
        lease_comparator_dead: Channels(0),
        state_decoder_dead: Channels(0),
        trip_latch_dead: Channels(0),
        lease_off_by_one: Channels(0),
        leaks: false,
        counts_next_twice: false,
        silent: [false; 2],
        reports: [ReportDefects::SOUND; 2],
        clock_slow_permille: 0,
        beam_on_stopped: false,
    };
}

/// What is wrong with the gate's report on one bus: the frames are good, what they say is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReportDefects {
    /// Said for ever, in fresh frames.
    pub frozen: Option<GateStatus>,
    /// Pulses too many, or below zero too few, that it shows once one was counted.
    pub miscount: i8,
    /// It tells by so much too late that the gate is no longer OPEN.
    pub late: Span,
}

impl ReportDefects {
    /// Nothing is wrong.
    pub const SOUND: Self = Self { frozen: None, miscount: 0, late: Span::ZERO };

    /// What is said where `status` is true. `closed` is the last true report with OPEN, and when that ended.
    pub(super) fn said(&self, now: Ticks, status: GateStatus, closed: Option<(GateStatus, Ticks)>) -> GateStatus {
        if let Some(frozen) = self.frozen {
            return frozen;
        }
        let mut said = status;
        if let Some((open, at)) = closed
            && status.state != GateState::Open
            && now < at.after(self.late)
        {
            (said.state, said.cause, said.closed_by) = (open.state, open.cause, open.closed_by);
        }
        if status.pulses > 0 {
            said.pulses = status.pulses.saturating_add_signed(i32::from(self.miscount));
        }
        said
    }
}
