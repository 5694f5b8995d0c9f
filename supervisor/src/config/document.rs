//! One file as it is read: its text, where in it something stands, and everything that is wrong with it so far.

use std::cell::RefCell;

use toml::de::DeTable;

use super::problem::Problem;

/// One file and what is wrong with it so far.
#[derive(Debug)]
pub struct Document<'t> {
    file: &'t str,
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
}

impl<'t> Document<'t> {
    /// The file named `file` with the content `text`.
    #[must_use]
    pub const fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, problems: RefCell::new(Vec::new()) }
    }

    /// The top-level table; `None` when the text is no TOML, each syntax error then being a problem.
    #[must_use]
    pub fn parse(&self) -> Option<DeTable<'t>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            let what = format!("not TOML: {}", error.message().lines().collect::<Vec<_>>().join(", "));
            self.problem(at, what, "correct the line; nothing else in the file was read");
        }
        errors.is_empty().then(|| table.into_inner())
    }

    /// Adds a problem at the byte `at`.
    pub fn problem(&self, at: usize, what: impl Into<String>, fix: impl Into<String>) {
        let problem = self.at(at, what, fix);
        self.problems.borrow_mut().push(problem);
    }

    /// A problem or a warning at the byte `at`, not yet added.
    #[must_use]
    pub fn at(&self, at: usize, what: impl Into<String>, fix: impl Into<String>) -> Problem {
        Problem::at(self.file, self.place(at), what, fix)
    }

    /// Line and column of the byte `at`.
    #[must_use]
    pub fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before.get(line_start..).map_or(0, |text| text.chars().count()) + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// Everything wrong, in the order of the file.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        problems
    }
}
