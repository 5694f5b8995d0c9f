//! The bodies of the fuzz targets: each takes any bytes and panics when a property does not hold. They know nothing of
//! libFuzzer, so that an ordinary test (`tests/corpora.rs`) replays the committed corpora through the very same code.
//!
//! | file | what is fed | what must hold |
//! | --- | --- | --- |
//! | `frame` | frames of every kind, sequences into a receiver, the kernel's messages | round trips; belief only by an oracle's CRC and counter |
//!
//! `draw` turns bytes into choices; `oracle` says the contract's rules once more, the slow and simple way.

mod draw;
mod frame;
mod oracle;

pub use frame::frame;

/// Every target by its name, which is also the name of its corpus.
pub const TARGETS: &[(&str, fn(&[u8]))] = &[("frame", frame)];
