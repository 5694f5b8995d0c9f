//! The setters: what the fold at the end of the rings knows, in the words of the core.

use super::*;

/// Brings a counter up to a total that somebody else counted; a total that fell back, as after a restart, changes nothing.
fn raise(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

/// 1 for one place, 0 for the others.
fn only(gauges: &[IntGauge], place: Option<usize>) {
    for (index, gauge) in gauges.iter().enumerate() {
        gauge.set(i64::from(Some(index) == place));
    }
}

/// The place of a chamber: 0 is monitor 1.
const fn chamber_of(guard: Guard) -> Option<usize> {
    match guard {
        Guard::Dose1 => Some(0),
        Guard::Dose2 => Some(1),
        Guard::Time | Guard::Interlock => None,
    }
}

impl Metrics {
    /// Dose and pulses of this delivery on the chamber of a dose guard; nothing for the other two guards. What is less
    /// than before belongs to a new delivery, and is added whole to what was delivered since the start.
    pub fn set_delivered(&self, guard: Guard, dose: Dose, pulses: u32) {
        let Some(chamber) = chamber_of(guard) else { return };
        let (gauge, ever) = (&self.delivery.dose[chamber], &self.delivery.dose_ever[chamber]);
        let (before, now) = (gauge.get(), monitor_units(dose));
        let more = if now < before { now } else { now - before };
        // A counter may not fall: a chamber that drifts below zero adds nothing.
        ever.inc_by(more.max(0.0));
        gauge.set(now);
        let (gauge, ever) = (&self.delivery.pulses[chamber], &self.delivery.pulses_ever[chamber]);
        let (before, now) = (gauge.get(), i64::from(pulses));
        let more = if now < before { now } else { now - before };
        ever.inc_by(u64::try_from(more).unwrap_or(0));
        gauge.set(now);
    }

    /// Dose at which each dose guard ends the beam: preset, and preset with the backup's margin.
    pub fn set_planned(&self, preset: Dose, backup: Dose) {
        for (gauge, dose) in self.delivery.planned.iter().zip([preset, backup]) {
            gauge.set(monitor_units(dose));
        }
    }

    /// Mean dose of one second.
    pub fn set_dose_rate(&self, dose_per_second: Dose) {
        self.delivery.dose_rate.set(monitor_units(dose_per_second));
    }

    /// Charge of the beam itself in this delivery; `None` where it is not measured.
    pub fn set_beam_charge(&self, charge: Option<Charge>) {
        self.delivery.beam_charge.set(charge.map_or(f64::NAN, coulombs));
    }

    /// Beam-on time of this delivery, and its limit.
    pub fn set_beam_on(&self, beam_on: Span, limit: Span) {
        self.delivery.beam_on.set(seconds(beam_on));
        self.delivery.beam_on_limit.set(seconds(limit));
    }

    /// Index of the last pulse that a guard leases; 16 777 215 is no limit.
    pub fn set_pulse_lease(&self, guard: Guard, lease: u32) {
        self.guards.lease[guard.index()].set(lease.into());
    }

    /// State of the session.
    pub fn set_session_state(&self, state: State) {
        only(&self.delivery.session, State::ALL.iter().position(|&one| one == state));
    }

    /// State of the gate as one bus shows it; `None` when the bus shows none, or an old one.
    pub fn set_gate_state(&self, bus: Bus, state: Option<GateState>) {
        let place = match state {
            Some(GateState::Closed) => 0,
            Some(GateState::Open) => 1,
            Some(GateState::Latched) => 2,
            None => 3,
        };
        only(&self.delivery.gates[usize::from(bus == Bus::B)], Some(place));
    }

    /// One delivery more ended.
    pub fn count_delivery(&self, ended_by: EndedBy) {
        if let Some(place) = ENDS.iter().position(|&end| end == ended_by) {
            self.delivery.ended[place].inc();
        }
    }

    /// One fault more was found.
    pub fn count_fault(&self, fault: Fault) {
        if let Some(counter) =
            Fault::ALL.iter().position(|&one| one == fault).and_then(|place| self.service.faults.get(place))
        {
            counter.inc();
        }
    }

    /// What a guard's ears counted since the start.
    pub fn set_frames(&self, guard: Guard, counts: FrameCounts) {
        let totals = [counts.fresh, counts.lost, counts.repeated, counts.distrusted];
        for (counter, total) in self.guards.frames[guard.index()].iter().zip(totals) {
            // The guards count modulo 2^32, which the rest of the counter goes beyond.
            let since = total.wrapping_sub(low_half(counter.get()));
            counter.inc_by(since.into());
        }
    }

    /// A guard's loop woke up so much after its time.
    pub fn observe_lateness(&self, guard: Guard, lateness: Span) {
        observe(&self.guards.lateness[guard.index()], &self.guards.lateness_max[guard.index()], lateness);
    }

    /// A guard sent the permit that answers a frame so long after reading it.
    pub fn observe_frame_to_permit(&self, guard: Guard, latency: Span) {
        observe(&self.guards.latency[guard.index()], &self.guards.latency_max[guard.index()], latency);
    }

    /// Page faults of a guard's thread since it started.
    pub fn set_page_faults(&self, guard: Guard, total: u64) {
        raise(&self.guards.page_faults[guard.index()], total);
    }

    /// What a bus told a guard that is no frame.
    pub fn count_trouble(&self, guard: Guard, trouble: Trouble) {
        match trouble {
            Trouble::ReceiveOverflow { lost } => self.guards.dropped[guard.index()].inc_by(u64::from(lost)),
            Trouble::ControllerOverrun => self.guards.overruns[guard.index()].inc(),
            Trouble::Malformed
            | Trouble::BusError
            | Trouble::ErrorWarning
            | Trouble::ErrorPassive
            | Trouble::BusOff
            | Trouble::InterfaceDown => {}
        }
    }

    /// Context switches of a guard's thread since it started, voluntary and involuntary.
    pub fn set_context_switches(&self, guard: Guard, totals: [u64; 2]) {
        for (counter, total) in self.guards.switches[guard.index()].iter().zip(totals) {
            raise(counter, total);
        }
    }

    /// Entries that a guard's full ring did not take since the start.
    pub fn set_ring_full(&self, guard: Guard, total: u64) {
        raise(&self.guards.ring_full[guard.index()], total);
    }

    /// Entries of the record that were lost since the start.
    pub fn set_records_lost(&self, total: u64) {
        raise(&self.service.records_lost, total);
    }

    /// How many real-time rights were asked for and not granted.
    pub fn set_realtime_refusals(&self, count: usize) {
        self.service.refusals.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// What the profile and the command line say that a person should know: the period scale (1 to 20), whether the
    /// chambers' frames carry no protection, and whether the beam is only observed.
    pub fn set_mode(&self, period_scale: u32, unprotected: bool, observe: bool) {
        self.service.period_scale.set(period_scale.into());
        self.service.unprotected.set(unprotected.into());
        self.service.observe.set(observe.into());
    }

    /// Resident memory of the process in bytes.
    pub fn set_resident_memory(&self, bytes: u64) {
        self.service.resident.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

/// The last 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "what is cut off is what the guards do not count")]
const fn low_half(count: u64) -> u32 {
    count as u32
}

fn observe(histogram: &Histogram, max: &Gauge, span: Span) {
    let seconds = seconds(span);
    histogram.observe(seconds);
    if seconds > max.get() {
        max.set(seconds);
    }
}
