//! The configuration files as they were when they were checked: before each arming they must still be the same, so that
//! nobody treats by numbers that nobody has checked.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Files and what was in them; they are small, so they are kept whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seal {
    files: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl Seal {
    /// Keeps what is in these files now. To be made before they are read for use: what changes in between is then found.
    #[must_use]
    pub fn of<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        Self { files: paths.into_iter().map(|path| (path.to_owned(), fs::read(path).ok())).collect() }
    }

    /// What is in the file at `path` now, kept as it is given.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let found = fs::read(path);
        self.files.push((path.to_owned(), found.as_ref().ok().cloned()));
        found
    }

    /// The first file that is no longer what it was, or is gone.
    #[must_use]
    pub fn broken(&self) -> Option<&Path> {
        let same = |(path, kept): &&(PathBuf, Option<Vec<u8>>)| kept.is_none() || fs::read(path).ok() != *kept;
        self.files.iter().find(same).map(|(path, _)| path.as_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_files_that_stay_and_trips_on_one_that_changed_or_went() {
        let folder = tempfile::tempdir().unwrap();
        let (site, profile) = (folder.path().join("site.toml"), folder.path().join("profile.toml"));
        fs::write(&site, "a = 1").unwrap();
        fs::write(&profile, "b = 2").unwrap();
        let seal = Seal::of([site.as_path(), profile.as_path()]);
        assert_eq!(seal.broken(), None);
        fs::write(&profile, "b = 3").unwrap();
        assert_eq!(seal.broken(), Some(profile.as_path()));
        fs::write(&profile, "b = 2").unwrap();
        assert_eq!(seal.broken(), None);
        fs::remove_file(&site).unwrap();
        assert_eq!(seal.broken(), Some(site.as_path()));
        assert!(Seal::of([site.as_path()]).broken().is_some(), "what was never there was never checked");
    }
}
