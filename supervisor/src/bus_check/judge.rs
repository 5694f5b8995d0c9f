//! What is wrong with a bus, from what was read of it: each finding with how to put it right.

use beam_core::units::Span;
use beam_core::wire::Guard;
use beam_drivers::interface::{ControllerState, InterfaceFacts};

use super::{Expected, Heard, Survey, name_of};
use crate::describe::seconds;

/// Load in percent beyond which frames of low priority may wait longer than their age limit.
const MOST_LOAD_PERCENT: f64 = 75.0;
/// A gap so much longer than the period is a gap: once and a half, which an ordinary program's own delay does not reach.
const GAP_PERCENT: u64 = 150;
/// Fewer of the frames that a period asks for are too few.
const FEWEST_PERCENT: u64 = 90;
/// What this program may itself be late by when it takes a frame's time.
const OWN_DELAY: Span = Span::from_millis(5);

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// Everything that is wrong with a bus on which `expected` should be heard.
#[must_use]
pub fn judge(survey: &Survey, expected: &[Expected]) -> Vec<Finding> {
    let mut findings = set_up(&survey.facts[0]);
    findings.extend(line(survey));
    if !survey.heard.is_empty() {
        findings.extend(expected.iter().filter_map(|frame| missing(survey, frame)));
        findings.extend(survey.heard.iter().flat_map(|(id, heard)| frames(survey, *id, heard, expected)));
    }
    let load = survey.load_percent();
    if load > MOST_LOAD_PERCENT {
        let what = format!("{load:.0} % of the bus is used: frames of low priority wait");
        findings.push(finding(what, "take other devices off this bus, or use two buses"));
    }
    findings
}

fn finding(what: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { what: what.into(), fix: fix.into() }
}

/// How the interface is set up; [`InterfaceFacts::objections`] puts the advice behind a colon.
fn set_up(facts: &InterfaceFacts) -> Vec<Finding> {
    let split = |objection: String| {
        let (what, fix) =
            objection.rsplit_once(": ").unwrap_or((&objection, "set it up by the project's .network file"));
        finding(format!("the interface {what}"), format!("{fix} in the interface's .network file"))
    };
    facts.objections().into_iter().map(split).collect()
}

/// The line itself: cable, termination, bit rate, who acknowledges.
fn line(survey: &Survey) -> Vec<Finding> {
    let [before, after] = survey.facts;
    let errors = |facts: &InterfaceFacts| facts.errors.unwrap_or((0, 0));
    let ((_, received_before), (sent, received)) = (errors(&before), errors(&after));
    let state = after.state.unwrap_or(ControllerState::ErrorActive);
    let is_disturbed = received > received_before
        || received > 0
        || survey.warnings > 0
        || survey.went_passive
        || matches!(state, ControllerState::ErrorWarning | ControllerState::ErrorPassive);
    let mut findings = Vec::new();
    if survey.went_down {
        findings.push(finding(
            "the interface went down while it was listened to",
            "see who sets it down: `journalctl -u systemd-networkd`",
        ));
    }
    if survey.went_off || state == ControllerState::BusOff {
        findings.push(finding(
            "the controller has left the bus (bus-off): its own frames were destroyed over and over",
            "look for a short between CAN-H and CAN-L, swapped wires, a second sender of a permit; then set the interface down and up",
        ));
    }
    match (survey.heard.is_empty(), is_disturbed) {
        (true, true) => findings.push(finding(
            "signals come, and not one of them is a whole frame",
            "compare the bit rate of the other devices (1 Mbit/s); measure 60 ohm between CAN-H and CAN-L with the power off \
             (120 ohm: one terminator is missing); see that CAN-H and CAN-L are not swapped",
        )),
        (true, false) if sent > 0 => findings.push(finding(
            "nobody acknowledges what is sent, and nothing is heard",
            "see that another device is on this bus and powered, and that the cable is in both sockets",
        )),
        (true, false) => findings.push(finding(
            format!("nothing was heard for {:.1} s, and no error either", seconds(survey.listened)),
            "power the treatment unit's electronics; see that this cable leads to them",
        )),
        (false, true) => findings.push(finding(
            format!("frames come, and errors between them ({received} counted at reception, {sent} at transmission)"),
            "measure 60 ohm between CAN-H and CAN-L with the power off (120 ohm: one terminator is missing, 40 ohm: one too \
             many); shorten stubs; look at the cable's shield",
        )),
        (false, false) => {}
    }
    if survey.lost > 0 {
        findings.push(finding(
            format!("{} frames were lost between the bus and this program", survey.lost),
            "use an adapter with more room for received frames; reduce the load on this computer",
        ));
    }
    if survey.malformed > 0 {
        findings.push(finding(
            format!("{} frames are no classic data frames with an 11-bit identifier", survey.malformed),
            "take the device that sends CAN FD, remote or extended frames off this bus",
        ));
    }
    findings
}

fn missing(survey: &Survey, frame: &Expected) -> Option<Finding> {
    let Expected { id, name, .. } = frame;
    (!survey.heard.contains_key(id)).then(|| {
        finding(
            format!("{name} (0x{id:03x}) is not heard"),
            "power its sender; see that it is on this bus and not on the other one",
        )
    })
}

/// What is wrong with the frames of one identifier.
fn frames(survey: &Survey, id: u16, heard: &Heard, expected: &[Expected]) -> Vec<Finding> {
    let Some(frame) = expected.iter().find(|frame| frame.id == id) else {
        // without a profile nobody knows on which bus what of the contract belongs
        return if expected.is_empty() && name_of(id).is_some() { Vec::new() } else { foreign(id) };
    };
    let mut findings = Vec::from_iter(times(survey, frame, heard));
    if heard.own > 0 {
        let Expected { name, .. } = frame;
        findings.push(finding(
            format!("{} of {} frames {name} (0x{id:03x}) were sent by this computer", heard.own, heard.count),
            "end the program here that plays the treatment unit",
        ));
    }
    if frame.is_protected {
        findings.extend(protection(frame, heard));
    }
    findings
}

/// Whether frames come as often as the profile says, from the first moment to the last.
fn times(survey: &Survey, frame: &Expected, heard: &Heard) -> Option<Finding> {
    let Expected { id, name, period, .. } = frame;
    let ms = |span: Span| format!("{:.1} ms", seconds(span) * 1e3);
    let silence = heard.longest_silence(survey.begun, survey.begun.after(survey.listened));
    let wanted = survey.listened.nanos() / period.nanos().max(1);
    let what = if silence > period.times(GAP_PERCENT).over(100).plus(OWN_DELAY) {
        format!("{name} (0x{id:03x}) did not come for {}; the profile says every {}", ms(silence), ms(*period))
    } else if u64::from(heard.count) * 100 < wanted * FEWEST_PERCENT {
        format!(
            "{name} (0x{id:03x}) came {} times in {:.1} s; the profile says every {}",
            heard.count,
            seconds(survey.listened),
            ms(*period)
        )
    } else {
        return None;
    };
    Some(finding(
        what,
        "see that its sender and the cable do not fail now and then; set the sender to that period, or the period in [timing] to \
         what it really does",
    ))
}

/// What CRC and alive counter of a frame of the bus contract say.
fn protection(frame: &Expected, heard: &Heard) -> Vec<Finding> {
    let Expected { id, name, .. } = frame;
    let (name, count) = (format!("{name} (0x{id:03x})"), heard.count);
    let said = [
        (
            heard.broken,
            format!("{} of {count} frames {name} are not as the bus contract protects them", heard.broken),
            "see that no other device uses this identifier, and that its sender computes the contract's CRC",
        ),
        (
            heard.jumps,
            format!("the counter of {name} jumped {} times", heard.jumps),
            "two devices send this identifier, or frames are lost on the way: take the other one off the bus",
        ),
        (
            heard.repeats,
            format!("{} of {count} frames {name} repeat the counter of the one before", heard.repeats),
            "two devices send this identifier, something sends each frame twice, or its sender hangs",
        ),
        (
            heard.lost,
            format!("{} frames {name} are missing by their counter, {count} came", heard.lost),
            "look for what loses them: a bad contact, a full queue in its sender, an adapter that is too slow",
        ),
    ];
    said.into_iter().filter(|(times, ..)| *times > 0).map(|(_, what, fix)| finding(what, fix)).collect()
}

/// An identifier that does not belong here.
fn foreign(id: u16) -> Vec<Finding> {
    if Guard::ALL.into_iter().any(|guard| guard.permit_id() == id) {
        // a supervisor that runs meanwhile sends them
        return Vec::new();
    }
    let what = match name_of(id) {
        Some(name) => format!("{name} (0x{id:03x}) is heard on this bus, where it does not belong"),
        None => format!("0x{id:03x} is heard, and is none of the bus contract"),
    };
    vec![finding(what, "see whose it is: swapped cables, or a device that does not belong on this bus")]
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
