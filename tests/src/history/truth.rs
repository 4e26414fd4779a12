//! The final content of the database, and its invariants: no money is lost, and none is taken twice.

use std::collections::{BTreeMap, BTreeSet};

use super::{Effect, History, Key, Promise, Read, Seen, Violation, Write, WriteResult};

/// The rows of the objects of this history, after the last write.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The totals of the invoices, in hundredths.
    pub totals: BTreeMap<i64, i64>,
    /// The payments of these invoices.
    pub payments: Vec<PaymentRow>,
    /// The credit notes of the users.
    pub credit_notes: BTreeMap<i64, BTreeSet<i64>>,
    /// The rates and discounts.
    pub versions: BTreeMap<Key, i64>,
}

/// A row of the table `payments`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRow {
    /// The id.
    pub id: i64,
    /// The id of its invoice.
    pub invoice: i64,
    /// The amount, in hundredths.
    pub cents: i64,
    /// The transaction id.
    pub transaction: String,
}

impl Truth {
    /// Whether a read shows exactly the content of the database.
    #[must_use]
    pub fn is_shown_by(&self, read: &Read) -> bool {
        match (&read.key, &read.seen) {
            (Key::Invoice(id), Seen::Invoice(seen)) => {
                let seen: BTreeSet<i64> = seen.payments.iter().map(|line| line.id).collect();
                self.rows_of(&Key::Invoice(*id)).is_some_and(|rows| rows == seen)
            }
            (key, Seen::Rows(seen)) => self.rows_of(key).as_ref() == Some(seen),
            (key, Seen::Version(seen)) => self.versions.get(key) == Some(seen),
            _ => false,
        }
    }

    /// The rows of a key; `None` for a key that holds a number, or is not part of this history.
    fn rows_of(&self, key: &Key) -> Option<BTreeSet<i64>> {
        match key {
            Key::Invoice(id) if self.totals.contains_key(id) => {
                Some(self.payments.iter().filter(|row| row.invoice == *id).map(|row| row.id).collect())
            }
            Key::CreditNotes(user) => self.credit_notes.get(user).cloned(),
            _ => None,
        }
    }

    /// Violations in which the history and the database differ, or in which the database breaks an invariant.
    pub(super) fn check(&self, history: &History) -> Vec<Violation> {
        let lost = history.writes.iter().filter_map(|write| self.check_kept(write));
        let gone: BTreeSet<(&Key, i64)> = history.writes.iter().filter_map(Write::taken).collect();
        let phantoms = history.reads.iter().filter_map(|read| self.check_seen(read, &gone));
        let refusals = history.writes.iter().filter_map(|write| self.check_refusal(history, write));
        lost.chain(phantoms).chain(refusals).chain(self.check_payments(history)).collect()
    }

    /// Each acknowledged write must be in the database.
    fn check_kept(&self, write: &Write) -> Option<Violation> {
        let effect = write.effect()?;
        let is_kept = match effect {
            Effect::Row(id) => self.rows_of(&write.key).is_none_or(|rows| rows.contains(&id)),
            Effect::Version(version) => self.versions.get(&write.key).is_none_or(|kept| *kept >= version),
            Effect::Gone(id) => self.rows_of(&write.key).is_none_or(|rows| !rows.contains(&id)),
        };
        let what = || format!("{effect:?} was acknowledged and is not in the database");
        (!is_kept).then(|| Violation::at(Promise::Durable, &write.key, write.ended, what()))
    }

    /// A read must not show a row that is not in the database and was never there.
    fn check_seen(&self, read: &Read, gone: &BTreeSet<(&Key, i64)>) -> Option<Violation> {
        let rows = self.rows_of(&read.key)?;
        let seen: Vec<i64> = match &read.seen {
            Seen::Invoice(invoice) => invoice.payments.iter().map(|line| line.id).collect(),
            Seen::Rows(seen) => seen.iter().copied().collect(),
            Seen::Version(_) => return None,
        };
        let phantom = seen.iter().find(|id| !rows.contains(id) && !gone.contains(&(&read.key, **id)))?;
        let what = format!("{} showed row {phantom}, which is not in the database", read.process);
        Some(Violation::at(Promise::Durable, &read.key, read.ended, what))
    }

    /// A payment may be refused only if it was too much, counting every payment that may have been made by then.
    fn check_refusal(&self, history: &History, refused: &Write) -> Option<Violation> {
        let Key::Invoice(invoice) = refused.key else { return None };
        let total = *self.totals.get(&invoice)?;
        if refused.result != WriteResult::Refused {
            return None;
        }
        let began: BTreeMap<&str, i64> = history
            .writes
            .iter()
            .filter(|write| write.key == refused.key && write.started < refused.ended)
            .filter(|write| write.result != WriteResult::Refused && write.transaction != refused.transaction)
            .filter_map(|write| Some((write.transaction.as_deref()?, write.cents)))
            .collect();
        let possible: i64 = began.values().sum();
        let what = || format!("{} was refused, and at most {possible} of {total} was paid", refused.cents);
        (possible + refused.cents <= total)
            .then(|| Violation::at(Promise::NeverTooMuch, &refused.key, refused.ended, what()))
    }

    /// No invoice is overpaid, and no transaction id is paid twice.
    fn check_payments(&self, history: &History) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (invoice, total) in &self.totals {
            let paid: i64 = self.payments.iter().filter(|row| row.invoice == *invoice).map(|row| row.cents).sum();
            if paid > *total {
                let what = format!("{paid} was taken of {total}");
                violations.push(Violation::in_the_end(Promise::NeverTooMuch, Key::Invoice(*invoice), what));
            }
        }
        let mut numbers: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
        for row in &self.payments {
            numbers.entry(&row.transaction).or_default().insert(row.id);
        }
        let mut keys = BTreeMap::new();
        for write in &history.writes {
            let Some(transaction) = write.transaction.as_deref() else { continue };
            keys.insert(transaction, &write.key);
            if let Some(Effect::Row(id)) = write.effect() {
                numbers.entry(transaction).or_default().insert(id);
            }
            if write.result == WriteResult::Conflict {
                let what = format!("{transaction} was called a conflict with itself");
                violations.push(Violation::at(Promise::NeverTwice, &write.key, write.ended, what));
            }
        }
        let twice = numbers.iter().filter(|(_, ids)| ids.len() > 1);
        violations.extend(twice.filter_map(|(transaction, ids)| {
            let what = format!("{transaction} was paid as {ids:?}");
            Some(Violation::in_the_end(Promise::NeverTwice, (*keys.get(transaction)?).clone(), what))
        }));
        violations
    }
}
