//! Drivers.
pub mod sim;
