//! The treatment unit's part: sends a pulse a millisecond, waits for its permit, and takes the time.

use std::fmt;
use std::os::fd::AsFd;
use std::thread::available_parallelism;

use beam_core::frame::{Frame, next_alive};
use beam_core::units::{ChargeCounter, Span, Ticks};
use beam_core::wire::{CloseCause, DoseReading, GateState, GateStatus, Guard, MON1_DOSE, Permit, PermitState};
use beam_drivers::realtime::{self, ProcessWish, ThreadWish};
use beam_drivers::socketpair::pair;
use beam_drivers::wait::wait;
use beam_drivers::{Event, Port, clock};

use super::contender::Contender;
use super::kilohertz::{PULSE, WINDOW};

/// From one pulse to the next.
const PERIOD: Span = Span::from_millis(1);
/// Pulses between two reports of the gate.
const GATE_EVERY: u32 = 5;
/// Pulses before anything is measured.
const WARM_UP: usize = 500;
/// How long an answer may take before the measurement is given up.
const PATIENCE: Span = Span::from_secs(2);

/// Where everybody runs.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Fixed priority of the contenders; none where it was refused.
    priority: Option<u8>,
    /// The contenders' processor, where there are two.
    cpu: Option<usize>,
}

impl Setting {
    /// Priority and processor as a contender's command line has them.
    pub fn words(&self) -> [String; 2] {
        let number = |value: Option<usize>| value.map_or_else(|| "-1".to_owned(), |value| value.to_string());
        [number(self.priority.map(usize::from)), number(self.cpu)]
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.priority {
            Some(priority) => write!(text, "SCHED_FIFO {priority}")?,
            None => write!(text, "a fixed priority was refused, all run as ordinary threads")?,
        }
        match self.cpu {
            Some(cpu) => write!(text, ", processor {cpu}, the sender on processor 0"),
            None => write!(text, ", one processor for all"),
        }
    }
}

/// Fits this thread for sending, one priority above the contenders, and says where those shall run.
pub fn take_place(priority: u8) -> Setting {
    let _refused = realtime::prepare_process(ProcessWish { lock_memory: true });
    let two = available_parallelism().is_ok_and(|processors| processors.get() > 1);
    let wish = ThreadWish::guard(priority.saturating_add(1).min(99), two.then_some(0));
    let granted = realtime::prepare_thread(wish).is_empty();
    Setting { priority: granted.then_some(priority), cpu: two.then_some(1) }
}

/// Times from frame to permit.
#[derive(Clone, Debug)]
pub struct Timed(Vec<u64>);

impl Timed {
    /// These times in ns, in any order.
    pub fn new(mut nanos: Vec<u64>) -> Self {
        nanos.sort_unstable();
        Self(nanos)
    }

    /// All of them.
    pub fn nanos(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().copied()
    }

    /// The time that this share of all does not exceed.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    pub fn percentile(&self, share: f64) -> u64 {
        let index = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(index.clamp(1, self.0.len().max(1)) - 1).copied().unwrap_or(0)
    }
}

impl fmt::Display for Timed {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [median, most, worst] = [0.5, 0.999, 1.0].map(|share| super::us(self.percentile(share)));
        write!(text, "median {median}, 99.9 % {most}, worst {worst}")
    }
}

/// The treatment unit as one contender sees it.
struct Unit<'c> {
    contender: &'c mut Contender,
    pulses: u32,
    dose_alive: u8,
    gate_alive: u8,
}

/// Sends `frames` pulses to a contender and takes the time of each.
pub fn time(contender: &mut Contender, frames: usize) -> Result<Timed, String> {
    let mut unit = Unit { contender, pulses: 0, dose_alive: 0, gate_alive: 0 };
    unit.wake_up()?;
    let (silent, _other_end) = pair().map_err(|error| error.to_string())?;
    let mut nanos = Vec::with_capacity(frames);
    let mut due = clock::now();
    for number in 0..WARM_UP + frames {
        due = due.after(PERIOD);
        let [_nobody_speaks] = wait([silent.as_fd()], due);
        let took = unit.pulse()?;
        if number >= WARM_UP {
            nanos.push(took.nanos());
        }
        if unit.pulses.is_multiple_of(GATE_EVERY) {
            unit.gate();
        }
    }
    Ok(Timed::new(nanos))
}

impl Unit<'_> {
    /// Reports, without a pulse, until the contender has given its permit.
    fn wake_up(&mut self) -> Result<(), String> {
        let end = clock::now().after(PATIENCE);
        while clock::now() < end {
            self.gate();
            self.dose();
            let until = clock::now().after(Span::from_millis(5));
            while clock::now() < until {
                if self.answer(until).is_some_and(|(frame, _)| self.leases(&frame) == Ok(true)) {
                    return Ok(());
                }
            }
        }
        Err("nobody answered within two seconds".to_owned())
    }

    fn gate(&mut self) {
        let (state, cause) = (GateState::Open, CloseCause::None);
        let status = GateStatus { state, cause, closed_by: 0, pulses: self.pulses, beam_on_centiseconds: 0 };
        self.gate_alive = next_alive(self.gate_alive);
        let _a_full_queue_shows_as_silence = self.contender.bus.send(&status.encode(self.gate_alive));
    }

    fn dose(&mut self) {
        let pulses = u16::try_from(self.pulses % 65_536).unwrap_or(0);
        let charge = ChargeCounter::from_raw(self.pulses.wrapping_mul(PULSE));
        self.dose_alive = next_alive(self.dose_alive);
        let frame = DoseReading { flags: 0, pulses, charge }.encode(MON1_DOSE, self.dose_alive);
        let _a_full_queue_shows_as_silence = self.contender.bus.send(&frame);
    }

    /// One pulse more; how long its permit took.
    fn pulse(&mut self) -> Result<Span, String> {
        self.pulses += 1;
        let begun = clock::now();
        self.dose();
        let end = begun.after(PATIENCE);
        while clock::now() < end {
            let Some((frame, at)) = self.answer(end) else { continue };
            // a permit of before is sent when its period is over, and is no answer
            if self.leases(&frame)? {
                return Ok(at.since(begun));
            }
        }
        Err(format!("pulse {} was not answered", self.pulses))
    }

    /// Whether a permit leases all the pulses that it may by now.
    fn leases(&self, frame: &Frame) -> Result<bool, String> {
        let said = Permit::decode(frame).ok().filter(|_| self.contender.is_guard);
        match said {
            Some(Permit { state: PermitState::Tripped, reason, .. }) => Err(format!("the guard tripped: {reason:?}")),
            Some(said) => Ok(said.state == PermitState::Permit && said.lease >= self.pulses + WINDOW),
            None => Ok(!self.contender.is_guard),
        }
    }

    /// The contender's next permit and when it came; it goes back to its sender, as on a bus.
    fn answer(&mut self, until: Ticks) -> Option<(Frame, Ticks)> {
        let bus = &mut self.contender.bus;
        let [_readable] = wait([bus.descriptor()], until);
        let Some(Event::Frame { frame, .. }) = bus.receive() else { return None };
        let at = clock::now();
        if frame.id != Guard::Dose1.permit_id() {
            return None;
        }
        let _a_full_queue_shows_as_silence = bus.send(&frame);
        Some((frame, at))
    }
}
