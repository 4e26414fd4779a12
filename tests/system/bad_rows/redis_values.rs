//! What can stand under a key of ours and is no value of its type.

use std::fmt;

use proptest::prelude::*;
use proptest::sample::select;
use system_tests::Site;

/// Something under a key.
#[derive(Clone)]
pub(super) enum Foreign {
    Bytes(Vec<u8>),
    List,
    Hash,
    Set,
    SortedSet,
    Stream,
    /// The value of a clean key as somebody else's.
    Other,
}

/// Whether it goes by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expiry {
    Soon,
    Never,
}

const TEXTS: &[&str] = &[
    "",
    " ",
    "{",
    "{\"id\":1",
    "[1,2",
    "[null]",
    "[[]]",
    "[{}]",
    "{}",
    "7",
    "-1",
    "true",
    "\"x\"",
    "nul",
    "NaN",
    "{\"id\":1e999}",
    "{\"id\":99999999999999999999}",
    "{\"id\":\"1\"}",
    "\u{feff}{}",
    "{\"id\":1,\"id\":2}",
    "gAN9cQAu",
];

pub(super) fn foreign() -> impl Strategy<Value = (Foreign, Expiry)> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..64);
    let value = prop_oneof![
        6 => select(TEXTS).prop_map(|text| Foreign::Bytes(text.into())),
        2 => bytes.prop_map(Foreign::Bytes),
        1 => select(&["[", "{\"a\":"][..]).prop_map(|text| Foreign::Bytes(text.repeat(50_000).into())),
        1 => Just(Foreign::Bytes(["[".repeat(5_000), "]".repeat(5_000)].concat().into())),
        1 => Just(Foreign::Bytes(format!("{{\"id\":{}}}", "9".repeat(1_000)).into())),
        1 => Just(Foreign::Bytes(vec![0xff; 1 << 20])),
        5 => select(&[Foreign::List, Foreign::Hash, Foreign::Set, Foreign::SortedSet, Foreign::Stream][..]),
        3 => Just(Foreign::Other),
    ];
    (value, prop_oneof![3 => Just(Expiry::Soon), 1 => Just(Expiry::Never)])
}

/// Bytes are shown as text, and not all of them.
impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => {
                let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
                write!(f, "{shown:?} of {} bytes", bytes.len())
            }
            Self::List => f.write_str("a list"),
            Self::Hash => f.write_str("a hash"),
            Self::Set => f.write_str("a set"),
            Self::SortedSet => f.write_str("a sorted set"),
            Self::Stream => f.write_str("a stream"),
            Self::Other => f.write_str("another's value"),
        }
    }
}

impl Foreign {
    /// Stores it under this key. `clean` is a value of the type.
    pub(super) fn store(&self, site: &Site, key: &str, expiry: Expiry, clean: &[u8]) {
        let mut redis = site.store_of(key).connection().unwrap_or_else(|error| panic!("{error:#}"));
        let mut must = |words: &[&[u8]]| {
            let name = std::str::from_utf8(words[0]).expect("commands are text");
            redis::cmd(name).arg(&words[1..]).exec(&mut redis).unwrap_or_else(|error| panic!("{name}: {error}"));
        };
        let key = key.as_bytes();
        must(&[b"DEL", key]);
        match self {
            Self::Bytes(bytes) => must(&[b"SET", key, bytes]),
            Self::List => must(&[b"RPUSH", key, b"null"]),
            Self::Hash => must(&[b"HSET", key, b"id", b"1"]),
            Self::Set => must(&[b"SADD", key, b"null"]),
            Self::SortedSet => must(&[b"ZADD", key, b"1", b"null"]),
            Self::Stream => must(&[b"XADD", key, b"*", b"id", b"1"]),
            Self::Other => must(&[b"SET", key, &of_another(clean)]),
        }
        if let Expiry::Soon = expiry {
            must(&[b"EXPIRE", key, b"600"]);
        }
    }
}

/// The value names another invoice, user or country. One that names none is cut short.
fn of_another(clean: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(clean).into_owned();
    if text.starts_with("{") && text.contains("\"user_id\":1,") {
        text.replacen("\"id\":1,", "\"id\":2,", 1).into_bytes()
    } else if text.contains("\"user_id\":1,") {
        text.replace("\"user_id\":1,", "\"user_id\":2,").into_bytes()
    } else if text.contains("\"country\":\"FR\"") {
        text.replace("\"country\":\"FR\"", "\"country\":\"GB\"").into_bytes()
    } else {
        text.as_bytes()[..text.len() / 2].to_vec()
    }
}
