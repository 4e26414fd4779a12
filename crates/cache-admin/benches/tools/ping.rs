//! Another client of the server: a PING every millisecond, and the longest that one took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use test_support::RedisServer;

const PAUSE: Duration = Duration::from_millis(1);

/// The client, until it is asked for its result.
pub(crate) struct Pinging {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Pings>>,
}

/// What the client felt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pings {
    pub(crate) worst: Duration,
    /// 999 of 1,000 took no longer.
    pub(crate) p999: Duration,
}

impl Pinging {
    pub(crate) fn begin(redis: &RedisServer) -> Result<Self> {
        let mut connection = redis.connection()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut times = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let sent = Instant::now();
                redis::cmd("PING").exec(&mut connection)?;
                times.push(sent.elapsed());
                std::thread::sleep(PAUSE);
            }
            times.sort_unstable();
            let worst = *times.last().ok_or_else(|| anyhow!("no PING was sent"))?;
            Ok(Pings { worst, p999: times[times.len() * 999 / 1_000] })
        });
        Ok(Self { stop, thread })
    }

    pub(crate) fn end(self) -> Result<Pings> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the client of the PINGs panicked"))?
    }
}
