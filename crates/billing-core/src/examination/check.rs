//! What is looked for: its name, whether it is a problem, and what to do about it.
//!
//! Invariant: a check is a problem only if it makes what is served wrong. Rows that are refused by name, or served as
//! they are for people to judge, are no problem. The questions are in `question.rs`.
//!
//! Used by `cache-admin doctor` and by a starting service.

/// Something that rows of the platform may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Check {
    /// Invoices with a status word that is not in the contract.
    InvoiceWords,
    /// Payments with such a word.
    PaymentWords,
    /// Credit notes with such a word.
    CreditWords,
    /// Paid invoices whose due amount pending payments cover.
    PaidCovered,
    /// Paid invoices whose due amount nothing covers.
    PaidDue,
    /// Invoices whose credit notes exceed their total.
    CreditTotals,
    /// Invoices of countries that are no ISO codes.
    Countries,
    /// Default tax rates that are no percentages.
    TaxRates,
    /// Default tax rates of countries that are no ISO codes.
    TaxCountries,
    /// Default tax rates of regions that no key can have.
    TaxRegions,
}

impl Check {
    /// Every check, in the order of the findings.
    pub const ALL: &'static [Self] = &[
        Self::TaxRates,
        Self::TaxCountries,
        Self::TaxRegions,
        Self::InvoiceWords,
        Self::PaymentWords,
        Self::CreditWords,
        Self::PaidCovered,
        Self::PaidDue,
        Self::CreditTotals,
        Self::Countries,
    ];

    /// Short and unique.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InvoiceWords => "invoice words",
            Self::PaymentWords => "payment words",
            Self::CreditWords => "credit words",
            Self::PaidCovered => "paid, covered",
            Self::PaidDue => "paid, due",
            Self::CreditTotals => "credit totals",
            Self::Countries => "countries",
            Self::TaxRates => "tax rates",
            Self::TaxCountries => "tax countries",
            Self::TaxRegions => "tax regions",
        }
    }

    /// Whether it makes what is served wrong: a rate that nobody can be charged.
    #[must_use]
    pub fn is_problem(self) -> bool {
        self == Self::TaxRates
    }

    /// Whether sums were compared, so that a value does not describe a row.
    pub(super) fn is_of_sums(self) -> bool {
        matches!(self, Self::PaidCovered | Self::PaidDue | Self::CreditTotals)
    }

    /// The rows that it counts.
    pub(super) fn rows(self) -> &'static str {
        match self {
            Self::InvoiceWords => "invoices have a status by which they take no payment, credit, discount or tax",
            Self::PaymentWords => "payments have a status by which they are neither counted nor reserved",
            Self::CreditWords => "credit notes have a status by which they cannot be applied",
            Self::PaidCovered => "paid invoices have an amount due that pending payments cover",
            Self::PaidDue => "paid invoices have an amount due that nothing covers",
            Self::CreditTotals => "invoices have credit notes of more than their total",
            Self::Countries => "invoices are of countries that are no ISO 3166-1 codes, and cannot be taxed",
            Self::TaxRates => "default tax rates are not from 0 to 100, and refused when they are applied",
            Self::TaxCountries => "default tax rates are of countries that are no ISO 3166-1 codes, and never apply",
            Self::TaxRegions => "default tax rates are of regions that no key can hold, and never apply",
        }
    }

    /// The text if there are none.
    #[must_use]
    pub fn sound(self) -> &'static str {
        match self {
            Self::InvoiceWords | Self::PaymentWords | Self::CreditWords => "every status is a word of the contract",
            Self::PaidCovered => "no paid invoice waits for a pending payment",
            Self::PaidDue => "no paid invoice has an amount due that nothing covers",
            Self::CreditTotals => "no invoice has credit notes of more than its total",
            Self::Countries => "every invoice is of a country with an ISO code",
            Self::TaxRates => "every default rate is from 0 to 100",
            Self::TaxCountries => "every default rate is of a country with an ISO code",
            Self::TaxRegions => "every default rate is of a region that a key can hold",
        }
    }

    /// What to do if there are some.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::InvoiceWords => "for a change set unpaid, partial or overdue; leave closed invoices as they are",
            Self::PaymentWords => "set completed where the money is there, else failed or pending",
            Self::CreditWords => "set issued, partial, applied or cancelled",
            Self::PaidCovered => "settle the payments: completed or failed, as the payment provider says",
            Self::PaidDue => "record what paid them, or set their status to unpaid",
            Self::CreditTotals => "cancel notes that were issued twice; meanwhile these invoices get no further ones",
            Self::Countries => "set billing_country to the two upper-case letters, such as GB for UK",
            Self::TaxRates => "correct tax_rates.rate",
            Self::TaxCountries => {
                "set tax_rates.country to the two upper-case letters, such as GB for UK; then delete what other programs \
                 cached for it, such as the key tax_rate:UK:default, which no change invalidates"
            }
            Self::TaxRegions => "rename the region in tax_rates; leave it NULL for the whole country",
        }
    }
}
