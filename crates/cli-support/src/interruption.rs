//! Ctrl-C: work that it ends as a whole, and work of which a part is worth showing.
//!
//! Invariant: from the first wait on, an interruption is remembered, so that none is lost between two pieces of work.

use std::future::Future;
use std::sync::OnceLock;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::code::Code;

/// Ctrl-C was pressed; makes [`Code::Interrupted`].
#[derive(Debug, thiserror::Error)]
#[error("interrupted: {0}")]
pub(crate) struct Interrupted(&'static str);

/// Does the work unless Ctrl-C is pressed first; `consequence` says what that means for what was done so far.
///
/// # Errors
/// Those of the work, or [`Code::Interrupted`].
pub async fn interruptible<T>(consequence: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => done,
        () = come() => Err(Interrupted(consequence).into()),
    }
}

/// Whether a piece of work came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ending {
    /// It did.
    Complete,
    /// Ctrl-C came first.
    Interrupted,
}

impl Ending {
    /// Whether the work came to its end.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self == Self::Complete
    }

    /// Ends a command that has shown its result, whole or partial; `consequence` says what an interruption means.
    ///
    /// # Errors
    /// [`Code::Interrupted`].
    pub fn finish(self, consequence: &'static str) -> Result<Code> {
        if self.is_complete() { Ok(Code::Fine) } else { Err(Interrupted(consequence).into()) }
    }
}

/// Does the work until Ctrl-C is pressed, and drops it there; what it has noted by then is the partial result.
///
/// # Errors
/// Those of the work.
pub async fn until_interrupted(work: impl Future<Output = Result<()>>) -> Result<Ending> {
    tokio::select! {
        done = work => done.map(|()| Ending::Complete),
        () = come() => Ok(Ending::Interrupted),
    }
}

/// Resolves when Ctrl-C was pressed since the first call.
async fn come() {
    static COME: OnceLock<watch::Receiver<bool>> = OnceLock::new();
    let mut come = COME.get_or_init(listen).clone();
    if come.wait_for(|come| *come).await.is_err() {
        // The system refuses to tell: the signal ends the process, as if nobody listened.
        std::future::pending::<()>().await;
    }
}

fn listen() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    if let Ok(mut interrupts) = signal(SignalKind::interrupt()) {
        tokio::spawn(async move {
            interrupts.recv().await;
            sender.send_replace(true);
            sender.closed().await;
        });
    }
    receiver
}
