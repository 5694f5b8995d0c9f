//! Beam while the linac says that nobody asks for it. A request bit that is stuck at "none" would blind every judgement that
//! hangs on it, so it is held against what contradicts it: pulses, the gate's beam-on clock, and charge on a machine without
//! pulses.
//!
//! Only what lies between two good LINAC_STATUS frames that both say "none", with none lost between them, counts: a pulse
//! that was under way when the request was taken back is lawful.

use crate::fault::Fault;
use crate::machine::{Beam, Machine};
use crate::note::FaultReport;
use crate::units::{Span, Ticks};
use crate::wire::GateStatus;

/// Pulses in a row without a request that are a fault.
const PULSES: u32 = 2;
/// Stretches of charge in a row without a request that are a fault, on a machine without pulses.
const STRETCHES: u32 = 3;
/// Status periods of the beam-on clock that may pass: what two lost frames can hide.
const STATUS_PERIODS: u64 = 3;

/// The watch on beam without a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestWatch {
    pulsed: bool,
    clock_limit: Span,
    /// The last good frame said that no beam is requested.
    said_none: bool,
    /// Since when, and the gate's clock and count then.
    since: Ticks,
    clock: u16,
    pulses: u32,
    /// Pulses, or stretches, in a row so far.
    run: u32,
    /// Stretches of charge since the last frame.
    stretches: u32,
    /// Beam-on time without a request so far.
    beam_on: Span,
    /// For how long no beam has been requested.
    none_for: Span,
}

impl RequestWatch {
    /// A watch that has seen nothing.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        Self {
            pulsed: matches!(machine.beam, Beam::Pulsed { .. }),
            clock_limit: machine.timing.status.times(STATUS_PERIODS),
            said_none: false,
            since: Ticks::ZERO,
            clock: 0,
            pulses: 0,
            run: 0,
            stretches: 0,
            beam_on: Span::ZERO,
            none_for: Span::ZERO,
        }
    }

    /// A delivery begins, or goes on.
    pub fn begin(&mut self) {
        self.said_none = false;
        self.run = 0;
    }

    /// A stretch of a tenth of a second brought charge; only on a machine without pulses.
    pub fn stretch(&mut self) {
        self.stretches = self.stretches.saturating_add(1);
    }

    /// A good LINAC_STATUS came while the permit is given. `gate` is the gate's last report on the bus of that frame, so that
    /// the order of both is that of the bus; `lost` frames before it did not arrive.
    pub fn linac(&mut self, now: Ticks, requested: bool, lost: bool, gate: GateStatus) -> Option<FaultReport> {
        let between = self.said_none && !requested && !lost;
        let pulses = gate.pulses.saturating_sub(self.pulses);
        let clock = Span::from_millis(u64::from(gate.beam_on_centiseconds.wrapping_sub(self.clock))).times(10);
        let stretches = core::mem::take(&mut self.stretches);
        if between {
            self.run = self.run.saturating_add(if self.pulsed { pulses } else { stretches });
            self.beam_on = self.beam_on.plus(clock);
            self.none_for = self.none_for.plus(now.since(self.since));
        } else {
            if pulses > 0 || stretches > 0 || requested {
                self.run = 0;
            }
            self.beam_on = Span::ZERO;
            self.none_for = Span::ZERO;
        }
        self.said_none = !requested;
        (self.since, self.clock, self.pulses) = (now, gate.beam_on_centiseconds, gate.pulses);
        self.judge()
    }

    fn judge(&self) -> Option<FaultReport> {
        let most = if self.pulsed { PULSES } else { STRETCHES };
        let report = FaultReport::of(Fault::BeamWithoutRequest);
        if self.run >= most {
            return Some(report.measured(i64::from(self.run), i64::from(most)));
        }
        let limit = self.clock_limit.plus(self.none_for.over(50));
        let nanos = crate::guard::nanos;
        (self.beam_on > limit).then(|| report.measured(nanos(self.beam_on), nanos(limit)))
    }
}
