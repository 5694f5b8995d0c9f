//! The catalogue: who may clear what, what may be resumed, and sets of faults.

use beam_core::clearance::Clearance;
use beam_core::fault::{Fault, FaultSet, Group};
use beam_core::requirement::Requirement;

use crate::kit::verifies;

#[test]
fn trips_to_the_physicist_with_what_speaks_of_the_dose() {
    verifies(Requirement::Latched);
    for fault in Fault::ALL.iter().filter(|fault| fault.group() < Group::Bus) {
        let acknowledged_only = *fault == Fault::EndDisagreement;
        assert!(fault.group().is_dosimetry() && !fault.may_resume(), "{}", fault.code());
        assert_eq!(fault.clearance() == Clearance::Anybody, acknowledged_only, "{}", fault.code());
    }
}

#[test]
fn holds_the_rest_for_the_operator_and_for_a_resume() {
    verifies(Requirement::Latched);
    for fault in Fault::ALL.iter().filter(|fault| fault.group() >= Group::Bus) {
        assert!(!fault.group().is_dosimetry() && fault.may_resume(), "{}", fault.code());
        let physicist = [Fault::OutputCheckDue, Fault::FaultRepeated, Fault::TemperaturePressure].contains(fault);
        assert_eq!(fault.clearance() == Clearance::Anybody, !physicist, "{}", fault.code());
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
    assert!(Clearance::Anybody.name().starts_with("operator"));
    assert!(Clearance::Physicist.name().starts_with("physicist"));
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
