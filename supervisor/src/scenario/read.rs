//! Reads a scenario file. Each key is read by itself first, so that every error is told at once and with its line; then all of
//! it together.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::Scenario;
use super::expect::Expect;
use crate::config::{Document, Problem};
use crate::mishap::Mishap;

/// Largest preset that a scenario may have, in MU.
const MOST_MU: f64 = 100_000.0;

/// Makes a scenario of the text of a file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(file: &str, text: &str) -> Result<Scenario, Vec<Problem>> {
    let document = Document::new(file, text);
    let Some(table) = document.parse() else { return Err(document.into_problems()) };
    for (key, value) in &table {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("mishap", DeValue::Array(mishaps)) => {
                for mishap in mishaps.iter() {
                    read::<Mishap>(&document, mishap.clone());
                }
            }
            ("expect", DeValue::Table(expect)) => {
                for (key, value) in expect {
                    read_alone::<Expect>(&document, key, value);
                }
            }
            _ => read_alone::<Scenario>(&document, key, value),
        }
    }
    let whole = Spanned::new(0..text.len(), DeValue::Table(table.clone()));
    let clean = document.is_clean();
    let scenario = Scenario::deserialize_from(whole);
    match scenario {
        Ok(scenario) => judge(&document, &table, &scenario),
        Err(error) if clean => add(&document, 0, &error),
        Err(_) => {}
    }
    let problems = document.into_problems();
    match Scenario::deserialize_from(Spanned::new(0..text.len(), DeValue::Table(table))) {
        Ok(scenario) if problems.is_empty() => Ok(scenario),
        _ => Err(problems),
    }
}

impl Scenario {
    fn deserialize_from(whole: Spanned<DeValue<'_>>) -> Result<Self, toml::de::Error> {
        serde::Deserialize::deserialize(ValueDeserializer::from(whole))
    }
}

fn read<T: DeserializeOwned>(document: &Document<'_>, value: Spanned<DeValue<'_>>) {
    let start = value.span().start;
    if let Err(error) = T::deserialize(ValueDeserializer::from(value)) {
        add(document, start, &error);
    }
}

/// Reads a table that holds this key only; that the others are missing is no matter here.
fn read_alone<T: DeserializeOwned>(
    document: &Document<'_>,
    key: &Spanned<toml::de::DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
) {
    let mut table = DeTable::new();
    table.insert(key.clone(), value.clone());
    let whole = Spanned::new(key.span().start..value.span().end, DeValue::Table(table));
    if let Err(error) = T::deserialize(ValueDeserializer::from(whole))
        && !error.message().starts_with("missing field")
    {
        add(document, key.span().start, &error);
    }
}

fn add(document: &Document<'_>, start: usize, error: &toml::de::Error) {
    let at = error.span().map_or(start, |span| span.start);
    let what = error.message().lines().collect::<Vec<_>>().join(", ");
    document.problem(at, what, "write it as the files in tests/scenarios/ do");
}

/// What serde cannot see: names of accidents and checks, a machine that does not exist, a preset out of range.
fn judge(document: &Document<'_>, table: &DeTable<'_>, scenario: &Scenario) {
    let at =
        |key: &str| table.iter().find(|(name, _)| name.get_ref() == key).map_or(0, |(_, value)| value.span().start);
    if let Some(accident) = &scenario.accident
        && !is_numbered(accident, 'A', 2)
    {
        document.problem(at("accident"), format!("`{accident}` is no accident"), "write A01 to A18");
    }
    for check in scenario.check.iter().filter(|check| !is_numbered(check, 'C', 1)) {
        document.problem(at("check"), format!("`{check}` is no check"), "write C1 to C18");
    }
    if !(scenario.preset_mu > 0.0 && scenario.preset_mu <= MOST_MU) {
        let what = format!("`preset-mu` = {} is out of range", scenario.preset_mu);
        document.problem(at("preset-mu"), what, format!("write a preset above 0 and up to {MOST_MU} MU"));
    } else if let Err(what) = scenario.prepare() {
        document.problem(
            at("machine"),
            what,
            "name a shipped machine, one of its energies, and a preset that it can give",
        );
    }
    let guards = ["dose 1", "dose 2", "time", "interlock", "session"];
    for finder in scenario.expect.found_by.iter().filter(|finder| !guards.contains(&finder.as_str())) {
        document.problem(at("expect"), format!("`{finder}` finds nothing"), format!("{} do", guards.join(", ")));
    }
}

/// `A01` or `C1`: a letter and a number from 1 to 18 of so many digits at least.
fn is_numbered(text: &str, letter: char, digits: usize) -> bool {
    let number = text.strip_prefix(letter);
    number.is_some_and(|number| number.len() >= digits && number.parse().is_ok_and(|n: u8| (1..=18).contains(&n)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"x\"\nmachine = \"novac7\"\nenergy-mev = 5.0\npreset-mu = 202\nseed = 1\n\n[[mishap]]\nat = \
                        \"pulse 1\"\nwhat = { output = { percent = 10000 } }\n\n[expect]\nverdict = \"tripped\"\nmost-pulses = 1\n";

    #[test]
    fn a_file_reads_and_writes_itself_again() {
        let scenario = parse("x.toml", GOOD).expect("a scenario");
        assert_eq!(scenario.mishaps.len(), 1);
        let again = parse("x.toml", &scenario.to_toml().expect("a text")).expect("the same scenario");
        assert_eq!(scenario, again);
    }

    #[test]
    fn every_error_is_told_at_once_and_with_its_line() {
        let bad = GOOD
            .replace("seed = 1", "sead = 1")
            .replace("pulse 1", "puls 1")
            .replace("\"tripped\"", "\"triped\"")
            .replace("most-pulses", "most-pulse");
        let problems = parse("x.toml", &bad).expect_err("four errors");
        let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [5, 8, 12, 13], "{problems:#?}");
    }

    #[test]
    fn names_that_mean_nothing_are_errors() {
        for (from, to, line) in [
            ("name = \"x\"", "name = \"x\"\naccident = \"A19\"", 2),
            ("seed = 1", "seed = 1\ncheck = [\"C0\"]", 6),
            ("novac7", "novac8", 2),
            ("energy-mev = 5.0", "energy-mev = 5.1", 2),
            ("202", "-202", 4),
        ] {
            let problems = parse("x.toml", &GOOD.replace(from, to)).expect_err(to);
            assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [line], "{problems:#?}");
        }
    }

    #[test]
    fn everything_that_can_befall_the_unit_has_words() {
        let numbers = [
            "{ rate = { percent = 150 } }",
            "{ output = { percent = 80 } }",
            "{ reads = { of = \"beam charge\", percent = 0.5 } }",
            "{ clear-counters = { of = \"both monitors\" } }",
            "{ leak = { mu = 0.25 } }",
            "{ pulses-while-closed = { pulses = 3, after-ms = 40, counted = true } }",
            "{ gate-tells-late = { bus = \"A\", by-ms = 100 } }",
            "{ controller-says = { bus = \"B\", complaint = \"error-warning\" } }",
            "{ bus-off = { bus = \"B\", for-ms = 300 } }",
        ];
        let named = beam_drivers::sim::Injection::ALL.map(|injection| format!("{{ unit = \"{injection}\" }}"));
        for what in numbers.into_iter().chain(named.iter().map(String::as_str)) {
            for at in ["pulse 3", "complete + 20 ms", "ready"] {
                let text = GOOD.replace("{ output = { percent = 10000 } }", what).replace("pulse 1", at);
                let scenario = parse("x.toml", &text).expect(what);
                assert_ne!(scenario.mishaps[0].what.kind(), "signal", "{what}");
            }
        }
        for wrong in ["{ rate = 150 }", "{ pulses-while-closed = { pulses = 3 } }", "{ unit = \"no-such\" }"] {
            let text = GOOD.replace("{ output = { percent = 10000 } }", wrong);
            let lines: Vec<usize> = parse("x.toml", &text).expect_err(wrong).iter().map(|found| found.line).collect();
            assert_eq!(lines, [9], "{wrong}");
        }
    }
}
