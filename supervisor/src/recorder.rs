//! The recorder: a thread that writes what happened, in a form that can be replayed and in one that people can read.
//!
//! One folder for each delivery: `frames.log` (both buses, as `candump -L` writes them), `events.jsonl` (one JSON object a
//! line), `arrivals.csv` (when kernel and controller say that each frame came) and, at the end, `report.json`. The recorder gets its entries over a bounded channel; when it cannot keep up or the
//! disk refuses, the loss is counted and the next arming is refused, but no guard and no session ever waits for it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use beam_core::units::{Span, Ticks};
use beam_drivers::clock;
use beam_drivers::realtime::{ThreadWish, spawn};
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};

use crate::conductor::Entry;
use crate::slow_disk::Writing;

pub mod pages;

use pages::Pages;

/// Entries that may wait.
const WAITING: usize = 65_536;
/// What came in the meantime is written together: a thread that wakes for every turn of the session costs more than its work.
const TOGETHER: Duration = Duration::from_millis(50);
/// A record that is not on the disk so long after its delivery has failed.
const FINISHED_WITHIN: Span = Span::from_secs(30);
/// How often somebody else is looked after meanwhile.
const ROUND: Duration = Duration::from_millis(20);

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
    failure: Arc<OnceLock<String>>,
    writing: Writing,
}

impl Recorder {
    /// Starts a recorder that writes into a new folder below `directory`, for delivery `id`. `interfaces` are the names of
    /// bus A and bus B; `now` is the present moment on the clock of the entries, which in virtual time is not the machine's.
    ///
    /// # Errors
    /// When the folder or its files cannot be made.
    pub fn start(directory: &Path, id: u16, interfaces: [String; 2], now: Ticks) -> io::Result<Self> {
        let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        Self::start_in(directory.join(format!("{stamp}-delivery-{id}")), interfaces, [now; 2])
    }

    /// The same for the delivery `number` of somebody else that was only observed. It began at `since`, from which its events
    /// count.
    ///
    /// # Errors
    /// When the folder or its files cannot be made.
    pub fn observed(
        directory: &Path,
        number: u16,
        interfaces: [String; 2],
        since: Ticks,
        now: Ticks,
    ) -> io::Result<Self> {
        let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        Self::start_in(directory.join(format!("{stamp}-observed-{number}")), interfaces, [since, now])
    }

    fn start_in(folder: PathBuf, interfaces: [String; 2], [since, now]: [Ticks; 2]) -> io::Result<Self> {
        // before the disk is asked for anything: meanwhile both clocks go on
        let wall_offset = clock::wall_time().unix_nanos().saturating_sub(now.nanos());
        fs::create_dir_all(&folder)?;
        let (sender, receiver) = bounded(WAITING);
        let mut files = Files::create(&folder, interfaces, wall_offset, since)?;
        let failure = Arc::new(OnceLock::new());
        let writing = Writing::default();
        let (told, watched) = (Arc::clone(&failure), writing.clone());
        let thread = spawn("recorder", ThreadWish::default(), move |_| {
            files.write_all(&receiver, &watched).inspect_err(|error| {
                let _first_and_only = told.set(error.to_string());
            })
        })?;
        Ok(Self { sender, thread, folder, lost: 0, failure, writing })
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

    /// Why the record is not whole, if it is not: where it is, and what the disk said or how much was lost.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        let folder = self.folder.display();
        match self.failure.get() {
            Some(error) => Some(format!("{folder}: {error}")),
            None if self.lost > 0 => {
                Some(format!("{folder}: {} entries came faster than they could be written", self.lost))
            }
            None => self.writing.hangs(clock::now()).map(|why| format!("{folder}: {why}")),
        }
    }

    /// Where it writes.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the report and ends; the folder is on the disk when this returns. `meanwhile` is called again and again, for
    /// whoever has to be fed while a disk is slow.
    ///
    /// # Errors
    /// When something could not be written, or the disk did not take it in half a minute: then it may still do so later.
    pub fn finish(self, report: String, mut meanwhile: impl FnMut()) -> io::Result<PathBuf> {
        let Self { sender, thread, folder, .. } = self;
        let until = clock::now().after(FINISHED_WITHIN);
        let mut report = Some(Message::Report(report));
        while report.is_some() || !thread.is_finished() {
            report = report.and_then(|report| match sender.try_send(report) {
                Err(TrySendError::Full(report)) => Some(report),
                // a dead thread tells by its result
                Ok(()) | Err(TrySendError::Disconnected(_)) => None,
            });
            if clock::now() >= until {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the disk has not taken it for half a minute"));
            }
            meanwhile();
            thread::sleep(ROUND);
        }
        thread.join().map_err(|_panic| io::Error::other("the recorder died"))??;
        Ok(folder)
    }
}

/// Puts another report in the place of the one in `folder`; the old or the new one is there, whole, at any moment.
///
/// # Errors
/// When it cannot be made durable.
pub fn amend_report(folder: &Path, report: &str) -> io::Result<()> {
    let fresh = folder.join("report.json.new");
    let mut file = File::create(&fresh)?;
    file.write_all(report.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, folder.join("report.json"))?;
    File::open(folder)?.sync_all()
}

/// The files of one delivery.
struct Files {
    folder: PathBuf,
    pages: Pages<BufWriter<File>>,
}

impl Files {
    fn create(folder: &Path, interfaces: [String; 2], wall_offset: u64, since: Ticks) -> io::Result<Self> {
        let file = |name| File::create(folder.join(name)).map(BufWriter::new);
        let [frames, events, arrivals] = pages::NAMES.map(file);
        let pages = Pages::new([frames?, events?, arrivals?], interfaces, wall_offset, since);
        Ok(Self { folder: folder.to_owned(), pages })
    }

    /// Writes what comes, until the report; or until nobody sends any more.
    fn write_all(&mut self, receiver: &Receiver<Message>, writing: &Writing) -> io::Result<()> {
        while let Ok(first) = receiver.recv() {
            let is_finished = writing.during(|| {
                for message in iter::once(first).chain(receiver.try_iter()) {
                    match message {
                        Message::Entry(entry) => self.pages.take(entry)?,
                        Message::Report(report) => return self.finish(&report).map(|()| true),
                    }
                }
                Ok::<_, io::Error>(false)
            })?;
            if is_finished {
                return Ok(());
            }
            thread::sleep(TOGETHER);
        }
        self.pages.close().map(drop)
    }

    fn finish(&mut self, report: &str) -> io::Result<()> {
        for file in self.pages.close()? {
            file.get_ref().sync_all()?;
        }
        let mut file = File::create(self.folder.join("report.json"))?;
        file.write_all(report.as_bytes())?;
        file.sync_all()?;
        File::open(&self.folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beam_core::session::SessionNote;
    use beam_core::state::State;

    const ENTRY: Entry = Entry::Session(Ticks::ZERO, SessionNote::State(State::Ready));

    impl Recorder {
        /// One whose thread has ended already, because the disk was full.
        pub(crate) fn that_has_failed() -> Self {
            let (sender, _nobody_receives) = bounded(1);
            let thread = spawn("recorder", ThreadWish::default(), |_| Err(io::Error::other("full"))).unwrap();
            let failure = Arc::new(OnceLock::from("full".to_owned()));
            Self { sender, thread, folder: PathBuf::new(), lost: 0, failure, writing: Writing::default() }
        }
    }

    fn recorder(folder: &Path) -> Recorder {
        Recorder::start_in(folder.to_owned(), ["can0".to_owned(), "can1".to_owned()], [Ticks::ZERO; 2]).unwrap()
    }

    #[test]
    fn trips_on_a_full_disk_while_it_writes_and_says_where() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", folder.path().join("events.jsonl")).unwrap();
        let mut recorder = recorder(folder.path());
        assert_eq!(recorder.failed(), None);
        for turn in 1..200_000 {
            let at = Ticks::ZERO.after(Span::from_millis(100).times(turn));
            recorder.take(&Entry::Session(at, SessionNote::State(State::Ready)));
            if recorder.failed().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
        let why = recorder.failed().unwrap();
        assert!(why.contains(&folder.path().display().to_string()) && why.contains("No space left"), "{why}");
        assert!(recorder.finish(String::new(), || {}).is_err());
    }

    #[test]
    fn holds_while_everything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = recorder(folder.path());
        (0..100).for_each(|_| recorder.take(&ENTRY));
        assert_eq!(recorder.failed(), None);
        let written = recorder.finish("{}".to_owned(), || {}).unwrap();
        assert_eq!(fs::read_to_string(written.join("report.json")).unwrap(), "{}");
        assert_eq!(fs::read_to_string(written.join("events.jsonl")).unwrap().lines().count(), 100);
    }
    #[test]
    fn holds_whoever_has_to_be_fed_while_the_disk_is_slow() {
        let (sender, receiver) = bounded(1);
        let thread = spawn("recorder", ThreadWish::default(), move |_| {
            thread::sleep(Duration::from_millis(200));
            while receiver.recv().is_ok_and(|message| matches!(message, Message::Entry(_))) {}
            thread::sleep(Duration::from_millis(200));
            Ok(())
        })
        .unwrap();
        let failure = Arc::new(OnceLock::new());
        let mut slow =
            Recorder { sender, thread, folder: PathBuf::new(), lost: 0, failure, writing: Writing::default() };
        slow.take(&ENTRY);
        let (mut fed, mut last, mut longest) = (0, clock::now(), Span::ZERO);
        let finished = slow.finish(String::new(), || {
            let now = clock::now();
            (fed, longest, last) = (fed + 1, longest.longer(now.since(last)), now);
        });
        assert!(finished.is_ok() && fed >= 10 && longest < Span::from_millis(300), "{fed} times, {longest:?}");
    }
}
