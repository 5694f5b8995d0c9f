//! A chamber's readings, what it measures, and how it can be wrong.

use beam_core::frame::{Arrival, Receiver};
use beam_core::units::ChargeCounter;
use beam_core::wire::{DoseReading, MON1_DOSE, MON1_STATUS};

use super::*;

const CONFIG: ChamberConfig = ChamberConfig {
    picocoulombs_per_mu: 20_000.3,
    gain: 1.0,
    noise: 0.0,
    leakage_picoamperes: 0.0,
    polarising_volts: 300.0,
    full_scale_picocoulombs: 400_000.0,
};
const FRAMES: ChamberFrames = ChamberFrames {
    bus: Bus::A,
    dose_id: MON1_DOSE,
    status_id: Some(MON1_STATUS),
    speaks: Speaks::Contract { picocoulombs_per_count: 1.0 },
    dose_period: Span::from_millis(10),
    status_period: Span::from_millis(50),
};

fn chamber(config: ChamberConfig) -> Chamber {
    Chamber::new(config, FRAMES, 11, 1)
}

fn readings(frames: &[Frame]) -> Vec<DoseReading> {
    frames.iter().filter(|frame| frame.id == MON1_DOSE).map(DoseReading::decode).collect()
}

/// Lets the chamber run for `span`; the frames it sends.
fn run(chamber: &mut Chamber, span: Span) -> Vec<Frame> {
    let mut sent = Vec::new();
    let until = chamber.measured_to.after(span);
    while chamber.next() <= until {
        chamber.advance(chamber.next(), &mut |_, frame| sent.push(frame));
    }
    sent
}

/// A counter as the bus contract sends it: modulo 2^32.
fn sent_counter(counter: i64) -> ChargeCounter {
    ChargeCounter::from_raw(counter as u32)
}

/// One pulse of 5 MU; charge and pulses that the readings gained, and the last reading.
fn pulse(chamber: &mut Chamber) -> (i64, u16, DoseReading) {
    let before = (chamber.counter, chamber.pulses);
    let mut sent = Vec::new();
    chamber.pulse(chamber.measured_to, 5.0, &mut |_, frame| sent.push(frame));
    let last = *readings(&sent).last().expect("a reading at once after every pulse");
    let gained = last.charge.since(sent_counter(before.0)).picocoulombs();
    (gained, last.pulses.wrapping_sub(before.1 as u16), last)
}

#[test]
fn readings_and_status_keep_their_periods() {
    let sent = run(&mut chamber(CONFIG), Span::from_secs(1));
    assert_eq!(readings(&sent).len(), 100);
    assert_eq!(sent.iter().filter(|frame| frame.id == MON1_STATUS).count(), 20);
    let mut receiver = Receiver::new();
    assert!(
        sent.iter()
            .filter(|frame| frame.id == MON1_DOSE)
            .all(|frame| receiver.accept(frame) == Arrival::Fresh { lost: 0 })
    );
}

#[test]
fn no_charge_is_lost_by_rounding() {
    let mut chamber = chamber(CONFIG);
    let start = sent_counter(chamber.counter);
    for _ in 0..1000 {
        pulse(&mut chamber);
    }
    // 1000 x 5 MU x 20 000.3 pC/MU
    let total = sent_counter(chamber.counter).since(start).picocoulombs();
    assert!((total - 100_001_500).abs() <= 1, "{total}");
}

#[test]
fn counters_start_anywhere_and_wrap() {
    let mut chamber = chamber(CONFIG);
    chamber.counter = i64::from(u32::MAX) - 10;
    chamber.pulses = u64::from(u16::MAX);
    let (gained, pulses, last) = pulse(&mut chamber);
    assert_eq!((gained, pulses, last.pulses), (100_001, 1, 0));
    let other = Chamber::new(CONFIG, FRAMES, 12, 1);
    assert_ne!(chamber.counter, other.counter);
}

#[test]
fn noise_and_gain_are_in_the_readings() {
    let mut noisy = chamber(ChamberConfig { noise: 0.01, gain: 1.02, ..CONFIG });
    let charges: Vec<i64> = (0..1000).map(|_| pulse(&mut noisy).0).collect();
    let mean = charges.iter().sum::<i64>() / 1000;
    assert!((mean - 102_000).abs() < 150, "{mean}");
    assert!(charges.iter().any(|&charge| charge != charges[0]));
}

#[test]
fn leakage_is_measured_and_reported() {
    let mut leaky = chamber(ChamberConfig { leakage_picoamperes: -120.0, ..CONFIG });
    let start = sent_counter(leaky.counter);
    let sent = run(&mut leaky, Span::from_secs(10));
    let drift = sent_counter(leaky.counter).since(start).picocoulombs();
    assert!((drift + 1200).abs() <= 2, "{drift}");
    let status = sent.iter().find(|frame| frame.id == MON1_STATUS).map(ChamberStatus::decode);
    let told = ChamberStatus { mode: ChamberMode::Ready, voltage: 15_000, leakage: -1200, faults: 0 };
    assert_eq!(status, Some(Ok(told)));
}

#[test]
fn without_pulses_the_charge_grows_with_the_beam() {
    let mut tube = chamber(CONFIG);
    let before = tube.counter;
    for _ in 0..100 {
        tube.expose(0.01);
    }
    let grown = sent_counter(tube.counter).since(sent_counter(before)).picocoulombs();
    assert!((grown - 20_000).abs() <= 1);
}

#[test]
fn each_defect_shows_in_the_readings() {
    let with = |change: fn(&mut ChamberDefects)| {
        let mut chamber = chamber(CONFIG);
        change(chamber.defects_mut());
        pulse(&mut chamber)
    };
    let (charge, pulses, _) = with(|defects| defects.charge_stuck = true);
    assert_eq!((charge, pulses), (0, 1));
    let (charge, pulses, _) = with(|defects| defects.frozen = true);
    assert_eq!((charge, pulses), (0, 0));
    assert_eq!(with(|defects| defects.response = 0.4).0, 40_000);
    assert_eq!(with(|defects| defects.full_scale = true).0, 400_000);
    let (.., reading) = with(|defects| defects.flags = dose_flag::OVERRANGE);
    assert_eq!(reading.flags, dose_flag::OVERRANGE);
    let mut saturated = chamber(CONFIG);
    saturated.saturate();
    let (charge, _, reading) = pulse(&mut saturated);
    assert_eq!((charge, reading.flags), (60_000, dose_flag::SATURATED));
    let mut high = chamber(CONFIG);
    high.defects_mut().response_once = 3.0;
    assert_eq!((pulse(&mut high).0, pulse(&mut high).0), (300_004, 100_002), "the remainder is carried");
}

#[test]
fn a_silent_chamber_sends_nothing() {
    let mut silent = chamber(CONFIG);
    silent.defects_mut().silent = true;
    assert!(run(&mut silent, Span::from_secs(1)).is_empty());
}

#[test]
fn a_fault_of_the_electronics_is_told_at_once() {
    let mut faulty = chamber(CONFIG);
    run(&mut faulty, Span::from_millis(100));
    let mut sent = Vec::new();
    faulty.tell_change(faulty.measured_to, &mut |_, frame| sent.push(frame));
    assert!(sent.is_empty());
    faulty.defects_mut().faults = 2;
    faulty.defects_mut().voltage = 0.9;
    faulty.tell_change(faulty.measured_to, &mut |_, frame| sent.push(frame));
    let told = ChamberStatus { mode: ChamberMode::Fault, voltage: 13_500, leakage: 0, faults: 2 };
    assert_eq!(ChamberStatus::decode(&sent[0]), Ok(told));
}

#[test]
fn each_spoilt_frame_is_judged_as_it_should_be() {
    let arrivals = |spoil| {
        let mut chamber = chamber(CONFIG);
        let mut receiver = Receiver::new();
        let mut arrivals = Vec::new();
        for spoil in [None, Some(spoil), None] {
            chamber.defects_mut().spoil = spoil;
            chamber.pulse(Ticks::ZERO, 5.0, &mut |_, frame| arrivals.push(receiver.accept(&frame)));
        }
        arrivals
    };
    let fresh = Arrival::Fresh { lost: 0 };
    for (spoil, fault) in [
        (Spoil::Crc, beam_core::frame::Distrust::Crc),
        (Spoil::AliveJump, beam_core::frame::Distrust::Alive),
        (Spoil::Short, beam_core::frame::Distrust::Length),
    ] {
        assert_eq!(arrivals(spoil), [fresh, Arrival::Distrusted(fault), fresh]);
    }
    assert_eq!(arrivals(Spoil::Twice), [fresh, fresh, Arrival::Repeat, fresh]);
    assert_eq!(arrivals(Spoil::Lost), [fresh, Arrival::Fresh { lost: 1 }]);
}

#[test]
fn a_stuck_alive_counter_makes_repeats() {
    let mut stuck = chamber(CONFIG);
    stuck.defects_mut().alive_stuck = true;
    let mut receiver = Receiver::new();
    let sent = run(&mut stuck, Span::from_millis(100));
    let arrivals: Vec<Arrival> =
        sent.iter().filter(|frame| frame.id == MON1_DOSE).map(|frame| receiver.accept(frame)).collect();
    assert!(arrivals[1..].iter().all(|&arrival| arrival == Arrival::Repeat));
}

#[test]
fn a_pulse_that_is_skipped_is_neither_counted_nor_told() {
    let mut chamber = chamber(CONFIG);
    let before = (chamber.counter, chamber.pulses);
    chamber.defects_mut().skips_once = true;
    chamber.pulse(Ticks::ZERO, 5.0, &mut |_, _| panic!("nothing is told"));
    assert_eq!((chamber.counter, chamber.pulses), before);
    assert_eq!(pulse(&mut chamber).1, 1, "the next one is");
}

#[test]
fn a_restart_begins_every_counter_anew_and_reports_at_once() {
    let mut chamber = chamber(CONFIG);
    run(&mut chamber, Span::from_millis(95));
    pulse(&mut chamber);
    let now = Ticks::ZERO.after(Span::from_millis(95));
    chamber.restart(now);
    assert_eq!(chamber.next(), now);
    let mut sent = Vec::new();
    chamber.advance(now, &mut |_, frame| sent.push(frame));
    let reading = readings(&sent)[0];
    assert_eq!((reading.pulses, reading.charge.raw()), (0, 0));
    assert!(sent.len() == 2 && sent.iter().all(|frame| frame.data[1] & 15 == 0));
}

#[test]
fn a_restart_from_the_upper_half_of_the_counter_reads_as_a_rise() {
    for (charge, falls) in [(3_000_000_000, false), (1_000_000_000, true)] {
        let mut chamber = chamber(CONFIG);
        chamber.start_at(7, charge);
        let before = sent_counter(chamber.counter);
        chamber.restart(Ticks::ZERO);
        let change = sent_counter(chamber.counter).since(before).picocoulombs();
        assert_eq!(change < 0, falls, "{change}");
    }
}
