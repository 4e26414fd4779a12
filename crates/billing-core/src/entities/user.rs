//! `users`: a customer or member of staff; the platform owns further columns that are not read here.
//!
//! Invariant: the columns are those of the contract, and may be NULL as the platform's models allow.
//! Read for existence checks and demo data.

use sea_orm::entity::prelude::*;

use crate::time::UtcTime;

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Unique login name, up to 64 characters.
    pub username: Option<String>,
    /// Unique, up to 128 characters.
    pub email: Option<String>,
    /// The platform's password hash.
    pub hashed_password: Option<String>,
    /// `customer` unless set otherwise.
    pub role: Option<String>,
    /// Whether the user may sign in.
    pub is_active: Option<bool>,
    /// UTC.
    pub created_at: Option<UtcTime>,
    /// UTC.
    pub updated_at: Option<UtcTime>,
}

/// No relations: loaders select many rows of one table by id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
