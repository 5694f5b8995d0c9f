//! The tables that people read, made from the code: every state with every event, every fault with its cause and what the
//! operator does, every safety requirement with its faults and its tests. When a table in the repository is no longer what
//! the code says, its test fails and writes it anew. Each requirement must have a test that shows the promise kept
//! (`trips_…`) and one that shows that nothing trips without need (`holds_…`).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use beam_core::fault::{Fault, Group};
use beam_core::requirement::Requirement;
use beam_core::state::{Event, State, next};
use beam_supervisor::scenario::Scenario;
use beam_supervisor::scenario::shipped::SCENARIOS;
use beam_tests::checks::{ACCIDENTS, Accident, CHECKS, Check};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Compares a generated page with the one in the repository, and writes it anew when they differ.
fn keep(name: &str, page: &str) {
    let path = root().join(name);
    let kept = fs::read_to_string(&path).unwrap_or_default();
    if kept != page {
        fs::write(&path, page).expect("the page can be written");
        panic!("{name} was not what the code says; it has been written anew");
    }
}

const MADE: &str = "Made from the code by `cargo test -p beam-tests --test states`; do not edit.";

fn state_page() -> String {
    let mut page = format!("# States of a session\n\n{MADE}\n\n");
    page += "What follows each state (columns) when something happens (rows). A dash: the event is refused and nothing\n\
             changes. A dot: the event is taken and the state stays.\n\n| |";
    for state in State::ALL {
        write!(page, " {} |", state.name()).expect("a string");
    }
    page += "\n| --- |";
    page += &" --- |".repeat(State::ALL.len());
    page += "\n";
    for event in Event::ALL {
        write!(page, "| **{}** |", event.name()).expect("a string");
        for state in State::ALL {
            let cell = match next(state, event) {
                Ok(after) if after == state => "·",
                Ok(after) => after.name(),
                Err(_) => "–",
            };
            write!(page, " {cell} |").expect("a string");
        }
        page += "\n";
    }
    page += "\n```mermaid\nstateDiagram-v2\n    [*] --> inhibited\n";
    for state in State::ALL {
        for event in Event::ALL {
            if let Some(after) = next(state, event).ok().filter(|after| *after != state) {
                writeln!(page, "    {} --> {}: {}", state.name(), after.name(), event.name()).expect("a string");
            }
        }
    }
    page + "```\n"
}

fn fault_page() -> String {
    let mut page = format!("# Fault catalogue\n\n{MADE}\n\n");
    page += "In order of gravity: of two faults found at once the upper one is shown first. Every fault is latched. What may\n\
             be resumed is the rest of the plan, by another delivery, once the fault is cleared.\n";
    let mut group: Option<Group> = None;
    for fault in Fault::ALL {
        if group != Some(fault.group()) {
            group = Some(fault.group());
            let name = fault.group().name();
            let (first, rest) = name.split_at(1);
            write!(page, "\n## {}{rest}\n\n", first.to_uppercase()).expect("a string");
            page += "| code | name | cause | what the operator does | cleared by | rest of the plan | serves |\n";
            page += "| --- | --- | --- | --- | --- | --- | --- |\n";
        }
        let (code, name, cause, action) = (fault.code(), fault.name(), fault.cause(), fault.action());
        let rest = if fault.may_resume() { "may be resumed" } else { "no resume" };
        let (by, serves) = (beam_supervisor::describe::cleared_by(*fault), fault.requirement().id());
        writeln!(page, "| {code} | `{name}` | {cause} | {action} | {by} | {rest} | {serves} |").expect("a string");
    }
    page
}

/// A test that says which requirement it is about.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Verifying {
    requirement: String,
    file: String,
    test: String,
}

/// Reads `verifies(…::Name);` and the test that it stands in.
fn verifying_in(file: &str, source: &str) -> Vec<Verifying> {
    let mut test = String::new();
    let mut found = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) {
            name.clone_into(&mut test);
        }
        let named = line.strip_prefix("verifies(").and_then(|rest| rest.strip_suffix(");"));
        if let Some(requirement) = named.and_then(|path| path.rsplit("::").next()) {
            let (requirement, file, test) = (requirement.to_owned(), file.to_owned(), test.clone());
            found.push(Verifying { requirement, file, test });
        }
    }
    found
}

/// Where tests say what they verify: the system tests, and the core's own.
const FOLDERS: [&str; 2] = ["tests", "supervisor/core/tests/decision"];

fn all_verifying() -> Vec<Verifying> {
    let mut found: Vec<_> = FOLDERS.iter().flat_map(|folder| verifying_below(folder)).collect();
    found.sort();
    found
}

fn verifying_below(folder: &str) -> Vec<Verifying> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).expect("a folder of tests") {
        let path = entry.expect("a file").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && name != "states.rs" {
            found.extend(verifying_in(&format!("{folder}/{name}"), &fs::read_to_string(&path).expect("a source")));
        }
    }
    found
}

fn safety_page(tests: &[Verifying]) -> String {
    let mut page = format!("# Safety requirements\n\n{MADE}\n\n");
    page += "What the supervisor promises, the faults that serve each promise, and the tests that show it: `trips_…` that the\n\
             promise is kept, `holds_…` that nothing trips without need.\n";
    for requirement in Requirement::ALL {
        write!(page, "\n## {}\n\n{}\n\n", requirement.id(), requirement.sentence()).expect("a string");
        let faults = Fault::ALL.iter().filter(|fault| fault.requirement() == *requirement);
        let faults: Vec<_> = faults.map(|fault| format!("{} {}", fault.code(), fault.name())).collect();
        if !faults.is_empty() {
            write!(page, "Faults: {}.\n\n", faults.join(", ")).expect("a string");
        }
        for Verifying { file, test, .. } in tests.iter().filter(|test| test.requirement == format!("{requirement:?}")) {
            writeln!(page, "- `{test}` in `{file}`").expect("a string");
        }
    }
    page + &accident_tables()
}

/// The checks with their faults and tests, and the accidents with their checks.
fn accident_tables() -> String {
    let mut page = "\n## Checks\n\nWhat follows from the accidents below.\n\n".to_owned();
    page += "| check | what | who | faults | serves | tests |\n| --- | --- | --- | --- | --- | --- |\n";
    for Check { id, what, who, faults, tests } in CHECKS {
        let names: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.code(), fault.name())).collect();
        let mut serves: Vec<_> = faults.iter().map(|fault| fault.requirement().id()).collect();
        serves.sort_unstable();
        serves.dedup();
        let (names, serves, tests) = (names.join(", "), serves.join(", "), tests.join("`, `"));
        writeln!(page, "| {id} | {what} | {who} | {names} | {serves} | `{tests}` |").expect("a string");
    }
    page += "\n## Accidents\n\n| accident | what happened | checks |\n| --- | --- | --- |\n";
    for Accident { id, what, checks } in ACCIDENTS {
        writeln!(page, "| {id} | {what} | {} |", checks.replace(' ', ", ")).expect("a string");
    }
    page + &scenario_table()
}

/// Every scenario file with its checks and what must come of it.
fn scenario_table() -> String {
    let mut page = "\n## Scenarios\n\nEach is a file in `tests/scenarios/`, run by `cargo test -p beam-tests --test scenarios` \
                    and shown by\n`beam-supervisor demo --accident NAME`. Pulses are those from the mishap on, the one that it \
                    befell included;\nmilliseconds are those until the gate is shut.\n\n"
        .to_owned();
    page += "| scenario | what | checks | verdict | faults | at most |\n| --- | --- | --- | --- | --- | --- |\n";
    let mut scenarios: Vec<_> = SCENARIOS.iter().filter_map(|shipped| shipped.read().ok()).collect();
    assert_eq!(scenarios.len(), SCENARIOS.len(), "every shipped scenario is sound");
    scenarios.sort_by(|one, other| one.name.cmp(&other.name));
    for Scenario { name, title, check, expect, .. } in scenarios {
        let faults: Vec<_> = expect.faults.iter().map(|code| code.0.code()).collect();
        let limits = [
            expect.most_pulses.map(|most| format!("{most} pulses")),
            expect.most_milliseconds.map(|most| format!("{most} ms")),
            expect.most_dose_mu.map(|most| format!("{most} MU")),
            expect.changes_nothing.then(|| "nothing changes".to_owned()),
        ];
        let limits: Vec<_> = limits.into_iter().flatten().collect();
        let (checks, faults, limits) = (check.join(", "), faults.join(", "), limits.join(", "));
        let verdict = expect.verdict.name();
        writeln!(page, "| {name} | {title} | {checks} | {verdict} | {faults} | {limits} |").expect("a string");
    }
    page
}

/// Every source in which a test may stand.
fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|is| is == "rs") {
            *into += &fs::read_to_string(&path).expect("a source");
        }
    }
}

/// Requirements that lack one of the two kinds of tests.
fn lacking(tests: &[Verifying]) -> Vec<String> {
    let lacks = |requirement: &Requirement, kind: &str| {
        let name = format!("{requirement:?}");
        !tests.iter().any(|test| test.requirement == name && test.test.starts_with(kind))
    };
    let pairs = Requirement::ALL.iter().flat_map(|requirement| ["trips_", "holds_"].map(|kind| (requirement, kind)));
    pairs.filter(|(requirement, kind)| lacks(requirement, kind)).map(|(r, kind)| format!("{} {kind}", r.id())).collect()
}

#[test]
fn the_table_of_states_is_what_the_code_says() {
    let page = state_page();
    assert_eq!(page.lines().filter(|line| line.starts_with("| **")).count(), Event::ALL.len());
    keep("STATES.md", &page);
}

#[test]
fn the_fault_catalogue_is_what_the_code_says() {
    let page = fault_page();
    assert_eq!(page.lines().filter(|line| line.starts_with("| F-")).count(), Fault::ALL.len());
    keep("FAULTS.md", &page);
}

#[test]
fn every_requirement_has_tests_of_both_kinds() {
    let tests = all_verifying();
    for folder in FOLDERS {
        let lacking = lacking(&verifying_below(folder));
        assert!(lacking.is_empty(), "no test in {folder}: {lacking:?}");
    }
    keep("SAFETY.md", &safety_page(&tests));
}

#[test]
fn every_check_has_its_tests_and_every_accident_its_checks() {
    let mut all = String::new();
    for folder in ["tests", "supervisor/core/src", "supervisor/src"] {
        sources(&root().join(folder), &mut all);
    }
    for check in CHECKS {
        assert!(!check.tests.is_empty(), "{}", check.id);
        for test in check.tests {
            assert!(all.contains(&format!("fn {test}()")), "{}: there is no test {test}", check.id);
        }
    }
    for accident in ACCIDENTS {
        let known = |id: &str| CHECKS.iter().any(|check| check.id == id);
        assert!(accident.checks.split(' ').all(known), "{}", accident.id);
    }
}

#[test]
fn a_test_of_one_kind_only_is_not_enough() {
    let source = "#[test]\nfn trips_here() {\n    verifies(Requirement::Latched);\n    verifies(R::Proven);\n}\n";
    let found = verifying_in("x.rs", source);
    let named: Vec<_> = found.iter().map(|test| (test.requirement.as_str(), test.test.as_str())).collect();
    assert_eq!(named, [("Latched", "trips_here"), ("Proven", "trips_here")]);
    let lacking = lacking(&found);
    assert!(!lacking.contains(&"SR-12 trips_".to_owned()) && lacking.contains(&"SR-12 holds_".to_owned()));
    assert_eq!(lacking.len(), 2 * Requirement::ALL.len() - 2);
}
