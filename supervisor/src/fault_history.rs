//! The dosimetry faults of this machine, one line each, kept over restarts: the same one twice in thirty days blocks the
//! machine until the physicist has found its cause. What counts as twice is decided in `beam_core::repeated`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use beam_core::fault::Fault;
use beam_core::repeated::{Past, repeated};

/// Name of the file in the state directory.
pub const FILE_NAME: &str = "dosimetry-faults";
/// The word that stands for a physicist's clearing.
const CLEARED: &str = "cleared";

/// The history in one state directory.
#[derive(Clone, Debug)]
pub struct FaultHistory {
    path: PathBuf,
}

impl FaultHistory {
    /// The history in `directory`.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { path: directory.join(FILE_NAME) }
    }

    /// The fault that came twice, at this many seconds of the wall clock; none when the machine is free.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or holds a line that means nothing: then nobody knows.
    pub fn repeated(&self, now: u64) -> io::Result<Option<Fault>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let lines: Option<Vec<_>> = text.lines().map(parse).collect();
        let lines = lines.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} holds a line that means nothing", self.path.display()),
            )
        })?;
        Ok(repeated(&lines, now))
    }

    /// Adds a fault; it is durable when this returns.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub fn add(&self, now: u64, fault: Fault) -> io::Result<()> {
        self.append(&format!("{now} {}\n", fault.code()))
    }

    /// The physicist has found the causes of everything so far.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub fn clear(&self, now: u64) -> io::Result<()> {
        // a line that means nothing is not made better by another one: the old file is kept beside the new
        if self.repeated(now).is_err() {
            fs::rename(&self.path, self.path.with_extension("unreadable"))?;
        }
        self.append(&format!("{now} {CLEARED}\n"))
    }

    fn append(&self, line: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        fs::File::open(self.path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
    }
}

fn parse(line: &str) -> Option<(u64, Past)> {
    let (at, what) = line.split_once(' ')?;
    let past = if what == CLEARED {
        Past::Cleared
    } else {
        Past::Found(Fault::ALL.iter().copied().find(|fault| fault.code() == what)?)
    };
    Some((at.parse().ok()?, past))
}

/// Seconds of the wall clock. For this history only: no guard knows it.
#[must_use]
pub fn wall_seconds() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trips_on_the_same_fault_twice_over_a_restart_until_it_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        FaultHistory::new(folder.path()).add(100, Fault::NoSignal).unwrap();
        let history = FaultHistory::new(folder.path());
        assert_eq!(history.repeated(200).unwrap(), None);
        history.add(200, Fault::Saturated).unwrap();
        history.add(300, Fault::NoSignal).unwrap();
        assert_eq!(FaultHistory::new(folder.path()).repeated(400).unwrap(), Some(Fault::NoSignal));
        history.clear(500).unwrap();
        assert_eq!(history.repeated(600).unwrap(), None);
    }

    #[test]
    fn trips_on_a_history_that_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE_NAME), "100 F-306\nhalf a li").unwrap();
        let history = FaultHistory::new(folder.path());
        assert!(history.repeated(200).is_err());
        history.clear(300).unwrap();
        assert_eq!(history.repeated(400).unwrap(), None);
    }

    #[test]
    fn holds_without_a_history() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(FaultHistory::new(folder.path()).repeated(0).unwrap(), None);
    }
}
