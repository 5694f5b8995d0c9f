//! `beam-supervisor demo`: the main job with no hardware. The treatment unit is simulated; guards, rings, session, recorder
//! and metrics are the real ones. In real time over socket pairs, or with `--fast` in virtual time.

use std::io::{self, IsTerminal};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use beam_core::fault::FaultSet;
use beam_core::machine::Machine;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::Guard;
use beam_drivers::clock;
use beam_drivers::realtime::{ThreadWish, prepare_process};
use beam_drivers::sim::{Injection, RealTimeUnit, Unit};
use beam_drivers::socketpair::PairPort;

use crate::autopilot::Autopilot;
use crate::conductor::Conductor;
use crate::crew;
use crate::desk::Desk;
use crate::live::LiveLine;
use crate::metrics::{self, Metrics};
use crate::prepared::Prepared;
use crate::progress::Progress;
use crate::publish::Publisher;
use crate::recorder::Recorder;
use crate::report::Report;
use crate::treatment_unit::unit_for;
use crate::wiring::seat_guards;
use crate::world::World;

/// Id of the proof and of the delivery: a simulated gate remembers nothing, so the demo needs no durable counter.
const IDS: (u16, u16) = (1, 2);
/// How long the console waits with its request after the gate opened.
const REQUEST_AFTER: Span = Span::from_millis(300);
/// How long a demo waits for what never comes.
const PATIENCE: Span = Span::from_secs(10);

/// What a demo is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The machine and the plan.
    pub prepared: Prepared,
    /// The fault that is put in, and the pulse at which it begins.
    pub fault: Option<(Injection, u32)>,
    /// Seed of the noise.
    pub seed: u64,
    /// Where the record is kept.
    pub records: Option<PathBuf>,
    /// Whether progress is shown.
    pub show_progress: bool,
    /// What the simulated unit's thread wishes for: with a fixed priority it keeps its time on a busy computer, as a real unit
    /// does.
    pub unit_thread: ThreadWish,
}

impl Wish {
    fn unit(&self) -> Unit {
        let Prepared { machine, order, .. } = &self.prepared;
        let config = unit_for(machine, order, REQUEST_AFTER);
        Unit::new(&config, self.seed, self.fault.as_slice())
    }

    fn report(&self, progress: &Progress) -> Report {
        let mut report = Report::new(&self.prepared, IDS.1, progress);
        report.notices.extend(self.prepared.notices.iter().cloned());
        report
    }
}

/// The demo in virtual time.
///
/// # Errors
/// When the record cannot be written.
pub fn fast(wish: &Wish) -> io::Result<Report> {
    let Prepared { machine, order, .. } = &wish.prepared;
    let config = unit_for(machine, order, REQUEST_AFTER);
    let mut world = World::new(machine, &config, wish.seed, wish.fault.as_slice());
    let mut recorder = wish.recorder(Ticks::ZERO)?;
    let mut progress = Progress::default();
    let mut operator = Autopilot::new(IDS.0, IDS.1, *order, machine);
    let (mut state, mut since) = (State::Inhibited, Ticks::ZERO);
    while !operator.is_done(&progress, world.now(), since, PATIENCE) {
        let mut sink = |entry: &crate::conductor::Entry| {
            progress.add(entry);
            if let Some(recorder) = &mut recorder {
                recorder.take_waiting(entry);
            }
        };
        world.step(&mut sink);
        if let Some(act) = operator.next_act(world.conductor().session().state()) {
            let _the_act_fits_the_state = world.act(&act, &mut sink);
        }
        if progress.state != state {
            (state, since) = (progress.state, world.now());
        }
    }
    let mut report = wish.report(&progress);
    report.add_truth(&world.truth(), wish.fault.map(|(_, pulse)| pulse));
    report.lost_records(world.conductor().lost().iter().sum());
    finish_record(recorder, &mut report)?;
    Ok(report)
}

/// The demo in real time.
///
/// # Errors
/// When a socket, a thread or the record cannot be made.
pub fn real_time(wish: &Wish) -> io::Result<Report> {
    let Prepared { machine, order, .. } = &wish.prepared;
    let mut refusals: Vec<String> = prepare_process().iter().map(ToString::to_string).collect();
    let mut unit = RealTimeUnit::new(wish.unit());
    let ports = open_ports(&mut unit, machine)?;
    let unit = unit.start(wish.unit_thread)?;
    let (seats, lines) = seat_guards(machine);
    let crew = crew::start(seats, ports, [ThreadWish::guard(50, None); 4])?;
    refusals.extend(crew.refusals.iter().map(|(guard, refusal)| format!("guard {}: {refusal}", guard.name())));
    let (publisher, address) = serve_metrics(&wish.prepared, refusals.len())?;
    let bridge = publisher.clone();
    let desk = Desk::start(Conductor::new(machine, lines), FaultSet::EMPTY, move |entry| bridge.entry(entry))?;
    if let Some(recorder) = wish.recorder(clock::now())? {
        let _a_fresh_session_answers = desk.record(recorder);
    }
    deliver(wish, &desk, &publisher, Autopilot::new(IDS.0, IDS.1, *order, machine));

    let view = desk.view();
    let recorder = desk.stop_recording().ok().flatten();
    desk.stop();
    crew.join();
    unit.stop();
    let truth = unit.join();
    let progress = view.progress();
    let mut report = wish.report(&progress);
    report.add_timing(&progress);
    report.add_truth(&truth, wish.fault.map(|(_, pulse)| pulse));
    report.lost_records(view.lost_records().iter().sum());
    report.metrics = Some(address);
    report.notices.extend(summarise(&refusals));
    finish_record(recorder, &mut report)?;
    Ok(report)
}

fn open_ports(unit: &mut RealTimeUnit, machine: &Machine) -> io::Result<[crate::hot::Ports<PairPort>; 4]> {
    let mut open =
        |guard: Guard| crew::ports(guard, machine, |bus, ids, own| PairPort::new(unit.endpoint(bus, ids)?, own));
    Ok([open(Guard::Dose1)?, open(Guard::Dose2)?, open(Guard::Time)?, open(Guard::Interlock)?])
}

fn serve_metrics(prepared: &Prepared, refusals: usize) -> io::Result<(Publisher, String)> {
    let metrics = Arc::new(Metrics::for_this_build()?);
    metrics.set_mode(prepared.period_scale, prepared.is_unprotected, false);
    metrics.set_realtime_refusals(refusals);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}/metrics", listener.local_addr()?);
    let pages = metrics::router(Arc::clone(&metrics), || Ok("a demo runs".to_owned()));
    let _it_ends_with_the_process = metrics::serve(listener, pages)?;
    Ok((Publisher::new(metrics), address))
}

fn deliver(wish: &Wish, desk: &Desk, publisher: &Publisher, mut operator: Autopilot) {
    let view = desk.view();
    let mut live = LiveLine::new(wish.show_progress, io::stderr().is_terminal());
    let (mut state, mut since) = (State::Inhibited, clock::now());
    loop {
        let progress = view.progress();
        if let Some(act) = operator.next_act(progress.state) {
            let _what_is_refused_shows_in_the_report = desk.act(act);
        }
        if progress.state != state {
            (state, since) = (progress.state, clock::now());
        }
        live.show(clock::now(), &wish.prepared.planned, &progress);
        publisher.losses(&view);
        if operator.is_done(&progress, clock::now(), since, PATIENCE) {
            live.end();
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The same refusal of four guards is one notice.
fn summarise(refusals: &[String]) -> Vec<String> {
    let mut notices: Vec<String> = Vec::new();
    for refusal in refusals {
        let what = refusal.split_once(": ").map_or(refusal.as_str(), |(guard, what)| {
            if guard.starts_with("guard ") { what } else { refusal.as_str() }
        });
        if !notices.iter().any(|notice| notice == what) {
            notices.push(what.to_owned());
        }
    }
    notices
}

fn finish_record(recorder: Option<Recorder>, report: &mut Report) -> io::Result<()> {
    let Some(recorder) = recorder else { return Ok(()) };
    report.records = Some(recorder.folder().display().to_string());
    recorder.finish(report.json(), || {})?;
    Ok(())
}

impl Wish {
    fn recorder(&self, now: Ticks) -> io::Result<Option<Recorder>> {
        let start = |directory: &PathBuf| {
            Recorder::start(directory, IDS.1, ["can0".to_owned(), "can1".to_owned()], now).map_err(|error| {
                let text = format!("{}: {error}\n    fix: choose another folder for --records", directory.display());
                io::Error::new(error.kind(), text)
            })
        };
        self.records.as_ref().map(start).transpose()
    }
}
