//! A supervisor that only observes, beside another one that governs the gate. It says where it would have ended the beam: at
//! the very pulse at which it would have, had it been connected. It says what came after that. And not one frame leaves it.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use beam_core::clearance::Role;
use beam_core::fault::{Fault, FaultSet, Group};
use beam_core::frame::{Bus, Frame};
use beam_core::machine::{Beam, Order};
use beam_core::note::{FrameCounts, Note};
use beam_core::record::{Body, Record};
use beam_core::session::Act;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{CloseCause, GATE_STATUS, GateState, GateStatus, Guard, MON1_DOSE, PermitState};
use beam_drivers::clock;
use beam_drivers::realtime::ThreadWish;
use beam_drivers::sim::{Injection, RealTimeUnit, Truth, Unit};
use beam_drivers::socketpair::{PairListener, PairPort};
use beam_supervisor::autopilot::Autopilot;
use beam_supervisor::conductor::{Conductor, Entry};
use beam_supervisor::config::{Seal, shipped};
use beam_supervisor::crew;
use beam_supervisor::desk::{Desk, View};
use beam_supervisor::observe::Told;
use beam_supervisor::observe::account::Account;
use beam_supervisor::observe::keeper::Keeper;
use beam_supervisor::observe::ports::observing_ports;
use beam_supervisor::observe::report::{OBSERVED, ObservedReport};
use beam_supervisor::observe::watching::Watching;
use beam_supervisor::prepared::Prepared;
use beam_supervisor::replay::replay;
use beam_supervisor::treatment_unit::unit_for;
use beam_supervisor::wiring::seat_guards;
use beam_supervisor::world::World;
use beam_tests::{
    Bench, Hand, Onlooker, Trial, deliver, deliver_recorded, observed_report, outcome_of, trial_machines,
};
use crossbeam::channel::RecvTimeoutError;

const SEED: u64 = 20;
/// Pulses of each plan.
const PULSES: u32 = 40;
/// The pulse with which a fault begins.
const FAULT_AT: u32 = 20;
/// Longer than any plan here can take.
const LONG: Span = Span::from_secs(60);
/// What an observer waits for after a gate has latched, and more.
const AFTER: Span = Span::from_millis(1_100);

fn report(trial: &Trial, account: &Account) -> ObservedReport {
    observed_report(trial, PULSES, account)
}

/// What an observer makes of a recording of one delivery; it dies at the end, and no frame may have left it.
fn observed(trial: &Trial, order: &Order, frames: &[(Ticks, Bus, Frame)]) -> Account {
    let mut onlooker = Onlooker::new(&trial.machine, order);
    let mut accounts = onlooker.hear_all(frames, AFTER);
    assert_eq!(accounts.len(), 1, "{}: one delivery, however often its proof opened the gate", trial.name);
    // that the gate goes on without these guards' word is no finding, neither in the record nor in the metrics
    let strange = onlooker.entries.iter().find(|entry| {
        matches!(entry, Entry::Guard(Record { body: Body::Note(Note::Fault(report)), .. }) if report.fault.group() == Group::Beam)
    });
    assert!(strange.is_none(), "{}: {strange:?}", trial.name);
    assert!(onlooker.withheld() > 100, "{}: {} permits were to be sent", trial.name, onlooker.withheld());
    assert_eq!(onlooker.die_and_count_frames(), 0, "{}", trial.name);
    accounts.remove(0)
}

/// A delivery that dose guard 2 alone holds, while everybody else permits for ever.
fn blind(trial: &Trial, order: &Order, injections: &[(Injection, u32)]) -> (Truth, Vec<(Ticks, Bus, Frame)>) {
    let mut bench = Bench::new(trial, order, SEED, injections, Guard::Dose2.bit());
    bench.keep_frames();
    bench.deliver(order, LONG);
    (bench.truth(), bench.frames().to_vec())
}

#[test]
fn holds_a_delivery_without_a_fault_for_the_same_at_the_same_pulse() {
    for trial in trial_machines() {
        let order = trial.order(PULSES);
        let real = deliver_recorded(&trial, &order, SEED, &[]);
        assert!(real.is_complete(), "{}: {}", trial.name, real.summary());
        let account = observed(&trial, &order, real.recording.frames());
        let report = report(&trial, &account);
        assert!(report.is_the_same(), "{}: {report:#?}", trial.name);
        let mut rested = Onlooker::new(&trial.machine, &order);
        let _proof_and_delivery = rested.hear_all(real.recording.frames(), AFTER);
        assert!(!rested.missed(), "{}", trial.name);
        assert!(account.seen_to_its_end && report.notices.is_empty(), "{}: {report:#?}", trial.name);
        assert_eq!(report.happened.openings, 1, "{}", trial.name);
        assert_eq!(u64::from(report.would_have.pulses), real.truth.pulses * u64::from(trial.is_pulsed()));
        let delivered = real.progress.delivered.map(beam_supervisor::describe::mu);
        assert_eq!(report.happened.delivered_mu, delivered, "{}", trial.name);
        // without pulses a gate takes a few ms to close
        assert!(report.would_have.delivered_mu == delivered || !trial.is_pulsed(), "{}: {report:#?}", trial.name);
        assert!(report.text().starts_with(&format!("OBSERVED, {OBSERVED}: would have ended the same way, by dose 1")));
    }
}

#[test]
fn trips_in_its_words_where_a_connected_supervisor_would_have_and_counts_what_came_after() {
    for trial in trial_machines().into_iter().filter(Trial::is_pulsed) {
        let order = trial.order(PULSES);
        let stuck = [(Injection::Mon1Stuck, FAULT_AT)];
        let connected = deliver(&trial, &order, SEED, &stuck);
        assert_eq!(connected.fault(), Some(Fault::ChargeStandsStill), "{}: {}", trial.name, connected.summary());
        let (truth, frames) = blind(&trial, &order, &stuck);
        let account = observed(&trial, &order, &frames);
        let report = report(&trial, &account);
        let would = &report.would_have;
        assert_eq!(would.fault.as_ref().map(|fault| &fault["code"]), Some(&Fault::ChargeStandsStill.code().into()));
        // that the gate goes on without these guards' word is no finding of theirs
        let strange = |fault: &&serde_json::Value| fault["code"] != Fault::ChargeStandsStill.code();
        assert_eq!(would.faults.iter().find(strange), None, "{}: {:?}", trial.name, would.faults);
        // pulses that are under way when a guard speaks come beside it where more than one may be
        let beside = trial.machine.window().saturating_sub(1);
        let connected = u32::try_from(connected.truth.pulses).expect("few pulses");
        assert!(would.pulses.abs_diff(connected) <= beside, "{}: {} and {connected}", trial.name, would.pulses);
        let after = report.afterwards.as_ref().expect("it would have ended");
        assert_eq!(u64::from(would.pulses + after.pulses), truth.pulses, "{}", trial.name);
        assert!(after.pulses >= PULSES - FAULT_AT, "{}: {after:?}", trial.name);
        assert_eq!(after.delivered_mu[0], 0.0, "{}: monitor 1 stands still", trial.name);
        assert!(after.delivered_mu[1] > 0.0 && !report.is_the_same(), "{}: {after:?}", trial.name);
        assert!(report.text().contains("would have TRIPPED by") && report.text().contains("pulses followed"));
        assert!(report.doubts.is_empty(), "{}: {:?}", trial.name, report.doubts);
    }
}

#[test]
fn trips_nobody_as_no_frame_leaves_an_observer_that_wanted_to_send_every_kind_of_permit() {
    let trial = Trial::mobile();
    let order = trial.order(PULSES);
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let mut onlooker = Onlooker::new(&trial.machine, &order);
    for guard in Guard::ALL {
        let permits = Guard::ALL.map(Guard::permit_id);
        assert!(onlooker.heard_by(guard).all(|id| !permits.contains(&id)), "{} hears a permit", guard.name());
    }
    let _one = onlooker.hear_all(real.recording.frames(), AFTER);
    for state in [PermitState::Withheld, PermitState::Permit, PermitState::Tripped] {
        let wanted = |entry: &Entry| matches!(entry, Entry::NotSent(not_sent) if not_sent.permit.state == state);
        assert!(state == PermitState::Withheld || onlooker.entries.iter().any(wanted), "{state:?} was to be sent");
    }
    let is_frame_of_ours =
        |entry: &Entry| matches!(entry, Entry::Guard(record) if matches!(record.body, Body::Sent { .. }));
    assert!(!onlooker.entries.iter().any(is_frame_of_ours), "an entry says that a permit was sent");
    assert_eq!(onlooker.die_and_count_frames(), 0);
}

/// A delivery that is interrupted at [`FAULT_AT`] and resumed three seconds later.
fn interrupted(trial: &Trial, order: &Order) -> Hand {
    let mut hand = Hand::new(trial, order, SEED, &[]);
    hand.world.keep_frames();
    hand.until(State::Ready);
    assert_eq!(hand.arm(0), Ok(()));
    hand.until(State::Armed);
    assert_eq!(hand.act(Act::Begin), Ok(()));
    hand.until_pulse(u64::from(FAULT_AT));
    assert_eq!(hand.act(Act::Interrupt), Ok(()));
    hand.run(Span::from_secs(3));
    assert_eq!(hand.act(Act::Resume), Ok(()));
    hand.to_the_end();
    assert_eq!(hand.state(), State::Complete, "{:?}", hand.progress.faults);
    hand
}

#[test]
fn holds_an_interruption_and_its_end_for_one_delivery() {
    let trial = Trial::mobile();
    let order = trial.order(PULSES);
    let hand = interrupted(&trial, &order);
    let account = observed(&trial, &order, hand.world.frames());
    let report = report(&trial, &account);
    assert!(report.is_the_same(), "{report:#?}");
    assert_eq!((report.happened.openings, report.would_have.state), (2, "complete"));
    assert_eq!(u64::from(report.would_have.pulses), hand.truth().pulses);
}

#[test]
fn holds_a_record_that_says_what_was_not_sent_and_is_judged_alike_when_it_is_replayed() {
    let profile = shipped::profile("novac7").expect("a shipped profile");
    let prepared = Prepared::new(&profile, &shipped::plan("novac7").expect("a shipped plan")).expect("it fits");
    let Prepared { machine, order, planned, .. } = &prepared;
    let stuck = [(Injection::Mon1Stuck, FAULT_AT)];
    let mut world = World::new(machine, &unit_for(machine, order, Span::from_millis(300)), SEED, &stuck);
    world.keep_frames();
    let real = outcome_of(&mut world, order);
    let found = real.fault().expect("monitor 1 is found out").code();
    let mut onlooker = Onlooker::new(machine, order);
    for (at, bus, frame) in real.recording.frames() {
        onlooker.hear(*at, *bus, frame);
    }
    onlooker.pass_time(real.now.after(AFTER));

    let directory = tempfile::tempdir().expect("a folder");
    let (seal, view) = (Seal::of(std::iter::empty()), Arc::new(View::default()));
    let interfaces = ["can0".to_owned(), "can1".to_owned()];
    let mut keeper = Keeper::new(prepared.clone(), &seal, directory.path(), interfaces.clone(), Arc::clone(&view));
    onlooker.told().into_iter().for_each(|told| keeper.take(told));
    assert_eq!((view.unrecorded(), keeper.is_following(), keeper.number()), (None, false, 2));
    let told = keeper.report().expect("a report");
    assert!(!told.notices.iter().any(|notice| notice.contains("not whole")), "{:?}", told.notices);
    let folder = fs::read_dir(directory.path()).expect("a folder").next().expect("a record").expect("a record").path();
    assert!(folder.to_string_lossy().ends_with("-observed-1"), "{}", folder.display());
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect("a file of the record");

    let frames = text("frames.log");
    let permits = Guard::ALL.map(|guard| format!(" {:03X}#", guard.permit_id()));
    assert!(frames.lines().count() > 100 && !permits.iter().any(|id| frames.contains(id)), "a permit was on no bus");
    let events = text("events.jsonl");
    let not_sent = events.lines().filter(|line| line.contains("\"permit not sent\""));
    assert!(not_sent.clone().count() > 3 && not_sent.clone().any(|line| line.contains("TRIPPED")), "{events}");
    let report: serde_json::Value = serde_json::from_str(&text("report.json")).expect("JSON");
    assert_eq!(report, serde_json::from_str::<serde_json::Value>(&told.json()).expect("JSON"), "what is told is kept");
    assert!(told.text().contains(report["verdict"].as_str().expect("words")) && report["is_the_same"] == false);
    assert_eq!((&report["observed"], &report["planned_mu"]), (&OBSERVED.into(), &planned.planned_mu.into()));

    assert_eq!(report["would_have"]["fault"]["code"], found, "{report:#}");

    let replayed = replay(&folder.join("frames.log"), &prepared, &interfaces).expect("it can be replayed");
    assert_eq!(replayed.report.fault.as_ref().map(|fault| fault["code"].clone()), Some(found.into()));
    assert_eq!(u64::from(replayed.report.pulses), report["would_have"]["pulses"].as_u64().expect("a count"));
}

#[test]
fn trips_a_record_that_cannot_be_written_in_its_report_and_tries_again_with_the_next() {
    let profile = shipped::profile("mobetron").expect("a shipped profile");
    let prepared = Prepared::new(&profile, &shipped::plan("mobetron").expect("a shipped plan")).expect("it fits");
    let prepared = prepared.with_preset(prepared.order.pulse_dose.times(PULSES));
    let Prepared { machine, order, .. } = &prepared;
    let mut world = World::new(machine, &unit_for(machine, order, Span::from_millis(300)), SEED, &[]);
    world.keep_frames();
    let real = outcome_of(&mut world, order);
    let parent = tempfile::tempdir().expect("a folder");
    let directory = parent.path().join("records");
    fs::write(&directory, "a file where the records' folder should be").expect("a file");
    let (seal, view) = (Seal::of(std::iter::empty()), Arc::new(View::default()));
    let interfaces = ["can0".to_owned(), "can1".to_owned()];
    let mut keeper = Keeper::new(prepared.clone(), &seal, &directory, interfaces, Arc::clone(&view));
    let mut notices = Vec::new();
    for _ in 0..2 {
        let mut onlooker = Onlooker::new(machine, order);
        for (at, bus, frame) in real.recording.frames() {
            onlooker.hear(*at, *bus, frame);
        }
        onlooker.pass_time(real.now.after(AFTER));
        onlooker.told().into_iter().for_each(|told| keeper.take(told));
        let report = keeper.report().expect("a report all the same");
        assert!(report.is_the_same(), "{report:#?}");
        notices.push((report.records.is_some(), report.notices.iter().any(|line| line.contains("not whole"))));
        let _gone_the_second_time = fs::remove_file(&directory);
    }
    assert_eq!(notices, [(false, true), (true, false)]);
    assert!(view.unrecorded().is_some(), "it was told");
}

/// The frames of a delivery from its pulse `pulse` on.
fn from_pulse(frames: &[(Ticks, Bus, Frame)], pulse: u32) -> &[(Ticks, Bus, Frame)] {
    let is_there = |(_, _, frame): &(Ticks, Bus, Frame)| {
        frame.id == GATE_STATUS && GateStatus::decode(frame).is_ok_and(|status| status.pulses == pulse)
    };
    &frames[frames.iter().position(is_there).expect("such a pulse")..]
}

#[test]
fn trips_over_no_delivery_whose_beginning_it_did_not_see() {
    let trial = Trial::mobile();
    let order = trial.order(PULSES);
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let frames = real.recording.frames();
    // the gate is open already, with and without a pulse fired
    let is_open = |(_, _, frame): &(Ticks, Bus, Frame)| {
        let status = GateStatus::decode(frame).ok().filter(|_| frame.id == GATE_STATUS);
        status.is_some_and(|status| (status.state, status.cause) == (GateState::Open, CloseCause::None))
    };
    let opened = &frames[frames.iter().position(is_open).expect("an opening")..];
    for rest in [opened, from_pulse(frames, FAULT_AT)] {
        let mut onlooker = Onlooker::new(&trial.machine, &order);
        let accounts = onlooker.hear_all(rest, AFTER);
        assert!(accounts.is_empty(), "half a delivery was judged as a whole one: {accounts:#?}");
        assert!(onlooker.missed(), "and nobody was told");
        let led = onlooker.entries.iter().any(|entry| matches!(entry, Entry::Session(..)));
        assert!(!led, "{:?}", onlooker.entries);
    }
}

#[test]
fn holds_the_delivery_that_follows_one_whose_beginning_it_did_not_see() {
    let trial = Trial::mobile();
    let order = trial.order(PULSES);
    let hand = interrupted(&trial, &order);
    let frames = hand.world.frames();
    let closed = |(_, bus, frame): &(Ticks, Bus, Frame)| {
        let status = GateStatus::decode(frame).ok().filter(|_| *bus == Bus::A && frame.id == GATE_STATUS);
        status.is_some_and(|status| status.state == GateState::Closed && status.pulses > 0)
    };
    let interruption = frames.iter().position(closed).expect("an interruption");
    let mut onlooker = Onlooker::new(&trial.machine, &order);
    assert!(onlooker.hear_all(&frames[interruption..], AFTER).is_empty());
    assert!(onlooker.missed(), "and nobody was told");
    assert_eq!(onlooker.latched(), FaultSet::EMPTY, "and its metrics would say so until the next delivery");
    // pulses that its guards did not ask for came meanwhile; what follows is judged by the same guards all the same
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let accounts = onlooker.hear_all(real.recording.frames(), AFTER);
    let report = report(&trial, accounts.first().expect("the account of a whole delivery"));
    assert_eq!((report.would_have.ended_by, report.would_have.fault), (Some("dose 1"), None));
    assert_eq!(report.happened.pulses_counted, [PULSES; 3]);
}

#[test]
fn holds_the_next_delivery_of_the_same_gate_for_no_finding() {
    let trial = Trial::mobile();
    let order = trial.order(PULSES);
    let mut hand = Hand::new(&trial, &order, SEED, &[]);
    hand.world.keep_frames();
    let mut first = 0;
    for later in [0, 2] {
        first = hand.world.frames().len();
        hand.run(Span::from_secs(2));
        hand.until(State::Ready);
        assert_eq!(hand.arm(later), Ok(()));
        hand.until(State::Armed);
        assert_eq!(hand.act(Act::Begin), Ok(()));
        hand.to_the_end();
        hand.run(Span::from_secs(2));
        assert_eq!(hand.act(Act::Acknowledge { by: Role::Operator }), Ok(()));
    }
    // between the two whoever governs the gate has it take up a proof and the next delivery
    let mut onlooker = Onlooker::new(&trial.machine, &order);
    let accounts = onlooker.hear_all(&hand.world.frames()[first..], AFTER);
    let report = report(&trial, accounts.first().expect("the account of the second one"));
    assert_eq!((report.would_have.ended_by, report.would_have.fault), (Some("dose 1"), None));
    assert!(onlooker.outside.is_empty(), "beam outside of a delivery: {:?}", onlooker.outside);
}

#[test]
fn holds_a_gate_that_stood_open_without_a_lease_for_no_finding() {
    let trial = Trial::mobile();
    let order = trial.order(PULSES);
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let mut frames = real.recording.frames().to_vec();
    let status = |frame: &Frame| GateStatus::decode(frame).ok().filter(|_| frame.id == GATE_STATUS);
    let is_beginning = |(_, _, frame): &(Ticks, Bus, Frame)| {
        status(frame).is_some_and(|gate| (gate.state, gate.cause) == (GateState::Open, CloseCause::None))
    };
    let beginning = frames.iter().find(|told| is_beginning(told)).expect("an opening").0;
    for (_, _, frame) in frames.iter_mut().filter(|(at, ..)| *at < beginning && beginning.since(*at) < AFTER) {
        if let Some(gate) = status(frame).filter(|gate| gate.state == GateState::Closed) {
            let waiting = GateStatus { state: GateState::Open, cause: CloseCause::LeaseUsed, ..gate };
            *frame = waiting.encode(frame.data[1] & 15);
        }
    }
    let report = report(&trial, &observed(&trial, &order, &frames));
    assert_eq!((report.would_have.ended_by, report.would_have.fault), (Some("dose 1"), None));
}

#[test]
fn holds_pulses_beyond_its_own_lease_for_no_finding() {
    // whoever governs the gate may let more pulses come at once than these guards would, and a frame may be lost
    let trial = trial_machines().into_iter().find(|trial| trial.machine.window() > 1).expect("a fast machine");
    let order = trial.order(PULSES);
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let mut machine = trial.machine;
    if let Beam::Pulsed { window, .. } = &mut machine.beam {
        *window = 1;
    }
    let mut told = 0;
    let mut frames = real.recording.frames().to_vec();
    frames.retain(|(_, _, frame)| {
        told += u32::from(frame.id == MON1_DOSE);
        frame.id != MON1_DOSE || told.is_multiple_of(2)
    });
    let accounts = Onlooker::new(&machine, &order).hear_all(&frames, AFTER);
    let would = &accounts.first().expect("an account").would;
    assert!(would.pulses[0] > 1, "{would:?}");
    assert!(!would.faults.iter().any(|(.., report)| report.fault == Fault::PulseBeyondLease), "{would:?}");
}

#[test]
fn holds_an_unfinished_delivery_for_unfinished() {
    let trial = Trial::mobile();
    let order = trial.order(PULSES);
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let frames = real.recording.frames();
    let half = &frames[..frames.len() - from_pulse(frames, FAULT_AT).len()];
    let mut onlooker = Onlooker::new(&trial.machine, &order);
    assert!(onlooker.hear_all(half, Span::ZERO).is_empty());
    let accounts = onlooker.end();
    let report = report(&trial, accounts.first().expect("an account of what was seen"));
    assert!(!report.happened.seen_to_its_end && report.would_have.ended_by.is_none() && report.afterwards.is_none());
    assert_eq!(report.happened.pulses_counted[2], FAULT_AT - 1);
    assert!(report.doubts.iter().any(|doubt| doubt.contains("not followed to its end")), "{:?}", report.doubts);
    assert!(report.text().contains("until it was followed no longer"), "{}", report.text());
    assert!(!report.is_the_same() && report.text().contains("still open"), "{}", report.text());
}

#[test]
fn trips_at_no_pulse_where_the_set_up_is_not_the_planned_one() {
    let trial = Trial::mobile();
    let order = trial.order(PULSES);
    let real = deliver_recorded(&trial, &order, SEED, &[]);
    let mut other = order;
    other.set_up.applicator += 1;
    let account = observed(&trial, &other, real.recording.frames());
    let report = report(&trial, &account);
    assert_eq!(report.would_have.fault.as_ref().map(|fault| &fault["code"]), Some(&Fault::Applicator.code().into()));
    assert_eq!(report.would_have.pulses, 0, "{report:#?}");
    assert_eq!(u64::from(report.afterwards.expect("an end").pulses), real.truth.pulses);
}

#[test]
fn trips_nobody_in_real_threads_either_beside_a_supervisor_whose_permits_do_arrive() {
    // the machine's periods are stretched, so that a busy computer does not decide what is tried here
    let profile = shipped::demo_profile("mobetron").expect("a shipped profile");
    let prepared = Prepared::new(&profile, &shipped::plan("mobetron").expect("a shipped plan")).expect("it fits");
    let prepared = prepared.with_preset(prepared.order.pulse_dose.times(PULSES));
    let Prepared { machine, order, .. } = &prepared;
    let config = unit_for(machine, order, Span::from_millis(300));
    let mut unit = RealTimeUnit::new(Unit::new(&config, SEED, &[]));
    let mut sending = 0;
    let mut open = |guard: Guard| {
        crew::ports(guard, machine, |bus, ids, own| {
            sending += 1;
            PairPort::new(unit.endpoint(bus, ids)?, own)
        })
        .expect("sockets")
    };
    let ports = Guard::ALL.map(&mut open);
    let listening = observing_ports(machine, |_, bus, ids| PairListener::new(unit.endpoint(bus, ids)?));
    let unit = unit.start(ThreadWish::default()).expect("a thread");
    let (view, none) = (Arc::new(View::default()), [FrameCounts::default(); 4]);
    let wanted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&wanted);
    let sink = move |entry: &Entry| {
        count.fetch_add(u64::from(matches!(entry, Entry::NotSent(_))), Ordering::Relaxed);
    };
    let wishes = [ThreadWish::guard(50, None); 4];
    let listening = listening.expect("sockets");
    let watching = Watching::start(&prepared, listening, wishes, (1, none), view, sink).expect("threads");
    let (seats, lines) = seat_guards(machine);
    let crew = crew::start(seats, ports, wishes).expect("threads");
    let desk = Desk::start(Conductor::new(machine, lines), FaultSet::EMPTY, |_| {}).expect("a thread");
    let mut operator = Autopilot::new(1, 2, *order, machine);
    let began = clock::now();
    let account = loop {
        let progress = desk.view().progress();
        assert!(clock::now().since(began) < Span::from_secs(60), "{:?}, {:?}", progress.state, progress.faults);
        if let Some(act) = operator.next_act(progress.state) {
            let _refused_where_it_tripped = desk.act(act);
        }
        match watching.told.recv_timeout(Duration::from_millis(20)) {
            Ok(Told::Over(account)) => break account,
            Err(RecvTimeoutError::Disconnected) => panic!("the observer is gone"),
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
        }
    };
    desk.stop();
    crew.join();
    let _counted = watching.stop();
    let put = unit.frames_put();
    let (theirs, ours) = put.split_at(sending);
    assert!(theirs.iter().sum::<u64>() > 100, "the others' permits arrive: {theirs:?}");
    assert_eq!(ours.iter().sum::<u64>(), 0, "{ours:?}");
    assert!(wanted.load(Ordering::Relaxed) > 0 && account.had_beam());
    unit.stop();
    assert_eq!(u64::from(account.last_gate().pulses), unit.join().pulses);
}
