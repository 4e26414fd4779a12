//! What people ask for: reads by Zipf's law over a hot set that shifts.
//!
//! Each type has so many reads as the logarithm of its keys has weight. Which key has which rank: some of the hottest
//! are the newest, the others are anywhere; and every quarter of an hour one rank in twenty goes to another key.
//! Everything is drawn from a seed, so that each contender meets the same reads.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::clock::Minutes;

const SEED: u64 = 20_261_123;
/// Reads of a simulated minute, of all services together.
pub(crate) const READS_A_MINUTE: usize = 600;
/// Zipf's exponent; about 0.6 to 1 was measured for web caches (Breslau et al., "Web Caching and Zipf-like
/// Distributions", INFOCOM 1999).
const EXPONENT: f64 = 0.9;
/// So much of the ranks belongs to the newest keys, in their order.
const NEW_AMONG_HOT: f64 = 0.3;
const SHIFT_EVERY: Minutes = Minutes(15);
const SHIFTED: f64 = 0.05;

/// A read: the place of its type in the registry, and the place of the key among those of the type, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Read {
    pub(crate) cached_type: usize,
    pub(crate) key: usize,
}

/// The reads of a day, minute by minute.
pub(crate) struct Trace {
    random: StdRng,
    types: Weighted,
    keys: Vec<Popularity>,
    minute: u32,
}

/// The keys of a type by rank.
struct Popularity {
    ranks: Weighted,
    key_of_rank: Vec<usize>,
}

impl Trace {
    pub(crate) fn new(key_counts: &[usize]) -> Self {
        let mut random = StdRng::seed_from_u64(SEED);
        let weights = key_counts.iter().map(|count| float(*count + 1).ln());
        let types = Weighted::new(weights);
        let keys = key_counts.iter().map(|count| Popularity::new(*count, &mut random)).collect();
        Self { random, types, keys, minute: 0 }
    }

    /// The reads of the next so many minutes.
    pub(crate) fn next(&mut self, span: Minutes) -> Vec<Read> {
        (0..span.0).flat_map(|_| self.next_minute()).collect()
    }

    fn next_minute(&mut self) -> Vec<Read> {
        self.minute += 1;
        if self.minute.is_multiple_of(SHIFT_EVERY.0) {
            self.keys.iter_mut().for_each(|keys| keys.shift(&mut self.random));
        }
        (0..READS_A_MINUTE).map(|_| self.next_read()).collect()
    }

    fn next_read(&mut self) -> Read {
        let cached_type = self.types.sample(&mut self.random);
        Read { cached_type, key: self.keys[cached_type].sample(&mut self.random) }
    }
}

impl Popularity {
    fn new(count: usize, random: &mut StdRng) -> Self {
        let mut anywhere: Vec<usize> = (0..count).collect();
        anywhere.shuffle(random);
        let (mut newest, mut anywhere) = (0..count, anywhere.into_iter());
        let mut taken = vec![false; count];
        let mut key_of_rank = Vec::with_capacity(count);
        while key_of_rank.len() < count {
            let next = if random.random_bool(NEW_AMONG_HOT) { newest.next() } else { anywhere.next() };
            if let Some(key) = next.filter(|key| !std::mem::replace(&mut taken[*key], true)) {
                key_of_rank.push(key);
            }
        }
        let ranks = Weighted::new((1..=count).map(|rank| float(rank).powf(-EXPONENT)));
        Self { ranks, key_of_rank }
    }

    fn sample(&self, random: &mut StdRng) -> usize {
        self.key_of_rank[self.ranks.sample(random)]
    }

    /// Some ranks go to other keys.
    fn shift(&mut self, random: &mut StdRng) {
        let count = self.key_of_rank.len();
        for rank in 0..count {
            if random.random_bool(SHIFTED) {
                self.key_of_rank.swap(rank, random.random_range(0..count));
            }
        }
    }
}

/// Places with weights, by their sums up to each place.
struct Weighted(Vec<f64>);

impl Weighted {
    fn new(weights: impl Iterator<Item = f64>) -> Self {
        let sum_up = |sum: &mut f64, weight: f64| {
            *sum += weight;
            Some(*sum)
        };
        Self(weights.scan(0.0, sum_up).collect())
    }

    fn sample(&self, random: &mut StdRng) -> usize {
        let drawn = random.random::<f64>() * self.0.last().expect("there is something to draw from");
        self.0.partition_point(|sum| *sum <= drawn).min(self.0.len() - 1)
    }
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn float(number: usize) -> f64 {
    number as f64
}
