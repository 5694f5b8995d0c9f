//! What a plan says of its limits, held against its machine: the two values of the monitor units, its own limit of pulses, a
//! plan that is a number of pulses, and what `check` tells of them. Each limit is tried just inside and just outside.

use beam_core::units::{Charge, Span};
use beam_supervisor::config::{
    Plan, Problem, Profile, check_files, expectation, order, parse_plan, parse_profile, shipped,
};
use beam_supervisor::prepared::Prepared;

use super::{configs, plan, profile};

/// What is wrong with `plan` on the machine, and what to do about it.
fn wrong(profile: &Profile, plan: &Plan) -> Vec<String> {
    let say = |problem: Problem| format!("{}; {}", problem.what, problem.fix);
    order(profile, plan).err().unwrap_or_default().into_iter().map(say).collect()
}

/// What is wrong with a plan of `mu` and `check` on the machine, its set-up being that of the shipped plan and 1 Gy having 30 MU.
fn wrong_between(machine: &str, mu: f64, check: f64) -> Vec<String> {
    let plan = Plan { prescription_gy: mu / 30.0, isodose_percent: 100.0, monitor_units: mu, ..plan(machine) };
    let plan = Plan { monitor_units_check: check, ..plan };
    wrong(&profile(machine), &plan)
}

#[test]
fn holds_two_values_that_differ_by_no_more_than_the_beam_allows() {
    for (machine, mu, check) in [
        // 12 MU a pulse: half of it is more than 1 MU, which is then the most
        ("novac7", 61.0, 60.0),
        ("novac7", 59.0, 60.0),
        // 0.56 MU a pulse: half of it is 0.28 MU
        ("mobetron", 60.6, 60.0),
        ("mobetron", 20.28, 20.0),
        ("mobetron", 27.72, 28.0),
        // 1 % of the check
        ("mobetron", 1010.0, 1000.0),
        ("mobetron", 990.0, 1000.0),
        ("novac7", 1010.0, 1000.0),
        // without pulses, half of a tenth of a second: 0.25 MU
        ("intrabeam", 20.25, 20.0),
    ] {
        assert_eq!(wrong_between(machine, mu, check), [""; 0], "{machine}");
    }
}

#[test]
fn trips_two_values_that_differ_by_more_than_the_beam_allows() {
    for (machine, mu, check, apart, allowed) in [
        ("novac7", 61.01, 60.0, 1.01, 1.0),
        ("novac7", 58.99, 60.0, 1.01, 1.0),
        ("mobetron", 61.0, 60.0, 1.0, 0.6),
        ("mobetron", 20.29, 20.0, 0.29, 0.28),
        ("mobetron", 27.71, 28.0, 0.29, 0.28),
        ("mobetron", 1010.01, 1000.0, 10.01, 10.0),
        ("mobetron", 989.99, 1000.0, 10.01, 10.0),
        ("novac7", 1010.01, 1000.0, 10.01, 10.0),
        ("intrabeam", 20.26, 20.0, 0.26, 0.25),
    ] {
        let wrong = wrong_between(machine, mu, check);
        let [said] = &wrong[..] else { panic!("{machine} {mu} {check}: {wrong:?}") };
        let what = format!("`monitor-units` = {mu} and `monitor-units-check` = {check} differ by {apart} MU");
        assert!(said.starts_with(&format!("{what}, allowed are {allowed}; find which")), "{said}");
    }
}

#[test]
fn a_plan_without_its_machine_is_refused_only_where_every_machine_would() {
    let text = |mu: f64| {
        let head = "field = 1\nmachine = \"another\"\nenergy-mev = 9.0\napplicator = \"a\"\ndocking = \"hard\"\n";
        format!(
            "{head}prescription-gy = 0.6\nisodose-percent = 100\nmonitor-units = {mu:?}\nmonitor-units-check = 60.0\n"
        )
    };
    let wrong = |mu| parse_plan("plan.toml", &text(mu)).err().unwrap_or_default();
    assert_eq!((wrong(61.0), wrong(59.0)), (vec![], vec![]));
    assert_eq!((wrong(61.01)[0].line, wrong(58.99).len()), (9, 1));
}

/// The plan in pulses for novac7: 20 pulses of 12 MU at 5 Hz.
fn in_pulses() -> Plan {
    shipped::plan_in_pulses("novac7").expect("it is shipped")
}

#[test]
fn a_plan_may_set_its_own_limit_of_pulses() {
    let (profile, usual) = (profile("mobetron"), plan("mobetron"));
    let limit = |limit| Plan { pulse_limit: limit, ..usual.clone() };
    // 1111.1 MU of 0.56 MU a pulse take 1984.1 pulses; a quarter and two more are 2482.1
    assert_eq!(order(&profile, &limit(None)).map(|order| order.pulse_limit), Ok(2482));
    for own in [1985, 2482, 3970] {
        assert_eq!(order(&profile, &limit(Some(own))).map(|order| order.pulse_limit), Ok(own));
    }
    for (own, what) in [
        (1984, "`pulse-limit` = 1984 ends the beam before the 1985 pulses that it needs"),
        (3971, "`pulse-limit` = 3971 is more than twice the 1985 pulses that the beam needs"),
    ] {
        let fix = "write 1985 to 3970, or remove it for 2482";
        assert_eq!(wrong(&profile, &limit(Some(own))), [format!("{what}; {fix}")]);
    }
}

#[test]
fn no_limit_of_pulses_holds_where_there_are_none() {
    let (profile, usual) = (profile("intrabeam"), plan("intrabeam"));
    assert_eq!(order(&profile, &usual).map(|order| order.pulse_limit), Ok(u32::MAX));
    let own = Plan { pulse_limit: Some(2000), ..usual };
    let said = wrong(&profile, &own);
    assert_eq!(
        said,
        ["`pulse-limit` = 2000 on a machine that makes no pulses; remove it; there the time limit ends the beam"]
    );
}

#[test]
fn a_plan_in_pulses_ends_at_their_number() {
    let (profile, plan) = (profile("novac7"), in_pulses());
    let order = order(&profile, &plan).expect("it fits");
    assert_eq!((order.pulses, order.pulse_limit), (Some(20), 20));
    assert_eq!(order.time_limit, Span::from_secs(6), "the plan's own");
    assert_eq!(order.preset, Charge::from_picocoulombs(240 * 20_000), "the dose that is expected of them");
    // 239 MU by the check, 1 % that the two may differ by, two pulses of 12 MU
    assert_eq!(order.backup, Charge::from_picocoulombs(265_390 * 20));
    assert_eq!(expectation(&profile, &plan).map(|found| (found.pulses, found.pulse_limit)), Some((Some(20), Some(20))));
    assert_eq!(Prepared::new(&profile, &plan).expect("it fits").planned.planned_pulses, Some(20));
    let usual = super::plan("novac7");
    assert_eq!(beam_supervisor::config::order(&profile, &usual).map(|order| order.pulses), Ok(None));
}

#[test]
fn a_plan_in_pulses_is_held_to_the_dose_of_its_pulses() {
    let profile = profile("novac7");
    let of = |pulses: u32, mu: f64| {
        let time_limit_s = Some(f64::from(pulses) * 0.3);
        let doses = Plan { monitor_units: mu, monitor_units_check: mu, prescription_gy: mu / 100.0, ..in_pulses() };
        wrong(&profile, &Plan { pulses: Some(pulses), time_limit_s, ..doses })
    };
    for (pulses, mu) in [(20, 240.0), (20, 246.0), (20, 234.0), (5, 54.0), (5, 66.0)] {
        assert_eq!(of(pulses, mu), [""; 0], "{pulses} pulses, {mu} MU");
    }
    for (pulses, mu, expected) in [(20, 246.01, 240), (20, 233.99, 240), (5, 53.99, 60), (5, 66.01, 60)] {
        let said = of(pulses, mu);
        let what = format!(
            "`pulses` = {pulses} are {expected} MU at 12 MU a pulse, and `monitor-units` = {mu} is more than half a pulse away; "
        );
        assert!(said.len() == 1 && said[0].starts_with(&what), "{said:?}");
    }
}

#[test]
fn a_single_pulse_may_be_planned() {
    let one = Plan { monitor_units: 11.5, monitor_units_check: 11.9, prescription_gy: 0.5, ..plan("novac7") };
    let one = Plan { isodose_percent: 110.0, ..one };
    assert!(wrong(&profile("novac7"), &one)[0].starts_with("`monitor-units` = 11.5 is less than one pulse"));
    let one = Plan { pulses: Some(1), time_limit_s: Some(1.0), ..one };
    let one = Plan { monitor_units: 12.5, monitor_units_check: 12.9, ..one };
    assert_eq!(order(&profile("novac7"), &one).map(|order| order.pulse_limit), Ok(1));
}

#[test]
fn a_plan_in_pulses_wants_a_time_limit_and_no_other_limit_of_pulses() {
    let profile = profile("novac7");
    let without = Plan { time_limit_s: None, ..in_pulses() };
    assert!(wrong(&profile, &without)[0].starts_with("`pulses` = 20 without `time-limit-s`"));
    let twice = Plan { pulse_limit: Some(20), ..in_pulses() };
    assert!(wrong(&profile, &twice)[0].starts_with("`pulse-limit` = 20 beside `pulses` = 20"));
    // 20 pulses at 5 Hz take 4 s, and by rule 6 s more
    for (limit_s, fits) in [(4.0, false), (4.1, true), (10.0, true), (10.1, false)] {
        let said = wrong(&profile, &Plan { time_limit_s: Some(limit_s), ..in_pulses() });
        assert_eq!(said.is_empty(), fits, "{limit_s} s: {said:?}");
        assert!(!said.join("").contains("remove it"), "{said:?}");
    }
    // and no less when the plan's dose is half a pulse less
    let less = Plan { monitor_units: 234.0, monitor_units_check: 234.0, ..in_pulses() };
    assert_eq!(wrong(&profile, &Plan { time_limit_s: Some(4.1), ..less.clone() }), [""; 0]);
    let said = wrong(&profile, &Plan { time_limit_s: Some(3.95), ..less });
    assert!(said[0].starts_with("`time-limit-s` = 3.95 ends the beam before the 4.0 s that it needs; "), "{said:?}");
}

#[test]
fn only_a_gate_with_leases_stops_at_a_number_of_pulses() {
    let path = configs().join("machines/novac7.toml");
    let text = std::fs::read_to_string(&path).expect("readable");
    let without = text.replace("pulse-lease = true", "pulse-lease = false\nbeam-inhibit = \"the console\"");
    let without = parse_profile(&path.display().to_string(), &without).expect("it is good");
    let said = wrong(&without, &in_pulses());
    assert!(said.len() == 1 && said[0].starts_with("`pulses` = 20 on a machine whose gate knows no pulse lease; "));
    assert_eq!(wrong(&without, &plan("novac7")), [""; 0], "a dose may be planned there");
}

#[test]
fn what_remains_keeps_the_limits_that_the_plan_sets_itself() {
    let dose = |prepared: &Prepared, pulses: u32| prepared.order.pulse_dose.times(pulses);
    let whole = Prepared::new(&profile("novac7"), &in_pulses()).expect("it fits");
    let rest = whole.with_preset(dose(&whole, 7));
    assert_eq!((rest.order.pulses, rest.order.pulse_limit, rest.planned.planned_pulses), (Some(7), 7, Some(7)));
    assert_eq!(rest.order.time_limit, Span::from_secs(6));
    let own = Plan { time_limit_s: Some(70.0), pulse_limit: Some(2000), ..plan("mobetron") };
    let whole = Prepared::new(&profile("mobetron"), &own).expect("it fits");
    let rest = whole.with_preset(dose(&whole, 1900));
    assert_eq!((rest.order.pulse_limit, rest.order.time_limit), (2000, Span::from_secs(70)));
    let rest = whole.with_preset(dose(&whole, 100));
    assert_eq!((rest.order.pulse_limit, rest.order.pulses), (127, None), "less by rule");
    assert!(rest.order.time_limit < Span::from_secs(10));
}

#[test]
fn check_tells_by_what_the_guards_end_a_plan() {
    let told = |name: &str| check_files(&[configs().join("plans").join(name)]);
    let report = told("mobetron-10gy.toml").to_string();
    for line in [
        "plan, good\n    dose                 1111.10 MU by monitor 1, 1108.00 MU by the check\n",
        "    backup               1159.08 MU by monitor 2\n",
        "    pulses               1984 expected, 2482 at most\n",
        "    beam-on time         66.1 s expected, 79.4 s at most\n",
    ] {
        assert!(report.contains(line), "{report}");
    }
    let report = told("novac7-20-pulses.toml");
    assert!(report.to_string().contains("    pulses               20 expected, 20 at most\n"), "{report}");
    let ends = &report.to_json()["files"][0]["ends"];
    assert_eq!(
        (&ends["planned_mu"], &ends["check_mu"], &ends["backup_mu"]),
        (&240.0.into(), &239.0.into(), &265.39.into())
    );
    assert_eq!(
        (&ends["planned_pulses"], &ends["pulse_limit"], &ends["time_limit_s"]),
        (&20.into(), &20.into(), &6.0.into())
    );
    let report = told("intrabeam-5gy.toml").to_string();
    assert!(report.contains("s at most") && !report.contains("    pulses"), "{report}");
    let report = check_files(&[configs().join("invalid/plan-pulse-limit.toml")]);
    assert!(report.files[0].ends.is_none(), "nothing is told of a plan that is refused");
}
