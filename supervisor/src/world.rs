//! The simulated world in virtual time: the unmodified guards, rings and session against the simulated treatment unit.
//!
//! Nothing here waits: the world jumps from one event to the next. Each bus carries one frame at a time, as long as a frame
//! takes at 1 Mbit/s; every listener gets it at that moment, its sender the echo. Whatever else happens is a
//! `Mishap`: frames that are lost, late or spoilt, threads that stall, a clock that jumps, a process that dies. The same
//! seed and mishaps give the same run.

use std::collections::VecDeque;

use beam_core::frame::{Bus, Frame, Origin};
use beam_core::machine::{Machine, Order};
use beam_core::note::Input;
use beam_core::record::Stamps;
use beam_core::session::Act;
use beam_core::state::{Refused, State};
use beam_core::units::{Span, Ticks};
use beam_core::wire::Guard;
use beam_drivers::sim::{Truth, Unit};

use crate::conductor::{Conductor, Entry, SESSION_PERIOD};
use crate::hot::{NotTaken, Seat};
use crate::mishap::{Deed, Receiver};
use crate::wiring::permit_bus;

mod befall;
mod bus;
mod clock;
mod fate;
mod host;
mod set_up;
mod start;

pub use bus::FRAME_TIME;
use bus::{NEVER, Sender, Wire};
use clock::HostClock;
use fate::{Delivery, Fate};
use host::Host;
pub use host::Stopped;
use start::STAMPS_BEGIN;

/// How long what has happened may still bring something about: until then the world is worth watching.
const AFTERMATH: Span = Span::from_millis(500);
/// How many identifiers of eleven bits there are, for the table of listeners.
const IDENTIFIERS: usize = 0x800;

/// One thing that somebody who stands beside the buses sees.
#[derive(Clone, Copy, Debug)]
pub enum Seen {
    /// A bus carried a frame; a guard sent it, or somebody else.
    Carried(Bus, Option<Guard>, Frame),
    /// The gate received a permit.
    Gate(Frame),
    /// A guard received a frame, as it arrived there, and read it.
    Guard(Guard, Bus, Frame),
}

/// The world.
pub struct World {
    machine: Machine,
    unit: Unit,
    host: Host,
    clock: HostClock,
    /// How many processes were started before this one.
    generation: u16,
    wires: [Wire; 2],
    /// Who hears which identifier on which bus, as sums of [`Guard::bit`].
    listeners: Box<[[u8; IDENTIFIERS]; 2]>,
    fate: Fate,
    /// Until when what happened last may still bring something about.
    restless_until: Ticks,
    deeds: VecDeque<Deed>,
    /// The state in which the session was seen last, and whether a beam was begun by this process.
    seen: State,
    /// The states in which it was seen since the onlooker looked last.
    states: Vec<State>,
    begun: bool,
    pulses: u64,
    now: Ticks,
    steps: u64,
    /// What the kernel's stamps of received frames are ahead of the true time, in ns; there are none while it is nothing.
    stamp_offset: i64,
    stamps: bool,
    /// Every frame that a bus carried, when asked for.
    heard: Option<Vec<(Ticks, Bus, Frame)>>,
    /// What was seen since the onlooker looked last, when there is one.
    seen_on_bus: Option<Vec<Seen>>,
}

impl World {
    /// Keeps what an onlooker sees from now on.
    pub fn let_look_on(&mut self) {
        self.seen_on_bus = Some(Vec::with_capacity(64));
    }

    /// Hands the states in which the session was seen since the last call: what mishaps wait for.
    pub fn states_seen(&mut self, mut look: impl FnMut(State)) {
        self.states.drain(..).for_each(&mut look);
    }

    /// Hands what was seen since the last call to `look`.
    pub fn look_on(&mut self, mut look: impl FnMut(Seen)) {
        if let Some(seen) = &mut self.seen_on_bus {
            for one in seen.drain(..) {
                look(one);
            }
        }
    }

    /// Keeps every frame that a bus carries from now on.
    pub fn keep_frames(&mut self) {
        self.heard = Some(Vec::new());
    }

    /// The frames kept.
    #[must_use]
    pub fn frames(&self) -> &[(Ticks, Bus, Frame)] {
        self.heard.as_deref().unwrap_or_default()
    }

    /// The machine that the guards judge by.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The present moment.
    #[must_use]
    pub const fn now(&self) -> Ticks {
        self.now
    }

    /// Steps that guards have made.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// What really happened.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.unit.truth()
    }

    /// The treatment unit, to be looked at.
    #[must_use]
    pub const fn unit(&self) -> &Unit {
        &self.unit
    }

    /// The conductor.
    #[must_use]
    pub const fn conductor(&self) -> &Conductor {
        &self.host.conductor
    }

    /// A guard, to be looked at.
    #[must_use]
    pub const fn seat(&self, guard: Guard) -> &Seat {
        &self.host.seats[guard.index()]
    }

    /// How many processes were started before the one that runs.
    #[must_use]
    pub const fn generation(&self) -> u16 {
        self.generation
    }

    /// What of the process is no longer alive.
    #[must_use]
    pub const fn stopped(&self) -> Stopped {
        self.host.stopped
    }

    /// Whether something is still to happen by itself: a mishap whose moment is known, the end of one, or what the last one
    /// may still bring about.
    #[must_use]
    pub fn is_expectant(&self) -> bool {
        self.next_fate() < NEVER || self.unit.is_held() || self.unit.is_straying() || self.now < self.restless_until
    }

    /// What the operator does now by a mishap; to be asked for after every step until there is nothing.
    pub fn next_deed(&mut self) -> Option<Deed> {
        self.deeds.pop_front()
    }

    /// Somebody presses the beam button, or lets it go.
    pub fn request_beam(&mut self, on: bool) {
        self.unit.request_beam(on);
    }

    /// Stops parts of the supervisor for good, as a crash or a hang would.
    pub fn stop(&mut self, stopped: Stopped) {
        self.host.stopped.guards |= stopped.guards;
        self.host.stopped.session |= stopped.session;
    }

    /// Pulls a bus: nothing arrives over it any more.
    pub fn cut(&mut self, bus: Bus) {
        self.wires[index(bus)].cut(true);
    }

    /// Puts a frame on a bus that neither the unit nor a guard sent.
    pub fn inject(&mut self, bus: Bus, frame: Frame) {
        self.wires[index(bus)].put(self.now, Sender::Outside, frame);
    }

    /// Gives a guard an input that no bus carried, such as a bus in trouble.
    pub fn disturb(&mut self, guard: Guard, input: &Input) {
        self.turn(guard, input);
    }

    /// The operator acts.
    ///
    /// # Errors
    /// [`Refused`] when the act has no place now.
    pub fn act(&mut self, act: &Act, sink: &mut impl FnMut(&Entry)) -> Result<(), Refused> {
        let answer = self.host.conductor.act(self.clock.shows(self.now), act, sink);
        self.pass_commands();
        self.look_at_session();
        answer
    }

    /// Arms without a proof, so that a test can begin in the middle.
    pub fn arm_unproven(&mut self, delivery: u16, order: Order) {
        self.host.conductor.arm_unproven(delivery, order);
        self.pass_commands();
    }

    /// Jumps to the next event and lets it happen.
    pub fn step(&mut self, sink: &mut impl FnMut(&Entry)) {
        let [a, b] = [self.wires[0].due(), self.wires[1].due()];
        let unit = self.unit.next();
        let session = self.host.session_turn().unwrap_or(NEVER);
        let (guard, due) = self.next_guard();
        let fate = self.next_fate();
        let now = a.min(b).min(unit).min(session).min(due).min(fate).max(self.now);
        self.now = now;
        if fate <= now || self.unit.is_straying() {
            self.restless_until = now.after(AFTERMATH);
        }
        if fate <= now {
            self.befall();
        } else if a <= now {
            self.deliver(Bus::A);
        } else if b <= now {
            self.deliver(Bus::B);
        } else if unit <= now {
            let wires = &mut self.wires;
            self.unit.advance(now, &mut |bus, frame| wires[index(bus)].put(now, Sender::Outside, frame));
            let pulses = self.unit.pulses();
            if pulses != self.pulses {
                self.pulses = pulses;
                self.fate.fired(now, pulses);
            }
        } else if due <= now {
            self.turn(guard, &Input::Tick);
        } else {
            self.host.session_due = now.after(SESSION_PERIOD);
            self.host.conductor.turn(self.clock.shows(now), sink);
            self.pass_commands();
            self.look_at_session();
        }
    }

    /// Steps until `until` or until `enough` says so; false when the time ran out first.
    pub fn run(&mut self, until: Ticks, sink: &mut impl FnMut(&Entry), mut enough: impl FnMut(&Self) -> bool) -> bool {
        while self.now < until {
            if enough(self) {
                return true;
            }
            self.step(sink);
        }
        enough(self)
    }

    fn look_at_session(&mut self) {
        let state = self.host.conductor.session().state();
        if state != self.seen {
            self.seen = state;
            if self.seen_on_bus.is_some() {
                self.states.push(state);
            }
            self.begun |= state == State::Delivering;
            self.fate.entered(self.now, state);
        }
    }

    fn next_guard(&self) -> (Guard, Ticks) {
        let mut first = (Guard::Dose1, NEVER);
        for guard in Guard::ALL {
            let due = self.host.seats[guard.index()].due();
            if due < first.1 && self.host.runs(guard) {
                first = (guard, due);
            }
        }
        (first.0, self.clock.when(first.1))
    }

    fn next_fate(&self) -> Ticks {
        match self.host.next_wake() {
            Some((wake, _)) => self.fate.due().min(wake),
            None => self.fate.due(),
        }
    }

    fn deliver(&mut self, bus: Bus) {
        let Some(flight) = self.wires[index(bus)].take(self.now) else { return };
        if let Some(heard) = &mut self.heard {
            heard.push((self.now, bus, flight.frame));
        }
        if let Some(seen) = &mut self.seen_on_bus {
            let guard = match flight.sender {
                Sender::Outside => None,
                Sender::Guard(guard, _) => Some(guard),
            };
            seen.push(Seen::Carried(bus, guard, flight.frame));
        }
        if !self.fate.is_calm() {
            return self.deliver_disturbed(bus, flight.sender, flight.frame);
        }
        if flight.sender != Sender::Outside {
            self.gate_receives(bus, &flight.frame);
        }
        let listening = self.listeners[index(bus)][usize::from(flight.frame.id) % IDENTIFIERS];
        for guard in Guard::ALL {
            if listening & guard.bit() != 0 {
                let origin = self.origin(guard, flight.sender);
                self.guard_receives(guard, bus, origin, flight.frame);
            }
        }
    }

    /// The same frame on its way to each receiver apart.
    #[cold]
    fn deliver_disturbed(&mut self, bus: Bus, sender: Sender, frame: Frame) {
        let mut deliveries = Vec::with_capacity(5);
        if sender != Sender::Outside {
            deliveries.push(Delivery { to: Receiver::Gate, bus, origin: Origin::Wire, frame });
        }
        let listening = self.listeners[index(bus)][usize::from(frame.id) % IDENTIFIERS];
        for guard in Guard::ALL.into_iter().filter(|guard| listening & guard.bit() != 0) {
            deliveries.push(Delivery { to: Receiver::Guard(guard), bus, origin: self.origin(guard, sender), frame });
        }
        let mut arriving = Vec::new();
        self.fate.pass(self.now, &deliveries, |delivery| arriving.push(delivery));
        for delivery in arriving {
            self.arrive(delivery);
        }
    }

    fn arrive(&mut self, delivery: Delivery) {
        match delivery.to {
            Receiver::Gate | Receiver::Everyone => self.gate_receives(delivery.bus, &delivery.frame),
            Receiver::Guard(guard) => self.guard_receives(guard, delivery.bus, delivery.origin, delivery.frame),
        }
    }

    fn origin(&self, guard: Guard, sender: Sender) -> Origin {
        match sender {
            Sender::Outside => Origin::Wire,
            Sender::Guard(who, generation) if who == guard && generation == self.generation => Origin::Echo,
            Sender::Guard(..) => Origin::Wire,
        }
    }

    fn gate_receives(&mut self, bus: Bus, frame: &Frame) {
        if let Some(seen) = &mut self.seen_on_bus {
            seen.push(Seen::Gate(*frame));
        }
        let (now, wires) = (self.now, &mut self.wires);
        self.unit.receive(now, bus, frame, &mut |bus, frame| wires[index(bus)].put(now, Sender::Outside, frame));
    }

    fn guard_receives(&mut self, guard: Guard, bus: Bus, origin: Origin, frame: Frame) {
        if self.fate.off_until[index(bus)] <= self.now {
            self.turn(guard, &Input::Frame { bus, origin, frame });
        }
    }

    fn turn(&mut self, guard: Guard, input: &Input) {
        if !self.host.runs(guard) {
            if self.host.is_stalled(guard) {
                self.host.keep(guard, input);
            }
            return;
        }
        self.steps += 1;
        if let (Some(seen), Input::Frame { bus, origin: Origin::Wire, frame }) = (&mut self.seen_on_bus, input) {
            seen.push(Seen::Guard(guard, *bus, *frame));
        }
        let (now, wires) = (self.now, &mut self.wires);
        let bus = permit_bus(guard, &self.machine);
        let sender = Sender::Guard(guard, self.generation);
        let on_bus = self.fate.off_until[index(bus)] <= now;
        let mut send = |frame: &Frame| -> Result<(), NotTaken> {
            if on_bus {
                wires[index(bus)].put(now, sender, *frame);
            }
            on_bus.then_some(()).ok_or(NotTaken)
        };
        let shown = self.clock.shows(now);
        let kernel = if self.stamps { now.nanos().saturating_add_signed(STAMPS_BEGIN + self.stamp_offset) } else { 0 };
        let stamps = Stamps { kernel_nanos: kernel, ..Stamps::NONE };
        self.host.seats[guard.index()].turn(shown, input, stamps, &mut send, &|| shown);
    }

    fn pass_commands(&mut self) {
        for guard in Guard::ALL {
            if self.host.runs(guard) {
                while let Some(input) = self.host.seats[guard.index()].command() {
                    self.turn(guard, &input);
                }
            }
        }
    }
}

const fn index(bus: Bus) -> usize {
    match bus {
        Bus::A => 0,
        Bus::B => 1,
    }
}
