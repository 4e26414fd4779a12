//! The services of a chaos run: each reaches Redis through a wire of its own, and each can die and be started again.
//!
//! Invariant: a client always gets the newest life of a place; while that is dead it gets errors, never another place.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use test_support::FaultProxy;
use tokio::runtime::Runtime;

use super::SERVICES;
use crate::history::Process;
use crate::{BILLING_SERVICE, Backend, Client, Service, Site, Topology};

/// A request that takes longer is given up; longer than any fault.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What differs from the defaults for all faults: quick relays and reconnections, so that rounds are short.
const SETTINGS: [(&str, &str); 4] = [
    ("BILLING__RELAY__POLL_INTERVAL_MS", "150"),
    ("BILLING__REDIS__RECONNECT_MAX_MS", "300"),
    ("BILLING__DATABASE__MAX_CONNECTIONS", "6"),
    ("BILLING__CACHE__L1_STALENESS_BOUND_MS", "600"),
];

/// For all sessions that begin from then on.
const SYNCHRONOUS: &str = "DO $$ BEGIN \
     EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database()); END $$";

/// The bound that the settings above set.
pub(super) const L1_STALENESS_MS: u64 = 600;

/// Environment variables.
pub(crate) type Settings = &'static [(&'static str, &'static str)];

/// The running services over one site.
#[derive(Debug)]
pub struct Fleet {
    places: Vec<Place>,
    settings: Mutex<Settings>,
    /// Of the proxies. After the places, which end first.
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
    /// A new site with its services. Where there is more than one server nothing goes over the wires.
    #[must_use]
    pub fn start(database: Backend, topology: Topology) -> Self {
        let site = Site::seeded_on(database, topology);
        if database == Backend::Postgres {
            // The server of the tests acknowledges before it has written, and a fault may end it.
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

    /// What the services are over.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The way of one service to Redis.
    #[must_use]
    pub fn wire(&self, place: usize) -> &FaultProxy {
        &self.places[place].wire
    }

    /// All ways to Redis.
    pub fn wires(&self) -> impl Iterator<Item = &FaultProxy> {
        self.places.iter().map(|place| &place.wire)
    }

    /// Whom to ask at a place.
    #[must_use]
    pub fn ask(&self, place: usize) -> (Process, Client) {
        let answers = self.places[place].answers.read().unwrap_or_else(PoisonError::into_inner);
        answers.clone().expect("every place is started before anybody asks")
    }

    /// Makes all services run with these settings besides the usual ones.
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

    /// Kills the service of a place, if it runs, and starts another life, with these variables besides the settings.
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
        // A failpoint of the relay may be met before the service listens: then it has died already.
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

    /// Lets a paused process go on.
    pub fn resume(&self, place: usize) {
        lock(&self.places[place].service).iter().for_each(Service::resume);
    }

    /// How large files may become that the service of a place writes; any size without a limit.
    #[cfg(target_os = "linux")]
    pub fn let_files_grow_to(&self, place: usize, limit: Option<u64>) {
        lock(&self.places[place].service).iter().for_each(|service| service.let_files_grow_to(limit));
    }

    /// What the services have said since they were asked last, for a person; see `BILLING_CHAOS_LOG`.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        let lines = self.places.iter().flat_map(|place| {
            let said = lock(&place.service).as_ref().map(Service::said).unwrap_or_default();
            said.into_iter().map(|line| format!("service {}: {line}", place.number))
        });
        lines.collect()
    }
}

/// What is locked here is replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
