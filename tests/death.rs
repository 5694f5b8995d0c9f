//! The one promise: if the supervisor crashes, hangs, starves or loses a bus, the beam stops. At thousands of moments, in the
//! proof, armed, with the beam on and after it, a guard, the session, everything, one bus or both buses are stopped. The
//! gate is then closed within the time after which a permit is stale and one period; where only the session is stopped, within
//! its permitted silence and that. No pulse is fired past the last lease, and never more than the window's after that moment.

use beam_core::fault::Fault;
use beam_core::frame::Bus;
use beam_core::requirement::Requirement;
use beam_core::state::State;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{GateState, Guard};
use beam_drivers::sim::Noise;
use beam_supervisor::world::Stopped;
use beam_tests::{Hand, Trial, in_parallel, verifies};

/// Moments for each kind of death and machine.
const MOMENTS: u64 = 100;
const SEED: u64 = 88;
/// Pulses of each plan.
const PULSES: u32 = 12;

/// What dies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Death {
    Guard(Guard),
    Session,
    Everything,
    Cut(Bus),
    BothCut,
}

const DEATHS: [Death; 9] = [
    Death::Guard(Guard::Dose1),
    Death::Guard(Guard::Dose2),
    Death::Guard(Guard::Time),
    Death::Guard(Guard::Interlock),
    Death::Session,
    Death::Everything,
    Death::Cut(Bus::A),
    Death::Cut(Bus::B),
    Death::BothCut,
];

impl Death {
    fn befall(self, hand: &mut Hand) {
        let world = &mut hand.world;
        match self {
            Self::Guard(guard) => world.stop(Stopped { guards: guard.bit(), session: false }),
            Self::Session => world.stop(Stopped { guards: 0, session: true }),
            Self::Everything => world.stop(Stopped { guards: 15, session: true }),
            Self::Cut(bus) => world.cut(bus),
            Self::BothCut => {
                world.cut(Bus::A);
                world.cut(Bus::B);
            }
        }
    }

    /// How long the gate may still stand open.
    fn patience(self, trial: &Trial) -> Span {
        let timing = trial.machine.timing;
        let stale = timing.stale_after.plus(timing.permit);
        if self == Self::Session { stale.plus(timing.session_silence) } else { stale }
    }

    /// How many pulses may still come: what the guards that see every pulse had leased already.
    fn pulses(self, trial: &Trial) -> u64 {
        let window = u64::from(trial.machine.window());
        match self {
            // the other guards go on releasing pulse after pulse as long as nothing is stale
            Self::Session | Self::Guard(Guard::Time) => {
                let (patience, period) = (self.patience(trial).nanos(), trial.period().nanos());
                patience / period + 1
            }
            Self::Guard(_) | Self::Everything | Self::Cut(_) | Self::BothCut => window,
        }
    }
}

/// One death.
struct Case {
    trial: Trial,
    death: Death,
    seed: u64,
    /// When, in thousandths of the whole session.
    at: u32,
}

fn cases(deaths: &[Death]) -> Vec<Case> {
    let mut draw = Noise::new(SEED, 0);
    let mut all = Vec::new();
    for trial in [Trial::slow(), Trial::quick(), Trial::clinical(), Trial::research(), Trial::tube()] {
        for &death in deaths {
            all.extend((0..MOMENTS).map(|n| Case { trial, death, seed: SEED + n, at: draw.below(1000) }));
        }
    }
    all
}

/// How long a session of this trial takes from power-up to the end of its beam.
fn session(trial: &Trial) -> Span {
    Span::from_millis(800).plus(trial.period().times(u64::from(PULSES)))
}

/// Leads a session as the autopilot would until `until`.
fn lead(hand: &mut Hand, until: Ticks) {
    while hand.world.now() < until {
        match hand.state() {
            State::Ready => assert_eq!(hand.arm(0), Ok(())),
            State::Armed => assert_eq!(hand.act(beam_core::session::Act::Begin), Ok(())),
            _ => {}
        }
        hand.step();
    }
}

impl Case {
    fn complaint(&self) -> Option<String> {
        let Self { trial, death, seed, at } = self;
        let mut hand = Hand::new(trial, &trial.order(PULSES), *seed, &[]);
        let moment = Ticks::from_nanos(session(trial).nanos() / 1000 * u64::from(*at));
        lead(&mut hand, moment);
        let (state, before) = (hand.state(), hand.truth());
        death.befall(&mut hand);
        let patience = hand.world.now().after(death.patience(trial));
        hand.run(death.patience(trial));
        let closed = hand.truth().gate.state != GateState::Open;
        let at_patience = hand.truth();
        // whoever is left may do what they like; nothing opens the gate again by itself
        lead(&mut hand, patience.after(Span::from_secs(2)));
        let after = hand.truth();
        let fired = after.pulses - before.pulses;
        let stays = after.pulses == at_patience.pulses && (after.mu - at_patience.mu).abs() < 1e-9;
        let sound = after.pulses_while_closed + after.pulses_beyond_lease == 0;
        let few = fired <= death.pulses(trial);
        (!(closed && stays && sound && few)).then(|| {
            format!(
                "{} {death:?} seed {seed} at {} us in {}: closed {closed}, stays {stays}, sound {sound}, {fired} pulses: {:?}",
                trial.name,
                moment.nanos() / 1000,
                state.name(),
                hand.progress.faults
            )
        })
    }
}

fn run(deaths: &[Death]) {
    let cases = cases(deaths);
    println!("{} deaths, seed {SEED}", cases.len());
    let complaints = in_parallel(&cases, Case::complaint);
    assert!(complaints.is_empty(), "{} of {}:\n{}", complaints.len(), cases.len(), complaints.join("\n"));
}

#[test]
fn trips_whichever_part_dies_and_whenever() {
    verifies(Requirement::OwnHealth);
    verifies(Requirement::PulseByPulse);
    run(&DEATHS);
}

#[test]
fn holds_the_moments_of_every_state() {
    let mut seen = Vec::new();
    for case in cases(&[Death::Everything]) {
        let mut hand = Hand::new(&case.trial, &case.trial.order(PULSES), case.seed, &[]);
        lead(&mut hand, Ticks::from_nanos(session(&case.trial).nanos() / 1000 * u64::from(case.at)));
        if !seen.contains(&hand.state()) {
            seen.push(hand.state());
        }
    }
    for state in [State::Inhibited, State::Proving, State::Delivering, State::Complete] {
        assert!(seen.contains(&state), "{} is among the moments: {seen:?}", state.name());
    }
}

#[test]
fn trips_for_the_reason_of_the_death() {
    verifies(Requirement::OwnHealth);
    let trial = Trial::mobile();
    let expected: [(Death, &[Fault]); 7] = [
        (Death::Guard(Guard::Dose1), &[Fault::GuardSilent]),
        (Death::Guard(Guard::Dose2), &[Fault::GuardSilent]),
        (Death::Guard(Guard::Time), &[Fault::GuardSilent]),
        (Death::Guard(Guard::Interlock), &[Fault::GuardSilent]),
        (Death::Session, &[]),
        (Death::Cut(Bus::A), &[Fault::DoseStale, Fault::GateStale]),
        (Death::Cut(Bus::B), &[Fault::DoseStale, Fault::GateStale]),
    ];
    for (death, faults) in expected {
        let mut hand = Hand::delivering(&trial, &trial.order(60), 3, &[]);
        hand.until_pulse(7);
        death.befall(&mut hand);
        hand.run(Span::from_secs(2));
        assert_ne!(hand.truth().gate.state, GateState::Open, "{death:?}");
        let found = hand.progress.faults.first().map(|(.., report)| report.fault);
        if faults.is_empty() {
            let by_itself = hand.world.seat(Guard::Interlock).guard().common().faults();
            assert!(by_itself.contains(Fault::SessionSilent), "{death:?}: {by_itself:?}");
        } else {
            assert!(found.is_some_and(|fault| faults.contains(&fault)), "{death:?}: {:?}", hand.progress.faults);
        }
    }
}
