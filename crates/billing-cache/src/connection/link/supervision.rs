//! The task of a link: it restores the connection, and leaves a primary that the sentinels have replaced.
//!
//! `link` starts it.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info};

use super::state::Shared;

const RECONNECT_MIN: Duration = Duration::from_millis(20);
/// Pause between two questions to the sentinels while the connection works. An old primary that hangs, or that nothing
/// else can reach, does not report that it was replaced.
const ASK_SENTINELS_EVERY: Duration = Duration::from_secs(1);

/// Reconnects until the server answers, each time the connection is lost or the server is another one. Ends when its
/// link is dropped.
pub(super) async fn supervise(shared: Arc<Shared>) {
    loop {
        tokio::select! {
            () = shared.lost.notified() => redial(&shared).await,
            () = leave_deposed(&shared), if shared.address.may_move() => {}
        }
    }
}

async fn redial(shared: &Shared) {
    let mut pause = RECONNECT_MIN;
    while let Err(error) = shared.dial().await {
        debug!(endpoint = shared.endpoint, %error, "redis cannot be used yet");
        tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
        pause = (pause * 2).min(Duration::from_millis(shared.settings.reconnect_max_ms));
    }
    info!(endpoint = shared.endpoint, "redis is back");
}

/// Asks the sentinels periodically until they name another primary than that of the current connection, and then gives
/// the connection up.
async fn leave_deposed(shared: &Shared) {
    loop {
        tokio::time::sleep(ASK_SENTINELS_EVERY.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
        let Some(live) = shared.live.load_full() else { continue };
        // Sentinels that do not answer, or are behind, are no reason to leave a server that answers.
        let Ok(server) = shared.address.server().await else { continue };
        if server != live.server {
            return shared.give_up(&live, &format!("the sentinels name another primary, {server}"));
        }
    }
}
