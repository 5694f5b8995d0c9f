//! What one step of a guard costs, from frame to decision. Each sample is 1000 frames, each with the step that takes the
//! echo of the permit it caused, so a median of "1 µs" reads as 1 ns a frame. The floor of the same run is the CRC of the frame alone: no receiver can do less.

use beam_core::frame::{Bus, Frame, Origin, crc};
use beam_core::guard::Guard;
use beam_core::note::{Command, Input};
use beam_core::units::{ChargeCounter, Ticks};
use beam_core::wire::{
    self, ChamberMode, ChamberStatus, CloseCause, Docking, DoseReading, GateState, GateStatus, LinacStatus, MON1_DOSE,
    MON1_STATUS, MON2_DOSE, MON2_STATUS, NO_PULSE_LIMIT, interlock_bit,
};
use divan::{Bencher, black_box};

mod kilohertz;

use kilohertz::{PULSE, machine, order};

const STEPS: usize = 1000;

fn main() {
    divan::main();
}

/// Everything that comes over both buses in one millisecond of a delivery at 1 kHz, over and over.
fn traffic(first_pulse: u32, rounds: u32) -> Vec<(Ticks, Input)> {
    let mut inputs = Vec::new();
    for round in 0..rounds {
        let pulse = first_pulse + round;
        let now = Ticks::from_nanos(1_000_000_000 + u64::from(pulse) * 1_000_000);
        let alive = u8::try_from(pulse % 15).unwrap_or(0);
        let mut put = |bus: Bus, frame: Frame| inputs.push((now, Input::Frame { bus, origin: Origin::Wire, frame }));
        let gate = GateStatus {
            state: GateState::Open,
            cause: CloseCause::None,
            closed_by: 0,
            pulses: pulse,
            beam_on_centiseconds: u16::try_from(pulse / 10 % 65_536).unwrap_or(0),
        };
        put(Bus::A, gate.encode(alive));
        put(Bus::B, gate.encode(alive));
        let reading = DoseReading {
            flags: 0,
            pulses: u16::try_from(pulse % 65_536).unwrap_or(0),
            charge: ChargeCounter::from_raw(pulse.wrapping_mul(PULSE)),
        };
        put(Bus::A, reading.encode(MON1_DOSE, alive));
        put(Bus::B, reading.encode(MON2_DOSE, alive));
        if pulse.is_multiple_of(50) {
            let slow = u8::try_from(pulse / 50 % 15).unwrap_or(0);
            let status = ChamberStatus { mode: ChamberMode::Ready, voltage: 15_000, leakage: 2, faults: 0 };
            put(Bus::A, status.encode(MON1_STATUS, slow));
            put(Bus::B, status.encode(MON2_STATUS, slow));
            let linac = LinacStatus {
                docking: Docking::HardDocked,
                energy: 90,
                applicator: 17,
                pulse_rate: 10_000,
                interlocks: interlock_bit::BEAM_REQUESTED,
            };
            put(Bus::A, linac.encode(slow));
        }
    }
    inputs
}

/// What `who` hears of it.
fn heard(who: wire::Guard, inputs: Vec<(Ticks, Input)>) -> Vec<(Ticks, Input)> {
    let machine = machine();
    let hears = |bus, id| beam_supervisor::wiring::hears(who, bus, &machine).contains(&id);
    inputs
        .into_iter()
        .filter(|(_, input)| matches!(input, Input::Frame { bus, frame, .. } if hears(*bus, frame.id)))
        .collect()
}

/// A guard in the middle of a delivery, and the next thousand frames that it hears.
fn in_delivery(who: wire::Guard) -> (Guard, Vec<(Ticks, Input)>) {
    let mut guard = Guard::new(who, &machine());
    let warm = heard(who, traffic(0, 200));
    let start = Ticks::from_nanos(999_000_000);
    step_guard(&mut guard, start, &Input::Command(Command::Arm { delivery: 7, order: order() }));
    for (now, input) in warm {
        if guard.common().phase == beam_core::note::Phase::Armed {
            step_guard(&mut guard, now, &Input::Command(Command::Deliver));
        }
        step_guard(&mut guard, now, &input);
    }
    let mut inputs = heard(who, traffic(200, 1000));
    inputs.truncate(STEPS);
    assert_eq!(inputs.len(), STEPS);
    (guard, inputs)
}

fn step_guard(guard: &mut Guard, now: Ticks, input: &Input) {
    if let Some(frame) = guard.step(now, input).transmit {
        let echo = Input::Frame { bus: Bus::A, origin: Origin::Echo, frame };
        let _ = guard.step(now, &echo);
    }
}

#[divan::bench(args = ["dose 1", "dose 2", "time", "interlock"])]
fn thousand_steps(bencher: Bencher<'_, '_>, name: &str) {
    let who = wire::Guard::ALL.into_iter().find(|guard| guard.name() == name).unwrap_or(wire::Guard::Dose1);
    let (guard, inputs) = in_delivery(who);
    bencher.with_inputs(|| guard).bench_local_values(|mut guard| {
        for (now, input) in &inputs {
            step_guard(&mut guard, *now, black_box(input));
        }
        assert!(guard.common().faults().is_empty(), "{:?}", guard.common().faults().gravest());
        guard
    });
}

#[divan::bench]
fn floor_thousand_crcs(bencher: Bencher<'_, '_>) {
    let frames: Vec<Frame> = (0..STEPS)
        .map(|n| {
            wire::Permit {
                state: wire::PermitState::Permit,
                reason: wire::Reason::None,
                delivery: 1,
                lease: u32::try_from(n).unwrap_or(NO_PULSE_LIMIT),
            }
            .encode(wire::Guard::Dose1, 0)
        })
        .collect();
    bencher.bench_local(|| {
        for frame in &frames {
            black_box(crc(frame.id, &frame.data[1..]));
        }
    });
}
