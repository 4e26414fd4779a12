//! `doctor`: checks whether Redis, the database and the settings are fit for the cache, and names a remedy for each
//! problem.
//!
//! Invariants: it bypasses the breaker and changes nothing; a check that could not be made is reported as such, never
//! as `ok`.

mod access;
mod checked;
mod clock;
mod cluster;
mod configuration;
mod database;
mod redis;
mod rows;
mod sentinels;
mod several;
mod tls;

use anyhow::Result;
use billing_core::settings::Loaded;
use clap::Args;
use cli_support::{Code, CommonArgs, open, render};

use crate::reports::doctor::{Counts, DoctorReport, Shown};

const EXAMPLES: &str = "\
Examples:
  cache-admin doctor
  cache-admin doctor --settings
  cache-admin doctor --config billing.toml --redis-host replica-2
  cache-admin doctor --format json | jq '.findings[] | select(.level != \"ok\")'

A problem means that a served or stored value is or will be wrong, or that its protection does not
work. A note means that something could be better; notes do not change the exit code.

doctor changes nothing. Exit codes: 0 no problem; 1 a problem was found; 2 wrong usage or settings;
3 Redis or the database could not be reached, or the database is not migrated.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Show every setting with its value and source, not only those that are not the default
    #[arg(long)]
    settings: bool,
}

pub(crate) async fn run(arguments: &Arguments, common: &CommonArgs) -> Result<Code> {
    let Loaded { settings, explained, remarks } = common.settings_explained()?;
    let cache = open::cache_to_look_at(&settings).await?;
    let redis = redis::check(&cache, &settings).await;
    let database = database::check(&cache, &settings).await;
    let mut findings = redis.findings;
    findings.extend(database.findings);
    findings.extend(configuration::check(&settings, &explained, remarks));
    let report = DoctorReport {
        redis: cache.endpoint().to_owned(),
        database: cache.source().describe().to_owned(),
        counts: Counts::of(&findings),
        findings,
        settings: explained.into_iter().map(Into::into).collect(),
        shown: if arguments.settings { Shown::All } else { Shown::Changed },
    };
    render::show(&report, common.format)?;
    Ok(code(&report, [redis.code, database.code]))
}

/// An unreachable server is the more important result than a problem.
fn code(report: &DoctorReport, of_servers: [Code; 2]) -> Code {
    let has_problem = report.counts.problem > 0;
    let of_server = of_servers.into_iter().find(|code| *code != Code::Fine);
    of_server.unwrap_or(if has_problem { Code::No } else { Code::Fine })
}
