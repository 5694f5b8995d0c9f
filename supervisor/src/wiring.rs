//! Who hears what on which bus. The same table sets the kernel's filters, the simulated bus and the rings.

use beam_core::frame::Bus;
use beam_core::guard::Guard;
use beam_core::machine::Machine;
use beam_core::note::Command;
use beam_core::record::Record;
use beam_core::wire::{self, BEAM_CHARGE, GATE_STATUS, LINAC_STATUS, MON1_STATUS, MON2_STATUS};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::hot::Seat;

/// Records that a guard's ring holds: seconds of the fastest machine.
const RECORDS: usize = 8192;
/// Commands that a guard's ring holds.
const COMMANDS: usize = 64;

/// The bus that `who` sends its permit on.
#[must_use]
pub const fn permit_bus(who: wire::Guard, machine: &Machine) -> Bus {
    match who {
        wire::Guard::Dose1 | wire::Guard::Time => Bus::A,
        wire::Guard::Dose2 | wire::Guard::Interlock => machine.second_bus(),
    }
}

/// The identifiers that `who` hears on `bus`; its own permit is among them, for its echo and for impostors.
#[must_use]
pub fn hears(who: wire::Guard, bus: Bus, machine: &Machine) -> Vec<u16> {
    let (first, second) = (machine.dose_id(1), machine.dose_id(2));
    let mut ids: Vec<u16> = match (who, bus) {
        (wire::Guard::Dose1, Bus::A) => vec![GATE_STATUS, first],
        (wire::Guard::Dose2, Bus::B) => vec![GATE_STATUS, second],
        (wire::Guard::Dose2, Bus::A) if machine.single_bus => vec![GATE_STATUS, second],
        (wire::Guard::Time, Bus::A) if machine.single_bus => vec![GATE_STATUS, first, second],
        (wire::Guard::Time, Bus::A) => vec![GATE_STATUS, first],
        (wire::Guard::Time, Bus::B) => vec![second],
        // both monitors' identifiers on both buses: swapped cables are a fault of their own
        (wire::Guard::Interlock, _) => vec![GATE_STATUS, first, second, MON1_STATUS, MON2_STATUS],
        (wire::Guard::Dose1, Bus::B) | (wire::Guard::Dose2, Bus::A) => vec![],
    };
    if machine.single_bus && bus == Bus::B {
        return vec![];
    }
    if bus == machine.linac_bus && matches!(who, wire::Guard::Time | wire::Guard::Interlock) {
        ids.push(LINAC_STATUS);
    }
    if who == wire::Guard::Interlock && machine.beam_charge.is_some_and(|sensor| sensor.bus == bus) {
        ids.push(BEAM_CHARGE);
    }
    if bus == permit_bus(who, machine) {
        ids.push(who.permit_id());
    }
    ids
}

/// The other ends of a guard's rings.
pub struct Line {
    /// Commands to the guard.
    pub commands: Producer<Command>,
    /// Records from the guard.
    pub records: Consumer<Record>,
}

/// Four guards at rest and the other ends of their rings, in the order of [`wire::Guard::ALL`].
#[must_use]
pub fn seat_guards(machine: &Machine) -> ([Seat; 4], [Line; 4]) {
    let pairs = wire::Guard::ALL.map(|who| {
        let (commands, to_guard) = RingBuffer::new(COMMANDS);
        let (from_guard, records) = RingBuffer::new(RECORDS);
        let seat = Seat::new(Guard::new(who, machine), permit_bus(who, machine), to_guard, from_guard);
        (seat, Line { commands, records })
    });
    let [(s1, l1), (s2, l2), (s3, l3), (s4, l4)] = pairs;
    ([s1, s2, s3, s4], [l1, l2, l3, l4])
}
