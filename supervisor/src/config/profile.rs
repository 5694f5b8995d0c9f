//! The machine profile: everything about a treatment unit that does not change from patient to patient, as people write it
//! in `configs/machines/NAME.toml`, and the [`Machine`] that the guards judge by.

use std::collections::BTreeMap;

use beam_core::frame::Bus;
use beam_core::machine::{Beam, Landing, Machine, Protection, RateRule};
use beam_core::units::Span;
use beam_core::wire::Docking;
use toml::de::DeTable;

use super::beam_charge;
use super::beams::{self, NominalBeam, Output};
use super::bus_load;
use super::counts;
use super::document::Document;
use super::electrometer::{Found, Library};
use super::feed::Feed;
use super::load::beside;
use super::monitors;
use super::problem::Problem;
use super::profile_notices;
use super::reader::{Section, range};
use super::timing;

/// Up to this pulse rate there is time to judge each pulse before the next is released.
const ROUND_TRIP_HZ: f64 = 60.0;
/// Longest time in s that the window may stand for.
const WINDOW_S: f64 = 0.030;

/// Keys at the top of a profile by which it is known to be one.
pub const TELLING_KEYS: &[&str] =
    &["beams", "monitor-1", "monitor-2", "timing", "pulse-lease", "applicators", "chambers"];

/// The dockings that a profile may allow and a plan may ask for.
pub const DOCKINGS: &[(&str, Docking)] =
    &[("none", Docking::None), ("hard", Docking::HardDocked), ("soft", Docking::SoftDocked)];

/// Whether the process may start without real-time rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RealTime {
    /// It may not.
    Required,
    /// It says so and goes on.
    Wanted,
}

/// Something that a treatment unit cannot read back, so that nobody can compare it with the plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readback {
    /// The energy in the beam line.
    Energy,
    /// The code of the applicator.
    Applicator,
    /// The docking.
    Docking,
    /// The polarising voltage of the chambers.
    Voltage,
    /// The leakage current of the chambers.
    Leakage,
}

impl Readback {
    pub(super) const WORDS: &[(&'static str, Self)] = &[
        ("energy", Self::Energy),
        ("applicator", Self::Applicator),
        ("docking", Self::Docking),
        ("polarising-voltage", Self::Voltage),
        ("leakage", Self::Leakage),
    ];
}

/// A machine profile.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// The file that it was read from.
    pub file: String,
    /// Name, by which plans refer to it.
    pub name: String,
    /// The machine in a few words.
    pub description: String,
    /// The numbers that the guards judge by.
    pub machine: Machine,
    /// The beams, each energy once.
    pub beams: Vec<NominalBeam>,
    /// Applicators and their codes.
    pub applicators: BTreeMap<String, u8>,
    /// Dockings that a plan may ask for.
    pub dockings: Vec<Docking>,
    /// Largest deviation of the sensed energy in 0.1 MeV.
    pub energy_tolerance: u8,
    /// Calibration of monitor 1 and monitor 2 in pC per MU.
    pub pc_per_mu: [f64; 2],
    /// By how much periods and ages are stretched, 1 to 20.
    pub period_scale: u32,
    /// Whether this is a bench, where no patient can be.
    pub is_bench: bool,
    /// Whether real-time rights are required.
    pub real_time: RealTime,
    /// What else holds the beam while the gate is proven, where the gate does not by pulse leases.
    pub beam_inhibit: Option<String>,
    /// What the treatment unit cannot read back.
    pub readback_missing: Vec<Readback>,
    /// Pressure at the site in kPa, where it is given.
    pub site_pressure_kpa: Option<f64>,
    /// Whether the chambers are vented, so that nothing is armed without a reading of the air.
    pub is_vented: bool,
    /// What feeds the guards of monitor 1 and of monitor 2.
    pub feeds: Vec<Feed>,
    /// What is to be said of this profile whenever it is used.
    pub notices: Vec<Problem>,
}

/// What [`read_beam`] learns.
struct BeamKind<'t> {
    beam: Option<Beam>,
    is_pulsed: bool,
    /// Time between two pulses in ms, and the window.
    pulse: Option<(f64, u32)>,
    rate_hz: f64,
    window_reason: Option<&'t str>,
}

/// Reads the profile in `text`; `file` is what its problems are reported under, and from where the DBC files that it names
/// are read.
///
/// # Errors
/// Everything that is wrong with it and with them.
pub fn parse_profile(file: &str, text: &str) -> Result<Profile, Vec<Problem>> {
    parse_profile_with(file, text, &|path| beside(file, path))
}

/// Reads the profile in `text`; `library` gives the DBC files that it names, by the paths that it has for them.
///
/// # Errors
/// Everything that is wrong with it and with them.
pub fn parse_profile_with(file: &str, text: &str, library: Library<'_>) -> Result<Profile, Vec<Problem>> {
    let document = Document::new(file, text);
    let profile = document.parse().and_then(|table| read(file, &document, &table, library));
    match profile {
        Some(profile) if document.is_clean() => Ok(profile),
        _ => Err(document.into_problems()),
    }
}

fn read(file: &str, document: &Document<'_>, table: &DeTable<'_>, library: Library<'_>) -> Option<Profile> {
    let top = Section::top(document, table);
    let name = top.text("name", "the name by which plans refer to this machine");
    let description = top.text("description", "the machine in a few words");
    let (period_scale, is_bench) = timing::read_scale(&top);
    let is_pulsed = top.word("beam", &[("pulsed", true), ("continuous", false)]).unwrap_or(true);
    let beams = beams::read(&top, is_pulsed);
    let kind = read_beam(&top, is_pulsed, &beams);
    let (machine, chambers) = read_machine(&top, &kind, &beams, (period_scale, library));
    let energy_tolerance = read_energy_tolerance(&top, &beams);
    let real_time = top.word("real-time", &[("required", RealTime::Required), ("wanted", RealTime::Wanted)]);
    let is_vented = read_chamber_kind(&top);
    let site_pressure_kpa = top.optional_number("site-pressure-kpa", range(50.0, 110.0, "air pressure at the site"));
    let beam_inhibit = read_beam_inhibit(&top, kind.beam);
    let readback_missing = top.optional_words("readback-missing", Readback::WORDS).unwrap_or_default();
    let applicators = read_applicators(&top);
    let dockings = top.words("dockings", DOCKINGS);
    let notices = machine.as_ref().map(|machine| {
        bus_load::judge(&top, machine, kind.rate_hz);
        profile_notices::of(&top, machine, (period_scale, is_bench), &readback_missing, kind.window_reason)
    });
    let pc_per_mu = chambers.as_ref().map(|both| both.each_ref().map(|chamber| chamber.pc_per_mu));
    let electrometers: Vec<Found> = chambers.into_iter().flatten().filter_map(|chamber| chamber.electrometer).collect();
    let others: Vec<Feed> = electrometers.iter().map(|found| found.feed.clone()).collect();
    let feeds = machine.as_ref().map(|machine| Feed::of_machine(machine, &others));
    let notices = notices.map(|mut notices| {
        notices.extend(electrometers.into_iter().flat_map(|found| found.notices));
        notices.sort();
        notices
    });
    top.finish();
    Some(Profile {
        file: file.to_owned(),
        name: name?.to_owned(),
        description: description?.to_owned(),
        machine: machine?,
        beams,
        applicators: applicators?,
        dockings: dockings?,
        energy_tolerance: energy_tolerance?,
        pc_per_mu: pc_per_mu?,
        period_scale,
        is_bench,
        real_time: real_time?,
        beam_inhibit,
        readback_missing,
        site_pressure_kpa,
        is_vented: is_vented?,
        feeds: feeds?,
        notices: notices?,
    })
}

/// The numbers that the guards judge by, and the two chambers as they are written.
fn read_machine(
    top: &Section<'_, '_>,
    kind: &BeamKind<'_>,
    beams: &[NominalBeam],
    (period_scale, library): (u32, Library<'_>),
) -> (Option<Machine>, Option<[monitors::Chamber; 2]>) {
    let rate = top.word("rate", &[("steady", RateRule::Steady), ("modulated", RateRule::Modulated)]);
    let no_pulse_after = read_no_pulse_after(top, kind, rate);
    let beam_hold = read_beam_hold(top, rate);
    let timing = timing::read(top, period_scale, kind.pulse);
    let period_ms = timing.map(|timing| timing.dose.nanos() as f64 / 1e6 / f64::from(period_scale));
    let frames = monitors::Frames { period_ms, scale: period_scale, is_pulsed: kind.is_pulsed, library };
    let chambers = monitors::read(top, beams, &frames);
    let (single_bus, linac_bus) = read_buses(top);
    let beam_charge = beam_charge::read(top, beams, kind.is_pulsed, single_bus);
    let protection = top.word("protection", &[("e2e", Protection::E2e), ("none", Protection::None)]);
    let resumes = "how often a delivery may be resumed after an interruption, and never after a fault";
    let resume_limit = top.whole("resume-limit", 0..=2, resumes);
    let machine = (|| {
        Some(Machine {
            timing: timing?,
            beam: kind.beam?,
            monitors: chambers.as_ref().map(|both| both.each_ref().map(|chamber| chamber.monitor))?,
            beam_charge: beam_charge?,
            rate: rate?,
            no_pulse_after: no_pulse_after?,
            beam_hold: beam_hold?,
            linac_bus: linac_bus?,
            single_bus: single_bus?,
            protection: protection?,
            resume_limit: u8::try_from(resume_limit?).ok()?,
        })
    })();
    (machine, chambers)
}

/// How the beam is made, and what belongs to pulses only.
fn read_beam<'t>(top: &Section<'t, '_>, is_pulsed: bool, beams: &[NominalBeam]) -> BeamKind<'t> {
    if !is_pulsed {
        for key in ["pulse-lease", "window-pulses", "window-reason", "landing"] {
            top.without_meaning(key, "this machine makes no pulses");
        }
        return BeamKind { beam: Some(Beam::Continuous), is_pulsed, pulse: None, rate_hz: 0.0, window_reason: None };
    }
    let lease = top.yes_or_no("pulse-lease", "whether the gate compares pulses with leases");
    let landing = top.word("landing", &[("nearest", Landing::Nearest), ("at-or-above", Landing::AtOrAbove)]);
    let rate_hz = beams.iter().find_map(|beam| match beam.output {
        Output::Pulses { rate_hz, .. } => Some(rate_hz),
        Output::Continuous { .. } => None,
    });
    let window_reason = top.optional_text("window-reason", "why more than one pulse is leased ahead");
    let window = read_window(top, rate_hz);
    let period_ms = rate_hz.map(|rate| 1000.0 / rate);
    let beam = (|| {
        Some(Beam::Pulsed {
            period: counts::span_of_millis(period_ms?),
            window: window?,
            landing: landing?,
            gate_knows_lease: lease?,
        })
    })();
    BeamKind { beam, is_pulsed, pulse: period_ms.zip(window), rate_hz: rate_hz.unwrap_or(0.0), window_reason }
}

/// How many pulses may be leased beyond the last judged one: 1 wherever there is time for a round trip.
fn read_window(top: &Section<'_, '_>, rate_hz: Option<f64>) -> Option<u32> {
    let why = "pulses leased beyond the last judged one; 1 up to 60 Hz, and never more than 30 ms of beam";
    let window = top.whole("window-pulses", 1..=30, why);
    let (window, rate_hz) = (window?, rate_hz?);
    let most = (WINDOW_S * rate_hz + 1e-9).floor().max(1.0);
    if window > 1 && rate_hz <= ROUND_TRIP_HZ {
        let what =
            format!("`window-pulses` = {window} at {rate_hz} Hz: there is time to judge each pulse before the next");
        top.problem("window-pulses", what, "write `window-pulses = 1`, so that a bad pulse is bad once");
    } else if f64::from(window) > most {
        let what = format!("`window-pulses` = {window} at {rate_hz} Hz is more than 30 ms of beam");
        top.problem("window-pulses", what, format!("write {most} or less"));
    } else if window > 1 && !top.has("window-reason") {
        let what = format!("`window-pulses` = {window} without `window-reason`");
        top.problem("window-pulses", what, "say in `window-reason` why more than one pulse must be leased ahead");
    }
    Some(window)
}

fn read_no_pulse_after(top: &Section<'_, '_>, kind: &BeamKind<'_>, rate: Option<RateRule>) -> Option<Span> {
    if !kind.is_pulsed {
        top.without_meaning("no-pulse-after-ms", "this machine makes no pulses");
        return Some(Span::from_secs(1));
    }
    let modulated = rate == Some(RateRule::Modulated);
    let three_periods = kind.pulse.map_or(0.0, |(period_ms, _)| 3.0 * period_ms);
    let most = if modulated { 10_000.0 } else { three_periods.max(1000.0) };
    let why = if modulated {
        "how long the gate may stand open and requested without a pulse; up to 10 s where the rate is modulated"
    } else {
        "how long the gate may stand open and requested without a pulse; at most max(1 s, 3 pulse periods)"
    };
    top.number("no-pulse-after-ms", range(100.0, most, why)).map(counts::span_of_millis)
}

fn read_beam_hold(top: &Section<'_, '_>, rate: Option<RateRule>) -> Option<bool> {
    let beam_hold = top.word("beam-hold", &[("interrupts", false), ("allowed", true)])?;
    if beam_hold && rate == Some(RateRule::Steady) {
        let what = "`beam-hold` = \"allowed\" on a machine with a steady rate";
        top.problem(
            "beam-hold",
            what,
            "write `beam-hold = \"interrupts\"`; only a machine that modulates its rate holds its beam",
        );
    }
    Some(beam_hold)
}

fn read_buses(top: &Section<'_, '_>) -> (Option<bool>, Option<Bus>) {
    let single_bus = top.word("buses", &[("two", false), ("one", true)]);
    let linac_bus = top.word("linac-bus", &[("a", Bus::A), ("b", Bus::B)]);
    if single_bus == Some(true) && linac_bus == Some(Bus::B) {
        top.problem("linac-bus", "`linac-bus` = \"b\" on a machine with one bus", "write `linac-bus = \"a\"`");
    }
    (single_bus, linac_bus)
}

/// The tolerance of the sensed energy, which may not let two beams be taken for one another.
fn read_energy_tolerance(top: &Section<'_, '_>, beams: &[NominalBeam]) -> Option<u8> {
    let why = "largest deviation of the sensed energy; less than half the distance of two energies";
    let tolerance_mev = top.number("energy-tolerance-mev", range(0.0, 0.5, why))?;
    let Some(tolerance) = counts::energy(tolerance_mev) else {
        let what = format!("`energy-tolerance-mev` = {tolerance_mev} is no multiple of 0.1 MeV");
        top.problem("energy-tolerance-mev", what, "write a multiple of 0.1: finer is not on the bus");
        return None;
    };
    let mut energies: Vec<u8> = beams.iter().map(|beam| beam.energy).collect();
    energies.sort_unstable();
    let closest = energies.windows(2).filter_map(|pair| Some(pair.last()? - pair.first()?)).min();
    if closest.is_some_and(|closest| u16::from(tolerance) * 2 >= u16::from(closest)) {
        let what = format!("`energy-tolerance-mev` = {tolerance_mev} lets two beams be taken for one another");
        top.problem("energy-tolerance-mev", what, "make it less than half the distance of the two nearest energies");
    }
    Some(tolerance)
}

/// Whether the chambers are vented: then their charge depends on the weather, and the site's usual pressure must be known.
fn read_chamber_kind(top: &Section<'_, '_>) -> Option<bool> {
    let vented = top.word("chambers", &[("sealed", false), ("vented", true)])?;
    if vented && !top.has("site-pressure-kpa") {
        let what = "`site-pressure-kpa` is missing: `chambers` = \"vented\", so their charge depends on the weather";
        let fix = "add `site-pressure-kpa =` the usual air pressure at the site, of 50 to 110 kPa; each arming also needs a reading of thermometers and barometers";
        top.missing("site-pressure-kpa", what, fix);
    }
    Some(vented)
}

/// What else holds the beam, which a gate that does not count pulses needs while it is proven.
fn read_beam_inhibit(top: &Section<'_, '_>, beam: Option<Beam>) -> Option<String> {
    let meaning = "what else holds the beam while the gate is proven";
    let inhibit = top.optional_text("beam-inhibit", meaning);
    let because = match beam {
        Some(Beam::Continuous) => "the machine makes no pulses",
        Some(Beam::Pulsed { gate_knows_lease: false, .. }) => "the gate knows no pulse lease",
        _ => return inhibit.map(str::to_owned),
    };
    if !top.has("beam-inhibit") {
        let what =
            format!("`beam-inhibit` is missing: {because}, so while it is proven open nothing of ours holds the beam");
        top.missing("beam-inhibit", what, format!("add `beam-inhibit = \"...\"`: {meaning}"));
    }
    inhibit.map(str::to_owned)
}

fn read_applicators(top: &Section<'_, '_>) -> Option<BTreeMap<String, u8>> {
    let section = top.table("applicators", "the name of each applicator and the code that the linac reads from it")?;
    let mut applicators: BTreeMap<String, u8> = BTreeMap::new();
    for (name, code, at) in section.named_numbers(range(1.0, 255.0, "the code that the linac's status frame carries")) {
        let code = u8::try_from(code).ok()?;
        if let Some((other, _)) = applicators.iter().find(|&(_, &known)| known == code) {
            let what = format!("`{name}` has the code {code}, and so has `{other}`");
            section.document().problem(at, what, "give each applicator a code of its own");
        }
        applicators.insert(name, code);
    }
    if applicators.is_empty() && section.is_empty() {
        top.problem("applicators", "no applicator is named", "name at least one, with its code");
    }
    Some(applicators)
}
