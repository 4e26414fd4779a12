//! The leader of a flight: loads one key for all its waiters, under the lease of the key.
//!
//! Invariants (`protocol.md`, "Reading"): the database snapshot begins after the lease was granted. The callers that an
//! answer covers are noted before the step that makes it valid for them. The read path starts it
//! ([`crate::read::one`]).

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::field::Empty;
use tracing::{Instrument, trace_span};

use super::answer::{Answer, Cached, Tier};
use super::cache::Cache;
use super::decode::{Reading, reading};
use super::flight::{Flight, Found, Mark, Outcome};
use super::operation_log;
use super::type_state::{TypeState, note_redis_error};
use crate::clock::millis;
use crate::counting::event::Event;
use crate::declaration::cached_type::CachedType;
use crate::mutation::keeps;
use crate::protocol::acquire::{Acquired, acquire};
use crate::protocol::fill::{self, Fill, Filled};
use crate::protocol::lease::{Lease, Mode, Token};

/// Number of attempts to fill. After the last lost one, the load is answered uncached.
const FILL_ATTEMPTS: u32 = 3;
const POLL_MIN: Duration = Duration::from_millis(2);
const POLL_MAX: Duration = Duration::from_millis(25);

/// Performs one load (ACQUIRE, load, FILL), and says which callers each answer covers.
pub(crate) struct Pilot<T: CachedType> {
    pub(crate) cache: Cache<T::Source>,
    pub(crate) key: T::Key,
    pub(crate) text: String,
    pub(crate) flight: Arc<Flight<Answer<T>>>,
}

/// The result of an attempt under a lease.
enum Attempt<A> {
    Done(Outcome<A>),
    /// The fill was lost. The load still covers these callers.
    Lost(Outcome<A>),
}

impl<T: CachedType> Pilot<T> {
    /// Makes one round. It completes even if all waiters are gone.
    pub(crate) async fn fly(&self) -> Outcome<Answer<T>> {
        let shared = self.cache.shared();
        let is_past_cache = self.state().past_cache.is_on() || shared.suspects.contains(&self.text);
        if is_past_cache || self.flight.found() == Found::Unusable {
            return self.bypass().await;
        }
        let patience_ends = Instant::now() + Duration::from_millis(shared.settings.patience_ms);
        let lease_ttl = Duration::from_millis(shared.settings.lease_ttl_ms);
        let (mut mode, mut attempts, mut pause) = (Mode::Read, 0, POLL_MIN);
        loop {
            let covers = self.flight.mark();
            match acquire(&shared.shards, &self.text, mode, lease_ttl).await {
                Ok(Acquired::Hit(json)) => match reading::<T>(&self.state().decoded, &self.key, &self.text, &json) {
                    Reading::Value(value) => {
                        let covers = self.covered("rule-c-for-hits", covers);
                        return Outcome { covers, answer: Ok(Cached { value, tier: Tier::L2 }) };
                    }
                    Reading::Undecodable | Reading::Ended => mode = Mode::Refresh,
                },
                Ok(Acquired::Granted(token)) => {
                    attempts += 1;
                    match self.load_and_fill(token).await {
                        Attempt::Lost(_) if attempts < FILL_ATTEMPTS => {}
                        Attempt::Done(outcome) | Attempt::Lost(outcome) => return outcome,
                    }
                }
                Ok(Acquired::Contended | Acquired::Present) if Instant::now() < patience_ends => {
                    self.state().counters.add(Event::Contended);
                    tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)).await;
                    pause = (pause * 2).min(POLL_MAX);
                    mode = Mode::Read;
                }
                Ok(_) => return self.bypass().await,
                Err(error) => {
                    note_redis_error(self.state(), &self.text, &error);
                    shared.suspect_oversize(&error, vec![self.text.clone()]);
                    return self.bypass().await;
                }
            }
        }
    }

    /// The database snapshot begins after the grant was received. Otherwise an invalidation between the two would be
    /// missed.
    async fn load_and_fill(&self, token: Token) -> Attempt<Answer<T>> {
        let covered_by_load = self.flight.mark();
        let loaded = match self.cache.load_one::<T>(&self.key).await {
            Ok(loaded) => loaded,
            Err(error) => {
                self.give_back(Lease { key: self.text.clone(), token }).await;
                let covers = self.covered("rule-c-for-loads", covered_by_load);
                return Attempt::Done(Outcome { covers, answer: Err(error) });
            }
        };
        let ttl = self.state().policy.ttl_of(&loaded, self.cache.shared().shards.command_limit());
        let json = serde_json::to_vec(&loaded.value).expect("a snapshot struct has a JSON form");
        let answer = Ok(Cached::new(loaded.value, Tier::Loaded));
        let Some(ttl) = ttl else {
            self.give_back(Lease { key: self.text.clone(), token }).await;
            return Attempt::Done(Outcome { covers: covered_by_load, answer });
        };
        #[cfg(feature = "mutations")]
        let token = self.lease_after_load(token).await;
        let fill = Fill { key: self.text.clone(), token, json, ttl };
        if !self.cache.may_store(self.state(), &fill) {
            self.give_back(fill.lease()).await;
            return Attempt::Done(Outcome { covers: covered_by_load, answer });
        }
        let covered_by_fill = self.flight.mark();
        let span = trace_span!("fill", cache_type = T::NAME, outcome = Empty);
        let started = Instant::now();
        let filled = fill::fill(&self.cache.shared().shards, &fill).instrument(span.clone()).await;
        operation_log::filled::<T>(&span, &fill, filled.as_ref().ok(), started);
        match filled {
            Ok(Filled::Stored) => {
                self.cache.shared().known.stored(&self.text, millis(fill.ttl));
                self.state().counters.add(Event::FillStored);
                let covers = self.covered("rule-c-for-stored-fills", covered_by_fill);
                Attempt::Done(Outcome { covers, answer })
            }
            Ok(Filled::Lost) => {
                self.state().counters.add(Event::FillLost);
                #[cfg(feature = "mutations")]
                self.keep_without("lost-fills-stay-out-of-l1", &answer);
                Attempt::Lost(Outcome { covers: self.covered("rule-c-for-lost-fills", covered_by_load), answer })
            }
            Ok(Filled::Elsewhere) => {
                self.state().counters.add(Event::FillLost);
                self.give_back(fill.lease()).await;
                Attempt::Done(Outcome { covers: covered_by_load, answer })
            }
            Err(error) => {
                note_redis_error(self.state(), &self.text, &error);
                Attempt::Done(Outcome { covers: covered_by_load, answer })
            }
        }
    }

    async fn give_back(&self, lease: Lease) {
        self.cache.give_leases_back::<T>(&[lease]).await;
    }

    async fn bypass(&self) -> Outcome<Answer<T>> {
        let covers = self.flight.mark();
        let answer = self.cache.load_past_cache::<T>(&self.key).await;
        #[cfg(feature = "mutations")]
        self.keep_without("bypasses-stay-out-of-l1", &answer);
        Outcome { covers: self.covered("rule-c-for-bypasses", covers), answer }
    }

    /// The callers that an answer covers: those noted before the command that produced it was sent.
    fn covered(&self, part: &str, noted: Mark) -> Mark {
        if keeps(part) { noted } else { self.flight.mark() }
    }

    fn state(&self) -> &TypeState<T> {
        self.cache.state()
    }
}
