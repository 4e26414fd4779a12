//! Who looks: how many streams there may be, and whether anybody is there to look things up for.
//!
//! Invariant: a bounded number of seats; whoever leaves, however it happens, gives the seat back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Streams at a time: a wall of screens, and not a flood.
const SEATS: usize = 64;
/// Who asked lately may ask again.
const LINGERS: Duration = Duration::from_secs(30);

/// Those who look at the dashboard.
#[derive(Debug)]
pub(crate) struct Audience {
    seats: Arc<Semaphore>,
    asked: Mutex<Option<Instant>>,
    come: Notify,
}

/// The place of one stream; free when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    _permit: OwnedSemaphorePermit,
}

impl Default for Audience {
    fn default() -> Self {
        Self { seats: Arc::new(Semaphore::new(SEATS)), asked: Mutex::default(), come: Notify::new() }
    }
}

impl Audience {
    /// A seat for a stream, if one is free.
    pub(crate) fn attend(&self) -> Option<Seat> {
        let permit = Arc::clone(&self.seats).try_acquire_owned().ok()?;
        self.come.notify_waiters();
        Some(Seat { _permit: permit })
    }

    /// Somebody asked once.
    pub(crate) fn note(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.come.notify_waiters();
    }

    /// Whether anybody looks.
    pub(super) fn is_there(&self) -> bool {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.seats.available_permits() < SEATS || asked.is_some_and(|asked| asked.elapsed() < LINGERS)
    }

    /// Waits for `busy` where somebody looks; else for `idle`, or until somebody comes.
    pub(super) async fn pause(&self, busy: Duration, idle: Duration) {
        // Listens before it looks whether anybody is there: nobody comes unnoticed in between.
        let come = self.come.notified();
        if self.is_there() {
            return tokio::time::sleep(busy).await;
        }
        let _ = tokio::time::timeout(idle, come).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_bounded_and_given_back() {
        let audience = Audience::default();
        let mut seats: Vec<Seat> = std::iter::from_fn(|| audience.attend()).collect();
        assert_eq!(seats.len(), SEATS);
        assert!(audience.is_there());
        seats.pop();
        assert!(audience.attend().is_some());
        seats.clear();
        assert!(!audience.is_there());
        audience.note();
        assert!(audience.is_there());
    }

    #[tokio::test]
    async fn an_empty_house_waits_until_somebody_comes() {
        let audience = Arc::new(Audience::default());
        let waiting = Arc::clone(&audience);
        let pause = tokio::spawn(async move { waiting.pause(Duration::ZERO, Duration::MAX).await });
        tokio::task::yield_now().await;
        assert!(!pause.is_finished());
        audience.note();
        pause.await.unwrap();
    }
}
