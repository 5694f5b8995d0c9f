//! The interlock guard on a machine with a sensor of the beam's own charge: it leases, compares and waits for that sensor as
//! for a third chamber. What the sensor's readings are worth is tried in `beam_charge`.

use beam_core::fault::Fault;
use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::note::{Command, FaultReport, Note, Phase};
use beam_core::reading::{DoseReading, dose_flag};
use beam_core::requirement::Requirement;
use beam_core::units::{ChargeCounter, Span};
use beam_core::wire::{BEAM_CHARGE, PermitState};

use crate::beam_charge::{COUNTS, fitted, planned};
use crate::interlock::{WHO, later};
use crate::kit::{DELIVERY, NANO, PERIOD, PULSE, Rig, machine, ms, order, pc, verifies};

/// A rig with a sensor on bus B, which has spoken.
struct Fitted {
    rig: Rig,
    sensor: DoseReading,
}

impl Fitted {
    fn on(machine: &Machine) -> Self {
        let rig = Rig::new(WHO, &fitted(*machine));
        let mut fitted = Self { rig, sensor: DoseReading { flags: 0, pulses: 9, charge: ChargeCounter::from_raw(70) } };
        fitted.tell(Bus::B);
        fitted
    }

    fn armed() -> Self {
        let mut fitted = Self::on(&machine());
        fitted.rig.command(Command::Arm { delivery: DELIVERY, order: planned() });
        assert_eq!(fitted.rig.phase(), Phase::Armed, "{:?}", fitted.rig.reports());
        fitted
    }

    fn delivering() -> Self {
        let mut fitted = Self::armed();
        fitted.rig.command(Command::Deliver);
        fitted.rig.beam_on();
        fitted.rig.forget();
        fitted
    }

    /// The sensor's next frame, on whichever bus.
    fn tell(&mut self, bus: Bus) {
        let frame = self.sensor.encode(BEAM_CHARGE, self.rig.alive(BEAM_CHARGE, Bus::B));
        self.rig.frame(bus, frame);
    }

    /// One pulse more by the sensor, of so many counts.
    fn count(&mut self, counts: u32) {
        self.sensor.pulses = self.sensor.pulses.wrapping_add(1);
        self.sensor.charge = ChargeCounter::from_raw(self.sensor.charge.raw().wrapping_add(counts));
    }

    /// Time passes, and the sensor reports every 10 ms.
    fn run(&mut self, span: Span) {
        for _ in 0..span.millis() / 10 {
            self.rig.run(ms(10));
            self.tell(Bus::B);
        }
    }

    /// A pulse as expected on gate, chambers and sensor.
    fn pulse(&mut self, counts: u32) {
        self.run(PERIOD);
        self.rig.pulse_of(PULSE);
        self.count(counts);
        self.tell(Bus::B);
    }
}

#[test]
fn holds_the_next_pulse_until_the_sensor_has_counted_the_last() {
    verifies(Requirement::PulseByPulse);
    let mut fitted = Fitted::delivering();
    for pulse in 1..20 {
        fitted.run(PERIOD);
        fitted.rig.pulse_of(PULSE);
        assert_eq!((fitted.rig.permit().state, fitted.rig.permit().lease), (PermitState::Permit, pulse));
        fitted.count(COUNTS);
        fitted.tell(Bus::B);
        assert_eq!(fitted.rig.permit().lease, pulse + 1);
    }
    fitted.rig.holds();
    fitted.run(ms(200));
    let charge = |note: &Note| if let Note::Judged { beam_charge, .. } = note { *beam_charge } else { None };
    assert_eq!(fitted.rig.notes.iter().rev().find_map(charge), Some(pc(19_000)), "it is told with what was judged");
}

#[test]
fn trips_over_a_pulse_that_the_charge_of_the_beam_does_not_explain() {
    verifies(Requirement::ChamberHonest);
    let mut fitted = Fitted::delivering();
    fitted.pulse(COUNTS);
    fitted.pulse(3 * COUNTS);
    let report = fitted.rig.trips(Fault::BeamChargeRatio);
    assert_eq!((report.monitor, report.pulses), (1, 1), "one pulse was judged before");
}

#[test]
fn trips_over_a_pulse_that_the_sensor_does_not_count() {
    verifies(Requirement::BeamUnasked);
    let mut fitted = Fitted::delivering();
    fitted.pulse(COUNTS);
    fitted.rig.pulse_of(PULSE);
    fitted.run(ms(30));
    fitted.rig.holds();
    fitted.run(ms(10));
    let _report = fitted.rig.trips(Fault::CountsDisagree);
}

#[test]
fn trips_over_a_sensor_that_says_it_is_saturated_and_holds_one_that_speaks_on_another_bus() {
    verifies(Requirement::ChamberHonest);
    for (bus, found) in [(Bus::B, true), (Bus::A, false)] {
        let mut fitted = Fitted::delivering();
        fitted.sensor.flags = dose_flag::SATURATED;
        fitted.tell(bus);
        if found {
            let report = fitted.rig.trips(Fault::Saturated);
            assert_eq!((report.monitor, report.bus), (FaultReport::BEAM_CHARGE, Some(Bus::B)));
        } else {
            fitted.rig.holds();
        }
    }
}

#[test]
fn trips_over_a_sensor_that_is_older_than_three_periods() {
    verifies(Requirement::BusTrusted);
    let mut fitted = Fitted::delivering();
    fitted.run(PERIOD);
    fitted.rig.run(ms(30));
    fitted.rig.holds();
    later(&mut fitted.rig, NANO);
    let report = fitted.rig.trips(Fault::DoseStale);
    assert_eq!((report.monitor, report.bus), (FaultReport::BEAM_CHARGE, Some(Bus::B)));
    let mut unfitted = Rig::delivering(WHO, &machine());
    unfitted.run(ms(500));
    unfitted.holds();
}

#[test]
fn trips_an_arming_without_a_baseline() {
    verifies(Requirement::ChamberHonest);
    let mut fitted = Fitted::on(&machine());
    fitted.rig.command(Command::Arm { delivery: DELIVERY, order: order() });
    let _report = fitted.rig.trips(Fault::BeamChargeRatio);
}

#[test]
fn trips_over_a_pulse_that_only_the_sensor_sees_while_the_beam_is_off() {
    verifies(Requirement::BeamUnasked);
    let mut fitted = Fitted::armed();
    fitted.run(ms(200));
    fitted.rig.holds();
    fitted.count(COUNTS);
    fitted.tell(Bus::B);
    let report = fitted.rig.trips(Fault::PulsesWhileClosed);
    assert_eq!(report.monitor, FaultReport::BEAM_CHARGE);
}

#[test]
fn a_short_delivery_off_its_baseline_is_told_at_its_end() {
    for (counts, warned) in [(COUNTS, false), (COUNTS + 4, true)] {
        let mut fitted = Fitted::delivering();
        for _ in 0..6 {
            fitted.pulse(counts);
        }
        fitted.rig.command(Command::End(beam_core::wire::Reason::Operator));
        fitted.rig.gate.state = beam_core::wire::GateState::Latched;
        fitted.rig.tell_gate();
        fitted.rig.let_out();
        let found: Vec<Fault> = fitted.rig.warnings().iter().map(|report| report.fault).collect();
        assert_eq!(found == [Fault::BeamChargeRatio], warned, "{found:?}");
    }
}

#[test]
fn trips_over_a_beam_without_pulses_although_the_sensor_reports() {
    verifies(Requirement::ChamberHonest);
    let mut fitted = Fitted::delivering();
    fitted.run(ms(1000));
    fitted.rig.holds();
    fitted.run(ms(10));
    let _report = fitted.rig.trips(Fault::NoPulse);
    // and a pulse by the sensor alone is a pulse
    let mut fitted = Fitted::delivering();
    fitted.run(ms(990));
    fitted.count(COUNTS);
    fitted.tell(Bus::B);
    fitted.run(ms(20));
    fitted.rig.holds();
}

#[test]
fn trips_and_warns_by_the_last_pulse_as_by_any_other() {
    verifies(Requirement::ChamberHonest);
    let ended = |pulses: u32, last: u32| {
        let mut fitted = Fitted::delivering();
        for _ in 0..pulses {
            fitted.pulse(COUNTS);
        }
        fitted.run(PERIOD);
        fitted.rig.command(Command::End(beam_core::wire::Reason::DoseReached));
        fitted.rig.gate.state = beam_core::wire::GateState::Latched;
        fitted.rig.forget();
        fitted.rig.pulse_of(PULSE);
        fitted.count(last);
        fitted.tell(Bus::B);
        fitted.rig.let_out();
        (fitted.rig.faults(), fitted.rig.warnings().iter().map(|report| report.fault).collect::<Vec<_>>())
    };
    assert_eq!(ended(12, COUNTS), (vec![], vec![]));
    assert_eq!(ended(12, 3 * COUNTS), (vec![Fault::BeamChargeRatio], vec![]));
    // ten pulses of which one is 1.35 are 3.5 % off
    assert_eq!(ended(12, COUNTS * 135 / 100), (vec![], vec![Fault::BeamChargeRatio]));
}
