//! The product as users have it, for the system tests: the built programs, a Redis and a database for each test, HTTP,
//! SQL and Python.
//!
//! Invariants: a program has a clean environment and an empty working directory, so that no developer's server is ever
//! used; it ends when the value that started it is dropped; a test fails if something it needs is missing, with a
//! message that says how to get it. Everything here blocks and panics, because the caller is a test.

mod attempt;
mod browser;
pub mod chaos;
pub mod faults;
pub mod history;
mod http;
mod metrics;
mod program;
mod service;
mod shown;
mod site;
mod sql;
mod topology;

pub use attempt::{Attempt, End};
pub use browser::{Browser, Key, Look, Screen, Screenshot, Theme};
pub use http::{Answer, Client};
pub use metrics::{Family, Metrics, Sample};
pub use program::{Program, Run};
pub use service::Service;
pub use shown::Stats;
pub use site::{Backend, Site};
pub use sql::Session;
pub use topology::Topology;

/// The tool of operators.
pub const CACHE_ADMIN: &str = "cache-admin";
/// The measuring tool.
pub const CACHE_MONITOR: &str = "cache-monitor";
/// The example service, as a path below the directory of the programs.
pub const BILLING_SERVICE: &str = "examples/billing-service";

/// Lets this process and its children open this many files and connections, if the system allows it.
pub fn allow_open_files(wanted: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if limit.current.is_some_and(|current| current < allowed) {
        let raised = Rlimit { current: Some(allowed), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).expect("a soft limit may be raised up to the hard one");
    }
}
