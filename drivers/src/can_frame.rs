//! How the kernel lays out a CAN frame, an error frame and the control messages beside them, as functions of bytes.
//!
//! Nothing here makes a system call, so all of it is tested on a machine without CAN. A `can_frame` is 16 bytes: the
//! identifier with its three flags (32 bits, in the machine's byte order), the length, three bytes of no interest here,
//! eight bytes of data. A CAN FD frame is 72 bytes, which is how one tells them apart.

use beam_core::frame::{FRAME_BYTES, Frame, Origin, Trouble};
use beam_core::record::Stamps;
use libc::c_int;

use crate::clock;

/// Size of the kernel's `can_frame`.
pub const CLASSIC_BYTES: usize = 16;
/// Size of the kernel's `canfd_frame`, the most that is read of one message.
pub const FLEXIBLE_BYTES: usize = 72;

/// What one message from a bus means; `None` for an error frame that reports no trouble.
pub type Content = Option<Result<Frame, Trouble>>;

/// The kernel's `can_frame` for `frame`.
pub fn encode(frame: &Frame) -> [u8; CLASSIC_BYTES] {
    let [i0, i1, i2, i3] = (u32::from(frame.id) & libc::CAN_SFF_MASK).to_ne_bytes();
    let [d0, d1, d2, d3, d4, d5, d6, d7] = frame.data;
    let length = frame.length.min(8);
    [i0, i1, i2, i3, length, 0, 0, 0, d0, d1, d2, d3, d4, d5, d6, d7]
}

/// What a message of these bytes means.
pub fn decode(message: &[u8]) -> Content {
    let Ok(&[i0, i1, i2, i3, length, _, _, _, ref data @ ..]) = <&[u8; CLASSIC_BYTES]>::try_from(message) else {
        return Some(Err(Trouble::Malformed));
    };
    let id = u32::from_ne_bytes([i0, i1, i2, i3]);
    if id & libc::CAN_ERR_FLAG != 0 {
        return error_frame(id & libc::CAN_ERR_MASK, data).map(Err);
    }
    let (Ok(id), Some(meant)) = (u16::try_from(id), data.get(..usize::from(length))) else {
        return Some(Err(Trouble::Malformed));
    };
    // The flags of remote and extended frames lie above bit 15; what is left to refuse is a stray bit above the 11th.
    if u32::from(id) & !libc::CAN_SFF_MASK != 0 {
        return Some(Err(Trouble::Malformed));
    }
    let mut frame = Frame { id, length, data: [0; FRAME_BYTES] };
    for (to, from) in frame.data.iter_mut().zip(meant) {
        *to = *from;
    }
    Some(Ok(frame))
}

/// Error classes that a port asks the kernel for: all but lost arbitration, which is how CAN shares a bus, and reports of
/// the error counters alone, which come along with the others.
pub const ERROR_CLASSES: u32 = libc::CAN_ERR_MASK & !(class::LOST_ARBITRATION | class::COUNTERS);

/// Bits of an error frame's identifier, from `linux/can/error.h`.
mod class {
    pub(super) const LOST_ARBITRATION: u32 = 0x002;
    pub(super) const CONTROLLER: u32 = 0x004;
    pub(super) const PROTOCOL: u32 = 0x008;
    pub(super) const TRANSCEIVER: u32 = 0x010;
    pub(super) const NO_ACKNOWLEDGE: u32 = 0x020;
    pub(super) const BUS_ERROR: u32 = 0x080;
    pub(super) const RESTARTED: u32 = 0x100;
    pub(super) const COUNTERS: u32 = 0x200;
    /// What happens on a line and says nothing about the state of the controller.
    pub(super) const ON_THE_LINE: u32 = PROTOCOL | TRANSCEIVER | NO_ACKNOWLEDGE | BUS_ERROR | RESTARTED;
    /// Transmit timeout (0x001), bus-off (0x040), and whatever a later kernel adds.
    pub(super) const GRAVEST: u32 = !(LOST_ARBITRATION | CONTROLLER | ON_THE_LINE | COUNTERS);
}

/// Bits of byte 1 of an error frame of class `CONTROLLER`, from `linux/can/error.h`.
mod controller {
    pub(super) const OVERRUN: u8 = 0x01 | 0x02;
    pub(super) const WARNING: u8 = 0x04 | 0x08;
    pub(super) const PASSIVE: u8 = 0x10 | 0x20;
    /// Active again.
    pub(super) const ACTIVE: u8 = 0x40;
    pub(super) const UNKNOWN: u8 = !(OVERRUN | WARNING | PASSIVE | ACTIVE);
}

/// Error counts from which a controller is in a state, from `linux/can/error.h`.
mod threshold {
    pub(super) const WARNING: u8 = 96;
    pub(super) const PASSIVE: u8 = 128;
}

/// The gravest trouble that an error frame reports.
///
/// The state of the controller decides: bus-off and error-passive are faults. An error that CAN repaired by itself is only
/// counted, since the controller's error counters lead to error-passive if it lasts; common adapters report it with the
/// class `CONTROLLER` and no reason (`2000000C#0000040000000000`). So is a restart: that the controller was off the bus came
/// in a frame before. What this driver does not know counts as bus-off.
fn error_frame(classes: u32, data: &[u8; FRAME_BYTES]) -> Option<Trouble> {
    let [_, reasons, _, _, _, _, sent, received] = *data;
    let of_controller = classes & class::CONTROLLER != 0;
    let reasons = if of_controller { reasons } else { 0 };
    let errors = if classes & class::COUNTERS != 0 { sent.max(received) } else { 0 };
    if classes & class::GRAVEST != 0 || reasons & controller::UNKNOWN != 0 {
        Some(Trouble::BusOff)
    } else if reasons & controller::PASSIVE != 0 || errors >= threshold::PASSIVE {
        Some(Trouble::ErrorPassive)
    } else if reasons & controller::OVERRUN != 0 {
        Some(Trouble::ControllerOverrun)
    } else if reasons & controller::WARNING != 0 || errors >= threshold::WARNING {
        Some(Trouble::ErrorWarning)
    } else if of_controller || classes & class::ON_THE_LINE != 0 {
        Some(Trouble::BusError)
    } else {
        // arbitration lost, or counters that are low
        None
    }
}

/// Who sent a message, from the flags that `recvmsg` returns.
pub fn origin(flags: c_int) -> Origin {
    if flags & libc::MSG_CONFIRM != 0 {
        Origin::Echo
    } else if flags & libc::MSG_DONTROUTE != 0 {
        Origin::Local
    } else {
        Origin::Wire
    }
}

/// What the kernel says beside a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Beside {
    /// When the message was received.
    pub stamps: Stamps,
    /// Messages dropped since the socket was opened, modulo 2^32; not said while there are none.
    pub dropped: Option<u32>,
}

/// Reads the control messages: each a `cmsghdr` (length with its header, level, type) and a value, padded to a word.
pub fn beside(mut control: &[u8]) -> Beside {
    const WORD: usize = size_of::<usize>();
    const HEADER: usize = WORD + 2 * size_of::<c_int>();
    let mut found = Beside::default();
    while let (Some(length), Some(level), Some(kind)) =
        (word(control), int(control, WORD), int(control, WORD + size_of::<c_int>()))
    {
        let Some(value) = control.get(HEADER..length) else { break };
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                found.stamps.kernel_nanos = timespec(value, 0).unwrap_or(0);
            }
            // three moments: the kernel's, one that is no longer used, the controller's
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => {
                found.stamps.controller_nanos = timespec(value, 2).unwrap_or(0);
            }
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                found.dropped = int(value, 0).map(|dropped| u32::from_ne_bytes(dropped.to_ne_bytes()));
            }
            _ => (),
        }
        control = control.get(length.next_multiple_of(WORD)..).unwrap_or_default();
    }
    found
}

/// The moment of the given number among `timespec`s, in ns.
fn timespec(bytes: &[u8], number: usize) -> Option<u64> {
    const HALF: usize = size_of::<libc::c_long>();
    clock::nanos(long(bytes, 2 * number * HALF)?, long(bytes, (2 * number + 1) * HALF)?)
}

fn word(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().map(|word| usize::from_ne_bytes(*word))
}

fn int(bytes: &[u8], at: usize) -> Option<c_int> {
    bytes.get(at..)?.first_chunk().map(|int| c_int::from_ne_bytes(*int))
}

/// A `long`, which is 32 bits wide on a 32-bit machine.
#[allow(clippy::useless_conversion, reason = "a conversion on 32-bit machines")]
fn long(bytes: &[u8], at: usize) -> Option<i64> {
    bytes.get(at..)?.first_chunk().map(|long| i64::from(libc::c_long::from_ne_bytes(*long)))
}

#[cfg(test)]
#[path = "can_frame_tests.rs"]
mod tests;
