//! What a pulse costs the processor, as the pulse rate goes from 5 Hz to 1 kHz and the length of a delivery from 100 to a
//! million pulses: guards, rings, session and the recorder's pages, beside the simulated unit, in virtual time.
//!
//! ```text
//! cargo bench --bench cost_per_pulse -- [--json]
//! ```
//!
//! Between two pulses the guards renew their permits and the unit reports its status, however few pulses there are. What a
//! second of that costs is measured first, with the gate open and no beam requested, and taken off; what is left is the
//! cost of the pulses, which must be flat. It is printed as the ratio to the last of its series, the floor of the same run:
//! there pulses are nearly all that is measured. Where they are less than a tenth of it, as at 5 Hz, the difference of two
//! figures that are nearly equal says nothing, and no ratio is printed.
//! What the recorder adds is measured at 1 kHz: nothing kept (the floor), pages written to nowhere, and files on the disk of
//! the temporary folder, the recorder's thread included.

mod at_rate;
mod host;
mod words;

use std::io;
use std::process::ExitCode;

use beam_core::units::{Span, Ticks};
use beam_drivers::clock;
use beam_supervisor::autopilot::Autopilot;
use beam_supervisor::conductor::Entry;
use beam_supervisor::progress::Progress;
use beam_supervisor::recorder::Recorder;
use beam_supervisor::recorder::pages::Pages;
use beam_supervisor::treatment_unit::unit_for;
use beam_supervisor::world::World;

/// Pulse rates in Hz, each with this many pulses.
const RATES: [u32; 6] = [5, 30, 60, 100, 400, 1000];
const PULSES_AT_EACH_RATE: u32 = 5000;
/// Lengths in pulses, at 1 kHz.
const LENGTHS: [u32; 5] = [100, 1000, 10_000, 100_000, 1_000_000];
/// Deliveries of one length have this many pulses together at least, so that short ones are measured, too.
const PULSES_AT_EACH_LENGTH: u32 = 20_000;
/// How long the console waits with its request, in ordinary deliveries and in those whose open gate is measured.
const REQUEST_AFTER: [Span; 2] = [Span::from_millis(300), Span::from_millis(5300)];
/// Deliveries whose open gate is measured.
const IDLE_REPEATS: usize = 20;
/// Of what is measured, pulses must be this much for their cost to be told.
const LEAST_SHARE: f64 = 0.1;
/// How long nothing may happen.
const PATIENCE: Span = Span::from_secs(10);

/// Pulses of a delivery whose record is measured.
const PULSES_RECORDED: u32 = 20_000;

/// What becomes of the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kept {
    Nothing,
    Pages,
    Files,
}

/// A record of a delivery.
enum Record {
    None,
    Pages(Box<Pages<io::Sink>>),
    Files(Recorder, tempfile::TempDir),
}

impl Record {
    fn new(kept: Kept) -> io::Result<Self> {
        let names = ["can0".to_owned(), "can1".to_owned()];
        Ok(match kept {
            Kept::Nothing => Self::None,
            Kept::Pages => {
                Self::Pages(Box::new(Pages::new([io::sink(), io::sink(), io::sink()], names, 0, Ticks::ZERO)))
            }
            Kept::Files => {
                let folder = tempfile::tempdir()?;
                Self::Files(Recorder::start(folder.path(), 2, names, Ticks::ZERO)?, folder)
            }
        })
    }

    fn take(&mut self, entry: &Entry) {
        match self {
            Self::None => {}
            Self::Pages(pages) => {
                let _a_sink_takes_all = pages.take(*entry);
            }
            Self::Files(recorder, _) => recorder.take_waiting(entry),
        }
    }

    /// Everything is on the disk when this returns.
    fn finish(self) -> io::Result<()> {
        if let Self::Files(recorder, _folder) = self {
            recorder.finish("{}".to_owned(), || {})?;
        }
        Ok(())
    }
}

/// What deliveries of one kind cost.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    pulses: u64,
    steps: u64,
    /// In virtual time.
    elapsed: Span,
    processor: Span,
}

impl Cost {
    fn plus(self, other: Self) -> Self {
        Self {
            pulses: self.pulses + other.pulses,
            steps: self.steps + other.steps,
            elapsed: self.elapsed.plus(other.elapsed),
            processor: self.processor.plus(other.processor),
        }
    }
}

/// A line of a series: the rate in Hz or the length in pulses, microseconds of processor time and steps of guards a pulse.
struct Row {
    at: u32,
    /// None where what goes on between pulses hides them.
    pulse_us: Option<f64>,
    whole_us: f64,
    steps: u64,
}

fn main() -> ExitCode {
    match words::only(&["--json"]).and_then(|()| measure(std::env::args().any(|word| word == "--json"))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cost_per_pulse: {error}");
            ExitCode::from(2)
        }
    }
}

fn measure(json: bool) -> Result<(), String> {
    // the first delivery of a process pays for its memory
    deliver(1000, PULSES_AT_EACH_RATE, REQUEST_AFTER[0], Kept::Pages)?;
    let [soon, late] =
        REQUEST_AFTER.map(|after| sum((0..IDLE_REPEATS).map(|_| deliver(1000, LENGTHS[0], after, Kept::Pages))));
    let (soon, late) = (soon?, late?);
    let idle = per(less(late.processor, soon.processor), less(late.elapsed, soon.elapsed).nanos());
    let rates = RATES.map(|rate| (rate, deliver(rate, PULSES_AT_EACH_RATE, REQUEST_AFTER[0], Kept::Pages)));
    let lengths = LENGTHS.map(|length| {
        let repeats = (PULSES_AT_EACH_LENGTH / length).max(1);
        (length, sum((0..repeats).map(|_| deliver(1000, length, REQUEST_AFTER[0], Kept::Pages))))
    });
    let (rates, lengths) = (series(rates, idle)?, series(lengths, idle)?);
    let mut kept = Vec::new();
    for (name, how) in [("nothing", Kept::Nothing), ("pages", Kept::Pages), ("files", Kept::Files)] {
        let cost = deliver(1000, PULSES_RECORDED, REQUEST_AFTER[0], how)?;
        kept.push((name, per(cost.processor, cost.pulses) / 1e3));
    }
    if json {
        let told = serde_json::json!({
            "idle_share_of_a_core": idle, "by_rate_hz": rows_json(&rates), "by_length_pulses": rows_json(&lengths),
            "worst_to_best": {"by_rate": worst_to_best(&rates), "by_length": worst_to_best(&lengths)},
            "by_record_us": serde_json::Value::from_iter(kept), "load_average": host::load_average(),
        });
        println!("{told}");
        return Ok(());
    }
    println!("gate open, no pulse: {:.3} % of a core", 100.0 * idle);
    show(&rates, "Hz");
    show(&lengths, "pulses");
    for (name, us) in &kept {
        let ratio = us / kept.first().map_or(f64::NAN, |(_, floor)| *floor);
        println!("record: {name:8} {us:6.2} us a pulse in all, {ratio:.2} of nothing kept");
    }
    println!("load average {}", host::load_average());
    Ok(())
}

fn worst_to_best(rows: &[Row]) -> f64 {
    let each = || rows.iter().filter_map(|row| row.pulse_us);
    each().fold(f64::NAN, f64::max) / each().fold(f64::NAN, f64::min)
}

fn sum(mut costs: impl Iterator<Item = Result<Cost, String>>) -> Result<Cost, String> {
    costs.try_fold(Cost::default(), |sum, cost| Ok(sum.plus(cost?)))
}

fn less(more: Span, less: Span) -> Span {
    Span::from_nanos(more.nanos().saturating_sub(less.nanos()))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people to read")]
fn per(processor: Span, count: u64) -> f64 {
    processor.nanos() as f64 / count.max(1) as f64
}

/// The figures of a series without the share `idle` of a core.
#[expect(clippy::cast_precision_loss, reason = "figures for people to read")]
fn series<const N: usize>(costs: [(u32, Result<Cost, String>); N], idle: f64) -> Result<Vec<Row>, String> {
    let row = |(at, cost): (u32, Result<Cost, String>)| {
        let cost = cost?;
        let whole_us = per(cost.processor, cost.pulses) / 1e3;
        let pulse_us = whole_us - idle * cost.elapsed.nanos() as f64 / cost.pulses.max(1) as f64 / 1e3;
        let pulse_us = (pulse_us > LEAST_SHARE * whole_us).then_some(pulse_us);
        Ok(Row { at, pulse_us, whole_us, steps: cost.steps / cost.pulses.max(1) })
    };
    costs.into_iter().map(row).collect()
}

/// What the ratios are of: the last of the series, in which pulses weigh most.
fn floor(rows: &[Row]) -> f64 {
    rows.last().and_then(|row| row.pulse_us).unwrap_or(f64::NAN)
}

fn show(rows: &[Row], unit: &str) {
    for Row { at, pulse_us, whole_us, steps } in rows {
        let pulse = pulse_us.map_or_else(
            || "what goes on between pulses hides them".to_owned(),
            |us| format!("{us:5.2} us a pulse, {:.2} of the last", us / floor(rows)),
        );
        println!("{at:7} {unit:6}  {pulse:38}; {whole_us:7.2} us and {steps:4} steps with what goes on between pulses");
    }
    println!("worst to best: {:.2}", worst_to_best(rows));
}

fn rows_json(rows: &[Row]) -> serde_json::Value {
    let row = |row: &Row| {
        let Row { at, pulse_us, whole_us, steps } = row;
        serde_json::json!({"at": at, "pulse_us": pulse_us, "ratio": pulse_us.map(|us| us / floor(rows)), "whole_us": whole_us, "steps": steps})
    };
    rows.iter().map(row).collect()
}

fn deliver(rate: u32, pulses: u32, request_after: Span, kept: Kept) -> Result<Cost, String> {
    let prepared = at_rate::prepared(rate, pulses, true)?;
    let unit = unit_for(&prepared.machine, &prepared.order, request_after);
    let mut world = World::new(&prepared.machine, &unit, 1, &[]);
    let mut record = Record::new(kept).map_err(|error| error.to_string())?;
    let (mut progress, mut operator) = (Progress::default(), Autopilot::new(1, 2, prepared.order, &prepared.machine));
    let begun = clock::processor_time();
    while !operator.is_done(&progress, world.now(), world.now(), PATIENCE) {
        let mut sink = |entry: &Entry| {
            progress.add(entry);
            record.take(entry);
        };
        world.step(&mut sink);
        if let Some(act) = operator.next_act(world.conductor().session().state()) {
            let _the_act_fits_the_state = world.act(&act, &mut sink);
        }
    }
    record.finish().map_err(|error| error.to_string())?;
    let processor = less(clock::processor_time(), begun);
    if !progress.faults.is_empty() {
        return Err(format!("{rate} Hz, {pulses} pulses: {:?}", progress.faults.first()));
    }
    Ok(Cost { pulses: world.truth().pulses, steps: world.steps(), elapsed: world.now().since(Ticks::ZERO), processor })
}
