//! The tables of the capacity page, each number with the arithmetic that leads to it.

use anyhow::{Result, bail};

use super::costs::OPERATIONS;
use super::estimate::{BUSY_SHARE, Costs, Hour, INVOICE_LIFE, INVOICES, NOTES_LIFE, Operation, PAGES, PAYING};
use super::record::Records;
use super::table::{Column, Table, figures, number, with_unit};

const SECOND: f64 = 1e6;
const GIB: f64 = (1_u64 << 30) as f64;
const MIB: f64 = (1_u64 << 20) as f64;
/// Bytes a second of a link of 1 Gbit/s.
const LINK: f64 = 125e6;
/// Of a core or of memory, what is planned with.
const PLANNED: f64 = 0.5;
/// Of a master of a cluster, in the example.
const MASTER_GIB: f64 = 8.0;
const MASTERS: [u32; 4] = [1, 3, 6, 12];
const CUSTOMERS: [f64; 3] = [10_000.0, 100_000.0, 1_000_000.0];

/// A table of the page by its name; `None` if what it is computed from was not measured.
pub(crate) fn part(records: &Records, name: &str) -> Result<Option<String>> {
    let table: fn(&Costs) -> String = match name {
        "operations" => {
            let there = records.section(OPERATIONS).next().is_some();
            return Ok(there.then(|| figures(records, &[Column { section: OPERATIONS, name: "PostgreSQL" }])));
        }
        "machine" => machine,
        "keys" => keys,
        "cluster" => cluster,
        "assumptions" => |_| assumptions(),
        "provider" => provider,
        unknown => bail!("the template of the capacity page asks for {unknown:?}, which there is not"),
    };
    Ok(Costs::of(records).map(|costs| table(&costs)))
}

fn per_second(microseconds: f64) -> String {
    about(SECOND / microseconds)
}

/// In three digits: more were not measured.
fn about(value: f64) -> String {
    if value < 1_000.0 {
        return number(value);
    }
    let unit = 10_f64.powf(value.log10().floor() - 2.0);
    number((value / unit).round() * unit)
}

/// What one machine carries, by what is the limit.
fn machine(costs: &Costs) -> String {
    let mut table = Table::new(&["what", "arithmetic", "a second"]);
    let mut row = |what: &str, cost: f64, of: &str| {
        table.row(&[what.to_owned(), format!("1 s ÷ {} ({of})", with_unit(cost, "µs")), per_second(cost)]);
    };
    row("reads from memory, one core of a service", costs.memory_hit, "a hit in memory");
    row("reads from Redis, one core of a service", costs.hit.service, "its processor time, 64 tasks");
    row("reads from Redis, one Redis", costs.hit.redis, "its processor time, 64 tasks");
    row("the same where each read comes alone", costs.lone_hit.redis, "its processor time, 1 task");
    row("keys of reads of 100, one Redis", costs.one_of_many.redis, "its processor time, 1 key of 100");
    row("reads from Redis, service and Redis on this machine", costs.hit.time, "the time of a read, 64 tasks");
    row("loads, one core of the database", costs.miss.database, "its processor time");
    row("fills, one Redis", costs.miss.redis, "its processor time: GET, ACQUIRE, FILL");
    row("payments, one core of the database", costs.payment.database, "its processor time");
    row("payments one after another", costs.payment.time, "the time of one");
    table.row(&[
        "reads over a link of 1 Gbit/s".to_owned(),
        format!("125 MB ÷ {} bytes to and from Redis", number(costs.hit.traffic)),
        about(LINK / costs.hit.traffic),
    ]);
    let process = number(costs.process_mib);
    let mut text = table.finish();
    text.push_str(&format!("\n\nA service that has its connections and has done nothing takes {process} MiB."));
    if let Some([entry, value]) = costs.entry_and_value_bytes {
        text.push_str(&format!(
            " Each invoice in its memory would take {} bytes, of which {} are the value; so {} fit into a MiB.",
            about(entry),
            about(value),
            about(MIB / entry),
        ));
    }
    text
}

/// What a GiB of Redis holds.
fn keys(costs: &Costs) -> String {
    let mut table = Table::new(&["type", "bytes a key", "keys in 1 GiB"]);
    for keys in costs.keys.iter().filter(|keys| keys.count > 0.0) {
        table.row(&[keys.cached_type.clone(), number(keys.bytes), about(GIB / keys.bytes)]);
    }
    table.finish()
}

/// What n masters carry.
fn cluster(costs: &Costs) -> String {
    let reads = PLANNED * SECOND / costs.hit.redis;
    let fills = PLANNED * SECOND / costs.miss.redis;
    let invoices = costs.keys.iter().find(|keys| keys.cached_type == "invoices").map_or(f64::NAN, |keys| keys.bytes);
    let held = PLANNED * MASTER_GIB * GIB / invoices;
    let mut table = Table::new(&["masters", "reads a second", "or fills a second", "invoices held", "traffic (MB/s)"]);
    for masters in MASTERS {
        let of = |one: f64| about(one * f64::from(masters));
        table.row(&[masters.to_string(), of(reads), of(fills), of(held), of(reads * costs.hit.traffic / 1e6)]);
    }
    format!(
        "{}\n\nOne master: half a core ÷ {} a read, half a core ÷ {} a fill; half of {} GiB ÷ {} bytes an invoice; reads × {} \
         bytes.",
        table.finish(),
        with_unit(costs.hit.redis, "µs"),
        with_unit(costs.miss.redis, "µs"),
        number(MASTER_GIB),
        number(invoices),
        number(costs.hit.traffic),
    )
}

fn assumptions() -> String {
    let [one_in, values, own, missed] =
        [1.0 / BUSY_SHARE, PAGES * (INVOICES + 3.0), PAGES * (INVOICES + 1.0), INVOICES + 1.0];
    let [paying, invoice_life, notes_life] = [1.0 / PAYING, INVOICE_LIFE / 60.0, NOTES_LIFE / 60.0];
    [
        format!("- In the busiest hour one customer in {one_in} looks at the bills: a *visit*."),
        format!(
            "- A visit is {PAGES} pages within five minutes. Each shows the same: {INVOICES} invoices, the credit notes, a tax \
             rate, the active discounts. So a visit reads {values} values, {own} of them the customer's own."
        ),
        format!(
            "- The first page misses the customer's own {missed} values, and the page after a payment its invoice; one visit \
             in {paying} pays. Tax rates and discounts are in memory."
        ),
        format!(
            "- An invoice lives {invoice_life} minutes in Redis, credit notes {notes_life}. Reads come one by one: nothing is \
             shared."
        ),
    ]
    .join("\n")
}

/// A column for each provider.
fn provider(costs: &Costs) -> String {
    let hours = CUSTOMERS.map(|customers| Hour::of(costs, customers));
    let head: Vec<String> = CUSTOMERS.iter().map(|customers| format!("{} customers", number(*customers))).collect();
    let mut table = Table::new(&["", "arithmetic", &head[0], &head[1], &head[2]]);
    let mut row = |what: &str, arithmetic: &str, of: &dyn Fn(&Hour) -> String| {
        let [first, second, third] = hours.each_ref().map(of);
        table.row(&[what, arithmetic, &first, &second, &third]);
    };
    let percent = |cores: f64| format!("{} %", number(cores * 100.0));
    let mib = |bytes: f64| format!("{} MiB", about(bytes / MIB));
    row("visits a second", "customers ÷ 10 ÷ 3,600 s", &|hour| number(hour.visits));
    row("reads a second", "visits × 15", &|hour| number(hour.reads()));
    row("of them from memory", "visits × 6", &|hour| number(hour.memory_hits));
    row("of them from Redis", "visits × (9 − 3.2)", &|hour| number(hour.redis_hits));
    row("of them loads", "visits × (3 + 0.2)", &|hour| number(hour.loads));
    row("hit rate", "1 − loads ÷ reads", &|hour| format!("{} %", number(hour.hit_rate())));
    row("payments a second", "visits × 0.2", &|hour| number(hour.payments));
    row("invoices in Redis", "visits × 2 × 300 s", &|hour| about(hour.invoices));
    row("credit notes in Redis", "visits × 600 s", &|hour| about(hour.credit_notes));
    row("memory of all keys", "keys × bytes, rates and discounts with them", &|hour| mib(hour.bytes));
    row("one core of the services", &sum(costs, |cost| cost.service), &|hour| percent(hour.service_cores));
    row("one core of Redis", &sum(costs, |cost| cost.redis), &|hour| percent(hour.redis_cores));
    let [load, payment] = [costs.miss.database, costs.payment.database].map(|cost| with_unit(cost, "µs"));
    let of_database = format!("loads × {load} + payments × {payment}");
    row("one core of the database", &of_database, &|hour| percent(hour.database_cores));
    row("to and from Redis (kB/s)", "the same with bytes", &|hour| number(hour.traffic / 1e3));
    row("Redis empty or away: loads a second", "visits × 9", &|hour| number(hour.loads_without));
    row("the same: one core of the database", "as above", &|hour| percent(hour.database_cores_without));
    if let Some(cost) = costs.warm_up {
        let arithmetic = format!("keys × {}", with_unit(cost, "µs"));
        let of = |hour: &Hour| hour.warm_up.map_or_else(String::new, |seconds| with_unit(seconds, "s"));
        row("a warm-up of all keys that live", &arithmetic, &of);
    }
    row("keys if all came within five minutes", "customers × 3", &|hour| number(hour.keys_of_all));
    row("memory of those", "keys × bytes", &|hour| mib(hour.bytes_of_all));
    table.finish()
}

/// Of hits, loads and payments.
fn sum(costs: &Costs, of: fn(&Operation) -> f64) -> String {
    let [hit, miss, payment] =
        [&costs.lone_hit, &costs.miss, &costs.payment].map(|operation| with_unit(of(operation), "µs"));
    format!("hits × {hit} + loads × {miss} + payments × {payment}")
}

#[cfg(test)]
mod tests {
    use super::super::estimate::tests::costs;
    use super::*;

    #[test]
    fn each_number_stands_beside_its_arithmetic() {
        let costs = costs();
        assert!(machine(&costs).contains("| 1 s ÷ 5.00 µs (its processor time, 64 tasks) | 200,000 |"));
        assert!(machine(&costs).contains("900 bytes, of which 600 are the value; so 1,170 fit"));
        assert!(keys(&costs).contains("| invoices | 700 | 1,530,000 |"));
        assert!(cluster(&costs).contains("| 3 | 300,000 | 75,000 |"));
        assert!(provider(&costs).contains("| visits a second | customers ÷ 10 ÷ 3,600 s | 0.28 | 2.78 | 27.8 |"));
    }

    #[test]
    fn the_arithmetic_that_is_shown_is_that_of_the_model() {
        assert_eq!((BUSY_SHARE, PAGES, INVOICES, PAYING), (0.1, 3.0, 2.0, 0.2));
        assert_eq!((INVOICE_LIFE, NOTES_LIFE), (300.0, 600.0));
        assert!(assumptions().contains("reads 15 values, 9 of them"));
    }

    #[test]
    fn three_digits_are_shown_of_any_number() {
        for (value, shown) in [(0.214, "0.21"), (19.94, "19.9"), (1_165.0, "1,170"), (1_533_916.0, "1,530,000")] {
            assert_eq!(about(value), shown);
        }
    }

    #[test]
    fn what_was_not_measured_is_no_table() {
        for name in ["operations", "machine", "keys", "cluster", "provider"] {
            assert_eq!(part(&Records::default(), name).unwrap(), None);
        }
        assert!(part(&Records::default(), "nothing").is_err());
    }
}
