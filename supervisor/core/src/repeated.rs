//! The same dosimetry fault twice in thirty days: the machine lies, and is not to be cleared away case by case.

use crate::fault::Fault;

/// Seconds of thirty days.
const MONTH: u64 = 30 * 24 * 3600;

/// One line of a machine's history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Past {
    /// This fault ended a delivery, or was found in one.
    Found(Fault),
    /// The physicist found the causes of everything before.
    Cleared,
}

/// The gravest dosimetry fault that came in two deliveries within thirty days since it was last cleared. `history` is in
/// order, each with its time in seconds of the wall clock; a line from the future counts as one of today.
#[must_use]
pub fn repeated(history: &[(u64, Past)], now: u64) -> Option<Fault> {
    Fault::ALL.iter().copied().filter(|fault| fault.group().is_dosimetry()).find(|&fault| {
        let mut times = 0_u32;
        for &(at, past) in history {
            match past {
                Past::Cleared => times = 0,
                Past::Found(found) if found == fault && now.saturating_sub(at) <= MONTH => {
                    times = times.saturating_add(1);
                }
                Past::Found(_) => {}
            }
        }
        times >= 2
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600;

    #[test]
    fn trips_on_the_second_time_within_thirty_days() {
        let history = [(DAY, Past::Found(Fault::NoSignal)), (31 * DAY, Past::Found(Fault::NoSignal))];
        assert_eq!(repeated(&history, 31 * DAY), Some(Fault::NoSignal));
        assert_eq!(repeated(&history, 31 * DAY + 1), None, "the first one is older than thirty days");
        // a clock that went back does not make the past forgotten
        assert_eq!(repeated(&history, 0), Some(Fault::NoSignal));
    }

    #[test]
    fn holds_for_different_faults_for_others_than_dosimetry_and_once_cleared() {
        let (first, second) = (Past::Found(Fault::NoSignal), Past::Found(Fault::Saturated));
        assert_eq!(repeated(&[(1, first), (2, second)], DAY), None);
        assert_eq!(repeated(&[(1, Past::Found(Fault::Crc)), (2, Past::Found(Fault::Crc))], DAY), None);
        assert_eq!(repeated(&[(1, first), (2, first), (3, Past::Cleared), (4, first)], DAY), None);
    }
}
