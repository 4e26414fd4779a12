//! Reads and payments through two services, counted by what the services answer.

use std::collections::BTreeMap;

use system_tests::{Answer, Service, Site};

use super::{hot_keys, serve};
use crate::open_invoice;

const TOTAL: &str = "total";
const INVOICES: &str = "invoices";
const CREDIT_NOTES: &str = "user_credit_notes";
const ROUNDS: usize = 5;
const READS_IN_MEMORY: usize = 200;

/// What the services answered since they started, or since it was forgotten.
pub(super) struct Traffic {
    pub(super) services: [Service; 2],
    /// By type, and in total.
    seen: BTreeMap<&'static str, Seen>,
    payments: u32,
}

/// Reads by where the answer came from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    hits: u32,
    others: u32,
}

impl Seen {
    pub(super) fn requests(self) -> f64 {
        f64::from(self.hits + self.others)
    }

    pub(super) fn hit_rate(self) -> f64 {
        f64::from(self.hits) / self.requests()
    }
}

impl Traffic {
    /// Starts the services.
    pub(super) fn of(site: &Site) -> Self {
        let mut traffic = Self { services: [serve(site), serve(site)], seen: BTreeMap::new(), payments: 0 };
        for place in 0..traffic.services.len() {
            site.wait_until_redis_is_used_by(|path| Ok(traffic.read(place, CREDIT_NOTES, path)));
        }
        traffic
    }

    /// Begins to count anew, as Redis does that lost everything. All that was answered has been sent there.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }

    /// What was answered of each type, and of all.
    pub(super) fn seen(&self) -> impl Iterator<Item = (&'static str, Seen)> {
        self.seen.iter().map(|(name, seen)| (*name, *seen))
    }

    /// Goes on until Redis knows of a key that is read often, and says which; one read in many is noted.
    pub(super) fn waves_until_a_key_is_hot(&mut self, site: &Site) -> String {
        site.eventually(|| {
            self.wave(site);
            hot_keys(site).into_iter().next().ok_or_else(|| "no key is hot".to_owned())
        })
    }

    /// Reads what is in the memory of the services so often that its times are known, of which few are noted.
    pub(super) fn in_memory(&mut self) {
        for _ in 0..READS_IN_MEMORY {
            for place in 0..self.services.len() {
                self.read(place, "active_discounts", "/discounts/active");
                self.read(place, "tax_rates", "/tax-rates/applicable?country=GB");
            }
        }
    }

    /// Reads each type several times through both services, and pays a little in between.
    pub(super) fn wave(&mut self, site: &Site) {
        let open = open_invoice(site);
        for _ in 0..ROUNDS {
            for place in 0..self.services.len() {
                self.read(place, "active_discounts", "/discounts/active");
                self.read(place, "tax_rates", "/tax-rates/applicable?country=GB");
                for id in 1..=5 {
                    self.read(place, CREDIT_NOTES, &format!("/users/{id}/credit-notes"));
                    self.read(place, INVOICES, &format!("/invoices/{id}/details"));
                }
                self.read(place, INVOICES, &format!("/invoices/{open}/details"));
            }
            self.payments += 1;
            self.services[0].pay(open, "0.01", &format!("dashboard-{}", self.payments)).with_status(201);
        }
    }

    fn read(&mut self, place: usize, cache_type: &'static str, path: &str) -> Answer {
        let answer = self.services[place].get(path);
        let tier =
            answer.cache.as_deref().unwrap_or_else(|| panic!("{path} was not read through the cache: {answer:?}"));
        let hit = tier == "l1" || tier == "l2";
        for name in [cache_type, TOTAL] {
            let seen = self.seen.entry(name).or_default();
            *(if hit { &mut seen.hits } else { &mut seen.others }) += 1;
        }
        answer
    }
}
