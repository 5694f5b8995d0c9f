//! What is wrong with a file, where, and what to do about it. Errors and warnings have the same shape; which of the two a
//! [`Problem`] is, is said by the list that it stands in.

use std::fmt;

use serde::Serialize;

/// One thing wrong in one place of one file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Problem {
    /// The file, as it was named by whoever asked.
    pub file: String,
    /// Line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// Column in characters, from 1; 0 when the file as a whole is meant.
    pub column: usize,
    /// What is wrong, in one line.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl Problem {
    /// A problem of the file as a whole.
    #[must_use]
    pub fn of_file(file: &str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::at(file, (0, 0), what, fix)
    }

    /// A problem at a line and column. What it quotes from the file may hold line ends and worse: they are shown as escapes,
    /// so that a problem stays one line and steers nobody's terminal.
    #[must_use]
    pub fn at(file: &str, (line, column): (usize, usize), what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { file: shown(file.to_owned()), line, column, what: shown(what.into()), fix: shown(fix.into()) }
    }
}

/// `text` with control characters as escapes.
fn shown(text: String) -> String {
    if !text.chars().any(char::is_control) {
        return text;
    }
    let escaped = |letter: char| if letter.is_control() { letter.escape_default().to_string() } else { letter.into() };
    text.chars().map(escaped).collect()
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what, fix, .. } = self;
        match line {
            0 => writeln!(formatter, "{file}: {what}")?,
            _ => writeln!(formatter, "{file}:{line}: {what}")?,
        }
        write!(formatter, "    fix: {fix}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_stays_one_line_and_moves_no_cursor() {
        let problem = Problem::at("plan.toml", (4, 14), "no applicator `6\n0 mm\u{1b}[2J`", "écris « 60 mm »");
        assert_eq!(problem.what, r"no applicator `6\n0 mm\u{1b}[2J`");
        assert_eq!(problem.fix, "écris « 60 mm »");
    }
}
