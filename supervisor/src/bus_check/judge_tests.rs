//! Findings about a bus, one by one, and the bus with which nothing is wrong.

use beam_core::frame::{Bus, Frame, Origin, Trouble};
use beam_core::record::Stamps;
use beam_core::units::Ticks;
use beam_core::wire::{GATE_STATUS, MON1_DOSE, MON1_STATUS, MON2_DOSE};
use beam_drivers::Event;

use super::super::expected;
use super::*;
use crate::config::shipped;

const GOOD: InterfaceFacts = InterfaceFacts {
    index: 3,
    up: true,
    bitrate: Some(1_000_000),
    sample_point: Some(750),
    state: Some(ControllerState::ErrorActive),
    restart_after_ms: Some(0),
    errors: Some((0, 0)),
    listen_only: Some(false),
    loopback: Some(false),
    one_shot: Some(false),
    flexible_data: Some(false),
    echoes: true,
};

fn wanted() -> Vec<Expected> {
    expected(&shipped::profile("mobetron").expect("a shipped profile").machine, Bus::A)
}

fn frame(survey: &mut Survey, ms: u64, frame: Frame) {
    let event = Event::Frame { frame, origin: Origin::Wire, stamps: Stamps::NONE };
    survey.take(Ticks::from_nanos(ms * 1_000_000), &event);
}

/// Two seconds of everything that is expected, but for what `leave_out` says of an identifier at a millisecond.
fn survey(leave_out: impl Fn(u16, u64) -> bool) -> Survey {
    let mut survey = Survey { facts: [GOOD; 2], listened: Span::from_secs(2), ..Survey::default() };
    for ms in 0..2000 {
        for Expected { id, period, .. } in wanted() {
            let period = period.nanos() / 1_000_000;
            if ms % period == 0 && !leave_out(id, ms) {
                frame(&mut survey, ms, beam_core::frame::protect(id, (ms / period % 15) as u8, 0, [0; 6]));
            }
        }
    }
    survey
}

fn found(survey: &Survey) -> Vec<String> {
    judge(survey, &wanted()).into_iter().map(|finding| finding.what).collect()
}

fn finds(survey: &Survey, what: &str) {
    let found = found(survey);
    assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
}

#[test]
fn holds_a_bus_with_which_nothing_is_wrong() {
    assert_eq!(found(&survey(|_, _| false)), Vec::<String>::new());
    let ids: Vec<u16> = wanted().iter().map(|frame| frame.id).collect();
    assert!([GATE_STATUS, MON1_DOSE, MON1_STATUS].iter().all(|id| ids.contains(id)) && !ids.contains(&MON2_DOSE));
}

#[test]
fn trips_what_is_set_up_otherwise() {
    let mut slow = survey(|_, _| false);
    slow.facts = [InterfaceFacts { bitrate: Some(500_000), ..GOOD }; 2];
    finds(&slow, "runs at 500000 bit/s");
    assert!(judge(&slow, &wanted())[0].fix.starts_with("set BitRate=1M"));
}

#[test]
fn trips_a_bus_on_which_nothing_is_understood_by_what_its_errors_say() {
    let silent = Survey { facts: [GOOD; 2], listened: Span::from_secs(2), ..Survey::default() };
    finds(&silent, "nothing was heard for 2.0 s");
    let errors = |sent, received| InterfaceFacts { errors: Some((sent, received)), ..GOOD };
    finds(&Survey { facts: [GOOD, errors(0, 96)], ..silent.clone() }, "not one of them is a whole frame");
    finds(&Survey { facts: [errors(128, 0); 2], ..silent.clone() }, "nobody acknowledges");
    let off = InterfaceFacts { state: Some(ControllerState::BusOff), ..GOOD };
    assert!(found(&Survey { facts: [off; 2], ..silent }).iter().any(|what| what.contains("bus-off")));
}

#[test]
fn trips_a_bus_that_is_disturbed_or_lossy() {
    let mut disturbed = survey(|_, _| false);
    disturbed.facts[1].errors = Some((0, 3));
    finds(&disturbed, "errors between them (3 counted at reception");
    let event = |survey: &mut Survey, trouble| survey.take(Ticks::ZERO, &Event::Trouble(trouble));
    let mut lossy = survey(|_, _| false);
    event(&mut lossy, Trouble::ReceiveOverflow { lost: 7 });
    event(&mut lossy, Trouble::ControllerOverrun);
    finds(&lossy, "8 frames were lost");
    let mut foreign = survey(|_, _| false);
    event(&mut foreign, Trouble::Malformed);
    finds(&foreign, "1 frames are no classic data frames");
    let mut down = survey(|_, _| false);
    event(&mut down, Trouble::InterfaceDown);
    finds(&down, "went down");
}

#[test]
fn trips_a_frame_that_is_missing_late_or_another_ones() {
    finds(&survey(|id, _| id == MON1_STATUS), "MON1_STATUS (0x111) is not heard");
    // 30 ms without a reading that comes every 10
    let late = found(&survey(|id, ms| id == MON1_DOSE && (1000..1020).contains(&ms)));
    assert!(late.len() == 2 && late[0].contains("did not come for 30.0 ms"), "{late:?}");
    assert!(late[1].contains("2 frames MON1_DOSE (0x101) are missing by their counter"), "{late:?}");
    let mut swapped = survey(|_, _| false);
    frame(&mut swapped, 5, beam_core::frame::protect(MON2_DOSE, 0, 0, [0; 6]));
    finds(&swapped, "MON2_DOSE (0x102) is heard on this bus");
    let mut unknown = survey(|_, _| false);
    frame(&mut unknown, 5, beam_core::frame::protect(0x7AB, 0, 0, [0; 6]));
    finds(&unknown, "0x7ab is heard, and is none of the bus contract");
}

#[test]
fn trips_two_senders_of_one_identifier_and_a_wrong_protection() {
    let mut twice = survey(|_, _| false);
    frame(&mut twice, 1995, beam_core::frame::protect(GATE_STATUS, 3, 0, [0; 6]));
    finds(&twice, "the counter of GATE_STATUS (0x020) jumped 1 times");
    let mut wrong = survey(|_, _| false);
    let mut broken = beam_core::frame::protect(GATE_STATUS, (1995 / 5 % 15 + 1) as u8 % 15, 0, [0; 6]);
    broken.data[0] ^= 1;
    frame(&mut wrong, 1996, broken);
    finds(&wrong, "are not as the bus contract protects them");
}

#[test]
fn holds_the_permits_of_a_supervisor_that_runs_and_a_load_that_a_bus_bears() {
    let mut running = survey(|_, _| false);
    frame(&mut running, 5, beam_core::frame::protect(Guard::Dose1.permit_id(), 0, 0, [0; 6]));
    assert_eq!(found(&running), Vec::<String>::new());
    assert!((2.0..40.0).contains(&running.load_percent()), "{}", running.load_percent());
    let full = Survey { bits: 1.6e6, ..running };
    finds(&full, "80 % of the bus is used");
}

#[test]
fn trips_a_bus_that_falls_silent_or_begins_late() {
    for (from, to) in [(0, 200), (1800, 2000), (201, 2000)] {
        let silent = found(&survey(|_, ms| (from..to).contains(&ms)));
        assert_eq!(silent.len(), wanted().len() - usize::from(to - from == 200) * slow().len(), "{silent:?}");
        assert!(silent.iter().all(|what| what.contains("did not come for")), "{silent:?}");
    }
    finds(&survey(|id, ms| id == MON1_DOSE && ms > 200), "MON1_DOSE (0x101) did not come for");
    finds(&survey(|id, ms| id == MON1_DOSE && ms != 200), "MON1_DOSE (0x101) did not come for");
}

/// What comes so seldom that a fifth of a second without it is nothing.
fn slow() -> Vec<Expected> {
    wanted().into_iter().filter(|frame| frame.period > Span::from_millis(130)).collect()
}

#[test]
fn trips_a_bus_that_loses_every_second_frame() {
    for id in [GATE_STATUS, MON1_DOSE] {
        let period = wanted().iter().find(|frame| frame.id == id).unwrap().period.nanos() / 1_000_000;
        let lossy = found(&survey(|other, ms| other == id && (ms / period) % 2 == 1));
        let words = ["came", "missing by their counter"];
        assert!(lossy.iter().any(|what| words.iter().any(|word| what.contains(word))), "{lossy:?}");
    }
}

/// Two seconds of everything, each frame with the counter that `alive` makes of its number, `times` over, from `origin`.
fn survey_of(alive: impl Fn(u64) -> u64, times: u32, origin: Origin) -> Survey {
    let mut survey = Survey { facts: [GOOD; 2], listened: Span::from_secs(2), ..Survey::default() };
    for ms in 0..2000 {
        for Expected { id, period, .. } in wanted() {
            let period = period.nanos() / 1_000_000;
            for _ in 0..if ms % period == 0 { times } else { 0 } {
                let frame = beam_core::frame::protect(id, (alive(ms / period) % 15) as u8, 0, [0; 6]);
                let event = Event::Frame { frame, origin, stamps: Stamps::NONE };
                survey.take(Ticks::from_nanos(ms * 1_000_000), &event);
            }
        }
    }
    survey
}

#[test]
fn trips_counters_that_stand_still_frames_that_come_twice_and_a_unit_on_this_computer() {
    assert!(found(&survey_of(|number| number, 1, Origin::Wire)).is_empty());
    for doubled in [survey_of(|_| 3, 1, Origin::Wire), survey_of(|number| number, 2, Origin::Wire)] {
        let found = found(&doubled);
        assert_eq!(found.len(), wanted().len(), "{found:?}");
        assert!(found.iter().all(|what| what.contains("repeat the counter of the one before")), "{found:?}");
    }
    let own = found(&survey_of(|number| number, 1, Origin::Local));
    assert_eq!(own.len(), wanted().len(), "{own:?}");
    assert!(own.iter().all(|what| what.contains("were sent by this computer")), "{own:?}");
}

#[test]
fn holds_the_frames_of_the_contract_where_no_profile_says_which_bus_it_is() {
    assert_eq!(judge(&survey(|_, _| false), &[]), []);
    let mut unknown = survey(|_, _| false);
    frame(&mut unknown, 5, beam_core::frame::protect(0x7AB, 0, 0, [0; 6]));
    assert_eq!(judge(&unknown, &[]).len(), 1);
}
