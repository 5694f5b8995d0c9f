//! Who heard what when: no lease and no pulse before the guards that watch the pulses before it heard of them, and no open
//! gate on news that is older than three periods.

use beam_core::frame::{Bus, Frame};
use beam_core::machine::{Beam, Timing};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{GATE_STATUS, Guard, LINAC_STATUS, MON1_DOSE, MON1_STATUS, MON2_DOSE, MON2_STATUS};

use super::Findings;
use super::bytes::{PERMIT, PermitBytes, is_sound, pulse_count};
use crate::simulate::circumstances::Circumstances;
use crate::simulate::draw::Drawn;
use crate::wiring::hears;

/// From a guard's deadline until the gate has its word: a frame that is being carried, and its own.
const WORD: Span = Span::from_micros(1_500);

/// A signal that a guard must hear while the gate is open.
#[derive(Clone, Copy, Debug)]
struct Signal {
    guard: Guard,
    bus: Bus,
    id: u16,
    limit: Span,
    heard: Ticks,
    last: [u8; 8],
}

/// Pulses that a guard has heard of from one chamber.
#[derive(Clone, Copy, Debug)]
struct Counted {
    guard: Guard,
    id: u16,
    last: Option<u16>,
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
    pulsed: bool,
    opened: Option<(Ticks, u16)>,
}

impl Ages {
    pub fn new(drawn: &Drawn, around: &Circumstances) -> Self {
        let machine = &drawn.prepared.machine;
        let timing = machine.timing;
        // where a permit may be hindered, the gate's own rule ends the beam one stale-after later
        let hindered = if around.permits_are_hindered { timing.stale_after } else { Span::ZERO };
        let slack = timing.permit.plus(WORD).plus(hindered);
        let period = |id| match id {
            GATE_STATUS => Some(timing.gate),
            MON1_DOSE | MON2_DOSE => Some(timing.dose),
            MON1_STATUS | MON2_STATUS | LINAC_STATUS => Some(timing.status),
            _ => None,
        };
        let mut signals = Vec::new();
        for guard in Guard::ALL {
            for bus in [Bus::A, Bus::B] {
                for id in hears(guard, bus, machine) {
                    let first = matches!(id, MON1_DOSE | MON1_STATUS);
                    let second = matches!(id, MON2_DOSE | MON2_STATUS);
                    // the time guard takes a pulse as a sign of beam and waits for none; a monitor has one bus
                    let waits = guard != Guard::Time || matches!(id, GATE_STATUS | LINAC_STATUS);
                    let at_home = machine.single_bus || !(first && bus == Bus::B || second && bus == Bus::A);
                    if let Some(period) = period(id).filter(|_| waits && at_home) {
                        let limit = period.times(Timing::STALE_PERIODS).plus(slack);
                        signals.push(Signal { guard, bus, id, limit, heard: Ticks::ZERO, last: [0; 8] });
                    }
                }
            }
        }
        let counted = |guard, id| Counted { guard, id, last: None, total: 0, delivery: (0, 0) };
        Self {
            signals,
            counted: [
                counted(Guard::Dose1, MON1_DOSE),
                counted(Guard::Dose2, MON2_DOSE),
                counted(Guard::Interlock, MON1_DOSE),
                counted(Guard::Interlock, MON2_DOSE),
            ],
            window: u64::from(machine.window()),
            pulsed: matches!(machine.beam, Beam::Pulsed { gate_knows_lease: true, .. }),
            opened: None,
        }
    }

    /// A guard received a frame.
    pub fn heard(&mut self, now: Ticks, guard: Guard, bus: Bus, frame: &Frame) {
        for signal in &mut self.signals {
            // a frame that came before renews nothing
            if signal.id == frame.id && signal.guard == guard && signal.bus == bus {
                if signal.last != frame.data && is_sound(frame) {
                    (signal.heard, signal.last) = (now, frame.data);
                }
                break;
            }
        }
        if !matches!(frame.id, MON1_DOSE | MON2_DOSE) {
            return;
        }
        for counted in &mut self.counted {
            if counted.id == frame.id && counted.guard == guard && is_sound(frame) {
                let count = pulse_count(frame);
                let step = count.wrapping_sub(counted.last.unwrap_or(count));
                if step < 0x8000 {
                    counted.total += u64::from(step);
                    counted.last = Some(count);
                }
            }
        }
    }

    /// A bus carried a frame of the unit's; the gate's own report is the moment to look at the ages.
    pub fn carried(
        &mut self,
        now: Ticks,
        frame: &Frame,
        (open, held): (bool, u16),
        around: &Circumstances,
        findings: &mut Findings,
    ) {
        if frame.id != GATE_STATUS || around.gate_is_damaged {
            return;
        }
        if !open || around.is_proof(held) {
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
        for signal in &self.signals {
            let age = now.since(signal.heard.max(opened));
            findings.demand(now, age <= signal.limit, "no open gate on old news", || {
                let name = signal.guard.name();
                format!("{name} heard {:#05x} on {:?} {} us ago", signal.id, signal.bus, age.nanos() / 1000)
            });
        }
    }

    /// A guard's permit was carried: how many pulses it leases beyond those that it has heard of.
    pub fn permit(
        &mut self,
        now: Ticks,
        guard: Guard,
        said: PermitBytes,
        around: &Circumstances,
        findings: &mut Findings,
    ) {
        if !self.pulsed {
            return;
        }
        for counted in self.counted.iter_mut().filter(|counted| counted.guard == guard) {
            if counted.delivery.0 != said.delivery {
                counted.delivery = (said.delivery, counted.total);
            }
            let heard = counted.total - counted.delivery.1;
            let paid = u64::from(said.lease) <= heard + self.window;
            let speaks = said.state == PERMIT && !around.is_proof(said.delivery);
            findings.demand(now, paid || !speaks, "no lease beyond the window", || {
                format!("{} leases pulse {} after {heard} of {:#05x}", guard.name(), said.lease, counted.id)
            });
        }
    }

    /// The unit fired its pulse number `pulses` since power-up.
    pub fn pulse(&self, now: Ticks, pulses: u64, around: &Circumstances, findings: &mut Findings) {
        if !self.pulsed || around.gate_is_damaged {
            return;
        }
        for counted in &self.counted {
            let seen = counted.total + self.window >= pulses;
            findings.demand(now, seen, "no pulse before the one before it was seen", || {
                format!("pulse {pulses}, {} heard {} of {:#05x}", counted.guard.name(), counted.total, counted.id)
            });
        }
    }
}
