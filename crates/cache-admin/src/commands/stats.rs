//! `stats`: what stands in Redis by cached type, and what the processes counted. Asks the database nothing.

use std::time::Duration;

use anyhow::Result;
use billing_cache::{Event, Survey, Usage};
use billing_core::cached::BillingCache;
use clap::Args;
use cli_support::{Code, CommonArgs, Progress, exit, open, render, watch};

use crate::reports::stats::{Counted, Others, Server, StatsReport, TypeStats};

const EXAMPLES: &str = "\
Examples:
  cache-admin stats
  cache-admin stats --hours 1 --watch 5
  cache-admin stats --watch 60 --format json >> stats.jsonl
  cache-admin stats --format json | jq '.types[] | {name, keys}'";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Hits and misses of the last so many hours, the current one included; counters are kept for 31 days
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=744))]
    hours: u64,
    /// Look again every so many seconds, until Ctrl-C; as JSON one document a line
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    watch: Option<u64>,
}

pub(crate) async fn run(arguments: &Arguments, common: &CommonArgs) -> Result<Code> {
    if let Some(seconds) = arguments.watch {
        return watch::repeat(Duration::from_secs(seconds), common.format, || look(arguments, common)).await;
    }
    let report = exit::interruptible("nothing was changed", look(arguments, common)).await?;
    render::show(&report, common.format)?;
    Ok(Code::Fine)
}

async fn look(arguments: &Arguments, common: &CommonArgs) -> Result<StatsReport> {
    let settings = common.settings()?;
    let cache = open::cache_alone(&settings).await?;
    let survey = survey(&cache).await?;
    let usage = cache.usage(arguments.hours).await?;
    Ok(report(&cache, survey, &usage, arguments.hours))
}

async fn survey(cache: &BillingCache) -> Result<Survey> {
    let progress = Progress::of("look at keys", cache.key_count().await?);
    Ok(cache.survey(&mut |seen| progress.add(seen)).await?)
}

fn report(cache: &BillingCache, survey: Survey, usage: &Usage, hours: u64) -> StatsReport {
    let types = survey.types.into_iter().map(|found| TypeStats { counted: counted(usage, found.name), found });
    StatsReport {
        server: Server { endpoint: cache.endpoint().to_owned(), info: survey.server },
        hours,
        types: types.collect(),
        others: Others { leases: survey.leases, bookkeeping: survey.bookkeeping, foreign: survey.foreign },
    }
}

fn counted(usage: &Usage, cache_type: &str) -> Counted {
    let hits_l1 = usage.count(cache_type, Event::HitL1);
    let hits = hits_l1 + usage.count(cache_type, Event::HitL2);
    let misses = usage.count(cache_type, Event::Miss);
    let bypassed = usage.count(cache_type, Event::Bypass);
    let reads = hits + misses + bypassed;
    let hit_rate = (reads > 0).then(|| render::to_f64(hits) / render::to_f64(reads));
    Counted { hits, hits_l1, misses, bypassed, hit_rate }
}
