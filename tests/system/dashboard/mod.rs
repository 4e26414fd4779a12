//! `cache-monitor dashboard`: what its page shows, against what the services answered.

mod appearance;
mod live;
mod past;
mod traffic;
mod viewer;

use system_tests::{BILLING_SERVICE, Program, Service, Site};

/// A program that tells Redis what it counted several times a second, and has L1 as users have it.
fn program(site: &Site, name: &str) -> Program {
    let program = site.program(name).with("BILLING__CACHE__COUNTERS_FLUSH_MS", "200");
    let with_l1 = program.with("BILLING__CACHE__TYPES__TAX_RATES__L1", "true");
    with_l1.with("BILLING__CACHE__TYPES__ACTIVE_DISCOUNTS__L1", "true")
}

fn serve(site: &Site) -> Service {
    program(site, BILLING_SERVICE).serve()
}

/// The keys whose reads the services have told Redis of.
fn hot_keys(site: &Site) -> Vec<String> {
    let sets = site.redis_keys("billing_cache:{numbers}:reads:*s:*:*");
    let members =
        |set: &String| -> Vec<String> { site.redis.command(&["ZRANGE", set, "0", "-1"]).expect("a set of keys") };
    sets.iter().flat_map(members).collect()
}
