//! A read-through cache for billing data in a Redis shared with other programs: key schemes, TTL policies, and a lease
//! protocol under which no reader is served an older value after a write was acknowledged.
//!
//! The crate knows no table, row or currency. A crate that owns data declares each kind of it once as a [`CachedType`],
//! adds the types to a [`CacheBuilder`], and then reads through [`Cache::get`] and [`Cache::get_many`]. Writers call
//! [`Cache::invalidate`] between their commit and their answer.
//!
//! ```
//! use std::collections::HashMap;
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//!
//! use billing_cache::{CacheKey, CachedType, HotKeysResult, KeyWriter, LoadResult, Loaded, Owner, Source, Tier};
//!
//! /// Where values are loaded from: here a map, usually a handle to a database.
//! #[derive(Clone, Default)]
//! struct Shop(Arc<Mutex<HashMap<u32, u64>>>);
//!
//! impl Source for Shop {
//!     type Error = std::convert::Infallible;
//! }
//!
//! #[derive(Clone, Debug, PartialEq, Eq, Hash)]
//! struct ProductId(u32);
//!
//! impl CacheKey for ProductId {
//!     const PARTS: &'static [&'static str] = &["product_id"];
//!     fn write_parts(&self, out: &mut KeyWriter<'_>) {
//!         out.part(self.0);
//!     }
//!     fn from_parts(parts: &[&str]) -> Option<Self> {
//!         parts[0].parse().ok().map(Self)
//!     }
//! }
//!
//! /// A price in pence, in Redis under `price:{product_id}`.
//! struct Prices;
//!
//! impl CachedType for Prices {
//!     type Source = Shop;
//!     type Key = ProductId;
//!     type Value = u64;
//!     const NAME: &'static str = "prices";
//!     const PREFIX: &'static str = "price";
//!     const TTL: Duration = Duration::from_secs(300);
//!     fn owner(_: &u64, _: &ProductId) -> Owner {
//!         Owner::Untold
//!     }
//!     /// The prices of these products. A product that is missing in the answer is cached as absent.
//!     async fn load(shop: &Shop, keys: &[ProductId]) -> LoadResult<Self> {
//!         let prices = shop.0.lock().unwrap();
//!         let price = |key: &ProductId| Some((key.clone(), Ok(Loaded::lasting(*prices.get(&key.0)?))));
//!         Ok(keys.iter().filter_map(price).collect())
//!     }
//!     async fn hot_keys(_: &Shop, _: Option<&ProductId>, _: u64) -> HotKeysResult<Self> {
//!         Ok(Vec::new())
//!     }
//! }
//!
//! # #[derive(serde::Deserialize)]
//! # struct Settings {
//! #     cache: billing_cache::CacheSettings,
//! #     redis: billing_cache::RedisSettings,
//! # }
//! # let server = test_support::RedisServer::start()?;
//! # let defaults = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/default.toml"));
//! # let mut settings: Settings = toml::from_str(defaults)?;
//! # settings.cache.types.clear();
//! # (settings.redis.host, settings.redis.port) = ("127.0.0.1".to_owned(), server.port());
//! # (settings.redis.connect_timeout_ms, settings.redis.command_timeout_ms) = (10_000, 10_000);
//! # settings.cache.invalidation_deadline_ms = 10_000;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let shop = Shop::default();
//! shop.0.lock().unwrap().insert(7, 120);
//! let builder = billing_cache::CacheBuilder::new(shop.clone(), settings.cache).with::<Prices>();
//! let cache = builder.open(&settings.redis).await?;
//!
//! let price = cache.get::<Prices>(&ProductId(7)).await?;
//! assert_eq!((price.value.as_deref(), price.tier), (Some(&120), Tier::Loaded));
//! let price = cache.get::<Prices>(&ProductId(7)).await?;
//! assert_eq!((price.value.as_deref(), price.tier), (Some(&120), Tier::L2));
//!
//! // A write: commit, invalidate, and only then answer.
//! shop.0.lock().unwrap().insert(7, 90);
//! let told = cache.invalidate([cache.any_key::<Prices>(&ProductId(7))].into()).await;
//! assert!(told.is_done());
//! let price = cache.get::<Prices>(&ProductId(7)).await?;
//! assert_eq!((price.value.as_deref(), price.tier), (Some(&90), Tier::Loaded));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Read on in `read` (the path of one read), `protocol` (the commands), `declaration` (what Redis contains), and
//! `docs/architecture.md` (the floors of this crate). `docs/protocol.md` says what each part of the protocol is for.

pub mod bounded_file;
mod builder;
mod clock;
mod connection;
mod counting;
mod declaration;
mod memory;
pub mod mutation;
mod operator;
mod protocol;
mod read;
mod reporting;

pub use builder::{CacheBuilder, SetupError};
pub use connection::breaker::BreakerState;
pub use connection::cluster::{ClusterFacts, MasterFacts};
pub use connection::error::address::AddressError;
pub use connection::error::cluster::ClusterError;
pub use connection::error::sentinel::SentinelError;
pub use connection::error::tls::TlsError;
pub use connection::error::{L2Error, RedisUnreachable};
pub use connection::link::ConnectionNumber;
pub use connection::sentinel::SentinelFacts;
pub use connection::tls::look::{TlsFacts, Validity};
pub use counting::bucket::Bucket;
pub use counting::counters::empty_histogram;
pub use counting::event::{Distribution, Event, Unit};
pub use counting::numbers::{Numbers, PROCESS_WIDE};
pub use counting::resolution::Resolution;
pub use declaration::any_key::AnyKey;
pub use declaration::cached_type::{
    Absence, CachedType, HotKeysResult, LoadResult, LoadedOne, Owner, Source, TypeInfo,
};
pub use declaration::key::{CacheKey, KeySpace, KeyWriter, SingleKey};
pub use declaration::limits::{HOUR_MS, LIMITS, Limit, YEAR_SECONDS};
pub use declaration::loaded::Loaded;
pub use declaration::policy::L1Policy;
pub use declaration::settings::{BreakerSettings, CacheSettings, InvalidSetting, RedisSettings, TypeSettings};
pub use operator::clear::Clearing;
pub use operator::health_check::{ClockOffset, Examination, ServerFacts};
pub use operator::inspect::{KeyState, Standing};
pub use operator::keyspace::server::{MemoryUse, ServerInfo};
pub use operator::keyspace::statistics::{Measure, Survey, Surveying};
pub use operator::keyspace::tally::{TtlDistribution, TypeSurvey};
pub use operator::rights::{AclRule, Missing, Purpose};
pub use operator::scan::{KeyWalk, WalkStep};
pub use protocol::clear::{ClearMode, ClearStep, Cleared, ClearedOnRecord};
pub use protocol::history::History;
pub use protocol::primaries::{LayoutNumber, Primaries, Primary};
pub use protocol::rate_limit::Pace;
pub use read::answer::{Answer, Cached, ReadError, Tier};
pub use read::cache::Cache;
pub use read::invalidate::Invalidation;
pub use read::warm_up::{WarmUpError, WarmedUp};
pub use reporting::breaker_changes::BreakerChange;
pub use reporting::hot_keys::{HotKey, HotKeys};
pub use reporting::processes::Process;
