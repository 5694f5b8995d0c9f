#![no_std]
//! Core.
pub mod frame;
pub mod units;
pub mod wire;
