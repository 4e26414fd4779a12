//! An hour that never was, so that charts have something to show: what was really counted, repeated for each minute,
//! more or less of it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use system_tests::Site;

const MINUTES: u64 = 60;
const KEPT_SECONDS: i64 = 2 * 3600;
/// A few reads of a test as those of a platform.
const BUSY: f64 = 25.0;
/// So many minutes ago a wave of writes made much of the cache wrong.
const STORM: f64 = 22.0;

/// Counts by field, by cached type.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// Repeats what has been counted so far for each minute of the last hour.
pub(super) fn make_up(site: &Site) {
    let counted = counted(site);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs() / 60;
    let mut pipeline = redis::pipe();
    for (ago, (cache_type, fields)) in (1..=MINUTES).flat_map(|ago| counted.iter().map(move |counts| (ago, counts))) {
        let key = format!("billing_cache:{{numbers}}:minute:{}:{cache_type}", now - ago);
        for (field, count) in fields {
            pipeline.hset(&key, field, varied(field, *count, ago)).ignore();
        }
        pipeline.expire(&key, KEPT_SECONDS).ignore();
    }
    let mut connection = site.redis.connection().unwrap_or_else(|error| panic!("{error:#}"));
    pipeline.query::<()>(&mut connection).expect("Redis takes an hour");
}

fn counted(site: &Site) -> Counts {
    let mut counted = Counts::new();
    for key in site.redis_keys("billing_cache:{numbers}:minute:*") {
        let (_, cache_type) = key.rsplit_once(':').expect("the name of a bucket ends with a type");
        let fields: BTreeMap<String, u64> = site.redis.command(&["HGETALL", &key]).expect("a bucket is a hash");
        for (field, count) in fields {
            *counted.entry(cache_type.to_owned()).or_default().entry(field).or_default() += count;
        }
    }
    counted
}

/// The tide of a day, and a storm in it that hits do not feel; without it nothing waits.
fn varied(field: &str, count: u64, ago: u64) -> String {
    let minute = f64::from(u32::try_from(ago).unwrap_or(u32::MAX));
    let storm = 3.0 * (-((minute - STORM) / 3.0).powi(2)).exp();
    let share = match field.split('_').next() {
        Some("hit") => tide(minute, 0.0),
        Some("backlog") => storm / BUSY,
        // Each step of a distribution goes its own way, so that percentiles move.
        _ => tide(minute, f64::from(field.bytes().map(u32::from).sum::<u32>())) + storm,
    };
    let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    format!("{:.0}", count * BUSY * share)
}

fn tide(minute: f64, phase: f64) -> f64 {
    1.0 + 0.3 * (minute / 9.0).sin() + 0.1 * (minute * 2.4 + phase).sin()
}
