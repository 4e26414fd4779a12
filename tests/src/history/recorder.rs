//! Records a history while it happens, for any number of threads.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{FailedRead, History, Moment, Process, Read, Write};

/// The clock and the history so far.
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

    /// Records an answered read.
    pub fn read(&self, read: Read) {
        self.lock().reads.push(read);
    }

    /// Records a failed read.
    pub fn failed_read(&self, failed: FailedRead) {
        self.lock().failed_reads.push(failed);
    }

    /// Records a write.
    pub fn write(&self, write: Write) {
        self.lock().writes.push(write);
    }

    /// Whether this place has answered a read that began after `since` from Redis or from L1.
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

    /// The complete history.
    #[must_use]
    pub fn into_history(self) -> History {
        self.history.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread that panicked has only added complete entries.
    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
