//! Nothing that comes over a bus can make a guard stumble or believe it. A million inputs, drawn from a printed seed, are
//! thrown at each guard in each of its phases: frames of every wrong length, random bytes, random bytes under a right CRC,
//! old frames again, frames that somebody else sent in a guard's own name, and buses in trouble. Each one that proves
//! nothing is counted, and while a delivery is under way each is a fault of the bus.

use beam_core::fault::{Fault, Group};
use beam_core::frame::{Bus, Frame, Origin, Trouble, crc};
use beam_core::guard::Guard;
use beam_core::note::{Command, FrameCounts, Input, Phase};
use beam_core::requirement::Requirement;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{self, MON1_DOSE, MON2_DOSE, Reason};
use beam_drivers::sim::Noise;
use beam_supervisor::wiring::hears;
use beam_tests::{DELIVERY, PROOF, Recording, Trial, deliver_recorded, verifies};

const SEED: u64 = 1_917;
const INPUTS: u32 = 1_000_000;
const PHASES: [Phase; 6] =
    [Phase::Idle, Phase::Proving, Phase::Armed, Phase::Delivering, Phase::Interrupted, Phase::Ended];

fn at(millis: u64) -> Ticks {
    Ticks::ZERO.after(Span::from_millis(millis))
}

/// A guard that was led into a phase by commands.
fn guard_in(phase: Phase, who: wire::Guard, trial: &Trial) -> Guard {
    let order = trial.order(30);
    let arm = Command::Arm { delivery: DELIVERY, order };
    let commands: &[Command] = match phase {
        Phase::Idle => &[],
        Phase::Proving => &[Command::TakeUp { delivery: PROOF }],
        Phase::Armed => &[arm],
        Phase::Delivering => &[arm, Command::Deliver],
        Phase::Interrupted => &[arm, Command::Deliver, Command::Withhold],
        Phase::Ended => &[arm, Command::End(Reason::Operator)],
    };
    let mut guard = Guard::new(who, &trial.machine);
    let _first = guard.step(at(1000), &Input::Tick);
    for command in commands {
        let _permit = guard.step(at(1000), &Input::Command(*command));
    }
    assert_eq!((guard.common().phase, guard.common().faults().is_empty()), (phase, true));
    guard
}

/// What an input must come to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Must {
    /// Counted as proving nothing; in a delivery a fault of the bus.
    Distrusted,
    /// Counted as believed or as repeated; what it says may be a fault of any kind.
    Heard,
    /// Counted as trouble, and no fault.
    Said,
}

/// Draws garbage.
struct Garbage {
    draw: Noise,
    recording: Recording,
}

impl Garbage {
    fn bytes(&mut self) -> [u8; 8] {
        self.draw.word().to_le_bytes()
    }

    /// An identifier that `who` judges by its protection, and the bus it comes on.
    fn ear(&mut self, who: wire::Guard, trial: &Trial) -> (Bus, u16) {
        let ears = [Bus::A, Bus::B]
            .into_iter()
            .flat_map(|bus| hears(who, bus, &trial.machine).into_iter().map(move |id| (bus, id)));
        // the time guard takes from a chamber only that there is beam, and the monitors' own buses are tried elsewhere
        let foreign =
            |bus: Bus, id: u16| matches!((bus, id), (Bus::B, MON1_DOSE | 0x111) | (Bus::A, MON2_DOSE | 0x112));
        let chamber = |id: u16| who == wire::Guard::Time && matches!(id, MON1_DOSE | MON2_DOSE);
        let ears: Vec<_> =
            ears.filter(|&(bus, id)| !foreign(bus, id) && !chamber(id) && id != who.permit_id()).collect();
        ears[self.below(ears.len())]
    }

    fn below(&mut self, limit: usize) -> usize {
        self.draw.below(u32::try_from(limit).expect("a small number")) as usize
    }

    /// One input, what must come of it, and the frame that was heard before it: the alive counter's reference.
    fn next(&mut self, who: wire::Guard, trial: &Trial) -> (Option<Input>, Input, Must) {
        let (bus, id) = self.ear(who, trial);
        let before = self.old(id, |_| true);
        let wire = |frame| Input::Frame { bus, origin: Origin::Wire, frame };
        let reference = Some(wire(before));
        match self.draw.below(7) {
            0 => {
                let length = self.draw.below(8) as u8;
                let mut data = self.bytes();
                data[usize::from(length)..].fill(0);
                (reference, wire(Frame { id, length, data }), Must::Distrusted)
            }
            1 => {
                let mut data = self.bytes();
                data[0] = crc(id, &data[1..]) ^ (1 + self.draw.below(255) as u8);
                (reference, wire(Frame { id, length: 8, data }), Must::Distrusted)
            }
            2 => {
                let mut data = self.bytes();
                data[0] = crc(id, &data[1..]);
                let frame = Frame { id, length: 8, data };
                (reference, wire(frame), by_counter(&before, &frame))
            }
            3 => {
                let frame = self.old(id, |_| true);
                (reference, wire(frame), by_counter(&before, &frame))
            }
            4 => {
                let frame = self.old(who.permit_id(), |_| true);
                let origin = if self.draw.below(2) == 0 { Origin::Wire } else { Origin::Local };
                (None, Input::Frame { bus, origin, frame }, Must::Distrusted)
            }
            5 => {
                let origin = if self.draw.below(2) == 0 { Origin::Local } else { Origin::Echo };
                (None, Input::Frame { bus, origin, frame: before }, Must::Distrusted)
            }
            _ => {
                let trouble = TROUBLES[self.below(TROUBLES.len())];
                let must = if trouble == Trouble::ErrorWarning { Must::Said } else { Must::Distrusted };
                (None, Input::Trouble { bus, trouble }, must)
            }
        }
    }

    /// Some frame of this identifier from the recording of a sound delivery, before its beam.
    fn old(&mut self, id: u16, fits: impl Fn(&Frame) -> bool) -> Frame {
        let frames = self.recording.frames();
        let start = self.draw.below(u32::try_from(frames.len()).expect("a small number")) as usize;
        let from_there = frames[start..].iter().chain(&frames[..start]);
        from_there.map(|(.., frame)| *frame).find(|frame| frame.id == id && fits(frame)).expect("a frame")
    }
}

const TROUBLES: [Trouble; 7] = [
    Trouble::Malformed,
    Trouble::ErrorWarning,
    Trouble::ErrorPassive,
    Trouble::BusOff,
    Trouble::ControllerOverrun,
    Trouble::ReceiveOverflow { lost: 3 },
    Trouble::InterfaceDown,
];

/// The contract's rule for the alive counter, said once more: steps of 1 to 3 modulo 15 are new, 0 is a repeat.
fn by_counter(before: &Frame, frame: &Frame) -> Must {
    let (before, now) = (i16::from(before.data[1] & 15), i16::from(frame.data[1] & 15));
    if now < 15 && (now - before).rem_euclid(15) <= 3 { Must::Heard } else { Must::Distrusted }
}

/// What was not as it must be.
fn complaint(guard: &mut Guard, reference: Option<Input>, input: &Input, must: Must) -> Option<&'static str> {
    if let Some(reference) = reference {
        let _permit = guard.step(at(1001), &reference);
    }
    if !guard.common().faults().is_empty() {
        return Some("the frame before it was a fault already");
    }
    let active = guard.common().is_active();
    let before = guard.common().counts;
    let _permit = guard.step(at(1002), input);
    let after = guard.common().counts;
    let grew = |count: fn(&FrameCounts) -> u32| count(&after).wrapping_sub(count(&before));
    let (heard, distrusted) = (grew(|c| c.fresh) + grew(|c| c.repeated), grew(|c| c.distrusted));
    let of_bus = guard.common().faults().iter().any(|fault| fault.group() == Group::Bus);
    match must {
        Must::Distrusted if (heard, distrusted) != (0, 1) => Some("not counted as distrusted"),
        Must::Distrusted if active && !of_bus => Some("no fault of the bus"),
        Must::Distrusted if active && guard.common().permit.is_given() => Some("the permit is still given"),
        Must::Heard if (heard, distrusted) != (1, 0) => Some("not counted as heard"),
        Must::Said if of_bus || distrusted != 1 => Some("not just counted"),
        _ => None,
    }
}

fn garbage() -> Garbage {
    let trial = Trial::quick();
    let outcome = deliver_recorded(&trial, &trial.order(3), SEED, &[]);
    let quiet = outcome.recording.frames().iter().filter(|(at, ..)| *at < Ticks::from_nanos(100_000_000)).copied();
    Garbage { draw: Noise::new(SEED, 1), recording: Recording::new(quiet.collect()) }
}

#[test]
fn trips_on_each_of_a_million_frames_that_prove_nothing() {
    verifies(Requirement::BusTrusted);
    println!("{INPUTS} inputs, seed {SEED}");
    let trial = Trial::quick();
    let mut garbage = garbage();
    let guards: Vec<_> = wire::Guard::ALL
        .into_iter()
        .flat_map(|who| PHASES.map(|phase| (who, phase, guard_in(phase, who, &trial))))
        .collect();
    let (mut distrusted, mut heard) = (0, 0);
    for number in 0..INPUTS {
        let (who, phase, guard) = &guards[number as usize % guards.len()];
        let (reference, input, must) = garbage.next(*who, &trial);
        let mut guard = *guard;
        let complaint = complaint(&mut guard, reference, &input, must);
        assert_eq!(complaint, None, "input {number}, {} {phase:?}: {reference:?} {input:?}", who.name());
        match must {
            Must::Distrusted => distrusted += 1,
            Must::Heard => heard += 1,
            Must::Said => {}
        }
    }
    println!("{distrusted} distrusted, {heard} heard");
    assert!(distrusted > INPUTS / 2 && heard > INPUTS / 20);
}

#[test]
fn holds_on_after_a_storm_of_everything() {
    verifies(Requirement::BusTrusted);
    let trial = Trial::quick();
    let mut garbage = garbage();
    for who in wire::Guard::ALL {
        for phase in PHASES {
            let mut guard = guard_in(phase, who, &trial);
            for number in 0..10_000 {
                let (reference, input, _) = garbage.next(who, &trial);
                let now = at(1001).after(Span::from_micros(number * 50));
                for input in reference.iter().chain([&input, &Input::Tick, &Input::Unsent]) {
                    let _permit = guard.step(now, input);
                }
            }
            assert!(!guard.common().permit.is_given(), "{} {phase:?}", who.name());
            // a guard in whose name nothing was sent yet knows its own frame again
            let fault = guard.common().faults().gravest();
            let dosimetry = fault.is_some_and(|fault| fault.group() == Group::Beam);
            assert!(phase == Phase::Idle || phase == Phase::Ended || fault.is_some() || dosimetry, "{phase:?}");
            assert_ne!(fault, Some(Fault::RingFull));
        }
    }
}
