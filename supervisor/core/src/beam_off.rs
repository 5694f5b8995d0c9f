//! The beam while it should be off: no pulse, no charge above leakage, and no open gate.
//!
//! Watched in every phase in which this guard does not give its permit, deliveries or not. What comes after the gate has
//! closed behind a beam is held against the final count first (`gate_view`); here is what holds at any other time.

use crate::fault::Fault;
use crate::guard::nanos;
use crate::machine::{Beam, Machine};
use crate::note::FaultReport;
use crate::units::{Charge, Span, Ticks};

/// Charge is compared with leakage over at least this long before it is counted anew.
const BEGIN_ANEW: Span = Span::from_secs(1);
/// What the dose rate of a machine without pulses may be above nominal, in percent, before that is said.
const USUAL_PERCENT: u32 = 120;

/// The counts from which anything more is beam that nobody asked for.
#[derive(Clone, Copy, Debug)]
struct Base {
    gate: u32,
    pulses: [u32; 3],
    charge: [(Ticks, Charge); 2],
    /// Pulses of each chamber when its charge began to count.
    counted: [u32; 2],
    /// What may still arrive of the beam before.
    late: [Charge; 2],
}

/// The watch on a beam that should be off.
#[derive(Clone, Copy, Debug)]
pub struct BeamOff {
    settle: Span,
    dose_period: Span,
    pulsed: bool,
    leakage: [i32; 2],
    /// Charge of one pulse on each monitor (without pulses: of 100 ms of beam).
    pulse: [Charge; 2],
    off_since: Option<Ticks>,
    open_since: [Option<Ticks>; 2],
    base: Option<Base>,
}

/// What gate and chambers count at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Whether bus A and bus B show the gate open.
    pub open: [bool; 2],
    /// Pulses by the gate; none where a final count holds, which judges pulses by itself.
    pub gate: Option<u32>,
    /// Pulses of each chamber, and of the sensor of the beam's own charge.
    pub pulses: [u32; 3],
    /// Charge of each chamber.
    pub charge: [Charge; 2],
    /// How long ago each chamber's last reading came, and the charge and time of that reading.
    pub readings: [(Span, Charge, Span); 2],
    /// Whether the end of a delivery is still being judged: chambers may catch up.
    pub is_ending: bool,
}

impl BeamOff {
    /// A watch that has not begun.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        let [first, second] = machine.monitors;
        Self {
            settle: machine.timing.settling(),
            dose_period: machine.timing.dose,
            pulsed: matches!(machine.beam, Beam::Pulsed { .. }),
            leakage: [first.leakage_block, second.leakage_block],
            // before anybody has planned anything: no machine's pulse is over full scale / 2.5, or `check` refuses it
            pulse: [first.full_scale.percent(40), second.full_scale.percent(40)],
            off_since: None,
            open_since: [None; 2],
            base: None,
        }
    }

    /// What one pulse of the coming delivery is expected to be.
    pub fn expect(&mut self, pulse: [Charge; 2]) {
        self.pulse = pulse;
        self.base = None;
    }

    /// The permit is given again: nothing to watch.
    pub fn rest(&mut self) {
        self.off_since = None;
        self.base = None;
    }

    /// Forgets the counts, because they begin anew.
    pub fn recount(&mut self) {
        self.base = None;
        self.off_since = None;
    }

    /// What has counted so far was acknowledged by a person: only what comes on top of it is found again. A gate that is
    /// still open is no count, and is found again at once.
    pub fn acknowledge(&mut self) {
        self.base = None;
    }

    /// Watches; to be called whenever counts changed and our permit is not given. `proving` is the one time when the gate
    /// opens on purpose.
    pub fn watch(&mut self, now: Ticks, counts: &Counts, stale_after: Span, proving: bool) -> Option<FaultReport> {
        let off_since = *self.off_since.get_or_insert(now);
        let limit = stale_after.times(2);
        for (open, since) in counts.open.into_iter().zip(&mut self.open_since) {
            *since = if open && !proving { since.or(Some(now)) } else { None };
            let open_for = since.map_or(Span::ZERO, |since| now.since(since.max(off_since)));
            if open_for > limit {
                return Some(FaultReport::of(Fault::GateOpenUnasked).measured(nanos(open_for), nanos(limit)));
            }
        }
        if !self.pulsed && counts.open != [false; 2] {
            // an open gate brings charge; what is told late may show it open once more
            self.base = None;
        }
        let Some(base) = &mut self.base else {
            if self.may_begin(now, off_since, counts) {
                self.begin(now, counts);
            }
            return None;
        };
        let leaked = Self::charge_above_leakage(now, base, counts, self.leakage);
        counts.gate.and_then(|gate| Self::more_than(base, gate, counts)).or(leaked)
    }

    /// Pulses are under way until the end was judged, or for as long as frames may take. Without pulses the gate's own
    /// report says that it has closed, and nothing but the reading that is due may follow.
    fn may_begin(&self, now: Ticks, off_since: Ticks, counts: &Counts) -> bool {
        if self.pulsed {
            !counts.is_ending && (counts.gate.is_none() || now.since(off_since) > self.settle)
        } else {
            counts.open == [false; 2]
        }
    }

    fn begin(&mut self, now: Ticks, counts: &Counts) {
        let late = |pulse: Charge, (age, charge, over): (Span, Charge, Span), behind: Charge| {
            if self.pulsed {
                return pulse;
            }
            let missing = self.dose_period.plus(age);
            let nominal = part(pulse.percent(USUAL_PERCENT), missing, crate::chamber::STRETCH);
            nominal.max(part(charge, missing, over)).plus(behind)
        };
        let ([pulse_first, pulse_second], [first, second]) = (self.pulse, counts.readings);
        let [charge_first, charge_second] = counts.charge;
        // readings that wait for a busy bus may catch up to those of the other chamber
        let behind_first = behind(charge_first, pulse_first, charge_second, pulse_second);
        let behind_second = behind(charge_second, pulse_second, charge_first, pulse_first);
        let [first_pulses, second_pulses, _] = counts.pulses;
        self.base = Some(Base {
            gate: counts.gate.unwrap_or(0),
            pulses: counts.pulses,
            charge: counts.charge.map(|charge| (now, charge)),
            counted: [first_pulses, second_pulses],
            late: [late(pulse_first, first, behind_first), late(pulse_second, second, behind_second)],
        });
    }

    fn more_than(base: &Base, gate: u32, counts: &Counts) -> Option<FaultReport> {
        let fault = |measured: u32, limit: u32, monitor: u8| {
            let report = FaultReport::of(Fault::PulsesWhileClosed).monitor(monitor);
            (measured > limit).then(|| report.measured(i64::from(measured), i64::from(limit)))
        };
        let ([first, second, beam], [base_first, base_second, base_beam]) = (counts.pulses, base.pulses);
        fault(gate, base.gate, 0).or(fault(first, base_first, 1)).or(fault(second, base_second, 2)).or(fault(
            beam,
            base_beam,
            FaultReport::BEAM_CHARGE,
        ))
    }

    /// A chamber that has collected less than leakage could have brought begins anew from there, so that a long rest
    /// earns no credit for charge that comes later.
    fn charge_above_leakage(now: Ticks, base: &mut Base, counts: &Counts, leakage: [i32; 2]) -> Option<FaultReport> {
        let judge = |monitor: u8, charge: Charge, base: &mut (Ticks, Charge), leakage: i32, late: Charge| {
            let millis = i64::try_from(now.since(base.0).millis()).unwrap_or(i64::MAX);
            // 0.1 pA times a millisecond is 1e-4 pC
            let leaked = Charge::from_picocoulombs(i64::from(leakage).saturating_mul(millis) / 10_000);
            let limit = leaked.plus(late);
            let collected = charge.minus(base.1);
            if collected <= leaked && now.since(base.0) >= BEGIN_ANEW {
                *base = (now, charge);
            }
            (collected > limit).then(|| {
                let report = FaultReport::of(Fault::ChargeWhileClosed).monitor(monitor);
                report.measured(collected.picocoulombs(), limit.picocoulombs())
            })
        };
        let [pulses_first, pulses_second, _] = counts.pulses;
        let ([first, second], [base_first, base_second]) = (counts.charge, &mut base.charge);
        let [counted_first, counted_second] = &mut base.counted;
        // a pulse that is counted is judged by its count, and its charge with it, whatever that is
        let anew = |charge: Charge, base: &mut (Ticks, Charge), pulses: u32, counted: &mut u32| {
            if pulses > *counted {
                (*base, *counted) = ((now, charge), pulses);
            }
        };
        anew(first, base_first, pulses_first, counted_first);
        anew(second, base_second, pulses_second, counted_second);
        let ([leak_first, leak_second], [late_first, late_second]) = (leakage, base.late);
        judge(1, first, base_first, leak_first, late_first)
            .or_else(|| judge(2, second, base_second, leak_second, late_second))
    }
}

/// How far a chamber's charge is behind that of the other one, of which `other_pulse` tells as much as `pulse` of its own.
fn behind(charge: Charge, pulse: Charge, other: Charge, other_pulse: Charge) -> Charge {
    let same = i128::from(other.picocoulombs()).saturating_mul(i128::from(pulse.picocoulombs()));
    let same = same.checked_div(i128::from(other_pulse.picocoulombs())).and_then(|same| i64::try_from(same).ok());
    let behind = same.unwrap_or(0).saturating_sub(charge.picocoulombs());
    Charge::from_picocoulombs(behind.max(0))
}

/// The part of a charge that falls to `span` when it was collected in `over`; zero where nothing was.
fn part(charge: Charge, span: Span, over: Span) -> Charge {
    let part = i128::from(charge.picocoulombs()).saturating_mul(i128::from(span.nanos()));
    let part = part.checked_div(i128::from(over.nanos())).and_then(|part| i64::try_from(part).ok());
    Charge::from_picocoulombs(part.unwrap_or(0).max(0))
}
