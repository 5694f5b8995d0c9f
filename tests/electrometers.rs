//! Electrometers that do not speak the bus contract: what the guards read from their frames is what their DBC file means,
//! bit for bit; counters are unwrapped by their declared width; a delivery with such electrometers lands where it should,
//! and what they can be wrong in ends it; and a table that cannot be read safely is refused in words.

use beam_core::extraction::{Counting, Electrometer};
use beam_core::fault::Fault as F;
use beam_core::frame::{Bus, Frame};
use beam_core::machine::Protection;
use beam_core::reading::{Progress, Source};
use beam_core::requirement::Requirement;
use beam_core::units::Charge;
use beam_core::wire::{IDENTIFIERS, MON1_DOSE, MON2_DOSE};
use beam_drivers::sim::{Injection as I, Noise};
use beam_supervisor::config::{Surroundings, parse_electrometer, shipped};
use beam_supervisor::prepared::Prepared;
use beam_supervisor::wiring::hears;
use beam_tests::{Outcome, Trial, deliver, in_parallel, verifies};

const AROUND: Surroundings = Surroundings {
    monitor: 1,
    pulse_rate_hz: Some(10.0),
    dose_period_ms: 10.0,
    period_scale: 1,
    full_scale_pc: 100.0,
    pc_per_mu: 20_000.0,
    weakest_pc: f64::INFINITY,
};

/// A DBC file with one message of one signal more than `charge`.
fn dbc(length: u8, charge: &str) -> String {
    format!("VERSION \"\"\n\nBS_:\n\nBU_: E\n\nBO_ 800 READING: {length} E\n SG_ Charge : {charge} E\n")
}

fn table(more: &str) -> String {
    format!("dbc = \"it.dbc\"\nmessage = \"READING\"\ncharge = \"Charge\"\nprotection = \"none\"\n{more}")
}

fn electrometer(dbc: &str, table: &str, around: &Surroundings) -> Electrometer {
    match parse_electrometer(dbc, table, around) {
        Ok(found) => found.electrometer,
        Err(problems) => panic!("{problems:#?}\n{dbc}\n{table}"),
    }
}

/// What is wrong with a table on a file, in the order of the table.
fn complaints(dbc: &str, table: &str, around: &Surroundings) -> Vec<String> {
    let problems = parse_electrometer(dbc, table, around).expect_err(&format!("something is wrong with\n{dbc}{table}"));
    problems.into_iter().map(|problem| problem.what).collect()
}

/// The number in a signal, taken bit by bit as the DBC format defines it.
fn by_bits(data: [u8; 8], signal: &can_dbc::Signal) -> i128 {
    let bit = |place: u64| i128::from(data[(place / 8) as usize] >> (place % 8) & 1);
    let mut place = signal.start_bit;
    let mut number = 0;
    for step in 0..signal.size {
        match signal.byte_order {
            // the lowest bit first, upwards
            can_dbc::ByteOrder::LittleEndian => number += bit(signal.start_bit + step) << step,
            // the highest bit first, downwards in its byte, then on from the top of the next byte
            can_dbc::ByteOrder::BigEndian => {
                number = number * 2 + bit(place);
                place = if place.is_multiple_of(8) { place + 15 } else { place - 1 };
            }
        }
    }
    let negative = signal.value_type == can_dbc::ValueType::Signed && number >> (signal.size - 1) == 1;
    if negative { number - (1 << signal.size) } else { number }
}

/// Numbers of a run, from its seed.
struct Draw(Noise);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0.word() % end
    }

    /// A signal somewhere in a frame of `length` bytes: how it is written, and whether it is Motorola.
    fn place(&mut self, length: u64, widths: std::ops::RangeInclusive<u64>) -> String {
        let width = (widths.start() + self.below(widths.end() - widths.start() + 1)).min(length * 8);
        let first = self.below(length * 8 - width + 1);
        if self.below(2) == 0 {
            format!("{first}|{width}@1")
        } else {
            // counted from the first bit on the bus: the start bit is the highest one
            format!("{}|{width}@0", first / 8 * 8 + 7 - first % 8)
        }
    }
}

#[test]
fn holds_what_the_dbc_file_means_over_random_signals() {
    verifies(Requirement::ChamberHonest);
    let seed = 20_261_123;
    println!("seed {seed}");
    let mut draw = Draw(Noise::new(seed, 5));
    let around = Surroundings { pulse_rate_hz: None, full_scale_pc: 0.01, ..AROUND };
    for round in 0..5000 {
        let length = 1 + draw.below(8);
        let sign = ['+', '-'][draw.below(2) as usize];
        let place = draw.place(length, 4..=64);
        let text = dbc(length as u8, &format!("{place}{sign} (1,0) [0|0] \"pC\""));
        let plan = electrometer(&text, &table("counting = \"cumulative\""), &around);
        let parsed = can_dbc::Dbc::try_from(text.as_str()).expect("it is DBC");
        let signal = &parsed.messages[0].signals[0];
        let mut source = Source::new(Some(&plan.extraction));
        let mut before = None;
        for _ in 0..4 {
            let mut data = draw.0.word().to_le_bytes();
            data[length as usize..].fill(0);
            let frame = Frame { id: 800, length: length as u8, data };
            let (number, oracle) = (plan.extraction.number(plan.extraction.read(&frame).charge), by_bits(data, signal));
            assert_eq!(i128::from(number), oracle.min(i128::from(i64::MAX)), "round {round}: {text}{data:02x?}");
            let put = plan.extraction.charge.put(data, plan.extraction.read(&frame).charge);
            assert_eq!(put, data, "what is read can be written again");
            let step = source.step(&frame);
            // a signed difference modulo the width
            let wrap = 1_i128 << signal.size;
            let expected = before.map(|before: i128| (oracle - before + wrap / 2).rem_euclid(wrap) - wrap / 2);
            match (step.progress, expected) {
                (Progress::First, None) => {}
                (Progress::Further { pulses: 0, charge }, Some(expected)) => {
                    assert_eq!(i128::from(charge.picocoulombs()), expected, "round {round}: {text}");
                }
                (found, _) => panic!("round {round}: {found:?}, {text}"),
            }
            before = Some(oracle);
        }
    }
}

/// Frames of one 16-bit counter of dose in 1/64 MU, beside a counter of pulses of 16 bits.
fn dose_counter() -> Electrometer {
    let text =
        dbc(6, "0|16@1+ (0.015625,0) [0|1023.984375] \"MU\"") + " SG_ Pulses : 16|16@1+ (1,0) [0|65535] \"\" E\n";
    electrometer(&text, &table("counting = \"cumulative\"\npulses = \"Pulses\""), &AROUND)
}

fn frame(counts: u16, pulses: u16) -> Frame {
    let ([c0, c1], [p0, p1]) = (counts.to_le_bytes(), pulses.to_le_bytes());
    Frame { id: 800, length: 6, data: [c0, c1, p0, p1, 0, 0, 0, 0] }
}

#[test]
fn holds_a_sixteen_bit_dose_counter_over_its_wrap_at_1024_mu() {
    verifies(Requirement::ChamberHonest);
    let plan = dose_counter();
    let mut source = Source::new(Some(&plan.extraction));
    let (mut counts, mut collected) = (0_u64, 0);
    for pulse in 0..2000_u64 {
        // 193 counts are 3.015625 MU, so that half a pC is left over each time
        counts += 193;
        let step = source.step(&frame(counts as u16, pulse as u16));
        if let Progress::Further { charge, .. } = step.progress {
            collected += charge.picocoulombs();
        }
    }
    let exact = (counts - 193) * 625 / 2;
    assert!(counts > 65_536 * 5, "it wrapped");
    assert_eq!(collected, exact as i64);
}

#[test]
fn trips_a_counter_that_is_reset() {
    verifies(Requirement::ChamberHonest);
    let mut source = Source::new(Some(&dose_counter().extraction));
    let _ = source.step(&frame(49_530, 700));
    let Progress::Restarted { now: 0, before: 700 } = source.step(&frame(0, 0)).progress else {
        panic!("the count of pulses went back")
    };
    let mut source = Source::new(Some(&dose_counter().extraction));
    let _ = source.step(&frame(300, 700));
    let Progress::Further { pulses: 1, charge } = source.step(&frame(0, 701)).progress else { panic!("one pulse") };
    assert_eq!(charge, Charge::from_picocoulombs(-93_750), "a charge that falls is seen as one that falls");
}

/// The shipped example: monitor 1 counts all charge, Motorola, 24 bits with a sign; monitor 2 tells each pulse, Intel.
fn example() -> Trial {
    let (profile, plan) = (shipped::profile("example-electrometer"), shipped::plan("example-electrometer"));
    let (profile, plan) = (profile.expect("it is shipped"), plan.expect("it is shipped"));
    let prepared = Prepared::new(&profile, &plan).expect("it fits");
    assert!(prepared.is_unprotected && prepared.notices.iter().any(|notice| notice.contains("IC1_READING")));
    Trial { name: "example-electrometer", machine: prepared.machine, pulse: prepared.order.pulse_dose, rate_hz: 10 }
}

/// The same with the channels changed: monitor 1 is the one that tells each pulse.
fn changed() -> Trial {
    let mut trial = example();
    trial.name = "example-electrometer, changed";
    let [first, second] = &mut trial.machine.monitors;
    std::mem::swap(&mut first.electrometer, &mut second.electrometer);
    trial
}

#[test]
fn the_example_is_what_it_says() {
    let machine = example().machine;
    let [Some(first), Some(second)] = machine.monitors.map(|monitor| monitor.electrometer) else { panic!("two") };
    assert_eq!((first.id, first.length, first.extraction.charge.width(), first.extraction.signed), (784, 7, 24, true));
    assert_eq!(first.extraction.scale.numerator.get(), 10);
    assert_eq!(first.extraction.counting, Counting::Cumulative);
    assert_eq!(second.extraction.counting, Counting::PerPulse { least: 0, most: 65_533, offset: 0 });
    assert_eq!(second.extraction.named, [Some(65_535), None, None, None]);
    for electrometer in [first, second] {
        let Protection::Declared { sequence: Some(sequence), .. } = electrometer.protection else { panic!("counted") };
        assert_eq!(sequence.modulus.get(), 256);
    }
    let heard: Vec<u16> = beam_core::wire::Guard::ALL.iter().flat_map(|&who| hears(who, Bus::A, &machine)).collect();
    assert!(heard.contains(&784) && !heard.contains(&MON1_DOSE) && !heard.contains(&MON2_DOSE));
    assert!(!IDENTIFIERS.contains(&first.id));
}

#[test]
fn holds_deliveries_with_other_electrometers() {
    verifies(Requirement::PrimaryDose);
    verifies(Requirement::ChamberHonest);
    let runs: Vec<_> = [example(), changed()].into_iter().flat_map(|t| (1..=60_u64).map(move |n| (t, n))).collect();
    let complaints = in_parallel(&runs, |(trial, seed)| {
        let hundredths = u32::try_from(400 + seed * 137 % 2600).expect("small");
        let outcome = deliver(trial, &trial.order_of_hundredths(hundredths), *seed, &[]);
        let landed = trial.in_pulses(beam_supervisor::describe::mu(outcome.progress.delivered[0]));
        let off = landed - f64::from(hundredths) / 100.0;
        let sound = outcome.is_complete() && off.abs() <= 0.54 && outcome.truth.pulses_beyond_lease == 0;
        (!sound).then(|| format!("{} seed {seed}, off by {off}: {}", trial.name, outcome.summary()))
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn with(trial: &Trial, injection: I) -> Outcome {
    deliver(trial, &trial.order_of_hundredths(2000), 5, &[(injection, 8)])
}

#[test]
fn trips_whatever_such_an_electrometer_is_wrong_in() {
    verifies(Requirement::ChamberHonest);
    verifies(Requirement::BusTrusted);
    let (counts, tells) = (example(), changed());
    let table: &[(&Trial, I, &[F])] = &[
        (&counts, I::Mon1Stuck, &[F::ChargeStandsStill, F::NoSignal, F::ChambersDisagree]),
        (&counts, I::Mon1Frozen, &[F::CountsDisagree]),
        (&counts, I::Mon1Silent, &[F::DoseStale]),
        (&counts, I::Mon1Saturated, &[F::Saturated]),
        (&counts, I::Mon1Overrange, &[F::OverRange]),
        (&counts, I::Mon1High, &[F::PulseHigh]),
        (&counts, I::Mon1Falls, &[F::ChargeFalls]),
        (&counts, I::Mon1FullScale, &[F::FullScale]),
        (&counts, I::AliveJump, &[F::Alive]),
        (&counts, I::AliveStuck, &[F::DoseStale]),
        (&counts, I::ShortFrame, &[F::Length]),
        (&tells, I::Mon1Stuck, &[F::ChargeStandsStill, F::NoSignal, F::ChambersDisagree]),
        (&tells, I::Mon1Frozen, &[F::CountsDisagree]),
        (&tells, I::Mon1Silent, &[F::DoseStale]),
        (&tells, I::Mon1Saturated, &[F::Saturated]),
        (&tells, I::Mon1Low, &[F::PulseLow, F::ChambersDisagree]),
        (&tells, I::Mon1High, &[F::PulseHigh]),
        (&tells, I::Mon1FullScale, &[F::FullScale]),
        (&tells, I::AliveJump, &[F::Alive]),
        (&tells, I::AliveStuck, &[F::DoseStale]),
        (&tells, I::ShortFrame, &[F::Length]),
        // a frame that is lost may have been the one of a pulse
        (&tells, I::LostFrame, &[F::ChamberRestarted]),
    ];
    for (trial, injection, faults) in table {
        let outcome = with(trial, *injection);
        let found = outcome.fault();
        assert!(
            found.is_some_and(|found| faults.contains(&found)),
            "{} {injection:?}: {found:?}, {}",
            trial.name,
            outcome.summary()
        );
    }
}

#[test]
fn holds_a_frame_that_comes_twice_and_a_lost_one_of_a_counter() {
    verifies(Requirement::BusTrusted);
    for (trial, injection) in
        [(example(), I::DuplicateFrame), (example(), I::LostFrame), (changed(), I::DuplicateFrame)]
    {
        let outcome = with(&trial, injection);
        assert!(outcome.is_complete(), "{} {injection:?}: {}", trial.name, outcome.summary());
    }
}

/// One message in which a signal stands as it should, beside what a test adds.
const GOOD: &str = "0|32@1+ (1,0) [0|0] \"pC\" E\n SG_ Pulses : 32|16@1+ (1,0) [0|0] \"\"";

#[test]
fn trips_a_table_that_cannot_be_read_safely() {
    verifies(Requirement::ChamberHonest);
    let cumulative = "counting = \"cumulative\"\npulses = \"Pulses\"\n";
    assert!(parse_electrometer(&dbc(8, GOOD), &table(cumulative), &AROUND).is_ok());
    let with_signal = |signal: &str| dbc(8, &GOOD.replacen("0|32@1+ (1,0) [0|0] \"pC\"", signal, 1));
    let signals = [
        ("0|32@1+ (1,0) [0|0] \"V\"", "has the unit \"V\", which is no charge and no dose"),
        ("0|32@1+ (1,0) [0|0] \"\"", "has no unit, which is no charge and no dose"),
        ("0|32@1+ (0.01,0) [0|0] \"cGy\"", "is a dose in cGy, which depends on energy and applicator"),
        ("0|32@1+ (-1,0) [0|0] \"pC\"", "has the factor -1: charge would count down or not at all"),
        ("0|32@1+ (0,0) [0|0] \"pC\"", "has the factor 0: charge would count down or not at all"),
        (
            "0|32@1+ (0.3333333333333333,0) [0|0] \"pC\"",
            "has the factor 0.3333333333333333, which is no ratio of two numbers of 32 bits to a pC",
        ),
        (
            "0|32@1+ (1,0) [0|999999] \"pC\"",
            "has a range that is not that of its bits, so it is not known where it wraps",
        ),
        ("0|8@1+ (1,0) [0|0] \"pC\"", "has 8 bits: half of them are 128 pC, and 200 pC may lie between two frames"),
        ("33|16@1+ (1,0) [0|0] \"pC\"", "shares bits with the one that `charge` names"),
    ];
    for (signal, expected) in signals {
        let found = complaints(&with_signal(signal), &table(cumulative), &AROUND);
        assert!(matches!(&found[..], [one] if one.ends_with(expected)), "{signal}: {found:?}");
    }
    // a signal that the parser takes for a plain one
    let multiplexed = dbc(8, GOOD).replace("SG_ Charge :", "SG_ Charge m :");
    let found = complaints(&multiplexed, &table(cumulative), &AROUND);
    assert!(matches!(&found[..], [one] if one.ends_with("is multiplexed: it is not in every frame")), "{found:?}");
    // an identifier that the parser cuts down to sixteen bits
    let cut = dbc(8, GOOD).replace("BO_ 800", "BO_ 66336");
    let found = complaints(&cut, &table(cumulative), &AROUND);
    assert!(matches!(&found[..], [one] if one.ends_with("has an identifier of more than eleven bits")), "{found:?}");
    let broken = complaints("VERSION \"\"\nBO_ nonsense\n", &table(cumulative), &AROUND);
    assert!(matches!(&broken[..], [one] if one.starts_with("it.dbc:2: not DBC")), "{broken:?}");
}

#[test]
fn holds_another_layout_under_e2e_and_trips_its_broken_frames() {
    verifies(Requirement::BusTrusted);
    let text = dbc(8, "39|32@0- (0.1,0) [0|0] \"nC\" E\n SG_ Pulses : 16|16@1+ (1,0) [0|0] \"\"");
    let keys = table("counting = \"cumulative\"\npulses = \"Pulses\"\n").replace("\"none\"", "\"e2e\"");
    let mut trial = Trial::mobile();
    let around = Surroundings { full_scale_pc: trial.machine.monitors[0].full_scale.picocoulombs() as f64, ..AROUND };
    let plan = electrometer(&text, &keys, &around);
    assert_eq!(plan.protection, Protection::E2e);
    trial.machine.monitors[0].electrometer = Some(plan);
    assert!(!trial.machine.is_unprotected());
    let outcome = deliver(&trial, &trial.order(20), 3, &[]);
    assert!(outcome.is_complete(), "{}", outcome.summary());
    for (injection, fault) in [(I::Crc, F::Crc), (I::AliveJump, F::Alive), (I::Mon1Stuck, F::ChambersDisagree)] {
        let outcome = with(&trial, injection);
        assert_eq!(outcome.fault(), Some(fault), "{injection:?}: {}", outcome.summary());
    }
}
