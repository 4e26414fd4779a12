//! The crate `multi-tier-cache`: moka in front of Redis, with its broadcast of invalidations to other processes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use billing_core::cached::TaxRateKey;
use billing_core::dict::{InvoiceDetails, TaxRate};
use billing_core::money::Money;
use multi_tier_cache::{
    CacheError, CacheManager, CacheStrategy, InvalidationConfig, L1Cache, L2Cache, MokaCacheConfig,
};

use crate::side::Side;
use crate::site::{self, Site};

const TTL: Duration = Duration::from_secs(5 * 60);

#[derive(Clone)]
pub(crate) struct TwoTiers {
    site: Site,
    cache: Arc<CacheManager>,
    rate: TaxRateKey,
}

impl TwoTiers {
    pub(crate) async fn open() -> Result<Self> {
        let url = site::redis_url(6)?;
        let (memory, redis) = (L1Cache::new(MokaCacheConfig::default())?, L2Cache::with_url(&url).await?);
        let config = InvalidationConfig::default();
        let cache = CacheManager::new_with_invalidation(Arc::new(memory), Arc::new(redis), &url, config).await?;
        Ok(Self { site: Site::open().await?, cache: Arc::new(cache), rate: site::rate_key() })
    }

    async fn invoice(&self, id: i32) -> Result<InvoiceDetails> {
        let load = || async { self.site.load(id).await.map_err(failed) };
        Ok(self.cache.get_or_compute_typed(&key(id), CacheStrategy::Custom(TTL), load).await?)
    }
}

fn key(id: i32) -> String {
    format!("invoice:{id}")
}

fn failed(error: anyhow::Error) -> CacheError {
    CacheError::InternalError(format!("{error:#}"))
}

impl Side for TwoTiers {
    fn lacks(work: &str) -> Option<&'static str> {
        match work {
            "hit" => Some("its memory answers before Redis"),
            "many" => Some("no read of many keys"),
            "hold" => Some("its memory has a limit of 5,000 values by default"),
            _ => None,
        }
    }

    fn describe() -> String {
        "0.6.9".to_owned()
    }

    async fn hot(&self) -> Result<()> {
        let load = || async { self.site.load_rate(&self.rate).await.map_err(failed) };
        let rate: TaxRate = self.cache.get_or_compute_typed("rate", CacheStrategy::Custom(TTL), load).await?;
        std::hint::black_box(rate);
        Ok(())
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
        Ok(self.cache.invalidate(&key(id)).await?)
    }

    async fn true_balance(&self, id: i32) -> Result<Money> {
        self.site.true_balance(id).await
    }

    async fn clear(&self) -> Result<()> {
        Ok(self.cache.invalidate_pattern("*").await?)
    }

    fn loads(&self) -> u64 {
        self.site.loads()
    }
}
