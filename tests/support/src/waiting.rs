//! Waiting for servers in a thread that may block; [`crate::eventually`] is the same for tasks.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::Probe;

/// Failovers take seconds, and machines are busy.
const DEADLINE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Polls until `probe` holds, and returns its value.
///
/// # Errors
/// Not within a minute; the error names `what` and has the probe's last answer.
pub(crate) fn wait_for<P: Probe>(what: &str, mut probe: impl FnMut() -> P) -> Result<P::Value> {
    let end = Instant::now() + DEADLINE;
    loop {
        match probe().outcome() {
            Ok(value) => return Ok(value),
            Err(missing) if Instant::now() > end => bail!("not within {DEADLINE:?}: {what}: {missing}"),
            Err(_) => std::thread::sleep(POLL_INTERVAL),
        }
    }
}
