//! What the interlock guard believes: every frame of both buses, its age, and its sender.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::{Bus, Frame, protect};
use beam_core::machine::Machine;
use beam_core::note::Note;
use beam_core::requirement::Requirement;
use beam_core::wire::{GATE_STATUS, LINAC_STATUS, MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS};

use crate::interlock::WHO;
use crate::kit::{NANO, PULSE, Rig, machine, ms, verifies};

/// Everything that the guard hears: identifier, bus, monitor, age in milliseconds at which it is still believed.
const HEARD: [(u16, Bus, u8, u64, Fault); 7] = [
    (MON1_DOSE, Bus::A, 1, 30, Fault::DoseStale),
    (MON2_DOSE, Bus::B, 2, 30, Fault::DoseStale),
    (GATE_STATUS, Bus::A, 0, 15, Fault::GateStale),
    (GATE_STATUS, Bus::B, 0, 15, Fault::GateStale),
    (MON1_STATUS, Bus::A, 1, 150, Fault::StatusStale),
    (MON2_STATUS, Bus::B, 2, 150, Fault::StatusStale),
    (LINAC_STATUS, Bus::A, 0, 150, Fault::StatusStale),
];

/// A guard that is armed, has just heard everything, and will not hear `id` on `bus` again.
fn aging(id: u16, bus: Bus, machine: &Machine) -> Rig {
    let mut rig = Rig::armed(WHO, machine);
    rig.run(ms(200));
    for monitor in [1, 2] {
        rig.tell_chamber(monitor);
        rig.tell_status(monitor);
    }
    rig.tell_gate();
    rig.tell_linac();
    rig.mute.push((id, bus));
    rig
}

#[test]
fn holds_every_frame_that_is_three_periods_old() {
    verifies(Requirement::BusTrusted);
    for (id, bus, _, millis, _) in HEARD {
        let mut rig = aging(id, bus, &machine());
        rig.run(ms(millis));
        rig.holds();
    }
}

#[test]
fn trips_over_every_frame_that_is_older() {
    verifies(Requirement::BusTrusted);
    for (id, bus, monitor, millis, fault) in HEARD {
        let mut rig = aging(id, bus, &machine());
        rig.run(ms(millis));
        rig.now = rig.now.after(NANO);
        rig.tick();
        let report = rig.trips(fault);
        assert_eq!((report.monitor, report.bus), (monitor, Some(bus)), "{id:#x}");
    }
    let on_b = Machine { linac_bus: Bus::B, ..machine() };
    let mut rig = aging(LINAC_STATUS, Bus::B, &on_b);
    rig.run(ms(151));
    rig.now = rig.now.after(NANO);
    rig.tick();
    rig.run(ms(5));
    assert_eq!(rig.trips(Fault::StatusStale).bus, Some(Bus::B));
}

#[test]
fn holds_a_single_bus_for_all() {
    verifies(Requirement::BusTrusted);
    let single = Machine { single_bus: true, ..machine() };
    let mut rig = Rig::delivering(WHO, &single);
    rig.pulses(5);
    rig.holds();
    assert_eq!(rig.permit().lease, 6);
}

#[test]
fn trips_over_every_frame_that_proves_nothing() {
    verifies(Requirement::BusTrusted);
    for (id, bus, monitor, ..) in HEARD {
        let mut rig = Rig::armed(WHO, &machine());
        rig.frame(bus, Frame { id, length: 6, data: [0; 8] });
        let report = rig.trips(Fault::Length);
        assert_eq!((report.monitor, report.bus), (monitor, Some(bus)), "{id:#x}");
    }
}

#[test]
fn trips_over_every_value_that_has_no_name() {
    verifies(Requirement::BusTrusted);
    for (id, bus, monitor, ..) in HEARD.into_iter().filter(|(id, ..)| *id != MON1_DOSE && *id != MON2_DOSE) {
        let mut rig = Rig::armed(WHO, &machine());
        let unnamed = protect(id, rig.alive(id, bus), 15, [0; 6]);
        rig.frame(bus, unnamed);
        let report = rig.trips(Fault::UnnamedValue);
        assert_eq!((report.monitor, report.bus), (monitor, Some(bus)), "{id:#x}");
    }
}

#[test]
fn holds_repeats_of_every_frame() {
    verifies(Requirement::BusTrusted);
    let mut rig = Rig::delivering(WHO, &machine());
    rig.run(ms(50));
    let frames = [
        (Bus::A, rig.chambers[0].encode(MON1_DOSE, 3)),
        (Bus::B, rig.chambers[1].encode(MON2_DOSE, 3)),
        (Bus::A, rig.gate.encode(3)),
        (Bus::A, rig.linac.encode(3)),
        (Bus::A, rig.statuses[0].encode(MON1_STATUS, 3)),
        (Bus::B, rig.statuses[1].encode(MON2_STATUS, 3)),
    ];
    let mut rig = Rig::deaf(WHO, &machine());
    for (bus, frame) in frames {
        rig.frame(bus, frame);
        rig.frame(bus, frame);
    }
    rig.holds();
    let counts = rig.guard.common().counts;
    assert_eq!((counts.fresh, counts.repeated, counts.distrusted), (6, 6, 0));
}

#[test]
fn trips_over_a_monitor_on_the_other_monitors_bus() {
    verifies(Requirement::BusTrusted);
    for (id, bus) in [(MON1_DOSE, Bus::B), (MON1_STATUS, Bus::B), (MON2_DOSE, Bus::A), (MON2_STATUS, Bus::A)] {
        let mut rig = Rig::armed(WHO, &machine());
        rig.frame(bus, protect(id, 0, 1, [0; 6]));
        assert_eq!(rig.trips(Fault::SwappedBuses).bus, Some(bus));
        assert_eq!(rig.guard.common().counts.distrusted, 1);
    }
}

#[test]
fn holds_the_linac_of_the_other_bus_and_foreign_frames_for_nothing() {
    verifies(Requirement::BusTrusted);
    for (machine, other) in [(machine(), Bus::B), (Machine { linac_bus: Bus::B, ..machine() }, Bus::A)] {
        let mut rig = Rig::armed(WHO, &machine);
        rig.frame(other, Frame { id: LINAC_STATUS, length: 2, data: [0; 8] });
        rig.frame(other, Frame { id: 0x7FF, length: 2, data: [0; 8] });
        rig.run(ms(500));
        rig.holds();
    }
}

#[test]
fn trips_over_a_chamber_that_lies() {
    verifies(Requirement::ChamberHonest);
    for (monitor, bus) in [(1_usize, Bus::A), (2, Bus::B)] {
        let mut rig = Rig::delivering(WHO, &machine());
        rig.pulses(2);
        rig.forget();
        rig.count_and_tell(monitor, 1, 2 * PULSE[monitor - 1] + 1);
        let report = rig.trips(Fault::PulseHigh);
        assert_eq!((usize::from(report.monitor), report.bus, report.pulses), (monitor, Some(bus), 2));
    }
}

#[test]
fn what_is_silent_at_rest_is_no_fault_and_stands_against_a_beam() {
    for (id, bus, _, _, fault) in HEARD {
        let mut rig = Rig::new(WHO, &machine());
        rig.mute.push((id, bus));
        rig.run(ms(300));
        rig.holds();
        let standing = rig.notes.iter().rev().find_map(|note| match note {
            Note::Health { standing, .. } => Some(*standing),
            _ => None,
        });
        assert_eq!(standing, Some(FaultSet::EMPTY.with(fault)), "{id:#x}");
    }
    // where there is one bus, nobody waits for the gate on the other
    for single_bus in [false, true] {
        let mut rig = Rig::new(WHO, &Machine { single_bus, ..machine() });
        rig.run(ms(300));
        let healthy = |note: &&Note| matches!(note, Note::Health { standing, .. } if standing.is_empty());
        assert!(rig.notes.iter().any(|note| healthy(&note)));
        assert!(!rig.notes.iter().any(|note| matches!(note, Note::Health { .. }) && !healthy(&note)));
    }
}
