//! The beams that a machine can make: energy, pulse rate and dose per pulse, or dose rate where there are no pulses.

use super::beam_charge;
use super::counts;
use super::reader::{Section, range};

/// What a beam puts out at its nominal setting.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Output {
    /// In pulses.
    Pulses {
        /// Pulses a second.
        rate_hz: f64,
        /// Dose of one pulse in MU.
        mu_per_pulse: f64,
    },
    /// Without pulses (kV tubes).
    Continuous {
        /// Dose rate in MU a minute.
        mu_per_minute: f64,
    },
}

/// One beam of a machine.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NominalBeam {
    /// Energy in MeV; a multiple of 0.1, which is what the bus carries.
    pub energy_mev: f64,
    /// Energy in 0.1 MeV.
    pub energy: u8,
    /// Output.
    pub output: Output,
    /// Charge of the beam in pC that gave one MU at commissioning, where its sensor is fitted.
    pub beam_charge_pc_per_mu: Option<f64>,
}

impl NominalBeam {
    /// Dose of one second in MU.
    #[must_use]
    pub fn mu_per_second(&self) -> f64 {
        match self.output {
            Output::Pulses { rate_hz, mu_per_pulse } => rate_hz * mu_per_pulse,
            Output::Continuous { mu_per_minute } => mu_per_minute / 60.0,
        }
    }

    /// Dose of one pulse in MU; without pulses, of the tenth of a second that is judged in its place.
    #[must_use]
    pub fn mu_per_pulse(&self) -> f64 {
        match self.output {
            Output::Pulses { mu_per_pulse, .. } => mu_per_pulse,
            Output::Continuous { mu_per_minute } => mu_per_minute / 600.0,
        }
    }
}

/// Reads all of [[beams]].
pub fn read(top: &Section<'_, '_>, is_pulsed: bool) -> Vec<NominalBeam> {
    let mut beams: Vec<NominalBeam> = Vec::new();
    for section in top.tables("beams", "one for each energy, with its rate and its dose") {
        let beam = read_one(&section, is_pulsed, is_pulsed && top.has(beam_charge::TABLE));
        if let Some(beam) = beam {
            against_others(&section, &beam, &beams);
            beams.push(beam);
        }
        section.finish();
    }
    beams
}

fn read_one(section: &Section<'_, '_>, is_pulsed: bool, has_sensor: bool) -> Option<NominalBeam> {
    let energy_mev = section.number("energy-mev", range(0.1, 25.5, "the bus carries up to 25.5 MeV in steps of 0.1"));
    let output = if is_pulsed {
        section.without_meaning(
            "mu-per-minute",
            "a machine with pulses has its rate by `pulse-rate-hz` and `mu-per-pulse`",
        );
        let rate = section.number("pulse-rate-hz", range(1.0, 1000.0, "pulses a second at the nominal setting"));
        let dose = section.number("mu-per-pulse", range(0.001, 20.0, "dose of one pulse at the nominal setting"));
        rate.zip(dose).map(|(rate_hz, mu_per_pulse)| Output::Pulses { rate_hz, mu_per_pulse })
    } else {
        section.without_meaning("pulse-rate-hz", "this machine makes no pulses");
        section.without_meaning("mu-per-pulse", "this machine makes no pulses");
        let rate = section.number("mu-per-minute", range(1.0, 2000.0, "dose rate at the nominal setting"));
        rate.map(|mu_per_minute| Output::Continuous { mu_per_minute })
    };
    let beam_charge_pc_per_mu = if has_sensor {
        let why = "charge of the beam that gave one MU at this energy, from commissioning";
        Some(section.number(beam_charge::BASELINE, range(10.0, 400_000.0, why))?)
    } else {
        section.without_meaning(beam_charge::BASELINE, "no sensor is fitted in [beam-charge]");
        None
    };
    let energy_mev = energy_mev?;
    let energy = counts::energy(energy_mev);
    if energy.is_none() {
        let what = format!("`energy-mev` = {energy_mev} is no multiple of 0.1 MeV");
        section.problem("energy-mev", what, "write what the linac's status frame carries for this beam");
    }
    Some(NominalBeam { energy_mev, energy: energy?, output: output?, beam_charge_pc_per_mu })
}

fn against_others(section: &Section<'_, '_>, beam: &NominalBeam, others: &[NominalBeam]) {
    if others.iter().any(|other| other.energy == beam.energy) {
        let what = format!("two beams have the energy {} MeV", beam.energy_mev);
        section.problem("energy-mev", what, "keep one of them; a plan names its beam by the energy");
    }
    let (Output::Pulses { rate_hz, .. }, Some(first)) = (beam.output, others.first()) else { return };
    if let Output::Pulses { rate_hz: usual, .. } = first.output
        && usual.to_bits() != rate_hz.to_bits()
    {
        let what =
            format!("`pulse-rate-hz` = {rate_hz} differs from the {usual} Hz of the beam at {} MeV", first.energy_mev);
        let fix = "write one profile for each pulse rate: the guards learn the pulse period when the service starts";
        section.problem("pulse-rate-hz", what, fix);
    }
}

/// Energies in a list for people.
#[must_use]
pub fn energies(beams: &[NominalBeam]) -> String {
    let list: Vec<String> = beams.iter().map(|beam| beam.energy_mev.to_string()).collect();
    format!("{} MeV", list.join(", "))
}
