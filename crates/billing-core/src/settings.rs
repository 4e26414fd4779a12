//! The settings of a process: defaults < file < `.env` < environment < flags.
//!
//! Invariants: an empty variable is an unset one; the environment of the process is read and never changed; no error
//! shows a secret; each value is known with where it comes from. `config/default.toml` is compiled in and documents every
//! key.

mod layers;
mod variables;

use std::path::{Path, PathBuf};

use billing_cache::{CacheSettings, RedisSettings};
use config::ConfigError;
use serde::Deserialize;

pub use layers::{HIDDEN, Origin, Setting};
use layers::{explain, layers, merged};
use variables::Variables;

use crate::database::DatabaseSettings;
use crate::outbox::RelaySettings;

/// The text of `config/default.toml`.
pub const DEFAULT_TOML: &str = include_str!("../../../config/default.toml");

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How to reach Redis.
    pub redis: RedisSettings,
    /// How to reach the database.
    pub database: DatabaseSettings,
    /// How the cache behaves.
    pub cache: CacheSettings,
    /// How left-over invalidations are applied.
    pub relay: RelaySettings,
}

/// What a program was told on its command line, which outranks everything else.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// Keys such as `cache.key_space`, and their values.
    pub values: Vec<(String, String)>,
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A settings file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A settings file is not written as TOML.
    #[error("the configuration file {} is no TOML: {reason}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where and why, without the text of the line: it may hold a password.
        reason: String,
    },
    /// `.env` is not what it should be.
    #[error("cannot read .env: {reason}")]
    DotEnv {
        /// Why, without the value of the line: it may be a password.
        reason: String,
    },
    /// A variable that must be a number is none.
    #[error("{variable} is {value:?}: must be a whole number from 0 to 65535")]
    NotANumber {
        /// The variable.
        variable: &'static str,
        /// What it holds.
        value: String,
    },
    /// A variable that must be on or off is neither.
    #[error("{variable} is {value:?}: must be true or false")]
    NotASwitch {
        /// The variable.
        variable: &'static str,
        /// What it holds.
        value: String,
    },
    /// A key is unknown, missing, or of the wrong type.
    #[error("the configuration cannot be used: {0}")]
    Invalid(#[source] ConfigError),
}

impl Settings {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// A sentence that names the file, variable or key to change.
    pub fn load(overrides: &Overrides) -> Result<Self, SettingsError> {
        Ok(Self::load_explained(overrides)?.0)
    }

    /// Reads the settings of this process, and says where each value comes from, in the order of their keys.
    ///
    /// # Errors
    /// A sentence that names the file, variable or key to change.
    pub fn load_explained(overrides: &Overrides) -> Result<(Self, Vec<Setting>), SettingsError> {
        Self::resolve(overrides, &Variables::of_process(Path::new(".env"))?)
    }

    /// The defaults alone.
    ///
    /// # Panics
    /// Never: a test reads the file that is compiled in.
    #[must_use]
    pub fn defaults() -> Self {
        let (settings, _) =
            Self::resolve(&Overrides::default(), &Variables::default()).expect("the compiled-in settings are valid");
        settings
    }

    fn resolve(overrides: &Overrides, variables: &Variables) -> Result<(Self, Vec<Setting>), SettingsError> {
        let layers = layers(overrides, variables)?;
        let merged = merged(&layers)?;
        let explained = explain(&merged, &layers);
        Ok((merged.try_deserialize().map_err(SettingsError::Invalid)?, explained))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use secrecy::ExposeSecret;

    use super::*;
    use crate::cached::CACHED_TYPES;

    fn resolve(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        resolve_with(&Overrides::default(), pairs).map(|(settings, _)| settings)
    }

    fn resolve_with(overrides: &Overrides, pairs: &[(&str, &str)]) -> Result<(Settings, Vec<Setting>), SettingsError> {
        let values = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::resolve(overrides, &Variables { values, ..Variables::default() })
    }

    #[test]
    fn the_default_file_states_the_ttls_of_the_declarations() {
        let settings = Settings::defaults();
        settings.cache.check().unwrap();
        for cached in CACHED_TYPES {
            let info = cached.info();
            if let Some(stated) = settings.cache.types.get(info.name) {
                assert_eq!(stated.ttl_seconds, Some(info.ttl.as_secs()), "{}", info.name);
            }
        }
    }

    #[test]
    fn the_platforms_variables_keep_their_meaning() {
        let set = [
            ("REDIS_HOST", "r"),
            ("REDIS_PORT", "7000"),
            ("REDIS_DB", "3"),
            ("REDIS_PASSWORD", "123"),
            ("DATABASE_URL", "sqlite://x"),
        ];
        let settings = resolve(&set).unwrap();
        assert_eq!((settings.redis.host.as_str(), settings.redis.port, settings.redis.db), ("r", 7000, 3));
        assert_eq!(settings.redis.password.expose_secret(), "123");
        assert_eq!(settings.database.url.expose_secret(), "sqlite://x");
    }

    #[test]
    fn every_key_has_a_variable_and_flags_outrank_it() {
        let variables = [("BILLING__CACHE__PATIENCE_MS", "7")];
        assert_eq!(resolve(&variables).unwrap().cache.patience_ms, 7);
        let values = vec![("cache.patience_ms".to_owned(), "8".to_owned())];
        let overrides = Overrides { values, ..Overrides::default() };
        assert_eq!(resolve_with(&overrides, &variables).unwrap().0.cache.patience_ms, 8);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = resolve(&[("REDIS_PORT", "abc")]).unwrap_err();
        assert_eq!(error.to_string(), "REDIS_PORT is \"abc\": must be a whole number from 0 to 65535");
        let error = resolve(&[("BILLING__CACHE__PATIENCE", "7")]).unwrap_err();
        assert!(error.to_string().contains("patience"), "{error}");
        let overrides = Overrides { file: Some("does-not-exist.toml".into()), ..Overrides::default() };
        let error = resolve_with(&overrides, &[]).unwrap_err();
        assert!(error.to_string().contains("does-not-exist.toml"), "{error}");
    }

    #[test]
    fn each_value_is_known_with_its_origin_and_no_secret_is_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("billing.toml");
        std::fs::write(&path, "[redis]\ndb = 5\nport = 1\n[cache.types.invoices]\nttl_seconds = 7\n").unwrap();
        let overrides =
            Overrides { file: Some(path.clone()), values: vec![("redis.host".to_owned(), "from-flag".to_owned())] };
        let set = [
            ("REDIS_HOST", "r"),
            ("REDIS_PORT", "7000"),
            ("REDIS_PASSWORD", "hunter2"),
            ("BILLING__CACHE__PATIENCE_MS", "7"),
            ("DATABASE_URL", "postgres://ann:hunter2@db/billing"),
        ];
        let (_, explained) = resolve_with(&overrides, &set).unwrap();
        let by_key: HashMap<&str, &Setting> = explained.iter().map(|setting| (setting.key.as_str(), setting)).collect();
        let variable = |name: &str| Origin::Environment(name.to_owned());
        for (key, value, origin) in [
            ("redis.host", "from-flag", Origin::Flag),
            ("redis.port", "7000", variable("REDIS_PORT")),
            ("redis.db", "5", Origin::File(path.clone())),
            ("redis.password", HIDDEN, variable("REDIS_PASSWORD")),
            ("redis.url", "", Origin::Default),
            ("database.url", HIDDEN, variable("DATABASE_URL")),
            ("cache.patience_ms", "7", variable("BILLING__CACHE__PATIENCE_MS")),
            ("cache.types.invoices.ttl_seconds", "7", Origin::File(path)),
            ("cache.types.invoices.l1", "false", Origin::Default),
        ] {
            let setting = by_key[key];
            assert_eq!((setting.value.as_str(), &setting.origin), (value, &origin), "{key}");
        }
        assert!(!format!("{explained:?}").contains("hunter2"), "{explained:?}");
    }

    #[test]
    fn a_file_that_is_no_toml_is_named_and_its_passwords_are_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("billing.toml");
        for text in ["[redis]\npassword = \"hunter2\n", "password hunter2", "[redis]\npassword = 'hunter2' x\n"] {
            std::fs::write(&path, text).unwrap();
            let overrides = Overrides { file: Some(path.clone()), ..Overrides::default() };
            let error = resolve_with(&overrides, &[]).unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(said.contains("billing.toml") && said.contains("line "), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn a_dot_env_file_gives_way_to_the_environment_and_empty_is_unset() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        std::fs::write(&path, "REDIS_HOST=from-file\nREDIS_PASSWORD=\n").unwrap();
        let variables = Variables::of_process(&path).unwrap();
        assert_eq!(variables.values.get("REDIS_HOST").map(String::as_str), Some("from-file"));
        assert!(!variables.values.contains_key("REDIS_PASSWORD"));
        assert_eq!(variables.origin("REDIS_HOST"), Origin::DotEnv("REDIS_HOST".to_owned()));
    }

    #[test]
    fn a_dot_env_file_that_cannot_be_read_shows_no_value() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        for (line, said) in [("REDIS_PASSWORD='hunter2", "REDIS_PASSWORD"), ("hunter2 x", "NAME=value")] {
            std::fs::write(&path, line).unwrap();
            let error = Variables::of_process(&path).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(said) && !shown.contains("hunter2"), "{shown}");
        }
    }
}
