//! A busy, healthy system raises no false alarm: processes write and read the same keys, another program writes past
//! them, and the audit looks at everything, again and again.
//!
//! `BILLING_AUDIT_CHECKS=100000` makes the run as long as that many checks on each kind of database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use billing_core::cached::{self, CACHED_TYPES};
use billing_core::service::{BillingError, BillingService};
use billing_outbox::audit::{Audit, Extent, Finding, Outcome, Tally};
use billing_outbox::database::Database;
use sea_orm::ConnectionTrait;
use tokio::task::JoinSet;

use crate::backends::execute;
use crate::commands::{amount_off, payment, rate};
use crate::world::{World, for_each_world};

const CHECKS: u64 = 2_000;
const INVOICES: i32 = 400;
/// Between two turns of a writer or reader, so that the audit gets its share of a small machine.
const BREATH: Duration = Duration::from_millis(1);

fn checks_wanted() -> u64 {
    std::env::var("BILLING_AUDIT_CHECKS").map_or(CHECKS, |wanted| wanted.parse().unwrap())
}

/// Writers and readers that go on until they are stopped.
struct Traffic {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<u64>,
}

impl Traffic {
    fn new() -> Self {
        Self { stop: Arc::new(AtomicBool::new(false)), tasks: JoinSet::new() }
    }

    /// Does it again and again; `operation` is given the number of the turn.
    fn add<F: Future<Output = ()> + Send>(&mut self, operation: impl Fn(i32) -> F + Send + 'static) {
        let stop = Arc::clone(&self.stop);
        self.tasks.spawn(async move {
            let mut turns = 0;
            while !stop.load(Ordering::Relaxed) {
                operation(turns).await;
                turns += 1;
                tokio::time::sleep(BREATH).await;
            }
            u64::try_from(turns).unwrap()
        });
    }

    /// How much was done.
    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().sum()
    }
}

fn invoice(turn: i32) -> i32 {
    turn % INVOICES + 1
}

fn add_writers(traffic: &mut Traffic, process: &BillingService, place: i32) {
    let service = process.clone();
    traffic.add(move |turn| {
        let service = service.clone();
        async move {
            let id = invoice(turn * 7 + place);
            let transaction = service.begin_write().await.unwrap();
            let sql = format!("UPDATE invoices SET amount = amount + 1 WHERE id = {id}");
            transaction.execute_unprepared(&sql).await.unwrap();
            let _ = transaction.commit(()).await.unwrap();
            if turn % 10 == 0 {
                assert_done(service.process_payment(payment(id, "0.01", &format!("t{place}-{turn}"))).await);
                let value = (turn % 9 + 1).to_string();
                assert_done(service.update_tax_rate(1, rate("GB", None, &value)).await);
                assert_done(service.update_discount(1, amount_off("Ten percent", &value)).await);
            }
        }
    });
}

fn add_readers(traffic: &mut Traffic, process: &BillingService) {
    for stride in [1, 3] {
        let service = process.clone();
        traffic.add(move |turn| {
            let service = service.clone();
            async move {
                let many: Vec<i32> = (0..20).map(|next| invoice(turn * stride * 20 + next)).collect();
                service.invoices_details(&many).await.unwrap();
                service.user_credit_notes(turn % 3 + 1).await.unwrap();
                service.active_discounts().await.unwrap();
                service.applicable_tax_rate("GB", None).await.unwrap();
            }
        });
    }
}

/// Another program, which knows nothing of the cache.
fn add_outsider(traffic: &mut Traffic, database: &Database) {
    let database = database.clone();
    traffic.add(move |turn| {
        let database = database.clone();
        async move {
            let sql = format!("UPDATE invoices SET amount = amount + 1 WHERE id = {}", invoice(turn * 11));
            execute(&database, &sql).await;
            let sql = format!("UPDATE credit_notes SET amount = amount + 1 WHERE id = {}", turn % 2 + 1);
            execute(&database, &sql).await;
            tokio::time::sleep(20 * BREATH).await;
        }
    });
}

/// Rules may forbid a write, and writers may be in each other's way.
fn assert_done<T>(result: Result<T, BillingError>) {
    match result {
        Ok(_) | Err(BillingError::Refused(_) | BillingError::Conflict(_)) => {}
        Err(other) => panic!("{other:?}"),
    }
}

async fn look_often(process: &BillingService, wanted: u64) -> (Tally, u64) {
    let (mut tally, mut naive) = (Tally::default(), 0);
    while tally.checked < wanted {
        let mut audit =
            Audit::begin(process.cache(), CACHED_TYPES, Extent::All, billing_cache::Pace::unlimited()).await.unwrap();
        let mut keys = Vec::new();
        while let Some(step) = audit.next().await.unwrap() {
            for judged in step.judged {
                assert!(!judged.outcome.is_wrong(), "a false alarm after {tally:?}: {judged:?}");
                tally.add(&judged.outcome);
                if matches!(judged.outcome, Outcome::Right) {
                    keys.push(judged.key);
                }
            }
        }
        naive += alarms_of_a_single_look(process, keys).await;
    }
    (tally, naive)
}

/// How many values differ when each is looked at once on either side: what the audit would report if it took a write in
/// between for a fault.
async fn alarms_of_a_single_look(process: &BillingService, keys: Vec<billing_cache::AnyKey>) -> u64 {
    let mut alarms = 0;
    for registered in CACHED_TYPES {
        let name = registered.info().name;
        let keys: Vec<_> = keys.iter().filter(|key| key.cache_type() == name).cloned().collect();
        let standing = process.cache().standing(&keys).await.unwrap();
        let cached = Arc::new(keys.into_iter().zip(standing).collect());
        let compared = cached::find(name).unwrap().compare(process.cache(), cached).await.unwrap();
        let different = compared.iter().filter(|compared| matches!(compared.finding, Finding::Different(_)));
        alarms += different.count() as u64;
    }
    alarms
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_healthy_system_raises_no_false_alarm() {
    for_each_world(async |world: &World| {
        let row = |id| format!("({}, 1000000, 'unpaid', '2099-01-01 00:00:00')", id % 3 + 1);
        let rows: Vec<String> = (5..=INVOICES).map(row).collect();
        let sql = format!("INSERT INTO invoices (user_id, amount, status, due_date) VALUES {}", rows.join(", "));
        execute(&world.database, &sql).await;
        let processes = [world.relaying().await, world.relaying().await];
        let mut traffic = Traffic::new();
        for (place, process) in (0..).zip(&processes) {
            add_writers(&mut traffic, process, place);
            add_readers(&mut traffic, process);
        }
        add_outsider(&mut traffic, &world.database);
        let auditor = world.process().await;
        let (tally, naive) = look_often(&auditor, checks_wanted()).await;
        let operations = traffic.end().await;
        println!("{tally:?} beside {operations} rounds of traffic; a single look would have raised {naive} alarms");
        for process in processes {
            process.close().await;
        }
    })
    .await;
}
