//! The words for signals that change by a number: percentages, energies, instruments.

use beam_drivers::sim::{Instrument, Lie, Share, Signal, Stray};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::What;

/// A share written in percent, down to a thousandth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Percent(pub Share);

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0.as_thousandths_of_percent()) / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let percent = f64::deserialize(deserializer)?;
        let whole = within(percent * 1000.0, -1e9, 1e9)
            .ok_or_else(|| de::Error::custom("a percentage from -1000000 to 1000000"))?;
        Ok(Self(Share::thousandths_of_percent(whole)))
    }
}

/// A sensed energy in MeV, in steps of the 0.1 MeV that the linac's status frame carries, up to its 25.5 MeV.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Energy(pub u8);

impl Serialize for Energy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 10.0)
    }
}

impl<'de> Deserialize<'de> for Energy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mev = f64::deserialize(deserializer)?;
        let tenths = within(mev * 10.0, 0.0, 255.0).and_then(|tenths| u8::try_from(tenths).ok());
        tenths.map(Self).ok_or_else(|| de::Error::custom("an energy from 0 to 25.5 MeV, which is what the bus carries"))
    }
}

/// A small dose in MU, down to a millionth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SmallDose(pub u32);

impl SmallDose {
    /// So many MU, 0 to 1000.
    #[must_use]
    pub fn of_mu(mu: f64) -> Self {
        Self(within((mu * 1e6).clamp(0.0, 1e9), 0.0, 1e9).and_then(|micro| u32::try_from(micro).ok()).unwrap_or(0))
    }
}

impl Serialize for SmallDose {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1e6)
    }
}

impl<'de> Deserialize<'de> for SmallDose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mu = f64::deserialize(deserializer)?;
        let micro = within(mu * 1e6, 0.0, 1e9).and_then(|micro| u32::try_from(micro).ok());
        micro.map(Self).ok_or_else(|| de::Error::custom("a dose from 0 to 1000 MU"))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range was checked just before")]
fn within(number: f64, from: f64, to: f64) -> Option<i32> {
    (from..=to).contains(&number).then(|| number.round() as i32)
}

/// An instrument, written as `monitor 1`, `monitor 2`, `both monitors` or `beam charge`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Of(pub Instrument);

const NAMES: [(Instrument, &str); 4] = [
    (Instrument::Monitor1, "monitor 1"),
    (Instrument::Monitor2, "monitor 2"),
    (Instrument::Monitors, "both monitors"),
    (Instrument::BeamCharge, "beam charge"),
];

impl From<Of> for String {
    fn from(of: Of) -> Self {
        NAMES.iter().find(|(which, _)| *which == of.0).map_or("?", |(_, name)| name).to_owned()
    }
}

impl TryFrom<String> for Of {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let found = NAMES.iter().find(|(_, name)| *name == text).map(|(which, _)| Self(*which));
        found.ok_or_else(|| {
            format!("`{text}` measures nothing; `monitor 1`, `monitor 2`, `both monitors`, `beam charge` do")
        })
    }
}

impl What {
    /// The signal of the treatment unit that changes, where it is one.
    #[must_use]
    pub const fn signal(&self) -> Option<Signal> {
        Some(match *self {
            Self::Output { percent } => Signal::Output(percent.0),
            Self::Reads { of, percent } => Signal::Reads(of.0, percent.0),
            Self::Clips { of, percent_of_full_scale } => Signal::Clips(of.0, percent_of_full_scale.0),
            Self::ReadsCounts { of, counts } => Signal::Counts(of.0, counts),
            Self::ReadsVoltage { of, percent } => Signal::Voltage(of.0, percent.0),
            Self::SensesEnergy { mev } => Signal::Energy(mev.0),
            Self::Drifts { of, percent_per_hour } => Signal::DriftPerHour(of.0, percent_per_hour.0),
            Self::ClearCounters { of } => Signal::ClearCounters(of.0),
            Self::Pause { lasting } => Signal::Pause(lasting),
            Self::Hold { lasting } => Signal::Hold(lasting),
            Self::Leak { mu } => Signal::Leak(mu.0),
            Self::Rate { percent } => Signal::Rate(percent.0),
            Self::PulsesWhileClosed { pulses, after, counted } => Signal::Stray(Stray { pulses, after, counted }),
            Self::GateTellsLate { bus, by } => Signal::TellsLate(bus.0, by),
            _ => return None,
        })
    }

    /// Whether the gate itself is damaged, so that what it lets pass is no measure of the supervisor.
    #[must_use]
    pub const fn damages_gate(&self) -> bool {
        match (self, self.signal()) {
            (Self::Unit(injection), _) => injection.damages_gate(),
            (_, Some(signal)) => signal.damages_gate(),
            (_, None) => false,
        }
    }

    /// What becomes of the readings of monitor 1 and monitor 2.
    #[must_use]
    pub fn lies(&self) -> [Lie; 2] {
        match (self, self.signal()) {
            (Self::Unit(injection), _) => injection.lies(),
            (_, Some(signal)) => signal.lies(),
            (_, None) => [Lie::None; 2],
        }
    }

    /// Whether it befalls the sensor of the beam's own charge.
    #[must_use]
    pub const fn befalls_beam_charge(&self) -> bool {
        match (self, self.signal()) {
            (Self::Unit(injection), _) => injection.befalls_beam_charge(),
            (_, Some(signal)) => signal.befalls_beam_charge(),
            (_, None) => false,
        }
    }
}
