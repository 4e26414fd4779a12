//! Flights: one load in progress for one key in one process, shared by the callers that may share it.
//!
//! Invariant (rule C of `protocol.md`, "Reading"): an answer covers only the callers that joined before the command
//! that produced it was sent. A flight numbers its callers, and takes a [`Mark`] before each such command. Callers with
//! a later number keep waiting, and the flight makes another round for them. So no caller waits for more than two
//! rounds, and all callers that join during one round cost only one more. (If each of them started over alone, a
//! thousand readers of one key would cause hundreds of loads while Redis is away.)
//!
//! The load runs in a separate task, so the first caller may be cancelled and the others still get the result. If a
//! task dies without an answer, its callers start over (the idea of pingora's dangling locks).
//!
//! Used by the read of one key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tracing::Instrument;

use crate::memory::epoch::Stamp;

/// A key and the epoch in which its flight was opened.
type FlightId = (String, Stamp);

/// The flights of one cached type. `A` is the type of their answers.
#[derive(Debug)]
pub(crate) struct Flights<A> {
    open: Mutex<HashMap<FlightId, Arc<Flight<A>>>>,
}

/// What a caller found in Redis before it joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing usable.
    Miss,
    /// Redis itself cannot be used for this key.
    Unusable,
}

/// One load in progress.
#[derive(Debug)]
pub(crate) struct Flight<A> {
    joined: AtomicU64,
    /// Whether a caller that joined since the last round began has found Redis unusable.
    unusable: AtomicBool,
    outcome: watch::Sender<Option<Outcome<A>>>,
}

/// The number of callers that had joined at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

/// An answer, and the callers that it covers.
#[derive(Clone, Debug)]
pub(crate) struct Outcome<A> {
    pub(crate) covers: Mark,
    pub(crate) answer: A,
}

/// The result of a flight for one caller.
#[derive(Debug)]
pub(crate) enum Landing<A> {
    /// An answer that covers the caller.
    Covered(A),
    /// The flight died: read again.
    StartOver,
}

/// Whether a caller opened the flight or joined it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boarding {
    Opened,
    Joined,
}

/// The place of a waiter in a flight.
#[derive(Debug)]
pub(crate) struct Seat<A> {
    number: u64,
    outcome: watch::Receiver<Option<Outcome<A>>>,
    pub(crate) boarding: Boarding,
}

impl<A> Flight<A> {
    /// All callers that have joined so far. Take it before sending the command whose answer is to cover them.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.joined.load(Ordering::SeqCst))
    }

    /// What the callers found in Redis that joined since the last call. A caller that already waited for a hanging
    /// Redis must not wait for it again in the next round. The finding is stored before the caller is counted, so that
    /// a round knows it for every caller that it covers. A finding that comes too late for its round costs one more
    /// wait.
    pub(crate) fn found(&self) -> Found {
        if self.unusable.swap(false, Ordering::SeqCst) { Found::Unusable } else { Found::Miss }
    }
}

impl<A: Clone + Send + Sync + 'static> Flights<A> {
    pub(crate) fn new() -> Self {
        Self { open: Mutex::new(HashMap::new()) }
    }

    /// Joins the flight of this key and epoch. If there is none, opens it; `pilot` makes its rounds.
    pub(crate) fn join<P, F>(
        self: &Arc<Self>,
        key: &str,
        stamp: Stamp,
        found: Found,
        pilot: impl FnOnce(Arc<Flight<A>>) -> P,
    ) -> Seat<A>
    where
        P: FnMut() -> F + Send + 'static,
        F: Future<Output = Outcome<A>> + Send + 'static,
    {
        let id = (key.to_owned(), stamp);
        let flight = match self.lock().entry(id.clone()) {
            Entry::Occupied(entry) => return Seat::take(entry.get(), Boarding::Joined, found),
            Entry::Vacant(entry) => {
                let flight = Flight {
                    joined: AtomicU64::new(0),
                    unusable: AtomicBool::new(false),
                    outcome: watch::Sender::new(None),
                };
                let flight = Arc::new(flight);
                Arc::clone(entry.insert(flight))
            }
        };
        let seat = Seat::take(&flight, Boarding::Opened, found);
        let landing = OnLanding { flights: Arc::clone(self), id, flight: Arc::clone(&flight) };
        // Not under the lock: a runtime that is shutting down drops the task at once, and its end takes the lock. For
        // tracing, a load belongs to the read that opened its flight.
        tokio::spawn(landing.after(pilot(flight)).in_current_span());
        seat
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<FlightId, Arc<Flight<A>>>> {
        self.open.lock().expect("no panic while the flights are locked")
    }
}

/// Removes a flight from the list when its task ends, also by a panic, so that no caller joins a flight without a
/// leader.
struct OnLanding<A: Clone + Send + Sync + 'static> {
    flights: Arc<Flights<A>>,
    id: FlightId,
    flight: Arc<Flight<A>>,
}

impl<A: Clone + Send + Sync + 'static> OnLanding<A> {
    async fn after<F: Future<Output = Outcome<A>>>(self, mut fly_leg: impl FnMut() -> F) {
        loop {
            let outcome = fly_leg().await;
            let is_last = self.ends_with(outcome.covers);
            self.flight.outcome.send_replace(Some(outcome));
            if is_last {
                return;
            }
        }
    }

    /// Whether no caller waits for another round. If so, the flight is removed from the list before its answer is
    /// known, and a later caller opens another one.
    fn ends_with(&self, covers: Mark) -> bool {
        let mut open = self.flights.lock();
        let is_last = self.flight.mark() == covers || self.flight.outcome.receiver_count() == 0;
        if is_last {
            open.remove(&self.id);
        }
        is_last
    }
}

impl<A: Clone + Send + Sync + 'static> Drop for OnLanding<A> {
    fn drop(&mut self) {
        let mut open = self.flights.lock();
        // Another flight may have the same key and epoch by now.
        if open.get(&self.id).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            open.remove(&self.id);
        }
    }
}

impl<A: Clone> Seat<A> {
    fn take(flight: &Arc<Flight<A>>, boarding: Boarding, found: Found) -> Self {
        if found == Found::Unusable {
            flight.unusable.store(true, Ordering::SeqCst);
        }
        let outcome = flight.outcome.subscribe();
        Self { number: flight.joined.fetch_add(1, Ordering::SeqCst), outcome, boarding }
    }

    /// Waits for the round that covers this caller. May be dropped at any await.
    pub(crate) async fn landing(mut self) -> Landing<A> {
        let covers_me = |outcome: &Option<Outcome<A>>| outcome.as_ref().is_some_and(|it| self.number < it.covers.0);
        match self.outcome.wait_for(covers_me).await.as_deref() {
            Ok(Some(outcome)) => Landing::Covered(outcome.answer.clone()),
            _ => Landing::StartOver,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::epoch::Stamps;
    use tokio::sync::{Semaphore, mpsc, oneshot};

    fn flights() -> (Arc<Flights<u32>>, Stamp) {
        (Arc::new(Flights::new()), Stamps::new().current("k"))
    }

    /// For callers that must not become the leader.
    fn unreachable(_: Arc<Flight<u32>>) -> fn() -> std::future::Ready<Outcome<u32>> {
        unreachable!("the flight is open")
    }

    #[tokio::test]
    async fn who_joined_after_the_command_was_sent_gets_the_answer_of_the_next_leg() {
        let (flights, stamp) = flights();
        let (sent, mut is_sent) = mpsc::unbounded_channel();
        let go = Arc::new(Semaphore::new(0));
        let may_go = Arc::clone(&go);
        let early = flights.join("k", stamp, Found::Miss, |flight| {
            let mut leg = 0;
            move || {
                leg += 1;
                let (flight, sent, may_go, leg) = (Arc::clone(&flight), sent.clone(), Arc::clone(&may_go), leg);
                async move {
                    let covers = flight.mark();
                    sent.send(()).unwrap();
                    may_go.acquire().await.unwrap().forget();
                    Outcome { covers, answer: leg }
                }
            }
        });
        is_sent.recv().await.unwrap();
        let late: Vec<_> = (0..5).map(|_| flights.join("k", stamp, Found::Miss, unreachable)).collect();
        assert!(late.iter().all(|seat| seat.boarding == Boarding::Joined));
        go.add_permits(1);
        assert!(matches!(early.landing().await, Landing::Covered(1)));
        is_sent.recv().await.unwrap();
        let later = flights.join("k", stamp, Found::Miss, unreachable);
        go.add_permits(1);
        for seat in late {
            assert!(matches!(seat.landing().await, Landing::Covered(2)), "one leg for all of them");
        }
        go.add_permits(1);
        assert!(matches!(later.landing().await, Landing::Covered(3)));
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn no_leg_is_flown_for_callers_who_have_left() {
        let (flights, stamp) = flights();
        let (go, may_go) = oneshot::channel::<()>();
        let mut may_go = Some(may_go);
        let first = flights.join("k", stamp, Found::Miss, |flight| {
            move || {
                let (covers, may_go) = (flight.mark(), may_go.take().expect("one leg"));
                async move {
                    may_go.await.unwrap();
                    Outcome { covers, answer: 7 }
                }
            }
        });
        tokio::task::yield_now().await;
        let late = flights.join("k", stamp, Found::Miss, unreachable);
        drop((first, late));
        go.send(()).unwrap();
        while !flights.lock().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_load_survives_the_caller_who_asked_first() {
        let (flights, stamp) = flights();
        let (go, may_go) = oneshot::channel::<()>();
        let mut may_go = Some(may_go);
        let first = flights.join("k", stamp, Found::Miss, |flight| {
            move || {
                let (flight, may_go) = (Arc::clone(&flight), may_go.take().expect("one leg"));
                async move {
                    may_go.await.unwrap();
                    Outcome { covers: flight.mark(), answer: 7 }
                }
            }
        });
        let second = flights.join("k", stamp, Found::Miss, unreachable);
        drop(first);
        go.send(()).unwrap();
        assert!(matches!(second.landing().await, Landing::Covered(7)));
    }

    #[tokio::test]
    async fn a_load_that_panics_makes_its_callers_start_over() {
        let (flights, stamp) = flights();
        let seat = flights.join("k", stamp, Found::Miss, |_| || async { panic!("a loader's bug, on purpose") });
        assert!(matches!(seat.landing().await, Landing::StartOver));
        assert!(flights.lock().is_empty());
    }

    #[test]
    fn a_runtime_that_shuts_down_makes_callers_start_over_instead_of_blocking_them() {
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let (flights, stamp) = flights();
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let handle = runtime.handle().clone();
            drop(runtime);
            let _inside = handle.enter();
            let seat = flights.join("k", stamp, Found::Miss, |_| std::future::pending);
            done.send((seat.outcome.has_changed().is_err(), flights.lock().is_empty())).unwrap();
        });
        let blocked = is_done.recv_timeout(std::time::Duration::from_secs(60));
        assert_eq!(blocked, Ok((true, true)));
    }

    #[tokio::test]
    async fn another_stamp_is_another_flight() {
        let (flights, _) = flights();
        let stamps = Stamps::new();
        let before = stamps.current("k");
        stamps.bump("k");
        let load = |flight: Arc<Flight<u32>>| move || std::future::ready(Outcome { covers: flight.mark(), answer: 1 });
        let first = flights.join("k", before, Found::Miss, load);
        let second = flights.join("k", stamps.current("k"), Found::Miss, load);
        assert_eq!((first.boarding, second.boarding), (Boarding::Opened, Boarding::Opened));
    }
}
