//! What can befall the simulated world, and when: the words in which a scenario is written, a campaign draws its runs and
//! a failing run is told.
//!
//! A [`Mishap`] is one line: a [`Moment`] and a [`What`]. It says nothing about what ought to come of it; that is the business of a
//! scenario's expectations and of the campaign's oracle. Who carries it out is `world`.

use beam_core::frame::Bus;
use beam_core::state::State;
use beam_core::units::Span;
use beam_core::wire::Guard;
use beam_drivers::sim::Injection;
use serde::{Deserialize, Serialize};

mod kind;
mod signal;
mod text;

pub use kind::{OTHER_KINDS, SCENARIO_KINDS};
pub use signal::{Energy, Of, Percent, SmallDose};

/// From when a moment counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    /// The moment at which everything is switched on.
    Start,
    /// The session is in this state for the first time.
    State(State),
    /// So many pulses were fired since power-up; without pulses, so many dose periods of beam passed.
    Pulse(u32),
}

/// When something happens: written as `start`, `armed + 20 ms`, `pulse 12` or `pulse 12 + 3.5 ms`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Moment {
    /// From when.
    pub after: Anchor,
    /// How much later.
    pub delay: Span,
}

/// Who receives a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Receiver {
    /// Everyone on the bus but its sender.
    Everyone,
    /// The gate.
    Gate,
    /// One guard.
    Guard(Guard),
}

/// A part of the supervisor that runs by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Part {
    /// One guard's thread.
    Guard(Guard),
    /// The session's thread.
    Session,
    /// The whole process.
    Process,
}

/// A bus, written as `A` or `B`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct OnBus(pub Bus);

/// What a controller of the computer says of its bus, written as `error-warning`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Complaint {
    /// It counts errors. That is no fault.
    ErrorWarning,
    /// It may no longer signal errors.
    ErrorPassive,
    /// It lost frames before the kernel saw them.
    ControllerOverrun,
    /// Its interface is down or gone.
    InterfaceDown,
    /// It received something that is no classic data frame.
    Malformed,
}

/// Which frames, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Frames {
    /// On their way to whom.
    pub to: Receiver,
    /// Of this identifier only; any if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u16>,
    /// How many of a thousand.
    pub permille: u16,
    /// For how long.
    #[serde(rename = "for-ms", with = "text::millis")]
    pub lasting: Span,
}

/// What the operator does, whether it has a place then or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Arms another delivery of the same plan.
    Arm,
    /// Begins the beam.
    Begin,
    /// Interrupts.
    Interrupt,
    /// Resumes.
    Resume,
    /// Terminates.
    Terminate,
    /// Acknowledges what is latched, in the role of a physicist.
    Acknowledge,
    /// Acknowledges what is latched, in the role of an operator.
    AcknowledgeAsOperator,
    /// Lets go of the beam button.
    ReleaseBeam,
    /// Presses the beam button.
    PressBeam,
}

impl Deed {
    /// The deed as people and files write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arm => "arm",
            Self::Begin => "begin",
            Self::Interrupt => "interrupt",
            Self::Resume => "resume",
            Self::Terminate => "terminate",
            Self::Acknowledge => "acknowledge",
            Self::AcknowledgeAsOperator => "acknowledge-as-operator",
            Self::ReleaseBeam => "release-beam",
            Self::PressBeam => "press-beam",
        }
    }
}

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum What {
    /// A named fault of the treatment unit. At a pulse it befalls that very pulse.
    Unit(#[serde(with = "text::injection")] Injection),
    /// Frames do not arrive.
    Lose(Frames),
    /// Frames arrive late, by up to `by`.
    Late {
        /// Which.
        frames: Frames,
        /// By how much at most.
        #[serde(rename = "by-ms", with = "text::millis")]
        by: Span,
    },
    /// Frames arrive twice.
    Repeat(Frames),
    /// Frames arrive after the next one of their identifier.
    Reorder(Frames),
    /// A bit of the frame is flipped, and the bus's own check does not see it.
    Corrupt(Frames),
    /// The computer's controller leaves a bus: it neither sends nor hears there, and says so.
    BusOff {
        /// Which.
        bus: OnBus,
        /// For how long.
        #[serde(rename = "for-ms", with = "text::millis")]
        lasting: Span,
    },
    /// The wire of a bus is cut: nothing travels.
    Cut {
        /// Which.
        bus: OnBus,
        /// For how long.
        #[serde(rename = "for-ms", with = "text::millis")]
        lasting: Span,
    },
    /// A node sends without end, with the identifier that wins every arbitration.
    Babble {
        /// On which bus.
        bus: OnBus,
        /// Its identifier.
        id: u16,
        /// A frame this often; under a frame's own time the bus is full.
        #[serde(rename = "every-ms", with = "text::millis")]
        every: Span,
        /// For how long.
        #[serde(rename = "for-ms", with = "text::millis")]
        lasting: Span,
    },
    /// A part gets no processor.
    Stall {
        /// Which.
        part: Part,
        /// For how long.
        #[serde(rename = "for-ms", with = "text::millis")]
        lasting: Span,
    },
    /// A part dies. (In the service a dead thread ends the process; here each can die alone.)
    Die {
        /// Which.
        part: Part,
    },
    /// The process dies and is started again.
    Restart {
        /// How long nothing runs.
        #[serde(rename = "down-ms", with = "text::millis")]
        down: Span,
    },
    /// The computer's clock jumps forward (a machine that was suspended) or back.
    ClockStep {
        /// By so many microseconds.
        #[serde(rename = "by-us")]
        by: i64,
    },
    /// The computer's clock runs fast or slow.
    ClockSlew {
        /// By so many millionths; -1000000 stands still.
        ppm: i32,
        /// For how long, in true time.
        #[serde(rename = "for-ms", with = "text::millis")]
        lasting: Span,
    },
    /// The operator acts.
    Operator(Deed),
    /// Every pulse really is so much of what it should be, from now on.
    Output {
        /// Of the nominal dose.
        percent: Percent,
    },
    /// An instrument measures so much of the charge, from now on.
    Reads {
        /// Which.
        of: Of,
        /// Of the true charge.
        percent: Percent,
    },
    /// Every pulse reads so much of an instrument's full scale, whatever it is, from now on.
    #[serde(rename_all = "kebab-case")]
    Clips {
        /// Which.
        of: Of,
        /// Of its full scale.
        percent_of_full_scale: Percent,
    },
    /// Every pulse reads so many counts, whatever it is, from now on.
    ReadsCounts {
        /// Which.
        of: Of,
        /// May be negative: a baseline that falls.
        counts: i32,
    },
    /// The polarising voltage is read back as so much of the nominal one, from now on.
    ReadsVoltage {
        /// Which.
        of: Of,
        /// Of the nominal voltage.
        percent: Percent,
    },
    /// The linac senses this energy in the beam line, from now on.
    SensesEnergy {
        /// In MeV.
        mev: Energy,
    },
    /// An instrument's response changes steadily from now on.
    #[serde(rename_all = "kebab-case")]
    Drifts {
        /// Which.
        of: Of,
        /// Of the response at the start.
        percent_per_hour: Percent,
    },
    /// Somebody sets an instrument's counters to zero.
    ClearCounters {
        /// Which.
        of: Of,
    },
    /// The linac makes no pulse for a while, although it may.
    Pause {
        /// For how long.
        #[serde(rename = "for-ms", with = "text::millis")]
        lasting: Span,
    },
    /// The linac holds its own gate closed for a while.
    Hold {
        /// For how long.
        #[serde(rename = "for-ms", with = "text::millis")]
        lasting: Span,
    },
    /// Dose arrives outside every pulse.
    Leak {
        /// How much.
        mu: SmallDose,
    },
    /// The pulse rate (without pulses: the dose rate) is so much of what the machine is built for, from now on.
    Rate {
        /// Of the nominal rate.
        percent: Percent,
    },
    /// Pulses pass the gate once it says CLOSED or LATCHED, at the pulse rate, and then no more.
    PulsesWhileClosed {
        /// How many; without pulses, dose periods of beam.
        pulses: u16,
        /// How long after the gate closed the first one may come.
        #[serde(rename = "after-ms", with = "text::millis")]
        after: Span,
        /// Whether the gate counts and reports them.
        counted: bool,
    },
    /// The gate tells on one bus only later that it has closed, from now on.
    GateTellsLate {
        /// On which bus.
        bus: OnBus,
        /// By how much.
        #[serde(rename = "by-ms", with = "text::millis")]
        by: Span,
    },
    /// The computer loses received frames of a bus, and says so.
    Overflow {
        /// Of which bus.
        bus: OnBus,
        /// How many.
        frames: u32,
    },
    /// A controller of the computer sends an error frame up, and is well otherwise.
    ControllerSays {
        /// Of which bus.
        bus: OnBus,
        /// What it says.
        complaint: Complaint,
    },
    /// The kernel's stamps of received frames jump.
    StampStep {
        /// By so many microseconds.
        #[serde(rename = "by-us")]
        by: i64,
    },
}

/// Something that happens at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mishap {
    /// When.
    pub at: Moment,
    /// What.
    pub what: What,
}

impl Mishap {
    /// What the treatment unit does to itself with a pulse, and that pulse: it befalls that very pulse.
    #[must_use]
    pub const fn with_pulse(&self) -> Option<u32> {
        match (self.at.after, self.at.delay.nanos(), &self.what) {
            (Anchor::Pulse(pulse), 0, What::Unit(_)) => Some(pulse),
            (Anchor::Pulse(pulse), 0, what) if what.signal().is_some() => Some(pulse),
            _ => None,
        }
    }

    /// A named fault of the treatment unit that begins with this pulse; 0 is before the beam.
    #[must_use]
    pub const fn unit(injection: Injection, pulse: u32) -> Self {
        Self { at: Moment { after: Anchor::Pulse(pulse), delay: Span::ZERO }, what: What::Unit(injection) }
    }
}

impl Mishap {
    /// The pulse at which it happens, where it happens at one.
    #[must_use]
    pub fn pulse(&self) -> Option<u64> {
        match self.at.after {
            Anchor::Pulse(pulse) => Some(u64::from(pulse)),
            Anchor::Start | Anchor::State(_) => None,
        }
    }
}
