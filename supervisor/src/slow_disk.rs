//! A disk that hangs says nothing: who writes notes when it began, and who looks on can tell how long it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use beam_core::units::{Span, Ticks};
use beam_drivers::clock;

/// A write that takes longer is told of as one that failed: an ordinary disk takes milliseconds, a busy one a second.
const PATIENCE: Span = Span::from_secs(5);
/// Nothing is being written.
const AT_REST: u64 = 0;

/// Since when something is being written, shared by the writer and whoever looks on.
#[derive(Clone, Debug, Default)]
pub struct Writing(Arc<AtomicU64>);

impl Writing {
    /// Writes.
    pub fn during<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.store(clock::now().nanos().max(1), Ordering::Relaxed);
        let written = write();
        self.0.store(AT_REST, Ordering::Relaxed);
        written
    }

    /// What is to be said `now` of a write that has not come back for too long.
    #[must_use]
    pub fn hangs(&self, now: Ticks) -> Option<String> {
        let began = self.0.load(Ordering::Relaxed);
        let is_long = began != AT_REST && now.since(Ticks::from_nanos(began)) > PATIENCE;
        is_long.then(|| format!("the disk has not taken it for {} s", PATIENCE.millis() / 1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trips_a_write_that_does_not_come_back_and_holds_one_that_does() {
        let writing = Writing::default();
        let later = || clock::now().after(PATIENCE).after(Span::from_millis(1));
        assert_eq!(writing.hangs(later()), None, "nothing is written");
        let while_it_writes = writing.during(|| (writing.hangs(clock::now()), writing.hangs(later())));
        assert_eq!(while_it_writes.0, None);
        assert!(while_it_writes.1.is_some_and(|why| why.contains("5 s")));
        assert_eq!(writing.hangs(later()), None, "it was written");
    }
}
