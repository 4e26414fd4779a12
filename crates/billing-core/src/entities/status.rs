//! The status words of the contract.
//!
//! Invariant: an unknown word is no error when a row is read, and neither is NULL; rules call
//! [`InvoiceStatus::of_column`] and decide. Columns stay text.
//!
//! Used by the service and the loaders.

macro_rules! status_words {
    ($(#[$doc:meta])* $name:ident, NULL is $null:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every word, in the contract's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as the column holds it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The status of a column's word; `None` if the word is unknown.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|status| status.as_str() == word)
            }

            /// The status of a column. NULL means the first status; `None` if the word is unknown.
            #[must_use]
            pub fn of_column(word: Option<&str>) -> Option<Self> {
                word.map_or(Some(Self::$null), Self::parse)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl From<$name> for String {
            fn from(status: $name) -> Self {
                status.as_str().to_owned()
            }
        }

        impl PartialEq<$name> for String {
            fn eq(&self, status: &$name) -> bool {
                self == status.as_str()
            }
        }
    };
}

status_words! {
    /// The status of an invoice.
    InvoiceStatus, NULL is Unpaid {
        /// Nothing was paid.
        Unpaid = "unpaid",
        /// Something was paid or credited, something is due.
        Partial = "partial",
        /// Nothing is due.
        Paid = "paid",
        /// Past its due date with something due.
        Overdue = "overdue",
        /// Withdrawn; takes no payment.
        Cancelled = "cancelled",
    }
}

status_words! {
    /// The status of a payment; only completed ones count.
    PaymentStatus, NULL is Pending {
        /// Not settled yet.
        Pending = "pending",
        /// Settled.
        Completed = "completed",
        /// Refused by the provider.
        Failed = "failed",
    }
}

status_words! {
    /// The status of a credit note.
    CreditNoteStatus, NULL is Issued {
        /// All of it remains.
        Issued = "issued",
        /// Some of it remains.
        Partial = "partial",
        /// Nothing remains.
        Applied = "applied",
        /// Withdrawn; cannot be applied.
        Cancelled = "cancelled",
    }
}

impl InvoiceStatus {
    /// The statuses that take payments, credits, discounts and taxes; no other word does, known or not.
    pub const OPEN: [Self; 3] = [Self::Unpaid, Self::Partial, Self::Overdue];

    /// Whether it is one of [`Self::OPEN`].
    #[must_use]
    pub fn is_open(self) -> bool {
        Self::OPEN.contains(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_parses_back_and_an_unknown_one_is_none() {
        for status in InvoiceStatus::ALL {
            assert_eq!(InvoiceStatus::parse(status.as_str()), Some(*status));
        }
        assert_eq!(InvoiceStatus::parse("disputed"), None);
        assert_eq!(PaymentStatus::parse("Completed"), None);
        assert!("applied".to_owned() == CreditNoteStatus::Applied);
    }

    #[test]
    fn a_column_without_a_word_is_at_the_beginning() {
        assert_eq!(InvoiceStatus::of_column(None), Some(InvoiceStatus::Unpaid));
        assert_eq!(PaymentStatus::of_column(None), Some(PaymentStatus::Pending));
        assert_eq!(CreditNoteStatus::of_column(None), Some(CreditNoteStatus::Issued));
        assert_eq!(InvoiceStatus::of_column(Some("")), None);
    }
}
