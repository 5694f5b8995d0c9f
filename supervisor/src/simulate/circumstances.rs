//! What may be asked of the supervisor under the mishaps of a run: which chamber can be believed, whether the gate is still a
//! gate, and how much later than usual a message may come.

use beam_core::state::State;
use beam_core::units::Span;
use beam_drivers::sim::Lie;

use super::draw::Drawn;
use crate::mishap::{Anchor, Complaint, Deed, Mishap, Part, Receiver, What};

/// A lie of one chamber.
#[derive(Clone, Copy, Debug)]
pub struct Lying {
    /// The first pulse of the unit (without pulses: dose period of beam) that it befalls.
    pub from: u64,
    /// What it reads.
    pub lie: Lie,
}

/// What a run's mishaps make of its world.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// The lies of monitor 1 and monitor 2.
    pub lies: [Vec<Lying>; 2],
    /// A sensor of the beam's own charge is fitted, and nothing befalls it.
    pub beam_charge_is_honest: bool,
    /// The gate itself is damaged: what it lets pass is no measure of the supervisor.
    pub gate_is_damaged: bool,
    /// Nothing befalls bus, processor, clock or operator.
    pub is_calm: bool,
    /// Permits may reach the gate late or not at all, or a guard may not run: then the gate's own rule is what holds.
    pub permits_are_hindered: bool,
    /// The guards' clock does not show the time.
    pub clock_is_wrong: bool,
    /// How much faster than nominal a beam without pulses may run.
    pub rate_factor: f64,
    /// The mishaps.
    pub mishaps: Vec<Mishap>,
}

impl Circumstances {
    /// The circumstances of a run.
    #[must_use]
    pub fn of(drawn: &Drawn) -> Self {
        let mut around = Self {
            lies: [Vec::new(), Vec::new()],
            beam_charge_is_honest: drawn.prepared.machine.beam_charge.is_some(),
            gate_is_damaged: false,
            is_calm: true,
            permits_are_hindered: false,
            clock_is_wrong: false,
            rate_factor: 1.0,
            mishaps: drawn.mishaps.clone(),
        };
        for mishap in &drawn.mishaps {
            around.add(mishap);
        }
        around
    }

    /// What a mishap does to readings and gate.
    fn add_damage(&mut self, mishap: &Mishap) {
        self.gate_is_damaged |= mishap.what.damages_gate();
        self.beam_charge_is_honest &= !mishap.what.befalls_beam_charge();
        let from = match mishap.at.after {
            Anchor::Pulse(pulse) => u64::from(pulse),
            // what befalls a chamber after the only delivery leaves its readings of it as they were
            Anchor::State(State::Complete | State::Tripped) if !self.has_second_delivery() => return,
            Anchor::Start | Anchor::State(_) => 0,
        };
        for (lies, lie) in self.lies.iter_mut().zip(mishap.what.lies()) {
            if lie != Lie::None {
                lies.push(Lying { from, lie });
            }
        }
    }

    fn add(&mut self, mishap: &Mishap) {
        self.add_damage(mishap);
        match mishap.what {
            What::Unit(injection) => match injection.name() {
                "output-high" | "rate-high" => self.rate_factor *= 2.5,
                "rate-fast" => self.rate_factor *= 1.5,
                _ => {}
            },
            What::Output { percent } | What::Rate { percent } => self.rate_factor *= percent.0.factor().max(1.0),
            What::Reads { .. } | What::ClearCounters { .. } | What::Leak { .. } => {}
            What::PulsesWhileClosed { .. } | What::GateTellsLate { .. } => {}
            What::Lose(_) | What::Late { .. } | What::Repeat(_) | What::Reorder(_) | What::Corrupt(_) => {
                self.is_calm = false;
                self.permits_are_hindered = true;
            }
            What::BusOff { .. } | What::Cut { .. } | What::Babble { .. } => {
                self.is_calm = false;
                self.permits_are_hindered = true;
            }
            What::Stall { .. } | What::Die { .. } | What::Restart { .. } => {
                self.is_calm = false;
                self.permits_are_hindered = true;
            }
            What::ClockStep { .. } | What::ClockSlew { .. } => {
                self.is_calm = false;
                self.permits_are_hindered = true;
                self.clock_is_wrong = true;
            }
            What::Operator(_) => self.is_calm = false,
            What::StampStep { .. } => {}
            // a controller in trouble, and what no campaign draws: scenarios judge that by themselves
            _ => self.is_calm = false,
        }
    }

    /// Whether an id is that of a proof: ids are given out in pairs, the proof's first.
    #[must_use]
    pub const fn is_proof(&self, id: u16) -> bool {
        id % 2 == 1
    }

    /// How much longer than its limit a beam may last: until the permit's withdrawal has reached the gate, and what two clocks
    /// may differ by.
    #[must_use]
    pub fn time_slack(&self, limit: Span) -> Span {
        let word = Span::from_millis(if self.permits_are_hindered { 60 } else { 10 });
        if self.clock_is_wrong { word.plus(limit.over(40)).plus(Span::from_millis(200)) } else { word }
    }

    /// What must not end a delivery: a repeat, a clock that a time service adjusts, a frame or two that are lost.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        self.mishaps.iter().all(|mishap| match mishap.what {
            What::Unit(injection) => matches!(injection.name(), "duplicate-frame" | "lost-frame"),
            What::Repeat(frames) => frames.to == Receiver::Everyone,
            What::ClockSlew { ppm, .. } => ppm.abs() <= 500,
            What::Stall { lasting, .. } => lasting <= Span::from_millis(2),
            What::BusOff { .. }
            | What::Cut { .. }
            | What::Babble { .. }
            | What::Lose(_)
            | What::Late { .. }
            | What::Reorder(_)
            | What::Corrupt(_)
            | What::Die { .. }
            | What::Restart { .. }
            | What::ClockStep { .. }
            | What::Operator(Deed::Interrupt | Deed::Terminate | Deed::ReleaseBeam | Deed::PressBeam) => false,
            // out of place they are refused, and a second delivery is one more to be judged
            What::Operator(Deed::Arm | Deed::Begin | Deed::Resume) => false,
            What::Operator(Deed::Acknowledge | Deed::AcknowledgeAsOperator) => false,
            What::StampStep { .. } => true,
            What::ControllerSays { complaint, .. } => complaint == Complaint::ErrorWarning,
            _ => false,
        })
    }

    /// Whether the session may no longer read what the guards record: then the record ends where the session did, and what
    /// was delivered is known from the chambers' and the gate's own counters.
    #[must_use]
    pub fn stops_recording(&self) -> bool {
        self.mishaps.iter().any(|mishap| match mishap.what {
            What::Die { part } | What::Stall { part, .. } => matches!(part, Part::Session | Part::Process),
            What::Restart { .. } => true,
            What::Unit(_)
            | What::Lose(_)
            | What::Late { .. }
            | What::Repeat(_)
            | What::Reorder(_)
            | What::Corrupt(_)
            | What::BusOff { .. }
            | What::Cut { .. }
            | What::Babble { .. }
            | What::ClockStep { .. }
            | What::ClockSlew { .. }
            | What::Operator(_) => false,
            _ => false,
        })
    }

    /// Whether the operator asks for a second delivery, so that the last one is not the first.
    #[must_use]
    pub fn has_second_delivery(&self) -> bool {
        self.mishaps.iter().any(|mishap| mishap.what == What::Operator(Deed::Arm))
    }
}
