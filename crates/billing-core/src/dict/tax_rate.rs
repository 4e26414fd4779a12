//! The shape of a tax rate, under `tax_rate:{country}:{region}`.
//!
//! Invariant: field order is the contract's key order. Made by `tax_rate::Model::to_dict`.

use serde::{Deserialize, Serialize};

use super::nullable::nullable;
use crate::entities::tax_rate;
use crate::money::Percent;
use crate::time::UtcTime;

/// A tax rate as it is cached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns of entities::tax_rate")]
pub struct TaxRate {
    pub id: i32,
    #[serde(deserialize_with = "nullable")]
    pub name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub description: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub rate: Option<Percent>,
    #[serde(deserialize_with = "nullable")]
    pub country: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub region: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub is_default: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Option<UtcTime>,
    #[serde(deserialize_with = "nullable")]
    pub updated_at: Option<UtcTime>,
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
