//! What each command does between its arguments and its exit code. A person's words go to standard output, progress and
//! errors to standard error; with `--json` standard output holds one JSON document.

use std::io::{IsTerminal, Write};
use std::path::Path;

use beam_core::fault::Fault;
use beam_drivers::realtime::ThreadWish;
use beam_drivers::sim::Injection;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use crate::accident;
use crate::air_file;
use crate::cli;
use crate::config::{self, Kind, Problem, shipped};
use crate::demo;
use crate::describe::cleared_by;
use crate::fault_history;
use crate::observe::service;
use crate::observe::surroundings::Air;
use crate::prepared::Prepared;
use crate::replay;
use crate::report::Report;
use crate::run::{self, RunError};
use crate::service::exit;

mod check_bus;
mod latency;
mod simulate;

pub use check_bus::check_bus;
pub use latency::latency;
pub use simulate::simulate;

/// Why what a person says of an unclean end has no place beside observing.
const OWN_DELIVERY: &str = "speaks of a delivery of this supervisor, and an observer has none";

/// What is printed and the code that is answered instead of a result.
type Failure = u8;

fn fail(code: u8, message: impl std::fmt::Display) -> Failure {
    eprintln!("{message}");
    code
}

fn wrong(problems: &[Problem]) -> Failure {
    for problem in problems {
        eprintln!("{problem}");
    }
    exit::CONFIGURATION
}

fn code(result: Result<u8, Failure>) -> u8 {
    result.unwrap_or_else(|failure| failure)
}

/// `demo`
#[must_use]
pub fn demo(arguments: &cli::Demo) -> u8 {
    if let Some(name) = &arguments.accident {
        return accident::demo(name, arguments);
    }
    if arguments.fault.as_deref() == Some("list") {
        list_injections(arguments.json);
        return exit::DONE;
    }
    code(deliver_demo(arguments))
}

fn deliver_demo(arguments: &cli::Demo) -> Result<u8, Failure> {
    let wish = demo::Wish {
        prepared: prepare_demo(arguments)?,
        fault: arguments.fault.as_deref().map(injection).transpose()?,
        seed: arguments.seed,
        records: arguments.records.clone(),
        show_progress: !arguments.fast,
        unit_thread: ThreadWish::default(),
    };
    let result = if arguments.fast { demo::fast(&wish) } else { demo::real_time(&wish) };
    let report = result.map_err(|error| fail(exit::FAILED, format!("demo: {error}")))?;
    print(&report, arguments.json);
    Ok(verdict(&report))
}

fn prepare_demo(arguments: &cli::Demo) -> Result<Prepared, Failure> {
    let machine = &arguments.machine;
    let names = || shipped::MACHINES.iter().map(|file| file.machine).collect::<Vec<_>>().join(", ");
    // in virtual time nothing is late, so the machine's own periods hold
    let profile = if arguments.fast { shipped::profile(machine) } else { shipped::demo_profile(machine) };
    let profile = profile.ok_or_else(|| {
        fail(exit::USAGE, format!("demo: there is no machine `{machine}`\n    fix: choose one of {}", names()))
    })?;
    let plan = match &arguments.plan {
        Some(path) => config::load_plan(path).map_err(|problems| wrong(&problems))?,
        None => shipped::plan(machine).ok_or_else(|| fail(exit::FAILED, format!("demo: `{machine}` has no plan")))?,
    };
    Prepared::new(&profile, &plan).map_err(|problems| wrong(&problems))
}

/// `NAME@PULSE`, or `NAME` for a fault from before the beam.
fn injection(text: &str) -> Result<(Injection, u32), Failure> {
    let (name, pulse) = text.split_once('@').unwrap_or((text, "0"));
    let pulse = pulse.parse().map_err(|_| {
        fail(
            exit::USAGE,
            format!("demo: `{pulse}` is no pulse\n    fix: write --fault NAME@PULSE, as in mon1-stuck@100"),
        )
    })?;
    let injection = name.parse().map_err(|_| {
        fail(
            exit::USAGE,
            format!("demo: there is no fault `{name}`\n    fix: `beam-supervisor demo --fault list` names them"),
        )
    })?;
    Ok((injection, pulse))
}

fn list_injections(as_json: bool) {
    if as_json {
        let all: Vec<Value> = Injection::ALL
            .iter()
            .map(|fault| json!({ "name": fault.name(), "description": fault.description(), "ends": fault.expected() }))
            .collect();
        say!("{}", pretty(&Value::Array(all)));
        return;
    }
    for fault in Injection::ALL {
        say!("{:<32} {}\n{:<32}   ends it: {}", fault.name(), fault.description(), "", fault.expected());
    }
}

fn print(report: &Report, as_json: bool) {
    if as_json {
        say!("{}", report.json());
    } else {
        say_text!("{}", report.text());
    }
}

fn verdict(report: &Report) -> u8 {
    if report.is_as_planned() { exit::DONE } else { exit::TRIPPED }
}

/// `run`
#[must_use]
pub fn run(arguments: &cli::Run) -> u8 {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    code(if arguments.observe { observe(arguments) } else { serve(arguments) })
}

fn observe(arguments: &cli::Run) -> Result<u8, Failure> {
    if let Some(why) = no_place_beside_observing(arguments) {
        return Err(fail(exit::USAGE, format!("run: {why}")));
    }
    let Some(path) = &arguments.plan else {
        let what = "--observe judges by a plan, and none is given";
        return Err(fail(
            exit::USAGE,
            format!("run: {what}\n    fix: name the plan that is delivered with --plan FILE"),
        ));
    };
    // an observer reads the air again and again by itself
    let (site, profile, seal) = read_sealed(arguments, None)?;
    let plan = config::load_plan(path).map_err(|problems| wrong(&problems))?;
    let prepared = Prepared::new(&profile, &plan).map_err(|problems| wrong(&problems))?;
    let air = arguments.air.clone().zip(prepared.needs_air);
    let air = air.map(|(file, site_kpa)| Air { uncorrected: prepared.clone(), file, site_kpa });
    let prepared = in_its_air(prepared, arguments)?;
    match service::observe(service::Wish { site, seal, prepared, air }) {
        Ok(()) => Ok(exit::DONE),
        Err(error) => Err(fail(code_of(&error), format!("run: {error}"))),
    }
}

/// Whatever speaks of a delivery of this supervisor's own has no place where it only observes.
fn no_place_beside_observing(arguments: &cli::Run) -> Option<String> {
    let given = [
        ("--arm-now", arguments.arm_now, "begins a beam, and an observer can begin none"),
        ("--output-check-done", arguments.output_check_done.is_some(), OWN_DELIVERY),
        ("--accept-remaining", arguments.accept_remaining.is_some(), OWN_DELIVERY),
        ("--next-delivery-id", arguments.next_delivery_id.is_some(), "sets a counter that an observer does not use"),
        (
            "--repeated-fault-cleared",
            arguments.repeated_fault_cleared,
            "clears a history that an observer does not keep",
        ),
    ];
    let wrong: Vec<String> =
        given.iter().filter(|(_, is_given, _)| *is_given).map(|(name, _, why)| format!("{name} {why}")).collect();
    (!wrong.is_empty()).then(|| format!("--observe: {}\n    fix: start without it", wrong.join("; ")))
}

fn serve(arguments: &cli::Run) -> Result<u8, Failure> {
    let (site, profile, seal) = read_sealed(arguments, arguments.air.as_deref())?;
    let prepared = match &arguments.plan {
        None => Prepared::without_plan(&profile),
        Some(path) => {
            if !profile.is_bench {
                let what = "--arm-now begins a beam without an operator, and the profile is not a bench";
                let fix = "arm through an operator; or, where no patient can be, say bench = true in the profile";
                return Err(fail(exit::CONFIGURATION, format!("{}: {what}\n    fix: {fix}", profile.file)));
            }
            let plan = config::load_plan(path).map_err(|problems| wrong(&problems))?;
            Prepared::new(&profile, &plan).map_err(|problems| wrong(&problems))?
        }
    };
    let prepared = in_its_air(prepared, arguments)?;
    let wish = run::Wish {
        site,
        seal,
        prepared,
        arm_now: arguments.arm_now,
        next_delivery_id: arguments.next_delivery_id,
        output_check_done: arguments.output_check_done,
        accept_remaining: arguments.accept_remaining,
        repeated_fault_cleared: arguments.repeated_fault_cleared,
    };
    match run::run(wish) {
        Ok(report) => {
            let Some(report) = report else { return Ok(exit::DONE) };
            // `print!` would panic where nobody reads, and what dies is started again
            let _nobody_may_read_it = std::io::stdout().write_all(report.text().as_bytes());
            Ok(verdict(&report))
        }
        Err(error) => Err(fail(code_of(&error), format!("run: {error}"))),
    }
}

const fn code_of(error: &RunError) -> u8 {
    match error {
        RunError::SecondInstance(_) | RunError::SecondObserver(_) => exit::SECOND_INSTANCE,
        RunError::Ids(_) | RunError::Remaining(_) | RunError::Changed(_) => exit::CONFIGURATION,
        RunError::Unavailable(_) | RunError::Refused(_) => exit::UNAVAILABLE,
        RunError::Io(_) => exit::FAILED,
    }
}

/// The service's configuration and its machine, and the seal over all files that they and a delivery are made from: the DBC
/// files, the plan, and the readings of the `air` where they are read once.
fn read_sealed(
    arguments: &cli::Run,
    air: Option<&Path>,
) -> Result<(config::Site, config::Profile, config::Seal), Failure> {
    let others: Vec<&Path> = arguments.plan.as_deref().into_iter().chain(air).collect();
    config::load_sealed(&arguments.config, &others).map_err(|problems| wrong(&problems))
}

/// A machine with vented chambers arms nothing without a reading of their air.
fn in_its_air(prepared: Prepared, arguments: &cli::Run) -> Result<Prepared, Failure> {
    let Some(site_kpa) = prepared.needs_air else { return Ok(prepared) };
    let now = i64::try_from(fault_history::wall_seconds()).unwrap_or(i64::MAX);
    match &arguments.air {
        Some(path) => {
            let factor = air_file::read(path, site_kpa, now).map_err(|what| fail(exit::CONFIGURATION, what))?;
            Ok(prepared.in_air(factor))
        }
        None => {
            let fault = Fault::TemperaturePressure;
            let what =
                format!("{} {}: the chambers are vented, and no --air FILE is given", fault.code(), fault.name());
            Err(fail(exit::CONFIGURATION, format!("run: {what}\n    fix: {}", fault.action())))
        }
    }
}

/// `check`
#[must_use]
pub fn check(arguments: &cli::Check) -> u8 {
    if arguments.bus {
        return check_bus(arguments);
    }
    let report = config::check_files(&arguments.files);
    if arguments.json {
        say!("{}", pretty(&report.to_json()));
    } else {
        say_text!("{report}");
    }
    if report.is_good() { exit::DONE } else { exit::CONFIGURATION }
}

/// `replay`
#[must_use]
pub fn replay(arguments: &cli::Replay) -> u8 {
    code(judge_again(arguments))
}

fn judge_again(arguments: &cli::Replay) -> Result<u8, Failure> {
    let (profile, interfaces) = profile_for_replay(&arguments.config)?;
    let plan = config::load_plan(&arguments.plan).map_err(|problems| wrong(&problems))?;
    let prepared = Prepared::new(&profile, &plan).map_err(|problems| wrong(&problems))?;
    let replayed = replay::replay(&arguments.log, &prepared, &interfaces)
        .map_err(|error| fail(exit::CONFIGURATION, format!("{}: {error}", arguments.log.display())))?;
    let report = &replayed.report;
    if arguments.json {
        let document = json!({ "report": report, "frames": replayed.frames, "log": replayed.log });
        say!("{}", pretty(&document));
    } else {
        say_text!("{}", report.text());
        say!("  {:<20} {}", "frames judged", replayed.frames);
        for line in &replayed.log {
            say!("  {line}");
        }
    }
    Ok(verdict(report))
}

/// A recording is judged by a machine; a service's configuration names it together with its interfaces.
fn profile_for_replay(path: &Path) -> Result<(config::Profile, [String; 2]), Failure> {
    let checked = config::check_files(&[path.to_owned()]);
    if checked.files.first().is_some_and(|file| file.kind == Kind::Profile) {
        let profile = config::load_profile(path).map_err(|problems| wrong(&problems))?;
        return Ok((profile, ["can0".to_owned(), "can1".to_owned()]));
    }
    let (site, profile) = config::load_site(path).map_err(|problems| wrong(&problems))?;
    let interfaces = site.interfaces();
    let name =
        |index: usize| interfaces.get(index).or(interfaces.first()).map_or_else(String::new, ToString::to_string);
    Ok((profile, [name(0), name(1)]))
}

/// `faults`
#[must_use]
pub fn faults(arguments: &cli::Faults) -> u8 {
    let asked = |fault: &Fault| {
        // as it is shown, as it is typed in a hurry (f803, 803), or by its name
        let digits = |code: &str| code.trim_start_matches(['F', 'f', '-']).to_owned();
        arguments.code.as_ref().is_none_or(|code| digits(code) == digits(fault.code()) || code == fault.name())
    };
    let found: Vec<Fault> = Fault::ALL.iter().copied().filter(asked).collect();
    if found.is_empty() {
        return fail(exit::FAILED, "faults: there is no such fault\n    fix: `beam-supervisor faults` lists them all");
    }
    if arguments.json {
        say!("{}", pretty(&Value::Array(found.into_iter().map(fault_entry).collect())));
        return exit::DONE;
    }
    for fault in found {
        say!("{} {} ({})", fault.code(), fault.name(), fault.group().name());
        say!("    what happened: {}", fault.cause());
        say!("    operator:      {}", fault.action());
        say!("    cleared by:    {}; {}", cleared_by(fault), resume(fault));
        say!("    serves:        {} {}", fault.requirement().id(), fault.requirement().sentence());
    }
    exit::DONE
}

const fn resume(fault: Fault) -> &'static str {
    if fault.may_resume() { "the remaining dose may be planned anew" } else { "no resume" }
}

fn fault_entry(fault: Fault) -> Value {
    json!({
        "code": fault.code(), "name": fault.name(), "group": fault.group().name(), "cause": fault.cause(),
        "operator": fault.action(), "cleared_by": fault.clearance().name(),
        "cleared_when": fault.cleared_when().name(), "may_resume": fault.may_resume(),
        "requirement": fault.requirement().id(),
    })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
