//! Whether a computer turns its guards fast enough: the rule, apart from every measurement.
//!
//! **Pulse rate.** With a window of one, a pulse is released only after the one before it was judged. So between two pulses lie
//! the chamber's frame on its bus, a guard that may wake late, its judgement, and its permit on the bus. What of it was
//! measured is the 99.99th percentile from frame to permit and the worst lateness of any guard, taken together although
//! they seldom meet. [`BUS_TIME`] is added for the wires. A quarter of the pulse period stays free, as a quarter of a bus does: a
//! measurement of minutes does not see the worst minute of a year.
//!
//! **Lateness.** A guard that turns later than the profile's lateness budget finds itself late, which is a fault that ends
//! the beam. So one wake-up beyond the budget is "not fit", whatever the pulse rate; so is one answer that took longer than
//! stale-after, and a frame that the bus did not take.
//!
//! **How much.** Whoever measured too little, or broke it off, knows nothing: that is neither "fit" nor "not fit".

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
/// Fewer frames than this have no 99.99th percentile of their own, and no verdict is made of them.
pub const FRAMES_FOR_PERCENTILE: u64 = 10_000;

/// What was measured, as far as it is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measured {
    /// The 99.99th percentile from frame to permit; none where no permit came back.
    pub frame_to_permit: Option<Span>,
    /// The worst lateness of a wake-up; none where not every guard was seen to wake.
    pub lateness: Option<Span>,
    /// The longest from frame to permit.
    pub longest_answer: Option<Span>,
    /// How many frames were answered.
    pub frames: u64,
    /// How many frames the bus did not take.
    pub frames_refused: u64,
    /// Whether somebody ended it before its time.
    pub interrupted: bool,
    /// Why the measurement ended before its time by itself, if it did.
    pub broke_off: bool,
    /// Whether the kernel refused anything that makes a guard real-time.
    pub refused: bool,
    /// Whether the profile requires all of that.
    pub requires_real_time: bool,
}

/// What follows from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The largest of [`PULSE_RATES`] that is safe with a window of one pulse, in Hz; none where not even the slowest is.
    pub pulse_rate_hz: Option<u32>,
    /// Whether the profile's machine can be supervised: its lateness budget and its own pulse rate and window.
    pub fits_profile: bool,
    /// Whether enough was measured to say so: without it, "fits" only says that nothing was found against it yet.
    pub is_known: bool,
    /// Why.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// Whether the profile's machine can be supervised, and enough was measured to say so.
    #[must_use]
    pub const fn is_fit(&self) -> bool {
        self.fits_profile && self.is_known
    }

    /// In a few words.
    #[must_use]
    pub fn headline(&self) -> String {
        match self.pulse_rate_hz {
            Some(rate) if self.is_fit() => format!("fit for {rate} Hz pulse by pulse"),
            Some(rate) if self.fits_profile => format!("not known, so far fit for {rate} Hz pulse by pulse"),
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

/// What that time is enough for where each pulse waits for the one before it, and for what it is not.
fn pulse_by_pulse(pulse_rate_hz: Option<u32>) -> String {
    let allows = |rate: u32| format!("{rate} Hz allows {}", millis(Span::from_secs(3).over(4 * u64::from(rate))));
    let next = PULSE_RATES.into_iter().find(|rate| pulse_rate_hz.is_none_or(|fit| *rate > fit));
    let parts: Vec<String> = pulse_rate_hz.into_iter().chain(next).map(allows).collect();
    format!("of 3/4 of a pulse period, where each pulse waits for the one before it: {}", parts.join(", "))
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
            is_known: false,
            reasons: vec![format!("{what}: nothing is known")],
        };
    };
    let trip = round_trip(answer, lateness);
    let pulse_rate_hz =
        PULSE_RATES.into_iter().rev().find(|rate| fits(trip, Span::from_secs(1).over(u64::from(*rate))));
    reasons.push(format!(
        "{} from frame to permit (99.99 %) + {} worst wake-up + {} on the wires = {}",
        millis(answer),
        millis(lateness),
        millis(BUS_TIME),
        millis(trip)
    ));
    reasons.push(pulse_by_pulse(pulse_rate_hz));
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
            reasons.push(format!(
                "the profile's own {rate:.0} Hz {can} be kept: it lets {window} pulse{} be under way",
                if window == 1 { "" } else { "s" }
            ));
            fits
        }
        Beam::Continuous => {
            reasons.push("the profile's machine has no pulses: freshness alone holds its beam".to_owned());
            true
        }
    };
    let stale_after = machine.timing.stale_after;
    let is_fresh = measured.longest_answer.is_some_and(|longest| longest <= stale_after);
    if !is_fresh {
        reasons.push(format!(
            "the longest answer took {}, stale-after is {}: in service the gate would have closed",
            measured.longest_answer.map_or_else(|| "?".to_owned(), millis),
            millis(stale_after)
        ));
    }
    if measured.frames_refused > 0 {
        reasons.push(format!("{} frames were not taken by the bus: in service that is F-806", measured.frames_refused));
    }
    if measured.frames < FRAMES_FOR_PERCENTILE {
        reasons.push(format!(
            "{} frames are too few for 99.99 %: {FRAMES_FOR_PERCENTILE} are enough, give it more time",
            measured.frames
        ));
    }
    if measured.interrupted {
        reasons.push("it was ended by a signal before its time".to_owned());
    }
    if measured.broke_off {
        reasons.push("the guard gave no further lease before the measurement was over".to_owned());
    }
    if measured.refused {
        reasons.push("this was measured without rights that the service would have".to_owned());
    }
    let is_whole = !measured.broke_off && measured.frames_refused == 0;
    let fits_profile = punctual && in_step && is_fresh && is_whole && pulse_rate_hz.is_some();
    let is_as_in_service = !(measured.refused && measured.requires_real_time);
    let is_known = measured.frames >= FRAMES_FOR_PERCENTILE && !measured.interrupted && is_as_in_service;
    Verdict { pulse_rate_hz, fits_profile, is_known, reasons }
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
            longest_answer: Some(Span::from_micros(answer)),
            frames: 20_000,
            frames_refused: 0,
            interrupted: false,
            broke_off: false,
            refused: false,
            requires_real_time: false,
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
        assert_eq!(judged(149_360, 100).pulse_rate_hz, Some(5), "however late for the gate");
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
    fn holds_the_longest_answer_up_to_stale_after_and_trips_beyond_and_over_a_frame_not_taken() {
        let machine = machine("mobetron");
        let stale_after = machine.timing.stale_after;
        let longest = |longest_answer| judge(&Measured { longest_answer, ..measured(50, 50) }, &machine);
        assert_eq!(longest(Some(stale_after)).headline(), "fit for 1000 Hz pulse by pulse");
        for late in [Some(stale_after.plus(Span::from_nanos(1))), None] {
            let verdict = longest(late);
            assert!(!verdict.is_fit() && verdict.headline() == "not fit", "{verdict:?}");
            assert!(verdict.reasons.iter().any(|reason| reason.contains("the gate would have closed")), "{verdict:?}");
        }
        let refused = judge(&Measured { frames_refused: 1, ..measured(50, 50) }, &machine);
        assert!(!refused.is_fit() && refused.reasons.iter().any(|reason| reason.contains("F-806")), "{refused:?}");
    }

    #[test]
    fn holds_ten_thousand_frames_for_enough_and_trips_to_neither_with_less() {
        let machine = machine("mobetron");
        let good = measured(50, 50);
        assert!(judge(&Measured { frames: 10_000, ..good }, &machine).is_fit());
        for little in [Measured { frames: 9_999, ..good }, Measured { interrupted: true, ..good }] {
            let verdict = judge(&little, &machine);
            assert!(!verdict.is_fit() && verdict.headline().starts_with("not known"), "{verdict:?}");
        }
        let late = judge(&Measured { frames: 1, ..measured(50, 1_000_000) }, &machine);
        assert_eq!(late.headline(), "not fit", "what was seen once is known");
    }

    #[test]
    fn says_what_the_verdict_is_worth() {
        let machine = machine("mobetron");
        let says = |measured: Measured, word: &str| judge(&measured, &machine).reasons.iter().any(|r| r.contains(word));
        let good = measured(50, 50);
        assert!(!says(good, "too few") && says(Measured { frames: 9_999, ..good }, "too few"));
        let refused = Measured { refused: true, ..good };
        assert!(!says(good, "without rights") && says(refused, "without rights"));
        assert!(judge(&refused, &machine).is_fit(), "a bench may have none");
        assert!(!judge(&Measured { requires_real_time: true, ..refused }, &machine).is_fit());
        assert!(judge(&Measured { requires_real_time: true, ..good }, &machine).is_fit());
        assert!(says(measured(11_959, 100), "50 Hz allows 15.000 ms, 60 Hz allows 12.500 ms"));
        assert!(says(measured(1_000_000, 0), "5 Hz allows 150.000 ms"));
    }
}
