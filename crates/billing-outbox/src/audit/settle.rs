//! Judges a value that was found to differ: is it stale, or did a write come between the two looks?
//!
//! # Why there is no false alarm
//!
//! The outbox serves as a version of the key, like the counter of a seqlock. It is read before and after the two looks,
//! and the looks count only if it did not change in between. One round is
//!
//! 1. note the history of Redis and a moment *m* of the database;
//! 2. read the outbox: which of the keys have an invalidation that this history does not carry yet;
//! 3. look up the cached values; 4. load those of the database;
//! 5. read the outbox: which keys have an invalidation that was committed after *m*; and the history again.
//!
//! A key is *quiet* in the round if 2 and 5 found nothing for it and the history is the same. In a quiet round a
//! healthy system shows no difference, by three facts of the protocol (`docs/protocol.md`):
//!
//! - *the row is written in the transaction that changes the value*: no row at 5 means that the database had a single
//!   value from *m* until after 4;
//! - *a row is marked after Redis acknowledged*: every change until *m* had its row by 2, and the row was marked there,
//!   so its INVALIDATE had been applied before 3;
//! - *a value is filled only under a lease that was granted before its load, and that an INVALIDATE revokes*: so what 3
//!   found was loaded after the last change until *m*, or between *m* and 3, and in both cases it is the single value
//!   of the database.
//!
//! This needs no clock and no waiting. It holds for a writer that stalls between commit and INVALIDATE for an hour, for
//! a value that changes back and forth, and whatever the order in which rows of the outbox become visible. It needs
//! rows that live longer than a round, which they do: at least `relay.retention_margin_seconds`.
//!
//! Both reads of the outbox are needed. The test of a busy system (`audit_busy`), with verdicts at the first quiet
//! difference, raises no alarm. Without step 2 it raises one after some tens of checks, without step 5 after some
//! thousands.
//!
//! Values also change without any write, by time, if a loader sets `valid_until`. An entry ends at that moment, but by
//! the clocks of Redis and of the process that filled it. So a difference must also last, in quiet rounds and on the
//! same bytes, for [`CLOCK_TOLERANCE`], by which those clocks may differ from the clock of this process.
//!
//! A key that is never quiet is not called stale but [`Outcome::Pending`], with the age of the invalidation it waits
//! for.
//!
//! Used by the parent.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use billing_cache::{AnyKey, Primaries, Standing};
use chrono::NaiveDateTime;

use super::look::{Seen, look_at};
use super::verdict::{AuditError, Judged, Outcome};
use crate::application::DatabaseCache;
use crate::comparison::{Differences, Finding};
use crate::database::now;
use crate::outbox::Histories;
use crate::outbox::trail::{self, Moment, Since};

/// The most by which the clocks of Redis, of services and of this process may differ before a value that changes by
/// time is called stale.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);
/// A key that was not quiet for this long is called pending. Longer than a relay needs with default settings:
/// invalidation deadline, grace and poll interval together.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// A value to judge: one that differed at a first look, or the one that the caller asked about.
struct Suspect {
    key: AnyKey,
    /// Since when it differs in quiet rounds, and with which bytes.
    inexcusable: Option<(Instant, Standing)>,
}

/// Looks at differing values until each is judged: for at most [`PATIENCE`] and [`CLOCK_TOLERANCE`] together, plus the
/// time that Redis and the database take.
///
/// May be dropped at any await.
pub(super) async fn settle(cache: &DatabaseCache, keys: BTreeSet<AnyKey>) -> Result<Vec<Judged>, AuditError> {
    let mut open: Vec<Suspect> = keys.into_iter().map(|key| Suspect { key, inexcusable: None }).collect();
    let mut judged = Vec::with_capacity(open.len());
    let patience_ends = Instant::now() + PATIENCE;
    let mut pause = PAUSE_MIN;
    loop {
        open = round(cache, open, patience_ends, &mut judged).await?;
        if open.is_empty() {
            return Ok(judged);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// One round. Returns the values that need another one.
async fn round(
    cache: &DatabaseCache,
    open: Vec<Suspect>,
    patience_ends: Instant,
    judged: &mut Vec<Judged>,
) -> Result<Vec<Suspect>, AuditError> {
    let keys: BTreeSet<AnyKey> = open.iter().map(|suspect| suspect.key.clone()).collect();
    let before = Before::read(cache, &keys).await?;
    let seen = look_at(cache, open.iter().map(|suspect| suspect.key.clone()).collect()).await?;
    let excuses = before.excuses(cache, &keys).await?;
    let mut seen: HashMap<AnyKey, Seen> = seen.into_iter().map(|seen| (seen.key.clone(), seen)).collect();
    let mut left = Vec::new();
    for mut suspect in open {
        let seen = seen.remove(&suspect.key).expect("every key that was asked about was looked at");
        match suspect.verdict(seen, excuses.of(&suspect.key), patience_ends) {
            Some(outcome) => judged.push(Judged { key: suspect.key, outcome }),
            None => left.push(suspect),
        }
    }
    Ok(left)
}

impl Suspect {
    /// The verdict, if this round allows one.
    fn verdict(&mut self, seen: Seen, excuse: Option<NaiveDateTime>, patience_ends: Instant) -> Option<Outcome> {
        let differences = match seen.compared.finding {
            Finding::Different(differences) => differences,
            Finding::Absent => return Some(Outcome::Gone),
            Finding::Same => return Some(Outcome::Right),
            Finding::Undecodable(reason) => return Some(Outcome::Undecodable { reason }),
            Finding::Unreadable(reason) => return Some(Outcome::Unreadable { reason }),
        };
        match excuse {
            Some(since) => self.excused(since, differences, patience_ends),
            None => self.unexcused(seen.standing, differences, patience_ends),
        }
    }

    fn excused(&mut self, since: NaiveDateTime, differences: Differences, patience_ends: Instant) -> Option<Outcome> {
        self.inexcusable = None;
        let age = (now() - since).to_std().unwrap_or_default();
        (Instant::now() >= patience_ends).then_some(Outcome::Pending { age, differences })
    }

    fn unexcused(&mut self, standing: Standing, differences: Differences, patience_ends: Instant) -> Option<Outcome> {
        match &self.inexcusable {
            // After the patience, new bytes begin no new wait: a writer that keeps writing them writes wrong ones.
            Some((since, same)) if *same == standing || Instant::now() >= patience_ends => {
                (since.elapsed() >= CLOCK_TOLERANCE).then_some(Outcome::Stale { differences })
            }
            _ => {
                self.inexcusable = Some((Instant::now(), standing));
                None
            }
        }
    }
}

/// What was read before the looks of a round.
struct Before {
    primaries: Primaries,
    moment: Moment,
    unapplied: Since,
}

/// Why keys may differ in a round.
struct Excuses {
    unapplied: Since,
    after: Since,
    /// When Redis was found to have another history than before.
    other_history: Option<NaiveDateTime>,
}

impl Before {
    /// The moment is read before the rows: what is committed between the two is found after the looks.
    async fn read(cache: &DatabaseCache, keys: &BTreeSet<AnyKey>) -> Result<Self, AuditError> {
        let primaries = cache.primaries().await?;
        let moment = trail::moment(cache.source().connection()).await?;
        let unapplied = trail::unapplied(cache, Histories::of(&primaries), keys).await?;
        Ok(Self { primaries, moment, unapplied })
    }

    async fn excuses(self, cache: &DatabaseCache, keys: &BTreeSet<AnyKey>) -> Result<Excuses, AuditError> {
        let after = trail::after(cache, &self.moment, keys).await?;
        let other_history = (cache.primaries().await? != self.primaries).then(now);
        Ok(Excuses { unapplied: self.unapplied, after, other_history })
    }
}

impl Excuses {
    /// Since when an invalidation of the key is pending; `None` if the key was quiet.
    fn of(&self, key: &AnyKey) -> Option<NaiveDateTime> {
        self.unapplied.get(key).or_else(|| self.after.get(key)).copied().or(self.other_history)
    }
}
