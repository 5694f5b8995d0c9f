//! A treatment unit in real time: a thread that runs a [`Unit`] behind socket pairs instead of a CAN controller.
//!
//! Each [`RealTimeUnit::endpoint`] is one end of a `SOCK_SEQPACKET` pair that carries the kernel's 16-byte `can_frame`:
//! the identifier as a little-endian u32, the length, three bytes of padding, eight bytes of data. An endpoint gets the
//! frames of its bus that its filter lets pass, its own as an echo (as a CAN socket with `CAN_RAW_RECV_OWN_MSGS`,
//! except that its filter need not name them), and those of the other endpoints. An endpoint that does not read loses
//! frames, which are counted.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use beam_core::frame::{Bus, Frame};
use beam_core::units::{Span, Ticks};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::sys::time::TimeSpec;

use super::unit::{Truth, Unit};

/// Size of the kernel's `can_frame`.
const CAN_FRAME_BYTES: usize = 16;
/// Largest 11-bit identifier; a bit above it marks what is no classic data frame.
const ID_MAX: u32 = 0x7FF;
/// The thread looks at its stop flag at least this often.
const LONGEST_SLEEP: Span = Span::from_millis(20);

const REQUEST_NOTHING: u8 = 0;
const REQUEST_ON: u8 = 1;
const REQUEST_OFF: u8 = 2;

/// One end of a pair, on the unit's side.
#[derive(Debug)]
struct Endpoint {
    bus: Bus,
    ids: Vec<u16>,
    socket: OwnedFd,
    open: bool,
}

/// A unit that is being wired up and not yet running.
#[derive(Debug)]
pub struct RealTimeUnit {
    unit: Unit,
    endpoints: Vec<Endpoint>,
}

/// What the thread and its handle share.
#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    request: AtomicU8,
    dropped: AtomicU64,
    truth: Mutex<Truth>,
}

impl Shared {
    /// The truth is plain data: a thread that died while it held the lock left it whole.
    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running unit. Dropping the handle stops the unit.
#[derive(Debug)]
pub struct Handle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl RealTimeUnit {
    /// Wires up `unit`, which must not have run yet.
    #[must_use]
    pub const fn new(unit: Unit) -> Self {
        Self { unit, endpoints: Vec::new() }
    }

    /// A nonblocking socket on `bus` that gets the frames with these identifiers and its own.
    ///
    /// # Errors
    /// When the system has no socket left.
    pub fn endpoint(&mut self, bus: Bus, ids: &[u16]) -> io::Result<OwnedFd> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let (socket, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        self.endpoints.push(Endpoint { bus, ids: ids.to_vec(), socket, open: true });
        Ok(theirs)
    }

    /// Powers the unit up in a thread of its own. It ends when it is told to, or when all endpoints are closed.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(self) -> io::Result<Handle> {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            request: AtomicU8::new(REQUEST_NOTHING),
            dropped: AtomicU64::new(0),
            truth: Mutex::new(self.unit.truth()),
        });
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("treatment-unit".into()).spawn(move || self.run(&theirs))?;
        Ok(Handle { shared, thread: Some(thread) })
    }

    fn run(self, shared: &Shared) {
        let Self { mut unit, mut endpoints } = self;
        let power_up = Instant::now();
        let now = || Ticks::from_nanos(u64::try_from(power_up.elapsed().as_nanos()).unwrap_or(u64::MAX));
        while !shared.stop.load(Ordering::Relaxed) && endpoints.iter().any(|endpoint| endpoint.open) {
            match shared.request.swap(REQUEST_NOTHING, Ordering::Relaxed) {
                REQUEST_ON => unit.request_beam(true),
                REQUEST_OFF => unit.request_beam(false),
                _ => {}
            }
            unit.advance(now(), &mut |bus, frame| broadcast(&endpoints, None, bus, &frame, shared));
            *shared.truth() = unit.truth();
            let wait = unit.next().since(now()).shorter(LONGEST_SLEEP);
            for index in wait_for_frames(&endpoints, wait) {
                take_frames(&mut unit, &mut endpoints, index, now(), shared);
            }
        }
        *shared.truth() = unit.truth();
    }
}

/// Sleeps until an endpoint has something to say, at most for `wait`; the endpoints that have.
fn wait_for_frames(endpoints: &[Endpoint], wait: Span) -> Vec<usize> {
    let watched: Vec<usize> =
        endpoints.iter().enumerate().filter(|(_, endpoint)| endpoint.open).map(|(index, _)| index).collect();
    let mut polled: Vec<PollFd<'_>> = watched
        .iter()
        .filter_map(|&index| endpoints.get(index))
        .map(|endpoint| PollFd::new(endpoint.socket.as_fd(), PollFlags::POLLIN))
        .collect();
    let timeout = TimeSpec::from_duration(std::time::Duration::from_nanos(wait.nanos()));
    // a signal only shortens the sleep
    let _woken = ppoll(&mut polled, Some(timeout), None);
    watched.into_iter().zip(polled).filter(|(_, poll)| poll.any() == Some(true)).map(|(index, _)| index).collect()
}

/// Reads one endpoint empty: each frame goes to the endpoints of its bus and to the unit.
fn take_frames(unit: &mut Unit, endpoints: &mut [Endpoint], index: usize, now: Ticks, shared: &Shared) {
    let mut bytes = [0; CAN_FRAME_BYTES];
    loop {
        let Some(endpoint) = endpoints.get_mut(index) else { return };
        match recv(endpoint.socket.as_raw_fd(), &mut bytes, MsgFlags::empty()) {
            Ok(CAN_FRAME_BYTES) => {}
            Ok(0) | Err(Errno::ECONNRESET) => {
                endpoint.open = false;
                return;
            }
            Err(Errno::EINTR) => continue,
            Err(_) => return,
            // a frame of another size is nothing that a classic CAN controller would send
            Ok(_) => continue,
        }
        let bus = endpoint.bus;
        let endpoints = &*endpoints;
        if let Some(frame) = decode(bytes) {
            broadcast(endpoints, Some(index), bus, &frame, shared);
            unit.receive(now, bus, &frame, &mut |bus, frame| broadcast(endpoints, None, bus, &frame, shared));
        }
    }
}

/// Puts a frame on a bus; `sender` is the endpoint that gets it as its echo.
fn broadcast(endpoints: &[Endpoint], sender: Option<usize>, bus: Bus, frame: &Frame, shared: &Shared) {
    let bytes = encode(frame);
    for (index, endpoint) in endpoints.iter().enumerate() {
        let wanted = endpoint.open && endpoint.bus == bus;
        if wanted && (sender == Some(index) || endpoint.ids.contains(&frame.id)) {
            let sent = send(endpoint.socket.as_raw_fd(), &bytes, MsgFlags::MSG_NOSIGNAL);
            // a closed endpoint is noticed when it is read
            if let Err(Errno::EAGAIN | Errno::ENOBUFS) = sent {
                shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The kernel's `can_frame` of a frame.
fn encode(frame: &Frame) -> [u8; CAN_FRAME_BYTES] {
    let [i0, i1] = frame.id.to_le_bytes();
    let [d0, d1, d2, d3, d4, d5, d6, d7] = frame.data;
    [i0, i1, 0, 0, frame.length, 0, 0, 0, d0, d1, d2, d3, d4, d5, d6, d7]
}

/// The frame in a `can_frame`; none when it is no classic data frame with an 11-bit identifier.
fn decode(bytes: [u8; CAN_FRAME_BYTES]) -> Option<Frame> {
    let [i0, i1, i2, i3, length, _, _, _, data @ ..] = bytes;
    let id = u32::from_le_bytes([i0, i1, i2, i3]);
    (id <= ID_MAX && length <= 8).then_some(Frame { id: u16::from_le_bytes([i0, i1]), length, data })
}

impl Handle {
    /// What really happened so far.
    #[must_use]
    pub fn truth(&self) -> Truth {
        *self.shared.truth()
    }

    /// Frames that an endpoint lost because it did not read them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Somebody at the console asks for beam, or takes the request back.
    pub fn request_beam(&self, on: bool) {
        self.shared.request.store(if on { REQUEST_ON } else { REQUEST_OFF }, Ordering::Relaxed);
    }

    /// Whether the unit still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Tells the unit to stop within 20 ms.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until the unit has ended, by [`Handle::stop`] or because all endpoints are closed, and tells the truth.
    #[must_use]
    pub fn join(mut self) -> Truth {
        self.wait();
        self.truth()
    }

    fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            // a thread that panicked has nothing to say; what it last told stands
            let _ended = thread.join();
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
        self.wait();
    }
}

#[cfg(test)]
mod tests;
