//! `clear`: removes all cached values of some types: the keys of those types and their leases, and nothing else.

use std::collections::BTreeSet;

use anyhow::Result;
use billing_cache::{ClearMode, Cleared, TypeInfo};
use billing_core::cached::BillingCache;
use clap::Args;
use cli_support::{Code, CommonArgs, Ending, Progress, RateArgs, TypeChoice, exit, open, render, usage};

use super::ids;
use crate::reports::clear::{ClearReport, ClearedType};

const CONSEQUENCE: &str = "what was removed stays removed";

const EXAMPLES: &str = "\
Examples:
  cache-admin clear --type invoices --dry-run
  cache-admin clear --type invoices --id 42 43
  cache-admin clear --type tax_rates --id GB:default
  cache-admin clear --type all --format json | jq .types";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Cache type to clear
    #[arg(long = "type", value_name = "TYPE", value_parser = TypeChoice::parser())]
    choice: TypeChoice,
    /// Clear only these values, by id (42, or GB:default for tax_rates) or by key (tax_rate:GB:default)
    #[arg(long = "id", value_name = "ID", num_args = 1..)]
    ids: Vec<String>,
    /// Count what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    rate: RateArgs,
}

pub(crate) async fn run(arguments: &Arguments, common: &CommonArgs) -> Result<Code> {
    if arguments.choice.is_all() && !arguments.ids.is_empty() {
        return Err(usage("--id needs one --type, not all: an id belongs to one type"));
    }
    let work = Work {
        types: arguments.choice.types().iter().map(|cached| cached.info()).collect(),
        mode: if arguments.dry_run { ClearMode::DryRun } else { ClearMode::Remove },
    };
    let settings = common.settings()?;
    let cache = exit::interruptible(CONSEQUENCE, open::cache_alone(&settings)).await?;
    let (cleared, ending) = if arguments.ids.is_empty() {
        work.clear_types(&cache, arguments.rate).await?
    } else {
        work.clear_values(&cache, &arguments.ids).await?
    };
    render::show(&work.report(&cleared, ending), common.format)?;
    ending.finish(CONSEQUENCE)
}

/// What to clear, and whether to do it.
struct Work {
    types: Vec<TypeInfo>,
    mode: ClearMode,
}

impl Work {
    async fn clear_types(&self, cache: &BillingCache, rate: RateArgs) -> Result<(Vec<Cleared>, Ending)> {
        let begun =
            async { Ok((cache.clearing(&self.types, self.mode, rate.pace()).await?, cache.key_count().await?)) };
        let (mut clearing, keys) = exit::interruptible(CONSEQUENCE, begun).await?;
        let progress = Progress::of_maybe("look at keys", keys.map(|keys| clearing.looks_at(keys)));
        let steps = async {
            while let Some(step) = clearing.step().await? {
                progress.add(step.looked_at);
            }
            Ok(())
        };
        let ending = exit::until_interrupted(steps).await?;
        Ok((clearing.cleared().to_vec(), ending))
    }

    async fn clear_values(&self, cache: &BillingCache, ids: &[String]) -> Result<(Vec<Cleared>, Ending)> {
        // A set, so that an id given twice is counted once.
        let texts: Result<BTreeSet<String>> = ids.iter().map(|id| text_of(cache, &self.types[0], id)).collect();
        let texts: Vec<String> = texts?.into_iter().collect();
        let cleared = async { Ok(cache.clear_keys(&texts, self.mode).await?) };
        Ok((vec![exit::interruptible(CONSEQUENCE, cleared).await?], Ending::Complete))
    }

    fn report(&self, cleared: &[Cleared], ending: Ending) -> ClearReport {
        let types = self.types.iter().zip(cleared).map(|(info, cleared)| ClearedType::new(info.name, *cleared));
        let dry_run = self.mode == ClearMode::DryRun;
        ClearReport { complete: ending.is_complete(), dry_run, types: types.collect() }
    }
}

fn text_of(cache: &BillingCache, info: &TypeInfo, id: &str) -> Result<String> {
    ids::text_of(cache, info, id).ok_or_else(|| usage(ids::wrong(cache, info, id)))
}
