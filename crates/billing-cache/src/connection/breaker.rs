//! The breaker around L2: it skips a Redis that fails or is slow, and tries it again with a few calls.
//!
//! Invariants: a call that failed, was slow or was abandoned never counts as a success. In a trial at most
//! `breaker.trial_calls` calls run. A permit that is dropped without a verdict, because its caller was cancelled, frees
//! its place and says nothing about Redis. Each change of state logs one line.
//!
//! The latest changes of state are kept until they are stored for people to see (see `reporting`).
//!
//! While Redis works, a call costs two loads and no lock. Calls are counted only from the first failed or slow call in
//! a window on, which can only make the breaker open sooner.
//!
//! Each link has one; `shards` reports the worst of them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tracing::{info, warn};

use crate::declaration::settings::BreakerSettings;

/// Number of slices of the window. They leave it one by one.
const SLICES: usize = 10;
/// Number of changes kept until they are taken. Beyond it, the oldest are forgotten.
pub(crate) const CHANGES: usize = 256;
static CHANGED: AtomicU64 = AtomicU64::new(1);

/// Whether L2 is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BreakerState {
    /// In use.
    Closed,
    /// Skipped.
    Open,
    /// On trial: a few calls are let through.
    HalfOpen,
}

impl BreakerState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The state of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// The name in logs, metrics and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// A change of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) at: SystemTime,
    pub(crate) to: BreakerState,
    pub(crate) reason: String,
    /// Number of this change among the changes of all breakers of this process.
    pub(crate) number: u64,
}

/// The result of a call, as far as Redis is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Success,
    Failure,
}

/// Why the state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Failures { percent: u64 },
    SlowCalls { percent: u64 },
    TrialFailed,
    TrialSlow,
    TrialSucceeded,
    TimeToTry,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures { percent } => write!(f, "{percent} % of the calls failed"),
            Self::SlowCalls { percent } => write!(f, "{percent} % of the calls were slow"),
            Self::TrialFailed => f.write_str("a trial call failed"),
            Self::TrialSlow => f.write_str("a trial call was slow"),
            Self::TrialSucceeded => f.write_str("the trial calls succeeded"),
            Self::TimeToTry => f.write_str("it is time to try again"),
        }
    }
}

/// A breaker; see the module.
#[derive(Debug)]
pub(crate) struct Breaker {
    settings: BreakerSettings,
    /// Read without the lock; changed only under it.
    state: AtomicU8,
    /// Whether a call in the window failed or was slow, so that calls are counted.
    troubled: AtomicBool,
    /// Counts openings and closings. A verdict on a call of an earlier era is void.
    era: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    started: Instant,
    slices: [Slice; SLICES],
    opened_at: Instant,
    trials_on_their_way: u32,
    trials_succeeded: u32,
    /// Changes not taken yet, the newest last.
    changes: VecDeque<Change>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    number: u64,
    calls: u64,
    failures: u64,
    slow: u64,
}

/// The right to call Redis once.
#[derive(Debug)]
#[must_use]
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    started: Instant,
    slow_after: Duration,
    era: u64,
    trial: bool,
    judged: bool,
}

impl Breaker {
    pub(crate) fn new(settings: BreakerSettings) -> Self {
        let now = Instant::now();
        let inner = Inner {
            started: now,
            slices: [Slice::default(); SLICES],
            opened_at: now,
            trials_on_their_way: 0,
            trials_succeeded: 0,
            changes: VecDeque::new(),
        };
        Self {
            settings,
            state: AtomicU8::new(BreakerState::Closed as u8),
            troubled: AtomicBool::new(false),
            era: AtomicU64::new(0),
            inner: Mutex::new(inner),
        }
    }

    pub(crate) fn state(&self) -> BreakerState {
        match self.state.load(Ordering::Acquire) {
            state if state == BreakerState::Open as u8 => BreakerState::Open,
            state if state == BreakerState::HalfOpen as u8 => BreakerState::HalfOpen,
            _ => BreakerState::Closed,
        }
    }

    /// Takes the changes since the last call, the oldest first.
    pub(crate) fn take_changes(&self) -> Vec<Change> {
        self.lock().changes.drain(..).collect()
    }

    /// A permit for a call with this time limit; `None` while Redis is skipped.
    pub(crate) fn permit(&self, limit: Duration) -> Option<Permit<'_>> {
        self.permit_at(Instant::now(), limit)
    }

    fn permit_at(&self, now: Instant, limit: Duration) -> Option<Permit<'_>> {
        let era = self.era.load(Ordering::Acquire);
        if self.state() == BreakerState::Closed {
            return Some(self.permit_of(now, limit, era, false));
        }
        let mut inner = self.lock();
        let era = self.era.load(Ordering::Acquire);
        if self.state() == BreakerState::Open && now >= inner.opened_at + Duration::from_millis(self.settings.open_ms) {
            (inner.trials_on_their_way, inner.trials_succeeded) = (0, 0);
            self.change(&mut inner, BreakerState::HalfOpen, Reason::TimeToTry);
        }
        let trial = match self.state() {
            BreakerState::Closed => false,
            BreakerState::Open => return None,
            BreakerState::HalfOpen => {
                if inner.trials_on_their_way + inner.trials_succeeded >= self.settings.trial_calls.max(1) {
                    return None;
                }
                inner.trials_on_their_way += 1;
                true
            }
        };
        Some(self.permit_of(now, limit, era, trial))
    }

    fn permit_of(&self, started: Instant, limit: Duration, era: u64, trial: bool) -> Permit<'_> {
        let slow_after = limit * self.settings.slow_call_percent / 100;
        Permit { breaker: self, started, slow_after, era, trial, judged: false }
    }

    fn judge(&self, permit: &Permit<'_>, verdict: Verdict, now: Instant) {
        let slow = now.duration_since(permit.started) > permit.slow_after;
        let well = verdict == Verdict::Success && !slow;
        if well && !permit.trial && !self.troubled.load(Ordering::Acquire) {
            return;
        }
        let mut inner = self.lock();
        if self.era.load(Ordering::Acquire) != permit.era {
            return;
        }
        if permit.trial {
            self.judge_trial(&mut inner, verdict, slow, now);
        } else {
            inner.count(&self.settings, verdict, slow, now);
            self.troubled.store(inner.has_trouble(&self.settings, now), Ordering::Release);
            if let Some(reason) = inner.reason_to_open(&self.settings, now) {
                self.open(&mut inner, reason, now);
            }
        }
    }

    fn judge_trial(&self, inner: &mut Inner, verdict: Verdict, slow: bool, now: Instant) {
        inner.trials_on_their_way = inner.trials_on_their_way.saturating_sub(1);
        match (verdict, slow) {
            (Verdict::Failure, _) => self.open(inner, Reason::TrialFailed, now),
            (Verdict::Success, true) => self.open(inner, Reason::TrialSlow, now),
            (Verdict::Success, false) => {
                inner.trials_succeeded += 1;
                if inner.trials_succeeded >= self.settings.trial_calls.max(1) {
                    inner.slices = [Slice::default(); SLICES];
                    self.troubled.store(false, Ordering::Release);
                    self.era.fetch_add(1, Ordering::AcqRel);
                    self.change(inner, BreakerState::Closed, Reason::TrialSucceeded);
                }
            }
        }
    }

    fn open(&self, inner: &mut Inner, reason: Reason, now: Instant) {
        inner.opened_at = now;
        self.era.fetch_add(1, Ordering::AcqRel);
        self.change(inner, BreakerState::Open, reason);
    }

    fn change(&self, inner: &mut Inner, to: BreakerState, reason: Reason) {
        let from = self.state();
        self.state.store(to as u8, Ordering::Release);
        let number = CHANGED.fetch_add(1, Ordering::Relaxed);
        let change = Change { at: SystemTime::now(), to, reason: reason.to_string(), number };
        inner.changes.push_back(change);
        let too_many = inner.changes.len().saturating_sub(CHANGES);
        inner.changes.drain(..too_many);
        match to {
            BreakerState::Open => {
                warn!(from = from.as_str(), to = to.as_str(), %reason, "breaker: reads go to the database");
            }
            _ => info!(from = from.as_str(), to = to.as_str(), %reason, "breaker"),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while the breaker is locked")
    }
}

impl Inner {
    fn slice_number(&self, settings: &BreakerSettings, now: Instant) -> u64 {
        let width = Duration::from_millis(settings.window_ms.max(SLICES as u64)) / u32::try_from(SLICES).unwrap_or(1);
        let number = now.duration_since(self.started).as_nanos() / width.as_nanos();
        // Starts at 1, so that a slice that was never used does not count as the first one.
        u64::try_from(number).unwrap_or(u64::MAX - 1) + 1
    }

    fn count(&mut self, settings: &BreakerSettings, verdict: Verdict, slow: bool, now: Instant) {
        let number = self.slice_number(settings, now);
        let place = usize::try_from(number % SLICES as u64).expect("less than the number of slices");
        let slice = &mut self.slices[place];
        if slice.number != number {
            *slice = Slice { number, ..Slice::default() };
        }
        slice.calls += 1;
        slice.failures += u64::from(verdict == Verdict::Failure);
        slice.slow += u64::from(slow);
    }

    /// Calls, failures and slow calls in the window.
    fn sums(&self, settings: &BreakerSettings, now: Instant) -> (u64, u64, u64) {
        let number = self.slice_number(settings, now);
        let recent = self.slices.iter().filter(|slice| slice.number + SLICES as u64 > number);
        recent.fold((0, 0, 0), |(calls, failures, slow), slice| {
            (calls + slice.calls, failures + slice.failures, slow + slice.slow)
        })
    }

    fn has_trouble(&self, settings: &BreakerSettings, now: Instant) -> bool {
        let (_, failures, slow) = self.sums(settings, now);
        failures + slow > 0
    }

    fn reason_to_open(&self, settings: &BreakerSettings, now: Instant) -> Option<Reason> {
        let (calls, failures, slow) = self.sums(settings, now);
        if calls < u64::from(settings.min_calls.max(1)) {
            return None;
        }
        let percent = |part: u64| part * 100 / calls;
        if percent(failures) >= u64::from(settings.failure_percent) {
            return Some(Reason::Failures { percent: percent(failures) });
        }
        (percent(slow) >= u64::from(settings.slow_percent)).then(|| Reason::SlowCalls { percent: percent(slow) })
    }
}

impl Permit<'_> {
    /// Reports how the call ended.
    pub(crate) fn judge(self, verdict: Verdict) {
        self.judge_at(verdict, Instant::now());
    }

    fn judge_at(mut self, verdict: Verdict, now: Instant) {
        self.judged = true;
        self.breaker.judge(&self, verdict, now);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.judged && self.trial {
            let mut inner = self.breaker.lock();
            if self.breaker.era.load(Ordering::Acquire) == self.era {
                inner.trials_on_their_way = inner.trials_on_their_way.saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests;
