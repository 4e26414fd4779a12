//! `inspect`: shows everything about one cached value, and compares it with the database. If the database cannot be
//! reached, everything except the comparison is shown. `--list` shows which values can be inspected.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context, Result};
use billing_cache::{AnyKey, KeyState, Pace, Standing, TypeInfo};
use billing_core::cached::{self, BillingCache};
use billing_core::settings::Settings;
use billing_outbox::audit::judge;
use billing_outbox::outbox::last_of;
use clap::Args;
use cli_support::{Code, CommonArgs, TypeChoice, exit, open, render, usage};

use super::ids;
use crate::reports::inspect::{InDatabase, InspectReport};
use crate::reports::key_list::KeyList;

/// Number of invalidations shown.
const LAST: usize = 10;
/// The maximum of `--limit`. The keys are kept in memory, each once.
const MOST_LISTED: i64 = 100_000;

const EXAMPLES: &str = "\
Examples:
  cache-admin inspect invoice:42
  cache-admin inspect --type tax_rates --id GB:default
  cache-admin inspect --type active_discounts --format json | jq .verdict
  cache-admin inspect --type invoices --list --limit 20";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Key in Redis, such as invoice:42
    #[arg(required_unless_present = "choice", conflicts_with_all = ["choice", "id"])]
    key: Option<String>,
    /// Cache type, instead of a key
    #[arg(long = "type", value_name = "TYPE", value_parser = TypeChoice::parser())]
    choice: Option<TypeChoice>,
    /// Id of the value: 42 for invoices, GB:default for tax_rates; leave it out for a type with one value
    #[arg(long, value_name = "ID", requires = "choice", default_value = "", hide_default_value = true)]
    id: String,
    /// Show keys of the type that are cached, in no order, instead of one value
    #[arg(long, requires = "choice", conflicts_with = "id")]
    list: bool,
    /// Maximum number of keys to list
    #[arg(long, value_name = "N", requires = "list", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=MOST_LISTED))]
    limit: u32,
}

pub(crate) async fn run(arguments: &Arguments, common: &CommonArgs) -> Result<Code> {
    let settings = common.settings()?;
    let cache = open::cache_alone(&settings).await?;
    if let Some(choice) = arguments.choice.filter(|_| arguments.list) {
        let types: Vec<TypeInfo> = choice.types().iter().map(|cached| cached.info()).collect();
        render::show(&list(&cache, &types, arguments.limit as usize).await?, common.format)?;
        return Ok(Code::Fine);
    }
    let key = arguments.key(&cache)?;
    let state = cache.inspect(&key).await?;
    let database = ask_database(&settings, &cache, &key, &state).await.context("compare with the database");
    if let Err(error) = &database {
        exit::print_error(error);
    }
    let code = database.as_ref().map_or_else(exit::code_of, InDatabase::code);
    let cached = cached::find(key.cache_type()).expect("a key of the cache has a registered type");
    let format = common.format;
    // On a separate thread, because the value may be large, and Ctrl-C is heard meanwhile.
    let show = move || {
        let undecodable = cached.undecodable(&state.standing);
        render::show(&InspectReport::new(&key, state, undecodable, database), format)
    };
    tokio::task::spawn_blocking(show).await.context("show the value")??;
    Ok(code)
}

impl Arguments {
    fn key(&self, cache: &BillingCache) -> Result<AnyKey> {
        let none = |text: &str| {
            let patterns: Vec<String> = cache.types().map(billing_cache::TypeInfo::pattern).collect();
            usage(format!("{text:?} is a key of no cached type; there are {}", patterns.join(", ")))
        };
        match (&self.key, self.choice) {
            (Some(text), _) => cache.key_of_text(text).ok_or_else(|| none(text)),
            (None, Some(TypeChoice::One(cached))) => {
                let info = cached.info();
                let key = ids::text_of(cache, &info, &self.id).and_then(|text| cache.key_of_text(&text));
                key.ok_or_else(|| usage(ids::wrong(cache, &info, &self.id)))
            }
            (None, _) => {
                Err(usage("inspect shows one value: name its key, or one --type and its --id; --list shows keys"))
            }
        }
    }
}

/// Up to `limit` keys of these types, each once.
async fn list(cache: &BillingCache, types: &[TypeInfo], limit: usize) -> Result<KeyList> {
    let mut walk = cache.walk(types, Pace::unlimited()).await?;
    let mut keys = BTreeSet::new();
    while let Some(step) = walk.step().await? {
        let step: BTreeSet<String> = step.keys.iter().map(ToString::to_string).collect();
        for key in step {
            if keys.len() == limit && !keys.contains(&key) {
                return Ok(KeyList { keys, complete: false });
            }
            keys.insert(key);
        }
    }
    Ok(KeyList { keys, complete: true })
}

/// Compares the value with the database.
async fn ask_database(settings: &Settings, cache: &BillingCache, key: &AnyKey, state: &KeyState) -> Result<InDatabase> {
    // Opens a separate connection first, because its error is clearer than the error of the pool behind the cache.
    open::database(settings).await?.close().await?;
    let invalidations = last_of(cache, key, LAST).await.context("read the outbox")?;
    let outcome = if state.standing == Standing::Absent { None } else { Some(judge(cache, key).await?) };
    let cached = cached::find(key.cache_type()).expect("a key of the cache has a registered type");
    let looked_up = Arc::new(vec![(key.clone(), state.standing.clone())]);
    let compared = cached.compare(cache, looked_up).await?.pop();
    let exists = compared.as_ref().is_some_and(|compared| compared.in_database);
    let unreadable = compared.and_then(|compared| compared.unreadable);
    Ok(InDatabase { exists, outcome, unreadable, invalidations })
}
