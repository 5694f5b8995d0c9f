//! One machine, one order and one rig for all tests. The rig is the least treatment unit that a single guard can stand
//! in: it holds what gate, linac and chambers show, sends it in frames of the contract with counters that go on, echoes
//! the guard's permits, and keeps what the guard sent and told.

use std::collections::BTreeMap;

use beam_core::fault::Fault;
use beam_core::frame::{Bus, Frame, Origin};
use beam_core::guard::Guard;
use beam_core::machine::{Beam, Landing, Machine, Monitor, Order, Protection, RateRule, SetUp, Timing};
use beam_core::note::{Command, FaultReport, Input, Note, Output, Phase};
use beam_core::reading::DoseReading;
use beam_core::requirement::Requirement;
use beam_core::status::{ChamberMode, ChamberStatus, Docking, LinacStatus, interlock_bit};
use beam_core::units::{Charge, ChargeCounter, Dose, DosePerCharge, Span, Ticks};
use beam_core::wire::{
    self, CloseCause, GATE_STATUS, GateState, GateStatus, LINAC_STATUS, MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS,
    Permit,
};

/// Says which requirement a test is about. `SAFETY.md` is made from these lines.
pub const fn verifies(requirement: Requirement) {
    let _read_in_the_source_by_the_test_that_writes_the_table = requirement;
}

/// A span in milliseconds.
pub const fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

/// A moment in milliseconds.
pub const fn at(millis: u64) -> Ticks {
    Ticks::ZERO.after(ms(millis))
}

/// The shortest span.
pub const NANO: Span = Span::from_nanos(1);

/// A charge in picocoulombs.
pub const fn pc(picocoulombs: i64) -> Charge {
    Charge::from_picocoulombs(picocoulombs)
}

/// A dose in micro-MU.
pub const fn micro_mu(micro_mu: i64) -> Dose {
    Dose::from_micro_mu(micro_mu)
}

/// Charge of one expected pulse on each monitor; both stand for the same dose.
pub const PULSE: [i64; 2] = [1000, 2000];
/// Dose of one expected pulse, in micro-MU.
pub const PULSE_DOSE: i64 = 50_000;
/// Time between two pulses.
pub const PERIOD: Span = ms(100);
/// Charge at which each electrometer is at its end.
pub const FULL_SCALE: [i64; 2] = [5000, 10_000];
/// Id of the delivery.
pub const DELIVERY: u16 = 7;
/// Id of the proof.
pub const PROOF: u16 = 6;

/// A machine of 10 pulses a second whose two monitors differ in every number.
pub const fn machine() -> Machine {
    let first = Monitor {
        dose_per_charge: DosePerCharge::from_fixed(50 << DosePerCharge::FRACTION_BITS),
        full_scale: pc(FULL_SCALE[0]),
        voltage: 15_000,
        voltage_tolerance: 300,
        leakage_warn: 20,
        leakage_block: 44,
        electrometer: None,
    };
    let second = Monitor {
        dose_per_charge: DosePerCharge::from_fixed(25 << DosePerCharge::FRACTION_BITS),
        full_scale: pc(FULL_SCALE[1]),
        voltage: 20_000,
        voltage_tolerance: 400,
        leakage_warn: 40,
        leakage_block: 88,
        electrometer: None,
    };
    let timing = Timing {
        permit: ms(5),
        gate: ms(5),
        dose: ms(10),
        status: ms(50),
        stale_after: ms(25),
        agreement: ms(30),
        proof_margin: ms(10),
        lateness_budget: ms(8),
        session_silence: ms(500),
    };
    Machine {
        timing,
        beam: Beam::Pulsed { period: PERIOD, window: 1, landing: Landing::Nearest, gate_knows_lease: true },
        monitors: [first, second],
        rate: RateRule::Steady,
        no_pulse_after: ms(1000),
        beam_hold: false,
        linac_bus: Bus::A,
        single_bus: false,
        protection: Protection::E2e,
        resume_limit: 2,
        beam_charge: None,
    }
}

/// The same machine with `window` pulses under way.
pub const fn windowed(window: u32) -> Machine {
    let beam = Beam::Pulsed { period: PERIOD, window, landing: Landing::Nearest, gate_knows_lease: true };
    Machine { beam, ..machine() }
}

/// The same machine without pulses: what is said of a pulse holds for 100 ms of beam.
pub const fn continuous() -> Machine {
    Machine { beam: Beam::Continuous, ..machine() }
}

/// The same machine, with so much patience that a test may let seconds pass at once.
pub const fn patient() -> Machine {
    let long = ms(3_600_000);
    let usual = machine();
    let timing =
        Timing { gate: long, dose: long, status: long, lateness_budget: long, session_silence: long, ..usual.timing };
    Machine { timing, no_pulse_after: long, ..usual }
}

/// 40 pulses.
pub const fn order() -> Order {
    Order {
        preset: pc(40 * PULSE[0]),
        backup: pc(44 * PULSE[1]),
        expected_pulse: [pc(PULSE[0]), pc(PULSE[1])],
        pulse_dose: micro_mu(PULSE_DOSE),
        dose_per_second: micro_mu(10 * PULSE_DOSE),
        time_limit: ms(10_000),
        pulse_limit: 52,
        pulses: None,
        set_up: SetUp { energy: 90, energy_tolerance: 2, applicator: 17, docking: Docking::HardDocked },
        beam_charge: None,
    }
}

/// A gate that shows this, all else zero.
pub const fn gate(state: GateState, cause: CloseCause, pulses: u32) -> GateStatus {
    GateStatus { state, cause, closed_by: 0, pulses, beam_on_centiseconds: 0 }
}

/// A single guard and what it hears.
pub struct Rig {
    pub guard: Guard,
    pub now: Ticks,
    /// What the gate shows on both buses.
    pub gate: GateStatus,
    pub linac: LinacStatus,
    /// Beam-on time by the gate's clock.
    pub beam_on: Span,
    pub chambers: [DoseReading; 2],
    pub statuses: [ChamberStatus; 2],
    /// Frames that are not sent by [`Rig::run`].
    pub mute: Vec<(u16, Bus)>,
    /// Whether permits come back as echoes.
    pub echoes: bool,
    /// Whether the session lives.
    pub session: bool,
    pub notes: Vec<Note>,
    pub permits: Vec<(Ticks, Permit)>,
    machine: Machine,
    who: wire::Guard,
    alive: BTreeMap<(u16, bool), u8>,
}

impl Rig {
    /// A guard at rest beside a linac that is ready; a second of frames has been heard.
    pub fn new(who: wire::Guard, machine: &Machine) -> Self {
        let mut rig = Self::deaf(who, machine);
        rig.run(ms(1000));
        rig.forget();
        rig
    }

    /// A guard that has heard nothing yet.
    pub fn deaf(who: wire::Guard, machine: &Machine) -> Self {
        let status = |voltage| ChamberStatus { mode: ChamberMode::Ready, voltage, leakage: 0, faults: 0 };
        Self {
            guard: Guard::new(who, machine),
            now: at(10_000),
            gate: gate(GateState::Closed, CloseCause::PermitWithheld, 0),
            linac: LinacStatus {
                docking: Docking::HardDocked,
                energy: 90,
                applicator: 17,
                pulse_rate: 100,
                interlocks: 0,
            },
            beam_on: Span::ZERO,
            chambers: [DoseReading { flags: 0, pulses: 100, charge: ChargeCounter::from_raw(50_000) }; 2],
            statuses: [status(15_000), status(20_000)],
            mute: Vec::new(),
            echoes: true,
            session: true,
            notes: Vec::new(),
            permits: Vec::new(),
            machine: *machine,
            who,
            alive: BTreeMap::new(),
        }
    }

    /// A guard that is armed for [`order`].
    pub fn armed(who: wire::Guard, machine: &Machine) -> Self {
        Self::armed_for(who, machine, &order())
    }

    /// A guard that is armed for `order`.
    pub fn armed_for(who: wire::Guard, machine: &Machine, order: &Order) -> Self {
        let mut rig = Self::new(who, machine);
        rig.command(Command::Arm { delivery: DELIVERY, order: *order });
        assert_eq!(rig.phase(), Phase::Armed);
        rig
    }

    /// A guard that delivers; the gate is open and the console asks for beam, and all guards have heard so.
    pub fn delivering(who: wire::Guard, machine: &Machine) -> Self {
        Self::delivering_for(who, machine, &order())
    }

    /// The same for `order`.
    pub fn delivering_for(who: wire::Guard, machine: &Machine, order: &Order) -> Self {
        let mut rig = Self::armed_for(who, machine, order);
        rig.command(Command::Deliver);
        rig.beam_on();
        rig.forget();
        rig
    }

    /// The gate opens and the console asks for beam.
    pub fn beam_on(&mut self) {
        self.gate.state = GateState::Open;
        self.gate.cause = CloseCause::None;
        self.linac.interlocks |= interlock_bit::BEAM_REQUESTED;
        self.tell_linac();
        self.tell_gate();
    }

    /// One thing happens to the guard, now.
    pub fn step(&mut self, input: &Input) -> Output {
        let output = self.guard.step(self.now, input);
        self.notes.extend(output.note);
        if let Some(frame) = output.transmit {
            assert_eq!(frame.id, self.who.permit_id());
            self.permits.push((self.now, Permit::decode(&frame).unwrap()));
            if self.echoes {
                let echo = Input::Frame { bus: self.own_bus(), origin: Origin::Echo, frame };
                let again = self.guard.step(self.now, &echo);
                self.notes.extend(again.note);
                assert_eq!(again.transmit, None, "an echo is no reason to send");
            }
        }
        output
    }

    /// The bus of the guard's own permit.
    pub const fn own_bus(&self) -> Bus {
        match self.who {
            wire::Guard::Dose1 | wire::Guard::Time => Bus::A,
            wire::Guard::Dose2 | wire::Guard::Interlock => self.machine.second_bus(),
        }
    }

    pub fn tick(&mut self) {
        let _told = self.step(&Input::Tick);
    }

    pub fn command(&mut self, command: Command) {
        let _told = self.step(&Input::Command(command));
    }

    /// A frame from the wire, as it is.
    pub fn frame(&mut self, bus: Bus, frame: Frame) {
        let _told = self.step(&Input::Frame { bus, origin: Origin::Wire, frame });
    }

    /// The next alive counter of an identifier on a bus.
    pub fn alive(&mut self, id: u16, bus: Bus) -> u8 {
        let alive = self.alive.entry((id, bus == Bus::B)).or_insert(14);
        *alive = (*alive + 1) % 15;
        *alive
    }

    pub fn tell_gate_on(&mut self, bus: Bus) {
        let (alive, status) = (self.alive(GATE_STATUS, bus), self.gate);
        self.frame(bus, status.encode(alive));
    }

    pub fn tell_gate(&mut self) {
        for bus in self.buses() {
            if !self.mute.contains(&(GATE_STATUS, *bus)) && self.hears(GATE_STATUS, *bus) {
                self.tell_gate_on(*bus);
            }
        }
    }

    pub fn tell_linac(&mut self) {
        let bus = self.machine.linac_bus;
        if !self.mute.contains(&(LINAC_STATUS, bus)) && self.hears(LINAC_STATUS, bus) {
            let (alive, status) = (self.alive(LINAC_STATUS, bus), self.linac);
            self.frame(bus, status.encode(alive));
        }
    }

    /// The reading of monitor 1 or 2.
    pub fn tell_chamber(&mut self, monitor: usize) {
        let (id, bus) = if monitor == 1 { (MON1_DOSE, Bus::A) } else { (MON2_DOSE, self.machine.second_bus()) };
        if !self.mute.contains(&(id, bus)) && self.hears(id, bus) {
            let (alive, reading) = (self.alive(id, bus), self.chambers[monitor - 1]);
            self.frame(bus, reading.encode(id, alive));
        }
    }

    /// The status of monitor 1 or 2.
    pub fn tell_status(&mut self, monitor: usize) {
        let (id, bus) = if monitor == 1 { (MON1_STATUS, Bus::A) } else { (MON2_STATUS, self.machine.second_bus()) };
        if !self.mute.contains(&(id, bus)) && self.hears(id, bus) {
            let (alive, status) = (self.alive(id, bus), self.statuses[monitor - 1]);
            self.frame(bus, status.encode(id, alive));
        }
    }

    const fn buses(&self) -> &'static [Bus] {
        if self.machine.single_bus { &[Bus::A] } else { &[Bus::A, Bus::B] }
    }

    /// What the guards are wired to: a dose guard its own bus, the time guard bus A and the linac's, the interlock guard all.
    fn hears(&self, id: u16, bus: Bus) -> bool {
        match self.who {
            wire::Guard::Dose1 | wire::Guard::Dose2 => {
                bus == self.own_bus() && matches!(id, GATE_STATUS | MON1_DOSE | MON2_DOSE)
            }
            wire::Guard::Time => id == LINAC_STATUS || (bus == Bus::A && id == GATE_STATUS) || id == MON1_DOSE,
            wire::Guard::Interlock => true,
        }
    }

    /// Lets time pass in steps of the permits' period: the gate every step, the chambers every second one, the rest and
    /// the session's sign of life every tenth.
    pub fn run(&mut self, span: Span) {
        for _ in 0..span.nanos() / self.machine.timing.permit.nanos() {
            self.now = self.now.after(self.machine.timing.permit);
            if self.gate.state == GateState::Open && self.linac.beam_requested() {
                self.beam_on = self.beam_on.plus(self.machine.timing.permit);
                self.gate.beam_on_centiseconds = (self.beam_on.millis() / 10) as u16;
            }
            self.tick();
            self.tell_gate();
            let millis = self.now.nanos() / 1_000_000;
            if millis.is_multiple_of(10) {
                self.tell_chamber(1);
                self.tell_chamber(2);
            }
            if millis.is_multiple_of(50) {
                self.tell_linac();
                self.tell_status(1);
                self.tell_status(2);
                if self.session {
                    self.command(Command::Heartbeat);
                }
            }
        }
    }

    /// A pulse of `charge` on each monitor is counted by all three, and everybody says so at once.
    pub fn pulse_of(&mut self, charge: [i64; 2]) {
        self.gate.pulses += 1;
        self.count(1, 1, charge[0]);
        self.count(2, 1, charge[1]);
        self.tell_chamber(1);
        self.tell_chamber(2);
        self.tell_gate();
    }

    /// Pulses as expected, each one period after the one before.
    pub fn pulses(&mut self, pulses: u32) {
        for _ in 0..pulses {
            self.run(PERIOD);
            self.pulse_of(PULSE);
        }
    }

    /// A monitor counts on, and says nothing yet.
    pub fn count(&mut self, monitor: usize, pulses: u16, charge: i64) {
        let reading = &mut self.chambers[monitor - 1];
        reading.pulses = reading.pulses.wrapping_add(pulses);
        reading.charge = ChargeCounter::from_raw(reading.charge.raw().wrapping_add(charge as u32));
    }

    /// A monitor counts on, and says so.
    pub fn count_and_tell(&mut self, monitor: usize, pulses: u16, charge: i64) {
        self.count(monitor, pulses, charge);
        self.tell_chamber(monitor);
    }

    pub const fn phase(&self) -> Phase {
        self.guard.common().phase
    }

    pub const fn permit(&self) -> Permit {
        self.guard.common().permit.current()
    }

    /// The faults that the guard told, in order.
    pub fn faults(&self) -> Vec<Fault> {
        self.reports().iter().map(|report| report.fault).collect()
    }

    /// The reports of the faults that the guard told, in order.
    pub fn reports(&self) -> Vec<FaultReport> {
        self.notes.iter().filter_map(|note| if let Note::Fault(report) = note { Some(*report) } else { None }).collect()
    }

    /// The reports of the warnings that the guard told, in order.
    pub fn warnings(&self) -> Vec<FaultReport> {
        self.notes
            .iter()
            .filter_map(|note| if let Note::Warning(report) = note { Some(*report) } else { None })
            .collect()
    }

    /// Forgets what was told and sent.
    pub fn forget(&mut self) {
        self.notes.clear();
        self.permits.clear();
    }

    /// The guard has found nothing and still stands where it stood.
    #[track_caller]
    pub fn holds(&mut self) {
        self.let_out();
        assert_eq!(self.reports(), []);
        assert!(!self.guard.common().permit.is_tripped());
    }

    /// The guard has found exactly this fault and tripped.
    #[track_caller]
    pub fn trips(&mut self, fault: Fault) -> FaultReport {
        self.let_out();
        let reports = self.reports();
        assert_eq!(self.faults(), [fault], "{reports:?}");
        assert_eq!(self.phase(), Phase::Ended);
        assert_eq!((self.permit().state, self.permit().reason), (wire::PermitState::Tripped, wire::Reason::Fault));
        reports[0]
    }

    /// Lets notes out that wait for their turn, without time passing.
    pub fn let_out(&mut self) {
        for _ in 0..4 {
            self.tick();
        }
    }
}
