//! What the gate reports and when, its clock, and its defects.

use super::*;

#[test]
fn reports_every_period_on_both_buses() {
    let mut bench = Bench::new(CONFIG);
    bench.wait(Span::from_millis(20));
    let on = |bus| bench.sent.iter().filter(move |(other, _)| *other == bus).map(|(_, frame)| frame.data[1] & 15);
    assert_eq!(on(Bus::A).collect::<Vec<u8>>(), [0, 1, 2, 3, 4]);
    assert!(on(Bus::A).eq(on(Bus::B)));
}

#[test]
fn one_bus_carries_everything_once() {
    let mut bench = Bench::open(GateConfig { single_bus: true, ..CONFIG }, 5);
    assert_eq!(bench.judged(), OPEN);
    bench.wait(Span::from_millis(20));
    assert!(bench.sent.iter().all(|(bus, _)| *bus == Bus::A));
}

#[test]
fn reports_a_change_at_once_and_restarts_the_period() {
    let mut bench = Bench::open(CONFIG, 1);
    bench.wait(Span::from_millis(3));
    bench.sent.clear();
    bench.fire();
    let said = GateStatus::decode(&bench.sent[0].1).expect("a report");
    assert_eq!((bench.sent.len(), said.pulses, said.cause), (2, 1, CloseCause::LeaseUsed));
    assert_eq!(bench.gate.next(), bench.now.after(Span::from_millis(5)));
    bench.sent.clear();
    bench.send(Guard::Dose1, PermitState::Permit, 7, 2);
    assert!(bench.sent.is_empty(), "whose lease is used up is no change that is told at once");
    bench.send(Guard::Dose2, PermitState::Permit, 7, 2);
    bench.send(Guard::Interlock, PermitState::Permit, 7, 2);
    assert_eq!(bench.sent.len(), 2);
}

#[test]
fn a_permit_on_the_other_bus_means_nothing() {
    let mut bench = Bench::open(CONFIG, 5);
    let frame = bench.frame(Guard::Dose1, PermitState::Tripped, 7, 5);
    bench.gate.receive(bench.now, Bus::B, &frame, &mut |_, _| {});
    assert_eq!(bench.judged(), OPEN);
}

#[test]
fn beam_on_time_runs_while_open_and_requested() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.wait(Span::from_millis(10));
    bench.gate.set_beam_requested(bench.now, true);
    bench.wait(Span::from_millis(12));
    bench.gate.set_beam_requested(bench.now, false);
    bench.all(PermitState::Permit, 7, 5);
    bench.wait(Span::from_millis(10));
    assert_eq!(bench.gate.beam_on, Span::from_millis(12));
    assert_eq!(bench.gate.status().beam_on_centiseconds, 1);
    bench.gate.set_beam_requested(bench.now, true);
    bench.wait(Span::from_millis(100));
    assert_eq!(bench.gate.beam_on, Span::from_nanos(27_000_001), "until the permits were stale");
}

#[test]
fn pulse_count_stops_at_its_end() {
    let mut bench = Bench::open(GateConfig { pulse_lease: false, ..CONFIG }, 5);
    bench.gate.status.pulses = PULSES_MAX;
    bench.fire();
    assert_eq!(bench.gate.status().pulses, 16_777_214);
}

#[test]
fn a_dead_stale_timer_keeps_the_gate_open() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.gate.defects_mut().stale_timer_dead.insert(Guard::Dose1);
    for _ in 0..10 {
        bench.wait(Span::from_millis(10));
        for guard in [Guard::Dose2, Guard::Time, Guard::Interlock] {
            bench.send(guard, PermitState::Permit, 7, 5);
        }
    }
    assert_eq!(bench.judged(), OPEN);
    bench.wait(Span::from_millis(30));
    assert_eq!(bench.judged(), closed(CloseCause::PermitStale, 14), "the other channels are sound");
}

#[test]
fn a_dead_lease_comparator_ignores_lease_0() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.gate.defects_mut().lease_comparator_dead.insert(Guard::Dose2);
    bench.send(Guard::Dose2, PermitState::Permit, 7, 0);
    assert_eq!(bench.judged(), OPEN);
    bench.send(Guard::Dose1, PermitState::Permit, 7, 0);
    assert_eq!(bench.judged(), (GateState::Open, CloseCause::LeaseUsed, 1));
}

#[test]
fn a_dead_state_decoder_takes_up_and_then_ignores_withheld() {
    let mut bench = Bench::new(CONFIG);
    bench.gate.defects_mut().state_decoder_dead.insert(Guard::Time);
    bench.all(PermitState::Withheld, 7, 0);
    assert_eq!((bench.judged(), bench.gate.held()), (closed(CloseCause::PermitWithheld, 11), 7));
    bench.all(PermitState::Permit, 7, 5);
    bench.send(Guard::Time, PermitState::Withheld, 7, 5);
    assert_eq!(bench.judged(), OPEN);
}

#[test]
fn a_comparator_off_by_one_lets_one_more_pass() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.gate.defects_mut().lease_off_by_one.insert(Guard::Dose1);
    bench.send(Guard::Dose1, PermitState::Permit, 7, 1);
    bench.fire();
    assert!(bench.gate.lets_pulse());
    bench.fire();
    assert!(!bench.gate.lets_pulse());
}

#[test]
fn a_slow_clock_counts_less_beam_and_reports_later() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.gate.defects_mut().clock_slow_permille = 100;
    bench.gate.set_beam_requested(bench.now, true);
    bench.wait(Span::from_millis(20));
    bench.gate.count_beam_on(bench.now);
    assert!(bench.gate.beam_on.difference(Span::from_millis(18)) < Span::from_micros(10));
    assert_eq!(bench.gate.by_own_clock(Span::from_millis(18)), Span::from_millis(20));
}

#[test]
fn a_restart_loses_the_delivery_and_the_counters() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.fire();
    bench.sent.clear();
    bench.gate.restart(bench.now, &mut |bus, frame| bench.sent.push((bus, frame)));
    assert_eq!((bench.gate.held(), bench.gate.status().pulses), (0, 0));
    assert_eq!(bench.sent.len(), 2);
    assert_eq!(bench.sent[0].1.data[1] & 15, 0);
    bench.all(PermitState::Permit, 7, 5);
    assert_eq!(bench.judged(), closed(CloseCause::DeliveryMismatch, 15));
}

#[test]
fn a_silent_bus_hears_nothing_while_the_other_does() {
    let mut bench = Bench::new(CONFIG);
    bench.gate.defects_mut().silent = [true, false];
    bench.wait(Span::from_millis(10));
    assert!(!bench.sent.is_empty());
    assert!(bench.sent.iter().all(|(bus, _)| *bus == Bus::B));
}

#[test]
fn no_frame_whatever_disturbs_the_gate() {
    let mut noise = crate::sim::noise::Noise::new(5, 0);
    let mut bench = Bench::open(CONFIG, 5);
    for _ in 0..20_000 {
        let [i0, i1, length, bus, ..] = noise.word().to_le_bytes();
        let id = if i1 & 1 == 0 { 0x11 + u16::from(i0 & 3) } else { u16::from_le_bytes([i0, i1]) };
        let frame = Frame { id, length, data: noise.word().to_le_bytes() };
        let bus = if bus & 1 == 0 { Bus::A } else { Bus::B };
        bench.now = bench.now.after(Span::from_micros(u64::from(i0)));
        bench.gate.receive(bench.now, bus, &frame, &mut |_, frame| {
            assert!(GateStatus::decode(&frame).is_ok());
        });
        assert!(!bench.gate.lets_pulse() || bench.now < Ticks::from_nanos(25_000_000));
    }
}

/// What the reports on a bus say, after each of which came with the next alive counter and a right CRC.
fn said_on(bench: &Bench, bus: Bus) -> Vec<GateStatus> {
    let mut receiver = beam_core::frame::Receiver::new();
    let of_bus = bench.sent.iter().filter(|(other, _)| *other == bus);
    of_bus
        .map(|(_, frame)| {
            assert_eq!(receiver.accept(frame), beam_core::frame::Arrival::Fresh { lost: 0 });
            GateStatus::decode(frame).expect("a report")
        })
        .collect()
}

#[test]
fn a_frozen_report_says_the_same_for_ever_in_good_frames_on_its_bus_only() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.fire();
    bench.gate.report_mut(Bus::A).frozen = Some(bench.gate.status());
    bench.sent.clear();
    bench.fire();
    bench.all(PermitState::Tripped, 7, 5);
    bench.wait(Span::from_millis(20));
    let [frozen, true_one] = [Bus::A, Bus::B].map(|bus| said_on(&bench, bus));
    assert_eq!(frozen.len(), true_one.len());
    assert!(frozen.iter().all(|said| (said.state, said.pulses) == (GateState::Open, 1)));
    assert_eq!(true_one.last().map(|said| (said.state, said.pulses)), Some((GateState::Latched, 2)));
}

#[test]
fn a_miscount_shows_on_one_bus_once_a_pulse_was_counted() {
    for (miscount, shown) in [(1, 3), (-1, 1)] {
        let mut bench = Bench::open(CONFIG, 5);
        bench.gate.report_mut(Bus::B).miscount = miscount;
        bench.sent.clear();
        bench.wait(Span::from_millis(10));
        assert!(said_on(&bench, Bus::B).iter().all(|said| said.pulses == 0));
        bench.fire();
        bench.fire();
        let last = [Bus::A, Bus::B].map(|bus| said_on(&bench, bus).last().map(|said| said.pulses));
        assert_eq!(last, [Some(2), Some(shown)]);
        assert_eq!(bench.gate.status().pulses, 2);
    }
}

#[test]
fn a_late_report_says_open_for_so_long_after_the_gate_closed() {
    for state in [PermitState::Tripped, PermitState::Withheld] {
        let mut bench = Bench::open(CONFIG, 5);
        bench.gate.report_mut(Bus::A).late = Span::from_millis(13);
        bench.sent.clear();
        bench.send(Guard::Dose2, state, 7, 5);
        bench.wait(Span::from_millis(12));
        assert!(said_on(&bench, Bus::A).iter().all(|said| said.state == GateState::Open));
        assert!(said_on(&bench, Bus::B).iter().all(|said| said.state != GateState::Open));
        bench.wait(Span::from_millis(6));
        let last = [Bus::A, Bus::B].map(|bus| said_on(&bench, bus).last().copied());
        assert_eq!(last[0], last[1]);
        assert!(last[0].is_some_and(|said| said.state != GateState::Open));
    }
}

#[test]
fn a_stopped_beam_on_time_stands_still_and_everything_else_goes_on() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.gate.set_beam_requested(bench.now, true);
    bench.wait(Span::from_millis(12));
    bench.gate.count_beam_on(bench.now);
    bench.gate.defects_mut().beam_on_stopped = true;
    bench.wait(Span::from_millis(12));
    assert_eq!((bench.judged(), bench.gate.beam_on), (OPEN, Span::from_millis(12)));
    bench.wait(Span::from_millis(5));
    assert_eq!(bench.judged(), closed(CloseCause::PermitStale, 15));
}

#[test]
fn a_slow_stale_timer_lets_its_channel_grow_older_and_no_other() {
    for (times, guard) in [(2, Guard::Dose2), (4, Guard::Time)] {
        let mut bench = Bench::open(CONFIG, 5);
        bench.gate.defects_mut().stale_timer_times[guard.index()] = times;
        let right = Span::from_millis(25).times(u64::from(times));
        while bench.now < Ticks::ZERO.after(right) {
            for other in Guard::ALL.into_iter().filter(|&other| other != guard) {
                bench.send(other, PermitState::Permit, 7, 5);
            }
            bench.wait(Span::from_millis(5));
        }
        assert_eq!(bench.judged(), OPEN, "{guard:?}");
        bench.wait(Span::from_millis(1));
        assert_eq!(bench.judged(), closed(CloseCause::PermitStale, guard.bit()));
        bench.wait(Span::from_millis(30));
        assert_eq!(bench.judged(), closed(CloseCause::PermitStale, 15), "the other channels are sound");
    }
}

#[test]
fn a_dead_trip_latch_closes_and_does_not_latch_on_its_channel_only() {
    for guard in Guard::ALL {
        let mut bench = Bench::open(CONFIG, 5);
        bench.gate.defects_mut().trip_latch_dead.insert(guard);
        bench.send(guard, PermitState::Tripped, 7, 5);
        assert_eq!(bench.judged(), closed(CloseCause::PermitWithheld, guard.bit()));
        let other = if guard == Guard::Time { Guard::Dose1 } else { Guard::Time };
        bench.send(other, PermitState::Tripped, 7, 5);
        assert_eq!(bench.judged(), (GateState::Latched, CloseCause::PermitTripped, other.bit()));
    }
}
