//! What all guards have in common: phases, latched faults, notes, the permit's own identifier, and the checks on itself.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::{Bus, Frame, Origin, Trouble};
use beam_core::guard::{Common, Guard, nanos};
use beam_core::note::{Command, FaultReport, FrameCounts, Input, Note, Output, Phase};
use beam_core::requirement::Requirement;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{self, MON1_DOSE, Permit, PermitState, Reason};

use crate::kit::{DELIVERY, NANO, PROOF, Rig, at, machine, ms, order, patient, verifies};

const PHASES: [Phase; 6] =
    [Phase::Idle, Phase::Proving, Phase::Armed, Phase::Delivering, Phase::Interrupted, Phase::Ended];
const ACTIVE: [Phase; 4] = [Phase::Proving, Phase::Armed, Phase::Delivering, Phase::Interrupted];
const ARM: Command = Command::Arm { delivery: DELIVERY, order: order() };

/// A guard that was led there by commands.
fn in_phase(who: wire::Guard, phase: Phase) -> Rig {
    let mut rig = Rig::new(who, &machine());
    let way: &[Command] = match phase {
        Phase::Idle => &[],
        Phase::Proving => &[Command::TakeUp { delivery: PROOF }],
        Phase::Armed => &[ARM],
        Phase::Delivering => &[ARM, Command::Deliver],
        Phase::Interrupted => &[ARM, Command::Deliver, Command::Withhold],
        Phase::Ended => &[ARM, Command::End(Reason::Operator)],
    };
    for command in way {
        rig.command(*command);
    }
    assert_eq!(rig.phase(), phase);
    rig.let_out();
    rig.forget();
    rig
}

fn time_guard(phase: Phase) -> Rig {
    in_phase(wire::Guard::Time, phase)
}

fn trouble(rig: &mut Rig, trouble: Trouble) {
    let _told = rig.step(&Input::Trouble { bus: Bus::B, trouble });
}

#[test]
fn trips_in_every_phase_of_a_delivery_and_for_good() {
    verifies(Requirement::Latched);
    for phase in ACTIVE {
        for who in wire::Guard::ALL {
            let mut rig = in_phase(who, phase);
            trouble(&mut rig, Trouble::BusOff);
            let report = rig.trips(Fault::BusOff);
            assert_eq!((report.bus, rig.guard.common().since), (Some(Bus::B), rig.now), "{phase:?} {}", who.name());
            for command in [Command::Deliver, ARM, Command::TakeUp { delivery: 9 }, Command::Withhold] {
                rig.command(command);
            }
            trouble(&mut rig, Trouble::BusOff);
            let _once = rig.trips(Fault::BusOff);
            assert_eq!(rig.guard.common().faults(), FaultSet::EMPTY.with(Fault::BusOff));
        }
    }
}

#[test]
fn holds_a_trouble_outside_of_a_delivery_for_a_count() {
    verifies(Requirement::Latched);
    for phase in [Phase::Idle, Phase::Ended] {
        let mut rig = time_guard(phase);
        trouble(&mut rig, Trouble::BusOff);
        trouble(&mut rig, Trouble::ErrorWarning);
        rig.let_out();
        assert_eq!((rig.faults(), rig.phase(), rig.guard.common().counts.distrusted), (vec![], phase, 2));
    }
    let mut warned = time_guard(Phase::Delivering);
    trouble(&mut warned, Trouble::ErrorWarning);
    warned.holds();
}

#[test]
fn trips_on_beam_that_nobody_asked_for_without_a_delivery_too() {
    verifies(Requirement::BeamUnasked);
    let mut common = Common::new(wire::Guard::Interlock, &machine());
    common.raise(at(1), FaultReport::of(Fault::Door));
    assert!(common.faults().is_empty());
    common.raise(at(1), FaultReport::of(Fault::PulsesWhileClosed));
    assert_eq!((common.faults(), common.phase), (FaultSet::EMPTY.with(Fault::PulsesWhileClosed), Phase::Idle));
    assert!(!common.permit.is_tripped(), "there is no delivery to end");
}

#[test]
fn holds_the_way_open_once_acknowledged() {
    verifies(Requirement::Latched);
    let mut rig = time_guard(Phase::Delivering);
    trouble(&mut rig, Trouble::BusOff);
    rig.command(Command::Acknowledge);
    assert_eq!((rig.phase(), rig.guard.common().faults()), (Phase::Idle, FaultSet::EMPTY));
    assert_eq!(rig.permit().state, PermitState::Tripped, "until the next id");
    rig.command(Command::TakeUp { delivery: 9 });
    let withheld = Permit { state: PermitState::Withheld, reason: Reason::None, delivery: 9, lease: 0 };
    assert_eq!((rig.phase(), rig.permit()), (Phase::Proving, withheld));
}

#[test]
fn holds_an_acknowledgement_in_a_delivery_for_nothing() {
    verifies(Requirement::Latched);
    for phase in ACTIVE {
        let mut rig = time_guard(phase);
        rig.command(Command::Acknowledge);
        assert_eq!(rig.phase(), phase);
    }
}

#[test]
fn trips_over_what_is_found_in_the_very_step_of_an_acknowledgement() {
    verifies(Requirement::Latched);
    let mut rig = Rig::delivering(wire::Guard::Time, &machine());
    rig.now = rig.now.after(ms(1000));
    rig.command(Command::Acknowledge);
    assert!(rig.guard.common().faults().contains(Fault::GuardLate), "{:?}", rig.guard.common().faults());
    assert_eq!((rig.phase(), rig.permit().state), (Phase::Ended, PermitState::Tripped));
    // who has seen it may clear it
    rig.command(Command::Acknowledge);
    assert_eq!((rig.phase(), rig.guard.common().faults()), (Phase::Idle, FaultSet::EMPTY));
}

#[test]
fn trips_by_the_operator_in_every_phase_of_a_delivery() {
    verifies(Requirement::Operator);
    for phase in PHASES {
        let mut rig = time_guard(phase);
        let before = rig.permit();
        rig.command(Command::End(Reason::DoseReached));
        let ended = Permit { state: PermitState::Tripped, reason: Reason::DoseReached, ..before };
        let active = ACTIVE.contains(&phase);
        assert_eq!(rig.permit(), if active { ended } else { before }, "{phase:?}");
        assert_eq!(rig.phase(), if active { Phase::Ended } else { phase });
        assert!(rig.reports().is_empty());
    }
}

#[test]
fn holds_to_what_each_phase_allows() {
    verifies(Requirement::Operator);
    for phase in PHASES {
        let mut rig = time_guard(phase);
        rig.command(Command::Prove { lease: 1 });
        let proves = rig.permit().state == PermitState::Permit && rig.permit().lease == 1;
        assert_eq!(proves, phase == Phase::Proving, "{phase:?}");

        let mut rig = time_guard(phase);
        rig.command(Command::Silence);
        rig.forget();
        rig.run(ms(100));
        assert_eq!(rig.permits.is_empty(), phase == Phase::Proving, "{phase:?}");

        let mut rig = time_guard(phase);
        rig.command(Command::Withhold);
        assert_eq!(rig.phase(), if phase == Phase::Delivering { Phase::Interrupted } else { phase });
        assert!(!rig.guard.common().permit.is_given());

        let mut rig = time_guard(phase);
        rig.command(Command::Deliver);
        let delivers = matches!(phase, Phase::Armed | Phase::Delivering | Phase::Interrupted);
        assert_eq!(rig.phase(), if delivers { Phase::Delivering } else { phase });
        assert_eq!(rig.guard.common().permit.is_given(), delivers, "{phase:?}");

        let mut rig = time_guard(phase);
        rig.command(Command::TakeUp { delivery: 0 });
        rig.command(Command::Arm { delivery: 0, order: order() });
        assert_eq!(rig.phase(), phase, "0 is no delivery");
    }
}

#[test]
fn holds_the_echo_of_its_own_permit() {
    verifies(Requirement::BusTrusted);
    let mut rig = time_guard(Phase::Delivering);
    rig.run(ms(100));
    rig.holds();
    assert_eq!(rig.guard.common().counts.distrusted, 0);
}

#[test]
fn trips_over_anybody_else_who_sends_its_identifier() {
    verifies(Requirement::BusTrusted);
    for origin in [Origin::Wire, Origin::Local, Origin::Echo] {
        for who in wire::Guard::ALL {
            let mut rig = in_phase(who, Phase::Armed);
            rig.echoes = false;
            rig.now = rig.now.after(ms(5));
            rig.tick();
            let sent = *rig.permits.last().map(|(_, permit)| permit).unwrap();
            // what was sent word for word, but by somebody else; or an echo of what was never sent
            let frame = match origin {
                Origin::Echo => Permit { lease: 3, ..sent }.encode(who, 0),
                _ => {
                    let (alive, permit) = (rig.permits.len() as u8, sent);
                    permit.encode(who, alive)
                }
            };
            let _told = rig.step(&Input::Frame { bus: Bus::A, origin, frame });
            assert_eq!(rig.trips(Fault::Impostor).bus, Some(Bus::A), "{origin:?} {}", who.name());
            assert_eq!(rig.guard.common().counts.distrusted, 1);
        }
    }
}

/// A guard that steps `gap` after its last step.
fn late(phase: Phase, gap: Span) -> Rig {
    let mut rig = time_guard(phase);
    rig.run(ms(50));
    rig.now = rig.now.after(gap);
    rig.tick();
    rig
}

/// The period of the permits and the budget.
const BUDGET: Span = ms(13);

#[test]
fn holds_a_turn_at_the_end_of_its_budget() {
    verifies(Requirement::OwnHealth);
    for phase in ACTIVE {
        late(phase, BUDGET).holds();
    }
    // at rest and in a proof nothing depends on its pace
    late(Phase::Idle, BUDGET.plus(NANO)).holds();
    late(Phase::Proving, BUDGET.plus(NANO)).holds();
    let mut rig = time_guard(Phase::Idle);
    rig.now = rig.now.after(ms(1000));
    rig.command(ARM);
    rig.holds();
}

#[test]
fn trips_over_a_later_turn() {
    verifies(Requirement::OwnHealth);
    for phase in [Phase::Armed, Phase::Delivering, Phase::Interrupted] {
        let mut rig = late(phase, BUDGET.plus(NANO));
        let report = rig.trips(Fault::GuardLate);
        assert_eq!((report.measured, report.limit), (13_000_001, 13_000_000));
    }
}

/// A guard whose permit has waited for its echo this long.
fn unsent(phase: Phase, span: Span) -> Rig {
    let mut rig = Rig::new(wire::Guard::Time, &patient());
    if phase == Phase::Proving {
        rig.command(Command::TakeUp { delivery: PROOF });
    } else if phase != Phase::Idle {
        rig.command(ARM);
    }
    rig.now = rig.now.after(ms(100));
    rig.tick();
    rig.echoes = false;
    rig.now = rig.now.after(ms(100));
    rig.tick();
    rig.now = rig.now.after(span);
    rig.tick();
    rig
}

#[test]
fn holds_a_permit_that_waits_for_stale_after() {
    verifies(Requirement::OwnHealth);
    unsent(Phase::Armed, ms(25)).holds();
    unsent(Phase::Idle, ms(26)).holds();
    unsent(Phase::Proving, ms(26)).holds();
}

#[test]
fn trips_over_a_permit_that_waits_for_longer() {
    verifies(Requirement::OwnHealth);
    let report = unsent(Phase::Armed, ms(25).plus(NANO)).trips(Fault::PermitUnsent);
    assert_eq!((report.measured, report.limit), (25_000_001, 25_000_000));
}

#[test]
fn trips_over_a_permit_that_the_queue_refuses_again_and_again() {
    verifies(Requirement::OwnHealth);
    let mut rig = Rig::new(wire::Guard::Time, &patient());
    rig.command(ARM);
    rig.echoes = false;
    for _ in 0..7 {
        rig.now = rig.now.after(ms(5));
        if rig.step(&Input::Tick).transmit.is_some() {
            let _nothing = rig.step(&Input::Unsent);
        }
    }
    let _report = rig.trips(Fault::PermitUnsent);
}

#[test]
fn holds_out_over_a_lost_echo_at_rest_and_sends_anew() {
    verifies(Requirement::OwnHealth);
    for phase in [Phase::Idle, Phase::Proving] {
        let mut rig = Rig::new(wire::Guard::Time, &patient());
        rig.now = rig.now.after(ms(100));
        if phase == Phase::Proving {
            rig.command(Command::TakeUp { delivery: PROOF });
            rig.now = rig.now.after(ms(100));
        }
        rig.echoes = false;
        rig.tick();
        rig.forget();
        rig.now = rig.now.after(patient().timing.session_silence);
        rig.tick();
        assert_eq!(rig.permits, [], "the session's silence is waited for");
        rig.now = rig.now.after(NANO);
        rig.tick();
        assert_eq!(rig.permits.len(), usize::from(phase == Phase::Idle), "only at rest is it given up: {phase:?}");
    }
}

#[test]
fn a_permit_that_is_not_sent_stands_against_a_beam() {
    for (millis, stands) in [(25, false), (30, true)] {
        let mut rig = time_guard(Phase::Idle);
        // to a moment at which it says how it is
        for _ in 0..10 {
            if !rig.notes.iter().any(|note| matches!(note, Note::Health { .. })) {
                rig.run(ms(5));
            }
        }
        rig.forget();
        rig.run(ms(50 - millis - 5));
        rig.echoes = false;
        rig.run(ms(millis + 5));
        let told = rig.notes.iter().find_map(|note| match note {
            Note::Health { standing, .. } => Some(*standing),
            _ => None,
        });
        assert_eq!(told.map(|standing| standing.contains(Fault::PermitUnsent)), Some(stands), "{millis} ms");
    }
}

#[test]
fn holds_a_permit_that_the_queue_did_not_take_for_the_next_step() {
    verifies(Requirement::OwnHealth);
    let mut rig = time_guard(Phase::Armed);
    rig.echoes = false;
    rig.now = rig.now.after(ms(5));
    let refused = rig.step(&Input::Tick).transmit;
    assert!(refused.is_some());
    assert_eq!(rig.step(&Input::Unsent), Output::default(), "nothing now: the queue is full");
    assert_eq!(rig.step(&Input::Tick).transmit, refused);
}

#[test]
fn trips_over_a_clock_that_stands_still_while_the_gate_reports() {
    verifies(Requirement::OwnHealth);
    let mut rig = time_guard(Phase::Armed);
    for _ in 0..40 {
        rig.tell_gate_on(Bus::A);
    }
    let _report = rig.trips(Fault::ClockStalled);
    let mut resting = time_guard(Phase::Idle);
    for _ in 0..40 {
        resting.tell_gate_on(Bus::A);
    }
    resting.holds();
}

#[test]
fn it_says_how_it_is_every_status_period() {
    let mut rig = time_guard(Phase::Idle);
    rig.run(ms(1000));
    let health: Vec<_> = rig.notes.iter().filter(|note| matches!(note, Note::Health { .. })).collect();
    assert_eq!(health.len(), 20);
    let mut tripped = time_guard(Phase::Armed);
    trouble(&mut tripped, Trouble::BusOff);
    tripped.run(ms(50));
    let (phase, faults) = (Phase::Ended, FaultSet::EMPTY.with(Fault::BusOff));
    let FrameCounts { fresh, lost, repeated, distrusted } = tripped.guard.common().counts;
    assert_eq!((lost, repeated, distrusted), (0, 0, 1));
    let told = tripped.notes.iter().find_map(|note| match note {
        Note::Health { phase, faults, standing, frames } => Some((*phase, *faults, *standing, *frames)),
        _ => None,
    });
    let (told_phase, told_faults, standing, frames) = told.unwrap();
    assert_eq!((told_phase, told_faults, standing), (phase, faults, FaultSet::EMPTY));
    assert!(frames.fresh > 0 && frames.fresh <= fresh && frames.distrusted == 1);
}

#[test]
fn a_fault_comes_out_before_what_waits_and_what_is_too_much_is_dropped() {
    let mut common = Common::new(wire::Guard::Time, &machine());
    let time = |centiseconds| Note::Time { beam_on: Span::ZERO, limit: Span::ZERO, gate_centiseconds: centiseconds };
    for centiseconds in 0..6 {
        common.tell(time(centiseconds));
    }
    common.tell(Note::Fault(FaultReport::of(Fault::Door)));
    let Guard::Time(mut inner) = Guard::new(wire::Guard::Time, &machine()) else { panic!("the time guard") };
    inner.common = common;
    let mut guard = Guard::Time(inner);
    let out: Vec<_> = (0..6).map(|_| guard.step(Ticks::ZERO, &Input::Unsent)).collect();
    assert!(out.iter().all(|output| *output == Output::default()), "a full queue lets nothing out");
    let out: Vec<_> = (0..6).filter_map(|_| guard.step(Ticks::ZERO, &Input::Tick).note).collect();
    assert_eq!(out[..4], [Note::Fault(FaultReport::of(Fault::Door)), time(0), time(1), time(2)]);
    assert!(out[4..].iter().all(|note| matches!(note, Note::Health { .. })));
}

#[test]
fn it_is_due_when_its_permit_is() {
    let mut rig = time_guard(Phase::Idle);
    rig.run(ms(5));
    assert_eq!(rig.guard.due(), rig.now.after(ms(5)));
    assert_eq!(rig.guard.due(), rig.guard.common().permit.due());
    assert_eq!((nanos(ms(7)), nanos(Span::from_nanos(u64::MAX))), (7_000_000, i64::MAX));
}

#[test]
fn each_guard_answers_to_its_own_identifier_only() {
    for who in wire::Guard::ALL {
        let mut rig = in_phase(who, Phase::Armed);
        assert_eq!(rig.guard.common().who, who);
        for other in wire::Guard::ALL.into_iter().filter(|other| *other != who) {
            rig.frame(Bus::A, rig.permit().encode(other, 0));
        }
        rig.frame(Bus::A, Frame { id: MON1_DOSE ^ 0x400, length: 8, data: [0; 8] });
        rig.holds();
    }
}
