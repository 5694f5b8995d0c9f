//! The gate as an observer sees it, from the frames that the interlock guard heard on both buses: only one bus is followed at
//! a time, because what both say comes twice and not at the same moment.

use beam_core::frame::{Arrival, Bus, Frame, Receiver};
use beam_core::machine::Machine;
use beam_core::units::{Span, Ticks};
use beam_core::wire::{GATE_STATUS, GateState, GateStatus};

/// Periods of the gate after which a silent bus is followed no longer.
const SILENCE_PERIODS: u64 = 20;

/// The watch on the gate.
#[derive(Clone, Copy, Debug)]
pub struct GateWatch {
    leading: Bus,
    heard: Ticks,
    silence: Span,
    settle: Span,
    /// One for each bus, so that a report that repeats itself is no news.
    receivers: [Receiver; 2],
    last: Option<GateStatus>,
    closed_since: Option<Ticks>,
}

impl GateWatch {
    /// A watch that has seen nothing.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        let timing = &machine.timing;
        Self {
            leading: Bus::A,
            heard: Ticks::ZERO,
            silence: timing.gate.times(SILENCE_PERIODS),
            settle: timing.settling(),
            receivers: [Receiver::new(); 2],
            last: None,
            closed_since: None,
        }
    }

    /// Hears a frame; the gate's report, where it is a sound one of the bus that is followed.
    pub fn hear(&mut self, at: Ticks, bus: Bus, frame: &Frame) -> Option<GateStatus> {
        let receiver = &mut self.receivers[usize::from(bus == Bus::B)];
        if frame.id != GATE_STATUS || !matches!(receiver.accept(frame), Arrival::Fresh { .. }) {
            return None;
        }
        let status = GateStatus::decode(frame).ok()?;
        if bus != self.leading {
            if at.since(self.heard) <= self.silence {
                return None;
            }
            self.leading = bus;
        }
        self.heard = at;
        self.last = Some(status);
        let is_open = status.state == GateState::Open;
        self.closed_since = if is_open { None } else { self.closed_since.or(Some(at)) };
        Some(status)
    }

    /// Whether the gate had been closed at that moment for so long that no beam of before is still told of: what the guards
    /// find of beam then is beam through a closed gate.
    #[must_use]
    pub fn was_long_closed(&self, at: Ticks) -> bool {
        self.closed_since.is_some_and(|since| at.since(since) > self.settle)
    }

    /// Whether the gate was open when it was last heard.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.last.is_some_and(|status| status.state == GateState::Open)
    }
}

#[cfg(test)]
mod tests {
    use beam_core::wire::CloseCause;

    use super::*;
    use crate::config::shipped;

    fn frame(pulses: u32) -> Frame {
        told(GateState::Open, pulses, 0)
    }

    fn told(state: GateState, pulses: u32, alive: u8) -> Frame {
        GateStatus { state, cause: CloseCause::None, closed_by: 0, pulses, beam_on_centiseconds: 0 }.encode(alive)
    }

    fn at(millis: u64) -> Ticks {
        Ticks::ZERO.after(Span::from_millis(millis))
    }

    #[test]
    fn follows_one_bus_until_it_falls_silent() {
        let machine = shipped::profile("mobetron").expect("a shipped profile").machine;
        let mut watch = GateWatch::new(&machine);
        let pulses = |status: Option<GateStatus>| status.map(|status| status.pulses);
        assert_eq!(pulses(watch.hear(at(1000), Bus::A, &frame(1))), Some(1));
        assert_eq!(pulses(watch.hear(at(1001), Bus::B, &frame(1))), None);
        let next = |pulses| told(GateState::Open, pulses, 1);
        assert_eq!(pulses(watch.hear(at(1200), Bus::B, &next(2))), Some(2), "bus A is silent");
        assert_eq!(pulses(watch.hear(at(1201), Bus::A, &next(2))), None, "bus B is followed now");
    }

    #[test]
    fn follows_no_bus_that_says_the_same_over_and_over() {
        let machine = shipped::profile("mobetron").expect("a shipped profile").machine;
        let mut watch = GateWatch::new(&machine);
        let mut heard = [0; 2];
        for n in 0..100_u8 {
            let now = at(1000 + u64::from(n) * 5);
            heard[0] += u32::from(watch.hear(now, Bus::A, &frame(0)).is_some());
            let alive = n % 15;
            heard[1] += u32::from(watch.hear(now, Bus::B, &told(GateState::Closed, 0, alive)).is_some());
        }
        assert!(heard[0] == 1 && heard[1] > 50 && !watch.is_open(), "{heard:?}");
    }

    #[test]
    fn says_how_long_it_is_closed() {
        let machine = shipped::profile("mobetron").expect("a shipped profile").machine;
        let mut watch = GateWatch::new(&machine);
        assert!(!watch.was_long_closed(at(9000)), "nobody knows");
        for (ms, state) in [(1000, GateState::Closed), (1005, GateState::Latched), (1010, GateState::Latched)] {
            let alive = u8::try_from((ms - 1000) / 5).expect("a few");
            assert!(watch.hear(at(ms), Bus::A, &told(state, 0, alive)).is_some());
        }
        let settled = at(1000).after(watch.settle);
        assert!(!watch.was_long_closed(settled) && watch.was_long_closed(settled.after(Span::from_nanos(1))));
        assert!(watch.hear(at(5000), Bus::A, &told(GateState::Open, 0, 3)).is_some());
        assert!(!watch.was_long_closed(at(9000)));
    }

    #[test]
    fn believes_no_frame_that_is_not_sound() {
        let machine = shipped::profile("mobetron").expect("a shipped profile").machine;
        let mut watch = GateWatch::new(&machine);
        let mut broken = frame(1);
        broken.data[3] ^= 1;
        assert!(watch.hear(at(1000), Bus::A, &broken).is_none() && !watch.is_open());
        assert!(watch.hear(at(1000), Bus::A, &Frame { id: 0x101, ..frame(1) }).is_none());
    }
}
