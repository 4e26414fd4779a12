//! Four services over one database and one Redis.

use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;

use system_tests::{Backend, Client, Service, Site, allow_open_files};

use crate::{amount, cents, new_invoice, on_both_databases};

on_both_databases![
    a_thousand_readers_of_one_missing_key_ask_the_database_once,
    concurrent_payments_never_exceed_what_is_due,
    a_payment_acknowledged_by_one_process_is_seen_by_all,
];

const SERVICES: usize = 4;
const READERS: usize = 1_000;
/// A reader does little more than wait.
const READER_STACK_BYTES: usize = 256 * 1024;

fn services(site: &Site) -> [Service; SERVICES] {
    std::array::from_fn(|_| site.serve())
}

fn a_thousand_readers_of_one_missing_key_ask_the_database_once(backend: Backend) {
    allow_open_files(8_192);
    let site = Site::seeded(backend);
    let invoice = crate::open_invoice(&site);
    let services = services(&site);
    assert_eq!(site.redis_value(&format!("invoice:{invoice}")), None);

    let together = Barrier::new(READERS);
    let read = |client: &Client| {
        together.wait();
        client.invoice(invoice).with_status(200)
    };
    let answers: Vec<_> = thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|reader| {
                let client = &services[reader % SERVICES];
                let thread = thread::Builder::new().stack_size(READER_STACK_BYTES);
                thread.spawn_scoped(scope, || read(client)).expect("a thread can be started")
            })
            .collect();
        readers.into_iter().map(|reader| reader.join().expect("a reader is answered")).collect()
    });

    assert_eq!(answers.iter().map(|answer| answer.text.as_str()).collect::<HashSet<_>>().len(), 1);
    let tiers: HashSet<_> = answers.iter().filter_map(|answer| answer.cache.as_deref()).collect();
    assert!(tiers.contains("loaded") && !tiers.contains("bypassed"), "{tiers:?}");
    services.into_iter().for_each(Service::terminate);
    let counters = site.counters();
    assert_eq!(counters.get("invoices:load"), Some(&1), "{counters:?}");
    assert_eq!(counters.get("invoices:fill_stored"), Some(&1), "{counters:?}");
    let stats = site.stats();
    let reads = stats.of_type("invoices", "hits") + stats.of_type("invoices", "misses");
    assert_eq!((reads, stats.of_type("invoices", "bypassed")), (READERS as u64, 0));
}

/// Each transaction id is sent twice, to two services, as an impatient customer's browser does.
fn concurrent_payments_never_exceed_what_is_due(backend: Backend) {
    const PAYMENTS: usize = 40;
    let site = Site::seeded(backend);
    let services = services(&site);
    let invoice = new_invoice(&services[0], "100.00");

    let together = Barrier::new(PAYMENTS);
    let pay = |place: usize| {
        let id = format!("transaction-{}", place / 2);
        together.wait();
        services[place % SERVICES].pay(invoice, "7.00", &id)
    };
    let answers: Vec<_> = thread::scope(|scope| {
        let payers: Vec<_> = (0..PAYMENTS).map(|place| scope.spawn(move || pay(place))).collect();
        payers.into_iter().map(|payer| payer.join().expect("a payment is answered")).collect()
    });

    let refused = answers.iter().filter(|answer| answer.status == 422).count();
    let taken: HashSet<_> =
        answers.iter().filter(|answer| answer.status == 201).map(|answer| answer.text.as_str()).collect();
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count() + refused, PAYMENTS, "{answers:#?}");
    // Fourteen times 7.00 is what fits; the same transaction gave the same payment.
    assert_eq!(taken.len(), 14, "{taken:#?}");
    assert_eq!(site.number(&format!("SELECT count(*) FROM payments WHERE invoice_id = {invoice}")), 14);
    for service in &services {
        let details = service.invoice(invoice).with_status(200).json();
        assert_eq!((cents(&details["total_paid"]), cents(&details["balance_due"])), (98_00, 2_00), "{details}");
    }
}

/// No polling: the first read that begins after the acknowledgement is right, while others read all the time.
fn a_payment_acknowledged_by_one_process_is_seen_by_all(backend: Backend) {
    const PAYMENTS: i64 = 100;
    let site = Site::seeded(backend);
    let services = services(&site);
    let invoice = new_invoice(&services[0], "1000.00");
    let (acknowledged, done) = (AtomicI64::new(0), AtomicBool::new(false));
    let paid_as_seen_by = |client: &Client| cents(&client.invoice(invoice).with_status(200).json()["total_paid"]);

    thread::scope(|scope| {
        let end = EndOfReaders(&done);
        for service in &services {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let before = acknowledged.load(Ordering::Acquire);
                    let seen = paid_as_seen_by(service);
                    assert!(seen >= before, "{} was acknowledged, {} was read", amount(before), amount(seen));
                }
            });
        }
        for (payment, payer) in (1..=PAYMENTS).zip((0..SERVICES).cycle()) {
            let answer = services[payer].pay(invoice, &amount(payment), &format!("seen-{payment}")).with_status(201);
            assert_eq!(answer.invalidation.as_deref(), Some("done"));
            let paid = acknowledged.fetch_add(payment, Ordering::AcqRel) + payment;
            for service in &services {
                assert_eq!(paid_as_seen_by(service), paid, "after payment {payment}");
            }
        }
        drop(end);
    });
}

/// Ends the readers also when an assertion fails, or the scope would wait for them for ever.
struct EndOfReaders<'a>(&'a AtomicBool);

impl Drop for EndOfReaders<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
