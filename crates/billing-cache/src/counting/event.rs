//! The events and quantities that are counted and measured, with their names in Redis, metrics and reports.

/// An event that is counted, or a quantity that is added up. [`as_str`](Self::as_str) is its name in Redis, metrics and
/// reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
#[non_exhaustive]
pub enum Event {
    /// A read was answered from the memory of the process.
    HitL1,
    /// A read was answered from Redis.
    HitL2,
    /// A read found nothing usable and was answered by a load.
    Miss,
    /// A miss of a key about which this process knew nothing.
    MissCold,
    /// A miss of a value whose time to live had passed.
    MissExpired,
    /// A miss of a value that was invalidated, by this process or, as far as can be told, by another.
    MissInvalidated,
    /// A miss of a value that disappeared before its end, while Redis evicted keys.
    MissEvicted,
    /// A read was answered from the database because Redis could not be used.
    Bypass,
    /// A cached value did not decode and was replaced, such as one that a Python process wrote in an older shape.
    Undecodable,
    /// A load from the database began.
    Load,
    /// Microseconds that the database took for all loads.
    LoadMicros,
    /// The database answered a load of a single key.
    SingleLoad,
    /// Microseconds that the database took for single loads, which is the wait of a reader that finds nothing cached.
    SingleLoadMicros,
    /// A load failed, or took longer than the deadline.
    LoadFailed,
    /// A load was refused because too many loads were running.
    Overloaded,
    /// A loaded value was stored.
    FillStored,
    /// A value near its end was loaded again and stored.
    Refreshed,
    /// A loaded value was not stored: an invalidation came between, Redis refused it, or it is larger than
    /// `cache.max_value_bytes`.
    FillLost,
    /// A caller joined a load in progress.
    Coalesced,
    /// Another process held the lease.
    Contended,
    /// A key was invalidated by a write of this process.
    Invalidated,
    /// An invalidation did not reach Redis in time, and its row stayed pending in the outbox.
    InvalidationPending,
    /// A command to Redis failed or timed out.
    RedisError,
    /// An audit found a cached value that equals the value in the database.
    AuditRight,
    /// An audit found a cached value that differs from the value in the database.
    AuditStale,
    /// An audit found a cached value whose invalidation is pending.
    AuditPending,
    /// An audit found a cached value that does not decode.
    AuditUndecodable,
}

impl Event {
    /// All events, in the order in which they are reported.
    pub const ALL: [Self; 27] = [
        Self::HitL1,
        Self::HitL2,
        Self::Miss,
        Self::MissCold,
        Self::MissExpired,
        Self::MissInvalidated,
        Self::MissEvicted,
        Self::Bypass,
        Self::Undecodable,
        Self::Load,
        Self::LoadMicros,
        Self::SingleLoad,
        Self::SingleLoadMicros,
        Self::LoadFailed,
        Self::Overloaded,
        Self::FillStored,
        Self::Refreshed,
        Self::FillLost,
        Self::Coalesced,
        Self::Contended,
        Self::Invalidated,
        Self::InvalidationPending,
        Self::RedisError,
        Self::AuditRight,
        Self::AuditStale,
        Self::AuditPending,
        Self::AuditUndecodable,
    ];

    /// The name in Redis, metrics and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HitL1 => "hit_l1",
            Self::HitL2 => "hit_l2",
            Self::Miss => "miss",
            Self::MissCold => "miss_cold",
            Self::MissExpired => "miss_expired",
            Self::MissInvalidated => "miss_invalidated",
            Self::MissEvicted => "miss_evicted",
            Self::Bypass => "bypass",
            Self::Undecodable => "undecodable",
            Self::Load => "load",
            Self::LoadMicros => "load_micros",
            Self::SingleLoad => "single_load",
            Self::SingleLoadMicros => "single_load_micros",
            Self::LoadFailed => "load_failed",
            Self::Overloaded => "overloaded",
            Self::FillStored => "fill_stored",
            Self::Refreshed => "refreshed",
            Self::FillLost => "fill_lost",
            Self::Coalesced => "coalesced",
            Self::Contended => "contended",
            Self::Invalidated => "invalidated",
            Self::InvalidationPending => "invalidation_pending",
            Self::RedisError => "redis_error",
            Self::AuditRight => "audit_right",
            Self::AuditStale => "audit_stale",
            Self::AuditPending => "audit_pending",
            Self::AuditUndecodable => "audit_undecodable",
        }
    }
}

/// A quantity whose distribution is measured. [`as_str`](Self::as_str) is its name in Redis, metrics and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
#[non_exhaustive]
pub enum Distribution {
    /// Time of a read that was answered from the memory of the process. Only some of these reads are timed, chosen at
    /// random.
    HitL1Time,
    /// Time of a read that was answered from Redis.
    HitL2Time,
    /// Time of a read that was answered by a load, including leases and waits.
    MissTime,
    /// Time of a read that was answered from the database because Redis could not be used.
    BypassTime,
    /// Time that the database took for a load of a single key.
    LoadTime,
    /// Time from the commit of a write until Redis acknowledged its invalidation.
    InvalidationDelay,
    /// An upper bound of the age of a cached value when it was served; known for reads that ask for the time to live.
    AgeAtServe,
    /// Rows in the outbox that are not applied yet; belongs to no type.
    BacklogRows,
    /// Age of the oldest row of the backlog; belongs to no type.
    BacklogAge,
}

/// The unit of a recorded value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanos,
    /// A number of items.
    Count,
}

impl Distribution {
    /// All distributions, in the order in which they are reported.
    pub const ALL: [Self; 9] = [
        Self::HitL1Time,
        Self::HitL2Time,
        Self::MissTime,
        Self::BypassTime,
        Self::LoadTime,
        Self::InvalidationDelay,
        Self::AgeAtServe,
        Self::BacklogRows,
        Self::BacklogAge,
    ];

    /// The name in Redis, metrics and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HitL1Time => "hit_l1_time",
            Self::HitL2Time => "hit_l2_time",
            Self::MissTime => "miss_time",
            Self::BypassTime => "bypass_time",
            Self::LoadTime => "load_time",
            Self::InvalidationDelay => "invalidation_delay",
            Self::AgeAtServe => "age_at_serve",
            Self::BacklogRows => "backlog_rows",
            Self::BacklogAge => "backlog_age",
        }
    }

    /// The unit of its values.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::BacklogRows => Unit::Count,
            Self::HitL1Time
            | Self::HitL2Time
            | Self::MissTime
            | Self::BypassTime
            | Self::LoadTime
            | Self::InvalidationDelay
            | Self::AgeAtServe
            | Self::BacklogAge => Unit::Nanos,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_place_of_its_own() {
        for (index, event) in Event::ALL.iter().enumerate() {
            assert_eq!(*event as usize, index, "{event:?}");
        }
    }

    #[test]
    fn every_distribution_has_a_place_of_its_own() {
        for (index, distribution) in Distribution::ALL.iter().enumerate() {
            assert_eq!(*distribution as usize, index, "{distribution:?}");
        }
    }
}
