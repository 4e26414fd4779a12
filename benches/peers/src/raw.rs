//! The limit: GET on one multiplexed connection, and the decoding, with nothing around them. It reads what our side has
//! cached.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use billing_core::dict::InvoiceDetails;
use billing_core::money::Money;
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;

use crate::side::Side;
use crate::site;

const BATCH: usize = 500;
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Long enough for the whole run.
const TTL_SECONDS: u32 = 3_600;

#[derive(Clone)]
pub(crate) struct Raw {
    connection: MultiplexedConnection,
    /// Values without a cache around them.
    held: Arc<Mutex<Vec<Arc<InvoiceDetails>>>>,
}

impl Raw {
    pub(crate) async fn open() -> Result<Self> {
        let client = redis::Client::open(site::redis_url(0)?)?;
        // A long one: a noisy machine must not end a measurement.
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { connection, held: Arc::default() })
    }

    /// Shared, as the value of a cache is.
    async fn get(&self, id: i32) -> Result<Arc<InvoiceDetails>> {
        let mut connection = self.connection.clone();
        let json: Option<Vec<u8>> = redis::cmd("GET").arg(format!("invoice:{id}")).query_async(&mut connection).await?;
        Ok(Arc::new(serde_json::from_slice(&json.with_context(|| format!("invoice:{id} is not cached"))?)?))
    }
}

impl Side for Raw {
    fn lacks(work: &str) -> Option<&'static str> {
        (!["fill", "populate", "clear", "hit", "many", "hold"].contains(&work)).then_some("only reads what is in Redis")
    }

    fn describe() -> String {
        "redis 1.8".to_owned()
    }

    async fn hot(&self) -> Result<()> {
        bail!("it has no memory of its own")
    }

    async fn read(&self, id: i32) -> Result<()> {
        std::hint::black_box(self.get(id).await?);
        Ok(())
    }

    async fn read_many(&self, ids: &[i32]) -> Result<()> {
        let mut connection = self.connection.clone();
        let keys: Vec<String> = ids.iter().map(|id| format!("invoice:{id}")).collect();
        let values: Vec<Option<Vec<u8>>> = redis::cmd("MGET").arg(keys).query_async(&mut connection).await?;
        for json in values {
            let details: InvoiceDetails = serde_json::from_slice(&json.context("an invoice is not cached")?)?;
            std::hint::black_box(Arc::new(details));
        }
        Ok(())
    }

    async fn hold(&self, count: i32) -> Result<()> {
        let mut held = self.held.lock().await;
        while held.len() < usize::try_from(count)? {
            let id = i32::try_from(held.len())? + 1;
            held.push(self.get(id).await?);
        }
        Ok(())
    }

    async fn balance(&self, id: i32) -> Result<Money> {
        Ok(self.get(id).await?.balance_due)
    }

    async fn write(&self, _: i32) -> Result<()> {
        bail!("it does not write")
    }

    async fn true_balance(&self, _: i32) -> Result<Money> {
        bail!("it has no database")
    }

    /// Copies of the first invoice.
    async fn populate(&self, keys: i32) -> Result<()> {
        let mut connection = self.connection.clone();
        let json: Option<Vec<u8>> = redis::cmd("GET").arg("invoice:1").query_async(&mut connection).await?;
        let json = json.context("invoice:1 is not cached")?;
        for first in (1..=keys).step_by(BATCH) {
            let mut pipeline = redis::pipe();
            for id in first..=keys.min(first + i32::try_from(BATCH)? - 1) {
                pipeline.cmd("SET").arg(format!("invoice:{id}")).arg(&json).arg("EX").arg(TTL_SECONDS).ignore();
            }
            pipeline.exec_async(&mut connection).await?;
        }
        Ok(())
    }

    async fn clear(&self) -> Result<()> {
        Ok(())
    }

    fn loads(&self) -> u64 {
        0
    }
}
