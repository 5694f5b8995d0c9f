//! `beam-supervisor check --bus`: which buses to look at, and what is printed of them.

use std::path::Path;

use beam_core::frame::Bus;
use beam_core::units::Span;
use serde_json::Value;

use super::{Failure, code, fail, pretty, wrong};
use crate::bus_check::{Expected, expected, judge::judge, survey, tell};
use crate::cli;
use crate::config;
use crate::service::exit;

/// `check --bus`
#[must_use]
pub fn check_bus(arguments: &cli::Check) -> u8 {
    code(look(arguments))
}

fn look(arguments: &cli::Check) -> Result<u8, Failure> {
    let mut buses = Vec::new();
    for named in &arguments.files {
        buses.extend(buses_of(named)?);
    }
    let (mut told, mut unheard, mut findings) = (Vec::new(), 0, 0);
    for (interface, expected) in &buses {
        let seen = match survey(interface, Span::from_secs(arguments.seconds)) {
            Ok(seen) => seen,
            Err(error) => {
                eprintln!("{error}");
                unheard += 1;
                continue;
            }
        };
        let found = judge(&seen, expected);
        findings += found.len();
        if arguments.json {
            told.push(tell::to_json(interface, &seen, &found));
        } else {
            say_text!("{}", tell::text(interface, &seen, expected, &found));
        }
    }
    if arguments.json {
        say!("{}", pretty(&Value::Array(told)));
    }
    Ok(match (unheard, findings) {
        (0, 0) => exit::DONE,
        (0, _) => exit::FAILED,
        _ => exit::UNAVAILABLE,
    })
}

/// The buses of a configuration with what its profile wants to hear there; or one interface, of which nothing is expected.
fn buses_of(named: &Path) -> Result<Vec<(String, Vec<Expected>)>, Failure> {
    if named.exists() {
        let (site, profile) = config::load_site(named).map_err(|problems| wrong(&problems))?;
        let [first, second] = [(Some(&site.bus_a), Bus::A), (site.bus_b.as_ref(), Bus::B)];
        let buses = [first, second]
            .into_iter()
            .filter_map(|(name, bus)| Some((name?.clone(), expected(&profile.machine, bus))));
        return Ok(buses.collect());
    }
    match named.to_str() {
        Some(name) if !name.contains(['/', '.']) => Ok(vec![(name.to_owned(), Vec::new())]),
        _ => {
            let what = format!("{}: there is no such file, and no interface is called so", named.display());
            Err(fail(
                exit::USAGE,
                format!("{what}\n    fix: name a service configuration, or a CAN interface such as can0"),
            ))
        }
    }
}
