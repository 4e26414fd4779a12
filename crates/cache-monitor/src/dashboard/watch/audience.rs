//! The viewers: limits the number of event streams, and tells the background tasks whether anybody is viewing.
//!
//! Invariant: the number of streams is limited; a stream that ends for any reason frees its place.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Maximum number of concurrent streams: enough for a wall of screens, but not for a flood.
const SEATS: usize = 64;
/// A viewer without a stream counts as present for this long.
const LINGERS: Duration = Duration::from_secs(30);

/// The viewers of the dashboard.
#[derive(Debug)]
pub(crate) struct Audience {
    seats: Arc<Semaphore>,
    asked: Mutex<Option<Instant>>,
    come: Notify,
}

/// The place of one stream, freed on drop.
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
    /// Reserves a place for a stream, if one is free.
    pub(crate) fn attend(&self) -> Option<Seat> {
        let permit = Arc::clone(&self.seats).try_acquire_owned().ok()?;
        self.come.notify_waiters();
        Some(Seat { _permit: permit })
    }

    /// Records a single request.
    pub(crate) fn note(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.come.notify_waiters();
    }

    /// Whether anybody is viewing.
    pub(super) fn is_there(&self) -> bool {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.seats.available_permits() < SEATS || asked.is_some_and(|asked| asked.elapsed() < LINGERS)
    }

    /// Waits for `busy` if somebody is viewing; otherwise for `idle`, or until a viewer arrives.
    pub(super) async fn pause(&self, busy: Duration, idle: Duration) {
        // Registered before the check, so that a viewer who arrives in between is not missed.
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
