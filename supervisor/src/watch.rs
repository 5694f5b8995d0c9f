//! What the main thread of the service looks after while guards and session run: systemd's watchdog, a delivery that was
//! asked for at once, what must outlive it on the disk, and the signal to stop. It decides nothing about a beam, and nobody
//! waits for it.

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use beam_core::fault::{Fault, FaultSet};
use beam_core::outcome::End;
use beam_core::session::Act;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::Guard;
use beam_drivers::clock;
use beam_drivers::interface::{ControllerState, interface_facts};
use beam_drivers::wait::wait;
use nix::sys::signalfd::SignalFd;
use tracing::{info, warn};

use crate::autopilot::Autopilot;
use crate::delivery_ids::DeliveryIds;
use crate::describe::{mu, refusal};
use crate::desk::{Desk, Gone, View};
use crate::dose_journal::DoseJournal;
use crate::fault_history::{FaultHistory, wall_seconds};
use crate::kept_counts::KeptCounts;
use crate::publish::Publisher;
use crate::recorder::{self, Recorder};
use crate::report::Report;
use crate::rest::Continues;
use crate::run::{Wish, bus_names};
use crate::run_error::RunError;
use crate::service;
use crate::unclean_end::UncleanEnd;

/// How often the service looks after itself.
pub(crate) const ROUND: Span = Span::from_millis(50);
/// A guard that has told nothing for so long does not turn.
const GUARD_SILENCE: Span = Span::from_secs(1);
/// How long a delivery that is to begin at once waits for the treatment unit.
const PATIENCE: Span = Span::from_secs(60);
/// A wall clock that moved so far against the guards' clock was set; less is the slewing of a time service.
const CLOCK_SET: Span = Span::from_secs(1);

/// What the main thread works with.
pub(crate) struct Watch<'a> {
    pub wish: &'a Wish,
    pub desk: &'a Desk,
    pub publisher: &'a Publisher,
    pub signals: &'a SignalFd,
    pub refusals: &'a [String],
    pub mark: &'a UncleanEnd,
    pub journal: &'a DoseJournal,
    pub history: &'a FaultHistory,
    pub continues: Option<Continues>,
    /// Whether it was said that the record is not whole.
    pub told_unrecorded: Cell<bool>,
}

impl Watch<'_> {
    /// Looks after the service until a signal asks it to stop. The beam is off and the record closed when this returns; the
    /// report is that of the delivery that was asked for at once, if there was one.
    ///
    /// # Errors
    /// When that delivery cannot begin.
    pub(crate) fn until_stopped(&self, ids: &mut DeliveryIds, arms: bool) -> Result<Option<Report>, RunError> {
        let view = self.desk.view();
        let mut counts = KeptCounts::new(&self.wish.site.state_directory);
        let mut delivery = if arms { Some(self.begin(ids)?) } else { None };
        let mut finished: Option<Finished> = None;
        let mut is_ready = false;
        let feed_every = service::watchdog_period().unwrap_or(Span::from_secs(1));
        let mut next_feed = clock::now();
        let mut remembered = FaultSet::EMPTY;
        while !matches!(self.signals.read_signal(), Ok(Some(_))) {
            let now = clock::now();
            let went_on = counts.look(&view, self.mark);
            let turning = silent_guards(&view, now).is_empty();
            if turning && !is_ready {
                is_ready = true;
                told(service::ready("guards turn, beam inhibited"));
            }
            if turning && now >= next_feed {
                next_feed = now.after(feed_every);
                told(service::feed_watchdog());
                told(service::status(&status_line(&view)));
                self.publisher.context_switches();
            }
            self.publisher.losses(&view);
            self.remember(&view, &mut remembered);
            self.look_at_the_record(&view);
            if let Some(running) = &mut delivery
                && self.lead(running, &view, went_on)
                && let Some(ended) = delivery.take()
            {
                finished = Some(self.finish(ended, &view));
            }
            if let Some(finished) = &mut finished {
                self.amend(finished, &view);
            }
            let [_a_signal_is_answered_at_once] = wait([self.signals.as_fd()], clock::now().after(ROUND));
        }
        told(service::stopping("asked to stop"));
        counts.keep(&view);
        self.remember(&view, &mut remembered);
        if let Some(interrupted) = delivery {
            let _a_session_at_rest_refuses = self.desk.act(Act::Terminate);
            self.look_on(&view, &mut remembered);
            finished = Some(self.finish(interrupted, &view));
        }
        if let Some(finished) = &mut finished {
            self.amend(finished, &view);
        }
        Ok(finished.map(|finished| finished.report))
    }

    /// Goes on looking for what comes after the end of a beam: a gate that stays open, a late pulse.
    fn look_on(&self, view: &View, remembered: &mut FaultSet) {
        let until = clock::now().after(self.wish.prepared.machine.watch_after_beam());
        while clock::now() < until {
            feed(view);
            self.remember(view, remembered);
            std::thread::sleep(Duration::from_nanos(ROUND.nanos()));
        }
    }

    /// Keeps every dosimetry fault of a delivery, once.
    fn remember(&self, view: &View, remembered: &mut FaultSet) {
        let progress = view.progress();
        if progress.faults.is_empty() {
            *remembered = FaultSet::EMPTY;
        }
        for (.., report) in &progress.faults {
            let fault = report.fault;
            if fault.group().is_dosimetry() && !remembered.contains(fault) {
                *remembered = remembered.with(fault);
                if let Err(error) = self.history.add(wall_seconds(), fault) {
                    view.cannot_record(format!("the history of dosimetry faults: {error}"));
                }
            }
        }
    }

    /// Says once that something was not written, and lets it stand against the next arming.
    fn look_at_the_record(&self, view: &View) {
        if let Some(why) = self.journal.failed() {
            view.cannot_record(format!("the delivered dose: {why}"));
        }
        if let Some(why) = view.unrecorded()
            && !self.told_unrecorded.replace(true)
        {
            warn!("{}", unrecorded_line(why));
            self.publisher.fault(Fault::RecordUnwritable);
        }
    }

    /// Takes two ids for the delivery that was asked for at once, and starts its record.
    fn begin(&self, ids: &mut DeliveryIds) -> Result<Running, RunError> {
        if let Some(file) = self.wish.seal.broken() {
            return Err(RunError::Changed(file.to_owned()));
        }
        // the kernel tells the guards of changes only: what a controller was before them is asked for here
        for interface in self.wish.site.interfaces() {
            let facts = interface_facts(interface);
            let state = facts.map_err(|error| RunError::Unavailable(format!("{interface}: {error}")))?.state;
            if let Some(why) = state.and_then(unfit) {
                return Err(RunError::Unavailable(format!("{interface}: {why}")));
            }
        }
        let proof = ids.next_id().map_err(RunError::Ids)?;
        let id = ids.next_id().map_err(RunError::Ids)?;
        // before the first frame of the delivery, so that no death is forgotten
        self.mark.set(id)?;
        self.journal.begin(id, &self.wish.prepared.machine, &self.wish.prepared.order)?;
        let directory = &self.wish.site.records_directory;
        let recorder = Recorder::start(directory, id, bus_names(&self.wish.site), clock::now()).map_err(|error| {
            RunError::Unavailable(format!(
                "{}: {error}\n    fix: give the service the right to write its records",
                directory.display()
            ))
        })?;
        info!("delivery {id}: record in {}", recorder.folder().display());
        let _a_fresh_session_answers = self.desk.record(recorder);
        let planned = &self.wish.prepared.order;
        let [first, second] = self.wish.prepared.machine.monitors;
        self.publisher.plan(first.dose_per_charge.dose(planned.preset), second.dose_per_charge.dose(planned.backup));
        let operator = Autopilot::new(proof, id, self.wish.prepared.order, &self.wish.prepared.machine);
        Ok(Running { id, operator, state: State::Inhibited, since: clock::now(), wall_ahead: wall_ahead() })
    }

    /// Leads the delivery a step further, where the unit was found as it was left; true when there is nothing left to wait for.
    fn lead(&self, running: &mut Running, view: &View, may_act: bool) -> bool {
        let progress = view.progress();
        if may_act
            && let Some(act) = running.operator.next_act(progress.state)
            && let Ok(Err(refused)) = self.desk.act(act)
        {
            warn!("{} refused: {}", refused.event.name(), refusal(&refused));
        }
        if progress.state != running.state {
            (running.state, running.since) = (progress.state, clock::now());
        }
        running.operator.is_done(&progress, clock::now(), running.since, PATIENCE)
    }

    /// The report of a delivery as it stands now, without what its record says.
    fn report(&self, running: &Running, view: &View) -> Report {
        let progress = view.progress();
        let mut report = Report::new(&self.wish.prepared, running.id, &progress);
        report.add_timing(&progress);
        report.continues = self.continues;
        report.lost_records(view.lost_records().iter().sum());
        report.notices.extend(self.wish.prepared.notices.iter().cloned());
        report.notices.extend(self.refusals.iter().cloned());
        report.notices.extend(clock_set(wall_ahead() - running.wall_ahead));
        self.look_at_the_record(view);
        if let Some(why) = view.unrecorded() {
            report.record_is_not_whole();
            report.notices.push(unrecorded_line(why));
        }
        report
    }

    fn finish(&self, running: Running, view: &View) -> Finished {
        let told = view.progress().told();
        let mut report = self.report(&running, view);
        match self.desk.stop_recording() {
            Ok(Some(recorder)) => {
                let folder = recorder.folder().to_owned();
                report.records = Some(folder.display().to_string());
                if let Err(error) = recorder.finish(report.json(), || feed(view)) {
                    view.cannot_record(format!("{}: {error}", folder.display()));
                }
            }
            Ok(None) | Err(Gone) => view.cannot_record("the session did not give the recorder back".to_owned()),
        }
        self.look_at_the_record(view);
        if let Some(line) = view.unrecorded().map(unrecorded_line)
            && !report.notices.contains(&line)
        {
            report.record_is_not_whole();
            report.notices.push(line);
        }
        info!("{}", report.text().lines().next().unwrap_or_default());
        Finished { running, told, report }
    }

    /// Says anew how a delivery went when something came after the verdict on it: in the report, and so in the exit status.
    /// The mark of the unclean end is judged last of all, by everything that was told until then.
    fn amend(&self, finished: &mut Finished, view: &View) {
        let told = view.progress().told();
        if told == finished.told {
            return;
        }
        finished.told = told;
        let folder = finished.report.records.take();
        let mut report = self.report(&finished.running, view);
        report.notices.push(AMENDED.to_owned());
        report.records.clone_from(&folder);
        warn!("amended: {}", report.text().lines().next().unwrap_or_default());
        if let Some(folder) = &folder
            && let Err(error) = recorder::amend_report(Path::new(folder), &report.json())
        {
            view.cannot_record(format!("{folder}: {error}"));
            report.record_is_not_whole();
        }
        finished.report = report;
    }
}

/// Said in a report that was written anew.
const AMENDED: &str = "amended: something was found after the verdict on this delivery had been given";

/// A delivery whose verdict was given.
struct Finished {
    running: Running,
    /// What had been told of it then.
    told: (usize, usize, Option<End>),
    report: Report,
}

/// A delivery under way.
struct Running {
    id: u16,
    operator: Autopilot,
    state: State,
    since: Ticks,
    /// How far the wall clock was ahead of the guards' clock when it began.
    wall_ahead: i128,
}

/// Why no beam begins over a controller in this state, if none does.
fn unfit(state: ControllerState) -> Option<String> {
    let fault = match state {
        ControllerState::ErrorActive | ControllerState::ErrorWarning => return None,
        ControllerState::ErrorPassive => Fault::ErrorPassive,
        ControllerState::BusOff => Fault::BusOff,
        ControllerState::Stopped => Fault::InterfaceDown,
    };
    let (code, name, cause, fix) = (fault.code(), fault.name(), fault.cause(), fault.action());
    Some(format!("{code} {name}: {cause}\n    fix: {fix} `check --bus` says more"))
}

/// Nanoseconds by which the wall clock is ahead of the guards' clock.
fn wall_ahead() -> i128 {
    i128::from(clock::wall_time().unix_nanos()) - i128::from(clock::now().nanos())
}

/// What a person who compares the record with other clocks must know, when the wall clock `moved` so many nanoseconds.
fn clock_set(moved: i128) -> Option<String> {
    (moved.unsigned_abs() >= u128::from(CLOCK_SET.nanos())).then(|| {
        let seconds = moved / 1_000_000_000;
        format!(
            "the wall clock was set by {seconds:+} s meanwhile: the record's times follow it as it was at the beginning"
        )
    })
}

/// Feeds systemd's watchdog while something takes long, if all guards turn.
pub(crate) fn feed(view: &View) {
    if silent_guards(view, clock::now()).is_empty() {
        told(service::feed_watchdog());
    }
}

fn unrecorded_line(why: &str) -> String {
    let fault = Fault::RecordUnwritable;
    let (code, name, cause, fix) = (fault.code(), fault.name(), fault.cause(), fault.action());
    format!("{code} {name}: {cause} {why}\n    fix: {fix} Then start again; the delivery counts as not ended cleanly")
}

fn status_line(view: &View) -> String {
    let progress = view.progress();
    let [first, second] = progress.delivered.map(mu);
    let standing: Vec<_> = progress.standing().into_iter().map(Fault::name).collect();
    let blocked = if standing.is_empty() { String::new() } else { format!(", standing: {}", standing.join(" ")) };
    format!("{}, MU 1 {first:.2}, MU 2 {second:.2}{blocked}", progress.state.name())
}

/// Names of guards that have not turned for a second, and of the session.
pub(crate) fn silent_guards(view: &View, now: Ticks) -> Vec<&'static str> {
    let heard = view.heard();
    let mut silent: Vec<_> = Guard::ALL
        .into_iter()
        .filter(|guard| now.since(heard[guard.index()]) > GUARD_SILENCE)
        .map(Guard::name)
        .collect();
    if now.since(view.turned()) > GUARD_SILENCE {
        silent.push("session");
    }
    silent
}

pub(crate) fn told(result: io::Result<()>) {
    if let Err(error) = result {
        warn!("systemd cannot be told: {error}");
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
