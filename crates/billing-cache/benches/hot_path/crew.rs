//! Threads that live for a whole comparison and do both sides of each round, at the same time, so that a hundredth can
//! be told.
//!
//! - Times are those that the processors spent on the threads: what else runs on the machine disturbs less.
//! - Both sides of a round follow each other within milliseconds, in changing order; what counts is their ratio.
//! - How a cache happens to lie in memory makes a difference of some hundredths. So many caches of each side take
//!   turns, and of each pair only the round counts whose ratio is in the middle: the rounds that are reported know
//!   nothing of each other.
//! - Threads of their own for each round would show how threads begin: the first reads of a thread are sampled more
//!   often.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use test_support::measurement;
use test_support::rounds::Rounds;

/// With each pair of caches.
const ROUNDS: usize = 21;
/// How often a side does its work in one round.
const REPEATS: u32 = 100;

/// The work of one thread on the cache of this number: some milliseconds in sum, with all repeats.
pub(crate) type Side<'a> = &'a (dyn Fn(usize) + Sync);

/// What one work took on both sides, the mean of the threads.
type Times = (Duration, Duration);

/// Runs both sides on each pair of caches, after one round that does not count. Reports one round for each pair.
pub(crate) fn in_turn(threads: u32, pairs: usize, ours: Side<'_>, other: Side<'_>) -> Rounds {
    let at_once = Barrier::new(threads as usize);
    let rounds = measurement::rounds(ROUNDS);
    let work = || -> Vec<Times> {
        let round_of = |pair| (0..=rounds).map(move |round| (pair, round));
        (0..pairs).flat_map(round_of).map(|(pair, round)| both(&at_once, (round, pair), ours, other)).collect()
    };
    let by_thread: Vec<Vec<Times>> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().expect("no side panics")).collect()
    });
    let mean = |round: usize| {
        let sum = |time: fn(&Times) -> Duration| by_thread.iter().map(|times| time(&times[round])).sum::<Duration>();
        (sum(|times| times.0) / threads, sum(|times| times.1) / threads)
    };
    let means: Vec<Times> = (0..by_thread[0].len()).map(mean).collect();
    let mut reported = Rounds::default();
    for of_pair in means.chunks(rounds + 1) {
        let (ours, other) = middle(&of_pair[1..]);
        reported.add(ours, other);
    }
    reported
}

/// One round of one thread.
fn both(at_once: &Barrier, (round, pair): (usize, usize), ours: Side<'_>, other: Side<'_>) -> Times {
    let timed = |side: Side<'_>| {
        // Once to no purpose: what is measured finds everything in the caches of the processor.
        side(pair);
        at_once.wait();
        let started = time_of_thread();
        (0..REPEATS).for_each(|_| side(pair));
        time_of_thread().saturating_sub(started) / REPEATS
    };
    if round % 2 == 0 {
        return (timed(ours), timed(other));
    }
    let other = timed(other);
    (timed(ours), other)
}

/// The round whose ratio is in the middle.
fn middle(rounds: &[Times]) -> Times {
    let mut rounds = rounds.to_vec();
    rounds.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    rounds[rounds.len() / 2]
}

fn ratio((ours, other): &Times) -> f64 {
    ours.as_secs_f64() / other.as_secs_f64()
}

/// What the processors have spent on this thread.
fn time_of_thread() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("no thread has run for less than nothing")
}
