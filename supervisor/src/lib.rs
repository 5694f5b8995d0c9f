//! The shell around the decision.

pub mod conductor;
pub mod crew;
pub mod delivery_ids;
pub mod describe;
pub mod desk;
pub mod hot;
pub mod progress;
pub mod recorder;
pub mod report;
pub mod treatment_unit;
pub mod wiring;
pub mod world;
