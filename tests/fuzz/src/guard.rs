//! A whole guard of each kind on a drawn machine, and around it a treatment unit that is sometimes honest and sometimes not: frames
//! in order, frames with wrong counters, bytes and lengths, commands, buses in trouble, permits that do not leave, echoes of
//! nobody, silence, and time that jumps. What must hold after every step is in `guard_oracle`.

use beam_core::frame::{Bus, Frame, Origin, Trouble, next_alive};
use beam_core::guard::Guard;
use beam_core::machine::{Machine, Order};
use beam_core::note::{Command, Input};
use beam_core::units::{ChargeCounter, Dose, Span, Ticks};
use beam_core::wire::{
    self, ChamberMode, ChamberStatus, CloseCause, Docking, DoseReading, GATE_STATUS, GateState, GateStatus,
    LINAC_STATUS, LinacStatus, MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS, Reason,
};
use beam_supervisor::wiring::{hears, permit_bus};

use super::draw::Draw;
use super::guard_oracle::Oracle;
use super::machines;
use super::oracle;

const TROUBLES: [Trouble; 7] = [
    Trouble::Malformed,
    Trouble::ErrorWarning,
    Trouble::ErrorPassive,
    Trouble::BusOff,
    Trouble::ControllerOverrun,
    Trouble::ReceiveOverflow { lost: 3 },
    Trouble::InterfaceDown,
];
const REASONS: [Reason; 4] = [Reason::None, Reason::DoseReached, Reason::Operator, Reason::Fault];
const GATE_STATES: [GateState; 3] = [GateState::Closed, GateState::Open, GateState::Latched];
const CAUSES: [CloseCause; 5] = [
    CloseCause::None,
    CloseCause::PermitWithheld,
    CloseCause::LeaseUsed,
    CloseCause::PermitTripped,
    CloseCause::HardwareInterlock,
];
/// Identifiers that the unit sends.
const SENT: [u16; 6] = [GATE_STATUS, MON1_DOSE, MON2_DOSE, MON1_STATUS, MON2_STATUS, LINAC_STATUS];
/// No fuzzed moment is later: the clock itself ends 584 years after its start.
const LAST: Ticks = Ticks::from_nanos(u64::MAX / 2);

/// What becomes of a permit that the guard hands out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carriage {
    /// Its echo comes at once.
    Echoed,
    /// It waits.
    Held,
    /// The queue does not take it.
    Refused,
}

/// A guard and what is around it.
struct Room {
    guard: Guard,
    oracle: Oracle,
    machine: Machine,
    order: Order,
    now: Ticks,
    beats: u32,
    carriage: Carriage,
    /// Identifiers of [`SENT`] that are silent, by bits.
    muted: u8,
    /// The last alive counter of each identifier on each bus.
    alive: [[u8; SENT.len()]; 2],
    heard: [Vec<u16>; 2],
    gate: GateStatus,
    chambers: [DoseReading; 2],
    statuses: [ChamberStatus; 2],
    linac: LinacStatus,
    next_delivery: u16,
}

/// Any bytes as a guard's life.
pub fn guard(data: &[u8]) {
    let mut draw = Draw::new(data);
    let who = draw.of(&wire::Guard::ALL);
    let machine = machines::draw(&mut draw);
    let mut room = Room::new(who, machine, &mut draw);
    room.step(&Input::Tick);
    while !draw.is_empty() {
        room.happen(&mut draw);
    }
}

impl Room {
    fn new(who: wire::Guard, machine: Machine, draw: &mut Draw<'_>) -> Self {
        let chamber = DoseReading { flags: 0, pulses: draw.u16(), charge: ChargeCounter::from_raw(draw.u32()) };
        let status = ChamberStatus { mode: ChamberMode::Ready, voltage: 15_000, leakage: 0, faults: 0 };
        let order = machines::order(&machine, draw.byte(), draw.byte());
        Self {
            guard: Guard::new(who, &machine),
            oracle: Oracle::new(who, &machine),
            order,
            now: Ticks::from_nanos(1_000_000_000),
            beats: 0,
            carriage: Carriage::Echoed,
            muted: 0,
            alive: [[0; SENT.len()]; 2],
            heard: [Bus::A, Bus::B].map(|bus| hears(who, bus, &machine)),
            gate: GateStatus {
                state: GateState::Closed,
                cause: CloseCause::PermitWithheld,
                closed_by: 15,
                pulses: 0,
                beam_on_centiseconds: 0,
            },
            chambers: [chamber, DoseReading { charge: ChargeCounter::from_raw(0), ..chamber }],
            statuses: [status, status],
            linac: LinacStatus {
                docking: Docking::HardDocked,
                energy: 90,
                applicator: 17,
                pulse_rate: 300,
                interlocks: 0,
            },
            next_delivery: 1,
            machine,
        }
    }

    fn happen(&mut self, draw: &mut Draw<'_>) {
        match draw.byte() % 20 {
            0..=2 => {
                let beats = 1 + draw.byte() % 16;
                (0..beats).for_each(|_| self.beat());
            }
            3..=5 => self.pulses(draw),
            6 => self.gate_moves(draw),
            7 => self.linac_moves(draw),
            8 => self.chamber_moves(draw),
            9 => self.command(draw),
            10 => self.begin(draw),
            11 => self.frame(draw),
            12 => {
                let input = Input::Trouble { bus: draw.of(&[Bus::A, Bus::B]), trouble: draw.of(&TROUBLES) };
                self.step(&input);
            }
            13 => {
                self.pass(Span::from_micros(u64::from(draw.byte()) * 100));
                self.step(&Input::Tick);
            }
            14 => {
                self.pass(Span::from_micros(u64::from(draw.u32()) << (draw.byte() % 16)));
                self.step(&Input::Tick);
            }
            15 => self.step(&Input::Unsent),
            16 => self.own_frame(draw),
            17 => self.muted ^= 1 << (draw.byte() % 8),
            18 => self.carriage = draw.of(&[Carriage::Echoed, Carriage::Held, Carriage::Refused]),
            _ => {
                // until the guard itself wants to turn
                self.now = self.guard.due().max(self.now).earlier(LAST);
                self.step(&Input::Tick);
            }
        }
    }

    fn pass(&mut self, span: Span) {
        self.now = self.now.after(span).earlier(LAST);
    }

    /// One step of the guard, what becomes of its permit, and what must hold.
    fn step(&mut self, input: &Input) {
        let mut next = Some(*input);
        // a permit's echo may bring out another permit
        while let Some(input) = next.take() {
            let before = *self.guard.common();
            let output = self.guard.step(self.now, &input);
            self.oracle.watch(self.now, &input, &before, &self.guard, &output);
            if let Some(frame) = output.transmit {
                next = match self.carriage {
                    Carriage::Echoed => Some(self.echo(frame)),
                    Carriage::Held => None,
                    Carriage::Refused => Some(Input::Unsent),
                };
            }
        }
    }

    fn echo(&self, frame: Frame) -> Input {
        let bus = permit_bus(self.guard.common().who, &self.machine);
        Input::Frame { bus, origin: Origin::Echo, frame }
    }

    /// Five milliseconds of an honest unit: every frame in its time, the session's sign of life, the guard's own turn.
    fn beat(&mut self) {
        self.pass(self.machine.timing.gate);
        self.beats = self.beats.wrapping_add(1);
        for (place, id) in SENT.into_iter().enumerate() {
            let is_due = match id {
                GATE_STATUS => true,
                MON1_DOSE | MON2_DOSE => self.beats.is_multiple_of(2),
                _ => self.beats.is_multiple_of(10),
            };
            if is_due && self.muted & (1 << place) == 0 {
                self.send(id);
            }
        }
        if self.beats.is_multiple_of(10) && self.muted & 0x80 == 0 {
            self.step(&Input::Command(Command::Heartbeat));
        }
        if self.now >= self.guard.due() {
            self.step(&Input::Tick);
        }
    }

    /// Sends an identifier with what the unit has to say on the buses that it belongs on.
    fn send(&mut self, id: u16) {
        for bus in [Bus::A, Bus::B] {
            let belongs = match id {
                GATE_STATUS => bus == Bus::A || !self.machine.single_bus,
                MON1_DOSE | MON1_STATUS => bus == Bus::A,
                LINAC_STATUS => bus == self.machine.linac_bus,
                _ => bus == self.machine.second_bus(),
            };
            if belongs && self.heard[index(bus)].contains(&id) {
                let frame = self.next(bus, id);
                self.step(&Input::Frame { bus, origin: Origin::Wire, frame });
            }
        }
    }

    /// The next honest frame of an identifier.
    fn next(&mut self, bus: Bus, id: u16) -> Frame {
        let place = SENT.iter().position(|sent| *sent == id).unwrap_or(0);
        let alive = &mut self.alive[index(bus)][place];
        *alive = next_alive(*alive);
        match id {
            GATE_STATUS => self.gate.encode(*alive),
            MON1_DOSE => self.chambers[0].encode(id, *alive),
            MON2_DOSE => self.chambers[1].encode(id, *alive),
            MON1_STATUS => self.statuses[0].encode(id, *alive),
            MON2_STATUS => self.statuses[1].encode(id, *alive),
            _ => self.linac.encode(*alive),
        }
    }

    /// Pulses as an honest gate fires them: only under a permit and up to its lease.
    fn pulses(&mut self, draw: &mut Draw<'_>) {
        let (count, hundredths) = (1 + draw.byte() % 32, draw.byte());
        // mostly as expected, sometimes anything up to two and a half times as much
        let hundredths = if hundredths < 128 { 100 } else { (hundredths - 128) * 2 };
        for _ in 0..count {
            let permit = self.guard.common().permit.current();
            let leased = self.guard.common().permit.is_given() && self.gate.pulses < permit.lease;
            if leased {
                self.gate.state = GateState::Open;
                self.gate.cause = CloseCause::None;
                self.gate.closed_by = 0;
                self.gate.pulses += 1;
                self.gate.beam_on_centiseconds = self.gate.beam_on_centiseconds.wrapping_add(1);
                for (chamber, expected) in self.chambers.iter_mut().zip(self.order.expected_pulse) {
                    let charge = expected.percent(u32::from(hundredths)).picocoulombs();
                    chamber.pulses = chamber.pulses.wrapping_add(1);
                    chamber.charge = ChargeCounter::from_raw(chamber.charge.raw().wrapping_add(charge as u32));
                }
                for id in [GATE_STATUS, MON1_DOSE, MON2_DOSE] {
                    self.send(id);
                }
            }
            self.beat();
        }
    }

    fn gate_moves(&mut self, draw: &mut Draw<'_>) {
        self.gate.state = draw.of(&GATE_STATES);
        self.gate.cause = draw.of(&CAUSES);
        self.gate.closed_by = draw.byte() % 16;
        match draw.byte() {
            0..=127 => {}
            128..=191 => self.gate.pulses = 0,
            more => self.gate.pulses = self.gate.pulses.saturating_add(u32::from(more - 192)),
        }
        self.gate.beam_on_centiseconds = self.gate.beam_on_centiseconds.wrapping_add(u16::from(draw.byte()));
    }

    fn linac_moves(&mut self, draw: &mut Draw<'_>) {
        match draw.byte() % 8 {
            0..=3 => self.linac.interlocks ^= 32_768,
            4 => self.linac.interlocks ^= 1 << (draw.byte() % 16),
            5 => self.linac.energy = draw.byte(),
            6 => self.linac.applicator = draw.byte(),
            _ => self.linac.docking = draw.of(&[Docking::HardDocked, Docking::Undocked, Docking::SoftDocked]),
        }
    }

    fn chamber_moves(&mut self, draw: &mut Draw<'_>) {
        let which = usize::from(draw.byte() % 2);
        match draw.byte() % 6 {
            0 => self.chambers[which].flags ^= 1 << (draw.byte() % 4),
            1 => self.chambers[which].pulses = self.chambers[which].pulses.wrapping_add(draw.u16()),
            2 => {
                let charge = self.chambers[which].charge.raw().wrapping_add(draw.u32());
                self.chambers[which].charge = ChargeCounter::from_raw(charge);
            }
            3 => {
                let charge = self.chambers[which].charge.raw().wrapping_add(u32::from(draw.byte()) * 16);
                self.chambers[which].charge = ChargeCounter::from_raw(charge);
            }
            4 => self.statuses[which].leakage = draw.u16().cast_signed(),
            _ => self.statuses[which].voltage = draw.u16(),
        }
    }

    /// A new delivery as the session begins it.
    fn begin(&mut self, draw: &mut Draw<'_>) {
        let kind = draw.byte();
        self.gate.pulses = 0;
        let delivery = self.fresh_delivery();
        self.step(&Input::Command(Command::Arm { delivery, order: self.order }));
        (0..kind % 8).for_each(|_| self.beat());
        self.step(&Input::Command(Command::Deliver));
    }

    fn fresh_delivery(&mut self) -> u16 {
        let delivery = self.next_delivery;
        self.next_delivery = self.next_delivery.checked_add(1).unwrap_or(1);
        delivery
    }

    fn command(&mut self, draw: &mut Draw<'_>) {
        let command = match draw.byte() % 13 {
            0 => Command::TakeUp { delivery: self.fresh_delivery() },
            1 => Command::TakeUp { delivery: draw.u16() },
            2 => Command::Arm { delivery: self.fresh_delivery(), order: self.order },
            3 => {
                let order = machines::order(&self.machine, draw.byte(), draw.byte());
                // the id that is held already, none, or any
                let held = self.guard.common().permit.current().delivery;
                Command::Arm { delivery: draw.of(&[held, 0, held.wrapping_sub(1)]), order }
            }
            4 => Command::Prove { lease: draw.u32() >> (8 + draw.byte() % 24) },
            5 => Command::Silence,
            6 => Command::Withhold,
            7 | 8 => Command::Deliver,
            9 => Command::End(draw.of(&REASONS)),
            10 => Command::Acknowledge,
            11 => Command::Rebase { base: Dose::from_micro_mu(i64::from(draw.u32())) },
            _ => Command::Heartbeat,
        };
        self.step(&Input::Command(command));
    }

    /// A frame that is not what comes next: another counter, other bytes, another length, another sender, another identifier.
    fn frame(&mut self, draw: &mut Draw<'_>) {
        let bus = draw.of(&[Bus::A, Bus::B]);
        let heard = self.heard[index(bus)].clone();
        let own = self.guard.common().who.permit_id();
        let ids: Vec<u16> = heard.into_iter().filter(|id| *id != own).collect();
        let Some(&id) = ids.get(usize::from(draw.byte()) % ids.len().max(1)) else { return };
        let mut frame = self.next(bus, id);
        let mut origin = Origin::Wire;
        match draw.byte() % 8 {
            0 => frame.data[1] = (frame.data[1] & 0xF0) | (draw.byte() % 16),
            1 => frame.data = draw.array(),
            2 => frame.data[usize::from(draw.byte() % 8)] = draw.byte(),
            3 => frame.length = draw.byte() % 9,
            4 => origin = draw.of(&[Origin::Echo, Origin::Local]),
            5 => frame.id = draw.u16() & 0x7FF | 0x400,
            6 => frame.data[1] ^= 0x10 << (draw.byte() % 4),
            _ => {}
        }
        if !draw.byte().is_multiple_of(4) {
            frame = oracle::sealed(frame);
        }
        self.step(&Input::Frame { bus, origin, frame });
    }

    /// The echo of the permit that waits, or a frame of somebody who pretends to be this guard.
    fn own_frame(&mut self, draw: &mut Draw<'_>) {
        let bus = permit_bus(self.guard.common().who, &self.machine);
        let waiting = self.oracle.waiting();
        let input = match draw.byte() % 4 {
            0 | 1 => match waiting {
                Some(frame) => self.echo(frame),
                None => return,
            },
            2 => {
                let who = self.guard.common().who;
                let frame = self.guard.common().permit.current().encode(who, draw.byte() % 15);
                Input::Frame { bus, origin: draw.of(&[Origin::Wire, Origin::Echo, Origin::Local]), frame }
            }
            _ => {
                let id = self.guard.common().who.permit_id();
                let frame = Frame { id, length: draw.byte() % 9, data: draw.array() };
                Input::Frame { bus, origin: Origin::Wire, frame }
            }
        };
        self.step(&input);
    }
}

pub const fn index(bus: Bus) -> usize {
    match bus {
        Bus::A => 0,
        Bus::B => 1,
    }
}
