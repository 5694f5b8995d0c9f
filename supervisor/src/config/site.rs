//! The service's own file, `supervisor.toml`: which machine, which CAN interfaces, where things are kept, and the rights of
//! the guards' threads.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use beam_core::wire::Guard;
use toml::de::DeTable;

use super::document::Document;
use super::load::{Read, beside_by, text_by};
use super::problem::Problem;
use super::profile::{Profile, parse_profile_with};
use super::reader::Section;

/// Keys at the top of a site file by which it is known to be one.
pub const TELLING_KEYS: &[&str] =
    &["profile", "buses", "state-directory", "records-directory", "metrics-listen", "priorities", "cpus"];

/// Longest name of a network interface that Linux takes.
const INTERFACE_NAME_MAX: usize = 15;

/// What one guard's thread is to get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThreadChoice {
    /// Real-time priority (SCHED_FIFO), 1 to 98.
    pub priority: u8,
    /// The CPU that it is tied to, if to any.
    pub cpu: Option<u16>,
}

/// The service's configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// The file that it was read from.
    pub file: String,
    /// Name of the site, for records and pages.
    pub name: String,
    /// The machine profile; relative paths are already taken from the place of this file.
    pub profile: PathBuf,
    /// CAN interface of bus A.
    pub bus_a: String,
    /// CAN interface of bus B; none where the profile has one bus.
    pub bus_b: Option<String>,
    /// Where the delivery ids and what must survive a restart are kept.
    pub state_directory: PathBuf,
    /// Where the delivery records are kept.
    pub records_directory: PathBuf,
    /// Where metrics are served when no socket is handed in.
    pub metrics_listen: SocketAddr,
    /// The guards' threads, in the order of [`Guard::ALL`].
    pub threads: [ThreadChoice; 4],
    /// Line and column of the buses in the file.
    buses_at: (usize, usize),
    /// Line and column of the profile's path.
    profile_at: (usize, usize),
}

impl Site {
    /// The names of the interfaces, bus A first; one name where there is one bus.
    #[must_use]
    pub fn interfaces(&self) -> Vec<&str> {
        std::iter::once(self.bus_a.as_str()).chain(self.bus_b.as_deref()).collect()
    }

    /// The profile that this file names; it and the DBC files that it names are read by `read`.
    ///
    /// # Errors
    /// Everything that is wrong with it; that it cannot be read is a problem of the line that names it.
    pub(super) fn load_profile(&self, read: Read<'_>) -> Result<Profile, Vec<Problem>> {
        let text = text_by(&self.profile, read).map_err(|problem| {
            let what = format!("the profile {}: {}", problem.file, problem.what);
            vec![Problem::at(&self.file, self.profile_at, what, problem.fix)]
        })?;
        let file = self.profile.display().to_string();
        parse_profile_with(&file, &text, &|path| beside_by(&file, path, read))
    }

    /// What of this file does not fit `profile`.
    #[must_use]
    pub fn against(&self, profile: &Profile) -> Vec<Problem> {
        let problem = |what: String, fix: &str| Problem::at(&self.file, self.buses_at, what, fix);
        match (&self.bus_b, profile.machine.single_bus) {
            (Some(bus), true) => {
                let what =
                    format!("[buses] names bus b = \"{bus}\", and the profile `{}` has one bus for all", profile.name);
                vec![problem(what, "remove `b`, or write `buses = \"two\"` in the profile")]
            }
            (None, false) => {
                let what = format!("[buses] names no bus b, and the profile `{}` has two", profile.name);
                vec![problem(what, "add `b = \"can1\"`, or allow one bus for all by `buses = \"one\"` in the profile")]
            }
            _ => Vec::new(),
        }
    }
}

/// Reads the site file in `text`; `file` is its path, from which relative paths are taken.
///
/// # Errors
/// Everything that is wrong with it by itself; the profile that it names is not read.
pub fn parse_site(file: &str, text: &str) -> Result<Site, Vec<Problem>> {
    let document = Document::new(file, text);
    let site = document.parse().and_then(|table| read(file, &document, &table));
    match site {
        Some(site) if document.is_clean() => Ok(site),
        _ => Err(document.into_problems()),
    }
}

fn read(file: &str, document: &Document<'_>, table: &DeTable<'_>) -> Option<Site> {
    let top = Section::top(document, table);
    let name = top.text("site", "the name of this site, for records and pages");
    let profile = top.text("profile", "the path of the machine profile, from the place of this file");
    let profile_at = document.place(top.at("profile"));
    let buses_at = document.place(top.at("buses"));
    let buses = read_buses(&top);
    let state_directory = read_directory(&top, "state-directory", "where the delivery ids are kept");
    let records_directory = read_directory(&top, "records-directory", "where the delivery records are kept");
    let metrics_listen = read_address(&top);
    let threads = read_threads(&top);
    top.finish();
    let (bus_a, bus_b) = buses?;
    Some(Site {
        file: file.to_owned(),
        name: name?.to_owned(),
        profile: Path::new(file).parent().unwrap_or(Path::new("")).join(profile?),
        bus_a,
        bus_b,
        state_directory: state_directory?,
        records_directory: records_directory?,
        metrics_listen: metrics_listen?,
        threads: threads?,
        buses_at,
        profile_at,
    })
}

fn read_buses(top: &Section<'_, '_>) -> Option<(String, Option<String>)> {
    let section = top.table("buses", "the CAN interfaces, a and b")?;
    let first = section.text("a", "the CAN interface of bus A, as in \"can0\"");
    let second = section.optional_text("b", "the CAN interface of bus B, as in \"can1\"");
    for (key, name) in [("a", first), ("b", second)] {
        let Some(name) = name else { continue };
        if name.len() > INTERFACE_NAME_MAX || name.contains(|c: char| c.is_whitespace() || c == '/') {
            let what = format!("`{key}` = \"{name}\" is no name of a network interface");
            section.problem(
                key,
                what,
                format!("write a name of up to {INTERFACE_NAME_MAX} characters, as in \"can0\""),
            );
        }
    }
    if first.is_some() && first == second {
        let fix = "name two interfaces; or remove `b`, where the profile says `buses = \"one\"`";
        section.problem("b", "both buses are the same interface", fix);
    }
    section.finish();
    Some((first?.to_owned(), second.map(str::to_owned)))
}

fn read_directory(top: &Section<'_, '_>, key: &'static str, meaning: &str) -> Option<PathBuf> {
    let path = Path::new(top.text(key, meaning)?);
    if !path.is_absolute() {
        let what = format!("`{key}` = \"{}\" depends on where the service is started", path.display());
        top.problem(key, what, "write a path that begins with /");
    }
    Some(path.to_owned())
}

fn read_address(top: &Section<'_, '_>) -> Option<SocketAddr> {
    let meaning = "where metrics are served when no socket is handed in, as in \"127.0.0.1:9750\"";
    let text = top.text("metrics-listen", meaning)?;
    let address = text.parse().ok();
    if address.is_none() {
        let what = format!("`metrics-listen` = \"{text}\" is no address with a port");
        top.problem("metrics-listen", what, "write an IP address and a port, as in \"127.0.0.1:9750\"");
    }
    address
}

/// Keys of the guards in [priorities] and [cpus], in the order of [`Guard::ALL`].
const GUARD_KEYS: [&str; Guard::ALL.len()] = ["dose-1", "dose-2", "time", "interlock"];

fn read_threads(top: &Section<'_, '_>) -> Option<[ThreadChoice; 4]> {
    let why =
        "real-time priority of this guard's thread; above the interrupt threads' 50 if they are to wait, below 99";
    let priorities = top.table("priorities", "the real-time priority of each guard's thread").map(|section| {
        let priorities = GUARD_KEYS.map(|key| section.whole(key, 1..=98, why));
        section.finish();
        priorities
    });
    let cpus = top.optional_table("cpus").map(|section| {
        let cpus =
            GUARD_KEYS.map(|key| section.optional_whole(key, 0..=1023, "the CPU that this guard's thread is tied to"));
        section.finish();
        cpus
    });
    let [first, second, third, fourth] = priorities?;
    let priorities = [first?, second?, third?, fourth?];
    let mut threads = [ThreadChoice { priority: 1, cpu: None }; 4];
    for ((thread, priority), cpu) in threads.iter_mut().zip(priorities).zip(cpus.unwrap_or([None; 4])) {
        *thread =
            ThreadChoice { priority: u8::try_from(priority).ok()?, cpu: cpu.and_then(|cpu| u16::try_from(cpu).ok()) };
    }
    Some(threads)
}
