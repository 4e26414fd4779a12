//! Other programs: an operator who clears the cache, SQL from programs without the cache, a busy database.

use super::scene::{Scene, done};
use super::{Fault, PLAIN};
use crate::history::{Author, Effect, Key, Moment, Write, WriteResult};

pub(super) const FAULTS: &[Fault] = &[
    Fault { name: "healthy", about: "nothing goes wrong", inflict: |scene| scene.hold(1_200), ..PLAIN },
    Fault {
        name: "cleared",
        about: "an operator clears the cache again and again (cache-admin clear --type all)",
        inflict: |scene| {
            scene.meanwhile(1_500, |scene| drop(scene.site().admin("clear --type all").fine()));
        },
        ..PLAIN
    },
    Fault {
        name: "imports",
        about: "another program inserts payments and touches all invoices with SQL",
        inflict: |scene| {
            scene.meanwhile(1_500, |scene| {
                import(scene);
                touch_all_invoices(scene);
                scene.hold(100);
            });
        },
        ..PLAIN
    },
    Fault {
        name: "reprices",
        about: "another program changes invoices and their taxes together, again and again, with SQL",
        inflict: |scene| scene.meanwhile(1_500, reprice),
        ..PLAIN
    },
    Fault {
        name: "imports-clear-types",
        about: "another program changes so many rows that the relay clears whole types",
        settings: &[("BILLING__RELAY__CLEAR_TYPE_ABOVE", "20")],
        inflict: |scene| {
            scene.meanwhile(1_500, |scene| {
                import(scene);
                touch_all_invoices(scene);
                scene.hold(100);
            });
        },
        ..PLAIN
    },
    Fault {
        name: "undecodable-rows",
        about: "another program writes rows to the outbox that name no key that can be told, or a time that is none",
        inflict: |scene| {
            scene.meanwhile(1_500, |scene| {
                import(scene);
                undecodable_rows(scene);
                scene.hold(100);
            });
        },
        ..PLAIN
    },
    Fault {
        name: "bulk-beside-single",
        about: "a bulk change of one cached type beside single changes of it and of others, with SQL",
        settings: &[("BILLING__RELAY__CLEAR_TYPE_ABOVE", "2000")],
        inflict: |scene| {
            scene.meanwhile(1_500, |scene| {
                bulk(scene);
                import(scene);
                reprice(scene);
                scene.hold(100);
            });
        },
        ..PLAIN
    },
    Fault {
        name: "huge-values",
        about: "another program stores 16 and 64 MiB under keys of ours",
        inflict: |scene| {
            for mebibytes in [16, 64, 64] {
                store_huge_values(scene, mebibytes << 20);
                scene.hold(500);
            }
        },
        ..PLAIN
    },
    Fault {
        name: "slow-database",
        about: "loads wait for a lock in the database, sometimes for longer than a load may take",
        may_fail: true,
        settings: &[("BILLING__CACHE__LOAD_DEADLINE_MS", "500"), ("BILLING__CACHE__LEASE_TTL_MS", "600")],
        inflict: |scene| {
            scene.meanwhile(1_800, |scene| {
                let seconds = 0.2 + 0.1 * f64::from(u32::try_from(scene.below(6)).unwrap_or(0));
                scene.site().execute(&[
                    "LOCK TABLE payments, credit_notes IN ACCESS EXCLUSIVE MODE",
                    &format!("SELECT pg_sleep({seconds})"),
                ]);
                scene.hold(100);
            });
        },
        ..PLAIN
    },
];

/// Rows of another program: a payment of 0.01 for each large invoice, and a credit note that no later write follows.
pub(super) fn import(scene: &mut Scene<'_>) {
    let invoices: Vec<String> = scene.plan.large.iter().map(ToString::to_string).collect();
    let name = format!("import-{}-{}", scene.plan.round, scene.recorder.now().0);
    let payments = format!(
        "INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status) \
         SELECT id, 0.01, 'import', '{name}-' || id, 'completed' FROM invoices WHERE id IN ({}) \
         RETURNING CAST(id AS TEXT), CAST(invoice_id AS TEXT)",
        invoices.join(", ")
    );
    insert(scene, &payments, |invoice| (Key::Invoice(invoice), Some(format!("{name}-{invoice}"))));
    let note = format!(
        "INSERT INTO credit_notes (user_id, amount, remaining_amount, reason) VALUES ({}, 1, 1, 'import') \
         RETURNING CAST(id AS TEXT), CAST(user_id AS TEXT)",
        scene.plan.quiet_user
    );
    insert(scene, &note, |user| (Key::CreditNotes(user), None));
}

/// Runs a statement that returns the ids of new rows and of their owners, and records these writes.
fn insert(scene: &mut Scene<'_>, statement: &str, written: impl Fn(i64) -> (Key, Option<String>)) {
    let started = scene.recorder.now();
    let rows = scene.site().rows(statement);
    for row in rows {
        let number = |column: usize| row[column].as_ref().and_then(|text| text.parse().ok()).expect("ids are numbers");
        let (key, transaction) = written(number(1));
        write_down(scene, key, Effect::Row(number(0)), started, transaction);
    }
}

/// Records a write by a program without the cache that has just been acknowledged by the database.
pub(super) fn write_down(scene: &Scene<'_>, key: Key, effect: Effect, started: Moment, transaction: Option<String>) {
    let result = WriteResult::Acknowledged { effect, pending: true };
    let (author, ended) = (Author::Outsider, scene.recorder.now());
    scene.recorder.write(Write { key, author, started, ended, transaction, cents: 1, result });
}

/// Under a key of each kind, with a TTL like that of a normal value.
fn store_huge_values(scene: &mut Scene<'_>, bytes: usize) {
    let value = "x".repeat(bytes);
    let keys =
        [Key::Invoice(*scene.any_of(&scene.plan.large)), scene.quiet_key(), Key::TaxRate(scene.plan.region.clone())];
    for key in keys.iter().map(Key::in_redis) {
        done(scene.site().store_of(&key).command::<()>(&["SET", &key, &value, "EX", "300"]));
    }
}

/// Changes the invoice first and its taxes later, in one transaction. A reader in between must not see a difference.
fn reprice(scene: &mut Scene<'_>) {
    let place = usize::try_from(scene.below(scene.plan.large.len() as u64)).unwrap_or(0);
    let invoice = scene.plan.large[place];
    scene.site().execute(&[
        &format!("UPDATE invoices SET amount = amount + 1 WHERE id = {invoice}"),
        &format!(
            "UPDATE invoice_taxes SET taxable_amount = taxable_amount + 1, tax_amount = tax_amount + rate / 100 \
             WHERE invoice_id = {invoice}"
        ),
    ]);
}

/// Rows whose key parts cannot be decoded or whose type is unknown, some of them with infinite times.
fn undecodable_rows(scene: &mut Scene<'_>) {
    let rows = "('invoices', 'rubbish', '2026-01-01'), ('invoices', '[1, 2]', '-infinity'), ('user_credit_notes', '{}', 'infinity'), \
                ('invoices', '[9e999]', 'infinity'), ('nobody', '[1]', '2026-01-01')";
    let columns = "cache_type, key_parts, created_at, table_name";
    scene.site().execute(&[&format!(
        "INSERT INTO cache_invalidations ({columns}) SELECT t, k, c::timestamp, 'test' FROM (VALUES {rows}) r (t, k, c)"
    )]);
}

/// As many outbox rows as an update of 5,000 invoices leaves.
fn bulk(scene: &mut Scene<'_>) {
    scene.site().execute(&["INSERT INTO cache_invalidations (cache_type, key_parts, table_name) \
         SELECT 'invoices', '[' || n || ']', 'test' FROM generate_series(1000001, 1005000) n"]);
}

/// Changes no checked value, but affects every invoice.
fn touch_all_invoices(scene: &mut Scene<'_>) {
    scene.site().execute(&["UPDATE invoices SET due_date = due_date + interval '1 second'"]);
}
