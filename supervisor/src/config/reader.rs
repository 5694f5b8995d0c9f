//! Reads TOML tables in which every number has a range and every key is known, and collects all that is wrong instead of
//! stopping at the first.
//!
//! A [`Document`] is one file; a [`Section`] is one of its tables. Each value is asked for by its key, with what it must
//! be; what was not asked for by the time of [`Section::finish`] is an unknown key. Nothing here has a default: a value is
//! either required, and its absence a problem, or the caller decides what its absence means.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::Document;
use super::spelling::{Meant, meant, nearest};
use super::wording::{as_number, list, same_unit, spaced_unit, unknown, within};

/// What a number may be.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// Smallest value allowed.
    pub from: f64,
    /// Largest value allowed.
    pub to: f64,
    /// What the number is, and why it may not be beyond.
    pub why: &'static str,
}

/// From `from` to `to`, both allowed.
#[must_use]
pub const fn range(from: f64, to: f64, why: &'static str) -> Range {
    Range { from, to, why }
}

/// A value that was asked for and not found.
#[derive(Debug)]
struct Missing {
    key: &'static str,
    what: String,
    fix: String,
}

/// One table of a file.
#[derive(Debug)]
pub struct Section<'d, 't> {
    document: &'d Document<'t>,
    table: &'d DeTable<'t>,
    /// Where its header stands.
    start: usize,
    /// How people name it: empty for the top level, or as its header is written.
    name: String,
    known: RefCell<Vec<&'static str>>,
    missing: RefCell<Vec<Missing>>,
}

impl<'d, 't> Section<'d, 't> {
    /// The top level of a file.
    #[must_use]
    pub fn top(document: &'d Document<'t>, table: &'d DeTable<'t>) -> Self {
        Self::new(document, table, 0, String::new())
    }

    const fn new(document: &'d Document<'t>, table: &'d DeTable<'t>, start: usize, name: String) -> Self {
        Self { document, table, start, name, known: RefCell::new(Vec::new()), missing: RefCell::new(Vec::new()) }
    }

    /// The file that this is a part of.
    #[must_use]
    pub const fn document(&self) -> &'d Document<'t> {
        self.document
    }

    /// Adds a problem at the value of `key`, or at the header where there is none.
    pub fn problem(&self, key: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.document.problem(self.at(key), what, fix);
    }

    /// Where the value of `key` stands, or the header where there is none.
    #[must_use]
    pub fn at(&self, key: &str) -> usize {
        self.entry(key).map_or(self.start, |value| value.span().start)
    }

    fn entry(&self, key: &str) -> Option<&'d Spanned<DeValue<'t>>> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn asked(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'t>>> {
        self.known.borrow_mut().push(key);
        self.entry(key)
    }

    fn required(&self, key: &'static str, fix: impl FnOnce() -> String) -> Option<&'d Spanned<DeValue<'t>>> {
        let entry = self.asked(key);
        if entry.is_none() {
            self.missing(key, format!("`{key}` is missing{}", within(&self.name)), fix());
        }
        entry
    }

    /// Notes that `key` is not there; said at the end, unless a misspelt key turns up that was meant for it.
    pub fn missing(&self, key: &'static str, what: impl Into<String>, fix: impl Into<String>) {
        self.missing.borrow_mut().push(Missing { key, what: what.into(), fix: fix.into() });
    }

    fn wrong_type(&self, key: &str, wanted: &str, found: &Spanned<DeValue<'t>>, fix: String) {
        let found = match found.get_ref() {
            DeValue::String(text) => format!("the string \"{text}\""),
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Float(number) => format!("the number {number}"),
            DeValue::Boolean(value) => format!("{value}"),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.problem(key, format!("`{key}` wants {wanted}, found {found}"), fix);
    }

    /// Whether the table holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether `key` is there.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// A required number.
    pub fn number(&self, key: &'static str, range: Range) -> Option<f64> {
        let entry = self.required(key, || {
            let Range { from, to, why } = range;
            format!("add `{key} =` a number of {from} to {to}{}: {why}", spaced_unit(key))
        })?;
        self.within(key, range, entry)
    }

    /// A number that need not be there.
    pub fn optional_number(&self, key: &'static str, range: Range) -> Option<f64> {
        self.asked(key).and_then(|entry| self.within(key, range, entry))
    }

    /// A required whole number.
    pub fn whole(&self, key: &'static str, allowed: RangeInclusive<u32>, why: &'static str) -> Option<u32> {
        let value = self.number(key, range(f64::from(*allowed.start()), f64::from(*allowed.end()), why))?;
        self.without_fraction(key, value)
    }

    /// A whole number that need not be there.
    pub fn optional_whole(&self, key: &'static str, allowed: RangeInclusive<u32>, why: &'static str) -> Option<u32> {
        let value = self.optional_number(key, range(f64::from(*allowed.start()), f64::from(*allowed.end()), why))?;
        self.without_fraction(key, value)
    }

    fn without_fraction(&self, key: &str, value: f64) -> Option<u32> {
        if value.fract() != 0.0 {
            self.problem(key, format!("`{key}` wants a whole number, found {value}"), "write it without a fraction");
            return None;
        }
        // the caller's range is one of u32 and the fraction is zero
        Some(value as u32)
    }

    fn within(&self, key: &str, range: Range, entry: &Spanned<DeValue<'t>>) -> Option<f64> {
        let (unit, Range { from, to, why }) = (spaced_unit(key), range);
        let Some(value) = as_number(entry.get_ref()) else {
            let written = entry.get_ref().as_str().and_then(|text| same_unit(text, unit.trim()));
            let fix = match written {
                Some(number) => format!("write the bare number without quotes, `{key} = {number}`"),
                None => format!("write a bare number of {from} to {to}"),
            };
            let fix = if unit.is_empty() { fix } else { format!("{fix}; it is in{unit}") };
            self.wrong_type(key, "a number", entry, fix);
            return None;
        };
        if value >= from && value <= to {
            return Some(value);
        }
        let what = format!("`{key}` = {value}{unit} is out of its range of {from} to {to}{unit}");
        self.problem(key, what, format!("write a number of {from} to {to}{unit}: {why}"));
        None
    }

    /// A required text that is not empty.
    pub fn text(&self, key: &'static str, meaning: &str) -> Option<&'d str> {
        self.required(key, || format!("add `{key} = \"...\"`: {meaning}"))?;
        self.optional_text(key, meaning)
    }

    /// A text that need not be there, but if it is, says something.
    pub fn optional_text(&self, key: &'static str, meaning: &str) -> Option<&'d str> {
        let entry = self.asked(key)?;
        match entry.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Some(text),
            Some(_) => {
                self.problem(key, format!("`{key}` is empty"), format!("write {meaning}"));
                None
            }
            None => {
                self.wrong_type(key, "a text in quotes", entry, format!("write {meaning}, in quotes"));
                None
            }
        }
    }

    /// The text under `key` as it is written, if one is there; not a question that a problem could come of.
    #[must_use]
    pub fn written(&self, key: &str) -> Option<&'d str> {
        self.entry(key)?.get_ref().as_str()
    }

    /// A required yes or no.
    pub fn yes_or_no(&self, key: &'static str, meaning: &str) -> Option<bool> {
        self.required(key, || format!("add `{key} = true` or `{key} = false`: {meaning}"))?;
        self.optional_yes_or_no(key)
    }

    /// A yes or no that need not be there.
    pub fn optional_yes_or_no(&self, key: &'static str) -> Option<bool> {
        let entry = self.asked(key)?;
        let value = entry.get_ref().as_bool();
        if value.is_none() {
            self.wrong_type(key, "true or false", entry, format!("write `{key} = true` or `{key} = false`"));
        }
        value
    }

    /// A required word, one of `words`.
    pub fn word<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let entry = self.required(key, || format!("add `{key} =` {}", list(words)))?;
        self.one_of(key, entry, words)
    }

    fn one_of<T: Copy>(&self, key: &str, entry: &Spanned<DeValue<'t>>, words: &[(&'static str, T)]) -> Option<T> {
        let Some(text) = entry.get_ref().as_str() else {
            self.wrong_type(key, "a word in quotes", entry, format!("write {}", list(words)));
            return None;
        };
        let found = words.iter().find(|(word, _)| *word == text).map(|&(_, value)| value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let guess = nearest(text, &names).map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
            let at = entry.span().start;
            self.document.problem(
                at,
                format!("`{key}` = \"{text}\" is not known{guess}"),
                format!("write {}", list(words)),
            );
        }
        found
    }

    /// A list of words, each one of `words`; `None` when the key is not there.
    pub fn optional_words<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<Vec<T>> {
        let entry = self.asked(key)?;
        let Some(items) = entry.get_ref().as_array() else {
            self.wrong_type(key, "a list in brackets", entry, format!("write a list of {}", list(words)));
            return None;
        };
        Some(items.iter().filter_map(|item| self.one_of(key, item, words)).collect())
    }

    /// A required list of words that is not empty.
    pub fn words<T: Copy>(&self, key: &'static str, words: &[(&'static str, T)]) -> Option<Vec<T>> {
        self.required(key, || format!("add `{key} =` a list of {}", list(words)))?;
        let found = self.optional_words(key, words)?;
        if self.entry(key)?.get_ref().as_array().is_some_and(|items| items.is_empty()) {
            self.problem(key, format!("`{key}` is empty"), format!("list one or more of {}", list(words)));
        }
        (!found.is_empty()).then_some(found)
    }

    /// Says so when `key` is there although it has no meaning here.
    pub fn without_meaning(&self, key: &'static str, why: &str) {
        if self.asked(key).is_some() {
            self.problem(key, format!("`{key}` has no meaning here: {why}"), format!("remove `{key}`"));
        }
    }

    /// A required table.
    pub fn table(&self, key: &'static str, meaning: &str) -> Option<Section<'d, 't>> {
        self.required(key, || format!("add a table [{key}]: {meaning}"))?;
        self.optional_table(key)
    }

    /// A table that need not be there.
    pub fn optional_table(&self, key: &'static str) -> Option<Section<'d, 't>> {
        let entry = self.asked(key)?;
        let Some(table) = entry.get_ref().as_table() else {
            self.wrong_type(key, "a table", entry, format!("write a line [{key}] and its values below it"));
            return None;
        };
        let name = match self.name.trim_matches(['[', ']']) {
            "" => format!("[{key}]"),
            parent => format!("[{parent}.{key}]"),
        };
        Some(Section::new(self.document, table, entry.span().start, name))
    }

    /// A required list of tables that is not empty.
    pub fn tables(&self, key: &'static str, meaning: &str) -> Vec<Section<'d, 't>> {
        let fix = || format!("add one or more tables [[{key}]]: {meaning}");
        let Some(entry) = self.required(key, fix) else { return Vec::new() };
        let items = entry.get_ref().as_array();
        let sections: Vec<_> = items.into_iter().flat_map(|items| items.iter()).collect();
        if sections.is_empty() || sections.iter().any(|item| !item.get_ref().is_table()) {
            self.wrong_type(key, "a list of tables", entry, fix());
            return Vec::new();
        }
        let tables = sections.into_iter().filter_map(|item| Some((item.get_ref().as_table()?, item.span().start)));
        tables.map(|(table, start)| Section::new(self.document, table, start, format!("[[{key}]]"))).collect()
    }

    /// Every entry of a table whose keys are names that somebody chose, each with a whole number; in the file's order.
    pub fn named_numbers(&self, range: Range) -> Vec<(String, u32, usize)> {
        let entries = self.table.iter().filter_map(|(name, entry)| {
            let value = self.within(name.get_ref(), range, entry)?;
            Some((name.get_ref().to_string(), self.without_fraction(name.get_ref(), value)?, entry.span().start))
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|&(_, _, at)| at);
        entries
    }

    /// Ends the reading of this table: keys that nobody asked for are problems, and so are values that were not there.
    /// A missing value under a misspelt key is said once.
    pub fn finish(self) {
        let known = self.known.into_inner();
        let mut missing = self.missing.into_inner();
        let absent: Vec<&str> =
            known.iter().copied().filter(|&key| !self.table.iter().any(|(name, _)| name.get_ref() == key)).collect();
        for (name, entry) in self.table {
            let (key, at) = (name.get_ref().as_ref(), name.span().start);
            if known.contains(&key) {
                continue;
            }
            let guess = meant(key, &absent);
            if let Some(Meant::OtherUnit(wanted, _) | Meant::Misspelt(wanted)) = guess {
                missing.retain(|missing| missing.key != wanted);
            }
            let (what, fix) = unknown(key, &self.name, entry.get_ref(), guess, &known);
            self.document.problem(at, what, fix);
        }
        for Missing { what, fix, .. } in missing {
            self.document.problem(self.start, what, fix);
        }
    }
}
