//! The servers that all sides share: the seeded database, the loader, the payment, and Redis.

#[path = "../../../crates/billing-core/benches/billing/data.rs"]
mod data;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use billing_cache::CachedType;
use billing_core::cached::{self, InvoiceId, Invoices, TaxRateKey, TaxRates};
use billing_outbox::database::{Database, MissingFile};
use billing_core::dict::{InvoiceDetails, TaxRate};
use billing_core::migration;
use billing_core::money::Money;
use billing_core::service::{BillingService, NewPayment};
use billing_core::settings::{Overrides, Settings};
use billing_outbox::triggers::install_triggers;
use sea_orm::{ConnectionTrait, TransactionTrait};

/// What a process of the platform has: a database, and a Redis.
#[derive(Clone)]
pub(crate) struct Site {
    /// On the caches of the peers it is used for payments only.
    pub(crate) service: BillingService,
    loads: Arc<AtomicU64>,
    payments: Arc<AtomicU64>,
}

/// Fills both databases: ours with the triggers that find what a write made wrong, and that of the peers without.
#[expect(clippy::disallowed_methods, reason = "nobody drops this on its way")]
pub(crate) async fn seed() -> Result<()> {
    let site = Site::open().await?;
    data::fill(&site.service).await.context("fill the database")?;
    if std::env::args().nth(2).as_deref() == Some("without-triggers") {
        let transaction = site.database().connection().begin().await?;
        install_triggers(&transaction, &migration::OWNER.declares(&[])).await?;
        transaction.commit().await?;
    }
    // Plans are not to change in the middle of a measurement.
    site.database().connection().execute_unprepared("ANALYZE").await?;
    site.service.close().await;
    Ok(())
}

impl Site {
    pub(crate) async fn open() -> Result<Self> {
        let settings = settings()?;
        let database = Database::open(&settings.database, MissingFile::Create).await?;
        if std::env::args().nth(1).as_deref() == Some("seed") {
            migration::migrate(&database, &cached::declarations()).await?;
        }
        let cache = cached::open_cache(database, &settings.redis, settings.cache.clone()).await?;
        cache.check_redis().await?;
        let (loads, payments) = Default::default();
        Ok(Self { service: BillingService::without_relay(cache), loads, payments })
    }

    pub(crate) fn database(&self) -> &Database {
        self.service.cache().source()
    }

    /// The invoice as the database has it: the loader that all sides in Rust share.
    pub(crate) async fn load(&self, id: i32) -> Result<InvoiceDetails> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.read(id).await
    }

    async fn read(&self, id: i32) -> Result<InvoiceDetails> {
        let mut loaded = Invoices::load(self.database(), &[InvoiceId(id)]).await?;
        loaded
            .remove(&InvoiceId(id))
            .transpose()?
            .and_then(|loaded| loaded.value)
            .with_context(|| format!("there is no invoice {id}"))
    }

    /// The tax rate that the L1 hits read.
    pub(crate) async fn load_rate(&self, key: &TaxRateKey) -> Result<TaxRate> {
        let mut loaded = TaxRates::load(self.database(), std::slice::from_ref(key)).await?;
        loaded.remove(key).transpose()?.and_then(|loaded| loaded.value).context("there is no tax rate for GB")
    }

    pub(crate) fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// The payment of the service; on a database without triggers it invalidates nothing.
    pub(crate) async fn pay(&self, invoice_id: i32) -> Result<()> {
        let number = self.payments.fetch_add(1, Ordering::Relaxed);
        let command = NewPayment {
            invoice_id,
            amount: Money::from_minor(1),
            payment_method: "card".into(),
            transaction_id: format!("peer-{}-{number}", std::process::id()),
        };
        let _ = self.service.process_payment(command).await?;
        Ok(())
    }

    /// What is due, read past every cache.
    pub(crate) async fn true_balance(&self, id: i32) -> Result<Money> {
        Ok(self.read(id).await?.balance_due)
    }
}

/// The key of the tax rate that the L1 hits read.
pub(crate) fn rate_key() -> TaxRateKey {
    TaxRateKey { country: "GB".parse().expect("GB is a country"), region: None }
}

pub(crate) fn redis_url(database: u8) -> Result<String> {
    Ok(format!("redis://127.0.0.1:{}/{database}", redis_port()?))
}

fn redis_port() -> Result<String> {
    std::env::var("BENCH_REDIS_PORT").context("BENCH_REDIS_PORT is not set; run `cargo xtask bench peers`")
}

/// The defaults, with longer limits: a noisy machine must not turn a hit into a bypass in the middle of a measurement.
fn settings() -> Result<Settings> {
    let url =
        std::env::var("BENCH_DATABASE_URL").context("BENCH_DATABASE_URL is not set; run `cargo xtask bench peers`")?;
    let mut values = vec![
        ("redis.host", "127.0.0.1".to_owned()),
        ("redis.port", redis_port()?),
        ("redis.command_timeout_ms", "2000".to_owned()),
        ("redis.batch_timeout_ms", "10000".to_owned()),
        ("cache.load_deadline_ms", "20000".to_owned()),
        ("cache.lease_ttl_ms", "30000".to_owned()),
        ("database.url", url),
    ];
    if std::env::var_os("BENCH_HOLD").is_some() {
        values.push(("cache.types.invoices.l1", "true".to_owned()));
        values.push(("cache.l1_max_bytes", (64 << 20).to_string()));
    }
    let values = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Ok(Settings::load(&Overrides { file: None, values })?)
}
