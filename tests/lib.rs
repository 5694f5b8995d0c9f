//! What the system tests share: trial machines, a whole delivery in one call, and a recording to be read afterwards.
//!
//! The tests drive the unmodified guards, rings and session ([`beam_supervisor::world::World`]) against the simulated
//! treatment unit, in virtual time. Each test file begins with what it shows, in words that need no Rust. Every safety
//! requirement has tests in pairs: `trips_…` shows that the promise is kept, `holds_…` that nothing trips without need;
//! a test says which one it is about with [`verifies`].

mod bench;
pub mod checks;
mod deliver;
mod hand;
mod machines;
mod onlooker;
mod recording;

pub use bench::Bench;
pub use deliver::{DELIVERY, Outcome, PROOF, deliver, deliver_recorded, in_parallel, outcome_of};
pub use hand::Hand;
pub use machines::{Trial, trial_machines};
pub use onlooker::{Onlooker, observed_report};
pub use recording::{Recording, permit_of, reading_of};

use beam_core::requirement::Requirement;

/// Says which requirement a test is about. `SAFETY.md` is made from these lines.
pub const fn verifies(requirement: Requirement) {
    let _read_in_the_source_by_the_test_that_writes_the_table = requirement;
}
