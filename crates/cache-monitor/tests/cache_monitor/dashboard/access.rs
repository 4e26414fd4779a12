//! Who is answered what, and what is never said.

use std::process::Stdio;

use test_support::{RedisServer, TestDatabase};

use super::program::Dashboard;
use crate::fixture::{Run, Stage};

const TOKEN: &str = "correct-horse-secret-battery";

fn with_token(stage: &Stage) -> Dashboard {
    let mut command = stage.monitor(&["dashboard", "--listen", "127.0.0.1:0"]);
    command.env("CACHE_MONITOR_DASHBOARD_TOKEN", TOKEN);
    Dashboard::start(command)
}

#[test]
fn every_answer_carries_the_headers_that_protect() {
    let dashboard = Dashboard::over(&Stage::bare(), &[]);
    for (method, path, status) in [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/assets/app.js", 200),
        ("GET", "/api/history?range=15m", 200),
        ("GET", "/healthz", 200),
        ("GET", "/api/history?range=2h", 400),
        ("GET", "/api/history", 400),
        ("GET", "/assets/..%2fmod.rs", 404),
        ("GET", "/nothing", 404),
        ("POST", "/", 405),
        ("PUT", "/api/live", 405),
        ("DELETE", "/healthz", 405),
        ("POST", "/api/history", 405),
        ("GET", "/login", 405),
        ("GET", "/logout", 405),
    ] {
        let answer = dashboard.ask(method, path, &[], "");
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "{method} {path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        let caching = if answer.header("etag").is_empty() { "no-store" } else { "no-cache" };
        assert_eq!(answer.header("cache-control"), caching, "{method} {path}");
    }
}

#[test]
fn a_file_that_is_known_is_not_sent_again() {
    let dashboard = Dashboard::over(&Stage::bare(), &[]);
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/style.css", "text/css; charset=utf-8"),
    ] {
        let first = dashboard.get(path);
        assert_eq!((first.status, first.header("content-type")), (200, media_type));
        let again = dashboard.ask("GET", path, &[("if-none-match", first.header("etag"))], "");
        assert_eq!((again.status, again.text.as_str()), (304, ""));
    }
}

#[test]
fn names_that_nobody_gave_are_not_answered() {
    let stage = Stage::bare();
    let dashboard = Dashboard::over(&stage, &["--allowed-host", "cache.example.net"]);
    let port = dashboard.host.rsplit(':').next().unwrap();
    for (host, status) in [
        (format!("Host: 127.0.0.1:{port}"), 200),
        (format!("Host: localhost:{port}"), 200),
        (format!("Host: [::1]:{port}"), 200),
        ("Host: cache.example.net".to_owned(), 200),
        (format!("Host: evil.example:{port}"), 421),
        (format!("Host: 127.0.0.1.evil.example:{port}"), 421),
        ("Host: localhost".to_owned(), 421),
        ("Host: ".to_owned(), 421),
        ("Accept: */*".to_owned(), 421),
        (format!("Host: 127.0.0.1:{port}\r\nHost: evil.example"), 421),
    ] {
        for path in ["/", "/api/history?range=15m"] {
            assert_eq!(dashboard.raw(&format!("GET {path} HTTP/1.1\r\n{host}")), status, "{host}");
        }
    }
}

#[test]
fn with_a_token_nothing_is_shown_without_it() {
    let stage = Stage::bare();
    let dashboard = with_token(&stage);
    let page = dashboard.get("/");
    assert_eq!(page.status, 401);
    assert!(page.text.contains("action=\"/login\""), "{page:?}");
    for path in ["/api/live", "/api/history?range=1h", "/metrics", "/nothing"] {
        let answer = dashboard.get(path);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"), "{path}");
        assert_eq!(answer.json()["error"]["code"], "unauthorized");
    }
    assert_eq!((dashboard.get("/healthz").status, dashboard.get("/assets/style.css").status), (200, 200));
    for wrong in [TOKEN.to_uppercase(), TOKEN[1..].to_owned(), format!("{TOKEN}x"), String::new()] {
        let answer = dashboard.ask("GET", "/", &[("authorization", &format!("Bearer {wrong}"))], "");
        assert_eq!(answer.status, 401, "{wrong}");
    }
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(dashboard.ask("GET", "/api/history?range=1h", &[("authorization", &bearer)], "").status, 200);
    assert!(dashboard.live_with(&[("authorization", &bearer)]).next().is_some());
}

#[test]
fn a_login_gives_a_session_and_not_the_token() {
    let stage = Stage::bare();
    let dashboard = with_token(&stage);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let wrong = dashboard.ask("POST", "/login", &form, "token=wrong");
    assert_eq!((wrong.status, wrong.header("location"), wrong.header("set-cookie")), (303, "/?wrong", ""));
    let right = dashboard.ask("POST", "/login", &form, &format!("token={TOKEN}"));
    assert_eq!((right.status, right.header("location")), (303, "/"));
    let cookie = right.header("set-cookie");
    for attribute in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age="] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains(TOKEN) && !cookie.contains("Secure"), "{cookie}");
    let session = cookie.split(';').next().unwrap();
    assert_eq!(dashboard.ask("GET", "/", &[("cookie", session)], "").status, 200);
    assert_eq!(dashboard.live_with(&[("cookie", session)]).status, 200);
    assert_eq!(dashboard.ask("GET", "/", &[("cookie", &format!("{session}0"))], "").status, 401);
    let by_tls = [form[0], ("x-forwarded-proto", "https")];
    let by_tls = dashboard.ask("POST", "/login", &by_tls, &format!("token={TOKEN}"));
    assert!(by_tls.header("set-cookie").ends_with("; Secure"), "{by_tls:?}");
}

#[test]
fn who_logs_out_is_asked_for_the_token_again() {
    let stage = Stage::bare();
    let dashboard = with_token(&stage);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let log_in = || {
        let right = dashboard.ask("POST", "/login", &form, &format!("token={TOKEN}"));
        right.header("set-cookie").split(';').next().unwrap().to_owned()
    };
    let status = |session: &str| dashboard.ask("GET", "/", &[("cookie", session)], "").status;
    let (left, other) = (log_in(), log_in());
    let page = dashboard.ask("GET", "/", &[("cookie", &left)], "");
    assert!(page.text.contains(r#"action="/logout">"#), "there is a button: {page:?}");
    let out = dashboard.ask("POST", "/logout", &[("cookie", &left)], "");
    assert_eq!((out.status, out.header("location")), (303, "/"));
    assert!(out.header("set-cookie").starts_with("cache_monitor_session=; Path=/; Max-Age=0;"), "{out:?}");
    assert_eq!((status(&left), status(&other)), (401, 200));
    // A page that stood open for too long has such a button too.
    assert_eq!(dashboard.ask("POST", "/logout", &[("cookie", &left)], "").status, 303);
}

#[test]
fn without_a_token_there_is_nothing_to_log_out_of() {
    let dashboard = Dashboard::over(&Stage::bare(), &[]);
    assert!(dashboard.get("/").text.contains(r#"action="/logout" hidden>"#));
}

#[test]
fn what_is_no_login_form_is_refused() {
    let stage = Stage::bare();
    let dashboard = with_token(&stage);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let long = format!("token={}", "x".repeat(5_000));
    for (headers, body, status) in
        [(&[form][..], "other=1", 422), (&[form], &long, 413), (&[("content-type", "application/json")], "{}", 415)]
    {
        let answer = dashboard.ask("POST", "/login", headers, body);
        assert_eq!((answer.status, answer.header("set-cookie")), (status, ""), "{answer:?}");
    }
    assert_eq!(dashboard.raw(&format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000))), 431);
}

/// The status and the rest of the head of an answer to a client with this address.
fn ask_from(dashboard: &Dashboard, address: &str, head: &str, body: &str) -> (u16, String) {
    let answer = dashboard.raw_from(address, &format!("{head}\r\nHost: {}", dashboard.host), body);
    let (status, rest) = answer.split_once(' ').unwrap().1.split_at(3);
    (status.parse().unwrap(), rest.to_lowercase())
}

#[test]
fn who_guesses_at_the_token_waits_and_keeps_nobody_else_out() {
    let stage = Stage::bare();
    let dashboard = with_token(&stage);
    let bearer = |token: &str| format!("GET /api/history?range=1h HTTP/1.1\r\nAuthorization: Bearer {token}");
    let form = |token: &str| {
        let body = format!("token={token}");
        let head = "POST /login HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
        (format!("{head}\r\nContent-Length: {}", body.len()), body)
    };
    let (head, body) = form(TOKEN);
    let session = ask_from(&dashboard, "127.0.0.2", &head, &body).1;
    let session = session.split_once("set-cookie: ").unwrap().1.split(';').next().unwrap().to_owned();

    let guesses: Vec<u16> =
        (0..40).map(|number| ask_from(&dashboard, "127.0.0.2", &bearer(&format!("guess-{number}")), "").0).collect();
    let looked_at = guesses.iter().filter(|status| **status == 401).count();
    assert!(guesses.contains(&429) && (8..20).contains(&looked_at), "{guesses:?}");
    let (head, body) = form("guess");
    let refused = (0..40).any(|_| ask_from(&dashboard, "127.0.0.2", &head, &body).1.contains("location: /?wait"));
    assert!(refused, "forms are guesses too");

    let (status, head) = ask_from(&dashboard, "127.0.0.3", &bearer(TOKEN), "");
    assert_eq!(status, 200, "from elsewhere the right token is taken: {head}");
    let with_session = format!("GET /api/history?range=1h HTTP/1.1\r\nCookie: {session}");
    assert_eq!(ask_from(&dashboard, "127.0.0.2", &with_session, "").0, 200, "and who has logged in goes on");
    assert_eq!(ask_from(&dashboard, "127.0.0.2", "GET /healthz HTTP/1.1", "").0, 200);
    let told = dashboard.said();
    assert!(!told.contains("guess-") && !told.contains(TOKEN), "{told}");
}

#[test]
fn clients_that_keep_their_connections_leave_some_for_other_addresses() {
    let stage = Stage::bare();
    let dashboard = with_token(&stage);
    let greedy = dashboard.keep_alive("127.0.0.2", 600);
    let bearer = format!("GET /api/history?range=1h HTTP/1.1\r\nAuthorization: Bearer {TOKEN}");
    assert_eq!(ask_from(&dashboard, "127.0.0.3", &bearer, "").0, 200);
    assert_eq!(greedy.len(), 128, "these were answered, the others closed");
}

#[test]
fn streams_are_bounded() {
    let dashboard = Dashboard::over(&Stage::bare(), &[]);
    let mut streams: Vec<_> = (0..64).map(|_| dashboard.live()).collect();
    assert!(streams.iter().all(|stream| stream.status == 200));
    let refused = dashboard.get("/api/live");
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
    assert!(streams[0].next().is_some());
}

#[test]
fn other_machines_are_answered_only_with_a_token() {
    let stage = Stage::bare();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "short\n").unwrap();
    let (short, missing) = (file.path().to_str().unwrap(), "/nowhere/token");
    for (arguments, says) in [
        (&["--listen", "0.0.0.0:0"][..], "--token-file"),
        (&["--listen", "[::]:0"], "openssl rand"),
        (&["--listen", "8050"], "such as 127.0.0.1:8050"),
        (&["--token", "hunter2"], "at least 16 characters"),
        (&["--token-file", short], "at least 16 characters"),
        (&["--token", "1111111111111111"], "can be guessed"),
        (&["--token", "1111111111111111"], "openssl rand -hex 24"),
        (&["--token-file", missing], missing),
        (&["--allowed-host", "http://x"], "without scheme"),
    ] {
        let run = stage.run(&[&["dashboard"], arguments].concat());
        run.assert_refused(2, &[says]);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    }
}

#[test]
fn a_token_file_that_every_user_can_read_is_warned_of_and_taken() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::bare();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), TOKEN).unwrap();
    for (mode, is_warned_of) in [(0o644, true), (0o604, true), (0o640, false), (0o600, false)] {
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        let path = file.path().to_str().unwrap();
        // It ends by itself, after the token was taken.
        let run =
            stage.run(&["dashboard", "--listen", "127.0.0.1:0", "--token-file", path, "--allowed-host", "http://x"]);
        assert!(run.code == Some(2) && run.stderr.contains("without scheme"), "{mode:o}: {}", run.stderr);
        let warning = format!("warning: every user of this machine can read {path}; `chmod 600` it");
        assert_eq!(run.stderr.contains(&warning), is_warned_of, "{mode:o}: {}", run.stderr);
    }
}

#[test]
fn an_address_that_is_taken_is_named() {
    let stage = Stage::bare();
    let dashboard = Dashboard::over(&stage, &[]);
    let run = stage.run(&["dashboard", "--listen", &dashboard.host]);
    run.assert_refused(2, &[&dashboard.host, "another program listens there", "--listen"]);
}

#[test]
fn no_secret_is_in_any_answer_or_log() {
    let redis = RedisServer::options().password("redis-secret").start().unwrap();
    let stage = Stage { redis, database: TestDatabase::sqlite().unwrap() };
    // Something to compare, for which the database is missing.
    stage.redis.command::<()>(&["SET", "invoice:1", "null", "EX", "3600"]).unwrap();
    for (password, redis) in [("redis-secret", "ok"), ("wrong-secret", "away")] {
        let mut command = stage.monitor(&["dashboard", "--listen", "127.0.0.1:0", "--audit-seconds", "1"]);
        command.env("REDIS_PASSWORD", password).env("RUST_LOG", "debug");
        command.env("DATABASE_URL", "postgres://billing:database-secret@127.0.0.1:1/billing");
        command.env("CACHE_MONITOR_DASHBOARD_TOKEN", TOKEN);
        let dashboard = Dashboard::start(command);
        let bearer = [("authorization", format!("Bearer {TOKEN}"))];
        let bearer = bearer.each_ref().map(|(name, value)| (*name, value.as_str()));
        let settled = |snapshot: &serde_json::Value| {
            let states = [&snapshot["redis"]["state"], &snapshot["database"]["state"]];
            states == [redis, "away"] && snapshot["audit"]["error"].is_string()
        };
        let mut all = dashboard.live_with(&bearer).until(settled).to_string();
        for path in ["/", "/healthz", "/api/history?range=1h", "/assets/app.js", "/nothing"] {
            all += &dashboard.ask("GET", path, &bearer, "").text;
            all += &dashboard.get(path).text;
        }
        all += &dashboard.said();
        assert!(all.contains("127.0.0.1:1/billing") && !all.contains("secret"), "{all}");
    }
    let help = stage
        .monitor(&["dashboard", "--help"])
        .env("CACHE_MONITOR_DASHBOARD_TOKEN", TOKEN)
        .stderr(Stdio::null())
        .output();
    assert!(!Run::of(&help.unwrap()).stdout.contains(TOKEN));
}
