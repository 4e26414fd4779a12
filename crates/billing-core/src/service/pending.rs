//! Pending payments: money that was promised, and that no other payment may use meanwhile.
//!
//! Invariant: what is pending on a locked invoice is reserved. It counts in no total; a change that would leave less
//! due than is reserved is refused.
//!
//! Used by [`super::LockedInvoice`], shown by [`super::Refusal`].

use std::fmt;

use super::{Entity, Refusal};
use crate::dict::{InvoiceDetails, PaymentLine};
use crate::entities::PaymentStatus;
use crate::money::Money;

/// Limit on the ids that a sentence names.
const NAMED: usize = 5;

/// The pending payments of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingPayments {
    /// Their sum. A negative amount, a refund that is not made yet, frees nothing.
    pub total: Money,
    /// Their ids.
    pub ids: Vec<i32>,
}

impl PendingPayments {
    pub(super) fn of(details: &InvoiceDetails) -> Self {
        let pending: Vec<&PaymentLine> = details.payments.iter().filter(|payment| is_pending(payment)).collect();
        Self {
            total: pending.iter().filter_map(|payment| payment.amount).sum(),
            ids: pending.iter().map(|payment| payment.id).collect(),
        }
    }
}

/// Refuses an invoice with a pending payment whose amount is missing.
pub(super) fn require_amounts(details: &InvoiceDetails) -> Result<(), Refusal> {
    let unknown = |payment: &&PaymentLine| has_pending_status(payment) && payment.amount.is_none();
    match details.payments.iter().find(unknown) {
        Some(payment) => Err(Refusal::Incomplete { entity: Entity::Payment, id: payment.id, column: "amount" }),
        None => Ok(()),
    }
}

fn is_pending(payment: &PaymentLine) -> bool {
    has_pending_status(payment) && payment.amount.is_some_and(Money::is_positive)
}

fn has_pending_status(payment: &PaymentLine) -> bool {
    PaymentStatus::of_column(payment.status.as_deref()) == Some(PaymentStatus::Pending)
}

/// Says which payments they are, and what ends the wait for them.
impl fmt::Display for PendingPayments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<String> = self.ids.iter().take(NAMED).map(i32::to_string).collect();
        let (payments, they) = if self.ids.len() == 1 { ("payment", "it is") } else { ("payments", "they are") };
        write!(f, "pending {payments} {}", named.join(", "))?;
        match self.ids.len().saturating_sub(NAMED) {
            0 => {}
            more => write!(f, " and {more} more")?,
        }
        write!(f, ", until the payment provider confirms that {they} completed or failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(ids: std::ops::RangeInclusive<i32>) -> String {
        PendingPayments { total: Money::from_minor(1), ids: ids.collect() }.to_string()
    }

    #[test]
    fn a_few_are_named_and_the_rest_is_counted() {
        let wait = "until the payment provider confirms that";
        assert_eq!(shown(7..=7), format!("pending payment 7, {wait} it is completed or failed"));
        assert_eq!(shown(1..=5), format!("pending payments 1, 2, 3, 4, 5, {wait} they are completed or failed"));
        assert!(shown(1..=905).starts_with("pending payments 1, 2, 3, 4, 5 and 900 more, until"));
    }
}
