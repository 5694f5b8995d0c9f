//! Mishaps that befall a whole session at rest, and how long it is watched for what comes of them.

use beam_core::frame::Bus;
use beam_core::state::State;
use beam_core::units::{Dose, Span, Ticks};
use beam_core::wire::{DoseReading, GateState, MON2_DOSE};
use beam_drivers::sim::Injection;

use crate::config::shipped;
use crate::course::Course;
use crate::mishap::{Anchor, Complaint, Mishap, Moment, OnBus, What};
use crate::prepared::Prepared;

/// A session of a short plan under these mishaps, to its end; `look` sees it after every event.
fn lead(mishaps: &[Mishap], mut look: impl FnMut(&Course)) -> Course {
    let profile = shipped::profile("novac7").expect("a profile");
    let machine = Prepared::new(&profile, &shipped::plan("novac7").expect("a plan")).expect("a machine");
    // four pulses and a half
    let preset = machine.order.pulse_dose.micro_mu() * 9 / 2;
    let mut course = Course::new(&machine.with_preset(Dose::from_micro_mu(preset)), 7, mishaps);
    course.world.keep_frames();
    while !course.is_over() {
        course.step(&mut |_, _| {});
        look(&course);
    }
    course
}

fn at(state: State, millis: u64, what: What) -> Mishap {
    Mishap { at: Moment { after: Anchor::State(state), delay: Span::from_millis(millis) }, what }
}

#[test]
fn a_gate_that_restarts_at_rest_loses_its_delivery_in_every_state() {
    for state in [State::Ready, State::Proving, State::Armed, State::Complete, State::Tripped] {
        let mut mishaps = vec![at(state, 1, What::Unit(Injection::GateRestart))];
        if state == State::Tripped {
            mishaps.push(Mishap::unit(Injection::Crc, 2));
        }
        let (mut held, mut lost) = (0, 0);
        lead(&mishaps, |course| {
            let now = course.world.unit().held();
            lost += u32::from(held != 0 && now == 0);
            held = now;
        });
        assert_eq!(lost, 1, "{state:?}");
    }
}

#[test]
fn a_chamber_that_restarts_at_rest_begins_at_0_in_every_state() {
    for state in [State::Ready, State::Proving, State::Armed, State::Complete, State::Tripped] {
        let restart = at(state, 1, What::Unit(Injection::Mon2Restart));
        let trip = Mishap::unit(Injection::Crc, 2);
        let mishaps: &[Mishap] = if state == State::Tripped { &[restart, trip] } else { &[restart] };
        let course = lead(mishaps, |_| {});
        let of_chamber = course.world.frames().iter().filter(|(.., frame)| frame.id == MON2_DOSE);
        let readings: Vec<DoseReading> = of_chamber.map(|(.., frame)| DoseReading::decode(frame)).collect();
        let before = readings.first().expect("a reading");
        let anew = readings.iter().filter(|reading| (reading.pulses, reading.charge.raw()) == (0, 0)).count();
        assert!(before.charge.raw() != 0 && anew > 0, "{state:?}");
    }
}

#[test]
fn a_warning_of_a_controller_ends_no_beam_and_a_complaint_does() {
    for (complaint, completes) in [
        (Complaint::ErrorWarning, true),
        (Complaint::ErrorPassive, false),
        (Complaint::ControllerOverrun, false),
        (Complaint::InterfaceDown, false),
        (Complaint::Malformed, false),
    ] {
        for bus in [Bus::A, Bus::B] {
            let mishap = at(State::Delivering, 300, What::ControllerSays { bus: OnBus(bus), complaint });
            let course = lead(&[mishap], |_| {});
            assert_eq!(course.progress.state == State::Complete, completes, "{complaint:?} on {bus:?}");
        }
    }
}

#[test]
fn pulses_after_the_end_are_waited_for_and_watched() {
    let stray = What::PulsesWhileClosed { pulses: 2, after: Span::from_millis(900), counted: true };
    let mishap = Mishap { at: Moment { after: Anchor::Pulse(2), delay: Span::ZERO }, what: stray };
    let mut last_pulse = Ticks::ZERO;
    let mut pulses = 0;
    let course = lead(&[mishap], |course| {
        if course.world.unit().pulses() > pulses {
            (pulses, last_pulse) = (course.world.unit().pulses(), course.world.now());
        }
    });
    let truth = course.world.truth();
    assert_eq!(truth.pulses_while_closed, 2);
    assert!(course.world.unit().gate_state() != GateState::Open);
    assert!(course.world.now().since(last_pulse) >= Span::from_millis(500), "time is left to find them");
}

#[test]
fn a_bus_that_is_away_comes_back_before_the_session_is_over() {
    for what in [
        What::Cut { bus: OnBus(Bus::B), lasting: Span::from_millis(700) },
        What::BusOff { bus: OnBus(Bus::B), lasting: Span::from_millis(700) },
    ] {
        let course = lead(&[at(State::Complete, 50, what)], |_| {});
        let heard = course.world.now();
        assert!(!course.world.is_expectant() && heard > Ticks::ZERO.after(Span::from_millis(700)));
    }
}
