//! The crate `moka` in front of the loader: memory of one process, without Redis.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use billing_core::cached::TaxRateKey;
use billing_core::dict::{InvoiceDetails, TaxRate};
use billing_core::money::Money;
use moka::future::Cache;

use crate::side::Side;
use crate::site::{self, Site};

const TTL: Duration = Duration::from_secs(5 * 60);
const CAPACITY: u64 = 100_000;

#[derive(Clone)]
pub(crate) struct InProcess {
    site: Site,
    invoices: Cache<i32, Arc<InvoiceDetails>>,
    rates: Cache<TaxRateKey, Arc<TaxRate>>,
    rate: TaxRateKey,
}

impl InProcess {
    pub(crate) async fn open() -> Result<Self> {
        let invoices = Cache::builder().max_capacity(CAPACITY).time_to_live(TTL).build();
        let rates = Cache::builder().max_capacity(CAPACITY).time_to_live(TTL).build();
        Ok(Self { site: Site::open().await?, invoices, rates, rate: site::rate_key() })
    }

    async fn invoice(&self, id: i32) -> Result<Arc<InvoiceDetails>> {
        let load = async { self.site.load(id).await.map(Arc::new) };
        self.invoices.try_get_with(id, load).await.map_err(|error| anyhow!("{error:#}"))
    }
}

impl Side for InProcess {
    fn lacks(work: &str) -> Option<&'static str> {
        match work {
            "hit" => Some("it shares nothing through Redis"),
            "many" => Some("no read of many keys"),
            _ => None,
        }
    }

    fn describe() -> String {
        "0.12.16".to_owned()
    }

    async fn hot(&self) -> Result<()> {
        let load = async { self.site.load_rate(&self.rate).await.map(Arc::new) };
        let rate = self.rates.try_get_with_by_ref(&self.rate, load).await.map_err(|error| anyhow!("{error:#}"))?;
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

    async fn hold(&self, count: i32) -> Result<()> {
        for id in 1..=count {
            self.invoice(id).await?;
        }
        Ok(())
    }

    async fn balance(&self, id: i32) -> Result<Money> {
        Ok(self.invoice(id).await?.balance_due)
    }

    async fn write(&self, id: i32) -> Result<()> {
        self.site.pay(id).await?;
        self.invoices.invalidate(&id).await;
        Ok(())
    }

    async fn true_balance(&self, id: i32) -> Result<Money> {
        self.site.true_balance(id).await
    }

    async fn clear(&self) -> Result<()> {
        self.invoices.invalidate_all();
        Ok(())
    }

    fn loads(&self) -> u64 {
        self.site.loads()
    }
}
