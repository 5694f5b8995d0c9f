//! The sentences of the reader: how a number, a unit, a choice or an unknown key is put to people.

use toml::de::DeValue;

use super::spelling::{Meant, unit_of};

/// The table that something stands in, as the end of a sentence.
pub fn within(section: &str) -> String {
    if section.is_empty() { String::new() } else { format!(" in {section}") }
}

/// What is said of an unknown key.
pub fn unknown(
    key: &str,
    section: &str,
    value: &DeValue<'_>,
    guess: Option<Meant<'_>>,
    known: &[&'static str],
) -> (String, String) {
    let place = within(section);
    match guess {
        Some(Meant::OtherUnit(wanted, factor)) => {
            let what = format!("wrong unit: `{key}`{place} is wanted in {} as `{wanted}`", unit_of(wanted));
            let fix = match as_number(value) {
                // nine decimals: what a multiplication adds beyond them is no part of anybody's number
                Some(number) => format!("write `{wanted} = {}`", (number * factor * 1e9).round() / 1e9),
                None => format!("write `{wanted}`"),
            };
            (what, fix)
        }
        Some(Meant::Misspelt(wanted)) => {
            (format!("unknown key `{key}`{place}; did you mean `{wanted}`?"), format!("write `{wanted}`"))
        }
        None => {
            let mut known: Vec<&str> = known.to_vec();
            known.sort_unstable();
            known.dedup();
            (format!("unknown key `{key}`{place}"), format!("remove it; known here: {}", known.join(", ")))
        }
    }
}

/// The unit of the number under `key` behind a space; empty for a number without one.
pub fn spaced_unit(key: &str) -> String {
    let unit = unit_of(key);
    if unit.is_empty() { String::new() } else { format!(" {unit}") }
}

/// The words to choose from.
pub fn list<T>(words: &[(&'static str, T)]) -> String {
    let quoted: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    quoted.join(" or ")
}

/// The number that a value is, whole or not.
pub fn as_number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(number) => number.as_str().parse().ok(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
        DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok().map(f64::from),
        _ => None,
    }
}

/// The number in a text such as "10" or "10 Gy", if its unit is the one that is wanted; never that of another unit.
pub fn same_unit(text: &str, unit: &str) -> Option<f64> {
    let text = text.trim();
    let number = text.strip_suffix(unit).unwrap_or(text).trim();
    number.parse().ok().filter(|number: &f64| number.is_finite())
}
