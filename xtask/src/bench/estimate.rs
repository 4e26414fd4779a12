//! What follows from the measured costs for a provider with so many customers: a model of one hour, in plain arithmetic.

use super::costs::{
    BYTES_A_KEY, DATABASE, FROM_REDIS, HIT, KEY_COUNT, KEYS, LONE_HIT, MANY, MISS, OPERATIONS, PAYMENT, PROCESS, REDIS,
    SERVICE, TO_REDIS,
};
use super::record::{Record, Records};
use super::{OURS, compare};

/// Customers who look at their bills in the busiest hour.
pub(super) const BUSY_SHARE: f64 = 0.1;
/// Pages of a visit, within the life of what is cached. Each shows the same.
pub(super) const PAGES: f64 = 3.0;
/// Of a page, beside the customer's credit notes, a tax rate and the active discounts.
pub(super) const INVOICES: f64 = 2.0;
/// Visits that end with a payment.
pub(super) const PAYING: f64 = 0.2;
/// TTLs, in seconds.
pub(super) const INVOICE_LIFE: f64 = 300.0;
pub(super) const NOTES_LIFE: f64 = 600.0;

/// Costs of one operation: times in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Operation {
    pub(super) time: f64,
    pub(super) service: f64,
    pub(super) redis: f64,
    pub(super) database: f64,
    /// Bytes to and from Redis.
    pub(super) traffic: f64,
}

/// What is computed from.
#[derive(Clone, Debug)]
pub(super) struct Costs {
    /// Microseconds of a hit in the memory of the process.
    pub(super) memory_hit: f64,
    pub(super) lone_hit: Operation,
    /// Where many are asked for at once.
    pub(super) hit: Operation,
    /// Of one key of a hundred.
    pub(super) one_of_many: Operation,
    pub(super) miss: Operation,
    pub(super) payment: Operation,
    /// Microseconds of one invoice of many, if that was measured.
    pub(super) warm_up: Option<f64>,
    pub(super) keys: Vec<Keys>,
    /// Of a service without load, in MiB.
    pub(super) process_mib: f64,
    /// Of an invoice in the memory of a process, and of its value alone, if that was measured.
    pub(super) entry_and_value_bytes: Option<[f64; 2]>,
}

/// The keys of a type in the demo data.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) cached_type: String,
    pub(super) count: f64,
    pub(super) bytes: f64,
}

/// One hour of a provider; each number is of a second, if nothing else is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hour {
    pub(super) visits: f64,
    pub(super) memory_hits: f64,
    pub(super) redis_hits: f64,
    pub(super) loads: f64,
    pub(super) payments: f64,
    /// In Redis at a time.
    pub(super) invoices: f64,
    pub(super) credit_notes: f64,
    pub(super) bytes: f64,
    /// Cores that are busy.
    pub(super) service_cores: f64,
    pub(super) redis_cores: f64,
    pub(super) database_cores: f64,
    pub(super) traffic: f64,
    /// When Redis is away, or has just come back empty.
    pub(super) loads_without: f64,
    pub(super) database_cores_without: f64,
    /// Seconds of loading all that is in Redis at a time, if that was measured.
    pub(super) warm_up: Option<f64>,
    /// If each customer looked within the life of an invoice.
    pub(super) keys_of_all: f64,
    pub(super) bytes_of_all: f64,
}

impl Costs {
    /// `None` if something was not measured.
    pub(super) fn of(records: &Records) -> Option<Self> {
        let find = |section: &str, work: &str, side: &str, figure: &str| {
            let mut there = records.section(section).filter(|record| record.work == work && record.side == side);
            Some(there.find(|record| record.figure == figure)?.summary()?.median)
        };
        let operation = |work: &str| {
            let of = |figure: &str| find(OPERATIONS, work, OURS, figure);
            let (time, traffic) = (of("time")?, of(TO_REDIS)? + of(FROM_REDIS)?);
            Some(Operation { time, service: of(SERVICE)?, redis: of(REDIS)?, database: of(DATABASE)?, traffic })
        };
        let entry = |side: &str| find(compare::SECTION, "an invoice in the memory of the process", side, "bytes");
        Some(Self {
            memory_hit: find("hot-path", "L1 hit, 1 thread", OURS, "time")?,
            lone_hit: operation(LONE_HIT)?,
            hit: operation(HIT)?,
            one_of_many: operation(MANY)?.divided_by(100.0),
            miss: operation(MISS)?,
            payment: operation(PAYMENT)?,
            warm_up: find("service/postgres", "warm-up of 10,000 invoices", OURS, "time"),
            keys: keys(records),
            process_mib: find(PROCESS, "a service without load", OURS, "memory")?,
            entry_and_value_bytes: entry(OURS).zip(entry("the value alone")).map(<[f64; 2]>::from),
        })
    }

    /// Bytes of a key of a type, if the demo data have it.
    fn bytes_of(&self, cached_type: &str) -> f64 {
        self.keys.iter().find(|keys| keys.cached_type == cached_type).map_or(0.0, |keys| keys.bytes)
    }

    /// What does not grow with the customers: rates and discounts.
    fn bytes_of_others(&self) -> f64 {
        let is_of_customers = |keys: &&Keys| ["invoices", "user_credit_notes"].contains(&keys.cached_type.as_str());
        self.keys.iter().filter(|keys| !is_of_customers(keys)).map(|keys| keys.count * keys.bytes).sum()
    }
}

impl Operation {
    fn divided_by(self, keys: f64) -> Self {
        let Self { time, service, redis, database, traffic } = self;
        let [time, service, redis, database, traffic] =
            [time, service, redis, database, traffic].map(|cost| cost / keys);
        Self { time, service, redis, database, traffic }
    }
}

fn keys(records: &Records) -> Vec<Keys> {
    let median = |record: &Record| record.summary().map_or(0.0, |summary| summary.median);
    let of = |work: &str, figure: &str| {
        let mut there = records.section(KEYS).filter(|record| record.work == work);
        there.find(|record| record.figure == figure).map_or(0.0, median)
    };
    let types = records.section(KEYS).filter(|record| record.figure == KEY_COUNT);
    let keys = |record: &Record| Keys {
        cached_type: record.work.clone(),
        count: median(record),
        bytes: of(&record.work, BYTES_A_KEY),
    };
    types.map(keys).collect()
}

impl Hour {
    /// The busiest hour.
    pub(super) fn of(costs: &Costs, customers: f64) -> Self {
        let visits = customers * BUSY_SHARE / 3_600.0;
        let of_customers = visits * PAGES * (INVOICES + 1.0);
        let (memory_hits, payments) = (visits * PAGES * 2.0, visits * PAYING);
        // The first page, and one invoice after a payment.
        let loads = visits * (INVOICES + 1.0) + payments;
        let redis_hits = of_customers - loads;
        let cores = |of: fn(&Operation) -> f64| {
            let [hit, miss, payment] = [&costs.lone_hit, &costs.miss, &costs.payment].map(of);
            (redis_hits * hit + loads * miss + payments * payment) / 1e6
        };
        let (invoices, credit_notes) = (visits * INVOICES * INVOICE_LIFE, visits * NOTES_LIFE);
        let bytes = |invoices: f64, notes: f64| {
            invoices * costs.bytes_of("invoices")
                + notes * costs.bytes_of("user_credit_notes")
                + costs.bytes_of_others()
        };
        let written = payments * costs.payment.database;
        Self {
            visits,
            memory_hits,
            redis_hits,
            loads,
            payments,
            invoices,
            credit_notes,
            bytes: bytes(invoices, credit_notes),
            service_cores: cores(|operation| operation.service) + memory_hits * costs.memory_hit / 1e6,
            redis_cores: cores(|operation| operation.redis),
            database_cores: (loads * costs.miss.database + written) / 1e6,
            traffic: cores(|operation| operation.traffic) * 1e6,
            loads_without: of_customers,
            database_cores_without: (of_customers * costs.miss.database + written) / 1e6,
            warm_up: costs.warm_up.map(|cost| (invoices + credit_notes) * cost / 1e6),
            keys_of_all: customers * (INVOICES + 1.0),
            bytes_of_all: bytes(customers * INVOICES, customers),
        }
    }

    pub(super) fn reads(&self) -> f64 {
        self.memory_hits + self.redis_hits + self.loads
    }

    /// In percent.
    pub(super) fn hit_rate(&self) -> f64 {
        100.0 * (1.0 - self.loads / self.reads())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Round numbers.
    pub(in super::super) fn costs() -> Costs {
        let hit = Operation { time: 20.0, service: 10.0, redis: 5.0, database: 0.0, traffic: 1_000.0 };
        Costs {
            memory_hit: 0.05,
            lone_hit: hit,
            hit,
            one_of_many: hit,
            miss: Operation { time: 500.0, service: 200.0, redis: 20.0, database: 300.0, traffic: 2_000.0 },
            payment: Operation { time: 1_000.0, service: 400.0, redis: 30.0, database: 600.0, traffic: 500.0 },
            warm_up: Some(30.0),
            keys: vec![
                Keys { cached_type: "invoices".to_owned(), count: 1_000.0, bytes: 700.0 },
                Keys { cached_type: "user_credit_notes".to_owned(), count: 50.0, bytes: 500.0 },
                Keys { cached_type: "tax_rates".to_owned(), count: 32.0, bytes: 100.0 },
            ],
            process_mib: 20.0,
            entry_and_value_bytes: Some([900.0, 600.0]),
        }
    }

    #[test]
    fn an_hour_is_the_sum_of_its_visits() {
        let hour = Hour::of(&costs(), 36_000.0);
        assert!((hour.visits - 1.0).abs() < 1e-9 && (hour.reads() - 15.0).abs() < 1e-9, "{hour:?}");
        assert!((hour.loads - 3.2).abs() < 1e-9 && (hour.redis_hits - 5.8).abs() < 1e-9, "{hour:?}");
        assert!((hour.invoices - 600.0).abs() < 1e-9 && (hour.credit_notes - 600.0).abs() < 1e-9, "{hour:?}");
        assert!((hour.bytes - (600.0 * 1_200.0 + 3_200.0)).abs() < 1e-6, "{hour:?}");
        assert!((hour.redis_cores - (5.8 * 5.0 + 3.2 * 20.0 + 0.2 * 30.0) / 1e6).abs() < 1e-12, "{hour:?}");
        assert!((hour.hit_rate() - 78.666).abs() < 0.001, "{hour:?}");
    }

    #[test]
    fn what_was_not_measured_cannot_be_computed_from() {
        assert!(Costs::of(&Records::default()).is_none());
    }
}
