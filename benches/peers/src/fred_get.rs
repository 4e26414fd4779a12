//! The same limit through another client: GET on one connection of the crate `fred`, which pipelines by itself, and the
//! decoding. It reads what our side has cached.

use anyhow::{Context, Result, bail};
use billing_core::dict::InvoiceDetails;
use billing_core::money::Money;
use fred::prelude::*;

use crate::side::Side;
use crate::site;

#[derive(Clone)]
pub(crate) struct FredGet {
    client: Client,
}

impl FredGet {
    pub(crate) async fn open() -> Result<Self> {
        let client = Builder::from_config(Config::from_url(&site::redis_url(0)?)?).build()?;
        client.init().await?;
        Ok(Self { client })
    }

    async fn get(&self, id: i32) -> Result<InvoiceDetails> {
        let json: Option<Vec<u8>> = self.client.get(format!("invoice:{id}")).await?;
        Ok(serde_json::from_slice(&json.with_context(|| format!("invoice:{id} is not cached"))?)?)
    }
}

impl Side for FredGet {
    fn lacks(work: &str) -> Option<&'static str> {
        (!["fill", "clear", "hit", "many"].contains(&work)).then_some("only reads what is in Redis")
    }

    fn describe() -> String {
        "10.1.0".to_owned()
    }

    async fn hot(&self) -> Result<()> {
        bail!("it has no memory of its own")
    }

    async fn read(&self, id: i32) -> Result<()> {
        std::hint::black_box(self.get(id).await?);
        Ok(())
    }

    async fn read_many(&self, ids: &[i32]) -> Result<()> {
        let keys: Vec<String> = ids.iter().map(|id| format!("invoice:{id}")).collect();
        let values: Vec<Option<Vec<u8>>> = self.client.mget(keys).await?;
        for json in values {
            let details: InvoiceDetails = serde_json::from_slice(&json.context("an invoice is not cached")?)?;
            std::hint::black_box(details);
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

    async fn clear(&self) -> Result<()> {
        Ok(())
    }

    fn loads(&self) -> u64 {
        0
    }
}
