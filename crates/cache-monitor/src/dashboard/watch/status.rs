//! Whether a server answers, and since when.

use std::time::SystemTime;

use tracing::{info, warn};

use super::facts::text_of;
use crate::dashboard::model::{Endpoint, EndpointState};

/// The state of a server.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    endpoint: String,
    state: EndpointState,
    error: Option<String>,
    since: SystemTime,
    /// When the server, or a process that had lost it, last came back.
    recovered: Option<SystemTime>,
}

impl Status {
    /// The state of a server that was not asked yet.
    pub(super) fn of(endpoint: &str) -> Self {
        let (state, since) = (EndpointState::NotAsked, SystemTime::now());
        Self { endpoint: endpoint.to_owned(), state, error: None, since, recovered: None }
    }

    /// Records an answer (`None`) or the reason why there was none.
    pub(super) fn set(&mut self, error: Option<String>) {
        let state = if error.is_none() { EndpointState::Ok } else { EndpointState::Away };
        if state != self.state {
            self.since = SystemTime::now();
            self.tell(error.as_deref());
        }
        if (self.state, state) == (EndpointState::Away, EndpointState::Ok) {
            self.recovered = Some(self.since);
        }
        (self.state, self.error) = (state, error);
    }

    /// Logs that the server was lost or came back.
    fn tell(&self, error: Option<&str>) {
        match (error, self.state) {
            (Some(error), _) => warn!(server = self.endpoint, error, "a server does not answer"),
            (None, EndpointState::Away) => info!(server = self.endpoint, "a server answers again"),
            (None, _) => {}
        }
    }

    pub(crate) fn state(&self) -> EndpointState {
        self.state
    }

    /// Records that a process which alone had lost the server is back.
    pub(super) fn note_return(&mut self, now: SystemTime) {
        self.recovered = Some(now);
    }

    /// When the server, or a process that had lost it, last came back. While the server is still recorded as
    /// unreachable, that is now, because the caller is about to get an answer.
    pub(crate) fn recovered(&self, now: SystemTime) -> Option<SystemTime> {
        if self.state == EndpointState::Away { Some(now) } else { self.recovered }
    }

    pub(super) fn report(&self) -> Endpoint {
        let Self { endpoint, state, error, since, .. } = self.clone();
        Endpoint { state, endpoint, error, since: text_of(since) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_lasts_until_there_is_another_one() {
        let since_start = SystemTime::now();
        let mut status = Status::of("here");
        assert_eq!((status.state(), status.report().error), (EndpointState::NotAsked, None));
        assert_eq!(status.recovered(since_start), None);
        status.set(Some("one reason".to_owned()));
        let since = status.since;
        status.set(Some("another reason".to_owned()));
        assert_eq!((status.state(), status.since), (EndpointState::Away, since));
        assert_eq!(status.recovered(since_start), Some(since_start));
        assert_eq!(status.report().error.as_deref(), Some("another reason"));
        status.set(None);
        assert_eq!((status.state(), status.report().error), (EndpointState::Ok, None));
        assert!(status.since >= since);
        assert_eq!(status.recovered(SystemTime::now()), Some(status.since));
        let returned = SystemTime::now();
        status.note_return(returned);
        assert_eq!(status.recovered(SystemTime::now()), Some(returned));
    }
}
