//! A transmission monitor chamber with its electrometer, and the beam charge sensor, which is one without a status.
//!
//! The charge is cumulative from an arbitrary start, in whole counts with the remainder carried, so that rounding loses
//! nothing. A reading is sent at once after every pulse and at least every dose period; without pulses the charge grows
//! with the beam time and the pulse count stays. What is sent can be spoilt on its way ([`Spoil`]), what is measured
//! can be wrong ([`ChamberDefects`]).

use beam_core::frame::{Bus, Frame, next_alive};
use beam_core::units::{Span, Ticks};
use beam_core::wire::{ChamberMode, ChamberStatus, dose_flag};

use super::electrometer::{Measured, Speaks, Voice};
use super::noise::Noise;

pub use defects::{ChamberDefects, Spoil};

mod defects;

/// An electrometer and its chamber, as built and calibrated.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ChamberConfig {
    /// Calibration: picocoulombs per MU.
    pub picocoulombs_per_mu: f64,
    /// Its true response relative to its calibration, 1.0 when it is right.
    pub gain: f64,
    /// Relative standard deviation of one reading, besides that of the beam.
    pub noise: f64,
    /// Leakage current in pA, -3276.8 to 3276.7. It is measured as charge and reported.
    pub leakage_picoamperes: f64,
    /// Polarising voltage in V, 0 to 1310.
    pub polarising_volts: f64,
    /// The largest charge in pC that the electrometer can measure in one pulse, or in one dose period without pulses.
    pub full_scale_picocoulombs: f64,
}

/// Where a chamber's frames go and how often.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ChamberFrames {
    /// Bus.
    pub bus: Bus,
    /// Identifier of its readings.
    pub dose_id: u16,
    /// Identifier of its status; none for the beam charge sensor.
    pub status_id: Option<u16>,
    /// What its readings look like.
    pub speaks: Speaks,
    /// A reading at least this often.
    pub dose_period: Span,
    /// A status at least this often.
    pub status_period: Span,
}

/// A chamber, or the beam charge sensor.
#[derive(Clone, Debug)]
pub struct Chamber {
    config: ChamberConfig,
    frames: ChamberFrames,
    defects: ChamberDefects,
    noise: Noise,
    pulses: u64,
    counter: i64,
    /// Counts of the last pulse, and whether it was told yet.
    last_pulse: i64,
    pulse_is_new: bool,
    /// Measured and not yet a whole count, 0 to 1.
    remainder: f64,
    /// Measured since power-up, in pC.
    measured: f64,
    /// What a drift has made of the response.
    drifted: f64,
    measured_to: Ticks,
    /// Whether beam was measured since the last reading, for a machine without pulses.
    beam_seen: bool,
    voice: Voice,
    dose_due: Ticks,
    status_alive: u8,
    status_due: Ticks,
    status_sent: Option<ChamberStatus>,
}

impl Chamber {
    /// A chamber that is powered up at zero. Its counters start anywhere, and every other time so that they pass their end or
    /// their middle soon; its first frames come within one period.
    #[must_use]
    pub fn new(config: ChamberConfig, frames: ChamberFrames, seed: u64, stream: u64) -> Self {
        let mut noise = Noise::new(seed, stream);
        let [c0, c1, c2, c3, p0, p1, ..] = noise.word().to_le_bytes();
        let anywhere = (u16::from_le_bytes([p0, p1]), u32::from_le_bytes([c0, c1, c2, c3]));
        let (pulses, counter) = match noise.below(4) {
            0 => (u16::MAX - u16::from(p0 % 16), u32::MAX - (u32::from_le_bytes([c0, c1, c2, 0]) >> 4)),
            1 => (u16::MAX / 2 - u16::from(p0 % 16), u32::MAX / 2 - (u32::from_le_bytes([c0, c1, c2, 0]) >> 4)),
            _ => anywhere,
        };
        let voice = Voice::new(frames.speaks, frames.dose_id);
        let frames = ChamberFrames { dose_period: voice.period(frames.dose_period), ..frames };
        let dose_due = Ticks::ZERO.after(noise.span_below(frames.dose_period));
        let first_status = Ticks::ZERO.after(noise.span_below(frames.status_period));
        Self {
            config,
            frames,
            defects: ChamberDefects::default(),
            noise,
            pulses: u64::from(pulses),
            counter: i64::from(counter),
            last_pulse: 0,
            pulse_is_new: false,
            remainder: 0.0,
            measured: 0.0,
            drifted: 1.0,
            measured_to: Ticks::ZERO,
            beam_seen: false,
            voice,
            dose_due,
            status_alive: 0,
            status_due: if frames.status_id.is_some() { first_status } else { Ticks::from_nanos(u64::MAX) },
            status_sent: None,
        }
    }

    /// What is wrong with it, to be changed.
    pub const fn defects_mut(&mut self) -> &mut ChamberDefects {
        &mut self.defects
    }

    /// Its calibration in pC per MU.
    #[must_use]
    pub const fn picocoulombs_per_mu(&self) -> f64 {
        self.config.picocoulombs_per_mu
    }

    /// Picocoulombs that one count of its charge stands for.
    #[must_use]
    pub fn picocoulombs_per_count(&self) -> f64 {
        self.voice.picocoulombs_per_count()
    }

    /// The largest charge of one pulse that it can measure, in pC.
    #[must_use]
    pub const fn full_scale(&self) -> f64 {
        self.config.full_scale_picocoulombs
    }

    /// What it has measured since power-up, in MU by its own calibration.
    #[must_use]
    pub fn measured_mu(&self) -> f64 {
        self.measured / self.config.picocoulombs_per_mu
    }

    /// Somebody sets its counters to zero.
    pub fn clear_counters(&mut self) {
        self.start_at(0, 0);
    }

    /// It loses its power for a moment: every counter begins anew at 0, those of its frames too, and it reports itself at
    /// once. What is wrong with it stays.
    pub fn restart(&mut self, now: Ticks) {
        self.clear_counters();
        self.voice.begin_anew();
        (self.last_pulse, self.pulse_is_new) = (0, false);
        self.dose_due = now;
        self.status_alive = 0;
        if self.frames.status_id.is_some() {
            self.status_due = now;
        }
    }

    /// Its counters stand here.
    pub fn start_at(&mut self, pulses: u16, charge: u32) {
        self.pulses = u64::from(pulses);
        self.counter = i64::from(charge);
        self.remainder = 0.0;
    }

    /// When it next sends something of its own accord.
    #[must_use]
    pub fn next(&self) -> Ticks {
        self.dose_due.earlier(self.status_due)
    }

    /// Sends what is due at `now`.
    pub fn advance(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        if self.dose_due <= now {
            self.send_reading(now, out);
        }
        if self.status_due <= now {
            self.send_status(now, out);
        }
    }

    /// A pulse of `mu` MU passed: measure it and send the reading at once.
    pub fn pulse(&mut self, now: Ticks, mu: f64, out: &mut impl FnMut(Bus, Frame)) {
        if std::mem::take(&mut self.defects.skips_once) {
            return;
        }
        if !self.defects.frozen {
            self.pulses = self.pulses.wrapping_add(1);
        }
        let once = std::mem::replace(&mut self.defects.response_once, 1.0);
        let before = self.counter;
        self.drift(now);
        self.measure_beam(mu * once, self.whatever_comes());
        self.last_pulse = self.counter.wrapping_sub(before);
        self.pulse_is_new = !self.defects.frozen;
        self.send_reading(now, out);
    }

    /// Beam without pulses passed, `mu` MU since the last call: measure it. The next reading will tell.
    pub fn expose(&mut self, mu: f64) {
        if self.whatever_comes().is_none() && !self.defects.skips_once {
            self.measure_beam(mu * self.defects.response_once, None);
        }
        self.beam_seen = true;
    }

    /// The charge counter falls by the charge of `mu` MU.
    pub fn fall(&mut self, mu: f64) {
        self.collect(-mu * self.config.picocoulombs_per_mu);
    }

    /// Dose outside every pulse reached it: the next reading will tell.
    pub fn stray(&mut self, mu: f64) {
        self.measure_beam(mu, None);
    }

    /// What every pulse reads, if it is always the same.
    fn whatever_comes(&self) -> Option<f64> {
        if self.defects.full_scale { Some(self.config.full_scale_picocoulombs) } else { self.defects.each_pulse }
    }

    fn drift(&mut self, now: Ticks) {
        let hours = seconds(now.since(self.defects.drifts_since).nanos()) / 3600.0;
        self.drifted = 1.0 + self.defects.drift_per_hour * hours;
    }

    fn measure_beam(&mut self, mu: f64, whatever_comes: Option<f64>) {
        let spread = 1.0 + self.config.noise * self.noise.normal();
        let healthy = mu * self.config.picocoulombs_per_mu * self.config.gain * spread;
        let limit = self.config.full_scale_picocoulombs;
        self.collect(whatever_comes.unwrap_or((healthy * self.defects.response * self.drifted).min(limit)));
    }

    /// Leakage and stray current are charge too.
    fn measure_currents(&mut self, now: Ticks) {
        let picoamperes =
            self.config.leakage_picoamperes + self.defects.leakage_picoamperes + self.defects.stray_picoamperes;
        let nanos = now.since(self.measured_to).nanos();
        self.measured_to = now;
        if picoamperes != 0.0 {
            self.collect(picoamperes * seconds(nanos));
        }
    }

    fn collect(&mut self, picocoulombs: f64) {
        if self.defects.charge_stuck || self.defects.frozen {
            return;
        }
        self.measured += picocoulombs;
        let counts = self.remainder + picocoulombs / self.voice.picocoulombs_per_count();
        let whole = counts.floor();
        self.remainder = counts - whole;
        // counts of one pulse stay far inside i64; the counter itself is sent modulo the width of its field
        self.counter = self.counter.wrapping_add(whole as i64);
    }

    fn send_reading(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        self.measure_currents(now);
        self.drift(now);
        if std::mem::take(&mut self.beam_seen) {
            self.defects.response_once = 1.0;
            let skips = std::mem::take(&mut self.defects.skips_once);
            if let Some(reading) = self.whatever_comes().filter(|_| !skips) {
                self.collect(reading);
            }
        }
        self.dose_due = now.after(self.frames.dose_period);
        if self.defects.silent {
            return;
        }
        let spoil = self.defects.spoil.take();
        if spoil == Some(Spoil::AliveJump) {
            self.voice.leap();
        }
        let measured = Measured {
            flags: self.defects.flags,
            pulses: self.pulses,
            charge: self.counter,
            last_pulse: self.last_pulse,
            pulse_is_new: std::mem::take(&mut self.pulse_is_new),
        };
        let mut frame = self.voice.frame(&measured);
        if !self.defects.alive_stuck {
            self.voice.go_on();
        }
        let times = match spoil {
            Some(Spoil::Lost) => 0,
            Some(Spoil::Twice) => 2,
            Some(Spoil::Crc | Spoil::AliveJump | Spoil::Short) | None => 1,
        };
        match spoil {
            Some(Spoil::Crc) => frame.data[0] ^= 1,
            Some(Spoil::Short) => {
                frame.length -= 1;
                frame.data[usize::from(frame.length)..].fill(0);
            }
            Some(Spoil::AliveJump | Spoil::Twice | Spoil::Lost) | None => {}
        }
        for _ in 0..times {
            out(self.frames.bus, frame);
        }
    }

    /// Sends the status at once when it changed.
    pub fn tell_change(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        if self.status_sent.is_some() && self.status_sent != Some(self.status()) {
            self.send_status(now, out);
        }
    }

    fn status(&self) -> ChamberStatus {
        // `as` holds at the ends of the range, as an electrometer's own display does
        let leakage = (self.config.leakage_picoamperes + self.defects.leakage_picoamperes) * 10.0;
        ChamberStatus {
            mode: if self.defects.faults == 0 { ChamberMode::Ready } else { ChamberMode::Fault },
            voltage: (self.config.polarising_volts * self.defects.voltage * 50.0).round() as u16,
            leakage: leakage.round() as i16,
            faults: self.defects.faults,
        }
    }

    fn send_status(&mut self, now: Ticks, out: &mut impl FnMut(Bus, Frame)) {
        let Some(id) = self.frames.status_id else { return };
        self.status_due = now.after(self.frames.status_period);
        if self.defects.silent {
            return;
        }
        let status = self.status();
        out(self.frames.bus, status.encode(id, self.status_alive));
        self.status_alive = next_alive(self.status_alive);
        self.status_sent = Some(status);
    }

    /// Sets SATURATED and loses two fifths of the charge: the reading is a lower bound.
    pub fn saturate(&mut self) {
        self.defects.flags |= dose_flag::SATURATED;
        self.defects.response = 0.6;
    }
}

/// Nanoseconds in seconds; exact far beyond any delivery.
pub(super) fn seconds(nanos: u64) -> f64 {
    nanos as f64 * 1e-9
}

#[cfg(test)]
mod tests;
