//! A loopback port that is reserved for as long as the guard lives, even while no server listens on it.
//!
//! Invariant: two test processes of one user never hold the same port. A lock on a file identifies the owner; the
//! kernel releases it when a process dies. The range is below the ephemeral ports of Linux and macOS, so that no
//! outgoing connection takes the port between `stop` and `restart`. Redis adds 10,000 for its cluster bus; that port is
//! below them too.

use std::fs::{File, create_dir_all};
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

const PORTS: Range<u16> = 20_000..22_500;
const CLUSTER_BUS_OFFSET: u16 = 10_000;

/// The reservation of one port, released when dropped.
#[derive(Debug)]
pub struct ReservedPort {
    number: u16,
    _lock: File,
}

impl ReservedPort {
    /// Finds a port on which no program listens and that no other test holds.
    ///
    /// # Errors
    /// All ports are taken, or there is no directory for temporary files.
    pub fn reserve() -> Result<Self> {
        let directory = lock_directory();
        create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
        let first = random_start();
        for step in 0..PORTS.len() {
            let number = PORTS.start + u16::try_from((first + step) % PORTS.len())?;
            let path = directory.join(format!("{number}.lock"));
            let lock = File::create(&path).with_context(|| format!("create {}", path.display()))?;
            if lock.try_lock().is_ok() && is_free(number) && is_free(number + CLUSTER_BUS_OFFSET) {
                return Ok(Self { number, _lock: lock });
            }
        }
        bail!("find a free port between {} and {}: all are taken", PORTS.start, PORTS.end - 1)
    }

    /// The port.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }
}

/// One directory per user, because a user cannot lock the files of another user.
fn lock_directory() -> PathBuf {
    std::env::temp_dir().join(format!("billing-test-ports-{}", rustix::process::getuid().as_raw()))
}

/// Parallel tests start their search at different ports.
fn random_start() -> usize {
    let hash = RandomState::new().hash_one(std::process::id());
    usize::try_from(hash % PORTS.len() as u64).expect("the remainder is below the length of a range")
}

/// Whether no program listens on a port of the loopback.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn reservations_that_live_together_never_share_a_port() {
        let threads: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(|| (0..5).map(|_| ReservedPort::reserve().unwrap()).collect::<Vec<_>>()))
            .collect();
        let held: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let numbers: HashSet<_> = held.iter().map(ReservedPort::number).collect();
        assert_eq!(numbers.len(), 40);
    }

    #[test]
    fn a_port_somebody_listens_on_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }
}
