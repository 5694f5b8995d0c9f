//! What was delivered at least, and what remains: where a treatment goes on after an interruption, a trip or a death.
//!
//! The base is the largest of everything that counted: both monitors, each as it was recorded and as its live counter still
//! says, and the gate's pulses times the dose of one. Whatever lied low is so outvoted by whatever did not. On a machine
//! without pulses the beam-on time times the nominal rate stands for the pulses.
//!
//! Within one delivery nothing is computed anew: the guards keep their integrals over an interruption, so that each leases
//! what remains on its own monitor.

use crate::machine::{Beam, Machine, Order};
use crate::units::{Dose, Span};
use crate::wire::GateStatus;

/// Beam-on time up to which the gate's clock, which wraps at 655 s, tells it.
const GATE_CLOCK: Span = Span::from_secs(600);

/// Everything that counted a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counted {
    /// Monitor 1 and monitor 2 as they were recorded.
    pub recorded: [Dose; 2],
    /// The same as their live counters say; none where a counter is gone or began anew.
    pub live: [Option<Dose>; 2],
    /// Pulses that the gate counted; 0 on a machine without pulses.
    pub gate_pulses: u32,
    /// Dose of one pulse.
    pub pulse: Dose,
    /// Beam-on time on a machine without pulses; zero on any other.
    pub beam_on: Span,
    /// Nominal dose of one second.
    pub dose_per_second: Dose,
}

impl Counted {
    /// What the guards told of a delivery that goes on within its id: recorded doses, the gate on both buses, and the time
    /// guard's clock.
    #[must_use]
    pub fn told(
        machine: &Machine,
        order: Option<&Order>,
        recorded: [Dose; 2],
        gates: [Option<GateStatus>; 2],
        beam_on: Span,
    ) -> Self {
        let (pulse, dose_per_second) =
            order.map_or((Dose::ZERO, Dose::ZERO), |order| (order.pulse_dose, order.dose_per_second));
        let counted = Self { recorded, pulse, dose_per_second, ..Self::default() };
        let gates = || gates.iter().flatten();
        match machine.beam {
            Beam::Pulsed { .. } => Self { gate_pulses: gates().map(|gate| gate.pulses).max().unwrap_or(0), ..counted },
            Beam::Continuous => {
                // the time guard's clock also runs while the console waits, and so is an upper bound
                let by_gate = gates().map(|gate| gate.beam_on_centiseconds).max().unwrap_or(0);
                let by_gate = Span::from_millis(u64::from(by_gate)).times(10);
                let wraps = beam_on > GATE_CLOCK;
                Self { beam_on: if wraps { beam_on } else { beam_on.shorter(by_gate) }, ..counted }
            }
        }
    }
}

/// Which count decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Source {
    /// Monitor 1, as recorded.
    Monitor1Recorded,
    /// Monitor 2, as recorded.
    Monitor2Recorded,
    /// The live counter of monitor 1.
    Monitor1Live,
    /// The live counter of monitor 2.
    Monitor2Live,
    /// The gate's pulses.
    GatePulses,
    /// The beam-on time.
    BeamOnTime,
}

impl Source {
    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monitor1Recorded => "monitor 1, recorded",
            Self::Monitor2Recorded => "monitor 2, recorded",
            Self::Monitor1Live => "monitor 1, live counter",
            Self::Monitor2Live => "monitor 2, live counter",
            Self::GatePulses => "pulses of the gate",
            Self::BeamOnTime => "beam-on time",
        }
    }
}

/// What was delivered at least, and by which count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Base {
    /// The dose; never below zero.
    pub dose: Dose,
    /// The count that said so.
    pub source: Source,
}

/// The largest of all counts.
#[must_use]
pub fn base(counted: &Counted) -> Base {
    let ([first, second], [first_live, second_live]) = (counted.recorded, counted.live);
    let by_time = i128::from(counted.dose_per_second.micro_mu())
        .saturating_mul(i128::from(counted.beam_on.nanos()))
        .saturating_add(999_999_999)
        .checked_div(1_000_000_000)
        .and_then(|dose| i64::try_from(dose).ok());
    let counts = [
        (Some(second), Source::Monitor2Recorded),
        (first_live, Source::Monitor1Live),
        (second_live, Source::Monitor2Live),
        (Some(counted.pulse.times(counted.gate_pulses)), Source::GatePulses),
        (Some(Dose::from_micro_mu(by_time.unwrap_or(i64::MAX))), Source::BeamOnTime),
    ];
    let least = Base { dose: first.larger(Dose::ZERO), source: Source::Monitor1Recorded };
    counts.into_iter().fold(least, |base, (dose, source)| match dose {
        Some(dose) if dose > base.dose => Base { dose, source },
        Some(_) | None => base,
    })
}

/// What of `preset` remains after `base`; zero when it was reached.
#[must_use]
pub fn remaining(preset: Dose, base: Base) -> Dose {
    preset.minus(base.dose).larger(Dose::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mu(mu: i64) -> Dose {
        Dose::from_micro_mu(mu.saturating_mul(1_000_000))
    }

    fn counted() -> Counted {
        Counted {
            recorded: [mu(60), mu(61)],
            live: [Some(mu(60)), Some(mu(61))],
            gate_pulses: 15,
            pulse: mu(4),
            beam_on: Span::ZERO,
            dose_per_second: mu(20),
        }
    }

    #[test]
    fn holds_the_base_at_the_largest_of_honest_counts() {
        assert_eq!(base(&counted()), Base { dose: mu(61), source: Source::Monitor2Recorded });
        assert_eq!(remaining(mu(200), base(&counted())), mu(139));
    }

    #[test]
    fn trips_up_to_whatever_one_count_says_alone() {
        let cases = [
            (Counted { recorded: [mu(90), mu(61)], ..counted() }, mu(90), Source::Monitor1Recorded),
            (Counted { live: [Some(mu(91)), None], ..counted() }, mu(91), Source::Monitor1Live),
            (Counted { live: [None, Some(mu(92))], ..counted() }, mu(92), Source::Monitor2Live),
            (Counted { gate_pulses: 50, ..counted() }, mu(200), Source::GatePulses),
            (Counted { beam_on: Span::from_secs(8), ..counted() }, mu(160), Source::BeamOnTime),
        ];
        for (counted, dose, source) in cases {
            assert_eq!(base(&counted), Base { dose, source });
        }
        let full = Counted { gate_pulses: 55, ..counted() };
        assert_eq!(remaining(mu(200), base(&full)), Dose::ZERO);
    }

    #[test]
    fn holds_at_zero_when_counters_drifted_below_it() {
        let drifted = Counted { recorded: [mu(-1), mu(-2)], live: [Some(mu(-3)), None], ..Counted::default() };
        assert_eq!(base(&drifted).dose, Dose::ZERO);
    }
}
