//! A port over the kernel's CAN sockets.
//!
//! Opening is the `socketcan` crate's work; receiving is our own `recvmsg`, because a guard must know three things that
//! the crate does not tell together: who sent a frame, how many frames the kernel dropped, and when it came. The kernel
//! filters, so a guard wakes only for its own identifiers and for error frames. What is no classic data frame but
//! carries one of those identifiers (CAN FD, remote, extended format) is received, too, and seen as malformed.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use ::socketcan::{CanAddr, CanFdSocket, CanFilter, CanSocket, Socket, SocketOptions};
use beam_core::frame::{Frame, Trouble};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};

use crate::can_frame::{self, FLEXIBLE_BYTES};
use crate::interface;
use crate::{Event, Listen, Port, Unsent};

/// Receive buffer that is asked for, in bytes: room for some 5000 frames, half a second of a full bus.
const RECEIVE_BUFFER: i32 = 4 << 20;
/// Messages without meaning that one call of `receive` reads before it lets its caller look at the clock.
const MEANINGLESS_MAX: usize = 64;
/// Room for the control messages: the kernel's stamp (32 bytes), the controller's (64) and a drop counter (24), and as much
/// again.
const CONTROL_BYTES: usize = 240;
/// Asks for the controller's own stamps, where its driver has them.
const CONTROLLER_STAMPS: i32 = (libc::SOF_TIMESTAMPING_RX_HARDWARE | libc::SOF_TIMESTAMPING_RAW_HARDWARE).cast_signed();

/// A CAN socket that is only read. It has no way to send: an observer is given this, and nothing else.
#[derive(Debug)]
pub struct SocketCanListener {
    socket: CanFdSocket,
    /// Messages dropped until now, as the kernel counts them.
    dropped: u32,
    /// What came together with what was told last.
    pending: Option<Event>,
    /// Whether the last thing that was told is that the interface is down.
    told_down: bool,
}

/// A CAN socket of one guard: it is read like any listener's, and sends the guard's permit.
#[derive(Debug)]
pub struct SocketCanPort {
    listener: SocketCanListener,
}

impl SocketCanPort {
    /// Opens `interface` for the 11-bit identifiers `ids`, and for the echoes of `own_id`, the permit sent here.
    ///
    /// # Errors
    /// [`OpenError`], whose text says what to do.
    pub fn open(interface: &str, ids: &[u16], own_id: Option<u16>) -> Result<Self, OpenError> {
        SocketCanListener::open_with_echoes(interface, ids, own_id).map(|listener| Self { listener })
    }

    /// Room for frames that wait to be read, in bytes as the kernel accounts them (about 800 a frame).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive_buffer(&self) -> io::Result<i32> {
        self.listener.receive_buffer()
    }
}

impl SocketCanListener {
    /// Opens `interface` for the 11-bit identifiers `ids`, to be read only.
    ///
    /// # Errors
    /// [`OpenError`], whose text says what to do.
    pub fn open(interface: &str, ids: &[u16]) -> Result<Self, OpenError> {
        Self::open_with_echoes(interface, ids, None)
    }

    fn open_with_echoes(interface: &str, ids: &[u16], own_id: Option<u16>) -> Result<Self, OpenError> {
        let error = |cause| OpenError { interface: interface.to_owned(), cause };
        if let Some(id) = ids.iter().chain(&own_id).find(|&&id| u32::from(id) > libc::CAN_SFF_MASK) {
            return Err(error(Cause::Identifier(*id)));
        }
        Self::open_with(interface, &filters(ids, own_id), own_id.is_some())
    }

    /// Opens `interface` for whatever comes, for somebody who looks at the whole bus. A guard has no use for it.
    ///
    /// # Errors
    /// [`OpenError`], whose text says what to do.
    pub fn open_for_all(interface: &str) -> Result<Self, OpenError> {
        Self::open_with(interface, &[CanFilter::new(0, 0)], false)
    }

    fn open_with(interface: &str, filters: &[CanFilter], hears_itself: bool) -> Result<Self, OpenError> {
        let error = |cause| OpenError { interface: interface.to_owned(), cause };
        // A socket for no interface in particular says whether the kernel knows CAN at all, whatever the name is.
        CanSocket::open_addr(&CanAddr::new(0)).map_err(|cause| error(Cause::of_socket(cause)))?;
        let index = nix::net::if_::if_nametoindex(interface).map_err(|_| error(Cause::Missing))?;
        let facts = interface::interface_facts(interface).map_err(|cause| error(Cause::Facts(cause)))?;
        if !facts.up {
            return Err(error(Cause::Down));
        }
        let socket = CanFdSocket::open_addr(&CanAddr::new(index)).map_err(|cause| error(Cause::of_bind(cause)))?;
        set_options(&socket, filters, hears_itself).map_err(|(option, cause)| error(Cause::Option(option, cause)))?;
        let mut port = Self { socket, dropped: 0, pending: None, told_down: false };
        port.forget_what_came_before_the_filters();
        Ok(port)
    }

    /// Room for frames that wait to be read, in bytes as the kernel accounts them (about 800 a frame).
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive_buffer(&self) -> io::Result<i32> {
        self.socket.get_socket_option_int(libc::SOL_SOCKET, libc::SO_RCVBUF)
    }

    /// A CAN socket receives everything from the moment it is bound, which is before it has its filters.
    fn forget_what_came_before_the_filters(&mut self) {
        let mut message = [0; FLEXIBLE_BYTES];
        while let Ok(arrived) = receive_message(self.socket.as_fd(), &mut message) {
            self.dropped = arrived.beside.dropped.unwrap_or(self.dropped);
        }
    }

    /// What one message means, after it was noted how many were dropped before it.
    fn understand(&mut self, message: &[u8], arrived: Arrived) -> Option<Event> {
        let event = can_frame::decode(message).map(|content| match content {
            Ok(frame) => {
                Event::Frame { frame, origin: can_frame::origin(arrived.flags), stamps: arrived.beside.stamps }
            }
            Err(trouble) => Event::Trouble(trouble),
        });
        // The counter is attached only once there is something to count, and to every message from then on.
        let dropped = arrived.beside.dropped.unwrap_or(self.dropped);
        let lost = dropped.wrapping_sub(self.dropped);
        self.dropped = dropped;
        if lost == 0 {
            return event;
        }
        self.pending = event;
        Some(Event::Trouble(Trouble::ReceiveOverflow { lost }))
    }
}

impl Listen for SocketCanListener {
    fn receive(&mut self) -> Option<Event> {
        if let Some(event) = self.pending.take() {
            return Some(event);
        }
        let mut message = [0; FLEXIBLE_BYTES];
        for _ in 0..MEANINGLESS_MAX {
            match receive_message(self.socket.as_fd(), &mut message) {
                Ok(arrived) => {
                    self.told_down = false;
                    let event = self.understand(message.get(..arrived.bytes).unwrap_or_default(), arrived);
                    if event.is_some() {
                        return event;
                    }
                }
                Err(Errno::EAGAIN | Errno::EINTR) => {
                    self.told_down = false;
                    return None;
                }
                // ENETDOWN and ENODEV come once each; an unknown error may last, and then every other call says it.
                Err(_) => {
                    self.told_down = !self.told_down;
                    return self.told_down.then_some(Event::Trouble(Trouble::InterfaceDown));
                }
            }
        }
        None
    }

    fn holds_more(&self) -> bool {
        self.pending.is_some()
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Port for SocketCanPort {
    fn receive(&mut self) -> Option<Event> {
        self.listener.receive()
    }

    fn send(&mut self, frame: &Frame) -> Result<(), Unsent> {
        let sent = send_frame(self.listener.socket.as_fd(), frame);
        // The kernel says once that the interface went down, to whoever calls first; reading must find out, too.
        if sent == Err(Unsent::Down) && self.listener.pending.is_none() {
            self.listener.pending = Some(Event::Trouble(Trouble::InterfaceDown));
        }
        sent
    }

    fn holds_more(&self) -> bool {
        self.listener.holds_more()
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.listener.descriptor()
    }
}

/// Queues `frame` on any socket that takes the kernel's `can_frame`.
pub(crate) fn send_frame(socket: BorrowedFd<'_>, frame: &Frame) -> Result<(), Unsent> {
    let message = can_frame::encode(frame);
    match send(socket.as_raw_fd(), &message, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
        Ok(sent) if sent == message.len() => Ok(()),
        Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::EINTR) => Err(Unsent::QueueFull),
        _ => Err(Unsent::Down),
    }
}

/// Both formats of each identifier, remote or not, so that a wrong frame of ours is seen and a foreign one is not.
fn filters(ids: &[u16], own_id: Option<u16>) -> Vec<CanFilter> {
    let standard = libc::CAN_SFF_MASK | libc::CAN_EFF_FLAG;
    let extended = libc::CAN_EFF_MASK | libc::CAN_EFF_FLAG;
    ids.iter()
        .chain(&own_id)
        .map(|&id| u32::from(id))
        .flat_map(|id| [CanFilter::new(id, standard), CanFilter::new(id | libc::CAN_EFF_FLAG, extended)])
        .collect()
}

/// Sets what a socket needs; names the option that was refused.
fn set_options(
    socket: &CanFdSocket,
    filters: &[CanFilter],
    hears_itself: bool,
) -> Result<(), (&'static str, io::Error)> {
    socket.set_filters(filters).map_err(|cause| ("CAN_RAW_FILTER", cause))?;
    socket.set_error_filter(can_frame::ERROR_CLASSES).map_err(|cause| ("CAN_RAW_ERR_FILTER", cause))?;
    socket.set_recv_own_msgs(hears_itself).map_err(|cause| ("CAN_RAW_RECV_OWN_MSGS", cause))?;
    socket.set_recv_timestamp(true).map_err(|cause| ("SO_TIMESTAMPNS", cause))?;
    ask_for_controller_stamps(socket).map_err(|cause| ("SO_TIMESTAMPING", cause))?;
    socket.set_socket_option_int(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, 1).map_err(|cause| ("SO_RXQ_OVFL", cause))?;
    socket.set_nonblocking(true).map_err(|cause| ("O_NONBLOCK", cause))?;
    // Beyond net.core.rmem_max only with CAP_NET_ADMIN; without it the kernel grants what it may.
    socket
        .set_socket_option_int(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER)
        .or_else(|_| socket.set_socket_option_int(libc::SOL_SOCKET, libc::SO_RCVBUF, RECEIVE_BUFFER))
        .map_err(|cause| ("SO_RCVBUF", cause))
}

fn ask_for_controller_stamps(socket: &CanFdSocket) -> io::Result<()> {
    socket.set_socket_option_int(libc::SOL_SOCKET, libc::SO_TIMESTAMPING, CONTROLLER_STAMPS)
}

/// What `recvmsg` says of a message besides its bytes.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    bytes: usize,
    flags: libc::c_int,
    beside: can_frame::Beside,
}

/// Control messages begin where a word may.
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// Receives one message without waiting.
fn receive_message(socket: BorrowedFd<'_>, message: &mut [u8; FLEXIBLE_BYTES]) -> Result<Arrived, Errno> {
    let mut control = Control([0; CONTROL_BYTES]);
    let mut part = libc::iovec { iov_base: message.as_mut_ptr().cast(), iov_len: message.len() };
    // SAFETY: a `msghdr` is integers and pointers, for which all bits zero are a valid value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL_BYTES;
    // SAFETY: `header` points to `part` and `control`, `part` to `message`, each with its true length; all of them are
    // borrowed mutably by nobody else and live until the call returns.
    let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT) };
    let bytes = usize::try_from(received).map_err(|_| Errno::last())?;
    let beside = can_frame::beside(control.0.get(..header.msg_controllen).unwrap_or_default());
    Ok(Arrived { bytes, flags: header.msg_flags, beside })
}

/// Why a CAN interface could not be opened; its text says what, where, and how to repair it.
#[derive(Debug)]
pub struct OpenError {
    interface: String,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Identifier(u16),
    NoCan,
    NotPermitted(io::Error),
    Missing,
    Facts(io::Error),
    Down,
    NotCan,
    Option(&'static str, io::Error),
    Other(io::Error),
}

impl Cause {
    /// The socket itself was refused.
    fn of_socket(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT) => Self::NoCan,
            Some(libc::EPERM | libc::EACCES) => Self::NotPermitted(error),
            _ => Self::Other(error),
        }
    }

    /// The socket was made but not bound to the interface.
    fn of_bind(error: io::Error) -> Self {
        match error.raw_os_error() {
            // The interface was there a moment ago, so it is one of another kind.
            Some(libc::ENODEV) => Self::NotCan,
            Some(libc::ENETDOWN) => Self::Down,
            _ => Self::of_socket(error),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.interface;
        match &self.cause {
            Cause::Identifier(id) => {
                write!(text, "interface {name}: identifier {id:#x} has more than 11 bits: correct it in the profile")
            }
            Cause::NoCan => write!(
                text,
                "interface {name}: AF_CAN is not supported by this kernel: `modprobe can_raw`, or, under systemd, name \
                 AF_CAN in the unit's RestrictAddressFamilies"
            ),
            Cause::NotPermitted(cause) => {
                write!(text, "interface {name}: no permission to open a CAN socket ({cause}): check the unit's sandbox")
            }
            Cause::Missing => write!(
                text,
                "interface {name} does not exist: plug the adapter in, or correct the name (`ip -br link show type can` \
                 lists what there is)"
            ),
            Cause::Facts(cause) => write!(
                text,
                "interface {name}: its state cannot be read ({cause}): under systemd, name AF_NETLINK in the unit's \
                 RestrictAddressFamilies"
            ),
            Cause::Down => write!(
                text,
                "interface {name} is down: `ip link set {name} up type can bitrate 1000000`, or install the .network \
                 file that comes with the unit"
            ),
            Cause::NotCan => write!(text, "interface {name} is not a CAN interface: correct the name"),
            Cause::Option(option, cause) => {
                write!(text, "interface {name}: {option} was refused ({cause}): a kernel from 6.1 on has it")
            }
            Cause::Other(cause) => write!(text, "interface {name} cannot be opened: {cause}"),
        }
    }
}

impl std::error::Error for OpenError {}

#[cfg(test)]
#[path = "socketcan_tests.rs"]
mod tests;
