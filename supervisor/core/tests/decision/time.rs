//! The time guard: its clock, the gate's, and the limit.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::{Bus, Frame, protect};
use beam_core::guard::Guard;
use beam_core::machine::{Machine, Order, Protection};
use beam_core::note::{Command, Note, Phase};
use beam_core::reading::DoseReading;
use beam_core::requirement::Requirement;
use beam_core::status::interlock_bit;
use beam_core::units::{ChargeCounter, Span};
use beam_core::wire::{self, GATE_STATUS, GateState, LINAC_STATUS, MON1_DOSE, MON2_DOSE, NO_PULSE_LIMIT, PermitState};

use crate::kit::{NANO, Rig, machine, ms, order, patient, verifies};

const WHO: wire::Guard = wire::Guard::Time;

/// A limit of one second.
fn short() -> Order {
    Order { time_limit: ms(1000), ..order() }
}

/// A guard in a delivery in which there is no sign of beam yet.
fn waiting(machine: &Machine) -> Rig {
    let mut rig = Rig::armed_for(WHO, machine, &short());
    rig.command(Command::Deliver);
    rig.forget();
    rig
}

fn beam_on(rig: &Rig) -> Span {
    match &rig.guard {
        Guard::Time(guard) => guard.beam_on(rig.now),
        _ => panic!("another guard"),
    }
}

fn later(rig: &mut Rig, span: Span) {
    rig.now = rig.now.after(span);
    rig.tick();
}

#[test]
fn holds_until_a_nanosecond_before_the_limit() {
    verifies(Requirement::BeamTime);
    let mut rig = Rig::delivering_for(WHO, &patient(), &short());
    assert_eq!(rig.permit().lease, NO_PULSE_LIMIT, "it leases no pulses");
    later(&mut rig, Span::from_nanos(999_999_999));
    rig.holds();
}

#[test]
fn trips_at_the_limit() {
    verifies(Requirement::BeamTime);
    let mut rig = Rig::delivering_for(WHO, &patient(), &short());
    later(&mut rig, ms(1000));
    let report = rig.trips(Fault::TimeLimit);
    assert_eq!((report.measured, report.limit), (1_000_000_000, 1_000_000_000));
    assert_eq!(beam_on(&rig), ms(1000), "the clock stands still with the permit");
    later(&mut rig, ms(500));
    assert_eq!(beam_on(&rig), ms(1000));
}

#[test]
fn holds_its_clock_until_the_first_sign_of_beam() {
    verifies(Requirement::BeamTime);
    let mut rig = waiting(&machine());
    rig.run(ms(5000));
    assert_eq!(beam_on(&rig), Span::ZERO);
    rig.holds();
}

#[test]
fn trips_by_its_clock_from_each_sign_of_beam_alone() {
    verifies(Requirement::BeamTime);
    let signs: [fn(&mut Rig); 4] = [
        |rig| {
            rig.linac.interlocks = interlock_bit::BEAM_REQUESTED;
            rig.tell_linac();
        },
        |rig| {
            rig.gate.state = GateState::Open;
            rig.tell_gate();
        },
        |rig| rig.count_and_tell(1, 1, 0),
        |rig| {
            let frame = |pulses, alive| {
                DoseReading { flags: 0, pulses, charge: ChargeCounter::from_raw(0) }.encode(MON2_DOSE, alive)
            };
            rig.frame(Bus::A, frame(7, 0));
            assert_eq!(beam_on(rig), Span::ZERO);
            rig.frame(Bus::A, frame(8, 0));
        },
    ];
    for sign in signs {
        let mut rig = waiting(&patient());
        later(&mut rig, ms(300));
        sign(&mut rig);
        // the sign may end at once: the clock does not wait for one to stop
        rig.linac.interlocks = 0;
        rig.gate.state = GateState::Closed;
        rig.tell_linac();
        rig.tell_gate();
        later(&mut rig, Span::from_nanos(999_999_999));
        rig.holds();
        later(&mut rig, NANO);
        let _report = rig.trips(Fault::TimeLimit);
    }
}

#[test]
fn holds_what_is_no_sign_of_a_pulse() {
    verifies(Requirement::BeamTime);
    let mut rig = waiting(&patient());
    rig.count_and_tell(1, 0, 1000);
    let mut broken = DoseReading { flags: 0, pulses: 9, charge: ChargeCounter::from_raw(0) }.encode(MON1_DOSE, 5);
    broken.data[0] ^= 1;
    rig.frame(Bus::A, broken);
    assert_eq!(beam_on(&rig), Span::ZERO, "a doubtful frame is no pulse; the guard that integrates it judges it");
    rig.let_out();
    later(&mut rig, ms(100));
    assert_eq!(beam_on(&rig), Span::ZERO);
    // the first frame of a chamber is a reference and no pulse
    let mut rig = Rig::deaf(WHO, &patient());
    rig.command(Command::Arm { delivery: 7, order: short() });
    rig.command(Command::Deliver);
    rig.tell_chamber(1);
    later(&mut rig, ms(100));
    assert_eq!(beam_on(&rig), Span::ZERO);
    // without a delivery a pulse starts no clock
    let mut rig = Rig::armed_for(WHO, &patient(), &short());
    rig.count_and_tell(1, 1, 1000);
    rig.linac.interlocks = interlock_bit::BEAM_REQUESTED;
    rig.tell_linac();
    later(&mut rig, ms(100));
    assert_eq!(beam_on(&rig), Span::ZERO);
}

#[test]
fn trips_by_pulses_of_chambers_without_protection() {
    verifies(Requirement::BeamTime);
    let mut rig = waiting(&Machine { protection: Protection::None, ..patient() });
    let bare = |pulses: u8| Frame { id: MON1_DOSE, length: 8, data: [0, 0, pulses, 0, 0, 0, 0, 0] };
    rig.frame(Bus::A, bare(1));
    assert_eq!(beam_on(&rig), Span::ZERO, "a count that differs from the last one, while that was doubtful or not");
    rig.frame(Bus::A, bare(2));
    later(&mut rig, ms(1000));
    let _report = rig.trips(Fault::TimeLimit);
}

#[test]
fn holds_its_clock_over_an_interruption_and_goes_on_from_there() {
    verifies(Requirement::BeamTime);
    let mut rig = Rig::delivering_for(WHO, &patient(), &short());
    later(&mut rig, ms(600));
    rig.command(Command::Withhold);
    assert_eq!((rig.phase(), rig.permit().state), (Phase::Interrupted, PermitState::Withheld));
    later(&mut rig, ms(5000));
    assert_eq!(beam_on(&rig), ms(600));
    rig.command(Command::Deliver);
    assert_eq!(rig.permit().state, PermitState::Permit);
    rig.tick();
    later(&mut rig, Span::from_nanos(399_999_999));
    rig.holds();
    later(&mut rig, NANO);
    let _report = rig.trips(Fault::TimeLimit);
    // a new delivery begins at zero
    rig.command(Command::Acknowledge);
    rig.command(Command::Arm { delivery: 8, order: short() });
    assert_eq!(beam_on(&rig), Span::ZERO);
}

/// One second of open, requested beam, reported on twice, in which the gate's clock has gone on by this much.
fn clocks_after_a_second(began: u16, centiseconds: u16) -> Rig {
    let mut rig = Rig::armed(WHO, &patient());
    rig.command(Command::Deliver);
    rig.gate.beam_on_centiseconds = began;
    rig.beam_on();
    for shown in [50, centiseconds] {
        rig.now = rig.now.after(ms(500));
        rig.gate.beam_on_centiseconds = began.wrapping_add(shown);
        rig.tell_gate();
        rig.tell_linac();
    }
    rig
}

/// A tenth of a second of beam; then the console releases it, and this guard hears so after `silence` in which the gate's clock
/// stands still and its frames go on.
fn released(silence: Span) -> Rig {
    let mut rig = Rig::delivering_for(WHO, &machine(), &short());
    rig.run(ms(100));
    rig.mute.push((LINAC_STATUS, Bus::A));
    rig.linac.interlocks = 0;
    rig.run(silence);
    rig.mute.clear();
    rig.tell_linac();
    rig.tell_gate();
    rig
}

#[test]
fn holds_clocks_that_part_because_the_end_of_the_request_was_heard_late() {
    verifies(Requirement::BeamTime);
    // three periods: two frames lost
    released(ms(150)).holds();
}

#[test]
fn trips_over_clocks_that_part_while_each_frame_bears_the_request() {
    verifies(Requirement::BeamTime);
    let mut rig = Rig::delivering_for(WHO, &machine(), &short());
    for _ in 0..20 {
        // the gate's clock stands still
        later(&mut rig, ms(5));
        rig.tell_gate();
        rig.tell_linac();
    }
    let report = rig.trips(Fault::ClocksDisagree);
    assert_eq!((report.measured, report.limit), (55_000_000, 51_100_000));
}

#[test]
fn holds_clocks_that_differ_by_fifty_milliseconds_and_two_percent() {
    verifies(Requirement::BeamTime);
    for began in [0, 65_480] {
        for centiseconds in [93, 100, 107] {
            clocks_after_a_second(began, centiseconds).holds();
        }
    }
}

#[test]
fn trips_over_clocks_that_differ_by_more() {
    verifies(Requirement::BeamTime);
    for began in [0, 65_480] {
        for centiseconds in [92, 108] {
            let report = clocks_after_a_second(began, centiseconds).trips(Fault::ClocksDisagree);
            assert_eq!((report.measured, report.limit), (80_000_000, 70_000_000));
        }
    }
}

#[test]
fn holds_clocks_that_run_apart_while_nothing_is_compared() {
    verifies(Requirement::BeamTime);
    let jump = |change: fn(&mut Rig)| {
        let mut rig = waiting(&patient());
        rig.beam_on();
        change(&mut rig);
        rig.tell_linac();
        rig.tell_gate();
        rig.now = rig.now.after(ms(300));
        rig.gate.beam_on_centiseconds += 3000;
        rig.tell_gate();
        rig.tell_linac();
        rig
    };
    jump(|rig| rig.linac.interlocks = 0).holds();
    jump(|rig| rig.gate.state = GateState::Closed).holds();
    jump(|rig| rig.command(Command::Withhold)).holds();
    // after an interruption a new stretch begins
    let mut rig = Rig::delivering_for(WHO, &patient(), &short());
    rig.command(Command::Withhold);
    rig.gate.beam_on_centiseconds += 3000;
    rig.command(Command::Deliver);
    rig.tell_gate();
    rig.now = rig.now.after(ms(50));
    rig.gate.beam_on_centiseconds += 5;
    rig.tell_gate();
    rig.tell_linac();
    rig.holds();
    // and so it does with a new delivery
    rig.command(Command::Arm { delivery: 8, order: short() });
    rig.gate.beam_on_centiseconds += 3000;
    rig.command(Command::Deliver);
    rig.tell_gate();
    rig.tell_linac();
    rig.holds();
}

#[test]
fn trips_over_frames_of_gate_and_linac_that_prove_nothing() {
    verifies(Requirement::BusTrusted);
    for id in [GATE_STATUS, LINAC_STATUS] {
        let mut rig = Rig::delivering(WHO, &machine());
        let unnamed = protect(id, rig.alive(id, Bus::A), 15, [0; 6]);
        rig.frame(Bus::A, unnamed);
        assert_eq!(rig.trips(Fault::UnnamedValue).bus, Some(Bus::A));
        let mut rig = Rig::delivering(WHO, &machine());
        let short = Frame { length: 5, ..unnamed };
        rig.frame(Bus::A, short);
        assert_eq!(rig.trips(Fault::Length).bus, Some(Bus::A));
    }
}

#[test]
fn holds_repeats_and_the_gate_of_the_other_bus() {
    verifies(Requirement::BusTrusted);
    let mut rig = waiting(&machine());
    rig.run(ms(50));
    for frame in [rig.gate.encode(3), rig.linac.encode(3)] {
        let mut twice = Rig::deaf(WHO, &machine());
        twice.command(Command::Arm { delivery: 7, order: order() });
        twice.frame(Bus::A, frame);
        twice.frame(Bus::A, frame);
        twice.holds();
    }
    rig.gate.state = GateState::Open;
    rig.tell_gate_on(Bus::B);
    let broken = Frame { length: 3, ..rig.gate.encode(0) };
    rig.frame(Bus::B, broken);
    assert_eq!(beam_on(&rig), Span::ZERO);
    rig.frame(Bus::A, protect(0x7FF, 0, 0, [0; 6]));
    rig.holds();
}

/// A guard in mid-beam that has just heard everything and will not hear `id` again.
fn aging(id: u16) -> Rig {
    let mut rig = Rig::delivering(WHO, &machine());
    rig.run(ms(100));
    rig.tell_gate();
    rig.tell_linac();
    rig.mute.push((id, Bus::A));
    rig
}

#[test]
fn holds_gate_and_linac_that_are_three_periods_old() {
    verifies(Requirement::BusTrusted);
    for (id, millis) in [(GATE_STATUS, 15), (LINAC_STATUS, 150)] {
        let mut rig = aging(id);
        rig.run(ms(millis));
        rig.holds();
    }
}

#[test]
fn trips_over_gate_and_linac_that_are_older() {
    verifies(Requirement::BusTrusted);
    for (id, millis, fault) in [(GATE_STATUS, 15, Fault::GateStale), (LINAC_STATUS, 150, Fault::StatusStale)] {
        let mut rig = aging(id);
        rig.run(ms(millis));
        later(&mut rig, NANO);
        assert_eq!(rig.trips(fault).bus, Some(Bus::A));
    }
}

#[test]
fn what_is_silent_at_rest_is_no_fault_and_stands_against_a_beam() {
    let standing = |rig: &mut Rig| {
        rig.notes.clear();
        rig.run(ms(250));
        rig.notes
            .iter()
            .rev()
            .find_map(|note| if let Note::Health { standing, .. } = note { Some(*standing) } else { None })
    };
    let mut rig = Rig::new(WHO, &machine());
    assert_eq!(standing(&mut rig), Some(FaultSet::EMPTY));
    rig.mute.push((GATE_STATUS, Bus::A));
    assert_eq!(standing(&mut rig), Some(FaultSet::EMPTY.with(Fault::GateStale)));
    rig.mute = vec![(LINAC_STATUS, Bus::A)];
    assert_eq!(standing(&mut rig), Some(FaultSet::EMPTY.with(Fault::StatusStale)));
    rig.holds();
}

#[test]
fn it_tells_its_clock_every_status_period_of_a_delivery_and_when_it_stops() {
    let times = |rig: &Rig| -> Vec<Note> {
        rig.notes.iter().copied().filter(|note| matches!(note, Note::Time { .. })).collect()
    };
    let mut rig = waiting(&machine());
    let began = rig.now;
    rig.beam_on();
    rig.run(ms(500));
    rig.let_out();
    assert_eq!(times(&rig).len(), 10, "every 50 ms");
    let told = Note::Time { beam_on: rig.now.since(began), limit: ms(1000), gate_centiseconds: 49 };
    assert_eq!(times(&rig).last(), Some(&told));
    rig.forget();
    rig.command(Command::Withhold);
    rig.let_out();
    assert_eq!(times(&rig).len(), 1);
    rig.run(ms(500));
    assert_eq!(times(&rig).len(), 1, "a clock that stands still is not told");
}

#[test]
fn it_gives_no_permit_before_the_delivery_begins() {
    let mut rig = Rig::armed(WHO, &machine());
    rig.command(Command::Heartbeat);
    assert_eq!(rig.permit().state, PermitState::Withheld);
    let mut rig = Rig::new(WHO, &machine());
    rig.command(Command::Deliver);
    assert_eq!(rig.permit().state, PermitState::Withheld);
}
