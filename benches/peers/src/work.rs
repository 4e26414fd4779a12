//! The works, one after another as they come in, done in the same way by every side.

use std::io::BufRead;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::side::Side;

/// Invoices that are read by hits, if nothing else is said.
const KEYS: i32 = 500;
/// Hits go through the keys in steps of this prime, so that neighbours in time are none in memory.
const STEP: i64 = 7_919;
/// Keys of one read of many.
const MANY: i32 = 100;
/// Readers that run into each write of the race.
const RACERS: u64 = 8;
const RACE_STEP: Duration = Duration::from_micros(400);
/// After a race the loads in flight are over.
const SETTLED: Duration = Duration::from_millis(15);

#[derive(Deserialize)]
struct Work {
    work: String,
    /// Readers at a time.
    #[serde(default = "one")]
    tasks: u32,
    /// Of each task.
    #[serde(default)]
    operations: u32,
    /// The invoice to begin with.
    #[serde(default = "first")]
    first: i32,
    /// Invoices that hits are spread over.
    #[serde(default = "keys")]
    keys: i32,
    /// When to begin, in milliseconds since 1970: processes that are to begin together.
    #[serde(default)]
    at_ms: u64,
}

fn one() -> u32 {
    1
}

fn first() -> i32 {
    1
}

fn keys() -> i32 {
    KEYS
}

/// Answers works until stdin ends.
pub(crate) async fn serve<S: Side>(side: S) -> Result<()> {
    println!("{}", json!({ "ready": S::describe() }));
    // Between the works nothing else is to be done: the thread may wait.
    for line in std::io::stdin().lock().lines() {
        let work: Work = serde_json::from_str(&line?).context("read a work")?;
        let answer = match S::lacks(&work.work) {
            Some(why) => json!({ "lacks": why }),
            None => done(&side, &work).await.unwrap_or_else(|error| json!({ "error": format!("{error:#}") })),
        };
        println!("{answer}");
    }
    Ok(())
}

async fn done<S: Side>(side: &S, work: &Work) -> Result<Value> {
    let loads = side.loads();
    wait_until(work.at_ms).await;
    let started = Instant::now();
    match work.work.as_str() {
        "fill" => read_each(side.clone(), 1, KEYS.unsigned_abs()).await?,
        "populate" => side.populate(work.keys).await?,
        "clear" => side.clear().await?,
        "l1" => {
            in_tasks(side, work, |side, _, operations| async move {
                for _ in 0..operations {
                    side.hot().await?;
                }
                Ok(())
            })
            .await?
        }
        "hit" => in_tasks(side, work, |side, task, operations| hits(side, task, operations, work.keys)).await?,
        "many" => many(side, work.operations).await?,
        "hold" => side.hold(work.operations.cast_signed()).await?,
        "miss" => read_each(side.clone(), work.first, work.operations).await?,
        "stampede" => in_tasks(side, work, |side, _, _| read_each(side, work.first, 1)).await?,
        "write" => {
            for id in work.first..work.first + work.operations.cast_signed() {
                side.write(id).await?;
            }
        }
        "race" => return Ok(json!({ "stale": races(side, work).await? })),
        other => bail!("there is no work {other:?}"),
    }
    Ok(json!({ "seconds": started.elapsed().as_secs_f64(), "loads": side.loads() - loads }))
}

async fn wait_until(at_ms: u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(at_ms).saturating_sub(now)).await;
}

/// Reads invoices in their order.
async fn read_each<S: Side>(side: S, first: i32, count: u32) -> Result<()> {
    for id in first..first + count.cast_signed() {
        side.read(id).await?;
    }
    Ok(())
}

/// Reads invoices here and there among so many.
async fn hits<S: Side>(side: S, first: i32, count: u32, keys: i32) -> Result<()> {
    for number in 0..i64::from(count) {
        let place = (i64::from(first) + number * STEP) % i64::from(keys);
        side.read(i32::try_from(place)? + 1).await?;
    }
    Ok(())
}

async fn many<S: Side>(side: &S, operations: u32) -> Result<()> {
    for number in 0..operations.cast_signed() {
        let first = number * MANY % KEYS + 1;
        let ids: Vec<i32> = (first..first + MANY).collect();
        side.read_many(&ids).await?;
    }
    Ok(())
}

/// Runs the operations in tasks; each is told its side, its number and how many.
async fn in_tasks<S, F>(side: &S, work: &Work, run: impl Fn(S, i32, u32) -> F) -> Result<()>
where
    S: Side,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let spread = work.keys / work.tasks.cast_signed().clamp(1, work.keys);
    let start = |task: i32| tokio::spawn(run(side.clone(), task * spread + 1, work.operations));
    let tasks: Vec<_> = (0..work.tasks.cast_signed()).map(start).collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// How often, after a payment that ran into reads, the cache shows something else than the database.
async fn races<S: Side>(side: &S, work: &Work) -> Result<u32> {
    let mut stale = 0;
    for id in work.first..work.first + work.operations.cast_signed() {
        let readers: Vec<_> = (0..RACERS)
            .map(|number| {
                let side = side.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(RACE_STEP * u32::try_from(number)?).await;
                    side.read(id).await
                })
            })
            .collect();
        side.write(id).await?;
        for reader in readers {
            reader.await??;
        }
        tokio::time::sleep(SETTLED).await;
        stale += u32::from(side.balance(id).await? != side.true_balance(id).await?);
    }
    Ok(stale)
}
