//! The linac behind the gate: its pulse train, its console, and the set-up that it senses.
//!
//! Pulses come on a fixed grid, whose phase the seed chooses. A slot of the grid at which the beam is not requested or
//! the gate lets nothing pass is skipped, never made up for. A kV tube has no grid: its beam is on while it may be.

use beam_core::frame::{Bus, Frame, next_alive};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{Docking, LinacStatus, interlock_bit};

use super::chamber::seconds;
use super::noise::Noise;
use super::signal::Share;

/// The beam, as the machine makes it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Beam {
    /// Pulses on a fixed grid.
    Pulses {
        /// From one slot of the grid to the next.
        period: Span,
        /// Mean dose of a pulse in MU.
        mu_per_pulse: f64,
    },
    /// A kV tube: beam without pulses.
    Continuous {
        /// Mean dose rate in MU per second.
        mu_per_second: f64,
    },
}

impl Beam {
    /// Mean dose rate in MU per second with no slot skipped.
    #[must_use]
    pub fn mu_per_second(&self) -> f64 {
        match *self {
            Self::Pulses { period, mu_per_pulse } => mu_per_pulse / seconds(period.nanos().max(1)),
            Self::Continuous { mu_per_second } => mu_per_second,
        }
    }

    /// Mean dose in MU of a pulse, or of `stretch` without pulses.
    #[must_use]
    pub fn mu_per_pulse_or(&self, stretch: Span) -> f64 {
        match *self {
            Self::Pulses { mu_per_pulse, .. } => mu_per_pulse,
            Self::Continuous { mu_per_second } => mu_per_second * seconds(stretch.nanos()),
        }
    }
}

/// The set-up as the linac senses it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetUp {
    /// How the applicator is joined to the head.
    pub docking: Docking,
    /// Energy in the beam line in 0.1 MeV.
    pub energy: u8,
    /// Code of the applicator.
    pub applicator: u8,
}

/// What the status says of the console's request for beam.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestTold {
    /// What is so.
    Truly,
    /// Always this, whatever is so.
    Stuck(bool),
    /// The other thing each time, whatever is so.
    Flickering,
}

/// The linac.
#[derive(Clone, Debug)]
pub struct Linac {
    /// The beam as the machine is built for, and as it is made now.
    nominal: Beam,
    beam: Beam,
    output_noise: f64,
    /// Factor on the dose of every pulse and on the dose rate, 1.0 when it is right.
    output: f64,
    noise: Noise,
    slot_due: Ticks,
    bus: Bus,
    status: LinacStatus,
    request_told: RequestTold,
    /// The last status as it was sent.
    status_sent: Option<LinacStatus>,
    status_period: Span,
    status_due: Ticks,
    status_alive: u8,
    silent: bool,
}

impl Linac {
    /// A linac that is powered up at zero and reports on `bus`. `output_noise` is the relative standard deviation of
    /// the dose of a pulse.
    #[must_use]
    pub fn new(beam: Beam, output_noise: f64, set_up: SetUp, bus: Bus, status_period: Span, seed: u64) -> Self {
        let mut noise = Noise::new(seed, 0);
        let slot_due = match beam {
            Beam::Pulses { period, .. } => Ticks::ZERO.after(noise.span_below(period)),
            Beam::Continuous { .. } => Ticks::from_nanos(u64::MAX),
        };
        let status_due = Ticks::ZERO.after(noise.span_below(status_period));
        let SetUp { docking, energy, applicator } = set_up;
        let status = LinacStatus { docking, energy, applicator, pulse_rate: decihertz(&beam), interlocks: 0 };
        Self {
            nominal: beam,
            beam,
            output_noise,
            output: 1.0,
            noise,
            slot_due,
            bus,
            status,
            request_told: RequestTold::Truly,
            status_sent: None,
            status_period,
            status_due,
            status_alive: 0,
            silent: false,
        }
    }

    /// The beam as it is made now.
    #[must_use]
    pub const fn beam(&self) -> &Beam {
        &self.beam
    }

    /// When it next has something to do: a slot of the grid or a status.
    #[must_use]
    pub fn next(&self) -> Ticks {
        self.slot_due.earlier(self.status_due)
    }

    /// Whether a slot of the grid is due at `now`; if so, the grid moves on.
    pub fn take_slot(&mut self, now: Ticks) -> bool {
        let Beam::Pulses { period, .. } = self.beam else { return false };
        if self.slot_due > now {
            return false;
        }
        self.slot_due = self.slot_due.after(period.longer(Span::from_nanos(1)));
        true
    }

    /// The true dose of the pulse that is fired now, in MU.
    pub fn pulse_mu(&mut self) -> f64 {
        let mean = self.beam.mu_per_pulse_or(Span::ZERO);
        mean * self.output * (1.0 + self.output_noise * self.noise.normal())
    }

    /// The true dose in MU of `stretch` with a beam that has no pulses.
    pub fn stretch_mu(&self, stretch: Span) -> f64 {
        self.beam.mu_per_second() * self.output * seconds(stretch.nanos())
    }

    /// Sends the status when it is due or changed.
    pub fn advance(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        let told_before = self.status_sent.is_some_and(|sent| sent.beam_requested());
        let changed = self.status_sent.is_some_and(|sent| sent != self.told(told_before));
        if self.status_due > now && !changed {
            return;
        }
        let status = self.told(!told_before);
        self.status_due = now.after(self.status_period);
        self.status_sent = Some(status);
        if !self.silent {
            out(self.bus, status.encode(self.status_alive));
            self.status_alive = next_alive(self.status_alive);
        }
    }

    /// The status as it is sent; `flickering` is what a request that flickers shows.
    const fn told(&self, flickering: bool) -> LinacStatus {
        let requested = match self.request_told {
            RequestTold::Truly => self.status.beam_requested(),
            RequestTold::Stuck(requested) => requested,
            RequestTold::Flickering => flickering,
        };
        let mut told = self.status;
        set_request(&mut told, requested);
        told
    }

    /// What the status says of the request from now on.
    pub const fn tell_request(&mut self, told: RequestTold) {
        self.request_told = told;
    }

    /// Whether the console asks for beam.
    #[must_use]
    pub const fn beam_requested(&self) -> bool {
        self.status.beam_requested()
    }

    /// The console asks for beam, or no longer.
    pub const fn set_beam_requested(&mut self, requested: bool) {
        set_request(&mut self.status, requested);
    }

    /// What is sensed, to be changed.
    pub const fn status_mut(&mut self) -> &mut LinacStatus {
        &mut self.status
    }

    /// No status any more.
    pub const fn fall_silent(&mut self) {
        self.silent = true;
    }

    /// Every pulse, or the dose rate without pulses, becomes `factor` of what it should be.
    pub const fn set_output(&mut self, factor: f64) {
        self.output = factor;
    }

    /// The pulse rate becomes `share` of what the machine is built for; without pulses, the dose rate.
    pub fn set_rate(&mut self, share: Share) {
        let thousandths = u64::try_from(share.as_thousandths_of_percent()).unwrap_or(0).max(1);
        self.beam = match self.nominal {
            Beam::Pulses { period, mu_per_pulse } => {
                let period = Span::from_nanos(period.times(100_000).nanos() / thousandths);
                Beam::Pulses { period, mu_per_pulse }
            }
            Beam::Continuous { mu_per_second } => Beam::Continuous { mu_per_second: mu_per_second * share.factor() },
        };
        self.status.pulse_rate = decihertz(&self.beam);
    }
}

const fn set_request(status: &mut LinacStatus, requested: bool) {
    if requested {
        status.interlocks |= interlock_bit::BEAM_REQUESTED;
    } else {
        status.interlocks &= !interlock_bit::BEAM_REQUESTED;
    }
}

/// The pulse rate in 0.1 Hz; 0 without pulses.
fn decihertz(beam: &Beam) -> u16 {
    match *beam {
        Beam::Pulses { period, .. } => (10.0 / seconds(period.nanos().max(1))).round() as u16,
        Beam::Continuous { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET_UP: SetUp = SetUp { docking: Docking::HardDocked, energy: 90, applicator: 17 };

    fn linac(output_noise: f64) -> Linac {
        let beam = Beam::Pulses { period: Span::from_millis(100), mu_per_pulse: 5.0 };
        Linac::new(beam, output_noise, SET_UP, Bus::A, Span::from_millis(50), 3)
    }

    #[test]
    fn holds_the_grid_when_slots_are_taken_late() {
        let mut linac = linac(0.0);
        let first = linac.slot_due;
        assert!(!linac.take_slot(Ticks::from_nanos(first.nanos() - 1)));
        assert!(linac.take_slot(first.after(Span::from_millis(30))));
        assert_eq!(linac.slot_due, first.after(Span::from_millis(100)));
    }

    #[test]
    fn holds_the_output_within_its_noise() {
        let mut linac = linac(0.01);
        let mean = (0..1000).map(|_| linac.pulse_mu()).sum::<f64>() / 1000.0;
        assert!((mean - 5.0).abs() < 0.01, "{mean}");
    }

    #[test]
    fn reports_every_period_and_at_once_on_a_change() {
        let mut linac = linac(0.0);
        let mut sent = Vec::new();
        let first = linac.status_due;
        linac.advance(first, &mut |_, frame| sent.push(frame));
        linac.advance(first.after(Span::from_millis(10)), &mut |_, frame| sent.push(frame));
        assert_eq!(sent.len(), 1);
        linac.set_beam_requested(true);
        linac.advance(first.after(Span::from_millis(20)), &mut |_, frame| sent.push(frame));
        assert_eq!(sent.len(), 2);
        assert_eq!(linac.status_due, first.after(Span::from_millis(70)));
        let said = LinacStatus::decode(&sent[1]).expect("a status");
        assert!(said.beam_requested());
        assert_eq!((said.pulse_rate, said.energy, said.applicator), (100, 90, 17));
    }

    /// Whether each status that was sent in so many ms says that beam is requested.
    fn requests_told(linac: &mut Linac, millis: u64) -> Vec<bool> {
        let mut told = Vec::new();
        let until = linac.status_due.after(Span::from_millis(millis));
        while linac.status_due <= until {
            let due = linac.status_due;
            linac.advance(due, &mut |_, frame| {
                told.push(LinacStatus::decode(&frame).expect("a status").beam_requested());
            });
        }
        told
    }

    #[test]
    fn a_request_that_lies_is_told_every_period_and_leaves_the_truth_alone() {
        for (told, expected) in [
            (RequestTold::Truly, [true; 3]),
            (RequestTold::Stuck(false), [false; 3]),
            (RequestTold::Stuck(true), [true; 3]),
            (RequestTold::Flickering, [true, false, true]),
        ] {
            let mut linac = linac(0.0);
            linac.set_beam_requested(true);
            linac.tell_request(told);
            assert_eq!(requests_told(&mut linac, 100), expected, "{told:?}");
            assert!(linac.beam_requested());
            linac.set_beam_requested(false);
            let now = linac.status_due;
            let mut at_once = 0;
            linac.advance(Ticks::from_nanos(now.nanos() - 1), &mut |_, _| at_once += 1);
            assert_eq!(at_once, u32::from(told == RequestTold::Truly), "{told:?}: only what shows is told at once");
        }
    }

    #[test]
    fn a_changed_rate_changes_the_grid_or_the_dose_rate_and_can_be_set_right() {
        let share = |percent: i32| Share::thousandths_of_percent(percent * 1000);
        let mut pulsed = linac(0.0);
        pulsed.set_rate(share(250));
        assert_eq!(pulsed.beam, Beam::Pulses { period: Span::from_millis(40), mu_per_pulse: 5.0 });
        assert_eq!(pulsed.status.pulse_rate, 250);
        pulsed.set_rate(share(100));
        assert_eq!((pulsed.beam, pulsed.status.pulse_rate), (pulsed.nominal, 100));
        let tube = Beam::Continuous { mu_per_second: 2.0 };
        let mut tube = Linac::new(tube, 0.0, SET_UP, Bus::A, Span::from_millis(50), 3);
        assert!(!tube.take_slot(Ticks::from_nanos(u64::MAX - 1)));
        tube.set_rate(share(40));
        assert!((tube.stretch_mu(Span::from_secs(10)) - 8.0).abs() < 1e-9);
    }
}
