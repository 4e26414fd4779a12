//! Credit notes, and their applications to later invoices of the same customer.

use std::collections::HashMap;

use billing_core::entities::CreditNoteStatus;
use billing_core::money::Money;
use billing_core::time::UtcTime;
use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{RngExt, seq::IndexedRandom};

use super::dataset::{Dataset, Plan, next_id};
use super::invoices::Draft;
use super::rows::{CreditNote, CreditNoteApplication};

const REASONS: [&str; 5] = [
    "Outage of more than 24 hours",
    "Billed twice for the same month",
    "Router returned",
    "Speed below what the plan promises",
    "Goodwill",
];
/// One customer in this many has credit notes.
const ONE_IN: u32 = 4;
const MOST_NOTES: i32 = 3;

pub(super) fn generate(rng: &mut StdRng, plan: &Plan, drafts: &mut [Draft], data: &mut Dataset) {
    let mut of_user: HashMap<i32, Vec<usize>> = HashMap::new();
    for (place, draft) in drafts.iter().enumerate() {
        of_user.entry(draft.invoice.user_id).or_default().push(place);
    }
    let mut notes = Vec::new();
    for user_id in 1..=plan.users {
        if rng.random_ratio(1, ONE_IN) {
            let own = of_user.get(&user_id).map_or(&[][..], Vec::as_slice);
            notes.extend((0..rng.random_range(1..=MOST_NOTES)).map(|_| issue(rng, plan, user_id, own, drafts)));
        }
    }
    // By time, because the platform would have numbered them in this order.
    notes.sort_by_key(|note| (note.created_at, note.user_id));
    for (id, note) in (1..).zip(notes) {
        let own = of_user.get(&note.user_id).map_or(&[][..], Vec::as_slice);
        let note = CreditNote { id, ..note };
        let note = if rng.random_ratio(1, 20) { cancelled(note) } else { apply(rng, note, own, drafts, data) };
        data.credit_notes.push(note);
    }
}

/// A note that refers to an earlier invoice of the customer, if there is one. Its id is set later.
fn issue(rng: &mut StdRng, plan: &Plan, user_id: i32, own: &[usize], drafts: &[Draft]) -> CreditNote {
    let created_at = plan.now - TimeDelta::seconds(rng.random_range(3_600..300 * 86_400));
    let before: Vec<i32> = own
        .iter()
        .map(|place| &drafts[*place].invoice)
        .filter(|invoice| invoice.created_at < created_at)
        .map(|invoice| invoice.id)
        .collect();
    let amount = Money::from_minor(rng.random_range(500..=6_000));
    CreditNote {
        id: 0,
        user_id,
        amount,
        remaining_amount: amount,
        reason: (*REASONS.choose(rng).expect("there are reasons")).to_owned(),
        reference_invoice_id: before.choose(rng).copied(),
        status: CreditNoteStatus::Issued.into(),
        created_at,
        applied_at: None,
    }
}

fn cancelled(note: CreditNote) -> CreditNote {
    CreditNote { status: CreditNoteStatus::Cancelled.into(), ..note }
}

/// Applies the note to later invoices of the customer, skipping some of them.
fn apply(
    rng: &mut StdRng,
    mut note: CreditNote,
    own: &[usize],
    drafts: &mut [Draft],
    data: &mut Dataset,
) -> CreditNote {
    for place in own {
        let draft = &mut drafts[*place];
        let amount = amount_of(rng, &note, draft);
        if draft.invoice.created_at < note.created_at || !amount.is_positive() || rng.random_ratio(1, 4) {
            continue;
        }
        let applied_at = draft.invoice.created_at;
        data.credit_note_applications.push(application(data, &note, draft.invoice.id, amount, applied_at));
        draft.credited += amount;
        draft.last_credit_at = Some(applied_at);
        note.remaining_amount -= amount;
        note.applied_at = Some(applied_at);
        note.status = status_of(&note).into();
    }
    note
}

/// The smaller of the remaining credit and the amount due, or sometimes only half of it.
fn amount_of(rng: &mut StdRng, note: &CreditNote, draft: &Draft) -> Money {
    let most = note.remaining_amount.min(draft.due());
    if rng.random_ratio(1, 3) { most.portion("50".parse().expect("a percentage")) } else { most }
}

fn status_of(note: &CreditNote) -> CreditNoteStatus {
    if note.remaining_amount.is_positive() { CreditNoteStatus::Partial } else { CreditNoteStatus::Applied }
}

fn application(
    data: &Dataset,
    note: &CreditNote,
    invoice_id: i32,
    amount: Money,
    applied_at: UtcTime,
) -> CreditNoteApplication {
    let id = next_id(&data.credit_note_applications);
    CreditNoteApplication { id, credit_note_id: note.id, invoice_id, amount, applied_at }
}
