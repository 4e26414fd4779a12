//! Settings files: nearly right ones, of all keys, and TOML of any shape.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use system_tests::Backend;

use super::known_settings::{KNOWN, Known, Secrets};
use super::secrets::Place;
use super::stage::Stage;
use super::text::{damage, hostile, number};
use super::trial::Trial;
use super::uses;

const SECRETS: Secrets = Secrets {
    redis_password: Place::FileRedisPassword,
    redis_url: Place::FileRedisUrl,
    sentinel_password: Place::FileSentinelPassword,
    database_url: Place::FileDatabaseUrl,
};
const FILE: &str = "billing.toml";

/// Programs with a hostile settings file.
pub(super) fn trials(stage: &Stage) -> BoxedStrategy<Trial> {
    let of_backend = |backend: Backend| {
        let base = base(stage, backend);
        let entries = vec(prop_oneof![6 => entry(), 1 => any_shape()], 0..4);
        (entries, any::<bool>(), damage(), uses::uses()).prop_map(move |(entries, first, damage, mut used)| {
            let entries = entries.join("\n");
            let text = if first { format!("{entries}\n{base}") } else { format!("{base}\n{entries}\n") };
            used.arguments.extend(["--config".into(), FILE.into()]);
            let files = vec![(FILE, damage.of(text.into_bytes()))];
            Trial { backend, tool: used.tool, arguments: used.arguments, variables: Vec::new(), files }
        })
    };
    prop_oneof![of_backend(Backend::Sqlite), of_backend(Backend::Postgres)].boxed()
}

/// What a program needs to get anywhere, in dotted keys, so that tables may follow.
fn base(stage: &Stage, backend: Backend) -> String {
    let (password, port) = (Place::FileRedisPassword.marker(), stage.port(backend));
    let url = stage.database_url(backend, Place::FileDatabaseUrl);
    format!(
        "redis.host = \"127.0.0.1\"\nredis.port = {port}\nredis.password = \"{password}\"\ndatabase.url = \"{url}\""
    )
}

/// One key that there is, mostly with a value of its kind.
fn entry() -> BoxedStrategy<String> {
    let of = |known: &Known| {
        let (key, form) = (format!("{}.{}", known.section, known.key), any::<u8>());
        let is_text = known.default.starts_with('"');
        (known.value(SECRETS), form)
            .prop_map(move |(value, form)| format!("{key} = {}", literal(&value, is_text, form)))
    };
    Union::new(KNOWN.iter().map(of).collect::<Vec<_>>()).boxed()
}

/// The value as TOML would have it, or some other way.
fn literal(value: &str, is_text: bool, form: u8) -> String {
    match form % 16 {
        0 => value.to_owned(),
        1 => format!("'{value}'"),
        2 => format!("\"\"\"{value}\"\"\""),
        3 => format!("[{value:?}]"),
        4 => format!("{{ x = {value:?} }}"),
        5 => format!("\"{value}\""),
        6 => "2026-01-01T00:00:00Z".to_owned(),
        7 => "true".to_owned(),
        8 => "1.5".to_owned(),
        9 => "inf".to_owned(),
        _ if is_text => serde_json::Value::from(value).to_string(),
        _ => value.to_owned(),
    }
}

/// TOML that has nothing to do with settings, or is none.
fn any_shape() -> BoxedStrategy<String> {
    let names = prop_oneof![
        select(&["redis", "cache", "cache.types", "cache.types.invoices", "relay", "x"][..]).prop_map(str::to_owned),
        hostile()
    ];
    let deep = select(&[10_usize, 79, 81, 129, 1_000, 30_000][..]);
    prop_oneof![
        (names.clone(), hostile()).prop_map(|(name, text)| format!("[{name}]\n{text} = 1")),
        (names.clone(), hostile()).prop_map(|(name, text)| format!("[[{name}]]\n{text} = 1")),
        (names.clone(), hostile()).prop_map(|(name, text)| format!("{name}.{text:?} = {text:?}")),
        (names.clone(), number()).prop_map(|(name, number)| format!("{name} = {number}")),
        deep.clone().prop_map(|depth| format!("x = {}", "[".repeat(depth))),
        deep.clone().prop_map(|depth| format!("x = {}1{}", "[".repeat(depth), "]".repeat(depth))),
        deep.clone().prop_map(|depth| format!("x = {}1{}", "{x=".repeat(depth), "}".repeat(depth))),
        deep.prop_map(|depth| format!("x{} = 1", ".x".repeat(depth))),
        hostile(),
        Just("redis.port = 1\nredis.port = 1".to_owned()),
        Just("[redis]\n[redis]".to_owned()),
    ]
    .boxed()
}
