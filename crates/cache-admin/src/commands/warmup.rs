//! `warmup`: loads the most useful values into a cold cache, once or continuously (`--auto`).
//!
//! `plan` chooses the keys and their order, `round` loads them, `auto` repeats that. If one type fails, the others are
//! still loaded.

mod auto;
mod memory;
mod plan;
mod round;
mod tally;

use std::time::Duration;

use anyhow::{Context, Result};
use billing_core::cached::BillingCache;
use billing_core::settings::Settings;
use clap::{Args, ValueEnum};
use cli_support::{Code, CommonArgs, RateArgs, TypeChoice, exit, open, render};

use crate::reports::warmup::WarmupReport;
use plan::Plan;
use round::{Limits, Loader};
use tally::Tallies;

const CONSEQUENCE: &str = "what was loaded stays cached, the rest is loaded when it is asked for";
const EXAMPLES: &str = "\
Examples:
  cache-admin warmup
  cache-admin warmup --type invoices --limit 50000 --max-db-seconds 60
  cache-admin warmup --from newest
  cache-admin warmup --auto
  cache-admin warmup --format json | jq .types";
/// The note after a cold start, or if counters are turned off.
const GUESSED: &str = "no reads are known yet, so the newest were taken";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Cache type to load
    #[arg(long = "type", value_name = "TYPE", value_parser = TypeChoice::parser(), default_value = "all")]
    choice: TypeChoice,
    /// Which values to load first
    #[arg(long, value_enum, default_value_t = Order::Usage)]
    from: Order,
    /// Maximum number of values to load per type
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    limit: u64,
    /// Stop after this much total database time, in seconds (with --auto: in each round)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    max_db_seconds: Option<Duration>,
    #[command(flatten)]
    rate: RateArgs,
    /// Run until Ctrl-C, and reload values that are missing (after a clear or a restart of Redis) or about to
    /// expire
    #[arg(long, conflicts_with = "from")]
    auto: bool,
    /// Seconds between two rounds of --auto
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "5", requires = "auto")]
    interval: Duration,
}

/// The order of a warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Order {
    /// Most-used keys first (weighted by load time), then the newest, up to --limit
    Usage,
    /// The newest first
    Newest,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|seconds| !seconds.is_zero()).ok_or_else(|| "a number of seconds above 0 is wanted".to_owned())
}

pub(crate) async fn run(arguments: &Arguments, common: &CommonArgs) -> Result<Code> {
    let settings = common.settings()?;
    if arguments.auto {
        let cache = exit::interruptible("nothing was loaded", open::cache_that_waits(&settings)).await?;
        let loader = Loader::new(&cache, arguments.limits(&settings));
        keep_warm(auto::Keeper::new(&cache, loader, arguments.kept_warm(), &settings), common).await
    } else {
        let cache = exit::interruptible("nothing was loaded", open::cache(&settings)).await?;
        let loader = Loader::new(&cache, arguments.limits(&settings));
        once(&cache, loader, arguments, common).await
    }
}

async fn once(
    cache: &BillingCache,
    mut loader: Loader<'_>,
    arguments: &Arguments,
    common: &CommonArgs,
) -> Result<Code> {
    let plan = exit::interruptible("nothing was loaded", plan(cache, arguments)).await?;
    let mut tallies = Tallies::of(cache, &plan);
    let outcome = exit::until_interrupted(loader.round(&plan, &mut tallies)).await;
    cache.flush_counters().await;
    let guessed = arguments.from == Order::Usage && plan.by_use() == 0;
    let complete = outcome.as_ref().is_ok_and(|ending| ending.is_complete());
    let types = tallies.rows(cache, &plan);
    let report = WarmupReport { complete, note: guessed.then_some(GUESSED), types };
    let worst = tallies.errors(&plan).fold(Code::Fine, |worst, error| {
        exit::print_error(error);
        worse(worst, exit::code_of(error))
    });
    let failures: Vec<_> = tallies.refusals().chain(tallies.failures()).collect();
    failures.iter().for_each(exit::print_error);
    render::show(&report, common.format)?;
    let ending = outcome.context("warm up")?;
    if worst != Code::Fine {
        return Ok(worst);
    }
    let code = ending.finish(CONSEQUENCE)?;
    Ok(if failures.is_empty() { code } else { Code::No })
}

async fn plan(cache: &BillingCache, arguments: &Arguments) -> Result<Plan> {
    let mut plan = match arguments.from {
        Order::Usage => Plan::asked_for(cache, arguments.choice, arguments.limit, &mut memory::Memory::none()).await?,
        Order::Newest => Plan::empty(arguments.choice),
    };
    plan.add_newest(cache, arguments.limit).await;
    Ok(plan)
}

/// Runs until Ctrl-C, which is the normal end.
async fn keep_warm(mut keeper: auto::Keeper<'_>, common: &CommonArgs) -> Result<Code> {
    let _ = exit::until_interrupted(keeper.run()).await?;
    render::show(&keeper.finish().await, common.format)?;
    Ok(Code::Fine)
}

impl Arguments {
    fn kept_warm(&self) -> auto::Wanted {
        auto::Wanted { choice: self.choice, limit: self.limit, interval: self.interval }
    }

    fn limits(&self, settings: &Settings) -> Limits {
        Limits { database_time: self.max_db_seconds, pace: self.rate.pace(), batch: settings.cache.batch_size }
    }
}

/// An unreachable server is the more important result than another failure.
fn worse(before: Code, now: Code) -> Code {
    if before == Code::Unreachable { before } else { now }
}
