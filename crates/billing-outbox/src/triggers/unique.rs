//! Which rows of an SQLite table a new row can replace: those that are equal in the primary key or a unique index.
//!
//! `INSERT OR REPLACE` and `UPDATE OR REPLACE` delete such rows without firing a DELETE trigger.
//!
//! Invariant: every row that is replaced is matched. Other rows may be matched too, since an unneeded invalidation does
//! no harm. Pragmas are joined with `sqlite_master`, because otherwise the connection answers from its remembered
//! schema.
//!
//! Used by [`super::sqlite`].

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// Columns in which no two rows of a table are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UniqueKey {
    columns: Vec<KeyColumn>,
    /// The index is partial or contains expressions, so it is not known which columns decide.
    is_conditional: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct KeyColumn {
    name: String,
    /// The collation that decides what is equal.
    collation: String,
}

/// When a new row replaces an old one, in SQL about the rows `NEW` and `replaced`.
pub(super) struct Replacement {
    /// Whether `replaced` may be replaced. `None` if that cannot be determined: any row may be.
    pub(super) matched: Option<String>,
    /// Whether an update can replace anything: it changes a column of a key. `None` if that cannot be determined.
    pub(super) moved: Option<String>,
}

/// The unique keys of a table as it is now; empty if there is no such table.
pub(super) async fn keys<C: ConnectionTrait>(connection: &C, table: &str) -> Result<BTreeSet<UniqueKey>, DbErr> {
    let mut keys = indexes(connection, table).await?;
    keys.insert(primary_key(connection, table).await?);
    keys.remove(&UniqueKey::default());
    Ok(keys)
}

/// The primary key; empty if the table has none. An INTEGER primary key is the rowid, and has no index.
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
    /// The replacement by any of these keys; `None` if there are none.
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
    /// `None` for a key of expressions alone: any two rows may be equal in it.
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
