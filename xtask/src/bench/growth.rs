//! How the cost of an L2 hit grows: with the keys in Redis, with the tasks of a process, and with the processes.
//!
//! Ours and the limit in turn, in one run. The work of a record is the number on the axis.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::compare::{soon, together};
use super::peer::{Peer, Site};
use super::program::Depth;
use super::record::Record;
use super::side::Side;
use crate::process::say;

const SIDES: [Peer; 2] = [Peer::Ours, Peer::Raw];
const TASKS: [u32; 5] = [1, 4, 16, 64, 256];
const PROCESSES: [u32; 4] = [1, 2, 4, 8];
const TASKS_OF_A_PROCESS: u32 = 16;
/// Reads of one point of a curve, of all tasks and processes together.
const READS: u32 = 4_096;
/// What an invoice takes in Redis, generously.
const BYTES_OF_A_KEY: u64 = 1_500;

/// The numbers on the axis of keys: a thousand, and ten times as many, up to `most`.
fn sizes(most: u64) -> Vec<u64> {
    std::iter::successors(Some(1_000), |keys| Some(keys * 10)).take_while(|keys| *keys <= most).collect()
}

pub(crate) fn run(depth: Depth, most_keys: u64) -> Result<Vec<Record>> {
    let (rounds, most_keys) = match depth {
        Depth::Full => (10, most_keys),
        Depth::Quick => (3, most_keys.min(100_000)),
    };
    let site = Site::start()?;
    let mut sides: Vec<Vec<Side>> = Vec::new();
    for peer in SIDES {
        sides.push(vec![site.side(peer)?.context("our own side does not start")?]);
    }
    sides[0][0].run(&json!({ "work": "fill" }))?;
    let mut records = by_keys(&mut sides, rounds, within_memory(most_keys)?)?;
    sides[1][0].run(&json!({ "work": "populate", "keys": 1_000 }))?;
    for tasks in TASKS {
        say(&format!("growth: {tasks} tasks"));
        let told = json!({ "work": "hit", "tasks": tasks, "operations": (READS / tasks).min(1_024) });
        records.extend(point("growth/tasks", u64::from(tasks), &mut sides, &told, rounds)?);
    }
    for processes in PROCESSES {
        say(&format!("growth: {processes} processes"));
        for (peer, sides) in SIDES.iter().zip(&mut sides) {
            while sides.len() < usize::try_from(processes)? {
                sides.push(site.side(*peer)?.context("our own side does not start")?);
            }
        }
        let operations = READS / TASKS_OF_A_PROCESS / processes;
        let told = json!({ "work": "hit", "tasks": TASKS_OF_A_PROCESS, "operations": operations });
        records.extend(point("growth/processes", u64::from(processes), &mut sides, &told, rounds)?);
    }
    Ok(records)
}

fn by_keys(sides: &mut [Vec<Side>], rounds: u32, most_keys: u64) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for keys in sizes(most_keys) {
        say(&format!("growth: {keys} keys"));
        sides[1][0].run(&json!({ "work": "populate", "keys": keys }))?;
        let told = json!({ "work": "hit", "tasks": 1, "operations": 1_024, "keys": keys });
        records.extend(point("growth/keys", keys, sides, &told, rounds)?);
    }
    Ok(records)
}

/// A point of the curve of each side: the time of a read, over all tasks and processes.
fn point(section: &str, at: u64, sides: &mut [Vec<Side>], told: &Value, rounds: u32) -> Result<Vec<Record>> {
    let record = |processes: &Vec<Side>| Record::new(section, &at.to_string(), processes[0].name, "time", "µs");
    let mut records: Vec<Record> = sides.iter().map(record).collect();
    let reads = |processes: usize| -> Option<f64> {
        Some(told["tasks"].as_f64()? * told["operations"].as_f64()? * f64::from(u32::try_from(processes).ok()?))
    };
    for round in 0..=rounds {
        for (record, processes) in records.iter_mut().zip(&mut *sides) {
            let mut told = told.clone();
            told["at_ms"] = soon()?.into();
            let answers = together(processes, &told)?;
            let seconds = answers.iter().map(|answer| answer.seconds).fold(0.0, f64::max);
            if round > 0 {
                record.rounds.push(seconds * 1e6 / reads(answers.len()).context("count the reads")?);
            }
        }
    }
    Ok(records)
}

/// As many keys as the free memory holds twice over.
fn within_memory(keys: u64) -> Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").context("read the free memory")?;
    let free =
        text.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB")?.parse().ok());
    let free: u64 = free.context("read the free memory: no MemAvailable")?;
    let possible = free * 1_024 / 2 / BYTES_OF_A_KEY;
    if possible < keys {
        say(&format!("growth: at most {possible} keys of {keys}, as the memory allows"));
    }
    Ok(keys.min(possible))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_grow_tenfold_up_to_the_limit() {
        assert_eq!(sizes(1_000_000), [1_000, 10_000, 100_000, 1_000_000]);
        assert_eq!(sizes(99_999), [1_000, 10_000]);
    }

    #[test]
    fn memory_bounds_the_keys() {
        assert_eq!(within_memory(1).unwrap(), 1);
        assert!(within_memory(u64::MAX).unwrap() < u64::MAX);
    }
}
