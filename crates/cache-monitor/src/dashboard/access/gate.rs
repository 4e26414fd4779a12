//! What opens where the token is shown.
//!
//! Invariant: a token is looked at only if its network need not wait, and looking and noting that it was wrong are one
//! step: many requests at once are no more guesses than as many in a row.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bounded_http::Network;

use super::guesses::Guesses;
use super::sessions::Sessions;
use super::token::Token;

/// The token, and who has shown it or another one.
#[derive(Debug)]
pub(super) struct Gate {
    token: Token,
    pub(super) sessions: Sessions,
    guesses: Mutex<Guesses>,
}

/// What became of a token that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// It was not looked at; the next one will be after this time.
    TooSoon(Duration),
}

impl Gate {
    pub(super) fn new(token: Token) -> Self {
        Self { token, sessions: Sessions::default(), guesses: Mutex::default() }
    }

    /// Looks at a token that somebody of this network shows.
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
