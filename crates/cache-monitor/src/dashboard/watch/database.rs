//! Watches whether the database answers, and its outbox backlog.
//!
//! Invariant: a database that hangs counts as unreachable.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use billing_core::cached::BillingCache;
use billing_core::settings::Settings;
use billing_outbox::database::Database;
use billing_outbox::outbox;
use cli_support::{exit, open};

use super::audience::Audience;
use super::board::Board;
use crate::dashboard::model::OutboxReport;

const BUSY: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(60);
/// Time limit of a query. With the default settings this is long enough to find out why there is no connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Queries the database regularly.
pub(crate) struct DatabaseWatch {
    pub(crate) cache: BillingCache,
    pub(crate) settings: Settings,
    pub(crate) board: Arc<Board>,
    pub(crate) audience: Arc<Audience>,
}

impl DatabaseWatch {
    /// Never ends by itself.
    pub(crate) async fn go_on(self) {
        loop {
            let looked = tokio::time::timeout(PATIENCE, self.look()).await;
            let (error, outbox) = match looked.unwrap_or_else(|_| Err(silence(self.cache.source(), PATIENCE))) {
                Ok(outbox) => (None, Some(outbox)),
                Err(error) => (Some(exit::sentence(&error)), None),
            };
            self.board.database.send_modify(|state| {
                state.status.set(error);
                state.outbox = outbox;
            });
            self.audience.pause(BUSY, IDLE).await;
        }
    }

    async fn look(&self) -> anyhow::Result<OutboxReport> {
        match outbox::backlog(&self.cache, &self.settings.relay).await {
            Ok(found) => Ok(OutboxReport {
                pending: found.pending,
                oldest_seconds: found.oldest_pending.map(|age| age.as_secs_f64()).filter(|_| found.pending > 0),
            }),
            Err(error) => {
                open::check_database(self.cache.source(), &self.settings).await?;
                Err(error.into())
            }
        }
    }
}

/// The error for a database that did not answer in time.
pub(super) fn silence(database: &Database, waited: Duration) -> anyhow::Error {
    let (database, seconds) = (database.describe(), waited.as_secs());
    anyhow!("{database} did not answer within {seconds} s; is it stopped, or does a query wait for a lock?")
}
