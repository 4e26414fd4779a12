//! Checks the token that a viewer sends.
//!
//! Invariant: a token is checked only if its network does not have to wait, and the check and the recording of a wrong
//! token are one step, so that many concurrent requests get no more guesses than sequential ones.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bounded_http::Network;

use super::guesses::Guesses;
use super::sessions::Sessions;
use super::token::Token;

/// The token, the sessions of viewers who logged in with it, and the recent wrong tokens.
#[derive(Debug)]
pub(super) struct Gate {
    token: Token,
    pub(super) sessions: Sessions,
    guesses: Mutex<Guesses>,
}

/// The result of checking a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// It was not checked; the next one is checked after this time.
    TooSoon(Duration),
}

impl Gate {
    pub(super) fn new(token: Token) -> Self {
        Self { token, sessions: Sessions::default(), guesses: Mutex::default() }
    }

    /// Checks a token from this network.
    pub(super) fn judge(&self, shown: &str, network: Network) -> Verdict {
        let now = Instant::now();
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = guesses.wait_of(network, now) {
            return Verdict::TooSoon(wait);
        }
        if self.token.is(shown) {
            return Verdict::Right;
        }
        guesses.note(network, now);
        if guesses.wait_of(network, now).is_some() {
            tracing::warn!(%network, "too many wrong tokens, others of this network are not looked at for a while");
        }
        Verdict::Wrong
    }
}
