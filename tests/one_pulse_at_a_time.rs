//! One pulse at a time. Read from the recorded frames of whole deliveries, and from nothing else: no pulse is fired before
//! both chambers have reported the one before it and all four guards have leased it, and no guard leases a pulse before the
//! pulses that it judges were reported. Where a machine is so fast that several pulses may be under way, the same holds
//! for the window of its profile. The reader of the recordings is then shown recordings in which this is not so.

use beam_core::frame::{Bus, Frame};
use beam_core::requirement::Requirement;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{
    DoseReading, GATE_STATUS, GateStatus, Guard, MON1_DOSE, MON2_DOSE, NO_PULSE_LIMIT, Permit, PermitState,
};
use beam_supervisor::world::FRAME_TIME;
use beam_tests::{DELIVERY, Recording, Trial, deliver_recorded, permit_of, reading_of, trial_machines, verifies};

/// Pulses of each delivery.
const PULSES: u32 = 40;

/// A count, and when each value of it was first heard.
#[derive(Default)]
struct Count {
    base: Option<u16>,
    heard: Vec<Ticks>,
}

impl Count {
    fn hear(&mut self, at: Ticks, raw: u16, delivering: bool) {
        if !delivering {
            self.base = Some(raw);
        }
        let count = usize::from(raw.wrapping_sub(self.base.unwrap_or(raw)));
        while self.heard.len() < count {
            self.heard.push(at);
        }
    }

    fn count(&self) -> u32 {
        u32::try_from(self.heard.len()).unwrap_or(u32::MAX)
    }

    /// Whether at least `count` was heard at `when` already.
    fn reached(&self, count: u32, when: Ticks) -> bool {
        count == 0 || self.heard.get(count as usize - 1).is_some_and(|&at| at <= when)
    }
}

/// What the reader of a recording knows.
#[derive(Default)]
struct Reader {
    chambers: [Count; 2],
    /// Each guard's leases of the delivery: when heard, and up to which pulse.
    leases: [Vec<(Ticks, u32)>; 4],
    fired: u32,
    delivering: bool,
}

impl Reader {
    fn hear(&mut self, at: Ticks, frame: &Frame, window: u32) -> Result<(), String> {
        if let Some((guard, permit)) = permit_of(frame) {
            return self.permit(at, guard, &permit, window);
        }
        for (count, id) in self.chambers.iter_mut().zip([MON1_DOSE, MON2_DOSE]) {
            if let Some(DoseReading { pulses, .. }) = reading_of(frame, id) {
                count.hear(at, pulses, self.delivering);
            }
        }
        match (frame.id == GATE_STATUS && self.delivering, GateStatus::decode(frame)) {
            (true, Ok(status)) => self.gate(at, status.pulses, window),
            _ => Ok(()),
        }
    }

    /// A guard leases at most the window beyond what it has seen.
    fn permit(&mut self, at: Ticks, guard: Guard, permit: &Permit, window: u32) -> Result<(), String> {
        if permit.delivery != DELIVERY || permit.state != PermitState::Permit {
            return Ok(());
        }
        self.delivering = true;
        let [first, second] = [self.chambers[0].count(), self.chambers[1].count()];
        let most = match guard {
            Guard::Dose1 => first + window,
            Guard::Dose2 => second + window,
            Guard::Interlock => first.min(second) + window,
            Guard::Time => NO_PULSE_LIMIT,
        };
        self.leases[guard.index()].push((at, permit.lease));
        if permit.lease > most {
            return Err(format!("{} leased pulse {} with {first} and {second} reported", guard.name(), permit.lease));
        }
        Ok(())
    }

    /// The gate reports its pulses. The last one was fired a frame's time earlier at the latest.
    fn gate(&mut self, at: Ticks, pulses: u32, window: u32) -> Result<(), String> {
        if pulses <= self.fired {
            return Ok(());
        }
        if pulses != self.fired + 1 {
            return Err(format!("{pulses} pulses were counted after {}", self.fired));
        }
        self.fired = pulses;
        let fired_at = Ticks::from_nanos(at.nanos() - FRAME_TIME.nanos());
        for (count, name) in self.chambers.iter().zip(["chamber 1", "chamber 2"]) {
            if !count.reached(pulses.saturating_sub(window), fired_at) {
                return Err(format!("pulse {pulses} was fired before {name} reported its predecessor"));
            }
        }
        for (leases, guard) in self.leases.iter().zip(Guard::ALL) {
            if !leases.iter().any(|&(heard, lease)| heard <= fired_at && lease >= pulses) {
                return Err(format!("pulse {pulses} was fired before {} leased it", guard.name()));
            }
        }
        Ok(())
    }
}

/// Pulses fired one at a time, or what was not so.
fn read(recording: &Recording, window: u32) -> Result<u32, String> {
    let mut reader = Reader::default();
    for (at, _, frame) in recording.frames() {
        reader.hear(*at, frame, window).map_err(|what| format!("{what}, at {} us", at.nanos() / 1000))?;
    }
    Ok(reader.fired)
}

fn recorded(trial: &Trial, seed: u64) -> (Recording, u64) {
    let outcome = deliver_recorded(trial, &trial.order(PULSES), seed, &[]);
    assert!(outcome.is_complete(), "{} seed {seed}: {}", trial.name, outcome.summary());
    (outcome.recording, outcome.truth.pulses)
}

#[test]
fn holds_each_pulse_until_the_one_before_was_seen_and_leased() {
    verifies(Requirement::PulseByPulse);
    for trial in trial_machines().iter().filter(|trial| trial.is_pulsed()) {
        for seed in 1..=5 {
            let (recording, pulses) = recorded(trial, seed);
            let read = read(&recording, trial.machine.window());
            assert_eq!(read, Ok(u32::try_from(pulses).unwrap_or(0)), "{} seed {seed}", trial.name);
            assert!(pulses.abs_diff(u64::from(PULSES)) <= 1, "{} seed {seed}: {pulses} pulses", trial.name);
        }
    }
}

/// Where bus A first shows the gate's count at `pulses`.
fn first_report(recording: &Recording, pulses: u32) -> usize {
    let shows = |frame: &Frame| GateStatus::decode(frame).is_ok_and(|status| status.pulses == pulses);
    let delivering = recording.frames().iter().position(|(.., frame)| {
        permit_of(frame).is_some_and(|(_, permit)| permit.delivery == DELIVERY && permit.lease > 0)
    });
    let mut places = recording.frames().iter().enumerate().skip(delivering.expect("a lease"));
    let place = places.find(|(_, (_, bus, frame))| *bus == Bus::A && frame.id == GATE_STATUS && shows(frame));
    place.expect("such a report").0
}

#[test]
fn trips_over_a_pulse_that_comes_before_its_predecessor_was_seen() {
    verifies(Requirement::PulseByPulse);
    let (mut recording, _) = recorded(&Trial::quick(), 1);
    let (fourth, fifth) = (first_report(&recording, 4), first_report(&recording, 5));
    let (_, bus, frame) = recording.frames_mut().remove(fifth);
    let at = recording.frames()[fourth].0.after(Span::from_nanos(1));
    recording.frames_mut().insert(fourth + 1, (at, bus, frame));
    let said = read(&recording, 1).expect_err("a pulse that came too early");
    assert!(said.starts_with("pulse 5 was fired before chamber 1 reported its predecessor"), "{said}");
}

#[test]
fn trips_over_a_pulse_that_one_guard_did_not_lease() {
    verifies(Requirement::PulseByPulse);
    for guard in Guard::ALL {
        let (mut recording, _) = recorded(&Trial::slow(), 1);
        let leases = |frame: &Frame, lease: u32| {
            permit_of(frame)
                .is_some_and(|(who, permit)| who == guard && permit.delivery == DELIVERY && permit.lease >= lease)
        };
        let least = if guard == Guard::Time { 1 } else { 7 };
        recording.frames_mut().retain(|(.., frame)| !leases(frame, least));
        let said = read(&recording, 1).expect_err("a pulse without a lease");
        let expected = format!("pulse {least} was fired before {} leased it", guard.name());
        assert!(said.starts_with(&expected), "{said}");
    }
}

#[test]
fn trips_over_two_pulses_at_once_and_over_a_lease_too_far() {
    verifies(Requirement::PulseByPulse);
    let (mut recording, _) = recorded(&Trial::fast(), 1);
    let shows = |frame: &Frame| GateStatus::decode(frame).is_ok_and(|status| status.pulses == 9);
    let mut doubled = recording.clone();
    doubled.frames_mut().retain(|(.., frame)| frame.id != GATE_STATUS || !shows(frame));
    let said = read(&doubled, 1).expect_err("two pulses at once");
    assert!(said.starts_with("10 pulses were counted after 8"), "{said}");

    let place = first_report(&recording, 9);
    let permit =
        Permit { state: PermitState::Permit, reason: beam_core::wire::Reason::None, delivery: DELIVERY, lease: 11 };
    recording.frames_mut()[place].2 = permit.encode(Guard::Dose2, 0);
    let said = read(&recording, 1).expect_err("a lease too far");
    assert!(said.starts_with("dose 2 leased pulse 11"), "{said}");
}
