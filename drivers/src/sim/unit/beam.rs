//! The beam of the unit: which pulse is fired, what the truth makes of it, and who measures it.

use beam_core::frame::{Bus, Frame};
use beam_core::units::{Span, Ticks};
use beam_core::wire::GateState;

use super::{Beam, Unit};

impl Unit {
    /// A slot of the grid: a pulse is fired if it may be, or leaks.
    pub(super) fn slot(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        if !self.may_fire(now) && !self.gate.defects().leaks && !self.strays(now) {
            return;
        }
        // the faults that start with this pulse may be what keeps it from being fired
        self.start_faults_of_pulse(self.truth.pulses + 1, now, out);
        let permitted = self.may_fire(now);
        let strays = !permitted && self.strays(now);
        if !permitted && !strays && !self.gate.defects().leaks {
            return;
        }
        let mu = self.linac.pulse_mu();
        self.truth.pulses += 1;
        self.truth.mu += mu;
        self.truth.last_pulse_mu = mu;
        let sound = self.reference.as_ref().unwrap_or(&self.gate);
        if sound.status().state != GateState::Open {
            self.truth.pulses_while_closed += 1;
        } else if !sound.lets_pulse() {
            self.truth.pulses_beyond_lease += 1;
        }
        let mut counted = permitted;
        if let Some(straying) = self.straying.as_mut().filter(|_| strays) {
            straying.pass_pulse();
            counted |= straying.is_counted();
        }
        if counted {
            self.gate.fire(now, out);
        }
        if let Some(reference) = &mut self.reference {
            reference.fire(now, &mut |_, _| {});
        }
        for chamber in self.chambers.iter_mut().chain(&mut self.beam_charge) {
            chamber.pulse(now, mu, out);
        }
    }

    fn may_fire(&self, now: Ticks) -> bool {
        self.paused_until <= now && self.gate.lets_pulse() && self.linac.beam_requested()
    }

    /// Stray beam looks at the gate. It comes after a beam; before the first one there is none.
    pub(in crate::sim) fn look_for_strays(&mut self, now: Ticks) {
        let waits = self.gate_state() == GateState::Open || self.truth.beam_on == Span::ZERO;
        if let Some(straying) = &mut self.straying {
            straying.look(now, waits);
        }
    }

    /// Whether a pulse passes although the gate is not open.
    fn strays(&self, now: Ticks) -> bool {
        self.straying.is_some_and(|straying| straying.passes(now))
    }

    /// Counts the beam since the last call; nothing changed in between.
    pub(super) fn count_beam(&mut self, now: Ticks) {
        let began = std::mem::replace(&mut self.counted_to, now);
        let stretch = now.since(began);
        if stretch == Span::ZERO {
            return;
        }
        match self.config.beam {
            Beam::Pulses { .. } => {
                if self.gate.status().state == GateState::Open && self.linac.beam_requested() {
                    self.truth.beam_on = self.truth.beam_on.plus(stretch);
                }
            }
            Beam::Continuous { .. } => {
                let permitted = self.may_fire(began);
                let strays = !permitted && self.strays(began);
                if permitted || strays || self.gate.defects().leaks {
                    self.continuous_beam(stretch);
                }
                if let Some(straying) = self.straying.as_mut().filter(|_| strays) {
                    straying.pass_beam(stretch);
                }
            }
        }
    }

    fn continuous_beam(&mut self, stretch: Span) {
        let mu = self.linac.stretch_mu(stretch);
        self.truth.mu += mu;
        self.truth.beam_on = self.truth.beam_on.plus(stretch);
        let sound = self.reference.as_ref().unwrap_or(&self.gate);
        if !sound.lets_pulse() {
            self.truth.beam_on_while_closed = self.truth.beam_on_while_closed.plus(stretch);
        }
        for chamber in self.chambers.iter_mut().chain(&mut self.beam_charge) {
            chamber.expose(mu);
        }
    }
}
