//! What may be asked of the supervisor under mishaps, those of a run or those that can touch one delivery of it: which chamber can be believed, whether the gate is still a
//! gate, and how much later than usual a message may come.

use beam_core::state::State;
use beam_core::units::Span;
use beam_drivers::sim::{Injection, Lie};

use super::draw::Drawn;
use super::legs::Day;
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
    /// A frame that nothing protects may say something else than its sender meant.
    pub frames_are_spoilt: bool,
    /// The guards' clock does not show the time.
    pub clock_is_wrong: bool,
    /// How much faster than nominal a beam without pulses may run.
    pub rate_factor: f64,
    /// How the machine is on this day.
    pub day: Day,
    /// The mishaps.
    pub mishaps: Vec<Mishap>,
}

impl Circumstances {
    /// The circumstances of a run.
    #[must_use]
    pub fn of(drawn: &Drawn) -> Self {
        let to_come: Vec<_> = drawn.mishaps.iter().map(|&mishap| (mishap, false)).collect();
        Self::under(drawn, &to_come)
    }

    /// The circumstances of a delivery of the run that only these of its mishaps can touch, each with whether it has struck
    /// before the delivery began.
    #[must_use]
    pub fn under(drawn: &Drawn, mishaps: &[(Mishap, bool)]) -> Self {
        let low = Lying { from: 0, lie: Lie::Low((drawn.day.response * 100.0).floor() as u8) };
        let lies = || if drawn.day.response < 1.0 { vec![low] } else { Vec::new() };
        let mut around = Self {
            lies: [lies(), lies()],
            beam_charge_is_honest: drawn.model.numbers.beam_charge.is_some(),
            gate_is_damaged: false,
            is_calm: true,
            permits_are_hindered: false,
            frames_are_spoilt: false,
            clock_is_wrong: false,
            rate_factor: 1.0,
            day: drawn.day,
            mishaps: mishaps.iter().map(|(mishap, _)| *mishap).collect(),
        };
        for (mishap, has_struck) in mishaps {
            around.add_damage(mishap, *has_struck);
            around.add(mishap);
        }
        if drawn.model.numbers.monitors.iter().any(|monitor| monitor.foreign.is_some()) {
            around.spoil_unprotected();
        }
        around
    }

    /// Readings without protection are believed as they come: the monitors may be made to say anything.
    fn spoil_unprotected(&mut self) {
        self.frames_are_spoilt = self.mishaps.iter().any(|mishap| match mishap.what {
            What::Corrupt(_) => true,
            What::Unit(injection) => {
                matches!(injection, Injection::Crc | Injection::AliveJump | Injection::ShortFrame)
            }
            _ => false,
        });
        if self.frames_are_spoilt {
            for lies in &mut self.lies {
                lies.push(Lying { from: 0, lie: Lie::High });
            }
        }
    }

    /// What a mishap does to readings and gate.
    fn add_damage(&mut self, mishap: &Mishap, has_struck: bool) {
        self.gate_is_damaged |= mishap.what.damages_gate();
        self.beam_charge_is_honest &= !mishap.what.befalls_beam_charge();
        let from = match mishap.at.after {
            Anchor::Pulse(pulse) => u64::from(pulse),
            // what befalls a chamber after this delivery leaves its readings of it as they were
            Anchor::State(State::Complete | State::Tripped) if !has_struck => return,
            Anchor::Start | Anchor::State(_) => 0,
        };
        for (lies, lie) in self.lies.iter_mut().zip(mishap.what.lies()) {
            if lie != Lie::None {
                lies.push(Lying { from, lie });
            }
        }
    }

    fn add(&mut self, mishap: &Mishap) {
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

    /// How much longer than its limit a beam may last: until the permit's withdrawal has reached the gate, and what two clocks
    /// may differ by.
    #[must_use]
    pub fn time_slack(&self, limit: Span) -> Span {
        let word = Span::from_millis(if self.permits_are_hindered { 60 } else { 10 });
        if self.clock_is_wrong { word.plus(limit.over(40)).plus(Span::from_millis(200)) } else { word }
    }

    /// What must not end a delivery: a repeat, a clock that a time service adjusts, a frame or two that are lost, an output of
    /// 85 to 120 %, monitors that read low alike where no sensor of the beam's charge can see it.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        let unseen = self.day.response >= 1.0 || !self.beam_charge_is_honest;
        let is_fair = self.day.output >= 0.85 && self.day.response >= 0.85 && unseen;
        is_fair
            && self.mishaps.iter().all(|mishap| match mishap.what {
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

    /// Whether this part of the process, or all of it, may be dead.
    #[must_use]
    pub fn is_without(&self, dead: Part) -> bool {
        self.mishaps.iter().any(|mishap| match mishap.what {
            What::Die { part } => part == dead || part == Part::Process,
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
}
