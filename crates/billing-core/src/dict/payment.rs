//! The shape of a payment: its columns in their order. Services return it; it is cached only as a line of an invoice.

use serde::{Deserialize, Serialize};

use super::nullable::nullable;
use crate::entities::payment;
use crate::money::Money;
use crate::time::UtcTime;

/// A payment's own row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns of entities::payment")]
pub struct Payment {
    pub id: i32,
    #[serde(deserialize_with = "nullable")]
    pub invoice_id: Option<i32>,
    #[serde(deserialize_with = "nullable")]
    pub amount: Option<Money>,
    #[serde(deserialize_with = "nullable")]
    pub payment_method: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub transaction_id: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub status: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub created_at: Option<UtcTime>,
}

impl payment::Model {
    /// The JSON shape of this row.
    #[must_use]
    pub fn to_dict(&self) -> Payment {
        Payment {
            id: self.id,
            invoice_id: self.invoice_id,
            amount: self.amount,
            payment_method: self.payment_method.clone(),
            transaction_id: self.transaction_id.clone(),
            status: self.status.clone(),
            created_at: self.created_at,
        }
    }
}
