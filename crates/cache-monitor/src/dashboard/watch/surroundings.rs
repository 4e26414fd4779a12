//! What Redis knows besides numbers: its memory, the services that are alive, and how their breakers changed.

use std::time::{Duration, SystemTime};

use billing_cache::{BreakerChange, MemoryUse, Process, RedisUnreachable};
use billing_core::cached::BillingCache;

use super::text_of;
use crate::dashboard::model::{BreakerChangeReport, MemoryReport, ProcessReport};

/// Changes of the breakers are told so far back, and no more of them.
const CHANGES_BACK: Duration = Duration::from_secs(24 * 3600);
const MOST_CHANGES: usize = 100;

/// As it was when it was read last.
#[derive(Clone, Debug, Default)]
pub(super) struct Surroundings {
    memory: Option<MemoryUse>,
    processes: Vec<Process>,
    changes: Vec<BreakerChange>,
}

impl Surroundings {
    pub(super) async fn read(cache: &BillingCache) -> Result<Self, RedisUnreachable> {
        let since = SystemTime::now().checked_sub(CHANGES_BACK).unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Self {
            memory: Some(cache.memory().await?),
            processes: cache.processes().await?,
            changes: cache.breaker_changes(since).await?,
        })
    }

    pub(super) fn memory(&self) -> Option<MemoryReport> {
        let MemoryUse { used_bytes, limit_bytes, policy, evicted_keys } = self.memory.clone()?;
        Some(MemoryReport { used_bytes, limit_bytes, policy, evicted_keys })
    }

    pub(super) fn processes(&self, now: SystemTime) -> Vec<ProcessReport> {
        self.processes.iter().map(|process| report(process, now)).collect()
    }

    pub(super) fn changes(&self) -> Vec<BreakerChangeReport> {
        let report = |change: &BreakerChange| BreakerChangeReport {
            at: text_of(change.at),
            process: change.process.clone(),
            state: change.state.as_str(),
            reason: change.reason.clone(),
        };
        self.changes.iter().take(MOST_CHANGES).map(report).collect()
    }
}

fn report(process: &Process, now: SystemTime) -> ProcessReport {
    ProcessReport {
        id: process.id.clone(),
        host: process.host.clone(),
        pid: process.pid,
        program: process.program.clone(),
        started_at: text_of(process.started),
        // The clocks of two machines differ.
        seen_seconds_ago: now.duration_since(process.seen).unwrap_or_default().as_secs_f64(),
        breaker: process.breaker.as_str(),
        uses_redis: process.uses_redis,
        l1_live: process.l1_live,
        suspects: process.suspects,
    }
}
