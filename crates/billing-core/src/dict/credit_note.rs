//! The shape of a credit note; `user_credit_notes:{user_id}` is a list of these, by id.
//!
//! Invariant: field order is the contract's key order. Made by `credit_note::Model::to_dict`.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::entities::credit_note;
use crate::money::Money;
use crate::time::isoformat;

/// A credit note as it is cached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns of entities::credit_note")]
pub struct CreditNote {
    pub id: i32,
    pub user_id: i32,
    pub amount: Money,
    pub remaining_amount: Money,
    pub reason: String,
    pub reference_invoice_id: Option<i32>,
    pub status: String,
    #[serde(with = "isoformat")]
    pub created_at: NaiveDateTime,
    #[serde(with = "isoformat::option")]
    pub applied_at: Option<NaiveDateTime>,
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
