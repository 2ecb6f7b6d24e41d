//! Chance that comes out the same for the same seed, in every version of this program.

use std::f64::consts::TAU;

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
/// It is written out here because the generators of crates may change from release to release.
#[derive(Clone, Debug)]
pub struct Dice(u64);

/// The step of `SplitMix64`: 2⁶⁴ divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes the bits of a number. Different numbers stay different.
pub const fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(STEP);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dice {
    /// Dice of their own for each seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub const fn bits(&mut self) -> u64 {
        let bits = mix(self.0);
        self.0 = self.0.wrapping_add(STEP);
        bits
    }

    /// A number from 0 up to, not including, 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number below `end`, which is small.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// Whether something happens that has this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[usize::try_from(self.below(among.len() as u64)).expect("it is an index")]
    }

    /// A value that is half the time below `median`, and rarely far above it, as latencies are.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        // Box and Muller's transform; the logarithm of 0 does not exist.
        let (u, v) = (1.0 - self.fraction(), self.fraction());
        let normal = (-2.0 * u.ln()).sqrt() * (TAU * v).cos();
        median * (sigma * normal).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_in_every_version() {
        // The published reference values of SplitMix64 for seed 1234567.
        let mut dice = Dice::new(1_234_567);
        let bits = [dice.bits(), dice.bits(), dice.bits()];
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(bits, expected);
    }

    #[test]
    fn half_of_the_latencies_are_below_the_median_and_a_few_far_above() {
        let mut dice = Dice::new(7);
        let mut values: Vec<_> = (0..10_001).map(|_| dice.log_normal(10.0, 0.5)).collect();
        values.sort_by(f64::total_cmp);
        let quantile = |index: usize| values[index];
        assert!(
            (9.7..10.3).contains(&quantile(5_000)),
            "{}",
            quantile(5_000)
        );
        // exp(0.5 × 2.326) = 3.2
        assert!(
            (29.0..36.0).contains(&quantile(9_900)),
            "{}",
            quantile(9_900)
        );
    }
}
