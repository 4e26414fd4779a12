//! `tax_rate:{country}:{region}`: the default rate of a country's region, or of the country (`default`).
//!
//! Invariant: a region without a rate of its own is cached as absent under its own key, and never holds a copy of the
//! country's rate; so a change of the country's rate is one key to invalidate, whatever regions were asked for.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use billing_cache::{CacheKey, CachedType, HotKeysResult, KeyWriter, L1Policy, LoadResult, Loaded};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, Select};

use super::BillingType;
use crate::country::{COUNTRY_WIDE, Country, Region};
use crate::database::Database;
use crate::dict;
use crate::entities::tax_rate;
use crate::migration::TableDependency;

/// The declaration of `tax_rates`.
#[derive(Debug)]
pub struct TaxRates;

/// Which rate: of a region, or of the whole country.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaxRateKey {
    /// The country.
    pub country: Country,
    /// The region; `None` for the country-wide rate.
    pub region: Option<Region>,
}

impl TaxRateKey {
    /// The keys to look under for a country and region, in the order in which they decide.
    #[must_use]
    pub fn candidates(country: Country, region: Option<Region>) -> Vec<Self> {
        let country_wide = Self { country, region: None };
        match region {
            Some(_) => vec![Self { country, region }, country_wide],
            None => vec![country_wide],
        }
    }

    fn of_row(rate: &tax_rate::Model) -> Option<Self> {
        let region = Region::parse(rate.region.as_deref().unwrap_or_default()).ok()?;
        Some(Self { country: rate.country.parse().ok()?, region })
    }
}

impl CacheKey for TaxRateKey {
    const PARTS: &'static [&'static str] = &["country", "region"];

    fn write_parts(&self, out: &mut KeyWriter<'_>) {
        out.part(self.country);
        out.part(self.region.as_ref().map_or(COUNTRY_WIDE, Region::as_str));
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        let [country, region] = parts else { return None };
        let country = country.parse().ok()?;
        if *region == COUNTRY_WIDE {
            return Some(Self { country, region: None });
        }
        Some(Self { country, region: Some(Region::parse(region).ok()??) })
    }
}

impl CachedType for TaxRates {
    type Source = Database;
    type Key = TaxRateKey;
    type Value = dict::TaxRate;

    const NAME: &'static str = "tax_rates";
    const PREFIX: &'static str = "tax_rate";
    const TTL: Duration = Duration::from_secs(24 * 3600);
    const L1: L1Policy = L1Policy::On;

    async fn load(database: &Database, keys: &[TaxRateKey]) -> LoadResult<Self> {
        let rates = defaults(keys.iter().map(|key| key.country)).all(database.connection()).await?;
        let rates = by_key(rates);
        let value = |key: &TaxRateKey| match rates.get(key) {
            Some(rate) => Loaded::lasting(rate.to_dict()),
            None => Loaded::absent(),
        };
        Ok(keys.iter().map(|key| (key.clone(), value(key))).collect())
    }

    /// Every default rate, by country; there are few, so that a page may look at all of them.
    async fn hot_keys(database: &Database, after: Option<&TaxRateKey>, limit: u64) -> HotKeysResult<Self> {
        let query = tax_rate::Entity::find().filter(tax_rate::Column::IsDefault.eq(true));
        let rates = query.all(database.connection()).await?;
        let keys: BTreeSet<TaxRateKey> = rates.iter().filter_map(TaxRateKey::of_row).collect();
        let page = keys.into_iter().filter(|key| after.is_none_or(|after| key > after));
        Ok(page.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }
}

impl BillingType for TaxRates {
    const DEPENDENCIES: &'static [TableDependency] =
        &[TableDependency { table: "tax_rates", key_columns: &["country", "region"] }];

    fn key_of_columns(columns: &[Option<String>]) -> Option<TaxRateKey> {
        let [Some(country), region] = columns else { return None };
        let region = Region::parse(region.as_deref().unwrap_or_default()).ok()?;
        Some(TaxRateKey { country: country.parse().ok()?, region })
    }
}

/// The rate that applies in a country and region, read in this transaction and not from the cache; nobody can change or
/// delete it until the transaction ends.
pub(crate) async fn applicable<C: ConnectionTrait>(
    transaction: &C,
    country: Country,
    region: Option<Region>,
) -> Result<Option<tax_rate::Model>, DbErr> {
    let mut rates = by_key(defaults([country]).lock_shared().all(transaction).await?);
    Ok(TaxRateKey::candidates(country, region).iter().find_map(|key| rates.remove(key)))
}

/// The default rates of some countries.
fn defaults(countries: impl IntoIterator<Item = Country>) -> Select<tax_rate::Entity> {
    let countries: BTreeSet<String> = countries.into_iter().map(|country| country.to_string()).collect();
    tax_rate::Entity::find()
        .filter(tax_rate::Column::IsDefault.eq(true))
        .filter(tax_rate::Column::Country.is_in(countries))
}

/// Rates by their places. Of several for one place, the oldest counts.
fn by_key(mut rates: Vec<tax_rate::Model>) -> HashMap<TaxRateKey, tax_rate::Model> {
    rates.sort_by_key(|rate| Reverse(rate.id));
    rates.into_iter().filter_map(|rate| Some((TaxRateKey::of_row(&rate)?, rate))).collect()
}
