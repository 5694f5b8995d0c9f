//! What must hold after every step of a guard, whatever it was fed. The oracle believes frames by its own rules, counts what it was
//! shown by its own sums, and knows of the guard only what everybody sees: its permit, its phase and its latched faults.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::{Arrival, Bus, Distrust, Frame, Origin, Trouble};
use beam_core::guard::{Common, Guard};
use beam_core::machine::{Beam, Landing, Machine, Order, Protection, Timing};
use beam_core::note::{Command, Input, Note, Output, Phase};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{
    self, ChamberStatus, DoseReading, GATE_STATUS, GateState, GateStatus, LINAC_STATUS, LinacStatus, MON1_DOSE,
    MON1_STATUS, MON2_DOSE, MON2_STATUS, NO_PULSE_LIMIT, Permit, PermitState, Reason,
};

use super::guard::index;
use super::oracle::{Listener, is_sound};

/// One identifier as this guard hears it.
#[derive(Clone, Copy, Default)]
struct Ear {
    listener: Listener,
    believed: Option<Ticks>,
}

/// A chamber as it was shown.
#[derive(Clone, Copy, Default)]
struct Shown {
    last: Option<DoseReading>,
    pulses: u32,
    charge: i64,
    /// Expected charge of the next pulse, when a pulse was counted last.
    pulse: i64,
}

pub struct Oracle {
    who: wire::Guard,
    machine: Machine,
    /// The permit that was handed out and has not come back, and since when.
    waiting: Option<(Frame, Ticks)>,
    /// Since when no permit has come back, however often one was handed out.
    unsent_since: Option<Ticks>,
    /// The alive counter that the next permit must carry.
    alive: u8,
    tripped: Option<Reason>,
    permitted: bool,
    lease_asked: u32,
    /// The beam of the delivery has begun.
    begun: bool,
    faults: FaultSet,
    /// Gate on bus A and B, both chambers, their status, the linac.
    ears: [Ear; 7],
    chambers: [Shown; 2],
    gate: Option<GateStatus>,
    gate_base: u32,
    judged: u32,
    requested: bool,
    open: bool,
    order: Option<Order>,
    beam_on: Span,
    beam_runs: bool,
    heartbeat: Ticks,
    last_step: Ticks,
}

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    /// It says nothing to this guard.
    Nothing,
    Believed,
    Repeated,
    Distrusted,
}

impl Oracle {
    pub fn new(who: wire::Guard, machine: &Machine) -> Self {
        Self {
            who,
            machine: *machine,
            waiting: None,
            unsent_since: None,
            alive: 0,
            tripped: None,
            permitted: false,
            lease_asked: 0,
            begun: false,
            faults: FaultSet::EMPTY,
            ears: [Ear::default(); 7],
            chambers: [Shown::default(); 2],
            gate: None,
            gate_base: 0,
            judged: 0,
            requested: false,
            open: false,
            order: None,
            beam_on: Span::ZERO,
            beam_runs: false,
            heartbeat: Ticks::ZERO,
            last_step: Ticks::ZERO,
        }
    }

    /// The permit that waits for its echo.
    pub fn waiting(&self) -> Option<Frame> {
        self.waiting.map(|(frame, _)| frame)
    }

    /// Holds one step against the rules: what went in, the guard before and after it, what came out.
    pub fn watch(&mut self, now: Ticks, input: &Input, before: &Common, guard: &Guard, output: &Output) {
        let after = guard.common();
        self.taken_up(input, before, after);
        self.lateness(now, before, after);
        let heard = match input {
            Input::Frame { origin, frame, .. } if frame.id == self.who.permit_id() => {
                self.own(*origin, frame, before, after)
            }
            Input::Frame { bus, origin, frame } => self.hear(now, *bus, *origin, frame),
            Input::Trouble { trouble, .. } if *trouble != Trouble::ErrorWarning => Heard::Distrusted,
            Input::Trouble { .. } | Input::Tick | Input::Unsent | Input::Command(_) => Heard::Nothing,
        };
        assert!(heard != Heard::Distrusted || !after.is_active(), "{input:?} left a guard {:?}", after.phase);
        if let Input::Command(command) = input {
            self.commanded(now, command, before, after);
        }
        self.permit_follows(input, before, after);
        self.faults_stay(input, before, after, output);
        self.transmits(now, input, before, after, output);
        if *input != Input::Unsent {
            self.judges(now, guard);
            let (due, period) = (guard.due(), self.machine.timing.permit);
            assert!(due > now && due <= now.after(period), "due at {due:?}, now {now:?}");
        }
        self.last_step = now;
    }

    /// A delivery is taken up by its command only, and never one that was held before.
    fn taken_up(&mut self, input: &Input, before: &Common, after: &Common) {
        let (held, holds) = (before.permit.current().delivery, after.permit.current().delivery);
        let offered = match input {
            Input::Command(Command::TakeUp { delivery } | Command::Arm { delivery, .. }) => Some(*delivery),
            _ => None,
        };
        if held == holds {
            let refused = !before.faults().is_empty() || !after.faults().is_empty();
            assert!(offered.is_none_or(|id| id == held || id == 0 || refused), "{input:?} was not taken up");
            return;
        }
        assert_eq!(offered, Some(holds), "{input:?}");
        assert!(before.faults().is_empty() && holds != 0, "{input:?}");
        self.tripped = None;
        self.permitted = false;
        if let Input::Command(Command::Arm { order, .. }) = input {
            self.order = Some(*order);
            self.begun = false;
            self.judged = 0;
            self.gate_base = 0;
            self.beam_on = Span::ZERO;
            for (chamber, expected) in self.chambers.iter_mut().zip(order.expected_pulse) {
                *chamber = Shown { last: chamber.last, pulse: expected.picocoulombs(), ..Shown::default() };
            }
        }
    }

    /// A guard that turned late, or whose permit did not leave, has ended the delivery.
    fn lateness(&self, now: Ticks, before: &Common, after: &Common) {
        let timing = &self.machine.timing;
        let budget = timing.permit.plus(timing.lateness_budget);
        let judged = matches!(before.phase, Phase::Armed | Phase::Delivering | Phase::Interrupted);
        let late = now.since(self.last_step) > budget && now.since(before.since) > budget;
        let stuck = self.unsent_since.is_some_and(|since| now.since(since) > timing.stale_after);
        assert!(!(judged && (late || stuck)) || !after.is_active(), "late or stuck, and {:?}", after.phase);
    }

    /// A frame under this guard's own identifier: the echo of what it sent, or an impostor.
    fn own(&mut self, origin: Origin, frame: &Frame, before: &Common, after: &Common) -> Heard {
        if origin == Origin::Echo && self.waiting() == Some(*frame) {
            self.waiting = None;
            self.unsent_since = None;
            return Heard::Believed;
        }
        let newly_ended = before.is_active() && before.faults().is_empty();
        let other = after.faults().contains(Fault::GuardLate) || after.faults().contains(Fault::PermitUnsent);
        assert!(!newly_ended || other || after.faults().contains(Fault::Impostor), "{frame:?}");
        Heard::Distrusted
    }

    fn ear(&self, bus: Bus, id: u16) -> Option<usize> {
        let machine = &self.machine;
        let place = match id {
            GATE_STATUS => index(bus),
            MON1_DOSE => 2,
            MON2_DOSE => 3,
            MON1_STATUS => 4,
            MON2_STATUS => 5,
            LINAC_STATUS => 6,
            _ => return None,
        };
        let listens = match self.who {
            wire::Guard::Dose1 => matches!(id, GATE_STATUS | MON1_DOSE) && bus == Bus::A,
            wire::Guard::Dose2 => matches!(id, GATE_STATUS | MON2_DOSE) && bus == machine.second_bus(),
            wire::Guard::Time => (id == GATE_STATUS && bus == Bus::A) || id == LINAC_STATUS,
            wire::Guard::Interlock => id != LINAC_STATUS || bus == machine.linac_bus,
        };
        listens.then_some(place)
    }

    fn hear(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) -> Heard {
        let foreign = !self.machine.single_bus
            && (matches!(frame.id, MON1_DOSE | MON1_STATUS) && bus == Bus::B
                || matches!(frame.id, MON2_DOSE | MON2_STATUS) && bus == Bus::A);
        if foreign && self.who == wire::Guard::Interlock {
            return Heard::Distrusted;
        }
        let Some(place) = self.ear(bus, frame.id) else { return Heard::Nothing };
        if origin != Origin::Wire {
            return Heard::Distrusted;
        }
        let ear = &mut self.ears[place];
        let protected = frame.id == GATE_STATUS || self.machine.protection == Protection::E2e;
        let arrival = match protected {
            true => ear.listener.hear(frame),
            false if frame.length == 8 => Arrival::Fresh { lost: 0 },
            false => Arrival::Distrusted(Distrust::Length),
        };
        match arrival {
            Arrival::Repeat => return Heard::Repeated,
            Arrival::Distrusted(_) => return Heard::Distrusted,
            Arrival::Fresh { .. } => {}
        }
        assert!(!protected || is_sound(frame));
        ear.believed = Some(now);
        let understood = match frame.id {
            GATE_STATUS => GateStatus::decode(frame).map(|gate| self.gate_shows(gate)),
            LINAC_STATUS => LinacStatus::decode(frame).map(|linac| self.requested = linac.beam_requested()),
            MON1_STATUS | MON2_STATUS => ChamberStatus::decode(frame).map(|_| ()),
            _ => {
                self.chamber_shows(place - 2, DoseReading::decode(frame));
                Ok(())
            }
        };
        if understood.is_ok() { Heard::Believed } else { Heard::Distrusted }
    }

    fn gate_shows(&mut self, gate: GateStatus) {
        self.gate = Some(gate);
        self.open = gate.state == GateState::Open;
    }

    fn chamber_shows(&mut self, which: usize, reading: DoseReading) {
        let expected = self.order.map_or(0, |order| order.expected_pulse[which].picocoulombs());
        let shown = &mut self.chambers[which];
        let Some(before) = shown.last.replace(reading) else { return };
        let pulses = reading.pulses.wrapping_sub(before.pulses);
        shown.charge += i64::from(reading.charge.raw().wrapping_sub(before.charge.raw()).cast_signed());
        if pulses < 0x8000 {
            shown.pulses = shown.pulses.saturating_add(u32::from(pulses));
        }
        if pulses > 0 {
            shown.next_pulse(expected);
        }
    }

    fn commanded(&mut self, now: Ticks, command: &Command, before: &Common, after: &Common) {
        match command {
            Command::Prove { lease } => self.lease_asked = (*lease).min(NO_PULSE_LIMIT),
            Command::Heartbeat => self.heartbeat = now,
            Command::TakeUp { .. } | Command::Arm { .. } if after.is_active() => self.heartbeat = now,
            Command::Deliver if before.phase != Phase::Delivering && after.phase == Phase::Delivering => {
                if self.judged == 0 {
                    self.gate_base = self.gate.map_or(0, |gate| gate.pulses);
                }
                let goes_on = self.begun && matches!(self.machine.beam, Beam::Continuous);
                self.begun = true;
                for (which, chamber) in self.chambers.iter_mut().enumerate() {
                    // what leaked while armed is no dose of the beam that begins
                    if chamber.pulses == 0 && !goes_on {
                        chamber.charge = 0;
                    }
                    chamber.next_pulse(self.order.map_or(0, |order| order.expected_pulse[which].picocoulombs()));
                }
            }
            Command::End(_) | Command::Withhold => {
                assert!(!after.permit.is_given(), "{command:?} and the permit is given");
            }
            _ => {}
        }
    }

    /// What may follow what on a permit.
    fn permit_follows(&mut self, input: &Input, before: &Common, after: &Common) {
        let permit = after.permit.current();
        if let Some(reason) = self.tripped {
            assert_eq!((permit.state, permit.reason), (PermitState::Tripped, reason), "a tripped permit came back");
        }
        match permit.state {
            PermitState::Tripped => self.tripped = Some(permit.reason),
            PermitState::Permit => {
                assert!(matches!(after.phase, Phase::Proving | Phase::Delivering), "PERMIT while {:?}", after.phase);
                assert!(after.faults().is_empty() && permit.delivery != 0, "{permit:?}");
                let was_given = before.permit.is_given();
                let asked = matches!(input, Input::Command(Command::Prove { .. } | Command::Deliver));
                assert!(was_given || asked, "{input:?} gave the permit");
                self.permitted = true;
            }
            PermitState::Withheld => assert!(!self.permitted || permit.lease > 0, "WITHHELD with lease 0 after PERMIT"),
        }
    }

    /// Faults are latched until they are acknowledged, and each is told.
    fn faults_stay(&mut self, input: &Input, before: &Common, after: &Common, output: &Output) {
        let (had, has) = (before.faults(), after.faults());
        let acknowledged = *input == Input::Command(Command::Acknowledge) && !before.is_active();
        assert!(acknowledged || had.iter().all(|fault| has.contains(fault)), "a fault vanished at {input:?}");
        self.faults = self.faults.union(has);
        match output.note {
            Some(Note::Fault(report)) => assert!(self.faults.contains(report.fault), "{report:?} is not latched"),
            Some(Note::Reached) => assert!(self.who == wire::Guard::Dose1 && self.tripped.is_some()),
            _ => {}
        }
    }

    /// At most one permit is on its way; each carries the next counter, a right CRC, and what the permit is.
    fn transmits(&mut self, now: Ticks, input: &Input, before: &Common, after: &Common, output: &Output) {
        if *input == Input::Unsent {
            assert_eq!(*output, Output::default(), "nothing may be handed out when the queue is full");
            let rests = !before.is_active() || !after.is_active();
            let given_up = |since: Ticks| rests && now.since(since) > self.machine.timing.session_silence;
            if let Some((frame, since)) = self.waiting.take()
                && !given_up(since)
            {
                self.alive = frame.data[1] % 16;
            }
        }
        let Some(frame) = output.transmit else { return };
        // only at rest, and only after long, an echo is given up
        let patience = self.machine.timing.session_silence;
        let rests = !before.is_active() || !after.is_active();
        let given_up = rests && self.waiting.is_some_and(|(_, since)| now.since(since) > patience);
        assert!(given_up || self.waiting.is_none(), "a second permit was handed out: {:?}", self.waiting);
        self.waiting = Some((frame, now));
        self.unsent_since = self.unsent_since.or(Some(now));
        assert!(frame.id == self.who.permit_id() && frame.length == 8 && is_sound(&frame), "{frame:?}");
        assert_eq!(frame.data[1] % 16, self.alive, "the alive counter");
        self.alive = (self.alive + 1) % 15;
        assert_eq!(Permit::decode(&frame), Ok(after.permit.current()));
    }

    /// Nothing old, nothing beyond a limit, while the guard takes part in a delivery.
    fn judges(&mut self, now: Ticks, guard: &Guard) {
        let after = guard.common();
        let delivering = after.phase == Phase::Delivering;
        if self.beam_runs {
            self.beam_on = self.beam_on.plus(now.since(self.last_step));
        }
        self.beam_runs = after.permit.is_given() && delivering && (self.requested || self.open);
        if delivering {
            let gate = self.gate.map_or(0, |gate| gate.pulses).saturating_sub(self.gate_base);
            let [first, second] = self.chambers.map(|chamber| chamber.pulses);
            self.judged = self.judged.max(gate.min(first).min(second));
        }
        if after.is_active() {
            self.nothing_is_old(now, after);
        }
        if after.permit.is_given() {
            let lease = after.permit.current().lease;
            if delivering { self.lease(guard, now, lease) } else { assert_eq!(lease, self.lease_asked) }
        }
    }

    fn nothing_is_old(&self, now: Ticks, after: &Common) {
        let timing = &self.machine.timing;
        let periods = [timing.gate, timing.gate, timing.dose, timing.dose, timing.status, timing.status, timing.status];
        let needed: &[usize] = match self.who {
            wire::Guard::Dose1 => &[0, 2],
            wire::Guard::Dose2 => &[index(self.machine.second_bus()), 3],
            wire::Guard::Time => &[0, 6],
            wire::Guard::Interlock if self.machine.single_bus => &[0, 2, 3, 4, 5, 6],
            wire::Guard::Interlock => &[0, 1, 2, 3, 4, 5, 6],
        };
        for &place in needed {
            let heard = self.ears[place].believed.unwrap_or(Ticks::ZERO).max(after.since);
            let limit = periods[place].times(Timing::STALE_PERIODS);
            assert!(now.since(heard) <= limit, "nothing believed in ear {place}, and {:?}", after.phase);
        }
        if self.who == wire::Guard::Interlock {
            assert!(now.since(self.heartbeat) <= timing.session_silence, "no session, and {:?}", after.phase);
        }
    }

    /// The lease of a guard that delivers, by what it was shown.
    fn lease(&self, guard: &Guard, now: Ticks, lease: u32) {
        let order = self.order.expect("nothing is delivered without an order");
        match guard {
            Guard::Time(guard) => {
                assert_eq!(lease, NO_PULSE_LIMIT);
                assert!(self.beam_on < order.time_limit, "beam for {:?} of {:?}", self.beam_on, order.time_limit);
                assert!(guard.beam_on(now) >= self.beam_on, "the guard's clock lags behind the beam");
            }
            Guard::Dose(_) => {
                let is_first = self.who == wire::Guard::Dose1;
                let (shown, limit, expected) = if is_first {
                    (&self.chambers[0], order.preset, order.expected_pulse[0])
                } else {
                    (&self.chambers[1], order.backup, order.expected_pulse[1])
                };
                self.dose_lease(lease, shown, limit.picocoulombs(), expected.picocoulombs());
            }
            Guard::Interlock(_) => match self.machine.beam {
                Beam::Pulsed { window, .. } => {
                    assert!(lease <= self.judged + window, "lease {lease} of {} judged pulses", self.judged);
                }
                Beam::Continuous => assert_eq!(lease, NO_PULSE_LIMIT),
            },
        }
    }

    /// No lease lets more through than the limit, the rounding to a whole pulse, and one pulse whose charge is not counted yet.
    fn dose_lease(&self, lease: u32, shown: &Shown, limit: i64, expected: i64) {
        let Beam::Pulsed { window, landing, .. } = self.machine.beam else {
            assert!(lease == NO_PULSE_LIMIT && shown.charge < limit, "{} of {limit} pC", shown.charge);
            return;
        };
        assert!(lease <= shown.pulses + window, "lease {lease} after {} pulses", shown.pulses);
        let more = i64::from(lease) - i64::from(shown.pulses);
        let rounding = match landing {
            Landing::Nearest => shown.pulse / 2,
            Landing::AtOrAbove => shown.pulse,
        };
        let reached = shown.charge + more * shown.pulse;
        assert!(reached <= limit + rounding + expected, "{reached} of {limit} pC by lease {lease}");
    }
}

impl Shown {
    /// What the next pulse is expected to be: the mean once four were seen, before that what was planned.
    fn next_pulse(&mut self, planned: i64) {
        self.pulse = if self.pulses >= 4 { (self.charge / i64::from(self.pulses)).max(1) } else { planned };
    }
}
