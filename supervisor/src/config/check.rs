//! What `beam-supervisor check FILE...` says: which kind each file is, everything wrong with it, and what is right but
//! weaker than usual.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use toml::de::DeTable;

use super::dbc::Wrong;
use super::electrometer::Library;
use super::feed::Feed;
use super::load::{beside, read_text};
use super::order::{expectation, order};
use super::plan::{self, Plan, parse_plan};
use super::problem::Problem;
use super::profile::{self, Profile, parse_profile_with};
use super::shipped;
use super::site::{self, parse_site};

/// What a file is, by the keys at its top.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A machine profile.
    Profile,
    /// A plan.
    Plan,
    /// The service's own file.
    Site,
    /// Nothing that could be told.
    Unknown,
}

impl Kind {
    /// The name that people see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Profile => "machine profile",
            Self::Plan => "plan",
            Self::Site => "site",
            Self::Unknown => "unknown",
        }
    }

    /// The kind whose telling keys are most among the top-level keys of `text`.
    fn of(text: &str) -> Self {
        let (table, _) = DeTable::parse_recoverable(text);
        let count =
            |keys: &[&str]| table.get_ref().iter().filter(|(name, _)| keys.contains(&name.get_ref().as_ref())).count();
        let kinds = [
            (count(profile::TELLING_KEYS), Self::Profile),
            (count(plan::TELLING_KEYS), Self::Plan),
            (count(site::TELLING_KEYS), Self::Site),
        ];
        let best = kinds.into_iter().max_by_key(|&(count, _)| count);
        best.filter(|&(count, _)| count > 0).map_or(Self::Unknown, |(_, kind)| kind)
    }
}

/// What the guards end the beam of a plan by.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Ends {
    /// Preset of monitor 1 in MU.
    pub planned_mu: f64,
    /// The same from an independent calculation, in MU.
    pub check_mu: f64,
    /// Limit of monitor 2 in MU, made from the independent calculation.
    pub backup_mu: f64,
    /// Pulses that the preset is expected to take, or that the plan asks for; none on a machine without pulses.
    pub planned_pulses: Option<u32>,
    /// Most pulses by the gate's count; none on a machine without pulses.
    pub pulse_limit: Option<u32>,
    /// Beam-on time at the nominal rate in s.
    pub expected_s: f64,
    /// Limit of the beam-on time in s.
    pub time_limit_s: f64,
}

impl Ends {
    fn of(profile: &Profile, plan: &Plan) -> Option<Self> {
        let expected = expectation(profile, plan)?;
        Some(Self {
            planned_mu: plan.monitor_units,
            check_mu: plan.monitor_units_check,
            backup_mu: expected.backup_mu,
            planned_pulses: expected.pulses,
            pulse_limit: expected.pulse_limit,
            expected_s: expected.expected_s,
            time_limit_s: expected.time_limit_s,
        })
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { planned_mu, check_mu, backup_mu, planned_pulses, pulse_limit, expected_s, time_limit_s } = self;
        writeln!(formatter, "    {:<20} {planned_mu:.2} MU by monitor 1, {check_mu:.2} MU by the check", "dose")?;
        writeln!(formatter, "    {:<20} {backup_mu:.2} MU by monitor 2", "backup")?;
        if let (Some(pulses), Some(most)) = (planned_pulses, pulse_limit) {
            writeln!(formatter, "    {:<20} {pulses} expected, {most} at most", "pulses")?;
        }
        writeln!(formatter, "    {:<20} {expected_s:.1} s expected, {time_limit_s:.1} s at most", "beam-on time")
    }
}

/// What was found in one file.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Checked {
    /// The file, as it was named.
    pub file: String,
    /// What it is.
    pub kind: Kind,
    /// What must be put right before it is used.
    pub errors: Vec<Problem>,
    /// What is right, and to be known.
    pub warnings: Vec<Problem>,
    /// What feeds the guards of each chamber; empty where the file is no profile, or a bad one.
    pub feeds: Vec<Feed>,
    /// What the guards end the beam by; none where the file is no plan, a bad one, or one for a machine that is not known.
    pub ends: Option<Ends>,
}

/// What was found in all files; prints for people, serialises for programs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// One entry for each file, in the order asked.
    pub files: Vec<Checked>,
}

impl Report {
    /// Whether nothing must be put right.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.files.iter().all(|file| file.errors.is_empty())
    }

    /// The report as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "good": self.is_good(), "files": self.files })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Checked { file, kind, errors, warnings, ends, .. } in &self.files {
            for error in errors {
                writeln!(formatter, "{error}")?;
            }
            for Problem { file, line, what, .. } in warnings {
                match line {
                    0 => writeln!(formatter, "{file}: warning: {what}")?,
                    _ => writeln!(formatter, "{file}:{line}: warning: {what}")?,
                }
            }
            match errors.len() {
                0 => writeln!(formatter, "{file}: {}, good", kind.name())?,
                1 => writeln!(formatter, "{file}: {}, 1 error", kind.name())?,
                many => writeln!(formatter, "{file}: {}, {many} errors", kind.name())?,
            }
            if let Some(ends) = ends {
                write!(formatter, "{ends}")?;
            }
        }
        Ok(())
    }
}

/// Checks every file at `paths`. A plan is held against the profile of its machine: one of these files, or one that the
/// program carries with it.
#[must_use]
pub fn check_files(paths: &[PathBuf]) -> Report {
    check_read(paths.iter().map(|path| (path.display().to_string(), read_text(path))).collect(), &beside)
}

/// Checks `texts`, each with the name that its problems are reported under, as [`check_files`] checks files; `library` gives
/// the DBC files that profiles name.
#[must_use]
pub fn check_texts(texts: &[(&str, &str)], library: Library<'_>) -> Report {
    let texts = texts.iter().map(|&(file, text)| (file.to_owned(), Ok(text.to_owned())));
    check_read(texts.collect(), &|_, path| library(path))
}

/// Gives the text of the DBC file that a profile, the first, names by a path, the second.
type Dbc<'l> = &'l dyn Fn(&str, &str) -> Result<String, Wrong>;

fn check_read(texts: Vec<(String, Result<String, Problem>)>, dbc: Dbc<'_>) -> Report {
    let profiles: Vec<Profile> = texts
        .iter()
        .filter_map(|(file, text)| Some((file, text.as_ref().ok()?)))
        .filter(|(_, text)| Kind::of(text) == Kind::Profile)
        .filter_map(|(file, text)| parse_profile_with(file, text, &|path| dbc(file, path)).ok())
        .collect();
    let files = texts.into_iter().map(|(file, text)| match text {
        Ok(text) => check_one(file, &text, &profiles, dbc),
        Err(problem) => {
            let (warnings, feeds) = (Vec::new(), Vec::new());
            Checked { file, kind: Kind::Unknown, errors: vec![problem], warnings, feeds, ends: None }
        }
    });
    Report { files: files.collect() }
}

fn check_one(file: String, text: &str, profiles: &[Profile], dbc: Dbc<'_>) -> Checked {
    let kind = Kind::of(text);
    let (mut feeds, mut ends) = (Vec::new(), None);
    let (errors, warnings) = match kind {
        Kind::Profile => match parse_profile_with(&file, text, &|path| dbc(&file, path)) {
            Ok(profile) => {
                feeds = profile.feeds;
                (Vec::new(), profile.notices)
            }
            Err(errors) => (errors, Vec::new()),
        },
        Kind::Plan => match parse_plan(&file, text) {
            Ok(plan) => {
                let (errors, warnings, found) = check_plan(&plan, profiles);
                ends = found;
                (errors, warnings)
            }
            Err(errors) => (errors, Vec::new()),
        },
        Kind::Site => check_site(&file, text),
        Kind::Unknown => (vec![unknown(&file, text)], Vec::new()),
    };
    Checked { file, kind, errors, warnings, feeds, ends }
}

/// Why a file is of no kind: it is no TOML, or none of its keys tells.
fn unknown(file: &str, text: &str) -> Problem {
    let document = super::document::Document::new(file, text);
    let is_toml = document.parse().is_some();
    let syntax = document.into_problems().into_iter().next();
    syntax.filter(|_| !is_toml).unwrap_or_else(|| {
        let what = "neither a machine profile nor a plan nor a site file: no key at its top tells which";
        Problem::of_file(
            file,
            what,
            "start from a file in configs/machines or configs/plans, or from configs/supervisor.toml",
        )
    })
}

fn check_plan(plan: &Plan, profiles: &[Profile]) -> (Vec<Problem>, Vec<Problem>, Option<Ends>) {
    let given = profiles.iter().find(|profile| profile.name == plan.machine).cloned();
    let Some(profile) = given.or_else(|| shipped::profile(&plan.machine)) else {
        let what =
            format!("`{}` is none of the profiles given or shipped, so only the plan itself was checked", plan.machine);
        let warning = plan.problem("machine", what, "check the plan together with the profile of its machine");
        return (Vec::new(), vec![warning], None);
    };
    match order(&profile, plan) {
        Ok(_) => (Vec::new(), Vec::new(), Ends::of(&profile, plan)),
        Err(errors) => (errors, Vec::new(), None),
    }
}

fn check_site(file: &str, text: &str) -> (Vec<Problem>, Vec<Problem>) {
    let site = match parse_site(file, text) {
        Ok(site) => site,
        Err(errors) => return (errors, Vec::new()),
    };
    match site.load_profile(&|path| std::fs::read(path)) {
        Ok(profile) => (site.against(&profile), profile.notices),
        Err(errors) => (errors, Vec::new()),
    }
}
