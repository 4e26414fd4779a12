//! Ctrl-C and SIGTERM: for work that it cancels completely, and for work whose partial result is shown.
//!
//! Invariant: from [`listen`] or the first wait on, an interruption is remembered, so that it is not lost between two
//! pieces of work.

use std::future::Future;
use std::sync::OnceLock;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::code::Code;

/// Ctrl-C was pressed, or SIGTERM came; leads to [`Code::Interrupted`].
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
        () = interrupted() => Err(Interrupted(consequence).into()),
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
        () = interrupted() => Ok(Ending::Interrupted),
    }
}

/// From now on Ctrl-C and SIGTERM do not end the process: [`interrupted`] resolves instead. SIGHUP is left alone,
/// because `nohup` may have turned it off.
pub fn listen() {
    drop(receiver());
}

/// Resolves once Ctrl-C was pressed or SIGTERM came, also if that was after [`listen`] or after the first call. May be
/// dropped at any await.
pub async fn interrupted() {
    if receiver().wait_for(|come| *come).await.is_err() {
        // The system refuses the signal handler. The signal then ends the process, as without a handler.
        std::future::pending::<()>().await;
    }
}

fn receiver() -> watch::Receiver<bool> {
    static RECEIVER: OnceLock<watch::Receiver<bool>> = OnceLock::new();
    RECEIVER.get_or_init(receive).clone()
}

fn receive() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    let signals = signal(SignalKind::interrupt()).and_then(|first| Ok((first, signal(SignalKind::terminate())?)));
    if let Ok((mut interrupt, mut terminate)) = signals {
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            sender.send_replace(true);
            sender.closed().await;
        });
    }
    receiver
}
