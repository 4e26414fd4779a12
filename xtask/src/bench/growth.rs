//! How the cost of an L2 hit grows with the number of keys in Redis, of tasks in a process, and of processes.
//!
//! Our side and the limit run in turn, in one run. The work of a record is the number on the axis. The processor time
//! is shown beside the time of a read.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::compare::{soon, together};
use super::peer::{Peer, Site};
use super::program::Depth;
use super::record::Record;
use super::side::Side;
use super::usage::{available_bytes, processor_time};
use crate::process::say;

const SIDES: [Peer; 2] = [Peer::Ours, Peer::Raw];
const TASKS: [u32; 5] = [1, 4, 16, 64, 256];
const PROCESSES: [u32; 4] = [1, 2, 4, 8];
const TASKS_OF_A_PROCESS: u32 = 16;
/// Reads per point and round, by all tasks and processes together.
const READS: u32 = 8_192;
/// Keys are added only if the free memory is this many times their expected size.
const SPARE: f64 = 1.3;
/// The figures of each point. The processor time of services is the sum over all processes.
const FIGURES: [&str; 3] = ["time", "processor, services", "processor, Redis"];

/// The processes of the sides, and the server that they read from.
struct Field {
    site: Site,
    sides: Vec<Vec<Side>>,
    /// Number of keys in Redis.
    keys: u64,
    rounds: u32,
}

/// A point of a curve: the section, the number on the axis, and the work.
struct Point {
    section: &'static str,
    at: u64,
    told: Value,
}

pub(crate) fn run(depth: Depth, most_keys: u64) -> Result<Vec<Record>> {
    let (rounds, most_keys) = match depth {
        Depth::Full => (10, most_keys),
        Depth::Quick => (3, most_keys.min(100_000)),
    };
    let mut field = Field { site: Site::start()?, sides: Vec::new(), keys: 0, rounds };
    for peer in SIDES {
        field.sides.push(vec![field.side(peer)?]);
    }
    field.sides[0][0].run(&json!({ "work": "fill" }))?;
    field.populate(1_000)?;
    // The keys come last, because Redis does not return the memory.
    let mut records = field.by_tasks()?;
    records.extend(field.by_processes()?);
    records.extend(field.by_keys(most_keys)?);
    Ok(records)
}

impl Field {
    fn side(&self, peer: Peer) -> Result<Side> {
        self.site.side(peer)?.context("our own side does not start")
    }

    fn populate(&mut self, keys: u64) -> Result<()> {
        self.keys = keys;
        self.sides[1][0].run(&json!({ "work": "populate", "keys": keys })).map(drop)
    }

    fn by_tasks(&mut self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for tasks in TASKS {
            let told = json!({ "work": "hit", "tasks": tasks, "operations": (READS / tasks).min(1_024) });
            records.extend(self.measure(&Point { section: "growth/tasks", at: tasks.into(), told })?);
        }
        Ok(records)
    }

    fn by_processes(&mut self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for processes in PROCESSES {
            for (place, peer) in SIDES.into_iter().enumerate() {
                while self.sides[place].len() < usize::try_from(processes)? {
                    let side = self.side(peer)?;
                    self.sides[place].push(side);
                }
            }
            let operations = READS / TASKS_OF_A_PROCESS / processes;
            let told = json!({ "work": "hit", "tasks": TASKS_OF_A_PROCESS, "operations": operations });
            records.extend(self.measure(&Point { section: "growth/processes", at: processes.into(), told })?);
        }
        self.sides.iter_mut().for_each(|processes| processes.truncate(1));
        Ok(records)
    }

    /// Measures with a thousand keys, then ten times as many, and so on up to `most`, or until the memory is used up.
    fn by_keys(&mut self, most: u64) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for keys in sizes(most) {
            if !self.has_room_for(keys)? {
                say(&format!("growth: {keys} keys do not fit into the memory that is free"));
                break;
            }
            if let Err(error) = self.populate(keys) {
                say(&format!("growth: no more than the points so far: {error:#}"));
                break;
            }
            let told = json!({ "work": "hit", "tasks": 1, "operations": 2_048, "keys": keys });
            records.extend(self.measure(&Point { section: "growth/keys", at: keys, told })?);
        }
        Ok(records)
    }

    /// Estimated from the average size of the present keys.
    fn has_room_for(&self, keys: u64) -> Result<bool> {
        let [used] = self.site.redis.numbers("memory", ["used_memory"])?;
        Ok(keys as f64 * (used / self.keys as f64) * SPARE < used + available_bytes()?)
    }

    /// The time of a read for each side, over all tasks and processes, and its processor time.
    fn measure(&mut self, point: &Point) -> Result<Vec<Record>> {
        say(&format!("{}: {}", point.section, point.at));
        let record =
            |peer: &Peer, figure: &str| Record::new(point.section, &point.at.to_string(), peer.name(), figure, "µs");
        let mut records: Vec<Record> =
            SIDES.iter().flat_map(|peer| FIGURES.map(|figure| record(peer, figure))).collect();
        for round in 0..=self.rounds {
            for (processes, records) in self.sides.iter_mut().zip(records.chunks_mut(FIGURES.len())) {
                let figures = round_of(processes, &self.site, &point.told)?;
                if round > 0 {
                    records.iter_mut().zip(figures).for_each(|(record, figure)| record.rounds.push(figure));
                }
            }
        }
        Ok(records)
    }
}

/// The figures of a read in microseconds, in the order of [`FIGURES`].
fn round_of(processes: &mut [Side], site: &Site, told: &Value) -> Result<[f64; FIGURES.len()]> {
    let services: Vec<u32> = processes.iter().map(Side::id).collect();
    let used = || Ok::<_, anyhow::Error>([processor_time(&services)?, processor_time(&[site.redis.id()])?]);
    let mut told = told.clone();
    told["at_ms"] = soon()?.into();
    let before = used()?;
    let answers = together(processes, &told)?;
    let after = used()?;
    let seconds = answers.iter().map(|answer| answer.seconds).fold(0.0, f64::max);
    let [services, redis] = [0, 1].map(|whose| after[whose].saturating_sub(before[whose]).as_secs_f64());
    let reads = [&told["tasks"], &told["operations"]].map(Value::as_f64);
    let reads = reads[0].zip(reads[1]).context("count the reads")?;
    let reads = reads.0 * reads.1 * answers.len() as f64;
    Ok([seconds, services, redis].map(|seconds| seconds * 1e6 / reads))
}

/// The numbers on the axis of keys.
fn sizes(most: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1_000), |keys| Some(keys * 10)).take_while(move |keys| *keys <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_grow_tenfold_up_to_the_limit() {
        assert_eq!(sizes(1_000_000).collect::<Vec<_>>(), [1_000, 10_000, 100_000, 1_000_000]);
        assert_eq!(sizes(99_999).collect::<Vec<_>>(), [1_000, 10_000]);
    }
}
