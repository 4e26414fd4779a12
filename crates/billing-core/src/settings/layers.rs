//! The layers that settings are made of, the weakest first, and which of them each value comes from.
//!
//! Invariant: what is loaded and what is explained are the same layers; a secret has no text here that can be shown.

use std::path::PathBuf;

use config::builder::DefaultState;
use config::{Config, ConfigBuilder, Environment, File, FileFormat, Source, Value, ValueKind};

use super::variables::Variables;
use super::{DEFAULT_TOML, Overrides, SettingsError};

type Builder = ConfigBuilder<DefaultState>;

/// Variables with a name of their own, and the keys they set. The first five are the platform's.
const VARIABLES: [(&str, &str); 16] = [
    ("REDIS_HOST", "redis.host"),
    ("REDIS_PORT", "redis.port"),
    ("REDIS_DB", "redis.db"),
    ("REDIS_PASSWORD", "redis.password"),
    ("DATABASE_URL", "database.url"),
    ("REDIS_USERNAME", "redis.username"),
    ("REDIS_URL", "redis.url"),
    ("REDIS_CLUSTER_NODES", "redis.cluster_nodes"),
    ("REDIS_SENTINELS", "redis.sentinels"),
    ("REDIS_SENTINEL_MASTER", "redis.sentinel_master"),
    ("REDIS_SENTINEL_USERNAME", "redis.sentinel_username"),
    ("REDIS_SENTINEL_PASSWORD", "redis.sentinel_password"),
    ("REDIS_TLS", "redis.tls"),
    ("REDIS_TLS_CA", "redis.tls_ca_file"),
    ("REDIS_TLS_CLIENT_CERT", "redis.tls_client_cert_file"),
    ("REDIS_TLS_CLIENT_KEY", "redis.tls_client_key_file"),
];
/// Those of them that hold a number from 0 to 65535.
const NUMERIC: [&str; 2] = ["REDIS_PORT", "REDIS_DB"];
/// The one that is on or off, and how that may be written.
const SWITCH: (&str, [&str; 8]) = ("REDIS_TLS", ["true", "false", "1", "0", "on", "off", "yes", "no"]);
/// Names another settings file.
const CONFIG_VARIABLE: &str = "BILLING_CONFIG";
/// Settings whose values nobody sees.
const SECRETS: [&str; 4] = ["redis.password", "redis.url", "redis.sentinel_password", "database.url"];

/// Shown instead of a secret that is set.
pub const HIDDEN: &str = "(hidden)";

/// Where the value of a setting is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `config/default.toml`, which is compiled in.
    Default,
    /// A settings file.
    File(PathBuf),
    /// A variable of `.env`, by name.
    DotEnv(String),
    /// A variable of the environment, by name.
    Environment(String),
    /// The command line.
    Flag,
}

/// A setting as people may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Such as `redis.host`.
    pub key: String,
    /// Its value, empty where it is empty; [`HIDDEN`] for a secret.
    pub value: String,
    /// Where the value is written.
    pub origin: Origin,
}

/// Values of one kind of origin.
pub(super) struct Layer {
    values: Config,
    /// The keys it sets.
    set: Vec<(String, Origin)>,
}

/// The layers of a process, the weakest first.
pub(super) fn layers(overrides: &Overrides, variables: &Variables) -> Result<Vec<Layer>, SettingsError> {
    let mut layers = vec![defaults()?];
    let from_variable = variables.values.get(CONFIG_VARIABLE).map(PathBuf::from);
    if let Some(path) = overrides.file.clone().or(from_variable) {
        layers.push(file(path)?);
    }
    layers.push(generic_variables(variables)?);
    layers.push(named_variables(variables)?);
    layers.push(flags(&overrides.values)?);
    Ok(layers)
}

/// All layers in one.
pub(super) fn merged(layers: &[Layer]) -> Result<Config, SettingsError> {
    let add = |builder: Builder, layer: &Layer| builder.add_source(layer.values.clone());
    layers.iter().fold(Config::builder(), add).build().map_err(SettingsError::Invalid)
}

/// Every setting of the merged layers, in the order of their keys.
pub(super) fn explain(merged: &Config, layers: &[Layer]) -> Vec<Setting> {
    let origin = |key: &str| layers.iter().rev().find_map(|layer| layer.origin(key)).unwrap_or(Origin::Default);
    let shown = |key: &str, value: String| {
        if SECRETS.contains(&key) && !value.is_empty() { HIDDEN.to_owned() } else { value }
    };
    let mut settings: Vec<Setting> = leaves(merged)
        .into_iter()
        .map(|(key, value)| Setting { origin: origin(&key), value: shown(&key, value), key })
        .collect();
    settings.sort_by(|one, other| one.key.cmp(&other.key));
    settings
}

impl Layer {
    /// A layer whose keys have their origin by this rule.
    fn of(values: Config, origin: impl Fn(&str) -> Origin) -> Self {
        let set = leaves(&values).into_iter().map(|(key, _)| {
            let origin = origin(&key);
            (key, origin)
        });
        Self { set: set.collect(), values }
    }

    fn origin(&self, key: &str) -> Option<Origin> {
        self.set.iter().find(|(set, _)| set == key).map(|(_, origin)| origin.clone())
    }
}

fn defaults() -> Result<Layer, SettingsError> {
    let text = File::from_str(DEFAULT_TOML, FileFormat::Toml);
    let values = Config::builder().add_source(text).build().map_err(SettingsError::Invalid)?;
    Ok(Layer::of(values, |_| Origin::Default))
}

/// A settings file, once it is known to be TOML; what its keys mean is found out with the other layers.
fn file(path: PathBuf) -> Result<Layer, SettingsError> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(SettingsError::Unreadable { path, source }),
    };
    match Config::builder().add_source(File::from_str(&text, FileFormat::Toml)).build() {
        Ok(values) => Ok(Layer::of(values, |_| Origin::File(path.clone()))),
        Err(error) => Err(SettingsError::NotToml { path, reason: without_snippet(&error.to_string()) }),
    }
}

/// The parser quotes the line, `2 | password = "secret`, between a sentence with its place and one with the reason.
fn without_snippet(message: &str) -> String {
    let said = message.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains('|'));
    said.collect::<Vec<_>>().join(": ")
}

/// `BILLING__SECTION__KEY`, for any key.
fn generic_variables(variables: &Variables) -> Result<Layer, SettingsError> {
    let environment = Environment::with_prefix("BILLING").prefix_separator("__").separator("__");
    let environment = environment.try_parsing(true).source(Some(variables.values.clone()));
    let values = Config::builder().add_source(environment).build().map_err(SettingsError::Invalid)?;
    let variable_of = |key: &str| variables.values.keys().find(|name| generic_key(name).as_deref() == Some(key));
    Ok(Layer::of(values, |key| variables.origin(variable_of(key).map_or("BILLING__", String::as_str))))
}

fn generic_key(variable: &str) -> Option<String> {
    Some(variable.to_lowercase().strip_prefix("billing__")?.replace("__", "."))
}

/// The variables with names of their own.
fn named_variables(variables: &Variables) -> Result<Layer, SettingsError> {
    let mut builder = Config::builder();
    for (variable, key) in VARIABLES {
        let Some(value) = variables.values.get(variable) else { continue };
        if NUMERIC.contains(&variable) && value.parse::<u16>().is_err() {
            return Err(SettingsError::NotANumber { variable, value: value.clone() });
        }
        if variable == SWITCH.0 && !SWITCH.1.contains(&value.to_lowercase().as_str()) {
            return Err(SettingsError::NotASwitch { variable, value: value.clone() });
        }
        builder = builder.set_override(key, value.as_str()).map_err(SettingsError::Invalid)?;
    }
    let values = builder.build().map_err(SettingsError::Invalid)?;
    let variable_of = |key: &str| VARIABLES.iter().find(|(_, set)| *set == key).map_or("", |(variable, _)| variable);
    Ok(Layer::of(values, |key| variables.origin(variable_of(key))))
}

fn flags(set: &[(String, String)]) -> Result<Layer, SettingsError> {
    let add = |builder: Builder, (key, value): &(String, String)| builder.set_override(key, value.as_str());
    let values = set.iter().try_fold(Config::builder(), add).and_then(Builder::build);
    Ok(Layer::of(values.map_err(SettingsError::Invalid)?, |_| Origin::Flag))
}

/// The keys of the innermost values, joined by dots, and the values as text.
fn leaves(config: &Config) -> Vec<(String, String)> {
    let mut leaves = Vec::new();
    for (key, value) in config.collect().unwrap_or_default() {
        add_leaves(key, value, &mut leaves);
    }
    leaves
}

fn add_leaves(key: String, value: Value, leaves: &mut Vec<(String, String)>) {
    match value.kind {
        ValueKind::Table(table) => {
            table.into_iter().for_each(|(name, value)| add_leaves(format!("{key}.{name}"), value, leaves));
        }
        other => leaves.push((key, other.to_string())),
    }
}
