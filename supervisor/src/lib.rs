//! The shell around the decision.

pub mod conductor;
pub mod hot;
pub mod progress;
pub mod wiring;
pub mod world;
