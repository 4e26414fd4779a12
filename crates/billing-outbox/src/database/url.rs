//! `DATABASE_URL`, as the platform's Python processes and Rust programs write it.
//!
//! Invariants: a URL that works for the platform means the same database here. No part of it appears in an error.
//!
//! Used by [`super::Database::open`] only.
//!
//! SQLAlchemy counts slashes: `sqlite:///billing.db` is relative, `sqlite:////var/billing.db` absolute. Rust programs
//! write `sqlite:///var/billing.db` for the latter. Three slashes are taken as SQLAlchemy means them, unless the
//! directory exists only in the other reading; SQLAlchemy could not have opened the file then.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use sea_orm::sqlx::postgres::PgConnectOptions;
use secrecy::{ExposeSecret, SecretString};

use super::{DatabaseError, tls};

pub(super) enum DatabaseUrl {
    Sqlite(SqliteFile),
    Postgres(Box<PgConnectOptions>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct SqliteFile {
    pub(super) path: PathBuf,
    pub(super) mode: SqliteMode,
}

/// The `mode` parameter of the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SqliteMode {
    ReadOnly,
    ReadWrite,
    Create,
}

const PERCENT_ENCODED: &str = "write it like postgres://user:password@host:5432/database, with special characters of the \
    password percent-encoded";

pub(super) fn parse(url: &SecretString) -> Result<DatabaseUrl, DatabaseError> {
    let (dialect, rest) = split(url.expose_secret().trim())?;
    match dialect {
        "sqlite" => sqlite_file(rest, Path::is_dir).map(DatabaseUrl::Sqlite),
        "postgres" | "postgresql" => postgres(rest).map(DatabaseUrl::Postgres),
        _ => Err(invalid("it must begin with postgres:// or sqlite://")),
    }
}

/// The dialect without SQLAlchemy's `+driver`, and what follows the colon.
fn split(url: &str) -> Result<(&str, &str), DatabaseError> {
    let (scheme, rest) = url.split_once(':').ok_or_else(|| invalid("it must begin with postgres:// or sqlite://"))?;
    Ok((scheme.split_once('+').map_or(scheme, |(dialect, _driver)| dialect), rest))
}

fn postgres(rest: &str) -> Result<Box<PgConnectOptions>, DatabaseError> {
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    // Without the slashes the driver takes user and password for the name of the database, which everybody may see.
    if !address.starts_with("//") || is_cut_password(address, query) {
        return Err(invalid(PERCENT_ENCODED));
    }
    let parameters = tls::parameters(query, tls::of_environment).map_err(|reason| invalid(&reason))?;
    PgConnectOptions::from_str(&format!("postgres:{address}?{parameters}"))
        .map(|options| Box::new(named(options)))
        .map_err(|_| invalid(PERCENT_ENCODED))
}

/// Whether a slash, a question mark or a hash in the password ends the address too early. The rest would then be taken
/// for the database name, which is shown in messages, and the beginning of the password for a port.
fn is_cut_password(address: &str, query: &str) -> bool {
    let address = address.trim_start_matches('/');
    let (place, name) = address.split_once(['/', '#']).unwrap_or((address, ""));
    name.contains('@') || (query.contains('@') && !place.contains('@'))
}

/// Names our connections in `pg_stat_activity`, unless the URL has a name.
fn named(options: PgConnectOptions) -> PgConnectOptions {
    match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("billing"),
    }
}

fn sqlite_file(rest: &str, is_dir: impl Fn(&Path) -> bool) -> Result<SqliteFile, DatabaseError> {
    let (location, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let location = location.strip_prefix("//").unwrap_or(location);
    let parameter =
        |name: &str| parameters.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    let mode = match parameter("mode").map(|(_, mode)| mode) {
        None | Some("rw") => SqliteMode::ReadWrite,
        Some("ro") => SqliteMode::ReadOnly,
        Some("rwc") => SqliteMode::Create,
        Some(_) => return Err(invalid("mode must be ro, rw or rwc")),
    };
    if matches!(location, "" | "/" | ":memory:" | "/:memory:") {
        return Err(invalid("a database in memory belongs to one connection; name a file"));
    }
    if names_a_user(rest, location) {
        return Err(invalid("it has a user and a password, and a file has none: write sqlite://file"));
    }
    let counted_slashes = rest.starts_with("///");
    let path = if counted_slashes { choose_reading(location, is_dir) } else { location.into() };
    Ok(SqliteFile { path, mode })
}

/// Whether a password may be in it, perhaps without its `@`: a path of a file is shown in messages.
fn names_a_user(rest: &str, location: &str) -> bool {
    let host = rest.strip_prefix("//").and_then(|host| host.split('/').next());
    let before_at = location.split_once('@').map(|(before, _)| before);
    host.into_iter().chain(before_at).any(|part| part.contains(':'))
}

/// `location` begins with a slash: SQLAlchemy drops it, Rust programs keep it.
fn choose_reading(location: &str, is_dir: impl Fn(&Path) -> bool) -> PathBuf {
    let relative = Path::new(&location[1..]);
    let absolute = Path::new(location);
    let has_directory = |path: &Path| match path.parent() {
        None => false,
        Some(parent) => parent.as_os_str().is_empty() || is_dir(parent),
    };
    let only_absolute = !has_directory(relative) && has_directory(absolute);
    if only_absolute { absolute.to_owned() } else { relative.to_owned() }
}

fn invalid(reason: &str) -> DatabaseError {
    DatabaseError::InvalidUrl { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str) -> Result<SqliteFile, DatabaseError> {
        let (dialect, rest) = split(url)?;
        assert_eq!(dialect, "sqlite");
        sqlite_file(rest, |path| [".", "/", "/srv", "data"].contains(&path.to_str().unwrap()))
    }

    #[test]
    fn sqlite_urls_of_rust_and_of_sqlalchemy() {
        use SqliteMode::{Create, ReadOnly, ReadWrite};
        for (url, path, mode) in [
            ("sqlite://billing.db", "billing.db", ReadWrite),
            ("sqlite:billing.db", "billing.db", ReadWrite),
            ("sqlite:/srv/billing.db", "/srv/billing.db", ReadWrite),
            ("sqlite:///billing.db", "billing.db", ReadWrite),
            ("sqlite:///./billing.db", "./billing.db", ReadWrite),
            ("sqlite:////srv/billing.db", "/srv/billing.db", ReadWrite),
            ("sqlite+pysqlite:////srv/billing.db", "/srv/billing.db", ReadWrite),
            ("sqlite+aiosqlite:///data/billing.db", "data/billing.db", ReadWrite),
            ("sqlite:///srv/billing.db", "/srv/billing.db", ReadWrite),
            ("sqlite:///nowhere/billing.db", "nowhere/billing.db", ReadWrite),
            ("sqlite://billing.db?mode=rwc", "billing.db", Create),
            ("sqlite://billing.db?cache=private&mode=ro", "billing.db", ReadOnly),
            ("sqlite:////srv/at:noon.db", "/srv/at:noon.db", ReadWrite),
            ("sqlite:///billing.db?check_same_thread=false", "billing.db", ReadWrite),
        ] {
            let expected = SqliteFile { path: path.into(), mode };
            assert_eq!(file(url).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn sqlite_urls_that_name_no_file_are_refused() {
        for url in ["sqlite://", "sqlite::memory:", "sqlite:///:memory:", "sqlite://x?mode=memory"] {
            assert!(file(url).is_err(), "{url} was accepted");
        }
    }

    #[test]
    fn postgres_urls_with_and_without_a_driver() {
        for url in [
            "postgres://ann:p%40ss@db.example:5433/billing",
            "postgresql://ann:p%40ss@db.example:5433/billing",
            "postgresql+psycopg2://ann:p%40ss@db.example:5433/billing",
            "postgresql+asyncpg://ann:p%40ss@db.example:5433/billing",
            "postgres://ann:p@ss@db.example:5433/billing",
            "postgres://ann:x@db.example:5433/billing?application_name=a@b",
        ] {
            let Ok(DatabaseUrl::Postgres(options)) = parse(&url.into()) else {
                panic!("{url} was refused");
            };
            assert_eq!(super::super::pool::describe_postgres(&options), "PostgreSQL db.example:5433/billing");
            assert_eq!(options.get_username(), "ann");
        }
    }

    #[test]
    fn a_refused_url_does_not_show_its_password() {
        for url in [
            "mysql://ann:hunter2@db/billing",
            "hunter2",
            "postgres://ann:hunter2@db:port/x",
            "postgres://ann:12/hunter2@db/billing",
            "postgres://ann:12?hunter2@db/billing",
            "postgres://ann:12#hunter2@db/billing",
            "postgres://ann:x@127.0.0.1postgres://ann:hunter2@db/billing",
            "postgresql+ann:hunter2@127.0.0.1",
            "postgres:ann:hunter2@db/billing",
            "postgres:/ann:hunter2@db/billing",
            "sqlite://ann:hunter2@db/billing",
            "sqlite://ann:hunter2",
            "sqlite:////ann:hunter2@db/billing",
        ] {
            let Err(error) = parse(&url.into()) else { panic!("{url} was accepted") };
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
