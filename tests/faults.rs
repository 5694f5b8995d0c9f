//! Every fault that the simulated treatment unit can have, put in before the beam, at the first pulses, in the middle and
//! just before the end: which fault must be found, by whom, and after how many pulses at most. Beside them what must not
//! end a beam (a frame that came twice), and what nobody can see (two chambers that under-read alike, without a sensor for
//! the beam's own charge). On these machines one pulse is released at a time, so none may follow the one at which a fault
//! is found.

use beam_core::fault::Fault as F;
use beam_core::requirement::Requirement as R;
use beam_core::state::State;
use beam_core::units::Span;
use beam_drivers::sim::Injection as I;
use beam_tests::{Outcome, Trial, deliver, in_parallel, verifies};

/// The guards as bits, as in ClosedBy.
const D1: u8 = 1;
const D2: u8 = 2;
const TIME: u8 = 4;
const LOCK: u8 = 8;

const SEEDS: [u64; 3] = [1, 2, 3];
/// From the moment at which a fault is found until the gate has heard of it.
const WORD_OF_IT: Span = Span::from_millis(1);

/// How soon a fault must have ended the beam.
#[derive(Clone, Copy, PartialEq)]
enum Soon {
    /// This many pulses after the first faulty one.
    Pulses(u32),
    /// So many ms, and the pulses that come in them.
    Millis(u32),
    /// So many tenths of the window over which the rate is taken.
    WindowTenths(u32),
    /// Nobody here can stop such a gate; it must only be found.
    Never,
}
use Soon::{Millis, Never, Pulses, WindowTenths};

/// What must come of a fault while the beam is on.
#[derive(Clone, Copy, PartialEq)]
enum In {
    /// One of these faults, first found by one of these guards, this soon.
    Trips(&'static [F], u8, Soon),
    /// The same, where a plan that ends first may end before it was found.
    Slowly(&'static [F], u8, Soon),
    /// An interruption, or one of these faults, before a further pulse.
    Interrupts(&'static [F]),
    /// One of these faults in the first pulses, where the chambers are compared closely; later as if nothing had been.
    Early(&'static [F]),
    /// The delivery goes on and lands where it should.
    Unseen,
}
use In::{Early, Interrupts, Slowly, Trips, Unseen};

/// The last pulse at which one that is missed on one chamber is more than a tenth of the dose.
const EARLY: u32 = 10;

/// What must come of it when it is there from the start.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// Nothing can be armed while this stands.
    Inhibits(F),
    /// The proof ends with this fault, and no pulse is fired.
    Refuses(F),
    /// It is found before the beam, and nothing is armed; whether pulses come is beyond anybody here.
    Finds(F),
    /// As in the beam: its first pulse is the first faulty one.
    Beam,
    /// With this fault before the beam where it is large enough to show there, or else as in the beam.
    BeamAtLatest(F),
    /// Nothing.
    Nothing,
}
use Before::{Beam, BeamAtLatest, Finds, Inhibits, Nothing, Refuses};

/// A charge that stands still is no signal too; a pC of leakage just before decides which of the two it is called. In the
/// first pulses the other chamber tells first.
const STILL: &[F] = &[F::ChargeStandsStill, F::NoSignal, F::ChambersDisagree];
/// The same for a chamber that reads low.
const LOW: &[F] = &[F::PulseLow, F::ChambersDisagree];

/// Counters that begin anew: a frame's own, the charge's or the pulses', whichever shows first.
const ANEW: &[F] = &[F::Alive, F::ChamberRestarted, F::ChargeFalls, F::CountsDisagree, F::PulseHigh];

/// One row for each fault of the unit.
const TABLE: &[(I, In, Before)] = &[
    (I::Mon1Stuck, Trips(STILL, D1 | LOCK, Pulses(1)), Beam),
    (I::Mon1Frozen, Trips(&[F::CountsDisagree], LOCK, Pulses(0)), Beam),
    (I::Mon1Silent, Trips(&[F::DoseStale], D1 | LOCK, Pulses(0)), Inhibits(F::DoseStale)),
    (I::Mon1Saturated, Trips(&[F::Saturated], D1 | LOCK, Pulses(0)), Refuses(F::Saturated)),
    (I::Mon1Overrange, Trips(&[F::OverRange], D1 | LOCK, Pulses(0)), Refuses(F::OverRange)),
    (I::Mon1FullScale, Trips(&[F::FullScale], D1 | LOCK, Pulses(0)), Beam),
    (I::Mon1Low, Trips(LOW, D1 | LOCK, Pulses(2)), Beam),
    (I::Mon1NoSignal, Trips(STILL, D1 | LOCK, Pulses(1)), Beam),
    (I::Mon1High, Trips(&[F::PulseHigh], D1 | LOCK, Pulses(0)), Beam),
    (I::Mon1Falls, Trips(&[F::ChargeFalls], D1 | LOCK, Pulses(0)), Nothing),
    (
        I::Mon1ChargeWithoutPulses,
        Slowly(&[F::ChambersDisagree, F::ChargeWhileClosed], LOCK, Pulses(16)),
        BeamAtLatest(F::ChargeWhileClosed),
    ),
    (I::Mon1StatusFault, Trips(&[F::ChamberReportsFault], LOCK, Pulses(0)), Inhibits(F::ChamberReportsFault)),
    (I::Mon1Voltage, Trips(&[F::Voltage], LOCK, Pulses(0)), Inhibits(F::Voltage)),
    (I::Mon1Leakage, Unseen, Inhibits(F::Leakage)),
    // one pulse of thirty: the record says that the chambers differ
    (I::Mon1MissesPulse, Early(&[F::ChambersDisagree]), Beam),
    (I::Mon1HalfPulse, Early(&[F::ChambersDisagree]), Beam),
    (I::Mon1SkipsPulse, Trips(&[F::CountsDisagree], LOCK, Pulses(0)), Beam),
    (I::Mon1Restart, Trips(ANEW, D1 | LOCK, Pulses(0)), Refuses(F::Alive)),
    (I::Mon2Stuck, Trips(STILL, D2 | LOCK, Pulses(1)), Beam),
    (I::Mon2Frozen, Trips(&[F::CountsDisagree], LOCK, Pulses(0)), Beam),
    (I::Mon2Silent, Trips(&[F::DoseStale], D2 | LOCK, Pulses(0)), Inhibits(F::DoseStale)),
    (I::Mon2Saturated, Trips(&[F::Saturated], D2 | LOCK, Pulses(0)), Refuses(F::Saturated)),
    (I::Mon2Overrange, Trips(&[F::OverRange], D2 | LOCK, Pulses(0)), Refuses(F::OverRange)),
    (I::Mon2FullScale, Trips(&[F::FullScale], D2 | LOCK, Pulses(0)), Beam),
    // after 20 right pulses the difference outgrows 5 % of the sum only this late
    (I::Mon2Low6Percent, Slowly(&[F::ChambersDisagree], LOCK, Pulses(130)), Beam),
    (I::Mon2NoSignal, Trips(STILL, D2 | LOCK, Pulses(1)), Beam),
    (I::Mon2High, Trips(&[F::PulseHigh], D2 | LOCK, Pulses(0)), Beam),
    (I::Mon2Falls, Trips(&[F::ChargeFalls], D2 | LOCK, Pulses(0)), Nothing),
    (I::Mon2StatusFault, Trips(&[F::ChamberReportsFault], LOCK, Pulses(0)), Inhibits(F::ChamberReportsFault)),
    (I::Mon2Voltage, Trips(&[F::Voltage], LOCK, Pulses(0)), Inhibits(F::Voltage)),
    (I::Mon2Leakage, Unseen, Inhibits(F::Leakage)),
    (I::Mon2MissesPulse, Early(&[F::ChambersDisagree]), Beam),
    (I::Mon2HalfPulse, Early(&[F::ChambersDisagree]), Beam),
    (I::Mon2SkipsPulse, Trips(&[F::CountsDisagree], LOCK, Pulses(0)), Beam),
    (I::Mon2Restart, Trips(ANEW, D2 | LOCK, Pulses(0)), Refuses(F::Alive)),
    (I::BothZero, Trips(STILL, D1 | D2 | LOCK, Pulses(1)), Beam),
    (I::BothLow6, Unseen, Nothing),
    // these machines have no such sensor; `beam_charge.rs` has one
    (I::BeamChargeSilent, Unseen, Nothing),
    (I::BeamChargeSaturated, Unseen, Nothing),
    (I::BeamChargeLow6, Unseen, Nothing),
    (I::BeamChargeZero, Unseen, Nothing),
    (I::BeamChargeHigh, Unseen, Nothing),
    (I::BeamChargeFrozen, Unseen, Nothing),
    (I::BeamChargeCrc, Unseen, Nothing),
    (I::BeamChargeMissesPulse, Unseen, Nothing),
    (I::BeamChargeHalfPulse, Unseen, Nothing),
    (I::BeamChargeSkipsPulse, Unseen, Nothing),
    (I::BeamChargeRestart, Unseen, Nothing),
    (I::Crc, Trips(&[F::Crc], D1 | LOCK, Pulses(0)), Refuses(F::Crc)),
    (I::AliveJump, Trips(&[F::Alive], D1 | LOCK, Pulses(0)), Refuses(F::Alive)),
    (I::AliveStuck, Trips(&[F::DoseStale], D1 | LOCK, Pulses(0)), Inhibits(F::DoseStale)),
    (I::ShortFrame, Trips(&[F::Length], D1 | LOCK, Pulses(0)), Refuses(F::Length)),
    (I::DuplicateFrame, Unseen, Nothing),
    (I::LostFrame, Unseen, Nothing),
    (I::GateSilentA, Trips(&[F::GateStale], D1 | TIME | LOCK, Pulses(0)), Inhibits(F::GateStale)),
    (I::GateSilentB, Trips(&[F::GateStale], D2 | LOCK, Pulses(0)), Inhibits(F::GateStale)),
    (I::GateFrozenA, Trips(&[F::CountsDisagree, F::ClocksDisagree], TIME | LOCK, Pulses(0)), Refuses(F::ProofFailed)),
    (I::GateOneMoreA, Trips(&[F::CountsDisagree], LOCK, Pulses(0)), Beam),
    (I::GateOneFewerA, Trips(&[F::CountsDisagree], LOCK, Pulses(0)), Beam),
    (I::GateTellsLateA, Trips(&[F::GateOpenUnasked], LOCK, Never), Refuses(F::ProofFailed)),
    (I::GateFrozenB, Trips(&[F::CountsDisagree, F::ClocksDisagree], TIME | LOCK, Pulses(0)), Refuses(F::ProofFailed)),
    (I::GateOneMoreB, Trips(&[F::CountsDisagree], LOCK, Pulses(0)), Beam),
    (I::GateOneFewerB, Trips(&[F::CountsDisagree], LOCK, Pulses(0)), Beam),
    (I::GateTellsLateB, Trips(&[F::GateOpenUnasked], LOCK, Never), Refuses(F::ProofFailed)),
    (I::GateLeaks, Trips(&[F::PulsesWhileClosed], LOCK, Never), Finds(F::PulsesWhileClosed)),
    (I::GateFiresClosed, Trips(&[F::PulsesWhileClosed], LOCK, Never), Beam),
    (I::GateFiresClosedOnce, Trips(&[F::PulsesWhileClosed], LOCK, Never), Beam),
    (I::GateLeaksBriefly, Trips(&[F::PulsesWhileClosed], LOCK, Never), Beam),
    (I::GateExtraPulseCount, Trips(&[F::CountsDisagree], LOCK, Pulses(0)), Beam),
    (I::GateClockSlow, Slowly(&[F::ClocksDisagree], TIME, Millis(2200)), Beam),
    (I::GateClockStopped, Slowly(&[F::ClocksDisagree], TIME, Millis(220)), Beam),
    (I::GateRestart, Interrupts(&[F::Alive, F::GateRestarted]), Refuses(F::Alive)),
    (I::GateStaleTimerDeadDose1, Unseen, Refuses(F::ProofFailed)),
    (I::GateStaleTimerDeadDose2, Unseen, Refuses(F::ProofFailed)),
    (I::GateStaleTimerDeadTime, Unseen, Refuses(F::ProofFailed)),
    (I::GateStaleTimerDeadInterlock, Unseen, Refuses(F::ProofFailed)),
    (I::GateStaleTimerDoubleDose1, Unseen, Refuses(F::ProofFailed)),
    (I::GateStaleTimerDoubleDose2, Unseen, Refuses(F::ProofFailed)),
    (I::GateStaleTimerDoubleTime, Unseen, Refuses(F::ProofFailed)),
    (I::GateStaleTimerDoubleInterlock, Unseen, Refuses(F::ProofFailed)),
    (I::GateStaleTimerSlowDose1, Unseen, Refuses(F::ProofFailed)),
    (I::GateStaleTimerSlowDose2, Unseen, Refuses(F::ProofFailed)),
    (I::GateStaleTimerSlowTime, Unseen, Refuses(F::ProofFailed)),
    (I::GateStaleTimerSlowInterlock, Unseen, Refuses(F::ProofFailed)),
    (I::GateLeaseDeadDose1, Unseen, Refuses(F::ProofFailed)),
    (I::GateLeaseDeadDose2, Unseen, Refuses(F::ProofFailed)),
    (I::GateLeaseDeadTime, Unseen, Refuses(F::ProofFailed)),
    (I::GateLeaseDeadInterlock, Unseen, Refuses(F::ProofFailed)),
    (I::GateStateDeadDose1, Unseen, Refuses(F::ProofFailed)),
    (I::GateStateDeadDose2, Unseen, Refuses(F::ProofFailed)),
    (I::GateStateDeadTime, Unseen, Refuses(F::ProofFailed)),
    (I::GateStateDeadInterlock, Unseen, Refuses(F::ProofFailed)),
    (I::GateTripDeadDose1, Unseen, Refuses(F::ProofFailed)),
    (I::GateTripDeadDose2, Unseen, Refuses(F::ProofFailed)),
    (I::GateTripDeadTime, Unseen, Refuses(F::ProofFailed)),
    (I::GateTripDeadInterlock, Unseen, Refuses(F::ProofFailed)),
    (I::GateLeaseOffByOne, Unseen, Refuses(F::ProofFailed)),
    (I::HardwareInterlock, Interrupts(&[]), Refuses(F::GateNotTakenUp)),
    (I::RateHigh, Slowly(&[F::RateHigh], LOCK, WindowTenths(22)), Beam),
    // a warning: the time guard ends it where the plan is long enough
    (I::RateSlow, Unseen, Nothing),
    (I::RateHalf, Unseen, Nothing),
    (I::RateFast, Unseen, Nothing),
    (I::RateLow, Slowly(&[F::RateLow], LOCK, WindowTenths(12)), Beam),
    (I::OutputHigh, Trips(&[F::PulseHigh], D1 | D2 | LOCK, Pulses(0)), Beam),
    (I::Energy, Trips(&[F::Energy], LOCK, Pulses(0)), Refuses(F::Energy)),
    (I::Applicator, Trips(&[F::Applicator], LOCK, Pulses(0)), Refuses(F::Applicator)),
    (I::ApplicatorUnread, Trips(&[F::ApplicatorUnread], LOCK, Pulses(0)), Inhibits(F::ApplicatorUnread)),
    (I::Docking, Trips(&[F::Docking], LOCK, Pulses(0)), Refuses(F::Docking)),
    (I::Door, Trips(&[F::Door], LOCK, Pulses(0)), Inhibits(F::Door)),
    (I::EmergencyStop, Trips(&[F::EmergencyStop], LOCK, Pulses(0)), Inhibits(F::EmergencyStop)),
    (I::ServiceMode, Trips(&[F::ServiceMode], LOCK, Pulses(0)), Inhibits(F::ServiceMode)),
    (I::NotReady, Trips(&[F::LinacNotReady], LOCK, Pulses(0)), Inhibits(F::LinacNotReady)),
    (I::ViewLost, Trips(&[F::ViewLost], LOCK, Pulses(0)), Inhibits(F::ViewLost)),
    (I::Cooling, Trips(&[F::Cooling], LOCK, Pulses(0)), Inhibits(F::Cooling)),
    (I::HighVoltage, Trips(&[F::HighVoltage], LOCK, Pulses(0)), Inhibits(F::HighVoltage)),
    (I::LinacSilent, Slowly(&[F::StatusStale], TIME | LOCK, Millis(155)), Inhibits(F::StatusStale)),
    (I::BeamRequestedEarly, Unseen, Refuses(F::RequestedEarly)),
    (I::RequestNeverTold, Slowly(&[F::BeamWithoutRequest], LOCK, Millis(460)), Beam),
    (I::RequestAlwaysTold, Unseen, Refuses(F::RequestedEarly)),
    (I::RequestFlickers, Unseen, Refuses(F::RequestedEarly)),
];

/// One delivery with one fault.
#[derive(Clone, Copy)]
struct Case {
    trial: Trial,
    injection: I,
    expected: In,
    before: Before,
    /// Pulses of the plan.
    plan: u32,
    /// The first faulty pulse; 0 is from the start.
    at: u32,
    seed: u64,
}

/// The cases of the rows that `wanted` picks: five moments, two machines, some seeds.
fn cases(wanted: impl Fn(In, Before) -> bool) -> Vec<Case> {
    let mut all = Vec::new();
    for &(injection, expected, before) in TABLE.iter().filter(|(_, expected, before)| wanted(*expected, *before)) {
        // what shows only in a mean or a sum needs a plan that is long enough for it
        let plan = if matches!(expected, Slowly(..)) { 160 } else { 30 };
        for trial in [Trial::slow(), Trial::quick()] {
            for at in [0, 1, 2, 20, plan - 1] {
                all.extend(SEEDS.map(|seed| Case { trial, injection, expected, before, plan, at, seed }));
            }
        }
    }
    all
}

impl Case {
    fn complaint(&self) -> Option<String> {
        let outcome = deliver(&self.trial, &self.trial.order(self.plan), self.seed, &[(self.injection, self.at)]);
        let verdict = if self.at > 0 { self.in_beam(&outcome) } else { self.when_there_at_start(&outcome) };
        verdict.err().map(|what| {
            let Self { trial, injection, at, seed, .. } = self;
            format!("{} {injection}@{at} seed {seed}: {what}: {}", trial.name, outcome.summary())
        })
    }

    fn when_there_at_start(&self, outcome: &Outcome) -> Result<(), &'static str> {
        let no_beam = !outcome.was_armed || outcome.truth.pulses == 0;
        match self.before {
            Inhibits(fault) => {
                let inhibited = outcome.progress.state == State::Inhibited && outcome.progress.faults.is_empty();
                ensure(inhibited, "it did not stay inhibited")?;
                ensure(outcome.progress.standing().contains(&fault), "another fault stands against a beam")?;
                ensure(no_beam && outcome.truth.pulses == 0, "beam")
            }
            Refuses(fault) => {
                ensure(outcome.fault() == Some(fault), "another fault or none")?;
                ensure(outcome.progress.state == State::Tripped && outcome.truth.pulses == 0, "beam")
            }
            Finds(fault) => ensure(outcome.fault() == Some(fault) && !outcome.was_armed, "armed, or another fault"),
            BeamAtLatest(fault) if outcome.truth.pulses == 0 => ensure(outcome.fault() == Some(fault), "another fault"),
            Beam | BeamAtLatest(_) => self.in_beam(outcome),
            Nothing => unseen(outcome),
        }
    }

    fn in_beam(&self, outcome: &Outcome) -> Result<(), &'static str> {
        match self.expected {
            Trips(faults, by, soon) => self.tripped(outcome, faults, by, soon),
            Slowly(faults, by, soon) => {
                let too_late = outcome.is_complete() && self.plan.saturating_sub(self.at) < self.pulses_in(soon);
                if too_late { Ok(()) } else { self.tripped(outcome, faults, by, soon) }
            }
            Interrupts(faults) => {
                let found = outcome.fault().is_some_and(|fault| faults.contains(&fault));
                let interrupted = outcome.progress.state == State::Interrupted && outcome.progress.faults.is_empty();
                ensure(found || interrupted, "neither interrupted nor the right fault")?;
                ensure(outcome.truth.pulses < u64::from(self.at), "a further pulse")
            }
            Early(faults) => match outcome.fault() {
                Some(fault) => ensure(self.at <= EARLY && faults.contains(&fault), "another fault"),
                None => unseen(outcome),
            },
            Unseen => unseen(outcome),
        }
    }

    fn tripped(&self, outcome: &Outcome, faults: &[F], by: u8, soon: Soon) -> Result<(), &'static str> {
        ensure(outcome.progress.state == State::Tripped && outcome.was_armed, "not tripped in the beam")?;
        ensure(outcome.fault().is_some_and(|fault| faults.contains(&fault)), "another fault")?;
        ensure(outcome.finder().is_some_and(|guard| by & guard.bit() != 0), "found by another guard")?;
        if soon == Never {
            return Ok(());
        }
        let first_faulty = u64::from(self.at.max(1));
        ensure(outcome.truth.pulses >= first_faulty || self.at == 0, "it ended before the fault")?;
        ensure(outcome.truth.pulses <= first_faulty + u64::from(self.pulses_in(soon)), "too many pulses after it")?;
        let found = outcome.fault_at().unwrap_or_default().after(WORD_OF_IT);
        ensure(outcome.pulses.iter().all(|&at| at <= found), "a pulse after the fault was found")?;
        ensure(outcome.truth.pulses_while_closed + outcome.truth.pulses_beyond_lease == 0, "a pulse past the gate")
    }

    fn pulses_in(&self, soon: Soon) -> u32 {
        let rate = self.trial.rate_hz;
        match soon {
            Pulses(pulses) => pulses,
            Millis(millis) => (millis * rate).div_ceil(1000),
            WindowTenths(tenths) => rate.max(10) * tenths / 10,
            Never => u32::MAX,
        }
    }
}

fn unseen(outcome: &Outcome) -> Result<(), &'static str> {
    ensure(outcome.is_complete(), "it did not complete")?;
    ensure(outcome.truth.pulses_while_closed + outcome.truth.pulses_beyond_lease == 0, "a pulse past the gate")
}

fn ensure(holds: bool, what: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}

fn run(cases: &[Case]) {
    println!("{} deliveries, seeds {SEEDS:?}", cases.len());
    assert!(!cases.is_empty());
    let complaints = in_parallel(cases, Case::complaint);
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), cases.len(), complaints.join("\n"));
}

/// The rows whose fault in the beam serves this requirement.
fn serving(requirement: R) -> Vec<Case> {
    cases(|expected, _| match expected {
        Trips(faults, ..) | Slowly(faults, ..) | Interrupts(faults) | Early(faults) => {
            faults.iter().any(|fault| fault.requirement() == requirement)
        }
        Unseen => false,
    })
}

#[test]
fn every_fault_of_the_unit_has_one_row() {
    for injection in I::ALL {
        assert_eq!(TABLE.iter().filter(|row| row.0 == injection).count(), 1, "{injection}");
    }
}

#[test]
fn trips_when_a_chamber_lies() {
    verifies(R::ChamberHonest);
    run(&serving(R::ChamberHonest));
}

#[test]
fn trips_when_the_chambers_disagree() {
    verifies(R::ChambersAgree);
    run(&serving(R::ChambersAgree));
}

#[test]
fn trips_when_the_rate_is_wrong() {
    verifies(R::DoseRate);
    run(&serving(R::DoseRate));
}

#[test]
fn trips_when_a_frame_cannot_be_trusted() {
    verifies(R::BusTrusted);
    run(&serving(R::BusTrusted));
}

#[test]
fn trips_when_the_set_up_changes() {
    verifies(R::SetUp);
    run(&serving(R::SetUp));
}

#[test]
fn trips_on_beam_that_nobody_asked_for() {
    verifies(R::BeamUnasked);
    run(&serving(R::BeamUnasked));
}

#[test]
fn trips_when_the_clocks_differ() {
    verifies(R::BeamTime);
    run(&serving(R::BeamTime));
}

#[test]
fn trips_in_the_proof_on_what_a_beam_would_not_show() {
    verifies(R::Proven);
    run(&cases(|expected, before| expected == Unseen && matches!(before, Refuses(_) | Inhibits(_))));
}

#[test]
fn holds_what_is_no_fault_and_what_nobody_can_see() {
    verifies(R::BusTrusted);
    verifies(R::ChambersAgree);
    run(&cases(|expected, before| expected == Unseen && before == Nothing));
}

#[test]
fn holds_the_patient_from_an_interruption_of_the_gate() {
    verifies(R::Operator);
    run(&cases(|expected, _| matches!(expected, Interrupts(_))));
}
