//! The command line of the dashboard.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use billing_cache::Pace;
use clap::Args;
use secrecy::SecretString;

/// Longest pause: results that change less than daily would never be seen.
const LONGEST_PAUSE_SECONDS: u64 = 24 * 3600;
const LARGEST_SAMPLE: u32 = 1_000_000;

const AFTER_HELP: &str = "\
Examples:
  cache-monitor dashboard                                  for a browser on this machine
  cache-monitor dashboard --listen 0.0.0.0:8050 --token-file /run/secrets/dashboard
                                                           for others; openssl rand -hex 24 makes a token
  cache-monitor dashboard --token-file FILE --allowed-host cache.example.net
                                                           behind a reverse proxy that speaks TLS

The dashboard reads and never changes what is cached. Without a token it serves only this machine. The page shows keys, such as \
invoice:42, and no values.

Exit codes: 0 ended by Ctrl-C or SIGTERM; 2 wrong arguments or settings, or an address that it cannot listen on. If Redis or \
the database is away, the page says so and goes on when it is back.";

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// Address and port to listen on; port 0 picks a free port. Any address but the loopback needs a token
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8050", value_parser = listen)]
    pub(super) listen: SocketAddr,
    /// Password for viewers, at least 16 characters. Prefer --token-file: a flag can be seen by other users
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    pub(super) token: Option<SecretString>,
    /// File whose first line is the token
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub(super) token_file: Option<PathBuf>,
    /// Host name that browsers may use for the page, besides the listening address; may be repeated
    #[arg(long = "allowed-host", value_name = "NAME", value_delimiter = ',')]
    pub(super) allowed_hosts: Vec<String>,
    /// Seconds between two scans of keys, memory and TTLs; 0 turns them off
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(..=LONGEST_PAUSE_SECONDS))]
    survey_seconds: u64,
    /// Seconds between two comparisons of cached values with the database; 0 turns them off
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(..=LONGEST_PAUSE_SECONDS))]
    audit_seconds: u64,
    /// Number of values of each type to compare, picked at random
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=i64::from(LARGEST_SAMPLE)))]
    audit_sample: u32,
    /// Maximum number of keys per second that a scan or a comparison reads, to spare a busy server
    #[arg(long, value_name = "N", default_value = "5000")]
    rate: NonZeroU32,
}

/// A regular background task: how often, and how fast.
#[derive(Clone, Debug)]
pub(crate) struct Rounds {
    /// From the end of one round to the start of the next.
    pub(crate) every: Duration,
    pub(crate) pace: Pace,
}

impl Arguments {
    /// The rounds of keyspace statistics; `None` if they are off.
    pub(super) fn surveys(&self) -> Option<Rounds> {
        self.rounds(self.survey_seconds)
    }

    /// The rounds of audits; `None` if they are off.
    pub(super) fn audits(&self) -> Option<Rounds> {
        self.rounds(self.audit_seconds)
    }

    /// Number of values of each type that an audit compares.
    pub(super) fn audit_sample(&self) -> usize {
        self.audit_sample as usize
    }

    fn rounds(&self, seconds: u64) -> Option<Rounds> {
        let rounds = Rounds { every: Duration::from_secs(seconds), pace: Pace::keys_per_second(self.rate) };
        (seconds > 0).then_some(rounds)
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    let of_localhost = || text.strip_prefix("localhost:")?.parse().ok().map(|port| (Ipv4Addr::LOCALHOST, port).into());
    let address = text.parse().ok().or_else(of_localhost);
    address.ok_or_else(|| "write an address and a port, such as 127.0.0.1:8050 or [::1]:8050".to_owned())
}

/// Never fails, because clap would print the value in its error.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a result")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        assert_eq!(listen("localhost:1").unwrap(), "127.0.0.1:1".parse().unwrap());
        assert_eq!(listen("[::1]:8050").unwrap(), "[::1]:8050".parse().unwrap());
        for wrong in ["8050", ":8050", "127.0.0.1", "host:8050", "127.0.0.1:70000", "localhost:"] {
            assert!(listen(wrong).unwrap_err().contains("such as 127.0.0.1:8050"), "{wrong}");
        }
    }
}
