//! `verify`: compares cached values with the database, and repairs wrong values with `--repair`. The exit code is 1 if
//! any value was wrong, repaired or not, because the cause should be investigated; also if a row could not be read.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use billing_cache::AnyKey;
use billing_core::cached::BillingCache;
use billing_outbox::audit::{Audit, Extent, Judged};
use billing_outbox::registry::RegisteredType;
use clap::Args;
use cli_support::{Code, CommonArgs, Ending, Progress, RateArgs, TypeChoice, exit, open, render};

use crate::reports::verify::{Findings, VerifiedType, VerifyReport};

const UNCHANGED: &str = "nothing was changed";
const REPAIRED: &str = "what was repaired stays repaired";

const EXAMPLES: &str = "\
Examples:
  cache-admin verify
  cache-admin verify --type invoices --sample 100000 --rate 5000
  cache-admin verify --all --repair
  cache-admin verify --all --format json | jq .findings";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Cache type to compare
    #[arg(long = "type", value_name = "TYPE", value_parser = TypeChoice::parser(), default_value = "all")]
    choice: TypeChoice,
    /// Number of values of each type to compare, picked at random
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    sample: u32,
    /// Compare every value instead of a sample
    #[arg(long, conflicts_with = "sample")]
    all: bool,
    /// Invalidate values that are stale or cannot be decoded
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    rate: RateArgs,
}

pub(crate) async fn run(arguments: &Arguments, common: &CommonArgs) -> Result<Code> {
    let consequence = if arguments.repair { REPAIRED } else { UNCHANGED };
    let mut work = exit::interruptible(consequence, Work::begin(arguments, common)).await?;
    let ending = exit::until_interrupted(work.go_on()).await?;
    if work.repair {
        work.cache.flush_counters().await;
    }
    let report = work.report(ending);
    render::show(&report, common.format)?;
    let code = ending.finish(consequence)?;
    Ok(if report.found_wrong() { Code::No } else { code })
}

/// An audit, and its findings so far.
struct Work {
    cache: BillingCache,
    audit: Audit,
    repair: bool,
    sample: Option<u32>,
    /// Number of keys in Redis.
    keys: Option<u64>,
    types: Vec<VerifiedType>,
    findings: Findings,
}

impl Work {
    async fn begin(arguments: &Arguments, common: &CommonArgs) -> Result<Self> {
        let settings = common.settings()?;
        let cache = open::cache(&settings).await?;
        let types: Vec<&dyn RegisteredType> = arguments.choice.types();
        let sample = (!arguments.all).then_some(arguments.sample);
        let extent = sample.map_or(Extent::All, |size| Extent::Sample(size as usize));
        Ok(Self {
            audit: Audit::begin(&cache, &types, extent, arguments.rate.pace()).await?,
            keys: cache.key_count().await?,
            cache,
            repair: arguments.repair,
            sample,
            types: types.iter().map(|cached| VerifiedType::new(cached.info().name)).collect(),
            findings: Findings::default(),
        })
    }

    async fn go_on(&mut self) -> Result<()> {
        let mut progress = Progress::of_maybe("look at keys", self.keys);
        let mut picked = None;
        while let Some(step) = self.audit.next().await.context("verify")? {
            if let (Some(_), None, Some(left)) = (self.sample, picked, self.audit.left()) {
                picked = Some(left);
                progress = Progress::of("compare values", left as u64);
            }
            progress.add(if picked.is_some() { step.judged.len() as u64 } else { step.looked_at });
            self.take(step.judged).await?;
        }
        Ok(())
    }

    /// Repairs the values before they are reported as repaired.
    async fn take(&mut self, judged: Vec<Judged>) -> Result<()> {
        let wrong: BTreeSet<AnyKey> =
            judged.iter().filter(|judged| judged.outcome.is_wrong()).map(|judged| judged.key.clone()).collect();
        let repairing = self.repair && !wrong.is_empty();
        if repairing {
            invalidate(&self.cache, wrong).await?;
        }
        for judged in judged {
            let name = judged.key.cache_type();
            if let Some(row) = self.types.iter_mut().find(|row| row.name == name) {
                row.tally.add(&judged.outcome);
                row.repaired += u64::from(repairing && judged.outcome.is_wrong());
            }
            self.findings.add(judged);
        }
        Ok(())
    }

    fn report(mut self, ending: Ending) -> VerifyReport {
        for row in &mut self.types {
            row.conclude(self.audit.covers_all(row.name) && ending.is_complete());
        }
        VerifyReport::new(ending.is_complete(), self.sample, self.types, self.findings)
    }
}

/// Runs in a separate task, because an invalidation must not be dropped half-way.
async fn invalidate(cache: &BillingCache, keys: BTreeSet<AnyKey>) -> Result<()> {
    let telling = cache.clone();
    let told = tokio::spawn(async move { telling.invalidate(keys).await }).await.context("repair")?;
    match told.failure {
        None => Ok(()),
        Some(failure) => {
            let of = render::count(told.pending.len() as u64);
            Err(anyhow::Error::new(failure).context(format!("{of} wrong values could not be removed")))
        }
    }
}
