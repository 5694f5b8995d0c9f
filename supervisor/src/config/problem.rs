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
        Self { file: file.to_owned(), line: 0, column: 0, what: what.into(), fix: fix.into() }
    }
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
