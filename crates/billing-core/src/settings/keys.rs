//! The names of settings: their keys, and the variables that set them.
//!
//! Invariant: the keys are those of `config/default.toml`; nothing lists them twice.
//!
//! Used by the other files of this folder.

use std::sync::LazyLock;

use super::layers::{self, Layer};
use super::value::{Kind, Value};
use super::{DEFAULT_TOML, Origin};

/// Variables with a name of their own, and the keys they set. The first five are the platform's.
pub(super) const VARIABLES: [(&str, &str); 16] = [
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
/// Names another settings file.
pub(super) const CONFIG_VARIABLE: &str = "BILLING_CONFIG";
/// Prefix of all our variables without a name of their own.
const OURS: &str = "BILLING_";
/// Prefix of variables for any key; two underscores separate sections and keys.
const GENERIC: &str = "BILLING__";
/// Variables of this project's own tests and tasks.
const OF_TESTS: [&str; 5] =
    ["BILLING_TEST_", "BILLING_UPDATE_", "BILLING_FAILPOINT", "BILLING_CHAOS_", "BILLING_AUDIT_CHECKS"];
/// The settings of cached types; any type may have some.
const TYPES: &str = "cache.types.";
/// Names that are less similar than this are not suggested.
const NEAR: f64 = 0.8;

static DEFAULTS: LazyLock<Layer> = LazyLock::new(|| {
    let table = DEFAULT_TOML.parse().expect("a test reads the file that is compiled in");
    let value = |value| match value {
        toml::Value::String(text) => Value::Text(text),
        toml::Value::Integer(number) => Value::Number(number),
        toml::Value::Boolean(on) => Value::Switch(on),
        _ => panic!("a default is a text, a whole number, true or false"),
    };
    let entries = layers::leaves(table).into_iter().map(|(key, found)| (key, (value(found), Origin::Default)));
    entries.collect()
});

/// `config/default.toml`.
pub(super) fn defaults() -> &'static Layer {
    &DEFAULTS
}

/// The allowed values of this key; `None` if there is no such setting.
pub(super) fn kind(key: &str) -> Option<Kind> {
    let (pattern, default) = match of_type(key) {
        None => (key.to_owned(), DEFAULTS.get(key)?),
        Some(name) => {
            let of_any = |other: &str| of_type(other) == Some(name);
            let (_, default) = DEFAULTS.iter().find(|(other, _)| of_any(other))?;
            (format!("{TYPES}*.{name}"), default)
        }
    };
    Some(Kind::of(&pattern, &default.0))
}

/// `ttl_seconds` of `cache.types.invoices.ttl_seconds`.
fn of_type(key: &str) -> Option<&str> {
    let (_name, key) = key.strip_prefix(TYPES)?.split_once('.')?;
    Some(key)
}

/// The key that a variable sets, whether or not the setting exists.
pub(super) fn of_variable(name: &str) -> Option<String> {
    let own = VARIABLES.iter().find(|(variable, _)| *variable == name).map(|(_, key)| (*key).to_owned());
    own.or_else(|| Some(after(name, GENERIC)?.to_lowercase().replace("__", ".")))
}

/// The variable that sets this key: its own name, or the generic one.
pub(super) fn variable_of(key: &str) -> String {
    let own = VARIABLES.iter().find(|(_, set)| *set == key);
    own.map_or_else(|| generic_variable(key), |(variable, _)| (*variable).to_owned())
}

fn generic_variable(key: &str) -> String {
    format!("{GENERIC}{}", key.to_uppercase().replace('.', "__"))
}

/// Whether a variable sets something here.
pub(super) fn is_ours(name: &str) -> bool {
    name == CONFIG_VARIABLE || of_variable(name).is_some()
}

/// Whether a variable is ours, or looks like ours.
pub(super) fn concerns_us(name: &str) -> bool {
    is_ours(name) || (after(name, OURS).is_some() && !OF_TESTS.iter().any(|prefix| name.starts_with(prefix)))
}

/// The rest of the name after a prefix, in upper or lower case.
fn after<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (begin, rest) = name.split_at_checked(prefix.len())?;
    begin.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The existing key closest to this one.
pub(super) fn nearest(key: &str) -> Option<&'static str> {
    most_like(key, DEFAULTS.keys().map(|known| (known.as_str(), known.clone())))
}

/// The variable closest to this one, compared without underscores and dots.
pub(super) fn nearest_variable(name: &str) -> Option<String> {
    let plain = |text: &str| text.to_lowercase().replace(['.', '_'], "");
    let wanted = plain(after(name, OURS)?);
    let keys = DEFAULTS.keys().map(|key| (generic_variable(key), plain(key)));
    most_like(&wanted, keys.chain([(CONFIG_VARIABLE.to_owned(), plain("config"))]))
}

fn most_like<T>(wanted: &str, known: impl Iterator<Item = (T, String)>) -> Option<T> {
    let likeness = known.map(|(name, text)| (strsim::normalized_damerau_levenshtein(wanted, &text), name));
    let best = likeness.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 >= NEAR).then_some(best.1)
}
