//! Remembers the hot keys of earlier rounds, because a Redis that restarts empty has lost the read statistics together
//! with the values.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use billing_cache::{HotKey, HotKeys};

/// The last known hot keys of each type. They fade with the half-life of reads.
pub(super) struct Memory {
    half_life: Option<Duration>,
    types: HashMap<&'static str, (Instant, HotKeys)>,
}

impl Memory {
    /// Remembers nothing; for a single round.
    pub(super) fn none() -> Self {
        Self { half_life: None, types: HashMap::new() }
    }

    pub(super) fn fading(half_life: Duration) -> Self {
        Self { half_life: Some(half_life), types: HashMap::new() }
    }

    /// The found keys merged with the faded keys from before, with the higher rate of each; up to `limit` keys, the
    /// hottest first.
    pub(super) fn recall(&mut self, cache_type: &'static str, found: HotKeys, limit: usize) -> HotKeys {
        let Some(half_life) = self.half_life else { return found };
        let now = Instant::now();
        let hot = match self.types.remove(cache_type) {
            Some((looked, before)) => {
                let half_lives = (now - looked).as_secs_f64() / half_life.as_secs_f64();
                more_of(found, before, (-half_lives).exp2(), limit)
            }
            None => found,
        };
        self.types.insert(cache_type, (now, hot.clone()));
        hot
    }
}

fn more_of(found: HotKeys, before: HotKeys, left: f64, limit: usize) -> HotKeys {
    let reads_per_hour = found.reads_per_hour.max(before.reads_per_hour * left);
    let mut rates: HashMap<String, f64> =
        before.keys.into_iter().map(|key| (key.text, key.reads_per_hour * left)).collect();
    for key in found.keys {
        let rate = rates.entry(key.text).or_default();
        *rate = rate.max(key.reads_per_hour);
    }
    let mut keys: Vec<HotKey> =
        rates.into_iter().map(|(text, reads_per_hour)| HotKey { text, reads_per_hour }).collect();
    keys.sort_by(|a, b| b.reads_per_hour.total_cmp(&a.reads_per_hour).then_with(|| a.text.cmp(&b.text)));
    keys.truncate(limit);
    HotKeys { keys, reads_per_hour }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hot(keys: &[(&str, f64)]) -> HotKeys {
        let key =
            |(text, reads_per_hour): &(&str, f64)| HotKey { text: (*text).into(), reads_per_hour: *reads_per_hour };
        HotKeys { keys: keys.iter().map(key).collect(), reads_per_hour: keys.iter().map(|(_, rate)| rate).sum() }
    }

    #[test]
    fn what_redis_forgot_fades_and_gives_way_to_what_is_read_now() {
        let before = hot(&[("invoice:1", 80.0), ("invoice:2", 40.0)]);
        let found = hot(&[("invoice:3", 30.0), ("invoice:2", 1.0)]);
        let half_a_life_later = more_of(found, before, 0.5, 2);
        assert_eq!(half_a_life_later.keys, hot(&[("invoice:1", 40.0), ("invoice:3", 30.0)]).keys);
        assert!((half_a_life_later.reads_per_hour - 60.0).abs() < 1e-9);
    }

    #[test]
    fn whoever_looks_once_sees_what_there_is() {
        let found = hot(&[("invoice:1", 1.0)]);
        let mut memory = Memory::none();
        memory.recall("invoices", hot(&[("invoice:2", 9.0)]), 10);
        assert_eq!(memory.recall("invoices", found.clone(), 10), found);
    }
}
