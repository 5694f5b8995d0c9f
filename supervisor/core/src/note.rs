//! What goes into a guard and what comes out: inputs and commands in, a permit frame and a note out. Everything is
//! `Copy` and of fixed size, so that it passes through the rings without allocation.

use crate::fault::{Fault, FaultSet};
use crate::frame::{Bus, Frame, Origin, Trouble};
use crate::machine::Order;
use crate::units::{Charge, Dose, Span};
use crate::wire::{GateStatus, Reason};

/// One thing that happens to a guard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// A frame came in.
    Frame {
        /// From which bus.
        bus: Bus,
        /// Who put it there.
        origin: Origin,
        /// The frame.
        frame: Frame,
    },
    /// A bus is in trouble.
    Trouble {
        /// Which bus.
        bus: Bus,
        /// What kind.
        trouble: Trouble,
    },
    /// The guard's own deadline ([`crate::guard::Guard::due`]) passed.
    Tick,
    /// The permit that the last step returned could not be put into the transmit queue.
    Unsent,
    /// The session asks for something.
    Command(Command),
}

/// What the session asks of a guard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Offer a delivery to be proven: WITHHELD with lease 0 under this id.
    TakeUp {
        /// An id that was never sent before.
        delivery: u16,
    },
    /// While proving: PERMIT with this lease.
    Prove {
        /// 0 or 1.
        lease: u32,
    },
    /// While proving: send nothing at all.
    Silence,
    /// WITHHELD: an interruption, or a step of the proof.
    Withhold,
    /// Offer the delivery itself: WITHHELD with lease 0 under this id, and judge by this order from now on.
    Arm {
        /// An id that was never sent before.
        delivery: u16,
        /// The plan in counts.
        order: Order,
    },
    /// After an interruption, before going on: so much was delivered at least, whatever your own monitor says.
    Rebase {
        /// The largest of all counts, see [`crate::resume`].
        base: Dose,
    },
    /// Another guard, or the session, found a fault about this monitor (0 is none) or this bus: the end of the delivery need
    /// not name it again.
    Found {
        /// 1 or 2 for a monitor, [`FaultReport::BEAM_CHARGE`] for the sensor of the beam's own charge, 0 for none.
        monitor: u8,
        /// The bus, where the fault is one of the bus itself.
        bus: Option<Bus>,
    },
    /// PERMIT: begin, or go on after an interruption.
    Deliver,
    /// TRIPPED, for good.
    End(Reason),
    /// Forget the latched faults of an ended delivery.
    Acknowledge,
    /// The session lives.
    Heartbeat,
}

/// What one step of a guard comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Output {
    /// A permit to be sent now.
    pub transmit: Option<Frame>,
    /// Something to be told and recorded.
    pub note: Option<Note>,
}

/// A fault with the numbers that made it one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaultReport {
    /// Which fault.
    pub fault: Fault,
    /// 1 or 2 for the monitor that it is about, [`FaultReport::BEAM_CHARGE`] for the sensor of the beam's own charge, 0 when
    /// it is about none.
    pub monitor: u8,
    /// The bus that it came from, if any.
    pub bus: Option<Bus>,
    /// What was measured, in the unit of the fault's own limit (charge in pC, dose in micro-MU, time in ns, counts).
    pub measured: i64,
    /// What it was measured against, in the same unit.
    pub limit: i64,
    /// Pulses of this delivery that the guard had counted.
    pub pulses: u32,
}

impl FaultReport {
    /// Stands for the sensor of the beam's own charge where monitors have their numbers.
    pub const BEAM_CHARGE: u8 = 3;

    /// A report without numbers.
    #[must_use]
    pub const fn of(fault: Fault) -> Self {
        Self { fault, monitor: 0, bus: None, measured: 0, limit: 0, pulses: 0 }
    }

    /// The same about a bus.
    #[must_use]
    pub const fn on(mut self, bus: Bus) -> Self {
        self.bus = Some(bus);
        self
    }

    /// The same about a monitor, 1 or 2, or about the sensor of the beam's own charge.
    #[must_use]
    pub const fn monitor(mut self, monitor: u8) -> Self {
        self.monitor = monitor;
        self
    }

    /// The same with what was measured against what limit.
    #[must_use]
    pub const fn measured(mut self, measured: i64, limit: i64) -> Self {
        self.measured = measured;
        self.limit = limit;
        self
    }
}

/// Where a guard stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Phase {
    /// No delivery: WITHHELD, or still TRIPPED from the last one.
    Idle,
    /// Being proven.
    Proving,
    /// The order is loaded, the permit withheld.
    Armed,
    /// The permit is given.
    Delivering,
    /// The permit is withheld, the delivery may go on.
    Interrupted,
    /// The permit is tripped.
    Ended,
}

/// What a guard tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// A fault was found and latched.
    Fault(FaultReport),
    /// Something is out of the ordinary, and the beam may go on.
    Warning(FaultReport),
    /// Dose guard 1: the preset is reached.
    Reached,
    /// A dose guard integrated a reading.
    Dose {
        /// Pulses of this delivery.
        pulses: u32,
        /// Charge of this delivery.
        charge: Charge,
        /// The same as dose.
        dose: Dose,
        /// Index of the last leased pulse.
        lease: u32,
        /// Charge of the last reading's pulses.
        last: Charge,
    },
    /// The time guard's clock.
    Time {
        /// Beam-on time by the guard's own clock.
        beam_on: Span,
        /// Its limit.
        limit: Span,
        /// Beam-on time by the gate's clock, in hundredths of a second.
        gate_centiseconds: u16,
    },
    /// The interlock guard saw the gate report something new.
    Gate {
        /// On which bus.
        bus: Bus,
        /// What it reports.
        status: GateStatus,
    },
    /// The interlock guard saw the gate closed while it gave its permit; it has withheld it.
    Interrupted {
        /// What the gate reports.
        status: GateStatus,
    },
    /// The proof: the gate closed on this guard's silence after so long.
    Silent {
        /// From the echo of its last permit to the gate's report.
        lasted: Span,
    },
    /// The interlock guard has judged the end of a delivery: everything that was under way has arrived, or is missing.
    EndJudged {
        /// The final count of the gate, and the pulses of both chambers and of the sensor of the beam's own charge.
        pulses: [u32; 4],
        /// Dose of both monitors at these counts.
        doses: [Dose; 2],
        /// Whether all counts were equal in time, so that the doses could be compared.
        agrees: bool,
    },
    /// What the counters of the treatment unit stand at, about once a second and at the end of a delivery: raw, as the
    /// frames carry them, so that a restart of the unit can be told from its counts of before.
    Counters {
        /// Pulses and charge of monitor 1 and monitor 2; none that has not been read.
        chambers: [Option<RawCount>; 2],
        /// Pulses of the gate.
        gate: Option<u32>,
    },
    /// The interlock guard judged the chambers against each other.
    Judged {
        /// Pulses that gate and both chambers agree on.
        pulses: u32,
        /// Index of the last leased pulse.
        lease: u32,
        /// Mean dose rate per second.
        dose_per_second: Dose,
        /// Charge of the beam itself in this delivery, where it is measured.
        beam_charge: Option<Charge>,
        /// Whether the console asks for beam.
        requested: bool,
    },
    /// A sign of life, at least every status period.
    Health {
        /// Where the guard stands.
        phase: Phase,
        /// Its latched faults.
        faults: FaultSet,
        /// What would be a fault if a delivery began now.
        standing: FaultSet,
        /// Frames lost, repeated and distrusted since the start, modulo 2^32.
        frames: FrameCounts,
    },
}

/// The counters in a chamber's frame, as they stand there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawCount {
    /// Pulses.
    pub pulses: u64,
    /// Charge, in counts of its field.
    pub charge: u64,
}

/// Counters of what the protection found, since the start, modulo 2^32.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameCounts {
    /// Frames that were believed.
    pub fresh: u32,
    /// Frames that did not arrive, by the alive counter.
    pub lost: u32,
    /// Frames that came twice.
    pub repeated: u32,
    /// Frames that proved nothing.
    pub distrusted: u32,
}
