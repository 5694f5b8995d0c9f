//! A machine and a plan made ready for the guards: the integers that they judge by, and what people want to read.

use beam_core::machine::{Machine, Order};

use crate::report::Planned;

/// A machine and a plan.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The machine in integers.
    pub machine: Machine,
    /// The delivery in integers.
    pub order: Order,
    /// The plan as people read it.
    pub planned: Planned,
    /// What is to be said of machine and plan: a bench's stretched periods, one bus for all, a lower protection.
    pub notices: Vec<String>,
    /// By how much periods are stretched.
    pub period_scale: u32,
    /// Whether the chambers' frames carry no protection.
    pub is_unprotected: bool,
    /// Whether the profile says that nothing may run without real-time rights.
    pub requires_real_time: bool,
    /// Whether this is a bench and no machine that treats.
    pub is_bench: bool,
}
