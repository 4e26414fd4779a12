//! `users`: a customer or member of staff; the platform owns further columns that are not read here.
//!
//! Invariant: the columns are those of the contract, so a row of the platform always reads.
//! Read for existence checks and demo data.

use sea_orm::entity::prelude::*;

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Unique login name, up to 64 characters.
    pub username: String,
    /// Unique, up to 128 characters.
    pub email: String,
    /// The platform's password hash.
    pub hashed_password: String,
    /// `customer` unless said otherwise.
    pub role: String,
    /// Whether the user may sign in.
    pub is_active: bool,
    /// UTC.
    pub created_at: DateTime,
    /// UTC.
    pub updated_at: DateTime,
}

/// No relations: loaders ask for many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
