//! The trial profiles, whose two monitors differ in every number: what reaches the guards is computed here by hand, the preset by
//! monitor 1's calibration and the backup by monitor 2's, so that two that are mixed up are seen.

use beam_core::extraction::Counting;
use beam_core::machine::{Monitor, Order, Protection};
use beam_core::units::{Charge, Dose, DosePerCharge, Span};
use beam_supervisor::config::{Profile, check_files, order, shipped};

use super::configs;

fn trial(name: &str) -> (Profile, Order) {
    let trials = shipped::trial_profiles();
    let (profile, plan) = trials.into_iter().find(|(profile, _)| profile.name == name).expect("it is shipped");
    let order = order(&profile, &plan).expect("it fits");
    (profile, order)
}

const fn pc(picocoulombs: i64) -> Charge {
    Charge::from_picocoulombs(picocoulombs)
}

#[test]
fn the_two_monitors_of_a_trial_differ_in_every_number() {
    let trials = shipped::trial_profiles();
    assert_eq!(trials.len(), shipped::TRIALS.len(), "every trial is good and has a plan");
    for (profile, plan) in trials {
        assert!(profile.is_bench && profile.description.starts_with("trial: "), "nobody takes it for a machine");
        let [Monitor { dose_per_charge, full_scale, voltage, voltage_tolerance, .. }, second] =
            profile.machine.monitors;
        let [first, _] = profile.machine.monitors;
        assert_ne!(dose_per_charge, second.dose_per_charge, "{}", profile.name);
        assert_ne!(full_scale, second.full_scale, "{}", profile.name);
        assert_ne!((voltage, voltage_tolerance), (second.voltage, second.voltage_tolerance), "{}", profile.name);
        assert_ne!(first.leakage_warn, second.leakage_warn, "{}", profile.name);
        assert_ne!(first.leakage_block, second.leakage_block, "{}", profile.name);
        assert_ne!(plan.monitor_units.to_bits(), plan.monitor_units_check.to_bits(), "{}", profile.name);
        assert!(shipped::profile(&profile.name).is_none(), "it is no machine that a person may choose");
    }
}

#[test]
fn the_plan_of_a_trial_passes_beside_its_profile() {
    for name in ["two-chambers.toml", "two-electrometers.toml"] {
        let files = [configs().join("trials").join(name), configs().join("trials/plans").join(name)];
        let report = check_files(&files);
        assert!(report.is_good() && report.files[1].ends.is_some(), "{report}");
    }
}

#[test]
fn two_chambers_give_the_numbers_that_are_computed_by_hand() {
    let (profile, order) = trial("trial-two-chambers");
    let [first, second] = profile.machine.monitors;
    // 10^6 micro-MU over 20000 and 13700 pC, in parts of 2^20
    assert_eq!(first.dose_per_charge, DosePerCharge::from_fixed(52_428_800));
    assert_eq!(second.dose_per_charge, DosePerCharge::from_fixed(76_538_394));
    assert_eq!((first.full_scale, second.full_scale), (pc(150_000), pc(90_000)));
    // 300 V and 2 %, 420 V and 1.5 %, in 0.02 V
    assert_eq!((first.voltage, first.voltage_tolerance), (15_000, 300));
    assert_eq!((second.voltage, second.voltage_tolerance), (21_000, 315));
    // MU/min times pC/MU over 60 s, in 0.1 pA: 666.7 and 1466.7, 342.5 and 685
    assert_eq!((first.leakage_warn, first.leakage_block), (666, 1466));
    assert_eq!((second.leakage_warn, second.leakage_block), (342, 685));
    // 200 MU on monitor 1
    assert_eq!(order.preset, pc(4_000_000));
    // 199.5 MU by the check + 1 % + 10 % are 221.445 MU on monitor 2: 3 033 796.5 pC
    assert_eq!(order.backup, pc(3_033_796));
    assert_eq!(order.expected_pulse, [pc(40_000), pc(27_400)]);
    assert_eq!(
        (order.pulse_dose, order.dose_per_second),
        (Dose::from_micro_mu(2_000_000), Dose::from_micro_mu(40_000_000))
    );
    // 5 s and 6 s more; 100 pulses, a quarter more and two
    assert_eq!((order.time_limit, order.pulse_limit), (Span::from_secs(11), 127));
}

#[test]
fn two_electrometers_give_the_numbers_that_are_computed_by_hand() {
    let (profile, order) = trial("trial-two-electrometers");
    let [first, second] = profile.machine.monitors;
    // 10^6 micro-MU over 8000 and 31250 pC: 125 and 32
    assert_eq!(first.dose_per_charge, DosePerCharge::from_fixed(125 << 20));
    assert_eq!(second.dose_per_charge, DosePerCharge::from_fixed(32 << 20));
    assert_eq!((first.full_scale, second.full_scale), (pc(60_000), pc(270_000)));
    assert_eq!((first.voltage, first.voltage_tolerance), (12_500, 125));
    assert_eq!((second.voltage, second.voltage_tolerance), (25_000, 500));
    assert_eq!((first.leakage_warn, first.leakage_block), (240, 533));
    assert_eq!((second.leakage_warn, second.leakage_block), (520, 1302));
    // 150 MU on monitor 1; 150.5 MU by the check + 1 % + 10 % are 167.055 MU on monitor 2: 5 220 468.75 pC
    assert_eq!((order.preset, order.backup), (pc(1_200_000), pc(5_220_468)));
    assert_eq!(order.expected_pulse, [pc(20_000), pc(78_125)]);
    // 6 s and 6 s more; 60 pulses, a quarter more and two
    assert_eq!((order.time_limit, order.pulse_limit), (Span::from_secs(12), 77));
    let [Some(fine), Some(coarse)] = [first.electrometer, second.electrometer] else { panic!("two electrometers") };
    let parts = |scale: beam_core::extraction::Scale| (scale.numerator.get(), scale.denominator.get());
    // 0.002 nC and 0.01 MU a count
    assert_eq!((parts(fine.extraction.scale), parts(coarse.extraction.scale)), ((2, 1), (625, 2)));
    assert_eq!((fine.id, fine.protection, fine.extraction.counting), (800, Protection::E2e, Counting::Cumulative));
    assert!(matches!(coarse.protection, Protection::Declared { length: 6, sequence: Some(_) }) && coarse.id == 801);
    assert!(matches!(coarse.extraction.counting, Counting::PerPulse { .. }) && coarse.extraction.signed);
}
