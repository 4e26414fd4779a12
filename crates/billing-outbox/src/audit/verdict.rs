//! The verdict on a cached value, and why there is none.
//!
//! Used by the audit, and by the reports on it.

use std::time::Duration;

use billing_cache::{AnyKey, L2Error, RedisUnreachable};
use sea_orm::DbErr;

use crate::comparison::Differences;
use crate::database::DatabaseError;

/// The verdict on one value.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It equals the database.
    Right,
    /// It differs, and no invalidation of it is pending.
    Stale {
        /// The fields that differ.
        differences: Differences,
    },
    /// It differs for now: at every look an invalidation of it was pending.
    Pending {
        /// How long the invalidation has been pending.
        age: Duration,
        /// The fields that differ.
        differences: Differences,
    },
    /// It is no value of its type.
    Undecodable {
        /// The reason.
        reason: String,
    },
    /// The database has a row for it that cannot be read, so the value cannot be judged.
    Unreadable {
        /// Which row, and why.
        reason: String,
    },
    /// The scan found it, but it was gone when its value was looked up.
    Gone,
}

impl Outcome {
    /// The name in reports.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Stale { .. } => "stale",
            Self::Pending { .. } => "pending",
            Self::Undecodable { .. } => "undecodable",
            Self::Unreadable { .. } => "unreadable",
            Self::Gone => "gone",
        }
    }

    /// Whether it must be repaired: nothing else is about to repair it.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        matches!(self, Self::Stale { .. } | Self::Undecodable { .. })
    }
}

/// A value and its verdict.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Which value.
    pub key: AnyKey,
    /// The verdict.
    pub outcome: Outcome,
}

/// Why the audit could not continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Redis cannot be used.
    #[error("look up cached values")]
    Redis(#[from] RedisUnreachable),
    /// Redis did not report its history.
    #[error("ask Redis for its history")]
    History(#[from] L2Error),
    /// The database values could not be loaded.
    #[error("load the values to compare with")]
    Load(#[from] DatabaseError),
    /// The outbox could not be read.
    #[error("read the outbox")]
    Outbox(#[from] DbErr),
}
