//! Recordings of a bus as `candump -L` writes them, read with the parser of the `socketcan` crate.

use std::fs;
use std::io;
use std::path::Path;

use beam_core::frame::Frame;
use socketcan::dump::{CanDumpRecord, Reader};
use socketcan::{CanAnyFrame, EmbeddedFrame, Id};

/// One line of a recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// When, in nanoseconds of the recording's clock.
    pub nanos: u64,
    /// On which interface.
    pub interface: String,
    /// The identifier, where it has eleven bits.
    pub id: Option<u16>,
    /// The frame, or nothing when it is no classic data frame with an 11-bit identifier.
    pub frame: Option<Frame>,
}

/// Why a recording cannot be read.
#[derive(Debug)]
pub enum ReadError {
    /// The file cannot be read.
    Io(io::Error),
    /// A line is no candump line.
    Line {
        /// Which line, from 1.
        number: usize,
        /// What is wrong with it.
        what: String,
    },
}

/// Reads a whole recording.
///
/// # Errors
/// [`ReadError`] when the file cannot be read or a line cannot be parsed.
pub fn read(path: &Path) -> Result<Vec<Line>, ReadError> {
    parse(&fs::read_to_string(path).map_err(ReadError::Io)?)
}

/// Parses the text of a recording. Empty lines are passed over.
///
/// # Errors
/// [`ReadError::Line`] for the first line that cannot be parsed.
pub fn parse(text: &str) -> Result<Vec<Line>, ReadError> {
    // candump aligns interface names with blanks, which the parser does not take
    let normal = text.lines().filter(|line| !line.trim().is_empty()).fold(
        String::with_capacity(text.len()),
        |mut normal, line| {
            for (index, word) in line.split_whitespace().enumerate() {
                normal.push_str(if index > 0 { " " } else { "" });
                normal.push_str(word);
            }
            normal.push('\n');
            normal
        },
    );
    let numbers = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let mut reader = Reader::from_reader(normal.as_bytes());
    let mut lines = Vec::with_capacity(normal.len() / 40);
    for (number, line) in numbers {
        match reader.next_record() {
            Ok(Some(record)) => lines.push(line_of(record)),
            Ok(None) => break,
            Err(error) => {
                let start: String = line.chars().take(60).collect();
                let what = format!("`{start}` is no candump line ({error})");
                return Err(ReadError::Line { number: number + 1, what });
            }
        }
    }
    Ok(lines)
}

fn line_of(record: CanDumpRecord) -> Line {
    let id = match record.frame.id() {
        Id::Standard(id) => Some(id.as_raw()),
        Id::Extended(_) => None,
    };
    let frame = match (&record.frame, id) {
        (CanAnyFrame::Normal(frame), Some(id)) => {
            let mut data = [0; 8];
            let bytes = frame.data();
            for (place, byte) in data.iter_mut().zip(bytes) {
                *place = *byte;
            }
            Some(Frame { id, length: u8::try_from(bytes.len()).unwrap_or(u8::MAX), data })
        }
        _ => None,
    };
    Line { nanos: record.t_us.saturating_mul(1000), interface: record.device, id, frame }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_frames_padded_names_and_what_is_no_classic_frame() {
        let text = "(1700000000.000001)  can0  101#E103E80315CD5B07\n\n(1700000000.000002) can1 102##1001122\n\
                    (1700000000.000003) can0 101#R\n(1700000000.000004) can0 00000101#01 R\n";
        let lines = parse(text).unwrap();
        let frame = lines[0].frame.unwrap();
        assert_eq!((frame.id, frame.length, frame.data[0], lines[0].nanos % 1_000_000), (0x101, 8, 0xE1, 1000));
        assert_eq!(
            lines[1..].iter().map(|line| (line.id, line.frame)).collect::<Vec<_>>(),
            [(Some(0x102), None), (Some(0x101), None), (None, None)]
        );
    }

    #[test]
    fn says_which_line_is_wrong() {
        let error = parse("(1700000000.000001) can0 101#00\nnonsense\n").unwrap_err();
        assert!(matches!(error, ReadError::Line { number: 2, .. }));
    }
}
