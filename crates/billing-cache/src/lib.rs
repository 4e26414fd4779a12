//! A read-through cache for billing data in a Redis shared with other programs: key schemes, TTL policies, and a lease
//! protocol under which no reader is served an older value after a write was acknowledged.
//!
//! The crate knows no table, row or currency. A crate that owns data declares each kind of it once as a [`CachedType`],
//! adds the types to a [`CacheBuilder`], and then reads through [`Cache::get`] and [`Cache::get_many`]. Writers call
//! [`Cache::invalidate`] between their commit and their answer.
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
