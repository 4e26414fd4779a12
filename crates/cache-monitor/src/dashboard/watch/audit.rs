//! The background audit: slowly compares a sample with the database, and repeats that. It never repairs.
//!
//! Its results are also added to the counters of the types, so that they appear in the history and in other programs.
//! Invariant: an audit ends, whatever Redis and the database do.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use billing_cache::Event;
use billing_core::cached::{BillingCache, CACHED_TYPES};
use billing_outbox::audit::{Audit, Confidence, Extent, Outcome, Tally};
use cli_support::exit;
use tracing::{info, warn};

use super::board::Board;
use super::database::silence;
use super::facts::{RETRY, text_of};
use crate::dashboard::arguments::Rounds;
use crate::dashboard::model::{AuditReport, AuditState, AuditTally, AuditType};

/// Time limit of one step of an audit. It is longer than steps that judge differences, and longer than steps at the
/// lowest rate limit. Redis commands have their own timeouts, so a step that exceeds this limit is waiting for the
/// database.
const PATIENCE: Duration = Duration::from_secs(20);

/// Repeats audits.
pub(crate) struct Auditor {
    pub(crate) cache: BillingCache,
    pub(crate) rounds: Rounds,
    /// Number of values of each type.
    pub(crate) sample: usize,
    pub(crate) board: Arc<Board>,
}

/// The results of one audit for a type.
struct Found {
    name: &'static str,
    tally: Tally,
    confidence: Confidence,
}

impl Auditor {
    /// Never ends by itself.
    pub(crate) async fn go_on(self) {
        loop {
            self.board.audit.send_modify(|report| report.state = AuditState::Running);
            let audited = self.audit().await;
            let pause = if audited.is_ok() { self.rounds.every } else { self.rounds.every.min(RETRY) };
            self.board.audit.send_modify(|report| match audited {
                Ok(found) => write(report, &found),
                Err(error) => note_failure(report, exit::sentence(&error)),
            });
            tokio::time::sleep(pause).await;
        }
    }

    async fn audit(&self) -> Result<Vec<Found>> {
        let extent = Extent::Sample(self.sample);
        let mut audit = Audit::begin(&self.cache, CACHED_TYPES, extent, self.rounds.pace.clone()).await?;
        let types = CACHED_TYPES.iter().map(|cached| cached.info().name);
        let mut found: Vec<(&'static str, Tally)> = types.map(|name| (name, Tally::default())).collect();
        let silent = |_| silence(self.cache.source(), PATIENCE);
        while let Some(step) = tokio::time::timeout(PATIENCE, audit.next()).await.map_err(silent)?? {
            for judged in step.judged {
                let name = judged.key.cache_type();
                if let Some((_, tally)) = found.iter_mut().find(|(of, _)| *of == name) {
                    tally.add(&judged.outcome);
                }
                if let Some(event) = event_of(&judged.outcome) {
                    self.cache.count_many(name, event, 1);
                }
            }
        }
        let confidence = |name| if audit.covers_all(name) { Confidence::Complete } else { Confidence::Sampled };
        Ok(found.into_iter().map(|(name, tally)| Found { name, tally, confidence: confidence(name) }).collect())
    }
}

fn event_of(outcome: &Outcome) -> Option<Event> {
    match outcome {
        Outcome::Right => Some(Event::AuditRight),
        Outcome::Stale { .. } => Some(Event::AuditStale),
        Outcome::Pending { .. } => Some(Event::AuditPending),
        Outcome::Undecodable { .. } => Some(Event::AuditUndecodable),
        // Not added to the counters of the type, because neither says that a value is right or wrong.
        Outcome::Unreadable { .. } | Outcome::Gone => None,
    }
}

/// Logged once per reason, because a failed audit is repeated every half minute.
fn note_failure(report: &mut AuditReport, error: String) {
    if report.error.as_ref() != Some(&error) {
        warn!(error, "an audit did not end, and is tried again");
    }
    report.state = AuditState::Failed;
    report.error = Some(error);
}

fn write(report: &mut AuditReport, found: &[Found]) {
    if report.error.take().is_some() {
        info!("audits come to their end again");
    }
    report.state = AuditState::Complete;
    report.at = Some(text_of(SystemTime::now()));
    report.total = total(found);
    report.types = found.iter().map(|found| AuditType { name: found.name, tally: found.report() }).collect();
}

/// The sum of all types. Samples of types of different sizes are not a sample of all values, so they give no common
/// bound. But the overall share is a mean of the shares of the types, so it is not below the lowest one.
fn total(found: &[Found]) -> AuditTally {
    let mut tally = Tally::default();
    found.iter().for_each(|of_type| tally += of_type.tally);
    let sampled = found.iter().any(|of_type| of_type.bound().is_some());
    let lowest = found.iter().filter_map(|of_type| of_type.bound().or(of_type.tally.right_share())).reduce(f64::min);
    report_of(&tally, lowest.filter(|_| sampled))
}

fn report_of(tally: &Tally, right_share_at_least: Option<f64>) -> AuditTally {
    let Tally { checked, right, stale, pending, undecodable, unreadable, .. } = *tally;
    let (right_share, nines) = (tally.right_share(), tally.nines());
    AuditTally { checked, right, stale, pending, undecodable, unreadable, right_share, right_share_at_least, nines }
}

impl Found {
    fn report(&self) -> AuditTally {
        report_of(&self.tally, self.bound())
    }

    fn bound(&self) -> Option<f64> {
        self.tally.right_share_at_least(self.confidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_among_the_types_makes_the_total_a_sample() {
        let types = [];
        let mut report = Board::blank(&types, "", Some(Duration::from_secs(600))).audit.borrow().clone();
        assert_eq!((report.state, report.every_seconds), (AuditState::Waiting, 600));
        write(&mut report, &[found("a", 300, 0, Confidence::Sampled), found("b", 9, 1, Confidence::Complete)]);
        assert_eq!((report.state, report.total.checked, report.total.nines), (AuditState::Complete, 310, Some(2)));
        assert_eq!(report.total.right_share_at_least, Some(0.9), "b may be nearly all there is");
        assert_eq!(report.types[0].tally.right_share_at_least, Some(0.99));
        assert_eq!((report.types[0].tally.nines, report.types[1].tally.nines), (None, Some(1)));
        assert_eq!(report.types[1].tally.right_share_at_least, None);
    }

    #[test]
    fn the_total_is_at_least_as_good_as_the_worst_type() {
        let at_least = |found: &[Found]| total(found).right_share_at_least;
        let (sampled, complete) = (Confidence::Sampled, Confidence::Complete);
        assert_eq!(at_least(&[found("a", 300, 0, sampled), found("b", 3_000, 0, sampled)]), Some(0.99));
        assert_eq!(at_least(&[found("a", 300, 0, sampled), found("b", 5, 0, complete)]), Some(0.99));
        assert_eq!(at_least(&[found("a", 300, 0, sampled), found("b", 0, 0, complete)]), Some(0.99));
        assert_eq!(at_least(&[found("a", 300, 0, complete), found("b", 9, 1, complete)]), None);
        assert_eq!(at_least(&[found("a", 0, 0, sampled)]), None);
    }

    fn found(name: &'static str, right: u64, stale: u64, confidence: Confidence) -> Found {
        Found { name, tally: Tally { checked: right + stale, right, stale, ..Tally::default() }, confidence }
    }
}
