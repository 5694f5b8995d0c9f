//! The program as a person meets it: its exit codes, its errors, and that the same numbers come out as text and as JSON.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// The program, built once by cargo beside this test, run in a folder that is not the project's.
fn supervisor(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

fn command(arguments: &[&str]) -> Command {
    let tests = std::env::current_exe().expect("a test knows its own path");
    let program = tests.parent().and_then(Path::parent).expect("target/PROFILE").join("beam-supervisor");
    // whatever an earlier build left there may be of yesterday's sources
    static BUILT: OnceLock<bool> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "beam-supervisor"])
            .current_dir(root())
            .status();
        build.expect("cargo starts").success()
    });
    assert!(built, "the program does not build");
    let mut command = Command::new(program);
    command.args(arguments).current_dir(std::env::temp_dir());
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn path(below_root: &str) -> String {
    root().join(below_root).display().to_string()
}

#[test]
fn a_fast_demo_delivers_in_text_and_in_json() {
    for machine in ["mobetron", "novac7", "intrabeam", "liac"] {
        let output = supervisor(&["demo", "--fast", "--machine", machine]);
        assert_eq!(code(&output), 0, "{machine}: {}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("DELIVERED as planned: ended by dose 1"));
        let output = supervisor(&["demo", "--fast", "--machine", machine, "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        assert_eq!(report["ended_by"], "dose 1");
        let [planned, delivered] =
            [&report["planned_mu"], &report["delivered_mu"][0]].map(|n| n.as_f64().expect("a number"));
        assert!((planned - delivered).abs() < 6.5, "{machine}: {planned} planned, {delivered} delivered");
    }
}

#[test]
fn an_accident_is_replayed_in_text_and_in_json() {
    for (name, expected, says) in [
        ("A01", 3, "TRIPPED by"),
        ("a08", 3, "NEVER ARMED"),
        ("A18", 3, "BEAM OFF BY SILENCE"),
        ("A14", 0, "COMPLETES"),
    ] {
        let output = supervisor(&["demo", "--fast", "--accident", name]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(code(&output), expected, "{name}: {text}");
        assert!(text.contains(says) && text.contains("as expected") && !text.contains("NOT AS"), "{name}: {text}");
        let output = supervisor(&["demo", "--fast", "--accident", name, "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        assert_eq!(report["as_expected"], true, "{name}");
    }
    let output = supervisor(&["demo", "--accident", "list"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("A01-m1-only"));
    let output = supervisor(&["demo", "--accident", "A99"]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("--accident list"), "{}", errors(&output));
}

#[test]
fn a_fault_trips_the_demo_and_the_report_says_who_and_how_many_pulses_later() {
    for (fault, found, later) in [
        ("mon1-saturated@50", "F-301", 0),
        ("mon1-stuck@50", "F-305", 1),
        ("mon1-low@50", "F-307", 2),
        ("door@50", "F-706", 0),
    ] {
        let output = supervisor(&["demo", "--fast", "--fault", fault, "--json"]);
        assert_eq!(code(&output), 3, "{fault}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        assert_eq!(report["fault"]["code"], found, "{fault}");
        let pulses = report["simulated"]["pulses_from_fault"].as_u64().expect("a number of pulses");
        assert!(pulses <= later + 1, "{fault}: {pulses} pulses from the fault on, {} allowed", later + 1);
    }
}

#[test]
fn a_fault_that_ended_nothing_is_said_to_have_ended_nothing() {
    for (fault, said) in [
        ("mon1-stuck@99999", "a pulse that was never fired"),
        ("gate-lease-dead-dose1@100", "nothing ended by it"),
        ("beam-charge-zero@100", "nothing ended by it"),
    ] {
        let output = supervisor(&["demo", "--fast", "--fault", fault]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(code(&output) == 0 && text.contains(said), "{fault}: {text}");
    }
}

#[test]
fn bad_input_is_told_whole_and_arms_nothing() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let plan = folder.path().join("plan.toml");
    let good = fs::read_to_string(path("configs/plans/mobetron-10gy.toml")).expect("a shipped plan");
    let bad = good.replace("energy-mev = 9.0", "energy-mev = 7.5").replace("isodose-percent", "isodose-percnt");
    assert_ne!(good, bad, "the plan was altered");
    fs::write(&plan, bad).expect("a scratch file");
    let plan = plan.display().to_string();
    let output = supervisor(&["demo", "--fast", "--plan", &plan]);
    assert_eq!(code(&output), 78);
    assert!(output.stdout.is_empty(), "nothing was delivered");
    let told = errors(&output);
    assert!(told.contains(&format!("{plan}:")) && told.contains("fix: ") && told.contains("isodose-percnt"), "{told}");
}

#[test]
fn usage_and_missing_files_have_their_exit_codes() {
    let profile = path("configs/machines/mobetron.toml");
    let plan = path("configs/plans/mobetron-10gy.toml");
    let site = path("configs/supervisor.toml");
    for (arguments, expected, word) in [
        (vec!["demo", "--machine", "cobalt"], 2, "there is no machine `cobalt`"),
        (vec!["demo", "--fault", "gremlin@3"], 2, "there is no fault `gremlin`"),
        (vec!["demo", "--fault", "door@x"], 2, "`x` is no pulse"),
        (vec!["levitate"], 2, "levitate"),
        (vec!["run", "--config", "/missing.toml"], 78, "/missing.toml: cannot be read"),
        (vec!["run", "--config", &site, "--plan", &plan, "--arm-now"], 78, "not a bench"),
        (vec!["run", "--config", &site, "--plan", &plan], 2, "--arm-now"),
        (vec!["run", "--config", &site, "--observe"], 2, "judges by a plan"),
        (vec!["run", "--config", &site, "--observe", "--plan", &plan, "--arm-now"], 2, "an observer can begin none"),
        (vec!["run", "--config", &site, "--observe", "--next-delivery-id", "7"], 2, "does not use"),
        (vec!["run", "--config", &site, "--observe", "--repeated-fault-cleared"], 2, "does not keep"),
        (vec!["run", "--config", &site, "--observe", "--output-check-done", "7"], 2, "an observer has none"),
        (vec!["check", "/missing.toml"], 78, ""),
        (vec!["replay", &plan, "--config", &profile, "--plan", &plan], 78, "is no candump line"),
        (vec!["faults", "F-000"], 1, "no such fault"),
        (vec!["simulate", "--deliveries", "0"], 2, "--deliveries"),
        (vec!["latency", "--plot", "picture.png"], 2, "let its name end in .svg"),
        (vec!["demo", "--fast", "--records", "/proc/nowhere"], 1, "/proc/nowhere: "),
    ] {
        let output = supervisor(&arguments);
        assert_eq!(code(&output), expected, "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(word), "{arguments:?}: {}", errors(&output));
    }
}

#[test]
fn a_record_replays_to_the_same_verdict_bit_for_bit() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let records = folder.path().display().to_string();
    let delivered = supervisor(&["demo", "--fast", "--fault", "mon1-no-signal@30", "--records", &records, "--json"]);
    let delivered: Value = serde_json::from_slice(&delivered.stdout).expect("one JSON document");
    let log = format!("{}/frames.log", delivered["records"].as_str().expect("a folder"));
    let (profile, plan) = (path("configs/machines/mobetron.toml"), path("configs/plans/mobetron-10gy.toml"));
    let again = || supervisor(&["replay", &log, "--config", &profile, "--plan", &plan, "--json"]);
    let (first, second) = (again(), again());
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(code(&first), 3);
    let replayed: Value = serde_json::from_slice(&first.stdout).expect("one JSON document");
    for key in ["code", "found_by", "measured", "limit", "pulses"] {
        assert_eq!(replayed["report"]["fault"][key], delivered["fault"][key], "{key}");
    }
    assert_eq!(replayed["report"]["delivered_mu"], delivered["delivered_mu"]);
}

#[test]
fn the_fault_catalogue_is_told_in_both_forms() {
    let output = supervisor(&["faults", "--json"]);
    let all: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(all.as_array().map(Vec::len), Some(beam_core::fault::Fault::ALL.len()));
    let output = supervisor(&["faults", "f-301"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("A chamber reports saturation"));
}

#[test]
fn a_campaign_is_the_same_for_the_same_seed() {
    let run = || {
        let output = supervisor(&["simulate", "--deliveries", "60", "--seed", "9", "--json"]);
        let mut campaign: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        campaign["elapsed_s"].take();
        campaign["processor_s"].take();
        campaign
    };
    assert_eq!(run(), run());
}

#[test]
fn a_measurement_of_latency_agrees_with_itself_whatever_the_times_are() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let picture = folder.path().join("latency.svg");
    let picture_path = picture.display().to_string();
    let output = supervisor(&["latency", "--seconds", "1", "--machine", "novac7", "--json", "--plot", &picture_path]);
    let seen: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("no number: {value} in {seen}"));
    let guards = seen["guards"].as_array().expect("a list of guards");
    assert_eq!(guards.len(), 4);
    let rows = guards.iter().map(|guard| &guard["lateness"]).chain([&seen["frame_to_permit"]]);
    for row in rows.filter(|row| number(&row["count"]) > 0.0) {
        let buckets: Vec<[u64; 3]> = serde_json::from_value(row["buckets_ns"].clone()).expect("from, to, count");
        assert_eq!(buckets.iter().map(|[.., count]| count).sum::<u64>(), row["count"].as_u64().expect("a count"));
        assert!(buckets.windows(2).all(|pair| pair[0][1] < pair[1][0]), "{buckets:?}");
        let told =
            ["shortest_us", "p50_us", "p99_us", "p99_9_us", "p99_99_us", "worst_us"].map(|key| number(&row[key]));
        assert!(told.is_sorted(), "{told:?}");
        assert!(number(&row["mean_us"]) <= told[5] && number(&row["mean_us"]) >= told[0] - 0.001, "{row}");
    }
    let (sent, answered) = (number(&seen["frames_sent"]), number(&seen["frame_to_permit"]["count"]));
    assert!(sent >= answered && sent <= answered + 1.0, "{sent} sent, {answered} answered");
    let lateness = guards.iter().map(|guard| guard["lateness"]["worst_us"].as_f64().unwrap_or(f64::MAX));
    let lateness = lateness.fold(0.0, f64::max);
    let verdict = &seen["verdict"];
    if let Some(rate) = verdict["pulse_rate_hz"].as_f64() {
        let trip = number(&seen["frame_to_permit"]["p99_99_us"]) + lateness + number(&seen["bus_time_us"]);
        assert!(trip <= 0.75e6 / rate + 0.001, "{trip} us at {rate} Hz");
    }
    let fits = verdict["fits_profile"].as_bool().expect("yes or no");
    assert!(!fits || lateness <= number(&seen["lateness_budget_us"]), "{seen}");
    let headline = verdict["headline"].as_str().expect("text");
    assert_eq!((headline.starts_with("not known"), verdict["is_known"].as_bool()), (fits, Some(false)), "in a second");
    assert_eq!(code(&output), 1, "{}", errors(&output));
    assert!(fs::read_to_string(picture).expect("a picture").starts_with("<svg "));
    let output = supervisor(&["latency", "--seconds", "60", "--frames", "3", "--json"]);
    let seen: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert!(seen["frame_to_permit"]["count"] == 3 || !seen["broke_off"].is_null(), "{seen}");
    let output = supervisor(&["latency", "--machine", "cobalt"]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("there is no machine `cobalt`"), "{}", errors(&output));
}

#[test]
fn a_fault_is_found_however_its_code_is_typed() {
    for code in ["F-803", "f-803", "F803", "803", "guard-late"] {
        let output = supervisor(&["faults", code]);
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("F-803 guard-late"), "{code}: {output:?}");
    }
}

#[test]
fn a_reader_who_has_left_and_a_full_disk_change_no_exit_code() {
    for (arguments, expected) in
        [(vec!["check", "/missing.toml"], 78), (vec!["demo", "--fast"], 0), (vec!["faults"], 0)]
    {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
        for output in [std::process::Stdio::from(writer), full.into()] {
            let ended = command(&arguments).stdout(output).output().expect("it runs");
            assert_eq!(code(&ended), expected, "{arguments:?}: {}", errors(&ended));
            assert!(!errors(&ended).contains("panicked"), "{}", errors(&ended));
        }
    }
}

#[test]
fn whatever_units_alerts_and_documents_tell_people_to_type_is_a_command() {
    let mut told = 0;
    for file in [
        "README.md",
        "configs/prometheus/alerts.yml",
        "systemd/beam-supervisor.service",
        "systemd/beam-supervisor-observe.service",
        "tests/vm/README.md",
    ] {
        let text = fs::read_to_string(path(file)).expect(file);
        for (at, _) in text.match_indices("beam-supervisor ") {
            let is_command = ["`", "/usr/bin/", "release/"].iter().any(|before| text[..at].ends_with(before));
            let word = text[at..].split_whitespace().nth(1).unwrap_or_default();
            let word = word.split(|one: char| !one.is_ascii_lowercase()).next().unwrap_or_default();
            if is_command && !word.is_empty() {
                let known = supervisor(&[word, "--help"]);
                assert_eq!(code(&known), 0, "{file} names `beam-supervisor {word}`: {}", errors(&known));
                told += 1;
            }
        }
    }
    assert!(told >= 5, "{told} commands were found");
}
