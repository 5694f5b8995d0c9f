//! `beam-supervisor run`: the service on real buses. It opens them, starts the guards and the session, serves the metrics,
//! feeds systemd's watchdog while all four guards turn, and ends when it is asked to: beam off first, then a clean stop.

use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use beam_core::clearance::Clearance;
use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::Bus;
use beam_core::note::FaultReport;
use beam_core::session::Act;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::Guard;
use beam_drivers::clock;
use beam_drivers::interface::interface_facts;
use beam_drivers::realtime::{ProcessWish, ThreadWish, prepare_process};
use beam_drivers::socketcan::SocketCanPort;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tracing::{info, warn};

use crate::autopilot::Autopilot;
use crate::conductor::{Conductor, Entry};
use crate::config::{Seal, Site};
use crate::crew::{self, Crew};
use crate::delivery_ids::DeliveryIds;
use crate::describe::{fault_json, mu};
use crate::desk::{Desk, View};
use crate::dose_journal::DoseJournal;
use crate::fault_history::{FaultHistory, wall_seconds};
use crate::hot::Ports;
use crate::metrics::{self, Metrics};
use crate::prepared::Prepared;
use crate::publish::Publisher;
use crate::recorder::Recorder;
use crate::report::{Report, fault_line};
use crate::rest::{Continues, Rest};
pub use crate::run_error::RunError;
use crate::service;
use crate::unclean_end::UncleanEnd;
use crate::wiring::seat_guards;

/// How often the service looks after itself.
const ROUND: Duration = Duration::from_millis(50);
/// A guard that has told nothing for so long does not turn.
const GUARD_SILENCE: Span = Span::from_secs(1);
/// How long a delivery that is to begin at once waits for the treatment unit.
const PATIENCE: Span = Span::from_secs(60);

/// What the service is asked for.
#[derive(Debug)]
pub struct Wish {
    /// The service's configuration.
    pub site: Site,
    /// The configuration files as they were when they were checked.
    pub seal: Seal,
    /// The machine, and the plan of a delivery that is to begin at once (on a bench only).
    pub prepared: Prepared,
    /// Whether that delivery is armed and begun without an operator.
    pub arm_now: bool,
    /// The next delivery id, entered by a person.
    pub next_delivery_id: Option<u16>,
    /// The delivery that did not end cleanly and whose output check a person has done.
    pub output_check_done: Option<u16>,
    /// What remains of that delivery in MU, as a person accepted it.
    pub accept_remaining: Option<f64>,
    /// Whether the physicist found the cause of the fault that came twice.
    pub repeated_fault_cleared: bool,
}

/// Runs until asked to stop. Returns the report of the delivery that was asked for at once, if there was one.
///
/// # Errors
/// [`RunError`] when it cannot start.
pub fn run(wish: Wish) -> Result<Option<Report>, RunError> {
    let signals = block_signals()?;
    let _held_until_the_end = hold_buses(&wish.site)?;
    let mut ids = open_ids(&wish)?;
    let mut refusals: Vec<String> =
        prepare_process(ProcessWish { lock_memory: true }).iter().map(ToString::to_string).collect();
    let machine = wish.prepared.machine;
    let ports = open_buses(&wish)?;
    examine_buses(&wish.site);
    let (seats, lines) = seat_guards(&machine);
    let crew = crew::start(seats, ports, thread_wishes(&wish.site))?;
    refusals.extend(crew.refusals.iter().map(|(guard, refusal)| format!("guard {}: {refusal}", guard.name())));
    if wish.prepared.requires_real_time && !refusals.is_empty() {
        return Err(RunError::Refused(refusals));
    }
    for refusal in &refusals {
        warn!("{refusal}");
    }
    let mark = UncleanEnd::new(&wish.site.state_directory);
    let history = FaultHistory::new(&wish.site.state_directory);
    let found = mark.delivery();
    let unclean = found.is_some() && found != wish.output_check_done;
    let standing = standing(unclean, &history, wish.repeated_fault_cleared)?;
    let journal = DoseJournal::start(&wish.site.state_directory)?;
    let metrics = Arc::new(Metrics::for_this_build()?);
    metrics.set_mode(wish.prepared.period_scale, wish.prepared.is_unprotected, false);
    metrics.set_realtime_refusals(refusals.len());
    let publisher = Publisher::new(Arc::clone(&metrics));
    let (bridge, written) = (publisher.clone(), journal.clone());
    let desk = Desk::start(Conductor::new(&machine, lines), standing, move |entry| {
        bridge.entry(entry);
        written.entry(entry);
        log(entry);
    })?;
    serve(&wish.site, metrics, desk.view())?;
    announce(&wish);
    let arms = wish.arm_now && standing.is_empty();
    let (mut wish, mut continues) = (wish, None);
    if let Some(delivery) = found {
        let rest = Rest::of(delivery, &wish.site.state_directory, &journal);
        if unclean {
            warn!("{}", rest.refusal());
        } else {
            if let Some(accepted) = wish.accept_remaining {
                (wish.prepared, continues) = rest.accept(accepted, &wish.prepared).map_err(RunError::Remaining)?;
            }
            info!("{}", rest.checked());
            mark.clear()?;
        }
    } else if wish.accept_remaining.is_some() {
        let what = "--accept-remaining: no delivery ended uncleanly here\n    fix: start without it";
        return Err(RunError::Remaining(what.to_owned()));
    }
    let (continues, journal, history) = (continues, &journal, &history);
    let watch = Watch {
        wish: &wish,
        desk: &desk,
        publisher: &publisher,
        signals: &signals,
        refusals: &refusals,
        mark: &mark,
        journal,
        history,
        continues,
    };
    let report = watch.until_stopped(&mut ids, arms)?;
    stop(desk, crew);
    Ok(report)
}

/// What stands against a beam from before this start.
fn standing(unclean: bool, history: &FaultHistory, cleared: bool) -> io::Result<FaultSet> {
    let mut standing = if unclean { FaultSet::EMPTY.with(Fault::OutputCheckDue) } else { FaultSet::EMPTY };
    let now = wall_seconds();
    if cleared {
        history.clear(now)?;
    }
    let twice = history.repeated(now);
    let what = match &twice {
        Ok(None) => return Ok(standing),
        Ok(Some(fault)) => format!("{} {} came twice in 30 days", fault.code(), fault.name()),
        Err(error) => format!("the history of dosimetry faults: {error}"),
    };
    standing = standing.with(Fault::FaultRepeated);
    warn!(
        "{what}, so nothing is armed: the physicist must find the cause, then start once with --repeated-fault-cleared"
    );
    Ok(standing)
}

/// Keeps SIGTERM and SIGINT for a descriptor; before the first thread starts.
pub(crate) fn block_signals() -> io::Result<SignalFd> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGTERM);
    mask.add(Signal::SIGINT);
    // before any thread starts, so that every thread leaves them to the descriptor
    mask.thread_block()?;
    Ok(SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?)
}

/// A name in the kernel that dies with the process: whoever holds it is the one supervisor of this bus.
fn hold_buses(site: &Site) -> Result<Vec<UnixDatagram>, RunError> {
    site.interfaces().into_iter().map(hold_bus).collect()
}

/// Holds one bus; the name is given back when what is returned is dropped.
pub(crate) fn hold_bus(interface: &str) -> Result<UnixDatagram, RunError> {
    let name = SocketAddr::from_abstract_name(format!("beam-supervisor/{interface}"))?;
    UnixDatagram::bind_addr(&name).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => RunError::SecondInstance(interface.to_owned()),
        _ => RunError::Io(error),
    })
}

fn open_ids(wish: &Wish) -> Result<DeliveryIds, RunError> {
    let directory = &wish.site.state_directory;
    match wish.next_delivery_id {
        Some(next) => DeliveryIds::enter(directory, next),
        None => DeliveryIds::open(directory),
    }
    .map_err(RunError::Ids)
}

fn open_buses(wish: &Wish) -> Result<[Ports<SocketCanPort>; 4], RunError> {
    let [bus_a, bus_b] = bus_names(&wish.site);
    let open = |guard: Guard| {
        crew::ports(guard, &wish.prepared.machine, |bus, ids, own| {
            let name = match bus {
                Bus::A => &bus_a,
                Bus::B => &bus_b,
            };
            SocketCanPort::open(name, ids, own).map_err(|error| RunError::Unavailable(error.to_string()))
        })
    };
    Ok([open(Guard::Dose1)?, open(Guard::Dose2)?, open(Guard::Time)?, open(Guard::Interlock)?])
}

/// Says what of a bus is not set up as the contract wants. Setting it up belongs to networkd; a bus that does not work at
/// all is found by the guards, which hear nothing.
fn examine_buses(site: &Site) {
    for interface in site.interfaces() {
        match interface_facts(interface) {
            Ok(facts) => facts.objections().iter().for_each(|objection| warn!("{interface} {objection}")),
            Err(error) => warn!("{interface}: its set-up cannot be read: {error}"),
        }
    }
}

fn thread_wishes(site: &Site) -> [ThreadWish; 4] {
    site.threads.map(|thread| ThreadWish::guard(thread.priority, thread.cpu.map(usize::from)))
}

/// The interfaces of bus A and bus B; the same where one carries all.
fn bus_names(site: &Site) -> [String; 2] {
    [site.bus_a.clone(), site.bus_b.clone().unwrap_or_else(|| site.bus_a.clone())]
}

fn serve(site: &Site, metrics: Arc<Metrics>, view: Arc<View>) -> Result<(), RunError> {
    let listener = match service::metrics_listener()? {
        Some(handed) => handed,
        None => TcpListener::bind(site.metrics_listen).map_err(|error| {
            let fix = "free the port, or choose another in the configuration";
            let address = site.metrics_listen;
            RunError::Unavailable(format!("metrics cannot be served at {address}: {error}\n    fix: {fix}"))
        })?,
    };
    let health = move || {
        let silent = silent_guards(&view, clock::now());
        if silent.is_empty() {
            Ok("all four guards turn".to_owned())
        } else {
            Err(format!("silent: {}", silent.join(", ")))
        }
    };
    info!("metrics at http://{}/metrics", listener.local_addr()?);
    let _it_ends_with_the_process = metrics::serve(listener, metrics::router(metrics, health))?;
    Ok(())
}

fn announce(wish: &Wish) {
    let [bus_a, bus_b] = bus_names(&wish.site);
    info!("machine {}, bus A {bus_a}, bus B {bus_b}", wish.prepared.planned.machine);
    for notice in &wish.prepared.notices {
        warn!("{notice}");
    }
}

/// Names of guards that have not turned for a second, and of the session.
fn silent_guards(view: &View, now: Ticks) -> Vec<&'static str> {
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

/// What the main thread looks after while the service runs.
struct Watch<'a> {
    wish: &'a Wish,
    desk: &'a Desk,
    publisher: &'a Publisher,
    signals: &'a SignalFd,
    refusals: &'a [String],
    mark: &'a UncleanEnd,
    journal: &'a DoseJournal,
    history: &'a FaultHistory,
    continues: Option<Continues>,
}

impl Watch<'_> {
    fn until_stopped(&self, ids: &mut DeliveryIds, arms: bool) -> Result<Option<Report>, RunError> {
        let view = self.desk.view();
        let mut delivery = if arms { Some(self.begin(ids)?) } else { None };
        let mut report = None;
        let mut is_ready = false;
        let feed_every = service::watchdog_period().unwrap_or(Span::from_secs(1));
        let mut next_feed = clock::now();
        let mut remembered = FaultSet::EMPTY;
        while !matches!(self.signals.read_signal(), Ok(Some(_))) {
            let now = clock::now();
            let turning = silent_guards(&view, now).is_empty();
            if turning && !is_ready {
                is_ready = true;
                told(service::ready("guards turn, beam inhibited"));
            }
            if turning && now >= next_feed {
                next_feed = now.after(feed_every);
                told(service::feed_watchdog());
                told(service::status(&status_line(&view)));
            }
            self.publisher.losses(&view);
            self.remember(&view, &mut remembered);
            if let Some(running) = &mut delivery
                && self.lead(running, &view)
                && let Some(finished) = delivery.take()
            {
                report = Some(self.finish(finished.id, &view)?);
            }
            std::thread::sleep(ROUND);
        }
        told(service::stopping("asked to stop"));
        self.remember(&view, &mut remembered);
        if let Some(interrupted) = delivery {
            let _a_session_at_rest_refuses = self.desk.act(Act::Terminate);
            let _beam_is_off_whatever_comes =
                self.desk.wait_for(&[State::Complete, State::Tripped], Duration::from_secs(1));
            report = Some(self.finish(interrupted.id, &view)?);
        }
        Ok(report)
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
                    warn!("the history of dosimetry faults cannot be kept: {error}");
                }
            }
        }
    }

    /// Takes two ids for the delivery that was asked for at once, and starts its record.
    fn begin(&self, ids: &mut DeliveryIds) -> Result<Running, RunError> {
        if let Some(file) = self.wish.seal.broken() {
            return Err(RunError::Changed(file.to_owned()));
        }
        let proof = ids.next_id().map_err(RunError::Ids)?;
        let id = ids.next_id().map_err(RunError::Ids)?;
        // before the first frame of the delivery, so that no death is forgotten
        self.mark.set(id)?;
        self.journal.begin(id, &self.wish.prepared.machine, &self.wish.prepared.order)?;
        let directory: &PathBuf = &self.wish.site.records_directory;
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
        let operator = Autopilot::new(proof, id, self.wish.prepared.order);
        Ok(Running { id, operator, state: State::Inhibited, since: clock::now() })
    }

    /// Leads the delivery a step further; true when there is nothing left to wait for.
    fn lead(&self, running: &mut Running, view: &View) -> bool {
        let progress = view.progress();
        if let Some(act) = running.operator.next_act(progress.state)
            && let Ok(Err(refused)) = self.desk.act(act)
        {
            warn!("refused: {} while {}", refused.event.name(), refused.state.name());
        }
        if progress.state != running.state {
            (running.state, running.since) = (progress.state, clock::now());
        }
        running.operator.is_done(&progress, clock::now(), running.since, PATIENCE)
    }

    fn finish(&self, id: u16, view: &View) -> Result<Report, RunError> {
        let progress = view.progress();
        let mut report = Report::new(self.wish.prepared.planned.clone(), id, &progress);
        report.add_timing(&progress);
        report.add_remainder(&self.wish.prepared, &progress);
        report.continues = self.continues;
        report.notices.extend(self.journal.failed().map(|error| format!("the delivered dose was not kept: {error}")));
        report.records_lost = view.lost_records().iter().sum();
        report.notices.extend(self.wish.prepared.notices.iter().cloned());
        report.notices.extend(self.refusals.iter().cloned());
        if let Ok(Some(recorder)) = self.desk.stop_recording() {
            report.records = Some(recorder.folder().display().to_string());
            recorder.finish(report.json())?;
        }
        info!("{}", report.text().lines().next().unwrap_or_default());
        let physicist =
            |fault: &&(Ticks, Option<Guard>, FaultReport)| fault.2.fault.clearance() == Clearance::Physicist;
        let never_armed = matches!(progress.state, State::Inhibited | State::Ready);
        if (progress.is_over() || never_armed) && !progress.faults.iter().any(|fault| physicist(&fault)) {
            self.mark.clear()?;
        }
        Ok(report)
    }
}

/// A delivery under way.
struct Running {
    id: u16,
    operator: Autopilot,
    state: State,
    since: Ticks,
}

fn status_line(view: &View) -> String {
    let progress = view.progress();
    let [first, second] = progress.delivered.map(mu);
    let standing: Vec<_> = progress.standing().into_iter().map(Fault::name).collect();
    let blocked = if standing.is_empty() { String::new() } else { format!(", standing: {}", standing.join(" ")) };
    format!("{}, MU 1 {first:.2}, MU 2 {second:.2}{blocked}", progress.state.name())
}

/// Guards write records, never logs; what of their records is worth a line is logged here, in the session thread.
fn log(entry: &Entry) {
    use beam_core::note::Note;
    use beam_core::record::Body;
    use beam_core::session::SessionNote;
    match entry {
        Entry::Guard(record) => match &record.body {
            Body::Note(Note::Fault(report)) => warn!("{}", fault_line(report, record.guard.name())),
            Body::Note(Note::Warning(report)) => warn!("warning: {}", fault_json(report, record.guard.name())),
            Body::Trouble { bus, trouble } => warn!("bus {bus:?}: {trouble:?}"),
            _ => {}
        },
        Entry::Session(_, SessionNote::State(state)) => info!("{}", state.name()),
        Entry::Session(_, SessionNote::Ended(by)) => info!("ended by {}", by.name()),
        Entry::Session(_, SessionNote::Fault(report)) => warn!("{}", fault_line(report, "session")),
        Entry::Session(_, SessionNote::ProofFailed(guard, step)) => {
            warn!("proof of {} failed: {}", guard.name(), step.name())
        }
        Entry::Session(_, SessionNote::Proven(guard)) => info!("{} is proven", guard.name()),
    }
}

fn told(result: io::Result<()>) {
    if let Err(error) = result {
        warn!("systemd cannot be told: {error}");
    }
}

fn stop(desk: Desk, crew: Crew) {
    desk.stop();
    crew.join();
}
