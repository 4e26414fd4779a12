//! Hand-made histories: good ones pass, and each bad one is found for the right reason.

use std::collections::BTreeSet;

use super::super::{Effect, FailedRead, Invoice, PaymentLine, PaymentRow, Process, Summary};
use super::*;

const BOUNDS: Bounds = Bounds { l1_staleness_ms: 1_000, recovery_ms: 5_000 };
const HERE: Process = Process { place: 0, life: 0 };
const THERE: Process = Process { place: 1, life: 0 };
const INVOICE: Key = Key::Invoice(1);

fn ms(millis: u64) -> Moment {
    Moment(millis * 1_000)
}

/// A payment of 10 of the 100 of the invoice, as its row `id`, acknowledged at `ended`.
fn paid(id: i64, process: Process, started: u64, ended: u64) -> Write {
    Write {
        key: INVOICE,
        author: Author::Process(process),
        started: ms(started),
        ended: ms(ended),
        transaction: Some(format!("t{id}")),
        cents: 10,
        result: WriteResult::Acknowledged { effect: Effect::Row(id), pending: false },
    }
}

fn pending(write: Write) -> Write {
    let effect = write.effect().unwrap();
    Write { result: WriteResult::Acknowledged { effect, pending: true }, ..write }
}

fn invoice_with(ids: &[i64]) -> Invoice {
    let payments: Vec<_> = ids.iter().map(|id| PaymentLine { id: *id, cents: 10, is_completed: true }).collect();
    let total_paid = 10 * i64::try_from(ids.len()).unwrap();
    let status = if total_paid < 100 { "partial" } else { "paid" }.to_owned();
    Invoice {
        subtotal: 100,
        total: 100,
        total_paid,
        balance_due: 100 - total_paid,
        status,
        payments,
        ..Invoice::default()
    }
}

/// A read of the invoice that shows these payments.
fn read(ids: &[i64], process: Process, started: u64) -> Read {
    let seen = Seen::Invoice(invoice_with(ids));
    Read { key: INVOICE, process, started: ms(started), ended: ms(started + 1), tier: "l2".to_owned(), seen }
}

fn truth(ids: &[i64]) -> Truth {
    let row = |id: &i64| PaymentRow { id: *id, invoice: 1, cents: 10, transaction: format!("t{id}") };
    Truth {
        totals: BTreeMap::from([(1, 100)]),
        payments: ids.iter().map(row).collect(),
        credit_notes: BTreeMap::from([(5, BTreeSet::from([50]))]),
        versions: BTreeMap::from([(Key::Discount(1), 9)]),
    }
}

fn history(writes: Vec<Write>, reads: Vec<Read>) -> History {
    History { reads, writes, failed_reads: Vec::new() }
}

#[track_caller]
fn found(history: &History, truth: &Truth, fault: &Fault) -> Vec<Promise> {
    let violations = check(history, truth, fault, &BOUNDS);
    // The text for people is never empty.
    assert!(violations.iter().all(|violation| violation.show(history).contains(&violation.what)));
    violations.iter().map(|violation| violation.promise).collect()
}

#[test]
fn reads_that_overlap_a_write_may_show_it_or_not() {
    let writes = vec![paid(1, HERE, 10, 20), paid(2, THERE, 15, 40)];
    let reads = vec![read(&[], HERE, 12), read(&[1], THERE, 21), read(&[2], HERE, 19), read(&[1, 2], HERE, 41)];
    assert_eq!(found(&history(writes, reads), &truth(&[1, 2]), &Fault::default()), []);
}

#[test]
fn a_read_that_begins_after_the_acknowledgement_must_show_it_wherever_it_is_asked() {
    for process in [HERE, THERE] {
        let history = history(vec![paid(1, HERE, 10, 20), paid(2, HERE, 21, 30)], vec![read(&[2], process, 31)]);
        assert_eq!(found(&history, &truth(&[1, 2]), &Fault::default()), [Promise::Fresh]);
        let summary = Summary::of(&history, &Fault::default(), &BOUNDS, &[]);
        assert_eq!((summary.stale_broken, summary.worst_staleness_ms, summary.acknowledged), (1, 11, 2));
    }
}

#[test]
fn a_pending_write_may_be_missed_elsewhere_until_the_bound_after_the_fault_and_never_where_it_was_written() {
    let fault = Fault { started: ms(0), ended: ms(2_000), forgets: false, unnoticed: false, may_fail: false };
    let stale = |process, at| {
        let history = history(vec![pending(paid(1, HERE, 10, 20))], vec![read(&[], process, at)]);
        found(&history, &truth(&[1]), &fault)
    };
    assert_eq!(stale(THERE, 6_999), []);
    assert_eq!(stale(THERE, 7_001), [Promise::Fresh]);
    assert_eq!(stale(HERE, 30), [Promise::Fresh]);
    // A new life of the process does not have the memory of the old one.
    assert_eq!(stale(Process { life: 1, ..HERE }, 30), []);
}

#[test]
fn a_pending_write_outside_the_fault_has_the_bound_from_its_own_end() {
    let fault = Fault { started: ms(0), ended: ms(5), forgets: false, unnoticed: false, may_fail: false };
    let stale =
        |at| found(&history(vec![pending(paid(1, HERE, 10, 20))], vec![read(&[], THERE, at)]), &truth(&[1]), &fault);
    assert_eq!(stale(5_019), []);
    assert_eq!(stale(5_021), [Promise::Fresh]);
}

#[test]
fn what_a_redis_with_old_data_forgot_may_be_missed_elsewhere_until_the_bound() {
    let fault = |forgets| Fault { started: ms(100), ended: ms(200), forgets, unnoticed: false, may_fail: false };
    let stale = |writer, at, forgets| {
        let history = history(vec![paid(1, writer, 10, 20)], vec![read(&[], HERE, at)]);
        found(&history, &truth(&[1]), &fault(forgets))
    };
    assert_eq!(stale(THERE, 300, true), []);
    assert_eq!(stale(THERE, 5_201, true), [Promise::Fresh]);
    assert_eq!(stale(THERE, 300, false), [Promise::Fresh]);
    assert_eq!(stale(HERE, 300, true), [Promise::Fresh]);
    let late = history(vec![paid(1, THERE, 210, 220)], vec![read(&[], HERE, 300)]);
    assert_eq!(found(&late, &truth(&[1]), &fault(true)), [Promise::Fresh]);
}

#[test]
fn an_outsiders_write_waits_for_the_relay() {
    let outsider = Write { author: Author::Outsider, ..paid(1, HERE, 10, 20) };
    let stale =
        |at| found(&history(vec![outsider.clone()], vec![read(&[], HERE, at)]), &truth(&[1]), &Fault::default());
    assert_eq!(stale(5_000), []);
    assert_eq!(stale(5_021), [Promise::Fresh]);
}

#[test]
fn the_memory_of_another_process_may_be_behind_by_its_bound_and_redis_may_not() {
    let stale = |process, tier: &str, at| {
        let key = Key::Discount(1);
        let result = WriteResult::Acknowledged { effect: Effect::Version(9), pending: false };
        let write = Write { key: key.clone(), result, transaction: None, ..paid(9, HERE, 10, 20) };
        let read = Read { key, tier: tier.to_owned(), seen: Seen::Version(8), ..read(&[], process, at) };
        found(&history(vec![write], vec![read]), &truth(&[]), &Fault::default())
    };
    assert_eq!(stale(THERE, "l1", 1_020), []);
    assert_eq!(stale(THERE, "l1", 1_021), [Promise::Fresh]);
    assert_eq!(stale(THERE, "l2", 30), [Promise::Fresh]);
    assert_eq!(stale(HERE, "l1", 30), [Promise::Fresh]);
}

#[test]
fn torn_amounts_are_found_in_any_answer() {
    let mut torn = read(&[1], HERE, 5);
    torn.seen = Seen::Invoice(Invoice { balance_due: 100, ..invoice_with(&[1]) });
    assert_eq!(found(&history(Vec::new(), vec![torn]), &truth(&[1]), &Fault::default()), [Promise::NeverTorn]);
}

#[test]
fn too_much_is_found_in_the_database_and_in_answers() {
    let many: Vec<i64> = (1..=11).collect();
    let history = history(Vec::new(), vec![read(&many, HERE, 5)]);
    assert_eq!(found(&history, &truth(&many), &Fault::default()), [Promise::NeverTooMuch, Promise::NeverTooMuch]);
}

#[test]
fn a_refusal_needs_a_reason() {
    let refused = |cents| Write { result: WriteResult::Refused, cents, ..paid(3, HERE, 30, 40) };
    let unknown = Write { result: WriteResult::Unknown("reset".to_owned()), ..paid(2, HERE, 10, 20) };
    let fine = history(vec![paid(1, HERE, 1, 2), unknown, refused(81)], Vec::new());
    assert_eq!(found(&fine, &truth(&[1]), &Fault { may_fail: true, ..Fault::default() }), []);
    let wrong = history(vec![paid(1, HERE, 1, 2), refused(90)], Vec::new());
    assert_eq!(found(&wrong, &truth(&[1]), &Fault::default()), [Promise::NeverTooMuch]);
}

#[test]
fn a_transaction_that_is_paid_twice_is_found_in_answers_and_in_the_database() {
    let again = Write { transaction: Some("t1".to_owned()), ..paid(2, THERE, 30, 40) };
    let twice = history(vec![paid(1, HERE, 1, 2), again], Vec::new());
    let mut rows = truth(&[1, 2]);
    assert_eq!(found(&twice, &rows, &Fault::default()), [Promise::NeverTwice]);
    rows.payments[1].transaction = "t1".to_owned();
    let once = history(vec![paid(1, HERE, 1, 2)], Vec::new());
    assert_eq!(found(&once, &rows, &Fault::default()), [Promise::NeverTwice]);
    let same = history(vec![paid(1, HERE, 1, 2), paid(1, THERE, 3, 4)], Vec::new());
    assert_eq!(found(&same, &truth(&[1]), &Fault::default()), []);
    let conflict = history(vec![Write { result: WriteResult::Conflict, ..paid(1, HERE, 1, 2) }], Vec::new());
    assert_eq!(found(&conflict, &truth(&[1]), &Fault::default()), [Promise::NeverTwice]);
}

#[test]
fn what_was_acknowledged_stays_and_what_was_shown_exists() {
    let lost = history(vec![paid(1, HERE, 1, 2)], Vec::new());
    assert_eq!(found(&lost, &truth(&[]), &Fault::default()), [Promise::Durable]);
    let phantom = history(Vec::new(), vec![read(&[7], HERE, 5)]);
    assert_eq!(found(&phantom, &truth(&[]), &Fault::default()), [Promise::Durable]);
}

#[test]
fn requests_fail_only_where_they_may() {
    let unknown = Write { result: WriteResult::Unknown("reset".to_owned()), ..paid(1, HERE, 10, 20) };
    let failed = FailedRead { key: INVOICE, started: ms(1), ended: ms(2), why: "503".to_owned() };
    let history = History { failed_reads: vec![failed], ..history(vec![unknown], Vec::new()) };
    assert_eq!(found(&history, &truth(&[]), &Fault::default()), [Promise::Answers, Promise::Answers]);
    assert_eq!(found(&history, &truth(&[]), &Fault { may_fail: true, ..Fault::default() }), []);
}

#[test]
fn the_truth_is_shown_by_just_what_it_holds() {
    let truth = truth(&[1, 2]);
    assert!(truth.is_shown_by(&read(&[2, 1], HERE, 5)));
    assert!(!truth.is_shown_by(&read(&[1], HERE, 5)));
    let notes = |rows: &[i64]| Read {
        key: Key::CreditNotes(5),
        seen: Seen::Rows(rows.iter().copied().collect()),
        ..read(&[], HERE, 5)
    };
    assert!(truth.is_shown_by(&notes(&[50])) && !truth.is_shown_by(&notes(&[])));
}
