//! Whether a computer turns its guards fast enough: the rule, apart from every measurement.
//!
//! **Pulse rate.** With a window of one, a pulse is released only after the one before it was judged. So between two pulses lie
//! the chamber's frame on its bus, a guard that may wake late, its judgement, and its permit on the bus. What of it was
//! measured is the 99.99th percentile from frame to permit and the worst lateness of any guard, taken together although
//! they seldom meet. [`BUS_TIME`] is added for the wires. A quarter of the pulse period stays free, as a quarter of a bus does: a
//! measurement of minutes does not see the worst minute of a year.
//!
//! **Lateness.** A guard that turns later than the profile's lateness budget finds itself late, which is a fault that ends
//! the beam. So one wake-up beyond the budget is "not fit", whatever the pulse rate.

use beam_core::machine::{Beam, Machine};
use beam_core::units::Span;

/// The pulse rates that are usual, in Hz, from conventional IOERT to research at ultra-high dose rate.
pub const PULSE_RATES: [u32; 11] = [5, 10, 20, 30, 50, 60, 100, 200, 400, 500, 1000];

/// On the wires in the worst case: chamber's frame and permit each wait for one frame that has begun, and each takes its own
/// time. A frame with 8 bytes and the most stuff bits takes 135 us at 1 Mbit/s (11-bit identifier, 3 bits between
/// frames: 8·8 + 44 + 3 + ⌊(34 + 8·8 − 1)/4⌋, by Davis, Burns, Bril, Lukkien 2007).
pub const BUS_TIME: Span = Span::from_micros(4 * 135);

/// The percentile of frame to permit that is judged, in parts of 100 000.
pub const JUDGED_PERCENTILE: u32 = 99_990;
/// Fewer frames than this have no 99.99th percentile of their own; the longest stands for it.
pub const FRAMES_FOR_PERCENTILE: u64 = 10_000;

/// What was measured, as far as it is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measured {
    /// The 99.99th percentile from frame to permit; none where no permit came back.
    pub frame_to_permit: Option<Span>,
    /// The worst lateness of a wake-up; none where not every guard was seen to wake.
    pub lateness: Option<Span>,
    /// How many frames were answered.
    pub frames: u64,
    /// Why the measurement ended before its time by itself, if it did.
    pub broke_off: bool,
    /// Whether the kernel refused anything that makes a guard real-time.
    pub refused: bool,
}

/// What follows from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The largest of [`PULSE_RATES`] that is safe with a window of one pulse, in Hz; none where not even the slowest is.
    pub pulse_rate_hz: Option<u32>,
    /// Whether the profile's machine can be supervised: its lateness budget and its own pulse rate and window.
    pub fits_profile: bool,
    /// Why.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// In a few words.
    #[must_use]
    pub fn headline(&self) -> String {
        match self.pulse_rate_hz {
            Some(rate) if self.fits_profile => format!("fit for {rate} Hz"),
            _ => "not fit".to_owned(),
        }
    }
}

/// The time from a pulse to the lease of the next, as it is judged.
fn round_trip(frame_to_permit: Span, lateness: Span) -> Span {
    frame_to_permit.plus(lateness).plus(BUS_TIME)
}

/// Whether a round trip leaves a quarter of `period` free.
fn fits(round_trip: Span, period: Span) -> bool {
    round_trip.times(4) <= period.times(3)
}

/// A span in ms as text.
#[must_use]
pub fn millis(span: Span) -> String {
    format!("{:.3} ms", crate::describe::seconds(span) * 1e3)
}

/// Judges what was measured for the machine of a profile.
#[must_use]
pub fn judge(measured: &Measured, machine: &Machine) -> Verdict {
    let mut reasons = Vec::new();
    let (Some(answer), Some(lateness)) = (measured.frame_to_permit, measured.lateness) else {
        let what = if measured.lateness.is_none() { "not every guard was seen to wake" } else { "no permit came back" };
        return Verdict {
            pulse_rate_hz: None,
            fits_profile: false,
            reasons: vec![format!("{what}: nothing is known")],
        };
    };
    let trip = round_trip(answer, lateness);
    let pulse_rate_hz =
        PULSE_RATES.into_iter().rev().find(|rate| fits(trip, Span::from_secs(1).over(u64::from(*rate))));
    reasons.push(format!(
        "{} from frame to permit (99.99 %) + {} worst wake-up + {} on the wires = {}; it may take 3/4 of a pulse period",
        millis(answer),
        millis(lateness),
        millis(BUS_TIME),
        millis(trip)
    ));
    let budget = machine.timing.lateness_budget;
    let punctual = lateness <= budget;
    let compared = if punctual { "within" } else { "over" };
    let effect = if punctual { "" } else { ": in service that is a fault, which ends the beam" };
    reasons.push(format!(
        "worst wake-up {} {compared} the profile's budget of {}{effect}",
        millis(lateness),
        millis(budget)
    ));
    let in_step = match machine.beam {
        Beam::Pulsed { period, window, .. } => {
            let fits = fits(trip, period.times(u64::from(window)));
            let rate = 1.0 / crate::describe::seconds(period);
            let can = if fits { "can" } else { "cannot" };
            reasons.push(format!("the profile's {rate:.0} Hz with a window of {window} {can} be kept"));
            fits
        }
        Beam::Continuous => {
            reasons.push("the profile's machine has no pulses: freshness alone holds its beam".to_owned());
            true
        }
    };
    if measured.frames < FRAMES_FOR_PERCENTILE {
        reasons.push(format!(
            "{} frames are too few for 99.99 %, so the longest stands for it; {FRAMES_FOR_PERCENTILE} are enough",
            measured.frames
        ));
    }
    if measured.broke_off {
        reasons.push("the guard gave no further lease before the measurement was over".to_owned());
    }
    if measured.refused {
        reasons.push(
            "this is a verdict on ordinary scheduling: the service would have the rights that are refused here"
                .to_owned(),
        );
    }
    let fits_profile = punctual && in_step && !measured.broke_off && pulse_rate_hz.is_some();
    Verdict { pulse_rate_hz, fits_profile, reasons }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::shipped;

    fn machine(name: &str) -> Machine {
        shipped::profile(name).expect("a shipped profile").machine
    }

    fn measured(answer: u64, lateness: u64) -> Measured {
        Measured {
            frame_to_permit: Some(Span::from_micros(answer)),
            lateness: Some(Span::from_micros(lateness)),
            frames: 20_000,
            broke_off: false,
            refused: false,
        }
    }

    fn judged(answer: u64, lateness: u64) -> Verdict {
        judge(&measured(answer, lateness), &machine("mobetron"))
    }

    #[test]
    fn holds_a_rate_up_to_three_quarters_of_its_period_and_trips_to_the_next_below() {
        // 3/4 of the period less the 540 us on the wires, to the microsecond below
        for (rate, limit, below) in
            [(1000, 210, 500), (500, 960, 400), (200, 3_210, 100), (60, 11_959, 50), (30, 24_459, 20)]
        {
            assert_eq!(judged(limit - 100, 100).pulse_rate_hz, Some(rate), "at {limit} us");
            assert_eq!(judged(limit - 99, 100).pulse_rate_hz, Some(below), "above {limit} us");
        }
        assert_eq!(judged(149_360, 100).pulse_rate_hz, Some(5));
        assert_eq!(judged(149_361, 100).pulse_rate_hz, None);
    }

    #[test]
    fn holds_at_the_lateness_budget_and_trips_beyond() {
        let budget = machine("mobetron").timing.lateness_budget.nanos() / 1000;
        let at = judged(50, budget);
        assert!(at.fits_profile && at.headline().starts_with("fit for"), "{at:?}");
        let beyond = judged(50, budget + 1);
        assert!(!beyond.fits_profile && beyond.headline() == "not fit", "{beyond:?}");
        assert!(beyond.reasons.iter().any(|reason| reason.contains("over the profile's budget")));
    }

    #[test]
    fn holds_the_profile_s_own_rate_with_its_window_and_trips_where_that_is_too_short() {
        let machine = machine("uhdr-research-1khz");
        let Beam::Pulsed { period, window, .. } = machine.beam else { panic!("a pulsed machine") };
        let room = period.times(u64::from(window)).nanos() / 1000 * 3 / 4 - 540;
        assert!(judge(&measured(room - 100, 100), &machine).fits_profile);
        assert!(!judge(&measured(room - 99, 100), &machine).fits_profile);
    }

    #[test]
    fn trips_where_nothing_was_measured_or_the_guard_stopped() {
        let machine = machine("mobetron");
        let good = measured(50, 50);
        assert!(judge(&good, &machine).fits_profile);
        for wrong in [
            Measured { frame_to_permit: None, ..good },
            Measured { lateness: None, ..good },
            Measured { broke_off: true, ..good },
        ] {
            assert_eq!(judge(&wrong, &machine).headline(), "not fit", "{wrong:?}");
        }
    }

    #[test]
    fn says_what_the_verdict_is_worth() {
        let machine = machine("mobetron");
        let says = |measured: Measured, word: &str| judge(&measured, &machine).reasons.iter().any(|r| r.contains(word));
        let good = measured(50, 50);
        assert!(!says(good, "too few") && says(Measured { frames: 9_999, ..good }, "too few"));
        assert!(!says(good, "ordinary") && says(Measured { refused: true, ..good }, "ordinary"));
    }
}
