//! Settings that have no effect: allowed, but seldom intended.
//!
//! Reported by `doctor`, and once when a program starts.

use std::fmt;

use super::Origin;
use super::keys;
use super::layers::Layer;
use super::value::Value;
use super::variables::Variables;

/// The keys that `redis.url` replaces, if it is set.
const REPLACED: [&str; 5] = ["redis.host", "redis.port", "redis.db", "redis.username", "redis.password"];

/// A setting that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// The Redis URL and the settings that it replaces, each as a key with its origin.
    ReplacedByUrl {
        /// The URL.
        url: String,
        /// The settings it replaces.
        replaced: Vec<String>,
    },
    /// A variable that begins like ours, but has one underscore instead of two, or names no setting.
    NoVariable {
        /// The variable, with its line if it is set in `.env`.
        place: String,
        /// The likely intended name.
        near: Option<String>,
    },
}

impl Remark {
    /// What is set, and why it has no effect.
    #[must_use]
    pub fn found(&self) -> String {
        match self {
            Self::ReplacedByUrl { url, replaced } => format!("{url} replaces {}", replaced.join(", ")),
            Self::NoVariable { place, .. } => format!("{place} is no variable of the billing cache"),
        }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::ReplacedByUrl { .. } => "unset one or the other".to_owned(),
            Self::NoVariable { near: Some(near), .. } => format!("{near} is one"),
            Self::NoVariable { near: None, .. } => {
                "config/default.toml has the names, as BILLING__SECTION__KEY".to_owned()
            }
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.found(), self.remedy())
    }
}

pub(super) fn remarks(merged: &Layer, variables: &Variables) -> Vec<Remark> {
    replaced_by_url(merged).into_iter().chain(no_variables(variables)).collect()
}

/// `REDIS_URL` is also a variable of the platform, for other purposes.
fn replaced_by_url(merged: &Layer) -> Option<Remark> {
    let set = |key: &str| merged.get(key).filter(|(value, origin)| *origin != Origin::Default && !value.is_empty());
    let (_, url) = set("redis.url")?;
    let replaced: Vec<String> = REPLACED.iter().filter_map(|key| Some(written(key, &set(key)?.1))).collect();
    (!replaced.is_empty()).then(|| Remark::ReplacedByUrl { url: written("redis.url", url), replaced })
}

fn written(key: &str, origin: &Origin) -> String {
    format!("{key} ({origin})")
}

fn no_variables(variables: &Variables) -> impl Iterator<Item = Remark> {
    let strange = variables.all().filter(|assignment| !keys::is_ours(&assignment.name));
    strange
        .map(|strange| Remark::NoVariable { place: strange.place.clone(), near: keys::nearest_variable(&strange.name) })
}

impl Value {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}
