//! The memory of a cached invoice: in Redis, including everything that a side stores with it, and in a process.

use anyhow::{Result, ensure};
use serde_json::json;

use super::peer::{ONLY_READERS, Peer, Site, figure};
use super::record::Record;
use super::side::Side;
use super::usage::resident_bytes;
use crate::process::say;

/// Number of invoices cached in Redis.
const FILLED: u32 = 2_000;
/// Number of entries in a process before and after the measurement. After the first fill, connections and buffers have
/// reached their size.
const HELD: [u32; 2] = [1_000, 5_000];
/// The sides that hold invoices in the process, and the plain invoices. Bentocache is excluded, because in
/// garbage-collected memory the growth of the process says nothing about the size of an entry.
const HOLDERS: [Peer; 4] = [Peer::Ours, Peer::Raw, Peer::Moka, Peer::Cashews];

/// The memory in Redis per cached invoice.
pub(crate) fn of_redis(site: &Site, sides: &mut [Side]) -> Vec<Record> {
    let mut records = Vec::new();
    for side in sides.iter_mut().filter(|side| !ONLY_READERS.contains(&side.name) && side.name != Peer::Moka.name()) {
        let mut record = figure("a cached invoice in Redis", side, "bytes", "");
        record.add(filled(site, side));
        records.push(record);
    }
    records
}

fn filled(site: &Site, side: &mut Side) -> Result<f64> {
    side.run(&json!({ "work": "clear" }))?;
    let [before] = site.redis.numbers("memory", ["used_memory"])?;
    side.run(&json!({ "work": "miss", "operations": FILLED, "first": 1 }))?;
    let [after] = site.redis.numbers("memory", ["used_memory"])?;
    side.run(&json!({ "work": "clear" }))?;
    Ok((after - before) / f64::from(FILLED))
}

/// The memory of an invoice in a process: the growth of the process per invoice.
pub(crate) fn of_processes(site: &Site) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for peer in HOLDERS {
        let Some(mut side) = site.holding_side(peer)? else { continue };
        say(&format!("memory of a process: {}", peer.name()));
        let mut record = figure("an invoice in the memory of the process", &side, "bytes", "");
        record.add(grown(&mut side));
        if peer == Peer::Raw {
            record.side = "the value alone".to_owned();
        }
        records.push(record);
    }
    Ok(records)
}

fn grown(side: &mut Side) -> Result<f64> {
    let mut resident = [0.0; 2];
    for (held, resident) in HELD.into_iter().zip(&mut resident) {
        let answer = side.run(&json!({ "work": "hold", "operations": held, "first": 1 }))?;
        ensure!(answer.lacks.is_none(), "it holds nothing");
        *resident = resident_bytes(side.id())?;
    }
    Ok((resident[1] - resident[0]) / f64::from(HELD[1] - HELD[0]))
}
