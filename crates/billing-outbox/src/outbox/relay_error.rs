//! Why the relay stopped.
//!
//! Used by the relay and its parts.

use billing_cache::L2Error;
use sea_orm::DbErr;

/// Why a pass stopped. What it had done before stays done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The outbox could not be read or marked.
    #[error("read the outbox")]
    Database(#[from] DbErr),
    /// Redis could not be reached, or did not acknowledge.
    #[error("tell redis")]
    Redis(#[from] L2Error),
}
