//! `clear`: an operator empties cached types. Our keys of those types and their leases, and nothing else.

use std::collections::BTreeSet;

use anyhow::Result;
use billing_cache::{ClearMode, Cleared, TypeInfo};
use billing_core::cached::BillingCache;
use clap::Args;
use cli_support::{Code, CommonArgs, Progress, TypeChoice, open, render, usage};

use crate::reports::clear::{ClearReport, ClearedType};

const EXAMPLES: &str = "\
Examples:
  cache-admin clear --type invoices --dry-run
  cache-admin clear --type invoices --id 42 43
  cache-admin clear --type tax_rates --id GB:default
  cache-admin clear --type all --format json | jq .types";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Which cache type to empty
    #[arg(long = "type", value_name = "TYPE", value_parser = TypeChoice::parser())]
    choice: TypeChoice,
    /// Only these values: 42 of invoices, GB:default of tax_rates
    #[arg(long = "id", value_name = "ID", num_args = 1..)]
    ids: Vec<String>,
    /// Only count what would be removed
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(arguments: &Arguments, common: &CommonArgs) -> Result<Code> {
    let chosen = arguments.choice;
    let all_of_them = arguments.ids.is_empty();
    if chosen.is_all() && !all_of_them {
        return Err(usage("--id needs one --type, not all: an id belongs to one type"));
    }
    let mode = if arguments.dry_run { ClearMode::DryRun } else { ClearMode::Remove };
    let settings = common.settings()?;
    let cache = open::cache_alone(&settings).await?;
    let types: Vec<TypeInfo> = chosen.types().iter().map(|cached| cached.info()).collect();
    let cleared = if all_of_them {
        clear_types(&cache, &types, mode).await?
    } else {
        vec![clear_ids(&cache, &types[0], &arguments.ids, mode).await?]
    };
    let types = types.iter().zip(cleared).map(|(info, cleared)| ClearedType::new(info.name, cleared)).collect();
    render::show(&ClearReport { dry_run: arguments.dry_run, types }, common.format)?;
    Ok(Code::Fine)
}

async fn clear_types(cache: &BillingCache, types: &[TypeInfo], mode: ClearMode) -> Result<Vec<Cleared>> {
    let progress = Progress::open_ended("keys found");
    Ok(cache.clear(types, mode, &mut |found| progress.add(found)).await?)
}

async fn clear_ids(cache: &BillingCache, info: &TypeInfo, ids: &[String], mode: ClearMode) -> Result<Cleared> {
    // A set: an id given twice is counted once.
    let texts: Result<BTreeSet<String>> = ids.iter().map(|id| text_of(cache, info, id)).collect();
    let texts: Vec<String> = texts?.into_iter().collect();
    Ok(cache.clear_keys(&texts, mode).await?)
}

fn text_of(cache: &BillingCache, info: &TypeInfo, id: &str) -> Result<String> {
    let wrong = || usage(format!("{id:?} is no id of {}, whose keys are {}", info.name, info.pattern()));
    cache.text_of_id(info, id).ok_or_else(wrong)
}
