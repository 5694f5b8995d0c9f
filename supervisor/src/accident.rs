//! `beam-supervisor demo --accident A01`: an accident that happened, replayed on the simulated treatment unit, with what each
//! signal did and what ended the beam. The guards are the real ones; the world around them runs in virtual time, at the speed of
//! a real clock or, with `--fast`, as quickly as it can.

use std::io::IsTerminal;
use std::time::Duration;

use beam_core::units::{Span, Ticks};
use beam_drivers::clock;
use serde_json::{Value, json};

use crate::cli;
use crate::course::Course;
use crate::live::LiveLine;
use crate::scenario::shipped::{SCENARIOS, ShippedScenario, find};
use crate::scenario::{self, Played, Scenario, Verdict};
use crate::service::exit;

/// How far the world may run ahead of a real clock before it waits.
const AHEAD: Span = Span::from_millis(20);

/// The command: the exit code is 3 when the beam ended as the scenario says, 0 when the delivery completed as it says, and 1
/// when something else came of it.
#[must_use]
pub fn demo(name: &str, arguments: &cli::Demo) -> u8 {
    if name == "list" {
        list(arguments.json);
        return exit::DONE;
    }
    let Some(shipped) = find(name) else {
        eprintln!("demo: there is no accident `{name}`\n    fix: `beam-supervisor demo --accident list` names them");
        return exit::USAGE;
    };
    match replay(shipped, arguments) {
        Ok((scenario, played)) => verdict(&scenario, &played),
        Err(error) => {
            eprintln!("demo: {error}");
            exit::FAILED
        }
    }
}

fn verdict(scenario: &Scenario, played: &Played) -> u8 {
    let as_expected = scenario.expect.unmet(scenario, played).is_empty();
    match played.verdict() {
        _ if !as_expected => exit::FAILED,
        Verdict::Completes => exit::DONE,
        Verdict::NeverArmed | Verdict::Tripped | Verdict::Interrupted | Verdict::Terminated | Verdict::FallsSilent => {
            exit::TRIPPED
        }
    }
}

fn list(as_json: bool) {
    let read: Vec<_> = SCENARIOS.iter().filter_map(|shipped| shipped.read().ok()).collect();
    if as_json {
        let entry = |scenario: &Scenario| {
            json!({
                "name": scenario.name, "accident": scenario.accident, "title": scenario.title,
                "check": scenario.check, "verdict": scenario.expect.verdict,
            })
        };
        say!("{:#}", Value::Array(read.iter().map(entry).collect()));
        return;
    }
    for scenario in &read {
        say!("{:<32} {} ({})", scenario.name, scenario.title, scenario.expect.verdict.name());
    }
}

fn replay(shipped: &ShippedScenario, arguments: &cli::Demo) -> Result<(Scenario, Played), String> {
    let told =
        |problems: Vec<crate::config::Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let scenario = shipped.read().map_err(told)?;
    if !arguments.json {
        say!("{}", scenario::story(&scenario));
    }
    let played = if arguments.fast { scenario::play(&scenario)? } else { at_the_speed_of_a_clock(&scenario)? };
    if arguments.json {
        say!("{:#}", scenario::json(&scenario, &played));
    } else {
        say_text!("{}", scenario::text(&scenario, &played));
    }
    Ok((scenario, played))
}

fn at_the_speed_of_a_clock(scenario: &Scenario) -> Result<Played, String> {
    let planned = scenario.prepare()?.planned;
    let mut live = LiveLine::new(true, std::io::stderr().is_terminal());
    let begun = clock::now();
    let mut waited_to = Ticks::ZERO;
    let mut watch = |course: &Course| {
        let now = course.world.now();
        if now.since(waited_to) < AHEAD {
            return;
        }
        waited_to = now;
        live.show(now, &planned, &course.progress);
        let ahead = now.since(Ticks::ZERO).nanos().saturating_sub(clock::now().since(begun).nanos());
        std::thread::sleep(Duration::from_nanos(ahead));
    };
    let played = scenario::play_watched(scenario, &mut watch);
    live.end();
    played
}
