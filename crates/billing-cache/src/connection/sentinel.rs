//! Redis Sentinel: finds the current primary.
//!
//! Invariant: all sentinels are asked at once, until a majority agrees, all have answered, or the time is over.
//! [`newest`] decides how their answers compare with earlier ones. All sentinels may be behind, so the code that
//! connects checks that the server is a primary.
//!
//! Used by `address`, and by the health check for the facts.

mod answer;
mod newest;

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, Pipeline, RedisConnectionInfo, RedisResult};
use secrecy::ExposeSecret;

use super::address_list::Written;
use super::error::L2Error;
use super::error::sentinel::SentinelError;
use crate::clock::millis;
use crate::declaration::settings::RedisSettings;
use answer::Answer;
use newest::{Named, Newest};

const WRITTEN: Written = Written {
    setting: "redis.sentinels",
    port: 26_379,
    example: "write REDIS_SENTINELS like sentinel-1:26379,sentinel-2:26379",
    login: "leave it out; REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD say it",
};

/// The sentinels in the settings, and the newest primary that they have named.
#[derive(Debug)]
pub(crate) struct Sentinels {
    /// Name or address, and port.
    pub(crate) addresses: Vec<(String, u16)>,
    /// The name under which they watch the primary.
    pub(crate) master: String,
    login: RedisConnectionInfo,
    newest: Newest,
}

/// What the sentinels report, for people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SentinelFacts {
    /// The name of the primary.
    pub master: String,
    /// The address of the primary.
    pub primary: (String, u16),
    /// The addresses of its replicas that the sentinels reach.
    pub replicas: Vec<(String, u16)>,
    /// Number of sentinels that answered.
    pub answering: usize,
    /// Number of sentinels in the settings.
    pub configured: usize,
}

impl Sentinels {
    /// The sentinels in the settings, if there are any.
    pub(crate) fn of(settings: &RedisSettings) -> Result<Option<Self>, SentinelError> {
        let addresses = WRITTEN.addresses(&settings.sentinels)?;
        if addresses.is_empty() {
            return Ok(None);
        }
        if settings.has_url() {
            return Err(SentinelError::BesideUrl);
        }
        let mut login = RedisConnectionInfo::default();
        if !settings.sentinel_username.is_empty() {
            login = login.set_username(&settings.sentinel_username);
        }
        if !settings.sentinel_password.expose_secret().is_empty() {
            login = login.set_password(settings.sentinel_password.expose_secret());
        }
        Ok(Some(Self { addresses, master: settings.sentinel_master.clone(), login, newest: Newest::default() }))
    }

    /// The text for people.
    pub(crate) fn describe(&self) -> String {
        let addresses: Vec<String> = self.addresses.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        format!("{} of the sentinels {}", self.master, addresses.join(", "))
    }

    /// The address of the primary, unless the answers are behind earlier ones. `ways` says how to connect to each
    /// sentinel, without a login.
    pub(crate) async fn primary(&self, ways: Vec<ConnectionInfo>, limit: Duration) -> Result<(String, u16), L2Error> {
        let asked = ways.len();
        let answers = self.ask(ways, limit, |answers| self.newest.is_settled_by(answers, asked)).await?;
        let named = Named::of(&answers, asked).ok_or_else(|| self.unknown())?;
        Ok(self.newest.hear(named)?)
    }

    /// Everything that they report.
    pub(crate) async fn facts(&self, ways: Vec<ConnectionInfo>, limit: Duration) -> Result<SentinelFacts, L2Error> {
        let (master, configured) = (self.master.clone(), ways.len());
        let answers = self.ask(ways, limit, |answers| answers.len() == configured).await?;
        let answering = answers.len();
        let Named { primary, .. } = Named::of(&answers, configured).ok_or_else(|| self.unknown())?;
        let newest = answers.into_iter().filter(|answer| answer.primary.as_ref() == Some(&primary));
        let replicas = newest.max_by_key(|answer| answer.epoch).map(|answer| answer.replicas).unwrap_or_default();
        Ok(SentinelFacts { master, primary, replicas, answering, configured })
    }

    /// Asks all sentinels at once until the answers suffice, or until the limit is over and there is at least one.
    async fn ask(
        &self,
        ways: Vec<ConnectionInfo>,
        limit: Duration,
        are_enough: impl Fn(&[Answer]) -> bool,
    ) -> Result<Vec<Answer>, L2Error> {
        let mut answers = Vec::with_capacity(ways.len());
        let mut asked: FuturesUnordered<_> = ways.into_iter().map(|way| self.ask_one(way, limit)).collect();
        let mut failed = None;
        let listening = async {
            while let Some(answer) = asked.next().await {
                match answer {
                    Ok(answer) => answers.push(answer),
                    Err(error) => failed = Some(error),
                }
                if are_enough(&answers) {
                    return;
                }
            }
        };
        // If there are answers, late sentinels are ignored.
        let _ = tokio::time::timeout(limit, listening).await;
        match (answers.is_empty(), failed) {
            (false, _) => Ok(answers),
            (true, Some(failed)) => Err(failed.into()),
            (true, None) => Err(SentinelError::Timeout { limit_ms: millis(limit) }.into()),
        }
    }

    async fn ask_one(&self, way: ConnectionInfo, limit: Duration) -> Result<Answer, SentinelError> {
        let address = way.addr().to_string();
        let answer = async {
            let mut sentinel = connect(way.set_redis_settings(self.login.clone()), limit).await?;
            Answer::of(self.questions().query_async(&mut sentinel).await?)
        };
        answer.await.map_err(|source| SentinelError::Away { address, source })
    }

    fn questions(&self) -> Pipeline {
        let mut pipeline = redis::pipe();
        // Only this question gives the new primary while a failover is still running.
        pipeline.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.master);
        pipeline.cmd("SENTINEL").arg("MASTER").arg(&self.master);
        pipeline.cmd("SENTINEL").arg("REPLICAS").arg(&self.master);
        pipeline.ignore_errors();
        pipeline
    }

    fn unknown(&self) -> SentinelError {
        SentinelError::UnknownMaster { name: self.master.clone() }
    }
}

async fn connect(info: ConnectionInfo, limit: Duration) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(limit)).set_response_timeout(Some(limit));
    Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await
}
