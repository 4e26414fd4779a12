//! The database: whether it answers, is migrated, has its triggers, relays its outbox, and holds valid rows.

use std::time::{Duration, Instant, SystemTime};

use billing_cache::ClockOffset;
use billing_core::cached::{BillingCache, declarations};
use billing_core::migration::{ColumnFault, MissingCopies, check_columns, check_schema, missing_copies};
use billing_core::settings::Settings;
use billing_outbox::database::{Database, DatabaseError};
use billing_outbox::outbox::{self, Backlog, Elsewhere, RelayError, Unreadable};
use billing_outbox::triggers::{TriggerDifference, TriggerFault, check_triggers};
use cli_support::exit;
use cli_support::render::{count, duration};

use super::checked::{Checked, RECONNECT, not_checked};
use super::{access, clock, rows};
use crate::reports::doctor::{Finding, Subject};

const SUBJECT: Subject = Subject::Database;
const MIGRATE: &str = "cache-admin migrate";
const RUN_A_SERVICE: &str = "start a service with these settings and let it reach Redis; its relay does the rest";
/// The checks of a migrated database, in this order.
const OF_SCHEMA: [&str; 10] = [
    "columns",
    "rights",
    "writes",
    "triggers",
    "copies",
    "outbox",
    "unknown types",
    "retirement",
    "replay",
    "unreadable rows",
];
/// Those of [`OF_SCHEMA`] that are read from the outbox together.
const OF_OUTBOX: [&str; 3] = ["outbox", "unknown types", "retirement"];

/// A relay looks at the outbox twice a second. An older pending row means that something is wrong.
const LATE: Duration = Duration::from_secs(10);
/// By now a stale value has probably been served.
const TOO_LATE: Duration = Duration::from_secs(60);

pub(super) async fn check(cache: &BillingCache, settings: &Settings) -> Checked {
    if let Err(error) = Database::connect(&settings.database).await {
        let prevented = [&["schema"][..], &OF_SCHEMA, rows::names().as_slice(), &["durability", "clock"]].concat();
        return away("connection", &prevented, error);
    }
    let database = cache.source();
    let connection = SUBJECT.ok("connection", format!("{} answers", database.describe()));
    let mut of_server = vec![durability(database).await, clock(database, settings).await];
    of_server.extend(encoding(database).await);
    if let Err(error) = check_schema(database).await {
        let Checked { findings, code } = away("schema", &[&OF_SCHEMA[..], rows::names().as_slice()].concat(), error);
        return Checked { findings: [connection].into_iter().chain(findings).chain(of_server).collect(), code };
    }
    let mut findings = vec![connection, SUBJECT.ok("schema", "all migrations of this version are applied")];
    findings.extend([columns(database).await, access::rights(database).await, access::writes(database).await]);
    findings.extend([triggers(database).await, copies(database).await]);
    findings.extend(outbox(cache, settings).await);
    findings.extend([replay(cache, settings).await, unreadable_rows(cache).await]);
    findings.extend(rows::check(database).await);
    findings.extend(of_server);
    Checked::fine(findings)
}

/// The failed check, and the checks that cannot be made because of it.
fn away(check: &'static str, prevented: &[&'static str], error: DatabaseError) -> Checked {
    let remedy = match error {
        DatabaseError::NoSchema { .. } | DatabaseError::PendingMigrations { .. } => MIGRATE,
        DatabaseError::MissingFile { .. } => "correct DATABASE_URL, or make the file: cache-admin migrate",
        ref error => error.advice().unwrap_or("start the database, or correct DATABASE_URL"),
    };
    let error = anyhow::Error::new(error);
    let mut findings = vec![SUBJECT.problem(check, exit::sentence(&error), remedy)];
    let (why, remedy) = match check {
        "schema" => ("the database is not migrated", remedy),
        _ => ("the database is away", RECONNECT),
    };
    findings.extend(not_checked(SUBJECT, prevented, why, remedy));
    Checked { findings, code: exit::code_of(&error) }
}

/// Triggers and loaders fail if a column is missing. A column with a wider type only matters if somebody stores a value
/// that cannot be read.
async fn columns(database: &Database) -> Finding {
    match check_columns(database.connection()).await {
        Ok(faults) if faults.is_empty() => SUBJECT.ok("columns", "those of the contract, with its types"),
        Ok(faults) => {
            let is_fatal = faults.iter().any(ColumnFault::is_fatal);
            let found: Vec<String> = faults.iter().map(ToString::to_string).collect();
            let (found, remedy) = (found.join("; "), "give the columns the names and types of the contract");
            if is_fatal { SUBJECT.problem("columns", found, remedy) } else { SUBJECT.note("columns", found, remedy) }
        }
        Err(error) => unreadable("columns", error.into()),
    }
}

async fn copies(database: &Database) -> Finding {
    match missing_copies(database.connection()).await {
        Ok(missing) if missing.is_empty() => SUBJECT.ok("copies", "every line of an invoice has its name and rate"),
        Ok(missing) => {
            let lines = |MissingCopies { column, lines }: &MissingCopies| format!("{column} ({})", count(*lines));
            let lines: Vec<String> = missing.iter().map(lines).collect();
            let found = format!("lines without a copy: {}", lines.join(", "));
            let remedy = "cache-admin migrate fills those that can be told; set the others, or tax the invoice again";
            SUBJECT.note("copies", found, remedy)
        }
        Err(error) => SUBJECT.not_checked("copies", exit::sentence(&error.into()), "let this database user read lines"),
    }
}

async fn triggers(database: &Database) -> Finding {
    let declarations = declarations();
    match check_triggers(database.connection(), &declarations).await {
        Ok(differences) if differences.is_empty() => {
            SUBJECT.ok("triggers", "those that the cached types declare, and no others")
        }
        Ok(differences) if differences.iter().any(|difference| difference.fault == TriggerFault::Newer) => {
            let found = "made by a newer version, which alone can tell whether they are right";
            SUBJECT.note("triggers", found, "run the `cache-admin doctor` of the newer version")
        }
        Ok(differences) => wrong_triggers(&differences),
        Err(error) => unreadable("triggers", error.into()),
    }
}

/// A trigger too many only causes unneeded outbox rows.
fn wrong_triggers(differences: &[TriggerDifference]) -> Finding {
    let names: Vec<String> = differences.iter().map(describe).collect();
    let names = names.join(", ");
    if differences.iter().all(|difference| difference.fault == TriggerFault::Unexpected) {
        let found = format!("every change is seen, and more is written than need be: {names}");
        return SUBJECT.note("triggers", found, MIGRATE);
    }
    SUBJECT.problem("triggers", format!("changes of some tables may go unseen: {names}"), MIGRATE)
}

fn describe(difference: &TriggerDifference) -> String {
    let TriggerDifference { name, table, fault } = difference;
    let fault = match fault {
        TriggerFault::Missing => "is missing",
        TriggerFault::Differs => "is disabled or differs",
        TriggerFault::Unexpected => "is of no declaration",
        TriggerFault::Newer => "was made by a newer version",
    };
    format!("{name} on {table} {fault}")
}

async fn outbox(cache: &BillingCache, settings: &Settings) -> Vec<Finding> {
    match outbox::backlog(cache, &settings.relay).await {
        Ok(backlog) => vec![pending(&backlog), unknown_types(&backlog), left_behind(&backlog)],
        Err(error) => {
            let why = exit::sentence(&anyhow::Error::new(error));
            not_checked(SUBJECT, &OF_OUTBOX, &why, "let this database user read cache_invalidations")
        }
    }
}

fn pending(backlog: &Backlog) -> Finding {
    if backlog.pending == 0 {
        return SUBJECT.ok("outbox", "no invalidation is pending");
    }
    // Another program may have written a value that is no time.
    let Some(oldest) = backlog.oldest_pending else {
        let rows = format!("{} invalidations pending, which do not tell since when", count(backlog.pending));
        return SUBJECT.note("outbox", rows, RUN_A_SERVICE);
    };
    let rows = format!("{} invalidations pending, the oldest for {}", count(backlog.pending), duration(oldest));
    if oldest < LATE {
        SUBJECT.ok("outbox", rows)
    } else if oldest < TOO_LATE {
        SUBJECT.note("outbox", rows, RUN_A_SERVICE)
    } else {
        SUBJECT.problem("outbox", format!("{rows}: old values may be read"), RUN_A_SERVICE)
    }
}

/// Invalidations that were applied to a Redis history that is gone.
async fn replay(cache: &BillingCache, settings: &Settings) -> Finding {
    match outbox::applied_elsewhere(cache, &settings.relay).await {
        Ok(elsewhere) => judge_elsewhere(elsewhere),
        Err(RelayError::Database(error)) => unreadable("replay", error.into()),
        Err(error) => SUBJECT.not_checked("replay", exit::sentence(&anyhow::Error::new(error)), RECONNECT),
    }
}

fn judge_elsewhere(elsewhere: Elsewhere) -> Finding {
    let Elsewhere::Rows { rows, left_behind, oldest } = elsewhere else {
        let why = "Redis does not tell its history, by which lost invalidations are known";
        return SUBJECT.not_checked(
            "replay",
            why,
            "let this Redis user run INFO (+info), and no proxy hide its run_id",
        );
    };
    let since = oldest.map(|oldest| format!(", the oldest written {} ago", duration(oldest))).unwrap_or_default();
    let found =
        format!("{} invalidations were applied to another Redis, or before it was restored{since}", count(rows));
    match (rows, left_behind) {
        (0, _) => SUBJECT.ok("replay", "Redis carries every invalidation that was applied"),
        (_, 0) => SUBJECT.note("replay", format!("{found}; relays apply them again"), RUN_A_SERVICE),
        _ => SUBJECT.problem(
            "replay",
            format!("{found}, and no relay has applied them again: old values may be read"),
            RUN_A_SERVICE,
        ),
    }
}

fn unknown_types(backlog: &Backlog) -> Finding {
    let unknown = &backlog.unknown_types;
    if unknown.is_empty() {
        return SUBJECT.ok("unknown types", "every pending row is of a type of this build");
    }
    let types: Vec<String> = unknown.iter().map(|(name, rows)| format!("{name} ({})", count(*rows))).collect();
    let found = format!("pending rows of types that this build does not know: {}", types.join(", "));
    SUBJECT.note("unknown types", found, "run a service of the build that has these types")
}

fn left_behind(backlog: &Backlog) -> Finding {
    match backlog.left_behind {
        0 => SUBJECT.ok("retirement", "applied rows are retired in time"),
        rows => {
            let found = format!("{} applied rows should have been retired: the table grows", count(rows));
            SUBJECT.note("retirement", found, RUN_A_SERVICE)
        }
    }
}

async fn unreadable_rows(cache: &BillingCache) -> Finding {
    match outbox::unreadable(cache).await {
        Ok(Unreadable { rows: 0, .. }) => SUBJECT.ok("unreadable rows", "every row names its key"),
        Ok(Unreadable { rows, examples }) => {
            let named: Vec<String> = examples.iter().map(|(id, name)| format!("id {id} ({name})")).collect();
            let found = format!(
                "{} rows of cache_invalidations name keys that cannot be told, such as {}: each clears its type",
                count(rows),
                named.join(", "),
            );
            SUBJECT.note("unreadable rows", found, "find the program that writes them; only our triggers should")
        }
        Err(error) => unreadable("unreadable rows", error),
    }
}

async fn durability(database: &Database) -> Finding {
    match database.settings_that_lose_commits().await {
        Ok(settings) if settings.is_empty() => SUBJECT.ok("durability", "what is acknowledged is on disk"),
        Ok(settings) => {
            let settings: Vec<String> = settings.into_iter().map(|setting| format!("{setting} = off")).collect();
            let settings = settings.join(", ");
            let found = format!("a crash of its machine takes acknowledged writes along ({settings})");
            SUBJECT.note("durability", found, "turn these settings on for this database")
        }
        Err(error) => unreadable("durability", error),
    }
}

/// `None` if the database has an encoding, as nearly every database does.
async fn encoding(database: &Database) -> Option<Finding> {
    let found = "SQL_ASCII: texts may be any bytes, and a row with one that is no UTF-8 fails whatever is read with it";
    let remedy = "move this database to one of encoding UTF8 (pg_dump, createdb --encoding UTF8, pg_restore)";
    match database.has_encoding().await {
        Ok(true) => None,
        Ok(false) => Some(SUBJECT.note("encoding", found, remedy)),
        Err(error) => Some(unreadable("encoding", error)),
    }
}

async fn clock(database: &Database, settings: &Settings) -> Finding {
    let (asked, started) = (SystemTime::now(), Instant::now());
    match database.clock().await {
        Ok(Some(shown)) => clock::judge(SUBJECT, ClockOffset::between(asked, started.elapsed(), shown), settings),
        Ok(None) => SUBJECT.ok("clock", "that of this machine"),
        Err(error) => unreadable("clock", error),
    }
}

fn unreadable(check: &'static str, error: DatabaseError) -> Finding {
    SUBJECT.not_checked(check, exit::sentence(&anyhow::Error::new(error)), "let this database user read the catalogue")
}
