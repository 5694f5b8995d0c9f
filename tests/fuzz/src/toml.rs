//! Plans, machine profiles and the service's own file: any bytes are either refused, each reason with its place and its remedy, or
//! are a value that keeps every range, that `check` accepts as well, and that the guards can be made from.

use beam_core::frame::Bus;
use beam_core::guard::Guard;
use beam_core::limits::charge_for;
use beam_core::machine::{Beam, RateRule};
use beam_core::note::Input;
use beam_core::units::{Dose, Span, Ticks};
use beam_core::wire;
use beam_supervisor::config::{
    self, Output, Plan, Problem, Profile, Wrong, check_texts, order, parse_plan, parse_profile_with, parse_site,
    text_of,
};

use super::shipped::{plan_of, profile_of};

/// Any bytes as a plan.
pub fn plan(data: &[u8]) {
    let text = text("plan.toml", data);
    match parse_plan("plan.toml", &text) {
        Ok(plan) => {
            sound_plan(&plan);
            let report = check_texts(&[("plan.toml", &text)], &library);
            match profile_of(&plan.machine) {
                Some(profile) => {
                    let ordered = sound_order(profile, &plan, &text);
                    assert_eq!(report.is_good(), ordered, "{text}");
                }
                None => assert!(report.is_good() && report.files[0].warnings.len() == 1, "{text}"),
            }
        }
        Err(problems) => sound_problems(&problems, &text),
    }
}

/// Any bytes as a machine profile, or as the service's own file where they name the guards' priorities.
pub fn profile(data: &[u8]) {
    let text = text("machine.toml", data);
    if text.contains("priorities") {
        return site(&text);
    }
    match parse_profile_with("machine.toml", &text, &library) {
        Ok(profile) => {
            sound_profile(&profile);
            let report = check_texts(&[("machine.toml", &text)], &library);
            assert!(report.is_good() && report.files[0].warnings == profile.notices, "{text}");
            for who in wire::Guard::ALL {
                let mut guard = Guard::new(who, &profile.machine);
                let now = Ticks::from_nanos(1_000_000_000);
                let _permit = guard.step(now, &Input::Tick);
                assert!(guard.due() > now);
            }
            if let Some(plan) = plan_of(&profile.name) {
                sound_order(&profile, plan, "");
            }
        }
        Err(problems) => sound_problems(&problems, &text),
    }
}

/// One DBC file, whatever it is called: no file is read here.
fn library(_: &str) -> Result<String, Wrong> {
    Ok(include_str!("../../../configs/can/example-electrometer.dbc").to_owned())
}

fn site(text: &str) {
    match parse_site("supervisor.toml", text) {
        Ok(site) => {
            let interfaces = site.interfaces();
            assert!(interfaces.iter().all(|name| !name.is_empty() && name.len() <= 15), "{interfaces:?}");
            assert!(interfaces.len() == 1 || interfaces[0] != interfaces[1], "{interfaces:?}");
            assert!(site.state_directory.is_absolute() && site.records_directory.is_absolute());
            assert!(site.threads.iter().all(|thread| (1..=98).contains(&thread.priority)));
            assert!(site.threads.iter().all(|thread| thread.cpu.is_none_or(|cpu| cpu < 1024)));
            assert_eq!(parse_site("supervisor.toml", text).as_ref(), Ok(&site));
        }
        Err(problems) => sound_problems(&problems, text),
    }
}

/// The text in any bytes; where they are none, that is said with its place, and what can be read of them is gone on with.
fn text(file: &str, data: &[u8]) -> String {
    match text_of(file, data.to_vec()) {
        Ok(text) => text,
        Err(problem) => {
            let lines = data.split(|byte| *byte == b'\n').collect::<Vec<_>>();
            let line = lines[problem.line - 1];
            assert!(problem.column >= 1 && problem.column <= line.len() + 1, "{problem:?}");
            String::from_utf8_lossy(data).into_owned()
        }
    }
}

/// Every problem says what, where and how to put it right, in the order of the file.
fn sound_problems(problems: &[Problem], text: &str) {
    assert!(!problems.is_empty(), "refused without a reason: {text}");
    assert!(problems.is_sorted(), "{problems:?}");
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in problems {
        let Problem { line, column, what, fix, .. } = problem;
        assert!(!what.is_empty() && !fix.is_empty(), "{problem:?}");
        assert!(!what.contains('\n') && !fix.contains('\n'), "one line each: {problem:?}");
        let there = line.checked_sub(1).and_then(|index| lines.get(index));
        assert!(there.is_some_and(|there| (1..=there.chars().count() + 1).contains(column)), "{problem:?} in {text}");
        assert!(problem.to_string().contains(fix.as_str()));
    }
}

fn within(value: f64, from: f64, to: f64) -> bool {
    (from..=to).contains(&value)
}

fn sound_plan(plan: &Plan) {
    assert!((1..=99).contains(&plan.field) && !plan.machine.trim().is_empty(), "{plan:?}");
    assert!(within(plan.prescription_gy, 0.001, 40.0) && within(plan.isodose_percent, 50.0, 110.0), "{plan:?}");
    assert!(within(plan.monitor_units, 0.5, 10_000.0) && within(plan.energy_mev, 0.1, 25.5), "{plan:?}");
    let apart = (plan.monitor_units - plan.monitor_units_check).abs();
    assert!(apart <= 1.0 + 2e-6 || apart <= 0.01 * plan.monitor_units_check + 2e-6, "{plan:?}");
    assert!(plan.contradictions().is_empty(), "{plan:?}");
    // written out and read again it is the same plan
    let written = written(plan);
    let again = parse_plan(&plan.file, &written).map(|again| Plan { places: plan.places.clone(), ..again });
    assert_eq!(again.as_ref(), Ok(plan), "{written}");
}

fn written(plan: &Plan) -> String {
    let quoted = |text: &str| {
        let codes = text.chars().map(|letter| format!("\\U{:08X}", u32::from(letter)));
        format!("\"{}\"", codes.collect::<String>())
    };
    let mut limits = plan.time_limit_s.map_or_else(String::new, |limit| format!("time-limit-s = {limit:?}\n"));
    limits.extend(plan.pulse_limit.map(|limit| format!("pulse-limit = {limit}\n")));
    limits.extend(plan.pulses.map(|pulses| format!("pulses = {pulses}\n")));
    format!(
        "field = {}\nmachine = {}\nenergy-mev = {:?}\napplicator = {}\ndocking = \"{}\"\nprescription-gy = {:?}\n\
         isodose-percent = {:?}\nmonitor-units = {:?}\nmonitor-units-check = {:?}\n{limits}",
        plan.field,
        quoted(&plan.machine),
        plan.energy_mev,
        quoted(&plan.applicator),
        plan.docking.name(),
        plan.prescription_gy,
        plan.isodose_percent,
        plan.monitor_units,
        plan.monitor_units_check,
    )
}

/// Whether the plan can be ordered; no limit of the order stands for more than was planned.
fn sound_order(profile: &Profile, plan: &Plan, text: &str) -> bool {
    let order = match order(profile, plan) {
        Ok(order) => order,
        Err(problems) => {
            assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.fix.is_empty()), "{problems:?}");
            if !text.is_empty() {
                sound_problems(&problems, text);
            }
            return false;
        }
    };
    let [first, second] = profile.machine.monitors;
    let planned = plan.monitor_units * 1e6;
    let preset = first.dose_per_charge.dose(order.preset).micro_mu() as f64;
    let backup = second.dose_per_charge.dose(order.backup).micro_mu() as f64;
    assert!(preset <= planned + 2.0, "{preset} of {planned}: {plan:?}");
    let (check, pulse) = (plan.monitor_units_check * 1e6, order.pulse_dose.micro_mu() as f64);
    let apart = (0.01 * check).max((pulse / 2.0).min(1e6));
    assert!((planned - check).abs() <= apart + 2.0, "{planned} and {check}: {plan:?}");
    let margin = (check * 0.1).min(40e6).max(pulse * 2.0);
    assert!(backup <= check + apart + margin + 4.0, "{backup} of {check}: {plan:?}");
    assert!(backup > preset, "the backup stands behind the preset: {plan:?}");
    let expected_s = planned / order.dose_per_second.micro_mu() as f64;
    let limit_s = order.time_limit.nanos() as f64 / 1e9;
    assert!(limit_s > expected_s, "{limit_s} s for {expected_s} s: {plan:?}");
    assert!(plan.time_limit_s.is_some() || limit_s <= (expected_s * 1.2).max(expected_s + 6.0) + 1e-3, "{plan:?}");
    match (profile.machine.beam, plan.pulses) {
        (Beam::Continuous, _) => assert_eq!((order.pulse_limit, order.pulses), (u32::MAX, None), "{plan:?}"),
        (Beam::Pulsed { .. }, Some(pulses)) => {
            assert!((1..=20).contains(&pulses) && plan.time_limit_s.is_some(), "{plan:?}");
            assert_eq!((order.pulse_limit, order.pulses), (pulses, Some(pulses)), "{plan:?}");
            assert!((f64::from(pulses) * pulse - planned).abs() <= pulse / 2.0 + 2.0, "{plan:?}");
        }
        (Beam::Pulsed { .. }, None) => {
            let needed = planned / pulse;
            let most = if plan.pulse_limit.is_some() { 2.0 * needed + 2.0 } else { 1.25 * needed + 2.0 };
            assert!((needed - 1e-3..=most).contains(&f64::from(order.pulse_limit)), "{plan:?} {order:?}");
            assert_eq!(order.pulses, None);
        }
    }
    assert!(charge_for(Dose::from_micro_mu(1), first.dose_per_charge) <= order.expected_pulse[0]);
    assert_eq!(profile.applicators.get(&plan.applicator), Some(&order.set_up.applicator));
    true
}

fn sound_profile(profile: &Profile) {
    let machine = &profile.machine;
    let timing = &machine.timing;
    let scale = u64::from(profile.period_scale);
    assert!((1..=20).contains(&scale) && (scale == 1 || profile.is_bench), "{profile:?}");
    assert!(timing.permit >= Span::from_millis(1) && timing.permit <= Span::from_millis(10).times(scale));
    assert!(timing.stale_after >= timing.permit.times(3) && timing.stale_after <= Span::from_millis(50).times(scale));
    assert!(timing.permit.plus(timing.lateness_budget) < timing.stale_after, "{timing:?}");
    assert!(timing.agreement <= Span::from_millis(30).times(scale), "{timing:?}");
    assert!(timing.session_silence <= Span::from_secs(2).times(scale), "{timing:?}");
    assert!(!profile.beams.is_empty() && !profile.applicators.is_empty() && !profile.dockings.is_empty());
    assert!(machine.resume_limit <= 2);
    assert!(!machine.single_bus || machine.linac_bus == Bus::A, "there is no bus B");
    assert!(!machine.beam_hold || machine.rate == RateRule::Modulated);
    match machine.beam {
        Beam::Pulsed { period, window, gate_knows_lease, .. } => {
            // one pulse ahead, or 30 ms of beam where the rate leaves no time for a round trip
            let ahead = period.nanos().saturating_mul(u64::from(window));
            assert!(window == 1 || (window >= 2 && ahead <= 30_000_100 && period < Span::from_micros(16_667)));
            assert!(gate_knows_lease || profile.beam_inhibit.is_some(), "something must hold the beam");
        }
        Beam::Continuous => assert!(profile.beam_inhibit.is_some(), "something must hold the beam"),
    }
    let mut rate_hz = 0.0_f64;
    for beam in &profile.beams {
        let alike = profile
            .beams
            .iter()
            .filter(|other| beam.energy.abs_diff(other.energy) <= profile.energy_tolerance.saturating_mul(2));
        assert_eq!(alike.count(), 1, "two beams may not be taken for one another: {:?}", profile.beams);
        if let Output::Pulses { rate_hz: rate, mu_per_pulse } = beam.output {
            rate_hz = rate_hz.max(rate);
            for (monitor, pc_per_mu) in machine.monitors.iter().zip(profile.pc_per_mu) {
                let full_scale = monitor.full_scale.picocoulombs() as f64;
                assert!(full_scale + 1.0 >= 2.5 * mu_per_pulse * pc_per_mu, "{monitor:?} {beam:?}");
                assert!(monitor.leakage_warn <= monitor.leakage_block && monitor.leakage_block <= 32_767);
            }
        }
    }
    assert!(config::bus_load(machine, rate_hz).iter().all(|load| load.percent <= 75.0));
}
