//! DBC files: any text is refused with what is wrong and how to put it right, or gives a plan by which a frame is read exactly as an oracle
//! reads it, who takes the signals from the text himself and walks a frame bit by bit; and over many frames no charge is
//! lost by rounding.

use beam_core::extraction::{Counting, Electrometer, Field, PulseSign};
use beam_core::frame::Frame;
use beam_core::machine::Protection;
use beam_core::reading::{Progress, Source, dose_flag};
use beam_supervisor::config::{Surroundings, parse_electrometer};

/// What a profile says about the electrometer. The first byte of an input chooses one.
const TABLES: [&str; 6] = [
    "dbc = \"x.dbc\"\nmessage = \"IC1_READING\"\ncharge = \"Charge\"\ncounting = \"cumulative\"\npulses = \"PulseCount\"\n\
     protection = \"none\"\nsequence = \"FrameCount\"\nsaturated = \"Saturated\"\noverrange = \"OutOfRange\"\n\
     self-test = \"SelfTest\"\nfault = \"Error\"\n",
    "dbc = \"x.dbc\"\nmessage = \"IC2_READING\"\ncharge = \"Charge\"\ncounting = \"per-pulse\"\nnew-pulse = \"NewPulse\"\n\
     protection = \"none\"\nsequence = \"FrameCount\"\nsaturated = \"Saturated\"\nvalid = \"Valid\"\n",
    "dbc = \"x.dbc\"\nmessage = \"IC1_READING\"\ncharge = \"Charge\"\ncounting = \"cumulative\"\npulses = \"PulseCount\"\n\
     protection = \"e2e\"\n",
    "dbc = \"x.dbc\"\nmessage = \"IC1_READING\"\ncharge = \"Charge\"\ncounting = \"per-pulse\"\npulses = \"PulseCount\"\n\
     protection = \"none\"\nsaturated = \"Saturated\"\n",
    "dbc = \"x.dbc\"\nmessage = \"IC1_READING\"\ncharge = \"Charge\"\ncounting = \"cumulative\"\nprotection = \"none\"\n\
     sequence = \"FrameCount\"\nsaturated = \"Saturated\"\n",
    "dbc = \"x.dbc\"\nmessage = \"IC2_READING\"\ncharge = \"Charge\"\ncounting = \"cumulative\"\npulses = \"FrameCount\"\n\
     protection = \"none\"\nvalid = \"Valid\"\n",
];
/// The table for a machine without pulses.
const CONTINUOUS: usize = 4;

/// A signal as the oracle reads it in the text.
#[derive(Clone, Copy)]
struct Written {
    start: u64,
    width: u64,
    is_intel: bool,
    is_signed: bool,
    factor: f64,
}

/// Any bytes as a table's number and a DBC file.
pub fn dbc(data: &[u8]) {
    let Some((&number, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let number = usize::from(number) % TABLES.len();
    let around = Surroundings {
        monitor: 1,
        pulse_rate_hz: (number != CONTINUOUS).then_some(10.0),
        dose_period_ms: 10.0,
        period_scale: 1,
        full_scale_pc: 250_000.0,
        pc_per_mu: 20_000.0,
        weakest_pc: 60_000.0,
    };
    let found = match parse_electrometer(&text, TABLES[number], &around) {
        Ok(found) => found,
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason: {text}");
            for problem in &problems {
                assert!(problem.line >= 1 && problem.line <= 12 && problem.column >= 1, "{problem:?}");
                assert!(!problem.what.is_empty() && !problem.fix.is_empty(), "{problem:?}");
            }
            return;
        }
    };
    let electrometer = &found.electrometer;
    assert!(electrometer.id <= 0x7FF && (1..=8).contains(&electrometer.length), "{electrometer:?}");
    let frames = frames(electrometer, &text);
    let value = |key: &str| {
        let line = TABLES[number].lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
        line.and_then(|rest| rest.strip_suffix('"'))
    };
    let message = value("message").unwrap_or_default();
    let written = |key: &str| only_signal(&text, message, value(key)?);
    reads_alike(electrometer, &frames, written);
    adds_alike(electrometer, &frames, written("charge"));
}

/// The one signal of this name in the one message of this name; nothing where the text is not written plainly.
fn only_signal(text: &str, message: &str, name: &str) -> Option<Written> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["BO_", _, named, ..] => inside = named.strip_suffix(':') == Some(message),
            ["SG_", named, ":", bits, factor, ..] if inside && *named == name => found.push(signal(bits, factor)),
            _ => {}
        }
    }
    // a name in a comment, a second message, a second signal in another spelling: whoever is in doubt compares nothing
    let messages = text.matches(message).count() <= 1 + text.matches("BA_").count();
    let signals = text.matches(&format!("SG_ {name}")).count() == 1;
    if found.len() == 1 && messages && signals { found[0] } else { None }
}

fn signal(bits: &str, factor: &str) -> Option<Written> {
    let (start, rest) = bits.split_once('|')?;
    let (width, kind) = rest.split_once('@')?;
    let (factor, _) = factor.strip_prefix('(')?.split_once(',')?;
    let (is_intel, is_signed) = match kind {
        "1+" => (true, false),
        "1-" => (true, true),
        "0+" => (false, false),
        "0-" => (false, true),
        _ => return None,
    };
    Some(Written {
        start: start.parse().ok()?,
        width: width.parse().ok()?,
        is_intel,
        is_signed,
        factor: factor.parse().ok()?,
    })
}

/// The number of a signal, one bit after the other: Intel begins with the lowest and goes up; Motorola begins with the highest, goes down
/// to bit 0 of its byte and on at bit 7 of the next.
fn number(signal: &Written, data: [u8; 8]) -> i128 {
    let bit = |at: u64| i128::from(data[usize::try_from(at / 8).expect("inside the frame")] >> (at % 8) & 1);
    let mut number = 0_i128;
    let mut at = signal.start;
    for step in 0..signal.width {
        if signal.is_intel {
            number += bit(at) << step;
            at += 1;
        } else {
            number = number * 2 + bit(at);
            at = if at.is_multiple_of(8) { at + 15 } else { at - 1 };
        }
    }
    let half = 1_i128 << (signal.width - 1);
    if signal.is_signed && number >= half { number - 2 * half } else { number }
}

/// Frames of the electrometer's own length with bytes that follow from the text.
fn frames(electrometer: &Electrometer, text: &str) -> Vec<Frame> {
    let mut state = text
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let extremes = [0, u64::MAX, 1, 1 << 63];
    let words = extremes.into_iter().chain((0..8).map(|_| draw()));
    let frames = words.map(|word| {
        let mut data = word.to_le_bytes();
        data[usize::from(electrometer.length)..].fill(0);
        Frame { id: electrometer.id, length: electrometer.length, data }
    });
    frames.collect()
}

/// Every field is what the oracle reads.
fn reads_alike(electrometer: &Electrometer, frames: &[Frame], written: impl Fn(&str) -> Option<Written>) {
    let extraction = &electrometer.extraction;
    let sequence = match electrometer.protection {
        Protection::Declared { sequence, .. } => sequence.map(|sequence| sequence.field),
        Protection::E2e | Protection::None => None,
    };
    let pulses = match extraction.pulses {
        PulseSign::Counter(field) | PulseSign::Mark(field) => Some(field),
        PulseSign::None => None,
    };
    let charge = written("charge");
    assert!(charge.is_none_or(|charge| charge.is_signed == extraction.signed));
    let fields: [(Option<Field>, Option<Written>); 3] = [
        (Some(extraction.charge), charge),
        (pulses, written("pulses").or_else(|| written("new-pulse"))),
        (sequence, written("sequence")),
    ];
    for frame in frames {
        let reading = extraction.read(frame);
        for (field, written) in fields {
            let (Some(field), Some(written)) = (field, written) else { continue };
            let unsigned = Written { is_signed: false, ..written };
            assert_eq!(i128::from(field.raw(frame.data)), number(&unsigned, frame.data), "{field:?}");
            // what is put in comes out, and nothing else moves
            let put = field.put(frame.data, u64::MAX);
            assert_eq!((field.raw(put), field.put(put, field.raw(frame.data))), (field.largest(), frame.data));
        }
        if let Some(charge) = charge {
            let expected = number(&charge, frame.data).min(i128::from(i64::MAX));
            assert_eq!(i128::from(extraction.number(reading.charge)), expected, "{:?}", frame.data);
        }
        let flags = [("saturated", 1, false), ("overrange", 2, false), ("self-test", 4, false), ("fault", 8, false)];
        for (key, flag, when_zero) in flags.into_iter().chain([("valid", 8, true)]) {
            let Some(written) = written(key) else { continue };
            let is_set = (number(&written, frame.data) == 0) == when_zero;
            let sole = extraction.flags.iter().flatten().filter(|field| field.flag == flag).count() == 1;
            assert!(!sole || (reading.flags & flag != 0) == is_set, "{key} in {:?}", frame.data);
        }
    }
}

/// Over all frames the charge is the counts between the first and the last, in whole pC, rounded once.
fn adds_alike(electrometer: &Electrometer, frames: &[Frame], charge: Option<Written>) {
    let extraction = &electrometer.extraction;
    let scale = extraction.scale;
    let (numerator, denominator) = (i128::from(scale.numerator.get()), i128::from(scale.denominator.get()));
    if let Some(charge) = charge {
        // whatever the unit is, a count is the factor times a power of ten (or the calibration) in pC
        let in_unit = numerator as f64 / denominator as f64 / charge.factor;
        let units = [1e-3, 1.0, 1e3, 1e6, 1e12, 20_000.0];
        assert!(units.iter().any(|unit| (in_unit / unit - 1.0).abs() < 1e-9), "{in_unit} pC a unit");
    }
    let mut source = Source::new(Some(extraction));
    let (mut told, mut counts, mut before, mut reads) = (0_i128, 0_i128, None::<u64>, true);
    for frame in frames {
        let raw = extraction.charge.raw(frame.data);
        let step = source.step(frame);
        let (charge, brings) = match step.progress {
            Progress::First => (0, false),
            Progress::Further { pulses, charge } => {
                (charge.picocoulombs(), pulses > 0 || extraction.counting == Counting::Cumulative)
            }
            // what a counter that began anew says, or one charge for several pulses, is no charge
            Progress::Restarted { .. } | Progress::Missed { .. } => (0, false),
        };
        // a number that is no reading is none, and nothing can be measured from it
        let is_reading = step.flags & (dose_flag::FAULT | dose_flag::SELF_TEST) == 0;
        let was_reading = std::mem::replace(&mut reads, is_reading) || extraction.counting != Counting::Cumulative;
        let brings = brings && is_reading && was_reading;
        told += i128::from(charge);
        if let (Some(before), true) = (before, brings) {
            counts += match extraction.counting {
                Counting::Cumulative => {
                    // the nearest way round the counter, half way round counting as down
                    let whole = i128::from(extraction.charge.largest()) + 1;
                    let up = (i128::from(raw) - i128::from(before)).rem_euclid(whole);
                    numerator * if up * 2 >= whole { up - whole } else { up }
                }
                Counting::PerPulse { offset, .. } => {
                    numerator * i128::from(extraction.number(raw)) + i128::from(offset)
                }
            };
        }
        before = Some(raw);
    }
    assert_eq!(told, counts.div_euclid(denominator), "{scale:?}");
}
