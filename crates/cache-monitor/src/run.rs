//! One run: open, measure every type, clear, show.
//!
//! Invariant: between the first request and the end of the process stands the clear, whether the measurement succeeded,
//! failed or was interrupted.

use anyhow::{Context, Result, anyhow};
use billing_cache::{RedisUnreachable, TypeInfo};
use billing_core::cached::{BillingCache, CACHED_TYPES, Probe};
use billing_core::database::DatabaseError;
use chrono::{SecondsFormat, Utc};
use cli_support::{Code, Progress, exit, open, render};

use crate::arguments::Arguments;
use crate::interruption::Interruption;
use crate::json_file::JsonFile;
use crate::measurement::{Plan, Stopped, Subject};
use crate::report::{self, Conditions, MonitorReport, TypeOutcome};
use crate::trial_space;

/// A type and the keys to measure it with.
struct Candidate<'a> {
    info: TypeInfo,
    probe: Box<dyn Probe + 'a>,
}

/// Does what the command line asks for.
pub(crate) async fn run(arguments: &Arguments) -> Result<Code> {
    let json_file = arguments.json.as_deref().map(JsonFile::prepare).transpose()?;
    let settings = trial_space::apart(arguments.common.settings()?);
    let cache = open::cache(&settings).await?;
    let candidates = candidates(&cache, arguments.keys).await.context("list the keys to measure")?;
    if candidates.iter().all(|candidate| candidate.probe.is_empty()) {
        exit::print_error(&nothing_to_measure(&cache));
        return Ok(Code::Unreachable);
    }
    let plan = arguments.plan();
    let interruption = Interruption::listen().context("listen for Ctrl-C")?;
    let measured = measure(&cache, &candidates, plan, &interruption).await;
    let cleared = clear(&cache, &candidates).await;
    match measured {
        Err(Stopped::Interrupted) => {
            cleared?;
            exit::print_error(&anyhow!(
                "interrupted: what was measured is not shown, and nothing of it is left in Redis"
            ));
            return Ok(Code::Interrupted);
        }
        outcomes => {
            let report = report::build(conditions(&cache, arguments, plan), &outcomes?);
            show(&report, arguments, json_file.as_ref())?;
        }
    }
    cleared?;
    Ok(Code::Fine)
}

async fn candidates(cache: &BillingCache, limit: u64) -> Result<Vec<Candidate<'_>>, DatabaseError> {
    let mut candidates = Vec::new();
    // The cache knows the TTLs in force, in the order of the registry.
    for (cached, info) in CACHED_TYPES.iter().zip(cache.types()) {
        candidates.push(Candidate { info: *info, probe: cached.probe(cache, limit).await? });
    }
    Ok(candidates)
}

fn nothing_to_measure(cache: &BillingCache) -> anyhow::Error {
    let database = cache.source().describe();
    anyhow!("there is nothing to measure: {database} has no rows; fill it, for example with `cache-admin seed`")
}

async fn measure(
    cache: &BillingCache,
    candidates: &[Candidate<'_>],
    plan: Plan,
    interruption: &Interruption,
) -> Result<Vec<TypeOutcome>, Stopped> {
    let mut outcomes = Vec::new();
    for candidate in candidates {
        let Candidate { info, probe } = candidate;
        let progress = Progress::of(info.name, plan.iterations);
        let mut subject = Subject { cache, probe: probe.as_ref(), interruption: interruption.clone() };
        let measurement = subject.measure(plan, || progress.add(1)).await?;
        outcomes.push(TypeOutcome { info: *info, keys: probe.len(), measurement });
    }
    Ok(outcomes)
}

/// A clear that fails is said at once, with what becomes of the keys: the caller may have a more important error.
async fn clear(cache: &BillingCache, candidates: &[Candidate<'_>]) -> Result<(), RedisUnreachable> {
    let cleared = trial_space::clear(cache, candidates.iter().map(|candidate| candidate.probe.as_ref())).await;
    if cleared.is_err() {
        let (space, seconds) = (cache.space().prefix(), trial_space::LONGEST_TTL.as_secs());
        anstream::eprintln!("what was cached under {space} could not be removed; it expires within {seconds} s");
    }
    cleared
}

fn conditions(cache: &BillingCache, arguments: &Arguments, plan: Plan) -> Conditions {
    Conditions {
        measured_at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        database: cache.source().describe().to_owned(),
        redis: cache.endpoint().to_owned(),
        plan,
        keys_limit: arguments.keys,
    }
}

/// The file first: a reader of stdout who has gone away does not keep it from being written.
fn show(report: &MonitorReport, arguments: &Arguments, json_file: Option<&JsonFile>) -> Result<()> {
    if let Some(file) = json_file {
        file.write(&render::json(report)?)?;
    }
    render::show(report, arguments.common.format)?;
    let MonitorReport { iterations, keys_limit, zipf_exponent, seed, .. } = report;
    anstream::eprintln!(
        "the same requests again: cache-monitor --iterations {iterations} --keys {keys_limit} --zipf {zipf_exponent} --seed {seed}"
    );
    Ok(())
}
