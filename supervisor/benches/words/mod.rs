//! What a benchmark is asked for on its command line: a mistyped word must not start minutes of measuring something else.

/// Refuses every option that is not one of `known`; cargo's own `--bench` is.
///
/// # Errors
/// The first that is not, and those that are.
pub fn only(known: &[&str]) -> Result<(), String> {
    let is_unknown = |word: &String| word.starts_with('-') && word != "--bench" && !known.contains(&word.as_str());
    match std::env::args().skip(1).find(is_unknown) {
        Some(word) => Err(format!("there is no {word}; there is {}, as its first lines say", known.join(", "))),
        None => Ok(()),
    }
}
