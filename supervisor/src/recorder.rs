//! The recorder: a thread that writes what happened, in a form that can be replayed and in one that people can read.
//!
//! One folder for each delivery: `frames.log` (both buses, as `candump -L` writes them), `events.jsonl` (one JSON object a
//! line) and, at the end, `report.json`. The recorder gets its entries over a bounded channel; when it cannot keep up or the
//! disk refuses, the loss is counted and the next arming is refused, but no guard and no session ever waits for it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use beam_core::frame::{Bus, Frame};
use beam_core::record::Body;
use beam_core::units::{Span, Ticks};
use beam_drivers::clock;
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};

use crate::conductor::Entry;
use crate::describe::{candump_line, entry_json};

/// Entries that may wait.
const WAITING: usize = 65_536;
/// Entries of different guards are put in order within this time.
const ORDERING: Span = Span::from_millis(500);

enum Message {
    Entry(Entry),
    Report(String),
}

/// The sending end, for the session thread.
#[derive(Debug)]
pub struct Recorder {
    sender: Sender<Message>,
    thread: JoinHandle<io::Result<()>>,
    folder: PathBuf,
    lost: u64,
}

impl Recorder {
    /// Starts a recorder that writes into a new folder below `directory`, for delivery `id`. `interfaces` are the names of
    /// bus A and bus B; `now` is the present moment on the clock of the entries, which in virtual time is not the machine's.
    ///
    /// # Errors
    /// When the folder or its files cannot be made.
    pub fn start(directory: &Path, id: u16, interfaces: [String; 2], now: Ticks) -> io::Result<Self> {
        let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let folder = directory.join(format!("{stamp}-delivery-{id}"));
        fs::create_dir_all(&folder)?;
        let (sender, receiver) = bounded(WAITING);
        let mut files = Files::create(&folder, interfaces, now)?;
        let thread =
            beam_drivers::realtime::spawn("recorder", beam_drivers::realtime::ThreadWish::default(), move |_| {
                files.write_all(&receiver)
            })?;
        Ok(Self { sender, thread, folder, lost: 0 })
    }

    /// Takes an entry, or counts it as lost. Never waits.
    pub fn take(&mut self, entry: &Entry) {
        match self.sender.try_send(Message::Entry(*entry)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.lost += 1,
        }
    }

    /// Takes an entry and waits for room: for virtual time, where the world stands still meanwhile.
    pub fn take_waiting(&mut self, entry: &Entry) {
        if self.sender.send(Message::Entry(*entry)).is_err() {
            self.lost += 1;
        }
    }

    /// Entries lost so far.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether the recorder still writes.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Where it writes.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the report and ends; the folder is on the disk when this returns.
    ///
    /// # Errors
    /// When something could not be written.
    pub fn finish(self, report: String) -> io::Result<PathBuf> {
        let Self { sender, thread, folder, .. } = self;
        let _a_dead_thread_tells_by_its_result = sender.send(Message::Report(report));
        drop(sender);
        thread.join().map_err(|_panic| io::Error::other("the recorder died"))??;
        Ok(folder)
    }
}

/// The files of one delivery.
struct Files {
    folder: PathBuf,
    interfaces: [String; 2],
    frames: BufWriter<File>,
    events: BufWriter<File>,
    waiting: Vec<(Ticks, Entry)>,
    /// What turns the monotonic clock into wall time, in nanoseconds.
    wall_offset: u64,
    since: Ticks,
}

impl Files {
    fn create(folder: &Path, interfaces: [String; 2], since: Ticks) -> io::Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            interfaces,
            frames: BufWriter::new(File::create(folder.join("frames.log"))?),
            events: BufWriter::new(File::create(folder.join("events.jsonl"))?),
            waiting: Vec::with_capacity(4096),
            wall_offset: clock::wall_time().unix_nanos().saturating_sub(since.nanos()),
            since,
        })
    }

    fn write_all(&mut self, receiver: &Receiver<Message>) -> io::Result<()> {
        while let Ok(message) = receiver.recv() {
            match message {
                Message::Entry(entry) => self.take(entry)?,
                Message::Report(report) => self.finish(&report)?,
            }
        }
        self.write_until(None)?;
        self.frames.flush()?;
        self.events.flush()
    }

    fn take(&mut self, entry: Entry) -> io::Result<()> {
        let at = match &entry {
            Entry::Guard(record) => record.at,
            Entry::Session(at, _) => *at,
        };
        self.waiting.push((at, entry));
        let oldest = self.waiting.first().map_or(at, |(at, _)| *at);
        if at.since(oldest) > ORDERING.times(2) { self.write_until(Some(at)) } else { Ok(()) }
    }

    /// Writes what is older than [`ORDERING`] before `newest`, or everything, in the order of time.
    fn write_until(&mut self, newest: Option<Ticks>) -> io::Result<()> {
        self.waiting.sort_by_key(|(at, _)| *at);
        let old = match newest {
            Some(newest) => self.waiting.partition_point(|(at, _)| newest.since(*at) > ORDERING),
            None => self.waiting.len(),
        };
        let entries: Vec<_> = self.waiting.drain(..old).collect();
        for (at, entry) in entries {
            match frame_of(&entry) {
                Some((bus, frame)) => {
                    let interface = &self.interfaces[usize::from(bus == Bus::B)];
                    let line = candump_line(self.wall_offset.saturating_add(at.nanos()), interface, &frame);
                    writeln!(self.frames, "{line}")?;
                }
                None => {
                    if let Some(value) = entry_json(&entry, self.since) {
                        writeln!(self.events, "{value}")?;
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, report: &str) -> io::Result<()> {
        self.write_until(None)?;
        self.frames.flush()?;
        self.frames.get_ref().sync_all()?;
        self.events.flush()?;
        self.events.get_ref().sync_all()?;
        let mut file = File::create(self.folder.join("report.json"))?;
        file.write_all(report.as_bytes())?;
        file.sync_all()?;
        File::open(&self.folder)?.sync_all()
    }
}

fn frame_of(entry: &Entry) -> Option<(Bus, Frame)> {
    match entry {
        Entry::Guard(record) => match record.body {
            Body::Received { bus, origin, frame, .. } => {
                // the interlock guard's own permit is recorded when it is sent, like everybody's
                (!matches!(origin, beam_core::frame::Origin::Echo)).then_some((bus, frame))
            }
            Body::Sent { bus, frame, .. } => Some((bus, frame)),
            Body::Note(_) | Body::Unsent { .. } | Body::Trouble { .. } | Body::Loop { .. } => None,
        },
        Entry::Session(..) => None,
    }
}
