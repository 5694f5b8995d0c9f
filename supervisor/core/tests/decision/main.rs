//! The core's own fast tests: every file of `beam-core` through what it shows to others, in well under a second, so that
//! each altered copy of the code can be tried against all of them (`tests/mutants/run`).
//!
//! Limits are tried at the limit itself: there it holds, one count beyond it trips. `kit` holds the one machine, the one
//! order and the one rig that all of them use; a test of a safety requirement says which with [`kit::verifies`], and
//! `SAFETY.md` is made from that.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::wildcard_enum_match_arm,
    reason = "these lints keep panics out of the decision; a test fails by a panic"
)]

mod kit;

mod agreement;
mod air;
mod beam_charge;
mod beam_clock;
mod beam_off;
mod chamber;
mod chamber_anew;
mod chamber_restart;
mod clock_watch;
mod common_checks;
mod dose;
mod dose_backup;
mod electrometer;
mod ending;
mod fault;
mod frame;
mod gate_view;
mod gate_view_doubt;
mod guard;
mod guard_silence;
mod hearing;
mod interlock;
mod interlock_beam_charge;
mod interlock_beam_off;
mod interlock_end;
mod interlock_frames;
mod interlock_gate;
mod interlock_old_news;
mod interlock_resume;
mod interlock_set_up;
mod limits;
mod outcome;
mod permit;
mod proving;
mod rate;
mod request;
mod resume;
mod second_delivery;
mod session;
mod session_end;
mod session_proof;
mod session_second;
mod set_up;
mod silence;
mod state;
mod time;
mod time_pulses;
mod unit_status;
mod units;
mod wire;
