//! The actions at the end of a task, however it ends: return, error, panic, Ctrl-C, SIGTERM, a closed terminal.
//!
//! Invariant: each registered action runs exactly once, the latest first: when its guard is dropped, or in the signal
//! handler, whichever comes first. Actions run under the lock of the list, so the handler waits for a running action
//! before it ends the program, and nothing new is registered meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

const EXIT_CODE_INTERRUPTED: i32 = 130;

type Action = Box<dyn FnOnce() + Send>;

static ACTIONS: Mutex<Vec<(u64, Action)>> = Mutex::new(Vec::new());
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Runs its action when dropped.
#[derive(Debug)]
#[must_use = "the action runs as soon as this is dropped"]
pub(crate) struct AtEnd {
    id: u64,
}

impl AtEnd {
    pub(crate) fn new(action: impl FnOnce() + Send + 'static) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        actions().push((id, Box::new(action)));
        Self { id }
    }
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        let mut actions = actions();
        if let Some(position) = actions.iter().position(|(id, _)| *id == self.id) {
            let (_, action) = actions.remove(position);
            action();
        }
    }
}

/// From now on Ctrl-C and similar signals run the registered actions and end the program.
pub(crate) fn on_interrupt() -> Result<()> {
    let handler = || {
        INTERRUPTED.store(true, Ordering::SeqCst);
        eprintln!("\ninterrupted: ending what was started");
        let mut actions = actions();
        while let Some((_, action)) = actions.pop() {
            action();
        }
        std::process::exit(EXIT_CODE_INTERRUPTED);
    };
    ctrlc::set_handler(handler).context("set the handler for Ctrl-C")
}

/// After an interrupt, steps fail because their servers end. These errors are not reported.
pub(crate) fn let_interrupt_finish() {
    // The terminal sends the signal to the children too, so a child may fail before this process sees the signal.
    std::thread::sleep(Duration::from_millis(50));
    while INTERRUPTED.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn actions() -> MutexGuard<'static, Vec<(u64, Action)>> {
    ACTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_dropped_guard_runs_its_action_once_and_no_other() {
        let runs = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let guards = [0, 1].map(|which| {
            let runs = Arc::clone(&runs);
            AtEnd::new(move || {
                runs[which].fetch_add(1, Ordering::SeqCst);
            })
        });
        let [first, second] = guards;
        drop(first);
        assert_eq!([0, 1].map(|which| runs[which].load(Ordering::SeqCst)), [1, 0]);
        drop(second);
        assert_eq!([0, 1].map(|which| runs[which].load(Ordering::SeqCst)), [1, 1]);
    }
}
