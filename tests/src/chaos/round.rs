//! One round: a healthy period, a fault, a healthy period; then the check.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::clients::Clients;
use super::fleet::L1_STALENESS_MS;
use super::{Fleet, Plan, SERVICES, asking};
use crate::faults::{Fault, Scene};
use crate::history::{self, Bounds, History, Key, Moment, Promise, Recorder, Summary, Truth, Violation, check};
use crate::{Backend, Topology};

/// The time that the relay may take after a fault. Until then reads may be stale.
pub(crate) const RECOVERY_MS: u64 = 5_000;
const BOUNDS: Bounds = Bounds { l1_staleness_ms: L1_STALENESS_MS, recovery_ms: RECOVERY_MS };
const HEALTHY_BEFORE: Duration = Duration::from_millis(400);
const HEALTHY_AFTER: Duration = Duration::from_millis(500);
/// A service that does not use Redis after this time will not recover. The table shows the actual time, which depends
/// on the machine.
const PATIENCE_MS: u64 = 60_000;
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The tier of an answer that bypassed Redis.
const BYPASSED: &str = "bypassed";
/// Maximum number of violations shown per round; the others are counted.
const SHOWN: usize = 5;

/// A fleet, and the final state of the previous round.
#[derive(Debug)]
pub struct Chaos {
    fleet: Fleet,
    before: Truth,
    rounds: u64,
}

/// The parameters of a round.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// The fault.
    pub fault: &'static Fault,
    /// The seed of all choices of the clients and of the fault.
    pub seed: u64,
    /// The duration of the fault, as a multiple of the usual one.
    pub length: f64,
}

/// The result of a round.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The numbers.
    pub summary: Summary,
    /// The violations in text form.
    pub shown: Vec<String>,
}

impl Chaos {
    /// Starts the servers and the services.
    #[must_use]
    pub fn start(database: Backend, topology: Topology) -> Self {
        Self { fleet: Fleet::start(database, topology), before: Truth::default(), rounds: 0 }
    }

    /// Runs a round and checks it.
    #[must_use]
    pub fn run(&mut self, round: Round) -> Outcome {
        self.fleet.run_with(round.fault.settings);
        self.wait_for_health();
        self.rounds += 1;
        let plan = Plan::make(self.fleet.site(), &self.fleet.ask(0).1, self.rounds, &self.before);
        let recorder = Recorder::default();
        plan.recall(&recorder);
        let window = self.live_through(round, &plan, &recorder);
        self.before = plan.truth(self.fleet.site());
        let mut violations = converge(&self.fleet, &recorder, &plan.keys(), &self.before, window.ended);
        let history = recorder.into_history();
        violations.extend(check(&history, &self.before, &window, &BOUNDS));
        let mut summary = Summary::of(&history, &window, &BOUNDS, &violations);
        summary.recovery_ms = recovery_ms(&history, window.ended);
        Outcome { summary, shown: self.show(round, &violations, &history) }
    }

    /// Runs the clients while this thread makes the fault.
    fn live_through(&self, round: Round, plan: &Plan, recorder: &Recorder) -> history::Fault {
        let stop = AtomicBool::new(false);
        let clients = Clients { fleet: &self.fleet, recorder, plan, stop: &stop };
        thread::scope(|scope| {
            let end = EndOfClients(&stop);
            let started = clients.start(scope, round.seed);
            thread::sleep(HEALTHY_BEFORE);
            let mut rng = StdRng::seed_from_u64(round.seed);
            // A different random sequence from that of the first client.
            let rng = StdRng::seed_from_u64(rng.random());
            let mut scene = Scene::new(&self.fleet, recorder, plan, rng, round.length);
            let began = recorder.now();
            (round.fault.inflict)(&mut scene);
            let ended = scene.over().unwrap_or_else(|| recorder.now());
            thread::sleep(HEALTHY_AFTER);
            drop(end);
            for client in started {
                client.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause));
            }
            history::Fault {
                started: began,
                ended,
                forgets: round.fault.forgets,
                unnoticed: round.fault.unnoticed,
                may_fail: round.fault.may_fail,
            }
        })
    }

    /// Waits until every service answers from Redis.
    fn wait_for_health(&self) {
        for place in 0..SERVICES {
            self.fleet.site().wait_until_redis_is_used_by(|path| self.fleet.ask(place).1.try_get(path));
        }
    }

    fn show(&self, round: Round, violations: &[Violation], history: &History) -> Vec<String> {
        let head = |violation: &Violation| {
            let (name, seed) = (round.fault.title(), round.seed);
            format!("{name}, round {}, seed {seed}: {}", self.rounds, violation.show(history))
        };
        // The first violation of each kind is enough.
        let mut kinds = BTreeSet::new();
        let first = violations.iter().filter(|violation| kinds.insert((violation.promise, &violation.key)));
        let mut shown: Vec<String> = first.take(SHOWN).map(head).collect();
        let said = self.fleet.said();
        if violations.len() > shown.len() {
            shown.push(format!("… and {} more of this round", violations.len() - shown.len()));
        }
        if !violations.is_empty() {
            shown.extend(said);
        }
        shown
    }
}

/// Reads every key from every service until all answers show the content of the database, none bypasses Redis, and each
/// service has answered from Redis.
fn converge(fleet: &Fleet, recorder: &Recorder, keys: &[Key], truth: &Truth, since: Moment) -> Vec<Violation> {
    let deadline = recorder.now().plus_millis(PATIENCE_MS);
    let mut violations = Vec::new();
    for (place, key) in (0..SERVICES).flat_map(|place| keys.iter().map(move |key| (place, key))) {
        loop {
            let read = asking::read(fleet, recorder, place, key);
            let is_right = read.as_ref().is_some_and(|read| truth.is_shown_by(read));
            let is_past_redis = read.as_ref().is_some_and(|read| read.tier == BYPASSED);
            if is_right && !is_past_redis && recorder.has_hit(place, since) {
                break;
            }
            if recorder.now() > deadline {
                let what = match read {
                    Some(_) if is_right => format!("service {place} does not use Redis for it"),
                    Some(read) => {
                        format!("{} still does not show what the database holds: {:?}", read.process, read.seen)
                    }
                    None => format!("service {place} does not answer"),
                };
                violations.push(Violation::in_the_end(Promise::Recovers, key.clone(), what));
                break;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
    violations
}

/// The time from the end of the fault until the last service answered from Redis and bypassed no Redis server any more.
fn recovery_ms(history: &History, fault_ended: Moment) -> u64 {
    let after = |place: usize| {
        let reads = || history.reads.iter().filter(|read| read.process.place == place && read.started > fault_ended);
        let last_past = reads().filter(|read| read.tier == BYPASSED).map(|read| read.started).max();
        let hits = reads().filter(|read| read.tier == "l2" && Some(read.started) > last_past);
        hits.map(|read| read.ended.millis_since(fault_ended)).min()
    };
    (0..SERVICES).filter_map(after).max().unwrap_or(0)
}

/// Also ends the clients if the fault panics; otherwise the scope would wait for them for ever.
struct EndOfClients<'a>(&'a AtomicBool);

impl Drop for EndOfClients<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
