//! How the words of a mishap are written and read: `pulse 12 + 3.5 ms`, `guard-dose1`, `A`.

use std::fmt;

use beam_core::frame::Bus;
use beam_core::state::State;
use beam_core::units::Span;
use beam_core::wire::Guard;

use super::{Anchor, Moment, OnBus, Part, Receiver};

/// A span in milliseconds, exact to the nanosecond.
pub(super) mod millis {
    use beam_core::units::Span;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that the derive calls")]
    pub(in super::super) fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(super::to_millis(*span))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let number = f64::deserialize(deserializer)?;
        super::from_millis(number).ok_or_else(|| de::Error::custom("a time in ms, not negative, under a day"))
    }
}

/// A fault of the treatment unit by its name.
pub(super) mod injection {
    use beam_drivers::sim::Injection;
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that the derive calls")]
    pub(in super::super) fn serialize<S: Serializer>(injection: &Injection, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(injection.name())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Injection, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|_| de::Error::custom(format!("`{name}` is no fault; `demo --fault list` names them")))
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 ns, which is a hundred days")]
fn to_millis(span: Span) -> f64 {
    span.nanos() as f64 / 1e6
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked just before")]
fn from_millis(number: f64) -> Option<Span> {
    (0.0..86_400_000.0).contains(&number).then(|| Span::from_nanos((number * 1e6).round() as u64))
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            Anchor::Start => write!(formatter, "start")?,
            Anchor::State(state) => write!(formatter, "{}", state.name())?,
            Anchor::Pulse(pulse) => write!(formatter, "pulse {pulse}")?,
        }
        if self.delay > Span::ZERO { write!(formatter, " + {} ms", to_millis(self.delay)) } else { Ok(()) }
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no moment; write `start`, `armed + 20 ms`, `pulse 12` or `pulse 12 + 3.5 ms`");
        let (anchor, delay) = match text.split_once('+') {
            Some((anchor, delay)) => (anchor.trim(), delay.trim()),
            None => (text.trim(), "0 ms"),
        };
        let number = delay.strip_suffix("ms").ok_or_else(wrong)?.trim();
        let delay = number.parse().ok().and_then(from_millis).ok_or_else(wrong)?;
        let after = if anchor == "start" {
            Anchor::Start
        } else if let Some(pulse) = anchor.strip_prefix("pulse ") {
            Anchor::Pulse(pulse.trim().parse().map_err(|_| wrong())?)
        } else {
            Anchor::State(State::ALL.into_iter().find(|state| state.name() == anchor).ok_or_else(wrong)?)
        };
        Ok(Self { after, delay })
    }
}

fn guard(name: &str) -> Option<Guard> {
    Guard::ALL.into_iter().find(|guard| guard.name() == name)
}

const GUARDS: &str = "`dose 1`, `dose 2`, `time`, `interlock`";

impl From<Receiver> for String {
    fn from(receiver: Receiver) -> Self {
        match receiver {
            Receiver::Everyone => "everyone".to_owned(),
            Receiver::Gate => "gate".to_owned(),
            Receiver::Guard(guard) => guard.name().to_owned(),
        }
    }
}

impl TryFrom<String> for Receiver {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "everyone" => Ok(Self::Everyone),
            "gate" => Ok(Self::Gate),
            name => guard(name)
                .map(Self::Guard)
                .ok_or(format!("`{name}` receives nothing; `everyone`, `gate`, {GUARDS} do")),
        }
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        match part {
            Part::Session => "session".to_owned(),
            Part::Process => "process".to_owned(),
            Part::Guard(guard) => guard.name().to_owned(),
        }
    }
}

impl TryFrom<String> for Part {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "session" => Ok(Self::Session),
            "process" => Ok(Self::Process),
            name => {
                guard(name).map(Self::Guard).ok_or(format!("`{name}` is no part; `session`, `process`, {GUARDS} are"))
            }
        }
    }
}

impl From<OnBus> for String {
    fn from(bus: OnBus) -> Self {
        match bus.0 {
            Bus::A => "A".to_owned(),
            Bus::B => "B".to_owned(),
        }
    }
}

impl TryFrom<String> for OnBus {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "A" => Ok(Self(Bus::A)),
            "B" => Ok(Self(Bus::B)),
            other => Err(format!("`{other}` is no bus; `A` and `B` are")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Deed, Frames, Mishap, What};
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Lines {
        mishap: Vec<Mishap>,
    }

    #[test]
    fn every_moment_is_read_as_it_is_written() {
        for text in ["start", "armed + 20 ms", "pulse 12", "pulse 12 + 3.5 ms", "proving + 0.000001 ms"] {
            let moment = Moment::try_from(text.to_owned()).expect(text);
            assert_eq!(moment.to_string(), text);
        }
        for text in ["", "pulse", "pulse x", "never", "armed + 20", "armed + -1 ms"] {
            assert!(Moment::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn mishaps_survive_a_scenario_file() {
        let at = Moment { after: Anchor::Pulse(3), delay: Span::from_micros(2500) };
        let frames =
            Frames { to: Receiver::Guard(Guard::Dose2), id: Some(0x102), permille: 20, lasting: Span::from_millis(7) };
        let whats = [
            What::Unit(beam_drivers::sim::Injection::Mon1Stuck),
            What::Lose(frames),
            What::Late { frames: Frames { id: None, to: Receiver::Gate, ..frames }, by: Span::from_micros(150) },
            What::Cut { bus: OnBus(Bus::B), lasting: Span::from_millis(40) },
            What::Stall { part: Part::Process, lasting: Span::from_millis(80) },
            What::ClockStep { by: -1500 },
            What::Operator(Deed::Interrupt),
        ];
        let lines = Lines { mishap: whats.map(|what| Mishap { at, what }).to_vec() };
        let text = toml::to_string(&lines).expect("a file");
        let again: Lines = toml::from_str(&text).expect(&text);
        assert_eq!(again.mishap, lines.mishap, "{text}");
    }
}
