//! How a reading becomes a frame: MONn_DOSE of the bus contract, or the frame of another electrometer, written by the same
//! plan that the guards read it by.

use beam_core::extraction::{Counting, Electrometer, Extraction, PulseSign};
use beam_core::frame::{Frame, next_alive, protect};
use beam_core::machine::Protection;
use beam_core::units::{ChargeCounter, Span};
use beam_core::wire::DoseReading;

/// What a chamber's readings look like.
#[derive(Clone, Copy, PartialEq, Debug)]
#[expect(clippy::large_enum_variant, reason = "a unit holds three of them")]
pub enum Speaks {
    /// A dose frame of the bus contract.
    Contract {
        /// Picocoulombs that one count of its Charge stands for.
        picocoulombs_per_count: f64,
    },
    /// Another electrometer's frame.
    Electrometer(Electrometer),
}

/// What an electrometer has to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// Flags of the bus contract; those that a frame has no place for are not said.
    pub flags: u8,
    /// Pulses since an arbitrary start.
    pub pulses: u64,
    /// Counts since an arbitrary start.
    pub charge: i64,
    /// Counts of the last pulse.
    pub last_pulse: i64,
    /// Whether the last pulse was not told before.
    pub pulse_is_new: bool,
}

/// The sending end of one identifier: it counts its frames.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    speaks: Speaks,
    id: u16,
    alive: u8,
    sent: u32,
}

impl Voice {
    /// A voice that has said nothing; `id` is its identifier in the bus contract.
    pub(super) const fn new(speaks: Speaks, id: u16) -> Self {
        Self { speaks, id, alive: 0, sent: 0 }
    }

    /// How often it speaks at least, where the bus contract says `contract`.
    pub(super) const fn period(&self, contract: Span) -> Span {
        match &self.speaks {
            Speaks::Contract { .. } => contract,
            Speaks::Electrometer(electrometer) => electrometer.period,
        }
    }

    /// What one count stands for.
    pub(super) fn picocoulombs_per_count(&self) -> f64 {
        match &self.speaks {
            Speaks::Contract { picocoulombs_per_count } => *picocoulombs_per_count,
            Speaks::Electrometer(electrometer) => {
                let scale = electrometer.extraction.scale;
                f64::from(scale.numerator.get()) / f64::from(scale.denominator.get())
            }
        }
    }

    /// Its counters leap as if four frames had been lost.
    pub(super) fn leap(&mut self) {
        self.alive = (self.alive + 4) % 15;
        self.sent = self.sent.wrapping_add(4);
    }

    /// Its counters are those of an electrometer that was just switched on.
    pub(super) fn begin_anew(&mut self) {
        (self.alive, self.sent) = (0, 0);
    }

    /// Its counters go on to the next frame.
    pub(super) fn go_on(&mut self) {
        self.alive = next_alive(self.alive);
        self.sent = self.sent.wrapping_add(1);
    }

    /// The frame that says `measured`.
    pub(super) fn frame(&self, measured: &Measured) -> Frame {
        match &self.speaks {
            Speaks::Contract { .. } => {
                let [c0, c1, c2, c3, ..] = measured.charge.to_le_bytes();
                let [p0, p1, ..] = measured.pulses.to_le_bytes();
                let charge = ChargeCounter::from_raw(u32::from_le_bytes([c0, c1, c2, c3]));
                let reading = DoseReading { flags: measured.flags, pulses: u16::from_le_bytes([p0, p1]), charge };
                reading.encode(self.id, self.alive)
            }
            Speaks::Electrometer(electrometer) => self.electrometer_frame(electrometer, measured),
        }
    }

    fn electrometer_frame(&self, electrometer: &Electrometer, measured: &Measured) -> Frame {
        let Electrometer { id, length, protection, extraction, .. } = *electrometer;
        let mut data = extraction.charge.put([0; 8], charge_number(&extraction, measured));
        data = match extraction.pulses {
            PulseSign::None => data,
            PulseSign::Counter(field) => field.put(data, measured.pulses),
            PulseSign::Mark(field) => field.put(data, u64::from(measured.pulse_is_new)),
        };
        for flag in extraction.flags.iter().flatten() {
            let is_set = measured.flags & flag.flag != 0;
            data = flag.field.put(data, u64::from(is_set != flag.when_zero));
        }
        match protection {
            Protection::E2e => {
                let [_, b1, b2, b3, b4, b5, b6, b7] = data;
                protect(id, self.alive, b1 >> 4, [b2, b3, b4, b5, b6, b7])
            }
            Protection::Declared { sequence: Some(sequence), .. } => {
                let counter = self.sent % sequence.modulus;
                Frame { id, length, data: sequence.field.put(data, u64::from(counter)) }
            }
            Protection::None | Protection::Declared { sequence: None, .. } => Frame { id, length, data },
        }
    }
}

/// The number for the charge field.
fn charge_number(extraction: &Extraction, measured: &Measured) -> u64 {
    let number = match extraction.counting {
        Counting::Cumulative => measured.charge,
        Counting::PerPulse { least, most, offset } => {
            let without_offset =
                measured.last_pulse.saturating_sub(offset / i64::from(extraction.scale.numerator.get()));
            // an electrometer at the end of its range shows the end
            without_offset.clamp(least.saturating_sub(1), most.saturating_add(1))
        }
    };
    number.cast_unsigned()
}
