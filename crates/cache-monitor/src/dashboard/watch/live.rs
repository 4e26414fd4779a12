//! The live part: reads everything that changes continuously, and publishes a snapshot for all viewers.
//!
//! Invariants: there is one read at a time, and every viewer gets the same text; only buckets that may have changed are
//! read again. While Redis is unreachable the snapshot says so, and shows the values read before.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use billing_cache::{Numbers, RedisUnreachable, Resolution};
use billing_core::cached::BillingCache;
use billing_core::printable_lines;
use cli_support::exit;
use serde::Serialize;
use tokio::sync::watch;

use super::audience::Audience;
use super::board::Board;
use super::facts::{TypeFacts, text_of};
use super::hot_keys::HottestKeys;
use super::kept::Kept;
use super::status::Status;
use super::surroundings::Surroundings;
use crate::dashboard::model::{EndpointState, SCHEMA_VERSION, Snapshot, TypeReport};
use crate::dashboard::summary;

const REFRESH: Duration = Duration::from_secs(2);
/// The pause while nobody is viewing.
const IDLE: Duration = Duration::from_secs(30);
/// A Redis that takes longer to answer counts as unreachable, because otherwise the page would stand still without a
/// reason.
const PATIENCE: Duration = Duration::from_secs(5);
/// This many complete minutes and the current one are shown as "now".
const MINUTES: u64 = 5;
/// The whole time for which counters are kept.
const EVERYTHING_HOURS: u64 = 31 * 24;

/// A snapshot in the form that is sent.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) json: Arc<str>,
    pub(crate) redis: Status,
}

/// Reads the data and publishes snapshots.
pub(crate) struct Live {
    cache: BillingCache,
    types: Vec<TypeFacts>,
    board: Arc<Board>,
    audience: Arc<Audience>,
    redis: Status,
    minutes: Kept<Numbers>,
    /// When the minutes were last read.
    read_at: Option<SystemTime>,
    surroundings: Surroundings,
    hot_keys: HottestKeys,
    data: Data,
}

/// Whether the retained counters contain any request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Data {
    #[default]
    NotLookedFor,
    /// Later requests appear in the last minutes.
    NoneYet,
    Found,
}

impl Data {
    fn is_there(self) -> Option<bool> {
        match self {
            Self::NotLookedFor => None,
            Self::NoneYet => Some(false),
            Self::Found => Some(true),
        }
    }
}

impl Live {
    pub(crate) fn new(cache: BillingCache, types: Vec<TypeFacts>, board: Arc<Board>, audience: Arc<Audience>) -> Self {
        Self {
            redis: Status::of(cache.endpoint()),
            minutes: Kept::of_length(Resolution::Minute.length(), Resolution::Minute),
            read_at: None,
            cache,
            types,
            board,
            audience,
            surroundings: Surroundings::default(),
            hot_keys: HottestKeys::default(),
            data: Data::default(),
        }
    }

    /// Never ends by itself.
    pub(crate) async fn go_on(mut self, publish: watch::Sender<Option<Published>>) {
        loop {
            let begun = Instant::now();
            self.look().await;
            publish.send_replace(Some(self.published()));
            self.audience.pause(REFRESH.saturating_sub(begun.elapsed()).max(REFRESH / 4), IDLE).await;
        }
    }

    async fn look(&mut self) {
        let error = match tokio::time::timeout(PATIENCE, self.read()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(exit::sentence(&error.into())),
            Err(_) => Some(silence(self.cache.endpoint())),
        };
        self.redis.set(error);
    }

    /// May be dropped at any await: what was read until then is kept.
    async fn read(&mut self) -> Result<(), RedisUnreachable> {
        self.read_minutes().await?;
        self.read_surroundings().await?;
        if self.audience.is_there() {
            self.hot_keys.refresh(&self.cache).await?;
        }
        self.look_for_data().await
    }

    async fn read_surroundings(&mut self) -> Result<(), RedisUnreachable> {
        let before = std::mem::replace(&mut self.surroundings, Surroundings::read(&self.cache).await?);
        let now = SystemTime::now();
        if self.surroundings.tell_of_a_return_since(&before, now) {
            self.redis.note_return(now);
        }
        Ok(())
    }

    async fn read_minutes(&mut self) -> Result<(), RedisUnreachable> {
        let now = SystemTime::now();
        let last = self.minutes.step_at(now);
        let first = last.saturating_sub(MINUTES);
        let to_read = match self.redis.state() {
            EndpointState::Ok => self.minutes.to_read(first..=last, MINUTES + 1, self.redis.recovered(now)),
            EndpointState::Away | EndpointState::NotAsked => vec![first..=last],
        };
        for steps in to_read {
            let (from, to) = (self.minutes.start_of(*steps.start()), self.minutes.start_of(*steps.end()));
            for bucket in self.cache.history(Resolution::Minute, from, to).await? {
                self.minutes.put(self.minutes.step_at(bucket.start), now, bucket.numbers);
            }
        }
        self.minutes.forget_before(first);
        self.read_at = Some(now);
        Ok(())
    }

    /// Searches all retained counters once, and then only the last minutes.
    async fn look_for_data(&mut self) -> Result<(), RedisUnreachable> {
        let names = self.names();
        let any_in = |numbers: &Numbers| summary::requests(numbers, &names) > 0;
        // Redis may have come back empty.
        let known = if self.redis.state() == EndpointState::Away { Data::NotLookedFor } else { self.data };
        let found = match known {
            Data::Found => true,
            Data::NoneYet => any_in(&self.recent().0),
            Data::NotLookedFor => any_in(&self.recent().0) || any_in(&self.cache.usage(EVERYTHING_HOURS).await?),
        };
        self.data = if found { Data::Found } else { Data::NoneYet };
        Ok(())
    }

    /// The numbers of the last minutes, and the length of that period.
    fn recent(&self) -> (Numbers, Duration) {
        let mut sum = Numbers::default();
        self.minutes.iter().for_each(|(_, numbers)| sum += numbers);
        let begin = self.minutes.iter().next().map(|(step, _)| self.minutes.start_of(step));
        let length = self.read_at.zip(begin).and_then(|(read_at, begin)| read_at.duration_since(begin).ok());
        (sum, length.unwrap_or_default())
    }

    fn names(&self) -> Vec<&'static str> {
        self.types.iter().map(|facts| facts.name).collect()
    }

    fn published(&self) -> Published {
        let snapshot = self.snapshot();
        let json = json_of(&snapshot).into();
        Published { snapshot: Arc::new(snapshot), json, redis: self.redis.clone() }
    }

    fn snapshot(&self) -> Snapshot {
        let (recent, length) = self.recent();
        let (total, mut by_type) = summary::summarize(&recent, &self.names(), length);
        let (is_read, database) = (self.read_at.is_some(), self.board.database.borrow().clone());
        let of_type = |facts: &TypeFacts| TypeReport {
            name: facts.name,
            ttl_seconds: facts.ttl.as_secs(),
            l1: facts.l1,
            numbers: by_type.remove(facts.name).filter(|_| is_read),
        };
        let now = SystemTime::now();
        Snapshot {
            schema_version: SCHEMA_VERSION,
            at: text_of(now),
            refresh_seconds: REFRESH.as_secs(),
            redis: self.redis.report(),
            database: database.status.report(),
            has_data: self.data.is_there(),
            window_seconds: length.as_secs(),
            total: Some(total).filter(|_| is_read),
            types: self.types.iter().map(of_type).collect(),
            memory: self.surroundings.memory(),
            survey: self.board.survey.borrow().clone(),
            hot_keys: self.hot_keys.report(),
            processes: self.surroundings.processes(now),
            outbox: database.outbox,
            breaker_changes: self.surroundings.changes(),
            audit: self.board.audit.borrow().clone(),
        }
    }
}

fn silence(endpoint: &str) -> String {
    let seconds = PATIENCE.as_secs();
    format!("Redis at {endpoint} did not answer within {seconds} s; is it stopped, or busy (redis-cli slowlog get 10)?")
}

/// For programs and for terminals. It is escaped, because keys and error messages of servers come from outside.
fn json_of(snapshot: &impl Serialize) -> String {
    printable_lines(&serde_json::to_string(snapshot).expect("a snapshot has a JSON form"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_steers_no_terminal_and_means_the_same() {
        const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}x\n\u{2028}\u{7f}";
        let json = json_of(&[HOSTILE]);
        assert!(!json.contains(billing_core::is_unprintable), "{json:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [HOSTILE]);
    }
}
