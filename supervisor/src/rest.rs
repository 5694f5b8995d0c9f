//! The rest of a delivery that did not end cleanly: what a person is told of it, and how it becomes a new delivery once
//! that person has accepted it by its number.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use beam_core::resume::{Base, base, remaining};
use beam_core::units::{Charge, Dose};
use serde::Serialize;

use crate::describe::mu;
use crate::dose_journal::{DoseJournal, Line};
use crate::prepared::Prepared;

/// How long chambers and gate are waited for: many of their periods, also on a stretched bench.
const HEARING: Duration = Duration::from_secs(2);
/// How far two presets of one plan may lie apart.
const ROUNDED: Charge = Charge::from_picocoulombs(2);
/// What an accepted number may be off by: it was read from two places after the point.
const READ_OFF: f64 = 0.0051;

/// The delivery that another one goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Continues {
    /// Its id.
    pub delivery_id: u16,
    /// What it had delivered at least, in MU.
    pub delivered_mu: f64,
    /// The count that said so.
    pub source: &'static str,
}

/// The rest of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Rest {
    delivery: u16,
    /// Preset, what was delivered at least, and what remains; none where nobody knows.
    known: Option<(Dose, Base, Dose)>,
}

/// No delivery has the number 0: a unit that began anew at rest leaves it in the mark, and so does a mark that cannot be read.
const RESTARTED: &str = "the treatment unit restarted, or the mark of a delivery cannot be read";

impl Rest {
    /// The rest of `delivery`, from its journal in `directory` and from what chambers and gate say now.
    #[must_use]
    pub fn of(delivery: u16, directory: &Path, journal: &DoseJournal) -> Self {
        let line = Line::read(directory).ok().flatten().filter(|line| line.delivery == delivery);
        let Some(line) = line else { return Self { delivery, known: None } };
        let mut waited = Duration::ZERO;
        let round = Duration::from_millis(50);
        while waited < HEARING {
            let live = journal.live();
            if live.counters.iter().all(Option::is_some) && live.gate_pulses.is_some() {
                break;
            }
            std::thread::sleep(round);
            waited += round;
        }
        Self::known(&line, base(&line.counted(&journal.live())))
    }

    /// The rest of the delivery in `line` after `base`.
    #[must_use]
    pub fn known(line: &Line, base: Base) -> Self {
        Self { delivery: line.delivery, known: Some((line.preset(), base, remaining(line.preset(), base))) }
    }

    /// What a person is told who has not yet done the output check.
    #[must_use]
    pub fn refusal(&self) -> String {
        let delivery = self.delivery;
        let mut text = match delivery {
            0 => format!("{RESTARTED}, so nothing is armed: "),
            _ => format!("{} did not end cleanly, so nothing is armed: {}; ", self.name(), self.account()),
        };
        text += "have the physicist do the output check, then start once with ";
        let _writing_to_a_string_cannot_fail = write!(text, "--output-check-done {delivery}");
        if let Some((_, _, rest)) = self.known.filter(|(_, _, rest)| *rest > Dose::ZERO) {
            let _writing_to_a_string_cannot_fail =
                write!(text, ", and to deliver the rest of the same plan also with --accept-remaining {:.2}", mu(rest));
        }
        text
    }

    /// What is said when a person has done the output check.
    #[must_use]
    pub fn checked(&self) -> String {
        match self.delivery {
            0 => format!("{RESTARTED}; a person has done the output check"),
            _ => format!("{} did not end cleanly; a person has done the output check; {}", self.name(), self.account()),
        }
    }

    fn name(&self) -> String {
        format!("delivery {}", self.delivery)
    }

    fn account(&self) -> String {
        match self.known {
            Some((preset, base, rest)) => format!(
                "of {:.2} MU at least {:.2} MU were delivered (by {}), {:.2} MU remain",
                mu(preset),
                mu(base.dose),
                base.source.name(),
                mu(rest)
            ),
            None => "nobody knows what it delivered, assess what the patient has had".to_owned(),
        }
    }

    /// The plan of `prepared` less what was delivered, once a person accepted `accepted` MU.
    ///
    /// # Errors
    /// When that is not what remains, when nothing is known or remains, or when it is another plan.
    pub fn accept(&self, accepted: f64, prepared: &Prepared) -> Result<(Prepared, Option<Continues>), String> {
        let refuse = |what: String, fix: &str| Err(format!("--accept-remaining {accepted}: {what}\n    fix: {fix}"));
        let delivery = self.delivery;
        let Some((preset, base, rest)) = self.known else {
            let what = format!("nobody knows what {} delivered", self.name());
            return refuse(what, "assess what the patient has had, and plan the rest anew");
        };
        let calibration = prepared.machine.monitors[0].dose_per_charge;
        let planned = calibration.dose(prepared.order.preset);
        // each is rounded down to a pC, by the calibration in the air of its own start
        if planned.minus(preset).size() > calibration.dose(ROUNDED) {
            let what = format!("delivery {delivery} was planned with {:.2} MU, this plan is another", mu(preset));
            return refuse(what, "give the same plan, or start without --accept-remaining");
        }
        if rest == Dose::ZERO {
            return refuse(
                self.account(),
                "nothing is left to deliver; start without --accept-remaining and --arm-now",
            );
        }
        if !accepted.is_finite() || (mu(rest) - accepted).abs() > READ_OFF {
            return refuse(self.account(), "accept what remains, or plan anew");
        }
        let continues = Continues { delivery_id: delivery, delivered_mu: mu(base.dose), source: base.source.name() };
        Ok((prepared.with_preset(rest), Some(continues)))
    }
}
