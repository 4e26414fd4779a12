//! The clients. Each sends requests to one service after another, and records the requests and the answers. It repeats
//! a payment under the same transaction id until it knows the result.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::asking::{self, Question};
use super::plan::FIRST_RATE;
use super::{Fleet, Plan, SERVICES};
use crate::history::{Key, Recorder, WriteResult};

const READERS: u64 = 3;
const PAYERS: u64 = 2;
/// Pause between two requests of a client, so that the machine is not overloaded.
const PAUSE_MS: std::ops::Range<u64> = 1..8;
/// Pause before a write is repeated.
const RETRY_PAUSE: Duration = Duration::from_millis(3);
/// How long a client keeps trying after the round to learn the result of its last write.
const LAST_WORD: Duration = Duration::from_secs(20);
/// One payment in this many is sent twice at the same time, and one in this many is repeated after its answer.
const IMPATIENCE: u32 = 8;

/// The data that all clients of a round share.
#[derive(Clone, Copy)]
pub(super) struct Clients<'r> {
    pub(super) fleet: &'r Fleet,
    pub(super) recorder: &'r Recorder,
    pub(super) plan: &'r Plan,
    pub(super) stop: &'r AtomicBool,
}

impl<'r> Clients<'r> {
    /// Starts all clients.
    pub(super) fn start<'s>(self, scope: &'s Scope<'s, 'r>, seed: u64) -> Vec<ScopedJoinHandle<'s, ()>>
    where
        'r: 's,
    {
        let rng = move |client: u64| StdRng::seed_from_u64(seed ^ (client << 32));
        let readers = (0..READERS).map(|client| scope.spawn(move || self.read(rng(client))));
        let mut started: Vec<_> = readers.collect();
        started.extend((0..PAYERS).map(|client| scope.spawn(move || self.pay(rng(100 + client), client))));
        started.push(scope.spawn(move || self.give_credit(rng(200))));
        started.push(scope.spawn(move || self.change_rates(rng(300))));
        started
    }

    fn goes_on(&self, rng: &mut StdRng) -> bool {
        thread::sleep(Duration::from_millis(rng.random_range(PAUSE_MS)));
        !self.stop.load(Ordering::SeqCst)
    }

    fn read(self, mut rng: StdRng) {
        let keys = self.plan.keys();
        while self.goes_on(&mut rng) {
            let key = keys.choose(&mut rng).expect("a plan has keys");
            asking::read(self.fleet, self.recorder, rng.random_range(0..SERVICES), key);
        }
    }

    fn pay(self, mut rng: StdRng, client: u64) {
        let mut count = 0;
        while self.goes_on(&mut rng) {
            count += 1;
            let transaction = format!("round-{}-{client}-{count}", self.plan.round);
            let (invoice, cents) = self.choose_payment(&mut rng);
            let question = Question::payment(invoice, cents, transaction);
            let place = rng.random_range(0..SERVICES);
            if self.plan.small.contains(&invoice) {
                let rival = Question::payment(invoice, cents, format!("rival-{}-{client}-{count}", self.plan.round));
                self.at_once(&question, &rival, place);
                continue;
            }
            match rng.random_range(0..IMPATIENCE) {
                0 => self.at_once(&question, &question, place),
                1 => {
                    self.insist(place, &question);
                    self.insist(place + 1, &question);
                }
                _ => self.insist(place, &question),
            }
            if rng.random_range(0..3) > 0 {
                // A client that paid reads the invoice at once.
                asking::read(self.fleet, self.recorder, rng.random_range(0..SERVICES), &Key::Invoice(invoice));
            }
        }
    }

    fn choose_payment(&self, rng: &mut StdRng) -> (i64, i64) {
        let (invoices, cents) = match rng.random_range(0..5) {
            0 => (&self.plan.small, 7_00),
            _ => (&self.plan.large, rng.random_range(1..300)),
        };
        (*invoices.choose(rng).expect("a plan has invoices"), cents)
    }

    /// Two writes to two services at the same time.
    fn at_once(&self, one: &Question, other: &Question, place: usize) {
        thread::scope(|scope| {
            scope.spawn(|| self.insist(place + 1, other));
            self.insist(place, one);
        });
    }

    /// Sends a write to one service after another until one returns a definite result.
    fn insist(&self, first: usize, question: &Question) {
        let mut given_up = None;
        for place in first.. {
            let result = asking::write(self.fleet, self.recorder, place % SERVICES, question);
            if !matches!(result, WriteResult::Unknown(_)) {
                return;
            }
            if self.stop.load(Ordering::SeqCst) {
                let since = *given_up.get_or_insert_with(Instant::now);
                assert!(since.elapsed() < LAST_WORD, "no answer to a write of {}: {result:?}", question.key);
            }
            thread::sleep(RETRY_PAUSE);
        }
    }

    /// A credit note has no transaction id, so its request is not repeated.
    fn give_credit(self, mut rng: StdRng) {
        while self.goes_on(&mut rng) && self.goes_on(&mut rng) {
            let user = *self.plan.users.choose(&mut rng).expect("a plan has users");
            let place = rng.random_range(0..SERVICES);
            asking::write(self.fleet, self.recorder, place, &Question::credit_note(user, rng.random_range(1..500)));
        }
    }

    /// The only client that changes rates and discounts, so each write is later than the previous one.
    fn change_rates(self, mut rng: StdRng) {
        let (mut rate, mut discount) = (FIRST_RATE, self.plan.discount_version);
        while (0..4).all(|_| self.goes_on(&mut rng)) {
            let place = rng.random_range(0..SERVICES);
            let key = if rng.random_range(0..2) == 0 {
                rate += 1;
                self.insist(place, &Question::tax_rate(self.plan.rate_id, &self.plan.region, rate));
                Key::TaxRate(self.plan.region.clone())
            } else {
                discount += 1;
                self.insist(place, &Question::discount(self.plan.discount_id, discount));
                Key::Discount(self.plan.discount_id)
            };
            asking::read(self.fleet, self.recorder, place, &key);
        }
    }
}
