//! Listening to one identifier: who may speak, what renews the age, what each kind of trouble is.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::{Frame, Origin, Trouble, protect};
use beam_core::hearing::{Heard, Hearing, fault_of, with_if};
use beam_core::machine::Protection;
use beam_core::note::FrameCounts;
use beam_core::requirement::Requirement;

use crate::kit::{NANO, at, ms, verifies};

fn frame(alive: u8) -> Frame {
    protect(0x101, alive, 0, [0; 6])
}

/// An ear that heard counter 0 at 1 s, and its counts.
fn ear() -> (Hearing, FrameCounts) {
    let (mut ear, mut counts) = (Hearing::new(Protection::E2e), FrameCounts::default());
    assert_eq!(ear.hear(at(1000), Origin::Wire, &frame(0), &mut counts), Heard::Fresh);
    (ear, counts)
}

#[test]
fn holds_what_is_new_and_counts_what_was_lost() {
    verifies(Requirement::BusTrusted);
    let (mut ear, mut counts) = ear();
    assert_eq!(ear.hear(at(1010), Origin::Wire, &frame(3), &mut counts), Heard::Fresh);
    assert_eq!(counts, FrameCounts { fresh: 2, lost: 2, repeated: 0, distrusted: 0 });
    assert_eq!(ear.age(at(1015), at(0)), ms(5));
}

#[test]
fn trips_what_was_not_sent_from_the_wire() {
    verifies(Requirement::BusTrusted);
    for origin in [Origin::Local, Origin::Echo] {
        let (mut ear, mut counts) = ear();
        assert_eq!(ear.hear(at(1010), origin, &frame(1), &mut counts), Heard::Fault(Fault::LocalChamber));
        assert_eq!((counts.fresh, counts.distrusted), (1, 1));
        assert_eq!(ear.age(at(1010), at(0)), ms(10), "it renews nothing");
    }
}

#[test]
fn trips_what_proves_nothing_with_its_own_fault() {
    verifies(Requirement::BusTrusted);
    let mut broken = frame(1);
    broken.data[2] ^= 4;
    for (wrong, fault) in [
        (Frame { length: 7, ..frame(1) }, Fault::Length),
        (broken, Fault::Crc),
        (frame(4), Fault::Alive),
        (frame(15), Fault::Alive),
    ] {
        let (mut ear, mut counts) = ear();
        assert_eq!(ear.hear(at(1010), Origin::Wire, &wrong, &mut counts), Heard::Fault(fault));
        assert_eq!((counts.fresh, counts.distrusted), (1, 1));
        assert_eq!(ear.age(at(1010), at(0)), ms(10), "it renews nothing");
    }
}

#[test]
fn trips_to_silence_when_a_frame_is_only_repeated() {
    verifies(Requirement::BusTrusted);
    let (mut ear, mut counts) = ear();
    assert_eq!(ear.hear(at(1010), Origin::Wire, &frame(0), &mut counts), Heard::Repeat);
    assert_eq!((counts.fresh, counts.repeated), (1, 1));
    assert!(!ear.silent(at(1030), ms(30)) && ear.silent(at(1030).after(NANO), ms(30)), "beyond the limit");
}

#[test]
fn holds_frames_without_protection_where_the_profile_says_so() {
    verifies(Requirement::BusTrusted);
    let (mut ear, mut counts) = (Hearing::new(Protection::None), FrameCounts::default());
    let bare = Frame { id: 0x101, length: 8, data: [0; 8] };
    assert_eq!(ear.hear(at(1), Origin::Wire, &bare, &mut counts), Heard::Fresh);
    assert_eq!(ear.hear(at(2), Origin::Wire, &bare, &mut counts), Heard::Fresh, "nothing tells a repeat");
    let short = Frame { length: 7, ..bare };
    assert_eq!(ear.hear(at(3), Origin::Wire, &short, &mut counts), Heard::Fault(Fault::Length));
}

#[test]
fn an_age_counts_from_the_last_frame_or_from_the_start_of_the_watch() {
    let (ear, _) = ear();
    assert_eq!(ear.age(at(1100), at(0)), ms(100));
    assert_eq!(ear.age(at(1100), at(1090)), ms(10), "a watch that begins gives the sender a full age");
    let deaf = Hearing::new(Protection::E2e);
    assert_eq!(deaf.age(at(1100), at(1090)), ms(10));
    assert!(deaf.silent(at(0), ms(30)), "never heard is silent");
}

#[test]
fn each_trouble_of_a_bus_is_a_fault_but_a_warning() {
    let faults = [
        (Trouble::Malformed, Some(Fault::Malformed)),
        (Trouble::BusError, None),
        (Trouble::ErrorWarning, None),
        (Trouble::ErrorPassive, Some(Fault::ErrorPassive)),
        (Trouble::BusOff, Some(Fault::BusOff)),
        (Trouble::ControllerOverrun, Some(Fault::ReceiveOverflow)),
        (Trouble::ReceiveOverflow { lost: 1 }, Some(Fault::ReceiveOverflow)),
        (Trouble::InterfaceDown, Some(Fault::InterfaceDown)),
    ];
    for (trouble, fault) in faults {
        assert_eq!(fault_of(trouble), fault);
    }
    let door = FaultSet::EMPTY.with(Fault::Door);
    assert_eq!(with_if(door, true, Fault::Crc), door.with(Fault::Crc));
    assert_eq!(with_if(door, false, Fault::Crc), door);
}
