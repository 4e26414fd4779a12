//! What a database user lacks is named by `doctor`, and the rights that `docs/adopting.md` lists are enough for a
//! service.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use billing_core::service::{BillingError, BillingService, TaxingRates};
use billing_core::settings::Settings;
use billing_outbox::database::Database;
use billing_outbox::outbox::Written;
use sea_orm::ConnectionTrait;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use test_support::{RedisServer, TestDatabase};

use crate::harness::{Run, Stage, finding};

const ADOPTING: &str = include_str!("../../../../docs/adopting.md");
/// Somebody who is not the owner of the files of the tests.
const NOBODY: u32 = 65_534;

/// A role of PostgreSQL with a login; must be dropped by hand, since roles belong to the whole server.
struct Role {
    name: String,
    owner: Database,
}

impl Role {
    async fn new(stage: &Stage) -> Self {
        let owner = stage.open_database().await;
        let name = format!("role_of_{}", stage.database.url().rsplit('/').next().unwrap());
        let role = Self { name, owner };
        role.execute(&format!("CREATE ROLE {} LOGIN PASSWORD 'role-secret'", role.name)).await;
        role
    }

    /// Also while the database only reads by default.
    async fn execute(&self, sql: &str) {
        let sql = format!("SET TRANSACTION READ WRITE; {sql}");
        self.owner.connection().execute_unprepared(&sql).await.unwrap();
    }

    /// Gives it what the document lists.
    async fn grant_all(&self) {
        let grants = ADOPTING.lines().filter_map(|line| line.trim().strip_suffix(" TO billing_service;"));
        let grants: Vec<&str> = grants.filter(|line| line.starts_with("GRANT ")).collect();
        assert!(grants.len() >= 5, "docs/adopting.md lists the rights: {grants:?}");
        for grant in grants {
            self.execute(&format!("{grant} TO {}", self.name)).await;
        }
    }

    fn url(&self, stage: &Stage) -> String {
        let (_, address) = stage.database.url().rsplit_once('@').unwrap();
        format!("postgres://{}:role-secret@{address}", self.name)
    }

    async fn drop(self) {
        self.execute(&format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name)).await;
        self.owner.close().await.unwrap();
    }
}

async fn postgres() -> Stage {
    Stage::on(TestDatabase::postgres().await.unwrap(), RedisServer::options()).seeded()
}

/// The report of `doctor` against this database.
fn examine(stage: &Stage, url: &str, code: i32) -> Value {
    let run = stage.run_with(&["doctor", "--format", "json"], &[("DATABASE_URL", url)]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""), "{run:?}");
    run.json()
}

#[tokio::test]
async fn a_service_works_with_the_rights_of_the_document() {
    let stage = postgres().await;
    let role = Role::new(&stage).await;
    role.grant_all().await;
    let url = role.url(&stage);
    let report = examine(&stage, &url, 0);
    assert_eq!(finding(&report, "database", "rights")["level"], "ok", "{report:#}");
    assert_eq!(finding(&report, "database", "writes")["level"], "ok", "{report:#}");

    let settings = Settings { redis: stage.redis_settings(), ..Settings::defaults() };
    let database = Database::connect(&Settings::database_at(&url)).await.unwrap();
    let service = BillingService::open(database, &settings).await.unwrap();
    do_everything(&service).await;
    service.close().await;
    let left: i64 = pending(&role).await;
    assert_eq!(left, 0, "what was written is marked");
    for command in [&["warmup"][..], &["verify", "--all"], &["inspect", "invoice:1"]] {
        stage.run_with(command, &[("DATABASE_URL", &url)]).assert_fine();
    }
    role.drop().await;
    stage.database.drop_database().await.unwrap();
}

/// Every operation that writes.
async fn do_everything(service: &BillingService) {
    let rate = |region: Value| {
        made(json!({"name": "VAT", "rate": "20.00", "country": "FO", "region": region, "is_default": true}))
    };
    let of_country = done(service.create_tax_rate(rate(Value::Null)).await);
    done(service.create_tax_rate(rate("TOR".into())).await);
    let elsewhere = made(json!({"name": "VAT", "rate": "5.00", "country": "VU", "is_default": true}));
    let elsewhere = done(service.create_tax_rate(elsewhere).await);
    done(service.delete_tax_rate(elsewhere.id).await);
    done(service.update_tax_rate(of_country.id, rate(Value::Null)).await);

    let invoice = json!({"user_id": 1, "amount": "100.00", "due_date": "2999-01-01T00:00:00", "billing_country": "FO"});
    let invoice = done(service.create_invoice(made(invoice)).await);
    for region in [None, None, Some("TOR")] {
        done(service.calculate_invoice_taxes(invoice.id, region, TaxingRates::Current).await);
    }
    let discount = json!({"name": "Spring", "discount_type": "fixed", "value": "5.00", "is_percentage": false,
        "valid_from": "2020-01-01T00:00:00"});
    let discount = done(service.create_discount(made(discount)).await);
    done(service.apply_discount_to_invoice(invoice.id, discount.id).await);
    done(service.deactivate_discount(discount.id).await);
    let note = service.create_credit_note(made(json!({"user_id": 1, "amount": "7.00", "reason": "goodwill"}))).await;
    done(service.apply_credit_note_to_invoice(note.unwrap().value.id, invoice.id, None).await);
    let payment =
        json!({"invoice_id": invoice.id, "amount": "10.00", "payment_method": "card", "transaction_id": "of-a-role"});
    done(service.process_payment(made(payment)).await);
    done(service.mark_overdue_invoices().await);
    assert!(service.invoice_details(invoice.id).await.unwrap().value.is_some());
}

fn done<T>(written: Result<Written<T>, BillingError>) -> T {
    written.unwrap().value
}

fn made<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

async fn pending(role: &Role) -> i64 {
    let sql = "SELECT count(*) FROM cache_invalidations WHERE relayed_at IS NULL";
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql);
    let row = role.owner.connection().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn each_right_that_is_missing_is_named_with_the_line_that_gives_it() {
    let stage = postgres().await;
    let role = Role::new(&stage).await;
    role.grant_all().await;
    let url = role.url(&stage);
    for (right, on) in [
        ("SELECT", "users"),
        ("SELECT", "payments"),
        ("INSERT", "payments"),
        ("UPDATE", "invoices"),
        ("DELETE", "tax_rates"),
        ("UPDATE", "cache_invalidations"),
        ("DELETE", "cache_invalidations"),
        ("USAGE", "SEQUENCE payments_id_seq"),
    ] {
        role.execute(&format!("REVOKE {right} ON {on} FROM {}", role.name)).await;
        let report = examine(&stage, &url, 1);
        let found = finding(&report, "database", "rights");
        let grant = format!("GRANT {right} ON {on} TO {}", role.name);
        assert_eq!((&found["level"], &found["remedy"]), (&"problem".into(), &grant.as_str().into()), "{found}");
        role.execute(found["remedy"].as_str().unwrap()).await;
    }
    assert_eq!(finding(&examine(&stage, &url, 0), "database", "rights")["level"], "ok");
    role.execute(&format!("REVOKE ALL ON payments FROM {}", role.name)).await;
    let run = stage.run_with(&["warmup", "--type", "invoices"], &[("DATABASE_URL", &url)]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.stderr.contains("payments") && run.stderr.contains("`cache-admin doctor` names it"), "{run:?}");
    role.drop().await;
    stage.database.drop_database().await.unwrap();
}

#[tokio::test]
async fn a_user_or_a_database_that_only_reads_is_a_problem() {
    let stage = postgres().await;
    let role = Role::new(&stage).await;
    role.grant_all().await;
    let url = role.url(&stage);
    let database = stage.database.url().rsplit('/').next().unwrap().to_owned();
    for whose in [format!("ROLE {}", role.name), format!("DATABASE {database}")] {
        role.execute(&format!("ALTER {whose} SET default_transaction_read_only = on")).await;
        let report = examine(&stage, &url, 1);
        let found = finding(&report, "database", "writes");
        assert_eq!(found["level"], "problem", "{found}");
        assert!(found["remedy"].as_str().unwrap().contains("default_transaction_read_only"), "{found}");
        role.execute(&format!("ALTER {whose} RESET default_transaction_read_only")).await;
    }
    assert_eq!(finding(&examine(&stage, &url, 0), "database", "writes")["level"], "ok");
    role.drop().await;
    stage.database.drop_database().await.unwrap();
}

fn file_of(stage: &Stage) -> PathBuf {
    let url = stage.database.url().strip_prefix("sqlite://").unwrap();
    PathBuf::from(url.split('?').next().unwrap())
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A run by somebody who owns none of the files, where the tests may start one; else by their owner.
fn doctor_of_nobody(stage: &Stage) -> Run {
    let mut command = stage.command(&["doctor", "--format", "json"]);
    command.env("DATABASE_URL", format!("sqlite://{}", file_of(stage).display()));
    if std::fs::metadata("/proc/self").is_ok_and(|of| std::os::unix::fs::MetadataExt::uid(&of) == 0) {
        command.uid(NOBODY).current_dir("/");
    }
    Run::of(command.output().unwrap())
}

#[test]
fn an_sqlite_file_or_directory_that_cannot_be_written_is_a_problem() {
    let stage = Stage::sqlite().seeded();
    let file = file_of(&stage);
    let url = format!("sqlite://{}?mode=ro", file.display());
    let report = examine(&stage, &url, 1);
    let found = finding(&report, "database", "writes");
    assert_eq!(found["level"], "problem", "{found}");
    assert!(found["remedy"].as_str().unwrap().contains("mode=ro"), "{found}");

    // Without the files beside it nobody who may not write can even read it.
    let directory = file.parent().unwrap();
    set_mode(&file, 0o444);
    set_mode(directory, 0o555);
    let run = doctor_of_nobody(&stage);
    assert_eq!(run.code, Some(3), "{run:?}");
    let report = run.json();
    let found = finding(&report, "database", "connection");
    assert_eq!(found["level"], "problem", "{found}");
    assert!(found["remedy"].as_str().unwrap().contains("its directory"), "{found}");
    set_mode(directory, 0o755);
}
