//! Signals that change by a number: what a named fault (`fault`) cannot say. "The chambers read 15 %", "the output is a
//! hundredfold", "the gate is held for half a second".
//!
//! Each holds from the moment at which it begins until another one of its kind takes its place; 100 % is as it should be.

use beam_core::frame::{Bus, Frame};
use beam_core::units::{Span, Ticks};

use super::chamber::Chamber;
use super::effect::{Effect, Lie};
use super::stray::{Stray, Straying};
use super::unit::Unit;

/// A share in thousandths of a percent, so that it compares exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share(i32);

impl Share {
    /// A share of so many thousandths of a percent; 100 000 is all of it.
    #[must_use]
    pub const fn thousandths_of_percent(thousandths: i32) -> Self {
        Self(thousandths)
    }

    /// The same number again.
    #[must_use]
    pub const fn as_thousandths_of_percent(self) -> i32 {
        self.0
    }

    /// The share as a factor.
    #[must_use]
    pub fn factor(self) -> f64 {
        f64::from(self.0) / 100_000.0
    }
}

/// Which instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Instrument {
    /// Monitor 1.
    Monitor1,
    /// Monitor 2.
    Monitor2,
    /// Both monitors.
    Monitors,
    /// The sensor of the beam's charge, where one is fitted.
    BeamCharge,
}

/// A signal that changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Every pulse really is this share of what it should be; without pulses, the dose rate.
    Output(Share),
    /// An instrument measures this share of the charge, up to its full scale.
    Reads(Instrument, Share),
    /// Every pulse reads this share of an instrument's full scale, whatever it is.
    Clips(Instrument, Share),
    /// Every pulse reads so many counts, whatever it is.
    Counts(Instrument, i32),
    /// The polarising voltage is read back as this share of the nominal one.
    Voltage(Instrument, Share),
    /// This energy is sensed, in 0.1 MeV.
    Energy(u8),
    /// An instrument's response changes by this share in every hour from now on.
    DriftPerHour(Instrument, Share),
    /// An instrument's counters are set to zero.
    ClearCounters(Instrument),
    /// The linac makes no pulse for this long although it may.
    Pause(Span),
    /// The linac holds its own gate closed for this long.
    Hold(Span),
    /// So many micro-MU reach the patient and the chambers outside every pulse.
    Leak(u32),
    /// The pulse rate is this share of what the machine is built for; without pulses, the dose rate.
    Rate(Share),
    /// Pulses pass the gate once it is not open, and then no more.
    Stray(Stray),
    /// The gate tells by so much too late on one bus that it is no longer OPEN.
    TellsLate(Bus, Span),
}

impl Signal {
    /// What becomes of the readings of monitor 1 and monitor 2.
    #[must_use]
    pub fn lies(self) -> [Lie; 2] {
        let (which, lie) = match self {
            Self::Reads(which, share) => (which, Lie::of_share(share)),
            // it may have lost what it had, or show anything
            Self::ClearCounters(which)
            | Self::Clips(which, _)
            | Self::Counts(which, _)
            | Self::DriftPerHour(which, _) => (which, Lie::Low(0)),
            Self::Output(_) | Self::Rate(_) | Self::Voltage(..) | Self::Energy(_) | Self::Pause(_) => {
                return [Lie::None; 2];
            }
            Self::Hold(_) | Self::Leak(_) | Self::Stray(_) | Self::TellsLate(..) => return [Lie::None; 2],
        };
        match which {
            Instrument::Monitor1 => [lie, Lie::None],
            Instrument::Monitor2 => [Lie::None, lie],
            Instrument::Monitors => [lie, lie],
            Instrument::BeamCharge => [Lie::None; 2],
        }
    }

    /// Whether it befalls the sensor of the beam's own charge.
    #[must_use]
    pub const fn befalls_beam_charge(self) -> bool {
        match self {
            Self::Reads(which, _)
            | Self::Clips(which, _)
            | Self::Counts(which, _)
            | Self::Voltage(which, _)
            | Self::DriftPerHour(which, _)
            | Self::ClearCounters(which) => matches!(which, Instrument::BeamCharge),
            Self::Output(_) | Self::Rate(_) | Self::Energy(_) | Self::Pause(_) | Self::Hold(_) => false,
            Self::Leak(_) | Self::Stray(_) | Self::TellsLate(..) => false,
        }
    }

    /// Whether the gate itself is damaged, so that what it lets pass is no measure of the supervisor.
    #[must_use]
    pub const fn damages_gate(self) -> bool {
        matches!(self, Self::Stray(_))
    }
}

impl Lie {
    /// What an instrument does that reads this share of the charge.
    fn of_share(share: Share) -> Self {
        let thousandths = share.as_thousandths_of_percent();
        match u8::try_from((thousandths / 1000).max(0)) {
            _ if thousandths == 100_000 => Self::None,
            Ok(percent @ 0..100) => Self::Low(percent),
            Ok(_) | Err(_) => Self::High,
        }
    }
}

impl Unit {
    /// This signal will change with this pulse; 0 is at power-up. To be called before the unit first acts.
    pub fn expect(&mut self, signal: Signal, pulse: u32) {
        self.await_effect(Effect::Signal(signal), pulse);
    }

    /// Whether the linac holds its own gate closed, and will open it again.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.hold_until.is_some()
    }

    /// This signal changes now.
    pub fn change(&mut self, now: Ticks, signal: Signal, out: &mut impl FnMut(Bus, Frame)) {
        self.befall(now, Effect::Signal(signal), out);
    }

    /// Counters of pulses and of charge of every instrument, as if they had counted this far before.
    pub fn start_counters_at(&mut self, pulses: u16, charge: u32) {
        for chamber in self.instruments(Instrument::Monitors) {
            chamber.start_at(pulses, charge);
        }
        for chamber in self.instruments(Instrument::BeamCharge) {
            chamber.start_at(pulses, charge);
        }
    }

    /// What monitor 1, monitor 2 and the beam charge sensor have measured since power-up, in MU by their own calibration.
    #[must_use]
    pub fn measured_mu(&self) -> ([f64; 2], Option<f64>) {
        let [first, second] = &self.chambers;
        ([first.measured_mu(), second.measured_mu()], self.beam_charge.as_ref().map(Chamber::measured_mu))
    }

    fn instruments(&mut self, which: Instrument) -> impl Iterator<Item = &mut Chamber> {
        let [first, second] = &mut self.chambers;
        let (one, two, beam_charge) = match which {
            Instrument::Monitor1 => (Some(first), None, None),
            Instrument::Monitor2 => (None, Some(second), None),
            Instrument::Monitors => (Some(first), Some(second), None),
            Instrument::BeamCharge => (None, None, self.beam_charge.as_mut()),
        };
        [one, two, beam_charge].into_iter().flatten()
    }

    /// Puts a changed signal in at `now`.
    pub(super) fn put_in(&mut self, signal: Signal, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        match signal {
            Signal::Output(share) => self.linac.set_output(share.factor()),
            Signal::Energy(sensed) => self.linac.status_mut().energy = sensed,
            Signal::Pause(lasting) => self.paused_until = now.after(lasting),
            Signal::Hold(lasting) => self.hold(now, lasting, out),
            Signal::Leak(micro_mu) => self.leak(f64::from(micro_mu) * 1e-6),
            Signal::Rate(share) => self.linac.set_rate(share),
            Signal::Stray(stray) => self.let_stray(stray, now),
            Signal::TellsLate(bus, late) => self.gate.report_mut(bus).late = late,
            Signal::Reads(which, share) => self.each(which, now, out, |chamber| {
                let defects = chamber.defects_mut();
                (defects.response, defects.each_pulse) = (share.factor(), None);
            }),
            Signal::Clips(which, share) => self.each(which, now, out, |chamber| {
                let reading = chamber.full_scale() * share.factor();
                chamber.defects_mut().each_pulse = Some(reading);
            }),
            Signal::Counts(which, counts) => self.each(which, now, out, |chamber| {
                let reading = chamber.picocoulombs_per_count() * f64::from(counts);
                chamber.defects_mut().each_pulse = Some(reading);
            }),
            Signal::Voltage(which, share) => {
                self.each(which, now, out, |chamber| chamber.defects_mut().voltage = share.factor());
            }
            Signal::DriftPerHour(which, share) => self.each(which, now, out, |chamber| {
                let defects = chamber.defects_mut();
                (defects.drift_per_hour, defects.drifts_since) = (share.factor(), now);
            }),
            Signal::ClearCounters(which) => self.each(which, now, out, Chamber::clear_counters),
        }
    }

    /// Pulses will pass the gate once it is not open.
    pub(super) fn let_stray(&mut self, stray: Stray, now: Ticks) {
        self.straying = Some(Straying::new(stray, self.config.periods.dose));
        self.look_for_strays(now);
    }

    fn each(&mut self, which: Instrument, now: Ticks, out: &mut impl FnMut(Bus, Frame), change: impl Fn(&mut Chamber)) {
        for chamber in self.instruments(which) {
            change(chamber);
            chamber.tell_change(now, out);
        }
    }
}
