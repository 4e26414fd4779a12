//! Writes a history down while it happens, for any number of threads.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{FailedRead, History, Moment, Process, Read, Write};

/// The clock and the pages.
#[derive(Debug)]
pub struct Recorder {
    began: Instant,
    history: Mutex<History>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { began: Instant::now(), history: Mutex::default() }
    }
}

impl Recorder {
    /// Now.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Writes an answered read down.
    pub fn read(&self, read: Read) {
        self.lock().reads.push(read);
    }

    /// Writes down that a read failed.
    pub fn failed_read(&self, failed: FailedRead) {
        self.lock().failed_reads.push(failed);
    }

    /// Writes a write down.
    pub fn write(&self, write: Write) {
        self.lock().writes.push(write);
    }

    /// Whether this place has answered a read that began after `since` from Redis, or from its memory.
    #[must_use]
    pub fn has_hit(&self, place: usize, since: Moment) -> bool {
        let is_hit = |read: &Read| read.process.place == place && read.started > since && read.tier.starts_with('l');
        self.lock().reads.iter().rev().any(|read| is_hit(read) && read.tier != "loaded")
    }

    /// The processes that have answered.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        let mut processes: Vec<_> = self.lock().reads.iter().map(|read| read.process).collect();
        processes.sort();
        processes.dedup();
        processes
    }

    /// All there is.
    #[must_use]
    pub fn into_history(self) -> History {
        self.history.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread that panicked has written whole lines only.
    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
