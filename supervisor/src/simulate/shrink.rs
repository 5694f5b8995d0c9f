//! Makes a run that breaks a promise smaller, as long as it still breaks the same one: fewer deliveries, fewer mishaps, a usual
//! day, shorter plans and waits, earlier and shorter mishaps. What is left is told as a scenario.

use beam_core::units::Span;

use super::draw::Drawn;
use super::legs::{Day, Leg};
use super::run;
use crate::course::{AfterInterruption, Errand, FirstToAcknowledge};
use crate::mishap::{Anchor, Frames, Mishap, What};

/// The smallest run found that still breaks the promise that `drawn` breaks first; `drawn` itself when it breaks none.
#[must_use]
pub fn shrink(drawn: &Drawn) -> Drawn {
    let Some(promise) = run(drawn).broken.first().map(|broken| broken.promise) else { return drawn.clone() };
    let breaks = |candidate: &Drawn| run(candidate).broken.iter().any(|broken| broken.promise == promise);
    let mut smallest = drawn.clone();
    while let Some(smaller) = candidates(&smallest).into_iter().find(&breaks) {
        smallest = smaller;
    }
    smallest
}

/// Runs that are one step smaller, the boldest step first.
fn candidates(drawn: &Drawn) -> Vec<Drawn> {
    let mut all = Vec::new();
    if drawn.legs.len() > 1 {
        all.push(Drawn { legs: drawn.legs[..drawn.legs.len() - 1].to_vec(), ..drawn.clone() });
        // the linac stands as the first one needs it, so another one may be first only by the same beam
        if drawn.legs[1].expected.energy == drawn.legs[0].expected.energy {
            all.push(Drawn { legs: drawn.legs[1..].to_vec(), ..drawn.clone() });
        }
    }
    for place in 0..drawn.mishaps.len() {
        let mut fewer = drawn.clone();
        fewer.mishaps.remove(place);
        all.push(fewer);
    }
    if drawn.day != Day::USUAL {
        all.push(Drawn { day: Day::USUAL, ..drawn.clone() });
    }
    for (place, leg) in drawn.legs.iter().enumerate() {
        for smaller in shorter_legs(drawn, leg) {
            let mut other = drawn.clone();
            other.legs[place] = smaller;
            all.push(other);
        }
    }
    for (place, mishap) in drawn.mishaps.iter().enumerate() {
        for smaller in earlier(mishap).into_iter().chain(shorter(mishap)) {
            let mut other = drawn.clone();
            other.mishaps[place] = smaller;
            all.push(other);
        }
    }
    all
}

fn shorter_legs(drawn: &Drawn, leg: &Leg) -> Vec<Leg> {
    let mut all = Vec::new();
    for pulses in [leg.pulses / 2, leg.pulses - leg.pulses / 8, leg.pulses.saturating_sub(1)] {
        if (1..leg.pulses).contains(&pulses) {
            all.extend(leg.of_length(&drawn.model, pulses));
        }
    }
    let with = |errand| Leg { errand, ..leg.clone() };
    if leg.errand.acknowledged_after > Span::ZERO {
        all.push(with(Errand { acknowledged_after: rounder(leg.errand.acknowledged_after), ..leg.errand }));
    }
    if leg.errand.armed_after > Span::ZERO {
        all.push(with(Errand { armed_after: rounder(leg.errand.armed_after), ..leg.errand }));
    }
    if leg.errand.first == FirstToAcknowledge::Operator {
        all.push(with(Errand { first: FirstToAcknowledge::Physicist, ..leg.errand }));
    }
    if leg.errand.interrupted != AfterInterruption::Leave {
        all.push(with(Errand { interrupted: AfterInterruption::Leave, ..leg.errand }));
    }
    all
}

fn earlier(mishap: &Mishap) -> Vec<Mishap> {
    let mut all = Vec::new();
    if let Anchor::Pulse(pulse) = mishap.at.after {
        for before in [pulse / 2, pulse.saturating_sub(1)] {
            if before < pulse && before > 0 {
                let mut other = *mishap;
                other.at.after = Anchor::Pulse(before);
                all.push(other);
            }
        }
    }
    if mishap.at.delay > Span::ZERO {
        let mut other = *mishap;
        other.at.delay = rounder(mishap.at.delay);
        all.push(other);
    }
    all
}

fn shorter(mishap: &Mishap) -> Option<Mishap> {
    let mut other = *mishap;
    let frames = |frames: &mut Frames| frames.lasting = rounder(frames.lasting);
    match &mut other.what {
        What::Lose(which) | What::Repeat(which) | What::Reorder(which) | What::Corrupt(which) => frames(which),
        What::Late { frames: which, .. } => frames(which),
        What::BusOff { lasting, .. }
        | What::Cut { lasting, .. }
        | What::Babble { lasting, .. }
        | What::Stall { lasting, .. }
        | What::ClockSlew { lasting, .. } => *lasting = rounder(*lasting),
        What::Restart { down } => *down = rounder(*down),
        What::Pause { lasting } | What::Hold { lasting } => *lasting = rounder(*lasting),
        What::Unit(_) | What::Die { .. } | What::ClockStep { .. } | What::Operator(_) => {}
        // signals that change by a number
        _ => {}
    }
    (other != *mishap).then_some(other)
}

/// The next shorter time that is easier to read: whole milliseconds, then half as many.
fn rounder(span: Span) -> Span {
    let millis = span.nanos() / 1_000_000;
    if span.nanos().is_multiple_of(1_000_000) { Span::from_millis(millis / 2) } else { Span::from_millis(millis) }
}
