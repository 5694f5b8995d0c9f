//! A DBC file as a profile uses it: one message and some of its signals, each with the line it stands in. What the parser
//! rounds, cuts off or lets pass (an identifier of more than eleven bits, a multiplexed signal without a number) is looked
//! up in the text itself.

use beam_core::extraction::{ByteOrder, Field};
use can_dbc::{
    AttributeValue, Dbc, DbcError, Message, MessageId, MultiplexIndicator, NumericValue, Signal,
    SignalExtendedValueType, ValueType,
};

use super::spelling::nearest;

/// Largest identifier of eleven bits.
const LARGEST_ID: u16 = 0x7FF;
/// Most bytes of a classic frame.
const FRAME_BYTES: u64 = 8;
/// Numbers of the attribute VFrameFormat that mean CAN FD.
const FLEXIBLE: [f64; 2] = [14.0, 15.0];

/// What is wrong with it, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// What is wrong, with the DBC file's name and line.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

fn wrong(what: impl Into<String>, fix: impl Into<String>) -> Wrong {
    Wrong { what: what.into(), fix: fix.into() }
}

/// One DBC file.
pub struct DbcFile<'t> {
    name: &'t str,
    text: &'t str,
    dbc: Dbc,
}

/// One message of it.
pub struct DbcMessage<'f> {
    file: &'f DbcFile<'f>,
    message: &'f Message,
    /// Its line, from 1.
    line: usize,
    /// The identifier of its frames.
    pub id: u16,
    /// How many bytes they have.
    pub length: u8,
}

/// One signal of it.
#[derive(Clone, Copy, Debug)]
pub struct DbcSignal<'f> {
    /// The signal as the parser gives it.
    pub signal: &'f Signal,
    /// Its place in the frame.
    pub field: Field,
    /// Its line in the file, from 1.
    pub line: usize,
}

impl DbcSignal<'_> {
    /// Whether it has a sign.
    pub fn is_signed(&self) -> bool {
        self.signal.value_type == ValueType::Signed
    }

    /// Declared smallest and largest value; none where both are 0, by which DBC files leave it open.
    pub fn range(&self) -> Option<(f64, f64)> {
        let (least, most) = (as_f64(self.signal.min), as_f64(self.signal.max));
        (least != 0.0 || most != 0.0).then_some((least, most))
    }

    /// Smallest and largest number that its bits can hold.
    pub fn numbers(&self) -> (f64, f64) {
        let half = self.half();
        if self.is_signed() { (-half, half - 1.0) } else { (0.0, 2.0 * half - 1.0) }
    }

    /// Half of the numbers that its bits can hold.
    pub fn half(&self) -> f64 {
        2.0_f64.powi(i32::try_from(self.field.width()).unwrap_or(64) - 1)
    }

    /// Whether a counter in it wraps where its bits end: its declared range is open, or as wide as its bits.
    pub fn wraps_at_its_width(&self) -> bool {
        let Signal { factor, offset, .. } = self.signal;
        let (least, most) = self.numbers();
        self.range().is_none_or(|(from, to)| {
            let slack = factor.abs() / 2.0 + 1e-9 * to.abs().max(from.abs());
            from <= least * factor + offset + slack && to >= most * factor + offset - slack
        })
    }
}

impl<'t> DbcFile<'t> {
    /// The file called `name` with the content `text`.
    ///
    /// # Errors
    /// That it is no DBC file, with its line.
    pub fn parse(name: &'t str, text: &'t str) -> Result<Self, Wrong> {
        let dbc = Dbc::try_from(text).map_err(|error| {
            let said = error.to_string();
            let line = match error {
                // it begins with an arrow, the line and the column
                DbcError::Pest(_) => said.trim_start().trim_start_matches("-->").trim_start().split(':').next(),
                _ => None,
            };
            match line.and_then(|line| line.parse::<usize>().ok()) {
                Some(line) => wrong(format!("{name}:{line}: not DBC"), "correct the line, or export the file again"),
                None => wrong(format!("{name}: not DBC: {said}"), "correct it, or export the file again"),
            }
        })?;
        Ok(Self { name, text, dbc })
    }

    /// The message called `wanted`.
    ///
    /// # Errors
    /// That there is none, more than one, or one that is no classic frame with an identifier of eleven bits.
    pub fn message(&self, wanted: &str) -> Result<DbcMessage<'_>, Wrong> {
        let name = self.name;
        let mut found = self.dbc.messages.iter().filter(|message| message.name == wanted);
        let Some(message) = found.next() else {
            let names: Vec<&str> = self.dbc.messages.iter().map(|message| message.name.as_str()).collect();
            return Err(absent(name, "message", wanted, &names));
        };
        let lines = self.message_lines(wanted);
        let line = lines.first().map_or(0, |&(line, _)| line);
        let at = format!("{name}:{line}: message `{wanted}`");
        let refuse = |what: &str, fix: &str| Err(wrong(format!("{at} {what}"), fix));
        let same_id = self.dbc.messages.iter().filter(|other| other.id == message.id).count();
        if found.next().is_some() || same_id > 1 {
            return refuse("stands there twice, by its name or its identifier", "remove one of the two");
        }
        let MessageId::Standard(id) = message.id else {
            return refuse("has an identifier of 29 bits", "give it one of eleven bits, 0 to 2047");
        };
        if lines.is_empty() {
            return refuse("was not found in a line of its own", "write each `BO_ 784 NAME: 8 SENDER` in one line");
        }
        if id > LARGEST_ID || lines.iter().any(|&(_, written)| written != Some(u64::from(id))) {
            return refuse("has an identifier of more than eleven bits", "give it one of eleven bits, 0 to 2047");
        }
        if message.size > FRAME_BYTES || self.is_flexible(message.id) {
            return refuse("is a CAN FD frame", "use one of 8 bytes or fewer; the buses here are classic CAN");
        }
        let Ok(length) = u8::try_from(message.size) else { return refuse("has no length", "give it 1 to 8 bytes") };
        Ok(DbcMessage { file: self, message, line, id, length })
    }

    /// The lines that begin a message of this name, with the identifier that is written there.
    fn message_lines(&self, wanted: &str) -> Vec<(usize, Option<u64>)> {
        let lines = self.text.lines().enumerate().filter_map(|(line, text)| {
            let (id, rest) = text.trim_start().strip_prefix("BO_")?.trim_start().split_once([' ', '\t'])?;
            let (name, _) = rest.split_once(':')?;
            (name.trim() == wanted).then(|| (line + 1, id.parse().ok()))
        });
        lines.collect()
    }

    fn is_flexible(&self, id: MessageId) -> bool {
        match self.dbc.resolved_message_attribute(id, "VFrameFormat") {
            Some(AttributeValue::String(format)) => format.ends_with("_FD"),
            Some(value) => FLEXIBLE.contains(&attribute(value)),
            None => false,
        }
    }
}

impl<'f> DbcMessage<'f> {
    /// How often it is sent by its attribute GenMsgCycleTime, in ms; none where that is not said.
    pub fn cycle_ms(&self) -> Option<f64> {
        let value = self.file.dbc.resolved_message_attribute(self.message.id, "GenMsgCycleTime")?;
        Some(attribute(value)).filter(|&cycle| cycle > 0.0)
    }

    /// Where it stands, and its name, for the beginning of a sentence.
    pub fn at(&self) -> String {
        format!("{}:{}: message `{}`", self.file.name, self.line, self.message.name)
    }

    /// Where a signal stands, and its name, for the beginning of a sentence.
    pub fn place_of(&self, signal: &DbcSignal<'_>) -> String {
        format!("{}:{}: signal `{}`", self.file.name, signal.line, signal.signal.name)
    }

    /// The signal called `wanted`: whole numbers, in every frame, inside it.
    ///
    /// # Errors
    /// That there is none, more than one, or one that is not so.
    pub fn signal(&self, wanted: &str) -> Result<DbcSignal<'f>, Wrong> {
        let name = self.file.name;
        let mut found = self.message.signals.iter().filter(|signal| signal.name == wanted);
        let Some(signal) = found.next() else {
            let names: Vec<&str> = self.message.signals.iter().map(|signal| signal.name.as_str()).collect();
            return Err(absent(name, "signal", wanted, &names));
        };
        let lines = self.signal_lines(wanted);
        let line = lines.first().map_or(self.line, |&(line, _)| line);
        let at = format!("{name}:{line}: signal `{wanted}`");
        let refuse = |what: &str, fix: &str| Err(wrong(format!("{at} {what}"), fix));
        if found.next().is_some() {
            return refuse("stands there twice", "remove one of the two");
        }
        let is_plain = signal.multiplexer_indicator == MultiplexIndicator::Plain;
        if !is_plain || lines.is_empty() || lines.iter().any(|&(_, is_bare)| !is_bare) {
            return refuse("is multiplexed: it is not in every frame", "name a signal that is in every frame");
        }
        let kind = self.file.dbc.extended_value_type_for_signal(self.message.id, wanted);
        if kind.is_some_and(|kind| *kind != SignalExtendedValueType::SignedOrUnsignedInteger) {
            return refuse(
                "is a floating point number (SIG_VALTYPE_)",
                "name a signal that is a whole number: no float decides about a beam",
            );
        }
        if signal.size == 0 || signal.size > 64 {
            return refuse(&format!("is {} bits wide", signal.size), "name a signal of 1 to 64 bits");
        }
        let order = match signal.byte_order {
            can_dbc::ByteOrder::LittleEndian => ByteOrder::Intel,
            can_dbc::ByteOrder::BigEndian => ByteOrder::Motorola,
        };
        let Some(field) = Field::new(order, signal.start_bit, signal.size, self.length) else {
            let bits = format!("of {} bits at {} leaves the {} bytes", signal.size, signal.start_bit, self.length);
            return refuse(&format!("{bits} of its frame"), "correct its start bit, its width or the frame's length");
        };
        Ok(DbcSignal { signal, field, line })
    }

    /// The numbers of a signal that VAL_ gives a name to.
    pub fn named_numbers(&self, signal: &DbcSignal<'_>) -> Vec<i64> {
        let named = self.file.dbc.value_descriptions_for_signal(self.message.id, &signal.signal.name);
        named.unwrap_or_default().iter().map(|value| value.id).collect()
    }

    /// The lines of this message that hold a signal of this name, and whether its name is followed by a colon at once.
    fn signal_lines(&self, wanted: &str) -> Vec<(usize, bool)> {
        let lines = self.file.text.lines().enumerate().skip(self.line);
        let inside = lines.take_while(|(_, text)| !text.trim_start().starts_with("BO_"));
        let found = inside.filter_map(|(line, text)| {
            let (head, _) = text.trim_start().strip_prefix("SG_")?.split_once(':')?;
            let mut words = head.split_whitespace();
            (words.next() == Some(wanted)).then(|| (line + 1, words.next().is_none()))
        });
        found.collect()
    }
}

fn absent(file: &str, kind: &str, wanted: &str, names: &[&str]) -> Wrong {
    let guess = nearest(wanted, names).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let fix = match names {
        [] => format!("choose a file that holds the electrometer's {kind}s"),
        _ => format!("write one of its {kind}s: {}", names.join(", ")),
    };
    wrong(format!("{file} holds no {kind} `{wanted}`{guess}"), fix)
}

fn as_f64(value: NumericValue) -> f64 {
    match value {
        NumericValue::Uint(value) => value as f64,
        NumericValue::Int(value) => value as f64,
        NumericValue::Double(value) => value,
    }
}

fn attribute(value: &AttributeValue) -> f64 {
    match value {
        AttributeValue::Uint(value) => *value as f64,
        AttributeValue::Int(value) => *value as f64,
        AttributeValue::Double(value) => *value,
        AttributeValue::String(_) => f64::NAN,
    }
}
