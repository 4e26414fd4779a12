//! The state that all routes share.

use std::sync::Arc;

use billing_core::cached::BillingCache;
use tokio::sync::watch;

use super::access::Access;
use super::watch::{Audience, Board, Histories, Published};

/// The state of the routes.
pub(crate) type App = Arc<Shared>;

/// See [`App`].
pub(crate) struct Shared {
    pub(crate) access: Arc<Access>,
    pub(crate) audience: Arc<Audience>,
    /// The newest snapshot; `None` until Redis was first asked.
    pub(crate) published: watch::Receiver<Option<Published>>,
    /// The newest results of the background tasks.
    pub(crate) board: Arc<Board>,
    pub(crate) histories: Histories,
    pub(crate) cache: BillingCache,
}
