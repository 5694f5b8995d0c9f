//! What a scenario asks for, and what of it was not kept.

use beam_core::fault::Fault;
use serde::{Deserialize, Serialize};

use super::Scenario;
use super::play::{Played, play};
use crate::mishap::Deed;

/// How a session may end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No delivery was armed.
    NeverArmed,
    /// A fault ended the delivery.
    Tripped,
    /// The delivery was interrupted and not resumed.
    Interrupted,
    /// The operator ended the delivery.
    Terminated,
    /// The gate is shut, and nobody is left who could say why.
    FallsSilent,
    /// The delivery reached its preset by dose guard 1, and nothing was found.
    Completes,
}

impl Verdict {
    /// The verdict as people read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverArmed => "never armed",
            Self::Tripped => "tripped",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
            Self::FallsSilent => "beam off by silence",
            Self::Completes => "completes",
        }
    }
}

/// A fault by its code, as `F-303`, or by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Code(pub Fault);

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.0.code().to_owned()
    }
}

impl TryFrom<String> for Code {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let found = Fault::ALL.iter().find(|fault| fault.code() == text || fault.name() == text);
        found.map(|fault| Self(*fault)).ok_or(format!("`{text}` is no fault; `beam-supervisor faults` lists them"))
    }
}

/// What may not happen: a fault by its code, or any `fault` or `warning`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Forbidden {
    /// Any fault.
    AnyFault,
    /// Any warning.
    AnyWarning,
    /// This one, as a fault or as a warning.
    This(Fault),
}

impl From<Forbidden> for String {
    fn from(forbidden: Forbidden) -> Self {
        match forbidden {
            Forbidden::AnyFault => "fault".to_owned(),
            Forbidden::AnyWarning => "warning".to_owned(),
            Forbidden::This(fault) => fault.code().to_owned(),
        }
    }
}

impl TryFrom<String> for Forbidden {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "fault" => Ok(Self::AnyFault),
            "warning" => Ok(Self::AnyWarning),
            _ => Code::try_from(text).map(|code| Self::This(code.0)),
        }
    }
}

/// What must come of a scenario. What is not given is not asked for; that no pulse is fired while the gate should be shut or
/// beyond a lease is always asked for, unless a mishap damages the gate itself; and that no
/// dose below zero is told of.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// How it ends.
    pub verdict: Verdict,
    /// The fault that is found first is one of these; where nothing was armed, one of these stands against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Code>,
    /// Faults that must be among all that were found, before the end or after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_found: Vec<Code>,
    /// What must stand against a beam at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standing: Vec<Code>,
    /// Whether *as planned* may be said of the last delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_planned: Option<bool>,
    /// Who found it: `dose 1`, `dose 2`, `time`, `interlock` or `session`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found_by: Vec<String>,
    /// Warnings that must be among those given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Code>,
    /// Most pulses from the first mishap on, the pulse that it befell included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_pulses: Option<u64>,
    /// Most milliseconds from the first mishap until the gate is shut for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_milliseconds: Option<f64>,
    /// Most milliseconds from the first mishap until the first fault is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_within_milliseconds: Option<f64>,
    /// Most true dose of the whole session in MU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_dose_mu: Option<f64>,
    /// Least true dose in MU: for what a machine cannot see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_dose_mu: Option<f64>,
    /// Least dose in MU that the record must own up to: the largest of monitor 1, monitor 2 and gate pulses × MU per pulse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_recorded_mu: Option<f64>,
    /// By how many MU the record may differ from the true dose at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_within_mu: Option<f64>,
    /// By how many pulses monitor 1 may miss the preset at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lands_within_pulses: Option<f64>,
    /// Deeds of the operator that are asked for at least once and refused each time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Deed>,
    /// What may not happen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_not: Vec<Forbidden>,
    /// Whether everything must come out as if nothing had happened: pulses, doses, leases, times and warnings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changes_nothing: bool,
}

impl Expect {
    /// An expectation of a verdict and of nothing else.
    #[must_use]
    pub const fn only(verdict: Verdict) -> Self {
        Self {
            verdict,
            faults: Vec::new(),
            also_found: Vec::new(),
            standing: Vec::new(),
            as_planned: None,
            found_by: Vec::new(),
            warnings: Vec::new(),
            most_pulses: None,
            most_milliseconds: None,
            found_within_milliseconds: None,
            most_dose_mu: None,
            least_dose_mu: None,
            least_recorded_mu: None,
            record_within_mu: None,
            lands_within_pulses: None,
            refused: Vec::new(),
            may_not: Vec::new(),
            changes_nothing: false,
        }
    }

    /// Everything that was not kept, in words; nothing when all was.
    #[must_use]
    pub fn unmet(&self, scenario: &Scenario, played: &Played) -> Vec<String> {
        let mut unmet = Unmet(Vec::new());
        self.judge_verdict(played, &mut unmet);
        self.judge_findings(played, &mut unmet);
        self.judge_amounts(scenario, played, &mut unmet);
        self.judge_people(played, &mut unmet);
        if self.changes_nothing {
            unmet.0.extend(compare(scenario, played));
        }
        unmet.0
    }

    fn judge_verdict(&self, played: &Played, unmet: &mut Unmet) {
        let ended = played.verdict();
        unmet.unless(ended == self.verdict, || {
            format!("it was to be: {}; it is: {} ({})", self.verdict.name(), ended.name(), played.summary())
        });
        let names = |codes: &[Code]| codes.iter().map(|code| code.0.code()).collect::<Vec<_>>().join(" or ");
        if !self.faults.is_empty() {
            let found = played.first_fault().map(|(_, fault)| fault);
            let standing = found.is_none() && self.faults.iter().any(|code| played.standing.contains(&code.0));
            let is_one = found.is_some_and(|fault| self.faults.contains(&Code(fault)));
            unmet.unless(is_one || standing, || {
                let found = found.map_or("nothing".to_owned(), |fault| format!("{} {}", fault.code(), fault.name()));
                format!("{} was to be found first; it was {found}", names(&self.faults))
            });
        }
        if !self.found_by.is_empty() {
            let finder = played.first_fault().map_or("nobody", |(finder, _)| finder);
            unmet.unless(self.found_by.iter().any(|name| name == finder), || {
                format!("{} was to find it; {finder} did", self.found_by.join(" or "))
            });
        }
    }

    fn judge_findings(&self, played: &Played, unmet: &mut Unmet) {
        let all = played.all_faults();
        for code in self.also_found.iter().filter(|code| !all.contains(&code.0)) {
            unmet.0.push(format!("{} was to be found too; it was not", code.0.code()));
        }
        for code in self.standing.iter().filter(|code| !played.standing.contains(&code.0)) {
            unmet.0.push(format!("{} was to stand against a beam at the end; it does not", code.0.code()));
        }
        if let Some(as_planned) = self.as_planned {
            let why = played.shortfalls.iter().map(|why| why.name()).collect::<Vec<_>>().join(", ");
            unmet.unless(played.shortfalls.is_empty() == as_planned, || match as_planned {
                true => format!("it was to be as planned; it is not: {why}"),
                false => format!("it was not to be as planned; it is ({})", played.summary()),
            });
        }
        for code in &self.warnings {
            unmet.unless(played.warnings().contains(&code.0), || {
                format!("a warning {} was to be given; there was none", code.0.code())
            });
        }
        for forbidden in &self.may_not {
            let found = played.forbidden(*forbidden);
            unmet.unless(found.is_empty(), || format!("it was not to happen and did: {}", found.join(", ")));
        }
    }

    fn judge_amounts(&self, scenario: &Scenario, played: &Played, unmet: &mut Unmet) {
        let truth = &played.truth;
        unmet.unless(played.ended, || "it went on for longer than its own limits allow".to_owned());
        // a damaged gate is no measure of the supervisor
        let sound = !scenario.mishaps.iter().any(|mishap| mishap.what.damages_gate());
        unmet.unless(!sound || truth.pulses_while_closed == 0, || {
            format!("{} pulses were fired while the gate should be shut", truth.pulses_while_closed)
        });
        unmet.unless(!sound || truth.pulses_beyond_lease == 0, || {
            format!("{} pulses were fired beyond a lease", truth.pulses_beyond_lease)
        });
        let told = played.least_told_mu();
        unmet.unless(told > -played.pulse_mu, || format!("a dose of {told:.3} MU was told of a monitor"));
        if let Some(most) = self.most_pulses {
            let fired = played.pulses_from_mishap();
            unmet.unless(fired.is_some_and(|fired| fired <= most), || match fired {
                Some(fired) => format!("at most {most} pulses from the mishap on; there were {fired}"),
                None => "pulses are to be counted from the first mishap, and it never came".to_owned(),
            });
        }
        if let Some(most) = self.most_milliseconds {
            let took = played.milliseconds_to_shut();
            unmet.unless(took.is_some_and(|took| took <= most), || match took {
                Some(took) => format!("the gate was to be shut within {most} ms of the mishap; it took {took:.2} ms"),
                None => "the gate was to be shut, and it is not, or the first mishap never came".to_owned(),
            });
        }
        if let Some(most) = self.found_within_milliseconds {
            let took = played.milliseconds_to_fault();
            unmet.unless(took.is_some_and(|took| took <= most), || match took {
                Some(took) => format!("a fault was to be found within {most} ms of the mishap; it took {took:.2} ms"),
                None => "a fault was to be found after the first mishap, and none was".to_owned(),
            });
        }
        let mut at_most = |what: &str, value: f64, limit: Option<f64>| {
            if let Some(limit) = limit {
                unmet.unless(value <= limit, || format!("{what}: at most {limit}; it is {value:.3}"));
            }
        };
        at_most("true dose in MU", truth.mu, self.most_dose_mu);
        at_most("record and true dose apart in MU", (played.recorded_mu() - truth.mu).abs(), self.record_within_mu);
        at_most("preset missed by pulses", played.landing_pulses(scenario), self.lands_within_pulses);
        let mut at_least = |what: &str, value: f64, limit: Option<f64>| {
            if let Some(limit) = limit {
                unmet.unless(value >= limit, || format!("{what}: at least {limit}; it is {value:.3}"));
            }
        };
        at_least("true dose in MU", truth.mu, self.least_dose_mu);
        at_least("recorded dose in MU", played.recorded_mu(), self.least_recorded_mu);
    }

    fn judge_people(&self, played: &Played, unmet: &mut Unmet) {
        for deed in &self.refused {
            let asked: Vec<_> = played.answers.iter().filter(|answer| answer.deed == *deed).collect();
            unmet.unless(!asked.is_empty(), || format!("`{}` was to be asked for, and was not", deed.name()));
            unmet.unless(asked.iter().all(|answer| answer.refused.is_some()), || {
                format!("`{}` was to be refused, and was granted", deed.name())
            });
        }
    }
}

struct Unmet(Vec<String>);

impl Unmet {
    fn unless(&mut self, kept: bool, what: impl FnOnce() -> String) {
        if !kept {
            self.0.push(what());
        }
    }
}

/// In what a run differs from the same one in which nothing happens.
fn compare(scenario: &Scenario, played: &Played) -> Vec<String> {
    let other = match play(&scenario.without_mishaps()) {
        Ok(other) => other,
        Err(error) => return vec![error],
    };
    let mut apart = Unmet(Vec::new());
    let (one, two) = (played.essence(), other.essence());
    apart.unless(one == two, || format!("nothing was to change; with it {one}, without it {two}"));
    let pulse = played.pulses.iter().zip(&other.pulses).find(|(one, two)| !one.is_like(two));
    if let Some((one, two)) = pulse {
        apart.0.push(format!("nothing was to change; pulse {} is {one:?}, without the mishap {two:?}", one.number));
    }
    apart.0
}
