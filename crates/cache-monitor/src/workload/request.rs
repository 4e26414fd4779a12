//! One request.

use std::sync::Arc;

use billing_outbox::registry::Probe;

/// One request for a key.
#[derive(Clone)]
pub(crate) struct Request {
    /// The number of the request within its type, starting at 0, including the warm-up.
    pub(crate) number: u64,
    /// The index of its type among the measured types.
    pub(crate) type_index: usize,
    /// Reads and loads it.
    pub(crate) probe: Arc<dyn Probe>,
    /// The index of the key in the probe.
    pub(crate) place: usize,
}
