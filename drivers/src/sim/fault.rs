//! The faults that can be put into the simulated treatment unit, by name.
//!
//! Each starts at a pulse: with `mon1-stuck@20`, the 20th pulse since the unit's power-up is the first one that is
//! affected. Pulse 0 means before the beam, from the start; what happens once (one spoilt frame, a restart) then
//! happens a short while after power-up. On a machine without pulses, one pulse stands for one dose period of beam.
//!
//! Each fault says in words what ought to end the beam, for people and for the tests that expect it.

use super::effect::{Effect, Lie, Monitor};

macro_rules! injections {
    ($($variant:ident $name:literal [$($effect:tt)*] $description:literal => $expected:literal;)*) => {
        /// A fault of the simulated treatment unit.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        pub enum Injection {
            $(#[doc = $description] $variant,)*
        }

        impl Injection {
            /// All faults, grouped by what they befall.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];

            /// The name that commands and reports use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What happens, in one line.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $description,)* }
            }

            /// What ought to end the beam, or that nothing ought to.
            #[must_use]
            pub const fn expected(self) -> &'static str {
                match self { $(Self::$variant => $expected,)* }
            }

            /// What it does to the parts of the unit.
            pub(in crate::sim) const fn effect(self) -> Effect {
                match self { $(Self::$variant => Effect::$($effect)*,)* }
            }
        }
    };
}

mod names;

pub use names::Injection;

impl Injection {
    /// What becomes of the readings of monitor 1 and monitor 2.
    #[must_use]
    pub const fn lies(self) -> [Lie; 2] {
        self.effect().lies()
    }

    /// Whether it befalls the sensor of the beam's own charge.
    #[must_use]
    pub const fn befalls_beam_charge(self) -> bool {
        matches!(self.effect(), Effect::Chamber(Monitor::BeamCharge, _))
    }

    /// Whether the gate itself is damaged, so that what it lets pass is no measure of the supervisor.
    #[must_use]
    pub const fn damages_gate(self) -> bool {
        self.effect().damages_gate()
    }
}

/// The name is none of the faults'.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownFault;

impl std::fmt::Display for UnknownFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("no fault of this name")
    }
}

impl std::error::Error for UnknownFault {}

impl std::str::FromStr for Injection {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        Self::ALL.into_iter().find(|injection| injection.name() == name).ok_or(UnknownFault)
    }
}

impl std::fmt::Display for Injection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_its_fault() {
        for injection in Injection::ALL {
            assert_eq!(injection.name().parse(), Ok(injection));
        }
        assert_eq!("no-such".parse::<Injection>(), Err(UnknownFault));
    }

    #[test]
    fn every_description_is_one_line() {
        for injection in Injection::ALL {
            assert!(!injection.description().is_empty() && !injection.description().contains('\n'), "{injection}");
            assert!(!injection.expected().is_empty(), "{injection}");
        }
    }
}
