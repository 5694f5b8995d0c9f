//! How long a guard was silent before the gate closed on it, as the guard itself times it.

use beam_core::frame::{Bus, Frame};
use beam_core::requirement::Requirement;
use beam_core::silence::{Moment, Silence};
use beam_core::units::Span;
use beam_core::wire::{CloseCause, GateState, GateStatus, Guard};

use crate::kit::{at, gate, ms, verifies};

/// A moment without a stamp of the kernel.
const fn unstamped(millis: u64) -> Moment {
    Moment { at: at(millis), stamp: 0 }
}

/// The gate's report that is waited for.
const fn stale() -> GateStatus {
    GateStatus { closed_by: 2, ..gate(GateState::Closed, CloseCause::PermitStale, 0) }
}

/// Dose guard 2, silent since its last echo at 1 s.
fn silent() -> Silence {
    let mut silence = Silence::new(Guard::Dose2, Bus::B);
    silence.echo(unstamped(1000));
    silence.begin();
    silence
}

#[test]
fn holds_a_silence_from_the_last_echo_to_the_gates_report() {
    verifies(Requirement::Proven);
    let mut silence = silent();
    assert_eq!(silence.hear(unstamped(1025), Bus::B, &stale().encode(0)), Some(ms(25)));
    assert_eq!(silence.hear(unstamped(1030), Bus::B, &stale().encode(1)), None, "told once");
    // what was on its way to the bus when the guard fell silent counts as its last word
    let mut late = silent();
    late.echo(unstamped(1004));
    assert_eq!(late.hear(unstamped(1029), Bus::B, &stale().encode(0)), Some(ms(25)));
    // a second silence is timed anew
    late.echo(unstamped(2000));
    late.begin();
    assert_eq!(late.hear(unstamped(2027), Bus::B, &stale().encode(0)), Some(ms(27)));
}

#[test]
fn holds_the_stamps_of_the_kernel_where_both_frames_have_one() {
    verifies(Requirement::Proven);
    let stamped = |millis, stamp| Moment { at: at(millis), stamp };
    let lasted = |echo, report| {
        let mut silence = Silence::new(Guard::Dose2, Bus::B);
        silence.echo(echo);
        silence.begin();
        silence.hear(report, Bus::B, &stale().encode(0))
    };
    assert_eq!(lasted(stamped(1000, 70), stamped(1099, 95)), Some(Span::from_nanos(25)), "read late");
    assert_eq!(lasted(stamped(1000, 0), stamped(1025, 95)), Some(ms(25)));
    assert_eq!(lasted(stamped(1000, 70), stamped(1025, 0)), Some(ms(25)));
    assert_eq!(lasted(stamped(1000, 95), stamped(1025, 70)), Some(Span::ZERO), "a wall clock that stepped back");
}

#[test]
fn holds_every_other_frame_for_no_answer() {
    verifies(Requirement::Proven);
    let good = stale().encode(0);
    let others = [
        (Bus::A, good),
        (Bus::B, Frame { id: 0x021, ..good }),
        (Bus::B, Frame { length: 7, ..good }),
        (Bus::B, Frame { data: good.data.map(|byte| byte ^ 1), ..good }),
        (Bus::B, GateStatus { closed_by: 13, ..stale() }.encode(0)),
        (Bus::B, GateStatus { state: GateState::Open, ..stale() }.encode(0)),
        (Bus::B, GateStatus { state: GateState::Latched, ..stale() }.encode(0)),
        (Bus::B, GateStatus { cause: CloseCause::PermitWithheld, ..stale() }.encode(0)),
    ];
    for (bus, frame) in others {
        let mut silence = silent();
        assert_eq!(silence.hear(unstamped(1020), bus, &frame), None, "{frame:?}");
        assert_eq!(silence.hear(unstamped(1025), Bus::B, &good), Some(ms(25)), "it is still waited for");
    }
    let mut among_others = silent();
    let named = GateStatus { closed_by: 15, ..stale() }.encode(0);
    assert_eq!(among_others.hear(unstamped(1025), Bus::B, &named), Some(ms(25)), "whoever else is stale");
}

#[test]
fn nothing_is_timed_of_a_guard_that_speaks_or_never_spoke() {
    let report = stale().encode(0);
    let mut speaks = Silence::new(Guard::Dose2, Bus::B);
    speaks.echo(unstamped(1000));
    assert_eq!(speaks.hear(unstamped(1025), Bus::B, &report), None);
    let mut ended = silent();
    ended.end();
    assert_eq!(ended.hear(unstamped(1025), Bus::B, &report), None);
    let mut never = Silence::new(Guard::Dose2, Bus::B);
    never.begin();
    assert_eq!(never.hear(unstamped(1025), Bus::B, &report), None);
}
