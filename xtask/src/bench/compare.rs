//! The comparison with the peers: works, and who does them in turn.

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::OURS;
use super::peer::{Peer, RAW, Site};
use super::program::Depth;
use super::record::Record;
use super::side::{Answer, Side};
use crate::process::{find_program, say, stdout_of};
use crate::redis;

const SECTION: &str = "peers";
/// Processes that begin together wait so long for their sign.
const LEAD: Duration = Duration::from_millis(100);
const PROCESSES: u32 = 4;
const READERS: u32 = 1_000;
const RACES: u32 = 100;
/// Invoices that memory is measured on.
const FILLED: u32 = 2_000;

/// A work as all sides are told it.
struct Work {
    label: &'static str,
    name: &'static str,
    tasks: u32,
    /// Of each task.
    operations: u32,
    /// What is not measured.
    before: Before,
    /// What the time of a round is divided by.
    divisor: u32,
}

/// What goes before the rounds of a work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Everything that is read is cached, from the first round on.
    Fill,
    /// Nothing is cached when a round begins.
    Clear,
}

impl Before {
    fn name(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Clear => "clear",
        }
    }
}

const WORKS: [Work; 7] = [
    work("L1 hit, 1 thread", "l1", 1, 20_000, Before::Fill, 20_000),
    work("L1 hit, 2 threads", "l1", 2, 20_000, Before::Fill, 20_000),
    work("L2 hit, 1 task", "hit", 1, 300, Before::Fill, 300),
    work("L2 hits, 64 tasks", "hit", 64, 20, Before::Fill, 64 * 20),
    work("100 keys in one read", "many", 1, 10, Before::Fill, 10),
    work("miss, with its load", "miss", 1, 50, Before::Clear, 50),
    work("payment, with invalidation", "write", 1, 20, Before::Fill, 20),
];

const fn work(
    label: &'static str,
    name: &'static str,
    tasks: u32,
    operations: u32,
    before: Before,
    divisor: u32,
) -> Work {
    Work { label, name, tasks, operations, before, divisor }
}

/// Runs everything, and prints nothing.
pub(crate) fn run(depth: Depth) -> Result<Vec<Record>> {
    let rounds = if depth == Depth::Full { 10 } else { 3 };
    let site = Site::start()?;
    let mut records = Vec::new();
    let mut sides = Vec::new();
    for peer in Peer::ALL {
        match site.side(peer)? {
            Some(side) => sides.push(side),
            None => records.extend(WORKS.iter().map(|work| Record {
                note: Some("cannot run on this machine; the command said why".to_owned()),
                ..Record::new(SECTION, work.label, peer.name(), "time", "µs")
            })),
        }
    }
    for work in &WORKS {
        say(work.label);
        records.extend(in_turn(&mut sides, work, rounds)?);
        if work.name == "hit" {
            records.push(redis_benchmark(&site, work, rounds)?);
        }
    }
    records.extend(stampedes(&site, &mut sides, rounds)?);
    records.extend(races(&mut sides)?);
    records.extend(memory(&site, &mut sides)?);
    Ok(records)
}

/// Each side does the work once a round, and another one begins each round; the first round does not count.
fn in_turn(sides: &mut [Side], work: &Work, rounds: u32) -> Result<Vec<Record>> {
    let mut records: Vec<Record> = sides.iter().map(|side| figure(work.label, side, "time", "µs")).collect();
    let count = sides.len();
    for round in 0..=rounds {
        for turn in 0..count {
            let place = (turn + usize::try_from(round)?) % count;
            if records[place].note.is_some() {
                continue;
            }
            match round_of(&mut sides[place], work, round) {
                Ok(Ok(_)) if round == 0 => {}
                Ok(Ok(seconds)) => records[place].rounds.push(seconds * 1e6 / f64::from(work.divisor)),
                Ok(Err(lack)) => records[place].note = Some(lack),
                Err(error) => records[place].note = Some(format!("failed: {error:#}")),
            }
        }
    }
    Ok(records)
}

/// The seconds of the work, or why the side cannot do it.
fn round_of(side: &mut Side, work: &Work, round: u32) -> Result<Result<f64, String>> {
    let told = |operations: u32| {
        let first = round * work.operations + 1;
        json!({ "work": work.name, "tasks": work.tasks, "operations": operations, "first": first })
    };
    if let (0, Some(lack)) = (round, side.run(&told(0))?.lacks) {
        return Ok(Err(lack));
    }
    if round == 0 || work.before == Before::Clear {
        side.run(&json!({ "work": work.before.name() }))?;
    }
    Ok(Ok(side.run(&told(work.operations))?.seconds))
}

/// How many times the database is asked when many ask for one missing key: in one process, and in several.
fn stampedes(site: &Site, sides: &mut [Side], rounds: u32) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for peer in Peer::ALL.into_iter().filter(|peer| *peer != Peer::Raw) {
        let Some(side) = sides.iter_mut().find(|side| side.name == peer.name()) else { continue };
        say(&format!("readers of one missing key: {}", peer.name()));
        let first = std::slice::from_mut(side);
        records.extend(stampede("1,000 readers of one missing key, 1 process", first, rounds)?);
        let mut processes = Vec::new();
        for _ in 0..PROCESSES {
            processes.extend(site.side(peer)?);
        }
        records.extend(stampede("1,000 readers of one missing key, 4 processes", &mut processes, rounds)?);
    }
    Ok(records)
}

fn stampede(label: &'static str, processes: &mut [Side], rounds: u32) -> Result<[Record; 2]> {
    let mut time = figure(label, &processes[0], "time", "ms");
    let mut loads = figure(label, &processes[0], "loads", "");
    let readers = READERS / u32::try_from(processes.len())?;
    for round in 0..=rounds {
        for process in &mut *processes {
            process.run(&json!({ "work": "clear" }))?;
        }
        let told = json!({ "work": "stampede", "tasks": readers, "first": 2_000 + round, "at_ms": soon()? });
        let answers = together(processes, &told)?;
        if round > 0 {
            time.rounds.push(answers.iter().map(|answer| answer.seconds).fold(0.0, f64::max) * 1e3);
            loads.rounds.push(f64::from(answers.iter().map(|answer| answer.loads).sum::<u32>()));
        }
    }
    Ok([time, loads])
}

/// All processes at once.
pub(crate) fn together(processes: &mut [Side], work: &Value) -> Result<Vec<Answer>> {
    for process in &mut *processes {
        process.ask(work)?;
    }
    processes.iter_mut().map(Side::answer).collect()
}

/// A moment that processes can wait for, in milliseconds since 1970.
pub(crate) fn soon() -> Result<u64> {
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).context("read the clock")? + LEAD;
    Ok(u64::try_from(moment.as_millis())?)
}

/// Payments that run into reads, and how often the cache then shows what the database does not say.
fn races(sides: &mut [Side]) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for side in sides.iter_mut().filter(|side| side.name != RAW) {
        say(&format!("payments that run into reads: {}", side.name));
        side.run(&json!({ "work": "clear" }))?;
        let answer = side.run(&json!({ "work": "race", "operations": RACES, "first": 5_000 }))?;
        let mut record = figure("100 payments, each running into 8 reads", side, "stale afterwards", "");
        record.rounds.push(f64::from(answer.stale));
        records.push(record);
    }
    Ok(records)
}

/// What Redis holds for a cached invoice, with what a side keeps beside it.
fn memory(site: &Site, sides: &mut [Side]) -> Result<Vec<Record>> {
    let used = || -> Result<f64> { Ok(redis::info(site.redis.port, "memory", "used_memory")?.parse()?) };
    let mut records = Vec::new();
    for side in sides.iter_mut().filter(|side| ![RAW, Peer::Moka.name()].contains(&side.name)) {
        side.run(&json!({ "work": "clear" }))?;
        let before = used()?;
        side.run(&json!({ "work": "miss", "operations": FILLED, "first": 1 }))?;
        let mut record = figure("a cached invoice in Redis", side, "bytes", "");
        record.rounds.push((used()? - before) / f64::from(FILLED));
        records.push(record);
        side.run(&json!({ "work": "clear" }))?;
    }
    Ok(records)
}

/// What Redis's own benchmark makes of GETs of a cached invoice at the same concurrency; it decodes nothing.
fn redis_benchmark(site: &Site, work: &Work, rounds: u32) -> Result<Record> {
    let mut record = Record::new(SECTION, work.label, "redis-benchmark", "time", "µs");
    let Some(program) = find_program("redis-benchmark", &[]) else {
        record.note = Some("not on this machine".to_owned());
        return Ok(record);
    };
    let (port, clients) = (site.redis.port.to_string(), work.tasks.to_string());
    let requests = (work.divisor * 10).to_string();
    for _ in 0..rounds {
        let mut command = Command::new(&program);
        command.args(["-h", "127.0.0.1", "-p", &port, "-c", &clients, "-n", &requests, "--csv", "GET", "invoice:1"]);
        record.rounds.push(1e6 / requests_a_second(&stdout_of(&mut command)?)?);
    }
    Ok(record)
}

/// The second field of the last line.
fn requests_a_second(csv: &str) -> Result<f64> {
    let fields =
        csv.lines().last().and_then(|line| line.split(',').find_map(|field| field.trim_matches('"').parse().ok()));
    fields.with_context(|| format!("read what redis-benchmark printed: {csv}"))
}

/// Our own side and the limit are of this repository; a peer is of a version.
fn figure(work: &str, side: &Side, figure: &str, unit: &str) -> Record {
    let name = match side.name {
        own @ (OURS | RAW) => own.to_owned(),
        peer => format!("{peer} {}", side.version),
    };
    Record::new(SECTION, work, &name, figure, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_what_redis_benchmark_prints() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"GET invoice:1\",\"125000.00\",\"0.2\"";
        assert_eq!(requests_a_second(csv).unwrap(), 125_000.0);
        assert!(requests_a_second("nothing").is_err());
    }

    #[test]
    fn processes_begin_a_little_later() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert!(u128::from(soon().unwrap()) > now.as_millis());
    }
}
