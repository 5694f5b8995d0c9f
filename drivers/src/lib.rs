//! Everything that talks to the kernel: the CAN buses, the clock, and what makes a thread real-time.
//!
//! One trait is abstract: [`Port`], one guard's end of one bus. [`socketcan`] implements it over the kernel's CAN
//! sockets; [`socketpair`] over a socket pair, for the simulated treatment unit. [`observing`] makes a port of an end that
//! can only be read ([`Listen`]): a guard behind it judges as ever, and no permit leaves. All `unsafe` code of the project lives
//! in this crate, and [`clock`] is the only place that reads a clock.

use std::os::fd::BorrowedFd;

use beam_core::frame::{Frame, Origin, Trouble};
use beam_core::record::Stamps;

pub mod can_frame;
pub mod candump;
pub mod clock;
pub mod inherited;
pub mod interface;
pub mod observing;
pub mod realtime;
pub mod sim;
pub mod socketcan;
pub mod socketpair;
pub mod wait;

/// What a guard reads from its bus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A classic data frame with an 11-bit identifier; nothing is said yet about whether it is to be believed.
    Frame {
        /// The frame.
        frame: Frame,
        /// Who put it on the bus.
        origin: Origin,
        /// When it arrived, for the record only and never for a decision.
        stamps: Stamps,
    },
    /// Something is wrong with the bus.
    Trouble(Trouble),
}

/// Why a frame was not sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsent {
    /// The queue to the controller is full: frames do not leave as fast as they are made.
    QueueFull,
    /// The interface is down or gone, or the frame was refused for a reason that the driver does not know.
    Down,
}

/// An end of a bus that can only be read: there is no way to send over it.
///
/// What is said of [`Port::receive`], [`Port::holds_more`] and [`Port::descriptor`] holds here too.
pub trait Listen: Send {
    /// The next thing that the bus has to say, or `None` when there is nothing more for now.
    fn receive(&mut self) -> Option<Event>;

    /// Whether something is to be received that [`wait`](wait::wait) cannot see, because the kernel has told it already.
    fn holds_more(&self) -> bool;

    /// What [`wait`](wait::wait) waits on.
    fn descriptor(&self) -> BorrowedFd<'_>;
}

/// One guard's end of one bus.
///
/// Both calls return at once, allocate nothing and do not panic, so that a guard may make them in its loop.
pub trait Port: Send {
    /// The next thing that the bus has to say, or `None` when there is nothing more for now.
    ///
    /// A fault that lasts is said once and then followed by `None`, so a loop that reads until `None` always ends
    /// unless frames really come faster than it reads them.
    fn receive(&mut self) -> Option<Event>;

    /// Whether something is to be received that [`wait`](wait::wait) cannot see, because the kernel has told it already. A
    /// port that is neither readable nor holds more has nothing to say.
    fn holds_more(&self) -> bool;

    /// Queues `frame` for sending. That it was sent is said by its echo, [`Origin::Echo`].
    ///
    /// # Errors
    /// [`Unsent`] when it was not queued.
    fn send(&mut self, frame: &Frame) -> Result<(), Unsent>;

    /// What [`wait`](wait::wait) waits on. It may change after [`Trouble::InterfaceDown`], so ask again for each wait.
    fn descriptor(&self) -> BorrowedFd<'_>;
}
