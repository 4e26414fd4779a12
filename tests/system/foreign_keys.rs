//! The Redis database belongs to other programs too: whatever the tools and services do, their keys stay as they are.

use std::collections::BTreeMap;

use redis::{Commands, Connection};
use system_tests::{BILLING_SERVICE, Backend, CACHE_ADMIN, Site};

use crate::on_both_databases;

on_both_databases![keys_of_other_programs_survive_everything, the_redis_database_of_the_variable_is_the_only_one_used];

/// Values and whether they expire, by name.
type Dump = BTreeMap<Vec<u8>, (Vec<u8>, bool)>;

/// Names that look like ours, and are not.
const LOOK_ALIKES: [&str; 28] = [
    "invoice:abc",
    "invoice:",
    "invoice",
    "invoice:007",
    "invoice:+7",
    "invoice:1:lines",
    "invoice:99999999999999999999",
    "Invoice:1",
    "invoices:1",
    "my:invoice:1",
    "user_invoice:1",
    "lease:foo",
    "lease:invoice:1",
    "lease:{foo}",
    "lease:{invoice:abc}",
    "tax_rate:gb:default",
    "tax_rate:GB",
    "tax_rate:GB:a:b",
    "tax_rate:ZZ:default",
    "tax_rates:GB:default",
    "active_discounts:x",
    "active_discounts:",
    "xactive_discounts",
    "user_credit_notes:abc",
    "user_credit_notes:1:x",
    "user_credit_note:1",
    "billing_statistics",
    "payment_history:1",
];

fn keys_of_other_programs_survive_everything(backend: Backend) {
    let site = Site::seeded(backend);
    let mut connection = site.redis.connection().expect("Redis answers");
    put_foreign_keys(&mut connection);
    select(&mut connection, 3);
    put_ours_elsewhere(&mut connection);
    let elsewhere = dump(&mut connection, 3);
    // The seed has invalidated keys, and counted that.
    let before = without_bookkeeping(dump(&mut connection, 0));
    let foreign = before.len() as u64;
    assert!(foreign > 300, "{foreign}");

    site.admin("warmup").fine();
    site.monitor("--iterations 20").fine();
    let service = site.serve();
    let invoice = crate::open_invoice(&site);
    service.invoice(invoice).from_tier("l2");
    service.pay(invoice, "0.01", "beside-others").with_status(201);
    let stats = site.stats();
    assert_eq!(stats.number("foreign"), foreign);
    assert_eq!(stats.keys("invoices"), 59);
    site.admin("clear --type tax_rates").fine();
    site.admin("clear --type all --dry-run").fine();
    site.admin("clear --type all").fine();
    service.terminate();

    let stats = site.stats();
    assert_eq!(stats.all_keys().iter().map(|(_, keys)| keys).sum::<u64>(), 0);
    assert_eq!(stats.number("foreign"), foreign);
    assert!(without_bookkeeping(dump(&mut connection, 0)) == before, "other programs' keys are not what they were");
    assert!(dump(&mut connection, 3) == elsewhere, "another database of the server is not what it was");
}

fn the_redis_database_of_the_variable_is_the_only_one_used(backend: Backend) {
    let site = Site::seeded(backend);
    let mut connection = site.redis.connection().expect("Redis answers");
    put_ours_elsewhere(&mut connection);
    let before = dump(&mut connection, 0);
    let fifth = |arguments: &str| site.program(CACHE_ADMIN).with("REDIS_DB", "5").run(arguments).fine();
    // It first applies what was told to another database.
    let service = site.program(BILLING_SERVICE).with("REDIS_DB", "5").serve();
    // A user that no test has.
    site.eventually(|| match service.get("/users/2147483647/credit-notes").cache {
        Some(tier) if tier != "bypassed" => Ok(()),
        tier => Err(format!("the service answers from {tier:?}")),
    });
    fifth("warmup");
    service.get("/discounts/active").from_tier("l2");
    assert!(dump(&mut connection, 5).contains_key(b"invoice:1".as_slice()));
    fifth("clear --type all");
    assert!(!dump(&mut connection, 5).contains_key(b"invoice:1".as_slice()));
    assert!(dump(&mut connection, 0) == before, "a database that was not asked for is not what it was");
}

/// A few hundred, of every type Redis has, with and without expiry, with names that are no text too.
fn put_foreign_keys(connection: &mut Connection) {
    let mut pipe = redis::pipe();
    for name in LOOK_ALIKES {
        pipe.set(name, format!("value of {name}"));
    }
    for number in 0..50 {
        pipe.set_ex(format!("session:{number}"), "s".repeat(number), 3_600);
        pipe.hset_multiple(format!("invoice:hash:{number}"), &[("id", number), ("amount", 1)]);
        pipe.rpush(format!("queue:invoice:{number}"), vec![number; 20]);
        pipe.zadd(format!("tax_rate:{number}"), "member", number);
        pipe.sadd(format!("invoice:{number}x"), vec![number, 1_000]);
        pipe.cmd("XADD").arg(format!("lease:{{stream:{number}}}")).arg("*").arg("field").arg(number);
    }
    pipe.set(b"invoice:\xff\xfe", b"\x00\xff").set("", "a key without a name");
    pipe.query::<()>(connection).expect("Redis takes the keys");
}

/// What would be ours, in a database that is not.
fn put_ours_elsewhere(connection: &mut Connection) {
    for name in [
        "invoice:1",
        "active_discounts",
        "tax_rate:GB:default",
        "lease:{invoice:1}",
        "billing_cache:{numbers}:hour:1:invoices",
    ] {
        connection.set::<_, _, ()>(name, "elsewhere").expect("Redis takes the key");
    }
}

fn select(connection: &mut Connection, database: u8) {
    redis::cmd("SELECT").arg(database).query::<()>(connection).expect("Redis has sixteen databases");
}

fn without_bookkeeping(mut dump: Dump) -> Dump {
    dump.retain(|key, _| !key.starts_with(b"billing_cache:"));
    dump
}

/// Every key of a database, its serialized value, and whether it expires.
fn dump(connection: &mut Connection, database: u8) -> Dump {
    select(connection, database);
    let names: Vec<Vec<u8>> =
        connection.scan().expect("Redis answers to SCAN").collect::<Result<_, _>>().expect("names");
    let mut value_of = |name: &Vec<u8>| -> (Vec<u8>, bool) {
        let value = redis::cmd("DUMP").arg(name).query(connection).expect("a key that SCAN found");
        let ttl: i64 = connection.ttl(name).expect("a key has a TTL or none");
        (value, ttl > 0)
    };
    names.iter().map(|name| (name.clone(), value_of(name))).collect()
}
