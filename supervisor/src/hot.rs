//! The guard loops: the only file of this crate that runs in a real-time thread.
//!
//! A [`Seat`] is one guard with its two rings: commands come in, records go out. [`Seat::turn`] is what happens with one
//! input, the same in a thread ([`run`]) and in the simulated world. After arming nothing here allocates, locks, logs,
//! panics or waits for another thread; a full ring is counted and the guard goes on.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::float_arithmetic
)]

use beam_core::frame::{Bus, Frame};
use beam_core::guard::Guard;
use beam_core::note::{Command, Input};
use beam_core::record::{Body, Record, Stamps};
use beam_core::units::{Span, Ticks};
use beam_core::wire;
use beam_drivers::clock;
use beam_drivers::realtime;
use beam_drivers::wait::wait;
use beam_drivers::{Event, Port};
use rtrb::{Consumer, Producer};

/// A bus did not take a frame; what for, the driver has already said in its own events.
#[derive(Clone, Copy, Debug)]
pub struct NotTaken;

/// One guard between its rings.
pub struct Seat {
    guard: Guard,
    who: wire::Guard,
    permit_bus: Bus,
    records_frames: bool,
    commands: Consumer<Command>,
    records: Producer<Record>,
    serial: u32,
}

impl Seat {
    /// Seats `guard` between its rings; its permit goes out on `permit_bus`.
    #[must_use]
    pub fn new(guard: Guard, permit_bus: Bus, commands: Consumer<Command>, records: Producer<Record>) -> Self {
        let who = guard.common().who;
        let records_frames = matches!(who, wire::Guard::Interlock);
        Self { guard, who, permit_bus, records_frames, commands, records, serial: 0 }
    }

    /// Which guard sits here.
    #[must_use]
    pub const fn who(&self) -> wire::Guard {
        self.who
    }

    /// The guard, to be looked at.
    #[must_use]
    pub const fn guard(&self) -> &Guard {
        &self.guard
    }

    /// When the guard must turn at the latest.
    #[must_use]
    pub const fn due(&self) -> Ticks {
        self.guard.due()
    }

    /// Whether the session has gone and will never command again.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.commands.is_abandoned()
    }

    /// The next command, if one waits.
    pub fn command(&mut self) -> Option<Input> {
        self.commands.pop().ok().map(Input::Command)
    }

    /// One input: the guard decides, its permit goes to `send`, its note to the ring. `clock` reads the time after
    /// sending, for the latency that is recorded.
    #[inline]
    pub fn turn(
        &mut self,
        now: Ticks,
        input: &Input,
        stamps: Stamps,
        send: &mut impl FnMut(&Frame) -> Result<(), NotTaken>,
        clock: &impl Fn() -> Ticks,
    ) {
        let output = self.guard.step_stamped(now, stamps.kernel_nanos, input);
        if let Some(frame) = output.transmit {
            self.transmit(now, &frame, input, send, clock);
        }
        match *input {
            Input::Frame { bus, origin, frame } if self.records_frames => {
                self.record(now, Body::Received { bus, origin, frame, stamps });
            }
            Input::Trouble { bus, trouble } => self.record(now, Body::Trouble { bus, trouble }),
            Input::Frame { .. } | Input::Tick | Input::Unsent | Input::Command(_) => {}
        }
        if let Some(note) = output.note {
            self.record(now, Body::Note(note));
        }
    }

    fn transmit(
        &mut self,
        now: Ticks,
        frame: &Frame,
        input: &Input,
        send: &mut impl FnMut(&Frame) -> Result<(), NotTaken>,
        clock: &impl Fn() -> Ticks,
    ) {
        let bus = self.permit_bus;
        if send(frame).is_err() {
            // told to the guard at once; what it then wants sent goes out with its next turn
            let _nothing_is_sent_by_this = self.guard.step(now, &Input::Unsent);
            self.record(now, Body::Unsent { bus });
            return;
        }
        let latency = match input {
            Input::Frame { .. } => clock().since(now),
            Input::Trouble { .. } | Input::Tick | Input::Unsent | Input::Command(_) => Span::ZERO,
        };
        self.record(now, Body::Sent { bus, frame: *frame, latency });
    }

    /// Pushes a record; when the ring is full the serial number still counts, so that the loss shows.
    pub fn record(&mut self, at: Ticks, body: Body) {
        let record = Record { at, guard: self.who, serial: self.serial, body };
        self.serial = self.serial.wrapping_add(1);
        let _full_ring_shows_in_the_serial = self.records.push(record);
    }
}

/// Events that a guard reads from one bus before it looks at its own deadline again: a babbling node must not starve it.
const EVENTS_A_TURN: u32 = 64;

/// How often a loop tells how late it was at worst.
const LOOP_REPORT: Span = Span::from_millis(200);

/// A guard's ends of the buses that it hears: the one that its permit goes out on, and the other one if it hears it.
pub struct Ports<P> {
    /// The bus of its permit.
    pub own: (Bus, P),
    /// The other bus.
    pub other: Option<(Bus, P)>,
}

/// Turns a guard until the session has gone: waits for a frame or its deadline, reads both buses, takes commands, ticks.
pub fn run<P: Port>(seat: &mut Seat, ports: &mut Ports<P>) {
    run_watched(seat, ports, &mut |_due, _woken| {});
}

/// [`run`], and `watch` sees of every wake-up when it was due at the latest and when it came; it may do what a guard may.
pub fn run_watched<P: Port>(seat: &mut Seat, ports: &mut Ports<P>, watch: &mut impl FnMut(Ticks, Ticks)) {
    let mut worst = Span::ZERO;
    let mut turns: u32 = 0;
    let mut next_report = clock::now().after(LOOP_REPORT);
    // the first turn sets the schedule that all others are measured against
    turn(seat, &mut ports.own.1, &Input::Tick, Stamps::NONE);
    while !seat.is_abandoned() {
        let due = seat.due();
        let readable = match &ports.other {
            Some((_, other)) => wait([ports.own.1.descriptor(), other.descriptor()], due),
            None => {
                let [own] = wait([ports.own.1.descriptor()], due);
                [own, false]
            }
        };
        let woken = clock::now();
        watch(due, woken);
        worst = worst.longer(woken.since(due));
        turns = turns.wrapping_add(1);
        hear_what_came(seat, ports, readable);
        while let Some(command) = seat.command() {
            turn(seat, &mut ports.own.1, &command, Stamps::NONE);
        }
        if clock::now() >= seat.due() {
            turn(seat, &mut ports.own.1, &Input::Tick, Stamps::NONE);
        }
        if woken >= next_report {
            next_report = woken.after(LOOP_REPORT);
            let page_faults = page_faults();
            seat.record(woken, Body::Loop { lateness: worst, turns, page_faults });
            worst = Span::ZERO;
        }
    }
}

/// Reads what the ports have to say: one event of each bus in turn, so that neither waits for the other. A port that has
/// nothing is not asked, because that is a call to the kernel, too.
fn hear_what_came<P: Port>(seat: &mut Seat, ports: &mut Ports<P>, readable: [bool; 2]) {
    let (bus, port) = (ports.own.0, &mut ports.own.1);
    let [mut own_has, mut other_has] = readable;
    for _ in 0..EVENTS_A_TURN {
        if own_has || port.holds_more() {
            let event = port.receive();
            own_has = event.is_some();
            if let Some(event) = event {
                hear(seat, port, bus, &event);
            }
        }
        if let Some((bus, other)) = &mut ports.other
            && (other_has || other.holds_more())
        {
            let event = other.receive();
            other_has = event.is_some();
            if let Some(event) = event {
                hear(seat, port, *bus, &event);
            }
        }
        if !own_has && !other_has {
            return;
        }
    }
}

fn hear<P: Port>(seat: &mut Seat, port: &mut P, bus: Bus, event: &Event) {
    match *event {
        Event::Frame { frame, origin, stamps } => turn(seat, port, &Input::Frame { bus, origin, frame }, stamps),
        Event::Trouble(trouble) => turn(seat, port, &Input::Trouble { bus, trouble }, Stamps::NONE),
    }
}

fn turn<P: Port>(seat: &mut Seat, port: &mut P, input: &Input, stamps: Stamps) {
    let mut send = |frame: &Frame| port.send(frame).map_err(|_said_by_the_driver| NotTaken);
    seat.turn(clock::now(), input, stamps, &mut send, &clock::now);
}

/// Page faults of this thread since it started; there are none after arming.
fn page_faults() -> u32 {
    let faults = realtime::thread_faults();
    u32::try_from(faults.minor.saturating_add(faults.major)).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "hot_tests.rs"]
mod tests;
