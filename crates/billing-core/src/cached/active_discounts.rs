//! `active_discounts`: the discounts that are valid now, by id, under one key.
//!
//! Invariants: a list that this code loads is not stored beyond the moment at which it changes by time, when a discount
//! starts or ends. No list, whichever program stored it, is served beyond the moment at which a discount in it ends.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use billing_cache::{Absence, CachedType, HotKeysResult, L1Policy, LoadResult, Loaded, Owner, SingleKey};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use tracing::warn;

use crate::dict;
use crate::entities::discount;
use crate::time::{UtcTime, now_of};
use billing_outbox::database::{Database, RawRow, rows};
use billing_outbox::declaration::{TableDependency, Watched};

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
    const ABSENCE: Absence = Absence::Impossible;
    const L1: L1Policy = L1Policy::On;

    /// There is one key.
    fn owner(_: &Vec<dict::Discount>, _: &SingleKey) -> Owner {
        Owner::Untold
    }

    /// The earliest end in the list. The list does not show when a discount that is not in it yet starts.
    fn valid_until(discounts: &Vec<dict::Discount>) -> Option<SystemTime> {
        discounts.iter().filter_map(|discount| discount.valid_to).min().map(|end| end.and_utc().into())
    }

    async fn load(database: &Database, _: &[SingleKey]) -> LoadResult<Self> {
        let asked = Instant::now();
        let asked_at = now_of(database).await?;
        let query = discount::Entity::find().filter(discount::Column::IsActive.eq(true));
        let rows = rows(database.connection(), query.order_by_asc(discount::Column::Id)).await?;
        let discounts: Vec<discount::Model> = rows.iter().filter_map(readable).collect();
        let valid_until = next_change(&discounts, asked_at).and_then(|left| asked.checked_add(left));
        let value = discounts.iter().filter(|discount| discount.is_valid_at(asked_at)).map(discount::Model::to_dict);
        Ok(HashMap::from([(SingleKey, Ok(Loaded { value: Some(value.collect()), valid_until }))]))
    }

    async fn hot_keys(_: &Database, after: Option<&SingleKey>, limit: u64) -> HotKeysResult<Self> {
        Ok(if limit == 0 || after.is_some() { Vec::new() } else { vec![SingleKey] })
    }
}

impl Watched for ActiveDiscounts {
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
    pub fn is_valid_at(&self, moment: UtcTime) -> bool {
        let has_started = self.valid_from.is_some_and(|start| start <= moment);
        self.is_active == Some(true) && has_started && self.valid_to.is_none_or(|end| moment < end)
    }
}

/// The row, or `None` if it cannot be read: one bad discount must not withhold all others from every reader. A caller
/// that applies the bad one gets an error.
fn readable(row: &RawRow<discount::Entity>) -> Option<discount::Model> {
    let row = row.model();
    row.inspect_err(|error| warn!(%error, "active_discounts is served without it")).ok()
}

/// The time from `moment` until a discount starts or ends.
fn next_change(discounts: &[discount::Model], moment: UtcTime) -> Option<Duration> {
    let boundaries = discounts.iter().flat_map(|discount| [discount.valid_from, discount.valid_to]);
    let next = boundaries.flatten().filter(|boundary| *boundary > moment).min()?;
    (next - moment).to_std().ok()
}
