//! Is this computer's own clock to be believed: every guard watches it for itself, against the gate's reports.
//!
//! A report that shows nothing new was sent a whole period after the one before it, by the gate's clock. So many of them are
//! so much time; a host clock that moved less than half of it stood still, or slowed down. Reports that are sent at once on
//! a change say nothing about time and are not counted. A `now` before the last one is a clock that stepped back. What a
//! clock that leaps ahead does is found as lateness and as age.

use crate::fault::Fault;
use crate::frame::{Arrival, Frame, Origin, Receiver};
use crate::guard::nanos;
use crate::machine::Timing;
use crate::note::FaultReport;
use crate::units::{Span, Ticks};
use crate::wire::GateStatus;

/// The watch on the host's clock.
#[derive(Clone, Copy, Debug)]
pub struct ClockWatch {
    period: Span,
    /// Reports without news after which the clocks are compared.
    enough: u64,
    receiver: Receiver,
    last: Option<GateStatus>,
    began: Option<Ticks>,
    reports: u64,
    now: Ticks,
}

impl ClockWatch {
    /// A watch that has seen nothing.
    #[must_use]
    pub const fn new(timing: &Timing) -> Self {
        // reports that wait while a guard is late come in one moment: that many prove nothing
        let late = timing.permit.plus(timing.lateness_budget).nanos();
        let waiting = match late.checked_div(timing.gate.nanos()) {
            Some(reports) => reports,
            None => 0,
        };
        Self {
            period: timing.gate,
            enough: waiting.saturating_add(2).saturating_mul(2),
            receiver: Receiver::new(),
            last: None,
            began: None,
            reports: 0,
            now: Ticks::ZERO,
        }
    }

    /// The guard turns at `now`.
    pub fn turn(&mut self, now: Ticks) -> Option<FaultReport> {
        let back = self.now.since(now);
        self.now = now;
        if back > Span::ZERO {
            self.began = None;
            self.reports = 0;
            return Some(FaultReport::of(Fault::ClockStalled).measured(nanos(back).saturating_neg(), 0));
        }
        None
    }

    /// A report of the gate came, on the one bus that this guard watches it on.
    pub fn report(&mut self, now: Ticks, origin: Origin, frame: &Frame) -> Option<FaultReport> {
        let fresh = matches!(origin, Origin::Wire) && matches!(self.receiver.accept(frame), Arrival::Fresh { .. });
        let status = GateStatus::decode(frame).ok().filter(|_| fresh)?;
        let before = self.last.replace(status);
        if !before.is_some_and(|before| before.tells_the_same(&status)) {
            return None;
        }
        let began = *self.began.get_or_insert(now);
        self.reports = self.reports.saturating_add(1);
        if self.reports <= self.enough {
            return None;
        }
        let (host, gate) = (now.since(began), self.period.times(self.enough));
        self.began = None;
        self.reports = 0;
        (host.times(2) < gate).then(|| FaultReport::of(Fault::ClockStalled).measured(nanos(host), nanos(gate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::next_alive;
    use crate::wire::{CloseCause, GateState};

    const MS: fn(u64) -> Span = Span::from_millis;

    fn timing() -> Timing {
        Timing {
            permit: MS(5),
            gate: MS(5),
            dose: MS(10),
            status: MS(50),
            stale_after: MS(25),
            agreement: MS(30),
            proof_margin: MS(10),
            lateness_budget: MS(10),
            session_silence: MS(500),
        }
    }

    /// Reports of the gate at these moments in ms; `pulses` says what each one counts.
    fn found(moments: impl Iterator<Item = u64>, pulses: impl Fn(u32) -> u32) -> bool {
        let mut watch = ClockWatch::new(&timing());
        let (mut alive, mut number) = (0, 0);
        let mut found = false;
        for at in moments {
            let now = Ticks::ZERO.after(MS(1000)).after(MS(at));
            let status = GateStatus {
                state: GateState::Open,
                cause: CloseCause::None,
                closed_by: 0,
                pulses: pulses(number),
                beam_on_centiseconds: 0,
            };
            found |= watch.turn(now).is_some();
            found |= watch.report(now, Origin::Wire, &status.encode(alive)).is_some();
            alive = next_alive(alive);
            number = number.saturating_add(1);
        }
        found
    }

    #[test]
    fn trips_a_clock_that_stands_still_or_runs_at_a_third() {
        assert!(found((0..20).map(|_| 7), |_| 3));
        assert!(found((0..40_u64).map(|n| n.saturating_mul(5) / 3), |_| 3));
    }

    /// Eleven reports without news, ten periods of 5 ms of the gate, of which the host saw so many milliseconds.
    fn ten_periods_in(host: u64) -> bool {
        found([0, 0, 2, 5, 7, 10, 12, 15, 17, 20, 22, host].into_iter(), |_| 3)
    }

    #[test]
    fn trips_a_clock_that_saw_less_than_half_of_the_time() {
        assert!(ten_periods_in(24));
    }

    #[test]
    fn holds_a_clock_that_saw_half_of_the_time() {
        assert!(!ten_periods_in(25));
    }

    #[test]
    fn trips_a_clock_that_steps_back() {
        assert!(found([100, 105, 104].into_iter(), |_| 3));
    }

    #[test]
    fn holds_reports_at_once_however_many_they_are() {
        // a thousand pulses a second, each with its report
        assert!(!found(0..1000, |number| number));
        assert!(!found((0..1000).map(|_| 7), |number| number));
    }

    #[test]
    fn holds_repeats_and_what_this_computer_sent_itself() {
        let mut watch = ClockWatch::new(&timing());
        let (state, cause) = (GateState::Open, CloseCause::None);
        let status = GateStatus { state, cause, closed_by: 0, pulses: 3, beam_on_centiseconds: 0 };
        for _ in 0..40 {
            assert_eq!(watch.report(Ticks::ZERO, Origin::Wire, &status.encode(0)), None);
        }
        let mut alive = 0;
        for _ in 0..40 {
            alive = next_alive(alive);
            assert_eq!(watch.report(Ticks::ZERO, Origin::Local, &status.encode(alive)), None);
        }
    }

    #[test]
    fn holds_the_usual_period_and_reports_that_waited_for_a_late_guard() {
        assert!(!found((0..400_u64).map(|n| n.saturating_mul(5)), |_| 3));
        // every third turn is late by 15 ms, and the reports that waited come in one moment
        assert!(!found((0..400_u64).map(|n| (n / 4).saturating_mul(20)), |_| 3));
        assert!(!found((0..400_u64).map(|n| (n / 4).saturating_mul(20).saturating_add(n % 4)), |_| 3));
    }
}
