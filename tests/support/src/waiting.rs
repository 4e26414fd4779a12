//! Waits for servers in a thread that may block; [`crate::eventually`] does the same for tasks.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::Probe;

/// Failovers take seconds, and machines may be busy.
const DEADLINE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Polls until `probe` holds, and returns its value.
///
/// # Errors
/// The condition does not hold within a minute; the error names `what` and contains the last result of the probe.
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
