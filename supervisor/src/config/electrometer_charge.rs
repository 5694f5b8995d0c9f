//! The charge of another electrometer: its unit and factor as an exact ratio to pC, and whether its bits are enough for what
//! the chamber can collect.

use std::num::NonZeroU32;

use beam_core::extraction::{Counting, Scale};

use super::dbc::{DbcMessage, DbcSignal};
use super::electrometer::Wanted;
use super::electrometer_surroundings::Surroundings;
use super::exact::Ratio;
use super::reader::Section;

/// Largest share of the weakest beam's pulse that one count may be: the guards judge each pulse by itself, down to a tenth.
const COARSEST: f64 = 0.05;

/// Units of charge, in pC. The two signs for micro look alike.
const UNITS: &[(&str, Ratio)] = &[
    ("fC", Ratio::one_over(1_000)),
    ("pC", Ratio::whole(1)),
    ("nC", Ratio::whole(1_000)),
    ("uC", Ratio::whole(1_000_000)),
    ("\u{b5}C", Ratio::whole(1_000_000)),
    ("\u{3bc}C", Ratio::whole(1_000_000)),
    ("C", Ratio::whole(1_000_000_000_000)),
];

/// How charge is counted and what a count is; `None` when something is wrong with it.
pub(super) fn read(
    section: &Section<'_, '_>,
    message: &DbcMessage<'_>,
    signal: &DbcSignal<'_>,
    wanted: Wanted,
    around: &Surroundings,
) -> Option<(Counting, Scale)> {
    let unit = read_unit(section, message, signal, around)?;
    let scale = read_scale(section, message, signal, unit)?;
    let picocoulombs = f64::from(scale.numerator.get()) / f64::from(scale.denominator.get());
    judge_resolution(section, message, signal, picocoulombs, around);
    match wanted {
        Wanted::Cumulative => {
            judge_counter(section, message, signal, picocoulombs, around).then_some((Counting::Cumulative, scale))
        }
        Wanted::PerPulse => Some((read_per_pulse(section, message, signal, unit, scale, around)?, scale)),
    }
}

fn read_unit(
    section: &Section<'_, '_>,
    message: &DbcMessage<'_>,
    signal: &DbcSignal<'_>,
    around: &Surroundings,
) -> Option<Ratio> {
    let unit = signal.signal.unit.trim();
    if let Some(&(_, ratio)) = UNITS.iter().find(|(name, _)| *name == unit) {
        return Some(ratio);
    }
    if unit == "MU" {
        // a chamber's calibration in the profile is a decimal number like any other
        return Ratio::of_decimal(around.pc_per_mu);
    }
    let at = message.place_of(signal);
    let (what, fix) = if unit.ends_with("Gy") {
        (
            format!("{at} is a dose in {unit}, which depends on energy and applicator"),
            "name a signal in MU or in charge",
        )
    } else {
        let unit = if unit.is_empty() { "no unit".to_owned() } else { format!("the unit \"{unit}\"") };
        (format!("{at} has {unit}, which is no charge and no dose"), "name a signal in fC, pC, nC, uC, C or MU")
    };
    section.problem("charge", what, fix);
    None
}

fn read_scale(
    section: &Section<'_, '_>,
    message: &DbcMessage<'_>,
    signal: &DbcSignal<'_>,
    unit: Ratio,
) -> Option<Scale> {
    let (at, factor) = (message.place_of(signal), signal.signal.factor);
    if factor <= 0.0 {
        let what = format!("{at} has the factor {factor}: charge would count down or not at all");
        section.problem("charge", what, "have the electrometer count upwards, or change the chamber's polarity");
        return None;
    }
    let ratio = Ratio::of_decimal(factor).and_then(|factor| factor.times(unit)).and_then(|ratio| {
        let part = |number: i128| u32::try_from(number).ok().and_then(NonZeroU32::new);
        Some(Scale { numerator: part(ratio.numerator)?, denominator: part(ratio.denominator)? })
    });
    if ratio.is_none() {
        let what = format!("{at} has the factor {factor}, which is no ratio of two numbers of 32 bits to a pC");
        section.problem("charge", what, "write the factor as a decimal number of at most 15 digits, in a nearer unit");
    }
    ratio
}

/// Refuses a count so large that a pulse of the weakest beam would be a few of them. Without pulses that holds for the beam
/// of a dose period, which is what the guards allow after the end.
fn judge_resolution(
    section: &Section<'_, '_>,
    message: &DbcMessage<'_>,
    signal: &DbcSignal<'_>,
    picocoulombs: f64,
    around: &Surroundings,
) {
    let most = COARSEST * around.weakest_pc;
    // two products of the same decimal numbers may differ in their last digits
    if picocoulombs <= most * (1.0 + 1e-9) {
        return;
    }
    let of = if around.pulse_rate_hz.is_some() { "pulse" } else { "dose period" };
    let what = format!(
        "{} has {picocoulombs} pC a count, more than 5 % of the {:.0} pC of a {of} of the weakest beam",
        message.place_of(signal),
        around.weakest_pc
    );
    let fix = format!("use a finer signal or a more sensitive range: {most:.0} pC a count or less");
    section.problem("charge", what, fix);
}

/// Whether a counter of all charge can be followed: it wraps where its bits end, and half of it holds what may lie between
/// two frames.
fn judge_counter(
    section: &Section<'_, '_>,
    message: &DbcMessage<'_>,
    signal: &DbcSignal<'_>,
    picocoulombs: f64,
    around: &Surroundings,
) -> bool {
    let at = message.place_of(signal);
    if !signal.wraps_at_its_width() {
        let what = format!("{at} has a range that is not that of its bits, so it is not known where it wraps");
        section.problem("charge", what, "declare the whole range of its width, or [0|0]");
        return false;
    }
    let (holds, most) = (signal.half() * picocoulombs, around.most_between() * around.full_scale_pc);
    if holds < most {
        let bits = signal.field.width();
        let what =
            format!("{at} has {bits} bits: half of them are {holds} pC, and {most} pC may lie between two frames");
        let fix = "use a wider counter or a coarser one: charge that goes round once would be taken for none";
        section.problem("charge", what, fix);
        return false;
    }
    true
}

/// The charge of one pulse: which numbers are a reading, and what is added to them.
fn read_per_pulse(
    section: &Section<'_, '_>,
    message: &DbcMessage<'_>,
    signal: &DbcSignal<'_>,
    unit: Ratio,
    scale: Scale,
    around: &Surroundings,
) -> Option<Counting> {
    let (at, raw) = (message.place_of(signal), signal.signal);
    let parts = Ratio::whole(i128::from(scale.denominator.get()));
    let offset = Ratio::of_decimal(raw.offset).and_then(|offset| offset.times(unit)?.times(parts));
    let Some(offset) =
        offset.filter(|offset| offset.denominator == 1).and_then(|offset| offset.numerator.try_into().ok())
    else {
        let what = format!("{at} has the offset {}, which is no whole number of its steps", raw.offset);
        section.problem("charge", what, "write the offset as a multiple of the factor");
        return None;
    };
    let (width_least, width_most) = signal.numbers();
    let number = |value: f64| (value - raw.offset) / raw.factor;
    // the last number at an end of the bits means that the electrometer is at its end
    let (mut least, mut most) = (if signal.is_signed() { width_least + 1.0 } else { 0.0 }, width_most - 1.0);
    if let Some((from, to)) = signal.range() {
        least = least.max((number(from) - 1e-6).ceil());
        most = most.min((number(to) + 1e-6).floor());
    }
    let parts = f64::from(scale.denominator.get());
    let largest = (most * f64::from(scale.numerator.get()) + offset as f64) / parts;
    if largest < around.full_scale_pc {
        let what =
            format!("{at} reads up to {largest} pC, less than the {} pC of `full-scale-pc`", around.full_scale_pc);
        section.problem("charge", what, "a high pulse must be seen to be high: use a wider or a coarser signal");
        return None;
    }
    // `as` holds at the ends of i64, which only a field of 64 bits reaches
    Some(Counting::PerPulse { least: least as i64, most: most as i64, offset })
}
