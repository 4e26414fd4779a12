//! Warm-up in batches against reading the same invoices one by one through the service, both from an empty cache.

use billing_cache::{ClearMode, TypeInfo};
use billing_core::cached::{InvoiceId, Invoices};
use billing_core::service::BillingService;
use test_support::rounds;

const ROUNDS: usize = 5;

pub(crate) async fn batches_against_single_reads(service: &BillingService, ids: &[i32]) -> anyhow::Result<()> {
    let keys: Vec<InvoiceId> = ids.iter().copied().map(InvoiceId).collect();
    let types = [TypeInfo::of::<Invoices>()];
    let ours = async |_: usize| {
        service.cache().clear(&types, ClearMode::Remove, &mut |_| {}).await?;
        let warmed = service.cache().warm_up::<Invoices>(&keys, &mut |_| {}).await?;
        anyhow::ensure!(warmed.stored == keys.len(), "{warmed:?}");
        Ok(())
    };
    let other = async |_: usize| {
        service.cache().clear(&types, ClearMode::Remove, &mut |_| {}).await?;
        for id in ids {
            service.invoice_details(*id).await?;
        }
        Ok(())
    };
    let measured = rounds::run(ROUNDS, ours, other).await?;
    measured.print("warm-up of 10,000 invoices", "one by one through the service", u32::try_from(ids.len())?);
    Ok(())
}
