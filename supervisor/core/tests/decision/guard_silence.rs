//! Each guard times its own silence in a proof, by the kernel's stamps, and watches its own clock: both are of the guard as a
//! whole, whatever it judges.

use beam_core::fault::Fault;
use beam_core::frame::{Frame, Origin};
use beam_core::note::{Command, Input, Note};
use beam_core::requirement::Requirement;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{CloseCause, GATE_STATUS, GateState, GateStatus, Guard};

use crate::kit::{PROOF, Rig, machine, ms, verifies};

/// A guard in its proof that leased 0, and whose permit was on the bus at the stamp 1000.
fn proving(who: Guard) -> Rig {
    let mut rig = Rig::new(who, &machine());
    rig.command(Command::TakeUp { delivery: PROOF });
    rig.echoes = false;
    rig.now = rig.now.after(ms(5));
    let sent = rig.step(&Input::Command(Command::Prove { lease: 0 })).transmit.expect("a permit");
    stamped(&mut rig, 1000, Origin::Echo, sent);
    rig
}

fn stamped(rig: &mut Rig, stamp: u64, origin: Origin, frame: Frame) {
    let input = Input::Frame { bus: rig.own_bus(), origin, frame };
    let output = rig.guard.step_stamped(rig.now, stamp, &input);
    rig.notes.extend(output.note);
}

/// The gate closes on the silence of `who`, at this stamp.
fn closes(rig: &mut Rig, who: Guard, stamp: u64, origin: Origin) {
    let alive = rig.alive(GATE_STATUS, rig.own_bus());
    let (state, cause, closed_by) = (GateState::Closed, CloseCause::PermitStale, who.bit());
    let status = GateStatus { state, cause, closed_by, pulses: 0, beam_on_centiseconds: 0 };
    stamped(rig, stamp, origin, status.encode(alive));
}

fn timed(rig: &mut Rig) -> Vec<Span> {
    rig.let_out();
    rig.notes.iter().filter_map(|note| if let Note::Silent { lasted } = note { Some(*lasted) } else { None }).collect()
}

#[test]
fn holds_the_silence_of_each_guard_by_the_stamps_of_its_echo_and_of_the_gates_report() {
    verifies(Requirement::Proven);
    for who in Guard::ALL {
        let mut rig = proving(who);
        rig.command(Command::Silence);
        rig.now = rig.now.after(ms(2));
        closes(&mut rig, who, 26_000_000, Origin::Wire);
        assert_eq!(timed(&mut rig), [Span::from_nanos(25_999_000)], "{}", who.name());
        assert_eq!(rig.faults(), []);
    }
}

#[test]
fn holds_a_report_that_is_no_answer_to_a_silence() {
    verifies(Requirement::Proven);
    for who in Guard::ALL {
        // the guard speaks, never fell silent, or speaks again in either way
        let ways: [&[Command]; 3] =
            [&[], &[Command::Silence, Command::Withhold], &[Command::Silence, Command::Prove { lease: 0 }]];
        for way in ways {
            let mut rig = proving(who);
            for command in way {
                rig.command(*command);
            }
            closes(&mut rig, who, 26_000_000, Origin::Wire);
            assert_eq!(timed(&mut rig), [], "{} {way:?}", who.name());
        }
    }
    // what this computer sent itself
    let mut forged = proving(Guard::Dose2);
    forged.command(Command::Silence);
    closes(&mut forged, Guard::Dose2, 26_000_000, Origin::Local);
    assert_eq!(timed(&mut forged), []);
}

#[test]
fn trips_each_guard_whose_clock_steps_back() {
    verifies(Requirement::OwnHealth);
    for who in Guard::ALL {
        let mut rig = Rig::delivering(who, &machine());
        rig.run(ms(100));
        rig.now = Ticks::from_nanos(rig.now.nanos() - 1);
        rig.tick();
        let report = rig.trips(Fault::ClockStalled);
        assert_eq!((report.measured, report.limit), (-1, 0), "{}", who.name());
        let mut resting = Rig::new(who, &machine());
        resting.now = Ticks::from_nanos(resting.now.nanos() - 1);
        resting.tick();
        resting.holds();
    }
}
