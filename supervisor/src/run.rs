//! `beam-supervisor run`: the service on real buses. It opens them, starts the guards and the session, serves the metrics,
//! lets [`watch`](crate::watch) look after it all, and ends when it is asked to: beam off first, then a clean stop.

use std::cell::Cell;
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::Bus;
use beam_core::wire::Guard;
use beam_drivers::clock;
use beam_drivers::interface::interface_facts;
use beam_drivers::realtime::{ThreadWish, prepare_process};
use beam_drivers::socketcan::SocketCanPort;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tracing::{info, warn};

use crate::conductor::Conductor;
use crate::config::{Seal, Site};
use crate::crew;
use crate::delivery_ids::DeliveryIds;
use crate::desk::{Desk, View};
use crate::dose_journal::DoseJournal;
use crate::fault_history::{FaultHistory, wall_seconds};
use crate::hot::Ports;
use crate::logged::Logged;
use crate::metrics::{self, Metrics};
use crate::prepared::Prepared;
use crate::publish::Publisher;
use crate::report::Report;
use crate::rest::{Continues, Rest};
pub use crate::run_error::RunError;
use crate::service;
use crate::unclean_end::{UncleanEnd, ended_cleanly};
use crate::watch::{Watch, silent_guards};
use crate::wiring::{Line, seat_guards};

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
    let (crew, lines, refusals) = start_guards(&wish)?;
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
    let (bridge, written, mut logged) = (publisher.clone(), journal.clone(), Logged::default());
    let desk = Desk::start(Conductor::new(&wish.prepared.machine, lines), standing, move |entry| {
        bridge.entry(entry);
        written.entry(entry);
        logged.entry(entry);
    })?;
    serve(&wish.site, metrics, desk.view())?;
    announce(&wish);
    let arms = wish.arm_now && may_arm(standing, wish.next_delivery_id);
    if wish.arm_now && wish.next_delivery_id.is_some() {
        warn!("the delivery counter was entered, so nothing is armed: start again without --next-delivery-id");
    }
    let mut wish = wish;
    let continues = match found {
        Some(delivery) => after(delivery, &mut wish, unclean, &journal)?,
        None => nothing_is_claimed(wish.output_check_done, wish.accept_remaining).map(|()| None)?,
    };
    // the delivery that begins now puts its own mark in the place of this one
    if !unclean && !arms {
        mark.clear()?;
    }
    let watch = Watch {
        wish: &wish,
        desk: &desk,
        publisher: &publisher,
        signals: &signals,
        refusals: &refusals,
        mark: &mark,
        journal: &journal,
        history: &history,
        continues,
        told_unrecorded: Cell::new(false),
    };
    let report = watch.until_stopped(&mut ids, arms)?;
    let view = desk.view();
    desk.stop();
    crew.join();
    if report.is_some() {
        take_the_mark_away(&mark, &view, &wish.prepared);
    }
    Ok(report)
}

/// Opens the buses and sets the four guards going on them; the way to the guards, and what the kernel refused them.
fn start_guards(wish: &Wish) -> Result<(crew::Crew, [Line; 4], Vec<String>), RunError> {
    let mut refusals: Vec<String> = prepare_process().iter().map(ToString::to_string).collect();
    let ports = open_buses(wish)?;
    examine_buses(&wish.site);
    let (seats, lines) = seat_guards(&wish.prepared.machine);
    let crew = crew::start(seats, ports, thread_wishes(&wish.site))?;
    refusals.extend(crew.refusals.iter().map(|(guard, refusal)| format!("guard {}: {refusal}", guard.name())));
    if wish.prepared.requires_real_time && !refusals.is_empty() {
        return Err(RunError::Refused(refusals));
    }
    refusals.iter().for_each(|refusal| warn!("{refusal}"));
    Ok((crew, lines, refusals))
}

/// The very last that can fail: whatever ends this process before, a thread that never comes back among them, leaves the
/// mark, and the process that systemd starts instead arms nothing. From here on it ends without being started again.
pub(crate) fn take_the_mark_away(mark: &UncleanEnd, view: &View, prepared: &Prepared) {
    let is_whole = view.unrecorded().is_none() && view.lost_records() == [0; 4];
    if is_whole
        && ended_cleanly(&view.progress(), prepared)
        && let Err(error) = mark.clear()
    {
        warn!("the mark of the delivery's end could not be taken away: {error}");
    }
}

/// Whether a delivery may begin at once: nothing stands against it, and this start did not just enter the counter, which a
/// lost state directory lacks as a new machine does.
fn may_arm(standing: FaultSet, entered: Option<u16>) -> bool {
    standing.is_empty() && entered.is_none()
}

/// What is to be said and done after `delivery`, which did not end cleanly: nothing is armed while that is `unclean`; once a
/// person has done the output check, the rest that they accepted takes the place of the plan.
fn after(delivery: u16, wish: &mut Wish, unclean: bool, journal: &DoseJournal) -> Result<Option<Continues>, RunError> {
    let rest = Rest::of(delivery, &wish.site.state_directory, journal);
    if unclean {
        warn!("{}", rest.refusal());
        return Ok(None);
    }
    info!("{}", rest.checked());
    let Some(accepted) = wish.accept_remaining else { return Ok(None) };
    let (prepared, continues) = rest.accept(accepted, &wish.prepared).map_err(RunError::Remaining)?;
    wish.prepared = prepared;
    Ok(continues)
}

/// Refuses what a person said of a delivery that did not end cleanly when there is none: left in a command line, it would
/// speak for them after the next death.
fn nothing_is_claimed(output_check_done: Option<u16>, accept_remaining: Option<f64>) -> Result<(), RunError> {
    if output_check_done.is_none() && accept_remaining.is_none() {
        return Ok(());
    }
    let what = "--output-check-done, --accept-remaining: no delivery ended uncleanly here";
    Err(RunError::Remaining(format!("{what}\n    fix: start without them")))
}

/// What stands against a beam from before this start. After an unclean end the word that a fault was `cleared` does not count:
/// left in the command line, it was given before what happened since.
fn standing(unclean: bool, history: &FaultHistory, cleared: bool) -> io::Result<FaultSet> {
    let mut standing = if unclean { FaultSet::EMPTY.with(Fault::OutputCheckDue) } else { FaultSet::EMPTY };
    let now = wall_seconds();
    if cleared && !unclean {
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
    hold_name("beam-supervisor", interface)
}

/// Holds one bus under the name of what the process is.
pub(crate) fn hold_name(what: &str, interface: &str) -> Result<UnixDatagram, RunError> {
    let name = SocketAddr::from_abstract_name(format!("{what}/{interface}"))?;
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

pub(crate) fn thread_wishes(site: &Site) -> [ThreadWish; 4] {
    site.threads.map(|thread| ThreadWish::guard(thread.priority, thread.cpu.map(usize::from)))
}

/// The interfaces of bus A and bus B; the same where one carries all.
pub(crate) fn bus_names(site: &Site) -> [String; 2] {
    [site.bus_a.clone(), site.bus_b.clone().unwrap_or_else(|| site.bus_a.clone())]
}

pub(crate) fn serve(site: &Site, metrics: Arc<Metrics>, view: Arc<View>) -> Result<(), RunError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trips_a_start_that_speaks_for_a_person_who_is_not_there() {
        assert!(nothing_is_claimed(Some(6), None).is_err());
        let why = nothing_is_claimed(None, Some(1.5)).unwrap_err().to_string();
        assert!(why.contains("--accept-remaining") && why.contains("fix: "), "{why}");
        assert!(!may_arm(FaultSet::EMPTY, Some(1)));
        assert!(!may_arm(FaultSet::EMPTY.with(Fault::OutputCheckDue), None));
    }

    #[test]
    fn holds_a_start_in_which_nothing_is_left_to_say() {
        assert!(nothing_is_claimed(None, None).is_ok());
        assert!(may_arm(FaultSet::EMPTY, None));
    }

    #[test]
    fn trips_the_physicists_word_on_a_fault_that_came_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let history = FaultHistory::new(folder.path());
        let now = wall_seconds();
        for _ in 0..2 {
            history.add(now, Fault::NoPulse).unwrap();
        }
        // an automatic start after a death finds the same words in its command line
        let standing = standing(true, &history, true).unwrap();
        assert!(standing.contains(Fault::FaultRepeated) && standing.contains(Fault::OutputCheckDue), "{standing:?}");
        assert!(super::standing(false, &history, true).unwrap().is_empty());
    }
}
