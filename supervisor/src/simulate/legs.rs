//! The deliveries of a run: how long each plan is, by which beam, what lies between two of them; and how the machine is on the
//! day. Every plan comes twice: as the guards' order, and as the oracle expects it.

use beam_core::machine::Beam;
use beam_core::units::{Dose, Span};
use beam_drivers::sim::{Instrument, Noise, Share};

use super::draw::one_of;
use super::models::Model;
use super::second_order::{Expected, Wanted};
use crate::course::{AfterInterruption, Errand, FirstToAcknowledge, SetUpAnew};
use crate::mishap::{Anchor, Mishap, Moment, Of, Percent, What};
use crate::prepared::Prepared;

/// The longest plan in MU: 30 Gy at 90 % and a little more, beyond any IOERT prescription.
const MOST_MU: f64 = 3500.0;
/// The longest pulse period in ms of a machine on which long plans are drawn as often as they come: on a slower one a long plan
/// takes minutes of beam, and the neighbourhood of a fault matters and not the length.
const QUICK_MS: f64 = 10.0;
/// The longest plan of a machine without pulses, in tenths of a second.
const MOST_TENTHS: u32 = 60;
/// The independent value of the monitor units may be this share of the preset; both ends are within the 1 % of the contract.
const CHECKS: [f64; 5] = [1.0, 1.0, 1.0, 0.992, 1.008];

/// One delivery of a run, as it was drawn.
#[derive(Clone, Debug)]
pub struct Leg {
    /// What is asked for.
    pub wanted: Wanted,
    /// Length of the plan in pulses; without pulses, in tenths of a second.
    pub pulses: u32,
    /// The part of one more pulse that the preset holds.
    pub part: f64,
    /// Machine and plan, as the guards get them.
    pub prepared: Prepared,
    /// The same, computed a second time.
    pub expected: Expected,
    /// When and how the operator makes it.
    pub errand: Errand,
}

impl Leg {
    /// The delivery of so many pulses and a part of one by the beam of this energy; none where the machine cannot make it.
    /// Where the preset lies between two pulses is what the landing depends on.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a number of micro-MU for a simulated plan")]
    pub fn new(model: &Model, energy_mev: f64, check: f64, (pulses, part): (u32, f64)) -> Option<Self> {
        let mut plan = model.plan.clone();
        plan.energy_mev = energy_mev;
        plan.monitor_units_check = plan.monitor_units * check;
        // a plan's own limits belong to its own preset
        plan.time_limit_s = None;
        let beam = model.numbers.beams.iter().find(|beam| (beam.energy_mev - energy_mev).abs() < 0.01)?;
        let micro_mu = (beam.pulse_mu * 1e6 * (f64::from(pulses) + part)).floor();
        let monitor_units = micro_mu / 1e6;
        let wanted = Wanted {
            energy_mev,
            monitor_units,
            monitor_units_check: monitor_units * check,
            time_limit_s: None,
            ..model.wanted.clone()
        };
        let prepared = Prepared::new(&model.profile, &plan).ok()?.with_preset(Dose::from_micro_mu(micro_mu as i64));
        let expected = model.numbers.expected(&wanted)?;
        let errand = Errand::alone(prepared.order);
        Some(Self { wanted, pulses, part, prepared, expected, errand })
    }

    /// The same delivery of another length.
    #[must_use]
    pub fn of_length(&self, model: &Model, pulses: u32) -> Option<Self> {
        let check = self.wanted.monitor_units_check / self.wanted.monitor_units;
        let other = Self::new(model, self.wanted.energy_mev, check, (pulses, self.part))?;
        Some(Self { errand: Errand { order: other.prepared.order, ..self.errand }, ..other })
    }

    /// Its length as mishaps count it: without pulses the unit counts dose periods of beam, ten in a tenth of a second.
    #[must_use]
    pub fn counted(&self, model: &Model) -> u32 {
        if model.numbers.is_pulsed() { self.pulses } else { self.pulses * 10 }
    }

    /// How long the operator waits between the delivery before and this one.
    #[must_use]
    pub const fn wait(&self) -> Span {
        self.errand.acknowledged_after.plus(self.errand.armed_after)
    }
}

/// How the machine is on the day of a run, the same for all its deliveries.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Day {
    /// The true dose of every pulse, as a share of the nominal one.
    pub output: f64,
    /// What both monitors read, as a share of the true dose.
    pub response: f64,
}

impl Day {
    /// A day on which all is as commissioned.
    pub const USUAL: Self = Self { output: 1.0, response: 1.0 };

    /// The same as a scenario says it: mishaps from the start on.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a share of about one")]
    pub fn as_mishaps(&self) -> Vec<Mishap> {
        let percent = |factor: f64| Percent(Share::thousandths_of_percent((factor * 100_000.0).round() as i32));
        let at = Moment { after: Anchor::Start, delay: Span::ZERO };
        let output = What::Output { percent: percent(self.output) };
        let reads = What::Reads { of: Of(Instrument::Monitors), percent: percent(self.response) };
        let both = [(self.output, output), (self.response, reads)];
        both.into_iter().filter(|(factor, _)| *factor != 1.0).map(|(_, what)| Mishap { at, what }).collect()
    }

    /// Mostly a usual day; now and then another output, or two monitors that read low alike: by less than 15 %, which nobody can
    /// see, or by so much that only the limits behind the first one end the beam.
    pub fn draw(draw: &mut Noise) -> Self {
        let percent =
            |draw: &mut Noise, from: u32, to: u32| f64::from(from * 10 + draw.below((to - from) * 10)) / 1000.0;
        match draw.below(100) {
            0..=6 => Self { output: percent(draw, 80, 120), ..Self::USUAL },
            7..=11 => Self { response: percent(draw, 85, 100), ..Self::USUAL },
            12..=13 => Self { response: percent(draw, 52, 85), ..Self::USUAL },
            _ => Self::USUAL,
        }
    }
}

/// Draws the deliveries of a run.
pub fn draw(draw: &mut Noise, model: &Model, is_slow: bool) -> Vec<Leg> {
    let count = match draw.below(20) {
        0..=9 => 1,
        10..=15 => 2,
        16..=18 => 3,
        _ => 4,
    };
    let mut legs: Vec<Leg> = Vec::with_capacity(count);
    while legs.len() < count {
        let Some(leg) = draw_one(draw, model, is_slow, &legs) else { break };
        legs.push(leg);
    }
    legs
}

fn draw_one(draw: &mut Noise, model: &Model, is_slow: bool, before: &[Leg]) -> Option<Leg> {
    let other_beam = one_of(draw, &model.numbers.beams).energy_mev;
    let same_plan = draw.below(4) == 0;
    let energy_mev = match before.last() {
        None => model.wanted.energy_mev,
        Some(last) if draw.below(2) == 0 => last.wanted.energy_mev,
        Some(_) => other_beam,
    };
    let beam = model.numbers.beams.iter().find(|beam| (beam.energy_mev - energy_mev).abs() < 0.01)?;
    let short = length(draw, model, beam.pulse_mu, !before.is_empty());
    let pulses = if is_slow && before.is_empty() { short.max(time_to_show(draw, model, beam.pulse_mu)) } else { short };
    let (check, part) = (*one_of(draw, &CHECKS), draw.uniform());
    let mut leg = match before.last() {
        Some(last) if same_plan => last.clone(),
        Some(_) | None => Leg::new(model, energy_mev, check, (pulses, part))?,
    };
    leg.errand = Errand {
        order: leg.prepared.order,
        set_up: before.first().and_then(|first| set_up(first, before.last()?, &leg)),
        acknowledged_after: if before.is_empty() { Span::ZERO } else { wait(draw) },
        first: *one_of(draw, &[FirstToAcknowledge::Physicist, FirstToAcknowledge::Operator]),
        armed_after: if before.is_empty() { Span::ZERO } else { wait(draw) },
        interrupted: match draw.below(4) {
            0 => AfterInterruption::Leave,
            1 => AfterInterruption::Terminate(short_wait(draw)),
            _ => AfterInterruption::Resume(short_wait(draw)),
        },
    };
    Some(leg)
}

/// How the linac must be set up anew; none where it stands as it should.
fn set_up(first: &Leg, last: &Leg, leg: &Leg) -> Option<SetUpAnew> {
    if last.expected.energy == leg.expected.energy {
        return None;
    }
    let charge = |leg: &Leg| leg.expected.beam_charge_pc_per_mu.unwrap_or(1.0);
    Some(SetUpAnew {
        energy: leg.expected.energy,
        output: share(leg.expected.mu_per_second / first.expected.mu_per_second),
        beam_charge: share(charge(leg) / charge(first)),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a share of the same order as one")]
fn share(factor: f64) -> Share {
    Share::thousandths_of_percent((factor * 100_000.0).round() as i32)
}

/// What lies between two deliveries: nothing at all as often as an instant, a moment or seconds; rarely minutes, very rarely
/// hours, which cost seconds of processor time.
fn wait(draw: &mut Noise) -> Span {
    let (class, long) = (draw.below(4), draw.below(40_000));
    match (long, class) {
        (0, _) => draw.span_below(Span::from_secs(3 * 3600)),
        (1..=20, _) => draw.span_below(Span::from_secs(600)),
        (21..=400, _) => draw.span_below(Span::from_secs(10)),
        (_, 0) => Span::ZERO,
        (_, 1) => micros(draw, 10_000),
        (_, 2) => micros(draw, 300_000),
        _ => micros(draw, 1_200_000),
    }
}

fn short_wait(draw: &mut Noise) -> Span {
    let most = *one_of(draw, &[1, 20_000, 200_000, 1_000_000]);
    micros(draw, most)
}

/// Whole microseconds, so that what is printed is what happened.
fn micros(draw: &mut Noise, most: u32) -> Span {
    Span::from_micros(u64::from(draw.below(most)))
}

/// Lengths of plans in pulses, 1 to 2000: short ones often, long ones mostly where they are quick and where nothing went
/// before.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of pulses for a simulated plan")]
fn length(draw: &mut Noise, model: &Model, pulse_mu: f64, is_later: bool) -> u32 {
    let is_quick = model.numbers.pulse_period_ms().is_some_and(|period| period <= QUICK_MS);
    let (least, most) = match (draw.below(1000), is_quick) {
        (0..=699, _) => (1, 12),
        (700..=919, _) => (12, 50),
        (920..=991, false) => (50, 200),
        (920..=979, true) => (50, 200),
        (992..=997, false) => (200, 1000),
        (_, false) => (1001, 2001),
        (_, true) => (200, 1000),
    };
    let long = is_quick && !is_later && draw.below(1000) < 80;
    let pulses = if long { 1001 + draw.below(1000) } else { least + draw.below(most - least) };
    let most = if is_pulsed(model) { (MOST_MU / pulse_mu) as u32 } else { MOST_TENTHS };
    pulses.min(most)
}

/// A plan that is long enough for what is slow to show: 12 to 24 s, and 120 to 240 pulses at least.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of pulses for a simulated plan")]
fn time_to_show(draw: &mut Noise, model: &Model, pulse_mu: f64) -> u32 {
    let most = (MOST_MU / pulse_mu) as u32;
    let second = (1000.0 / model.numbers.pulse_period_ms().unwrap_or(100.0)) as u32;
    let least = (second * 12).max(120);
    (least + draw.below(least)).min(most).min(2000)
}

const fn is_pulsed(model: &Model) -> bool {
    matches!(model.profile.machine.beam, Beam::Pulsed { .. })
}
