//! Where the background tasks store their results for the snapshot.

use std::time::Duration;

use tokio::sync::watch;

use super::facts::TypeFacts;
use super::status::Status;
use crate::dashboard::model::{
    AuditReport, AuditState, AuditTally, AuditType, OutboxReport, SurveyReport, SurveyState,
};

/// The newest results.
#[derive(Debug)]
pub(crate) struct Board {
    pub(super) survey: watch::Sender<SurveyReport>,
    pub(super) audit: watch::Sender<AuditReport>,
    pub(super) database: watch::Sender<DatabaseState>,
}

/// The state of the database.
#[derive(Clone, Debug)]
pub(super) struct DatabaseState {
    pub(super) status: Status,
    pub(super) outbox: Option<OutboxReport>,
}

impl Board {
    /// A board without results. `audits_every` is `None` if audits are off.
    pub(crate) fn blank(types: &[TypeFacts], database: &str, audits_every: Option<Duration>) -> Self {
        let state = if audits_every.is_some() { AuditState::Waiting } else { AuditState::Off };
        let unchecked = |facts: &TypeFacts| AuditType { name: facts.name, tally: AuditTally::default() };
        Self {
            survey: watch::Sender::new(SurveyReport { state: SurveyState::None, at: None, types: Vec::new() }),
            audit: watch::Sender::new(AuditReport {
                state,
                error: None,
                at: None,
                every_seconds: audits_every.unwrap_or_default().as_secs(),
                total: AuditTally::default(),
                types: types.iter().map(unchecked).collect(),
            }),
            database: watch::Sender::new(DatabaseState { status: Status::of(database), outbox: None }),
        }
    }

    /// The newest keyspace statistics.
    pub(crate) fn survey_report(&self) -> SurveyReport {
        self.survey.borrow().clone()
    }

    /// The newest audit.
    pub(crate) fn audit_report(&self) -> AuditReport {
        self.audit.borrow().clone()
    }
}
