//! Every rule of the gate, as a pair where it has two sides.

use beam_core::frame::protect;
use beam_core::wire::{PERMIT_DOSE1, Permit, PermitState, Reason};

use super::*;

const CONFIG: GateConfig = GateConfig {
    period: Span::from_millis(5),
    stale_after: Span::from_millis(25),
    pulsed: true,
    pulse_lease: true,
    single_bus: false,
};
const TRIPPED_BY_DOSE1: (GateState, CloseCause, u8) = (GateState::Latched, CloseCause::PermitTripped, 1);

/// A gate, four senders of permits, and what the gate reported.
struct Bench {
    gate: Gate,
    alive: [u8; 4],
    now: Ticks,
    sent: Vec<(Bus, Frame)>,
}

impl Bench {
    fn new(config: GateConfig) -> Self {
        Self { gate: Gate::new(config, Ticks::ZERO, Ticks::ZERO), alive: [0; 4], now: Ticks::ZERO, sent: Vec::new() }
    }

    /// A gate that has taken up delivery 7 and is open with `lease` from all but the time guard.
    fn open(config: GateConfig, lease: u32) -> Self {
        let mut bench = Self::new(config);
        bench.all(PermitState::Withheld, 7, 0);
        bench.all(PermitState::Permit, 7, lease);
        bench
    }

    fn put(&mut self, guard: Guard, frame: Frame) {
        let Self { gate, now, sent, .. } = self;
        gate.receive(*now, permit_bus(guard, gate.config.single_bus), &frame, &mut |bus, frame| {
            sent.push((bus, frame));
        });
    }

    fn frame(&mut self, guard: Guard, state: PermitState, delivery: u16, lease: u32) -> Frame {
        let alive = &mut self.alive[guard.index()];
        *alive = next_alive(*alive);
        Permit { state, reason: Reason::None, delivery, lease }.encode(guard, *alive)
    }

    fn send(&mut self, guard: Guard, state: PermitState, delivery: u16, lease: u32) {
        let frame = self.frame(guard, state, delivery, lease);
        self.put(guard, frame);
    }

    /// All four; the time guard sets no limit while it permits a pulse.
    fn all(&mut self, state: PermitState, delivery: u16, lease: u32) {
        for guard in Guard::ALL {
            let lease = if guard == Guard::Time && lease > 0 { NO_PULSE_LIMIT } else { lease };
            self.send(guard, state, delivery, lease);
        }
    }

    fn wait(&mut self, span: Span) {
        let until = self.now.after(span);
        while self.gate.next() <= until {
            self.now = self.gate.next();
            self.gate.advance(self.now, &mut |bus, frame| self.sent.push((bus, frame)));
        }
        self.now = until;
    }

    fn fire(&mut self) {
        self.gate.fire(self.now, &mut |bus, frame| self.sent.push((bus, frame)));
    }

    fn judged(&self) -> (GateState, CloseCause, u8) {
        let GateStatus { state, cause, closed_by, .. } = self.gate.status();
        (state, cause, closed_by)
    }
}

const OPEN: (GateState, CloseCause, u8) = (GateState::Open, CloseCause::None, 0);

fn closed(cause: CloseCause, by: u8) -> (GateState, CloseCause, u8) {
    (GateState::Closed, cause, by)
}

#[test]
fn trips_at_power_up_and_holds_no_delivery() {
    let mut bench = Bench::new(CONFIG);
    assert_eq!(bench.judged(), closed(CloseCause::PermitWithheld, 15));
    assert_eq!(bench.gate.held(), 0);
    bench.all(PermitState::Permit, 7, 5);
    assert_eq!(bench.judged(), closed(CloseCause::DeliveryMismatch, 15), "a left-over PERMIT opens nothing");
    bench.all(PermitState::Withheld, 0, 0);
    bench.all(PermitState::Permit, 0, 5);
    assert_eq!(bench.judged(), closed(CloseCause::PermitWithheld, 15), "nor does one for no delivery");
    bench.all(PermitState::Tripped, 0, 5);
    assert_eq!(bench.judged(), closed(CloseCause::PermitWithheld, 15), "nothing held, nothing to latch");
}

#[test]
fn holds_open_after_all_four_were_withheld_and_permit() {
    let mut bench = Bench::new(CONFIG);
    bench.all(PermitState::Withheld, 7, 0);
    assert_eq!((bench.judged(), bench.gate.held()), (closed(CloseCause::PermitWithheld, 15), 7));
    for (guard, by) in [(Guard::Dose1, 14), (Guard::Dose2, 12), (Guard::Time, 8)] {
        bench.send(guard, PermitState::Permit, 7, 1);
        assert_eq!(bench.judged(), closed(CloseCause::PermitWithheld, by));
    }
    bench.send(Guard::Interlock, PermitState::Permit, 7, 1);
    assert_eq!(bench.judged(), OPEN);
}

#[test]
fn trips_a_take_up_that_is_not_four_fresh_equal_withheld_with_lease_0() {
    let offers = [(PermitState::Withheld, 8, 0), (PermitState::Withheld, 7, 1), (PermitState::Permit, 7, 0)];
    for (state, delivery, lease) in offers {
        let mut bench = Bench::new(CONFIG);
        for guard in [Guard::Dose1, Guard::Dose2, Guard::Time] {
            bench.send(guard, PermitState::Withheld, 7, 0);
        }
        bench.send(Guard::Interlock, state, delivery, lease);
        assert_eq!(bench.gate.held(), 0, "{state:?} {delivery} {lease}");
    }
    let mut late = Bench::new(CONFIG);
    for guard in [Guard::Dose1, Guard::Dose2, Guard::Time] {
        late.send(guard, PermitState::Withheld, 7, 0);
    }
    late.wait(Span::from_millis(26));
    late.send(Guard::Interlock, PermitState::Withheld, 7, 0);
    assert_eq!(late.gate.held(), 0, "three were stale");
    let mut none = Bench::open(CONFIG, 5);
    none.all(PermitState::Withheld, 0, 0);
    assert_eq!(none.gate.held(), 7);
    let mut spoilt = Bench::new(CONFIG);
    spoilt.send(Guard::Dose1, PermitState::Withheld, 7, 0);
    spoilt.put(Guard::Dose1, Frame { id: PERMIT_DOSE1, length: 8, data: [1; 8] });
    for guard in [Guard::Dose2, Guard::Time, Guard::Interlock] {
        spoilt.send(guard, PermitState::Withheld, 7, 0);
    }
    assert_eq!(spoilt.gate.held(), 0, "one was invalid");
}

#[test]
fn holds_counters_and_latch_cleared_only_by_a_take_up_of_another_delivery() {
    let mut bench = Bench::open(CONFIG, 9);
    bench.gate.set_beam_requested(bench.now, true);
    bench.wait(Span::from_millis(20));
    bench.fire();
    bench.send(Guard::Dose1, PermitState::Tripped, 7, 9);
    bench.all(PermitState::Withheld, 7, 0);
    assert_eq!((bench.judged(), bench.gate.status().pulses), (TRIPPED_BY_DOSE1, 1));
    bench.all(PermitState::Withheld, 8, 0);
    assert_eq!(bench.judged(), closed(CloseCause::PermitWithheld, 15));
    let GateStatus { pulses, beam_on_centiseconds, .. } = bench.gate.status();
    assert_eq!((bench.gate.held(), pulses, beam_on_centiseconds), (8, 0, 0));
}

#[test]
fn trips_when_the_smallest_lease_is_used_up() {
    for (guard, by) in [(Guard::Dose1, 1), (Guard::Dose2, 2), (Guard::Time, 4), (Guard::Interlock, 8)] {
        let mut bench = Bench::open(CONFIG, 5);
        bench.send(guard, PermitState::Permit, 7, 2);
        bench.fire();
        assert!(bench.gate.lets_pulse());
        bench.fire();
        assert!(!bench.gate.lets_pulse());
        assert_eq!(bench.judged(), (GateState::Open, CloseCause::LeaseUsed, by));
        bench.send(guard, PermitState::Permit, 7, 1);
        assert_eq!(bench.gate.status().pulses, 2, "fired stays fired");
        bench.send(guard, PermitState::Permit, 7, 3);
        assert!(bench.gate.lets_pulse());
    }
}

#[test]
fn trips_no_limit_from_any_but_the_time_guard_on_a_pulsed_machine() {
    for guard in [Guard::Dose1, Guard::Dose2, Guard::Interlock] {
        let mut bench = Bench::open(CONFIG, 5);
        bench.send(guard, PermitState::Permit, 7, NO_PULSE_LIMIT);
        assert_eq!(bench.judged(), closed(CloseCause::PermitInvalid, guard.bit()));
    }
}

#[test]
fn holds_no_limit_from_all_without_pulses() {
    let mut bench = Bench::open(GateConfig { pulsed: false, ..CONFIG }, NO_PULSE_LIMIT);
    assert_eq!(bench.judged(), OPEN);
    bench.send(Guard::Dose1, PermitState::Permit, 7, 0);
    assert_eq!(bench.judged(), (GateState::Open, CloseCause::LeaseUsed, 1), "lease 0 means no beam on every gate");
}

#[test]
fn a_gate_without_leases_stops_at_lease_0_only() {
    let mut bench = Bench::open(GateConfig { pulse_lease: false, ..CONFIG }, 1);
    bench.send(Guard::Dose1, PermitState::Permit, 7, NO_PULSE_LIMIT);
    for _ in 0..3 {
        bench.fire();
        assert!(bench.gate.lets_pulse());
    }
    bench.send(Guard::Dose2, PermitState::Permit, 7, 0);
    assert_eq!(bench.judged(), (GateState::Open, CloseCause::LeaseUsed, 2));
}

#[test]
fn holds_a_permit_of_exactly_stale_after() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.wait(Span::from_millis(25));
    assert_eq!(bench.judged(), OPEN);
}

#[test]
fn trips_a_permit_older_than_stale_after_until_somebody_acts() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.wait(Span::from_millis(10));
    for guard in [Guard::Dose1, Guard::Time, Guard::Interlock] {
        bench.send(guard, PermitState::Permit, 7, 5);
    }
    bench.wait(Span::from_nanos(15_000_001));
    assert_eq!(bench.judged(), closed(CloseCause::PermitStale, 2));
    bench.send(Guard::Dose2, PermitState::Permit, 7, 5);
    assert_eq!(bench.judged(), closed(CloseCause::PermitWithheld, 2), "it counts as WITHHELD");
    bench.send(Guard::Dose2, PermitState::Withheld, 7, 5);
    bench.send(Guard::Dose2, PermitState::Permit, 7, 5);
    assert_eq!(bench.judged(), OPEN);
}

#[test]
fn trips_an_outage_that_ends_with_a_good_frame_before_the_gate_looked() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.now = bench.now.after(Span::from_millis(26));
    bench.send(Guard::Dose1, PermitState::Permit, 7, 5);
    assert_eq!(bench.judged(), closed(CloseCause::PermitStale, 14));
}

#[test]
fn a_repeat_renews_nothing() {
    let mut bench = Bench::open(CONFIG, 5);
    let frame = bench.frame(Guard::Dose1, PermitState::Permit, 7, 5);
    bench.put(Guard::Dose1, frame);
    for _ in 0..6 {
        bench.wait(Span::from_millis(5));
        bench.put(Guard::Dose1, frame);
        for guard in [Guard::Dose2, Guard::Time, Guard::Interlock] {
            bench.send(guard, PermitState::Permit, 7, 5);
        }
    }
    assert_eq!(bench.judged(), closed(CloseCause::PermitStale, 1));
}

#[test]
fn trips_every_distrusted_permit_and_takes_its_worth() {
    let spoils: [fn(&mut Frame); 4] = [
        |frame| frame.data[0] ^= 1,
        |frame| frame.length = 7,
        |frame| *frame = protect(PERMIT_DOSE1, 9, 1, [0, 7, 0, 5, 0, 0]),
        |frame| *frame = protect(PERMIT_DOSE1, frame.data[1] & 15, 1, [4, 7, 0, 5, 0, 0]),
    ];
    for spoil in spoils {
        let mut bench = Bench::open(CONFIG, 5);
        let mut frame = bench.frame(Guard::Dose1, PermitState::Permit, 7, 5);
        spoil(&mut frame);
        bench.put(Guard::Dose1, frame);
        assert_eq!(bench.judged(), closed(CloseCause::PermitInvalid, 1), "{frame:?}");
        bench.alive[0] = frame.data[1] & 15;
        bench.send(Guard::Dose1, PermitState::Permit, 7, 5);
        assert_eq!(bench.judged(), closed(CloseCause::PermitWithheld, 1), "{frame:?}");
    }
}

#[test]
fn holds_two_lost_frames() {
    let mut bench = Bench::open(CONFIG, 5);
    let _lost = bench.frame(Guard::Dose1, PermitState::Permit, 7, 5);
    let _lost = bench.frame(Guard::Dose1, PermitState::Permit, 7, 5);
    bench.send(Guard::Dose1, PermitState::Permit, 7, 5);
    assert_eq!(bench.judged(), OPEN);
}

#[test]
fn trips_withheld_and_opens_again_on_permit() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.send(Guard::Time, PermitState::Withheld, 7, 5);
    assert_eq!(bench.judged(), closed(CloseCause::PermitWithheld, 4));
    bench.send(Guard::Time, PermitState::Permit, 7, 5);
    assert_eq!(bench.judged(), OPEN);
}

#[test]
fn trips_a_permit_of_another_delivery_and_takes_its_worth() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.send(Guard::Interlock, PermitState::Tripped, 8, 5);
    assert_eq!(bench.judged(), closed(CloseCause::DeliveryMismatch, 8), "TRIPPED of another delivery does not latch");
    bench.send(Guard::Interlock, PermitState::Withheld, 8, 0);
    bench.send(Guard::Interlock, PermitState::Permit, 7, 5);
    assert_eq!(bench.judged(), closed(CloseCause::PermitWithheld, 8), "WITHHELD of another gives nothing back");
    bench.send(Guard::Interlock, PermitState::Withheld, 7, 5);
    bench.send(Guard::Interlock, PermitState::Permit, 7, 5);
    assert_eq!(bench.judged(), OPEN);
}

#[test]
fn trips_and_latches_whatever_the_counter_and_the_state() {
    let mut bench = Bench::open(CONFIG, 5);
    let alive = bench.alive[0];
    for other in [alive, (alive + 1) % 15, (alive + 7) % 15, 15] {
        let mut again = Bench::open(CONFIG, 5);
        again.put(Guard::Dose1, protect(PERMIT_DOSE1, other, 2, [9, 7, 0, 0, 0, 0]));
        assert_eq!(again.judged(), TRIPPED_BY_DOSE1, "counter {other}");
    }
    bench.wait(Span::from_millis(26));
    bench.send(Guard::Dose1, PermitState::Tripped, 7, 0);
    assert_eq!(bench.judged(), TRIPPED_BY_DOSE1, "when it was closed");
    bench.all(PermitState::Withheld, 7, 5);
    bench.all(PermitState::Permit, 7, 5);
    assert_eq!(bench.judged(), TRIPPED_BY_DOSE1, "for good");
    bench.send(Guard::Time, PermitState::Tripped, 7, 5);
    assert_eq!(bench.judged().2, 1 | 4, "who trips later is told too");
}

#[test]
fn holds_a_trip_with_a_wrong_crc_unlatched() {
    let mut bench = Bench::open(CONFIG, 5);
    let mut frame = bench.frame(Guard::Dose1, PermitState::Tripped, 7, 5);
    frame.data[0] ^= 1;
    bench.put(Guard::Dose1, frame);
    assert_eq!(bench.judged(), closed(CloseCause::PermitInvalid, 1));
}

#[test]
fn the_hardware_interlock_closes_and_does_not_latch() {
    let mut bench = Bench::open(CONFIG, 5);
    bench.gate.set_hardware_interlock(bench.now, true, &mut |_, _| {});
    assert_eq!(bench.judged(), closed(CloseCause::HardwareInterlock, 0));
    bench.gate.set_hardware_interlock(bench.now, false, &mut |_, _| {});
    assert_eq!(bench.judged(), OPEN);
}

#[test]
fn the_gravest_cause_is_reported() {
    let mut bench = Bench::open(CONFIG, 1);
    bench.fire();
    assert_eq!(bench.judged(), (GateState::Open, CloseCause::LeaseUsed, 1 | 2 | 8));
    bench.send(Guard::Interlock, PermitState::Withheld, 7, 1);
    assert_eq!(bench.judged(), closed(CloseCause::PermitWithheld, 8));
    bench.send(Guard::Time, PermitState::Permit, 8, 1);
    assert_eq!(bench.judged(), closed(CloseCause::DeliveryMismatch, 4));
    bench.wait(Span::from_millis(20));
    bench.send(Guard::Dose1, PermitState::Permit, 7, 1);
    bench.send(Guard::Time, PermitState::Permit, 8, 1);
    bench.send(Guard::Interlock, PermitState::Withheld, 7, 1);
    bench.wait(Span::from_millis(6));
    assert_eq!(bench.judged(), closed(CloseCause::PermitStale, 2));
    bench.put(Guard::Interlock, Frame { id: Guard::Interlock.permit_id(), length: 0, data: [0; 8] });
    assert_eq!(bench.judged(), closed(CloseCause::PermitInvalid, 8));
    bench.gate.set_hardware_interlock(bench.now, true, &mut |_, _| {});
    assert_eq!(bench.judged(), closed(CloseCause::HardwareInterlock, 0));
    bench.send(Guard::Dose1, PermitState::Tripped, 7, 1);
    assert_eq!(bench.judged(), TRIPPED_BY_DOSE1);
}

#[path = "report_tests.rs"]
mod report;
