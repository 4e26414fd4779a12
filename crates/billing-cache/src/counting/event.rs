//! What is worth counting and measuring: the names under which numbers stand in Redis, metrics and reports.

/// Something worth counting or adding up. [`as_str`](Self::as_str) is its name in Redis, metrics and reports.
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
    /// A miss of a key that this process did not know.
    MissCold,
    /// A miss of a value whose time to live had passed.
    MissExpired,
    /// A miss of a value that was invalidated, by this process or, as far as can be told, by another.
    MissInvalidated,
    /// A miss of a value that went before its end, while Redis was evicting.
    MissEvicted,
    /// A read was answered from the database because Redis could not be used.
    Bypass,
    /// A cached value did not decode and was replaced; what a Python process wrote in an older shape.
    Undecodable,
    /// The database was asked.
    Load,
    /// Microseconds that the database took for all loads.
    LoadMicros,
    /// The database was asked for a single key, and answered.
    SingleLoad,
    /// Microseconds that the database took for these: what a reader waits who finds nothing cached.
    SingleLoadMicros,
    /// The database was asked and failed, or took longer than the deadline.
    LoadFailed,
    /// The database was not asked, because too many loads went on already.
    Overloaded,
    /// A loaded value was stored.
    FillStored,
    /// A value near its end was loaded anew and stored.
    Refreshed,
    /// A loaded value was not stored, because an invalidation came between, Redis refused it, or it is larger than
    /// `cache.max_value_bytes`.
    FillLost,
    /// A caller joined a load in progress.
    Coalesced,
    /// Another process held the lease.
    Contended,
    /// A key was invalidated by a write of this process.
    Invalidated,
    /// An invalidation did not reach Redis in time and was left to the outbox.
    InvalidationPending,
    /// A command to Redis failed or timed out.
    RedisError,
    /// An audit found a cached value to be what the database says.
    AuditRight,
    /// An audit found a cached value that is not what the database says.
    AuditStale,
    /// An audit found a cached value whose invalidation is on its way.
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

/// A quantity of which it is worth knowing how it is distributed. [`as_str`](Self::as_str) is its name in Redis,
/// metrics and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
#[non_exhaustive]
pub enum Distribution {
    /// Time of a read that was answered from the memory of the process; of one in many, picked by chance.
    HitL1Time,
    /// Time of a read that was answered from Redis.
    HitL2Time,
    /// Time of a read that was answered by a load, leases and waits included.
    MissTime,
    /// Time of a read that was answered from the database because Redis could not be used.
    BypassTime,
    /// Time that the database took for a load of a single key.
    LoadTime,
    /// Time from the commit of a write until Redis was told of it.
    InvalidationDelay,
    /// Age of a cached value when it was served, at most; of the reads that learn the time to live.
    AgeAtServe,
    /// Rows in the outbox that nobody has applied yet; belongs to no type.
    BacklogRows,
    /// Age of the oldest of these rows; belongs to no type.
    BacklogAge,
}

/// What a recorded value is a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanos,
    /// Things.
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

    /// What its values are numbers of.
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
