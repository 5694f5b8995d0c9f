//! What one step of a guard costs, from frame to decision. Each sample is 1000 frames, each with the step that takes the
//! echo of the permit it caused, so a median of "1 µs" reads as 1 ns a frame. The floor of the same run is the CRC of the frame alone: no receiver can do less.

use beam_core::frame::{Bus, Frame, Origin, crc};
use beam_core::guard::Guard;
use beam_core::machine::{Beam, Landing, Machine, Monitor, Order, Protection, RateRule, Timing};
use beam_core::note::{Command, Input};
use beam_core::units::{Charge, ChargeCounter, Dose, DosePerCharge, Span, Ticks};
use beam_core::wire::{
    self, ChamberMode, ChamberStatus, CloseCause, DoseReading, GateState, GateStatus, LinacStatus, MON1_DOSE,
    MON1_STATUS, MON2_DOSE, MON2_STATUS, NO_PULSE_LIMIT, interlock_bit,
};
use beam_supervisor::latency::endless;
use beam_supervisor::latency::peer::PULSE_PICOCOULOMBS;
use divan::{Bencher, black_box};

/// Frames in a sample.
const STEPS: usize = 1000;
/// Pulses that may be under way.
const WINDOW: u32 = 8;

/// A machine of 1000 pulses a second.
fn machine() -> Machine {
    let ms = Span::from_millis;
    let monitor = Monitor {
        dose_per_charge: DosePerCharge::from_fixed(50 << DosePerCharge::FRACTION_BITS),
        full_scale: Charge::from_picocoulombs(100_000),
        voltage: 15_000,
        voltage_tolerance: 300,
        leakage_warn: 666,
        leakage_block: 1466,
        electrometer: None,
    };
    Machine {
        timing: Timing {
            permit: ms(5),
            gate: ms(5),
            dose: ms(10),
            status: ms(50),
            stale_after: ms(25),
            agreement: ms(30),
            proof_margin: ms(10),
            lateness_budget: ms(10),
            // no session beats in this bench
            session_silence: Span::from_secs(3600),
        },
        beam: Beam::Pulsed { period: ms(1), window: WINDOW, landing: Landing::Nearest, gate_knows_lease: true },
        monitors: [monitor; 2],
        beam_charge: None,
        rate: RateRule::Modulated,
        no_pulse_after: Span::from_secs(1),
        beam_hold: false,
        linac_bus: Bus::A,
        single_bus: false,
        protection: Protection::E2e,
        resume_limit: 2,
    }
}

fn main() {
    divan::main();
}

/// An order without end at this rate.
fn order() -> Order {
    Order { dose_per_second: Dose::from_micro_mu(560_000_000), ..endless::order() }
}

/// Everything that comes over both buses in one millisecond of a delivery at 1 kHz, over and over.
fn traffic(first_pulse: u32, rounds: u32) -> Vec<(Ticks, Input)> {
    let (mut inputs, set_up) = (Vec::new(), order().set_up);
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
            charge: ChargeCounter::from_raw(pulse.wrapping_mul(PULSE_PICOCOULOMBS)),
        };
        put(Bus::A, reading.encode(MON1_DOSE, alive));
        put(Bus::B, reading.encode(MON2_DOSE, alive));
        if pulse.is_multiple_of(50) {
            let slow = u8::try_from(pulse / 50 % 15).unwrap_or(0);
            let status = ChamberStatus { mode: ChamberMode::Ready, voltage: 15_000, leakage: 2, faults: 0 };
            put(Bus::A, status.encode(MON1_STATUS, slow));
            put(Bus::B, status.encode(MON2_STATUS, slow));
            let linac = LinacStatus {
                docking: set_up.docking,
                energy: set_up.energy,
                applicator: set_up.applicator,
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
