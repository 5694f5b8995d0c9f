//! Every scenario file of `tests/scenarios/`, each a check of its own: accidents that happened, replayed signal by signal
//! (`A01` to `A18`); faults at the seams of a delivery, where one rule ends and the next one begins (`S01` and on); and what
//! real machines do in normal beam, which must not end one (`holds`).
//!
//! For each file: what it expects must come of it. For each that expects the beam to end (or a dose that nobody can see): with
//! its mishaps taken out, the same expectation must fail, so that no scenario passes by asking for nothing. And for all of them:
//! every accident A01 to A18 has a file, every check C1 to C18 is named by one, and the program carries every file.
//!
//! `cargo test -p beam-tests --test scenarios -- A01` runs some of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use beam_supervisor::scenario::shipped::SCENARIOS;
use beam_supervisor::scenario::{Expect, Scenario, Verdict, parse, play};
use libtest_mimic::{Arguments, Failed, Trial};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// Every file with its name and content.
fn files() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder()).expect("the folder of scenarios");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|is| is == "toml"))
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a text"))
        })
        .collect();
    files.sort();
    files
}

fn read(name: &str, text: &str) -> Result<Scenario, Failed> {
    let told = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect::<Vec<String>>().join("\n");
    let scenario = parse(&format!("tests/scenarios/{name}.toml"), text)
        .map_err(|problems: Vec<beam_supervisor::config::Problem>| told(problems))?;
    if scenario.name != name {
        return Err(format!("it calls itself `{}`, its file is `{name}.toml`", scenario.name).into());
    }
    let fits = match &scenario.accident {
        Some(accident) => name.starts_with(accident.as_str()),
        None => name.starts_with("holds-") || is_seam(name),
    };
    if fits { Ok(scenario) } else { Err("its name should begin with its accident, with `holds-` or as `S01-`".into()) }
}

/// A fault at a seam: `S`, two digits, and what it is.
fn is_seam(name: &str) -> bool {
    let number = name.strip_prefix('S').and_then(|rest| rest.split_once('-'));
    number.is_some_and(|(number, _)| number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What it expects comes of it.
fn keeps(name: &str, text: &str) -> Result<(), Failed> {
    let scenario = read(name, text)?;
    let played = play(&scenario)?;
    let unmet = scenario.expect.unmet(&scenario, &played);
    if unmet.is_empty() { Ok(()) } else { Err(unmet.join("\n").into()) }
}

/// Whether its expectation is one that a delivery in which nothing happens must fail.
fn can_fail(scenario: &Scenario) -> bool {
    let Expect { verdict, least_dose_mu, warnings, as_planned, most_pulses, .. } = &scenario.expect;
    *verdict != Verdict::Completes
        || least_dose_mu.is_some()
        || !warnings.is_empty()
        || *as_planned == Some(false)
        || most_pulses.is_some()
}

/// With its mishaps taken out, its expectation fails.
fn needs_its_mishaps(name: &str, text: &str) -> Result<(), Failed> {
    let scenario = read(name, text)?;
    let calm = scenario.without_mishaps();
    let played = play(&calm)?;
    if played.verdict() != Verdict::Completes {
        return Err(format!("without its mishaps it should complete: {}", played.summary()).into());
    }
    let unmet = calm.expect.unmet(&calm, &played);
    if unmet.is_empty() { Err("without its mishaps its expectation is kept too".into()) } else { Ok(()) }
}

fn every_accident_and_check_has_a_scenario(files: &[(String, String)]) -> Result<(), Failed> {
    let mut missing: BTreeSet<String> = (1..=18).flat_map(|n| [format!("A{n:02}"), format!("C{n}")]).collect();
    for (name, text) in files {
        let scenario = read(name, text)?;
        for named in scenario.accident.iter().chain(&scenario.check) {
            missing.remove(named);
        }
    }
    let missing: Vec<String> = missing.into_iter().collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("no scenario for {}", missing.join(", ")).into()) }
}

fn the_program_carries_every_file(files: &[(String, String)]) -> Result<(), Failed> {
    let carried: Vec<_> = SCENARIOS.iter().map(|one| (one.name.to_owned(), one.text.to_owned())).collect();
    let named = |all: &[(String, String)]| all.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
    let apart: Vec<_> = named(&carried).symmetric_difference(&named(files)).cloned().collect();
    if apart.is_empty() { Ok(()) } else { Err(format!("scenario/shipped.rs differs by {}", apart.join(", ")).into()) }
}

fn main() {
    let arguments = Arguments::from_args();
    let files = files();
    let mut trials = Vec::new();
    for (name, text) in &files {
        let (one, two) = ((name.clone(), text.clone()), (name.clone(), text.clone()));
        trials.push(Trial::test(name.clone(), move || keeps(&one.0, &one.1)));
        if read(name, text).is_ok_and(|scenario| can_fail(&scenario)) {
            trials.push(Trial::test(format!("{name} without its mishaps"), move || needs_its_mishaps(&two.0, &two.1)));
        }
    }
    let (one, two) = (files.clone(), files);
    trials.push(Trial::test("every accident and every check has a scenario", move || {
        every_accident_and_check_has_a_scenario(&one)
    }));
    trials.push(Trial::test("the program carries every file", move || the_program_carries_every_file(&two)));
    libtest_mimic::run(&arguments, trials).exit();
}
