//! The plan of one field: what was prescribed, the set-up, and the monitor units twice, as people write it in TOML. A plan
//! from another source (DICOM) is the same [`Plan`] without [`Places`].

use beam_core::limits;
use beam_core::units::Dose;
use beam_core::wire::Docking;
use toml::de::DeTable;

use super::counts;
use super::document::Document;
use super::problem::Problem;
use super::profile::DOCKINGS;
use super::reader::{Section, range};

/// Keys at the top of a plan by which it is known to be one.
pub const TELLING_KEYS: &[&str] =
    &["field", "prescription-gy", "isodose-percent", "monitor-units", "monitor-units-check"];

/// A pulse larger than that of any machine: by it the two MU values may differ by the most that any machine allows.
pub(super) const ANY_PULSE: Dose = Dose::from_micro_mu(1_000_000_000);
/// Pulses that the gate can count in one delivery.
const MOST_PULSES: u32 = 16_777_214;
/// MU for one Gy at the maximum that any calibration and applicator factor can explain; 1 MU is near 1 cGy.
const MU_PER_GY: (f64, f64) = (25.0, 400.0);

/// Where the values of a plan stand in its file: key, line, column. Empty for a plan that came from no file of ours.
pub type Places = Vec<(&'static str, usize, usize)>;

/// The plan of one field.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// The file that it was read from, or a name for its source.
    pub file: String,
    /// Number of the field, 1 to 99.
    pub field: u32,
    /// Name of the machine profile.
    pub machine: String,
    /// Energy in MeV.
    pub energy_mev: f64,
    /// Applicator, by the profile's name for it.
    pub applicator: String,
    /// Docking.
    pub docking: Docking,
    /// Prescribed dose in Gy, up to 40; on a machine with a steady rate at least 0.5.
    pub prescription_gy: f64,
    /// Isodose in percent that it is prescribed at, 50 to 110.
    pub isodose_percent: f64,
    /// Preset of monitor 1 in MU.
    pub monitor_units: f64,
    /// The same from an independent calculation.
    pub monitor_units_check: f64,
    /// Limit of the beam-on time in s, where the plan sets its own; a plan in pulses must.
    pub time_limit_s: Option<f64>,
    /// Most pulses by the gate's count, where the plan sets its own limit; never beside `pulses`.
    pub pulse_limit: Option<u32>,
    /// The number of pulses that is to be given, 1 to 20, where that ends the beam and the dose is what is expected of it.
    pub pulses: Option<u32>,
    /// Where the values stand.
    pub places: Places,
}

impl Plan {
    /// A problem at the value of `key`.
    pub(super) fn problem(&self, key: &str, what: impl Into<String>, fix: impl Into<String>) -> Problem {
        let found = self.places.iter().find(|(known, _, _)| *known == key);
        let place = found.map_or((0, 0), |&(_, line, column)| (line, column));
        Problem::at(&self.file, place, what, fix)
    }

    /// That the two MU values differ by more than pulses of this size allow, if they do.
    pub(super) fn disagreement(&self, pulse: Dose) -> Option<Problem> {
        let check = counts::dose_limit(self.monitor_units_check);
        let apart = counts::dose_limit(self.monitor_units).minus(check).size();
        let allowed = limits::tolerance(check, pulse);
        if apart <= allowed {
            return None;
        }
        let what = format!(
            "`monitor-units` = {} and `monitor-units-check` = {} differ by {} MU, allowed are {}",
            self.monitor_units,
            self.monitor_units_check,
            counts::mu(apart),
            counts::mu(allowed)
        );
        let fix = "find which calculation is wrong; the two must agree within 1 % of the check, or within half a pulse of \
                   the beam (1 MU at most), whichever is more";
        Some(self.problem("monitor-units-check", what, fix))
    }

    /// That a plan in pulses lacks its time limit or sets a second limit of pulses, if it does.
    fn against_pulses(&self) -> Vec<Problem> {
        let Some(pulses) = self.pulses else { return Vec::new() };
        let mut problems = Vec::new();
        if self.time_limit_s.is_none() {
            let what = format!("`pulses` = {pulses} without `time-limit-s`: a plan in pulses sets its own");
            let fix = "add `time-limit-s =`, a little more than the time that the pulses take";
            problems.push(self.problem("pulses", what, fix));
        }
        if let Some(limit) = self.pulse_limit {
            let what = format!("`pulse-limit` = {limit} beside `pulses` = {pulses}, which is itself the limit");
            problems.push(self.problem("pulse-limit", what, "remove `pulse-limit`"));
        }
        problems
    }

    /// What does not fit together inside the plan: the two MU values as far as that can be said without the machine, MU
    /// against Gy, and what belongs to a plan in pulses. Applies to a plan of any source.
    #[must_use]
    pub fn contradictions(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(self.disagreement(ANY_PULSE));
        problems.extend(self.against_pulses());
        let gy_at_maximum = self.prescription_gy * 100.0 / self.isodose_percent;
        let mu = self.monitor_units;
        let mu_per_gy = mu / gy_at_maximum;
        if mu_per_gy < MU_PER_GY.0 || mu_per_gy > MU_PER_GY.1 {
            let what = format!(
                "`monitor-units` = {mu} for {} Gy at {} % is {mu_per_gy:.1} MU per Gy at the maximum; plausible are {} to {}",
                self.prescription_gy, self.isodose_percent, MU_PER_GY.0, MU_PER_GY.1
            );
            problems.push(self.problem("monitor-units", what, "check both for a slip between Gy and cGy"));
        }
        problems
    }
}

/// Reads the plan in `text`; `file` is what its problems are reported under.
///
/// # Errors
/// Everything that is wrong with it by itself; whether it fits a machine is judged by [`order`](super::order()).
pub fn parse_plan(file: &str, text: &str) -> Result<Plan, Vec<Problem>> {
    let document = Document::new(file, text);
    let plan = document.parse().and_then(|table| read(file, &document, &table));
    let is_clean = document.is_clean();
    let mut problems = document.into_problems();
    if let Some(plan) = &plan {
        problems.extend(plan.contradictions());
        problems.sort();
    }
    match plan {
        Some(plan) if is_clean && problems.is_empty() => Ok(plan),
        _ => Err(problems),
    }
}

fn read(file: &str, document: &Document<'_>, table: &DeTable<'_>) -> Option<Plan> {
    let top = Section::top(document, table);
    let field = top.whole("field", 1..=99, "number of the field");
    let machine = top.text("machine", "the name in the machine profile");
    let energy_mev = top.number("energy-mev", range(0.1, 25.5, "energy of the beam"));
    let applicator = top.text("applicator", "the name that the machine profile gives it");
    let docking = top.word("docking", DOCKINGS);
    let dose = "prescribed dose of one fraction; a dose in cGy is a hundred times as large";
    let prescription_gy = top.number("prescription-gy", range(0.001, 40.0, dose));
    let isodose = "isodose that is prescribed at, in percent of the maximum and not as a fraction of 1";
    let isodose_percent = top.number("isodose-percent", range(50.0, 110.0, isodose));
    let units = "preset of monitor 1 from the dose calculation";
    let monitor_units = top.number("monitor-units", range(0.5, 10_000.0, units));
    let check = "the same from an independent calculation, never copied";
    let monitor_units_check = top.number("monitor-units-check", range(0.5, 10_000.0, check));
    let limit = "beam-on time after which the time guard ends the beam";
    let time_limit_s = top.optional_number("time-limit-s", range(1.0, 7200.0, limit));
    let limit = "pulses by the gate's count after which the time guard ends the beam; the gate counts no further";
    let pulse_limit = top.optional_whole("pulse-limit", 1..=MOST_PULSES, limit);
    let count = "pulses to be given, where their number ends the beam and not the dose; more are planned as a dose";
    let pulses = top.optional_whole("pulses", 1..=20, count);
    let places = table.iter().filter_map(|(name, _)| {
        let key = *KEYS.iter().find(|key| **key == name.get_ref())?;
        let (line, column) = document.place(top.at(key));
        Some((key, line, column))
    });
    let places = places.collect();
    top.finish();
    Some(Plan {
        file: file.to_owned(),
        field: field?,
        machine: machine?.to_owned(),
        energy_mev: energy_mev?,
        applicator: applicator?.to_owned(),
        docking: docking?,
        prescription_gy: prescription_gy?,
        isodose_percent: isodose_percent?,
        monitor_units: monitor_units?,
        monitor_units_check: monitor_units_check?,
        time_limit_s,
        pulse_limit,
        pulses,
        places,
    })
}

/// Keys whose places are kept.
const KEYS: &[&str] = &[
    "field",
    "machine",
    "energy-mev",
    "applicator",
    "docking",
    "prescription-gy",
    "isodose-percent",
    "monitor-units",
    "monitor-units-check",
    "time-limit-s",
    "pulse-limit",
    "pulses",
];
