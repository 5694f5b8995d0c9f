//! What is to be said of a profile that is right and yet weaker than the usual one: in `check`, at start and in the record.

use beam_core::machine::{Beam, Machine, Protection, RateRule};

use super::problem::Problem;
use super::profile::Readback;
use super::reader::Section;

/// The notices of a profile, in the order of its file.
pub fn of(
    top: &Section<'_, '_>,
    machine: &Machine,
    (period_scale, is_bench): (u32, bool),
    readback_missing: &[Readback],
    window_reason: Option<&str>,
) -> Vec<Problem> {
    let mut notices = Vec::new();
    let mut say = |key: &str, what: String, fix: &str| notices.push(top.document().at(top.at(key), what, fix));
    if is_bench {
        say("bench", "a bench: never for a patient".to_owned(), "nothing, on a bench; elsewhere remove `bench`");
    }
    if period_scale > 1 {
        let what = format!("periods, stale-after and age limits are stretched {period_scale} times");
        say("period-scale", what, "nothing, on a bench; elsewhere remove `period-scale`");
    }
    if machine.single_bus {
        let what = "one bus for everything: a single cable carries both monitors and all four permits".to_owned();
        say("buses", what, "use two buses where the treatment unit has them");
    }
    if machine.protection == Protection::None {
        let what = "the frames of chambers and linac carry no protection: a corrupted or repeated frame is not seen"
            .to_owned();
        say("protection", what, "use chambers that send protected frames");
    }
    if machine.rate == RateRule::Modulated {
        let what = "the dose rate is judged on high only, because the machine modulates it".to_owned();
        say("rate", what, "write `rate = \"steady\"` where the machine holds its rate");
    }
    if machine.beam_hold {
        let what = "a beam hold by the linac is no interruption".to_owned();
        say("beam-hold", what, "write `beam-hold = \"interrupts\"` where the linac never holds its beam");
    }
    if let Beam::Pulsed { window, gate_knows_lease, .. } = machine.beam {
        if !gate_knows_lease {
            let what = "the gate knows no pulse lease: the overshoot is what the latency costs".to_owned();
            say("pulse-lease", what, "use a gate that compares pulses with leases");
        }
        if window > 1 {
            let what = format!("{window} pulses are leased ahead: {}", window_reason.unwrap_or("no reason is given"));
            say("window-pulses", what, "write the least that does not slow the machine");
        }
    }
    for missing in readback_missing {
        let word = Readback::WORDS.iter().find(|(_, known)| known == missing).map_or("", |(word, _)| word);
        let what = format!("readback missing: {word} is not compared with the plan by any sensor");
        say("readback-missing", what, "have the operator read it back, or fit a sensor");
    }
    notices.sort();
    notices
}
