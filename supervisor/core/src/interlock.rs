//! The interlock guard: everything that no dose and no clock can see alone.
//!
//! It hears both buses: the gate on each, both chambers, the charge of the beam where it is measured, and the status of
//! chambers and linac. It judges each chamber as the dose guards do, and then what only all together show: that gate,
//! chambers and beam charge count the same pulses, that the chambers agree with one another and with the beam's charge,
//! that the rate is right, that the set-up is the planned one, that there is no beam while there should be none.
//! Its lease ends at the last pulse that it has judged on all of them, plus the window.
//!
//! The judgements themselves live in `chamber`, `agreement`, `beam_charge`, `rate`, `unit_status` and `beam_off`; here they
//! are put in order.

use crate::agreement::Agreement;
use crate::beam_charge::BeamCharge;
use crate::beam_off::{BeamOff, Counts};
use crate::chamber::Chamber;
use crate::common_checks::{stale, swapped};
use crate::fault::{Fault, FaultSet};
use crate::frame::{Bus, Frame, Origin};
use crate::guard::{Common, nanos};
use crate::hearing::{Heard, Hearing, with_if};
use crate::machine::{Beam, Machine, Order, Protection, Timing};
use crate::note::{Command, FaultReport, Note, Phase};
use crate::rate::{Rate, Verdict};
use crate::unit_status::UnitStatus;
use crate::units::{Dose, Span, Ticks};
use crate::wire::{
    self, BEAM_CHARGE, CloseCause, GATE_STATUS, GateState, GateStatus, LINAC_STATUS, MON1_STATUS, MON2_STATUS,
    NO_PULSE_LIMIT,
};

/// The gate as one bus shows it.
#[derive(Clone, Copy, Debug)]
struct GateView {
    hearing: Hearing,
    status: Option<GateStatus>,
}

/// The interlock guard.
#[derive(Clone, Copy, Debug)]
pub struct InterlockGuard {
    /// What every guard has.
    pub common: Common,
    machine: Machine,
    /// Identifiers of the readings of monitor 1 and 2.
    dose_ids: [u16; 2],
    order: Option<Order>,
    first: Chamber,
    second: Chamber,
    gate_a: GateView,
    gate_b: GateView,
    beam_charge: BeamCharge,
    unit: UnitStatus,
    agreement: Agreement,
    rate: Rate,
    beam_off: BeamOff,
    /// The gate's report that came last, on whichever bus.
    gate: Option<GateStatus>,
    /// The gate's count when delivering began; an interruption does not begin it anew.
    gate_base: Option<u32>,
    seen_open: bool,
    judged: u32,
    beam_since: Option<Ticks>,
    last_pulse: Ticks,
    heartbeat: Ticks,
    warned: FaultSet,
    next_judged_note: Ticks,
}

impl InterlockGuard {
    /// The interlock guard of `machine`.
    #[must_use]
    pub fn new(machine: &Machine) -> Self {
        let gate = GateView { hearing: Hearing::new(Protection::E2e), status: None };
        Self {
            common: Common::new(wire::Guard::Interlock, machine),
            machine: *machine,
            dose_ids: [machine.dose_id(1), machine.dose_id(2)],
            order: None,
            first: Chamber::new(1, machine),
            second: Chamber::new(2, machine),
            gate_a: gate,
            gate_b: gate,
            beam_charge: BeamCharge::new(machine),
            unit: UnitStatus::new(machine),
            agreement: Agreement::new(machine),
            rate: Rate::new(machine),
            beam_off: BeamOff::new(machine),
            gate: None,
            gate_base: None,
            seen_open: false,
            judged: 0,
            beam_since: None,
            last_pulse: Ticks::ZERO,
            heartbeat: Ticks::ZERO,
            warned: FaultSet::EMPTY,
            next_judged_note: Ticks::ZERO,
        }
    }

    const fn is_delivering(&self) -> bool {
        matches!(self.common.phase, Phase::Delivering)
    }

    const fn timing(&self) -> &Timing {
        &self.machine.timing
    }

    fn is_open(&self) -> bool {
        self.gate.is_some_and(|gate| matches!(gate.state, GateState::Open))
    }

    fn raise(&mut self, now: Ticks, report: FaultReport) {
        self.common.raise(now, FaultReport { pulses: self.judged, ..report });
    }

    fn warn(&mut self, report: FaultReport) {
        if !self.warned.contains(report.fault) {
            self.warned = self.warned.with(report.fault);
            self.common.tell(Note::Warning(FaultReport { pulses: self.judged, ..report }));
        }
    }

    pub(crate) fn on_frame(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) {
        if swapped(frame.id, &self.machine, bus) {
            self.common.counts.distrusted = self.common.counts.distrusted.wrapping_add(1);
            self.raise(now, FaultReport::of(Fault::SwappedBuses).on(bus));
            return;
        }
        match frame.id {
            GATE_STATUS => self.on_gate(now, bus, origin, frame),
            BEAM_CHARGE if self.beam_charge.bus() == Some(bus) => self.on_beam_charge(now, bus, origin, frame),
            LINAC_STATUS if bus == self.machine.linac_bus => {
                match self.unit.hear_linac(now, origin, frame, &mut self.common.counts) {
                    Ok(true) => self.check_linac(now),
                    Ok(false) => {}
                    Err(report) => self.raise(now, report.on(bus)),
                }
            }
            MON1_STATUS | MON2_STATUS => match self.unit.hear_chamber(now, origin, frame, &mut self.common.counts) {
                Ok(Some(monitor)) => self.check_chamber(now, monitor),
                Ok(None) => {}
                Err(report) => self.raise(now, report.on(bus)),
            },
            id if self.dose_ids.contains(&id) => self.on_dose(now, bus, origin, frame),
            _ => {}
        }
    }

    fn on_dose(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) {
        let beam = self.is_open() && self.unit.is_requested();
        let is_first = self.dose_ids.first() == Some(&frame.id);
        let chamber = if is_first { &mut self.first } else { &mut self.second };
        let reading = match chamber.take(now, origin, frame, beam, &mut self.common.counts) {
            Ok(Some(reading)) => reading,
            Ok(None) => return,
            Err(report) => return self.raise(now, report.on(bus)),
        };
        if reading.pulses > 0 {
            self.last_pulse = now;
        }
        if matches!(self.common.phase, Phase::Armed) {
            if is_first { &mut self.first } else { &mut self.second }.rest();
        }
        if !self.is_delivering() {
            return;
        }
        if is_first && beam {
            let [first, _] = self.machine.monitors;
            let dose = first.dose_per_charge.dose(reading.charge);
            // the window begins with the first pulse
            if reading.pulses > 0 || matches!(self.machine.beam, Beam::Continuous) || self.judged > 0 {
                self.rate.add(now, dose);
            }
        }
        self.judge(now);
    }

    fn on_beam_charge(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) {
        match self.beam_charge.take(now, origin, frame, &mut self.common.counts) {
            Ok(pulses) if pulses > 0 && self.is_delivering() => {
                self.last_pulse = now;
                self.judge(now);
            }
            Ok(_) => {}
            Err(report) => self.raise(now, report.on(bus)),
        }
    }

    /// Judges chambers, beam charge and gate against each other, and renews the lease.
    fn judge(&mut self, now: Ticks) {
        let Some(gate) = self.gate else { return };
        let gate_pulses = gate.pulses.saturating_sub(self.gate_base.unwrap_or(0));
        let sensors @ [first, second, _] = self.pulses();
        let lease_used = matches!(gate.cause, CloseCause::LeaseUsed);
        if let Some(report) = self.agreement.counts(now, gate_pulses, sensors, lease_used) {
            return self.raise(now, report);
        }
        let doses @ [first_dose, second_dose] = self.doses();
        if let Some(report) = self.agreement.doses_at_counts(first_dose, second_dose, [first, second]) {
            return self.raise(now, report);
        }
        for verdict in [self.beam_charge.judge([first, second], doses), self.rate.judge(now)] {
            match verdict {
                Verdict::Fine => {}
                Verdict::Warn(report) => self.warn(report),
                Verdict::Trip(report) => return self.raise(now, report),
            }
        }
        let seen = gate_pulses.min(first).min(second);
        self.judged = self.judged.max(seen.min(self.beam_charge.judged_or(seen)));
        self.renew();
    }

    /// Pulses by both chambers and by the sensor of the beam's own charge.
    fn pulses(&self) -> [u32; 3] {
        let (first, second) = (self.first.pulses(), self.second.pulses());
        [first, second, self.beam_charge.pulses_or(first)]
    }

    fn doses(&self) -> [Dose; 2] {
        let [first, second] = self.machine.monitors;
        [first.dose_per_charge.dose(self.first.charge()), second.dose_per_charge.dose(self.second.charge())]
    }

    fn renew(&mut self) {
        let lease = match self.machine.beam {
            Beam::Pulsed { window, .. } => self.judged.saturating_add(window).min(NO_PULSE_LIMIT - 2),
            Beam::Continuous => NO_PULSE_LIMIT,
        };
        self.common.permit.permit(lease);
    }

    fn on_gate(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) {
        let view = match bus {
            Bus::A => &mut self.gate_a,
            Bus::B => &mut self.gate_b,
        };
        match view.hearing.hear(now, origin, frame, &mut self.common.counts) {
            Heard::Fresh => {}
            Heard::Repeat => return,
            Heard::Fault(fault) => return self.raise(now, FaultReport::of(fault).on(bus)),
        }
        let Ok(status) = GateStatus::decode(frame) else {
            return self.raise(now, FaultReport::of(Fault::UnnamedValue).on(bus));
        };
        let before = view.status.replace(status);
        let told = |gate: GateStatus| (gate.state, gate.cause, gate.closed_by, gate.pulses);
        if before.map(told) != Some(told(status)) {
            self.common.tell(Note::Gate { bus, status });
        }
        self.gate = Some(status);
        if matches!(self.common.phase, Phase::Delivering | Phase::Interrupted)
            && before.is_some_and(|before| status.pulses < before.pulses)
        {
            return self.raise(now, FaultReport::of(Fault::GateRestarted).on(bus));
        }
        if self.is_delivering() {
            self.gate_while_delivering(now, &status);
        }
    }

    fn gate_while_delivering(&mut self, now: Ticks, status: &GateStatus) {
        match status.state {
            GateState::Open => self.seen_open = true,
            GateState::Closed | GateState::Latched => {
                self.rate.rest();
                let hold = matches!(status.cause, CloseCause::None | CloseCause::HardwareInterlock)
                    && matches!(status.state, GateState::Closed);
                if self.seen_open && !(self.machine.beam_hold && hold) {
                    return self.interrupt(now, *status);
                }
            }
        }
        self.judge(now);
    }

    /// The gate closed while this guard gave its permit: nothing opens it again without an act.
    fn interrupt(&mut self, now: Ticks, status: GateStatus) {
        self.common.permit.withhold();
        self.common.enter(now, Phase::Interrupted);
        self.common.tell(Note::Interrupted { status });
    }

    fn check_linac(&mut self, now: Ticks) {
        let proving = matches!(self.common.phase, Phase::Proving);
        let planned = self.order.as_ref().map(|order| &order.set_up);
        if self.common.is_active()
            && let Some(report) = self.unit.linac_fault(proving, planned)
        {
            self.raise(now, report);
        }
    }

    fn check_chamber(&mut self, now: Ticks, monitor: u8) {
        if !self.common.is_active() {
            return;
        }
        let beam_off = matches!(self.common.phase, Phase::Proving | Phase::Armed);
        if let Some(report) = self.unit.chamber_fault(monitor, beam_off) {
            self.raise(now, report);
        } else if beam_off && let Some(report) = self.unit.leakage_warning(monitor) {
            self.warn(report);
        }
    }

    pub(crate) fn on_command(&mut self, now: Ticks, command: &Command) {
        match command {
            Command::TakeUp { .. } => {
                self.order = None;
                self.warned = FaultSet::EMPTY;
                self.beam_off.recount();
                self.check_set_up(now);
            }
            Command::Arm { order, .. } => self.load(now, order),
            Command::Deliver if self.is_delivering() => self.begin(now),
            Command::End(_) => self.compare_at_end(),
            Command::Heartbeat => self.heartbeat = now,
            Command::Acknowledge => self.beam_off.acknowledge(),
            Command::Prove { .. }
            | Command::Silence
            | Command::Withhold
            | Command::Rebase { .. }
            | Command::Deliver => {}
        }
    }

    fn load(&mut self, now: Ticks, order: &Order) {
        self.order = Some(*order);
        self.judged = 0;
        self.gate_base = None;
        self.first.begin(order);
        self.second.begin(order);
        if let Err(report) = self.beam_charge.begin(order) {
            self.raise(now, report);
        }
        self.agreement.begin(order);
        self.rate.begin(order);
        self.beam_off.expect(order.expected_pulse);
        self.check_set_up(now);
    }

    fn check_set_up(&mut self, now: Ticks) {
        self.heartbeat = now;
        self.check_linac(now);
        self.check_chamber(now, 1);
        self.check_chamber(now, 2);
    }

    fn begin(&mut self, now: Ticks) {
        if self.gate_base.is_none() {
            self.first.start();
            self.second.start();
            self.gate_base = self.gate.map(|gate| gate.pulses);
        }
        self.seen_open = false;
        self.beam_since = None;
        self.last_pulse = now;
        self.beam_off.rest();
        // the rate of before an interruption says nothing about the beam after it
        self.rate.rest();
        self.renew();
    }

    fn compare_at_end(&mut self) {
        if self.order.is_some() {
            let [first, second] = self.doses();
            for report in [self.agreement.doses_at_end(first, second), self.beam_charge.at_end()].into_iter().flatten()
            {
                self.warn(report);
            }
        }
    }

    pub(crate) fn on_tick(&mut self, now: Ticks) {
        if self.common.permit.is_given() && !matches!(self.common.phase, Phase::Proving) {
            self.beam_is_on(now);
        } else {
            self.beam_is_off(now);
        }
        if self.common.is_active() {
            self.check_ages(now);
            self.check_session(now);
        }
        if now >= self.next_judged_note {
            self.next_judged_note = now.after(self.timing().status);
            let (pulses, lease) = (self.judged, self.common.permit.current().lease);
            let (dose_per_second, requested) = (self.rate.dose_per_second(now), self.unit.is_requested());
            let beam_charge = self.beam_charge.charge();
            self.common.tell(Note::Judged { pulses, lease, dose_per_second, beam_charge, requested });
        }
    }

    fn beam_is_on(&mut self, now: Ticks) {
        if !(self.is_open() && self.unit.is_requested()) {
            self.beam_since = None;
            self.rate.pause(now);
        } else if self.beam_since.is_none() {
            self.beam_since = Some(now);
        }
        if let (Some(since), Beam::Pulsed { .. }) = (self.beam_since, self.machine.beam) {
            let waiting = now.since(since.max(self.last_pulse));
            let limit = self.machine.no_pulse_after;
            if waiting > limit {
                self.raise(now, FaultReport::of(Fault::NoPulse).measured(nanos(waiting), nanos(limit)));
            }
        }
        // a gate that does not open although all is asked for is an interruption too
        let patience = self.timing().stale_after.times(4);
        if !self.seen_open
            && !self.machine.beam_hold
            && now.since(self.common.since) > patience
            && let Some(status) = self.gate
        {
            self.interrupt(now, status);
        }
        if self.is_delivering() {
            self.judge(now);
        }
    }

    fn beam_is_off(&mut self, now: Ticks) {
        let Some(gate) = self.gate else { return };
        if matches!(self.machine.beam, Beam::Continuous) && matches!(gate.state, GateState::Open) {
            // without pulses the charge that is still coming is known only once the gate has closed
            self.beam_off.recount();
        }
        let counts = Counts { gate, pulses: self.pulses(), charge: [self.first.charge(), self.second.charge()] };
        let proving = matches!(self.common.phase, Phase::Proving);
        if let Some(report) = self.beam_off.watch(now, &counts, self.timing().stale_after, proving) {
            self.raise(now, report);
        }
    }

    fn check_ages(&mut self, now: Ticks) {
        let (since, timing, second_bus) = (self.common.since, self.machine.timing, self.machine.second_bus());
        let old_dose = |ear: &Hearing| stale(ear, now, since, timing.dose, Fault::DoseStale);
        let old_gate = |ear: &Hearing| stale(ear, now, since, timing.gate, Fault::GateStale);
        let found = old_dose(self.first.hearing())
            .map(|report| report.monitor(1).on(Bus::A))
            .or_else(|| old_dose(self.second.hearing()).map(|report| report.monitor(2).on(second_bus)))
            .or_else(|| {
                let report = self.beam_charge.hearing().and_then(old_dose)?;
                Some(report.monitor(FaultReport::BEAM_CHARGE).on(self.beam_charge.bus()?))
            })
            .or_else(|| old_gate(&self.gate_a.hearing).map(|report| report.on(Bus::A)))
            .or_else(|| {
                let second = (!self.machine.single_bus).then_some(&self.gate_b.hearing);
                second.and_then(old_gate).map(|report| report.on(Bus::B))
            })
            .or_else(|| self.unit.stale(now, since));
        if let Some(report) = found {
            self.raise(now, report);
        }
    }

    fn check_session(&mut self, now: Ticks) {
        let (silence, limit) = (now.since(self.heartbeat), self.timing().session_silence);
        if silence > limit {
            self.raise(now, FaultReport::of(Fault::SessionSilent).measured(nanos(silence), nanos(limit)));
        }
    }

    pub(crate) fn standing(&self, now: Ticks) -> FaultSet {
        let timing = self.timing();
        let silent = |ear: &Hearing, period: Span| ear.silent(now, period.times(Timing::STALE_PERIODS));
        let dose = silent(self.first.hearing(), timing.dose)
            || silent(self.second.hearing(), timing.dose)
            || self.beam_charge.hearing().is_some_and(|ear| silent(ear, timing.dose));
        let gate = silent(&self.gate_a.hearing, timing.gate)
            || (!self.machine.single_bus && silent(&self.gate_b.hearing, timing.gate));
        let set = self.unit.standing(now, !self.is_open());
        with_if(with_if(set, dose, Fault::DoseStale), gate, Fault::GateStale)
    }
}
