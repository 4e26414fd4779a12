//! The metrics that come from the counters and histograms of the cache: which event becomes which series.
//!
//! Used by `process.rs` and `installation.rs`.

use billing_cache::{Distribution, Event, Numbers, Tier, TypeInfo};

use crate::buckets;
use crate::family::{Family, Value};

/// A counter by type; the series of a type differ in one label, or there is only one.
struct Counted {
    name: &'static str,
    help: &'static str,
    series: Series<Event>,
}

/// A histogram by type.
struct Measured {
    name: &'static str,
    help: &'static str,
    series: Series<Distribution>,
    /// In nanoseconds, ascending; approximate, see [`buckets`].
    bounds: &'static [u64],
}

/// The series of one type.
enum Series<T: 'static> {
    One(T),
    By { label: &'static str, values: &'static [(&'static str, T)] },
}

impl<T: Copy> Series<T> {
    /// Each series with its labels.
    fn of_type<'a>(&'static self, cache_type: &'a str) -> Vec<(Vec<(&'static str, &'a str)>, T)> {
        let of_type = ("type", cache_type);
        match self {
            Self::One(what) => vec![(vec![of_type], *what)],
            Self::By { label, values } => {
                values.iter().map(|(value, what)| (vec![of_type, (*label, *value)], *what)).collect()
            }
        }
    }
}

/// The counters of reads and writes of a process.
static COUNTED: [Counted; 10] = [
    Counted {
        name: "requests",
        help: "Reads that were answered, by where the answer came from.",
        series: Series::By {
            label: "tier",
            values: &[
                (Tier::L1.as_str(), Event::HitL1),
                (Tier::L2.as_str(), Event::HitL2),
                (Tier::Loaded.as_str(), Event::Miss),
                (Tier::Bypassed.as_str(), Event::Bypass),
            ],
        },
    },
    Counted {
        name: "misses",
        help: "Reads that found nothing usable in the cache, by reason.",
        series: Series::By {
            label: "reason",
            values: &[
                ("cold", Event::MissCold),
                ("expired", Event::MissExpired),
                ("invalidated", Event::MissInvalidated),
                ("evicted", Event::MissEvicted),
                ("undecodable", Event::Undecodable),
                ("bypassed", Event::Bypass),
            ],
        },
    },
    Counted {
        name: "loads",
        help: "Questions to the database, each for one or many values.",
        series: Series::One(Event::Load),
    },
    Counted {
        name: "load_failures",
        help: "Questions to the database that failed or took longer than cache.load_deadline_ms.",
        series: Series::One(Event::LoadFailed),
    },
    Counted {
        name: "overload_rejections",
        help: "Loads that were refused because cache.max_loads others went on.",
        series: Series::One(Event::Overloaded),
    },
    Counted {
        name: "fills",
        help: "Loaded values: stored, stored ahead of the end of the old one (refreshed), or lost to an invalidation.",
        series: Series::By {
            label: "outcome",
            values: &[("stored", Event::FillStored), ("refreshed", Event::Refreshed), ("lost", Event::FillLost)],
        },
    },
    Counted {
        name: "coalesced_requests",
        help: "Reads that joined a load in progress of their process.",
        series: Series::One(Event::Coalesced),
    },
    Counted {
        name: "lease_contentions",
        help: "Times that a load found the lease of its key held by another process.",
        series: Series::One(Event::Contended),
    },
    Counted {
        name: "invalidations",
        help: "Keys that writes invalidated: done, or pending because Redis could not be told in time.",
        series: Series::By {
            label: "outcome",
            values: &[("done", Event::Invalidated), ("pending", Event::InvalidationPending)],
        },
    },
    Counted {
        name: "redis_errors",
        help: "Commands of reads to Redis that failed or timed out.",
        series: Series::One(Event::RedisError),
    },
];

/// The counters of an audit.
static AUDITED: [Counted; 1] = [Counted {
    name: "audited_values",
    help: "Cached values that the audit of this process compared with the database, by what it found.",
    series: Series::By {
        label: "outcome",
        values: &[
            ("right", Event::AuditRight),
            ("stale", Event::AuditStale),
            ("pending", Event::AuditPending),
            ("undecodable", Event::AuditUndecodable),
        ],
    },
}];

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;

/// From a hit in memory to the deadline of a load.
const REQUEST_BOUNDS: [u64; 14] = [
    MICROSECOND,
    10 * MICROSECOND,
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    5 * MILLISECOND / 2,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    500 * MILLISECOND,
    2 * SECOND,
];

/// Up to the deadline of a load.
const LOAD_BOUNDS: [u64; 10] = [
    500 * MICROSECOND,
    MILLISECOND,
    5 * MILLISECOND / 2,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    500 * MILLISECOND,
    2 * SECOND,
];

/// For a round trip, the deadline of a writer, and the backlog of a relay.
const DELAY_BOUNDS: [u64; 10] = [
    500 * MICROSECOND,
    MILLISECOND,
    5 * MILLISECOND,
    10 * MILLISECOND,
    50 * MILLISECOND,
    250 * MILLISECOND,
    SECOND,
    5 * SECOND,
    30 * SECOND,
    300 * SECOND,
];

/// Up to the longest time to live.
const AGE_BOUNDS: [u64; 9] = [
    SECOND,
    10 * SECOND,
    30 * SECOND,
    60 * SECOND,
    300 * SECOND,
    600 * SECOND,
    3_600 * SECOND,
    6 * 3_600 * SECOND,
    24 * 3_600 * SECOND,
];

/// The measurements of reads and writes of a process.
static MEASURED: [Measured; 4] = [
    Measured {
        name: "request_duration",
        help: "Time of a read, by where the answer came from; of hits in memory one in many is measured.",
        series: Series::By {
            label: "tier",
            values: &[
                (Tier::L1.as_str(), Distribution::HitL1Time),
                (Tier::L2.as_str(), Distribution::HitL2Time),
                (Tier::Loaded.as_str(), Distribution::MissTime),
                (Tier::Bypassed.as_str(), Distribution::BypassTime),
            ],
        },
        bounds: &REQUEST_BOUNDS,
    },
    Measured {
        name: "load_duration",
        help: "Time that the database took for the load of a single value.",
        series: Series::One(Distribution::LoadTime),
        bounds: &LOAD_BOUNDS,
    },
    Measured {
        name: "invalidation_delay",
        help: "Time from the commit of a write until Redis was told of it.",
        series: Series::One(Distribution::InvalidationDelay),
        bounds: &DELAY_BOUNDS,
    },
    Measured {
        name: "age_at_serve",
        help: "Age of a cached value when it was served, at most; of one read in many.",
        series: Series::One(Distribution::AgeAtServe),
        bounds: &AGE_BOUNDS,
    },
];

/// The counters and histograms of a process that reads and writes.
pub(crate) fn of_process(numbers: &Numbers, types: &[TypeInfo]) -> Vec<Family> {
    let counters = COUNTED.iter().map(|counted| counted.family(numbers, types));
    counters.chain(MEASURED.iter().map(|measured| measured.family(numbers, types))).collect()
}

/// The counters of a process that audits.
pub(crate) fn of_audit(numbers: &Numbers, types: &[TypeInfo]) -> Vec<Family> {
    AUDITED.iter().map(|counted| counted.family(numbers, types)).collect()
}

impl Counted {
    fn family(&'static self, numbers: &Numbers, types: &[TypeInfo]) -> Family {
        let series = types.iter().flat_map(|info| {
            let of_type = self.series.of_type(info.name).into_iter();
            of_type.map(|(labels, event)| (labels, Value::Count(numbers.count(info.name, event))))
        });
        let family = Family::counter(self.name, self.help);
        series.fold(family, |family, (labels, value)| family.with(&labels, value))
    }
}

impl Measured {
    fn family(&'static self, numbers: &Numbers, types: &[TypeInfo]) -> Family {
        let series = types.iter().flat_map(|info| {
            let of_type = self.series.of_type(info.name).into_iter();
            of_type.map(|(labels, distribution)| {
                (labels, buckets::fold(&numbers.histogram(info.name, distribution), self.bounds))
            })
        });
        let family = Family::histogram(self.name, self.help);
        series.fold(family, |family, (labels, value)| family.with(&labels, value))
    }
}
