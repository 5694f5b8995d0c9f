//! What the treatment unit's counters stood at when this service heard them last, kept on the disk: a chamber or a gate that
//! restarted while nobody listened is found at the next start, and an output check is due.
//!
//! Between two starts counters may go on, because others may use the machine; they may not fall. A unit that is switched off
//! at night begins anew, and so needs its check in the morning. A counter that ran over its end meanwhile looks the same, and
//! in doubt a person checks. What falls while the service runs is found by the interlock guard.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use beam_core::note::RawCount;
use serde::{Deserialize, Serialize};

/// Name of the file in the state directory.
pub const FILE_NAME: &str = "last-counts.json";
/// By how many counts a charge may fall at rest: leakage may be negative, and an electrometer drifts.
const DRIFT: u64 = 10_000_000;

/// The counters of the unit, raw, as its frames carry them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Pulses of monitor 1 and monitor 2; 0 where an electrometer tells none.
    pub pulses: [u64; 2],
    /// Charge of monitor 1 and monitor 2, in counts of its frame.
    pub charge: [u64; 2],
    /// Pulses of the gate.
    pub gate: u32,
}

impl Counts {
    /// The counters as the interlock guard told them; none until it has heard all of them.
    #[must_use]
    pub fn told(chambers: [Option<RawCount>; 2], gate: Option<u32>) -> Option<Self> {
        let [first, second] = [chambers[0]?, chambers[1]?];
        Some(Self { pulses: [first.pulses, second.pulses], charge: [first.charge, second.charge], gate: gate? })
    }

    /// What of the unit began anew between `before` and these counts, in words; nothing when all went on.
    #[must_use]
    pub fn restarted_since(&self, before: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for monitor in [0, 1] {
            let (pulses, was) = (self.pulses[monitor], before.pulses[monitor]);
            let (charge, charge_was) = (self.charge[monitor], before.charge[monitor]);
            if pulses < was {
                found.push(format!("monitor {} counts {pulses} pulses, {was} before", monitor + 1));
            } else if pulses == was && charge.saturating_add(DRIFT) < charge_was {
                found.push(format!("monitor {}'s charge counter stands at {charge}, {charge_was} before", monitor + 1));
            }
        }
        if self.gate < before.gate {
            found.push(format!("the gate counts {} pulses, {} before", self.gate, before.gate));
        }
        found
    }
}

/// The file in one state directory.
#[derive(Clone, Debug)]
pub struct LastCounts {
    path: PathBuf,
}

impl LastCounts {
    /// The file in `directory`.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { path: directory.join(FILE_NAME) }
    }

    /// What was kept; none on a new machine.
    ///
    /// # Errors
    /// When there is something that cannot be read: then nobody knows, and a check is due.
    pub fn read(&self) -> io::Result<Option<Counts>> {
        match fs::read_to_string(&self.path) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps these counts; the old or the new ones are there, whole, at any moment.
    ///
    /// # Errors
    /// When they cannot be made durable.
    pub fn keep(&self, counts: &Counts) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(serde_json::to_string(counts).map_err(io::Error::other)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        File::open(self.path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Counts = Counts { pulses: [1000, 2000], charge: [3_000_000_000, 50_000_000], gate: 20 };

    #[test]
    fn holds_counters_that_stand_go_on_or_drift() {
        for now in [
            BEFORE,
            Counts { pulses: [1001, 9000], charge: [0, 50_000_000], gate: 20 },
            Counts { charge: [2_990_000_000, 40_000_000], ..BEFORE },
        ] {
            // a charge counter runs over its end while pulses come
            assert_eq!(now.restarted_since(&BEFORE), Vec::<String>::new(), "{now:?}");
        }
    }

    #[test]
    fn trips_on_each_counter_that_fell_and_names_it() {
        let cases = [
            (Counts { pulses: [999, 2000], ..BEFORE }, "monitor 1 counts 999"),
            (Counts { pulses: [1000, 0], ..BEFORE }, "monitor 2 counts 0"),
            (Counts { charge: [0, 50_000_000], ..BEFORE }, "monitor 1's charge"),
            (Counts { charge: [3_000_000_000, 39_999_999], ..BEFORE }, "monitor 2's charge"),
            (Counts { gate: 0, ..BEFORE }, "the gate counts 0"),
        ];
        for (now, named) in cases {
            let found = now.restarted_since(&BEFORE);
            assert!(found.len() == 1 && found[0].contains(named), "{found:?}");
        }
    }

    #[test]
    fn keeps_what_it_was_told_and_says_when_it_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let kept = LastCounts::new(folder.path());
        assert_eq!(kept.read().unwrap(), None);
        kept.keep(&BEFORE).unwrap();
        assert_eq!(LastCounts::new(folder.path()).read().unwrap(), Some(BEFORE));
        fs::write(folder.path().join(FILE_NAME), "{").unwrap();
        assert!(kept.read().is_err());
    }

    #[test]
    fn is_told_only_once_everything_was_heard() {
        let count = RawCount { pulses: 1, charge: 2 };
        assert_eq!(Counts::told([Some(count), None], Some(3)), None);
        assert_eq!(Counts::told([Some(count); 2], None), None);
        assert_eq!(Counts::told([Some(count); 2], Some(3)).map(|counts| counts.gate), Some(3));
    }
}
