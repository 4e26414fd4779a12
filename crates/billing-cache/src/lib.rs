//! A read-through cache for billing data in a Redis shared with other programs: key schemes, TTL policies, and a lease
//! protocol under which no reader is served an older value after a write was acknowledged.
//!
//! The crate knows no table, row or currency. Whoever owns data declares each kind of it once as a [`CachedType`], adds the
//! types to a [`CacheBuilder`], and then reads through [`Cache::get`] and [`Cache::get_many`]. Writers call
//! [`Cache::invalidate`] between their commit and their answer.
//!
//! Where to read on: [`key`] (what stands in Redis), [`read`] (the path of one read), `l2::store` (the three scripts),
//! [`invalidate`] and [`bulk`]. The protocol and what each of its parts is for stand in `docs/protocol.md`.

mod answer;
mod any_key;
pub mod bounded_file;
pub mod breaker;
pub mod builder;
pub mod bulk;
pub mod cache;
pub mod cached_type;
pub mod clear;
mod clock;
pub mod counters;
pub mod event;
pub mod examination;
mod flight;
mod frequent;
mod guard;
pub mod hot_keys;
mod identity;
pub mod inspect;
pub mod invalidate;
pub mod key;
mod known;
mod l1;
mod l1_read;
mod l2;
mod liveness;
mod load;
mod loaded;
mod mark;
mod near_end;
pub mod numbers;
mod operation_log;
pub mod pace;
mod past_cache;
mod pilot;
pub mod policy;
mod popularity;
pub mod primaries;
pub mod read;
mod reading;
mod refresh;
mod retry;
mod sampling;
pub mod settings;
mod shared;
mod stamp;
pub mod survey;
mod suspect;
mod thread_slot;
mod type_state;
pub mod walk;

pub use answer::{Answer, Cached, ReadError, Tier};
pub use any_key::AnyKey;
pub use breaker::BreakerState;
pub use builder::{CacheBuilder, SetupError};
pub use bulk::{WarmUpError, WarmedUp};
pub use cache::Cache;
pub use cached_type::{Absence, CachedType, HotKeysResult, LoadResult, LoadedOne, Owner, Source, TypeInfo};
pub use clear::Clearing;
pub use counters::empty_histogram;
pub use event::{Distribution, Event, Unit};
pub use hot_keys::{HotKey, HotKeys};
pub use inspect::{KeyState, Standing};
pub use invalidate::Invalidation;
pub use key::{CacheKey, KeySpace, KeyWriter, SingleKey};
pub use l2::admin::{ClearMode, ClearStep, Cleared, ClearedOnRecord};
pub use l2::cluster::{ClusterFacts, MasterFacts};
pub use l2::error::address::AddressError;
pub use l2::error::cluster::ClusterError;
pub use l2::error::sentinel::SentinelError;
pub use l2::error::tls::TlsError;
pub use l2::error::{L2Error, RedisUnreachable};
pub use l2::examination::{ClockOffset, Examination, ServerFacts};
pub use l2::history::History;
pub use l2::link::ConnectionNumber;
pub use l2::rights::{AclRule, Missing, Purpose};
pub use l2::sentinel::SentinelFacts;
pub use l2::tls::look::{TlsFacts, Validity};
pub use loaded::Loaded;
pub use numbers::breaker_changes::BreakerChange;
pub use numbers::bucket::Bucket;
pub use numbers::numbers::{Numbers, PROCESS_WIDE};
pub use numbers::processes::Process;
pub use numbers::resolution::Resolution;
pub use pace::Pace;
pub use policy::L1Policy;
pub use primaries::{LayoutNumber, Primaries, Primary};
pub use settings::{BreakerSettings, CacheSettings, InvalidSetting, RedisSettings, TypeSettings};
pub use survey::{Measure, MemoryUse, ServerInfo, Survey, Surveying, TtlDistribution, TypeSurvey};
pub use walk::{KeyWalk, WalkStep};
