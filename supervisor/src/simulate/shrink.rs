//! Makes a run that breaks a promise smaller, as long as it still breaks the same one: fewer mishaps, a shorter plan,
//! earlier and shorter mishaps. What is left is told as a scenario.

use beam_core::units::Span;

use super::draw::{Drawn, planned};
use super::run;
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
    for place in 0..drawn.mishaps.len() {
        let mut fewer = drawn.clone();
        fewer.mishaps.remove(place);
        all.push(fewer);
    }
    for pulses in [drawn.pulses / 2, drawn.pulses - drawn.pulses / 8, drawn.pulses.saturating_sub(1)] {
        if (1..drawn.pulses).contains(&pulses) {
            all.push(Drawn { pulses, prepared: planned(&drawn.prepared, pulses, 0.5), ..drawn.clone() });
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
