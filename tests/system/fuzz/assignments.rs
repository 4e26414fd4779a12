//! Variables, in the environment and in `.env`: those that there are and those that there are not.

use std::ffi::OsString;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use system_tests::Backend;

use super::arguments::argument;
use super::known_settings::{KNOWN, Secrets};
use super::secrets::Place;
use super::stage::Stage;
use super::text::{bytes, damage, hostile, number};
use super::trial::Trial;
use super::uses;

const OF_ENVIRONMENT: Secrets = Secrets {
    redis_password: Place::RedisPassword,
    redis_url: Place::RedisUrl,
    sentinel_password: Place::SentinelPassword,
    database_url: Place::DatabaseUrl,
};
const OF_DOT_ENV: Secrets = Secrets {
    redis_password: Place::DotEnvRedisPassword,
    redis_url: Place::DotEnvRedisUrl,
    sentinel_password: Place::DotEnvSentinelPassword,
    database_url: Place::DotEnvDatabaseUrl,
};

/// Names of the platform, and the keys they set.
const OWN_NAMES: [(&str, &str); 16] = [
    ("REDIS_HOST", "host"),
    ("REDIS_PORT", "port"),
    ("REDIS_DB", "db"),
    ("REDIS_PASSWORD", "password"),
    ("REDIS_USERNAME", "username"),
    ("REDIS_URL", "url"),
    ("REDIS_CLUSTER_NODES", "cluster_nodes"),
    ("REDIS_SENTINELS", "sentinels"),
    ("REDIS_SENTINEL_MASTER", "sentinel_master"),
    ("REDIS_SENTINEL_USERNAME", "sentinel_username"),
    ("REDIS_SENTINEL_PASSWORD", "sentinel_password"),
    ("REDIS_TLS", "tls"),
    ("REDIS_TLS_CA", "tls_ca_file"),
    ("REDIS_TLS_CLIENT_CERT", "tls_client_cert_file"),
    ("REDIS_TLS_CLIENT_KEY", "tls_client_key_file"),
    ("DATABASE_URL", "url"),
];

type Assignment = (String, String);

/// Programs in an environment of hostile values.
pub(super) fn in_environment(stage: &Stage) -> BoxedStrategy<Trial> {
    let of_backend = |backend: Backend| {
        let working = stage.working(backend);
        let hostile = vec((assignment(OF_ENVIRONMENT), weighted(0.2, bytes(hostile()))), 1..4);
        (hostile, uses::uses()).prop_map(move |(hostile, used)| {
            let working = working.iter().map(|(name, value)| (name.into(), value.into()));
            let hostile = hostile.into_iter().map(|((name, value), other)| {
                let value = other.unwrap_or_else(|| value.into_bytes());
                (as_name(&name), argument(value))
            });
            // The key space is what keeps other servers safe.
            let variables = working.chain(hostile).filter(|(name, _)| name != "BILLING__CACHE__KEY_SPACE").collect();
            Trial { backend, tool: used.tool, arguments: used.arguments, variables, files: Vec::new() }
        })
    };
    prop_oneof![of_backend(Backend::Sqlite), of_backend(Backend::Postgres)].boxed()
}

/// Programs beside a hostile `.env`.
pub(super) fn in_dot_env(stage: &Stage) -> BoxedStrategy<Trial> {
    let of_backend = |backend: Backend| {
        let working = vec![
            ("REDIS_PASSWORD".to_owned(), Place::DotEnvRedisPassword.marker()),
            ("REDIS_HOST".to_owned(), "127.0.0.1".to_owned()),
            ("REDIS_PORT".to_owned(), stage.port(backend).to_string()),
            ("DATABASE_URL".to_owned(), stage.database_url(backend, Place::DotEnvDatabaseUrl)),
        ];
        let url = vec![("REDIS_URL".to_owned(), stage.redis_url(backend, Place::DotEnvRedisUrl))];
        let base = prop_oneof![4 => Just(working), 1 => Just(url)];
        let lines = (base, vec(assignment(OF_DOT_ENV), 0..4)).prop_flat_map(|(base, more)| {
            base.into_iter().chain(more).map(|assignment| written(&assignment)).collect::<Vec<_>>()
        });
        let others = vec(prop_oneof![hostile(), Just("# a comment".to_owned())], 0..2);
        (lines, others, damage(), uses::uses()).prop_map(move |(lines, others, damage, used)| {
            let lines: Vec<String> = lines.into_iter().chain(others).collect();
            let text = damage.of(format!("{}\n", lines.join("\n")).into_bytes());
            let files = vec![(".env", text)];
            Trial { backend, tool: used.tool, arguments: used.arguments, variables: Vec::new(), files }
        })
    };
    prop_oneof![of_backend(Backend::Sqlite), of_backend(Backend::Postgres)].boxed()
}

/// What is in no name.
fn as_name(name: &str) -> OsString {
    argument(name.bytes().filter(|byte| *byte != b'=').chain(name.is_empty().then_some(b'X')).collect())
}

fn assignment(secrets: Secrets) -> BoxedStrategy<Assignment> {
    let own = OWN_NAMES.map(|(name, key)| {
        let section = if name == "DATABASE_URL" { "database" } else { "redis" };
        let known = KNOWN.iter().find(|known| known.section == section && known.key == key);
        (Just(name.to_owned()), known.expect("the key is documented").value(secrets)).boxed()
    });
    let any = KNOWN.iter().map(|known| (Just(known.variable()), known.value(secrets)).boxed());
    let strange = select(
        &[
            "BILLING_CONFIG",
            "BILLING_X",
            "BILLING__",
            "BILLING__CACHE",
            "BILLING__CACHE__TYPES__X__L1",
            "billing__redis__port",
            "BILLING__REDIS__PORT__X",
            "BILLING_REDIS_PORT",
            "NO_COLOR",
            "RUST_LOG",
            "PGSSLMODE",
        ][..],
    );
    let strange = (strange.prop_map(str::to_owned), prop_oneof![hostile(), number()]);
    let nonsense =
        ("[A-Za-z_]{0,3}".prop_flat_map(|begin| hostile().prop_map(move |end| begin.clone() + &end)), hostile());
    prop_oneof![4 => Union::new(own), 4 => Union::new(any), 2 => strange, 1 => nonsense].boxed()
}

/// A line of `.env`, in the ways in which people and editors write it.
fn written((name, value): &Assignment) -> BoxedStrategy<String> {
    let forms = [
        format!("{name}={value}"),
        format!("{name}=\"{value}\""),
        format!("{name}='{value}'"),
        format!("export {name} = {value}"),
        format!("{name}={value} # remark"),
        format!("{name}: {value}"),
        format!("'{name}'={value}"),
        format!("{name}=\"{value}"),
        format!("{name}='{value}"),
        name.to_string(),
        format!("{name} {value}"),
        format!("  {name}\t=\t{value}\t"),
    ];
    let [plain, others @ ..] = forms;
    prop_oneof![2 => Just(plain), 1 => select(others.to_vec())].boxed()
}
