//! What a delivery has come to, on the disk after every pulse: what remains is known after any death.
//!
//! The session thread only notes the newest numbers; a thread of its own writes them, so that no disk holds anybody up. A
//! line takes the place of the last one whole (written beside it, made durable, renamed). Beside the recorded doses stand
//! the chambers' counters at the beginning: whoever starts after a death compares them with the live counters, which went
//! on counting while nobody wrote. Which of all counts is believed is decided in `beam_core::resume`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use beam_core::frame::{Arrival, Bus, Receiver};
use beam_core::machine::{Beam, Machine, Order};
use beam_core::note::Note;
use beam_core::record::Body;
use beam_core::resume::Counted;
use beam_core::session::SessionNote;
use beam_core::state::State;
use beam_core::units::{ChargeCounter, Dose, DosePerCharge, Span};
use beam_core::wire::{DoseReading, GATE_STATUS, GateStatus, Guard, MON1_DOSE, MON2_DOSE};
use beam_drivers::clock;
use beam_drivers::realtime::{ThreadWish, spawn};
use crossbeam::channel::{Sender, TrySendError, bounded};
use serde::{Deserialize, Serialize};

use crate::conductor::Entry;
use crate::slow_disk::Writing;

/// Name of the file in the state directory.
pub const FILE_NAME: &str = "delivered";

/// A chamber's two counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Pulses since its power-up, modulo 2^16.
    pub pulses: u16,
    /// Charge since its power-up in pC, modulo 2^32.
    pub charge: u32,
}

/// What chambers and gate say at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// The chambers' counters.
    pub counters: [Option<Counter>; 2],
    /// Pulses that the gate holds.
    pub gate_pulses: Option<u32>,
}

/// One line: a delivery so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its id.
    pub delivery: u16,
    /// Its preset in micro-MU.
    pub preset_micro_mu: i64,
    /// Dose of one pulse in micro-MU; 0 on a machine without pulses.
    pub pulse_micro_mu: i64,
    /// Nominal dose of one second in micro-MU; 0 on a machine with pulses.
    pub micro_mu_per_second: i64,
    /// Calibration of each chamber: micro-MU per pC times 2^20.
    pub dose_per_charge: [u64; 2],
    /// Whether the gate took it up: what gate and chambers counted before belongs to an earlier one.
    pub armed: bool,
    /// The chambers' counters before the first pulse.
    pub began: [Option<Counter>; 2],
    /// Recorded dose of each monitor in micro-MU.
    pub recorded_micro_mu: [i64; 2],
    /// Pulses of each monitor.
    pub pulses: [u32; 2],
    /// Pulses of the gate.
    pub gate_pulses: u32,
    /// Beam-on time in ns.
    pub beam_on_ns: u64,
}

impl Line {
    /// A delivery that has not begun.
    #[must_use]
    pub fn new(delivery: u16, machine: &Machine, order: &Order) -> Self {
        let [first, second] = machine.monitors.map(|monitor| monitor.dose_per_charge);
        let pulsed = matches!(machine.beam, Beam::Pulsed { .. });
        Self {
            delivery,
            preset_micro_mu: first.dose(order.preset).micro_mu(),
            pulse_micro_mu: if pulsed { order.pulse_dose.micro_mu() } else { 0 },
            micro_mu_per_second: if pulsed { 0 } else { order.dose_per_second.micro_mu() },
            dose_per_charge: [first.fixed(), second.fixed()],
            armed: false,
            began: [None; 2],
            recorded_micro_mu: [0; 2],
            pulses: [0; 2],
            gate_pulses: 0,
            beam_on_ns: 0,
        }
    }

    /// The line in `directory`; none when there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(directory: &Path) -> io::Result<Option<Self>> {
        match fs::read(directory.join(FILE_NAME)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Preset of the delivery.
    #[must_use]
    pub const fn preset(&self) -> Dose {
        Dose::from_micro_mu(self.preset_micro_mu)
    }

    /// Everything that counted it, with what is still to be heard.
    #[must_use]
    pub fn counted(&self, live: &Live) -> Counted {
        if !self.armed {
            return Counted::default();
        }
        let by_counter = |index: usize| {
            let (began, now) = (self.began[index]?, live.counters[index]?);
            let pulses = u32::from(now.pulses.wrapping_sub(began.pulses));
            // fewer pulses than were recorded, modulo 2^16: the chamber began anew, its counter says nothing
            let since = (pulses.wrapping_sub(self.pulses[index])) & 0xFFFF;
            let charge = ChargeCounter::from_raw(now.charge).since(ChargeCounter::from_raw(began.charge));
            (since < 0x8000).then(|| DosePerCharge::from_fixed(self.dose_per_charge[index]).dose(charge))
        };
        Counted {
            recorded: self.recorded_micro_mu.map(Dose::from_micro_mu),
            live: [by_counter(0), by_counter(1)],
            gate_pulses: if self.pulse_micro_mu > 0 { self.gate_pulses.max(live.gate_pulses.unwrap_or(0)) } else { 0 },
            pulse: Dose::from_micro_mu(self.pulse_micro_mu),
            beam_on: if self.pulse_micro_mu > 0 { Span::ZERO } else { Span::from_nanos(self.beam_on_ns) },
            dose_per_second: Dose::from_micro_mu(self.micro_mu_per_second),
        }
    }

    fn write(&self, directory: &Path) -> io::Result<()> {
        let (path, beside) = (directory.join(FILE_NAME), directory.join("delivered.new"));
        let mut file = File::create(&beside)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(beside, path)?;
        File::open(directory)?.sync_all()
    }
}

/// What the session thread and the writing thread share.
#[derive(Debug, Default)]
struct Shared {
    live: Live,
    line: Option<Line>,
    failed: Option<String>,
}

/// The journal of one state directory.
#[derive(Clone, Debug)]
pub struct DoseJournal {
    directory: PathBuf,
    shared: Arc<Mutex<Shared>>,
    wake: Sender<()>,
    writing: Writing,
}

impl DoseJournal {
    /// Starts the thread that writes to `directory`.
    ///
    /// # Errors
    /// When the kernel starts no thread.
    pub fn start(directory: &Path) -> io::Result<Self> {
        let (wake, woken) = bounded(1);
        let shared = Arc::new(Mutex::new(Shared::default()));
        let writing = Writing::default();
        let (theirs, folder, watched) = (Arc::clone(&shared), directory.to_owned(), writing.clone());
        let _ends_with_its_journal = spawn("journal", ThreadWish::default(), move |_refusals| {
            while woken.recv().is_ok() {
                let line = lock(&theirs).line;
                if let Some(Err(error)) = line.map(|line| watched.during(|| line.write(&folder))) {
                    lock(&theirs).failed = Some(error.to_string());
                }
            }
        })?;
        Ok(Self { directory: directory.to_owned(), shared, wake, writing })
    }

    /// A delivery is about to begin; its line is durable when this returns.
    ///
    /// # Errors
    /// When it cannot be made durable; then the delivery must not begin.
    pub fn begin(&self, delivery: u16, machine: &Machine, order: &Order) -> io::Result<()> {
        let mut shared = lock(&self.shared);
        let mut line = Line::new(delivery, machine, order);
        line.began = shared.live.counters;
        shared.line = Some(line);
        shared.failed = None;
        drop(shared);
        line.write(&self.directory)
    }

    /// What chambers and gate say at this moment.
    #[must_use]
    pub fn live(&self) -> Live {
        lock(&self.shared).live
    }

    /// Why the last line could not be written, if it could not.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        lock(&self.shared).failed.clone().or_else(|| self.writing.hangs(clock::now()))
    }

    /// Takes one entry as it passes.
    pub fn entry(&self, entry: &Entry) {
        let mut shared = lock(&self.shared);
        let record = match entry {
            Entry::Guard(record) => record,
            Entry::Session(_, SessionNote::State(State::Armed)) => {
                let counters = shared.live.counters;
                if let Some(line) = &mut shared.line {
                    (line.armed, line.began) = (true, counters);
                }
                drop(shared);
                return self.write_soon();
            }
            Entry::Session(..) | Entry::NotSent(_) => return,
        };
        match &record.body {
            Body::Received { bus, frame, .. } => {
                if !matches!(Receiver::new().accept(frame), Arrival::Fresh { .. }) {
                    return;
                }
                match (frame.id, bus) {
                    (MON1_DOSE | MON2_DOSE, _) => {
                        let reading = DoseReading::decode(frame);
                        let counter = Counter { pulses: reading.pulses, charge: reading.charge.raw() };
                        shared.live.counters[usize::from(frame.id == MON2_DOSE)] = Some(counter);
                    }
                    (GATE_STATUS, Bus::A) => {
                        shared.live.gate_pulses = GateStatus::decode(frame).ok().map(|gate| gate.pulses);
                    }
                    _ => {}
                }
                return;
            }
            Body::Note(note) => {
                let Some(line) = &mut shared.line else { return };
                if !line.add(record.guard, note) {
                    return;
                }
            }
            Body::Sent { .. } | Body::Unsent { .. } | Body::Trouble { .. } | Body::Loop { .. } => return,
        }
        drop(shared);
        self.write_soon();
    }

    fn write_soon(&self) {
        match self.wake.try_send(()) {
            // a full channel means that the thread will look again anyway
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }
}

impl Line {
    /// Takes a note; whether it changed anything.
    fn add(&mut self, guard: Guard, note: &Note) -> bool {
        let before = *self;
        if !self.armed {
            return false;
        }
        match note {
            Note::Dose { pulses, dose, .. } => {
                let index = usize::from(guard == Guard::Dose2);
                self.recorded_micro_mu[index] = dose.micro_mu();
                self.pulses[index] = *pulses;
            }
            Note::Time { beam_on, .. } if self.pulse_micro_mu == 0 => self.beam_on_ns = beam_on.nanos(),
            Note::Gate { status, .. } => self.gate_pulses = self.gate_pulses.max(status.pulses),
            _ => {}
        }
        *self != before
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // a panic aborts the process, so nobody can have left it half written
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "dose_journal_tests.rs"]
mod tests;
