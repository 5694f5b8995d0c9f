//! The frame of an electrometer that does not speak the bus contract, read by bit position as its DBC file places the signals:
//! only what says that pulses came, and which frame it is.

/// A signal of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Signal {
    /// First bit as a DBC file counts it: the lowest bit of an Intel signal, the highest of a Motorola one.
    start: u32,
    width: u32,
    is_intel: bool,
}

/// How a frame says that pulses came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pulses {
    /// It counts them.
    Count(Signal),
    /// It marks the first frame after each.
    Mark(Signal),
}

/// The frame of a foreign electrometer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Foreign {
    /// Its identifier.
    pub id: u16,
    /// Its bytes.
    pub length: u8,
    pulses: Pulses,
}

impl Signal {
    const fn of(self, data: [u8; 8]) -> u64 {
        let mask = u64::MAX >> (64 - self.width);
        if self.is_intel {
            (u64::from_le_bytes(data) >> self.start) & mask
        } else {
            let from_top = self.start / 8 * 8 + 7 - self.start % 8;
            (u64::from_be_bytes(data) >> (64 - from_top - self.width)) & mask
        }
    }

    /// Reads `7|24@0-`.
    fn parse(place: &str) -> Option<Self> {
        let (start, rest) = place.split_once('|')?;
        let (width, order) = rest.split_once('@')?;
        Some(Self { start: start.parse().ok()?, width: width.parse().ok()?, is_intel: order.starts_with('1') })
    }
}

impl Foreign {
    /// The message `name` of the DBC file `text`; `counter` and `mark` are its signals of pulses, where it has them.
    #[must_use]
    pub fn read(text: &str, name: &str, counter: Option<&str>, mark: Option<&str>) -> Option<Self> {
        let mut lines = text.lines().skip_while(|line| !is_message(line, name));
        let mut head = lines.next()?.split_whitespace().skip(1);
        let id = head.next()?.parse().ok()?;
        let length = head.nth(1)?.parse().ok()?;
        let signals: Vec<&str> = lines.take_while(|line| line.trim_start().starts_with("SG_")).collect();
        let find = |wanted: &str| {
            let line = signals.iter().find(|line| line.split_whitespace().nth(1) == Some(wanted))?;
            Signal::parse(line.split_whitespace().nth(3)?)
        };
        let pulses = match (counter, mark) {
            (Some(counter), _) => Pulses::Count(find(counter)?),
            (None, Some(mark)) => Pulses::Mark(find(mark)?),
            (None, None) => return None,
        };
        Some(Self { id, length, pulses })
    }

    /// How many pulses came between two frames that follow one another, from 0 to half of what the counter holds; a mark says
    /// one.
    #[must_use]
    pub fn pulses_between(&self, before: [u8; 8], now: [u8; 8]) -> u64 {
        match self.pulses {
            Pulses::Count(signal) => {
                let whole = 1_u64 << signal.width;
                let step = (signal.of(now) + whole - signal.of(before)) % whole;
                if step < whole / 2 { step } else { 0 }
            }
            Pulses::Mark(signal) => signal.of(now),
        }
    }
}

fn is_message(line: &str, name: &str) -> bool {
    line.starts_with("BO_ ") && line.split_whitespace().nth(2).is_some_and(|word| word.trim_end_matches(':') == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "BO_ 784 A: 7 X\n SG_ Charge : 7|24@0- (0.01,0) [0|1] \"nC\" Y\n SG_ Count : 24|16@1+ (1,0) [0|65535] \"\" Y\n\
                        \nBO_ 785 B: 6 X\n SG_ New : 16|1@1+ (1,0) [0|1] \"\" Y\n";

    #[test]
    fn reads_counters_and_marks_by_bit_position() {
        let counts = Foreign::read(TEXT, "A", Some("Count"), None).expect("a message");
        assert_eq!((counts.id, counts.length), (784, 7));
        assert_eq!(counts.pulses_between([0, 0, 0, 0xFF, 0xFF, 0, 0, 0], [0, 0, 0, 2, 0, 9, 0, 0]), 3);
        assert_eq!(counts.pulses_between([0, 0, 0, 2, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0]), 0);
        let marks = Foreign::read(TEXT, "B", None, Some("New")).expect("a message");
        assert_eq!(marks.pulses_between([0; 8], [0, 0, 1, 0, 0, 0, 0, 0]), 1);
        assert_eq!(Foreign::read(TEXT, "C", None, Some("New")), None);
    }

    #[test]
    fn reads_motorola_signals_from_their_highest_bit() {
        let signal = Signal::parse("7|24@0-").expect("a place");
        assert_eq!(signal.of([0x12, 0x34, 0x56, 0xFF, 0, 0, 0, 0]), 0x12_3456);
    }
}
