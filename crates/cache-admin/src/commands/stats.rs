//! `stats`: shows what Redis contains by cached type, and what the processes counted. Does not use the database.

use std::time::Duration;

use anyhow::Result;
use billing_cache::{Event, Measure, Numbers, Survey, Surveying};
use billing_outbox::database::Database;
use clap::Args;
use cli_support::{Code, CommonArgs, Ending, Progress, RateArgs, exit, open, render, watch};

use crate::reports::stats::{Counted, Others, Server, StatsReport, Total, TypeStats};

const CONSEQUENCE: &str = "nothing was changed";
const EXAMPLES: &str = "\
Examples:
  cache-admin stats
  cache-admin stats --hours 1 --watch 5
  cache-admin stats --watch 60 --format json >> stats.jsonl
  cache-admin stats --format json | jq '.types[] | {name, keys}'";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Number of hours of counters to show, including the current hour; they are kept for 31 days
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=744))]
    hours: u64,
    /// Measure memory and TTL of every key; default: of a sample where a type has many keys
    #[arg(long)]
    exact: bool,
    /// Refresh every SECONDS until Ctrl-C; with JSON, print one document per line
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    watch: Option<u64>,
    #[command(flatten)]
    rate: RateArgs,
}

pub(crate) async fn run(arguments: &Arguments, common: &CommonArgs) -> Result<Code> {
    if let Some(seconds) = arguments.watch {
        return watch::repeat(Duration::from_secs(seconds), common.format, || look(arguments, common)).await;
    }
    let mut work = exit::interruptible(CONSEQUENCE, Work::begin(arguments, common)).await?;
    let ending = exit::until_interrupted(work.go_on()).await?;
    render::show(&work.report(ending), common.format)?;
    ending.finish(CONSEQUENCE)
}

async fn look(arguments: &Arguments, common: &CommonArgs) -> Result<StatsReport> {
    let mut work = Work::begin(arguments, common).await?;
    work.go_on().await?;
    Ok(work.report(Ending::Complete))
}

/// Collects keyspace statistics, with what is needed to show them.
struct Work {
    endpoint: String,
    hours: u64,
    usage: Numbers,
    /// Number of keys to scan.
    keys: Option<u64>,
    surveying: Surveying<Database>,
}

impl Work {
    async fn begin(arguments: &Arguments, common: &CommonArgs) -> Result<Self> {
        let settings = common.settings()?;
        let cache = open::cache_alone(&settings).await?;
        let measure = if arguments.exact { Measure::All } else { Measure::Sample };
        Ok(Self {
            endpoint: cache.endpoint().to_owned(),
            hours: arguments.hours,
            usage: cache.usage(arguments.hours).await?,
            keys: cache.key_count().await?,
            surveying: cache.surveying(measure, arguments.rate.pace()).await?,
        })
    }

    async fn go_on(&mut self) -> Result<()> {
        let progress = Progress::of_maybe("look at keys", self.keys);
        while let Some(seen) = self.surveying.step().await? {
            progress.add(seen);
        }
        Ok(())
    }

    fn report(self, ending: Ending) -> StatsReport {
        let Survey { server, types, leases, bookkeeping, foreign } = self.surveying.so_far();
        let types = types.into_iter().map(|found| TypeStats { counted: counted(&self.usage, found.name), found });
        let types: Vec<TypeStats> = types.collect();
        StatsReport {
            complete: ending.is_complete(),
            total: Total::of(&types),
            types,
            server: Server { endpoint: self.endpoint, info: server },
            hours: self.hours,
            others: Others { leases, bookkeeping, foreign },
        }
    }
}

fn counted(usage: &Numbers, cache_type: &str) -> Counted {
    let hits_l1 = usage.count(cache_type, Event::HitL1);
    let hits = hits_l1 + usage.count(cache_type, Event::HitL2);
    let misses = usage.count(cache_type, Event::Miss);
    let bypassed = usage.count(cache_type, Event::Bypass);
    let reads = hits + misses + bypassed;
    let hit_rate = (reads > 0).then(|| render::to_f64(hits) / render::to_f64(reads));
    Counted { hits, hits_l1, misses, bypassed, hit_rate }
}
