//! Checks that more than one guard makes: the age of what it hears, and a monitor's frame on the other monitor's bus.

use crate::fault::Fault;
use crate::frame::Bus;
use crate::guard::nanos;
use crate::hearing::Hearing;
use crate::machine::{Machine, Timing};
use crate::note::FaultReport;
use crate::units::{Span, Ticks};
use crate::wire::{MON1_STATUS, MON2_STATUS};

/// The report that nothing believed came for three periods, counted from `since` at the earliest.
#[must_use]
pub fn stale(ear: &Hearing, now: Ticks, since: Ticks, period: Span, fault: Fault) -> Option<FaultReport> {
    let (age, limit) = (ear.age(now, since), period.times(Timing::STALE_PERIODS));
    (age > limit).then(|| FaultReport::of(fault).measured(nanos(age), nanos(limit)))
}

/// Whether a frame of this identifier has no business on this bus because it is the other monitor's.
#[must_use]
pub const fn swapped(id: u16, machine: &Machine, bus: Bus) -> bool {
    let first = id == machine.dose_id(1) || id == MON1_STATUS;
    let second = id == machine.dose_id(2) || id == MON2_STATUS;
    !machine.single_bus && ((first && matches!(bus, Bus::B)) || (second && matches!(bus, Bus::A)))
}
