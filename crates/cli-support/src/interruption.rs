//! Ctrl-C: for work that it cancels completely, and for work whose partial result is shown.
//!
//! Invariant: from the first wait on, an interruption is remembered, so that it is not lost between two pieces of work.

use std::future::Future;
use std::sync::OnceLock;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::code::Code;

/// Ctrl-C was pressed; leads to [`Code::Interrupted`].
#[derive(Debug, thiserror::Error)]
#[error("interrupted: {0}")]
pub(crate) struct Interrupted(&'static str);

/// Does the work unless Ctrl-C is pressed first; `consequence` says what that means for the work done so far.
///
/// # Errors
/// The errors of the work, or [`Code::Interrupted`].
pub async fn interruptible<T>(consequence: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => done,
        () = come() => Err(Interrupted(consequence).into()),
    }
}

/// Whether a piece of work was completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ending {
    /// It was completed.
    Complete,
    /// Ctrl-C came first.
    Interrupted,
}

impl Ending {
    /// Whether the work was completed.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self == Self::Complete
    }

    /// Ends a command that has shown its result, complete or partial; `consequence` says what an interruption means.
    ///
    /// # Errors
    /// [`Code::Interrupted`].
    pub fn finish(self, consequence: &'static str) -> Result<Code> {
        if self.is_complete() { Ok(Code::Fine) } else { Err(Interrupted(consequence).into()) }
    }
}

/// Does the work until Ctrl-C is pressed, and drops it then; what the work has recorded by then is the partial result.
///
/// # Errors
/// The errors of the work.
pub async fn until_interrupted(work: impl Future<Output = Result<()>>) -> Result<Ending> {
    tokio::select! {
        done = work => done.map(|()| Ending::Complete),
        () = come() => Ok(Ending::Interrupted),
    }
}

/// Resolves once Ctrl-C is pressed, or if it was pressed since the first call.
async fn come() {
    static COME: OnceLock<watch::Receiver<bool>> = OnceLock::new();
    let mut come = COME.get_or_init(listen).clone();
    if come.wait_for(|come| *come).await.is_err() {
        // The system refuses the signal handler. The signal then ends the process, as without a handler.
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
