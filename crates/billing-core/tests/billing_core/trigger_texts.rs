//! The triggers of every cached type, as they stand: a change of them is seen, and is a new version of them.
//!
//! Once for each release that changes them raise the version of `OWNER` in `migration/mod.rs`, so that an older
//! `migrate` refuses to replace them; then write the golden files anew.

use std::path::Path;

use billing_core::cached;
use billing_core::migration::{OWNER, migrate};
use billing_outbox::triggers::installed_triggers;

use crate::backends::for_each_backend;

/// Begins with the version, so that a text cannot change unseen under the same one.
#[tokio::test]
async fn a_changed_trigger_is_a_new_version() {
    for_each_backend(async |database| {
        migrate(database, &cached::declarations()).await.unwrap();
        let triggers = installed_triggers(database.connection(), &OWNER).await.unwrap();
        let texts: Vec<String> = triggers.into_iter().map(|trigger| trigger.sql).collect();
        let found = format!("-- version {}\n{}\n", OWNER.version, texts.join(";\n"));
        let name = format!("tests/golden/triggers.{:?}.sql", database.backend()).to_lowercase();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        test_support::assert_golden(&path, &found);
    })
    .await;
}
