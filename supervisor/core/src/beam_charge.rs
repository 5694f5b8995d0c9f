//! The charge of the beam itself, from a sensor that no chamber shares anything with (BEAM_CHARGE): where one is fitted,
//! both monitors must read what this much charge gave when the machine was commissioned.
//!
//! Two chambers that lie alike (both saturated, both out of the beam, a target or a foil that broke) are seen by nothing
//! else. Each pulse by itself may not be three times off, in either direction; the mean of the window (20 pulses or one
//! second, whichever is less) may not leave its baseline by 5 %, and is told from 3 % on. The sensor is believed as any
//! other sender is, and its own silence, saturation or restart is a fault, never a reason to go on without it.

use crate::fault::Fault;
use crate::frame::{Bus, Frame, Origin};
use crate::hearing::{Heard, Hearing};
use crate::machine::{Beam, BeamChargeSensor, Machine, Order};
use crate::note::{FaultReport, FrameCounts};
use crate::rate::Verdict;
use crate::reading::{Progress, contract_step};
use crate::units::{Charge, Dose, DosePerCharge, Span, Ticks};
use crate::wire::{DoseReading, dose_flag};

/// Picocoulombs that one count of this sensor's frame stands for.
const PICOCOULOMBS_PER_COUNT: u32 = 10;
/// Most pulses of the window.
const WINDOW_PULSES: u32 = 20;
/// Fewest pulses of the window: a mean of fewer would judge the noise of single pulses.
const LEAST_PULSES: u32 = 4;
/// Places of the window: at most one for each of its pulses.
const PLACES: usize = 20;
/// Deviation of the mean in percent that ends the beam.
const TRIP_PERCENT: i128 = 5;
/// Deviation of the mean in percent that is told.
const WARN_PERCENT: i128 = 3;
/// How many times off a single pulse may not be, as a fraction: 14/5. A pulse that is three times off trips with its noise.
const FACTOR: (u32, u32) = (14, 5);

/// What came between two moments at which sensor and monitors counted the same pulses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Step {
    pulses: u32,
    charge: Charge,
    doses: [Dose; 2],
}

impl Step {
    const NONE: Self = Self { pulses: 0, charge: Charge::ZERO, doses: [Dose::ZERO; 2] };

    const fn plus(self, other: Self) -> Self {
        let ([first, second], [more_first, more_second]) = (self.doses, other.doses);
        Self {
            pulses: self.pulses.saturating_add(other.pulses),
            charge: self.charge.plus(other.charge),
            doses: [first.plus(more_first), second.plus(more_second)],
        }
    }

    const fn minus(self, other: Self) -> Self {
        let ([first, second], [less_first, less_second]) = (self.doses, other.doses);
        Self {
            pulses: self.pulses.saturating_sub(other.pulses),
            charge: self.charge.minus(other.charge),
            doses: [first.minus(less_first), second.minus(less_second)],
        }
    }
}

/// The sensor and what it collected in this delivery.
#[derive(Clone, Copy, Debug)]
pub struct BeamCharge {
    fitted: Option<BeamChargeSensor>,
    hearing: Hearing,
    last: Option<DoseReading>,
    /// All of this delivery so far.
    charge: Charge,
    pulses: u32,
    /// Dose that the charge of the beam gave at commissioning; zero when the order holds none.
    baseline: DosePerCharge,
    /// Dose of a pulse under which there is nothing to compare.
    least: Dose,
    window: u32,
    /// Everything up to the last moment of equal counts.
    judged: Step,
    /// The steps of the window, the newest first.
    steps: [Step; PLACES],
}

impl BeamCharge {
    /// The sensor of `machine`, or none.
    #[must_use]
    pub fn new(machine: &Machine) -> Self {
        let period = match machine.beam {
            Beam::Pulsed { period, .. } => period,
            Beam::Continuous => Span::from_secs(1),
        };
        let in_a_second = Span::from_secs(1).nanos().checked_div(period.nanos()).unwrap_or(0);
        let window = u32::try_from(in_a_second).unwrap_or(u32::MAX).clamp(LEAST_PULSES, WINDOW_PULSES);
        Self {
            fitted: machine.beam_charge,
            hearing: Hearing::new(machine.protection),
            last: None,
            charge: Charge::ZERO,
            pulses: 0,
            baseline: DosePerCharge::from_fixed(0),
            least: Dose::ZERO,
            window,
            judged: Step::NONE,
            steps: [Step::NONE; PLACES],
        }
    }

    /// The bus of the sensor, where one is fitted.
    #[must_use]
    pub fn bus(&self) -> Option<Bus> {
        self.fitted.map(|sensor| sensor.bus)
    }

    /// The ear, for ages, where a sensor is fitted.
    #[must_use]
    pub const fn hearing(&self) -> Option<&Hearing> {
        if self.fitted.is_some() { Some(&self.hearing) } else { None }
    }

    /// Pulses of this delivery by the sensor's own count; `other` where none is fitted.
    #[must_use]
    pub const fn pulses_or(&self, other: u32) -> u32 {
        if self.fitted.is_some() { self.pulses } else { other }
    }

    /// Pulses of this delivery that were compared with both monitors; no limit where no sensor is fitted.
    #[must_use]
    pub const fn judged_or(&self, other: u32) -> u32 {
        if self.fitted.is_some() { self.judged.pulses } else { other }
    }

    /// Charge of the beam in this delivery, where a sensor is fitted.
    #[must_use]
    pub fn charge(&self) -> Option<Charge> {
        self.fitted.map(|_| self.charge)
    }

    /// Starts a delivery: charge and pulses count from here.
    ///
    /// # Errors
    /// When a sensor is fitted and the order has no baseline for it: nothing could be judged.
    pub fn begin(&mut self, order: &Order) -> Result<(), FaultReport> {
        self.charge = Charge::ZERO;
        self.pulses = 0;
        self.baseline = order.beam_charge.unwrap_or(DosePerCharge::from_fixed(0));
        // chambers and sensor may both miss a pulse that the linac did not make; two in a row are a chamber's own fault
        self.least = order.pulse_dose.percent(10);
        self.judged = Step::NONE;
        self.steps = [Step::NONE; PLACES];
        let lacking = self.fitted.is_some() && self.baseline.fixed() == 0;
        if lacking { Err(Self::report(Fault::BeamChargeRatio, 0)) } else { Ok(()) }
    }

    /// Takes a frame; how many pulses it brought.
    ///
    /// # Errors
    /// The fault that the frame or its reading is.
    pub fn take(
        &mut self,
        now: Ticks,
        origin: Origin,
        frame: &Frame,
        counts: &mut FrameCounts,
    ) -> Result<u32, FaultReport> {
        match self.hearing.hear(now, origin, frame, counts) {
            Heard::Fault(fault) => return Err(Self::report(fault, self.pulses)),
            Heard::Repeat => return Ok(0),
            Heard::Fresh => {}
        }
        let reading = DoseReading::decode(frame);
        let (pulses, charge) = match contract_step(&reading, self.last.replace(reading)) {
            Progress::First => return self.flagged(reading.flags).map(|()| 0),
            Progress::Further { pulses, charge } => (pulses, charge.times(PICOCOULOMBS_PER_COUNT)),
            Progress::Restarted { now, before } | Progress::Missed { now, before } => {
                return Err(Self::report(Fault::ChamberRestarted, self.pulses).measured(now, before));
            }
        };
        self.charge = self.charge.plus(charge);
        self.pulses = self.pulses.saturating_add(pulses);
        self.flagged(reading.flags)?;
        let full_scale = self.fitted.map_or(Charge::ZERO, |sensor| sensor.full_scale).times(pulses.max(1));
        if charge >= full_scale {
            let (charge, limit) = (charge.picocoulombs(), full_scale.picocoulombs());
            return Err(Self::report(Fault::FullScale, self.pulses).measured(charge, limit));
        }
        Ok(pulses)
    }

    fn flagged(&self, flags: u8) -> Result<(), FaultReport> {
        let report = |fault| Self::report(fault, self.pulses).measured(i64::from(flags), 0);
        dose_flag::fault(flags).map_or(Ok(()), |fault| Err(report(fault)))
    }

    /// Judges what came since the last time, as soon as both monitors and the sensor count the same pulses. `pulses` and
    /// `doses` are those of monitor 1 and monitor 2 in this delivery.
    pub fn judge(&mut self, pulses: [u32; 2], doses: [Dose; 2]) -> Verdict {
        let all_equal = pulses == [self.pulses; 2];
        if self.fitted.is_none() || !all_equal || self.pulses <= self.judged.pulses {
            return Verdict::Fine;
        }
        let whole = Step { pulses: self.pulses, charge: self.charge, doses };
        let step = whole.minus(self.judged);
        self.judged = whole;
        if let Some(report) = self.single(&step) {
            return Verdict::Trip(report);
        }
        let Some(mean) = self.mean_with(step) else { return Verdict::Fine };
        self.deviates(&mean, TRIP_PERCENT)
            .map_or_else(|| self.deviates(&mean, WARN_PERCENT).map_or(Verdict::Fine, Verdict::Warn), Verdict::Trip)
    }

    /// What a delivery that ended before its first full window comes to, from 3 % on.
    #[must_use]
    pub fn at_end(&self) -> Option<FaultReport> {
        let short = self.fitted.is_some() && self.judged.pulses >= LEAST_PULSES && self.judged.pulses < self.window;
        if short { self.deviates(&self.judged, WARN_PERCENT) } else { None }
    }

    /// A single pulse that is three times off; of several that were seen together, one that would hide among the others.
    fn single(&self, step: &Step) -> Option<FaultReport> {
        let expected = self.baseline.dose(step.charge);
        let pulses = step.pulses;
        let [first, second] = step.doses;
        let least = self.least.times(pulses);
        if expected.larger(first).larger(second) < least {
            return None;
        }
        let (upper, lower) = FACTOR;
        let others = pulses.saturating_sub(1);
        // one pulse at a multiple or at a fraction of its size, and the others as they should be
        let (most, least) = (others.saturating_mul(lower), others.saturating_mul(upper));
        let off = |monitor: u8, dose: Dose| {
            let high = dose.times(pulses).times(lower) >= expected.times(most.saturating_add(upper));
            let low = dose.times(pulses).times(upper) <= expected.times(least.saturating_add(lower));
            // of very many pulses one alone weighs less than the mean may be off
            let matters = Self::is_off(dose, expected, TRIP_PERCENT);
            ((high || low) && matters).then(|| self.ratio(monitor, dose, expected))
        };
        off(1, first).or_else(|| off(2, second))
    }

    /// The sum of the window with a new step, once it is full.
    fn mean_with(&mut self, step: Step) -> Option<Step> {
        let mut sum = step;
        let mut newest = Some(step);
        // the newest goes to the front, the others move back, and what the window no longer needs is forgotten
        for place in &mut self.steps {
            let before = core::mem::replace(place, newest.unwrap_or(Step::NONE));
            newest = (sum.pulses < self.window).then_some(before);
            if let Some(older) = newest {
                sum = sum.plus(older);
            }
        }
        (sum.pulses >= self.window).then_some(sum)
    }

    fn deviates(&self, sum: &Step, percent: i128) -> Option<FaultReport> {
        let expected = self.baseline.dose(sum.charge);
        let [first, second] = sum.doses;
        let off = |monitor: u8, dose: Dose| {
            Self::is_off(dose, expected, percent).then(|| self.ratio(monitor, dose, expected))
        };
        off(1, first).or_else(|| off(2, second))
    }

    fn is_off(dose: Dose, expected: Dose, percent: i128) -> bool {
        let apart = i128::from(dose.minus(expected).size().micro_mu()).saturating_mul(100);
        apart >= i128::from(expected.micro_mu()).saturating_mul(percent)
    }

    fn ratio(&self, monitor: u8, dose: Dose, expected: Dose) -> FaultReport {
        FaultReport::of(Fault::BeamChargeRatio).monitor(monitor).measured(dose.micro_mu(), expected.micro_mu())
    }

    const fn report(fault: Fault, pulses: u32) -> FaultReport {
        FaultReport { pulses, ..FaultReport::of(fault) }.monitor(FaultReport::BEAM_CHARGE)
    }
}
