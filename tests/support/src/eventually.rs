//! Waits for a change made by another process or task, with a deadline and without a guessed sleep.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The result of a poll: `bool`, `Option<T>`, or a `Result<T, E>` whose error says what is still missing.
pub trait Probe {
    /// The value after the wait.
    type Value;

    /// The value, or what is missing.
    ///
    /// # Errors
    /// The condition does not hold yet.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl Probe for bool {
    type Value = ();

    fn outcome(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("the condition is still false".to_owned()) }
    }
}

impl<T> Probe for Option<T> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(|| "there is still nothing".to_owned())
    }
}

impl<T, E: Display> Probe for Result<T, E> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.map_err(|error| format!("{error:#}"))
    }
}

/// Polls until `probe` holds, and returns its value: `eventually(5 s, || async { calls.load() == 3 }).await?`.
///
/// The clock is tokio's, so a test with a paused clock does not really wait. A probe that hangs is dropped at the
/// deadline.
///
/// # Errors
/// The deadline has passed. The error contains the last result of the probe.
pub async fn eventually<P, F>(deadline: Duration, mut probe: impl FnMut() -> F) -> Result<P::Value>
where
    P: Probe,
    F: Future<Output = P>,
{
    let end = Instant::now() + deadline;
    let mut last = "the first poll did not end".to_owned();
    loop {
        match tokio::time::timeout_at(end, probe()).await.map(Probe::outcome) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(missing)) => last = missing,
            Err(_) => bail!("not within {deadline:?}: {last}"),
        }
        if Instant::now() + POLL_INTERVAL > end {
            bail!("not within {deadline:?}: {last}");
        }
        sleep(POLL_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn it_ends_as_soon_as_the_condition_holds() {
        let polls = Cell::new(0);
        let third = || async {
            polls.set(polls.get() + 1);
            (polls.get() == 3).then_some("value")
        };
        assert_eq!(eventually(SECOND, third).await.unwrap(), "value");
        assert_eq!(polls.get(), 3);
    }

    #[tokio::test]
    async fn the_error_has_the_last_answer() {
        let error = eventually(Duration::from_millis(30), || async { Err::<(), _>("two of three") }).await.unwrap_err();
        assert_eq!(error.to_string(), "not within 30ms: two of three");
    }

    #[tokio::test]
    async fn a_probe_that_hangs_is_cut_off() {
        let error = eventually(Duration::from_millis(30), std::future::pending::<bool>).await.unwrap_err();
        assert_eq!(error.to_string(), "not within 30ms: the first poll did not end");
    }
}
