//! What happens between two deliveries and between two runs of the service: what was told of the one is not told of the
//! other, and the unit's counters are kept on the disk, so that a chamber or a gate that restarted while nobody listened is
//! found at the next start, and a unit that was left on is not.

use beam_core::note::Note;
use beam_core::record::{Body, Record};
use beam_core::requirement::Requirement;
use beam_core::session::SessionNote;
use beam_core::state::State;
use beam_core::units::{Charge, Dose, Span, Ticks};
use beam_core::wire::Guard;
use beam_drivers::sim::Injection;
use beam_supervisor::conductor::Entry;
use beam_supervisor::config::shipped;
use beam_supervisor::course::Course;
use beam_supervisor::last_counts::{Counts, LastCounts};
use beam_supervisor::mishap::{Mishap, Moment, What};
use beam_supervisor::prepared::Prepared;
use beam_supervisor::progress::Progress;
use beam_tests::verifies;

fn at(moment: &str, what: What) -> Mishap {
    Mishap { at: Moment::try_from(moment.to_owned()).expect("a moment"), what }
}

/// A delivery; then the process ends and begins again after two seconds, in which this befalls the unit. What the counters
/// stood at for the process before and for the one after.
fn two_runs(meanwhile: Option<Injection>) -> [Counts; 2] {
    let (profile, plan) = (shipped::profile("liac").expect("a profile"), shipped::plan("liac").expect("a plan"));
    let prepared = Prepared::new(&profile, &plan).expect("they fit").with_preset(Dose::from_micro_mu(30_000_000));
    let mut mishaps = vec![at("complete + 1500 ms", What::Restart { down: Span::from_secs(2) })];
    mishaps.extend(meanwhile.map(|injection| at("complete + 2500 ms", What::Unit(injection))));
    let mut course = Course::new(&prepared, 1, &mishaps);
    while !course.is_over() {
        course.step(&mut |_, _| {});
    }
    let told: Vec<Counts> = course.stories().filter_map(|story| story.counters).collect();
    told.try_into().expect("two processes, and each has heard the counters")
}

/// What the second run finds of the unit with what the first one kept.
fn found(meanwhile: Option<Injection>) -> Vec<String> {
    let [before, after] = two_runs(meanwhile);
    let folder = tempfile::tempdir().expect("a folder");
    LastCounts::new(folder.path()).keep(&before).expect("kept");
    let kept = LastCounts::new(folder.path()).read().expect("readable").expect("there");
    after.restarted_since(&kept)
}

#[test]
fn trips_a_unit_that_restarted_while_nobody_listened() {
    verifies(Requirement::SetUp);
    for (injection, named) in [
        (Injection::Mon1Restart, "monitor 1 counts 0 pulses"),
        (Injection::Mon2Restart, "monitor 2 counts 0 pulses"),
        (Injection::GateRestart, "the gate counts 0 pulses"),
    ] {
        let found = found(Some(injection));
        assert!(found.len() == 1 && found[0].starts_with(named), "{injection}: {found:?}");
    }
}

#[test]
fn holds_a_unit_that_was_left_on() {
    verifies(Requirement::SetUp);
    assert_eq!(found(None), Vec::<String>::new());
    let [before, after] = two_runs(None);
    assert_eq!((before.pulses, before.gate), (after.pulses, after.gate));
    assert_eq!(before.gate, 10, "the first run delivered");
}

/// What dose guard 2 told, and when.
fn dose_told(at: Ticks, micro_mu: i64) -> Entry {
    let dose = Dose::from_micro_mu(micro_mu);
    let note = Note::Dose { pulses: 1, charge: Charge::ZERO, dose, lease: 1, last: Charge::ZERO };
    Entry::Guard(Record { at, guard: Guard::Dose2, serial: 0, body: Body::Note(note) })
}

#[test]
fn a_dose_of_the_delivery_before_is_not_told_of_this_one() {
    let at = |millis| Ticks::ZERO.after(Span::from_millis(millis));
    let mut progress = Progress::default();
    progress.add(&Entry::Session(at(100), SessionNote::State(State::Proving)));
    progress.add(&dose_told(at(99), 800_000));
    assert_eq!(progress.delivered, [Dose::ZERO; 2], "it is of the delivery before");
    progress.add(&dose_told(at(100), 50));
    assert_eq!(progress.delivered, [Dose::ZERO, Dose::from_micro_mu(50)]);
}
