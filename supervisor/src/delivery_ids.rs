//! The durable counter of delivery ids: no process ever sends an id of an earlier one.
//!
//! The file holds the last id handed out. It is on the disk, file and folder, before the id is used; ids count up 1..65535
//! and wrap to 1. A missing or unreadable counter hands out nothing: a person enters the next number, because only a person
//! can know what the gate may still hold.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Name of the file in the state directory.
pub const FILE_NAME: &str = "delivery-id";

/// Why no id was handed out.
#[derive(Debug)]
pub enum IdError {
    /// There is no counter yet, or no longer.
    Missing(PathBuf),
    /// The file does not hold a number 0..65535.
    Unreadable(PathBuf, String),
    /// A person entered a number although there is a counter, which holds this last id.
    Present(PathBuf, u16),
    /// The file cannot be read or written.
    Io(PathBuf, io::Error),
}

impl fmt::Display for IdError {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(
                text,
                "{}: there is no delivery counter, so the ids of earlier deliveries are unknown\n    fix: look up the last \
                 delivery id in the records or at the gate, and start once with --next-delivery-id NUMBER (1 to 65535; 1 on \
                 a new machine)",
                path.display()
            ),
            Self::Unreadable(path, content) => write!(
                text,
                "{}: `{content}` is no delivery id\n    fix: start once with --next-delivery-id NUMBER, above every id that \
                 was ever used",
                path.display()
            ),
            Self::Present(path, last) => write!(
                text,
                "{}: there is a counter, and its last id is {last}; a number entered now could send an old id again\n    fix: \
                 leave --next-delivery-id away",
                path.display()
            ),
            Self::Io(path, error) => write!(
                text,
                "{}: {error}\n    fix: give the service the right to write its state directory",
                path.display()
            ),
        }
    }
}

/// The counter.
#[derive(Debug)]
pub struct DeliveryIds {
    path: PathBuf,
    last: u16,
}

impl DeliveryIds {
    /// Opens the counter in `directory`.
    ///
    /// # Errors
    /// [`IdError`] when there is none, or it cannot be read.
    pub fn open(directory: &Path) -> Result<Self, IdError> {
        let path = directory.join(FILE_NAME);
        let content = match fs::read_to_string(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(IdError::Missing(path)),
            Err(error) => return Err(IdError::Io(path, error)),
        };
        match content.trim().parse() {
            Ok(last) => Ok(Self { path, last }),
            Err(_) => Err(IdError::Unreadable(path, content.trim().chars().take(40).collect())),
        }
    }

    /// Starts the counter so that `next` is the first id handed out: a person has entered it.
    ///
    /// # Errors
    /// [`IdError::Present`] when there is a counter already, [`IdError::Io`] when it cannot be made durable.
    pub fn enter(directory: &Path, next: u16) -> Result<Self, IdError> {
        match Self::open(directory) {
            Ok(present) => return Err(IdError::Present(present.path, present.last)),
            Err(IdError::Missing(_) | IdError::Unreadable(..)) => {}
            Err(error) => return Err(error),
        }
        let path = directory.join(FILE_NAME);
        fs::create_dir_all(directory).map_err(|error| IdError::Io(path.clone(), error))?;
        let ids = Self { path, last: before(next) };
        ids.save(ids.last)?;
        Ok(ids)
    }

    /// The next id; it is durable when this returns.
    ///
    /// # Errors
    /// [`IdError::Io`] when it cannot be made durable; then it must not be used.
    pub fn next_id(&mut self) -> Result<u16, IdError> {
        let next = after(self.last);
        self.save(next)?;
        self.last = next;
        Ok(next)
    }

    fn save(&self, last: u16) -> Result<(), IdError> {
        let write = || -> io::Result<()> {
            let new = self.path.with_extension("new");
            let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&new)?;
            file.write_all(format!("{last}\n").as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            // the name is durable only once its folder is
            File::open(self.path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
        };
        write().map_err(|error| IdError::Io(self.path.clone(), error))
    }
}

const fn after(id: u16) -> u16 {
    if id == u16::MAX { 1 } else { id + 1 }
}

const fn before(id: u16) -> u16 {
    id.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_cannot_be_read_now_is_not_entered_anew() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FILE_NAME)).unwrap();
        assert!(matches!(DeliveryIds::enter(folder.path(), 1), Err(IdError::Io(..))));
    }

    #[test]
    fn every_process_goes_on_where_the_last_one_stopped() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(DeliveryIds::open(folder.path()), Err(IdError::Missing(_))));
        assert_eq!(DeliveryIds::enter(folder.path(), 65_534).unwrap().next_id().unwrap(), 65_534);
        let mut ids = DeliveryIds::open(folder.path()).unwrap();
        assert_eq!((ids.next_id().unwrap(), ids.next_id().unwrap()), (65_535, 1));
        assert_eq!(DeliveryIds::open(folder.path()).unwrap().next_id().unwrap(), 2);
    }

    #[test]
    fn trips_a_counter_that_is_no_number_and_one_that_cannot_be_saved() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), "70000\n").unwrap();
        assert!(matches!(DeliveryIds::open(folder.path()), Err(IdError::Unreadable(..))));
        let mut ids = DeliveryIds::enter(folder.path(), 7).unwrap();
        assert!(matches!(DeliveryIds::enter(folder.path(), 3), Err(IdError::Present(_, 6))));
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(ids.next_id().is_err());
    }
}
