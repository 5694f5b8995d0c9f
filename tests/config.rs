//! The configuration against the files in `configs/`: every good one passes, every bad one gives exactly the errors that
//! its first lines name, and the numbers that reach the guards are those that the files mean.

#[path = "config/electrometers.rs"]
mod electrometers;
#[path = "config/plans.rs"]
mod plans;
#[path = "config/sealed.rs"]
mod sealed;
#[path = "config/trials.rs"]
mod trials;

use std::fs;
use std::path::{Path, PathBuf};

use beam_core::machine::Beam;
use beam_core::units::{Charge, Dose, Span};
use beam_core::wire::Docking;
use beam_supervisor::config::{
    Checked, Kind, Plan, Profile, bus_load, check_files, expectation, load_plan, load_profile, load_site, order,
    shipped,
};

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs")
}

/// The TOML files of a directory below `configs/`, sorted.
fn files_in(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(configs().join(directory)).expect("the directory is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files
}

fn check_one(path: &Path) -> Checked {
    check_files(&[path.to_owned()]).files.remove(0)
}

fn profile(name: &str) -> Profile {
    shipped::profile(name).expect("it is shipped")
}

fn plan(machine: &str) -> Plan {
    shipped::plan(machine).expect("it is shipped")
}

#[test]
fn every_good_file_passes() {
    let expected = [
        ("machines", Kind::Profile),
        ("machines/demo", Kind::Profile),
        ("plans", Kind::Plan),
        ("", Kind::Site),
        ("trials", Kind::Profile),
        ("trials/plans", Kind::Plan),
    ];
    for (directory, kind) in expected {
        let files = files_in(directory);
        assert!(!files.is_empty(), "{directory} holds files");
        for path in files {
            let checked = check_one(&path);
            assert_eq!((checked.kind, checked.errors), (kind, vec![]), "{}", path.display());
        }
    }
}

#[test]
fn every_bad_file_gives_exactly_the_errors_that_it_names() {
    let files = files_in("invalid");
    assert!(files.len() >= 12, "the usual mistakes are covered");
    for path in files {
        let text = fs::read_to_string(&path).expect("readable");
        let named: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# error ")).collect();
        let found: Vec<String> =
            check_one(&path).errors.iter().map(|error| format!("{}: {}", error.line, error.what)).collect();
        assert_eq!(found, named, "{}", path.display());
        assert!(!named.is_empty(), "{} names its errors", path.display());
    }
}

#[test]
fn every_error_says_what_to_do_and_every_file_is_reported() {
    let report = check_files(&files_in("invalid"));
    assert!(!report.is_good());
    assert!(report.files.iter().flat_map(|file| &file.errors).all(|error| !error.fix.is_empty()));
    let text = report.to_string();
    assert!(text.contains("\n    fix: "), "{text}");
    let json = report.to_json();
    assert_eq!(json["good"], false);
    assert_eq!(json["files"].as_array().map(Vec::len), Some(report.files.len()));
    let first = &json["files"][0]["errors"][0];
    for key in ["file", "line", "column", "what", "fix"] {
        assert!(!first[key].is_null(), "{key} in {first}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_like_any_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let nowhere = directory.path().join("nowhere.toml");
    let latin1 = directory.path().join("latin1.toml");
    fs::write(&latin1, b"field = 1\n# Sch\xF6nberg\n").expect("written");
    let report = check_files(&[nowhere.clone(), latin1.clone(), directory.path().to_owned()]);
    let found: Vec<_> = report.files.iter().map(|file| (file.errors[0].line, file.errors[0].what.as_str())).collect();
    let [(0, gone), (2, "not UTF-8"), (0, is_directory)] = found[..] else { panic!("{found:?}") };
    assert!(gone.starts_with("cannot be read: ") && is_directory.starts_with("cannot be read: "), "{found:?}");
    assert_eq!(report.files[1].errors[0].column, 6);
    assert!(load_profile(&nowhere).is_err() && load_plan(&latin1).is_err() && load_site(&nowhere).is_err());
}

#[test]
fn what_is_weaker_than_usual_is_said() {
    let warnings = |path: &str| -> Vec<String> {
        check_one(&configs().join(path)).warnings.into_iter().map(|warning| warning.what).collect()
    };
    assert_eq!(warnings("machines/mobetron.toml"), Vec::<String>::new());
    let bench = warnings("machines/demo/mobetron.toml");
    assert_eq!(
        bench[..],
        ["a bench: never for a patient", "periods, stale-after and age limits are stretched 20 times"]
    );
    assert!(warnings("machines/modulated-linac.toml")[0].contains("judged on high only"));

    let mobetron = fs::read_to_string(configs().join("machines/mobetron.toml")).expect("readable");
    let weaker = mobetron
        .replace("buses = \"two\"", "buses = \"one\"")
        .replace("linac-bus = \"b\"", "linac-bus = \"a\"")
        .replace("protection = \"e2e\"", "protection = \"none\"\nreadback-missing = [\"energy\"]");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("weaker.toml");
    fs::write(&path, weaker).expect("written");
    let said = check_one(&path);
    assert_eq!(said.errors, vec![]);
    let said: Vec<&str> = said.warnings.iter().map(|warning| warning.what.as_str()).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said[0].starts_with("one bus") && said[1].contains("no protection") && said[2].starts_with("readback missing")
    );
}

#[test]
fn what_the_program_carries_is_what_the_directories_hold() {
    let plans = [shipped::PLANS, shipped::PLANS_IN_PULSES].concat();
    for (shipped, directory) in [
        (shipped::MACHINES, "machines"),
        (shipped::DEMO_MACHINES, "machines/demo"),
        (&plans, "plans"),
        (shipped::TRIALS, "trials"),
        (shipped::TRIAL_PLANS, "trials/plans"),
    ] {
        let mut carried: Vec<_> = shipped.iter().map(|file| configs().join("..").join(file.file)).collect();
        carried.sort();
        let carried: Vec<_> = carried.iter().map(|path| path.file_name()).collect();
        let held = files_in(directory);
        assert_eq!(carried, held.iter().map(|path| path.file_name()).collect::<Vec<_>>(), "{directory}");
    }
    for file in shipped::MACHINES {
        let profile = profile(file.machine);
        assert_eq!(profile.name, file.machine);
        assert!(order(&profile, &plan(file.machine)).is_ok(), "the plan of {} fits", file.machine);
    }
    for file in shipped::PLANS_IN_PULSES {
        let plan = shipped::plan_in_pulses(file.machine).expect("it is shipped");
        assert!(plan.pulses.is_some() && order(&profile(file.machine), &plan).is_ok(), "{} fits", file.file);
    }
}

#[test]
fn the_demo_differs_from_the_machine_in_time_only() {
    for file in shipped::DEMO_MACHINES {
        let (usual, demo) = (profile(file.machine), shipped::demo_profile(file.machine).expect("it is shipped"));
        assert!(demo.is_bench && !usual.is_bench);
        assert!(demo.period_scale > 1 && usual.period_scale == 1);
        let scale = u64::from(demo.period_scale);
        assert_eq!(
            (&demo.beams, &demo.applicators, demo.pc_per_mu),
            (&usual.beams, &usual.applicators, usual.pc_per_mu)
        );
        let (stretched, built) = (demo.machine.timing, usual.machine.timing);
        let pairs = [
            (stretched.permit, built.permit),
            (stretched.gate, built.gate),
            (stretched.dose, built.dose),
            (stretched.status, built.status),
            (stretched.stale_after, built.stale_after),
            (stretched.agreement, built.agreement),
            (stretched.proof_margin, built.proof_margin),
            (stretched.lateness_budget, built.lateness_budget),
            (stretched.session_silence, built.session_silence),
        ];
        assert!(pairs.iter().all(|&(long, short)| long == short.times(scale)));
        assert_eq!(
            (demo.machine.beam, demo.machine.no_pulse_after),
            (usual.machine.beam, usual.machine.no_pulse_after)
        );
        assert_eq!(order(&demo, &plan(file.machine)), order(&usual, &plan(file.machine)));
    }
}

#[test]
fn the_numbers_of_a_machine_reach_the_guards() {
    let machine = profile("mobetron").machine;
    assert_eq!(machine.timing.stale_after, Span::from_millis(25));
    assert_eq!(machine.timing.agreement, Span::from_millis(30));
    let Beam::Pulsed { period, window, gate_knows_lease, .. } = machine.beam else { panic!("it makes pulses") };
    assert_eq!((period, window, gate_knows_lease), (Span::from_nanos(33_333_333), 1, true));
    let [first, second] = machine.monitors;
    assert_eq!(first, second);
    assert_eq!(first.dose_per_charge.dose(Charge::from_picocoulombs(20_000)), Dose::from_micro_mu(1_000_000));
    assert_eq!(first.full_scale, Charge::from_picocoulombs(50_000));
    assert_eq!((first.voltage, first.voltage_tolerance), (15_000, 300));
    // 0.2 and 0.44 MU/min at 20 000 pC/MU are 66.67 and 146.67 pA
    assert_eq!((first.leakage_warn, first.leakage_block), (666, 1466));
}

#[test]
fn the_numbers_of_a_plan_reach_the_guards() {
    let (profile, plan) = (profile("mobetron"), plan("mobetron"));
    let order = order(&profile, &plan).expect("it fits");
    assert_eq!(order.preset, Charge::from_picocoulombs(22_222_000));
    // 1108 MU by the check, 1 % that the two may differ by, 40 MU
    assert_eq!(order.backup, Charge::from_picocoulombs(23_181_600));
    assert_eq!(order.expected_pulse, [Charge::from_picocoulombs(11_200); 2]);
    assert_eq!(order.pulse_dose, Dose::from_micro_mu(560_000));
    assert_eq!(order.dose_per_second, Dose::from_micro_mu(16_800_000));
    assert_eq!((order.set_up.energy, order.set_up.applicator, order.set_up.docking), (90, 10, Docking::SoftDocked));
    let expected = expectation(&profile, &plan).expect("it fits");
    assert_eq!(expected.pulses, Some(1984));
    assert_eq!(order.time_limit.millis(), (expected.expected_s * 1200.0) as u64);
}

#[test]
fn a_machine_without_pulses_is_judged_in_tenths_of_a_second() {
    let (profile, plan) = (profile("intrabeam"), plan("intrabeam"));
    assert_eq!(profile.machine.beam, Beam::Continuous);
    assert!(profile.beam_inhibit.is_some());
    let order = order(&profile, &plan).expect("it fits");
    // 300 MU/min are 0.5 MU in a tenth of a second
    assert_eq!(order.pulse_dose, Dose::from_micro_mu(500_000));
    assert_eq!(order.expected_pulse, [Charge::from_picocoulombs(10_000); 2]);
    assert_eq!(expectation(&profile, &plan).map(|expected| expected.pulses), Some(None));
    // full scale is that of one frame, so it is stretched with the period of the frames
    let demo = shipped::demo_profile("intrabeam").expect("it is shipped");
    assert_eq!(demo.machine.monitors[0].full_scale, profile.machine.monitors[0].full_scale.times(demo.period_scale));
}

#[test]
fn the_margin_is_never_less_than_two_pulses() {
    let profile = profile("novac7");
    let few = Plan { prescription_gy: 1.0, monitor_units: 100.0, monitor_units_check: 100.0, ..plan("novac7") };
    let order = order(&profile, &few).expect("it fits");
    // 1 MU that the two values may differ by; 10 % are 10 MU, two pulses of 12 MU are 24
    assert_eq!(order.backup, Charge::from_picocoulombs(125 * 20_000));
    // 1.2 times 1.7 s is less than 6 s more
    assert_eq!(order.time_limit.millis(), 7666);
}

#[test]
fn a_plan_is_held_against_its_machine_in_everything_at_once() {
    let wrong = Plan {
        machine: "liac".to_owned(),
        energy_mev: 9.0,
        applicator: "round 60 mm".to_owned(),
        docking: Docking::SoftDocked,
        monitor_units_check: 900.0,
        ..plan("novac7")
    };
    let problems = order(&profile("liac"), &wrong).expect_err("nothing of it fits");
    let said: Vec<&str> = problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(problems.iter().any(|problem| problem.fix == "it has 6, 8, 10, 12 MeV"));
    assert!(problems.iter().any(|problem| problem.fix == "it does: hard"));
}

#[test]
fn the_load_of_every_bus_stays_below_three_quarters() {
    for file in shipped::MACHINES {
        let profile = profile(file.machine);
        let rate = match profile.machine.beam {
            Beam::Pulsed { period, .. } => 1e9 / period.nanos() as f64,
            Beam::Continuous => 0.0,
        };
        let loads = bus_load(&profile.machine, rate);
        assert_eq!(loads.len(), 2);
        assert!(loads.iter().all(|load| load.percent <= 75.0), "{}: {loads:?}", file.machine);
    }
    // 2 permits and the gate each 5 ms, a chamber each 10 ms and its status each 50 ms, and the linac's status on bus B
    let quiet = bus_load(&profile("intrabeam").machine, 0.0);
    assert_eq!(quiet.iter().map(|load| load.frames_per_second.round() as u32).collect::<Vec<_>>(), [720, 740]);
}

#[test]
fn the_service_finds_its_profile_from_the_place_of_its_file() {
    let (site, profile) = load_site(&configs().join("supervisor.toml")).expect("it is good");
    assert_eq!(profile.name, "mobetron");
    assert_eq!(site.interfaces(), ["can0", "can1"]);
    assert!(site.threads.iter().all(|thread| thread.priority >= 1 && thread.cpu.is_none()));
}

#[test]
fn a_service_that_only_observes_shares_nothing_with_the_one_that_governs() {
    let (site, profile) = load_site(&configs().join("supervisor.toml")).expect("it is good");
    let (observer, other) = load_site(&configs().join("observe.toml")).expect("it is good");
    assert_eq!((&profile.name, site.interfaces()), (&other.name, observer.interfaces()));
    assert_ne!(site.state_directory, observer.state_directory);
    assert_ne!(site.records_directory, observer.records_directory);
    assert_ne!(site.metrics_listen, observer.metrics_listen);
    let lowest = site.threads.iter().map(|thread| thread.priority).min();
    assert!(observer.threads.iter().map(|thread| thread.priority).max() < lowest, "its guards wait for the others");
    // the ports that systemd hands in, and that Prometheus asks
    for (unit, job, address) in [
        ("beam-supervisor.socket", "beam-supervisor", site.metrics_listen),
        ("beam-supervisor-observe.socket", "beam-observer", observer.metrics_listen),
    ] {
        let text = |path: &str| std::fs::read_to_string(configs().join(path)).expect("it is there");
        assert!(text(&format!("../systemd/{unit}")).contains(&format!("ListenStream={address}")), "{unit}");
        let scraped = text("prometheus/prometheus.yml");
        let job = scraped.split("job_name: ").find(|part| part.starts_with(&format!("{job}\n"))).expect("a job");
        assert!(job.contains(&format!("\"{address}\"")), "{job}");
    }
}
