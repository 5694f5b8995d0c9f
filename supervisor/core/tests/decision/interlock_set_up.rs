//! The interlock guard and the set-up: at arming, in a proof and with the beam on.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::Bus;
use beam_core::note::{Command, Note, Phase};
use beam_core::requirement::Requirement;
use beam_core::status::{ChamberMode, Docking, interlock_bit};
use beam_core::wire::GateState;

use crate::interlock::WHO;
use crate::kit::{DELIVERY, PROOF, Rig, machine, ms, order, verifies};

type Change = fn(&mut Rig);

const ARM: Command = Command::Arm { delivery: DELIVERY, order: order() };

fn proving() -> Rig {
    let mut rig = Rig::new(WHO, &machine());
    rig.command(Command::TakeUp { delivery: PROOF });
    assert_eq!(rig.phase(), Phase::Proving);
    rig.forget();
    rig
}

fn armed() -> Rig {
    let mut rig = Rig::armed(WHO, &machine());
    rig.forget();
    rig
}

fn delivering() -> Rig {
    Rig::delivering(WHO, &machine())
}

#[test]
fn trips_over_an_open_interlock_in_every_phase_of_a_delivery() {
    verifies(Requirement::SetUp);
    for mut rig in [proving(), armed(), delivering()] {
        rig.linac.interlocks |= interlock_bit::DOOR | interlock_bit::COOLING;
        rig.tell_linac();
        let _the_gravest = rig.trips(Fault::Door);
    }
}

#[test]
fn trips_at_once_when_it_is_armed_or_proven_with_an_open_interlock() {
    verifies(Requirement::SetUp);
    for command in [ARM, Command::TakeUp { delivery: PROOF }] {
        let mut rig = Rig::new(WHO, &machine());
        rig.linac.interlocks = interlock_bit::DOOR;
        rig.run(ms(100));
        rig.holds();
        rig.command(command);
        let _report = rig.trips(Fault::Door);
    }
}

#[test]
fn holds_an_open_interlock_at_rest_and_stands_against_a_beam() {
    verifies(Requirement::SetUp);
    let mut rig = Rig::new(WHO, &machine());
    rig.linac.interlocks = interlock_bit::DOOR;
    rig.run(ms(100));
    rig.holds();
    assert_eq!(standing(&mut rig), FaultSet::EMPTY.with(Fault::Door));
}

fn standing(rig: &mut Rig) -> FaultSet {
    rig.forget();
    rig.run(ms(100));
    let told = rig.notes.iter().rev().find_map(|note| match note {
        Note::Health { standing, .. } => Some(*standing),
        _ => None,
    });
    told.unwrap()
}

#[test]
fn trips_over_any_other_set_up_than_the_planned_one() {
    verifies(Requirement::SetUp);
    let changes: [(Change, Fault); 3] = [
        (|rig| rig.linac.energy = 60, Fault::Energy),
        (|rig| rig.linac.applicator = 18, Fault::Applicator),
        (|rig| rig.linac.docking = Docking::Undocked, Fault::Docking),
    ];
    for (change, fault) in changes {
        for mut rig in [armed(), delivering()] {
            change(&mut rig);
            rig.tell_linac();
            let _report = rig.trips(fault);
        }
        let mut rig = Rig::new(WHO, &machine());
        change(&mut rig);
        rig.tell_linac();
        rig.command(ARM);
        let _report = rig.trips(fault);
    }
}

#[test]
fn holds_any_set_up_while_the_guards_are_proven() {
    verifies(Requirement::SetUp);
    // an order of an earlier delivery says nothing about a proof
    let mut earlier = armed();
    earlier.command(Command::TakeUp { delivery: PROOF });
    for mut rig in [proving(), earlier] {
        rig.linac.applicator = 18;
        rig.tell_linac();
        rig.holds();
    }
}

#[test]
fn trips_over_a_beam_button_held_down_in_a_proof() {
    verifies(Requirement::Proven);
    let mut rig = proving();
    rig.linac.interlocks = interlock_bit::BEAM_REQUESTED;
    rig.tell_linac();
    let _report = rig.trips(Fault::RequestedEarly);
}

#[test]
fn holds_a_beam_button_in_every_other_phase() {
    verifies(Requirement::Proven);
    for mut rig in [Rig::new(WHO, &machine()), armed()] {
        rig.linac.interlocks = interlock_bit::BEAM_REQUESTED;
        rig.tell_linac();
        rig.holds();
    }
    delivering().holds();
}

#[test]
fn trips_over_a_chamber_beyond_its_own_limits() {
    verifies(Requirement::SetUp);
    for (monitor, voltages) in [(1_usize, [14_699, 15_301]), (2, [19_599, 20_401])] {
        for voltage in voltages {
            for mut rig in [proving(), armed(), delivering()] {
                rig.statuses[monitor - 1].voltage = voltage;
                rig.tell_status(monitor);
                assert_eq!(usize::from(rig.trips(Fault::Voltage).monitor), monitor);
            }
        }
    }
    for monitor in [1_usize, 2] {
        for mut rig in [proving(), armed(), delivering()] {
            rig.statuses[monitor - 1].mode = ChamberMode::SelfTest;
            rig.tell_status(monitor);
            assert_eq!(usize::from(rig.trips(Fault::ChamberReportsFault).monitor), monitor);
        }
    }
}

#[test]
fn trips_over_leakage_only_with_the_beam_off() {
    verifies(Requirement::SetUp);
    for (monitor, leakage) in [(1_usize, 45), (2, 89)] {
        for mut rig in [proving(), armed()] {
            rig.statuses[monitor - 1].leakage = leakage;
            rig.tell_status(monitor);
            assert_eq!(usize::from(rig.trips(Fault::Leakage).monitor), monitor);
        }
        let mut rig = delivering();
        rig.statuses[monitor - 1].leakage = leakage;
        rig.tell_status(monitor);
        rig.holds();
        assert_eq!(rig.warnings(), [], "a current in the beam is no leakage");
    }
}

#[test]
fn trips_at_once_when_it_is_armed_with_a_chamber_beyond_its_limits() {
    verifies(Requirement::SetUp);
    for (monitor, leakage) in [(1_usize, 45), (2, 89)] {
        let mut rig = Rig::new(WHO, &machine());
        rig.statuses[monitor - 1].leakage = leakage;
        rig.tell_status(monitor);
        rig.holds();
        rig.command(ARM);
        assert_eq!(usize::from(rig.trips(Fault::Leakage).monitor), monitor);
    }
}

#[test]
fn holds_chambers_at_their_own_limits() {
    verifies(Requirement::SetUp);
    for (monitor, voltages, leakage) in [(1_usize, [14_700, 15_300], 20), (2, [19_600, 20_400], 40)] {
        for voltage in voltages {
            for mut rig in [proving(), armed(), delivering()] {
                rig.statuses[monitor - 1].voltage = voltage;
                rig.statuses[monitor - 1].leakage = leakage;
                rig.tell_status(monitor);
                rig.holds();
                assert_eq!(rig.warnings(), []);
            }
        }
    }
}

#[test]
fn leakage_is_warned_of_once_for_each_proof() {
    for (monitor, leakage) in [(1_usize, 21), (2, 41)] {
        let mut rig = proving();
        rig.statuses[monitor - 1].leakage = leakage;
        rig.run(ms(500));
        rig.holds();
        let warned: Vec<_> = rig.warnings().iter().map(|report| (report.fault, report.monitor)).collect();
        assert_eq!(warned, [(Fault::Leakage, monitor as u8)]);
        rig.command(Command::TakeUp { delivery: DELIVERY });
        rig.run(ms(500));
        assert_eq!(rig.warnings().len(), 2, "a new proof says it again");
    }
}

#[test]
fn what_is_wrong_with_a_chamber_stands_against_a_beam() {
    for monitor in [1_usize, 2] {
        let mut rig = Rig::new(WHO, &machine());
        assert_eq!(standing(&mut rig), FaultSet::EMPTY);
        rig.statuses[monitor - 1].leakage = 200;
        assert_eq!(standing(&mut rig), FaultSet::EMPTY.with(Fault::Leakage));
        rig.statuses[monitor - 1].mode = ChamberMode::Fault;
        assert_eq!(standing(&mut rig), FaultSet::EMPTY.with(Fault::ChamberReportsFault));
        rig.holds();
    }
    // while the gate is open a current is no leakage
    let mut rig = delivering();
    rig.statuses[0].leakage = 200;
    assert_eq!((standing(&mut rig), rig.gate.state), (FaultSet::EMPTY, GateState::Open));
    rig.frame(Bus::A, rig.gate.encode(0));
}
