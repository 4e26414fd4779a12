//! The amounts in the details of an invoice, and whether they are consistent.

use serde_json::Value;

/// The amounts of an invoice, in hundredths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invoice {
    /// Before discounts and taxes.
    pub subtotal: i64,
    /// Sum of the discounts.
    pub total_discount: i64,
    /// Sum of the taxes.
    pub total_tax: i64,
    /// The amount to be paid.
    pub total: i64,
    /// Sum of the credit notes applied.
    pub total_credit: i64,
    /// Sum of the completed payments.
    pub total_paid: i64,
    /// The amount still to be paid.
    pub balance_due: i64,
    /// The status word.
    pub status: String,
    /// All payments.
    pub payments: Vec<PaymentLine>,
    /// All taxes.
    pub taxes: Vec<TaxLine>,
}

/// One tax on an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxLine {
    /// The percentage, in hundredths.
    pub rate: i64,
    /// The amount, in hundredths.
    pub cents: i64,
}

/// One payment of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentLine {
    /// The id.
    pub id: i64,
    /// The amount, in hundredths.
    pub cents: i64,
    /// Whether it counts.
    pub is_completed: bool,
}

impl Invoice {
    /// Parses an answer.
    ///
    /// # Errors
    /// The name of the missing part.
    pub fn parse(answer: &Value) -> Result<Self, String> {
        let amount = |name: &str| cents(&answer[name]).ok_or_else(|| format!("no amount {name}: {answer}"));
        let lines = answer["payments"].as_array().ok_or_else(|| format!("no payments: {answer}"))?;
        let taxes = answer["taxes"].as_array().into_iter().flatten();
        let taxes = taxes.map(|line| TaxLine::parse(line).ok_or_else(|| format!("no tax: {line}")));
        let payments = lines.iter().map(|line| PaymentLine::parse(line).ok_or_else(|| format!("no payment: {line}")));
        Ok(Self {
            subtotal: amount("subtotal")?,
            total_discount: amount("total_discount")?,
            total_tax: amount("total_tax")?,
            total: amount("total")?,
            total_credit: amount("total_credit")?,
            total_paid: amount("total_paid")?,
            balance_due: amount("balance_due")?,
            status: answer["status"].as_str().unwrap_or_default().to_owned(),
            payments: payments.collect::<Result<_, _>>()?,
            taxes: taxes.collect::<Result<_, _>>()?,
        })
    }

    /// A description of the inconsistency; `None` if all amounts are consistent.
    #[must_use]
    pub fn tear(&self) -> Option<String> {
        let lines: i64 = self.payments.iter().filter(|line| line.is_completed).map(|line| line.cents).sum();
        let equations = [
            ("total is subtotal - total_discount + total_tax", self.total, {
                self.subtotal - self.total_discount + self.total_tax
            }),
            ("balance_due is total - total_credit - total_paid", self.balance_due, {
                self.total - self.total_credit - self.total_paid
            }),
            ("total_paid is the sum of the completed payments", self.total_paid, lines),
        ];
        let taxable = self.subtotal - self.total_discount;
        // The other sums are computed from the same read; only the tax shows whether all parts were read at the same
        // time.
        let wrong_tax = self.taxes.iter().find(|tax| tax.cents != tax.of(taxable));
        let wrong_tax = wrong_tax.map(|tax| format!("a tax of {} on {taxable} is {}", tax.rate, tax.cents));
        let wrong = equations.iter().find(|(_, left, right)| left != right);
        let status = || {
            let is_settled = self.balance_due <= 0;
            (is_settled != (self.status == "paid"))
                .then(|| format!("the status is {} and {} is due", self.status, self.balance_due))
        };
        wrong.map(|(rule, left, right)| format!("{rule}: {left} is not {right}")).or(wrong_tax).or_else(status)
    }
}

impl TaxLine {
    fn parse(line: &Value) -> Option<Self> {
        Some(Self { rate: cents(&line["rate"])?, cents: cents(&line["amount"])? })
    }

    /// The tax on a non-negative amount, rounded half up.
    fn of(&self, taxable: i64) -> i64 {
        (taxable * self.rate + 5_000) / 10_000
    }
}

impl PaymentLine {
    fn parse(line: &Value) -> Option<Self> {
        let is_completed = line["status"] == "completed";
        Some(Self { id: line["id"].as_i64()?, cents: cents(&line["amount"])?, is_completed })
    }
}

/// An amount of the contract, which is a string with two decimal places, in hundredths.
pub(crate) fn cents(amount: &Value) -> Option<i64> {
    let (whole, fraction) = amount.as_str()?.split_once('.')?;
    (fraction.len() == 2).then(|| format!("{whole}{fraction}").parse().ok())?
}

/// The amount for this many hundredths.
pub(crate) fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_read_in_hundredths() {
        let answer = json!({
            "subtotal": "100.00", "total_discount": "10.00", "total_tax": "18.00", "total": "108.00",
            "total_credit": "0.00", "total_paid": "8.50", "balance_due": "99.50", "status": "partial",
            "payments": [
                { "id": 7, "amount": "8.50", "status": "completed" },
                { "id": 8, "amount": "1.00", "status": "failed" },
            ],
        });
        let invoice = Invoice::parse(&answer).unwrap();
        assert_eq!((invoice.total, invoice.balance_due, invoice.payments.len()), (10_800, 9_950, 2));
        assert_eq!(invoice.tear(), None);
        assert!(Invoice::parse(&json!({ "payments": [] })).is_err());
    }

    #[test]
    fn each_sum_that_is_torn_is_found() {
        let whole = Invoice { subtotal: 10, total: 10, balance_due: 10, ..Invoice::default() };
        assert_eq!(whole.tear(), None);
        let line = PaymentLine { id: 1, cents: 4, is_completed: true };
        let torn = [
            ("total", Invoice { total_tax: 1, ..whole.clone() }),
            ("balance_due", Invoice { total_paid: 4, payments: vec![line.clone()], ..whole.clone() }),
            ("total_paid", Invoice { payments: vec![line], ..whole.clone() }),
            ("a tax", Invoice { taxes: vec![TaxLine { rate: 2_000, cents: 1 }], ..whole.clone() }),
            ("the status", Invoice { status: "paid".to_owned(), ..whole }),
        ];
        for (expected, invoice) in torn {
            let tear = invoice.tear().unwrap();
            assert!(tear.starts_with(expected), "{tear}");
        }
    }
}
