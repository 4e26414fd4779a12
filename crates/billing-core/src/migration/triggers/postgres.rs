//! The triggers in PostgreSQL's words: for each table one function for rows and one for TRUNCATE.
//!
//! Invariant: the definition here is spelled as `pg_get_triggerdef` spells it, so that comparing them is comparing
//! strings. The functions run with their owner's rights and a fixed search path: a writer needs no right on the outbox,
//! and cannot redirect what they write. Called by the parent.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::copied::{COPIED, COPY_PREFIX, Copied};
use super::{InstalledTrigger, NOTIFY_CHANNEL, PREFIX, WatchedKey, WatchedTable, version};

/// A trigger and the function of the same name.
struct Trigger {
    name: String,
    table: &'static str,
    definition: String,
    body: String,
}

/// Those of the tables, and those that copy, from the schemas in which they find their sources.
pub(super) async fn expected<C: ConnectionTrait>(
    connection: &C,
    tables: &[WatchedTable],
) -> Result<Vec<InstalledTrigger>, DbErr> {
    let expected = |trigger: Trigger| InstalledTrigger {
        name: trigger.name,
        table: trigger.table.to_owned(),
        sql: format!("{}\n{}", trigger.definition, trigger.body),
    };
    Ok(triggers(connection, tables).await?.into_iter().map(expected).collect())
}

/// `tgenabled`: `O` fires for all but replication; `D` is disabled, `R` and `A` are somebody's setting. A function without
/// its rights or search path writes nothing for some writers, or elsewhere.
pub(super) async fn installed<C: ConnectionTrait>(connection: &C) -> Result<Vec<InstalledTrigger>, DbErr> {
    let sql = format!(
        "SELECT t.tgname::text, t.tgrelid::regclass::text, \
                pg_get_triggerdef(t.oid, true) || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' (not enabled)' END \
                || E'\\n' || p.prosrc \
                || CASE WHEN p.prosecdef AND p.proconfig = ARRAY['search_path=' || o.schema || ', pg_temp'] \
                   THEN '' ELSE '(other rights or search path)' END \
         FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid \
         LEFT JOIN (SELECT quote_ident(n.nspname) AS schema \
                    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                    WHERE c.oid = to_regclass('cache_invalidations')) o ON true \
         WHERE NOT t.tgisinternal \
           AND (starts_with(t.tgname::text, '{PREFIX}') OR starts_with(t.tgname::text, '{COPY_PREFIX}')) \
           AND pg_table_is_visible(t.tgrelid)"
    );
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    rows.iter()
        .map(|row| {
            Ok(InstalledTrigger {
                name: row.try_get_by_index(0)?,
                table: row.try_get_by_index(1)?,
                sql: row.try_get_by_index(2)?,
            })
        })
        .collect()
}

pub(super) async fn remove<C: ConnectionTrait>(connection: &C, installed: &[InstalledTrigger]) -> Result<(), DbErr> {
    for trigger in installed {
        let sql = format!("DROP TRIGGER \"{}\" ON {}", trigger.name, trigger.table);
        connection.execute_unprepared(&sql).await?;
    }
    drop_functions(connection).await
}

pub(super) async fn create<C: ConnectionTrait>(connection: &C, tables: &[WatchedTable]) -> Result<(), DbErr> {
    let schema = schema_of(connection, "cache_invalidations").await?;
    for trigger in triggers(connection, tables).await? {
        connection.execute_unprepared(&trigger.create_function(&schema)).await?;
        connection.execute_unprepared(&trigger.definition).await?;
    }
    Ok(())
}

async fn drop_functions<C: ConnectionTrait>(connection: &C) -> Result<(), DbErr> {
    let sql = format!(
        "SELECT p.oid::regprocedure::text FROM pg_proc p \
         WHERE (starts_with(p.proname::text, '{PREFIX}') OR starts_with(p.proname::text, '{COPY_PREFIX}')) \
           AND p.prorettype = 'trigger'::regtype \
           AND pg_function_is_visible(p.oid)"
    );
    let rows = connection.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    for row in rows {
        let function: String = row.try_get_by_index(0)?;
        connection.execute_unprepared(&format!("DROP FUNCTION {function}")).await?;
    }
    Ok(())
}

/// The quoted schema in which a table is found.
async fn schema_of<C: ConnectionTrait>(connection: &C, table: &str) -> Result<String, DbErr> {
    let sql = "SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.oid = to_regclass($1)";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [table.into()]);
    let row = connection.query_one_raw(statement).await?;
    row.ok_or_else(|| DbErr::RecordNotFound(format!("the schema of {table}")))?.try_get_by_index(0)
}

impl Trigger {
    fn create_function(&self, schema: &str) -> String {
        format!(
            "CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
             SET search_path = {schema}, pg_temp AS $body${}$body$",
            self.name, self.body,
        )
    }
}

async fn triggers<C: ConnectionTrait>(connection: &C, tables: &[WatchedTable]) -> Result<Vec<Trigger>, DbErr> {
    let mut triggers = Vec::new();
    for copied in &COPIED {
        triggers.push(copy_trigger(copied, &schema_of(connection, copied.source).await?));
    }
    triggers.extend(tables.iter().flat_map(|table| [row_trigger(table), truncate_trigger(table)]));
    Ok(triggers)
}

fn row_trigger(table: &WatchedTable) -> Trigger {
    let name = format!("{PREFIX}{}", table.name);
    let definition = format!(
        "CREATE TRIGGER {name} AFTER INSERT OR DELETE OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION {name}()",
        table.name,
    );
    Trigger { name, table: table.name, definition, body: row_body(table) }
}

fn truncate_trigger(table: &WatchedTable) -> Trigger {
    let name = format!("{PREFIX}{}_truncate", table.name);
    let definition =
        format!("CREATE TRIGGER {name} AFTER TRUNCATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION {name}()", table.name,);
    let whole_types = insert(table, |_| "NULL".to_owned());
    let body = format!("\nBEGIN\n{}{whole_types}{}    RETURN NULL;\nEND ", version::comment(), notify());
    Trigger { name, table: table.name, definition, body }
}

/// `*=` compares the rows' images, so it works for columns without an equality of their own, such as json.
fn row_body(table: &WatchedTable) -> String {
    let old = insert(table, |key| key_parts(key, "OLD"));
    let new = insert(table, |key| key_parts(key, "NEW"));
    format!(
        "\nBEGIN\n{}\
         IF TG_OP = 'INSERT' THEN\n{new}\
         ELSIF TG_OP = 'DELETE' THEN\n{old}\
         ELSIF OLD *= NEW THEN\n    RETURN NULL;\n\
         ELSE\n{old}{}\
         END IF;\n{}    RETURN NULL;\nEND ",
        version::comment(),
        inserts_where_moved(table),
        notify(),
    )
}

fn insert(table: &WatchedTable, key_parts: impl Fn(&WatchedKey) -> String) -> String {
    let rows: Vec<_> = table.keys.iter().map(|key| values(table, key, &key_parts(key))).collect();
    format!("{INSERT_INTO} VALUES {};\n", rows.join(", "))
}

fn inserts_where_moved(table: &WatchedTable) -> String {
    table
        .keys
        .iter()
        .filter(|key| !key.columns.is_empty())
        .map(|key| {
            let values = values(table, key, &key_parts(key, "NEW"));
            format!("    IF {} THEN\n{INSERT_INTO} VALUES {values};\n    END IF;\n", moved(key))
        })
        .collect()
}

const INSERT_INTO: &str = "    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)";

fn values(table: &WatchedTable, key: &WatchedKey, key_parts: &str) -> String {
    format!("('{}', {key_parts}, '{}')", key.cache_type, table.name)
}

/// A JSON array without blanks, as SQLite's `json_array` writes it; `json_build_array` would put some in.
fn key_parts(key: &WatchedKey, row: &str) -> String {
    let parts: Vec<_> =
        key.columns.iter().map(|column| format!("coalesce(to_json({row}.{column})::text, 'null')")).collect();
    if parts.is_empty() {
        return "'[]'".to_owned();
    }
    format!("'[' || {} || ']'", parts.join(" || ',' || "))
}

fn moved(key: &WatchedKey) -> String {
    let columns: Vec<_> =
        key.columns.iter().map(|column| format!("OLD.{column} IS DISTINCT FROM NEW.{column}")).collect();
    columns.join(" OR ")
}

/// One notification for a transaction: PostgreSQL merges equal ones.
fn notify() -> String {
    format!("    PERFORM pg_notify('{NOTIFY_CHANNEL}', '');\n")
}

fn copy_trigger(copied: &Copied, schema: &str) -> Trigger {
    let Copied { table, reference, source, .. } = copied;
    let name = format!("{COPY_PREFIX}{table}");
    let definition = format!(
        "CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OF {reference} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    );
    let copy = |column: &str| format!("(SELECT s.{column} FROM {schema}.{source} s WHERE s.id = NEW.{reference})");
    let where_lacking =
        copied.each("", |column| format!("    NEW.{column} := coalesce(NEW.{column}, {});\n", copy(column)));
    let unless_set = copied.each("", |column| {
        let not_set = format!("NEW.{column} IS NULL OR NEW.{column} IS NOT DISTINCT FROM OLD.{column}");
        format!("    IF {not_set} THEN\n    NEW.{column} := {};\n    END IF;\n", copy(column))
    });
    let body = format!(
        "\nBEGIN\n{}IF TG_OP = 'INSERT' THEN\n{where_lacking}\
         ELSIF OLD.{reference} IS DISTINCT FROM NEW.{reference} THEN\n{unless_set}END IF;\n    RETURN NEW;\nEND ",
        version::comment(),
    );
    Trigger { name, table, definition, body }
}
