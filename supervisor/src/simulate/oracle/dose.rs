//! The true dose of every pulse, against what the plan and the fault allow.

use beam_core::frame::Frame;
use beam_core::machine::{Beam, Landing};
use beam_core::units::{Dose, Span, Ticks};
use beam_core::wire::GateState;
use beam_drivers::sim::Lie;

use super::Findings;
use super::bytes::{TRIPPED, is_sound, permit};
use crate::describe::{mu, seconds};
use crate::simulate::circumstances::Circumstances;
use crate::simulate::draw::Drawn;
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

/// The dose of the delivery that the gate holds.
#[derive(Debug)]
pub(super) struct DoseWatch {
    preset: f64,
    time_limit: Span,
    pulse: f64,
    window: u64,
    continuous: bool,
    /// How long a permit lasts at the gate, in tenths of a second.
    stale: f64,
    /// What the two dose guards allow, each by what its own chamber shows, in MU.
    limits: [f64; 2],
    delivery: u16,
    base_mu: f64,
    /// What had leaked outside the beam when the gate took the delivery up, and has leaked since, in MU.
    base_leaked: f64,
    leaked: f64,
    /// What each chamber had measured when the gate took the delivery up, and has measured since, in MU.
    base_measured: [f64; 2],
    measured: [f64; 2],
    base_beam_on: Span,
    base_pulses: u64,
    pulses: u64,
    /// What each of the last pulses had above the nominal one, the newest at `pulses % WINDOW`.
    excess: [f64; WINDOW as usize],
    /// The gate received TRIPPED for the delivery that it holds.
    tripped: bool,
    mu: f64,
}

impl DoseWatch {
    pub fn new(drawn: &Drawn, around: &Circumstances) -> Self {
        let machine = &drawn.prepared.machine;
        let landing = match machine.beam {
            Beam::Pulsed { landing: Landing::Nearest, .. } | Beam::Continuous => 0.5,
            Beam::Pulsed { landing: Landing::AtOrAbove, .. } => 1.0,
        };
        let preset = drawn.prepared.planned.planned_mu;
        let mut watch = Self {
            preset,
            time_limit: drawn.prepared.order.time_limit,
            pulse: mu(drawn.prepared.order.pulse_dose),
            window: u64::from(machine.window()).clamp(1, WINDOW),
            continuous: matches!(machine.beam, Beam::Continuous),
            stale: seconds(machine.timing.stale_after) * 10.0,
            limits: [0.0; 2],
            delivery: 0,
            base_mu: 0.0,
            base_leaked: 0.0,
            leaked: 0.0,
            base_measured: [0.0; 2],
            measured: [0.0; 2],
            base_beam_on: Span::ZERO,
            base_pulses: 0,
            pulses: 0,
            excess: [0.0; WINDOW as usize],
            tripped: false,
            mu: 0.0,
        };
        let pulse = watch.pulse * if watch.continuous { around.rate_factor } else { 1.0 };
        let backup = drawn.prepared.planned.backup_mu;
        watch.limits = [watch.allowed(around, 0, preset, landing * pulse), watch.allowed(around, 1, backup, pulse)];
        watch
    }

    /// How much true dose one dose guard and the watch on its chamber let pass: its limit and what it lands beyond it when
    /// the chamber is honest; more when it reads low, until it is found out.
    #[expect(clippy::cast_precision_loss, reason = "pulses of a plan")]
    fn allowed(&self, around: &Circumstances, monitor: usize, limit: f64, beyond: f64) -> f64 {
        let mut allowed = limit + beyond;
        if around.lies[monitor].len() > 1 {
            // two faults in one chamber: high over low reads as if it were sound. Only the other chamber, the charge of the beam
            // and the clock hold such a beam
            return f64::INFINITY;
        }
        for lying in &around.lies[monitor] {
            // how many pulses it takes to be found out
            let seen_after = match lying.lie {
                Lie::None | Lie::High => continue,
                // what one pulse lacks comes on top of what the guard lets pass, and a pulse has its noise
                Lie::LowOnce(percent) => {
                    let lacking = 1.0 + PULSES_NOISE - f64::from(percent) / 100.0;
                    allowed = allowed.max(limit + beyond + lacking * self.pulse * around.rate_factor);
                    continue;
                }
                Lie::Saturated => 1,
                // a pulse at a third of its size is one too many where the charge of the beam is measured
                Lie::Low(0..33) if around.beam_charge_is_honest => 1,
                Lie::Low(0..10) => 2,
                Lie::Low(10..50) => 3,
                Lie::Low(percent) => {
                    allowed = allowed.max(limit * 100.0 / f64::from(percent) + self.pulse);
                    continue;
                }
            };
            // without pulses a tenth of a second is judged like one, and the lie may begin in the middle of it
            let honest = if self.continuous { lying.from as f64 / 10.0 + 1.5 } else { lying.from.max(1) as f64 - 1.0 };
            let pulses = honest + (seen_after + self.window - 1) as f64;
            let found = (pulses + PULSES_NOISE * pulses.sqrt()) * self.pulse * around.rate_factor;
            allowed = allowed.max(found.min(limit + beyond + (seen_after + self.window) as f64 * self.pulse));
        }
        allowed
    }

    /// True dose of the delivery that the gate held last, in MU.
    pub const fn mu(&self) -> f64 {
        self.mu
    }

    /// What a chamber's own counter says of the delivery that the gate held last.
    #[expect(clippy::cast_possible_truncation, reason = "a dose in MU, far inside the range")]
    pub fn measured(&self, monitor: usize) -> Dose {
        Dose::from_micro_mu((self.measured[monitor] * 1e6) as i64)
    }

    /// Pulses of the delivery that the gate held last.
    pub const fn pulses(&self) -> u64 {
        self.pulses - self.base_pulses
    }

    /// The gate received a permit.
    pub fn gate_received(&mut self, frame: &Frame) {
        let said = permit(frame);
        if said.state == TRIPPED && said.delivery == self.delivery && !self.tripped {
            self.tripped = is_sound(frame);
        }
    }

    /// Looks at the unit; true when a pulse was fired.
    pub fn look(&mut self, now: Ticks, world: &World, around: &Circumstances, findings: &mut Findings) -> bool {
        let held = world.unit().held();
        if held != self.delivery {
            self.finish(now, world, around, findings);
            let truth = world.truth();
            self.delivery = held;
            (self.base_mu, self.base_beam_on, self.base_pulses) = (truth.mu, truth.beam_on, self.pulses);
            (self.base_measured, _) = world.unit().measured_mu();
            self.base_leaked = truth.leaked_mu;
            self.excess = [0.0; WINDOW as usize];
            (self.tripped, self.mu) = (false, 0.0);
        }
        if self.continuous || world.unit().pulses() == self.pulses {
            return false;
        }
        let truth = world.truth();
        self.pulses = truth.pulses;
        self.excess[(self.pulses % WINDOW) as usize] = (truth.last_pulse_mu - self.pulse).max(0.0);
        self.mu = truth.mu - self.base_mu;
        self.leaked = truth.leaked_mu - self.base_leaked;
        if !around.gate_is_damaged {
            let number = self.pulses();
            findings.demand(now, !self.tripped, "a tripped delivery never fires again", || {
                format!("pulse {number} of delivery {held} after TRIPPED")
            });
            findings.demand(now, truth.pulses_while_closed == 0, "no pulse while the gate is closed", String::new);
            findings.demand(now, truth.pulses_beyond_lease == 0, "no pulse beyond a lease", String::new);
        }
        self.judge(now, around, findings);
        true
    }

    /// Looks at the delivery that the gate held until now.
    #[expect(clippy::cast_precision_loss, reason = "seconds for people to read")]
    pub fn finish(&mut self, now: Ticks, world: &World, around: &Circumstances, findings: &mut Findings) {
        if self.delivery == 0 || around.gate_is_damaged {
            return;
        }
        let truth = world.truth();
        self.mu = truth.mu - self.base_mu;
        self.leaked = truth.leaked_mu - self.base_leaked;
        let (measured, _) = world.unit().measured_mu();
        self.measured = [measured[0] - self.base_measured[0], measured[1] - self.base_measured[1]];
        self.judge(now, around, findings);
        let beam_on = truth.beam_on.nanos() - self.base_beam_on.nanos();
        let limit = self.time_limit.plus(around.time_slack(self.time_limit)).nanos();
        findings.demand(now, beam_on <= limit, "no beam beyond the time limit", || {
            format!("{:.3} s of {:.3} s", beam_on as f64 / 1e9, limit as f64 / 1e9)
        });
        if world.unit().gate_state() != GateState::Open {
            let closed = truth.beam_on_while_closed == Span::ZERO;
            findings.demand(now, closed, "no beam while the gate is closed", String::new);
        }
    }

    fn judge(&self, now: Ticks, around: &Circumstances, findings: &mut Findings) {
        if around.gate_is_damaged {
            return;
        }
        let limit = self.most(around);
        findings.demand(now, self.mu <= limit, "no more dose than plan and fault allow", || {
            let Self { mu, preset, pulse, limits, .. } = self;
            format!(
                "{mu:.4} MU of at most {limit:.4} (preset {preset:.4}, pulse {pulse:.4}, by monitor {limits:?}, {} pulses)",
                self.pulses()
            )
        });
    }

    /// The most true dose of the delivery that the gate holds, in MU.
    #[expect(clippy::cast_precision_loss, reason = "pulses of a plan")]
    fn most(&self, around: &Circumstances) -> f64 {
        if around.is_proof(self.delivery) {
            return 0.0;
        }
        let [first, second] = self.limits;
        // a beam without pulses lasts on until a permit that does not come has gone stale at the gate
        let hindered = if self.continuous && around.permits_are_hindered { self.stale } else { 0.0 };
        let noise =
            hindered + MEAN_NOISE * (self.window as f64).sqrt() + SUM_NOISE * (self.pulses().max(1) as f64).sqrt();
        let last = self.pulses.saturating_sub(self.window)..self.pulses;
        let excess: f64 = last.map(|before| self.excess[((before + 1) % WINDOW) as usize]).sum();
        first.min(second) + excess + noise * self.pulse + self.leaked
    }
}
