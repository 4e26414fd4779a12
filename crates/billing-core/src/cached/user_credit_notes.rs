//! `user_credit_notes:{user_id}`: the credit notes of a user, by id. An empty list is a value.

use std::collections::HashMap;
use std::time::Duration;

use billing_cache::{Absence, CacheKey, CachedType, HotKeysResult, KeyWriter, LoadResult, Loaded, LoadedOne, Owner};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use crate::dict;
use crate::entities::credit_note;
use billing_outbox::database::{Database, RawRow, rows};
use billing_outbox::declaration::{TableDependency, Watched, id_of_columns};

/// The declaration of `user_credit_notes`.
#[derive(Debug)]
pub struct UserCreditNotes;

/// Whose credit notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserId(pub i32);

impl CacheKey for UserId {
    const PARTS: &'static [&'static str] = &["user_id"];

    fn write_parts(&self, out: &mut KeyWriter<'_>) {
        out.part(self.0);
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        parts.first()?.parse().ok().map(Self)
    }
}

impl CachedType for UserCreditNotes {
    type Source = Database;
    type Key = UserId;
    type Value = Vec<dict::CreditNote>;

    const NAME: &'static str = "user_credit_notes";
    const ALIASES: &'static [&'static str] = &["credit_notes"];
    const PREFIX: &'static str = "user_credit_notes";
    const TTL: Duration = Duration::from_secs(10 * 60);
    const ABSENCE: Absence = Absence::Impossible;

    fn owner(notes: &Vec<dict::CreditNote>, key: &UserId) -> Owner {
        Owner::if_same(notes.iter().all(|note| note.user_id == Some(key.0)))
    }

    async fn load(database: &Database, keys: &[UserId]) -> LoadResult<Self> {
        let wanted = credit_note::Column::UserId.is_in(keys.iter().map(|user| user.0));
        let query = credit_note::Entity::find().filter(wanted).order_by_asc(credit_note::Column::Id);
        let mut lists: HashMap<UserId, Vec<RawRow<credit_note::Entity>>> =
            keys.iter().map(|user| (*user, Vec::new())).collect();
        for note in rows(database.connection(), query).await? {
            lists.entry(UserId(note.key(credit_note::Column::UserId)?)).or_default().push(note);
        }
        Ok(lists.into_iter().map(|(user, notes)| (user, list_of(&notes))).collect())
    }

    /// The users with the newest credit notes.
    async fn hot_keys(database: &Database, after: Option<&UserId>, limit: u64) -> HotKeysResult<Self> {
        let newest = || credit_note::Column::Id.max();
        let users = credit_note::Entity::find()
            .select_only()
            .column(credit_note::Column::UserId)
            .filter(credit_note::Column::UserId.between(i32::MIN, i32::MAX))
            .group_by(credit_note::Column::UserId)
            .apply_if(after, |query, after| query.having(newest().lt(newest_of(after))))
            .order_by_desc(newest())
            .limit(limit);
        let users = rows(database.connection(), users).await?;
        Ok(users.iter().map(|row| row.key(credit_note::Column::UserId).map(UserId)).collect::<Result<_, _>>()?)
    }
}

/// The list, if every note in it can be read: a list that lacks a note would look complete.
fn list_of(notes: &[RawRow<credit_note::Entity>]) -> LoadedOne<UserCreditNotes> {
    let notes = notes.iter().map(|note| note.model().map(|note| note.to_dict()));
    Ok(Loaded::lasting(notes.collect::<Result<_, _>>()?))
}

/// The id of the newest credit note of this user.
fn newest_of(user: &UserId) -> Expr {
    let query = credit_note::Entity::find().select_only().column_as(credit_note::Column::Id.max(), "newest");
    let query = query.filter(credit_note::Column::UserId.eq(user.0)).into_query();
    Expr::SubQuery(None, Box::new(query.into()))
}

impl Watched for UserCreditNotes {
    const DEPENDENCIES: &'static [TableDependency] =
        &[TableDependency { table: "credit_notes", key_columns: &["user_id"] }];

    fn key_of_columns(columns: &[Option<String>]) -> Option<UserId> {
        id_of_columns(columns).map(UserId)
    }
}
