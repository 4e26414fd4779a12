//! The crate `cached` with its Redis store: what `#[concurrent_cached(redis = true)]` does around an asynchronous
//! function, written out, so that a write can remove the key.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use billing_core::dict::InvoiceDetails;
use billing_core::money::Money;
use cached::{AsyncRedisCache, ConcurrentCachedAsync};

use crate::side::Side;
use crate::site::{self, Site};

const TTL: Duration = Duration::from_secs(5 * 60);

#[derive(Clone)]
pub(crate) struct CachedRedis {
    site: Site,
    invoices: Arc<AsyncRedisCache<i32, InvoiceDetails>>,
}

impl CachedRedis {
    pub(crate) async fn open() -> Result<Self> {
        let invoices =
            AsyncRedisCache::builder("invoices").ttl(TTL).connection_string(&site::redis_url(1)?).build().await?;
        Ok(Self { site: Site::open().await?, invoices: Arc::new(invoices) })
    }

    async fn invoice(&self, id: i32) -> Result<InvoiceDetails> {
        if let Some(details) = self.invoices.async_cache_get(&id).await? {
            return Ok(details);
        }
        let details = self.site.load(id).await?;
        self.invoices.async_cache_set(id, details.clone()).await?;
        Ok(details)
    }
}

impl Side for CachedRedis {
    fn lacks(work: &str) -> Option<&'static str> {
        match work {
            "l1" | "hold" => Some("its Redis store keeps nothing in the process"),
            "many" => Some("no read of many keys"),
            _ => None,
        }
    }

    fn describe() -> String {
        "4.1.0".to_owned()
    }

    async fn hot(&self) -> Result<()> {
        bail!("it has no memory of its own")
    }

    async fn read(&self, id: i32) -> Result<()> {
        std::hint::black_box(self.invoice(id).await?);
        Ok(())
    }

    async fn read_many(&self, _: &[i32]) -> Result<()> {
        bail!("no read of many keys")
    }

    async fn balance(&self, id: i32) -> Result<Money> {
        Ok(self.invoice(id).await?.balance_due)
    }

    async fn write(&self, id: i32) -> Result<()> {
        self.site.pay(id).await?;
        self.invoices.async_cache_remove(&id).await?;
        Ok(())
    }

    async fn true_balance(&self, id: i32) -> Result<Money> {
        self.site.true_balance(id).await
    }

    async fn clear(&self) -> Result<()> {
        Ok(self.invoices.async_cache_clear().await?)
    }

    fn loads(&self) -> u64 {
        self.site.loads()
    }
}
