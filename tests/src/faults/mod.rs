//! The faults, each limited in time: a name, a description, and a function that makes the fault and undoes it.
//!
//! Invariant: when the function of a fault returns, the system is complete again: Redis answers, every wire passes,
//! every service runs. From then on the behaviour of the services is checked.

mod cluster;
mod network;
mod outside;
mod processes;
mod redis;
mod scene;
mod sentinels;
#[cfg(target_os = "linux")]
mod storage;
mod tables;

pub use scene::Scene;

use crate::chaos::Settings;
use crate::{Backend, Topology};

/// A fault.
#[derive(Debug)]
pub struct Fault {
    /// The name for `--fault NAME`.
    pub name: &'static str,
    /// The description, in a sentence.
    pub about: &'static str,
    /// The database of the services.
    pub database: Backend,
    /// Whether Redis comes back with data that lacks acknowledged invalidations.
    pub forgets: bool,
    /// Whether this happens without a broken connection. Then even the process that wrote may read the older value.
    pub unnoticed: bool,
    /// Whether requests may fail, because a service or the database is dead or hangs. A failure of Redis is never a
    /// reason.
    pub may_fail: bool,
    /// Whether it takes more than a few seconds.
    pub takes_long: bool,
    /// The settings of the services, in addition to the usual ones.
    pub settings: Settings,
    /// Makes the fault, and undoes it.
    pub inflict: fn(&mut Scene<'_>),
}

/// The place of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Redis itself.
    Redis,
    /// The connections between the services and Redis.
    Network,
    /// The services.
    Processes,
    /// Other programs.
    Outside,
    /// Other programs, in ways that only exist on SQLite.
    Tables,
    /// The disk of the database.
    Storage,
    /// A primary, its replica and their sentinels.
    Sentinels,
    /// Three primaries and their replicas.
    Cluster,
}

impl Place {
    /// The faults at this place.
    #[must_use]
    pub fn faults(self) -> &'static [Fault] {
        match self {
            Self::Redis => redis::FAULTS,
            Self::Network => network::FAULTS,
            Self::Processes => processes::FAULTS,
            Self::Outside => outside::FAULTS,
            Self::Tables => tables::FAULTS,
            #[cfg(target_os = "linux")]
            Self::Storage => storage::FAULTS,
            #[cfg(not(target_os = "linux"))]
            Self::Storage => &[],
            Self::Sentinels => sentinels::FAULTS,
            Self::Cluster => cluster::FAULTS,
        }
    }
}

impl Topology {
    fn places(self) -> &'static [Place] {
        match self {
            Self::OneServer => {
                &[Place::Redis, Place::Network, Place::Processes, Place::Outside, Place::Tables, Place::Storage]
            }
            Self::Sentinels => &[Place::Sentinels, Place::Processes, Place::Outside],
            Self::Cluster => &[Place::Cluster, Place::Processes, Place::Outside],
            // No failover is possible without replicas.
            Self::Masters => &[Place::Processes, Place::Outside],
        }
    }

    /// All faults of the topology.
    pub fn faults(self) -> impl Iterator<Item = &'static Fault> {
        self.places().iter().flat_map(|place| place.faults())
    }
}

/// A fault without special settings, after which Redis still has all acknowledged invalidations.
const PLAIN: Fault = Fault {
    name: "",
    about: "",
    database: Backend::Postgres,
    forgets: false,
    unnoticed: false,
    may_fail: false,
    takes_long: false,
    settings: &[],
    inflict: |_| {},
};

impl Fault {
    /// Its name, with the database if that is not the usual one.
    #[must_use]
    pub fn title(&self) -> String {
        match self.database {
            Backend::Postgres => self.name.to_owned(),
            Backend::Sqlite => format!("{} (SQLite)", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own_and_a_sentence() {
        let all = || Topology::OneServer.faults().chain(Place::Sentinels.faults()).chain(Place::Cluster.faults());
        let names: BTreeSet<_> = all().map(Fault::title).collect();
        assert_eq!(names.len(), all().count());
        assert!(all().all(|fault| !fault.name.is_empty() && fault.about.len() > 10));
    }
}
