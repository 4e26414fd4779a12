//! `warmup`: loads the values worth having into a cold cache. A type that fails does not keep the others from being loaded.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use billing_cache::WarmedUp;
use billing_core::cached::{BillingCache, RegisteredType};
use clap::Args;
use cli_support::{Code, CommonArgs, Ending, Progress, RateArgs, TypeChoice, exit, open, render};

use crate::reports::warmup::{WarmedType, WarmupReport};

const CONSEQUENCE: &str = "what was loaded stays cached, the rest is loaded when it is asked for";

const EXAMPLES: &str = "\
Examples:
  cache-admin warmup
  cache-admin warmup --type invoices --limit 50000
  cache-admin warmup --format json | jq .types";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Which cache type to load
    #[arg(long = "type", value_name = "TYPE", value_parser = TypeChoice::parser(), default_value = "all")]
    choice: TypeChoice,
    /// At most so many values of each type, the newest or most wanted first
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    limit: u64,
    #[command(flatten)]
    rate: RateArgs,
}

pub(crate) async fn run(arguments: &Arguments, common: &CommonArgs) -> Result<Code> {
    let settings = common.settings()?;
    let cache = exit::interruptible(CONSEQUENCE, open::cache(&settings)).await?;
    let mut report = WarmupReport { complete: true, types: Vec::new() };
    let mut worst = Code::Fine;
    for cached in arguments.choice.types() {
        let mut attempt = Attempt::new();
        let ending = attempt.warm_up(&cache, cached, arguments).await;
        if let Some(error) = &attempt.error {
            exit::print_error(error);
            worst = worse(worst, exit::code_of(error));
        }
        report.types.push(attempt.into_row(cached.info().name));
        if !ending.is_complete() {
            report.complete = false;
            break;
        }
    }
    cache.flush_counters().await;
    render::show(&report, common.format)?;
    if !report.complete {
        return Ending::Interrupted.finish(CONSEQUENCE);
    }
    if worst == Code::Fine {
        require_some_stored(&report)?;
    }
    Ok(worst)
}

/// A few values are not stored where somebody changes data meanwhile; all of them, where Redis refuses them.
fn require_some_stored(report: &WarmupReport) -> Result<()> {
    let sum = |number: fn(&WarmedType) -> usize| report.types.iter().map(number).sum::<usize>();
    let refused = sum(|row| row.not_stored);
    let none_stored = refused > 0 && sum(|row| row.loaded + row.skipped) == 0;
    ensure!(
        !none_stored,
        "Redis stored none of {refused} values; `cache-admin stats` tells whether its memory is full"
    );
    Ok(())
}

/// What became of one type.
struct Attempt {
    started: Instant,
    /// How many keys were to be loaded; none if that could not be found out.
    wanted: Option<u64>,
    done: WarmedUp,
    error: Option<anyhow::Error>,
}

impl Attempt {
    fn new() -> Self {
        Self { started: Instant::now(), wanted: None, done: WarmedUp::default(), error: None }
    }

    /// Loads one type, and notes what was done and why it failed.
    async fn warm_up(&mut self, cache: &BillingCache, cached: &dyn RegisteredType, arguments: &Arguments) -> Ending {
        let filled = exit::until_interrupted(self.fill(cache, cached, arguments)).await;
        filled.with_context(|| format!("warm up {}", cached.info().name)).unwrap_or_else(|error| {
            self.error = Some(error);
            Ending::Complete
        })
    }

    async fn fill(&mut self, cache: &BillingCache, cached: &dyn RegisteredType, arguments: &Arguments) -> Result<()> {
        let Arguments { limit, rate, .. } = *arguments;
        let wanted = cached.count_hot_keys(cache.source(), limit).await.context("list the keys to load")?;
        self.wanted = Some(wanted);
        let progress = Progress::of(cached.info().name, wanted);
        let mut pace = rate.pace();
        let most = pace.step(cache.warm_up_size());
        let mut warming = cached.warming(cache, limit);
        loop {
            pace.take(most).await;
            let Some(batch) = warming.step(most).await? else { return Ok(()) };
            self.done += batch;
            progress.add(handled(batch));
        }
    }

    fn into_row(self, name: &'static str) -> WarmedType {
        let left = || self.wanted.map(|wanted| wanted.saturating_sub(handled(self.done)));
        WarmedType {
            name,
            loaded: self.done.stored,
            skipped: self.done.skipped,
            not_stored: self.done.not_stored,
            failed: if self.error.is_some() { left() } else { Some(0) },
            seconds: self.started.elapsed().as_secs_f64(),
            error: self.error.as_ref().map(exit::sentence),
        }
    }
}

fn handled(batch: WarmedUp) -> u64 {
    (batch.stored + batch.skipped + batch.not_stored) as u64
}

/// That a server was away explains more than that something failed.
fn worse(before: Code, now: Code) -> Code {
    if before == Code::Unreachable { before } else { now }
}
