//! Pulses that a gate lets pass while it says CLOSED or LATCHED, and then no more: how many, how soon after it closed, and
//! whether it counts them. Without pulses, dose periods of beam. They follow a beam: before the first one none comes.

use beam_core::units::{Span, Ticks};

/// Beam through a gate that is not OPEN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stray {
    /// How many pulses, at the pulse rate; without pulses, dose periods of beam.
    pub pulses: u16,
    /// How long after the gate closed the first one may come. The time begins anew each time the gate closes.
    pub after: Span,
    /// Whether the gate counts and reports them.
    pub counted: bool,
}

/// Such beam, to come or under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Straying {
    stray: Stray,
    pulses_left: u16,
    /// Beam that is left on a machine without pulses.
    beam_left: Span,
    begins: Option<Ticks>,
}

impl Straying {
    /// Beam to come; without pulses a `dose_period` is as much as a pulse.
    pub(super) fn new(stray: Stray, dose_period: Span) -> Self {
        let beam_left = dose_period.times(u64::from(stray.pulses));
        Self { stray, pulses_left: stray.pulses, beam_left, begins: None }
    }

    /// Looks at the gate at `now`: `waits` while it is open, or no beam was on yet.
    pub(super) fn look(&mut self, now: Ticks, waits: bool) {
        if waits {
            self.begins = None;
        } else {
            self.begins.get_or_insert(now.after(self.stray.after));
        }
    }

    /// Whether the gate counts what passes.
    pub(super) const fn is_counted(&self) -> bool {
        self.stray.counted
    }

    /// Whether the gate is closed and a pulse is still to come.
    pub(super) fn is_under_way(&self) -> bool {
        self.begins.is_some() && self.pulses_left > 0 && self.beam_left > Span::ZERO
    }

    /// Whether beam passes at `now`.
    pub(super) fn passes(&self, now: Ticks) -> bool {
        self.is_under_way() && self.begins.is_some_and(|begins| begins <= now)
    }

    /// A pulse has passed.
    pub(super) fn pass_pulse(&mut self) {
        self.pulses_left = self.pulses_left.saturating_sub(1);
    }

    /// A stretch of beam without pulses has passed.
    pub(super) fn pass_beam(&mut self, stretch: Span) {
        self.beam_left = Span::from_nanos(self.beam_left.nanos().saturating_sub(stretch.nanos()));
    }

    /// When beam without pulses next begins or ends; it is counted up to `now`.
    pub(super) fn next(&self, now: Ticks) -> Option<Ticks> {
        let begins = self.begins.filter(|_| self.is_under_way())?;
        Some(if begins > now { begins } else { now.after(self.beam_left) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRAY: Stray = Stray { pulses: 2, after: Span::from_millis(30), counted: true };

    fn at(millis: u64) -> Ticks {
        Ticks::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn begins_so_long_after_the_gate_closed_and_ends_after_its_pulses() {
        let mut straying = Straying::new(STRAY, Span::from_millis(10));
        straying.look(at(0), true);
        assert!(!straying.passes(at(100)) && !straying.is_under_way());
        straying.look(at(100), false);
        straying.look(at(110), false);
        assert!(!straying.passes(at(129)) && straying.passes(at(130)));
        straying.pass_pulse();
        assert!(straying.passes(at(200)));
        straying.pass_pulse();
        assert!(!straying.passes(at(300)) && !straying.is_under_way());
    }

    #[test]
    fn a_gate_that_opens_in_between_begins_anew() {
        let mut straying = Straying::new(STRAY, Span::from_millis(10));
        straying.look(at(0), false);
        straying.look(at(20), true);
        straying.look(at(25), false);
        assert!(!straying.passes(at(54)) && straying.passes(at(55)));
    }

    #[test]
    fn without_pulses_it_ends_when_its_beam_has_passed() {
        let mut straying = Straying::new(STRAY, Span::from_millis(10));
        straying.look(at(0), false);
        assert_eq!(straying.next(at(5)), Some(at(30)));
        assert_eq!(straying.next(at(30)), Some(at(50)));
        straying.pass_beam(Span::from_millis(15));
        assert_eq!(straying.next(at(45)), Some(at(50)));
        straying.pass_beam(Span::from_millis(5));
        assert_eq!(straying.next(at(50)), None);
    }
}
