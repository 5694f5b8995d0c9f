//! The time guard: counts the beam-on time by its own clock and ends the beam when the limit is reached.
//!
//! It runs from the first sign of beam (beam requested, gate open, or a pulse on any chamber) until its own permit is
//! withdrawn, and never waits for a sign to stop. Beside its own clock it watches the gate's (`beam_clock`), and the gate's
//! count of pulses: more than the plan can take end the beam, whatever the chambers say.
//! It integrates no dose; from a chamber's frame it takes only whether a pulse came.

use crate::beam_clock::BeamClock;
use crate::common_checks::stale;
use crate::fault::{Fault, FaultSet};
use crate::frame::{Bus, Frame, Origin};
use crate::guard::{Common, nanos};
use crate::hearing::{Heard, Hearing, looks_sound, with_if};
use crate::machine::{Machine, Protection, Timing};
use crate::note::{Command, FaultReport, Note, Phase};
use crate::reading::PulseWatch;
use crate::units::{Span, Ticks};
use crate::wire::{self, GATE_STATUS, GateState, GateStatus, LINAC_STATUS, LinacStatus, NO_PULSE_LIMIT};

/// What this guard knows of a chamber: where it tells of pulses.
#[derive(Clone, Copy, Debug)]
struct ChamberWatch {
    id: u16,
    protection: Protection,
    pulses: PulseWatch,
}

impl ChamberWatch {
    const fn new(monitor: u8, machine: &Machine) -> Self {
        let extraction = match machine.electrometer(monitor) {
            Some(electrometer) => Some(&electrometer.extraction),
            None => None,
        };
        Self {
            id: machine.dose_id(monitor),
            protection: machine.dose_protection(monitor),
            pulses: PulseWatch::new(extraction),
        }
    }
}

/// The time guard.
#[derive(Clone, Copy, Debug)]
pub struct TimeGuard {
    /// What every guard has.
    pub common: Common,
    timing: Timing,
    linac_bus: Bus,
    gate: Hearing,
    linac: Hearing,
    limit: Span,
    /// Beam-on time up to `running`, and since when it runs on.
    elapsed: Span,
    running: Option<Ticks>,
    requested: bool,
    open: bool,
    gate_centiseconds: u16,
    clock: BeamClock,
    /// Pulses of this delivery that the gate may count.
    pulse_limit: u32,
    chambers: [ChamberWatch; 2],
    next_clock: Ticks,
}

impl TimeGuard {
    /// The time guard of `machine`.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        Self {
            common: Common::new(wire::Guard::Time, machine),
            timing: machine.timing,
            linac_bus: machine.linac_bus,
            gate: Hearing::new(Protection::E2e),
            linac: Hearing::new(machine.protection),
            limit: Span::ZERO,
            elapsed: Span::ZERO,
            running: None,
            requested: false,
            open: false,
            gate_centiseconds: 0,
            clock: BeamClock::NONE,
            pulse_limit: u32::MAX,
            chambers: [ChamberWatch::new(1, machine), ChamberWatch::new(2, machine)],
            next_clock: Ticks::ZERO,
        }
    }

    pub(crate) fn on_frame(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) {
        match frame.id {
            // the gate speaks on both buses; this guard lives on bus A
            GATE_STATUS if matches!(bus, Bus::A) => match self.gate.hear(now, origin, frame, &mut self.common.counts) {
                Heard::Fresh => match GateStatus::decode(frame) {
                    Ok(status) => self.gate_says(now, &status),
                    Err(_) => self.common.raise(now, FaultReport::of(Fault::UnnamedValue).on(bus)),
                },
                Heard::Repeat => {}
                Heard::Fault(fault) => self.common.raise(now, FaultReport::of(fault).on(bus)),
            },
            LINAC_STATUS => match self.linac.hear(now, origin, frame, &mut self.common.counts) {
                Heard::Fresh => match LinacStatus::decode(frame) {
                    Ok(status) => self.linac_says(now, status.beam_requested()),
                    Err(_) => self.common.raise(now, FaultReport::of(Fault::UnnamedValue).on(bus)),
                },
                Heard::Repeat => {}
                Heard::Fault(fault) => self.common.raise(now, FaultReport::of(fault).on(bus)),
            },
            _ => self.chamber_says(now, frame),
        }
    }

    /// A pulse on any chamber is a sign of beam. Whether the frame is honest is judged by the guards that integrate it;
    /// here even a doubtful one may only start the clock, never stop it.
    fn chamber_says(&mut self, now: Ticks, frame: &Frame) {
        let Some(chamber) = self.chambers.iter_mut().find(|chamber| chamber.id == frame.id) else { return };
        if chamber.pulses.sees(frame) && looks_sound(&chamber.protection, frame) {
            self.sign_of_beam(now);
        }
    }

    fn sign_of_beam(&mut self, now: Ticks) {
        if matches!(self.common.phase, Phase::Delivering) && self.running.is_none() {
            self.running = Some(now);
        }
    }

    fn gate_says(&mut self, now: Ticks, status: &GateStatus) {
        self.open = matches!(status.state, GateState::Open);
        self.gate_centiseconds = status.beam_on_centiseconds;
        let report = self.clock.gate(now, status);
        if !matches!(self.common.phase, Phase::Delivering) {
            return;
        }
        if status.pulses > self.pulse_limit {
            let (pulses, limit) = (i64::from(status.pulses), i64::from(self.pulse_limit));
            self.common.raise(now, FaultReport::of(Fault::PulseLimit).measured(pulses, limit));
        }
        if let Some(report) = report {
            self.common.raise(now, report);
        }
    }

    fn linac_says(&mut self, now: Ticks, requested: bool) {
        self.requested = requested;
        let report = self.clock.linac(requested, self.linac.lost() > 0);
        if let Some(report) = report.filter(|_| matches!(self.common.phase, Phase::Delivering)) {
            self.common.raise(now, report);
        }
    }

    pub(crate) fn on_command(&mut self, _now: Ticks, command: &Command) {
        match command {
            Command::Arm { order, .. } => {
                self.limit = order.time_limit;
                self.elapsed = Span::ZERO;
                self.pulse_limit = order.pulse_limit;
            }
            Command::Deliver if matches!(self.common.phase, Phase::Delivering) => {
                self.clock.rest();
                self.common.permit.permit(NO_PULSE_LIMIT);
            }
            Command::TakeUp { .. }
            | Command::Prove { .. }
            | Command::Silence
            | Command::Withhold
            | Command::Rebase { .. }
            | Command::Found { .. }
            | Command::Deliver
            | Command::End(_)
            | Command::Acknowledge
            | Command::Heartbeat => {}
        }
    }

    fn stop_if_withdrawn(&mut self, now: Ticks) {
        if !self.common.permit.is_given()
            && let Some(since) = self.running.take()
        {
            self.elapsed = self.elapsed.plus(now.since(since));
            self.tell_clock(now);
        }
    }

    /// Beam-on time by this guard's clock.
    #[must_use]
    pub fn beam_on(&self, now: Ticks) -> Span {
        match self.running {
            Some(since) => self.elapsed.plus(now.since(since)),
            None => self.elapsed,
        }
    }

    pub(crate) fn on_tick(&mut self, now: Ticks) {
        if self.requested || self.open {
            self.sign_of_beam(now);
        }
        if matches!(self.common.phase, Phase::Delivering) {
            let beam_on = self.beam_on(now);
            if beam_on >= self.limit {
                let report = FaultReport::of(Fault::TimeLimit).measured(nanos(beam_on), nanos(self.limit));
                self.common.raise(now, report);
            }
            if now >= self.next_clock {
                self.next_clock = now.after(self.timing.status);
                self.tell_clock(now);
            }
        }
        if self.common.is_active() {
            let since = self.common.since;
            if let Some(report) = stale(&self.gate, now, since, self.timing.gate, Fault::GateStale) {
                self.common.raise(now, report.on(Bus::A));
            }
            if let Some(report) = stale(&self.linac, now, since, self.timing.status, Fault::StatusStale) {
                self.common.raise(now, report.on(self.linac_bus));
            }
        }
        self.stop_if_withdrawn(now);
    }

    fn tell_clock(&mut self, now: Ticks) {
        let (beam_on, limit, gate_centiseconds) = (self.beam_on(now), self.limit, self.gate_centiseconds);
        self.common.tell(Note::Time { beam_on, limit, gate_centiseconds });
    }

    pub(crate) fn standing(&self, now: Ticks) -> FaultSet {
        let silent = |ear: &Hearing, period: Span| ear.silent(now, period.times(Timing::STALE_PERIODS));
        let set = with_if(FaultSet::EMPTY, silent(&self.gate, self.timing.gate), Fault::GateStale);
        with_if(set, silent(&self.linac, self.timing.status), Fault::StatusStale)
    }
}
