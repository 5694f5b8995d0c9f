//! An observer's report as a person reads it.

use std::fmt::Write as _;

use beam_core::wire::Reason;
use serde_json::Value;

use super::report::{Afterwards, GuardWould, Happened, OBSERVED, ObservedReport, WouldHave};
use crate::describe::permit_reason;

impl ObservedReport {
    /// The report for a person.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("OBSERVED, {OBSERVED}: {}\n", self.verdict());
        let mut line = |label: &str, value: String| {
            let _writing_to_a_string_cannot_fail = writeln!(text, "  {label:<20} {value}");
        };
        let p = &self.planned;
        line("gate opened at", self.opened_at.clone());
        line("machine", format!("{}, field {}, {} MeV, applicator {}", p.machine, p.field, p.energy_mev, p.applicator));
        line("planned", format!("{:.2} MU; backup {:.2} MU", p.planned_mu, p.backup_mu));
        self.tell_what_happened(&mut line);
        self.tell_what_would_have(&mut line);
        line("worst lateness", format!("{:.3} ms of a guard's wake-up", self.worst_guard_lateness_s * 1e3));
        if self.records_lost > 0 {
            line("records lost", self.records_lost.to_string());
        }
        if let Some(records) = &self.records {
            line("record", records.clone());
        }
        for doubt in &self.doubts {
            line("in doubt", doubt.clone());
        }
        for notice in &self.notices {
            line("note", notice.clone());
        }
        text
    }

    /// In one sentence.
    pub(super) fn verdict(&self) -> String {
        let WouldHave { ended_by, fault, pulses, inhibited_by, .. } = &self.would_have;
        if !inhibited_by.is_empty() {
            return format!("would not have been armed: {}.", inhibited_by.join(", "));
        }
        let Some(by) = ended_by else {
            return match self.happened.seen_to_its_end {
                true => "would not have ended it; the beam was ended by others before.".to_owned(),
                false => "would not have ended it until it was followed no longer.".to_owned(),
            };
        };
        let how = match fault {
            None if self.is_the_same() => format!("would have ended the same way, by {by}"),
            None => format!("would have ended by {by}"),
            Some(fault) => format!("would have TRIPPED by {by}, {}", name_of(fault)),
        };
        let when =
            if self.planned.planned_pulses.is_some() { format!(", after pulse {pulses}") } else { String::new() };
        let after = self.afterwards.as_ref().map(what_followed).unwrap_or_default();
        let doubt = if self.doubts.is_empty() { "" } else { " IN DOUBT, see below." };
        format!("{how}{when}; {after}.{doubt}")
    }

    fn tell_what_happened(&self, line: &mut impl FnMut(&str, String)) {
        let Happened { gate, delivered_mu: [first, second], overshoot_mu: [over, _], .. } = &self.happened;
        let percent = 100.0 * over / self.planned.planned_mu;
        line("happened, monitor 1", format!("{first:.2} MU ({over:+.2} MU, {percent:+.2} %)"));
        line("happened, monitor 2", format!("{second:.2} MU"));
        let [one, two, at_gate] = self.happened.pulses_counted;
        line("pulses", format!("{one} on monitor 1, {two} on monitor 2, {at_gate} at the gate"));
        let by = if gate.closed_by.is_empty() { String::new() } else { format!(" by {}", gate.closed_by.join(", ")) };
        let when = self.happened.closed_at_s.map_or_else(|| "still open".to_owned(), |at| format!("after {at:.2} s"));
        let openings = match self.happened.openings {
            1 => "once".to_owned(),
            more => format!("{more} times"),
        };
        line("gate", format!("{} {}{by}, {when}; it opened {openings}", gate.state, gate.cause));
        line("beam on", format!("{:.2} s by the gate's clock", self.happened.beam_on_s));
    }

    fn tell_what_would_have(&self, line: &mut impl FnMut(&str, String)) {
        let WouldHave { ended_by, ended_at_s, pulses, delivered_mu: [first, second], fault, .. } = &self.would_have;
        line("would have ended by", ended_by.unwrap_or("nothing").to_owned());
        if let Some(at) = ended_at_s {
            let dose = format!("{first:.2} MU on monitor 1, {second:.2} MU on monitor 2");
            line("then", format!("{at:.2} s, pulse {pulses}, {dose}"));
        }
        if let Some(fault) = fault {
            line("fault", format!("{}: {}", name_of(fault), fault["cause"].as_str().unwrap_or_default()));
        }
        for GuardWould { guard, at_s, pulses, reason, fault, .. } in &self.would_have.guards {
            let found = fault.as_deref().unwrap_or("found nothing itself");
            let found = if *reason == permit_reason(Reason::DoseReached) { "no fault" } else { found };
            line(guard, format!("TRIPPED {reason} at {at_s:.3} s, pulse {pulses}: {found}"));
        }
        for warning in &self.would_have.warnings {
            line("warning", format!("{} by {}", name_of(warning), warning["found_by"].as_str().unwrap_or("?")));
        }
    }
}

/// What came after the end, in a few words: pulses, dose, and beam that was found.
fn what_followed(after: &Afterwards) -> String {
    let Afterwards { pulses, delivered_mu: [first, second], is_closed_in_time, faults, .. } = after;
    let dose = format!("{first:.2} MU on monitor 1 and {second:.2} MU on monitor 2");
    let mut text = match pulses {
        0 if *is_closed_in_time => "no pulse followed".to_owned(),
        0 => format!("{dose} followed"),
        1 => format!("1 pulse followed, {dose}"),
        pulses => format!("{pulses} pulses followed, {dose}"),
    };
    for fault in faults {
        text += &format!(", {} was found then", name_of(fault));
    }
    text
}

/// Code and name of a fault.
pub(super) fn name_of(fault: &Value) -> String {
    format!("{} {}", fault["code"].as_str().unwrap_or("?"), fault["name"].as_str().unwrap_or("?"))
}
