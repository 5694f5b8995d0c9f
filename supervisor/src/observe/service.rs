//! The service that only observes: it listens on real buses beside whoever governs the gate, keeps a record of every delivery
//! and says after each what these guards would have done.
//!
//! It shares nothing with a supervisor on the same computer but the buses: it holds them by another name, and touches neither
//! the delivery counter nor the mark of an unclean end, the dose journal or the history of faults, because it delivers nothing.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use beam_core::fault::Fault;
use beam_core::frame::Bus;
use beam_core::note::FrameCounts;
use beam_core::units::Span;
use beam_drivers::clock;
use beam_drivers::interface::interface_facts;
use beam_drivers::realtime::prepare_process;
use beam_drivers::socketcan::SocketCanListener;
use beam_drivers::wait::wait;
use nix::sys::signalfd::SignalFd;
use tracing::{info, warn};

use crate::conductor::Entry;
use crate::config::{Seal, Site};
use crate::describe::mu;
use crate::desk::View;
use crate::logged::Logged;
use crate::metrics::Metrics;
use crate::prepared::Prepared;
use crate::publish::Publisher;
use crate::run::{block_signals, bus_names, hold_name, serve, thread_wishes};
use crate::run_error::RunError;
use crate::service;
use crate::watch::{ROUND, silent_guards, told};

use super::keeper::Keeper;
use super::ports::observing_ports;
use super::surroundings::{Air, Change, Surroundings};
use super::watching::Watching;
use super::{Told, as_observed};

/// How long the account of an unfinished delivery is waited for when the service is to stop.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the service is asked for.
#[derive(Debug)]
pub struct Wish {
    /// The service's configuration.
    pub site: Site,
    /// The configuration files as they were when they were checked.
    pub seal: Seal,
    /// The machine, and the plan that every delivery is judged by.
    pub prepared: Prepared,
    /// Where the air of vented chambers is read anew.
    pub air: Option<Air>,
}

/// Observes one delivery after the other until asked to stop.
///
/// # Errors
/// [`RunError`] when it cannot start.
pub fn observe(mut wish: Wish) -> Result<(), RunError> {
    let signals = block_signals()?;
    let _held_until_the_end = hold_buses(&wish.site)?;
    let mut refusals: Vec<String> = prepare_process().iter().map(ToString::to_string).collect();
    examine_buses(&wish.site);
    let metrics = Arc::new(Metrics::for_this_build()?);
    metrics.set_mode(wish.prepared.period_scale, wish.prepared.is_unprotected, true);
    let view = Arc::new(View::default());
    let around = Surroundings::new(&wish.site.interfaces(), wish.air.take(), clock::now());
    let wish = &wish;
    let mut service = Service {
        wish,
        prepared: wish.prepared.clone(),
        around,
        publisher: Publisher::new(Arc::clone(&metrics)),
        view: Arc::clone(&view),
        keeper: Keeper::new(
            wish.prepared.clone(),
            &wish.seal,
            &wish.site.records_directory,
            bus_names(&wish.site),
            view,
        ),
        counted: [FrameCounts::default(); 4],
    };
    let watching = service.watch(service.keeper.number())?;
    refusals.extend(watching.refusals().iter().map(|(guard, refusal)| format!("guard {}: {refusal}", guard.name())));
    if wish.prepared.requires_real_time && !refusals.is_empty() {
        return Err(RunError::Refused(refusals));
    }
    refusals.iter().for_each(|refusal| warn!("{refusal}"));
    metrics.set_realtime_refusals(refusals.len());
    service.keeper.know(refusals);
    serve(&wish.site, metrics, Arc::clone(&service.view))?;
    service.announce();
    service.until_stopped(watching, &signals)
}

struct Service<'a> {
    wish: &'a Wish,
    /// What the guards judge by now.
    prepared: Prepared,
    around: Surroundings,
    publisher: Publisher,
    view: Arc<View>,
    keeper: Keeper<'a>,
    counted: [FrameCounts; 4],
}

impl Service<'_> {
    fn until_stopped(&mut self, mut watching: Watching, signals: &SignalFd) -> Result<(), RunError> {
        let mut is_ready = false;
        let feed_every = service::watchdog_period().unwrap_or(Span::from_secs(1));
        let mut next_feed = clock::now();
        while !matches!(signals.read_signal(), Ok(Some(_))) {
            let news: Vec<Told> = watching.told.try_iter().collect();
            if news.iter().any(is_over) {
                self.counted = watching.stop();
                // new guards first: the gate may be taken up already, and a disk may be slow
                let next = self.watch(self.keeper.next_number());
                news.into_iter().for_each(|told| self.take(told));
                watching = next?;
            } else {
                news.into_iter().for_each(|told| self.take(told));
            }
            if !self.keeper.is_following()
                && let Some(change) = self.around.look(clock::now())
                && self.follows_from(change)
            {
                self.counted = watching.stop();
                watching = self.watch(self.keeper.number())?;
            }
            let now = clock::now();
            let turning = silent_guards(&self.view, now).is_empty();
            if turning && !is_ready {
                is_ready = true;
                told(service::ready("observing, no permit is sent"));
            }
            if turning && now >= next_feed {
                next_feed = now.after(feed_every);
                told(service::feed_watchdog());
                told(service::status(&self.status()));
                self.publisher.context_switches();
            }
            self.publisher.losses(&self.view);
            let [_a_signal_is_answered_at_once] = wait([signals.as_fd()], clock::now().after(ROUND));
        }
        told(service::stopping("asked to stop observing"));
        watching.ask_to_end();
        while let Ok(one) = watching.told.recv_timeout(PATIENCE) {
            let is_last = is_over(&one);
            self.take(one);
            if is_last {
                break;
            }
        }
        let _nothing_is_counted_any_more = watching.stop();
        Ok(())
    }

    /// Whether a change of the surroundings asks for new guards.
    fn follows_from(&mut self, change: Change) -> bool {
        let calibration = |prepared: &Prepared| prepared.machine.monitors.map(|monitor| monitor.dose_per_charge);
        match change {
            Change::Interface(name) => {
                warn!("{name} is another interface than before: listening anew");
                true
            }
            Change::Air(prepared) => {
                let is_new = calibration(&prepared) != calibration(&self.prepared);
                self.prepared = *prepared;
                self.keeper.judge_by(self.prepared.clone(), None);
                is_new
            }
            Change::AirUnknown(why) => {
                if self.keeper.doubt().is_none() {
                    warn!("{why}");
                }
                let doubt = "judged by an earlier reading of the chambers' air: there is no good one of now".to_owned();
                self.keeper.judge_by(self.prepared.clone(), Some(doubt));
                false
            }
        }
    }

    /// New guards, for delivery `number`.
    fn watch(&self, number: u16) -> Result<Watching, RunError> {
        let Self { prepared, wish: Wish { site, .. }, .. } = self;
        let [bus_a, bus_b] = bus_names(site);
        let ports = observing_ports(&as_observed(&prepared.machine), |_, bus, ids| {
            let name = match bus {
                Bus::A => &bus_a,
                Bus::B => &bus_b,
            };
            SocketCanListener::open(name, ids).map_err(|error| RunError::Unavailable(error.to_string()))
        })?;
        let (bridge, mut logged) = (self.publisher.clone(), Logged::default());
        let sink = move |entry: &Entry| {
            bridge.entry(entry);
            logged.entry(entry);
        };
        let [first, second] = prepared.machine.monitors;
        let order = &prepared.order;
        self.publisher.plan(first.dose_per_charge.dose(order.preset), second.dose_per_charge.dose(order.backup));
        let numbers = (number, self.counted);
        Ok(Watching::start(prepared, ports, thread_wishes(site), numbers, Arc::clone(&self.view), sink)?)
    }

    fn announce(&self) {
        let [bus_a, bus_b] = bus_names(&self.wish.site);
        let machine = &self.wish.prepared.planned.machine;
        info!("observing: machine {machine}, bus A {bus_a}, bus B {bus_b}; no permit is sent");
        for notice in &self.wish.prepared.notices {
            warn!("{notice}");
        }
    }

    fn status(&self) -> String {
        let progress = self.view.progress();
        if !self.keeper.is_following() {
            let standing: Vec<_> = progress.standing().into_iter().map(Fault::name).collect();
            let blocked =
                if standing.is_empty() { String::new() } else { format!(", standing: {}", standing.join(" ")) };
            return format!("observing, waiting for a delivery{blocked}; no permit is sent");
        }
        let [first, second] = progress.delivered.map(mu);
        let number = self.keeper.number();
        let state = progress.state.name();
        format!("observing delivery {number}, MU 1 {first:.2}, MU 2 {second:.2}, would be {state}; no permit is sent")
    }

    /// Takes one thing that the observer told.
    fn take(&mut self, told: Told) {
        self.keeper.take(told);
        if let Some(report) = self.keeper.report() {
            // `print!` would panic where nobody reads
            let _nobody_may_read_it = std::io::stdout().write_all(report.text().as_bytes());
        }
    }
}

/// The guards have done their work, and whatever comes next is for new ones.
const fn is_over(told: &Told) -> bool {
    matches!(told, Told::Over(_))
}

/// An observer holds a bus by its own name: it may stand beside the supervisor that governs the gate, not beside another
/// observer, which would write the same.
fn hold_buses(site: &Site) -> Result<Vec<UnixDatagram>, RunError> {
    let hold = |interface: &str| {
        hold_name("beam-observer", interface).map_err(|error| match error {
            RunError::SecondInstance(interface) => RunError::SecondObserver(interface),
            other => other,
        })
    };
    site.interfaces().into_iter().map(hold).collect()
}

/// Says what of a bus is not set up as an observer wants it.
fn examine_buses(site: &Site) {
    for interface in site.interfaces() {
        match interface_facts(interface) {
            Ok(facts) => facts.objections_to_observing().iter().for_each(|what| warn!("{interface} {what}")),
            Err(error) => warn!("{interface}: its set-up cannot be read: {error}"),
        }
    }
}
