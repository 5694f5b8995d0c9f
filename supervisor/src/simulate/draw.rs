//! What a seed stands for: the machine, the plan and what befalls it. Everything is drawn here, before anything happens.

use std::sync::Arc;

use beam_core::frame::Bus;
use beam_core::machine::Beam;
use beam_core::state::State;
use beam_core::units::Span;
use beam_core::wire::{
    GATE_STATUS, Guard, LINAC_STATUS, MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS, PERMIT_DOSE1, PERMIT_DOSE2,
    PERMIT_INTERLOCK, PERMIT_TIME,
};
use beam_drivers::sim::{Injection, Instrument, Noise, Share};

use super::legs::{self, Day, Leg};
use super::models::Model;
use crate::mishap::{
    Anchor, Complaint, Deed, Frames, Mishap, Moment, OTHER_KINDS, Of, OnBus, Part, Percent, Receiver, SmallDose, What,
};

/// The stream of numbers that draws a run; the simulated unit uses the small ones.
const STREAM: u64 = 77;
/// How long after the last pulse of a delivery a mishap between two of them comes at most.
const LONGEST_BETWEEN: Span = Span::from_secs(5);

/// Kinds that show only after many pulses or seconds: every other time they meet a plan that is long enough.
const SLOW_TO_SHOW: [&str; 7] = [
    "rate-slow",
    "rate-half",
    "rate-changed",
    "instrument-reads",
    "mon2-low-6-percent",
    "gate-clock-slow",
    "mon1-charge-without-pulses",
];

/// What may befall a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Faults {
    /// Nothing: every delivery must land on its preset.
    None,
    /// Anything: nothing, one mishap or two of every kind.
    All,
    /// One of these kinds in each delivery.
    Some(Vec<&'static str>),
}

/// A run as it was drawn: one life of a process, with one delivery or several.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// Its seed, from which everything else that happens by chance follows too.
    pub seed: u64,
    /// The machine.
    pub model: Arc<Model>,
    /// The deliveries, one at least, in their order.
    pub legs: Vec<Leg>,
    /// How the machine is on this day.
    pub day: Day,
    /// What befalls it.
    pub mishaps: Vec<Mishap>,
}

/// Draws the run of `seed`.
#[must_use]
pub fn draw(models: &[Arc<Model>], faults: &Faults, seed: u64) -> Drawn {
    let mut draw = Noise::new(seed, STREAM);
    let model = one_of(&mut draw, models);
    let count = match faults {
        Faults::None => 0,
        Faults::Some(_) => 1,
        Faults::All => match draw.below(20) {
            0..=1 => 0,
            2..=12 => 1,
            _ => 2,
        },
    };
    let kinds: Vec<&'static str> = (0..count)
        .map(|_| match faults {
            Faults::Some(kinds) => *one_of(&mut draw, kinds),
            Faults::None | Faults::All if draw.below(2) == 0 => one_of(&mut draw, &Injection::ALL).name(),
            Faults::None | Faults::All => one_of(&mut draw, &OTHER_KINDS),
        })
        .collect();
    let is_slow = kinds.iter().any(|kind| SLOW_TO_SHOW.contains(kind)) && draw.below(2) == 0;
    let legs = legs::draw(&mut draw, model, is_slow);
    let day = Day::draw(&mut draw);
    let mishaps = kinds
        .into_iter()
        .map(|kind| {
            let struck = draw.below(u32::try_from(legs.len()).unwrap_or(1)) as usize;
            Scene::of(model, &legs, struck, is_slow).mishap(&mut draw, kind)
        })
        .collect();
    Drawn { seed, model: Arc::clone(model), legs, day, mishaps }
}

/// The time from one pulse to the next; without pulses, the stretch of beam that is judged as if it were one.
fn period(model: &Model) -> Span {
    match model.profile.machine.beam {
        Beam::Pulsed { period, .. } => period,
        Beam::Continuous => beam_core::chamber::STRETCH,
    }
}

pub(super) fn one_of<'a, T>(draw: &mut Noise, items: &'a [T]) -> &'a T {
    &items[draw.below(u32::try_from(items.len()).unwrap_or(u32::MAX)) as usize]
}

/// What a mishap is drawn for.
struct Scene {
    /// Pulses that the deliveries before this one are planned to take.
    before: u32,
    /// Planned pulses of this delivery; without pulses, dose periods of beam.
    pulses: u32,
    /// A fault of the unit begins before this pulse.
    begins: u32,
    /// It must begin early, because it is slow to show.
    is_slow: bool,
    period: Span,
    /// Dose of a pulse in MU.
    pulse_mu: f64,
    /// What both electrometers can measure in one reading, in MU, and not quite.
    most_leak_mu: f64,
    /// How long the operator waits after this delivery.
    between: Span,
}

impl Scene {
    /// The scene of one delivery of a run. Pulses are counted since power-up: a mishap of the second delivery is one after
    /// the pulses of the first.
    fn of(model: &Model, legs: &[Leg], struck: usize, is_slow: bool) -> Self {
        let leg = &legs[struck];
        let pulses = leg.counted(model);
        Self {
            before: legs[..struck].iter().map(|leg| leg.counted(model)).sum(),
            pulses,
            begins: if is_slow { (pulses / 8).max(1) } else { pulses + 2 },
            is_slow,
            period: period(model),
            pulse_mu: leg.expected.pulse_mu,
            most_leak_mu: 0.95 * model.numbers.full_scale_mu(),
            between: legs.get(struck + 1).map_or(Span::ZERO, |next| next.wait()),
        }
    }

    fn mishap(&self, draw: &mut Noise, kind: &'static str) -> Mishap {
        if let Ok(injection) = kind.parse::<Injection>() {
            let at =
                if AT_REST.contains(&injection) && draw.below(2) == 0 { self.at_rest(draw) } else { self.with(draw) };
            return Mishap { at, what: What::Unit(injection) };
        }
        let at = match kind {
            // what an instrument does begins with a pulse, so that the oracle knows with which
            "output-changed" | "rate-changed" | "instrument-reads" | "pulses-while-closed" | "gate-tells-late" => {
                self.with(draw)
            }
            "counters-cleared" if draw.below(2) == 0 => self.with(draw),
            "counters-cleared" => self.at_rest(draw),
            "beam-leaks" => self.after_end(draw),
            "bus-cut" | "bus-off" if draw.below(2) == 0 => {
                let pulse = self.last(draw).saturating_sub(1);
                self.moment(draw, Anchor::Pulse(pulse), self.period)
            }
            _ => self.anywhere(draw),
        };
        Mishap { at, what: self.what(draw, kind) }
    }

    /// With a pulse; every fourth time with the last planned one, or one of the two after it.
    fn with(&self, draw: &mut Noise) -> Moment {
        let early = self.is_slow || draw.below(4) > 0;
        let pulse = if early { self.before + draw.below(self.begins) } else { self.last(draw) };
        Moment { after: Anchor::Pulse(pulse), delay: Span::ZERO }
    }

    /// The last planned pulse, or one of the two after it: a plan ends between two pulses.
    fn last(&self, draw: &mut Noise) -> u32 {
        self.before + self.pulses + draw.below(3)
    }

    /// While no beam is on.
    fn at_rest(&self, draw: &mut Noise) -> Moment {
        let (state, within) = match draw.below(8) {
            0 => (State::Ready, 5),
            1..=2 => (State::Proving, 700),
            3 => (State::Armed, 60),
            4..=6 => (State::Complete, 500),
            _ => (State::Tripped, 500),
        };
        self.moment(draw, Anchor::State(state), Span::from_millis(within))
    }

    fn after_end(&self, draw: &mut Noise) -> Moment {
        let state = match draw.below(8) {
            0 => State::Interrupted,
            1..=2 => State::Tripped,
            _ => State::Complete,
        };
        self.moment(draw, Anchor::State(state), Span::from_millis(500))
    }

    fn anywhere(&self, draw: &mut Noise) -> Moment {
        match draw.below(20) {
            0 => self.moment(draw, Anchor::Start, Span::from_millis(200)),
            1..=3 => self.moment(draw, Anchor::State(State::Proving), Span::from_millis(700)),
            4 => self.moment(draw, Anchor::State(State::Armed), Span::from_millis(60)),
            5 => self.moment(draw, Anchor::State(State::Delivering), Span::from_millis(120)),
            6 => self.moment(draw, Anchor::State(State::Complete), Span::from_millis(60)),
            // between two deliveries and in the proof of the next one
            7..=9 if self.between > Span::ZERO || draw.below(3) == 0 => {
                let after = self.between.plus(Span::from_millis(900)).shorter(LONGEST_BETWEEN);
                self.moment(draw, Anchor::Pulse(self.before + self.pulses), after)
            }
            _ => {
                let pulse = self.before + draw.below(self.pulses + 1);
                // as often right behind a pulse as anywhere between two
                let within = if draw.below(2) == 0 { Span::from_millis(3) } else { self.period };
                self.moment(draw, Anchor::Pulse(pulse), within)
            }
        }
    }

    fn moment(&self, draw: &mut Noise, after: Anchor, within: Span) -> Moment {
        let delay = draw.span_below(within.longer(Span::from_millis(1)));
        // whole microseconds, so that what is printed is what happened
        Moment { after, delay: Span::from_micros(delay.nanos() / 1000) }
    }

    fn what(&self, draw: &mut Noise, kind: &str) -> What {
        let bus = OnBus(if draw.below(2) == 0 { Bus::A } else { Bus::B });
        match kind {
            "frames-lost" => What::Lose(self.frames(draw)),
            "frames-late" => {
                let by = self.lasting(draw, 60);
                What::Late { frames: self.frames(draw), by }
            }
            "frames-repeated" => What::Repeat(self.frames(draw)),
            "frames-reordered" => What::Reorder(self.frames(draw)),
            "frames-corrupted" => What::Corrupt(self.frames(draw)),
            "bus-off" => What::BusOff { bus, lasting: self.outage(draw) },
            "bus-cut" => What::Cut { bus, lasting: self.outage(draw) },
            "babbling-node" => What::Babble {
                bus,
                id: *one_of(draw, &[0x000, 0x000, 0x7F0, PERMIT_DOSE1, PERMIT_INTERLOCK, GATE_STATUS, MON1_DOSE]),
                every: Span::from_micros(u64::from(*one_of(draw, &[100_u32, 130, 200, 1000, 20_000]))),
                lasting: self.lasting(draw, 500),
            },
            "guard-stalled" => {
                What::Stall { part: Part::Guard(*one_of(draw, &Guard::ALL)), lasting: self.lasting(draw, 200) }
            }
            "session-stalled" => What::Stall { part: Part::Session, lasting: self.lasting(draw, 900) },
            "process-stalled" => What::Stall { part: Part::Process, lasting: self.lasting(draw, 900) },
            "guard-died" => What::Die { part: Part::Guard(*one_of(draw, &Guard::ALL)) },
            "session-died" => What::Die { part: Part::Session },
            "process-died" => What::Die { part: Part::Process },
            "restart" => What::Restart { down: self.lasting(draw, 900) },
            "clock-step" => What::ClockStep { by: *one_of(draw, &STEPS) },
            "clock-slew" => What::ClockSlew { ppm: *one_of(draw, &SLEWS), lasting: self.lasting(draw, 2000) },
            "operator-acts" => {
                What::Operator(*one_of(draw, &[Deed::Arm, Deed::Begin, Deed::Resume, Deed::Acknowledge]))
            }
            "operator-interrupts" => What::Operator(Deed::Interrupt),
            "operator-terminates" => What::Operator(Deed::Terminate),
            "operator-at-button" => What::Operator(*one_of(draw, &[Deed::PressBeam, Deed::ReleaseBeam])),
            "controller-warns" => What::ControllerSays { bus, complaint: Complaint::ErrorWarning },
            "controller-complains" => What::ControllerSays { bus, complaint: *one_of(draw, &COMPLAINTS) },
            kind => self.signal(draw, kind, bus),
        }
    }

    /// What changes by a number.
    fn signal(&self, draw: &mut Noise, kind: &str, bus: OnBus) -> What {
        match kind {
            "output-changed" => What::Output { percent: percent(80 + draw.below(46)) },
            "rate-changed" => {
                let named = draw.below(3) == 0;
                What::Rate { percent: percent(if named { *one_of(draw, &RATES) } else { 30 + draw.below(271) }) }
            }
            "instrument-reads" => What::Reads { of: Of(*one_of(draw, &INSTRUMENTS)), percent: percent(draw.below(95)) },
            "counters-cleared" => What::ClearCounters { of: Of(*one_of(draw, &INSTRUMENTS)) },
            "beam-leaks" => What::Leak { mu: self.small_dose(draw) },
            "pulses-while-closed" => What::PulsesWhileClosed {
                pulses: *one_of(draw, &[1, 1, 2, 3, 5, 10, 20]),
                after: if draw.below(2) == 0 { Span::ZERO } else { self.lasting(draw, 1000) },
                counted: draw.below(4) > 0,
            },
            _ => What::GateTellsLate { bus, by: self.lasting(draw, 500) },
        }
    }

    /// 2 % to 95 % of a pulse, and every third time one to 2.4 pulses; no more than an electrometer can measure at once.
    fn small_dose(&self, draw: &mut Noise) -> SmallDose {
        let hundredths = if draw.below(3) > 0 { 2 + draw.below(94) } else { 100 + draw.below(141) };
        SmallDose::of_mu((self.pulse_mu * f64::from(hundredths) / 100.0).min(self.most_leak_mu))
    }

    /// How long a bus is away: half of the time long enough to be missed.
    fn outage(&self, draw: &mut Noise) -> Span {
        if draw.below(2) == 0 { Span::from_millis(u64::from(20 + draw.below(981))) } else { self.lasting(draw, 300) }
    }

    fn frames(&self, draw: &mut Noise) -> Frames {
        let to = match draw.below(8) {
            0..=2 => Receiver::Everyone,
            3 => Receiver::Gate,
            _ => Receiver::Guard(*one_of(draw, &Guard::ALL)),
        };
        let id = (draw.below(4) > 0).then(|| *one_of(draw, &TARGETS));
        let permille = *one_of(draw, &[20, 200, 500, 1000, 1000]);
        Frames { to, id, permille, lasting: self.lasting(draw, 300) }
    }

    /// Short ones as often as long ones: 0.1 to 1, 1 to 10, 10 to 100 ms and so on, up to `most` ms.
    fn lasting(&self, draw: &mut Noise, most: u32) -> Span {
        let decades = [100, 1_000, 10_000, 100_000, 1_000_000_u32];
        let reached = decades.iter().filter(|&&micros| micros < most * 1000).count();
        let low = decades[draw.below(u32::try_from(reached).unwrap_or(1)) as usize];
        let high = (low * 10).min(most * 1000);
        Span::from_micros(u64::from(low + draw.below(high - low)))
    }
}

/// Identifiers that a disturbance of frames singles out.
const TARGETS: [u16; 10] = [
    PERMIT_DOSE1,
    PERMIT_DOSE2,
    PERMIT_TIME,
    PERMIT_INTERLOCK,
    GATE_STATUS,
    MON1_DOSE,
    MON2_DOSE,
    MON1_STATUS,
    MON2_STATUS,
    LINAC_STATUS,
];

/// Steps of the computer's clock in microseconds.
const STEPS: [i64; 8] = [1_000, 20_000, 100_000, 3_600_000_000, -1_000, -20_000, -100_000, -3_600_000_000];

/// Speeds of the computer's clock in millionths: what a time service does, and what a broken one does.
const SLEWS: [i32; 8] = [100, -100, 500, -500, 100_000, -100_000, 1_000_000, -1_000_000];

/// Faults that can befall a unit at rest as well.
const AT_REST: [Injection; 4] =
    [Injection::GateRestart, Injection::Mon1Restart, Injection::Mon2Restart, Injection::BeamChargeRestart];

const INSTRUMENTS: [Instrument; 4] =
    [Instrument::Monitor1, Instrument::Monitor2, Instrument::Monitors, Instrument::BeamCharge];

/// Rates in percent of nominal on both sides of where a guard warns, trips, or runs out of time.
const RATES: [u32; 10] = [45, 49, 52, 55, 84, 88, 119, 121, 150, 190];

/// What a controller says that is no mere warning.
const COMPLAINTS: [Complaint; 4] =
    [Complaint::ErrorPassive, Complaint::ControllerOverrun, Complaint::InterfaceDown, Complaint::Malformed];

fn percent(whole: u32) -> Percent {
    Percent(Share::thousandths_of_percent(i32::try_from(whole * 1000).unwrap_or(i32::MAX)))
}

#[cfg(test)]
mod tests;
