//! The gate between the four permits and the modulator trigger, rule by rule, as the treatment unit builds it in
//! hardware.
//!
//! It takes up a delivery, opens while all four permits are fresh, valid, PERMIT and for the delivery held, fires a
//! pulse only when every lease reaches it, latches on a trip, and reports itself on both buses. It has no clock: every
//! call brings the moment. Defects can be put in ([`GateDefects`]), one channel at a time or for the whole gate.

use beam_core::frame::{Bus, Frame, next_alive};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{CloseCause, GateState, GateStatus, Guard, NO_PULSE_LIMIT};

use super::channel::{Channel, Standing};

pub use super::channel::ChannelMemory;
pub use defects::{Channels, GateDefects, ReportDefects};

mod defects;

/// PulseCount stops here.
const PULSES_MAX: u32 = NO_PULSE_LIMIT - 1;

/// What kind of gate it is. Spans are as built, a bench's period scale included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GateConfig {
    /// How often GATE_STATUS is sent when nothing changes.
    pub period: Span,
    /// A permit older than this is stale.
    pub stale_after: Span,
    /// Whether the beam comes in pulses.
    pub pulsed: bool,
    /// Whether the gate compares pulses with leases; otherwise only lease 0 stops it.
    pub pulse_lease: bool,
    /// Whether all frames are on bus A.
    pub single_bus: bool,
}

/// The gate.
#[derive(Clone, Debug)]
pub struct Gate {
    config: GateConfig,
    defects: GateDefects,
    channels: [Channel; 4],
    /// Delivery held; 0 is none.
    held: u16,
    /// Who tripped since the delivery was taken up.
    tripped_by: u8,
    hardware_interlock_open: bool,
    beam_requested: bool,
    status: GateStatus,
    /// Beam-on time by the gate's clock, and up to when it is counted.
    beam_on: Span,
    counted_to: Ticks,
    /// The last report with OPEN that is no longer true, and since when.
    closed: Option<(GateStatus, Ticks)>,
    /// What was last reported of State, CloseCause, PulseCount.
    reported: Option<(GateState, CloseCause, u32)>,
    report_due: Ticks,
    alive: [u8; 2],
}

impl Gate {
    /// A gate that is powered up at `now` and reports itself first at `first_report`.
    #[must_use]
    pub const fn new(config: GateConfig, now: Ticks, first_report: Ticks) -> Self {
        Self {
            config,
            defects: GateDefects::SOUND,
            channels: [
                Channel::new(Guard::Dose1),
                Channel::new(Guard::Dose2),
                Channel::new(Guard::Time),
                Channel::new(Guard::Interlock),
            ],
            held: 0,
            tripped_by: 0,
            hardware_interlock_open: false,
            beam_requested: false,
            status: GateStatus {
                state: GateState::Closed,
                cause: CloseCause::PermitWithheld,
                closed_by: 15,
                pulses: 0,
                beam_on_centiseconds: 0,
            },
            beam_on: Span::ZERO,
            counted_to: now,
            closed: None,
            reported: Some((GateState::Closed, CloseCause::PermitWithheld, 0)),
            report_due: first_report,
            alive: [0; 2],
        }
    }

    /// The gate loses its power and comes back: no delivery held, nothing heard, counters at 0. Its defects stay.
    pub fn restart(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        let Self { config, defects, hardware_interlock_open, beam_requested, .. } = *self;
        *self = Self { defects, hardware_interlock_open, beam_requested, ..Self::new(config, now, now) };
        self.settle(now, out);
    }

    /// What is broken, to be changed.
    pub const fn defects_mut(&mut self) -> &mut GateDefects {
        &mut self.defects
    }

    /// What is broken.
    #[must_use]
    pub const fn defects(&self) -> &GateDefects {
        &self.defects
    }

    /// What is wrong with the reports on one bus, to be changed.
    pub(super) const fn report_mut(&mut self, bus: Bus) -> &mut ReportDefects {
        let [a, b] = &mut self.defects.reports;
        match bus {
            Bus::A => a,
            Bus::B => b,
        }
    }

    /// When the gate next has something to do of its own accord: a report, or a permit that grows stale.
    #[must_use]
    pub fn next(&self) -> Ticks {
        Guard::ALL
            .iter()
            .zip(&self.channels)
            .filter_map(|(&guard, channel)| channel.expires(self.stale_after(guard)?))
            .fold(self.report_due, Ticks::earlier)
    }

    /// Does what is due at `now`.
    pub fn advance(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        if self.next() <= now {
            self.expire(now);
            self.settle(now, out);
        }
    }

    /// A frame came over `bus`. Only a permit on its own bus means anything to the gate.
    pub fn receive(&mut self, now: Ticks, bus: Bus, frame: &Frame, out: &mut impl FnMut(Bus, Frame)) {
        let Some(guard) = Guard::ALL.into_iter().find(|guard| guard.permit_id() == frame.id) else { return };
        if bus != permit_bus(guard, self.config.single_bus) {
            return;
        }
        // an outage is an outage even when the first thing after it is a good frame
        self.expire(now);
        let counts_pulses = self.config.pulsed && self.config.pulse_lease;
        if let Some(channel) = self.channels.get_mut(guard.index())
            && channel.hear(now, frame, self.held, counts_pulses)
            && !self.defects.trip_latch_dead.contains(guard)
        {
            self.tripped_by |= guard.bit();
        }
        self.take_up(now);
        self.settle(now, out);
    }

    /// The console asks for beam, or no longer.
    pub fn set_beam_requested(&mut self, now: Ticks, requested: bool) {
        self.count_beam_on(now);
        self.beam_requested = requested;
    }

    /// A hardware interlock of the treatment unit opens (the gate closes) or closes.
    pub fn set_hardware_interlock(&mut self, now: Ticks, open: bool, out: &mut impl FnMut(Bus, Frame)) {
        self.hardware_interlock_open = open;
        self.settle(now, out);
    }

    /// Whether the next pulse may be fired: OPEN, and every lease reaches it. The console's request is not in it.
    #[must_use]
    pub fn lets_pulse(&self) -> bool {
        self.status.state == GateState::Open && self.status.cause == CloseCause::None
    }

    /// A pulse was fired at `now`.
    pub fn fire(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        let counted = if std::mem::take(&mut self.defects.counts_next_twice) { 2 } else { 1 };
        self.status.pulses = self.status.pulses.saturating_add(counted).min(PULSES_MAX);
        self.settle(now, out);
    }

    /// The gate's report as of the last call.
    #[must_use]
    pub const fn status(&self) -> GateStatus {
        self.status
    }

    /// The delivery held; 0 is none.
    #[must_use]
    pub const fn held(&self) -> u16 {
        self.held
    }

    /// The last valid lease of each guard, in the order of [`Guard::ALL`].
    #[must_use]
    pub fn leases(&self) -> [u32; 4] {
        self.channels.each_ref().map(Channel::lease)
    }

    /// What each permit's input remembers, in the order of [`Guard::ALL`].
    #[must_use]
    pub fn memory(&self, now: Ticks) -> [ChannelMemory; 4] {
        self.channels.each_ref().map(|channel| channel.memory(now))
    }

    /// Who tripped since the delivery was taken up, as a sum of [`Guard::bit`].
    #[must_use]
    pub const fn tripped_by(&self) -> u8 {
        self.tripped_by
    }

    /// A true span as long as the gate's clock makes it.
    fn by_own_clock(&self, span: Span) -> Span {
        match self.defects.clock_slow_permille {
            0 => span,
            slow => Span::from_nanos(span.times(1000).nanos() / u64::from(1000 - slow.min(999))),
        }
    }

    /// How old a permit may become as this gate times it; none where it never grows stale.
    fn stale_after(&self, guard: Guard) -> Option<Span> {
        let GateDefects { stale_timer_dead, stale_timer_times, .. } = self.defects;
        let times = stale_timer_times.get(guard.index()).copied().map_or(1, u64::from);
        (!stale_timer_dead.contains(guard)).then(|| self.by_own_clock(self.config.stale_after.times(times)))
    }

    fn expire(&mut self, now: Ticks) {
        let limits = Guard::ALL.map(|guard| self.stale_after(guard));
        for (limit, channel) in limits.into_iter().zip(&mut self.channels) {
            if let Some(limit) = limit {
                channel.expire(now, limit);
            }
        }
    }

    fn take_up(&mut self, now: Ticks) {
        let [first, rest @ ..] = &self.channels;
        let Some(delivery) = first.offer(self.held) else { return };
        if rest.iter().any(|channel| channel.offer(self.held) != Some(delivery)) {
            return;
        }
        self.held = delivery;
        self.tripped_by = 0;
        self.status.pulses = 0;
        self.count_beam_on(now);
        self.beam_on = Span::ZERO;
        for channel in &mut self.channels {
            channel.taken_up();
        }
    }

    /// BeamOnTime runs while OPEN and beam requested.
    fn count_beam_on(&mut self, now: Ticks) {
        if self.status.state == GateState::Open && self.beam_requested && !self.defects.beam_on_stopped {
            let passed = now.since(self.counted_to).nanos();
            let slow = u64::from(self.defects.clock_slow_permille.min(999));
            let lost = if slow == 0 { 0 } else { passed / 1000 * slow };
            self.beam_on = self.beam_on.plus(Span::from_nanos(passed - lost));
        }
        self.counted_to = now;
    }

    /// Judges the permits anew and reports when something changed or a report is due.
    fn settle(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        self.count_beam_on(now);
        let before = self.status;
        (self.status.state, self.status.cause, self.status.closed_by) = self.judge();
        if before.state == GateState::Open && self.status.state != GateState::Open {
            self.closed = Some((before, now));
        }
        let state = Some((self.status.state, self.status.cause, self.status.pulses));
        if state == self.reported && now < self.report_due {
            return;
        }
        self.reported = state;
        self.report_due = now.after(self.by_own_clock(self.config.period));
        let [low, high, ..] = (self.beam_on.nanos() / 10_000_000).to_le_bytes();
        self.status.beam_on_centiseconds = u16::from_le_bytes([low, high]);
        self.report(now, out);
    }

    fn report(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        let GateDefects { silent, reports, .. } = self.defects;
        let buses: &[Bus] = if self.config.single_bus { &[Bus::A] } else { &[Bus::A, Bus::B] };
        for (((&bus, alive), silent), report) in buses.iter().zip(&mut self.alive).zip(silent).zip(reports) {
            if !silent {
                out(bus, report.said(now, self.status, self.closed).encode(*alive));
                *alive = next_alive(*alive);
            }
        }
    }

    /// State, cause and whose permits: the first cause that applies.
    fn judge(&self) -> (GateState, CloseCause, u8) {
        let (mut invalid, mut stale, mut mismatch, mut withheld, mut used) = (0, 0, 0, 0, 0);
        for (guard, channel) in Guard::ALL.into_iter().zip(&self.channels) {
            match channel.standing(self.held, self.defects.state_decoder_dead.contains(guard)) {
                Standing::Invalid => invalid |= guard.bit(),
                Standing::Stale => stale |= guard.bit(),
                Standing::Mismatch => mismatch |= guard.bit(),
                Standing::Withheld => withheld |= guard.bit(),
                Standing::Permit(lease) if self.used_up(guard, lease) => used |= guard.bit(),
                Standing::Permit(_) => {}
            }
        }
        if self.tripped_by != 0 {
            return (GateState::Latched, CloseCause::PermitTripped, self.tripped_by);
        }
        if self.hardware_interlock_open {
            return (GateState::Closed, CloseCause::HardwareInterlock, 0);
        }
        let closed = [
            (CloseCause::PermitInvalid, invalid),
            (CloseCause::PermitStale, stale),
            (CloseCause::DeliveryMismatch, mismatch),
            (CloseCause::PermitWithheld, withheld),
        ];
        match closed.into_iter().find(|&(_, by)| by != 0) {
            Some((cause, by)) => (GateState::Closed, cause, by),
            None if used != 0 => (GateState::Open, CloseCause::LeaseUsed, used),
            None => (GateState::Open, CloseCause::None, 0),
        }
    }

    /// Whether a lease does not reach the next pulse.
    fn used_up(&self, guard: Guard, lease: u32) -> bool {
        if self.defects.lease_comparator_dead.contains(guard) {
            return false;
        }
        if !self.config.pulse_lease {
            return lease == 0;
        }
        let extra = u32::from(self.defects.lease_off_by_one.contains(guard));
        self.status.pulses >= lease.saturating_add(extra)
    }
}

/// The bus on which a guard's permit travels.
#[must_use]
pub const fn permit_bus(guard: Guard, single_bus: bool) -> Bus {
    match guard {
        Guard::Dose1 | Guard::Time => Bus::A,
        Guard::Dose2 | Guard::Interlock => {
            if single_bus {
                Bus::A
            } else {
                Bus::B
            }
        }
    }
}

#[cfg(test)]
mod tests;
