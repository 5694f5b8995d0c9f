//! Recordings: any text is refused with the number of a line that is really none, or every line of it comes out as it
//! stands there; and what came out is judged by `replay` to the same verdict twice.

use beam_core::frame::Frame;
use beam_drivers::candump::{Line, ReadError, parse};
use beam_supervisor::replay::{ReplayError, judge};

use super::shipped::prepared;

/// Longest time between two lines of what is judged, in ns; what happens in a longer silence is tried elsewhere.
const GAP: u64 = 20_000_000;

/// Any bytes as a recording.
pub fn candump(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let written: Vec<(usize, &str)> = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).collect();
    let lines = match parse(&text) {
        Ok(lines) => lines,
        Err(ReadError::Line { number, what }) => {
            assert!(!what.is_empty());
            let refused = written.iter().find(|(index, _)| index + 1 == number).map(|(_, line)| *line);
            assert!(refused.is_some_and(|line| plain(line).is_none()), "line {number} is sound: {refused:?}");
            return;
        }
        Err(ReadError::Io(error)) => panic!("nothing was read from a file: {error}"),
    };
    assert_eq!(lines.len(), written.len(), "a line was passed over");
    for (line, (_, written)) in lines.iter().zip(&written) {
        if let Some(expected) = plain(written) {
            assert_eq!(*line, expected, "{written}");
        }
        if let Some(frame) = line.frame {
            assert!(frame.id <= 0x7FF && frame.length <= 8 && line.id == Some(frame.id), "{line:?}");
            assert!(frame.data[usize::from(frame.length)..].iter().all(|byte| *byte == 0), "{line:?}");
        }
    }
    if lines.len() <= 64 {
        replay(lines);
    }
}

/// The line as it must be read, where it is written as plainly as can be: `(1700000000.000001) can0 101#0102`.
fn plain(line: &str) -> Option<Line> {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (stamp, rest) = line.strip_prefix('(')?.split_once(") ")?;
    let (interface, frame) = rest.split_once(' ')?;
    let (seconds, micros) = stamp.split_once('.')?;
    let (id, data) = frame.split_once('#')?;
    let is_plain = (1..=10).contains(&seconds.len())
        && digits(seconds)
        && micros.len() == 6
        && digits(micros)
        && interface.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && (1..=15).contains(&interface.len())
        && id.len() == 3
        && hex(id)
        && id.as_bytes()[0] <= b'7'
        && data.len() <= 16
        && data.len() % 2 == 0
        && hex(data);
    if !is_plain {
        return None;
    }
    let mut bytes = [0; 8];
    for (place, digits) in bytes.iter_mut().zip(data.as_bytes().chunks(2)) {
        *place = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    let id = u16::from_str_radix(id, 16).ok()?;
    let frame = Frame { id, length: u8::try_from(data.len() / 2).ok()?, data: bytes };
    let nanos = (seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?) * 1000;
    Some(Line { nanos, interface: interface.to_owned(), id: Some(id), frame: Some(frame) })
}

/// Judges what was read, with its silences shortened.
fn replay(mut lines: Vec<Line>) {
    let (mut before, mut now) = (lines.first().map_or(0, |line| line.nanos), 0_u64);
    for line in &mut lines {
        let gap = line.nanos.abs_diff(before) % GAP;
        // a clock that goes back stays one that goes back
        now = if line.nanos >= before { now.saturating_add(gap) } else { now.saturating_sub(gap) };
        before = std::mem::replace(&mut line.nanos, now);
    }
    let interfaces = ["can0".to_owned(), "can1".to_owned()];
    let heard = lines.iter().filter(|line| interfaces.contains(&line.interface)).count();
    match (judge(&lines, prepared(), &interfaces), judge(&lines, prepared(), &interfaces)) {
        (Ok(verdict), Ok(again)) => {
            assert!(heard > 0 && verdict.frames <= heard);
            assert_eq!((verdict.report, verdict.log, verdict.frames), (again.report, again.log, again.frames));
        }
        (Err(ReplayError::Empty(_)), Err(ReplayError::Empty(_))) => assert_eq!(heard, 0),
        (one, other) => panic!("{one:?} and {other:?}"),
    }
}
