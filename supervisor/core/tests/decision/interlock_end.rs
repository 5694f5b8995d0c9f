//! The interlock guard after the end of a delivery: what the last pulse brought is judged like that of any other, the end is
//! told once, a beam hold grants its one pulse and an end none, and electronics that begin anew are found at rest too.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::note::{Command, Note, Phase};
use beam_core::requirement::Requirement;
use beam_core::units::Span;
use beam_core::wire::{CloseCause, GateState, MON1_DOSE, MON2_DOSE, Reason};

use crate::interlock::{WHO, delivering};
use crate::kit::{NANO, PULSE, Rig, machine, ms, order, verifies};

/// A delivery of four pulses that dose guard 1 ended with the fourth, of which the chambers have not told yet.
fn ended_at_the_fourth() -> Rig {
    let mut rig = delivering();
    rig.pulses(3);
    rig.run(ms(100));
    rig.command(Command::End(Reason::DoseReached));
    rig.gate.state = GateState::Latched;
    rig.gate.cause = CloseCause::PermitTripped;
    rig.gate.pulses += 1;
    rig.tell_gate();
    rig.forget();
    rig
}

/// Whether the end was told as judged, and how.
fn judged(rig: &Rig) -> Vec<([u32; 4], bool)> {
    let told =
        |note: &Note| if let Note::EndJudged { pulses, agrees, .. } = note { Some((*pulses, *agrees)) } else { None };
    rig.notes.iter().filter_map(told).collect()
}

#[test]
fn holds_a_last_pulse_on_which_the_chambers_agree() {
    verifies(Requirement::ChambersAgree);
    let mut rig = ended_at_the_fourth();
    rig.count_and_tell(1, 1, 1500);
    rig.let_out();
    assert_eq!(judged(&rig), [], "monitor 2 is under way");
    rig.count_and_tell(2, 1, 1000);
    rig.run(ms(200));
    assert_eq!((rig.faults(), judged(&rig)), (vec![], vec![([4; 4], true)]), "and once");
}

#[test]
fn trips_over_a_last_pulse_on_which_the_chambers_disagree() {
    verifies(Requirement::ChambersAgree);
    let mut rig = ended_at_the_fourth();
    rig.count_and_tell(1, 1, 1900);
    rig.count_and_tell(2, 1, 100);
    rig.let_out();
    assert_eq!(rig.faults(), [Fault::ChambersDisagree], "92 500 micro-MU apart at the fourth pulse");
    assert_eq!(judged(&rig), [([4; 4], true)]);
}

/// What was warned of when monitor 1 collects so much beside its pulses, so long after the end was judged.
fn warned_of(picocoulombs: i64, after: Span) -> Vec<Fault> {
    let mut rig = ended_at_the_fourth();
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.count_and_tell(2, 1, PULSE[1]);
    rig.run(after);
    assert_eq!(judged(&rig), [([4; 4], true)]);
    rig.forget();
    rig.count_and_tell(1, 0, picocoulombs);
    rig.run(ms(20));
    rig.warnings().iter().map(|report| report.fault).collect()
}

#[test]
fn trips_and_holds_the_doses_that_differ_only_while_the_beam_is_watched() {
    verifies(Requirement::ChambersAgree);
    // 0.05 MU is a pulse of 1000 pC, which may be under way; half of it is what the chambers may differ by, or 0.05 MU
    assert_eq!(warned_of(1000, ms(500)), []);
    assert_eq!(warned_of(1001, ms(500)), [Fault::EndDisagreement]);
    assert_eq!(warned_of(1001, ms(1200)), [], "what leaks later is no dose of this delivery");
}

#[test]
fn trips_over_a_chamber_that_falls_silent_with_the_last_pulse() {
    verifies(Requirement::ChamberHonest);
    for (monitor, other, bus) in [(1, 2_usize, Bus::A), (2, 1, Bus::B)] {
        let mut rig = ended_at_the_fourth();
        rig.count_and_tell(other, 1, PULSE[other - 1]);
        let id = if monitor == 1 { MON1_DOSE } else { MON2_DOSE };
        rig.mute.push((id, bus));
        rig.run(ms(60));
        rig.let_out();
        assert_eq!(rig.faults(), []);
        rig.now = rig.now.after(NANO);
        rig.tick();
        rig.let_out();
        let report = rig.reports()[0];
        assert_eq!((report.fault, report.monitor, report.bus), (Fault::DoseStale, monitor, Some(bus)));
        assert_eq!(judged(&rig).iter().map(|end| end.1).collect::<Vec<_>>(), [false]);
    }
}

#[test]
fn the_counters_of_the_unit_are_told_every_second_and_at_the_end() {
    let counters = |rig: &Rig| {
        let told = |note: &Note| match note {
            Note::Counters { chambers, gate } => Some((chambers.map(|raw| raw.map(|raw| raw.pulses)), *gate)),
            _ => None,
        };
        rig.notes.iter().filter_map(told).collect::<Vec<_>>()
    };
    let mut rig = Rig::new(WHO, &machine());
    rig.run(ms(3000));
    assert_eq!(counters(&rig), [([Some(100); 2], Some(0)); 3]);
    let mut rig = ended_at_the_fourth();
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.count_and_tell(2, 1, PULSE[1]);
    rig.let_out();
    assert_eq!(counters(&rig), [([Some(104); 2], Some(4))]);
    let mut deaf = Rig::deaf(WHO, &machine());
    deaf.tick();
    deaf.let_out();
    assert_eq!(counters(&deaf), [([None; 2], None)]);
}

#[test]
fn trips_over_a_chamber_that_is_silent_though_its_status_is_wrong_behind_the_end() {
    verifies(Requirement::ChamberHonest);
    let mut rig = ended_at_the_fourth();
    rig.statuses[1].voltage = 0;
    rig.tell_status(2);
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.mute.push((MON2_DOSE, Bus::B));
    rig.run(ms(100));
    rig.let_out();
    assert_eq!(rig.faults(), [Fault::DoseStale]);
}

#[test]
fn holds_the_name_that_another_guard_has_found() {
    verifies(Requirement::Latched);
    let mut rig = ended_at_the_fourth();
    rig.command(Command::Found { monitor: 2, bus: None });
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.run(ms(100));
    rig.let_out();
    assert_eq!((rig.faults(), judged(&rig)), (vec![], vec![([4, 4, 3, 4], false)]));
    // in the next delivery that name is forgotten
    rig.gate.pulses = 0;
    rig.gate.cause = CloseCause::PermitWithheld;
    rig.gate.state = GateState::Closed;
    rig.command(Command::Arm { delivery: 8, order: order() });
    rig.tell_gate();
    rig.command(Command::Deliver);
    rig.beam_on();
    rig.pulses(2);
    rig.command(Command::End(Reason::DoseReached));
    rig.gate.state = GateState::Latched;
    rig.gate.pulses += 1;
    rig.tell_gate();
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.forget();
    rig.run(ms(100));
    rig.let_out();
    assert_eq!(rig.faults(), [Fault::CountsDisagree]);
}

/// A machine that may hold its beam, in a hold behind the third pulse.
fn in_a_hold() -> Rig {
    let mut rig = Rig::delivering(WHO, &Machine { beam_hold: true, ..machine() });
    rig.pulses(3);
    rig.gate.state = GateState::Closed;
    rig.gate.cause = CloseCause::HardwareInterlock;
    rig.run(ms(100));
    assert_eq!(rig.phase(), Phase::Delivering);
    rig.forget();
    rig
}

#[test]
fn holds_one_further_pulse_in_a_beam_hold_and_trips_over_a_second() {
    verifies(Requirement::BeamUnasked);
    let mut rig = in_a_hold();
    rig.pulse_of(PULSE);
    rig.run(ms(100));
    rig.holds();
    rig.gate.pulses += 1;
    rig.tell_gate();
    let report = rig.trips(Fault::PulsesWhileClosed);
    assert_eq!((report.measured, report.limit), (5, 4));
    // by two chambers as by the gate
    let mut rig = in_a_hold();
    rig.pulse_of(PULSE);
    rig.run(ms(100));
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.count_and_tell(2, 1, PULSE[1]);
    assert!(rig.guard.common().faults().contains(Fault::PulsesWhileClosed), "{:?}", rig.reports());
}

#[test]
fn trips_over_a_first_pulse_behind_an_end_though_the_machine_may_hold_its_beam() {
    verifies(Requirement::BeamUnasked);
    let pulse: [fn(&mut Rig); 2] = [
        |rig| {
            rig.gate.pulses += 1;
            rig.tell_gate();
        },
        |rig| {
            rig.count_and_tell(1, 1, PULSE[0]);
            rig.count_and_tell(2, 1, PULSE[1]);
        },
    ];
    for pulse in pulse {
        for ends in [Command::Withhold, Command::End(Reason::DoseReached)] {
            let mut rig = in_a_hold();
            rig.command(ends);
            rig.run(ms(100));
            rig.forget();
            pulse(&mut rig);
            rig.let_out();
            assert_eq!(rig.faults(), [Fault::PulsesWhileClosed], "{ends:?}");
        }
    }
}

#[test]
fn trips_over_a_chamber_that_begins_anew_at_rest() {
    verifies(Requirement::ChamberHonest);
    for monitor in [1_usize, 2] {
        let mut rig = Rig::new(WHO, &machine());
        rig.chambers[monitor - 1].pulses = 3;
        rig.tell_chamber(monitor);
        rig.let_out();
        assert_eq!(rig.faults(), [Fault::ChamberRestarted]);
        assert_eq!(rig.guard.common().faults(), FaultSet::EMPTY.with(Fault::ChamberRestarted), "it stays");
    }
}

#[test]
fn holds_the_drift_of_a_chamber_at_rest() {
    verifies(Requirement::ChamberHonest);
    let mut rig = Rig::new(WHO, &machine());
    for _ in 0..5 {
        rig.run(ms(100));
        rig.count_and_tell(1, 0, -1);
        rig.count_and_tell(2, 0, 0);
    }
    rig.holds();
}
