//! Who may clear a fault, and when. Everybody who acknowledges says in which role; what speaks of the dose itself is
//! cleared by the physicist alone, so that nobody at the console can go on after a "no dose" that was one.

use crate::fault::Fault;

/// The role in which somebody acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Role {
    /// Treats patients at the console.
    Operator,
    /// Commissions and checks the machine, and answers for its dose.
    Physicist,
    /// Repairs the machine.
    Service,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Operator, Self::Physicist, Self::Service];

    /// The name that people and programs see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Physicist => "physicist",
            Self::Service => "service",
        }
    }

    /// Whether this role may clear `fault`.
    #[must_use]
    pub const fn may_clear(self, fault: Fault) -> bool {
        match fault.clearance() {
            Clearance::Anybody => true,
            Clearance::Physicist => matches!(self, Self::Physicist),
        }
    }
}

/// Who may clear a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Clearance {
    /// Operator, physicist or service.
    Anybody,
    /// Only somebody in the physicist role.
    Physicist,
}

impl Clearance {
    /// The name that people see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anybody => "operator",
            Self::Physicist => "physicist",
        }
    }
}

/// When a fault may be cleared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Moment {
    /// At once: it has passed by itself.
    AtOnce,
    /// When its cause is gone; until then it stands against every beam.
    CauseGone,
    /// When its cause was found and put right.
    CauseFound,
    /// After an output check.
    OutputCheck,
    /// By a restart of the supervisor.
    Restart,
}

impl Moment {
    /// The words that people see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::CauseGone => "when the cause is gone",
            Self::CauseFound => "when the cause was found and put right",
            Self::OutputCheck => "after an output check",
            Self::Restart => "by a restart, when the cause is gone",
        }
    }
}

impl Fault {
    /// Who may clear it.
    #[must_use]
    pub const fn clearance(self) -> Clearance {
        // a disagreement that shows only at the end did not stop the beam; it is acknowledged, not released
        let dosimetry = self.group().is_dosimetry() && !matches!(self, Self::EndDisagreement);
        if dosimetry || matches!(self, Self::OutputCheckDue | Self::FaultRepeated | Self::TemperaturePressure) {
            Clearance::Physicist
        } else {
            Clearance::Anybody
        }
    }

    /// When it may be cleared.
    #[must_use]
    pub const fn cleared_when(self) -> Moment {
        let passed = matches!(
            self,
            Self::EndDisagreement
                | Self::Crc
                | Self::Alive
                | Self::Length
                | Self::UnnamedValue
                | Self::Malformed
                | Self::ReceiveOverflow
                | Self::RequestedEarly
                | Self::GuardLate
                | Self::PermitUnsent
                | Self::GateClosesEarly
                | Self::RingFull
                | Self::OperatorStop
                | Self::ResumeLimit
        );
        let must_be_found = matches!(
            self,
            Self::NoPulse
                | Self::ClocksDisagree
                | Self::ProofFailed
                | Self::GateNotTakenUp
                | Self::Impostor
                | Self::LocalChamber
                | Self::ClockStalled
                | Self::FaultRepeated
        );
        let for_good = matches!(
            self,
            Self::GuardSilent
                | Self::SessionSilent
                | Self::MemoryUnlocked
                | Self::RecordUnwritable
                | Self::ConfigurationChanged
        );
        let checked = self.group().is_dosimetry() || matches!(self, Self::OutputCheckDue);
        match (passed, must_be_found, for_good, checked) {
            (true, ..) => Moment::AtOnce,
            (_, true, ..) => Moment::CauseFound,
            (_, _, true, _) => Moment::Restart,
            (.., true) => Moment::OutputCheck,
            (.., false) => Moment::CauseGone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trips_whoever_is_no_physicist_over_a_dosimetry_fault() {
        for &fault in Fault::ALL.iter().filter(|fault| fault.group().is_dosimetry()) {
            assert!(Role::Physicist.may_clear(fault), "{}", fault.code());
            let others = Role::Operator.may_clear(fault) || Role::Service.may_clear(fault);
            assert_eq!(others, fault == Fault::EndDisagreement, "{}", fault.code());
        }
    }

    #[test]
    fn holds_nobody_up_over_a_door() {
        for role in Role::ALL {
            assert!(role.may_clear(Fault::Door) && role.may_clear(Fault::OperatorStop));
        }
        assert_eq!(Fault::Door.cleared_when(), Moment::CauseGone);
        assert_eq!(Fault::Saturated.cleared_when(), Moment::OutputCheck);
    }
}
