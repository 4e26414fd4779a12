//! `cache_invalidations`, the outbox: a cached key that a committed change made wrong.
//!
//! Invariant: a row is written in the transaction whose change it reports, and is never lost before it was relayed.
//!
//! Written by triggers only; read and marked by the relay.

use sea_orm::entity::prelude::*;

/// A row of `cache_invalidations`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cache_invalidations")]
pub struct Model {
    /// In order of insertion, not of commit.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// CLI name of the cache type.
    pub cache_type: String,
    /// JSON array of the key columns' values; `None` means the whole type.
    pub key_parts: Option<String>,
    /// The table that changed.
    pub table_name: String,
    /// PostgreSQL's transaction; `None` on SQLite.
    pub txid: Option<i64>,
    /// When the row was written, UTC.
    pub created_at: DateTime,
    /// When it was invalidated in Redis, UTC; `None` means pending.
    pub relayed_at: Option<DateTime>,
    /// The Redis history it was invalidated in.
    pub redis_history: Option<String>,
}

/// No relations: loaders select many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
