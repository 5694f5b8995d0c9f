use beam_core::machine::{Beam, Landing};
use beam_core::units::{Charge, DosePerCharge, Span};

use super::unit::span;
use super::*;
use crate::config;
use crate::simulate::models::{Model, everything};
use crate::wiring::hears;

/// Two ways to the same number may differ by this share: the fixed point of a calibration has 20 bits behind the point.
const SHARE: f64 = 1e-6;

fn models() -> Vec<Model> {
    everything().expect("every shipped machine reads")
}

#[expect(clippy::cast_precision_loss, reason = "charges of a plan")]
fn pc(charge: Charge) -> f64 {
    charge.picocoulombs() as f64
}

/// A limit is rounded down to whole counts, twice at most.
fn is_rounded_down(counted: f64, exact: f64) -> bool {
    let spare = 2.0 + exact * SHARE;
    counted <= exact + 1.0 && counted >= exact - spare
}

#[test]
fn the_order_is_the_same_both_ways_for_every_machine_beam_and_plan() {
    for model in models() {
        for beam in &model.numbers.beams {
            let mut plan = model.plan.clone();
            plan.energy_mev = beam.energy_mev;
            let wanted = Wanted { energy_mev: beam.energy_mev, ..model.wanted.clone() };
            let order = config::order(&model.profile, &plan).expect("the plan fits");
            let expected = model.numbers.expected(&wanted).expect("the beam exists");
            let name = &model.numbers.name;
            assert!(is_rounded_down(pc(order.preset), expected.preset.1), "{name}: {:?}, {expected:?}", order.preset);
            assert!(is_rounded_down(pc(order.backup), expected.backup.1), "{name}: {:?}, {expected:?}", order.backup);
            for (counted, exact) in order.expected_pulse.into_iter().zip(expected.pulse_pc) {
                assert!((pc(counted) - exact).abs() <= 0.5 + exact * SHARE, "{name}: {counted:?}, {exact}");
            }
            assert!((crate::describe::mu(order.pulse_dose) - expected.pulse_mu).abs() < 1e-6, "{name}");
            assert!((crate::describe::mu(order.dose_per_second) - expected.mu_per_second).abs() < 1e-6, "{name}");
            let time = crate::describe::seconds(order.time_limit);
            assert!((time - expected.time_limit_s).abs() < 1e-4, "{name}: {time}, {expected:?}");
            assert_eq!(u64::from(order.pulse_limit), expected.pulse_limit.unwrap_or(u64::from(u32::MAX)), "{name}");
            assert_eq!(order.beam_charge.is_some(), expected.beam_charge_pc_per_mu.is_some(), "{name}");
            if let Some((fixed, pc_per_mu)) = order.beam_charge.zip(expected.beam_charge_pc_per_mu) {
                assert!((micro_mu_per_pc(fixed) * pc_per_mu / 1e6 - 1.0).abs() < SHARE, "{name}");
            }
            let set_up = (order.set_up.energy, order.set_up.applicator, order.set_up.docking);
            assert_eq!(set_up, (expected.energy, expected.applicator, expected.docking), "{name}");
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a calibration")]
fn micro_mu_per_pc(fixed: DosePerCharge) -> f64 {
    fixed.fixed() as f64 / f64::from(1_u32 << DosePerCharge::FRACTION_BITS)
}

#[test]
fn the_machine_is_the_same_both_ways() {
    for Model { profile, numbers, .. } in models() {
        let (machine, name) = (profile.machine, &numbers.name);
        let timing = machine.timing;
        let PeriodNumbers { permit, gate, dose, status, stale_after } = numbers.periods;
        let both = [(timing.permit, permit), (timing.gate, gate), (timing.dose, dose), (timing.status, status)];
        assert!(both.iter().all(|&(counted, millis)| counted == span(millis)), "{name}: {timing:?}");
        assert_eq!(timing.stale_after, span(stale_after), "{name}");
        let scale = Span::from_nanos(timing.agreement.nanos() / u64::from(profile.period_scale));
        assert!(scale.nanos().abs_diff(span(numbers.agreement_ms()).nanos()) <= 1, "{name}: {scale:?}");
        assert_eq!(machine.window(), numbers.window, "{name}");
        match machine.beam {
            Beam::Pulsed { period, landing, gate_knows_lease, .. } => {
                let millis = numbers.pulse_period_ms().expect("pulses");
                assert!(period.nanos().abs_diff(span(millis).nanos()) <= 1, "{name}: {period:?}");
                assert_eq!(landing == Landing::AtOrAbove, numbers.lands_at_or_above, "{name}");
                assert_eq!(gate_knows_lease, numbers.knows_lease, "{name}");
            }
            Beam::Continuous => assert!(!numbers.is_pulsed(), "{name}"),
        }
        for (index, (monitor, written)) in machine.monitors.into_iter().zip(numbers.monitors).enumerate() {
            let calibration = micro_mu_per_pc(monitor.dose_per_charge) * written.pc_per_mu / 1e6;
            assert!((calibration - 1.0).abs() < SHARE, "{name}: {calibration}");
            assert!((pc(monitor.full_scale) - written.full_scale_pc).abs() < 1.0, "{name}: {monitor:?}");
            assert!((f64::from(monitor.voltage) * 0.02 - written.volts).abs() <= 0.01, "{name}: {monitor:?}");
            let id = if index == 0 { machine.dose_id(1) } else { machine.dose_id(2) };
            assert_eq!(id, numbers.dose_id(index), "{name}");
        }
        assert_eq!((machine.single_bus, machine.linac_bus), (numbers.single_bus, numbers.linac_bus), "{name}");
        assert_eq!(machine.beam_charge.map(|sensor| sensor.bus), numbers.beam_charge.map(|(bus, _)| bus), "{name}");
    }
}

#[test]
fn each_guard_is_wired_to_what_it_judges_by() {
    for Model { profile, numbers, .. } in models() {
        let machine = profile.machine;
        for (guard, bus, id) in numbers.hearing() {
            assert!(hears(guard, bus, &machine).contains(&id), "{}: {guard:?}, {bus:?}, {id:#05x}", numbers.name);
        }
        // what is wired besides: its own permit, and the other monitor's identifiers, which would be swapped cables
        for guard in Guard::ALL {
            for bus in [Bus::A, Bus::B] {
                for id in hears(guard, bus, &machine) {
                    let is_listed = numbers.hearing().contains(&(guard, bus, id));
                    let may = id == guard.permit_id() || guard == Guard::Interlock;
                    assert!(is_listed || may, "{}: {guard:?}, {bus:?}, {id:#05x}", numbers.name);
                }
            }
        }
    }
}
