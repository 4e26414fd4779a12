//! Waits until a server answers.

use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A connection to a port of the loopback. Reads and writes have the same time limit.
///
/// # Errors
/// Nothing listens there.
pub fn connect(port: u16, timeout: Duration) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    Ok(stream)
}

/// Polls until `is_ready` returns true; `what` names the server in the error.
///
/// # Errors
/// It is not ready in time, or `is_ready` says why it never will be.
pub fn wait_until(what: &str, deadline: Duration, mut is_ready: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + deadline;
    while !is_ready()? {
        ensure!(Instant::now() < end, "start {what}: not ready within {deadline:?}");
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn waiting_ends_with_ready_with_failure_or_with_the_deadline() {
        let wait = |is_ready: fn() -> Result<bool>| wait_until("it", Duration::from_millis(30), is_ready);
        assert!(wait(|| Ok(true)).is_ok());
        assert_eq!(wait(|| bail!("no")).unwrap_err().to_string(), "no");
        assert_eq!(wait(|| Ok(false)).unwrap_err().to_string(), "start it: not ready within 30ms");
    }
}
