//! The fault catalogue: every reason for which the beam ends other than a dose delivered as planned.
//!
//! One line of the table below is one fault: its stable code, its group, who may clear it, whether the delivery may be
//! resumed, the cause, what the operator does and the requirement it serves. The order is the order of gravity: of two
//! faults found at once the upper one is shown first. Every fault is latched.

use crate::requirement::Requirement;

/// Families of faults, the gravest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Group {
    /// The beam does what nobody asked.
    Beam,
    /// A limit behind the first one ended the beam.
    Limit,
    /// A chamber lies.
    Chamber,
    /// The chambers disagree.
    Agreement,
    /// The dose rate is wrong.
    Rate,
    /// A bus or a frame cannot be trusted.
    Bus,
    /// The set-up is not the planned one.
    SetUp,
    /// The supervisor itself.
    Ourselves,
    /// People.
    People,
}

impl Group {
    /// The name that people see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Beam => "beam does what nobody asked",
            Self::Limit => "a backup limit ended the beam",
            Self::Chamber => "chamber lies",
            Self::Agreement => "chambers disagree",
            Self::Rate => "rate",
            Self::Bus => "bus",
            Self::SetUp => "set-up",
            Self::Ourselves => "ourselves",
            Self::People => "people",
        }
    }

    /// Whether faults of this group speak of the dose itself: no resume, and only a physicist clears them.
    #[must_use]
    pub const fn is_dosimetry(self) -> bool {
        match self {
            Self::Beam | Self::Limit | Self::Chamber | Self::Agreement | Self::Rate => true,
            Self::Bus | Self::SetUp | Self::Ourselves | Self::People => false,
        }
    }
}

macro_rules! faults {
    ($($variant:ident = $code:literal, $group:ident, $name:literal, $cause:literal, $action:literal, $requirement:ident;)*) => {
        /// One fault of the catalogue.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[repr(u8)]
        pub enum Fault {
            $(#[doc = $cause] $variant,)*
        }

        impl Fault {
            /// All of them, the gravest first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable code, like `F-301`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The family.
            #[must_use]
            pub const fn group(self) -> Group {
                match self { $(Self::$variant => Group::$group,)* }
            }

            /// A short name for programs: lower case, joined by hyphens.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What happened, in one line.
            #[must_use]
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$variant => $cause,)* }
            }

            /// What the operator does.
            #[must_use]
            pub const fn action(self) -> &'static str {
                match self { $(Self::$variant => $action,)* }
            }

            /// The requirement that this fault serves.
            #[must_use]
            pub const fn requirement(self) -> Requirement {
                match self { $(Self::$variant => Requirement::$requirement,)* }
            }
        }
    };
}

faults! {
    PulsesWhileClosed = "F-101", Beam, "pulses-while-closed", "Pulses were fired while the gate should be closed.", "Press the emergency stop, switch the linac off, get the patient out of the beam; call the physicist.", BeamUnasked;
    GateOpenUnasked = "F-102", Beam, "gate-open-unasked", "The gate is open although a permit of ours is not given.", "Press the emergency stop; do not use the gate until it was repaired.", BeamUnasked;
    ChargeWhileClosed = "F-103", Beam, "charge-while-closed", "A chamber collects charge above leakage while the beam is off.", "Press the emergency stop; call the physicist.", BeamUnasked;
    PulseBeyondLease = "F-104", Beam, "pulse-beyond-lease", "The gate fired a pulse beyond the last leased one.", "Do not use the gate until it was repaired; call the physicist.", PulseByPulse;
    CountsDisagree = "F-105", Beam, "counts-disagree", "The gate and the chambers do not count the same pulses.", "Call the physicist; the delivered dose must be assessed from all three counts.", BeamUnasked;
    GateRestarted = "F-106", Beam, "gate-restarted", "The gate lost the delivery: its count of pulses fell.", "Call the physicist; the gate must be checked before the next patient.", BeamUnasked;
    BeamWithoutRequest = "F-107", Beam, "beam-without-request", "Beam came while the linac said that none was requested.", "Press the emergency stop; call the physicist: the linac's report or its console is wrong.", BeamUnasked;
    GateContradiction = "F-108", Beam, "gate-contradiction", "The gate's reports on the two buses contradict each other.", "Do not use the gate until it was repaired; call the physicist.", BeamUnasked;
    BackupReached = "F-201", Limit, "backup-reached", "Monitor 2 reached its own limit before dose guard 1 ended the beam.", "Call the physicist: monitor 1 or its guard failed.", BackupDose;
    TimeLimit = "F-202", Limit, "time-limit", "The beam-on time reached its limit before the dose did.", "Call the physicist: rate, chambers or plan are wrong.", BeamTime;
    ClocksDisagree = "F-203", Limit, "clocks-disagree", "The gate's beam-on time and the supervisor's own clock differ by more than 2 % + 50 ms.", "Call the physicist; check the gate's clock and the computer.", BeamTime;
    PulseLimit = "F-204", Limit, "pulse-limit", "The gate counted more pulses than the plan can take.", "Call the physicist: both chambers may read low alike.", BeamTime;
    Saturated = "F-301", Chamber, "saturated", "A chamber reports saturation: the true charge is higher than the reading.", "Do not resume. Call the physicist; treat the dose as unknown and high.", ChamberHonest;
    OverRange = "F-302", Chamber, "over-range", "A chamber's reading left its range: the true charge is higher than the reading.", "Do not resume. Call the physicist; treat the dose as unknown and high.", ChamberHonest;
    FullScale = "F-303", Chamber, "full-scale", "A pulse read at the electrometer's full scale: the true charge may be higher.", "Do not resume. Call the physicist; treat the dose as unknown and high.", ChamberHonest;
    PulseHigh = "F-304", Chamber, "pulse-high", "The charge of k pulses was over k + 1 times the expected one (over 1.25 k times from the fifth on).", "Do not resume. Call the physicist; check gun current and energy.", ChamberHonest;
    ChargeStandsStill = "F-305", Chamber, "charge-stands-still", "A chamber's charge stood still while pulses came.", "Do not resume. Call the physicist; the dose since the last reading is unknown.", ChamberHonest;
    NoSignal = "F-306", Chamber, "no-signal", "Two pulses in a row read under 10 % of the expected charge.", "Do not resume. Call the physicist; the dose may be far higher than shown.", ChamberHonest;
    PulseLow = "F-307", Chamber, "pulse-low", "Three pulses in a row read under 50 % of the expected charge.", "Do not resume. Call the physicist; the dose may be far higher than shown.", ChamberHonest;
    ChargeFalls = "F-308", Chamber, "charge-falls", "A chamber's charge fell by more than a tenth of a pulse.", "Do not resume. Call the physicist; the electrometer was reset or is broken.", ChamberHonest;
    NoPulse = "F-309", Chamber, "no-pulse", "The gate is open and beam is requested, but no pulse came.", "Call the physicist; check the linac's trigger.", ChamberHonest;
    ChamberReportsFault = "F-310", Chamber, "chamber-reports-fault", "A chamber's electronics report a fault, or are not measuring.", "Call the physicist; read the chamber's own display.", ChamberHonest;
    ChamberRestarted = "F-311", Chamber, "chamber-restarted", "A chamber's count of pulses fell or jumped: its electronics restarted, or readings were lost.", "Do not resume. Call the physicist; an output check is due.", ChamberHonest;
    BeamChargeRatio = "F-312", Chamber, "beam-charge-ratio", "The chambers' reading for the charge of the beam itself left its baseline.", "Do not resume. Call the physicist; target, foil or chambers changed.", ChamberHonest;
    ChambersDisagree = "F-401", Agreement, "chambers-disagree", "Monitor 1 and monitor 2 differ by more than 5 % and 3 pulses, or in the first 20 pulses by more than 10 % and half a pulse.", "Do not resume. Call the physicist; take the larger reading as delivered.", ChambersAgree;
    EndDisagreement = "F-402", Agreement, "end-disagreement", "Monitor 1 and monitor 2 differ by more than 2 % and half a pulse at the end of the delivery, at equal counts.", "Acknowledge before the next beam; tell the physicist today.", ChambersAgree;
    RateHigh = "F-501", Rate, "rate-high", "The mean dose rate is over twice the nominal one.", "Do not resume. Call the physicist.", DoseRate;
    RateLow = "F-502", Rate, "rate-low", "The mean dose rate is under half the nominal one.", "Call the physicist; the chambers may under-read.", DoseRate;
    SwappedBuses = "F-601", Bus, "swapped-buses", "A monitor's frames come in on the other monitor's bus.", "Have the cables put right before any beam.", BusTrusted;
    Impostor = "F-602", Bus, "impostor", "Somebody else sends one of our own identifiers.", "Find the second sender; no beam until it is off the bus.", BusTrusted;
    LocalChamber = "F-603", Bus, "local-chamber", "A chamber's or the gate's frame was sent from this computer.", "Stop the program that sends test frames.", BusTrusted;
    Crc = "F-604", Bus, "crc", "A frame's CRC is wrong.", "Acknowledge; if it comes again, have bus wiring and termination checked.", BusTrusted;
    Alive = "F-605", Bus, "alive", "A frame's alive counter jumped by more than two lost frames, or is 15.", "Acknowledge; if it comes again, have the bus checked.", BusTrusted;
    Length = "F-606", Bus, "length", "A frame of the contract does not have eight bytes.", "Have the sender's configuration checked.", BusTrusted;
    UnnamedValue = "F-607", Bus, "unnamed-value", "A frame carries a value that the contract does not name.", "Have the sender's software version checked.", BusTrusted;
    Malformed = "F-608", Bus, "malformed", "Something that is no classic data frame came in under an identifier of the contract.", "Have the bus checked for foreign nodes.", BusTrusted;
    DoseStale = "F-609", Bus, "dose-stale", "A chamber's dose frame is older than three periods.", "Check the chamber's electronics and its bus.", BusTrusted;
    GateStale = "F-610", Bus, "gate-stale", "The gate's status is older than three periods.", "Check the gate and its bus.", BusTrusted;
    StatusStale = "F-611", Bus, "status-stale", "A status frame of a chamber or of the linac is older than three periods.", "Check the sender and its bus.", BusTrusted;
    BusOff = "F-612", Bus, "bus-off", "A CAN controller left the bus.", "Have bus wiring and termination checked.", BusTrusted;
    ErrorPassive = "F-613", Bus, "error-passive", "A CAN controller may no longer signal errors.", "Have bus wiring and termination checked.", BusTrusted;
    ReceiveOverflow = "F-614", Bus, "receive-overflow", "Received frames were lost in this computer.", "Reduce the load on the computer; tell the engineer.", BusTrusted;
    InterfaceDown = "F-615", Bus, "interface-down", "A CAN interface is down or gone.", "Check the CAN adapter.", BusTrusted;
    Energy = "F-701", SetUp, "energy", "The sensed energy is not the planned one.", "Do not override. Call the physicist.", SetUp;
    Applicator = "F-702", SetUp, "applicator", "The applicator is not the planned one.", "Fit the planned applicator and plan again.", SetUp;
    Docking = "F-703", SetUp, "docking", "The docking is not the planned one.", "Dock again.", SetUp;
    Voltage = "F-704", SetUp, "voltage", "A chamber's polarising voltage is off by more than 2 %.", "Call the physicist; the chamber does not measure.", SetUp;
    Leakage = "F-705", SetUp, "leakage", "A chamber's leakage is over its limit.", "Call the physicist; dry or change the chamber.", SetUp;
    Door = "F-706", SetUp, "door", "The door is open.", "Close the door.", SetUp;
    EmergencyStop = "F-707", SetUp, "emergency-stop", "The emergency stop was pressed.", "Look after the patient; release it where it was pressed.", SetUp;
    ServiceMode = "F-708", SetUp, "service-mode", "The linac is in service mode.", "Have service end its work and the physicist release the machine.", SetUp;
    LinacNotReady = "F-709", SetUp, "linac-not-ready", "The linac is not ready.", "Wait for the linac, or read its own display.", SetUp;
    ApplicatorUnread = "F-710", SetUp, "applicator-unread", "The applicator's code was not read.", "Fit the applicator again.", SetUp;
    ViewLost = "F-711", SetUp, "view-lost", "The view of the patient is lost.", "Restore the view.", SetUp;
    Cooling = "F-712", SetUp, "cooling", "The linac's cooling failed.", "Call the engineer.", SetUp;
    HighVoltage = "F-713", SetUp, "high-voltage", "The linac's high voltage failed.", "Call the engineer.", SetUp;
    TemperaturePressure = "F-714", SetUp, "temperature-pressure", "Temperature and pressure are missing, old or implausible.", "Read thermometer and barometer again.", SetUp;
    OutputCheckDue = "F-715", SetUp, "output-check-due", "An output check is due after an unclean end, a power loss or a restart.", "Have the physicist do the output check.", SetUp;
    RequestedEarly = "F-716", SetUp, "requested-early", "Beam was requested while the guards were being proven.", "Release the beam button; prove again.", Proven;
    ProofFailed = "F-801", Ourselves, "proof-failed", "A guard's silence, withdrawal or lease did not hold the gate.", "No beam. The gate or its wiring is broken; call the engineer.", Proven;
    GateNotTakenUp = "F-802", Ourselves, "gate-not-taken-up", "The gate did not take up the delivery.", "Check the gate's own display; call the engineer.", Proven;
    GuardLate = "F-803", Ourselves, "guard-late", "A guard's loop turned later than its budget.", "Reduce the load on the computer; grant real-time rights.", OwnHealth;
    GuardSilent = "F-804", Ourselves, "guard-silent", "A guard did not report within its time.", "Restart the supervisor; tell the engineer.", OwnHealth;
    SessionSilent = "F-805", Ourselves, "session-silent", "The session that carries the operator's commands fell silent.", "Restart the supervisor; tell the engineer.", OwnHealth;
    PermitUnsent = "F-806", Ourselves, "permit-unsent", "A permit could not be sent within its period.", "Have the bus checked; tell the engineer.", OwnHealth;
    RingFull = "F-807", Ourselves, "ring-full", "Records were lost because a ring was full.", "Tell the engineer; the record of this delivery has holes.", OwnHealth;
    ClockStalled = "F-808", Ourselves, "clock-stalled", "The computer's clock stepped or stood still.", "Restart the computer; tell the engineer.", OwnHealth;
    MemoryUnlocked = "F-809", Ourselves, "memory-unlocked", "Memory could not be locked.", "Grant LimitMEMLOCK to the service.", OwnHealth;
    RecordUnwritable = "F-810", Ourselves, "record-unwritable", "The record cannot be written.", "Free the disk; check its rights.", OwnHealth;
    ConfigurationChanged = "F-811", Ourselves, "configuration-changed", "The configuration changed since it was checked.", "Check the configuration and restart the supervisor.", OwnHealth;
    GateClosesEarly = "F-812", Ourselves, "gate-closes-early", "The gate took a silent permit for stale sooner than its limit.", "Tell the engineer; the gate's timer is not as built.", Proven;
    OperatorStop = "F-901", People, "operator-stop", "The operator ended the delivery.", "Decide on the remaining dose with the physician.", Operator;
    ResumeLimit = "F-902", People, "resume-limit", "The delivery was interrupted more often than it may be resumed.", "End it; plan the remaining dose anew with the physicist.", Operator;
    FaultRepeated = "F-903", People, "fault-repeated", "The same dosimetry fault came twice in 30 days.", "The machine is blocked; the physicist must find the cause.", Operator;
}

impl Fault {
    /// Whether what remains of the plan may be delivered by another delivery once the fault is cleared.
    #[must_use]
    pub const fn may_resume(self) -> bool {
        !self.group().is_dosimetry()
    }

    /// The fault's bit in a [`FaultSet`].
    const fn bit(self) -> u128 {
        1_u128 << (self as u8)
    }
}

/// A set of faults. The beam may run only while it is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct FaultSet(u128);

impl FaultSet {
    /// No fault.
    pub const EMPTY: Self = Self(0);

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `fault` is in it.
    #[must_use]
    pub const fn contains(self, fault: Fault) -> bool {
        self.0 & fault.bit() != 0
    }

    /// This set and `fault`.
    #[must_use]
    pub const fn with(self, fault: Fault) -> Self {
        Self(self.0 | fault.bit())
    }

    /// The faults of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The gravest fault.
    #[must_use]
    pub fn gravest(self) -> Option<Fault> {
        self.iter().next()
    }

    /// Its faults, the gravest first.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.iter().copied().filter(move |&fault| self.contains(fault))
    }
}

const _: () = assert!(Fault::ALL.len() <= 128, "a FaultSet has 128 places");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_follow_the_groups() {
        for (index, one) in Fault::ALL.iter().enumerate() {
            assert!(
                Fault::ALL.iter().skip(index + 1).all(|other| other.code() != one.code() && other.name() != one.name())
            );
        }
        assert!(
            Fault::ALL.windows(2).all(|pair| matches!(pair, [a, b] if a.group() <= b.group() && a.code() < b.code()))
        );
    }

    #[test]
    fn the_gravest_fault_is_shown_first() {
        let set = FaultSet::EMPTY.with(Fault::Door).with(Fault::Saturated).with(Fault::Crc);
        assert_eq!(set.gravest(), Some(Fault::Saturated));
        assert_eq!(set.iter().count(), 3);
        assert!(FaultSet::EMPTY.is_empty() && !set.contains(Fault::Energy));
    }

    #[test]
    fn no_resume_after_a_dosimetry_fault() {
        assert!(!Fault::NoSignal.may_resume() && !Fault::ChambersDisagree.may_resume());
        assert!(Fault::Door.may_resume());
    }
}
