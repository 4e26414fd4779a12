//! Another client of the server: a PING every millisecond, and the longest that one took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use test_support::RedisServer;

use crate::run::client;

const PAUSE: Duration = Duration::from_millis(1);

/// The client, until it is asked for its result.
pub(crate) struct Pinging {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Duration>>,
}

impl Pinging {
    pub(crate) fn begin(redis: &RedisServer) -> Result<Self> {
        let mut connection = client(redis)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut worst = Duration::ZERO;
            while !stopped.load(Ordering::Relaxed) {
                let sent = Instant::now();
                redis::cmd("PING").exec(&mut connection)?;
                worst = worst.max(sent.elapsed());
                std::thread::sleep(PAUSE);
            }
            Ok(worst)
        });
        Ok(Self { stop, thread })
    }

    /// The longest that a PING took.
    pub(crate) fn end(self) -> Result<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the client of the PINGs panicked"))?
    }
}
