//! The sensor for the charge of the beam itself, where a machine has one: its bus, its full scale, and for each beam what
//! charge gave one MU at commissioning.

use beam_core::frame::Bus;
use beam_core::machine::BeamChargeSensor;

use super::beams::{NominalBeam, Output};
use super::counts;
use super::reader::{Section, range};

/// Name of its table.
pub const TABLE: &str = "beam-charge";
/// Its key in each of [[beams]].
pub const BASELINE: &str = "beam-charge-pc-per-mu";
/// Full scale is at least this many times the largest expected charge, so that a high pulse is seen to be high.
const FULL_SCALE_FACTOR: f64 = 4.0;
/// Least expected charge of a pulse in pC. The frame counts in 10 pC; the mean of as few as four pulses is judged to 5 %,
/// and one count may then be 1 %.
const LEAST_PULSE_PC: f64 = 250.0;

/// Reads [beam-charge]; `None` where it cannot be told, `Some(None)` where no sensor is fitted.
pub fn read(
    top: &Section<'_, '_>,
    beams: &[NominalBeam],
    is_pulsed: bool,
    single_bus: Option<bool>,
) -> Option<Option<BeamChargeSensor>> {
    if !is_pulsed {
        top.without_meaning(TABLE, "the beam's charge is compared pulse by pulse, and this machine makes none");
        return Some(None);
    }
    let Some(section) = top.optional_table(TABLE) else { return (!top.has(TABLE)).then_some(None) };
    let bus = section.word("bus", &[("a", Bus::A), ("b", Bus::B)]);
    if single_bus == Some(true) && bus == Some(Bus::B) {
        section.problem("bus", "`bus` = \"b\" on a machine with one bus", "write `bus = \"a\"`");
    }
    let scale = range(100.0, 1e9, "charge of one pulse at which the sensor is at its end, from its data sheet");
    let full_scale_pc = section.number("full-scale-pc", scale);
    if let Some(full_scale_pc) = full_scale_pc {
        judge_charge(&section, full_scale_pc, beams);
    }
    section.finish();
    Some(Some(BeamChargeSensor { bus: bus?, full_scale: counts::charge_limit(full_scale_pc?) }))
}

/// Judges the charge of every beam against full scale and against the resolution of 10 pC.
fn judge_charge(section: &Section<'_, '_>, full_scale_pc: f64, beams: &[NominalBeam]) {
    let charges = beams.iter().filter_map(|beam| match beam.output {
        Output::Pulses { mu_per_pulse, .. } => Some((mu_per_pulse * beam.beam_charge_pc_per_mu?, beam.energy_mev)),
        Output::Continuous { .. } => None,
    });
    let charges: Vec<(f64, f64)> = charges.collect();
    let Some(&(largest, energy)) = charges.iter().max_by(|one, other| one.0.total_cmp(&other.0)) else { return };
    let least = FULL_SCALE_FACTOR * largest;
    if full_scale_pc < least {
        let what = format!(
            "`full-scale-pc` = {full_scale_pc} is below 4 times the {largest:.0} pC of a pulse at {energy} MeV"
        );
        let fix = format!("choose a range of {least:.0} pC or more: a pulse three times too large must be measured");
        section.problem("full-scale-pc", what, fix);
    }
    for (charge, energy) in charges {
        if charge < LEAST_PULSE_PC {
            let what = format!("a pulse at {energy} MeV is {charge:.1} pC, too little to be judged in counts of 10 pC");
            let fix =
                format!("correct `{BASELINE}` or leave the sensor out: a pulse must be {LEAST_PULSE_PC} pC or more");
            section.problem(TABLE, what, fix);
        }
    }
}
