//! Ctrl-C and SIGTERM: the run ends in an orderly way, so that nothing of it remains in Redis.
//!
//! Invariant: from [`Interruption::listen`] on, these signals no longer end the process. The holder of the value waits
//! for it beside the work, and then ends by itself.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Whether the run should end.
#[derive(Clone, Debug)]
pub(crate) struct Interruption(watch::Receiver<bool>);

impl Interruption {
    /// Starts to listen for SIGINT and SIGTERM; not for SIGHUP, which `nohup` may have turned off.
    ///
    /// # Errors
    /// The system refuses the signal handler.
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

    /// Resolves on an interruption. May be dropped at any await.
    pub(crate) async fn wait(&mut self) {
        // An error means that the runtime is shutting down, which is an interruption too.
        let _ = self.0.wait_for(|come| *come).await;
    }
}
