//! Who heard what when: no lease and no pulse before the guards that watch the pulses before it heard of them, and no open
//! gate on news that is older than three periods.

use beam_core::frame::{Bus, Frame};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{BEAM_CHARGE, GATE_STATUS, Guard, LINAC_STATUS, MON1_STATUS, MON2_STATUS};

use super::Findings;
use super::bytes::{PERMIT, PermitBytes, is_sound, pulse_count};
use crate::simulate::circumstances::Circumstances;
use crate::simulate::second_order::{Foreign, Numbers, span};

/// Periods after which a signal is old, by the bus contract.
const STALE_PERIODS: u64 = 3;
/// From a guard's deadline until the gate has its word: a frame that is being carried, and its own.
const WORD: Span = Span::from_micros(1_500);

/// A signal that a guard must hear while the gate is open.
#[derive(Clone, Copy, Debug)]
struct Signal {
    guard: Guard,
    bus: Bus,
    id: u16,
    /// How old it may be at the gate's word; none where the guard waits for none.
    limit: Option<Span>,
    /// Its frame, where that is not one of the contract.
    foreign: Option<Foreign>,
    heard: Ticks,
    last: [u8; 8],
}

/// Pulses that a guard has heard of from one chamber.
#[derive(Clone, Copy, Debug)]
struct Counted {
    guard: Guard,
    id: u16,
    foreign: Option<Foreign>,
    last: Option<[u8; 8]>,
    total: u64,
    /// The delivery that the guard speaks of, and what it had heard of when it began to.
    delivery: (u16, u64),
}

/// All of it.
#[derive(Debug)]
pub(super) struct Ages {
    signals: Vec<Signal>,
    counted: [Counted; 4],
    window: u64,
    stale_after: Span,
    pulsed: bool,
    opened: Option<(Ticks, u16)>,
}

impl Ages {
    pub fn new(numbers: &Numbers) -> Self {
        let periods = numbers.periods;
        let slack = span(periods.permit).plus(WORD);
        let monitor = |id| (0..2).find(|&monitor| numbers.dose_id(monitor) == id);
        let foreign = |id| monitor(id).and_then(|monitor| numbers.monitors[monitor].foreign);
        let period = |id| match id {
            GATE_STATUS => periods.gate,
            MON1_STATUS | MON2_STATUS | LINAC_STATUS => periods.status,
            BEAM_CHARGE => periods.dose,
            _ => periods.dose,
        };
        let signal = |(guard, bus, id)| {
            // the time guard takes a pulse as a sign of beam and waits for none
            let waits = guard != Guard::Time || matches!(id, GATE_STATUS | LINAC_STATUS);
            let limit = waits.then(|| span(period(id)).times(STALE_PERIODS).plus(slack));
            Signal { guard, bus, id, limit, foreign: foreign(id), heard: Ticks::ZERO, last: [0; 8] }
        };
        let counted = |guard, monitor: usize| Counted {
            guard,
            id: numbers.dose_id(monitor),
            foreign: numbers.monitors[monitor].foreign,
            last: None,
            total: 0,
            delivery: (0, 0),
        };
        Self {
            signals: numbers.hearing().into_iter().map(signal).collect(),
            counted: [
                counted(Guard::Dose1, 0),
                counted(Guard::Dose2, 1),
                counted(Guard::Interlock, 0),
                counted(Guard::Interlock, 1),
            ],
            window: u64::from(numbers.window),
            stale_after: span(periods.stale_after),
            pulsed: numbers.is_pulsed() && numbers.knows_lease,
            opened: None,
        }
    }

    /// A guard received a frame.
    pub fn heard(&mut self, now: Ticks, guard: Guard, bus: Bus, frame: &Frame) {
        for signal in &mut self.signals {
            // a frame that came before renews nothing
            if signal.id == frame.id && signal.guard == guard && signal.bus == bus {
                if signal.last != frame.data && is_whole(frame, signal.foreign) {
                    (signal.heard, signal.last) = (now, frame.data);
                }
                break;
            }
        }
        for counted in &mut self.counted {
            if counted.id == frame.id && counted.guard == guard && is_whole(frame, counted.foreign) {
                counted.take(frame);
            }
        }
    }

    /// What no guard has heard that it is meant to hear.
    pub fn unheard(&self) -> Option<(Guard, Bus, u16)> {
        let unheard = self.signals.iter().find(|signal| signal.heard == Ticks::ZERO);
        unheard.map(|signal| (signal.guard, signal.bus, signal.id))
    }

    /// A bus carried a frame of the unit's; the gate's own report is the moment to look at the ages.
    pub fn carried(
        &mut self,
        now: Ticks,
        frame: &Frame,
        (open, held, is_proof): (bool, u16, bool),
        around: &Circumstances,
        findings: &mut Findings,
    ) {
        if frame.id != GATE_STATUS || around.gate_is_damaged {
            return;
        }
        if !open || is_proof {
            self.opened = None;
            return;
        }
        let opened = match self.opened {
            Some((since, delivery)) if delivery == held => since,
            Some(_) | None => now,
        };
        self.opened = Some((opened, held));
        if around.clock_is_wrong {
            return;
        }
        // where a permit may be hindered, the gate's own rule ends the beam one stale-after later
        let hindered = if around.permits_are_hindered { self.stale_after } else { Span::ZERO };
        for signal in &self.signals {
            let age = now.since(signal.heard.max(opened));
            let holds = signal.limit.is_none_or(|limit| age <= limit.plus(hindered));
            findings.demand(now, holds, "no open gate on old news", || {
                let name = signal.guard.name();
                format!("{name} heard {:#05x} on {:?} {} us ago", signal.id, signal.bus, age.nanos() / 1000)
            });
        }
    }

    /// A guard's permit was carried: how many pulses it leases beyond those that it has heard of.
    pub fn permit(&mut self, now: Ticks, guard: Guard, said: PermitBytes, is_proof: bool, findings: &mut Findings) {
        if !self.pulsed {
            return;
        }
        for counted in self.counted.iter_mut().filter(|counted| counted.guard == guard) {
            if counted.delivery.0 != said.delivery {
                counted.delivery = (said.delivery, counted.total);
                // a counter may have begun anew between two deliveries
                counted.last = None;
            }
            let heard = counted.total - counted.delivery.1;
            let paid = u64::from(said.lease) <= heard + self.window;
            let speaks = said.state == PERMIT && !is_proof;
            findings.demand(now, paid || !speaks, "no lease beyond the window", || {
                format!("{} leases pulse {} after {heard} of {:#05x}", guard.name(), said.lease, counted.id)
            });
        }
    }

    /// The gate fired pulse number `pulse` of the delivery that it holds.
    pub fn pulse(&self, now: Ticks, held: u16, pulse: u64, around: &Circumstances, findings: &mut Findings) {
        if !self.pulsed || around.gate_is_damaged {
            return;
        }
        for counted in self.counted.iter().filter(|counted| counted.delivery.0 == held) {
            let heard = counted.total - counted.delivery.1;
            let seen = heard + self.window >= pulse;
            findings.demand(now, seen, "no pulse before the one before it was seen", || {
                format!("pulse {pulse} of {held}, {} heard {heard} of {:#05x}", counted.guard.name(), counted.id)
            });
        }
    }
}

impl Counted {
    fn take(&mut self, frame: &Frame) {
        let Some(last) = self.last.replace(frame.data) else {
            return;
        };
        self.total += match self.foreign {
            // the same frame again marks no further pulse
            Some(_) if last == frame.data => 0,
            Some(foreign) => foreign.pulses_between(last, frame.data),
            None => {
                let step = pulse_count(&frame.data).wrapping_sub(pulse_count(&last));
                if step >= 0x8000 {
                    self.last = Some(last);
                    return;
                }
                u64::from(step)
            }
        };
    }
}

/// Whether a frame is as long as it should be and, where it is one of the contract, its CRC fits.
fn is_whole(frame: &Frame, foreign: Option<Foreign>) -> bool {
    foreign.map_or_else(|| is_sound(frame), |foreign| frame.length == foreign.length)
}
