//! The dose guard: which pulse is the last leased one, and when the limit is reached.

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::{Bus, Frame, Origin, protect};
use beam_core::machine::{Beam, Landing, Machine, Order};
use beam_core::note::{Command, Input, Note, Phase};
use beam_core::requirement::Requirement;
use beam_core::units::Span;
use beam_core::wire::{
    GATE_STATUS, Guard, LINAC_STATUS, MON1_DOSE, MON2_DOSE, NO_PULSE_LIMIT, Permit, PermitState, Reason,
};

use crate::kit::{NANO, PERIOD, PULSE, Rig, continuous, machine, micro_mu, ms, order, pc, verifies, windowed};

const DOSE: [Guard; 2] = [Guard::Dose1, Guard::Dose2];

/// A dose guard in mid-beam, for a preset and a backup in pC.
fn delivering(who: Guard, machine: &Machine, preset: i64, backup: i64) -> Rig {
    Rig::delivering_for(who, machine, &Order { preset: pc(preset), backup: pc(backup), ..order() })
}

fn landing(landing: Landing, window: u32) -> Machine {
    Machine { beam: Beam::Pulsed { period: PERIOD, window, landing, gate_knows_lease: true }, ..machine() }
}

/// Gives pulses of `charge` on monitor 1 until its guard ends the beam; how many it took.
fn pulses_until_reached(rig: &mut Rig, charge: i64) -> u32 {
    for pulse in 1..1000 {
        rig.count_and_tell(1, 1, charge);
        if rig.phase() == Phase::Ended {
            return pulse;
        }
        assert_eq!(rig.permit().lease, pulse + 1, "one at a time");
    }
    panic!("never reached")
}

#[test]
fn trips_at_the_pulse_nearest_to_the_preset() {
    verifies(Requirement::PrimaryDose);
    for (preset, pulses) in [(10_000, 10), (10_499, 10), (10_500, 11), (10_999, 11), (500, 1), (499, 0)] {
        let mut rig = delivering(Guard::Dose1, &machine(), preset, 100_000);
        if pulses > 0 {
            assert_eq!(pulses_until_reached(&mut rig, PULSE[0]), pulses, "{preset}");
        }
        rig.let_out();
        let permit = rig.permit();
        assert_eq!(
            (rig.phase(), permit.state, permit.reason),
            (Phase::Ended, PermitState::Tripped, Reason::DoseReached)
        );
        assert_eq!(rig.notes.iter().filter(|note| **note == Note::Reached).count(), usize::from(pulses > 0));
        assert!(rig.reports().is_empty(), "a dose that is reached is no fault");
    }
}

#[test]
fn trips_at_the_first_pulse_at_or_above_the_preset_where_the_profile_says_so() {
    verifies(Requirement::PrimaryDose);
    for (preset, pulses) in [(10_000, 10), (10_001, 11), (10_999, 11), (11_000, 11), (11_001, 12)] {
        let mut rig = delivering(Guard::Dose1, &landing(Landing::AtOrAbove, 1), preset, 100_000);
        assert_eq!(pulses_until_reached(&mut rig, PULSE[0]), pulses, "{preset}");
    }
}

#[test]
fn trips_by_the_larger_of_mean_and_expected_in_the_first_pulses_and_by_the_mean_from_the_fourth_on() {
    verifies(Requirement::PrimaryDose);
    let until = |preset, charge| {
        let mut rig = delivering(Guard::Dose1, &machine(), preset, 100_000);
        pulses_until_reached(&mut rig, charge)
    };
    // pulses of 1200, of which 1000 are expected: after three, 599 remain, not half of 1200; with 600 one more comes
    assert_eq!((until(4199, 1200), until(4200, 1200)), (3, 4));
    // pulses of 800: after three, 499 remain, not half of 1000, though over half of 800; with 500 one more comes
    assert_eq!((until(2899, 800), until(2900, 800)), (3, 4));
    // after four the mean alone counts: 599 of 1200 are not half, 600 are; 400 of 800 are half
    assert_eq!((until(5399, 1200), until(5400, 1200)), (4, 5));
    assert_eq!((until(3599, 800), until(3600, 800)), (4, 5));
}

#[test]
fn holds_the_lease_to_the_window_and_to_the_limit() {
    verifies(Requirement::PulseByPulse);
    let mut rig = delivering(Guard::Dose1, &windowed(8), 10_000, 100_000);
    assert_eq!(rig.permit(), Permit { state: PermitState::Permit, reason: Reason::None, delivery: 7, lease: 8 });
    rig.count_and_tell(1, 1, PULSE[0]);
    assert_eq!(rig.permit().lease, 9);
    rig.count_and_tell(1, 3, 3 * PULSE[0]);
    assert_eq!(rig.permit().lease, 10, "the limit comes before the window");
    rig.count_and_tell(1, 1, PULSE[0]);
    assert_eq!(rig.permit().lease, 10);
    rig.holds();
}

#[test]
fn holds_the_lease_where_it_is_while_no_pulse_comes() {
    verifies(Requirement::PulseByPulse);
    let mut rig = delivering(Guard::Dose1, &machine(), 10_000, 100_000);
    rig.count_and_tell(1, 0, 400);
    rig.run(ms(200));
    assert_eq!((rig.permit().lease, rig.phase()), (1, Phase::Delivering));
    assert!(!rig.notes.iter().any(|note| matches!(note, Note::Dose { .. })), "a reading without a pulse is not told");
    rig.count_and_tell(1, 1, 600);
    assert_eq!(rig.permit().lease, 2);
    rig.let_out();
    let told = Note::Dose { pulses: 1, charge: pc(1000), dose: micro_mu(50_000), lease: 2, last: pc(600) };
    assert!(rig.notes.contains(&told), "{:?}", rig.notes);
}

#[test]
fn holds_a_lease_below_no_limit_whatever_is_planned() {
    verifies(Requirement::PulseByPulse);
    let rig = delivering(Guard::Dose1, &windowed(u32::MAX), i64::MAX, i64::MAX);
    assert_eq!(rig.permit().lease, NO_PULSE_LIMIT - 2, "the gate's count stops at 16777214");
}

#[test]
fn trips_over_a_pulse_beyond_the_lease() {
    verifies(Requirement::PulseByPulse);
    for (who, monitor) in DOSE.into_iter().zip([1, 2]) {
        let mut rig = delivering(who, &windowed(3), 1_000_000, 1_000_000);
        rig.count_and_tell(monitor, 4, 4 * PULSE[monitor - 1]);
        let report = rig.trips(Fault::PulseBeyondLease);
        assert_eq!((report.measured, report.limit), (4, 3));
    }
}

#[test]
fn holds_the_last_leased_pulse_and_a_gate_that_knows_no_lease() {
    verifies(Requirement::PulseByPulse);
    let mut rig = delivering(Guard::Dose1, &windowed(3), 1_000_000, 1_000_000);
    rig.count_and_tell(1, 3, 3 * PULSE[0]);
    rig.holds();
    assert_eq!(rig.permit().lease, 6);
    let beam = Beam::Pulsed { period: PERIOD, window: 1, landing: Landing::Nearest, gate_knows_lease: false };
    let mut rig = delivering(Guard::Dose1, &Machine { beam, ..machine() }, 1_000_000, 1_000_000);
    rig.count_and_tell(1, 3, 3 * PULSE[0]);
    rig.holds();
}

#[test]
fn trips_at_the_backup_by_dose_guard_2_as_a_fault() {
    verifies(Requirement::BackupDose);
    let mut rig = delivering(Guard::Dose2, &machine(), 0, 5 * PULSE[1]);
    for _ in 0..5 {
        rig.count_and_tell(2, 1, PULSE[1]);
    }
    let report = rig.trips(Fault::BackupReached);
    assert_eq!((report.monitor, report.measured, report.limit, report.pulses), (2, 10_000, 10_000, 5));
    assert!(!rig.notes.contains(&Note::Reached));
}

#[test]
fn holds_below_the_backup_whatever_the_preset() {
    verifies(Requirement::BackupDose);
    let mut rig = delivering(Guard::Dose2, &machine(), 0, 5 * PULSE[1]);
    for _ in 0..4 {
        rig.count_and_tell(2, 1, PULSE[1]);
    }
    rig.holds();
    let told = Note::Dose { pulses: 4, charge: pc(8000), dose: micro_mu(200_000), lease: 5, last: pc(2000) };
    assert!(rig.notes.contains(&told), "by its own calibration: {:?}", rig.notes);
    assert_eq!(rig.permit().lease, 5);
}

#[test]
fn holds_short_of_the_preset_whatever_the_backup() {
    verifies(Requirement::PrimaryDose);
    let mut rig = delivering(Guard::Dose1, &machine(), 5 * PULSE[0], 0);
    for _ in 0..4 {
        rig.count_and_tell(1, 1, PULSE[0]);
    }
    rig.holds();
}

#[test]
fn trips_over_a_chamber_that_lies_and_tells_what_it_had_counted() {
    verifies(Requirement::ChamberHonest);
    let mut rig = delivering(Guard::Dose1, &machine(), 1_000_000, 1_000_000);
    rig.count_and_tell(1, 1, 2001);
    let report = rig.trips(Fault::PulseHigh);
    assert_eq!((report.monitor, report.bus, report.pulses), (1, Some(Bus::A), 1));
    assert!(rig.notes.iter().any(|note| matches!(note, Note::Dose { pulses: 1, .. })), "{:?}", rig.notes);
}

#[test]
fn trips_over_the_gate_and_the_monitor_of_its_own_bus() {
    verifies(Requirement::BusTrusted);
    let unnamed = |rig: &mut Rig, bus| protect(GATE_STATUS, rig.alive(GATE_STATUS, bus), 3, [0; 6]);
    for (who, bus) in DOSE.into_iter().zip([Bus::A, Bus::B]) {
        let mut rig = Rig::delivering(who, &machine());
        let frame = unnamed(&mut rig, bus);
        rig.frame(bus, frame);
        assert_eq!(rig.trips(Fault::UnnamedValue).bus, Some(bus));

        let mut rig = Rig::delivering(who, &machine());
        let mut broken = rig.gate.encode(0);
        broken.data[7] ^= 1;
        rig.frame(bus, broken);
        assert_eq!(rig.trips(Fault::Crc).bus, Some(bus));

        let mut rig = Rig::delivering(who, &machine());
        let (other, _) = if who == Guard::Dose1 { (MON2_DOSE, 2) } else { (MON1_DOSE, 1) };
        rig.frame(bus, protect(other, 0, 0, [0; 6]));
        assert_eq!(rig.trips(Fault::SwappedBuses).bus, Some(bus));

        let mut rig = Rig::delivering(who, &machine());
        let frame = rig.gate.encode(0);
        let _told = rig.step(&Input::Frame { bus, origin: Origin::Local, frame });
        assert_eq!(rig.trips(Fault::LocalChamber).bus, Some(bus));
    }
}

#[test]
fn holds_repeats_and_what_is_not_its_business() {
    verifies(Requirement::BusTrusted);
    let mut rig = Rig::delivering(Guard::Dose1, &machine());
    rig.tell_gate_on(Bus::A);
    let alive = rig.alive(GATE_STATUS, Bus::A);
    let again = rig.gate.encode(alive);
    rig.frame(Bus::A, again);
    rig.frame(Bus::A, again);
    rig.frame(Bus::A, protect(LINAC_STATUS, 0, 15, [0; 6]));
    rig.frame(Bus::A, Frame { id: 0x7FF, length: 0, data: [0; 8] });
    rig.holds();
}

#[test]
fn holds_frames_that_are_three_periods_old() {
    verifies(Requirement::BusTrusted);
    for (id, millis) in [(MON1_DOSE, 30), (GATE_STATUS, 15)] {
        let mut rig = aging(id);
        rig.run(ms(millis));
        rig.holds();
    }
}

#[test]
fn trips_over_frames_that_are_older() {
    verifies(Requirement::BusTrusted);
    for (id, millis, fault) in [(MON1_DOSE, 30, Fault::DoseStale), (GATE_STATUS, 15, Fault::GateStale)] {
        let mut rig = aging(id);
        rig.run(ms(millis));
        rig.now = rig.now.after(NANO);
        rig.tick();
        assert_eq!(rig.trips(fault).bus, Some(Bus::A));
    }
}

/// A guard in mid-beam that has just heard everything and will not hear `id` again.
fn aging(id: u16) -> Rig {
    let mut rig = Rig::delivering(Guard::Dose1, &machine());
    rig.run(ms(100));
    rig.tell_chamber(1);
    rig.tell_gate();
    rig.mute.push((id, Bus::A));
    rig
}

#[test]
fn what_is_silent_at_rest_is_no_fault_and_stands_against_a_beam() {
    let standing = |rig: &mut Rig| {
        rig.notes.clear();
        rig.run(ms(100));
        rig.notes
            .iter()
            .rev()
            .find_map(|note| if let Note::Health { standing, .. } = note { Some(*standing) } else { None })
    };
    let mut rig = Rig::new(Guard::Dose2, &machine());
    assert_eq!(standing(&mut rig), Some(FaultSet::EMPTY));
    rig.mute.push((MON2_DOSE, Bus::B));
    assert_eq!(standing(&mut rig), Some(FaultSet::EMPTY.with(Fault::DoseStale)));
    rig.mute.push((GATE_STATUS, Bus::B));
    assert_eq!(standing(&mut rig), Some(FaultSet::EMPTY.with(Fault::DoseStale).with(Fault::GateStale)));
    rig.mute.remove(0);
    assert_eq!(standing(&mut rig), Some(FaultSet::EMPTY.with(Fault::GateStale)));
    rig.holds();
}

#[test]
fn holds_a_tube_open_until_its_dose_and_trips_at_it() {
    verifies(Requirement::PrimaryDose);
    let mut rig = delivering(Guard::Dose1, &continuous(), 1500, 100_000);
    assert_eq!(rig.permit().lease, NO_PULSE_LIMIT);
    rig.count_and_tell(1, 0, 700);
    rig.count_and_tell(1, 0, 799);
    rig.holds();
    assert!(rig.notes.iter().any(|note| matches!(note, Note::Dose { pulses: 0, last, .. } if *last == pc(799))));
    rig.count_and_tell(1, 0, 1);
    assert_eq!((rig.phase(), rig.permit().reason), (Phase::Ended, Reason::DoseReached));
    let reached = delivering(Guard::Dose1, &continuous(), 0, 100_000);
    assert_eq!(reached.phase(), Phase::Ended, "nothing to deliver");
}

#[test]
fn holds_back_while_it_is_interrupted_and_goes_on_from_there() {
    verifies(Requirement::Operator);
    let mut rig = delivering(Guard::Dose1, &machine(), 10_000, 100_000);
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.command(Command::Withhold);
    assert_eq!((rig.permit().state, rig.permit().lease), (PermitState::Withheld, 2));
    rig.count_and_tell(1, 1, PULSE[0]);
    assert_eq!(rig.permit().state, PermitState::Withheld, "a last pulse on its way is counted and leases nothing");
    rig.command(Command::Heartbeat);
    assert_eq!(rig.permit().state, PermitState::Withheld);
    rig.command(Command::Deliver);
    assert_eq!((rig.permit().state, rig.permit().lease), (PermitState::Permit, 3));
    rig.holds();
}

#[test]
fn holds_what_another_count_has_seen_against_the_preset() {
    verifies(Requirement::Operator);
    // three pulses on its own monitor; another count has seen five: five remain, and one picocoulomb less
    let resumed_to = |preset: i64, who: Guard, base: i64, interrupted: bool| {
        let mut rig = delivering(who, &windowed(20), preset, 20_000);
        let monitor = if who == Guard::Dose1 { 1 } else { 2 };
        rig.count_and_tell(monitor, 3, 3 * PULSE[monitor - 1]);
        let lease = rig.permit().lease;
        if interrupted {
            rig.command(Command::Withhold);
        }
        rig.command(Command::Rebase { base: micro_mu(base) });
        rig.command(Command::Deliver);
        rig.count_and_tell(monitor, 1, PULSE[monitor - 1]);
        (lease, rig.phase(), rig)
    };
    let resumed = |who: Guard, base: i64, interrupted: bool| resumed_to(10_000, who, base, interrupted);
    let reached_after = |preset: i64, base: i64| {
        let (_, _, mut rig) = resumed_to(preset, Guard::Dose1, base, true);
        let mut pulses = 4;
        while rig.phase() == Phase::Delivering {
            rig.count_and_tell(1, 1, PULSE[0]);
            pulses += 1;
        }
        pulses
    };
    let ten = |base: i64| reached_after(10_000, base);
    assert_eq!((ten(0), ten(150_000), ten(250_000)), (10, 10, 8));
    // at nine and a half a single picocoulomb is a pulse: none is taken away where nobody has seen more
    assert_eq!((reached_after(9_500, 150_000), reached_after(9_500, 150_001)), (10, 9));
    for (who, interrupted) in [(Guard::Dose2, true), (Guard::Dose1, false)] {
        let (_, phase, mut rig) = resumed(who, 490_000, interrupted);
        assert_eq!(phase, Phase::Delivering, "only dose guard 1, and only after an interruption");
        rig.holds();
    }
    let (_, phase, rig) = resumed(Guard::Dose1, 490_000, true);
    assert_eq!((phase, rig.permit().reason), (Phase::Ended, Reason::DoseReached));
}

#[test]
fn a_new_order_begins_anew() {
    let mut rig = delivering(Guard::Dose1, &machine(), 3000, 100_000);
    assert_eq!(pulses_until_reached(&mut rig, PULSE[0]), 3);
    rig.command(Command::Arm { delivery: 8, order: order() });
    rig.command(Command::Deliver);
    assert_eq!((rig.permit().lease, rig.permit().delivery), (1, 8));
    rig.count_and_tell(1, 1, PULSE[0]);
    assert_eq!(rig.permit().lease, 2);
    assert_eq!(Span::ZERO, rig.guard.common().permit.unsent_for(rig.now));
    rig.holds();
}

#[test]
fn holds_drift_while_it_is_armed_for_no_dose() {
    verifies(Requirement::PrimaryDose);
    let mut rig = Rig::armed(Guard::Dose1, &machine());
    for _ in 0..3 {
        rig.count_and_tell(1, 0, 900);
    }
    rig.command(Command::Deliver);
    rig.forget();
    rig.count_and_tell(1, 1, 2000);
    rig.holds();
    assert!(rig.notes.iter().any(|note| matches!(note, Note::Dose { charge, .. } if *charge == pc(2000))));
}

#[test]
fn no_lease_is_given_before_the_delivery_begins() {
    let mut rig = Rig::armed(Guard::Dose1, &machine());
    rig.count_and_tell(1, 1, PULSE[0]);
    rig.command(Command::Heartbeat);
    assert_eq!((rig.permit().state, rig.permit().lease), (PermitState::Withheld, 0));
    let mut resting = Rig::new(Guard::Dose1, &machine());
    resting.command(Command::Deliver);
    assert_eq!(resting.permit().state, PermitState::Withheld);
}
