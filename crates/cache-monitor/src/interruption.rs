//! Ctrl-C and its kin: the run ends in an orderly way, so that nothing of it stays in Redis.
//!
//! Invariant: from [`Interruption::listen`] on, these signals end the process no more; whoever holds the value waits
//! for it beside the work, and comes to an end.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Whether somebody wants the run to end.
#[derive(Clone, Debug)]
pub(crate) struct Interruption(watch::Receiver<bool>);

impl Interruption {
    /// Begins to listen for SIGINT and SIGTERM; not for SIGHUP, which `nohup` may have turned off.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            sender.send_replace(true);
            // Kept until the process ends: a dropped sender would look like an interruption to `wait`.
            std::future::pending::<()>().await;
        });
        Ok(Self(receiver))
    }

    /// Resolves when it comes. May be dropped at any await.
    pub(crate) async fn wait(&mut self) {
        // An error means that the runtime is shutting down, which is an interruption too.
        let _ = self.0.wait_for(|come| *come).await;
    }
}
