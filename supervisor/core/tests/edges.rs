//! Moments at the edge of what a guard, the gate or the bus can do: a queue that stays full, an echo that never comes, a
//! gate that is slow to miss a permit, an interruption in the moment of a pulse.
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use beam_core::agreement::Agreement;
use beam_core::beam_off::{BeamOff, Counts};
use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::{Bus, Frame, Origin, next_alive};
use beam_core::guard::Guard;
use beam_core::machine::{Beam, Landing, Machine, Monitor, Order, Protection, RateRule, SetUp, Timing};
use beam_core::note::{Command, FrameCounts, Input, Note, Phase};
use beam_core::permit::PermitSender;
use beam_core::proving::{Ask, EVERY_GUARD, Progress, ProofStep, Proving};
use beam_core::session::{Happening, Session};
use beam_core::state::State;
use beam_core::units::{Charge, ChargeCounter, Dose, DosePerCharge, Span, Ticks};
use beam_core::wire::{
    self, ChamberMode, ChamberStatus, CloseCause, Docking, DoseReading, GateState, GateStatus, LinacStatus, MON1_DOSE,
    MON1_STATUS, MON2_DOSE, MON2_STATUS, interlock_bit,
};

const PULSE_PC: u32 = 80_000;

const fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

fn at(millis: u64) -> Ticks {
    Ticks::from_nanos(1_000_000_000).after(ms(millis))
}

/// 30 Hz, 4 MU and 80 nC a pulse.
fn machine(window: u32) -> Machine {
    let monitor = Monitor {
        dose_per_charge: DosePerCharge::from_fixed(50 << 20),
        full_scale: Charge::from_picocoulombs(i64::from(PULSE_PC) * 3),
        voltage: 15_000,
        voltage_tolerance: 300,
        leakage_warn: 667,
        leakage_block: 1467,
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
        lateness_budget: ms(10),
        session_silence: ms(500),
    };
    Machine {
        beam_charge: None,
        timing,
        beam: Beam::Pulsed { period: ms(33), window, landing: Landing::Nearest, gate_knows_lease: true },
        monitors: [monitor; 2],
        rate: RateRule::Steady,
        no_pulse_after: ms(1000),
        beam_hold: false,
        linac_bus: Bus::A,
        single_bus: false,
        protection: Protection::E2e,
        resume_limit: 2,
    }
}

fn order() -> Order {
    let pulse = Charge::from_picocoulombs(i64::from(PULSE_PC));
    Order {
        beam_charge: None,
        preset: pulse.times(100),
        backup: pulse.times(110),
        expected_pulse: [pulse; 2],
        pulse_dose: Dose::from_micro_mu(4_000_000),
        dose_per_second: Dose::from_micro_mu(120_000_000),
        time_limit: Span::from_secs(60),
        pulse_limit: 127,
        pulses: None,
        set_up: SetUp { energy: 90, energy_tolerance: 4, applicator: 17, docking: Docking::HardDocked },
    }
}

/// What gate, chambers and linac report to a guard.
struct Unit {
    guard: Guard,
    now: u64,
    alive: [u8; 7],
    gate: (GateState, CloseCause, u32),
    /// What the gate reported last: it reports every 5 ms, and at once on a change.
    told: Option<(GateState, CloseCause, u32)>,
    pulses: u16,
    drift: i32,
    requested: bool,
    echoes: bool,
    sent: u32,
    notes: Vec<Note>,
}

impl Unit {
    fn new(who: wire::Guard, machine: &Machine) -> Self {
        let gate = (GateState::Closed, CloseCause::PermitWithheld, 0);
        let guard = Guard::new(who, machine);
        let (now, alive, drift, sent, notes) = (0, [0; 7], 0, 0, vec![]);
        Self { guard, now, alive, gate, told: None, pulses: 100, drift, requested: false, echoes: true, sent, notes }
    }

    fn input(&mut self, input: &Input) {
        let output = self.guard.step(at(self.now), input);
        self.notes.extend(output.note);
        if let Some(frame) = output.transmit {
            self.sent += 1;
            if self.echoes {
                let bus = if matches!(frame.id, wire::PERMIT_DOSE1 | wire::PERMIT_TIME) { Bus::A } else { Bus::B };
                self.input(&Input::Frame { bus, origin: Origin::Echo, frame });
            }
        }
    }

    fn frame(&mut self, sender: usize, bus: Bus, encode: impl Fn(u8) -> Frame) {
        let frame = encode(self.alive[sender]);
        self.alive[sender] = next_alive(self.alive[sender]);
        self.input(&Input::Frame { bus, origin: Origin::Wire, frame });
    }

    /// One millisecond; everybody reports, as often as is allowed, and the guard turns.
    fn step(&mut self) {
        let (state, cause, pulses) = self.gate;
        let gate = GateStatus { state, cause, closed_by: 0, pulses, beam_on_centiseconds: 0 };
        if self.now.is_multiple_of(5) || self.told != Some(self.gate) {
            self.told = Some(self.gate);
            self.frame(0, Bus::A, |alive| gate.encode(alive));
            self.frame(1, Bus::B, |alive| gate.encode(alive));
        }
        let charge = ChargeCounter::from_raw((u32::from(self.pulses) * PULSE_PC).wrapping_add_signed(self.drift));
        let dose = DoseReading { flags: 0, pulses: self.pulses, charge };
        let interlock = matches!(self.guard, Guard::Interlock(_));
        self.frame(2, Bus::A, |alive| dose.encode(MON1_DOSE, alive));
        if interlock {
            self.frame(3, Bus::B, |alive| dose.encode(MON2_DOSE, alive));
            let status = ChamberStatus { mode: ChamberMode::Ready, voltage: 15_000, leakage: 0, faults: 0 };
            self.frame(4, Bus::A, |alive| status.encode(MON1_STATUS, alive));
            self.frame(5, Bus::B, |alive| status.encode(MON2_STATUS, alive));
            let interlocks = if self.requested { interlock_bit::BEAM_REQUESTED } else { 0 };
            let docking = Docking::HardDocked;
            let linac = LinacStatus { docking, energy: 90, applicator: 17, pulse_rate: 300, interlocks };
            self.frame(6, Bus::A, |alive| linac.encode(alive));
        }
        self.input(&Input::Command(Command::Heartbeat));
        self.input(&Input::Tick);
        self.now += 1;
    }

    fn run(&mut self, millis: u64) {
        (0..millis).for_each(|_| self.step());
    }

    fn faults(&self) -> Vec<Fault> {
        let fault = |note: &Note| if let Note::Fault(report) = note { Some(report.fault) } else { None };
        self.notes.iter().filter_map(fault).collect()
    }
}

/// Interrupts in the moment of the first pulse: the gate has counted it, and the chambers too, but nobody has judged it.
fn interrupted_in_the_first_pulse() -> Unit {
    let mut unit = Unit::new(wire::Guard::Interlock, &machine(1));
    unit.run(200);
    unit.input(&Input::Command(Command::Arm { delivery: 9, order: order() }));
    unit.run(100);
    unit.input(&Input::Command(Command::Deliver));
    unit.requested = true;
    unit.gate = (GateState::Open, CloseCause::None, 0);
    unit.run(20);
    unit.input(&Input::Command(Command::Withhold));
    (unit.gate, unit.pulses) = ((GateState::Closed, CloseCause::PermitWithheld, 1), 101);
    unit.run(20);
    unit
}

#[test]
fn holds_a_resume_after_an_interruption_in_the_moment_of_the_first_pulse() {
    let mut unit = interrupted_in_the_first_pulse();
    unit.input(&Input::Command(Command::Deliver));
    unit.gate = (GateState::Open, CloseCause::LeaseUsed, 1);
    unit.run(60);
    assert_eq!(unit.faults(), []);
    assert_eq!(unit.guard.common().permit.current().lease, 2);
}

#[test]
fn trips_on_a_resume_when_the_chambers_missed_the_pulse_of_the_interruption() {
    let mut unit = interrupted_in_the_first_pulse();
    unit.input(&Input::Command(Command::Deliver));
    unit.gate = (GateState::Open, CloseCause::LeaseUsed, 2);
    unit.run(60);
    assert_eq!(unit.faults(), [Fault::CountsDisagree]);
}

/// Armed for two minutes, with a chamber that drifts by this much each 16 ms, and then one pulse.
fn armed_while_drifting(who: wire::Guard, drift: i32) -> Unit {
    let mut unit = Unit::new(who, &machine(1));
    unit.run(200);
    unit.input(&Input::Command(Command::Arm { delivery: 9, order: order() }));
    for _ in 0..7_500 {
        unit.run(16);
        unit.drift += drift;
    }
    unit
}

#[test]
fn holds_leakage_and_drift_while_armed_and_counts_neither_as_dose() {
    for who in [wire::Guard::Dose1, wire::Guard::Interlock] {
        for drift in [-2, 2] {
            let unit = armed_while_drifting(who, drift);
            assert_eq!(unit.faults(), [], "{who:?} {drift}");
            assert_eq!(unit.guard.common().phase, Phase::Armed);
        }
    }
}

#[test]
fn trips_on_charge_above_leakage_while_armed() {
    assert_eq!(armed_while_drifting(wire::Guard::Interlock, 200).faults(), [Fault::ChargeWhileClosed]);
}

/// Thirty pulses a second; twice within a second of beam no pulse comes for this long, while the console asks for beam or lets
/// go of it.
fn let_go_for(millis: u64, asks: bool) -> Vec<Fault> {
    let mut unit = Unit::new(wire::Guard::Interlock, &machine(1));
    unit.run(200);
    unit.input(&Input::Command(Command::Arm { delivery: 9, order: order() }));
    unit.run(100);
    unit.input(&Input::Command(Command::Deliver));
    unit.requested = true;
    unit.gate = (GateState::Open, CloseCause::None, 0);
    for beam in 0..120 {
        if beam == 60 || beam == 70 {
            unit.requested = asks;
            unit.run(millis);
            unit.requested = true;
        }
        unit.gate.2 += 1;
        unit.pulses += 1;
        unit.run(33);
    }
    unit.faults()
}

#[test]
fn holds_a_beam_that_the_console_let_go_of_for_a_while() {
    assert_eq!(let_go_for(800, false), []);
}

#[test]
fn trips_on_a_low_rate_while_the_console_asks_for_beam() {
    assert_eq!(let_go_for(800, true).first(), Some(&Fault::RateLow));
}

#[test]
fn trips_when_the_transmit_queue_takes_no_permit_for_stale_after() {
    let mut permit = PermitSender::new(wire::Guard::Dose1, ms(5));
    permit.take_up(7);
    for milli in 0..=30 {
        let _frame = permit.poll(at(milli));
        permit.unsent();
    }
    assert!(permit.unsent_for(at(31)) > ms(25), "{:?}", permit.unsent_for(at(31)));
}

#[test]
fn holds_a_permit_that_the_queue_takes_at_the_second_try() {
    let mut permit = PermitSender::new(wire::Guard::Dose1, ms(5));
    permit.take_up(7);
    let _frame = permit.poll(at(0));
    permit.unsent();
    let frame = permit.poll(at(5)).unwrap();
    assert!(permit.echo(&frame));
    let _next = permit.poll(at(40));
    assert_eq!(permit.unsent_for(at(41)), ms(1));
}

#[test]
fn holds_the_way_to_the_next_delivery_after_an_echo_was_lost_at_rest() {
    let mut unit = Unit::new(wire::Guard::Dose1, &machine(1));
    unit.run(200);
    unit.echoes = false;
    unit.run(6);
    unit.echoes = true;
    unit.run(2000);
    let sent = unit.sent;
    unit.run(100);
    assert!(unit.sent - sent >= 19, "{} permits in 100 ms", unit.sent - sent);
    assert_eq!(unit.faults(), []);
}

#[test]
fn trips_in_a_delivery_when_an_echo_is_lost_and_tells_so_before_the_next() {
    let mut unit = Unit::new(wire::Guard::Dose1, &machine(1));
    unit.run(200);
    unit.input(&Input::Command(Command::Arm { delivery: 9, order: order() }));
    unit.run(100);
    unit.echoes = false;
    unit.run(60);
    assert_eq!(unit.faults(), [Fault::PermitUnsent]);
    let standing = |note: &Note| if let Note::Health { standing, .. } = note { Some(*standing) } else { None };
    unit.run(60);
    assert!(unit.notes.iter().rev().find_map(standing).unwrap().contains(Fault::PermitUnsent));
}

/// The proof of a gate that notices a silent guard only after `slow` milliseconds, by the guard's own timing.
fn prove(slow: u64) -> Option<(wire::Guard, ProofStep)> {
    let mut proving = Proving::new(at(0), &machine(1), 7);
    let mut since = 0;
    let mut tripped = 0;
    for now in 0..60_000_u64 {
        let own = proving.guard().bit();
        let before = if own == 1 { EVERY_GUARD } else { own >> 1 };
        let withheld = |by| (GateState::Closed, CloseCause::PermitWithheld, by);
        let used = (GateState::Open, CloseCause::LeaseUsed, own);
        if proving.step() != ProofStep::Silenced {
            since = now;
        }
        if proving.step() == ProofStep::Silenced && now - since == slow {
            proving.silent(proving.guard(), ms(slow));
        }
        let (state, cause, closed_by) = match proving.step() {
            ProofStep::TakeUp => withheld(EVERY_GUARD),
            ProofStep::Withheld => withheld(before | own),
            ProofStep::Offered => withheld(before & !own),
            ProofStep::Withdrawn | ProofStep::Returned => withheld(own),
            ProofStep::Silenced if now - since >= slow => (GateState::Closed, CloseCause::PermitStale, own),
            ProofStep::Latched => (GateState::Latched, CloseCause::PermitTripped, tripped),
            ProofStep::Leased | ProofStep::Held | ProofStep::Permitted | ProofStep::Silenced | ProofStep::Reopened => {
                used
            }
        };
        let status = GateStatus { state, cause, closed_by, pulses: 0, beam_on_centiseconds: 0 };
        match proving.look(at(now), Some(status)) {
            Progress::Proven => return None,
            Progress::Failed(guard, step) => return Some((guard, step)),
            Progress::Ask(to, Ask::Trip) => tripped |= to,
            Progress::Wait | Progress::Ask(..) | Progress::Early(..) => {}
        }
    }
    panic!("the proof never ends");
}

#[test]
fn trips_a_gate_that_misses_a_silent_guard_late() {
    for slow in [36, 50, 99, 150, 300, 1000] {
        assert_eq!(prove(slow), Some((wire::Guard::Dose1, ProofStep::Silenced)), "{slow} ms");
    }
}

#[test]
fn holds_a_gate_that_closes_within_stale_after_and_the_margin() {
    for slow in [25, 30, 35] {
        assert_eq!(prove(slow), None, "{slow} ms");
    }
}

#[test]
fn trips_on_chambers_that_disagree_although_one_has_missed_a_pulse() {
    let mut agreement = Agreement::new(&machine(4));
    agreement.begin(&order());
    let mu = |mu: i64| Dose::from_micro_mu(mu * 1_000_000);
    assert_eq!(agreement.doses(mu(800), mu(1000), [200, 201]).unwrap().fault, Fault::ChambersDisagree);
    assert_eq!(agreement.doses(mu(984), mu(1000), [200, 201]), None);
    assert_eq!(agreement.doses(mu(20), mu(36), [5, 9]), None);
}

/// Charge that comes at `picoamperes` on both chambers after an hour of rest; after how many seconds it is found.
fn found_after(picoamperes: i64, drift: i64) -> Option<i64> {
    let mut watch = BeamOff::new(&machine(1));
    watch.expect(order().expected_pulse);
    for tenth in 0..72_000_i64 {
        let rest = tenth.min(36_000);
        let collected = (rest * drift + (tenth - rest) * picoamperes) / 10;
        let charge = [Charge::from_picocoulombs(collected); 2];
        let readings = [(ms(10), Charge::ZERO, ms(10)); 2];
        let counts = Counts { open: [false; 2], gate: Some(0), pulses: [0; 3], charge, readings, is_ending: false };
        let now = at(u64::try_from(tenth).unwrap() * 100);
        if watch.watch(now, &counts, ms(25), false).is_some() {
            return Some((tenth - 36_000) / 10);
        }
    }
    None
}

#[test]
fn trips_on_charge_after_a_long_rest_as_soon_as_after_a_short_one() {
    // 10 MU/s, of which one pulse is 80 nC
    assert_eq!(found_after(200_000, 0), Some(0));
    assert_eq!(found_after(200_000, -20), Some(0));
    assert!(
        found_after(1_000, 100).is_some_and(|seconds| (0..150).contains(&seconds)),
        "{:?}",
        found_after(1_000, 100)
    );
}

#[test]
fn holds_leakage_for_hours() {
    assert_eq!(found_after(140, 140), None);
    assert_eq!(found_after(-140, -140), None);
}

#[test]
fn trips_the_session_by_a_guard_whose_fault_was_lost_on_its_way() {
    let mut session = Session::new(&machine(1));
    session.arm_unproven(9, order());
    let faults = FaultSet::EMPTY.with(Fault::Saturated);
    let frames = FrameCounts::default();
    let health = Note::Health { phase: Phase::Ended, faults, standing: FaultSet::EMPTY, frames };
    session.happen(at(0), &Happening::Note(wire::Guard::Dose1, health)).unwrap();
    assert_eq!(session.state(), State::Tripped);
    assert_eq!(session.fault().map(|report| report.fault), Some(Fault::Saturated));
}
