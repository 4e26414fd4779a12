//! What a starting service logs about the platform's rows, once.
//!
//! Invariants: nothing waits for it or depends on it. It reads a small table, for a bounded time, and ends with the
//! service.
//!
//! Used by [`super::BillingService::open`].

use std::time::Duration;

use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::examination::{Coverage, Depth, Finding, examine};
use billing_outbox::database::Database;

const LIMIT: Duration = Duration::from_secs(10);

/// Checks the tax rates in the background, until the returned set is dropped.
pub(super) fn log_findings(database: Database) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        examine(&database, Depth::TaxRates, LIMIT).await.iter().for_each(log);
    });
    tasks
}

fn log(finding: &Finding) {
    if finding.rows > 0 {
        warn!(remedy = finding.check.remedy(), "{}; `cache-admin doctor` looks at all", finding.sentence());
    }
    if let Coverage::Failed(error) = &finding.coverage {
        debug!(check = finding.check.name(), %error, "the tax rates could not be looked at");
    }
}
