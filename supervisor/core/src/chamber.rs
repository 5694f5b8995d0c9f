//! One monitor chamber as a guard sees it: believed readings become charge and pulses of this delivery, and each reading
//! is judged by itself. An invalid reading is never a zero, never "low" and never the old value: it is a fault.
//!
//! Every guard that reads a chamber has a `Chamber` of its own; they share nothing.

use crate::fault::Fault;
use crate::frame::{Frame, Origin};
use crate::hearing::{Heard, Hearing};
use crate::machine::{Beam, Machine, Order};
use crate::note::{FaultReport, FrameCounts, RawCount};
use crate::reading::{Progress, Source, Step, dose_flag};
use crate::units::{Charge, Span, Ticks};

/// On a machine without pulses a stretch of beam this long is judged as if it were a pulse.
pub const STRETCH: Span = Span::from_millis(100);

/// Pulses in a row under 10 % of the expected charge that are a fault.
const NO_SIGNAL_PULSES: u32 = 2;
/// Pulses in a row under 50 % of the expected charge that are a fault.
const LOW_PULSES: u32 = 3;
/// What the charge of many pulses in one reading may be, in percent of the expected one: as the pulse limit.
const HIGH_PERCENT: u32 = 125;

/// Readings at full scale, beyond those that came, above which a step of the charge is none.
const LEAP: u32 = 2;

/// What tells of beam besides the chamber itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BeamSign {
    /// The gate is not open, or whoever asks does not know.
    Closed,
    /// The gate is open, and nothing else tells of beam.
    Open,
    /// The gate is open, and a request or its own beam-on clock tells of beam.
    On,
}

/// What a frame brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reading {
    /// Pulses since the last believed frame.
    pub pulses: u32,
    /// Charge since the last believed frame.
    pub charge: Charge,
}

/// A chamber and what it collected in this delivery.
#[derive(Clone, Copy, Debug)]
pub struct Chamber {
    monitor: u8,
    hearing: Hearing,
    source: Source,
    charge: Charge,
    peak: Charge,
    pulses: u32,
    expected: Charge,
    full_scale: Charge,
    continuous: bool,
    /// Whether the beam of this delivery has begun.
    started: bool,
    /// A counter began anew in this delivery.
    began_anew: bool,
    /// Charge that came in frames without a pulse since the last one with a pulse.
    uncounted: Charge,
    /// Beam time since the last judged stretch, on a machine without pulses.
    stretch: Span,
    /// A judged stretch brought charge, and nobody has asked for it yet.
    stretch_ended: bool,
    /// How often a reading comes at least.
    period: Span,
    last_at: Ticks,
    /// What the last reading brought, and how long after the one before it came.
    last: (Charge, Span),
    low_run: u32,
    no_signal_run: u32,
    still_run: u32,
}

impl Chamber {
    /// The chamber of monitor 1 or 2 of `machine`.
    #[must_use]
    pub const fn new(monitor: u8, machine: &Machine) -> Self {
        let [first, second] = machine.monitors;
        let own = if monitor == 1 { first } else { second };
        let extraction = match &own.electrometer {
            Some(electrometer) => Some(&electrometer.extraction),
            None => None,
        };
        Self {
            monitor,
            hearing: Hearing::new(machine.dose_protection(monitor)),
            source: Source::new(extraction),
            charge: Charge::ZERO,
            peak: Charge::ZERO,
            pulses: 0,
            expected: Charge::ZERO,
            full_scale: own.full_scale,
            continuous: matches!(machine.beam, Beam::Continuous),
            started: false,
            began_anew: false,
            uncounted: Charge::ZERO,
            stretch: Span::ZERO,
            stretch_ended: false,
            period: machine.timing.dose,
            last_at: Ticks::ZERO,
            last: (Charge::ZERO, Span::ZERO),
            low_run: 0,
            no_signal_run: 0,
            still_run: 0,
        }
    }

    /// Starts a delivery: charge and pulses count from here, each pulse is expected as `order` says.
    pub fn begin(&mut self, order: &Order) {
        let [first, second] = order.expected_pulse;
        self.expected = if self.monitor == 1 { first } else { second };
        self.clear();
    }

    /// Another delivery is offered: what was collected for the last one is over, and nothing is expected yet. A counter that
    /// fell then is no fault of the next one.
    pub fn forget(&mut self) {
        self.expected = Charge::ZERO;
        self.clear();
    }

    fn clear(&mut self) {
        self.charge = Charge::ZERO;
        self.peak = Charge::ZERO;
        self.started = false;
        self.began_anew = false;
        self.pulses = 0;
        self.uncounted = Charge::ZERO;
        self.stretch = Span::ZERO;
        self.stretch_ended = false;
        self.low_run = 0;
        self.no_signal_run = 0;
        self.still_run = 0;
    }

    /// The delivery is armed and its beam has not begun: leakage and drift are no dose of it, and what they bring over
    /// minutes is not to be taken for a pulse, nor for a fall. Each reading was judged by itself, and charge above leakage
    /// is found by the watch on the beam that should be off.
    pub fn rest(&mut self) {
        if self.pulses == 0 {
            self.peak = self.charge;
            self.uncounted = Charge::ZERO;
        }
    }

    /// The beam of the delivery begins, or goes on: what was collected before its first pulse is no dose of it. Without
    /// pulses only the beginning tells; what came since is dose, and is kept over an interruption.
    pub fn start(&mut self) {
        if self.pulses == 0 && !(self.continuous && self.started) {
            self.charge = Charge::ZERO;
        }
        self.started = true;
        self.rest();
    }

    /// Charge of this delivery.
    #[must_use]
    pub const fn charge(&self) -> Charge {
        self.charge
    }

    /// Charge of this delivery up to the last frame that counted a pulse: what came since belongs to the next one. Without
    /// pulses all of it.
    #[must_use]
    pub const fn counted_charge(&self) -> Charge {
        if self.continuous { self.charge } else { self.charge.minus(self.uncounted) }
    }

    /// Pulses of this delivery.
    #[must_use]
    pub const fn pulses(&self) -> u32 {
        self.pulses
    }

    /// Whether a counter began anew in this delivery: from then on its pulses are no measure of what was fired.
    #[must_use]
    pub const fn began_anew(&self) -> bool {
        self.began_anew
    }

    /// What the electrometer's counters stand at, as its last frame carried them.
    #[must_use]
    pub fn raw(&self) -> Option<RawCount> {
        self.source.raw()
    }

    /// Expected charge of one pulse.
    #[must_use]
    pub const fn expected(&self) -> Charge {
        self.expected
    }

    /// How long ago the last reading came, what it brought, and how long after the one before it.
    #[must_use]
    pub fn last_reading(&self, now: Ticks) -> (Span, Charge, Span) {
        let (charge, over) = self.last;
        (now.since(self.last_at), charge, over)
    }

    /// Whether a stretch of beam with charge has ended since the last call; only on a machine without pulses.
    pub fn take_stretch(&mut self) -> bool {
        core::mem::take(&mut self.stretch_ended)
    }

    /// The ear, for ages.
    #[must_use]
    pub const fn hearing(&self) -> &Hearing {
        &self.hearing
    }

    /// Takes a frame; `None` is one that brought nothing. `beam` is what tells of beam, which only a machine without pulses
    /// needs.
    ///
    /// # Errors
    /// The fault that the frame or its reading is.
    pub fn take(
        &mut self,
        now: Ticks,
        origin: Origin,
        frame: &Frame,
        beam: BeamSign,
        counts: &mut FrameCounts,
    ) -> Result<Option<Reading>, FaultReport> {
        match self.hearing.hear(now, origin, frame, counts) {
            Heard::Fault(fault) => return Err(self.report(fault, 0, 0)),
            Heard::Repeat => return Ok(None),
            Heard::Fresh => {}
        }
        let Step { flags, progress } = self.source.step(frame);
        let elapsed = now.since(self.last_at);
        self.last_at = now;
        let (pulses, charge) = match progress {
            Progress::First => return self.flagged(flags).map(|()| Some(Reading::default())),
            Progress::Further { pulses, charge } => (pulses, charge),
            // what a counter that began anew says is nobody's dose
            Progress::Restarted { now, before } | Progress::Missed { now, before } => {
                self.began_anew = true;
                return Err(self.report(Fault::ChamberRestarted, now, before));
            }
        };
        if let Err(report) = self.leaps(pulses, charge, elapsed) {
            self.began_anew = true;
            return Err(report);
        }
        self.last = (charge, elapsed);
        self.charge = self.charge.plus(charge);
        self.pulses = self.pulses.saturating_add(pulses);
        if self.hearing.lost() > 0 && self.source.needs_every_frame() {
            return Err(self.report(Fault::ChamberRestarted, i64::from(self.hearing.lost()), 0));
        }
        self.flagged(flags)?;
        if self.expected > Charge::ZERO {
            if self.continuous {
                self.judge_stretch(charge, elapsed, beam)?;
            } else {
                self.judge(pulses, charge)?;
            }
        }
        Ok(Some(Reading { pulses, charge }))
    }

    /// A step of the charge, up or down, that no electrometer can measure in this time is no charge: the counter began anew.
    fn leaps(&self, pulses: u32, charge: Charge, elapsed: Span) -> Result<(), FaultReport> {
        let readings = if self.continuous {
            let periods = elapsed.nanos().checked_div(self.period.nanos()).unwrap_or(0);
            u32::try_from(periods).unwrap_or(u32::MAX)
        } else {
            pulses
        };
        let most = self.full_scale.times(readings.saturating_add(LEAP));
        if charge > most || charge < Charge::ZERO.minus(most) {
            return Err(self.report(Fault::ChamberRestarted, charge.picocoulombs(), most.picocoulombs()));
        }
        Ok(())
    }

    fn flagged(&self, flags: u8) -> Result<(), FaultReport> {
        dose_flag::fault(flags).map_or(Ok(()), |fault| Err(self.report(fault, i64::from(flags), 0)))
    }

    /// Judges `charge` for `pulses` pulses. A frame's charge contains the whole of every pulse that it counts, and may
    /// contain more; what came before its pulse was counted is carried to that pulse.
    fn judge(&mut self, pulses: u32, charge: Charge) -> Result<(), FaultReport> {
        let charge = charge.plus(self.uncounted);
        let full_scale = self.full_scale.times(pulses.max(1));
        if charge >= full_scale {
            return Err(self.report(Fault::FullScale, charge.picocoulombs(), full_scale.picocoulombs()));
        }
        // from the fifth on a machine that gives a quarter more than planned would be over (k + 1) by its many pulses alone
        let high = self.expected.times(pulses.saturating_add(1)).max(self.expected.times(pulses).percent(HIGH_PERCENT));
        if charge > high {
            return Err(self.report(Fault::PulseHigh, charge.picocoulombs(), high.picocoulombs()));
        }
        self.falls()?;
        if pulses == 0 {
            self.uncounted = charge;
            return Ok(());
        }
        self.uncounted = Charge::ZERO;
        self.too_little(pulses, charge)
    }

    fn falls(&mut self) -> Result<(), FaultReport> {
        self.peak = self.peak.max(self.charge);
        let fallen = self.peak.minus(self.charge);
        let limit = self.expected.percent(10);
        if fallen > limit {
            // what was delivered does not become less because a counter falls
            self.charge = self.peak;
            return Err(self.report(Fault::ChargeFalls, fallen.picocoulombs(), limit.picocoulombs()));
        }
        Ok(())
    }

    fn too_little(&mut self, pulses: u32, charge: Charge) -> Result<(), FaultReport> {
        let expected = self.expected.times(pulses);
        let run = |so_far: u32, too_little: bool| if too_little { so_far.saturating_add(pulses) } else { 0 };
        self.still_run = run(self.still_run, charge == Charge::ZERO);
        self.no_signal_run = run(self.no_signal_run, charge < expected.percent(10));
        self.low_run = run(self.low_run, charge < expected.percent(50));
        let (fault, percent) = if self.still_run >= NO_SIGNAL_PULSES {
            (Fault::ChargeStandsStill, 10)
        } else if self.no_signal_run >= NO_SIGNAL_PULSES {
            (Fault::NoSignal, 10)
        } else if self.low_run >= LOW_PULSES {
            (Fault::PulseLow, 50)
        } else {
            return Ok(());
        };
        Err(self.report(fault, charge.picocoulombs(), expected.percent(percent).picocoulombs()))
    }

    /// Without pulses: the charge of each tenth of a second of beam is judged as if it were a pulse.
    fn judge_stretch(&mut self, charge: Charge, elapsed: Span, beam: BeamSign) -> Result<(), FaultReport> {
        if charge >= self.full_scale {
            return Err(self.report(Fault::FullScale, charge.picocoulombs(), self.full_scale.picocoulombs()));
        }
        self.falls()?;
        // charge tells of beam by itself, at half the expected rate or more
        let due = i128::from(self.expected.picocoulombs()).saturating_mul(i128::from(elapsed.nanos()));
        let came = i128::from(charge.picocoulombs()).saturating_mul(i128::from(STRETCH.nanos()));
        let is_on = match beam {
            BeamSign::Closed => false,
            BeamSign::Open => came.saturating_mul(2) >= due,
            BeamSign::On => true,
        };
        if !is_on {
            self.stretch = Span::ZERO;
            self.uncounted = Charge::ZERO;
            return Ok(());
        }
        self.stretch = self.stretch.plus(elapsed);
        self.uncounted = self.uncounted.plus(charge);
        let tenths = u32::try_from(self.stretch.nanos().checked_div(STRETCH.nanos()).unwrap_or(0)).unwrap_or(u32::MAX);
        let high = self.expected.times(tenths.saturating_add(1)).times(2);
        if self.uncounted > high {
            return Err(self.report(Fault::PulseHigh, self.uncounted.picocoulombs(), high.picocoulombs()));
        }
        if tenths == 0 {
            return Ok(());
        }
        let charge = self.uncounted;
        self.stretch = Span::ZERO;
        self.uncounted = Charge::ZERO;
        self.stretch_ended = charge >= self.expected.percent(10);
        self.too_little(tenths, charge)
    }

    fn report(&self, fault: Fault, measured: i64, limit: i64) -> FaultReport {
        FaultReport { pulses: self.pulses, ..FaultReport::of(fault) }.monitor(self.monitor).measured(measured, limit)
    }
}
