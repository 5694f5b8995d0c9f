//! What the interlock guard judges with each frame and at each step, in order: the beam while it is on, the beam while it is
//! off, the end of a delivery, ages, and the session.

use crate::agreement::Shown;
use crate::beam_off::Counts;
use crate::chamber::BeamSign;
use crate::common_checks::stale;
use crate::ending::{Sensor, Told, Verdict as EndVerdict};
use crate::fault::{Fault, FaultSet};
use crate::frame::Bus;
use crate::guard::nanos;
use crate::hearing::{Hearing, with_if};
use crate::interlock::InterlockGuard;
use crate::machine::{Beam, Timing};
use crate::note::{FaultReport, Note, Phase};
use crate::rate::Verdict;
use crate::units::{Charge, Dose, Span, Ticks};
use crate::wire::{CloseCause, NO_PULSE_LIMIT};

/// How often the counters of the treatment unit are told.
const COUNTERS: Span = Span::from_secs(1);

impl InterlockGuard {
    /// Judges chambers, beam charge and gate against each other, and renews the lease.
    pub(crate) fn judge(&mut self, now: Ticks) {
        let Some(gate_pulses) = self.gate.least_pulses() else { return };
        let base = self.gate_base.unwrap_or(0);
        let sensors @ [first, second, _] = self.pulses();
        if let Some(report) = self.counts_disagree(now, base, sensors) {
            return self.raise(now, report);
        }
        let doses = self.doses();
        let [first_dose, second_dose] = self.doses_of([self.first.counted_charge(), self.second.counted_charge()]);
        if let Some(report) = self.agreement.doses(first_dose, second_dose, [first, second]) {
            return self.raise(now, report);
        }
        for verdict in [self.beam_charge.judge([first, second], doses), self.rate.judge()] {
            match verdict {
                Verdict::Fine => {}
                Verdict::Warn(report) => self.warn(report),
                Verdict::Trip(report) => return self.raise(now, report),
            }
        }
        let seen = gate_pulses.saturating_sub(base).min(first).min(second);
        self.judged = self.judged.max(seen.min(self.beam_charge.judged_or(seen)));
        self.renew();
    }

    /// Each bus' report of the gate against the sensors, and against the other bus' report.
    fn counts_disagree(&mut self, now: Ticks, base: u32, sensors: [u32; 3]) -> Option<FaultReport> {
        for bus in [Bus::A, Bus::B] {
            if let Some(status) = self.gate.status(bus) {
                let (pulses, lease_used) =
                    (status.pulses.saturating_sub(base), matches!(status.cause, CloseCause::LeaseUsed));
                let report = self.agreement.counts(now, Shown { bus, pulses, lease_used }, sensors);
                if report.is_some() {
                    return report;
                }
            }
        }
        self.gate.contradicts_itself(now)
    }

    /// Pulses by both chambers and by the sensor of the beam's own charge.
    pub(crate) fn pulses(&self) -> [u32; 3] {
        let (first, second) = (self.first.pulses(), self.second.pulses());
        [first, second, self.beam_charge.pulses_or(first)]
    }

    fn doses(&self) -> [Dose; 2] {
        self.doses_of([self.first.charge(), self.second.charge()])
    }

    fn doses_of(&self, [first_charge, second_charge]: [Charge; 2]) -> [Dose; 2] {
        let [first, second] = self.machine.monitors;
        [first.dose_per_charge.dose(first_charge), second.dose_per_charge.dose(second_charge)]
    }

    pub(crate) fn renew(&mut self) {
        let lease = match self.machine.beam {
            Beam::Pulsed { window, .. } => self.judged.saturating_add(window).min(NO_PULSE_LIMIT - 2),
            Beam::Continuous => NO_PULSE_LIMIT,
        };
        self.common.permit.permit(lease);
    }

    pub(crate) fn on_tick(&mut self, now: Ticks) {
        self.rate.pass(now, self.is_delivering() && self.gate.is_open() && self.unit.is_requested());
        if self.common.permit.is_given() && !matches!(self.common.phase, Phase::Proving) {
            self.beam_is_on(now);
        } else {
            self.beam_is_off(now);
        }
        if self.gate_base.is_some() && self.gate.has_closed() {
            self.sensors_after_closing(now);
        }
        // an acknowledgement does not end the judgement; where no beam began, there is none
        if matches!(self.common.phase, Phase::Ended | Phase::Idle) && self.gate_base.is_some() {
            self.judge_end(now);
            self.chambers_after_end(now);
        }
        if self.common.is_active() {
            self.check_ages(now);
            self.check_session(now);
        }
        if now >= self.next_counters_note {
            self.next_counters_note = now.after(COUNTERS);
            self.tell_counters();
        }
        if now >= self.next_judged_note {
            self.next_judged_note = now.after(self.timing().status);
            let (pulses, lease) = (self.judged, self.common.permit.current().lease);
            let (dose_per_second, requested) = (self.rate.dose_per_second(now), self.unit.is_requested());
            let beam_charge = self.beam_charge.charge();
            self.common.tell(Note::Judged { pulses, lease, dose_per_second, beam_charge, requested });
        }
    }

    /// What tells of beam, besides charge: an open gate, and a request or the gate's own clock. After an end a reading that
    /// falls short says nothing, whatever a report that is still on its way or lost would say.
    pub(crate) fn beam_sign(&self, now: Ticks) -> BeamSign {
        if !self.gate.is_open() || matches!(self.common.phase, Phase::Ended | Phase::Idle) {
            BeamSign::Closed
        } else if self.unit.is_requested() || self.gate.clock_runs(now) {
            BeamSign::On
        } else {
            BeamSign::Open
        }
    }

    fn beam_is_on(&mut self, now: Ticks) {
        if !(self.gate.is_open() && self.unit.is_requested()) {
            self.beam_since = None;
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
        if self.seen_open == [false; 2]
            && !self.machine.beam_hold
            && now.since(self.common.since) > patience
            && let Some(status) = self.gate.latest()
        {
            self.interrupt(now, status);
        }
        if self.is_delivering() {
            self.judge(now);
        }
    }

    fn beam_is_off(&mut self, now: Ticks) {
        let Some(gate) = self.gate.latest() else { return };
        let open = [Bus::A, Bus::B].map(|bus| self.gate.says_open(bus, now));
        let counts = Counts {
            open,
            gate: if self.gate.has_closed() && self.gate_base.is_some() { None } else { Some(gate.pulses) },
            pulses: self.pulses(),
            charge: [self.first.charge(), self.second.charge()],
            readings: [self.first.last_reading(now), self.second.last_reading(now)],
            is_ending: self.is_ending(),
        };
        let proving = matches!(self.common.phase, Phase::Proving);
        if let Some(report) = self.beam_off.watch(now, &counts, self.timing().stale_after, proving) {
            self.raise(now, report);
        }
    }

    /// What each sensor counts above the final count of its own bus. Two of them tell of a pulse through a closed gate; one
    /// alone, after the agreement time, is a count that disagrees. A counter that began anew was named, and tells of neither.
    fn sensors_after_closing(&mut self, now: Ticks) {
        let base = self.gate_base.unwrap_or(0);
        let spare = u32::from(self.machine.beam_hold && self.common.permit.is_given());
        let mut above = 0_u32;
        let mut found = None;
        let mut most = 0_u32;
        let counts = [!self.first.began_anew(), !self.second.began_anew(), true];
        for sensor in self.sensors(now).into_iter().zip(counts).filter_map(|(sensor, counts)| sensor.filter(|_| counts))
        {
            let Some(limit) = self.gate.final_count(sensor.bus) else { continue };
            let limit = limit.saturating_sub(base).saturating_add(spare);
            if sensor.pulses > limit {
                above = above.saturating_add(1);
                most = most.max(sensor.pulses);
                found = Some((sensor, limit));
            }
        }
        let Some((sensor, limit)) = found else {
            self.above_since = None;
            return;
        };
        let since = *self.above_since.get_or_insert(now);
        let fault = if above > 1 { Fault::PulsesWhileClosed } else { Fault::CountsDisagree };
        if above > 1 || now.since(since) > self.timing().agreement {
            self.above_told = most;
            let report = FaultReport::of(fault).monitor(sensor.monitor).on(sensor.bus);
            self.raise(now, report.measured(i64::from(sensor.pulses), i64::from(limit)));
        }
    }

    /// Both chambers, and the sensor of the beam's own charge where it is fitted.
    fn sensors(&self, now: Ticks) -> [Option<Sensor>; 3] {
        let sensor = |monitor: u8, bus: Bus, pulses: u32, hearing: &Hearing| {
            let age = hearing.age(now, Ticks::ZERO);
            let heard_since_closing = self.gate.closed_at().is_none_or(|at| now.since(at) > age);
            Some(Sensor { monitor, bus, pulses, age, heard_since_closing })
        };
        let [first, second, beam] = self.pulses();
        [
            sensor(1, Bus::A, first, self.first.hearing()),
            sensor(2, self.machine.second_bus(), second, self.second.hearing()),
            self.beam_charge
                .bus()
                .zip(self.beam_charge.hearing())
                .and_then(|(bus, hearing)| sensor(FaultReport::BEAM_CHARGE, bus, beam, hearing)),
        ]
    }

    fn judge_end(&mut self, now: Ticks) {
        if matches!(self.common.phase, Phase::Ended) {
            self.ending.begin(self.common.since);
        }
        let base = self.gate_base.unwrap_or(0);
        let finals = [Bus::A, Bus::B].map(|bus| Some(self.gate.final_count(bus)?.saturating_sub(base)));
        let gate = self.gate.latest().map_or(0, |gate| gate.pulses.saturating_sub(base));
        let told = Told { finals, gate, sensors: self.sensors(now) };
        match self.ending.judge(now, &told) {
            EndVerdict::Wait => {}
            EndVerdict::Fault(report) => self.common.raise_always(now, report),
            EndVerdict::Judged { agrees } => {
                self.judge_last_pulse(now);
                self.tell_end(told.final_count(), agrees);
            }
        }
    }

    /// What the last pulse brought is judged like that of any other, although the delivery had ended with it.
    fn judge_last_pulse(&mut self, now: Ticks) {
        let [first, second, _] = self.pulses();
        let doses = self.doses();
        let [first_dose, second_dose] = self.doses_of([self.first.counted_charge(), self.second.counted_charge()]);
        if let Some(report) = self.agreement.doses(first_dose, second_dose, [first, second]) {
            self.common.raise_always(now, report);
        }
        match self.beam_charge.judge([first, second], doses) {
            Verdict::Fine => {}
            Verdict::Warn(report) => self.warn(report),
            Verdict::Trip(report) => self.common.raise_always(now, report),
        }
    }

    /// What one chamber collects beside its pulses may come after the end was judged: while the beam is watched, the doses are
    /// compared as they are then.
    fn chambers_after_end(&mut self, now: Ticks) {
        let is_watched = now.since(self.common.since) <= self.machine.watch_after_beam();
        let [first, second, _] = self.pulses();
        if is_watched && !self.ending.is_judging() && first == second {
            let [first_dose, second_dose] = self.doses();
            if let Some(report) = self.agreement.doses_at_end(first_dose, second_dose) {
                self.warn(report);
            }
        }
    }

    fn tell_end(&mut self, final_count: u32, agrees: bool) {
        let [first, second, beam] = self.pulses();
        let doses = self.doses();
        if first == second
            && let Some(report) = self.beam_charge.at_end()
        {
            self.warn(report);
        }
        self.common.tell(Note::EndJudged { pulses: [final_count, first, second, beam], doses, agrees });
        self.tell_counters();
    }

    fn tell_counters(&mut self) {
        let chambers = [self.first.raw(), self.second.raw()];
        let gate = self.gate.latest().map(|gate| gate.pulses);
        self.common.tell(Note::Counters { chambers, gate });
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
            .or_else(|| self.gate.hearings().find_map(|(bus, ear)| old_gate(ear).map(|report| report.on(bus))))
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
        let gate = self.gate.hearings().any(|(_, ear)| silent(ear, timing.gate));
        let set = self.unit.standing(now, !self.gate.is_open());
        with_if(with_if(set, dose, Fault::DoseStale), gate, Fault::GateStale)
    }
}
