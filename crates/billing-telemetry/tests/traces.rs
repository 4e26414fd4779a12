//! The spans of reads and writes, as an exporter gets them, and as a collector gets them over HTTP.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use billing_core::cached::{self, InvoiceId, Invoices, open_cache};
use billing_core::migration::migrate;
use billing_core::service::BillingService;
use billing_core::settings::Settings;
use billing_outbox::database::Database;
use billing_telemetry::traces::Traces;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use test_support::{RedisServer, TestDatabase};
use tracing::Instrument;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const SERVICE: &str = "service-of-the-test";

/// Keeps what it is given.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// A service over servers of its own, whose spans are heard in this thread.
struct World {
    service: BillingService,
    traces: Traces,
    _listening: DefaultGuard,
    _servers: (RedisServer, TestDatabase),
}

impl World {
    async fn heard_by(traces: Traces) -> Self {
        let (redis, database) = (RedisServer::start().unwrap(), TestDatabase::sqlite().unwrap());
        let mut settings = Settings::defaults();
        settings.redis.host = "127.0.0.1".to_owned();
        settings.redis.port = redis.port();
        settings.redis.command_timeout_ms = 10_000;
        settings.cache.invalidation_deadline_ms = 10_000;
        settings.cache.load_deadline_ms = 20_000;
        settings.cache.lease_ttl_ms = 30_000;
        settings.database = Settings::database_at(database.url());
        let opened = Database::connect(&settings.database).await.unwrap();
        migrate(&opened, &cached::declarations()).await.unwrap();
        let cache = open_cache(opened, &settings.redis, settings.cache).await.unwrap();
        let listening = tracing_subscriber::registry().with(traces.layer()).set_default();
        let service = BillingService::without_relay(cache);
        Self { service, traces, _listening: listening, _servers: (redis, database) }
    }

    async fn read_and_write(&self) {
        let read = || self.service.cache().get::<Invoices>(&InvoiceId(1));
        read().await.unwrap();
        read().await.unwrap();
        let _ = self.service.begin_write().await.unwrap().commit(()).await.unwrap();
        let keys = [self.service.cache().any_key::<Invoices>(&InvoiceId(1))];
        let _ = self.service.cache().invalidate(keys.into()).await;
    }
}

/// The spans of this name: attributes by name, and the name of the parent.
fn named(spans: &[SpanData], name: &str) -> Vec<(BTreeMap<String, String>, Option<String>)> {
    let parent = |span: &SpanData| spans.iter().find(|other| other.span_context.span_id() == span.parent_span_id);
    let told = |span: &SpanData| {
        let attributes = span.attributes.iter();
        let attributes = attributes.map(|it| (it.key.to_string(), it.value.to_string()));
        (attributes.collect(), parent(span).map(|parent| parent.name.to_string()))
    };
    spans.iter().filter(|span| span.name == name).map(told).collect()
}

#[tokio::test]
async fn a_read_a_load_a_fill_and_a_write_are_spans_of_one_tree_and_carry_no_key() {
    let kept = Kept::default();
    let world = World::heard_by(Traces::over(kept.clone(), SERVICE)).await;
    world.read_and_write().instrument(tracing::trace_span!(target: "billing_core", "request")).await;
    let traces = world.traces.clone();
    drop(world);
    tokio::task::spawn_blocking(move || traces.flush().unwrap()).await.unwrap();

    let mut spans = kept.0.lock().unwrap().clone();
    // They come as they end, and the span of a read ends with the flight that it opened.
    spans.sort_by_key(|span| span.start_time);
    let reads = named(&spans, "get");
    let tiers: Vec<&str> = reads.iter().map(|(attributes, _)| attributes["tier"].as_str()).collect();
    assert_eq!(tiers, ["loaded", "l2"]);
    assert!(reads.iter().all(|(attributes, parent)| {
        attributes["cache_type"] == "invoices" && parent.as_deref() == Some("request")
    }));
    let [(load, parent)] = &named(&spans, "load")[..] else { panic!("{spans:#?}") };
    assert_eq!((load["outcome"].as_str(), load["keys"].as_str(), parent.as_deref()), ("loaded", "1", Some("get")));
    let [(fill, parent)] = &named(&spans, "fill")[..] else { panic!("{spans:#?}") };
    assert_eq!((fill["outcome"].as_str(), parent.as_deref()), ("fill_stored", Some("get")));
    let [(write, _)] = &named(&spans, "write_txn")[..] else { panic!("{spans:#?}") };
    assert_eq!(write["outcome"], "committed");
    assert_eq!(named(&spans, "invalidate").last().unwrap().0["outcome"], "invalidated");
    assert!(!format!("{spans:?}").contains("invoice:1"), "no key leaves the house");
}

#[tokio::test]
async fn a_collector_gets_the_spans_over_http_with_the_name_of_the_service() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = std::thread::spawn(move || received(&listener));
    let world = World::heard_by(Traces::over_http_to(&endpoint, SERVICE).unwrap()).await;
    world.read_and_write().await;
    let traces = world.traces.clone();
    drop(world);
    tokio::task::spawn_blocking(move || traces.flush().unwrap()).await.unwrap();
    let (request, body) = collector.join().unwrap();
    assert_eq!(request, "POST /v1/traces HTTP/1.1");
    for text in [SERVICE, "write_txn", "invalidate", "cache_type", "invoices"] {
        assert!(body.windows(text.len()).any(|part| part == text.as_bytes()), "{text}");
    }
}

/// The first line and the body of the one request to come, which is accepted.
fn received(listener: &TcpListener) -> (String, Vec<u8>) {
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_lowercase());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    let first = head[0].replace("post", "POST").replace("http/1.1", "HTTP/1.1");
    (first, body)
}
