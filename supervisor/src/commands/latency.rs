//! `beam-supervisor latency`: whom to measure for, the measurement's progress, and where its result goes.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;

use beam_core::units::Span;
use beam_drivers::realtime::ThreadWish;

use super::{Failure, code, fail, pretty, wrong};
use crate::cli;
use crate::config::{self, Profile, RealTime, shipped};
use crate::describe::seconds;
use crate::latency::{Far, Measurement, Wish, measure, plot, tell, verdict};
use crate::run;
use crate::service::exit;

/// The guards' priorities where no configuration names them: those of `configs/supervisor.toml`.
const PRIORITIES: [u8; 4] = [49, 49, 48, 49];

/// `latency`
#[must_use]
pub fn latency(arguments: &cli::Latency) -> u8 {
    code(measure_all(arguments))
}

fn measure_all(arguments: &cli::Latency) -> Result<u8, Failure> {
    let wish = wish_of(arguments)?;
    let failed = |error: io::Error| fail(exit::UNAVAILABLE, format!("latency: {error}"));
    // the service and a measurement would hear each other
    let _held_until_the_end = wish
        .bus
        .as_deref()
        .map(run::hold_bus)
        .transpose()
        .map_err(|error| fail(exit::SECOND_INSTANCE, format!("latency: {error}")))?;
    let signals = run::block_signals().map_err(failed)?;
    let shows = io::stderr().is_terminal();
    let total = seconds(wish.span);
    let show = |far: &Far| {
        if shows {
            eprint!(
                "\r\x1b[K{:.0} of {total:.0} s | worst wake-up {} | {} permits, worst {}",
                seconds(far.elapsed),
                verdict::millis(far.lateness),
                far.answered,
                verdict::millis(far.longest)
            );
        }
    };
    let seen = measure(&wish, &signals, show).map_err(failed)?;
    if shows {
        eprint!("\r\x1b[K");
    }
    if let Some(path) = &arguments.plot {
        fs::write(path, picture(&wish, &seen)).map_err(|error| unwritable(path, &error))?;
    }
    if arguments.json {
        say!("{}", pretty(&tell::to_json(&wish, &seen)));
    } else {
        say_text!("{}", tell::text(&wish, &seen, arguments.histogram));
    }
    Ok(if seen.verdict.is_fit() { exit::DONE } else { exit::FAILED })
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    fail(exit::USAGE, format!("latency: {} cannot be written: {error}\n    fix: choose another --plot", path.display()))
}

fn wish_of(arguments: &cli::Latency) -> Result<Wish, Failure> {
    if let Some(path) = arguments.plot.as_ref().filter(|path| path.extension().is_none_or(|end| end != "svg")) {
        let what = format!("latency: {}: the picture is an SVG\n    fix: let its name end in .svg", path.display());
        return Err(fail(exit::USAGE, what));
    }
    let mut threads = PRIORITIES.map(|priority| ThreadWish::guard(priority, None));
    let mut profile = None;
    if let Some(path) = &arguments.config {
        let (site, named) = config::load_site(path).map_err(|problems| wrong(&problems))?;
        threads = site.threads.map(|thread| ThreadWish::guard(thread.priority, thread.cpu.map(usize::from)));
        profile = Some(named);
    }
    let profile = match (&arguments.machine, profile) {
        (Some(machine), _) => machine_of(machine)?,
        (None, Some(profile)) => profile,
        (None, None) => machine_of("mobetron")?,
    };
    Ok(Wish {
        machine_name: profile.name,
        requires_real_time: profile.real_time == RealTime::Required,
        machine: profile.machine,
        threads,
        span: Span::from_secs(arguments.seconds),
        frames: arguments.frames.unwrap_or(u64::MAX),
        bus: arguments.bus.clone(),
    })
}

/// A machine that the program carries, or a profile's file.
fn machine_of(name: &str) -> Result<Profile, Failure> {
    if let Some(profile) = shipped::profile(name) {
        return Ok(profile);
    }
    if Path::new(name).exists() {
        return config::load_profile(Path::new(name)).map_err(|problems| wrong(&problems));
    }
    let names = shipped::MACHINES.iter().map(|file| file.machine).collect::<Vec<_>>().join(", ");
    let fix = format!("choose one of {names}, or name a profile's file");
    Err(fail(exit::USAGE, format!("latency: there is no machine `{name}`\n    fix: {fix}")))
}

fn picture(wish: &Wish, seen: &Measurement) -> String {
    let late: Vec<_> = seen.guards.iter().map(|guard| &guard.lateness).collect();
    let series = [
        plot::Series { name: "lateness of wake-ups", colour: "steelblue", histograms: &late },
        plot::Series { name: "frame to permit", colour: "darkorange", histograms: &[&seen.answers.latency] },
    ];
    let title = format!("{}, {:.0} s: {}", wish.machine_name, seconds(seen.elapsed), seen.verdict.headline());
    plot::svg(&title, &series, (wish.machine.timing.lateness_budget, "lateness budget"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_priorities_are_those_of_the_shipped_configuration() {
        let site = config::parse_site("supervisor.toml", include_str!("../../../configs/supervisor.toml"));
        assert_eq!(site.expect("it is valid").threads.map(|thread| thread.priority), PRIORITIES);
    }
}
