//! The gate as its reports on the two buses show it: what each bus said last, whether the two contradict each other, whether
//! the gate restarted, and the final count.
//!
//! The final count of a bus is the count of pulses in the first good report there that is not OPEN, after one that was. A
//! pulse is counted when its trigger is released, so no pulse may come after it. Each bus has its own view, because one of
//! the two reports may stand still, or be late, in good frames.

use crate::fault::Fault;
use crate::frame::{Bus, Frame, Origin};
use crate::guard::nanos;
use crate::hearing::{Heard, Hearing};
use crate::machine::{Machine, Protection, Timing};
use crate::note::{FaultReport, FrameCounts};
use crate::proving::EVERY_GUARD;
use crate::units::{Span, Ticks};
use crate::wire::{CloseCause, GateState, GateStatus};

/// The gate's clock tells hundredths of a second; two reports of one moment may differ by two of them.
const CLOCK_STEP: Span = Span::from_millis(20);

/// The count at which the gate closed, as one bus told it.
#[derive(Clone, Copy, Debug)]
struct Closed {
    at: Ticks,
    /// What the chambers of this bus may count at most.
    chambers: u32,
    /// What the gate itself may count at most on this bus; a count that falls lowers it.
    gate: u32,
    /// What it may count at most on the other bus, which may not have told of a fall yet.
    elsewhere: u32,
}

/// One bus.
#[derive(Clone, Copy, Debug)]
struct BusView {
    hearing: Hearing,
    status: Option<GateStatus>,
    heard: Ticks,
    /// When the gate's beam-on clock last went on.
    clock_went_on: Ticks,
    /// An OPEN report came since the last closing, or since the count began anew.
    opened: bool,
    /// The largest count since the delivery was taken up.
    highest: u32,
    closed: Option<Closed>,
    /// A new id was offered: the count falls to 0 by right, once, and a latched gate is released.
    may_fall: bool,
    /// The gate has taken up the id that was offered last.
    holds: bool,
}

impl BusView {
    const fn new() -> Self {
        Self {
            hearing: Hearing::new(Protection::E2e),
            status: None,
            heard: Ticks::ZERO,
            clock_went_on: Ticks::ZERO,
            opened: false,
            highest: 0,
            closed: None,
            may_fall: false,
            holds: false,
        }
    }

    fn is_open(&self) -> bool {
        self.status.is_some_and(|status| matches!(status.state, GateState::Open))
    }

    /// Keeps a report; whether the gate lost the delivery that it held.
    fn keep(&mut self, now: Ticks, status: GateStatus, permit_given: bool) -> bool {
        let before = self.status.replace(status);
        self.heard = now;
        if before.is_some_and(|before| before.beam_on_centiseconds != status.beam_on_centiseconds) {
            self.clock_went_on = now;
        }
        let restarted = self.restarted(before, &status);
        self.highest = if self.may_fall { status.pulses } else { self.highest.max(status.pulses) };
        if matches!(status.state, GateState::Open) {
            self.opened = true;
            if permit_given {
                self.closed = None;
            }
        } else if self.opened && self.closed.is_none() {
            self.closed =
                Some(Closed { at: now, chambers: self.highest, gate: status.pulses, elsewhere: self.highest });
        }
        if let Some(closed) = &mut self.closed {
            closed.gate = closed.gate.min(status.pulses);
        }
        restarted
    }

    /// A count that falls, a latched gate that is no longer latched, or a gate that no longer holds the id that it had taken
    /// up, although no new id was offered.
    fn restarted(&mut self, before: Option<GateStatus>, status: &GateStatus) -> bool {
        let withheld_by_all = matches!(status.cause, CloseCause::PermitWithheld) && status.closed_by == EVERY_GUARD;
        self.holds |= withheld_by_all && status.pulses == 0;
        let Some(before) = before else { return false };
        let fell = status.pulses < before.pulses;
        let released = matches!(before.state, GateState::Latched) && !matches!(status.state, GateState::Latched);
        let forgot = matches!(status.cause, CloseCause::DeliveryMismatch) && status.closed_by == EVERY_GUARD;
        if fell || released {
            let lawful = core::mem::take(&mut self.may_fall);
            self.highest = if lawful { status.pulses } else { self.highest };
            return !lawful;
        }
        !self.may_fall && forgot && core::mem::take(&mut self.holds)
    }
}

/// What a report brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// What the gate said.
    pub status: GateStatus,
    /// Whether state, cause, whose permits or count differ from the report before.
    pub is_news: bool,
    /// Whether the gate lost the delivery that it held: its count fell, or it is no longer latched, without an act of ours.
    pub restarted: bool,
}

/// The gate on both buses.
#[derive(Clone, Copy, Debug)]
pub struct GateView {
    buses: [BusView; 2],
    single_bus: bool,
    timing: Timing,
    differ_since: Option<Ticks>,
}

const fn index(bus: Bus) -> usize {
    match bus {
        Bus::A => 0,
        Bus::B => 1,
    }
}

impl GateView {
    /// A gate that has reported nothing.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        Self { buses: [BusView::new(); 2], single_bus: machine.single_bus, timing: machine.timing, differ_since: None }
    }

    fn views(&self) -> impl Iterator<Item = (Bus, &BusView)> {
        let [a, b] = &self.buses;
        let second = if self.single_bus { None } else { Some((Bus::B, b)) };
        core::iter::once((Bus::A, a)).chain(second)
    }

    const fn view(&self, bus: Bus) -> &BusView {
        let [a, b] = &self.buses;
        match bus {
            Bus::A => a,
            Bus::B => b,
        }
    }

    /// Takes a report; `permit_given` tells whether this guard gives its permit. None is a repeat.
    ///
    /// # Errors
    /// The fault that the frame is.
    pub fn hear(
        &mut self,
        now: Ticks,
        (bus, origin): (Bus, Origin),
        frame: &Frame,
        permit_given: bool,
        counts: &mut FrameCounts,
    ) -> Result<Option<Report>, FaultReport> {
        let Some(view) = self.buses.get_mut(index(bus)) else { return Ok(None) };
        match view.hearing.hear(now, origin, frame, counts) {
            Heard::Fresh => {}
            Heard::Repeat => return Ok(None),
            Heard::Fault(fault) => return Err(FaultReport::of(fault)),
        }
        let status = GateStatus::decode(frame).map_err(|_| FaultReport::of(Fault::UnnamedValue))?;
        let is_news = !view.status.is_some_and(|before| before.tells_the_same(&status));
        let restarted = view.keep(now, status, permit_given);
        Ok(Some(Report { status, is_news, restarted }))
    }

    /// A new id is offered: the final counts are of the past, and the gate begins to count anew.
    pub fn offer(&mut self) {
        for view in &mut self.buses {
            view.closed = None;
            view.opened = false;
            view.may_fall = true;
            view.holds = false;
        }
    }

    /// The permit is given again: the final counts hold no longer.
    pub fn permit_again(&mut self) {
        for view in &mut self.buses {
            view.closed = None;
            view.opened = view.is_open();
            view.may_fall = false;
        }
    }

    /// A person has acknowledged what the gate counted so far, which is told at once, and what of the chambers' counts was told
    /// as a fault: only what comes on top of it is found again.
    pub fn acknowledge(&mut self, chambers: u32) {
        let counted = |view: &BusView| view.status.map_or(0, |status| status.pulses);
        let most = self.views().map(|(_, view)| counted(view)).max().unwrap_or(0);
        for view in &mut self.buses {
            let counted = counted(view);
            if let Some(closed) = &mut view.closed {
                closed.gate = closed.gate.max(counted);
                closed.elsewhere = closed.elsewhere.max(most);
                closed.chambers = closed.chambers.max(chambers).max(counted);
            }
        }
    }

    /// What the gate said last on `bus`.
    #[must_use]
    pub const fn status(&self, bus: Bus) -> Option<GateStatus> {
        self.view(bus).status
    }

    /// What the gate said last, on whichever bus.
    #[must_use]
    pub fn latest(&self) -> Option<GateStatus> {
        let [a, b] = &self.buses;
        if a.heard >= b.heard && a.status.is_some() { a.status } else { b.status.or(a.status) }
    }

    /// Whether a bus shows the gate open. In doubt there is beam; but what a bus said before it fell silent is no doubt
    /// where the other one goes on telling.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let newest = self.views().map(|(_, view)| view.heard).max().unwrap_or(Ticks::ZERO);
        self.views().any(|(_, view)| view.is_open() && !self.is_old(view, newest))
    }

    /// Whether `bus` says at `now` that the gate is open: a report that has gone stale says nothing of now.
    #[must_use]
    pub fn says_open(&self, bus: Bus, now: Ticks) -> bool {
        let view = self.view(bus);
        view.is_open() && !self.is_old(view, now)
    }

    fn is_old(&self, view: &BusView, now: Ticks) -> bool {
        now.since(view.heard) > self.timing.stale(self.timing.gate)
    }

    /// Whether the gate's beam-on clock runs, on a bus that shows the gate open: it goes on every other report.
    #[must_use]
    pub fn clock_runs(&self, now: Ticks) -> bool {
        let lately = self.timing.gate.times(4);
        self.views().any(|(_, view)| view.is_open() && now.since(view.clock_went_on) <= lately)
    }

    /// Whether a final count holds on any bus.
    #[must_use]
    pub fn has_closed(&self) -> bool {
        self.views().any(|(_, view)| view.closed.is_some())
    }

    /// The ears, for ages, each with its bus.
    pub fn hearings(&self) -> impl Iterator<Item = (Bus, &Hearing)> {
        self.views().map(|(bus, view)| (bus, &view.hearing))
    }

    /// The smallest count of all buses: pulses that both have told of. None until every bus has reported.
    #[must_use]
    pub fn least_pulses(&self) -> Option<u32> {
        self.views()
            .map(|(_, view)| view.status.map(|status| status.pulses))
            .try_fold(u32::MAX, |least, pulses| Some(least.min(pulses?)))
    }

    /// The final count for the chambers of `bus`: its own; that of the other bus where this one tells of no closing and was
    /// not heard since. None while the gate may fire.
    #[must_use]
    pub fn final_count(&self, bus: Bus) -> Option<u32> {
        self.closed_on(bus).map(|closed| closed.chambers)
    }

    /// When the gate was told to have closed, the later of both buses; none while a bus tells of no closing.
    #[must_use]
    pub fn closed_at(&self) -> Option<Ticks> {
        self.views()
            .map(|(bus, _)| self.closed_on(bus).map(|closed| closed.at))
            .try_fold(Ticks::ZERO, |latest, at| Some(latest.max(at?)))
    }

    fn closed_on(&self, bus: Bus) -> Option<Closed> {
        let own = self.view(bus);
        own.closed.or_else(|| {
            let (_, other) = self.views().find(|(which, _)| *which != bus)?;
            // a bus that told of an open gate later speaks for itself
            other.closed.filter(|closed| !(own.is_open() && own.heard > closed.at))
        })
    }

    /// A count above the final one in the report that `bus` has just brought: a pulse through a closed gate, at once. Each bus
    /// is held to its own fall and to the other one's count at the closing. `spare` is 1 in a beam hold, where one further pulse
    /// is lawful.
    #[must_use]
    pub fn fired_after_closing(&self, bus: Bus, spare: u32) -> Option<FaultReport> {
        self.closed_on(bus)?;
        let of_both = self.views().filter_map(|(_, view)| view.closed).map(|closed| closed.elsewhere).min()?;
        let limit = self.view(bus).closed.map_or(of_both, |own| own.gate.min(of_both)).saturating_add(spare);
        let pulses = self.status(bus)?.pulses;
        let report = FaultReport::of(Fault::PulsesWhileClosed).on(bus);
        (pulses > limit).then(|| report.measured(i64::from(pulses), i64::from(limit)))
    }

    /// Whether the two reports contradict each other for longer than stale-after: one shows the gate open and the other does
    /// not, or their beam-on times differ by more than that.
    pub fn contradicts_itself(&mut self, now: Ticks) -> Option<FaultReport> {
        let [Some(a), Some(b)] = [self.status(Bus::A), self.status(Bus::B)] else { return None };
        let limit = self.timing.stale_after;
        let open = |status: GateStatus| matches!(status.state, GateState::Open);
        let apart = a.beam_on_centiseconds.wrapping_sub(b.beam_on_centiseconds);
        let apart = apart.min(apart.wrapping_neg());
        let apart = Span::from_millis(u64::from(apart)).times(10);
        if self.single_bus || (open(a) == open(b) && apart <= limit.plus(CLOCK_STEP)) {
            self.differ_since = None;
            return None;
        }
        let differ_for = now.since(*self.differ_since.get_or_insert(now));
        let report = FaultReport::of(Fault::GateContradiction);
        (differ_for > limit).then(|| report.measured(nanos(differ_for), nanos(limit)))
    }

    /// Whether the gate is closed by the linac itself and by none of our permits.
    #[must_use]
    pub const fn is_hold(status: &GateStatus) -> bool {
        matches!(status.state, GateState::Closed)
            && matches!(status.cause, CloseCause::None | CloseCause::HardwareInterlock)
    }
}
