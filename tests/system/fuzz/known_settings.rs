//! The settings that there are, from the file that documents them, and values for each.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;

use super::secrets::Place;
use super::text::{hostile, number};

const DEFAULTS: &str = include_str!("../../../config/default.toml");

/// One key of `config/default.toml`.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) section: String,
    pub(super) key: String,
    /// As it is written there.
    pub(super) default: String,
}

/// Where secrets are, of those that are written in one kind of place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Secrets {
    pub(super) redis_password: Place,
    pub(super) redis_url: Place,
    pub(super) sentinel_password: Place,
    pub(super) database_url: Place,
}

pub(super) static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let (mut section, mut known) = (String::new(), Vec::new());
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
        } else if let Some((key, default)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            known.push(Known { section: section.clone(), key: key.to_owned(), default: default.to_owned() });
        }
    }
    known
});

impl Known {
    /// The variable that sets it.
    pub(super) fn variable(&self) -> String {
        format!("BILLING__{}__{}", self.section.replace('.', "__"), self.key).to_uppercase()
    }

    /// What somebody may write there, not quoted; with a secret around or in it where it is one.
    pub(super) fn value(&self, secrets: Secrets) -> BoxedStrategy<String> {
        let of = |place: Place| place.marker();
        match (self.section.as_str(), self.key.as_str()) {
            ("redis", "password") => around(of(secrets.redis_password)),
            ("redis", "sentinel_password") => around(of(secrets.sentinel_password)),
            ("redis", "url") => addresses(of(secrets.redis_url), &["redis", "rediss", "redis+unix", "http"]),
            ("database", "url") => {
                addresses(of(secrets.database_url), &["postgres", "sqlite", "mysql", "postgresql+x"])
            }
            ("redis", "cluster_nodes" | "sentinels") => nodes(),
            _ => match self.default.as_bytes() {
                [b'"', ..] => hostile(),
                [b't' | b'f', ..] => {
                    prop_oneof![select(&["true", "false", "on", "2", "TRUE"][..]).prop_map(str::to_owned), hostile()]
                        .boxed()
                }
                _ => prop_oneof![5 => number(), 1 => hostile()].boxed(),
            },
        }
    }
}

/// A password, with anything before or after it.
fn around(password: String) -> BoxedStrategy<String> {
    (hostile(), hostile(), 0..4_u8)
        .prop_map(move |(before, after, way)| match way {
            0 => password.clone(),
            1 => format!("{before}{password}"),
            2 => format!("{password}{after}"),
            _ => format!("{before}{password}{after}"),
        })
        .boxed()
}

fn addresses(password: String, schemes: &'static [&'static str]) -> BoxedStrategy<String> {
    let scheme = prop_oneof![8 => select(schemes).prop_map(str::to_owned), 1 => hostile()];
    (scheme, hostile(), 0..6_u8)
        .prop_map(move |(scheme, text, way)| match way {
            0 => format!("{scheme}://user:{password}@127.0.0.1:1/x"),
            1 => format!("{scheme}://user:{password}{text}@127.0.0.1:1/x"),
            2 => format!("{scheme}://user:{password}@127.0.0.1:{text}"),
            3 => format!("{scheme}://{text}:{password}@/{text}?password={password}&sslmode={text}"),
            4 => format!("{scheme}://user:{password}@127.0.0.1:1/x?{text}={text}#{text}"),
            _ => format!("{scheme}{text}user:{password}@127.0.0.1"),
        })
        .boxed()
}

fn nodes() -> BoxedStrategy<String> {
    let text = prop_oneof![Just("127.0.0.1:1".to_owned()), hostile(), number()];
    proptest::collection::vec(text, 0..3).prop_map(|nodes| nodes.join(",")).boxed()
}
