//! Trial.
use beam_core::{frame::*, machine::*, session::Act, state::State, units::*, wire::Docking};
use beam_drivers::sim::{Injection, UnitConfig};
use beam_supervisor::{progress::Progress, world::World};
fn main() {
    let ms = Span::from_millis;
    let monitor = Monitor {
        dose_per_charge: DosePerCharge::from_fixed(50 << 20),
        full_scale: Charge::from_picocoulombs(400_000),
        voltage: 15000,
        voltage_tolerance: 300,
        leakage_warn: 700,
        leakage_block: 1466,
    };
    let machine = Machine {
        timing: Timing {
            permit: ms(5),
            gate: ms(5),
            dose: ms(10),
            status: ms(50),
            stale_after: ms(25),
            agreement: ms(30),
            proof_margin: ms(10),
            lateness_budget: ms(10),
            session_silence: ms(500),
        },
        beam: Beam::Pulsed { period: ms(100), window: 1, landing: Landing::Nearest, gate_knows_lease: true },
        monitors: [monitor; 2],
        rate: RateRule::Steady,
        no_pulse_after: ms(1000),
        beam_hold: false,
        linac_bus: Bus::B,
        single_bus: false,
        protection: Protection::E2e,
        resume_limit: 2,
    };
    let order = Order {
        preset: Charge::from_picocoulombs(20_000_000),
        backup: Charge::from_picocoulombs(20_800_000),
        expected_pulse: [Charge::from_picocoulombs(100_000); 2],
        pulse_dose: Dose::from_micro_mu(5_000_000),
        dose_per_second: Dose::from_micro_mu(50_000_000),
        time_limit: Span::from_secs(26),
        set_up: SetUp { energy: 90, energy_tolerance: 4, applicator: 17, docking: Docking::HardDocked },
    };
    let name = std::env::args().nth(1).unwrap_or_default();
    let pulse = std::env::args().nth(2).and_then(|p| p.parse().ok()).unwrap_or(20);
    let all: Vec<Option<Injection>> = if name == "all" {
        Injection::ALL.into_iter().map(Some).collect()
    } else {
        vec![Injection::ALL.into_iter().find(|i| i.name() == name)]
    };
    let start = std::time::Instant::now();
    let mut steps = 0;
    for injection in all {
        let mut world =
            World::new(&machine, &UnitConfig::example(), 1, &injection.map(|i| vec![(i, pulse)]).unwrap_or_default());
        let mut p = Progress::default();
        let mut armed = false;
        let mut begun = false;
        let mut asked = None;
        let verbose = name == "verbose";
        while world.now() < Ticks::from_nanos(60_000_000_000) {
            world.step(&mut |e| {
                if verbose {
                    println!("{e:?}");
                }
                p.add(e)
            });
            if p.state == State::Ready && !armed {
                armed = true;
                world.act(&Act::Arm { proof: 1, delivery: 2, order }, &mut |e| p.add(e)).unwrap();
            }
            if p.state == State::Armed && !begun {
                begun = true;
                asked = Some(world.now());
                world.act(&Act::Begin, &mut |e| p.add(e)).unwrap();
            }
            if p.is_over() && world.now().since(p.ended_at.unwrap_or(Ticks::ZERO)) > ms(1000) {
                break;
            }
        }
        let t = world.truth();
        steps += world.steps();
        println!(
            "{:32} {:?} by {:?} at {:.3} s armed {:?}; MU {:.3} {:.3} truth {:.3} pulses {} (+{}) closed {} beyond {} gate {:?}/{:?} fault {:?} proof {:?} standing {:?}",
            injection.map(|i| i.name()).unwrap_or("none"),
            p.state,
            p.ended_by.map(|e| e.name()),
            world.now().nanos() as f64 / 1e9,
            asked.map(|t| t.nanos() / 1_000_000),
            p.delivered[0].micro_mu() as f64 / 1e6,
            p.delivered[1].micro_mu() as f64 / 1e6,
            t.mu,
            t.pulses,
            t.pulses as i64 - i64::from(pulse),
            t.pulses_while_closed,
            t.pulses_beyond_lease,
            t.gate.state,
            t.gate.cause,
            p.faults
                .iter()
                .map(|(_, g, f)| (g.map(|g| g.name()), f.fault.name(), f.measured, f.limit))
                .collect::<Vec<_>>(),
            p.proof_failed,
            p.standing()
        );
        if injection.is_some() {
            println!("{:32}   expected {}", "", injection.unwrap().expected());
        }
    }
    eprintln!("{steps} steps {:.2} M/s", steps as f64 / start.elapsed().as_secs_f64() / 1e6);
}
