//! Keeps the record of what an observer tells: the frames, the events, and at the end the report of each delivery.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use beam_core::units::Ticks;
use beam_drivers::clock;
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::conductor::Entry;
use crate::config::Seal;
use crate::describe::entry_json;
use crate::desk::View;
use crate::prepared::Prepared;
use crate::recorder::Recorder;
use crate::watch::feed;

use super::Told;
use super::account::Account;
use super::report::ObservedReport;
use super::tell::name_of;

/// Where beam and deliveries are noted that no record is about.
const OUTSIDE: &str = "observed-outside.jsonl";

/// The keeper of the records.
pub struct Keeper<'a> {
    prepared: Prepared,
    seal: &'a Seal,
    directory: PathBuf,
    interfaces: [String; 2],
    view: Arc<View>,
    recorder: Option<Recorder>,
    /// Whether a delivery is under way, and why its record is not whole, if it is not.
    is_following: bool,
    failed: Option<String>,
    refusals: Vec<String>,
    number: u16,
    /// What came outside of deliveries since the last report.
    outside: Vec<String>,
    /// Why every judgement is doubtful for now.
    doubt: Option<String>,
    report: Option<ObservedReport>,
}

impl<'a> Keeper<'a> {
    /// A keeper of deliveries of `prepared`, whose records go below `directory`. `interfaces` are the names of bus A and bus B;
    /// `view` is where it shows that something could not be written.
    #[must_use]
    pub fn new(prepared: Prepared, seal: &'a Seal, directory: &Path, interfaces: [String; 2], view: Arc<View>) -> Self {
        let (directory, recorder, is_following, failed, refusals) =
            (directory.to_owned(), None, false, None, Vec::new());
        Self {
            prepared,
            seal,
            directory,
            interfaces,
            view,
            recorder,
            is_following,
            failed,
            refusals,
            number: 1,
            outside: Vec::new(),
            doubt: None,
            report: None,
        }
    }

    /// What the kernel refused, to be said in every report.
    pub fn know(&mut self, refusals: Vec<String>) {
        self.refusals = refusals;
    }

    /// What the next deliveries are judged by, and why that is doubtful, if it is.
    pub fn judge_by(&mut self, prepared: Prepared, doubt: Option<String>) {
        (self.prepared, self.doubt) = (prepared, doubt);
    }

    /// Why that is doubtful, if it is.
    #[must_use]
    pub const fn doubt(&self) -> Option<&String> {
        self.doubt.as_ref()
    }

    /// The number of the delivery that is, or comes next.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// Whether a delivery is under way.
    #[must_use]
    pub const fn is_following(&self) -> bool {
        self.is_following
    }

    /// The report of the delivery that was over last, once.
    pub fn report(&mut self) -> Option<ObservedReport> {
        self.report.take()
    }

    /// The number after it.
    #[must_use]
    pub const fn next_number(&self) -> u16 {
        self.number % u16::MAX + 1
    }

    /// Takes what the observer told.
    pub fn take(&mut self, told: Told) {
        match told {
            Told::Entry(entry) => self.record(&entry),
            Told::Over(account) => self.finish(&account),
            Told::Missed => {
                warn!("observing: a delivery is under way whose beginning was not seen; it is not observed");
                let what = "a delivery whose beginning was not seen, and which is not observed";
                self.note_outside(what, json!({"event": "missed", "what": what}));
            }
            Told::Outside(entry) => {
                if let Some(found) = entry_json(&entry, entry.at()) {
                    let what =
                        format!("beam through a closed gate outside of a delivery, {}", name_of(&found["fault"]));
                    warn!("observing: {what}");
                    self.note_outside(&what, found);
                }
            }
        }
    }

    fn record(&mut self, entry: &Entry) {
        if !self.is_following {
            self.is_following = true;
            let directory = &self.directory;
            let interfaces = self.interfaces.clone();
            match Recorder::observed(directory, self.number, interfaces, entry.at(), clock::now()) {
                Ok(recorder) => {
                    info!("observing delivery {}: record in {}", self.number, recorder.folder().display());
                    self.recorder = Some(recorder);
                }
                Err(error) => self.cannot_record(format!("{}: {error}", directory.display())),
            }
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.take(entry);
        }
    }

    /// Keeps what came outside of deliveries: one line in a file of its own, and a notice of the next report.
    fn note_outside(&mut self, what: &str, mut line: Value) {
        let at = wall_time_of(clock::now());
        self.outside.push(format!("at {at}: {what}"));
        line["at"] = at.into();
        let path = self.directory.join(OUTSIDE);
        let written = fs::create_dir_all(&self.directory)
            .and_then(|()| OpenOptions::new().create(true).append(true).open(&path))
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_data()));
        if let Err(error) = written {
            self.cannot_record(format!("{}: {error}", path.display()));
        }
    }

    fn cannot_record(&mut self, why: String) {
        warn!("what is observed cannot be recorded: {why}\n    fix: give the service the right and the room to write");
        self.view.cannot_record(why.clone());
        self.failed.get_or_insert(why);
    }

    fn finish(&mut self, account: &Account) {
        let Prepared { planned, notices, .. } = &self.prepared;
        let mut report = ObservedReport::new(planned, account, wall_time_of(account.opened()));
        report.doubts.extend(self.doubt.clone());
        report.notices.append(&mut self.outside);
        report.notices.extend(notices.iter().chain(&self.refusals).cloned());
        if let Some(file) = self.seal.broken() {
            report.notices.push(format!(
                "{} was changed since the start: judged by what it said then; start again",
                file.display()
            ));
        }
        if let Some(recorder) = self.recorder.take() {
            report.records = Some(recorder.folder().display().to_string());
            let failed = recorder.failed();
            report.notices.extend(failed.iter().map(|why| not_whole(why)));
            let finished = recorder.finish(report.json(), || feed(&self.view));
            if let Some(why) = failed.or_else(|| finished.err().map(|error| error.to_string())) {
                self.cannot_record(why);
            }
        }
        let line = self.failed.take().map(|why| not_whole(&why));
        report.notices.extend(line.filter(|line| !report.notices.contains(line)));
        self.is_following = false;
        info!("{}", report.text().lines().next().unwrap_or_default());
        self.report = Some(report);
        self.number = self.next_number();
    }
}

fn not_whole(why: &str) -> String {
    format!("the record is not whole: {why}")
}

/// A moment of the guards' clock as wall time, by how both clocks stand now.
fn wall_time_of(moment: Ticks) -> String {
    let ago = clock::now().since(moment).nanos();
    let nanos = clock::wall_time().unix_nanos().saturating_sub(ago);
    jiff::Timestamp::from_nanosecond(i128::from(nanos)).map_or_else(|_| "?".to_owned(), |at| at.to_string())
}
