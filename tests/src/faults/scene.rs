//! The tools of a fault.

use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::Site;
use crate::chaos::asking::{self, Question};
use crate::chaos::{Fleet, Plan, SERVICES};
use crate::history::{Key, Moment, Recorder};

const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The deadline of all waits of a fault.
const PATIENCE: Duration = Duration::from_secs(30);

/// The system under a fault, and the random choices.
#[derive(Debug)]
pub struct Scene<'r> {
    pub(super) fleet: &'r Fleet,
    pub(super) recorder: &'r Recorder,
    pub(super) plan: &'r Plan,
    rng: StdRng,
    length: f64,
    over: Option<Moment>,
}

impl<'r> Scene<'r> {
    pub(crate) fn new(fleet: &'r Fleet, recorder: &'r Recorder, plan: &'r Plan, rng: StdRng, length: f64) -> Self {
        Self { fleet, recorder, plan, rng, length, over: None }
    }

    /// From now on the services can repair everything, although the function of the fault continues.
    pub(super) fn is_over(&mut self) {
        self.over = Some(self.recorder.now());
    }

    /// The time of [`Scene::is_over`], if it was called.
    pub(crate) fn over(&self) -> Option<Moment> {
        self.over
    }

    /// Creates a credit note for the quiet user, who gets none from the clients.
    pub(super) fn give_credit_quietly(&mut self, place: usize) {
        let question = Question::credit_note(self.plan.quiet_user, 1);
        asking::write(self.fleet, self.recorder, place, &question);
    }

    /// Reads the credit notes of the quiet user, so that they are cached.
    pub(super) fn read_quietly(&mut self, place: usize) {
        asking::read(self.fleet, self.recorder, place, &self.quiet_key());
    }

    /// Reads the key from every service.
    pub(super) fn read_everywhere(&self, key: &Key) {
        for place in 0..SERVICES {
            asking::read(self.fleet, self.recorder, place, key);
        }
    }

    /// The credit notes of the quiet user.
    pub(super) fn quiet_key(&self) -> Key {
        Key::CreditNotes(self.plan.quiet_user)
    }

    pub(super) fn site(&self) -> &'r Site {
        self.fleet.site()
    }

    pub(super) fn redis(&self) -> &'r test_support::RedisServer {
        &self.fleet.site().redis
    }

    /// The sentinels and their servers.
    pub(super) fn group(&self) -> &'r test_support::RedisGroup {
        self.fleet.site().group().expect("this fault is made where there are sentinels")
    }

    /// The cluster.
    pub(super) fn cluster(&self) -> &'r test_support::RedisCluster {
        self.fleet.site().cluster().expect("this fault is made where there is a cluster")
    }

    /// A random one of several things.
    pub(super) fn any_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        things.choose(&mut self.rng).expect("there is something to choose from")
    }

    /// A random service.
    pub(super) fn any_place(&mut self) -> usize {
        self.rng.random_range(0..SERVICES)
    }

    /// A random number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.rng.random_range(0..end)
    }

    /// Keeps the present state for about this long.
    pub(super) fn hold(&mut self, millis: u64) {
        thread::sleep(self.span(millis));
    }

    /// Repeats an action for about this long.
    pub(super) fn meanwhile(&mut self, millis: u64, mut act: impl FnMut(&mut Self)) {
        let end = Instant::now() + self.span(millis);
        while Instant::now() < end {
            act(self);
        }
    }

    fn span(&mut self, millis: u64) -> Duration {
        Duration::from_millis(millis).mul_f64(self.length * self.rng.random_range(0.75..1.25))
    }

    /// Waits for a change that the system makes by itself.
    #[track_caller]
    pub(super) fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
            thread::sleep(POLL_INTERVAL);
        }
    }
}

/// The result of an action on a server of the test, which must succeed.
#[track_caller]
pub(super) fn done<T>(result: anyhow::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error:#}"),
    }
}
