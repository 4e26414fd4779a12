//! Histograms with few buckets, made from the fine ones of the cache.
//!
//! Invariant: each bound is the largest value of one of the fine buckets, so that no value is on the wrong side of it.
//! That is why the bound for a millisecond is 0.001048575.
//!
//! Used by `counted.rs`.

use hdrhistogram::Histogram;

use crate::family::Value;

const NANOS_PER_SECOND: f64 = 1e9;

/// Folds values in nanoseconds into buckets in seconds. `bounds`, in nanoseconds and ascending, are rounded up to those
/// of the fine buckets.
#[expect(clippy::cast_precision_loss, reason = "times are less than 2^53 nanoseconds, which are 104 days")]
pub(crate) fn fold(fine: &Histogram<u64>, bounds: &[u64]) -> Value {
    let bounds: Vec<u64> = bounds.iter().map(|bound| fine.highest_equivalent(*bound)).collect();
    let mut counts = vec![0; bounds.len() + 1];
    let mut nanos = 0.0;
    for bucket in fine.iter_recorded() {
        let value = bucket.value_iterated_to();
        counts[bounds.partition_point(|bound| *bound < value)] += bucket.count_at_value();
        nanos += fine.median_equivalent(value) as f64 * bucket.count_at_value() as f64;
    }
    let bounds = bounds.iter().map(|bound| *bound as f64 / NANOS_PER_SECOND).chain([f64::INFINITY]);
    Value::Buckets { buckets: bounds.zip(counts).collect(), sum: nanos / NANOS_PER_SECOND }
}

#[cfg(test)]
mod tests {
    use billing_cache::empty_histogram;

    use super::*;

    const BOUNDS: [u64; 3] = [1_000, 1_000_000, 250_000_000];

    #[test]
    fn each_value_lies_below_the_bounds_that_are_not_less_than_it() {
        let mut fine = empty_histogram();
        let mut values: Vec<u64> = (0..30).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1]).collect();
        values.extend(BOUNDS.iter().flat_map(|bound| [bound - 1, *bound, bound + 1, bound * 105 / 100]));
        // 0 is recorded as 1, by the cache too.
        values.iter().for_each(|value| fine.record((*value).max(1)).unwrap());
        let Value::Buckets { buckets, sum } = fold(&fine, &BOUNDS) else { panic!("a histogram has buckets") };
        let mut cumulative = 0;
        for (bound, count) in &buckets {
            cumulative += count;
            let below = values.iter().filter(|value| (**value).max(1) as f64 / NANOS_PER_SECOND <= *bound).count();
            assert_eq!(cumulative, below as u64, "le={bound}");
        }
        assert_eq!(cumulative, values.len() as u64);
        let exact: f64 = values.iter().map(|value| *value as f64 / NANOS_PER_SECOND).sum();
        assert!((sum / exact - 1.0).abs() < 0.05, "{sum} is about {exact}");
    }

    #[test]
    fn bounds_are_at_most_seven_percent_above_what_was_asked_for_and_ascend() {
        let Value::Buckets { buckets, sum } = fold(&empty_histogram(), &BOUNDS) else { panic!() };
        for ((bound, count), wanted) in buckets.iter().zip(BOUNDS) {
            let ratio = bound / (wanted as f64 / NANOS_PER_SECOND);
            assert!((1.0..1.07).contains(&ratio), "{bound} for {wanted}");
            assert_eq!(*count, 0);
        }
        assert_eq!((buckets[3], sum), ((f64::INFINITY, 0), 0.0));
    }
}
