//! Our side: the billing service, as `docs/` says.

use anyhow::{Context, Result, bail, ensure};
use billing_cache::{ClearMode, Event, Tier, TypeInfo};
use billing_core::cached::{Invoices, TaxRateKey, TaxRates};
use billing_core::money::Money;

use crate::side::Side;
use crate::site::{self, Site};

/// Until all that is to be held is.
const PASSES: u32 = 20;

#[derive(Clone)]
pub(crate) struct Ours {
    site: Site,
    rate: TaxRateKey,
}

impl Ours {
    pub(crate) async fn open() -> Result<Self> {
        Ok(Self { site: Site::open().await?, rate: site::rate_key() })
    }
}

impl Side for Ours {
    fn lacks(_: &str) -> Option<&'static str> {
        None
    }

    fn describe() -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    async fn hot(&self) -> Result<()> {
        let rate = self.site.service.cache().get::<TaxRates>(&self.rate).await?;
        std::hint::black_box(&rate.value);
        Ok(())
    }

    async fn read(&self, id: i32) -> Result<()> {
        let read = self.site.service.invoice_details(id).await?;
        ensure!(read.tier != Tier::Bypassed, "Redis was not used");
        std::hint::black_box(&read.value);
        Ok(())
    }

    async fn read_many(&self, ids: &[i32]) -> Result<()> {
        let read = self.site.service.invoices_details(ids).await?;
        ensure!(read.iter().all(|read| read.as_ref().is_ok_and(|read| read.value.is_some())), "an invoice is missing");
        Ok(())
    }

    /// What was loaded is in memory once it was read from Redis again: the announcement of the fill ends the first
    /// entry.
    async fn hold(&self, count: i32) -> Result<()> {
        let ids: Vec<i32> = (1..=count).collect();
        for _ in 0..PASSES {
            let mut in_memory = 0;
            for id in &ids {
                in_memory += usize::from(self.site.service.invoice_details(*id).await?.tier == Tier::L1);
            }
            if in_memory == ids.len() {
                return Ok(());
            }
        }
        bail!("after {PASSES} passes not all of {count} invoices are in memory")
    }

    async fn balance(&self, id: i32) -> Result<Money> {
        let read = self.site.service.invoice_details(id).await?;
        Ok(read.value.context("there is no such invoice")?.balance_due)
    }

    async fn write(&self, id: i32) -> Result<()> {
        self.site.pay(id).await
    }

    async fn true_balance(&self, id: i32) -> Result<Money> {
        self.site.true_balance(id).await
    }

    async fn clear(&self) -> Result<()> {
        self.site.service.cache().clear(&[TypeInfo::of::<Invoices>()], ClearMode::Remove, &mut |_| {}).await?;
        Ok(())
    }

    fn loads(&self) -> u64 {
        self.site.service.cache().count::<Invoices>(Event::Load)
    }
}
