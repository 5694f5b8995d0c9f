//! The dose guard: integrates one monitor chamber and leases pulses up to the one that lands on its limit.
//!
//! Dose guard 1 reads monitor 1 and ends the delivery at the preset; dose guard 2 reads monitor 2 and stands behind it at
//! its own limit, which comes from the plan's independent calculation. They are the same code with other numbers, in two threads, on two buses, and share nothing.
//!
//! After every pulse the guard knows what it integrated and the mean charge of a pulse so far; from these follows how many
//! more pulses lead nearest to the limit. The lease is the smaller of that and the window, so that the gate stops by itself
//! whatever becomes of this guard.

use crate::chamber::{BeamSign, Chamber};
use crate::common_checks::{stale, swapped};
use crate::fault::{Fault, FaultSet};
use crate::frame::{Bus, Frame, Origin};
use crate::guard::Common;
use crate::hearing::{Heard, Hearing, with_if};
use crate::limits::charge_for;
use crate::machine::{Beam, Landing, Machine, Order, Timing};
use crate::note::{Command, FaultReport, Note, Phase};
use crate::units::{Charge, Dose, Span, Ticks};
use crate::wire::{self, GATE_STATUS, GateState, GateStatus, NO_PULSE_LIMIT, Reason};

/// Pulses after which the seen mean stands for the expected charge of the next pulse.
const PULSES_FOR_MEAN: u32 = 4;

/// A dose guard.
#[derive(Clone, Copy, Debug)]
pub struct DoseGuard {
    /// What every guard has.
    pub common: Common,
    machine: Machine,
    dose_id: u16,
    chamber: Chamber,
    gate: Hearing,
    /// What the gate said last on this guard's bus.
    gate_open: bool,
    limit: Charge,
    /// Pulses after which nothing is leased, where the plan is a number of pulses.
    pulse_limit: Option<u32>,
    /// Since when dose guard 2 has leased nothing more.
    lease_out: Option<Ticks>,
    /// The preset on monitor 1, which the limit of dose guard 1 is except after an interruption.
    preset: Charge,
    /// The largest lease that was ever given in this delivery.
    leased: u32,
    last: Charge,
    /// The charge that was told last.
    told: Charge,
}

impl DoseGuard {
    /// Dose guard 1 or 2.
    #[must_use]
    pub const fn new(who: wire::Guard, machine: &Machine) -> Self {
        let monitor = if matches!(who, wire::Guard::Dose1) { 1 } else { 2 };
        Self {
            common: Common::new(who, machine),
            machine: *machine,
            dose_id: machine.dose_id(monitor),
            chamber: Chamber::new(monitor, machine),
            gate: Hearing::new(crate::machine::Protection::E2e),
            gate_open: false,
            limit: Charge::ZERO,
            pulse_limit: None,
            lease_out: None,
            preset: Charge::ZERO,
            leased: 0,
            last: Charge::ZERO,
            told: Charge::ZERO,
        }
    }

    const fn is_primary(&self) -> bool {
        matches!(self.common.who, wire::Guard::Dose1)
    }

    const fn bus(&self) -> Bus {
        if self.is_primary() { Bus::A } else { self.machine.second_bus() }
    }

    const fn timing(&self) -> &Timing {
        &self.machine.timing
    }

    pub(crate) fn on_frame(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) {
        if swapped(frame.id, &self.machine, bus) {
            self.common.raise(now, FaultReport::of(Fault::SwappedBuses).on(bus));
        } else if frame.id == self.dose_id {
            // Without pulses only the interlock guard knows whether there should be beam; this one then just integrates.
            match self.chamber.take(now, origin, frame, BeamSign::Closed, &mut self.common.counts) {
                Ok(Some(reading)) => self.integrate(now, reading.pulses, reading.charge),
                Ok(None) => {}
                Err(report) => {
                    self.common.raise(now, report.on(bus));
                    // what the chamber had counted when it was found out belongs to the record
                    self.tell();
                }
            }
        } else if frame.id == GATE_STATUS {
            match self.gate.hear(now, origin, frame, &mut self.common.counts) {
                Heard::Fresh => match GateStatus::decode(frame) {
                    Ok(status) => self.gate_open = matches!(status.state, GateState::Open),
                    Err(_) => self.common.raise(now, FaultReport::of(Fault::UnnamedValue).on(bus)),
                },
                Heard::Repeat => {}
                Heard::Fault(fault) => self.common.raise(now, FaultReport::of(fault).on(bus)),
            }
        }
    }

    fn integrate(&mut self, now: Ticks, pulses: u32, charge: Charge) {
        if matches!(self.common.phase, Phase::Armed) {
            self.chamber.rest();
        }
        if pulses == 0 && !self.is_continuous() {
            // charge outside of every pulse is no reason to lease, but it is dose, and is told once it amounts to something
            if self.chamber.charge().minus(self.told) > self.chamber.expected().percent(50) {
                self.tell();
            }
            return;
        }
        self.last = charge;
        if matches!(self.common.phase, Phase::Delivering) {
            self.check_lease(now);
            self.renew(now);
        }
        self.tell();
    }

    const fn is_continuous(&self) -> bool {
        matches!(self.machine.beam, Beam::Continuous)
    }

    /// A gate that fired beyond the last pulse of this guard's lease does not compare leases.
    fn check_lease(&mut self, now: Ticks) {
        let leases = matches!(self.machine.beam, Beam::Pulsed { gate_knows_lease: true, .. });
        if leases && self.chamber.pulses() > self.leased {
            let (pulses, leased) = (i64::from(self.chamber.pulses()), i64::from(self.leased));
            self.common.raise(now, FaultReport::of(Fault::PulseBeyondLease).measured(pulses, leased));
        }
    }

    /// Leases the next pulses, or ends the delivery when there are none.
    fn renew(&mut self, now: Ticks) {
        if self.common.permit.is_tripped() {
            return;
        }
        let more = self.more_pulses();
        if more == 0 {
            self.nothing_more(now);
            return;
        }
        self.lease_out = None;
        let lease = match self.machine.beam {
            Beam::Pulsed { window, .. } => {
                self.chamber.pulses().saturating_add(more.min(window)).min(NO_PULSE_LIMIT - 2)
            }
            Beam::Continuous => NO_PULSE_LIMIT,
        };
        self.leased = self.leased.max(lease);
        self.common.permit.permit(lease);
    }

    /// How many more pulses may be leased: up to the dose, and for dose guard 2 its own limit of dose as well; where the plan
    /// is a number of pulses, up to that number.
    fn more_pulses(&self) -> u32 {
        let by_count = self.pulse_limit.map(|limit| limit.saturating_sub(self.chamber.pulses()));
        match by_count {
            Some(more) if self.is_primary() => more,
            Some(more) => more.min(self.pulses_to_limit()),
            None => self.pulses_to_limit(),
        }
    }

    /// How many more pulses lead to the limit; 0 when it is reached. Without pulses: 1 as long as it is not.
    fn pulses_to_limit(&self) -> u32 {
        let remaining = self.limit.minus(self.chamber.charge()).picocoulombs();
        let landing = match self.machine.beam {
            Beam::Pulsed { landing, .. } => landing,
            Beam::Continuous => return u32::from(remaining > 0),
        };
        if remaining <= 0 {
            return 0;
        }
        let pulse = self.next_pulse();
        let rounding = match landing {
            // the backup leases nothing past its limit
            _ if !self.is_primary() => 0,
            Landing::Nearest => pulse / 2,
            Landing::AtOrAbove => pulse.saturating_sub(1),
        };
        let more = remaining.saturating_add(rounding).checked_div(pulse).unwrap_or(0);
        u32::try_from(more).unwrap_or(u32::MAX)
    }

    /// What the next pulse will bring, in pC: the mean of those before it. Of the first few the larger of mean and expected,
    /// so that a machine that gives more than expected lands no later.
    fn next_pulse(&self) -> i64 {
        let expected = self.chamber.expected().picocoulombs();
        let pulses = self.chamber.pulses();
        let mean = self.chamber.charge().picocoulombs().checked_div(i64::from(pulses));
        match mean {
            Some(mean) if pulses >= PULSES_FOR_MEAN => mean,
            Some(mean) => mean.max(expected),
            None => expected,
        }
        .max(1)
    }

    /// Dose guard 1 ends the delivery. Dose guard 2 leases nothing past its limit; a fault it is only when its reading has
    /// reached the limit, or when dose guard 1 does not end the delivery ([`Self::check_lease_out`]).
    fn nothing_more(&mut self, now: Ticks) {
        if self.is_primary() {
            self.common.permit.trip(Reason::DoseReached);
            self.common.enter(now, Phase::Ended);
            self.common.tell(Note::Reached);
        } else if self.chamber.charge() >= self.limit {
            self.backup_reached(now);
        } else if self.lease_out.is_none() {
            self.lease_out = Some(now);
            // a gate that compares no leases is held by lease 0 alone
            if matches!(self.machine.beam, Beam::Pulsed { gate_knows_lease: false, .. }) {
                self.common.permit.permit(0);
            }
        }
    }

    fn check_lease_out(&mut self, now: Ticks) {
        let waited = self.lease_out.map_or(Span::ZERO, |since| now.since(since));
        if matches!(self.common.phase, Phase::Delivering) && self.gate_open && waited > self.timing().agreement {
            self.backup_reached(now);
        }
    }

    fn backup_reached(&mut self, now: Ticks) {
        let (charge, limit) = (self.chamber.charge().picocoulombs(), self.limit.picocoulombs());
        let report = FaultReport { pulses: self.chamber.pulses(), ..FaultReport::of(Fault::BackupReached) };
        self.common.raise(now, report.monitor(2).measured(charge, limit));
    }

    fn tell(&mut self) {
        let [first, second] = self.machine.monitors;
        let calibration = if self.is_primary() { first } else { second }.dose_per_charge;
        let charge = self.chamber.charge();
        self.told = charge;
        self.common.tell(Note::Dose {
            pulses: self.chamber.pulses(),
            charge,
            dose: calibration.dose(charge),
            lease: self.common.permit.current().lease,
            last: self.last,
        });
    }

    pub(crate) fn on_command(&mut self, now: Ticks, command: &Command) {
        match command {
            Command::Arm { order, .. } => self.load(order),
            Command::Rebase { base } if self.is_primary() && matches!(self.common.phase, Phase::Interrupted) => {
                self.rebase(*base);
            }
            Command::Deliver if matches!(self.common.phase, Phase::Delivering) => {
                self.chamber.start();
                self.lease_out = None;
                self.renew(now);
            }
            Command::TakeUp { .. } => {
                self.chamber.forget();
                self.told = Charge::ZERO;
            }
            Command::Prove { .. }
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

    /// What another count has seen above this guard's own monitor is not delivered a second time.
    fn rebase(&mut self, base: Dose) {
        let [first, _] = self.machine.monitors;
        let unseen = base.minus(first.dose_per_charge.dose(self.chamber.charge())).larger(Dose::ZERO);
        if unseen > Dose::ZERO {
            // a charge is rounded down, and this one is taken away
            let unseen = charge_for(unseen, first.dose_per_charge).plus(Charge::from_picocoulombs(1));
            self.limit = self.preset.minus(unseen);
        }
    }

    fn load(&mut self, order: &Order) {
        self.limit = if self.is_primary() { order.preset } else { order.backup };
        self.preset = order.preset;
        self.pulse_limit = order.pulses;
        self.leased = 0;
        self.last = Charge::ZERO;
        self.told = Charge::ZERO;
        self.chamber.begin(order);
    }

    pub(crate) fn on_tick(&mut self, now: Ticks) {
        self.check_lease_out(now);
        let since = self.common.since;
        let (dose, gate) = (self.timing().dose, self.timing().gate);
        let bus = self.bus();
        if let Some(report) = stale(self.chamber.hearing(), now, since, dose, Fault::DoseStale) {
            self.common.raise(now, report.on(bus));
        }
        if let Some(report) = stale(&self.gate, now, since, gate, Fault::GateStale) {
            self.common.raise(now, report.on(bus));
        }
    }

    pub(crate) fn standing(&self, now: Ticks) -> FaultSet {
        let stale = |ear: &Hearing, period: Span| ear.silent(now, period.times(Timing::STALE_PERIODS));
        let set = with_if(FaultSet::EMPTY, stale(self.chamber.hearing(), self.timing().dose), Fault::DoseStale);
        with_if(set, stale(&self.gate, self.timing().gate), Fault::GateStale)
    }
}
