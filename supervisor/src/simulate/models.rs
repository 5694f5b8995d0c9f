//! The machines that a campaign draws from: the shipped profiles with their plans, and some made of them that are shipped
//! nowhere. Each comes twice, as the program reads it and as [`Numbers`] read it from the same text.

use crate::config::shipped::{self, ShippedFile};
use crate::config::{Plan, Problem, Profile, Wrong, parse_plan, parse_profile_with};
use crate::simulate::second_order::{Numbers, Wanted};

/// The DBC file of the electrometers that shipped profiles name.
const DBC: &str = include_str!("../../../configs/can/example-electrometer.dbc");

/// A machine with a plan for it.
#[derive(Clone, Debug)]
pub struct Model {
    /// The profile as the program reads it.
    pub profile: Profile,
    /// The plan as the program reads it.
    pub plan: Plan,
    /// The same profile in the numbers of its file.
    pub numbers: Numbers,
    /// The same plan.
    pub wanted: Wanted,
}

/// A machine made from a shipped one: its name, the shipped one's, and what its text says otherwise.
struct Variant {
    name: &'static str,
    of: &'static str,
    /// In the whole text.
    changes: &'static [(&'static str, &'static str)],
    /// In the table of monitor 2 alone.
    second_monitor: &'static [(&'static str, &'static str)],
}

/// Machines that no file describes: a pair of monitors that differ in every number, everything on one bus, a last pulse that
/// lands above the preset.
const VARIANTS: [Variant; 3] = [
    Variant {
        name: "unlike-monitors",
        of: "liac",
        changes: &[],
        second_monitor: &[
            ("pc-per-mu = 20000", "pc-per-mu = 13700"),
            ("full-scale-pc = 250000", "full-scale-pc = 181000"),
            ("polarising-volts = 300", "polarising-volts = 410"),
            ("voltage-tolerance-percent = 2", "voltage-tolerance-percent = 1.5"),
            ("leakage-warn-mu-per-minute = 0.2", "leakage-warn-mu-per-minute = 0.15"),
            ("leakage-block-mu-per-minute = 0.44", "leakage-block-mu-per-minute = 0.37"),
        ],
    },
    Variant {
        name: "one-bus",
        of: "novac7",
        changes: &[
            ("buses = \"two\"", "buses = \"one\""),
            ("linac-bus = \"b\"", "linac-bus = \"a\""),
            ("bus = \"b\"", "bus = \"a\""),
        ],
        second_monitor: &[],
    },
    Variant {
        name: "at-or-above",
        of: "mobetron",
        changes: &[("landing = \"nearest\"", "landing = \"at-or-above\"")],
        second_monitor: &[],
    },
];

/// Every machine that a campaign can draw, by name.
pub fn names() -> impl Iterator<Item = &'static str> {
    shipped::MACHINES.iter().map(|file| file.machine).chain(VARIANTS.iter().map(|variant| variant.name))
}

/// All of them.
///
/// # Errors
/// What of one does not read.
pub fn everything() -> Result<Vec<Model>, Vec<Problem>> {
    names().filter_map(model).collect()
}

/// The machine `name`; none where there is no such machine.
#[must_use]
pub fn model(name: &str) -> Option<Result<Model, Vec<Problem>>> {
    let variant = VARIANTS.iter().find(|variant| variant.name == name);
    let of = variant.map_or(name, |variant| variant.of);
    let find = |files: &[ShippedFile]| files.iter().find(|file| file.machine == of).copied();
    let (profile, plan) = (find(shipped::MACHINES)?, find(shipped::PLANS)?);
    let (profile_text, plan_text) = match variant {
        Some(variant) => (changed(profile.text, variant), renamed(plan.text, variant)),
        None => (profile.text.to_owned(), plan.text.to_owned()),
    };
    Some(read((profile.file, &profile_text), (plan.file, &plan_text)))
}

fn read(profile: (&str, &str), plan: (&str, &str)) -> Result<Model, Vec<Problem>> {
    let library = |path: &str| {
        let known = path.ends_with("example-electrometer.dbc").then(|| DBC.to_owned());
        let fix = "name one that it carries".to_owned();
        known.ok_or_else(|| Wrong { what: format!("the program does not carry {path}"), fix })
    };
    let unread = |file: &str, key: crate::simulate::second_order::Unread| {
        vec![Problem::at(file, (0, 0), format!("`{}` cannot be read", key.0), "write it as the shipped files do")]
    };
    Ok(Model {
        profile: parse_profile_with(profile.0, profile.1, &library)?,
        plan: parse_plan(plan.0, plan.1)?,
        numbers: Numbers::read(profile.1, DBC).map_err(|key| unread(profile.0, key))?,
        wanted: Wanted::read(plan.1).map_err(|key| unread(plan.0, key))?,
    })
}

/// The profile's text with what the variant says otherwise.
fn changed(text: &str, variant: &Variant) -> String {
    let (before, from) = text.split_once("[monitor-2]").unwrap_or((text, ""));
    let (table, after) = from.split_once("\n[").unwrap_or((from, ""));
    let replace = |text: &str, changes: &[(&str, &str)]| {
        changes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let second = replace(table, variant.second_monitor);
    let whole = format!("{before}[monitor-2]{second}\n[{after}");
    renamed(&replace(&whole, variant.changes), variant)
}

fn renamed(text: &str, variant: &Variant) -> String {
    let names = [("name", variant.of, variant.name), ("machine", variant.of, variant.name)];
    names.iter().fold(text.to_owned(), |text, (key, from, to)| {
        text.replace(&format!("{key} = \"{from}\""), &format!("{key} = \"{to}\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_reads_and_every_variant_differs_from_what_it_was_made_of() {
        let all = everything().expect("every machine reads");
        assert_eq!(all.len(), names().count());
        for variant in &VARIANTS {
            let find = |name: &str| all.iter().find(|model| model.numbers.name == name).expect("read");
            let (made, of) = (find(variant.name), find(variant.of));
            assert_ne!(made.profile.machine, of.profile.machine, "{}", variant.name);
            assert_eq!(made.plan.machine, variant.name);
        }
    }

    #[test]
    fn the_unlike_monitors_differ_in_every_number() {
        let model = model("unlike-monitors").expect("a variant").expect("it reads");
        let [first, second] = model.profile.machine.monitors;
        assert_ne!(first.dose_per_charge, second.dose_per_charge);
        assert_ne!(first.full_scale, second.full_scale);
        assert_ne!((first.voltage, first.voltage_tolerance), (second.voltage, second.voltage_tolerance));
        assert_ne!((first.leakage_warn, first.leakage_block), (second.leakage_warn, second.leakage_block));
    }
}
