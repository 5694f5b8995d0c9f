//! The numbers that the hospital's monitoring reads, and the only place that knows how they are kept.
//!
//! They show what the supervisor does; nothing is decided by them, and nobody in the treatment room notices when they are
//! not read. Only the fold at the end of the rings sets them, so setting is not for guards. Names follow the conventions
//! of Prometheus: base units, `_total` on counters, one gauge for each state. No label carries a patient, a plan or a
//! delivery. Every series exists from the start, so that a count of zero can be told from a service that is not there.

use beam_core::fault::Fault;
use beam_core::frame::{Bus, Trouble};
use beam_core::note::FrameCounts;
use beam_core::session::EndedBy;
use beam_core::state::State;
use beam_core::units::{Charge, Dose, Span};
use beam_core::wire::{GateState, Guard};
use beam_drivers::clock::WallTime;
use prometheus::core::Collector;
use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

mod server;
mod set;

pub use server::{resident_memory, router, serve};

/// Upper ends of the histograms' buckets in seconds: from a good real-time kernel to a permit that went stale.
const LATENCY_BUCKETS: [f64; 13] =
    [10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3];
const CHAMBERS: [&str; 2] = ["1", "2"];
const BUSES: [&str; 2] = ["A", "B"];
const FRAME_RESULTS: [&str; 4] = ["fresh", "lost", "repeated", "distrusted"];
const SWITCHES: [&str; 2] = ["voluntary", "involuntary"];
const GATE_STATES: [&str; 4] = ["closed", "open", "latched", "unknown"];
const ENDS: [EndedBy; 6] = [
    EndedBy::Guard(Guard::Dose1),
    EndedBy::Guard(Guard::Dose2),
    EndedBy::Guard(Guard::Time),
    EndedBy::Guard(Guard::Interlock),
    EndedBy::Operator,
    EndedBy::Session,
];

/// All numbers, each kept in a place of its own that was looked up when the service started.
pub struct Metrics {
    registry: Registry,
    delivery: DeliveryNumbers,
    guards: GuardNumbers,
    service: ServiceNumbers,
}

/// What is told of the delivery, by chamber or by state.
struct DeliveryNumbers {
    dose: [Gauge; 2],
    dose_ever: [Counter; 2],
    planned: [Gauge; 2],
    pulses: [IntGauge; 2],
    pulses_ever: [IntCounter; 2],
    dose_rate: Gauge,
    beam_charge: Gauge,
    beam_on: Gauge,
    beam_on_limit: Gauge,
    session: [IntGauge; State::ALL.len()],
    gates: [[IntGauge; GATE_STATES.len()]; 2],
    ended: [IntCounter; ENDS.len()],
}

/// What is told of each guard.
struct GuardNumbers {
    lease: [IntGauge; 4],
    frames: [[IntCounter; FRAME_RESULTS.len()]; 4],
    lateness: [Histogram; 4],
    lateness_max: [Gauge; 4],
    latency: [Histogram; 4],
    latency_max: [Gauge; 4],
    page_faults: [IntCounter; 4],
    switches: [[IntCounter; SWITCHES.len()]; 4],
    dropped: [IntCounter; 4],
    overruns: [IntCounter; 4],
    ring_full: [IntCounter; 4],
}

/// What is told of the service as a whole.
struct ServiceNumbers {
    faults: Vec<IntCounter>,
    records_lost: IntCounter,
    refusals: IntGauge,
    period_scale: IntGauge,
    unprotected: IntGauge,
    observe: IntGauge,
    resident: IntGauge,
}

/// Makes a registry's families; a name is written out once, and wrongly only until the first test.
struct Families<'registry>(&'registry Registry);

impl Families<'_> {
    fn add<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> prometheus::Result<C> {
        let collector = made?;
        self.0.register(Box::new(collector.clone()))?;
        Ok(collector)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        self.add(Gauge::new(name, help))
    }

    fn whole_gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.add(IntGauge::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, label: &str) -> prometheus::Result<GaugeVec> {
        self.add(GaugeVec::new(Opts::new(name, help), &[label]))
    }

    fn whole_gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn histograms(&self, name: &str, help: &str, label: &str) -> prometheus::Result<HistogramVec> {
        self.add(HistogramVec::new(HistogramOpts::new(name, help).buckets(LATENCY_BUCKETS.to_vec()), &[label]))
    }
}

fn by_guard<T>(child: impl Fn(&str) -> T) -> [T; 4] {
    Guard::ALL.map(|guard| child(guard.name()))
}

impl DeliveryNumbers {
    fn new(add: &Families<'_>) -> prometheus::Result<Self> {
        let help = "Monitor units of this delivery.";
        let dose = add.gauges("beamsup_delivered_monitor_units", help, "chamber")?;
        let opts = Opts::new("beamsup_monitor_units_total", "Monitor units since the service was started.");
        let dose_ever = add.add(CounterVec::new(opts, &["chamber"]))?;
        let help = "Monitor units at which the dose guard of this chamber ends the beam.";
        let planned = add.gauges("beamsup_planned_monitor_units", help, "chamber")?;
        let pulses = add.whole_gauges("beamsup_delivered_pulses", "Pulses of this delivery.", &["chamber"])?;
        let help = "Pulses since the service was started.";
        let pulses_ever = add.counters("beamsup_pulses_total", help, &["chamber"])?;
        let session = add.whole_gauges("beamsup_session_state", "1 for the state of the session.", &["state"])?;
        let help = "1 for the state of the gate as this bus shows it.";
        let gates = add.whole_gauges("beamsup_gate_state", help, &["bus", "state"])?;
        let help = "Deliveries that ended, by who ended them.";
        let ended = add.counters("beamsup_deliveries_total", help, &["ended_by"])?;
        Ok(Self {
            dose: CHAMBERS.map(|chamber| dose.with_label_values(&[chamber])),
            dose_ever: CHAMBERS.map(|chamber| dose_ever.with_label_values(&[chamber])),
            planned: CHAMBERS.map(|chamber| planned.with_label_values(&[chamber])),
            pulses: CHAMBERS.map(|chamber| pulses.with_label_values(&[chamber])),
            pulses_ever: CHAMBERS.map(|chamber| pulses_ever.with_label_values(&[chamber])),
            beam_charge: add.gauge(
                "beamsup_beam_charge_coulombs",
                "Charge of the beam itself in this delivery; NaN where it is not measured.",
            )?,
            dose_rate: add.gauge("beamsup_dose_rate_monitor_units_per_second", "Mean dose rate.")?,
            beam_on: add.gauge("beamsup_beam_on_seconds", "Beam-on time of this delivery.")?,
            beam_on_limit: add.gauge("beamsup_beam_on_limit_seconds", "Beam-on time at which the beam ends.")?,
            session: State::ALL.map(|state| session.with_label_values(&[state.name()])),
            gates: BUSES.map(|bus| GATE_STATES.map(|state| gates.with_label_values(&[bus, state]))),
            ended: ENDS.map(|end| ended.with_label_values(&[end.name()])),
        })
    }
}

impl GuardNumbers {
    fn new(add: &Families<'_>) -> prometheus::Result<Self> {
        let help = "Index of the last pulse that the gate may fire on this guard's word; 16777215 is no limit.";
        let lease = add.whole_gauges("beamsup_pulse_lease", help, &["guard"])?;
        let help = "Frames that a guard heard: fresh, lost by the alive counter, repeated, distrusted.";
        let frames = add.counters("beamsup_frames_total", help, &["guard", "result"])?;
        let help = "How late a guard's loop woke up.";
        let lateness = add.histograms("beamsup_guard_lateness_seconds", help, "guard")?;
        let help = "The latest that a guard's loop woke up since the service was started.";
        let lateness_max = add.gauges("beamsup_guard_lateness_max_seconds", help, "guard")?;
        let help = "Time from reading a frame to sending the permit that answers it.";
        let latency = add.histograms("beamsup_frame_to_permit_seconds", help, "guard")?;
        let help = "The longest time from reading a frame to sending the permit that answers it.";
        let latency_max = add.gauges("beamsup_frame_to_permit_max_seconds", help, "guard")?;
        let help = "Page faults of a guard's thread.";
        let page_faults = add.counters("beamsup_guard_page_faults_total", help, &["guard"])?;
        let help = "Times that a guard's thread waited (voluntary) or another took its processor (involuntary).";
        let switches = add.counters("beamsup_guard_context_switches_total", help, &["guard", "kind"])?;
        let help = "Frames that the kernel dropped because a guard did not read them in time.";
        let dropped = add.counters("beamsup_frames_dropped_total", help, &["guard"])?;
        let help = "Times that a guard was told of frames that the controller lost before the kernel saw them.";
        let overruns = add.counters("beamsup_controller_overruns_total", help, &["guard"])?;
        let help = "Entries that a guard's full ring did not take.";
        let ring_full = add.counters("beamsup_ring_full_total", help, &["guard"])?;
        Ok(Self {
            lease: by_guard(|guard| lease.with_label_values(&[guard])),
            frames: by_guard(|guard| FRAME_RESULTS.map(|result| frames.with_label_values(&[guard, result]))),
            lateness: by_guard(|guard| lateness.with_label_values(&[guard])),
            lateness_max: by_guard(|guard| lateness_max.with_label_values(&[guard])),
            latency: by_guard(|guard| latency.with_label_values(&[guard])),
            latency_max: by_guard(|guard| latency_max.with_label_values(&[guard])),
            page_faults: by_guard(|guard| page_faults.with_label_values(&[guard])),
            dropped: by_guard(|guard| dropped.with_label_values(&[guard])),
            overruns: by_guard(|guard| overruns.with_label_values(&[guard])),
            switches: by_guard(|guard| SWITCHES.map(|kind| switches.with_label_values(&[guard, kind]))),
            ring_full: by_guard(|guard| ring_full.with_label_values(&[guard])),
        })
    }
}

impl ServiceNumbers {
    fn new(add: &Families<'_>) -> prometheus::Result<Self> {
        let help = "Faults found, by the code of the catalogue.";
        let faults = add.counters("beamsup_faults_total", help, &["code"])?;
        let help = "Entries of the record that were lost on their way to the disk.";
        let records_lost = add.add(IntCounter::new("beamsup_records_lost_total", help))?;
        let gauge = |name, help| add.whole_gauge(name, help);
        Ok(Self {
            faults: Fault::ALL.iter().map(|fault| faults.with_label_values(&[fault.code()])).collect(),
            records_lost,
            refusals: gauge("beamsup_realtime_refusals", "Real-time rights asked for and not granted.")?,
            period_scale: gauge("beamsup_period_scale", "By how much periods are stretched; 1 on a machine.")?,
            unprotected: gauge("beamsup_unprotected", "1 when the chambers' frames carry no protection.")?,
            observe: gauge("beamsup_observe", "1 when no permit is sent and the beam is only observed.")?,
            resident: gauge("process_resident_memory_bytes", "Resident memory.")?,
        })
    }
}

impl Metrics {
    /// All numbers at zero, the session inhibited and the gate unknown, for a service of this `version` and source
    /// `revision` that was started at `started`.
    ///
    /// # Errors
    /// Only when two names of this file are the same, which its tests would show.
    pub fn new(version: &str, revision: &str, started: WallTime) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let add = Families(&registry);
        let help = "1, with what was built in the labels.";
        let build = add.whole_gauges("beamsup_build_info", help, &["version", "revision"])?;
        build.with_label_values(&[version, revision]).set(1);
        let help = "When the process was started, in seconds since 1970 UTC.";
        add.gauge("process_start_time_seconds", help)?.set(seconds(Span::from_nanos(started.unix_nanos())));
        let delivery = DeliveryNumbers::new(&add)?;
        let guards = GuardNumbers::new(&add)?;
        let service = ServiceNumbers::new(&add)?;
        let metrics = Self { registry, delivery, guards, service };
        metrics.set_session_state(State::Inhibited);
        for bus in [Bus::A, Bus::B] {
            metrics.set_gate_state(bus, None);
        }
        metrics.set_mode(1, false, false);
        Ok(metrics)
    }

    /// All numbers at zero, for the build that runs now.
    ///
    /// # Errors
    /// As [`Metrics::new`].
    pub fn for_this_build() -> std::io::Result<Self> {
        let revision = option_env!("BEAM_SUPERVISOR_REVISION").unwrap_or("unknown");
        Self::new(env!("CARGO_PKG_VERSION"), revision, beam_drivers::clock::wall_time()).map_err(std::io::Error::other)
    }

    /// Everything in the text format, version 0.0.4.
    ///
    /// # Errors
    /// When a number cannot be written, which no setter of this file leads to.
    pub fn text(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// A charge in coulombs.
#[expect(clippy::cast_precision_loss, reason = "shown, never judged")]
fn coulombs(charge: Charge) -> f64 {
    charge.picocoulombs() as f64 / 1e12
}

/// Monitor units of a dose. Beyond 2^53 micro-MU the last digits are rounded.
#[expect(clippy::cast_precision_loss, reason = "shown, never judged")]
fn monitor_units(dose: Dose) -> f64 {
    dose.micro_mu() as f64 / 1e6
}

/// Seconds of a duration. Beyond 2^53 ns (104 days) the last digits are rounded.
#[expect(clippy::cast_precision_loss, reason = "shown, never judged")]
fn seconds(span: Span) -> f64 {
    span.nanos() as f64 / 1e9
}

#[cfg(test)]
mod tests;
