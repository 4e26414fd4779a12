//! Which keys are requested, and in which order: a few often, most rarely, like the keys that users request (Zipf's
//! law).
//!
//! Invariant: the same seed, exponent and number of keys give the same sequence.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Zipf};

/// How keys are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    /// The seed of the random numbers.
    pub(crate) seed: u64,
    /// How uneven the draw is: 0 is even; the higher it is, the more often the first keys are drawn.
    pub(crate) exponent: f64,
}

/// An endless sequence of indices into a list of keys, the first index being the most frequent.
#[derive(Debug)]
pub(crate) struct KeySequence {
    random: StdRng,
    ranks: Zipf<f64>,
    last: usize,
}

impl KeySequence {
    /// Indices into a list of `keys` keys; `None` if the list is empty.
    pub(crate) fn new(draw: Draw, keys: usize) -> Option<Self> {
        let last = keys.checked_sub(1)?;
        let ranks = Zipf::new(keys as f64, draw.exponent).expect("the arguments allow no exponent below 0");
        Some(Self { random: StdRng::seed_from_u64(draw.seed), ranks, last })
    }

    /// The next index.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks are whole and from 1 to the length"
    )]
    pub(crate) fn next_place(&mut self) -> usize {
        let rank = self.ranks.sample(&mut self.random) as usize;
        rank.saturating_sub(1).min(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(seed: u64, exponent: f64, keys: usize) -> Vec<usize> {
        let mut sequence = KeySequence::new(Draw { seed, exponent }, keys).unwrap();
        (0..5_000).map(|_| sequence.next_place()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_places() {
        assert_eq!(places(7, 1.0, 1000), places(7, 1.0, 1000));
        assert_ne!(places(7, 1.0, 1000), places(8, 1.0, 1000));
    }

    #[test]
    fn every_place_is_one_of_the_list() {
        for (exponent, keys) in [(0.0, 1), (1.0, 1), (10.0, 1), (0.0, 3), (1.0, 3), (0.5, 1000), (10.0, 1000)] {
            assert!(places(1, exponent, keys).iter().all(|place| *place < keys), "{exponent} of {keys}");
        }
    }

    #[test]
    fn the_first_places_come_more_often_unless_the_exponent_is_zero() {
        let share_of_first_ten =
            |exponent| places(3, exponent, 100).iter().filter(|place| **place < 10).count() as f64 / 5_000.0;
        assert!(share_of_first_ten(1.0) > 0.5, "{}", share_of_first_ten(1.0));
        assert!((share_of_first_ten(0.0) - 0.1).abs() < 0.03, "{}", share_of_first_ten(0.0));
    }

    #[test]
    fn an_empty_list_has_no_sequence() {
        assert!(KeySequence::new(Draw { seed: 1, exponent: 1.0 }, 0).is_none());
    }
}
