//! A fault that is told is one that happened: each kind of mishap, and the faults that it may bring about. What nobody brought
//! about nobody may be accused of; the faults of the group "beam does what nobody asked" are held to the strictest.

use beam_core::fault::{Fault, FaultSet, Group};
use beam_drivers::sim::{Injection, Lie};

use crate::course::AfterInterruption;
use crate::mishap::{Deed, Part, What};
use crate::simulate::circumstances::Circumstances;

/// Whether one of the mishaps explains the fault, or what the operator does about an interruption, or the day's output.
pub(super) fn is_explained(
    fault: Fault,
    told: FaultSet,
    around: &Circumstances,
    interrupted: AfterInterruption,
) -> bool {
    let group = fault.group();
    let dosimetry = is_dosimetry(fault);
    let by_day = (around.day.output < 0.85 && matches!(group, Group::Limit | Group::Rate))
        || (around.day.response < 0.85 && dosimetry)
        || (around.day.response < 1.0 && fault == Fault::BeamChargeRatio);
    // a frame that nothing protects says whatever it was spoilt to
    let by_spoilt =
        around.frames_are_spoilt && (dosimetry || matches!(fault, Fault::ChargeWhileClosed | Fault::PulsesWhileClosed));
    // a gate that seems to have lost its count seems to count on from there
    let by_order = fault == Fault::PulsesWhileClosed
        && told.contains(Fault::GateRestarted)
        && around.mishaps.iter().any(|mishap| matches!(mishap.what, What::Late { .. } | What::Reorder(_)));
    let by_people = match fault {
        // whoever interrupts, terminates what cannot go on
        Fault::OperatorStop => !around.mishaps.is_empty(),
        Fault::ResumeLimit => matches!(interrupted, AfterInterruption::Resume(_)) && !around.mishaps.is_empty(),
        _ => false,
    };
    by_day || by_people || by_spoilt || by_order || around.mishaps.iter().any(|mishap| explains(&mishap.what, fault))
}

fn explains(what: &What, fault: Fault) -> bool {
    let group = fault.group();
    match what {
        What::Unit(injection) => explains_injection(*injection, fault),
        // what does not arrive, or not as it was sent: the bus, what waits for it, and counts that differ
        What::Lose(_) | What::Corrupt(_) | What::Repeat(_) => {
            group == Group::Bus || fault == Fault::CountsDisagree || follows_from_a_bus(fault)
        }
        // reports of the gate in another order than they were sent are those of a gate that lost what it held
        What::Late { .. } | What::Reorder(_) => {
            group == Group::Bus
                || matches!(fault, Fault::CountsDisagree | Fault::GateRestarted)
                || follows_from_a_bus(fault)
        }
        What::BusOff { .. } | What::Cut { .. } | What::Babble { .. } | What::Overflow { .. } => {
            group == Group::Bus || fault == Fault::CountsDisagree || follows_from_a_bus(fault)
        }
        What::Stall { part, .. } | What::Die { part } => {
            matches!(group, Group::Ourselves | Group::Bus)
                || follows_from_a_bus(fault)
                || (matches!(part, Part::Process) && fault == Fault::OutputCheckDue)
        }
        What::Restart { .. } => {
            matches!(group, Group::Ourselves | Group::Bus)
                || follows_from_a_bus(fault)
                || fault == Fault::OutputCheckDue
        }
        What::ClockStep { .. } | What::ClockSlew { .. } => {
            matches!(group, Group::Ourselves | Group::Bus | Group::Limit | Group::Rate)
                // guards that wait for a clock hear late that the console has let go
                // and by a clock that stands still no report grows old
                || matches!(fault, Fault::NoPulse | Fault::CountsDisagree | Fault::RequestedEarly | Fault::GateOpenUnasked)
        }
        What::Operator(deed) => match deed {
            // the console may ask a moment longer, into the next arming
            Deed::Terminate => matches!(fault, Fault::OperatorStop | Fault::RequestedEarly),
            Deed::Resume => fault == Fault::ResumeLimit,
            Deed::PressBeam | Deed::ReleaseBeam => {
                matches!(fault, Fault::RequestedEarly | Fault::TimeLimit | Fault::NoPulse | Fault::ProofFailed)
            }
            Deed::Arm | Deed::Begin | Deed::Interrupt | Deed::Acknowledge | Deed::AcknowledgeAsOperator => false,
        },
        What::StampStep { .. } => false,
        What::ControllerSays { .. } => group == Group::Bus,
        // pulses that pass a closed gate may fall into the next take-up
        What::PulsesWhileClosed { .. } => {
            is_dosimetry(fault) || is_stray(fault) || matches!(fault, Fault::GateNotTakenUp | Fault::ProofFailed)
        }
        What::GateTellsLate { .. } => tells_late(fault),
        // a counter that is set to zero just before its wrap looks as if it had gone on
        What::ClearCounters { .. } => is_dosimetry(fault) || is_stray(fault),
        // readings of many more pulses than a bus was made for leave no room for a status
        What::Rate { .. } => {
            is_dosimetry(fault)
                || matches!(fault, Fault::CountsDisagree | Fault::StatusStale | Fault::BeamWithoutRequest)
        }
        // while one bus is away the charge is in the last reading of the other chamber alone
        What::Leak { .. } => {
            matches!(fault, Fault::ChargeWhileClosed) || matches!(group, Group::Chamber | Group::Agreement)
        }
        What::Hold { .. } | What::Pause { .. } => {
            matches!(group, Group::Limit | Group::Rate | Group::Ourselves) || fault == Fault::NoPulse
        }
        // signals that change by a number explain what a chamber, the rate and the set-up can show
        _ => is_dosimetry(fault) || group == Group::SetUp,
    }
}

/// What limits, chambers, their agreement and the rate find.
fn is_dosimetry(fault: Fault) -> bool {
    matches!(fault.group(), Group::Limit | Group::Chamber | Group::Agreement | Group::Rate)
}

/// What pulses that nobody released look like.
fn is_stray(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::PulsesWhileClosed | Fault::ChargeWhileClosed | Fault::PulseBeyondLease | Fault::CountsDisagree
    )
}

/// What a report of the gate that says something else than the gate does may lead to.
fn explains_report(fault: Fault) -> bool {
    matches!(fault, Fault::ProofFailed | Fault::GateNotTakenUp | Fault::GateOpenUnasked | Fault::GateContradiction)
        || matches!(fault, Fault::CountsDisagree | Fault::ClocksDisagree | Fault::NoPulse)
}

/// What a gate that tells too late of its closing leads to. Where that begins after it has told so, it tells once more that it
/// is open.
fn tells_late(fault: Fault) -> bool {
    explains_report(fault) || fault == Fault::GateRestarted
}

/// What a permit or a report that does not arrive in time may lead to beside a fault of the bus.
fn follows_from_a_bus(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::ProofFailed
            | Fault::GateNotTakenUp
            | Fault::PermitUnsent
            | Fault::ClockStalled
            | Fault::GuardSilent
            | Fault::ClocksDisagree
            | Fault::NoPulse
            | Fault::RateLow
            | Fault::TimeLimit
            | Fault::ChamberRestarted
            | Fault::RequestedEarly
    )
}

fn explains_injection(injection: Injection, fault: Fault) -> bool {
    use Injection as I;
    let group = fault.group();
    if injection.damages_gate() {
        return explains_gate(injection, fault);
    }
    let dosimetry = is_dosimetry(fault);
    match injection {
        I::Mon1Silent | I::Mon2Silent | I::BeamChargeSilent | I::AliveStuck => {
            dosimetry || matches!(fault, Fault::DoseStale | Fault::StatusStale | Fault::CountsDisagree)
        }
        I::Mon1Frozen | I::Mon2Frozen | I::BeamChargeFrozen => dosimetry || fault == Fault::CountsDisagree,
        I::Mon1SkipsPulse | I::Mon2SkipsPulse | I::BeamChargeSkipsPulse => dosimetry || fault == Fault::CountsDisagree,
        // a counter that begins anew just before its wrap looks as if it had gone on
        I::Mon1Restart | I::Mon2Restart | I::BeamChargeRestart => dosimetry || is_stray(fault) || fault == Fault::Alive,
        // the last reading of a tube may come after the gate has closed
        I::Mon1FullScale | I::Mon2FullScale => dosimetry || fault == Fault::ChargeWhileClosed,
        I::Mon1ChargeWithoutPulses | I::Mon1Leakage | I::Mon2Leakage => {
            dosimetry || matches!(fault, Fault::ChargeWhileClosed | Fault::Leakage)
        }
        I::Mon1Voltage | I::Mon2Voltage => fault == Fault::Voltage,
        I::Crc | I::BeamChargeCrc => matches!(fault, Fault::Crc | Fault::CountsDisagree),
        I::AliveJump => fault == Fault::Alive,
        I::ShortFrame => matches!(fault, Fault::Length | Fault::CountsDisagree),
        I::LostFrame | I::DuplicateFrame => false,
        I::GateSilentA | I::GateSilentB => {
            matches!(fault, Fault::GateStale | Fault::CountsDisagree) || follows_from_a_bus(fault)
        }
        I::GateTellsLateA | I::GateTellsLateB => tells_late(fault),
        // reports of each pulse that all say the same look like those of more time than has passed
        I::GateFrozenA | I::GateFrozenB => explains_report(fault) || is_stray(fault) || fault == Fault::ClockStalled,
        // one count more on one bus than on the other is also a pulse above the final count
        I::GateOneMoreA | I::GateOneMoreB | I::GateOneFewerA | I::GateOneFewerB => {
            explains_report(fault)
                || is_stray(fault)
                || matches!(fault, Fault::PulseLimit | Fault::GateRestarted | Fault::BeamWithoutRequest)
        }
        I::HardwareInterlock => matches!(fault, Fault::ProofFailed | Fault::GateNotTakenUp | Fault::NoPulse),
        // nobody hears that the console asks no longer
        I::LinacSilent => matches!(fault, Fault::StatusStale | Fault::RequestedEarly),
        I::BeamRequestedEarly => matches!(fault, Fault::RequestedEarly | Fault::TimeLimit | Fault::NoPulse),
        I::RequestNeverTold => fault == Fault::BeamWithoutRequest,
        // of a button that is let go the gate's clock tells the truth
        I::RequestAlwaysTold => {
            matches!(fault, Fault::RequestedEarly | Fault::TimeLimit | Fault::NoPulse | Fault::ClocksDisagree)
        }
        I::RequestFlickers => matches!(fault, Fault::RequestedEarly | Fault::BeamWithoutRequest | Fault::RateLow),
        // as above: many more readings leave no room for a status
        I::RateHigh | I::RateFast => {
            dosimetry || matches!(fault, Fault::CountsDisagree | Fault::StatusStale | Fault::BeamWithoutRequest)
        }
        I::RateLow | I::RateSlow | I::RateHalf => dosimetry || fault == Fault::CountsDisagree,
        I::OutputHigh => dosimetry,
        I::Energy | I::Applicator | I::ApplicatorUnread | I::Docking | I::Door | I::EmergencyStop => {
            group == Group::SetUp
        }
        I::ServiceMode | I::NotReady | I::ViewLost | I::Cooling | I::HighVoltage => group == Group::SetUp,
        other => dosimetry && (other.lies() != [Lie::None; 2] || !matches!(group, Group::Rate)),
    }
}

/// A gate that leaks, opens or miscounts does what nobody asked, and its proof fails.
fn explains_gate(injection: Injection, fault: Fault) -> bool {
    let proof = matches!(fault, Fault::ProofFailed | Fault::GateNotTakenUp);
    match injection {
        Injection::GateClockSlow => matches!(fault, Fault::ClocksDisagree | Fault::TimeLimit) || proof,
        Injection::GateExtraPulseCount => {
            proof || matches!(fault, Fault::CountsDisagree | Fault::PulsesWhileClosed | Fault::PulseBeyondLease)
        }
        Injection::GateRestart => {
            proof
                || matches!(fault, Fault::GateRestarted | Fault::CountsDisagree | Fault::ClocksDisagree)
                || fault.group() == Group::Bus
        }
        _ => proof || matches!(fault.group(), Group::Beam | Group::Limit | Group::Chamber | Group::Rate),
    }
}
