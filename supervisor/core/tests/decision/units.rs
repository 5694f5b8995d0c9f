//! Quantities: each name is its unit, sums saturate, a charge counter is read as a signed difference.

use beam_core::units::{Charge, ChargeCounter, Dose, DosePerCharge, Span, Ticks};

use crate::kit::{micro_mu, pc};

const FOREVER: Span = Span::from_nanos(u64::MAX);

#[test]
fn each_unit_of_time_is_so_many_nanoseconds() {
    assert_eq!(Ticks::from_nanos(7).nanos(), 7);
    assert_eq!(Span::from_nanos(7).nanos(), 7);
    assert_eq!(Span::from_micros(7).nanos(), 7_000);
    assert_eq!(Span::from_millis(7).nanos(), 7_000_000);
    assert_eq!(Span::from_secs(7).nanos(), 7_000_000_000);
    assert_eq!(Span::from_nanos(2_999_999).millis(), 2, "rounded down");
    assert_eq!((Ticks::ZERO.nanos(), Span::ZERO.nanos()), (0, 0));
}

#[test]
fn a_span_too_long_to_say_is_the_longest_there_is() {
    for too_long in [Span::from_micros(u64::MAX), Span::from_millis(u64::MAX), Span::from_secs(u64::MAX)] {
        assert_eq!(too_long, FOREVER);
    }
    assert_eq!(FOREVER.plus(Span::from_nanos(1)), FOREVER);
    assert_eq!(FOREVER.times(2), FOREVER);
    assert_eq!(Ticks::from_nanos(u64::MAX).after(Span::from_nanos(1)), Ticks::from_nanos(u64::MAX));
    assert_eq!(Span::from_secs(5).over(0), FOREVER);
}

#[test]
fn moments_and_spans_add_up() {
    let (soon, late) = (Ticks::from_nanos(30), Ticks::from_nanos(50));
    assert_eq!(late.since(soon), Span::from_nanos(20));
    assert_eq!(soon.since(late), Span::ZERO, "never below zero");
    assert_eq!(soon.after(Span::from_nanos(20)), late);
    assert_eq!((soon.earlier(late), late.earlier(soon)), (soon, soon));
    let (short, long) = (Span::from_nanos(30), Span::from_nanos(50));
    assert_eq!(short.plus(long), Span::from_nanos(80));
    assert_eq!(short.times(3), Span::from_nanos(90));
    assert_eq!(long.over(3), Span::from_nanos(16), "rounded down");
    assert_eq!((short.longer(long), long.longer(short)), (long, long));
    assert_eq!((short.shorter(long), long.shorter(short)), (short, short));
    assert_eq!((short.difference(long), long.difference(short)), (Span::from_nanos(20), Span::from_nanos(20)));
}

#[test]
fn charges_add_up_and_saturate() {
    assert_eq!(pc(-7).picocoulombs(), -7);
    assert_eq!(Charge::ZERO.picocoulombs(), 0);
    assert_eq!(pc(30).plus(pc(-50)), pc(-20));
    assert_eq!(pc(30).minus(pc(50)), pc(-20));
    assert_eq!(pc(-30).times(3), pc(-90));
    assert_eq!((pc(1099).percent(10), pc(-1099).percent(10)), (pc(109), pc(-109)), "rounded towards zero");
    assert_eq!((pc(-30).size(), pc(30).size()), (pc(30), pc(30)));
    let (least, most) = (pc(i64::MIN), pc(i64::MAX));
    assert_eq!((most.plus(pc(1)), least.minus(pc(1))), (most, least));
    assert_eq!((most.times(2), least.times(2), least.size()), (most, least, most));
    assert_eq!(most.percent(200), pc(i64::MAX / 100));
}

#[test]
fn doses_add_up_and_saturate() {
    assert_eq!(micro_mu(-7).micro_mu(), -7);
    assert_eq!(Dose::ZERO.micro_mu(), 0);
    assert_eq!(micro_mu(30).plus(micro_mu(-50)), micro_mu(-20));
    assert_eq!(micro_mu(30).minus(micro_mu(50)), micro_mu(-20));
    assert_eq!(micro_mu(-30).times(3), micro_mu(-90));
    assert_eq!((micro_mu(1099).percent(10), micro_mu(-1099).percent(10)), (micro_mu(109), micro_mu(-109)));
    assert_eq!((micro_mu(-30).size(), micro_mu(30).size()), (micro_mu(30), micro_mu(30)));
    let (small, large) = (micro_mu(-9), micro_mu(4));
    assert_eq!((small.smaller(large), large.smaller(small)), (small, small));
    assert_eq!((small.larger(large), large.larger(small)), (large, large));
    let (least, most) = (micro_mu(i64::MIN), micro_mu(i64::MAX));
    assert_eq!((most.plus(large), least.minus(large)), (most, least));
    assert_eq!((most.times(2), least.times(2), least.size()), (most, least, most));
    assert_eq!(most.percent(200), micro_mu(i64::MAX / 100));
}

#[test]
fn a_counter_is_read_across_its_wrap_and_below_zero() {
    let counter = ChargeCounter::from_raw;
    assert_eq!(counter(7).raw(), 7);
    assert_eq!(counter(5).since(counter(u32::MAX - 4)), pc(10));
    assert_eq!(counter(u32::MAX).since(counter(0)), pc(-1));
    assert_eq!(counter(i32::MAX as u32).since(counter(0)), pc(i64::from(i32::MAX)));
    assert_eq!(counter(1 << 31).since(counter(0)), pc(i64::from(i32::MIN)));
}

#[test]
fn a_calibration_turns_charge_into_dose_and_saturates() {
    let calibration = DosePerCharge::from_fixed(50 << 20);
    assert_eq!(calibration.fixed(), 50 << 20);
    assert_eq!(calibration.dose(pc(20_000)), micro_mu(1_000_000));
    assert_eq!(calibration.dose(pc(-1)), micro_mu(-50));
    assert_eq!(calibration.dose(pc(i64::MAX)), micro_mu(i64::MAX));
    assert_eq!(calibration.dose(pc(i64::MIN)), micro_mu(i64::MIN));
    // half a micro-MU a pC, rounded towards minus infinity
    let half = DosePerCharge::from_fixed(1 << 19);
    assert_eq!((half.dose(pc(3)), half.dose(pc(-3))), (micro_mu(1), micro_mu(-2)));
    // one to one: the ends of the range are reached and not left
    let one = DosePerCharge::from_fixed(1 << 20);
    for end in [i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1] {
        assert_eq!(one.dose(pc(end)), micro_mu(end));
    }
    let double = DosePerCharge::from_fixed(1 << 21);
    assert_eq!((double.dose(pc(i64::MAX)), double.dose(pc(i64::MIN))), (micro_mu(i64::MAX), micro_mu(i64::MIN)));
}
