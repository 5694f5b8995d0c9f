//! The rules of the house, kept by a test: short files, unsafe code and clocks only where they belong, nothing left to be
//! done, a core without dependencies, dependencies in one direction, and no path of anybody's own machine. Each check is shown a
//! small text that breaks it.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 500;

/// Files that may be longer, each with its reason.
const LONG: [(&str, &str); 0] = [];

/// Files outside the drivers that may hold unsafe code, each with its reason.
const UNSAFE: [(&str, &str); 2] = [
    ("tests/hot_path.rs", "an allocator is unsafe by its trait; it is a test's trap"),
    ("tests/tidy.rs", "names the words that it looks for"),
];

/// Files that may read a clock, each with its reason.
const CLOCKS: [(&str, &str); 6] = [
    ("tests/models/permit_protocol.rs", "how long a model took to explore; the model itself has its own steps"),
    ("drivers/src/clock.rs", "the one place where a guard's time comes from"),
    ("supervisor/src/simulate.rs", "how long a campaign took, for the report; the campaign itself is on virtual time"),
    ("supervisor/src/commands.rs", "how far a campaign is, for the person who waits for it"),
    ("supervisor/src/desk.rs", "a demo's patience with a session that does not move; no guard sees it"),
    ("tests/tidy.rs", "names the words that it looks for"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file below the repository that people wrote, with its path from the root.
fn files(extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    collect(&root(), &root(), extension, &mut found);
    assert!(!found.is_empty(), "there are .{extension} files");
    found
}

fn collect(root: &Path, folder: &Path, extension: &str, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                collect(root, &path, extension, found);
            }
        } else if path.extension().is_some_and(|is| is == extension) {
            let relative = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
            found.push((relative, fs::read_to_string(&path).expect("a text")));
        }
    }
}

fn is_excused(list: &[(&str, &str)], file: &str) -> bool {
    list.iter().any(|(named, reason)| *named == file && !reason.is_empty())
}

/// The code of a line, without what is said about it.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Lines whose code holds one of the words.
fn holding<'a>(source: &'a str, words: &[&str]) -> Vec<&'a str> {
    source.lines().filter(|line| words.iter().any(|word| code(line).contains(word))).collect()
}

fn is_unsafe(source: &str) -> bool {
    !holding(source, &["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"]).is_empty()
}

fn reads_a_clock(source: &str) -> bool {
    !holding(source, &["Instant::now", "SystemTime::now"]).is_empty()
}

/// Words for what is left to be done, put together so that this file does not hold them.
fn leftovers(source: &str) -> Vec<&str> {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
    ];
    source.lines().filter(|line| words.iter().any(|word| line.contains(word))).collect()
}

/// Paths that exist on somebody's own machine only.
fn own_paths(source: &str) -> Vec<&str> {
    let words = [concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/Us", "ers/"), concat!("/ro", "ot/")];
    source.lines().filter(|line| words.iter().any(|word| line.contains(word))).collect()
}

/// The dependencies of a manifest's `[dependencies]`, by name.
fn dependencies(manifest: &str) -> Vec<&str> {
    let section = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|name| !name.is_empty()).collect()
}

fn manifest(folder: &str) -> String {
    fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a manifest")
}

#[test]
fn no_file_is_too_long() {
    for (file, source) in files("rs") {
        let lines = source.lines().count();
        assert!(lines <= LINES_MAX || is_excused(&LONG, &file), "{file} has {lines} lines");
    }
}

#[test]
fn unsafe_code_is_in_the_drivers_only() {
    assert!(is_unsafe("let x = unsafe { f() };") && !is_unsafe("#![forbid(unsafe_code)] // unsafe { }"));
    for (file, source) in files("rs") {
        let allowed = file.starts_with("drivers/src/") || is_excused(&UNSAFE, &file);
        assert!(allowed || !is_unsafe(&source), "{file} holds unsafe code");
    }
}

#[test]
fn clocks_are_read_in_one_place() {
    assert!(reads_a_clock("let now = Instant::now();") && !reads_a_clock("// never Instant::now()"));
    for (file, source) in files("rs") {
        assert!(is_excused(&CLOCKS, &file) || !reads_a_clock(&source), "{file} reads a clock");
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    assert_eq!(leftovers(concat!("a\n// TO", "DO: b\n")).len(), 1);
    for (file, source) in files("rs").into_iter().chain(files("toml")).chain(files("md")) {
        assert!(leftovers(&source).is_empty(), "{file}: {:?}", leftovers(&source));
    }
}

#[test]
fn no_path_of_a_machine_is_in_a_file() {
    assert_eq!(own_paths(concat!("x = \"/ho", "me/me/x\"")).len(), 1);
    for (file, source) in files("rs").into_iter().chain(files("toml")).chain(files("md")) {
        assert!(own_paths(&source).is_empty(), "{file}: {:?}", own_paths(&source));
    }
}

#[test]
fn the_core_depends_on_nothing_and_nobody_depends_backwards() {
    assert_eq!(dependencies("[dependencies]\nserde.workspace = true\nx = \"1\"\n\n[lints]\ny = 1\n"), ["serde", "x"]);
    assert_eq!(dependencies(&manifest("supervisor/core")), [""; 0], "beam-core has no dependencies");
    let drivers = manifest("drivers");
    let drivers = dependencies(&drivers);
    assert!(drivers.contains(&"beam-core") && !drivers.contains(&"beam-supervisor"), "{drivers:?}");
    let supervisor = manifest("supervisor");
    let supervisor = dependencies(&supervisor);
    assert!(supervisor.contains(&"beam-core") && supervisor.contains(&"beam-drivers"), "{supervisor:?}");
    for (file, source) in files("rs").iter().filter(|(file, _)| file.starts_with("supervisor/core/src/")) {
        let outward = holding(source, &["std::", "alloc::", "beam_drivers", "beam_supervisor"]);
        assert!(outward.is_empty(), "{file}: {outward:?}");
    }
}

/// What a list of survivors names that is not in the code: function and line, each in the file that it is said to be in.
fn gone(survivors: &str, source: impl Fn(&str) -> String) -> Vec<String> {
    let list: toml::Table = survivors.parse().expect("the list of survivors is TOML");
    let entries = list.get("survivor").map_or(&[][..], |list| list.as_array().expect("a list of survivors"));
    let text = |entry: &toml::Value, key: &str| {
        let text = entry.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        assert!(!text.trim().is_empty(), "{entry}: `{key}` is missing");
        text
    };
    let mut gone = Vec::new();
    for entry in entries {
        let [file, function, code] = ["file", "function", "code"].map(|key| text(entry, key));
        let _reasons = [text(entry, "change"), text(entry, "why")];
        let name = format!("fn {}", function.rsplit("::").next().unwrap_or_default());
        let source = source(&file);
        let mut within = false;
        let found = source.lines().any(|line| {
            if line.contains("fn ") {
                within = ["(", "<"].iter().any(|end| line.contains(&format!("{name}{end}")));
            }
            within && line.trim() == code
        });
        if !found {
            gone.push(format!("{file}, {function}: {code}"));
        }
    }
    gone
}

#[test]
fn every_listed_survivor_of_mutation_is_still_in_the_code() {
    let one = "[[survivor]]\nfile = \"a.rs\"\nfunction = \"A::b\"\nchange = \"c\"\ncode = \"d < e\"\nwhy = \"f\"\n";
    let source = |text: &str| gone(one, |_| text.to_owned());
    assert_eq!(source("impl A {\n    fn b<T>(self) {\n        d < e\n    }\n"), [""; 0]);
    assert_eq!(source("impl A {\n    pub(crate) fn b(self) {\n        d < e\n    }\n"), [""; 0]);
    assert_eq!(source("fn b() {\n    d > e\n}\nfn other() {\n    d < e\n"), ["a.rs, A::b: d < e"]);
    let core = root().join("supervisor/core/src");
    for list in ["tests/mutants/SURVIVORS.toml", "tests/mutants/DELETIONS.toml"] {
        let listed = fs::read_to_string(root().join(list)).expect("the list of survivors");
        let gone = gone(&listed, |file| fs::read_to_string(core.join(file)).unwrap_or_default());
        assert!(gone.is_empty(), "{list} names what is no longer there: {gone:#?}");
    }
}

/// Files that may take a session to Armed without a proof, each with its reason.
const UNPROVEN: [(&str, &str); 5] = [
    ("supervisor/core/src/session.rs", "says how"),
    ("supervisor/src/conductor.rs", "hands it on"),
    ("supervisor/src/replay.rs", "a recording cannot answer a proof, and its guards send to nobody"),
    ("supervisor/src/world.rs", "a simulated gate, in virtual time"),
    ("supervisor/src/observe.rs", "somebody else's gate, over ends of the buses that cannot send"),
];

#[test]
fn nobody_who_sends_arms_without_a_proof() {
    for (file, source) in files("rs").iter().filter(|(file, _)| !file.split('/').any(|part| part == "tests")) {
        let found = holding(source, &["arm_unproven"]);
        assert!(found.is_empty() || is_excused(&UNPROVEN, file), "{file}: {found:?}");
    }
}

#[test]
fn an_observer_names_no_end_of_a_bus_that_can_send() {
    let sends = ["SocketCanPort", "PairPort", "send_frame"];
    assert!(!holding("let port = SocketCanPort::open(name, ids, own)?;", &sends).is_empty());
    let observing = |file: &str| file.starts_with("supervisor/src/observe");
    let all = files("rs");
    assert!(all.iter().any(|(file, _)| observing(file)));
    for (file, source) in all.iter().filter(|(file, _)| observing(file)) {
        assert!(holding(source, &sends).is_empty(), "{file} names an end of a bus that can send");
    }
}
