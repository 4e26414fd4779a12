//! The product as a user has it, for the tests of the whole system: the built programs, a Redis and a database of one's
//! own, HTTP, SQL and Python.
//!
//! Invariants: a program sees a clean environment and an empty working directory, so that no developer's server is ever
//! used; it ends with the value that started it; whatever a test needs and does not have fails it, with a sentence that
//! says how to get it. Everything here blocks and panics: the caller is a test.

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

/// The operator's tool.
pub const CACHE_ADMIN: &str = "cache-admin";
/// The measuring tool.
pub const CACHE_MONITOR: &str = "cache-monitor";
/// The example service; its path below the directory of the programs.
pub const BILLING_SERVICE: &str = "examples/billing-service";

/// Lets this process and those it starts have so many files and connections open, where the system allows it.
pub fn allow_open_files(wanted: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if limit.current.is_some_and(|current| current < allowed) {
        let raised = Rlimit { current: Some(allowed), maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).expect("a soft limit may be raised up to the hard one");
    }
}
