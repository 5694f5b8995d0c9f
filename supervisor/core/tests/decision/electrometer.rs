//! Electrometers that do not speak the bus contract: fields of a frame, scales, what a frame adds to the one before, and
//! what is believed of it.

use core::num::NonZeroU32;

use beam_core::chamber::{Chamber, Reading};
use beam_core::extraction::{
    ByteOrder, Counting, Electrometer, Extraction, FLAGS, Field, FlagField, NAMED, PulseSign, Scale, Sequence,
};
use beam_core::fault::Fault;
use beam_core::frame::{Arrival, Bus, Distrust, Frame, Origin, Receiver, protect};
use beam_core::hearing::{Heard, Hearing, looks_sound};
use beam_core::machine::{Machine, Monitor, Protection};
use beam_core::note::{Command, FrameCounts};
use beam_core::reading::{Progress, PulseWatch, Source, Step, dose_flag};
use beam_core::requirement::Requirement;
use beam_core::units::Charge;
use beam_core::wire::{Guard, MON1_DOSE, MON2_DOSE};

use crate::kit::{DELIVERY, Rig, at, machine, ms, order, patient, pc, verifies};

const INTEL: ByteOrder = ByteOrder::Intel;
const MOTOROLA: ByteOrder = ByteOrder::Motorola;
const ID: u16 = 0x320;

fn intel(start_bit: u64, width: u64) -> Field {
    Field::new(INTEL, start_bit, width, 8).unwrap()
}

fn count(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

#[test]
fn a_field_fits_its_frame_to_the_last_bit() {
    let fits = |order, start, width, bytes| Field::new(order, start, width, bytes).is_some();
    for bytes in 1..=8_u8 {
        let bits = u64::from(bytes) * 8;
        assert!(fits(INTEL, 0, bits, bytes) && !fits(INTEL, 0, bits + 1, bytes), "{bytes}");
        assert!(fits(INTEL, bits - 1, 1, bytes) && !fits(INTEL, bits - 1, 2, bytes) && !fits(INTEL, bits, 1, bytes));
        // in this order the last bit on the bus is the lowest of the last byte
        assert!(fits(MOTOROLA, 7, bits, bytes) && !fits(MOTOROLA, 7, bits + 1, bytes), "{bytes}");
        assert!(fits(MOTOROLA, bits - 8, 1, bytes) && !fits(MOTOROLA, bits - 8, 2, bytes));
        assert!(!fits(MOTOROLA, bits, 1, bytes));
    }
    assert!(!fits(INTEL, 0, 0, 8) && !fits(INTEL, 0, 1, 9) && !fits(INTEL, 0, 1, 0) && !fits(INTEL, 64, 1, 8));
    let field = Field::new(MOTOROLA, 10, 5, 8).unwrap();
    assert_eq!((field.width(), field.order(), field.largest()), (5, MOTOROLA, 31));
    assert_eq!((intel(3, 1).largest(), intel(0, 64).largest(), intel(0, 64).order()), (1, u64::MAX, INTEL));
}

#[test]
fn every_bit_is_read_and_written_where_it_is() {
    for bit in 0..64_u64 {
        let mut data = [0_u8; 8];
        data[(bit / 8) as usize] = 1 << (bit % 8);
        for order in [INTEL, MOTOROLA] {
            let field = Field::new(order, bit, 1, 8).unwrap();
            assert_eq!((field.raw(data), field.put([0; 8], 1)), (1, data), "{order:?} {bit}");
            let all_but = data.map(|byte| !byte);
            assert_eq!((field.raw(all_but), field.put([0xFF; 8], 0)), (0, all_but));
        }
    }
    let data = [0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE, 0xF0];
    assert_eq!((intel(12, 16).raw(data), Field::new(MOTOROLA, 11, 16, 8).unwrap().raw(data)), (0x8563, 0x4567));
    assert_eq!(intel(8, 8).put(data, 0x1FF), [0x12, 0xFF, 0x56, 0x78, 0x9A, 0xBC, 0xDE, 0xF0], "it keeps to its place");
}

#[test]
fn a_counter_steps_over_its_wrap_and_a_number_has_its_sign() {
    let twelve = intel(4, 12);
    assert_eq!((twelve.step(0, 0xFFF), twelve.step(0xFFF, 0), twelve.step(0x7FF, 0)), (1, -1, 0x7FF));
    assert_eq!((twelve.step(0x800, 0), twelve.signed(0x7FF), twelve.signed(0xFFF)), (-0x800, 0x7FF, -1));
    assert_eq!((intel(0, 64).step(0, u64::MAX), intel(0, 64).signed(u64::MAX)), (1, -1));
}

#[test]
fn trips_over_a_wide_counter_that_went_back_by_more_than_a_wrap_explains() {
    verifies(Requirement::ChamberHonest);
    let wide = layout(Counting::Cumulative, false, PulseSign::Counter(intel(32, 16)));
    let step = |before: u16, now: u16| {
        let frame = |pulses| Frame { id: ID, length: 8, data: intel(32, 16).put([0, 0, 0, 1, 0, 0, 0, 0], pulses) };
        let mut source = Source::new(Some(&wide));
        assert_eq!(source.step(&frame(before.into())).progress, Progress::First);
        source.step(&frame(now.into())).progress
    };
    assert_eq!(step(65_000, 488), Progress::Further { pulses: 1024, charge: Charge::ZERO }, "a wrap");
    assert_eq!(step(65_000, 489), Progress::Restarted { now: 489, before: 65_000 });
    assert_eq!(step(100, 20_100), Progress::Further { pulses: 20_000, charge: Charge::ZERO }, "it went on");
}

/// Charge in 16 bits, pulses in byte 2, "valid" in byte 3: half a pC a count.
fn layout(counting: Counting, signed: bool, pulses: PulseSign) -> Extraction {
    let mut flags = [None; FLAGS];
    flags[0] = Some(FlagField { field: intel(24, 1), flag: dose_flag::FAULT, when_zero: true });
    flags[1] = Some(FlagField { field: intel(25, 1), flag: dose_flag::SATURATED, when_zero: false });
    let mut named = [None; NAMED];
    named[0] = Some(0x7FFF);
    let scale = Scale { numerator: count(1), denominator: count(2) };
    Extraction { charge: intel(0, 16), signed, counting, scale, pulses, flags, named }
}

fn counter() -> PulseSign {
    PulseSign::Counter(intel(16, 8))
}

fn mark() -> PulseSign {
    PulseSign::Mark(intel(16, 8))
}

const PER_PULSE: Counting = Counting::PerPulse { least: -10, most: 1000, offset: 3 };

fn frame(charge: u16, pulses: u8) -> Frame {
    let [c0, c1] = charge.to_le_bytes();
    Frame { id: ID, length: 8, data: [c0, c1, pulses, 1, 0, 0, 0, 0] }
}

fn further(flags: u8, pulses: u32, charge: i64) -> Step {
    Step { flags, progress: Progress::Further { pulses, charge: pc(charge) } }
}

fn source(counting: Counting, pulses: PulseSign) -> Source {
    Source::new(Some(&layout(counting, true, pulses)))
}

#[test]
fn holds_cumulative_charge_over_its_wrap_with_what_is_left_over() {
    verifies(Requirement::ChamberHonest);
    let mut source = source(Counting::Cumulative, counter());
    assert_eq!(source.step(&frame(0xFFFD, 255)), Step { flags: 0, progress: Progress::First });
    assert_eq!(source.step(&frame(2, 1)), further(0, 2, 2));
    assert_eq!(source.step(&frame(3, 1)), further(0, 0, 1), "the half that was left over");
    assert_eq!(source.step(&frame(0, 1)), further(0, 0, -2), "rounded down, and carried");
    assert_eq!(source.step(&frame(1, 1)), further(0, 0, 1));
    assert!(!source.needs_every_frame());
    let largest = layout(Counting::Cumulative, false, PulseSign::None);
    assert_eq!((largest.number(0xFFFF), layout(PER_PULSE, true, PulseSign::None).number(0xFFFF)), (0xFFFF, -1));
    let wide = Extraction { charge: intel(0, 64), ..largest };
    assert_eq!((wide.number(u64::MAX), wide.number(7)), (i64::MAX, 7));
}

#[test]
fn holds_the_charge_of_one_pulse_in_a_frame() {
    verifies(Requirement::ChamberHonest);
    let mut counted = source(PER_PULSE, counter());
    assert_eq!(counted.step(&frame(500, 255)).progress, Progress::First);
    assert_eq!(counted.step(&frame(900, 255)), further(0, 0, 0), "no pulse, no charge");
    assert_eq!(counted.step(&frame(501, 0)), further(0, 1, 252));
    let mut marked = source(PER_PULSE, mark());
    assert_eq!(marked.step(&frame(500, 0)).progress, Progress::First);
    assert_eq!(marked.step(&frame(501, 9)), further(0, 1, 252), "a mark is one pulse, whatever it says");
    assert_eq!(marked.step(&frame(501, 9)), further(0, 1, 252));
    assert_eq!(marked.step(&frame(501, 0)), further(0, 0, 0));
    assert!(marked.needs_every_frame() && !counted.needs_every_frame() && !Source::new(None).needs_every_frame());
    let mut tube = source(Counting::Cumulative, PulseSign::None);
    let _first = tube.step(&frame(10, 3));
    assert_eq!(tube.step(&frame(30, 9)), further(0, 0, 10), "no pulses are counted");
}

#[test]
fn trips_a_count_that_falls_and_pulses_whose_charge_nobody_told() {
    verifies(Requirement::ChamberHonest);
    let step = |counting, from: u8, to: u8| {
        let mut source = source(counting, counter());
        let _first = source.step(&frame(100, from));
        source.step(&frame(104, to)).progress
    };
    assert_eq!(step(Counting::Cumulative, 7, 6), Progress::Restarted { now: 6, before: 7 });
    assert_eq!(step(Counting::Cumulative, 7, 9), Progress::Further { pulses: 2, charge: pc(2) });
    assert_eq!(step(PER_PULSE, 7, 9), Progress::Missed { now: 9, before: 7 }, "one charge for two pulses");
    assert_eq!(step(PER_PULSE, 7, 8), Progress::Further { pulses: 1, charge: pc(53) });
    assert_eq!(step(PER_PULSE, 7, 6), Progress::Restarted { now: 6, before: 7 });
}

#[test]
fn trips_numbers_that_are_no_reading() {
    verifies(Requirement::ChamberHonest);
    let mut source = source(PER_PULSE, mark());
    assert_eq!(source.step(&frame(0x7FFF, 1)).flags, 0, "what came before anybody listened is nobody's dose");
    let mut flags = |charge: i16, pulse| source.step(&frame(charge.cast_unsigned(), pulse)).flags;
    assert_eq!([flags(-10, 1), flags(1000, 1)], [0, 0], "at the ends of the range");
    assert_eq!([flags(-11, 1), flags(1001, 1)], [dose_flag::OVERRANGE; 2]);
    assert_eq!([flags(0x7FFF, 1), flags(0x7FFF, 0)], [dose_flag::FAULT, 0]);
    let mut cumulative = self::source(Counting::Cumulative, counter());
    assert_eq!(
        cumulative.step(&frame(0x7FFF, 0)).flags,
        dose_flag::FAULT,
        "where all is told, the first one counts too"
    );
    assert_eq!(cumulative.step(&frame(0x7FFF, 0)).flags, dose_flag::FAULT);
    assert_eq!(cumulative.step(&frame(0xFFFF, 0)).flags, 0, "no range is declared");
}

#[test]
fn trips_no_dose_out_of_a_number_that_follows_one_that_is_no_reading() {
    verifies(Requirement::ChamberHonest);
    let invalid = |charge, pulses| {
        let Frame { data: [c0, c1, pulses, ..], .. } = frame(charge, pulses);
        Frame { id: ID, length: 8, data: [c0, c1, pulses, 0, 0, 0, 0, 0] }
    };
    // in the first frame, and in a later one
    let mut first = source(Counting::Cumulative, counter());
    assert_eq!(first.step(&invalid(0, 7)), Step { flags: dose_flag::FAULT, progress: Progress::First });
    assert_eq!(first.step(&frame(9000, 8)), further(0, 1, 0), "measured from nothing");
    assert_eq!(first.step(&frame(9100, 9)), further(0, 1, 50));
    assert_eq!(first.step(&invalid(0, 10)), further(dose_flag::FAULT, 1, 0));
    assert_eq!(first.step(&frame(9200, 11)), further(0, 1, 0), "measured from nothing");
    assert_eq!(first.step(&frame(9300, 12)), further(0, 1, 50));
}

#[test]
fn each_flag_of_the_layout_is_its_own() {
    let flags = |byte: u8| {
        let mut data = frame(0, 0).data;
        data[3] = byte;
        let mut source = source(Counting::Cumulative, counter());
        let first = source.step(&Frame { data, ..frame(0, 0) }).flags;
        assert_eq!(source.step(&Frame { data, ..frame(0, 0) }).flags, first);
        first
    };
    assert_eq!(
        [0, 1, 2, 3].map(flags),
        [dose_flag::FAULT, 0, dose_flag::FAULT | dose_flag::SATURATED, dose_flag::SATURATED]
    );
    // a frame that is not valid, and whose number is no reading: one flag from both
    let mut both = source(Counting::Cumulative, counter());
    let mut data = frame(0x7FFF, 0).data;
    data[3] = 0;
    assert_eq!([(); 2].map(|()| both.step(&Frame { data, ..frame(0, 0) }).flags), [dose_flag::FAULT; 2]);
    // two fields may mean the same flag, and both may be set
    let mut twice = layout(Counting::Cumulative, true, counter());
    twice.flags[2] = Some(FlagField { field: intel(26, 1), flag: dose_flag::SATURATED, when_zero: false });
    let mut data = frame(0, 0).data;
    data[3] = 0b111;
    assert_eq!(twice.read(&Frame { data, ..frame(0, 0) }).flags, dose_flag::SATURATED);
    // a flag that the frame carries and one of its number come together
    let mut source = source(Counting::Cumulative, counter());
    let mut data = frame(0x7FFF, 0).data;
    data[3] = 3;
    assert_eq!(source.step(&Frame { data, ..frame(0, 0) }).flags, dose_flag::FAULT | dose_flag::SATURATED);
    assert_eq!(source.step(&Frame { data, ..frame(0, 0) }).flags, dose_flag::FAULT | dose_flag::SATURATED);
}

#[test]
fn a_charge_too_large_to_say_is_the_largest() {
    let huge = Scale { numerator: count(u32::MAX), denominator: count(1) };
    let wide = Extraction { charge: intel(0, 64), scale: huge, ..layout(Counting::Cumulative, true, PulseSign::None) };
    let at = |word: u64| Frame { id: ID, length: 8, data: word.to_le_bytes() };
    for (far, charge) in [(i64::MAX as u64, i64::MAX), (i64::MIN as u64, i64::MIN)] {
        let mut source = Source::new(Some(&Extraction { flags: [None; FLAGS], ..wide }));
        let _first = source.step(&at(0));
        assert_eq!(source.step(&at(far)), further(0, 0, charge));
    }
}

#[test]
fn a_watch_sees_pulses_only() {
    let seen = |pulses, counts: [u8; 4]| {
        let mut watch = PulseWatch::new(Some(&layout(PER_PULSE, true, pulses)));
        counts.map(|count| watch.sees(&frame(1, count)))
    };
    assert_eq!(seen(counter(), [5, 5, 6, 5]), [false, false, true, true]);
    assert_eq!(seen(mark(), [1, 1, 0, 2]), [true, true, false, true]);
    assert_eq!(seen(PulseSign::None, [1, 2, 3, 4]), [false; 4]);
}

const SEQUENCE: u64 = 32;

fn sequence() -> Sequence {
    Sequence { field: intel(SEQUENCE, 8), modulus: count(100) }
}

fn numbered(counter: u8) -> Frame {
    let mut data = frame(10, 0).data;
    data[4] = counter;
    Frame { data, ..frame(10, 0) }
}

#[test]
fn holds_a_counter_of_frames_over_its_own_wrap() {
    verifies(Requirement::BusTrusted);
    for before in [0, 50, 97, 98, 99] {
        let follow = |step: u8| {
            let mut receiver = Receiver::new();
            assert_eq!(receiver.follow(&numbered(before), 8, &sequence()), Arrival::Fresh { lost: 0 });
            receiver.follow(&numbered((before + step) % 100), 8, &sequence())
        };
        assert_eq!(follow(0), Arrival::Repeat);
        assert_eq!([follow(1), follow(2), follow(3)], [0, 1, 2].map(|lost| Arrival::Fresh { lost }));
        assert_eq!([follow(4), follow(99)], [Arrival::Distrusted(Distrust::Alive); 2]);
    }
}

#[test]
fn trips_a_counter_that_it_does_not_have_and_another_length() {
    verifies(Requirement::BusTrusted);
    let mut receiver = Receiver::new();
    let mut follow = |counter, length| receiver.follow(&Frame { length, ..numbered(counter) }, 8, &sequence());
    assert_eq!(follow(99, 8), Arrival::Fresh { lost: 0 });
    assert_eq!(follow(100, 8), Arrival::Distrusted(Distrust::Alive));
    assert_eq!(follow(50, 8), Arrival::Fresh { lost: 0 }, "a new reference");
    assert_eq!([follow(51, 7), follow(51, 9)], [Arrival::Distrusted(Distrust::Length); 2]);
    assert_eq!(follow(90, 8), Arrival::Fresh { lost: 0 }, "what is not whole is no reference");
}

fn electrometer(pulses: PulseSign, sequence: Option<Sequence>) -> Electrometer {
    let extraction = layout(Counting::Cumulative, true, pulses);
    let protection = Protection::Declared { length: 8, sequence };
    Electrometer { id: ID, length: 8, period: ms(20), protection, extraction }
}

/// A machine whose monitor 1 or 2 has another electrometer.
fn with(monitor: usize, machine: &Machine, electrometer: Electrometer) -> Machine {
    let mut monitors = machine.monitors;
    monitors[monitor - 1] = Monitor { electrometer: Some(electrometer), ..monitors[monitor - 1] };
    Machine { monitors, ..*machine }
}

#[test]
fn a_machine_knows_the_electrometer_of_each_monitor() {
    let plain = machine();
    assert_eq!([plain.dose_id(1), plain.dose_id(2)], [MON1_DOSE, MON2_DOSE]);
    assert_eq!((plain.dose_period(1), plain.dose_protection(2)), (ms(10), Protection::E2e));
    assert!(plain.electrometer(1).is_none() && !plain.is_unprotected());
    assert!(Machine { protection: Protection::None, ..plain }.is_unprotected());
    for monitor in [1_u8, 2] {
        let own = electrometer(counter(), None);
        let machine = with(usize::from(monitor), &plain, own);
        let other = 3 - monitor;
        assert_eq!((machine.electrometer(monitor), machine.electrometer(other)), (Some(&own), None));
        assert_eq!([machine.dose_id(monitor), machine.dose_id(other)], [ID, plain.dose_id(other)]);
        assert_eq!([machine.dose_period(monitor), machine.dose_period(other)], [ms(20), ms(10)]);
        assert_eq!(
            [machine.dose_protection(monitor), machine.dose_protection(other)],
            [own.protection, Protection::E2e]
        );
        assert!(machine.is_unprotected());
        let protected = Electrometer { protection: Protection::E2e, ..own };
        assert!(!with(usize::from(monitor), &plain, protected).is_unprotected());
    }
}

#[test]
fn holds_a_declared_frame_by_its_length_and_its_counter() {
    verifies(Requirement::BusTrusted);
    let mut counts = FrameCounts::default();
    let mut bare = Hearing::new(Protection::Declared { length: 6, sequence: None });
    let mut hear = |length| bare.hear(at(1), Origin::Wire, &Frame { length, ..numbered(1) }, &mut counts);
    assert_eq!([hear(6), hear(6), hear(8)], [Heard::Fresh, Heard::Fresh, Heard::Fault(Fault::Length)]);
    let mut numbers = Hearing::new(Protection::Declared { length: 8, sequence: Some(sequence()) });
    let mut hear = |counter| {
        let heard = numbers.hear(at(1), Origin::Wire, &numbered(counter), &mut counts);
        (heard, numbers.lost())
    };
    assert_eq!([hear(1), hear(4), hear(5)], [(Heard::Fresh, 0), (Heard::Fresh, 2), (Heard::Fresh, 0)]);
    assert_eq!((hear(5).0, hear(20).0), (Heard::Repeat, Heard::Fault(Fault::Alive)));
}

#[test]
fn a_frame_looks_sound_by_its_own_protection() {
    let sound = protect(MON1_DOSE, 3, 0, [0; 6]);
    let broken = Frame { data: [1; 8], ..sound };
    assert!(looks_sound(&Protection::E2e, &sound) && !looks_sound(&Protection::E2e, &broken));
    assert!(looks_sound(&Protection::None, &broken) && !looks_sound(&Protection::None, &Frame { length: 7, ..broken }));
    for sequence in [None, Some(sequence())] {
        let declared = Protection::Declared { length: 7, sequence };
        assert!(looks_sound(&declared, &Frame { length: 7, ..broken }) && !looks_sound(&declared, &broken));
    }
}

#[test]
fn trips_over_a_lost_frame_that_may_have_brought_a_pulse() {
    verifies(Requirement::ChamberHonest);
    let reading = |pulses, step: u8| {
        let machine = with(1, &machine(), electrometer(pulses, Some(sequence())));
        let mut chamber = Chamber::new(1, &machine);
        let mut counts = FrameCounts::default();
        let mut take = |counter| {
            chamber.take(at(1), Origin::Wire, &numbered(counter), beam_core::chamber::BeamSign::Closed, &mut counts)
        };
        assert_eq!(take(1), Ok(Some(Reading::default())));
        take(1 + step).map_err(|report| (report.fault, report.measured))
    };
    let nothing = Ok(Some(Reading { pulses: 0, charge: Charge::ZERO }));
    assert_eq!((reading(mark(), 1), reading(counter(), 3)), (nothing, nothing));
    assert_eq!(reading(mark(), 2), Err((Fault::ChamberRestarted, 1)));
}

#[test]
fn holds_each_guard_to_the_electrometer_of_its_monitor() {
    verifies(Requirement::ChamberHonest);
    for (who, monitor, bus) in [(Guard::Dose1, 1, Bus::A), (Guard::Dose2, 2, Bus::B), (Guard::Interlock, 1, Bus::A)] {
        let machine = with(monitor, &patient(), electrometer(counter(), None));
        let mut rig = Rig::armed(who, &machine);
        rig.forget();
        rig.frame(bus, frame(0, 0));
        assert_eq!(rig.guard.common().counts.distrusted, 0);
        rig.frame(bus, Frame { length: 5, ..frame(0, 0) });
        assert_eq!(usize::from(rig.trips(Fault::Length).monitor), monitor, "{}", who.name());
    }
}

#[test]
fn trips_the_time_guard_by_the_pulses_of_another_electrometer() {
    verifies(Requirement::BeamTime);
    let machine = with(2, &patient(), electrometer(mark(), None));
    let mut rig = Rig::new(Guard::Time, &machine);
    let short = beam_core::machine::Order { time_limit: ms(1000), ..order() };
    rig.command(Command::Arm { delivery: DELIVERY, order: short });
    rig.command(Command::Deliver);
    rig.frame(Bus::A, frame(0, 1));
    rig.now = rig.now.after(ms(1000));
    rig.tick();
    let _report = rig.trips(Fault::TimeLimit);
}
