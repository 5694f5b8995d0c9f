//! The gate's beam-on clock against the supervisor's own, for each stretch of beam: neither a slow host nor a slow gate goes
//! unseen.
//!
//! A stretch begins with the first report of an open gate that shows beam: a request, a pulse, or the clock itself going on.
//! The gate's clock stops with the request, of which a guard hears only with the linac's next frame. So a clock that is
//! behind is judged only at moments that prove the request: a frame of the linac that bears it, or a report with a further
//! pulse. A clock that is ahead is judged at once, because nothing lawful makes it run faster than time.

use crate::fault::Fault;
use crate::guard::nanos;
use crate::note::FaultReport;
use crate::units::{Span, Ticks};
use crate::wire::{GateState, GateStatus};

/// What two clocks may differ by, besides 2 %.
const SLACK: Span = Span::from_millis(50);

/// A stretch of beam in which the two clocks are compared.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    began: Ticks,
    gate: Span,
    /// How far the gate's clock was behind at its last report, and how far it may be.
    behind: (Span, Span),
}

/// The comparison.
#[derive(Clone, Copy, Debug)]
pub struct BeamClock {
    requested: bool,
    last: Option<GateStatus>,
    stretch: Option<Stretch>,
}

impl BeamClock {
    /// A comparison that has seen nothing.
    pub const NONE: Self = Self { requested: false, last: None, stretch: None };

    /// Begins anew: the beam was off.
    pub fn rest(&mut self) {
        self.stretch = None;
    }

    /// A report of the gate came while the permit is given.
    pub fn gate(&mut self, now: Ticks, status: &GateStatus) -> Option<FaultReport> {
        let before = self.last.replace(*status)?;
        if !matches!(status.state, GateState::Open) {
            self.stretch = None;
            return None;
        }
        let fired = status.pulses > before.pulses;
        let step = Span::from_millis(u64::from(status.beam_on_centiseconds.wrapping_sub(before.beam_on_centiseconds)));
        let step = step.times(10);
        let Some(stretch) = &mut self.stretch else {
            if self.requested || fired || step > Span::ZERO {
                let behind = (Span::ZERO, SLACK);
                self.stretch = Some(Stretch { began: now, gate: Span::ZERO, behind });
            }
            return None;
        };
        stretch.gate = stretch.gate.plus(step);
        let host = now.since(stretch.began);
        let limit = SLACK.plus(host.over(50));
        stretch.behind = (host.minus(stretch.gate), limit);
        let ahead = stretch.gate.minus(host);
        if ahead > limit {
            return Some(Self::report(ahead, limit));
        }
        if fired { self.judge() } else { None }
    }

    /// A good frame of the linac came; `lost` frames before it did not arrive, and a pause may have been among them.
    pub fn linac(&mut self, requested: bool, lost: bool) -> Option<FaultReport> {
        self.requested = requested;
        if !requested || lost {
            self.stretch = None;
        }
        self.judge()
    }

    fn judge(&self) -> Option<FaultReport> {
        let (behind, limit) = self.stretch.as_ref()?.behind;
        (behind > limit).then(|| Self::report(behind, limit))
    }

    fn report(apart: Span, limit: Span) -> FaultReport {
        FaultReport::of(Fault::ClocksDisagree).measured(nanos(apart), nanos(limit))
    }
}
