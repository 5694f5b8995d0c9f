//! What the main thread says and keeps: a verdict that is amended changes the report in hand and on the disk, the exit status,
//! and what becomes of the mark of the unclean end; and what stands in a beginning's way is told with its fix.

use std::fs;
use std::sync::Arc;

use beam_core::note::{FaultReport, Note};
use beam_core::record::{Body, Record};
use beam_core::session::{EndedBy, SessionNote};
use nix::sys::signal::SigSet;

use super::*;
use crate::conductor::{Conductor, Entry};
use crate::config::{load_sealed, shipped};
use crate::hot::Seat;
use crate::metrics::Metrics;
use crate::prepared::Prepared;
use crate::run::take_the_mark_away;
use crate::wiring::seat_guards;

const ID: u16 = 42;

/// A service without buses, whose guards never turn: the test tells what they would have told.
struct Service {
    wish: Wish,
    desk: Desk,
    publisher: Publisher,
    signals: SignalFd,
    mark: UncleanEnd,
    journal: DoseJournal,
    history: FaultHistory,
    _guards_that_never_turn: [Seat; 4],
    _folder: tempfile::TempDir,
}

impl Service {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (profile, plan) = (shipped::profile("mobetron").unwrap(), shipped::plan("mobetron").unwrap());
        let prepared = Prepared::new(&profile, &plan).unwrap();
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        let site = fs::read_to_string(configs.join("supervisor.toml")).unwrap();
        let site =
            site.replace("machines/mobetron.toml", &configs.join("machines/mobetron.toml").display().to_string());
        let site = site.replace("/var/lib/beam-supervisor", &folder.path().display().to_string());
        let file = folder.path().join("supervisor.toml");
        fs::write(&file, site).unwrap();
        let (site, _, seal) = load_sealed(&file, &[]).unwrap();
        fs::create_dir_all(&site.records_directory).unwrap();
        let (seats, lines) = seat_guards(&prepared.machine);
        let desk = Desk::start(Conductor::new(&prepared.machine, lines), FaultSet::EMPTY, |_| {}).unwrap();
        let wish = Wish {
            site,
            seal,
            prepared,
            arm_now: true,
            next_delivery_id: None,
            output_check_done: None,
            accept_remaining: None,
            repeated_fault_cleared: false,
        };
        Self {
            wish,
            desk,
            publisher: Publisher::new(Arc::new(Metrics::for_this_build().unwrap())),
            signals: SignalFd::new(&SigSet::empty()).unwrap(),
            mark: UncleanEnd::new(folder.path()),
            journal: DoseJournal::start(folder.path()).unwrap(),
            history: FaultHistory::new(folder.path()),
            _guards_that_never_turn: seats,
            _folder: folder,
        }
    }

    fn watch(&self) -> Watch<'_> {
        Watch {
            wish: &self.wish,
            desk: &self.desk,
            publisher: &self.publisher,
            signals: &self.signals,
            refusals: &[],
            mark: &self.mark,
            journal: &self.journal,
            history: &self.history,
            continues: None,
            told_unrecorded: Cell::new(false),
        }
    }

    /// A delivery that went as planned so far, and its verdict.
    fn delivered(&self) -> Finished {
        self.mark.set(ID).unwrap();
        let names = bus_names(&self.wish.site);
        let recorder = Recorder::start(&self.wish.site.records_directory, ID, names, clock::now()).unwrap();
        self.desk.record(recorder).unwrap();
        let view = self.desk.view();
        view.add(&Entry::Session(clock::now(), SessionNote::Ended(EndedBy::Guard(Guard::Dose1))));
        view.add(&Entry::Session(clock::now(), SessionNote::State(State::Complete)));
        let Prepared { machine, order, .. } = &self.wish.prepared;
        let dose = machine.monitors[0].dose_per_charge.dose(order.preset);
        self.tell(Note::EndJudged { pulses: [1984; 4], doses: [dose; 2], agrees: true });
        let operator = Autopilot::new(ID - 1, ID, *order, machine);
        let running =
            Running { id: ID, operator, state: State::Complete, since: clock::now(), wall_ahead: wall_ahead() };
        self.watch().finish(running, &view)
    }

    fn tell(&self, note: Note) {
        let record = Record { at: clock::now(), guard: Guard::Interlock, serial: 0, body: Body::Note(note) };
        self.desk.view().add(&Entry::Guard(record));
    }
}

/// What the report on the disk says of the delivery.
fn on_the_disk(finished: &Finished) -> serde_json::Value {
    let folder = finished.report.records.as_ref().expect("a record");
    serde_json::from_slice(&fs::read(Path::new(folder).join("report.json")).unwrap()).unwrap()
}

#[test]
fn trips_a_verdict_over_a_pulse_that_comes_after_it() {
    let service = Service::new();
    let mut finished = service.delivered();
    assert!(finished.report.is_as_planned(), "{}", finished.report.text());
    assert_eq!(on_the_disk(&finished)["as_planned"], true);
    // two seconds later, while the service still runs
    service.tell(Note::Fault(FaultReport::of(Fault::PulsesWhileClosed).measured(1985, 1984)));
    let view = service.desk.view();
    service.watch().amend(&mut finished, &view);
    assert!(!finished.report.is_as_planned(), "the exit status follows the report");
    let said = on_the_disk(&finished);
    assert_eq!(said["as_planned"], false, "{said}");
    assert!(said.to_string().contains("F-101") && said.to_string().contains("amended: "), "{said}");
    take_the_mark_away(&service.mark, &view, &service.wish.prepared);
    assert_eq!(service.mark.delivery(), Some(ID), "the next start arms nothing");
    service.desk.stop();
}

#[test]
fn holds_a_verdict_after_which_nothing_was_found() {
    let service = Service::new();
    let mut finished = service.delivered();
    let before = finished.report.text();
    let view = service.desk.view();
    service.watch().amend(&mut finished, &view);
    assert_eq!(finished.report.text(), before);
    assert!(finished.report.is_as_planned());
    take_the_mark_away(&service.mark, &view, &service.wish.prepared);
    assert_eq!(service.mark.delivery(), None);
    service.desk.stop();
}

#[test]
fn trips_a_beginning_over_a_controller_that_does_not_take_part_and_holds_over_one_that_does() {
    for (state, code) in [
        (ControllerState::ErrorActive, None),
        (ControllerState::ErrorWarning, None),
        (ControllerState::ErrorPassive, Some(Fault::ErrorPassive.code())),
        (ControllerState::BusOff, Some(Fault::BusOff.code())),
        (ControllerState::Stopped, Some(Fault::InterfaceDown.code())),
    ] {
        let why = unfit(state);
        assert_eq!(why.is_some(), code.is_some(), "{state:?}");
        assert!(why.is_none_or(|why| why.starts_with(code.unwrap_or("?")) && why.contains("fix: ")), "{state:?}");
    }
}

#[test]
fn tells_of_a_wall_clock_that_was_set() {
    assert!(clock_set(-3_600_000_000_000).unwrap().contains("set by -3600 s"));
    assert!(clock_set(1_000_000_000).is_some());
}

#[test]
fn is_silent_about_a_wall_clock_that_is_slewed() {
    assert_eq!(clock_set(999_999_999), None);
    assert_eq!(clock_set(-20_000_000), None);
}

#[test]
fn says_what_was_not_written_where_and_how_to_go_on() {
    let line = unrecorded_line("/var/lib/x: No space left on device");
    for part in ["F-810", "/var/lib/x", "No space", "fix: "] {
        assert!(line.contains(part), "{line}");
    }
}
