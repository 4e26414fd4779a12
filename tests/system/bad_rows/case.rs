//! One case: bad rows and bad values are written, clean rows are changed, and everything is asked.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use system_tests::{
    Answer, BILLING_SERVICE, Backend, CACHE_ADMIN, CACHE_MONITOR, Client, Program, Run, Service, Session, Site,
};
use test_support::platform::{self, Origin};

use super::asking::{self, Allowed, Answers};
use super::redis_values::{Expiry, Foreign};
use super::schema::{self, Column};
use super::sentinels::{self, CLEAN, KINDS};
use super::wrong;

/// A write of plain SQL shows within a second; a busy machine has longer.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);
/// Ids of bad rows begin here; those that PostgreSQL gives begin at 1,000,000,000.
const FIRST_FAMILY: i64 = 1_000;

/// One bad value in one column; none is a family of good rows.
pub(super) type Bad = (Column, Option<String>);

/// What is put under keys.
pub(super) type Stored = Vec<(Foreign, Expiry)>;

/// The system under test. One service process for many cases.
pub(super) struct Stage {
    pub(super) site: Site,
    session: Session,
    /// The platform's tables without anything of ours: what it takes, ours must take.
    bare: (Site, Session),
    service: Service,
    columns: Vec<Column>,
    allowed: Allowed,
    round: Cell<i64>,
    pub(super) tally: Tally,
}

/// How much was tried.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) cases: Cell<u64>,
    pub(super) rows: Cell<u64>,
    pub(super) refused_rows: Cell<u64>,
    pub(super) answers: Cell<u64>,
    pub(super) values: Cell<u64>,
    pub(super) runs: Cell<u64>,
}

fn add(counter: &Cell<u64>, more: usize) {
    counter.set(counter.get() + more as u64);
}

impl Stage {
    /// The platform's database, adopted and loosened: every column but ids may be NULL.
    pub(super) fn new(backend: Backend) -> Self {
        let installed = Installed::new(backend);
        let service = program(&installed.site).serve();
        installed.serve(service)
    }

    /// Every column of every table.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Runs one case to its end.
    ///
    /// # Errors
    /// What was wrong.
    pub(super) fn run(&self, bad: &[Bad], stored: &Stored) -> Result<(), String> {
        let round = self.round.get() + 1;
        self.round.set(round);
        add(&self.tally.cases, 1);
        self.forget();
        self.cache_clean_rows();
        let (families, mut wrong) = self.write_families(bad, round);
        sentinels::change(&self.session, round);
        wrong.extend(self.clean_rows_are_read_anew(round).err());
        self.store_values(&families, stored);
        wrong.extend(self.ask(&families, asking::read));
        wrong.extend(self.clean_rows_are_read_anew(round).err());
        wrong.extend(self.run_tools(&families));
        wrong.extend(self.ask(&families, asking::write));
        wrong.extend(self.ask(&families, asking::read));
        wrong.extend(self.clean_rows_are_read_anew(round).err());
        wrong.extend(self.everything_is_told().err());
        wrong.extend(self.nothing_panicked().err());
        if wrong.is_empty() { Ok(()) } else { Err(wrong::summary(&wrong)) }
    }

    /// Removes the rows and values of the case before.
    fn forget(&self) {
        for table in schema::by_table(&self.columns).keys() {
            self.session.must(&format!("DELETE FROM {table} WHERE id <> {CLEAN}"));
        }
        self.session.must("DELETE FROM cache_invalidations");
    }

    /// An error is found by the checks that follow.
    fn cache_clean_rows(&self) {
        for kind in KINDS {
            let _ = self.service.try_get(&(kind.path)(CLEAN));
        }
    }

    /// One family of rows for each bad value. Gives the ids of the families, and the writes that only ours refuse.
    fn write_families(&self, bad: &[Bad], round: i64) -> (Vec<i64>, Vec<String>) {
        let tables = schema::by_table(&self.columns);
        let first = FIRST_FAMILY + round * 100;
        let (families, mut wrong) = ((first..).take(bad.len()).collect::<Vec<i64>>(), Vec::new());
        for (id, (column, value)) in families.iter().zip(bad) {
            for (table, columns) in &tables {
                let value = value.as_deref().map(|value| (column, value));
                wrong.extend(self.write(&schema::insert(table, columns, *id, value), table).err());
            }
        }
        (families, wrong)
    }

    /// A write that the platform's own tables take and ours refuse is a fault of our triggers.
    fn write(&self, insert: &str, table: &str) -> Result<(), String> {
        let Err(refused) = self.session.run(insert) else {
            add(&self.tally.rows, 1);
            return Ok(());
        };
        add(&self.tally.refused_rows, 1);
        let is_taken = ["UNIQUE", "duplicate key"].iter().any(|words| refused.contains(words));
        if is_taken || table == "cache_invalidations" || self.bare.1.run(insert).is_err() {
            return Ok(());
        }
        Err(format!("the platform's own tables take what ours refuse: {refused}: {insert}"))
    }

    fn clean_rows_are_read_anew(&self, round: i64) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        for kind in KINDS {
            loop {
                let answer = self.service.try_get(&(kind.path)(CLEAN))?;
                match kind.check_clean(&answer, round) {
                    Ok(()) => break,
                    Err(missing) if Instant::now() > end => return Err(missing),
                    Err(_) => std::thread::sleep(PAUSE),
                }
            }
        }
        Ok(())
    }

    /// Under the keys of the families, and under those of the clean rows.
    fn store_values(&self, families: &[i64], stored: &Stored) {
        let mut values = stored.iter().cycle();
        for kind in KINDS {
            let clean = self.site.redis_value(&(kind.key)(CLEAN)).unwrap_or_default();
            for id in families.iter().chain([&CLEAN]) {
                if let Some((value, expiry)) = values.next() {
                    value.store(&self.site, &(kind.key)(*id), *expiry, &clean);
                    add(&self.tally.values, 1);
                }
            }
        }
    }

    fn ask(&self, families: &[i64], ask: fn(&Client, i64) -> Answers) -> Vec<String> {
        let answers: Answers = families.iter().flat_map(|id| ask(&self.service, *id)).collect();
        add(&self.tally.answers, answers.len());
        let check = |(question, answer): (String, Result<Answer, String>)| {
            let wrong = self.allowed.check(&answer).err()?;
            Some(format!("{question}: {wrong}"))
        };
        answers.into_iter().filter_map(check).collect()
    }

    /// Every tool ends, and says by its exit code how.
    fn run_tools(&self, families: &[i64]) -> Vec<String> {
        let keys = families.iter().take(1).flat_map(|id| KINDS.map(|kind| (kind.key)(*id)));
        let mut commands = ["warmup", "verify --all", "stats", "doctor"].map(str::to_owned).to_vec();
        commands.extend(keys.map(|key| format!("inspect {key}")));
        let runs = commands.iter().map(|command| self.site.program(CACHE_ADMIN).run(command));
        let measured = std::iter::once_with(|| self.site.program(CACHE_MONITOR).run("--iterations 20"));
        let runs: Vec<Run> = runs.chain(measured).collect();
        add(&self.tally.runs, runs.len());
        let has_ended = |run: &Run| matches!(run.code, Some(0..=2)) && !run.stderr.contains("panicked");
        let wrong = runs.iter().filter(|run| !has_ended(run));
        wrong.map(|run| format!("{} ended with {:?}: {}", run.command, run.code, run.stderr.trim())).collect()
    }

    /// What triggers wrote is applied; only what was put into the outbox by hand may stay.
    fn everything_is_told(&self) -> Result<(), String> {
        let tables: BTreeSet<String> = self.allowed.tables.iter().map(|table| format!("'{table}'")).collect();
        let tables = tables.into_iter().collect::<Vec<_>>().join(", ");
        let pending = format!(
            "SELECT CAST(count(*) AS TEXT), CAST(min(id) AS TEXT) FROM cache_invalidations
             WHERE relayed_at IS NULL AND table_name IN ({tables})"
        );
        let end = Instant::now() + PATIENCE;
        loop {
            let rows = self.session.rows(&pending);
            if rows[0][0].as_deref() == Some("0") {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("rows of the outbox (number, first) stay: {rows:?}"));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn nothing_panicked(&self) -> Result<(), String> {
        let said = self.service.said();
        let panics: Vec<&String> = said.iter().filter(|line| line.contains("panicked")).collect();
        if panics.is_empty() { Ok(()) } else { Err(format!("{panics:?}")) }
    }

    /// Without bad rows nothing that is cached is stale.
    pub(super) fn end(self) {
        self.forget();
        for kind in KINDS {
            self.site.store_of("").command::<u64>(&["DEL", &(kind.key)(CLEAN)]).expect("Redis is there");
        }
        self.cache_clean_rows();
        let verified = self.site.admin("verify --all");
        assert!(matches!(verified.code, Some(0 | 1)), "{verified:#?}");
        self.service.terminate();
    }
}

/// Both databases, before a service runs.
struct Installed {
    site: Site,
    session: Session,
    bare: (Site, Session),
    columns: Vec<Column>,
}

impl Installed {
    fn new(backend: Backend) -> Self {
        let (site, bare) = (platform_of(backend), platform_of(backend));
        site.admin("migrate").fine();
        sentinels::assert_complete(&site);
        let (session, bare_session) = (site.session(), bare.session());
        let columns = schema::columns(&session, backend);
        let loosen = if backend == Backend::Sqlite { LOOSEN_SQLITE } else { LOOSEN_POSTGRES };
        [&session, &bare_session].into_iter().for_each(|session| session.must(loosen));
        session.must(sentinels::ROWS);
        Self { site, session, bare: (bare, bare_session), columns }
    }

    fn serve(self, service: Service) -> Stage {
        self.site.wait_until_redis_is_used(&service);
        let Self { site, session, bare, columns } = self;
        let tables = columns.iter().map(|column| column.table.clone()).collect();
        let (round, tally, allowed) = (Cell::new(0), Tally::default(), Allowed { tables });
        Stage { site, session, bare, service, columns, allowed, round, tally }
    }
}

/// The platform's own tables, on their own.
fn platform_of(backend: Backend) -> Site {
    let site = Site::empty(backend);
    let of_backend = match backend {
        Backend::Sqlite => sea_orm::DbBackend::Sqlite,
        Backend::Postgres => sea_orm::DbBackend::Postgres,
    };
    site.session().must(&platform::tables(of_backend, Origin::Models));
    site
}

fn program(site: &Site) -> Program {
    site.program(BILLING_SERVICE).with("BILLING__RELAY__GRACE_MS", "10").with("RUST_LOG", "warn")
}

/// NOT NULL of a column cannot be taken back there; the text of the schema can be written.
const LOOSEN_SQLITE: &str = "PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = replace(replace(sql, ' NOT NULL', ''), '(id INTEGER', '(id INTEGER NOT NULL')
        WHERE type = 'table' AND name NOT LIKE '%migrations%' AND name NOT LIKE 'sqlite%'
        AND name <> 'cache_invalidations';
    PRAGMA writable_schema = RESET";

/// Foreign keys and NOT NULL are gone, as where rows were copied by hand.
const LOOSEN_POSTGRES: &str = "DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT conrelid::regclass AS at, conname AS name FROM pg_constraint WHERE contype = 'f' LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.at, found.name);
    END LOOP;
    FOR found IN SELECT table_name AS at, column_name AS name FROM information_schema.columns
        WHERE table_schema = 'public' AND is_nullable = 'NO' AND column_name <> 'id'
        AND table_name NOT LIKE '%migrations%' AND table_name <> 'cache_invalidations' LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN %I DROP NOT NULL', found.at, found.name);
    END LOOP;
    FOR found IN SELECT pg_get_serial_sequence(table_name, 'id') AS name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'id' AND table_name <> 'cache_invalidations' LOOP
        IF found.name IS NOT NULL THEN PERFORM setval(found.name, 1000000000); END IF;
    END LOOP;
END $$";
