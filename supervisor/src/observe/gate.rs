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
    last: Option<GateStatus>,
}

impl GateWatch {
    /// A watch that has seen nothing.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        let silence = machine.timing.gate.times(SILENCE_PERIODS);
        Self { leading: Bus::A, heard: Ticks::ZERO, silence, last: None }
    }

    /// Hears a frame; the gate's report, where it is a sound one of the bus that is followed.
    pub fn hear(&mut self, at: Ticks, bus: Bus, frame: &Frame) -> Option<GateStatus> {
        if frame.id != GATE_STATUS || !matches!(Receiver::new().accept(frame), Arrival::Fresh { .. }) {
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
        Some(status)
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
        let (state, cause) = (GateState::Open, CloseCause::None);
        GateStatus { state, cause, closed_by: 0, pulses, beam_on_centiseconds: 0 }.encode(0)
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
        assert_eq!(pulses(watch.hear(at(1200), Bus::B, &frame(2))), Some(2), "bus A is silent");
        assert_eq!(pulses(watch.hear(at(1201), Bus::A, &frame(2))), None, "bus B is followed now");
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
