//! Where the tasks in the background leave what they found, for the snapshot.

use std::time::Duration;

use tokio::sync::watch;

use super::TypeFacts;
use super::status::Status;
use crate::dashboard::model::{
    AuditReport, AuditState, AuditTally, AuditType, OutboxReport, SurveyReport, SurveyState,
};

/// What was found last.
#[derive(Debug)]
pub(crate) struct Board {
    pub(super) survey: watch::Sender<SurveyReport>,
    pub(super) audit: watch::Sender<AuditReport>,
    pub(super) database: watch::Sender<DatabaseState>,
}

/// What is known of the database.
#[derive(Clone, Debug)]
pub(super) struct DatabaseState {
    pub(super) status: Status,
    pub(super) outbox: Option<OutboxReport>,
}

impl Board {
    /// Nothing is known yet. `audits_every` is `None` where there are none.
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

    /// The newest survey.
    pub(crate) fn survey_report(&self) -> SurveyReport {
        self.survey.borrow().clone()
    }

    /// The newest audit.
    pub(crate) fn audit_report(&self) -> AuditReport {
        self.audit.borrow().clone()
    }
}
