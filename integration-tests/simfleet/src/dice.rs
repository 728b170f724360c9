//! Seeded randomness: small, fast, the same on every machine.

/// A stream of random numbers. Every consumer takes its own with [`Dice::fork`], so that one
/// more throw here does not shift the throws there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// A stream that follows from the seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: mix(seed ^ 0x6a09_e667_f3bc_c908) }
    }

    /// An independent stream; equal labels give equal streams.
    #[must_use]
    pub const fn fork(&self, label: u64) -> Self {
        Self { state: mix(self.state ^ mix(label.wrapping_add(0x9e37_79b9_7f4a_7c15))) }
    }

    /// Any number.
    pub const fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Any number of 128 bits.
    pub const fn roll_wide(&mut self) -> u128 {
        let high = self.roll() as u128;
        high << 64 | self.roll() as u128
    }

    /// A number below `bound`; 0 if the bound is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        ((self.roll() as u128 * bound as u128) >> 64) as u64
    }

    /// A number from `low` to `high`, both possible; `low` if they are crossed.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low {
            return low;
        }
        low + self.below((high - low).saturating_add(1))
    }

    /// Whether something of this probability, in millionths, happens.
    pub const fn chance(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < ppm as u64
    }

    /// One of them; none if there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = usize::try_from(self.below(from.len() as u64)).unwrap_or(0);
        from.get(at)
    }
}

/// The finaliser of SplitMix64.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_streams_and_forks_do_not_disturb() {
        let mut a = Dice::new(7);
        let mut b = Dice::new(7);
        let _ = b.fork(1).roll();
        assert_eq!(a.roll(), b.roll());
        assert_ne!(a.fork(1).roll(), a.fork(2).roll());
    }

    #[test]
    fn stays_within_its_bounds() {
        let mut dice = Dice::new(1);
        assert!((0..1_000).all(|_| (3..=9).contains(&dice.between(3, 9))));
        assert_eq!(dice.below(0), 0);
        assert!(!dice.chance(0));
        assert!(dice.chance(1_000_000));
        assert_eq!(dice.pick::<u8>(&[]), None);
    }
}
