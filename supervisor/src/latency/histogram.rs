//! Durations counted in buckets that exist before the first one comes: counting allocates nothing.
//!
//! Below 32 ns each nanosecond has its own bucket. From there on each power of two is cut into 32 buckets, so that a bucket
//! is at most 1/32 (3.2 %) of its lower edge wide. What is longer than 2^36 ns (69 s) is counted in the last bucket; the
//! longest and the shortest duration are kept exactly beside the buckets.

use beam_core::units::Span;

/// Buckets in each power of two.
const PARTS: u64 = 32;
/// The power of two of [`PARTS`].
const PARTS_BITS: u32 = 5;
/// The power of two up to which durations are told apart, in ns.
const LARGEST_BITS: u32 = 36;
/// How many buckets there are.
pub const BUCKETS: usize = ((LARGEST_BITS - PARTS_BITS + 1) as usize) << PARTS_BITS;

/// A histogram of durations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    count: u64,
    sum: u64,
    longest: Span,
    shortest: Span,
}

/// One bucket that is not empty: from its lower edge, inclusive, to its upper one, inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bucket {
    /// Shortest duration of the bucket.
    pub from: Span,
    /// Longest duration of the bucket.
    pub to: Span,
    /// How many fell in it.
    pub count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], count: 0, sum: 0, longest: Span::ZERO, shortest: Span::from_nanos(u64::MAX) }
    }
}

fn index(nanos: u64) -> usize {
    let nanos = nanos.min((1 << LARGEST_BITS) - 1);
    if nanos < PARTS {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - PARTS_BITS;
    ((u64::from(shift) * PARTS) + (nanos >> shift)) as usize
}

fn edges(index: usize) -> (Span, Span) {
    let index = index as u64;
    if index < PARTS {
        return (Span::from_nanos(index), Span::from_nanos(index));
    }
    let shift = index / PARTS - 1;
    let from = (index - shift * PARTS) << shift;
    (Span::from_nanos(from), Span::from_nanos(from + (1 << shift) - 1))
}

impl Histogram {
    /// Counts one duration.
    #[inline]
    pub fn add(&mut self, span: Span) {
        self.add_many(span, 1);
    }

    /// Counts the same duration `times` times.
    #[inline]
    pub fn add_many(&mut self, span: Span, times: u64) {
        if times == 0 {
            return;
        }
        if let Some(count) = self.counts.get_mut(index(span.nanos())) {
            *count += times;
        }
        self.count += times;
        self.sum = self.sum.saturating_add(span.nanos().saturating_mul(times));
        self.longest = self.longest.longer(span);
        self.shortest = self.shortest.shorter(span);
    }

    /// Counts everything that `other` counted.
    pub fn add_all(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.longest = self.longest.longer(other.longest);
        self.shortest = self.shortest.shorter(other.shortest);
    }

    /// How many were counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The longest, exactly; none where nothing was counted.
    #[must_use]
    pub fn longest(&self) -> Option<Span> {
        (self.count > 0).then_some(self.longest)
    }

    /// The shortest, exactly; none where nothing was counted.
    #[must_use]
    pub fn shortest(&self) -> Option<Span> {
        (self.count > 0).then_some(self.shortest)
    }

    /// The mean, to the nanosecond below; none where nothing was counted.
    #[must_use]
    pub fn mean(&self) -> Option<Span> {
        self.sum.checked_div(self.count).map(Span::from_nanos)
    }

    /// A duration that at least `hundred_thousandths` of 100 000 do not exceed: the upper edge of the bucket in which that one
    /// lies, at most the longest. It is never below the true percentile and at most 1/32 above it. Where fewer were counted
    /// than the percentile needs, it is the longest. None where nothing was counted.
    #[must_use]
    pub fn percentile(&self, hundred_thousandths: u32) -> Option<Span> {
        let rank = (u128::from(self.count) * u128::from(hundred_thousandths)).div_ceil(100_000).max(1);
        let mut below = 0_u128;
        for (index, count) in self.counts.iter().enumerate() {
            below += u128::from(*count);
            if below >= rank {
                return Some(if index + 1 == BUCKETS { self.longest } else { edges(index).1.shorter(self.longest) });
            }
        }
        None
    }

    /// The buckets that are not empty, from the shortest on.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> + '_ {
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(index, &count)| {
            let (from, to) = edges(index);
            Bucket { from, to, count }
        })
    }
}

#[cfg(test)]
mod tests {
    use rand_free::Sequence;

    use super::*;

    /// Durations over nine powers of ten, always the same ones.
    mod rand_free {
        pub struct Sequence(pub u64);

        impl Iterator for Sequence {
            type Item = u64;
            fn next(&mut self) -> Option<u64> {
                // the generator of Knuth's MMIX
                self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                Some((self.0 >> 30) >> (self.0 >> 59))
            }
        }
    }

    #[test]
    fn buckets_join_without_gap_and_are_at_most_a_32nd_wide() {
        let mut next = 0;
        for place in 0..BUCKETS {
            let (from, to) = edges(place);
            assert_eq!(from.nanos(), next, "bucket {place}");
            assert_eq!((index(from.nanos()), index(to.nanos())), (place, place));
            assert!((to.nanos() - from.nanos()) * PARTS <= from.nanos(), "bucket {place}");
            next = to.nanos() + 1;
        }
        assert_eq!(next, 1 << LARGEST_BITS);
        assert_eq!(index(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_list_within_a_bucket() {
        for size in [1, 2, 10, 9_999, 10_000, 30_000] {
            let mut all: Vec<u64> = Sequence(size as u64).take(size).collect();
            let mut histogram = Histogram::default();
            all.iter().for_each(|&nanos| histogram.add(Span::from_nanos(nanos)));
            all.sort_unstable();
            for part in [1, 50_000, 99_000, 99_900, 99_990, 99_999, 100_000] {
                let rank = (size * part as usize).div_ceil(100_000).max(1);
                let truth = all[rank - 1];
                let told = histogram.percentile(part).expect("something was counted").nanos();
                assert!(told >= truth && told - truth <= truth / PARTS, "{part} of {size}: {told}, truly {truth}");
            }
            assert_eq!(histogram.longest().map(Span::nanos), all.last().copied());
            assert_eq!(histogram.shortest().map(Span::nanos), all.first().copied());
            assert_eq!(histogram.mean().map(Span::nanos), Some(all.iter().sum::<u64>() / size as u64));
            assert_eq!(histogram.buckets().map(|bucket| bucket.count).sum::<u64>(), size as u64);
        }
    }

    #[test]
    fn nothing_counted_is_no_duration() {
        let empty = Histogram::default();
        assert_eq!(
            (empty.percentile(99_990), empty.longest(), empty.shortest(), empty.mean()),
            (None, None, None, None)
        );
        assert_eq!(empty.buckets().count(), 0);
    }

    #[test]
    fn a_duration_beyond_the_last_bucket_is_told_exactly_as_the_longest() {
        let mut histogram = Histogram::default();
        histogram.add(Span::from_secs(100));
        assert_eq!(histogram.percentile(99_990), Some(Span::from_secs(100)));
    }
}
