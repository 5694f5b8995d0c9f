//! The catalogue: who may clear what, what may be resumed, and sets of faults.

use beam_core::clearance::{Clearance, Moment, Role};
use beam_core::fault::{Fault, FaultSet, Group};
use beam_core::requirement::Requirement;

use crate::kit::verifies;

/// What the physicist clears, though it does not speak of the dose itself.
const OF_THE_PHYSICIST: [Fault; 3] = [Fault::OutputCheckDue, Fault::FaultRepeated, Fault::TemperaturePressure];

#[test]
fn trips_to_the_physicist_with_what_speaks_of_the_dose() {
    verifies(Requirement::Latched);
    for &fault in Fault::ALL.iter().filter(|fault| fault.group() < Group::Bus) {
        let acknowledged_only = fault == Fault::EndDisagreement;
        assert!(fault.group().is_dosimetry() && !fault.may_resume(), "{}", fault.code());
        assert_eq!(fault.clearance() == Clearance::Anybody, acknowledged_only, "{}", fault.code());
        assert!(Role::Physicist.may_clear(fault));
        assert_eq!([Role::Operator, Role::Service].map(|role| role.may_clear(fault)), [acknowledged_only; 2]);
    }
}

#[test]
fn holds_the_rest_for_everybody_and_for_a_resume() {
    verifies(Requirement::Latched);
    for &fault in Fault::ALL.iter().filter(|fault| fault.group() >= Group::Bus) {
        let physicist = OF_THE_PHYSICIST.contains(&fault);
        assert!(!fault.group().is_dosimetry() && fault.may_resume(), "{}", fault.code());
        assert_eq!(fault.clearance() == Clearance::Physicist, physicist, "{}", fault.code());
        assert_eq!(Role::ALL.map(|role| role.may_clear(fault)), [!physicist, true, !physicist], "{}", fault.code());
    }
}

#[test]
fn each_fault_has_its_moment() {
    let moments = [
        (Fault::EndDisagreement, Moment::AtOnce),
        (Fault::Crc, Moment::AtOnce),
        (Fault::NoPulse, Moment::CauseFound),
        (Fault::ClocksDisagree, Moment::CauseFound),
        (Fault::GuardSilent, Moment::Restart),
        (Fault::Saturated, Moment::OutputCheck),
        (Fault::OutputCheckDue, Moment::OutputCheck),
        (Fault::Door, Moment::CauseGone),
    ];
    for (index, &(fault, moment)) in moments.iter().enumerate() {
        assert_eq!(fault.cleared_when(), moment, "{}", fault.code());
        let same = |&(_, other): &(Fault, Moment)| (other == moment) == (other.name() == moment.name());
        assert!(moment.name().len() >= 3 && moments[..index].iter().all(same));
    }
}

#[test]
fn everything_has_a_name_of_its_own() {
    let groups = [
        Group::Beam,
        Group::Limit,
        Group::Chamber,
        Group::Agreement,
        Group::Rate,
        Group::Bus,
        Group::SetUp,
        Group::Ourselves,
        Group::People,
    ];
    for (index, group) in groups.iter().enumerate() {
        assert!(group.name().len() >= 3 && groups[..index].iter().all(|other| other.name() != group.name()));
    }
    assert_eq!([Clearance::Anybody, Clearance::Physicist].map(Clearance::name), ["operator", "physicist"]);
    assert_eq!(Role::ALL.map(Role::name), ["operator", "physicist", "service"]);
}

#[test]
fn a_set_holds_what_was_put_in_and_nothing_else() {
    assert!(FaultSet::EMPTY.is_empty() && FaultSet::EMPTY.gravest().is_none());
    for &fault in Fault::ALL {
        let set = FaultSet::EMPTY.with(fault);
        assert!(!set.is_empty() && set.with(fault) == set);
        assert!(Fault::ALL.iter().all(|&other| set.contains(other) == (other == fault)), "{}", fault.code());
    }
    let (one, two) = (FaultSet::EMPTY.with(Fault::Door).with(Fault::Crc), FaultSet::EMPTY.with(Fault::Crc));
    assert_eq!(one.union(two), one, "what is in both is in the union");
    let all = one.union(FaultSet::EMPTY.with(Fault::Saturated));
    assert_eq!(all.iter().collect::<Vec<_>>(), [Fault::Saturated, Fault::Crc, Fault::Door], "the gravest first");
    assert_eq!(all.gravest(), Some(Fault::Saturated));
}
