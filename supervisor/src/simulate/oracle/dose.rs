//! The true dose of every pulse of each delivery, against what its plan and the fault allow.

use beam_core::frame::Frame;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{GateState, Guard};
use beam_drivers::sim::Lie;

use super::Findings;
use super::bytes::{TRIPPED, is_sound, permit};
use crate::mishap::Part;
use crate::simulate::circumstances::Circumstances;
use crate::simulate::draw::Drawn;
use crate::simulate::second_order::{Expected, span};
use crate::world::World;

/// How far the mean of the pulses seen may lie from the nominal pulse, as a share of a pulse: six standard deviations of 1 %
/// over four pulses. A guard sees ahead over a window of w pulses by the mean of n: it errs by w over the root of n, which is
/// the root of w where it has seen a window's worth.
const MEAN_NOISE: f64 = 0.03;
/// The noise of a chamber's sum over n pulses: six standard deviations of 0.1 %, times the root of n.
const SUM_NOISE: f64 = 0.006;
/// The noise of the true dose of n pulses: six standard deviations of 1 %, times the root of n, as a share of a pulse.
const PULSES_NOISE: f64 = 0.06;
/// No window holds more pulses than this.
const WINDOW: u64 = 64;

/// What the machine is, whatever it delivers.
#[derive(Clone, Copy, Debug)]
struct Facts {
    window: u64,
    continuous: bool,
    /// How far beyond its limit the last pulse may land, in pulses.
    landing: f64,
    /// How long a permit lasts at the gate, in tenths of a second.
    stale: f64,
    /// The pulses that may come until the permit of a guard that has died is stale at the gate.
    until_stale: u64,
}

/// What the plan allows, by the second computation.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    pulse: f64,
    time_limit: Span,
    pulse_limit: Option<u64>,
    /// What the two dose guards allow, each by what its own chamber shows, in MU.
    limits: [f64; 2],
}

/// What the gate let pass of one delivery.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    /// True dose in MU.
    pub mu: f64,
    /// Pulses.
    pub pulses: u64,
    /// What each chamber's own counter says, in MU.
    pub measured: [f64; 2],
    /// Pulses (without pulses: dose periods of beam) before it since power-up.
    pub before: u64,
    /// True dose outside of every pulse, in MU; part of `mu`.
    pub leaked: f64,
}

/// The dose of the delivery that the gate holds.
#[derive(Debug)]
pub(super) struct DoseWatch {
    facts: Facts,
    /// None while the gate holds a proof, or nothing: then no dose is allowed at all.
    allowed: Option<Allowed>,
    around: Circumstances,
    delivery: u16,
    base_mu: f64,
    /// What had leaked outside the beam when the gate took the delivery up, and has leaked since, in MU.
    base_leaked: f64,
    leaked: f64,
    /// What each chamber had measured when the gate took the delivery up, in MU.
    base_measured: [f64; 2],
    base_beam_on: Span,
    base_pulses: u64,
    /// The same as the unit counts what mishaps wait for.
    base_counted: u64,
    pulses: u64,
    /// What each of the last pulses had above the nominal one, the newest at `pulses % WINDOW`.
    excess: [f64; WINDOW as usize],
    /// The gate received TRIPPED for the delivery that it holds.
    tripped: bool,
    mu: f64,
    /// The deliveries that the gate no longer holds.
    done: Vec<(u16, Passed)>,
}

impl DoseWatch {
    pub fn new(drawn: &Drawn, around: &Circumstances) -> Self {
        let numbers = &drawn.model.numbers;
        Self {
            facts: Facts {
                window: u64::from(numbers.window).clamp(1, WINDOW),
                continuous: !numbers.is_pulsed(),
                landing: if numbers.lands_at_or_above { 1.0 } else { 0.5 },
                stale: numbers.periods.stale_after / 100.0,
                until_stale: numbers.pulse_period_ms().map_or(0, |ms| (numbers.periods.stale_after / ms).ceil() as u64),
            },
            allowed: None,
            around: around.clone(),
            delivery: 0,
            base_mu: 0.0,
            base_leaked: 0.0,
            leaked: 0.0,
            base_measured: [0.0; 2],
            base_beam_on: Span::ZERO,
            base_pulses: 0,
            base_counted: 0,
            pulses: 0,
            excess: [0.0; WINDOW as usize],
            tripped: false,
            mu: 0.0,
            done: Vec::new(),
        }
    }

    /// What `expected` allows under these circumstances.
    fn allow(&self, expected: &Expected, around: &Circumstances) -> Allowed {
        let nominal = expected.pulse_mu * around.day.output.max(1.0);
        let mut allowed = Allowed {
            pulse: nominal,
            time_limit: span(expected.time_limit_s * 1000.0),
            pulse_limit: expected.pulse_limit,
            limits: [0.0; 2],
        };
        let pulse = nominal * if self.facts.continuous { around.rate_factor } else { 1.0 };
        // the first pulses are taken for nominal ones, until their mean is known
        let first = self.facts.window as f64 * (around.day.output - 1.0).abs();
        let landing = self.facts.landing + first;
        allowed.limits = [
            self.most_by(&allowed, around, 0, expected.preset.0, landing * pulse),
            self.most_by(&allowed, around, 1, expected.backup.0, (1.0 + first) * pulse),
        ];
        allowed
    }

    /// How much true dose one dose guard and the watch on its chamber let pass: its limit and what it lands beyond it when
    /// the chamber is honest; more when it reads low, until it is found out.
    #[expect(clippy::cast_precision_loss, reason = "pulses of a plan")]
    fn most_by(&self, plan: &Allowed, around: &Circumstances, monitor: usize, limit: f64, beyond: f64) -> f64 {
        let (Facts { window, continuous, .. }, pulse) = (self.facts, plan.pulse);
        let mut allowed = limit + beyond;
        if around.lies[monitor].len() > 1 {
            // two faults in one chamber: high over low reads as if it were sound. Only the other chamber, the charge of the beam
            // and the clock hold such a beam
            return f64::INFINITY;
        }
        for lying in &around.lies[monitor] {
            // a high output makes up for a part of what is not read
            let shown = |percent: u8| f64::from(percent) / 100.0 * around.day.output.max(1.0);
            // how many pulses it takes to be found out
            let seen_after = match lying.lie {
                Lie::None | Lie::High => continue,
                // what one pulse lacks comes on top of what the guard lets pass, and a pulse has its noise
                Lie::LowOnce(percent) => {
                    let mut lacking = 1.0 + PULSES_NOISE - f64::from(percent) / 100.0;
                    // among the first four it is a quarter of what each pulse that is leased ahead is taken for
                    if lying.from.saturating_sub(self.base_counted) <= 4 {
                        lacking *= 1.0 + window.min((limit / pulse) as u64) as f64 / 4.0;
                    }
                    allowed = allowed.max(limit + beyond + lacking * pulse * around.rate_factor);
                    continue;
                }
                Lie::Saturated => 1,
                // a pulse at a third of its size is one too many where the charge of the beam is measured
                Lie::Low(0..33) if around.beam_charge_is_honest => 1,
                Lie::Low(percent) if shown(percent) < 0.1 => 2,
                Lie::Low(percent) if shown(percent) < 0.5 => 3,
                Lie::Low(percent) => {
                    allowed = allowed.max(limit * 100.0 / f64::from(percent) + pulse);
                    continue;
                }
            };
            // without pulses a tenth of a second is judged like one, and the lie may begin in the middle of it
            let from = lying.from.saturating_sub(self.base_counted);
            let honest = if continuous { from as f64 / 10.0 + 1.5 } else { from.max(1) as f64 - 1.0 };
            let pulses = honest + (seen_after + window - 1) as f64;
            let found = (pulses + PULSES_NOISE * pulses.sqrt()) * pulse * around.rate_factor;
            let after = (seen_after + window) as f64 * pulse * around.rate_factor;
            allowed = allowed.max(found.min(limit + beyond + after));
        }
        allowed
    }

    /// What the gate let pass of a delivery so far; nothing of one that it never held.
    pub fn passed(&self, delivery: u16, world: &World) -> Passed {
        if delivery == self.delivery {
            return self.so_far(world);
        }
        self.done.iter().rfind(|(id, _)| *id == delivery).map_or_else(Passed::default, |(_, passed)| *passed)
    }

    fn so_far(&self, world: &World) -> Passed {
        let (measured, _) = world.unit().measured_mu();
        Passed {
            mu: world.truth().mu - self.base_mu,
            pulses: self.pulses(),
            measured: [measured[0] - self.base_measured[0], measured[1] - self.base_measured[1]],
            before: self.base_counted,
            leaked: world.truth().leaked_mu - self.base_leaked,
        }
    }

    /// Pulses of the delivery that the gate holds.
    const fn pulses(&self) -> u64 {
        self.pulses - self.base_pulses
    }

    /// The gate received a permit.
    pub fn gate_received(&mut self, frame: &Frame) {
        let said = permit(frame);
        if said.state == TRIPPED && said.delivery == self.delivery && !self.tripped {
            self.tripped = is_sound(frame);
        }
    }

    /// Looks at the unit; when a pulse was fired, which one of its delivery it is. `expects` is what a delivery id is given for, nothing for a proof.
    pub fn look<'e>(
        &mut self,
        now: Ticks,
        world: &World,
        around: &Circumstances,
        expects: impl Fn(u16) -> Option<&'e Expected>,
        findings: &mut Findings,
    ) -> Option<u64> {
        let held = world.unit().held();
        if held != self.delivery {
            self.finish(now, world, findings);
            self.take_up(held, world, around, expects(held));
        }
        if self.facts.continuous || world.unit().pulses() == self.pulses {
            return None;
        }
        let truth = world.truth();
        self.pulses = truth.pulses;
        let pulse = self.allowed.map_or(0.0, |allowed| allowed.pulse);
        self.excess[(self.pulses % WINDOW) as usize] = (truth.last_pulse_mu - pulse).max(0.0);
        self.mu = truth.mu - self.base_mu;
        self.leaked = truth.leaked_mu - self.base_leaked;
        if !self.around.gate_is_damaged {
            let number = self.pulses();
            findings.demand(now, !self.tripped, "a tripped delivery never fires again", || {
                format!("pulse {number} of delivery {held} after TRIPPED")
            });
            findings.demand(now, truth.pulses_while_closed == 0, "no pulse while the gate is closed", String::new);
            findings.demand(now, truth.pulses_beyond_lease == 0, "no pulse beyond a lease", String::new);
        }
        self.judge(now, findings);
        Some(self.pulses())
    }

    fn take_up(&mut self, held: u16, world: &World, around: &Circumstances, expected: Option<&Expected>) {
        if self.delivery != 0 {
            self.done.push((self.delivery, self.so_far(world)));
        }
        let truth = world.truth();
        self.delivery = held;
        (self.base_mu, self.base_beam_on, self.base_pulses) = (truth.mu, truth.beam_on, self.pulses);
        self.base_counted = world.unit().pulses();
        (self.base_leaked, self.leaked) = (truth.leaked_mu, 0.0);
        (self.base_measured, _) = world.unit().measured_mu();
        self.excess = [0.0; WINDOW as usize];
        (self.tripped, self.mu) = (false, 0.0);
        self.around = around.clone();
        self.allowed = expected.map(|expected| self.allow(expected, around));
    }

    /// Looks at the delivery that the gate held until now.
    #[expect(clippy::cast_precision_loss, reason = "seconds for people to read")]
    pub fn finish(&mut self, now: Ticks, world: &World, findings: &mut Findings) {
        if self.delivery == 0 || self.around.gate_is_damaged {
            return;
        }
        let truth = world.truth();
        self.mu = truth.mu - self.base_mu;
        self.leaked = truth.leaked_mu - self.base_leaked;
        self.judge(now, findings);
        let beam_on = truth.beam_on.nanos() - self.base_beam_on.nanos();
        if let Some(Allowed { time_limit, .. }) = self.allowed {
            let limit = time_limit.plus(self.around.time_slack(time_limit)).nanos();
            findings.demand(now, beam_on <= limit, "no beam beyond the time limit", || {
                format!("{:.3} s of {:.3} s", beam_on as f64 / 1e9, limit as f64 / 1e9)
            });
        }
        if world.unit().gate_state() != GateState::Open {
            let closed = truth.beam_on_while_closed == Span::ZERO;
            findings.demand(now, closed, "no beam while the gate is closed", String::new);
        }
    }

    fn judge(&self, now: Ticks, findings: &mut Findings) {
        if self.around.gate_is_damaged {
            return;
        }
        let (limit, pulses) = (self.most(), self.pulses());
        // a sum of many pulses has its rounding
        findings.demand(now, self.mu <= limit + 1e-6, "no more dose than plan and fault allow", || {
            let Self { delivery, mu, allowed, .. } = self;
            format!("delivery {delivery}: {mu:.4} MU of at most {limit:.4} ({allowed:?}, {pulses} pulses)")
        });
        // the pulse that passes the limit is the one by which it is seen
        let unheld = if self.around.is_without(Part::Guard(Guard::Time)) { self.facts.until_stale } else { 0 };
        let limit = self.allowed.and_then(|allowed| allowed.pulse_limit);
        let most = limit.map(|limit| limit + self.facts.window + unheld);
        findings.demand(now, most.is_none_or(|most| pulses <= most), "no more pulses than the pulse limit", || {
            format!("delivery {}: {pulses} pulses of at most {most:?}", self.delivery)
        });
    }

    /// The most true dose of the delivery that the gate holds, in MU.
    #[expect(clippy::cast_precision_loss, reason = "pulses of a plan")]
    fn most(&self) -> f64 {
        let Some(Allowed { limits: [first, second], pulse, .. }) = self.allowed else { return self.leaked };
        let Facts { window, continuous, stale, .. } = self.facts;
        // a beam without pulses lasts on until a permit that does not come has gone stale at the gate
        let hindered = if continuous && self.around.permits_are_hindered { stale } else { 0.0 };
        let noise = hindered + MEAN_NOISE * (window as f64).sqrt() + SUM_NOISE * (self.pulses().max(1) as f64).sqrt();
        let last = self.pulses.saturating_sub(window)..self.pulses;
        let excess: f64 = last.map(|before| self.excess[((before + 1) % WINDOW) as usize]).sum();
        first.min(second) + excess + noise * pulse + self.leaked
    }
}
