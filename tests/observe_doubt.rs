//! What an observer must not call the same, and what it must not pass over in silence: dose and pulses after the end that its
//! guards would have made, beam outside of a delivery, a gate that restarts, reports that repeat themselves, an observer or a
//! listener that is late.

use std::fs;
use std::sync::Arc;

use beam_core::fault::{Fault, FaultSet};
use beam_core::frame::{Bus, Frame};
use beam_core::machine::Order;
use beam_core::note::{FaultReport, Note};
use beam_core::record::{Body, Record};
use beam_core::session::Act;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{CloseCause, GATE_STATUS, GateState, GateStatus, Guard};
use beam_drivers::sim::Injection;
use beam_supervisor::conductor::Entry;
use beam_supervisor::config::{Seal, shipped};
use beam_supervisor::desk::View;
use beam_supervisor::observe::Told;
use beam_supervisor::observe::account::Account;
use beam_supervisor::observe::keeper::Keeper;
use beam_supervisor::observe::report::ObservedReport;
use beam_supervisor::prepared::Prepared;
use beam_supervisor::treatment_unit::unit_for;
use beam_supervisor::world::World;
use beam_tests::{Hand, Onlooker, Trial, deliver_recorded, observed_report, outcome_of, trial_machines};

const SEED: u64 = 20;
/// Pulses of each plan.
const PULSES: u32 = 40;
/// What an observer waits for after a gate has latched, and more.
const AFTER: Span = Span::from_millis(1_100);

type Frames = [(Ticks, Bus, Frame)];

/// What an observer that turns every `turn` makes of one delivery.
fn looked(trial: &Trial, order: &Order, frames: &Frames, turn: Span) -> (Vec<Account>, Onlooker) {
    let mut onlooker = Onlooker::new(&trial.machine, order);
    onlooker.turn = turn;
    let accounts = onlooker.hear_all(frames, AFTER);
    (accounts, onlooker)
}

fn one_report(trial: &Trial, order: &Order, frames: &Frames) -> ObservedReport {
    let (accounts, _) = looked(trial, order, frames, Span::from_millis(1));
    assert_eq!(accounts.len(), 1, "{}", trial.name);
    observed_report(trial, PULSES, &accounts[0])
}

fn headline(report: &ObservedReport) -> String {
    report.text().lines().next().unwrap_or_default().to_owned()
}

#[test]
fn trips_dose_after_the_end_on_a_machine_without_pulses() {
    let trial = Trial::tube();
    let twice = deliver_recorded(&trial, &trial.order(2 * PULSES), SEED, &[]);
    let report = one_report(&trial, &trial.order(PULSES), twice.recording.frames());
    let after = report.afterwards.as_ref().expect("it would have ended");
    assert!(!report.is_the_same() && !after.is_closed_in_time && after.delivered_mu[0] > 1.0, "{after:?}");
    assert!(headline(&report).contains("on monitor 2 followed"), "{}", headline(&report));
}

#[test]
fn holds_what_a_gate_lets_pass_while_it_closes() {
    let trial = Trial::tube();
    let order = trial.order(PULSES);
    for seed in 0..20 {
        let real = deliver_recorded(&trial, &order, seed, &[]);
        let report = one_report(&trial, &order, real.recording.frames());
        assert!(report.is_the_same(), "seed {seed}: {}\n{:?}", report.text(), report.afterwards);
    }
}

#[test]
fn trips_pulses_after_the_end_that_the_gate_does_not_count() {
    for trial in [Trial::mobile(), Trial::slow()] {
        let order = trial.order(PULSES);
        let real = deliver_recorded(&trial, &order, SEED, &[(Injection::GateLeaks, PULSES)]);
        assert!(real.truth.pulses > u64::from(PULSES), "{}", trial.name);
        let report = one_report(&trial, &order, real.recording.frames());
        let after = report.afterwards.as_ref().expect("it would have ended");
        assert!(!report.is_the_same() && after.pulses > 0, "{}: {after:?}", trial.name);
        let found = after.faults.iter().any(|fault| fault["code"] == Fault::PulsesWhileClosed.code());
        assert!(found && headline(&report).contains("F-101"), "{}: {}", trial.name, headline(&report));
        assert!(report.doubts.iter().any(|doubt| doubt.contains("counted")), "{:?}", report.doubts);
    }
}

/// The faults that entries tell of.
fn faults(entries: &[Entry]) -> FaultSet {
    entries.iter().fold(FaultSet::EMPTY, |all, entry| match entry {
        Entry::Guard(record) => match record.body {
            Body::Note(Note::Fault(report)) => all.with(report.fault),
            _ => all,
        },
        _ => all,
    })
}

#[test]
fn trips_over_beam_through_a_closed_gate_outside_of_a_delivery_and_inhibits_the_next() {
    let trial = Trial::mobile();
    let order = trial.order(PULSES);
    let leaks = [(Injection::GateLeaks, 0), (Injection::BeamRequestedEarly, 0)];
    let mut hand = Hand::new(&trial, &order, SEED, &leaks);
    hand.world.keep_frames();
    hand.run(Span::from_secs(10));
    assert!(hand.truth().pulses > 50);
    let mut onlooker = Onlooker::new(&trial.machine, &order);
    assert!(onlooker.hear_all(hand.world.frames(), AFTER).is_empty());
    assert!(faults(&onlooker.outside).contains(Fault::PulsesWhileClosed), "{:?}", onlooker.outside);
    assert!(faults(&onlooker.entries).contains(Fault::PulsesWhileClosed), "log and metrics get it, too");
    assert!(onlooker.latched().contains(Fault::PulsesWhileClosed), "found once, it stays");
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let accounts = onlooker.hear_all(real.recording.frames(), AFTER);
    let report = observed_report(&trial, PULSES, accounts.first().expect("an account"));
    assert!(report.would_have.inhibited_by.contains(&"pulses-while-closed"), "{:?}", report.would_have);
    assert!(headline(&report).contains("would not have been armed"), "{}", headline(&report));
}

#[test]
fn holds_deliveries_seen_and_unseen_for_no_beam_outside_of_one() {
    for trial in trial_machines() {
        let order = trial.order(PULSES);
        let real = deliver_recorded(&trial, &order, SEED, &[]);
        let frames = real.recording.frames();
        for from in [0, frames.len() / 2] {
            let (_, onlooker) = looked(&trial, &order, &frames[from..], Span::from_millis(1));
            assert!(onlooker.outside.is_empty(), "{}: {:?}", trial.name, onlooker.outside);
        }
    }
}

#[test]
fn holds_an_interruption_of_more_than_a_minute_for_the_same_delivery() {
    let trial = Trial::mobile();
    let mut hand = Hand::new(&trial, &trial.order(PULSES), SEED, &[]);
    hand.world.keep_frames();
    hand.until(State::Ready);
    assert_eq!(hand.arm(0), Ok(()));
    hand.until(State::Armed);
    assert_eq!(hand.act(Act::Begin), Ok(()));
    hand.until_pulse(25);
    assert_eq!(hand.act(Act::Interrupt), Ok(()));
    hand.run(Span::from_secs(62));
    assert_eq!(hand.act(Act::Resume), Ok(()));
    hand.to_the_end();
    let report = one_report(&trial, &trial.order(PULSES / 2), hand.world.frames());
    let after = report.afterwards.as_ref().expect("it would have ended");
    let pulses = u32::try_from(hand.truth().pulses).expect("few");
    assert_eq!((report.would_have.pulses, after.pulses), (PULSES / 2, pulses - PULSES / 2));
    assert!(report.happened.seen_to_its_end && report.happened.openings == 2, "{:?}", report.happened);
}

#[test]
fn trips_or_doubts_whatever_a_late_observer_missed() {
    let mut doubted = 0;
    for trial in [Trial::slow(), Trial::mobile(), Trial::quick(), Trial::fast(), Trial::clinical(), Trial::research()] {
        let order = trial.order(PULSES);
        let real = deliver_recorded(&trial, &order, SEED, &[]);
        for late in [1, 20, 24, 27, 30, 33, 36, 39, 45, 50, 100, 200] {
            let turn = Span::from_millis(late);
            let (accounts, onlooker) = looked(&trial, &order, real.recording.frames(), turn);
            let Some(account) = accounts.first() else {
                assert!(onlooker.missed(), "{}, {late} ms late: neither seen nor missed", trial.name);
                continue;
            };
            let report = observed_report(&trial, PULSES, account);
            let is_whole = report.happened.pulses_counted == [PULSES; 3];
            let said = (!report.doubts.is_empty(), !report.notices.is_empty());
            assert!(is_whole || said == (true, true), "{}, {late} ms late: {said:?} {report:#?}", trial.name);
            let fault = report.would_have.fault.as_ref();
            let invented = fault.is_some_and(|fault| fault["code"] == Fault::GateOpenUnasked.code());
            assert!(!invented, "{}, {late} ms late: {}", trial.name, headline(&report));
            assert!(is_whole || !report.is_the_same(), "{}, {late} ms late: {}", trial.name, headline(&report));
            doubted += u32::from(said.0);
        }
    }
    assert!(doubted > 0, "nothing was tried");
}

#[test]
fn holds_guards_that_took_the_beam_for_a_fault_just_before_they_were_told_to_begin() {
    let trial = Trial::slow();
    let order = trial.order(5);
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let mut late = 0;
    // somewhere here a pulse comes while the word to begin is on its way to them
    for micros in (20_000..120_000).step_by(700) {
        let (accounts, _) = looked(&trial, &order, real.recording.frames(), Span::from_micros(micros));
        let Some(account) = accounts.first() else { continue };
        let fault = account.would.fault_found().map(|(_, report)| report.fault);
        let unasked = [Fault::GateOpenUnasked, Fault::PulsesWhileClosed, Fault::ChargeWhileClosed];
        assert!(!fault.is_some_and(|fault| unasked.contains(&fault)), "a turn every {micros} us: {fault:?}");
        late += 1;
    }
    assert!(late > 50, "{late}");
}

#[test]
fn trips_a_gate_that_restarts_in_mid_beam_as_the_connected_one_would() {
    let trial = Trial::mobile();
    let order = trial.order(PULSES);
    for at in 5..PULSES - 4 {
        let real = deliver_recorded(&trial, &order, SEED, &[(Injection::GateRestart, at)]);
        let report = one_report(&trial, &order, real.recording.frames());
        assert!(!report.is_the_same(), "at {at}: {}", headline(&report));
        let found = report.would_have.fault.as_ref().map(|fault| fault["code"].clone());
        assert!(found.is_some(), "at {at}: the connected one found {:?}, {}", real.fault(), report.text());
        assert!(report.happened.gate.state != "OPEN", "at {at}: {}", report.text());
    }
}

#[test]
fn holds_a_delivery_that_is_told_by_one_bus_while_the_other_repeats_itself() {
    let trial = Trial::mobile();
    let order = trial.order(PULSES);
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let mut frames = real.recording.frames().to_vec();
    let mut first = None;
    for (_, bus, frame) in &mut frames {
        if *bus == Bus::A && frame.id == GATE_STATUS {
            *frame = *first.get_or_insert(*frame);
        }
    }
    let (accounts, _) = looked(&trial, &order, &frames, Span::from_millis(1));
    let report = observed_report(&trial, PULSES, accounts.first().expect("bus B tells of it"));
    assert!(!report.is_the_same() && report.happened.pulses_counted[2] == PULSES, "{}", report.text());
}

#[test]
fn holds_the_account_until_somebody_takes_it() {
    let trial = Trial::mobile();
    let order = trial.order(600);
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let mut onlooker = Onlooker::new(&trial.machine, &order);
    // nobody reads until it is over, and there is more to tell than there is room
    for (at, bus, frame) in real.recording.frames() {
        onlooker.hear(*at, *bus, frame);
    }
    onlooker.pass_time(real.now.after(AFTER));
    let is_over = |told: &Told| matches!(told, Told::Over(_));
    let told = onlooker.told();
    assert!(told.len() > 60_000 && !told.iter().any(is_over), "{} things told", told.len());
    onlooker.pass_time(onlooker.now().after(Span::from_millis(10)));
    let told = onlooker.told();
    let Some(Told::Over(account)) = told.last() else { panic!("no account") };
    let report = observed_report(&trial, 600, account);
    assert!(report.records_lost > 0 && !report.is_the_same(), "{}", headline(&report));
    assert!(headline(&report).contains("IN DOUBT"), "{}", headline(&report));
}

#[test]
fn holds_the_newest_of_what_came_before_the_first_beam() {
    let trial = Trial::mobile();
    // so many that the time limit allows for two minutes without beam
    let order = trial.order(1500);
    let mut world = World::new(&trial.machine, &unit_for(&trial.machine, &order, Span::from_secs(120)), SEED, &[]);
    world.keep_frames();
    let real = outcome_of(&mut world, &order);
    assert!(real.truth.pulses > 100, "{}", real.summary());
    let mut onlooker = Onlooker::new(&trial.machine, &order);
    let mut times: Vec<Ticks> = Vec::new();
    let mut account = None;
    let mut take = |told: Vec<Told>| {
        for told in told {
            match told {
                Told::Entry(entry) => times.push(entry.at()),
                Told::Over(over) => account = Some(over),
                Told::Missed | Told::Outside(_) => {}
            }
        }
    };
    for (at, bus, frame) in real.recording.frames() {
        onlooker.hear(*at, *bus, frame);
        take(onlooker.told());
    }
    onlooker.pass_time(real.now.after(AFTER));
    take(onlooker.told());
    times.sort();
    let gap = times.windows(2).map(|two| two[1].since(two[0])).max().expect("entries");
    assert!(gap < Span::from_millis(100), "{gap:?} without a record");
    let report = observed_report(&trial, 1500, &account.expect("an account"));
    assert!(report.notices.iter().any(|notice| notice.contains("the record begins")), "{:?}", report.notices);
    assert_eq!(report.records_lost, 0);
}

#[test]
fn trips_a_pulse_that_came_before_the_guards_had_begun_in_its_notices_and_holds_one_that_came_later() {
    let trial = Trial::slow();
    let order = trial.order(PULSES);
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let frames = real.recording.frames();
    let gate = |frame: &Frame| GateStatus::decode(frame).ok().filter(|_| frame.id == GATE_STATUS);
    assert!(frames.iter().any(|(.., frame)| gate(frame).is_some_and(|status| status.pulses == PULSES)));
    let notices = |turn| {
        let (accounts, _) = looked(&trial, &order, frames, turn);
        observed_report(&trial, PULSES, accounts.first().expect("an account")).notices
    };
    assert!(notices(Span::from_millis(1)).is_empty());
    assert!(notices(Span::from_millis(200)).iter().any(|notice| notice.contains("may have missed it")));
}

#[test]
fn trips_what_came_outside_of_deliveries_in_a_file_of_its_own_and_in_the_next_report() {
    let profile = shipped::profile("novac7").expect("a shipped profile");
    let prepared = Prepared::new(&profile, &shipped::plan("novac7").expect("a shipped plan")).expect("it fits");
    let directory = tempfile::tempdir().expect("a folder");
    let records = directory.path().join("records");
    let (seal, view) = (Seal::of(std::iter::empty()), Arc::new(View::default()));
    let interfaces = ["can0".to_owned(), "can1".to_owned()];
    let machine = prepared.machine;
    let mut keeper = Keeper::new(prepared.clone(), &seal, &records, interfaces, Arc::clone(&view));
    let body = Body::Note(Note::Fault(FaultReport::of(Fault::PulsesWhileClosed)));
    let found = Entry::Guard(Record { at: Ticks::ZERO, guard: Guard::Interlock, serial: 0, body });
    keeper.take(Told::Missed);
    keeper.take(Told::Outside(found));
    assert_eq!(view.unrecorded(), None);
    let text = fs::read_to_string(records.join("observed-outside.jsonl")).expect("a file");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON in each line")).collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line["at"].is_string()), "{text}");
    assert_eq!((&lines[0]["event"], &lines[1]["fault"]["code"]), (&"missed".into(), &"F-101".into()), "{text}");
    let status = GateStatus {
        state: GateState::Open,
        cause: CloseCause::None,
        closed_by: 0,
        pulses: 0,
        beam_on_centiseconds: 0,
    };
    keeper.judge_by(prepared, Some("by the air of before".to_owned()));
    keeper.take(Told::Over(Box::new(Account::new(1, Ticks::ZERO, &status, Vec::new(), &machine))));
    let report = keeper.report().expect("a report");
    let said = |word: &str| report.notices.iter().any(|notice| notice.contains(word));
    assert!(said("F-101") && said("beginning was not seen"), "{:?}", report.notices);
    assert!(report.doubts.iter().any(|doubt| doubt.contains("by the air of before")), "{:?}", report.doubts);
}
