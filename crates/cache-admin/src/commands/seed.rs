//! `seed`: fills an empty database with demonstration data. The same seed gives the same data.

use std::time::Instant;

use anyhow::Result;
use billing_core::service::BillingService;
use billing_core::time::{self, UtcTime};
use billing_outbox::outbox::Pending;
use chrono::{TimeDelta, Timelike};
use clap::Args;
use cli_support::{Code, CommonArgs, open, render};

use crate::reports::seed::SeedReport;
use crate::seed::{self, Plan, insert};

/// No user waits for this write, and its many keys should be invalidated before it ends.
const INVALIDATION_DEADLINE_MS: &str = "60000";

const EXAMPLES: &str = "\
Examples:
  cache-admin seed
  cache-admin seed --users 200 --invoices 2000 --seed 7
  cache-admin seed --database-url sqlite://demo.sqlite";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Number of customers
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=100_000))]
    users: i32,
    /// Number of invoices, with their payments, discounts, taxes and credit notes
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(i32).range(0..=100_000))]
    invoices: i32,
    /// Seed of the random data; the same seed gives the same customers, invoices and amounts
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The moment that is taken for the present, such as 2026-11-22T19:04:00 (UTC)
    #[arg(long, value_name = "TIME", value_parser = time::from_isoformat, hide = true)]
    now: Option<UtcTime>,
}

pub(crate) async fn run(arguments: &Arguments, common: &CommonArgs) -> Result<Code> {
    let started = Instant::now();
    let deadline = ("cache.invalidation_deadline_ms".to_owned(), INVALIDATION_DEADLINE_MS.to_owned());
    let settings = common.settings_with(vec![deadline])?;
    let service = BillingService::without_relay(open::cache(&settings).await?);
    let plan = arguments.plan();
    let written = insert::insert(&service, seed::generate(&plan)).await;
    service.close().await;
    let written = written?;
    let report = SeedReport {
        seed: plan.seed,
        now: plan.now.to_string(),
        tables: written.value,
        invalidation_pending: written.pending == Pending::Invalidation,
        seconds: started.elapsed().as_secs_f64(),
    };
    render::show(&report, common.format)?;
    Ok(Code::Fine)
}

impl Arguments {
    fn plan(&self) -> Plan {
        let this_second = |now: UtcTime| now - TimeDelta::nanoseconds(now.nanosecond().into());
        let now = self.now.unwrap_or_else(|| this_second(time::now()));
        Plan { users: self.users, invoices: self.invoices, seed: self.seed, now }
    }
}
