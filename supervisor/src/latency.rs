//! `beam-supervisor latency`: how late the guards wake and how long a permit takes on the computer that they are to run on.
//!
//! The four guards are the service's own, in its own loop ([`hot::run_watched`](crate::hot::run_watched)) and set up as it
//! sets them up: locked memory, SCHED_FIFO, a core, exact timers. Three of them are at rest and renew their permits; dose
//! guard 1 has an order without end and renews its lease after each frame of a chamber, which the [`peer`] plays. Nothing
//! allocates in these five threads once they turn. Only the guard's age limits are taken away, so that it goes on counting
//! where in service it would have ended the beam; [`verdict`] holds what was counted against the profile.

pub mod endless;
pub mod histogram;
pub mod host;
pub mod peer;
pub mod plot;
pub mod tell;
pub mod verdict;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::note::{Command, Note};
use beam_core::record::Body;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{BEAM_CHARGE, GATE_STATUS, Guard, LINAC_STATUS, MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS};
use beam_drivers::clock;
use beam_drivers::realtime::{Refusal, ThreadFaults, ThreadWish, prepare_process, spawn, thread_faults};
use beam_drivers::socketcan::SocketCanPort;
use beam_drivers::socketpair::{PairPort, pair};
use beam_drivers::wait::wait;
use beam_drivers::{Event, Port};
use crossbeam::channel::bounded;
use nix::sys::signalfd::SignalFd;

use crate::crew;
use crate::hot::{Ports, Seat, run_watched};
use crate::report::fault_line;
use crate::wiring::{Line, seat_guards};
use histogram::Histogram;
use host::{Host, Scheduling, scheduling};
use peer::{Answers, End, Peer, Shared};
use verdict::{JUDGED_PERCENTILE, Measured, Verdict, judge};

/// How often the rings are emptied.
const ROUND: Duration = Duration::from_millis(20);
/// How long dose guard 1 may take to give its permit.
const START_PATIENCE: Span = Span::from_secs(10);
/// How long a bus must be silent: four periods of the slowest frame of the bus contract.
const LISTENING: Span = Span::from_millis(200);

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The profile's name.
    pub machine_name: String,
    /// The profile's machine.
    pub machine: Machine,
    /// Whether its profile requires real-time scheduling.
    pub requires_real_time: bool,
    /// What the guards' threads wish for, in the order of [`Guard::ALL`].
    pub threads: [ThreadWish; 4],
    /// For how long.
    pub span: Span,
    /// Ends after so many answered frames.
    pub frames: u64,
    /// The CAN interface of dose guard 1; socket pairs where there is none.
    pub bus: Option<String>,
}

/// One guard's thread.
#[derive(Clone, Debug)]
pub struct GuardSeen {
    /// Which.
    pub guard: Guard,
    /// Lateness of each wake-up at a deadline.
    pub lateness: Histogram,
    /// How the kernel schedules it.
    pub scheduling: Scheduling,
    /// Page faults and context switches while it was measured.
    pub faults: ThreadFaults,
}

/// All that was measured.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The computer.
    pub host: Host,
    /// For how long.
    pub elapsed: Span,
    /// Whether a signal ended it.
    pub interrupted: bool,
    /// What the kernel refused, each once.
    pub refusals: Vec<String>,
    /// The guards, in the order of [`Guard::ALL`].
    pub guards: Vec<GuardSeen>,
    /// Frame to permit.
    pub answers: Answers,
    /// What dose guard 1 found wrong.
    pub fault: Option<String>,
    /// What follows.
    pub verdict: Verdict,
}

/// How far a measurement is.
#[derive(Clone, Copy, Debug)]
pub struct Far {
    /// Since its start.
    pub elapsed: Span,
    /// Worst wake-up of all guards.
    pub lateness: Span,
    /// Frames answered.
    pub answered: u64,
    /// Longest answer.
    pub longest: Span,
}

/// A guard's thread that turns.
struct Started {
    guard: Guard,
    refusals: Vec<Refusal>,
    thread: JoinHandle<(Histogram, Scheduling, ThreadFaults)>,
}

/// Measures until the time is over, enough frames are answered, or a signal comes. `show` is told once a second how far it is.
///
/// # Errors
/// When a socket, an interface or a thread cannot be had; the text says what to do.
pub fn measure(wish: &Wish, signals: &SignalFd, mut show: impl FnMut(&Far)) -> io::Result<Measurement> {
    let mut refused = prepare_process();
    let machine = endless::machine(&wish.machine);
    let shared = Arc::new(Shared::default());
    let (ports, peer) = open(wish, &machine, &shared)?;
    let (seats, lines) = seat_guards(&machine);
    let worst = Arc::new(AtomicU64::new(0));
    let threads = start(seats, ports, wish.threads, &worst)?;
    let highest = wish.threads.iter().filter_map(|thread| thread.fifo_priority).max();
    let above =
        ThreadWish { fifo_priority: highest.map(|priority| (priority + 1).min(99)), cpu: None, ..wish.threads[0] };
    let peer = spawn("latency-peer", above, move |refusals| (refusals, peer.run()))?;
    let mut watch = Watch { lines, signals, shared: &shared, worst: &worst, interrupted: false, fault: None };
    let begun = watch.begin();
    let start = clock::now();
    if begun {
        watch.until(start, wish.span, &mut show);
    }
    let elapsed = clock::now().since(start);
    shared.stop.store(true, Ordering::Relaxed);
    let (peer_refused, (open_until_the_guards_end, mut answers)) =
        peer.join().map_err(|_| io::Error::other("the peer's thread died"))?;
    if !begun {
        answers.ended = Some("dose guard 1 gave no permit within 10 s");
    }
    watch.drain();
    let (interrupted, fault) = (watch.interrupted, watch.fault.take());
    // without their lines the guards have no session, and end
    drop(watch);
    let mut guards = Vec::with_capacity(threads.len());
    for Started { guard, refusals, thread } in threads {
        refused.extend(refusals);
        let (lateness, scheduling, faults) = thread.join().map_err(|_| io::Error::other("a guard's thread died"))?;
        guards.push(GuardSeen { guard, lateness, scheduling, faults });
    }
    drop(open_until_the_guards_end);
    refused.extend(peer_refused);
    let (refused_any, requires_real_time) = (!refused.is_empty(), wish.requires_real_time);
    let measured = Measured { refused: refused_any, requires_real_time, interrupted, ..measured(&guards, &answers) };
    let verdict = judge(&measured, &wish.machine);
    let (host, refusals) = (Host::read(), each_once(&refused));
    Ok(Measurement { host, elapsed, interrupted, refusals, guards, answers, fault, verdict })
}

fn measured(guards: &[GuardSeen], answers: &Answers) -> Measured {
    // one guard that never woke leaves the worst unknown
    let each: Option<Vec<Span>> = guards.iter().map(|guard| guard.lateness.longest()).collect();
    Measured {
        frame_to_permit: answers.latency.percentile(JUDGED_PERCENTILE),
        lateness: each.and_then(|each| each.into_iter().reduce(Span::longer)),
        longest_answer: answers.latency.longest(),
        frames: answers.latency.count(),
        frames_refused: answers.refused,
        interrupted: false,
        broke_off: answers.ended.is_some(),
        refused: false,
        requires_real_time: false,
    }
}

fn each_once(refusals: &[Refusal]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for refusal in refusals.iter().map(ToString::to_string) {
        if !told.contains(&refusal) {
            told.push(refusal);
        }
    }
    told
}

/// The guards' ends of the buses, and the peer on the other ones.
fn open(wish: &Wish, machine: &Machine, shared: &Arc<Shared>) -> io::Result<([Ports<End>; 4], Peer)> {
    if let Some(interface) = &wish.bus {
        refuse_a_unit(interface)?;
    }
    let mut far = Vec::new();
    let mut near = Vec::new();
    for guard in Guard::ALL {
        let opened = crew::ports(guard, machine, |_bus: Bus, ids, own| {
            if let (Some(interface), Guard::Dose1) = (&wish.bus, guard) {
                return can(interface, ids, own);
            }
            let (ours, theirs) = pair()?;
            // the other bus has nothing to say here, and stays open as long as the measurement
            far.push((guard, own.is_some(), ids.contains(&MON1_DOSE), PairPort::new(theirs, None)?));
            Ok::<End, io::Error>(End::Pair(PairPort::new(ours, own)?))
        })?;
        near.push(opened);
    }
    let dose = match &wish.bus {
        Some(interface) => can(interface, &[Guard::Dose1.permit_id()], None)?,
        None => End::Pair(far.remove(0).3),
    };
    let (own, quiet): (Vec<_>, Vec<_>) = far.into_iter().partition(|(_, own, ..)| *own);
    let hears: Vec<bool> = own.iter().map(|(.., hears, _)| *hears && wish.bus.is_none()).collect();
    let permits: Vec<PairPort> = own.into_iter().map(|(.., port)| port).collect();
    let wrong = || io::Error::other("every guard has one bus of its own");
    let peer = Peer {
        dose,
        permits: permits.try_into().map_err(|_| wrong())?,
        hears_dose: hears.try_into().map_err(|_| wrong())?,
        quiet: quiet.into_iter().map(|(.., port)| port).collect(),
        period: machine.timing.permit,
        frames: wish.frames,
        shared: Arc::clone(shared),
    };
    Ok((near.try_into().map_err(|_| wrong())?, peer))
}

/// Refuses a bus on which a treatment unit speaks: the measurement sends a chamber's frames and permits there.
fn refuse_a_unit(interface: &str) -> io::Result<()> {
    let mut ids = vec![GATE_STATUS, LINAC_STATUS, MON1_DOSE, MON2_DOSE, MON1_STATUS, MON2_STATUS, BEAM_CHARGE];
    ids.extend(Guard::ALL.map(Guard::permit_id));
    let mut port = can(interface, &ids, None)?;
    let until = clock::now().after(LISTENING);
    while clock::now() < until {
        let _readable = wait([port.descriptor()], until);
        while let Some(event) = port.receive() {
            if let Event::Frame { frame, .. } = event {
                let what =
                    format!("{interface}: somebody sends 0x{:03x} there, so a treatment unit may be on it", frame.id);
                return Err(io::Error::other(format!(
                    "{what}\n    fix: take the unit off the bus, or measure without --bus"
                )));
            }
        }
    }
    Ok(())
}

fn can(interface: &str, ids: &[u16], own: Option<u16>) -> io::Result<End> {
    let opened = SocketCanPort::open(interface, ids, own);
    opened.map(End::Can).map_err(|error| io::Error::other(error.to_string()))
}

/// Starts the guards.
fn start(
    seats: [Seat; 4],
    ports: [Ports<End>; 4],
    wishes: [ThreadWish; 4],
    worst: &Arc<AtomicU64>,
) -> io::Result<Vec<Started>> {
    let mut threads = Vec::with_capacity(4);
    for ((mut seat, mut ports), wish) in seats.into_iter().zip(ports).zip(wishes) {
        let (ready, refusals) = bounded(1);
        let (who, worst) = (seat.who(), Arc::clone(worst));
        let thread = spawn(&crew::thread_name(who), wish, move |refusals| {
            let _nobody_waits_any_more = ready.send(refusals);
            drop(ready);
            let mut lateness = Histogram::default();
            let before = thread_faults();
            run_watched(&mut seat, &mut ports, &mut |due, woken| {
                // a frame before the deadline is no wake-up at the deadline
                if woken >= due {
                    lateness.add(woken.since(due));
                    worst.fetch_max(woken.since(due).nanos(), Ordering::Relaxed);
                }
            });
            let after = thread_faults();
            let faults = ThreadFaults {
                minor: after.minor - before.minor,
                major: after.major - before.major,
                voluntary_switches: after.voluntary_switches - before.voluntary_switches,
                involuntary_switches: after.involuntary_switches - before.involuntary_switches,
            };
            (lateness, scheduling(), faults)
        })?;
        let refusals = refusals.recv().map_err(|_| io::Error::other("a guard's thread did not start"))?;
        threads.push(Started { guard: who, refusals, thread });
    }
    Ok(threads)
}

/// What the ordinary thread does meanwhile.
struct Watch<'a> {
    lines: [Line; 4],
    signals: &'a SignalFd,
    shared: &'a Shared,
    worst: &'a AtomicU64,
    interrupted: bool,
    fault: Option<String>,
}

impl Watch<'_> {
    /// Arms dose guard 1 and waits for its permit.
    fn begin(&mut self) -> bool {
        let from = clock::now();
        let mut command = |command| {
            let line = &mut self.lines[Guard::Dose1.index()];
            let _room_for_one = line.commands.push(command);
        };
        command(Command::Arm { delivery: 1, order: endless::order() });
        // the chamber's first reading is what it counts from
        std::thread::sleep(10 * ROUND);
        command(Command::Deliver);
        while clock::now().since(from) < START_PATIENCE {
            if self.shared.delivering.load(Ordering::Relaxed) {
                return true;
            }
            self.drain();
            std::thread::sleep(ROUND);
        }
        false
    }

    fn until(&mut self, start: Ticks, span: Span, show: &mut impl FnMut(&Far)) {
        let mut next = start.after(Span::from_secs(1));
        loop {
            let now = clock::now();
            self.interrupted = matches!(self.signals.read_signal(), Ok(Some(_)));
            if self.interrupted || now.since(start) >= span || self.shared.ended.load(Ordering::Relaxed) {
                return;
            }
            if now >= next {
                next = next.after(Span::from_secs(1));
                show(&Far {
                    elapsed: now.since(start),
                    lateness: Span::from_nanos(self.worst.load(Ordering::Relaxed)),
                    answered: self.shared.answered.load(Ordering::Relaxed),
                    longest: Span::from_nanos(self.shared.longest.load(Ordering::Relaxed)),
                });
            }
            self.drain();
            std::thread::sleep(ROUND);
        }
    }

    /// Empties the rings, as the session does, and keeps the first fault of the guard that delivers.
    fn drain(&mut self) {
        for line in &mut self.lines {
            while let Ok(record) = line.records.pop() {
                if let (Guard::Dose1, Body::Note(Note::Fault(report))) = (record.guard, &record.body)
                    && self.fault.is_none()
                {
                    self.fault = Some(fault_line(report, record.guard.name()));
                }
            }
        }
    }
}
