//! A port for a guard that only observes: it judges as ever, and no permit leaves.
//!
//! [`ObservingPort`] is made of an end of the bus that can only be read ([`Listen`]). That trait has no way to send, so that
//! no flag, no defect above and no death of the process can put a frame on the bus: there is no code that would. A permit
//! that the guard wants sent is handed straight back as its own echo, as a bus that carries it at once would do; the guard
//! waits for that echo before it goes on.
//!
//! A port sends:
//!
//! ```
//! fn a_guard_can_send(mut end: impl beam_drivers::Port, frame: &beam_core::frame::Frame) {
//!     let _it_may_be_refused = end.send(frame);
//! }
//! ```
//!
//! and this, which differs in nothing else, does not compile:
//!
//! ```compile_fail,E0599
//! fn an_observer_cannot_send(mut end: impl beam_drivers::Listen, frame: &beam_core::frame::Frame) {
//!     let _there_is_no_such_call = end.send(frame);
//! }
//! ```

use std::os::fd::BorrowedFd;

use beam_core::frame::{Frame, Origin};
use beam_core::record::Stamps;

use crate::{Event, Listen, Port, Unsent};

/// A port that hears a bus and sends nothing.
#[derive(Debug)]
pub struct ObservingPort<L> {
    listener: L,
    /// The permit that comes back as its own echo next.
    echo: Option<Frame>,
    /// Permits that would have been sent.
    withheld: u64,
}

impl<L: Listen> ObservingPort<L> {
    /// A port over an end that can only be read. Its filter must leave out the guard's own permit: whoever governs the gate
    /// sends that identifier, and to the guard it would be an impostor.
    #[must_use]
    pub const fn new(listener: L) -> Self {
        Self { listener, echo: None, withheld: 0 }
    }

    /// How many permits a sending port would have sent.
    #[must_use]
    pub const fn withheld(&self) -> u64 {
        self.withheld
    }
}

impl<L: Listen> Port for ObservingPort<L> {
    fn receive(&mut self) -> Option<Event> {
        match self.echo.take() {
            Some(frame) => Some(Event::Frame { frame, origin: Origin::Echo, stamps: Stamps::NONE }),
            None => self.listener.receive(),
        }
    }

    /// Keeps `frame` as the next echo. It is on no bus.
    ///
    /// # Errors
    /// [`Unsent::QueueFull`] while the echo of the frame before was not read: at most one permit of a guard waits.
    fn send(&mut self, frame: &Frame) -> Result<(), Unsent> {
        if self.echo.is_some() {
            return Err(Unsent::QueueFull);
        }
        self.echo = Some(*frame);
        self.withheld = self.withheld.saturating_add(1);
        Ok(())
    }

    fn holds_more(&self) -> bool {
        self.echo.is_some() || self.listener.holds_more()
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.listener.descriptor()
    }
}

#[cfg(test)]
mod tests {
    use beam_core::permit::PermitSender;
    use beam_core::units::{Span, Ticks};
    use beam_core::wire::{Guard, Permit, PermitState, Reason};

    use super::*;
    use crate::socketpair::{PairListener, PairPort, pair};

    const PERIOD: Span = Span::from_millis(5);

    fn observer() -> (ObservingPort<PairListener>, PairPort) {
        let (ours, theirs) = pair().unwrap();
        (ObservingPort::new(PairListener::new(ours).unwrap()), PairPort::new(theirs, None).unwrap())
    }

    fn at(millis: u64) -> Ticks {
        Ticks::ZERO.after(Span::from_millis(millis))
    }

    /// Lets a permit's sender send over `port` what is due, and gives it what comes back; the state that was to be sent.
    fn send(sender: &mut PermitSender, port: &mut impl Port, millis: u64) -> Option<PermitState> {
        let frame = sender.poll(at(millis))?;
        port.send(&frame).unwrap();
        if let Some(Event::Frame { frame, origin: Origin::Echo, .. }) = port.receive() {
            assert!(sender.echo(&frame));
        }
        Permit::decode(&frame).ok().map(|permit| permit.state)
    }

    /// A whole delivery's permits, a proof's silence, a trip and the death of the port; the states that were to be sent.
    fn whole_delivery(mut port: impl Port) -> Vec<PermitState> {
        let mut sender = PermitSender::new(Guard::Dose1, PERIOD);
        let mut states = Vec::new();
        for millis in 0..400 {
            match millis {
                10 => sender.take_up(7),
                50 => sender.permit(0),
                80 => sender.silence(),
                120 => sender.withhold(),
                130 => sender.take_up(8),
                160 => sender.permit(1),
                300 => sender.trip(Reason::DoseReached),
                161..300 if millis % 33 == 0 => sender.permit(millis as u32),
                _ => {}
            }
            states.extend(send(&mut sender, &mut port, millis));
        }
        states
    }

    /// Frames that the other end of the bus got.
    fn carried(mut peer: PairPort) -> usize {
        std::iter::from_fn(|| match peer.receive() {
            Some(Event::Frame { .. }) => Some(()),
            _ => None,
        })
        .count()
    }

    #[test]
    fn trips_nobody_as_not_one_frame_leaves_an_observer_from_proof_to_death() {
        let (port, peer) = observer();
        let states = whole_delivery(port);
        for state in [PermitState::Withheld, PermitState::Permit, PermitState::Tripped] {
            assert!(states.contains(&state), "{state:?} was to be sent");
        }
        assert_eq!(carried(peer), 0, "of {} permits", states.len());
    }

    #[test]
    fn holds_the_same_delivery_over_a_port_that_sends_and_every_permit_leaves() {
        // the counterpart, without which the other test could not fail
        let (ours, theirs) = pair().unwrap();
        let port = PairPort::new(ours, Some(Guard::Dose1.permit_id())).unwrap();
        let states = whole_delivery(port);
        assert!(!states.is_empty());
        assert_eq!(carried(PairPort::new(theirs, None).unwrap()), states.len());
    }

    #[test]
    fn the_permit_comes_straight_back_once_and_before_the_bus() {
        let (mut port, mut peer) = observer();
        let other = Frame { id: 0x101, length: 8, data: [1; 8] };
        let own = Frame { id: Guard::Dose1.permit_id(), length: 8, data: [2; 8] };
        peer.send(&other).unwrap();
        port.send(&own).unwrap();
        assert_eq!(port.send(&own), Err(Unsent::QueueFull), "the echo was not read yet");
        assert_eq!(port.receive(), Some(Event::Frame { frame: own, origin: Origin::Echo, stamps: Stamps::NONE }));
        assert_eq!(port.receive(), Some(Event::Frame { frame: other, origin: Origin::Wire, stamps: Stamps::NONE }));
        assert_eq!((port.receive(), port.withheld()), (None, 1));
    }
}
