//! When each mishap of a run struck and when it was over, so that a delivery is judged by those that can have touched it and by
//! no other: what a second delivery inherits from the first is the supervisor's own.

use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_drivers::sim::Injection;

use crate::mishap::{Anchor, Deed, Mishap, What};

/// How long after its end a mishap may still show: frames that were held back, queues that are emptied, ages that run down.
const AFTERWARDS: Span = Span::from_millis(250);
/// How long a fault of the unit that is over at once takes to show.
const ONCE_LASTS: Span = Span::from_millis(100);
/// Over at no time that is known.
const NEVER: Ticks = Ticks::from_nanos(u64::MAX);

/// Faults of the unit that are over with one frame, one pulse or one moment.
pub(super) const ONCE: [Injection; 15] = [
    Injection::GateRestart,
    Injection::Mon1Restart,
    Injection::Mon2Restart,
    Injection::BeamChargeRestart,
    Injection::GateExtraPulseCount,
    Injection::Mon1Falls,
    Injection::Mon2Falls,
    Injection::Mon1High,
    Injection::Mon2High,
    Injection::BeamChargeHigh,
    Injection::BeamChargeCrc,
    Injection::Crc,
    Injection::AliveJump,
    Injection::ShortFrame,
    Injection::DuplicateFrame,
];

/// Faults of the unit that are over with the pulse that they befall, or with the first closing of the gate after it: when that is,
/// the mishap does not say.
pub(super) const ONE_PULSE: [Injection; 12] = [
    Injection::Mon1MissesPulse,
    Injection::Mon1HalfPulse,
    Injection::Mon1SkipsPulse,
    Injection::Mon2MissesPulse,
    Injection::Mon2HalfPulse,
    Injection::Mon2SkipsPulse,
    Injection::BeamChargeMissesPulse,
    Injection::BeamChargeHalfPulse,
    Injection::BeamChargeSkipsPulse,
    Injection::GateFiresClosed,
    Injection::GateFiresClosedOnce,
    Injection::GateLeaksBriefly,
];

/// Those of [`ONCE`] that befall the next pulse, whenever that is.
const NEXT_PULSE: [Injection; 4] =
    [Injection::Mon1High, Injection::Mon2High, Injection::BeamChargeHigh, Injection::GateExtraPulseCount];

/// One mishap and its time.
#[derive(Clone, Copy, Debug)]
struct Strike {
    mishap: Mishap,
    /// When it began, or may have begun.
    struck: Option<Ticks>,
    /// When it is over for certain.
    over: Option<Ticks>,
}

impl Strike {
    fn told(&self, from: Ticks) -> (Mishap, bool) {
        (self.mishap, self.struck.is_some_and(|struck| struck <= from))
    }
}

/// All mishaps of a run.
#[derive(Clone, Debug)]
pub(super) struct Strikes {
    strikes: Vec<Strike>,
    /// Pulses fired since power-up.
    pulses: u64,
}

impl Strikes {
    pub fn new(mishaps: &[Mishap]) -> Self {
        let strikes = mishaps.iter().map(|&mishap| Strike { mishap, struck: None, over: None });
        let mut strikes = Self { strikes: strikes.collect(), pulses: 0 };
        strikes.reach(Ticks::ZERO, |anchor| matches!(anchor, Anchor::Start | Anchor::Pulse(0)));
        strikes
    }

    /// The session is seen in a state.
    pub fn entered(&mut self, now: Ticks, state: State) {
        self.reach(now, |anchor| anchor == Anchor::State(state));
    }

    /// So many pulses were fired since power-up.
    pub fn fired(&mut self, now: Ticks, pulses: u64) {
        if pulses > self.pulses {
            self.pulses = pulses;
            self.befallen(now);
        }
        self.reach(now, |anchor| matches!(anchor, Anchor::Pulse(pulse) if u64::from(pulse) <= pulses));
        // what comes with a pulse may be what keeps it from being fired
        let next = |strike: &Strike| strike.mishap.with_pulse().is_some_and(|pulse| u64::from(pulse) <= pulses + 1);
        for strike in self.strikes.iter_mut().filter(|strike| strike.struck.is_none() && next(strike)) {
            strike.struck = Some(now);
        }
    }

    /// A pulse was fired: what waited for one is over with it.
    fn befallen(&mut self, now: Ticks) {
        let waited = |strike: &&mut Strike| {
            matches!(strike.mishap.what, What::Unit(injection) if NEXT_PULSE.contains(&injection))
                && strike.over == Some(NEVER)
        };
        for strike in self.strikes.iter_mut().filter(waited).filter(|strike| strike.struck.is_some_and(|at| at < now)) {
            strike.over = Some(now.after(ONCE_LASTS).after(AFTERWARDS));
        }
    }

    fn reach(&mut self, now: Ticks, reached: impl Fn(Anchor) -> bool) {
        for strike in self.strikes.iter_mut().filter(|strike| strike.over.is_none() && reached(strike.mishap.at.after))
        {
            let from = now.after(strike.mishap.at.delay);
            strike.struck = Some(strike.struck.unwrap_or(from));
            let over = lasts(&strike.mishap.what).map(|span| from.after(span).after(AFTERWARDS));
            strike.over = Some(over.unwrap_or(NEVER));
        }
    }

    /// Whether the first of them had struck before `at`.
    pub fn first_before(&self, at: Ticks) -> bool {
        self.strikes.first().and_then(|strike| strike.struck).is_some_and(|struck| struck <= at)
    }

    /// Those that can still touch what begins at `from`, each with whether it has struck by then.
    pub fn not_over(&self, from: Ticks) -> Vec<(Mishap, bool)> {
        let can_touch = |strike: &&Strike| strike.over.is_none_or(|over| over > from);
        self.strikes.iter().filter(can_touch).map(|strike| strike.told(from)).collect()
    }

    /// Those that can have touched what lasted from `from` until `until`, each with whether it had struck at `from`.
    pub fn between(&self, from: Ticks, until: Ticks) -> Vec<(Mishap, bool)> {
        let touched = |strike: &&Strike| {
            strike.over.is_none_or(|over| over > from) && strike.struck.is_some_and(|struck| struck <= until)
        };
        self.strikes.iter().filter(touched).map(|strike| strike.told(from)).collect()
    }
}

/// How long a mishap lasts; none when it is for good.
fn lasts(what: &What) -> Option<Span> {
    Some(match *what {
        // what is asked for before the beam comes a moment after power-up
        What::Unit(injection) if NEXT_PULSE.contains(&injection) => return None,
        What::Unit(injection) if ONCE.contains(&injection) => ONCE_LASTS,
        What::Unit(Injection::LostFrame) => Span::ZERO,
        What::Lose(frames) | What::Repeat(frames) | What::Reorder(frames) | What::Corrupt(frames) => frames.lasting,
        What::Late { frames, by } => frames.lasting.plus(by),
        What::BusOff { lasting, .. } | What::Cut { lasting, .. } | What::Babble { lasting, .. } => lasting,
        What::Stall { lasting, .. } | What::Pause { lasting } | What::Hold { lasting } => lasting,
        What::Restart { down } => down,
        // a clock that was wrong is not trusted again before a restart
        What::ClockSlew { ppm, lasting } if ppm.abs() <= 500 => lasting,
        What::Operator(Deed::PressBeam) => return None,
        What::Operator(_) | What::Overflow { .. } | What::StampStep { .. } => Span::ZERO,
        // a fault of the unit, a death, a signal: for good
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mishap::Moment;

    fn at(millis: u64) -> Ticks {
        Ticks::ZERO.after(Span::from_millis(millis))
    }

    #[test]
    fn what_befalls_the_next_pulse_waits_for_it() {
        let high = Mishap::unit(Injection::Mon1High, 0);
        let mut strikes = Strikes::new(&[high]);
        assert_eq!(strikes.between(at(10_000), at(11_000)), [(high, true)], "no pulse came in the first delivery");
        strikes.fired(at(10_500), 1);
        assert_eq!(strikes.between(at(10_000), at(11_000)), [(high, true)]);
        assert_eq!(strikes.between(at(12_000), at(13_000)), []);
    }

    #[test]
    fn a_mishap_touches_the_deliveries_in_its_time_and_no_other() {
        let interrupts = Mishap {
            at: Moment { after: Anchor::Pulse(3), delay: Span::from_millis(1) },
            what: What::Operator(Deed::Interrupt),
        };
        let stuck = Mishap::unit(Injection::Mon1Stuck, 5);
        let mut strikes = Strikes::new(&[interrupts, stuck]);
        strikes.fired(at(100), 3);
        assert_eq!(strikes.between(at(0), at(200)), [(interrupts, false)]);
        assert_eq!(strikes.not_over(at(1_000)), [(stuck, false)], "the one is over, the other is to come");
        strikes.fired(at(1_100), 4);
        assert_eq!(strikes.between(at(1_000), at(1_200)), [(stuck, false)], "it may be what keeps the next pulse away");
        strikes.fired(at(1_200), 5);
        assert_eq!(strikes.not_over(at(1_000_000)), [(stuck, true)]);
    }
}
