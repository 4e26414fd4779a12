//! The shape of a tax rate, under `tax_rate:{country}:{region}`.
//!
//! Invariant: field order is the contract's key order. Made by `tax_rate::Model::to_dict`.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::entities::tax_rate;
use crate::money::Percent;
use crate::time::isoformat;

/// A tax rate as it is cached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns of entities::tax_rate")]
pub struct TaxRate {
    pub id: i32,
    pub name: String,
    pub description: Option<String>,
    pub rate: Percent,
    pub country: String,
    pub region: Option<String>,
    pub is_default: bool,
    #[serde(with = "isoformat")]
    pub created_at: NaiveDateTime,
    #[serde(with = "isoformat")]
    pub updated_at: NaiveDateTime,
}

impl tax_rate::Model {
    /// The cached shape of this row.
    #[must_use]
    pub fn to_dict(&self) -> TaxRate {
        TaxRate {
            id: self.id,
            name: self.name.clone(),
            description: self.description.clone(),
            rate: self.rate,
            country: self.country.clone(),
            region: self.region.clone(),
            is_default: self.is_default,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
