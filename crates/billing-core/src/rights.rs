//! The rights of the database user, each tried in a way that changes nothing.
//!
//! PostgreSQL checks the rights of a statement before it runs it, also if it only explains it. So EXPLAIN tries a right
//! and fires no trigger. A user, a database or a whole server may forbid all writes; that is tried by a write of no row
//! in a transaction that is rolled back. If the service begins to write further tables or columns, they must be added
//! here; a test runs the service with exactly these rights.
//!
//! Used by `cache-admin doctor`.

use std::fmt;

use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, IdenStatic, Iterable, Statement};

use crate::entities::{
    credit_note, credit_note_application, discount, invoice, invoice_discount, invoice_tax, payment, tax_rate, user,
};
use crate::migration::MIGRATIONS_TABLE;
use billing_outbox::database::{Database, DatabaseError, is_denied, is_unreachable};
use billing_outbox::outbox::entity as cache_invalidation;

/// Rights that are missing on one table or sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRights {
    /// As GRANT names it: a table, or `SEQUENCE` with its name.
    pub on: String,
    /// As GRANT names them.
    pub rights: Vec<&'static str>,
}

/// What was found about the rights of the database user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// The user, as GRANT names it.
    pub user: String,
    /// Rights that services need and the user lacks.
    pub missing: Vec<MissingRights>,
    /// What could not be tried, and why.
    pub untold: Vec<String>,
}

/// The rights that services need on a table.
struct Table {
    name: &'static str,
    columns: Vec<&'static str>,
    /// Names of rights, each with a statement that needs this right and no other.
    uses: Vec<(&'static str, String)>,
    /// Whether this code draws its ids from a sequence.
    draws_ids: bool,
}

impl MissingRights {
    /// The statement that grants them.
    #[must_use]
    pub fn grant(&self, user: &str) -> String {
        format!("GRANT {} ON {} TO {user}", self.rights.join(", "), self.on)
    }
}

impl fmt::Display for MissingRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.rights.join(", "), self.on)
    }
}

/// The rights that the user of this database lacks; SQLite has no users.
///
/// # Errors
/// The database does not answer.
pub async fn missing_rights(database: &Database) -> Result<Rights, DatabaseError> {
    let mut found = Rights::default();
    if database.backend() == DbBackend::Sqlite {
        return Ok(found);
    }
    found.user = one_text(database, "SELECT quote_ident(current_user)").await?.unwrap_or_default();
    for table in tables() {
        let lacks = table.try_each(database, &mut found.untold).await?;
        found.missing.extend(lacks);
        if table.draws_ids {
            found.missing.extend(sequence(database, table.name).await?);
        }
    }
    Ok(found)
}

/// The missing right on the sequence from which an insert draws the table's ids; `None` for an identity column, which
/// needs no right. The right is looked up, not tried, since a drawn number is lost.
async fn sequence(database: &Database, table: &str) -> Result<Option<MissingRights>, DatabaseError> {
    let sql = format!(
        "SELECT s.oid::regclass::text FROM pg_attrdef a \
         JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid \
         JOIN pg_class s ON s.oid = d.refobjid \
         WHERE a.adrelid = to_regclass('{table}') \
         AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE') END"
    );
    let name = one_text(database, &sql).await?;
    Ok(name.map(|name| MissingRights { on: format!("SEQUENCE {name}"), rights: vec!["USAGE"] }))
}

async fn one_text(database: &Database, sql: &str) -> Result<Option<String>, DatabaseError> {
    let row = database.connection().query_one_raw(Statement::from_string(database.backend(), sql)).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
}

fn tables() -> Vec<Table> {
    let of_discounts = [
        "name",
        "description",
        "discount_type",
        "value",
        "is_percentage",
        "is_active",
        "valid_from",
        "valid_to",
        "applicable_plans",
        "updated_at",
    ];
    let of_tax_rates = ["name", "description", "rate", "country", "region", "is_default", "updated_at"];
    vec![
        Table::read_whole(MIGRATIONS_TABLE),
        Table::read::<user::Entity>(),
        Table::read::<invoice::Entity>().inserted().updated(&["status", "paid_at"]),
        Table::read::<payment::Entity>().inserted(),
        Table::read::<discount::Entity>().inserted().updated(&of_discounts),
        Table::read::<invoice_discount::Entity>().inserted(),
        Table::read::<credit_note::Entity>().inserted().updated(&["remaining_amount", "status", "applied_at"]),
        Table::read::<credit_note_application::Entity>().inserted(),
        Table::read::<tax_rate::Entity>().inserted().updated(&of_tax_rates).deleted(),
        Table::read::<invoice_tax::Entity>()
            .inserted()
            .updated(&["taxable_amount", "tax_amount", "name", "rate"])
            .deleted(),
        Table::read::<cache_invalidation::Entity>().updated(&["relayed_at", "redis_history"]).deleted(),
    ]
}

impl Table {
    async fn try_each(
        &self,
        database: &Database,
        untold: &mut Vec<String>,
    ) -> Result<Option<MissingRights>, DatabaseError> {
        let mut rights = Vec::new();
        for (right, statement) in &self.uses {
            match database.connection().execute_unprepared(&format!("EXPLAIN {statement}")).await {
                Ok(_) => {}
                Err(error) if is_denied(&error) => rights.push(*right),
                Err(error) if is_unreachable(&error) => return Err(error.into()),
                Err(error) => untold.push(format!("{right} on {}: {error}", self.name)),
            }
        }
        Ok((!rights.is_empty()).then(|| MissingRights { on: self.name.to_owned(), rights }))
    }

    fn read<E: EntityTrait>() -> Self {
        let name = E::default().table_name();
        let columns: Vec<&str> = E::Column::iter().map(|column| column.as_str()).collect();
        let select = format!("SELECT {} FROM {name}", quoted(&columns));
        Self { name, columns, uses: vec![("SELECT", select)], draws_ids: false }
    }

    fn read_whole(name: &'static str) -> Self {
        Self { name, columns: Vec::new(), uses: vec![("SELECT", format!("SELECT * FROM {name}"))], draws_ids: false }
    }

    fn inserted(mut self) -> Self {
        let columns: Vec<&str> = self.columns.iter().copied().filter(|column| *column != "id").collect();
        let nulls = vec!["NULL"; columns.len()].join(", ");
        let insert = format!("INSERT INTO {} ({}) VALUES ({nulls})", self.name, quoted(&columns));
        self.uses.push(("INSERT", insert));
        Self { draws_ids: true, ..self }
    }

    fn updated(mut self, columns: &[&str]) -> Self {
        let changes: Vec<String> = columns.iter().map(|column| format!("\"{column}\" = NULL")).collect();
        self.uses.push(("UPDATE", format!("UPDATE {} SET {}", self.name, changes.join(", "))));
        self
    }

    fn deleted(mut self) -> Self {
        self.uses.push(("DELETE", format!("DELETE FROM {}", self.name)));
        self
    }
}

fn quoted(columns: &[&str]) -> String {
    columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ")
}
