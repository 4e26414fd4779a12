//! What Redis reports apart from the counters: its memory, the running services, and the changes of their breakers.

use std::time::{Duration, SystemTime};

use billing_cache::{BreakerChange, MemoryUse, Process, RedisUnreachable};
use billing_core::cached::BillingCache;

use super::facts::text_of;
use super::kept::SETTLES;
use crate::dashboard::model::{BreakerChangeReport, ProcessReport};

/// Breaker changes are shown for this long; the next constant is their maximum number.
const CHANGES_BACK: Duration = Duration::from_secs(24 * 3600);
const MOST_CHANGES: usize = 100;

/// The values of the last read.
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

    /// Whether a process has appeared or returned that may flush old counts, because it could not reach Redis. It
    /// counts as returned if it reports that it uses Redis again, if it was not in the list before, or if it reports an
    /// old breaker change only now.
    pub(super) fn tell_of_a_return_since(&self, before: &Self, now: SystemTime) -> bool {
        let known = |process: &Process| before.processes.iter().find(|it| it.id == process.id);
        let came = |process: &Process| known(process).is_none_or(|it| process.uses_redis && !it.uses_redis);
        let late = |change: &BreakerChange| change.at + SETTLES < now && !before.changes.contains(change);
        // The first read has nothing to compare with.
        before.is_read() && (self.processes.iter().any(came) || self.changes.iter().any(late))
    }

    pub(super) fn memory(&self) -> Option<MemoryUse> {
        self.memory.clone()
    }

    /// `None` until the processes were first read. The same applies to the changes.
    pub(super) fn processes(&self, now: SystemTime) -> Option<Vec<ProcessReport>> {
        self.is_read().then(|| self.processes.iter().map(|process| report(process, now)).collect())
    }

    pub(super) fn changes(&self) -> Option<Vec<BreakerChangeReport>> {
        let report = |change: &BreakerChange| BreakerChangeReport {
            at: text_of(change.at),
            process: change.process.clone(),
            state: change.state.as_str(),
            reason: change.reason.clone(),
        };
        self.is_read().then(|| self.changes.iter().take(MOST_CHANGES).map(report).collect())
    }

    fn is_read(&self) -> bool {
        self.memory.is_some()
    }
}

fn report(process: &Process, now: SystemTime) -> ProcessReport {
    ProcessReport {
        id: process.id.clone(),
        host: process.host.clone(),
        pid: process.pid,
        program: process.program.clone(),
        started_at: text_of(process.started),
        // The clocks of two machines may differ.
        seen_seconds_ago: now.duration_since(process.seen).unwrap_or_default().as_secs_f64(),
        breaker: process.breaker.as_str(),
        uses_redis: process.uses_redis,
        l1_live: process.l1_live,
        suspects: process.suspects,
    }
}

#[cfg(test)]
mod tests {
    use billing_cache::BreakerState;

    use super::*;

    fn read(processes: &[(&str, bool)], changes: &[SystemTime]) -> Surroundings {
        let (policy, process) = (String::new(), "a".to_owned());
        let memory = Some(MemoryUse { used_bytes: 1, limit_bytes: None, policy, evicted_keys: 0 });
        let of = |(id, uses_redis): &(&str, bool)| Process {
            id: (*id).to_owned(),
            host: String::new(),
            pid: 1,
            program: String::new(),
            started: SystemTime::UNIX_EPOCH,
            seen: SystemTime::UNIX_EPOCH,
            breaker: BreakerState::Closed,
            uses_redis: *uses_redis,
            l1_live: None,
            suspects: 0,
        };
        let (state, reason) = (BreakerState::Open, String::new());
        let change =
            |at: &SystemTime| BreakerChange { at: *at, process: process.clone(), state, reason: reason.clone() };
        let (processes, changes) = (processes.iter().map(of).collect(), changes.iter().map(change).collect());
        Surroundings { memory, processes, changes }
    }

    #[test]
    fn who_comes_back_is_noticed() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000);
        let (long_ago, just_now) = (now - SETTLES * 2, now - SETTLES / 2);
        let before = read(&[("a", true), ("b", false)], &[]);
        for (processes, changes, expected) in [
            (&[("a", true), ("b", false)][..], &[][..], false),
            (&[("a", true)], &[], false),
            (&[("a", false), ("b", false)], &[just_now], false),
            (&[("a", true), ("b", true)], &[], true),
            (&[("a", true), ("b", false), ("c", true)], &[], true),
            (&[("a", true), ("b", false)], &[just_now, long_ago], true),
        ] {
            let after = read(processes, changes);
            assert_eq!(after.tell_of_a_return_since(&before, now), expected, "{after:?}");
            assert!(!after.tell_of_a_return_since(&after.clone(), now));
            assert!(!after.tell_of_a_return_since(&Surroundings::default(), now), "the first look");
        }
    }
}
