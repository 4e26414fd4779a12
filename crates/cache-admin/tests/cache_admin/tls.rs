//! TLS to Redis: what is wrong with it is said in one sentence with the next step, and nothing is done without it that
//! was to be done with it. That everything works over it is shown by the tests of the rights.

use std::path::{Path, PathBuf};

use test_support::{Authority, ClientCertificates, Identity, Lifetime, RedisServer};

use crate::harness::{Run, Stage, finding};

/// A stage whose Redis shows this identity; runs know nothing of TLS but what the test says.
fn serving(authority: &Authority, identity: &Identity, clients: ClientCertificates) -> Stage {
    Stage::with_redis(RedisServer::options().tls(authority, identity, clients))
}

/// `cache-admin stats` with TLS and these files, each a variable and its path.
fn stats(stage: &Stage, files: &[(&str, &Path)]) -> Run {
    let files = files.iter().map(|(variable, path)| (*variable, path.to_str().unwrap()));
    let variables: Vec<_> = [("REDIS_TLS", "true")].into_iter().chain(files).collect();
    stage.run_with(&["stats"], &variables)
}

#[test]
fn a_server_that_is_not_who_it_should_be_is_not_spoken_to() {
    let (authority, another) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = |name, lifetime| authority.server(name, lifetime).unwrap();
    let ignored = ClientCertificates::Ignored;
    for (identity, ca, expected) in [
        (server("127.0.0.1", Lifetime::Valid), Some(&another), "name the file of its authority in REDIS_TLS_CA"),
        (server("127.0.0.1", Lifetime::Valid), None, "name the file of its authority in REDIS_TLS_CA"),
        (server("redis.example", Lifetime::Valid), Some(&authority), "set REDIS_HOST to a name that is in it"),
        (server("127.0.0.1", Lifetime::Expired), Some(&authority), "has expired: renew it"),
        (
            authority.client("127.0.0.1", Lifetime::Valid).unwrap(),
            Some(&authority),
            "give the server a certificate for servers",
        ),
    ] {
        let stage = serving(&authority, &identity, ignored);
        let ca = ca.map(Authority::file);
        let files: Vec<(&str, &Path)> = ca.iter().map(|ca| ("REDIS_TLS_CA", ca.as_path())).collect();
        let run = stats(&stage, &files);
        let sentence = run.assert_error(3);
        assert!(sentence.contains(expected) && sentence.contains("127.0.0.1:"), "{expected}: {sentence}");
        assert_eq!(stage.redis.calls("script|load").unwrap(), 0, "nothing is told to it");
    }
}

#[test]
fn one_side_with_tls_and_the_other_without_are_told_apart() {
    let plain = Stage::sqlite();
    let run = stats(&plain, &[]);
    let sentence = run.assert_error(3);
    assert!(sentence.contains("does it speak TLS on this port?"), "{sentence}");

    let authority = Authority::new().unwrap();
    let server = authority.server("127.0.0.1", Lifetime::Valid).unwrap();
    let stage = serving(&authority, &server, ClientCertificates::Ignored);
    let run = stage.run(&["stats"]);
    let sentence = run.assert_error(3);
    assert!(sentence.contains("REDIS_TLS"), "{sentence}");
}

#[test]
fn a_server_that_demands_a_certificate_says_what_it_thinks_of_ours() {
    let (authority, another) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = authority.server("127.0.0.1", Lifetime::Valid).unwrap();
    let stage = serving(&authority, &server, ClientCertificates::Demanded);
    for (client, expected) in [
        (None, "the server demands a certificate: set REDIS_TLS_CLIENT_CERT"),
        (Some(another.client("billing", Lifetime::Valid).unwrap()), "does not believe our certificate"),
        (Some(authority.client("billing", Lifetime::Expired).unwrap()), "our certificate has expired"),
    ] {
        let ca = authority.file();
        let mut files = vec![("REDIS_TLS_CA", ca.as_path())];
        if let Some(client) = &client {
            files.extend([
                ("REDIS_TLS_CLIENT_CERT", client.certificate.as_path()),
                ("REDIS_TLS_CLIENT_KEY", client.key.as_path()),
            ]);
        }
        // The server's word may be lost with the connection that it closes; then it is asked again.
        let said = (0..20).map(|_| stats(&stage, &files).assert_error(3).to_owned()).find(|sentence| {
            assert!(sentence.contains("REDIS_TLS_CLIENT_CERT"), "{sentence}");
            sentence.contains(expected)
        });
        assert!(said.is_some(), "{expected} is never said");
    }
}

#[test]
fn files_that_cannot_be_used_are_named_with_their_setting() {
    let authority = Authority::new().unwrap();
    let stage = Stage::sqlite();
    let identity = |name| authority.client(name, Lifetime::Valid).unwrap();
    let (one, two) = (identity("one"), identity("two"));
    let (ca, missing, endless) = (authority.file(), PathBuf::from("missing.pem"), PathBuf::from("/dev/zero"));
    let text = authority.other_file("text.pem", "hunter2\n").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nhunter2!\n-----END CERTIFICATE-----\n";
    let broken = authority.other_file("broken.pem", broken).unwrap();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\naHVudGVyMg==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = authority.other_file("encrypted.pem", encrypted).unwrap();
    let client = |certificate, key| [("REDIS_TLS_CLIENT_CERT", certificate), ("REDIS_TLS_CLIENT_KEY", key)];
    for (files, expected) in [
        (&[("REDIS_TLS_CA", &missing)][..], "cannot read missing.pem (redis.tls_ca_file): No such file"),
        (&[("REDIS_TLS_CA", &endless)], "cannot read /dev/zero (redis.tls_ca_file): it is larger than 1 MiB"),
        (&[("REDIS_TLS_CA", &text)], "text.pem (redis.tls_ca_file) holds no certificate in PEM"),
        (&[("REDIS_TLS_CA", &broken)], "broken.pem (redis.tls_ca_file) holds no certificate in PEM"),
        (&[("REDIS_TLS_CA", &one.key)], "(redis.tls_ca_file) holds no certificate in PEM"),
        (&client(&missing, &one.key), "cannot read missing.pem (redis.tls_client_cert_file)"),
        (&client(&one.certificate, &encrypted), "holds no private key in PEM; it must be an unencrypted key"),
        (&client(&one.certificate, &ca), "holds no private key in PEM; it must be an unencrypted key"),
        (&client(&one.certificate, &two.key), "does not go with the certificate"),
        (&[("REDIS_TLS_CLIENT_CERT", &ca)], "redis.tls_client_cert_file is set without redis.tls_client_key_file"),
        (&[("REDIS_TLS_CLIENT_KEY", &one.key)], "redis.tls_client_key_file is set without redis.tls_client_cert_file"),
    ] {
        let files: Vec<(&str, &Path)> = files.iter().map(|(variable, path)| (*variable, path.as_path())).collect();
        let run = stats(&stage, &files);
        let sentence = run.assert_error(2);
        assert!(sentence.contains(expected) && sentence.contains("; "), "{expected}: {sentence}");
        assert!(!sentence.contains("hunter2") && !sentence.contains("aHVudGVyMg"), "{sentence}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let stage = Stage::sqlite();
    let ca = ("REDIS_TLS_CA", "authority.crt");
    for (variables, expected) in [
        (&[("REDIS_TLS", "perhaps")][..], "REDIS_TLS is a text: must be true or false"),
        (&[ca], "redis.tls_ca_file is set, and the connection to Redis is one without TLS"),
        (&[ca, ("REDIS_TLS", "false")], "redis.tls_ca_file is set, and the connection to Redis is one without TLS"),
        (
            &[("REDIS_TLS", "true"), ("REDIS_URL", "redis://:hunter2@h")],
            "redis.tls is on, and redis.url is an address without TLS",
        ),
        (
            &[("REDIS_TLS", "true"), ("REDIS_URL", "redis+unix:///run/redis.sock")],
            "redis.tls is on, and redis.url is an address without TLS",
        ),
        (&[("REDIS_URL", "rediss://:hunter2@h/#insecure")], "certificates are always checked"),
    ] {
        let run = stage.run_with(&["stats"], variables);
        let sentence = run.assert_error(2);
        assert!(sentence.contains(expected) && !sentence.contains("hunter2"), "{expected}: {sentence}");
    }
}

#[test]
fn a_url_with_tls_is_enough() {
    let authority = Authority::new().unwrap();
    let server = authority.server("127.0.0.1", Lifetime::Valid).unwrap();
    let options = RedisServer::options().password("right").tls(&authority, &server, ClientCertificates::Ignored);
    let stage = Stage::with_redis(options);
    let ca = authority.file();
    let variables = [("REDIS_URL", stage.redis.url()), ("REDIS_TLS_CA", ca.to_str().unwrap().to_owned())];
    let variables = variables.each_ref().map(|(variable, value)| (*variable, value.as_str()));
    let run = stage.run_with(&["stats"], &variables);
    run.assert_fine();
    assert!(run.stdout.contains(" with TLS, database 0"), "{run:?}");
}

#[test]
fn doctor_says_what_is_in_use_and_what_ends_soon() {
    let stage = Stage::with_tls(RedisServer::options());
    stage.run(&["migrate"]).assert_fine();
    let report = stage.json(&["doctor"]);
    let tls = finding(&report, "redis", "tls");
    assert_eq!(tls["level"], "ok", "{tls}");
    let found = tls["found"].as_str().unwrap();
    assert!(found.contains("authority.crt, ends in 98 days; ours ends in 98 days"), "{found}");

    let authority = Authority::new().unwrap();
    let server = authority.server("127.0.0.1", Lifetime::EndsTomorrow).unwrap();
    let stage = serving(&authority, &server, ClientCertificates::Ignored);
    stage.run(&["migrate"]).assert_fine();
    let ca = authority.file();
    let variables = [("REDIS_TLS", "true"), ("REDIS_TLS_CA", ca.to_str().unwrap())];
    let run = stage.run_with(&["doctor", "--format", "json"], &variables);
    let report = run.json();
    let tls = finding(&report, "redis", "tls");
    assert_eq!((&tls["level"], &tls["remedy"]), (&"note".into(), &REMEDY.into()), "{tls}");
}

const REMEDY: &str = "renew the server's certificate: services cannot connect after its end";
