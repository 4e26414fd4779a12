//! The services of a chaos run: each reaches Redis through a separate wire, and each can be killed and started again.
//!
//! Invariant: a client always gets the newest life of a place. While the service is dead the client gets errors, and
//! never another place.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use test_support::FaultProxy;
use tokio::runtime::Runtime;

use super::SERVICES;
use crate::history::Process;
use crate::{BILLING_SERVICE, Backend, Client, Service, Site, Topology};

/// Timeout of a request. It is longer than any fault.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Settings for all faults: fast relays and reconnections, so that rounds are short.
const SETTINGS: [(&str, &str); 4] = [
    ("BILLING__RELAY__POLL_INTERVAL_MS", "150"),
    ("BILLING__REDIS__RECONNECT_MAX_MS", "300"),
    ("BILLING__DATABASE__MAX_CONNECTIONS", "6"),
    ("BILLING__CACHE__L1_STALENESS_BOUND_MS", "600"),
];

/// For all sessions that start afterwards.
const SYNCHRONOUS: &str = "DO $$ BEGIN \
     EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database()); END $$";

/// The bound in the settings above.
pub(super) const L1_STALENESS_MS: u64 = 600;

/// Environment variables.
pub(crate) type Settings = &'static [(&'static str, &'static str)];

/// The running services of a site.
#[derive(Debug)]
pub struct Fleet {
    places: Vec<Place>,
    settings: Mutex<Settings>,
    /// The runtime of the proxies. It is dropped after the places.
    _runtime: Runtime,
    site: Site,
}

#[derive(Debug)]
struct Place {
    number: usize,
    wire: FaultProxy,
    service: Mutex<Option<Service>>,
    answers: RwLock<Option<(Process, Client)>>,
}

impl Fleet {
    /// A new site with its services. With more than one Redis server, the wires are not used.
    #[must_use]
    pub fn start(database: Backend, topology: Topology) -> Self {
        let site = Site::seeded_on(database, topology);
        if database == Backend::Postgres {
            // The PostgreSQL server of the tests acknowledges a commit before it is written to disk, and a fault may
            // end the server.
            site.execute(&[SYNCHRONOUS]);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be started");
        let port = site.redis.port();
        let place = |number| {
            let wire = runtime.block_on(FaultProxy::start(port)).unwrap_or_else(|error| panic!("{error:#}"));
            Place { number, wire, service: Mutex::default(), answers: RwLock::default() }
        };
        let places = (0..SERVICES).map(place).collect();
        let fleet = Self { places, settings: Mutex::new(&[]), _runtime: runtime, site };
        (0..SERVICES).for_each(|place| fleet.restart(place, &[]));
        fleet
    }

    /// The site of the services.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The wire of one service to Redis.
    #[must_use]
    pub fn wire(&self, place: usize) -> &FaultProxy {
        &self.places[place].wire
    }

    /// All wires to Redis.
    pub fn wires(&self) -> impl Iterator<Item = &FaultProxy> {
        self.places.iter().map(|place| &place.wire)
    }

    /// The process and the client for a place.
    #[must_use]
    pub fn ask(&self, place: usize) -> (Process, Client) {
        let answers = self.places[place].answers.read().unwrap_or_else(PoisonError::into_inner);
        answers.clone().expect("every place is started before anybody asks")
    }

    /// Restarts all services with these settings in addition to the usual ones, if the settings changed.
    pub fn run_with(&self, settings: Settings) {
        let before = std::mem::replace(&mut *lock(&self.settings), settings);
        if before != settings {
            (0..SERVICES).for_each(|place| self.restart(place, &[]));
        }
    }

    /// Kills the service of a place, if it runs.
    pub fn kill(&self, place: usize) {
        drop(lock(&self.places[place].service).take());
    }

    /// Kills the service of a place, if it runs, and starts a new life with these variables in addition to the
    /// settings.
    pub fn restart(&self, place: usize, more: &[(&str, &str)]) {
        self.kill(place);
        let place = &self.places[place];
        let port = place.wire.port().to_string();
        let program = self.site.impatient_program(BILLING_SERVICE).that_survives_its_limits();
        let program = program.with("REDIS_PORT", &port);
        let settings = *lock(&self.settings);
        let log = std::env::var("BILLING_CHAOS_LOG").unwrap_or_default();
        let log = [("RUST_LOG", log.as_str())];
        let all = SETTINGS.iter().chain(settings).chain(more).chain(&log);
        let program = all.fold(program, |program, (variable, value)| program.with(variable, value));
        // A failpoint of the relay may be reached before the service listens. Then the service is already dead.
        let service = match program.try_serve() {
            Ok(service) => service,
            Err(_) if !more.is_empty() => return,
            Err(said) => panic!("the service does not listen; it said: {said}"),
        };
        let client = service.with_timeout(REQUEST_TIMEOUT);
        let mut answers = place.answers.write().unwrap_or_else(PoisonError::into_inner);
        let life = answers.as_ref().map_or(0, |(before, _)| before.life + 1);
        *answers = Some((Process { place: place.number, life }, client));
        drop(answers);
        *lock(&place.service) = Some(service);
    }

    /// Whether the service of a place has died by itself.
    #[must_use]
    pub fn has_died(&self, place: usize) -> bool {
        lock(&self.places[place].service).as_mut().is_none_or(Service::has_ended)
    }

    /// Stops the process of a place without ending it.
    pub fn pause(&self, place: usize) {
        lock(&self.places[place].service).iter().for_each(Service::pause);
    }

    /// Continues a paused process.
    pub fn resume(&self, place: usize) {
        lock(&self.places[place].service).iter().for_each(Service::resume);
    }

    /// Limits the size of files that the service of a place writes; `None` removes the limit.
    #[cfg(target_os = "linux")]
    pub fn let_files_grow_to(&self, place: usize, limit: Option<u64>) {
        lock(&self.places[place].service).iter().for_each(|service| service.let_files_grow_to(limit));
    }

    /// The output of the services since the last call, for people; see `BILLING_CHAOS_LOG`.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        let lines = self.places.iter().flat_map(|place| {
            let said = lock(&place.service).as_ref().map(Service::said).unwrap_or_default();
            said.into_iter().map(|line| format!("service {}: {line}", place.number))
        });
        lines.collect()
    }
}

/// The locked values are always replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
