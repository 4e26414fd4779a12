//! What can go wrong, each bounded in time: a name, what it means, and a function that does it and undoes it.
//!
//! Invariant: when a fault's function returns, the system is whole again: Redis answers, every wire passes, every
//! service runs. What the services make of that is judged from then on.

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

/// One thing that goes wrong.
#[derive(Debug)]
pub struct Fault {
    /// As in `--fault NAME`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// What the services stand on.
    pub database: Backend,
    /// Whether Redis comes back with data from before writes that it had been told of.
    pub forgets: bool,
    /// Whether that breaks no connection: the service that wrote may read what was there before, too.
    pub unnoticed: bool,
    /// Whether requests may fail: a service is dead or hangs, or the database does. Redis is never a reason.
    pub may_fail: bool,
    /// Whether it takes longer than a few seconds.
    pub takes_long: bool,
    /// What the services run with, besides the usual.
    pub settings: Settings,
    /// Does it, and undoes it.
    pub inflict: fn(&mut Scene<'_>),
}

/// What goes wrong in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Redis itself.
    Redis,
    /// Between the services and Redis.
    Network,
    /// The services.
    Processes,
    /// Other programs.
    Outside,
    /// Other programs, in ways that SQLite has.
    Tables,
    /// The disk of the database.
    Storage,
    /// A primary, its replica and their sentinels.
    Sentinels,
    /// Three masters and their replicas.
    Cluster,
}

impl Place {
    /// What goes wrong there.
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
            // Nobody can take over.
            Self::Masters => &[Place::Processes, Place::Outside],
        }
    }

    /// Everything that goes wrong there.
    pub fn faults(self) -> impl Iterator<Item = &'static Fault> {
        self.places().iter().flat_map(|place| place.faults())
    }
}

/// A fault without settings of its own, after which Redis still knows what it was told.
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
    /// Its name, with the database where that is not the usual one.
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
