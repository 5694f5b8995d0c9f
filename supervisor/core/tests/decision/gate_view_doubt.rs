//! A gate that lost the delivery it held, which its count or its state betrays, and reports on the two buses that contradict
//! each other.

use beam_core::fault::Fault;
use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::note::FaultReport;
use beam_core::proving::EVERY_GUARD;
use beam_core::requirement::Requirement;
use beam_core::wire::{CloseCause, GateStatus};

use crate::gate_view::{BUSES, CLOSED, LATCHED, OPEN, View, shows, withheld};
use crate::kit::{NANO, at, gate, machine, ms, verifies};

#[test]
fn trips_a_gate_that_lost_its_delivery() {
    verifies(Requirement::BeamUnasked);
    for bus in BUSES {
        let mut view = View::open();
        assert!(view.hear(bus, shows(OPEN, 4)).restarted, "a count that falls, also while it is open");
        let mut view = View::open();
        view.both(shows(LATCHED, 5));
        assert!(view.hear(bus, shows(CLOSED, 5)).restarted, "no longer latched, without an act of ours");
        let mut view = View::of(&machine());
        view.view.offer();
        view.both(withheld(0));
        view.view.permit_again();
        let forgets = GateStatus { closed_by: EVERY_GUARD, ..gate(CLOSED, CloseCause::DeliveryMismatch, 0) };
        assert!(view.hear(bus, forgets).restarted, "the id that it had taken up is no longer the one that it holds");
        assert!(!view.hear(bus, forgets).restarted, "told once");
    }
}

#[test]
fn trips_a_restart_at_rest_behind_a_take_up_that_let_the_count_fall_once() {
    verifies(Requirement::BeamUnasked);
    let mut view = View::open();
    view.both(shows(LATCHED, 5));
    view.view.offer();
    let told = view.hear(Bus::A, withheld(0));
    assert!(!told.restarted, "the take-up releases and counts from 0");
    let mut news = view.hear(Bus::A, shows(CLOSED, 3));
    assert!(!news.restarted);
    news = view.hear(Bus::A, shows(CLOSED, 2));
    assert!(news.restarted, "it may fall once, not twice");
    // on a bus that did not yet show the take-up, the fall is still lawful
    assert!(!view.hear(Bus::B, withheld(0)).restarted);
    // a permit ends the leave to fall
    let mut view = View::open();
    view.view.offer();
    view.view.permit_again();
    assert!(view.hear(Bus::B, shows(OPEN, 0)).restarted);
}

#[test]
fn holds_a_gate_that_is_closed_on_another_id_before_it_took_ours_up() {
    verifies(Requirement::BeamUnasked);
    let mismatch = GateStatus { closed_by: EVERY_GUARD, ..gate(CLOSED, CloseCause::DeliveryMismatch, 0) };
    let mut view = View::of(&machine());
    view.view.offer();
    assert!(!view.hear(Bus::A, mismatch).restarted);
    assert!(!view.hear(Bus::A, mismatch).restarted);
    // while a new id is offered, the old one may be let go
    let mut view = View::of(&machine());
    view.view.offer();
    view.both(withheld(0));
    view.view.offer();
    assert!(!view.hear(Bus::A, mismatch).restarted);
    // the take-up of the last id is none of the next
    let mut view = View::of(&machine());
    view.view.offer();
    view.both(withheld(0));
    view.view.offer();
    view.view.permit_again();
    assert!(!view.hear(Bus::A, mismatch).restarted);
    // one guard's mismatch, or another cause, is none of all
    let mut view = View::of(&machine());
    view.view.offer();
    view.both(withheld(0));
    view.view.permit_again();
    assert!(!view.hear(Bus::A, GateStatus { closed_by: 7, ..mismatch }).restarted);
    assert!(!view.hear(Bus::A, GateStatus { cause: CloseCause::PermitStale, ..mismatch }).restarted);
    assert!(view.hear(Bus::A, mismatch).restarted);
    // a gate that withholds by three, or has counted, has not taken it up
    for status in [GateStatus { closed_by: 7, ..withheld(0) }, withheld(1), shows(CLOSED, 0)] {
        let mut view = View::of(&machine());
        view.both(status);
        view.view.permit_again();
        let mismatch = GateStatus { pulses: status.pulses, ..mismatch };
        assert!(!view.hear(Bus::A, mismatch).restarted, "{status:?}");
    }
}

/// How two reports contradict each other: what is said at 25 ms and a nanosecond later, and 20 ms before.
fn contradiction(on_a: GateStatus, on_b: GateStatus) -> Option<FaultReport> {
    let mut view = View::open();
    let _news = view.hear(Bus::A, on_a);
    let _news = view.hear(Bus::B, on_b);
    let began = view.now;
    assert_eq!(view.view.contradicts_itself(began), None);
    assert_eq!(view.view.contradicts_itself(began.after(ms(25))), None, "stale-after");
    view.view.contradicts_itself(began.after(ms(25)).after(NANO))
}

#[test]
fn trips_over_two_reports_that_contradict_each_other_for_longer_than_stale_after() {
    verifies(Requirement::BeamUnasked);
    let told = |report: Option<FaultReport>| report.map(|it| (it.fault, it.measured, it.limit));
    let found = Some((Fault::GateContradiction, 25_000_001, 25_000_000));
    assert_eq!(told(contradiction(shows(OPEN, 5), shows(CLOSED, 5))), found);
    assert_eq!(told(contradiction(shows(LATCHED, 5), shows(OPEN, 5))), found);
    // clocks: 25 ms and two steps of the clock are 45 ms
    let clock = |beam_on_centiseconds| GateStatus { beam_on_centiseconds, ..shows(OPEN, 5) };
    for (one, other) in [(100, 105), (105, 100), (65_533, 2)] {
        assert_eq!(told(contradiction(clock(one), clock(other))), found, "{one} and {other}");
    }
}

#[test]
fn holds_reports_that_agree_or_meet_in_between() {
    verifies(Requirement::BeamUnasked);
    let clock = |beam_on_centiseconds| GateStatus { beam_on_centiseconds, ..shows(OPEN, 5) };
    assert_eq!(contradiction(shows(CLOSED, 5), shows(LATCHED, 9)), None, "neither is open");
    for (one, other) in [(100, 104), (104, 100), (65_534, 2)] {
        assert_eq!(contradiction(clock(one), clock(other)), None, "{one} and {other}");
    }
    let mut view = View::open();
    let _news = view.hear(Bus::A, shows(CLOSED, 5));
    assert_eq!(view.view.contradicts_itself(at(2000)), None);
    let _news = view.hear(Bus::B, shows(CLOSED, 5));
    assert_eq!(view.view.contradicts_itself(at(2020)), None);
    let _news = view.hear(Bus::B, shows(OPEN, 5));
    assert_eq!(view.view.contradicts_itself(at(2025)), None);
    assert_eq!(view.view.contradicts_itself(at(2050)), None, "it begins anew");
    assert!(view.view.contradicts_itself(at(2050).after(NANO)).is_some());
    // one bus alone contradicts nobody
    let mut single = View::of(&Machine { single_bus: true, ..machine() });
    let _news = single.hear(Bus::A, shows(OPEN, 5));
    let _news = single.hear(Bus::B, shows(CLOSED, 5));
    let mut deaf = View::of(&machine());
    let _news = deaf.hear(Bus::A, shows(OPEN, 5));
    for view in [&mut single, &mut deaf] {
        assert_eq!(view.view.contradicts_itself(at(2000)), None);
        assert_eq!(view.view.contradicts_itself(at(9000)), None);
    }
}
