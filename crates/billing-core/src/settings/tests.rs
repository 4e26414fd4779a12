//! Tests of the layers of settings, of what is refused, and of the messages about it.

mod python;

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;

use secrecy::ExposeSecret;

use super::variables::{of_environment, of_text};
use super::*;
use crate::cached::CACHED_TYPES;

fn resolve(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    resolve_with(&Overrides::default(), pairs).map(|loaded| loaded.settings)
}

fn resolve_with(overrides: &Overrides, pairs: &[(&str, &str)]) -> Result<Loaded, SettingsError> {
    Settings::resolve(overrides, &of_process(pairs)?)
}

fn of_process(pairs: &[(&str, &str)]) -> Result<Variables, SettingsError> {
    let pairs = pairs.iter().map(|(name, value)| (name.into(), value.into()));
    Ok(Variables { of_process: of_environment(pairs)?, ..Variables::default() })
}

fn named_file(text: &str) -> (tempfile::TempDir, Overrides) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("billing.toml");
    std::fs::write(&path, text).unwrap();
    (directory, Overrides { file: Some(path), ..Overrides::default() })
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
    let variables = [("BILLING__CACHE__PATIENCE_MS", "7")];
    assert_eq!(resolve(&variables).unwrap().cache.patience_ms, 7);
    let values = vec![("cache.patience_ms".to_owned(), "8".to_owned())];
    let overrides = Overrides { values, ..Overrides::default() };
    assert_eq!(resolve_with(&overrides, &variables).unwrap().settings.cache.patience_ms, 8);
}

#[test]
fn a_password_stays_the_text_that_it_is() {
    for password in ["007", "1e5", "true", "0x10", " 7 ", "abc$def"] {
        for name in ["REDIS_PASSWORD", "BILLING__REDIS__PASSWORD"] {
            let settings = resolve(&[(name, password)]).unwrap();
            assert_eq!(settings.redis.password.expose_secret(), password, "{name}");
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_its_kind_and_never_shown() {
    for (name, value, said) in [
        ("REDIS_PORT", "abc", "REDIS_PORT is a text: must be a whole number from 1 to 65535"),
        ("REDIS_PORT", "7620.9", "REDIS_PORT is a number with a fraction or an exponent: must be a whole number"),
        ("REDIS_DB", "1.5", "REDIS_DB is a number with a fraction"),
        ("REDIS_DB", "true", "REDIS_DB is a text"),
        ("REDIS_TLS", "2", "REDIS_TLS is another number: must be true or false"),
        ("BILLING__REDIS__POOL_SIZE", "4294967296", "BILLING__REDIS__POOL_SIZE is 4294967296: must be"),
        ("BILLING__CACHE__TYPES__INVOICES__TTL_SECONDS", "0.5", "TTL_SECONDS is a number with a fraction"),
        ("BILLING__CACHE__PATIENCE", "7", "BILLING__CACHE__PATIENCE is no setting; BILLING__CACHE__PATIENCE_MS is one"),
        ("BILLING__CACHE__LEASE_TTL_MS", "5", "cache.load_deadline_ms (from BILLING__CACHE__LEASE_TTL_MS)"),
        ("REDIS_PORT", "hunter2", "REDIS_PORT is a text"),
    ] {
        let error = resolve(&[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(said) && !error.contains("hunter2"), "{name}={value}: {error}");
    }
}

#[test]
fn what_is_wrong_in_a_file_is_named_with_the_file() {
    for (text, said) in [
        ("[redis]\nport = 7620.9", "redis.port in "),
        ("[redis]\ndb = true", "is true or false: must be a whole number from 0 to 65535"),
        ("[redis]\npassword = 7", "is a number: must be a text, in quotes"),
        ("[redis]\nport = \"6379\"", "is a text: must be a whole number"),
        ("[cache.types.invoices]\nttl_seconds = 0.5", "cache.types.invoices.ttl_seconds in "),
        ("[cache]\npatience = 7", "billing.toml is no setting; cache.patience_ms is one"),
        ("redis = 7", "redis in "),
        ("[cache.types.invoices]\nttl = 7", "billing.toml is no setting"),
    ] {
        let (directory, overrides) = named_file(text);
        let error = resolve_with(&overrides, &[]).unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("billing.toml"), "{text}: {error}");
        drop(directory);
    }
    let overrides = Overrides { file: Some("does-not-exist.toml".into()), ..Overrides::default() };
    let error = resolve_with(&overrides, &[]).unwrap_err();
    assert!(error.to_string().contains("does-not-exist.toml"), "{error}");
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused_if_it_is_ours() {
    let strange = || OsString::from_vec(b"r\xff".to_vec());
    for name in ["REDIS_HOST", "BILLING__REDIS__HOST", "BILLING_CONFIG"] {
        let error = of_environment([(name.into(), strange())].into_iter()).unwrap_err();
        assert_eq!(error.to_string(), format!("{name} is not UTF-8"));
    }
    assert!(of_environment([("LESSOPEN".into(), strange())].into_iter()).unwrap().is_empty());
}

#[test]
fn every_number_has_a_range_and_its_default_is_in_it() {
    let patterns = |key: &str| match key.strip_prefix("cache.types.").and_then(|rest| rest.split_once('.')) {
        Some((_, name)) => format!("cache.types.*.{name}"),
        None => key.to_owned(),
    };
    let numbers = keys::defaults().iter().filter_map(|(key, (value, _))| match value {
        value::Value::Number(number) => Some((patterns(key), *number)),
        _ => None,
    });
    let mut seen = std::collections::BTreeSet::new();
    for (pattern, number) in numbers {
        let listed = number_ranges().find(|(key, _)| *key == pattern);
        let (_, range) = listed.unwrap_or_else(|| panic!("{pattern} has no range"));
        assert!(range.contains(&u64::try_from(number).unwrap()), "{pattern} is {number}");
        seen.insert(pattern);
    }
    assert_eq!(seen.len(), number_ranges().count(), "a range of a setting that is none: {seen:?}");
}

#[test]
fn each_value_is_known_with_its_origin_and_no_secret_is_shown() {
    let (_directory, mut overrides) =
        named_file("[redis]\ndb = 5\nport = 1\n[cache.types.invoices]\nttl_seconds = 7\n");
    let path = overrides.file.clone().unwrap();
    overrides.values.push(("redis.host".to_owned(), "from-flag".to_owned()));
    let set = [
        ("REDIS_HOST", "r"),
        ("REDIS_PORT", "7000"),
        ("REDIS_PASSWORD", "hunter2"),
        ("BILLING__CACHE__PATIENCE_MS", "7"),
        ("DATABASE_URL", "postgres://ann:hunter2@db/billing"),
    ];
    let explained = resolve_with(&overrides, &set).unwrap().explained;
    let by_key: HashMap<&str, &Setting> = explained.iter().map(|setting| (setting.key.as_str(), setting)).collect();
    let variable = |name: &str| Origin::Environment(name.to_owned());
    for (key, value, origin) in [
        ("redis.host", "from-flag", Origin::Flag),
        ("redis.port", "7000", variable("REDIS_PORT")),
        ("redis.db", "5", Origin::File(path.clone())),
        ("redis.password", HIDDEN, variable("REDIS_PASSWORD")),
        ("redis.url", "", Origin::Default),
        ("database.url", HIDDEN, variable("DATABASE_URL")),
        ("cache.patience_ms", "7", variable("BILLING__CACHE__PATIENCE_MS")),
        ("cache.types.invoices.ttl_seconds", "7", Origin::File(path)),
        ("cache.types.invoices.l1", "false", Origin::Default),
    ] {
        let setting = by_key[key];
        assert_eq!((setting.value.as_str(), &setting.origin), (value, &origin), "{key}");
    }
    assert!(!format!("{explained:?}").contains("hunter2"), "{explained:?}");
}

#[test]
fn a_file_that_is_no_toml_is_named_and_its_passwords_are_not_shown() {
    for text in ["[redis]\npassword = \"hunter2\n", "password hunter2", "[redis]\npassword = 'hunter2' x\n"] {
        let (_directory, overrides) = named_file(text);
        let error = resolve_with(&overrides, &[]).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains("billing.toml") && said.contains("line "), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_file_without_an_end_is_refused() {
    for path in ["/dev/zero", "/dev/urandom"] {
        let overrides = Overrides { file: Some(path.into()), ..Overrides::default() };
        let error = resolve_with(&overrides, &[]).unwrap_err();
        assert!(matches!(&error, SettingsError::Unreadable { .. }), "{error}");
    }
}

#[test]
fn a_dot_env_file_gives_way_to_the_environment_and_empty_is_unset() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".env");
    std::fs::write(&path, "REDIS_HOST=from-file\nREDIS_PASSWORD=\n").unwrap();
    let variables = Variables::of_this_process(&path).unwrap();
    assert_eq!(variables.value("REDIS_HOST"), Some("from-file"));
    assert_eq!(variables.value("REDIS_PASSWORD"), None);
    let loaded = Settings::resolve(&Overrides::default(), &variables).unwrap();
    let host = loaded.explained.iter().find(|setting| setting.key == "redis.host").unwrap();
    assert_eq!(host.origin, Origin::DotEnv("REDIS_HOST".to_owned()));
}

#[test]
fn a_dot_env_file_gives_way_to_a_file_that_is_named() {
    let (_directory, overrides) = named_file("[redis]\nhost = 'named'\n");
    let over = |dot_env: &str, environment: &[(&str, &str)]| {
        let variables = of_process(environment).unwrap();
        let of_dot_env = of_text(dot_env, |_| None).unwrap();
        Settings::resolve(&overrides, &Variables { of_dot_env, ..variables }).unwrap().settings.redis
    };
    let redis = over("REDIS_HOST=found\nREDIS_PORT=7000\nREDIS_PASSWORD=found\nREDIS_URL=redis://found\n", &[]);
    assert_eq!((redis.host.as_str(), redis.port, redis.url.expose_secret()), ("named", 6_379, ""));
    assert_eq!(redis.password.expose_secret(), "found");
    assert_eq!(over("", &[("REDIS_HOST", "set")]).host, "set");
}

#[test]
fn a_dot_env_file_that_everybody_can_write_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".env");
    std::fs::write(&path, "REDIS_HOST=found\n").unwrap();
    for (mode, is_taken) in [(0o600, true), (0o664, true), (0o666, false), (0o602, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let read = Variables::of_this_process(&path);
        assert_eq!(read.is_ok(), is_taken, "{mode:o}");
        if let Err(error) = read {
            assert!(error.to_string().contains("chmod o-w .env"), "{error}");
        }
    }
}

#[test]
fn a_dot_env_file_that_cannot_be_read_shows_its_line_and_no_value() {
    for (text, said) in [
        ("A=1\nREDIS_PASSWORD='hunter2", "line 2: REDIS_PASSWORD"),
        ("\nDATABASE_URL=\"postgres://u:hunter2@h/d", "line 2: DATABASE_URL"),
        ("export REDIS_HOST hunter2", "line 1: REDIS_HOST"),
        ("\u{feff}REDIS_PASSWORD=hunter2", "line 1: a byte order mark stands before REDIS_PASSWORD"),
    ] {
        let error = of_text(text, |_| None).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(said) && !shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn lines_that_set_nothing_of_ours_are_passed_over() {
    let text = "\u{feff}APP_NAME=My App\nMY-VAR=1\nhunter2 x\n?\nOTHER='x\nexport REDIS_HOST=r\nREDIS_PASSWORD=abc$def\n\
                DATABASE_URL=postgres://u:pa\\ss@h/d?sslmode=x\n";
    let read = of_text(text, |_| None).unwrap();
    let read: Vec<_> = read.iter().map(|it| (it.name.as_str(), it.value.as_str())).collect();
    let url = ("DATABASE_URL", "postgres://u:pa\\ss@h/d?sslmode=x");
    assert_eq!(read, [url, ("REDIS_HOST", "r"), ("REDIS_PASSWORD", "abc$def")]);
}

#[test]
fn what_is_set_and_has_no_effect_is_said() {
    let url = ("REDIS_URL", "redis://:hunter2@r");
    for (set, said) in [
        (&[url, ("REDIS_HOST", "r")][..], "redis.url (REDIS_URL) replaces redis.host (REDIS_HOST)"),
        (
            &[("BILLING_REDIS_HOST", "r")],
            "BILLING_REDIS_HOST is no variable of the billing cache; BILLING__REDIS__HOST",
        ),
        (&[("BILLING_CURRENCY", "EUR")], "BILLING_CURRENCY is no variable of the billing cache"),
    ] {
        let remarks = resolve_with(&Overrides::default(), set).unwrap().remarks;
        let remarks: Vec<String> = remarks.iter().map(ToString::to_string).collect();
        assert!(remarks.len() == 1 && remarks[0].contains(said) && !remarks[0].contains("hunter2"), "{remarks:?}");
    }
    assert_eq!(resolve_with(&Overrides::default(), &[url, ("BILLING_TEST_SEED", "1")]).unwrap().remarks, []);
}
