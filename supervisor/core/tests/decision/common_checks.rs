//! The age of what is heard, and a monitor on the wrong bus.

use beam_core::common_checks::{stale, swapped};
use beam_core::fault::Fault;
use beam_core::frame::{Bus, Origin, protect};
use beam_core::hearing::{Heard, Hearing};
use beam_core::machine::{Machine, Protection};
use beam_core::note::FrameCounts;
use beam_core::requirement::Requirement;
use beam_core::wire::{GATE_STATUS, LINAC_STATUS, MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS};

use crate::kit::{NANO, at, machine, ms, verifies};

fn heard_at_one_second() -> Hearing {
    let mut ear = Hearing::new(Protection::E2e);
    let frame = protect(MON1_DOSE, 0, 0, [0; 6]);
    assert_eq!(ear.hear(at(1000), Origin::Wire, &frame, &mut FrameCounts::default()), Heard::Fresh);
    ear
}

#[test]
fn holds_for_three_periods() {
    verifies(Requirement::BusTrusted);
    let ear = heard_at_one_second();
    assert_eq!(stale(&ear, at(1030), at(0), ms(10), Fault::DoseStale), None);
    assert_eq!(stale(&ear, at(1090), at(1060), ms(10), Fault::DoseStale), None, "counted from the start of the watch");
}

#[test]
fn trips_a_nanosecond_later() {
    verifies(Requirement::BusTrusted);
    let report = stale(&heard_at_one_second(), at(1030).after(NANO), at(0), ms(10), Fault::DoseStale).unwrap();
    assert_eq!((report.fault, report.measured, report.limit), (Fault::DoseStale, 30_000_001, 30_000_000));
}

#[test]
fn trips_a_monitor_on_the_other_monitors_bus() {
    verifies(Requirement::BusTrusted);
    for id in [MON1_DOSE, MON1_STATUS] {
        assert!(swapped(id, &machine(), Bus::B) && !swapped(id, &machine(), Bus::A));
    }
    for id in [MON2_DOSE, MON2_STATUS] {
        assert!(swapped(id, &machine(), Bus::A) && !swapped(id, &machine(), Bus::B));
    }
}

#[test]
fn holds_everything_on_a_single_bus_and_what_is_no_monitor() {
    verifies(Requirement::BusTrusted);
    let single = Machine { single_bus: true, ..machine() };
    for bus in [Bus::A, Bus::B] {
        for id in [MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS] {
            assert!(!swapped(id, &single, bus));
        }
        assert!(!swapped(GATE_STATUS, &machine(), bus) && !swapped(LINAC_STATUS, &machine(), bus));
    }
    assert_eq!((machine().second_bus(), single.second_bus()), (Bus::B, Bus::A));
}
