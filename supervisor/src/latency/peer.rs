//! The other end of the buses while latency is measured: sends the chamber's frames, takes the permits, and counts the time
//! between the two.
//!
//! Over socket pairs it also sends every permit back, as CAN does. It stands where a CAN controller's interrupt thread
//! stands, so it runs one priority above the guards; what it needs itself is part of what is measured. It sends the next
//! pulse only after the lease for it came, as a gate does, and allocates nothing after its start.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use beam_core::frame::{Frame, Origin, next_alive};
use beam_core::units::{ChargeCounter, Span, Ticks};
use beam_core::wire::{DoseReading, Guard, MON1_DOSE, Permit, PermitState};
use beam_drivers::socketcan::SocketCanPort;
use beam_drivers::socketpair::PairPort;
use beam_drivers::wait::wait;
use beam_drivers::{Event, Port, Unsent, clock};

use super::histogram::Histogram;

/// Charge of each pulse in pC, as the measurement's order expects it.
pub const PULSE_PICOCOULOMBS: u32 = 11_200;
/// How long an answer may take; then the guard is taken for one that gives no further lease.
const ANSWER_PATIENCE: Span = Span::from_secs(2);
/// The stop flag is looked at this often at least.
const LONGEST_WAIT: Span = Span::from_millis(20);
/// Times between frames, in percent of a permit period, over and over. The short ones ask often; the long one leaves room
/// for renewals, whose deadline every answer moves, so that frames meet a guard asleep, about to wake and awaiting its echo.
const SPACING_PERCENT: [u64; 4] = [43, 97, 43, 221];

/// One end of a bus: of a socket pair, or of a CAN interface.
#[derive(Debug)]
pub enum End {
    /// Of a socket pair.
    Pair(PairPort),
    /// Of a CAN interface.
    Can(SocketCanPort),
}

impl Port for End {
    /// A guard takes a chamber's frame from its own host for a fault; here the chamber is this host, so that origin is hidden.
    fn receive(&mut self) -> Option<Event> {
        match self {
            Self::Pair(port) => port.receive(),
            Self::Can(port) => port.receive().map(|event| match event {
                Event::Frame { frame, origin: Origin::Local, stamps } if frame.id == MON1_DOSE => {
                    Event::Frame { frame, origin: Origin::Wire, stamps }
                }
                other => other,
            }),
        }
    }

    fn send(&mut self, frame: &Frame) -> Result<(), Unsent> {
        match self {
            Self::Pair(port) => port.send(frame),
            Self::Can(port) => port.send(frame),
        }
    }

    fn holds_more(&self) -> bool {
        match self {
            Self::Pair(port) => port.holds_more(),
            Self::Can(port) => port.holds_more(),
        }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Pair(port) => port.descriptor(),
            Self::Can(port) => port.descriptor(),
        }
    }
}

/// What the peer's thread and the rest share.
#[derive(Debug, Default)]
pub struct Shared {
    /// Ends the peer.
    pub stop: AtomicBool,
    /// The guard gives its permit: the peer has seen the first one.
    pub delivering: AtomicBool,
    /// Frames answered until now.
    pub answered: AtomicU64,
    /// The longest answer until now, in ns.
    pub longest: AtomicU64,
    /// The peer ended by itself.
    pub ended: AtomicBool,
}

/// The peer, before it is set going in its thread.
#[derive(Debug)]
pub struct Peer {
    /// The far end of dose guard 1.
    pub dose: End,
    /// The far ends of the other guards' permits, in the order of [`Guard::ALL`] without dose 1.
    pub permits: [PairPort; 3],
    /// Which of them hear monitor 1 there, as in service.
    pub hears_dose: [bool; 3],
    /// Far ends on which nothing is said.
    pub quiet: Vec<PairPort>,
    /// The guards' period.
    pub period: Span,
    /// Ends after so many answers.
    pub frames: u64,
    /// What the rest sees.
    pub shared: Arc<Shared>,
}

/// What the peer has seen.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// From just before a frame was written to the receipt of the permit that leases the next pulse.
    pub latency: Histogram,
    /// Frames that were written.
    pub sent: u64,
    /// Frames that the bus did not take.
    pub refused: u64,
    /// Why it ended before it was asked to, if it did.
    pub ended: Option<&'static str>,
}

/// Where the peer stands with its frames.
struct Course {
    pulses: u32,
    alive: u8,
    next: Ticks,
    place: usize,
    delivering: bool,
    asked: Option<Ticks>,
}

impl Course {
    const fn from(next: Ticks) -> Self {
        Self { pulses: 0, alive: 0, next, place: 0, delivering: false, asked: None }
    }
}

impl Peer {
    /// Sends and receives until it is stopped, has its answers, or gets none. It comes back with its ends of the buses still
    /// open: a guard takes a closed one for a fault.
    #[must_use]
    pub fn run(mut self) -> (Self, Answers) {
        let mut answers = Answers::default();
        let mut course = Course::from(clock::now().after(self.period));
        while !self.shared.stop.load(Ordering::Relaxed) {
            let now = clock::now();
            let due = course.asked.map_or(course.next, |asked| asked.after(ANSWER_PATIENCE));
            let until = if due > now.after(LONGEST_WAIT) { now.after(LONGEST_WAIT) } else { due };
            let [first, second, third] = &self.permits;
            let _readable =
                wait([self.dose.descriptor(), first.descriptor(), second.descriptor(), third.descriptor()], until);
            self.take_permits(&mut course, &mut answers);
            self.echo_others();
            let now = clock::now();
            if course.asked.is_some_and(|asked| now.since(asked) > ANSWER_PATIENCE) {
                answers.ended = Some("no permit came back within 2 s");
            }
            if answers.ended.is_some() || answers.latency.count() >= self.frames {
                break;
            }
            if course.asked.is_none() && now >= course.next {
                self.ask(&mut course, &mut answers);
            }
        }
        self.shared.ended.store(true, Ordering::Relaxed);
        (self, answers)
    }

    fn take_permits(&mut self, course: &mut Course, answers: &mut Answers) {
        while let Some(event) = self.dose.receive() {
            let at = clock::now();
            let Event::Frame { frame, .. } = event else { continue };
            if frame.id != Guard::Dose1.permit_id() {
                continue;
            }
            if let End::Pair(port) = &mut self.dose {
                let _a_full_queue_shows_as_a_missing_answer = port.send(&frame);
            }
            let Ok(permit) = Permit::decode(&frame) else { continue };
            match (permit.state, course.asked) {
                (PermitState::Tripped, _) => answers.ended = Some("the guard tripped its permit"),
                (PermitState::Permit, Some(asked)) if permit.lease > course.pulses => {
                    let latency = at.since(asked);
                    answers.latency.add(latency);
                    course.asked = None;
                    self.shared.answered.store(answers.latency.count(), Ordering::Relaxed);
                    self.shared.longest.fetch_max(latency.nanos(), Ordering::Relaxed);
                }
                (PermitState::Permit, None) if !course.delivering => {
                    course.delivering = true;
                    self.shared.delivering.store(true, Ordering::Relaxed);
                }
                _ => {}
            }
        }
    }

    fn echo_others(&mut self) {
        for port in &mut self.permits {
            while let Some(event) = port.receive() {
                if let Event::Frame { frame, .. } = event {
                    let _a_guard_at_rest_gives_its_echo_up = port.send(&frame);
                }
            }
        }
    }

    /// Sends a pulse, or, before the delivery, a reading that counts none.
    fn ask(&mut self, course: &mut Course, answers: &mut Answers) {
        let percent = SPACING_PERCENT.get(course.place).copied().unwrap_or(100);
        course.place = (course.place + 1) % SPACING_PERCENT.len();
        let pulses = if course.delivering { course.pulses + 1 } else { course.pulses };
        let reading = DoseReading {
            flags: 0,
            pulses: (pulses % (1 << 16)) as u16,
            charge: ChargeCounter::from_raw(pulses.wrapping_mul(PULSE_PICOCOULOMBS)),
        };
        let frame = reading.encode(MON1_DOSE, course.alive);
        let asked = clock::now();
        // the others first: dose guard 1 is to find the processors busy, as a bus wakes all who listen
        for (port, hears) in self.permits.iter_mut().zip(self.hears_dose) {
            if hears {
                let _only_load = port.send(&frame);
            }
        }
        let sent = self.dose.send(&frame);
        course.next = asked.after(self.period.times(percent).over(100));
        if sent.is_err() {
            answers.refused += 1;
            return;
        }
        course.alive = next_alive(course.alive);
        if course.delivering {
            answers.sent += 1;
            course.pulses = pulses;
            course.asked = Some(asked);
        }
    }
}
