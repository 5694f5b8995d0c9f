//! The chance in the simulated treatment unit: one seeded stream of numbers for each instrument.
//!
//! xoshiro256++ (crate `rand_xoshiro`) is a published algorithm with reference vectors, so the seed that a report
//! prints means the same run on every machine and with every later version. Streams are apart, so that one sensor more
//! or one fault more leaves the noise of all others as it was. No logarithm and no root is taken: those may differ in
//! the last bit from one mathematics library to the next.

use beam_core::units::Span;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// One instrument's stream of numbers.
#[derive(Clone, Debug)]
pub struct Noise(Xoshiro256PlusPlus);

impl Noise {
    /// Stream number `stream` of the run `seed`.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut whole_run = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self(Xoshiro256PlusPlus::seed_from_u64(whole_run.next_u64().wrapping_add(stream)))
    }

    /// 64 evenly distributed bits.
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A whole number from zero to just below `limit`; zero when that is zero.
    pub fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.word() % u64::from(limit.max(1))).unwrap_or(0)
    }

    /// A number from zero to just below one.
    pub fn uniform(&mut self) -> f64 {
        f64::from(self.below(1 << 31)) / f64::from(1_u32 << 31)
    }

    /// A duration from zero to just below `limit`.
    pub fn span_below(&mut self, limit: Span) -> Span {
        Span::from_nanos(self.word() % limit.nanos().max(1))
    }

    /// A number with mean 0 and standard deviation 1, nearly normal and never beyond 6: the sum of twelve even ones.
    pub fn normal(&mut self) -> f64 {
        let mut sum = 0_u32;
        for _ in 0..3 {
            for lane in self.word().to_le_bytes().chunks_exact(2) {
                if let [low, high] = lane {
                    sum += u32::from(u16::from_le_bytes([*low, *high]));
                }
            }
        }
        (f64::from(sum) - 6.0 * 65_535.0) / 65_536.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let mut first = Noise::new(7, 1);
        let mut again = Noise::new(7, 1);
        let mut other_stream = Noise::new(7, 2);
        let numbers: Vec<u64> = (0..8).map(|_| first.word()).collect();
        assert!(numbers.iter().all(|&number| again.word() == number));
        assert!(numbers.iter().any(|&number| other_stream.word() != number));
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_deviation_one() {
        let mut noise = Noise::new(1, 0);
        let numbers: Vec<f64> = (0..20_000).map(|_| noise.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / 20_000.0;
        let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
        assert!(numbers.iter().all(|number| number.abs() <= 6.0));
    }
}
