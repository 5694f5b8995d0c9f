//! The worst load of each bus: every frame as long as bit stuffing can make it, every period kept, and all that is sent at
//! once after a pulse beside it.

use beam_core::frame::Bus;
use beam_core::machine::Machine;
use beam_core::units::Span;

use super::reader::Section;

/// Bits of an 8-byte frame with an 11-bit identifier at its longest: 44 and 64 bits, 24 stuffed ones, 3 between frames.
const FRAME_BITS: f64 = frame_bits(8);
/// Bits a second.
const BIT_RATE: f64 = 1e6;
/// Largest load in percent: beyond it, a frame of low priority may wait longer than its age limit.
const MOST_PERCENT: f64 = 75.0;

/// Bits of a frame of `length` bytes at its longest: 34 and those of the bytes may be stuffed, after four of them one.
pub(crate) const fn frame_bits(length: u8) -> f64 {
    let stuffed = 34 + 8 * length as u32;
    (stuffed + (stuffed - 1) / 4 + 13) as f64
}

/// The worst load of one bus.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BusLoad {
    /// The bus.
    pub bus: Bus,
    /// Frames a second.
    pub frames_per_second: f64,
    /// Load in percent of 1 Mbit/s.
    pub percent: f64,
}

/// The worst load of each bus that `machine` uses, with `pulse_rate_hz` pulses a second (0 on a machine without).
#[must_use]
pub fn bus_load(machine: &Machine, pulse_rate_hz: f64) -> Vec<BusLoad> {
    let timing = &machine.timing;
    let rate = |period: Span| 1e9 / (period.nanos().max(1) as f64);
    // on each side: two permits, one chamber with its reading and its status; at once after a pulse the reading, the gate
    // and a permit of each guard
    let side = 2.0 * rate(timing.permit) + rate(timing.status) + 2.0 * pulse_rate_hz;
    let gate = rate(timing.gate) + pulse_rate_hz;
    let load = |bus: Bus, monitors: &[u8]| {
        let linac = if bus == machine.linac_bus { rate(timing.status) } else { 0.0 };
        let fitted = machine.beam_charge.is_some_and(|sensor| sensor.bus == bus);
        let beam_charge = if fitted { rate(timing.dose) + pulse_rate_hz } else { 0.0 };
        let contract = monitors.len() as f64 * side + gate + linac + beam_charge;
        let readings = monitors.iter().map(|&monitor| {
            let length = machine.electrometer(monitor).map_or(8, |electrometer| electrometer.length);
            (rate(machine.dose_period(monitor)) + pulse_rate_hz, frame_bits(length))
        });
        let (frames, bits) = readings.fold((contract, contract * FRAME_BITS), |(frames, bits), (count, long)| {
            (frames + count, bits + count * long)
        });
        BusLoad { bus, frames_per_second: frames, percent: bits / BIT_RATE * 100.0 }
    };
    if machine.single_bus { vec![load(Bus::A, &[1, 2])] } else { vec![load(Bus::A, &[1]), load(Bus::B, &[2])] }
}

/// Refuses a profile whose load is too high.
pub fn judge(top: &Section<'_, '_>, machine: &Machine, pulse_rate_hz: f64) {
    for BusLoad { bus, frames_per_second, percent } in bus_load(machine, pulse_rate_hz) {
        if percent > MOST_PERCENT {
            let what = format!(
                "bus {} carries up to {frames_per_second:.0} frames a second: {percent:.0} % of 1 Mbit/s, allowed are {MOST_PERCENT} %",
                bus_name(bus)
            );
            let fix = "use two buses, longer periods in [timing], or a machine with a lower pulse rate";
            top.problem("timing", what, fix);
        }
    }
}

/// The name of a bus in files.
#[must_use]
pub const fn bus_name(bus: Bus) -> &'static str {
    match bus {
        Bus::A => "A",
        Bus::B => "B",
    }
}
