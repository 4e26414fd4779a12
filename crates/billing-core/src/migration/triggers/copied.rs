//! The columns of invoice lines that are copies of other columns, so that renaming a discount or changing a rate
//! changes no invoice.
//!
//! Invariant: a copy that a statement sets stays as it is. For writers that do not know these columns, a trigger fills
//! them when a line is inserted, and when it begins to refer to another row.
//!
//! Used by both databases' triggers.

/// Prefix of the names of the triggers that copy, and of their functions.
pub const COPY_PREFIX: &str = "billing_copy_";

/// Lines that copy columns of the rows they refer to.
pub(in crate::migration) struct Copied {
    /// The table of the lines.
    pub(in crate::migration) table: &'static str,
    /// Their column that refers to the row.
    pub(in crate::migration) reference: &'static str,
    /// The table of that row.
    pub(in crate::migration) source: &'static str,
    /// The columns, which have the same names in both tables.
    pub(in crate::migration) columns: &'static [&'static str],
}

pub(in crate::migration) const COPIED: [Copied; 2] = [
    Copied { table: "invoice_discounts", reference: "discount_id", source: "discounts", columns: &["name"] },
    Copied { table: "invoice_taxes", reference: "tax_rate_id", source: "tax_rates", columns: &["name", "rate"] },
];

impl Copied {
    /// Applies `form` to each column, and joins the results with `between`.
    pub(super) fn each(&self, between: &str, form: impl Fn(&str) -> String) -> String {
        self.columns.iter().map(|column| form(column)).collect::<Vec<_>>().join(between)
    }
}
