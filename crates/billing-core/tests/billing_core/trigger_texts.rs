//! The triggers of every cached type, as they stand: a change of them is seen, and is a new version of them.

use std::path::Path;

use billing_core::cached;
use billing_core::migration::{installed_triggers, migrate, triggers::VERSION};

use crate::backends::for_each_backend;

/// Begins with the version, so that a text cannot change unseen under the same one.
#[tokio::test]
async fn a_changed_trigger_is_a_new_version() {
    for_each_backend(async |database| {
        migrate(database, &cached::declarations()).await.unwrap();
        let triggers = installed_triggers(database.connection()).await.unwrap();
        let texts: Vec<String> = triggers.into_iter().map(|trigger| trigger.sql).collect();
        let found = format!("-- version {VERSION}\n{}\n", texts.join(";\n"));
        let name = format!("tests/golden/triggers.{:?}.sql", database.backend()).to_lowercase();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        assert!(
            found == expected,
            "the triggers have changed: raise VERSION in migration/triggers/version.rs once for each release, so that \
             an older `migrate` refuses to replace them, then write {} anew with UPDATE_GOLDEN=1. Found:\n{found}",
            path.display(),
        );
    })
    .await;
}
