//! The bodies of the fuzz targets: each takes any bytes and panics when a property does not hold. They know nothing of
//! libFuzzer, so that an ordinary test (`tests/corpora.rs`) replays the committed corpora through the very same code.
//!
//! | file | what is fed | what must hold |
//! | --- | --- | --- |
//! | `frame` | frames of every kind, sequences into a receiver, the kernel's messages | round trips; belief only by an oracle's CRC and counter |
//! | `toml` | plans, machine profiles, the service's own file | refused with place and remedy, or a sound value that `check` accepts too |
//! | `candump` | recordings of a bus | every line comes out as it stands there; the same verdict twice |
//! | `dbc` | DBC files beside tables of a profile | refused with a remedy, or read exactly as bit by bit |
//! | `guard`, `guard_oracle` | a whole guard of each kind, with frames, commands, trouble, jumps of time | its permit, lease, faults and deadlines |
//! | `session`, `session_oracle` | a session, with notes, acts, time and a gate that is sometimes honest | no beam without proof and act; every end told to all |
//!
//! `draw` turns bytes into choices; `oracle` says the contract's rules once more, the slow and simple way; `shipped` holds the
//! machines and plans that the program carries.

mod candump;
mod dbc;
mod draw;
mod frame;
mod guard;
mod guard_oracle;
mod machines;
mod oracle;
mod session;
mod session_oracle;
mod shipped;
mod toml;

pub use candump::candump;
pub use dbc::dbc;
pub use frame::frame;
pub use guard::guard;
pub use session::session;
pub use toml::{plan, profile};

/// A target: it takes any bytes, and panics when a property does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also the name of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("frame", frame),
    ("candump", candump),
    ("plan", plan),
    ("profile", profile),
    ("guard", guard),
    ("session", session),
    ("dbc", dbc),
];
