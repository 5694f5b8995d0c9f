//! A treatment unit in real time: a thread that runs a [`Unit`] behind socket pairs instead of a CAN controller.
//!
//! Each [`RealTimeUnit::endpoint`] is one end of a `SOCK_SEQPACKET` pair that carries the kernel's 16-byte `can_frame`:
//! the identifier as a little-endian u32, the length, three bytes of padding, eight bytes of data. An endpoint gets the
//! frames of its bus that its filter lets pass, its own as an echo (as a CAN socket with `CAN_RAW_RECV_OWN_MSGS`,
//! except that its filter need not name them), and those of the other endpoints. An endpoint that does not read loses
//! frames, which are counted.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use beam_core::frame::{Bus, Frame, Trouble};
use beam_core::units::{Span, Ticks};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::unit::{Truth, Unit};
use crate::realtime::{ThreadWish, spawn};
use crate::socketpair::{PairPort, pair};
use crate::{Event, Port, Unsent, clock};

/// The thread looks at its stop flag at least this often.
const LONGEST_SLEEP: Span = Span::from_millis(20);

/// Stack of the thread: the unit is no guard and is not written for a small one.
const STACK_BYTES: usize = 2 << 20;

const REQUEST_NOTHING: u8 = 0;
const REQUEST_ON: u8 = 1;
const REQUEST_OFF: u8 = 2;

/// One end of a pair, on the unit's side.
#[derive(Debug)]
struct Endpoint {
    bus: Bus,
    ids: Vec<u16>,
    port: PairPort,
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
    /// Frames that each endpoint has put on its bus.
    put: Vec<AtomicU64>,
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
        let (ours, theirs) = pair()?;
        self.endpoints.push(Endpoint { bus, ids: ids.to_vec(), port: PairPort::new(ours, None)?, open: true });
        Ok(theirs)
    }

    /// Powers the unit up in a thread of its own, which wishes for `wish`: what cannot be had is gone without, as nobody's
    /// safety hangs on it. It ends when it is told to, or when all endpoints are closed.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(self, wish: ThreadWish) -> io::Result<Handle> {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            request: AtomicU8::new(REQUEST_NOTHING),
            dropped: AtomicU64::new(0),
            truth: Mutex::new(self.unit.truth()),
            put: self.endpoints.iter().map(|_| AtomicU64::new(0)).collect(),
        });
        let theirs = Arc::clone(&shared);
        let wish = ThreadWish { stack_bytes: wish.stack_bytes.max(STACK_BYTES), ..wish };
        let thread = spawn("treatment-unit", wish, move |_refused| self.run(&theirs))?;
        Ok(Handle { shared, thread: Some(thread) })
    }

    fn run(self, shared: &Shared) {
        let Self { mut unit, mut endpoints } = self;
        let power_up = clock::now();
        let now = || Ticks::ZERO.after(clock::now().since(power_up));
        while !shared.stop.load(Ordering::Relaxed) && endpoints.iter().any(|endpoint| endpoint.open) {
            match shared.request.swap(REQUEST_NOTHING, Ordering::Relaxed) {
                REQUEST_ON => unit.request_beam(true),
                REQUEST_OFF => unit.request_beam(false),
                _ => {}
            }
            unit.advance(now(), &mut |bus, frame| broadcast(&mut endpoints, None, bus, &frame, shared));
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
        .map(|endpoint| PollFd::new(endpoint.port.descriptor(), PollFlags::POLLIN))
        .collect();
    let timeout = TimeSpec::from_duration(std::time::Duration::from_nanos(wait.nanos()));
    // a signal only shortens the sleep
    let _woken = ppoll(&mut polled, Some(timeout), None);
    watched.into_iter().zip(polled).filter(|(_, poll)| poll.any() == Some(true)).map(|(index, _)| index).collect()
}

/// Reads one endpoint empty: each frame goes to the endpoints of its bus and to the unit.
fn take_frames(unit: &mut Unit, endpoints: &mut [Endpoint], index: usize, now: Ticks, shared: &Shared) {
    while let Some(endpoint) = endpoints.get_mut(index) {
        let bus = endpoint.bus;
        match endpoint.port.receive() {
            Some(Event::Frame { frame, .. }) => {
                if let Some(count) = shared.put.get(index) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                broadcast(endpoints, Some(index), bus, &frame, shared);
                unit.receive(now, bus, &frame, &mut |bus, frame| broadcast(endpoints, None, bus, &frame, shared));
            }
            Some(Event::Trouble(Trouble::InterfaceDown)) => {
                endpoint.open = false;
                return;
            }
            // nothing that a classic CAN controller would have put on a bus
            Some(Event::Trouble(_)) => {}
            None => return,
        }
    }
}

/// Puts a frame on a bus; `sender` is the endpoint that gets it as its echo.
fn broadcast(endpoints: &mut [Endpoint], sender: Option<usize>, bus: Bus, frame: &Frame, shared: &Shared) {
    for (index, endpoint) in endpoints.iter_mut().enumerate() {
        let wanted = endpoint.open && endpoint.bus == bus;
        // a closed endpoint is noticed when it is read
        if wanted
            && (sender == Some(index) || endpoint.ids.contains(&frame.id))
            && endpoint.port.send(frame) == Err(Unsent::QueueFull)
        {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
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

    /// Frames that each endpoint has put on its bus so far, in the order in which they were made.
    #[must_use]
    pub fn frames_put(&self) -> Vec<u64> {
        self.shared.put.iter().map(|count| count.load(Ordering::Relaxed)).collect()
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
