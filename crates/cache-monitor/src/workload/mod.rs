//! The requests: keys drawn at random, or the lines of a recorded access log.
//!
//! Invariant: all tasks of a run draw from one workload, so the sequence of keys does not depend on the number of
//! tasks.

mod key_sequence;
mod request;
mod trace;

use std::sync::{Arc, Mutex, PoisonError};

use billing_outbox::registry::Probe;

pub(crate) use key_sequence::{Draw, KeySequence};
pub(crate) use request::Request;
pub(crate) use trace::{RecordedRequests, Tally, TraceFailure, TraceFile};

/// The source of requests, for any number of tasks.
pub(crate) enum Workload {
    /// Keys of one type, drawn at random.
    Drawn(Box<Mutex<DrawnRequests>>),
    /// The lines of a log.
    Recorded(RecordedRequests),
}

impl Workload {
    /// This many requests for keys of one type.
    pub(crate) fn drawn(type_index: usize, probe: Arc<dyn Probe>, sequence: KeySequence, requests: u64) -> Self {
        Self::Drawn(Box::new(Mutex::new(DrawnRequests { type_index, probe, sequence, requests, next: 0 })))
    }

    /// The next request; `None` if there are no more. May be dropped at any await.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) async fn next(&self) -> Result<Option<Request>, TraceFailure> {
        match self {
            Self::Drawn(requests) => Ok(requests.lock().unwrap_or_else(PoisonError::into_inner).next()),
            Self::Recorded(requests) => requests.next().await,
        }
    }
}

/// Requests for keys of one type, drawn at random.
pub(crate) struct DrawnRequests {
    type_index: usize,
    probe: Arc<dyn Probe>,
    sequence: KeySequence,
    requests: u64,
    next: u64,
}

impl DrawnRequests {
    fn next(&mut self) -> Option<Request> {
        let number = self.next;
        (number < self.requests).then(|| {
            self.next += 1;
            let place = self.sequence.next_place();
            Request { number, type_index: self.type_index, probe: Arc::clone(&self.probe), place }
        })
    }
}
