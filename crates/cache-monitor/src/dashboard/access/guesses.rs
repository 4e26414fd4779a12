//! The rate limit for wrong tokens, by network.
//!
//! Each network may send [`FREE`] wrong tokens, and one more every [`EVERY`]: a person who mistypes does not notice the
//! limit, and an attacker has twelve guesses a minute. Invariants: a network that has to wait learns nothing about the
//! token it sends; no other network waits because of it; at most [`MOST`] networks are remembered.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bounded_http::Network;

/// Number of wrong tokens without a pause.
const FREE: u32 = 8;
/// Time until one wrong token is forgotten.
const EVERY: Duration = Duration::from_secs(5);
/// Number of remembered networks. An attacker with more networks can guess faster, whatever the limit.
const MOST: usize = 4_096;

/// The time when all wrong tokens of a network will be forgotten.
#[derive(Debug, Default)]
pub(super) struct Guesses(HashMap<Network, Instant>);

impl Guesses {
    /// How long this network has to wait before it may send a token; `None` if it may send one now.
    pub(super) fn wait_of(&self, network: Network, now: Instant) -> Option<Duration> {
        let forgotten = self.0.get(&network)?.saturating_duration_since(now);
        let wait = forgotten.saturating_sub(EVERY * (FREE - 1));
        (!wait.is_zero()).then_some(wait)
    }

    /// Records a wrong token.
    pub(super) fn note(&mut self, network: Network, now: Instant) {
        if self.0.len() >= MOST && !self.0.contains_key(&network) {
            self.make_room(now);
        }
        let forgotten = self.0.entry(network).or_insert(now);
        *forgotten = (*forgotten).max(now) + EVERY;
    }

    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, forgotten| *forgotten > now);
        let first = self.0.iter().min_by_key(|(_, forgotten)| **forgotten).map(|(network, _)| *network);
        if let Some(first) = first.filter(|_| self.0.len() >= MOST) {
            self.0.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn network(number: u32) -> Network {
        Network::of(Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn after_some_wrong_tokens_a_network_waits_and_no_other_does() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        for _ in 0..FREE {
            assert_eq!(guesses.wait_of(network(1), now), None);
            guesses.note(network(1), now);
        }
        assert_eq!(guesses.wait_of(network(1), now), Some(EVERY));
        assert_eq!(guesses.wait_of(network(2), now), None);
        let later = now + EVERY;
        assert_eq!(guesses.wait_of(network(1), later), None);
        guesses.note(network(1), later);
        assert_eq!(guesses.wait_of(network(1), later), Some(EVERY), "one was forgotten, not all");
        let much_later = later + EVERY * FREE;
        (0..FREE).for_each(|_| guesses.note(network(1), much_later));
        assert_eq!(guesses.wait_of(network(1), much_later), Some(EVERY));
    }

    #[test]
    fn no_more_networks_are_remembered_than_there_is_room_for() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let many = u32::try_from(MOST).unwrap();
        for _ in 0..FREE {
            guesses.note(network(0), now);
        }
        (1..3 * many).for_each(|number| guesses.note(network(number), now));
        assert_eq!(guesses.0.len(), MOST);
        assert!(guesses.wait_of(network(0), now).is_some(), "who waits longest is remembered longest");
        guesses.note(network(u32::MAX), now + EVERY * FREE);
        assert_eq!(guesses.0.len(), 1, "what is forgotten makes room first");
    }
}
