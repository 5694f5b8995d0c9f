//! One chamber: what becomes charge and pulses, and each way in which a reading can lie.

use beam_core::chamber::{BeamSign, Chamber, Reading, STRETCH};
use beam_core::fault::Fault;
use beam_core::frame::{Frame, Origin};
use beam_core::machine::{Machine, Order};
use beam_core::note::{FaultReport, FrameCounts};
use beam_core::reading::{DoseReading, dose_flag};
use beam_core::requirement::Requirement;
use beam_core::units::{Charge, ChargeCounter, Ticks};
use beam_core::wire::{MON1_DOSE, MON2_DOSE};

use crate::kit::{FULL_SCALE, PULSE, at, continuous, machine, ms, order, pc, verifies};

type Taken = Result<Option<Reading>, FaultReport>;

/// A chamber and its electrometer.
pub struct Trial {
    pub chamber: Chamber,
    monitor: u8,
    pub reading: DoseReading,
    alive: u8,
    pub now: Ticks,
    counts: FrameCounts,
}

impl Trial {
    /// Monitor 1 or 2, which has spoken once, in a delivery.
    fn of(monitor: u8, machine: &Machine, order: &Order) -> Self {
        Self::counting_from(65_530, monitor, machine, order)
    }

    pub fn counting_from(pulses: u16, monitor: u8, machine: &Machine, order: &Order) -> Self {
        let reading = DoseReading { flags: 0, pulses, charge: ChargeCounter::from_raw(u32::MAX - 500) };
        let chamber = Chamber::new(monitor, machine);
        let counts = FrameCounts::default();
        let mut trial = Self { chamber, monitor, reading, alive: 0, now: at(1000), counts };
        assert_eq!(trial.speak(), Ok(Some(Reading::default())));
        trial.chamber.begin(order);
        trial
    }

    /// Monitor 1 of the usual machine.
    pub fn new() -> Self {
        Self::of(1, &machine(), &order())
    }

    fn frame(&mut self) -> Frame {
        self.alive = (self.alive + 1) % 15;
        self.reading.encode(if self.monitor == 1 { MON1_DOSE } else { MON2_DOSE }, self.alive)
    }

    fn hear(&mut self, frame: &Frame, beam: bool) -> Taken {
        let beam = if beam { BeamSign::On } else { BeamSign::Closed };
        self.chamber.take(self.now, Origin::Wire, frame, beam, &mut self.counts)
    }

    fn speak(&mut self) -> Taken {
        let frame = self.frame();
        self.hear(&frame, false)
    }

    /// `pulses` more with `charge`, in one frame.
    pub fn more(&mut self, pulses: u16, charge: i64) -> Taken {
        self.reading.pulses = self.reading.pulses.wrapping_add(pulses);
        self.reading.charge = ChargeCounter::from_raw(self.reading.charge.raw().wrapping_add(charge as u32));
        self.speak()
    }

    /// Without pulses: `charge` in the next `millis`, with or without beam.
    pub fn stretch(&mut self, millis: u64, charge: i64, beam: bool) -> Taken {
        self.now = self.now.after(ms(millis));
        self.reading.charge = ChargeCounter::from_raw(self.reading.charge.raw().wrapping_add(charge as u32));
        let frame = self.frame();
        self.hear(&frame, beam)
    }

    #[track_caller]
    pub fn holds(&mut self, pulses: u16, charge: i64) {
        let reading = Reading { pulses: u32::from(pulses), charge: pc(charge) };
        assert_eq!(self.more(pulses, charge), Ok(Some(reading)));
    }

    #[track_caller]
    pub fn trips(&mut self, pulses: u16, charge: i64, fault: Fault, measured: i64, limit: i64) {
        let found = self.more(pulses, charge);
        let report = FaultReport { pulses: self.chamber.pulses(), ..FaultReport::of(fault) };
        assert_eq!(found, Err(report.monitor(self.monitor).measured(measured, limit)));
    }
}

#[test]
fn holds_charge_and_pulses_across_both_wraps_and_over_lost_frames() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    for _ in 0..10 {
        trial.holds(1, PULSE[0]);
    }
    let _lost = trial.frame();
    trial.holds(2, 2 * PULSE[0]);
    assert_eq!((trial.chamber.pulses(), trial.chamber.charge()), (12, pc(12_000)));
    assert_eq!(trial.chamber.expected(), pc(PULSE[0]));
    assert_eq!(trial.chamber.hearing().age(at(1007), at(0)), ms(7));
    trial.chamber.begin(&order());
    assert_eq!((trial.chamber.pulses(), trial.chamber.charge()), (0, Charge::ZERO), "a delivery begins anew");
}

#[test]
fn holds_a_repeated_frame_for_nothing() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    trial.reading.pulses = trial.reading.pulses.wrapping_add(1);
    trial.reading.charge = ChargeCounter::from_raw(trial.reading.charge.raw().wrapping_add(1000));
    let frame = trial.frame();
    assert!(trial.hear(&frame, false).is_ok_and(|reading| reading.is_some()));
    assert_eq!(trial.hear(&frame, false), Ok(None));
    assert_eq!((trial.chamber.pulses(), trial.chamber.charge()), (1, pc(1000)));
}

#[test]
fn trips_over_a_frame_that_proves_nothing() {
    verifies(Requirement::BusTrusted);
    let mut trial = Trial::new();
    let frame = trial.frame();
    let local = trial.chamber.take(trial.now, Origin::Local, &frame, BeamSign::Closed, &mut trial.counts);
    assert_eq!(local, Err(FaultReport::of(Fault::LocalChamber).monitor(1)));
    let broken = Frame { length: 7, ..frame };
    assert_eq!(trial.hear(&broken, false), Err(FaultReport::of(Fault::Length).monitor(1)));
    assert_eq!(trial.counts.distrusted, 2);
}

#[test]
fn trips_over_each_flag_also_in_the_first_frame() {
    verifies(Requirement::ChamberHonest);
    let flags = [
        (dose_flag::SATURATED, Fault::Saturated),
        (dose_flag::OVERRANGE, Fault::OverRange),
        (dose_flag::SELF_TEST, Fault::ChamberReportsFault),
        (dose_flag::FAULT, Fault::ChamberReportsFault),
        (dose_flag::FAULT | dose_flag::SELF_TEST, Fault::ChamberReportsFault),
        (0x0F, Fault::Saturated),
        (0x0E, Fault::OverRange),
    ];
    for (flags, fault) in flags {
        let mut trial = Trial::new();
        trial.reading.flags = flags;
        trial.trips(1, PULSE[0], fault, i64::from(flags), 0);
        // a lower bound counts; what an electrometer reads while it is broken or tests itself is no reading at all
        let is_bound = flags & (dose_flag::FAULT | dose_flag::SELF_TEST) == 0;
        let charge = pc(if is_bound { PULSE[0] } else { 0 });
        assert_eq!((trial.chamber.pulses(), trial.chamber.charge()), (1, charge), "{flags}");
        let mut first = Trial { chamber: Chamber::new(1, &machine()), ..trial };
        let report = FaultReport::of(fault).monitor(1).measured(i64::from(flags), 0);
        assert_eq!(first.speak(), Err(report));
    }
}

#[test]
fn holds_a_pulse_short_of_full_scale_and_trips_at_it() {
    verifies(Requirement::ChamberHonest);
    for monitor in [1_u8, 2] {
        let scale = FULL_SCALE[usize::from(monitor) - 1];
        // large pulses are expected, so that only full scale is judged
        let order = Order { expected_pulse: [pc(scale); 2], ..order() };
        Trial::of(monitor, &machine(), &order).holds(1, scale - 1);
        Trial::of(monitor, &machine(), &order).trips(1, scale, Fault::FullScale, scale, scale);
        Trial::of(monitor, &machine(), &order).holds(2, 2 * scale - 1);
        Trial::of(monitor, &machine(), &order).trips(2, 2 * scale, Fault::FullScale, 2 * scale, 2 * scale);
        Trial::of(monitor, &machine(), &order).trips(0, scale, Fault::FullScale, scale, scale);
    }
}

#[test]
fn holds_k_pulses_with_the_charge_of_k_and_one() {
    verifies(Requirement::ChamberHonest);
    Trial::new().holds(1, 2000);
    Trial::new().holds(3, 4000);
    Trial::new().holds(0, 1000);
    Trial::of(2, &machine(), &order()).holds(1, 4000);
}

#[test]
fn trips_over_a_picocoulomb_more_than_k_and_one() {
    verifies(Requirement::ChamberHonest);
    Trial::new().trips(1, 2001, Fault::PulseHigh, 2001, 2000);
    Trial::new().trips(3, 4001, Fault::PulseHigh, 4001, 4000);
    Trial::new().trips(0, 1001, Fault::PulseHigh, 1001, 1000);
    Trial::of(2, &machine(), &order()).trips(1, 4001, Fault::PulseHigh, 4001, 4000);
}

#[test]
fn holds_a_machine_that_gives_a_quarter_more_over_the_pulses_of_lost_frames() {
    verifies(Requirement::ChamberHonest);
    Trial::new().holds(4, 5000);
    Trial::new().trips(4, 5001, Fault::PulseHigh, 5001, 5000);
    Trial::new().holds(10, 12_500);
    Trial::new().trips(10, 12_501, Fault::PulseHigh, 12_501, 12_500);
}

#[test]
fn charge_before_its_pulse_is_carried_to_that_pulse() {
    let mut trial = Trial::new();
    trial.holds(0, 600);
    trial.holds(0, 400);
    trial.holds(1, 1000);
    trial.holds(1, 2000);
    let mut trial = Trial::new();
    trial.holds(0, 1000);
    trial.trips(1, 1001, Fault::PulseHigh, 2001, 2000);
    let mut trial = Trial::new();
    trial.holds(0, 600);
    trial.trips(0, 401, Fault::PulseHigh, 1001, 1000);
    let mut trial = Trial::new();
    trial.holds(0, 1000);
    trial.chamber.begin(&order());
    trial.holds(1, 2000);
}

#[test]
fn holds_a_counter_that_falls_by_a_tenth_of_a_pulse() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    trial.holds(1, 1000);
    trial.holds(0, -100);
    trial.holds(1, 1000);
    trial.holds(0, -100);
}

#[test]
fn trips_over_a_counter_that_falls_further_at_once_or_slowly() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    trial.holds(1, 1000);
    trial.trips(0, -101, Fault::ChargeFalls, 101, 100);
    let mut trial = Trial::new();
    trial.holds(1, 1000);
    trial.holds(0, -60);
    trial.holds(0, -40);
    trial.trips(0, -1, Fault::ChargeFalls, 101, 100);
    let mut trial = Trial::new();
    trial.trips(1, -101, Fault::ChargeFalls, 101, 100);
    trial.chamber.begin(&order());
    trial.holds(0, -100);
}

#[test]
fn trips_over_charge_that_stands_still_at_the_second_pulse() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    trial.holds(1, 0);
    trial.trips(1, 0, Fault::ChargeStandsStill, 0, 100);
    Trial::new().trips(2, 0, Fault::ChargeStandsStill, 0, 200);
}

#[test]
fn trips_over_a_lost_signal_at_the_second_pulse() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    trial.holds(1, 99);
    trial.trips(1, 99, Fault::NoSignal, 99, 100);
    Trial::new().trips(2, 199, Fault::NoSignal, 199, 200);
    // negative charge is no signal either, and one that stands still before it changes nothing
    let mut trial = Trial::new();
    trial.holds(1, 0);
    trial.trips(1, -5, Fault::NoSignal, -5, 100);
}

#[test]
fn trips_over_a_low_signal_at_the_third_pulse() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    trial.holds(1, 499);
    trial.holds(1, 499);
    trial.trips(1, 499, Fault::PulseLow, 499, 500);
    Trial::new().trips(3, 1499, Fault::PulseLow, 1499, 1500);
}

#[test]
fn holds_a_signal_at_its_limits_and_single_pulses_below() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    for _ in 0..10 {
        trial.holds(1, 500);
    }
    let mut trial = Trial::new();
    for _ in 0..5 {
        // two under half and one at half; one under a tenth and one at a tenth
        trial.holds(1, 499);
        trial.holds(1, 499);
        trial.holds(1, 500);
        trial.holds(1, 99);
        trial.holds(1, 100);
        trial.holds(1, 500);
        trial.holds(1, 0);
        trial.holds(1, 500);
    }
    let mut trial = Trial::new();
    trial.holds(1, 0);
    trial.chamber.begin(&order());
    trial.holds(1, 0);
    trial.chamber.begin(&order());
    trial.holds(1, 499);
    trial.holds(1, 499);
    trial.chamber.begin(&order());
    trial.holds(1, 499);
    Trial::new().holds(3, 1500);
    Trial::new().holds(2, 200);
}

#[test]
fn holds_many_pulses_that_were_not_heard_in_between() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::counting_from(100, 1, &machine(), &order());
    trial.holds(0x7FFF, 0x7FFF * PULSE[0]);
    assert_eq!(trial.chamber.pulses(), 0x7FFF);
}

#[test]
fn holds_drift_before_the_first_pulse_for_no_dose() {
    verifies(Requirement::ChamberHonest);
    // armed: drift is neither charge of a coming pulse nor a fall
    let mut trial = Trial::new();
    for drift in [900, 900, -100, -100, -100] {
        trial.holds(0, drift);
        trial.chamber.rest();
    }
    assert_eq!(trial.chamber.charge(), pc(1500));
    trial.chamber.start();
    assert_eq!(trial.chamber.charge(), Charge::ZERO, "the beam begins at zero");
    // interrupted before its first pulse, it begins at zero once more
    trial.holds(0, 700);
    trial.chamber.start();
    assert_eq!(trial.chamber.charge(), Charge::ZERO);
    trial.holds(1, 2000);
}

#[test]
fn trips_over_a_fall_and_a_high_pulse_though_it_rested() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    trial.trips(0, -101, Fault::ChargeFalls, 101, 100);
    // once a pulse was counted neither a rest nor a start forgets anything
    let mut trial = Trial::new();
    trial.holds(1, 1000);
    trial.holds(0, 1000);
    trial.chamber.rest();
    trial.chamber.start();
    assert_eq!(trial.chamber.charge(), pc(2000));
    trial.trips(1, 1001, Fault::PulseHigh, 2001, 2000);
    let mut trial = Trial::new();
    trial.holds(1, 1000);
    trial.holds(0, -60);
    trial.chamber.rest();
    trial.trips(0, -41, Fault::ChargeFalls, 101, 100);
}

#[test]
fn nothing_is_judged_before_a_pulse_is_expected() {
    let idle = Order { expected_pulse: [Charge::ZERO; 2], ..order() };
    let mut trial = Trial::of(1, &machine(), &idle);
    trial.holds(1, 3 * FULL_SCALE[0]);
    trial.holds(5, -400);
    // not even one of less than nothing
    let mut trial = Trial::of(1, &machine(), &Order { expected_pulse: [pc(-1); 2], ..order() });
    trial.holds(1, 3 * FULL_SCALE[0]);
}

/// A machine without pulses: each tenth of a second of beam is judged.
pub fn tube() -> Trial {
    Trial::of(1, &continuous(), &order())
}

#[test]
fn holds_a_steady_beam_without_pulses() {
    verifies(Requirement::ChamberHonest);
    assert_eq!(STRETCH, ms(100));
    let mut tube = tube();
    for _ in 0..40 {
        assert!(tube.stretch(50, 500, true).is_ok());
    }
    assert_eq!(tube.chamber.charge(), pc(20_000));
    for _ in 0..40 {
        assert!(tube.stretch(10, 0, false).is_ok(), "no beam, no charge");
    }
}

#[track_caller]
fn found(taken: Taken) -> (Fault, i64, i64) {
    taken.map_err(|report| (report.fault, report.measured, report.limit)).unwrap_err()
}

#[test]
fn trips_over_a_tube_at_full_scale_with_beam_and_without() {
    verifies(Requirement::ChamberHonest);
    for beam in [true, false] {
        assert_eq!(found(tube().stretch(10, 5000, beam)), (Fault::FullScale, 5000, 5000));
    }
    assert!(tube().stretch(10, 4999, false).is_ok());
}

#[test]
fn trips_over_a_tube_that_gives_twice_too_much() {
    verifies(Requirement::ChamberHonest);
    // up to twice the charge of the tenth that is running
    assert!(tube().stretch(99, 2000, true).is_ok());
    assert_eq!(found(tube().stretch(99, 2001, true)), (Fault::PulseHigh, 2001, 2000));
    assert!(tube().stretch(100, 4000, true).is_ok());
    assert_eq!(found(tube().stretch(100, 4001, true)), (Fault::PulseHigh, 4001, 4000));
    let mut sum = tube();
    assert!(sum.stretch(40, 1000, true).is_ok());
    assert_eq!(found(sum.stretch(40, 1001, true)), (Fault::PulseHigh, 2001, 2000));
}

#[test]
fn trips_over_a_tube_that_falls_silent_or_backwards() {
    verifies(Requirement::ChamberHonest);
    let mut still = tube();
    assert!(still.stretch(100, 0, true).is_ok());
    assert!(still.stretch(99, 0, true).is_ok());
    assert_eq!(found(still.stretch(1, 0, true)), (Fault::ChargeStandsStill, 0, 100));
    let mut low = tube();
    assert!(low.stretch(100, 499, true).is_ok());
    assert_eq!(found(low.stretch(200, 998, true)), (Fault::PulseLow, 998, 1000));
    let mut falls = tube();
    assert!(falls.stretch(10, 100, false).is_ok());
    assert_eq!(found(falls.stretch(10, -101, false)), (Fault::ChargeFalls, 101, 100));
}

#[test]
fn holds_a_stretch_only_while_the_beam_is_on() {
    verifies(Requirement::ChamberHonest);
    let mut tube = tube();
    for _ in 0..10 {
        assert!(tube.stretch(90, 0, true).is_ok(), "ninety milliseconds are no tenth");
        assert!(tube.stretch(90, 0, false).is_ok(), "and are forgotten when the beam ends");
    }
    assert!(tube.stretch(10, 1900, true).is_ok());
    assert!(tube.stretch(10, 1900, false).is_ok());
    assert!(tube.stretch(10, 1900, true).is_ok(), "so is their charge");
    tube.chamber.begin(&order());
    assert!(tube.stretch(10, 1900, true).is_ok());
}
