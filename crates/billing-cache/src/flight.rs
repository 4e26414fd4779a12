//! Flights: one load in progress for one key in one process, shared by the callers who may share it.
//!
//! Invariant (rule C of `protocol.md`, section 3): an answer covers only those who joined before the command that yielded
//! it was sent. A flight numbers its callers; before each such command it takes a [`Mark`]; who has a later number starts over.
//! The load runs in a task of its own, so the caller who asked first may be cancelled and the others still get it; a task
//! that dies without an answer makes its callers start over (the idea of pingora's dangling locks).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::stamp::Stamp;

/// A key under the stamp at which its flight was opened.
type FlightId = (String, Stamp);

/// The flights of one cached type. `A` is what they answer.
#[derive(Debug)]
pub(crate) struct Flights<A> {
    open: Mutex<HashMap<FlightId, Arc<Flight<A>>>>,
}

/// One load in progress.
#[derive(Debug)]
pub(crate) struct Flight<A> {
    joined: AtomicU64,
    outcome: watch::Sender<Option<Outcome<A>>>,
}

/// How many callers had joined at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

/// An answer and whom it covers.
#[derive(Clone, Debug)]
pub(crate) struct Outcome<A> {
    pub(crate) covers: Mark,
    pub(crate) answer: A,
}

/// What a caller gets out of a flight.
#[derive(Debug)]
pub(crate) enum Landing<A> {
    /// An answer that covers the caller.
    Covered(A),
    /// The caller joined too late, or the load died: look again.
    StartOver,
}

/// Whether a caller opened the flight or joined it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boarding {
    Opened,
    Joined,
}

/// A caller's place in a flight.
#[derive(Debug)]
pub(crate) struct Seat<A> {
    number: u64,
    outcome: watch::Receiver<Option<Outcome<A>>>,
    pub(crate) boarding: Boarding,
}

impl<A> Flight<A> {
    /// Everybody who has joined by now. Take it before the command whose answer shall cover them is sent.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.joined.load(Ordering::SeqCst))
    }
}

impl<A: Clone + Send + Sync + 'static> Flights<A> {
    pub(crate) fn new() -> Self {
        Self { open: Mutex::new(HashMap::new()) }
    }

    /// Joins the flight of this key and stamp; if there is none, opens it with the load that `load` makes.
    pub(crate) fn join<F>(self: &Arc<Self>, key: &str, stamp: Stamp, load: impl FnOnce(Arc<Flight<A>>) -> F) -> Seat<A>
    where
        F: Future<Output = Outcome<A>> + Send + 'static,
    {
        let id = (key.to_owned(), stamp);
        let flight = match self.lock().entry(id.clone()) {
            Entry::Occupied(entry) => return Seat::take(entry.get(), Boarding::Joined),
            Entry::Vacant(entry) => {
                let flight = Arc::new(Flight { joined: AtomicU64::new(0), outcome: watch::Sender::new(None) });
                Arc::clone(entry.insert(flight))
            }
        };
        let seat = Seat::take(&flight, Boarding::Opened);
        let landing = OnLanding { flights: Arc::clone(self), id, flight: Arc::clone(&flight) };
        // Not under the lock: a runtime that is shutting down drops the task at once, and its landing takes the lock.
        tokio::spawn(landing.after(load(flight)));
        seat
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<FlightId, Arc<Flight<A>>>> {
        self.open.lock().expect("no panic while the flights are locked")
    }
}

/// Takes a flight off the list when its task ends, also by a panic, so that nobody joins a flight without a pilot.
struct OnLanding<A: Clone + Send + Sync + 'static> {
    flights: Arc<Flights<A>>,
    id: FlightId,
    flight: Arc<Flight<A>>,
}

impl<A: Clone + Send + Sync + 'static> OnLanding<A> {
    async fn after(self, load: impl Future<Output = Outcome<A>>) {
        let outcome = load.await;
        let flight = Arc::clone(&self.flight);
        drop(self);
        flight.outcome.send_replace(Some(outcome));
    }
}

impl<A: Clone + Send + Sync + 'static> Drop for OnLanding<A> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.id);
    }
}

impl<A: Clone> Seat<A> {
    fn take(flight: &Arc<Flight<A>>, boarding: Boarding) -> Self {
        let outcome = flight.outcome.subscribe();
        Self { number: flight.joined.fetch_add(1, Ordering::SeqCst), outcome, boarding }
    }

    /// Waits for the end of the flight. May be dropped at any await.
    pub(crate) async fn landing(mut self) -> Landing<A> {
        match self.outcome.wait_for(Option::is_some).await {
            Ok(outcome) => match outcome.as_ref() {
                Some(outcome) if self.number < outcome.covers.0 => Landing::Covered(outcome.answer.clone()),
                _ => Landing::StartOver,
            },
            Err(_) => Landing::StartOver,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::Stamps;
    use tokio::sync::oneshot;

    fn flights() -> (Arc<Flights<u32>>, Stamp) {
        (Arc::new(Flights::new()), Stamps::new().current("k"))
    }

    #[tokio::test]
    async fn only_those_who_joined_before_the_command_was_sent_get_its_answer() {
        let (flights, stamp) = flights();
        let (sent, is_sent) = oneshot::channel();
        let (go, may_go) = oneshot::channel::<()>();
        let early = flights.join("k", stamp, |flight| async move {
            let covers = flight.mark();
            sent.send(()).unwrap();
            may_go.await.unwrap();
            Outcome { covers, answer: 7 }
        });
        is_sent.await.unwrap();
        let late = flights.join("k", stamp, |_| async { unreachable!("the flight is open") });
        assert_eq!(late.boarding, Boarding::Joined);
        go.send(()).unwrap();
        assert!(matches!(early.landing().await, Landing::Covered(7)));
        assert!(matches!(late.landing().await, Landing::StartOver));
    }

    #[tokio::test]
    async fn a_load_survives_the_caller_who_asked_first() {
        let (flights, stamp) = flights();
        let (go, may_go) = oneshot::channel::<()>();
        let first = flights.join("k", stamp, |flight| async move {
            may_go.await.unwrap();
            Outcome { covers: flight.mark(), answer: 7 }
        });
        let second = flights.join("k", stamp, |_| async { unreachable!("the flight is open") });
        drop(first);
        go.send(()).unwrap();
        assert!(matches!(second.landing().await, Landing::Covered(7)));
    }

    #[tokio::test]
    async fn a_load_that_panics_makes_its_callers_start_over() {
        let (flights, stamp) = flights();
        let seat = flights.join("k", stamp, |_| async { panic!("a loader's bug, on purpose") });
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
            let seat = flights.join("k", stamp, |_| std::future::pending());
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
        let load = |flight: Arc<Flight<u32>>| async move { Outcome { covers: flight.mark(), answer: 1 } };
        let first = flights.join("k", before, load);
        let second = flights.join("k", stamps.current("k"), load);
        assert_eq!((first.boarding, second.boarding), (Boarding::Opened, Boarding::Opened));
    }
}
