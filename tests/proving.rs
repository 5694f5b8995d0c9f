//! Before every beam the gate is tried on each guard: its silence closes it, its withdrawal closes it, its lease of no pulse
//! stops it. The first half reads all that from the recorded frames of sound deliveries, and reads also that at no
//! moment of the proof a pulse could have been fired, had anybody asked for beam. The second half puts a gate beside the
//! guards that is broken on one channel: it is never armed, and not one pulse is fired.

use beam_core::fault::Fault;
use beam_core::frame::Bus;
use beam_core::machine::Beam;
use beam_core::requirement::Requirement;
use beam_core::units::Ticks;
use beam_core::wire::{CloseCause, GateState, GateStatus, Guard, Permit, PermitState};
use beam_drivers::sim::Injection as I;
use beam_tests::{DELIVERY, PROOF, Recording, Trial, deliver_recorded, permit_of, trial_machines, verifies};

/// The last permit of each guard at each moment of the proof, and the gate as one bus shows it.
struct Moment {
    at: Ticks,
    permits: [Option<(Ticks, Permit)>; 4],
    gate: [Option<GateStatus>; 2],
}

/// Every moment at which a frame came over a bus.
fn moments(recording: &Recording) -> Vec<Moment> {
    let (mut permits, mut gate) = ([None; 4], [None; 2]);
    let mut all = Vec::new();
    for (at, bus, frame) in recording.frames() {
        if let Some((guard, permit)) = permit_of(frame) {
            permits[guard.index()] = Some((*at, permit));
        } else if frame.id == beam_core::wire::GATE_STATUS {
            gate[usize::from(*bus == Bus::B)] = GateStatus::decode(frame).ok();
        }
        all.push(Moment { at: *at, permits, gate });
    }
    all
}

impl Moment {
    fn gates_say(&self, said: (GateState, CloseCause, u8)) -> bool {
        self.gate.iter().all(|gate| gate.is_some_and(|gate| (gate.state, gate.cause, gate.closed_by) == said))
    }

    /// Whether the last permit of everybody but `guard` is PERMIT with a lease above 0, under the proof's id.
    fn others_permit(&self, guard: Guard) -> bool {
        let permits = |who: &Guard| {
            let permit = self.permits[who.index()].map(|(_, permit)| permit);
            permit.is_some_and(|p| p.state == PermitState::Permit && p.delivery == PROOF && p.lease > 0)
        };
        Guard::ALL.iter().filter(|who| **who != guard).all(permits)
    }

    fn own(&self, guard: Guard) -> Option<(Ticks, Permit)> {
        self.permits[guard.index()].filter(|(_, permit)| permit.delivery == PROOF)
    }

    /// Whether any guard withholds, trips, leases nothing or speaks of another delivery: no pulse may be fired then.
    fn is_held(&self) -> bool {
        let delivery = self.permits[0].map_or(0, |(_, permit)| permit.delivery);
        let holds =
            |permit: &Permit| permit.state != PermitState::Permit || permit.lease == 0 || permit.delivery != delivery;
        self.permits.iter().any(|permit| permit.is_none_or(|(_, permit)| holds(&permit)))
    }
}

/// The longest time for which `holds` held without a break, in ns.
fn longest(moments: &[Moment], holds: impl Fn(&Moment) -> bool) -> u64 {
    let (mut since, mut longest) = (None, 0);
    for moment in moments {
        if holds(moment) {
            longest = longest.max(moment.at.nanos() - *since.get_or_insert(moment.at.nanos()));
        } else {
            since = None;
        }
    }
    longest
}

/// What the recording does not show of `guard`.
fn missing(trial: &Trial, moments: &[Moment], guard: Guard) -> Vec<&'static str> {
    let timing = trial.machine.timing;
    let others = |moment: &Moment| moment.others_permit(guard);
    let silent = moments.iter().any(|moment| {
        let heard = moment.own(guard).map(|(at, _)| at);
        others(moment)
            && heard.is_some_and(|heard| moment.at.since(heard) > timing.stale_after)
            && moment.gates_say((GateState::Closed, CloseCause::PermitStale, guard.bit()))
    });
    let withdrawn = moments.iter().any(|moment| {
        others(moment)
            && moment.own(guard).is_some_and(|(_, permit)| permit.state == PermitState::Withheld)
            && moment.gates_say((GateState::Closed, CloseCause::PermitWithheld, guard.bit()))
    });
    let leased = longest(moments, |moment| {
        others(moment)
            && moment.own(guard).is_some_and(|(_, p)| p.state == PermitState::Permit && p.lease == 0)
            && moment.gates_say((GateState::Open, CloseCause::LeaseUsed, guard.bit()))
    });
    let held = leased >= timing.stale_after.plus(timing.proof_margin).nanos();
    [(silent, "silence"), (withdrawn, "withdrawal"), (held, "lease 0")]
        .into_iter()
        .filter(|(shown, _)| !shown)
        .map(|(_, what)| what)
        .collect()
}

/// Whether each guard's WITHHELD with lease 0 comes only before its first PERMIT of the same id.
fn offers_come_first(recording: &Recording) -> bool {
    let mut permitted: Vec<(Guard, u16)> = Vec::new();
    recording.permits().all(|(_, guard, permit)| {
        let known = permitted.contains(&(guard, permit.delivery));
        if permit.state == PermitState::Permit && !known {
            permitted.push((guard, permit.delivery));
        }
        !(known && permit.state == PermitState::Withheld && permit.lease == 0)
    })
}

#[test]
fn holds_and_shows_every_guard_to_hold_the_gate_before_the_beam() {
    verifies(Requirement::Proven);
    for trial in trial_machines() {
        for seed in 1..=5 {
            let outcome = deliver_recorded(&trial, &trial.order(6), seed, &[]);
            let name = format!("{} seed {seed}", trial.name);
            assert!(outcome.is_complete(), "{name}: {}", outcome.summary());
            let moments = moments(&outcome.recording);
            let permit_of_delivery = |m: &Moment| {
                m.permits.iter().flatten().any(|(_, p)| p.delivery == DELIVERY && p.state == PermitState::Permit)
            };
            let proof = moments.iter().position(permit_of_delivery).expect("a beam");
            for guard in Guard::ALL {
                let missing = missing(&trial, &moments[..proof], guard);
                assert!(missing.is_empty(), "{name}, {}: {missing:?} not shown", guard.name());
            }
            assert!(moments[..proof].iter().all(Moment::is_held), "{name}: a moment at which a pulse could be fired");
            assert!(!moments.iter().all(Moment::is_held), "{name}: the beam itself must not read as held");
            assert!(offers_come_first(&outcome.recording), "{name}: WITHHELD with lease 0 after a PERMIT");
        }
    }
}

#[test]
fn trips_over_recordings_that_show_too_little() {
    verifies(Requirement::Proven);
    let trial = Trial::mobile();
    let recording = deliver_recorded(&trial, &trial.order(3), 1, &[]).recording;
    for guard in Guard::ALL {
        // the same recording with one cause told as another shows two things and lacks the third
        for (cause, lacks) in [
            (CloseCause::PermitStale, "silence"),
            (CloseCause::PermitWithheld, "withdrawal"),
            (CloseCause::LeaseUsed, "lease 0"),
        ] {
            let mut doctored = recording.clone();
            for (.., frame) in doctored.frames_mut() {
                let told = GateStatus::decode(frame).ok().filter(|_| frame.id == beam_core::wire::GATE_STATUS);
                if let Some(status) = told.filter(|s| s.cause == cause && s.closed_by == guard.bit()) {
                    *frame = GateStatus { closed_by: 0, ..status }.encode(0);
                }
            }
            assert_eq!(missing(&trial, &moments(&doctored), guard), [lacks], "{}", guard.name());
        }
    }
    let mut early = recording.clone();
    for (.., frame) in early.frames_mut() {
        if let Some((guard, permit)) = permit_of(frame).filter(|(_, p)| p.lease == 0 && p.delivery == PROOF) {
            *frame = Permit { lease: 1, ..permit }.encode(guard, 0);
        }
    }
    let proof = |moment: &&Moment| moment.permits.iter().flatten().all(|(_, permit)| permit.delivery <= PROOF);
    assert!(!moments(&early).iter().filter(proof).all(Moment::is_held), "every lease of 0 read as 1");

    let mut late = recording;
    assert!(offers_come_first(&late));
    let (at, offer) = (late.frames()[late.frames().len() - 1].0, permit_of_withheld(DELIVERY));
    late.frames_mut().push((at, Bus::A, offer));
    assert!(!offers_come_first(&late), "WITHHELD with lease 0 after the beam");
}

fn permit_of_withheld(delivery: u16) -> beam_core::frame::Frame {
    let reason = beam_core::wire::Reason::None;
    Permit { state: PermitState::Withheld, reason, delivery, lease: 0 }.encode(Guard::Time, 0)
}

/// Broken gates, and the guard whose proof must find it.
const BROKEN: [(I, Guard); 9] = [
    (I::GateStaleTimerDeadDose1, Guard::Dose1),
    (I::GateStaleTimerDeadDose2, Guard::Dose2),
    (I::GateStaleTimerDeadTime, Guard::Time),
    (I::GateStaleTimerDeadInterlock, Guard::Interlock),
    (I::GateLeaseDeadDose1, Guard::Dose1),
    (I::GateLeaseDeadDose2, Guard::Dose2),
    (I::GateLeaseDeadTime, Guard::Time),
    (I::GateLeaseDeadInterlock, Guard::Interlock),
    (I::GateLeaseOffByOne, Guard::Dose1),
];

/// Gates that read a WITHHELD as a PERMIT. All four withhold at the take-up already, so none of these gets further.
const DEAF: [I; 4] = [I::GateStateDeadDose1, I::GateStateDeadDose2, I::GateStateDeadTime, I::GateStateDeadInterlock];

/// Never armed, no pulse, and at no moment could one have been fired; answers which fault was found, and in whose proof.
fn refused(trial: &Trial, injection: I, seed: u64) -> (Option<Fault>, Option<Guard>) {
    let outcome = deliver_recorded(trial, &trial.order(6), seed, &[(injection, 0)]);
    let name = format!("{} {injection} seed {seed}: {}", trial.name, outcome.summary());
    assert!(!outcome.was_armed, "armed: {name}");
    assert_eq!((outcome.truth.pulses, outcome.truth.mu), (0, 0.0), "beam: {name}");
    let moments = moments(&outcome.recording);
    assert!(moments.iter().all(Moment::is_held), "a moment at which a pulse could be fired: {name}");
    assert!(moments.iter().any(|moment| moment.own(Guard::Dose1).is_some()), "the proof did not begin: {name}");
    (outcome.fault(), outcome.progress.proof_failed.map(|(guard, _)| guard))
}

#[test]
fn trips_a_gate_that_is_broken_on_one_channel() {
    verifies(Requirement::Proven);
    for trial in trial_machines() {
        for (injection, guard) in BROKEN {
            for seed in 1..=3 {
                let found = refused(&trial, injection, seed);
                assert_eq!(found, (Some(Fault::ProofFailed), Some(guard)), "{} {injection} seed {seed}", trial.name);
            }
        }
        for (injection, guard) in DEAF.into_iter().zip(Guard::ALL) {
            for seed in 1..=3 {
                let found = refused(&trial, injection, seed);
                assert_eq!(found, (Some(Fault::ProofFailed), Some(guard)), "{} {injection} seed {seed}", trial.name);
            }
        }
    }
}

#[test]
fn trips_a_gate_that_does_not_take_up_and_a_beam_button_held_down() {
    verifies(Requirement::Proven);
    for trial in trial_machines() {
        for seed in 1..=3 {
            let (fault, _) = refused(&trial, I::HardwareInterlock, seed);
            assert_eq!(fault, Some(Fault::GateNotTakenUp), "{} seed {seed}", trial.name);
            let (fault, guard) = refused(&trial, I::BeamRequestedEarly, seed);
            assert_eq!((fault, guard), (Some(Fault::RequestedEarly), None), "{} seed {seed}", trial.name);
        }
    }
}

#[test]
fn holds_a_gate_that_knows_no_lease_but_zero() {
    verifies(Requirement::Proven);
    let mut trial = Trial::mobile();
    if let Beam::Pulsed { gate_knows_lease, .. } = &mut trial.machine.beam {
        *gate_knows_lease = false;
    }
    let outcome = deliver_recorded(&trial, &trial.order(6), 1, &[]);
    assert!(outcome.is_complete(), "{}", outcome.summary());
}
