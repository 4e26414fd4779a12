//! Loopback ports, and waiting until a server answers.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A port that was free just now. The caller must check that it was not taken before it is bound.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr()?.port())
}

pub(crate) fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

pub(crate) fn connect(port: u16, timeout: Duration) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    Ok(stream)
}

/// The result of a probe.
pub(crate) enum Readiness {
    Ready,
    NotYet,
    /// It will never be ready, for this reason.
    Failed(String),
}

/// Polls until `probe` returns ready; `what` names it in the error.
pub(crate) fn wait_for(what: &str, deadline: Duration, mut probe: impl FnMut() -> Result<Readiness>) -> Result<()> {
    let end = Instant::now() + deadline;
    loop {
        match probe()? {
            Readiness::Ready => return Ok(()),
            Readiness::Failed(why) => bail!("start {what}: {why}"),
            Readiness::NotYet if Instant::now() > end => bail!("start {what}: not ready within {deadline:?}"),
            Readiness::NotYet => std::thread::sleep(POLL_INTERVAL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound_and_is_taken_then() {
        let port = free_port().unwrap();
        assert!(!is_taken(port));
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(is_taken(port));
    }

    #[test]
    fn waiting_ends_with_ready_with_failure_or_with_the_deadline() {
        let wait = |probe: fn() -> Readiness| wait_for("it", Duration::from_millis(30), || Ok(probe()));
        assert!(wait(|| Readiness::Ready).is_ok());
        let failed = wait(|| Readiness::Failed("no".to_owned())).unwrap_err();
        assert_eq!(failed.to_string(), "start it: no");
        assert_eq!(wait(|| Readiness::NotYet).unwrap_err().to_string(), "start it: not ready within 30ms");
    }
}
