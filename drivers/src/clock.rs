//! The only place that reads a clock. Decisions are made on [`now`], which never steps; [`wall_time`] is for records,
//! which people compare with other clocks.

use std::fmt;

use beam_core::units::{Span, Ticks};
use nix::time::{ClockId, clock_gettime};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A moment on CLOCK_REALTIME, in nanoseconds since 1970-01-01 UTC. It steps when the clock is set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct WallTime(u64);

impl WallTime {
    /// A moment from nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn unix_nanos(self) -> u64 {
        self.0
    }
}

impl fmt::Display for WallTime {
    /// Seconds and microseconds since 1970, as candump writes them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:06}", self.0 / NANOS_PER_SECOND, self.0 % NANOS_PER_SECOND / 1_000)
    }
}

/// The present moment on CLOCK_MONOTONIC: it never steps, and stands still while the machine is suspended.
#[must_use]
pub fn now() -> Ticks {
    // The kernel always has this clock. Were it ever refused, the end of time makes every age too great: the beam stops.
    Ticks::from_nanos(read(ClockId::CLOCK_MONOTONIC).unwrap_or(u64::MAX))
}

/// The present moment on CLOCK_REALTIME, for records only. 1970 when the clock stands before it.
#[must_use]
pub fn wall_time() -> WallTime {
    WallTime(read(ClockId::CLOCK_REALTIME).unwrap_or(0))
}

/// Processor time that this process has used on all cores together, for figures that people compare.
#[must_use]
pub fn processor_time() -> Span {
    Span::from_nanos(read(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap_or(0))
}

fn read(clock: ClockId) -> Option<u64> {
    let time = clock_gettime(clock).ok()?;
    nanos(time.tv_sec(), time.tv_nsec())
}

/// Nanoseconds from the two halves of a `timespec`; `None` before the clock's start.
pub(crate) fn nanos(seconds: i64, nanos: i64) -> Option<u64> {
    u64::try_from(seconds).ok()?.checked_mul(NANOS_PER_SECOND)?.checked_add(u64::try_from(nanos).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_goes_forward_by_what_was_slept() {
        let before = now();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let slept = now().since(before);
        assert!(slept >= Span::from_millis(5) && slept < Span::from_secs(5), "{slept:?}");
    }

    #[test]
    fn wall_time_reads_as_candump_writes_it() {
        assert_eq!(WallTime::from_unix_nanos(1_700_000_000_000_042_999).to_string(), "1700000000.000042");
        assert!(wall_time() > WallTime::from_unix_nanos(1_600_000_000_000_000_000));
        assert_eq!(nanos(-1, 0), None);
    }
}
