//! `tax_rate:{country}:{region}`: the default rate of a country's region, or of the country (`default`).
//!
//! Invariant: a region without a rate of its own is cached as absent under its own key, and never holds a copy of the
//! country's rate. So a change of the country's rate invalidates one key, whichever regions were read.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use billing_cache::{CacheKey, CachedType, HotKeysResult, KeyWriter, L1Policy, LoadResult, Loaded, Owner};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use crate::country::{COUNTRY_WIDE, Country, Region};
use crate::dict;
use crate::entities::tax_rate;
use billing_outbox::database::{Database, DatabaseError, RawRow, UnreadableRow, rows};
use billing_outbox::declaration::{TableDependency, Watched};

/// The declaration of `tax_rates`.
#[derive(Debug)]
pub struct TaxRates;

/// A place: a region, or the whole country.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaxRateKey {
    /// The country.
    pub country: Country,
    /// The region; `None` for the country-wide rate.
    pub region: Option<Region>,
}

impl TaxRateKey {
    /// The keys to look up for a country and region, in the order of precedence.
    #[must_use]
    pub fn candidates(country: Country, region: Option<Region>) -> Vec<Self> {
        let country_wide = Self { country, region: None };
        match region {
            Some(_) => vec![Self { country, region }, country_wide],
            None => vec![country_wide],
        }
    }

    /// The place that a row is for; `None` if no key can hold it.
    fn of_row(rate: &RawRow<tax_rate::Entity>) -> Result<Option<Self>, UnreadableRow> {
        let country = rate.column::<String>(tax_rate::Column::Country)?;
        let region = rate.column::<String>(tax_rate::Column::Region)?;
        Ok(Self::of_texts(country.as_deref(), region.as_deref()))
    }

    /// The place that a rate is for; `None` if no key can hold it.
    pub(crate) fn of_rate(rate: &tax_rate::Model) -> Option<Self> {
        Self::of_texts(rate.country.as_deref(), rate.region.as_deref())
    }

    fn of_texts(country: Option<&str>, region: Option<&str>) -> Option<Self> {
        Some(Self { country: country?.parse().ok()?, region: Region::parse(region.unwrap_or_default()).ok()? })
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

    fn owner(rate: &dict::TaxRate, key: &TaxRateKey) -> Owner {
        let region = rate.region.as_deref().filter(|region| !region.is_empty());
        Owner::if_same(
            rate.country.as_deref() == Some(key.country.as_str()) && region == key.region.as_ref().map(Region::as_str),
        )
    }

    async fn load(database: &Database, keys: &[TaxRateKey]) -> LoadResult<Self> {
        let rates = rows(database.connection(), defaults(keys.iter().map(|key| key.country))).await?;
        let rates = Rates::of(rates)?;
        let value =
            |rate: Option<&tax_rate::Model>| rate.map_or_else(Loaded::absent, |rate| Loaded::lasting(rate.to_dict()));
        Ok(keys.iter().map(|key| (key.clone(), rates.get(key).map(value).map_err(Into::into))).collect())
    }

    /// Every default rate, by country. There are few, so a page may read all of them.
    async fn hot_keys(database: &Database, after: Option<&TaxRateKey>, limit: u64) -> HotKeysResult<Self> {
        let query = tax_rate::Entity::find().filter(tax_rate::Column::IsDefault.eq(true));
        let rates = rows(database.connection(), query).await?;
        let keys: BTreeSet<TaxRateKey> =
            rates.iter().filter_map(|rate| TaxRateKey::of_row(rate).ok().flatten()).collect();
        let page = keys.into_iter().filter(|key| after.is_none_or(|after| key > after));
        Ok(page.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }
}

impl Watched for TaxRates {
    const DEPENDENCIES: &'static [TableDependency] =
        &[TableDependency { table: "tax_rates", key_columns: &["country", "region"] }];

    fn key_of_columns(columns: &[Option<String>]) -> Option<TaxRateKey> {
        let [country, region] = columns else { return None };
        TaxRateKey::of_texts(country.as_deref(), region.as_deref())
    }
}

/// The rate that applies in a country and region, read in this transaction and not from the cache. Nobody can change or
/// delete it until the transaction ends.
pub(crate) async fn applicable<C: ConnectionTrait>(
    transaction: &C,
    country: Country,
    region: Option<Region>,
) -> Result<Option<tax_rate::Model>, DatabaseError> {
    let rates = Rates::of(rows(transaction, defaults([country]).lock_shared()).await?)?;
    for key in TaxRateKey::candidates(country, region) {
        if let Some(rate) = rates.get(&key)? {
            return Ok(Some(rate.clone()));
        }
    }
    Ok(None)
}

/// The default rates of some countries, the newest first.
fn defaults(countries: impl IntoIterator<Item = Country>) -> Select<tax_rate::Entity> {
    let countries: BTreeSet<String> = countries.into_iter().map(|country| country.to_string()).collect();
    tax_rate::Entity::find()
        .filter(tax_rate::Column::IsDefault.eq(true))
        .filter(tax_rate::Column::Country.is_in(countries))
        .order_by_desc(tax_rate::Column::Id)
}

/// Default rates by their places.
struct Rates {
    /// If a place has several, the oldest counts.
    of_places: HashMap<TaxRateKey, Result<tax_rate::Model, UnreadableRow>>,
    /// Unreadable rows that may be for any region of their country.
    placeless: HashMap<Country, UnreadableRow>,
}

impl Rates {
    /// Takes the rows in the order of [`defaults`].
    fn of(rows: Vec<RawRow<tax_rate::Entity>>) -> Result<Self, UnreadableRow> {
        let mut rates = Self { of_places: HashMap::new(), placeless: HashMap::new() };
        for row in rows {
            let country = row.column::<String>(tax_rate::Column::Country)?.unwrap_or_default();
            match row.column::<String>(tax_rate::Column::Region) {
                Ok(region) => {
                    let key = TaxRateKey::of_texts(Some(&country), region.as_deref());
                    rates.of_places.extend(key.map(|key| (key, row.model())));
                }
                Err(error) => rates.placeless.extend(country.parse().ok().map(|country| (country, error))),
            }
        }
        Ok(rates)
    }

    /// The rate of a place. It is an error if the rate cannot be read, or if another unreadable row may be it.
    fn get(&self, key: &TaxRateKey) -> Result<Option<&tax_rate::Model>, UnreadableRow> {
        match (self.placeless.get(&key.country), self.of_places.get(key)) {
            (Some(error), _) | (None, Some(Err(error))) => Err(error.clone()),
            (None, Some(Ok(rate))) => Ok(Some(rate)),
            (None, None) => Ok(None),
        }
    }
}
