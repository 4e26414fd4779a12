//! Keeps the slot map of a cluster up to date: it refreshes it periodically, more often while a part of the cluster is
//! away, and at once after a redirection.
//!
//! The builder starts it for a cluster.

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::shards::{Shards, SlotMapWatcher};

/// Pause between two refreshes while the cluster works, unless the watcher wants them more often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Pause while a part of the cluster is away.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Pause after a redirection, because many redirections come at once.
const LOOK_SOON: Duration = Duration::from_millis(50);

/// Keeps the slot map of a cluster up to date. Ends when its cache is dropped; for a single server it ends at once.
pub(crate) async fn follow(shards: Arc<Shards>, watcher: Arc<impl SlotMapWatcher>) {
    if !shards.is_cluster() {
        return;
    }
    let look_every = watcher.look_every().map_or(LOOK_EVERY, |every| every.min(LOOK_EVERY));
    let mut changes = shards.changes();
    loop {
        if let Err(error) = shards.look(&*watcher).await {
            debug!(endpoint = shards.endpoint(), %error, "the layout of the cluster could not be asked");
        }
        let layout = shards.layout();
        let is_whole = layout.is_covered() && layout.links().iter().all(|link| link.connection().is_some());
        let pause = if is_whole { look_every } else { look_every.min(LOOK_AGAIN) };
        tokio::select! {
            () = tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)) => {}
            () = shards.outdated() => tokio::time::sleep(LOOK_SOON).await,
            _ = changes.changed() => tokio::time::sleep(LOOK_SOON).await,
        }
    }
}
