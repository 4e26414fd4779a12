//! `--rate`: the rate limit of every command that scans many keys.

use std::num::NonZeroU32;

use billing_cache::Pace;
use clap::Args;

/// The rate limit; `#[command(flatten)]` it into a command that scans many keys.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct RateArgs {
    /// Maximum number of keys per second, to spare a busy server; default: no limit
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
}

impl RateArgs {
    /// The rate limit of one scan.
    #[must_use]
    pub fn pace(self) -> Pace {
        self.rate.map_or_else(Pace::unlimited, Pace::keys_per_second)
    }
}
