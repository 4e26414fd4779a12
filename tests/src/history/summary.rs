//! A row of the report: the summary of a history.

use super::checker::{Judge, Staleness, stale_reads};
use super::{Bounds, Fault, History, Promise, Violation, Write, WriteResult};

/// The numbers of one or more histories under the same fault.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Number of histories.
    pub rounds: u64,
    /// Reads and writes, answered or not.
    pub operations: u64,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Acknowledged writes whose invalidation is pending.
    pub pending: u64,
    /// Reads and writes without an answer, or with an error.
    pub failed: u64,
    /// Stale reads that an exception allows.
    pub stale_excused: u64,
    /// Stale reads that violate the guarantee.
    pub stale_broken: u64,
    /// The longest time between the acknowledgement of a write and the start of a read that missed it.
    pub worst_staleness_ms: u64,
    /// The longest time from a request to its answer or failure.
    pub worst_latency_ms: u64,
    /// The longest time from the end of a fault until the last process answered from Redis again.
    pub recovery_ms: u64,
    /// Violations of guarantees other than freshness.
    pub other_violations: u64,
}

impl Summary {
    /// The numbers of one history.
    #[must_use]
    pub fn of(history: &History, fault: &Fault, bounds: &Bounds, violations: &[Violation]) -> Self {
        let stale = stale_reads(history, &Judge { fault, bounds });
        let broken = stale.iter().filter(|stale| stale.verdict == Staleness::Broken).count() as u64;
        let asked = |write: &&Write| write.author != super::Author::Before;
        let writes = || history.writes.iter().filter(asked);
        let unknown = writes().filter(|write| matches!(write.result, WriteResult::Unknown(_))).count() as u64;
        let spans = writes().map(|write| (write.started, write.ended));
        let spans = spans.chain(history.reads.iter().map(|read| (read.started, read.ended)));
        let spans = spans.chain(history.failed_reads.iter().map(|read| (read.started, read.ended)));
        let failed_reads = history.failed_reads.len() as u64;
        Self {
            rounds: 1,
            operations: history.reads.len() as u64 + writes().count() as u64 + failed_reads,
            acknowledged: writes().filter(|write| write.effect().is_some()).count() as u64,
            pending: writes().filter(|write| write.effect().is_some() && write.is_pending()).count() as u64,
            failed: failed_reads + unknown,
            stale_excused: stale.len() as u64 - broken,
            stale_broken: broken,
            worst_staleness_ms: stale.iter().map(super::checker::Stale::late_ms).max().unwrap_or(0),
            worst_latency_ms: spans.map(|(started, ended)| ended.millis_since(started)).max().unwrap_or(0),
            recovery_ms: 0,
            other_violations: violations.iter().filter(|violation| violation.promise != Promise::Fresh).count() as u64,
        }
    }

    /// Adds the numbers of another history under the same fault.
    pub fn add(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.operations += other.operations;
        self.acknowledged += other.acknowledged;
        self.pending += other.pending;
        self.failed += other.failed;
        self.stale_excused += other.stale_excused;
        self.stale_broken += other.stale_broken;
        self.worst_staleness_ms = self.worst_staleness_ms.max(other.worst_staleness_ms);
        self.worst_latency_ms = self.worst_latency_ms.max(other.worst_latency_ms);
        self.recovery_ms = self.recovery_ms.max(other.recovery_ms);
        self.other_violations += other.other_violations;
    }
}
