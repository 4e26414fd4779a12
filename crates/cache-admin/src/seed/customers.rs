//! The customers, and where they pay taxes.

use chrono::TimeDelta;
use fake::Fake;
use fake::faker::name::en::{FirstName, LastName};
use rand::RngExt;
use rand::rngs::StdRng;

use super::dataset::Plan;
use super::rows::{TaxRate, User};

/// No password has this hash, so nobody can log in as one of these users.
const NO_PASSWORD: &str = "!no-login-demonstration-data";
/// Hong Kong has no such tax, so some customers pay none.
const UNTAXED_COUNTRY: &str = "HK";
/// Percentage of customers in the provider's home country; the next constant is the percentage that pays no tax.
const AT_HOME: u32 = 45;
const UNTAXED: u32 = 3;

/// A user, and what the platform stores about the user elsewhere.
pub(super) struct Customer {
    pub(super) user: User,
    pub(super) country: String,
    /// The rate of the customer's region or country.
    pub(super) tax_rate: Option<TaxRate>,
}

pub(super) fn generate(rng: &mut StdRng, plan: &Plan, tax_rates: &[TaxRate]) -> Vec<Customer> {
    let applicable: Vec<&TaxRate> = tax_rates.iter().filter(|rate| rate.is_default).collect();
    (1..=plan.users).map(|id| customer(rng, plan, id, &applicable)).collect()
}

fn customer(rng: &mut StdRng, plan: &Plan, id: i32, rates: &[&TaxRate]) -> Customer {
    let tax_rate = match rng.random_range(0..100) {
        ..AT_HOME => Some(rates[0].clone()),
        at if at < AT_HOME + UNTAXED => None,
        _ => Some(rates[rng.random_range(1..rates.len())].clone()),
    };
    let country = tax_rate.as_ref().map_or(UNTAXED_COUNTRY, |rate| &rate.country).to_owned();
    Customer { user: user(rng, plan, id), country, tax_rate }
}

fn user(rng: &mut StdRng, plan: &Plan, id: i32) -> User {
    let (first, last): (String, String) = (FirstName().fake_with_rng(rng), LastName().fake_with_rng(rng));
    // The number makes the name unique, so it must not be cut off with the rest.
    let name: String =
        format!("{first}.{last}").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').take(48).collect();
    let username = format!("{}.{id}", name.to_ascii_lowercase());
    let created_at =
        plan.now - TimeDelta::days(rng.random_range(545..800)) - TimeDelta::seconds(rng.random_range(0..86_400));
    User {
        id,
        email: format!("{username}@example.org"),
        username,
        hashed_password: NO_PASSWORD.to_owned(),
        role: "customer".to_owned(),
        is_active: rng.random_ratio(97, 100),
        created_at,
        updated_at: created_at,
    }
}
