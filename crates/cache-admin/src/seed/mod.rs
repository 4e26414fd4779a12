//! Demonstration data: the customers of an internet provider and what they were billed.
//!
//! Invariants: the same plan gives the same rows on every database; the rows obey the billing rules (sums, statuses,
//! validity of discounts), so that the service could have written them. [`generate`] makes them in memory, [`insert`]
//! writes them.

mod catalogue;
mod credit;
mod customers;
mod dataset;
pub(crate) mod insert;
mod invoices;
mod payments;
pub(crate) mod rows;

use rand::SeedableRng;
use rand::rngs::StdRng;

pub(crate) use dataset::{Dataset, Plan};

/// Generates the rows.
pub(crate) fn generate(plan: &Plan) -> Dataset {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut data = Dataset {
        tax_rates: catalogue::tax_rates(plan.now),
        discounts: catalogue::discounts(&mut rng, plan.now),
        ..Dataset::default()
    };
    let customers = customers::generate(&mut rng, plan, &data.tax_rates);
    let mut drafts = invoices::generate(&mut rng, plan, &customers, &mut data);
    credit::generate(&mut rng, plan, &mut drafts, &mut data);
    payments::settle(&mut rng, plan, drafts, &mut data);
    data.users = customers.into_iter().map(|customer| customer.user).collect();
    data
}

#[cfg(test)]
mod tests;
