//! The sessions of viewers who logged in: browsers keep random values in a cookie instead of the token.
//!
//! Invariant: the number of sessions is limited, and each expires; a value reveals nothing about the token.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use subtle::{Choice, ConstantTimeEq};

pub(super) const COOKIE: &str = "cache_monitor_session";
/// A working day.
pub(crate) const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Maximum number of sessions. Beyond it, the oldest viewer has to log in again.
const MOST: usize = 256;
const RANDOM_BYTES: usize = 32;

/// The values of our cookie. A browser may send several.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// The sessions of all browsers.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<VecDeque<Session>>);

struct Session {
    value: String,
    ends: Instant,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl Sessions {
    /// Starts a session, and returns its value.
    pub(crate) fn begin(&self) -> String {
        let random: [u8; RANDOM_BYTES] = rand::random();
        let value = random.iter().fold(String::with_capacity(2 * RANDOM_BYTES), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string can be written");
            hex
        });
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|session| session.ends > Instant::now());
        if sessions.len() == MOST {
            sessions.pop_front();
        }
        sessions.push_back(Session { value: value.clone(), ends: Instant::now() + LIFE });
        value
    }

    /// Whether a session with this value exists. The time that this takes reveals nothing about existing values.
    pub(crate) fn know(&self, shown: &str) -> bool {
        let (now, sessions) = (Instant::now(), self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let valid = sessions.iter().filter(|session| session.ends > now);
        let known =
            valid.fold(Choice::from(0), |known, session| known | session.value.as_bytes().ct_eq(shown.as_bytes()));
        known.into()
    }

    /// Ends the session with this value.
    pub(crate) fn end(&self, shown: &str) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|session| !bool::from(session.value.as_bytes().ct_eq(shown.as_bytes())));
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_values_that_were_given_out_are_known() {
        let sessions = Sessions::default();
        assert!(!sessions.know(""));
        let (first, second) = (sessions.begin(), sessions.begin());
        assert_ne!(first, second);
        assert_eq!(first.len(), 64);
        assert!(sessions.know(&first) && sessions.know(&second) && !sessions.know(&first[1..]) && !sessions.know(""));
    }

    #[test]
    fn one_that_is_ended_is_known_no_more_and_the_others_are() {
        let sessions = Sessions::default();
        let (first, second) = (sessions.begin(), sessions.begin());
        sessions.end(&first);
        sessions.end("");
        assert!(!sessions.know(&first) && sessions.know(&second));
    }

    #[test]
    fn the_oldest_ends_where_there_are_too_many() {
        let sessions = Sessions::default();
        let all: Vec<String> = (0..=MOST).map(|_| sessions.begin()).collect();
        assert!(!sessions.know(&all[0]) && sessions.know(&all[1]) && sessions.know(&all[MOST]));
        assert!(!format!("{sessions:?}").contains(&all[MOST]));
    }

    #[test]
    fn our_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("a=1; cache_monitor_session=x; xcache_monitor_session=no"),
        );
        headers.append(header::COOKIE, HeaderValue::from_static("cache_monitor_session=y"));
        assert_eq!(cookies(&headers).collect::<Vec<_>>(), ["x", "y"]);
    }
}
