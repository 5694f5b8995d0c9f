//! *As planned*: what must be true of a delivery for that to be said. Judged once the beam has been watched after its end;
//! what comes later amends it.

use crate::machine::{Beam, Landing, Machine, Order};
use crate::session::EndedBy;
use crate::units::{Dose, Span};
use crate::wire::Guard;

/// Everything that the judgement needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// What ended the delivery.
    pub ended_by: Option<EndedBy>,
    /// A fault was found, before the end or after it.
    pub fault: bool,
    /// How the end was judged; none while it is not.
    pub end: Option<End>,
    /// Chambers that differ by more than 2 % at the end were told of.
    pub chambers_disagree: bool,
    /// Everything was recorded.
    pub record_is_whole: bool,
}

/// The end of a delivery as the interlock guard judged it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    /// The final count of the gate, and the pulses of both chambers and of the sensor of the beam's own charge.
    pub pulses: [u32; 4],
    /// Dose of both monitors at these counts.
    pub doses: [Dose; 2],
    /// Whether all counts were equal in time.
    pub agrees: bool,
}

/// A reason for which *as planned* cannot be said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Shortfall {
    /// Dose guard 1 did not end it.
    EndedOtherwise,
    /// A fault was found, before the end or after it.
    Fault,
    /// The end was not judged.
    NotJudged,
    /// Gate and chambers do not count the same pulses.
    Counts,
    /// Monitor 1 did not land on the preset.
    Landing,
    /// The chambers disagree on the dose.
    Chambers,
    /// The record is not whole.
    Record,
}

impl Shortfall {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 7] =
        [Self::EndedOtherwise, Self::Fault, Self::NotJudged, Self::Counts, Self::Landing, Self::Chambers, Self::Record];

    /// The reason as people read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EndedOtherwise => "dose guard 1 did not end it",
            Self::Fault => "a fault was found",
            Self::NotJudged => "its end was not seen",
            Self::Counts => "gate and chambers count differently",
            Self::Landing => "monitor 1 is off the preset",
            Self::Chambers => "the chambers disagree on the dose",
            Self::Record => "the record is not whole",
        }
    }
}

/// What monitor 1 may miss the preset by: half a pulse (the first at or above it: one), and 0.05 pulse times the root of the
/// window for the noise of pulses that are leased ahead. A pulse is the larger of nominal and seen mean. Without lease what
/// the latency lets pass comes on top, and without pulses it is all there is.
#[must_use]
pub fn landing_tolerance(machine: &Machine, order: &Order, end: &End) -> Dose {
    let [_, first, ..] = end.pulses;
    let [dose, _] = end.doses;
    let latency = |span: Span| {
        let nanos = i128::from(order.dose_per_second.micro_mu()).saturating_mul(i128::from(span.nanos()));
        Dose::from_micro_mu(nanos.checked_div(1_000_000_000).and_then(|dose| i64::try_from(dose).ok()).unwrap_or(0))
    };
    // a permit that is withdrawn reaches the gate within its period, or goes stale there
    let passed = latency(machine.timing.dose.plus(machine.timing.stale_after));
    let Beam::Pulsed { window, landing, gate_knows_lease, .. } = machine.beam else { return passed };
    let mean = dose.micro_mu().checked_div(i64::from(first)).unwrap_or(0);
    let pulse = order.pulse_dose.larger(Dose::from_micro_mu(mean)).micro_mu();
    let part = match landing {
        Landing::Nearest => pulse / 2,
        Landing::AtOrAbove => pulse,
    };
    // 0.05 of a pulse times the root of the window, in thousandths
    let root = i64::from(window.saturating_mul(1_000_000).isqrt());
    let noise = pulse.saturating_mul(root).checked_div(20_000).unwrap_or(0);
    let tolerance = Dose::from_micro_mu(part.saturating_add(noise));
    if gate_knows_lease { tolerance } else { tolerance.plus(passed).plus(Dose::from_micro_mu(pulse)) }
}

/// Why *as planned* cannot be said of a delivery, in the order of [`Shortfall::ALL`]; nothing when it was.
pub fn shortfalls(machine: &Machine, order: &Order, outcome: &Outcome) -> impl Iterator<Item = Shortfall> {
    let judged = outcome.end.filter(|end| end.agrees);
    let [first, _] = machine.monitors;
    let planned = first.dose_per_charge.dose(order.preset);
    let has_landed = |end: &End| match order.pulses {
        Some(pulses) => end.pulses.first() == Some(&pulses),
        None => {
            let [dose, _] = end.doses;
            dose.minus(planned).size() <= landing_tolerance(machine, order, end)
        }
    };
    let is_short = [
        outcome.ended_by != Some(EndedBy::Guard(Guard::Dose1)),
        outcome.fault,
        outcome.end.is_none(),
        outcome.end.is_some_and(|end| !end.agrees),
        judged.is_some_and(|end| !has_landed(&end)),
        outcome.chambers_disagree,
        !outcome.record_is_whole,
    ];
    Shortfall::ALL.into_iter().zip(is_short).filter_map(|(why, is_short)| is_short.then_some(why))
}
