//! A port over a Unix socket pair that carries the kernel's `can_frame`, for the simulated treatment unit.
//!
//! Such a socket keeps the limits of messages as CAN does, but tells nothing beside them: no drops, no error frames, no
//! stamps, and not who sent a frame. The other end sends our frames back as CAN would, so a frame of our identifier is
//! taken for the echo when it is the one that was sent last and has not come back yet. Any other is somebody else's.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use beam_core::frame::{Frame, Origin, Trouble};
use beam_core::record::Stamps;
use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, socketpair};

use crate::can_frame::{self, FLEXIBLE_BYTES};
use crate::socketcan::send_frame;
use crate::{Event, Listen, Port, Unsent};

/// The two ends of a new bus with two nodes. Neither end ever waits.
///
/// # Errors
/// What the kernel says, such as too many open files.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?)
}

/// One end of a socket pair as a guard's port.
#[derive(Debug)]
pub struct PairPort {
    /// `None` once the other end was closed.
    socket: Option<OwnedFd>,
    own_id: Option<u16>,
    /// The frame of our identifier that was sent last and has not come back yet.
    awaited: Option<Frame>,
    /// Never readable. A closed socket always is, and a guard that waits on it would spin.
    silent: EventFd,
}

impl PairPort {
    /// A port over one end of a [`pair`], which sends its permits as `own_id`.
    ///
    /// # Errors
    /// What the kernel says, such as too many open files.
    pub fn new(socket: OwnedFd, own_id: Option<u16>) -> io::Result<Self> {
        let silent = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self { socket: Some(socket), own_id, awaited: None, silent })
    }

    fn origin(&mut self, frame: &Frame) -> Origin {
        if self.awaited.as_ref() == Some(frame) {
            self.awaited = None;
            Origin::Echo
        } else {
            Origin::Wire
        }
    }
}

impl Port for PairPort {
    fn receive(&mut self) -> Option<Event> {
        let socket = self.socket.as_ref()?;
        let mut message = [0; FLEXIBLE_BYTES];
        match recv(socket.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
            Err(Errno::EAGAIN | Errno::EINTR) => None,
            // Nothing at all means that the other end was closed.
            Ok(0) | Err(_) => {
                self.socket = None;
                Some(Event::Trouble(Trouble::InterfaceDown))
            }
            Ok(bytes) => Some(match can_frame::decode(message.get(..bytes).unwrap_or_default())? {
                Ok(frame) => Event::Frame { frame, origin: self.origin(&frame), stamps: Stamps::NONE },
                Err(trouble) => Event::Trouble(trouble),
            }),
        }
    }

    fn send(&mut self, frame: &Frame) -> Result<(), Unsent> {
        send_frame(self.socket.as_ref().ok_or(Unsent::Down)?.as_fd(), frame)?;
        if self.own_id == Some(frame.id) {
            self.awaited = Some(*frame);
        }
        Ok(())
    }

    fn holds_more(&self) -> bool {
        false
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_ref().map_or(self.silent.as_fd(), AsFd::as_fd)
    }
}

/// One end of a socket pair that is only read: an observer's. The port inside it is nobody else's, and nothing here sends.
#[derive(Debug)]
pub struct PairListener(PairPort);

impl PairListener {
    /// A listener over one end of a [`pair`].
    ///
    /// # Errors
    /// What the kernel says, such as too many open files.
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        PairPort::new(socket, None).map(Self)
    }
}

impl Listen for PairListener {
    fn receive(&mut self) -> Option<Event> {
        self.0.receive()
    }

    fn holds_more(&self) -> bool {
        self.0.holds_more()
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.descriptor()
    }
}

#[cfg(test)]
mod tests {
    use beam_core::units::Span;

    use super::*;
    use crate::clock;
    use crate::wait::wait;

    const OWN: u16 = 0x011;

    fn frame(id: u16, first: u8) -> Frame {
        Frame { id, length: 8, data: [first, 2, 3, 4, 5, 6, 7, 8] }
    }

    fn ports() -> (PairPort, PairPort) {
        let (ours, theirs) = pair().unwrap();
        (PairPort::new(ours, Some(OWN)).unwrap(), PairPort::new(theirs, None).unwrap())
    }

    fn received(frame: Frame, origin: Origin) -> Option<Event> {
        Some(Event::Frame { frame, origin, stamps: Stamps::NONE })
    }

    #[test]
    fn frames_go_both_ways_in_order() {
        let (mut guard, mut unit) = ports();
        assert_eq!(guard.receive(), None);
        unit.send(&frame(0x101, 1)).unwrap();
        unit.send(&frame(0x020, 2)).unwrap();
        assert_eq!(guard.receive(), received(frame(0x101, 1), Origin::Wire));
        assert_eq!(guard.receive(), received(frame(0x020, 2), Origin::Wire));
        assert_eq!(guard.receive(), None);
        guard.send(&frame(OWN, 3)).unwrap();
        assert_eq!(unit.receive(), received(frame(OWN, 3), Origin::Wire));
    }

    #[test]
    fn the_frame_that_was_sent_last_comes_back_as_echo_once() {
        let (mut guard, mut unit) = ports();
        guard.send(&frame(OWN, 1)).unwrap();
        unit.send(&frame(OWN, 1)).unwrap();
        unit.send(&frame(OWN, 1)).unwrap();
        assert_eq!(guard.receive(), received(frame(OWN, 1), Origin::Echo));
        assert_eq!(guard.receive(), received(frame(OWN, 1), Origin::Wire), "a second one is not ours");
    }

    #[test]
    fn a_frame_of_our_identifier_that_we_did_not_send_is_from_the_wire() {
        let (mut guard, mut unit) = ports();
        unit.send(&frame(OWN, 1)).unwrap();
        assert_eq!(guard.receive(), received(frame(OWN, 1), Origin::Wire), "before anything was sent");
        guard.send(&frame(OWN, 2)).unwrap();
        unit.send(&frame(OWN, 9)).unwrap();
        unit.send(&frame(OWN, 2)).unwrap();
        assert_eq!(guard.receive(), received(frame(OWN, 9), Origin::Wire), "other bytes");
        assert_eq!(guard.receive(), received(frame(OWN, 2), Origin::Echo), "the echo is still awaited");
    }

    #[test]
    fn wrong_sizes_are_malformed() {
        let (mut guard, unit) = ports();
        for size in [1, 15, 17, 71, 72, 73, 500] {
            nix::unistd::write(unit.descriptor(), &vec![0; size]).unwrap();
            assert_eq!(guard.receive(), Some(Event::Trouble(Trouble::Malformed)), "{size} bytes");
        }
        assert_eq!(guard.receive(), None);
    }

    #[test]
    fn a_closed_end_is_told_once_and_does_not_wake_any_more() {
        let (mut guard, mut unit) = ports();
        unit.send(&frame(0x101, 1)).unwrap();
        drop(unit);
        assert_eq!(guard.receive(), received(frame(0x101, 1), Origin::Wire), "what was sent before is still there");
        assert_eq!(guard.receive(), Some(Event::Trouble(Trouble::InterfaceDown)));
        assert_eq!(guard.receive(), None);
        assert_eq!(guard.send(&frame(OWN, 1)), Err(Unsent::Down));
        assert_eq!(wait([guard.descriptor()], clock::now().after(Span::from_millis(2))), [false]);
    }

    #[test]
    fn sending_never_waits() {
        let (mut guard, _unit) = ports();
        let full = (0..100_000).find_map(|_| guard.send(&frame(OWN, 1)).err());
        assert_eq!(full, Some(Unsent::QueueFull));
    }
}
