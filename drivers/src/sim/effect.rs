//! What each injected fault does to the parts of the treatment unit.
//!
//! `fault` holds the names and what people read; this file holds the few kinds of damage that they come down to.

use beam_core::frame::{Bus, Frame};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{Docking, Guard, dose_flag};

use super::chamber::Spoil;
use super::linac::RequestTold;
use super::signal::{Share, Signal};
use super::stray::Stray;
use super::unit::Unit;

/// By how many thousandths a slow gate clock is slow.
const CLOCK_SLOW_PERMILLE: u16 = 100;
/// A leakage that no limit lets pass, in MU a second: 1 MU/min.
const LEAKAGE_MU_PER_SECOND: f64 = 1.0 / 60.0;
/// The charge that comes without pulses, as a share of the beam's rate.
const STRAY_SHARE: f64 = 0.3;
/// Fault bit of a chamber's status: electronics.
const ELECTRONICS: u16 = 2;

/// Which chamber, or the sensor of the beam's charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Monitor {
    First,
    Second,
    BeamCharge,
}

/// What befalls which part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    Chamber(Monitor, ChamberFault),
    BothChambers(ChamberFault),
    Gate(GateFault),
    Linac(LinacFault),
    /// A signal changes by a number.
    Signal(Signal),
}

/// What befalls a chamber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ChamberFault {
    Stuck,
    Frozen,
    Silent,
    Saturated,
    Overrange,
    FullScale,
    /// It reads this many hundredths of the charge.
    Reads(u8),
    ThreefoldOnce,
    /// One pulse reads this many hundredths of its charge.
    ReadsOnce(u8),
    /// One pulse is neither measured nor counted.
    SkipsOnce,
    Falls,
    Restart,
    StrayCurrent,
    ReportsFault,
    Voltage,
    Leakage,
    AliveStuck,
    Spoil(Spoil),
}

/// What befalls the gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum GateFault {
    Silent(Bus),
    /// It says for ever what it says now.
    Frozen(Bus),
    /// It shows so many pulses too many, or below zero too few.
    Miscounts(Bus, i8),
    /// It tells so many ms too late that it is no longer OPEN.
    TellsLate(Bus, u16),
    Leaks,
    Stray(Stray),
    CountsTwiceOnce,
    ClockSlow,
    BeamOnStopped,
    Restart,
    StaleTimerDead(Guard),
    /// Stale-after is so many times too long.
    StaleTimerSlow(Guard, u8),
    LeaseDead(Guard),
    StateDead(Guard),
    TripDead(Guard),
    LeaseOffByOne(Guard),
    HardwareInterlock,
}

/// What befalls the linac or its console.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LinacFault {
    /// The rate is this many hundredths of what it should be.
    Rate(u16),
    /// Each pulse (or the dose rate) is this many hundredths of what it should be.
    Output(u16),
    Energy,
    Applicator,
    Docking,
    /// These bits of Interlocks are set.
    Interlock(u16),
    Silent,
    RequestedEarly,
    RequestTold(RequestTold),
}

impl Effect {
    /// Whether it is over in a moment. From the start on, nobody would notice it then.
    pub(super) const fn happens_once(self) -> bool {
        match self {
            Self::Chamber(_, fault) => {
                matches!(fault, ChamberFault::Spoil(_) | ChamberFault::Falls | ChamberFault::Restart)
            }
            Self::Gate(fault) => matches!(fault, GateFault::Restart),
            Self::BothChambers(_) | Self::Linac(_) | Self::Signal(_) => false,
        }
    }

    /// Whether the gate itself is damaged, so that it is no judge of what it should have done.
    pub(super) const fn damages_gate(self) -> bool {
        match self {
            Self::Gate(GateFault::HardwareInterlock | GateFault::Silent(_)) => false,
            // it says what is wrong and does what is right
            Self::Gate(GateFault::Frozen(_) | GateFault::Miscounts(..) | GateFault::TellsLate(..)) => false,
            Self::Gate(GateFault::BeamOnStopped) => false,
            Self::Gate(_) => true,
            Self::Signal(signal) => signal.damages_gate(),
            Self::Chamber(..) | Self::BothChambers(_) | Self::Linac(_) => false,
        }
    }
}

/// How far a chamber's readings can be believed once a fault has befallen it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// Its readings are right.
    None,
    /// It reads this many hundredths of the charge, or nothing at all.
    Low(u8),
    /// One pulse reads this many hundredths of its charge; those after it are right.
    LowOnce(u8),
    /// It reads too little, and says so in the same frame.
    Saturated,
    /// It reads too much.
    High,
}

impl Effect {
    /// What becomes of the readings of monitor 1 and monitor 2.
    pub(super) const fn lies(self) -> [Lie; 2] {
        match self {
            Self::Chamber(Monitor::First, fault) => [fault.lie(), Lie::None],
            Self::Chamber(Monitor::Second, fault) => [Lie::None, fault.lie()],
            Self::BothChambers(fault) => [fault.lie(), fault.lie()],
            // a signal says by itself what it does to the readings
            Self::Chamber(Monitor::BeamCharge, _) | Self::Gate(_) | Self::Linac(_) | Self::Signal(_) => [Lie::None; 2],
        }
    }
}

impl ChamberFault {
    const fn lie(self) -> Lie {
        match self {
            Self::Stuck | Self::Frozen | Self::Silent | Self::AliveStuck => Lie::Low(0),
            // a counter that falls or begins anew has lost what it had
            Self::Falls | Self::Restart => Lie::Low(0),
            Self::ReadsOnce(percent) => Lie::LowOnce(percent),
            Self::SkipsOnce => Lie::LowOnce(0),
            Self::Saturated => Lie::Saturated,
            Self::Reads(percent) => Lie::Low(percent),
            Self::FullScale | Self::ThreefoldOnce | Self::StrayCurrent | Self::Leakage => Lie::High,
            Self::Overrange | Self::ReportsFault | Self::Voltage | Self::Spoil(_) => Lie::None,
        }
    }
}

impl Unit {
    /// Puts a fault in at `now`.
    pub(super) fn damage(&mut self, effect: Effect, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        match effect {
            Effect::Chamber(monitor, fault) => self.damage_chamber(monitor, fault, now, out),
            Effect::BothChambers(fault) => {
                self.damage_chamber(Monitor::First, fault, now, out);
                self.damage_chamber(Monitor::Second, fault, now, out);
            }
            Effect::Gate(fault) => self.damage_gate(fault, now, out),
            Effect::Linac(fault) => self.damage_linac(fault, now, out),
            Effect::Signal(signal) => self.put_in(signal, now, out),
        }
    }

    fn damage_chamber(&mut self, monitor: Monitor, fault: ChamberFault, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        let mu_per_second = self.linac.beam().mu_per_second();
        let pulse_mu = self.linac.beam().mu_per_pulse_or(self.config.periods.dose);
        let [first, second] = &mut self.chambers;
        let chamber = match monitor {
            Monitor::First => Some(first),
            Monitor::Second => Some(second),
            Monitor::BeamCharge => self.beam_charge.as_mut(),
        };
        let Some(chamber) = chamber else { return };
        let picocoulombs_per_mu = chamber.picocoulombs_per_mu();
        let defects = chamber.defects_mut();
        match fault {
            ChamberFault::Stuck => defects.charge_stuck = true,
            ChamberFault::Frozen => defects.frozen = true,
            ChamberFault::Silent => defects.silent = true,
            ChamberFault::Saturated => chamber.saturate(),
            ChamberFault::Overrange => defects.flags |= dose_flag::OVERRANGE,
            ChamberFault::FullScale => defects.full_scale = true,
            // two of them make it worse, never better
            ChamberFault::Reads(percent) => defects.response *= f64::from(percent) / 100.0,
            ChamberFault::ThreefoldOnce => defects.response_once = 3.0,
            ChamberFault::ReadsOnce(percent) => defects.response_once = f64::from(percent) / 100.0,
            ChamberFault::SkipsOnce => defects.skips_once = true,
            ChamberFault::Restart => chamber.restart(now),
            // two pulses, so that the pulse that comes with it does not hide it
            ChamberFault::Falls => chamber.fall(2.0 * pulse_mu),
            ChamberFault::StrayCurrent => {
                defects.stray_picoamperes = STRAY_SHARE * mu_per_second * picocoulombs_per_mu;
            }
            ChamberFault::ReportsFault => defects.faults |= ELECTRONICS,
            ChamberFault::Voltage => defects.voltage = 0.9,
            ChamberFault::Leakage => defects.leakage_picoamperes = LEAKAGE_MU_PER_SECOND * picocoulombs_per_mu,
            ChamberFault::AliveStuck => defects.alive_stuck = true,
            ChamberFault::Spoil(spoil) => defects.spoil = Some(spoil),
        }
        chamber.tell_change(now, out);
    }

    fn damage_gate(&mut self, fault: GateFault, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        let status = self.gate.status();
        let defects = self.gate.defects_mut();
        match fault {
            GateFault::Silent(bus) => {
                let [a, b] = &mut defects.silent;
                match bus {
                    Bus::A => *a = true,
                    Bus::B => *b = true,
                }
            }
            GateFault::Frozen(bus) => self.gate.report_mut(bus).frozen = Some(status),
            GateFault::Miscounts(bus, pulses) => self.gate.report_mut(bus).miscount = pulses,
            GateFault::TellsLate(bus, millis) => {
                self.put_in(Signal::TellsLate(bus, Span::from_millis(u64::from(millis))), now, out)
            }
            GateFault::Leaks => defects.leaks = true,
            GateFault::Stray(stray) => self.let_stray(stray, now),
            GateFault::CountsTwiceOnce => defects.counts_next_twice = true,
            GateFault::ClockSlow => defects.clock_slow_permille = CLOCK_SLOW_PERMILLE,
            GateFault::BeamOnStopped => defects.beam_on_stopped = true,
            GateFault::Restart => self.gate.restart(now, out),
            GateFault::StaleTimerDead(guard) => defects.stale_timer_dead.insert(guard),
            GateFault::StaleTimerSlow(guard, times) => {
                if let Some(channel) = defects.stale_timer_times.get_mut(guard.index()) {
                    *channel = times;
                }
            }
            GateFault::LeaseDead(guard) => defects.lease_comparator_dead.insert(guard),
            GateFault::StateDead(guard) => defects.state_decoder_dead.insert(guard),
            GateFault::TripDead(guard) => defects.trip_latch_dead.insert(guard),
            GateFault::LeaseOffByOne(guard) => defects.lease_off_by_one.insert(guard),
            GateFault::HardwareInterlock => {
                self.gate.set_hardware_interlock(now, true, out);
                if let Some(reference) = &mut self.reference {
                    reference.set_hardware_interlock(now, true, &mut |_, _| {});
                }
            }
        }
    }

    fn damage_linac(&mut self, fault: LinacFault, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        let status = self.linac.status_mut();
        match fault {
            LinacFault::Rate(percent) => self.put_in(Signal::Rate(hundredths(percent)), now, out),
            LinacFault::Output(percent) => self.put_in(Signal::Output(hundredths(percent)), now, out),
            LinacFault::Energy => status.energy = status.energy.saturating_add(30),
            LinacFault::Applicator => status.applicator = status.applicator.wrapping_add(1),
            LinacFault::Docking => status.docking = Docking::Undocked,
            LinacFault::Interlock(bits) => status.interlocks |= bits,
            LinacFault::Silent => self.linac.fall_silent(),
            LinacFault::RequestedEarly => self.console.force(),
            LinacFault::RequestTold(told) => self.linac.tell_request(told),
        }
    }
}

fn hundredths(percent: u16) -> Share {
    Share::thousandths_of_percent(i32::from(percent) * 1000)
}
