//! The permit protocol as a model for `stateright`: the product's own senders and the simulated gate, and everything that
//! a bus, a guard, the process and the gate's power can do to them.

use std::fmt;

use beam_core::units::Span;
use beam_core::wire::Guard;
use stateright::{Model, Property};

mod post;
mod promise;
mod view;
mod world;

pub use promise::Promise;
pub use world::World;

/// The model's step of time: one permit period.
pub const STEP: Span = Span::from_millis(5);
/// Stale-after, in steps: 3 here and 5 in the product. No rule depends on the number, only on "older than".
pub const STALE_STEPS: u8 = 3;

/// How far the model goes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Pulses of a delivery.
    pub pulses: u32,
    /// Delivery ids.
    pub deliveries: u16,
    /// How many steps late a frame may be.
    pub late: u8,
    /// Which guards may trip by themselves or ever be out of step, as a sum of [`Guard::bit`]; the others do at once what
    /// the session asks. The gate treats all but the time guard's lease alike.
    pub free: u8,
    /// How many of those may at once be out of step: hung, dead or silent, slow to do what the session asked or to see a
    /// pulse, or with a frame that is lost, late, broken or refused; each for any time.
    pub out_of_step: usize,
    /// The session may withhold and go on, once in a delivery.
    pub resumes: bool,
    /// Guards may fall silent of their own will, as in the proof.
    pub hushes: bool,
    /// The process may die once, and another starts.
    pub process_restarts: bool,
    /// The gate may lose its power once.
    pub gate_restarts: bool,
}

/// What the session asks all guards for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ask {
    /// Nothing yet.
    Rest,
    /// Take up the next delivery.
    Offer,
    /// Give the permit.
    Deliver,
    /// Withhold it.
    Withhold,
    /// Trip it.
    End,
}

/// What a guard does in its turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It does not turn at all: for a moment, or for ever.
    Hang,
    /// It renews its permit as it stands.
    Renew,
    /// It does what the session asked, leases what it has seen, and renews.
    Obey,
    /// It renews, and then does what the session asked: a frame at once.
    RenewThenObey,
    /// It trips by itself.
    Trip,
    /// It falls silent of its own will.
    Hush,
}

/// What becomes of the frames of a guard that are on their way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// They reach the gate.
    Delivered,
    /// The bus carries them, the gate misses them.
    Lost,
    /// The gate gets them with a flipped bit.
    Broken,
    /// They wait for another step.
    Late,
    /// The transmit queue refuses the one that was just handed to it.
    Refused,
}

/// What happens at the end of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beam {
    /// Nothing.
    Rest,
    /// The console asks for beam, the gate lets a pulse pass.
    Pulse,
    /// The gate's power comes back after a loss.
    GateRestart,
}

/// One thing that happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// The session asks for something, or for nothing.
    Session(Option<Ask>),
    /// The process died; a new one starts, whose alive counters are `ahead` of what the gate saw last.
    ProcessRestart {
        /// Modulo 15.
        ahead: u8,
    },
    /// A guard has its turn.
    Guard(Guard, Turn, Fate),
    /// The step ends.
    Beam(Beam),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(None) => write!(f, "-- a step begins"),
            Self::Session(Some(ask)) => write!(f, "-- a step begins, the session asks: {ask:?}"),
            Self::ProcessRestart { ahead } => write!(f, "-- a step begins, another process (alive {ahead} ahead)"),
            Self::Guard(guard, turn, fate) => write!(f, "   guard {}: {turn:?}, {fate:?}", guard.name()),
            Self::Beam(beam) => write!(f, "   beam: {beam:?}"),
        }
    }
}

impl Model for Bounds {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::at_power_up()]
    }

    fn actions(&self, state: &World, actions: &mut Vec<Action>) {
        state.actions(self, actions);
    }

    fn next_state(&self, state: &World, action: Action) -> Option<World> {
        state.after(action, self)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! kept {
            ($($promise:ident),*) => {
                vec![$(Property::always(
                    stringify!($promise),
                    |_, world: &World| world.broken != Some(Promise::$promise),
                )),*]
            };
        }
        let mut properties = kept![
            PaidFor,
            Fresh,
            OpenOnFour,
            Latched,
            ReopensOnWithheld,
            TakenUpOnFour,
            TakenUpOnce,
            LeaseZeroOnlyBefore,
            TripStays,
            BeginsWithheld,
            LeaseAsAsked,
            SaysWhatWasAsked,
            OneWaits,
            Renews,
            Hushed,
            HearsItself
        ];
        assert_eq!(properties.len(), Promise::ALL.len());
        properties.extend([
            Property::sometimes("every pulse is fired", |bounds: &Self, world: &World| world.fired.1 == bounds.pulses),
            Property::sometimes("beam after a resume", |bounds: &Self, world: &World| {
                let resumed = world.wish.resumed && world.wish.ask == Ask::Deliver && world.gate.lets_pulse();
                resumed || !bounds.resumes
            }),
            Property::sometimes("beam in a new delivery after a trip", |bounds: &Self, world: &World| {
                world.was_latched && world.fired.0 == bounds.deliveries
            }),
        ]);
        properties
    }
}
