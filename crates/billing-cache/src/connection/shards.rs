//! The shards: the primaries over which the keys are spread, with one link to each. A single server is one shard; a
//! Redis Cluster has one for each primary with slots.
//!
//! Invariants: a key and its lease belong to one shard (`protocol.md`, "Names"). A caller never waits for a connection,
//! so a redirection to a primary that is not known yet is an error, and triggers a refresh of the slot map. A new
//! primary joins the slot map when its first slot starts to migrate, and only after L1 was told that it does not
//! receive the messages of this primary yet.
//!
//! Used by the protocol, the reads and the tools for every command to Redis.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future;
use redis::{Cmd, RedisError, RedisResult, Value};
use tokio::sync::{Notify, watch};
use tracing::{info, warn};

use super::address::Address;
use super::breaker::{BreakerState, CHANGES, Change};
use super::cluster::topology::Topology;
use super::cluster::{self, ClusterFacts, Seeds};
use super::error::{L2Error, RedisUnreachable, advice_of_cluster};
use super::link::{
    Admission, Answers, Changes, Commands, Conduct, ConnectionNumber, Link, LinkId, OwnConnection, Terms, Wire,
};
use super::redirect::{Redirect, is_elsewhere};
use super::slot_map::Layout;
use crate::clock::Moment;
use crate::declaration::settings::{BreakerSettings, RedisSettings};

/// Largest number of redirections of one command.
const MOST_REDIRECTIONS: usize = 4;

/// The shards; see the module.
pub(crate) struct Shards {
    layout: ArcSwap<Layout>,
    conduct: Conduct,
    /// `None` for a single server.
    cluster: Option<Cluster>,
    endpoint: String,
    /// Changes of breakers that were taken and could not be sent.
    unsent: Mutex<Vec<Change>>,
}

struct Cluster {
    seeds: Seeds,
    /// Login and TLS of all nodes.
    address: Address,
    /// Notified when a command was redirected.
    outdated: Notify,
}

/// The slots of all primaries while no slot migrates.
#[derive(PartialEq, Eq)]
pub(crate) struct Slots(Option<Topology>);

/// Receives the result of each refresh of the slot map, such as the guard of L1.
pub(crate) trait SlotMapWatcher {
    /// Limit of a refresh. The result of a longer one is of no use.
    fn look_within(&self) -> Duration;
    /// How often to refresh; `None` if the watcher does not mind.
    fn look_every(&self) -> Option<Duration>;
    /// The slot map of that moment is still the current one.
    fn unchanged(&self, asked: Moment);
    /// A new slot map is about to be used. L1 must receive the messages of these links.
    fn changing(&self, links: Vec<LinkId>);
    /// The new slot map is in use.
    fn changed(&self);
}

/// The answers for many keys: one for each key, or `None` if its shard could not be asked.
pub(crate) struct Gathered<T> {
    /// The answers, in the order of the keys.
    pub(crate) answers: Vec<Option<T>>,
    /// The error of the first shard that could not be asked.
    pub(crate) error: Option<L2Error>,
}

impl Shards {
    /// Tries to connect once. If that fails, attempts continue in the background.
    ///
    /// # Errors
    /// Only if the settings give no address.
    pub(crate) async fn open(
        settings: &RedisSettings,
        breaker: BreakerSettings,
        admission: Admission,
        data_key: Option<String>,
    ) -> Result<Self, L2Error> {
        let seeds = Seeds::of(settings)?;
        let (is_of_cluster, changes) = (seeds.is_some(), Changes::default());
        let (is_ours, data_key) = (Arc::new(AtomicBool::new(true)), data_key.filter(|_| !is_of_cluster));
        let conduct =
            Conduct { settings: settings.clone(), breaker, admission, is_of_cluster, changes, is_ours, data_key };
        let address = Address::of(settings)?;
        let Some(seeds) = seeds else {
            let endpoint = address.describe();
            let layout = Layout::one(Arc::new(Link::open(address, &conduct).await));
            return Ok(Self::new(layout, conduct, None, endpoint));
        };
        let endpoint = seeds.describe();
        let layout = match seeds.topology(&address, settings.connect_timeout()).await {
            Ok(topology) => {
                let links = topology.masters.iter().map(|(host, port)| Link::open(address.at(host, *port), &conduct));
                let links = future::join_all(links).await.into_iter().map(Arc::new).collect();
                Layout::of(1, topology, links)
            }
            Err(error) => {
                warn!(endpoint, %error, "redis is away, reads go to the database");
                Layout::empty()
            }
        };
        Ok(Self::new(layout, conduct, Some(Cluster { seeds, address, outdated: Notify::new() }), endpoint))
    }

    fn new(layout: Layout, conduct: Conduct, cluster: Option<Cluster>, endpoint: String) -> Self {
        Self { layout: ArcSwap::from_pointee(layout), conduct, cluster, endpoint, unsent: Mutex::default() }
    }

    /// The current slot map.
    pub(crate) fn layout(&self) -> Arc<Layout> {
        self.layout.load_full()
    }

    /// Whether the keys are spread by slots.
    pub(crate) fn is_cluster(&self) -> bool {
        self.cluster.is_some()
    }

    /// The addresses of the servers, without any secret.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The options of one command of the read path.
    pub(crate) fn command_terms(&self) -> Terms {
        Terms::read(self.command_limit())
    }

    /// The options of a pipeline of the read path.
    pub(crate) fn batch_terms(&self) -> Terms {
        Terms::read(self.batch_limit())
    }

    /// Limit of one command of the read path.
    pub(crate) fn command_limit(&self) -> Duration {
        self.conduct.settings.command_timeout()
    }

    /// Limit of one pipeline of many commands.
    pub(crate) fn batch_limit(&self) -> Duration {
        self.conduct.settings.batch_timeout()
    }

    /// Limit of a connection attempt.
    pub(crate) fn connect_limit(&self) -> Duration {
        self.conduct.settings.connect_timeout()
    }

    /// The link to the shard of a key.
    pub(crate) fn link_of(&self, key: &str) -> Result<Arc<Link>, L2Error> {
        self.layout.load().link_of(key).cloned().ok_or(L2Error::Away)
    }

    /// Runs an operation on the shard of this key, and follows redirections. It runs again for each redirection,
    /// because a redirection means that it was not executed. A read does not follow `ASK`: the primary that receives
    /// the slot may still hold old values, which have been removed on the primary that gives the slot away.
    pub(crate) async fn one<T, F>(&self, key: &str, terms: Terms, operation: impl Fn(Wire) -> F) -> Result<T, L2Error>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let link = self.link_of(key)?;
        match link.run(terms, &operation).await {
            Err(L2Error::Redis(error)) if self.is_cluster() && Redirect::of(&error).is_some() => {
                // Boxed, so that the future of a hit stays small.
                Box::pin(self.follow(error, terms, operation)).await
            }
            answer => answer,
        }
    }

    /// Sends the commands of one read to the shard of this key, together with other reads that wait for that shard, and
    /// follows redirections like [`one`](Self::one).
    pub(crate) async fn read(&self, key: &str, commands: impl Fn() -> Commands) -> Result<Answers, L2Error> {
        let (link, terms) = (self.link_of(key)?, self.command_terms());
        match link.read(self.command_limit(), commands()).await {
            Err(L2Error::Redis(error)) if self.is_cluster() && Redirect::of(&error).is_some() => {
                Box::pin(self.follow(error, terms, |wire| commands().send(wire.connection))).await
            }
            answer => answer,
        }
    }

    async fn follow<T, F>(
        &self,
        mut error: RedisError,
        terms: Terms,
        operation: impl Fn(Wire) -> F,
    ) -> Result<T, L2Error>
    where
        F: Future<Output = RedisResult<T>>,
    {
        for _ in 0..MOST_REDIRECTIONS {
            let Some(redirect) = Redirect::of(&error) else { break };
            let link = self.layout.load().link_at(redirect.host, redirect.port).cloned();
            if !redirect.is_ask || link.is_none() {
                self.hear_redirection();
            }
            let Some(link) = link.filter(|_| !(redirect.is_ask && terms.are_to_read())) else { break };
            let asking = redirect.is_ask;
            let asked = link.run(terms, |wire| operation(if asking { wire.asking() } else { wire })).await;
            match asked {
                Err(L2Error::Redis(next)) => error = next,
                answer => return answer,
            }
        }
        Err(error.into())
    }

    /// Notes that a key is not where the slot map says.
    pub(crate) fn hear_redirection(&self) {
        if let Some(cluster) = &self.cluster {
            cluster.outdated.notify_one();
        }
    }

    /// Runs an operation on every shard that has some of these keys, on all at once. The operation receives the indexes
    /// of those keys, and answers in their order.
    pub(crate) async fn gather<T, F>(
        &self,
        keys: &[String],
        operation: impl Fn(Arc<Link>, Vec<usize>) -> F,
    ) -> Gathered<T>
    where
        F: Future<Output = Result<Vec<T>, L2Error>>,
    {
        let mut gathered = Gathered { answers: keys.iter().map(|_| None).collect(), error: None };
        let (groups, homeless) = self.layout.load().by_link(keys);
        if homeless {
            gathered.error = Some(L2Error::Away);
        }
        let asked = groups.into_iter().map(|(link, places)| {
            let asked = operation(link, places.clone());
            async { (places, asked.await) }
        });
        for (places, answers) in future::join_all(asked).await {
            match answers {
                Ok(answers) => {
                    for (place, answer) in places.into_iter().zip(answers) {
                        gathered.answers[place] = Some(answer);
                    }
                }
                Err(error) => {
                    gathered.error.get_or_insert(error);
                }
            }
        }
        gathered
    }

    /// For tools: runs some commands for each of many keys, on separate connections, and again for keys that have
    /// moved. Answers in the order of the keys.
    pub(crate) async fn look_at(
        &self,
        keys: &[String],
        commands: impl Fn(&str) -> Vec<Cmd>,
    ) -> Result<Vec<Vec<RedisResult<Value>>>, RedisUnreachable> {
        let commands = &commands;
        let ask = |link: Arc<Link>, places: Vec<usize>| async move {
            let mut connection = link.own_connection().await.map_err(|error| error.source)?;
            let mut pipeline = redis::pipe();
            pipeline.ignore_errors();
            let counts: Vec<usize> = places
                .iter()
                .map(|place| {
                    let commands = commands(&keys[*place]);
                    let count = commands.len();
                    for command in commands {
                        pipeline.add_command(command);
                    }
                    count
                })
                .collect();
            let answers: Vec<RedisResult<Value>> = connection.pipeline(&pipeline).await?;
            let mut answers = answers.into_iter();
            Ok(counts.into_iter().map(|count| answers.by_ref().take(count).collect()).collect())
        };
        let Gathered { answers, error }: Gathered<Vec<RedisResult<Value>>> = self.gather(keys, ask).await;
        let mut looked = Vec::with_capacity(keys.len());
        for (key, answers) in keys.iter().zip(answers) {
            let Some(answers) = answers else {
                return Err(self.unreachable(error.unwrap_or(L2Error::Away)));
            };
            let is_elsewhere = answers.iter().any(|answer| answer.as_ref().is_err_and(is_elsewhere));
            looked.push(if is_elsewhere {
                self.look_where_it_is(key, commands).await.map_err(|error| self.unreachable(error))?
            } else {
                answers
            });
        }
        Ok(looked)
    }

    /// Sends one command at a time: while a slot migrates, a key and its lease may be on two primaries.
    async fn look_where_it_is(
        &self,
        key: &str,
        commands: impl Fn(&str) -> Vec<Cmd>,
    ) -> Result<Vec<RedisResult<Value>>, L2Error> {
        let mut answers = Vec::new();
        for command in commands(key) {
            let ask = |mut wire: Wire| {
                let command = &command;
                async move { wire.query(command).await }
            };
            answers.push(match self.one(key, Terms::tell(self.batch_limit()), ask).await {
                Ok(answer) => Ok(answer),
                Err(L2Error::Redis(error)) if error.code().is_some() && !is_elsewhere(&error) => Err(error),
                Err(error) => return Err(error),
            });
        }
        Ok(answers)
    }

    /// A separate connection to the shard of a key.
    pub(crate) async fn own_connection(&self, key: &str) -> Result<OwnConnection, RedisUnreachable> {
        let link = self.link_of(key).map_err(|error| self.unreachable(error))?;
        link.own_connection().await
    }

    /// Checks that every primary can be used.
    pub(crate) async fn check(&self) -> Result<(), RedisUnreachable> {
        let layout = self.layout();
        if let Some(cluster) = self.cluster.as_ref().filter(|_| layout.links().is_empty()) {
            let asked = cluster.seeds.topology(&cluster.address, self.connect_limit()).await;
            return asked.map(drop).map_err(|error| self.unreachable(error));
        }
        future::try_join_all(layout.links().iter().map(|link| link.check())).await.map(drop)
    }

    /// Wraps an error into a sentence for people.
    pub(crate) fn unreachable(&self, source: L2Error) -> RedisUnreachable {
        match self.layout.load().links() {
            [link] if !self.is_cluster() => link.unreachable(source),
            _ => RedisUnreachable { endpoint: self.endpoint.clone(), advice: advice_of_cluster(&source), source },
        }
    }

    /// Whether reads of every key use Redis now.
    pub(crate) fn is_in_use(&self) -> bool {
        let layout = self.layout.load();
        !layout.links().is_empty() && layout.is_covered() && layout.links().iter().all(|link| link.is_in_use())
    }

    /// The worst state of all breakers.
    pub(crate) fn breaker_state(&self) -> BreakerState {
        let rank = |state: &BreakerState| match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        let layout = self.layout.load();
        layout.links().iter().map(|link| link.breaker_state()).max_by_key(rank).unwrap_or(BreakerState::Closed)
    }

    /// Takes the changes of all breakers since the last call, the oldest first.
    pub(crate) fn take_breaker_changes(&self) -> Vec<Change> {
        let mut changes = std::mem::take(&mut *self.unsent.lock().unwrap_or_else(PoisonError::into_inner));
        changes.extend(self.layout.load().links().iter().flat_map(|link| link.take_breaker_changes()));
        changes
    }

    /// Puts changes back, to be taken again. If there are too many, the newest are kept.
    pub(crate) fn put_breaker_changes_back(&self, mut taken: Vec<Change>) {
        let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        taken.append(&mut unsent);
        let too_many = taken.len().saturating_sub(CHANGES);
        taken.drain(..too_many);
        *unsent = taken;
    }

    /// Says whether reads may use Redis: whether its values belong to this source.
    pub(crate) fn read_from_redis(&self, is_ours: bool) {
        self.conduct.is_ours.store(is_ours, Ordering::Release);
    }

    /// Counts the changes of connections and of the slot map.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.conduct.changes.subscribe()
    }

    /// Lets reads use this connection. Has no effect if its link has a new one by now.
    pub(crate) fn admit(&self, connection: ConnectionNumber) {
        self.layout.load().links().iter().for_each(|link| link.admit(connection));
    }

    /// Keeps reads away from this connection until it is admitted again.
    pub(crate) fn suspend_reads(&self, connection: ConnectionNumber) {
        self.layout.load().links().iter().for_each(|link| link.suspend_reads(connection));
    }

    /// The assignment of slots, to be compared later; `None` while a slot migrates, or if a slot moved to a primary
    /// that is not known yet.
    pub(crate) async fn settled_slots(&self) -> Result<Option<Slots>, L2Error> {
        let topology = self.topology().await?;
        Ok(match topology {
            None => Some(Slots(None)),
            Some(topology) if topology.is_moving => None,
            Some(topology) if !self.layout().is(&topology) => {
                self.hear_redirection();
                None
            }
            Some(topology) => Some(Slots(Some(topology))),
        })
    }

    /// The current slots of all primaries as the nodes of a cluster report them; `None` for a single server.
    pub(crate) async fn topology(&self) -> Result<Option<Topology>, L2Error> {
        let Some(cluster) = &self.cluster else { return Ok(None) };
        let limit = self.connect_limit();
        match self.topology_of_masters(cluster, limit).await {
            Some(topology) => Ok(Some(topology)),
            None => cluster.seeds.topology(&cluster.address, limit).await.map(Some),
        }
    }

    async fn topology_of_masters(&self, cluster: &Cluster, limit: Duration) -> Option<Topology> {
        cluster::topology_of_masters(&self.layout().masters(), &cluster.address, limit).await
    }

    /// Refreshes the slot map once, and tells the watcher. The refresh finds another primary that has taken over a
    /// slot. The invalidation messages of that primary are received only once it is known.
    pub(super) async fn look(&self, watcher: &impl SlotMapWatcher) -> Result<(), L2Error> {
        let Some(cluster) = &self.cluster else { return Ok(()) };
        let (asked, limit) = (Moment::now(), watcher.look_within().min(self.connect_limit()));
        match self.topology_of_masters(cluster, limit).await {
            Some(topology) if self.layout().is(&topology) => watcher.unchanged(asked),
            Some(topology) => self.install(topology, watcher),
            None => self.install(cluster.seeds.topology(&cluster.address, self.connect_limit()).await?, watcher),
        }
        Ok(())
    }

    /// Waits until a command was redirected; forever with a single server.
    pub(super) async fn outdated(&self) {
        match &self.cluster {
            Some(cluster) => cluster.outdated.notified().await,
            None => future::pending().await,
        }
    }

    /// What the nodes report about the cluster now; `None` for a single server.
    pub(crate) async fn cluster_facts(&self) -> Result<Option<ClusterFacts>, L2Error> {
        let Some(cluster) = &self.cluster else { return Ok(None) };
        cluster.seeds.facts(&cluster.address, self.connect_limit()).await.map(Some)
    }

    /// Switches to another slot map. L1 first learns which primaries it does not receive messages from yet. Everything
    /// in L1 is then void, because the next message about a key may come from another primary.
    fn install(&self, topology: Topology, watcher: &impl SlotMapWatcher) {
        let present = self.layout();
        let (Some(cluster), false) = (&self.cluster, present.is(&topology)) else { return };
        let link = |(host, port): &(String, u16)| match present.link_at(host, *port) {
            Some(link) => Arc::clone(link),
            None => Arc::new(Link::start(cluster.address.at(host, *port), &self.conduct)),
        };
        let links: Vec<Arc<Link>> = topology.masters.iter().map(link).collect();
        let layout = Layout::of(present.number() + 1, topology, links);
        info!(endpoint = self.endpoint, masters = layout.links().len(), "the layout of the cluster is another one");
        watcher.changing(layout.ears());
        self.layout.store(Arc::new(layout));
        watcher.changed();
        self.conduct.changes.note();
    }
}
