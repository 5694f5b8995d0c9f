//! The computer's clock as the guards read it, against the true time of the world: usually the same.

use beam_core::units::Ticks;

use super::bus::NEVER;

const MILLION: i128 = 1_000_000;

/// A clock that can jump, run fast or slow, and stand still.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostClock {
    /// True time and clock at the last change.
    base: (Ticks, Ticks),
    ppm: i32,
    is_true: bool,
}

impl HostClock {
    /// A clock that shows the true time.
    pub const fn new() -> Self {
        Self { base: (Ticks::ZERO, Ticks::ZERO), ppm: 0, is_true: true }
    }

    /// A clock that shows this when everything is switched on.
    pub const fn starting_at(shown: Ticks) -> Self {
        Self { base: (Ticks::ZERO, shown), ppm: 0, is_true: false }
    }

    /// What the clock shows at the true time `now`.
    pub fn shows(&self, now: Ticks) -> Ticks {
        if self.is_true {
            return now;
        }
        let (world, host) = self.base;
        let elapsed = i128::from(now.since(world).nanos());
        ticks(i128::from(host.nanos()) + elapsed * (MILLION + i128::from(self.ppm)) / MILLION)
    }

    /// The true time at which the clock will show `due`, rounded up; never while it stands still.
    pub fn when(&self, due: Ticks) -> Ticks {
        if self.is_true || due == NEVER {
            return due;
        }
        let (world, host) = self.base;
        let rate = MILLION + i128::from(self.ppm);
        let ahead = i128::from(due.nanos()) - i128::from(host.nanos());
        if ahead <= 0 {
            return world;
        }
        if rate <= 0 {
            return NEVER;
        }
        ticks(i128::from(world.nanos()) + (ahead * MILLION + rate - 1) / rate)
    }

    /// The clock jumps.
    pub fn step(&mut self, now: Ticks, micros: i64) {
        let shown = i128::from(self.shows(now).nanos()) + i128::from(micros) * 1000;
        self.base = (now, ticks(shown));
        self.is_true = false;
    }

    /// The clock runs at another speed from now on.
    pub fn slew(&mut self, now: Ticks, ppm: i32) {
        self.base = (now, self.shows(now));
        self.ppm = ppm;
        self.is_true = false;
    }
}

fn ticks(nanos: i128) -> Ticks {
    Ticks::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use beam_core::units::Span;

    use super::*;

    fn at(millis: u64) -> Ticks {
        Ticks::ZERO.after(Span::from_millis(millis))
    }

    #[test]
    fn steps_slews_and_stands_still() {
        let mut clock = HostClock::new();
        assert_eq!((clock.shows(at(7)), clock.when(at(7))), (at(7), at(7)));
        clock.step(at(10), 5_000);
        assert_eq!((clock.shows(at(12)), clock.when(at(17))), (at(17), at(12)));
        clock.slew(at(20), 500_000);
        assert_eq!((clock.shows(at(30)), clock.when(at(40))), (at(40), at(30)));
        clock.slew(at(30), -1_000_000);
        assert_eq!((clock.shows(at(90)), clock.when(at(41))), (at(40), NEVER));
        clock.slew(at(90), 0);
        clock.step(at(90), -20_000);
        assert_eq!((clock.shows(at(91)), clock.when(at(22))), (at(21), at(92)));
    }

    #[test]
    fn never_shows_less_than_what_was_due() {
        let mut clock = HostClock::new();
        clock.slew(at(3), 333);
        for nanos in (0..10_000_000).step_by(7_919) {
            let due = at(3).after(Span::from_nanos(nanos));
            assert!(clock.shows(clock.when(due)) >= due);
        }
    }
}
