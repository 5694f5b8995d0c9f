//! The sensor of the beam's own charge: what it believes, each pulse by itself, the mean of a window, and the end.

use beam_core::beam_charge::BeamCharge;
use beam_core::fault::Fault;
use beam_core::frame::{Bus, Frame, Origin};
use beam_core::machine::{Beam, BeamChargeSensor, Landing, Machine, Order};
use beam_core::note::{FaultReport, FrameCounts};
use beam_core::rate::Verdict;
use beam_core::reading::{DoseReading, dose_flag};
use beam_core::requirement::Requirement;
use beam_core::units::{ChargeCounter, Dose, DosePerCharge, Span};
use beam_core::wire::BEAM_CHARGE;

use crate::kit::{PULSE_DOSE, at, continuous, machine, micro_mu, ms, order, pc, verifies};

/// Counts of 10 pC that an expected pulse brings.
pub const COUNTS: u32 = 100;

pub fn fitted(machine: Machine) -> Machine {
    Machine { beam_charge: Some(BeamChargeSensor { bus: Bus::B, full_scale: pc(5000) }), ..machine }
}

/// The sensor gave 1 000 pC for a pulse when the machine was commissioned.
pub fn planned() -> Order {
    Order { beam_charge: Some(DosePerCharge::from_fixed(50 << 20)), ..order() }
}

/// A sensor that has spoken once, and the doses of both monitors.
struct Trial {
    sensor: BeamCharge,
    reading: DoseReading,
    alive: u8,
    pulses: u32,
    doses: [i64; 2],
}

impl Trial {
    fn of(machine: Machine) -> Self {
        let reading = DoseReading { flags: 0, pulses: 65_535, charge: ChargeCounter::from_raw(u32::MAX - 50) };
        let sensor = BeamCharge::new(&fitted(machine));
        let mut trial = Self { sensor, reading, alive: 0, pulses: 0, doses: [0; 2] };
        assert_eq!(trial.speak(), Ok(0));
        assert_eq!(trial.sensor.begin(&planned()), Ok(()));
        trial
    }

    /// 10 pulses a second: the window is ten pulses.
    fn new() -> Self {
        Self::of(machine())
    }

    fn frame(&mut self) -> Frame {
        self.alive = (self.alive + 1) % 15;
        self.reading.encode(BEAM_CHARGE, self.alive)
    }

    fn hear(&mut self, origin: Origin, frame: &Frame) -> Result<u32, FaultReport> {
        self.sensor.take(at(1000), origin, frame, &mut FrameCounts::default())
    }

    fn speak(&mut self) -> Result<u32, FaultReport> {
        let frame = self.frame();
        self.hear(Origin::Wire, &frame)
    }

    fn more(&mut self, pulses: u16, counts: u32) -> Result<u32, FaultReport> {
        self.reading.pulses = self.reading.pulses.wrapping_add(pulses);
        self.reading.charge = ChargeCounter::from_raw(self.reading.charge.raw().wrapping_add(counts));
        self.speak()
    }

    /// Pulses of so many counts in one frame, for which the monitors read these doses.
    fn pulses(&mut self, pulses: u16, counts: u32, doses: [i64; 2]) -> Verdict {
        assert_eq!(self.more(pulses, counts), Ok(u32::from(pulses)));
        self.pulses += u32::from(pulses);
        self.doses = [self.doses[0] + doses[0], self.doses[1] + doses[1]];
        self.judge([self.pulses; 2])
    }

    fn judge(&mut self, pulses: [u32; 2]) -> Verdict {
        self.sensor.judge(pulses, self.doses.map(micro_mu))
    }

    /// What is judged of so many pulses alike, the last of them; all before it are fine.
    fn alike(&mut self, pulses: u32, doses: [i64; 2]) -> Verdict {
        for _ in 1..pulses {
            assert_eq!(self.pulses(1, COUNTS, doses), Verdict::Fine);
        }
        self.pulses(1, COUNTS, doses)
    }
}

const RIGHT: [i64; 2] = [PULSE_DOSE; 2];

/// Trip, warn or fine, the monitor, and what was measured against what.
fn told(verdict: Verdict) -> (char, Option<(u8, i64, i64)>) {
    let numbers = |report: FaultReport| {
        assert_eq!(report.fault, Fault::BeamChargeRatio);
        Some((report.monitor, report.measured, report.limit))
    };
    match verdict {
        Verdict::Fine => ('f', None),
        Verdict::Warn(report) => ('w', numbers(report)),
        Verdict::Trip(report) => ('t', numbers(report)),
    }
}

/// The same with one monitor's dose instead of the expected one.
fn but(monitor: usize, dose: i64) -> [i64; 2] {
    let mut doses = RIGHT;
    doses[monitor - 1] = dose;
    doses
}

#[test]
fn holds_its_peace_where_none_is_fitted() {
    verifies(Requirement::ChamberHonest);
    let mut none = BeamCharge::new(&machine());
    assert_eq!(none.begin(&order()), Ok(()));
    assert_eq!((none.bus(), none.charge(), none.hearing().is_none(), none.at_end()), (None, None, true, None));
    assert_eq!((none.pulses_or(7), none.judged_or(9)), (7, 9));
    assert_eq!(none.judge([0; 2], [Dose::ZERO; 2]), Verdict::Fine);
    assert_eq!(none.judge([5; 2], [micro_mu(1); 2]), Verdict::Fine);
}

#[test]
fn trips_an_order_without_a_baseline_for_a_sensor_that_is_fitted() {
    verifies(Requirement::ChamberHonest);
    let report = BeamCharge::new(&fitted(machine())).begin(&order()).unwrap_err();
    assert_eq!((report.fault, report.monitor), (Fault::BeamChargeRatio, FaultReport::BEAM_CHARGE));
}

#[test]
fn holds_a_beam_that_gives_what_it_gave() {
    verifies(Requirement::ChamberHonest);
    let mut trial = Trial::new();
    for _ in 0..60 {
        assert_eq!(trial.pulses(1, COUNTS, RIGHT), Verdict::Fine);
    }
    assert_eq!((trial.sensor.charge(), trial.sensor.bus()), (Some(pc(60_000)), Some(Bus::B)));
    assert_eq!((trial.sensor.pulses_or(0), trial.sensor.judged_or(0), trial.sensor.at_end()), (60, 60, None));
    assert_eq!(trial.sensor.hearing().map(|ear| ear.age(at(1005), at(0))), Some(ms(5)));
    assert_eq!(trial.sensor.begin(&planned()), Ok(()));
    assert_eq!((trial.sensor.charge(), trial.sensor.pulses_or(1), trial.sensor.judged_or(1)), (Some(pc(0)), 0, 0));
}

#[test]
fn holds_a_mean_short_of_its_limits() {
    verifies(Requirement::ChamberHonest);
    for monitor in [1_usize, 2] {
        for dose in [48_501, 51_499] {
            assert_eq!(Trial::new().alike(10, but(monitor, dose)), Verdict::Fine);
        }
        for dose in [47_501, 48_500, 51_500, 52_499] {
            let warned = told(Trial::new().alike(10, but(monitor, dose)));
            assert_eq!(warned, ('w', Some((monitor as u8, 10 * dose, 10 * PULSE_DOSE))));
        }
    }
}

#[test]
fn trips_over_a_mean_at_its_limit_once_the_window_is_full() {
    verifies(Requirement::ChamberHonest);
    for monitor in [1_usize, 2] {
        for dose in [47_500, 52_500] {
            let tripped = told(Trial::new().alike(10, but(monitor, dose)));
            assert_eq!(tripped, ('t', Some((monitor as u8, 10 * dose, 10 * PULSE_DOSE))));
        }
    }
    let per_second = |rate: u64| {
        let period = Span::from_nanos(1_000_000_000 / rate);
        Machine {
            beam: Beam::Pulsed { period, window: 1, landing: Landing::Nearest, gate_knows_lease: true },
            ..machine()
        }
    };
    for (machine, pulses) in [(per_second(2), 4), (per_second(50), 20), (per_second(7), 7), (continuous(), 4)] {
        assert_eq!(told(Trial::of(machine).alike(pulses, but(1, 52_500))).0, 't', "{pulses}");
    }
}

#[test]
fn the_window_slides() {
    let mut trial = Trial::new();
    assert_eq!(trial.alike(30, RIGHT), Verdict::Fine);
    let verdicts: Vec<_> = (0..5).map(|_| told(trial.pulses(1, COUNTS, but(2, 55_000))).0).collect();
    assert_eq!(verdicts, ['f', 'f', 'w', 'w', 't'], "one pulse of ten is one part in a hundred");
    // frames of several pulses fill it as well: four of three are more than ten
    let mut trial = Trial::new();
    let wrong = [3 * 52_500, 3 * PULSE_DOSE];
    let verdicts: Vec<_> = (0..4).map(|_| told(trial.pulses(3, 3 * COUNTS, wrong)).0).collect();
    assert_eq!(verdicts, ['f', 'f', 'f', 't']);
}

#[test]
fn holds_a_single_pulse_short_of_three_times_off() {
    verifies(Requirement::ChamberHonest);
    for monitor in [1_usize, 2] {
        for dose in [139_999, 17_858] {
            assert_eq!(Trial::new().pulses(1, COUNTS, but(monitor, dose)), Verdict::Fine);
        }
        // of three at once: two as they should be, and one at 14/5 or at 5/14
        for dose in [239_999, 117_858] {
            let mut doses = [3 * PULSE_DOSE; 2];
            doses[monitor - 1] = dose;
            assert_eq!(Trial::new().pulses(3, 3 * COUNTS, doses), Verdict::Fine);
        }
    }
    // pulses that neither the sensor nor a monitor sees are no pulses to compare
    assert_eq!(Trial::new().pulses(1, 9, [0, 0]), Verdict::Fine);
    assert_eq!(Trial::new().pulses(1, 0, [4999, 4999]), Verdict::Fine);
    assert_eq!(Trial::new().pulses(3, 29, [0, 0]), Verdict::Fine);
}

#[test]
fn trips_over_a_single_pulse_three_times_off() {
    verifies(Requirement::ChamberHonest);
    for monitor in [1_usize, 2] {
        for dose in [140_000, 17_857, 0] {
            let tripped = told(Trial::new().pulses(1, COUNTS, but(monitor, dose)));
            assert_eq!(tripped, ('t', Some((monitor as u8, dose, PULSE_DOSE))));
        }
        for dose in [240_000, 117_857] {
            let mut doses = [3 * PULSE_DOSE; 2];
            doses[monitor - 1] = dose;
            assert_eq!(told(Trial::new().pulses(3, 3 * COUNTS, doses)).0, 't');
        }
    }
    assert_eq!(told(Trial::new().pulses(1, 10, [0, 0])).0, 't', "the sensor sees a tenth of a pulse");
    assert_eq!(told(Trial::new().pulses(1, 0, [5000, 0])).0, 't', "a monitor sees a tenth of a pulse");
    assert_eq!(told(Trial::new().pulses(1, 0, [0, 5000])).0, 't');
}

#[test]
fn it_judges_only_equal_counts_and_each_of_them_once() {
    let mut trial = Trial::new();
    assert_eq!(trial.more(1, COUNTS), Ok(1));
    trial.doses = [140_000, PULSE_DOSE];
    for pulses in [[0, 1], [1, 0], [2, 2]] {
        assert_eq!(trial.judge(pulses), Verdict::Fine, "{pulses:?}");
        assert_eq!(trial.sensor.judged_or(9), 0);
    }
    assert_eq!(told(trial.judge([1, 1])).0, 't');
    assert_eq!((trial.judge([1, 1]), trial.sensor.judged_or(9)), (Verdict::Fine, 1));
}

#[test]
fn holds_a_short_delivery_within_three_percent_and_trips_the_next_arming_beyond() {
    verifies(Requirement::ChambersAgree);
    let at_end = |pulses: u32, dose: i64| {
        let mut trial = Trial::new();
        let _verdict = trial.alike(pulses, but(2, dose));
        trial.sensor.at_end().map(|report| (report.monitor, report.measured))
    };
    assert_eq!((at_end(4, 51_499), at_end(9, 48_501)), (None, None));
    assert_eq!((at_end(4, 51_500), at_end(9, 48_500)), (Some((2, 206_000)), Some((2, 436_500))));
    assert_eq!((at_end(3, 51_500), at_end(10, 51_500)), (None, None), "too few; or judged already");
}

#[test]
fn trips_over_what_the_sensor_says_of_itself() {
    verifies(Requirement::ChamberHonest);
    let flags = [
        (dose_flag::SATURATED, Fault::Saturated),
        (dose_flag::OVERRANGE, Fault::OverRange),
        (dose_flag::SELF_TEST, Fault::ChamberReportsFault),
        (dose_flag::FAULT, Fault::ChamberReportsFault),
        (0x0F, Fault::Saturated),
        (0x0E, Fault::OverRange),
    ];
    let expected = |fault, pulses, measured, limit| {
        FaultReport { pulses, ..FaultReport::of(fault) }.monitor(FaultReport::BEAM_CHARGE).measured(measured, limit)
    };
    for (flags, fault) in flags {
        let mut trial = Trial::new();
        trial.reading.flags = flags;
        assert_eq!(trial.more(1, COUNTS), Err(expected(fault, 1, i64::from(flags), 0)));
        let mut first = Trial { sensor: BeamCharge::new(&fitted(machine())), ..trial };
        assert_eq!(first.speak(), Err(expected(fault, 0, i64::from(flags), 0)));
    }
    assert_eq!(Trial::new().more(1, 500), Err(expected(Fault::FullScale, 1, 5000, 5000)));
    assert_eq!(Trial::new().more(0, 500), Err(expected(Fault::FullScale, 0, 5000, 5000)));
    assert_eq!(Trial::new().more(2, 1000), Err(expected(Fault::FullScale, 2, 10_000, 10_000)));
    let restarted = Trial::new().more(0x8000, 0);
    assert_eq!(restarted, Err(expected(Fault::ChamberRestarted, 0, 0x7FFF, 0xFFFF)));
    // from the upper half of its range to a low count: further than a wrap explains
    assert_eq!(Trial::new().more(1025, 0), Err(expected(Fault::ChamberRestarted, 0, 1024, 0xFFFF)));
}

#[test]
fn holds_a_sensor_short_of_its_full_scale_and_its_repeats() {
    verifies(Requirement::ChamberHonest);
    assert_eq!(
        (Trial::new().more(1, 499), Trial::new().more(2, 999), Trial::new().more(1024, 0)),
        (Ok(1), Ok(2), Ok(1024))
    );
    let mut trial = Trial::new();
    trial.reading.pulses = trial.reading.pulses.wrapping_add(1);
    let frame = trial.frame();
    assert_eq!((trial.hear(Origin::Wire, &frame), trial.hear(Origin::Wire, &frame)), (Ok(1), Ok(0)));
}

#[test]
fn trips_over_a_sensor_that_proves_nothing() {
    verifies(Requirement::BusTrusted);
    let mut trial = Trial::new();
    let frame = trial.frame();
    let report = |fault| Err(FaultReport::of(fault).monitor(FaultReport::BEAM_CHARGE));
    assert_eq!(trial.hear(Origin::Local, &frame), report(Fault::LocalChamber));
    assert_eq!(trial.hear(Origin::Wire, &Frame { length: 7, ..frame }), report(Fault::Length));
}

#[test]
fn holds_what_a_repeated_frame_says_and_counts_it_with_the_next() {
    verifies(Requirement::BusTrusted);
    let mut trial = Trial::new();
    assert_eq!(trial.more(1, COUNTS), Ok(1));
    trial.reading.pulses = trial.reading.pulses.wrapping_add(1);
    let repeated = trial.reading.encode(BEAM_CHARGE, trial.alive);
    assert_eq!(trial.hear(Origin::Wire, &repeated), Ok(0));
    assert_eq!((trial.sensor.pulses_or(0), trial.sensor.charge()), (1, Some(pc(1000))));
    assert_eq!(trial.more(0, COUNTS), Ok(1));
    assert_eq!((trial.sensor.pulses_or(0), trial.sensor.charge()), (2, Some(pc(2000))));
}

/// A sensor that has judged a full window of one delivery without a word, and begins the next.
fn second_delivery() -> Trial {
    let mut trial = Trial::new();
    assert_eq!(trial.alike(10, RIGHT), Verdict::Fine);
    assert_eq!(trial.sensor.begin(&planned()), Ok(()));
    (trial.pulses, trial.doses) = (0, [0; 2]);
    trial
}

#[test]
fn holds_a_delivery_until_its_own_window_is_full() {
    verifies(Requirement::ChamberHonest);
    // with the pulses of the delivery before it the third would end the beam
    assert_eq!(second_delivery().alike(9, but(2, 60_000)), Verdict::Fine);
}

#[test]
fn trips_over_the_own_window_of_a_second_delivery() {
    verifies(Requirement::ChamberHonest);
    assert_eq!(told(second_delivery().alike(10, but(2, 60_000))), ('t', Some((2, 600_000, 500_000))));
}
