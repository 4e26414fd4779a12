//! The routes of both programs, and requests to them.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::Union;

use super::super::secrets::Place;
use super::super::text::{Damage, damage, hostile, number};
use super::Shape;
use super::bodies::body;

/// One thing that can be asked for. `{}` stands for a part that the client chooses.
pub(super) struct Route {
    method: &'static str,
    path: &'static str,
    body: Option<Shape>,
    is_for_pages: bool,
}

/// A request.
#[derive(Clone)]
pub(in super::super) struct Request {
    method: String,
    path: String,
    headers: Vec<String>,
    body: Vec<u8>,
    is_for_pages: bool,
    damage: Damage,
}

const fn get(path: &'static str) -> Route {
    Route { method: "GET", path, body: None, is_for_pages: false }
}

const fn post(path: &'static str, body: Shape) -> Route {
    Route { method: "POST", path, body: Some(body), is_for_pages: false }
}

const fn put(path: &'static str, body: Shape) -> Route {
    Route { method: "PUT", path, body: Some(body), is_for_pages: false }
}

const RATE: Shape = &[
    ("name", "\"VAT\""),
    ("description", "null"),
    ("rate", "\"20.00\""),
    ("country", "\"DE\""),
    ("region", "\"BY\""),
    ("is_default", "true"),
];
const DISCOUNT: Shape = &[
    ("name", "\"New\""),
    ("description", "\"of summer\""),
    ("discount_type", "\"loyalty\""),
    ("value", "\"10.00\""),
    ("is_percentage", "true"),
    ("is_active", "true"),
    ("valid_from", "\"2025-01-01T00:00:00\""),
    ("valid_to", "\"2099-01-01T00:00:00\""),
    ("applicable_plans", "[\"basic\"]"),
];

pub(super) const SERVICE: &[Route] = &[
    get("/api/billing/invoices/{}/details"),
    get("/api/billing/users/{}/credit-notes"),
    get("/api/billing/discounts/active"),
    get("/api/billing/tax-rates/applicable?country={}&region={}"),
    get("/healthz"),
    get("/metrics"),
    get("/settings"),
    get("/{}"),
    post(
        "/api/billing/invoices",
        &[
            ("user_id", "1"),
            ("amount", "\"100.00\""),
            ("due_date", "\"2099-12-31T00:00:00\""),
            ("billing_country", "\"DE\""),
        ],
    ),
    post(
        "/api/billing/payments",
        &[
            ("invoice_id", "1"),
            ("amount", "\"0.01\""),
            ("payment_method", "\"card\""),
            ("transaction_id", "\"fuzz-1\""),
            ("status", "\"completed\""),
        ],
    ),
    post("/api/billing/invoices/{}/discounts/{}", &[]),
    post("/api/billing/invoices/{}/taxes", &[("region", "\"BY\""), ("rates", "\"current\"")]),
    post(
        "/api/billing/credit-notes",
        &[("user_id", "1"), ("amount", "\"5.00\""), ("reason", "\"outage\""), ("reference_invoice_id", "1")],
    ),
    post("/api/billing/credit-notes/{}/apply/{}?amount={}", &[("amount", "\"0.01\"")]),
    post("/api/billing/tax-rates", RATE),
    put("/api/billing/tax-rates/{}", RATE),
    Route { method: "DELETE", path: "/api/billing/tax-rates/{}", body: None, is_for_pages: false },
    post("/api/billing/discounts", DISCOUNT),
    put("/api/billing/discounts/{}", DISCOUNT),
];

pub(super) const DASHBOARD: &[Route] = &[
    Route { method: "GET", path: "/", body: None, is_for_pages: true },
    Route { method: "GET", path: "/?{}", body: None, is_for_pages: true },
    get("/assets/{}"),
    get("/api/history?range={}"),
    get("/metrics"),
    get("/healthz"),
    get("/{}"),
    Route { method: "POST", path: "/login", body: Some(&[("token", "1")]), is_for_pages: true },
    Route { method: "POST", path: "/logout", body: Some(&[]), is_for_pages: true },
];

/// Requests to any of these routes.
pub(super) fn requests(routes: &'static [Route]) -> BoxedStrategy<Request> {
    Union::new(routes.iter().map(request).collect::<Vec<_>>()).boxed()
}

fn request(route: &'static Route) -> BoxedStrategy<Request> {
    let methods = select(&["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "BREW"][..]);
    let method = prop_oneof![12 => Just(route.method), 1 => methods].prop_map(str::to_owned);
    let body = match route.body {
        Some(_) if route.path == "/login" => form(),
        Some(shape) => body(shape),
        None => prop_oneof![8 => Just(Vec::new()), 1 => hostile().prop_map(String::into_bytes)].boxed(),
    };
    let content = if route.path == "/login" { "x-www-form-urlencoded" } else { "json" };
    let usual = vec![
        format!("Content-Type: application/{content}"),
        format!("Authorization: Bearer {}", Place::Token.marker()),
    ];
    let headers =
        (subsequence(usual.clone(), 0..3), vec(header(), 0..3)).prop_map(|(usual, more)| [usual, more].concat());
    let headers = prop_oneof![3 => Just(usual), 1 => headers];
    (method, path(route.path), headers, body, damage_of_all())
        .prop_map(|(method, path, headers, body, damage)| Request {
            method,
            path,
            headers,
            body,
            is_for_pages: route.is_for_pages,
            damage,
        })
        .boxed()
}

fn path(pattern: &'static str) -> BoxedStrategy<String> {
    let further = prop_oneof![10 => Just(String::new()), 1 => part().prop_map(|part| format!("?{part}={part}")),
        1 => part().prop_map(|part| format!("/{part}"))];
    let pieces: Vec<&str> = pattern.split("{}").collect();
    let parts = vec(part(), pieces.len() - 1);
    (parts, further)
        .prop_map(move |(parts, further)| {
            let parts = parts.into_iter().chain([further]);
            pieces.iter().zip(parts).map(|(piece, part)| format!("{piece}{part}")).collect()
        })
        .boxed()
}

/// A part of a path or a query, mostly written as a browser would.
fn part() -> BoxedStrategy<String> {
    let usual = select(&["1", "2", "3", "60", "GB", "DE", "BY", "app.js", "15m", "30d", "login.js"][..]);
    let encoded = hostile().prop_map(|text| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>());
    let raw = "[!-~]{0,20}".prop_map(|text: String| text.replace('#', "%23"));
    prop_oneof![10 => usual.prop_map(str::to_owned), 2 => number().prop_map(|it| it.replace([' ', '\u{663}'], "%20")),
        2 => encoded.prop_map(|text| text.chars().take(6_000).collect()), 1 => raw]
    .boxed()
}

fn header() -> BoxedStrategy<String> {
    let names = select(
        &[
            "Content-Type",
            "Authorization",
            "Cookie",
            "Accept-Encoding",
            "Range",
            "If-None-Match",
            "Expect",
            "X-Forwarded-Proto",
            "X-Forwarded-For",
            "Origin",
            "Referer",
            "X-Cache",
            "Content-Length",
            "Transfer-Encoding",
            "Host",
        ][..],
    );
    let token = Place::Token.marker();
    let values = prop_oneof![
        2 => select(&["application/json", "text/plain", "gzip, br", "bytes=0-1", "100-continue", "https", "chunked", "5"][..])
            .prop_map(str::to_owned),
        2 => Just(format!("Bearer {token}")),
        1 => Just(format!("Basic {token}")),
        1 => Just(format!("cache_monitor_session={token}")),
        3 => hostile(),
    ];
    // A line end would make two headers of one, and a long one a head that is too long, each of which servers refuse.
    (names, values)
        .prop_map(|(name, value)| {
            let value: String = value.chars().take(200).filter(|c| !matches!(c, '\r' | '\n' | '\0')).collect();
            format!("{name}: {value}")
        })
        .boxed()
}

fn form() -> BoxedStrategy<Vec<u8>> {
    let token = Place::Token.marker();
    let nearly = token[..token.len() - 1].to_owned();
    // Each wrong one makes the next wait.
    let text = prop_oneof![
        60 => Just(format!("token={token}")),
        1 => Just(format!("token={nearly}")),
        1 => Just(format!("token={token}&token={token}")),
        1 => hostile().prop_map(|text| format!("token={text}")),
        1 => hostile(),
    ];
    let damage = prop_oneof![20 => Just(Damage::None), 1 => damage()];
    (text, damage).prop_map(|(text, damage)| damage.of(text.into_bytes())).boxed()
}

/// Some requests are damaged as a whole; then a server may take them for none.
fn damage_of_all() -> BoxedStrategy<Damage> {
    prop_oneof![20 => Just(Damage::None), 1 => damage()].boxed()
}

impl Request {
    /// Its bytes, for a server that listens at this address.
    pub(super) fn bytes(&self, address: &str) -> Vec<u8> {
        let Self { method, path, headers, body, damage, .. } = self;
        let length = body.len();
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n").into_bytes();
        for header in headers {
            bytes.extend(header.bytes().chain(*b"\r\n"));
        }
        bytes.extend(format!("Content-Length: {length}\r\n\r\n").bytes());
        bytes.extend(body);
        damage.of(bytes)
    }

    /// Whether an error has a code and a sentence: those of pages are pages, and HEAD wants no body.
    pub(super) fn wants_sentence(&self) -> bool {
        let is_of_page = self.is_for_pages || self.path.split('?').next() == Some("/");
        !is_of_page && self.method != "HEAD"
    }

    /// Whether a server has to take it for a request: an error of what is none has no sentence.
    pub(super) fn is_http(&self) -> bool {
        const OF_THE_WIRE: [&str; 4] = ["Content-Length", "Transfer-Encoding", "Host", "Expect"];
        let is_usual = |letter: char| letter.is_ascii_alphanumeric() || "/?&=%.-_:~".contains(letter);
        let is_of_wire = |header: &String| OF_THE_WIRE.iter().any(|name| header.starts_with(name));
        let is_header =
            |header: &String| header.chars().all(|letter| (' '..='~').contains(&letter)) && !is_of_wire(header);
        matches!(self.damage, Damage::None) && self.path.chars().all(is_usual) && self.headers.iter().all(is_header)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.bytes("host").escape_ascii().to_string();
        write!(f, "{}{}", &shown[..shown.len().min(3_000)], if shown.len() > 3_000 { "…" } else { "" })
    }
}
