//! `active_discounts`: the discounts that are valid now, by id, under one key.
//!
//! Invariant: the list is not served beyond the moment at which it changes by itself, when a discount starts or ends.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use billing_cache::{CachedType, HotKeysResult, L1Policy, LoadResult, Loaded, SingleKey};
use chrono::NaiveDateTime;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::BillingType;
use crate::database::Database;
use crate::dict;
use crate::entities::discount;
use crate::migration::TableDependency;
use crate::time::now;

/// The declaration of `active_discounts`.
#[derive(Debug)]
pub struct ActiveDiscounts;

impl CachedType for ActiveDiscounts {
    type Source = Database;
    type Key = SingleKey;
    type Value = Vec<dict::Discount>;

    const NAME: &'static str = "active_discounts";
    const ALIASES: &'static [&'static str] = &["discounts"];
    const PREFIX: &'static str = "active_discounts";
    const TTL: Duration = Duration::from_secs(3600);
    const L1: L1Policy = L1Policy::On;

    async fn load(database: &Database, _: &[SingleKey]) -> LoadResult<Self> {
        let asked_at = now();
        let query = discount::Entity::find().filter(discount::Column::IsActive.eq(true));
        let discounts = query.order_by_asc(discount::Column::Id).all(database.connection()).await?;
        let valid_until = next_change(&discounts, asked_at).map(SystemTime::from);
        let value = discounts.iter().filter(|discount| discount.is_valid_at(asked_at)).map(discount::Model::to_dict);
        Ok(HashMap::from([(SingleKey, Loaded { value: Some(value.collect()), valid_until })]))
    }

    async fn hot_keys(_: &Database, after: Option<&SingleKey>, limit: u64) -> HotKeysResult<Self> {
        Ok(if limit == 0 || after.is_some() { Vec::new() } else { vec![SingleKey] })
    }
}

impl BillingType for ActiveDiscounts {
    const DEPENDENCIES: &'static [TableDependency] = &[
        TableDependency { table: "discounts", key_columns: &[] },
        TableDependency { table: "invoice_discounts", key_columns: &[] },
    ];

    fn key_of_columns(columns: &[Option<String>]) -> Option<SingleKey> {
        columns.is_empty().then_some(SingleKey)
    }
}

impl discount::Model {
    /// Whether the discount may be applied at this moment: switched on, started and not ended. It ends at `valid_to`.
    #[must_use]
    pub fn is_valid_at(&self, moment: NaiveDateTime) -> bool {
        self.is_active && self.valid_from <= moment && self.valid_to.is_none_or(|end| moment < end)
    }
}

/// The next moment after `moment` at which a discount starts or ends.
fn next_change(discounts: &[discount::Model], moment: NaiveDateTime) -> Option<chrono::DateTime<chrono::Utc>> {
    let boundaries = discounts.iter().flat_map(|discount| [Some(discount.valid_from), discount.valid_to]);
    let next = boundaries.flatten().filter(|boundary| *boundary > moment).min();
    next.map(|boundary| boundary.and_utc())
}
