//! The mean dose rate over a sliding window, judged against the nominal one.
//!
//! The rate is the dose of the last k pulses over the time from the pulse before them; k is the number of pulses of
//! max(1 s, 10 pulses) at nominal. Until so many came, nominal pulses stand for those that are missing. Without pulses each
//! reading of the chamber stands for a pulse. A mean, because a machine that regulates its dose moves single pulses; what a
//! single pulse may be is judged in `chamber`.
//!
//! High is judged by the time that passed. Low is judged by the time for which beam was requested: a pause stops the window
//! and does not empty it. While a pulse is waited for, time runs on: the rate is then what it would be if the pulse came now.

use crate::fault::Fault;
use crate::machine::{Beam, Machine, Order, RateRule};
use crate::note::FaultReport;
use crate::units::{Dose, Span, Ticks};

/// Places of the window; where it holds more pulses, a place stands for several.
const MARKS: usize = 128;
/// Places that one window takes: all but the pulse before it and the one that is filling.
const STRIDES: u32 = 126;
/// Pulses that the window holds at least.
const PULSES: u64 = 10;
/// The least time of the window at nominal rate.
const WINDOW: Span = Span::from_secs(1);
/// The shortest time that a rate is told of.
const SHORTEST: Span = Span::from_millis(100);

/// Shares of the nominal rate in percent.
const TRIP_HIGH: u32 = 200;
const WARN_HIGH: u32 = 120;
const WARN_LOW: u32 = 85;
const TRIP_LOW: u32 = 50;

/// What the rate is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// As it should be, or not yet known.
    Fine,
    /// Out of the ordinary.
    Warn(FaultReport),
    /// A fault.
    Trip(FaultReport),
}

/// A moment of the beam: when, for how long beam had been requested, and what had come.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Ticks,
    requested: Span,
    dose: Dose,
    pulses: u32,
}

impl Mark {
    const NONE: Self = Self { at: Ticks::ZERO, requested: Span::ZERO, dose: Dose::ZERO, pulses: 0 };
}

/// A rate as dose in micro-MU times 10^9, over a time in ns.
#[derive(Clone, Copy, Debug)]
struct Fraction {
    dose: i128,
    nanos: i128,
}

impl Fraction {
    fn is_above(self, limit: Dose) -> bool {
        self.dose > i128::from(limit.micro_mu()).saturating_mul(self.nanos)
    }

    fn is_below(self, limit: Dose) -> bool {
        self.dose < i128::from(limit.micro_mu()).saturating_mul(self.nanos)
    }

    fn dose_per_second(self) -> Dose {
        let rate = self.dose.checked_div(self.nanos).and_then(|rate| i64::try_from(rate).ok());
        Dose::from_micro_mu(rate.unwrap_or(i64::MAX))
    }
}

/// The rate of one chamber.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    rule: RateRule,
    /// Nominal time from pulse to pulse.
    period: Span,
    /// Pulses of the window.
    window: u32,
    /// Pulses of one place.
    stride: u32,
    /// Nominal dose of a second, and of a pulse.
    nominal: Dose,
    pulse: Dose,
    marks: [Mark; MARKS],
    newest: usize,
    /// The pulse before the window: the newest place with a whole window after it, or the first one.
    oldest: usize,
    is_empty: bool,
    /// Everything that was added, up to the last pulse.
    last: Mark,
    /// Requested time up to `seen`.
    requested: Span,
    seen: Ticks,
    verdict: Verdict,
}

const fn after(place: usize) -> usize {
    if place >= MARKS - 1 { 0 } else { place.saturating_add(1) }
}

impl Rate {
    /// The rate of a machine at rest.
    #[must_use]
    pub fn new(machine: &Machine) -> Self {
        let period = match machine.beam {
            Beam::Pulsed { period, .. } => period,
            Beam::Continuous => machine.timing.dose,
        };
        let in_time = WINDOW.nanos().checked_div(period.nanos()).unwrap_or(0).max(PULSES);
        let window = u32::try_from(in_time).unwrap_or(u32::MAX);
        Self {
            rule: machine.rate,
            period,
            window,
            stride: window.div_ceil(STRIDES),
            nominal: Dose::ZERO,
            pulse: Dose::ZERO,
            marks: [Mark::NONE; MARKS],
            newest: 0,
            oldest: 0,
            is_empty: true,
            last: Mark::NONE,
            requested: Span::ZERO,
            seen: Ticks::ZERO,
            verdict: Verdict::Fine,
        }
    }

    /// Starts a delivery.
    pub fn begin(&mut self, order: &Order) {
        self.nominal = order.dose_per_second;
        let nanos = i128::from(order.dose_per_second.micro_mu()).saturating_mul(i128::from(self.period.nanos()));
        let pulse = nanos.checked_div(1_000_000_000).and_then(|pulse| i64::try_from(pulse).ok());
        self.pulse = Dose::from_micro_mu(pulse.unwrap_or(i64::MAX));
        self.rest();
    }

    /// The beam is off: the window empties, and begins anew at the next pulse.
    pub fn rest(&mut self) {
        self.is_empty = true;
        self.verdict = Verdict::Fine;
    }

    /// Time passes; `requested` tells whether the gate was open and beam was requested since the last call.
    pub fn pass(&mut self, now: Ticks, requested: bool) {
        if requested {
            self.requested = self.requested.plus(now.since(self.seen));
        }
        self.seen = now;
    }

    /// Whether a reading with this dose tells of beam by itself: half of what a pulse (without pulses: a dose period) brings.
    #[must_use]
    pub fn tells_of_beam(&self, dose: Dose) -> bool {
        self.pulse > Dose::ZERO && dose.times(2) >= self.pulse
    }

    /// Adds the dose of a reading that brought so many pulses; without pulses a reading counts as one.
    pub fn add(&mut self, now: Ticks, pulses: u32, dose: Dose) {
        self.last = Mark {
            at: now,
            requested: self.requested,
            dose: self.last.dose.plus(dose),
            pulses: self.last.pulses.saturating_add(pulses.max(1)),
        };
        if self.is_empty {
            self.is_empty = false;
            self.oldest = self.newest;
            self.put(self.newest);
        } else if self.after_mark(self.newest) >= self.stride {
            self.newest = after(self.newest);
            self.put(self.newest);
        }
        while self.oldest != self.newest && self.after_mark(after(self.oldest)) >= self.window {
            self.oldest = after(self.oldest);
        }
        self.verdict = self.of_what_came();
    }

    fn put(&mut self, place: usize) {
        if let Some(mark) = self.marks.get_mut(place) {
            *mark = self.last;
        }
    }

    fn mark(&self, place: usize) -> Mark {
        self.marks.get(place).copied().unwrap_or(Mark::NONE)
    }

    fn after_mark(&self, place: usize) -> u32 {
        self.last.pulses.saturating_sub(self.mark(place).pulses)
    }

    /// The rate of `pulses` pulses with this dose in this time, filled up with nominal ones to the whole window.
    fn filled(&self, pulses: u32, dose: Dose, time: Span) -> Fraction {
        let missing = self.window.saturating_sub(pulses);
        let dose = dose.plus(self.pulse.times(missing));
        let time = time.plus(self.period.times(u64::from(missing)));
        Fraction { dose: i128::from(dose.micro_mu()).saturating_mul(1_000_000_000), nanos: i128::from(time.nanos()) }
    }

    /// The mean dose of a second; zero while the beam is off.
    #[must_use]
    pub fn dose_per_second(&self, now: Ticks) -> Dose {
        if self.is_empty {
            return Dose::ZERO;
        }
        let start = self.mark(self.oldest);
        let time = now.since(start.at).longer(SHORTEST).longer(self.period);
        let dose = i128::from(self.last.dose.minus(start.dose).micro_mu()).saturating_mul(1_000_000_000);
        Fraction { dose, nanos: i128::from(time.nanos()) }.dose_per_second()
    }

    /// Judges the window as it stands.
    pub fn judge(&mut self) -> Verdict {
        let waited = self.requested.minus(self.last.requested);
        let waits = !self.is_empty && matches!(self.rule, RateRule::Steady) && waited > self.period;
        if matches!(self.verdict, Verdict::Trip(_)) || !waits {
            return self.verdict;
        }
        let found = self.low(self.if_it_came_now());
        if matches!(found, Verdict::Fine) { self.verdict } else { found }
    }

    /// What the pulses that came say, each time when one has come.
    fn of_what_came(&self) -> Verdict {
        let start = self.mark(self.oldest);
        let pulses = self.last.pulses.saturating_sub(start.pulses);
        let dose = self.last.dose.minus(start.dose);
        let high = self.filled(pulses, dose, self.last.at.since(start.at));
        if high.is_above(self.nominal.percent(TRIP_HIGH)) {
            return Verdict::Trip(self.report(Fault::RateHigh, high, TRIP_HIGH));
        }
        let low = match self.rule {
            RateRule::Steady => self.low(self.filled(pulses, dose, self.last.requested.minus(start.requested))),
            RateRule::Modulated => Verdict::Fine,
        };
        if matches!(low, Verdict::Fine) && high.is_above(self.nominal.percent(WARN_HIGH)) {
            return Verdict::Warn(self.report(Fault::RateHigh, high, WARN_HIGH));
        }
        low
    }

    fn low(&self, rate: Fraction) -> Verdict {
        if rate.is_below(self.nominal.percent(TRIP_LOW)) {
            Verdict::Trip(self.report(Fault::RateLow, rate, TRIP_LOW))
        } else if rate.is_below(self.nominal.percent(WARN_LOW)) {
            Verdict::Warn(self.report(Fault::RateLow, rate, WARN_LOW))
        } else {
            Verdict::Fine
        }
    }

    /// The rate as it would be if the next pulse, of nominal size or the mean of those before it, came at this moment.
    fn if_it_came_now(&self) -> Fraction {
        let next = after(self.oldest);
        let leaves = self.oldest != self.newest && self.after_mark(next) >= self.window.saturating_sub(1);
        let start = self.mark(if leaves { next } else { self.oldest });
        let pulses = self.last.pulses.saturating_sub(start.pulses);
        let dose = self.last.dose.minus(start.dose);
        let mean = dose.micro_mu().checked_div(i64::from(pulses)).unwrap_or(0);
        let due = self.pulse.larger(Dose::from_micro_mu(mean));
        self.filled(pulses.saturating_add(1), dose.plus(due), self.requested.minus(start.requested))
    }

    fn report(&self, fault: Fault, rate: Fraction, percent: u32) -> FaultReport {
        FaultReport::of(fault).measured(rate.dose_per_second().micro_mu(), self.nominal.percent(percent).micro_mu())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Bus;
    use crate::machine::{Landing, Monitor, Protection, SetUp, Timing};
    use crate::units::{Charge, DosePerCharge};
    use crate::wire::Docking;

    const PULSE: Dose = Dose::from_micro_mu(1_000_000);

    fn machine(rule: RateRule, period: Span) -> Machine {
        let ms = Span::from_millis;
        let monitor = Monitor {
            dose_per_charge: DosePerCharge::from_fixed(1),
            full_scale: Charge::ZERO,
            voltage: 0,
            voltage_tolerance: 0,
            leakage_warn: 0,
            leakage_block: 0,
            electrometer: None,
        };
        let timing = Timing {
            permit: ms(5),
            gate: ms(5),
            dose: ms(10),
            status: ms(50),
            stale_after: ms(25),
            agreement: ms(30),
            proof_margin: ms(10),
            lateness_budget: ms(10),
            session_silence: ms(500),
        };
        Machine {
            timing,
            beam: Beam::Pulsed { period, window: 1, landing: Landing::Nearest, gate_knows_lease: true },
            monitors: [monitor; 2],
            beam_charge: None,
            rate: rule,
            no_pulse_after: ms(1000),
            beam_hold: false,
            linac_bus: Bus::A,
            single_bus: false,
            protection: Protection::E2e,
            resume_limit: 2,
        }
    }

    fn rate(rule: RateRule, period_ms: u64) -> Rate {
        let mut rate = Rate::new(&machine(rule, Span::from_millis(period_ms)));
        rate.begin(&Order {
            preset: Charge::ZERO,
            backup: Charge::ZERO,
            expected_pulse: [Charge::ZERO; 2],
            pulse_dose: PULSE,
            dose_per_second: Dose::from_micro_mu(
                1_000_000_000_i64.checked_div(i64::try_from(period_ms).unwrap_or(1)).unwrap_or(0),
            ),
            time_limit: Span::ZERO,
            pulse_limit: u32::MAX,
            pulses: None,
            beam_charge: None,
            set_up: SetUp { energy: 0, energy_tolerance: 0, applicator: 0, docking: Docking::None },
        });
        rate
    }

    const fn at(millis: u64) -> Ticks {
        Ticks::from_nanos(1_000_000_000).after(Span::from_millis(millis))
    }

    /// Judges twenty seconds of pulses every `real_ms` where `nominal_ms` is nominal, in which beam is requested while
    /// `requested` says so; the gravest verdict.
    fn judged(rule: RateRule, nominal_ms: u64, real_ms: u64, requested: impl Fn(u64) -> bool) -> Verdict {
        let mut rate = rate(rule, nominal_ms);
        let mut worst = Verdict::Fine;
        let mut beam_ms = 0_u64;
        for milli in 0..20_000_u64 {
            rate.pass(at(milli), requested(milli));
            if requested(milli) {
                if beam_ms.is_multiple_of(real_ms) {
                    rate.add(at(milli), 1, PULSE);
                }
                beam_ms = beam_ms.saturating_add(1);
            }
            match rate.judge() {
                Verdict::Fine => {}
                trip @ Verdict::Trip(_) => return trip,
                warning @ Verdict::Warn(_) => worst = warning,
            }
        }
        worst
    }

    fn fault(verdict: Verdict) -> (bool, Option<Fault>) {
        match verdict {
            Verdict::Fine => (false, None),
            Verdict::Warn(report) => (false, Some(report.fault)),
            Verdict::Trip(report) => (true, Some(report.fault)),
        }
    }

    #[test]
    fn holds_the_nominal_rate_of_slow_and_of_fast_machines() {
        for period in [1, 3, 20, 100, 200, 1000] {
            assert_eq!(judged(RateRule::Steady, period, period, |_| true), Verdict::Fine, "{period} ms");
        }
    }

    #[test]
    fn trips_just_below_half_and_just_above_twice_and_holds_just_inside() {
        for nominal in [20, 100, 200] {
            let of = |percent: u64| fault(judged(RateRule::Steady, nominal, nominal * 100 / percent, |_| true));
            assert_eq!(of(48), (true, Some(Fault::RateLow)), "{nominal} ms");
            assert_eq!(of(52), (false, Some(Fault::RateLow)), "{nominal} ms");
            assert_eq!(of(55), (false, Some(Fault::RateLow)), "{nominal} ms");
            assert_eq!(of(86), (false, None), "{nominal} ms");
            assert_eq!(of(88), (false, None), "{nominal} ms");
            assert_eq!(of(83), (false, Some(Fault::RateLow)), "{nominal} ms");
            assert_eq!(of(115), (false, None), "{nominal} ms");
            assert_eq!(of(140), (false, Some(Fault::RateHigh)), "{nominal} ms");
            assert_eq!(of(250), (true, Some(Fault::RateHigh)), "{nominal} ms");
        }
    }

    #[test]
    fn trips_while_it_waits_for_a_pulse_and_not_before_the_rate_is_too_low() {
        let mut rate = rate(RateRule::Steady, 100);
        rate.pass(at(0), true);
        for pulse in 0..=10_u64 {
            rate.pass(at(pulse * 100), true);
            rate.add(at(pulse * 100), 1, PULSE);
        }
        // nine intervals of 100 ms, and one that makes ten pulses last two seconds
        rate.pass(at(1000 + 1099), true);
        assert!(!fault(rate.judge()).0);
        rate.pass(at(1000 + 1101), true);
        assert_eq!(fault(rate.judge()), (true, Some(Fault::RateLow)));
    }

    #[test]
    fn a_pause_stops_the_window_and_does_not_empty_it() {
        // ten periods of beam, then as long without a request, again and again
        let in_turn = |milli: u64| (milli / 1000).is_multiple_of(2);
        assert_eq!(judged(RateRule::Steady, 100, 100, in_turn), Verdict::Fine);
        assert_eq!(fault(judged(RateRule::Steady, 100, 230, in_turn)), (true, Some(Fault::RateLow)));
        // a request that flickers every status period starves nothing
        let flickers = |milli: u64| (milli / 50).is_multiple_of(2);
        assert_eq!(fault(judged(RateRule::Steady, 100, 230, flickers)), (true, Some(Fault::RateLow)));
    }

    #[test]
    fn never_trips_a_modulated_machine_for_being_slow() {
        assert_eq!(judged(RateRule::Modulated, 100, 230, |_| true), Verdict::Fine);
        assert_eq!(fault(judged(RateRule::Modulated, 100, 45, |_| true)), (true, Some(Fault::RateHigh)));
    }

    #[test]
    fn tells_the_mean_of_a_second() {
        let mut rate = rate(RateRule::Steady, 100);
        assert_eq!(rate.dose_per_second(at(0)), Dose::ZERO);
        for pulse in 0..30_u64 {
            rate.add(at(pulse * 50), 1, PULSE);
        }
        assert_eq!(rate.dose_per_second(at(29 * 50)), PULSE.times(20));
        rate.rest();
        assert_eq!(rate.dose_per_second(at(2000)), Dose::ZERO);
    }
}
