//! A bench without a session: the simulated treatment unit and four senders of permits, each a real guard or a puppet that
//! permits for ever. Every frame takes the same short time, and nothing waits.

use std::collections::VecDeque;

use beam_core::frame::{Bus, Frame, Origin};
use beam_core::machine::{Machine, Order};
use beam_core::note::{Command, Input, Note};
use beam_core::permit::PermitSender;
use beam_core::record::{Body, Stamps};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{Guard, NO_PULSE_LIMIT};
use beam_drivers::sim::{Injection, Truth, Unit};
use beam_supervisor::hot::{NotTaken, Seat};
use beam_supervisor::wiring::{Line, hears, permit_bus, seat_guards};
use beam_supervisor::world::FRAME_TIME;

use crate::{DELIVERY, Trial};

/// A lease that no delivery here reaches.
const FOR_EVER: u32 = 1_000_000;
/// How often the session would say that it lives.
const HEARTBEAT: Span = Span::from_millis(50);
/// Frames that may be under way: reserved beforehand, so that a guard's turn never makes the queue grow.
const UNDER_WAY: usize = 1024;

/// Who sends one of the four permits.
enum Sender {
    Real(Box<Seat>, Box<Line>),
    Puppet(PermitSender),
}

/// A frame under way.
struct Flight {
    at: Ticks,
    bus: Bus,
    from: Option<Guard>,
    frame: Frame,
}

/// The bench.
pub struct Bench {
    machine: Machine,
    unit: Unit,
    senders: Vec<Sender>,
    flights: VecDeque<Flight>,
    now: Ticks,
    next_heartbeat: Ticks,
    around: fn(&mut dyn FnMut()),
    notes: Vec<(Ticks, Guard, Note)>,
    turns: u64,
    /// Every frame that a bus carried.
    carried: Vec<(Ticks, Bus, Frame)>,
    keeps_frames: bool,
}

impl Bench {
    /// A bench on which the guards in the sum `real` are real and the others are puppets.
    #[must_use]
    pub fn new(trial: &Trial, order: &Order, seed: u64, injections: &[(Injection, u32)], real: u8) -> Self {
        let machine = trial.machine;
        let (seats, lines) = seat_guards(&machine);
        let sender = |(seat, line): (Seat, Line)| {
            if real & seat.who().bit() == 0 {
                Sender::Puppet(PermitSender::new(seat.who(), machine.timing.permit))
            } else {
                Sender::Real(Box::new(seat), Box::new(line))
            }
        };
        Self {
            machine,
            unit: Unit::new(&trial.unit(order), seed, injections),
            senders: seats.into_iter().zip(lines).map(sender).collect(),
            flights: VecDeque::with_capacity(UNDER_WAY),
            now: Ticks::ZERO,
            next_heartbeat: Ticks::ZERO,
            around: |turn| turn(),
            notes: Vec::new(),
            turns: 0,
            carried: Vec::new(),
            keeps_frames: false,
        }
    }

    /// Puts something around every turn of a real guard from now on.
    pub fn surround(&mut self, around: fn(&mut dyn FnMut())) {
        self.around = around;
    }

    /// Keeps every frame that a bus carries from now on.
    pub const fn keep_frames(&mut self) {
        self.keeps_frames = true;
    }

    /// The frames kept.
    #[must_use]
    pub fn frames(&self) -> &[(Ticks, Bus, Frame)] {
        &self.carried
    }

    /// Every note of the real guards.
    #[must_use]
    pub fn notes(&self) -> &[(Ticks, Guard, Note)] {
        &self.notes
    }

    /// What really happened.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.unit.truth()
    }

    /// Turns that real guards have made.
    #[must_use]
    pub const fn turns(&self) -> u64 {
        self.turns
    }

    /// The present moment.
    #[must_use]
    pub const fn now(&self) -> Ticks {
        self.now
    }

    /// Arms all four, waits for the take-up, permits, and runs until the gate has latched or `most` has passed.
    pub fn deliver(&mut self, order: &Order, most: Span) {
        self.run(Span::from_millis(300), |_| false);
        self.command(Command::Arm { delivery: DELIVERY, order: *order });
        self.run(Span::from_millis(100), |_| false);
        self.command(Command::Deliver);
        self.run(most, |truth| truth.gate.state == beam_core::wire::GateState::Latched);
        self.run(Span::from_secs(1), |_| false);
    }

    /// Commands all four; a puppet does what a guard would that never minds.
    fn command(&mut self, command: Command) {
        for index in 0..self.senders.len() {
            match &mut self.senders[index] {
                Sender::Puppet(permit) => match command {
                    Command::Arm { delivery, .. } => permit.take_up(delivery),
                    Command::Deliver if Guard::ALL[index] == Guard::Time => permit.permit(NO_PULSE_LIMIT),
                    Command::Deliver => permit.permit(FOR_EVER),
                    _ => {}
                },
                Sender::Real(seat, line) => {
                    line.commands.push(command).expect("room for a command");
                    if let Some(input) = seat.command() {
                        self.turn(index, &input);
                    }
                }
            }
        }
    }

    fn run(&mut self, most: Span, enough: impl Fn(&Truth) -> bool) {
        let until = self.now.after(most);
        while self.now < until && !enough(&self.unit.truth()) {
            self.step();
        }
    }

    fn step(&mut self) {
        let flight = self.flights.front().map_or(Ticks::from_nanos(u64::MAX), |flight| flight.at);
        let (index, due) = self.next_sender();
        self.now = flight.min(self.unit.next()).min(due).min(self.next_heartbeat);
        if flight == self.now {
            self.arrive();
        } else if self.unit.next() == self.now {
            let (now, flights) = (self.now, &mut self.flights);
            self.unit.advance(now, &mut |bus, frame| put(flights, now, bus, None, frame));
        } else if due == self.now {
            self.turn(index, &Input::Tick);
        } else {
            self.next_heartbeat = self.now.after(HEARTBEAT);
            self.command(Command::Heartbeat);
        }
    }

    fn next_sender(&self) -> (usize, Ticks) {
        let due = |sender: &Sender| match sender {
            Sender::Real(seat, _) => seat.due(),
            Sender::Puppet(permit) => permit.due(),
        };
        let all = self.senders.iter().map(due).enumerate();
        all.min_by_key(|&(_, due)| due).expect("four senders")
    }

    fn arrive(&mut self) {
        let Some(Flight { bus, from, frame, .. }) = self.flights.pop_front() else { return };
        if self.keeps_frames {
            self.carried.push((self.now, bus, frame));
        }
        if from.is_some() {
            let (now, flights) = (self.now, &mut self.flights);
            self.unit.receive(now, bus, &frame, &mut |bus, frame| put(flights, now, bus, None, frame));
        }
        for (index, guard) in Guard::ALL.into_iter().enumerate() {
            if let Sender::Puppet(permit) = &mut self.senders[index] {
                let _not_its_own = from == Some(guard) && permit.echo(&frame);
            } else if hears(guard, bus, &self.machine).contains(&frame.id) {
                let origin = if from == Some(guard) { Origin::Echo } else { Origin::Wire };
                self.turn(index, &Input::Frame { bus, origin, frame });
            }
        }
    }

    fn turn(&mut self, index: usize, input: &Input) {
        let (now, flights, guard) = (self.now, &mut self.flights, Guard::ALL[index]);
        let bus = permit_bus(guard, &self.machine);
        match &mut self.senders[index] {
            Sender::Puppet(permit) => {
                if let Some(frame) = permit.poll(now) {
                    put(flights, now, bus, Some(guard), frame);
                }
            }
            Sender::Real(seat, line) => {
                assert!(flights.len() < UNDER_WAY, "the bench has room for every frame");
                (self.around)(&mut || {
                    let mut send = |frame: &Frame| -> Result<(), NotTaken> {
                        put(flights, now, bus, Some(guard), *frame);
                        Ok(())
                    };
                    seat.turn(now, input, Stamps::NONE, &mut send, &|| now);
                });
                self.turns += 1;
                while let Ok(record) = line.records.pop() {
                    if let Body::Note(note) = record.body {
                        self.notes.push((record.at, record.guard, note));
                    }
                }
            }
        }
    }
}

fn put(flights: &mut VecDeque<Flight>, now: Ticks, bus: Bus, from: Option<Guard>, frame: Frame) {
    flights.push_back(Flight { at: now.after(FRAME_TIME), bus, from, frame });
}
