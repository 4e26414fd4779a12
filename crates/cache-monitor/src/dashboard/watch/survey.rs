//! The keyspace statistics by type: one slow scan of all keys, repeated.

use std::sync::Arc;
use std::time::SystemTime;

use billing_cache::{Measure, RedisUnreachable, Survey, TtlDistribution, TypeSurvey};
use billing_core::cached::BillingCache;

use super::board::Board;
use super::facts::{RETRY, text_of};
use crate::dashboard::arguments::Rounds;
use crate::dashboard::model::{SurveyReport, SurveyState, SurveyType, TtlBucket};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// Repeats scans.
pub(crate) struct Surveyor {
    pub(crate) cache: BillingCache,
    pub(crate) rounds: Rounds,
    pub(crate) board: Arc<Board>,
}

impl Surveyor {
    /// Never ends by itself. The state of Redis says why a scan failed.
    pub(crate) async fn go_on(self) {
        loop {
            let before = self.board.survey.borrow().clone();
            self.board.survey.send_modify(|report| report.state = SurveyState::Running);
            let (report, pause) = match self.survey().await {
                Ok(survey) => (report(&survey), self.rounds.every),
                Err(_) => (before, self.rounds.every.min(RETRY)),
            };
            self.board.survey.send_replace(report);
            tokio::time::sleep(pause).await;
        }
    }

    async fn survey(&self) -> Result<Survey, RedisUnreachable> {
        let mut surveying = self.cache.surveying(Measure::Sample, self.rounds.pace.clone()).await?;
        while surveying.step().await?.is_some() {}
        Ok(surveying.so_far())
    }
}

fn report(survey: &Survey) -> SurveyReport {
    SurveyReport {
        state: SurveyState::Complete,
        at: Some(text_of(SystemTime::now())),
        types: survey.types.iter().map(of_type).collect(),
    }
}

fn of_type(found: &TypeSurvey) -> SurveyType {
    SurveyType {
        name: found.name,
        keys: found.keys,
        memory_bytes: found.bytes,
        ttl: times_to_live(found.ttl),
        no_expiry: found.ttl.no_expiry,
    }
}

fn times_to_live(ttl: TtlDistribution) -> Vec<TtlBucket> {
    [
        (Some(MINUTE), ttl.under_1_min),
        (Some(5 * MINUTE), ttl.under_5_min),
        (Some(HOUR), ttl.under_1_h),
        (Some(24 * HOUR), ttl.under_24_h),
        (None, ttl.more),
    ]
    .map(|(up_to_seconds, keys)| TtlBucket { up_to_seconds, keys })
    .into()
}
