//! A sketch of the most frequent texts of a stream, in bounded memory.
//!
//! The algorithm of Misra and Gries in the form of Anderson et al., "A High-Performance Algorithm for Identifying
//! Frequent Items in Data Streams" (IMC 2017, arXiv:1705.07001), which Apache DataSketches has as its frequent items
//! sketch: weighted, mergeable, constant average time per addition. When the table is full, the median of all weights
//! is subtracted from each weight, which frees half of the table.
//!
//! Invariants: the table never has more texts than its capacity. A weight is never too high. It is too low by at most
//! twice the total weight added, divided by the capacity. So a text with a greater share than that is always found.
//!
//! Used by `popularity`.

use std::collections::HashMap;

/// A sketch; see the module.
#[derive(Debug)]
pub(crate) struct Frequent {
    capacity: usize,
    weights: HashMap<Box<str>, f64, foldhash::fast::RandomState>,
    total: f64,
}

impl Frequent {
    /// An empty sketch of at most `capacity` texts.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, weights: HashMap::default(), total: 0.0 }
    }

    /// Adds to the weight of a text. Allocates only if the text is not in the table.
    pub(crate) fn add(&mut self, text: &str, weight: f64) {
        self.total += weight;
        self.count_in(text, weight);
    }

    /// Adds the weights of another sketch.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.total += other.total;
        for (text, weight) in other.iter() {
            self.count_in(text, weight);
        }
    }

    /// Multiplies all weights.
    pub(crate) fn scale(&mut self, factor: f64) {
        self.total *= factor;
        self.weights.values_mut().for_each(|weight| *weight *= factor);
    }

    /// The sum of all weights added, for any text.
    pub(crate) fn total(&self) -> f64 {
        self.total
    }

    /// The texts in the table with their weights, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.weights.iter().map(|(text, weight)| (&**text, *weight))
    }

    fn count_in(&mut self, text: &str, weight: f64) {
        if let Some(known) = self.weights.get_mut(text) {
            *known += weight;
            return;
        }
        self.weights.insert(text.into(), weight);
        if self.weights.len() > self.capacity {
            self.purge();
        }
    }

    fn purge(&mut self) {
        let mut weights: Vec<f64> = self.weights.values().copied().collect();
        let middle = weights.len() / 2;
        let median = *weights.select_nth_unstable_by(middle, f64::total_cmp).1;
        self.weights.retain(|_, weight| {
            *weight -= median;
            *weight > 0.0
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAPACITY: usize = 16;

    fn sketch_of(stream: &[(u8, f64)]) -> Frequent {
        let mut sketch = Frequent::new(CAPACITY);
        stream.iter().for_each(|(text, weight)| sketch.add(&text.to_string(), *weight));
        sketch
    }

    fn exact(stream: &[(u8, f64)]) -> HashMap<String, f64> {
        let mut sums = HashMap::new();
        stream.iter().for_each(|(text, weight)| *sums.entry(text.to_string()).or_default() += weight);
        sums
    }

    /// Low numbers are frequent, as in the reads of a day.
    fn skewed() -> impl Strategy<Value = Vec<(u8, f64)>> {
        let text = (any::<u8>(), any::<u8>()).prop_map(|(a, b)| if a < 128 { b % 4 } else { b });
        prop::collection::vec((text, 0.1_f64..4.0), 1..2_000)
    }

    fn check(sketch: &Frequent, stream: &[(u8, f64)]) -> Result<(), TestCaseError> {
        let (exact, total) = (exact(stream), stream.iter().map(|(_, weight)| weight).sum::<f64>());
        let known: HashMap<&str, f64> = sketch.iter().collect();
        let (error, noise) = (2.0 * total / 16.0, 1e-9 * total);
        prop_assert!(known.len() <= CAPACITY);
        prop_assert!((sketch.total() - total).abs() <= noise);
        for (text, exact) in &exact {
            let known = known.get(text.as_str()).copied().unwrap_or(0.0);
            prop_assert!(known <= exact + noise && known >= exact - error - noise, "{text}: {known} of {exact}");
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn no_weight_is_too_high_and_heavy_hitters_are_found(stream in skewed()) {
            check(&sketch_of(&stream), &stream)?;
        }

        #[test]
        fn a_merged_sketch_is_as_good_as_one_of_both_streams(first in skewed(), second in skewed()) {
            let mut merged = sketch_of(&first);
            merged.merge(&sketch_of(&second));
            let both: Vec<_> = first.into_iter().chain(second).collect();
            check(&merged, &both)?;
        }
    }

    #[test]
    fn scaling_scales_everything() {
        let mut sketch = sketch_of(&[(1, 8.0), (2, 4.0)]);
        sketch.scale(0.25);
        let mut weights: Vec<_> = sketch.iter().collect();
        weights.sort_by(|a, b| a.0.cmp(b.0));
        assert_eq!((weights, sketch.total()), (vec![("1", 2.0), ("2", 1.0)], 3.0));
    }
}
