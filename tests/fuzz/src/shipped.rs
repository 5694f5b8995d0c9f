//! The shipped profiles and plans, read once.

use std::sync::OnceLock;

use beam_supervisor::config::{Plan, Profile, shipped};
use beam_supervisor::prepared::Prepared;

struct Shipped {
    profiles: Vec<Profile>,
    plans: Vec<Plan>,
    prepared: Prepared,
}

fn all() -> &'static Shipped {
    static ALL: OnceLock<Shipped> = OnceLock::new();
    ALL.get_or_init(|| {
        let profiles = shipped::MACHINES.iter().filter_map(|file| shipped::profile(file.machine)).collect::<Vec<_>>();
        let plans = shipped::PLANS.iter().filter_map(|file| shipped::plan(file.machine)).collect::<Vec<_>>();
        assert!(!profiles.is_empty() && profiles.len() == plans.len());
        let prepared = Prepared::new(&profiles[0], &plans[0]).expect("the first plan fits the first machine");
        Shipped { profiles, plans, prepared }
    })
}

/// The shipped profile of a machine.
pub fn profile_of(machine: &str) -> Option<&'static Profile> {
    all().profiles.iter().find(|profile| profile.name == machine)
}

/// The shipped plan for a machine.
pub fn plan_of(machine: &str) -> Option<&'static Plan> {
    all().plans.iter().find(|plan| plan.machine == machine)
}

/// The first shipped machine with its plan, ready for the guards.
pub fn prepared() -> &'static Prepared {
    &all().prepared
}
