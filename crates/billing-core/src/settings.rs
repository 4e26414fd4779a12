//! The settings of a process: defaults < file < `.env` < environment < flags.
//!
//! Invariants: an empty variable is an unset one; the environment of the process is read and never changed; no error
//! shows a secret. `config/default.toml` is compiled in and documents every key.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use billing_cache::{CacheSettings, RedisSettings};
use config::{Config, ConfigError, Environment, File, FileFormat, FileSourceString};
use serde::Deserialize;

use crate::database::DatabaseSettings;
use crate::outbox::RelaySettings;

/// The text of `config/default.toml`.
pub const DEFAULT_TOML: &str = include_str!("../../../config/default.toml");

/// Variables with a name of their own, and the keys they set. The first five are the platform's.
const VARIABLES: [(&str, &str); 7] = [
    ("REDIS_HOST", "redis.host"),
    ("REDIS_PORT", "redis.port"),
    ("REDIS_DB", "redis.db"),
    ("REDIS_PASSWORD", "redis.password"),
    ("DATABASE_URL", "database.url"),
    ("REDIS_USERNAME", "redis.username"),
    ("REDIS_URL", "redis.url"),
];
const NUMERIC: [&str; 2] = ["REDIS_PORT", "REDIS_DB"];
/// Names another settings file.
const CONFIG_VARIABLE: &str = "BILLING_CONFIG";

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
        Self::resolve(overrides, &variables(Path::new(".env"))?)
    }

    /// The defaults alone.
    ///
    /// # Panics
    /// Never: a test reads the file that is compiled in.
    #[must_use]
    pub fn defaults() -> Self {
        Self::resolve(&Overrides::default(), &HashMap::new()).expect("the compiled-in settings are valid")
    }

    fn resolve(overrides: &Overrides, variables: &HashMap<String, String>) -> Result<Self, SettingsError> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULT_TOML, FileFormat::Toml));
        let from_variable = variables.get(CONFIG_VARIABLE).map(PathBuf::from);
        if let Some(path) = overrides.file.clone().or(from_variable) {
            builder = builder.add_source(file(path)?);
        }
        let environment = Environment::with_prefix("BILLING").prefix_separator("__").separator("__");
        builder = builder.add_source(environment.try_parsing(true).source(Some(variables.clone())));
        let named = named_variables(variables)?;
        let set = overrides.values.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        for (key, value) in named.into_iter().chain(set) {
            builder = builder.set_override(key, value).map_err(SettingsError::Invalid)?;
        }
        builder.build().and_then(Config::try_deserialize).map_err(SettingsError::Invalid)
    }
}

/// A settings file, once it is known to be TOML; what its keys mean is found out with the other sources.
fn file(path: PathBuf) -> Result<File<FileSourceString, FileFormat>, SettingsError> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(SettingsError::Unreadable { path, source }),
    };
    let file = File::from_str(&text, FileFormat::Toml);
    match Config::builder().add_source(file.clone()).build() {
        Ok(_) => Ok(file),
        Err(error) => Err(SettingsError::NotToml { path, reason: without_snippet(&error.to_string()) }),
    }
}

/// The parser quotes the line, `2 | password = "secret`, between a sentence with its place and one with the reason.
fn without_snippet(message: &str) -> String {
    let said = message.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains('|'));
    said.collect::<Vec<_>>().join(": ")
}

/// The variables with names of their own that are set, by the key they set.
fn named_variables(variables: &HashMap<String, String>) -> Result<Vec<(&'static str, &str)>, SettingsError> {
    let mut named = Vec::new();
    for (variable, key) in VARIABLES {
        let Some(value) = variables.get(variable) else { continue };
        if NUMERIC.contains(&variable) && value.parse::<u16>().is_err() {
            return Err(SettingsError::NotANumber { variable, value: value.clone() });
        }
        named.push((key, value.as_str()));
    }
    Ok(named)
}

/// The variables of the process over those of `.env`, without the empty ones.
fn variables(dot_env: &Path) -> Result<HashMap<String, String>, SettingsError> {
    let mut variables = HashMap::new();
    if dot_env.exists() {
        for pair in dotenvy::from_path_iter(dot_env).map_err(|error| unreadable_dot_env(&error))? {
            let (name, value) = pair.map_err(|error| unreadable_dot_env(&error))?;
            variables.insert(name, value);
        }
    }
    let process =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    variables.extend(process.filter(|(_, value)| !value.is_empty()));
    variables.retain(|_, value| !value.is_empty());
    Ok(variables)
}

fn unreadable_dot_env(error: &dotenvy::Error) -> SettingsError {
    let reason = match error {
        dotenvy::Error::LineParse(line, _) => match line.split_once('=') {
            Some((name, _)) => format!("the value of {} needs quotes or lacks one", name.trim()),
            None => "a line is not of the form NAME=value".to_owned(),
        },
        other => other.to_string(),
    };
    SettingsError::DotEnv { reason }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::cached::CACHED_TYPES;

    fn resolve(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let variables = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::resolve(&Overrides::default(), &variables)
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
        let variables = HashMap::from([("BILLING__CACHE__PATIENCE_MS".to_owned(), "7".to_owned())]);
        assert_eq!(Settings::resolve(&Overrides::default(), &variables).unwrap().cache.patience_ms, 7);
        let values = vec![("cache.patience_ms".to_owned(), "8".to_owned())];
        let overrides = Overrides { values, ..Overrides::default() };
        assert_eq!(Settings::resolve(&overrides, &variables).unwrap().cache.patience_ms, 8);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = resolve(&[("REDIS_PORT", "abc")]).unwrap_err();
        assert_eq!(error.to_string(), "REDIS_PORT is \"abc\": must be a whole number from 0 to 65535");
        let error = resolve(&[("BILLING__CACHE__PATIENCE", "7")]).unwrap_err();
        assert!(error.to_string().contains("patience"), "{error}");
        let overrides = Overrides { file: Some("does-not-exist.toml".into()), ..Overrides::default() };
        let error = Settings::resolve(&overrides, &HashMap::new()).unwrap_err();
        assert!(error.to_string().contains("does-not-exist.toml"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_toml_is_named_and_its_passwords_are_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("billing.toml");
        for text in ["[redis]\npassword = \"hunter2\n", "password hunter2", "[redis]\npassword = 'hunter2' x\n"] {
            std::fs::write(&path, text).unwrap();
            let overrides = Overrides { file: Some(path.clone()), ..Overrides::default() };
            let error = Settings::resolve(&overrides, &HashMap::new()).unwrap_err();
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
        let variables = variables(&path).unwrap();
        assert_eq!(variables.get("REDIS_HOST").map(String::as_str), Some("from-file"));
        assert!(!variables.contains_key("REDIS_PASSWORD"));
    }

    #[test]
    fn a_dot_env_file_that_cannot_be_read_shows_no_value() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".env");
        for (line, said) in [("REDIS_PASSWORD='hunter2", "REDIS_PASSWORD"), ("hunter2 x", "NAME=value")] {
            std::fs::write(&path, line).unwrap();
            let error = variables(&path).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(said) && !shown.contains("hunter2"), "{shown}");
        }
    }
}
