//! The triggers for PostgreSQL: for each table and event one trigger, which sees all rows of a statement at once.
//!
//! Invariants: the definition here is spelled as `pg_get_triggerdef` spells it, so that the two are compared as
//! strings. The functions run with their owner's rights and a fixed search path: a writer needs no right on the outbox,
//! and cannot redirect what they write. No statement whose plan a function keeps names a column of `OLD` or `NEW`:
//! after the type of the column is changed, that plan would fail every write of the connection. An update that changes
//! nothing writes its rows, as on SQLite.
//!
//! Used by the parent.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::installed::InstalledTrigger;
use super::version;
use super::watched::{NOTIFY_CHANNEL, WatchedKey, WatchedTable, by_table};
use crate::declaration::{Copied, Declarations, Owner};

/// A trigger and the function of the same name.
struct Trigger {
    name: String,
    table: &'static str,
    definition: String,
    body: String,
}

/// The triggers of the watched tables, and those that copy; the latter name the schemas in which their sources are
/// found.
pub(super) async fn expected<C: ConnectionTrait>(
    connection: &C,
    declarations: &Declarations,
) -> Result<Vec<InstalledTrigger>, DbErr> {
    let expected = |trigger: Trigger| InstalledTrigger {
        name: trigger.name,
        table: trigger.table.to_owned(),
        sql: format!("{}\n{}", trigger.definition, trigger.body),
    };
    Ok(triggers(connection, declarations).await?.into_iter().map(expected).collect())
}

/// `tgenabled`: `O` fires for all but replication; `D` is disabled, `R` and `A` were set by an administrator. A
/// function without its rights or search path writes nothing for some writers, or writes elsewhere.
pub(super) async fn installed<C: ConnectionTrait>(
    connection: &C,
    owner: &Owner,
) -> Result<Vec<InstalledTrigger>, DbErr> {
    let named = named(owner, "t.tgname");
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
           AND ({named}) \
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

/// A condition: `column` begins with a prefix of this owner.
fn named(owner: &Owner, column: &str) -> String {
    let begins = |prefix: &String| format!("starts_with({column}::text, '{prefix}')");
    owner.prefixes().iter().map(begins).collect::<Vec<_>>().join(" OR ")
}

pub(super) async fn remove<C: ConnectionTrait>(
    connection: &C,
    owner: &Owner,
    installed: &[InstalledTrigger],
) -> Result<(), DbErr> {
    for trigger in installed {
        let sql = format!("DROP TRIGGER \"{}\" ON {}", trigger.name, trigger.table);
        connection.execute_unprepared(&sql).await?;
    }
    drop_functions(connection, owner).await
}

pub(super) async fn create<C: ConnectionTrait>(connection: &C, declarations: &Declarations) -> Result<(), DbErr> {
    let schema = schema_of(connection, "cache_invalidations").await?;
    for trigger in triggers(connection, declarations).await? {
        connection.execute_unprepared(&trigger.create_function(&schema)).await?;
        connection.execute_unprepared(&trigger.definition).await?;
    }
    Ok(())
}

async fn drop_functions<C: ConnectionTrait>(connection: &C, owner: &Owner) -> Result<(), DbErr> {
    let named = named(owner, "p.proname");
    let sql = format!(
        "SELECT p.oid::regprocedure::text FROM pg_proc p \
         WHERE ({named}) \
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

async fn triggers<C: ConnectionTrait>(connection: &C, declarations: &Declarations) -> Result<Vec<Trigger>, DbErr> {
    let owner = &declarations.owner;
    let mut triggers = Vec::new();
    for (prefix, copied) in owner.copied() {
        let name = format!("{prefix}{}", copied.table);
        triggers.push(copy_trigger(owner, name, copied, &schema_of(connection, copied.source).await?));
    }
    for table in &by_table(declarations) {
        triggers.extend(EVENTS.map(|event| rows_trigger(owner, table, event)));
        triggers.push(truncate_trigger(owner, table));
    }
    Ok(triggers)
}

/// An event, and the transition tables that PostgreSQL provides to its trigger.
struct Event {
    name: &'static str,
    referencing: &'static str,
    /// The names of these tables.
    rows: &'static [&'static str],
}

const EVENTS: [Event; 3] = [
    Event { name: "INSERT", referencing: "NEW TABLE AS added", rows: &["added"] },
    Event { name: "UPDATE", referencing: "OLD TABLE AS removed NEW TABLE AS added", rows: &["removed", "added"] },
    Event { name: "DELETE", referencing: "OLD TABLE AS removed", rows: &["removed"] },
];

/// The plan of a query over the rows of a statement depends on their table, so it is made again after a column has
/// changed.
fn rows_trigger(owner: &Owner, table: &WatchedTable, Event { name: event, referencing, rows }: Event) -> Trigger {
    let name = format!("{}{}_{}", owner.prefix(), table.name, event.to_lowercase());
    let definition = format!(
        "CREATE TRIGGER {name} AFTER {event} ON {} REFERENCING {referencing} FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
        table.name,
    );
    let keys = rows.iter().flat_map(|rows| table.keys.iter().map(move |key| keys_of(table, key, rows)));
    let body = format!(
        "\nBEGIN\n{}{INSERT_INTO}\n        {};\n    IF FOUND THEN\n    {}    END IF;\n    RETURN NULL;\nEND ",
        version::comment(owner),
        each_once(&keys.collect::<Vec<_>>()),
        notify(),
    );
    Trigger { name, table: table.name, definition, body }
}

fn truncate_trigger(owner: &Owner, table: &WatchedTable) -> Trigger {
    let name = format!("{}{}_truncate", owner.prefix(), table.name);
    let definition =
        format!("CREATE TRIGGER {name} AFTER TRUNCATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION {name}()", table.name,);
    let whole_types: Vec<_> = table.keys.iter().map(|key| format!("({})", values(table, key, "NULL"))).collect();
    let body = format!(
        "\nBEGIN\n{}{INSERT_INTO} VALUES {};\n{}    RETURN NULL;\nEND ",
        version::comment(owner),
        whole_types.join(", "),
        notify(),
    );
    Trigger { name, table: table.name, definition, body }
}

const INSERT_INTO: &str = "    INSERT INTO cache_invalidations (cache_type, key_parts, table_name)";

/// Each key once, however many rows a statement changes.
fn each_once(keys: &[String]) -> String {
    match keys {
        [only] => format!("SELECT DISTINCT {only}"),
        many => format!("SELECT {}", many.join("\n        UNION SELECT ")),
    }
}

fn keys_of(table: &WatchedTable, key: &WatchedKey, rows: &str) -> String {
    format!("{} FROM {rows}", values(table, key, &key_parts(key)))
}

fn values(table: &WatchedTable, key: &WatchedKey, key_parts: &str) -> String {
    format!("'{}', {key_parts}, '{}'", key.cache_type, table.name)
}

/// A JSON array without blanks, as SQLite's `json_array` writes it; `json_build_array` would insert some.
fn key_parts(key: &WatchedKey) -> String {
    let parts: Vec<_> = key.columns.iter().map(|column| format!("coalesce(to_json({column})::text, 'null')")).collect();
    if parts.is_empty() {
        return "'[]'".to_owned();
    }
    format!("'[' || {} || ']'", parts.join(" || ',' || "))
}

/// One notification for a transaction: PostgreSQL merges equal ones.
fn notify() -> String {
    format!("    PERFORM pg_notify('{NOTIFY_CHANNEL}', '');\n")
}

/// EXECUTE plans each time, with the current column types; that is cheap enough, since invoices have few lines. A
/// trigger `OF` the reference column would depend on it, and PostgreSQL would then refuse to change the column's type.
fn copy_trigger(owner: &Owner, name: String, copied: &Copied, schema: &str) -> Trigger {
    let Copied { table, reference, source, columns } = copied;
    let definition =
        format!("CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()");
    let into = columns.iter().map(|column| format!("NEW.{column}")).collect::<Vec<_>>().join(", ");
    let copy = |copies: String, line: &str, using: &str| {
        format!(
            "    EXECUTE $copy$SELECT {copies}\n        FROM (SELECT) AS line LEFT JOIN {schema}.{source} s \
             ON s.id = ({line}).{reference}$copy$\n        INTO {into} USING {using};\n"
        )
    };
    let where_lacking = copied.each(", ", |column| format!("coalesce(($1).{column}, s.{column})"));
    let unless_set = copied.each(", ", |column| {
        let moved = format!("($1).{reference} IS DISTINCT FROM ($2).{reference}");
        let not_set = format!("(($2).{column} IS NULL OR ($2).{column} IS NOT DISTINCT FROM ($1).{column})");
        format!("CASE WHEN {moved} AND {not_set} THEN s.{column} ELSE ($2).{column} END")
    });
    let body = format!(
        "\nBEGIN\n{}IF TG_OP = 'INSERT' THEN\n{}ELSE\n{}END IF;\n    RETURN NEW;\nEND ",
        version::comment(owner),
        copy(where_lacking, "$1", "NEW"),
        copy(unless_set, "$2", "OLD, NEW"),
    );
    Trigger { name, table, definition, body }
}
