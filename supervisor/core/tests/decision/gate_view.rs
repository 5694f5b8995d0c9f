//! The gate as its reports on the two buses show it: which count is final for which bus, until when, and what is above it.
//! A gate that begins anew, and two reports that contradict each other, are tried in `gate_view_doubt`.

use beam_core::fault::Fault;
use beam_core::frame::{Bus, Frame, Origin};
use beam_core::gate_view::{GateView, Report};
use beam_core::machine::Machine;
use beam_core::note::FrameCounts;
use beam_core::proving::EVERY_GUARD;
use beam_core::requirement::Requirement;
use beam_core::units::Ticks;
use beam_core::wire::{CloseCause, GateState, GateStatus};

use crate::kit::{NANO, at, gate, machine, ms, verifies};

pub const CLOSED: GateState = GateState::Closed;
pub const OPEN: GateState = GateState::Open;
pub const LATCHED: GateState = GateState::Latched;
pub const BUSES: [Bus; 2] = [Bus::A, Bus::B];

/// A gate that shows this, for no cause.
pub const fn shows(state: GateState, pulses: u32) -> GateStatus {
    gate(state, CloseCause::None, pulses)
}

/// A gate on which all guards' permits are withheld.
pub const fn withheld(pulses: u32) -> GateStatus {
    GateStatus { closed_by: EVERY_GUARD, ..gate(CLOSED, CloseCause::PermitWithheld, pulses) }
}

/// The view of a guard, the time, and the counters of the gate's frames.
pub struct View {
    pub view: GateView,
    pub now: Ticks,
    alive: [u8; 2],
    permit_given: bool,
    counts: FrameCounts,
}

impl View {
    pub fn of(machine: &Machine) -> Self {
        Self {
            view: GateView::new(machine),
            now: at(1000),
            alive: [0; 2],
            permit_given: true,
            counts: FrameCounts::default(),
        }
    }

    /// A delivery under way: both buses have shown the gate open at 5 pulses while the permit is given.
    pub fn open() -> Self {
        let mut view = Self::of(&machine());
        view.both(withheld(0));
        view.view.permit_again();
        view.both(shows(OPEN, 5));
        view
    }

    fn frame(&mut self, bus: Bus, status: GateStatus) -> Frame {
        let alive = &mut self.alive[usize::from(bus == Bus::B)];
        *alive = (*alive + 1) % 15;
        status.encode(*alive)
    }

    /// Five milliseconds later the gate says this on one bus.
    pub fn hear(&mut self, bus: Bus, status: GateStatus) -> Report {
        self.now = self.now.after(ms(5));
        let frame = self.frame(bus, status);
        let heard = self.view.hear(self.now, (bus, Origin::Wire), &frame, self.permit_given, &mut self.counts);
        heard.expect("a good frame").expect("no repeat")
    }

    pub fn both(&mut self, status: GateStatus) {
        for bus in BUSES {
            let _news = self.hear(bus, status);
        }
    }

    fn finals(&self) -> [Option<u32>; 2] {
        BUSES.map(|bus| self.view.final_count(bus))
    }

    fn fired(&self, spare: u32) -> Option<(Fault, Option<Bus>, i64, i64)> {
        let report = BUSES.into_iter().find_map(|bus| self.view.fired_after_closing(bus, spare))?;
        Some((report.fault, report.bus, report.measured, report.limit))
    }
}

#[test]
fn holds_the_count_of_the_first_report_that_is_not_open_for_final() {
    verifies(Requirement::BeamUnasked);
    for closing in [CLOSED, LATCHED] {
        let mut view = View::open();
        view.permit_given = false;
        assert_eq!((view.finals(), view.view.has_closed(), view.view.closed_at()), ([None; 2], false, None));
        view.both(shows(closing, 6));
        assert_eq!((view.finals(), view.view.has_closed()), ([Some(6); 2], true));
        let closed_at = view.view.closed_at();
        assert_eq!(closed_at, Some(view.now), "the later of both buses");
        assert_eq!(view.fired(0), None);
        view.both(shows(closing, 6));
        assert_eq!((view.finals(), view.view.closed_at()), ([Some(6); 2], closed_at));
    }
}

#[test]
fn holds_no_count_for_final_before_the_gate_was_open() {
    verifies(Requirement::BeamUnasked);
    let mut view = View::of(&machine());
    view.both(withheld(0));
    view.both(shows(CLOSED, 3));
    assert_eq!((view.finals(), view.view.has_closed(), view.fired(0)), ([None; 2], false, None));
}

#[test]
fn holds_each_bus_to_its_own_final_count_and_the_gate_to_the_smaller_one() {
    verifies(Requirement::BeamUnasked);
    for (first, second) in [(6, 7), (7, 6)] {
        let mut view = View::open();
        view.permit_given = false;
        let _news = view.hear(Bus::A, shows(CLOSED, first));
        let _news = view.hear(Bus::B, shows(CLOSED, second));
        assert_eq!(view.finals(), [Some(first), Some(second)]);
        let above = if first > second { Bus::A } else { Bus::B };
        assert_eq!(view.fired(0), Some((Fault::PulsesWhileClosed, Some(above), 7, 6)));
        assert_eq!(view.fired(1), None, "one further pulse is lawful in a beam hold");
    }
}

#[test]
fn trips_at_once_over_a_count_of_the_gate_above_the_final_one() {
    verifies(Requirement::BeamUnasked);
    for bus in BUSES {
        let mut view = View::open();
        view.permit_given = false;
        view.both(shows(CLOSED, 6));
        let _news = view.hear(bus, shows(CLOSED, 7));
        assert_eq!(view.fired(0), Some((Fault::PulsesWhileClosed, Some(bus), 7, 6)));
        assert_eq!(view.fired(1), None);
        let _news = view.hear(bus, shows(CLOSED, 8));
        assert_eq!(view.fired(1), Some((Fault::PulsesWhileClosed, Some(bus), 8, 7)));
        assert_eq!(view.finals(), [Some(6); 2], "what comes later moves no final count");
    }
}

#[test]
fn holds_a_bus_that_was_not_heard_since_to_the_count_of_the_other() {
    verifies(Requirement::BeamUnasked);
    for (heard, away) in [(Bus::A, Bus::B), (Bus::B, Bus::A)] {
        let mut view = View::open();
        view.permit_given = false;
        let _news = view.hear(heard, shows(CLOSED, 6));
        assert_eq!(view.finals(), [Some(6); 2]);
        assert_eq!((view.view.closed_at(), view.fired(0)), (Some(view.now), None));
        // a bus that shows an open gate later speaks for itself
        let _news = view.hear(away, shows(OPEN, 7));
        assert_eq!((view.view.final_count(heard), view.view.final_count(away)), (Some(6), None));
        assert_eq!((view.view.closed_at(), view.view.has_closed(), view.fired(0)), (None, true, None));
        // and is closed with its own count
        let _news = view.hear(away, shows(CLOSED, 7));
        assert_eq!((view.view.final_count(heard), view.view.final_count(away)), (Some(6), Some(7)));
        // one that was not open before takes the other's count for as long as it tells of no closing of its own
        let mut late = View::of(&machine());
        let _news = late.hear(heard, shows(OPEN, 5));
        let _news = late.hear(heard, shows(CLOSED, 5));
        let _news = late.hear(away, shows(CLOSED, 6));
        assert_eq!(late.finals(), [Some(5); 2]);
        assert_eq!(late.fired(0), Some((Fault::PulsesWhileClosed, Some(away), 6, 5)));
    }
}

#[test]
fn trips_over_a_gate_that_counts_on_from_a_count_that_fell_and_holds_the_chambers_limit() {
    verifies(Requirement::BeamUnasked);
    for bus in BUSES {
        let mut view = View::open();
        view.permit_given = false;
        view.both(shows(CLOSED, 6));
        assert!(view.hear(bus, shows(CLOSED, 2)).restarted);
        assert_eq!(view.finals(), [Some(6); 2], "chambers may count what was fired");
        assert_eq!(view.fired(0), None, "the other bus has not told of the fall yet");
        let _news = view.hear(bus, shows(CLOSED, 3));
        assert_eq!(view.fired(0), Some((Fault::PulsesWhileClosed, Some(bus), 3, 2)), "the gate itself may not");
    }
    // a closing report whose count has fallen: the chambers' limit is the largest count of before
    let mut view = View::open();
    view.permit_given = false;
    for bus in BUSES {
        assert!(view.hear(bus, shows(CLOSED, 3)).restarted);
    }
    assert_eq!((view.finals(), view.fired(0)), ([Some(5); 2], None));
    let _news = view.hear(Bus::A, shows(CLOSED, 4));
    assert_eq!(view.fired(0), Some((Fault::PulsesWhileClosed, Some(Bus::A), 4, 3)));
}

#[test]
fn holds_a_final_count_until_the_permit_is_given_again_or_another_id_is_offered() {
    verifies(Requirement::BeamUnasked);
    let ends: [fn(&mut GateView); 2] = [GateView::permit_again, GateView::offer];
    for end in ends {
        let mut view = View::open();
        view.permit_given = false;
        view.both(shows(CLOSED, 6));
        view.both(shows(OPEN, 6));
        assert_eq!(view.finals(), [Some(6); 2], "an open gate without our permit does not end it");
        end(&mut view.view);
        assert_eq!((view.finals(), view.view.has_closed()), ([None; 2], false));
    }
}

#[test]
fn holds_a_final_count_while_the_permit_is_given_until_that_bus_shows_the_gate_open() {
    verifies(Requirement::BeamUnasked);
    let mut view = View::open();
    view.both(shows(CLOSED, 6));
    assert_eq!(view.finals(), [Some(6); 2], "a hold");
    let _news = view.hear(Bus::A, shows(OPEN, 6));
    assert_eq!(view.finals(), [None, Some(6)]);
    let _news = view.hear(Bus::B, shows(OPEN, 6));
    assert_eq!(view.finals(), [None; 2]);
    view.both(shows(CLOSED, 9));
    assert_eq!(view.finals(), [Some(9); 2], "the second hold of one delivery is as the first");
}

#[test]
fn holds_a_second_delivery_to_its_own_counts() {
    verifies(Requirement::BeamUnasked);
    let mut view = View::open();
    view.permit_given = false;
    view.both(shows(CLOSED, 6));
    view.view.offer();
    view.both(withheld(0));
    assert_eq!((view.finals(), view.fired(0)), ([None; 2], None), "an offer closes nothing");
    view.view.permit_again();
    view.permit_given = true;
    view.both(shows(OPEN, 2));
    view.permit_given = false;
    view.both(shows(CLOSED, 3));
    assert_eq!(view.finals(), [Some(3); 2], "the 6 pulses of the first one are forgotten");
    // one that is still open when another id is offered closes nothing of that one
    let mut closes = View::open();
    closes.view.offer();
    closes.both(withheld(0));
    assert_eq!((closes.finals(), closes.view.has_closed()), ([None; 2], false));
    // also where the gate goes on counting, because it does not hold the new id yet
    let mut held = View::open();
    held.permit_given = false;
    held.both(shows(OPEN, 9));
    held.view.offer();
    held.both(shows(OPEN, 4));
    held.view.permit_again();
    held.both(shows(CLOSED, 4));
    assert_eq!(held.finals(), [Some(4); 2]);
}

#[test]
fn holds_an_open_gate_at_a_renewed_permit_for_one_that_may_close() {
    verifies(Requirement::BeamUnasked);
    let mut view = View::open();
    view.view.permit_again();
    view.both(shows(CLOSED, 6));
    assert_eq!(view.finals(), [Some(6); 2]);
    // a gate that is closed at a renewed permit tells of no closing
    view.view.permit_again();
    view.both(shows(CLOSED, 7));
    assert_eq!((view.finals(), view.fired(0)), ([None; 2], None));
}

#[test]
fn holds_what_a_person_has_acknowledged_and_trips_over_more() {
    verifies(Requirement::Latched);
    let mut view = View::open();
    view.permit_given = false;
    view.both(shows(CLOSED, 6));
    view.both(shows(CLOSED, 8));
    view.view.acknowledge(7);
    assert_eq!((view.finals(), view.fired(0)), ([Some(8); 2], None), "a count of the gate is told at once");
    let _news = view.hear(Bus::B, shows(CLOSED, 9));
    assert_eq!(view.fired(0), Some((Fault::PulsesWhileClosed, Some(Bus::B), 9, 8)));
    let mut apart = View::open();
    apart.permit_given = false;
    apart.both(shows(CLOSED, 6));
    let _news = apart.hear(Bus::B, shows(CLOSED, 7));
    assert_eq!(apart.fired(0), Some((Fault::PulsesWhileClosed, Some(Bus::B), 7, 6)));
    apart.view.acknowledge(0);
    assert_eq!(apart.fired(0), None, "one more on one bus than on the other");
    let mut less = View::open();
    less.permit_given = false;
    less.both(shows(CLOSED, 6));
    less.view.acknowledge(2);
    assert_eq!(less.finals(), [Some(6); 2], "it never lowers a limit");
    let mut open = View::open();
    open.view.acknowledge(2);
    assert_eq!(open.finals(), [None; 2]);
}

#[test]
fn holds_the_later_report_and_the_smaller_count_of_both_buses() {
    verifies(Requirement::PulseByPulse);
    let mut view = View::of(&machine());
    assert_eq!((view.view.latest(), view.view.least_pulses(), view.view.is_open()), (None, None, false));
    let _news = view.hear(Bus::B, shows(OPEN, 4));
    assert_eq!((view.view.latest(), view.view.least_pulses()), (Some(shows(OPEN, 4)), None), "bus A is unheard");
    assert!(view.view.is_open(), "in doubt there is beam");
    let _news = view.hear(Bus::A, shows(CLOSED, 3));
    assert_eq!((view.view.latest(), view.view.least_pulses()), (Some(shows(CLOSED, 3)), Some(3)));
    let _news = view.hear(Bus::B, shows(CLOSED, 2));
    assert_eq!((view.view.latest(), view.view.least_pulses()), (Some(shows(CLOSED, 2)), Some(2)));
    assert_eq!((view.view.is_open(), view.view.status(Bus::A)), (false, Some(shows(CLOSED, 3))));
    let mut single = View::of(&Machine { single_bus: true, ..machine() });
    let _news = single.hear(Bus::A, shows(OPEN, 4));
    assert_eq!((single.view.least_pulses(), single.view.hearings().count()), (Some(4), 1));
    assert_eq!(view.view.hearings().count(), 2);
}

#[test]
fn holds_a_clock_for_running_on_every_other_report_of_an_open_gate() {
    verifies(Requirement::BeamUnasked);
    let clock = |beam_on_centiseconds| GateStatus { beam_on_centiseconds, ..shows(OPEN, 5) };
    let mut view = View::open();
    assert!(!view.view.clock_runs(view.now), "it never went on");
    let _news = view.hear(Bus::B, clock(1));
    let went_on = view.now;
    let _news = view.hear(Bus::B, clock(1));
    assert!(view.view.clock_runs(went_on.after(ms(20))), "four periods");
    assert!(!view.view.clock_runs(went_on.after(ms(20)).after(NANO)));
    let _news = view.hear(Bus::B, GateStatus { state: CLOSED, ..clock(2) });
    assert!(!view.view.clock_runs(view.now), "a bus that shows it closed");
}

#[test]
fn holds_a_repeat_for_nothing_and_trips_over_what_proves_nothing() {
    verifies(Requirement::BusTrusted);
    let mut view = View::open();
    let frame = view.frame(Bus::A, shows(OPEN, 6));
    let mut counts = FrameCounts::default();
    let mut hear = |frame: &Frame, origin| view.view.hear(at(2000), (Bus::A, origin), frame, true, &mut counts);
    assert!(hear(&frame, Origin::Wire).expect("good").is_some_and(|report| report.is_news));
    assert_eq!(hear(&frame, Origin::Wire), Ok(None));
    assert_eq!(hear(&frame, Origin::Local).map_err(|it| it.fault), Err(Fault::LocalChamber));
    let short = Frame { length: 3, ..frame };
    assert_eq!(hear(&short, Origin::Wire).map_err(|it| it.fault), Err(Fault::Length));
    let news = view.hear(Bus::B, GateStatus { beam_on_centiseconds: 9, ..shows(OPEN, 5) });
    assert!(!news.is_news, "a clock that goes on is none");
    assert!(view.hear(Bus::B, shows(OPEN, 6)).is_news);
}

#[test]
fn holds_a_closing_by_the_linac_itself_for_a_hold() {
    verifies(Requirement::Operator);
    let is_hold = |state, cause| GateView::is_hold(&gate(state, cause, 0));
    assert!(is_hold(CLOSED, CloseCause::None) && is_hold(CLOSED, CloseCause::HardwareInterlock));
    assert!(!is_hold(OPEN, CloseCause::None) && !is_hold(LATCHED, CloseCause::HardwareInterlock));
    for cause in [CloseCause::PermitStale, CloseCause::PermitWithheld, CloseCause::LeaseUsed] {
        assert!(!is_hold(CLOSED, cause), "{cause:?}");
    }
}
