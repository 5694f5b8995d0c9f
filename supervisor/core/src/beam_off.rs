//! The beam while it should be off: no pulse, no charge above leakage, and no open gate.
//!
//! Watched in every phase in which this guard does not give its permit, deliveries or not.

use crate::fault::Fault;
use crate::guard::nanos;
use crate::machine::Machine;
use crate::note::FaultReport;
use crate::units::{Charge, Span, Ticks};
use crate::wire::{GateState, GateStatus};

/// Charge is compared with leakage over at least this long before it is counted anew.
const BEGIN_ANEW: Span = Span::from_secs(1);

/// The counts from which anything more is beam that nobody asked for.
#[derive(Clone, Copy, Debug)]
struct Base {
    gate: u32,
    pulses: [u32; 3],
    charge: [(Ticks, Charge); 2],
}

/// The watch on a beam that should be off.
#[derive(Clone, Copy, Debug)]
pub struct BeamOff {
    settle: Span,
    leakage: [i32; 2],
    /// Charge of one pulse on each monitor: what may still arrive.
    pulse: [Charge; 2],
    off_since: Option<Ticks>,
    open_since: Option<Ticks>,
    base: Option<Base>,
}

/// What gate and chambers count at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// The gate's report, of the bus that spoke last.
    pub gate: GateStatus,
    /// Pulses of each chamber, and of the sensor of the beam's own charge.
    pub pulses: [u32; 3],
    /// Charge of each chamber.
    pub charge: [Charge; 2],
}

impl BeamOff {
    /// A watch that has not begun.
    #[must_use]
    pub const fn new(machine: &Machine) -> Self {
        let [first, second] = machine.monitors;
        Self {
            settle: machine.timing.settling(),
            leakage: [first.leakage_block, second.leakage_block],
            // before anybody has planned anything: no machine's pulse is over full scale / 2.5, or `check` refuses it
            pulse: [first.full_scale.percent(40), second.full_scale.percent(40)],
            off_since: None,
            open_since: None,
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
        self.open_since = None;
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
        let open = matches!(counts.gate.state, GateState::Open) && !proving;
        if open {
            let since = *self.open_since.get_or_insert(now);
            let (open_for, limit) = (now.since(since.max(off_since)), stale_after.times(2));
            if open_for > limit {
                return Some(FaultReport::of(Fault::GateOpenUnasked).measured(nanos(open_for), nanos(limit)));
            }
        } else {
            self.open_since = None;
        }
        let Some(base) = &mut self.base else {
            if now.since(off_since) > self.settle {
                let Counts { gate, pulses, charge } = *counts;
                self.base = Some(Base { gate: gate.pulses, pulses, charge: charge.map(|charge| (now, charge)) });
            }
            return None;
        };
        Self::more_than(base, counts)
            .or_else(|| Self::charge_above_leakage(now, base, counts, self.leakage, self.pulse))
    }

    fn more_than(base: &Base, counts: &Counts) -> Option<FaultReport> {
        let fault = |measured: u32, limit: u32, monitor: u8| {
            let report = FaultReport::of(Fault::PulsesWhileClosed).monitor(monitor);
            (measured > limit).then(|| report.measured(i64::from(measured), i64::from(limit)))
        };
        let ([first, second, beam], [base_first, base_second, base_beam]) = (counts.pulses, base.pulses);
        fault(counts.gate.pulses, base.gate, 0)
            .or(fault(first, base_first, 1))
            .or(fault(second, base_second, 2))
            .or(fault(beam, base_beam, FaultReport::BEAM_CHARGE))
    }

    /// A chamber that has collected less than leakage could have brought begins anew from there, so that a long rest
    /// earns no credit for charge that comes later.
    fn charge_above_leakage(
        now: Ticks,
        base: &mut Base,
        counts: &Counts,
        leakage: [i32; 2],
        pulse: [Charge; 2],
    ) -> Option<FaultReport> {
        let judge = |monitor: u8, charge: Charge, base: &mut (Ticks, Charge), leakage: i32, pulse: Charge| {
            let millis = i64::try_from(now.since(base.0).millis()).unwrap_or(i64::MAX);
            // 0.1 pA times a millisecond is 1e-4 pC; and one pulse may always arrive late
            let leaked = Charge::from_picocoulombs(i64::from(leakage).saturating_mul(millis) / 10_000);
            let limit = leaked.plus(pulse);
            let collected = charge.minus(base.1);
            if collected <= leaked && now.since(base.0) >= BEGIN_ANEW {
                *base = (now, charge);
            }
            (collected > limit).then(|| {
                let report = FaultReport::of(Fault::ChargeWhileClosed).monitor(monitor);
                report.measured(collected.picocoulombs(), limit.picocoulombs())
            })
        };
        let ([first, second], [base_first, base_second]) = (counts.charge, &mut base.charge);
        let ([leak_first, leak_second], [pulse_first, pulse_second]) = (leakage, pulse);
        judge(1, first, base_first, leak_first, pulse_first)
            .or_else(|| judge(2, second, base_second, leak_second, pulse_second))
    }
}
