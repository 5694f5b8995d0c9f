//! What somebody meant who wrote another key: the nearest known one by edit distance, or the same quantity in another unit.

/// A unit as keys carry it, how people write it, which quantity it measures, and how many base units it is.
struct Unit {
    suffix: &'static str,
    written: &'static str,
    quantity: &'static str,
    factor: f64,
}

const fn unit(suffix: &'static str, written: &'static str, quantity: &'static str, factor: f64) -> Unit {
    Unit { suffix, written, quantity, factor }
}

/// Longer suffixes stand before those that they end with.
const UNITS: &[Unit] = &[
    unit("mu-per-minute", "MU/min", "dose rate", 1.0),
    unit("mu-per-second", "MU/s", "dose rate", 60.0),
    unit("mu-per-pulse", "MU", "dose of a pulse", 1.0),
    unit("pc-per-mu", "pC/MU", "calibration", 1.0),
    unit("nc-per-mu", "pC/MU", "calibration", 1000.0),
    unit("monitor-units-check", "MU", "monitor units", 1.0),
    unit("monitor-units", "MU", "monitor units", 1.0),
    unit("mgy", "mGy", "dose", 0.001),
    unit("cgy", "cGy", "dose", 0.01),
    unit("gy", "Gy", "dose", 1.0),
    unit("kev", "keV", "energy", 0.001),
    unit("mev", "MeV", "energy", 1.0),
    unit("us", "us", "time", 0.001),
    unit("ms", "ms", "time", 1.0),
    unit("s", "s", "time", 1000.0),
    unit("min", "min", "time", 60_000.0),
    unit("minutes", "min", "time", 60_000.0),
    unit("khz", "kHz", "rate", 1000.0),
    unit("hz", "Hz", "rate", 1.0),
    unit("percent", "%", "share", 1.0),
    unit("pc", "pC", "charge", 1.0),
    unit("nc", "nC", "charge", 1000.0),
    unit("volts", "V", "voltage", 1.0),
    unit("kv", "kV", "voltage", 1000.0),
    unit("hpa", "hPa", "pressure", 0.1),
    unit("mbar", "mbar", "pressure", 0.1),
    unit("kpa", "kPa", "pressure", 1.0),
    unit("pulses", "pulses", "count", 1.0),
];

/// `key` without its unit, and the unit.
fn split(key: &str) -> Option<(&str, &'static Unit)> {
    UNITS.iter().find_map(|unit| {
        let stem = key.strip_suffix(unit.suffix)?;
        (stem.is_empty() || stem.ends_with('-')).then_some((stem, unit))
    })
}

/// The unit of the number under `key`, as people write it; empty for a number without one.
#[must_use]
pub fn unit_of(key: &str) -> &'static str {
    split(key).map_or("", |(_, unit)| unit.written)
}

/// The key that was meant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Meant<'k> {
    /// The same quantity in another unit: the known key, and what a number under the other key is multiplied with.
    OtherUnit(&'k str, f64),
    /// A likely slip of the pen.
    Misspelt(&'k str),
}

/// Which of `known` the writer of `key` meant, if any is near.
#[must_use]
pub fn meant<'k>(key: &str, known: &[&'k str]) -> Option<Meant<'k>> {
    let other_unit = known.iter().find_map(|&candidate| {
        let ((stem, written), (known_stem, wanted)) = (split(key)?, split(candidate)?);
        let same = stem == known_stem && written.quantity == wanted.quantity && written.suffix != wanted.suffix;
        same.then(|| Meant::OtherUnit(candidate, written.factor / wanted.factor))
    });
    other_unit.or_else(|| nearest(key, known).map(Meant::Misspelt))
}

/// The nearest of `known` within a third of the word's length, at least 2 and at most 4 edits.
#[must_use]
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let limit = (word.chars().count() / 3).clamp(2, 4);
    let candidates = known.iter().map(|&candidate| (edits(word, candidate), candidate));
    candidates.filter(|&(distance, _)| distance <= limit).min_by_key(|&(distance, _)| distance).map(|(_, near)| near)
}

/// Single-character edits that lead from one word to the other (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (above, character) in from.chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(to.chars()) {
            let substituted = diagonal + usize::from(character != other);
            diagonal = *cell;
            left = substituted.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("same", "same"), 0);
    }

    #[test]
    fn tells_another_unit_from_a_slip() {
        let known = ["prescription-gy", "stale-after-ms", "isodose-percent"];
        assert_eq!(meant("prescription-cgy", &known), Some(Meant::OtherUnit("prescription-gy", 0.01)));
        assert_eq!(meant("stale-after-s", &known), Some(Meant::OtherUnit("stale-after-ms", 1000.0)));
        assert_eq!(meant("isodse-percent", &known), Some(Meant::Misspelt("isodose-percent")));
        assert_eq!(meant("colour", &known), None);
    }
}
