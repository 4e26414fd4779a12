//! The comparison with the peers: works in turn, stampedes, and writes that race with reads.

use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use test_servers::program::find_program;

use super::memory;
use super::peer::{ONLY_READERS, Peer, SECTION, Site, figure};
use super::program::Depth;
use super::record::Record;
use super::side::{Answer, Side};
use super::works::{WORKS, Work};
use crate::process::{self, say};
use crate::workspace::Scratch;

/// How far ahead the common start of several processes is.
const LEAD: Duration = Duration::from_millis(100);
const PROCESSES: u32 = 4;
const READERS: u32 = 1_000;
const RACES: u32 = 100;
/// For a round of redis-benchmark with many clients. With one client it takes ten times as long.
const REQUESTS: u32 = 50_000;

/// Runs everything and prints nothing.
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
    records.extend(races(&mut sides));
    records.extend(memory::of_redis(&site, &mut sides));
    drop(sides);
    records.extend(memory::of_processes(&site)?);
    Ok(records)
}

/// The time that each side takes.
fn in_turn(sides: &mut [Side], work: &Work, rounds: u32) -> Result<Vec<Record>> {
    let mut records: Vec<Record> = sides.iter().map(|side| figure(work.label, side, "time", "µs")).collect();
    work.in_turn(sides, &mut records, rounds)?;
    Ok(records)
}

/// How often the database is queried when many readers request one missing key, in one process and in several.
fn stampedes(site: &Site, sides: &mut [Side], rounds: u32) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for peer in Peer::ALL.into_iter().filter(|peer| !ONLY_READERS.contains(&peer.name())) {
        let Some(side) = sides.iter_mut().find(|side| side.name == peer.name()) else { continue };
        say(&format!("readers of one missing key: {}", peer.name()));
        let first = std::slice::from_mut(side);
        records.extend(stampede("1,000 readers of one missing key, 1 process", first, rounds));
        let mut processes = Vec::new();
        for _ in 0..PROCESSES {
            processes.extend(site.side(peer)?);
        }
        records.extend(stampede("1,000 readers of one missing key, 4 processes", &mut processes, rounds));
    }
    Ok(records)
}

fn stampede(label: &'static str, processes: &mut [Side], rounds: u32) -> [Record; 2] {
    let mut time = figure(label, &processes[0], "time", "ms");
    let mut loads = figure(label, &processes[0], "loads", "");
    for round in 0..=rounds {
        match rush(processes, round) {
            Ok(_) if round == 0 => {}
            Ok((milliseconds, asked)) => {
                time.add(Ok(milliseconds));
                loads.add(Ok(f64::from(asked)));
            }
            Err(error) => {
                loads.add(Err(error));
                time.rounds.clear();
                break;
            }
        }
    }
    [time, loads]
}

/// Milliseconds until the last reader of a missing key has its answer, and the number of database queries.
fn rush(processes: &mut [Side], round: u32) -> Result<(f64, u32)> {
    for process in &mut *processes {
        process.run(&json!({ "work": "clear" }))?;
    }
    let readers = READERS / u32::try_from(processes.len())?;
    let told = json!({ "work": "stampede", "tasks": readers, "first": 2_000 + round, "at_ms": soon()? });
    let answers = together(processes, &told)?;
    let seconds = answers.iter().map(|answer| answer.seconds).fold(0.0, f64::max);
    Ok((seconds * 1e3, answers.iter().map(|answer| answer.loads).sum()))
}

/// Runs the work in all processes at the same time.
pub(crate) fn together(processes: &mut [Side], work: &Value) -> Result<Vec<Answer>> {
    for process in &mut *processes {
        process.ask(work)?;
    }
    processes.iter_mut().map(Side::answer).collect()
}

/// A start time that processes can wait for, in milliseconds since 1970.
pub(crate) fn soon() -> Result<u64> {
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).context("read the clock")? + LEAD;
    Ok(u64::try_from(moment.as_millis())?)
}

/// Payments that race with reads, and how often the cache is stale afterwards.
fn races(sides: &mut [Side]) -> Vec<Record> {
    let mut records = Vec::new();
    for side in sides.iter_mut().filter(|side| !ONLY_READERS.contains(&side.name)) {
        say(&format!("payments that run into reads: {}", side.name));
        let mut record = figure("100 payments, each running into 8 reads", side, "stale afterwards", "");
        record.add(stale(side));
        records.push(record);
    }
    records
}

fn stale(side: &mut Side) -> Result<f64> {
    side.run(&json!({ "work": "clear" }))?;
    Ok(f64::from(side.run(&json!({ "work": "race", "operations": RACES, "first": 5_000 }))?.stale))
}

/// The result of redis-benchmark for GETs of a cached invoice at the same concurrency. It decodes nothing.
fn redis_benchmark(site: &Site, work: &Work, rounds: u32) -> Result<Record> {
    let mut record = Record::new(SECTION, work.label, "redis-benchmark", "time", "µs");
    let Some(program) = find_program("redis-benchmark", &[]) else {
        record.note = Some("not on this machine".to_owned());
        return Ok(record);
    };
    let (port, clients) = (site.redis.port().to_string(), work.tasks.to_string());
    let requests = if work.tasks == 1 { REQUESTS / 10 } else { REQUESTS }.to_string();
    let directory = Scratch::new("bench-output")?;
    let output = directory.path().join("stdout");
    for _ in 0..rounds {
        let mut command = Command::new(&program);
        command.args(["-h", "127.0.0.1", "-p", &port, "-c", &clients, "-n", &requests, "--csv", "GET", "invoice:1"]);
        // It would retry for ever if its server has ended, so it must end with this task.
        process::run("redis-benchmark", command.stdout(File::create(&output)?))?;
        record.rounds.push(1e6 / requests_a_second(&fs::read_to_string(&output)?)?);
    }
    Ok(record)
}

/// The second field of the last line.
fn requests_a_second(csv: &str) -> Result<f64> {
    let fields =
        csv.lines().last().and_then(|line| line.split(',').find_map(|field| field.trim_matches('"').parse().ok()));
    fields.with_context(|| format!("read what redis-benchmark printed: {csv}"))
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
