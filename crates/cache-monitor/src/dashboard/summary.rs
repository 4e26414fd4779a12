//! Turns counts and histograms into the numbers of the page.
//!
//! Invariant: a pure function of [`Numbers`]: the same period gives the same report, in the snapshot and in the
//! history.

use std::collections::BTreeMap;
use std::time::Duration;

use billing_cache::{Distribution, Event, Numbers, PROCESS_WIDE};
use cli_support::render::to_f64;
use hdrhistogram::Histogram;

use super::model::{Ages, AuditCounts, BacklogPeak, Delays, Latencies, Latency, MissReasons, NumbersReport};

const MICROSECOND_NANOS: f64 = 1e3;
const MILLISECOND_NANOS: f64 = 1e6;
const SECOND_NANOS: f64 = 1e9;

/// The numbers of each of these types, and of all together including events without a type. `length` is the length of
/// the period.
pub(crate) fn summarize(
    numbers: &Numbers,
    types: &[&'static str],
    length: Duration,
) -> (NumbersReport, BTreeMap<&'static str, NumbersReport>) {
    let reports: BTreeMap<_, _> = types
        .iter()
        .map(|name| (*name, Counted { numbers, names: std::slice::from_ref(name) }.report(length)))
        .collect();
    let everything: Vec<&str> = types.iter().copied().chain([PROCESS_WIDE]).collect();
    let mut total = Counted { numbers, names: &everything }.report(length);
    // The types have different load times, so the savings are summed per type instead of computed from the mean.
    let saved: Vec<f64> = reports.values().filter_map(|report| report.saved_seconds).collect();
    total.saved_seconds = (!saved.is_empty()).then(|| saved.iter().sum());
    (total, reports)
}

/// The results of audits in this period.
pub(crate) fn audit_counts(numbers: &Numbers, types: &[&'static str]) -> AuditCounts {
    let counted = Counted { numbers, names: types };
    AuditCounts {
        right: counted.count(Event::AuditRight),
        stale: counted.count(Event::AuditStale),
        pending: counted.count(Event::AuditPending),
        undecodable: counted.count(Event::AuditUndecodable),
    }
}

/// The peak of the outbox backlog in this period.
pub(crate) fn backlog_peak(numbers: &Numbers) -> BacklogPeak {
    let max = |distribution| {
        let histogram = numbers.histogram(PROCESS_WIDE, distribution);
        (!histogram.is_empty()).then(|| histogram.max())
    };
    let (rows, age) = (max(Distribution::BacklogRows), max(Distribution::BacklogAge));
    BacklogPeak { rows_max: rows, oldest_max_seconds: age.map(|nanos| to_f64(nanos) / SECOND_NANOS) }
}

/// The requests for these types in this period.
pub(crate) fn requests(numbers: &Numbers, types: &[&'static str]) -> u64 {
    Counted { numbers, names: types }.requests()
}

/// The numbers of some types together.
struct Counted<'a> {
    numbers: &'a Numbers,
    names: &'a [&'a str],
}

impl Counted<'_> {
    fn count(&self, event: Event) -> u64 {
        self.names.iter().map(|name| self.numbers.count(name, event)).sum()
    }

    fn histogram(&self, distribution: Distribution) -> Histogram<u64> {
        let mut histograms = self.names.iter().map(|name| self.numbers.histogram(name, distribution));
        let first = histograms.next().unwrap_or_else(billing_cache::empty_histogram);
        histograms.fold(first, |mut sum, histogram| {
            sum.add(histogram).expect("all histograms have the same bounds");
            sum
        })
    }

    fn requests(&self) -> u64 {
        [Event::HitL1, Event::HitL2, Event::Miss, Event::Bypass].map(|event| self.count(event)).iter().sum()
    }

    fn report(&self, length: Duration) -> NumbersReport {
        let (requests, hit_l1, hit_l2) = (self.requests(), self.count(Event::HitL1), self.count(Event::HitL2));
        let rate = |hits: u64| (requests > 0).then(|| to_f64(hits) / to_f64(requests));
        NumbersReport {
            requests,
            requests_per_second: (!length.is_zero()).then(|| to_f64(requests) / length.as_secs_f64()),
            hit_l1,
            hit_l2,
            misses: self.count(Event::Miss),
            bypassed: self.count(Event::Bypass),
            hit_rate: rate(hit_l1 + hit_l2),
            l1_rate: rate(hit_l1),
            l2_rate: rate(hit_l2),
            latency: self.latencies(),
            saved_seconds: self.saved_seconds(),
            miss_reasons: self.miss_reasons(),
            loads: self.count(Event::Load),
            loads_failed: self.count(Event::LoadFailed),
            overloaded: self.count(Event::Overloaded),
            fills_stored: self.count(Event::FillStored),
            fills_refused: self.count(Event::FillLost),
            refreshed_ahead: self.count(Event::Refreshed),
            coalesced: self.count(Event::Coalesced),
            contended: self.count(Event::Contended),
            redis_errors: self.count(Event::RedisError),
            invalidations: self.count(Event::Invalidated),
            invalidations_pending: self.count(Event::InvalidationPending),
            invalidation_delay: delays(&self.histogram(Distribution::InvalidationDelay)),
            age_at_serve: ages(&self.histogram(Distribution::AgeAtServe)),
        }
    }

    fn latencies(&self) -> Latencies {
        let latency = |distribution| latency(&self.histogram(distribution));
        Latencies {
            l1: latency(Distribution::HitL1Time),
            l2: latency(Distribution::HitL2Time),
            miss: latency(Distribution::MissTime),
            bypass: latency(Distribution::BypassTime),
            database: latency(Distribution::LoadTime),
        }
    }

    fn miss_reasons(&self) -> MissReasons {
        MissReasons {
            cold: self.count(Event::MissCold),
            expired: self.count(Event::MissExpired),
            invalidated: self.count(Event::MissInvalidated),
            evicted: self.count(Event::MissEvicted),
            undecodable: self.count(Event::Undecodable),
            bypassed: self.count(Event::Bypass),
        }
    }

    /// Hits × (mean load − mean hit), for each tier. L1 hits are sampled; without a sample they count as zero time,
    /// which is wrong by less than a microsecond each. `None` if no load or no L2 hit was measured.
    fn saved_seconds(&self) -> Option<f64> {
        let load = mean(&self.histogram(Distribution::LoadTime))?;
        let (hit_l1, hit_l2) = (self.count(Event::HitL1), self.count(Event::HitL2));
        let l1 = mean(&self.histogram(Distribution::HitL1Time)).unwrap_or(0.0);
        let l2 = match mean(&self.histogram(Distribution::HitL2Time)) {
            Some(mean) => mean,
            None if hit_l2 == 0 => 0.0,
            None => return None,
        };
        Some((to_f64(hit_l1) * (load - l1) + to_f64(hit_l2) * (load - l2)) / SECOND_NANOS)
    }
}

/// In nanoseconds; `None` if it is empty.
fn mean(histogram: &Histogram<u64>) -> Option<f64> {
    (!histogram.is_empty()).then(|| histogram.mean())
}

/// The count, and p50, p95, p99 and the maximum in this unit.
fn quantiles(histogram: &Histogram<u64>, unit_nanos: f64) -> (u64, [Option<f64>; 4]) {
    let of = |nanos: u64| (!histogram.is_empty()).then(|| to_f64(nanos) / unit_nanos);
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|quantile| histogram.value_at_quantile(quantile));
    (histogram.len(), [p50, p95, p99, histogram.max()].map(of))
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    let (count, [p50_us, p95_us, p99_us, max_us]) = quantiles(histogram, MICROSECOND_NANOS);
    Latency { count, p50_us, p95_us, p99_us, max_us }
}

fn delays(histogram: &Histogram<u64>) -> Delays {
    let (count, [p50_ms, p95_ms, p99_ms, max_ms]) = quantiles(histogram, MILLISECOND_NANOS);
    Delays { count, p50_ms, p95_ms, p99_ms, max_ms }
}

fn ages(histogram: &Histogram<u64>) -> Ages {
    let (count, [p50_seconds, p95_seconds, p99_seconds, max_seconds]) = quantiles(histogram, SECOND_NANOS);
    Ages { count, p50_seconds, p95_seconds, p99_seconds, max_seconds }
}

#[cfg(test)]
mod tests {
    use billing_core::cached::{BillingCache, CACHED_TYPES};
    use billing_core::settings::Settings;
    use cli_support::open;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn names() -> Vec<&'static str> {
        CACHED_TYPES.iter().map(|cached| cached.info().name).collect()
    }

    /// A cache that counts, with a Redis that is unreachable.
    async fn counting() -> BillingCache {
        let mut settings = Settings::defaults();
        (settings.redis.host, settings.redis.port) = ("127.0.0.1".to_owned(), 1);
        open::cache_to_look_at(&settings).await.unwrap()
    }

    #[tokio::test]
    async fn nothing_counted_makes_no_rates_and_no_times() {
        let (total, types) = summarize(&Numbers::default(), &names(), Duration::ZERO);
        assert_eq!((total.requests, total.requests_per_second, total.hit_rate), (0, None, None));
        assert_eq!((total.saved_seconds, total.latency.l1), (None, Latency::default()));
        assert_eq!(types.len(), names().len());
        assert_eq!(backlog_peak(&Numbers::default()), BacklogPeak::default());
    }

    #[tokio::test]
    async fn rates_are_shares_of_all_requests_and_the_total_is_the_sum() {
        let cache = counting().await;
        for (name, event, count) in [
            ("invoices", Event::HitL2, 60),
            ("invoices", Event::Miss, 30),
            ("invoices", Event::Bypass, 10),
            ("tax_rates", Event::HitL1, 100),
            ("tax_rates", Event::AuditStale, 2),
            (PROCESS_WIDE, Event::RedisError, 5),
        ] {
            cache.count_many(name, event, count);
        }
        let numbers = cache.own_numbers();
        let (total, types) = summarize(&numbers, &names(), MINUTE);
        let invoices = &types["invoices"];
        assert_eq!((invoices.requests, invoices.hit_rate, invoices.l1_rate), (100, Some(0.6), Some(0.0)));
        assert_eq!((total.requests, total.hit_rate, total.l1_rate), (200, Some(0.8), Some(0.5)));
        assert_eq!((total.requests_per_second, total.redis_errors), (Some(200.0 / 60.0), 5));
        assert_eq!(invoices.miss_reasons.bypassed, 10);
        assert_eq!(audit_counts(&numbers, &names()), AuditCounts { stale: 2, ..AuditCounts::default() });
        assert_eq!(requests(&numbers, &names()), 200);
    }

    #[tokio::test]
    async fn time_saved_is_that_of_each_tier_against_the_loads_of_its_type() {
        let cache = counting().await;
        cache.count_many("invoices", Event::HitL2, 1_000);
        cache.count_many("tax_rates", Event::HitL1, 1_000);
        let saved = |cache: &BillingCache| {
            let (total, types) = summarize(&cache.own_numbers(), &names(), MINUTE);
            [types["invoices"].saved_seconds, types["tax_rates"].saved_seconds, total.saved_seconds]
        };
        assert_eq!(saved(&cache), [None; 3], "no load was measured");
        cache.record("invoices", Distribution::LoadTime, 11_000_000);
        cache.record("tax_rates", Distribution::LoadTime, 2_000_000);
        let [invoices, tax_rates, total] = saved(&cache);
        assert_eq!(invoices, None, "no hit of L2 was measured");
        assert_eq!(tax_rates, total);
        assert_about(tax_rates, 2.0);
        cache.record("invoices", Distribution::HitL2Time, 1_000_000);
        let [invoices, _, total] = saved(&cache);
        assert_about(invoices, 10.0);
        assert_about(total, 12.0);
    }

    #[tokio::test]
    async fn times_come_in_the_unit_of_their_name() {
        let cache = counting().await;
        cache.record("invoices", Distribution::HitL2Time, 250_000);
        cache.record("invoices", Distribution::InvalidationDelay, 40_000_000);
        cache.record("invoices", Distribution::AgeAtServe, 90_000_000_000);
        cache.record(PROCESS_WIDE, Distribution::BacklogAge, 3_000_000_000);
        let (total, types) = summarize(&cache.own_numbers(), &names(), MINUTE);
        assert_eq!(total, NumbersReport { saved_seconds: None, ..types["invoices"].clone() });
        assert_about(total.latency.l2.p99_us, 250.0);
        assert_about(total.invalidation_delay.max_ms, 40.0);
        assert_about(total.age_at_serve.p50_seconds, 90.0);
        assert_about(backlog_peak(&cache.own_numbers()).oldest_max_seconds, 3.0);
    }

    #[tokio::test]
    async fn a_backlog_without_rows_is_none() {
        let cache = counting().await;
        cache.record(PROCESS_WIDE, Distribution::BacklogRows, 0);
        cache.record(PROCESS_WIDE, Distribution::BacklogAge, 0);
        let nothing = BacklogPeak { rows_max: Some(0), oldest_max_seconds: Some(0.0) };
        assert_eq!(backlog_peak(&cache.own_numbers()), nothing);
        cache.record(PROCESS_WIDE, Distribution::BacklogRows, 1);
        cache.record(PROCESS_WIDE, Distribution::BacklogAge, 2_000_000_000);
        let peak = backlog_peak(&cache.own_numbers());
        assert_eq!(peak.rows_max, Some(1));
        assert_about(peak.oldest_max_seconds, 2.0);
    }

    /// Values of a histogram are exact to one eighth.
    #[track_caller]
    fn assert_about(found: Option<f64>, wanted: f64) {
        let found = found.expect("something was measured");
        assert!((found / wanted - 1.0).abs() < 0.13, "{found} is not about {wanted}");
    }
}
