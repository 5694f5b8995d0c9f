//! The machine profiles and plans that the program carries with it, so that `demo` and `check` work from any directory.
//! They are the files of `configs/`, taken in when the program is built.

use super::dbc::Wrong;
use super::plan::{Plan, parse_plan};
use super::profile::{Profile, parse_profile_with};

/// A file that the program carries.
#[derive(Clone, Copy, Debug)]
pub struct ShippedFile {
    /// Name of the machine.
    pub machine: &'static str,
    /// Path below `configs/`.
    pub file: &'static str,
    /// Content.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($machine:literal $file:literal),+ $(,)?) => {
        &[$(ShippedFile {
            machine: $machine,
            file: concat!("configs/", $file),
            text: include_str!(concat!("../../../configs/", $file)),
        }),+]
    };
}

/// The machine profiles, each under its name.
pub const MACHINES: &[ShippedFile] = shipped![
    "mobetron" "machines/mobetron.toml",
    "novac7" "machines/novac7.toml",
    "liac" "machines/liac.toml",
    "conventional-cone" "machines/conventional-cone.toml",
    "uhdr-research-1khz" "machines/uhdr-research-1khz.toml",
    "intrabeam" "machines/intrabeam.toml",
    "modulated-linac" "machines/modulated-linac.toml",
    "example-electrometer" "machines/example-electrometer.toml",
];

/// The profiles of the demo: the same machines with room for a computer without real-time rights.
pub const DEMO_MACHINES: &[ShippedFile] = shipped![
    "mobetron" "machines/demo/mobetron.toml",
    "novac7" "machines/demo/novac7.toml",
    "intrabeam" "machines/demo/intrabeam.toml",
];

/// A plan for each machine.
pub const PLANS: &[ShippedFile] = shipped![
    "mobetron" "plans/mobetron-10gy.toml",
    "novac7" "plans/novac7-10gy.toml",
    "liac" "plans/liac-10gy.toml",
    "conventional-cone" "plans/conventional-cone-10gy.toml",
    "uhdr-research-1khz" "plans/uhdr-research-1khz-10gy.toml",
    "intrabeam" "plans/intrabeam-5gy.toml",
    "modulated-linac" "plans/modulated-linac-2gy.toml",
    "example-electrometer" "plans/example-electrometer-10gy.toml",
];

/// Plans that are a number of pulses.
pub const PLANS_IN_PULSES: &[ShippedFile] = shipped!["novac7" "plans/novac7-20-pulses.toml"];

/// Profiles of no machine, whose two monitors differ in every number: for tests and campaigns, which would not see two
/// calibrations mixed up that are alike.
pub const TRIALS: &[ShippedFile] = shipped![
    "trial-two-chambers" "trials/two-chambers.toml",
    "trial-two-electrometers" "trials/two-electrometers.toml",
];

/// A plan for each trial.
pub const TRIAL_PLANS: &[ShippedFile] = shipped![
    "trial-two-chambers" "trials/plans/two-chambers.toml",
    "trial-two-electrometers" "trials/plans/two-electrometers.toml",
];

/// The DBC files of electrometers that do not speak the bus contract, each under the path by which profiles name it.
const DBC_FILES: &[(&str, &str)] = &[
    ("../can/example-electrometer.dbc", include_str!("../../../configs/can/example-electrometer.dbc")),
    ("../can/trial-electrometers.dbc", include_str!("../../../configs/can/trial-electrometers.dbc")),
];

fn parse(file: &ShippedFile) -> Option<Profile> {
    let library = |path: &str| {
        let found = DBC_FILES.iter().find(|(name, _)| *name == path).map(|&(_, text)| text.to_owned());
        let what = format!("the program does not carry {path}");
        found.ok_or_else(|| Wrong { what, fix: "name one that it carries".to_owned() })
    };
    // a test reads every shipped file, so `ok` hides nothing
    parse_profile_with(file.file, file.text, &library).ok()
}

fn find(files: &[ShippedFile], machine: &str) -> Option<ShippedFile> {
    files.iter().find(|file| file.machine == machine).copied()
}

/// The profile of `machine`.
#[must_use]
pub fn profile(machine: &str) -> Option<Profile> {
    find(MACHINES, machine).and_then(|file| parse(&file))
}

/// The demo's profile of `machine`; the usual one where the demo has none of its own.
#[must_use]
pub fn demo_profile(machine: &str) -> Option<Profile> {
    let own = find(DEMO_MACHINES, machine).and_then(|file| parse(&file));
    own.or_else(|| profile(machine))
}

/// The plan for `machine`.
#[must_use]
pub fn plan(machine: &str) -> Option<Plan> {
    find(PLANS, machine).and_then(|file| parse_plan(file.file, file.text).ok())
}

/// The plan in pulses for `machine`, where there is one.
#[must_use]
pub fn plan_in_pulses(machine: &str) -> Option<Plan> {
    find(PLANS_IN_PULSES, machine).and_then(|file| parse_plan(file.file, file.text).ok())
}

/// Every trial profile with its plan.
#[must_use]
pub fn trial_profiles() -> Vec<(Profile, Plan)> {
    let one = |file: &ShippedFile| {
        let plan = find(TRIAL_PLANS, file.machine)?;
        parse(file).zip(parse_plan(plan.file, plan.text).ok())
    };
    TRIALS.iter().filter_map(one).collect()
}
