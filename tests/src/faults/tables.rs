//! Changes to SQLite tables by other programs: rows that replace others, tables that lose their triggers.

use super::Fault;
use super::outside::{import, write_down};
use super::scene::Scene;
use crate::Backend;
use crate::history::{Effect, Key};

const PLAIN: Fault = Fault { database: Backend::Sqlite, ..super::PLAIN };

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "replaced-rows",
        about: "another program replaces payments and credit notes by rows of other keys (INSERT OR REPLACE)",
        inflict: |scene| {
            scene.meanwhile(1_500, |scene| {
                replace_a_payment(scene);
                replace_a_credit_note(scene);
                scene.hold(100);
            });
        },
        ..PLAIN
    },
    Fault {
        name: "triggers-dropped",
        about: "a schema tool drops our triggers of payments and credit notes, twice, and `migrate` makes them again",
        // A service that has not checked the triggers yet continues with its cached values. A service that writes
        // checks them first.
        forgets: true,
        inflict: |scene| {
            for _ in 0..2 {
                drop_triggers(scene);
                scene.hold(300);
                import(scene);
                scene.hold(300);
                scene.site().admin("migrate").fine();
                scene.hold(200);
            }
        },
        ..PLAIN
    },
];

/// A payment that every service has shown, and then one with the same transaction for another invoice, which replaces
/// it.
fn replace_a_payment(scene: &mut Scene<'_>) {
    let (from, to) = (scene.plan.large[0], scene.plan.large[1]);
    let name = format!("replaced-{}-{}", scene.plan.round, scene.recorder.now().0);
    let pay = |invoice: i64| {
        format!(
            "INSERT OR REPLACE INTO payments (invoice_id, amount, payment_method, transaction_id, status) \
             VALUES ({invoice}, 0.01, 'import', '{name}', 'completed') RETURNING CAST(id AS TEXT)"
        )
    };
    let first = id_of(scene, &pay(from));
    show_everywhere(scene, &Key::Invoice(from));
    let started = scene.recorder.now();
    let second = id_of(scene, &pay(to));
    write_down(scene, Key::Invoice(from), Effect::Gone(first), started, None);
    write_down(scene, Key::Invoice(to), Effect::Row(second), started, Some(name));
}

/// A replacement by the primary key, from one user to another.
fn replace_a_credit_note(scene: &mut Scene<'_>) {
    let (from, to) = (scene.plan.quiet_user, scene.plan.users[0]);
    let note = "INSERT OR REPLACE INTO credit_notes (id, user_id, amount, remaining_amount, reason)";
    let id = id_of(scene, &format!("{note} VALUES (NULL, {from}, 1, 1, 'import') RETURNING CAST(id AS TEXT)"));
    show_everywhere(scene, &Key::CreditNotes(from));
    let started = scene.recorder.now();
    id_of(scene, &format!("{note} VALUES ({id}, {to}, 1, 1, 'import') RETURNING CAST(id AS TEXT)"));
    write_down(scene, Key::CreditNotes(from), Effect::Gone(id), started, None);
    write_down(scene, Key::CreditNotes(to), Effect::Row(id), started, None);
}

fn id_of(scene: &Scene<'_>, insert: &str) -> i64 {
    let rows = scene.site().rows(insert);
    rows[0][0].as_ref().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{insert}: {rows:?}"))
}

/// The content of the database is cached when this returns, unless other clients change it meanwhile.
fn show_everywhere(scene: &mut Scene<'_>, key: &Key) {
    scene.hold(100);
    scene.read_everywhere(key);
}

/// As it happens when a table is rebuilt.
fn drop_triggers(scene: &Scene<'_>) {
    let triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('payments', 'credit_notes')";
    let names = scene.site().rows(triggers).into_iter().flatten().flatten();
    let drops: Vec<String> = names.map(|name| format!("DROP TRIGGER {name}")).collect();
    assert!(!drops.is_empty(), "there are no triggers of payments");
    scene.site().execute(&drops.iter().map(String::as_str).collect::<Vec<_>>());
}
