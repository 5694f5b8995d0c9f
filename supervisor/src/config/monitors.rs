//! The two monitor chambers of a profile: calibration, full scale, polarising voltage and leakage.

use beam_core::machine::Monitor;

use super::beams::{NominalBeam, Output};
use super::counts;
use super::electrometer::{self, Found, Library};
use super::electrometer_surroundings::Surroundings;
use super::reader::{Section, range};

/// Full scale is at least this many times the largest expected charge, so that a high pulse is seen to be high.
const FULL_SCALE_FACTOR: f64 = 2.5;
/// Least expected charge of a pulse in pC: below it, one pC is more than the hundredth that a pulse is judged to.
const LEAST_PULSE_PC: f64 = 100.0;
/// Largest leakage current that the bus contract's frame can carry, in 0.1 pA.
const LARGEST_LEAKAGE: i32 = 32_767;

/// A chamber and its calibration as the profile writes it.
#[derive(Clone, Debug)]
pub struct Chamber {
    /// The chamber in the guards' integers.
    pub monitor: Monitor,
    /// Calibration in pC per MU.
    pub pc_per_mu: f64,
    /// Its electrometer, where that does not speak the bus contract.
    pub electrometer: Option<Found>,
}

/// What the rest of the profile says that a chamber is judged by.
#[derive(Clone, Copy)]
pub struct Frames<'l> {
    /// Time between two frames in ms as written in the profile: without pulses, full scale is that of one frame.
    pub period_ms: Option<f64>,
    /// By how much it is stretched.
    pub scale: u32,
    /// Whether the machine makes pulses.
    pub is_pulsed: bool,
    /// Where DBC files come from.
    pub library: Library<'l>,
}

/// Reads [monitor-1] and [monitor-2].
pub fn read(top: &Section<'_, '_>, beams: &[NominalBeam], frames: &Frames<'_>) -> Option<[Chamber; 2]> {
    let one = |key, monitor| {
        let section = top.table(key, "calibration, full scale, voltage and leakage of this chamber")?;
        let chamber = read_one(&section, monitor, beams, frames);
        section.finish();
        chamber
    };
    let (first, second) = (one("monitor-1", 1), one("monitor-2", 2));
    let id = |chamber: &Option<Chamber>| chamber.as_ref()?.monitor.electrometer.map(|electrometer| electrometer.id);
    if let Some(id) = id(&first).filter(|&first| id(&second) == Some(first)) {
        let what =
            format!("both chambers send under the identifier {id:#05x}: nobody would see that the buses are swapped");
        top.problem("monitor-2", what, "give each electrometer an identifier of its own");
    }
    Some([first?, second?])
}

fn read_one(section: &Section<'_, '_>, monitor: u8, beams: &[NominalBeam], frames: &Frames<'_>) -> Option<Chamber> {
    let Frames { period_ms: frame_ms, scale, .. } = *frames;
    let calibration = range(100.0, 400_000.0, "charge of one MU, from the calibration of this chamber");
    let pc_per_mu = section.number("pc-per-mu", calibration);
    let full_scale =
        range(100.0, 1e9, "charge of one pulse at which the electrometer is at its end, from its data sheet");
    let full_scale_pc = section.number("full-scale-pc", full_scale);
    let supply = range(50.0, 1300.0, "nominal polarising voltage; the frame carries up to 1310 V");
    let volts = section.number("polarising-volts", supply);
    let tolerance = range(0.5, 2.0, "2 % is the rule; a profile may be stricter, never looser");
    let tolerance_percent = section.number("voltage-tolerance-percent", tolerance);
    let warn_range = range(0.01, 0.2, "0.2 MU/min is the rule; a profile may be stricter, never looser");
    let warn = section.number("leakage-warn-mu-per-minute", warn_range);
    let block_range = range(0.02, 0.44, "0.44 MU/min is the rule; a profile may be stricter, never looser");
    let block = section.number("leakage-block-mu-per-minute", block_range);
    if let (Some(warn), Some(block)) = (warn, block)
        && warn >= block
    {
        let what = format!("`leakage-warn-mu-per-minute` = {warn} is not below what blocks, {block} MU/min");
        section.problem("leakage-warn-mu-per-minute", what, "warn at less than what blocks");
    }
    let electrometer = read_electrometer(section, monitor, beams, frames, pc_per_mu, full_scale_pc);
    let (pc_per_mu, full_scale_pc) = (pc_per_mu?, full_scale_pc?);
    judge_charge(section, pc_per_mu, full_scale_pc, beams, frame_ms);
    let leakage_block = counts::leakage(block?, pc_per_mu);
    if leakage_block > LARGEST_LEAKAGE {
        let what = "the leakage that blocks is more than the frame can carry (3276.7 pA)";
        section.problem(
            "leakage-block-mu-per-minute",
            what,
            "make it smaller; at this calibration it could never be seen",
        );
    }
    let stretch = if beams.iter().any(|beam| matches!(beam.output, Output::Continuous { .. })) { scale } else { 1 };
    let monitor = Monitor {
        dose_per_charge: counts::dose_per_charge(pc_per_mu),
        full_scale: counts::charge_limit(full_scale_pc).times(stretch),
        voltage: counts::voltage(volts?),
        voltage_tolerance: counts::voltage_tolerance(volts? * tolerance_percent? / 100.0),
        leakage_warn: counts::leakage(warn?, pc_per_mu),
        leakage_block,
        electrometer: electrometer.as_ref().map(|found| found.electrometer),
    };
    Some(Chamber { monitor, pc_per_mu, electrometer })
}

/// Reads [monitor-n.electrometer]. What the rest of the profile does not say is a problem of its own; the table is then read
/// with what makes the least of it.
fn read_electrometer(
    section: &Section<'_, '_>,
    monitor: u8,
    beams: &[NominalBeam],
    frames: &Frames<'_>,
    pc_per_mu: Option<f64>,
    full_scale_pc: Option<f64>,
) -> Option<Found> {
    let table = section.optional_table("electrometer")?;
    let rates = beams.iter().filter_map(|beam| match beam.output {
        Output::Pulses { rate_hz, .. } => Some(rate_hz),
        Output::Continuous { .. } => None,
    });
    let pulse_rate_hz = frames.is_pulsed.then(|| rates.fold(1.0, f64::max));
    let charges = pc_per_mu.map(|pc_per_mu| charges(beams, pc_per_mu, frames.period_ms)).unwrap_or_default();
    let around = Surroundings {
        monitor,
        pulse_rate_hz,
        dose_period_ms: frames.period_ms.unwrap_or(20.0),
        period_scale: frames.scale,
        full_scale_pc: full_scale_pc.unwrap_or(0.0),
        pc_per_mu: pc_per_mu.unwrap_or(1000.0),
        weakest_pc: charges.iter().map(|&(charge, ..)| charge).fold(f64::INFINITY, f64::min),
    };
    let found = electrometer::read(&table, frames.library, &around);
    table.finish();
    found
}

/// The charge of a pulse of each beam in pC, or of a frame without pulses; what it is the charge of, and the energy in MeV.
fn charges(beams: &[NominalBeam], pc_per_mu: f64, frame_ms: Option<f64>) -> Vec<(f64, &'static str, f64)> {
    let charges = beams.iter().filter_map(|beam| {
        let (mu, of) = match beam.output {
            Output::Pulses { mu_per_pulse, .. } => (mu_per_pulse, "pulse"),
            Output::Continuous { mu_per_minute } => (mu_per_minute / 60_000.0 * frame_ms?, "frame"),
        };
        Some((mu * pc_per_mu, of, beam.energy_mev))
    });
    charges.collect()
}

/// Judges the charge of the largest and of the smallest beam against full scale and against the resolution of 1 pC.
fn judge_charge(
    section: &Section<'_, '_>,
    pc_per_mu: f64,
    full_scale_pc: f64,
    beams: &[NominalBeam],
    frame_ms: Option<f64>,
) {
    let charges = charges(beams, pc_per_mu, frame_ms);
    let Some(&(largest, of, energy)) = charges.iter().max_by(|one, other| one.0.total_cmp(&other.0)) else { return };
    let least = FULL_SCALE_FACTOR * largest;
    if full_scale_pc < least {
        let what = format!(
            "`full-scale-pc` = {full_scale_pc} is below 2.5 times the {largest:.0} pC of a {of} at {energy} MeV"
        );
        let fix = format!("choose an electrometer range of {least:.0} pC or more: a high {of} must be seen to be high");
        section.problem("full-scale-pc", what, fix);
    }
    for (charge, of, energy) in charges {
        if charge < LEAST_PULSE_PC {
            let what = format!("a {of} at {energy} MeV is {charge:.1} pC, too little to be judged in whole pC");
            let fix =
                format!("correct `pc-per-mu` or the dose of the beam: a {of} must be {LEAST_PULSE_PC} pC or more");
            section.problem("pc-per-mu", what, fix);
        }
    }
}
