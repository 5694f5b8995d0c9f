//! What the guards told of a delivery that goes on within its id: which counts of gate and clock are taken up.

use beam_core::machine::{Machine, Order};
use beam_core::requirement::Requirement;
use beam_core::resume::{Counted, Source, base};
use beam_core::units::{Dose, Span};
use beam_core::wire::{CloseCause, GateState, GateStatus};

use crate::kit::{PULSE_DOSE, continuous, machine, micro_mu, order, verifies};

fn gate(pulses: u32, beam_on_centiseconds: u16) -> Option<GateStatus> {
    let (state, cause) = (GateState::Closed, CloseCause::HardwareInterlock);
    Some(GateStatus { state, cause, closed_by: 0, pulses, beam_on_centiseconds })
}

fn counted(machine: &Machine, gates: [Option<GateStatus>; 2], beam_on: Span) -> Counted {
    let order = Order { pulse_dose: micro_mu(PULSE_DOSE), dose_per_second: micro_mu(500_000), ..order() };
    Counted::told(machine, Some(&order), [micro_mu(3), micro_mu(4)], gates, beam_on)
}

#[test]
fn holds_the_pulses_of_the_gate_that_counted_more() {
    verifies(Requirement::PrimaryDose);
    let second = Span::from_secs(1);
    for (gates, pulses) in [
        ([gate(7, 0), gate(9, 0)], 9),
        ([gate(9, 0), gate(7, 0)], 9),
        ([None, gate(5, 0)], 5),
        ([gate(5, 0), None], 5),
        ([None, None], 0),
    ] {
        let told = counted(&machine(), gates, second);
        assert_eq!(
            (told.gate_pulses, told.beam_on),
            (pulses, Span::ZERO),
            "a clock is no count where there are pulses"
        );
        assert_eq!(told.recorded, [micro_mu(3), micro_mu(4)]);
    }
    let told = counted(&machine(), [gate(7, 0), gate(9, 0)], second);
    assert_eq!(base(&told).dose, micro_mu(9 * PULSE_DOSE));
}

#[test]
fn holds_the_shorter_of_two_clocks_until_the_gate_s_own_may_have_wrapped() {
    verifies(Requirement::PrimaryDose);
    let seconds = Span::from_secs;
    let by = |gates, beam_on| counted(&continuous(), gates, beam_on).beam_on;
    assert_eq!(by([gate(0, 1000), gate(0, 1200)], seconds(20)), seconds(12), "the console let the beam wait");
    assert_eq!(by([gate(0, 1000), None], seconds(9)), seconds(9));
    assert_eq!(by([gate(0, 60_000), None], seconds(600)), seconds(600));
    let wrapped = gate(0, 5000);
    assert_eq!(by([wrapped, wrapped], seconds(600)), seconds(50));
    assert_eq!(by([wrapped, wrapped], seconds(600).plus(Span::from_nanos(1))), seconds(600).plus(Span::from_nanos(1)));
    assert_eq!(counted(&continuous(), [gate(88, 0), None], seconds(0)).gate_pulses, 0);
}

#[test]
fn trips_up_to_the_dose_of_the_time_that_the_beam_was_on() {
    verifies(Requirement::PrimaryDose);
    let told = counted(&continuous(), [gate(0, 1000), None], Span::from_secs(30));
    assert_eq!((base(&told).dose, base(&told).source), (micro_mu(5_000_000), Source::BeamOnTime));
    let without_an_order =
        Counted::told(&continuous(), None, [Dose::ZERO; 2], [gate(0, 1000), None], Span::from_secs(30));
    assert_eq!((without_an_order.dose_per_second, without_an_order.pulse), (Dose::ZERO, Dose::ZERO));
}
