//! The whole decision of the beam supervisor, and nothing else: frames and ticks in, verdicts out.
//!
//! ```text
//! frame ──▶ believe ──▶ integrate ──▶ judge ──▶ permit
//!          hearing      chamber       dose, time,   permit
//!          frame                      interlock
//! ```
//!
//! This crate has no allocator, no dependency, no clock, no file, no thread and no floating point number, because a decision
//! needs none of them. Time comes in as an argument. A guard is a value, [`guard::Guard`]; one call of
//! [`guard::Guard::step`] is the whole of its work, the same in a real-time thread, in a simulation and in the replay of a
//! recording.
//!
//! Read in this order:
//!
//! 1. [`units`]: charge, dose, time, each in its own type.
//! 2. [`frame`] and [`wire`]: what comes over the bus, and when it is believed; [`extraction`] and [`reading`]: how a
//!    chamber's reading is found in it.
//! 3. [`permit`]: the lease that holds the beam.
//! 4. [`guard`], then [`dose`], [`time`], [`interlock`]: who ends the beam, and when.
//! 5. [`fault`] and [`requirement`]: every reason, and the promise that it serves.
//! 6. [`state`], [`session`], [`proving`]: how a delivery is proven, armed, led and ended.
//!
//! What every guard holds to: anything that is not provably good votes for beam-off; a fault carries its reason; an invalid
//! reading is a fault and never a number.

#![no_std]
#![forbid(unsafe_code)]

pub mod agreement;
pub mod air;
pub mod beam_charge;
pub mod beam_clock;
pub mod beam_off;
pub mod chamber;
pub mod clearance;
pub mod clock_watch;
pub mod common_checks;
pub mod dose;
pub mod ending;
pub mod extraction;
pub mod fault;
pub mod frame;
pub mod gate_view;
pub mod guard;
pub mod hearing;
pub mod interlock;
mod interlock_judge;
pub mod limits;
pub mod machine;
pub mod note;
pub mod outcome;
pub mod permit;
pub mod proving;
pub mod rate;
pub mod reading;
pub mod record;
pub mod repeated;
pub mod request;
pub mod requirement;
pub mod resume;
pub mod session;
mod session_io;
pub mod set_up;
pub mod silence;
pub mod state;
pub mod status;
pub mod time;
pub mod unit_status;
pub mod units;
pub mod wire;
