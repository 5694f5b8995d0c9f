//! An observer's ends of the buses: they hear what a guard hears, its own permit excepted, and cannot send.

use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::wire::Guard;
use beam_drivers::Listen;
use beam_drivers::observing::ObservingPort;

use crate::crew;
use crate::hot::Ports;

/// Opens the ports of four guards that only observe: `open` is asked once for each bus that a guard hears, with the
/// identifiers that it hears there. No permit is among them: whoever governs the gate sends those, and a guard would take its
/// own identifier from somebody else for an impostor's.
///
/// # Errors
/// The first error of `open`.
pub fn observing_ports<L: Listen, E>(
    machine: &Machine,
    mut open: impl FnMut(Guard, Bus, &[u16]) -> Result<L, E>,
) -> Result<[Ports<ObservingPort<L>>; 4], E> {
    let mut open = |guard: Guard| {
        crew::ports(guard, machine, |bus, ids, _own| {
            let heard: Vec<u16> = ids.iter().copied().filter(|&id| !is_permit(id)).collect();
            open(guard, bus, &heard).map(ObservingPort::new)
        })
    };
    Ok([open(Guard::Dose1)?, open(Guard::Dose2)?, open(Guard::Time)?, open(Guard::Interlock)?])
}

fn is_permit(id: u16) -> bool {
    Guard::ALL.iter().any(|guard| guard.permit_id() == id)
}
