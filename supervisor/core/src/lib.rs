#![no_std]
//! Core.
pub mod fault;
pub mod frame;
pub mod machine;
pub mod requirement;
pub mod units;
pub mod wire;
