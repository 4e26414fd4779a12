//! The truth of these tests: rows in memory, three cached types over them, and the ways a load can go wrong.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use billing_cache::{
    Absence, CacheKey, CachedType, HotKeysResult, KeyWriter, LoadResult, Loaded, Owner, SingleKey, Source,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};

use crate::world::PATIENT;

/// A handle on the truth; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(Arc<State>);

#[derive(Debug)]
struct State {
    invoices: Mutex<HashMap<i32, Invoice>>,
    spoilt: Mutex<HashSet<i32>>,
    notes: Mutex<HashMap<i32, Vec<String>>>,
    discounts: Mutex<Loaded<Vec<String>>>,
    boundary: Mutex<Option<Instant>>,
    faults: Mutex<Vec<Fault>>,
    loads: AtomicU64,
    loaded_keys: AtomicU64,
    to_hold: AtomicUsize,
    held: watch::Sender<usize>,
    go: Semaphore,
    yields: AtomicUsize,
}

/// What the next load does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Error,
    Panic,
    Hang,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger is closed")]
pub(crate) struct Closed;

impl Source for Ledger {
    type Error = Closed;
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self(Arc::new(State {
            invoices: Mutex::default(),
            spoilt: Mutex::default(),
            notes: Mutex::default(),
            discounts: Mutex::new(Loaded::lasting(Vec::new())),
            boundary: Mutex::default(),
            faults: Mutex::default(),
            loads: AtomicU64::new(0),
            loaded_keys: AtomicU64::new(0),
            to_hold: AtomicUsize::new(0),
            held: watch::Sender::new(0),
            go: Semaphore::new(0),
            yields: AtomicUsize::new(0),
        }))
    }

    /// Commits a version of an invoice. Telling the caches is up to the caller.
    pub(crate) fn put(&self, id: i32, version: u64) {
        self.0.invoices.lock().unwrap().insert(id, Invoice::of(version));
    }

    /// Commits the next version of an invoice, and returns it.
    pub(crate) fn put_next(&self, id: i32) -> u64 {
        let mut invoices = self.0.invoices.lock().unwrap();
        let row = invoices.entry(id).or_insert(Invoice::of(0));
        row.version += 1;
        row.version
    }

    /// The row of this invoice cannot be read until it is mended.
    pub(crate) fn spoil(&self, id: i32) {
        self.0.spoilt.lock().unwrap().insert(id);
    }

    pub(crate) fn mend(&self, id: i32) {
        self.0.spoilt.lock().unwrap().remove(&id);
    }

    pub(crate) fn put_notes(&self, user: i32, notes: &[&str]) {
        self.0.notes.lock().unwrap().insert(user, notes.iter().map(|&note| note.to_owned()).collect());
    }

    pub(crate) fn put_discounts(&self, discounts: &[&str], valid_until: Option<Instant>) {
        let value = discounts.iter().map(|&discount| discount.to_owned()).collect();
        *self.0.discounts.lock().unwrap() = Loaded { value: Some(value), valid_until };
    }

    /// All invoices loaded from now on change by themselves at this moment.
    pub(crate) fn set_boundary(&self, boundary: Option<Instant>) {
        *self.0.boundary.lock().unwrap() = boundary;
    }

    /// How often the database was asked.
    pub(crate) fn loads(&self) -> u64 {
        self.0.loads.load(Ordering::SeqCst)
    }

    /// For how many keys the database was asked.
    pub(crate) fn loaded_keys(&self) -> u64 {
        self.0.loaded_keys.load(Ordering::SeqCst)
    }

    /// The next loads go wrong, one for each fault.
    pub(crate) fn fail_next(&self, faults: &[Fault]) {
        self.0.faults.lock().unwrap().extend(faults.iter().rev());
    }

    /// The next `count` loads take their snapshot and then wait for [`release`](Self::release), in their order.
    pub(crate) fn hold_next(&self, count: usize) {
        self.0.to_hold.store(count, Ordering::SeqCst);
    }

    /// Waits until so many loads have been held, those released since included.
    pub(crate) async fn until_held(&self, count: usize) {
        let mut held = self.0.held.subscribe();
        let enough = tokio::time::timeout(PATIENT, held.wait_for(|held| *held >= count)).await;
        drop(enough.expect("the load begins").expect("the ledger lives"));
    }

    /// Lets the load that was held first go on.
    pub(crate) fn release(&self) {
        self.0.go.add_permits(1);
    }

    /// Every load lets other tasks run so often between its snapshot and its answer.
    pub(crate) fn yield_in_loads(&self, times: usize) {
        self.0.yields.store(times, Ordering::SeqCst);
    }

    /// One load: the snapshot first, then whatever the test wants to happen between it and the answer.
    async fn load<K: Copy + Eq + Hash, V>(
        &self,
        keys: &[K],
        row_of: impl Fn(&State, K) -> Option<Loaded<V>>,
    ) -> Result<HashMap<K, Result<Loaded<V>, Closed>>, Closed> {
        self.0.loads.fetch_add(1, Ordering::SeqCst);
        self.0.loaded_keys.fetch_add(keys.len() as u64, Ordering::SeqCst);
        let snapshot = keys.iter().filter_map(|key| Some((*key, Ok(row_of(&self.0, *key)?)))).collect();
        let fault = self.0.faults.lock().unwrap().pop();
        let hold = |left: usize| left.checked_sub(1);
        if self.0.to_hold.fetch_update(Ordering::SeqCst, Ordering::SeqCst, hold).is_ok() {
            self.0.held.send_modify(|held| *held += 1);
            self.0.go.acquire().await.expect("the semaphore is never closed").forget();
        }
        for _ in 0..self.0.yields.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        match fault {
            None => Ok(snapshot),
            Some(Fault::Error) => Err(Closed),
            Some(Fault::Panic) => panic!("a loader's bug, on purpose"),
            Some(Fault::Hang) => std::future::pending().await,
        }
    }
}

/// The versioned value: a read is stale when its version is older than the last acknowledged one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invoice {
    pub(crate) version: u64,
    /// Only what a test stores by hand says whose it is, and when it ends: the id, and seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ends: Option<u64>,
}

impl Invoice {
    pub(crate) fn of(version: u64) -> Self {
        Self { version, id: None, ends: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct InvoiceId(pub(crate) i32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UserId(pub(crate) i32);

macro_rules! integer_key {
    ($key:ident, $part:literal) => {
        impl CacheKey for $key {
            const PARTS: &'static [&'static str] = &[$part];

            fn write_parts(&self, out: &mut KeyWriter<'_>) {
                out.part(self.0);
            }

            fn from_parts(parts: &[&str]) -> Option<Self> {
                parts[0].parse().ok().map(Self)
            }
        }

        impl fmt::Display for $key {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

integer_key!(InvoiceId, "id");
integer_key!(UserId, "user_id");

/// `invoice:{id}`: a value or the absence of one.
#[derive(Debug)]
pub(crate) struct Invoices;

impl CachedType for Invoices {
    type Source = Ledger;
    type Key = InvoiceId;
    type Value = Invoice;

    const NAME: &'static str = "invoices";
    const PREFIX: &'static str = "invoice";
    const TTL: Duration = Duration::from_secs(300);

    fn owner(value: &Invoice, key: &InvoiceId) -> Owner {
        value.id.map_or(Owner::Untold, |id| Owner::if_same(id == key.0))
    }

    fn valid_until(value: &Invoice) -> Option<SystemTime> {
        value.ends.map(|ends| SystemTime::UNIX_EPOCH + Duration::from_secs(ends))
    }

    async fn load(ledger: &Ledger, keys: &[InvoiceId]) -> LoadResult<Self> {
        let boundary = *ledger.0.boundary.lock().unwrap();
        let row = |state: &State, id: InvoiceId| {
            let value = state.invoices.lock().unwrap().get(&id.0).cloned();
            (value.is_some() || boundary.is_some()).then_some(Loaded { value, valid_until: boundary })
        };
        let mut loaded = ledger.load(keys, row).await?;
        let spoilt = ledger.0.spoilt.lock().unwrap();
        loaded.extend(keys.iter().filter(|key| spoilt.contains(&key.0)).map(|key| (*key, Err(Closed))));
        Ok(loaded)
    }

    async fn hot_keys(ledger: &Ledger, after: Option<&InvoiceId>, limit: u64) -> HotKeysResult<Self> {
        let mut ids: Vec<i32> = ledger.0.invoices.lock().unwrap().keys().copied().collect();
        ids.retain(|id| after.is_none_or(|after| *id > after.0));
        ids.sort_unstable();
        ids.truncate(usize::try_from(limit).unwrap());
        Ok(ids.into_iter().map(InvoiceId).collect())
    }
}

/// `user_credit_notes:{user_id}`: a list, which may be empty.
#[derive(Debug)]
pub(crate) struct CreditNotes;

impl CachedType for CreditNotes {
    type Source = Ledger;
    type Key = UserId;
    type Value = Vec<String>;

    const NAME: &'static str = "user_credit_notes";
    const PREFIX: &'static str = "user_credit_notes";
    const TTL: Duration = Duration::from_secs(600);
    const ABSENCE: Absence = Absence::Impossible;

    fn owner(_: &Vec<String>, _: &UserId) -> Owner {
        Owner::Untold
    }

    async fn load(ledger: &Ledger, keys: &[UserId]) -> LoadResult<Self> {
        let row = |state: &State, user: UserId| {
            Some(Loaded::lasting(state.notes.lock().unwrap().get(&user.0).cloned().unwrap_or_default()))
        };
        ledger.load(keys, row).await
    }

    async fn hot_keys(_: &Ledger, _: Option<&UserId>, _: u64) -> HotKeysResult<Self> {
        Ok(Vec::new())
    }
}

/// `active_discounts`: a single key, with a validity boundary.
#[derive(Debug)]
pub(crate) struct Discounts;

impl CachedType for Discounts {
    type Source = Ledger;
    type Key = SingleKey;
    type Value = Vec<String>;

    const NAME: &'static str = "active_discounts";
    const ALIASES: &'static [&'static str] = &["discounts"];
    const PREFIX: &'static str = "active_discounts";
    const TTL: Duration = Duration::from_secs(3600);
    const ABSENCE: Absence = Absence::Impossible;

    fn owner(_: &Vec<String>, _: &SingleKey) -> Owner {
        Owner::Untold
    }

    async fn load(ledger: &Ledger, keys: &[SingleKey]) -> LoadResult<Self> {
        ledger.load(keys, |state, _| Some(state.discounts.lock().unwrap().clone())).await
    }

    async fn hot_keys(_: &Ledger, after: Option<&SingleKey>, _: u64) -> HotKeysResult<Self> {
        Ok(if after.is_none() { vec![SingleKey] } else { Vec::new() })
    }
}
