//! The shape of a discount; `active_discounts` is a list of these, by id.
//!
//! Invariant: field order is the contract's key order. Made by `discount::Model::to_dict`.

use serde::{Deserialize, Serialize};

use super::nullable::nullable;
use crate::entities::discount;
use crate::money::Money;
use crate::time::UtcTime;

/// A discount as it is cached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns of entities::discount")]
pub struct Discount {
    pub id: i32,
    #[serde(deserialize_with = "nullable")]
    pub name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub description: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub discount_type: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub value: Option<Money>,
    #[serde(deserialize_with = "nullable")]
    pub is_percentage: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    pub is_active: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    pub valid_from: Option<UtcTime>,
    #[serde(deserialize_with = "nullable")]
    pub valid_to: Option<UtcTime>,
    #[serde(deserialize_with = "nullable")]
    pub applicable_plans: Option<serde_json::Value>,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Option<UtcTime>,
    #[serde(deserialize_with = "nullable")]
    pub updated_at: Option<UtcTime>,
}

impl discount::Model {
    /// The cached shape of this row.
    #[must_use]
    pub fn to_dict(&self) -> Discount {
        Discount {
            id: self.id,
            name: self.name.clone(),
            description: self.description.clone(),
            discount_type: self.discount_type.clone(),
            value: self.value,
            is_percentage: self.is_percentage,
            is_active: self.is_active,
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            applicable_plans: self.applicable_plans.clone().filter(|plans| !plans.is_null()),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
