//! What the interlock guard makes of a report that no longer holds: the last word of a bus that fell silent, a count from
//! before the gate restarted, and readings that fall short because the beam is off.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::note::{Command, Phase};
use beam_core::requirement::Requirement;
use beam_core::status::interlock_bit;
use beam_core::wire::{CloseCause, GATE_STATUS, GateState, MON2_DOSE, Reason};

use crate::interlock::{WHO, delivering, long};
use crate::kit::{Rig, continuous, ms, verifies};

/// The delivery ends, and the gate tells so where it is still heard.
fn ends(rig: &mut Rig) {
    rig.command(Command::End(Reason::DoseReached));
    rig.gate.state = GateState::Latched;
    rig.gate.cause = CloseCause::PermitTripped;
    rig.run(ms(10));
}

#[test]
fn holds_a_gate_whose_report_on_one_bus_went_silent_while_it_was_open() {
    verifies(Requirement::BeamUnasked);
    for bus in [Bus::A, Bus::B] {
        let mut rig = delivering();
        rig.pulses(3);
        rig.mute.push((GATE_STATUS, bus));
        ends(&mut rig);
        rig.run(ms(1000));
        rig.let_out();
        assert_eq!((rig.faults(), rig.phase()), (vec![], Phase::Ended), "{bus:?}");
    }
}

#[test]
fn trips_over_a_gate_that_goes_on_telling_that_it_is_open() {
    verifies(Requirement::BeamUnasked);
    for bus in [Bus::A, Bus::B] {
        let mut rig = delivering();
        rig.pulses(3);
        rig.mute.push((GATE_STATUS, if bus == Bus::A { Bus::B } else { Bus::A }));
        rig.command(Command::End(Reason::DoseReached));
        rig.run(ms(60));
        rig.let_out();
        assert_eq!(rig.faults(), [Fault::GateOpenUnasked], "{bus:?}");
    }
}

#[test]
fn holds_the_count_of_before_a_restart_for_no_pulse_after_it() {
    verifies(Requirement::BeamUnasked);
    for (first, second) in [(Bus::A, Bus::B), (Bus::B, Bus::A)] {
        let mut rig = delivering();
        rig.pulses(3);
        ends(&mut rig);
        rig.run(ms(200));
        rig.gate.state = GateState::Closed;
        rig.gate.pulses = 0;
        rig.tell_gate_on(first);
        rig.tell_gate_on(second);
        rig.run(ms(100));
        assert_eq!(rig.guard.common().faults(), FaultSet::EMPTY.with(Fault::GateRestarted), "{first:?}");
        rig.gate.pulses = 1;
        rig.tell_gate_on(second);
        assert!(rig.guard.common().faults().contains(Fault::PulsesWhileClosed), "a count that fell is a limit too");
    }
}

/// A tube's beam for so long: each dose period brings what is expected.
fn beam(rig: &mut Rig, millis: u64) {
    for _ in 0..millis / 10 {
        rig.count(1, 0, 100);
        rig.count(2, 0, 200);
        rig.run(ms(10));
    }
}

#[test]
fn holds_readings_of_a_tube_that_fall_short_after_its_end() {
    verifies(Requirement::ChamberHonest);
    let mut tube = Rig::delivering_for(WHO, &continuous(), &long());
    beam(&mut tube, 500);
    // a bus that is away keeps the end from being judged, and its last word was that the gate is open
    tube.mute.extend([(GATE_STATUS, Bus::B), (MON2_DOSE, Bus::B)]);
    tube.command(Command::Found { monitor: 0, bus: Some(Bus::B) });
    ends(&mut tube);
    tube.run(ms(900));
    tube.let_out();
    assert_eq!(tube.faults(), []);
}

#[test]
fn holds_a_tube_whose_console_pauses() {
    verifies(Requirement::DoseRate);
    let patient = Machine { no_pulse_after: ms(10_000), ..continuous() };
    let mut tube = Rig::delivering_for(WHO, &patient, &long());
    beam(&mut tube, 2000);
    // the linac's word comes after the beam has stopped
    tube.run(ms(40));
    tube.linac.interlocks &= !interlock_bit::BEAM_REQUESTED;
    tube.tell_linac();
    tube.run(ms(3000));
    tube.holds();
    assert_eq!(tube.warnings(), []);
    tube.linac.interlocks |= interlock_bit::BEAM_REQUESTED;
    tube.tell_linac();
    beam(&mut tube, 2000);
    tube.holds();
}
