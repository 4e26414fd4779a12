//! The layers of the settings, the weakest first, and the layer that each value comes from.
//!
//! Invariants: loading and explaining use the same layers. A secret has no text here that can be shown. If a file that
//! was named explicitly says where Redis is, a `.env` that is merely found does not replace that.
//!
//! Used by `settings.rs`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use billing_cache::bounded_file::{LARGEST_FILE, read_file};
use toml::Table;

use super::keys::{self, CONFIG_VARIABLE};
use super::value::{Value, Wrong};
use super::variables::{Assignment, Variables};
use super::{Overrides, SettingsError};

/// Settings whose values are never shown.
const SECRETS: [&str; 4] = ["redis.password", "redis.url", "redis.sentinel_password", "database.url"];

/// The settings that say where Redis is, each in a different way.
pub(super) const ADDRESSES: [&str; 4] = ["redis.url", "redis.cluster_nodes", "redis.sentinels", "redis.host"];

const PORT: &str = "redis.port";

/// Shown instead of a secret that is set.
pub const HIDDEN: &str = "(hidden)";

/// Where the value of a setting is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `config/default.toml`, which is compiled in.
    Default,
    /// A variable of `.env`, by name.
    DotEnv(String),
    /// A settings file.
    File(PathBuf),
    /// A variable of the environment, by name.
    Environment(String),
    /// The command line.
    Flag,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::DotEnv(name) => write!(f, "{name} in .env"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// A setting as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key, such as `redis.host`.
    pub key: String,
    /// Its value; [`HIDDEN`] for a secret that is set.
    pub value: String,
    /// Where the value is set.
    pub origin: Origin,
}

/// Values by key, each with its origin.
pub(super) type Layer = BTreeMap<String, (Value, Origin)>;

/// All layers of a process merged: defaults, `.env`, file, environment, flags.
pub(super) fn merged(overrides: &Overrides, variables: &Variables) -> Result<Layer, SettingsError> {
    let named = overrides.file.clone().or_else(|| variables.value(CONFIG_VARIABLE).map(PathBuf::from));
    let file = named.map(file).transpose()?.unwrap_or_default();
    let mut found = of_variables(&variables.of_dot_env)?;
    if ADDRESSES.iter().any(|key| file.contains_key(*key)) {
        // A port belongs to its host.
        found.retain(|key, _| key != PORT && !ADDRESSES.contains(&key.as_str()));
    }
    let mut merged = keys::defaults().clone();
    for layer in [found, file, of_variables(&variables.of_process)?, flags(&overrides.values)?] {
        merged.extend(layer);
    }
    Ok(merged)
}

/// Every setting, in the order of the keys.
pub(super) fn explain(merged: &Layer) -> Vec<Setting> {
    let shown = |key: &str, value: String| {
        if SECRETS.contains(&key) && !value.is_empty() { HIDDEN.to_owned() } else { value }
    };
    let setting = |(key, (value, origin)): (&String, &(Value, Origin))| Setting {
        key: key.clone(),
        value: shown(key, value.to_string()),
        origin: origin.clone(),
    };
    merged.iter().map(setting).collect()
}

/// The layer as nested tables.
pub(super) fn as_table(merged: Layer) -> Table {
    let mut root = Table::new();
    for (key, (value, _)) in merged {
        insert(&mut root, &key, value.into());
    }
    root
}

fn insert(table: &mut Table, key: &str, value: toml::Value) {
    match key.split_once('.') {
        None => drop(table.insert(key.to_owned(), value)),
        Some((section, rest)) => {
            let section = table.entry(section).or_insert_with(|| Table::new().into());
            if let Some(section) = section.as_table_mut() {
                insert(section, rest, value);
            }
        }
    }
}

/// The innermost values of these tables, with their keys joined by dots.
pub(super) fn leaves(table: Table) -> Vec<(String, toml::Value)> {
    let mut leaves = Vec::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => {
                leaves.extend(self::leaves(inner).into_iter().map(|(rest, value)| (format!("{key}.{rest}"), value)));
            }
            value => leaves.push((key, value)),
        }
    }
    leaves
}

fn file(path: PathBuf) -> Result<Layer, SettingsError> {
    let mut layer = Layer::new();
    for (key, value) in leaves(table_in(&path)?) {
        let place = || format!("{key} in {}", path.display());
        let kind = keys::kind(&key).ok_or_else(|| no_setting(place(), keys::nearest(&key).map(str::to_owned)))?;
        let value = kind.take(value).map_err(|wrong| refused(place(), wrong))?;
        layer.insert(key, (value, Origin::File(path.clone())));
    }
    Ok(layer)
}

fn table_in(path: &std::path::Path) -> Result<Table, SettingsError> {
    let unreadable = |source| SettingsError::Unreadable { path: path.to_owned(), source };
    let bytes = read_file(path, LARGEST_FILE).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable(std::io::Error::other("it is not UTF-8")))?;
    text.parse().map_err(|error: toml::de::Error| {
        let line = 1 + error.span().map_or(0, |span| text[..span.start].matches('\n').count());
        SettingsError::NotToml { path: path.to_owned(), reason: format!("line {line}: {}", error.message()) }
    })
}

/// The values that these variables set. A variable with a name of its own outranks `BILLING__SECTION__KEY`.
fn of_variables(variables: &[Assignment]) -> Result<Layer, SettingsError> {
    let mut layer = Layer::new();
    let has_own_name = |assignment: &&Assignment| keys::VARIABLES.iter().any(|(name, _)| *name == assignment.name);
    let (own, generic): (Vec<_>, Vec<_>) = variables.iter().partition(has_own_name);
    for Assignment { name, value, origin, place } in generic.into_iter().chain(own) {
        let Some(key) = keys::of_variable(name) else { continue };
        let near = || keys::nearest(&key).map(keys::variable_of);
        let kind = keys::kind(&key).ok_or_else(|| no_setting(place.clone(), near()))?;
        let value = kind.read(value).map_err(|wrong| refused(place.clone(), wrong))?;
        layer.insert(key, (value, origin.clone()));
    }
    Ok(layer)
}

fn flags(set: &[(String, String)]) -> Result<Layer, SettingsError> {
    let mut layer = Layer::new();
    for (key, value) in set {
        let place = || format!("{key} of the command line");
        let kind = keys::kind(key).ok_or_else(|| no_setting(place(), None))?;
        layer.insert(key.clone(), (kind.read(value).map_err(|wrong| refused(place(), wrong))?, Origin::Flag));
    }
    Ok(layer)
}

fn no_setting(place: String, near: Option<String>) -> SettingsError {
    SettingsError::Unknown { place, near: near.map(|near| format!("; {near} is one")).unwrap_or_default() }
}

fn refused(place: String, Wrong { found, wanted }: Wrong) -> SettingsError {
    SettingsError::Wrong { place, found, wanted }
}
