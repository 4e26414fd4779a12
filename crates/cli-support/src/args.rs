//! The arguments that every tool takes, and the settings that result from them.
//!
//! Invariant: a flag outranks the environment, the settings file, `.env` and the defaults, or it is refused; it is
//! never silently ignored. Anything else that has no effect is reported on stderr.

use std::path::PathBuf;

use anyhow::Result;
use billing_core::settings::{Loaded, Overrides, Remark, Settings};
use clap::{Args, ValueEnum};
use secrecy::ExposeSecret;

use crate::exit::{usage, warn};

/// The help heading of flags that set a key of the settings. Their variables are those of the services.
pub(crate) const SETTINGS: &str = "Settings";

/// The format of stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for people
    #[default]
    Text,
    /// One JSON document for programs
    Json,
}

/// Arguments of every command of every tool; `#[command(flatten)]` them.
#[derive(Args, Clone, Debug, Default)]
pub struct CommonArgs {
    /// How to print the result on stdout
    #[arg(long, value_enum, global = true, default_value_t)]
    pub format: Format,
    /// Settings file; only the keys that differ from the defaults [env: BILLING_CONFIG]
    #[arg(long, value_name = "FILE", global = true, help_heading = SETTINGS)]
    pub config: Option<PathBuf>,
    /// Host name or address of the Redis server [env: REDIS_HOST]
    #[arg(long, value_name = "HOST", global = true, help_heading = SETTINGS)]
    pub redis_host: Option<String>,
    /// TCP port of the Redis server [env: REDIS_PORT]
    #[arg(long, value_name = "PORT", global = true, help_heading = SETTINGS)]
    pub redis_port: Option<u16>,
    /// Number of the Redis database [env: REDIS_DB]
    #[arg(long, value_name = "NUMBER", global = true, help_heading = SETTINGS)]
    pub redis_db: Option<u16>,
    /// postgres://… or sqlite://…; prefer the variable for a password, since other users can see a flag [env:
    /// DATABASE_URL]
    #[arg(long, value_name = "URL", global = true, help_heading = SETTINGS)]
    pub database_url: Option<String>,
}

impl CommonArgs {
    /// The settings of this run: defaults < `.env` < file < environment < these arguments.
    ///
    /// # Errors
    /// A sentence that names the file, variable, key or flag to change.
    pub fn settings(&self) -> Result<Settings> {
        self.settings_with(Vec::new())
    }

    /// Like [`settings`](Self::settings), with further keys such as `cache.key_space` that the tool sets itself.
    ///
    /// # Errors
    /// The same as for [`settings`](Self::settings).
    pub fn settings_with(&self, further: Vec<(String, String)>) -> Result<Settings> {
        let loaded = self.load(further)?;
        // `doctor` reports the other remarks, such as variables that the platform sets for other purposes. The other
        // commands do not repeat them.
        loaded.remarks.iter().filter(|remark| matches!(remark, Remark::NoVariable { .. })).for_each(warn);
        Ok(loaded.settings)
    }

    /// Like [`settings`](Self::settings), with the source of each value, and with what has no effect.
    ///
    /// # Errors
    /// The same as for [`settings`](Self::settings).
    pub fn settings_explained(&self) -> Result<Loaded> {
        self.load(Vec::new())
    }

    fn load(&self, further: Vec<(String, String)>) -> Result<Loaded> {
        let redis = self.redis_flags();
        let database = self.database_url.clone().map(|url| ("--database-url", "database.url", url));
        let flags = redis.iter().cloned().chain(database);
        let values = flags.map(|(_, key, value)| (key.to_owned(), value)).chain(further).collect();
        let loaded = Settings::load_explained(&Overrides { file: self.config.clone(), values })?;
        let elsewhere = |(flag, key, _): &(&'static str, &str, String)| match &loaded.settings.redis {
            redis if !redis.url.expose_secret().is_empty() => Some((*flag, "redis.url", "REDIS_URL")),
            redis if !redis.cluster_nodes.trim().is_empty() => {
                Some((*flag, "redis.cluster_nodes", "REDIS_CLUSTER_NODES"))
            }
            // Sentinels know the host and port, but not the number of the database.
            redis if !redis.sentinels.is_empty() && *key != "redis.db" => {
                Some((*flag, "redis.sentinels", "REDIS_SENTINELS"))
            }
            _ => None,
        };
        match redis.iter().find_map(elsewhere) {
            Some((flag, key, variable)) => {
                Err(usage(format!("{flag} would have no effect beside {key}; unset {variable} or leave {flag} out")))
            }
            None => Ok(loaded),
        }
    }

    fn redis_flags(&self) -> Vec<(&'static str, &'static str, String)> {
        let host = self.redis_host.clone().map(|host| ("--redis-host", "redis.host", host));
        let port = self.redis_port.map(|port| ("--redis-port", "redis.port", port.to_string()));
        let db = self.redis_db.map(|db| ("--redis-db", "redis.db", db.to_string()));
        [host, port, db].into_iter().flatten().collect()
    }
}
