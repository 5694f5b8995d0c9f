//! A run of a scenario as a person reads it: what happened then, what each signal did here pulse by pulse, which check found
//! it, how many pulses it took, and the dose then and now. And the same as JSON.

use std::fmt::Write as _;

use beam_core::machine::Beam;
use beam_core::wire::NO_PULSE_LIMIT;
use serde_json::{Value, json};

use super::Scenario;
use super::play::{Played, Pulse};
use crate::describe::{close_cause, gate_state, refusal};
use crate::mishap::{Deed, Frames, Part, What};

/// Pulses shown before and after the one that the first mishap befell.
const AROUND: u64 = 2;
/// Most pulses shown after it before the table jumps to the last ones.
const AFTER: u64 = 4;
/// Columns of a told story.
const COLUMNS: usize = 100;

/// What happened then and what is put in here: to be read before it runs.
#[must_use]
pub fn story(scenario: &Scenario) -> String {
    let mut text = format!("{}  {}\n", scenario.name, scenario.title);
    for line in wrapped(&scenario.story) {
        let _a_string_takes_all = writeln!(text, "  {line}");
    }
    let mut line = |label: &str, value: &str| {
        for (index, part) in wrapped(value).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let _a_string_takes_all = writeln!(text, "  {label:<10} {part}");
        }
    };
    line("source", &scenario.source);
    line("checks", &scenario.check.join(", "));
    line("machine", &machine(scenario));
    for mishap in &scenario.mishaps {
        line("put in", &format!("{}: {}", mishap.at, words(&mishap.what)));
    }
    text
}

fn machine(scenario: &Scenario) -> String {
    let Ok(prepared) = scenario.prepare() else { return scenario.machine.clone() };
    let planned = &prepared.planned;
    let pulse = crate::describe::mu(prepared.order.pulse_dose);
    let beam = match prepared.machine.beam {
        Beam::Pulsed { period, .. } => format!("{:.0} Hz, {pulse} MU a pulse", 1e9 / nanos(period.nanos())),
        Beam::Continuous => "without pulses".to_owned(),
    };
    let sensor = if prepared.machine.beam_charge.is_some() { "with" } else { "without" };
    format!(
        "{}, {} MeV, {beam}, {sensor} a beam charge sensor; preset {} MU; seed {}",
        planned.machine, planned.energy_mev, scenario.preset_mu, scenario.seed
    )
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
const fn nanos(nanos: u64) -> f64 {
    nanos as f64
}

/// What came of it.
#[must_use]
pub fn text(scenario: &Scenario, played: &Played) -> String {
    let mut text = table(scenario, played);
    let unmet = scenario.expect.unmet(scenario, played);
    let verdict = played.verdict().name().to_uppercase();
    let found = played.first_fault();
    let by = found.map_or(String::new(), |(finder, fault)| format!(" by {finder}: {} {}", fault.code(), fault.name()));
    let as_expected = if unmet.is_empty() { "as expected" } else { "NOT AS EXPECTED" };
    let _ = writeln!(text, "{verdict}{by}; {as_expected}.");
    let mut line = |label: &str, value: String| {
        let _a_string_takes_all = writeln!(text, "  {label:<18} {value}");
    };
    if let Some((_, fault)) = found {
        line("fault", fault.cause().to_owned());
        line("operator", fault.action().to_owned());
    } else if !played.begun {
        let standing: Vec<_> =
            played.standing.iter().map(|fault| format!("{} {}", fault.code(), fault.name())).collect();
        line("stands against it", standing.join(", "));
    }
    for warning in played.warnings() {
        line("warning", format!("{} {}", warning.code(), warning.name()));
    }
    if let Some(pulses) = played.pulses_from_mishap() {
        let most = scenario.expect.most_pulses.map_or(String::new(), |most| format!(" (at most {most})"));
        line("pulses", format!("{pulses} from the mishap on, the one that it befell included{most}"));
    }
    if let Some(took) = played.milliseconds_to_shut() {
        let most = scenario.expect.most_milliseconds.map_or(String::new(), |most| format!(" (at most {most} ms)"));
        line("gate shut after", format!("{took:.2} ms{most}"));
    }
    for answer in &played.answers {
        let granted = answer.refused.map_or("granted".to_owned(), |refused| format!("refused: {}", refusal(&refused)));
        line("operator asks", format!("{}: {granted}", answer.deed.name()));
    }
    let bound = if is_lower_bound(played) { ", a lower bound: a reading at its end says no more" } else { "" };
    line("recorded", format!("{:.2} MU{bound}", played.recorded_mu()));
    if !scenario.then.is_empty() {
        line("then", scenario.then.clone());
    }
    line("here", here(played));
    for what in &unmet {
        line("NOT KEPT", what.clone());
    }
    text
}

/// Whether an instrument was at the end of its range.
fn is_lower_bound(played: &Played) -> bool {
    use beam_core::fault::Fault::{FullScale, OverRange, Saturated};
    played.first_fault().is_some_and(|(_, fault)| matches!(fault, Saturated | OverRange | FullScale))
}

fn here(played: &Played) -> String {
    let noun = if played.truth.pulses == 1 { "pulse" } else { "pulses" };
    let since = played.mishap_at.map_or(0.0, |since| {
        let bad = played.pulses.iter().filter(|pulse| pulse.at >= since);
        bad.map(|pulse| pulse.true_mu).fold(0.0, |sum, mu| sum + mu)
    });
    format!(
        "{} {noun}, {:.2} MU = {:.3} Gy in all; from the mishap on {since:.2} MU = {:.3} Gy (1 MU taken as 1 cGy)",
        played.truth.pulses,
        played.truth.mu,
        played.truth.mu / 100.0,
        since / 100.0,
    )
}

/// The pulses around the first mishap, and the last ones.
fn shown(played: &Played) -> Vec<Option<&Pulse>> {
    let last = played.pulses.last().map_or(0, |pulse| pulse.number);
    let struck = played.mishap_at.and_then(|since| played.pulses.iter().find(|pulse| pulse.at >= since));
    let struck = struck.map_or(last, |pulse| pulse.number);
    let is_near = |number: u64| number + AROUND >= struck && number <= struck + AFTER;
    let mut rows = Vec::new();
    let mut before = 0;
    for pulse in &played.pulses {
        if is_near(pulse.number) || pulse.number + 1 >= last {
            if pulse.number > before + 1 {
                rows.push(None);
            }
            before = pulse.number;
            rows.push(Some(pulse));
        }
    }
    rows
}

fn table(scenario: &Scenario, played: &Played) -> String {
    if played.pulses.is_empty() {
        return "  no pulse was fired\n".to_owned();
    }
    let mut text = format!(
        "  {:>5} {:>9} {:>9} {:>9} {:>9} {:>9}  {:<24} {:>9}  {}\n",
        "pulse", "t in s", "true MU", "monitor 1", "monitor 2", "b. charge", "gate", "lease", "found"
    );
    let begin = played.pulses.first().map_or(0, |pulse| pulse.at.nanos());
    for row in shown(played) {
        let Some(pulse) = row else {
            text += "    ...\n";
            continue;
        };
        let [first, second] = pulse.monitors_mu;
        let sensor = pulse.beam_charge_mu.map_or("-".to_owned(), |charge| format!("{charge:.3}"));
        let gate = format!("{} {}", gate_state(pulse.gate), close_cause(pulse.cause));
        let lease = if pulse.lease == NO_PULSE_LIMIT { "no limit".to_owned() } else { pulse.lease.to_string() };
        let found = pulse.fault.map_or("nothing".to_owned(), |fault| format!("{} {}", fault.code(), fault.name()));
        let at = nanos(pulse.at.nanos() - begin) / 1e9;
        let _ = writeln!(
            text,
            "  {:>5} {at:>9.3} {:>9.3} {first:>9.3} {second:>9.3} {sensor:>9}  {gate:<24} {lease:>9}  {found}",
            pulse.number, pulse.true_mu
        );
    }
    let seed = scenario.seed;
    let _ = writeln!(text, "  (gate, lease and findings as they stood before the next pulse; seed {seed})");
    text
}

/// The run as JSON.
#[must_use]
pub fn json(scenario: &Scenario, played: &Played) -> Value {
    let unmet = scenario.expect.unmet(scenario, played);
    let found = played.first_fault();
    let pulse = |pulse: &Pulse| {
        json!({
            "pulse": pulse.number, "at_s": nanos(pulse.at.nanos()) / 1e9, "true_mu": pulse.true_mu,
            "monitors_mu": pulse.monitors_mu, "beam_charge_mu": pulse.beam_charge_mu,
            "gate": gate_state(pulse.gate), "cause": close_cause(pulse.cause), "lease": pulse.lease,
            "fault": pulse.fault.map(beam_core::fault::Fault::code),
        })
    };
    let answer =
        |answer: &crate::course::Answer| json!({ "deed": answer.deed.name(), "refused": answer.refused.is_some() });
    json!({
        "scenario": scenario,
        "verdict": played.verdict(),
        "as_expected": unmet.is_empty(),
        "as_planned": played.shortfalls.is_empty(),
        "shortfalls": played.shortfalls.iter().map(|why| why.name()).collect::<Vec<_>>(),
        "not_kept": unmet,
        "fault": found.map(|(_, fault)| fault.code()),
        "found_by": found.map(|(finder, _)| finder),
        "all_faults": played.all_faults().iter().map(|fault| fault.code()).collect::<Vec<_>>(),
        "warnings": played.warnings().iter().map(|fault| fault.code()).collect::<Vec<_>>(),
        "standing": played.standing.iter().map(|fault| fault.code()).collect::<Vec<_>>(),
        "true_mu": played.truth.mu,
        "recorded_mu": played.recorded_mu(),
        "pulses": played.truth.pulses,
        "pulses_from_mishap": played.pulses_from_mishap(),
        "milliseconds_to_shut": played.milliseconds_to_shut(),
        "milliseconds_to_fault": played.milliseconds_to_fault(),
        "operator": played.answers.iter().map(answer).collect::<Vec<_>>(),
        "each_pulse": played.pulses.iter().map(pulse).collect::<Vec<_>>(),
    })
}

/// A mishap's what in words.
#[must_use]
fn words(what: &What) -> String {
    let of = |of: &crate::mishap::Of| String::from(*of);
    let percent = |percent: &crate::mishap::Percent| f64::from(percent.0.as_thousandths_of_percent()) / 1000.0;
    let millis = |span: beam_core::units::Span| nanos(span.nanos()) / 1e6;
    match what {
        What::Unit(injection) => injection.description().to_owned(),
        What::Output { percent: share } => format!("each pulse really is {} % of what it should be", percent(share)),
        What::Reads { of: which, percent: share } => {
            format!("{}: {} % of the charge is read", of(which), percent(share))
        }
        What::Clips { of: which, percent_of_full_scale: share } => {
            format!("{}: every pulse reads {} % of full scale", of(which), percent(share))
        }
        What::ReadsCounts { of: which, counts } => format!("{}: every pulse reads {counts} counts", of(which)),
        What::ReadsVoltage { of: which, percent: share } => {
            format!("{}: the polarising voltage is read back as {} %", of(which), percent(share))
        }
        What::SensesEnergy { mev } => format!("the linac senses {} MeV", f64::from(mev.0) / 10.0),
        What::Drifts { of: which, percent_per_hour: share } => {
            format!("{}: the response changes by {} % an hour", of(which), percent(share))
        }
        What::ClearCounters { of: which } => format!("{}: the counters are set to zero", of(which)),
        What::Pause { lasting } => format!("the linac makes no pulse for {} ms", millis(*lasting)),
        What::Hold { lasting } => format!("the linac holds its gate closed for {} ms", millis(*lasting)),
        What::Leak { mu } => format!("{} MU arrive outside every pulse", f64::from(mu.0) / 1e6),
        What::Rate { percent: share } => format!("the rate of the beam is {} % of what it should be", percent(share)),
        What::PulsesWhileClosed { pulses, after, counted } => {
            let count = if *counted { "counts" } else { "does not count" };
            format!("{pulses} pulses pass the gate {} ms after it closed, and it {count} them", millis(*after))
        }
        What::GateTellsLate { bus, by } => {
            format!("the gate tells {} ms too late on bus {} that it has closed", millis(*by), String::from(*bus))
        }
        What::ControllerSays { bus, complaint } => {
            format!("the computer's controller of bus {} says {complaint:?}", String::from(*bus))
        }
        What::Overflow { bus, frames } => {
            format!("the computer loses {frames} frames of bus {} and says so", String::from(*bus))
        }
        What::StampStep { by } => format!("the kernel's stamps jump by {by} us"),
        What::Lose(frames) => format!("{} lost", some(frames)),
        What::Late { frames, by } => format!("{} up to {} ms late", some(frames), millis(*by)),
        What::Repeat(frames) => format!("{} twice", some(frames)),
        What::Reorder(frames) => format!("{} after the next one", some(frames)),
        What::Corrupt(frames) => format!("{} with a bit flipped", some(frames)),
        What::BusOff { bus, lasting } => {
            format!("the computer's controller leaves bus {} for {} ms", String::from(*bus), millis(*lasting))
        }
        What::Cut { bus, lasting } => format!("bus {} is cut for {} ms", String::from(*bus), millis(*lasting)),
        What::Babble { bus, id, .. } => format!("a node sends {id:#05x} without end on bus {}", String::from(*bus)),
        What::Stall { part, lasting } => format!("{} gets no processor for {} ms", a_part(*part), millis(*lasting)),
        What::Die { part } => format!("{} dies", a_part(*part)),
        What::Restart { down } => format!("the process dies and is started again after {} ms", millis(*down)),
        What::ClockStep { by } => format!("the computer's clock jumps by {by} us"),
        What::ClockSlew { ppm, .. } => format!("the computer's clock runs off by {ppm} ppm"),
        What::Operator(deed) => match deed {
            Deed::PressBeam => "the beam button is pressed".to_owned(),
            Deed::ReleaseBeam => "the beam button is let go".to_owned(),
            deed => format!("the operator asks for: {}", deed.name()),
        },
    }
}

fn a_part(part: Part) -> String {
    match part {
        Part::Guard(guard) => format!("guard {}", guard.name()),
        Part::Session => "the session".to_owned(),
        Part::Process => "the supervisor's process".to_owned(),
    }
}

fn some(frames: &Frames) -> String {
    let id = frames.id.map_or("frames".to_owned(), |id| format!("frames {id:#05x}"));
    let to = String::from(frames.to);
    format!("for {} ms {} of 1000 {id} to {to} are", nanos(frames.lasting.nanos()) / 1e6, frames.permille)
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
