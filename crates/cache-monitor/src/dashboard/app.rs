//! What all routes share.

use std::sync::Arc;

use billing_core::cached::BillingCache;
use tokio::sync::watch;

use super::access::Access;
use super::watch::{Audience, Board, Histories, Published};
use crate::interruption::Interruption;

/// The state of the routes.
pub(crate) type App = Arc<Shared>;

/// See [`App`].
pub(crate) struct Shared {
    pub(crate) access: Access,
    pub(crate) audience: Arc<Audience>,
    /// The newest snapshot; none until Redis was asked first.
    pub(crate) published: watch::Receiver<Option<Published>>,
    /// What the tasks in the background found since.
    pub(crate) board: Arc<Board>,
    pub(crate) histories: Histories,
    pub(crate) cache: BillingCache,
    pub(crate) interruption: Interruption,
}
