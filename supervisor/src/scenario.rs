//! Scenario files: a machine, a preset, a seed, what befalls it and what must come of it. An accident that happened somewhere, a
//! behaviour that must not end a beam, or a run that a campaign wants to keep.
//!
//! | file | holds |
//! | --- | --- |
//! | `read` | a file as TOML: every error at once, with its line |
//! | `expect` | what a file may ask for, and in which words it is told what was not kept |
//! | `play` | one run of a scenario on the simulated world |
//! | `shipped` | the scenarios that the program carries with it: those of `tests/scenarios/` |
//! | `tell` | a run as a person reads it, and as JSON |

use beam_core::units::{Dose, Span};
use serde::{Deserialize, Serialize};

use crate::config::shipped as machines;
use crate::describe::mu;
use crate::mishap::Mishap;
use crate::prepared::Prepared;

mod expect;
mod play;
mod read;
pub mod shipped;
mod tell;

pub use expect::{Code, Expect, Forbidden, Verdict};
pub use play::{Played, Pulse, play, play_watched};
pub use read::parse;
pub use tell::{json, story, text};

/// One scenario.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// Its name, as its file is called.
    pub name: String,
    /// The accident that it replays, `A01` to `A18`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accident: Option<String>,
    /// One line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What happened, and how sure that is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub story: String,
    /// Where that is published.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// What was received then, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub then: String,
    /// The checks that ought to find it, `C1` to `C18`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub check: Vec<String>,
    /// A shipped machine.
    pub machine: String,
    /// Which of its beams; its plan's own if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_mev: Option<f64>,
    /// Whether a sensor of the beam's charge is used where the machine has one.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub beam_charge_sensor: bool,
    /// Whether the plan is a number of pulses, those of the preset at nominal, where the machine has such a plan.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_pulses: bool,
    /// Preset in MU, down to a millionth.
    pub preset_mu: f64,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// What the computer's clock shows when everything is switched on, in ms; 0 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_at_start_ms: Option<u64>,
    /// Where every instrument's counter of pulses begins; the seed decides if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters_at_start: Option<Counters>,
    /// What befalls it; the first one is the one from which pulses and time are counted.
    #[serde(default, rename = "mishap", skip_serializing_if = "Vec::is_empty")]
    pub mishaps: Vec<Mishap>,
    /// What must come of it.
    pub expect: Expect,
}

/// Counters of an instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    /// Of pulses, modulo 2^16.
    pub pulses: u16,
    /// Of charge, modulo 2^32.
    pub charge: u32,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that the derive calls")]
const fn is_yes(value: &bool) -> bool {
    *value
}

impl Scenario {
    /// A run of a campaign, to be kept and played again: everything that it was drawn from.
    #[must_use]
    pub fn of_run(name: &str, machine: &str, preset: Dose, seed: u64, mishaps: &[Mishap], expect: Expect) -> Self {
        Self {
            name: name.to_owned(),
            accident: None,
            title: String::new(),
            story: String::new(),
            source: String::new(),
            then: String::new(),
            check: Vec::new(),
            machine: machine.to_owned(),
            energy_mev: None,
            beam_charge_sensor: true,
            in_pulses: false,
            preset_mu: mu(preset),
            seed,
            clock_at_start_ms: None,
            counters_at_start: None,
            mishaps: mishaps.to_vec(),
            expect,
        }
    }

    /// The scenario as the text of its file.
    ///
    /// # Errors
    /// None that a scenario which can be made could cause.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The same scenario in which nothing happens.
    #[must_use]
    pub fn without_mishaps(&self) -> Self {
        Self { mishaps: Vec::new(), clock_at_start_ms: None, counters_at_start: None, ..self.clone() }
    }

    /// The preset.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a scenario's preset is under a million MU")]
    pub fn preset(&self) -> Dose {
        Dose::from_micro_mu((self.preset_mu * 1e6).round() as i64)
    }

    /// What the computer's clock shows when everything is switched on.
    #[must_use]
    pub fn clock_at_start(&self) -> Span {
        Span::from_millis(self.clock_at_start_ms.unwrap_or(0))
    }

    /// Machine and plan, made ready.
    ///
    /// # Errors
    /// What of the two does not exist or does not fit, in words.
    pub fn prepare(&self) -> Result<Prepared, String> {
        let name = &self.machine;
        let known = || machines::MACHINES.iter().map(|file| file.machine).collect::<Vec<_>>().join(", ");
        let profile =
            machines::profile(name).ok_or_else(|| format!("there is no machine `{name}`; {} are", known()))?;
        let plan = if self.in_pulses { machines::plan_in_pulses(name) } else { machines::plan(name) };
        let mut plan = plan.ok_or_else(|| format!("`{name}` has no such plan"))?;
        plan.energy_mev = self.energy_mev.unwrap_or(plan.energy_mev);
        let prepared = Prepared::new(&profile, &plan);
        let all = |problems: Vec<_>| {
            problems.into_iter().map(|problem: crate::config::Problem| problem.what).collect::<Vec<_>>().join("; ")
        };
        let mut prepared = prepared.map_err(all)?.with_preset(self.preset());
        if !self.beam_charge_sensor {
            prepared.machine.beam_charge = None;
            prepared.order.beam_charge = None;
        }
        Ok(prepared)
    }
}
