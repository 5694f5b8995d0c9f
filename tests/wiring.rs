//! Who hears what on which bus. A frame that is filtered away before a guard is missed by nobody until it matters, so the
//! whole table is written down here once more, from the bus contract: a dose guard hears its own bus; the time guard hears
//! the gate, the linac and, for the sign of a pulse, both monitors; the interlock guard hears everything, each monitor on
//! both buses, because swapped cables are a fault. Each hears its own permit, for its echo and for impostors.

use beam_core::frame::Bus;
use beam_core::machine::{BeamChargeSensor, Machine};
use beam_core::requirement::Requirement;
use beam_core::units::Charge;
use beam_core::wire::Guard::{self, Dose1, Dose2, Interlock, Time};
use beam_core::wire::{
    BEAM_CHARGE, GATE_STATUS, LINAC_STATUS, MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS, PERMIT_DOSE1, PERMIT_DOSE2,
    PERMIT_INTERLOCK, PERMIT_TIME,
};
use beam_supervisor::wiring::{hears, permit_bus};
use beam_tests::{Trial, verifies};

/// A guard, and what it hears on bus A and on bus B.
type Row<'t> = (Guard, &'t [u16], &'t [u16]);

/// Every frame of both monitors and the gate.
const UNIT: [u16; 5] = [GATE_STATUS, MON1_DOSE, MON2_DOSE, MON1_STATUS, MON2_STATUS];

fn sorted(mut ids: Vec<u16>) -> Vec<u16> {
    ids.sort_unstable();
    ids
}

#[track_caller]
fn hear(machine: &Machine, table: [Row<'_>; 4]) {
    for (guard, on_a, on_b) in table {
        for (bus, expected) in [(Bus::A, on_a), (Bus::B, on_b)] {
            let heard = sorted(hears(guard, bus, machine));
            assert_eq!(heard, sorted(expected.to_vec()), "{} on bus {bus:?}", guard.name());
        }
    }
}

#[test]
fn trips_on_nothing_that_is_filtered_away_on_two_buses() {
    verifies(Requirement::BusTrusted);
    let machine = Trial::mobile().machine;
    let on = |linac_bus| Machine { linac_bus, single_bus: false, beam_charge: None, ..machine };
    let with = |more: &[u16]| [&UNIT[..], more].concat();
    hear(
        &on(Bus::A),
        [
            (Dose1, &[GATE_STATUS, MON1_DOSE, PERMIT_DOSE1], &[]),
            (Dose2, &[], &[GATE_STATUS, MON2_DOSE, PERMIT_DOSE2]),
            (Time, &[GATE_STATUS, MON1_DOSE, LINAC_STATUS, PERMIT_TIME], &[MON2_DOSE]),
            (Interlock, &with(&[LINAC_STATUS]), &with(&[PERMIT_INTERLOCK])),
        ],
    );
    hear(
        &on(Bus::B),
        [
            (Dose1, &[GATE_STATUS, MON1_DOSE, PERMIT_DOSE1], &[]),
            (Dose2, &[], &[GATE_STATUS, MON2_DOSE, PERMIT_DOSE2]),
            (Time, &[GATE_STATUS, MON1_DOSE, PERMIT_TIME], &[MON2_DOSE, LINAC_STATUS]),
            (Interlock, &with(&[]), &with(&[LINAC_STATUS, PERMIT_INTERLOCK])),
        ],
    );
}

#[test]
fn trips_on_nothing_that_is_filtered_away_on_one_bus() {
    verifies(Requirement::BusTrusted);
    let machine = Machine { linac_bus: Bus::A, single_bus: true, beam_charge: None, ..Trial::mobile().machine };
    let all = [&UNIT[..], &[LINAC_STATUS, PERMIT_INTERLOCK]].concat();
    hear(
        &machine,
        [
            (Dose1, &[GATE_STATUS, MON1_DOSE, PERMIT_DOSE1], &[]),
            (Dose2, &[GATE_STATUS, MON2_DOSE, PERMIT_DOSE2], &[]),
            (Time, &[GATE_STATUS, MON1_DOSE, MON2_DOSE, LINAC_STATUS, PERMIT_TIME], &[]),
            (Interlock, &all, &[]),
        ],
    );
}

#[test]
fn holds_the_sensor_of_the_beams_own_charge_to_its_bus() {
    verifies(Requirement::BusTrusted);
    for (bus, other) in [(Bus::A, Bus::B), (Bus::B, Bus::A)] {
        let sensor = BeamChargeSensor { bus, full_scale: Charge::from_picocoulombs(1) };
        let machine = Machine { beam_charge: Some(sensor), single_bus: false, ..Trial::mobile().machine };
        let heard = |guard, bus| hears(guard, bus, &machine).contains(&BEAM_CHARGE);
        assert!(heard(Interlock, bus) && !heard(Interlock, other));
        assert!([Dose1, Dose2, Time].iter().all(|&guard| !heard(guard, bus) && !heard(guard, other)));
    }
}

#[test]
fn holds_each_permit_to_the_bus_of_its_guard() {
    let machine = Machine { single_bus: false, ..Trial::mobile().machine };
    let buses = Guard::ALL.map(|guard| permit_bus(guard, &machine));
    assert_eq!(buses, [Bus::A, Bus::B, Bus::A, Bus::B]);
    let single = Machine { single_bus: true, ..machine };
    assert_eq!(Guard::ALL.map(|guard| permit_bus(guard, &single)), [Bus::A; 4]);
}
