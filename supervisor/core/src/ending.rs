//! The end of a delivery: judging goes on until the gate and all sensors tell the same count, because what fails with the
//! last pulse would otherwise be found by nobody.
//!
//! Sensors may catch up to the gate's final count for the agreement time and three dose periods. Then one that sends nothing
//! is silent, and one that sends another count disagrees; neither where a fault already names it or its bus. A bus that was
//! away is waited for as long as the beam is watched after its end.

use crate::fault::{Fault, Group};
use crate::frame::Bus;
use crate::guard::nanos;
use crate::machine::Machine;
use crate::note::FaultReport;
use crate::units::{Span, Ticks};

/// One sensor at the end of a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sensor {
    /// 1 or 2 for a monitor, [`FaultReport::BEAM_CHARGE`] for the sensor of the beam's own charge.
    pub monitor: u8,
    /// Its bus.
    pub bus: Bus,
    /// Its pulses of this delivery.
    pub pulses: u32,
    /// How long ago its last reading came.
    pub age: Span,
    /// Whether a reading came after the gate had closed.
    pub heard_since_closing: bool,
}

/// What gate and sensors tell at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// The final count of the gate for bus A and bus B; none while the gate has told of no closing.
    pub finals: [Option<u32>; 2],
    /// The gate's count where no final one holds.
    pub gate: u32,
    /// Both chambers and, where it is fitted, the sensor of the beam's own charge.
    pub sensors: [Option<Sensor>; 3],
}

impl Told {
    fn limit(&self, bus: Bus) -> u32 {
        let [a, b] = self.finals;
        let own = if matches!(bus, Bus::A) { a } else { b };
        own.or(a).or(b).unwrap_or(self.gate)
    }

    fn sensors(&self) -> impl Iterator<Item = &Sensor> {
        self.sensors.iter().flatten()
    }

    fn is_equal(&self, sensor: &Sensor) -> bool {
        sensor.pulses == self.limit(sensor.bus)
    }

    /// The smallest final count.
    #[must_use]
    pub fn final_count(&self) -> u32 {
        self.limit(Bus::A).min(self.limit(Bus::B))
    }
}

/// What comes of a look at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Something is still under way, or there is nothing to judge.
    Wait,
    /// A sensor is silent or disagrees.
    Fault(FaultReport),
    /// The end is judged; whether all counts are equal.
    Judged {
        /// All counts are equal, and no sensor is missing.
        agrees: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Idle,
    Judging { since: Ticks },
    Judged,
}

/// The judgement of one end.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    stage: Stage,
    pulsed: bool,
    /// How long sensors may catch up.
    patience: Span,
    /// How long the beam is watched after its end.
    watch: Span,
    dose_limit: Span,
    /// What a fault of this delivery has named: monitors and beam charge sensor, buses.
    named: [bool; 4],
    away: [bool; 2],
    /// A fault has named the counts themselves.
    counts_named: bool,
}

impl Ending {
    /// Nothing to judge.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        Self {
            stage: Stage::Idle,
            pulsed: machine.is_pulsed(),
            patience: machine.timing.settling(),
            watch: machine.watch_after_beam(),
            dose_limit: machine.timing.stale(machine.timing.dose),
            named: [false; 4],
            away: [false; 2],
            counts_named: false,
        }
    }

    /// A delivery is armed.
    pub const fn arm(&mut self) {
        self.stage = Stage::Idle;
        self.named = [false; 4];
        self.away = [false; 2];
        self.counts_named = false;
    }

    /// The delivery has ended.
    pub const fn begin(&mut self, now: Ticks) {
        if matches!(self.stage, Stage::Idle) {
            self.stage = Stage::Judging { since: now };
        }
    }

    /// A fault of this delivery names a monitor, or a bus.
    pub fn name(&mut self, monitor: u8, bus: Option<Bus>) {
        if let Some(named) = self.named.get_mut(usize::from(monitor)) {
            *named = true;
        }
        let [a, b] = &mut self.away;
        match bus {
            Some(Bus::A) => *a = true,
            Some(Bus::B) => *b = true,
            None => {}
        }
    }

    /// A fault of this delivery, by its report.
    pub fn found(&mut self, report: &FaultReport) {
        self.name(report.monitor, report.bus.filter(|_| matches!(report.fault.group(), Group::Bus)));
        self.counts_named |=
            matches!(report.fault, Fault::PulsesWhileClosed | Fault::CountsDisagree | Fault::GateRestarted);
    }

    /// Whether the end is still being judged.
    #[must_use]
    pub const fn is_judging(&self) -> bool {
        matches!(self.stage, Stage::Judging { .. })
    }

    const fn is_away(&self, bus: Bus) -> bool {
        let [a, b] = self.away;
        match bus {
            Bus::A => a,
            Bus::B => b,
        }
    }

    fn is_named(&self, sensor: &Sensor) -> bool {
        self.is_away(sensor.bus) || self.named.get(usize::from(sensor.monitor)).is_some_and(|named| *named)
    }

    /// Looks at what gate and sensors tell; to be called at every step after the end.
    pub fn judge(&mut self, now: Ticks, told: &Told) -> Verdict {
        let Stage::Judging { since } = self.stage else { return Verdict::Wait };
        let [a, b] = told.finals;
        let closed = a.is_some() || b.is_some();
        let waited = now.since(since);
        let arrived = |sensor: &Sensor| told.is_equal(sensor) && (self.pulsed || sensor.heard_since_closing);
        let missing = || told.sensors().filter(|sensor| !arrived(sensor));
        if closed && a.or(b) == b.or(a) && missing().next().is_none() {
            self.stage = Stage::Judged;
            return Verdict::Judged { agrees: true };
        }
        if waited <= self.patience {
            return Verdict::Wait;
        }
        let counts = |sensor: &Sensor| self.counts_named && sensor.age <= self.dose_limit;
        // where the gate closed late, the reading after it may be a moment away
        let is_due = |sensor: &Sensor| told.is_equal(sensor) && sensor.age <= self.dose_limit;
        let is_excused = |sensor: &Sensor| self.is_named(sensor) || counts(sensor) || is_due(sensor);
        if let Some(sensor) = missing().find(|sensor| !is_excused(sensor)).copied() {
            self.name(sensor.monitor, None);
            return Verdict::Fault(self.report(&sensor, told));
        }
        // a gate that has told of no closing on either bus is away too
        let is_awaited = !closed || missing().any(|sensor| self.is_away(sensor.bus) || is_due(sensor));
        if is_awaited && waited <= self.watch {
            return Verdict::Wait;
        }
        let agrees = closed && missing().next().is_none() && a.or(b) == b.or(a);
        self.stage = Stage::Judged;
        Verdict::Judged { agrees }
    }

    fn report(&self, sensor: &Sensor, told: &Told) -> FaultReport {
        let report = if sensor.age > self.dose_limit {
            FaultReport::of(Fault::DoseStale).measured(nanos(sensor.age), nanos(self.dose_limit))
        } else {
            let (pulses, limit) = (i64::from(sensor.pulses), i64::from(told.limit(sensor.bus)));
            FaultReport::of(Fault::CountsDisagree).measured(pulses, limit)
        };
        report.monitor(sensor.monitor).on(sensor.bus)
    }
}
