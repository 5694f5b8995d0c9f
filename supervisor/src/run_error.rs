//! Why the service does not run, in words that say how to put it right.

use std::fmt;
use std::io;
use std::path::PathBuf;

use beam_core::fault::Fault;

use crate::delivery_ids::IdError;

/// Why the service does not run.
#[derive(Debug)]
pub enum RunError {
    /// Another supervisor holds the same bus.
    SecondInstance(String),
    /// Another observer listens to the same bus.
    SecondObserver(String),
    /// The delivery counter hands out nothing.
    Ids(IdError),
    /// A bus, a socket or a folder is not there.
    Unavailable(String),
    /// A right that the profile requires was refused.
    Refused(Vec<String>),
    /// What a person accepted to remain is not what remains.
    Remaining(String),
    /// A file of the configuration is no longer what was checked.
    Changed(PathBuf),
    /// Something else that the kernel refused.
    Io(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecondInstance(interface) => write!(
                text,
                "another supervisor already holds {interface}\n    fix: stop it first; two supervisors on one bus would send \
                 the same permits"
            ),
            Self::SecondObserver(interface) => write!(
                text,
                "another observer already listens to {interface}\n    fix: stop it first; both would write the same records"
            ),
            Self::Ids(error) => error.fmt(text),
            Self::Unavailable(what) | Self::Remaining(what) => text.write_str(what),
            Self::Changed(file) => {
                let fault = Fault::ConfigurationChanged;
                let (code, name, cause, fix) = (fault.code(), fault.name(), fault.cause(), fault.action());
                write!(text, "{}: {code} {name}: {cause}\n    fix: {fix}", file.display())
            }
            Self::Refused(refusals) => {
                write!(text, "the profile says real-time = \"required\", and the kernel refused:")?;
                refusals.iter().try_for_each(|refusal| write!(text, "\n    {refusal}"))
            }
            Self::Io(error) => error.fmt(text),
        }
    }
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
