//! The written record of a run, kept in memory: what the recorder writes must say what the service knew.

use beam_core::units::Ticks;
use beam_core::wire::Guard;
use serde_json::Value;

use crate::conductor::Entry;
use crate::describe::mu;
use crate::mishap::What;
use crate::progress::Progress;
use crate::recorder::pages::Pages;
use crate::simulate::draw::Drawn;

/// One run in so many is written: writing takes longer than delivering.
const ONE_IN: u64 = 50;

/// The pages of a run.
pub struct Written(Pages<Vec<u8>>);

impl Written {
    /// Pages for a run, where it is one of those that are written. Entries are put in the order of their stamps, so a clock
    /// that jumps, as no monotonic clock does, would turn their order around.
    #[must_use]
    pub fn of(drawn: &Drawn) -> Option<Self> {
        let interfaces = ["can0".to_owned(), "can1".to_owned()];
        let jumps = drawn.mishaps.iter().any(|mishap| matches!(mishap.what, What::ClockStep { .. }));
        (drawn.seed.is_multiple_of(ONE_IN) && !jumps)
            .then(|| Self(Pages::new([Vec::new(), Vec::new(), Vec::new()], interfaces, 0, Ticks::ZERO)))
    }

    /// Writes an entry.
    pub fn take(&mut self, entry: &Entry) {
        let _memory_takes_everything = self.0.take(*entry);
    }

    /// What the pages say otherwise than the progress of the last process, in words.
    #[must_use]
    pub fn contradiction(mut self, last: &Progress) -> Option<String> {
        let Ok([frames, events, _arrivals]) = self.0.close() else {
            return Some("the pages cannot be closed".to_owned());
        };
        if frames.is_empty() {
            return Some("no frame was written".to_owned());
        }
        let text = String::from_utf8_lossy(events);
        let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        let Ok(lines) = lines else { return Some("an event is no JSON".to_owned()) };
        // a delivery begins with its proof
        let begun = lines.iter().rposition(|line| line["state"] == "proving").unwrap_or(0);
        let of_delivery = &lines[begun..];
        for (guard, delivered) in [Guard::Dose1, Guard::Dose2].into_iter().zip(last.delivered) {
            let said = of_delivery.iter().rfind(|line| line["event"] == "dose" && line["guard"] == guard.name());
            let said = said.and_then(|line| line["delivered_mu"].as_f64()).unwrap_or(0.0);
            if (said - mu(delivered)).abs() > 1e-6 {
                return Some(format!("{}: {said} MU written, {} known", guard.name(), mu(delivered)));
            }
        }
        let faults = of_delivery.iter().filter(|line| line["event"] == "fault").count();
        let known = last.faults.len();
        (faults < known).then(|| format!("{faults} faults written, {known} known"))
    }
}
