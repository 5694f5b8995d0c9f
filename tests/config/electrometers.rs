//! How coarse another electrometer may count: one count is at most 5 % of a pulse of the weakest beam, or of the beam of a dose
//! period without pulses. Each way of counting is tried just inside and just outside.

use beam_supervisor::config::{Surroundings, check_texts, parse_electrometer};

use super::configs;

/// What is wrong with an electrometer of so much a count.
fn wrong(pulse_rate_hz: Option<f64>, weakest_pc: f64, factor: &str, unit: &str) -> Vec<String> {
    let dbc = format!(
        "VERSION \"\"\n\nBS_:\n\nBU_: E\n\nBO_ 800 READING: 8 E\n SG_ Charge : 0|32@1+ ({factor},0) [0|0] \"{unit}\" E\n \
         SG_ Pulses : 32|16@1+ (1,0) [0|0] \"\" E\n"
    );
    let pulses = if pulse_rate_hz.is_some() { "pulses = \"Pulses\"\n" } else { "" };
    let table = format!(
        "dbc = \"it.dbc\"\nmessage = \"READING\"\ncharge = \"Charge\"\ncounting = \"cumulative\"\nprotection = \"none\"\n{pulses}"
    );
    let around = Surroundings {
        monitor: 1,
        pulse_rate_hz,
        dose_period_ms: 10.0,
        period_scale: 1,
        full_scale_pc: 250_000.0,
        pc_per_mu: 20_000.0,
        weakest_pc,
    };
    let problems = parse_electrometer(&dbc, &table, &around).err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}; {}", problem.what, problem.fix)).collect()
}

#[test]
fn holds_a_count_of_a_twentieth_of_the_weakest_pulse() {
    for (rate, weakest, factor, unit) in [
        (Some(10.0), 60_000.0, "3", "nC"),
        (Some(10.0), 60_000.0, "0.15", "MU"),
        (Some(10.0), 2.0 * 13_700.0, "1370", "pC"),
        (None, 1000.0, "50", "pC"),
    ] {
        assert_eq!(wrong(rate, weakest, factor, unit), [""; 0], "{factor} {unit}");
    }
}

#[test]
fn trips_a_count_of_more_than_a_twentieth_of_the_weakest_pulse() {
    for (rate, weakest, factor, unit, what) in [
        (Some(10.0), 60_000.0, "3.001", "nC", "3001 pC a count, more than 5 % of the 60000 pC of a pulse"),
        (Some(10.0), 60_000.0, "0.1501", "MU", "3002 pC a count, more than 5 % of the 60000 pC of a pulse"),
        (Some(10.0), 60_000.0, "1", "uC", "1000000 pC a count, more than 5 % of the 60000 pC of a pulse"),
        (None, 1000.0, "51", "pC", "51 pC a count, more than 5 % of the 1000 pC of a dose period"),
    ] {
        let said = wrong(rate, weakest, factor, unit);
        let what = format!("it.dbc:8: signal `Charge` has {what} of the weakest beam; use a finer signal");
        assert!(said.len() == 1 && said[0].replace("electrometer.toml", "it.dbc").contains(&what), "{said:?}");
    }
}

#[test]
fn the_weakest_beam_of_a_profile_is_the_one_that_counts() {
    let text = |path: &str| std::fs::read_to_string(configs().join(path)).expect("readable");
    let (profile, dbc) = (text("machines/example-electrometer.toml"), text("can/example-electrometer.dbc"));
    let wrong = |mu_per_pulse: &str| {
        // the second of its two beams
        let (before, after) = profile.rsplit_once("mu-per-pulse = 3.0").expect("two beams");
        let changed = format!("{before}mu-per-pulse = {mu_per_pulse}{after}");
        let report = check_texts(&[("machine.toml", &changed)], &|_| Ok(dbc.clone()));
        report.files[0].errors.iter().map(|error| error.what.clone()).collect::<Vec<_>>()
    };
    // both channels have 10 pC a count, and a MU is 20 000 pC
    assert_eq!(wrong("0.01"), [""; 0]);
    let said = wrong("0.0099");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said.iter().all(|what| what.contains("has 10 pC a count, more than 5 % of the 198 pC of a pulse")),
        "{said:?}"
    );
}
