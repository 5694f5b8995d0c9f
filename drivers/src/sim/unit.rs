//! The treatment unit put together: gate, two chambers, beam charge sensor, linac and console on two buses.
//!
//! It has no clock and no thread. The caller asks when it next has something to do ([`Unit::next`]), lets it act
//! ([`Unit::advance`]), and hands it the frames that reach the gate ([`Unit::receive`]). The same seed, injections and
//! frames give the same frames back, bit for bit. Beside what the frames say it keeps the truth ([`Truth`]).

use beam_core::frame::{Bus, Frame};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{BEAM_CHARGE, GateState, GateStatus, MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS};

use super::chamber::{Chamber, ChamberFrames};
use super::config::UnitConfig;
use super::console::Console;
use super::effect::Effect;
use super::electrometer::Speaks;
use super::fault::Injection;
use super::gate::{Gate, GateConfig};
use super::linac::{Beam, Linac};
use super::noise::Noise;
use super::stray::Straying;

mod beam;

/// After how many gate periods a fault happens that is over in a moment, when it is asked for before the beam: late
/// enough for everyone to have heard a first frame.
const FIRST_MOMENT: u64 = 20;

/// What really happened, whatever chambers and gate say.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Truth {
    /// Pulses fired since power-up; 0 on a machine without pulses.
    pub pulses: u64,
    /// Dose in MU since power-up.
    pub mu: f64,
    /// Of it, what leaked outside the beam ([`Signal::Leak`](super::Signal::Leak)): nobody can hold it back.
    pub leaked_mu: f64,
    /// Dose of the last pulse in MU.
    pub last_pulse_mu: f64,
    /// Charge in pC that a right chamber with the calibration of monitor 1 collected since power-up.
    pub picocoulombs: f64,
    /// Pulses that were fired while a sound gate would have been CLOSED or LATCHED.
    pub pulses_while_closed: u64,
    /// Pulses that were fired while a sound gate would have been OPEN, but beyond the smallest lease.
    pub pulses_beyond_lease: u64,
    /// Time with beam on a machine without pulses; otherwise time with gate OPEN and beam requested.
    pub beam_on: Span,
    /// Of it, while a sound gate would have let nothing pass (only on a machine without pulses).
    pub beam_on_while_closed: Span,
    /// The gate's report.
    pub gate: GateStatus,
    /// The delivery that the gate holds; 0 is none.
    pub delivery: u16,
    /// Whether the console asks for beam.
    pub beam_requested: bool,
}

/// The simulated treatment unit.
#[derive(Clone, Debug)]
pub struct Unit {
    pub(super) config: UnitConfig,
    pub(super) gate: Gate,
    /// A sound gate with the same permits, there when the other one is to be damaged.
    pub(super) reference: Option<Gate>,
    pub(super) chambers: [Chamber; 2],
    pub(super) beam_charge: Option<Chamber>,
    pub(super) linac: Linac,
    pub(super) console: Console,
    /// No pulse before this moment, whatever the gate does.
    pub(super) paused_until: Ticks,
    /// The linac holds its own gate closed until then.
    pub(super) hold_until: Option<Ticks>,
    /// What passes a gate that is not open.
    pub(super) straying: Option<Straying>,
    /// What is to come, the first one first.
    pending: Vec<(Effect, u32)>,
    started: usize,
    due: Ticks,
    counted_to: Ticks,
    truth: Truth,
}

impl Unit {
    /// A unit that is powered up at [`Ticks::ZERO`]. Each injection comes with the pulse that it starts at, see
    /// `fault`.
    #[must_use]
    pub fn new(config: &UnitConfig, seed: u64, injections: &[(Injection, u32)]) -> Self {
        let periods = config.periods;
        let gate_config = GateConfig {
            period: periods.gate,
            stale_after: periods.stale_after,
            pulsed: matches!(config.beam, Beam::Pulses { .. }),
            pulse_lease: config.pulse_lease,
            single_bus: config.single_bus,
        };
        let first_report = Ticks::ZERO.after(Noise::new(seed, 4).span_below(periods.gate));
        let gate = Gate::new(gate_config, Ticks::ZERO, first_report);
        let [one, two] = config.chambers;
        let frames = |bus, dose_id, status_id, speaks| ChamberFrames {
            bus: config.bus(bus),
            dose_id,
            status_id,
            speaks,
            dose_period: periods.dose,
            status_period: periods.status,
        };
        let [first, second] = config.electrometers.map(|electrometer| match electrometer {
            Some(electrometer) => Speaks::Electrometer(electrometer),
            None => Speaks::Contract { picocoulombs_per_count: 1.0 },
        });
        let status_bus = config.bus(config.linac_status_bus);
        let damaged = injections.iter().any(|(injection, _)| injection.effect().damages_gate());
        let truth = Truth {
            pulses: 0,
            mu: 0.0,
            leaked_mu: 0.0,
            last_pulse_mu: 0.0,
            picocoulombs: 0.0,
            pulses_while_closed: 0,
            pulses_beyond_lease: 0,
            beam_on: Span::ZERO,
            beam_on_while_closed: Span::ZERO,
            gate: gate.status(),
            delivery: 0,
            beam_requested: false,
        };
        let mut unit = Self {
            config: *config,
            reference: damaged.then(|| gate.clone()),
            gate,
            chambers: [
                Chamber::new(one, frames(Bus::A, MON1_DOSE, Some(MON1_STATUS), first), seed, 1),
                Chamber::new(two, frames(Bus::B, MON2_DOSE, Some(MON2_STATUS), second), seed, 2),
            ],
            beam_charge: config.beam_charge.map(|fitted| {
                let speaks = Speaks::Contract { picocoulombs_per_count: 10.0 };
                Chamber::new(fitted.sensor, frames(fitted.bus, BEAM_CHARGE, None, speaks), seed, 3)
            }),
            linac: Linac::new(config.beam, config.output_noise, config.set_up, status_bus, periods.status, seed),
            console: Console::new(config.request_after, config.request_hold),
            paused_until: Ticks::ZERO,
            hold_until: None,
            straying: None,
            pending: Vec::new(),
            started: 0,
            due: Ticks::ZERO,
            counted_to: Ticks::ZERO,
            truth,
        };
        for (injection, pulse) in injections {
            unit.await_effect(injection.effect(), *pulse);
        }
        unit
    }

    /// This is to come with this pulse.
    pub(super) fn await_effect(&mut self, effect: Effect, pulse: u32) {
        self.pending.push((effect, pulse));
        self.pending.sort_by_key(|&(effect, pulse)| (pulse, effect.happens_once()));
    }

    /// When it next has something to do of its own accord.
    #[must_use]
    pub const fn next(&self) -> Ticks {
        self.due
    }

    /// Does everything that is due up to and including `now`, in order of time.
    pub fn advance(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        while self.due <= now {
            self.step(self.due, out);
        }
    }

    /// A frame reached the gate at `now`, over `bus`. Frames that are no permits are ignored.
    pub fn receive(&mut self, now: Ticks, bus: Bus, frame: &Frame, out: &mut impl FnMut(Bus, Frame)) {
        self.advance(now, out);
        self.count_beam(now);
        self.gate.receive(now, bus, frame, out);
        if let Some(reference) = &mut self.reference {
            reference.receive(now, bus, frame, &mut |_, _| {});
        }
        self.look_at_gate(now, out);
        self.due = self.next_due();
    }

    /// A fault befalls the unit now, whatever its pulses are.
    pub fn strike(&mut self, now: Ticks, injection: Injection, out: &mut impl FnMut(Bus, Frame)) {
        self.befall(now, injection.effect(), out);
    }

    pub(super) fn befall(&mut self, now: Ticks, effect: Effect, out: &mut impl FnMut(Bus, Frame)) {
        self.advance(now, out);
        self.count_beam(now);
        self.damage(effect, now, out);
        self.due = self.next_due();
    }

    /// The linac holds its own gate closed for a while.
    pub(super) fn hold(&mut self, now: Ticks, lasting: Span, out: &mut impl FnMut(Bus, Frame)) {
        self.hold_until = Some(now.after(lasting));
        self.set_hold(now, true, out);
    }

    fn end_hold(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        if self.hold_until.is_some_and(|until| until <= now) {
            self.hold_until = None;
            self.set_hold(now, false, out);
        }
    }

    fn set_hold(&mut self, now: Ticks, closed: bool, out: &mut impl FnMut(Bus, Frame)) {
        self.gate.set_hardware_interlock(now, closed, out);
        if let Some(reference) = &mut self.reference {
            reference.set_hardware_interlock(now, closed, &mut |_, _| {});
        }
    }

    /// Dose outside every pulse.
    pub(super) fn leak(&mut self, mu: f64) {
        self.truth.mu += mu;
        self.truth.leaked_mu += mu;
        for chamber in self.chambers.iter_mut().chain(&mut self.beam_charge) {
            chamber.stray(mu);
        }
    }

    /// The gate is going to be damaged: a sound one is kept beside it from now on, to judge it by.
    pub fn keep_sound_gate(&mut self) {
        self.reference.get_or_insert_with(|| self.gate.clone());
    }

    /// Whether beam that nobody asked for passes the closed gate, or is about to.
    #[must_use]
    pub fn is_straying(&self) -> bool {
        self.straying.is_some_and(|straying| straying.is_under_way())
    }

    /// Pulses fired since power-up; without pulses, dose periods of beam.
    #[must_use]
    pub fn pulses(&self) -> u64 {
        match self.config.beam {
            Beam::Pulses { .. } => self.truth.pulses,
            Beam::Continuous { .. } => self.truth.beam_on.nanos() / self.config.periods.dose.nanos().max(1),
        }
    }

    /// The delivery that the gate holds; 0 is none.
    #[must_use]
    pub const fn held(&self) -> u16 {
        self.gate.held()
    }

    /// State of the gate.
    #[must_use]
    pub fn gate_state(&self) -> GateState {
        self.gate.status().state
    }

    /// Somebody at the console asks for beam, or takes the request back. It acts at [`Unit::next`], within a gate
    /// period.
    pub fn request_beam(&mut self, on: bool) {
        self.console.request(on);
    }

    /// What really happened so far.
    #[must_use]
    pub fn truth(&self) -> Truth {
        Truth {
            picocoulombs: self.truth.mu * self.config.chambers[0].picocoulombs_per_mu,
            gate: self.gate.status(),
            delivery: self.gate.held(),
            beam_requested: self.linac.beam_requested(),
            ..self.truth
        }
    }

    fn step(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        self.count_beam(now);
        self.start_faults(now, out);
        self.end_hold(now, out);
        self.gate.advance(now, out);
        if let Some(reference) = &mut self.reference {
            reference.advance(now, &mut |_, _| {});
        }
        self.look_at_gate(now, out);
        if self.linac.take_slot(now) {
            self.slot(now, out);
        }
        for chamber in self.chambers.iter_mut().chain(&mut self.beam_charge) {
            chamber.advance(now, out);
        }
        self.linac.advance(now, out);
        self.due = self.next_due();
    }

    fn next_due(&self) -> Ticks {
        let [one, two] = &self.chambers;
        let mut due = self.gate.next().earlier(self.linac.next()).earlier(one.next()).earlier(two.next());
        if let Some(beam_charge) = &self.beam_charge {
            due = due.earlier(beam_charge.next());
        }
        if let Some(reference) = &self.reference {
            due = due.earlier(reference.next());
        }
        if let Some(console) = self.console.next() {
            due = due.earlier(console);
        }
        if let Some(until) = self.hold_until {
            due = due.earlier(until);
        }
        // a pulse waits for its slot
        if let (Beam::Continuous { .. }, Some(straying)) = (self.config.beam, &self.straying)
            && let Some(at) = straying.next(self.counted_to)
        {
            due = due.earlier(at);
        }
        if let Some(&(effect, 0)) = self.pending.get(self.started) {
            due = due.earlier(self.before_beam(effect));
        }
        due
    }

    /// Console and stray beam look at the gate; gate and linac learn what the console wants.
    fn look_at_gate(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        let open = self.gate.status().state == GateState::Open;
        self.look_for_strays(now);
        let leased = open && self.gate.leases().iter().all(|&lease| lease > 0);
        let requested = self.console.look(now, open, leased);
        if requested != self.linac.beam_requested() {
            self.linac.set_beam_requested(requested);
            self.gate.set_beam_requested(now, requested);
            if let Some(reference) = &mut self.reference {
                reference.set_beam_requested(now, requested);
            }
            self.linac.advance(now, out);
        }
    }

    /// Starts the faults of before the beam, and on a machine without pulses those of the dose periods with beam so
    /// far.
    fn start_faults(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        while let Some(&(effect, pulse)) = self.pending.get(self.started) {
            let begins = match (pulse, self.config.beam) {
                (0, _) => self.before_beam(effect) <= now,
                (_, Beam::Pulses { .. }) => false,
                (_, Beam::Continuous { .. }) => self.config.periods.dose.times(u64::from(pulse)) <= self.truth.beam_on,
            };
            if !begins {
                return;
            }
            self.started += 1;
            self.damage(effect, now, out);
        }
    }

    fn start_faults_of_pulse(&mut self, next: u64, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        while let Some(&(effect, pulse)) = self.pending.get(self.started)
            && u64::from(pulse) <= next
        {
            self.started += 1;
            self.damage(effect, now, out);
        }
    }

    /// When a fault of before the beam begins.
    fn before_beam(&self, effect: Effect) -> Ticks {
        let once = effect.happens_once();
        Ticks::ZERO.after(if once { self.config.periods.gate.times(FIRST_MOMENT) } else { Span::ZERO })
    }
}

#[cfg(test)]
mod tests;
