//! The shape of a credit note; `user_credit_notes:{user_id}` is a list of these, by id.
//!
//! Invariant: field order is the contract's key order. Made by `credit_note::Model::to_dict`.

use serde::{Deserialize, Serialize};

use super::nullable::nullable;
use crate::entities::credit_note;
use crate::money::Money;
use crate::time::UtcTime;

/// A credit note as it is cached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns of entities::credit_note")]
pub struct CreditNote {
    pub id: i32,
    #[serde(deserialize_with = "nullable")]
    pub user_id: Option<i32>,
    #[serde(deserialize_with = "nullable")]
    pub amount: Option<Money>,
    #[serde(deserialize_with = "nullable")]
    pub remaining_amount: Option<Money>,
    #[serde(deserialize_with = "nullable")]
    pub reason: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub reference_invoice_id: Option<i32>,
    #[serde(deserialize_with = "nullable")]
    pub status: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Option<UtcTime>,
    #[serde(deserialize_with = "nullable")]
    pub applied_at: Option<UtcTime>,
}

impl credit_note::Model {
    /// The cached shape of this row.
    #[must_use]
    pub fn to_dict(&self) -> CreditNote {
        CreditNote {
            id: self.id,
            user_id: self.user_id,
            amount: self.amount,
            remaining_amount: self.remaining_amount,
            reason: self.reason.clone(),
            reference_invoice_id: self.reference_invoice_id,
            status: self.status.clone(),
            created_at: self.created_at,
            applied_at: self.applied_at,
        }
    }
}
