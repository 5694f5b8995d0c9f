//! An observer in virtual time: the four guards, their ends of the buses and the session as `run --observe` makes them, over
//! socket pairs. It hears frames that others have sent; at the other ends of the pairs everything that it sends would arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use beam_core::fault::FaultSet;
use beam_core::frame::{Bus, Frame};
use beam_core::machine::{Machine, Order};
use beam_core::note::{FrameCounts, Input};
use beam_core::record::Stamps;
use beam_core::units::{Span, Ticks};
use beam_core::wire::Guard;
use beam_drivers::observing::ObservingPort;
use beam_drivers::socketpair::{PairListener, PairPort, pair};
use beam_drivers::{Event, Port};
use beam_supervisor::conductor::Entry;
use beam_supervisor::describe::mu;
use beam_supervisor::hot::{NotTaken, Ports, Seat};
use beam_supervisor::observe::account::Account;
use beam_supervisor::observe::ports::observing_ports;
use beam_supervisor::observe::report::ObservedReport;
use beam_supervisor::observe::{Observer, Told, as_observed};
use beam_supervisor::report::Planned;
use beam_supervisor::wiring::seat_guards;
use crossbeam::channel::Receiver;

use crate::Trial;

/// How often the observer turns, if it is not held up.
const TURN: Span = Span::from_millis(1);

/// The other end of one guard's end of one bus, and what that guard hears there.
struct Peer {
    guard: Guard,
    bus: Bus,
    ids: Vec<u16>,
    end: PairPort,
}

/// The observer.
pub struct Onlooker {
    seats: [Seat; 4],
    ports: [Ports<ObservingPort<PairListener>>; 4],
    peers: Vec<Peer>,
    observer: Observer,
    asked_to_end: Arc<AtomicBool>,
    told: Receiver<Told>,
    /// Every entry of deliveries that were followed.
    pub entries: Vec<Entry>,
    /// What it told of beam outside of deliveries.
    pub outside: Vec<Entry>,
    missed: bool,
    now: Ticks,
    due: Ticks,
    /// How often the observer turns.
    pub turn: Span,
}

impl Onlooker {
    /// An observer of `machine` that judges by `order` and has heard nothing yet.
    #[must_use]
    pub fn new(machine: &Machine, order: &Order) -> Self {
        let observed = as_observed(machine);
        let mut peers = Vec::new();
        let ports = observing_ports(&observed, |guard, bus, ids| {
            let (ours, theirs) = pair()?;
            peers.push(Peer { guard, bus, ids: ids.to_vec(), end: PairPort::new(theirs, None)? });
            PairListener::new(ours)
        })
        .expect("socket pairs");
        let (seats, lines) = seat_guards(&observed);
        let (observer, told, asked_to_end) = Observer::new(&observed, order, lines, 1, [FrameCounts::default(); 4]);
        let (entries, now) = (Vec::new(), Ticks::ZERO);
        let (outside, turn) = (Vec::new(), TURN);
        Self { seats, ports, peers, observer, asked_to_end, told, entries, outside, missed: false, now, due: now, turn }
    }

    /// Hears what a bus carried: each socket gets what its filter lets pass, as from the kernel.
    pub fn hear(&mut self, at: Ticks, bus: Bus, frame: &Frame) {
        self.pass_time(at);
        let mut woken = [false; 4];
        for peer in self.peers.iter_mut().filter(|peer| peer.bus == bus && peer.ids.contains(&frame.id)) {
            peer.end.send(frame).expect("room in a socket");
            woken[peer.guard.index()] = true;
        }
        for (index, _) in woken.into_iter().enumerate().filter(|(_, woken)| *woken) {
            self.wake(index);
        }
    }

    /// Lets everything happen that is due by `until`.
    pub fn pass_time(&mut self, until: Ticks) {
        loop {
            let due = |(index, seat): (usize, &Seat)| (seat.due().max(self.now), index);
            let (due, index) = self.seats.iter().enumerate().map(due).min().expect("four guards");
            if due.min(self.due) > until {
                self.now = until;
                return;
            }
            if self.due <= due {
                self.now = self.due;
                self.due = self.now.after(self.turn);
                let entries = &mut self.entries;
                self.observer.turn(self.now, &mut |entry| entries.push(*entry));
            } else {
                self.now = due;
                self.wake(index);
            }
        }
    }

    /// Hears all of a recording, after whatever it heard before, and waits for `more` after it; the accounts that were given by
    /// then.
    pub fn hear_all(&mut self, frames: &[(Ticks, Bus, Frame)], more: Span) -> Vec<Account> {
        let before = self.now.since(Ticks::ZERO);
        for (at, bus, frame) in frames {
            self.hear(at.after(before), *bus, frame);
        }
        self.pass_time(self.now.after(more));
        self.accounts()
    }

    /// Asks for the account of an unfinished delivery, as the service does when it is to stop.
    pub fn end(&mut self) -> Vec<Account> {
        self.asked_to_end.store(true, Ordering::Relaxed);
        self.pass_time(self.now.after(TURN.times(2)));
        self.accounts()
    }

    /// What it told since it was asked last, as the keeper of the records gets it.
    pub fn told(&mut self) -> Vec<Told> {
        self.told.try_iter().collect()
    }

    fn accounts(&mut self) -> Vec<Account> {
        let mut accounts = Vec::new();
        for told in self.told.try_iter() {
            match told {
                Told::Over(account) => accounts.push(*account),
                Told::Missed => self.missed = true,
                Told::Outside(entry) => self.outside.push(entry),
                Told::Entry(_) => {}
            }
        }
        accounts
    }

    /// Whether it told of a delivery whose beginning it did not see.
    #[must_use]
    pub const fn missed(&self) -> bool {
        self.missed
    }

    /// A guard's thread wakes up: it reads its buses empty, takes its commands and looks at its deadline.
    fn wake(&mut self, index: usize) {
        let own = self.ports[index].own.0;
        while let Some(event) = self.ports[index].own.1.receive() {
            self.take(index, own, event);
        }
        while let Some((bus, event)) =
            self.ports[index].other.as_mut().and_then(|(bus, port)| port.receive().map(|event| (*bus, event)))
        {
            self.take(index, bus, event);
        }
        while let Some(command) = self.seats[index].command() {
            self.turn(index, &command);
        }
        if self.now >= self.seats[index].due() {
            self.turn(index, &Input::Tick);
        }
    }

    fn take(&mut self, index: usize, bus: Bus, event: Event) {
        match event {
            Event::Frame { frame, origin, .. } => self.turn(index, &Input::Frame { bus, origin, frame }),
            Event::Trouble(trouble) => self.turn(index, &Input::Trouble { bus, trouble }),
        }
    }

    fn turn(&mut self, index: usize, input: &Input) {
        let (now, port) = (self.now, &mut self.ports[index].own.1);
        let mut send = |frame: &Frame| port.send(frame).map_err(|_the_queue_is_full| NotTaken);
        self.seats[index].turn(now, input, Stamps::NONE, &mut send, &|| now);
    }

    /// The identifiers that a guard hears.
    pub fn heard_by(&self, guard: Guard) -> impl Iterator<Item = u16> {
        self.peers.iter().filter(move |peer| peer.guard == guard).flat_map(|peer| peer.ids.iter().copied())
    }

    /// What its guards have latched.
    #[must_use]
    pub fn latched(&self) -> FaultSet {
        self.seats.iter().fold(FaultSet::EMPTY, |all, seat| all.union(seat.guard().common().faults()))
    }

    /// The present moment.
    #[must_use]
    pub const fn now(&self) -> Ticks {
        self.now
    }

    /// How many permits its guards would have sent.
    #[must_use]
    pub fn withheld(&self) -> u64 {
        self.ports.iter().map(|ports| ports.own.1.withheld()).sum()
    }

    /// Dies, and counts what had arrived at the other ends of its sockets in its whole life.
    #[must_use]
    pub fn die_and_count_frames(self) -> usize {
        let Self { seats, ports, observer, mut peers, .. } = self;
        drop((seats, ports, observer));
        let frames = |peer: &mut Peer| {
            let arrived = std::iter::from_fn(|| match peer.end.receive() {
                Some(Event::Trouble(beam_core::frame::Trouble::InterfaceDown)) | None => None,
                Some(event) => Some(event),
            });
            arrived.count()
        };
        peers.iter_mut().map(frames).sum()
    }
}

/// The report of an account of a delivery that was planned with so many pulses.
#[must_use]
pub fn observed_report(trial: &Trial, pulses: u32, account: &Account) -> ObservedReport {
    let planned_mu = mu(trial.pulse) * f64::from(pulses);
    let planned = Planned {
        machine: trial.name.to_owned(),
        field: 1,
        energy_mev: 9.0,
        applicator: "17".to_owned(),
        docking: "hard".to_owned(),
        prescription_gy: 1.0,
        isodose_percent: 90.0,
        planned_mu,
        backup_mu: planned_mu * 1.1,
        planned_pulses: trial.is_pulsed().then_some(pulses),
        pulse_limit: trial.is_pulsed().then_some(2 * pulses),
        time_limit_s: 60.0,
    };
    ObservedReport::new(&planned, account, "2026-01-01T00:00:00Z".to_owned())
}
