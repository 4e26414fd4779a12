//! The costs of an operation: processor time of the service, of Redis and of the database, and bytes to and from Redis.
//! Also the memory of a key of each type in Redis, and of a process. `docs/capacity.md` calculates with these.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use test_servers::RedisServer;
use test_servers::program::stdout_of;

use super::peer::{Peer, RAW, Site};
use super::program::Depth;
use super::record::Record;
use super::side::OURS;
use super::side::Side;
use super::start_up;
use super::usage::{family, processor_time, resident_bytes};
use crate::environment::only_neutral;
use crate::process::say;
use crate::workspace::{Scratch, target_directory};

const OPERATIONS: &str = "costs/operations";
const KEYS: &str = "costs/keys";
const BYTES_A_KEY: &str = "bytes a key";
const KEY_COUNT: &str = "keys";
const PROCESS: &str = "costs/process";
const LONE_HIT: &str = "hit in Redis, 1 task";
const MANY: &str = "100 keys in one read";
const HIT: &str = "hit in Redis, 64 tasks";
const MISS: &str = "miss, with its load";
const PAYMENT: &str = "payment, with invalidation";
const SERVICE: &str = "processor, service";
const REDIS: &str = "processor, Redis";
const DATABASE: &str = "processor, database";
const TO_REDIS: &str = "to Redis";
const FROM_REDIS: &str = "from Redis";
/// The figures of one operation, with their units.
const FIGURES: [(&str, &str); 6] =
    [("time", "µs"), (SERVICE, "µs"), (REDIS, "µs"), (DATABASE, "µs"), (TO_REDIS, "bytes"), (FROM_REDIS, "bytes")];
/// Users and invoices of the demo data.
const USERS: &str = "1000";
const INVOICES: &str = "10000";

/// An operation, in the form in which it is sent to the sides.
struct Operation {
    label: &'static str,
    name: &'static str,
    tasks: u32,
    /// Per task.
    operations: u32,
    sides: &'static [Peer],
}

const ALL: [Operation; 5] = [
    Operation { label: LONE_HIT, name: "hit", tasks: 1, operations: 4_000, sides: BOTH },
    Operation { label: HIT, name: "hit", tasks: 64, operations: 300, sides: BOTH },
    Operation { label: MANY, name: "many", tasks: 1, operations: 200, sides: BOTH },
    Operation { label: MISS, name: "miss", tasks: 1, operations: 400, sides: ONLY_OURS },
    Operation { label: PAYMENT, name: "write", tasks: 1, operations: 150, sides: ONLY_OURS },
];
const BOTH: &[Peer] = &[Peer::Ours, Peer::Raw];
const ONLY_OURS: &[Peer] = &[Peer::Ours];

pub(crate) fn run(depth: Depth) -> Result<Vec<Record>> {
    let rounds = if depth == Depth::Full { 8 } else { 2 };
    let site = Site::start()?;
    let start = |peer| site.side(peer)?.context("our own side does not start");
    let mut sides = [(Peer::Ours, start(Peer::Ours)?), (Peer::Raw, start(Peer::Raw)?)];
    let mut records = vec![process(&sides[0].1)?];
    sides[0].1.run(&json!({ "work": "fill" }))?;
    for operation in &ALL {
        say(&format!("costs: {}", operation.label));
        for (peer, side) in &mut sides {
            if operation.sides.contains(peer) {
                records.extend(operation.measure(&site, side, rounds)?);
            }
        }
    }
    records.extend(keys()?);
    Ok(records)
}

/// The resources used so far.
struct Meter {
    service: Duration,
    redis: Duration,
    database: Duration,
    to_redis: f64,
    from_redis: f64,
}

impl Meter {
    fn read(site: &Site, side: &Side) -> Result<Self> {
        let [to_redis, from_redis] =
            site.redis.numbers("stats", ["total_net_input_bytes", "total_net_output_bytes"])?;
        Ok(Self {
            service: processor_time(&[side.id()])?,
            redis: processor_time(&[site.redis.id()])?,
            database: processor_time(&family(site.with_triggers.id())?)?,
            to_redis,
            from_redis,
        })
    }

    /// The difference to an earlier reading, in the order of [`FIGURES`] after the time.
    fn since(&self, earlier: &Self) -> [f64; 5] {
        let microseconds = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() * 1e6;
        [
            microseconds(self.service, earlier.service),
            microseconds(self.redis, earlier.redis),
            microseconds(self.database, earlier.database),
            self.to_redis - earlier.to_redis,
            self.from_redis - earlier.from_redis,
        ]
    }
}

impl Operation {
    /// The first round is not counted.
    fn measure(&self, site: &Site, side: &mut Side, rounds: u32) -> Result<Vec<Record>> {
        let operations = f64::from(self.tasks * self.operations);
        let record = |(figure, unit)| Record::new(OPERATIONS, self.label, side.name, figure, unit);
        let mut records: Vec<Record> = FIGURES.map(record).into();
        for round in 0..=rounds {
            if self.name == "miss" {
                side.run(&json!({ "work": "clear" }))?;
            }
            let before = Meter::read(site, side)?;
            let time = side.run(&self.told(round))?.seconds * 1e6;
            let used = Meter::read(site, side)?.since(&before);
            if round > 0 {
                let figures = std::iter::once(time).chain(used);
                records.iter_mut().zip(figures).for_each(|(record, total)| record.rounds.push(total / operations));
            }
        }
        // The raw side uses no database.
        if side.name == RAW {
            records.retain(|record| record.figure != DATABASE);
        }
        Ok(records)
    }

    /// Each round of payments uses other invoices; missing keys are read in the same order in every round.
    fn told(&self, round: u32) -> Value {
        let first = if self.name == "write" { round * self.operations + 1 } else { 1 };
        json!({ "work": self.name, "tasks": self.tasks, "operations": self.operations, "first": first })
    }
}

/// A service that has opened its connections and done nothing else.
fn process(ours: &Side) -> Result<Record> {
    let rounds = vec![resident_bytes(ours.id())? / f64::from(1 << 20)];
    Ok(Record { rounds, ..Record::new(PROCESS, "a service without load", OURS, "memory", "MiB") })
}

/// The memory in Redis of a key of each registered type, with the demonstration data.
fn keys() -> Result<Vec<Record>> {
    say("costs: keys of each type");
    start_up::build()?;
    let directory = Scratch::new("bench")?;
    let redis = RedisServer::start()?;
    let tool = target_directory()?.join("release").join("cache-admin");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&tool);
        only_neutral(&mut command).args(arguments).current_dir(directory.path());
        command.env("REDIS_HOST", "127.0.0.1").env("REDIS_PORT", redis.port().to_string());
        command.env("DATABASE_URL", format!("sqlite://{}", directory.path().join("keys.sqlite").display()));
        stdout_of(&mut command)
    };
    run(&["migrate"])?;
    run(&["seed", "--users", USERS, "--invoices", INVOICES])?;
    run(&["warmup", "--limit", INVOICES])?;
    bytes_by_type(&run(&["stats", "--exact", "--format", "json"])?)
}

fn bytes_by_type(stats: &str) -> Result<Vec<Record>> {
    let stats: Value = serde_json::from_str(stats).context("read the report of cache-admin stats")?;
    let types = stats["types"].as_array().context("read the report of cache-admin stats: no types")?;
    let mut records = Vec::new();
    for cached in types {
        let (name, keys, bytes) = (cached["name"].as_str(), cached["keys"].as_f64(), cached["bytes"].as_f64());
        let (Some(name), Some(keys), Some(bytes)) = (name, keys, bytes) else { continue };
        for (figure, value) in [(KEY_COUNT, keys), (BYTES_A_KEY, bytes / keys.max(1.0))] {
            records.push(Record { rounds: vec![value], ..Record::new(KEYS, name, "Redis", figure, "") });
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_one_key() {
        let stats = r#"{"types":[{"name":"invoices","keys":4,"bytes":2000},{"name":"tax_rates","keys":0,"bytes":0}]}"#;
        let rounds: Vec<f64> = bytes_by_type(stats).unwrap().into_iter().flat_map(|record| record.rounds).collect();
        assert_eq!(rounds, [4.0, 500.0, 0.0, 0.0]);
    }
}
