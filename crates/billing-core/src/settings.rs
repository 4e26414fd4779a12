//! The settings of a process: defaults < `.env` < file < environment < flags.
//!
//! Invariants: an empty variable counts as unset. The environment of the process is read and never changed. No value is
//! converted to another kind, and each number has a range. No error shows a secret. Each value is known with its
//! origin. `config/default.toml` is compiled in and documents every key.
//!
//! Used by every program and by the service.

mod dot_env;
mod expansion;
mod keys;
mod layers;
mod limits;
mod remarks;
#[cfg(test)]
mod tests;
mod value;
mod variables;

use std::path::{Path, PathBuf};

use billing_cache::{CacheSettings, InvalidSetting, RedisSettings};
use serde::Deserialize;

pub use layers::{HIDDEN, Origin, Setting};
use layers::{Layer, as_table, explain, merged};
pub use limits::number_ranges;
pub use remarks::Remark;
use remarks::remarks;
use variables::Variables;

use billing_outbox::database::DatabaseSettings;
use billing_outbox::outbox::RelaySettings;

/// The text of `config/default.toml`.
pub const DEFAULT_TOML: &str = include_str!("../../../config/default.toml");

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How to reach Redis.
    pub redis: RedisSettings,
    /// How to reach the database.
    pub database: DatabaseSettings,
    /// How the cache behaves.
    pub cache: CacheSettings,
    /// How pending invalidations are applied.
    pub relay: RelaySettings,
}

/// What the command line sets; it outranks everything else.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// Keys such as `cache.key_space`, and their values.
    pub values: Vec<(String, String)>,
}

/// The settings of a process, with remarks about them.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The values in force.
    pub settings: Settings,
    /// The same by key, each value with its origin, in the order of the keys.
    pub explained: Vec<Setting>,
    /// Settings that have no effect.
    pub remarks: Vec<Remark>,
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
        /// The reason.
        source: std::io::Error,
    },
    /// A settings file is not valid TOML.
    #[error("the configuration file {} is no TOML: {reason}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where and why, without the text of the line, which may hold a password.
        reason: String,
    },
    /// `.env` cannot be read, or a line in it that sets one of our variables.
    #[error("cannot read .env: {reason}")]
    DotEnv {
        /// Which line and why, without its value, which may be a password.
        reason: String,
    },
    /// One of our variables is not a text.
    #[error("{place} is not UTF-8")]
    NotUtf8 {
        /// The variable.
        place: String,
    },
    /// There is no such setting.
    #[error("{place} is no setting{near}")]
    Unknown {
        /// The variable, or the key and the file.
        place: String,
        /// The likely intended name, or empty.
        near: String,
    },
    /// A value of another kind, or out of range.
    #[error("{place} is {found}: must be {wanted}")]
    Wrong {
        /// The variable, or the key and the file.
        place: String,
        /// Its kind, or the number.
        found: String,
        /// What is allowed.
        wanted: String,
    },
    /// A value that cannot work together with another one.
    #[error("{source} (from {origin})")]
    Refused {
        /// Where the value is set.
        origin: Origin,
        /// What is wrong.
        source: InvalidSetting,
    },
    /// The values are complete and of the right kinds, and still cannot be read as settings.
    #[error("the configuration cannot be used: {}", .0.message())]
    Invalid(toml::de::Error),
}

impl Settings {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// A sentence that names the file, variable or key to change.
    pub fn load(overrides: &Overrides) -> Result<Self, SettingsError> {
        Ok(Self::load_explained(overrides)?.settings)
    }

    /// Reads the settings of this process, each value with its origin.
    ///
    /// # Errors
    /// A sentence that names the file, variable or key to change.
    pub fn load_explained(overrides: &Overrides) -> Result<Loaded, SettingsError> {
        Self::resolve(overrides, &Variables::of_this_process(Path::new(".env"))?)
    }

    /// The defaults alone.
    ///
    /// # Panics
    /// Never: a test reads the file that is compiled in.
    #[must_use]
    pub fn defaults() -> Self {
        let loaded = Self::resolve(&Overrides::default(), &Variables::default());
        loaded.expect("the compiled-in settings are valid").settings
    }

    /// The defaults of a database connection, with this URL.
    #[must_use]
    pub fn database_at(url: impl Into<String>) -> DatabaseSettings {
        DatabaseSettings { url: url.into().into(), ..Self::defaults().database }
    }

    fn resolve(overrides: &Overrides, variables: &Variables) -> Result<Loaded, SettingsError> {
        let merged = merged(overrides, variables)?;
        let (explained, remarks) = (explain(&merged), remarks(&merged, variables));
        let origins = merged.clone();
        let settings = Self::deserialize(as_table(merged)).map_err(SettingsError::Invalid)?;
        settings.cache.check().map_err(|source| refused(&origins, source))?;
        Ok(Loaded { settings, explained, remarks })
    }
}

fn refused(merged: &Layer, source: InvalidSetting) -> SettingsError {
    let origin = merged.get(source.key()).map_or(Origin::Default, |(_, origin)| origin.clone());
    SettingsError::Refused { origin, source }
}
