//! The interlock guard: everything that no dose and no clock can see alone.
//!
//! It hears both buses: the gate on each, both chambers, the charge of the beam where it is measured, and the status of
//! chambers and linac. It judges each chamber as the dose guards do, and then what only all together show: that gate,
//! chambers and beam charge count the same pulses, that the chambers agree with one another and with the beam's charge,
//! that the rate is right, that the set-up is the planned one, that there is no beam while there should be none, and that
//! everything was told when a delivery has ended. Its lease ends at the last pulse that it has judged on all of them, plus
//! the window.
//!
//! The judgements themselves live in `chamber`, `agreement`, `beam_charge`, `rate`, `request`, `unit_status`, `gate_view`,
//! `beam_off` and `ending`; here frames and commands come in. What is judged with each frame and at each step stands in
//! `interlock_judge`.

use crate::agreement::Agreement;
use crate::beam_charge::BeamCharge;
use crate::beam_off::BeamOff;
use crate::chamber::{BeamSign, Chamber, Reading};
use crate::common_checks::swapped;
use crate::ending::Ending;
use crate::fault::{Fault, FaultSet, Group};
use crate::frame::{Bus, Frame, Origin};
use crate::gate_view::{GateView, Report};
use crate::guard::Common;
use crate::machine::{Beam, Machine, Order, Timing};
use crate::note::{Command, FaultReport, Note, Phase};
use crate::rate::Rate;
use crate::request::RequestWatch;
use crate::unit_status::UnitStatus;
use crate::units::{Charge, Ticks};
use crate::wire::{self, BEAM_CHARGE, GATE_STATUS, GateState, GateStatus, LINAC_STATUS, MON1_STATUS, MON2_STATUS};

/// The interlock guard.
#[derive(Clone, Copy, Debug)]
pub struct InterlockGuard {
    /// What every guard has.
    pub common: Common,
    pub(crate) machine: Machine,
    /// Identifiers of the readings of monitor 1 and 2.
    dose_ids: [u16; 2],
    pub(crate) order: Option<Order>,
    pub(crate) first: Chamber,
    pub(crate) second: Chamber,
    pub(crate) gate: GateView,
    pub(crate) beam_charge: BeamCharge,
    pub(crate) unit: UnitStatus,
    pub(crate) agreement: Agreement,
    pub(crate) rate: Rate,
    /// Charge of monitor 1 that the rate has been told of.
    rated: Charge,
    pub(crate) request: RequestWatch,
    pub(crate) beam_off: BeamOff,
    pub(crate) ending: Ending,
    /// The gate's count when delivering began; an interruption does not begin it anew. None before.
    pub(crate) gate_base: Option<u32>,
    /// Buses that have shown the gate open since the permit was given.
    pub(crate) seen_open: [bool; 2],
    /// Since when one sensor alone counts above the final count.
    pub(crate) above_since: Option<Ticks>,
    /// The most pulses above a final count that were told as a fault.
    pub(crate) above_told: u32,
    pub(crate) judged: u32,
    pub(crate) beam_since: Option<Ticks>,
    pub(crate) last_pulse: Ticks,
    pub(crate) heartbeat: Ticks,
    warned: FaultSet,
    pub(crate) next_judged_note: Ticks,
    pub(crate) next_counters_note: Ticks,
}

impl InterlockGuard {
    /// The interlock guard of `machine`.
    #[must_use]
    pub fn new(machine: &Machine) -> Self {
        Self {
            common: Common::new(wire::Guard::Interlock, machine),
            machine: *machine,
            dose_ids: [machine.dose_id(1), machine.dose_id(2)],
            order: None,
            first: Chamber::new(1, machine),
            second: Chamber::new(2, machine),
            gate: GateView::new(machine),
            beam_charge: BeamCharge::new(machine),
            unit: UnitStatus::new(machine),
            agreement: Agreement::new(machine),
            rate: Rate::new(machine),
            rated: Charge::ZERO,
            request: RequestWatch::new(machine),
            beam_off: BeamOff::new(machine),
            ending: Ending::new(machine),
            gate_base: None,
            seen_open: [false; 2],
            above_since: None,
            above_told: 0,
            judged: 0,
            beam_since: None,
            last_pulse: Ticks::ZERO,
            heartbeat: Ticks::ZERO,
            warned: FaultSet::EMPTY,
            next_judged_note: Ticks::ZERO,
            next_counters_note: Ticks::ZERO,
        }
    }

    pub(crate) const fn is_delivering(&self) -> bool {
        matches!(self.common.phase, Phase::Delivering)
    }

    pub(crate) const fn timing(&self) -> &Timing {
        &self.machine.timing
    }

    /// Latches a fault where it matters: in a delivery or a proof, and what its last pulse brought while the end is being
    /// judged. At rest only beam matters, and a unit that began anew.
    pub(crate) fn raise(&mut self, now: Ticks, report: FaultReport) {
        let report = FaultReport { pulses: self.judged, ..report };
        let of_the_end = matches!(report.fault.group(), Group::Chamber | Group::Agreement);
        if self.order.is_some() {
            self.ending.found(&report);
        }
        if (of_the_end && self.is_ending()) || matches!(report.fault, Fault::ChamberRestarted) {
            self.common.raise_always(now, report);
        } else {
            self.common.raise(now, report);
        }
    }

    /// The delivery has ended, and its end is not yet judged.
    pub(crate) const fn is_ending(&self) -> bool {
        matches!(self.common.phase, Phase::Ended | Phase::Idle) && self.ending.is_judging()
    }

    pub(crate) fn warn(&mut self, report: FaultReport) {
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
                    Ok(true) => self.on_linac(now, bus),
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
        let beam = self.beam_sign(now);
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
        if chamber.take_stretch() && is_first {
            self.request.stretch();
        }
        if matches!(self.common.phase, Phase::Armed) {
            if is_first { &mut self.first } else { &mut self.second }.rest();
        }
        if self.is_delivering() && is_first {
            self.add_to_rate(now, reading, beam);
        }
    }

    /// The window of the rate begins with the first pulse. Without pulses only a reading of beam counts: a pause stops the
    /// window.
    fn add_to_rate(&mut self, now: Ticks, reading: Reading, beam: BeamSign) {
        let [first, _] = self.machine.monitors;
        let continuous = matches!(self.machine.beam, Beam::Continuous);
        let is_beam = match beam {
            BeamSign::Closed => false,
            BeamSign::Open => reading.pulses > 0 || self.rate.tells_of_beam(first.dose_per_charge.dose(reading.charge)),
            BeamSign::On => true,
        };
        if is_beam && (reading.pulses > 0 || continuous) {
            // charge that came before its pulse was counted belongs to that pulse
            let counted = self.first.counted_charge();
            let charge = counted.minus(self.rated);
            self.rated = counted;
            self.rate.add(now, reading.pulses, first.dose_per_charge.dose(charge));
        }
    }

    fn on_beam_charge(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) {
        match self.beam_charge.take(now, origin, frame, &mut self.common.counts) {
            Ok(0) => {}
            Ok(_) => self.last_pulse = now,
            Err(report) => self.raise(now, report.on(bus)),
        }
    }

    fn on_gate(&mut self, now: Ticks, bus: Bus, origin: Origin, frame: &Frame) {
        let is_given = self.common.permit.is_given();
        let heard = self.gate.hear(now, (bus, origin), frame, is_given, &mut self.common.counts);
        let Report { status, is_news, restarted } = match heard {
            Ok(Some(report)) => report,
            Ok(None) => return,
            Err(report) => return self.raise(now, report.on(bus)),
        };
        if is_news {
            self.common.tell(Note::Gate { bus, status });
        }
        // a count that fell makes the limit fall, and the other bus has not told of it yet
        if restarted {
            return self.raise(now, FaultReport::of(Fault::GateRestarted).on(bus));
        }
        let spare = u32::from(self.machine.beam_hold && is_given && GateView::is_hold(&status));
        if let Some(report) = self.gate.fired_after_closing(bus, spare) {
            self.raise(now, report);
        }
        if self.is_delivering() {
            self.gate_while_delivering(now, bus, &status);
        }
    }

    fn gate_while_delivering(&mut self, now: Ticks, bus: Bus, status: &GateStatus) {
        let [on_a, on_b] = &mut self.seen_open;
        let seen_open = if matches!(bus, Bus::A) { on_a } else { on_b };
        match status.state {
            GateState::Open => *seen_open = true,
            GateState::Closed | GateState::Latched => {
                let was_open = *seen_open;
                self.rate.rest();
                if was_open && !(self.machine.beam_hold && GateView::is_hold(status)) {
                    self.interrupt(now, *status);
                }
            }
        }
    }

    /// The gate closed while this guard gave its permit: nothing opens it again without an act.
    pub(crate) fn interrupt(&mut self, now: Ticks, status: GateStatus) {
        self.common.permit.withhold();
        self.common.enter(now, Phase::Interrupted);
        self.common.tell(Note::Interrupted { status });
    }

    fn on_linac(&mut self, now: Ticks, bus: Bus) {
        self.check_linac(now);
        if self.is_delivering()
            && let Some(status) = self.gate.status(bus)
            && let Some(report) = self.request.linac(now, self.unit.is_requested(), self.unit.lost_a_frame(), status)
        {
            self.raise(now, report.on(bus));
        }
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
                self.first.forget();
                self.second.forget();
                self.gate_base = None;
                self.warned = FaultSet::EMPTY;
                self.gate.offer();
                self.ending.arm();
                self.beam_off.recount();
                self.check_set_up(now);
            }
            Command::Arm { order, .. } => self.load(now, order),
            Command::Prove { .. } => self.gate.permit_again(),
            Command::Deliver if self.is_delivering() => self.begin(),
            Command::Found { monitor, bus } => self.ending.name(*monitor, *bus),
            Command::Heartbeat => self.heartbeat = now,
            Command::Acknowledge => {
                self.beam_off.acknowledge();
                // whoever acknowledges cannot have meant what nobody was told
                self.gate.acknowledge(self.above_told.saturating_add(self.gate_base.unwrap_or(0)));
            }
            Command::Silence | Command::Withhold | Command::Rebase { .. } | Command::Deliver | Command::End(_) => {}
        }
    }

    fn load(&mut self, now: Ticks, order: &Order) {
        self.order = Some(*order);
        self.judged = 0;
        self.gate_base = None;
        self.above_told = 0;
        self.gate.offer();
        self.ending.arm();
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

    fn begin(&mut self) {
        self.gate.permit_again();
        if self.gate_base.is_none() {
            self.first.start();
            self.second.start();
            self.gate_base = Some(self.gate.latest().map_or(0, |gate| gate.pulses));
        }
        self.seen_open = [false; 2];
        self.above_since = None;
        self.beam_since = None;
        self.request.begin();
        self.beam_off.rest();
        self.agreement.rest();
        // the rate of before an interruption says nothing about the beam after it
        self.rate.rest();
        self.renew();
    }
}
