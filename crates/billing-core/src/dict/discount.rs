//! The shape of a discount; `active_discounts` is a list of these, by id.
//!
//! Invariant: field order is the contract's key order. Made by `discount::Model::to_dict`.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::entities::discount;
use crate::money::Money;
use crate::time::isoformat;

/// A discount as it is cached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns of entities::discount")]
pub struct Discount {
    pub id: i32,
    pub name: String,
    pub description: Option<String>,
    pub discount_type: String,
    pub value: Money,
    pub is_percentage: bool,
    pub is_active: bool,
    #[serde(with = "isoformat")]
    pub valid_from: NaiveDateTime,
    #[serde(with = "isoformat::option")]
    pub valid_to: Option<NaiveDateTime>,
    pub applicable_plans: Option<serde_json::Value>,
    #[serde(with = "isoformat")]
    pub created_at: NaiveDateTime,
    #[serde(with = "isoformat")]
    pub updated_at: NaiveDateTime,
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
