//! The shape of a payment: its columns in their order. It is answered by services, and cached only as a line of an invoice.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use crate::entities::payment;
use crate::money::Money;
use crate::time::isoformat;

/// A payment's own row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns of entities::payment")]
pub struct Payment {
    pub id: i32,
    pub invoice_id: i32,
    pub amount: Money,
    pub payment_method: String,
    pub transaction_id: String,
    pub status: String,
    #[serde(with = "isoformat")]
    pub created_at: NaiveDateTime,
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
