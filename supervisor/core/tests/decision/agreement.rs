//! Gate and chambers: the same pulses, and the same dose.

use beam_core::agreement::{Agreement, Shown};
use beam_core::fault::Fault;
use beam_core::frame::Bus;
use beam_core::machine::Order;
use beam_core::note::FaultReport;
use beam_core::requirement::Requirement;
use beam_core::units::Ticks;

use crate::kit::{NANO, at, continuous, machine, micro_mu, order, verifies, windowed};

/// A watch at the beginning of a delivery, with `window` pulses under way.
fn watch(window: u32) -> Agreement {
    let mut agreement = Agreement::new(&windowed(window));
    agreement.begin(&order());
    agreement
}

/// The gate as bus A shows it.
const fn shown(pulses: u32, lease_used: bool) -> Shown {
    Shown { bus: Bus::A, pulses, lease_used }
}

fn numbers(report: Option<FaultReport>) -> Option<(Fault, i64, i64)> {
    report.map(|report| (report.fault, report.measured, report.limit))
}

/// What comes of counts that differ from 1 s on, at `later`.
fn since_one_second(
    mut agreement: Agreement,
    gate: u32,
    [first, second]: [u32; 2],
    later: Ticks,
) -> Option<(Fault, i64, i64)> {
    assert_eq!(agreement.counts(at(1000), shown(gate, false), [first, second, second]), None);
    numbers(agreement.counts(later, shown(gate, false), [first, second, second]))
}

const TRIPPED: Option<(Fault, i64, i64)> = Some((Fault::CountsDisagree, 1, 0));

#[test]
fn holds_counts_that_differ_for_one_pulse_period() {
    verifies(Requirement::BeamUnasked);
    for (gate, chambers) in [(5, [5, 4]), (5, [4, 5]), (4, [5, 5])] {
        assert_eq!(since_one_second(watch(1), gate, chambers, at(1030)), None);
    }
    assert_eq!(since_one_second(watch(1), 9, [5, 4], at(1030)), None, "however much they differ");
    assert_eq!(since_one_second(watch(1), 5, [5, 5], at(9000)), None);
}

#[test]
fn trips_over_counts_that_differ_for_longer() {
    verifies(Requirement::BeamUnasked);
    for (gate, chambers) in [(5, [5, 4]), (5, [4, 5]), (4, [5, 5])] {
        assert_eq!(since_one_second(watch(1), gate, chambers, at(1030).after(NANO)), TRIPPED);
    }
    let mut without_pulses = Agreement::new(&continuous());
    without_pulses.begin(&order());
    assert_eq!(since_one_second(without_pulses, 0, [1, 0], at(1030).after(NANO)), TRIPPED);
}

#[test]
fn trips_over_the_count_of_the_beams_own_charge_as_over_any_other() {
    verifies(Requirement::BeamUnasked);
    for beam in [4, 6] {
        let mut agreement = watch(1);
        assert_eq!(agreement.counts(at(1000), shown(5, false), [5, 5, beam]), None);
        assert_eq!(agreement.counts(at(1030), shown(5, false), [5, 5, beam]), None);
        assert_eq!(numbers(agreement.counts(at(1030).after(NANO), shown(5, false), [5, 5, beam])), TRIPPED);
    }
}

#[test]
fn holds_counts_that_meet_in_between() {
    verifies(Requirement::BeamUnasked);
    let mut agreement = watch(1);
    for (millis, second) in [(1000, 4), (1020, 5), (1025, 4), (1050, 4), (1055, 4)] {
        assert_eq!(agreement.counts(at(millis), shown(5, false), [5, second, second]), None, "{millis}");
    }
    assert_eq!(numbers(agreement.counts(at(1056), shown(5, false), [5, 4, 4])), TRIPPED);
    agreement.begin(&order());
    assert_eq!(agreement.counts(at(1056), shown(5, false), [5, 4, 4]), None, "a delivery begins anew");
}

#[test]
fn holds_a_window_of_pulses_under_way() {
    verifies(Requirement::PulseByPulse);
    assert_eq!(since_one_second(watch(3), 5, [3, 2], at(9000)), None);
    assert_eq!(since_one_second(watch(2), 5, [5, 3], at(9000)), None);
}

#[test]
fn trips_over_more_pulses_than_the_window_at_once() {
    verifies(Requirement::PulseByPulse);
    let report = watch(3).counts(at(1000), shown(5, false), [3, 1, 1]);
    assert_eq!(numbers(report), Some((Fault::CountsDisagree, 4, 3)));
}

#[test]
fn trips_once_the_gate_has_waited_for_a_lease_as_long() {
    verifies(Requirement::PulseByPulse);
    let mut agreement = watch(3);
    let mut differ = |millis: u64, nanos: u64, lease_used: bool| {
        let now = Ticks::from_nanos(at(millis).nanos() + nanos);
        numbers(agreement.counts(now, shown(5, lease_used), [5, 4, 4]))
    };
    assert_eq!(differ(1000, 0, false), None);
    assert_eq!(differ(2000, 0, true), None, "they differ for long, and the lease is used up just now");
    assert_eq!(differ(2030, 0, true), None);
    assert_eq!(differ(2030, 1, false), None, "it is not used up any more");
    assert_eq!(differ(2040, 0, true), None, "it is used up anew");
    assert_eq!(differ(2070, 0, true), None);
    assert_eq!(differ(2070, 1, true), TRIPPED);
}

#[test]
fn holds_counts_that_differ_only_since_just_now_though_the_lease_is_used_up() {
    verifies(Requirement::PulseByPulse);
    let mut agreement = watch(3);
    assert_eq!(agreement.counts(at(1000), shown(5, true), [5, 5, 5]), None);
    assert_eq!(agreement.counts(at(2000), shown(5, true), [5, 5, 5]), None);
    assert_eq!(agreement.counts(at(2001), shown(6, true), [5, 5, 5]), None);
    agreement.begin(&order());
    assert_eq!(agreement.counts(at(3000), shown(6, true), [5, 5, 5]), None);
    assert_eq!(agreement.counts(at(3030), shown(6, true), [5, 5, 5]), None, "a delivery begins anew");
}

fn doses(first: i64, second: i64) -> Option<(Fault, i64, i64)> {
    numbers(watch(1).doses(micro_mu(first), micro_mu(second), [40, 40]))
}

fn at_end(first: i64, second: i64) -> Option<(Fault, i64, i64)> {
    numbers(watch(1).doses_at_end(micro_mu(first), micro_mu(second)))
}

#[test]
fn holds_doses_within_three_pulses_or_five_percent() {
    verifies(Requirement::ChambersAgree);
    // three pulses are 150 000; 5 % of the larger one is more from 3 000 000 on
    assert_eq!((doses(1_000_000, 1_150_000), doses(1_150_000, 1_000_000)), (None, None));
    assert_eq!((doses(9_500_000, 10_000_000), doses(10_000_000, 9_500_000)), (None, None));
}

#[test]
fn trips_over_doses_a_hair_further_apart() {
    verifies(Requirement::ChambersAgree);
    let by_pulses = Some((Fault::ChambersDisagree, 150_001, 150_000));
    assert_eq!((doses(1_000_000, 1_150_001), doses(1_150_001, 1_000_000)), (by_pulses, by_pulses));
    let by_percent = Some((Fault::ChambersDisagree, 500_001, 500_000));
    assert_eq!((doses(9_499_999, 10_000_000), doses(10_000_000, 9_499_999)), (by_percent, by_percent));
}

#[test]
fn holds_two_pulses_more_for_each_that_one_chamber_has_not_counted_yet() {
    verifies(Requirement::ChambersAgree);
    for counts in [[5, 3], [3, 5]] {
        assert_eq!(watch(3).doses(micro_mu(1_000_000), micro_mu(1_350_000), counts), None);
    }
    assert_eq!(watch(1).doses(micro_mu(1_000_000), micro_mu(1_150_000), [21, 21]), None);
}

#[test]
fn trips_a_chamber_that_missed_counts_for_good() {
    verifies(Requirement::ChambersAgree);
    let apart = |counts, second| numbers(watch(3).doses(micro_mu(1_000_000), micro_mu(second), counts));
    for counts in [[5, 3], [3, 5]] {
        assert_eq!(apart(counts, 1_350_001), Some((Fault::ChambersDisagree, 350_001, 350_000)));
    }
    assert_eq!(apart([21, 21], 1_150_001), Some((Fault::ChambersDisagree, 150_001, 150_000)));
}

#[test]
fn holds_and_trips_at_equal_counts_of_the_first_twenty_pulses_by_half_a_pulse_or_ten_percent() {
    verifies(Requirement::ChambersAgree);
    // of a pulse in micro-MU
    let early = |pulse, first, second, pulses: u32| {
        let mut agreement = Agreement::new(&machine());
        agreement.begin(&Order { pulse_dose: micro_mu(pulse), ..order() });
        numbers(agreement.doses(micro_mu(first), micro_mu(second), [pulses; 2]))
    };
    let large = 4_000_000;
    assert_eq!(early(large, 2_000_000, large, 1), None);
    assert_eq!(early(large, 1_999_999, large, 1), Some((Fault::ChambersDisagree, 2_000_001, 2_000_000)));
    assert_eq!(early(large, 72_000_000, 80_000_000, 20), None);
    let twenty = early(large, 71_999_999, 80_000_000, 20);
    assert_eq!(twenty, Some((Fault::ChambersDisagree, 8_000_001, 8_000_000)));
    assert_eq!(early(large, 71_999_999, 80_000_000, 21), None, "three pulses are more");
    assert_eq!(early(large, 0, 12_000_000, 0), None, "before the first pulse");
    // 0.05 MU say nothing, however small the pulse
    assert_eq!(early(10_000, 10_000, 60_000, 2), None);
    assert_eq!(early(10_000, 10_000, 60_001, 2), Some((Fault::ChambersDisagree, 50_001, 50_000)));
    let at_different = watch(2).doses(micro_mu(50_000), micro_mu(100_000), [1, 2]);
    assert_eq!(at_different, None, "at equal counts only");
    let mut tube = Agreement::new(&continuous());
    tube.begin(&order());
    assert_eq!(tube.doses(micro_mu(24_999), micro_mu(50_000), [1, 1]), None, "a tube has no first pulses");
}

#[test]
fn trips_over_one_report_of_the_gate_that_stands_still_whatever_the_other_says() {
    verifies(Requirement::BeamUnasked);
    for still in [Bus::A, Bus::B] {
        let moving = if still == Bus::A { Bus::B } else { Bus::A };
        let mut agreement = watch(1);
        let mut found = None;
        for pulse in 1..10 {
            let now = at(1000 + 10 * u64::from(pulse));
            let shown = |bus, pulses| Shown { bus, pulses, lease_used: false };
            assert_eq!(agreement.counts(now, shown(moving, pulse), [pulse; 3]), None);
            found = found.or(agreement.counts(now, shown(still, 0), [pulse; 3]));
        }
        let report = found.expect("it differs for 80 ms");
        assert_eq!((report.fault, report.bus), (Fault::CountsDisagree, Some(still)));
    }
}

#[test]
fn holds_and_trips_at_the_end_by_half_a_pulse_or_two_percent_or_the_least_that_can_be_told() {
    verifies(Requirement::ChambersAgree);
    assert_eq!((at_end(1_000_000, 1_050_000), at_end(9_800_000, 10_000_000)), (None, None));
    assert_eq!(at_end(1_050_001, 1_000_000), Some((Fault::EndDisagreement, 50_001, 50_000)), "0.05 MU");
    assert_eq!(at_end(10_000_000, 9_799_999), Some((Fault::EndDisagreement, 200_001, 200_000)));
    let mut agreement = watch(1);
    agreement.begin(&Order { pulse_dose: micro_mu(1_000_000), ..order() });
    assert_eq!(agreement.doses_at_end(micro_mu(1_000_000), micro_mu(1_500_000)), None, "half a pulse");
    let report = agreement.doses_at_end(micro_mu(1_000_000), micro_mu(1_500_001));
    assert_eq!(numbers(report), Some((Fault::EndDisagreement, 500_001, 500_000)));
    let before_any = Agreement::new(&machine());
    assert!(before_any.doses(micro_mu(1), micro_mu(0), [40, 40]).is_some(), "no pulse is expected yet");
}
