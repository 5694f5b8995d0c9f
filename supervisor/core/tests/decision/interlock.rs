//! The interlock guard in mid-beam: its lease, what it judges of gate and chambers together, and the rate. Interruptions and
//! silence are tried in `interlock_gate`.

use beam_core::fault::Fault;
use beam_core::machine::{Machine, Order};
use beam_core::note::{Command, FaultReport, Note, Phase};
use beam_core::requirement::Requirement;
use beam_core::units::Span;
use beam_core::wire::{GateState, Guard, NO_PULSE_LIMIT, PermitState, Reason};

use crate::kit::{NANO, PERIOD, PULSE, Rig, continuous, machine, micro_mu, ms, pc, verifies, windowed};

pub const WHO: Guard = Guard::Interlock;

pub fn delivering() -> Rig {
    Rig::delivering(WHO, &machine())
}

/// So long an order that no dose ends it.
pub fn long() -> Order {
    Order { preset: pc(i64::MAX), backup: pc(i64::MAX), time_limit: ms(u64::MAX), ..crate::kit::order() }
}

pub fn later(rig: &mut Rig, span: Span) {
    rig.now = rig.now.after(span);
    rig.tick();
}

#[test]
fn holds_the_next_pulse_until_gate_and_both_chambers_have_counted_the_last() {
    verifies(Requirement::PulseByPulse);
    let say: [fn(&mut Rig); 3] = [
        |rig| {
            rig.gate.pulses += 1;
            rig.tell_gate();
        },
        |rig| rig.count_and_tell(1, 1, PULSE[0]),
        |rig| rig.count_and_tell(2, 1, PULSE[1]),
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut rig = delivering();
        rig.run(PERIOD);
        assert_eq!((rig.permit().state, rig.permit().lease), (PermitState::Permit, 1));
        for index in order {
            assert_eq!(rig.permit().lease, 1, "{order:?}");
            say[index](&mut rig);
        }
        assert_eq!(rig.permit().lease, 2, "{order:?}");
        rig.holds();
    }
}

#[test]
fn holds_the_lease_to_the_window() {
    verifies(Requirement::PulseByPulse);
    let mut rig = Rig::delivering(WHO, &windowed(3));
    assert_eq!(rig.permit().lease, 3);
    rig.run(PERIOD);
    rig.pulse_of(PULSE);
    assert_eq!(rig.permit().lease, 4);
    assert_eq!([windowed(3).window(), windowed(1).window(), continuous().window()], [3, 1, 0]);
    assert_eq!(Rig::delivering(WHO, &windowed(u32::MAX)).permit().lease, NO_PULSE_LIMIT - 2);
    assert_eq!(Rig::delivering(WHO, &continuous()).permit().lease, NO_PULSE_LIMIT);
}

#[test]
fn trips_when_gate_and_chambers_count_differently_for_longer_than_a_period() {
    verifies(Requirement::PulseByPulse);
    let mut rig = delivering();
    rig.run(PERIOD);
    rig.gate.pulses += 1;
    rig.count(1, 1, PULSE[0]);
    rig.tell_gate();
    rig.tell_chamber(1);
    rig.run(ms(30));
    rig.holds();
    later(&mut rig, NANO);
    let report = rig.trips(Fault::CountsDisagree);
    assert_eq!((report.measured, report.limit), (1, 0));
}

#[test]
fn holds_a_gate_that_did_not_begin_at_zero_and_goes_on_after_an_interruption() {
    verifies(Requirement::PulseByPulse);
    let mut rig = Rig::armed(WHO, &machine());
    rig.gate.pulses = 5;
    rig.command(Command::TakeUp { delivery: 8 });
    rig.tell_gate();
    rig.run(ms(200));
    rig.command(Command::Arm { delivery: 9, order: long() });
    rig.command(Command::Deliver);
    rig.beam_on();
    rig.pulses(3);
    assert_eq!(rig.permit().lease, 4);
    rig.command(Command::Withhold);
    rig.gate.state = GateState::Closed;
    rig.run(ms(500));
    rig.command(Command::Deliver);
    assert_eq!(rig.permit().lease, 4, "no pulse is given away");
    rig.beam_on();
    rig.pulses(3);
    assert_eq!(rig.permit().lease, 7);
    rig.holds();
}

#[test]
fn holds_drift_while_it_is_armed_for_no_dose() {
    verifies(Requirement::ChambersAgree);
    let mut rig = Rig::armed(WHO, &machine());
    for _ in 0..3 {
        rig.count_and_tell(1, 0, 300);
        rig.count_and_tell(2, 0, -100);
    }
    rig.holds();
    rig.command(Command::Deliver);
    rig.beam_on();
    rig.run(PERIOD);
    rig.pulse_of([2000, 4000]);
    rig.holds();
    // an interruption before the first pulse keeps the gate's count at the beginning
    let mut rig = delivering();
    rig.gate.pulses += 1;
    rig.tell_gate();
    rig.command(Command::Withhold);
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.count_and_tell(2, 1, PULSE[1]);
    rig.command(Command::Deliver);
    rig.run(ms(50));
    rig.holds();
    assert_eq!(rig.permit().lease, 2);
}

#[test]
fn holds_a_pause_of_the_console_for_no_low_rate() {
    verifies(Requirement::DoseRate);
    let mut rig = Rig::delivering_for(WHO, &machine(), &long());
    pulses_every(&mut rig, PERIOD, PULSE, 12);
    rig.linac.interlocks = 0;
    rig.tell_linac();
    rig.run(ms(3000));
    rig.beam_on();
    pulses_every(&mut rig, PERIOD, PULSE, 12);
    rig.holds();
    assert_eq!(rig.warnings(), []);
}

#[test]
fn holds_chambers_that_differ_by_three_pulses() {
    verifies(Requirement::ChambersAgree);
    let mut rig = delivering();
    pulses_every(&mut rig, PERIOD, PULSE, 21);
    for _ in 0..7 {
        rig.run(PERIOD);
        rig.pulse_of([1400, PULSE[1]]);
    }
    rig.holds();
    // chambers that are apart by pulses under way are not compared
    let mut rig = Rig::delivering(WHO, &windowed(8));
    rig.run(PERIOD);
    rig.gate.pulses += 5;
    rig.tell_gate();
    rig.count_and_tell(1, 5, 5 * PULSE[0]);
    rig.holds();
}

#[test]
fn trips_over_chambers_that_differ_by_more() {
    verifies(Requirement::ChambersAgree);
    for charge in [[1400, PULSE[1]], [PULSE[0], 2800]] {
        let mut rig = delivering();
        pulses_every(&mut rig, PERIOD, PULSE, 20);
        pulses_every(&mut rig, PERIOD, charge, 7);
        rig.holds();
        rig.run(PERIOD);
        rig.pulse_of(charge);
        let report = rig.trips(Fault::ChambersDisagree);
        assert_eq!((report.measured, report.limit, report.pulses), (160_000, 150_000, 27), "after 27 pulses that hold");
    }
}

#[test]
fn trips_over_a_monitor_at_half_of_its_reading_once_that_can_be_told() {
    verifies(Requirement::ChambersAgree);
    // a pulse is 0.05 MU: two that are half of it are 0.049 MU
    for charge in [[510, PULSE[1]], [PULSE[0], 1020]] {
        let mut rig = delivering();
        pulses_every(&mut rig, PERIOD, charge, 2);
        rig.holds();
        pulses_every(&mut rig, PERIOD, charge, 1);
        assert_eq!(rig.faults().first(), Some(&Fault::ChambersDisagree), "{:?}", rig.reports());
    }
}

/// Pulses of `charge`, one every `period`.
fn pulses_every(rig: &mut Rig, period: Span, charge: [i64; 2], pulses: u32) {
    for _ in 0..pulses {
        rig.run(period);
        rig.pulse_of(charge);
    }
}

#[test]
fn holds_the_nominal_rate_for_long() {
    verifies(Requirement::DoseRate);
    let mut rig = Rig::delivering_for(WHO, &machine(), &long());
    pulses_every(&mut rig, PERIOD, PULSE, 60);
    rig.holds();
    assert_eq!(rig.warnings(), []);
}

#[test]
fn holds_charge_that_comes_before_its_pulse_to_the_rate() {
    verifies(Requirement::DoseRate);
    let mut rig = Rig::delivering_for(WHO, &machine(), &long());
    for _ in 0..30 {
        rig.run(PERIOD);
        rig.count(1, 0, 600);
        rig.count(2, 0, 1200);
        rig.run(ms(10));
        rig.pulse_of([400, 800]);
    }
    rig.holds();
    assert_eq!(rig.warnings(), [], "half of the charge is not half of the rate");
}

#[test]
fn holds_a_machine_that_waits_before_its_first_pulse() {
    verifies(Requirement::DoseRate);
    let mut rig = Rig::delivering(WHO, &Machine { no_pulse_after: ms(5000), ..machine() });
    rig.run(ms(3000));
    rig.holds();
    assert_eq!(rig.warnings(), [], "the window begins with the first pulse");
}

#[test]
fn trips_over_a_rate_of_more_than_twice_and_less_than_half() {
    verifies(Requirement::DoseRate);
    let mut rig = Rig::delivering_for(WHO, &machine(), &long());
    pulses_every(&mut rig, ms(45), PULSE, 40);
    assert_eq!(rig.faults().first(), Some(&Fault::RateHigh));
    let mut rig = Rig::delivering_for(WHO, &machine(), &long());
    pulses_every(&mut rig, ms(300), PULSE, 10);
    assert_eq!(rig.faults().first(), Some(&Fault::RateLow));
    let mut rig = Rig::delivering_for(WHO, &continuous(), &long());
    for _ in 0..30 {
        rig.run(ms(50));
        rig.count(1, 0, 150);
        rig.count(2, 0, 300);
    }
    assert_eq!(rig.faults().first(), Some(&Fault::PulseLow), "a tube's chamber is judged by stretches of beam");
}

#[test]
fn a_rate_out_of_the_ordinary_is_warned_of_once() {
    let mut rig = Rig::delivering_for(WHO, &machine(), &long());
    pulses_every(&mut rig, PERIOD, [1300, 2600], 40);
    rig.holds();
    let warnings = rig.warnings();
    assert_eq!(warnings.iter().map(|report| report.fault).collect::<Vec<_>>(), [Fault::RateHigh]);
    assert_eq!(
        warnings[0].pulses, 7,
        "eight pulses of 1.3, the first not in it, and three nominal ones are 1.21 times nominal"
    );
}

#[test]
fn the_rate_of_a_tube_is_that_of_its_charge() {
    let mut rig = Rig::delivering_for(WHO, &continuous(), &long());
    for _ in 0..300 {
        rig.run(ms(10));
        rig.count(1, 0, 100);
        rig.count(2, 0, 200);
    }
    rig.holds();
    assert_eq!(rig.warnings(), []);
    let rate = rig.notes.iter().rev().find_map(|note| match note {
        Note::Judged { dose_per_second, .. } => Some(dose_per_second.micro_mu()),
        _ => None,
    });
    assert!(rate.is_some_and(|rate| (475_000..525_000).contains(&rate)), "{rate:?}");
}

#[test]
fn only_beam_that_is_asked_for_makes_a_rate() {
    let rate_without = |change: fn(&mut Rig)| {
        let mut rig = Rig::delivering_for(WHO, &Machine { beam_hold: true, ..machine() }, &long());
        change(&mut rig);
        rig.tell_linac();
        rig.tell_gate();
        rig.pulse_of(PULSE);
        rig.run(ms(100));
        rig.pulse_of(PULSE);
        rig.forget();
        rig.run(ms(50));
        rig.let_out();
        rig.notes.iter().rev().find_map(|note| match note {
            Note::Judged { dose_per_second, requested, .. } => Some((dose_per_second.micro_mu(), *requested)),
            _ => None,
        })
    };
    assert_eq!(rate_without(|_| ()), Some((476_190, true)));
    assert_eq!(
        rate_without(|rig| rig.linac.interlocks = 0),
        Some((476_190, false)),
        "pulses tell of beam by themselves"
    );
    assert_eq!(rate_without(|rig| rig.gate.state = GateState::Closed), Some((0, true)));
}

/// The warnings at the end of a delivery of `pulses` in which monitor 1 reads 5 % more.
fn at_the_end(pulses: u32) -> Vec<FaultReport> {
    let mut rig = Rig::delivering_for(WHO, &machine(), &long());
    pulses_every(&mut rig, PERIOD, [1050, 2000], pulses);
    assert_eq!(rig.warnings(), []);
    rig.command(Command::End(Reason::DoseReached));
    rig.let_out();
    assert_eq!(rig.warnings(), [], "nothing is compared before the gate has closed");
    rig.gate.state = GateState::Latched;
    rig.tell_gate();
    rig.let_out();
    assert_eq!(rig.reports(), []);
    rig.warnings()
}

#[test]
fn holds_a_small_disagreement_at_the_end() {
    verifies(Requirement::ChambersAgree);
    assert_eq!(at_the_end(20), []);
    // a proof ends without doses, whatever was delivered before
    let mut rig = delivering();
    pulses_every(&mut rig, PERIOD, [1050, 2000], 21);
    rig.gate.state = GateState::Closed;
    rig.linac.interlocks = 0;
    rig.tell_linac();
    rig.command(Command::TakeUp { delivery: 9 });
    rig.command(Command::End(Reason::Operator));
    rig.let_out();
    assert_eq!(rig.warnings(), []);
}

#[test]
fn trips_the_next_arming_by_a_warning_of_a_larger_one() {
    verifies(Requirement::ChambersAgree);
    let warnings = at_the_end(21);
    let expected = FaultReport { pulses: 21, ..FaultReport::of(Fault::EndDisagreement) }.measured(52_500, 50_000);
    assert_eq!(warnings, [expected]);
}

#[test]
fn what_was_judged_is_told_every_status_period() {
    let mut rig = delivering();
    rig.pulses(5);
    rig.forget();
    rig.run(ms(500));
    let judged: Vec<_> = rig.notes.iter().filter(|note| matches!(note, Note::Judged { .. })).collect();
    assert_eq!(judged.len(), 10);
    let [Note::Judged { pulses: 5, lease: 6, dose_per_second, requested: true, beam_charge: None }, ..] = judged[..]
    else {
        panic!("{judged:?}")
    };
    assert!(*dose_per_second > micro_mu(400_000), "{dose_per_second:?}");
}

#[test]
fn commands_out_of_place_change_nothing() {
    // 0 is no delivery: neither is taken up, and the order that runs is judged on
    let mut rig = delivering();
    rig.pulses(3);
    rig.command(Command::TakeUp { delivery: 0 });
    rig.command(Command::Arm { delivery: 0, order: long() });
    rig.run(ms(50));
    assert_eq!((rig.permit().lease, rig.phase()), (4, Phase::Delivering));
    rig.linac.applicator = 3;
    rig.tell_linac();
    let _report = rig.trips(Fault::Applicator);
    let mut resting = Rig::new(WHO, &machine());
    resting.command(Command::Deliver);
    assert_eq!((resting.permit().state, resting.phase()), (PermitState::Withheld, Phase::Idle));
}
