//! The table [monitor-n.electrometer] of a profile: a chamber whose electrometer does not speak the bus contract is read by
//! a DBC file and the names of its signals. What comes out is the flat plan in integers that the guards read it by, or
//! everything that is wrong with the table, with the file and between them. What cannot be read safely is refused.

use beam_core::extraction::{Counting, Electrometer, Extraction, FLAGS, FlagField, NAMED, PulseSign, Sequence};
use beam_core::machine::Protection;
use beam_core::wire::{IDENTIFIERS, dose_flag};

use super::counts;
use super::dbc::{DbcFile, DbcMessage, DbcSignal, Wrong};
use super::document::Document;
use super::electrometer_charge as charge;
use super::electrometer_surroundings::Surroundings;
use super::feed::Feed;
use super::problem::Problem;
use super::reader::Section;

/// An electrometer as the profile has it.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// The plan that the guards read it by.
    pub electrometer: Electrometer,
    /// The same for people and programs.
    pub feed: Feed,
    /// What is to be known about it.
    pub notices: Vec<Problem>,
}

/// Gives the text of a DBC file by the path that the profile names.
pub type Library<'l> = &'l dyn Fn(&str) -> Result<String, Wrong>;

/// The plan for an electrometer from the text of a DBC file and the text of a table [monitor-n.electrometer] without its
/// header; its `dbc` may be any name. No file is read.
///
/// # Errors
/// Everything that is wrong with the two.
pub fn parse_electrometer(dbc: &str, table: &str, around: &Surroundings) -> Result<Found, Vec<Problem>> {
    let document = Document::new("electrometer.toml", table);
    let found = document.parse().and_then(|table| {
        let section = Section::top(&document, &table);
        read(&section, &|_| Ok(dbc.to_owned()), around)
    });
    match found {
        Some(found) if document.is_clean() => Ok(found),
        _ => Err(document.into_problems()),
    }
}

/// How the table says that charge is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    Cumulative,
    PerPulse,
}

const FLAG_KEYS: [(&str, u8, bool); FLAGS] = [
    ("saturated", dose_flag::SATURATED, false),
    ("overrange", dose_flag::OVERRANGE, false),
    ("self-test", dose_flag::SELF_TEST, false),
    ("fault", dose_flag::FAULT, false),
    ("valid", dose_flag::FAULT, true),
];

/// The names that the table gives.
struct Names<'t> {
    charge: Option<&'t str>,
    pulses: Option<&'t str>,
    new_pulse: Option<&'t str>,
    sequence: Option<&'t str>,
    flags: [Option<&'t str>; FLAGS],
    counting: Option<Wanted>,
    is_protected: Option<bool>,
}

/// Reads the table; `library` gives the DBC file that it names.
pub(super) fn read(section: &Section<'_, '_>, library: Library<'_>, around: &Surroundings) -> Option<Found> {
    let path = section.text("dbc", "the path of the DBC file, from the place of this profile");
    let message = section.text("message", "the name of the message that carries the reading");
    let names = read_names(section, around);
    path.and_then(|path| {
        let text = library(path).map_err(|wrong| said(section, "dbc", wrong)).ok()?;
        let name = path.rsplit('/').next().unwrap_or(path);
        let file = DbcFile::parse(name, &text).map_err(|wrong| said(section, "dbc", wrong)).ok()?;
        let message = file.message(message?).map_err(|wrong| said(section, "message", wrong)).ok()?;
        Plan { section, around, file: name, message: &message, names: &names }.make()
    })
}

fn said(section: &Section<'_, '_>, key: &str, wrong: Wrong) {
    section.problem(key, wrong.what, wrong.fix);
}

fn read_names<'t>(section: &Section<'t, '_>, around: &Surroundings) -> Names<'t> {
    let charge = section.text("charge", "the name of the signal that carries the charge");
    let counting = section.word("counting", &[("cumulative", Wanted::Cumulative), ("per-pulse", Wanted::PerPulse)]);
    let is_protected = section.word("protection", &[("e2e", true), ("none", false)]);
    let (mut pulses, mut new_pulse) = (None, None);
    if around.pulse_rate_hz.is_some() {
        pulses = section.optional_text("pulses", "the name of the signal that counts pulses");
        new_pulse = section.optional_text("new-pulse", "the name of the signal that is not 0 where a pulse came");
    } else {
        section.without_meaning("pulses", "this machine makes no pulses");
        section.without_meaning("new-pulse", "this machine makes no pulses");
    }
    let sequence = if is_protected == Some(true) {
        section.without_meaning("sequence", "E2E has a counter of its own");
        None
    } else {
        section.optional_text("sequence", "the name of the signal that counts frames")
    };
    let flags = FLAG_KEYS.map(|(key, ..)| section.optional_text(key, "the name of the signal that is this flag"));
    Names { charge, pulses, new_pulse, sequence, flags, counting, is_protected }
}

/// A plan in the making.
struct Plan<'p> {
    section: &'p Section<'p, 'p>,
    around: &'p Surroundings,
    file: &'p str,
    message: &'p DbcMessage<'p>,
    names: &'p Names<'p>,
}

impl<'p> Plan<'p> {
    fn refuse(&self, key: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.section.problem(key, what, fix);
    }

    /// The signal that stands under `key`, where one does.
    fn signal(&self, key: &str, name: Option<&str>) -> Option<DbcSignal<'p>> {
        self.message.signal(name?).map_err(|wrong| said(self.section, key, wrong)).ok()
    }

    fn make(&self) -> Option<Found> {
        let names = self.names;
        self.judge_identifier();
        let period_ms = self.period_ms();
        let charge = self.signal("charge", names.charge);
        let pulses = self.signal("pulses", names.pulses);
        let new_pulse = self.signal("new-pulse", names.new_pulse);
        let sequence = self.signal("sequence", names.sequence);
        let flags: Vec<_> = FLAG_KEYS
            .iter()
            .zip(names.flags)
            .filter_map(|(&(key, flag, when_zero), name)| Some((key, flag, when_zero, self.signal(key, name)?)))
            .collect();
        let mut all: Vec<(&str, DbcSignal<'_>)> = Vec::new();
        let wanted = [("charge", charge), ("pulses", pulses), ("new-pulse", new_pulse), ("sequence", sequence)];
        all.extend(wanted.into_iter().filter_map(|(key, signal)| Some((key, signal?))));
        all.extend(flags.iter().map(|&(key, .., signal)| (key, signal)));
        self.judge_overlaps(&all);
        self.judge_ways();
        if let Some(signal) = &pulses {
            self.judge_pulse_counter(signal);
        }
        let sequence = sequence.and_then(|signal| self.sequence(&signal));
        let named = charge.map(|signal| self.named(&signal)).unwrap_or_default();
        let of_charge = charge
            .zip(names.counting)
            .and_then(|(signal, wanted)| charge::read(self.section, self.message, &signal, wanted, self.around));
        let (counting, scale) = of_charge?;
        let mut places = [None; FLAGS];
        for (place, &(_, flag, when_zero, signal)) in places.iter_mut().zip(&flags) {
            *place = Some(FlagField { field: signal.field, flag, when_zero });
        }
        let sign = match (pulses, new_pulse) {
            (Some(signal), _) => PulseSign::Counter(signal.field),
            (None, Some(signal)) => PulseSign::Mark(signal.field),
            (None, None) => PulseSign::None,
        };
        let charge = charge?;
        let protection = if names.is_protected? {
            Protection::E2e
        } else {
            Protection::Declared { length: self.message.length, sequence }
        };
        let electrometer = Electrometer {
            id: self.message.id,
            length: self.message.length,
            period: counts::span_of_millis(period_ms).times(u64::from(self.around.period_scale)),
            protection,
            extraction: Extraction {
                charge: charge.field,
                signed: charge.is_signed(),
                counting,
                scale,
                pulses: sign,
                flags: places,
                named,
            },
        };
        Some(self.found(electrometer))
    }

    fn judge_identifier(&self) {
        let (id, at) = (self.message.id, self.message.at());
        if IDENTIFIERS.contains(&id) {
            let what = format!("{at} has the identifier {id:#05x} of a frame of the bus contract");
            self.refuse("message", what, "give the electrometer another identifier");
        }
        if self.names.is_protected == Some(true) && self.message.length != 8 {
            let what = format!("{at} has {} bytes: E2E Profile 1 as it is read here has 8", self.message.length);
            self.refuse("protection", what, "write `protection = \"none\"`; it is then said at start and in a metric");
        }
    }

    /// How often a frame comes: as the DBC file says, at most as far apart as the profile allows.
    fn period_ms(&self) -> f64 {
        let allowed = self.around.dose_period_ms;
        let Some(cycle) = self.message.cycle_ms() else { return allowed };
        if cycle > allowed {
            let what = format!("{} is sent every {cycle} ms, and `dose-period-ms` is {allowed}", self.message.at());
            let fix = "have it sent more often, also between pulses: a silent electrometer must be found at once";
            self.refuse("message", what, fix);
        }
        cycle.clamp(1.0, allowed)
    }

    /// No two signals may share a bit, nor any signal one with the protection.
    fn judge_overlaps(&self, all: &[(&str, DbcSignal<'_>)]) {
        let bits = |signal: &DbcSignal<'_>| u64::from_le_bytes(signal.field.put([0; 8], u64::MAX));
        for (place, (key, signal)) in all.iter().enumerate() {
            let at = self.message.place_of(signal);
            if let Some((other, _)) = all.iter().take(place).find(|(_, other)| bits(other) & bits(signal) != 0) {
                let what = format!("{at} shares bits with the one that `{other}` names");
                self.refuse(key, what, "name two signals that stand beside one another");
            }
            // byte 0 and the low half of byte 1
            if self.names.is_protected == Some(true) && bits(signal) & 0x0FFF != 0 {
                let what = format!("{at} stands where E2E Profile 1 has its CRC and its counter");
                self.refuse(key, what, "write `protection = \"none\"`, if the frame carries no E2E");
            }
        }
    }

    /// Refuses what cannot be read safely, in words.
    fn judge_ways(&self) {
        let Names { counting, pulses, new_pulse, sequence, is_protected, .. } = self.names;
        let is_pulsed = self.around.pulse_rate_hz.is_some();
        let is_followed = sequence.is_some() || *is_protected != Some(false);
        match counting {
            Some(Wanted::PerPulse) if !is_pulsed => {
                let what = "`counting` = \"per-pulse\" on a machine that makes no pulses";
                self.refuse("counting", what, "write `counting = \"cumulative\"`");
            }
            Some(Wanted::PerPulse) if pulses.is_some() && new_pulse.is_some() => {
                self.refuse("new-pulse", "`pulses` and `new-pulse` both say when a pulse came", "remove `new-pulse`");
            }
            Some(Wanted::PerPulse) if pulses.is_none() && new_pulse.is_none() => {
                let what = "neither `pulses` nor `new-pulse` is there: were each frame a pulse, nothing would come \
                            between pulses, and nobody could tell a quiet electrometer from a dead one";
                let fix =
                    "add `pulses`, a counter of pulses; or `new-pulse`, a signal that is 0 in a frame without one";
                self.refuse("counting", what, fix);
            }
            Some(Wanted::PerPulse) if new_pulse.is_some() && !is_followed => {
                let what = "`new-pulse` without E2E and without `sequence`: a frame that is lost takes its pulse with it, \
                            and one that comes twice counts it twice";
                let fix = "add `sequence`, a counter of frames; or use an electrometer that counts pulses or charge";
                self.refuse("new-pulse", what, fix);
            }
            Some(Wanted::Cumulative) if new_pulse.is_some() => {
                let what =
                    "`new-pulse` beside a charge that is cumulative: a lost frame would lose a pulse, not its charge";
                self.refuse("new-pulse", what, "name a counter of pulses in `pulses` instead");
            }
            Some(Wanted::Cumulative) if is_pulsed && pulses.is_none() => {
                let what = "`pulses` is missing: each pulse is judged by itself, so each must be counted";
                self.section.missing(
                    "pulses",
                    what,
                    "add `pulses = \"...\"`, the name of the signal that counts pulses",
                );
            }
            Some(Wanted::Cumulative | Wanted::PerPulse) | None => {}
        }
    }

    /// A whole number that goes up by one: no sign, no factor, no offset.
    fn judge_plain(&self, key: &str, signal: &DbcSignal<'_>) {
        let raw = signal.signal;
        if signal.is_signed() || raw.factor != 1.0 || raw.offset != 0.0 {
            let what = format!("{} has a sign, a factor or an offset", self.message.place_of(signal));
            self.refuse(key, what, "name a counter that goes up by one: unsigned, (1,0)");
        }
    }

    fn judge_pulse_counter(&self, signal: &DbcSignal<'_>) {
        self.judge_plain("pulses", signal);
        let (at, between) = (self.message.place_of(signal), self.around.most_between());
        if signal.field.width() > 32 {
            let what = format!("{at} counts pulses in {} bits", signal.field.width());
            self.refuse("pulses", what, "name a counter of at most 32 bits");
        }
        if !signal.wraps_at_its_width() {
            let what = format!("{at} has a range that is not that of its bits, so it is not known where it wraps");
            self.refuse("pulses", what, "declare the whole range of its width, or [0|0]");
        }
        if signal.half() <= between {
            let what = format!("{at} has {} bits: {between} pulses may lie between two frames", signal.field.width());
            self.refuse("pulses", what, "name a wider counter: one that is back where it was would be believed");
        }
    }

    fn sequence(&self, signal: &DbcSignal<'_>) -> Option<Sequence> {
        self.judge_plain("sequence", signal);
        let (_, width_most) = signal.numbers();
        let (least, most) = signal.range().unwrap_or((0.0, width_most));
        let modulus = most + 1.0;
        let frames = self.around.most_between() + 3.0;
        let at = self.message.place_of(signal);
        if least != 0.0 || most.fract() != 0.0 || most > width_most || modulus > 65_536.0 {
            let what = format!("{at} does not count from 0 to a whole number of at most 65535");
            self.refuse("sequence", what, "declare the range that it counts through, as in [0|255]");
            return None;
        }
        if modulus < 15.0 || modulus <= frames {
            let what = format!("{at} has {modulus} numbers: {frames} frames may be lost before it is too old");
            self.refuse("sequence", what, "name a counter of at least 15 numbers, and more than those frames");
            return None;
        }
        let modulus = std::num::NonZeroU32::new(modulus as u32)?;
        Some(Sequence { field: signal.field, modulus })
    }

    /// The numbers that the DBC file gives a name to: they are no charge.
    fn named(&self, signal: &DbcSignal<'_>) -> [Option<u64>; NAMED] {
        let numbers = self.message.named_numbers(signal);
        let at = self.message.place_of(signal);
        if numbers.contains(&0) {
            let what = format!("{at} has a name for 0 (VAL_): a charge of 0 cannot be told from it");
            self.refuse("charge", what, "remove the name, if 0 is a charge of nothing");
        }
        if numbers.len() > NAMED {
            let what = format!("{at} has names for {} numbers (VAL_); up to {NAMED} are read", numbers.len());
            self.refuse("charge", what, "name a signal that is a charge, or remove the names that mean nothing");
        }
        let mut named = [None; NAMED];
        for (place, number) in named.iter_mut().zip(numbers) {
            // as its bits show it
            *place = Some(number.cast_unsigned() & signal.field.largest());
        }
        named
    }

    fn found(&self, electrometer: Electrometer) -> Found {
        let feed = Feed::of_electrometer(self.around.monitor, &electrometer, self.file, self.section);
        let mut notices = Vec::new();
        let mut say = |key: &str, what: String, fix: &str| {
            notices.push(self.section.document().at(self.section.at(key), what, fix));
        };
        let monitor = self.around.monitor;
        say("message", feed.to_string(), "nothing; to be read once");
        match electrometer.protection {
            Protection::E2e => {}
            Protection::Declared { sequence: Some(_), .. } => {
                let what =
                    format!("the frames of monitor {monitor} carry no CRC of their own: a corrupted one is not seen");
                say("protection", what, "use an electrometer that sends protected frames");
            }
            Protection::Declared { sequence: None, .. } | Protection::None => {
                let what = format!(
                    "the frames of monitor {monitor} carry no protection: a corrupted or repeated one is not seen"
                );
                say("protection", what, "use an electrometer that sends protected frames");
            }
        }
        if electrometer.extraction.counting != Counting::Cumulative {
            let what = format!("monitor {monitor} tells no charge between pulses: it cannot show beam without pulses");
            say("counting", what, "use an electrometer that integrates all the time");
        }
        if !electrometer.extraction.flags.iter().flatten().any(|flag| flag.flag == dose_flag::SATURATED) {
            let what = format!("monitor {monitor} has no flag for saturation: only `full-scale-pc` tells of it");
            say("charge", what, "name it in `saturated`, where the electrometer has one");
        }
        Found { electrometer, feed, notices }
    }
}
