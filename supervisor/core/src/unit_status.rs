//! What the treatment unit says of itself, as the interlock guard hears it: the linac's set-up and interlocks, and the
//! health of both chambers. What is wrong with it is judged in `set_up`; here it is believed, kept and aged.

use crate::common_checks::stale;
use crate::fault::{Fault, FaultSet};
use crate::frame::{Bus, Frame, Origin};
use crate::hearing::{Heard, Hearing};
use crate::machine::{Machine, Monitor, SetUp, Timing};
use crate::note::{FaultReport, FrameCounts};
use crate::set_up::{chamber_fault, deviation, leakage_warning, open_interlocks};
use crate::units::Ticks;
use crate::wire::{ChamberStatus, LinacStatus, MON1_STATUS};

/// A chamber's status.
#[derive(Clone, Copy, Debug)]
struct ChamberView {
    hearing: Hearing,
    status: Option<ChamberStatus>,
    limits: Monitor,
    bus: Bus,
}

/// What linac and chambers say of themselves.
#[derive(Clone, Copy, Debug)]
pub struct UnitStatus {
    chambers: [ChamberView; 2],
    linac_hearing: Hearing,
    linac: Option<LinacStatus>,
    linac_bus: Bus,
    timing: Timing,
}

impl UnitStatus {
    /// A unit that has said nothing.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        let ear = Hearing::new(machine.protection);
        let [first, second] = machine.monitors;
        Self {
            chambers: [
                ChamberView { hearing: ear, status: None, limits: first, bus: Bus::A },
                ChamberView { hearing: ear, status: None, limits: second, bus: machine.second_bus() },
            ],
            linac_hearing: ear,
            linac: None,
            linac_bus: machine.linac_bus,
            timing: machine.timing,
        }
    }

    /// Whether the console asks for beam.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.linac.is_some_and(|linac| linac.beam_requested())
    }

    /// Whether frames of the linac were lost before its last one.
    #[must_use]
    pub const fn lost_a_frame(&self) -> bool {
        self.linac_hearing.lost() > 0
    }

    /// Takes a frame of the linac; whether it brought something new.
    ///
    /// # Errors
    /// The fault that the frame is.
    pub fn hear_linac(
        &mut self,
        now: Ticks,
        origin: Origin,
        frame: &Frame,
        counts: &mut FrameCounts,
    ) -> Result<bool, FaultReport> {
        match self.linac_hearing.hear(now, origin, frame, counts) {
            Heard::Fresh => {}
            Heard::Repeat => return Ok(false),
            Heard::Fault(fault) => return Err(FaultReport::of(fault)),
        }
        self.linac = Some(LinacStatus::decode(frame).map_err(|_| FaultReport::of(Fault::UnnamedValue))?);
        Ok(true)
    }

    /// Takes the status frame of a chamber; which monitor's it was, when it brought something new.
    ///
    /// # Errors
    /// The fault that the frame is.
    pub fn hear_chamber(
        &mut self,
        now: Ticks,
        origin: Origin,
        frame: &Frame,
        counts: &mut FrameCounts,
    ) -> Result<Option<u8>, FaultReport> {
        let [first, second] = &mut self.chambers;
        let (monitor, view) = if frame.id == MON1_STATUS { (1, first) } else { (2, second) };
        match view.hearing.hear(now, origin, frame, counts) {
            Heard::Fresh => {}
            Heard::Repeat => return Ok(None),
            Heard::Fault(fault) => return Err(FaultReport::of(fault).monitor(monitor)),
        }
        let unnamed = FaultReport::of(Fault::UnnamedValue).monitor(monitor);
        view.status = Some(ChamberStatus::decode(frame).map_err(|_| unnamed)?);
        Ok(Some(monitor))
    }

    /// What is wrong with the linac: an open interlock, a request during a proof, or a set-up that is not the planned one.
    #[must_use]
    pub fn linac_fault(&self, proving: bool, planned: Option<&SetUp>) -> Option<FaultReport> {
        let status = self.linac?;
        if let Some(fault) = open_interlocks(&status).gravest() {
            return Some(FaultReport::of(fault));
        }
        if proving {
            return status.beam_requested().then(|| FaultReport::of(Fault::RequestedEarly));
        }
        planned.and_then(|planned| deviation(&status, planned))
    }

    const fn view(&self, monitor: u8) -> &ChamberView {
        let [first, second] = &self.chambers;
        if monitor == 1 { first } else { second }
    }

    /// What is wrong with the chamber of this monitor.
    #[must_use]
    pub fn chamber_fault(&self, monitor: u8, beam_off: bool) -> Option<FaultReport> {
        let view = self.view(monitor);
        view.status.and_then(|status| chamber_fault(&status, &view.limits, beam_off)).map(|it| it.monitor(monitor))
    }

    /// Whether the leakage of this monitor's chamber is worth a warning.
    #[must_use]
    pub fn leakage_warning(&self, monitor: u8) -> Option<FaultReport> {
        let view = self.view(monitor);
        view.status.and_then(|status| leakage_warning(&status, &view.limits)).map(|it| it.monitor(monitor))
    }

    /// The report that one of them was not heard for three periods, counted from `since` at the earliest.
    #[must_use]
    pub fn stale(&self, now: Ticks, since: Ticks) -> Option<FaultReport> {
        let old = |ear: &Hearing| stale(ear, now, since, self.timing.status, Fault::StatusStale);
        let [first, second] = &self.chambers;
        old(&first.hearing)
            .map(|report| report.monitor(1).on(first.bus))
            .or_else(|| old(&second.hearing).map(|report| report.monitor(2).on(second.bus)))
            .or_else(|| old(&self.linac_hearing).map(|report| report.on(self.linac_bus)))
    }

    /// What of it would be a fault if a delivery began now.
    #[must_use]
    pub fn standing(&self, now: Ticks, beam_off: bool) -> FaultSet {
        let limit = self.timing.status.times(Timing::STALE_PERIODS);
        let [first, second] = &self.chambers;
        let silent = [&first.hearing, &second.hearing, &self.linac_hearing].iter().any(|ear| ear.silent(now, limit));
        let set = self.linac.map_or(FaultSet::EMPTY, |status| open_interlocks(&status));
        let set = crate::hearing::with_if(set, silent, Fault::StatusStale);
        [self.chamber_fault(1, beam_off), self.chamber_fault(2, beam_off)]
            .into_iter()
            .flatten()
            .fold(set, |set, report| set.with(report.fault))
    }
}
