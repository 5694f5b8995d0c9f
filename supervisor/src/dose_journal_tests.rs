//! The journal and the rest that follows from it, over a restart, a lost counter and a number that is not what remains.

use beam_core::air::{Air, frozen};
use beam_core::note::Note;
use beam_core::record::{Record, Stamps};
use beam_core::resume::{Source, base};
use beam_core::units::{Charge, Ticks};

use super::*;
use crate::config::shipped;
use crate::prepared::Prepared;
use crate::rest::Rest;

fn prepared() -> Prepared {
    let profile = shipped::profile("novac7").expect("a shipped profile");
    Prepared::new(&profile, &shipped::plan("novac7").expect("a shipped plan")).expect("it fits")
}

fn entry(guard: Guard, body: Body) -> Entry {
    Entry::Guard(Record { at: Ticks::ZERO, guard, serial: 0, body })
}

fn reading(journal: &DoseJournal, id: u16, pulses: u16, charge: u32) {
    let frame = DoseReading { flags: 0, pulses, charge: ChargeCounter::from_raw(charge) }.encode(id, 3);
    let bus = if id == MON1_DOSE { Bus::A } else { Bus::B };
    let origin = beam_core::frame::Origin::Wire;
    journal.entry(&entry(Guard::Interlock, Body::Received { bus, origin, frame, stamps: Stamps::NONE }));
}

fn dose(journal: &DoseJournal, guard: Guard, pulses: u32, mu: i64) {
    let (charge, dose) = (Charge::from_picocoulombs(mu * 20_000), Dose::from_micro_mu(mu * 1_000_000));
    journal.entry(&entry(guard, Body::Note(Note::Dose { pulses, charge, dose, lease: 0, last: Charge::ZERO })));
}

/// A delivery of twelve MU a pulse that died after its fifth pulse was written and its sixth was fired.
fn died(folder: &Path) -> Line {
    let prepared = prepared();
    let journal = DoseJournal::start(folder).unwrap();
    reading(&journal, MON1_DOSE, 65_534, u32::MAX - 99);
    reading(&journal, MON2_DOSE, 7, 500);
    journal.begin(41, &prepared.machine, &prepared.order).unwrap();
    // of the proof, and of nobody
    dose(&journal, Guard::Dose1, 3, 300);
    journal.entry(&Entry::Session(Ticks::ZERO, SessionNote::State(State::Armed)));
    dose(&journal, Guard::Dose1, 5, 60);
    dose(&journal, Guard::Dose2, 5, 61);
    for _ in 0..200 {
        if let Ok(Some(line)) = Line::read(folder)
            && line.recorded_micro_mu == [60_000_000, 61_000_000]
        {
            return line;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the journal was not written: {:?}, {:?}", Line::read(folder), journal.failed());
}

#[test]
fn trips_up_to_the_live_counter_that_went_on_after_the_death() {
    let folder = tempfile::tempdir().unwrap();
    let line = died(folder.path());
    let sixth = Live {
        counters: [
            Some(Counter { pulses: 4, charge: (72 * 20_000_u32).wrapping_sub(100) }),
            Some(Counter { pulses: 13, charge: 500 + 71 * 20_000 }),
        ],
        gate_pulses: Some(6),
    };
    let base = base(&line.counted(&sixth));
    assert_eq!((base.dose.micro_mu(), base.source), (72_000_000, Source::Monitor1Live));
    let rest = Rest::known(&line, base);
    assert!(rest.refusal().contains("--output-check-done 41"), "{}", rest.refusal());
    let prepared = prepared();
    let whole = line.preset();
    let left = crate::describe::mu(whole) - 72.0;
    assert!(rest.refusal().contains(&format!("--accept-remaining {left:.2}")), "{}", rest.refusal());
    for wrong in [left + 0.02, left - 0.02, 0.0, crate::describe::mu(whole), f64::NAN] {
        assert!(rest.accept(wrong, &prepared).is_err(), "{wrong}");
    }
    let (rest_of_it, continues) = rest.accept(left, &prepared).expect("it is what remains");
    assert!((rest_of_it.planned.planned_mu - left).abs() < 1e-6);
    assert!(rest_of_it.order.preset < prepared.order.preset && rest_of_it.order.backup < prepared.order.backup);
    assert_eq!(continues.map(|it| it.delivery_id), Some(41));
    assert!(rest.accept(left, &rest_of_it).is_err(), "it is another plan");
}

#[test]
fn holds_the_recorded_dose_when_every_counter_began_anew() {
    let folder = tempfile::tempdir().unwrap();
    let line = died(folder.path());
    let restarted = Live {
        counters: [Some(Counter { pulses: 0, charge: 0 }), Some(Counter { pulses: 9, charge: 4_000_000_000 })],
        gate_pulses: Some(0),
    };
    let base = base(&line.counted(&restarted));
    assert_eq!((base.dose.micro_mu(), base.source), (61_000_000, Source::Monitor2Recorded));
    let gate = Live { gate_pulses: Some(8), ..restarted };
    let by_gate = beam_core::resume::base(&line.counted(&gate));
    assert_eq!((by_gate.dose.micro_mu(), by_gate.source), (8 * line.pulse_micro_mu, Source::GatePulses));
}

#[test]
fn holds_at_zero_for_a_delivery_that_was_never_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let prepared = prepared();
    let journal = DoseJournal::start(folder.path()).unwrap();
    journal.begin(41, &prepared.machine, &prepared.order).unwrap();
    let line = Line::read(folder.path()).unwrap().expect("a line");
    // the gate still shows the pulses of the delivery before
    let live = Live { gate_pulses: Some(300), ..Live::default() };
    assert_eq!(base(&line.counted(&live)).dose, Dose::ZERO);
}

#[test]
fn trips_when_nobody_knows() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE_NAME), "half a li").unwrap();
    assert!(Line::read(folder.path()).is_err());
    let journal = DoseJournal::start(folder.path()).unwrap();
    let rest = Rest::of(41, folder.path(), &journal);
    assert!(rest.accept(10.0, &prepared()).is_err() && rest.refusal().contains("nobody knows"));
}

#[test]
fn holds_the_same_plan_in_other_air_and_trips_over_another_one() {
    let profile = shipped::profile("liac").unwrap();
    let prepared = Prepared::new(&profile, &shipped::plan("liac").unwrap()).unwrap();
    let in_air = |pascals| {
        let air = Air { centidegrees: 2_200, pascals };
        prepared.in_air(frozen([air; 2], beam_core::units::Span::ZERO, 101_325).unwrap())
    };
    let before = in_air(101_000);
    let line = Line::new(7, &before.machine, &before.order);
    let rest = Rest::known(&line, base(&line.counted(&Live::default())));
    let all = crate::describe::mu(line.preset());
    for pascals in (98_000..104_000).step_by(7) {
        let accepted = rest.accept(all, &in_air(pascals));
        assert!(accepted.is_ok(), "{pascals} Pa: {accepted:?}");
    }
    let more = before.with_preset(line.preset().plus(Dose::from_micro_mu(10_000)));
    assert!(rest.accept(all, &more).unwrap_err().contains("this plan is another"));
}
