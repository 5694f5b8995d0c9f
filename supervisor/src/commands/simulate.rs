//! `beam-supervisor simulate`: the campaign, its progress, its tables, and the runs that broke a promise.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use beam_core::units::Dose;
use beam_drivers::clock;

use super::{Failure, code, fail, wrong};
use crate::cli;
use crate::config::shipped;
use crate::course::Errand;
use crate::describe::{mu, seconds};
use crate::mishap::Mishap;
use crate::scenario::{Expect, Scenario, Verdict};
use crate::service::exit;
use crate::simulate::circumstances::Circumstances;
use crate::simulate::draw::{Drawn, draw};
use crate::simulate::models::{self, Model};
use crate::simulate::shrink::shrink;
use crate::simulate::table::{LENGTHS, Table, kinds};
use crate::simulate::{Campaign, Faults, Run, Wish, campaign};

/// `simulate`
#[must_use]
pub fn simulate(arguments: &cli::Simulate) -> u8 {
    if arguments.faults == "list" {
        for kind in kinds() {
            say!("{kind}");
        }
        return exit::DONE;
    }
    code(simulate_all(arguments))
}

fn simulate_all(arguments: &cli::Simulate) -> Result<u8, Failure> {
    let wish = Wish {
        runs: arguments.deliveries,
        seed: arguments.seed,
        faults: faults_of(&arguments.faults)?,
        machines: machines_of(arguments.machines.as_deref())?,
        stop_at_first: arguments.stop_at_first,
    };
    let log = match &arguments.log {
        Some(path) => Some(Log::create(path, wish.seed).map_err(|error| unwritable(path, &error))?),
        None => None,
    };
    let shows = io::stderr().is_terminal();
    let (begun, done) = (clock::now(), AtomicU64::new(0));
    let campaign = campaign(&wish, &|run| {
        if let Some(log) = &log {
            log.take(run);
        }
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if shows && done.is_multiple_of(1000) {
            eprint!("\r{done} of {} runs, {:.0} s", wish.runs, seconds(clock::now().since(begun)));
        }
    });
    if shows {
        eprint!("\r\x1b[K");
    }
    if let (Some(log), Some(path)) = (log, &arguments.log) {
        log.finish().map_err(|error| unwritable(path, &error))?;
    }
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&campaign).unwrap_or_default());
    } else {
        print_campaign(&campaign, arguments);
    }
    tell_broken(&campaign, &wish, arguments);
    Ok(if campaign.broken.is_empty() { exit::DONE } else { exit::FAILED })
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    fail(exit::USAGE, format!("simulate: {} cannot be written: {error}; choose another --log", path.display()))
}

fn faults_of(text: &str) -> Result<Faults, Failure> {
    let kind = |name: &str| {
        let unknown =
            || fail(exit::USAGE, format!("simulate: there is no `{name}`; `simulate --faults list` names all"));
        kinds().find(|kind| *kind == name).ok_or_else(unknown)
    };
    Ok(match text {
        "none" => Faults::None,
        "all" => Faults::All,
        names => Faults::Some(names.split(',').map(|name| kind(name.trim())).collect::<Result<_, _>>()?),
    })
}

fn machines_of(names: Option<&str>) -> Result<Vec<Arc<Model>>, Failure> {
    let names: Vec<&str> = match names {
        Some(names) => names.split(',').map(str::trim).collect(),
        None => models::names().collect(),
    };
    names
        .into_iter()
        .map(|name| {
            let missing = || {
                let all: Vec<_> = models::names().collect();
                fail(exit::USAGE, format!("simulate: there is no machine `{name}`; {} are", all.join(", ")))
            };
            models::model(name).ok_or_else(missing)?.map(Arc::new).map_err(|problems| wrong(&problems))
        })
        .collect()
}

/// One line for each run, in the order of seeds whatever the order in which they end.
struct Log(Mutex<Lines>);

struct Lines {
    next: u64,
    waiting: BTreeMap<u64, String>,
    file: BufWriter<File>,
    result: io::Result<()>,
}

impl Log {
    fn create(path: &Path, first: u64) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        Ok(Self(Mutex::new(Lines { next: first, waiting: BTreeMap::new(), file, result: Ok(()) })))
    }

    fn take(&self, run: &Run) {
        let line = run.line();
        let mut lines = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        lines.waiting.insert(run.seed, line);
        let next = lines.next;
        if let Some(line) = lines.waiting.remove(&next) {
            lines.write(&line);
            while let Some(line) = {
                let next = lines.next;
                lines.waiting.remove(&next)
            } {
                lines.write(&line);
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        let mut lines = self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        for line in std::mem::take(&mut lines.waiting).into_values() {
            lines.write(&line);
        }
        lines.result?;
        lines.file.flush()
    }
}

impl Lines {
    fn write(&mut self, line: &str) {
        self.next = self.next.wrapping_add(1);
        if self.result.is_ok() {
            self.result = writeln!(self.file, "{line}");
        }
    }
}

fn print_campaign(campaign: &Campaign, arguments: &cli::Simulate) {
    let table = &campaign.table;
    say!("{:<34} {:>8}  ended, or found first", "befell", "times");
    for (kind, outcomes) in &table.injected {
        say!("{kind:<34} {:>8}  {}", outcomes.values().sum::<u64>(), list(outcomes));
    }
    let never = table.never_injected();
    let (pairs, exercised) = table.pairs_exercised();
    if arguments.faults == "all" {
        let least = table.pairs.values().min().copied().unwrap_or(0);
        let most = table.pairs.iter().max_by_key(|(_, times)| **times);
        say!(
            "\nnever      {}",
            if never.is_empty() { "nothing: every kind befell a run".to_owned() } else { never.join(", ") }
        );
        say!(
            "pairs      {exercised} of {pairs} kinds of pairs, {} to {} times each (all with --json)",
            if exercised == pairs { least } else { 0 },
            most.map_or(0, |(_, times)| *times)
        );
    }
    print_lengths(table);
    say!("ended by   {}", list(&table.ended_by));
    say!("found by   {}", list(&table.found_by));
    say!("found      {}", list(&table.faults_found));
    say!("machines   {}", list(&table.machines));
    let by_number: Vec<_> = table.by_number.iter().map(|(number, count)| format!("number {number}: {count}")).collect();
    say!("deliveries {} in {} runs; in their process {}", table.deliveries, table.runs, by_number.join(", "));
    say!("as planned {} of them", table.as_planned);
    print_cost(campaign);
    if arguments.faults == "none" {
        say!("worst landing of monitor 1: {:.4} pulses from the preset", table.worst_landing_pulses);
    }
    let verdict = if campaign.broken.is_empty() { "no promise broken" } else { "PROMISES BROKEN" };
    say!("{verdict}: {} of {} runs (first seed {})", campaign.broken.len(), table.runs, arguments.seed);
}

fn list<K: Display>(counts: &BTreeMap<K, u64>) -> String {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    sorted.into_iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

#[expect(clippy::cast_precision_loss, reason = "shares for people to read")]
fn print_lengths(table: &Table) {
    let lengths = LENGTHS.map(|most| {
        let count = table.lengths.get(&most).copied().unwrap_or(0);
        format!("<= {most}: {:.1} %", 100.0 * count as f64 / table.lengths.values().sum::<u64>().max(1) as f64)
    });
    say!("plans      in pulses: {}", lengths.join(", "));
}

#[expect(clippy::cast_precision_loss, reason = "rates for people to read")]
fn print_cost(campaign: &Campaign) {
    let Campaign { table, elapsed_s, processor_s, cores, .. } = campaign;
    say!(
        "{} deliveries, {} pulses, {} guard steps in {elapsed_s:.2} s on {cores} cores, {processor_s:.2} s of processor time: \
         {:.0} deliveries and {:.2} million steps for each second of a core",
        table.deliveries,
        table.pulses,
        table.guard_steps,
        table.deliveries as f64 / processor_s,
        table.guard_steps as f64 / processor_s / 1e6,
    );
}

/// A run that broke a promise: what, how to repeat it, and the smallest run that still breaks it.
fn tell_broken(campaign: &Campaign, wish: &Wish, arguments: &cli::Simulate) {
    for (place, run) in campaign.broken.iter().take(20).enumerate() {
        eprintln!("\nBROKEN by seed {}:", run.seed);
        for broken in &run.broken {
            eprintln!("  {} ({:.3} ms): {}", broken.promise, broken.at_ms, broken.detail);
        }
        let machines = arguments.machines.as_ref().map_or(String::new(), |names| format!(" --machines {names}"));
        let faults = &arguments.faults;
        eprintln!("  again: beam-supervisor simulate --deliveries 1 --seed {} --faults {faults}{machines}", run.seed);
        if place < arguments.shrink {
            let small = shrink(&draw(&wish.machines, &wish.faults, run.seed));
            let text = told(&small);
            match &arguments.scenarios {
                Some(folder) => keep(folder, run.seed, &text),
                None => eprintln!("  smallest run that breaks the same promise, as a scenario:\n\n{text}"),
            }
        }
    }
}

/// Keeps a scenario in a folder.
fn keep(folder: &Path, seed: u64, text: &str) {
    let path = folder.join(format!("seed-{seed}.toml"));
    match std::fs::write(&path, text) {
        Ok(()) => eprintln!("  smallest run that breaks the same promise: {}", path.display()),
        Err(error) => {
            eprintln!("  {} cannot be written: {error}; choose another --scenarios\n\n{text}", path.display())
        }
    }
}

/// A run as a scenario file. What it expects is the least that must come of it; whoever keeps the file looks it over.
fn told(drawn: &Drawn) -> String {
    let leg = &drawn.legs[0];
    let planned = &leg.prepared.planned;
    let harmless = Circumstances::of(drawn).is_harmless();
    let verdict = if harmless { Verdict::Completes } else { Verdict::Tripped };
    let most_dose_mu = Some(planned.backup_mu + mu(leg.prepared.order.pulse_dose));
    let expect = Expect { most_dose_mu, ..Expect::only(verdict) };
    let name = format!("seed-{}", drawn.seed);
    let preset = Dose::from_micro_mu(micro(planned.planned_mu));
    let mishaps: Vec<Mishap> = drawn.day.as_mishaps().into_iter().chain(drawn.mishaps.iter().copied()).collect();
    let scenario = Scenario::of_run(&name, &planned.machine, preset, drawn.seed, &mishaps, expect);
    let scenario = Scenario { energy_mev: Some(planned.energy_mev), ..scenario };
    format!("{}{}", beyond_a_scenario(drawn), scenario.to_toml().unwrap_or_default())
}

/// What of a run no scenario file can say, as comments above it: a machine that is the campaign's own, and the deliveries after
/// the first.
fn beyond_a_scenario(drawn: &Drawn) -> String {
    let machine = &drawn.model.numbers.name;
    let mut text = String::new();
    if shipped::profile(machine).is_none() {
        let _never_fails = writeln!(text, "# `{machine}` is a machine of the campaign's own, which no scenario knows.");
    }
    for (place, leg) in drawn.legs.iter().enumerate().skip(1) {
        let Errand { acknowledged_after, first, armed_after, interrupted, .. } = leg.errand;
        let (acknowledged, armed) = (seconds(acknowledged_after), seconds(armed_after));
        let _never_fails = writeln!(
            text,
            "# delivery {}: {:.6} MU at {} MeV; the one before it was acknowledged after {acknowledged} s, first by the \
             {first:?}, and it was armed {armed} s after that; when interrupted: {interrupted:?}",
            place + 1,
            leg.wanted.monitor_units,
            leg.wanted.energy_mev,
        );
    }
    text
}

#[expect(clippy::cast_possible_truncation, reason = "a preset is under a million MU")]
fn micro(mu: f64) -> i64 {
    (mu * 1e6).round() as i64
}
