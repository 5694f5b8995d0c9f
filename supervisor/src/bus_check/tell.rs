//! What was read of a bus and what is wrong with it, for people and for programs.

use std::fmt::Write;

use beam_drivers::interface::{ControllerState, InterfaceFacts};
use serde_json::{Value, json};

use super::judge::Finding;
use super::{Expected, Survey, name_of};
use crate::describe::seconds;

/// The text for one bus.
#[must_use]
pub fn text(interface: &str, survey: &Survey, expected: &[Expected], findings: &[Finding]) -> String {
    let mut text = format!("{interface}\n  set up   {}\n", facts_text(&survey.facts[1]));
    let frames: u32 = survey.heard.values().map(|heard| heard.count).sum();
    let (seconds_heard, load) = (seconds(survey.listened), survey.load_percent());
    let _to_a_string =
        writeln!(text, "  heard    {frames} frames in {seconds_heard:.1} s, at most {load:.1} % of the bus");
    for (id, heard) in &survey.heard {
        let every =
            heard.mean_period().map_or_else(String::new, |mean| format!(", every {:.2} ms", seconds(mean) * 1e3));
        let wanted = expected.iter().find(|frame| frame.id == *id);
        let wanted =
            wanted.map_or_else(String::new, |frame| format!(" (profile {:.0} ms)", seconds(frame.period) * 1e3));
        let name = name_of(*id).unwrap_or("not of the bus contract");
        let _to_a_string = writeln!(text, "    0x{id:03x}  {name:16} {:6} frames{every}{wanted}", heard.count);
    }
    for Finding { what, fix } in findings {
        let _to_a_string = writeln!(text, "  wrong    {what}\n    fix: {fix}");
    }
    let verdict = match findings.len() {
        0 => "nothing wrong".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    let _to_a_string = writeln!(text, "  verdict  {verdict}");
    text
}

/// The same for a program.
#[must_use]
pub fn to_json(interface: &str, survey: &Survey, findings: &[Finding]) -> Value {
    let facts = &survey.facts[1];
    let heard = survey.heard.iter().map(|(id, heard)| {
        json!({
            "id": id, "name": name_of(*id), "frames": heard.count, "mean_period_s": heard.mean_period().map(seconds),
            "longest_silence_s": seconds(heard.longest_silence(survey.begun, survey.begun.after(survey.listened))),
            "broken": heard.broken, "counter_jumps": heard.jumps, "counter_repeats": heard.repeats,
            "missing_by_counter": heard.lost, "sent_by_this_computer": heard.own,
        })
    });
    let findings = findings.iter().map(|Finding { what, fix }| json!({"what": what, "fix": fix}));
    json!({
        "interface": interface,
        "bit_rate": facts.bitrate, "sample_point": facts.sample_point, "restart_after_ms": facts.restart_after_ms,
        "state": facts.state.map(state_name), "errors_sending": facts.errors.map(|errors| errors.0),
        "errors_receiving": facts.errors.map(|errors| errors.1),
        "listened_s": seconds(survey.listened), "load_percent": survey.load_percent(), "lost": survey.lost,
        "malformed": survey.malformed, "frames": heard.collect::<Vec<_>>(), "findings": findings.collect::<Vec<_>>(),
    })
}

fn facts_text(facts: &InterfaceFacts) -> String {
    let told = [
        facts.bitrate.map(|rate| format!("{rate} bit/s")),
        facts.sample_point.map(|point| format!("sample point {:.1} %", f64::from(point) / 10.0)),
        facts.state.map(|state| state_name(state).to_owned()),
        facts.errors.map(|(sending, receiving)| format!("errors {sending} sending, {receiving} receiving")),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    if told.is_empty() { "the driver says nothing".to_owned() } else { told.join(", ") }
}

const fn state_name(state: ControllerState) -> &'static str {
    match state {
        ControllerState::ErrorActive => "error-active",
        ControllerState::ErrorWarning => "error-warning",
        ControllerState::ErrorPassive => "error-passive",
        ControllerState::BusOff => "bus-off",
        ControllerState::Stopped => "stopped",
    }
}
