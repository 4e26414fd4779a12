//! Which rows of an SQLite table a new row can replace: those that are the same in the primary key or a unique index.
//!
//! `INSERT OR REPLACE` and `UPDATE OR REPLACE` delete such rows without any DELETE trigger. Invariant: every row that
//! goes is matched; others may be matched too, for an invalidation too many does no harm. Pragmas are asked through a
//! table, or they answer from what this connection remembers of the schema. Asked by [`super::sqlite`].

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// Columns in which two rows of a table cannot be the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UniqueKey {
    columns: Vec<KeyColumn>,
    /// It holds for some rows, or of expressions: which columns decide on it is not known.
    is_conditional: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct KeyColumn {
    name: String,
    /// What counts as the same.
    collation: String,
}

/// Where a new row replaces an old one, in SQL about the rows `NEW` and `replaced`.
pub(super) struct Replacement {
    /// Whether `replaced` may be one that goes. `None` if that cannot be told: any may be.
    pub(super) matched: Option<String>,
    /// Whether an update can replace anything: it changes a column of a key. `None` if that cannot be told.
    pub(super) moved: Option<String>,
}

/// The keys of a table as it is now; none if there is no such table.
pub(super) async fn keys<C: ConnectionTrait>(connection: &C, table: &str) -> Result<BTreeSet<UniqueKey>, DbErr> {
    let mut keys = indexes(connection, table).await?;
    keys.insert(primary_key(connection, table).await?);
    keys.remove(&UniqueKey::default());
    Ok(keys)
}

/// That of a table without one is empty. The rowid is the primary key where that is an INTEGER, and has no index.
async fn primary_key<C: ConnectionTrait>(connection: &C, table: &str) -> Result<UniqueKey, DbErr> {
    let sql = "SELECT c.name FROM sqlite_master t, pragma_table_info(t.name) c \
               WHERE t.type = 'table' AND t.name = ? AND c.pk > 0 ORDER BY c.pk";
    let rows = connection.query_all_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, [table.into()])).await?;
    let mut key = UniqueKey::default();
    for row in rows {
        key.columns.push(KeyColumn { name: row.try_get_by_index(0)?, collation: "BINARY".to_owned() });
    }
    Ok(key)
}

async fn indexes<C: ConnectionTrait>(connection: &C, table: &str) -> Result<BTreeSet<UniqueKey>, DbErr> {
    let sql = "SELECT i.name, i.partial, c.name, c.coll \
               FROM sqlite_master t, pragma_index_list(t.name) i, pragma_index_xinfo(i.name) c \
               WHERE t.type = 'table' AND t.name = ? AND i.\"unique\" AND c.key ORDER BY i.name, c.seqno";
    let rows = connection.query_all_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, [table.into()])).await?;
    let mut by_name = BTreeMap::<String, UniqueKey>::new();
    for row in rows {
        let key = by_name.entry(row.try_get_by_index(0)?).or_default();
        key.is_conditional |= row.try_get_by_index::<i32>(1)? != 0;
        match row.try_get_by_index::<Option<String>>(2)? {
            Some(name) => key.columns.push(KeyColumn { name, collation: row.try_get_by_index(3)? }),
            None => key.is_conditional = true,
        }
    }
    Ok(by_name.into_values().collect())
}

impl Replacement {
    /// By any of these keys; `None` if there are none.
    pub(super) fn by(keys: &BTreeSet<UniqueKey>) -> Option<Self> {
        let matched: Option<Vec<String>> = keys.iter().map(UniqueKey::matched).collect();
        let moved: Option<Vec<BTreeSet<String>>> = keys.iter().map(UniqueKey::moved).collect();
        let moved: Option<BTreeSet<String>> = moved.map(|moved| moved.into_iter().flatten().collect());
        (!keys.is_empty()).then(|| Self {
            matched: matched.map(|matched| matched.join(" OR ")),
            moved: moved.map(|moved| moved.into_iter().collect::<Vec<_>>().join(" OR ")),
        })
    }
}

impl UniqueKey {
    /// A key of expressions alone may be the same for any two rows.
    fn matched(&self) -> Option<String> {
        let same = |KeyColumn { name, collation }: &KeyColumn| {
            let name = quoted(name);
            format!("replaced.{name} = NEW.{name} COLLATE {collation}")
        };
        let columns: Vec<String> = self.columns.iter().map(same).collect();
        (!columns.is_empty()).then(|| columns.join(" AND "))
    }

    fn moved(&self) -> Option<BTreeSet<String>> {
        let moved = |KeyColumn { name, .. }: &KeyColumn| {
            let name = quoted(name);
            format!("OLD.{name} IS NOT NEW.{name} COLLATE BINARY")
        };
        (!self.is_conditional).then(|| self.columns.iter().map(moved).collect())
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
